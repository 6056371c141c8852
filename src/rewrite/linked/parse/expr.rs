//! Expressions.

use super::super::types::{Type, TypeId, Types};
use super::super::vars::{Plain, Tok, Var};
use super::super::words::Word;
use super::{
    Cast, Confused, Copied, CopyKind, Entity, Flow, Follow, Load, ObjectKind, Parsed, Reading,
    Value,
};
use crate::c::Symbol;
use crate::c::lexer::{Kind, op};
use crate::c::numbers::integer;
use crate::c::operators::precedence;

impl Value {
    pub(super) fn number(start: Tok) -> Self {
        Self::of(Types::NUMBER, start)
    }

    pub(super) fn of(ty: TypeId, start: Tok) -> Self {
        Self {
            ty,
            place: None,
            mem: false,
            flow: Flow(0),
            null: false,
            constant: false,
            func: None,
            made_from: None,
            start,
        }
    }
}

impl Reading<'_> {
    /// An expression with commas.
    pub(super) fn expression(&mut self) -> Parsed<Value> {
        let mut value = self.assignment()?;
        while self.eat(",") {
            self.rvalue(value);
            value = self.assignment()?;
            // Behind a comma, `(void *)0` is a pointer like others.
            (value.constant, value.null) = (false, false);
        }
        Ok(value)
    }

    /// An assignment expression.
    pub(super) fn assignment(&mut self) -> Parsed<Value> {
        self.enter()?;
        let from = self.pos;
        let left = self.conditional()?;
        const ASSIGN: &[&str] = &[
            "=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=",
        ];
        let Some(operator) = ASSIGN.iter().find(|o| self.at(o)) else {
            self.depth -= 1;
            return Ok(left);
        };
        let at = self.pos;
        self.pos += 1;
        let right = self.assignment()?;
        if self.is_record(left.ty)
            && let Some(place) = left.place
        {
            self.copies.push(Copied {
                to: (from, at),
                place,
                from: (at + 1, self.pos),
                source: right.place,
                kind: CopyKind::Assignment,
                instance: self.instance,
            });
        }
        let right = self.rvalue(right);
        self.depth -= 1;
        if *operator == "=" {
            self.assign(left.ty, right);
            if !left.mem {
                self.flows_to(right.flow, left.flow);
            }
        }
        let mut value = match *operator {
            "=" => Value {
                flow: right.flow,
                made_from: right.made_from,
                ..Value::of(left.ty, left.start)
            },
            _ => {
                let left = self.rvalue(left);
                Value { ..left }
            }
        };
        value.start = left.start;
        Ok(value)
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

    /// What an expression yields when its value is taken.
    pub(super) fn rvalue(&mut self, mut value: Value) -> Value {
        if let Type::Address(space) = *self.types.get(value.ty) {
            value.made_from = value.made_from.or(Some(space));
        }
        let Some(place) = value.place else {
            if let Type::Function { .. } = self.types.get(value.ty) {
                let space = self.vars.fresh();
                let ty = self.pointer_to(value.ty, space);
                return Value { ty, ..value };
            }
            return value;
        };
        match *self.types.get(value.ty) {
            Type::Array { of } => {
                let ty = self.pointer_to(of, place);
                Value {
                    ty,
                    place: None,
                    mem: false,
                    flow: Flow(0),
                    ..value
                }
            }
            Type::Function { .. } => {
                let space = self.vars.fresh();
                let ty = self.pointer_to(value.ty, space);
                Value {
                    ty,
                    place: None,
                    ..value
                }
            }
            _ if self.unevaluated == 0 && value.mem && self.types.holds_pointer(value.ty) => {
                let flow = self.new_flow();
                self.loads.push(Load {
                    tok: value.start,
                    place,
                    space: self
                        .types
                        .pointer(value.ty)
                        .map(|p| p.1)
                        .or(value.made_from),
                    varies: value.flow != Flow(0),
                    flow,
                });
                Value {
                    place: None,
                    mem: false,
                    flow,
                    ..value
                }
            }
            _ => Value {
                place: None,
                mem: false,
                ..value
            },
        }
    }

    /// `a ? b : c`
    pub(super) fn conditional(&mut self) -> Parsed<Value> {
        let condition = self.binary(1)?;
        if !self.eat("?") {
            return Ok(condition);
        }
        let condition = self.rvalue(condition);
        let first = if self.at(":") {
            condition
        } else {
            let first = self.expression()?;
            self.rvalue(first)
        };
        self.expect(":")?;
        self.enter()?;
        let second = self.conditional()?;
        self.depth -= 1;
        let second = self.rvalue(second);
        let mut value = self.either(first, second);
        value.start = condition.start;
        value.constant = condition.constant && first.constant && second.constant;
        Ok(value)
    }

    /// A value that is one of two.
    fn either(&mut self, a: Value, b: Value) -> Value {
        let flow = match (a.flow, b.flow) {
            (Flow(0), flow) | (flow, Flow(0)) => flow,
            (x, y) if x == y => x,
            (x, y) => {
                let flow = self.new_flow();
                self.flows_to(x, flow);
                self.flows_to(y, flow);
                flow
            }
        };
        let chosen = if a.null || !self.types.is_pointer(a.ty) {
            b
        } else {
            if !b.null {
                self.same(a.ty, b.ty, b.start);
            }
            a
        };
        Value {
            flow,
            null: a.null && b.null,
            made_from: a.made_from.or(b.made_from),
            ..chosen
        }
    }

    fn binary(&mut self, least: u8) -> Parsed<Value> {
        let mut left = self.cast()?;
        loop {
            let Some(token) = self.token() else {
                return Ok(left);
            };
            let code = token.op;
            let Some(level) = precedence(code).filter(|&l| token.kind == Kind::Punct && l >= least)
            else {
                return Ok(left);
            };
            let at = self.pos;
            self.pos += 1;
            self.enter()?;
            let right = self.binary(level + 1)?;
            self.depth -= 1;
            let left_value = self.rvalue(left);
            let right_value = self.rvalue(right);
            left = self.operate(code, left_value, right_value, at);
        }
    }

    fn operate(&mut self, code: u32, left: Value, right: Value, at: Tok) -> Value {
        let constant = left.constant && right.constant;
        let left_is = self.types.is_pointer(left.ty);
        let right_is = self.types.is_pointer(right.ty);
        let made_from = left.made_from.or(right.made_from);
        if let (Some(a), Some(b)) = (left.made_from, right.made_from)
            && ["+", "-", "^", "|"].iter().any(|o| op(o) == code)
        {
            self.vars.join(a, b, at);
        }
        let number = Value {
            flow: match left.flow {
                Flow(0) => right.flow,
                flow => flow,
            },
            constant,
            made_from,
            ..Value::number(left.start)
        };
        let additive = code == op("+") || code == op("-");
        let compares = ["==", "!=", "<", ">", "<=", ">="]
            .iter()
            .any(|o| op(o) == code);
        if (additive || compares) && left_is && right_is {
            if !left.null && !right.null {
                self.same(left.ty, right.ty, at);
            }
            return Value::number(left.start);
        }
        if compares || code == op("&&") || code == op("||") {
            return Value {
                constant,
                ..Value::number(left.start)
            };
        }
        if additive && left_is {
            return Value {
                null: false,
                ..left
            };
        }
        if code == op("+") && right_is {
            return Value {
                start: left.start,
                null: false,
                ..right
            };
        }
        number
    }

    /// A cast, or what binds tighter.
    pub(super) fn cast(&mut self) -> Parsed<Value> {
        if !(self.at("(") && self.casts()) {
            return self.unary();
        }
        self.enter()?;
        let start = self.pos;
        self.pos += 1;
        let (ty, place) = self.type_name()?;
        let close = self.pos;
        self.expect(")")?;
        if self.at("{") {
            // A compound literal is an object of its own.
            self.seed_place(place, start);
            let flow = self.new_flow();
            self.braced(ty, flow)?;
            self.depth -= 1;
            let object = Value {
                place: Some(place),
                flow,
                ..Value::of(ty, start)
            };
            return self.postfix(object);
        }
        let operand = self.cast()?;
        if let [.., group] = self.groups.as_slice()
            && let [declared] = group.declarators.as_slice()
            && let Some(star) = declared.star.filter(|s| start < *s && *s + 1 == close)
        {
            self.casts.push(Cast {
                star,
                open: start,
                close,
                end: self.pos,
            });
        }
        let operand = self.rvalue(operand);
        self.depth -= 1;
        // `(void *)0` fits every pointer, whatever its address space.
        let null_pointer =
            operand.null && self.types.pointer(ty).is_some_and(|p| p.0 == Types::VOID);
        Ok(self.convert(ty, operand, start, null_pointer))
    }

    fn seed_place(&mut self, place: Var, tok: Tok) {
        if self.current.is_some() {
            self.seed(place, Plain::Stack, tok);
        }
    }

    fn convert(&mut self, ty: TypeId, operand: Value, start: Tok, null: bool) -> Value {
        let mut value = Value {
            flow: operand.flow,
            ..Value::of(ty, start)
        };
        let from = self.types.pointer(operand.ty);
        match (self.types.pointer(ty), from) {
            (Some(_), Some(_)) => {
                // Where the source speaks of the arena already, a cast out of it is meant.
                if !operand.null && !self.annotated {
                    self.same(ty, operand.ty, start);
                }
                value.null = null;
            }
            (Some((_, space)), None) => match operand.made_from {
                Some(made_from) => self.vars.join(space, made_from, start),
                None if operand.null => value.null = null,
                None => {}
            },
            (None, Some((_, space))) => value.made_from = Some(space),
            (None, None) => {
                value.made_from = operand.made_from;
                if let (Type::Address(space), Some(from)) =
                    (self.types.get(ty).clone(), operand.made_from)
                {
                    self.vars.join(space, from, start);
                }
                value.constant = operand.constant;
                value.null = operand.null;
            }
        }
        value
    }

    /// Whether the `(` here opens a cast or a compound literal.
    fn casts(&self) -> bool {
        if self.starts_type(self.pos + 1) {
            return true;
        }
        // A name that nothing declares, alone or with stars, before something that can only be an
        // operand.
        let Some(symbol) = self.ident(self.pos + 1) else {
            return false;
        };
        if self.words.get(symbol).is_some() || self.lookup(symbol).is_some() {
            return false;
        }
        let mut next = self.pos + 2;
        while self.at_op(next, "*") {
            next += 1;
        }
        let starred = next > self.pos + 2;
        self.at_op(next, ")")
            && self.toks.get(next + 1).is_some_and(|t| match t.kind {
                Kind::Punct => starred && t.op == op("("),
                Kind::Ident => self
                    .words
                    .get(t.symbol)
                    .is_none_or(|w| matches!(w, Word::Sizeof)),
                _ => true,
            })
    }

    fn unary(&mut self) -> Parsed<Value> {
        let start = self.pos;
        self.enter()?;
        let value = if self.at("&") {
            self.pos += 1;
            let operand = self.cast()?;
            self.address(operand, start)
        } else if self.at("*") {
            self.pos += 1;
            let operand = self.cast()?;
            let operand = self.rvalue(operand);
            self.follow(operand, start, (start + 1, self.pos))
        } else if self.at("++") || self.at("--") {
            self.pos += 1;
            let operand = self.unary()?;
            let value = self.rvalue(operand);
            Value { start, ..value }
        } else if self.at("+") || self.at("-") || self.at("~") || self.at("!") {
            let not = self.at("!");
            self.pos += 1;
            let operand = self.cast()?;
            let operand = self.rvalue(operand);
            Value {
                constant: operand.constant,
                made_from: operand.made_from.filter(|_| !not),
                ..Value::number(start)
            }
        } else if self.at("&&") {
            // The address of a label.
            self.pos += 2;
            Value::of(Types::UNKNOWN, start)
        } else {
            match self.ident(start).and_then(|s| self.words.get(s)) {
                Some(Word::Sizeof) => self.size_of()?,
                Some(Word::Plain) => {
                    self.pos += 1;
                    self.cast()?
                }
                _ => {
                    let value = self.primary()?;
                    self.postfix(value)?
                }
            }
        };
        self.depth -= 1;
        Ok(value)
    }

    fn address(&mut self, operand: Value, start: Tok) -> Value {
        if let Type::Function { .. } = self.types.get(operand.ty) {
            let value = self.rvalue(operand);
            return Value { start, ..value };
        }
        let Some(place) = operand.place else {
            return Value::of(Types::UNKNOWN, start);
        };
        let ty = self.pointer_to(operand.ty, place);
        Value::of(ty, start)
    }

    /// `*p`, and what `->` and `[]` do.
    fn follow(&mut self, pointer: Value, start: Tok, range: (Tok, Tok)) -> Value {
        let Some((to, space)) = self.types.pointer(pointer.ty) else {
            return Value::of(Types::UNKNOWN, start);
        };
        if matches!(self.types.get(to), Type::Function { .. }) {
            return Value {
                start,
                ty: to,
                ..pointer
            };
        }
        if self.unevaluated == 0 {
            self.follows.push(Follow {
                tok: start,
                flow: pointer.flow,
                space,
                pointer: range,
                instance: self.instance,
            });
        }
        Value {
            place: Some(space),
            mem: true,
            ..Value::of(to, start)
        }
    }

    /// `sizeof` and `_Alignof`.
    fn size_of(&mut self) -> Parsed<Value> {
        let start = self.pos;
        self.pos += 1;
        self.unevaluated += 1;
        let groups = self.groups.len();
        let stars = self.after_stars.len();
        if self.at("(") && self.casts_in_sizeof() {
            self.pos += 1;
            self.type_name()?;
            self.expect(")")?;
            if self.at("{") {
                self.skip_group();
            }
            // The size of a pointer does not depend on where it points.
            self.groups.truncate(groups);
            self.after_stars.truncate(stars);
        } else {
            self.unary()?;
        }
        self.unevaluated -= 1;
        Ok(Value {
            constant: true,
            ..Value::number(start)
        })
    }

    fn casts_in_sizeof(&self) -> bool {
        if self.starts_type(self.pos + 1) {
            return true;
        }
        self.ident(self.pos + 1)
            .is_some_and(|s| self.words.get(s).is_none() && self.lookup(s).is_none())
            && (self.at_op(self.pos + 2, ")") || self.at_op(self.pos + 2, "*"))
    }

    /// `typeof(…)`: the type, and the address space it brings along.
    pub(super) fn type_of(&mut self) -> Parsed<(TypeId, Option<Var>)> {
        self.pos += 1;
        self.expect("(")?;
        self.unevaluated += 1;
        let result = if self.starts_type(self.pos) {
            self.type_name().map(|(ty, _)| (ty, None))
        } else {
            self.expression()
                .map(|value| (value.ty, self.brought(value)))
        };
        self.unevaluated -= 1;
        let (ty, place) = result?;
        self.expect(")")?;
        Ok((ty, place))
    }

    /// The address space that the type of an expression brings along: that of memory behind a
    /// pointer, or of a variable outside of functions.
    fn brought(&self, value: Value) -> Option<Var> {
        value.place.filter(|_| value.mem)
    }

    fn primary(&mut self) -> Parsed<Value> {
        let start = self.pos;
        let token = *self.token().ok_or(Confused)?;
        match token.kind {
            Kind::Number => {
                self.pos += 1;
                Ok(Value {
                    constant: true,
                    null: integer(self.unit.text(&token)).is_some_and(|n| !n.is_true()),
                    ..Value::number(start)
                })
            }
            Kind::Char => {
                self.pos += 1;
                Ok(Value {
                    constant: true,
                    ..Value::number(start)
                })
            }
            Kind::Str => {
                while self.token().is_some_and(|t| t.kind == Kind::Str) {
                    self.pos += 1;
                }
                let place = self.vars.fresh();
                self.seed(place, Plain::Literal, start);
                let ty = self.types.add(Type::Array { of: Types::NUMBER });
                Ok(Value {
                    place: Some(place),
                    ..Value::of(ty, start)
                })
            }
            Kind::Punct if token.op == op("(") => {
                self.pos += 1;
                if self.at("{") {
                    let value = self.compound()?;
                    self.expect(")")?;
                    return Ok(value.map_or(Value::number(start), |v| Value { start, ..v }));
                }
                let value = self.expression()?;
                self.expect(")")?;
                Ok(Value { start, ..value })
            }
            Kind::Ident => self.named(start),
            _ => Err(Confused),
        }
    }

    fn named(&mut self, start: Tok) -> Parsed<Value> {
        let symbol = self.ident(start).ok_or(Confused)?;
        match self.words.get(symbol) {
            Some(Word::Generic) => {
                self.pos += 1;
                self.skip_group();
                return Ok(Value::of(Types::UNKNOWN, start));
            }
            Some(_) => return Err(Confused),
            None => {}
        }
        if self.at_op(start + 1, "(")
            && let Some(value) = self.special(symbol, start)?
        {
            return Ok(value);
        }
        self.pos += 1;
        Ok(match self.lookup(symbol) {
            Some(Entity::Object(index)) => {
                let object = &self.objects[index as usize];
                Value {
                    place: Some(object.place),
                    mem: object.kind != ObjectKind::Local,
                    flow: match object.kind {
                        ObjectKind::Local => object.flow,
                        _ => Flow(0),
                    },
                    ..Value::of(object.ty, start)
                }
            }
            Some(Entity::Function(func)) => Value {
                func: Some(func),
                ..Value::of(self.functions[func.0 as usize].ty, start)
            },
            Some(Entity::Constant) => Value {
                constant: true,
                ..Value::number(start)
            },
            Some(Entity::Typedef(..)) => return Err(Confused),
            None => Value::of(Types::UNKNOWN, start),
        })
    }

    pub(super) fn postfix(&mut self, mut value: Value) -> Parsed<Value> {
        loop {
            let start = value.start;
            if self.at("[") {
                let open = self.pos;
                self.pos += 1;
                let index = self.expression()?;
                let index = self.rvalue(index);
                self.expect("]")?;
                // Where an element of a varying index lies on the stack, the verifier forgets
                // that it is a pointer.
                let varies = !value.mem && !index.constant && self.is_array(value.ty);
                let array = match self.types.is_pointer(index.ty) && !self.is_array(value.ty) {
                    true => index,
                    false => value,
                };
                let flow = value.flow;
                if self.is_array(array.ty) {
                    let Some(place) = array.place else {
                        return Err(Confused);
                    };
                    let Type::Array { of } = *self.types.get(array.ty) else {
                        return Err(Confused);
                    };
                    value = Value {
                        place: Some(place),
                        mem: array.mem || varies,
                        flow,
                        ..Value::of(of, start)
                    };
                } else {
                    let pointer = self.rvalue(array);
                    value = self.follow(pointer, start, (start, open));
                }
            } else if self.at("(") {
                value = self.call(value)?;
            } else if self.at(".") || self.at("->") {
                let arrow = self.at("->");
                self.pos += 1;
                let name = self.ident(self.pos).ok_or(Confused)?;
                self.pos += 1;
                if arrow {
                    let pointer = self.rvalue(value);
                    value = self.follow(pointer, start, (start, self.pos - 2));
                }
                let ty = self.types.member(value.ty, name).unwrap_or(Types::UNKNOWN);
                value = Value {
                    ty,
                    null: false,
                    constant: false,
                    made_from: self.packet(name, ty, start),
                    ..value
                };
            } else if self.at("++") || self.at("--") {
                self.pos += 1;
                value = self.rvalue(value);
            } else {
                return Ok(value);
            }
        }
    }

    /// The context has the packet's addresses as numbers of 32 bits.
    fn packet(&mut self, name: Symbol, ty: TypeId, tok: Tok) -> Option<Var> {
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

    fn is_array(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::Array { .. })
    }
}
