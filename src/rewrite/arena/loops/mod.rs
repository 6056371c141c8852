//! Loops whose end the verifier cannot see, and what makes it come to an end with them.
//!
//! The verifier follows a loop iteration by iteration. Where a counter runs from a constant to a
//! constant it comes to an end by itself; any other loop needs `can_loop` in its condition, and so
//! does one whose iterations are too many to follow.
//!
//! With `can_loop` the verifier follows a loop until the state of all registers and stack slots
//! repeats. A number whose value it knows is another one in each iteration, up to the limit of
//! 1,000,000 instructions or 8,192 branches, if anything depends on it. So numbers that a loop
//! changes are hidden: where they only count, their start (`static_opaque` gives a value that the
//! verifier knows nothing of, `static_from` one that it knows not to be smaller, for what is an
//! index); where a branch sets them, in each iteration, in the condition (`static_hide`). Pointers
//! need no hiding.

mod ends;
mod free;
mod hide;
mod index;
mod weight;

use std::collections::HashSet;

use rustc_hash::FxHashMap;

use self::index::Index;
pub use self::weight::looping;
use super::facts::{Follow, Instance, Loop, LoopKind};
use super::numbers::Numbers;
use super::read::Reading;
use super::vars::{Tok, Var};
use crate::c::cpp::Token;
use crate::c::lexer::Kind;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, StmtKind, Toks};
use crate::c::types::EntityId;

/// Iterations of a loop that the verifier may follow one by one, however long each is; if there are
/// loops with `can_loop` in it, only where its counter is an index into an array that may lie in the
/// arena.
///
/// Around a loop with `can_loop` the verifier does not follow them: where it comes to an inner
/// `can_loop` again it forgets the numbers that nothing has depended on so far
/// (`widen_imprecise_scalars`, Linux 6.9), and the next value of the outer counter is one of them.
const FEW: u64 = 12;
/// The same for loops that index other memory than the arena's: there the verifier wants to know
/// the index, and clang may well turn its comparison into one that proves nothing.
const INDEXED: u64 = 48;
/// How many tokens the verifier may follow in all iterations of a loop: about as many instructions.
const FOLLOWED: u64 = 40_000;
/// How many branches it may follow in all iterations of a loop that does not index memory outside of
/// the arena with its counter, and some of whose branches set numbers: each may leave other numbers
/// behind, and the verifier follows those apart. Not where there are loops with `can_loop` in it: with
/// one more around them, 27,000 instructions became more than a million.
const BRANCHES: u64 = 16;
/// From how many tokens on it does not follow a loop at all: it takes 1,000,000 instructions, and
/// 8,192 branches that may go either way, of which a call that allocates has one.
const LIMIT: u64 = 16 * 8_192;

/// What a loop's condition becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// It is empty or always true: `can_loop` takes its place.
    Alone,
    /// `&& can_loop` follows it.
    And,
    /// The same, with parentheses around the condition.
    Parenthesised,
}

/// How a loop comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The program says so already, or it is no loop.
    Said,
    /// A counter reaches a constant, after about so many iterations if that can be told.
    Counted(Option<u64>),
    /// The verifier follows memory that does not change.
    Walked,
    /// The verifier cannot see it.
    Unseen,
}

/// The start of a counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Start {
    /// Its value: first token and after the last.
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
    /// It has no condition, or one that always holds.
    pub forever: bool,
    /// Counters whose start is hidden.
    pub starts: Vec<Start>,
    /// Numbers that are hidden in each iteration.
    pub hidden: Vec<EntityId>,
    /// The same of members of structures on the stack, as they are written.
    pub members: Vec<String>,
}

/// How the loops of a unit end, and what makes them end. Holds for the address spaces as they are
/// known when it is made.
pub struct Search<'a> {
    reading: &'a Reading<'a>,
    toks: &'a [Token],
    numbers: Numbers<'a>,
    index: Index,
    ends: Vec<End>,
    /// Functions in which something loops without a bound in sight, themselves or in what they
    /// call.
    looping: HashSet<FunctionId>,
    /// Functions that call what loops elsewhere, themselves or in what they call.
    calling: HashSet<FunctionId>,
    /// By loop: whether it gets `can_loop`.
    needs: Vec<bool>,
    /// By class of memory, whether all of it lies on the stack.
    on_stack: FxHashMap<Var, bool>,
}

fn span(range: (Tok, Tok)) -> Toks {
    Toks::new(range.0, range.1)
}

