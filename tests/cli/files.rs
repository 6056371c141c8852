//! What happens to files: links, permissions, interruptions, and files that are none.

use crate::common::{BIN, Dir, PLAIN, RESULT, SOURCE, finish, is_root, result, skipped, tool};
use std::fs::{self, OpenOptions, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, SystemTime};

fn mode(dir: &Dir, name: &str) -> u32 {
    fs::metadata(dir.join(name)).unwrap().mode() & 0o7777
}

fn chmod(dir: &Dir, name: &str, mode: u32) {
    fs::set_permissions(dir.join(name), Permissions::from_mode(mode)).unwrap();
}

#[test]
fn mode_is_kept() {
    let dir = Dir::new();
    for bits in [0o600, 0o644, 0o664, 0o754, 0o777, 0o4755] {
        dir.write("a.c", SOURCE);
        chmod(&dir, "a.c", bits);
        dir.rewrite(&["a.c"]).exits(0);
        assert_eq!(dir.read("a.c"), RESULT);
        assert_eq!(mode(&dir, "a.c"), bits, "{bits:o}");
    }
}

#[test]
fn owner_is_kept() {
    if !is_root() {
        skipped("only root can give files away");
        return;
    }
    let dir = Dir::with(&[("a.c", SOURCE)]);
    std::os::unix::fs::chown(dir.join("a.c"), Some(1234), Some(4321)).unwrap();
    chmod(&dir, "a.c", 0o640);
    dir.rewrite(&["a.c"]).exits(0);
    let metadata = fs::metadata(dir.join("a.c")).unwrap();
    assert_eq!((metadata.uid(), metadata.gid()), (1234, 4321));
    assert_eq!(mode(&dir, "a.c"), 0o640);
    assert_eq!(dir.read("a.c"), RESULT);
}

#[test]
fn links_are_followed_not_replaced() {
    let dir = Dir::with(&[("real/a.c", SOURCE), ("d/b.c", PLAIN)]);
    symlink("../real/a.c", dir.join("d/link.c")).unwrap();
    symlink("link.c", dir.join("d/second.c")).unwrap();
    dir.rewrite(&["d/second.c"]).exits(0);
    assert_eq!(dir.read("real/a.c"), RESULT);
    for link in ["d/link.c", "d/second.c"] {
        assert!(dir.join(link).symlink_metadata().unwrap().is_symlink());
    }
    // Met in a directory.
    dir.write("real/a.c", SOURCE);
    dir.rewrite(&["d"]).exits(0);
    assert_eq!(dir.read("real/a.c"), RESULT);
    assert_eq!(dir.list("real"), ["a.c"]);
    assert_eq!(dir.list("d"), ["b.c", "link.c", "second.c"]);
}

