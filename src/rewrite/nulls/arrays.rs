//! Arrays of blocks that a loop fills, so that a loop can free them.

use super::flow::Flow;
use super::outcome::{Hop, Suffix};
use super::style::{BODY, END};
use super::value::{Fate, SiteId, State, Value, old};
use crate::c::Symbol;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, StmtId, StmtKind, Tok, Toks, Unary};
use crate::c::types::{EntityId, Parent};

/// The elements of an array that hold a block each.
#[derive(Clone, Debug)]
pub struct Filled {
    /// Where the blocks are from.
    pub site: SiteId,
    /// The last block is among them.
    pub newest: bool,
    /// The head of a loop over them.
    head: String,
    /// An element, in that loop.
    element: String,
}

impl Filled {
    /// The loop that frees them, after what they hold (the steps that lead there).
    pub fn text(&self, parts: &[String]) -> String {
        let frees: Vec<String> = parts
            .iter()
            .map(String::as_str)
            .chain([""])
            .map(|steps| format!("static_free({}{steps});", self.element))
            .collect();
        match &frees[..] {
            [only] => format!("{}{BODY}{only}", self.head),
            _ => {
                let body: String = frees.iter().map(|free| format!("{BODY}{free}")).collect();
                format!("{} {{{body}{END}}}", self.head)
            }
        }
    }
}

/// `for (i = 0; i < n; i++) a[i] = …;`
struct Fill {
    stmt: StmtId,
    /// The loop.
    whole: StmtId,
    /// Its body.
    body: Toks,
    index: EntityId,
    /// The array, or the pointer to its first element.
    array: ExprId,
    /// The variable that it is, or that it is reached from.
    root: EntityId,
    /// The names of the members on the way from there.
    members: Vec<Symbol>,
    /// The bound: a constant, or a name.
    bound: ExprId,
}

