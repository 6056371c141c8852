//! What to hide from the verifier, so that the state of a loop repeats.

use std::collections::BTreeSet;

use super::super::facts::Loop;
use super::super::numbers::{Change, Mod};
use super::super::vars::Tok;
use super::{Search, Start, span};
use crate::c::syntax::tree::{Binary, DeclaratorId, ExprId, ExprKind, StmtKind, Toks, Unary};
use crate::c::types::{EntityId, EntityKind, Parent, Storage};

impl Search<'_> {
    /// The numbers in structures on the stack that a loop counts or sets, and that have a value
    /// before: `q.head`. The verifier follows them as it does variables.
    pub(super) fn members(&self, this: &Loop) -> Vec<String> {
        let model = self.reading.model;
        let tree = &model.tree;
        let repeated = self.repeated(this);
        let condition = span(this.condition);
        let mut found = BTreeSet::new();
        for place in repeated.iter().flat_map(|&t| self.index.written(t)) {
            let place = tree.bare(place);
            let before = self.first(this);
            let (entity, written) = if let Some(entity) = self.member_of(place) {
                let mut declarators = model[entity].declarators.iter();
                (entity, declarators.any(|&d| tree[d].init.is_some()))
            } else if let Some(pointer) = self.lent_number(place) {
                (pointer, self.is_set(pointer, this.function.0, before))
            } else if let Some(pointer) = self.lent_member(place) {
                // Of one that leads elsewhere in the next round, nobody knows that it does.
                let mut all = repeated.iter().flat_map(|&t| self.index.written(t));
                let stays = !all.any(|other| model.named(other) == Some(pointer));
                (pointer, stays && self.is_counted(place))
            } else {
                continue;
            };
            if self.numbers.declared(entity) >= before || !written {
                continue;
            }
            let toks = tree[place].toks;
            let text: Vec<_> = (toks.start..toks.end)
                .map(|t| String::from_utf8_lossy(self.reading.unit.text(&self.toks[t])))
                .collect();
            let said = (condition.start..condition.end).any(|t| {
                self.word(t) == b"static_hide" && self.toks[t + 2].symbol == model[entity].name
            });
            if !said && (toks.start..toks.end).all(|t| self.toks[t].expansion.is_none()) {
                found.insert(text.concat());
            }
        }
        found.extend(self.subtracted(this, &repeated));
        found.into_iter().collect()
    }

    /// The pointers into the arena that a loop steps and subtracts, one of each difference: where both begin
    /// at one place, the compiler counts the difference itself, from a number that the verifier knows.
    fn subtracted(&self, this: &Loop, repeated: &[Toks]) -> BTreeSet<String> {
        let model = self.reading.model;
        let tree = &model.tree;
        let condition = span(this.condition);
        let said = |entity: EntityId| {
            (condition.start..condition.end.saturating_sub(2)).any(|t| {
                self.word(t) == b"static_hide" && self.toks[t + 2].symbol == model[entity].name
            })
        };
        let stepped = |entity: EntityId| {
            let mut written = repeated.iter().flat_map(|&t| self.index.written(t));
            written.any(|place| model.named(place) == Some(entity))
        };
        let sides = repeated.iter().flat_map(|&t| self.index.differences(t));
        let mut found = BTreeSet::new();
        let mut done = BTreeSet::new();
        for side in sides {
            let Some(entity) = model.named(side) else {
                continue;
            };
            let Parent::Expr(difference) = model.parent(side) else {
                continue;
            };
            let plain = self.toks[tree[side].toks.start].expansion.is_none();
            let hidden = plain
                && model[entity].is_automatic()
                && self.leads_into_arena(entity)
                && self.declared_before(entity, this)
                && self.has_value(entity, this)
                && stepped(entity);
            if hidden && done.insert(difference) && !said(entity) {
                found.insert(
                    String::from_utf8_lossy(model.unit.symbols.text(model[entity].name))
                        .into_owned(),
                );
            }
        }
        found
    }

    /// Whether a variable is a pointer into the arena that does not lie there itself.
    fn leads_into_arena(&self, entity: EntityId) -> bool {
        let vars = &self.reading.vars;
        let object = self.reading.object_of(entity);
        object.is_some_and(|object| {
            let to = self.reading.points_into(object);
            !vars.is_arena(object.place) && to.is_some_and(|space| vars.is_arena(space))
        })
    }

    fn declared_before(&self, entity: EntityId, this: &Loop) -> bool {
        let declarators = self.reading.model[entity].declarators.iter();
        let mut starts = declarators.map(|&d| self.reading.model.tree[d].toks.start);
        starts.all(|at| at < self.first(this))
    }

    /// Whether a variable has a value on every way to a loop: from its declaration, or from a statement of a
    /// block around the loop. What is hidden is read, and the kernel reads nothing that nobody wrote.
    fn has_value(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let tree = &model.tree;
        let mut around = Vec::new();
        let mut parent = model.stmt_parent(this.stmt);
        while let Parent::Stmt(stmt) = parent {
            around.push(stmt);
            parent = model.stmt_parent(stmt);
        }
        let begins = |&d: &DeclaratorId| tree[d].init.is_some();
        self.is_parameter(entity)
            || model[entity].declarators.iter().any(begins)
            || model.uses(entity).iter().any(|&name| {
                let Parent::Expr(assign) = model.parent(name) else {
                    return false;
                };
                let sets = matches!(tree[assign].kind,
                    ExprKind::Assign { op: None, left, .. } if left == name);
                let Parent::Stmt(stmt) = model.parent(assign) else {
                    return false;
                };
                let block = match model.stmt_parent(stmt) {
                    Parent::Stmt(block) => around.contains(&block),
                    _ => false,
                };
                sets && block
                    && matches!(tree[stmt].kind, StmtKind::Expr(_))
                    && tree[stmt].toks.end <= this.tok
            })
    }

    /// The pointer `n` of `*n`, a number on the stack of a caller.
    fn lent_number(&self, place: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let ExprKind::Unary(Unary::Deref, pointer) = model.tree[place].kind else {
            return None;
        };
        let entity = model.named(pointer)?;
        let toks = model.tree[pointer].toks;
        let follows = self.index.pointers.get(&(toks.start, toks.end))?;
        let there = self.reading.follows[*follows.first()?];
        let stack = model[entity].is_automatic() && !self.reading.vars.is_arena(there.space);
        (stack && model.number(model.type_of(place)).is_some()).then_some(entity)
    }

    /// The pointer `s` of `s->pos`, a number in a structure on the stack of a caller. What is elsewhere the
    /// verifier does not follow, and others may write to it at the same time.
    fn lent_member(&self, place: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let mut at = place;
        loop {
            let ExprKind::Member { object, arrow, .. } = model.tree[at].kind else {
                return None;
            };
            if model.field(model.member(at)?).bits.is_some() {
                return None;
            }
            at = model.tree.bare(object);
            if arrow {
                break;
            }
        }
        let entity = model.named(at)?;
        let toks = model.tree[at].toks;
        let follows = self.index.pointers.get(&(toks.start, toks.end))?;
        let space = self.reading.follows[*follows.first()?].space;
        let vars = &self.reading.vars;
        let stack = model[entity].is_automatic()
            && model.number(model.type_of(place)).is_some()
            && vars.is_known(space)
            && !vars.is_arena(space)
            && self.on_stack.get(&vars.find(space)) == Some(&true);
        stack.then_some(entity)
    }

    /// Whether a place is changed by what it holds, so that it holds something before: `s->pos++`.
    fn is_counted(&self, place: ExprId) -> bool {
        let model = self.reading.model;
        let Parent::Expr(outer) = model.parent(place) else {
            return false;
        };
        match model.tree[outer].kind {
            ExprKind::Postfix { .. } => true,
            ExprKind::Unary(op, _) => matches!(op, Unary::Increment | Unary::Decrement),
            ExprKind::Assign { op, left, .. } => op.is_some() && left == place,
            _ => false,
        }
    }

    /// Whether `*n` is assigned among tokens.
    fn is_set(&self, pointer: EntityId, from: Tok, to: Tok) -> bool {
        let tree = &self.reading.model.tree;
        self.reading.model.uses(pointer).iter().any(|&name| {
            let at = tree[name].toks.start;
            let outer = |e| match self.reading.model.parent(e) {
                Parent::Expr(outer) => Some(outer),
                _ => None,
            };
            let deref = outer(name)
                .filter(|&d| matches!(tree[d].kind, ExprKind::Unary(Unary::Deref, _)));
            let set = deref.and_then(outer).is_some_and(|a| {
                matches!(tree[a].kind, ExprKind::Assign { op: None, left, .. } if Some(left) == deref)
            });
            (from..to).contains(&at) && set
        })
    }

    /// The structure on the stack of which an expression is a member that is a number.
    fn member_of(&self, place: ExprId) -> Option<EntityId> {
        let model = self.reading.model;
        let mut at = place;
        while let ExprKind::Member {
            object,
            arrow: false,
            ..
        } = model.tree[at].kind
        {
            let field = model.member(at)?;
            if model.field(field).bits.is_some() {
                return None;
            }
            at = model.tree.bare(object);
        }
        let entity = model.named(at).filter(|_| at != place)?;
        let stack = model[entity].is_automatic()
            && self
                .reading
                .place_of(entity)
                .is_some_and(|p| !self.reading.vars.is_arena(p));
        (stack && model.number(model.type_of(place)).is_some()).then_some(entity)
    }

    /// The counters whose start is hidden, and the numbers hidden in each iteration.
    pub(super) fn hiding(&self, this: &Loop) -> (Vec<Start>, Vec<EntityId>) {
        let repeated = self.repeated(this);
        let changing = self.changing(&repeated, span(this.body));
        let first = self.first(this);
        let mut starts = Vec::new();
        for &entity in &changing {
            let stays_hidden =
                !self.comes_back(entity, &repeated) && !self.is_told_apart(entity, this);
            let start = self.numbers.start(entity, this.function.0, first);
            let written = self.numbers.of(entity).iter().any(|m| m.tok < first);
            if !written && !self.is_parameter(entity) {
                // It has no value yet that could be hidden.
                continue;
            }
            match start.filter(|_| stays_hidden) {
                Some((value, _)) if self.numbers.hidden_before(value) => {}
                Some((value, _)) if self.can_hide(value) => {
                    let toks = self.reading.model.tree[value].toks;
                    starts.push(Start {
                        value: (toks.start, toks.end),
                        index: self.is_bounded(entity, this) || self.is_index(entity, this),
                    });
                }
                _ if self.is_parameter(entity) && stays_hidden && start.is_none() => {
                    if self.called_with_constant(entity) {
                        return (Vec::new(), self.unhidden(changing, this));
                    }
                }
                _ => return (Vec::new(), self.unhidden(changing, this)),
            }
        }
        starts.sort();
        (starts, Vec::new())
    }

    /// Whether a loop indexes something with a variable, other than with its whole range.
    fn is_index(&self, entity: EntityId, this: &Loop) -> bool {
        let mut elements = self.index.elements(span(this.body));
        elements.any(|(_, index)| self.counter(index) == Some(entity))
    }

    /// Whether the loop gives a variable a value that the verifier knows, whatever it was before.
    fn comes_back(&self, entity: EntityId, repeated: &[Toks]) -> bool {
        let mods = self.numbers.of(entity).iter();
        let mut inside = mods.filter(|m| repeated.iter().any(|t| t.contains(m.tok)));
        inside.any(|m| match m.change {
            Change::Step(_) | Change::Combined(_) => false,
            Change::Set(value) => self.numbers.is_constant(value, entity),
            Change::Lent => true,
        })
    }

    /// Whether the body compares a variable with constants, so that the verifier knows its value on
    /// one of the ways and follows the loop from there value by value.
    fn is_told_apart(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let body = span(this.body);
        let grows = self
            .numbers
            .of(entity)
            .iter()
            .any(|m| body.contains(m.tok) && matches!(m.change, Change::Step(by) if by > 0));
        let stepped = |toks: Toks| {
            let mut mods = self.numbers.of(entity).iter();
            mods.any(|m| toks.contains(m.tok))
        };
        model.uses(entity).iter().any(|&name| {
            if !body.contains(model.tree[name].toks.start) {
                return false;
            }
            match model.parent(name) {
                Parent::Expr(outer) => match model.tree[outer].kind {
                    ExprKind::Binary {
                        op: Binary::Eq | Binary::Ne,
                        left,
                        right,
                        ..
                    } => {
                        let other = if left == name { right } else { left };
                        model.value(other).is_some()
                    }
                    // Whether it is 0, of one that is never less: `while (k > 0 && …) k = next[k]`.
                    ExprKind::Binary {
                        op, left, right, ..
                    } if op.compares() => {
                        let (op, other) = match left == name {
                            true => (op, right),
                            false => (op.mirrored(), left),
                        };
                        let least = match op {
                            Binary::Gt | Binary::Le => Some(0),
                            Binary::Ge | Binary::Lt => Some(1),
                            _ => None,
                        };
                        grows && least.is_some() && model.value(other) == least
                    }
                    ExprKind::Binary { op, .. } => op.is_logical(),
                    ExprKind::Conditional { cond, .. } => cond == name,
                    ExprKind::Unary(Unary::Not, _) => true,
                    _ => false,
                },
                Parent::Stmt(stmt) => match model.tree[stmt].kind {
                    StmtKind::Switch { .. } => !stepped(model.tree[stmt].toks),
                    StmtKind::If { cond, .. } => cond == name,
                    _ => false,
                },
                _ => false,
            }
        })
    }

    /// The value's text can be edited where it stands.
    fn can_hide(&self, value: ExprId) -> bool {
        let toks = self.reading.model.tree[value].toks;
        self.reading.written(toks.start, toks.end).is_some()
    }

    /// Those that the condition does not hide yet.
    fn unhidden(&self, mut changing: Vec<EntityId>, this: &Loop) -> Vec<EntityId> {
        let (from, to) = this.condition;
        let first = self.first(this);
        changing.retain(|&e| {
            // What has no value yet cannot be read.
            self.is_parameter(e) || self.numbers.of(e).iter().any(|m| m.tok < first)
        });
        changing.retain(|&e| {
            let name = self.reading.model[e].name;
            !(from..to.saturating_sub(2))
                .any(|t| self.word(t) == b"static_hide" && self.toks[t + 2].symbol == name)
        });
        changing
    }

    /// The numbers of the function that change among `within`, live on from one iteration to the
    /// next, and whose values the verifier knows and needs.
    pub(super) fn changing(&self, within: &[Toks], body: Toks) -> Vec<EntityId> {
        let changed = within.iter().flat_map(|&t| self.index.changes(t));
        let mut changed: Vec<EntityId> = changed.collect();
        changed.sort();
        changed.dedup();
        changed.retain(|&entity| !self.is_in_heap(entity));
        changed.retain(|&entity| {
            let mods = self.numbers.of(entity);
            let inside = |m: &&Mod| within.iter().any(|t| t.contains(m.tok));
            let known = |m: &Mod| match m.change {
                Change::Step(_) => true,
                Change::Set(value) => self.numbers.is_known(value),
                Change::Combined(value) => self.numbers.is_known(value),
                Change::Lent => true,
            };
            mods.iter().filter(inside).any(known)
                && !body.contains(self.numbers.declared(entity))
                && self.has_value_before(entity, mods, within)
                && self.starts_known(entity, mods)
                && self.numbers.matters(entity)
        });
        changed
    }

    /// Whether a variable has a value when the loop begins: one that has none yet is set in each
    /// iteration before it is used.
    fn has_value_before(&self, entity: EntityId, mods: &[Mod], within: &[Toks]) -> bool {
        let first = within
            .iter()
            .filter(|t| t.start < t.end)
            .map(|t| t.start)
            .min();
        let before = |tok: Tok| first.is_none_or(|first| tok < first);
        self.is_parameter(entity)
            || !self.reading.model[entity].is_automatic()
            || mods.iter().any(|m| before(m.tok))
    }

    /// Whether the verifier knows a value of the variable at any time: one that starts unknown and
    /// is only combined stays unknown.
    fn starts_known(&self, entity: EntityId, mods: &[Mod]) -> bool {
        mods.iter().any(|m| match m.change {
            Change::Set(value) => self.numbers.is_known(value),
            Change::Lent => true,
            _ => false,
        }) || self.is_parameter(entity) && self.called_with_constant(entity)
    }

    fn is_parameter(&self, entity: EntityId) -> bool {
        self.reading.model[entity].storage() == Some(Storage::Parameter)
    }

    /// Whether a call passes a number that the verifier knows for a parameter.
    fn called_with_constant(&self, param: EntityId) -> bool {
        let model = self.reading.model;
        let EntityKind::Object {
            function: Some(function),
            ..
        } = model[param].kind
        else {
            return false;
        };
        let info = model.info(function);
        let Some(index) = info.params.iter().position(|p| *p == Some(param)) else {
            return false;
        };
        let Some(entity) = info.entity else {
            return false;
        };
        model.uses(entity).iter().any(|&name| {
            let Parent::Expr(outer) = model.parent(name) else {
                return false;
            };
            match &model.tree[outer].kind {
                ExprKind::Call { callee, args, .. } if *callee == name => {
                    args.get(index).is_some_and(|&a| self.numbers.is_known(a))
                }
                _ => true,
            }
        })
    }

    /// The condition compares the variable with an upper bound.
    pub(super) fn is_bounded(&self, entity: EntityId, this: &Loop) -> bool {
        let model = self.reading.model;
        let condition = span(this.condition);
        model.uses(entity).iter().any(|&name| {
            if !condition.contains(model.tree[name].toks.start) {
                return false;
            }
            let Parent::Expr(outer) = model.parent(name) else {
                return false;
            };
            match model.tree[outer].kind {
                ExprKind::Binary {
                    op, left, right, ..
                } => match op {
                    Binary::Lt | Binary::Le | Binary::Ne => left == name,
                    Binary::Gt | Binary::Ge => right == name,
                    _ => false,
                },
                _ => false,
            }
        })
    }
}
