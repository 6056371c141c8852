//! Missing NULL checks, as `fixtures/nulls/<case>` (see `cases`). `BLESS=1 cargo test --test nulls`
//! writes the expectations anew; read the diff.

mod cases;
#[cfg(feature = "kernel")]
#[path = "common/kernel.rs"]
mod kernel;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_malloc::rewrite::{Backend, OnNull, Options, Recursion, Rule};
use cases::{Case, clang, compare_all, rerun_all};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/nulls")
}

fn all() -> Vec<Case> {
    cases::cases(&fixtures())
}

/// What `--on-null` is for a case, by the name of its directory.
fn options(case: &Case) -> Options {
    let name = case.name();
    let on_null = if name.starts_with("on-null-off") {
        OnNull::Off
    } else if name.starts_with("on-null-error") {
        OnNull::Error
    } else if name.starts_with("on-null-return") {
        OnNull::Return("XDP_DROP".into())
    } else {
        OnNull::Auto
    };
    Options {
        on_null,
        backend: Backend::Map,
        recursion: Recursion::Off,
        explain: false,
    }
}

#[test]
fn every_case_comes_out_as_expected() {
    let cases = all();
    assert!(!cases.is_empty());
    compare_all(&cases, &options);
}

#[test]
fn a_second_run_changes_nothing() {
    rerun_all(&all(), &options);
}

#[test]
fn every_rule_about_checks_is_met() {
    let mut met = BTreeSet::new();
    let mut silent = 0;
    for case in all() {
        let report = std::fs::read_to_string(case.root.join("report.txt")).expect("a report");
        silent += usize::from(report.is_empty());
        met.extend(
            Rule::ALL
                .into_iter()
                .filter(|r| report.contains(&format!("[{}]", r.name()))),
        );
    }
    for rule in [
        Rule::MissingNullCheck,
        Rule::Unparsed,
        Rule::ReallocLeak,
        Rule::StaysBehind,
    ] {
        assert!(met.contains(&rule), "{}", rule.name());
    }
    assert!(silent > 10, "only {silent} cases are silent");
}

/// With the headers of the system, which declare helpers as pointers, the command inserts the same.
#[cfg(feature = "cli")]
#[test]
fn headers_of_the_system_change_nothing() {
    let mut compared = 0;
    for case in all() {
        if !matches!(options(&case).on_null, OnNull::Auto) {
            continue;
        }
        let copy = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        for input in case.inputs() {
            let name = input.file_name().expect("a name");
            std::fs::copy(&input, copy.path().join(name)).expect("a copy");
        }
        let run = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
            .args(["rewrite", "--quiet", "--all", "--backend", "map", "."])
            .current_dir(copy.path())
            .output()
            .expect("the command runs");
        let said = String::from_utf8_lossy(&run.stderr);
        assert_ne!(run.status.code(), Some(2), "{}: {said}", case.name());
        for input in case.inputs() {
            let name = input.file_name().expect("a name");
            let read = |path: PathBuf| {
                String::from_utf8_lossy(&std::fs::read(path).expect("a file")).into_owned()
            };
            let expected = read(case.root.join("expected").join(name));
            let found = read(copy.path().join(name));
            if found != expected {
                let first = found.lines().zip(expected.lines()).find(|(a, b)| a != b);
                panic!("{}: {first:?}", case.name());
            }
            compared += 1;
        }
    }
    assert!(compared > 25, "{compared} files");
}

/// Golden outputs compile for BPF without warnings about what was inserted.
#[test]
fn outputs_compile() {
    let Some(clang) = clang() else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for case in all() {
        // Not even a compiler understands it.
        if case.name() == "unread" {
            continue;
        }
        let expected = Case::at(case.root.join("expected"));
        for file in expected.inputs() {
            if file.extension().is_some_and(|e| e == "h") {
                continue;
            }
            let output = Command::new(&clang)
                .args(["-fsyntax-only", "-target", "bpf", "-mcpu=v3", "-O2", "-g"])
                .args(["-ffreestanding", "-Wall", "-Werror"])
                // Cases about style and paths keep what they allocate; some are in old style.
                .arg("-Wno-deprecated-non-prototype")
                .args(["-Wno-unused-variable", "-Wno-unused-function"])
                .arg("-Wno-unused-but-set-variable")
                .arg("-I/usr/include/x86_64-linux-gnu")
                .arg("-I")
                .arg(root.join("include"))
                .arg(&file)
                .output()
                .expect("clang runs");
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}:\n{errors}", file.display());
        }
    }
}

/// The verifier refuses every program of the cases `load-*` as it is, and accepts it with the
/// inserted checks.
#[cfg(feature = "kernel")]
#[test]
fn the_verifier_wants_the_checks() {
    use bpf_malloc::heap::{HEADER, HEADER_NAME};
    use bpf_malloc::judge::compile::Clang;
    use bpf_malloc::kernel::load::ObjectFile;

    if !kernel::can_load("the_verifier_wants_the_checks") {
        return;
    }
    let clang = Clang::find().expect("a clang");
    let object = |path: &Path| {
        let bytes = clang
            .compile(path, &[], &[(HEADER_NAME, HEADER)], &[])
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        ObjectFile::from_bytes("nulls", bytes)
    };
    let mut programs = 0;
    for case in all().iter().filter(|c| c.name().starts_with("load-")) {
        for input in case.inputs() {
            let before = object(&input);
            let name = input.file_name().expect("a name");
            let after = object(&case.root.join("expected").join(name));
            for program in before.programs().expect("programs") {
                let name = &program.name;
                let refused = before.judge(name).expect("a verdict");
                assert!(!refused.accepted(), "{name} needs no check");
                let accepted = after.judge(name).expect("a verdict");
                if accepted.denied() {
                    let said = accepted.to_string();
                    let first = said.lines().next().unwrap_or_default();
                    kernel::say(&format!("skipped {name}: {first}\n"));
                    continue;
                }
                assert!(accepted.accepted(), "{accepted}");
                programs += 1;
            }
        }
    }
    assert!(programs > 50, "only {programs} programs");
}
