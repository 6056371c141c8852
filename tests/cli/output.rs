//! Results that go elsewhere: stdin to stdout, `-o`, `--emit-header`.

use crate::common::{Dir, HARD, PLAIN, RESULT, SOURCE};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::{Duration, SystemTime};

const HEADER: &str = include_str!("../../include/dynamic_memory.h");

#[test]
fn filter() {
    let dir = Dir::new();
    let run = dir.pipe(&["-"], SOURCE.as_bytes()).exits(0);
    assert_eq!((run.out.as_str(), run.err.as_str()), (RESULT, ""));
    let run = dir.pipe(&["-"], PLAIN.as_bytes()).exits(0);
    assert_eq!(run.out, PLAIN);
    assert_eq!(dir.pipe(&["-"], b"").exits(0).out, "");
    // Warnings do not get into the result.
    let run = dir.pipe(&["-"], HARD.as_bytes()).exits(1);
    assert_eq!(run.out, HARD);
    run.says(&["function-pointer", "<stdin>:5:7"]);
}

#[test]
fn filter_without_writing() {
    let dir = Dir::new();
    let run = dir.pipe(&["--check", "-"], SOURCE.as_bytes()).exits(1);
    assert_eq!(run.out, "<stdin>\n");
    let args = ["--diff", "--stdin-filename", "src/x.c", "-"];
    let run = dir.pipe(&args, SOURCE.as_bytes()).exits(0);
    assert!(
        run.out.starts_with("diff --git a/src/x.c b/src/x.c\n"),
        "{run:?}"
    );
}

#[test]
fn filter_refuses_what_is_no_source() {
    let dir = Dir::new();
    let run = dir.pipe(&["-"], b"free(p);\0").exits(2);
    assert_eq!(run.out, "");
    run.says(&["<stdin>", "NUL"]);
    let run = dir.pipe(&["--max-size", "4", "-"], b"free(p);").exits(2);
    assert_eq!(run.out, "");
}

#[test]
fn filter_reports_to_stderr_in_every_format() {
    let dir = Dir::new();
    let args = ["--message-format", "json", "--stdin-filename", "x.c", "-"];
    let run = dir.pipe(&args, SOURCE.as_bytes()).exits(0);
    assert_eq!(run.out, RESULT);
    let report: serde_json::Value = serde_json::from_str(&run.err).unwrap();
    assert_eq!(report["files"][0]["path"], "x.c");
}

#[test]
fn filter_into_a_file() {
    let dir = Dir::new();
    let run = dir
        .pipe(&["-o", "out/x.c", "-"], SOURCE.as_bytes())
        .exits(0);
    assert_eq!(run.out, "");
    assert_eq!(dir.read("out/x.c"), RESULT);
}

#[test]
fn one_file() {
    let dir = Dir::with(&[("src/a.c", SOURCE), ("src/b.c", PLAIN)]);
    dir.rewrite(&["-o", "build/new/a.c", "src/a.c"]).exits(0);
    assert_eq!(dir.read("build/new/a.c"), RESULT);
    assert_eq!(dir.read("src/a.c"), SOURCE);
    dir.rewrite(&["-o", "build/b.c", "src/b.c"]).exits(0);
    assert_eq!(dir.read("build/b.c"), PLAIN);
    // A directory takes it under its name.
    dir.rewrite(&["-o", "build", "src/a.c"]).exits(0);
    dir.rewrite(&["-o", "other/", "src/a.c"]).exits(0);
    assert_eq!(dir.read("build/a.c"), RESULT);
    assert_eq!(dir.read("other/a.c"), RESULT);
    assert_eq!(dir.rewrite(&["-o", "-", "src/a.c"]).exits(0).out, RESULT);
    assert_eq!(
        dir.rewrite(&["-o", "/dev/stdout", "src/a.c"]).exits(0).out,
        RESULT
    );
    dir.rewrite(&["-o", "src/a.c", "src/a.c"]).exits(0);
    assert_eq!(dir.read("src/a.c"), RESULT);
}

#[test]
fn a_directory_is_mirrored() {
    let dir = Dir::with(&[
        ("src/a.c", SOURCE),
        ("src/sub/b.c", PLAIN),
        ("src/sub/inc.h", SOURCE),
        ("src/notes.txt", "free(p)"),
        ("src/dynamic_memory.h", "/* mine: DYNAMIC_MEMORY_H */"),
    ]);
    dir.rewrite(&["-o", "build", "src"]).exits(0);
    assert_eq!(dir.list("build"), ["a.c", "dynamic_memory.h", "sub"]);
    assert_eq!(dir.read("build/a.c"), RESULT);
    assert_eq!(dir.read("build/sub/b.c"), PLAIN);
    assert!(dir.read("build/sub/inc.h").contains("static_free"));
    assert_eq!(dir.read("src/a.c"), SOURCE);
}

#[test]
fn several_inputs_keep_their_places() {
    let dir = Dir::with(&[
        ("p/a/x.c", SOURCE),
        ("p/b/x.c", PLAIN),
        ("p/b/c/y.h", PLAIN),
    ]);
    dir.rewrite(&["-o", "build", "p/a/x.c", "p/b"]).exits(0);
    assert_eq!(dir.read("build/a/x.c"), RESULT);
    assert_eq!(dir.read("build/b/x.c"), PLAIN);
    assert_eq!(dir.read("build/b/c/y.h"), PLAIN);
    dir.rewrite(&["-o", "flat", "p/b/x.c", "p/b/c/y.h"])
        .exits(0);
    assert_eq!(dir.read("flat/x.c"), PLAIN);
    dir.write("file", "");
    dir.rewrite(&["-o", "file", "p"])
        .exits(2)
        .says(&["several inputs"]);
    dir.rewrite(&["-o", "-", "p"])
        .exits(2)
        .says(&["one file only"]);
}

