//! Tells `bpf-malloc --version` of which commit it was built.

use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    // Whoever works on it would compile everything again after each commit.
    let commit = match std::env::var("PROFILE").as_deref() {
        Ok("release") => packaged().or_else(checked_out),
        _ => None,
    };
    let commit = commit.as_deref().unwrap_or("unknown");
    println!("cargo:rustc-env=BPF_MALLOC_COMMIT={commit}");
}

/// What `cargo package` noted.
fn packaged() -> Option<String> {
    let noted = fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = noted.split_once("\"sha1\": \"")?;
    Some(rest.chars().take_while(char::is_ascii_hexdigit).collect())
}

/// What git says of this directory, if it is a repository and not merely in one.
fn checked_out() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let said = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| said.trim().to_owned())
    };
    for name in ["HEAD", "index"] {
        let path = git(&["rev-parse", "--git-path", name])?;
        println!("cargo:rerun-if-changed={path}");
    }
    git(&[
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
        "--exclude=*",
    ])
}
