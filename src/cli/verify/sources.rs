//! A source and the headers of its project, rewritten in memory.

use std::path::{Path, PathBuf};

use crate::cli::shown;
use crate::heap::HEADER_NAME;
use crate::report::File;
use crate::rewrite::Plan;
use crate::run::Fault;
use crate::run::database::Flags;
use crate::run::memory::Compiled;
use crate::run::settings::Choices;

/// A file about which the rewrite has something to say.
pub struct Noticed {
    /// The file, from the current directory where it lies below it.
    pub path: PathBuf,
    /// As it is on disk.
    pub source: Vec<u8>,
    /// Nothing but what needs a person.
    pub plan: Plan,
}

impl Noticed {
    /// As reports want it.
    pub fn file(&self) -> File<'_> {
        File {
            path: &self.path,
            source: &self.source,
            plan: &self.plan,
        }
    }
}

/// A source with what the compiler needs beside it.
#[derive(Default)]
pub struct Sources {
    /// The files of the project that change, as the compiler is to see them.
    pub replaced: Vec<(PathBuf, Vec<u8>)>,
    /// What the rewrite leaves to a person.
    pub noticed: Vec<Noticed>,
    /// The allocator with the sizes the project's settings ask for.
    header: String,
}

impl Sources {
    /// Rewrites `source` (absolute) and what it includes.
    pub fn rewrite(source: &Path, choices: &Choices, flags: &Flags) -> Result<Self, Fault> {
        let rewritten = Compiled::new(source, choices, flags)?.rewrite(&[])?;
        let changed = rewritten.changed.into_iter();
        let noticed = rewritten.noticed.into_iter().map(|noticed| Noticed {
            path: shown(&noticed.path),
            source: noticed.source,
            plan: Plan::new(Vec::new(), noticed.notices).expect("no edits overlap"),
        });
        Ok(Self {
            replaced: changed.map(|file| (file.path, file.text)).collect(),
            noticed: noticed.collect(),
            header: rewritten.header,
        })
    }

    /// Headers the compiler finds besides those of the project.
    pub fn headers(&self) -> [(&str, &str); 1] {
        [(HEADER_NAME, &self.header)]
    }

    /// The heap lies in an arena, and was put there by the rewrite.
    pub fn has_arena(&self) -> bool {
        let chosen =
            |text: &[u8]| memchr::memmem::find(text, b"#define DYNAMIC_MEMORY_ARENA").is_some();
        self.replaced.iter().any(|(_, text)| chosen(text))
    }
}
