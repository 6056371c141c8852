//! What recursion costs in this kernel: `make bench-recursion`. Plain C that calls itself, rewritten by one
//! command, beside the same with a stack written by hand (rewritten, too), and both in user space.
//!
//! Everything is measured in one go, and compared within it. With `--write` the table is kept in
//! `fixtures/bench`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;

/// Runs of a program per measurement, and measurements, of which the fastest counts.
const RUNS: u32 = 2_000;
const ROUNDS: usize = 9;

/// What is measured: the begin of the programs' names, how many calls one run makes, what it is.
const TASKS: [(&str, f64, &str); 5] = [
    // 2 F(n + 1) - 1
    ("fibonacci", 1973.0, "two calls in an expression"),
    // one for each node and each end
    ("tree", 255.0, "the sum of a tree"),
    // 2^(n + 1) - 1
    ("hanoi", 511.0, "no result, four parameters"),
    // 2 n - 1
    ("sort", 255.0, "merge sort of an array"),
    // 2^n
    ("subsets", 512.0, "a call in a loop"),
];

/// One way to do a task.
struct Cost {
    value: i32,
    /// Of one run.
    nanoseconds: f64,
    /// Only of a program in the kernel.
    verified: u64,
}

/// By the name of the program.
type Costs = BTreeMap<String, Cost>;

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench")
}

fn names() -> impl Iterator<Item = String> {
    TASKS
        .iter()
        .flat_map(|(task, ..)| [format!("{task}_recursive"), format!("{task}_by_hand")])
}

fn in_kernel() -> Costs {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let source = directory.path().join("recursion.bpf.c");
    std::fs::copy(sources().join("recursion.c"), &source).expect("a copy");
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["rewrite", "--emit-header"])
        .arg(&source)
        .output()
        .expect("the binary starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let mut arguments = vec!["-mcpu=v4".into()];
    // The locks are given back by a plain store where the machine allows it.
    if std::env::consts::ARCH == "x86_64" {
        arguments.push("-D__TARGET_ARCH_x86".into());
    }
    let bytes = Clang::find()
        .expect("a clang")
        .compile(&source, &[], &[], &arguments)
        .unwrap_or_else(|error| panic!("{error}"));
    let object = ObjectFile::from_bytes("recursion-bench", bytes);
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    let run = |name: &str, repeat| {
        let input = RunInput {
            repeat,
            ..RunInput::default()
        };
        loaded
            .run(name, &input)
            .unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    run("prepare", 1);
    names()
        .map(|name| {
            let value = run(&name, 1).return_value as i32;
            let nanoseconds = (0..ROUNDS)
                .map(|_| run(&name, RUNS).duration.as_nanos() as f64)
                .fold(f64::INFINITY, f64::min);
            let judgement = object.judge(&name).expect("the program is there");
            let verified = judgement.stats.verified_instructions;
            let cost = Cost {
                value,
                nanoseconds,
                verified: verified.expect("the kernel says"),
            };
            (name, cost)
        })
        .collect()
}

/// The source as it is in user space.
fn native() -> Costs {
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recursion-native");
    let output = Command::new("cc")
        .args(["-O2", "-Dnative_executable"])
        .arg(sources().join("recursion_native.c"))
        .arg("-o")
        .arg(&program)
        .output()
        .expect("cc starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let output = Command::new(&program).output().expect("it was built");
    assert!(output.status.success(), "{}", output.status);
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| {
            let [name, value, nanoseconds] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("{line}");
            };
            let cost = Cost {
                value: value.parse().expect("a number"),
                nanoseconds: nanoseconds.parse().expect("a number"),
                verified: 0,
            };
            (name.to_owned(), cost)
        })
        .collect()
}

/// One processor for all: the clock of two may differ.
fn pin() {
    // SAFETY: the set is plain bits, zero is a valid one, and it outlives the call.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(0, &mut set);
        libc::sched_setaffinity(0, size_of_val(&set), &set);
    }
}

fn main() {
    if let Err(unable) = bpf_malloc::kernel::privilege::check() {
        println!("SKIPPED the benchmark: {unable}");
        return;
    }
    pin();
    let (kernel, native) = (in_kernel(), native());
    for name in names() {
        let (found, expected) = (kernel[&name].value, native[&name].value);
        assert_eq!(found, expected, "{name} is another number in the kernel");
    }
    let mut table = String::from(
        "| nanoseconds per call | user space | rewritten | stack by hand, rewritten | verified instructions | \
         stack by hand |\n|---|---|---|---|---|---|\n",
    );
    for (task, calls, title) in TASKS {
        let [recursive, by_hand] = ["recursive", "by_hand"].map(|way| format!("{task}_{way}"));
        let own = native[&recursive].nanoseconds;
        let (rewritten, by_hand) = (&kernel[&recursive], &kernel[&by_hand]);
        writeln!(
            table,
            "| {title} | {:.1} | {:.1} ({:.1}×) | {:.1} ({:.1}×) | {} | {} |",
            own / calls,
            rewritten.nanoseconds / calls,
            rewritten.nanoseconds / own,
            by_hand.nanoseconds / calls,
            by_hand.nanoseconds / own,
            rewritten.verified,
            by_hand.verified,
        )
        .expect("a string grows");
    }
    print!("{table}");
    if std::env::args().any(|argument| argument == "--write") {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bench/recursion.md");
        std::fs::write(path, table).expect("the table can be kept");
    }
}
