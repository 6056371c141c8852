//! Programs that store pointers and follow them later: lists, trees, tables.
//!
//! `fixtures/linked` holds them as people write them, in plain C. Two things are shown of each: in
//! user space, with the C library's malloc, it returns what it says it does; and rewritten by one
//! command it is accepted by this kernel and returns the same there.
#![cfg(all(feature = "kernel", feature = "cli"))]

#[path = "../common/expect.rs"]
mod expect;
#[path = "../common/kernel.rs"]
mod kernel;
mod native;
mod project;
mod rejected;
mod rewritten;
mod runs;
mod stored;

use std::thread;

use bpf_malloc::judge::compile::Clang;
use expect::{Case, cases_in};
use project::{header, project};

/// The programs whose headers are installed; says which ones are left out.
fn programs(test: &str) -> Vec<Case> {
    let mut cases = cases_in("linked");
    cases.retain(|case| match header(case) {
        Some(path) if !path.is_file() => {
            let reason = format!(
                "{} is not installed; tests/setup/install.sh test installs it",
                path.display()
            );
            kernel::skip_or_fail(&format!("{test} ({})", case.name), &reason);
            false
        }
        _ => true,
    });
    cases
}

/// Runs `check` for each program, on all processors, and reports what it complains about.
fn for_each(cases: &[Case], check: impl Fn(&Case) -> Result<(), String> + Sync) {
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let complaints: Vec<String> = thread::scope(|scope| {
        let share = cases.len().div_ceil(workers).max(1);
        let check = &check;
        let threads: Vec<_> = cases
            .chunks(share)
            .map(|cases| {
                scope.spawn(move || {
                    let failed = |case: &Case| {
                        check(case)
                            .err()
                            .map(|text| format!("{}: {text}", case.name))
                    };
                    cases.iter().filter_map(failed).collect::<Vec<_>>()
                })
            })
            .collect();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect()
    });
    assert!(
        complaints.is_empty(),
        "{} of {} programs:\n{}",
        complaints.len(),
        cases.len(),
        complaints.join("\n")
    );
}

#[test]
fn programs_are_right_in_user_space() {
    let cases = programs("programs_are_right_in_user_space");
    assert!(cases.len() >= 36, "{} programs", cases.len());
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for_each(&cases, |case| {
        native::check(case, &project(case, directory.path()))
    });
}

/// The oldest clang that knows address spaces.
const ARENA_CLANG: u32 = 19;

/// Whether this machine can judge programs with arenas.
fn can_judge(test: &str) -> bool {
    if !kernel::can_load(test) {
        return false;
    }
    let version = Clang::find().map_or(0, |clang| clang.version);
    if version < ARENA_CLANG {
        let reason = format!("clang {version} knows no arenas; {ARENA_CLANG} or later is needed");
        kernel::skip_or_fail(test, &reason);
    }
    version >= ARENA_CLANG
}

#[test]
fn rewritten_programs_are_accepted_and_right() {
    let test = "rewritten_programs_are_accepted_and_right";
    if !can_judge(test) {
        return;
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for_each(&programs(test), |case| {
        rewritten::check(case, &project(case, directory.path()))
    });
}

#[test]
fn what_cannot_work_is_explained() {
    let test = "what_cannot_work_is_explained";
    if !can_judge(test) {
        return;
    }
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let cases = cases_in("linked/reject");
    for_each(&cases, |case| {
        rejected::check(case, &project(case, directory.path()))
    });
}

#[test]
fn programs_for_kernels_without_arenas_are_accepted_and_right() {
    let test = "programs_for_kernels_without_arenas_are_accepted_and_right";
    if !kernel::can_load(test) {
        return;
    }
    let mut cases = programs(test);
    cases.retain(|case| stored::FIT.contains(&&*case.name));
    assert_eq!(cases.len(), stored::FIT.len());
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    for_each(&cases, |case| {
        stored::check(case, &project(case, directory.path()))
    });
}
