//! What makes the verifier come to an end with loops that have `can_loop`.
//!
//! The verifier follows such a loop until the state of all registers and stack slots repeats. A
//! counter that starts at a constant and is compared later has a new state in every round, up to
//! the limit of 1,000,000 instructions or 8,192 branches. So its start is hidden: `static_opaque`
//! gives a value that the verifier knows nothing of, `static_from` one that it knows not to be
//! smaller, for what is an index.
//!
//! A loop with a bound in sight that has another loop in it is followed round by round as well,
//! and each round goes through the inner one: beyond a few rounds it is treated in the same way.

use std::collections::{BTreeMap, HashSet};

use super::facts::{Instance, Loop, ObjectKind};
use super::loops::{End, Guard, View};
use super::read::Reading;
use super::vars::Tok;
use crate::c::Symbol;

/// Rounds of a loop around others that the verifier may follow one by one.
const FEW: u64 = 12;
/// The same for loops that index other memory than the arena's: there the verifier wants to know
/// the index, and clang may well turn its comparison into one that proves nothing.
const INDEXED: u64 = 48;

/// The start of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Start {
    /// Its value: first token and behind the last.
    pub value: (Tok, Tok),
    /// It is compared with an upper bound, and so may be an index.
    pub index: bool,
}

/// A loop that gets `can_loop`.
pub struct Bound<'a> {
    /// The loop.
    pub this: &'a Loop,
    /// How it gets it.
    pub guard: Guard,
    /// Counters whose start is hidden.
    pub starts: Vec<Start>,
}

/// The loops of some readings that get `can_loop`.
pub fn bounds<'a>(reading: &'a Reading<'a>, wanted: &impl Fn(Instance) -> bool) -> Vec<Bound<'a>> {
    let view = View::new(reading);
    let ends: Vec<End> = reading.loops.iter().map(|l| view.end(l)).collect();
    let search = Search {
        reading,
        view,
        looping: looping(reading, &ends),
        ends,
    };
    let mut hidden = HashSet::new();
    let mut found = Vec::new();
    for (index, this) in reading.loops.iter().enumerate() {
        let common = reading.unit.tokens[this.condition.1].expansion.is_some();
        if !(wanted(this.instance) || common) || !search.needs(index) {
            continue;
        }
        let mut starts = search.starts(this);
        starts.retain(|s| hidden.insert(*s));
        found.push(Bound {
            this,
            guard: search.view.form(this),
            starts,
        });
    }
    found
}

/// The bodies of functions in which something loops without a bound in sight, themselves or in
/// what they call.
fn looping(reading: &Reading, ends: &[End]) -> HashSet<Symbol> {
    let mut found = HashSet::new();
    let inside = |tok: Tok| {
        reading.functions.iter().find(|f| {
            f.definition
                .is_some_and(|d| d.body.0 <= tok && tok < d.body.1)
        })
    };
    for (this, end) in reading.loops.iter().zip(ends) {
        if *end == End::Unseen
            && let Some(function) = inside(this.tok)
        {
            found.insert(function.name);
        }
    }
    loop {
        let known = found.len();
        for function in &reading.functions {
            let calls =
                |c: &super::facts::FuncId| found.contains(&reading.functions[c.0 as usize].name);
            if function.calls.iter().any(calls) {
                found.insert(function.name);
            }
        }
        if found.len() == known {
            return found;
        }
    }
}

struct Search<'a> {
    reading: &'a Reading<'a>,
    view: View<'a>,
    ends: Vec<End>,
    looping: HashSet<Symbol>,
}

