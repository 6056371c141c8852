//! Functions that call each other in circles become loops over frames, and mean the same.
//!
//! `fixtures/loops` holds programs as people write them; the first line of each says what its
//! `run` returns. Each returns that in user space as it is, and as a loop, where the sanitizers
//! watch; rewritten by one command it is accepted by this kernel and returns the same there.

#[cfg(all(feature = "kernel", feature = "cli"))]
#[path = "../common/kernel.rs"]
mod common;
#[cfg(all(feature = "kernel", feature = "cli"))]
mod kernel;
mod pointers;
mod shapes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use bpf_malloc::rewrite::{Alone, Plan, loops};

/// A program.
struct Case {
    name: String,
    path: PathBuf,
    text: String,
    /// What `run` returns.
    value: i32,
}

fn cases() -> Vec<Case> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/loops");
    let mut cases: Vec<Case> = fs::read_dir(directory)
        .expect("a directory")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "c"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("UTF-8");
            let first = text.lines().next().unwrap_or_default();
            let value = first.strip_prefix("// expect: ");
            Case {
                name: path.file_stem().expect("a name").display().to_string(),
                value: value.and_then(|v| v.parse().ok()).expect("a value"),
                path,
                text,
            }
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// Runs `check` for each program, on all processors, and reports what it complains about.
fn for_each(cases: &[Case], check: impl Fn(&Case) -> Result<(), String> + Sync) {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = cases.len().div_ceil(workers).max(1);
    let work = |chunk: &[Case]| -> Vec<String> {
        let failed = |case: &Case| Some(format!("{}: {}", case.name, check(case).err()?));
        chunk.iter().filter_map(failed).collect()
    };
    let complaints: Vec<String> = thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> = cases
            .chunks(share)
            .map(|chunk| scope.spawn(move || work(chunk)))
            .collect();
        let done = threads.into_iter();
        done.flat_map(|t| t.join().expect("no panic")).collect()
    });
    assert!(
        complaints.is_empty(),
        "{} of {} programs:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
}

/// The loops of a program.
fn plan(path: &Path, text: &str) -> Plan {
    loops(path, text.as_bytes(), &Alone::default())
}

/// What the program's `run` prints, compiled for this machine with the sanitizers.
fn run(directory: &Path, text: &str) -> Result<i32, String> {
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/linked/shim");
    fs::create_dir_all(directory).expect("a directory");
    let source = directory.join("program.c");
    let main = "#define can_loop 1\n#define static_opaque(value) (value)\n";
    let end = "\n#include <stdio.h>\nint main(void) { printf(\"%d\\n\", run()); return 0; }\n";
    fs::write(&source, format!("{main}{text}{end}")).expect("a file");
    let program = directory.join("program");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(&compiler)
        .args(["-std=gnu11", "-O1", "-g", "-w"])
        .args(["-fsanitize=address,undefined", "-fno-sanitize-recover=all"])
        .arg("-I")
        .arg(&shim)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .map_err(|error| format!("{compiler} does not start: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("does not compile:\n{said}\n{text}"));
    }
    let output = Command::new(&program)
        .output()
        .map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    let printed = String::from_utf8_lossy(&output.stdout);
    match output.status.success() {
        true => { printed.trim().parse() }.map_err(|_| format!("prints {printed}")),
        false => Err(format!("ends with {}:\n{said}\n{text}", output.status)),
    }
}

#[test]
fn loops_return_what_calls_return() {
    let cases = cases();
    assert!(cases.len() >= 30, "{} programs", cases.len());
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for_each(&cases, |case| {
        let directory = scratch.path().join(&case.name);
        let before = run(&directory, &case.text)?;
        if before != case.value {
            return Err(format!("returns {before} instead of {}", case.value));
        }
        let plan = plan(&case.path, &case.text);
        if let Some(notice) = plan.notices().first() {
            return Err(format!("is told of: {}", notice.message));
        }
        if !plan.changes() {
            return Err("has no recursion".into());
        }
        let text = String::from_utf8(plan.apply(case.text.as_bytes())).expect("UTF-8");
        let after = run(&directory, &text)?;
        if after != case.value {
            return Err(format!("returns {after} as a loop\n{text}"));
        }
        match self::plan(&case.path, &text).changes() {
            true => Err(format!("still has recursion\n{text}")),
            false => Ok(()),
        }
    });
}
