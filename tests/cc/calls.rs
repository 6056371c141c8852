//! Ways to call a compiler: its words, and where they and the sources come from.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use bpf_malloc::judge::compile::{Clang, machine_arguments};

use super::project::run;
use super::{PROGRAM, clang, fine, tree};

const LINKED: &str = include_str!("../../fixtures/loaders/sum.bpf.c");

fn ours() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"));
    command.arg("cc").stdin(Stdio::null());
    command
}

/// The options of every call.
fn options() -> Vec<String> {
    let mut words = ["-target", "bpf", "-O2", "-g", "-Iinc", "-DFROM_LINE=1"]
        .map(String::from)
        .to_vec();
    words.extend(machine_arguments());
    words
}

/// What the command puts in `out.o`.
fn object(command: &mut Command, root: &Path) -> Vec<u8> {
    run(command);
    let object = fs::read(root.join("out.o")).unwrap();
    fs::remove_file(root.join("out.o")).unwrap();
    object
}

/// The object of `src/prog.bpf.c` as it is called everywhere else.
fn usual(clang: &Clang, root: &Path) -> Vec<u8> {
    let mut command = ours();
    command.arg(&clang.program).args(options());
    command.args(["-c", "src/prog.bpf.c", "-o", "out.o"]);
    let object = object(command.current_dir(root), root);
    assert!(is_rewritten(&object));
    object
}

