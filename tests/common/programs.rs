//! Programs that use the header, and what the kernel makes of them.
#![allow(dead_code, reason = "each test file uses a part")]

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use bpf_malloc::heap::{HEADER, HEADER_NAME, walk};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::{Loaded, ObjectFile};
use bpf_malloc::kernel::run::{RunInput, Support, support};
use libbpf_rs::{MapCore, MapFlags};

use crate::kernel::image;
use crate::perf;

/// Verified instructions a program may cost because it uses the allocator at all: with the default
/// sizes, and with any.
const ONCE_BY_DEFAULT: u64 = 4_100;
const ONCE: u64 = 15_000;
const ONCE_WITH_64_HEAPS: u64 = 18_000;
/// Verified instructions a call of malloc or free may cost on top.
const PER_CALL: u64 = 8;
/// Verified instructions of 200 pairs of calls, with the default sizes.
const IN_A_ROW: u64 = 6_500;

/// Compiles a file of `tests/heap` with the header.
pub fn compile(source: &str, arguments: &[&str]) -> ObjectFile {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/heap")
        .join(source);
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let bytes = Clang::find()
        .expect("a clang")
        .compile(&path, &[], &[(HEADER_NAME, HEADER)], &arguments)
        .unwrap_or_else(|error| panic!("{error}"));
    ObjectFile::from_bytes(source, bytes)
}

/// Loads every program of the object and runs those that can be; counts the ones run. What this
/// machine refuses even as an empty program is skipped, and said so.
pub fn load_and_run(object: &ObjectFile, wanted: impl Fn(&str) -> bool) -> usize {
    let trivial = compile("types.bpf.c", &["-DTRIVIAL"]);
    let mut ran = 0;
    let mut problems = String::new();
    for program in object
        .programs()
        .expect("an object")
        .iter()
        .filter(|p| wanted(&p.name))
    {
        let judgement = object.judge(&program.name).expect("the program is there");
        if !judgement.accepted() {
            let empty = trivial.judge(&program.name).expect("the program is there");
            if !empty.accepted() {
                let _ = writeln!(
                    std::io::stderr(),
                    "SKIPPED {}: this machine refuses even an empty program of its type",
                    program.name
                );
                continue;
            }
            let log: Vec<&str> = judgement.log.lines().rev().take(12).collect();
            writeln!(
                problems,
                "{} is refused: {log:#?}\n{}",
                program.name, judgement.messages
            )
            .unwrap();
            continue;
        }
        let verified = judgement
            .stats
            .verified_instructions
            .expect("the kernel says");
        if verified > ONCE {
            writeln!(
                problems,
                "{}: {verified} verified instructions",
                program.name
            )
            .unwrap();
        }
        let loaded = object
            .load_only(|name| name == program.name)
            .expect("it was accepted");
        let kind = loaded
            .program(&program.name)
            .expect("it is loaded")
            .prog_type();
        if support(kind) == Support::None {
            continue;
        }
        match loaded.run(&program.name, &RunInput::default()) {
            Ok(output) => {
                let passed = u32::from(PASSES_WITH_1.contains(&program.name.as_str()));
                if output.return_value != passed {
                    writeln!(
                        problems,
                        "{}: returned {}",
                        program.name, output.return_value
                    )
                    .unwrap();
                }
                ran += 1;
            }
            Err(error) => writeln!(problems, "{}: {error}", program.name).unwrap(),
        }
    }
    assert!(problems.is_empty(), "{problems}");
    ran
}

/// Programs whose return value for success is 1.
const PASSES_WITH_1: [&str; 12] = [
    "in_socket_filter",
    "in_cgroup_skb",
    "in_cgroup_sock",
    "in_cgroup_sock_addr",
    "in_sockops",
    "in_sk_skb",
    "in_sk_msg",
    "in_tc",
    "in_tcx",
    "in_xdp",
    "in_syscall",
    "in_raw_tracepoint",
];

/// Sizes of blocks, in C, of a number of pairs.
const SMALL: fn(usize) -> String = |pair| (8 + pair % 16 * 8).to_string();
/// The default guard does not cover these: the pointer has to be brought into bounds.
const LARGE: fn(usize) -> String = |pair| (5_000 + pair % 16 * 512).to_string();
const UNKNOWN: fn(usize) -> String = |_| "size".into();

