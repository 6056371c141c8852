//! Where results go.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bpf_malloc::c::lexer;
use bpf_malloc::heap::{HEADER_NAME, Overrides};

use super::header;
use super::replace::{self, Fence};
use super::walk::{Found, Start};
use crate::report::Fault;

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
                .and_then(|()| header::text(overrides))
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
