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

use std::collections::{BTreeSet, HashSet};

use rustc_hash::FxHashMap;

use super::facts::{Instance, Loop, LoopKind};
use super::numbers::{Change, Numbers};
use super::read::Reading;
use super::vars::Tok;
use crate::c::cpp::Token;
use crate::c::lexer::Kind;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, StmtId, StmtKind, Toks, Unary};
use crate::c::types::{EntityId, EntityKind, Parent, Root};

/// Iterations of a loop around others that the verifier may follow one by one.
const FEW: u64 = 12;
/// The same around loops of jumps, where many paths lead from one label to the next.
const FEW_AROUND_JUMPS: u64 = 2;
/// The same for loops that index other memory than the arena's: there the verifier wants to know
/// the index, and clang may well turn its comparison into one that proves nothing.
const INDEXED: u64 = 48;
/// How many tokens the verifier may follow in all iterations of a loop: about as many instructions.
const FOLLOWED: u64 = 40_000;

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
    /// Functions that jump back, themselves or in what they call.
    jumping: HashSet<FunctionId>,
    /// By loop: whether it gets `can_loop`.
    needs: Vec<bool>,
}

/// Where to find what stands among some tokens, without looking at all there is.
struct Index {
    /// `array[index]`, by first token.
    elements: Vec<(Tok, ExprId, ExprId)>,
    /// Changes of numbers, by token.
    changes: Vec<(Tok, EntityId)>,
    /// The loops of a reading, by keyword.
    loops: FxHashMap<Instance, Vec<(Tok, usize)>>,
    /// The loops that a statement is.
    stmts: FxHashMap<StmtId, Vec<usize>>,
    /// What is followed, by reading and token.
    follows: Vec<(Instance, Tok, usize)>,
    /// The same, by the pointer.
    pointers: FxHashMap<(Tok, Tok), Vec<usize>>,
    /// The functions, by first token, and the one around each.
    functions: Vec<(Toks, FunctionId, Option<usize>)>,
}

impl Index {
    /// Sorts what there is.
    fn new(reading: &Reading, numbers: &Numbers) -> Self {
        let tree = &reading.model.tree;
        let mut elements: Vec<_> = (tree.exprs.iter())
            .filter_map(|e| match e.kind {
                ExprKind::Index(array, index) => Some((e.toks.start, array, index)),
                _ => None,
            })
            .collect();
        elements.sort();
        let mut changes: Vec<_> = numbers
            .all()
            .flat_map(|(entity, mods)| mods.iter().map(move |m| (m.tok, entity)))
            .collect();
        changes.sort();
        let mut loops: FxHashMap<Instance, Vec<(Tok, usize)>> = FxHashMap::default();
        let mut stmts: FxHashMap<StmtId, Vec<usize>> = FxHashMap::default();
        for (index, this) in reading.loops.iter().enumerate() {
            loops
                .entry(this.instance)
                .or_default()
                .push((this.tok, index));
            stmts.entry(this.stmt).or_default().push(index);
        }
        loops.values_mut().for_each(|list| list.sort());
        let mut follows = Vec::with_capacity(reading.follows.len());
        let mut pointers: FxHashMap<(Tok, Tok), Vec<usize>> = FxHashMap::default();
        for (index, follow) in reading.follows.iter().enumerate() {
            follows.push((follow.instance, follow.tok, index));
            pointers.entry(follow.pointer).or_default().push(index);
        }
        follows.sort();
        let functions = tree.functions.iter().enumerate();
        let mut functions: Vec<(Toks, FunctionId, Option<usize>)> = functions
            .map(|(index, f)| (f.toks, FunctionId(index as u32), None))
            .collect();
        functions.sort_by_key(|f| (f.0.start, std::cmp::Reverse(f.0.end)));
        let mut open: Vec<usize> = Vec::new();
        for at in 0..functions.len() {
            let start = functions[at].0.start;
            while open.last().is_some_and(|&o| functions[o].0.end <= start) {
                open.pop();
            }
            functions[at].2 = open.last().copied();
            open.push(at);
        }
        Self {
            elements,
            changes,
            loops,
            stmts,
            follows,
            pointers,
            functions,
        }
    }

