//! Where results go.

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::replace::{self, Fence};
use super::scan::Candidate;
use super::walk::{Found, Start};
use super::{Fault, Inputs, pool};
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
        let ends_in_slash = output.as_os_str().as_bytes().ends_with(b"/");
        match single {
            Some(start) if ends_in_slash || output.is_dir() => Ok(Self::File(
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

/// The header with these sizes.
pub fn header_text(overrides: &Overrides) -> Result<String, Fault> {
    let refused = |e: OverrideError| Fault::new("header", e.to_string(), e.help());
    heap::header(overrides).map_err(refused)
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
                .and_then(|()| ours(shown, path))
                .and_then(|()| header_text(overrides))
                .and_then(|text| replace::create(shown, path, text.as_bytes(), None));
            if let Err(problem) = done {
                fault(problem);
            }
        }
    }
}

/// Refuses to overwrite a file of the same name that is another.
fn ours(shown: &Path, path: &Path) -> Result<(), Fault> {
    match fs::read(path) {
        Ok(text) if memchr::memmem::find(&text, b"DYNAMIC_MEMORY_H").is_none() => Err(Fault::of(
            shown,
            "foreign-header",
            "was not written: a file of this name is there, and it is not the allocator",
            "move it away, or leave out --emit-header",
        )),
        _ => Ok(()),
    }
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
}

impl Writer<'_> {
    /// Writes all `changes`, each with the index of its candidate. `out` gets what is for stdout,
    /// `fault` what could not be written. Returns the files of the output, headers included.
    pub fn write(
        &self,
        candidates: &[Candidate],
        changes: &[(usize, Change)],
        mut out: impl FnMut(&[u8]),
        mut fault: impl FnMut(Fault),
    ) -> Vec<PathBuf> {
        let mut headers = Headers::default();
        let mut files = Vec::new();
        pool::ordered(
            changes,
            self.inputs.jobs,
            |(index, change)| self.write_one(&candidates[*index], change),
            |written| {
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
                        }
                    },
                    Err(problem) => fault(problem),
                }
                ControlFlow::Continue(())
            },
        );
        headers.write(self.fence, fault);
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
        if let Some((shown, path)) = &path {
            self.fence.check(shown, path)?;
            match (self.target, old) {
                (Target::InPlace, Some(old)) => replace::replace(shown, path, old, &new)?,
                (Target::InPlace, None) => {}
                _ => {
                    let origin = match start.stdin {
                        Some(_) => None,
                        None => fs::metadata(&candidate.found.real).ok(),
                    };
                    replace::create(shown, path, &new, origin.as_ref())?;
                }
            }
        }
        Ok(Some(Written {
            start: candidate.found.start,
            path,
            text: new,
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
