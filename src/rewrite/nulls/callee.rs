//! What functions of the program do to their callers.

use super::flow::{Flow, Lent, Source};
use super::lvalue::Lvalue;
use super::outcome::{Given, Hold, Outcome, Returned, Summary};
use super::place::{Node, PlaceId};
use super::references::{self, GivesBack};
use super::value::{Doubt, Fate, SiteId, State, Value, ZERO};
use crate::c::syntax::tree::ExprId;
use crate::c::types::EntityId;

impl Flow<'_> {
    /// A variable with the `cleanup` attribute goes out of scope.
    pub fn clean_up(&mut self, variable: EntityId, states: Vec<State>) -> Vec<State> {
        let Some(name) = self.ctx.cleanup(variable) else {
            return states;
        };
        let Some(place) = self.variable(variable) else {
            return states;
        };
        let argument = Value::address(place);
        let mut rest = Vec::new();
        for mut st in states {
            if let Some(GivesBack::Object(..)) = references::released(&name) {
                self.left(&mut st, &name, Some(place));
                rest.push(st);
                continue;
            }
            let summary = self.ctx.function_named(&name).map(|f| self.ctx.summary(f));
            match summary {
                Some(summary) => {
                    for outcome in &summary.outcomes {
                        let values = [argument.clone()];
                        let done = self.outcome(None, &name, outcome, &[], &values, st.clone());
                        rest.extend(done.map(|(st, _)| st));
                    }
                }
                None => {
                    let doubt = Fate::Unknown(Doubt::Passed(name.clone()));
                    self.give_contents(&mut st, place, &doubt);
                    rest.push(st);
                }
            }
        }
        rest
    }

    /// A call of a function of the program.
    pub fn program_call(
        &mut self,
        e: ExprId,
        name: &str,
        summary: &Summary,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        'states: for (mut st, values) in self.arguments(args, st) {
            for (index, (&arg, value)) in args.iter().zip(&values).enumerate() {
                let used = summary.uses.get(index).copied();
                if used.unwrap_or(summary.uses.is_empty()) {
                    match self.follow(value, st, arg) {
                        Some(next) => st = next,
                        None => continue 'states,
                    }
                }
                // More arguments than are followed.
                if index >= summary.uses.len() {
                    let doubt = Fate::Unknown(Doubt::Passed(name.to_owned()));
                    self.give(&mut st, value, &doubt);
                }
            }
            for given in &summary.deep {
                let Some(&arg) = args.get(given.param) else {
                    continue;
                };
                let place = self.place(arg, &st);
                let place = self.follow_suffix(&st, &values[given.param], place, &given.suffix);
                let value = place.map(|place| st.get(&mut self.places, place));
                match value.map_or(Some(st.clone()), |value| self.follow(&value, st, arg)) {
                    Some(next) => st = next,
                    None => continue 'states,
                }
            }
            for outcome in &summary.outcomes {
                let done = self.outcome(Some(e), name, outcome, args, &values, st.clone());
                results.extend(done);
            }
        }
        results
    }

    /// One way a function can end.
    pub fn outcome(
        &mut self,
        e: Option<ExprId>,
        name: &str,
        outcome: &Outcome,
        args: &[ExprId],
        values: &[Value],
        mut st: State,
    ) -> Option<(State, Value)> {
        let mut values = values.to_vec();
        let doubted = |fate: &Fate| match fate {
            Fate::Unknown(_) => Fate::Unknown(Doubt::Passed(name.to_owned())),
            fate => fate.clone(),
        };
        // Where the steps from a parameter lead before anything is changed.
        let lead = |flow: &mut Self, st: &State, values: &[Value], given: &Given| {
            let place = args.get(given.param).and_then(|&arg| flow.place(arg, st));
            let value = values.get(given.param)?;
            flow.follow_suffix(st, value, place, &given.suffix)
        };
        for (index, effect) in outcome.params.iter().enumerate() {
            let Some(value) = values.get_mut(index) else {
                continue;
            };
            let place = args.get(index).and_then(|&arg| self.place(arg, &st));
            st = super::cond::assume(st, place, value, effect.signs)?;
            *value = value.narrowed(effect.signs);
        }
        let inner: Vec<Option<PlaceId>> = outcome
            .given
            .iter()
            .map(|(given, _)| lead(self, &st, &values, given))
            .collect();
        let outs: Vec<Option<PlaceId>> = outcome
            .outs
            .iter()
            .map(|(given, _)| lead(self, &st, &values, given))
            .collect();
        for ((_, fate), place) in outcome.given.iter().zip(inner) {
            let Some(place) = place else { continue };
            let mut held = st.get(&mut self.places, place);
            if self.params && held.is_unknown() {
                held = self.inner_site(&mut st, place).unwrap_or(held);
            }
            match fate {
                Fate::Freed => self.release(&mut st, &held),
                fate => self.give(&mut st, &held, &doubted(fate)),
            }
        }
        for (index, effect) in outcome.params.iter().enumerate() {
            let Some(value) = values.get(index).cloned() else {
                continue;
            };
            match &effect.fate {
                None => {}
                Some(Fate::Freed) => self.release(&mut st, &value),
                Some(fate) => {
                    let fate = doubted(fate);
                    self.give(&mut st, &value, &fate);
                    if let (Fate::Unknown(_), Some(&arg)) = (&fate, args.get(index)) {
                        self.overwritten(&mut st, arg, &value, false, &fate);
                    } else if let Fate::Unknown(_) = &fate {
                        for &place in &value.addresses {
                            self.give_contents(&mut st, place, &fate);
                            st.forget(&self.places, place);
                        }
                    }
                }
            }
        }
        for (call, object) in &outcome.left {
            let place = object
                .as_ref()
                .and_then(|given| lead(self, &st, &values, given));
            self.left(&mut st, call, place);
        }
        for (lent, object) in &outcome.entered {
            let place = object
                .as_ref()
                .and_then(|given| lead(self, &st, &values, given));
            let text = object
                .as_ref()
                .filter(|given| given.suffix.is_empty())
                .and_then(|given| args.get(given.param))
                .and_then(|&arg| self.ctx.written(arg));
            let lent = Lent {
                object: text.or_else(|| lent.object.clone().filter(|_| object.is_none())),
                ..lent.clone()
            };
            let part = format!("kernel {}", lent.release);
            let site = self.site(e, part, Source::Kernel(lent));
            self.sites[site as usize].through = place;
            st.retire(&mut self.places, site);
            st.fates.insert(site, Fate::Owned);
        }
        let values_before = values;
        let carried = self.carry(e, outcome, &values_before, &mut st)?;
        for (((given, returned), place), carried) in outcome.outs.iter().zip(outs).zip(carried) {
            let part = format!("{} {:?}", given.param, given.suffix);
            let (next, mut value) = match carried {
                Some(carried) => {
                    let value = st.get(&mut self.places, carried);
                    (st, value)
                }
                None => self.returned(e, name, &part, returned, &values_before, st)?,
            };
            st = next;
            let Some(place) = place else { continue };
            if let Returned::Kept(silent) = returned {
                // It failed, and left the place as it was.
                let old = st.get(&mut self.places, place);
                for &site in &value.failed {
                    self.sites[super::value::origin(site) as usize].silent |= *silent;
                }
                value = match old.signs & ZERO {
                    0 => old,
                    _ => Value {
                        signs: old.signs,
                        exact: old.exact,
                        whole: old.whole,
                        ..value.or(&old)
                    },
                };
            }
            for &site in value.blocks.iter().chain(&value.failed) {
                let site = super::value::origin(site) as usize;
                if self.sites[site].expr == e && e.is_some() {
                    self.sites[site].through = Some(place);
                }
            }
            self.store(None, &mut st, &Lvalue::sure(place), &value);
        }
        match e {
            Some(e) if self.is_record(e) => {
                self.made_by_call(e, name, &outcome.parts, &values_before, st)
            }
            _ => self.returned(e, name, "", &outcome.returned, &values_before, st),
        }
    }

    /// What a function stores that lay elsewhere when it was called, as in a swap: a place for each,
    /// until all are stored; none if it cannot end in this way.
    fn carry(
        &mut self,
        e: Option<ExprId>,
        outcome: &Outcome,
        values: &[Value],
        st: &mut State,
    ) -> Option<Vec<Option<PlaceId>>> {
        let made = e.and_then(|e| self.places.add(Node::Made(e)));
        let mut carried = Vec::new();
        for (_, returned) in &outcome.outs {
            let Some(made) = made.filter(|_| matches!(returned, Returned::Led { .. })) else {
                carried.push(None);
                continue;
            };
            let (_, value) = self.returned(e, "", "", returned, values, st.clone())?;
            let place = self.element(made, carried.len() as i64);
            if let Some(place) = place {
                st.put(place, value);
            }
            carried.push(place);
        }
        Some(carried)
    }

    /// What a function of the program returns, or stores through a parameter.
    pub fn returned(
        &mut self,
        e: Option<ExprId>,
        name: &str,
        part: &str,
        returned: &Returned,
        values: &[Value],
        st: State,
    ) -> Option<(State, Value)> {
        match returned {
            Returned::Fresh { .. } | Returned::Failed | Returned::Kept(_) => {
                let source = match returned {
                    Returned::Fresh {
                        lent: Some(lent), ..
                    } => Source::Kernel(lent.clone()),
                    _ => Source::Function(name.to_owned()),
                };
                let site = self.site(e, part.to_owned(), source);
                match returned {
                    Returned::Fresh { owned, holds, .. } => {
                        let mut done = self.with_memory(st, site);
                        if !owned {
                            done.fates.insert(site, Fate::Moved);
                        }
                        for hold in holds {
                            done = self.hold((e, name), values, site, hold, done)?;
                        }
                        Some((done, Value::block(site)))
                    }
                    _ => Some((self.without_memory(st, site)?, Value::failure(site))),
                }
            }
            Returned::Led { from, whole, signs } => {
                let mut value: Option<Value> = None;
                for given in from {
                    let argument = values.get(given.param)?.clone();
                    let led = match given.suffix.is_empty() && !given.loaded {
                        true => argument,
                        false => {
                            let place = self.follow_suffix(&st, &argument, None, &given.suffix);
                            place.map_or(Value::unknown(), |p| st.get(&mut self.places, p))
                        }
                    };
                    value = Some(match value {
                        Some(known) => known.or(&led),
                        None => led,
                    });
                }
                let mut value = value.unwrap_or_else(Value::unknown);
                if !whole {
                    value = value.inside();
                }
                value = value.narrowed(*signs);
                // It cannot end in this way.
                (value.signs != 0).then_some((st, value))
            }
            Returned::Plain(signs, exact) => {
                let mut value = Value::signs(*signs);
                value.exact = *exact;
                value.whole &= value.signs == ZERO;
                Some((st, value))
            }
        }
    }

    /// A place in a block that a function returns holds a pointer.
    fn hold(
        &mut self,
        call: (Option<ExprId>, &str),
        values: &[Value],
        holder: SiteId,
        hold: &Hold,
        mut st: State,
    ) -> Option<State> {
        let (e, name) = call;
        let suffix = &hold.suffix;
        let start = Value::block(holder);
        let Some(place) = self.follow_suffix(&st, &start, None, suffix) else {
            return Some(st);
        };
        if let Returned::Led { .. } = hold.returned {
            let (mut st, value) = self.returned(e, name, "", &hold.returned, values, st)?;
            st.assign(&mut self.places, place, value);
            return Some(st);
        }
        let part = format!("{} holds {suffix:?}", self.sites[holder as usize].part);
        let site = self.site(e, part, Source::Function(name.to_owned()));
        self.sites[site as usize].through = Some(place);
        let parts = self.parts.entry(holder).or_default();
        if !parts.iter().any(|(known, _)| *known == site) {
            parts.push((site, suffix.clone()));
        }
        st.retire(&mut self.places, site);
        let Returned::Fresh { holds, .. } = &hold.returned else {
            st.fates.insert(site, Fate::Failed);
            st.assign(&mut self.places, place, Value::failure(site));
            return Some(st);
        };
        let mut value = Value::block(site);
        let mut fate = Fate::Owned;
        if hold.perhaps {
            value.signs |= ZERO;
            value.failed.push(site);
            fate = Fate::Perhaps;
        }
        st.fates.insert(site, fate);
        st.assign(&mut self.places, place, value);
        for inner in holds {
            st = self.hold(call, values, site, inner, st)?;
        }
        Some(st)
    }
}
