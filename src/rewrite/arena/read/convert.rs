//! The model's types, with address spaces.

use super::*;
use crate::c::syntax::tree::DeclId;

impl Reading<'_> {
    /// A type of the model, with address spaces.
    pub(super) fn convert(&mut self, ty: c::TypeId) -> TypeId {
        let model = self.model;
        match model[ty] {
            c::Type::Unknown => Types::UNKNOWN,
            c::Type::Void => Types::VOID,
            c::Type::Enum(_) => Types::NUMBER,
            c::Type::Number(number) => match number.size == 8 && !number.floating {
                // Each use is a number of its own.
                true => {
                    let space = self.vars.fresh();
                    self.types.add(Type::Address(space))
                }
                false => Types::NUMBER,
            },
            c::Type::Record(record) => {
                let record = self.record(record);
                self.types.add(Type::Record(record))
            }
            c::Type::Pointer { .. } | c::Type::Array { .. } | c::Type::Function { .. } => {
                self.composed(ty)
            }
        }
    }

    fn composed(&mut self, ty: c::TypeId) -> TypeId {
        for instance in [self.instance, Instance(0)] {
            if let Some(&known) = self.memo.get(&(ty, instance)) {
                return known;
            }
        }
        if let Some(&declarator) = self.written.get(&ty) {
            self.made(declarator);
            for instance in [self.instance, Instance(0)] {
                if let Some(&known) = self.memo.get(&(ty, instance)) {
                    return known;
                }
            }
        }
        // Nobody writes it: the type of an expression.
        let model = self.model;
        match &model[ty] {
            c::Type::Pointer { to } => {
                let to = self.convert(*to);
                let space = self.vars.fresh();
                self.pointer_to(to, space)
            }
            c::Type::Array { of, .. } => {
                let of = self.convert(*of);
                self.types.add(Type::Array { of })
            }
            c::Type::Function { ret, params, .. } => {
                let ret = self.convert(*ret);
                let params = params.iter().map(|p| self.convert(*p)).collect();
                self.types.add(Type::Function { ret, params })
            }
            _ => Types::UNKNOWN,
        }
    }

    /// A record, with the address spaces of its members.
    pub(super) fn record(&mut self, id: c::RecordId) -> RecordId {
        if let Some(&known) = self.records.get(&id) {
            return known;
        }
        let record = self.types.new_record();
        self.records.insert(id, record);
        let model = self.model;
        let Some(fields) = &model[id].fields else {
            return record;
        };
        // Members are the same whoever asks first.
        let instance = std::mem::take(&mut self.instance);
        let mut list = Vec::new();
        let mut done: Option<DeclId> = None;
        for field in fields {
            let ty = match field.declarator {
                Some(declarator) => {
                    let ty = self.made(declarator).ty;
                    // A member lies where its structure lies: nothing says so after a `*`.
                    let place = self.made(declarator).place;
                    self.after_stars.retain(|a| a.space != place);
                    if self.in_system(model.tree[declarator].toks.start) {
                        self.system_levels(ty, model.tree[declarator].toks.start);
                    }
                    ty
                }
                None => self.convert(field.ty),
            };
            if done != Some(field.decl) {
                done = Some(field.decl);
                let declarators = model.tree[field.decl].declarators.clone();
                for &one in &declarators {
                    self.made(one);
                }
                self.group(field.decl, &declarators, true);
            }
            list.push(super::super::types::Field {
                name: field.name,
                ty,
            });
        }
        self.instance = instance;
        self.types.complete(record, list);
        record
    }

    /// The levels of a pointer declared where nothing is rewritten.
    fn system_levels(&mut self, ty: TypeId, tok: Tok) {
        let mut ty = self.types.element(ty);
        while let Some((to, space)) = self.types.pointer(ty) {
            self.seed(space, Plain::System, tok);
            ty = self.types.element(to);
        }
    }
}
