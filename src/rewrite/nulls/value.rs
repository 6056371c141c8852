//! What is known at one point of a function: values of places, and what became of blocks.

use std::collections::{BTreeMap, BTreeSet};

use super::place::{PlaceId, Places};
use crate::c::syntax::tree::Tok;

/// An allocation, by its index in the analysis' table of sites.
pub type SiteId = u32;

/// Marks the blocks that earlier iterations of a loop got from the same site.
const OLD: SiteId = 1 << 31;

/// Less than zero.
pub const NEG: u8 = 1;
/// Zero, or NULL.
pub const ZERO: u8 = 2;
/// Greater than zero, or a valid pointer.
pub const POS: u8 = 4;
/// Nothing is known.
pub const ANY: u8 = 7;

/// What a value can be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Value {
    /// How it can compare with zero: [`NEG`], [`ZERO`] and [`POS`].
    pub signs: u8,
    /// The number, where there is only one.
    pub exact: Option<i64>,
    /// The allocations whose failure may have made it NULL.
    pub failed: Vec<SiteId>,
    /// The allocations whose block it may point into.
    pub blocks: Vec<SiteId>,
    /// The places whose address it may be.
    pub addresses: Vec<PlaceId>,
    /// It is NULL, the start of one of the blocks or one of the addresses, and nothing else.
    pub whole: bool,
}

impl Value {
    /// Nothing is known.
    pub fn unknown() -> Self {
        Self::signs(ANY)
    }

    /// Only the signs are known.
    pub fn signs(signs: u8) -> Self {
        Self {
            signs,
            exact: (signs == ZERO).then_some(0),
            failed: Vec::new(),
            blocks: Vec::new(),
            addresses: Vec::new(),
            whole: signs == ZERO,
        }
    }

    /// A number.
    pub fn number(value: i64) -> Self {
        let signs = match value {
            0 => ZERO,
            1.. => POS,
            _ => NEG,
        };
        Self {
            exact: Some(value),
            ..Self::signs(signs)
        }
    }

    /// The block of a successful allocation.
    pub fn block(site: SiteId) -> Self {
        Self {
            blocks: vec![site],
            whole: true,
            ..Self::signs(POS)
        }
    }

    /// NULL from a failed allocation.
    pub fn failure(site: SiteId) -> Self {
        Self {
            failed: vec![site],
            ..Self::signs(ZERO)
        }
    }

    /// The address of a place.
    pub fn address(place: PlaceId) -> Self {
        Self {
            addresses: vec![place],
            whole: true,
            ..Self::signs(POS)
        }
    }

    /// A pointer into the same block, or something made of one.
    pub fn inside(&self) -> Self {
        Self {
            signs: if self.signs & ZERO == 0 { POS } else { ANY },
            exact: None,
            whole: false,
            ..self.clone()
        }
    }

    /// The one block it is the start of, if it is sure to be that.
    pub fn sole(&self) -> Option<SiteId> {
        match self.blocks[..] {
            [site] if self.whole && self.addresses.is_empty() && self.signs & ZERO == 0 => {
                Some(site)
            }
            _ => None,
        }
    }

    /// The one place whose address it is, if it is sure to be that.
    pub fn sole_address(&self) -> Option<PlaceId> {
        match self.addresses[..] {
            [place] if self.whole && self.blocks.is_empty() => Some(place),
            _ => None,
        }
    }

    /// Whether it can be true.
    pub fn may_be_true(&self) -> bool {
        self.signs & !ZERO != 0
    }

    /// Whether it can be false.
    pub fn may_be_false(&self) -> bool {
        self.signs & ZERO != 0
    }

    /// It says nothing worth keeping.
    pub fn is_unknown(&self) -> bool {
        self.signs == ANY
            && self.failed.is_empty()
            && self.blocks.is_empty()
            && self.addresses.is_empty()
    }

    /// It is about a block or a failed allocation.
    pub fn is_tracked(&self) -> bool {
        !self.failed.is_empty() || !self.blocks.is_empty()
    }

    /// It leads to a block or a place.
    pub fn leads(&self) -> bool {
        !self.addresses.is_empty() || !self.blocks.is_empty()
    }

