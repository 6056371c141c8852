//! The steps of a function and where each can lead.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::text::Text;
use crate::c::Symbol;
use crate::c::syntax::tree::{DeclId, ExprId, ExprKind, FunctionId, StmtId, StmtKind, Toks, Tree};
use crate::c::types::{EntityId, Model};

/// What a step does.
#[derive(Clone, Debug)]
pub enum Op {
    /// Nothing.
    Pass,
    /// Evaluates an expression.
    Expr(ExprId),
    /// Declares variables.
    Decl(DeclId),
    /// Goes on with the first of the next steps where the expression is true, else the second.
    Cond(ExprId),
    /// Goes on with any of the next steps.
    Switch(ExprId),
    /// Leaves the function; what stands after the value are the scopes that end then.
    Return(Option<ExprId>, Vec<usize>),
    /// These scopes end, the innermost first.
    Leave(Vec<usize>),
    /// A statement that a macro makes has ended: here stand the checks of what it allocated.
    Check,
    /// Something that could not be read.
    Unread,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step {
    /// What it does.
    pub op: Op,
    /// The statement, or the head of one, that stands in the file.
    pub here: Toks,
    /// A check can stand after it.
    pub checks: bool,
    /// Where it leads.
    pub next: Vec<usize>,
}

/// A statement expression.
#[derive(Clone, Debug)]
pub struct Inner {
    /// Its steps.
    pub steps: Range<usize>,
    /// The step after the last; `None` if that is not reached.
    pub exit: Option<usize>,
    /// What it evaluates to.
    pub value: Option<ExprId>,
    /// Its scope.
    pub scope: usize,
}

/// The variables of a block.
#[derive(Clone, Debug, Default)]
pub struct Scope {
    outer: Option<usize>,
    /// Its variables, in order.
    pub variables: Vec<EntityId>,
}

/// A function as steps.
#[derive(Debug, Default)]
pub struct Graph {
    /// The steps; the first is where the function begins.
    pub steps: Vec<Step>,
    /// Its statement expressions, by their block.
    pub inner: HashMap<StmtId, Inner>,
    /// Its scopes.
    pub scopes: Vec<Scope>,
    /// By step: from how many others it is reached.
    pub reached: Vec<u32>,
    /// The step after the last, if that is reached.
    pub end: Option<usize>,
}

/// Where `break` and `continue` lead.
#[derive(Clone, Copy)]
struct Loop {
    out: usize,
    again: Option<usize>,
    scope: usize,
}

struct Builder<'a, 'u> {
    model: &'a Model<'u>,
    tree: &'a Tree,
    text: &'a Text<'a>,
    graph: Graph,
    at: Option<usize>,
    scope: usize,
    loops: Vec<Loop>,
    switches: Vec<(usize, bool)>,
    labels: HashMap<Symbol, (usize, usize)>,
    jumps: Vec<(usize, Symbol, usize)>,
    /// All labels whose address is taken are reached by computed jumps.
    computed: Vec<usize>,
    here: Toks,
    clean: HashSet<StmtId>,
}

impl Graph {
    /// The steps of a function. Linear in its length.
    pub fn new(model: &Model, text: &Text, function: FunctionId) -> Self {
        let tree = &model.tree;
        let body = tree[function].body;
        let mut builder = Builder {
            model,
            tree,
            text,
            graph: Self::default(),
            at: None,
            scope: 0,
            loops: Vec::new(),
            switches: Vec::new(),
            labels: HashMap::new(),
            jumps: Vec::new(),
            computed: Vec::new(),
            here: tree[body].toks,
            clean: HashSet::new(),
        };
        builder.graph.scopes.push(Scope::default());
        let start = builder.add(Op::Pass, false);
        builder.at = Some(start);
        builder.stmt(body);
        let mut graph = builder.finish();
        graph.reached = vec![0; graph.steps.len()];
        graph.reached[0] = 1;
        for step in &graph.steps {
            for &next in &step.next {
                graph.reached[next] += 1;
            }
        }
        graph
    }

    /// A scope and those around it, up to one that is not left.
    fn left(&self, from: usize, to: usize) -> Vec<usize> {
        let around: HashSet<usize> =
            std::iter::successors(Some(to), |&s| self.scopes[s].outer).collect();
        std::iter::successors(Some(from), |&s| self.scopes[s].outer)
            .take_while(|s| !around.contains(s))
            .collect()
    }
}

impl Builder<'_, '_> {
    fn add(&mut self, op: Op, checks: bool) -> usize {
        self.graph.steps.push(Step {
            op,
            here: self.here,
            checks,
            next: Vec::new(),
        });
        self.graph.steps.len() - 1
    }

    fn link(&mut self, from: Option<usize>, to: usize) {
        if let Some(from) = from {
            self.graph.steps[from].next.push(to);
        }
    }

    /// Adds a step after the current one and goes on there.
    fn step(&mut self, op: Op, checks: bool) -> usize {
        let step = self.add(op, checks);
        self.link(self.at, step);
        self.at = Some(step);
        step
    }

