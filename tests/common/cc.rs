//! Builds C files of `tests/heap` for user space.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The command that compiles `source` to `program` with the header.
pub fn command(compiler: &str, source: &str, program: &Path, arguments: &[&str]) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut command = Command::new(compiler);
    command
        .args([
            "-std=gnu11",
            "-O2",
            "-g",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-Dnative_executable",
        ])
        .args(arguments)
        .arg("-I")
        .arg(root.join("include"))
        .arg(root.join("tests/heap").join(source))
        .args(["-pthread", "-o"])
        .arg(program);
    command
}

/// Where a program of this name goes.
pub fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// Compiles with `$CC`, by default `cc`.
#[allow(dead_code, reason = "not every test file builds without a sanitizer")]
pub fn build(source: &str, name: &str, arguments: &[&str]) -> PathBuf {
    let program = program(name);
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = command(&compiler, source, &program, arguments)
        .output()
        .unwrap_or_else(|error| panic!("{compiler} does not start: {error}"));
    assert!(
        output.status.success(),
        "{source} does not compile:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}
