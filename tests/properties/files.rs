//! Files that are no sources: objects, images of heaps, settings. Whatever is in them, what comes
//! is a result or an error, and soon.

use std::fs;
use std::io::Write;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};

use bpf_malloc::heap::{HEADER, HEADER_NAME, walk};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::judge::inspect::{inspect, split_structures};
use bpf_malloc::run::Builder;
use proptest::prelude::*;

use crate::{cc, cpu, heap, run};

/// Seconds of the processor. Far more than any of these inputs takes.
const PATIENCE: f64 = 10.0;

/// Bytes to be changed: where, as a fraction of the length, and to what.
fn changes() -> impl Strategy<Value = Vec<(u16, Change)>> {
    let change = prop_oneof![
        any::<u8>().prop_map(Change::Byte),
        prop_oneof![
            Just(0),
            Just(1),
            Just(u32::MAX),
            Just(0x7fff_ffff),
            any::<u32>()
        ]
        .prop_map(Change::Word),
        Just(Change::Cut),
    ];
    prop::collection::vec((any::<u16>(), change), 1..12)
}

#[derive(Clone, Debug)]
enum Change {
    Byte(u8),
    Word(u32),
    Cut,
}

fn changed(bytes: &[u8], changes: &[(u16, Change)]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (place, change) in changes {
        let at = usize::from(*place) * bytes.len() / (1 << 16);
        match change {
            Change::Byte(byte) if at < bytes.len() => bytes[at] = *byte,
            Change::Word(word) if at + 4 <= bytes.len() => {
                let at = at & !3;
                bytes[at..at + 4].copy_from_slice(&word.to_ne_bytes());
            }
            Change::Cut => bytes.truncate(at),
            _ => {}
        }
    }
    bytes
}

/// Fails if something takes long.
fn soon<T>(work: impl FnOnce() -> T) -> Result<T, TestCaseError> {
    let begin = cpu::seconds();
    let result = work();
    let taken = cpu::seconds() - begin;
    prop_assert!(taken < PATIENCE, "took {taken} s");
    Ok(result)
}

/// Objects with everything that is looked into.
fn compiled() -> Option<Vec<Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel");
    let Ok(clang) = Clang::find() else {
        eprintln!("SKIPPED mutated objects: no clang; `make test` installs it");
        return None;
    };
    let names = ["accept/boxes", "accept/types", "reject/recursion"];
    let compiled = names.map(|name| {
        let path = root.join(format!("{name}.bpf.c"));
        let object = clang.compile(&path, &[], &[(HEADER_NAME, HEADER)], &[]);
        object.unwrap_or_else(|error| panic!("{error}"))
    });
    for object in &compiled {
        assert!(inspect(object).is_ok() && split_structures(object).is_ok());
    }
    Some(compiled.into())
}

#[test]
fn objects() {
    let Some(compiled) = compiled() else { return };
    let some = (0..compiled.len(), changes());
    run(1, &some, |(which, changes)| {
        let object = changed(&compiled[which], &changes);
        soon(|| {
            let _ = (inspect(&object), split_structures(&object));
        })
    });
}

/// The types alone are damaged, in a file that is whole.
#[test]
fn types() {
    let Some(compiled) = compiled() else { return };
    let sections: Vec<Vec<Range<usize>>> = compiled.iter().map(|object| btf(object)).collect();
    let some = (0..compiled.len(), any::<bool>(), changes());
    run(1, &some, |(which, lines, changes)| {
        let mut object = compiled[which].clone();
        let section = sections[which][usize::from(lines)].clone();
        let mut types = changed(&object[section.clone()], &changes);
        types.resize(section.len(), 0);
        object[section].copy_from_slice(&types);
        soon(|| {
            let _ = (inspect(&object), split_structures(&object));
        })
    });
}

