//! The header in the running kernel: every program type, the verifier's effort, both locks. What
//! the heap does there, operation by operation, is in `tests/kernels/replay.rs`.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/perf.rs"]
mod perf;
#[path = "common/programs.rs"]
mod programs;

use std::path::Path;

use bpf_malloc::heap::HEADER_NAME;
use kernel::{can_load, object};
use programs::{
    compile, load_and_run, stack_is_bounded, stress, verification_allows_64_heaps,
    verification_is_flat,
};

/// Types in which a map with a `bpf_spin_lock` is refused.
const NO_SPIN_LOCK: [&str; 6] = [
    "in_socket_filter",
    "in_kprobe",
    "in_kretprobe",
    "in_tracepoint",
    "in_raw_tracepoint",
    "in_perf_event",
];

#[test]
fn every_program_type_loads_and_runs() {
    if !can_load("every_program_type_loads_and_runs") {
        return;
    }
    let ran = load_and_run(&compile("types.bpf.c", &[]), |_| true);
    assert!(ran >= 12, "{ran} programs ran");
}

#[test]
fn a_struct_ops_program_loads() {
    if !can_load("a_struct_ops_program_loads") {
        return;
    }
    compile("types.bpf.c", &["-DSTRUCT_OPS"])
        .load_only(|name| name.starts_with("struct_ops"))
        .unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_build_with_spin_lock_loads_where_the_kernel_allows_it() {
    if !can_load("the_build_with_spin_lock_loads_where_the_kernel_allows_it") {
        return;
    }
    let object = compile("types.bpf.c", &["-DDYNAMIC_MEMORY_SPIN_LOCK", "-mcpu=v2"]);
    let ran = load_and_run(&object, |name| !NO_SPIN_LOCK.contains(&name));
    assert!(ran >= 10, "{ran} programs ran");
}

#[test]
fn verification_grows_by_little_per_call_and_not_with_the_pool() {
    if can_load("verification_grows_by_little_per_call_and_not_with_the_pool") {
        verification_is_flat("", &["1024", "65536", "1048576", "268435456"]);
        verification_allows_64_heaps();
    }
}

#[test]
fn no_chain_of_calls_takes_more_than_64_bytes_of_stack() {
    if can_load("no_chain_of_calls_takes_more_than_64_bytes_of_stack") {
        stack_is_bounded("");
    }
}

#[test]
fn the_header_takes_any_company() {
    if !can_load("the_header_takes_any_company") {
        return;
    }
    let body = "char LICENSE[] SEC(\"license\") = \"GPL\";\n\
                SEC(\"xdp\") int f(struct xdp_md *ctx) { (void)ctx; int *p = static_malloc(4);\n\
                if (!p) return XDP_ABORTED; *p = ENOMEM; static_free(p); return XDP_PASS; }\n";
    let header = std::fs::canonicalize(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("include")
            .join(HEADER_NAME),
    )
    .expect("the header is there");
    let header = format!("#include \"{}\"\n", header.display());
    let bpf = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n";
    let errors = "#include <asm-generic/errno-base.h>\n#include <stddef.h>\n";
    for (name, before, after) in [
        ("after", format!("{bpf}{errors}"), String::new()),
        ("before", String::new(), format!("{bpf}{errors}")),
        ("between", bpf.into(), errors.into()),
    ] {
        let text = format!("{before}{header}{after}{header}{body}");
        let object = object(&format!("company-{name}"), &text);
        assert!(
            object.judge("f").expect("the program is there").accepted(),
            "{name}"
        );
    }
}

#[test]
fn programs_on_all_cpus_and_in_interrupts_share_the_heaps() {
    if can_load("programs_on_all_cpus_and_in_interrupts_share_the_heaps") {
        stress(&["-DDYNAMIC_MEMORY_HEAPS=2"]);
    }
}
