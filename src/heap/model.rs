//! The reference heap: the same decisions as the header's, with collections instead of tables.
//!
//! It is what the header is measured against: given the same operations, both must give the same
//! places. It allocates as it likes and is slow where that makes it plain.

use std::collections::BTreeMap;

use super::layout::{
    DYNMEM_BIN_DEPTH, DYNMEM_LARGE_PART, DYNMEM_LIST_DEPTH_LOG, DYNMEM_LISTS, DYNMEM_MOST_BINS,
    DYNMEM_SMALL_LISTS,
};
use super::walk::{Block, State, bin, list_of};

/// A heap of one pool.
#[derive(Clone, Debug)]
pub struct Model {
    granule: u64,
    granules: u32,
    /// Where the pool begins, in granules.
    base: u64,
    /// Start → granules and state; tiles the pool.
    blocks: BTreeMap<u32, (u32, State)>,
    /// Starts of free blocks; the last is the first to be looked at.
    bins: Vec<Vec<u32>>,
    /// Starts of parked blocks; the last is the first to go.
    lists: Vec<Vec<u32>>,
    /// Granules in parked blocks that are not small, and the list the last one went to.
    large_parked: u32,
    large_last: usize,
}

impl Model {
    /// An empty heap, `pool` and `granule` in bytes. The pool begins at `address`, on which depends
    /// where blocks of large alignment can start.
    pub fn new(pool: u64, granule: u32, address: u64) -> Self {
        let granules = u32::try_from(pool / u64::from(granule)).expect("at most 2^23 granules");
        let mut model = Self {
            granule: u64::from(granule),
            granules,
            base: address / u64::from(granule),
            blocks: BTreeMap::new(),
            bins: vec![Vec::new(); DYNMEM_MOST_BINS as usize],
            lists: vec![Vec::new(); DYNMEM_LISTS as usize],
            large_parked: 0,
            large_last: 0,
        };
        model.insert(0, granules);
        model
    }

