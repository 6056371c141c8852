//! A source and the headers of its project, rewritten in memory.

use std::ffi::OsString;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use crate::cli::args::Judged;
use crate::heap::{HEADER, HEADER_NAME};
use crate::judge::compile::Clang;
use crate::report::File;
use crate::rewrite::{Plan, Severity};
use crate::run::settings::{Choices, Finder};
use crate::run::walk::Start;
use crate::run::{Fault, Inputs, database, output};

/// A file that the rewrite changes.
pub struct Changed {
    /// Absolute, without symbolic links.
    pub path: PathBuf,
    /// As it is on disk.
    pub before: Vec<u8>,
    /// What happens to it.
    pub plan: Plan,
}

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
pub struct Sources {
    /// The files of the project that change.
    pub changed: Vec<Changed>,
    /// What the rewrite leaves to a person.
    pub noticed: Vec<Noticed>,
    /// The allocator with the sizes the project's settings ask for.
    pub header: String,
}

/// An absolute path as people know it: from the current directory where it lies below it.
pub fn shown(path: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(std::fs::canonicalize);
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok());
    below.unwrap_or(path).to_owned()
}

impl Sources {
    /// For an object, which is judged as it is.
    pub fn unchanged() -> Self {
        Self {
            changed: Vec::new(),
            noticed: Vec::new(),
            header: String::new(),
        }
    }

    /// Rewrites `source` (absolute) and what it includes.
    pub fn rewrite(source: &Path, clang: &Clang, judged: &Judged) -> Result<Self, Fault> {
        let arguments = &judged.clang_arguments;
        let mut choices = choices(arguments);
        choices.backend = judged.backend;
        // The headers are found by the compiler, after the source alone has lost what keeps it
        // from being preprocessed for BPF: <stdlib.h>, on many systems.
        let alone = Self::plan(&choices, &[source.to_owned()])?;
        let files = clang.dependencies(source, &alone.replaced(), &alone.headers(), arguments);
        let mut project: Vec<PathBuf> = files
            .unwrap_or_default()
            .iter()
            .filter_map(|file| std::fs::canonicalize(file).ok())
            .filter(|file| file.file_name().is_some_and(|name| name != HEADER_NAME))
            .collect();
        if project.iter().all(|file| file == source) {
            return Ok(alone);
        }
        project.retain(|file| file != source);
        project.insert(0, source.to_owned());
        Self::plan(&choices, &project)
    }

    fn plan(choices: &Choices, files: &[PathBuf]) -> Result<Self, Fault> {
        let mut finder = Finder::new(choices);
        let starts = files
            .iter()
            .map(|file| Start::path(file, &mut finder))
            .collect::<Result<Vec<_>, _>>()?;
        let macros = choices.macros.clone();
        let inputs = Inputs::new(starts, macros, Some(NonZeroUsize::MIN))?;
        let scan = inputs.scan(None, false);
        if let Some(fault) = scan.faults.into_iter().next() {
            return Err(fault);
        }
        let (mut changed, mut noticed) = (Vec::new(), Vec::new());
        let mut buffer = Vec::new();
        for candidate in &scan.candidates {
            let before = inputs.read(candidate, &mut buffer)?;
            let path = &candidate.found.real;
            let plan = inputs.plan(candidate, before, &scan.view);
            let mut notices = plan.notices().to_vec();
            notices.retain(|notice| notice.severity >= Severity::Warning);
            if !notices.is_empty() {
                noticed.push(Noticed {
                    path: shown(path),
                    source: before.to_owned(),
                    plan: Plan::new(Vec::new(), notices).expect("no edits overlap"),
                });
            }
            if plan.changes() {
                changed.push(Changed {
                    path: path.clone(),
                    before: before.to_owned(),
                    plan,
                });
            }
        }
        let header = match inputs.starts.first() {
            Some(start) => output::header_text(&start.settings.header)?,
            None => HEADER.to_owned(),
        };
        Ok(Self {
            changed,
            noticed,
            header,
        })
    }

