//! Which variables a function still needs after a call.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::c::Symbol;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, StmtId, StmtKind, Unary};
use crate::c::types::{EntityId, Model, Type};

/// What happens, and what can happen next.
#[derive(Debug, Default)]
struct Node {
    uses: Option<usize>,
    sets: Option<usize>,
    call: bool,
    next: Vec<usize>,
}

struct Graph<'a, 'u> {
    model: &'a Model<'u>,
    calls: &'a FxHashMap<ExprId, usize>,
    variables: FxHashMap<EntityId, usize>,
    nodes: Vec<Node>,
    /// Where the next thing happens after; `None` behind a jump.
    current: Option<usize>,
    labels: FxHashMap<Symbol, usize>,
    breaks: Vec<usize>,
    continues: Vec<usize>,
    switches: Vec<usize>,
}

/// The variables of a function, other than structures, arrays and those whose address is used, that
/// are read after one of `calls` before they are set again. The operands that
/// stand before a call in an expression count as read after it, if the call's value meets theirs.
pub(super) fn across_calls(
    model: &Model,
    function: FunctionId,
    calls: &FxHashMap<ExprId, usize>,
) -> FxHashSet<EntityId> {
    let objects = model.info(function).objects.iter();
    let scalar = objects.filter(|&&o| {
        model[o].is_automatic()
            && !model.is_address_taken(o)
            && !matches!(model[model[o].ty], Type::Array { .. } | Type::Record(_))
    });
    let list: Vec<EntityId> = scalar.copied().collect();
    let mut graph = Graph {
        model,
        calls,
        variables: list.iter().enumerate().map(|(at, &o)| (o, at)).collect(),
        nodes: vec![Node::default()],
        current: Some(0),
        labels: FxHashMap::default(),
        breaks: Vec::new(),
        continues: Vec::new(),
        switches: Vec::new(),
    };
    graph.stmt(model.tree[function].body);
    let live = graph.solve(list.len());
    live.into_iter().map(|at| list[at]).collect()
}

