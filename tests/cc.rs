//! `bpf-malloc cc`: the compiler sees rewritten sources, and nobody else does.
#![cfg(all(feature = "cli", feature = "kernel"))]

#[path = "cc/bpf2go.rs"]
mod bpf2go;
#[path = "cc/calls.rs"]
mod calls;
#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/project.rs"]
mod project;
#[path = "cc/written.rs"]
mod written;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::judge::compile::{Clang, machine_arguments};
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;
use kernel::can_load;
use project::{Scratch, has, run};

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

const PROGRAM: &str = "#include <stdlib.h>\n#include \"box.h\"\n\n\
    SEC(\"xdp\")\nint prog(struct xdp_md *ctx)\n{\n\
    \tstruct box *box = malloc(sizeof(*box));\n\tbox->value = ctx->rx_queue_index + FROM_LINE;\n\
    \tint value = box->value;\n\tfree(box);\n\treturn value ? XDP_PASS : XDP_DROP;\n}\n\
    char LICENSE[] SEC(\"license\") = \"GPL\";\n";
const HEADER: &str = "#ifndef BOX_H\n#define BOX_H\n#include <linux/bpf.h>\n\
    #include <bpf/bpf_helpers.h>\nstruct box { int value; };\n#endif\n";

/// A directory with a program, its header in another directory, and a program without allocation.
fn tree() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("src/prog.bpf.c", PROGRAM),
        ("inc/box.h", HEADER),
        (
            "src/plain.bpf.c",
            "#include \"box.h\"\nSEC(\"xdp\") int plain(struct xdp_md *ctx)\n{\n\treturn XDP_PASS;\n}\n",
        ),
    ] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn clang(test: &str) -> Option<Clang> {
    match Clang::find() {
        Ok(clang) => Some(clang),
        Err(error) => {
            kernel::skip_or_fail(test, &error.to_string());
            None
        }
    }
}

fn cc(dir: &Path, clang: &Clang, words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("cc")
        .arg(&clang.program)
        .args(["-target", "bpf", "-O2", "-g", "-Iinc", "-DFROM_LINE=1"])
        .args(machine_arguments())
        .args(words)
        .current_dir(dir)
        .output()
        .unwrap()
}

fn fine(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn an_object_loads_and_names_the_original_files() {
    let test = "an_object_loads_and_names_the_original_files";
    let Some(clang) = clang(test) else { return };
    let dir = tree();
    let root = dir.path();
    let build = |name: &str| {
        let words = ["-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-c"];
        let output = cc(
            root,
            &clang,
            &[&words[..], &["src/prog.bpf.c", "-o", name]].concat(),
        );
        fine(&output);
        assert!(output.stderr.is_empty(), "{output:?}");
        fs::read(root.join(name)).unwrap()
    };
    let object = build("prog.bpf.o");
    // Nothing in it changes from one build to the next.
    assert_eq!(object, build("again.bpf.o"));
    let holds = |text: &str| memchr::memmem::find(&object, text.as_bytes()).is_some();
    assert!(holds("src/prog.bpf.c") && !holds("/tmp/bpf-malloc-"));
    assert_eq!(
        fs::read_to_string(root.join("src/prog.bpf.c")).unwrap(),
        PROGRAM
    );
    assert!(!root.join("src/dynamic_memory.h").exists());
    if can_load(test) {
        let loaded = ObjectFile::from_bytes("prog", object).load().unwrap();
        let output = loaded.run("prog", &RunInput::default()).unwrap();
        assert_eq!(output.return_value, XDP_PASS);
        let lines = &loaded.judgements()[0].lines;
        let of = |number: u32| {
            let own = |file: &str| file.ends_with("prog.bpf.c");
            lines.iter().any(|l| l.line == number && own(&l.file))
        };
        // The allocation, the access, the last line of the function.
        assert!(of(7) && of(8) && of(11), "{lines:#?}");
        let last = PROGRAM.lines().count() as u32;
        assert!(
            lines
                .iter()
                .all(|l| !l.file.ends_with("prog.bpf.c") || l.line <= last)
        );
    }
}

#[test]
fn messages_are_the_compilers_at_the_original_lines() {
    let Some(clang) = clang("messages_are_the_compilers_at_the_original_lines") else {
        return;
    };
    let dir = tree();
    let path = dir.path().join("src/prog.bpf.c");
    fs::write(
        &path,
        PROGRAM.replace("\tfree(box);", "\tfree(box); absent();"),
    )
    .unwrap();
    let output = cc(dir.path(), &clang, &["-c", "src/prog.bpf.c", "-o", "x.o"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("src/prog.bpf.c:10:") && said.contains("absent"),
        "{said}"
    );
    assert!(said.contains("rewrite --diff src/prog.bpf.c"), "{said}");
    // What needs a person is a warning.
    fs::write(
        &path,
        PROGRAM.replace(
            "\tfree(box);",
            "\tvoid *(*f)(unsigned long, unsigned long) = &aligned_alloc; f(8, 8);",
        ),
    )
    .unwrap();
    let said = cc(dir.path(), &clang, &["-fsyntax-only", "src/prog.bpf.c"]).stderr;
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(
        said.contains("src/prog.bpf.c:10:") && said.contains("warning: "),
        "{said}"
    );
}

/// A macro of the program that only the rewritten text uses stands for a rewrite that went wrong.
#[test]
fn errors_that_the_rewrite_made_are_to_be_reported() {
    let Some(clang) = clang("errors_that_the_rewrite_made_are_to_be_reported") else {
        return;
    };
    let dir = tree();
    let path = dir.path().join("src/prog.bpf.c");
    let broken = PROGRAM.replace(
        "SEC(\"xdp\")",
        "#define static_free(p) ((void)absent) SEC(\"xdp\")",
    );
    let broken = broken.replace(" SEC(\"xdp\")", "\nSEC(\"xdp\")");
    let undeclared = broken.replace("#include <stdlib.h>\n", "");
    let mistaken = broken.replace("free(box);", "free(box); (void)missing;");
    for (source, ours) in [(&broken, true), (&undeclared, true), (&mistaken, false)] {
        fs::write(&path, source).unwrap();
        let words = ["-MD", "-MF", "deps", "-c", "src/prog.bpf.c", "-o", "x.o"];
        let output = cc(dir.path(), &clang, &words);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("'absent'"), "{said}");
        assert!(said.contains("rewrite --diff src/prog.bpf.c"), "{said}");
        assert_eq!(said.contains("a fault of bpf-malloc"), ours, "{said}");
        assert_eq!(
            said.matches("error: ").count(),
            if ours { 1 } else { 2 },
            "{said}"
        );
    }
    // A header that says what it needs is no such fault.
    fs::write(&path, PROGRAM).unwrap();
    let output = cc(
        dir.path(),
        &clang,
        &["-DPOOL_SIZE=1", "-c", "src/prog.bpf.c"],
    );
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("a fault of bpf-malloc"), "{said}");
}

