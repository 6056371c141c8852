//! What is known of each node of the tree.

use super::{EntityId, FieldRef, TypeId};
use crate::c::syntax::tree::{DeclId, DeclaratorId, ExprId, FunctionId, StmtId, Tree};

/// What a node is a direct part of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Parent {
    /// The file.
    #[default]
    Unit,
    /// An expression.
    Expr(ExprId),
    /// A statement.
    Stmt(StmtId),
    /// A declaration: in its `typeof`, in the constants of its enumeration, or a member of its
    /// record.
    Decl(DeclId),
    /// A declarator: its initializer, the size of an array, the width of a bit-field, a parameter.
    Declarator(DeclaratorId),
    /// A function definition.
    Function(FunctionId),
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ExprInfo {
    pub ty: Option<TypeId>,
    /// The value of a constant, of an address too.
    pub value: Option<i128>,
    pub entity: Option<EntityId>,
    pub parent: Parent,
    pub function: Option<FunctionId>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct StmtInfo {
    pub parent: Parent,
    pub function: Option<FunctionId>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DeclInfo {
    pub base: Option<TypeId>,
    pub parent: Parent,
    pub function: Option<FunctionId>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct DeclaratorInfo {
    pub ty: Option<TypeId>,
    pub parts: Vec<TypeId>,
    pub entity: Option<EntityId>,
    pub field: Option<FieldRef>,
}

/// By node.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    pub exprs: Vec<ExprInfo>,
    pub stmts: Vec<StmtInfo>,
    pub decls: Vec<DeclInfo>,
    pub declarators: Vec<DeclaratorInfo>,
    /// The member that a member expression or a designator names.
    pub members: rustc_hash::FxHashMap<ExprId, FieldRef>,
}

impl Nodes {
    /// Gives back room that is not needed.
    pub fn shrink(&mut self) {
        self.exprs.shrink_to_fit();
        self.stmts.shrink_to_fit();
        self.decls.shrink_to_fit();
        self.declarators.shrink_to_fit();
    }

    /// Makes room for all nodes of the tree.
    pub fn grow(&mut self, tree: &Tree) {
        self.exprs.resize(tree.exprs.len(), ExprInfo::default());
        self.stmts.resize(tree.stmts.len(), StmtInfo::default());
        self.decls.resize(tree.decls.len(), DeclInfo::default());
        let count = tree.declarators.len();
        self.declarators.resize(count, DeclaratorInfo::default());
    }

    pub fn expr(&mut self, expr: ExprId) -> &mut ExprInfo {
        &mut self.exprs[expr.0 as usize]
    }

    pub fn decl(&mut self, decl: DeclId) -> &mut DeclInfo {
        &mut self.decls[decl.0 as usize]
    }

    pub fn declarator(&mut self, declarator: DeclaratorId) -> &mut DeclaratorInfo {
        &mut self.declarators[declarator.0 as usize]
    }
}
