//! Random programs with allocations in bounded loops, as in `tests/heap_loops.rs`, on other kernels: each
//! accepts what it accepts with an allocator that does nothing.

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;

use crate::expect::version;
use crate::generated::{NOTHING, PRELUDE, program};
use crate::kernel::say;

/// Programs in a file: compiling the header is most of the time.
const IN_FILE: u64 = 20;
/// All programs, and those of a short run.
const PROGRAMS: u64 = 200;
const FEW: u64 = 8;

/// A way to build the allocator, and the oldest kernel that takes it.
struct Build {
    name: &'static str,
    header: &'static str,
    arguments: &'static [&'static str],
    oldest: (u32, u32),
}

/// The first one shows what a kernel accepts at all.
const BUILDS: [Build; 4] = [
    Build {
        name: "nothing",
        header: NOTHING,
        arguments: &[],
        oldest: (0, 0),
    },
    Build {
        name: "default",
        header: HEADER,
        arguments: &[],
        oldest: (5, 17),
    },
    Build {
        name: "spin_lock",
        header: HEADER,
        arguments: &["-DDYNAMIC_MEMORY_SPIN_LOCK"],
        oldest: (5, 10),
    },
    Build {
        name: "arena",
        header: HEADER,
        arguments: &["-DDYNAMIC_MEMORY_ARENA"],
        oldest: (6, 9),
    },
];

fn file(build: &Build, first: u64) -> String {
    format!("loops-{}-{first}.o", build.name)
}

/// Objects for a virtual machine, by name: all programs, or a few.
pub fn files(clang: &Clang, all: bool) -> Vec<(String, Vec<u8>)> {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("loops.bpf.c");
    let mut files = Vec::new();
    let count = if all { PROGRAMS } else { FEW };
    for first in (0..count).step_by(IN_FILE as usize) {
        let text: String = (first..count.min(first + IN_FILE)).map(program).collect();
        fs::write(&path, format!("{PRELUDE}{text}")).expect("it can be written");
        for build in &BUILDS {
            let arguments: Vec<OsString> = build.arguments.iter().map(OsString::from).collect();
            let headers = [(HEADER_NAME, build.header)];
            let bytes = clang
                .compile(&path, &[], &headers, &arguments)
                .unwrap_or_else(|error| panic!("{}: {error}", build.name));
            files.push((file(build, first), bytes));
        }
    }
    files
}

/// What the kernel makes of the programs of a build: verified instructions, or the end of its log.
fn judge(build: &Build, directory: &Path) -> Vec<Result<u64, String>> {
    let mut found = Vec::new();
    for first in (0..PROGRAMS).step_by(IN_FILE as usize) {
        let name = file(build, first);
        let Ok(bytes) = fs::read(directory.join(&name)) else {
            break; // a short run
        };
        let object = ObjectFile::from_bytes(name, bytes);
        let programs = object.programs().expect("an object");
        for number in first..first + programs.len() as u64 {
            let judgement = object
                .judge(&format!("p{number}"))
                .expect("the program is there");
            found.push(if judgement.accepted() {
                Ok(judgement.stats.verified_instructions.unwrap_or(0)) // not said before 5.16
            } else {
                let log: Vec<&str> = judgement.log.lines().rev().take(3).collect();
                Err(format!("{log:?}"))
            });
        }
    }
    found
}

/// Loads the programs in this kernel; says how many are accepted, and fails for those that are not
/// because of the allocator.
pub fn run_all(directory: &Path, release: &str) {
    let natural = judge(&BUILDS[0], directory);
    let possible = natural.iter().filter(|result| result.is_ok()).count();
    assert!(
        [FEW, PROGRAMS].contains(&(natural.len() as u64)),
        "{natural:?}"
    );
    // Before Linux 6.4 or so the verifier itself is lost in every third of these loops.
    assert!(possible * 2 >= natural.len() && possible > 0, "{natural:?}");
    let mut refused = String::new();
    for build in BUILDS[1..].iter().filter(|b| b.oldest <= version(release)) {
        let found = judge(build, directory);
        let mut counts = Vec::new();
        for (number, (natural, found)) in natural.iter().zip(&found).enumerate() {
            match (natural, found) {
                (Ok(_), Ok(count)) => counts.push(*count),
                (Ok(_), Err(reason)) => refused += &format!("{} p{number}: {reason}\n", build.name),
                (Err(_), _) => {}
            }
        }
        counts.sort_unstable();
        say(&format!(
            "{}{} of {possible} accepted, median {}, most {} verified instructions\n",
            said_of(build),
            counts.len(),
            counts.get(counts.len() / 2).unwrap_or(&0),
            counts.last().unwrap_or(&0),
        ));
    }
    assert!(refused.is_empty(), "{refused}");
}

fn said_of(build: &Build) -> String {
    format!("loops {}: ", build.name)
}

/// The lines that a machine has to say; or which are missing.
pub fn figures(release: &str, said: &str) -> Result<Vec<String>, String> {
    let builds = BUILDS[1..].iter().filter(|b| b.oldest <= version(release));
    builds
        .map(|build| {
            let line = said.lines().find(|line| line.starts_with(&said_of(build)));
            line.map(str::to_owned)
                .ok_or_else(|| format!("{release}: {}: no loops were judged", build.name))
        })
        .collect()
}
