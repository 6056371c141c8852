//! Reads a heap from the bytes of its map value and checks every invariant of it.
//!
//! Pure: the bytes come from a map, from a native build's memory or from a test that damaged them.

use std::fmt;
use std::mem::{offset_of, size_of};

use super::layout::*;
use super::limits::{LEAST_GRANULE, MOST_GRANULE, MOST_GRANULES};

/// A block, or a stretch of free granules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Granules before it in the pool.
    pub start: u32,
    /// Its granules.
    pub granules: u32,
    /// What it is.
    pub state: State,
    /// The source line of the call that allocated it, where the heap records them.
    pub line: Option<u32>,
}

/// What a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Handed out to the program.
    InUse,
    /// Freed by a program that found the lock held; not yet taken back.
    HandedOver,
    /// Freed, and kept from being used again by a debug build.
    Quarantined,
    /// Freed, kept for the next allocation of its size.
    Parked,
    /// Free, merged with its free neighbours.
    Free,
}

/// Declares the figures of a heap that stand in its structure under the same name, and how to read them.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $name:ident,)+) => {
        /// The figures a heap keeps of itself.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counters {
            $($(#[doc = $doc])+ pub $name: u64,)+
            /// Blocks handed out and not taken back.
            pub used_blocks: u64,
            /// Bytes in them.
            pub used_bytes: u64,
            /// Largest number of bytes that were in use at once.
            pub high_water_bytes: u64,
        }

        impl Counters {
            /// The figures by name: those that only grow, each as the header counts it.
            pub fn named(&self) -> [(&'static str, u64); [$(stringify!($name)),+].len()] {
                [$((stringify!($name), self.$name)),+]
            }
        }

        impl Image<'_> {
            fn counters(&self) -> Counters {
                let granule = u64::from(field!(self, granule));
                let used = field!(self, used as u64);
                Counters {
                    $($name: field!(self, $name as u64),)+
                    used_blocks: used & 0xffff_ffff,
                    used_bytes: (used >> 32) * granule,
                    high_water_bytes: (field!(self, high_water as u64) >> 32) * granule,
                }
            }
        }
    };
}

macro_rules! field {
    ($image:expr, $name:ident) => {
        $image.u32(offset_of!(Heap, $name))
    };
    ($image:expr, $name:ident as u64) => {
        $image.u64(offset_of!(Heap, $name))
    };
}

counters! {
    /// Blocks handed out since the start.
    allocations,
    /// Frees by programs on CPUs that use another heap.
    remote_frees,
    /// Frees that found the lock held.
    handed_over,
    /// Size changes in place.
    resizes,
    /// Frees refused: the block was free.
    double_frees,
    /// Frees refused: no block starts there.
    invalid_frees,
    /// Allocations refused: size 0, too large, or overflow.
    failed_size,
    /// Allocations refused: no heap had room.
    failed_memory,
    /// Allocations refused: a heap was held.
    failed_busy,
}

/// A heap as found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// Bytes of a granule; 0 for a heap that no program has used yet.
    pub granule: u32,
    /// Granules in the pool.
    pub granules: u32,
    /// What the pool holds, in order and without gaps.
    pub blocks: Vec<Block>,
    /// The heap's own figures.
    pub counters: Counters,
    /// What a debug build has found, oldest first: the last [`DYNMEM_ERRORS`] at most.
    pub errors: Vec<ProgramError>,
}

/// An error of a program, found by the debug build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramError {
    /// What the program did.
    pub kind: ErrorKind,
    /// Address of the block, or of what was taken for one.
    pub address: u64,
    /// Bytes that were asked for.
    pub size: u32,
    /// Where it was found.
    pub found: SourceLine,
    /// Where the block was allocated.
    pub allocated: Option<SourceLine>,
    /// Where it had been freed before.
    pub freed: Option<SourceLine>,
}

/// What a program did wrong with a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// It wrote behind a block.
    Overflow,
    /// It wrote to a block that it had freed.
    UseAfterFree,
    /// It freed a block twice.
    DoubleFree,
    /// It freed what is no block.
    InvalidFree,
}

