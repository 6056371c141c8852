//! The heap traces and random operations in a kernel: this machine's, and, by running this very
//! test there, those of the virtual machines. These run the programs with linked data as well, which
//! `tests/linked` runs in this machine's kernel.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;

use crate::expect::version;
use crate::heap::{parse, random};
use crate::kernel::{can_load, say};
use crate::linked;
use crate::loops;
use crate::operations::replay;
use crate::plain;

/// Names the directory with objects and traces, inside of a virtual machine.
const DIRECTORY: &str = "BPF_MALLOC_REPLAY";
/// The name of the test below.
pub const TEST: &str = "replay::heaps_agree_with_the_model";

/// A way to build the allocator.
struct Build {
    name: &'static str,
    /// Bytes of its pool.
    pool: u64,
    arguments: &'static [&'static str],
    /// The oldest kernel that takes it.
    oldest: (u32, u32),
    operations: Operations,
}

#[derive(PartialEq)]
enum Operations {
    Traces,
    Random,
}

const BUILDS: [Build; 6] = [
    Build {
        name: "default",
        pool: 65_536,
        arguments: &["-DDYNAMIC_MEMORY_HEAPS=1"],
        oldest: (5, 17),
        operations: Operations::Traces,
    },
    Build {
        name: "spin_lock",
        pool: 65_536,
        arguments: &[
            "-DDYNAMIC_MEMORY_HEAPS=1",
            "-DDYNAMIC_MEMORY_SPIN_LOCK",
            "-mcpu=v2",
        ],
        oldest: (5, 10),
        operations: Operations::Traces,
    },
    Build {
        name: "arena",
        pool: 65_536,
        arguments: &["-DDYNAMIC_MEMORY_HEAPS=1", "-DDYNAMIC_MEMORY_ARENA"],
        oldest: (6, 9),
        operations: Operations::Traces,
    },
    Build {
        name: "linked",
        pool: 65_536,
        arguments: &["-DDYNAMIC_MEMORY_HEAPS=1", "-DDYNAMIC_MEMORY_LINKED"],
        oldest: (5, 17),
        operations: Operations::Traces,
    },
    Build {
        name: "pool-map",
        pool: 65_536,
        arguments: &["-DDYNAMIC_MEMORY_HEAPS=1", "-DDYNAMIC_MEMORY_POOL_MAP"],
        oldest: (5, 17),
        operations: Operations::Traces,
    },
    Build {
        name: "small",
        pool: 4_096,
        arguments: &["-DDYNAMIC_MEMORY_HEAPS=1", "-DPOOL_SIZE=4096"],
        oldest: (5, 17),
        operations: Operations::Random,
    },
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/heap")
}

/// The traces of a directory, by name.
fn traces(directory: &Path) -> Vec<(String, PathBuf)> {
    let mut traces: Vec<_> = fs::read_dir(directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "trace"))
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy();
            (name.into_owned(), path)
        })
        .collect();
    traces.sort();
    assert!(traces.len() >= 8, "{traces:?}");
    traces
}

impl Build {
    fn object(&self, clang: &Clang) -> Vec<u8> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/heap/replay.bpf.c");
        let arguments: Vec<OsString> = self.arguments.iter().map(OsString::from).collect();
        clang
            .compile(&source, &[], &[(HEADER_NAME, HEADER)], &arguments)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs the operations in this kernel; `random` of them where they are random.
    fn run(&self, object: Vec<u8>, directory: &Path, count: usize) {
        let loaded = ObjectFile::from_bytes(self.name, object)
            .load()
            .unwrap_or_else(|error| panic!("{}: {error}", self.name));
        if self.operations == Operations::Random {
            replay(&loaded, self.pool, &random(self.pool, 32, 7, count, 24));
            say(&self.done("random"));
            return;
        }
        for (name, path) in traces(directory) {
            let trace = fs::read_to_string(&path).expect("a trace is text");
            replay(&loaded, self.pool, &parse(&trace));
            say(&self.done(&name));
        }
    }

    /// The line that says that a trace was replayed to its end.
    fn done(&self, trace: &str) -> String {
        format!("replayed {} {trace}\n", self.name)
    }
}

/// What a virtual machine needs to run the test: files by name.
pub fn files(clang: &Clang) -> Vec<(String, Vec<u8>)> {
    let objects = BUILDS
        .iter()
        .map(|build| (format!("{}.o", build.name), build.object(clang)));
    let read = |(name, path): (String, PathBuf)| {
        (
            format!("{name}.trace"),
            fs::read(path).expect("a trace can be read"),
        )
    };
    objects
        .chain(traces(&fixtures()).into_iter().map(read))
        .chain(linked::files(clang))
        .collect()
}

/// What a virtual machine has to say, or what is wrong with what it said.
pub fn check(release: &str, said: &str) -> Result<(), String> {
    if !said.contains("test result: ok. 1 passed") {
        return Err(format!(
            "{release}: the heap traces, the linked data or the loops failed:\n{said}"
        ));
    }
    for build in BUILDS.iter().filter(|b| b.oldest <= version(release)) {
        let names = match build.operations {
            Operations::Random => vec!["random".to_owned()],
            Operations::Traces => traces(&fixtures()).into_iter().map(|t| t.0).collect(),
        };
        for name in names {
            if !said.contains(&build.done(&name)) {
                let build = build.name;
                return Err(format!(
                    "{release}: {build}: {name} was not replayed:\n{said}"
                ));
            }
        }
    }
    match linked::missing(release, said) {
        missing if missing.is_empty() => Ok(()),
        missing => Err(missing.join("\n")),
    }
}

#[test]
fn heaps_agree_with_the_model() {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let directory = PathBuf::from(directory);
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux");
        for build in BUILDS.iter().filter(|b| b.oldest <= version(&release)) {
            let object = fs::read(directory.join(format!("{}.o", build.name))).expect("an object");
            build.run(object, &directory, 1_000);
        }
        linked::run_all(&directory, &release);
        loops::run_all(&directory, &release);
        plain::run_all(&directory, &release);
    } else if can_load(TEST) {
        let clang = Clang::find().expect("a clang");
        for build in &BUILDS {
            build.run(build.object(&clang), &fixtures(), 20_000);
        }
    }
}