    /// The value, once its signs are known to be among `signs`.
    pub fn narrowed(&self, signs: u8) -> Self {
        let mut value = self.clone();
        value.signs &= signs;
        if value.signs == ZERO {
            value.exact = Some(0);
            value.blocks.clear();
            value.addresses.clear();
            value.whole = true;
        } else if value.signs & ZERO == 0 {
            value.failed.clear();
            if value.exact == Some(0) {
                value.exact = None;
            }
        }
        value
    }

    /// Either of two values.
    pub fn or(&self, other: &Self) -> Self {
        Self {
            signs: self.signs | other.signs,
            exact: self.exact.filter(|_| self.exact == other.exact),
            failed: union(&self.failed, &other.failed),
            blocks: union(&self.blocks, &other.blocks),
            addresses: union(&self.addresses, &other.addresses),
            whole: self.whole && other.whole,
        }
    }

    fn retire(&mut self, site: SiteId) {
        for list in [&mut self.failed, &mut self.blocks] {
            for entry in list.iter_mut().filter(|entry| **entry == site) {
                *entry = old(site);
            }
            list.sort_unstable();
            list.dedup();
        }
    }
}

fn union<T: Copy + Ord>(a: &[T], b: &[T]) -> Vec<T> {
    let mut all: Vec<_> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The site itself, whichever iteration of a loop the block is from.
pub fn origin(site: SiteId) -> SiteId {
    site & !OLD
}

/// Whether it stands for the blocks of all earlier iterations.
pub fn is_old(site: SiteId) -> bool {
    site & OLD != 0
}

/// What stands for the blocks of all earlier iterations.
pub fn old(site: SiteId) -> SiteId {
    site | OLD
}

/// Why it is not known whether the function still has a block.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doubt {
    /// It is given away on some of the ways that lead here.
    SomeWays,
    /// Something that is called may keep it, or free it: its name, empty for a call through a
    /// pointer.
    Passed(String),
    /// It is stored where it is not followed.
    Stored(Tok),
    /// It is one of several blocks of which one was given away.
    OneOfSeveral,
    /// The code around it could not be read.
    Unread,
}

/// What became of an allocation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It failed.
    Failed,
    /// It failed, or did not happen, or the function has the block.
    Perhaps,
    /// The function has the block and must free it.
    Owned,
    /// The block was freed.
    Freed,
    /// Somebody else has the block: it is stored in a variable of the program, in memory of
    /// somebody else, or returned.
    Moved,
    /// Somebody else may have the block now, or freed it.
    Unknown(Doubt),
}

impl Fate {
    /// The function has the block, if there is one.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Owned | Self::Perhaps)
    }

    /// Either of two; `None` where the allocation did not happen.
    fn or(a: Option<&Self>, b: Option<&Self>) -> Option<Self> {
        use Fate::*;
        let (a, b) = match (a, b) {
            (None, None) => return None,
            (a, b) if a == b => return a.cloned(),
            (a, b) => (a.unwrap_or(&Failed), b.unwrap_or(&Failed)),
        };
        Some(match (a, b) {
            (Unknown(a), Unknown(b)) => Unknown(a.max(b).clone()),
            (Unknown(doubt), _) | (_, Unknown(doubt)) => Unknown(doubt.clone()),
            (Failed, Failed) => Failed,
            (Failed | Perhaps | Owned, Failed | Perhaps | Owned) => Perhaps,
            (Failed | Freed, Failed | Freed) => Freed,
            (Failed | Freed | Moved, Failed | Freed | Moved) => Moved,
            _ => Unknown(Doubt::SomeWays),
        })
    }
}

/// All that is known at one point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// What places hold.
    pub env: BTreeMap<PlaceId, Value>,
    /// What became of allocations.
    pub fates: BTreeMap<SiteId, Fate>,
    /// Of the sites of earlier iterations those of which more than one block may be left.
    pub several: BTreeSet<SiteId>,
    /// What was written where the parameters of a followed function point.
    pub wrote: BTreeSet<PlaceId>,
    /// What was given back that this function had not got: the call, and the object.
    pub left: BTreeSet<(String, Option<PlaceId>)>,
}

