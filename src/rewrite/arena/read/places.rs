//! Expressions that name a place: variables, what pointers lead to, elements and members.

use super::*;

impl Reading<'_> {
    /// `*p`, and what `->` and `[]` do.
    pub(super) fn follow(&mut self, pointer: Value, toks: Toks, range: (Tok, Tok)) -> Value {
        let Some((to, space)) = self.types.pointer(pointer.ty) else {
            return Value::of(Types::UNKNOWN, toks);
        };
        if matches!(self.types.get(to), Type::Function { .. }) {
            return Value { ty: to, ..pointer };
        }
        if self.unevaluated == 0 {
            self.follows.push(Follow {
                tok: toks.start,
                flow: pointer.flow,
                space,
                pointer: range,
                instance: self.instance,
            });
        }
        Value {
            place: Some(space),
            mem: true,
            ..Value::of(to, toks)
        }
    }

    pub(super) fn named(&mut self, expr: ExprId, toks: Toks) -> Value {
        let Some(entity) = self.model.entity(expr) else {
            return Value::of(Types::UNKNOWN, toks);
        };
        match self.model[entity].kind {
            EntityKind::Object { .. } => {
                let Some(index) = self.object_named(entity) else {
                    return Value::of(Types::UNKNOWN, toks);
                };
                let object = &self.objects[index as usize];
                Value {
                    place: Some(object.place),
                    mem: object.kind != ObjectKind::Local,
                    flow: match object.kind {
                        ObjectKind::Local => object.flow,
                        _ => Flow(0),
                    },
                    ..Value::of(object.ty, toks)
                }
            }
            EntityKind::Function { .. } => {
                let func = self.function_entity(entity);
                Value {
                    func: Some(func),
                    ..Value::of(self.functions[func.0 as usize].ty, toks)
                }
            }
            EntityKind::Enumerator(_) => Value {
                constant: true,
                ..Value::number(toks)
            },
            EntityKind::Typedef => Value::of(Types::UNKNOWN, toks),
        }
    }

    pub(super) fn index(&mut self, a: ExprId, b: ExprId) -> Value {
        let first = self.value(a);
        let second = self.value(b);
        let swapped = (self.types.is_pointer(second.ty) || self.is_array(second.ty))
            && !self.types.is_pointer(first.ty)
            && !self.is_array(first.ty);
        let (array, index, base) = match swapped {
            true => (second, first, b),
            false => (first, second, a),
        };
        let index = self.rvalue(index);
        let toks = Toks::new(first.start, second.end);
        if let Type::Array { of } = *self.types.get(array.ty) {
            let Some(place) = array.place else {
                return Value::of(of, toks);
            };
            // Where an element of a varying index lies on the stack, the verifier forgets that it
            // is a pointer.
            let varies = !array.mem && !index.constant;
            return Value {
                place: Some(place),
                mem: array.mem || varies,
                flow: array.flow,
                ..Value::of(of, toks)
            };
        }
        let pointer = self.rvalue(array);
        let range = self.toks_of(base);
        self.follow(pointer, toks, (range.start, range.end))
    }

    pub(super) fn member(
        &mut self,
        object: ExprId,
        arrow: bool,
        name: crate::c::Symbol,
        toks: Toks,
    ) -> Value {
        let mut value = self.value(object);
        if arrow {
            let pointer = self.rvalue(value);
            let range = self.toks_of(object);
            value = self.follow(pointer, toks, (range.start, range.end));
        }
        let ty = self.types.member(value.ty, name).unwrap_or(Types::UNKNOWN);
        Value {
            ty,
            null: false,
            constant: false,
            made_from: self.packet(name, ty, toks.start),
            named: !value.mem && value.place.is_some(),
            ..value
        }
    }

    /// The context has the packet's addresses as numbers of 32 bits.
    pub(super) fn packet(&mut self, name: crate::c::Symbol, ty: TypeId, tok: Tok) -> Option<Var> {
        let named = matches!(
            self.unit.symbols.text(name),
            b"data" | b"data_end" | b"data_meta"
        );
        if !named || !matches!(self.types.get(ty), Type::Number) {
            return None;
        }
        let space = self.vars.fresh();
        self.seed(space, Plain::Packet, tok);
        Some(space)
    }

    pub(super) fn is_array(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::Array { .. })
    }
}