    /// The changed files as the compiler is to see them.
    pub fn replaced(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let after = |file: &Changed| (file.path.clone(), file.plan.apply(&file.before));
        self.changed.iter().map(after).collect()
    }

    /// Headers the compiler finds besides those of the project.
    pub fn headers(&self) -> [(&str, &str); 1] {
        [(HEADER_NAME, &self.header)]
    }

    /// The line of a file on disk that a line of the file as compiled stems from. Both count
    /// from 1. A line that was inserted whole stems from what follows it.
    pub fn original_line(&self, path: &Path, line: usize) -> usize {
        match self.changed.iter().find(|file| file.path == path) {
            Some(file) => original_line(&file.before, &file.plan, line),
            None => line,
        }
    }
}

fn original_line(before: &[u8], plan: &Plan, line: usize) -> usize {
    let breaks = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    let (mut new, mut at) = (1, 0);
    let mut edits = plan.edits().iter();
    loop {
        let edit = edits.next();
        let kept = &before[at..edit.map_or(before.len(), |edit| edit.span.start)];
        // The first byte on the line, or behind it, that was there before tells its line. A kept
        // part starts in the middle of the line `new`.
        if new >= line && !kept.is_empty() {
            return breaks(&before[..at]) + 1;
        }
        let ends = breaks(kept);
        if new + ends >= line {
            let starts = kept.split_inclusive(|byte| *byte == b'\n');
            let skipped: usize = starts.take(line - new).map(<[u8]>::len).sum();
            if skipped < kept.len() {
                return breaks(&before[..at + skipped]) + 1;
            }
        }
        new += ends;
        let Some(edit) = edit else {
            return breaks(before) + 1;
        };
        new += breaks(&edit.text);
        at = edit.span.end;
    }
}

/// What the arguments of clang say about the rewrite: where headers are, which macros are defined.
/// The rest is up to the settings files.
fn choices(arguments: &[OsString]) -> Choices {
    let words: Vec<String> = arguments
        .iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let here = std::env::current_dir().unwrap_or_default();
    let flags = database::parse(&words, &here);
    Choices {
        include_dirs: flags.dirs,
        macros: flags.macros,
        ..Choices::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::Span;
    use crate::rewrite::{Edit, EditKind};

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit {
            span: Span::new(start, end),
            text: text.into(),
            kind: EditKind::NullCheck,
            reason: String::new(),
        }
    }

    #[test]
    fn lines_are_those_before_the_rewrite() {
        let before = b"one\ntwo\nthree\nfour\nfive\n";
        let edits = vec![
            edit(0, 4, ""),                // line 1 goes
            edit(8, 8, "check\nreturn\n"), // two lines before line 3
            edit(14, 18, "FOUR"),          // no change of lines
        ];
        let plan = Plan::new(edits, Vec::new()).unwrap();
        let after = String::from_utf8(plan.apply(before)).unwrap();
        let lines: Vec<&str> = after.lines().collect();
        assert_eq!(lines, ["two", "check", "return", "three", "FOUR", "five"]);
        let originals: Vec<usize> = (1..=lines.len())
            .map(|l| original_line(before, &plan, l))
            .collect();
        assert_eq!(originals, [2, 3, 3, 3, 4, 5]);
    }

    #[test]
    fn macros_and_directories_of_clang_reach_the_rewrite() {
        let arguments = ["-Iinclude", "-D", "X=1", "-O3", "-UY"].map(OsString::from);
        let choices = choices(&arguments);
        assert!(choices.include_dirs[0].ends_with("include"));
        let names = choices.macros.iter().map(|m| (&*m.name, &m.value));
        let expected = [("X", &Some("1".to_owned())), ("Y", &None)];
        assert_eq!(names.collect::<Vec<_>>(), expected);
    }
}