#[test]
fn a_link_to_a_directory_can_be_named() {
    let dir = Dir::with(&[("real/a.c", SOURCE)]);
    symlink("real", dir.join("link")).unwrap();
    symlink(".", dir.join("real/loop")).unwrap();
    let run = dir.rewrite(&["--check", "link"]).exits(1);
    assert_eq!(run.out, "link/a.c\n");
    dir.rewrite(&["link"]).exits(0);
    assert_eq!(dir.read("real/a.c"), RESULT);
    assert!(dir.join("link").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn a_file_reached_twice_is_rewritten_once() {
    let dir = Dir::with(&[("d/a.c", SOURCE)]);
    symlink("a.c", dir.join("d/link.c")).unwrap();
    let paths = ["d/a.c", "d/../d/a.c", "d", "./d/link.c"];
    let run = dir.rewrite(&[&["--check"][..], &paths].concat()).exits(1);
    assert_eq!(run.out, "d/a.c\n");
    dir.rewrite(&paths).exits(0).says(&["1 call in 1 file"]);
    assert_eq!(dir.read("d/a.c"), RESULT);
}

#[test]
fn unchanged_files_are_not_touched() {
    let dir = Dir::with(&[("a.c", PLAIN), ("b.c", RESULT)]);
    let long_ago = SystemTime::now() - Duration::from_secs(1_000_000);
    let inode = |name: &str| fs::metadata(dir.join(name)).unwrap().ino();
    let before = (inode("a.c"), inode("b.c"));
    for name in ["a.c", "b.c"] {
        let file = OpenOptions::new().write(true).open(dir.join(name)).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    dir.rewrite(&["a.c", "b.c"]).exits(0);
    assert_eq!((inode("a.c"), inode("b.c")), before);
    for name in ["a.c", "b.c"] {
        let time = fs::metadata(dir.join(name)).unwrap().modified().unwrap();
        assert_eq!(time, long_ago);
    }
}

#[test]
fn a_read_only_file_is_left_alone() {
    let dir = Dir::with(&[("a.c", SOURCE), ("b.c", SOURCE)]);
    chmod(&dir, "a.c", 0o444);
    let run = dir.rewrite(&["a.c", "b.c"]).exits(2);
    run.says(&["a.c", "read-only", "chmod u+w", "-o"]);
    assert_eq!(dir.read("a.c"), SOURCE);
    assert_eq!(dir.read("b.c"), RESULT);
    // Looking is allowed.
    dir.rewrite(&["--check", "a.c"]).exits(1);
}

#[test]
fn a_binary_file_is_refused() {
    let dir = Dir::with(&[("d/good.c", SOURCE)]);
    dir.write("d/a.c", b"\x7fELF\0\0\0 free(p)");
    dir.write("d/wide.c", b"\xff\xfef\0r\0e\0e\0(\0");
    let run = dir.rewrite(&["d"]).exits(2);
    run.says(&["d/a.c: is not C source", "d/wide.c", "UTF-16", "iconv"]);
    assert_eq!(dir.read("d/good.c"), RESULT);
    assert_eq!(dir.bytes("d/a.c"), b"\x7fELF\0\0\0 free(p)");
}

#[test]
fn a_large_file_is_refused() {
    let dir = Dir::with(&[("d/good.c", SOURCE)]);
    let large = SOURCE.to_owned() + &"/* free */\n".repeat(1_000_000);
    dir.write("d/large.c", &large);
    let run = dir.rewrite(&["d"]).exits(2);
    run.says(&["d/large.c", "larger than 8388608 bytes", "--max-size"]);
    assert_eq!(dir.read("d/good.c"), RESULT);
    assert!(dir.read("d/large.c") == large);
    dir.rewrite(&["d/large.c"]).exits(2);
    dir.rewrite(&["--max-size", "16M", "d/large.c"]).exits(0);
    assert!(dir.read("d/large.c").contains("static_free(p)"));
    // One that has nothing to rewrite is no problem, unless it was named.
    dir.write("d/large.c", "int x;\n".repeat(2_000_000));
    dir.rewrite(&["d"]).exits(0);
    dir.rewrite(&["d/large.c"]).exits(2);
    dir.rewrite(&["--max-size", "10", "d/good.c"]).exits(2);
}

#[test]
fn a_vanished_file_and_a_dangling_link_are_errors() {
    let dir = Dir::with(&[("d/a.c", SOURCE)]);
    symlink("nowhere.c", dir.join("d/link.c")).unwrap();
    dir.rewrite(&["d"]).exits(2).says(&["d/link.c", "dangling"]);
    assert_eq!(dir.read("d/a.c"), RESULT);
    dir.rewrite(&["gone.c"]).exits(2).says(&["gone.c"]);
    dir.rewrite(&["--check", "gone/"]).exits(2);
    dir.rewrite(&["--diff", "gone.c"]).exits(2);
}

#[test]
fn devices_and_pipes_are_not_replaced() {
    let dir = Dir::new();
    dir.rewrite(&["/dev/null"]).exits(0);
    tool(dir.path(), "mkfifo", &["pipe.c", "other.c"]);
    // In a directory they are passed by.
    dir.rewrite(&["."]).exits(0);
    let path = dir.join("pipe.c");
    let feeder = thread::spawn(move || {
        for _ in 0..2 {
            fs::write(&path, SOURCE).unwrap();
            thread::sleep(Duration::from_millis(50));
        }
    });
    dir.rewrite(&["pipe.c"])
        .exits(2)
        .says(&["no regular file", "use -"]);
    feeder.join().unwrap();
}

/// Runs as a user without rights what only fails for such a user.
fn as_nobody(dir: &Dir, args: &[&str]) -> crate::common::Run {
    let mut command = if is_root() {
        let bin = dir.join(".bin/bpf-malloc");
        fs::create_dir_all(bin.parent().unwrap()).unwrap();
        fs::copy(BIN, &bin).unwrap();
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]);
        command.arg(bin);
        command
    } else {
        Command::new(BIN)
    };
    finish(command.arg("rewrite").args(args).current_dir(dir.path()))
}

#[test]
fn missing_permissions_are_explained() {
    let dir = Dir::with(&[("open/secret.c", SOURCE), ("open/good.c", PLAIN)]);
    dir.write("closed/a.c", SOURCE);
    dir.write("fixed/a.c", SOURCE);
    chmod(&dir, "open/secret.c", 0o000);
    chmod(&dir, "closed", 0o000);
    chmod(&dir, "fixed", 0o555);
    chmod(&dir, "fixed/a.c", 0o666);
    let run = as_nobody(&dir, &["open", "closed", "fixed"]).exits(2);
    run.says(&[
        "open/secret.c: cannot be read",
        "closed: cannot be read",
        "fixed/a.c: cannot be replaced",
        "permission to write to its directory",
    ]);
    chmod(&dir, "closed", 0o755);
    chmod(&dir, "fixed", 0o755);
    assert_eq!(dir.read("closed/a.c"), SOURCE);
    assert_eq!(dir.read("fixed/a.c"), SOURCE);
}

#[test]
fn the_owner_of_anothers_file_is_not_lost() {
    if !is_root() {
        skipped("takes files of two users, which only root can make");
        return;
    }
    let dir = Dir::with(&[("d/a.c", SOURCE)]);
    chmod(&dir, "d", 0o777);
    chmod(&dir, "d/a.c", 0o666);
    as_nobody(&dir, &["d/a.c"])
        .exits(2)
        .says(&["owner and group could not be kept"]);
    assert_eq!(dir.read("d/a.c"), SOURCE);
    assert_eq!(dir.list("d"), ["a.c"]);
}

/// Whether a process has a file of this name open.
fn has_open(process: u32, name: &str) -> bool {
    fs::read_dir(format!("/proc/{process}/fd")).is_ok_and(|entries| {
        entries
            .filter_map(|entry| fs::read_link(entry.ok()?.path()).ok())
            .any(|target| target.ends_with(name))
    })
}

#[test]
fn a_file_that_changes_meanwhile_is_not_overwritten() {
    let dir = Dir::with(&[("a.c", SOURCE), ("b.c", SOURCE)]);
    tool(dir.path(), "mkfifo", &["z.c"]);
    let mut command = dir.command();
    let command = command.args(["rewrite", "-j", "1", "a.c", "b.c", "z.c"]);
    let child = command.stdout(Stdio::null()).spawn().unwrap();
    // The pipe is read twice: at the first look, and when a.c and b.c have been planned. Only when
    // the first reader has closed it does opening it again wait for the second.
    fs::write(dir.join("z.c"), SOURCE).unwrap();
    while has_open(child.id(), "z.c") {
        thread::sleep(Duration::from_millis(1));
    }
    let mut pipe = OpenOptions::new()
        .write(true)
        .open(dir.join("z.c"))
        .unwrap();
    let changed = SOURCE.replace("drop", "dropped");
    dir.write("a.c", &changed);
    // Not overwritten either where only the time has not changed.
    pipe.write_all(b"free(").unwrap();
    drop(pipe);
    let output = child.wait_with_output().unwrap();
    let run = result(output);
    if run.code == 0 {
        panic!("the pipe was read once only: {run:#?}");
    }
    run.exits(2).says(&[
        "a.c: was not written: it has changed",
        "run the command again",
    ]);
    assert_eq!(dir.read("a.c"), changed);
    assert_eq!(dir.read("b.c"), RESULT);
}

#[test]
fn interrupting_leaves_whole_files() {
    let dir = Dir::new();
    let count = 400;
    for i in 0..count {
        dir.write(format!("d/{i}.c"), SOURCE);
    }
    let mut interrupted = 0;
    for delay in [1, 5, 10, 15, 20, 30, 40, 60] {
        let mut command = dir.command();
        let child = command.args(["rewrite", "d"]).spawn().unwrap();
        thread::sleep(Duration::from_millis(delay));
        tool(
            dir.path(),
            "sh",
            &["-c", &format!("kill -INT {} || true", child.id())],
        );
        let run = result(child.wait_with_output().unwrap());
        interrupted += usize::from(run.code != 0);
        assert_eq!(
            dir.list("d").len(),
            count,
            "a temporary file is left: {run:?}"
        );
        for i in 0..count {
            let text = dir.read(format!("d/{i}.c"));
            assert!(
                text == SOURCE || text == RESULT,
                "{i}.c is neither old nor new"
            );
            dir.write(format!("d/{i}.c"), SOURCE);
        }
    }
    assert!(interrupted > 0, "every run was done before the signal came");
}

#[test]
fn waiting_for_input_can_be_interrupted() {
    let dir = Dir::new();
    tool(dir.path(), "mkfifo", &["a.c"]);
    let child = dir.command().args(["rewrite", "a.c"]).spawn().unwrap();
    thread::sleep(Duration::from_millis(200));
    tool(dir.path(), "kill", &["-TERM", &child.id().to_string()]);
    result(child.wait_with_output().unwrap()).exits(130);
}

#[test]
fn root_is_a_fence() {
    let dir = Dir::with(&[("in/a.c", SOURCE), ("out/b.c", SOURCE)]);
    symlink("../out/b.c", dir.join("in/link.c")).unwrap();
    let run = dir.rewrite(&["--root", "in", "in"]).exits(2);
    run.says(&["in/link.c", "outside of", "--root"]);
    assert_eq!(dir.read("in/a.c"), RESULT);
    assert_eq!(dir.read("out/b.c"), SOURCE);
    dir.rewrite(&["--root", "in", "-o", "in/../x.c", "out/b.c"])
        .exits(2);
    dir.rewrite(&["--root", "in", "-o", "in/new/x.c", "out/b.c"])
        .exits(0);
    assert!(!dir.exists("x.c") && dir.exists("in/new/x.c"));
}

#[test]
fn directories_are_walked_as_git_would() {
    let dir = Dir::new();
    for name in [
        "a.c",
        "b.h",
        "Makefile",
        "c.cpp",
        ".hidden.c",
        ".git/x.c",
        "built/x.c",
        "sub/gen.c",
        "sub/kept.c",
        "sub/deep/gen.c",
        "sub/deep/own.c",
        "dynamic_memory.h",
    ] {
        dir.write(name, SOURCE);
    }
    dir.write(".gitignore", "/built/\ngen.c\n");
    dir.write("sub/.gitignore", "deep/own.c\n!deep/gen.c\n");
    let run = dir.rewrite(&["--check", "."]).exits(1);
    assert_eq!(run.out, "a.c\nb.h\nsub/deep/gen.c\nsub/kept.c\n");
    // One above counts too, but not for what is named.
    let run = dir.rewrite(&["--check", "sub"]).exits(1);
    assert_eq!(run.out, "sub/deep/gen.c\nsub/kept.c\n");
    let run = dir.rewrite(&["--check", "built", "sub/gen.c"]).exits(1);
    assert_eq!(run.out, "built/x.c\nsub/gen.c\n");
    let run = dir.rewrite(&["--check", "--ext", "cpp,.h", "."]).exits(1);
    assert_eq!(run.out, "b.h\nc.cpp\n");
    let run = dir.rewrite(&["--check", "Makefile", ".hidden.c"]).exits(1);
    assert_eq!(run.out, "Makefile\n.hidden.c\n");
    dir.write(".git/info/exclude", "b.h\n");
    let run = dir.rewrite(&["--check", "--ext", "h", "."]).exits(0);
    assert_eq!(run.out, "");
}

#[test]
fn gitignore_counts_in_repositories_only() {
    let dir = Dir::with(&[
        ("p/a.c", SOURCE),
        ("p/r/.git/HEAD", ""),
        ("p/r/b.c", SOURCE),
    ]);
    dir.write("p/.gitignore", "*\n");
    dir.write("p/r/.gitignore", "c.c\n");
    dir.write("p/r/sub/c.c", SOURCE);
    dir.write("p/s/c.c", SOURCE);
    dir.write("p/s/.gitignore", "c.c\n");
    let run = dir.rewrite(&["--check", "p"]).exits(1);
    assert_eq!(run.out, "p/a.c\np/r/b.c\np/s/c.c\n");
}

#[test]
fn the_header_itself_is_never_rewritten() {
    let dir = Dir::with(&[("dynamic_memory.h", SOURCE)]);
    dir.rewrite(&["dynamic_memory.h"]).exits(0);
    dir.rewrite(&["."]).exits(0);
    assert_eq!(dir.read("dynamic_memory.h"), SOURCE);
}

#[test]
fn names_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let name = Path::new(std::ffi::OsStr::from_bytes(b"l\xe9.c"));
    let dir = Dir::new();
    dir.write(name, SOURCE);
    let run = dir.rewrite(&["--check", "."]).exits(1);
    assert_eq!(run.bytes, b"l\xe9.c\n");
    dir.rewrite(&["."]).exits(0);
    assert_eq!(dir.read(name), RESULT);
}
