//! Files that are no sources: objects, images of heaps, settings. Whatever is in them, what comes
//! is a result or an error, and soon.

use std::fs;
use std::path::Path;

use bpf_malloc::heap::{HEADER, HEADER_NAME, walk};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::judge::inspect::{inspect, split_structures};
use bpf_malloc::run::Builder;
use proptest::prelude::*;

use crate::{cpu, run};

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

#[test]
fn objects() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel");
    let Ok(clang) = Clang::find() else {
        return eprintln!("SKIPPED mutated objects: no clang; `make test` installs it");
    };
    let compiled = ["accept/boxes", "accept/types", "reject/recursion"].map(|name| {
        let path = root.join(format!("{name}.bpf.c"));
        clang
            .compile(&path, &[], &[(HEADER_NAME, HEADER)], &[])
            .unwrap_or_else(|error| panic!("{error}"))
    });
    for object in &compiled {
        assert!(inspect(object).is_ok() && split_structures(object).is_ok());
    }
    let some = (0..compiled.len(), changes());
    run(1, &some, |(which, changes)| {
        let object = changed(&compiled[which], &changes);
        soon(|| {
            let _ = (inspect(&object), split_structures(&object));
        })
    });
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
            let _ = (walk::read(&image), walk::check(&image));
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
