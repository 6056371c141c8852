//! The fences behind the blocks of a debug build: where they are, and what a wrong one means.

use std::fmt;
use std::mem::{offset_of, size_of};

use super::*;

/// What stands behind a block in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fence {
    /// Address of the block.
    pub block: u64,
    /// Bytes that were asked for. As many bytes behind the block's address the fence begins.
    pub size: u32,
    /// Line of the call that allocated the block.
    pub line: u32,
    /// Address of the name of that call's file, a string of the object.
    pub file: u64,
}

impl Fence {
    /// What a fence is until something is written there.
    pub const WHOLE: u64 = u64::from_ne_bytes([DYNMEM_FENCE_BYTE as u8; 8]);

    /// Address of the fence.
    pub fn address(&self) -> u64 {
        self.block.wrapping_add(u64::from(self.size))
    }
}

/// The fences of a heap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fences {
    /// Whether the addresses of blocks are those of an arena.
    pub in_arena: bool,
    /// What changes with each block that is allocated or given back.
    pub activity: (u64, u64),
    /// Those of all blocks in use, by address.
    pub fences: Vec<Fence>,
}

/// A block in use behind whose end a program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overflow {
    /// Address of the block.
    pub address: u64,
    /// Bytes that were asked for.
    pub size: u32,
    /// Where it was allocated. The file is empty if its name is gone with the program.
    pub allocated: SourceLine,
}

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SourceLine { file, line } = &self.allocated;
        match file.is_empty() {
            true => write!(f, "line {line}")?,
            false => write!(f, "{}", self.allocated)?,
        }
        write!(
            f,
            ": something was written behind a block of {} bytes that is in use; it was allocated here",
            self.size
        )
    }
}

/// Where the fences of a heap are; `None` if it has none, as it was built without
/// `DYNAMIC_MEMORY_DEBUG`, or was not used yet.
///
/// # Errors
/// As [`read`].
///
/// # Complexity
/// Linear in the number of blocks.
pub fn fences(bytes: &[u8]) -> Result<Option<Fences>, Damage> {
    let snapshot = read(bytes)?;
    if snapshot.granules == 0 {
        return Ok(None);
    }
    let image = Image::new(bytes)?;
    let Some((_, sites)) = image.debug else {
        return Ok(None);
    };
    let pool = field!(image, pool_address as u64);
    let granule = u64::from(image.granule);
    let in_use = snapshot.blocks.iter().filter(|b| b.state == State::InUse);
    let fences = in_use.filter_map(|block| {
        let site = sites + block.start as usize * size_of::<Site>();
        let size = image.u32(site + offset_of!(Site, size));
        let usable = u64::from(block.granules) * granule;
        let fenced = u64::from(size) + u64::from(DYNMEM_FENCE) <= usable;
        // Without a line it is not noted yet.
        fenced.then_some(Fence {
            block: pool.wrapping_add(u64::from(block.start) * granule),
            size,
            line: block.line?,
            file: image.u64(site + offset_of!(Site, allocated_file)),
        })
    });
    Ok(Some(Fences {
        in_arena: field!(image, flags) & DYNMEM_FLAG_ARENA != 0,
        activity: (snapshot.counters.allocations, field!(image, used as u64)),
        fences: fences.collect(),
    }))
}
