//! The layout of a heap in its map: every constant and structure that C and Rust share.
//!
//! This file is the only place where they are written down. `make bless` reads it as text and makes
//! the C block of `dynamic_memory.h` from it, comments included, so it holds nothing but literal
//! constants and `repr(C)` structures.

/// Marks an initialised heap and the version of this layout; another value means another layout.
pub const DYNMEM_VERSION: u32 = 0x444d_0005;
/// Marks a heap that is being reset: it serves nothing until that is done.
pub const DYNMEM_RESETTING: u32 = 0x444d_ffff;
/// Most bins of free blocks. A bin for each size below 16 granules, then 8 per power of two, so that
/// a block of a larger bin is at most an eighth too large. 170 reach 2^23 granules; half of the bins
/// are enough for [`DYNMEM_FEW_GRANULES`].
pub const DYNMEM_MOST_BINS: u32 = 256;
/// Granules of a pool up to which a heap has half the bins.
pub const DYNMEM_FEW_GRANULES: u32 = 131_072;
/// 64-bit words in the map of non-empty bins.
pub const DYNMEM_BIN_WORDS: u32 = 4;
/// Free blocks of its own bin that an allocation looks at before it takes one of a larger bin:
/// more finds tighter fits, each costs the verifier a pass.
pub const DYNMEM_BIN_DEPTH: u32 = 4;
/// Lists of parked blocks, which wait here for the next allocation of their size without being
/// merged with their neighbours. The first half is for small blocks, one list for each number of
/// granules; larger blocks share the others by a hash.
pub const DYNMEM_LISTS: u32 = 64;
/// Lists for small blocks: a power of two.
pub const DYNMEM_SMALL_LISTS: u32 = 32;
/// Logarithm of the number of small lists: the hash folds a number of granules by so many bits.
pub const DYNMEM_LISTS_LOG: u32 = 5;
/// Bytes of a small block. All small blocks are parked: it makes them fast, and as each list has one
/// size, what is parked is used again soon. Parking larger ones without a limit fragments the pool:
/// with sizes up to a quarter of what is in use it had to be 2.4 to 4.8 times as large.
pub const DYNMEM_SMALL_BYTES: u32 = 512;
/// What part of a pool larger blocks may hold while parked: one in so many. There may always be one.
pub const DYNMEM_LARGE_PART: u32 = 64;
/// Logarithm of the length up to which a list grows, 64. Longer lists serve larger bursts, and
/// hold memory back from other sizes until an allocation finds none and empties the lists.
pub const DYNMEM_LIST_DEPTH_LOG: u32 = 6;
/// Where a list's word keeps its length, above the granule its first block starts at.
pub const DYNMEM_LIST_SHIFT: u32 = 23;
/// Where a tag keeps the state of a granule, above all else.
pub const DYNMEM_STATE_SHIFT: u32 = 14;
/// The bit of a tag that says that the block is handed over.
pub const DYNMEM_HANDED_OVER_SHIFT: u32 = 13;
/// Logarithm of the number of granules that share a hand-over bit.
pub const DYNMEM_GROUP_LOG: u32 = 2;
/// Granules that a word of hand-over bits stands for.
pub const DYNMEM_WORD_GRANULES: u32 = 256;
/// Granules that a word of the level above stands for, and that need no such level.
pub const DYNMEM_WORD1_GRANULES: u32 = 16_384;
/// The same of the level above that.
pub const DYNMEM_WORD2_GRANULES: u32 = 1_048_576;
/// What a tag says of a block of so many granules or more, in the bits below its state and "handed
/// over". The number itself is then in the links of the granule within the block that is next to the
/// tag's, which nothing else uses.
pub const DYNMEM_LONG: u32 = 8_191;
/// Tags before the first granule's. They say that what lies before the pool is not free. Four, so
/// that the tags of four granules, which share a hand-over bit, are a word of 64 bits.
pub const DYNMEM_MARGIN: u32 = 4;
/// State of a granule in the two top bits of its tag: within a block, or never used.
pub const DYNMEM_INSIDE: u32 = 0;
/// State of a granule: a block in use starts here.
pub const DYNMEM_IN_USE: u32 = 1;
/// State of a granule: a free block starts or ends here.
pub const DYNMEM_FREE: u32 = 2;
/// State of a granule: a freed block starts here and waits in a list. Its links keep the word its
/// list had before: the way to the next parked block.
pub const DYNMEM_PARKED: u32 = 3;
/// Flag of a heap: it was built with `DYNAMIC_MEMORY_DEBUG` and has the tables for that.
pub const DYNMEM_FLAG_DEBUG: u32 = 1;
/// Flag of a heap: it was built with `DYNAMIC_MEMORY_SPIN_LOCK`.
pub const DYNMEM_FLAG_SPIN_LOCK: u32 = 2;
/// Flag of a heap: it was built with `DYNAMIC_MEMORY_ARENA`, and the addresses of its blocks are those of
/// the arena in the process that loaded it.
pub const DYNMEM_FLAG_ARENA: u32 = 4;