fn is_rewritten(object: &[u8]) -> bool {
    memchr::memmem::find(object, b"dynmem_").is_some()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn response_files() {
    let Some(clang) = clang("response_files") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let expected = usual(&clang, root);
    let words = options().join("\n");
    fs::write(root.join("more"), "'src/prog.bpf.c' -o \"out.o\"").unwrap();
    fs::write(root.join("args"), format!("{words} -c @more")).unwrap();
    let mut command = ours();
    command.arg(&clang.program).arg("@args").current_dir(root);
    assert_eq!(object(&mut command, root), expected);
    // A pipe, which is read once.
    run(Command::new("mkfifo").arg("fifo").current_dir(root));
    let fifo = root.join("fifo");
    let writer = thread::spawn(move || fs::write(fifo, format!("{words} -c @more")).unwrap());
    let mut command = ours();
    command.arg(&clang.program).arg("@fifo").current_dir(root);
    assert_eq!(object(&mut command, root), expected);
    writer.join().unwrap();
}

#[test]
fn working_directory() {
    let Some(clang) = clang("working_directory") else {
        return;
    };
    let dir = tree();
    let root = fs::canonicalize(dir.path()).unwrap();
    for words in [
        vec!["-working-directory".into(), root.display().to_string()],
        vec![format!("-working-directory={}", root.display())],
    ] {
        let mut command = ours();
        command.arg(&clang.program).args(options()).args(words);
        command.args(["-MD", "-MJ", "entry", "-c", "src/prog.bpf.c", "-o", "out.o"]);
        assert!(is_rewritten(&object(command.current_dir("/"), &root)));
        let rules = fs::read_to_string(root.join("out.d")).unwrap();
        assert!(
            rules.contains("box.h") && !rules.contains("dynamic_memory.h"),
            "{rules}"
        );
        let entry = fs::read_to_string(root.join("entry")).unwrap();
        assert!(!entry.contains("-ivfsoverlay"), "{entry}");
    }
}

#[test]
fn wrappers_before_the_compiler() {
    let Some(clang) = clang("wrappers_before_the_compiler") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    // Linked data: an arena, whose options depend on the version of clang.
    fs::write(root.join("src/prog.bpf.c"), LINKED).unwrap();
    let build = |wrapper: &[&str]| {
        let mut command = ours();
        command.arg("--").args(wrapper).arg(&clang.program);
        command.args(options());
        // Older ones have no arenas.
        command.args((clang.version >= 19).then_some("-DLINKED"));
        command.args(["-c", "src/prog.bpf.c", "-o", "out.o"]);
        object(command.current_dir(root), root)
    };
    let expected = build(&[]);
    for wrapper in [
        &["/usr/bin/env"][..],
        &["nice", "-n", "1", "env", "A=1"],
        &["nice", "--"],
    ] {
        assert_eq!(build(wrapper), expected, "{wrapper:?}");
    }
}

#[test]
fn options_of_the_build_count() {
    let Some(clang) = clang("options_of_the_build_count") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let build = |words: &[&str]| {
        let mut command = ours();
        command.arg(&clang.program).args(options()).args(words);
        command.current_dir(root).output().unwrap()
    };
    let macros = |words: &[&str]| {
        let output = build(&[words, &["-E", "-dM", "src/prog.bpf.c"]].concat());
        fine(&output);
        text(&output.stdout)
    };
    let define = "#define __BPF_CPU_VERSION__ ";
    // Older ones have no v4, and tell nothing.
    if clang.version >= 18 {
        assert!(macros(&[]).contains(&format!("{define}3")));
        fs::write(root.join("args"), "-mcpu=v4").unwrap();
        for words in ["-mcpu=v4", "@args"] {
            assert!(macros(&[words]).contains(&format!("{define}4")), "{words}");
        }
    }
    // Nothing but files stands behind these.
    fine(&build(&["-c", "-o", "out.o", "--", "src/prog.bpf.c"]));
    assert!(is_rewritten(&fs::read(root.join("out.o")).unwrap()));
}

/// The headers of the C library want to know how wide a `long` is.
#[test]
#[cfg(target_arch = "x86_64")]
fn headers_of_the_c_library() {
    let Some(clang) = clang("headers_of_the_c_library") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let source = PROGRAM
        .replace(
            "#include <stdlib.h>",
            "#include <stdlib.h>\n#include <time.h>",
        )
        .replace("struct box *box", "struct tm *box")
        .replace("value", "tm_sec");
    fs::write(root.join("src/prog.bpf.c"), source).unwrap();
    let build = |words: &[&str]| {
        let mut command = ours();
        command.arg(&clang.program);
        let mut options = options();
        options.retain(|word| word != "-D__x86_64__");
        command.args(options).args(["-Wall", "-Werror"]).args(words);
        command.args(["-c", "src/prog.bpf.c", "-o", "out.o"]);
        command.current_dir(root).output().unwrap()
    };
    fine(&build(&[]));
    // Who says it does so for a reason.
    fine(&build(&["-D__x86_64__=2"]));
    assert!(!build(&["-U__x86_64__"]).status.success());
    assert!(
        !build(&["-U__TARGET_ARCH_x86", "-D__TARGET_ARCH_arm64"])
            .status
            .success()
    );
}

/// Runs a command with this text on standard input.
fn fed(command: &mut Command, source: &str) -> Output {
    command.stdin(Stdio::piped());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(source.as_bytes()).unwrap();
    drop(input);
    child.wait_with_output().unwrap()
}

#[test]
fn sources_from_pipes_are_passed_on() {
    let Some(clang) = clang("sources_from_pipes_are_passed_on") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let given = |mut command: Command, source| {
        command.args(options());
        command.args(["-x", "c", "-c", "-", "-o", "out.o"]);
        fed(command.current_dir(root), source)
    };
    let with = || {
        let mut command = ours();
        command.arg(&clang.program);
        command
    };
    let read = || fs::read(root.join("out.o")).unwrap();
    let said = given(with(), PROGRAM);
    fine(&said);
    assert!(
        text(&said.stderr).starts_with("<stdin>: warning: "),
        "{said:?}"
    );
    let object = read();
    let plain = given(Command::new(&clang.program), PROGRAM);
    fine(&plain);
    assert_eq!(read(), object);
    // Nothing to say where nothing is allocated.
    let quiet = given(with(), "int number;\n");
    fine(&quiet);
    assert!(quiet.stderr.is_empty(), "{quiet:?}");
    // The compiler reads it beside a source that is rewritten, too.
    let mut command = with();
    command.args(options()).args(["-E", "src/prog.bpf.c", "-"]);
    let given = fs::File::open(root.join("src/plain.bpf.c")).unwrap();
    let output = command.current_dir(root).stdin(given).output().unwrap();
    fine(&output);
    let both = text(&output.stdout);
    assert!(
        both.contains("static_free(box)") && both.contains("int plain("),
        "{both}"
    );
    // Another pipe, as `<(...)` of a shell makes one.
    let mut command = Command::new("sh");
    command.args([
        "-c",
        "exec 3<&0 </dev/null; exec \"$@\" -x c -c /dev/fd/3 -o out.o",
        "sh",
    ]);
    command.args([env!("CARGO_BIN_EXE_bpf-malloc"), "cc"]);
    command.arg(&clang.program).args(options());
    let output = fed(command.current_dir(root), PROGRAM);
    fine(&output);
    let said = text(&output.stderr);
    assert!(said.starts_with("/dev/fd/3: warning: "), "{said}");
}

#[test]
fn assembler_and_objects_are_the_compilers() {
    let Some(clang) = clang("assembler_and_objects_are_the_compilers") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    // The names of functions of the allocator mean nothing there.
    let assembler = "\t.text\n\t.globl malloc\nmalloc:\n\tr0 = 0\n\texit\n";
    fs::write(root.join("a.s"), assembler).unwrap();
    fs::write(root.join("b.S"), format!("#define FREE free\n{assembler}")).unwrap();
    for source in ["a.s", "b.S"] {
        let build = |mut command: Command| {
            command.args(["-target", "bpf", "-c", source, "-o", "out.o"]);
            object(command.current_dir(root), root)
        };
        let mut with = ours();
        with.arg(&clang.program);
        assert_eq!(build(with), build(Command::new(&clang.program)), "{source}");
    }
    // In one call with a source that is rewritten.
    let mut command = ours();
    command.arg(&clang.program).args(options());
    command.args(["-c", "src/prog.bpf.c", "a.s", "b.S"]);
    run(command.current_dir(root));
    assert!(is_rewritten(&fs::read(root.join("prog.bpf.o")).unwrap()));
    for object in ["a.o", "b.o"] {
        assert!(
            !is_rewritten(&fs::read(root.join(object)).unwrap()),
            "{object}"
        );
    }
    // Objects and libraries that become a program of this machine.
    fs::write(
        root.join("one.c"),
        "int two(void);\nint main(void) { return two(); }\n",
    )
    .unwrap();
    fs::write(root.join("two.c"), "int two(void) { return 7; }\n").unwrap();
    for words in [
        &["-c", "one.c", "two.c"][..],
        &["one.o", "two.o", "-lm", "-o", "linked"],
        &[
            "-Wl,--start-group",
            "one.o",
            "-Wl,--end-group",
            "two.o",
            "-o",
            "grouped",
        ],
    ] {
        let mut command = ours();
        command.arg(&clang.program).args(words);
        run(command.current_dir(root));
    }
    for program in ["linked", "grouped"] {
        let status = Command::new(root.join(program)).status().unwrap();
        assert_eq!(status.code(), Some(7), "{program}");
    }
}
