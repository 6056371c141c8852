//! The ends of a function.

use super::Trouble;
use super::lower::Lowering;
use super::source::At;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, StmtId};
use crate::c::types::Parent;

impl Lowering<'_, '_, '_> {
    pub(super) fn returns(
        &mut self,
        stmt: StmtId,
        value: Option<ExprId>,
        last: bool,
    ) -> Result<(), Trouble> {
        let toks = self.model.tree[stmt].toks;
        if !self.shared.frames {
            let Some(value) = value.filter(|&v| self.is_hot(v)) else {
                return Ok(());
            };
            self.start(value);
            self.give_back(value)?;
            self.replace(stmt);
            return Ok(());
        }
        let leave = format!("goto {};", self.names.leave);
        match value {
            Some(value) if self.is_hot(value) => {
                self.start(value);
                self.give_back(value)?;
            }
            Some(value) if self.member().is_void(self.model) => {
                let text = self.text(value)?;
                self.line(format!("{text};"));
                self.line(leave);
            }
            Some(value) => {
                let text = self.text(value)?;
                self.line(format!("{} = {text};", self.names.results[self.at]));
                self.line(leave);
            }
            None => self.line(leave),
        }
        // Behind the last statement stands the label.
        let end = self
            .lines
            .last()
            .is_some_and(|l| l.text.starts_with("goto"));
        if last && end && self.in_block(stmt) && self.cycle.members.len() == 1 {
            let body = self.model.tree[self.member().function].body;
            if self.model.stmt_parent(stmt) == Parent::Stmt(body)
                && self
                    .lines
                    .last()
                    .is_some_and(|l| l.text == format!("goto {};", self.names.leave))
            {
                self.lines.pop();
            }
        }
        if self.lines.is_empty() {
            self.changes.add(At::Instead(toks), ";");
            return Ok(());
        }
        self.replace(stmt);
        Ok(())
    }

    /// `return value;` with calls in the value.
    pub(super) fn give_back(&mut self, value: ExprId) -> Result<(), Trouble> {
        let bare = self.model.tree.bare(value);
        let leave = format!("goto {};", self.names.leave);
        if self.tails.contains(&bare) {
            return self.jump(bare);
        }
        if !self.is_hot(bare) {
            let text = self.text(bare)?;
            if self.shared.frames {
                self.line(format!("{} = {text};", self.names.results[self.at]));
                self.line(leave);
            } else {
                self.line(format!("return {text};"));
            }
            return Ok(());
        }
        if let ExprKind::Conditional {
            cond,
            then: Some(then),
            otherwise,
        } = self.model.tree[bare].kind
            && (self.is_hot(then) || self.is_hot(otherwise))
        {
            let cond = self.value(cond)?;
            self.line(format!("if ({cond}) {{"));
            self.nested(|s| s.give_back(then))?;
            self.line("} else {".into());
            self.nested(|s| s.give_back(otherwise))?;
            self.line("}".into());
            return Ok(());
        }
        if self.member().is_void(self.model) {
            self.effect(bare)?;
        } else {
            let text = self.value(bare)?;
            let result = &self.names.results[self.at];
            if text != *result {
                self.line(format!("{result} = {text};"));
            }
        }
        self.line(leave);
        Ok(())
    }

    /// A statement of a function without result; a call that is the last thing it does is a jump.
    pub(super) fn tail_effect(&mut self, expr: ExprId) -> Result<(), Trouble> {
        let bare = self.model.tree.bare(expr);
        if self.tails.contains(&bare) {
            return self.jump(bare);
        }
        match self.model.tree[bare].kind.clone() {
            ExprKind::Comma(a, b) => {
                self.effect(a)?;
                self.tail_effect(b)
            }
            ExprKind::Conditional {
                cond,
                then: Some(then),
                otherwise,
            } if self.is_hot(then) || self.is_hot(otherwise) => {
                let cond = self.value(cond)?;
                self.line(format!("if ({cond}) {{"));
                self.nested(|s| s.tail_effect(then))?;
                self.line("} else {".into());
                self.nested(|s| s.tail_effect(otherwise))?;
                self.line("}".into());
                Ok(())
            }
            ExprKind::Binary {
                op: op @ (Binary::And | Binary::Or),
                left,
                right,
                ..
            } if self.is_hot(right) => {
                self.prepare(left)?;
                let cond = match op {
                    Binary::And => self.text(left)?,
                    _ => format!("!{}", self.operand(left)?),
                };
                self.line(format!("if ({cond}) {{"));
                self.nested(|s| s.tail_effect(right))?;
                self.line("}".into());
                Ok(())
            }
            _ => self.effect(bare),
        }
    }
}
