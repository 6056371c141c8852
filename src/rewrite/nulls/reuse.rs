//! The way an earlier failing check of an allocation leaves, reused for a check that is missing.

use super::calls::Callee;
use super::cleanup::Held;
use super::flow::{Flow, Source};
use super::known;
use super::place::PlaceId;
use super::references;
use super::value::{Fate, State, ZERO};
use crate::c::Symbol;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, StmtId, StmtKind, Toks, Unary};
use crate::c::types::EntityId;
use crate::rewrite::family::Alloc;

/// How many statements before a check are looked at in each block around it.
const FAR: usize = 256;

impl Flow<'_> {
    /// The statements that leave as the nearest earlier check does which is passed on every way to
    /// `check`, with what is held given back first. None if there is no such check, or if what it
    /// does would not be right here.
    pub fn earlier_exit(
        &mut self,
        check: Toks,
        stmt: StmtId,
        leaving: &[State],
        held: &[Held],
    ) -> Option<Vec<String>> {
        let mut inner = stmt;
        while let Some(outer) = self.around(inner) {
            let tree = self.tree();
            if let StmtKind::Block(list) = &tree[outer].kind {
                // Statements of a block are in the order of their tokens.
                let start = tree[inner].toks.start;
                let before = list.partition_point(|&s| tree[s].toks.start < start);
                for &stmt in list[before.saturating_sub(FAR)..before].iter().rev() {
                    if let StmtKind::If {
                        cond,
                        then,
                        otherwise: None,
                    } = self.tree()[stmt].kind
                        && self.asks_for_failure(cond)
                        && let Some(left) = self.leaves_like(stmt, then, check, leaving, held)
                    {
                        return Some(left);
                    }
                }
            }
            inner = outer;
        }
        None
    }

    /// Whether a condition holds if an allocation failed.
    fn asks_for_failure(&mut self, cond: ExprId) -> bool {
        let tested = self.null_tests(cond);
        let nothing = State::default();
        let stored: Vec<super::flow::Stored> = self
            .stored
            .iter()
            .filter(|&(&site, _)| {
                let source = &self.sites[site as usize].source;
                matches!(source, Source::Alloc(_) | Source::Function(_))
            })
            .map(|(_, stored)| stored.clone())
            .collect();
        tested.into_iter().any(|e| {
            let Some(place) = self.place(e, &nothing) else {
                return false;
            };
            // By their spelling: what is known of the variables is of no interest here.
            stored.iter().any(|stored| match stored.expr {
                Some(expr) => self.place(expr, &nothing) == Some(place),
                None => stored.place == place,
            })
        })
    }

    /// The pointers of which a condition holds if one is NULL.
    pub fn null_tests(&self, cond: ExprId) -> Vec<ExprId> {
        match self.tree()[cond].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.null_tests(inner),
            ExprKind::Unary(Unary::Not, inner) => {
                // `!!(…)` of a hint for the compiler.
                let bare = self.tree().bare(inner);
                match self.tree()[bare].kind {
                    ExprKind::Unary(Unary::Not, twice) => self.null_tests(twice),
                    _ => vec![bare],
                }
            }
            ExprKind::Binary {
                op: Binary::Eq,
                left,
                right,
                ..
            } => {
                if self.is_null(right) {
                    vec![left]
                } else if self.is_null(left) {
                    vec![right]
                } else {
                    Vec::new()
                }
            }
            ExprKind::Binary {
                op: Binary::Or,
                left,
                right,
                ..
            } => {
                let mut all = self.null_tests(left);
                all.extend(self.null_tests(right));
                all
            }
            ExprKind::Call { callee, args, .. } => match (self.callee(callee), args.first()) {
                (Callee::Named(name), Some(&first))
                    if known::condition(&name) == Some(known::Condition::Itself) =>
                {
                    self.null_tests(first)
                }
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn is_null(&self, e: ExprId) -> bool {
        self.model().is_null_pointer_constant(e)
            || self.model().value(e) == Some(0)
            || self.ctx.spelled(self.bare(e)) == "NULL"
    }

    fn leaves_like(
        &mut self,
        earlier: StmtId,
        then: StmtId,
        check: Toks,
        leaving: &[State],
        held: &[Held],
    ) -> Option<Vec<String>> {
        let list: Vec<StmtId> = match &self.tree()[then].kind {
            StmtKind::Block(list) => list.clone(),
            _ => vec![then],
        };
        let (&last, first) = list.split_last()?;
        let mut assigned: Vec<ExprId> = Vec::new();
        let mut kept: Vec<String> = Vec::new();
        for &stmt in first {
            match self.tree()[stmt].kind {
                StmtKind::Expr(e) => match self.tree()[self.tree().bare(e)].kind {
                    ExprKind::Assign {
                        op: None,
                        left,
                        right,
                        ..
                    } if self.is_constant(right) => {
                        assigned.push(left);
                        kept.push(self.text_of(self.tree()[stmt].toks)?);
                    }
                    // What it frees or prints is its own affair.
                    ExprKind::Call { callee, .. } if self.is_aside(callee) => {}
                    _ => return None,
                },
                StmtKind::Empty if !self.tree()[stmt].broken => {}
                _ => return None,
            }
        }
        match self.tree()[last].kind {
            StmtKind::Return(value) => {
                let plain = match value {
                    None => true,
                    Some(value) => self.is_constant(value) && assigned.is_empty(),
                };
                let mut out: Vec<String> = held.iter().map(|held| held.text.clone()).collect();
                out.push(self.text_of(self.tree()[last].toks)?);
                plain.then_some(out)
            }
            StmtKind::Goto(label) => {
                let region = Region::after(self, label, check)?;
                for &place in &region.given {
                    let known = leaving.iter().all(|st| {
                        let value = st.get(&mut self.places, place);
                        let ours = |block| st.fates.get(block).is_some_and(Fate::is_ours);
                        value.whole
                            && !value.is_unknown()
                            && value.addresses.is_empty()
                            && value.blocks.iter().all(ours)
                            && (value.signs & ZERO == 0 || !region.tender.contains(&place))
                    });
                    if !known {
                        return None;
                    }
                }
                if let Some(variable) = region.returned {
                    let set_here = assigned
                        .iter()
                        .any(|&left| self.model().named(left) == Some(variable));
                    let from = self.tree()[earlier].toks.end;
                    let between = Toks::new(from, check.start.max(from));
                    if !set_here && self.assigns(variable, between) {
                        return None;
                    }
                }
                let given = |held: &&Held| {
                    !held
                        .place
                        .is_some_and(|place| region.given.contains(&place))
                        && !region.calls.contains(&held.text)
                };
                // What the code at the label does comes after what is done here: nothing that it
                // needs may be gone by then.
                let mut out: Vec<String> = held
                    .iter()
                    .filter(given)
                    .map(|held| held.text.clone())
                    .collect();
                out.extend(kept);
                out.push(format!("goto {};", self.ctx.name(label)));
                Some(out)
            }
            _ => None,
        }
    }

    /// Calls in a failing check that do not matter to another one.
    fn is_aside(&self, callee: ExprId) -> bool {
        match self.callee(callee) {
            Callee::Family(call) => call == Alloc::Free,
            Callee::Named(name) => {
                references::released(&name).is_some()
                    || name.ends_with("printk")
                    || name.ends_with("printf")
            }
            _ => false,
        }
    }

    /// Whether an expression has the same value everywhere in the function.
    fn is_constant(&self, e: ExprId) -> bool {
        if self.model().value(e).is_some() || self.model().is_null_pointer_constant(e) {
            return true;
        }
        match &self.tree()[e].kind {
            ExprKind::Number | ExprKind::Char | ExprKind::Text => true,
            ExprKind::Name(_) => match self.model().entity(e) {
                Some(entity) => self.model()[entity].storage().is_none(),
                None => self.ctx.spelled(e).bytes().any(|b| b.is_ascii_uppercase()),
            },
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) | ExprKind::Cast(_, inner) => {
                self.is_constant(*inner)
            }
            ExprKind::Binary { left, right, .. } => {
                self.is_constant(*left) && self.is_constant(*right)
            }
            _ => false,
        }
    }

    /// The bytes of the file that these tokens are.
    pub fn text_of(&self, toks: Toks) -> Option<String> {
        let span = self.ctx.text.span(toks)?;
        Some(crate::c::bytes::decode(span.of(self.ctx.lexed.source)))
    }

    fn assigns(&self, variable: EntityId, within: Toks) -> bool {
        self.model().uses(variable).iter().any(|&name| {
            within.contains(self.tree()[name].toks.start)
                && match self.model().parent(name) {
                    crate::c::types::Parent::Expr(outer) => match self.tree()[outer].kind {
                        ExprKind::Assign { left, .. } => left == name,
                        ExprKind::Unary(
                            Unary::Increment | Unary::Decrement | Unary::AddressOf,
                            _,
                        )
                        | ExprKind::Postfix { .. } => true,
                        _ => false,
                    },
                    _ => false,
                }
        })
    }
}