#[test]
fn the_output_is_no_input() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    for _ in 0..3 {
        dir.rewrite(&["-o", "build", "."]).exits(0);
    }
    assert_eq!(dir.list("build"), ["a.c"]);
}

#[test]
fn outputs_suit_make() {
    let dir = Dir::with(&[("src/a.c", SOURCE), ("src/b.c", PLAIN)]);
    let time = |name: &str| fs::metadata(dir.join(name)).unwrap().modified().unwrap();
    let set = |name: &str, seconds| {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(dir.join(name))
            .unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(seconds))
            .unwrap();
    };
    dir.rewrite(&["-o", "build", "src"]).exits(0);
    // Newer than its source: not touched, so that nothing is compiled again.
    set("src/a.c", 500);
    set("build/a.c", 400);
    let before = time("build/a.c");
    dir.rewrite(&["-o", "build", "src"]).exits(0);
    assert_eq!(time("build/a.c"), before);
    // Older than its source: make would run the rule for ever.
    set("src/a.c", 300);
    dir.rewrite(&["-o", "build", "src"]).exits(0);
    assert!(time("build/a.c") > time("src/a.c"));
}

#[test]
fn outputs_have_usual_modes() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    dir.write("probe", "");
    dir.rewrite(&["-o", "b.c", "a.c"]).exits(0);
    let mode = |name: &str| fs::metadata(dir.join(name)).unwrap().mode() & 0o777;
    assert_eq!(mode("b.c"), mode("probe"));
    // An output that is there keeps its mode.
    fs::set_permissions(dir.join("b.c"), fs::Permissions::from_mode(0o600)).unwrap();
    dir.write("a.c", SOURCE.replace("drop", "give"));
    dir.rewrite(&["-o", "b.c", "a.c"]).exits(0);
    assert_eq!(mode("b.c"), 0o600);
    fs::set_permissions(dir.join("b.c"), fs::Permissions::from_mode(0o400)).unwrap();
    dir.write("a.c", SOURCE);
    dir.rewrite(&["-o", "b.c", "a.c"])
        .exits(2)
        .says(&["b.c", "read-only"]);
}

/// Whether a file is the header with its seal.
fn is_header(dir: &Dir, name: &str) -> bool {
    let text = dir.read(name);
    text.strip_prefix(HEADER).is_some_and(|seal| {
        seal.starts_with("/* bpf-malloc wrote this") && seal.lines().count() == 1
    })
}

#[test]
fn a_new_name_without_an_ending_is_a_directory_beside_a_header() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    dir.rewrite(&["--emit-header", "-o", "build", "a.c"])
        .exits(0);
    assert_eq!(dir.list("build"), ["a.c", "dynamic_memory.h"]);
    dir.rewrite(&["--emit-header", "-o", "out.c", "a.c"])
        .exits(0);
    assert_eq!(dir.read("out.c"), RESULT);
    dir.rewrite(&["-o", "plain", "a.c"]).exits(0);
    assert_eq!(dir.read("plain"), RESULT);
}

#[test]
fn header_beside_every_file_that_includes_it() {
    let dir = Dir::with(&[
        ("src/a.c", SOURCE),
        ("src/b.c", SOURCE),
        ("src/plain/c.c", PLAIN),
        ("src/sub/d.c", RESULT),
    ]);
    dir.rewrite(&["--emit-header", "-o", "build", "src"])
        .exits(0);
    assert!(is_header(&dir, "build/dynamic_memory.h"));
    assert!(is_header(&dir, "build/sub/dynamic_memory.h"));
    assert!(!dir.exists("build/plain/dynamic_memory.h") && !dir.exists("src/dynamic_memory.h"));
    dir.rewrite(&["--emit-header", "src"]).exits(0);
    assert!(is_header(&dir, "src/dynamic_memory.h"));
    assert!(is_header(&dir, "src/sub/dynamic_memory.h"));
    assert!(!dir.exists("src/plain/dynamic_memory.h"));
}

#[test]
fn header_replaces_an_old_one_but_nothing_else() {
    let dir = Dir::with(&[("a/x.c", SOURCE)]);
    let other = dir.run(&["header", "--heaps", "8"]).exits(0).out;
    // One of other sizes, and one that was not sealed.
    for old in [&*other, HEADER] {
        dir.write("a/dynamic_memory.h", old);
        dir.rewrite(&["--emit-header", "a/x.c"]).exits(0);
        assert!(is_header(&dir, "a/dynamic_memory.h"));
    }
    let edited = dir
        .read("a/dynamic_memory.h")
        .replace("POOL_SIZE", "MY_POOL_SIZE");
    dir.write("a/dynamic_memory.h", &edited);
    let run = dir.rewrite(&["--emit-header", "a/x.c"]).exits(2);
    run.says(&["a/dynamic_memory.h", "changed by hand", "anew"]);
    assert_eq!(dir.read("a/dynamic_memory.h"), edited);
    dir.write("b/x.c", SOURCE);
    dir.write("b/dynamic_memory.h", "/* something else */\n");
    let run = dir.rewrite(&["--emit-header", "b/x.c"]).exits(2);
    run.says(&["b/dynamic_memory.h", "it is not the allocator"]);
    assert_eq!(dir.read("b/dynamic_memory.h"), "/* something else */\n");
    assert_eq!(dir.read("b/x.c"), RESULT);
}
