//! Programs that are kept loaded, and what `stats` says of them.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::{Loaded, ObjectFile};
use libbpf_rs::MapCore;
use serde_json::Value;

/// Keeps every block of the 40 bytes it allocates in line 7; frees the other.
pub const LEAKS: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
SEC("xdp") int leak(struct xdp_md *ctx)
{
    char __arena *kept, *other;
    kept = static_malloc(40);
    other = static_malloc(500);
    if (kept)
        kept[0] = 1;
    static_free(other);
    return kept ? XDP_PASS : XDP_ABORTED;
}
char LICENSE[] SEC("license") = "GPL";
"#;

pub fn load(name: &str) -> Loaded {
    build(name, &[])
}

/// As [`load`], with more arguments for clang.
pub fn build(name: &str, arguments: &[&str]) -> Loaded {
    let arguments: Vec<OsString> = [&["-DDYNAMIC_MEMORY_DEBUG"], arguments]
        .concat()
        .iter()
        .map(OsString::from)
        .collect();
    compile(name, LEAKS, &arguments)
}

/// Compiles a program that includes the header, and loads it.
pub fn compile(name: &str, text: &str, arguments: &[OsString]) -> Loaded {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.bpf.c"));
    fs::write(&path, text).unwrap();
    let bytes = Clang::find()
        .unwrap()
        .compile(&path, &[], &[(HEADER_NAME, HEADER)], arguments)
        .unwrap_or_else(|error| panic!("{error}"));
    ObjectFile::from_bytes(name, bytes)
        .load()
        .unwrap_or_else(|error| panic!("{error}"))
}

pub fn map_id(loaded: &Loaded) -> u32 {
    loaded.map("dynmem_heaps").unwrap().info().unwrap().info.id
}

pub fn stats(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("stats")
        .args(arguments)
        .output()
        .unwrap()
}

pub fn json(arguments: &[&str]) -> Vec<Value> {
    let output = stats(arguments);
    assert!(output.status.success(), "{output:?}");
    heaps(&output)
}

pub fn heaps(output: &Output) -> Vec<Value> {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["heaps"].as_array().unwrap().clone()
}

pub fn sum(heaps: &[Value], figure: &str) -> u64 {
    heaps
        .iter()
        .map(|heap| heap[figure].as_u64().unwrap_or(0))
        .sum()
}
