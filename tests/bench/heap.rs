//! What malloc and free cost in this kernel, beside other ways to come by memory: `make bench`.
//!
//! Everything is measured in one go, and compared within it: the same program costs twice as much
//! on another machine. With `--write` the figures and their chart are kept in `fixtures/heap`.

#[path = "effort.rs"]
mod effort;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::Path;

use bpf_malloc::heap::{HEADER, HEADER_NAME, walk};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::{Loaded, ObjectFile};
use bpf_malloc::kernel::run::RunInput;
use libbpf_rs::{MapCore, MapFlags};
use serde_json::{Value, json};

/// Times a program does its thing in one run, as `LOOP` in the C file.
const LOOP: f64 = 100.0;
/// Blocks of a batch, as `BATCH` in the C file.
const BATCH: f64 = 64.0;
/// Runs of a program per measurement, and measurements, of which the fastest counts.
const RUNS: u32 = 20_000;
const ROUNDS: usize = 9;

/// What is measured: name of the program, what the chart calls it.
const PROGRAMS: [(&str, &str); 15] = [
    ("per_cpu_scratch", "per-CPU scratch buffer"),
    ("floor", "one list of one size under a lock (floor)"),
    ("pair_16", "malloc(16) + free"),
    ("pair_64", "malloc(64) + free"),
    ("pair_256", "malloc(256) + free"),
    ("pair_512", "malloc(512) + free"),
    ("pair_1024", "malloc(1024) + free"),
    ("pair_4096", "malloc(4096) + free"),
    ("pair_16384", "malloc(16384) + free"),
    ("batch_64", "64 × malloc(64), then 64 × free"),
    ("pair_variable", "malloc(n) + free, n = 100 at run time"),
    ("pair_random", "malloc(random size) + free"),
    ("pair_remote", "malloc(64) on another CPU's heap + free"),
    ("first_fit", "first fit among 8 slots, bpf_spin_lock"),
    ("obj_new", "bpf_obj_new + bpf_obj_drop"),
];

fn load(arguments: &[&str]) -> Loaded {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/heap.bpf.c");
    // The locks are given back by a plain store where the machine allows it.
    let mut all = vec![format!("-D__TARGET_ARCH_{}", target())];
    all.extend(arguments.iter().map(ToString::to_string));
    let all: Vec<OsString> = all.into_iter().map(OsString::from).collect();
    let bytes = Clang::find()
        .expect("a clang")
        .compile(&path, &[], &[(HEADER_NAME, HEADER)], &all)
        .unwrap_or_else(|error| panic!("{error}"));
    ObjectFile::from_bytes("heap-bench", bytes)
        .load()
        .unwrap_or_else(|error| panic!("{error}"))
}

fn target() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "x86",
        "aarch64" => "arm64",
        "s390x" => "s390",
        other => other,
    }
}

/// Nanoseconds of one run, the fastest of several.
fn run(loaded: &Loaded, name: &str) -> f64 {
    let input = RunInput {
        repeat: RUNS,
        ..RunInput::default()
    };
    (0..ROUNDS)
        .map(|_| {
            let output = loaded
                .run(name, &input)
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(output.return_value, 2, "{name} has failed");
            output.duration.as_nanos() as f64
        })
        .fold(f64::INFINITY, f64::min)
}

/// Nanoseconds per malloc and free, without the loop around them.
fn cost(loaded: &Loaded, name: &str) -> f64 {
    match name {
        "batch_64" => run(loaded, name) / BATCH,
        "first_fit" => (run(loaded, name) - run(loaded, "empty_loop")) / LOOP,
        _ => (run(loaded, name) - run(loaded, "empty")) / LOOP,
    }
}

/// The cost with each program on an object of its own, so that none finds another's blocks.
fn each() -> BTreeMap<String, f64> {
    PROGRAMS
        .iter()
        .map(|(name, _)| ((*name).to_owned(), cost(&load(&[]), name)))
        .collect()
}

/// The same of another build of the allocator; of what depends on that.
fn with(argument: &str) -> BTreeMap<String, f64> {
    PROGRAMS
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| name.starts_with("pair") || name.starts_with("batch"))
        .map(|name| {
            let loaded = load(&[argument]);
            (name.to_owned(), cost(&loaded, name))
        })
        .collect()
}

/// malloc(64) + free with pools of several sizes.
fn by_pool() -> BTreeMap<String, f64> {
    ["4096", "65536", "1048576", "16777216"]
        .into_iter()
        .map(|pool| {
            let loaded = load(&[
                "-DDYNAMIC_MEMORY_GRANULE=16",
                &format!("-DPOOL_SIZE={pool}"),
            ]);
            (pool.to_owned(), cost(&loaded, "pair_64"))
        })
        .collect()
}

/// malloc(64) + free beside so many blocks that stay.
fn by_live() -> BTreeMap<String, f64> {
    [10_u32, 1_000, 100_000]
        .into_iter()
        .map(|live| {
            let loaded = load(&[
                "-DPOOL_SIZE=33554432",
                "-DDYNAMIC_MEMORY_HEAPS=2",
                &format!("-DLIVE={live}"),
            ]);
            let output = loaded.run("occupy", &RunInput::default()).expect("it runs");
            assert_eq!(output.return_value, 2, "{live} blocks find no room");
            (format!("{live:06}"), cost(&loaded, "pair_64"))
        })
        .collect()
}

/// Pairs per second on two CPUs at once, as a multiple of those on one.
fn two_cpus() -> f64 {
    let loaded = load(&[]);
    let alone = run(&loaded, "pair_64");
    let both = on_two_cpus(|| run(&loaded, "pair_64"));
    both.iter().map(|time| alone / time).sum()
}

