//! What happens to files: links, permissions, interruptions, and files that are none.

use crate::common::{
    BIN, Dir, HARD, PLAIN, RESULT, Run, SOURCE, finish, flat, is_root, result, skipped, tool,
};
use std::fs::{self, OpenOptions, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Child, ChildStdout, Command};
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

/// What a file is made of may take a hundred times its size.
#[test]
fn files_of_marks_alone_are_refused_in_little_memory() {
    let dir = Dir::with(&[("d/good.c", SOURCE)]);
    for marks in ["(", "{", "()", ";", "*", "a,"] {
        let text = format!(
            "int f(void *p) {{ free(p); {}",
            marks.repeat(8_000_000 / marks.len())
        );
        dir.write("d/dense.c", &text);
        let limited = format!("ulimit -v 400000; exec {BIN} rewrite --diff d");
        let run = finish(dir.command_of("sh").args(["-c", &limited])).exits(2);
        let run = run.says(&["d/dense.c: was left alone", "--exclude"]);
        assert!(run.out.contains("+++ b/d/good.c"), "{marks}: {run:?}");
    }
    // Somewhere else it is nobody's concern.
    dir.write("d/dense.c", "(".repeat(8_000_000));
    dir.rewrite(&["d"]).exits(0);
}

#[test]
fn a_vanished_file_is_an_error_and_a_dangling_link_is_not() {
    let dir = Dir::with(&[("d/a.c", SOURCE)]);
    symlink("nowhere.c", dir.join("d/link.c")).unwrap();
    // Real trees have them.
    dir.rewrite(&["d"]).exits(0).says(&["d/link.c", "dangling"]);
    assert_eq!(dir.read("d/a.c"), RESULT);
    assert_eq!(dir.rewrite(&["-q", "d"]).exits(0).err, "");
    let json = dir.rewrite(&["--message-format", "json", "d"]).exits(0);
    assert!(json.out.contains("\"severity\":\"note\""), "{json:?}");
    let sarif = dir.rewrite(&["--message-format", "sarif", "d"]).exits(0);
    let successful = sarif.out.replace(' ', "");
    assert!(
        successful.contains("\"executionSuccessful\":true"),
        "{sarif:?}"
    );
    dir.rewrite(&["d/link.c"]).exits(2).says(&["d/link.c"]);
    dir.rewrite(&["gone.c"]).exits(2).says(&["gone.c"]);
    dir.rewrite(&["--check", "gone/"]).exits(2);
    dir.rewrite(&["--diff", "gone.c"]).exits(2);
}

#[test]
fn devices_are_not_replaced_and_pipes_not_waited_for() {
    let dir = Dir::with(&[(
        "d/a.bpf.c",
        "#include <linux/bpf.h>\n#include \"pipe.h\"\nvoid f(void *p) { free(p); }\n",
    )]);
    dir.rewrite(&["/dev/null"]).exits(0);
    tool(dir.path(), "mkfifo", &["d/pipe.c", "d/pipe.h"]);
    // In a directory they are passed by, as headers they are not there.
    dir.rewrite(&["d"]).exits(0);
    assert!(dir.read("d/a.bpf.c").contains("static_free(p)"));
    for mode in [&[][..], &["--diff"], &["--check"], &["-o", "-"]] {
        let run = dir.rewrite(&[mode, &["d/pipe.c"]].concat()).exits(2);
        run.says(&["no", "regular file", "use -"]);
    }
    // Without end, and bounded.
    dir.rewrite(&["--check", "/dev/zero"]).exits(2);
}

#[test]
fn names_do_not_command_the_terminal() {
    let name = "d/\x1b[2Jfree\n.c";
    let dir = Dir::with(&[(name, HARD)]);
    let check = dir.rewrite(&["--check", "d"]).exits(1);
    let run = dir.rewrite(&["d"]);
    for text in [&check.out, &check.err, &run.err] {
        assert!(!text.contains('\x1b'), "{text:?}");
    }
    assert!(flat(&run.err).contains("\\u{1b}[2Jfree\\n.c"), "{run:?}");
    dir.write(name, SOURCE);
    let run = dir.rewrite(&["--check", "d"]).exits(1);
    assert_eq!(run.out, "\"d/\\033[2Jfree\\n.c\"\n", "as git names it");
}

