//! What holds at each point of a function: a data-flow analysis over its [`Graph`].
//!
//! Each point has few states; where more meet, they are taken together. An allocation splits its
//! state in two: one where it succeeded and one where it failed. Conditions drop what they rule
//! out, so that any spelling of a check counts. A failed allocation that is followed lacks a check.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::Context;
use super::eval::Effort;
use super::graph::{Graph, Op};
use super::outcome::Suffix;
use super::place::{PlaceId, Places};
pub use super::value::SiteId;
use super::value::{APART, HELD, State, States, Value, merge, origin};
use crate::c::syntax::tree::{ExprId, FunctionId, StmtId, Tok, Toks, Tree};
use crate::c::types::Model;
use crate::rewrite::family::Alloc;

/// Where a block or reference comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A call of the allocator.
    Alloc(Alloc),
    /// A call of a function of the program that returns a block, or stores one where an argument
    /// points to: its name.
    Function(String),
    /// What a parameter of the followed function points to.
    Param(usize),
    /// What a place that a parameter leads to held when the function began.
    Inner(usize, Suffix),
    /// Something that the kernel lends: the call that gives it back.
    Kernel(Lent),
}

/// Something that the kernel lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lent {
    /// The call that gives it back, `@` for what it gives back.
    pub release: String,
    /// It is a pointer, which is given back by its value.
    pub pointer: bool,
    /// The address of the object, as it is written.
    pub object: Option<String>,
}

/// A place that makes blocks.
#[derive(Clone, Debug)]
pub struct Site {
    /// The call.
    pub expr: Option<ExprId>,
    /// Tells several of one call apart.
    pub part: String,
    /// What is called.
    pub source: Source,
    /// The argument through which the call stores the block.
    pub through: Option<PlaceId>,
    /// Where it fails, the place it stores the block in stays as it was: only the result tells.
    pub silent: bool,
    /// The statement or head that is evaluated with it.
    pub here: Toks,
    /// It was met in this order.
    pub order: Tok,
}

/// Where a block is stored first.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The lvalue; `None` for a variable that is declared.
    pub expr: Option<ExprId>,
    /// Its place.
    pub place: PlaceId,
}

/// How a missing check is dealt with, once it is known to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// After the statement that stores the block.
    After,
    /// Before the statement, as the block moves to a variable first.
    Before,
}

/// A use of a block that may not be there.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The use.
    pub expr: ExprId,
    /// It stands in the statement that allocates.
    pub same_statement: bool,
}

/// One function, followed.
pub struct Flow<'c> {
    /// What is known around it.
    pub ctx: &'c Context<'c>,
    /// The function.
    pub function: FunctionId,
    /// Its steps.
    pub graph: Rc<Graph>,
    /// All places.
    pub places: Places,
    /// Places that make blocks.
    pub sites: Vec<Site>,
    index: HashMap<(Option<ExprId>, String), SiteId>,
    /// By a block that a function returns: the blocks that it holds, and the way to each.
    pub parts: BTreeMap<SiteId, Vec<(SiteId, Suffix)>>,
    /// Checks that count as inserted.
    pub checked: BTreeMap<SiteId, Check>,
    /// Of those the ones of a place that a failing call leaves as it was: it may not be NULL.
    pub by_place: BTreeSet<SiteId>,
    /// Of those the ones that could fire although nothing failed.
    pub doubtful: BTreeSet<SiteId>,
    /// Of those the ones after a statement, by the statement.
    pub(super) checks: HashMap<Toks, Vec<SiteId>>,
    /// Uses without a check.
    pub missing: BTreeMap<SiteId, Use>,
    /// What holds where an inserted check leaves.
    pub leaving: BTreeMap<SiteId, Vec<State>>,
    /// Where a block is first stored.
    pub stored: BTreeMap<SiteId, Stored>,
    /// What holds where the function returns, and the value it returns.
    pub exits: Vec<(State, Value)>,
    /// The variables that hold blocks which move in front of their statement.
    pub temporaries: BTreeMap<SiteId, String>,
    /// The statement or head that is being evaluated.
    pub here: Toks,
    /// Parameters are followed, for a summary.
    pub params: bool,
    /// What is met counts: the states at each point are final.
    pub(super) record: bool,
    /// Jumps out of statement expressions.
    out: Vec<(usize, State)>,
    apart: usize,
    pub(super) effort: Effort,
}

/// Functions with this many steps keep all states apart that may be kept apart; the more there
/// are beyond, the fewer.
const STEPS: usize = 2_000;

impl<'c> Flow<'c> {
    /// Prepares to follow a function.
    pub fn new(ctx: &'c Context<'c>, function: FunctionId, params: bool) -> Self {
        let graph = ctx.graph(function);
        let apart = (APART * STEPS / graph.steps.len().max(1)).clamp(1, APART);
        Self {
            ctx,
            function,
            here: ctx.tree()[function].toks,
            graph,
            places: Places::default(),
            sites: Vec::new(),
            parts: BTreeMap::new(),
            index: HashMap::new(),
            checked: BTreeMap::new(),
            by_place: BTreeSet::new(),
            doubtful: BTreeSet::new(),
            checks: HashMap::new(),
            missing: BTreeMap::new(),
            leaving: BTreeMap::new(),
            stored: BTreeMap::new(),
            exits: Vec::new(),
            temporaries: BTreeMap::new(),
            params,
            record: false,
            out: Vec::new(),
            apart,
            effort: Effort::default(),
        }
    }

