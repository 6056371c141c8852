//! What tests that load programs share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::Write;
use std::path::Path;

use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::{Loaded, ObjectFile};
use bpf_malloc::kernel::privilege;
use libbpf_rs::{MapCore, MapFlags};

/// Whether this machine lets a test load programs. If not, says so past libtest's capture, since a
/// test that did nothing must not look like one that passed.
pub fn can_load(test: &str) -> bool {
    let reason = match (privilege::check(), Clang::find()) {
        (Ok(()), Ok(_)) => return true,
        (Err(unable), _) => unable.to_string(),
        (_, Err(error)) => error.to_string(),
    };
    skip_or_fail(test, &reason);
    false
}

/// Skips a test, unless the environment says that this machine is one where it must run.
pub fn skip_or_fail(test: &str, reason: &str) {
    assert!(
        std::env::var_os("BPF_MALLOC_REQUIRE_KERNEL").is_none(),
        "{test}: {reason}"
    );
    skip(test, reason);
}

/// Says that a test did nothing, past libtest's capture.
pub fn skip(test: &str, reason: &str) {
    say(&format!("SKIPPED {test}: {reason}\n"));
}

/// Writes past libtest's capture.
pub fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Compiles C text with the newest clang and opens the object.
pub fn object(name: &str, text: &str) -> ObjectFile {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.bpf.c"));
    std::fs::write(&path, text).expect("the target directory takes files");
    let clang = Clang::find().expect("a clang");
    let bytes = clang
        .compile(&path, &[], &[], &[])
        .unwrap_or_else(|error| panic!("{error}"));
    ObjectFile::from_bytes(name, bytes)
}

/// What the heap `number` of a loaded object looks like to user space.
pub fn image(loaded: &Loaded, number: u32) -> Vec<u8> {
    let map = loaded.map("dynmem_heaps").expect("the heaps");
    let value = map
        .lookup(&number.to_ne_bytes(), MapFlags::ANY)
        .expect("a heap can be read");
    value.expect("there is a heap of the number")
}
