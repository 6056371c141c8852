//! Rewriting C sources: from the C library's allocator to `static_malloc` and its family.

pub mod conditionals;
pub mod family;
pub mod lexer;
pub mod outline;
pub mod plan;
pub mod project;

use std::path::Path;

pub use plan::{Edit, EditKind, Notice, Overlap, Plan, Rule, Severity, Span};
pub use project::{Alone, CommandLineMacro, Facts, FunctionFacts, Header, ParameterFacts, Project};

/// What to do where the result of an allocation is used without a NULL check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnNull {
    /// Insert a check that leaves the way the function leaves.
    #[default]
    Auto,
    /// Insert a check that returns this expression.
    Return(String),
    /// Do not look for missing checks.
    Off,
    /// Report each as an error, insert nothing.
    Error,
}

/// How to rewrite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What to do about missing NULL checks.
    pub on_null: OnNull,
}

/// Whether a file can hold anything that a rewrite is about. Fast (it looks at bytes, not at
/// tokens), never wrong in saying no.
pub fn may_matter(source: &[u8]) -> bool {
    !source.is_empty()
}

/// What the functions with external linkage of a file do with blocks, for the plans of the other
/// files of the same run.
pub fn facts(_path: &Path, _source: &[u8], _project: &dyn Project) -> Facts {
    Facts::default()
}

/// Plans the rewrite of one file. Any bytes are welcome; planning the result again gives no edits.
pub fn plan(_path: &Path, _source: &[u8], _project: &dyn Project, _options: &Options) -> Plan {
    Plan::default()
}
