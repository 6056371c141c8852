//! Statements.

use super::*;
use crate::c::syntax::tree::{StmtId, StmtKind};

impl Reading<'_> {
    /// A statement; the value of an expression statement.
    pub(super) fn statement(&mut self, stmt: StmtId) -> Option<Value> {
        let model = self.model;
        let node = &model.tree[stmt];
        if node.broken && matches!(node.kind, StmtKind::Empty) {
            self.lost.push(Lost {
                tok: node.toks.start,
            });
        }
        match &node.kind {
            StmtKind::Expr(expr) => {
                let value = self.value(*expr);
                self.rvalue(value);
                return Some(value);
            }
            StmtKind::Decl(decl) => {
                let splits = !matches!(model.stmt_parent(stmt), c::Parent::Stmt(outer)
                    if matches!(model.tree[outer].kind, StmtKind::For { .. }));
                self.declaration(*decl, splits);
            }
            StmtKind::Function(function) => self.function(*function),
            StmtKind::Block(list) => {
                for &stmt in list {
                    self.statement(stmt);
                }
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.taken(*cond);
                self.statement(*then);
                if let Some((_, otherwise)) = otherwise {
                    self.statement(*otherwise);
                }
            }
            StmtKind::Switch { value, body } => {
                self.taken(*value);
                self.statement(*body);
            }
            StmtKind::While { cond, body } => {
                self.taken(*cond);
                self.statement(*body);
                let (cond, body) = (self.toks_of(*cond), model.tree[*body].toks);
                let none = Toks::new(node.toks.start, node.toks.start);
                self.keep_loop(LoopKind::While, stmt, cond, none, body);
            }
            StmtKind::Do { body, cond, .. } => {
                self.statement(*body);
                self.taken(*cond);
                let (cond, body) = (self.toks_of(*cond), model.tree[*body].toks);
                let none = Toks::new(node.toks.start, node.toks.start);
                self.keep_loop(LoopKind::Do, stmt, cond, none, body);
            }
            StmtKind::For {
                init,
                cond,
                step,
                second,
                close,
                body,
                ..
            } => {
                if let Some(init) = init {
                    self.statement(*init);
                }
                let mut part = |expr: &Option<ExprId>, otherwise: Tok| match expr {
                    Some(expr) => {
                        self.taken(*expr);
                        self.toks_of(*expr)
                    }
                    None => Toks::new(otherwise, otherwise),
                };
                let cond = part(cond, *second);
                let step = part(step, *close);
                self.statement(*body);
                let body = model.tree[*body].toks;
                self.keep_loop(LoopKind::For, stmt, cond, step, body);
            }
            StmtKind::Return(Some(expr)) => {
                let value = self.value(*expr);
                self.copied_value(*expr, value);
                let value = self.rvalue(value);
                if let Some(current) = self.current {
                    self.assign(current.ret, value);
                    self.flows_to(value.flow, current.flow);
                }
            }
            StmtKind::Case {
                value: Some(value), ..
            }
            | StmtKind::GotoComputed(value) => {
                self.taken(*value);
            }
            StmtKind::Empty
            | StmtKind::Return(None)
            | StmtKind::Case { value: None, .. }
            | StmtKind::Label(_)
            | StmtKind::Goto(_)
            | StmtKind::Break
            | StmtKind::Continue => {}
        }
        None
    }

    fn keep_loop(&mut self, kind: LoopKind, stmt: StmtId, cond: Toks, step: Toks, body: Toks) {
        let span = |t: Toks| (t.start, t.end);
        self.loops.push(Loop {
            kind,
            stmt,
            tok: self.model.tree[stmt].toks.start,
            condition: span(cond),
            step: span(step),
            body: span(body),
            function: self.current.map_or(span(body), |c| c.body),
            instance: self.instance,
        });
    }
}