impl Search<'_> {
    /// Whether a loop gets `can_loop`.
    fn needs(&self, index: usize) -> bool {
        let this = &self.reading.loops[index];
        match self.ends[index] {
            End::Said | End::Walked => false,
            End::Unseen => true,
            End::Counted(rounds) => {
                let few = match self.view.indexes(this) {
                    true => INDEXED,
                    false => FEW,
                };
                rounds.is_none_or(|r| r > few) && self.holds_loop(this)
            }
        }
    }

    /// Whether something in the body loops without a bound in sight.
    fn holds_loop(&self, this: &Loop) -> bool {
        let (from, to) = this.body;
        let mut loops = self.reading.loops.iter().zip(&self.ends);
        loops.any(|(l, end)| {
            *end == End::Unseen && l.instance == this.instance && from <= l.tok && l.tok < to
        }) || (from..to).any(|t| {
            self.view
                .name(t)
                .is_some_and(|n| self.looping.contains(&n) && self.view.is(t + 1, "("))
        })
    }

    /// The counters of a loop whose start is to be hidden.
    fn starts(&self, this: &Loop) -> Vec<Start> {
        let mut names: BTreeMap<Symbol, Tok> = BTreeMap::new();
        for part in [this.condition, this.step, this.body] {
            for t in part.0..part.1 {
                if let Some(name) = self.view.name(t).filter(|_| self.is_variable(t))
                    && self.view.modified(t)
                {
                    names.entry(name).or_insert(t);
                }
            }
        }
        let mut found = Vec::new();
        for &name in names.keys() {
            if !self.is_local_number(name, this) || !self.matters(name, this) {
                continue;
            }
            if let Some(value) = self.start(name, this) {
                let index = self.is_bounded(name, this);
                found.push(Start { value, index });
            }
        }
        found
    }

    fn is_variable(&self, t: Tok) -> bool {
        !self.view.is(t.wrapping_sub(1), "->") && !self.view.is(t.wrapping_sub(1), ".")
    }

    fn is_local_number(&self, name: Symbol, this: &Loop) -> bool {
        let (from, to) = this.function;
        self.reading.objects.iter().any(|o| {
            // Parameters stand a little before the body.
            o.name == name
                && o.kind == ObjectKind::Local
                && from.saturating_sub(64) <= o.tok
                && o.tok < to
                && self.reading.is_number(o)
        })
    }

    /// Whether the verifier has to know the exact value somewhere: a comparison, an index, an
    /// argument. What is only added up and returned takes care of itself.
    fn matters(&self, name: Symbol, this: &Loop) -> bool {
        let (from, to) = this.function;
        let near = [
            "<", ">", "<=", ">=", "==", "!=", "!", "&&", "||", "?", "[", "%", "/", "<<", ">>", "&",
        ];
        (from..to).any(|t| {
            if self.view.name(t) != Some(name) || !self.is_variable(t) {
                return false;
            }
            let before = t.wrapping_sub(1);
            // A step may stand between: `i++ < n`, `a[n++]`, `!--n`.
            let before = match self.view.is(before, "++") || self.view.is(before, "--") {
                true => before - 1,
                false => before,
            };
            let behind = match self.view.is(t + 1, "++") || self.view.is(t + 1, "--") {
                true => t + 2,
                false => t + 1,
            };
            near.iter()
                .any(|o| self.view.is(before, o) || self.view.is(behind, o) && *o != "[")
                || (self.view.is(before, "(") || self.view.is(before, ","))
                    && (self.view.is(behind, ")") || self.view.is(behind, ","))
                || self.view.is(behind, "]")
        })
    }

    /// Where the variable gets a constant before the loop.
    fn start(&self, name: Symbol, this: &Loop) -> Option<(Tok, Tok)> {
        let first = this.condition.0.min(this.body.0);
        let last = (this.function.0..first).rev().find(|&t| {
            self.view.name(t) == Some(name)
                && self.is_variable(t)
                && self.view.is(self.view.around(t).1, "=")
        })?;
        let value = self.view.around(last).1 + 1;
        let mut end = value;
        let mut depth = 0usize;
        while end < first {
            let closes = self.view.is(end, ")");
            if depth == 0 && (self.view.is(end, ";") || self.view.is(end, ",") || closes) {
                break;
            }
            depth += usize::from(self.view.is(end, "("));
            depth -= usize::from(closes);
            end += 1;
        }
        // `a = b = 0`: the constant behind the last `=`.
        let from = (value..end)
            .rev()
            .find(|&t| self.view.is(t, "="))
            .map_or(value, |t| t + 1);
        self.view.constant(from, end, this).then_some((from, end))
    }

    /// The condition compares the variable with an upper bound.
    fn is_bounded(&self, name: Symbol, this: &Loop) -> bool {
        let (from, to) = this.condition;
        (from..to).any(|t| {
            self.view.name(t) == Some(name)
                && (["<", "<=", "!="].iter().any(|o| self.view.is(t + 1, o))
                    || [">", ">="]
                        .iter()
                        .any(|o| self.view.is(t.wrapping_sub(1), o)))
        })
    }
}
