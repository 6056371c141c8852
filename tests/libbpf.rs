//! The libbpf project of `fixtures/libbpf`: rewrite, clang, `bpftool gen object`, `gen skeleton`,
//! a user-space program that loads the result.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/project.rs"]
mod project;

use kernel::can_load;
use project::{Scratch, has, run};

#[test]
fn two_translation_units_share_one_heap() {
    let name = "two_translation_units_share_one_heap";
    if !can_load(name) || !has(name, "bpftool") {
        return;
    }
    let scratch = Scratch::copy("libbpf");
    let out = run(scratch.command("make").arg("run"));
    // 20,000 records of 32 bytes pass through a heap that holds far fewer, so each was freed in
    // the other translation unit and used again.
    assert!(
        out.ends_with("opened 20000, closed 20000, wrong records 0, bytes 600000\n"),
        "{out}"
    );
    for file in ["bpf/open.bpf.c", "bpf/close.bpf.c", "bpf/session.h"] {
        assert!(
            !scratch.read(file).contains("static_"),
            "{file} was rewritten in place"
        );
        assert!(
            scratch.read(&format!("build/{file}")).contains("static_"),
            "build/{file} is not rewritten"
        );
    }
    // The rewrite is not repeated when nothing changed.
    let again = run(scratch
        .command("make")
        .args(["--no-print-directory", "run"]));
    assert!(!again.contains("rewrite"), "{again}");
}