impl State {
    /// What is known of a place.
    pub fn get(&self, places: &mut Places, place: PlaceId) -> Value {
        if let Some(value) = self.env.get(&place) {
            return value.clone();
        }
        // Any element of an array, where nothing is known of the very one.
        if let Some(any) = places.any_of(place)
            && let Some(value) = self.env.get(&any)
        {
            return value.clone();
        }
        Value::unknown()
    }

    /// Notes a value without touching what depends on the place.
    pub fn put(&mut self, place: PlaceId, value: Value) {
        if value.is_unknown() {
            self.env.remove(&place);
        } else {
            self.env.insert(place, value);
        }
    }

    /// The place gets a new value: what was known of things reached through it is forgotten.
    pub fn assign(&mut self, places: &mut Places, place: PlaceId, value: Value) {
        self.forget(places, place);
        // Elements that may be the same one.
        let rivals: Vec<PlaceId> = self
            .env
            .keys()
            .copied()
            .filter(|&other| places.may_be(other, place))
            .collect();
        for other in rivals {
            let either = match self.env.get(&other) {
                Some(known) => known.or(&value),
                None => continue,
            };
            self.put(other, either);
        }
        if let Some(any) = places.any_of(place)
            && !self.env.contains_key(&any)
        {
            self.put(any, value.clone());
        }
        if !places.is_any(place) {
            self.put(place, value);
        }
    }

    /// Forgets a place and all that depends on it.
    pub fn forget(&mut self, places: &Places, place: PlaceId) {
        self.env
            .retain(|&known, _| known != place && !places.depends(known, place));
    }

    /// The next allocation at `site` is about to happen: what is left of the last one becomes old.
    pub fn retire(&mut self, places: &mut Places, site: SiteId) {
        let Some(fate) = self.fates.remove(&site) else {
            return;
        };
        let aged = old(site);
        let gone = matches!(self.fates.get(&aged), Some(Fate::Freed | Fate::Failed));
        let held = |value: &Value| value.blocks.contains(&aged) || value.failed.contains(&aged);
        if gone && !self.env.values().any(held) {
            // What the one before last got is freed and forgotten: the last is the only one.
            self.fates.remove(&aged);
            self.several.remove(&aged);
        }
        for value in self.env.values_mut() {
            value.retire(site);
        }
        let within = |place: &PlaceId| places.block_of(*place) == Some(site);
        let held: Vec<PlaceId> = self.env.keys().copied().filter(within).collect();
        for place in held {
            let Some(value) = self.env.remove(&place) else {
                continue;
            };
            if let Some(of_old) = places.aged(place, site)
                && value.leads()
            {
                let known = self.env.get(&of_old).map_or(Value::unknown(), Value::clone);
                self.put(of_old, known.or(&value).or(&Value::unknown()));
            }
        }
        if fate == Fate::Failed {
            return;
        }
        let before = self.fates.get(&aged);
        if before.is_some() {
            self.several.insert(aged);
        }
        let joined = match before {
            None => fate,
            Some(_) => Fate::or(before, Some(&fate)).unwrap_or(fate),
        };
        self.fates.insert(aged, joined);
    }

    /// The last allocation at `site` has turned out not to have failed: nothing that holds its
    /// result can be NULL because of it, in whatever detour it got there.
    pub fn succeeded(&mut self, site: SiteId) {
        for value in self.env.values_mut() {
            value.failed.retain(|failed| *failed != site);
        }
        if self.fates.get(&site) == Some(&Fate::Perhaps) {
            self.fates.insert(site, Fate::Owned);
        }
    }

    /// Whether a site stands for more than one block.
    pub fn is_several(&self, site: SiteId) -> bool {
        is_old(site) && self.several.contains(&site)
    }

