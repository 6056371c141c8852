//! Rewriting C sources: from the C library's allocator to `static_malloc` and its family.

mod ast;
mod classify;
pub mod conditionals;
pub mod family;
mod filter;
pub mod headers;
mod include;
pub mod lexer;
pub mod macros;
mod nulls;
pub mod outline;
pub mod plan;
pub mod project;
pub mod sites;
pub mod stream;
mod syntax;
pub mod unit;

use std::path::Path;

pub use headers::Cache;
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
    filter::mentions_family(source)
}

/// What the functions with external linkage of a file do with blocks, for the plans of the other
/// files of the same run.
pub fn facts(path: &Path, source: &[u8], project: &dyn Project) -> Facts {
    if !may_matter(source) {
        return Facts::default();
    }
    let lexed = lexer::lex(source);
    let headers = headers::reachable(path, &lexed, project);
    let unit = unit::Unit::new(path, lexed, &headers, project);
    let found = sites::find(&unit);
    nulls::facts(&unit, &found.sites)
}

/// Plans the rewrite of one file. Any bytes are welcome; planning the result again gives no edits.
pub fn plan(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Plan {
    if !may_matter(source) {
        return Plan::default();
    }
    let lexed = lexer::lex(source);
    if !uses_family(&lexed) {
        return Plan::default();
    }
    let headers = headers::reachable(path, &lexed, project);
    let unit = unit::Unit::new(path, lexed, &headers, project);
    let found = sites::find(&unit);
    // Checks come first: what they put in front of a call stands before its new prefix.
    let checks = nulls::plan(&unit, &found.sites, options);
    let moved = |site: &&sites::Site| !checks.consumed.contains(&site.span);
    let mut edits = checks.edits;
    edits.extend(found.sites.iter().filter(moved).map(call_edit));
    let mut notices = found.notices;
    notices.extend(checks.notices);
    let need = include::Need {
        first_use: found
            .sites
            .iter()
            .find(|s| s.directive.is_none())
            .map(|s| s.span.start),
        used: !edits.is_empty(),
        provided: headers.iter().any(|header| provides(header, project)),
        leftover: found.leftover,
    };
    let (includes, kept) = include::plan(&unit, need);
    edits.extend(includes);
    notices.extend(kept);
    Plan::new(edits, notices).unwrap_or_default()
}

/// Whether a name of the allocator stands outside of comments and literals, other than as a member.
fn uses_family(lexed: &lexer::Lexed) -> bool {
    let used = |tokens: &[lexer::Token]| {
        let mut member = false;
        tokens.iter().any(|token| {
            let here = !member && token.kind == lexer::Kind::Ident;
            member = token.is(lexer::op(".")) || token.is(lexer::op("->"));
            here && filter::is_family(&lexed.text(token))
        })
    };
    used(&lexed.tokens)
        || used(&lexed.inner)
        || lexed.comments.iter().any(|comment| comment.trigraph)
}

/// Whether a file that includes this header gets the allocator's header with it: it includes it
/// already, or will once it is rewritten in the same run.
fn provides(header: &headers::HeaderInfo, project: &dyn Project) -> bool {
    if header.provides {
        return true;
    }
    if !header.allocates || !project.rewritten(&header.path) {
        return false;
    }
    let lexed = lexer::lex(&header.bytes);
    let headers = headers::reachable(&header.path, &lexed, project);
    let unit = unit::Unit::new(&header.path, lexed, &headers, project);
    !sites::find(&unit).sites.is_empty()
}

/// The edit that turns a call into one of the replacement: an insertion, so that line splices and
/// whatever else stands in or around the name keep their bytes.
fn call_edit(site: &sites::Site) -> Edit {
    let name = site.call.name();
    Edit {
        span: Span::at(site.span.start),
        text: family::PREFIX.into(),
        kind: EditKind::Call,
        reason: format!(
            "`{name}` of the C library becomes `{}{name}`",
            family::PREFIX
        ),
    }
}
