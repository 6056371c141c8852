//! Which compilers the tests use: one for everything, others on purpose.
#![allow(dead_code, reason = "each test file uses a part")]

use std::process::{Command, Stdio};

/// The versions of clang that are tested on purpose: the oldest that the header supports, the
/// oldest that knows address spaces, and what Debian has between and beyond. `install.sh test`
/// installs them.
const TESTED: &str = include_str!("../setup/clangs");

/// The clang of this run: `.cargo/config.toml` and `make test` say which.
pub fn pinned() -> String {
    std::env::var("BPF_MALLOC_CLANG").unwrap_or_else(|_| "clang-19".to_owned())
}

/// The names of the clangs that are tested on purpose, oldest first.
pub fn clangs() -> Vec<String> {
    TESTED
        .split_whitespace()
        .map(|version| format!("clang-{version}"))
        .collect()
}

/// Whether a compiler is there.
pub fn starts(compiler: &str) -> bool {
    Command::new(compiler)
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
