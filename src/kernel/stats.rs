//! Figures about a heap that was read. Pure.

use std::collections::BTreeMap;

use crate::heap::walk::{Snapshot, State};

/// What a heap holds, and how its free memory lies.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// Bytes of the pool; 0 for a heap that was never used.
    pub pool_bytes: u64,
    /// Bytes in blocks that the program holds, headers and rounding included.
    pub used_bytes: u64,
    /// Blocks that the program holds.
    pub used_blocks: u64,
    /// Bytes in blocks that were freed and wait: for the next allocation of their size, or to be
    /// taken back by whoever holds the lock next.
    pub waiting_bytes: u64,
    /// Free bytes, those that wait not included.
    pub free_bytes: u64,
    /// Bytes of the largest free block: what the next large allocation can get.
    pub largest_free_bytes: u64,
}

impl Figures {
    /// Counts what a snapshot holds.
    pub fn of(snapshot: &Snapshot) -> Self {
        let granule = u64::from(snapshot.granule);
        let mut figures = Self {
            pool_bytes: u64::from(snapshot.granules) * granule,
            used_bytes: 0,
            used_blocks: 0,
            waiting_bytes: 0,
            free_bytes: 0,
            largest_free_bytes: 0,
        };
        for block in &snapshot.blocks {
            let bytes = u64::from(block.granules) * granule;
            match block.state {
                State::InUse => {
                    figures.used_bytes += bytes;
                    figures.used_blocks += 1;
                }
                State::HandedOver | State::Quarantined | State::Parked => {
                    figures.waiting_bytes += bytes
                }
                State::Free => {
                    figures.free_bytes += bytes;
                    figures.largest_free_bytes = figures.largest_free_bytes.max(bytes);
                }
            }
        }
        figures
    }

    /// The share of free memory that is not in the largest free block, from 0 (one piece) to
    /// nearly 1.
    pub fn fragmentation(&self) -> f64 {
        match self.free_bytes {
            0 => 0.0,
            free => 1.0 - self.largest_free_bytes as f64 / free as f64,
        }
    }
}

/// Blocks in use by the source line that allocated them, the most bytes first: `(line, blocks,
/// bytes)`. Empty if the program was not built with `DYNAMIC_MEMORY_DEBUG`.
pub fn by_line(snapshot: &Snapshot) -> Vec<(u32, u64, u64)> {
    let mut lines: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
    for block in snapshot
        .blocks
        .iter()
        .filter(|block| block.state == State::InUse)
    {
        if let Some(line) = block.line {
            let (blocks, bytes) = lines.entry(line).or_default();
            *blocks += 1;
            *bytes += u64::from(block.granules) * u64::from(snapshot.granule);
        }
    }
    let mut lines: Vec<_> = lines
        .into_iter()
        .map(|(line, (blocks, bytes))| (line, blocks, bytes))
        .collect();
    lines.sort_by_key(|(line, _, bytes)| (std::cmp::Reverse(*bytes), *line));
    lines
}

/// How full each of `cells` equal parts of the pool is, from 0 to 1. Blocks that wait count as
/// free.
pub fn occupancy(snapshot: &Snapshot, cells: usize) -> Vec<f64> {
    let granules = u64::from(snapshot.granules);
    let mut filled = vec![0.0; cells];
    if granules == 0 || cells == 0 {
        return filled;
    }
    let width = granules as f64 / cells as f64;
    for block in snapshot
        .blocks
        .iter()
        .filter(|block| block.state == State::InUse)
    {
        let (start, end) = (
            f64::from(block.start),
            f64::from(block.start) + f64::from(block.granules),
        );
        let mut cell = (start / width) as usize;
        while cell < cells && (cell as f64) * width < end {
            let from = start.max(cell as f64 * width);
            let to = end.min((cell + 1) as f64 * width);
            filled[cell] += (to - from).max(0.0) / width;
            cell += 1;
        }
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::walk::{Block, Counters};

    fn snapshot(blocks: &[(u32, State, Option<u32>)]) -> Snapshot {
        let mut start = 0;
        let blocks: Vec<Block> = blocks
            .iter()
            .map(|&(granules, state, line)| {
                let block = Block {
                    start,
                    granules,
                    state,
                    line,
                };
                start += granules;
                block
            })
            .collect();
        Snapshot {
            granule: 16,
            granules: start,
            blocks,
            counters: Counters::default(),
            errors: Vec::new(),
        }
    }

    #[test]
    fn figures_add_up_to_the_pool() {
        let heap = snapshot(&[
            (10, State::InUse, Some(7)),
            (20, State::Free, None),
            (4, State::Parked, None),
            (6, State::InUse, Some(9)),
            (40, State::Free, None),
        ]);
        let figures = Figures::of(&heap);
        assert_eq!(figures.pool_bytes, 80 * 16);
        assert_eq!((figures.used_bytes, figures.used_blocks), (256, 2));
        assert_eq!(figures.waiting_bytes, 64);
        assert_eq!((figures.free_bytes, figures.largest_free_bytes), (960, 640));
        assert!((figures.fragmentation() - 1.0 / 3.0).abs() < 1e-9);
        let parts = figures.used_bytes + figures.waiting_bytes + figures.free_bytes;
        assert_eq!(parts, figures.pool_bytes);
    }

    #[test]
    fn an_unused_heap_has_no_figures() {
        let figures = Figures::of(&snapshot(&[]));
        assert_eq!((figures.pool_bytes, figures.fragmentation()), (0, 0.0));
        assert_eq!(occupancy(&snapshot(&[]), 3), [0.0; 3]);
    }

    #[test]
    fn lines_are_summed_and_the_largest_comes_first() {
        let heap = snapshot(&[
            (1, State::InUse, Some(5)),
            (2, State::InUse, Some(8)),
            (1, State::InUse, Some(8)),
            (1, State::InUse, None),
        ]);
        assert_eq!(by_line(&heap), [(8, 2, 48), (5, 1, 16)]);
    }

    #[test]
    fn cells_are_filled_in_part() {
        let heap = snapshot(&[
            (3, State::InUse, None),
            (3, State::Free, None),
            (2, State::InUse, None),
        ]);
        assert_eq!(occupancy(&heap, 4), [1.0, 0.5, 0.0, 1.0]);
        assert_eq!(occupancy(&heap, 1), [5.0 / 8.0]);
    }
}
