//! Two hundred random programs with allocations in bounded loops: every build of the header has every one
//! accepted that would be with an allocator that does nothing.
#![cfg(feature = "kernel")]

#[path = "common/compilers.rs"]
mod compilers;
#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/kernel_log.rs"]
mod kernel_log;
#[path = "common/loops.rs"]
mod loops;

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use compilers::clangs;
use kernel::{can_load, say, skip};
use kernel_log::{KernelLog, no_verifier_bug};

const PROGRAMS: u64 = 200;
/// Programs in a file: compiling the header is most of the time.
const IN_FILE: u64 = 20;

/// The verified instructions of each program, or why it is refused.
fn verify(build: &str, header: &str, arguments: &[&str]) -> Vec<Result<u64, String>> {
    let clang = Clang::find().expect("a clang");
    verify_with(&clang, build, 0..PROGRAMS, header, arguments)
}

/// The same of the programs with these numbers, compiled with `clang`.
fn verify_with(
    clang: &Clang,
    build: &str,
    numbers: Range<u64>,
    header: &str,
    arguments: &[&str],
) -> Vec<Result<u64, String>> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    let mut found = Vec::new();
    for first in numbers.step_by(IN_FILE as usize) {
        let numbers = first..first + IN_FILE;
        let text: String = numbers.clone().map(loops::program).collect();
        let path = directory.join(format!("loops-{}-{first}.bpf.c", build.replace(' ', "-")));
        std::fs::write(&path, format!("{}{text}", loops::PRELUDE)).expect("it can be written");
        let bytes = clang
            .compile(&path, &[], &[(HEADER_NAME, header)], &arguments)
            .unwrap_or_else(|error| panic!("{build}: {error}"));
        let object = ObjectFile::from_bytes(format!("loops-{first}"), bytes);
        for number in numbers {
            let judgement = object
                .judge(&format!("p{number}"))
                .expect("the program is there");
            found.push(if judgement.accepted() {
                Ok(judgement
                    .stats
                    .verified_instructions
                    .expect("the kernel says"))
            } else {
                let log: Vec<&str> = judgement.log.lines().rev().take(4).collect();
                Err(format!("{log:?}"))
            });
        }
    }
    found
}

/// `build` accepts what is accepted with the allocator that does nothing.
fn accepts_all(build: &str, arguments: &[&str]) {
    if can_load(build) {
        let (_, refused) = accepted(build, arguments);
        assert!(refused.is_empty(), "{build}:\n{}", refused.concat());
    }
}

/// The watch sees a record of others that comes after its start, and none from before.
#[test]
fn the_kernels_log_is_watched() {
    let test = "the_kernels_log_is_watched";
    // A record without a line ending waits for the rest of its line.
    let say = |words: &str| std::fs::write("/dev/kmsg", format!("<7>{words}\n"));
    let words = |what| format!("bpf-malloc test {}: {what}", std::process::id());
    let (before, after) = (words("before"), words("after"));
    let watched = say(&before)
        .map_err(|error| format!("/dev/kmsg: {error}"))
        .and_then(|()| KernelLog::from_now());
    match watched {
        Ok(mut log) => {
            say(&after).expect("it was written to a moment ago");
            let found = log.with(&words(""));
            assert!(found.len() == 1 && found[0].contains(&after), "{found:?}");
            assert!(log.with(&after).is_empty(), "a record is told once");
        }
        Err(reason) => kernel::skip(test, &format!("this machine keeps its log: {reason}")),
    }
}

/// How many programs are accepted, and those refused that are accepted with the allocator that does
/// nothing; says what it took.
fn accepted(build: &str, arguments: &[&str]) -> (usize, Vec<String>) {
    static NATURAL: OnceLock<Vec<Result<u64, String>>> = OnceLock::new();
    let natural = NATURAL.get_or_init(|| verify("nothing", loops::NOTHING, &[]));
    let log = KernelLog::from_now();
    let found = verify(build, HEADER, arguments);
    // Some of these programs had the verifier find itself at fault.
    no_verifier_bug(log, build, skip);
    let mut refused = Vec::new();
    let mut counts = Vec::new();
    for (number, (natural, found)) in natural.iter().zip(&found).enumerate() {
        match (natural, found) {
            (Ok(_), Ok(count)) => counts.push(*count),
            (Ok(least), Err(reason)) => {
                refused.push(format!("p{number} ({least} with nothing): {reason}\n"));
            }
            (Err(_), _) => {}
        }
    }
    assert!(!counts.is_empty(), "{:?} {:?}", natural[0], found[0]);
    counts.sort_unstable();
    let possible = natural.iter().filter(|result| result.is_ok()).count();
    say(&format!(
        "{build}: {} of {possible} accepted, median {}, most {} verified instructions\n",
        counts.len(),
        counts[counts.len() / 2],
        counts[counts.len() - 1]
    ));
    assert!(
        possible >= 190,
        "{possible} programs can be accepted at all"
    );
    (counts.len(), refused)
}

#[test]
fn the_default_build_is_accepted_in_every_loop() {
    accepts_all("default", &[]);
}

#[test]
fn the_build_for_linked_data_is_accepted_in_every_loop() {
    accepts_all("linked", &["-DDYNAMIC_MEMORY_LINKED"]);
}

#[test]
fn the_arena_is_accepted_in_every_loop() {
    accepts_all("arena", &["-DDYNAMIC_MEMORY_ARENA"]);
}

#[test]
fn the_build_with_spin_lock_is_accepted_in_every_loop() {
    accepts_all("spin lock", &["-DDYNAMIC_MEMORY_SPIN_LOCK"]);
}

#[test]
fn the_debug_build_is_accepted_in_every_loop() {
    accepts_all("debug", &["-DDYNAMIC_MEMORY_DEBUG"]);
}

#[test]
fn the_build_with_a_map_of_pools_is_accepted_in_every_loop() {
    accepts_all("pool map", &["-DDYNAMIC_MEMORY_POOL_MAP"]);
}

/// Code that is verified at each call, in each iteration, is too much for some programs: which is why it
/// has to be asked for.
#[test]
fn the_build_with_inline_calls_is_accepted_in_most_loops() {
    const TEST: &str = "the_build_with_inline_calls_is_accepted_in_most_loops";
    if can_load(TEST) {
        let (count, refused) = accepted("inline", &["-DDYNAMIC_MEMORY_INLINE"]);
        assert!(count >= 150, "{}", refused.concat());
        for reason in &refused {
            let large = reason.contains("too large") || reason.contains("too complex");
            assert!(large, "{reason}");
        }
    }
}

/// What the inline build keeps in the stack depends on the compiler: with clang 22 the number of a block was
/// kept there in `p90`, and Linux 6.18 found itself at fault.
#[test]
fn no_compiler_makes_the_kernel_find_itself_at_fault() {
    const TEST: &str = "no_compiler_makes_the_kernel_find_itself_at_fault";
    if !can_load(TEST) {
        return;
    }
    for name in clangs() {
        let Ok(clang) = Clang::at(name.as_ref()) else {
            skip(TEST, &format!("there is no {name}"));
            continue;
        };
        let log = KernelLog::from_now();
        let found = verify_with(
            &clang,
            &format!("inline {name}"),
            80..100,
            HEADER,
            &["-DDYNAMIC_MEMORY_INLINE"],
        );
        no_verifier_bug(log, &name, skip);
        let accepted = found.iter().filter(|found| found.is_ok()).count();
        assert!(accepted >= 17, "{name}: {found:?}");
        assert!(found[10].is_ok(), "{name}: {:?}", found[10]);
    }
}
