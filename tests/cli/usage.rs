//! Arguments, exit codes, and the small subcommands.

use crate::common::{BIN, Dir, HARD, PLAIN, RESULT, SOURCE, finish, result, tool};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn no_path_is_an_error_with_a_hint() {
    let run = Dir::new().rewrite(&[] as &[&str]).exits(2);
    run.says(&["no files given", "bpf-malloc rewrite src/", "--diff"]);
}

#[test]
fn wrong_usage_is_2() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    for args in [
        &["--nonsense", "a.c"][..],
        &["--on-null", "maybe", "a.c"],
        &["--on-null", "return=", "a.c"],
        &["--max-size", "big", "a.c"],
        &["--jobs", "0", "a.c"],
        &["--message-format", "xml", "a.c"],
        &["-o", "b.c", "--check", "a.c"],
        &["-o", "b.c", "--diff", "a.c"],
        &["--quiet", "--verbose", "a.c"],
        &["--stdin-filename", "x.c", "a.c"],
        &["-", "a.c"],
        &["--root", "nowhere", "a.c"],
    ] {
        let run = dir.rewrite(args).exits(2);
        assert!(!run.err.is_empty(), "{args:?} says nothing");
    }
    assert_eq!(dir.read("a.c"), SOURCE);
    finish(&mut Command::new(BIN)).exits(2);
}

#[test]
fn in_place_is_the_default() {
    let dir = Dir::with(&[("a.c", SOURCE), ("b.c", PLAIN)]);
    let run = dir.rewrite(&["a.c", "b.c"]).exits(0);
    let run = run.says(&["rewrote 1 call in 1 file"]);
    assert_eq!(run.out, "");
    assert_eq!(dir.read("a.c"), RESULT);
    assert_eq!(dir.read("b.c"), PLAIN);
}

#[test]
fn second_run_changes_nothing() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    dir.rewrite(&["a.c"]).exits(0);
    dir.rewrite(&["--check", "a.c"])
        .exits(0)
        .says(&["nothing to rewrite"]);
    dir.rewrite(&["a.c"]).exits(0);
    assert_eq!(dir.read("a.c"), RESULT);
}

#[test]
fn check_names_the_files_and_writes_nothing() {
    let dir = Dir::with(&[("d/a.c", SOURCE), ("d/b.c", PLAIN), ("d/c.h", SOURCE)]);
    let run = dir.rewrite(&["--check", "d"]).exits(1);
    assert_eq!(run.out, "d/a.c\nd/c.h\n");
    assert_eq!(dir.read("d/a.c"), SOURCE);
    dir.rewrite(&["--check", "d/b.c"]).exits(0);
}

#[test]
fn check_and_diff_combine() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    let run = dir.rewrite(&["--check", "--diff", "a.c"]).exits(1);
    assert!(run.out.starts_with("diff --git a/a.c b/a.c\n"), "{run:?}");
    assert_eq!(dir.read("a.c"), SOURCE);
}

#[test]
fn a_place_that_needs_a_person_is_1() {
    let dir = Dir::with(&[("a.c", HARD)]);
    dir.rewrite(&["a.c"]).exits(1).says(&[
        "function-pointer",
        "a.c:5:7",
        "each(free);",
        "1 place needs you",
    ]);
    dir.rewrite(&["--check", "a.c"]).exits(1);
    dir.rewrite(&["--diff", "a.c"])
        .exits(0)
        .says(&["function-pointer"]);
    dir.rewrite(&["--diff", "--check", "a.c"]).exits(1);
}

#[test]
fn an_error_outweighs_work_and_the_rest_is_done() {
    let dir = Dir::with(&[("a.c", SOURCE), ("hard.c", HARD)]);
    for flag in ["--check", "--diff", "-v"] {
        let run = dir.rewrite(&[flag, "missing.c", "hard.c"]).exits(2);
        run.says(&["missing.c", "check the name"]);
    }
    dir.rewrite(&["missing.c", "a.c"]).exits(2);
    assert_eq!(dir.read("a.c"), RESULT);
}

#[test]
fn quiet_says_nothing_but_errors() {
    let dir = Dir::with(&[("a.c", SOURCE), ("hard.c", HARD)]);
    let run = dir.rewrite(&["-q", "--check", "a.c", "hard.c"]).exits(1);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
    dir.rewrite(&["-q", "missing.c"])
        .exits(2)
        .says(&["missing.c"]);
}

