//! Judges the rewrite as a whole, by what its results compile to and return: random programs in
//! user space and in the kernel.
//!
//! `make fuzz` runs the same with more programs: `JUDGE_PROGRAMS` times the usual number of each
//! kind, and `JUDGE_FAULTS` of those whose allocations fail. `JUDGE_SEEDS=12..14` takes these seeds
//! instead, `JUDGE_KEEP=1` keeps the directories with what was written.
#![cfg(all(feature = "kernel", feature = "cli"))]

mod batch;
#[path = "../common/kernel.rs"]
mod common;
mod corpus;
mod expected;
mod faults;
mod fixtures;
mod generate;
mod kernel;
#[path = "../common/kernel_log.rs"]
mod kernel_log;
#[path = "../common/parallel.rs"]
mod parallel;
#[path = "../common/plain.rs"]
mod plain;
mod toolchain;

use faults::Origin;
use generate::{Kind, Program, owning, program};
use kernel_log::{KernelLog, no_verifier_bug};

/// So many programs of a kind, or more for `make fuzz`.
fn programs(kind: Kind, usual: u64) -> Vec<Program> {
    let range = match std::env::var("JUDGE_SEEDS") {
        // A range of seeds, to look at some of them.
        Ok(text) => {
            let (from, to) = text.split_once("..").expect("JUDGE_SEEDS=FROM..TO");
            from.parse().expect("a number")..to.parse().expect("a number")
        }
        Err(_) => 0..number("JUDGE_PROGRAMS").unwrap_or(1) * usual,
    };
    let of = |seed| match kind {
        Kind::Owning => owning(seed),
        _ => program(seed, kind),
    };
    range.map(of).collect()
}

/// A number in the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

#[test]
fn failing_allocations_of_generated_programs_do_no_harm() {
    let all = match number("JUDGE_FAULTS") {
        Some(count) => (0..count).map(owning).collect(),
        None => programs(Kind::Owning, 300),
    };
    expected::compare(
        "generated-faults",
        &batch::judge_in(faults::HANDFUL, &all, |programs, directory| {
            faults::failing_allocations(programs, directory, Origin::Generated)
        }),
    );
}

#[test]
fn generated_programs_mean_the_same_in_user_space() {
    let mut all = programs(Kind::Plain, 200);
    all.extend(programs(Kind::Bpf, 100));
    expected::compare(
        "generated-native",
        &batch::judge(&all, batch::in_user_space),
    );
}

#[test]
fn generated_programs_are_accepted_and_right() {
    if !common::can_load("generated_programs_are_accepted_and_right") {
        return;
    }
    let all = programs(Kind::Bpf, 100);
    in_the_kernel("generated-kernel", &all);
}

/// Judges programs in the running kernel, which must not find itself at fault over them.
fn in_the_kernel(suite: &str, programs: &[Program]) {
    let log = KernelLog::from_now();
    let found = batch::judge(programs, kernel::in_the_kernel);
    no_verifier_bug(log, suite, common::skip);
    expected::compare(suite, &found);
}

#[test]
fn generated_recursion_is_accepted_and_right() {
    let all = programs(Kind::Recursive, 60);
    expected::compare(
        "generated-recursion-native",
        &batch::judge(&all, batch::in_user_space),
    );
    if common::can_load("generated_recursion_is_accepted_and_right") {
        in_the_kernel("generated-recursion", &all);
    }
}

#[test]
fn plain_programs_are_accepted_and_right() {
    fixtures::at_least("plain", 60);
    let kernel = common::can_load("plain_programs_are_accepted_and_right");
    expected::compare("plain", &fixtures::judge("plain", kernel));
}

#[test]
fn recursive_programs_are_accepted_and_right() {
    fixtures::at_least("recursion", 30);
    let kernel = common::can_load("recursive_programs_are_accepted_and_right");
    expected::compare("recursion", &fixtures::judge("recursion", kernel));
}

#[test]
#[ignore = "make corpus: takes source packages of Debian"]
fn corpus_of_debian_packages() {
    assert!(
        common::can_load("corpus_of_debian_packages"),
        "no verdict without a kernel"
    );
    corpus::corpus();
}

#[test]
fn failing_allocations_of_known_idioms_do_no_harm() {
    let all = faults::written_by_hand();
    assert!(all.len() >= 100, "{} programs", all.len());
    expected::compare(
        "faults",
        &batch::judge(&all, |programs, directory| {
            faults::failing_allocations(programs, directory, Origin::Hand)
        }),
    );
}

/// Writes a generated program to a directory: `JUDGE_WRITE=DIR JUDGE_SEEDS=3..4`.
#[test]
fn write_programs() {
    let Some(directory) = std::env::var_os("JUDGE_WRITE") else {
        return;
    };
    for kind in [Kind::Plain, Kind::Bpf, Kind::Recursive, Kind::Owning] {
        toolchain::write(&programs(kind, 0), directory.as_ref());
    }
}