/// A line of a source file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLine {
    /// The file's name without its directories, up to 31 bytes.
    pub file: String,
    /// The line, counted from 1.
    pub line: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

impl fmt::Display for ProgramError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { found, size, .. } = self;
        match self.kind {
            ErrorKind::Overflow => write!(
                f,
                "{found}: something was written behind a block of {size} bytes; found here"
            )?,
            ErrorKind::UseAfterFree => write!(
                f,
                "{found}: something was written to a block of {size} bytes after it was freed; found \
                 here"
            )?,
            ErrorKind::DoubleFree => write!(f, "{found}: a block is freed a second time")?,
            ErrorKind::InvalidFree => write!(f, "{found}: what is freed is no block")?,
        }
        if let Some(allocated) = &self.allocated {
            write!(f, "; allocated at {allocated}")?;
        }
        if let Some(freed) = &self.freed {
            write!(f, "; freed at {freed}")?;
        }
        Ok(())
    }
}

/// The bytes are not a heap of this layout, or an invariant does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage(String);

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Damage {}

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(Damage(format!($($message)+)));
        }
    };
}

/// The bin of free blocks of so many granules, as the header computes it.
pub(crate) fn bin(granules: u32) -> usize {
    let shift = 32 - (granules >> 4).leading_zeros();
    (shift * 8 + (granules >> shift)) as usize
}

/// Granules of the largest small block: each such size has a list of its own.
pub(crate) fn small(granule: u32) -> u32 {
    (DYNMEM_SMALL_BYTES / granule).clamp(1, DYNMEM_SMALL_LISTS)
}

/// The list that a parked block of so many granules waits in, `granule` in bytes.
pub(crate) fn list_of(granules: u32, granule: u32) -> u32 {
    let less = granules.wrapping_sub(1);
    if less < small(granule) {
        less
    } else {
        DYNMEM_SMALL_LISTS + (less ^ less >> DYNMEM_LISTS_LOG) % DYNMEM_SMALL_LISTS
    }
}

/// The bytes with the places of the tables in them.
struct Image<'a> {
    bytes: &'a [u8],
    entry: usize,
    entries: usize,
    granule: u32,
    tags: usize,
    links: usize,
    bins: usize,
    bin_count: usize,
    /// Where the debug build has its errors and sites.
    debug: Option<(usize, usize)>,
}

/// Bytes the first `fields` of a heap take, before the tables.
pub(crate) const FIXED: usize = size_of::<Heap>();

mod check;
mod fences;
pub use check::check;
pub use fences::{Fence, Fences, Overflow, fences};

