//! Programs that cannot be made to work: the message names the reason and the line.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use bpf_malloc::judge::compile::Clang;

use super::expect::Case;
use super::rewritten::{rewrite, words};

/// Compares what is said about the program in `directory` with its comments.
pub fn check(case: &Case, directory: &Path) -> Result<(), String> {
    match case.tag("verdict") {
        Some("conflict") => conflict(case, directory),
        Some("refused") => obstacle(case, directory),
        other => Err(format!("expects {other:?}")),
    }
}

/// A pointer to two kinds of memory: the rewrite shows where both come from. Where one of them is the
/// context or the packet (`// compiled: refused`) the compiler does not take the result: qualified all the
/// way, the program would be accepted, and read zeros.
fn conflict(case: &Case, directory: &Path) -> Result<(), String> {
    let said = words(&rewrite(
        directory,
        &["--emit-header", "--output", "out", "."],
    ));
    let missing: Vec<String> = ["heap", "other"]
        .iter()
        .filter_map(|origin| case.tag(origin))
        .filter_map(|text| {
            let line = line_of(case, text);
            (!names_line(&said, line)).then(|| format!("line {line}: {text}"))
        })
        .collect();
    if !missing.is_empty() {
        return Err(format!("does not name {}:\n{said}", missing.join(", ")));
    }
    if case.tag("compiled") == Some("refused") {
        let source = directory
            .join("out")
            .join(case.path.file_name().expect("a name"));
        let clang = Clang::find().map_err(|error| error.to_string())?;
        return match clang.compile(&source, &[], &[], &[]) {
            Ok(_) => Err("the compiler takes it".into()),
            Err(said) if said.to_string().contains("address space") => Ok(()),
            Err(said) => Err(said.to_string()),
        };
    }
    Ok(())
}

/// Something that no kernel takes, whatever the pointers are.
fn obstacle(case: &Case, directory: &Path) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["check", "--message-format", "json"])
        .arg(case.path.file_name().expect("a name"))
        .current_dir(directory)
        .output()
        .expect("the binary starts");
    let report: Value = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("{error}: {}", words(&output)))?;
    let kind = case.tag("kind").expect("a kind");
    let line = case.tag("line").map(|text| line_of(case, text) as u64);
    let refusals = report["files"][0]["refusals"].as_array();
    let found = refusals.into_iter().flatten().any(|refusal| {
        refusal["kind"] == kind && line.is_none_or(|line| refusal["line"].as_u64() == Some(line))
    });
    found
        .then_some(())
        .ok_or_else(|| format!("{kind} in line {line:?} is not said: {report}"))
}

/// The number of the line that reads so.
fn line_of(case: &Case, text: &str) -> usize {
    let found = case.text.lines().position(|line| line.trim() == text);
    found.map_or_else(
        || panic!("{} has no line {text}", case.name),
        |index| index + 1,
    )
}

/// Whether a report names a line, as `file:LINE:column` or as `line LINE` in its words.
fn names_line(report: &str, line: usize) -> bool {
    let number = format!("line {line}");
    let followed = |(at, _): (usize, &str)| {
        let next = report[at + number.len()..].chars().next();
        !next.is_some_and(|character| character.is_ascii_digit())
    };
    report.contains(&format!(".bpf.c:{line}:")) || report.match_indices(&number).any(followed)
}