#[test]
fn dependency_files_name_files_that_are_there() {
    let Some(clang) = clang("dependency_files_name_files_that_are_there") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let source = "src/prog.bpf.c";
    let words: [(&[&str], &str); 4] = [
        (&["-MD", "-c", source, "-o", "out.o"], "out.d"),
        (
            &["-MMD", "-MP", "-MF", "deps", "-c", source, "-o", "out.o"],
            "deps",
        ),
        (
            &["-Wp,-MMD,.out.o.d", "-c", source, "-o", "out.o"],
            ".out.o.d",
        ),
        (&["-MM", source], ""),
    ];
    for (words, file) in words {
        let output = cc(root, &clang, words);
        fine(&output);
        let rules = match file {
            "" => String::from_utf8(output.stdout).unwrap(),
            name => fs::read_to_string(root.join(name)).unwrap(),
        };
        assert!(
            rules.contains(source) && rules.contains("inc/box.h"),
            "{rules}"
        );
        assert!(
            !rules.contains("dynamic_memory.h") && !rules.contains("/tmp/bpf-malloc"),
            "{rules}"
        );
        // make reads it, and all that it names is there.
        fs::write(
            root.join("m.mk"),
            format!("{rules}\nall: out.o prog.bpf.o\nout.o prog.bpf.o:\n"),
        )
        .unwrap();
        run(Command::new("make")
            .args(["-nf", "m.mk", "all"])
            .current_dir(root));
    }
}

#[test]
fn what_has_no_allocation_is_passed_through() {
    let Some(clang) = clang("what_has_no_allocation_is_passed_through") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    let plain = |program: &mut Command, name: &str| {
        program
            .args(["-target", "bpf", "-O2", "-g", "-Iinc"])
            .args(machine_arguments())
            .args(["-c", "src/plain.bpf.c", "-o", "plain.o"])
            .current_dir(root);
        run(program);
        fs::rename(root.join("plain.o"), root.join(name)).unwrap();
        fs::read(root.join(name)).unwrap()
    };
    let mut ours = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"));
    ours.arg("cc").arg("--").arg(&clang.program);
    assert_eq!(
        plain(&mut Command::new(&clang.program), "a.o"),
        plain(&mut ours, "b.o")
    );
    // Another machine's code, other languages, questions.
    fs::write(
        root.join("host.c"),
        "#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }\n",
    )
    .unwrap();
    let ours = |words: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"));
        command
            .arg("cc")
            .arg(&clang.program)
            .args(words)
            .current_dir(root);
        command.output().unwrap()
    };
    let host = ours(&["-E", "host.c"]);
    fine(&host);
    assert!(!String::from_utf8_lossy(&host.stdout).contains("static_malloc"));
    let version = ours(&["--version"]);
    assert!(String::from_utf8_lossy(&version.stdout).contains("clang version"));
    assert_eq!(
        ours(&["-target", "bpf", "-c", "gone.c"]).status.code(),
        Some(1)
    );
    let mut none = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"));
    let none = none
        .args(["cc", "no-such-compiler", "-c", "x.c"])
        .output()
        .unwrap();
    assert_eq!(none.status.code(), Some(127));
}