#[test]
fn verbose_explains_every_edit() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    dir.rewrite(&["-v", "--check", "a.c"]).exits(1).says(&[
        "call",
        "a.c:5:2",
        "free(p);",
        "include",
        "dynamic_memory.h",
    ]);
}

#[test]
fn colors_are_for_terminals() {
    let dir = Dir::with(&[("a.c", SOURCE), ("hard.c", HARD)]);
    let run = dir.rewrite(&["--diff", "a.c", "hard.c"]).exits(0);
    assert!(!run.out.contains('\x1b') && !run.err.contains('\x1b'));
    let run = dir
        .rewrite(&["--diff", "--color", "always", "a.c", "hard.c"])
        .exits(0);
    assert!(
        run.out.contains("\x1b[32m+\tstatic_free(p);\x1b[m\n"),
        "{run:?}"
    );
    assert!(run.err.contains('\x1b'));
    // `script` gives the command a terminal.
    let shell = |env: &str| {
        let line = format!("{env} '{BIN}' rewrite --diff a.c");
        tool(dir.path(), "script", &["-qec", &line, "/dev/null"])
    };
    assert!(shell("TERM=xterm").contains("\x1b[32m+"));
    assert!(!shell("TERM=xterm NO_COLOR=1").contains('\x1b'));
    assert!(!shell("TERM=dumb").contains('\x1b'));
}

#[test]
fn a_broken_pipe_is_silent_and_not_0() {
    let dir = Dir::new();
    for i in 0..400 {
        dir.write(format!("d/{i}.c"), SOURCE.repeat(40));
    }
    let mut command = dir.command();
    let mut child = command
        .args(["rewrite", "--diff", "d"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut start = [0; 16];
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_exact(&mut start).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(2), "output is lost: {output:?}");
    let said = String::from_utf8_lossy(&output.stderr).to_lowercase();
    assert!(!said.contains("pipe") && !said.contains("stdout"), "{said}");
    assert_eq!(&start, b"diff --git a/d/0");
}

#[test]
fn a_closed_pipe_is_2_for_every_output() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    let run = |args: &[&str]| {
        let mut command = dir.command();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        result(command.args(args).stdout(writer).output().unwrap())
    };
    for args in [
        &["rewrite", "--diff", "a.c"][..],
        &["rewrite", "--check", "a.c"],
        &["rewrite", "-o", "-", "a.c"],
        &["rewrite", "--check", "--message-format", "json", "a.c"],
        &["header"],
        &["man"],
        &["completions", "bash"],
    ] {
        assert_eq!(run(args).exits(2).out, "", "{args:?}");
    }
    // There was nothing to print.
    run(&["rewrite", "-q", "--diff", "/dev/null"]).exits(0);
}

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    let line = format!("'{BIN}' rewrite --diff a.c >/dev/full");
    let run = finish(
        Command::new("sh")
            .args(["-c", &line])
            .current_dir(dir.path()),
    );
    run.exits(2).says(&["cannot write to stdout"]);
}

#[test]
fn any_number_of_threads_gives_the_same() {
    let dir = Dir::new();
    for i in 0..100 {
        dir.write(
            format!("d/{}/{i}.c", i % 7),
            if i % 3 == 0 { HARD } else { SOURCE },
        );
    }
    let one = dir.rewrite(&["-j", "1", "--diff", "d"]).exits(0);
    for jobs in ["2", "3", "16"] {
        let many = dir.rewrite(&["-j", jobs, "--diff", "d"]).exits(0);
        assert_eq!(one.out, many.out);
        assert_eq!(one.err, many.err);
    }
}

#[test]
fn completions_for_every_shell() {
    let dir = Dir::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = dir.run(&["completions", shell]).exits(0);
        assert!(run.out.contains("emit-header"), "{shell}");
    }
    dir.run(&["completions", "dos"]).exits(2);
    let script = dir.run(&["completions", "bash"]).out;
    dir.write("complete.bash", script);
    let line = "source ./complete.bash && complete -p bpf-malloc";
    assert!(tool(dir.path(), "bash", &["-c", line]).contains("bpf-malloc"));
}