    /// Either of two.
    pub fn or(&self, places: &Places, other: &Self) -> Self {
        let mut both = Self::default();
        for (&place, value) in self.env.iter().chain(&other.env) {
            match (self.env.get(&place), other.env.get(&place)) {
                (Some(a), Some(b)) => both.put(place, a.or(b)),
                // What one knows of blocks must not be lost because the other knows nothing.
                _ if value.is_tracked() || value.leads() || places.is_any(place) => {
                    both.put(place, value.or(&Value::unknown()));
                }
                _ => {}
            }
        }
        for site in self.fates.keys().chain(other.fates.keys()) {
            if let Some(fate) = Fate::or(self.fates.get(site), other.fates.get(site)) {
                both.fates.insert(*site, fate);
            }
        }
        both.several = self.several.union(&other.several).copied().collect();
        both.wrote = self.wrote.union(&other.wrote).copied().collect();
        both.left = self.left.union(&other.left).cloned().collect();
        both
    }

    /// Whether two states say the same of blocks: they are taken together first.
    fn is_akin(&self, other: &Self) -> bool {
        let tracked = |value: &(&PlaceId, &Value)| value.1.is_tracked();
        self.fates == other.fates
            && self.several == other.several
            && self.left == other.left
            && self
                .env
                .iter()
                .filter(tracked)
                .eq(other.env.iter().filter(tracked))
    }
}

/// How much is known of places at one point: hardly any function holds more blocks at once.
pub const HELD: usize = 128;

impl State {
    /// Forgets half of what is known: numbers first, then what was met first. Of blocks that are
    /// forgotten it is not known any more whose they are.
    pub fn drop_oldest(&mut self) {
        let mut places: Vec<(bool, PlaceId)> = self
            .env
            .iter()
            .map(|(&place, value)| (value.is_tracked() || value.leads(), place))
            .collect();
        places.sort_unstable();
        places.truncate(places.len().saturating_sub(HELD / 2));
        for (_, place) in places {
            let Some(value) = self.env.remove(&place) else {
                continue;
            };
            for site in value.blocks {
                if self.fates.get(&site).is_some_and(Fate::is_ours) {
                    let doubt = Fate::Unknown(Doubt::Unread);
                    self.fates.insert(site, doubt);
                }
            }
        }
    }

    /// Nothing is known any more, and no block is ours for sure.
    pub fn unread(&self) -> Self {
        let fates = self.fates.iter().map(|(&site, fate)| {
            let fate = match fate {
                Fate::Failed | Fate::Freed | Fate::Moved => fate.clone(),
                _ => Fate::Unknown(Doubt::Unread),
            };
            (site, fate)
        });
        Self {
            fates: fates.collect(),
            ..Self::default()
        }
    }
}

/// The states that reach a point: few, and taken together where there are more.
#[derive(Clone, Debug, Default)]
pub struct States {
    /// The states.
    pub list: Vec<State>,
    /// There were so many that they are kept as one.
    one: bool,
}

/// So many places are known at a point of nearly all functions.
const FEW: usize = 40;

/// How many states of one point are told apart at most.
pub const APART: usize = 16;

impl States {
    /// Adds a state; beyond `apart` they are kept as one. Whether that says anything new.
    pub fn add(&mut self, places: &Places, state: State, apart: usize) -> bool {
        if self.one {
            let Some(known) = self.list.first_mut() else {
                self.list.push(state);
                return true;
            };
            let both = known.or(places, &state);
            let new = both != *known;
            *known = both;
            return new;
        }
        if let Some(known) = self.list.iter_mut().find(|known| known.is_akin(&state)) {
            let both = known.or(places, &state);
            let new = both != *known;
            *known = both;
            return new;
        }
        // The more there is to keep, the fewer are told apart.
        let apart = (apart * FEW / state.env.len().max(FEW)).max(1);
        self.list.push(state);
        if self.list.len() > apart {
            self.unite(places);
        }
        true
    }

    /// Keeps all states as one from now on.
    pub fn unite(&mut self, places: &Places) {
        self.one = true;
        let all = std::mem::take(&mut self.list);
        self.list
            .extend(all.into_iter().reduce(|a, b| a.or(places, &b)));
    }
}

/// Takes together states that say the same of blocks; where there are too many, all of them.
pub fn merge(places: &Places, states: Vec<State>, apart: usize) -> Vec<State> {
    if states.len() < 2 {
        return states;
    }
    let mut merged = States::default();
    for state in states {
        merged.add(places, state, apart);
    }
    merged.list
}