/// The code at a label that only gives back and returns.
#[derive(Default)]
struct Region {
    /// What it gives back.
    given: Vec<PlaceId>,
    /// Of that, what must not be NULL.
    tender: Vec<PlaceId>,
    /// The calls that leave sections or give back objects.
    calls: Vec<String>,
    /// The variable it returns.
    returned: Option<EntityId>,
    done: bool,
}

impl Region {
    fn after(flow: &mut Flow, label: Symbol, check: Toks) -> Option<Self> {
        let body = flow.tree()[flow.function].body;
        let StmtKind::Block(list) = flow.tree()[body].kind.clone() else {
            return None;
        };
        let is_label =
            |stmt: &StmtId| matches!(flow.tree()[*stmt].kind, StmtKind::Label(l) if l == label);
        let at = list.iter().position(is_label)?;
        if flow.tree()[list[at]].toks.start < check.end {
            return None;
        }
        let mut region = Self::default();
        for &stmt in &list[at..] {
            if region.done {
                break;
            }
            if !region.passes(flow, stmt, false) {
                return None;
            }
        }
        Some(region)
    }

    fn passes(&mut self, flow: &mut Flow, stmt: StmtId, tested: bool) -> bool {
        if flow.tree()[stmt].broken {
            return false;
        }
        match flow.tree()[stmt].kind.clone() {
            StmtKind::Empty | StmtKind::Label(_) => true,
            StmtKind::Block(list) => list.into_iter().all(|s| self.passes(flow, s, tested)),
            StmtKind::If {
                cond,
                then,
                otherwise: None,
            } => {
                let bare = flow.tree().bare(cond);
                let test = match flow.tree()[bare].kind {
                    ExprKind::Binary {
                        op: Binary::Ne,
                        left,
                        right,
                        ..
                    } if flow.is_null(right) => left,
                    _ => bare,
                };
                let nothing = State::default();
                flow.place(test, &nothing).is_some() && self.passes(flow, then, true)
            }
            StmtKind::Return(value) => {
                self.done = true;
                let Some(value) = value else { return true };
                match flow.model().named(value) {
                    Some(name) if flow.is_local(name) => {
                        self.returned = Some(name);
                        true
                    }
                    _ => flow.is_constant(value),
                }
            }
            StmtKind::Expr(e) => self.gives(flow, e, tested),
            _ => false,
        }
    }

    fn gives(&mut self, flow: &mut Flow, e: ExprId, tested: bool) -> bool {
        let ExprKind::Call { callee, args, .. } = flow.tree()[flow.tree().bare(e)].kind.clone()
        else {
            return false;
        };
        let frees = match flow.callee(callee) {
            Callee::Family(call) => call == Alloc::Free,
            Callee::Named(name) => match references::released(&name) {
                Some(references::GivesBack::Pointer(_)) => false,
                Some(_) => {
                    let text = flow.text_of(flow.tree()[e].toks);
                    self.calls.extend(text.map(|text| format!("{text};")));
                    return true;
                }
                None => return false,
            },
            _ => return false,
        };
        let Some(&arg) = args.first() else {
            return !frees;
        };
        let nothing = State::default();
        let Some(place) = flow.place(arg, &nothing) else {
            return false;
        };
        if !frees && !tested {
            self.tender.push(place);
        }
        self.given.push(place);
        true
    }
}