/// Where `.BTF` and `.BTF.ext` lie: each begins with its magic, version, flags and the length of
/// its header, and tells the length of what follows.
fn btf(object: &[u8]) -> Vec<Range<usize>> {
    let starts: Vec<usize> = memchr::memmem::find_iter(object, b"\x9f\xeb\x01\x00").collect();
    let [types, lines] = starts[..] else {
        panic!("{} sections with types", starts.len());
    };
    let word = |at: usize| {
        let bytes = object[at..at + 4].try_into().expect("four bytes");
        u32::from_ne_bytes(bytes) as usize
    };
    // The strings come last in the one, the lines of the source in the other.
    let end = |start: usize, offset| {
        start + word(start + 4) + word(start + offset) + word(start + offset + 4)
    };
    vec![types..end(types, 16), lines..end(lines, 16)]
}

#[test]
fn heaps() {
    let version = HEADER
        .lines()
        .find_map(|line| line.strip_prefix("#define DYNMEM_VERSION "))
        .and_then(|text| text.trim().strip_prefix("0x"))
        .map(|digits| u32::from_str_radix(digits.trim_end_matches('U'), 16).expect("hexadecimal"))
        .expect("the version of the layout");
    // Words as they stand in heaps: small numbers, flags in the upper bits, anything.
    let word = prop_oneof![
        0..64_u32,
        Just(u32::MAX),
        (0..4_u32).prop_map(|n| n << 30),
        any::<u32>()
    ];
    let words = prop::collection::vec(word, 0..1_000);
    run(3, &words, |mut words| {
        if let Some(second) = words.get_mut(1) {
            *second = version;
        }
        let image: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
        soon(|| {
            let _ = (
                walk::read(&image),
                walk::check(&image),
                walk::fences(&image),
            );
        })
    });
}

/// A heap with blocks of every state, as a program left it, in which some bytes are changed.
#[test]
fn damaged_heaps() {
    let trace = "m 0 100\nm 1 40\nm 2 40\nm 3 400\nf 1\nm 4 2000\nf 4\nm 5 9\na 6 64 100\nf 0\n";
    let operations = heap::parse(trace);
    let settings = ["-DDYNAMIC_MEMORY_HEAPS=1", "-DPOOL_SIZE=8192"];
    let program = cc::build("replay.c", "replay-properties", &settings);
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the executor was built just now");
    let mut input = child.stdin.take().expect("piped");
    for operation in &operations {
        let written = input.write_all(&operation.bytes());
        written.expect("the executor reads");
    }
    drop(input);
    let out = child.wait_with_output().expect("the executor ends").stdout;
    // The pool's address, and after each operation its result and the heap.
    let length = (out.len() - 8) / operations.len() - 8;
    let image = &out[out.len() - length..];
    walk::check(image).expect("the heap is sound");
    run(1, &changes(), |changes| {
        let image = changed(image, &changes);
        soon(|| {
            let _ = (
                walk::read(&image),
                walk::check(&image),
                walk::fences(&image),
            );
        })
    });
}

#[test]
fn settings() {
    let all = "on-null = \"return=-1\"\nbackend = \"map\"\next = [\"c\", \"h\"]\nexclude = \
               [\"vendor/\", \"*.tmp\"]\ninclude-dirs = [\"include\"]\nemit-header = \
               false\nmax-size = \"8M\"\n[header]\npool-size = 65536\nheaps = 4\nspin-lock = true\n";
    let dir = tempfile::tempdir().expect("a directory");
    let source = dir.path().join("a.c");
    fs::write(&source, "void f(void *p) { free(p); }\n").expect("a source");
    let (file, out) = (dir.path().join("any.toml"), dir.path().join("out"));
    fs::write(&file, all).expect("settings");
    let whole = Builder::new().config(&file).source(&source);
    let made = whole.cargo_lines(false).generate(&out);
    made.unwrap_or_else(|error| panic!("{error}"));
    run(3, &changes(), |changes| {
        fs::write(&file, changed(all.as_bytes(), &changes)).expect("settings");
        soon(|| {
            let builder = Builder::new().config(&file).source(&source);
            let _ = builder.cargo_lines(false).generate(&out);
        })
    });
}
