//! What each expression is: its type, and what its names stand for.

use super::entity::EntityKind;
use super::nodes::Parent;
use super::{Builder, Entity, EntityId, Model, Type, TypeId};
use crate::c::Symbol;
use crate::c::syntax::tree::{Binary, Designator, ExprId, ExprKind, Number, StmtKind, Unary};

impl Builder<'_, '_> {
    /// An expression and all it consists of. Does not recurse, but into statement expressions: some
    /// programs have sums of a thousand terms.
    pub(super) fn expression(&mut self, root: ExprId, parent: Parent) {
        let mut order = Vec::new();
        let mut stack = vec![(root, parent)];
        while let Some((expr, parent)) = stack.pop() {
            let function = self.function;
            let info = self.m.nodes.expr(expr);
            info.parent = parent;
            info.function = function;
            order.push(expr);
            let parts = self.m.parts(expr);
            stack.extend(parts.into_iter().map(|part| (part, Parent::Expr(expr))));
        }
        for expr in order.into_iter().rev() {
            let ty = self.visit(expr);
            self.m.nodes.expr(expr).ty = Some(ty);
            self.m.types.decay(ty);
            let value = self.m.evaluate(expr, ty);
            self.m.nodes.expr(expr).value = value;
        }
    }

    /// The type of an expression whose parts are known.
    fn visit(&mut self, expr: ExprId) -> TypeId {
        let kind = self.m.tree[expr].kind.clone();
        let this = Parent::Expr(expr);
        match kind {
            ExprKind::Name(name) => self.name_expression(expr, name),
            ExprKind::Number => self.number(expr),
            ExprKind::Char => TypeId::INT,
            ExprKind::Text => self.text(expr),
            ExprKind::Paren(inner) => self.m.type_of(inner),
            ExprKind::Call { callee, args, .. } => self.call(expr, callee, &args),
            ExprKind::Index(a, b) => {
                let pointer = match self.m.is_pointer(self.m.decay_of(a)) {
                    true => a,
                    false => b,
                };
                self.pointee(pointer)
            }
            ExprKind::Member {
                object,
                arrow,
                name,
                ..
            } => {
                let of = match arrow {
                    true => self.pointee(object),
                    false => self.m.type_of(object),
                };
                self.member(expr, of, name)
            }
            ExprKind::Unary(op, inner) => self.unary(op, inner),
            ExprKind::Postfix { operand, .. } => self.m.type_of(operand),
            ExprKind::Binary {
                op, left, right, ..
            } => self.binary(op, left, right),
            ExprKind::Assign { left, .. } => self.m.type_of(left),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => self.conditional(then.unwrap_or(cond), otherwise),
            ExprKind::Comma(_, last) => self.m.decay_of(last),
            ExprKind::Cast(decl, _) | ExprKind::VaArg(decl) | ExprKind::TypeArgument(decl) => {
                self.type_name(decl, this)
            }
            ExprKind::Compound(decl, list) => {
                let ty = self.type_name(decl, this);
                self.complete_value(ty);
                self.compound(list, ty)
            }
            // Known when what it initializes is.
            ExprKind::List(_) => TypeId::UNKNOWN,
            ExprKind::SizeofExpr(inner) => {
                let ty = self.m.type_of(inner);
                self.complete_value(ty);
                TypeId::ULONG
            }
            ExprKind::SizeofType(decl) => {
                let ty = self.type_name(decl, this);
                self.complete_value(ty);
                TypeId::ULONG
            }
            ExprKind::Generic { control, choices } => {
                let wanted = self.m.decay_of(control);
                let mut chosen = None;
                for (decl, value) in choices {
                    let fits = match decl {
                        None => chosen.is_none(),
                        Some(decl) => {
                            let ty = self.type_name(decl, this);
                            let first = chosen.is_none_or(|(default, _)| default);
                            first && self.m.compatible(ty, wanted)
                        }
                    };
                    if fits {
                        chosen = Some((decl.is_none(), value));
                    }
                }
                chosen.map_or(TypeId::UNKNOWN, |(_, value)| self.m.type_of(value))
            }
            ExprKind::Statements(block) => {
                self.statement(block, this);
                self.last_of(block)
            }
            ExprKind::Asm(_) => TypeId::VOID,
            ExprKind::Constant => self.constant(expr),
            ExprKind::Unknown(_) => TypeId::UNKNOWN,
        }
    }

