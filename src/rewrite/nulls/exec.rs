//! What statements do: each takes the paths that reach it and returns those that go on behind it.

use std::collections::BTreeMap;

use super::super::ast::{Expr, ExprKind, Stmt, StmtKind};
use super::flow::{Check, Flow, ROUNDS};
use super::value::{Fate, State, Value, join};
use crate::c::Span;

impl Flow<'_> {
    /// Follows a statement.
    pub fn exec(&mut self, stmt: &Stmt, states: Vec<State>) -> Vec<State> {
        let states = self.merge(states);
        if stmt.broken && matches!(stmt.kind, StmtKind::Empty) {
            // Whatever it was, it may have checked and kept everything.
            return states.into_iter().map(|st| forget_all(&st)).collect();
        }
        let outer = self.here;
        self.here = match &stmt.kind {
            StmtKind::If { cond, .. }
            | StmtKind::While { cond, .. }
            | StmtKind::DoWhile { cond, .. } => cond.span,
            StmtKind::Switch { value, .. } => value.span,
            _ => stmt.span,
        };
        let here = if self.frame.is_some() {
            outer
        } else {
            self.here
        };
        self.here = here;
        let rest = self.exec_kind(stmt, states, here);
        self.here = outer;
        rest
    }

    fn exec_kind(&mut self, stmt: &Stmt, states: Vec<State>, here: Span) -> Vec<State> {
        match &stmt.kind {
            StmtKind::Empty => states,
            StmtKind::Expr(e) => {
                let rest = self.effects(e, states);
                self.leave_checked(here, rest)
            }
            StmtKind::Decl(list) => {
                let rest = self.declare(list, states);
                self.leave_checked(here, rest)
            }
            StmtKind::Block(list) => {
                let rest = self.list(list, states);
                self.close_scope(list, rest)
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                let (yes, no) = self.split(cond, states);
                let mut rest = self.exec(then, yes);
                rest.extend(match otherwise {
                    Some(stmt) => self.exec(stmt, no),
                    None => no,
                });
                self.merge(rest)
            }
            StmtKind::While { cond, body } => self.repeat(states, Some(cond), None, body, here),
            StmtKind::DoWhile { body, cond } => {
                self.breaks.push(Vec::new());
                self.continues.push(Vec::new());
                let mut once = self.exec(body, states);
                once.extend(self.continues.pop().unwrap_or_default());
                let broken = self.breaks.pop().unwrap_or_default();
                self.here = here;
                let (again, mut rest) = self.split(cond, self.merge(once));
                rest.extend(broken);
                if !again.is_empty() && !matches!(cond.kind, ExprKind::Number(Some(0))) {
                    rest.extend(self.repeat(again, Some(cond), None, body, here));
                }
                self.merge(rest)
            }
            StmtKind::For {
                init,
                cond,
                step,
                body,
            } => {
                let states = match init {
                    Some(init) => self.exec(init, states),
                    None => states,
                };
                let rest = self.repeat(states, cond.as_ref(), step.as_ref(), body, here);
                match init {
                    Some(init) => self.close_scope(std::slice::from_ref(init), rest),
                    None => rest,
                }
            }
            StmtKind::Switch { value, body } => self.switch(value, body, states),
            StmtKind::Case { value, body } => {
                let mut states = states;
                if let Some((entries, has_default)) = self.cases.last_mut() {
                    *has_default |= value.is_none();
                    states.extend(entries.iter().cloned());
                }
                self.list(body, self.merge(states))
            }
            StmtKind::Label { name, body } => {
                let mut states = states;
                if let Some(jumps) = self.labels.get(name) {
                    states.extend(jumps.iter().cloned());
                }
                self.labels.entry(name.clone()).or_default();
                match body {
                    Some(body) => self.exec(body, self.merge(states)),
                    None => states,
                }
            }
            StmtKind::Goto(Some(name)) => {
                let mut jumps = self.labels.remove(name).unwrap_or_default();
                jumps.extend(states);
                if jumps.len() > 2 * self.effort.paths {
                    jumps = self.merge(jumps);
                }
                self.labels.insert(name.clone(), jumps);
                Vec::new()
            }
            StmtKind::Goto(None) => Vec::new(),
            StmtKind::Break => {
                match self.breaks.last_mut() {
                    Some(breaks) => breaks.extend(states),
                    None => return states,
                }
                Vec::new()
            }
            StmtKind::Continue => {
                match self.continues.last_mut() {
                    Some(continues) => continues.extend(states),
                    None => return states,
                }
                Vec::new()
            }
            StmtKind::Return(value) => {
                match value {
                    Some(value) => {
                        for (mut st, value) in self.each(value, states) {
                            self.escape(&mut st, &value);
                            self.exits.push((st, value));
                        }
                    }
                    None => self
                        .exits
                        .extend(states.into_iter().map(|st| (st, Value::unknown()))),
                }
                Vec::new()
            }
        }
    }

    fn list(&mut self, list: &[Stmt], mut states: Vec<State>) -> Vec<State> {
        for stmt in list {
            states = self.exec(stmt, states);
        }
        states
    }

    fn split(&mut self, cond: &Expr, states: Vec<State>) -> super::cond::Split {
        let mut split = super::cond::Split::default();
        for st in states {
            let (yes, no) = self.cond(cond, st);
            split.0.extend(yes);
            split.1.extend(no);
        }
        (self.merge(split.0), self.merge(split.1))
    }

    /// A loop whose condition stands before its body.
    fn repeat(
        &mut self,
        states: Vec<State>,
        cond: Option<&Expr>,
        step: Option<&Expr>,
        body: &Stmt,
        here: Span,
    ) -> Vec<State> {
        let mut seen: Vec<State> = Vec::new();
        let mut fresh = states;
        let mut rest = Vec::new();
        for round in 0..=ROUNDS {
            fresh.retain(|st| !seen.contains(st));
            if fresh.is_empty() {
                break;
            }
            if round == ROUNDS {
                // No end in sight: one path that stands for all of them.
                fresh = join(std::mem::take(&mut fresh)).into_iter().collect();
            }
            seen.extend(fresh.iter().cloned());
            self.here = here;
            let (again, done) = match cond {
                Some(cond) => self.split(cond, fresh),
                None => (fresh, Vec::new()),
            };
            rest.extend(done);
            self.breaks.push(Vec::new());
            self.continues.push(Vec::new());
            let mut next = self.exec(body, again);
            next.extend(self.continues.pop().unwrap_or_default());
            rest.extend(self.breaks.pop().unwrap_or_default());
            self.here = here;
            fresh = match step {
                Some(step) => self.effects(step, self.merge(next)),
                None => self.merge(next),
            };
        }
        // The last round may have left by its condition too.
        if let Some(cond) = cond {
            rest.extend(self.split(cond, fresh).1);
        }
        self.merge(rest)
    }

    fn switch(&mut self, value: &Expr, body: &Stmt, states: Vec<State>) -> Vec<State> {
        let entries = self.effects(value, states);
        self.cases.push((entries.clone(), false));
        self.breaks.push(Vec::new());
        let mut rest = self.exec(body, Vec::new());
        rest.extend(self.breaks.pop().unwrap_or_default());
        if let Some((_, false)) = self.cases.pop() {
            rest.extend(entries);
        }
        self.merge(rest)
    }

    fn declare(
        &mut self,
        list: &[super::super::ast::Declarator],
        mut states: Vec<State>,
    ) -> Vec<State> {
        for declarator in list {
            if self.frame.is_some() {
                self.hidden.insert(declarator.name.clone());
            }
            if !declarator.lasting {
                self.locals.insert(declarator.name.clone());
            }
            if declarator.array {
                self.arrays.insert(declarator.name.clone());
            }
            let variable = Expr {
                span: declarator.span,
                kind: ExprKind::Name(declarator.name.clone()),
            };
            let mut next = Vec::new();
            for mut st in states {
                st.forget(&declarator.name);
                match declarator.init.as_ref().filter(|_| !declarator.lasting) {
                    None => next.push(st),
                    Some(Expr {
                        kind: ExprKind::List(parts),
                        ..
                    }) => next.extend(self.fields(declarator, parts, st)),
                    Some(init) => {
                        for (mut st, value) in self.eval(init, st) {
                            self.store(&variable, &mut st, &value);
                            next.push(st);
                        }
                    }
                }
            }
            states = self.merge(next);
        }
        states
    }

    /// `struct s s = { .f = value }`
    fn fields(
        &mut self,
        declarator: &super::super::ast::Declarator,
        parts: &[(Option<String>, Expr)],
        st: State,
    ) -> Vec<State> {
        let mut states = vec![st];
        for (field, part) in parts {
            let mut next = Vec::new();
            for (mut st, value) in self.each(part, states) {
                match field {
                    Some(field) => {
                        let whole = Expr {
                            span: declarator.span,
                            kind: ExprKind::Name(declarator.name.clone()),
                        };
                        let member = Expr {
                            span: declarator.span,
                            kind: ExprKind::Member(Box::new(whole), false, field.clone()),
                        };
                        self.store(&member, &mut st, &value);
                    }
                    None => self.escape(&mut st, &value),
                }
                next.push(st);
            }
            states = next;
        }
        states
    }

    /// Variables of a block are gone behind it.
    fn close_scope(&mut self, list: &[Stmt], mut states: Vec<State>) -> Vec<State> {
        for stmt in list {
            let StmtKind::Decl(declarators) = &stmt.kind else {
                continue;
            };
            for declarator in declarators {
                for st in &mut states {
                    st.forget(&declarator.name);
                }
            }
        }
        self.merge(states)
    }

    /// Where a check counts as inserted behind this statement, the paths on which it fires leave.
    fn leave_checked(&mut self, here: Span, states: Vec<State>) -> Vec<State> {
        if self.frame.is_some() {
            return states;
        }
        let mut rest = Vec::new();
        for st in states {
            let fires = self.checked.iter().find(|&(&site, &check)| {
                let span = self.sites[site as usize].span;
                check == Check::Behind
                    && st.fates.get(&site) == Some(&Fate::Failed)
                    && here.start <= span.start
                    && span.end <= here.end
            });
            match fires {
                Some((&site, _)) => self.leaving.entry(site).or_default().push(st),
                None => rest.push(st),
            }
        }
        rest
    }

    /// The value of a statement expression: that of its last statement.
    pub fn block_value(&mut self, block: &Stmt, st: State) -> Vec<(State, Value)> {
        let StmtKind::Block(list) = &block.kind else {
            return super::eval::with(self.exec(block, vec![st]), &Value::unknown());
        };
        let last = list
            .iter()
            .rposition(|stmt| !matches!(stmt.kind, StmtKind::Empty));
        match last.map(|last| (last, &list[last].kind)) {
            Some((last, StmtKind::Expr(e))) => {
                let states = self.list(&list[..last], vec![st]);
                let results = self.each(e, states);
                results
                    .into_iter()
                    .flat_map(|(st, value)| {
                        super::eval::with(self.close_scope(list, vec![st]), &value)
                    })
                    .collect()
            }
            _ => super::eval::with(self.exec(block, vec![st]), &Value::unknown()),
        }
    }
}

/// Nothing is known any more, and no block is ours for sure.
fn forget_all(st: &State) -> State {
    State {
        env: BTreeMap::new(),
        fates: st.fates.keys().map(|site| (*site, Fate::Escaped)).collect(),
    }
}