    /// The blocks in the order of their addresses.
    pub fn blocks(&self) -> impl Iterator<Item = Block> + '_ {
        self.blocks
            .iter()
            .map(|(&start, &(granules, state))| Block {
                start,
                granules,
                state,
                line: None,
            })
    }

    /// Offset of a new block of `bytes` at a multiple of `align`, both in bytes; `None` for NULL.
    pub fn allocate(&mut self, bytes: u64, align: u64) -> Option<u64> {
        let granules = self.rounded(bytes)?;
        let found = self.serve(granules, align).or_else(|| {
            self.gather();
            self.serve(granules, align)
        });
        found.map(|start| u64::from(start) * self.granule)
    }

    /// Frees the block at an offset; false if no block in use starts there.
    pub fn free(&mut self, offset: u64) -> bool {
        let Some((start, granules)) = self.in_use(offset) else {
            return false;
        };
        let list = self.list(granules);
        let (mut from, mut full) = (list, 1 << DYNMEM_LIST_DEPTH_LOG);
        if list >= DYNMEM_SMALL_LISTS as usize {
            let budget = self.granules / DYNMEM_LARGE_PART;
            if self.large_parked > 0 && self.large_parked + granules > budget {
                (from, full) = (self.large_last, 1);
            }
            self.large_parked += granules;
            self.large_last = list;
        }
        if self.lists[from].len() >= full
            && let Some(start) = self.unpark(from)
        {
            let (granules, _) = self.blocks[&start];
            self.coalesce(start, granules);
        }
        self.lists[list].push(start);
        self.blocks.insert(start, (granules, State::Parked));
        true
    }

    /// As `realloc`; with no bytes the block is freed.
    pub fn reallocate(&mut self, offset: u64, bytes: u64) -> Option<u64> {
        let (start, have) = self.in_use(offset)?;
        if bytes == 0 {
            self.free(offset);
            return None;
        }
        let granules = self.rounded(bytes)?;
        if self.resize(start, have, granules) {
            return Some(offset);
        }
        let moved = self.allocate(bytes, 1)?;
        self.free(offset);
        Some(moved)
    }

    /// Bytes usable in the block at an offset; 0 if none in use starts there.
    pub fn usable(&self, offset: u64) -> u64 {
        self.in_use(offset)
            .map_or(0, |(_, granules)| u64::from(granules) * self.granule)
    }

    fn rounded(&self, bytes: u64) -> Option<u32> {
        if bytes == 0 || bytes > u64::from(self.granules) * self.granule {
            return None;
        }
        Some(bytes.div_ceil(self.granule) as u32)
    }

    fn in_use(&self, offset: u64) -> Option<(u32, u32)> {
        let start = u32::try_from(offset / self.granule).ok()?;
        match self.blocks.get(&start) {
            Some(&(granules, State::InUse)) if offset.is_multiple_of(self.granule) => {
                Some((start, granules))
            }
            _ => None,
        }
    }

    fn serve(&mut self, granules: u32, align: u64) -> Option<u32> {
        let aligned = align > self.granule;
        let list = self.list(granules);
        if !aligned
            && let Some(&start) = self.lists[list].last()
            && self.blocks[&start].0 == granules
        {
            self.unpark(list);
            self.blocks.insert(start, (granules, State::InUse));
            return Some(start);
        }
        let units = if aligned {
            (align / self.granule) as u32
        } else {
            1
        };
        let start = self.find(granules + units - 1)?;
        let (have, _) = self.blocks[&start];
        self.remove(start, have);
        let at = (self.base + u64::from(start)) as u32;
        let gap = at.wrapping_neg() & (units - 1);
        if gap != 0 {
            self.insert(start, gap);
        }
        let (start, have) = (start + gap, have - gap);
        if have > granules {
            self.insert(start + granules, have - granules);
        }
        self.blocks.insert(start, (granules, State::InUse));
        Some(start)
    }

    fn list(&self, granules: u32) -> usize {
        list_of(granules, self.granule as u32) as usize
    }

    /// Takes the first block off a list.
    fn unpark(&mut self, list: usize) -> Option<u32> {
        let start = self.lists[list].pop()?;
        if list >= DYNMEM_SMALL_LISTS as usize {
            self.large_parked -= self.blocks[&start].0;
        }
        Some(start)
    }

    fn find(&self, granules: u32) -> Option<u32> {
        let own = bin(granules);
        self.bins[own]
            .iter()
            .rev()
            .take(DYNMEM_BIN_DEPTH as usize)
            .find(|start| self.blocks[start].0 >= granules)
            .or_else(|| self.bins[own + 1..].iter().find_map(|bin| bin.last()))
            .copied()
    }

    fn resize(&mut self, start: u32, have: u32, granules: u32) -> bool {
        let mut have = have;
        if granules > have {
            match self.blocks.get(&(start + have)) {
                Some(&(right, State::Free)) if have + right >= granules => {
                    self.remove(start + have, right);
                    have += right;
                }
                _ => return false,
            }
        }
        if have > granules {
            self.coalesce(start + granules, have - granules);
            have = granules;
        }
        self.blocks.insert(start, (have, State::InUse));
        true
    }

    fn gather(&mut self) {
        for list in 0..self.lists.len() {
            while let Some(start) = self.unpark(list) {
                let (granules, _) = self.blocks[&start];
                self.coalesce(start, granules);
            }
        }
    }

    fn coalesce(&mut self, start: u32, granules: u32) {
        let (mut start, mut granules) = (start, granules);
        self.blocks.remove(&start);
        let left = self
            .blocks
            .range(..start)
            .next_back()
            .map(|(&at, &block)| (at, block));
        if let Some((at, (left, State::Free))) = left
            && at + left == start
        {
            self.remove(at, left);
            start = at;
            granules += left;
        }
        if let Some(&(right, State::Free)) = self.blocks.get(&(start + granules)) {
            self.remove(start + granules, right);
            granules += right;
        }
        self.insert(start, granules);
    }

    fn insert(&mut self, start: u32, granules: u32) {
        self.blocks.insert(start, (granules, State::Free));
        self.bins[bin(granules)].push(start);
    }

    fn remove(&mut self, start: u32, granules: u32) {
        self.blocks.remove(&start);
        self.bins[bin(granules)].retain(|&other| other != start);
    }
}
