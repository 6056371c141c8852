//! Declarations of variables that lie in the frame, and of those that calls are the values of.

use super::Trouble;
use super::lower::Lowering;
use super::source::At;
use super::types;
use crate::c::syntax::tree::{DeclId, ExprId, ExprKind, StmtId};
use crate::c::types::{EntityId, Type};

impl Lowering<'_, '_, '_> {
    /// Whether the variables of a declaration lie in the frame.
    pub(super) fn is_framed(&self, decl: DeclId) -> bool {
        let declared = self.model.tree[decl].declarators.iter();
        let mut declared = declared.filter_map(|&d| self.model.declares(d));
        declared.any(|e| self.cycle.framed.contains(&e))
    }

    pub(super) fn decl(&mut self, stmt: StmtId, decl: DeclId) -> Result<(), Trouble> {
        let list = self.model.tree[decl].declarators.clone();
        if self.is_framed(decl) {
            let assignments = self.assignments(decl)?;
            for assignment in assignments {
                self.line(format!("{assignment};"));
            }
            if self.lines.is_empty() {
                let toks = self.model.tree[stmt].toks;
                self.changes.add(At::Instead(toks), "");
            } else {
                self.replace(stmt);
            }
            return Ok(());
        }
        let hot = |d: &&crate::c::syntax::tree::DeclaratorId| {
            self.model.tree[**d].init.is_some_and(|i| self.is_hot(i))
        };
        let hot: Vec<_> = list.iter().filter(hot).copied().collect();
        if hot.is_empty() {
            return Ok(());
        }
        if hot.len() > 1 || list[0] != hot[0] {
            let tok = self.model.tree[stmt].toks.start;
            return Err(Trouble::at(
                tok,
                "a declaration mixes calls with other values",
            ));
        }
        if let Some(init) = self.model.tree[hot[0]].init {
            self.start(init);
            self.prepare(init)?;
            let toks = self.model.tree[stmt].toks;
            let indent = self.source.indent(toks.start);
            let lines = self.take(&indent, true);
            let text = self.source.render(toks, &self.changes)?;
            self.changes
                .add(At::Instead(toks), format!("{lines}\n{indent}{text}"));
        }
        Ok(())
    }

    /// What a declaration of variables in the frame does: the last assignments, as far as they are
    /// expressions; what comes before them in lines.
    pub(super) fn assignments(&mut self, decl: DeclId) -> Result<Vec<String>, Trouble> {
        let mut made: Vec<String> = Vec::new();
        for declarator in self.model.tree[decl].declarators.clone() {
            let Some(init) = self.model.tree[declarator].init else {
                continue;
            };
            let Some(entity) = self.model.declares(declarator) else {
                continue;
            };
            let Some(place) = self.names.variables.get(&entity).cloned() else {
                continue;
            };
            self.start(init);
            let ty = self.model[entity].ty;
            let list = matches!(self.model.tree[init].kind, ExprKind::List(_));
            if self.is_hot(init) || self.model.is_array(ty) {
                // What stands before it happens before it.
                for text in made.drain(..) {
                    self.line(format!("{text};"));
                }
            }
            let value = self.value(init)?;
            if self.model.is_array(ty) {
                self.fill(entity, init, &place, &value)?;
                continue;
            }
            let value = match (list, &self.model[ty]) {
                (true, Type::Record(_)) => {
                    let cast = types::declare(self.model, ty, "").ok_or_else(|| {
                        let tok = self.model.tree[init].toks.start;
                        Trouble::at(tok, "the type of a structure has no name here")
                    })?;
                    format!("({cast}){value}")
                }
                // `int x = {0}`
                (true, _) => value.trim_matches(['{', '}', ' ']).to_owned(),
                _ => value,
            };
            made.push(format!("{place} = {value}"));
        }
        Ok(made)
    }

    /// An array in the frame gets its first values.
    pub(super) fn fill(
        &mut self,
        entity: EntityId,
        init: ExprId,
        place: &str,
        value: &str,
    ) -> Result<(), Trouble> {
        let zero = match &self.model.tree[init].kind {
            ExprKind::List(list) => match list.as_slice() {
                [] => true,
                [one] => one.designators.is_empty() && self.model.is_zero(one.value),
                _ => false,
            },
            _ => false,
        };
        if zero {
            self.line(format!("memset({place}, 0, sizeof({place}));"));
            return Ok(());
        }
        let name = String::from_utf8_lossy(self.model.unit.symbols.text(self.model[entity].name));
        let first = format!("{name}_first");
        let start = self.lines.len();
        let declared = self.declare(Some(entity), &first)?;
        self.line(format!("{declared} = {value};"));
        self.line(format!("memcpy({place}, {first}, sizeof({place}));"));
        self.enclose(start);
        Ok(())
    }
}
