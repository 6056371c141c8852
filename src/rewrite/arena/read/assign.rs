//! Assignments.

use super::*;
use crate::c::syntax::tree::{ExprKind, StmtKind};
use crate::c::types::Parent;

impl Reading<'_> {
    /// `left = right`, or with another operator.
    pub(super) fn assignment(&mut self, plain: bool, left: ExprId, right: ExprId) -> Value {
        let target = self.value(left);
        let value = self.value(right);
        if self.is_record(target.ty)
            && let Some(place) = target.place
        {
            let (to, whole) = (self.toks_of(left), self.toks_of(right));
            let inner = self.toks_of(self.model.tree.bare(right));
            // `(x)` with the argument of a macro for `x`.
            let from = match self.in_one_text(&[whole.start, inner.start]) {
                true => whole,
                false => inner,
            };
            self.copies.push(Copied {
                to: (to.start, to.end),
                place,
                from: (from.start, from.end),
                whole: (whole.start, whole.end),
                used: self.is_used(self.model.parent(left)),
                source: value.place,
                ty: self.model.type_of(left),
                kind: CopyKind::Assignment,
                instance: self.instance,
            });
        }
        if !plain {
            self.rvalue(value);
            return self.rvalue(target);
        }
        let toks = self.toks_of(left);
        self.stored(target, value, toks)
    }

    /// Whether something is made of the value of an expression.
    fn is_used(&self, expr: Parent) -> bool {
        let model = self.model;
        let Parent::Expr(expr) = expr else {
            return false;
        };
        let around = model.parent(expr);
        match around {
            Parent::Stmt(stmt) => match model.tree[stmt].kind {
                StmtKind::Expr(_) => false,
                StmtKind::For { cond, .. } => cond == Some(expr),
                _ => true,
            },
            Parent::Expr(outer) => match model.tree[outer].kind {
                ExprKind::Paren(_) => self.is_used(around),
                ExprKind::Comma(_, last) => last == expr && self.is_used(around),
                ExprKind::Conditional { cond, .. } => cond == expr || self.is_used(around),
                _ => true,
            },
            _ => true,
        }
    }

    /// A value goes to a place, whose tokens the result has.
    pub(super) fn stored(&mut self, target: Value, value: Value, toks: Toks) -> Value {
        let value = self.rvalue(value);
        self.assign(target.ty, value);
        if !target.mem {
            self.flows_to(value.flow, target.flow);
        }
        self.flows_to(value.flow, target.slot);
        Value {
            flow: value.flow,
            made_from: value.made_from,
            ..Value::of(target.ty, toks)
        }
    }

    /// A value goes where `ty` is expected.
    pub(super) fn assign(&mut self, ty: TypeId, value: Value) {
        if value.null {
            return;
        }
        let into = match *self.types.get(ty) {
            Type::Pointer { space, .. } | Type::Address(space) => Some(space),
            _ => None,
        };
        if let (Some(space), Some(from)) = (into, value.made_from) {
            self.vars.join(space, from, value.start);
        }
        self.same(ty, value.ty, value.start);
    }
}
