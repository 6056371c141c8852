//! What is stored where, and who has it then.

use super::calls::Callee;
use super::flow::Flow;
use super::lvalue::Lvalue;
use super::place::{Node, PlaceId};
use super::value::{Doubt, Fate, SiteId, State, Value, ZERO};
use crate::c::syntax::tree::{DeclId, Designator, Element, ExprId, ExprKind};
use crate::c::types::Type;

impl Flow<'_> {
    pub fn assignment(
        &mut self,
        compound: bool,
        left: ExprId,
        right: ExprId,
        st: State,
    ) -> Vec<(State, Value)> {
        if !compound && self.is_record(left) {
            return self.copy(left, right, st);
        }
        let mut results = Vec::new();
        for (st, mut value) in self.eval(right, st) {
            for (mut st, lvalue) in self.reach(left, st) {
                if compound {
                    let old = match (&lvalue.places[..], lvalue.sure) {
                        (&[place], true) => self.load(&mut st, place, Some(left)),
                        _ => Value::unknown(),
                    };
                    match self.follow(&old, st, left) {
                        Some(next) => st = next,
                        None => continue,
                    }
                    value = match old.leads() || old.is_tracked() {
                        true => self.moved(&old, None),
                        false if value.leads() => value.inside(),
                        false => Value::unknown(),
                    };
                }
                if !compound {
                    self.keep_argument(left, right, &st, &value);
                }
                self.expose(left, &mut st, &lvalue, &value);
                self.store(Some(left), &mut st, &lvalue, &value);
                results.push((st, value.clone()));
            }
        }
        results
    }

    /// `head = push(head, x)`: where a check that is inserted in `push` makes it return NULL, what
    /// `head` led to must not be lost, so that the result is tested before it is stored.
    fn keep_argument(&mut self, left: ExprId, right: ExprId, st: &State, value: &Value) {
        let bare = self.bare(right);
        let (Some(place), ExprKind::Call { callee, args, .. }) =
            (self.place(left, st), self.tree()[bare].kind.clone())
        else {
            return;
        };
        let Callee::Program(function, _) = self.callee(callee) else {
            return;
        };
        let of_call = |&site: &SiteId| {
            let info = self.sites.get(site as usize);
            info.is_some_and(|info| info.expr == Some(bare) && info.part.is_empty())
        };
        let Some(site) = value.failed.iter().copied().find(of_call) else {
            return;
        };
        let summary = self.ctx.summary(function);
        if !summary.gives_up || st.get(&mut self.places, place).signs & !ZERO == 0 {
            return;
        }
        for (index, &arg) in args.iter().enumerate() {
            if self.place(arg, st) == Some(place) && summary.takes(index) {
                self.lose(site, left);
                return;
            }
        }
    }

    /// Assigns a structure.
    pub fn copy(&mut self, left: ExprId, right: ExprId, st: State) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (st, from) in self.structure(right, st) {
            for (mut st, to) in self.reach(left, st) {
                self.copy_places(&mut st, &from, &to, self.tree()[left].toks.start);
                results.push((st, Value::unknown()));
            }
        }
        results
    }

    /// Copies what one place holds, with all its members, to another.
    pub fn copy_places(
        &mut self,
        st: &mut State,
        from: &Lvalue,
        to: &Lvalue,
        at: crate::c::syntax::tree::Tok,
    ) {
        let (from, to) = match (from.one(), to.one()) {
            (Some(from), Some(to)) => (from, to),
            (from, _) => {
                if let Some(place) = from {
                    self.give_contents(st, place, &Fate::Unknown(Doubt::Stored(at)));
                }
                self.write(st, to, &Value::unknown());
                return;
            }
        };
        self.lend_contents(st, from);
        let held: Vec<(PlaceId, Value)> = st
            .env
            .iter()
            .filter(|&(&place, _)| place == from || self.places.is_part(place, from))
            .map(|(&place, value)| (place, value.clone()))
            .collect();
        self.write(st, &Lvalue::sure(to), &Value::unknown());
        for (place, value) in held {
            match self.places.moved(place, from, to) {
                Some(place) => self.store(None, st, &Lvalue::sure(place), &value),
                None => self.give(st, &value, &Fate::Unknown(Doubt::Stored(at))),
            }
        }
    }

    /// Notes that a place now holds `value`, which may be a block that somebody else sees there.
    pub fn store(&mut self, left: Option<ExprId>, st: &mut State, lvalue: &Lvalue, value: &Value) {
        if let Some(place) = lvalue.one().filter(|&place| !self.places.is_made(place)) {
            self.note_store(left, place, value);
        }
        if value.leads() {
            let fate = lvalue
                .places
                .iter()
                .map(|&place| self.fate_at(st, place, left))
                .reduce(|a, b| if a == b { a } else { a.max(b) });
            let none = Some(Fate::Unknown(Doubt::Stored(
                left.map_or(0, |left| self.tree()[left].toks.start),
            )));
            let fate = match lvalue.places.is_empty() {
                true => none,
                false => fate.flatten(),
            };
            if let Some(fate) = fate {
                self.give(st, value, &fate);
            }
        }
        self.write(st, lvalue, value);
    }

    /// What becomes of a block that is stored at a place; none if only this function sees it there.
    fn fate_at(&self, st: &State, place: PlaceId, left: Option<ExprId>) -> Option<Fate> {
        if let Some(site) = self.places.block_of(place) {
            // The caller gets it: told at the exits.
            let ours = st.fates.get(&site).is_some_and(Fate::is_ours);
            if self.is_param(site) && self.places.is_direct(place) {
                return (!ours).then_some(Fate::Moved);
            }
            if self.is_param(site) {
                return Some(Fate::Moved);
            }
            if !self.places.is_direct(place) {
                return Some(Fate::Unknown(Doubt::Stored(
                    left.map_or(0, |left| self.tree()[left].toks.start),
                )));
            }
            return match st.fates.get(&site) {
                Some(Fate::Owned | Fate::Perhaps) => None,
                Some(Fate::Unknown(doubt)) => Some(Fate::Unknown(doubt.clone())),
                _ => Some(Fate::Moved),
            };
        }
        let local = match self.places.variable_of(place) {
            Some(variable) => self.is_local(variable),
            None => self.places.is_made(place),
        };
        (!local || !self.places.is_direct(place)).then_some(Fate::Moved)
    }

    /// Others get these blocks, and all that can be reached from them: `fate` becomes of those that
    /// this function has.
    pub fn give(&mut self, st: &mut State, value: &Value, fate: &Fate) {
        let mut blocks: Vec<SiteId> = value.blocks.clone();
        let mut places: Vec<PlaceId> = value.addresses.clone();
        let mut seen: Vec<PlaceId> = Vec::new();
        // Only one of several goes.
        let fate = match fate {
            Fate::Moved if blocks.len() > 1 || !value.whole => Fate::Unknown(Doubt::OneOfSeveral),
            fate => fate.clone(),
        };
        loop {
            if let Some(site) = blocks.pop() {
                if !st.fates.get(&site).is_some_and(Fate::is_ours) {
                    continue;
                }
                st.fates.insert(site, fate.clone());
                places.extend(self.places.add(Node::Block(site)));
            } else if let Some(place) = places.pop() {
                if seen.contains(&place) {
                    continue;
                }
                seen.push(place);
                for (&known, value) in &st.env {
                    if known == place || self.places.is_part(known, place) {
                        blocks.extend(&value.blocks);
                        places.extend(&value.addresses);
                    }
                }
            } else {
                return;
            }
        }
    }

    /// Others may get what a place holds.
    pub fn give_contents(&mut self, st: &mut State, place: PlaceId, fate: &Fate) {
        self.give(st, &Value::address(place), fate);
    }

    /// Follows a declaration.
    pub fn declare(&mut self, decl: DeclId, states: Vec<State>) -> Vec<State> {
        let mut states = states;
        for declarator in self.tree()[decl].declarators.clone() {
            let Some(entity) = self.model().declares(declarator) else {
                continue;
            };
            let init = self.tree()[declarator].init;
            let Some(place) = self.variable(entity).filter(|_| self.is_local(entity)) else {
                continue;
            };
            for st in &mut states {
                st.forget(&self.places, place);
            }
            let Some(init) = init else { continue };
            let ty = self.model().declarator_type(declarator);
            let record = matches!(self.model()[ty], Type::Record(_) | Type::Array { .. });
            let bare = self.bare(init);
            if let ExprKind::List(_) = self.tree()[bare].kind {
                states = self.initialize(place, bare, states);
                continue;
            }
            let mut next = Vec::new();
            if record {
                let at = self.tree()[init].toks.start;
                for st in states {
                    for (mut st, from) in self.structure(init, st) {
                        self.copy_places(&mut st, &from, &Lvalue::sure(place), at);
                        next.push(st);
                    }
                }
            } else {
                for (mut st, value) in self.each(init, states) {
                    self.store(None, &mut st, &Lvalue::sure(place), &value);
                    next.push(st);
                }
            }
            states = self.merge(next);
        }
        states
    }

    /// `struct s s = { .f = value }`
    pub fn initialize(&mut self, place: PlaceId, list: ExprId, states: Vec<State>) -> Vec<State> {
        let ExprKind::List(elements) = self.tree()[list].kind.clone() else {
            return self.effects(list, states);
        };
        let mut states = states;
        let mut next_index = 0i64;
        for element in &elements {
            let part = self.part(place, element, &mut next_index);
            let nested = matches!(self.tree()[element.value].kind, ExprKind::List(_));
            if let (Some(part), true) = (part, nested) {
                states = self.initialize(part, element.value, states);
                continue;
            }
            let mut next = Vec::new();
            if let (Some(part), true) = (part, self.is_record(element.value)) {
                let at = self.tree()[element.value].toks.start;
                for st in states {
                    for (mut st, from) in self.structure(element.value, st) {
                        self.copy_places(&mut st, &from, &Lvalue::sure(part), at);
                        next.push(st);
                    }
                }
                states = self.merge(next);
                continue;
            }
            for (mut st, value) in self.each(element.value, states) {
                match part {
                    Some(part) => self.store(None, &mut st, &Lvalue::sure(part), &value),
                    None => {
                        let at = self.tree()[element.value].toks.start;
                        self.give(&mut st, &value, &Fate::Unknown(Doubt::Stored(at)));
                    }
                }
                next.push(st);
            }
            states = self.merge(next);
        }
        states
    }

    /// The part of an object that an element of a list is for.
    fn part(&mut self, place: PlaceId, element: &Element, next: &mut i64) -> Option<PlaceId> {
        match element.designators[..] {
            [Designator::Field(name, _)] => {
                let field = self.model().target(element.value).and_then(|t| t.field);
                let name = field.map_or(name, |field| self.field_name(field).unwrap_or(name));
                self.places.add(Node::Field(place, name))
            }
            [Designator::Index(index)] => {
                *next = i64::try_from(self.model().value(index)?).ok()?;
                let part = self.element(place, *next);
                *next += 1;
                part
            }
            [] => {
                let field = self.model().target(element.value).and_then(|t| t.field);
                if let Some(field) = field {
                    let name = self.field_name(field)?;
                    return self.places.add(Node::Field(place, name));
                }
                let part = self.element(place, *next);
                *next += 1;
                part
            }
            _ => None,
        }
    }
}