impl<'a> Image<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, Damage> {
        ensure!(
            bytes.len() >= FIXED,
            "{} bytes are too few for a heap",
            bytes.len()
        );
        let mut image = Self::without_tables(bytes);
        let granules = field!(image, room) as usize;
        let entry = field!(image, entry_bits) as usize / 8;
        let granule = field!(image, granule);
        ensure!(entry == 2 || entry == 4, "entries of {} bits", entry * 8);
        ensure!(
            (LEAST_GRANULE..=MOST_GRANULE).contains(&granule) && granule.is_power_of_two(),
            "a granule of {granule} bytes"
        );
        ensure!(
            (2..=MOST_GRANULES as usize).contains(&granules),
            "a pool of {granules} granules"
        );
        let pool = field!(image, granules) as usize;
        ensure!(
            (1..=granules).contains(&pool),
            "{pool} granules in a pool of {granules} at most"
        );
        let entries = granules.next_power_of_two().max(64);
        let margin = DYNMEM_MARGIN as usize;
        // A bit for a group of granules, and a word of each level above for 64 of the level below.
        let mut words = (entries / DYNMEM_WORD_GRANULES as usize).max(1);
        for limit in [DYNMEM_WORD1_GRANULES, DYNMEM_WORD2_GRANULES] {
            if granules > limit as usize {
                words += entries / limit as usize;
            }
        }
        image.entry = entry;
        image.entries = entries;
        image.granule = granule;
        image.tags = FIXED + words * 8 + margin * 2;
        image.links = image.tags + (entries + margin) * 2;
        image.bins = image.links + entries * 2 * entry;
        image.bin_count = DYNMEM_MOST_BINS as usize;
        if granules <= DYNMEM_FEW_GRANULES as usize {
            image.bin_count /= 2;
        }
        let mut end = image.bins + image.bin_count * entry;
        if field!(image, flags) & DYNMEM_FLAG_DEBUG != 0 {
            let quarantine = end + 8 + DYNMEM_ERRORS as usize * size_of::<Error>();
            let sites = quarantine + 8 + DYNMEM_QUARANTINE as usize * 8;
            image.debug = Some((end, sites));
            end = sites + entries * size_of::<Site>();
        }
        ensure!(
            bytes.len() >= end,
            "{} bytes, but the tables end at {end}",
            bytes.len()
        );
        Ok(image)
    }

    fn without_tables(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            entry: 0,
            entries: 0,
            granule: 0,
            tags: 0,
            links: 0,
            bins: 0,
            bin_count: 0,
            debug: None,
        }
    }

    fn u32(&self, at: usize) -> u32 {
        u32::from_ne_bytes(self.bytes[at..at + 4].try_into().expect("four bytes"))
    }

    fn u64(&self, at: usize) -> u64 {
        u64::from_ne_bytes(self.bytes[at..at + 8].try_into().expect("eight bytes"))
    }

    fn entry(&self, at: usize) -> u32 {
        if self.entry == 2 {
            u32::from(u16::from_ne_bytes(
                self.bytes[at..at + 2].try_into().expect("two bytes"),
            ))
        } else {
            self.u32(at)
        }
    }

    /// A granule's tag as it stands; granules count from 1.
    fn raw(&self, granule: u32) -> u32 {
        let at = self.tags + granule as usize * 2 - 2;
        u32::from(u16::from_ne_bytes(
            self.bytes[at..at + 2].try_into().expect("two bytes"),
        ))
    }

    /// State, hand-over bit and granules of a block by its tag at `granule`, or that of its end; a long
    /// one has its granules in the links of the granule `beside`.
    fn tag_beside(&self, granule: u32, beside: u32) -> (u32, bool, u32) {
        let tag = self.raw(granule);
        let mut size = tag & ((1 << DYNMEM_HANDED_OVER_SHIFT) - 1);
        if size == DYNMEM_LONG && (1..=self.entries as u32).contains(&beside) {
            size = self.word(beside);
        }
        (
            tag >> DYNMEM_STATE_SHIFT,
            tag >> DYNMEM_HANDED_OVER_SHIFT & 1 == 1,
            size,
        )
    }

    /// The same of a block that starts at the granule.
    fn tag(&self, granule: u32) -> (u32, bool, u32) {
        self.tag_beside(granule, granule + 1)
    }

    /// A granule's links as one number.
    fn word(&self, granule: u32) -> u32 {
        self.u32(self.links + (granule as usize - 1) * 2 * self.entry)
    }

    /// The free blocks that one links to: the next and the previous of its bin.
    fn link(&self, granule: u32) -> (u32, u32) {
        let at = self.links + (granule as usize - 1) * 2 * self.entry;
        (self.entry(at), self.entry(at + self.entry))
    }

    fn handed_over(&self, granule: u32) -> bool {
        let group = (granule as usize - 1) >> DYNMEM_GROUP_LOG;
        self.u64(FIXED + group / 64 * 8) >> (group % 64) & 1 == 1
    }

    /// The errors that a debug build has kept.
    fn errors(&self) -> Vec<ProgramError> {
        let Some((start, _)) = self.debug else {
            return Vec::new();
        };
        let count = self.u64(start);
        let kept = u64::from(DYNMEM_ERRORS);
        let numbers = count.saturating_sub(kept)..count;
        numbers
            .filter_map(|number| {
                let error = start + 8 + (number % kept) as usize * size_of::<Error>();
                let source = |line: usize, file: usize| {
                    let line = self.u32(error + line);
                    let name = self.bytes[error + file..][..32].split(|byte| *byte == 0);
                    let name = name.into_iter().next().unwrap_or_default();
                    (line != 0).then(|| SourceLine {
                        file: String::from_utf8_lossy(name).into_owned(),
                        line,
                    })
                };
                Some(ProgramError {
                    kind: match self.u32(error + offset_of!(Error, kind)) {
                        DYNMEM_OVERFLOW => ErrorKind::Overflow,
                        DYNMEM_USE_AFTER_FREE => ErrorKind::UseAfterFree,
                        DYNMEM_DOUBLE_FREE => ErrorKind::DoubleFree,
                        DYNMEM_INVALID_FREE => ErrorKind::InvalidFree,
                        _ => return None, // being written
                    },
                    address: self.u64(error + offset_of!(Error, address)),
                    size: self.u32(error + offset_of!(Error, size)),
                    found: source(offset_of!(Error, line), offset_of!(Error, file))?,
                    allocated: source(
                        offset_of!(Error, allocated_line),
                        offset_of!(Error, allocated_file),
                    ),
                    freed: source(offset_of!(Error, freed_line), offset_of!(Error, freed_file)),
                })
            })
            .collect()
    }
}

