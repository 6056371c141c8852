//! What a model answers.

use super::nodes::Parent;
use super::{Entity, EntityId, Field, FieldRef, Model, Record, RecordId, Target, Type, TypeId};
use crate::c::Symbol;
use crate::c::syntax::tree::{
    Binary, DeclId, DeclaratorId, ExprId, ExprKind, FunctionId, Number, StmtId, StmtKind,
};

impl std::ops::Index<EntityId> for Model<'_> {
    type Output = Entity;
    fn index(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }
}

impl std::ops::Index<TypeId> for Model<'_> {
    type Output = Type;
    fn index(&self, id: TypeId) -> &Type {
        self.types.get(id)
    }
}

impl std::ops::Index<RecordId> for Model<'_> {
    type Output = Record;
    fn index(&self, id: RecordId) -> &Record {
        &self.records[id.0 as usize]
    }
}

/// Names and declarations.
impl Model<'_> {
    /// What a name in an expression stands for; `None` for any other expression, and for a name
    /// that is declared nowhere.
    pub fn entity(&self, expr: ExprId) -> Option<EntityId> {
        self.nodes.exprs[expr.0 as usize].entity
    }

    /// What the expression, parentheses aside, names.
    pub fn named(&self, expr: ExprId) -> Option<EntityId> {
        self.entity(self.tree.bare(expr))
    }

    /// The expressions that name an entity, in the order in which they were read.
    pub fn uses(&self, entity: EntityId) -> &[ExprId] {
        &self.uses[entity.0 as usize]
    }

    /// What a declarator declares; `None` for members, type names and what has no name.
    pub fn declares(&self, declarator: DeclaratorId) -> Option<EntityId> {
        self.nodes.declarators[declarator.0 as usize].entity
    }

    /// The member that a declarator declares.
    pub fn declares_field(&self, declarator: DeclaratorId) -> Option<FieldRef> {
        self.nodes.declarators[declarator.0 as usize].field
    }

    /// What a name of the file stands for, as far as the file was read.
    pub fn file_entity(&self, name: Symbol) -> Option<EntityId> {
        self.file.names.get(&name).copied()
    }

    /// Names in expressions that are declared nowhere.
    pub fn unresolved(&self) -> &[ExprId] {
        &self.unresolved
    }

    /// The type that a declarator gives what it declares.
    pub fn declarator_type(&self, declarator: DeclaratorId) -> TypeId {
        self.nodes.declarators[declarator.0 as usize]
            .ty
            .unwrap_or(TypeId::UNKNOWN)
    }

    /// The types that the parts of a declarator make: one for each of
    /// [`crate::c::syntax::tree::Declarator::parts`]. An array that is a parameter is a pointer.
    pub fn part_types(&self, declarator: DeclaratorId) -> &[TypeId] {
        &self.nodes.declarators[declarator.0 as usize].parts
    }

    /// The type in the specifiers of a declaration.
    pub fn base_type(&self, decl: DeclId) -> TypeId {
        self.nodes.decls[decl.0 as usize]
            .base
            .unwrap_or(TypeId::UNKNOWN)
    }

    /// The type that a type name names.
    pub fn type_name(&self, decl: DeclId) -> TypeId {
        match self.tree[decl].declarators.first() {
            Some(&declarator) => self.declarator_type(declarator),
            None => self.base_type(decl),
        }
    }

    /// The member of a record that a member expression names; the innermost of those on the way.
    pub fn member(&self, expr: ExprId) -> Option<FieldRef> {
        self.nodes.members.get(&expr).copied()
    }

    /// A member of a record.
    pub fn field(&self, field: FieldRef) -> &Field {
        // A reference is made only for a member that is there, and records keep their members.
        let fields = self[field.record].fields.as_deref().unwrap_or_default();
        &fields[field.index as usize]
    }

    /// What an element of an initializer list is for: by the value of the element.
    pub fn target(&self, value: ExprId) -> Option<Target> {
        self.targets.get(&value).copied()
    }
}

/// Where nodes stand.
impl Model<'_> {
    /// What an expression is a direct part of.
    pub fn parent(&self, expr: ExprId) -> Parent {
        self.nodes.exprs[expr.0 as usize].parent
    }

    /// What a statement is a direct part of.
    pub fn stmt_parent(&self, stmt: StmtId) -> Parent {
        self.nodes.stmts[stmt.0 as usize].parent
    }

    /// The block that a statement is one of.
    pub fn block_of(&self, stmt: StmtId) -> Option<StmtId> {
        match self.stmt_parent(stmt) {
            Parent::Stmt(outer) if matches!(self.tree[outer].kind, StmtKind::Block(_)) => {
                Some(outer)
            }
            _ => None,
        }
    }

    /// What a declaration is a direct part of.
    pub fn decl_parent(&self, decl: DeclId) -> Parent {
        self.nodes.decls[decl.0 as usize].parent
    }

    /// The function in whose definition an expression stands.
    pub fn function_of(&self, expr: ExprId) -> Option<FunctionId> {
        self.nodes.exprs[expr.0 as usize].function
    }

    /// The function in whose definition a statement stands.
    pub fn stmt_function(&self, stmt: StmtId) -> Option<FunctionId> {
        self.nodes.stmts[stmt.0 as usize].function
    }

    /// The function in whose definition a declaration stands.
    pub fn decl_function(&self, decl: DeclId) -> Option<FunctionId> {
        self.nodes.decls[decl.0 as usize].function
    }

    /// The innermost statement that an expression is a part of.
    pub fn stmt_of(&self, expr: ExprId) -> Option<StmtId> {
        let mut at = Parent::Expr(expr);
        loop {
            at = match at {
                Parent::Stmt(stmt) => return Some(stmt),
                Parent::Expr(expr) => self.parent(expr),
                Parent::Declarator(declarator) => self.decl_parent(self.tree[declarator].decl),
                Parent::Decl(decl) => self.decl_parent(decl),
                Parent::Function(_) | Parent::Unit => return None,
            };
        }
    }
}