    fn compound(&mut self, list: ExprId, ty: TypeId) -> TypeId {
        let count = self.initialize(list, ty);
        match *self.m.types.get(ty) {
            Type::Array { of, len: None, .. } if count.is_some() => self.m.types.add(Type::Array {
                of,
                len: count,
                variable: false,
            }),
            _ => ty,
        }
    }

    fn name_expression(&mut self, expr: ExprId, name: Symbol) -> TypeId {
        let entity = self.name(name).or_else(|| self.builtin(name));
        let entity = entity.or_else(|| self.implicit(expr, name));
        let Some(id) = entity else {
            let text = self.m.unit.symbols.text(name);
            if matches!(text, b"__func__" | b"__FUNCTION__" | b"__PRETTY_FUNCTION__") {
                return self.m.types.add(Type::Array {
                    of: TypeId::CHAR,
                    len: None,
                    variable: false,
                });
            }
            // C23, where they are no macros.
            match text {
                b"nullptr" => return self.m.types.pointer(TypeId::VOID),
                b"true" | b"false" => return self.m.types.number(Number::BOOL),
                _ => {}
            }
            self.m.unresolved.push(expr);
            return TypeId::UNKNOWN;
        };
        self.m.nodes.expr(expr).entity = Some(id);
        self.m.uses[id.0 as usize].push(expr);
        let entity = &self.m.entities[id.0 as usize];
        match entity.kind {
            EntityKind::Typedef => TypeId::UNKNOWN,
            _ => entity.ty,
        }
    }

    /// A function that the compiler brings with it.
    fn builtin(&mut self, name: Symbol) -> Option<EntityId> {
        let text = self.m.unit.symbols.text(name);
        let ret = super::builtins::returns(text)?;
        Some(self.undeclared(name, ret, true))
    }

    /// A function that is called and declared nowhere.
    fn implicit(&mut self, expr: ExprId, name: Symbol) -> Option<EntityId> {
        self.m.is_callee(expr).then(|| {
            let text = self.m.unit.symbols.text(name);
            let ret = super::builtins::library(text);
            self.undeclared(name, ret, false)
        })
    }

    fn undeclared(
        &mut self,
        name: Symbol,
        ret: super::builtins::Returns,
        builtin: bool,
    ) -> EntityId {
        let ret = self.returned(ret);
        let ty = self.m.types.add(Type::Function {
            ret,
            params: Vec::new(),
            variadic: false,
            prototyped: false,
        });
        let entity = self.add(Entity {
            name,
            tok: None,
            kind: EntityKind::Function {
                definition: None,
                internal: false,
                implicit: !builtin,
                builtin,
            },
            ty,
            declarators: Vec::new(),
        });
        self.m.file.names.insert(name, entity);
        entity
    }

    fn returned(&mut self, ret: super::builtins::Returns) -> TypeId {
        use super::builtins::Returns;
        match ret {
            Returns::Void => TypeId::VOID,
            Returns::Number(number) => self.m.types.number(number),
            Returns::Pointer => self.m.types.pointer(TypeId::VOID),
            Returns::Text => self.m.types.pointer(TypeId::CHAR),
            Returns::Argument(_) | Returns::Pointee | Returns::Choice => TypeId::UNKNOWN,
        }
    }