impl<'a> Search<'a> {
    /// Looks at all loops.
    pub fn new(reading: &'a Reading<'a>) -> Self {
        let numbers = Numbers::new(reading.model);
        let mut search = Self {
            reading,
            toks: &reading.unit.tokens,
            index: Index::new(reading, &numbers),
            numbers,
            ends: Vec::new(),
            looping: HashSet::new(),
            calling: weight::calling(reading),
            needs: Vec::new(),
            on_stack: reading.vars.stack_only(),
        };
        search.ends = reading.loops.iter().map(|l| search.end(l)).collect();
        search.needs = vec![false; reading.loops.len()];
        let mut functions = FxHashMap::default();
        // What gets `can_loop` is a reason for the loops around it, and around calls of it.
        loop {
            search.looping = search.looping();
            let needs: Vec<bool> = (0..reading.loops.len())
                .map(|index| search.needs[index] || search.look(index, &mut functions))
                .collect();
            let done = needs == search.needs;
            search.needs = needs;
            if done {
                return search;
            }
        }
    }

    /// Whether a function loops without a bound in sight of the verifier, itself or in what it calls.
    pub fn loops(&self, function: FunctionId) -> bool {
        self.looping.contains(&function) || self.calling.contains(&function)
    }

    /// Those of some loops that get `can_loop`.
    pub fn bounds(&self, wanted: impl Fn(&Loop) -> bool) -> Vec<Bound<'a>> {
        let mut started = HashSet::new();
        let mut found = Vec::new();
        for (index, this) in self.reading.loops.iter().enumerate() {
            if !self.needs[index] || !wanted(this) {
                continue;
            }
            let (mut starts, hidden) = self.hiding(this);
            starts.retain(|s| started.insert(*s));
            found.push(Bound {
                this,
                guard: self.form(this),
                forever: self.is_forever(this),
                starts,
                hidden,
                members: self.members(this),
            });
        }
        found
    }

    /// What a reading follows among tokens.
    pub fn follows(&self, instance: Instance, within: Toks) -> impl Iterator<Item = &Follow> + '_ {
        let follows = self.index.follows(instance, within);
        follows.map(|f| &self.reading.follows[f])
    }

    /// Where the pointer between two tokens is followed.
    pub fn follows_of(&self, pointer: (Tok, Tok)) -> impl Iterator<Item = &Follow> + '_ {
        let follows = self.index.pointers.get(&pointer);
        let follows = follows.into_iter().flatten();
        follows.map(|&f| &self.reading.follows[f])
    }

    /// What to hide where a jump back makes a loop of the tokens from a label to it.
    pub fn hidden_in_jump(&self, region: Toks) -> Vec<EntityId> {
        self.changing(&[region], region)
    }

    /// A loop whose end the verifier cannot see, or is too far away for it, if there is one.
    pub fn unseen(&self) -> Option<Tok> {
        let mut functions = FxHashMap::default();
        let mut loops = self.reading.loops.iter().zip(&self.ends);
        let found = loops.find(|(this, end)| match **end {
            End::Unseen => true,
            End::Counted(Some(times)) => self.followed(this, times, &mut functions).tokens > LIMIT,
            _ => false,
        });
        found.map(|(this, _)| this.tok)
    }

    fn word(&self, tok: Tok) -> &[u8] {
        match self.toks.get(tok) {
            Some(token) if token.kind == Kind::Ident => self.reading.unit.text(token),
            _ => b"",
        }
    }

    /// The condition of a loop.
    fn condition(&self, this: &Loop) -> Option<ExprId> {
        match self.reading.model.tree[this.stmt].kind {
            StmtKind::While { cond, .. } | StmtKind::Do { cond, .. } => Some(cond),
            StmtKind::For { cond, .. } => cond,
            _ => None,
        }
    }

    /// What a loop does again and again: everything but the first clause of a `for`.
    fn repeated(&self, this: &Loop) -> [Toks; 3] {
        [span(this.condition), span(this.step), span(this.body)]
    }

    /// The first token of what is repeated.
    fn first(&self, this: &Loop) -> Tok {
        match this.kind {
            LoopKind::Do => this.body.0,
            _ => this.condition.0.min(this.body.0),
        }
    }

    /// Whether a loop has no condition, or one that always holds.
    fn is_forever(&self, this: &Loop) -> bool {
        let value = |condition| self.reading.model.value(condition);
        self.condition(this)
            .is_none_or(|condition| value(condition).is_some_and(|v| v != 0))
    }

    /// How `can_loop` gets into a loop.
    fn form(&self, this: &Loop) -> Guard {
        let model = self.reading.model;
        let Some(condition) = self.condition(this) else {
            return Guard::Alone;
        };
        let (from, to) = this.condition;
        // A macro that says "forever" stays, and so does a name out of another text.
        if self.is_forever(this) && self.reading.in_one_text(&[from, to - 1, to]) {
            return Guard::Alone;
        }
        match model.tree[condition].kind {
            ExprKind::Binary { op: Binary::Or, .. }
            | ExprKind::Conditional { .. }
            | ExprKind::Assign { .. }
            | ExprKind::Comma(..) => Guard::Parenthesised,
            _ => Guard::And,
        }
    }
}
