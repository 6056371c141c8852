//! Which loops need help: how much of them the verifier would follow.

use std::collections::HashSet;

use rustc_hash::FxHashMap;

use super::super::facts::{Instance, Loop};
use super::{End, FEW, FOLLOWED, INDEXED, Search, span};
use crate::c::syntax::tree::{FunctionId, Toks};
use crate::c::types::EntityKind;

impl Search<'_> {
    pub(super) fn looping(&self) -> HashSet<FunctionId> {
        let model = self.reading.model;
        let mut found: HashSet<FunctionId> = HashSet::new();
        for (this, end) in self.reading.loops.iter().zip(&self.ends) {
            if *end == End::Unseen {
                found.extend(model.stmt_function(this.stmt));
            }
        }
        // So do those that say so.
        for (at, function) in model.tree.functions.iter().enumerate() {
            let toks = function.toks;
            if (toks.start..toks.end).any(|t| self.word(t) == b"can_loop") {
                found.insert(FunctionId(at as u32));
            }
        }
        self.with_callers(found)
    }

    /// Functions, and those that call them.
    fn with_callers(&self, mut found: HashSet<FunctionId>) -> HashSet<FunctionId> {
        let model = self.reading.model;
        // Callees come before callers.
        for component in model.components() {
            for &function in component {
                if model.callees(function).any(|c| found.contains(&c)) {
                    found.insert(function);
                }
            }
        }
        found
    }

    /// Whether a loop gets `can_loop`. `functions` has what is known of how many tokens the verifier
    /// follows in them.
    pub(super) fn look(&self, index: usize, functions: &mut FxHashMap<FunctionId, u64>) -> bool {
        let this = &self.reading.loops[index];
        match self.ends[index] {
            End::Said | End::Walked => false,
            End::Unseen => true,
            End::Counted(iterations) => {
                let few = match self.indexes(this) {
                    true => INDEXED,
                    false if self.indexes_movable(this) => FEW,
                    false => 1,
                };
                let many = iterations.is_none_or(|r| r > few) && self.holds_loop(this);
                let long = iterations.is_some_and(|times| {
                    times > few.max(FEW) && self.followed(this, times, functions) > FOLLOWED
                });
                many || long
            }
        }
    }

    /// How many tokens the verifier follows in so many iterations.
    pub(super) fn followed(
        &self,
        this: &Loop,
        times: u64,
        functions: &mut FxHashMap<FunctionId, u64>,
    ) -> u64 {
        let weight = self.weight(span(this.body), this.instance, functions, 0);
        times.saturating_mul(weight)
    }

    /// Whether something in the body loops without a bound in sight.
    fn holds_loop(&self, this: &Loop) -> bool {
        let body = span(this.body);
        let mut loops = self.index.loops(this.instance, body);
        loops.any(|l| self.ends[l] == End::Unseen)
            || self.calls_in(body).any(|f| self.looping.contains(&f))
    }

    /// The functions of the program that are called among tokens.
    fn calls_in(&self, toks: Toks) -> impl Iterator<Item = FunctionId> + '_ {
        let model = self.reading.model;
        let around = self.index.functions(toks);
        let calls = around.flat_map(move |f| model.info(f).calls.iter());
        calls.filter_map(move |call| {
            let inside = toks.contains(model.tree[call.expr].toks.start);
            let callee = call.callee.filter(|_| inside)?;
            match model[callee].kind {
                EntityKind::Function { definition, .. } => definition,
                _ => None,
            }
        })
    }

    /// How many tokens the verifier follows among `toks`, loops in it with all their iterations.
    fn weight(
        &self,
        toks: Toks,
        instance: Instance,
        functions: &mut FxHashMap<FunctionId, u64>,
        depth: u32,
    ) -> u64 {
        if depth > 24 {
            return 0;
        }
        let tree = &self.reading.model.tree;
        let mut total = (toks.end - toks.start) as u64;
        let loops: Vec<usize> = self.index.loops(instance, toks).collect();
        for &index in &loops {
            let (this, end) = (&self.reading.loops[index], self.ends[index]);
            let whole = tree[this.stmt].toks;
            let nested = loops.iter().any(|&l| {
                let outer = self.reading.loops[l].stmt;
                outer != this.stmt && tree[outer].toks.holds(whole)
            });
            if nested || !toks.holds(whole) {
                continue;
            }
            let once = self.weight(span(this.body), instance, functions, depth + 1);
            let times = match end {
                End::Counted(iterations) => iterations.unwrap_or(FEW),
                _ => 2,
            };
            total = total.saturating_add(once.saturating_mul(times));
        }
        let called: Vec<FunctionId> = self.calls_in(toks).collect();
        for function in called {
            let known = functions.get(&function).copied();
            let weight = known.unwrap_or_else(|| {
                // A function that calls itself is followed by nobody.
                functions.insert(function, 0);
                let body = tree[tree[function].body].toks;
                let weight = self.weight(body, instance, functions, depth + 1);
                functions.insert(function, weight);
                weight
            });
            total = total.saturating_add(weight);
        }
        total
    }
}