/// A program of so many pairs of malloc and free.
fn pairs(count: usize, size: fn(usize) -> String, defines: &str) -> ObjectFile {
    let mut text = format!(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n{defines}\n\
         #include \"{HEADER_NAME}\"\n\
         char LICENSE[] SEC(\"license\") = \"GPL\";\n\
         volatile unsigned int size = 100;\n\
         SEC(\"xdp\") int pairs(struct xdp_md *ctx)\n{{\n\tint __arena *p;\n"
    );
    for number in 0..count {
        writeln!(
            text,
            "\tp = static_malloc({});\n\tif (!p)\n\t\treturn XDP_ABORTED;",
            size(number)
        )
        .unwrap();
        text.push_str("\tstatic_free(p);\n");
    }
    text.push_str("\treturn XDP_PASS;\n}\n");
    let name = format!("pairs-{count}-{}-{:x}", size(0), defines.len());
    including(&name, &text)
}

/// Compiles C text that includes the header.
pub fn including(name: &str, text: &str) -> ObjectFile {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.bpf.c"));
    std::fs::write(&path, text).expect("the target directory takes files");
    let bytes = Clang::find()
        .expect("a clang")
        .compile(&path, &[], &[(HEADER_NAME, HEADER)], &[])
        .unwrap_or_else(|error| panic!("{error}"));
    ObjectFile::from_bytes(name, bytes)
}

fn verified(object: &ObjectFile) -> u64 {
    let judgement = object.judge("pairs").expect("the program is there");
    assert!(
        judgement.accepted(),
        "{}\n{}",
        judgement.log,
        judgement.messages
    );
    judgement
        .stats
        .verified_instructions
        .expect("the kernel says")
}

/// Compares what the verifier takes for 1 and for 100 pairs of calls, with pools of so many bytes and
/// these definitions before the include.
pub fn verification_is_flat(defines: &str, pools: &[&str]) {
    for pool in pools {
        let defines =
            format!("{defines}\n#define POOL_SIZE {pool}\n#define DYNAMIC_MEMORY_HEAPS 1");
        for size in [SMALL, LARGE, UNKNOWN] {
            let told = format!("pool of {pool} bytes, malloc({}), …", size(0));
            if *pool == "1024" && size(0).parse().is_ok_and(|bytes: u32| bytes > 1_024) {
                continue; // these are NULL, and clang knows it
            }
            let one = verified(&pairs(1, size, &defines));
            let most = match *pool {
                "65536" => ONCE_BY_DEFAULT,
                _ => ONCE,
            };
            assert!(one <= most, "{told}: {one} verified instructions");
            let more = verified(&pairs(100, size, &defines)) - one;
            assert!(
                more <= PER_CALL * 2 * 99,
                "{told}: {more} verified instructions for 198 calls more"
            );
        }
    }
}

/// Two hundred pairs of calls in a row, of constant sizes and of sizes known only at run time.
pub fn verification_of_many_calls_is_bounded(defines: &str) {
    for size in [SMALL, UNKNOWN] {
        let many = verified(&pairs(200, size, defines));
        assert!(
            many <= IN_A_ROW,
            "malloc({}), …: {many} verified instructions for 200 pairs",
            size(0)
        );
    }
}

/// The most heaps there may be stay within the limit, too.
pub fn verification_allows_64_heaps() {
    let one = verified(&pairs(1, SMALL, "#define DYNAMIC_MEMORY_HEAPS 64"));
    assert!(
        one <= ONCE_WITH_64_HEAPS,
        "64 heaps: {one} verified instructions"
    );
}

/// How many events of this kind there were, on both sides.
fn counted(loaded: &Loaded, field: usize) -> [u64; 2] {
    let map = loaded.map("counts").expect("the counts");
    [0_u32, 1].map(|key| {
        let values = map
            .lookup_percpu(&key.to_ne_bytes(), MapFlags::ANY)
            .expect("readable");
        let at = field * 8;
        let of = |value: &Vec<u8>| u64::from_ne_bytes(value[at..at + 8].try_into().expect("eight"));
        values.expect("there are two").iter().map(of).sum()
    })
}

/// Has programs on all CPUs and in interrupts use the heaps of `tests/heap/stress.bpf.c` at once, and
/// looks whether a block was lost, given out twice or damaged.
pub fn stress(arguments: &[&str]) {
    const OPERATIONS: u64 = 10_000_000;
    // Two heaps, and pools small enough that some allocations find none with room.
    let loaded = compile("stress.bpf.c", arguments).load().expect("it loads");
    let program = loaded.program("interrupt").expect("it is loaded");
    let links: Vec<_> = (0..std::thread::available_parallelism().map_or(2, usize::from))
        .filter_map(|cpu| perf::CpuClock::open(cpu, 20_000))
        .filter_map(|clock| program.attach_perf_event(clock.into_descriptor()).ok())
        .collect();
    if links.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED the interrupts of the stress test: this machine gives no CPU clock events"
        );
    }
    std::thread::scope(|scope| {
        for name in ["hammer", "hammer_packet", "hammer"] {
            let loaded = &loaded;
            scope.spawn(move || {
                while counted(loaded, 0)[0] < OPERATIONS {
                    loaded.run(name, &RunInput::default()).expect("it runs");
                }
            });
        }
    });
    drop(links);
    loaded.run("finish", &RunInput::default()).expect("it runs");

    let sum = |field| counted(&loaded, field).iter().sum::<u64>();
    let (operations, allocated, refused, freed, damaged) = (sum(0), sum(1), sum(2), sum(3), sum(4));
    let interrupts = sum(5);
    assert!(operations >= OPERATIONS);
    assert_eq!(damaged, 0, "blocks were used by two at once");
    assert_eq!(allocated, freed, "blocks were lost");
    assert_eq!(allocated + refused, operations);
    let mut totals = walk::Counters::default();
    for heap in 0..2 {
        let snapshot = walk::check(&image(&loaded, heap)).expect("the heap is sound");
        let counters = snapshot.counters;
        assert_eq!(
            counters.used_blocks, 0,
            "heap {heap} has blocks in use: {counters:?}"
        );
        assert_eq!(
            snapshot.blocks.len(),
            1,
            "heap {heap} does not come together again: {:?}",
            snapshot.blocks
        );
        assert_eq!((counters.double_frees, counters.invalid_frees), (0, 0));
        totals.allocations += counters.allocations;
        totals.handed_over += counters.handed_over;
        totals.remote_frees += counters.remote_frees;
        totals.failed_busy += counters.failed_busy;
        totals.failed_memory += counters.failed_memory;
    }
    assert_eq!(totals.allocations, allocated);
    assert_eq!(totals.failed_busy + totals.failed_memory, refused);
    assert!(totals.remote_frees > 0, "no block was freed on another CPU");
    println!("{operations} operations, {interrupts} interrupts: {totals:?}");
}

