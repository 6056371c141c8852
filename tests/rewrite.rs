//! Every construct the rewriter meets, as `fixtures/rewrite/<case>`: `input.c` (with headers
//! beside it), what becomes of each file under `expected/`, and `report.txt` with the notices.
//! `BLESS=1 cargo test --test rewrite` writes the expectations anew; read the diff.

mod cases;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_malloc::rewrite::{Backend, OnNull, Options, Recursion, Rule};
use cases::{Case, clang, compare_all, rerun_all};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rewrite")
}

fn all() -> Vec<Case> {
    cases::cases(&fixtures())
}

/// These fixtures are about call sites and includes; NULL checks have their own.
fn options(_: &Case) -> Options {
    Options {
        on_null: OnNull::Off,
        backend: Backend::Map,
        recursion: Recursion::Off,
        explain: false,
    }
}

#[test]
fn every_case_comes_out_as_expected() {
    let cases = all();
    assert!(cases.len() >= 55, "only {} cases", cases.len());
    compare_all(&cases, &options);
}

#[test]
fn a_second_run_changes_nothing() {
    rerun_all(&all(), &options);
}

#[test]
fn every_rule_is_met_and_kept_out_of_other_cases() {
    // Rules about NULL checks are met in fixtures/nulls, those about calls in tests/recursion.
    let elsewhere = [
        Rule::Recursion,
        Rule::IndirectCall,
        Rule::AddressInData,
        Rule::MissingNullCheck,
        Rule::Unparsed,
        Rule::ReallocLeak,
        Rule::Backend,
        Rule::MixedMemory,
        Rule::HeaderNotRewritten,
        Rule::Explained,
        Rule::StaysBehind,
    ];
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
    for rule in Rule::ALL {
        assert_eq!(
            met.contains(&rule),
            !elsewhere.contains(&rule),
            "{}",
            rule.name()
        );
    }
    assert!(silent > 20, "only {silent} cases are silent");
}

/// Cases that no clang compiles, before or after.
fn uncompilable(case: &Case) -> bool {
    let name = case.root.file_name().expect("a name").to_string_lossy();
    // GCC's `malloc` attribute with arguments; an include that comes too late; a made-up path;
    // a Latin-1 identifier.
    [
        "attributes",
        "include-too-late",
        "include-present",
        "latin1",
    ]
    .contains(&&*name)
}

/// Golden outputs compile for BPF.
#[test]
fn outputs_compile() {
    let Some(clang) = clang() else {
        return;
    };
    let vmlinux = tempfile::tempdir().expect("a directory");
    let types = Command::new("bpftool")
        .args([
            "btf",
            "dump",
            "file",
            "/sys/kernel/btf/vmlinux",
            "format",
            "c",
        ])
        .output();
    let types = match types {
        Ok(output) if output.status.success() => Some(output.stdout),
        _ => {
            cases::skipped("outputs with vmlinux.h: bpftool cannot read the kernel's BTF");
            None
        }
    };
    if let Some(types) = &types {
        std::fs::write(vmlinux.path().join("vmlinux.h"), types).expect("vmlinux.h");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiled = 0;
    for case in all() {
        let file = case.root.join("expected/input.c");
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        let native = text.contains("<stdlib.h>") || text.contains("<string.h>");
        if (text.contains("vmlinux.h") && types.is_none()) || uncompilable(&case) {
            continue;
        }
        let mut command = Command::new(&clang);
        command.args(["-fsyntax-only", "-w", "-O2", "-D__TARGET_ARCH_x86"]);
        if case.root.ends_with("gnu-and-c23") {
            command.arg("-std=gnu2x");
        } else if case.root.ends_with("trigraph") {
            command.arg("-trigraphs");
        }
        if native {
            command.arg("-Dnative_executable");
        } else {
            command.args([
                "-target",
                "bpf",
                "-mcpu=v3",
                "-I/usr/include/x86_64-linux-gnu",
            ]);
        }
        if text.contains("p, n)\n") || text.contains("p, free)") || text.contains("calloc();") {
            command.args(["-std=gnu89", "-ffreestanding"]);
        }
        command
            .arg("-I")
            .arg(root.join("include"))
            .arg("-I")
            .arg(vmlinux.path())
            .arg(&file);
        let output = command.output().expect("clang runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{errors}", file.display());
        compiled += 1;
    }
    assert!(compiled > 40, "only {compiled} outputs were compiled");
}
