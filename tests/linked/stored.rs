//! The same programs for kernels without arenas: stored pointers are turned back where they are
//! followed.

use std::path::Path;

use super::expect::Case;
use super::rewritten::{rewrite, run, words};

/// The programs that fit: map memory bounds their loops at 256 rounds, which the verifier walks
/// one by one, and cannot turn the address of a variable back.
pub const FIT: [&str; 18] = [
    "calculator",
    "circular",
    "conditional",
    "declarations",
    "deque",
    "doubly",
    "events",
    "inferred",
    "library_container",
    "list_sum",
    "matrix",
    "memo",
    "mixed_declarations",
    "object_pool",
    "queue",
    "reverse",
    "stack",
    "textbook",
];

/// Rewrites the program in `directory` for Linux 6.1, compiles, loads and runs it.
pub fn check(case: &Case, directory: &Path) -> Result<(), String> {
    let arguments = [
        "--target-kernel",
        "6.1",
        "--emit-header",
        "--output",
        "out",
        ".",
    ];
    let output = rewrite(directory, &arguments);
    if output.status.code() != Some(0) {
        return Err(format!("is not rewritten:\n{}", words(&output)));
    }
    let out = directory.join("out");
    let again = rewrite(&out, &["--check", "."]);
    if again.status.code() != Some(0) {
        return Err(format!("is rewritten twice:\n{}", words(&again)));
    }
    run(case, &out.join(case.path.file_name().expect("a name")))
}