    fn open(&mut self) -> usize {
        let outer = self.scope;
        self.graph.scopes.push(Scope {
            outer: Some(outer),
            variables: Vec::new(),
        });
        self.scope = self.graph.scopes.len() - 1;
        outer
    }

    fn close(&mut self, outer: usize) {
        let left = std::mem::replace(&mut self.scope, outer);
        if self.at.is_some() && !self.graph.scopes[left].variables.is_empty() {
            self.step(Op::Leave(vec![left]), false);
        }
    }

    /// Jumps from here to a step in another scope.
    fn jump(&mut self, to: usize, scope: usize) {
        let left = self.graph.left(self.scope, scope);
        if self.at.is_some() && !left.is_empty() {
            self.step(Op::Leave(left), false);
        }
        self.link(self.at, to);
        self.at = None;
    }

    /// Builds the statement expressions in an expression.
    fn prepare(&mut self, expr: ExprId) {
        if let ExprKind::Statements(block) = self.tree[expr].kind {
            self.inner(block);
            return;
        }
        for part in self.tree.operands(expr) {
            self.prepare(part);
        }
    }

    fn inner(&mut self, block: StmtId) {
        let outer_at = self.at.take();
        let outer = self.open();
        let start = self.add(Op::Pass, false);
        self.at = Some(start);
        let mut value = None;
        if let StmtKind::Block(list) = &self.tree[block].kind {
            let last = list
                .iter()
                .rposition(|&s| !matches!(self.tree[s].kind, StmtKind::Empty));
            for (index, &stmt) in list.iter().enumerate() {
                match self.tree[stmt].kind {
                    StmtKind::Expr(expr) if Some(index) == last => {
                        self.prepare(expr);
                        value = Some(expr);
                    }
                    _ => self.stmt(stmt),
                }
            }
        }
        let exit = self.at.map(|_| self.step(Op::Pass, false));
        let scope = std::mem::replace(&mut self.scope, outer);
        self.at = outer_at;
        let inner = Inner {
            steps: start..self.graph.steps.len(),
            exit,
            value,
            scope,
        };
        self.graph.inner.insert(block, inner);
    }

    fn decl(&mut self, decl: DeclId) {
        for &declarator in &self.tree[decl].declarators {
            if let Some(init) = self.tree[declarator].init {
                self.prepare(init);
            }
            if let Some(entity) = self.model.declares(declarator) {
                let scope = self.scope;
                self.graph.scopes[scope].variables.push(entity);
            }
        }
    }

    /// A statement, and what a macro that makes it checks after it.
    fn stmt(&mut self, stmt: StmtId) {
        let outer = self.here;
        let toks = self.tree[stmt].toks;
        let clean = self.text.statement(toks).is_some();
        if clean {
            self.here = toks;
            self.clean.insert(stmt);
        }
        if self.tree[stmt].broken && matches!(self.tree[stmt].kind, StmtKind::Empty) {
            self.step(Op::Unread, false);
        } else {
            self.kind(stmt, clean);
        }
        let made = clean
            && self
                .tree
                .substatements(stmt)
                .iter()
                .any(|s| !self.clean.contains(s));
        if made && self.at.is_some() {
            self.here = toks;
            self.step(Op::Check, true);
        }
        self.here = outer;
    }

    /// Evaluates the head of a statement.
    fn head(&mut self, expr: ExprId, clean: bool) {
        self.prepare(expr);
        if clean && self.text.span(self.tree[expr].toks).is_some() {
            self.here = self.tree[expr].toks;
        }
    }

