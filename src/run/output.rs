//! Where results go.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::replace::{self, Fence};
use super::scan::Candidate;
use super::walk::{Found, Start};
use super::{Fault, Inputs, load, pool};
use crate::c::lexer;
use crate::heap::{self, HEADER_NAME, OverrideError, Overrides};
use crate::rewrite::Plan;

/// What a result is written to.
#[derive(Debug)]
pub enum Target {
    /// The file itself.
    InPlace,
    /// One file.
    File(PathBuf),
    /// A directory that mirrors the directory that holds all inputs.
    Mirror {
        /// Where to write.
        dir: PathBuf,
        /// The directory that holds all inputs.
        base: PathBuf,
    },
    /// stdout.
    Stdout,
    /// Nothing: only reports.
    Nothing,
}

impl Target {
    /// What `-o output` means for these inputs.
    pub fn new(output: &Path, starts: &[Start], common: &Path) -> Result<Self, Fault> {
        let single = match starts {
            [start] if !start.is_dir => Some(start),
            _ => None,
        };
        if output == Path::new("-") {
            return match single {
                Some(_) => Ok(Self::Stdout),
                None => Err(Fault::new(
                    "usage",
                    "stdout takes the result of one file only",
                    "give a directory to -o",
                )),
            };
        }
        match single {
            Some(start) if means_directory(output, start.settings.emit_header) => Ok(Self::File(
                output.join(start.real.file_name().unwrap_or_default()),
            )),
            Some(_) => Ok(Self::File(output.to_owned())),
            None if output.exists() && !output.is_dir() => Err(Fault::of(
                output,
                "usage",
                "is no directory, but there are several inputs",
                "give a directory to -o; it is made if it does not exist",
            )),
            None => Ok(Self::Mirror {
                dir: output.to_owned(),
                base: common.to_owned(),
            }),
        }
    }

    /// Where the result of a file goes: its name for the user, and its path.
    pub fn path(&self, start: &Start, found: &Found) -> Option<(PathBuf, PathBuf)> {
        match self {
            Self::InPlace => Some((found.shown(start), found.real.clone())),
            Self::File(path) => Some((path.clone(), path.clone())),
            Self::Mirror { dir, base } => {
                let inner = start.real.strip_prefix(base).unwrap_or(&start.real);
                let path = match found.inner.as_os_str().is_empty() {
                    true => dir.join(inner),
                    false => dir.join(inner).join(&found.inner),
                };
                Some((path.clone(), path))
            }
            Self::Stdout | Self::Nothing => None,
        }
    }
}

/// Whether an output that is to hold one file is a directory: by its slash, or because it is one.
/// Beside a header, a new name without an ending is one as well; it is no C file's.
pub fn means_directory(output: &Path, beside_header: bool) -> bool {
    output.as_os_str().as_bytes().ends_with(b"/")
        || output.is_dir()
        || (beside_header && output.extension().is_none() && !output.exists())
}

/// The header with these sizes.
pub fn header_text(overrides: &Overrides) -> Result<String, Fault> {
    let refused = |e: OverrideError| Fault::new("header", e.to_string(), e.help());
    heap::header(overrides).map(sealed).map_err(refused)
}

/// The directories that get the header, each with its name for the user.
#[derive(Default)]
pub struct Headers(BTreeMap<PathBuf, (PathBuf, Overrides)>);

impl Headers {
    /// Notes that a file which may include the header was written to `path`.
    pub fn note(&mut self, shown: &Path, path: &Path, text: &[u8], overrides: Overrides) {
        if !includes_header(text) {
            return;
        }
        let shown = shown.with_file_name(HEADER_NAME);
        let path = replace::settle(path).with_file_name(HEADER_NAME);
        self.0.entry(path).or_insert((shown, overrides));
    }

    /// Writes the header to every directory noted.
    pub fn write(&self, fence: &Fence, mut fault: impl FnMut(Fault)) {
        for (path, (shown, overrides)) in &self.0 {
            let done = fence
                .check(shown, path)
                .and_then(|()| header_text(overrides))
                .and_then(|text| write_header(shown, path, &text));
            match done {
                Ok(notes) => notes.into_iter().for_each(&mut fault),
                Err(problem) => fault(problem),
            }
        }
    }
}

/// The largest file that may be the header, in bytes.
const HEADER_LIMIT: u64 = 8 << 20;

/// Writes the header, unless that would take something from the user: a file of the same name that
/// is another, or changes made to the header by hand.
pub fn write_header(shown: &Path, path: &Path, text: &str) -> Result<Vec<Fault>, Fault> {
    let refused = |code, what: &str, help: &str| {
        let what = format!("was not written: {what}");
        Err(Fault::of(shown, code, what, help))
    };
    if path.is_file() {
        let old = load::side(path, HEADER_LIMIT);
        let old = old.map_err(|error| load::unreadable(shown, &error))?;
        if memchr::memmem::find(&old, b"DYNAMIC_MEMORY_H").is_none() {
            return refused(
                "foreign-header",
                "a file of this name is there, and it is not the allocator",
                "move it away, or leave out --emit-header",
            );
        }
        if old != text.as_bytes() && !is_untouched(&old) {
            return refused(
                "edited-header",
                "the header that is there has been changed by hand, or is not from this tool",
                "move or remove it to have it written anew; sizes can be set in the sources and in \
                 bpf-malloc.toml, see `bpf-malloc header --help`",
            );
        }
    }
    replace::create(shown, path, text.as_bytes(), None)
}