/// Reads a heap; the blocks tile the pool, everything else is taken as it is. Good for a heap that
/// programs are using: it may be caught between two steps, and then this fails.
///
/// # Errors
/// The bytes are not a heap of this layout version, or the tags do not tile the pool.
///
/// # Complexity
/// Linear in the number of blocks.
pub fn read(bytes: &[u8]) -> Result<Snapshot, Damage> {
    ensure!(
        bytes.len() >= FIXED,
        "{} bytes are too few for a heap",
        bytes.len()
    );
    let version = u32::from_ne_bytes(
        bytes[offset_of!(Heap, version)..][..4]
            .try_into()
            .expect("four bytes"),
    );
    if version == 0 {
        let image = Image::without_tables(bytes);
        let counters = image.counters();
        return Ok(Snapshot {
            granule: 0,
            granules: 0,
            blocks: Vec::new(),
            counters,
            errors: Vec::new(),
        });
    }
    ensure!(
        version != DYNMEM_RESETTING,
        "it is being reset; look again in a moment"
    );
    ensure!(
        version == DYNMEM_VERSION,
        "the program was built with {} dynamic_memory.h (its heaps have layout {version:#x}, this \
         bpf-malloc reads {DYNMEM_VERSION:#x})",
        if version >> 16 == DYNMEM_VERSION >> 16 && version < DYNMEM_VERSION {
            "an older"
        } else {
            "another"
        }
    );
    let image = Image::new(bytes)?;
    let granules = field!(image, granules);
    let mut blocks = Vec::new();
    let mut at = 1;
    while at <= granules {
        let (state, handed_over, size) = image.tag(at);
        ensure!(
            size > 0 && size <= granules + 1 - at,
            "granule {at} starts a block of {size} granules in a pool of {granules}"
        );
        let state = match (state, handed_over) {
            (DYNMEM_IN_USE, false) => State::InUse,
            (DYNMEM_IN_USE, true) => State::HandedOver,
            (DYNMEM_PARKED, false) => State::Parked,
            (DYNMEM_FREE, false) => State::Free,
            _ => {
                return Err(Damage(format!(
                    "granule {at} has state {state}, {handed_over}"
                )));
            }
        };
        let mut line = None;
        let mut state = state;
        if let (State::InUse, Some((_, sites))) = (state, image.debug) {
            let site = sites + (at as usize - 1) * size_of::<Site>();
            if image.u32(site + offset_of!(Site, freed_line)) == 0 {
                line = Some(image.u32(site + offset_of!(Site, allocated_line)));
            } else {
                state = State::Quarantined;
            }
        }
        let line = line.filter(|line| *line != 0);
        blocks.push(Block {
            start: at - 1,
            granules: size,
            state,
            line,
        });
        at += size;
    }
    Ok(Snapshot {
        granule: field!(image, granule),
        granules,
        blocks,
        counters: image.counters(),
        errors: image.errors(),
    })
}
