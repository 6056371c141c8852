//! The layout of a heap in its map: every constant and structure that C and Rust share.
//!
//! This file is the only place where they are written down. `make bless` reads it as text and makes
//! the C block of `dynamic_memory.h` from it, comments included, so it holds nothing but literal
//! constants and `repr(C)` structures.

/// Marks an initialised heap and the version of this layout; another value means another layout.
pub const DYNMEM_VERSION: u32 = 0x444d_0002;
/// Marks a heap that is being reset: it serves nothing until that is done.
pub const DYNMEM_RESETTING: u32 = 0x444d_ffff;
/// Bins of free blocks. A bin for each size below 16 granules, then 8 per power of two, so that a
/// block of a larger bin is at most an eighth too large. 170 reach 2^23 granules; a power of two
/// lets a mask prove an index valid.
pub const DYNMEM_BINS: u32 = 256;
/// 64-bit words in the map of non-empty bins.
pub const DYNMEM_BIN_WORDS: u32 = 4;
/// Free blocks of its own bin that an allocation looks at before it takes one of a larger bin:
/// more finds tighter fits, each costs the verifier a pass.
pub const DYNMEM_BIN_DEPTH: u32 = 4;
/// Lists of parked blocks, which wait here for the next allocation of their size without being
/// merged with their neighbours. Each number of granules up to this has a list of its own, larger
/// ones share them by a hash.
pub const DYNMEM_LISTS: u32 = 128;
/// Logarithm of the number of lists: the hash folds a number of granules by so many bits.
pub const DYNMEM_LISTS_LOG: u32 = 7;
/// Logarithm of the length up to which a list grows, 64. Longer lists serve larger bursts, and
/// hold memory back from other sizes until an allocation finds none and empties the lists.
pub const DYNMEM_LIST_DEPTH_LOG: u32 = 6;
/// Where a list's word keeps its length, above the granule its first block starts at. A full list
/// has the bit set that a tag has for "handed over", so that one test finds both.
pub const DYNMEM_LIST_SHIFT: u32 = 23;
/// Smallest block in granules: a free block keeps its two links in as many table entries.
pub const DYNMEM_SMALLEST: u32 = 2;
/// State of a granule in the two top bits of its tag: within a block, or never used. The second
/// granule's tag of a block that was ever parked keeps, below the state, the word its list had
/// before: the way to the next parked block.
pub const DYNMEM_INSIDE: u32 = 0;
/// State of a granule: a block in use starts here.
pub const DYNMEM_IN_USE: u32 = 1;
/// State of a granule: a free block starts or ends here.
pub const DYNMEM_FREE: u32 = 2;
/// State of a granule: a freed block starts here and waits in a list.
pub const DYNMEM_PARKED: u32 = 3;
/// Flag of a heap: it was built with `DYNAMIC_MEMORY_DEBUG` and has a table of source lines.
pub const DYNMEM_FLAG_DEBUG: u32 = 1;
/// Flag of a heap: it was built with `DYNAMIC_MEMORY_SPIN_LOCK`.
pub const DYNMEM_FLAG_SPIN_LOCK: u32 = 2;

/// What guards a heap: zero while nobody holds it. The build with `bpf_spin_lock` has the
/// kernel's type of the same size in its place.
pub type Lock = u32;

/// The tables behind the fixed part, sized by the pool: 64-bit words of hand-over bits, then a tag
/// and a link for each granule, then (debug build) a source line for each granule.
pub type Tables = [u64; 0];

/// A heap: one value of the map `dynmem_heaps`. Its blocks are in the value of the same number of
/// the map `dynmem_pools`, so a program that writes beyond its block reaches none of this.
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
    pub lists: [u32; 128],
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
    /// Granules in the pool.
    pub granules: u32,
    /// Bits of an entry of the link table: 16 or 32. A tag has 32.
    pub entry_bits: u32,
    /// `DYNMEM_FLAG_…`.
    pub flags: u32,
    /// Bins: first free block of each.
    pub bins: [u32; 256],
    /// The tables.
    pub tables: Tables,
}
