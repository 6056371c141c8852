//! The preprocessor beside clang's: `clang-19 -E` has to spell the same tokens. And what is read of
//! them: in programs that clang accepts nothing is misunderstood.

#[path = "../cases/mod.rs"]
#[allow(dead_code, reason = "a part of it is used")]
mod cases;
mod clang;
mod generate;
mod reading;
mod types;

use std::path::{Path, PathBuf};
use std::process::Command;

use clang::Bench;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The C files below a directory, sorted.
fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    let entries = std::fs::read_dir(dir).expect("a directory");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "c") {
            found.push(path);
        }
    }
}

#[test]
fn fixtures_come_out_as_from_clang() {
    let Some(bench) = Bench::new() else { return };
    let mut files = Vec::new();
    sources(&root().join("fixtures"), &mut files);
    sources(&root().join("tests"), &mut files);
    assert!(files.len() > 100, "only {} files", files.len());
    bench.compare_all(&files, &["__TARGET_ARCH_x86"]);
}

#[test]
fn the_allocator_comes_out_as_from_clang() {
    let Some(bench) = Bench::new() else { return };
    let header = root().join("include/dynamic_memory.h");
    for macros in [
        &[][..],
        &["DYNAMIC_MEMORY_ARENA=1"],
        &["native_executable=1"],
        &["POOL_SIZE=65536", "DYNAMIC_MEMORY_DEBUG=1"],
    ] {
        bench.compare_all(std::slice::from_ref(&header), macros);
    }
}

#[test]
fn generated_sources_come_out_as_from_clang() {
    let Some(bench) = Bench::new() else { return };
    bench.compare_generated(250);
}

/// The kernel's types as a header; `None`, with a word on why, where there is none.
fn kernel_types() -> Option<Vec<u8>> {
    let types = Command::new("bpftool")
        .args([
            "btf",
            "dump",
            "file",
            "/sys/kernel/btf/vmlinux",
            "format",
            "c",
        ])
        .output();
    let Ok(types) = types.map(|output| output.stdout) else {
        cases::skipped("vmlinux.h: no bpftool; `make test` installs it");
        return None;
    };
    if types.len() < 100_000 {
        cases::skipped("vmlinux.h: bpftool cannot read the kernel's BTF");
        return None;
    }
    Some(types)
}

const KERNEL_PROGRAM: &[u8] = b"#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n\
    #include <bpf/bpf_core_read.h>\n#include <bpf/bpf_tracing.h>\n\
    SEC(\"fentry/x\") int BPF_PROG(f, struct task_struct *t)\n\
    { return BPF_CORE_READ(t, mm, pgd, pgd) + bpf_printk(\"%d %d %d %d\", 1, 2, 3, 4); }\n";

/// The header with the kernel's types: millions of bytes, thousands of macros.
#[test]
fn the_types_of_the_kernel_come_out_as_from_clang() {
    let Some(bench) = Bench::new() else { return };
    let Some(types) = kernel_types() else { return };
    bench.add("vmlinux.h", &types);
    let source = bench.add("types.c", KERNEL_PROGRAM);
    bench.compare_all(&[source], &["__TARGET_ARCH_x86"]);
}

#[test]
fn corner_cases_come_out_as_from_clang() {
    let Some(bench) = Bench::new() else { return };
    let source = bench.add("corners.c", include_bytes!("corners.h"));
    bench.compare_all(&[source], &[]);
}

/// The headers that the preprocessor brings are C that a compiler takes.
#[test]
fn headers_that_come_along_compile() {
    let Some(bench) = Bench::new() else { return };
    let source = bench.add("all.c", include_bytes!("all.h"));
    let headers = root().join("src/c/cpp");
    let output = Command::new("clang-19")
        .args([
            "-target",
            "bpf",
            "-mcpu=v3",
            "-O2",
            "-g",
            "-Wall",
            "-Wextra",
            "-Werror",
            "-nostdinc",
        ])
        // The names of the C library are known to the compiler, which has its own mind on them.
        .args(["-ffreestanding", "-fsyntax-only", "-isystem"])
        .arg(headers.join("headers"))
        .arg("-isystem")
        .arg(headers.join("fallback"))
        .arg(source)
        .output()
        .expect("clang runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
