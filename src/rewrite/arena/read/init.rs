//! Initialisers.

use super::*;
use crate::c::syntax::tree::{ExprKind, StmtKind};
use crate::c::types::Parent;

impl Reading<'_> {
    /// The initialiser of a variable.
    pub(super) fn initialiser(&mut self, object: u32, declarator: DeclaratorId, init: ExprId) {
        let (ty, flow, kind, place) = {
            let object = &self.objects[object as usize];
            (object.ty, object.flow, object.kind, object.place)
        };
        self.objects[object as usize].init = Some(init);
        if let ExprKind::List(_) = self.model.tree[init].kind {
            self.list(init, ty, flow);
            return;
        }
        let value = self.value(init);
        // Of a compound literal the values are written.
        let tree = &self.model.tree;
        let literal = matches!(tree[tree.bare(init)].kind, ExprKind::Compound(..));
        if self.is_record(ty) && kind == ObjectKind::Local && !literal {
            let from = self.toks_of(init);
            let name = tree[declarator].name.map_or(from.start, |n| n.1);
            match self.is_followed_by_statements(declarator) {
                true => self.copies.push(Copied {
                    to: (name, from.start - 1),
                    place,
                    from: (from.start, from.end),
                    whole: (from.start, from.end),
                    used: false,
                    source: value.place,
                    ty: self.model.declarator_type(declarator),
                    kind: CopyKind::Initialiser,
                    instance: self.instance,
                }),
                false => self.copied_value(init, value),
            }
        }
        if let Type::Array { .. } = self.types.get(ty) {
            // Characters of a literal.
            return;
        }
        let value = self.rvalue(value);
        self.assign(ty, value);
        if kind == ObjectKind::Local {
            self.flows_to(value.flow, flow);
        }
    }

    /// Whether a statement can stand behind a declarator: no other declarator does, and it is not in the
    /// head of a loop.
    fn is_followed_by_statements(&self, declarator: DeclaratorId) -> bool {
        let decl = self.model.tree[declarator].decl;
        let in_block = match self.model.decl_parent(decl) {
            Parent::Stmt(stmt) => match self.model.stmt_parent(stmt) {
                Parent::Stmt(outer) => !matches!(self.model.tree[outer].kind, StmtKind::For { .. }),
                _ => true,
            },
            _ => true,
        };
        in_block && self.model.tree[decl].declarators.len() == 1
    }

    /// `{…}` for an object of type `ty`.
    pub(super) fn list(&mut self, list: ExprId, ty: TypeId, flow: Flow) {
        let model = self.model;
        let ExprKind::List(elements) = &model.tree[list].kind else {
            let value = self.taken(list);
            self.assign(ty, value);
            return;
        };
        for element in elements {
            let target = match model.target(element.value) {
                Some(target) => match target.field {
                    Some(field) => {
                        let declarator = model.field(field).declarator;
                        match declarator {
                            Some(declarator) => self.made(declarator).ty,
                            None => self.convert(target.ty),
                        }
                    }
                    None => self.element_of(ty, target.ty),
                },
                None => Types::UNKNOWN,
            };
            if let ExprKind::List(_) = model.tree[element.value].kind {
                self.list(element.value, target, flow);
                continue;
            }
            let value = self.value(element.value);
            if let Type::Array { .. } = self.types.get(target) {
                continue;
            }
            self.copied_value(element.value, value);
            let value = self.rvalue(value);
            self.assign(target, value);
            self.flows_to(value.flow, flow);
            if let Some(field) = model.target(element.value).and_then(|t| t.field) {
                let slot = self.slot(field);
                self.flows_to(value.flow, slot);
            }
        }
    }

    /// The element of `ty` that has a type of the model.
    fn element_of(&mut self, ty: TypeId, wanted: c::TypeId) -> TypeId {
        let mut at = ty;
        let mut levels = 0;
        // An array of arrays without inner braces: as deep as the wanted type says.
        let wanted_array = self.model.is_array(wanted);
        while let Type::Array { of } = *self.types.get(at) {
            at = of;
            levels += 1;
            if wanted_array && levels == 1 {
                break;
            }
        }
        match levels {
            0 if !matches!(self.types.get(ty), Type::Unknown) && !self.is_record(ty) => ty,
            0 => self.convert(wanted),
            _ => at,
        }
    }
}
