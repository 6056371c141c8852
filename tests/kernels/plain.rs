//! Programs as people write them, and recursive ones, on other kernels: rewritten and compiled here by one
//! command each, run there.
//!
//! What a machine gets of a program is its object, and a line `NAME VALUE`, `-` for what depends on the
//! machine.

use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;

use crate::expect::version;
use crate::fixtures::{Fixture, copy, fixtures};
use crate::kernel::say;
use crate::parallel::in_parallel;

/// The oldest kernel that they are run on: most of them need arenas.
const OLDEST: (u32, u32) = (6, 12);
/// Of so many programs a short run has one.
const ONE_OF: usize = 4;
/// Programs as they are refused on the machine that runs the tests.
const EXPECTED: &str = include_str!("../judge/expected-failures");

/// The programs that other kernels get.
fn programs(all: bool) -> Vec<Fixture> {
    let mut found = Vec::new();
    for directory in ["plain", "recursion"] {
        let known = |f: &Fixture| EXPECTED.contains(&format!("{directory} {} ", f.name));
        found.extend(fixtures(directory).into_iter().filter(|f| !known(f)));
    }
    found
        .into_iter()
        .step_by(if all { 1 } else { ONE_OF })
        .collect()
}

/// Rewrites a program in a directory of its own, and compiles it.
fn build(fixture: &Fixture, clang: &Clang) -> Result<Vec<u8>, String> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    copy(fixture, &directory.path().join("src"));
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["rewrite", "--emit-header", "--output", "out", "src"])
        .current_dir(directory.path())
        .output()
        .expect("the binary starts");
    if output.status.code() == Some(2) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let name = fixture.source.file_name().expect("a name");
    let arguments = ["-DPROGRAM=prog", "-w"].map(Into::into);
    clang
        .compile(
            &directory.path().join("out").join(name),
            &[],
            &[],
            &arguments,
        )
        .map_err(|error| error.to_string())
}

/// What a virtual machine needs to run them, all or a part of them: files by name.
pub fn files(clang: &Clang, all: bool) -> Vec<(String, Vec<u8>)> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let programs = programs(all);
    let objects = in_parallel(&programs, |fixture| build(fixture, clang));
    for (fixture, object) in programs.iter().zip(objects) {
        let name = fixture.name.replace('/', "+");
        match object {
            Ok(object) => files.push((format!("{name}.plain"), object)),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
        let value = fixture.value.map_or("-".into(), |value| value.to_string());
        files.push((format!("{name}.value"), value.into_bytes()));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    files
}

/// Runs the programs of a directory, if this kernel is new enough.
///
/// # Panics
///
/// If one of them is refused, or returns something else.
pub fn run_all(directory: &Path, release: &str) {
    if version(release) < OLDEST {
        return;
    }
    let (mut right, mut problems) = (0, Vec::new());
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "plain") {
            match run_one(&path) {
                Ok(()) => right += 1,
                Err(problem) => problems.push(format!("{}: {problem}", path.display())),
            }
        }
    }
    say(&format!("plain programs: {right} right\n"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn run_one(path: &Path) -> Result<(), String> {
    let object = ObjectFile::named_after(path, fs::read(path).expect("an object"));
    let programs = object.programs().map_err(|error| error.to_string())?;
    let name = &programs.first().ok_or("no program")?.name;
    let loaded = object.load().map_err(|error| {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(14)..].join("\n")
    })?;
    let wanted = fs::read_to_string(path.with_extension("value")).expect("a value");
    if wanted == "-" {
        return Ok(());
    }
    let output = loaded.run(name, &RunInput::default());
    let value = output.map_err(|error| error.to_string())?.return_value as i32;
    match value.to_string() == wanted {
        true => Ok(()),
        false => Err(format!("{name} returns {value} instead of {wanted}")),
    }
}

/// What is wrong with what a virtual machine said.
pub fn missing(release: &str, said: &str, all: bool) -> Option<String> {
    let right = format!("plain programs: {} right", programs(all).len());
    (version(release) >= OLDEST && !said.contains(&right))
        .then(|| format!("{release}: the machine did not say: {right}"))
}
