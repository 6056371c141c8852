//! Statements with calls of the cycle.

use rustc_hash::{FxHashMap, FxHashSet};

use super::cycle::{Cycle, Member};
use super::source::{At, Changes, Source};
use super::{Trouble, types};
use crate::c::Symbol;
use crate::c::syntax::tree::{ExprId, StmtId, StmtKind, Tok, Toks};
use crate::c::types::{EntityId, Model};

/// What things are called in the new text.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The variable with the frame of the call at work.
    pub frame: String,
    /// The member with the number of the place to go on at.
    pub at: String,
    /// By member of the cycle: the variable with its result.
    pub results: Vec<String>,
    /// By member: the label of a call, and of one that takes over the frame.
    pub enter: Vec<String>,
    pub again: Vec<String>,
    /// By member and parameter: the variable that passes it; `None` for one without a name.
    pub pass: Vec<Vec<Option<String>>>,
    /// By member: what stands before the names of its variables.
    pub access: Vec<String>,
    /// The variables that lie in a frame.
    pub variables: FxHashMap<EntityId, String>,
    /// The label behind the last statement.
    pub leave: String,
}

/// What the members of a cycle share while they are written.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The calls need frames.
    pub frames: bool,
    /// The labels to go on at; their numbers count from 1.
    pub sites: Vec<String>,
    /// By member: a call takes over the frame.
    pub jumped: Vec<bool>,
    /// By member: declarations of values that wait for a call.
    pub values: Vec<Vec<String>>,
    /// Names that are taken.
    pub taken: FxHashSet<String>,
}

impl Shared {
    /// A place to go on at after a call of `callee`.
    pub fn site(&mut self, callee: &str) -> (usize, String) {
        let label = self.unique(&format!("after_{callee}_{}", self.sites.len() + 1));
        self.sites.push(label.clone());
        (self.sites.len(), label)
    }

    /// A name that nothing else has.
    pub fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while !self.taken.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

/// A new line.
#[derive(Debug)]
pub(super) struct Line {
    depth: usize,
    pub text: String,
    label: bool,
}

/// Writes one member of a cycle.
pub(super) struct Lowering<'a, 'u, 'b> {
    pub model: &'a Model<'u>,
    pub cycle: &'a Cycle,
    pub names: &'b Names,
    pub shared: &'b mut Shared,
    pub source: Source<'a>,
    pub changes: Changes,
    /// Which member it is.
    pub at: usize,
    /// The calls that are the last thing the function does.
    pub tails: FxHashSet<ExprId>,
    /// Variables that the expression at hand assigns to.
    pub assigned: FxHashSet<EntityId>,
    pub lines: Vec<Line>,
    depth: usize,
    /// How many values of the frame the statement at hand uses, by type.
    used: FxHashMap<String, usize>,
    /// By type: the values of the frame.
    values: FxHashMap<String, Vec<String>>,
    pub unit: String,
    /// Labels of the function that another member has, too.
    renamed: FxHashMap<Symbol, String>,
}

impl<'a, 'u, 'b> Lowering<'a, 'u, 'b> {
    pub fn new(
        model: &'a Model<'u>,
        cycle: &'a Cycle,
        names: &'b Names,
        shared: &'b mut Shared,
        source: Source<'a>,
        at: usize,
    ) -> Self {
        let unit = indentation(model, &source, cycle.members[at].function);
        Self {
            model,
            cycle,
            names,
            shared,
            source,
            changes: Changes::default(),
            at,
            tails: FxHashSet::default(),
            assigned: FxHashSet::default(),
            lines: Vec::new(),
            depth: 0,
            used: FxHashMap::default(),
            values: FxHashMap::default(),
            unit,
            renamed: FxHashMap::default(),
        }
    }

