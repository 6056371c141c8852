//! Initialisers.

use super::super::types::{Type, TypeId};
use super::super::vars::Tok;
use super::{Copied, CopyKind, ObjectKind, Parsed, Reading};

impl Reading<'_> {
    /// The initialiser of a variable, behind the `=`.
    pub(super) fn initialiser(&mut self, object: u32, name: (Tok, Tok)) -> Parsed<()> {
        let (ty, flow, kind) = {
            let object = &self.objects[object as usize];
            (object.ty, object.flow, object.kind)
        };
        if self.at("{") {
            return self.braced(ty, flow);
        }
        let start = self.pos;
        let value = self.assignment()?;
        if self.is_record(ty) && kind == ObjectKind::Local {
            self.copies.push(Copied {
                to: name,
                place: self.objects[object as usize].place,
                from: (start, self.pos),
                source: value.place,
                kind: CopyKind::Initialiser,
                instance: self.instance,
            });
        }
        let text_of_array = matches!(self.types.get(ty), Type::Array { .. });
        let value = if text_of_array {
            value
        } else {
            self.rvalue(value)
        };
        if !text_of_array {
            self.assign(ty, value);
            if kind == ObjectKind::Local {
                self.flows_to(value.flow, flow);
            }
        }
        Ok(())
    }

    /// `{…}` for an object of type `ty`.
    pub(super) fn braced(&mut self, ty: TypeId, flow: super::Flow) -> Parsed<()> {
        self.enter()?;
        self.expect("{")?;
        let members = self.members(ty);
        let mut next = 0;
        while !self.eat("}") {
            let mut target = None;
            if self.at(".") || (self.at("[") && !self.at_op(self.pos + 1, "[")) {
                let designated = self.designated(ty, &members, &mut next)?;
                target = Some(designated);
            } else if let Some(symbol) = self.ident(self.pos)
                && self.at_op(self.pos + 1, ":")
                && !self.at_op(self.pos + 2, ":")
            {
                // The old `member: value`.
                let _ = symbol;
                let name = symbol;
                self.pos += 2;
                target = self.types.member(ty, name);
                if let Some(at) = members.iter().position(|m| m.0 == Some(name)) {
                    next = at + 1;
                }
            }
            let target = target.unwrap_or_else(|| {
                let member = match self.types.get(ty) {
                    Type::Array { of } => *of,
                    _ => members.get(next).map_or(ty, |m| m.1),
                };
                next += 1;
                member
            });
            if self.at("{") {
                self.braced(target, flow)?;
            } else {
                let value = self.assignment()?;
                // Without braces of its own, an aggregate takes its first elements from here;
                // what they are is told by their types alone.
                let scalar = self.first_scalar(target, value.ty);
                let decayed = self.rvalue(value);
                self.assign(scalar, decayed);
                self.flows_to(decayed.flow, flow);
            }
            if !self.eat(",") && !self.at("}") {
                return Err(super::Confused);
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The members of a structure in order, those of anonymous ones in their place.
    fn members(&self, ty: TypeId) -> Vec<(Option<crate::c::Symbol>, TypeId)> {
        match self.types.get(ty) {
            Type::Record(id) => self
                .types
                .record(*id)
                .fields
                .iter()
                .map(|f| (f.name, f.ty))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// `.a.b[2] =`
    fn designated(
        &mut self,
        ty: TypeId,
        members: &[(Option<crate::c::Symbol>, TypeId)],
        next: &mut usize,
    ) -> Parsed<TypeId> {
        let mut at = ty;
        let mut first = true;
        loop {
            if self.eat(".") {
                let name = self.ident(self.pos).ok_or(super::Confused)?;
                self.pos += 1;
                if first && let Some(index) = members.iter().position(|m| m.0 == Some(name)) {
                    *next = index + 1;
                }
                at = self.types.member(at, name).unwrap_or(super::Types::UNKNOWN);
            } else if self.at("[") {
                self.skip_group();
                at = match self.types.get(at) {
                    Type::Array { of } => *of,
                    _ => super::Types::UNKNOWN,
                };
            } else {
                break;
            }
            first = false;
        }
        self.eat("=");
        Ok(at)
    }

    /// The type that a value initialises in an aggregate of type `ty`.
    fn first_scalar(&self, mut ty: TypeId, value: TypeId) -> TypeId {
        for _ in 0..16 {
            match self.types.get(ty) {
                Type::Record(id) if !matches!(self.types.get(value), Type::Record(_)) => {
                    match self.types.record(*id).fields.first() {
                        Some(field) => ty = field.ty,
                        None => return ty,
                    }
                }
                Type::Array { of } if !matches!(self.types.get(value), Type::Array { .. }) => {
                    ty = *of;
                }
                _ => return ty,
            }
        }
        ty
    }
}
