//! How loops end: by a counter, by what they walk, or unseen.

use super::super::facts::{Loop, LoopKind};
use super::super::numbers::Change;
use super::super::vars::{Tok, Var};
use super::{End, Search, span};
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, StmtKind, Unary};
use crate::c::types::{EntityId, Parent, Root};

impl Search<'_> {
    pub(super) fn end(&self, this: &Loop) -> End {
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
    fn stays(&self, space: Var) -> bool {
        !self.reading.moving || self.reading.vars.is_fixed(space)
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
    pub(super) fn counter(&self, expr: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let expr = model.tree.bare(expr);
        let expr = match model.tree[expr].kind {
            ExprKind::Postfix { operand, .. } => operand,
            ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => operand,
            _ => expr,
        };
        let entity = model.named(expr)?;
        let number = model.number(model[entity].ty).is_some();
        (number && model[entity].is_automatic() && !self.is_in_heap(entity)).then_some(entity)
    }

    /// Whether a variable moves into the arena, where the verifier forgets its value.
    pub(super) fn is_in_heap(&self, entity: EntityId) -> bool {
        let place = self.reading.place_of(entity);
        place.is_some_and(|place| self.reading.vars.is_arena(place))
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
        let up = match op {
            Binary::Lt | Binary::Le => Some(true),
            Binary::Gt | Binary::Ge => Some(false),
            Binary::Ne => None,
            _ => return None,
        };
        let bound = self.constant(bound, this, up)?;
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
    /// below one, if `up` says so, or above one.
    fn constant(&self, expr: ExprId, this: &Loop, up: Option<bool>) -> Option<Option<i128>> {
        let model = self.reading.model;
        if let Some(value) = model.value(expr) {
            return Some(Some(value));
        }
        let bare = model.tree.bare(expr);
        match model.tree[bare].kind {
            ExprKind::Name(_) => {
                let entity = model.entity(bare)?;
                self.clamped(entity, this, up)
            }
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub | Binary::Mul | Binary::Div | Binary::Shr,
                left,
                right,
                ..
            } => {
                self.constant(left, this, up)?;
                self.constant(right, this, up)?;
                Some(None)
            }
            ExprKind::Cast(_, inner) => self.constant(inner, this, up),
            _ => None,
        }
    }

    /// A variable that has a constant value throughout, or that is compared with a constant before
    /// the loop and not assigned anything else after that.
    fn clamped(&self, entity: EntityId, this: &Loop, up: Option<bool>) -> Option<Option<i128>> {
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
            model.value(other)?;
            let large = match op {
                Binary::Gt | Binary::Ge => left == name,
                Binary::Lt | Binary::Le => right == name,
                _ => return None,
            };
            // `if (n > 9) return;` keeps it small, `if (n < 9) …` only what is done then.
            let stmt = model.stmt_of(outer)?;
            let StmtKind::If { then, .. } = model.tree[stmt].kind else {
                return None;
            };
            let inside = model.tree[then].toks.contains(first);
            let keeps = |up: bool| (large == up) != inside;
            up.is_none_or(keeps).then_some(tok)
        })?;
        let fine = mods.iter().all(|m| {
            m.tok < compared
                || matches!(m.change, Change::Set(value) if model.value(value).is_some())
        });
        fine.then_some(None)
    }

    /// Whether something that changes in the loop is an index into other memory than the arena's:
    /// the verifier wants to know it exactly.
    pub(super) fn indexes(&self, this: &Loop) -> bool {
        let mut elements = self.index.elements(span(this.body));
        elements.any(|(array, index)| self.is_plain(array, this) && self.changes_in(index, this))
    }

    /// The same for arrays that are not in the arena, but could be.
    pub(super) fn indexes_movable(&self, this: &Loop) -> bool {
        let model = self.reading.model;
        let movable = |array: ExprId| match model.root(array) {
            Root::Entity(entity) if model.is_array(model[entity].ty) => {
                let place = self.reading.place_of(entity);
                place.is_some_and(|p| !self.reading.vars.is_arena(p))
                    && self.reading.can_lie_there(entity)
            }
            _ => false,
        };
        let mut elements = self.index.elements(span(this.body));
        elements.any(|(array, index)| movable(array) && self.changes_in(index, this))
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
}