impl Flow<'_> {
    /// The elements of an array that surely hold the blocks of a site where the check of another
    /// one leaves. Each iteration must fill the next element, and nothing else may write it.
    pub fn filled(&mut self, site: SiteId, check: SiteId) -> Option<Filled> {
        // What the call returns is stored in the element; what else it makes lies elsewhere.
        if !self.sites[site as usize].part.is_empty() {
            return None;
        }
        let fill = self.fill(site)?;
        let at = self.sites[check as usize].order;
        let whole = self.tree()[fill.whole].toks;
        if !self.only_filled(&fill, at) {
            return None;
        }
        let array = self.ctx.written(self.tree().bare(fill.array))?;
        let index = self.ctx.name(self.model()[fill.index].name);
        let stmt = self.tree()[fill.stmt].toks;
        let earlier = fill.body.contains(at) && at < stmt.start;
        let (relation, bound, newest) = if check == site || stmt.contains(at) || earlier {
            ("<", index, false)
        } else if whole.contains(at) && at >= stmt.end {
            ("<=", index, true)
        } else if at >= whole.end && self.is_passed(&fill, at) {
            let bound = self.ctx.written(fill.bound)?;
            ("<", bound, true)
        } else {
            return None;
        };
        let counter = self.ctx.unused("k", &[]);
        Some(Filled {
            site,
            newest,
            head: format!("for (int {counter} = 0; {counter} {relation} {bound}; {counter}++)"),
            element: format!("{array}[{counter}]"),
        })
    }

    /// The blocks that all elements surely hold where they were stored when the elements were made,
    /// those farther away first, and the steps that lead there.
    pub fn held_by(&mut self, filled: &Filled, states: &[State]) -> Vec<(SiteId, String)> {
        let mut parts = self.parts.get(&filled.site).cloned().unwrap_or_default();
        parts.sort_by_key(|(_, suffix)| std::cmp::Reverse(suffix.len()));
        let mut holders = vec![old(filled.site)];
        if filled.newest {
            holders.push(filled.site);
        }
        let mut found = Vec::new();
        for (part, suffix) in parts {
            // Where the element of this iteration failed, the last one's parts are not old yet.
            let blocks = [part, old(part)];
            let there = states.iter().all(|st| {
                let fates: Vec<_> = blocks.iter().filter_map(|b| st.fates.get(b)).collect();
                let ours = fates.iter().all(|fate| fate.is_ours());
                let made = |holder: &&SiteId| st.fates.get(holder).is_some_and(Fate::is_ours);
                ours && holders.iter().filter(made).all(|&holder| {
                    let holder = Value::block(holder);
                    let place = self.follow_suffix(st, &holder, None, &suffix);
                    place.is_some_and(|place| {
                        let held = st.get(&mut self.places, place).blocks;
                        !held.is_empty() && held.iter().all(|block| blocks.contains(block))
                    })
                })
            });
            if let Some(steps) = self.steps(&suffix).filter(|_| there) {
                found.push((part, steps));
            }
        }
        found
    }

    /// The steps from a pointer to a member of what it points to; none if there are others.
    pub fn steps(&self, suffix: &Suffix) -> Option<String> {
        let mut text = String::new();
        let mut follow = true;
        for hop in suffix {
            match hop {
                Hop::Field(name) => {
                    text += if follow { "->" } else { "." };
                    text += &self.ctx.name(*name);
                    follow = false;
                }
                Hop::Pointee if !follow => follow = true,
                Hop::Pointee | Hop::Element(_) => return None,
            }
        }
        (!follow).then_some(text)
    }

    /// The loop that fills an array with the blocks of a site.
    fn fill(&mut self, site: SiteId) -> Option<Fill> {
        let model = self.model();
        let call = self.sites[site as usize].expr?;
        let stmt = model.stmt_of(call)?;
        let StmtKind::Expr(expr) = self.tree()[stmt].kind else {
            return None;
        };
        let ExprKind::Assign {
            op: None,
            left,
            right,
            ..
        } = self.tree()[self.tree().bare(expr)].kind
        else {
            return None;
        };
        if self.bare(right) != call {
            return None;
        }
        let ExprKind::Index(base, index) = self.tree()[self.tree().bare(left)].kind else {
            return None;
        };
        let index = model.named(index)?;
        let (root, members) = self.members(base)?;
        // The statement stands in the body itself.
        let body = self.around(stmt)?;
        let whole = match self.tree()[body].kind {
            StmtKind::For { .. } => body,
            _ => self.around(body)?,
        };
        let StmtKind::For {
            init: Some(init),
            cond: Some(cond),
            step: Some(step),
            body: of,
            ..
        } = self.tree()[whole].kind
        else {
            return None;
        };
        let direct = of == stmt || of == body && matches!(self.tree()[of].kind, StmtKind::Block(_));
        let bound = self.bound(cond, index)?;
        let counts = self.starts_at_zero(init, index) && self.steps_by_one(step, index);
        let own = model[root].is_automatic() && model[index].is_automatic();
        let plain =
            !model.is_address_taken(index) && !self.is_hidden(root) && !self.is_hidden(index);
        if !(direct && counts && own && plain) {
            return None;
        }
        let fill = Fill {
            stmt,
            whole,
            body: self.tree()[of].toks,
            index,
            array: base,
            root,
            members,
            bound,
        };
        (self.only_counts(&fill) && self.is_steady(&fill)).then_some(fill)
    }

    fn bound(&self, cond: ExprId, index: EntityId) -> Option<ExprId> {
        match self.tree()[self.tree().bare(cond)].kind {
            ExprKind::Binary {
                op: Binary::Lt | Binary::Ne,
                left,
                right,
                ..
            } if self.model().named(left) == Some(index) => Some(right),
            _ => None,
        }
    }

    fn starts_at_zero(&self, init: StmtId, index: EntityId) -> bool {
        match self.tree()[init].kind {
            StmtKind::Decl(decl) => self.tree()[decl].declarators.iter().any(|&d| {
                let zero = self.tree()[d].init.is_some_and(|e| self.model().is_zero(e));
                self.model().declares(d) == Some(index) && zero
            }),
            StmtKind::Expr(expr) => match self.tree()[self.tree().bare(expr)].kind {
                ExprKind::Assign {
                    op: None,
                    left,
                    right,
                    ..
                } => self.model().named(left) == Some(index) && self.model().is_zero(right),
                _ => false,
            },
            _ => false,
        }
    }

    fn steps_by_one(&self, step: ExprId, index: EntityId) -> bool {
        let named = |e: ExprId| self.model().named(e) == Some(index);
        match self.tree()[self.tree().bare(step)].kind {
            ExprKind::Unary(Unary::Increment, operand)
            | ExprKind::Postfix {
                increment: true,
                operand,
            } => named(operand),
            ExprKind::Assign {
                op: Some(Binary::Add),
                left,
                right,
                ..
            } => named(left) && self.model().value(right) == Some(1),
            _ => false,
        }
    }

    /// The variable that a chain of members starts at, and their names.
    fn members(&self, e: ExprId) -> Option<(EntityId, Vec<Symbol>)> {
        let bare = self.tree().bare(e);
        match self.tree()[bare].kind {
            ExprKind::Name(_) => Some((self.model().named(bare)?, Vec::new())),
            ExprKind::Member { object, name, .. } => {
                let (root, mut members) = self.members(object)?;
                members.push(name);
                Some((root, members))
            }
            _ => None,
        }
    }

    /// Whether nothing but the filling statement writes elements, or hands the array out, before the
    /// check at `at`. What comes after that matters only if an outer loop leads back.
    fn only_filled(&self, fill: &Fill, at: Tok) -> bool {
        let model = self.model();
        let whole = self.tree()[fill.whole].toks;
        let mut outer = self.around(fill.whole);
        let mut repeated = false;
        let declared = model[fill.root].tok;
        while let Some(stmt) = outer {
            let again = matches!(
                self.tree()[stmt].kind,
                StmtKind::For { .. } | StmtKind::While { .. } | StmtKind::Do { .. }
            );
            // A variable of the loop's body is another one each time.
            let toks = self.tree()[stmt].toks;
            repeated |= again && !declared.is_some_and(|tok| toks.contains(tok));
            outer = self.around(stmt);
        }
        let until = at.max(whole.end);
        let uses = model.uses(fill.root).iter().copied();
        let mut uses = uses.filter(|&name| repeated || self.tree()[name].toks.start < until);
        uses.all(|name| self.leaves_elements(fill, name, whole.start))
    }

    /// Whether an expression is the operand of `sizeof`, perhaps in parentheses.
    fn is_sized(&self, e: ExprId) -> bool {
        match self.model().parent(e) {
            Parent::Expr(outer) => match self.tree()[outer].kind {
                ExprKind::SizeofExpr(_) => true,
                ExprKind::Paren(_) | ExprKind::Unary(Unary::Deref, _) => self.is_sized(outer),
                _ => false,
            },
            _ => false,
        }
    }

    /// Whether a use of the variable leaves the elements as they are.
    fn leaves_elements(&self, fill: &Fill, name: ExprId, start: Tok) -> bool {
        let model = self.model();
        let mut at = name;
        let mut met = 0;
        let mut element = None;
        while let Parent::Expr(outer) = model.parent(at) {
            match self.tree()[outer].kind {
                ExprKind::Paren(_) => {}
                ExprKind::Member { object, name, .. }
                    if object == at && met < fill.members.len() =>
                {
                    if fill.members[met] != name {
                        // Another member.
                        return true;
                    }
                    met += 1;
                }
                ExprKind::Index(base, _)
                    if element.is_none() && base == at && met == fill.members.len() =>
                {
                    element = Some(outer);
                }
                ExprKind::SizeofExpr(_) => return true,
                ExprKind::Unary(Unary::Deref, _) if element.is_none() && self.is_sized(outer) => {
                    return true;
                }
                _ => break,
            }
            at = outer;
        }
        let Parent::Expr(outer) = model.parent(at) else {
            // `return rows;` and the like hand it out.
            return element.is_some();
        };
        let stored = matches!(
            self.tree()[outer].kind,
            ExprKind::Assign { left, .. } if left == at
        );
        let Some(element) = element else {
            // It is made before the loop, or tested.
            let tested = matches!(
                self.tree()[outer].kind,
                ExprKind::Unary(Unary::Not, _) | ExprKind::Binary { .. }
            );
            return tested || stored && self.tree()[outer].toks.end <= start;
        };
        let filling = self.tree()[fill.stmt].toks.holds(self.tree()[element].toks);
        filling && stored
            || !stored
                && !matches!(
                    self.tree()[outer].kind,
                    ExprKind::Unary(Unary::AddressOf | Unary::Increment | Unary::Decrement, _)
                        | ExprKind::Postfix { .. }
                )
    }

    /// Whether the counter is written by its loop alone, as long as the loop runs.
    fn only_counts(&self, fill: &Fill) -> bool {
        let StmtKind::For { body, .. } = self.tree()[fill.whole].kind else {
            return false;
        };
        let body = self.tree()[body].toks;
        let uses = self.model().uses(fill.index).iter();
        uses.filter(|&&name| body.contains(self.tree()[name].toks.start))
            .all(|&name| !self.is_written(name))
    }

    /// Whether a variable is written where it is named.
    fn is_written(&self, name: ExprId) -> bool {
        let mut at = name;
        while let Parent::Expr(outer) = self.model().parent(at) {
            match self.tree()[outer].kind {
                ExprKind::Paren(_) => at = outer,
                ExprKind::Assign { left, .. } => return left == at,
                ExprKind::Unary(Unary::Increment | Unary::Decrement | Unary::AddressOf, _)
                | ExprKind::Postfix { .. } => return true,
                _ => return false,
            }
        }
        false
    }

    /// Whether each iteration that goes on has filled its element: nothing leaves it before, and no
    /// label leads into it.
    fn is_steady(&self, fill: &Fill) -> bool {
        let StmtKind::For { body, .. } = self.tree()[fill.whole].kind else {
            return false;
        };
        let filled = self.tree()[fill.stmt].toks.start;
        let mut open = vec![body];
        while let Some(stmt) = open.pop() {
            let before = self.tree()[stmt].toks.start < filled;
            match self.tree()[stmt].kind {
                StmtKind::Label(_) | StmtKind::Case { .. } => return false,
                StmtKind::Continue
                | StmtKind::Goto(_)
                | StmtKind::GotoComputed(_)
                | StmtKind::Break
                    if before =>
                {
                    return false;
                }
                _ => open.extend(self.tree().substatements(stmt)),
            }
        }
        true
    }

    /// Whether a label of the function stands after `at`, at the end of its body.
    fn is_after(&self, label: Symbol, at: Tok) -> bool {
        let body = self.tree()[self.function].body;
        let StmtKind::Block(list) = &self.tree()[body].kind else {
            return false;
        };
        list.iter().any(|&stmt| {
            let is = matches!(self.tree()[stmt].kind, StmtKind::Label(l) if l == label);
            is && self.tree()[stmt].toks.start > at
        })
    }

    /// Whether every way to `at` has passed the whole loop, with its bound still the same.
    fn is_passed(&self, fill: &Fill, at: Tok) -> bool {
        let whole = self.tree()[fill.whole].toks;
        // The check stands in the block of the loop, or inside of a later statement there.
        let Some(block) = self.around(fill.whole) else {
            return false;
        };
        if !self.tree()[block].toks.contains(at) {
            return false;
        }
        let mut open = vec![block];
        while let Some(stmt) = open.pop() {
            let start = self.tree()[stmt].toks.start;
            if start < whole.start && !self.tree()[stmt].toks.holds(whole) || start > at {
                continue;
            }
            match self.tree()[stmt].kind {
                StmtKind::Label(_) | StmtKind::Case { .. } if start >= whole.start => return false,
                // Out of the loop before its end.
                StmtKind::Break if whole.contains(start) => return false,
                StmtKind::Goto(label) if whole.contains(start) && !self.is_after(label, at) => {
                    return false;
                }
                _ => open.extend(self.tree().substatements(stmt)),
            }
        }
        if self.model().value(fill.bound).is_some() {
            return true;
        }
        let Some(bound) = self.model().named(fill.bound) else {
            return false;
        };
        let steady = self.model()[bound].is_automatic() && !self.model().is_address_taken(bound);
        let within = |name: ExprId| {
            let tok = self.tree()[name].toks.start;
            whole.start <= tok && tok < at
        };
        let uses = self.model().uses(bound).iter();
        steady
            && !uses
                .copied()
                .any(|name| within(name) && self.is_written(name))
    }
}
