//! Expressions.

use super::*;
use crate::c::syntax::tree::{Binary, DeclId, ExprKind, StmtKind, Unary};

impl Value {
    pub(super) fn number(toks: Toks) -> Self {
        Self::of(Types::NUMBER, toks)
    }

    pub(super) fn of(ty: TypeId, toks: Toks) -> Self {
        Self {
            ty,
            place: None,
            mem: false,
            named: false,
            flow: Flow(0),
            slot: Flow(0),
            null: false,
            constant: false,
            func: None,
            made_from: None,
            start: toks.start,
            end: toks.end,
        }
    }
}

impl Reading<'_> {
    /// The value of an expression whose value is taken.
    pub(super) fn taken(&mut self, expr: ExprId) -> Value {
        let value = self.value(expr);
        self.rvalue(value)
    }

    /// An expression.
    pub(super) fn value(&mut self, expr: ExprId) -> Value {
        let toks = self.toks_of(expr);
        let mut value = self.value_of(expr, toks);
        (value.start, value.end) = (toks.start, toks.end);
        value
    }

    /// The same of one that may be a structure, which is copied.
    fn taken_object(&mut self, expr: ExprId) -> Value {
        let value = self.value(expr);
        let value = self.no_object(expr, value);
        self.rvalue(value)
    }

    /// A chain of binary operators, from the left. It may be as long as the file, so it is walked
    /// without recursion.
    fn chain(&mut self, expr: ExprId) -> Value {
        let model = self.model;
        let mut spine = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary {
            op,
            op_tok,
            left,
            right,
        } = &model.tree[first].kind
        {
            spine.push((first, *op, *op_tok, *right));
            first = *left;
        }
        let mut value = self.taken(first);
        while let Some((node, op, op_tok, right)) = spine.pop() {
            let sides = [self.left_of(node), Some(right)];
            let right = self.taken(right);
            if op == Binary::Sub
                && self.types.is_pointer(right.ty)
                && sides
                    .into_iter()
                    .flatten()
                    .any(|side| self.is_either_place(side))
                && let Some((_, space)) = self.types.pointer(value.ty)
            {
                self.unprovable.push((space, op_tok));
            }
            value = self.operate(op, value, right, op_tok);
            if node != expr {
                let toks = self.toks_of(node);
                (value.start, value.end) = (toks.start, toks.end);
                value = self.rvalue(value);
            }
        }
        value
    }

    fn left_of(&self, expr: ExprId) -> Option<ExprId> {
        match self.model.tree[expr].kind {
            ExprKind::Binary { left, .. } => Some(left),
            _ => None,
        }
    }

    /// Whether an expression is one of two places of which a search found one: of which, outside of an arena,
    /// clang makes numbers ("tried to subtract pointer from scalar").
    fn is_either_place(&self, expr: ExprId) -> bool {
        let tree = &self.model.tree;
        match tree[tree.bare(expr)].kind {
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => [then.unwrap_or(cond), otherwise]
                .into_iter()
                .any(|place| self.is_located(place, 0)),
            _ => false,
        }
    }

    fn value_of(&mut self, expr: ExprId, toks: Toks) -> Value {
        let model = self.model;
        match &model.tree[expr].kind {
            ExprKind::Name(_) => self.named(expr, toks),
            ExprKind::Number => Value {
                constant: true,
                null: model.is_zero(expr),
                ..Value::number(toks)
            },
            ExprKind::Char | ExprKind::Constant => Value {
                constant: true,
                ..Value::number(toks)
            },
            ExprKind::Text => {
                let place = self.vars.fresh();
                self.seed(place, Plain::Literal, toks.start);
                if self.unevaluated == 0 {
                    self.literals.push((toks, place));
                }
                let ty = self.types.add(Type::Array { of: Types::NUMBER });
                Value {
                    place: Some(place),
                    ..Value::of(ty, toks)
                }
            }
            ExprKind::Paren(inner) => self.value(*inner),
            ExprKind::Call { callee, args, .. } => self.call(expr, *callee, args),
            ExprKind::Index(a, b) => self.index(*a, *b),
            ExprKind::Member {
                object,
                arrow,
                name,
                ..
            } => {
                let mut value = self.member(*object, *arrow, *name, toks);
                let field = self.model.member(expr);
                value.slot = field.map_or(Flow(0), |field| self.slot(field));
                value
            }
            ExprKind::Unary(op, operand) => self.unary(*op, *operand, toks),
            ExprKind::Postfix { operand, .. } => self.taken(*operand),
            ExprKind::Binary { .. } => self.chain(expr),
            ExprKind::Assign {
                op, left, right, ..
            } => self.assignment(op.is_none(), *left, *right),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => {
                let condition = self.taken(*cond);
                let first = match then {
                    Some(then) => self.taken_object(*then),
                    None => condition,
                };
                let second = self.taken_object(*otherwise);
                let mut value = self.either(first, second);
                if let (Some(then), Some((_, space))) = (then, self.types.pointer(value.ty)) {
                    self.choices.push((*then, *otherwise, space));
                }
                value.constant = condition.constant && first.constant && second.constant;
                value
            }
            ExprKind::Comma(a, b) => {
                self.taken(*a);
                let value = self.value(*b);
                let mut value = self.no_object(*b, value);
                // After a comma, `(void *)0` is a pointer like others.
                let start = model.tree[*b].toks.start;
                let written = self.is_ours(self.toks[start].loc.file);
                if value.null && !written && self.types.is_pointer(value.ty) {
                    let space = self.vars.fresh();
                    value.ty = self.pointer_to(Types::VOID, space);
                    self.nulls.push((start, space));
                }
                (value.constant, value.null) = (false, false);
                value
            }
            ExprKind::Cast(ty, operand) => self.cast(*ty, *operand, toks),
            ExprKind::Compound(ty, list) => {
                // A compound literal is an object of its own.
                let ty = *ty;
                self.type_name(ty);
                let made = self.place_of_name(ty);
                let made = made.unwrap_or(declare::Made {
                    ty: Types::UNKNOWN,
                    place: self.vars.fresh(),
                });
                if self.current.is_some() {
                    self.seed(made.place, Plain::Stack, toks.start);
                }
                let flow = self.new_flow();
                self.list(*list, made.ty, flow);
                Value {
                    place: Some(made.place),
                    flow,
                    ..Value::of(made.ty, toks)
                }
            }
            ExprKind::List(_) => {
                self.list(expr, Types::UNKNOWN, Flow(0));
                Value::of(Types::UNKNOWN, toks)
            }
            ExprKind::SizeofExpr(operand) => {
                self.unevaluated += 1;
                self.value(*operand);
                self.unevaluated -= 1;
                Value {
                    constant: true,
                    ..Value::number(toks)
                }
            }
            // The size of a pointer does not depend on where it points.
            ExprKind::SizeofType(_) => Value {
                constant: true,
                ..Value::number(toks)
            },
            ExprKind::Generic { control, choices } => {
                self.unevaluated += 1;
                self.value(*control);
                self.unevaluated -= 1;
                let mut chosen = None;
                for &(_, value) in choices {
                    let value = self.value(value);
                    chosen = chosen.or(Some(value));
                }
                match chosen.filter(|_| choices.len() == 1) {
                    Some(value) => value,
                    None => Value::of(Types::UNKNOWN, toks),
                }
            }
            ExprKind::Statements(block) => {
                let StmtKind::Block(list) = &model.tree[*block].kind else {
                    return Value::number(toks);
                };
                let mut last = None;
                for &stmt in list {
                    last = self.statement(stmt);
                }
                let end = list.last().map(|&stmt| &model.tree[stmt].kind);
                match (last, end) {
                    (Some(value), Some(&StmtKind::Expr(expr))) => self.no_object(expr, value),
                    _ => last.unwrap_or(Value::number(toks)),
                }
            }
            ExprKind::Asm(parts) | ExprKind::Unknown(parts) => {
                for &part in parts {
                    self.taken(part);
                }
                Value::of(Types::UNKNOWN, toks)
            }
            ExprKind::TypeArgument(ty) => {
                self.type_name(*ty);
                Value::of(Types::UNKNOWN, toks)
            }
            ExprKind::VaArg(ty) => {
                let ty = self.type_name(*ty);
                Value::of(ty, toks)
            }
        }
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
            _ if self.unevaluated == 0
                && (value.mem || value.named)
                && self.types.holds_pointer(value.ty) =>
            {
                let flow = self.new_flow();
                let pointer = self.types.pointer(value.ty);
                let code = |to| matches!(self.types.get(to), Type::Function { .. });
                self.loads.push(Load {
                    tok: value.start,
                    place,
                    space: pointer.map(|p| p.1).or(value.made_from),
                    code: pointer.is_some_and(|p| code(p.0)),
                    varies: value.mem && value.flow != Flow(0),
                    named: !value.mem,
                    flow,
                });
                if !value.mem {
                    self.flows_to(value.flow, flow);
                }
                self.flows_to(value.slot, flow);
                Value {
                    place: None,
                    mem: false,
                    named: false,
                    flow,
                    slot: Flow(0),
                    ..value
                }
            }
            _ => {
                self.flows_to(value.slot, value.flow);
                Value {
                    place: None,
                    mem: false,
                    slot: Flow(0),
                    ..value
                }
            }
        }
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

    fn operate(&mut self, op: Binary, left: Value, right: Value, at: Tok) -> Value {
        let constant = left.constant && right.constant;
        let left_is = self.types.is_pointer(left.ty);
        let right_is = self.types.is_pointer(right.ty);
        let made_from = left.made_from.or(right.made_from);
        let toks = Toks::new(left.start, right.end);
        if let (Some(a), Some(b)) = (left.made_from, right.made_from)
            && matches!(
                op,
                Binary::Add | Binary::Sub | Binary::BitXor | Binary::BitOr
            )
        {
            self.vars.join(a, b, at);
        }
        let additive = matches!(op, Binary::Add | Binary::Sub);
        if (additive || op.compares()) && left_is && right_is {
            if !left.null && !right.null {
                self.same(left.ty, right.ty, at);
            }
            return Value::number(toks);
        }
        if op.compares() || op.is_logical() {
            return Value {
                constant,
                ..Value::number(toks)
            };
        }
        if additive && left_is {
            return Value {
                null: false,
                ..left
            };
        }
        if op == Binary::Add && right_is {
            return Value {
                null: false,
                ..right
            };
        }
        if let Some(from) = made_from.filter(|_| !additive) {
            self.unprovable.push((from, at));
        }
        Value {
            flow: match left.flow {
                Flow(0) => right.flow,
                flow => flow,
            },
            constant,
            made_from,
            ..Value::number(toks)
        }
    }

    fn cast(&mut self, name: DeclId, operand: ExprId, toks: Toks) -> Value {
        let ty = self.type_name(name);
        let star = self.model.tree[name].declarators.first().and_then(|&d| {
            let parts = &self.model.tree[d].parts;
            match parts.as_slice() {
                [crate::c::syntax::tree::Part::Pointer { star, .. }] => Some(*star),
                _ => None,
            }
        });
        let value = self.value(operand);
        let close = self.model.tree[name].toks.end;
        if let Some(star) = star.filter(|s| *s + 1 == close) {
            self.casts.push(Cast {
                star,
                open: toks.start,
                close,
                end: toks.end,
            });
        }
        let value = self.rvalue(value);
        if let (None, Some((_, space))) = (self.types.pointer(ty), self.types.pointer(value.ty))
            && self.is_calculated(operand)
        {
            self.calculated.push((space, toks.start));
        }
        // `(void *)0` fits every pointer, whatever its address space.
        let null = value.null && self.types.pointer(ty).is_some_and(|p| p.0 == Types::VOID);
        self.converted(ty, value, toks, null)
    }

    /// Whether an operand of a cast to a number is multiplied, divided, shifted or cut to some of
    /// its bits: "bitwise operator &= on pointer prohibited".
    fn is_calculated(&self, operand: ExprId) -> bool {
        use crate::c::syntax::tree::Binary as B;
        let model = self.model;
        let mut at = operand;
        while let c::Parent::Expr(outer) = model.parent(at) {
            let op = match model.tree[outer].kind {
                ExprKind::Paren(_) | ExprKind::Cast(..) => {
                    at = outer;
                    continue;
                }
                ExprKind::Binary { op, .. } => Some(op),
                ExprKind::Assign { op, .. } => op,
                _ => None,
            };
            return matches!(
                op,
                Some(B::Mul | B::Div | B::Rem | B::Shl | B::Shr | B::BitAnd | B::BitOr | B::BitXor)
            );
        }
        false
    }

    fn converted(&mut self, ty: TypeId, operand: Value, toks: Toks, null: bool) -> Value {
        let mut value = Value {
            flow: operand.flow,
            ..Value::of(ty, toks)
        };
        let from = self.types.pointer(operand.ty);
        match (self.types.pointer(ty), from) {
            (Some((_, to)), Some((_, from))) => {
                // Where the source speaks of the arena already, a cast out of it is meant.
                if !operand.null && !self.annotated {
                    self.same(ty, operand.ty, toks.start);
                } else if !operand.null {
                    self.meant.push((to, from, toks.start));
                }
                value.null = null;
            }
            (Some((_, space)), None) => match operand.made_from {
                Some(made_from) => self.vars.join(space, made_from, toks.start),
                None if operand.null => value.null = null,
                None => {}
            },
            (None, Some((_, space))) => value.made_from = Some(space),
            (None, None) => {
                value.made_from = operand.made_from;
                if let (Type::Address(space), Some(from)) =
                    (self.types.get(ty).clone(), operand.made_from)
                {
                    self.vars.join(space, from, toks.start);
                }
                value.constant = operand.constant;
                value.null = operand.null;
            }
        }
        value
    }

    fn unary(&mut self, op: Unary, operand: ExprId, toks: Toks) -> Value {
        match op {
            Unary::AddressOf => {
                let value = self.value(operand);
                if let Type::Function { .. } = self.types.get(value.ty) {
                    return self.rvalue(value);
                }
                let Some(place) = value.place else {
                    return Value::of(Types::UNKNOWN, toks);
                };
                let ty = self.pointer_to(value.ty, place);
                Value::of(ty, toks)
            }
            Unary::Deref => {
                let pointer = self.taken(operand);
                let range = self.toks_of(operand);
                self.follow(pointer, toks, (range.start, range.end))
            }
            Unary::Increment | Unary::Decrement => self.taken(operand),
            Unary::Plus | Unary::Minus | Unary::BitNot | Unary::Not => {
                let value = self.taken(operand);
                Value {
                    constant: value.constant,
                    made_from: value.made_from.filter(|_| op != Unary::Not),
                    ..Value::number(toks)
                }
            }
        }
    }
}
