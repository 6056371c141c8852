//! Follows all paths through one function and finds pointers that are followed before anything
//! has made sure that they are not NULL.
//!
//! An allocation splits its path in two: one where it succeeded and one where it failed. Conditions
//! drop what they rule out, so that any spelling of a check counts. A failed allocation that is
//! followed on some path lacks a check. Paths that say the same are taken together again.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use super::super::ast::{Expr, Stmt};
use super::super::family::Alloc;
use super::Context;
use super::value::{Fate, SiteId, State, Value, ZERO, merge, origin};
use crate::c::Span;

/// How a function is followed: how many paths one by one, and how much work it may take. A unit of
/// work is an evaluation with a handful of known variables; ordinary functions need a few thousand.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Paths beyond this number are taken together.
    pub paths: usize,
    /// Units of work, over all passes.
    pub fuel: usize,
}

impl Effort {
    /// What nearly all functions are done with.
    pub const PRECISE: Self = Self {
        paths: 24,
        fuel: 10_000,
    };
    /// For the rest: less is told apart, which can only lead to more checks.
    pub const COARSE: Self = Self {
        paths: 2,
        fuel: 20_000,
    };
}

/// How often a loop is followed one path at a time before its paths are taken together.
pub const ROUNDS: usize = 3;

/// The use of a macro, or of a macro inside of a macro.
#[derive(Debug)]
pub struct Frame {
    /// The macro.
    pub name: String,
    /// Its arguments, evaluated in the parent frame.
    pub args: Vec<(String, Rc<Expr>)>,
    /// The macro that uses it.
    pub parent: Option<Rc<Frame>>,
    /// The file that defines it.
    pub file: usize,
    /// The outermost use, in the function.
    pub span: Span,
}

/// Where a block comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A call of the allocator.
    Alloc(Alloc),
    /// A call of a function of the program that returns a block, or stores one where an argument
    /// points to.
    Function(String),
    /// A parameter of the function that is summarised.
    Param(usize),
    /// A reference that the kernel hands out, and what gives it back.
    Kernel(&'static str),
}

/// A place that makes blocks.
#[derive(Clone, Debug)]
pub struct Site {
    /// The call, or the use of the macro that calls.
    pub span: Span,
    /// Tells several of one call apart.
    pub part: String,
    /// What is called.
    pub source: Source,
    /// The macro whose use this is.
    pub in_macro: Option<String>,
    /// The argument through which `posix_memalign` and its like store the block.
    pub through: Option<String>,
}

/// Where a block is stored first.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The lvalue in the source, if it stands there and can be read again.
    pub span: Option<Span>,
    /// Its access path.
    pub path: String,
}

/// How a missing check is dealt with, once it is known to be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// Behind the statement that stores the block.
    Behind,
    /// Before the statement, as the block moves to a variable first.
    Before,
}

/// A use of a block that may not be there.
#[derive(Clone, Copy, Debug)]
pub struct Use {
    /// The use.
    pub span: Span,
    /// It stands in the statement that allocates.
    pub same_statement: bool,
}

/// One function, followed.
pub struct Flow<'c> {
    /// What is known around it.
    pub ctx: &'c Context<'c>,
    /// The file it stands in.
    pub file: usize,
    /// The macro that is being followed.
    pub frame: Option<Rc<Frame>>,
    /// Places that make blocks.
    pub sites: Vec<Site>,
    index: HashMap<(Span, String), SiteId>,
    /// Checks that count as inserted.
    pub checked: BTreeMap<SiteId, Check>,
    /// Uses without a check.
    pub missing: BTreeMap<SiteId, Use>,
    /// What holds where an inserted check leaves.
    pub leaving: BTreeMap<SiteId, Vec<State>>,
    /// What holds where a block is first stored.
    pub stored: BTreeMap<SiteId, Stored>,
    /// What holds where the function returns, and the value it returns.
    pub exits: Vec<(State, Value)>,
    /// The variables of the function and its parameters.
    pub locals: BTreeSet<String>,
    /// Those that are arrays.
    pub arrays: BTreeSet<String>,
    /// Variables of macro bodies: they cannot be named outside.
    pub hidden: BTreeSet<String>,
    /// The variables that hold blocks which move in front of their statement.
    pub temporaries: BTreeMap<SiteId, String>,
    /// The statement of each site.
    pub statements: BTreeMap<SiteId, Span>,
    /// The statement or head that is being evaluated.
    pub here: Span,
    pub breaks: Vec<Vec<State>>,
    pub continues: Vec<Vec<State>>,
    pub cases: Vec<(Vec<State>, bool)>,
    pub labels: HashMap<String, Vec<State>>,
    /// How much work is left, and how precise it is.
    pub effort: Effort,
}

impl<'c> Flow<'c> {
    /// Prepares to follow a function of `file`.
    pub fn new(ctx: &'c Context<'c>, file: usize, effort: Effort) -> Self {
        Self {
            ctx,
            file,
            frame: None,
            sites: Vec::new(),
            index: HashMap::new(),
            checked: BTreeMap::new(),
            missing: BTreeMap::new(),
            leaving: BTreeMap::new(),
            stored: BTreeMap::new(),
            exits: Vec::new(),
            locals: BTreeSet::new(),
            arrays: BTreeSet::new(),
            hidden: BTreeSet::new(),
            temporaries: BTreeMap::new(),
            statements: BTreeMap::new(),
            here: Span::at(0),
            breaks: Vec::new(),
            continues: Vec::new(),
            cases: Vec::new(),
            labels: HashMap::new(),
            effort,
        }
    }

