//! What is known of variables at one point of one path through a function.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

/// An allocation, by its index in the analysis' table of sites.
pub type SiteId = u32;

/// Marks a block that an earlier round of a loop got from the same site.
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
    /// It is NULL or the start of one of the blocks, and nothing else.
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

    /// A pointer into the same block.
    pub fn inside(&self) -> Self {
        Self {
            whole: false,
            ..self.clone()
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
        self.signs == ANY && self.failed.is_empty() && self.blocks.is_empty()
    }

    /// It is about a block or a failed allocation.
    pub fn is_tracked(&self) -> bool {
        !self.failed.is_empty() || !self.blocks.is_empty()
    }

    /// The value, once its signs are known to be among `signs`.
    pub fn narrowed(&self, signs: u8) -> Self {
        let mut value = self.clone();
        value.signs &= signs;
        if value.signs == ZERO {
            value.exact = Some(0);
            value.blocks.clear();
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
            whole: self.whole && other.whole,
        }
    }

    fn retire(&mut self, site: SiteId) {
        for list in [&mut self.failed, &mut self.blocks] {
            for entry in list.iter_mut().filter(|entry| **entry == site) {
                *entry = site | OLD;
            }
            list.sort_unstable();
            list.dedup();
        }
    }
}

fn union(a: &[SiteId], b: &[SiteId]) -> Vec<SiteId> {
    let mut all: Vec<_> = a.iter().chain(b).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The site itself, whichever round of a loop the block is from.
pub fn origin(site: SiteId) -> SiteId {
    site & !OLD
}

/// What became of an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fate {
    /// It failed.
    Failed,
    /// It failed, or the function has the block.
    Perhaps,
    /// The function has the block and must free it.
    Owned,
    /// Somebody else may have the block now.
    Escaped,
    /// The block was freed.
    Freed,
}

/// All that is known at one point of one path.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct State {
    /// By access path.
    pub env: BTreeMap<String, Value>,
    /// By allocation.
    pub fates: BTreeMap<SiteId, Fate>,
}

impl State {
    /// What is known of an access path.
    pub fn get(&self, path: &str) -> Value {
        if let Some(value) = self.env.get(path) {
            return value.clone();
        }
        // Any element of an array, where nothing is known of the very one.
        if path.ends_with(']')
            && let Some(open) = path.rfind('[')
            && let Some(value) = self.env.get(&format!("{}[*]", &path[..open]))
        {
            return value.clone();
        }
        Value::unknown()
    }

    /// Notes a value without touching what depends on the path.
    pub fn put(&mut self, path: &str, value: Value) {
        if value.is_unknown() {
            self.env.remove(path);
        } else {
            self.env.insert(path.to_owned(), value);
        }
    }

    /// The path gets a new value: what was known of things reached through it is forgotten.
    pub fn assign(&mut self, path: &str, value: Value) {
        self.forget(path);
        if path.ends_with(']')
            && let Some(open) = path.rfind('[')
            && &path[open..] != "[0]"
        {
            let any = format!("{}[*]", &path[..open]);
            let either = match self.env.get(&any) {
                Some(known) => known.or(&value),
                None => value.clone(),
            };
            self.put(&any, either);
        }
        self.put(path, value);
    }

    /// Forgets a path and all that mentions it.
    pub fn forget(&mut self, path: &str) {
        self.env
            .retain(|known, _| known != path && !mentions(known, path));
    }

    /// The next allocation at `site` is about to happen: what is left of the last one becomes old.
    pub fn retire(&mut self, site: SiteId) {
        let Some(fate) = self.fates.remove(&site) else {
            return;
        };
        for value in self.env.values_mut() {
            value.retire(site);
        }
        let root = format!("#{site}[");
        self.env.retain(|path, _| !path.starts_with(&root));
        if fate != Fate::Failed {
            // Blocks of earlier rounds are not told apart, so nobody can free them here.
            self.fates.insert(site | OLD, Fate::Escaped);
        }
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

    /// Some path of the two.
    pub fn or(&self, other: &Self) -> Self {
        let mut both = Self::default();
        for (path, value) in self.env.iter().chain(&other.env) {
            match (self.env.get(path), other.env.get(path)) {
                (Some(a), Some(b)) => both.put(path, a.or(b)),
                // What failed on one path must not be lost because the other knows nothing.
                _ if !value.failed.is_empty() || path.ends_with("[*]") => {
                    both.put(path, value.or(&Value::unknown()));
                }
                _ => {}
            }
        }
        for (site, fate) in self.fates.iter().chain(&other.fates) {
            let joined = match (self.fates.get(site), other.fates.get(site)) {
                (Some(a), Some(b)) if a == b => *a,
                // Where it is owned, a variable that holds it says so.
                (Some(Fate::Failed | Fate::Perhaps), Some(Fate::Owned | Fate::Perhaps))
                | (Some(Fate::Owned), Some(Fate::Failed | Fate::Perhaps))
                | (Some(Fate::Perhaps), Some(Fate::Failed)) => Fate::Perhaps,
                (Some(Fate::Failed), Some(f)) | (Some(f), Some(Fate::Failed)) => *f,
                (Some(_), Some(_)) => Fate::Escaped,
                _ => *fate,
            };
            both.fates.insert(*site, joined);
        }
        both
    }

    /// A number for the part that is about blocks: paths that agree in it are taken together.
    fn pointers(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        for tracked in self.env.iter().filter(|(_, value)| value.is_tracked()) {
            tracked.hash(&mut hasher);
        }
        self.fates.hash(&mut hasher);
        hasher.finish()
    }
}

/// Whether an access path reads `part` on its way: an identifier in it, or a prefix of it.
pub fn mentions(path: &str, part: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_' || c == '#' || c == '$';
    path.match_indices(part).any(|(at, _)| {
        let before = path[..at].chars().next_back();
        let after = path[at + part.len()..].chars().next();
        let starts = before.is_none_or(|c| !word(c) && c != '.');
        starts && after.is_some_and(|c| !word(c))
    })
}

/// Takes together paths that know the same of blocks; where there are more than `many`, all of
/// them.
pub fn merge(states: Vec<State>, many: usize) -> Vec<State> {
    if states.len() < 2 {
        return states;
    }
    let mut groups: BTreeMap<u64, State> = BTreeMap::new();
    for state in states {
        match groups.entry(state.pointers()) {
            Entry::Vacant(empty) => {
                empty.insert(state);
            }
            Entry::Occupied(mut group) => {
                if *group.get() != state {
                    let both = group.get().or(&state);
                    group.insert(both);
                }
            }
        }
    }
    let states: Vec<State> = groups.into_values().collect();
    if states.len() > many {
        return join(states).into_iter().collect();
    }
    states
}

/// All paths as one.
pub fn join(states: Vec<State>) -> Option<State> {
    states.into_iter().reduce(|a, b| a.or(&b))
}
