//! The programs in this kernel.

use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;

use super::{Case, cases, common, for_each};

#[test]
fn loops_are_accepted_and_right() {
    if !common::can_load("loops_are_accepted_and_right") {
        return;
    }
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for_each(&cases(), |case| {
        in_the_kernel(case, &scratch.path().join(&case.name))
    });
}

fn in_the_kernel(case: &Case, directory: &Path) -> Result<(), String> {
    fs::create_dir_all(directory).expect("a directory");
    let source = directory.join("program.bpf.c");
    fs::write(&source, &case.text).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["rewrite", "--backend", "arena", "--emit-header"])
        .arg(&source)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts");
    if output.status.code() == Some(2) {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let clang = Clang::find().map_err(|error| error.to_string())?;
    let bytes = clang
        .compile(&source, &[], &[], &["-mcpu=v4".into()])
        .map_err(|error| error.to_string())?;
    let object = ObjectFile::named_after(&source, bytes);
    let loaded = object.load().map_err(|error| {
        let text = error.to_string();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    })?;
    let output = loaded
        .run("prog", &RunInput::default())
        .map_err(|error| error.to_string())?;
    let value = output.return_value as i32;
    match value == case.value {
        true => Ok(()),
        false => Err(format!("returns {value} instead of {}", case.value)),
    }
}
