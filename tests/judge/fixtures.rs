//! Programs as people write them, `fixtures/plain` and `fixtures/recursion`.
//!
//! The first line says what the first program of a source returns when it is run once on a packet of
//! 64 bytes: `// expect: N`, or `// expect: load` where that depends on the machine. Programs in a
//! folder of their own come with headers, or are rewritten together.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::batch::{Verdict, first_error, in_parallel};
use crate::kernel::{verdict, verify};
use crate::toolchain::{OLD_C, bpf_malloc, clang, native, output, root, words};

/// One program.
pub struct Fixture {
    /// Its path below the directory of fixtures, without the ending.
    name: String,
    source: PathBuf,
    /// What it returns; nothing if that depends on the machine.
    value: Option<i32>,
    text: String,
}

/// The programs of a directory of fixtures, by name.
pub fn fixtures(directory: &str) -> Vec<Fixture> {
    let base = root().join("fixtures").join(directory);
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
        text,
    }
}

/// Judges all programs of a directory: each by itself in user space, before and after the rewrite,
/// and in the kernel; and after a rewrite of the whole directory.
pub fn judge(directory: &str, kernel: bool) -> Vec<(String, Verdict)> {
    let all = fixtures(directory);
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let together = rewritten_together(directory, scratch.path());
    let alone = in_parallel(&all, |fixture| {
        let place = scratch.path().join(fixture.name.replace('/', "+"));
        in_user_space(fixture, &place).and_then(|()| compiles(fixture, &together))
    });
    let accepted = match kernel {
        true => in_the_kernel(&all, scratch.path()),
        false => all.iter().map(|_| Ok(())).collect(),
    };
    let both = alone.into_iter().zip(accepted);
    all.iter()
        .zip(both)
        .map(|(fixture, (alone, accepted))| (fixture.name.clone(), accepted.and(alone)))
        .collect()
}

/// What the program returns in user space.
fn run(source: &Path, arguments: &[&str], to: &Path) -> Result<i32, String> {
    let compiled = output(
        native(true)
            .args(["-w", "-DPROGRAM=prog", "-I"])
            .arg(source.parent().expect("a directory"))
            .args(arguments)
            .arg(source)
            .arg(root().join("tests/judge/alone.c"))
            .arg("-o")
            .arg(to),
    );
    if !compiled.status.success() {
        return Err(format!(
            "does not compile: {}",
            first_error(&words(&compiled))
        ));
    }
    let result = output(Command::new(to).env("ASAN_OPTIONS", "detect_leaks=0"));
    // The value comes last; the program may have printed something itself.
    let printed = String::from_utf8_lossy(&result.stdout).into_owned();
    let value = printed.lines().next_back().unwrap_or_default().parse();
    value.map_err(|_| format!("ends with {}: {}", result.status, words(&result)))
}

/// The program before and after the rewrite, in user space; and the rewrite once more.
fn in_user_space(fixture: &Fixture, place: &Path) -> Verdict {
    fs::create_dir_all(place).expect("a directory");
    // Helpers of the kernel are not there in user space.
    let plain = fixture.value.filter(|_| !fixture.name.contains(".bpf"));
    if let Some(wanted) = plain {
        let value = run(&fixture.source, &[], &place.join("before"));
        assert_eq!(value, Ok(wanted), "the fixture {} is wrong", fixture.name);
    }
    let source = place.join("src");
    copy(fixture, &source);
    let rewritten = bpf_malloc(
        place,
        [
            "rewrite",
            "--quiet",
            "--emit-header",
            "--output",
            "out",
            "src",
        ],
    );
    if rewritten.status.code() == Some(2) {
        return Err(format!("the rewrite fails: {}", words(&rewritten)));
    }
    let out = place.join("out");
    let file = out.join(fixture.source.file_name().expect("a name"));
    if let Some(wanted) = plain {
        match run(&file, &["-Dnative_executable"], &place.join("after")) {
            Ok(value) if value == wanted => {}
            Ok(value) => return Err(format!("WRONG in user space: {value}, not {wanted}")),
            Err(said) => return Err(format!("the rewrite in user space: {said}")),
        }
    }
    let again = bpf_malloc(place, ["rewrite", "--check", "out"]);
    if !again.stdout.is_empty() {
        return Err("a second run changes it".into());
    }
    Ok(())
}

/// Copies the program and what lies beside it, if it has a folder of its own.
fn copy(fixture: &Fixture, to: &Path) {
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

/// The whole directory in one run.
fn rewritten_together(directory: &str, scratch: &Path) -> PathBuf {
    let out = scratch.join("together");
    let fixtures = root().join("fixtures");
    let arguments = ["rewrite", "--quiet", "--emit-header", "--output"].map(PathBuf::from);
    let rest = [out.clone(), PathBuf::from(directory)];
    bpf_malloc(&fixtures, arguments.into_iter().chain(rest));
    out
}

/// Whether the program compiles for the kernel after the rewrite of the whole directory.
fn compiles(fixture: &Fixture, together: &Path) -> Verdict {
    let path = together.join(format!("{}.c", fixture.name));
    let compiled = output(clang().args(OLD_C).args(["-w", "-fsyntax-only"]).arg(&path));
    if compiled.status.success() {
        return Ok(());
    }
    let said = first_error(&words(&compiled));
    Err(format!(
        "rewritten with its neighbours it does not compile: {said}"
    ))
}

/// One command for all: rewritten in memory, compiled, loaded, run.
fn in_the_kernel(all: &[Fixture], scratch: &Path) -> Vec<Verdict> {
    let handfuls: Vec<&[Fixture]> = all.chunks(8).collect();
    let reports = in_parallel(&handfuls, |handful| {
        let inputs: Vec<_> = handful.iter().map(|f| f.source.clone()).collect();
        verify(scratch, &inputs)
    });
    let by_path: BTreeMap<String, Value> = reports
        .into_iter()
        .flatten()
        .map(|file| (file["path"].as_str().unwrap_or_default().to_owned(), file))
        .collect();
    let judged = all.iter().map(|fixture| {
        let path = fixture.source.display().to_string();
        let file = by_path.get(&path);
        let file = file.ok_or_else(|| "verify says nothing of it".to_owned())?;
        match fixture.value {
            Some(value) => verdict(file, Some(value)),
            None => verdict(file, None),
        }
    });
    judged.collect()
}

/// How many programs a directory has to have at least, so that none is lost.
pub fn at_least(directory: &str, number: usize) {
    let all = fixtures(directory);
    assert!(all.len() >= number, "{} programs in {directory}", all.len());
    for fixture in all {
        assert!(
            fixture.text.contains("SEC(\""),
            "{} has no program",
            fixture.name
        );
    }
}
