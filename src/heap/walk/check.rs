//! Checks that all parts of a heap agree.

use std::collections::BTreeSet;
use std::mem::offset_of;

use super::*;

/// Reads a heap that nobody is changing and checks all of it: tags, bins, links, lists, maps of
/// bits and figures agree.
///
/// # Errors
/// The first invariant that does not hold.
///
/// # Complexity
/// Linear in the number of granules.
pub fn check(bytes: &[u8]) -> Result<Snapshot, Damage> {
    let snapshot = read(bytes)?;
    if snapshot.granules == 0 {
        ensure!(
            bytes[FIXED..].iter().all(|byte| *byte == 0),
            "the tables of a heap that was never used are not empty"
        );
        return Ok(snapshot);
    }
    let image = Image::new(bytes)?;
    ensure!(field!(image, lock) == 0, "the lock is held");
    check_tags(&image, &snapshot)?;
    check_bins(&image, &snapshot)?;
    check_lists(&image, &snapshot)?;
    check_pending(&image, &snapshot)?;
    let in_use = snapshot.blocks.iter().filter(|b| {
        matches!(
            b.state,
            State::InUse | State::HandedOver | State::Quarantined
        )
    });
    let (blocks, granules) =
        in_use.fold((0, 0), |(n, sum), b| (n + 1, sum + u64::from(b.granules)));
    let counters = &snapshot.counters;
    let bytes = granules * u64::from(snapshot.granule);
    ensure!(
        counters.used_blocks == blocks && counters.used_bytes == bytes,
        "{blocks} blocks of {bytes} bytes are in use, but the heap says {} of {}",
        counters.used_blocks,
        counters.used_bytes
    );
    ensure!(
        counters.high_water_bytes >= bytes,
        "high water is below what is in use"
    );
    ensure!(
        counters.allocations >= blocks,
        "more blocks in use than were handed out"
    );
    Ok(snapshot)
}

/// Between the first granule of a block and the last of a free one every tag is empty.
fn check_tags(image: &Image<'_>, snapshot: &Snapshot) -> Result<(), Damage> {
    let empty = |granule: u32| image.raw(granule) == 0;
    let mut before = None;
    for block in &snapshot.blocks {
        let first = block.start + 1;
        let last = block.start + block.granules;
        let mut inside = first + 1..=last;
        if block.state == State::Free {
            ensure!(
                before != Some(State::Free),
                "two free blocks meet at granule {first}"
            );
            ensure!(
                image.tag_beside(last, last - 1) == (DYNMEM_FREE, false, block.granules),
                "the free block at granule {first} has no tag at its end"
            );
            inside = first + 1..=last - 1;
        }
        for granule in inside {
            ensure!(
                empty(granule),
                "granule {granule} is inside of a block but has a tag"
            );
        }
        before = Some(block.state);
    }
    let margin = DYNMEM_MARGIN as usize * 2;
    ensure!(
        image.bytes[image.tags - margin..image.tags]
            .iter()
            .all(|byte| *byte == 0),
        "there is a tag before the pool"
    );
    for granule in snapshot.granules + 1..=image.entries as u32 + DYNMEM_MARGIN {
        ensure!(
            empty(granule),
            "there is a tag behind the pool, at granule {granule}"
        );
    }
    Ok(())
}

fn check_bins(image: &Image<'_>, snapshot: &Snapshot) -> Result<(), Damage> {
    let mut binned = BTreeSet::new();
    let words = DYNMEM_BIN_WORDS as usize;
    for word in image.bin_count / 64..words {
        ensure!(
            image.u64(offset_of!(Heap, bin_map) + word * 8) == 0,
            "the map of bins has bins that there are not"
        );
    }
    for bin_index in 0..image.bin_count {
        let head = image.entry(image.bins + bin_index * image.entry);
        let map = image.u64(offset_of!(Heap, bin_map) + bin_index / 64 * 8);
        ensure!(
            (map >> (bin_index % 64) & 1 == 1) == (head != 0),
            "the map of bins is wrong about bin {bin_index}"
        );
        let mut previous = 0;
        let mut block = head;
        while block != 0 {
            ensure!(
                block <= snapshot.granules,
                "bin {bin_index} leads to granule {block}"
            );
            ensure!(
                binned.insert(block),
                "the free block at granule {block} is binned twice"
            );
            let (state, _, granules) = image.tag(block);
            ensure!(
                state == DYNMEM_FREE && bin(granules) == bin_index,
                "granule {block}, state {state}, {granules} granules, is in bin {bin_index}"
            );
            ensure!(
                image.link(block).1 == previous,
                "the free block at granule {block} does not link back to {previous}"
            );
            previous = block;
            block = image.link(block).0;
        }
    }
    let free = snapshot
        .blocks
        .iter()
        .filter(|block| block.state == State::Free);
    for block in free.clone() {
        ensure!(
            binned.contains(&(block.start + 1)),
            "the free block at granule {} is in no bin",
            block.start + 1
        );
    }
    ensure!(
        binned.len() == free.count(),
        "a bin holds what is no free block"
    );
    Ok(())
}

fn check_lists(image: &Image<'_>, snapshot: &Snapshot) -> Result<(), Damage> {
    let mut parked = BTreeSet::new();
    let mut large = 0;
    for list in 0..DYNMEM_LISTS {
        let mut word = image.u32(offset_of!(Heap, lists) + list as usize * 4);
        let length = word >> DYNMEM_LIST_SHIFT;
        for left in (1..=length).rev() {
            let granule = (word & ((1 << DYNMEM_LIST_SHIFT) - 1)) + 1;
            ensure!(
                word >> DYNMEM_LIST_SHIFT == left,
                "list {list} has {left} blocks left, but says {}",
                word >> DYNMEM_LIST_SHIFT
            );
            ensure!(
                granule <= snapshot.granules,
                "list {list} leads to granule {granule}"
            );
            ensure!(
                parked.insert(granule),
                "the block at granule {granule} is parked twice"
            );
            let (state, handed_over, granules) = image.tag(granule);
            ensure!(
                state == DYNMEM_PARKED && !handed_over && list_of(granules, image.granule) == list,
                "granule {granule}, state {state}, {granules} granules, is in list {list}"
            );
            if list >= DYNMEM_SMALL_LISTS {
                large += granules;
            }
            // Its links keep the word that the list had before.
            word = image.word(granule);
        }
        ensure!(word == 0, "list {list} is empty but leads somewhere");
    }
    for block in snapshot
        .blocks
        .iter()
        .filter(|block| block.state == State::Parked)
    {
        ensure!(
            parked.remove(&(block.start + 1)),
            "the parked block at granule {} is in no list",
            block.start + 1
        );
    }
    ensure!(parked.is_empty(), "a list holds what is no parked block");
    ensure!(
        field!(image, large_parked) == large,
        "{large} granules are in large parked blocks, but the heap says {}",
        field!(image, large_parked)
    );
    Ok(())
}

/// Every handed-over block has its bit, and the root says so. Bits without a block are harmless.
fn check_pending(image: &Image<'_>, snapshot: &Snapshot) -> Result<(), Damage> {
    for block in snapshot
        .blocks
        .iter()
        .filter(|block| block.state == State::HandedOver)
    {
        let granule = block.start + 1;
        ensure!(
            image.handed_over(granule) && field!(image, pending as u64) != 0,
            "the block at granule {granule} is handed over, but nothing leads to it"
        );
    }
    Ok(())
}
