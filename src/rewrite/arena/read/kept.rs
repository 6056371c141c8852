//! Static variables that clang does not keep as they are written: it splits structures and arrays, and
//! makes bytes of numbers, but describes each as the whole. The kernel refuses such type information.

use super::*;
use crate::c::syntax::tree::Unary;
use crate::c::types::{FunctionInfo, Storage};

/// How far variables are followed to what they get.
const DEEP: usize = 4;

impl Reading<'_> {
    /// Whether an object is a structure that nothing keeps from being split.
    pub fn is_whole(&self, object: &Object) -> bool {
        let structure = self.is_record(object.ty) && object.kind == ObjectKind::Static;
        structure && !self.is_kept(object)
    }

    /// `__attribute__((used))`
    fn is_kept(&self, object: &Object) -> bool {
        let kept = |t: Tok| matches!(self.unit.text(&self.toks[t]), b"used" | b"__used__");
        let declarators = &self.model[object.entity].declarators;
        declarators.iter().any(|&d| {
            let tree = &self.model.tree;
            let own = &tree[d].attributes;
            let common = &tree[tree[d].decl].specifiers.attributes;
            own.iter().chain(common).any(|a| (a.start..a.end).any(kept))
        })
    }

    /// Whether clang shrinks a static variable: a number that holds two values becomes a byte, an
    /// array of which only constant elements are used is split.
    pub fn shrinks(&self, object: &Object) -> bool {
        let model = self.model;
        let tree = &model.tree;
        let ty = model[object.entity].ty;
        // A pointer to a literal that becomes an array of characters.
        let literal = || {
            let table = self.table(object).filter(|t| self.in_arena(t.star));
            let init = table.and(object.init)?;
            model.array_len(model.type_of(tree.bare(init)))
        };
        let length = model.array_len(ty).or_else(literal);
        let array = model.is_array(ty) || length.is_some();
        if object.kind != ObjectKind::Static || self.is_kept(object) {
            return false;
        }
        if !array && model.number(ty).is_none() && !model.is_pointer(ty) {
            return false;
        }
        let mut stores = false;
        for &name in model.uses(object.entity) {
            let c::Parent::Expr(outer) = model.parent(name) else {
                continue;
            };
            match &tree[outer].kind {
                ExprKind::Index(a, index) if array && *a == name => {
                    if model.value(*index).is_none() {
                        // A loop of a few iterations is unrolled, and the index constant.
                        if length.is_none_or(|len| len > 32) {
                            return false;
                        }
                        stores |= object.is_static;
                        continue;
                    }
                    stores |= matches!(model.parent(outer), c::Parent::Expr(e)
                        if matches!(&tree[e].kind, ExprKind::Assign { left, .. } if *left == outer));
                }
                // Given to a function that may be inlined.
                _ if array => stores = true,
                ExprKind::Assign {
                    op: None,
                    left,
                    right,
                    ..
                } if *left == name => {
                    if !self.may_be_constant(*right, 0) && model.number(ty).is_some() {
                        return false;
                    }
                    stores = true;
                }
                ExprKind::Assign { left, .. } if *left == name => return false,
                ExprKind::Postfix { .. } => return false,
                ExprKind::Unary(Unary::AddressOf | Unary::Increment | Unary::Decrement, _) => {
                    return false;
                }
                _ => {}
            }
        }
        stores && (array || model.number(ty).is_some())
    }

    /// Whether clang may find that a value is always the same number: it follows variables and arguments.
    fn may_be_constant(&self, expr: ExprId, depth: usize) -> bool {
        let model = self.model;
        let tree = &model.tree;
        let all = |parts: &[ExprId]| parts.iter().all(|&e| self.may_be_constant(e, depth));
        if model.value(expr).is_some() || model.is_null_pointer_constant(expr) {
            return true;
        }
        match tree[expr].kind {
            ExprKind::Name(_) => model
                .entity(expr)
                .is_some_and(|entity| depth < DEEP && self.gets_constant(entity, depth + 1)),
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => all(&[inner]),
            ExprKind::Unary(Unary::Minus | Unary::Plus | Unary::Not | Unary::BitNot, inner) => {
                all(&[inner])
            }
            ExprKind::Binary { left, right, .. } => all(&[left, right]),
            _ => false,
        }
    }

    /// Whether a variable on the stack or a parameter gets a value that may always be the same number.
    fn gets_constant(&self, entity: EntityId, depth: usize) -> bool {
        let model = self.model;
        let tree = &model.tree;
        let EntityKind::Object { storage, function } = model[entity].kind else {
            return false;
        };
        let may = |expr: ExprId| self.may_be_constant(expr, depth);
        let declarators = model[entity].declarators.iter();
        let mut initial = declarators.filter_map(|&d| tree[d].init);
        let assigned = || {
            model.uses(entity).iter().any(|&name| {
                matches!(model.parent(name), c::Parent::Expr(outer)
                    if matches!(tree[outer].kind, ExprKind::Assign { op: None, left, right, .. }
                        if left == name && may(right)))
            })
        };
        match storage {
            Storage::Local => initial.any(may) || assigned(),
            Storage::Parameter => {
                let info = function.map(|f| model.info(f));
                let place = |p: &&FunctionInfo| p.params.iter().position(|&q| q == Some(entity));
                let Some((of, place)) = info.and_then(|i| Some((i.entity?, place(&i)?))) else {
                    return false;
                };
                let given = model.uses(of).iter().any(|&name| {
                    matches!(model.parent(name), c::Parent::Expr(call)
                        if matches!(tree[call].kind, ExprKind::Call { callee, ref args, .. }
                            if callee == name && args.get(place).is_some_and(|&a| may(a))))
                });
                given || assigned()
            }
            _ => false,
        }
    }
}