/// No chain of calls takes more than `most` bytes of stack, by the verifier's count. The program itself
/// takes none beside its array.
pub fn stack_is_bounded(defines: &str, most: usize) {
    // The verifier allows 512 bytes for the deepest chain of calls. Since Linux 6.9 it rounds each
    // frame up to 16 bytes where the program is compiled, before to 32.
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux says");
    let mut numbers = release
        .split(['.', '-'])
        .map_while(|word| word.parse().ok());
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    let takes = if version >= (6, 9) { most } else { 128 };
    let with = |own: usize| {
        including(
            &format!("stack-{own}-{:x}", defines.len()),
            &format!(
                "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n{defines}\n\
                 #include \"{HEADER_NAME}\"\n\
                 char LICENSE[] SEC(\"license\") = \"GPL\";\n\
                 volatile unsigned int n = 100;\n\
                 SEC(\"xdp\") int f(struct xdp_md *ctx)\n\
                 {{\n\
                 \tchar own[{own}];\n\
                 \tchar __arena *p, *q;\n\
                 \t(void)ctx;\n\
                 \t__builtin_memset(own, 0, sizeof(own));\n\
                 \tasm volatile(\"\" : : \"r\"(own) : \"memory\");\n\
                 \tp = static_malloc(40);\n\
                 \tq = static_realloc(p, n);\n\
                 \tstatic_free(q);\n\
                 \tp = static_calloc(n, 3);\n\
                 \tstatic_free(p);\n\
                 \tp = static_strdup(own);\n\
                 \tstatic_free(p);\n\
                 \tp = static_aligned_alloc(64, n);\n\
                 \tstatic_free(p);\n\
                 \tstatic_reset();\n\
                 \treturn own[7] ? XDP_DROP : XDP_PASS;\n\
                 }}\n"
            ),
        )
        .judge("f")
        .expect("the program is there")
    };
    let fits = with(512 - takes);
    assert!(fits.accepted(), "{}", fits.log);
    // And the test would notice.
    let more = with(512 - takes + 16);
    assert!(
        !more.accepted() && more.log.contains("combined stack size"),
        "{}",
        more.log
    );
}
