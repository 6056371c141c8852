//! From plans to text: for people, as JSON, as SARIF, as annotations of GitHub Actions.
//!
//! Pure: everything is written to a given [`Write`]. A report has a part per file, which any
//! thread can render, and a document around them.

mod diff;
mod excerpt;
mod fault;
mod github;
mod human;
mod json;
mod lines;
mod sarif;

use std::io::{self, Write};
use std::path::Path;

use crate::c::lexer;
use crate::rewrite::family::Alloc;
use crate::rewrite::{EditKind, Plan, Rule, Severity};
use crate::run::Fault;

pub use diff::{quoted, write as write_diff};
pub use github::{annotation, fault_annotation, warning_annotation};
pub use human::Style;
pub use json::put_path;
pub use lines::Lines;
pub use sarif::{SCHEMA as SARIF_SCHEMA, notice_rules, notification, uri};

/// What is reported about one file.
pub struct File<'a> {
    /// Its name as the user knows it.
    pub path: &'a Path,
    /// What it held when it was planned.
    pub source: &'a [u8],
    /// What the rewrite does to it.
    pub plan: &'a Plan,
}

/// How much was found in all files together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Files looked at.
    pub seen: usize,
    /// Files of directories that call the allocator but are no code for BPF.
    pub skipped: usize,
    /// Files that change.
    pub changed: usize,
    /// Calls renamed.
    pub calls: usize,
    /// NULL checks inserted.
    pub null_checks: usize,
    /// Places that need a person.
    pub places: usize,
    /// Inserted checks where a block may stay behind.
    pub behind: usize,
}

impl Tally {
    /// The numbers of the plan for `source`.
    pub fn of(plan: &Plan, source: &[u8]) -> Self {
        let count = |kind| plan.edits().iter().filter(|e| e.kind == kind).count();
        Self {
            seen: 0,
            skipped: 0,
            changed: plan.changes().into(),
            calls: count(EditKind::Call) + moved(plan, source),
            null_checks: count(EditKind::NullCheck),
            places: plan
                .notices()
                .iter()
                .filter(|n| n.severity >= Severity::Warning)
                .count(),
            behind: plan
                .notices()
                .iter()
                .filter(|notice| notice.rule == Rule::StaysBehind)
                .count(),
        }
    }

    /// Takes back what was counted of a file that could not be written.
    pub fn remove(&mut self, other: &Self) {
        self.changed -= other.changed;
        self.calls -= other.calls;
        self.null_checks -= other.null_checks;
        self.behind -= other.behind;
    }

    /// Adds the numbers of another file.
    pub fn add(&mut self, other: &Self) {
        self.seen += other.seen;
        self.skipped += other.skipped;
        self.changed += other.changed;
        self.calls += other.calls;
        self.null_checks += other.null_checks;
        self.places += other.places;
        self.behind += other.behind;
    }
}

/// How many calls are renamed in statements that move: into a variable, so that it can be checked.
fn moved(plan: &Plan, source: &[u8]) -> usize {
    let renamed = |text: &[u8]| {
        let lexed = lexer::lex(text);
        let names = lexed.tokens.iter().map(|token| lexed.text(token));
        names
            .filter(|name| Alloc::replaced_by(name).is_some())
            .count()
    };
    let moves = plan
        .edits()
        .iter()
        .filter(|e| e.kind == EditKind::Temporary);
    let (mut after, mut before) = (0, 0);
    for edit in moves {
        after += renamed(&edit.text);
        before += renamed(&source[edit.span.start..edit.span.end]);
    }
    after.saturating_sub(before)
}

/// What a run does with the files that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Writes them.
    Write,
    /// Shows the difference.
    Diff,
    /// Only looks.
    Check,
}

/// A way to report.
#[derive(Clone, Copy, Debug)]
pub enum Reporter {
    /// For people.
    Human(Style),
    /// One JSON object.
    Json,
    /// SARIF 2.1.0.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

impl Reporter {
    /// Renders the part about one file. `diff` is its difference, where it was asked for.
    pub fn file(self, file: &File, mode: Mode, diff: Option<&[u8]>) -> Vec<u8> {
        match self {
            Self::Human(style) => human::file(file, style),
            Self::Json => json::file(file, diff),
            Self::Sarif => sarif::file(file, mode),
            Self::Github => github::file(file, mode),
        }
    }

    /// Whether the report is one document on stdout, which nothing may interrupt.
    pub fn is_document(self) -> bool {
        matches!(self, Self::Json | Self::Sarif)
    }

    /// Writes what stands before the first file.
    pub fn begin(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Human(_) | Self::Github => Ok(()),
            Self::Json => json::begin(out),
            Self::Sarif => sarif::begin(out),
        }
    }

    /// Writes what stands between the parts of two files.
    pub fn between(self, out: &mut dyn Write) -> io::Result<()> {
        match self {
            Self::Human(_) | Self::Github => Ok(()),
            Self::Json | Self::Sarif => out.write_all(b",\n"),
        }
    }

    /// Writes what stands behind the last file.
    pub fn end(
        self,
        tally: &Tally,
        mode: Mode,
        faults: &[Fault],
        out: &mut dyn Write,
    ) -> io::Result<()> {
        match self {
            Self::Human(style) => human::summary(tally, mode, style, out),
            Self::Json => json::end(tally, mode, faults, out),
            Self::Sarif => sarif::end(faults, out),
            Self::Github => github::end(faults, out),
        }
    }

    /// Renders a fault for stderr, as people read it, whatever the format of the report.
    pub fn fault(fault: &Fault, color: bool) -> String {
        human::render(&fault::Shown::new(fault), color)
    }
}
