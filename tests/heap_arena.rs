//! The header for linked data, with its pools in an arena or in one map value: what is particular
//! to that, in the running kernel. The traces run on both in `tests/kernels/replay.rs`.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/perf.rs"]
mod perf;
#[path = "common/programs.rs"]
mod programs;
#[path = "heap/strings.rs"]
mod strings;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::heap::{HEADER, HEADER_NAME, walk};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::{Loaded, ObjectFile};
use bpf_malloc::kernel::run::RunInput;
use bpf_malloc::rewrite::{self, Alone, Options};
use kernel::{can_load, image, object, skip};
use programs::{compile, including, load_and_run, stack_is_bounded, stress, verification_is_flat};

const ARENA: &str = "-DDYNAMIC_MEMORY_ARENA";
/// The build for kernels without arenas.
const LINKED: &str = "-DDYNAMIC_MEMORY_LINKED";

/// Whether arenas can be tested here; says why not.
fn has_arenas(test: &str) -> bool {
    if !can_load(test) {
        return false;
    }
    let empty = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
                 struct { __uint(type, 33); __uint(map_flags, 1 << 10);\n\
                 __uint(max_entries, 1); } arena SEC(\".maps\");\n\
                 char LICENSE[] SEC(\"license\") = \"GPL\";\n\
                 SEC(\"xdp\") int f(void *ctx) { asm volatile(\"\" : : \"r\"(&arena));\n\
                 return XDP_PASS; }\n";
    match object("no-more-than-an-arena", empty).load() {
        Ok(_) => true,
        Err(error) => {
            skip(test, &format!("this kernel has no arenas (6.9): {error}"));
            false
        }
    }
}

#[test]
fn no_chain_of_calls_takes_more_than_64_bytes_of_stack() {
    if has_arenas("no_chain_of_calls_takes_more_than_64_bytes_of_stack") {
        stack_is_bounded("#define DYNAMIC_MEMORY_ARENA", 64);
    }
}

#[test]
fn every_program_type_loads_and_runs() {
    if !has_arenas("every_program_type_loads_and_runs") {
        return;
    }
    let ran = load_and_run(&compile("types.bpf.c", &[ARENA]), |_| true);
    assert!(ran >= 12, "{ran} programs ran");
    let ran = load_and_run(
        &compile("types.bpf.c", &[ARENA, "-DDYNAMIC_MEMORY_DEBUG"]),
        |name| name == "in_xdp" || name == "in_kprobe",
    );
    assert_eq!(ran, 1);
}

#[test]
fn a_struct_ops_program_loads() {
    if has_arenas("a_struct_ops_program_loads") {
        compile("types.bpf.c", &[ARENA, "-DSTRUCT_OPS"])
            .load_only(|name| name.starts_with("struct_ops"))
            .unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn verification_grows_by_little_per_call_and_not_with_the_pool() {
    if has_arenas("verification_grows_by_little_per_call_and_not_with_the_pool") {
        let pools = ["1024", "65536", "16777216"];
        verification_is_flat("#define DYNAMIC_MEMORY_ARENA", &pools);
    }
}

#[test]
fn programs_on_all_cpus_and_in_interrupts_share_the_heaps() {
    if has_arenas("programs_on_all_cpus_and_in_interrupts_share_the_heaps") {
        stress(&[ARENA, "-DDYNAMIC_MEMORY_HEAPS=2"]);
    }
}

/// Runs a program of `arena.bpf.c`, which returns 2 or the line it does not get past.
fn passes(loaded: &Loaded, program: &str) {
    let output = loaded
        .run(program, &RunInput::default())
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(output.return_value, 2, "{program} stops at that line");
}

#[test]
fn linked_data_and_blocks_of_all_kinds() {
    if !has_arenas("linked_data_and_blocks_of_all_kinds") {
        return;
    }
    for extra in [&[][..], &["-DDYNAMIC_MEMORY_DEBUG"]] {
        let mut arguments = vec![
            ARENA,
            "-DDYNAMIC_MEMORY_HEAPS=2",
            "-DPOOL_SIZE=1048576",
            "-DDYNAMIC_MEMORY_GRANULE=16",
        ];
        arguments.extend(extra);
        let loaded = compile("arena.bpf.c", &arguments)
            .load()
            .unwrap_or_else(|error| panic!("{error}"));
        // One program builds the list, one of another type reads it, a third takes it apart.
        for program in ["list_fill", "list_sum", "list_empty"] {
            passes(&loaded, program);
        }
        let refused = walk::check(&image(&loaded, 0)).expect("a sound heap");
        let other = walk::check(&image(&loaded, 1)).expect("a sound heap");
        let invalid = refused.counters.invalid_frees + other.counters.invalid_frees;
        assert_eq!(invalid, 1, "the variable that was freed is no block");
        for program in [
            "null",
            "helpers",
            "pairs",
            "live",
            "alignments",
            "long_string",
        ] {
            passes(&loaded, program);
        }
        for number in 0..2 {
            let heap = walk::check(&image(&loaded, number)).expect("a sound heap");
            // A debug build counts those in its quarantine as used, too.
            let mut blocks = heap.blocks.iter();
            let used = blocks.find(|block| block.state == walk::State::InUse);
            assert_eq!(used, None, "{:?}", heap.counters);
            let blocks = heap.blocks.iter();
            let kept = blocks.filter(|block| block.state == walk::State::Quarantined);
            assert_eq!(heap.counters.used_blocks, kept.count() as u64);
        }
        passes(&loaded, "create_destroy");
        let before: Vec<_> = frees_refused(&loaded);
        passes(&loaded, "refused");
        let after = frees_refused(&loaded);
        // The interior pointers and those that lead nowhere are invalid, the last free is double.
        assert_eq!(after[0] - before[0], 1, "double frees");
        assert_eq!(after[1] - before[1], 5, "invalid frees");
    }
}

/// Double and invalid frees so far.
fn frees_refused(loaded: &Loaded) -> Vec<u64> {
    let heaps = [0, 1].map(|number| walk::check(&image(loaded, number)).expect("a sound heap"));
    let sum = |of: fn(&walk::Counters) -> u64| heaps.iter().map(|heap| of(&heap.counters)).sum();
    vec![sum(|c| c.double_frees), sum(|c| c.invalid_frees)]
}

#[test]
fn memory_and_string_functions_do_what_the_c_librarys_do() {
    if !has_arenas("memory_and_string_functions_do_what_the_c_librarys_do") {
        return;
    }
    let arena = compile("strings.bpf.c", &[ARENA, "-DPOOL_SIZE=131072"]);
    let arena = arena.load().unwrap_or_else(|error| panic!("{error}"));
    for program in ["block_block", "block_plain", "plain_block", "plain_plain"] {
        strings::compare(&arena, program);
    }
    let map = compile("strings.bpf.c", &[]);
    let map = map.load().unwrap_or_else(|error| panic!("{error}"));
    strings::compare(&map, "plain_plain");
}

/// A list, a tree and a hash table of `tests/bench`, which check what they find.
fn structures(arguments: &[&str]) -> ObjectFile {
    let object = compile("../bench/linked.bpf.c", arguments);
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    for _ in 0..128 {
        passes(&loaded, "fill");
    }
    for program in [
        "list_walk",
        "list_pair",
        "tree_find",
        "tree_pair",
        "hash_find",
        "hash_pair",
    ] {
        for _ in 0..3 {
            passes(&loaded, program);
        }
    }
    object
}

/// Verified instructions of a program.
fn cost(object: &ObjectFile, program: &str) -> u64 {
    let judgement = object.judge(program).expect("the program is there");
    let verified = judgement.stats.verified_instructions;
    verified.expect("the kernel says")
}

#[test]
fn structures_in_an_arena() {
    if has_arenas("structures_in_an_arena") {
        let object = structures(&[ARENA]);
        let walk = cost(&object, "list_walk");
        assert!(walk <= 100, "{walk} verified instructions for any list");
    }
}

#[test]
fn structures_in_map_memory() {
    if !can_load("structures_in_map_memory") {
        return;
    }
    let object = structures(&[LINKED]);
    // As many rounds as the list has nodes, and one more that finds its end.
    let walk = cost(&object, "list_walk");
    assert!(walk <= 129 * 60, "{walk} verified instructions");
    let ran = load_and_run(&compile("types.bpf.c", &[LINKED]), |_| true);
    assert!(ran >= 12, "{ran} programs ran");
}

#[test]
fn the_arena_may_be_the_programs_own() {
    if !has_arenas("the_arena_may_be_the_programs_own") {
        return;
    }
    let object = including(
        "own-arena",
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
         struct { __uint(type, 33); __uint(map_flags, 1 << 10); __uint(max_entries, 200); }\n\
         mine SEC(\".maps\");\n\
         #define DYNAMIC_MEMORY_ARENA\n#define DYNAMIC_MEMORY_ARENA_MAP mine\n\
         #include \"dynamic_memory.h\"\n\
         char LICENSE[] SEC(\"license\") = \"GPL\";\n\
         SEC(\"xdp\") int own(void *ctx) { int __arena *p = static_malloc(100);\n\
         if (!p) return XDP_ABORTED; p[24] = 5; static_free(p); return XDP_PASS; }\n",
    );
    passes(&object.load().unwrap_or_else(|e| panic!("{e}")), "own");
    let judgement = object.judge("own").expect("the program is there");
    assert!(judgement.accepted(), "{judgement}");
}

#[test]
fn rewritten_the_heap_shares_the_programs_own() {
    if !has_arenas("rewritten_the_heap_shares_the_programs_own") {
        return;
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/heap/own_arena.bpf.c");
    let source = fs::read(&path).expect("the fixture");
    let plan = rewrite::plan(&path, &source, &Alone::default(), &Options::default());
    let text = String::from_utf8(plan.apply(&source)).expect("text");
    let object = including("rewritten-own-arena", &text);
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    // Its own variable and the list's values, which lie in the same arena.
    for expected in [5, 6 + 3, 7 + 3] {
        let output = loaded.run("push", &RunInput::default()).expect("it runs");
        assert_eq!(output.return_value, expected);
    }
    assert!(
        loaded.map("dynmem_arena").is_err(),
        "there is a second arena"
    );
}

#[test]
fn pools_that_no_arena_holds_do_not_compile() {
    let Ok(clang) = Clang::find() else {
        return skip(
            "pools_that_no_arena_holds_do_not_compile",
            "there is no clang",
        );
    };
    for (defines, reason) in [
        (
            ["-DPOOL_SIZE=268435456", "-DDYNAMIC_MEMORY_HEAPS=16"],
            "4 GiB",
        ),
        (
            ["-DDYNAMIC_MEMORY_ARENA_PAGES=60", "-DPOOL_SIZE=65536"],
            "room for the pools",
        ),
    ] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heap/types.bpf.c");
        let arguments = [ARENA, defines[0], defines[1]].map(OsString::from);
        let error = clang
            .compile(&path, &[], &[(HEADER_NAME, HEADER)], &arguments)
            .expect_err("it cannot");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn two_objects_share_an_arena() {
    const TEST: &str = "two_objects_share_an_arena";
    if !has_arenas(TEST) {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("arena-of-two");
    std::fs::create_dir_all(&directory).expect("the target directory takes files");
    let clang = Clang::find().expect("a clang");
    let common = "#define DYNAMIC_MEMORY_ARENA\n#define DYNAMIC_MEMORY_SHARED\n#include <linux/bpf.h>\n\
                  #include <bpf/bpf_helpers.h>\n#include \"dynamic_memory.h\"\n\
                  struct node { struct node __arena *next; int value; };\n";
    let first = "char LICENSE[] SEC(\"license\") = \"GPL\";\n\
                 struct node __arena *__arena head;\n\
                 SEC(\"xdp\") int put(void *ctx) { struct node __arena *n = static_malloc(16);\n\
                 if (!n) return XDP_ABORTED; n->value = 21; n->next = head; head = n;\n\
                 return XDP_PASS; }\n";
    let second = "extern struct node __arena *__arena head;\n\
                  SEC(\"xdp\") int take(void *ctx) { int sum = 0;\n\
                  while (head && can_loop) { struct node __arena *n = head;\n\
                  head = n->next; sum += n->value; static_free(n); } return sum; }\n";
    let mut objects = Vec::new();
    for (name, text) in [("first", first), ("second", second)] {
        let source = directory.join(format!("{name}.bpf.c"));
        std::fs::write(&source, format!("{common}{text}")).expect("a source");
        let bytes = clang
            .compile(&source, &[], &[(HEADER_NAME, HEADER)], &[])
            .unwrap_or_else(|error| panic!("{error}"));
        objects.push(directory.join(format!("{name}.o")));
        std::fs::write(objects.last().expect("it was pushed"), bytes).expect("an object");
    }
    let linked = directory.join("both.o");
    let linker = Command::new("bpftool")
        .args(["gen", "object"])
        .arg(&linked)
        .args(&objects)
        .output();
    let Ok(linker) = linker else {
        return skip(TEST, "there is no bpftool");
    };
    let said = String::from_utf8_lossy(&linker.stderr);
    assert!(linker.status.success(), "{said}");
    let object = ObjectFile::from_path(&linked).expect("an object");
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    passes(&loaded, "put");
    passes(&loaded, "put");
    let output = loaded.run("take", &RunInput::default());
    assert_eq!(output.expect("it runs").return_value, 42);
    let heaps = (0..4).map(|number| walk::check(&image(&loaded, number)).expect("a sound heap"));
    assert_eq!(heaps.map(|heap| heap.counters.used_blocks).sum::<u64>(), 0);
}

#[test]
fn a_compiler_without_address_spaces_is_told_so() {
    let Ok(clang) = Clang::at("clang-14".as_ref()) else {
        skip(
            "a_compiler_without_address_spaces_is_told_so",
            "there is no clang-14",
        );
        return;
    };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heap/types.bpf.c");
    let arguments = [OsString::from(ARENA)];
    let error = clang
        .compile(&path, &[], &[(HEADER_NAME, HEADER)], &arguments)
        .expect_err("it cannot");
    let said = error.to_string();
    assert!(said.contains("clang 19 or later"), "{said}");
}
