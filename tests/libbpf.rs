//! The libbpf project of `fixtures/libbpf`: rewrite, clang, `bpftool gen object`, `gen skeleton`,
//! a user-space program that loads the result.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/project.rs"]
mod project;

use std::ffi::OsString;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;
use kernel::can_load;
use project::{Scratch, has, run};

#[test]
fn two_translation_units_share_one_heap() {
    let name = "two_translation_units_share_one_heap";
    if !can_load(name) || !has(name, "bpftool") {
        return;
    }
    let scratch = Scratch::copy("libbpf");
    let out = run(scratch.command("make").arg("run"));
    // 20,000 records of 32 bytes pass through a heap that holds far fewer, so each was freed in
    // the other translation unit and used again.
    assert!(
        out.ends_with("opened 20000, closed 20000, wrong records 0, bytes 600000\n"),
        "{out}"
    );
    for file in ["bpf/open.bpf.c", "bpf/close.bpf.c", "bpf/session.h"] {
        assert!(
            !scratch.read(file).contains("static_"),
            "{file} was rewritten in place"
        );
        assert!(
            scratch.read(&format!("build/{file}")).contains("static_"),
            "build/{file} is not rewritten"
        );
    }
    // The rewrite is not repeated when nothing changed.
    let again = run(scratch
        .command("make")
        .args(["--no-print-directory", "run"]));
    assert!(!again.contains("rewrite"), "{again}");
}

/// Sources that give each other functions to call.
#[test]
fn functions_of_other_files_are_called_through_pointers() {
    let name = "functions_of_other_files_are_called_through_pointers";
    let sources = ["main.bpf.c", "list.c", "order.c"];
    if let Some(rewritten) = linked(name, "callbacks", &sources) {
        for (text, numbers) in rewritten.iter().zip([true, false, true]) {
            assert_eq!(text.contains("_pointer ((void *)"), numbers, "{text}");
        }
    }
}

/// A library that only gives the allocator's functions away, and has a callback that nobody uses.
#[test]
fn allocators_of_other_files_are_called_through_pointers() {
    let name = "allocators_of_other_files_are_called_through_pointers";
    if let Some(rewritten) = linked(name, "hooks", &["main.bpf.c", "stack.c"]) {
        assert!(
            rewritten[1].contains("memory->alloc = malloc_block_pointer;"),
            "{}",
            rewritten[1]
        );
    }
}

/// Functions that BPF cannot call where they stand in one file and are called in another.
#[test]
fn structures_and_many_arguments_go_from_file_to_file() {
    let name = "structures_and_many_arguments_go_from_file_to_file";
    if let Some(rewritten) = linked(name, "shapes", &["main.bpf.c", "shapes.c"]) {
        // In the style of the file, without a variable for what has one.
        let main = "\torigin(&here);\n";
        assert!(rewritten[0].contains(main), "{}", rewritten[0]);
        let shapes = "\tstruct point a = arguments->a;\n\tstruct point b = arguments->b;\n";
        assert!(rewritten[1].contains(shapes), "{}", rewritten[1]);
    }
}

/// A function that goes through text, of which only another file says that it can lie in the arena.
#[test]
fn text_of_other_files_is_gone_through() {
    let name = "text_of_other_files_is_gone_through";
    if let Some(rewritten) = linked(name, "fields", &["main.bpf.c", "fields.c"]) {
        let text = "split(const char __arena *text,";
        assert!(rewritten[1].contains(text), "{}", rewritten[1]);
    }
}

/// The linker refuses addresses in data, and the loader would not set them. The file with the variables comes
/// first: libbpf's linker keeps the offset in the arena of the first declaration.
#[test]
fn tables_with_addresses_are_filled_for_all_files() {
    let name = "tables_with_addresses_are_filled_for_all_files";
    if let Some(rewritten) = linked(name, "names", &["names.c", "main.bpf.c"]) {
        let calls = "\tnames_fill();\n\tkinds_fill();\n";
        assert!(rewritten[1].contains(calls), "{}", rewritten[1]);
        // Constant no more.
        let table = "\nstruct kind __arena kinds[] = { { 0, 1 }, { 0, 7 } };\n";
        assert!(rewritten[0].contains(table), "{}", rewritten[0]);
    }
}

/// Files that allocate nothing belong to a program whose heap lies in an arena all the same.
#[test]
fn files_that_allocate_nothing_are_linked_with_those_that_do() {
    let name = "files_that_allocate_nothing_are_linked_with_those_that_do";
    let sources = ["program.bpf.c", "option.c", "counts.c", "tree.c"];
    if let Some(rewritten) = linked(name, "library", &sources) {
        for text in &rewritten {
            assert!(text.contains("#define DYNAMIC_MEMORY_ARENA\n"), "{text}");
        }
        assert!(
            rewritten[1].contains("int option(void)"),
            "{}",
            rewritten[1]
        );
        // Whoever defines what the recursion was rewritten without is told.
        assert_eq!(
            rewritten[3].matches("#error ").count(),
            2,
            "{}",
            rewritten[3]
        );
    }
}

/// Sources of a directory in user space, and rewritten as one object in the kernel, where they return the
/// same: the texts after the rewrite, unless nothing can be loaded here.
fn linked(name: &str, directory: &str, sources: &[&str]) -> Option<Vec<String>> {
    if !can_load(name) || !has(name, "bpftool") {
        return None;
    }
    let scratch = Scratch::copy(&format!("../tests/{directory}"));
    let mut texts = sources.iter().map(|file| scratch.read(file));
    let wanted = texts.find_map(|text| {
        let first = text.lines().next()?;
        Some(first.strip_prefix("// expect: ")?.to_owned())
    });
    let wanted = wanted.expect("one begins with its value");

    let driver = "int prog(void *), printf(const char *, ...);\n\
                  int main(void) { return printf(\"%d\\n\", prog(0)) < 0; }\n";
    std::fs::write(scratch.path("driver"), driver).expect("written");
    let mut cc = scratch.command("cc");
    cc.args(["-w", "-o", "native", "-xc", "driver"])
        .args(sources);
    run(&mut cc);
    assert_eq!(run(&mut scratch.command("./native")).trim(), wanted);

    let rewrite = [
        "rewrite",
        "--all",
        "--quiet",
        "--emit-header",
        "--output",
        "out",
        ".",
    ];
    run(scratch.command("bpf-malloc").args(rewrite));
    let clang = Clang::find().expect("a clang");
    let arguments = ["-Wall", "-Werror", "-DDYNAMIC_MEMORY_SHARED"].map(OsString::from);
    let mut link = scratch.command("bpftool");
    link.args(["gen", "object", "program.o"]);
    for file in sources {
        let path = scratch.path(&format!("out/{file}"));
        let object = clang.compile(&path, &[], &[(HEADER_NAME, HEADER)], &arguments);
        let object = object.unwrap_or_else(|error| panic!("{error}"));
        std::fs::write(scratch.path(&format!("{file}.o")), object).expect("written");
        link.arg(format!("{file}.o"));
    }
    run(&mut link);
    let object = ObjectFile::from_path(&scratch.path("program.o")).expect("an object");
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    let output = loaded.run("prog", &RunInput::default()).expect("it runs");
    assert_eq!(output.return_value.to_string(), wanted);

    // What is there is left as it is.
    let again = scratch
        .command("bpf-malloc")
        .args(["rewrite", "--all", "--check", "out"])
        .status();
    assert_eq!(again.expect("it starts").code(), Some(0));
    let texts = sources
        .iter()
        .map(|file| scratch.read(&format!("out/{file}")));
    Some(texts.collect())
}
