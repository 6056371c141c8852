//! What linked data costs in this kernel: `make bench-linked`. The same list, binary tree and hash
//! table out of blocks in an arena and in a map, on a BPF hash map, out of the kernel's own objects,
//! and in user space.
//!
//! Everything is measured in one go, and compared within it. With `--write` the figures are kept in
//! `fixtures/bench`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;
use serde_json::json;

/// Times a program does its thing in one run, and nodes of the list, as in the C files.
const LOOP: f64 = 32.0;
const LIST: usize = 128;
/// Runs of a program per measurement, and measurements, of which the fastest counts.
const RUNS: u32 = 20_000;
const ROUNDS: usize = 9;

/// What is measured: the program, how many of it one run does, what it is called.
const PROGRAMS: [(&str, f64, &str); 6] = [
    ("list_walk", LIST as f64, "list: a hop"),
    ("list_pair", LOOP, "list: insert and delete"),
    ("tree_find", LOOP * 7.0, "tree of 127: a hop"),
    (
        "tree_pair",
        LOOP,
        "tree of 127: insert, find and delete a leaf",
    ),
    ("hash_find", LOOP, "hash table: find"),
    ("hash_pair", LOOP, "hash table: insert and delete"),
];

/// Nanoseconds by program.
type Costs = BTreeMap<&'static str, f64>;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench")
}

/// What one run of each program takes; of those that the object has.
fn in_kernel(source: &str, defines: &[&str]) -> Costs {
    let mut arguments: Vec<OsString> = defines.iter().map(OsString::from).collect();
    // The locks are given back by a plain store where the machine allows it.
    if std::env::consts::ARCH == "x86_64" {
        arguments.push("-D__TARGET_ARCH_x86".into());
    }
    let bytes = Clang::find()
        .expect("a clang")
        .compile(
            &directory().join(source),
            &[],
            &[(HEADER_NAME, HEADER)],
            &arguments,
        )
        .unwrap_or_else(|error| panic!("{error}"));
    let loaded = ObjectFile::from_bytes("linked-bench", bytes)
        .load()
        .unwrap_or_else(|error| panic!("{error}"));
    let run = |name: &str, repeat| {
        let input = RunInput {
            repeat,
            ..RunInput::default()
        };
        let output = loaded
            .run(name, &input)
            .unwrap_or_else(|error| panic!("{source}: {error}"));
        assert_eq!(output.return_value, 2, "{source}: {name} has failed");
        output.duration.as_nanos() as f64
    };
    for _ in 0..LIST {
        run("fill", 1);
    }
    let fastest = |name: &str| {
        (0..ROUNDS)
            .map(|_| run(name, RUNS))
            .fold(f64::INFINITY, f64::min)
    };
    let mut taken = Costs::from([("empty", fastest("empty"))]);
    for (name, _, _) in PROGRAMS {
        if loaded.program(name).is_ok() {
            taken.insert(name, fastest(name));
        }
    }
    taken
}

/// The same in user space.
fn native() -> Costs {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("linked-native");
    let output = Command::new("cc")
        .args(["-O2", "-Dnative_executable", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(directory().join("linked_native.c"))
        .arg("-o")
        .arg(&program)
        .output()
        .expect("cc starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let output = Command::new(&program).output().expect("it was built");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}");
    said.lines()
        .filter_map(|line| {
            let (name, taken) = line.split_once(' ')?;
            let known = PROGRAMS.iter().map(|(known, _, _)| *known);
            let name = known.chain(["empty"]).find(|known| *known == name)?;
            Some((name, taken.parse().ok()?))
        })
        .collect()
}

/// Nanoseconds of one of what a program does, without the loop around it.
fn per_one(taken: &Costs) -> Costs {
    PROGRAMS
        .iter()
        .filter_map(|&(name, count, _)| {
            let own = match name {
                "list_walk" => 0.0, // it is the loop
                _ => taken["empty"],
            };
            Some((name, (taken.get(name)? - own) / count))
        })
        .collect()
}

/// One processor for all: a program finds the heap of its own.
fn pin() {
    // SAFETY: the set is plain bits, zero is a valid one, and it outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn first_line(path: &str, key: &str) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text
        .lines()
        .find(|line| line.starts_with(key))
        .unwrap_or("");
    line.rsplit(": ").next().unwrap_or("").trim().to_owned()
}

fn main() {
    if let Err(unable) = bpf_malloc::kernel::privilege::check() {
        println!("SKIPPED the benchmark: {unable}");
        return;
    }
    pin();
    let ways = [
        (
            "arena",
            in_kernel("linked.bpf.c", &["-DDYNAMIC_MEMORY_ARENA"]),
        ),
        (
            "map, static_pointer",
            in_kernel("linked.bpf.c", &["-DDYNAMIC_MEMORY_LINKED"]),
        ),
        ("BPF hash map", in_kernel("linked_maps.bpf.c", &[])),
        (
            "bpf_list, bpf_rbtree",
            in_kernel("linked_objects.bpf.c", &[]),
        ),
        ("user space", native()),
    ]
    .map(|(way, taken)| (way, per_one(&taken)));

    let mut table = String::from("| nanoseconds |");
    for (way, _) in &ways {
        table += &format!(" {way} |");
    }
    table += &format!("\n|---|{}\n", "---|".repeat(ways.len()));
    for (name, _, title) in PROGRAMS {
        table += &format!("| {title} |");
        let arena = ways[0].1[name];
        for (way, costs) in &ways {
            table += &match costs.get(name) {
                None => " – |".to_owned(),
                Some(cost) if *way == "arena" => format!(" {cost:.1} |"),
                Some(cost) => format!(" {cost:.1} ({:.1}×) |", cost / arena),
            };
        }
        table.push('\n');
    }
    print!("{table}");
    if std::env::args().any(|argument| argument == "--write") {
        let results = json!({
            "command": "make bench-linked",
            "kernel": first_line("/proc/sys/kernel/osrelease", ""),
            "processor": first_line("/proc/cpuinfo", "model name"),
            "unit": "nanoseconds, the fastest of 9 measurements",
            "cost": ways.iter().cloned().collect::<BTreeMap<_, _>>(),
        });
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bench");
        let text = serde_json::to_string_pretty(&results).expect("numbers and text") + "\n";
        std::fs::write(directory.join("linked.json"), text).expect("the results can be kept");
        std::fs::write(directory.join("linked.md"), table).expect("the table, too");
    }
}
