//! Loops with calls of the cycle in their heads.

use super::Trouble;
use super::lower::Lowering;
use super::source::At;
use crate::c::syntax::tree::{ExprId, StmtId, StmtKind, Toks};

impl Lowering<'_, '_, '_> {
    /// A loop whose condition calls: the condition moves into the body. `clauses` are those of a
    /// `for` without its condition.
    pub(super) fn head_in_body(
        &mut self,
        stmt: StmtId,
        clauses: Option<String>,
        cond: ExprId,
        body: StmtId,
    ) -> Result<(), Trouble> {
        self.start(cond);
        self.prepare(cond)?;
        let text = self.operand(cond)?;
        self.line(format!("if (!{text})"));
        self.nested(|s| {
            s.line("break;".into());
            Ok(())
        })?;
        let toks = self.model.tree[stmt].toks;
        let inner = self.model.tree[body].toks;
        let indent = self.source.indent(toks.start);
        let deeper = format!("{indent}{}", self.unit);
        let lines = self.take(&deeper, false);
        let braces = self.is(inner.start, "{");
        let end = inner.start + usize::from(braces);
        let clauses = clauses.unwrap_or_else(|| ";;".into());
        let gap = match braces {
            true => String::new(),
            false => format!("\n{deeper}"),
        };
        let text = format!("for ({clauses}) {{\n{deeper}{lines}{gap}");
        self.changes
            .add(At::Instead(Toks::new(toks.start, end)), text);
        if !braces {
            self.changes
                .add(At::After(inner.end - 1), format!("\n{indent}}}"));
        }
        Ok(())
    }

    /// The lines at the end of a loop's body, where `continue` leads to.
    pub(super) fn end_of_body(&mut self, stmt: StmtId, body: StmtId) -> Result<(), Trouble> {
        let toks = self.model.tree[stmt].toks;
        let inner = self.model.tree[body].toks;
        let indent = self.source.indent(toks.start);
        let deeper = format!("{indent}{}", self.unit);
        let mut continues = Vec::new();
        self.continues(body, &mut continues);
        let mut text = String::new();
        if !continues.is_empty() {
            let next = self.shared.unique("next_round");
            for stmt in continues {
                let toks = self.model.tree[stmt].toks;
                self.changes.add(At::Instead(toks), format!("goto {next};"));
            }
            text = format!("\n{next}:");
        }
        let lines = self.take(&deeper, true);
        if self.is(inner.start, "{") {
            let close = inner.end - 1;
            match self.source.starts_line(close) {
                true => {
                    let text = format!("{}{lines}\n{indent}", with_gap(&text, &self.unit, &deeper));
                    self.changes.add(At::Before(close), text);
                }
                false => self.changes.add(
                    At::Before(close),
                    format!("{text}\n{deeper}{lines}\n{indent}"),
                ),
            }
        } else {
            self.changes.add(At::Before(inner.start), "{ ");
            let text = format!("{text}\n{deeper}{lines}\n{indent}}}");
            self.changes.add(At::After(inner.end - 1), text);
        }
        Ok(())
    }

    /// The `continue`s of a loop with this body.
    pub(super) fn continues(&self, stmt: StmtId, found: &mut Vec<StmtId>) {
        match self.model.tree[stmt].kind {
            StmtKind::Continue => found.push(stmt),
            StmtKind::While { .. } | StmtKind::Do { .. } | StmtKind::For { .. } => {}
            _ => {
                for inner in self.model.tree.substatements(stmt) {
                    self.continues(inner, found);
                }
            }
        }
    }

    pub(super) fn for_loop(
        &mut self,
        stmt: StmtId,
        init: Option<StmtId>,
        cond: Option<ExprId>,
        step: Option<ExprId>,
        body: StmtId,
    ) -> Result<(), Trouble> {
        self.stmt(body, false)?;
        let mut opened = false;
        if let Some(init) = init {
            let toks = self.model.tree[init].toks;
            let text = match self.model.tree[init].kind.clone() {
                StmtKind::Decl(decl) if self.is_framed(decl) => Some(self.assignments(decl)?),
                StmtKind::Expr(expr) if self.is_hot(expr) => {
                    self.start(expr);
                    self.effect(expr)?;
                    Some(Vec::new())
                }
                _ => None,
            };
            opened = !self.lines.is_empty();
            if let Some(text) = text {
                self.changes
                    .add(At::Instead(toks), format!("{};", text.join(", ")));
            }
        }
        let before = std::mem::take(&mut self.lines);
        if let Some(step) = step.filter(|&s| self.is_hot(s)) {
            self.start(step);
            self.effect(step)?;
            self.end_of_body(stmt, body)?;
            let toks = self.model.tree[step].toks;
            self.changes.add(At::Instead(toks), " ");
        }
        if let Some(cond) = cond.filter(|&c| self.is_hot(c)) {
            let init = match init {
                Some(init) => self
                    .source
                    .render(self.model.tree[init].toks, &self.changes)?,
                None => ";".into(),
            };
            let step = match step.filter(|&s| !self.is_hot(s)) {
                Some(step) => format!(" {}", self.text(step)?),
                None => String::new(),
            };
            self.head_in_body(stmt, Some(format!("{init};{step}")), cond, body)?;
        }
        self.lines = before;
        if opened {
            self.before(stmt);
        }
        Ok(())
    }
}

fn with_gap(label: &str, unit: &str, deeper: &str) -> String {
    match label.strip_prefix('\n') {
        Some(label) => format!("{}\n{deeper}", label),
        None => unit.to_owned(),
    }
}
