//! What the header costs beside run time: instructions that the verifier walks, and time of the compiler.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use serde_json::{Value, json};

/// Pairs of malloc and free in the longer of two programs.
const PAIRS: u64 = 200;
/// The compiler is timed so often, of which the fastest counts.
const ROUNDS: usize = 9;
/// Definitions of a build, by its name.
const BUILDS: [(&str, &[&str]); 5] = [
    ("default", &[]),
    ("arena", &["-DDYNAMIC_MEMORY_ARENA"]),
    ("bpf_spin_lock", &["-DDYNAMIC_MEMORY_SPIN_LOCK"]),
    ("debug", &["-DDYNAMIC_MEMORY_DEBUG"]),
    ("inline", &["-DDYNAMIC_MEMORY_INLINE"]),
];

/// A program with so many pairs of malloc and free, of a constant size or of one known at run time.
fn pairs(count: u64, size: &str) -> String {
    let include = if count == 0 {
        String::new()
    } else {
        format!("#include \"{HEADER_NAME}\"\n")
    };
    let mut text = format!(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n{include}\
         char LICENSE[] SEC(\"license\") = \"GPL\";\nvolatile unsigned int size = 100;\n\
         SEC(\"xdp\") int pairs(struct xdp_md *ctx)\n{{\n(void)ctx;\n"
    );
    for _ in 0..count {
        writeln!(
            text,
            "{{ int __arena *p = static_malloc({size}); if (!p) return XDP_ABORTED; static_free(p); }}"
        )
        .expect("a string grows");
    }
    text + "return XDP_PASS;\n}\n"
}

fn written(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("effort-{name}.bpf.c"));
    std::fs::write(&path, text).expect("the target directory takes files");
    path
}

fn compiled(clang: &Clang, path: &Path, arguments: &[&str]) -> Option<Vec<u8>> {
    let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
    clang
        .compile(path, &[], &[(HEADER_NAME, HEADER)], &arguments)
        .ok()
}

/// Verified instructions; `None` if the program is refused, or has jumps too long for the compiler.
fn walked(clang: &Clang, count: u64, size: &str, arguments: &[&str]) -> Option<u64> {
    let path = written(&format!("{count}"), &pairs(count, size));
    let judgement = ObjectFile::from_bytes("effort", compiled(clang, &path, arguments)?)
        .judge("pairs")
        .expect("the program is there");
    let walked = judgement.stats.verified_instructions;
    walked.filter(|_| judgement.accepted())
}

/// Verified instructions of each build: of one pair, of 200 in a row, and of each call more; `null` of
/// what cannot be loaded.
pub fn verified(clang: &Clang) -> Value {
    BUILDS
        .iter()
        .map(|(name, arguments)| {
            let once = walked(clang, 1, "64", arguments).expect("one pair is accepted");
            let many = walked(clang, PAIRS, "64", arguments);
            let at_run_time = walked(clang, PAIRS, "size", arguments);
            let per_call = |many: u64| (many - once) as f64 / (2 * (PAIRS - 1)) as f64;
            let figures = json!({
                "one_pair": once,
                "200_pairs": many,
                "200_pairs_run_time_size": at_run_time,
                "per_call": many.map(per_call),
                "per_call_run_time_size": at_run_time.map(per_call),
            });
            ((*name).to_owned(), figures)
        })
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Seconds of the processor that the children of this process have taken.
fn children() -> f64 {
    // SAFETY: the structure is plain numbers, and it outlives the call.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        libc::getrusage(libc::RUSAGE_CHILDREN, &mut usage);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Seconds of the processor that clang takes for a program without the header and with it.
pub fn compile_seconds(clang: &Clang) -> Value {
    let fastest = |path: &Path, arguments: &[&str]| {
        (0..ROUNDS)
            .map(|_| {
                let before = children();
                assert!(compiled(clang, path, arguments).is_some());
                children() - before
            })
            .fold(f64::INFINITY, f64::min)
    };
    let (without, with) = (
        written("without", &pairs(0, "")),
        written("with", &pairs(1, "64")),
    );
    let mut figures = serde_json::Map::new();
    figures.insert("without".into(), fastest(&without, &[]).into());
    for (name, arguments) in BUILDS {
        figures.insert(name.to_owned(), fastest(&with, arguments).into());
    }
    figures.into()
}
