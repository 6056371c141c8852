//! The header in the running kernel: every program type, the verifier's effort, both locks. What
//! the heap does there, operation by operation, is in `tests/kernels/replay.rs`.
#![cfg(feature = "kernel")]

#[path = "common/depth.rs"]
mod depth;
#[path = "common/expect.rs"]
mod expect;
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
    verification_is_flat, verification_of_many_calls_is_bounded,
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
        verification_of_many_calls_is_bounded("");
        verification_allows_64_heaps();
    }
}

#[test]
fn no_chain_of_calls_takes_more_than_48_bytes_of_stack() {
    if can_load("no_chain_of_calls_takes_more_than_48_bytes_of_stack") {
        stack_is_bounded("", 48);
    }
}

#[test]
fn functions_may_be_nested_so_deep_above_each_call() {
    if can_load("functions_may_be_nested_so_deep_above_each_call") {
        depth::frames_and_stack_are_left_to_programs();
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

/// Loads a program with these settings, and gives what it returns and the granules of each heap.
fn with_settings(settings: &[(&str, u32)]) -> (u32, Vec<u32>) {
    use bpf_malloc::heap::walk;
    use libbpf_rs::{MapCore, MapFlags, ObjectBuilder, ProgramInput};
    use object::{Object as _, ObjectSection as _, ObjectSymbol as _};

    let clang = bpf_malloc::judge::compile::Clang::find().expect("a clang");
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("settings.bpf.c");
    // Takes all memory there is, in blocks of 1 KiB.
    let text = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include \"dynamic_memory.h\"\n\
        char LICENSE[] SEC(\"license\") = \"GPL\";\n\
        SEC(\"xdp\") int take(struct xdp_md *ctx) { int n = 0; (void)ctx;\n\
        for (int i = 0; i < 300; i++) { char *p = static_malloc(1024); if (!p) break; p[0] = 1; n++; }\n\
        return n; }\n";
    std::fs::write(&path, text).expect("the target directory takes files");
    let bytes = clang
        .compile(&path, &[], &[(HEADER_NAME, bpf_malloc::heap::HEADER)], &[])
        .unwrap_or_else(|error| panic!("{error}"));
    let places: Vec<usize> = {
        let file = object::File::parse(&bytes[..]).expect("an object");
        let address = |name: &str| {
            let symbol = file.symbols().find(|symbol| symbol.name() == Ok(name));
            let symbol = symbol.unwrap_or_else(|| panic!("{name} is a variable"));
            let section = file
                .section_by_index(symbol.section_index().expect("it is defined"))
                .expect("there is the section");
            assert_eq!(section.name(), Ok(".rodata"), "{name}");
            usize::try_from(symbol.address()).expect("an offset")
        };
        settings.iter().map(|(name, _)| address(name)).collect()
    };
    let mut opened = ObjectBuilder::default()
        .name("settings")
        .and_then(|builder| builder.open_memory(&bytes))
        .expect("it can be opened");
    for mut map in opened.maps_mut() {
        if map.name().to_string_lossy().ends_with(".rodata") {
            let value = map.initial_value_mut().expect("it has values");
            for (at, (_, number)) in places.iter().zip(settings) {
                value[*at..*at + 4].copy_from_slice(&number.to_ne_bytes());
            }
        }
    }
    let loaded = opened
        .load()
        .unwrap_or_else(|error| panic!("{settings:?}: {error}"));
    let program = loaded.progs_mut().next().expect("there is one");
    let packet = [0; 64];
    let input = ProgramInput {
        data_in: Some(&packet),
        ..ProgramInput::default()
    };
    let taken = program.test_run(input).expect("it runs").return_value;
    let heaps = loaded
        .maps()
        .find(|map| map.name() == "dynmem_heaps")
        .expect("the heaps");
    let granules = (0..4_u32)
        .map(|number| {
            let value = heaps.lookup(&number.to_ne_bytes(), MapFlags::ANY);
            let bytes = value.expect("it can be read").expect("there is one");
            walk::check(&bytes).expect("the heap is sound").granules
        })
        .collect();
    (taken, granules)
}

#[test]
fn a_loader_sets_heaps_and_pools() {
    if !can_load("a_loader_sets_heaps_and_pools") {
        return;
    }
    let (heaps, pool) = ("dynamic_memory_heaps", "dynamic_memory_pool_size");
    assert_eq!(with_settings(&[]), (256, vec![2048; 4]));
    assert_eq!(with_settings(&[(heaps, 1), (pool, 8192)]).0, 8);
    let (taken, granules) = with_settings(&[(heaps, 2), (pool, 16384)]);
    assert_eq!((taken, granules), (32, vec![512, 512, 0, 0]));
    // As many as a machine has CPUs that are no power of two.
    let (taken, granules) = with_settings(&[(heaps, 3), (pool, 16384)]);
    assert_eq!((taken, granules), (32, vec![512, 512, 0, 0]));
    // More than was compiled, and nothing.
    for more in [5, 64, u32::MAX] {
        assert_eq!(with_settings(&[(heaps, more), (pool, 1 << 30)]).0, 256);
    }
    assert_eq!(with_settings(&[(heaps, 0), (pool, 0)]).0, 256);
}

#[test]
fn programs_on_all_cpus_and_in_interrupts_share_the_heaps() {
    if can_load("programs_on_all_cpus_and_in_interrupts_share_the_heaps") {
        stress(&["-DDYNAMIC_MEMORY_HEAPS=2"]);
    }
}