/// The links, the user's attributes: what a file has beside its bytes.
#[test]
fn attributes_are_kept_and_broken_links_told() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    fs::hard_link(dir.join("a.c"), dir.join("b.c")).unwrap();
    let name = std::ffi::CString::new("user.origin").unwrap();
    let path =
        std::ffi::CString::new(dir.join("a.c").into_os_string().into_encoded_bytes()).unwrap();
    // SAFETY: both names end with a NUL, and the value has the length that is told.
    let set =
        unsafe { libc::setxattr(path.as_ptr(), name.as_ptr(), b"here".as_ptr().cast(), 4, 0) };
    let run = dir.rewrite(&["a.c"]).exits(0);
    run.says(&["a.c", "1 other name", "hard links", "ln -f"]);
    assert_eq!(
        (dir.read("a.c"), dir.read("b.c")),
        (RESULT.into(), SOURCE.into())
    );
    if set != 0 {
        return skipped("takes a file system with the attributes of users");
    }
    let mut value = [0_u8; 16];
    // SAFETY: as above, and the buffer has room for what is told.
    let length = unsafe {
        libc::getxattr(
            path.as_ptr(),
            name.as_ptr(),
            value.as_mut_ptr().cast(),
            value.len(),
        )
    };
    assert_eq!(&value[..length.max(0) as usize], b"here");
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
    let dir = Dir::with(&[("d/a.bpf.c", SOURCE)]);
    chmod(&dir, "d", 0o777);
    chmod(&dir, "d/a.bpf.c", 0o666);
    as_nobody(&dir, &["d/a.bpf.c"])
        .exits(2)
        .says(&["owner and group could not be kept"]);
    assert_eq!(dir.read("d/a.bpf.c"), SOURCE);
    assert_eq!(dir.list("d"), ["a.bpf.c"]);
}

/// A file whose report in JSON is longer than what a pipe and a buffer before it hold.
fn talkative() -> String {
    let calls = "\tfree(p);\n".repeat(4000);
    format!("void drop(void *p)\n{{\n{calls}}}\n")
}

/// Starts a run over `files`, and waits until it tells about the last, which is [`talkative`]: all
/// before it have been planned, and before somebody reads on nothing is written.
fn planned(dir: &Dir, files: &[&str]) -> (Child, ChildStdout) {
    let mut command = dir.command();
    let args = ["rewrite", "-j", "1", "--message-format", "json"];
    let mut child = command.args(args).args(files).spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut [0]).unwrap();
    (child, out)
}

#[test]
fn a_file_that_changes_meanwhile_is_not_overwritten() {
    let dir = Dir::with(&[("a.c", SOURCE), ("b.c", SOURCE), ("z.c", &talkative())]);
    let (child, mut out) = planned(&dir, &["a.c", "b.c", "z.c"]);
    let changed = SOURCE.replace("drop", "dropped");
    dir.write("a.c", &changed);
    let mut report = Vec::from(b"{");
    out.read_to_end(&mut report).unwrap();
    let run = result(child.wait_with_output().unwrap());
    run.exits(2).says(&[
        "a.c: was not written: it has changed",
        "run the command again",
    ]);
    assert_eq!(dir.read("a.c"), changed);
    assert_eq!(dir.read("b.c"), RESULT);
    // What could not be written is not counted.
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    assert_eq!(
        report["summary"]["files_changed"], 2,
        "{}",
        report["summary"]
    );
    assert_eq!(report["summary"]["calls"], 4001);
}

#[test]
fn waiting_for_a_reader_can_be_interrupted() {
    let dir = Dir::with(&[("a.c", SOURCE), ("z.c", &talkative())]);
    let (child, out) = planned(&dir, &["a.c", "z.c"]);
    tool(dir.path(), "kill", &["-TERM", &child.id().to_string()]);
    result(child.wait_with_output().unwrap()).exits(130);
    drop(out);
    assert_eq!(dir.read("a.c"), SOURCE);
}