    fn call(&mut self, expr: ExprId, callee: ExprId, args: &[ExprId]) -> TypeId {
        use super::builtins::{Returns, returns};
        let bare = self.m.tree.bare(callee);
        let entity = self.m.nodes.expr(bare).entity;
        if let Some(function) = self.function {
            let known = entity.filter(|e| self.m.entities[e.0 as usize].is_function());
            let call = super::Call {
                expr,
                callee: known,
            };
            self.m.function_info(function).calls.push(call);
        }
        if let Some(entity) = entity
            && let EntityKind::Function { builtin: true, .. } =
                self.m.entities[entity.0 as usize].kind
        {
            let name = self.m.entities[entity.0 as usize].name;
            let nth = |at: usize| args.get(at).map(|&arg| self.m.decay_of(arg));
            let known = match returns(self.m.unit.symbols.text(name)) {
                Some(Returns::Argument(at)) => nth(at),
                Some(Returns::Pointee) => nth(0).and_then(|ty| self.m.pointee(ty)),
                Some(Returns::Choice) => {
                    let first = args.first().and_then(|&arg| self.m.value(arg));
                    nth(if first == Some(0) { 2 } else { 1 })
                }
                _ => None,
            };
            if let Some(ty) = known {
                return ty;
            }
        }
        let mut ty = self.m.type_of(callee);
        if let Type::Pointer { to } = *self.m.types.get(ty) {
            ty = to;
        }
        match *self.m.types.get(ty) {
            Type::Function { ret, .. } => ret,
            _ => TypeId::UNKNOWN,
        }
    }

    /// What the value of an expression points to.
    fn pointee(&self, expr: ExprId) -> TypeId {
        let ty = self.m.decay_of(expr);
        self.m.pointee(ty).unwrap_or(TypeId::UNKNOWN)
    }

    fn member(&mut self, expr: ExprId, of: TypeId, name: Symbol) -> TypeId {
        let Type::Record(record) = *self.m.types.get(of) else {
            return TypeId::UNKNOWN;
        };
        self.complete_record(record);
        let way = self.m.find_field(record, name).unwrap_or_default();
        let Some(&last) = way.last() else {
            return TypeId::UNKNOWN;
        };
        self.m.nodes.members.insert(expr, last);
        self.m.field(last).ty
    }

    fn unary(&mut self, op: Unary, inner: ExprId) -> TypeId {
        match op {
            Unary::AddressOf => match self.m.tree[self.m.tree.bare(inner)].kind {
                // `&*p` and `&a[i]` are `p` and `a + i`.
                ExprKind::Unary(Unary::Deref, pointer) => self.m.decay_of(pointer),
                ExprKind::Index(a, b) => match self.m.is_pointer(self.m.decay_of(a)) {
                    true => self.m.decay_of(a),
                    false => self.m.decay_of(b),
                },
                _ => {
                    let to = self.m.type_of(inner);
                    match self.m.types.get(to) {
                        // What it decays to, so that both are one type.
                        Type::Function { .. } => self.m.types.decay(to),
                        _ => self.m.types.pointer(to),
                    }
                }
            },
            Unary::Deref => self.pointee(inner),
            Unary::Not => TypeId::INT,
            Unary::Plus | Unary::Minus | Unary::BitNot => self.promoted(inner),
            Unary::Increment | Unary::Decrement => self.m.type_of(inner),
        }
    }

    fn promoted(&mut self, expr: ExprId) -> TypeId {
        let ty = self.m.type_of(expr);
        match self.m.number(ty) {
            Some(_) => {
                let number = self.m.promoted(expr);
                self.m.types.number(number.unwrap_or(Number::INT))
            }
            None => ty,
        }
    }