/// Two CPUs that share one heap, as with more CPUs than heaps, and do nothing but allocate and free:
/// nanoseconds of a pair, and how many of a million requests are refused though there is memory: of all, so
/// with those of the CPU that was alone.
fn shared_heap() -> Value {
    let loaded = load(&["-DDYNAMIC_MEMORY_HEAPS=1"]);
    let alone = cost(&loaded, "contended");
    let both = on_two_cpus(|| cost(&loaded, "contended"));
    let heap = loaded
        .map("dynmem_heaps")
        .expect("the heap")
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .expect("readable")
        .expect("there is one");
    let counters = walk::read(&heap).expect("the heap is sound").counters;
    assert_eq!(counters.failed_memory, 0, "there is memory for two blocks");
    let requests = counters.allocations + counters.failed_busy;
    json!({
        "alone": alone,
        "both": both.iter().sum::<f64>() / 2.0,
        "refused_per_million": counters.failed_busy as f64 * 1e6 / requests as f64,
    })
}

/// What a measurement gives on two CPUs at once.
fn on_two_cpus(measure: impl Fn() -> f64 + Sync) -> Vec<f64> {
    std::thread::scope(|scope| {
        let measure = &measure;
        let workers = [0, 1].map(|cpu| {
            scope.spawn(move || {
                pin(cpu);
                measure()
            })
        });
        { workers.into_iter() }
            .map(|worker| worker.join().expect("it runs"))
            .collect()
    })
}

fn pin(cpu: usize) {
    // SAFETY: the set is plain bits, zero is a valid one, and it outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn read(path: &str, key: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| key.is_empty() || line.starts_with(key))
        .unwrap_or("");
    line.split_once(':')
        .map_or(line, |(_, value)| value)
        .trim()
        .to_owned()
}

fn main() {
    if let Err(unable) = bpf_malloc::kernel::privilege::check() {
        println!("SKIPPED the benchmark: {unable}");
        return;
    }
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    // A program finds the heap of its CPU: it stays on one.
    pin(0);
    let costs = each();
    let clang = Clang::find().expect("a clang");
    let results = json!({
        "command": "make bench",
        "kernel": read("/proc/sys/kernel/osrelease", ""),
        "processor": read("/proc/cpuinfo", "model name"),
        "cpus": cpus,
        "unit": "nanoseconds per malloc and free, the fastest of 9 measurements",
        "cost": costs,
        "cost_in_arena": with("-DDYNAMIC_MEMORY_ARENA"),
        "cost_inline": with("-DDYNAMIC_MEMORY_INLINE"),
        "verified_instructions": effort::verified(&clang),
        "compile_seconds": effort::compile_seconds(&clang),
        "malloc_64_by_pool_size": by_pool(),
        "malloc_64_by_live_blocks": by_live(),
        "two_cpus_at_once": two_cpus(),
        "two_cpus_on_one_heap": shared_heap(),
    });
    let floor = costs["floor"];
    for (name, title) in PROGRAMS {
        println!(
            "{:8.1} ns {:7.1} × floor   {title}",
            costs[name],
            costs[name] / floor
        );
    }
    for key in [
        "cost_in_arena",
        "cost_inline",
        "verified_instructions",
        "compile_seconds",
        "malloc_64_by_pool_size",
        "malloc_64_by_live_blocks",
        "two_cpus_at_once",
        "two_cpus_on_one_heap",
    ] {
        println!("{key}: {}", results[key]);
    }
    if std::env::args().any(|argument| argument == "--write") {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/heap");
        let text = serde_json::to_string_pretty(&results).expect("numbers and text") + "\n";
        std::fs::write(directory.join("bench.json"), text).expect("the results can be kept");
        std::fs::write(directory.join("bench.svg"), chart(&results)).expect("the chart, too");
    }
}

/// Bars on a logarithmic scale.
fn chart(results: &Value) -> String {
    const BAR: f64 = 22.0;
    const LEFT: f64 = 320.0;
    const WIDTH: f64 = 400.0;
    let cost = |name: &str| results["cost"][name].as_f64().unwrap_or(0.0).max(0.1);
    let most = PROGRAMS
        .iter()
        .map(|(name, _)| cost(name))
        .fold(1.0, f64::max)
        .log10();
    let height = 60.0 + BAR * PROGRAMS.len() as f64;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"800\" height=\"{height}\" fill=\"#ffffff\"/>\n\
         <text x=\"10\" y=\"24\" font-size=\"15\">Nanoseconds per malloc and free \
         (logarithmic), Linux {}</text>\n",
        results["kernel"].as_str().unwrap_or("")
    );
    for (row, (name, title)) in PROGRAMS.iter().enumerate() {
        let top = 40.0 + BAR * row as f64;
        let ours = name.starts_with("pair") || name.starts_with("batch");
        let colour = if ours { "#2f6f9f" } else { "#9a9a9a" };
        let length = (cost(name).log10() + 1.0) / (most + 1.0) * WIDTH;
        let (text, middle) = (LEFT - 8.0, top + 15.0);
        let value = LEFT + length + 6.0;
        writeln!(
            svg,
            "<text x=\"{text}\" y=\"{middle}\" text-anchor=\"end\">{title}</text>\
             <rect x=\"{LEFT}\" y=\"{}\" width=\"{length:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <text x=\"{value:.1}\" y=\"{middle}\">{:.1}</text>",
            top + 2.0,
            cost(name)
        )
        .expect("a string grows");
    }
    svg.push_str("</svg>\n");
    svg
}