#[test]
fn manual_pages() {
    let dir = Dir::new();
    let run = dir.run(&["man"]).exits(0);
    assert!(run.out.contains(".TH bpf-malloc 1"), "{run:?}");
    let run = dir.run(&["man", "rewrite"]).exits(0);
    for text in [
        ".TH bpf-malloc-rewrite 1",
        "\\-\\-on\\-null",
        "Exit codes",
        "bpf\\-malloc.toml",
    ] {
        assert!(run.out.contains(text), "the manual lacks {text}");
    }
    dir.run(&["man", "nonsense"])
        .exits(2)
        .says(&["the subcommands are rewrite, cc, header"]);
}

#[test]
fn header_prints_and_writes() {
    let dir = Dir::new();
    let text = include_str!("../../include/dynamic_memory.h");
    let printed = dir.run(&["header"]).exits(0).out;
    // A last line tells whether it was changed by hand.
    let seal = printed.strip_prefix(text).unwrap();
    assert!(seal.starts_with("/* bpf-malloc wrote this") && seal.lines().count() == 1);
    let text = printed;
    dir.run(&["header", "-o", "mine.h"]).exits(0);
    assert_eq!(dir.read("mine.h"), text);
    dir.write("d/x.c", "");
    dir.run(&["header", "-o", "d"]).exits(0);
    assert_eq!(dir.read("d/dynamic_memory.h"), text);
    dir.run(&["header", "-o", "new/"]).exits(0);
    assert_eq!(dir.read("new/dynamic_memory.h"), text);
    dir.run(&["header", "--heaps", "8", "-o", "new/"]).exits(0);
    assert_ne!(dir.read("new/dynamic_memory.h"), text);
    let edited = text.replace("#define POOL_SIZE ", "#define POOL_SIZE 2 * ");
    dir.write("new/dynamic_memory.h", &edited);
    let run = dir.run(&["header", "-o", "new/"]).exits(2);
    run.says(&["new/dynamic_memory.h", "changed by hand"]);
    assert_eq!(dir.read("new/dynamic_memory.h"), edited);
    let run = dir
        .run(&["header", "--pool-size", "128K", "--heaps", "8", "--debug"])
        .exits(0);
    assert!(run.out.contains("#define POOL_SIZE 131072\n"));
    assert!(run.out.contains("#define DYNAMIC_MEMORY_HEAPS 8\n"));
    assert!(run.out.contains("#define DYNAMIC_MEMORY_DEBUG\n"));
    dir.run(&["header", "--heaps", "3"])
        .exits(2)
        .says(&["power of two", "choose"]);
    let args = ["header", "--pool-size", "8M", "--min-kernel", "5.15"];
    dir.run(&args).exits(2).says(&["5.15", "6.0"]);
    dir.run(&["header", "--min-kernel", "six"]).exits(2);
    dir.run(&["header", "-o", "/proc/none/x.h"])
        .exits(2)
        .says(&["cannot be written"]);
}

#[test]
fn every_command_has_examples() {
    let dir = Dir::new();
    let help = dir.run(&["--help"]).exits(0).out;
    let (_, commands) = help.split_once("Commands:\n").expect("commands");
    let names = commands.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let names: Vec<_> = names
        .filter(|name| !name.is_empty() && *name != "help")
        .collect();
    assert!(names.len() >= 9, "{names:?}");
    for name in names {
        let help = dir.run(&[name, "--help"]).exits(0).out;
        assert!(help.contains("\nExamples:\n  bpf-malloc "), "{name}");
    }
}

#[test]
fn version_and_help() {
    let dir = Dir::new();
    let run = dir.run(&["--version"]).exits(0);
    let first = concat!("bpf-malloc ", env!("CARGO_PKG_VERSION"));
    assert_eq!(run.out.lines().next(), Some(first));
    let run = dir.run(&["rewrite", "--help"]).exits(0);
    assert!(run.out.contains("Exit codes:") && run.out.contains("max-size"));
}

#[test]
fn a_call_that_moves_to_a_variable_is_counted() {
    let source = "struct s { int x; };\n\nint f(void)\n{\n\tint got = \
                  ((struct s *)malloc(8))->x;\n\treturn got;\n}\n";
    let dir = Dir::with(&[("a.c", source)]);
    let run = dir.rewrite(&["--backend", "map", "a.c"]).exits(0);
    assert!(
        dir.read("a.c").contains("= static_malloc(8);"),
        "{}",
        dir.read("a.c")
    );
    run.says(&["rewrote 1 call in 1 file"]);
}
