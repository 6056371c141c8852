//! Which loops need help: how much of them the verifier would follow.

use std::collections::{BTreeSet, HashSet};

use rustc_hash::FxHashMap;

use super::super::facts::{Instance, Loop};
use super::super::read::Reading;
use super::super::vars::Tok;
use super::{BRANCHES, End, FEW, FOLLOWED, INDEXED, Search, span};
use crate::c::lexer::op;
use crate::c::syntax::tree::{FunctionId, Toks};
use crate::c::types::{EntityId, EntityKind, Model};
use crate::rewrite::family::PREFIX;
use crate::rewrite::library::{self, Treatment};

/// How much the verifier has to follow.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Weight {
    /// About as many instructions.
    pub tokens: u64,
    /// Where it goes on in two ways.
    pub branches: u64,
}

impl Weight {
    fn and(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            branches: self.branches.saturating_add(other.branches),
        }
    }

    fn times(self, times: u64) -> Self {
        Self {
            tokens: self.tokens.saturating_mul(times),
            branches: self.branches.saturating_mul(times),
        }
    }
}

/// What is known of functions.
pub(super) type Weights = FxHashMap<FunctionId, Weight>;

impl Search<'_> {
    /// How often code goes on in two ways among tokens.
    fn branches(&self, toks: Toks) -> u64 {
        let branches = |t: &Tok| {
            let token = &self.toks[*t];
            let operators = [op("?"), op("&&"), op("||")];
            let word = self.word(*t);
            operators.iter().any(|&o| token.is(o))
                || matches!(word, b"if" | b"case" | b"while" | b"for")
        };
        (toks.start..toks.end).filter(branches).count() as u64
    }

    pub(super) fn looping(&self) -> HashSet<FunctionId> {
        let model = self.reading.model;
        let mut found: HashSet<FunctionId> = HashSet::new();
        for (index, this) in self.reading.loops.iter().enumerate() {
            if self.is_unbounded(index) {
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
        with_callers(model, found)
    }

    /// Whether no bound of a loop is in sight of the verifier, or what gets `can_loop` all the same.
    fn is_unbounded(&self, index: usize) -> bool {
        self.ends[index] == End::Unseen || self.needs[index]
    }

    /// Whether a loop gets `can_loop`. `functions` has what is known of how many tokens the verifier
    /// follows in them.
    pub(super) fn look(&self, index: usize, functions: &mut Weights) -> bool {
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
                let holds_loop = self.holds_loop(this);
                let calls_loop = self.may_loop(span(this.body));
                let arena = self.reading.moving;
                // Whether it may have more iterations than so many.
                let more = |than| iterations.is_none_or(|r| r > than);
                let many = holds_loop && more(few) || arena && calls_loop && more(few.max(FEW));
                let long = iterations.is_some_and(|times| {
                    let followed = self.followed(this, times, functions);
                    let branchy = !holds_loop && times > 1 && followed.branches > BRANCHES;
                    let branchy = branchy && !calls_loop;
                    times > few.max(FEW) && followed.tokens > FOLLOWED
                        || branchy && !self.indexes(this) && !self.hiding(this).1.is_empty()
                });
                // The verifier leaves a loop whose bound it does not know after each iteration, and
                // follows what comes behind it as often.
                let open = arena && iterations.is_none() && few == 1;
                many || long || open
            }
        }
    }

    /// Whether a function is called among tokens that may have a loop with `can_loop` in it, by what it
    /// calls itself.
    fn may_loop(&self, toks: Toks) -> bool {
        let model = self.reading.model;
        let around = self.index.functions(toks);
        let mut calls = around.flat_map(|f| model.info(f).calls.iter());
        calls.any(|call| {
            let inside = toks.contains(model.tree[call.expr].toks.start);
            let callee = call.callee.filter(|_| inside);
            callee.is_some_and(|callee| match model[callee].definition() {
                Some(function) => self.calling.contains(&function),
                None => loops_elsewhere(self.reading, callee),
            })
        })
    }

    /// What the verifier follows in so many iterations.
    pub(super) fn followed(&self, this: &Loop, times: u64, functions: &mut Weights) -> Weight {
        let weight = self.weight(span(this.body), this.instance, functions, 0);
        weight.times(times)
    }

    /// Whether something in the body loops without a bound in sight.
    fn holds_loop(&self, this: &Loop) -> bool {
        let body = span(this.body);
        let mut loops = self.index.loops(this.instance, body);
        loops.any(|l| self.is_unbounded(l))
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

    /// What the verifier follows among `toks`, loops in it with all their iterations.
    fn weight(
        &self,
        toks: Toks,
        instance: Instance,
        functions: &mut Weights,
        depth: u32,
    ) -> Weight {
        if depth > 24 {
            return Weight::default();
        }
        let tree = &self.reading.model.tree;
        let mut total = Weight {
            tokens: (toks.end - toks.start) as u64,
            branches: self.branches(toks),
        };
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
            total = total.and(once.times(times));
        }
        let called: Vec<FunctionId> = self.calls_in(toks).collect();
        for function in called {
            let known = functions.get(&function).copied();
            let weight = known.unwrap_or_else(|| {
                // A function that calls itself is followed by nobody.
                functions.insert(function, Weight::default());
                let body = tree[tree[function].body].toks;
                let weight = self.weight(body, instance, functions, depth + 1);
                functions.insert(function, weight);
                weight
            });
            total = total.and(weight);
        }
        total
    }
}

/// Functions, and those that call them.
fn with_callers(model: &Model, mut found: HashSet<FunctionId>) -> HashSet<FunctionId> {
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

/// Whether a function that the unit does not define loops: most of those of the C library do, and other
/// files tell of theirs.
fn loops_elsewhere(reading: &Reading, callee: EntityId) -> bool {
    let name = reading.unit.symbols.text(reading.model[callee].name);
    let plain = name.strip_prefix(PREFIX.as_bytes()).unwrap_or(name);
    library::function(plain).is_some_and(|f| f.treatment != Treatment::Numbers)
        || reading.looping.contains(name)
}

/// The functions that call what loops elsewhere, and those that call them.
pub(super) fn calling(reading: &Reading) -> HashSet<FunctionId> {
    let model = reading.model;
    let functions = (0..model.tree.functions.len()).map(|at| FunctionId(at as u32));
    let own = functions.filter(|&function| {
        let mut callees = model.info(function).calls.iter().filter_map(|c| c.callee);
        callees.any(|c| model[c].definition().is_none() && loops_elsewhere(reading, c))
    });
    with_callers(model, own.collect())
}

/// The functions with external linkage that loop, themselves or in what they call: as far as other files
/// have to know, any loop counts.
pub fn looping(reading: &Reading) -> BTreeSet<Vec<u8>> {
    let model = reading.model;
    let of_loop = |l: &Loop| model.stmt_function(l.stmt);
    let own: HashSet<FunctionId> = reading.loops.iter().filter_map(of_loop).collect();
    let loops = with_callers(model, own).into_iter().chain(calling(reading));
    let external = loops.filter_map(|function| {
        let entity = model.info(function).entity?;
        let linked = matches!(
            model[entity].kind,
            EntityKind::Function {
                internal: false,
                ..
            }
        );
        linked.then(|| reading.unit.symbols.text(model[entity].name).to_vec())
    });
    external.collect()
}