impl Graph<'_, '_> {
    fn node(&mut self) -> usize {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn goto(&mut self, to: usize) {
        if let Some(from) = self.current.take() {
            self.nodes[from].next.push(to);
        }
    }

    fn start(&mut self, at: usize) {
        self.goto(at);
        self.current = Some(at);
    }

    fn event(&mut self, node: Node) {
        self.nodes.push(node);
        self.start(self.nodes.len() - 1);
    }

    /// A place that what happens now leads to, and perhaps others.
    fn fork(&mut self) -> usize {
        let here = self.node();
        self.start(here);
        here
    }

    fn label(&mut self, name: Symbol) -> usize {
        if let Some(&known) = self.labels.get(&name) {
            return known;
        }
        let node = self.node();
        self.labels.insert(name, node);
        node
    }

    fn variable(&self, expr: ExprId) -> Option<usize> {
        let entity = self.model.named(expr)?;
        self.variables.get(&entity).copied()
    }

    fn uses(&mut self, variable: usize) {
        self.event(Node {
            uses: Some(variable),
            ..Node::default()
        });
    }

    fn sets(&mut self, variable: usize) {
        self.event(Node {
            sets: Some(variable),
            ..Node::default()
        });
    }

    fn is_hot(&self, expr: ExprId) -> bool {
        let operands = self.model.tree.operands(expr);
        self.calls.contains_key(&expr) || operands.into_iter().any(|e| self.is_hot(e))
    }

    /// All names in an expression are read.
    fn again(&mut self, expr: ExprId) {
        if let ExprKind::Name(_) = self.model.tree[expr].kind
            && let Some(variable) = self.variable(expr)
        {
            self.uses(variable);
        }
        for operand in self.model.tree.operands(expr) {
            self.again(operand);
        }
    }

    fn sequence(&mut self, list: &[ExprId]) {
        for &expr in list {
            self.expr(expr);
        }
        if let Some(last) = list.iter().rposition(|&e| self.is_hot(e)) {
            for &expr in &list[..last] {
                if !self.is_hot(expr) {
                    self.again(expr);
                }
            }
        }
    }

    fn expr(&mut self, expr: ExprId) {
        match self.model.tree[expr].kind.clone() {
            ExprKind::Name(_) => self.again(expr),
            ExprKind::Assign {
                op, left, right, ..
            } => match self.variable(left) {
                Some(variable) => {
                    self.expr(right);
                    if op.is_some() {
                        self.uses(variable);
                    }
                    self.sets(variable);
                }
                None => self.sequence(&[right, left]),
            },
            ExprKind::Unary(Unary::Increment | Unary::Decrement, operand)
            | ExprKind::Postfix { operand, .. } => {
                self.expr(operand);
                if let Some(variable) = self.variable(operand) {
                    self.sets(variable);
                }
            }
            ExprKind::Binary {
                op: Binary::And | Binary::Or,
                left,
                right,
                ..
            } => {
                self.expr(left);
                let here = self.fork();
                self.expr(right);
                let after = self.fork();
                self.nodes[here].next.push(after);
            }
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => {
                self.expr(cond);
                let here = self.fork();
                if let Some(then) = then {
                    self.expr(then);
                }
                let after = self.node();
                self.goto(after);
                self.current = Some(here);
                self.expr(otherwise);
                self.start(after);
            }
            ExprKind::Statements(body) => self.stmt(body),
            ExprKind::Comma(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            _ => {
                let operands = self.model.tree.operands(expr);
                self.sequence(&operands);
                if self.calls.contains_key(&expr) {
                    self.event(Node {
                        call: true,
                        ..Node::default()
                    });
                }
            }
        }
    }

    fn stmt(&mut self, stmt: StmtId) {
        match self.model.tree[stmt].kind.clone() {
            StmtKind::Expr(expr) | StmtKind::GotoComputed(expr) => self.expr(expr),
            StmtKind::Decl(decl) => {
                for declarator in self.model.tree[decl].declarators.clone() {
                    let declared = self.model.declares(declarator);
                    let variable = declared.and_then(|d| self.variables.get(&d).copied());
                    if let Some(init) = self.model.tree[declarator].init {
                        self.expr(init);
                    }
                    // Without an initializer it has no value yet.
                    if let Some(variable) = variable {
                        self.sets(variable);
                    }
                }
            }
            StmtKind::Block(list) => {
                for inner in list {
                    self.stmt(inner);
                }
            }
            StmtKind::If {
                cond,
                then,
                otherwise,
            } => {
                self.expr(cond);
                let here = self.fork();
                self.stmt(then);
                let after = self.node();
                self.goto(after);
                self.current = Some(here);
                if let Some((_, otherwise)) = otherwise {
                    self.stmt(otherwise);
                }
                self.start(after);
            }
            StmtKind::While { cond, body } => self.rounds(None, Some(cond), None, body, false),
            StmtKind::Do { body, cond, .. } => self.rounds(None, Some(cond), None, body, true),
            StmtKind::For {
                init,
                cond,
                step,
                body,
                ..
            } => self.rounds(init, cond, step, body, false),
            StmtKind::Switch { value, body } => {
                self.expr(value);
                let here = self.fork();
                let after = self.node();
                self.nodes[here].next.push(after);
                self.current = None;
                self.switches.push(here);
                self.breaks.push(after);
                self.stmt(body);
                self.switches.pop();
                self.breaks.pop();
                self.start(after);
            }
            StmtKind::Case { .. } => {
                let here = self.node();
                self.start(here);
                if let Some(&switch) = self.switches.last() {
                    self.nodes[switch].next.push(here);
                }
            }
            StmtKind::Label(name) => {
                let label = self.label(name);
                self.start(label);
            }
            StmtKind::Goto(name) => {
                let label = self.label(name);
                self.goto(label);
            }
            StmtKind::Break => {
                if let Some(&after) = self.breaks.last() {
                    self.goto(after);
                }
            }
            StmtKind::Continue => {
                if let Some(&next) = self.continues.last() {
                    self.goto(next);
                }
            }
            StmtKind::Return(value) => {
                if let Some(value) = value {
                    self.expr(value);
                }
                self.current = None;
            }
            StmtKind::Empty | StmtKind::Function(_) => {}
        }
    }

    fn rounds(
        &mut self,
        init: Option<StmtId>,
        cond: Option<ExprId>,
        step: Option<ExprId>,
        body: StmtId,
        body_first: bool,
    ) {
        if let Some(init) = init {
            self.stmt(init);
        }
        let (head, inside, next, after) = (self.node(), self.node(), self.node(), self.node());
        self.goto(if body_first { inside } else { head });
        self.current = Some(head);
        if let Some(cond) = cond {
            self.expr(cond);
            let here = self.fork();
            self.nodes[here].next.push(after);
        }
        self.goto(inside);
        self.current = Some(inside);
        self.breaks.push(after);
        self.continues.push(next);
        self.stmt(body);
        self.breaks.pop();
        self.continues.pop();
        self.start(next);
        if let Some(step) = step {
            self.expr(step);
        }
        self.goto(head);
        self.current = Some(after);
    }

    /// The variables that some call leaves needed. Rounds over all nodes, as many as loops nest.
    fn solve(&self, count: usize) -> FxHashSet<usize> {
        let words = count.div_ceil(64);
        let mut live = vec![0u64; self.nodes.len() * words];
        let after = |live: &[u64], at: usize| {
            let mut out = vec![0u64; words];
            for &next in &self.nodes[at].next {
                for (word, more) in out.iter_mut().zip(&live[next * words..]) {
                    *word |= more;
                }
            }
            out
        };
        loop {
            let mut changed = false;
            for at in (0..self.nodes.len()).rev() {
                let mut out = after(&live, at);
                let node = &self.nodes[at];
                if let Some(set) = node.sets {
                    out[set / 64] &= !(1 << (set % 64));
                }
                if let Some(used) = node.uses {
                    out[used / 64] |= 1 << (used % 64);
                }
                let here = &mut live[at * words..(at + 1) * words];
                changed |= here != out;
                here.copy_from_slice(&out);
            }
            if !changed {
                break;
            }
        }
        let mut found = FxHashSet::default();
        for at in (0..self.nodes.len()).filter(|&at| self.nodes[at].call) {
            let out = after(&live, at);
            found.extend((0..count).filter(|v| out[v / 64] >> (v % 64) & 1 == 1));
        }
        found
    }
}
