//! Pointers that are the same, or lead to the same.

use super::*;

impl Reading<'_> {
    /// Values of both types are the same value.
    pub(super) fn same(&mut self, a: TypeId, b: TypeId, tok: Tok) {
        self.same_to(a, b, tok, 0);
    }

    pub(super) fn same_to(&mut self, a: TypeId, b: TypeId, tok: Tok, depth: usize) {
        if a == b || depth > 16 {
            return;
        }
        match (self.types.get(a).clone(), self.types.get(b).clone()) {
            (
                Type::Pointer { to, space },
                Type::Pointer {
                    to: other,
                    space: with,
                },
            ) => {
                if !matches!(self.types.get(to), Type::Function { .. }) {
                    self.vars.join(space, with, tok);
                }
                match (to == Types::VOID, other == Types::VOID) {
                    (true, false) => self.goes_untyped(with, other, tok),
                    (false, true) => self.goes_untyped(space, to, tok),
                    _ => self.same_to(to, other, tok, depth + 1),
                }
            }
            (Type::Address(space), Type::Address(with)) => self.vars.join(space, with, tok),
            (Type::Array { of }, Type::Array { of: other }) => {
                self.same_to(of, other, tok, depth + 1);
            }
            (
                Type::Function { ret, params, .. },
                Type::Function {
                    ret: other,
                    params: with,
                    ..
                },
            ) => {
                self.same_to(ret, other, tok, depth + 1);
                for (a, b) in params.into_iter().zip(with) {
                    self.same_to(a, b, tok, depth + 1);
                }
            }
            _ => {}
        }
    }

    /// Memory at `place` goes on as `void *`: notes the pointers in it.
    pub(super) fn goes_untyped(&mut self, mut place: Var, mut ty: TypeId, tok: Tok) {
        while let Some((to, space)) = self.types.pointer(self.types.element(ty)) {
            if matches!(self.types.get(to), Type::Function { .. }) {
                return;
            }
            self.untyped.push((place, space, tok));
            (place, ty) = (space, to);
        }
    }
}
