//! Casts that clang needs to tell where a pointer leads: in `c ? a : b`, where one of both points to constant
//! characters and the other not, and in `f(), NULL`.
//!
//! clang finds the type that both have in common, and loses the address space on the way: "initializing
//! '__arena const char *' with an expression of type 'const char *' changes address space of pointer".
//! A cast of the other one spares it the search.

use super::edits::Editor;
use super::read::Reading;
use crate::c::syntax::tree::{Base, DeclId, ExprId, ExprKind, Unary};
use crate::c::types::{EntityId, Model, Type, TypeId};
use crate::rewrite::plan::EditKind;

const REASON: &str = "clang loses the address space where only one of both points to constants";

/// How deep expressions are followed.
const DEEP: u32 = 16;

impl Reading<'_> {
    /// Whether what a pointer points to is constant, as far as its declaration tells; nothing for
    /// NULL.
    fn points_to_constants(&self, expr: ExprId, depth: u32) -> Option<bool> {
        let model = self.model;
        let tree = &model.tree;
        if depth > DEEP || model.is_null_pointer_constant(expr) {
            return None;
        }
        let inner = |e: ExprId| self.points_to_constants(e, depth + 1);
        match tree[expr].kind {
            ExprKind::Paren(e) | ExprKind::Comma(_, e) => inner(e),
            ExprKind::Text => Some(false),
            ExprKind::Cast(ty, _) => Some(says_const(model, ty)),
            ExprKind::Name(_) => model.entity(expr).map(|e| declared_const(model, e)),
            ExprKind::Member { object, .. } => {
                let field = model.field(model.member(expr)?);
                // The characters of an array are as constant as what they are a part of.
                let part = || model.is_array(field.ty) && inner(object) == Some(true);
                Some(says_const(model, field.decl) || part())
            }
            ExprKind::Call { callee, .. } => model.named(callee).map(|e| declared_const(model, e)),
            ExprKind::Conditional {
                then, otherwise, ..
            } => {
                let both = [then.and_then(inner), inner(otherwise)];
                both.into_iter().flatten().reduce(|a, b| a || b)
            }
            ExprKind::Index(a, _) => inner(a),
            ExprKind::Unary(Unary::AddressOf | Unary::Deref, e)
            | ExprKind::Unary(Unary::Increment | Unary::Decrement, e)
            | ExprKind::Postfix { operand: e, .. } => inner(e),
            ExprKind::Assign { left, .. } => inner(left),
            ExprKind::Binary { left, right, .. } => match model.is_pointer(model.decay_of(left)) {
                true => inner(left),
                false => inner(right),
            },
            _ => None,
        }
    }
}

fn declared_const(model: &Model, entity: EntityId) -> bool {
    let mut declared = model[entity].declarators.iter();
    declared.any(|&d| says_const(model, model.tree[d].decl))
}

/// Whether specifiers say `const`, of a type other than one whose name may hide a pointer.
fn says_const(model: &Model, decl: DeclId) -> bool {
    let specifiers = &model.tree[decl].specifiers;
    let hidden =
        matches!(specifiers.base, Base::Typedef(..)) && model.is_pointer(model.base_type(decl));
    specifiers.is_const && !hidden
}

impl Editor<'_> {
    /// Casts the one of two pointers that does not point to constants.
    pub(super) fn choices(&mut self) {
        let reading = self.reading();
        for &(then, otherwise, space) in &reading.choices {
            if !self.arena(space) {
                continue;
            }
            let known = [then, otherwise].map(|e| reading.points_to_constants(e, 0));
            let plain = match known {
                [Some(true), Some(false)] => otherwise,
                [Some(false), Some(true)] => then,
                _ => continue,
            };
            let model = reading.model;
            let Some(of) = model.pointee(model.decay_of(plain)) else {
                continue;
            };
            let toks = model.tree[plain].toks;
            let Some(name) = word(model, of) else {
                continue;
            };
            if !self.editable(toks.start) || !self.together(toks.start, toks.end - 1) {
                continue;
            }
            let (from, to) = (self.location(toks.start), self.location(toks.end - 1));
            let simple = matches!(
                model.tree[plain].kind,
                ExprKind::Name(_)
                    | ExprKind::Text
                    | ExprKind::Member { .. }
                    | ExprKind::Index(..)
                    | ExprKind::Call { .. }
                    | ExprKind::Paren(_)
                    | ExprKind::Unary(..)
                    | ExprKind::Cast(..)
            );
            let (open, close) = if simple { ("", "") } else { ("(", ")") };
            let cast = format!("(const {name} __arena *){open}");
            let kind = EditKind::Qualifier;
            self.change(from.file, from.start, from.start, cast, kind, REASON);
            if !simple {
                self.change(to.file, to.end, to.end, close.into(), kind, REASON);
            }
        }
    }

    /// Casts a NULL behind a comma, where it is a pointer like others: `return free(p), NULL;`.
    pub(super) fn nulls(&mut self) {
        let reading = self.reading();
        for &(tok, space) in &reading.nulls {
            let Some(id) = self.token(tok).and_then(|t| t.expansion) else {
                continue;
            };
            let place = reading.unit.expansion(id).invocation;
            if self.arena(space) && self.is_ours(place.file) {
                let reason = "behind a comma NULL is a pointer like others";
                let text = "(void __arena *)".to_owned();
                let (at, kind) = (place.start, EditKind::Qualifier);
                self.change(place.file, at, at, text, kind, reason);
            }
        }
    }
}

/// The name of a type that is no pointer.
fn word(model: &Model, ty: TypeId) -> Option<String> {
    match model[ty] {
        Type::Number(_) | Type::Enum(_) | Type::Record(_) | Type::Void => {
            crate::rewrite::calls::declare(model, ty)
        }
        _ => None,
    }
}