/// Bytes behind each block of a debug build, which nobody may write to.
pub const DYNMEM_FENCE: u32 = 8;
/// What each of them is.
pub const DYNMEM_FENCE_BYTE: u32 = 0xfb;
/// What each byte of a new block is in a debug build.
pub const DYNMEM_NEW: u32 = 0xaa;
/// What each byte of a freed block is in a debug build.
pub const DYNMEM_FREED: u32 = 0xdd;
/// Errors that a heap of a debug build keeps: the last ones, a power of two.
pub const DYNMEM_ERRORS: u32 = 16;
/// Freed blocks that a heap of a debug build keeps from being used again, a power of two: for so long a
/// write to one is told with certainty.
pub const DYNMEM_QUARANTINE: u32 = 16;
/// What part of a pool a block may have to be kept so: one in so many. All together have a quarter.
pub const DYNMEM_QUARANTINE_PART: u32 = 64;
/// Kind of an error: a program wrote behind a block, found when the block was freed or resized.
pub const DYNMEM_OVERFLOW: u32 = 1;
/// Kind of an error: a program wrote to a block after it was freed, found when it was used again.
pub const DYNMEM_USE_AFTER_FREE: u32 = 2;
/// Kind of an error: a block was freed that was free already.
pub const DYNMEM_DOUBLE_FREE: u32 = 3;
/// Kind of an error: something was freed that is no block.
pub const DYNMEM_INVALID_FREE: u32 = 4;

/// What a debug build keeps of a block, at its first granule.
#[repr(C)]
pub struct Site {
    /// Address of the name of the file with the call that allocated it, a string of the object.
    pub allocated_file: u64,
    /// The same of the call that freed it.
    pub freed_file: u64,
    /// Line of the call that allocated it; 0 for none.
    pub allocated_line: u32,
    /// Line of the call that freed it; 0 while it is in use.
    pub freed_line: u32,
    /// Bytes that were asked for.
    pub size: u32,
    /// Bytes that could be used when it was freed.
    pub usable: u32,
}

/// An error that a debug build found.
#[repr(C)]
pub struct Error {
    /// Address of the block, or of what was taken for one.
    pub address: u64,
    /// `DYNMEM_OVERFLOW` and the like.
    pub kind: u32,
    /// Bytes that were asked for.
    pub size: u32,
    /// Line of the call that found it.
    pub line: u32,
    /// Line of the call that allocated the block; 0 if it is none.
    pub allocated_line: u32,
    /// Line of the call that freed the block before; 0 if none did.
    pub freed_line: u32,
    /// Not used.
    pub reserved: u32,
    /// Name of the file of `line`, as long as it fits, and a zero.
    pub file: [u8; 32],
    /// Name of the file of `allocated_line`.
    pub allocated_file: [u8; 32],
    /// Name of the file of `freed_line`.
    pub freed_file: [u8; 32],
}

/// What guards a heap: zero while nobody holds it. The build with `bpf_spin_lock` has the
/// kernel's type of the same size in its place.
pub type Lock = u32;

/// The tables behind the fixed part, sized by the pool: 64-bit words of hand-over bits, then a tag for
/// each granule, a pair of links for each, the first free block of each bin, and in a debug build the
/// number of errors, the last [`Error`]s, the number of blocks that ever were in the quarantine, the
/// addresses of those in it, and a [`Site`] for each granule.
pub type Tables = [u64; 0];

/// A heap: one value of the map `dynmem_heaps`. Its blocks are in another map, so a program that
/// writes beyond its block reaches none of this.
///
/// Granules count from 1, and 0 means none. The first lines are what the fast path touches.
#[repr(C)]
pub struct Heap {
    /// Held by whoever changes anything below that is not said to be atomic.
    pub lock: Lock,
    /// `DYNMEM_VERSION` once the heap is initialised, 0 before.
    pub version: u32,
    /// Atomic: which words of the hand-over bits may have a bit set (the root of their tree).
    pub pending: u64,
    /// Blocks handed out since the start.
    pub allocations: u64,
    /// What is handed out and not taken back: granules above 32 bits of blocks. In one number, so
    /// that an allocation or a free changes both at once.
    pub used: u64,
    /// Largest value `used` has had.
    pub high_water: u64,
    /// Where the pool begins in the kernel's memory, in bytes, as a number: 0 before the first use.
    pub pool_address: u64,
    /// Blocks taken back from a program on a CPU that uses another heap.
    pub remote_frees: u64,
    /// Atomic: blocks handed over by a free that found the lock held.
    pub handed_over: u64,
    /// Lists of parked blocks: length and first granule less one.
    pub lists: [u32; 64],
    /// Bit set: the bin has a block.
    pub bin_map: [u64; 4],
    /// Size changes of blocks where they stand, by realloc.
    pub resizes: u64,
    /// Atomic: frees refused because the block was free already.
    pub double_frees: u64,
    /// Atomic: frees refused because no block starts at the address.
    pub invalid_frees: u64,
    /// Atomic: allocations refused because the size was 0, larger than a pool, or overflowed.
    pub failed_size: u64,
    /// Atomic: allocations refused because no heap had a block large enough.
    pub failed_memory: u64,
    /// Atomic: allocations refused while a heap that might have served them was held.
    pub failed_busy: u64,
    /// Bytes of a granule.
    pub granule: u32,
    /// Granules in the pool: as many as a loader asked for, up to `room`.
    pub granules: u32,
    /// Bits of a link and of a bin's first block: 16 or 32.
    pub entry_bits: u32,
    /// `DYNMEM_FLAG_…`.
    pub flags: u32,
    /// Granules in parked blocks that are not small.
    pub large_parked: u32,
    /// The list that the last such block was parked in.
    pub large_last: u32,
    /// Granules that the tables have room for: those of the largest pool.
    pub room: u32,
    /// Not used.
    pub reserved: u32,
    /// The tables.
    pub tables: Tables,
}
