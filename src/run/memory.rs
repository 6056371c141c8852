//! One source and the headers of its project, rewritten in memory: what a compiler is to see.

use std::collections::HashSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::database::Flags;
use super::settings::{Choices, Finder};
use super::walk::Start;
use super::{Fault, Inputs, lines, output};
use crate::heap::HEADER_NAME;
use crate::rewrite::{self, Notice, Plan, Project, Severity};

/// A source after the rewrite.
#[derive(Debug, Default)]
pub struct Rewritten {
    /// The files that change, the source itself or headers.
    pub changed: Vec<Changed>,
    /// What the rewrite leaves to a person.
    pub noticed: Vec<Noticed>,
    /// The allocator with the sizes that the project's settings ask for.
    pub header: String,
}

/// A file that the rewrite changes.
#[derive(Debug)]
pub struct Changed {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// As it is to be compiled, every line under its old number.
    pub text: Vec<u8>,
}

/// A file about which the rewrite has something to say.
#[derive(Debug)]
pub struct Noticed {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// As it is on disk.
    pub source: Vec<u8>,
    /// What needs a person.
    pub notices: Vec<Notice>,
}

/// A source as it is compiled, and the headers of its project.
pub struct Compiled<'a> {
    /// Absolute, without symbolic links.
    source: &'a Path,
    flags: &'a Flags,
    finder: Finder<'a>,
    looking: Inputs,
}

impl<'a> Compiled<'a> {
    /// `source` (absolute, without symbolic links) as it is compiled with `flags`.
    pub fn new(source: &'a Path, choices: &'a Choices, flags: &'a Flags) -> Result<Self, Fault> {
        let mut finder = Finder::new(choices);
        let start = Start::path(source, &mut finder)?;
        Ok(Self {
            source,
            flags,
            finder,
            looking: Inputs::compiled(vec![start], flags.clone())?,
        })
    }

    /// Whether the source or a header on its way mentions the allocator, as far as a look at bytes
    /// tells. One that does not is compiled as it is.
    pub fn may_matter(&self) -> bool {
        let view = self.looking.workspace.view(Default::default());
        // What cannot be read is the compiler's to tell.
        let bytes = fs::read(self.source);
        bytes.is_ok_and(|bytes| rewrite::mentioned(self.source, &bytes, &view))
    }

    /// Rewrites the source and the headers of the project that it reaches. `with` are other sources
    /// of the same program, which are read for what they do with blocks.
    pub fn rewrite(self, with: &[PathBuf]) -> Result<Rewritten, Fault> {
        let Self {
            source,
            flags,
            mut finder,
            looking,
        } = self;
        let header = output::header_text(&looking.starts[0].settings.header)?;
        let bytes = fs::read(source).map_err(|error| super::load::unreadable(source, &error))?;
        let view = looking.workspace.view(Default::default());
        let reach = rewrite::reach(source, &bytes, &view);
        let headers = view.cache().graph.headers([&reach].into_iter());
        let mut headers: Vec<PathBuf> = headers.into_iter().collect();
        headers.retain(|path| path.file_name().is_some_and(|name| name != HEADER_NAME));
        headers.sort();
        let ours: HashSet<&Path> = headers
            .iter()
            .map(PathBuf::as_path)
            .chain([source])
            .collect();
        let paths = [source]
            .into_iter()
            .chain(headers.iter().map(PathBuf::as_path));
        let starts = paths
            .chain(with.iter().map(PathBuf::as_path))
            .map(|path| Start::path(path, &mut finder))
            .collect::<Result<Vec<_>, _>>()?;
        let mut inputs = Inputs::compiled(starts, flags.clone())?;
        inputs.workspace.take_contents(looking.workspace);
        let scan = inputs.scan(None, false);
        if let Some(fault) = scan.faults.into_iter().next() {
            return Err(fault);
        }
        let mut rewritten = Rewritten {
            header,
            ..Rewritten::default()
        };
        let mut buffer = Vec::new();
        for candidate in &scan.candidates {
            let path = &candidate.found.real;
            if !ours.contains(path.as_path()) {
                continue;
            }
            let before = inputs.read(candidate, &mut buffer)?;
            let plan: Plan = inputs.plan(candidate, before, &scan.view);
            let mut notices = plan.notices().to_vec();
            notices.retain(|notice| notice.severity >= Severity::Warning);
            if !notices.is_empty() {
                rewritten.noticed.push(Noticed {
                    path: path.clone(),
                    source: before.to_owned(),
                    notices,
                });
            }
            if plan.changes() {
                rewritten.changed.push(Changed {
                    path: path.clone(),
                    text: lines::keep(before, &plan),
                });
            }
        }
        Ok(rewritten)
    }
}

/// The names under which a compiler may open a file: its own, and those through the symbolic links
/// of the directories that it is told of.
pub fn names(path: &Path, source: &Path, flags: &Flags) -> Vec<PathBuf> {
    let mut names = vec![path.to_owned()];
    // The shell's idea of where it is, which compilers take over.
    let logical = env::var_os("PWD").map(PathBuf::from);
    let here = env::current_dir().ok();
    for base in logical.into_iter().chain(here) {
        let dirs = flags.dirs.iter().map(PathBuf::as_path);
        let dirs = dirs.chain(source.parent()).chain([Path::new("")]);
        for dir in dirs {
            let spelled = base.join(dir);
            let Ok(real) = fs::canonicalize(&spelled) else {
                continue;
            };
            if let Ok(inner) = path.strip_prefix(&real) {
                let name = spelled.join(inner);
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
    }
    names
}
