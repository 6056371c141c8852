//! `bpf-malloc check` finds what no kernel takes, and asks none.
#![cfg(all(feature = "kernel", feature = "cli"))]

#[path = "common/expect.rs"]
mod expect;
#[path = "common/kernel.rs"]
mod kernel;

use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::kernel::compile::Clang;
use expect::cases;
use serde_json::Value;

fn check(arguments: &[&str]) -> Output {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("check")
        .args(arguments)
        .args(["--", "-I"])
        .arg(include)
        .output()
        .unwrap()
}

/// What can be seen without a kernel, by the name of its kind.
const VISIBLE: [&str; 10] = [
    "address-space",
    "recursion",
    "indirect-call",
    "stack",
    "unresolved-extern",
    "signed-division",
    "floating-point",
    "struct-return",
    "too-many-arguments",
    "varargs",
];

#[test]
fn obstacles_are_found_with_their_lines() {
    if let Err(error) = Clang::newest() {
        return kernel::skip_or_fail("obstacles_are_found_with_their_lines", &error.to_string());
    }
    let mut seen = 0;
    for case in cases("reject") {
        let path = case.path.to_str().unwrap();
        let output = check(&["--message-format", "json", path]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {output:?}", case.name));
        let file = &report["files"][0];
        let kind = case.tag("kind").unwrap();
        if !VISIBLE.contains(&kind) {
            assert_eq!(output.status.code(), Some(0), "{}: {file}", case.name);
            continue;
        }
        seen += 1;
        assert_eq!(output.status.code(), Some(1), "{}: {file}", case.name);
        let refusals = file["refusals"].as_array().unwrap();
        let found = refusals.iter().find(|refusal| refusal["kind"] == kind);
        let found = found.unwrap_or_else(|| panic!("{}: {file}", case.name));
        let line = found["line"].as_u64().unwrap() as usize;
        let text = case.text.lines().nth(line - 1).unwrap().trim();
        assert!(
            !text.is_empty() && !text.starts_with("//"),
            "{}: line {line}",
            case.name
        );
    }
    assert_eq!(seen, VISIBLE.len());
}

#[test]
fn programs_that_are_fine_have_no_obstacles() {
    if let Err(error) = Clang::newest() {
        return kernel::skip_or_fail(
            "programs_that_are_fine_have_no_obstacles",
            &error.to_string(),
        );
    }
    for case in cases("accept") {
        let output = check(&[case.path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}: {output:?}", case.name);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("nothing found"), "{text}");
    }
    assert_eq!(check(&["/nowhere.bpf.c"]).status.code(), Some(2));
}
