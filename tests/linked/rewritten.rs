//! The programs after the rewrite: one command, one call of the compiler, and the kernel.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Mutex;

use bpf_malloc::heap::HEADER_NAME;
use bpf_malloc::judge::compile::Clang;
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;

use super::expect::Case;
use super::project::context;
use super::runs::Run;

/// What selects the arena in a source.
const ARENA: &str = "#define DYNAMIC_MEMORY_ARENA\n";

/// libbpf's messages belong to one load at a time.
static KERNEL: Mutex<()> = Mutex::new(());

/// `bpf-malloc rewrite` with arguments, in a directory.
pub fn rewrite(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("rewrite")
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .expect("the binary starts")
}

/// All that a command said.
pub fn words(output: &Output) -> String {
    [&output.stdout, &output.stderr]
        .map(|bytes| String::from_utf8_lossy(bytes))
        .concat()
}

/// Rewrites the program in `directory`, compiles, loads and runs it.
pub fn check(case: &Case, directory: &Path) -> Result<(), String> {
    let output = rewrite(directory, &["--emit-header", "--output", "out", "."]);
    if output.status.code() != Some(0) {
        return Err(format!("is not rewritten:\n{}", words(&output)));
    }
    let out = directory.join("out");
    let source = out.join(case.path.file_name().expect("a name"));
    let text = fs::read_to_string(&source).map_err(|error| error.to_string())?;
    let backend = backend(&out)?;
    if case.tag("backend") != Some(backend) {
        return Err(format!("gets the backend {backend}:\n{}", words(&output)));
    }
    let again = rewrite(&out, &["--check", "."]);
    if again.status.code() != Some(0) {
        return Err(format!("is rewritten twice:\n{}", words(&again)));
    }
    // What is not expected is not loaded: it might be what the kernel does not survive.
    compare(case, &text)?;
    run(case, &source)
}

/// Which backend the rewritten files ask for: the program, or a header of the project that it
/// includes.
fn backend(out: &Path) -> Result<&'static str, String> {
    let files = fs::read_dir(out).map_err(|error| error.to_string())?;
    for entry in files.filter_map(Result::ok) {
        let text = fs::read_to_string(entry.path()).map_err(|error| error.to_string())?;
        if entry.file_name() != HEADER_NAME && text.contains(ARENA) {
            return Ok("arena");
        }
    }
    Ok("map")
}

/// Compares a rewritten program with the expected one, or writes that with `BLESS=1`.
fn compare(case: &Case, text: &str) -> Result<(), String> {
    let expected = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/linked/expected")
        .join(case.path.file_name().expect("a name"));
    if std::env::var_os("BLESS").is_some() {
        fs::create_dir_all(expected.parent().expect("a directory")).expect("a directory");
        return fs::write(&expected, text).map_err(|error| error.to_string());
    }
    let wanted = fs::read_to_string(&expected)
        .map_err(|error| format!("{}: {error}; make bless writes it", expected.display()))?;
    let Some(line) = wanted.lines().zip(text.lines()).position(|(a, b)| a != b) else {
        let same = wanted == text;
        return same
            .then_some(())
            .ok_or_else(|| "is cut off, or longer than expected".into());
    };
    Err(format!(
        "differs from fixtures/linked/expected in line {}; make bless writes it anew:\n-{}\n+{}",
        line + 1,
        wanted.lines().nth(line).unwrap_or_default(),
        text.lines().nth(line).unwrap_or_default()
    ))
}

/// Compiles a rewritten program, loads it and compares what its runs return.
pub fn run(case: &Case, source: &Path) -> Result<(), String> {
    let clang = Clang::find().map_err(|error| error.to_string())?;
    let bytes = clang
        .compile(source, &[], &[], &[])
        .map_err(|error| error.to_string())?;
    let _one_at_a_time = KERNEL
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let loaded = ObjectFile::named_after(source, bytes)
        .load()
        .map_err(|error| end_of(&error.to_string()))?;
    for (index, run) in Run::all(case).iter().enumerate() {
        let input = RunInput {
            context: context(case, run),
            ..RunInput::default()
        };
        let output = loaded
            .run(&run.program, &input)
            .map_err(|error| error.to_string())?;
        if output.return_value as i32 != run.value {
            return Err(format!(
                "run {} ({}) returns {} instead of {}",
                index + 1,
                run.program,
                output.return_value as i32,
                run.value
            ));
        }
    }
    Ok(())
}

/// The end of a long text: the verifier's reason.
fn end_of(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(12)..].join("\n")
}