    /// The model of the unit.
    pub fn model(&self) -> &'c Model<'c> {
        self.ctx.model
    }

    /// The tree of the unit.
    pub fn tree(&self) -> &'c Tree {
        &self.ctx.model.tree
    }

    /// Follows the function from `start`.
    pub fn run(&mut self, start: Vec<State>) {
        self.missing.clear();
        self.doubtful.clear();
        self.leaving.clear();
        self.exits.clear();
        let graph = Rc::clone(&self.graph);
        self.record = true;
        self.solve(&graph, start);
        self.record = false;
    }

    /// Finds what holds at each step that several lead to, and then follows all steps once more
    /// with that, so that what is met counts.
    fn solve(&mut self, graph: &Graph, start: Vec<State>) {
        self.record = false;
        let mut known: BTreeMap<usize, States> = BTreeMap::new();
        let mut open = BTreeSet::from([0]);
        let mut kept = States::default();
        for state in start {
            kept.add(&self.places, state, self.apart);
        }
        known.insert(0, kept);
        while let Some(step) = open.pop_first() {
            let states = known.get(&step).map(|s| s.list.clone());
            for (to, state) in self.chain(graph, step, states.unwrap_or_default()) {
                let at = known.entry(to).or_default();
                if at.add(&self.places, state, self.apart) {
                    open.insert(to);
                }
            }
        }
        self.record = true;
        for (step, states) in known {
            self.chain(graph, step, states.list);
        }
    }

    /// Follows steps one after the other, up to those that several lead to.
    fn chain(&mut self, graph: &Graph, first: usize, states: Vec<State>) -> Vec<(usize, State)> {
        let mut reached = Vec::new();
        let mut open = vec![(first, states)];
        while let Some((step, states)) = open.pop() {
            // What stands first in the source is followed first.
            for (to, states) in self.transfer(graph, step, states).into_iter().rev() {
                if states.is_empty() {
                    continue;
                }
                if graph.reached[to] > 1 {
                    reached.extend(states.into_iter().map(|state| (to, state)));
                } else {
                    open.push((to, states));
                }
            }
            reached.append(&mut self.out);
        }
        reached
    }

    /// What a step makes of the states that reach it, by the steps that it leads to.
    fn transfer(
        &mut self,
        graph: &Graph,
        step: usize,
        states: Vec<State>,
    ) -> Vec<(usize, Vec<State>)> {
        let it = &graph.steps[step];
        self.here = it.here;
        let rest = match &it.op {
            Op::Pass => states,
            Op::Expr(expr) => self.effects(*expr, states),
            Op::Decl(decl) => self.declare(*decl, states),
            Op::Cond(expr) => {
                let (yes, no) = self.split(*expr, states);
                return match it.next[..] {
                    [into, out] => vec![(into, yes), (out, no)],
                    _ => Vec::new(),
                };
            }
            Op::Switch(expr) => self.effects(*expr, states),
            Op::Return(value, scopes) => {
                self.leave_function(*value, scopes, states);
                return Vec::new();
            }
            Op::Leave(scopes) => {
                let mut rest = states;
                for &scope in scopes {
                    rest = self.close(graph, scope, rest);
                }
                rest
            }
            Op::Check => states,
            Op::Unread => states.iter().map(State::unread).collect(),
        };
        let rest = match it.checks {
            true => self.leave_checked(rest),
            false => rest,
        };
        let rest = rest.into_iter().map(|st| self.tidy(st)).collect();
        let rest = self.merge(rest);
        if graph.end == Some(step) && self.record {
            let ends = rest.iter().map(|st| (st.clone(), Value::unknown()));
            self.exits.extend(ends);
        }
        let next = it.next.iter().map(|&to| (to, rest.clone()));
        next.collect()
    }

    /// Drops what became of blocks that nothing holds any more: the program has lost them, or
    /// given them away.
    fn tidy(&self, mut st: State) -> State {
        self.forget_made(&mut st);
        if st.env.len() > HELD {
            st.drop_oldest();
        }
        let held: HashSet<SiteId> = st
            .env
            .values()
            .flat_map(|value| value.blocks.iter().chain(&value.failed).copied())
            .collect();
        let lasts = |site: SiteId| {
            let info = self.sites.get(origin(site) as usize);
            info.is_none_or(|info| match &info.source {
                Source::Param(_) | Source::Inner(..) => true,
                Source::Kernel(lent) => !lent.pointer,
                Source::Alloc(_) | Source::Function(_) => false,
            })
        };
        st.fates
            .retain(|&site, _| held.contains(&site) || lasts(site));
        st
    }

    /// Notes that the check of a site counts as inserted.
    pub fn check(&mut self, site: SiteId, check: Check) {
        self.checked.insert(site, check);
        if check == Check::After {
            let here = self.sites[site as usize].here;
            self.checks.entry(here).or_default().push(site);
        }
    }

    /// Takes together what says the same.
    pub fn merge(&self, states: Vec<State>) -> Vec<State> {
        merge(&self.places, states, self.apart.min(self.effort.results()))
    }

    fn split(&mut self, expr: ExprId, states: Vec<State>) -> super::cond::Split {
        let mut split = super::cond::Split::default();
        for st in states {
            let (yes, no) = self.cond(expr, st);
            split.0.extend(yes);
            split.1.extend(no);
        }
        (self.merge(split.0), self.merge(split.1))
    }

    fn leave_function(&mut self, value: Option<ExprId>, scopes: &[usize], states: Vec<State>) {
        let results = match value {
            Some(value) if self.is_record(value) => self.returned_structure(value, states),
            Some(value) => self.each(value, states),
            None => super::eval::with(states, &Value::unknown()),
        };
        let graph = Rc::clone(&self.graph);
        for (st, value) in results {
            let mut rest = vec![st];
            for &scope in scopes {
                let variables = &graph.scopes[scope].variables;
                for &variable in variables.iter().rev() {
                    rest = self.clean_up(variable, rest);
                }
            }
            if self.record {
                self.exits
                    .extend(rest.into_iter().map(|st| (st, value.clone())));
            }
        }
    }

    /// The variables of a block are gone after it.
    fn close(&mut self, graph: &Graph, scope: usize, states: Vec<State>) -> Vec<State> {
        let mut rest = states;
        for &variable in graph.scopes[scope].variables.iter().rev() {
            rest = self.clean_up(variable, rest);
            if let Some(place) = self.variable(variable) {
                for st in &mut rest {
                    st.forget(&self.places, place);
                }
            }
        }
        self.merge(rest)
    }

    /// A statement expression: the states after it, and its value.
    pub fn statements(&mut self, block: StmtId, st: State) -> Vec<(State, Value)> {
        let graph = Rc::clone(&self.graph);
        let Some(inner) = graph.inner.get(&block) else {
            return vec![(st.unread(), Value::unknown())];
        };
        let here = self.here;
        let mut known: BTreeMap<usize, States> = BTreeMap::new();
        let first = inner.steps.start;
        let outer_out = std::mem::take(&mut self.out);
        let mut out = Vec::new();
        // The steps inside are solved by themselves; what leaves them is handed on.
        let record = std::mem::replace(&mut self.record, false);
        let mut open = BTreeSet::from([first]);
        known.entry(first).or_default().list.push(st);
        let mut ends: Vec<State> = Vec::new();
        loop {
            let Some(step) = open.pop_first() else {
                if !record || self.record {
                    break;
                }
                self.record = true;
                ends.clear();
                out.clear();
                open.extend(known.keys());
                continue;
            };
            let states = known.get(&step).map(|s| s.list.clone());
            if inner.exit == Some(step) {
                ends = states.unwrap_or_default();
                continue;
            }
            let mut reached = Vec::new();
            let mut chain = vec![(step, states.unwrap_or_default())];
            while let Some((at, states)) = chain.pop() {
                for (to, states) in self.transfer(&graph, at, states).into_iter().rev() {
                    let single = graph.reached[to] == 1 && inner.steps.contains(&to);
                    if single && inner.exit != Some(to) {
                        chain.push((to, states));
                    } else {
                        reached.extend(states.into_iter().map(|state| (to, state)));
                    }
                }
                out.append(&mut self.out);
            }
            for (to, state) in reached {
                if !inner.steps.contains(&to) {
                    out.push((to, state));
                    continue;
                }
                let at = known.entry(to).or_default();
                if at.add(&self.places, state, self.apart) {
                    open.insert(to);
                }
            }
        }
        self.record = record;
        self.here = here;
        self.out = outer_out;
        self.out.extend(out);
        let results = match inner.value {
            Some(value) if self.is_record(value) => self.last_structure(value, ends),
            Some(value) => self.each(value, ends),
            None => super::eval::with(ends, &Value::unknown()),
        };
        let scope = inner.scope;
        results
            .into_iter()
            .flat_map(|(st, value)| {
                let rest = self.close(&graph, scope, vec![st]);
                super::eval::with(rest, &value)
            })
            .collect()
    }

    /// The site of a call; `part` tells several of one call apart.
    pub fn site(&mut self, expr: Option<ExprId>, part: String, source: Source) -> SiteId {
        let key = (expr, part);
        if let Some(&known) = self.index.get(&key) {
            return known;
        }
        let id = self.sites.len() as SiteId;
        self.sites.push(Site {
            expr,
            part: key.1.clone(),
            source,
            through: None,
            silent: false,
            here: self.here,
            order: expr.map_or(0, |e| self.tree()[e].toks.start),
        });
        self.index.insert(key, id);
        id
    }

    /// Whether the block belongs to whoever called the followed function.
    pub fn is_param(&self, site: SiteId) -> bool {
        let site = self.sites.get(origin(site) as usize);
        site.is_some_and(|s| matches!(s.source, Source::Param(_) | Source::Inner(..)))
    }
}