    /// Follows the body from `start`. Whether it came to an end.
    pub fn run(&mut self, body: &Stmt, start: &[State]) -> bool {
        self.labels.clear();
        // Jumps back are found in one pass and followed in the next.
        for _ in 0..ROUNDS {
            self.missing.clear();
            self.leaving.clear();
            self.exits.clear();
            let known: usize = self.labels.values().map(Vec::len).sum();
            let rest = self.exec(body, start.to_vec());
            self.exits
                .extend(rest.into_iter().map(|st| (st, Value::unknown())));
            for states in self.labels.values_mut() {
                *states = merge(std::mem::take(states), self.effort.paths);
            }
            if self.labels.values().map(Vec::len).sum::<usize>() == known || self.effort.fuel == 0 {
                break;
            }
        }
        self.effort.fuel > 0
    }

    /// Counts a step on a path; false once there were too many.
    pub fn burn(&mut self, st: &State) -> bool {
        let cost = 1 + (st.env.len() + st.fates.len()) / 4;
        self.effort.fuel = self.effort.fuel.saturating_sub(cost);
        self.effort.fuel > 0
    }

    /// Takes together paths that say the same; where there are too many, also those that differ.
    pub fn merge(&self, states: Vec<State>) -> Vec<State> {
        merge(states, self.effort.paths)
    }

    /// The file that the text being followed stands in.
    pub fn file_here(&self) -> usize {
        self.frame.as_ref().map_or(self.file, |frame| frame.file)
    }

    /// The site of a call at `span`; `part` tells several of one call apart.
    pub fn site(&mut self, span: Span, part: impl ToString, source: Source) -> SiteId {
        let (span, in_macro) = match &self.frame {
            Some(frame) => {
                let mut outer = frame;
                while let Some(parent) = &outer.parent {
                    outer = parent;
                }
                (frame.span, Some(outer.name.clone()))
            }
            None => (span, None),
        };
        let sites = &mut self.sites;
        let part = part.to_string();
        let key = (span, part.clone());
        let site = *self.index.entry(key).or_insert_with(|| {
            sites.push(Site {
                span,
                part,
                source,
                in_macro,
                through: None,
            });
            sites.len() as SiteId - 1
        });
        self.statements.insert(site, self.here);
        site
    }

    /// Whether the block is what a parameter points to.
    pub fn is_param(&self, site: SiteId) -> bool {
        self.sites
            .get(origin(site) as usize)
            .is_some_and(|site| matches!(site.source, Source::Param(_)))
    }

    /// An allocation: the paths where it succeeded and where it failed.
    pub fn allocate(&mut self, mut st: State, site: SiteId) -> (State, Option<State>) {
        st.retire(site);
        let mut failed = st.clone();
        st.fates.insert(site, Fate::Owned);
        failed.fates.insert(site, Fate::Failed);
        if self.checked.get(&site) == Some(&Check::Before) {
            self.leaving.entry(site).or_default().push(failed);
            if let Some(name) = self.temporaries.get(&site) {
                st.put(name, Value::block(site));
            }
            return (st, None);
        }
        (st, Some(failed))
    }

    /// The pointer is followed on this path. None if that cannot go on.
    pub fn follow(&mut self, value: &Value, st: State, at: &Expr) -> Option<State> {
        if value.signs & ZERO == 0 || value.failed.is_empty() {
            return Some(st);
        }
        let span = self.frame.as_ref().map_or(at.span, |frame| frame.span);
        for &site in &value.failed {
            let site = origin(site);
            let info = &self.sites[site as usize];
            let same_statement =
                self.here.start <= info.span.start && info.span.end <= self.here.end;
            let entry = self.missing.entry(site).or_insert(Use {
                span,
                same_statement,
            });
            entry.same_statement |= same_statement;
        }
        if value.signs == ZERO {
            return None;
        }
        super::cond::assume(st, None, value, !ZERO)
    }

    /// Notes where the block of an allocation is stored first.
    pub fn note_store(&mut self, left: &Expr, path: &str, st: &State, value: &Value) {
        for &site in value.blocks.iter().chain(&value.failed) {
            let known = self.stored.contains_key(&site);
            let here = self
                .sites
                .get(site as usize)
                .is_some_and(|s| self.here.start <= s.span.start && s.span.end <= self.here.end);
            if known || !here || !value.whole && value.failed.is_empty() {
                continue;
            }
            let root = path.split(['[', '.']).next().unwrap_or(path);
            if !self.is_stable(left) || self.hidden.contains(root) {
                continue;
            }
            let span = self.frame.is_none().then_some(left.span);
            let named = self.name_of(path, st);
            if span.is_some() || named.is_some() {
                self.stored.insert(
                    site,
                    Stored {
                        span,
                        path: named.unwrap_or_else(|| path.to_owned()),
                    },
                );
            }
        }
    }
}
