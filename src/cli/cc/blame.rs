//! Whose fault it is that the rewritten text does not compile.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::Line;
use crate::cli::console::Console;
use crate::cli::shown;
use crate::rewrite::family::Alloc;
use crate::run::memory::Rewritten;

/// An error as clang prints it.
struct Error {
    path: PathBuf,
    message: String,
}

/// What a question adds to a command line; the last of such options counts. Only what the front end
/// finds is asked for: what a back end refuses may stand in the original as well, or be the doing of
/// the build's options (`-mcpu`).
const QUESTION: [&str; 5] = [
    "-fsyntax-only",
    "-Qunused-arguments",
    "-fno-color-diagnostics",
    "-fdiagnostics-format=clang",
    "-ferror-limit=0",
];

/// Says, after the compiler has failed, that it read what is on no disk; and if the original is correct
/// where the rewritten text is not, that this is a fault to report. `missing` is what the build
/// does not say itself, `overlay` what shows the rewritten text.
pub fn tell(
    line: &Line,
    missing: &[Vec<OsString>],
    overlay: &[OsString],
    sources: &[Rewritten],
    scratch: &Path,
    console: &mut Console,
) {
    let missing: Vec<OsString> = missing.concat();
    let wrong = match is_correct(&ask(line, &missing, scratch)) {
        true => ask(line, &[&missing, overlay].concat(), scratch),
        false => None,
    };
    let wrong = wrong.unwrap_or_default();
    for changed in sources.iter().flat_map(|source| &source.changed) {
        let path = shown(&changed.path);
        let path = path.display();
        let ours = wrong.iter().any(|error| error.path == changed.path);
        let note = match ours {
            true => format!(
                "{path}: note: this file does not compile after the rewrite, though it does before: a \
                 fault of bpf-malloc; please report it with the output of \
                 `bpf-malloc rewrite --diff {path}`; the comment `// bpf-malloc: keep` on a line \
                 leaves its call as it is\n"
            ),
            false => format!(
                "{path}: note: the compiler saw this file after the rewrite; \
                 `bpf-malloc rewrite --diff {path}` shows it\n"
            ),
        };
        console.err(note.as_bytes());
    }
}

/// The errors in the sources with these options; `None` if the compiler tells of none and fails all
/// the same. What it would write goes to the scratch directory.
fn ask(line: &Line, options: &[OsString], scratch: &Path) -> Option<Vec<Error>> {
    let mut others = options.to_vec();
    others.extend(QUESTION.map(OsString::from));
    if line.call.dependencies.is_some() {
        others.extend(["-MF".into(), scratch.join("rules").into()]);
    }
    if line.call.entry.is_some() {
        others.extend(["-MJ".into(), scratch.join("entry").into()]);
    }
    let mut command = line.command(&others);
    let output = command.stdin(Stdio::null()).output().ok()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<Error> = said.lines().filter_map(|said| read(line, said)).collect();
    (output.status.success() || !errors.is_empty()).then_some(errors)
}

/// Whether a source has no errors but those of a call of the allocator that nothing declares: the
/// rewrite declares it.
fn is_correct(errors: &Option<Vec<Error>>) -> bool {
    let undeclared = |error: &Error| {
        Alloc::ALL
            .iter()
            .any(|function| error.message.contains(&format!("'{}'", function.name())))
    };
    errors.as_ref().is_some_and(|errors| {
        let any = errors.iter().any(undeclared);
        // What is not declared returns `int`.
        let follows =
            |error: &Error| any && error.message.contains("integer to pointer conversion");
        errors
            .iter()
            .all(|error| undeclared(error) || follows(error))
    })
}

/// An error in a line of what clang says (`FILE:LINE:COLUMN: error: MESSAGE`).
fn read(line: &Line, said: &str) -> Option<Error> {
    let (place, message) = said
        .split_once(": error: ")
        .or(said.split_once(": fatal error: "))?;
    let file = place.trim_end_matches(|byte: char| byte.is_ascii_digit() || byte == ':');
    let path = line.call.base.join(file);
    Some(Error {
        path: fs::canonicalize(&path).unwrap_or(path),
        message: message.to_owned(),
    })
}