    fn elements(&self, within: Toks) -> impl Iterator<Item = (ExprId, ExprId)> + '_ {
        let from = self.elements.partition_point(|e| e.0 < within.start);
        let inside = self.elements[from..].iter();
        inside
            .take_while(move |e| e.0 < within.end)
            .map(|e| (e.1, e.2))
    }

    /// The numbers that change among tokens, several times if they change several times.
    fn changes(&self, within: Toks) -> impl Iterator<Item = EntityId> + '_ {
        let from = self.changes.partition_point(|c| c.0 < within.start);
        let inside = self.changes[from..].iter();
        inside.take_while(move |c| c.0 < within.end).map(|c| c.1)
    }

    /// The loops of a reading whose keywords stand among tokens.
    fn loops(&self, instance: Instance, within: Toks) -> impl Iterator<Item = usize> + '_ {
        let list = self.loops.get(&instance).map_or(&[][..], Vec::as_slice);
        let from = list.partition_point(|l| l.0 < within.start);
        let inside = list[from..].iter();
        inside.take_while(move |l| l.0 < within.end).map(|l| l.1)
    }

    /// What a reading follows among tokens.
    fn follows(&self, instance: Instance, within: Toks) -> impl Iterator<Item = usize> + '_ {
        let from = (self.follows).partition_point(|f| (f.0, f.1) < (instance, within.start));
        let inside = self.follows[from..].iter();
        inside
            .take_while(move |f| (f.0, f.1) < (instance, within.end))
            .map(|f| f.2)
    }

    /// The functions around tokens, from the innermost.
    fn functions(&self, around: Toks) -> impl Iterator<Item = FunctionId> + '_ {
        let behind = (self.functions).partition_point(|f| f.0.start <= around.start);
        let chain = std::iter::successors(behind.checked_sub(1), |&at| self.functions[at].2);
        chain
            .map(|at| self.functions[at])
            .filter(move |f| f.0.holds(around))
            .map(|f| f.1)
    }
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
            jumping: HashSet::new(),
            needs: Vec::new(),
        };
        search.ends = reading.loops.iter().map(|l| search.end(l)).collect();
        search.looping = search.looping();
        search.jumping = search.jumping();
        let mut functions = FxHashMap::default();
        search.needs = (0..reading.loops.len())
            .map(|index| search.look(index, &mut functions))
            .collect();
        search
    }

    /// The loops of some readings that get `can_loop`.
    pub fn bounds(&self, wanted: &impl Fn(Instance) -> bool) -> Vec<Bound<'a>> {
        let mut started = HashSet::new();
        let mut found = Vec::new();
        for (index, this) in self.reading.loops.iter().enumerate() {
            let common = self.toks[this.condition.1].expansion.is_some();
            if !self.needs[index] || !(wanted(this.instance) || common) {
                continue;
            }
            let (mut starts, hidden) = self.hiding(this);
            starts.retain(|s| started.insert(*s));
            found.push(Bound {
                this,
                guard: self.form(this),
                starts,
                hidden,
                members: self.members(this),
            });
        }
        found
    }

    /// The numbers in structures on the stack that a loop counts or sets, and that have a value
    /// before: `q.head`. The verifier follows them as it does variables.
    fn members(&self, this: &Loop) -> Vec<String> {
        let model = self.reading.model;
        let tree = &model.tree;
        let repeated = self.repeated(this);
        let condition = span(this.condition);
        let mut found = BTreeSet::new();
        for expr in &tree.exprs {
            if !repeated.iter().any(|t| t.contains(expr.toks.start)) {
                continue;
            }
            let place = match expr.kind {
                ExprKind::Postfix { operand, .. }
                | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
                ExprKind::Assign { left, .. } => left,
                _ => continue,
            };
            let place = tree.bare(place);
            let before = self.first(this);
            let (entity, written) = match (self.member_of(place), self.lent_number(place)) {
                (Some(entity), _) => {
                    let mut declarators = model[entity].declarators.iter();
                    (entity, declarators.any(|&d| tree[d].init.is_some()))
                }
                (None, Some(pointer)) => (pointer, self.is_set(pointer, this.function.0, before)),
                (None, None) => continue,
            };
            if self.numbers.declared(entity) >= before || !written {
                continue;
            }
            let toks = tree[place].toks;
            let text: Vec<_> = (toks.start..toks.end)
                .map(|t| String::from_utf8_lossy(self.reading.unit.text(&self.toks[t])))
                .collect();
            let said = (condition.start..condition.end).any(|t| {
                self.word(t) == b"static_hide" && self.toks[t + 2].symbol == model[entity].name
            });
            if !said && (toks.start..toks.end).all(|t| self.toks[t].expansion.is_none()) {
                found.insert(text.concat());
            }
        }
        found.into_iter().collect()
    }

    /// The pointer `n` of `*n`, a number on the stack of a caller.
    fn lent_number(&self, place: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let ExprKind::Unary(Unary::Deref, pointer) = model.tree[place].kind else {
            return None;
        };
        let entity = model.named(pointer)?;
        let mut follows = self.reading.follows.iter();
        let toks = model.tree[pointer].toks;
        let there = follows.find(|f| f.pointer == (toks.start, toks.end))?;
        let stack = model[entity].is_automatic() && !self.reading.vars.is_arena(there.space);
        (stack && model.number(model.type_of(place)).is_some()).then_some(entity)
    }

    /// Whether `*n` is assigned among tokens.
    fn is_set(&self, pointer: EntityId, from: Tok, to: Tok) -> bool {
        let tree = &self.reading.model.tree;
        self.reading.model.uses(pointer).iter().any(|&name| {
            let at = tree[name].toks.start;
            let outer = |e| match self.reading.model.parent(e) {
                Parent::Expr(outer) => Some(outer),
                _ => None,
            };
            let deref = outer(name)
                .filter(|&d| matches!(tree[d].kind, ExprKind::Unary(Unary::Deref, _)));
            let set = deref.and_then(outer).is_some_and(|a| {
                matches!(tree[a].kind, ExprKind::Assign { op: None, left, .. } if Some(left) == deref)
            });
            (from..to).contains(&at) && set
        })
    }

    /// The structure on the stack of which an expression is a member that is a number.
    fn member_of(&self, place: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let mut at = place;
        while let ExprKind::Member {
            object,
            arrow: false,
            ..
        } = model.tree[at].kind
        {
            let field = model.member(at)?;
            if model.field(field).bits.is_some() {
                return None;
            }
            at = model.tree.bare(object);
        }
        let entity = model.named(at).filter(|_| at != place)?;
        let stack = model[entity].is_automatic()
            && self
                .reading
                .place_of(entity)
                .is_some_and(|p| !self.reading.vars.is_arena(p));
        (stack && model.number(model.type_of(place)).is_some()).then_some(entity)
    }

    /// What to hide where a jump back makes a loop of the tokens from a label to it.
    pub fn hidden_in_jump(&self, region: Toks) -> Vec<EntityId> {
        self.changing(&[region], region)
    }

    /// A loop whose end the verifier cannot see, if there is one.
    pub fn unseen(&self) -> Option<Tok> {
        let mut loops = self.reading.loops.iter().zip(&self.ends);
        let found = loops.find(|(_, end)| **end == End::Unseen);
        found.map(|(this, _)| this.tok)
    }

    /// The pointers that are followed at places that nobody can prove: indexed freely, or stepped
    /// on in a loop whose end the verifier cannot see. Arrays too.
    pub fn followed_freely(&self) -> Vec<ExprId> {
        let model = self.reading.model;
        let mut found = Vec::new();
        for (number, expr) in model.tree.exprs.iter().enumerate() {
            let this = ExprId(number as u32);
            if model.function_of(this).is_none() {
                continue;
            }
            match expr.kind {
                ExprKind::Index(array, index)
                    if model.value(index).is_none() && self.is_free(index) =>
                {
                    found.push(array);
                }
                ExprKind::Unary(Unary::Deref, pointer) if self.is_stepped(pointer) => {
                    found.push(pointer);
                }
                _ => {}
            }
        }
        found
    }

    /// The loops around an expression.
    fn around(&self, expr: ExprId) -> Vec<usize> {
        let model = self.reading.model;
        let mut found = Vec::new();
        let mut at = model.stmt_of(expr);
        while let Some(stmt) = at {
            found.extend(self.index.stmts.get(&stmt).into_iter().flatten());
            at = match model.stmt_parent(stmt) {
                Parent::Stmt(outer) => Some(outer),
                Parent::Expr(outer) => model.stmt_of(outer),
                _ => None,
            };
        }
        found
    }

    fn is_free(&self, index: ExprId) -> bool {
        let model = self.reading.model;
        let around = self.around(index);
        let guarded: Vec<usize> = around.iter().copied().filter(|&l| self.needs[l]).collect();
        if !guarded.is_empty() {
            let kept = self.counter(index).is_some_and(|e| {
                guarded.iter().any(|&l| {
                    self.keeps_below(e, l) || self.is_checked(index, e, &self.reading.loops[l])
                })
            });
            return !kept;
        }
        let counters: Vec<EntityId> = around
            .iter()
            .flat_map(|&l| {
                let this = &self.reading.loops[l];
                self.index.changes(model.tree[this.stmt].toks)
            })
            .collect();
        self.unknown(index, &counters)
    }

    /// Whether the condition of a loop keeps a counter that starts at a constant below another.
    fn keeps_below(&self, entity: EntityId, index: usize) -> bool {
        let this = &self.reading.loops[index];
        matches!(self.ends[index], End::Counted(Some(_)))
            && self.is_bounded(entity, this)
            && !self.hiding(this).1.contains(&entity)
    }

    /// Whether a counter that only grows, and whose start alone is hidden, is compared with a
    /// constant on the way to where it is an index: `if (n < 8) out[n++] = …`.
    fn is_checked(&self, index: ExprId, counter: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let at = model.tree[index].toks.start;
        let steps = self.numbers.steps(counter, &self.repeated(this));
        let start = self
            .numbers
            .start(counter, this.function.0, self.first(this));
        let grows = steps.is_some_and(|s| s.iter().all(|s| s.1 > 0));
        let known = start.and_then(|s| s.1).is_some_and(|v| v >= 0);
        grows
            && known
            && !self.hiding(this).1.contains(&counter)
            && model.tree.stmts.iter().any(|s| match s.kind {
                StmtKind::If {
                    cond,
                    then,
                    otherwise,
                } if span(this.body).holds(s.toks) => {
                    let toks = |s: StmtId| model.tree[s].toks;
                    let inside = toks(then).contains(at)
                        || otherwise.is_some_and(|(_, o)| toks(o).contains(at));
                    let before = toks(then).end <= at && self.leaves(toks(then));
                    (inside || before) && self.compares(cond, counter)
                }
                _ => false,
            })
    }

    /// Whether statements end with a jump.
    fn leaves(&self, toks: Toks) -> bool {
        (toks.start..toks.end)
            .any(|t| matches!(self.word(t), b"break" | b"continue" | b"return" | b"goto"))
    }

    /// Whether a condition compares a variable with a constant.
    fn compares(&self, condition: ExprId, entity: EntityId) -> bool {
        let model = self.reading.model;
        match model.tree[model.tree.bare(condition)].kind {
            ExprKind::Binary {
                op, left, right, ..
            } if op.compares() => [(left, right), (right, left)]
                .iter()
                .any(|&(a, b)| model.named(a) == Some(entity) && model.value(b).is_some()),
            ExprKind::Binary { left, right, .. } => {
                self.compares(left, entity) || self.compares(right, entity)
            }
            _ => false,
        }
    }

    /// Whether a pointer steps on in a loop that gets `can_loop`: `*p++`, `*p` where the loop has
    /// `p++`.
    fn is_stepped(&self, pointer: ExprId) -> bool {
        let model = self.reading.model;
        let bare = model.tree.bare(pointer);
        let name = match model.tree[bare].kind {
            ExprKind::Postfix { operand, .. }
            | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
            _ => bare,
        };
        let Some(entity) = model.named(name) else {
            return false;
        };
        if !model[entity].is_automatic() || !model.is_pointer(model[entity].ty) {
            return false;
        }
        let around = self.around(pointer);
        around.iter().filter(|&&l| self.needs[l]).any(|&l| {
            let whole = model.tree[self.reading.loops[l].stmt].toks;
            model.uses(entity).iter().any(|&u| {
                whole.contains(model.tree[u].toks.start)
                    && matches!(model.parent(u), Parent::Expr(outer)
                        if matches!(model.tree[outer].kind, ExprKind::Postfix { .. }
                            | ExprKind::Unary(Unary::Increment | Unary::Decrement, _)
                            | ExprKind::Assign { op: Some(_), .. }))
            })
        })
    }

    /// Whether a part of an expression is neither a constant nor one of some counters.
    fn unknown(&self, expr: ExprId, counters: &[EntityId]) -> bool {
        let model = self.reading.model;
        if model.value(expr).is_some() {
            return false;
        }
        if let Some(entity) = model.entity(expr) {
            let mods = self.numbers.of(entity);
            let constant = !mods.is_empty()
                && mods.iter().all(|m| match m.change {
                    Change::Set(value) => self.numbers.is_known(value),
                    Change::Step(_) => true,
                    _ => false,
                });
            return !counters.contains(&entity) && !constant;
        }
        match model.tree[expr].kind {
            ExprKind::Paren(_)
            | ExprKind::Binary { .. }
            | ExprKind::Cast(..)
            | ExprKind::Postfix { .. }
            | ExprKind::Unary(
                Unary::Plus | Unary::Minus | Unary::BitNot | Unary::Increment | Unary::Decrement,
                _,
            ) => {
                let parts = model.tree.operands(expr);
                // What is cut to a few bits is an index that can be proven.
                let masked = matches!(
                    model.tree[expr].kind,
                    ExprKind::Binary {
                        op: Binary::BitAnd | Binary::Rem,
                        right,
                        ..
                    } if model.value(right).is_some()
                );
                !masked && parts.into_iter().any(|e| self.unknown(e, counters))
            }
            _ => true,
        }
    }

    // ---- how loops end

    fn end(&self, this: &Loop) -> End {
        if self.said(this) {
            return End::Said;
        }
        if let Some(iterations) = self.bounded(this) {
            return End::Counted(iterations);
        }
        let condition = span(this.condition);
        let mut walks = self
            .index
            .follows(this.instance, condition)
            .map(|f| &self.reading.follows[f])
            .peekable();
        let walked = walks.peek().is_some()
            && walks.all(|f| !self.reading.vars.is_arena(f.space) && self.stays(f.space));
        match walked || self.indexes(this) {
            true => End::Walked,
            false => End::Unseen,
        }
    }

    /// Whether what an address space holds cannot move into the arena.
    fn stays(&self, space: super::vars::Var) -> bool {
        !self.reading.moving || self.reading.vars.is_fixed(space)
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

    /// Something in the condition bounds the loop already, or it is none.
    fn said(&self, this: &Loop) -> bool {
        let (from, to) = this.condition;
        let named = |t| {
            let word = self.word(t);
            word == b"can_loop" || word.starts_with(b"bpf_iter_") || word == b"__cond_break"
        };
        if (from..to).any(named) {
            return true;
        }
        // `do { … } while (0)` runs once, and a break that the user wrote in bounds the loop.
        let value = self
            .condition(this)
            .and_then(|c| self.reading.model.value(c));
        if this.kind == LoopKind::Do && value == Some(0) {
            return true;
        }
        (this.body.0..this.body.1).any(|t| self.word(t) == b"cond_break")
    }

    /// What a loop does again and again: everything but the first clause of a `for`.
    fn repeated(&self, this: &Loop) -> [Toks; 3] {
        [span(this.condition), span(this.step), span(this.body)]
    }

    /// A part of the condition compares a counter with a constant: how many iterations that makes,
    /// if it can be told.
    fn bounded(&self, this: &Loop) -> Option<Option<u64>> {
        let condition = self.condition(this)?;
        let mut parts = vec![condition];
        while let Some(part) = parts.pop() {
            let part = self.reading.model.tree.bare(part);
            match self.reading.model.tree[part].kind {
                ExprKind::Binary {
                    op: Binary::And,
                    left,
                    right,
                    ..
                } => parts.extend([left, right]),
                ExprKind::Binary {
                    op, left, right, ..
                } if op.compares() => {
                    let mirrored = match op {
                        Binary::Lt => Binary::Gt,
                        Binary::Gt => Binary::Lt,
                        Binary::Le => Binary::Ge,
                        Binary::Ge => Binary::Le,
                        other => other,
                    };
                    let sides = [(left, op, right), (right, mirrored, left)];
                    let found = sides
                        .into_iter()
                        .find_map(|(a, op, b)| self.counts(this, a, op, b));
                    if found.is_some() {
                        return found;
                    }
                }
                // `while (n)`, `while (n--)`
                ExprKind::Name(_) | ExprKind::Postfix { .. } | ExprKind::Unary(..) => {
                    if let Some(found) = self.counts_down(this, part) {
                        return Some(found);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// The variable that an expression is, perhaps with a step of its own.
    fn counter(&self, expr: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let expr = model.tree.bare(expr);
        let expr = match model.tree[expr].kind {
            ExprKind::Postfix { operand, .. } => operand,
            ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
            _ => expr,
        };
        let entity = model.named(expr)?;
        let number = model.number(model[entity].ty).is_some();
        (number && model[entity].is_automatic()).then_some(entity)
    }

    /// `i < 10` and the like, where `i` starts at a constant and only steps towards the end.
    fn counts(
        &self,
        this: &Loop,
        counter: ExprId,
        op: Binary,
        bound: ExprId,
    ) -> Option<Option<u64>> {
        let counter = self.counter(counter)?;
        let bound = self.constant(bound, this)?;
        let up = match op {
            Binary::Lt | Binary::Le => Some(true),
            Binary::Gt | Binary::Ge => Some(false),
            Binary::Ne => None,
            _ => return None,
        };
        self.reaches(this, counter, bound, up)
    }

    fn counts_down(&self, this: &Loop, part: ExprId) -> Option<Option<u64>> {
        let model = self.reading.model;
        if let ExprKind::Unary(op, _) = model.tree[part].kind
            && !matches!(op, Unary::Increment | Unary::Decrement)
        {
            return None;
        }
        let counter = self.counter(part)?;
        self.reaches(this, counter, Some(0), Some(false))
    }

    /// Whether a counter that starts at a constant reaches a bound by its steps.
    fn reaches(
        &self,
        this: &Loop,
        counter: EntityId,
        bound: Option<i128>,
        up: Option<bool>,
    ) -> Option<Option<u64>> {
        let steps = self.numbers.steps(counter, &self.repeated(this))?;
        let towards = |by: i128| match up {
            Some(up) => by != 0 && (by > 0) == up,
            None => by != 0,
        };
        if steps.is_empty() || !steps.iter().all(|s| towards(s.1)) {
            return None;
        }
        // A step that every iteration takes, and no inner loop repeats.
        let always = steps.iter().any(|&(tok, _)| {
            span(this.condition).contains(tok)
                || span(this.step).contains(tok)
                || !self.in_inner(tok, this) && self.unconditional(tok, this)
        });
        if !always {
            return None;
        }
        let first = self.first(this);
        let (value, start) = self.numbers.start(counter, this.function.0, first)?;
        if self.numbers.hidden_before(value) {
            return None;
        }
        let by = steps.iter().map(|s| s.1.unsigned_abs()).min().unwrap_or(1);
        let iterations = match (start, bound) {
            (Some(start), Some(bound)) => {
                let distance = bound.abs_diff(start);
                Some(
                    u64::try_from(distance / by)
                        .unwrap_or(u64::MAX)
                        .saturating_add(1),
                )
            }
            _ => None,
        };
        Some(iterations)
    }

    /// The first token of what is repeated.
    fn first(&self, this: &Loop) -> Tok {
        match this.kind {
            LoopKind::Do => this.body.0,
            _ => this.condition.0.min(this.body.0),
        }
    }

    /// Whether a token belongs to a loop within this one.
    fn in_inner(&self, tok: Tok, this: &Loop) -> bool {
        let tree = &self.reading.model.tree;
        let mut inner = self.index.loops(this.instance, span(this.body));
        inner.any(|l| {
            let stmt = self.reading.loops[l].stmt;
            stmt != this.stmt && tree[stmt].toks.contains(tok)
        })
    }

    /// Whether a token of the body is a statement of the body itself, and no `continue` comes
    /// before it.
    fn unconditional(&self, tok: Tok, this: &Loop) -> bool {
        let tree = &self.reading.model.tree;
        let body = match tree[this.stmt].kind {
            StmtKind::While { body, .. }
            | StmtKind::Do { body, .. }
            | StmtKind::For { body, .. } => body,
            _ => return false,
        };
        let StmtKind::Block(list) = &tree[body].kind else {
            return matches!(tree[body].kind, StmtKind::Expr(_));
        };
        for &stmt in list {
            if tree[stmt].toks.contains(tok) {
                return matches!(tree[stmt].kind, StmtKind::Expr(_) | StmtKind::Decl(_));
            }
            let toks = tree[stmt].toks;
            if (toks.start..toks.end).any(|t| self.word(t) == b"continue") {
                return false;
            }
        }
        false
    }

    /// A constant (with its value, if that can be told), or a variable that the function keeps
    /// below one.
    fn constant(&self, expr: ExprId, this: &Loop) -> Option<Option<i128>> {
        let model = self.reading.model;
        if let Some(value) = model.value(expr) {
            return Some(Some(value));
        }
        let bare = model.tree.bare(expr);
        match model.tree[bare].kind {
            ExprKind::Name(_) => {
                let entity = model.entity(bare)?;
                self.clamped(entity, this)
            }
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Shr,
                left,
                right,
                ..
            } => {
                self.constant(left, this)?;
                self.constant(right, this)?;
                Some(None)
            }
            ExprKind::Cast(_, inner) => self.constant(inner, this),
            _ => None,
        }
    }

    /// A variable that has a constant value throughout, or that is compared with a constant before
    /// the loop and not assigned anything else after that.
    fn clamped(&self, entity: EntityId, this: &Loop) -> Option<Option<i128>> {
        let model = self.reading.model;
        if !model[entity].is_automatic() {
            return None;
        }
        let mods = self.numbers.of(entity);
        if mods.iter().any(|m| m.change == Change::Lent) {
            return None;
        }
        if let [only] = mods
            && let Change::Set(value) = only.change
            && let Some(value) = model.value(value)
        {
            return Some(Some(value));
        }
        let first = self.first(this);
        let compared = model.uses(entity).iter().find_map(|&name| {
            let tok = model.tree[name].toks.start;
            if tok >= first || tok < this.function.0 {
                return None;
            }
            let Parent::Expr(outer) = model.parent(name) else {
                return None;
            };
            let ExprKind::Binary {
                op, left, right, ..
            } = model.tree[outer].kind
            else {
                return None;
            };
            let other = if left == name { right } else { left };
            (op.compares() && !matches!(op, Binary::Eq | Binary::Ne))
                .then(|| model.value(other))
                .flatten()
                .map(|_| tok)
        })?;
        let fine = mods.iter().all(|m| {
            m.tok < compared
                || matches!(m.change, Change::Set(value) if model.value(value).is_some())
        });
        fine.then_some(None)
    }

    /// Whether something that changes in the loop is an index into other memory than the arena's:
    /// the verifier wants to know it exactly.
    fn indexes(&self, this: &Loop) -> bool {
        let mut elements = self.index.elements(span(this.body));
        elements.any(|(array, index)| self.is_plain(array, this) && self.changes_in(index, this))
    }

    /// Whether an expression is an array in, or a pointer to, other memory than the arena's.
    fn is_plain(&self, array: ExprId, this: &Loop) -> bool {
        let model = self.reading.model;
        match model.root(array) {
            Root::Entity(entity) if model.is_array(model[entity].ty) => {
                let place = self.reading.place_of(entity);
                model.tree.name(array).is_some()
                    && place.is_some_and(|p| !self.reading.vars.is_arena(p))
                    && !(self.reading.moving && self.reading.can_lie_there(entity))
            }
            _ => {
                let toks = model.tree[array].toks;
                let follows = self.index.pointers.get(&(toks.start, toks.end));
                let mut follows = (follows.into_iter().flatten())
                    .map(|&f| &self.reading.follows[f])
                    .filter(|f| f.instance == this.instance)
                    .peekable();
                model.tree.name(array).is_some()
                    && follows.peek().is_some()
                    && follows.all(|f| !self.reading.vars.is_arena(f.space) && self.stays(f.space))
            }
        }
    }

    /// Whether a variable in an expression is changed by the loop itself.
    fn changes_in(&self, expr: ExprId, this: &Loop) -> bool {
        let model = self.reading.model;
        if let Some(entity) = model.entity(expr) {
            let repeated = self.repeated(this);
            return self.numbers.of(entity).iter().any(|m| {
                repeated.iter().any(|t| t.contains(m.tok)) && !self.in_inner(m.tok, this)
            });
        }
        let parts = model.tree.operands(expr);
        parts.into_iter().any(|e| self.changes_in(e, this))
    }

    // ---- which loops need help

    fn looping(&self) -> HashSet<FunctionId> {
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

    fn jumping(&self) -> HashSet<FunctionId> {
        let functions = (0..self.reading.model.tree.functions.len()).map(|f| FunctionId(f as u32));
        let jumping = functions.filter(|&f| super::jumps::jumps_back(self.reading, f));
        self.with_callers(jumping.collect())
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
    fn look(&self, index: usize, functions: &mut FxHashMap<FunctionId, u64>) -> bool {
        let this = &self.reading.loops[index];
        match self.ends[index] {
            End::Said | End::Walked => false,
            End::Unseen => true,
            End::Counted(iterations) => {
                let few = match self.indexes(this) {
                    true => INDEXED,
                    false
                        if self
                            .calls_in(span(this.body))
                            .any(|f| self.jumping.contains(&f)) =>
                    {
                        FEW_AROUND_JUMPS
                    }
                    false => FEW,
                };
                let outer = match self.indexes(this) {
                    true => 1,
                    false => self.outer_iterations(this),
                };
                let all = iterations.map(|r| r.saturating_mul(outer));
                let many = all.is_none_or(|r| r > few) && self.holds_loop(this);
                let long = |times: u64| {
                    let weight = self.weight(span(this.body), this.instance, functions, 0);
                    times > few && times.saturating_mul(weight) > FOLLOWED
                };
                many || iterations.is_some_and(long)
            }
        }
    }

    /// How often the loops around a loop, whose iterations the verifier follows one by one, come to it.
    fn outer_iterations(&self, this: &Loop) -> u64 {
        let tree = &self.reading.model.tree;
        let loops = self.reading.loops.iter().zip(&self.ends);
        let outer = loops.filter_map(|(l, end)| match end {
            End::Counted(Some(iterations))
                if l.stmt != this.stmt
                    && l.instance == this.instance
                    && span(l.body).contains(tree[this.stmt].toks.start) =>
            {
                (*iterations <= FEW).then_some(*iterations)
            }
            _ => None,
        });
        outer.fold(1, u64::saturating_mul)
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

    // ---- what to hide

    /// The counters whose start is hidden, and the numbers hidden in each iteration.
    fn hiding(&self, this: &Loop) -> (Vec<Start>, Vec<EntityId>) {
        let repeated = self.repeated(this);
        let changing = self.changing(&repeated, span(this.body));
        let first = self.first(this);
        let mut starts = Vec::new();
        for &entity in &changing {
            let stays_hidden =
                !self.comes_back(entity, &repeated) && !self.is_told_apart(entity, this);
            let start = self.numbers.start(entity, this.function.0, first);
            let written = self.numbers.of(entity).iter().any(|m| m.tok < first);
            if !written && !self.is_parameter(entity) {
                // It has no value yet that could be hidden.
                continue;
            }
            match start.filter(|_| stays_hidden) {
                Some((value, _)) if self.numbers.hidden_before(value) => {}
                Some((value, _)) if self.can_hide(value) => {
                    let toks = self.reading.model.tree[value].toks;
                    starts.push(Start {
                        value: (toks.start, toks.end),
                        index: self.is_bounded(entity, this) || self.is_index(entity, this),
                    });
                }
                _ if self.is_parameter(entity) && stays_hidden && start.is_none() => {
                    if self.called_with_constant(entity) {
                        return (Vec::new(), self.unhidden(changing, this));
                    }
                }
                _ => return (Vec::new(), self.unhidden(changing, this)),
            }
        }
        starts.sort();
        (starts, Vec::new())
    }

    /// Whether a loop indexes something with a variable, other than with its whole range.
    fn is_index(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let body = span(this.body);
        model.tree.exprs.iter().any(|e| match e.kind {
            ExprKind::Index(_, index) if body.contains(e.toks.start) => {
                self.counter(index) == Some(entity)
            }
            _ => false,
        })
    }

    /// Whether the loop gives a variable a value that the verifier knows, whatever it was before.
    fn comes_back(&self, entity: EntityId, repeated: &[Toks]) -> bool {
        let mods = self.numbers.of(entity).iter();
        let mut inside = mods.filter(|m| repeated.iter().any(|t| t.contains(m.tok)));
        inside.any(|m| match m.change {
            Change::Step(_) | Change::Combined(_) => false,
            Change::Set(value) => self.numbers.is_constant(value, entity),
            Change::Lent => true,
        })
    }

    /// Whether the body compares a variable with constants, so that the verifier knows its value on
    /// one of the ways and follows the loop from there value by value.
    fn is_told_apart(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let body = span(this.body);
        let stepped = |toks: Toks| {
            let mut mods = self.numbers.of(entity).iter();
            mods.any(|m| toks.contains(m.tok))
        };
        model.uses(entity).iter().any(|&name| {
            if !body.contains(model.tree[name].toks.start) {
                return false;
            }
            match model.parent(name) {
                Parent::Expr(outer) => match model.tree[outer].kind {
                    ExprKind::Binary {
                        op: Binary::Eq | Binary::Ne,
                        left,
                        right,
                        ..
                    } => {
                        let other = if left == name { right } else { left };
                        model.value(other).is_some()
                    }
                    // Whether it is 0.
                    ExprKind::Binary { op, .. } => op.is_logical(),
                    ExprKind::Conditional { cond, .. } => cond == name,
                    ExprKind::Unary(Unary::Not, _) => true,
                    _ => false,
                },
                Parent::Stmt(stmt) => match model.tree[stmt].kind {
                    StmtKind::Switch { .. } => !stepped(model.tree[stmt].toks),
                    StmtKind::If { cond, .. } => cond == name,
                    _ => false,
                },
                _ => false,
            }
        })
    }

    /// The value's text can be edited where it stands.
    fn can_hide(&self, value: ExprId) -> bool {
        let toks = self.reading.model.tree[value].toks;
        let token = &self.toks[toks.start];
        !token.synthetic && self.reading.is_ours(token.loc.file)
    }

    /// Those that the condition does not hide yet.
    fn unhidden(&self, mut changing: Vec<EntityId>, this: &Loop) -> Vec<EntityId> {
        let (from, to) = this.condition;
        let first = self.first(this);
        changing.retain(|&e| {
            // What has no value yet cannot be read.
            self.is_parameter(e) || self.numbers.of(e).iter().any(|m| m.tok < first)
        });
        changing.retain(|&e| {
            let name = self.reading.model[e].name;
            !(from..to.saturating_sub(2))
                .any(|t| self.word(t) == b"static_hide" && self.toks[t + 2].symbol == name)
        });
        changing
    }

    /// The numbers of the function that change among `within`, live on from one iteration to the
    /// next, and whose values the verifier knows and needs.
    fn changing(&self, within: &[Toks], body: Toks) -> Vec<EntityId> {
        let changed = within.iter().flat_map(|&t| self.index.changes(t));
        let mut changed: Vec<EntityId> = changed.collect();
        changed.sort();
        changed.dedup();
        changed.retain(|&entity| {
            let mods = self.numbers.of(entity);
            let inside = |m: &&super::numbers::Mod| within.iter().any(|t| t.contains(m.tok));
            let known = |m: &super::numbers::Mod| match m.change {
                Change::Step(_) => true,
                Change::Set(value) => self.numbers.is_known(value),
                Change::Combined(value) => self.numbers.is_known(value),
                Change::Lent => true,
            };
            mods.iter().filter(inside).any(known)
                && !body.contains(self.numbers.declared(entity))
                && self.has_value_before(entity, mods, within)
                && self.starts_known(entity, mods)
                && self.numbers.matters(entity)
        });
        changed
    }

    /// Whether a variable has a value when the loop begins: one that has none yet is set in each
    /// iteration before it is used.
    fn has_value_before(
        &self,
        entity: EntityId,
        mods: &[super::numbers::Mod],
        within: &[Toks],
    ) -> bool {
        let first = within
            .iter()
            .filter(|t| t.start < t.end)
            .map(|t| t.start)
            .min();
        let before = |tok: Tok| first.is_none_or(|first| tok < first);
        self.is_parameter(entity)
            || !self.reading.model[entity].is_automatic()
            || mods.iter().any(|m| before(m.tok))
    }

    /// Whether the verifier knows a value of the variable at any time: one that starts unknown and
    /// is only combined stays unknown.
    fn starts_known(&self, entity: EntityId, mods: &[super::numbers::Mod]) -> bool {
        mods.iter().any(|m| match m.change {
            Change::Set(value) => self.numbers.is_known(value),
            Change::Lent => true,
            _ => false,
        }) || self.is_parameter(entity) && self.called_with_constant(entity)
    }

    fn is_parameter(&self, entity: EntityId) -> bool {
        self.reading.model[entity].storage() == Some(crate::c::types::Storage::Parameter)
    }

    /// Whether a call passes a number that the verifier knows for a parameter.
    fn called_with_constant(&self, param: EntityId) -> bool {
        let model = self.reading.model;
        let EntityKind::Object {
            function: Some(function),
            ..
        } = model[param].kind
        else {
            return false;
        };
        let info = model.info(function);
        let Some(index) = info.params.iter().position(|p| *p == Some(param)) else {
            return false;
        };
        let Some(entity) = info.entity else {
            return false;
        };
        model.uses(entity).iter().any(|&name| {
            let Parent::Expr(outer) = model.parent(name) else {
                return false;
            };
            match &model.tree[outer].kind {
                ExprKind::Call { callee, args, .. } if *callee == name => {
                    args.get(index).is_some_and(|&a| self.numbers.is_known(a))
                }
                _ => true,
            }
        })
    }

    /// The condition compares the variable with an upper bound.
    fn is_bounded(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let condition = span(this.condition);
        model.uses(entity).iter().any(|&name| {
            if !condition.contains(model.tree[name].toks.start) {
                return false;
            }
            let Parent::Expr(outer) = model.parent(name) else {
                return false;
            };
            match model.tree[outer].kind {
                ExprKind::Binary {
                    op, left, right, ..
                } => match op {
                    Binary::Lt | Binary::Le | Binary::Ne => left == name,
                    Binary::Gt | Binary::Ge => right == name,
                    _ => false,
                },
                _ => false,
            }
        })
    }

    /// How `can_loop` gets into a loop.
    fn form(&self, this: &Loop) -> Guard {
        let model = self.reading.model;
        let Some(condition) = self.condition(this) else {
            return Guard::Alone;
        };
        if model.value(condition).is_some_and(|v| v != 0) {
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
