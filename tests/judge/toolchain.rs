//! Compilers, the command, and what they are told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bpf_malloc::judge::compile::{ARENA_ARGUMENTS, ARGUMENTS, Clang, machine_arguments};

use crate::generate::{Kind, Program};

/// What random expressions and unused functions are warned about. Anything else that the rewrite of
/// a program is warned about was written by the rewrite.
const NOT_OURS: &[&str] = &[
    "-Wno-unused-function",
    "-Wno-unused-parameter",
    "-Wno-sign-compare",
    "-Wno-type-limits",
    "-Wno-int-in-bool-context",
    "-Wno-parentheses",
    "-Wno-unknown-warning-option",
    "-Wno-tautological-compare",
    "-Wno-constant-logical-operand",
    "-Wno-implicit-int",
    "-Wno-return-type",
    "-Wno-deprecated-non-prototype",
    "-Wno-xor-used-as-pow",
    "-Wno-missing-field-initializers",
    "-Wno-initializer-overrides",
    "-Wno-override-init",
    "-Wno-array-bounds",
    "-Wno-bool-compare",
    "-Wno-bool-operation",
    "-Wno-duplicated-branches",
    "-Wno-logical-not-parentheses",
    "-Wno-uninitialized",
    "-Wno-maybe-uninitialized",
];

/// What makes clang take functions without a return type.
pub const OLD_C: &[&str] = &["-Wno-implicit-int", "-Wno-deprecated-non-prototype"];

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// libbpf's headers for user space.
pub fn shim() -> PathBuf {
    root().join("tests/linked/shim")
}

/// Runs a command to its end.
pub fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// All that a command said.
pub fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

/// `bpf-malloc` with arguments, in a directory.
pub fn bpf_malloc<A: AsRef<OsStr>>(
    directory: &Path,
    arguments: impl IntoIterator<Item = A>,
) -> Output {
    output(
        Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
            .args(arguments)
            .current_dir(directory)
            .env("NO_COLOR", "1"),
    )
}

/// The compiler for user space, with the arguments that every build has.
pub fn native(sanitized: bool) -> Command {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut command = Command::new(compiler);
    command.args(["-std=gnu17", "-O0", "-I"]).arg(shim());
    if sanitized {
        command.args([
            "-g",
            "-fsanitize=address,undefined",
            "-fno-sanitize-recover=undefined",
        ]);
    }
    command
}

/// Warnings as errors, but for what a generated program is warned about anyway.
pub fn strict(command: &mut Command) -> &mut Command {
    command.args(["-Wall", "-Wextra", "-Werror"]).args(NOT_OURS)
}

/// clang for the kernel, as the documentation says; signed division is for `-mcpu=v4`.
pub fn clang() -> Command {
    let clang = Clang::find().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(clang.program);
    command
        .args(ARGUMENTS)
        .args(ARENA_ARGUMENTS)
        .args(machine_arguments());
    command
}

/// The same clang for user space, to see what it takes.
pub fn clang_for_user_space() -> Command {
    let clang = Clang::find().unwrap_or_else(|error| panic!("{error}"));
    let mut command = Command::new(clang.program);
    command.arg("-I").arg(shim());
    command
}

/// Writes the files of programs, each to a directory of its own.
pub fn write(programs: &[Program], to: &Path) {
    for program in programs {
        let directory = to.join(&program.tag);
        fs::create_dir_all(&directory).expect("a directory");
        for (name, text) in &program.files {
            fs::write(directory.join(name), text).expect("a file");
        }
    }
}

/// One translation unit with all of these programs, and what calls them.
pub fn unit(programs: &[&Program], directory: &Path, main: bool) -> String {
    let mut text = String::new();
    for program in programs {
        let tag = &program.tag;
        text.push_str(&format!("#define LICENSE {tag}_LICENSE\n"));
        for source in program.sources() {
            let path = directory.join(tag).join(source);
            text.push_str(&format!("#include \"{}\"\n", path.display()));
        }
        text.push_str("#undef LICENSE\n");
    }
    if main {
        text.push_str("#include \"driver.h\"\nint main(void)\n{\n");
        for program in programs {
            text.push_str(&format!("\tRUN({}, {})\n", program.tag, call(program)));
        }
        text.push_str("\treturn 0;\n}\n");
    }
    text
}

fn call(program: &Program) -> String {
    let argument = match program.kind {
        Kind::Plain | Kind::Owning => "",
        Kind::Bpf | Kind::Recursive => "(struct xdp_md *)driver_context",
    };
    format!("{}({argument})", program.entry)
}

/// Runs a program that [`unit`] has a `main` of: what each returned, or how it ended.
pub fn returned(program: &Path) -> BTreeMap<String, Result<i32, String>> {
    let result = output(Command::new(program).env("ASAN_OPTIONS", "detect_leaks=0"));
    let mut values = BTreeMap::new();
    for line in String::from_utf8_lossy(&result.stdout).lines() {
        if let Some((tag, value)) = line.split_once(' ') {
            let value = value.parse().map_err(|_| value.to_owned());
            values.insert(tag.to_owned(), value);
        }
    }
    let mut tag = String::new();
    for line in String::from_utf8_lossy(&result.stderr).lines() {
        if let Some(begun) = line.strip_prefix("== ") {
            tag = begun.to_owned();
        } else if line.contains("ERROR: AddressSanitizer") || line.contains("runtime error") {
            values.insert(tag.clone(), Err(line.to_owned()));
        }
    }
    values
}
