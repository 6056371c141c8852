//! What the compiler writes besides the object.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use bpf_malloc::judge::compile::{Clang, machine_arguments};

use super::project::run;
use super::{PROGRAM, clang, fine, tree};

const SOURCE: &str = "src/prog.bpf.c";

/// The options of every call.
fn options(command: &mut Command) -> &mut Command {
    command
        .args(["-target", "bpf", "-O2", "-g", "-Iinc", "-DFROM_LINE=1"])
        .args(machine_arguments())
}

/// `cc` under a clock: who waits for a pipe waits for ever.
fn ours(directory: &Path, compiler: &Path, words: &[&str]) -> Command {
    let mut command = Command::new("timeout");
    command.args(["60", env!("CARGO_BIN_EXE_bpf-malloc"), "cc"]);
    options(command.arg(compiler)).args(words);
    command.current_dir(directory).stdin(Stdio::null());
    command
}

fn called(directory: &Path, clang: &Clang, words: &[&str]) -> Output {
    ours(directory, &clang.program, words)
        .output()
        .expect("timeout is there")
}

fn is_right(rules: &str) -> bool {
    let named = |name| rules.contains(name);
    named(SOURCE)
        && named("inc/box.h")
        && !named("dynamic_memory.h")
        && !named("/tmp/bpf-malloc")
        && rules.matches(SOURCE).count() == 1
}

#[test]
fn dependencies_go_through_pipes() {
    let Some(clang) = clang("dependencies_go_through_pipes") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let object: &[&str] = &["-c", SOURCE, "-o", "out.o"];
    let spellings: [&[&str]; 8] = [
        &["-MD", "-MF", "/dev/stdout"],
        &["-MD", "-MF/dev/fd/1"],
        &["-MMD", "-MP", "-MF", "-"],
        &["-Wp,-MD,/dev/stdout"],
        &["-Wp,-MMD,/dev/fd/1"],
        &["-M", "-MF", "/dev/stdout"],
        &["-MM", "-MF", "-"],
        &["-M", "-o", "/dev/stdout"],
    ];
    for words in spellings {
        let output = called(root, &clang, &[object, words].concat());
        fine(&output);
        let rules = String::from_utf8_lossy(&output.stdout);
        assert!(is_right(&rules), "{words:?}: {rules}");
    }
    // A pipe with a name.
    run(Command::new("mkfifo").arg("fifo").current_dir(root));
    let fifo = root.join("fifo");
    let reader = thread::spawn(move || fs::read_to_string(fifo).expect("text"));
    fine(&called(
        root,
        &clang,
        &[object, &["-MD", "-MF", "fifo"]].concat(),
    ));
    let rules = reader.join().expect("the reader ends");
    assert!(is_right(&rules), "{rules}");
    // Beside an object that goes to stdout itself.
    let words = ["-MD", "-MF", "deps", "-c", SOURCE, "-o", "/dev/stdout"];
    let output = called(root, &clang, &words);
    fine(&output);
    assert!(output.stdout.starts_with(b"\x7fELF"), "an object");
    assert!(is_right(&fs::read_to_string(root.join("deps")).unwrap()));
}

#[test]
fn no_rule_with_our_header_is_ever_on_disk() {
    let Some(clang) = clang("no_rule_with_our_header_is_ever_on_disk") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    // What is there when the compiler ends, as if we were stopped then.
    let script = format!(
        "#!/bin/sh\n{} \"$@\" || exit\ncase $* in *--version) ;; *) ls >seen ;; esac\n",
        clang.program.display()
    );
    let wrapper = root.join("wrapper");
    fs::write(&wrapper, script).unwrap();
    run(Command::new("chmod").arg("+x").arg(&wrapper));
    let words = ["-MD", "-c", SOURCE, "-o", "out.o"];
    fine(&ours(root, &wrapper, &words).output().unwrap());
    let seen = fs::read_to_string(root.join("seen")).unwrap();
    assert!(seen.contains("out.o") && !seen.contains("out.d"), "{seen}");
    assert!(is_right(&fs::read_to_string(root.join("out.d")).unwrap()));
    // As it was when the compiler wrote it.
    fs::create_dir(root.join("kept")).unwrap();
    fs::rename(root.join("out.d"), root.join("kept/rules")).unwrap();
    std::os::unix::fs::symlink("kept/rules", root.join("out.d")).unwrap();
    fs::write(root.join("kept/rules"), "old").unwrap();
    fine(&called(root, &clang, &words));
    assert!(root.join("out.d").is_symlink());
    assert!(is_right(
        &fs::read_to_string(root.join("kept/rules")).unwrap()
    ));
}

#[test]
fn each_source_has_rules_of_its_own() {
    let Some(clang) = clang("each_source_has_rules_of_its_own") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    fs::write(root.join("src/other.c"), PROGRAM).unwrap();
    let sources = ["src/prog.bpf.c", "src/other.c"];
    fine(&called(
        root,
        &clang,
        &[&["-MD", "-c"][..], &sources].concat(),
    ));
    let beside = ["prog.bpf.d", "other.d"].map(|name| fs::read_to_string(root.join(name)).unwrap());
    let output = called(root, &clang, &[&["-M"][..], &sources].concat());
    fine(&output);
    let together = String::from_utf8_lossy(&output.stdout);
    for (source, rules) in sources.iter().zip(&beside) {
        for rules in [rules, &*together] {
            assert!(
                rules.contains(source) && !rules.contains("dynamic_memory.h"),
                "{rules}"
            );
        }
    }
}

#[test]
fn what_cannot_be_written_is_an_error() {
    let Some(clang) = clang("what_cannot_be_written_is_an_error") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    for file in ["absent/deps", "inc", "/dev/full"] {
        let words = ["-MD", "-MF", file, "-c", SOURCE, "-o", "out.o"];
        let output = called(root, &clang, &words);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file}: {said}");
        assert!(said.contains(file) && said.contains("error"), "{said}");
    }
    // The compiler itself noticed the first two, and left no object.
    let words = ["-MD", "-MF", "absent/deps", "-c", SOURCE, "-o", "none.o"];
    called(root, &clang, &words);
    assert!(!root.join("none.o").exists());
}

#[test]
fn entries_of_compilation_databases_are_the_originals() {
    let Some(clang) = clang("entries_of_compilation_databases_are_the_originals") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let entry = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let mut plain = Command::new(&clang.program);
    options(&mut plain).args(["-MJ", "plain.json", "-c", SOURCE, "-o", "out.o"]);
    run(plain.current_dir(root));
    for (words, file) in [
        (["-MJ", "a.json"].as_slice(), "a.json"),
        (&["-MJb.json"], "b.json"),
    ] {
        let object: &[&str] = &["-c", SOURCE, "-o", "out.o"];
        fine(&called(root, &clang, &[words, object].concat()));
        assert_eq!(entry(file), entry("plain.json"));
    }
}
