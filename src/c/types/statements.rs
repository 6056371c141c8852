//! Statements: their scopes and parents.

use super::Builder;
use super::nodes::{Parent, StmtInfo};
use crate::c::syntax::tree::{StmtId, StmtKind};

impl Builder<'_, '_> {
    /// A statement and all it consists of.
    pub(super) fn statement(&mut self, stmt: StmtId, parent: Parent) {
        self.m.nodes.stmts[stmt.0 as usize] = StmtInfo {
            parent,
            function: self.function,
        };
        let this = Parent::Stmt(stmt);
        match self.m.tree[stmt].kind.clone() {
            StmtKind::Expr(expr)
            | StmtKind::GotoComputed(expr)
            | StmtKind::Return(Some(expr))
            | StmtKind::Case {
                value: Some(expr), ..
            } => self.expression(expr, this),
            StmtKind::Decl(decl) => self.declaration(decl, this),
            StmtKind::Function(function) => self.function(function, this),
            StmtKind::Block(list) => {
                self.scopes.push();
                for inner in list {
                    self.statement(inner, this);
                }
                self.scopes.pop();
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.expression(cond, this);
                self.statement(then, this);
                if let Some((_, otherwise)) = otherwise {
                    self.statement(otherwise, this);
                }
            }
            StmtKind::While { cond, body } | StmtKind::Switch { value: cond, body } => {
                self.expression(cond, this);
                self.statement(body, this);
            }
            StmtKind::Do { body, cond, .. } => {
                self.statement(body, this);
                self.expression(cond, this);
            }
            StmtKind::For {
                init,
                cond,
                step,
                body,
                ..
            } => {
                self.scopes.push();
                if let Some(init) = init {
                    self.statement(init, this);
                }
                for expr in [cond, step].into_iter().flatten() {
                    self.expression(expr, this);
                }
                self.statement(body, this);
                self.scopes.pop();
            }
            StmtKind::Empty
            | StmtKind::Case { value: None, .. }
            | StmtKind::Label(_)
            | StmtKind::Goto(_)
            | StmtKind::Break
            | StmtKind::Continue
            | StmtKind::Return(None) => {}
        }
    }
}
