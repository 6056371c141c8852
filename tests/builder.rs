//! The builder for build scripts does what the command does.
#![cfg(all(feature = "run", feature = "cli"))]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::heap::{KernelVersion, Overrides};
use bpf_malloc::rewrite::{Backend, OnNull};
use bpf_malloc::run::Builder;

/// Two files that share a header; what one allocates the other frees.
const FILES: [(&str, &str); 5] = [
    (
        "bpf/a.bpf.c",
        "#include <stdlib.h>\n#include \"own.h\"\n#include \"deep/pair.h\"\n\
         #if WANTED\nint a(void)\n{\n\tstruct pair *pair = make();\n\tpair->left = 1;\n\
         \tgive(pair);\n\treturn 0;\n}\n#endif\n",
    ),
    (
        "bpf/b.bpf.c",
        "#include <stdlib.h>\n#include \"deep/pair.h\"\nstruct pair *make(void)\n{\n\
         \treturn malloc(sizeof(struct pair));\n}\nvoid give(struct pair *p)\n{\n\tfree(p);\n}\n",
    ),
    (
        "bpf/deep/pair.h",
        "struct pair { int left, right; };\nstruct pair *make(void);\nvoid give(struct pair *p);\n",
    ),
    ("include/own.h", "#define OWN 1\n"),
    ("bpf/notes.txt", "malloc(1)\n"),
];

fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

/// All files below a directory, by name.
fn contents(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![dir.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

fn command(dir: &Path, arguments: &[&str]) {
    let done = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("rewrite")
        .args(arguments)
        .current_dir(dir)
        .output()
        .unwrap();
    assert_ne!(done.status.code(), Some(2), "{done:?}");
}

#[test]
fn same_result_as_the_command() {
    let dir = tree();
    let root = dir.path();
    command(
        root,
        &[
            "-o",
            "by-command",
            "--emit-header",
            "-Iinclude",
            "-DWANTED",
            "--on-null",
            "return=-7",
            "--backend",
            "map",
            "bpf",
        ],
    );
    let out = root.join("by-builder");
    let made = Builder::new()
        .source(root.join("bpf"))
        .include(root.join("include"))
        .define("WANTED")
        .on_null(OnNull::Return("-7".into()))
        .backend(Backend::Map)
        .generate(&out)
        .unwrap();
    let built = contents(&out);
    assert_eq!(built, contents(&root.join("by-command")));
    assert!(
        built["a.bpf.c"].contains("return -7"),
        "{}",
        built["a.bpf.c"]
    );
    assert!(built["b.bpf.c"].contains("static_malloc("));
    assert!(built["dynamic_memory.h"].contains("static_malloc"));
    let mut names: Vec<String> = made
        .files
        .iter()
        .map(|file| file.strip_prefix(&out).unwrap().display().to_string())
        .collect();
    names.sort();
    assert_eq!(names, built.into_keys().collect::<Vec<_>>());
}

#[test]
fn one_file_goes_into_the_directory_itself() {
    let dir = tree();
    let out = dir.path().join("not/there/yet");
    let overrides = Overrides {
        heaps: Some(2),
        ..Overrides::default()
    };
    Builder::new()
        .source(dir.path().join("bpf/b.bpf.c"))
        .header(overrides)
        .generate(&out)
        .unwrap();
    let built = contents(&out);
    let names: Vec<&str> = built.keys().map(String::as_str).collect();
    assert_eq!(names, ["b.bpf.c", "dynamic_memory.h"]);
    let header = bpf_malloc::heap::header(&overrides).unwrap();
    let lines: Vec<&str> = built["dynamic_memory.h"].lines().collect();
    assert!(
        header.lines().all(|line| lines.contains(&line)),
        "the sizes are those asked for"
    );
}

#[test]
fn what_needs_a_person_is_a_warning() {
    let dir = tree();
    let source = dir.path().join("bpf/c.bpf.c");
    fs::write(
        &source,
        "void (*give)(void *);\nint c(void)\n{\n\tgive = &free;\n\treturn 0;\n}\n",
    )
    .unwrap();
    let made = Builder::new()
        .source(&source)
        .generate(dir.path().join("out"))
        .unwrap();
    let [warning] = &made.warnings[..] else {
        panic!("{:?}", made.warnings)
    };
    assert!(warning.contains("c.bpf.c:4: "), "{warning}");
}

#[test]
fn what_cannot_be_done_is_an_error_that_says_what_to_do() {
    let dir = tree();
    let root = dir.path();
    let missing = root.join("nowhere");
    let error = Builder::new()
        .source(&missing)
        .source(root.join("bpf"))
        .generate(root.join("out"))
        .unwrap_err();
    let text = format!("{error:?}");
    assert!(
        text.contains("nowhere") && text.contains("check the name"),
        "{text}"
    );
    assert!(root.join("out/a.bpf.c").exists(), "the rest was done");

    let error = Builder::new()
        .source(root.join("bpf"))
        .backend(Backend::Arena)
        .target_kernel(KernelVersion { major: 6, minor: 1 })
        .generate(root.join("out"))
        .unwrap_err();
    assert!(error.to_string().contains("6.1"), "{error}");
}
