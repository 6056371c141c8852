//! `bpf-malloc explain`: what a rule or a refusal means.

use std::process::ExitCode;

use super::args::Explain;
use super::console::Console;
use super::exit;
use crate::judge::explain::Kind;
use crate::rewrite::{EditKind, Rule};
use crate::run::{Fault, values};

/// Runs the command.
pub fn run(args: &Explain, console: &mut Console) -> ExitCode {
    let text = match &args.rule {
        None => Ok(list()),
        Some(rule) => explained(rule),
    };
    let done = text
        .and_then(|text| console.out(text.as_bytes()))
        .and_then(|()| console.flush());
    if let Err(fault) = &done {
        console.fault(fault);
    }
    exit::code(done.is_err(), false)
}

/// All names: of edits, of what a rewrite leaves to a person, of refusals.
fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    let edits = EditKind::ALL.into_iter().map(|e| (e.name(), e.summary()));
    let rules = Rule::ALL.into_iter().map(|r| (r.name(), r.summary()));
    let kinds = Kind::ALL.into_iter().map(|k| (k.name(), k.meaning()));
    edits.chain(rules).chain(kinds)
}

fn list() -> String {
    let width = names().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut seen = std::collections::BTreeSet::new();
    names()
        .filter(|(name, _)| seen.insert(*name))
        .map(|(name, text)| format!("{name:width$}  {text}\n"))
        .collect()
}

/// A name may stand for several things: a missing NULL check is one that `rewrite` could not insert,
/// and one that the kernel misses.
fn explained(rule: &str) -> Result<String, Fault> {
    let mut text = String::new();
    for edit in EditKind::ALL.into_iter().filter(|e| e.name() == rule) {
        text += &format!("{rule}, an edit of `rewrite`\n\n  {}\n", edit.summary());
    }
    for one in Rule::ALL.into_iter().filter(|r| r.name() == rule) {
        let gap = ["\n", ""][usize::from(text.is_empty())];
        text += &format!(
            "{gap}{rule}, a notice of `rewrite`\n\n  {}\n",
            one.summary()
        );
    }
    for kind in Kind::ALL.into_iter().filter(|k| k.name() == rule) {
        let gap = ["\n", ""][usize::from(text.is_empty())];
        text += &format!(
            "{gap}{rule}, a refusal that `verify` and `check` explain\n\n  {}.\n\n  What to do: {}.\n",
            kind.meaning(),
            kind.help()
        );
    }
    if !text.is_empty() {
        return Ok(text);
    }
    let help = match values::nearest(rule, names().map(|(name, _)| name)) {
        Some(name) => format!("did you mean `{name}`? `bpf-malloc explain` lists all"),
        None => "`bpf-malloc explain` lists all".to_owned(),
    };
    Err(Fault::new(
        "usage",
        format!("there is no rule `{rule}`"),
        help,
    ))
}
