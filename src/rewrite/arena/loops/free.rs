//! What is followed at places that nobody can prove.

use std::collections::HashSet;

use super::super::facts::Loop;
use super::super::numbers::{Change, changes};
use super::{End, Search, span};
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, StmtId, StmtKind, Toks, Unary};
use crate::c::types::{EntityId, EntityKind, FieldRef, Parent, Storage, Type, TypeId};

/// How far assignments of pointers are followed back.
const DEEP: u32 = 4;

/// What holds a place in a text, in the whole program.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Cursor {
    /// A member of a structure.
    Member(FieldRef),
    /// What a pointer to a pointer to such characters leads to.
    Lent(TypeId),
}

impl Search<'_> {
    /// The pointers that are followed at places that nobody can prove: indexed freely, or stepped
    /// on in a loop whose end the verifier cannot see. Arrays too. In an arena also those that a
    /// loop goes through whose length is not a constant: what it is the length of, nobody tells.
    pub fn followed_freely(&self, arena: bool) -> Vec<ExprId> {
        let model = self.reading.model;
        let mut found = Vec::new();
        let cursors = self.cursors();
        for (number, expr) in model.tree.exprs.iter().enumerate() {
            let this = ExprId(number as u32);
            if model.function_of(this).is_none() {
                continue;
            }
            match expr.kind {
                ExprKind::Index(array, index)
                    if model.value(index).is_none()
                        && (self.is_free(index)
                            || arena && self.is_measured(array, index)
                            || arena && self.is_stepped_through(array, index)) =>
                {
                    found.push(array);
                }
                ExprKind::Unary(Unary::Deref, pointer)
                | ExprKind::Index(pointer, _)
                | ExprKind::Member {
                    object: pointer,
                    arrow: true,
                    ..
                } if self.is_stepped(pointer)
                    || self.cursor(pointer).is_some_and(|c| cursors.contains(&c)) =>
                {
                    found.push(pointer);
                }
                ExprKind::Unary(Unary::Deref, pointer)
                | ExprKind::Index(pointer, _)
                | ExprKind::Member {
                    object: pointer,
                    arrow: true,
                    ..
                } => {
                    let place = arena.then(|| self.found_in(pointer, 0, false));
                    found.extend(self.far_from(pointer, 0).or(place.flatten()));
                }
                _ => {}
            }
        }
        found
    }

    /// The places in text that parts of a program share and step on: `(*p)++`, `parser->at++`.
    fn cursors(&self) -> HashSet<Cursor> {
        let tree = &self.reading.model.tree;
        let stepped = tree.exprs.iter().filter_map(|expr| match expr.kind {
            ExprKind::Postfix { operand, .. }
            | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => Some(operand),
            _ => None,
        });
        stepped.filter_map(|place| self.cursor(place)).collect()
    }

    /// What holds a pointer to characters, other than a variable of the function.
    fn cursor(&self, pointer: ExprId) -> Option<Cursor> {
        let model = self.reading.model;
        let mut bare = model.tree.bare(pointer);
        if let ExprKind::Postfix { operand, .. }
        | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) = model.tree[bare].kind
        {
            bare = model.tree.bare(operand);
        }
        let ty = model.type_of(bare);
        let Type::Pointer { to, .. } = model[ty] else {
            return None;
        };
        model.number(to).filter(|number| number.size == 1)?;
        match model.tree[bare].kind {
            ExprKind::Member { .. } => model.member(bare).map(Cursor::Member),
            ExprKind::Unary(Unary::Deref, _) => Some(Cursor::Lent(to)),
            _ => None,
        }
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

    /// Whether a pointer is indexed with the counter of a loop that ends at something other than a
    /// constant, or an array with that of one which ends at what a call returned.
    fn is_measured(&self, pointer: ExprId, index: ExprId) -> bool {
        let model = self.reading.model;
        let array = model.is_array(model.type_of(pointer));
        let Some(counter) = self.counter(index) else {
            return false;
        };
        self.around(index).into_iter().any(|l| {
            let this = &self.reading.loops[l];
            let condition = match model.tree[this.stmt].kind {
                StmtKind::For { cond, .. } => cond,
                StmtKind::While { cond, .. } | StmtKind::Do { cond, .. } => Some(cond),
                _ => None,
            };
            let whole = model.tree[this.stmt].toks;
            condition.is_some_and(|c| {
                !self.compares(c, counter) && (!array || self.ends_at_result(c, counter))
            }) && self.index.changes(whole).any(|e| e == counter)
        })
    }

    /// Whether a condition compares a counter with what a call returns, or returned.
    fn ends_at_result(&self, condition: ExprId, counter: EntityId) -> bool {
        let model = self.reading.model;
        let result = |expr: ExprId| {
            let mut at = model.tree.bare(expr);
            while let ExprKind::Cast(_, inner) = model.tree[at].kind {
                at = model.tree.bare(inner);
            }
            matches!(model.tree[at].kind, ExprKind::Call { .. })
        };
        let returned = |expr: ExprId| {
            result(expr)
                || model.named(expr).is_some_and(|e| {
                    self.numbers.of(e).iter().any(|m| match m.change {
                        Change::Set(value) => result(value),
                        _ => false,
                    })
                })
        };
        match model.tree[model.tree.bare(condition)].kind {
            ExprKind::Binary {
                op, left, right, ..
            } if op.compares() => [(left, right), (right, left)]
                .iter()
                .any(|&(a, b)| model.named(a) == Some(counter) && returned(b)),
            ExprKind::Binary { left, right, .. } => {
                self.ends_at_result(left, counter) || self.ends_at_result(right, counter)
            }
            _ => false,
        }
    }

    /// What a pointer is the sum of with a number that nobody can prove: `*(p + n)`. An array, if
    /// its elements are what is followed: `*(&a[0][0] + n)`. Or a variable that was assigned such a
    /// sum.
    fn far_from(&self, pointer: ExprId, depth: u32) -> Option<ExprId> {
        let model = self.reading.model;
        let mut at = model.tree.bare(pointer);
        let mut far = false;
        loop {
            at = match model.tree[at].kind {
                ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => inner,
                ExprKind::Binary {
                    op: Binary::Add | Binary::Sub,
                    left,
                    right,
                    ..
                } => {
                    let sides = [(left, right), (right, left)];
                    let is_pointer = |e| model.is_pointer(model.decay_of(e));
                    let (base, by) = sides.into_iter().find(|s| is_pointer(s.0))?;
                    far |= model.value(by).is_none() && self.is_free(by);
                    base
                }
                ExprKind::Postfix { operand, .. }
                | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
                ExprKind::Name(_) if !far => {
                    let entity = model.named(at).filter(|&e| model[e].is_automatic())?;
                    let is_far = |change: Change| match change {
                        Change::Set(value) => {
                            depth < DEEP && self.far_from(value, depth + 1).is_some()
                        }
                        Change::Combined(by) => self.is_free(by),
                        _ => false,
                    };
                    let is_pointer = model.is_pointer(model[entity].ty);
                    let moved =
                        is_pointer && changes(model, entity).iter().any(|m| is_far(m.change));
                    return moved.then_some(pointer);
                }
                _ if !far => return None,
                ExprKind::Unary(Unary::AddressOf, place) => {
                    let mut place = model.tree.bare(place);
                    while let ExprKind::Index(array, _) = model.tree[place].kind {
                        place = model.tree.bare(array);
                    }
                    return Some(place);
                }
                _ if model.is_array(model.type_of(at)) => return Some(at),
                _ => return Some(pointer),
            };
        }
    }

    /// The array in which the C library found a place, or went to: `strchr(text, '/')` with
    /// `char text[26]`. The verifier takes such a place to be further from the array's beginning
    /// than the array is long; behind any block there is room for it.
    fn found_in(&self, pointer: ExprId, depth: u32, found: bool) -> Option<ExprId> {
        let model = self.reading.model;
        let at = model.tree.bare(pointer);
        let inner = |e| self.found_in(e, depth + 1, found);
        match model.tree[at].kind {
            _ if depth > DEEP => None,
            ExprKind::Call { .. } => self.found_in(self.reading.located_in(at)?, depth + 1, true),
            _ if model.is_array(model.type_of(at)) => found.then_some(at),
            ExprKind::Cast(_, e) => inner(e),
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub,
                left,
                ..
            } => inner(left),
            ExprKind::Unary(Unary::AddressOf, place) => match model.tree[place].kind {
                ExprKind::Index(array, _) => inner(array),
                _ => None,
            },
            ExprKind::Name(_) => {
                let entity = model.named(at).filter(|&e| model[e].is_automatic())?;
                let mut changes = changes(model, entity).into_iter();
                changes.find_map(|m| match m.change {
                    Change::Set(value) => inner(value),
                    _ => None,
                })
            }
            _ => None,
        }
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

    /// Whether a loop with `can_loop` goes through an array: clang may well keep a pointer to the element
    /// and step that on, about which the comparison of the counter says nothing.
    fn is_stepped_through(&self, array: ExprId, index: ExprId) -> bool {
        let model = self.reading.model;
        let Some(counter) = self
            .counter(index)
            .filter(|_| model.is_array(model.type_of(array)))
        else {
            return false;
        };
        let around = self.around(index);
        let mut guarded = around.iter().filter(|&&l| self.needs[l]);
        guarded.any(|&l| {
            self.index
                .changes(model.tree[self.reading.loops[l].stmt].toks)
                .any(|e| e == counter)
        })
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
    pub(super) fn compares(&self, condition: ExprId, entity: EntityId) -> bool {
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

    /// Whether a value depends on an argument of a function that calls itself, which is another one at
    /// each depth, as in each iteration of a loop; or on a number that was hidden when such a function
    /// became a loop.
    fn changes_with_depth(&self, value: ExprId) -> bool {
        let model = self.reading.model;
        let changes = |entity: EntityId| {
            let hidden = |change: Change| matches!(change, Change::Set(value) if self.numbers.hidden_before(value));
            match model[entity].kind {
                EntityKind::Object {
                    storage: Storage::Parameter,
                    function: Some(function),
                } => {
                    model.is_recursive(function)
                        || self.numbers.of(entity).iter().any(|m| hidden(m.change))
                }
                _ => false,
            }
        };
        let mut parts = model.tree.operands(value).into_iter();
        model.entity(value).is_some_and(changes) || parts.any(|p| self.changes_with_depth(p))
    }

    /// Whether clang sees that a remainder is at most `most`, and leaves a mask out.
    fn is_remainder_below(&self, value: ExprId, most: i128) -> bool {
        let model = self.reading.model;
        match model.tree[model.tree.bare(value)].kind {
            ExprKind::Cast(_, inner) => self.is_remainder_below(inner, most),
            ExprKind::Binary {
                op: Binary::Rem,
                right,
                ..
            } => model
                .value(right)
                .is_some_and(|by| 0 < by && by <= most + 1),
            _ => false,
        }
    }

    /// Whether a part of an expression is neither a constant nor one of some counters.
    fn unknown(&self, expr: ExprId, counters: &[EntityId]) -> bool {
        self.is_unknown(expr, counters, true)
    }

    /// The same, where masks prove the value, or where they do not: of what a division makes of a value
    /// the verifier knows no bounds, if it does not know the value itself.
    fn is_unknown(&self, expr: ExprId, counters: &[EntityId], masks: bool) -> bool {
        let model = self.reading.model;
        if model.value(expr).is_some() {
            return false;
        }
        if let Some(entity) = model.entity(expr) {
            let mods = self.numbers.of(entity);
            let constant = !mods.is_empty()
                && mods.iter().all(|m| match m.change {
                    Change::Set(value) => {
                        self.numbers.is_known(value) && !self.changes_with_depth(value)
                    }
                    Change::Step(_) => true,
                    _ => false,
                });
            return match counters.contains(&entity) {
                true => self.is_offset(entity, counters),
                false => !constant,
            };
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
                // What is cut to a few bits is an index that can be proven; the verifier does not
                // know what a division leaves.
                let (masked, divided) = match model.tree[expr].kind {
                    ExprKind::Binary {
                        op, left, right, ..
                    } => match (op, model.value(right)) {
                        (Binary::BitAnd, Some(mask)) => {
                            (!self.is_remainder_below(left, mask), false)
                        }
                        (Binary::Rem, Some(by)) => {
                            let unsigned = model.operation(expr).is_some_and(|n| n.unsigned);
                            let masked = unsigned && by.count_ones() == 1;
                            (masked, !masked)
                        }
                        (Binary::Div, _) => (false, true),
                        _ => (false, false),
                    },
                    _ => (false, false),
                };
                let masks = masks && !divided;
                let mut parts = parts.into_iter();
                !(masked && masks) && parts.any(|e| self.is_unknown(e, counters, masks))
            }
            _ => true,
        }
    }

    /// Whether a variable that a loop changes is set to a sum with something that is unknown to the
    /// loop: `at = x + i`.
    fn is_offset(&self, entity: EntityId, counters: &[EntityId]) -> bool {
        let model = self.reading.model;
        self.numbers.of(entity).iter().any(|m| {
            let Change::Set(value) = m.change else {
                return false;
            };
            let mut parts = vec![value];
            while let Some(part) = parts.pop() {
                let part = model.tree.bare(part);
                match model.tree[part].kind {
                    ExprKind::Binary {
                        op: Binary::Add | Binary::Sub,
                        left,
                        right,
                        ..
                    } => parts.extend([left, right]),
                    ExprKind::Name(_) if part != value => {
                        let known = model.entity(part).is_none_or(|e| counters.contains(&e));
                        if !known && self.unknown(part, counters) {
                            return true;
                        }
                    }
                    _ => {}
                }
            }
            false
        })
    }
}
