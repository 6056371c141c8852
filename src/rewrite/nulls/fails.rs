//! Allocations that fail: uses of what is not there, and where a check leaves.

use super::flow::{Check, Flow, Source, Stored, Use};
use super::place::{Node, PlaceId};
use super::value::{Fate, SiteId, State, Value, ZERO, origin};
use crate::c::syntax::tree::ExprId;
use crate::c::types::EntityId;

impl Flow<'_> {
    /// An allocation: the states where it succeeded and where it failed.
    pub fn allocate(&mut self, st: State, site: SiteId) -> (State, Option<State>) {
        let failed = self.without_memory(st.clone(), site);
        (self.with_memory(st, site), failed)
    }

    /// An allocation succeeds.
    pub fn with_memory(&mut self, mut st: State, site: SiteId) -> State {
        let temporary = self.retire(&mut st, site);
        st.fates.insert(site, Fate::Owned);
        if let Some(place) = temporary {
            st.put(place, Value::block(site));
        }
        st
    }

    /// What is left of the last allocation becomes old; the variable for the next one, if it moves in
    /// front of its statement.
    fn retire(&mut self, st: &mut State, site: SiteId) -> Option<PlaceId> {
        let before = self.checked.get(&site) == Some(&Check::Before);
        let temporary = before
            .then(|| self.places.add(Node::Temporary(site)))
            .flatten();
        if let Some(place) = temporary {
            st.env.remove(&place);
        }
        st.retire(&mut self.places, site);
        temporary
    }

    /// An allocation fails; none where an inserted check leaves right away.
    pub fn without_memory(&mut self, mut st: State, site: SiteId) -> Option<State> {
        self.retire(&mut st, site);
        st.fates.insert(site, Fate::Failed);
        if self.checked.get(&site) == Some(&Check::Before) {
            self.leave(site, st);
            return None;
        }
        Some(st)
    }

    fn leave(&mut self, site: SiteId, st: State) {
        if self.record {
            self.leaving.entry(site).or_default().push(st);
        }
    }

    /// The pointer is followed. None if that cannot go on.
    pub fn follow(&mut self, value: &Value, st: State, at: ExprId) -> Option<State> {
        if value.signs & ZERO == 0 {
            return Some(st);
        }
        if value.failed.is_empty() {
            return Some(self.follow_inner(value, st, at));
        }
        for &site in &value.failed {
            let site = origin(site);
            let info = &self.sites[site as usize];
            // What a call is passed is older than what it returns: the use is of an iteration before.
            let used = self.tree()[at].toks;
            let same_statement = info.expr.is_some_and(|e| {
                let call = self.tree()[e].toks;
                self.here.holds(call) && (call == used || !call.holds(used))
            });
            if self.record {
                let entry = self.missing.entry(site).or_insert(Use {
                    expr: at,
                    same_statement,
                });
                entry.same_statement |= same_statement;
            }
        }
        if value.signs == ZERO {
            return None;
        }
        super::cond::assume(st, None, value, !ZERO)
    }

    /// Where the allocation failed, storing its result loses a block.
    pub fn lose(&mut self, site: SiteId, at: ExprId) {
        if self.record {
            let use_ = Use {
                expr: at,
                same_statement: true,
            };
            self.missing.entry(site).or_insert(use_).same_statement = true;
        }
    }

    /// What lies where a parameter leads is followed, without a test: the caller has to know.
    fn follow_inner(&mut self, value: &Value, st: State, at: ExprId) -> State {
        let inner = match value.blocks[..] {
            [site] if value.whole => self
                .sites
                .get(site as usize)
                .is_some_and(|info| matches!(info.source, Source::Inner(..)))
                .then_some(site),
            _ => None,
        };
        let Some(site) = inner else {
            return st;
        };
        if self.record {
            let same_statement = false;
            self.missing.entry(site).or_insert(Use {
                expr: at,
                same_statement,
            });
        }
        super::cond::assume(st.clone(), None, value, !ZERO).unwrap_or(st)
    }

    /// A check of the place that a call stores in would fire although nothing failed, if the call
    /// may leave NULL there on purpose.
    fn doubt_check(&mut self, site: SiteId, st: &State) {
        let Some(place) = self.sites[site as usize].through else {
            return;
        };
        let value = st.get(&mut self.places, place);
        let null = value.failed.is_empty() && !value.is_unknown() && value.may_be_false();
        if self.record && null {
            self.doubtful.insert(site);
        }
    }

    /// Where a check counts as inserted after this statement, the states in which it fires leave.
    pub fn leave_checked(&mut self, states: Vec<State>) -> Vec<State> {
        let checks = self.checks.get(&self.here).cloned().unwrap_or_default();
        if checks.is_empty() {
            return states;
        }
        let mut rest = states;
        for &site in &checks {
            let mut stay = Vec::new();
            for st in rest {
                let fate = st.fates.get(&site);
                let kept = self.by_place.contains(&site);
                match fate {
                    Some(Fate::Failed) if !kept => self.leave(site, st),
                    Some(Fate::Perhaps | Fate::Failed) => {
                        let stored = self.stored.get(&site).map(|s| s.place);
                        let place = self.sites[site as usize].through.or(stored);
                        let value = place.map(|place| st.get(&mut self.places, place));
                        match value.filter(|v| v.failed.contains(&site)) {
                            Some(value) => {
                                if let Some(gone) =
                                    super::cond::assume(st.clone(), place, &value, ZERO)
                                {
                                    // One check for both arms of `?:`: either may have failed.
                                    for &arm in checks.iter().filter(|c| value.failed.contains(c)) {
                                        self.leave(arm, gone.clone());
                                    }
                                }
                                stay.extend(super::cond::assume(st, place, &value, !ZERO));
                            }
                            None => stay.push(st),
                        }
                    }
                    _ => {
                        self.doubt_check(site, &st);
                        stay.push(st);
                    }
                }
            }
            rest = stay;
        }
        rest
    }

    /// Notes where the block of an allocation is stored first.
    pub fn note_store(&mut self, left: Option<ExprId>, place: PlaceId, value: &Value) {
        for &site in value.blocks.iter().chain(&value.failed) {
            let here = self.here;
            let fresh = self.sites.get(site as usize).is_some_and(|s| {
                s.expr.is_some_and(|e| here.holds(self.tree()[e].toks)) && !self.is_param(site)
            });
            if self.stored.contains_key(&site) || !fresh {
                continue;
            }
            if !value.whole && value.failed.is_empty() {
                continue;
            }
            let stable = left.is_none_or(|left| self.is_stable(left));
            let hidden = self
                .places
                .variable_of(place)
                .is_some_and(|v| self.is_hidden(v));
            if stable && !hidden {
                self.stored.insert(site, Stored { expr: left, place });
            }
        }
    }

    /// Whether a variable is declared by a macro, so that it has no name in the file.
    pub fn is_hidden(&self, variable: EntityId) -> bool {
        let entity = &self.model()[variable];
        entity.tok.is_some_and(|tok| {
            let token = &self.ctx.text.unit.tokens[tok];
            token.expansion.is_some() || token.synthetic
        })
    }
}
