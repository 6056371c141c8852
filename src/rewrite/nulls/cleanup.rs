//! What a function still has to give back where it leaves because an allocation failed, and what
//! may stay behind.

use std::collections::BTreeMap;

use super::arrays::Filled;
use super::flow::{Check, Flow, Source};
use super::place::{Node, PlaceId};
use super::returns::Returns;
use super::structures::RETURNED;
use super::value::{Doubt, Fate, SiteId, State, Value, ZERO, is_old, origin};
use crate::c::syntax::tree::{StmtId, Tok};
use crate::c::types::{EntityId, Parent};

/// Something to give back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The variable or member that holds it; none for a section, or a loop over an array.
    pub place: Option<PlaceId>,
    /// The newest site that it is from, for the order.
    pub site: SiteId,
    /// The statement that gives it back.
    pub text: String,
}

/// What an inserted check does about all that the function has.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What is given back, in this order.
    pub held: Vec<Held>,
    /// What may stay behind: the line of the allocation, and why.
    pub behind: Vec<(SiteId, String)>,
}

impl Flow<'_> {
    /// What is surely held in all of these states and by nobody else, newest first. What cannot be
    /// named or what others may know is left alone: a block that stays behind is better than one
    /// that is freed twice.
    pub fn books(&mut self, states: &[State], site: SiteId) -> Books {
        let states = self.cleaned_up(states, self.place_of_check(site));
        let views: Vec<BTreeMap<PlaceId, Value>> = states
            .iter()
            .map(|st| {
                let cells: Vec<(PlaceId, Value)> =
                    st.env.iter().map(|(p, v)| (*p, v.clone())).collect();
                let mut view = BTreeMap::new();
                for (place, value) in cells {
                    if let Some(named) = self.named(place, st) {
                        view.entry(named).or_insert(value);
                    }
                }
                view
            })
            .collect();
        let mut places: Vec<PlaceId> = views.iter().flat_map(|v| v.keys().copied()).collect();
        places.sort_unstable();
        places.dedup();
        let mut candidates: Vec<Held> = places
            .into_iter()
            .filter_map(|place| self.candidate(&states, &views, site, place))
            .collect();
        candidates.extend(self.sections(&states));
        candidates.sort_by_key(|held| {
            let info = &self.sites[held.site as usize];
            let depth = held.place.map_or(0, |place| self.places.depth(place));
            let newest = std::cmp::Reverse((info.order, held.site));
            (newest, depth, held.text.len(), held.text.clone())
        });
        let mut given: Vec<Vec<SiteId>> = vec![Vec::new(); states.len()];
        let mut books = Books::default();
        for held in candidates {
            let blocks: Vec<Vec<SiteId>> = match held.place {
                Some(place) => views
                    .iter()
                    .map(|view| view.get(&place).map_or(Vec::new(), |v| v.blocks.clone()))
                    .collect(),
                None => vec![vec![held.site]; states.len()],
            };
            let twice = given
                .iter()
                .zip(&blocks)
                .any(|(given, blocks)| blocks.iter().any(|block| given.contains(block)));
            if twice {
                continue;
            }
            for (given, blocks) in given.iter_mut().zip(blocks) {
                given.extend(blocks);
            }
            // What is reached through a block goes before the block itself.
            let through = |other: &Held| match (held.place, other.place) {
                (Some(inner), Some(outer)) => {
                    inner != outer && self.places.way(inner).any(|at| at == outer)
                }
                _ => false,
            };
            let holder = books.held.iter().position(through);
            let at = holder.unwrap_or(books.held.len());
            books.held.insert(at, held);
        }
        self.arrays(&states, site, &mut given, &mut books);
        self.left_behind(&states, &given, &mut books);
        books
    }

    /// The token at which the check of a site stands.
    pub fn place_of_check(&self, site: SiteId) -> Tok {
        let here = self.sites[site as usize].here;
        match self.checked.get(&site) {
            Some(Check::After) => here.end,
            _ => here.start,
        }
    }

    /// The states after what the `cleanup` attribute does when the function returns.
    fn cleaned_up(&mut self, states: &[State], at: Tok) -> Vec<State> {
        let objects = self.model().info(self.function).objects.clone();
        let mut rest = states.to_vec();
        for &object in objects.iter().rev() {
            if self.ctx.cleanup(object).is_some() && self.is_seen(object, at) {
                rest = self.clean_up(object, rest);
            }
        }
        self.merge(rest)
    }

    /// Whether the name of a variable means it at a token.
    fn is_seen(&self, variable: EntityId, at: Tok) -> bool {
        let model = self.model();
        let scope = |entity: EntityId| {
            let declared = model[entity].tok.unwrap_or(Tok::MAX);
            let body = self.tree()[self.function].toks;
            let declarator = model[entity].declarators.first().copied();
            let decl = declarator.map(|d| self.tree()[d].decl);
            let stmt = match decl.map(|d| model.decl_parent(d)) {
                Some(Parent::Stmt(stmt)) => Some(stmt),
                _ => None,
            };
            let around = stmt.and_then(|stmt| self.around(stmt));
            let toks = around.map_or(body, |stmt| self.tree()[stmt].toks);
            (declared, toks)
        };
        let (declared, toks) = scope(variable);
        if declared > at || !toks.contains(at) {
            return false;
        }
        let name = model[variable].name;
        let objects = &model.info(self.function).objects;
        objects
            .iter()
            .filter(|&&other| other != variable && model[other].name == name)
            .all(|&other| {
                let (since, inner) = scope(other);
                !(since <= at && inner.contains(at) && since > declared)
            })
    }

    /// The statement around a statement.
    pub fn around(&self, stmt: StmtId) -> Option<StmtId> {
        match self.model().stmt_parent(stmt) {
            Parent::Stmt(outer) => Some(outer),
            Parent::Expr(expr) => self.model().stmt_of(expr),
            _ => None,
        }
    }

    fn candidate(
        &self,
        states: &[State],
        views: &[BTreeMap<PlaceId, Value>],
        check: SiteId,
        place: PlaceId,
    ) -> Option<Held> {
        let at = self.place_of_check(check);
        let mut from: Option<SiteId> = None;
        let mut perhaps = false;
        for (st, view) in states.iter().zip(views) {
            let value = view.get(&place)?;
            if !value.whole || !value.addresses.is_empty() || value.is_unknown() {
                return None;
            }
            perhaps |= value.signs & ZERO != 0;
            for &block in &value.blocks {
                let ours = st.fates.get(&block).is_some_and(Fate::is_ours);
                if !ours || st.is_several(block) || self.is_param(block) {
                    return None;
                }
                from = from.max(Some(origin(block)));
            }
        }
        let from = from?;
        let source = &self.sites[from as usize].source;
        if self.places.is_any(place) {
            return None;
        }
        match self.places.node(self.places.root(place)) {
            Node::Temporary(of) => {
                // A temporary lives as long as the block around its statement.
                let near = self.checked.get(&check) == Some(&Check::Before)
                    && self.sites[*of as usize].here == self.sites[check as usize].here;
                if !near {
                    return None;
                }
            }
            Node::Variable(variable) => {
                let seen = self.is_local(*variable) && self.is_seen(*variable, at);
                if !seen || self.is_hidden(*variable) || self.ctx.cleanup(*variable).is_some() {
                    return None;
                }
            }
            _ => return None,
        }
        let name = self.spell(place)?;
        let text = match source {
            Source::Kernel(lent) if lent.pointer => {
                let call = format!("{};", lent.release.replace('@', &name));
                match perhaps {
                    true => format!("if ({name}) {call}"),
                    false => call,
                }
            }
            Source::Kernel(_) => return None,
            _ => format!("static_free({name});"),
        };
        Some(Held {
            place: Some(place),
            site: from,
            text,
        })
    }

    /// Sections that were entered, and objects that were filled.
    fn sections(&self, states: &[State]) -> Vec<Held> {
        let Some(first) = states.first() else {
            return Vec::new();
        };
        let sure = |site: SiteId| {
            let owned = |st: &State| st.fates.get(&site) == Some(&Fate::Owned);
            !is_old(site) && states.iter().all(owned)
        };
        let sites = first.fates.keys().copied().filter(|&site| sure(site));
        sites
            .filter_map(|site| {
                let Source::Kernel(lent) = &self.sites[site as usize].source else {
                    return None;
                };
                if lent.pointer {
                    return None;
                }
                let text = match (&lent.object, lent.release.contains('@')) {
                    (_, false) => format!("{};", lent.release),
                    (Some(object), true) => format!("{};", lent.release.replace('@', object)),
                    (None, true) => return None,
                };
                Some(Held {
                    place: None,
                    site,
                    text,
                })
            })
            .collect()
    }

    /// Arrays that a loop fills.
    fn arrays(
        &mut self,
        states: &[State],
        check: SiteId,
        given: &mut [Vec<SiteId>],
        books: &mut Books,
    ) {
        let mut filled: Vec<Filled> = Vec::new();
        for site in 0..self.sites.len() as SiteId {
            let met = |st: &State| st.fates.contains_key(&super::value::old(site));
            if states.iter().any(met) {
                filled.extend(self.filled(site, check));
            }
        }
        // The newest goes first, as with single blocks.
        filled.sort_by_key(|f| std::cmp::Reverse(self.sites[f.site as usize].order));
        for array in filled {
            let aged = super::value::old(array.site);
            let sure = states.iter().all(|st| {
                let ours = |site: SiteId| {
                    st.fates
                        .get(&site)
                        .is_none_or(|fate| fate.is_ours() || *fate == Fate::Failed)
                };
                ours(aged) && (!array.newest || ours(array.site))
            });
            let taken = given.iter().any(|given| given.contains(&aged));
            if !sure || taken {
                continue;
            }
            // The loop frees the last one too.
            let single = |held: &Held| held.site == array.site && held.place.is_some();
            if array.newest {
                books.held.retain(|held| !single(held));
            }
            for given in given.iter_mut() {
                given.push(aged);
                if array.newest {
                    given.push(array.site);
                }
            }
            let parts = self.held_by(&array, states);
            for given in given.iter_mut() {
                let blocks = parts
                    .iter()
                    .flat_map(|(part, _)| [*part, super::value::old(*part)]);
                given.extend(blocks);
            }
            let steps: Vec<String> = parts.into_iter().map(|(_, steps)| steps).collect();
            let order = self.sites[array.site as usize].order;
            let older = |held: &Held| self.sites[held.site as usize].order < order;
            let at = books.held.iter().position(older);
            let held = Held {
                place: None,
                site: array.site,
                text: array.text(&steps),
            };
            books.held.insert(at.unwrap_or(books.held.len()), held);
        }
    }

    /// What is not given back, and may be this function's.
    fn left_behind(&self, states: &[State], given: &[Vec<SiteId>], books: &mut Books) {
        let gone = |st: &State, site: SiteId| {
            let fate = st.fates.get(&site);
            fate.is_some_and(|fate| !fate.is_ours() && *fate != Fate::Failed)
        };
        let mut found: BTreeMap<SiteId, String> = BTreeMap::new();
        for held in &books.held {
            let source = &self.sites[held.site as usize].source;
            if let (Source::Function(name), Some(_)) = (source, held.place)
                && self.ctx.is_recursive(name)
            {
                let why = format!("`{name}` calls itself: what else the block holds is not known");
                found.insert(held.site, why);
            }
        }
        let returns = self.ctx.returns(self.function);
        let tells = !matches!(returns, Returns::Void | Returns::Hidden);
        for (st, given) in states.iter().zip(given) {
            for (&site, fate) in &st.fates {
                // What nothing holds any more is lost to the program in any case.
                let held = st.env.iter().any(|(&place, value)| {
                    let inserted = matches!(self.places.node(place), Node::Temporary(_));
                    value.blocks.contains(&site) && !inserted
                });
                let lent = matches!(
                    &self.sites[origin(site) as usize].source,
                    Source::Kernel(lent) if !lent.pointer
                );
                let lost = fate.is_ours() && !held && !lent;
                if *fate == Fate::Moved && tells && self.is_callers(st, site) {
                    let why = "it is stored where the caller finds it".to_owned();
                    found.entry(origin(site)).or_insert(why);
                }
                if given.contains(&site) || self.is_param(site) || lost {
                    continue;
                }
                let why = match fate {
                    Fate::Failed | Fate::Freed | Fate::Moved => continue,
                    Fate::Owned | Fate::Perhaps if is_old(site) => {
                        let returned = self.sites[origin(site) as usize].part.starts_with(RETURNED);
                        match returned {
                            true => "it is one of several in the structure that is returned",
                            false => "it is from an earlier iteration of a loop",
                        }
                        .to_owned()
                    }
                    Fate::Owned | Fate::Perhaps if states.iter().any(|st| gone(st, site)) => {
                        self.doubt(&Doubt::SomeWays)
                    }
                    Fate::Owned | Fate::Perhaps => {
                        "which variable holds it depends on the way that led here".to_owned()
                    }
                    Fate::Unknown(doubt) => self.doubt(doubt),
                };
                found.entry(origin(site)).or_insert(why);
            }
        }
        books.behind.extend(found);
    }

    /// Whether a block lies where a parameter leads: if the function fails, who frees it is up to the
    /// two.
    fn is_callers(&self, st: &State, site: SiteId) -> bool {
        let made = matches!(
            self.sites[origin(site) as usize].source,
            Source::Alloc(_) | Source::Function(_)
        );
        let params = &self.model().info(self.function).params;
        let theirs = |place: PlaceId| {
            let variable = self.places.variable_of(place);
            variable.is_some_and(|v| params.contains(&Some(v))) && !self.places.is_any(place)
        };
        let mut cells = st.env.iter();
        made && !is_old(site)
            && cells.any(|(&place, value)| value.sole() == Some(site) && theirs(place))
    }

    fn doubt(&self, doubt: &Doubt) -> String {
        match doubt {
            Doubt::SomeWays => "it is given away on some of the ways that lead here".into(),
            Doubt::Passed(name) if name.is_empty() => {
                "it was passed to a function through a pointer, which may keep it or free it".into()
            }
            Doubt::Passed(name) => {
                format!("it was passed to `{name}`, which may keep it or free it")
            }
            Doubt::Stored(_) => "it was stored where it is not followed".into(),
            Doubt::OneOfSeveral => {
                "it is one of several blocks, of which some were given away".into()
            }
            Doubt::Unread => "the code around it could not be followed".into(),
        }
    }
}
