//! Programs with linked data that run more than once, or bring a header that is rewritten with them,
//! in the virtual machines: rewritten and compiled here, run there. The verdict on each of the others
//! comes with a test run that tells the same.
//!
//! What a machine gets of a program is its object, the oldest kernel for it, and a list of runs: a
//! line `FUNCTION CONTEXT VALUE` for each, the context in hexadecimal, or `-` for none.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;

use crate::expect::{Case, cases_in, version};
use crate::kernel::say;
use crate::project::{context, header, project};
use crate::runs::Run;

/// The oldest kernel for programs that name none.
const OLDEST: &str = "5.12";

/// The programs that can be compiled here.
fn programs() -> Vec<Case> {
    let mut cases = cases_in("linked");
    cases.retain(|case| {
        let header = header(case);
        let found = header.as_ref().is_none_or(|header| header.is_file());
        found && (header.is_some() || case.tag("run").is_some())
    });
    assert!(cases.len() >= 5, "{} programs", cases.len());
    cases
}

/// Rewrites a program in a directory of its own, and compiles it.
fn build(case: &Case, clang: &Clang) -> Result<Vec<u8>, String> {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let project = project(case, directory.path());
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["rewrite", "--emit-header", "--output", "out", "."])
        .current_dir(&project)
        .output()
        .expect("the binary starts");
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let source = project
        .join("out")
        .join(case.path.file_name().expect("a name"));
    clang
        .compile(&source, &[], &[], &[])
        .map_err(|error| error.to_string())
}

/// What a virtual machine needs to run them: files by name.
pub fn files(clang: &Clang) -> Vec<(String, Vec<u8>)> {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    for case in programs() {
        let object = match build(&case, clang) {
            Ok(object) => object,
            Err(problem) => {
                problems.push(format!("{}: {problem}", case.name));
                continue;
            }
        };
        let mut runs = String::new();
        for run in Run::all(&case) {
            let mut hex = String::new();
            for byte in context(&case, &run) {
                let _ = write!(hex, "{byte:02x}");
            }
            if hex.is_empty() {
                hex.push('-');
            }
            let _ = writeln!(runs, "{} {hex} {}", run.program, run.value);
        }
        files.push((format!("{}.linked", case.name), object));
        files.push((format!("{}.runs", case.name), runs.into_bytes()));
        let oldest = case.tag("kernel").unwrap_or(OLDEST);
        files.push((format!("{}.oldest", case.name), oldest.into()));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    files
}

/// Runs the programs of a directory that this kernel is new enough for.
///
/// # Panics
///
/// If one of them is refused, or returns something else.
pub fn run_all(directory: &Path, release: &str) {
    let mut problems = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "runs") {
            continue;
        }
        let oldest = fs::read_to_string(path.with_extension("oldest")).expect("a version");
        if version(release) < version(&oldest) {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy();
        match run_one(&path) {
            Ok(()) => say(&told(&name)),
            Err(problem) => problems.push(format!("{name}: {problem}")),
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

fn run_one(runs: &Path) -> Result<(), String> {
    let object = fs::read(runs.with_extension("linked")).expect("an object");
    let loaded = ObjectFile::named_after(runs, object)
        .load()
        .map_err(|error| {
            let text = error.to_string();
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(5)..].join("\n")
        })?;
    let list = fs::read_to_string(runs).expect("a list");
    for line in list.lines() {
        let words: Vec<&str> = line.split(' ').collect();
        let digits = words[1].trim_start_matches('-');
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).expect("digits");
        let input = RunInput {
            context: (0..digits.len()).step_by(2).map(byte).collect(),
            ..RunInput::default()
        };
        let output = loaded.run(words[0], &input);
        let output = output.map_err(|error| error.to_string())?;
        let value = (output.return_value as i32).to_string();
        if value != words[2] {
            return Err(format!(
                "{} returns {value} instead of {}",
                words[0], words[2]
            ));
        }
    }
    Ok(())
}

/// The line that says that a program returned what it should, each time.
fn told(name: &str) -> String {
    format!("ran {name}\n")
}

/// Which programs a virtual machine did not run.
pub fn missing(release: &str, said: &str) -> Vec<String> {
    let new_enough =
        |case: &Case| version(release) >= version(case.tag("kernel").unwrap_or(OLDEST));
    programs()
        .iter()
        .filter(|case| new_enough(case) && !said.contains(&told(&case.name)))
        .map(|case| format!("{release}: {} was not run", case.name))
        .collect()
}