    fn kind(&mut self, stmt: StmtId, clean: bool) {
        match &self.tree[stmt].kind {
            StmtKind::Empty | StmtKind::Function(_) => {}
            &StmtKind::Expr(expr) => {
                self.prepare(expr);
                self.step(Op::Expr(expr), clean);
            }
            &StmtKind::Decl(decl) => {
                self.decl(decl);
                self.step(Op::Decl(decl), clean);
            }
            StmtKind::Block(list) => {
                let outer = self.open();
                for &inner in list {
                    self.stmt(inner);
                }
                self.close(outer);
            }
            &StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.head(cond, clean);
                let fork = self.step(Op::Cond(cond), false);
                let yes = self.add(Op::Pass, false);
                let no = self.add(Op::Pass, false);
                self.graph.steps[fork].next.extend([yes, no]);
                self.at = Some(yes);
                self.stmt(then);
                let first = self.at;
                self.at = Some(no);
                if let Some((_, otherwise)) = otherwise {
                    self.stmt(otherwise);
                }
                self.meet(first);
            }
            &StmtKind::While { cond, body } => {
                let head = self.step(Op::Pass, false);
                let here = self.here;
                self.head(cond, clean);
                let fork = self.step(Op::Cond(cond), false);
                self.here = here;
                let (into, out) = (self.add(Op::Pass, false), self.add(Op::Pass, false));
                self.graph.steps[fork].next.extend([into, out]);
                self.at = Some(into);
                self.body(body, out, head);
                self.link(self.at, head);
                self.at = Some(out);
            }
            &StmtKind::Do { body, cond, .. } => {
                let head = self.step(Op::Pass, false);
                let (again, out) = (self.add(Op::Pass, false), self.add(Op::Pass, false));
                self.body(body, out, again);
                self.link(self.at, again);
                self.at = Some(again);
                self.head(cond, clean);
                let fork = self.step(Op::Cond(cond), false);
                self.graph.steps[fork].next.extend([head, out]);
                self.at = Some(out);
            }
            &StmtKind::For {
                init,
                cond,
                step,
                body,
                ..
            } => {
                let outer = self.open();
                let here = self.here;
                if let Some(init) = init {
                    self.stmt(init);
                }
                let head = self.step(Op::Pass, false);
                let (into, out) = (self.add(Op::Pass, false), self.add(Op::Pass, false));
                let again = self.add(Op::Pass, false);
                match cond {
                    Some(cond) => {
                        self.head(cond, clean);
                        let fork = self.step(Op::Cond(cond), false);
                        self.graph.steps[fork].next.extend([into, out]);
                    }
                    None => self.link(self.at, into),
                }
                self.here = here;
                self.at = Some(into);
                self.body(body, out, again);
                self.link(self.at, again);
                self.at = Some(again);
                if let Some(step) = step {
                    self.head(step, clean);
                    self.step(Op::Expr(step), false);
                }
                self.link(self.at, head);
                self.here = here;
                self.at = Some(out);
                self.close(outer);
            }
            &StmtKind::Switch { value, body } => {
                self.head(value, clean);
                let fork = self.step(Op::Switch(value), false);
                let out = self.add(Op::Pass, false);
                self.switches.push((fork, false));
                self.at = None;
                self.loops.push(Loop {
                    out,
                    again: None,
                    scope: self.scope,
                });
                self.stmt(body);
                self.loops.pop();
                self.link(self.at, out);
                if let Some((fork, false)) = self.switches.pop() {
                    self.graph.steps[fork].next.push(out);
                }
                self.at = Some(out);
            }
            &StmtKind::Case { value, .. } => {
                let label = self.step(Op::Pass, false);
                if let Some((fork, has_default)) = self.switches.last_mut() {
                    *has_default |= value.is_none();
                    let fork = *fork;
                    self.graph.steps[fork].next.push(label);
                }
            }
            &StmtKind::Label(name) => {
                let label = self.step(Op::Pass, false);
                self.labels.insert(name, (label, self.scope));
            }
            &StmtKind::Goto(name) => {
                if let Some(at) = self.at.take() {
                    self.jumps.push((at, name, self.scope));
                }
            }
            &StmtKind::GotoComputed(expr) => {
                self.prepare(expr);
                let step = self.step(Op::Expr(expr), false);
                self.computed.push(step);
                self.at = None;
            }
            StmtKind::Break => match self.loops.last().copied() {
                Some(inner) => self.jump(inner.out, inner.scope),
                None => self.at = None,
            },
            StmtKind::Continue => {
                let inner = self
                    .loops
                    .iter()
                    .rev()
                    .find_map(|l| Some((l.again?, l.scope)));
                match inner {
                    Some((again, scope)) => self.jump(again, scope),
                    None => self.at = None,
                }
            }
            &StmtKind::Return(value) => {
                if let Some(value) = value {
                    self.prepare(value);
                }
                let scopes =
                    std::iter::successors(Some(self.scope), |&s| self.graph.scopes[s].outer);
                let scopes = scopes.collect();
                self.step(Op::Return(value, scopes), false);
                self.at = None;
            }
        }
    }

    fn body(&mut self, body: StmtId, out: usize, again: usize) {
        self.loops.push(Loop {
            out,
            again: Some(again),
            scope: self.scope,
        });
        self.stmt(body);
        self.loops.pop();
    }

    /// Goes on where this way and another one meet.
    fn meet(&mut self, other: Option<usize>) {
        match (self.at, other) {
            (Some(_), Some(_)) => {
                let meeting = self.step(Op::Pass, false);
                self.link(other, meeting);
            }
            (None, Some(other)) => self.at = Some(other),
            _ => {}
        }
    }

    fn finish(mut self) -> Graph {
        self.graph.end = self.at;
        for (from, name, scope) in std::mem::take(&mut self.jumps) {
            let Some(&(label, target)) = self.labels.get(&name) else {
                continue;
            };
            // Steps of a statement expression stay together.
            let together =
                |inner: &Inner| inner.steps.contains(&from) && inner.steps.contains(&label);
            if self.graph.inner.values().any(together) {
                self.link(Some(from), label);
                continue;
            }
            self.at = Some(from);
            self.scope = scope;
            self.jump(label, target);
        }
        let labels: Vec<(usize, usize)> = self.labels.values().copied().collect();
        for from in std::mem::take(&mut self.computed) {
            for &(label, _) in &labels {
                self.link(Some(from), label);
            }
        }
        self.graph
    }
}
