//! Lvalues: which object an expression is a part of.

use super::{EntityId, Model, Type};
use crate::c::syntax::tree::{ExprId, ExprKind, Unary};

/// What a place is a part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// An object that is named.
    Entity(EntityId),
    /// What the value of this expression points to.
    Pointer(ExprId),
    /// A value: a compound literal, a string literal, a structure that a call returns.
    Value(ExprId),
}

impl Model<'_> {
    /// Whether an expression is a place in memory: it can be assigned to, or its address taken.
    pub fn is_lvalue(&self, expr: ExprId) -> bool {
        match self.tree[expr].kind {
            ExprKind::Paren(inner) => self.is_lvalue(inner),
            ExprKind::Name(_) => {
                let entity = self.entity(expr);
                entity.is_some_and(|e| self[e].storage().is_some())
            }
            ExprKind::Member { object, arrow, .. } => arrow || self.is_lvalue(object),
            ExprKind::Index(..)
            | ExprKind::Unary(Unary::Deref, _)
            | ExprKind::Compound(..)
            | ExprKind::Text => true,
            _ => false,
        }
    }

    /// What a place is a part of, through members, elements of arrays and parentheses:
    /// of `a.b[i].c` it is `a`, of `(*p).b` and `p->b` it is what `p` points to.
    pub fn root(&self, expr: ExprId) -> Root {
        let mut at = expr;
        loop {
            match self.tree[at].kind {
                ExprKind::Paren(inner) => at = inner,
                ExprKind::Member {
                    object,
                    arrow: false,
                    ..
                } => at = object,
                // `array->member`
                ExprKind::Member {
                    object: inner,
                    arrow: true,
                    ..
                }
                | ExprKind::Unary(Unary::Deref, inner) => {
                    match self.is_array(self.type_of(inner)) {
                        true => at = inner,
                        false => return Root::Pointer(inner),
                    }
                }
                ExprKind::Index(a, b) => {
                    let index = matches!(
                        self.types.get(self.decayed(self.type_of(a))),
                        Type::Number(_) | Type::Enum(_)
                    );
                    let base = if index { b } else { a };
                    match self.is_array(self.type_of(base)) {
                        true => at = base,
                        false => return Root::Pointer(base),
                    }
                }
                ExprKind::Name(_) => {
                    return self.entity(at).map_or(Root::Value(at), Root::Entity);
                }
                _ => return Root::Value(at),
            }
        }
    }
}