/// Types.
impl Model<'_> {
    /// How many types there are: ids are counted from 0.
    pub fn type_count(&self) -> usize {
        self.types.list.len()
    }

    /// The type of an expression, before arrays and functions become pointers.
    pub fn type_of(&self, expr: ExprId) -> TypeId {
        self.nodes.exprs[expr.0 as usize]
            .ty
            .unwrap_or(TypeId::UNKNOWN)
    }

    /// What a type becomes as an operand: an array a pointer to its elements, a function a pointer
    /// to it. The same pointer each time; known for the types of expressions.
    pub fn decayed(&self, ty: TypeId) -> TypeId {
        self.types.decayed(ty)
    }

    /// The type of an expression's value: arrays and functions as pointers.
    pub fn decay_of(&self, expr: ExprId) -> TypeId {
        self.decayed(self.type_of(expr))
    }

    /// Whether it is a pointer.
    pub fn is_pointer(&self, ty: TypeId) -> bool {
        matches!(self[ty], Type::Pointer { .. })
    }

    /// Whether it is an array.
    pub fn is_array(&self, ty: TypeId) -> bool {
        matches!(self[ty], Type::Array { .. })
    }

    /// What a pointer points to, or an array is of.
    pub fn pointee(&self, ty: TypeId) -> Option<TypeId> {
        match self[ty] {
            Type::Pointer { to } => Some(to),
            Type::Array { of, .. } => Some(of),
            _ => None,
        }
    }

    /// The number of elements of an array.
    pub fn array_len(&self, ty: TypeId) -> Option<u64> {
        match self[ty] {
            Type::Array { len, .. } => len,
            _ => None,
        }
    }

    /// The structure or union that a type is.
    pub fn record(&self, ty: TypeId) -> Option<RecordId> {
        match self[ty] {
            Type::Record(record) => Some(record),
            _ => None,
        }
    }

    /// The arithmetic type that a type is; an enumeration has one too.
    pub fn number(&self, ty: TypeId) -> Option<Number> {
        match self[ty] {
            Type::Number(number) => Some(number),
            Type::Enum(id) => Some(self.enums[id.0 as usize].number),
            _ => None,
        }
    }

    /// The arithmetic type of an expression as an operand, after integer promotion; `None` if it is
    /// no number.
    pub fn promoted(&self, expr: ExprId) -> Option<Number> {
        let number = self.number(self.type_of(expr))?;
        let bits = self
            .member(self.tree.bare(expr))
            .and_then(|f| self.field(f).bits);
        match bits {
            // A bit-field becomes `int` if that holds all its values.
            Some(bits) if bits < 32 || bits == 32 && !number.unsigned => Some(Number::INT),
            _ => Some(number.promoted()),
        }
    }

    /// The arithmetic type in which an operator computes or compares: that of its operands after
    /// the usual conversions; of shifts that of the left one. `None` if an operand is no number.
    pub fn operation(&self, expr: ExprId) -> Option<Number> {
        match self.tree[expr].kind {
            ExprKind::Binary {
                op, left, right, ..
            } => self.operands(op, left, right),
            ExprKind::Assign {
                op: Some(op),
                left,
                right,
                ..
            } => self.operands(op, left, right),
            _ => self.promoted(expr),
        }
    }

    fn operands(&self, op: Binary, left: ExprId, right: ExprId) -> Option<Number> {
        match op {
            Binary::Shl | Binary::Shr => self.promoted(left),
            _ => Some(self.promoted(left)?.common(self.promoted(right)?)),
        }
    }

    /// Whether two types are compatible; qualifiers aside. Types nested deeper than a few dozen
    /// levels count as such.
    pub fn compatible(&self, a: TypeId, b: TypeId) -> bool {
        self.compatible_within(a, b, 0)
    }

    fn compatible_within(&self, a: TypeId, b: TypeId, depth: u32) -> bool {
        const DEEP: u32 = 32;
        if a == b || depth > DEEP {
            return true;
        }
        let same = |a, b| self.compatible_within(a, b, depth + 1);
        match (&self[a], &self[b]) {
            (Type::Pointer { to: a }, Type::Pointer { to: b }) => same(*a, *b),
            (Type::Array { of: a, len: m, .. }, Type::Array { of: b, len: n, .. }) => {
                same(*a, *b) && (m.is_none() || n.is_none() || m == n)
            }
            (
                Type::Function {
                    ret: r,
                    params: p,
                    variadic: v,
                    prototyped: known,
                },
                Type::Function {
                    ret: s,
                    params: q,
                    variadic: w,
                    prototyped: also,
                },
            ) => {
                let unknown = !known || !also;
                let alike =
                    || v == w && p.len() == q.len() && p.iter().zip(q).all(|(&a, &b)| same(a, b));
                same(*r, *s) && (unknown || alike())
            }
            (Type::Enum(id), Type::Number(number)) | (Type::Number(number), Type::Enum(id)) => {
                self.enums[id.0 as usize].number == *number
            }
            (Type::Unknown, _) | (_, Type::Unknown) => false,
            (a, b) => a == b,
        }
    }
}
