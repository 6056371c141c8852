//! What a call of a function of the program does, found by following the function itself.

use super::fewer::{alike, coarse, keep_places};
use super::flow::{Flow, Lent, Source};
use super::outcome::{Effect, Given, Hold, Outcome, Returned, Suffix, Summary};
use super::place::PlaceId;
use super::returns::Returns;
use super::value::{ANY, Doubt, Fate, NEG, POS, SiteId, State, Value, ZERO, is_old, origin};
use crate::c::syntax::tree::FunctionId;
use crate::c::types::{Model, Type, TypeId};

/// How many parameters are followed; each doubles the number of states at the start.
const FOLLOWED: usize = 4;

/// How many ways out of a function are told apart.
const OUTCOMES: usize = 12;

/// So deep are blocks in blocks in returned blocks told.
const NESTED: usize = 3;

/// Whether what has this type can point to a block.
pub fn may_point(model: &Model, ty: TypeId) -> bool {
    matches!(
        model[ty],
        Type::Pointer { .. } | Type::Unknown | Type::Array { .. }
    )
}

impl Flow<'_> {
    /// The states at the start of the function: with its parameters followed, one for every
    /// combination of those that are NULL and those that are not.
    pub fn start(&mut self) -> Vec<State> {
        let mut states = vec![State::default()];
        if !self.params {
            return states;
        }
        let info = self.model().info(self.function);
        for (index, &param) in info.params.iter().enumerate().take(FOLLOWED) {
            let Some(param) = param else { continue };
            let Some(place) = self.variable(param) else {
                continue;
            };
            let structure = self.structure_param(param).is_some();
            if !structure && !may_point(self.model(), self.model()[param].ty) {
                continue;
            }
            let site = self.site(None, format!("parameter {index}"), Source::Param(index));
            if structure {
                for st in &mut states {
                    st.fates.insert(site, Fate::Owned);
                }
                continue;
            }
            let mut next = Vec::new();
            for st in states {
                let mut valid = st.clone();
                valid.fates.insert(site, Fate::Owned);
                valid.put(place, Value::block(site));
                let mut null = st;
                null.fates.insert(site, Fate::Failed);
                null.put(place, Value::failure(site));
                next.extend([valid, null]);
            }
            states = next;
        }
        states
    }

    /// Puts together what the exits of a followed function say.
    pub fn summarise(&mut self, returns: &Returns) -> Summary {
        let info = self.model().info(self.function);
        let params = info.params.clone();
        let count = params.len();
        let mut sites: Vec<Option<SiteId>> = vec![None; count];
        for (site, info) in self.sites.iter().enumerate() {
            if let Source::Param(index) = info.source {
                sites[index] = Some(site as SiteId);
            }
        }
        let pointers: Vec<bool> = params
            .iter()
            .map(|p| p.is_none_or(|p| may_point(self.model(), self.model()[p].ty)))
            .collect();
        let structures_at: Vec<bool> = params
            .iter()
            .map(|p| p.is_some_and(|p| self.structure_param(p).is_some()))
            .collect();
        let mut exits = std::mem::take(&mut self.exits);
        for states in self.leaving.values() {
            let value = match returns {
                // Of a structure all members are.
                Returns::Pointer | Returns::Bool | Returns::Value(_) => ZERO,
                Returns::Signed => NEG,
                _ => ANY,
            };
            exits.extend(states.iter().map(|st| (st.clone(), Value::signs(value))));
        }
        let fresh = exits.iter().any(|(_, value)| self.is_fresh(value));
        let parts = self.parts_of(&exits);
        let mut outcomes: Vec<Outcome> = Vec::new();
        // Of each whether an allocation may have failed on the way.
        let mut failed: Vec<bool> = Vec::new();
        for (st, value) in &exits {
            let fails = self.may_have_failed(st);
            let st = &self.once(st, value);
            let mut params: Vec<Effect> = (0..count)
                .map(|index| match structures_at[index] {
                    true => whole(sites[index], st),
                    false => effect(sites[index], st, pointers[index]),
                })
                .collect();
            let (outs, given) = self.changes(st, &mut params);
            let (entered, left) = self.lends(st);
            let structures = self.structures(value, &parts, st, &mut params);
            let handed = self.hand_out(value, fresh, st, &mut params);
            let ways = handed
                .iter()
                .flat_map(|returned| structures.iter().map(move |parts| (returned, parts)));
            for (returned, parts) in ways {
                let outcome = Outcome {
                    returned: returned.clone(),
                    parts: parts.clone(),
                    params: params.clone(),
                    given: given.clone(),
                    outs: outs.clone(),
                    entered: entered.clone(),
                    left: left.clone(),
                };
                match outcomes.iter().position(|known| *known == outcome) {
                    Some(known) => failed[known] |= fails,
                    None => {
                        outcomes.push(outcome);
                        failed.push(fails);
                    }
                }
            }
        }
        keep_places(&mut outcomes, &failed);
        if outcomes.len() > OUTCOMES {
            outcomes = alike(outcomes);
        }
        if outcomes.len() > OUTCOMES {
            outcomes = coarse(&outcomes, count);
        }
        let uses = sites
            .iter()
            .zip(&pointers)
            .map(|(site, &pointer)| match site {
                Some(site) => self.missing.contains_key(site),
                None => pointer,
            })
            .collect();
        let keeps = (0..count)
            .map(|index| {
                outcomes.iter().any(|o| {
                    o.params[index].fate.is_some() || o.given.iter().any(|g| g.0.param == index)
                })
            })
            .collect();
        let followed = self.missing.keys().filter_map(|&site| self.given(site));
        Summary {
            deep: followed.filter(|given| given.loaded).collect(),
            gives_up: *returns == Returns::Pointer && !self.leaving.is_empty(),
            allocates: outcomes
                .iter()
                .any(|o| matches!(o.returned, Returned::Fresh { lent: None, .. })),
            outcomes,
            uses,
            keeps,
        }
    }

    /// A block that is handed out in two places is nobody's for sure.
    fn once(&self, st: &State, value: &Value) -> State {
        let mut handed: Vec<SiteId> = value.blocks.clone();
        let made = value.sole_address();
        for (&place, held) in &st.env {
            if made.is_some_and(|of| self.places.is_part(place, of)) && !self.places.is_any(place) {
                handed.extend(&held.blocks);
            }
            let of_caller = self
                .places
                .block_of(place)
                .is_some_and(|site| self.is_param(site));
            if of_caller && !self.places.is_any(place) {
                handed.extend(&held.blocks);
            }
        }
        handed.sort_unstable();
        let mut once = st.clone();
        for pair in handed.windows(2).filter(|pair| pair[0] == pair[1]) {
            if self.is_block(pair[0]) && once.fates.contains_key(&pair[0]) {
                once.fates.insert(pair[0], Fate::Moved);
            }
        }
        once
    }

    pub fn is_fresh(&self, value: &Value) -> bool {
        value.whole && value.blocks.iter().any(|&site| self.is_block(site))
    }

    /// Whether a site is an allocation, not what a parameter points to.
    pub fn is_block(&self, site: SiteId) -> bool {
        let site = self.sites.get(origin(site) as usize);
        site.is_some_and(|site| match &site.source {
            Source::Alloc(_) | Source::Function(_) => true,
            Source::Kernel(lent) => lent.pointer,
            _ => false,
        })
    }

    /// The place that a block of the caller lay in when the function began.
    fn given(&self, site: SiteId) -> Option<Given> {
        match &self.sites.get(origin(site) as usize)?.source {
            Source::Param(param) => Some(Given {
                param: *param,
                suffix: Suffix::new(),
                loaded: false,
            }),
            Source::Inner(param, suffix) => Some(Given {
                param: *param,
                suffix: suffix.clone(),
                loaded: true,
            }),
            _ => None,
        }
    }

    /// What a value is to the caller; two things where it may be either.
    pub fn hand_out(
        &self,
        value: &Value,
        fresh: bool,
        st: &State,
        params: &mut [Effect],
    ) -> Vec<Returned> {
        let of_caller: Vec<Given> = value.blocks.iter().filter_map(|&s| self.given(s)).collect();
        if !of_caller.is_empty() && of_caller.len() == value.blocks.len() && !fresh {
            let mut signs = value.signs;
            if !value.failed.is_empty() {
                signs |= ZERO;
            }
            return vec![Returned::Led {
                from: of_caller,
                whole: value.whole && value.addresses.is_empty(),
                signs,
            }];
        }
        if value.blocks.is_empty()
            && let [site] = value.failed[..]
            && let Some(given) = self.given(site)
        {
            // NULL went in, NULL comes out.
            return vec![Returned::Led {
                from: vec![given],
                whole: true,
                signs: ZERO,
            }];
        }
        // What cannot be told apart is in doubt.
        for given in of_caller {
            if let Some(effect) = params.get_mut(given.param) {
                effect.fate = Some(Fate::Unknown(Doubt::Unread));
            }
        }
        let mut all = Vec::new();
        if self.is_fresh(value) {
            let owned = value.blocks.iter().all(|&site| {
                !self.is_block(site) || st.fates.get(&site).is_some_and(Fate::is_ours)
            });
            let lent = value.blocks.iter().find_map(|&site| {
                match &self.sites[origin(site) as usize].source {
                    Source::Kernel(lent) => Some(lent.clone()),
                    _ => None,
                }
            });
            let holds = match value.blocks[..] {
                [site] if owned => self.holds(site, st, NESTED),
                _ => Vec::new(),
            };
            all.push(Returned::Fresh { owned, lent, holds });
        } else if value.signs & !ZERO != 0 {
            let exact = value.exact.filter(|_| value.signs != ZERO);
            all.push(Returned::Plain(value.signs & !ZERO, exact));
        }
        if value.signs & ZERO != 0 {
            if fresh || value.failed.iter().any(|&site| self.is_block(site)) {
                all.push(Returned::Failed);
            } else if let [Returned::Plain(signs, _)] = &mut all[..] {
                *signs |= ZERO;
            } else {
                all.push(Returned::Plain(ZERO, Some(0)));
            }
        }
        all
    }

    /// Whether an allocation of this function may have failed on the way to a state.
    fn may_have_failed(&self, st: &State) -> bool {
        st.fates.iter().any(|(&site, fate)| {
            matches!(fate, Fate::Failed | Fate::Perhaps) && !self.is_param(site)
        })
    }

    /// The places in a block that hold others, of the function or of its caller, or would if there
    /// had been memory.
    fn holds(&self, site: SiteId, st: &State, nested: usize) -> Vec<Hold> {
        let cells = st.env.iter();
        cells
            .filter(|(place, _)| self.places.block_of(**place) == Some(site))
            .filter_map(|(&place, value)| {
                if !value.whole || !value.addresses.is_empty() {
                    return None;
                }
                let returned = match (&value.blocks[..], &value.failed[..]) {
                    (&[held], _) if self.is_block(held) => {
                        let ours = st.fates.get(&held).is_some_and(Fate::is_ours);
                        if !ours || held == site || is_old(held) {
                            return None;
                        }
                        let holds = match nested.checked_sub(1) {
                            Some(nested) => self.holds(held, st, nested),
                            None => Vec::new(),
                        };
                        Returned::Fresh {
                            owned: true,
                            lent: None,
                            holds,
                        }
                    }
                    ([], &[failed]) if self.is_block(failed) => Returned::Failed,
                    (&[site], _) | (&[], &[site]) => Returned::Led {
                        from: vec![self.given(site)?],
                        whole: true,
                        signs: value.signs,
                    },
                    _ => return None,
                };
                let block = self.places.root(place);
                Some(Hold {
                    suffix: self.hops(block, place)?,
                    perhaps: value.signs & ZERO != 0 && returned != Returned::Failed,
                    returned,
                })
            })
            .collect()
    }

    /// What is stored in places that parameters lead to, and what became of what lay there.
    #[allow(clippy::type_complexity)]
    fn changes(
        &mut self,
        st: &State,
        params: &mut [Effect],
    ) -> (Vec<(Given, Returned)>, Vec<(Given, Fate)>) {
        let mut outs: Vec<(Given, Returned)> = Vec::new();
        for &place in &st.wrote {
            let Some((param, suffix)) = self.suffix_of(place) else {
                continue;
            };
            // Of a structure the function has a copy.
            let copy = self.structure_of(place).is_some();
            if copy && self.places.is_direct(place) {
                continue;
            }
            let value = st.get(&mut self.places, place);
            let handed = self.hand_out(&value, false, st, params);
            let returned = match &handed[..] {
                [one] => one.clone(),
                _ => Returned::Plain(value.signs, None),
            };
            let given = Given {
                param,
                suffix,
                loaded: true,
            };
            outs.push((given, returned));
        }
        // What was there before and is known not to be NULL says that nothing failed.
        let cells: Vec<(PlaceId, Value)> = st.env.iter().map(|(p, v)| (*p, v.clone())).collect();
        for (place, value) in cells {
            let Some((param, suffix)) = self.suffix_of(place) else {
                continue;
            };
            let given = Given {
                param,
                suffix,
                loaded: true,
            };
            let same =
                matches!(value.blocks[..], [site] if self.given(site) == Some(given.clone()));
            if same && value.whole && value.signs & ZERO == 0 && !st.wrote.contains(&place) {
                let returned = Returned::Led {
                    from: vec![given.clone()],
                    whole: true,
                    signs: NEG | POS,
                };
                outs.push((given, returned));
            }
        }
        let mut given: Vec<(Given, Fate)> = Vec::new();
        for (&site, fate) in &st.fates {
            if fate.is_ours() || *fate == Fate::Failed {
                continue;
            }
            if let Some(from) = self.given(site).filter(|given| given.loaded) {
                given.push((from, fate.clone()));
            }
        }
        // What is freed where a parameter leads deeper goes first.
        given.sort_by_key(|(given, _)| std::cmp::Reverse(given.suffix.len()));
        (outs, given)
    }

    #[allow(clippy::type_complexity)]
    fn lends(&self, st: &State) -> (Vec<(Lent, Option<Given>)>, Vec<(String, Option<Given>)>) {
        let object = |place: PlaceId| {
            let (param, suffix) = self.suffix_of(place)?;
            Some(Given {
                param,
                suffix,
                loaded: true,
            })
        };
        let mut entered = Vec::new();
        for (&site, fate) in &st.fates {
            let info = &self.sites[origin(site) as usize];
            if let Source::Kernel(lent) = &info.source
                && !lent.pointer
                && fate.is_ours()
            {
                entered.push((lent.clone(), info.through.and_then(object)));
            }
        }
        let left = st.left.iter();
        let left = left.map(|(call, place)| (call.clone(), place.and_then(object)));
        (entered, left.collect())
    }
}

