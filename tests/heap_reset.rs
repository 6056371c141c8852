//! `static_reset` in the running kernel: while another CPU allocates and frees, and what becomes of
//! the blocks from before.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/perf.rs"]
mod perf;
#[path = "common/programs.rs"]
mod programs;

use std::sync::atomic::{AtomicU64, Ordering};

use bpf_malloc::heap::walk;
use bpf_malloc::kernel::load::Loaded;
use bpf_malloc::kernel::run::RunInput;
use kernel::{can_load, image};
use libbpf_rs::{MapCore, MapFlags};
use programs::compile;

const HEAPS: u32 = 2;

fn load(arguments: &[&str]) -> Loaded {
    let mut all = vec!["-DDYNAMIC_MEMORY_HEAPS=2"];
    all.extend(arguments);
    compile("reset.bpf.c", &all).load().expect("it loads")
}

fn run(loaded: &Loaded, program: &str) -> u32 {
    loaded
        .run(program, &RunInput::default())
        .expect("it runs")
        .return_value
}

/// The counters of the C file, in the order they are declared.
struct Counted {
    epoch: u64,
    resets: u64,
    refused_resets: u64,
    allocated: u64,
    freed: u64,
    stale: u64,
    checked: u64,
    damaged: u64,
}

fn counted(loaded: &Loaded) -> Counted {
    let map = loaded.map(".bss").expect("the counters");
    let bytes = map
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .expect("readable")
        .expect("there is one value");
    let mut words = bytes
        .chunks_exact(8)
        .map(|word| u64::from_ne_bytes(word.try_into().expect("eight bytes")));
    let mut next = || words.next().expect("eight counters");
    Counted {
        epoch: next(),
        resets: next(),
        refused_resets: next(),
        allocated: next(),
        freed: next(),
        stale: next(),
        checked: next(),
        damaged: next(),
    }
}

fn pin(cpu: usize) {
    // SAFETY: the set is plain bits, zero is a valid one, and it outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

/// One CPU resets, the other allocates and frees, until both have done enough.
fn race(arguments: &[&str]) {
    const OPERATIONS: u64 = 2_000_000;
    const RESETS: u64 = 20_000;
    let loaded = load(arguments);
    // Far more than it takes, whoever else wants the processors.
    const ROUNDS: u64 = 10_000_000;
    let rounds = AtomicU64::new(0);
    let enough = || {
        let now = counted(&loaded);
        let round = rounds.fetch_add(1, Ordering::Relaxed);
        assert!(round < ROUNDS, "nothing is done any more");
        now.allocated >= OPERATIONS && now.resets >= RESETS
    };
    std::thread::scope(|scope| {
        for (cpu, program, times) in [(0, "hammer", 1), (1, "reset", 50)] {
            let (loaded, enough) = (&loaded, &enough);
            scope.spawn(move || {
                pin(cpu);
                while !enough() {
                    for _ in 0..times {
                        run(loaded, program);
                    }
                }
            });
        }
    });
    run(&loaded, "finish");

    let end = counted(&loaded);
    assert_eq!(end.damaged, 0, "blocks of one epoch overlapped");
    assert_eq!(end.freed, end.allocated);
    assert_eq!(end.stale + end.checked, end.freed);
    assert!(end.stale > 0 && end.checked > 0, "{arguments:?}: no race");
    assert_eq!(end.epoch, 2 * (end.resets + end.refused_resets));
    let mut allocations = 0;
    let mut refused = 0;
    for heap in 0..HEAPS {
        let snapshot = walk::check(&image(&loaded, heap)).expect("the heap is sound");
        let counters = snapshot.counters;
        assert_eq!(counters.used_blocks, 0, "heap {heap}: {counters:?}");
        let blocks = snapshot.blocks.len();
        assert!(blocks <= 1, "heap {heap} is in {blocks} pieces");
        allocations += counters.allocations;
        refused += counters.invalid_frees + counters.double_frees;
    }
    assert_eq!(allocations, end.allocated, "allocations were lost");
    assert!(refused > 0, "no free came too late");
    println!(
        "{} allocations, {} resets ({} found a heap held), {refused} frees refused of {} that \
         may have come too late",
        end.allocated, end.resets, end.refused_resets, end.stale
    );
}

#[test]
fn the_heaps_stay_sound_while_another_cpu_resets_them() {
    if can_load("the_heaps_stay_sound_while_another_cpu_resets_them") {
        race(&[]);
    }
}

#[test]
fn so_they_do_with_a_spin_lock() {
    if can_load("so_they_do_with_a_spin_lock") {
        race(&["-DDYNAMIC_MEMORY_SPIN_LOCK"]);
    }
}

#[test]
fn blocks_from_before_a_reset_are_refused_and_counted() {
    if !can_load("blocks_from_before_a_reset_are_refused_and_counted") {
        return;
    }
    for arguments in [&[][..], &["-DDYNAMIC_MEMORY_SPIN_LOCK"][..]] {
        let loaded = load(arguments);
        for _ in 0..3 {
            assert_eq!(run(&loaded, "late"), 4, "{arguments:?}");
        }
        for heap in 0..HEAPS {
            let snapshot = walk::check(&image(&loaded, heap)).expect("the heap is sound");
            assert_eq!(snapshot.counters.used_blocks, 0);
        }
    }
}