/// How the last line of a header that was written begins; the sum of all before it follows.
const SEAL: &str = "/* bpf-malloc wrote this; unchanged it has the sum ";

/// A header with a last line that tells whether it was changed by hand.
fn sealed(text: String) -> String {
    let sum = sum(text.as_bytes());
    format!("{text}{SEAL}{sum:016x}. */\n")
}

/// Whether a header is as it was written.
fn is_untouched(text: &[u8]) -> bool {
    let Some(at) = memchr::memmem::rfind(text, SEAL.as_bytes()) else {
        return text == heap::HEADER.as_bytes();
    };
    let (body, seal) = text.split_at(at);
    seal == &sealed(String::from_utf8_lossy(body).into_owned()).as_bytes()[at..]
}

/// FNV-1a, 64 bits: against slips, not against malice.
fn sum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

fn includes_header(text: &[u8]) -> bool {
    if memchr::memmem::find(text, HEADER_NAME.as_bytes()).is_none() {
        return false;
    }
    let lexed = lexer::lex(text);
    lexed.directives.iter().any(|directive| {
        let [first, name, ..] = lexed.inner_of(directive) else {
            return false;
        };
        let name = lexed.text(name);
        let inner = name.get(1..name.len().saturating_sub(1)).unwrap_or(b"");
        lexed.is_ident(first, "include")
            && Path::new(std::ffi::OsStr::from_bytes(inner)).file_name()
                == Some(HEADER_NAME.as_ref())
    })
}

/// What is to be written.
pub enum Change {
    /// Nothing, or a copy of the file as it is.
    None,
    /// The file as it was, and its edits.
    Edited(Vec<u8>, Plan),
}

/// Writes the results of a run.
pub struct Writer<'a> {
    /// The run.
    pub inputs: &'a Inputs,
    /// Where to.
    pub target: &'a Target,
    /// Where nothing may be written.
    pub fence: &'a Fence,
}

/// A result that was written, or is for stdout.
struct Written {
    start: usize,
    path: Option<(PathBuf, PathBuf)>,
    text: Vec<u8>,
    notes: Vec<Fault>,
}

impl Writer<'_> {
    /// Writes all `changes`, each with the index of its candidate. `out` gets what is for stdout,
    /// `fault` what could not be written or is worth a word, with the index of the candidate that
    /// was not written. Returns the files of the output, headers included.
    pub fn write(
        &self,
        candidates: &[Candidate],
        changes: &[(usize, Change)],
        mut out: impl FnMut(&[u8]),
        mut fault: impl FnMut(Option<usize>, Fault),
    ) -> Vec<PathBuf> {
        let mut headers = Headers::default();
        let mut files = Vec::new();
        pool::ordered(
            changes,
            self.inputs.jobs,
            |(index, change)| (*index, self.write_one(&candidates[*index], change)),
            |(index, written)| {
                match written {
                    Ok(None) => {}
                    Ok(Some(written)) => match written.path {
                        None => out(&written.text),
                        Some((shown, path)) => {
                            let settings = &self.inputs.starts[written.start].settings;
                            if settings.emit_header {
                                headers.note(&shown, &path, &written.text, settings.header);
                            }
                            files.push(path);
                            written.notes.into_iter().for_each(|note| fault(None, note));
                        }
                    },
                    Err(problem) => fault(Some(index), problem),
                }
                ControlFlow::Continue(())
            },
        );
        headers.write(self.fence, |problem| fault(None, problem));
        files.extend(headers.0.into_keys());
        files
    }

    fn write_one(&self, candidate: &Candidate, change: &Change) -> Result<Option<Written>, Fault> {
        let start = &self.inputs.starts[candidate.found.start];
        let mut buffer = Vec::new();
        let (old, new) = match change {
            Change::Edited(source, plan) => (Some(source), plan.apply(source)),
            Change::None if matches!(self.target, Target::Nothing) => return Ok(None),
            Change::None
                if matches!(self.target, Target::InPlace) && !start.settings.emit_header =>
            {
                return Ok(None);
            }
            Change::None => (None, self.inputs.read(candidate, &mut buffer)?.to_owned()),
        };
        let path = self.target.path(start, &candidate.found);
        let mut notes = Vec::new();
        if let Some((shown, path)) = &path {
            self.fence.check(shown, path)?;
            match (self.target, old) {
                (Target::InPlace, Some(old)) => {
                    notes = replace::replace(shown, path, old, &new)?;
                }
                (Target::InPlace, None) => {}
                _ => {
                    let origin = match start.stdin {
                        Some(_) => None,
                        None => fs::metadata(&candidate.found.real).ok(),
                    };
                    notes = replace::create(shown, path, &new, origin.as_ref())?;
                }
            }
        }
        Ok(Some(Written {
            start: candidate.found.start,
            path,
            text: new,
            notes,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_include() {
        assert!(includes_header(b"#include \"dynamic_memory.h\"\n"));
        assert!(includes_header(b"# include <lib/dynamic_memory.h>\n"));
        assert!(!includes_header(b"// #include \"dynamic_memory.h\"\n"));
        assert!(!includes_header(b"#include \"my_dynamic_memory.h\"\n"));
    }
}
