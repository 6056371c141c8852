//! Diffs are good when git takes them.

use crate::common::{Dir, PLAIN, SOURCE, tool};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Rewrites `source` twice: in place, and by applying the diff with git. Both have to agree.
#[track_caller]
fn round_trip(name: impl AsRef<Path>, source: impl AsRef<[u8]>) {
    let (name, source) = (name.as_ref(), source.as_ref());
    let dir = Dir::new();
    dir.write(name, source);
    tool(dir.path(), "git", &["init", "-q"]);
    let run = dir.rewrite(&["--diff".as_ref(), name.as_os_str()]).exits(0);
    assert!(!run.bytes.is_empty(), "no diff for {name:?}");
    assert_eq!(dir.bytes(name), source, "--diff wrote {name:?}");
    dir.write("the.patch", &run.bytes);
    let args = ["apply", "--whitespace=nowarn", "-v", "the.patch"];
    tool(dir.path(), "git", &args);
    let applied = dir.bytes(name);
    dir.write(name, source);
    dir.rewrite(&[name.as_os_str()]).exits(0);
    let written = dir.bytes(name);
    assert!(
        applied == written,
        "git apply and the rewrite differ for {name:?}"
    );
    let text = String::from_utf8_lossy(&written);
    assert!(text.contains("static_free("), "{text}");
    dir.rewrite(&["--check".as_ref(), name.as_os_str()])
        .exits(0);
}

#[test]
fn plain() {
    round_trip("a.c", SOURCE);
}

#[test]
fn carriage_returns() {
    round_trip("a.c", SOURCE.replace('\n', "\r\n"));
}

#[test]
fn mixed_line_endings() {
    round_trip("a.c", SOURCE.replacen('\n', "\r\n", 3));
    round_trip("a.c", SOURCE.replace("{\n", "{\n\t/* one\rtwo */\n"));
}

#[test]
fn no_final_newline() {
    round_trip("a.c", SOURCE.trim_end());
    round_trip("a.c", "void f(void *p){free(p);}");
    round_trip("a.c", format!("{}\r", SOURCE.trim_end()));
}

#[test]
fn latin_1() {
    let text = [
        b"/* caf\xe9 */\n",
        SOURCE.as_bytes(),
        b"/* \xff\xfe\x80 */\n",
    ]
    .concat();
    round_trip("a.c", text);
}

#[test]
fn byte_order_mark_and_form_feed() {
    round_trip("a.c", format!("\u{feff}{SOURCE}"));
    round_trip("a.c", SOURCE.replace("void", "\x0c\nvoid"));
}

#[test]
fn only_a_call() {
    round_trip("a.c", "void f(void *p) { free(p); }\n");
}

#[test]
fn changes_far_apart_and_close_together() {
    let middle = "int x;\n".repeat(50);
    let body = "void f(void *p) {\n\tfree(p);\n\tint a;\n\tint b;\n\tint c;\n\tfree(p);\n}\n";
    round_trip(
        "a.c",
        format!("{body}{middle}{}{middle}", body.replace("f(", "g(")),
    );
}

#[test]
fn odd_names() {
    for name in [
        "a b.c",
        "dé/ü.c",
        "quo\"te.c",
        "back\\slash.c",
        "new\nline.c",
        "t\tab.c",
    ] {
        round_trip(name, SOURCE);
    }
    round_trip(Path::new(std::ffi::OsStr::from_bytes(b"l\xe9.c")), SOURCE);
}

#[test]
fn directories_and_several_files() {
    let dir = Dir::with(&[("d/a.c", SOURCE), ("d/e/b.h", SOURCE), ("d/c.c", PLAIN)]);
    tool(dir.path(), "git", &["init", "-q"]);
    let run = dir.rewrite(&["--diff", "d"]).exits(0);
    dir.write("p", &run.bytes);
    tool(dir.path(), "git", &["apply", "p"]);
    dir.rewrite(&["--check", "d"]).exits(0);
    assert!(dir.read("d/e/b.h").contains("static_free"));
}

#[test]
fn paths_are_relative_to_the_current_directory() {
    let dir = Dir::with(&[("d/a.c", SOURCE)]);
    let absolute = dir.join("d/a.c");
    for path in [Path::new("./d/a.c"), Path::new("d/../d/a.c"), &absolute] {
        let run = dir.rewrite(&["--diff".as_ref(), path.as_os_str()]).exits(0);
        assert!(
            run.out.starts_with("diff --git a/d/a.c b/d/a.c\n"),
            "{path:?}: {run:?}"
        );
    }
}

#[test]
fn patch_takes_files_outside_too() {
    let dir = Dir::with(&[("here/x.c", PLAIN), ("there/a.c", SOURCE)]);
    let run = dir.rewrite(&["--diff", "there/../there/a.c"]).exits(0);
    let outside = crate::common::finish(dir.command().current_dir(dir.join("here")).args([
        "rewrite",
        "--diff",
        "../there/a.c",
    ]));
    let real = fs::canonicalize(dir.join("there/a.c")).unwrap();
    assert!(
        outside
            .exits(0)
            .out
            .contains(&format!("--- a{}\n", real.display()))
    );
    assert!(run.out.contains("--- a/there/a.c\n"));
}

#[test]
fn the_diff_of_a_link_is_that_of_its_target() {
    let dir = Dir::with(&[("real.c", SOURCE)]);
    std::os::unix::fs::symlink("real.c", dir.join("link.c")).unwrap();
    let run = dir.rewrite(&["--diff", "link.c"]).exits(0);
    assert!(run.out.contains("--- a/real.c\n"), "{run:?}");
}
