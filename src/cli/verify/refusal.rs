//! A refusal in the user's terms: what it means, what to do, and where in the source.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bpf_malloc::heap::HEADER_NAME;
use bpf_malloc::kernel::explain::{Kind, classify};
use bpf_malloc::kernel::inspect::Finding;
use bpf_malloc::kernel::load::Judgement;
use bpf_malloc::kernel::verdict::Refusal;

use super::sources::Sources;
use crate::report::Fault;

/// Why something was refused.
pub struct Explained {
    /// What is wrong.
    pub kind: Kind,
    /// What is wrong, in the words of the verifier, libbpf or clang.
    pub message: String,
    /// The line to blame, as far as it is known.
    pub place: Option<Place>,
}

/// A line of a source, before the rewrite.
pub struct Place {
    /// The file, from the current directory where it lies below it.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What the file holds; empty if it cannot be read any more.
    pub source: String,
}

impl Place {
    fn new(path: &Path, line: usize, sources: &Sources) -> Self {
        let here = std::env::current_dir().and_then(fs::canonicalize);
        let shown = here.ok().and_then(|here| path.strip_prefix(here).ok());
        let bytes = fs::read(path).unwrap_or_default();
        Self {
            path: shown.unwrap_or(path).to_owned(),
            line: sources.original_line(path, line),
            source: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The offsets of the line in the source, without indentation and line break.
    pub fn span(&self) -> Option<Range<usize>> {
        let mut start = 0;
        for (index, line) in self.source.split_inclusive('\n').enumerate() {
            if index + 1 == self.line {
                let text = line.trim_end();
                let indent = text.len() - text.trim_start().len();
                return Some(start + indent..start + text.len());
            }
            start += line.len();
        }
        None
    }
}

/// The first of those that have the same `key`, in order.
fn distinct<K: Ord>(mut found: Vec<Explained>, key: impl Fn(&Explained) -> K) -> Vec<Explained> {
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert(key(one)));
    found
}

impl Explained {
    /// What the kernel says about a program, if it refuses it.
    pub fn by_kernel(judgement: &Judgement, sources: &Sources) -> Option<Self> {
        if judgement.accepted() || judgement.denied() {
            return None;
        }
        let refusal = Refusal::parse(&judgement.log, &judgement.messages);
        let is_own = |file: &str| !file.ends_with(HEADER_NAME) && !file.starts_with("/usr/");
        let line = refusal.line(&judgement.lines, is_own);
        Some(Self {
            kind: refusal.kind,
            place: line.map(|line| Place::new(Path::new(&line.file), line.line as usize, sources)),
            message: refusal.message,
        })
    }

    /// What was found in an object without asking anybody.
    pub fn by_inspection(findings: Vec<Finding>, sources: &Sources) -> Vec<Self> {
        let explain = |finding: Finding| Self {
            kind: finding.kind,
            message: finding.message,
            place: finding
                .line
                .map(|line| Place::new(Path::new(&line.file), line.line as usize, sources)),
        };
        // Two calls in a line say the same.
        distinct(findings.into_iter().map(explain).collect(), |one| {
            let line = one.place.as_ref().map(|place| place.line);
            (one.kind, one.message.clone(), line)
        })
    }

    /// What libbpf says about an object that it does not open.
    pub fn by_libbpf(message: &str) -> Self {
        let refusal = Refusal::parse("", message);
        Self {
            kind: refusal.kind,
            message: refusal.message,
            place: None,
        }
    }

    /// What clang says about a source that does what BPF cannot, one for each kind and line;
    /// nothing if the source is merely wrong.
    pub fn by_clang(message: &str, sources: &Sources) -> Vec<Self> {
        let mut found = Vec::new();
        for line in message.lines().filter(|line| line.contains("error: ")) {
            let (kind, _) = classify(line);
            if kind == Kind::Other {
                continue;
            }
            // file:line:column: error: what
            let mut parts = line.splitn(4, ':');
            let place = parts.next().zip(parts.next().and_then(|n| n.parse().ok()));
            let what = parts.nth(1).filter(|_| place.is_some()).unwrap_or(line);
            found.push(Self {
                kind,
                message: what.trim().trim_start_matches("error: ").to_owned(),
                place: place.map(|(file, line)| Place::new(Path::new(file), line, sources)),
            });
        }
        // A calculation with floating point is several calls.
        distinct(found, |one| {
            let place = one.place.as_ref();
            (
                one.kind,
                place.map(|place| (place.path.clone(), place.line)),
            )
        })
    }

    /// What it means and what to do.
    pub fn advice(&self) -> String {
        format!("{}.\n{}.", self.kind.meaning(), self.kind.help())
    }

    /// As a diagnostic about `subject`.
    pub fn fault(&self, subject: &str) -> Fault {
        let message = format!("{subject} is refused: {}", self.message);
        let fault = Fault::new(self.kind.name(), message, self.advice());
        match &self.place {
            Some(place) => match place.span() {
                Some(span) => fault.at(&place.path, &place.source, span),
                None => fault,
            },
            None => fault,
        }
    }
}