    pub(super) fn member(&self) -> &'a Member {
        &self.cycle.members[self.at]
    }

    /// Writes the body.
    pub fn body(&mut self, tails: FxHashSet<ExprId>) -> Result<(), Trouble> {
        self.tails = tails;
        let body = self.model.tree[self.member().function].body;
        for (&entity, text) in &self.names.variables {
            for &name in self.model.uses(entity) {
                let toks = self.model.tree[name].toks;
                if self.source.toks.holds(toks) {
                    self.changes.add(At::Instead(toks), text.clone());
                }
            }
        }
        if self.cycle.members.len() > 1 {
            self.labels(body);
        }
        self.stmt(body, true)
    }

    /// Gives labels names that the other members do not have.
    fn labels(&mut self, stmt: StmtId) {
        if let StmtKind::Label(name) = self.model.tree[stmt].kind {
            let text = String::from_utf8_lossy(self.model.unit.symbols.text(name)).into_owned();
            let new = self
                .shared
                .unique(&format!("{}_{text}", self.member().name));
            self.renamed.insert(name, new);
        }
        for inner in self.model.tree.substatements(stmt) {
            self.labels(inner);
        }
    }

    pub fn line(&mut self, text: String) {
        self.lines.push(Line {
            depth: self.depth,
            text,
            label: false,
        });
    }

    pub fn label(&mut self, name: String) {
        self.lines.push(Line {
            depth: 0,
            text: name,
            label: true,
        });
    }

    pub fn nested(
        &mut self,
        write: impl FnOnce(&mut Self) -> Result<(), Trouble>,
    ) -> Result<(), Trouble> {
        self.depth += 1;
        let done = write(self);
        self.depth -= 1;
        done
    }

    /// Puts braces around the lines from `start` on.
    pub fn enclose(&mut self, start: usize) {
        let depth = self.depth;
        for line in &mut self.lines[start..] {
            line.depth += 1;
        }
        let brace = |text: &str| Line {
            depth,
            text: text.into(),
            label: false,
        };
        self.lines.insert(start, brace("{"));
        self.lines.push(brace("}"));
    }

    /// A member of the frame for a value, declared as `declared` declares `value`.
    pub fn frame_value(&mut self, declared: &str) -> String {
        let used = self.used.entry(declared.to_owned()).or_default();
        let known = self.values.entry(declared.to_owned()).or_default();
        if *used == known.len() {
            let count: usize = self.shared.values[self.at].len() + 1;
            let name = self.shared.unique(&format!("value{count}"));
            let member = declared.replacen("value", &name, 1);
            self.shared.values[self.at].push(member);
            known.push(name);
        }
        let name = known[*used].clone();
        *used += 1;
        format!("{}{name}", self.names.access[self.at])
    }

    /// A declaration as that of a variable, with another name.
    pub fn declare(&self, entity: Option<EntityId>, name: &str) -> Result<String, Trouble> {
        let tok = self.source.toks.start;
        let entity = entity.ok_or_else(|| Trouble::at(tok, "a parameter has no name"))?;
        types::member(self.model, &self.source, entity, name)
    }

    /// The lines so far as text that begins in a line of its own. A label is followed by a
    /// statement: if nothing but a declaration or a brace follows, by an empty one.
    pub(super) fn take(&mut self, indent: &str, closed: bool) -> String {
        let lines = std::mem::take(&mut self.lines);
        let mut text = String::new();
        let count = lines.len();
        for (at, line) in lines.into_iter().enumerate() {
            if at > 0 || line.label {
                text.push('\n');
            }
            if line.label {
                text.push_str(&line.text);
                text.push(':');
                if closed && at + 1 == count {
                    text.push(';');
                }
                continue;
            }
            if at > 0 {
                text.push_str(indent);
                text.push_str(&self.unit.repeat(line.depth));
            }
            text.push_str(&line.text);
        }
        text
    }

    pub(super) fn start(&mut self, expr: ExprId) {
        self.used.clear();
        self.begin(expr);
    }

    pub(super) fn in_block(&self, stmt: StmtId) -> bool {
        let block = self.model.block_of(stmt);
        block.is_some_and(|block| self.is(self.model.tree[block].toks.start, "{"))
    }

    pub fn is(&self, tok: Tok, text: &str) -> bool {
        self.model.unit.text(&self.model.unit.tokens[tok]) == text.as_bytes()
    }

    /// The lines instead of a statement.
    pub(super) fn replace(&mut self, stmt: StmtId) {
        let toks = self.model.tree[stmt].toks;
        let mut indent = self.source.indent(toks.start);
        let alone = self.lines.len() <= 1 || self.in_block(stmt);
        if alone {
            let text = self.take(&indent, true);
            self.changes.add(At::Instead(toks), text);
            return;
        }
        let own_line = self.source.starts_line(toks.start);
        let outer = match own_line {
            true => indent
                .strip_suffix(&self.unit)
                .unwrap_or(&indent)
                .to_owned(),
            false => indent.clone(),
        };
        if !own_line {
            indent.push_str(&self.unit);
        }
        let text = self.take(&indent, true);
        match own_line && self.opens(toks.start) {
            true => {
                self.changes
                    .add(At::Instead(toks), format!("{text}\n{outer}}}"));
                self.changes.add(At::After(toks.start - 1), " {");
            }
            false => self
                .changes
                .add(At::Instead(toks), format!("{{\n{indent}{text}\n{outer}}}")),
        }
    }

    /// Whether a brace before a statement belongs on the line of what it belongs to: that is how
    /// the function has them.
    fn opens(&self, tok: Tok) -> bool {
        let toks = self.source.toks;
        let body = self.model.tree[self.member().function].body;
        let body = self.model.tree[body].toks.start;
        let mut braces = (body + 1..toks.end).filter(|&t| self.is(t, "{"));
        let before = self.model.unit.tokens[tok - 1];
        before.expansion.is_none() && braces.next().is_none_or(|b| !self.source.starts_line(b))
    }

    /// The lines before a statement, whose own changes are done.
    pub(super) fn before(&mut self, stmt: StmtId) {
        if self.lines.is_empty() {
            return;
        }
        let toks = self.model.tree[stmt].toks;
        let indent = self.source.indent(toks.start);
        let text = self.take(&indent, false);
        if self.in_block(stmt) {
            let text = format!("{text}\n{indent}");
            self.changes.add(At::Before(toks.start), text);
        } else {
            let text = format!("{{\n{indent}{text}\n{indent}");
            self.changes.add(At::Before(toks.start), text);
            self.changes
                .add(At::After(toks.end - 1), format!("\n{indent}}}"));
        }
    }

    pub(super) fn stmt(&mut self, stmt: StmtId, last: bool) -> Result<(), Trouble> {
        let toks = self.model.tree[stmt].toks;
        match self.model.tree[stmt].kind.clone() {
            StmtKind::Block(list) => {
                let braces = self.is(toks.start, "{");
                for (at, &inner) in list.iter().enumerate() {
                    self.stmt(inner, last && at + 1 == list.len())?;
                }
                let called = { list.iter() }.any(|&s| self.changes_statement(s));
                if !braces && called {
                    self.changes.add(At::Before(toks.start), "{ ");
                    self.changes.add(At::After(toks.end - 1), " }");
                }
            }
            StmtKind::Expr(expr) if self.is_hot(expr) => {
                self.start(expr);
                match self.member().is_void(self.model) {
                    true => self.tail_effect(expr)?,
                    false => self.effect(expr)?,
                }
                self.replace(stmt);
            }
            StmtKind::Decl(decl) => self.decl(stmt, decl)?,
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.head(stmt, cond)?;
                self.stmt(then, last)?;
                if let Some((_, otherwise)) = otherwise {
                    self.stmt(otherwise, last)?;
                }
                self.finish(stmt);
            }
            StmtKind::Switch { value, body } => {
                self.head(stmt, value)?;
                self.stmt(body, false)?;
                self.finish(stmt);
            }
            StmtKind::While { cond, body } if self.is_hot(cond) => {
                self.stmt(body, false)?;
                self.head_in_body(stmt, None, cond, body)?;
            }
            StmtKind::While { body, .. } => self.stmt(body, false)?,
            StmtKind::Do { body, cond, .. } => {
                self.stmt(body, false)?;
                if self.is_hot(cond) {
                    self.start(cond);
                    let text = self.value(cond)?;
                    self.changes
                        .add(At::Instead(self.model.tree[cond].toks), text);
                    self.end_of_body(stmt, body)?;
                }
            }
            StmtKind::For {
                init,
                cond,
                step,
                body,
                ..
            } => self.for_loop(stmt, init, cond, step, body)?,
            StmtKind::Return(value) => self.returns(stmt, value, last)?,
            StmtKind::Label(name) => {
                if let Some(new) = self.renamed.get(&name) {
                    let label = Toks::new(toks.start, toks.start + 1);
                    self.changes.add(At::Instead(label), new.clone());
                }
            }
            StmtKind::Goto(name) => {
                if let Some(new) = self.renamed.get(&name) {
                    let label = Toks::new(toks.start + 1, toks.start + 2);
                    self.changes.add(At::Instead(label), new.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a statement becomes several.
    fn changes_statement(&self, stmt: StmtId) -> bool {
        let toks = self.model.tree[stmt].toks;
        let mut calls = self.cycle.calls.keys();
        let returns = matches!(self.model.tree[stmt].kind, StmtKind::Return(_));
        returns || calls.any(|&c| toks.holds(self.model.tree[c].toks))
    }

    /// The condition of a statement. Its lines wait for [`Self::finish`].
    fn head(&mut self, stmt: StmtId, cond: ExprId) -> Result<(), Trouble> {
        if !self.is_hot(cond) {
            return Ok(());
        }
        self.start(cond);
        let text = self.value(cond)?;
        self.changes
            .add(At::Instead(self.model.tree[cond].toks), text);
        let toks = self.model.tree[stmt].toks;
        let indent = self.source.indent(toks.start);
        let lines = self.take(&indent, false);
        let text = match self.in_block(stmt) {
            true => format!("{lines}\n{indent}"),
            false => format!("{{\n{indent}{lines}\n{indent}"),
        };
        self.changes.add(At::Before(toks.start), text);
        Ok(())
    }

    fn finish(&mut self, stmt: StmtId) {
        let (StmtKind::If { cond, .. } | StmtKind::Switch { value: cond, .. }) =
            self.model.tree[stmt].kind
        else {
            return;
        };
        if self.is_hot(cond) && !self.in_block(stmt) {
            let toks = self.model.tree[stmt].toks;
            let indent = self.source.indent(toks.start);
            self.changes
                .add(At::After(toks.end - 1), format!("\n{indent}}}"));
        }
    }
}

/// What a level of indentation is in a function.
fn indentation(
    model: &Model,
    source: &Source,
    function: crate::c::syntax::tree::FunctionId,
) -> String {
    let body = model.tree[function].body;
    let first = match &model.tree[body].kind {
        StmtKind::Block(list) => list.first(),
        _ => None,
    };
    let outer = source.indent(source.toks.start);
    let inner = first.map(|&s| model.tree[s].toks.start);
    let inner = inner.filter(|&t| source.starts_line(t));
    let inner = inner.map(|t| source.indent(t));
    let inner = inner.and_then(|i| i.strip_prefix(outer.as_str()).map(str::to_owned));
    inner
        .filter(|i| !i.is_empty())
        .unwrap_or_else(|| "\t".into())
}