fn effect(site: Option<SiteId>, st: &State, pointer: bool) -> Effect {
    let Some(site) = site else {
        let fate = pointer.then_some(Fate::Unknown(Doubt::Unread));
        return Effect { signs: ANY, fate };
    };
    let (signs, fate) = match st.fates.get(&site) {
        Some(Fate::Failed) => (ZERO, None),
        Some(Fate::Owned) => (NEG | POS, None),
        Some(Fate::Perhaps) => (ANY, None),
        Some(fate @ (Fate::Freed | Fate::Moved)) => (NEG | POS, Some(fate.clone())),
        Some(fate) => (ANY, Some(fate.clone())),
        None => (ANY, Some(Fate::Unknown(Doubt::Unread))),
    };
    Effect { signs, fate }
}

/// The same for a structure: what became of all that it holds, where that is not told of each part.
fn whole(site: Option<SiteId>, st: &State) -> Effect {
    let fate = site.map_or(Some(&Fate::Owned), |site| st.fates.get(&site));
    Effect {
        signs: ANY,
        fate: match fate {
            Some(Fate::Owned) => None,
            _ => Some(Fate::Unknown(Doubt::Unread)),
        },
    }
}

/// The function with external linkage that others may call.
pub fn is_for_others(model: &Model, function: FunctionId) -> bool {
    let entity = model.info(function).entity;
    entity.is_some_and(|e| match model[e].kind {
        crate::c::types::EntityKind::Function { internal, .. } => !internal,
        _ => false,
    })
}
