//! Files that are built into one program are rewritten all or not at all: where the result of one would
//! be wrong, so that it stays as it is, it does not fit what the others become.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::scan::{Candidate, Scan};
use super::{Inputs, pool, printable};
use crate::c::Span;
use crate::rewrite::{self, Changed, Links, Notice, Overlay, Plan, Rule, Severity};

/// The plans of the files whose heap lies in an arena, by path, until they are asked for.
#[derive(Debug, Default)]
pub struct Together(Mutex<HashMap<PathBuf, Planned>>);

/// A plan, and the text that it is for.
#[derive(Debug)]
struct Planned {
    source: u64,
    plan: Plan,
}

impl Together {
    /// Plans the files that have to agree. There is nothing to agree on for a single one.
    pub(super) fn plan(inputs: &Inputs, scan: &Scan) -> Self {
        let links = &scan.view.facts.links;
        let agreeing = scan.candidates.iter();
        let agreeing = agreeing.filter(|c| c.matters && links.chooses(&c.found.real));
        let agreeing: Vec<_> = agreeing.collect();
        if agreeing.len() < 2 {
            return Self::default();
        }
        let plans = pool::results(&agreeing, inputs.jobs, |candidate| {
            let mut buffer = Vec::new();
            // What cannot be read is told when it is asked for.
            let source = inputs.read(candidate, &mut buffer).ok()?;
            let planned = Planned {
                source: hash(source),
                plan: inputs.plan_alone(candidate, source, &scan.view),
            };
            Some((candidate.found.real.clone(), planned))
        });
        let mut plans: HashMap<_, _> = plans.into_iter().flatten().collect();
        for (path, name) in misfits(inputs, scan, &plans) {
            if let Some(planned) = plans.get_mut(&path) {
                planned.plan = Plan::give_up(vec![misplaced(&name)]);
            }
        }
        let given_up = plans.iter().filter(|(_, p)| p.plan.is_given_up());
        let given_up: BTreeSet<PathBuf> = given_up.map(|(path, _)| path.clone()).collect();
        if let Some(first) = given_up.first() {
            let each = scan.candidates.iter();
            let each = each.map(|c| (c.found.real.as_path(), &*c.links));
            let each: Vec<(&Path, &Links)> = each.collect();
            let notice = stays(first);
            for path in links.staying(given_up.clone(), &each) {
                if let Some(planned) = plans.get_mut(&path)
                    && planned.plan.changes()
                {
                    planned.plan = Plan::give_up(vec![notice.clone()]);
                }
            }
        }
        Self(Mutex::new(plans))
    }

    /// The plan of a file, if it has this text.
    pub(super) fn take(&self, path: &Path, source: &[u8]) -> Option<Plan> {
        let mut plans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = plans.remove(path)?;
        (planned.source == hash(source)).then_some(planned.plan)
    }
}

/// The files that would not be C with what the macros of their headers become, and what in them. Such a
/// macro is seen where it is used, and the headers are as they were when a file is planned.
fn misfits(
    inputs: &Inputs,
    scan: &Scan,
    plans: &HashMap<PathBuf, Planned>,
) -> Vec<(PathBuf, String)> {
    let mut after = Overlay::new(&scan.view);
    let mut headers = BTreeSet::new();
    let read = |candidate: &Candidate| {
        let mut buffer = Vec::new();
        inputs.read(candidate, &mut buffer).ok().map(<[u8]>::to_vec)
    };
    for candidate in scan.candidates.iter().filter(|c| c.is_header()) {
        let path = &candidate.found.real;
        let planned = plans.get(path).filter(|p| p.plan.changes());
        let Some((planned, source)) = planned.zip(read(candidate)) else {
            continue;
        };
        if planned
            .plan
            .edits()
            .iter()
            .any(|e| in_macro(&source, e.span.start))
        {
            headers.insert(path.as_path());
        }
        let changed = Changed {
            bytes: source.into(),
            plan: planned.plan.clone(),
        };
        after.change(path.clone(), changed);
    }
    if headers.is_empty() {
        return Vec::new();
    }
    let using = scan
        .candidates
        .iter()
        .filter(|c| c.links.includes(&headers));
    let using: Vec<_> = using.filter(|c| !c.is_header()).collect();
    let found = pool::results(&using, inputs.jobs, |candidate| {
        let path = &candidate.found.real;
        let result = plans.get(path)?.plan.apply(&read(candidate)?);
        let name = rewrite::misplaced_in(path, &result, &after)?;
        Some((path.clone(), name))
    });
    found.into_iter().flatten().collect()
}

/// Whether a place of a text is in a line of a `#define`.
fn in_macro(text: &[u8], at: usize) -> bool {
    let mut lines = text[..at].split(|&byte| byte == b'\n').rev();
    let mut first = lines.next().unwrap_or_default();
    for line in lines.take_while(|line| line.trim_ascii_end().ends_with(b"\\")) {
        first = line;
    }
    let word = first.trim_ascii_start().strip_prefix(b"#");
    word.is_some_and(|word| word.trim_ascii_start().starts_with(b"define"))
}

fn misplaced(name: &str) -> Notice {
    notice(
        format!(
            "a macro makes the variable `{name}`, which would have to lie in the arena; the file \
             stays as it is"
        ),
        "allocate it, or write out the macro",
    )
}

fn stays(cause: &Path) -> Notice {
    notice(
        format!(
            "this file stays as it is, for {} does, which is built with it",
            printable(cause)
        ),
        "see what is said about that file",
    )
}

fn notice(message: String, help: &str) -> Notice {
    Notice {
        span: Span::at(0),
        rule: Rule::Unparsed,
        severity: Severity::Warning,
        message,
        help: Some(help.into()),
    }
}

fn hash(source: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(source);
    hasher.finish()
}