/// Runs over `count` files and sends `signal` as soon as the file `number` has changed. Every file
/// is then either old or new; returns what the run said, and how many files are new.
fn stop_at(dir: &Dir, count: usize, number: usize, signal: &str) -> (Run, usize) {
    for i in 0..count {
        dir.write(format!("d/{i:03}.c"), SOURCE);
    }
    let mut command = dir.command();
    let mut child = command.args(["rewrite", "-j", "2", "d"]).spawn().unwrap();
    while dir.read(format!("d/{number:03}.c")) == SOURCE && child.try_wait().unwrap().is_none() {
        thread::sleep(Duration::from_millis(1));
    }
    // Until it is waited for, its number is nobody else's.
    if child.try_wait().unwrap().is_none() {
        let kill = format!("kill -{signal} {} || true", child.id());
        tool(dir.path(), "sh", &["-c", &kill]);
    }
    let run = result(child.wait_with_output().unwrap());
    let texts: Vec<String> = (0..count)
        .map(|i| dir.read(format!("d/{i:03}.c")))
        .collect();
    for (i, text) in texts.iter().enumerate() {
        assert!(
            text == SOURCE || text == RESULT,
            "{i}.c is neither old nor new"
        );
    }
    (run, texts.iter().filter(|text| *text == RESULT).count())
}

/// So many files that a run over them is not done before a signal comes, whatever else the machine does: at
/// first those that one processor takes a moment for, then twice as many, until `stopped` says of a run that
/// it was.
fn until_stopped(count: usize, mut stopped: impl FnMut(usize) -> bool) {
    let mut counts = (0..8).map(|doubled| count << doubled);
    assert!(
        counts.any(&mut stopped),
        "every run was done before the signal came"
    );
}

#[test]
fn interrupting_leaves_whole_files() {
    until_stopped(100, |count| {
        let dir = Dir::new();
        let mut interrupted = false;
        for number in [0, 3, 20, 60] {
            let (run, _) = stop_at(&dir, count, number, "INT");
            interrupted |= run.code == 130;
            let files = dir.list("d").len();
            assert_eq!(files, count, "a temporary file is left: {run:?}");
        }
        interrupted
    });
}

#[test]
fn killing_leaves_whole_files_and_the_next_run_cleans_up() {
    until_stopped(40, |count| {
        let dir = Dir::new();
        let mut killed = false;
        for number in [0, 1, 2, 5, 9, 20] {
            let (run, new) = stop_at(&dir, count, number, "KILL");
            killed |= run.code == -1 && new < count;
            // What the killed run may have left, and certainly once. Something is there to be written.
            dir.write("d/.bpf-malloc-Left00", "half of a fi");
            dir.write("d/000.c", SOURCE);
            dir.rewrite(&["d"]).exits(0);
            assert_eq!(dir.list("d").len(), count, "{:?}", dir.list("d"));
            assert_eq!(dir.read("d/000.c"), RESULT);
        }
        killed
    });
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
fn a_header_of_another_version_is_told() {
    let dir = Dir::with(&[("src/a.bpf.c", SOURCE)]);
    dir.run(&["header", "-o", "src/dynamic_memory.h"]).exits(0);
    let header = dir.read("src/dynamic_memory.h");
    let run = dir.rewrite(&["--check", "src"]).exits(1);
    assert!(!run.err.contains("-header"), "{}", run.err);
    let version = "#define DYNAMIC_MEMORY_VERSION ";
    let (before, after) = header.split_once(version).expect("a version");
    let after = after.trim_start_matches(|c: char| c.is_ascii_digit());
    for (line, code) in [
        (String::new(), "old-header"),
        (format!("{version}1"), "old-header"),
        (format!("{version}4000000000"), "new-header"),
    ] {
        dir.write("src/dynamic_memory.h", format!("{before}{line}{after}"));
        let run = dir.rewrite(&["--check", "src"]).exits(1);
        run.says(&[code, "src/dynamic_memory.h"]);
    }
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
