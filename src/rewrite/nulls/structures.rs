//! Structures as values: what functions return, take and copy that holds blocks.

use super::flow::Flow;
use super::lvalue::Lvalue;
use super::outcome::{Effect, Hop, Returned, Suffix};
use super::place::{Node, PlaceId};
use super::value::{ANY, Fate, State, Value, ZERO, old};
use crate::c::syntax::tree::{ExprId, ExprKind};
use crate::c::types::{Type, TypeId};

/// What the name of a site starts with that stands for a part of a structure that a call returns.
pub const RETURNED: &str = "returned";

/// So many ways in which the blocks of a returned structure are there or not are told apart.
const WAYS: usize = 8;

impl Flow<'_> {
    /// Where a structure lies that an expression means or makes.
    pub fn structure(&mut self, e: ExprId, st: State) -> Vec<(State, Lvalue)> {
        match self.tree()[e].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.structure(inner, st),
            ExprKind::Compound(_, list) => {
                let Some(place) = self.places.add(Node::Made(e)) else {
                    return self.reach(e, st);
                };
                let mut st = st;
                st.forget(&self.places, place);
                let states = self.initialize(place, list, vec![st]).into_iter();
                states.map(|st| (st, Lvalue::sure(place))).collect()
            }
            ExprKind::Call { .. } | ExprKind::Statements(_) => {
                let results = self.eval(e, st).into_iter();
                results
                    .map(|(st, value)| {
                        let lvalue = self.pointee(&value, None);
                        (st, lvalue)
                    })
                    .collect()
            }
            ExprKind::Conditional {
                cond,
                then: Some(then),
                otherwise,
            } => {
                let (yes, no) = self.cond(cond, st);
                let mut results = Vec::new();
                for st in yes {
                    results.extend(self.structure(then, st));
                }
                for st in no {
                    results.extend(self.structure(otherwise, st));
                }
                results
            }
            ExprKind::Comma(left, right) => {
                let mut results = Vec::new();
                for st in self.effects(left, vec![st]) {
                    results.extend(self.structure(right, st));
                }
                results
            }
            _ => self.reach(e, st),
        }
    }

    /// The address of a structure that is passed or returned by value.
    pub fn passed(&mut self, e: ExprId, st: State) -> Vec<(State, Value)> {
        let results = self.structure(e, st).into_iter();
        results
            .map(|(st, lvalue)| {
                let value = lvalue.one().map_or_else(Value::unknown, Value::address);
                (st, value)
            })
            .collect()
    }

    /// The last value of a statement expression, where it is a structure: a copy that outlives the
    /// block.
    pub fn last_structure(&mut self, e: ExprId, ends: Vec<State>) -> Vec<(State, Value)> {
        let Some(made) = self.places.add(Node::Made(e)) else {
            return self.each(e, ends);
        };
        let at = self.tree()[e].toks.start;
        let mut results = Vec::new();
        for st in ends {
            for (mut st, from) in self.structure(e, st) {
                self.copy_places(&mut st, &from, &Lvalue::sure(made), at);
                results.push((st, Value::address(made)));
            }
        }
        results
    }

    /// What a function is about to return, where it is a structure.
    pub fn returned_structure(&mut self, e: ExprId, states: Vec<State>) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for st in states {
            for (mut st, value) in self.passed(e, st) {
                if let Some(place) = value.sole_address() {
                    self.lend_contents(&mut st, place);
                }
                results.push((st, value));
            }
        }
        results
    }

    /// The structures that expressions made are copied by now, or lost.
    pub fn forget_made(&self, st: &mut State) {
        st.env.retain(|&place, _| !self.places.is_made(place));
    }

    /// What a parameter that is a structure holds is about to be copied as a whole: all its
    /// pointers. Whether that is all that it holds.
    pub fn load_structure(&mut self, st: &mut State, place: PlaceId, ty: TypeId) -> bool {
        let model = self.model();
        match &model[ty] {
            Type::Record(record) if !model[*record].is_union => {
                let fields = model[*record].fields.iter().flatten();
                fields.into_iter().all(|field| {
                    let part = field.name.map(|name| Node::Field(place, name));
                    match part.and_then(|part| self.places.add(part)) {
                        Some(part) => self.load_structure(st, part, field.ty),
                        None => false,
                    }
                })
            }
            Type::Pointer { .. } => {
                let known = !st.get(&mut self.places, place).is_unknown();
                known || self.inner_site(st, place).is_some()
            }
            Type::Number(_) | Type::Enum(_) => true,
            _ => false,
        }
    }

    /// The parameter, a structure, that a place is a part of or reached through.
    pub fn structure_of(&self, place: PlaceId) -> Option<usize> {
        let variable = self.places.variable_of(place)?;
        self.structure_param(variable)
    }

    /// The steps to the places in a returned structure that hold blocks on some way out, or could,
    /// and whether it is a block of the function.
    pub fn parts_of(&self, exits: &[(State, Value)]) -> Vec<(Suffix, bool)> {
        let mut parts: Vec<(Suffix, bool)> = Vec::new();
        for (st, value) in exits {
            let Some(structure) = value.sole_address() else {
                continue;
            };
            for (&place, held) in &st.env {
                let several = self.places.is_any(place);
                let part = self.places.is_part(place, structure);
                if !part || !held.is_tracked() || !held.whole && !several {
                    continue;
                }
                let Some(suffix) = self.hops(structure, place) else {
                    continue;
                };
                let fresh = self.is_fresh(held) || several && self.are_ours(held, st);
                if several && !fresh {
                    continue;
                }
                match parts.iter_mut().find(|(known, _)| *known == suffix) {
                    Some(known) => known.1 |= fresh,
                    None => parts.push((suffix, fresh)),
                }
            }
        }
        parts.sort_by_key(|(suffix, _)| suffix.len());
        parts
    }

    /// Whether some block that elements hold is the function's own.
    fn are_ours(&self, held: &Value, st: &State) -> bool {
        let mut blocks = held.blocks.iter();
        blocks.any(|site| self.is_block(*site) && st.fates.get(site).is_some_and(Fate::is_ours))
    }

    /// What these places hold in one of the structures that are returned: one list for each way in
    /// which blocks are there or not.
    pub fn structures(
        &mut self,
        value: &Value,
        parts: &[(Suffix, bool)],
        st: &State,
        params: &mut [Effect],
    ) -> Vec<Vec<(Suffix, Returned)>> {
        let mut ways = vec![Vec::new()];
        for (suffix, fresh) in parts {
            if suffix.contains(&Hop::Element(None)) {
                let place = value.sole_address();
                let place = place.and_then(|_| self.follow_suffix(st, value, None, suffix));
                let held = place.and_then(|place| st.env.get(&place));
                let returned = match held.is_some_and(|held| self.are_ours(held, st)) {
                    true => Returned::Fresh {
                        owned: true,
                        lent: None,
                        holds: Vec::new(),
                    },
                    false => Returned::Plain(ANY, None),
                };
                for known in &mut ways {
                    known.push((suffix.clone(), returned.clone()));
                }
                continue;
            }
            let held = match value.sole_address() {
                Some(_) => match self.follow_suffix(st, value, None, suffix) {
                    Some(place) => st.get(&mut self.places, place),
                    None => Value::unknown(),
                },
                None => Value::signs(if value.signs == ZERO { ZERO } else { ANY }),
            };
            let fresh = *fresh && (held.is_tracked() || held.signs == ZERO);
            let handed = match ways.len() {
                WAYS.. => vec![Returned::Plain(ANY, None)],
                _ => self.hand_out(&held, fresh, st, params),
            };
            ways = ways
                .into_iter()
                .flat_map(|known: Vec<(Suffix, Returned)>| {
                    handed.iter().map(move |returned| {
                        let mut known = known.clone();
                        known.push((suffix.clone(), returned.clone()));
                        known
                    })
                })
                .collect();
        }
        ways
    }

    /// Notes what the structure that a call returns holds; the address of the structure.
    pub fn made_by_call(
        &mut self,
        e: ExprId,
        name: &str,
        parts: &[(Suffix, Returned)],
        values: &[Value],
        st: State,
    ) -> Option<(State, Value)> {
        let made = self.places.add(Node::Made(e))?;
        let address = Value::address(made);
        let mut st = st;
        st.forget(&self.places, made);
        for (suffix, returned) in parts {
            let part = format!("{RETURNED} {suffix:?}");
            let (next, value) = self.returned(Some(e), name, &part, returned, values, st)?;
            st = next;
            let Some(place) = self.follow_suffix(&st, &address, None, suffix) else {
                continue;
            };
            if suffix.contains(&Hop::Element(None)) {
                // One block stands for those of all elements.
                let value = match value.sole() {
                    Some(site) => {
                        st.retire(&mut self.places, site);
                        st.several.insert(old(site));
                        Value::block(old(site)).or(&Value::unknown())
                    }
                    None => Value::unknown(),
                };
                st.put(place, value);
            } else {
                st.assign(&mut self.places, place, value);
            }
        }
        Some((st, address))
    }
}