    fn binary(&mut self, op: Binary, left: ExprId, right: ExprId) -> TypeId {
        if op.compares() || op.is_logical() {
            return TypeId::INT;
        }
        let (a, b) = (self.m.decay_of(left), self.m.decay_of(right));
        let pointers = (self.m.is_pointer(a), self.m.is_pointer(b));
        match (op, pointers) {
            (Binary::Sub, (true, true)) => return self.m.types.number(Number::LONG),
            (Binary::Add | Binary::Sub, (true, _)) => return a,
            (Binary::Add, (_, true)) => return b,
            (Binary::Shl | Binary::Shr, _) => return self.promoted(left),
            _ => {}
        }
        match (self.m.promoted(left), self.m.promoted(right)) {
            (Some(a), Some(b)) => self.m.types.number(a.common(b)),
            _ => TypeId::UNKNOWN,
        }
    }

    fn conditional(&mut self, then: ExprId, otherwise: ExprId) -> TypeId {
        let (a, b) = (self.m.decay_of(then), self.m.decay_of(otherwise));
        if let (Some(left), Some(right)) = (self.m.promoted(then), self.m.promoted(otherwise)) {
            return self.m.types.number(left.common(right));
        }
        match (self.m.is_pointer(a), self.m.is_pointer(b)) {
            (true, true) => {
                if self.m.is_null_pointer_constant(then) {
                    return b;
                }
                let void = |ty| self.m.pointee(ty) == Some(TypeId::VOID);
                let plain = self.m.is_null_pointer_constant(otherwise);
                match !plain && void(b) && !void(a) {
                    true => b,
                    false => a,
                }
            }
            (true, false) => a,
            (false, true) => b,
            _ if a == TypeId::VOID || b == TypeId::VOID => TypeId::VOID,
            _ if a == TypeId::UNKNOWN => b,
            _ => a,
        }
    }

    /// The type of a statement expression.
    fn last_of(&self, block: crate::c::syntax::tree::StmtId) -> TypeId {
        let StmtKind::Block(list) = &self.m.tree[block].kind else {
            return TypeId::VOID;
        };
        match list.last().map(|&last| &self.m.tree[last].kind) {
            Some(&StmtKind::Expr(expr)) => self.m.decay_of(expr),
            _ => TypeId::VOID,
        }
    }

    /// `__builtin_offsetof(…)`, `__builtin_types_compatible_p(…)`, `&&label`.
    fn constant(&mut self, expr: ExprId) -> TypeId {
        let first = self.m.unit.tokens.get(self.m.tree[expr].toks.start);
        match first.map_or(&b""[..], |t| self.m.unit.text(t)) {
            b"&&" => self.m.types.pointer(TypeId::VOID),
            b"__builtin_offsetof" | b"offsetof" => TypeId::ULONG,
            _ => TypeId::INT,
        }
    }
}

impl Model<'_> {
    /// All direct parts of an expression, those that are not evaluated too.
    pub(super) fn parts(&self, expr: ExprId) -> Vec<ExprId> {
        match &self.tree[expr].kind {
            ExprKind::SizeofExpr(inner) => vec![*inner],
            ExprKind::Generic { control, choices } => {
                let choices = choices.iter().map(|c| c.1);
                std::iter::once(*control).chain(choices).collect()
            }
            ExprKind::List(elements) => {
                let mut parts = Vec::new();
                for element in elements {
                    for designator in &element.designators {
                        match *designator {
                            Designator::Field(..) => {}
                            Designator::Index(a) => parts.push(a),
                            Designator::Range(a, b) => parts.extend([a, b]),
                        }
                    }
                    parts.push(element.value);
                }
                parts
            }
            _ => self.tree.operands(expr),
        }
    }

    /// Whether an expression is what a call calls.
    pub fn is_callee(&self, expr: ExprId) -> bool {
        let mut at = expr;
        loop {
            match self.parent(at) {
                Parent::Expr(outer) => match self.tree[outer].kind {
                    ExprKind::Paren(_) => at = outer,
                    ExprKind::Call { callee, .. } => return callee == at,
                    _ => return false,
                },
                _ => return false,
            }
        }
    }
}
