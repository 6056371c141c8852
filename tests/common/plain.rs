//! Programs as people write them, `fixtures/plain` and `fixtures/recursion`.
//!
//! The first line says what the first program of a source returns when it is run once on a packet of
//! 64 bytes: `// expect: N`, or `// expect: load` where that depends on the machine. Programs in a
//! folder of their own come with headers, or are rewritten together.

use std::fs;
use std::path::{Path, PathBuf};

/// One program.
pub struct Fixture {
    /// Its path below the directory of fixtures, without the ending.
    pub name: String,
    /// Where it lies.
    pub source: PathBuf,
    /// What it returns; nothing if that depends on the machine.
    pub value: Option<i32>,
}

/// The programs of a directory of fixtures, by name.
pub fn fixtures(directory: &str) -> Vec<Fixture> {
    let base = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(directory);
    let mut found = Vec::new();
    let mut directories = vec![base.clone()];
    while let Some(at) = directories.pop() {
        let entries = fs::read_dir(&at).unwrap_or_else(|e| panic!("{}: {e}", at.display()));
        for path in entries.map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|ending| ending == "c") && !is_part(&path) {
                found.push(fixture(&base, path));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// Whether a source is included by another one beside it.
fn is_part(path: &Path) -> bool {
    let name = path.file_name().expect("a name").to_string_lossy();
    let include = format!("#include \"{name}\"");
    let beside = fs::read_dir(path.parent().expect("a directory")).expect("a directory");
    let mut beside = beside.map(|entry| entry.expect("an entry").path());
    beside.any(|other| fs::read_to_string(other).is_ok_and(|text| text.contains(&include)))
}

fn fixture(base: &Path, source: PathBuf) -> Fixture {
    let text = fs::read_to_string(&source).expect("UTF-8");
    let relative = source.strip_prefix(base).expect("below it");
    let name = relative.with_extension("").display().to_string();
    let expected = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("// expect: "))
        .unwrap_or_else(|| panic!("{name} does not begin with // expect:"));
    let value = match expected.split(' ').next() {
        Some("load") => None,
        Some(number) => Some(
            number
                .parse()
                .unwrap_or_else(|_| panic!("{name}: {number}")),
        ),
        None => None,
    };
    Fixture {
        name,
        source,
        value,
    }
}

/// Copies the program and what lies beside it, if it has a folder of its own.
pub fn copy(fixture: &Fixture, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    let beside = fixture.source.parent().expect("a directory");
    let own_folder = fixture.name.contains('/');
    let name = fixture.source.file_name().expect("a name");
    for entry in fs::read_dir(beside).expect("a directory") {
        let path = entry.expect("an entry").path();
        let header = |path: &Path| path.extension().is_some_and(|ending| ending == "h");
        if path.is_file()
            && ((own_folder && (header(&path) || is_part(&path))) || path.file_name() == Some(name))
        {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("a copy");
        }
    }
}