#[test]
fn links_and_other_working_directories() {
    let Some(clang) = clang("links_and_other_working_directories") else {
        return;
    };
    let dir = tree();
    let root = dir.path();
    symlink("inc", root.join("linked")).unwrap();
    symlink("src", root.join("sources")).unwrap();
    let header = "\nstatic inline struct box *box_new(int value)\n{\n\
                  \tstruct box *box = malloc(sizeof(*box));\n\tbox->value = value;\n\treturn box;\n}\n\
                  #endif\n";
    fs::write(root.join("inc/box.h"), HEADER.replace("#endif\n", header)).unwrap();
    let text = PROGRAM.replace("malloc(sizeof(*box))", "box_new(3)");
    fs::write(root.join("src/prog.bpf.c"), text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"));
    command
        .arg("cc")
        .arg(&clang.program)
        .args([
            "-target",
            "bpf",
            "-O2",
            "-g",
            "-I../linked/.",
            "-DFROM_LINE=1",
        ])
        .args(machine_arguments())
        .args(["-E", "../sources/prog.bpf.c"])
        .current_dir(root.join("inc"));
    let text = run(&mut command);
    // As programs are called: in the source and in the header.
    assert!(text.contains("static_free(box)"), "the source");
    assert!(text.contains("box = static_malloc("), "the header");
}

/// Loads the object a build made and checks that the program does what its source says.
fn check(object: &Path) {
    let loaded = ObjectFile::from_path(object)
        .and_then(|object| object.load())
        .unwrap_or_else(|error| panic!("{error}"));
    for (length, verdict) in [(64, XDP_DROP), (128, XDP_PASS)] {
        let input = RunInput {
            packet: vec![0; length],
            ..RunInput::default()
        };
        let output = loaded.run("count", &input).unwrap();
        assert_eq!(output.return_value, verdict, "{length} bytes");
    }
}

#[test]
fn make_as_libbpf_bootstrap_has_it() {
    if !can_load("cc_make") || !has("cc_make", "bpftool") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    let make = || {
        let mut command = scratch.command("make");
        command.args(["-C", "cc/make"]);
        command
    };
    let clang = Clang::find().unwrap();
    let word = format!("CLANG=bpf-malloc cc {}", clang.program.display());
    run(make().arg(&word));
    check(&scratch.path("cc/make/.output/count.bpf.o"));
    assert!(
        run(make().arg(&word)).contains("Nothing to be done"),
        "nothing changed"
    );
    // The header counts for make.
    let header = scratch.path("bpf/count.h");
    let text = fs::read_to_string(&header).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1100));
    fs::write(&header, text).unwrap();
    assert!(
        run(make().arg(&word)).contains("gen object"),
        "the header changed"
    );
}

#[test]
fn cmake() {
    if !can_load("cc_cmake") || !has("cc_cmake", "cmake") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    run(scratch
        .command("cmake")
        .args(["-S", "cc/cmake", "-B", "build"]));
    run(scratch.command("cmake").args(["--build", "build"]));
    check(&scratch.path("build/count.bpf.o"));
}

#[test]
fn meson() {
    if !can_load("cc_meson") || !has("cc_meson", "meson") || !has("cc_meson", "ninja") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    run(scratch
        .command("meson")
        .args(["setup", "build", "cc/meson"]));
    run(scratch.command("meson").args(["compile", "-C", "build"]));
    check(&scratch.path("build/count.bpf.o"));
}

/// A link whose name ends in the compiler's.
fn link(directory: &Path, clang: &Clang) -> std::path::PathBuf {
    let name = clang.program.file_name().unwrap().to_str().unwrap();
    let link = directory.join(format!("bpf-malloc-{name}"));
    symlink(env!("CARGO_BIN_EXE_bpf-malloc"), &link).unwrap();
    link
}

#[test]
fn libbpf_cargo_takes_a_link_as_its_compiler() {
    if !can_load("libbpf_cargo_takes_a_link_as_its_compiler") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    let root = env!("CARGO_MANIFEST_DIR");
    fs::copy(
        Path::new(root).join("Cargo.lock"),
        scratch.path("cc/cargo/Cargo.lock"),
    )
    .unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let link = link(&scratch.path("."), &Clang::find().unwrap());
    let out = run(scratch
        .command(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(scratch.path("cc/cargo/Cargo.toml"))
        .env("CARGO_TARGET_DIR", target)
        .env("CLANG", link)
        .current_dir(scratch.path("cc/cargo")));
    assert_eq!(
        out,
        "64 bytes: verdict 1\n128 bytes: verdict 2\ntotal 192\n"
    );
}
