//! What may be chosen of the header, and what it is by default.
//!
//! This file is the only place where these numbers are written down. The parts of the header name them
//! (`@MOST_HEAPS@`, or `@bytes MOST_POOL_SIZE@` for "256 MiB"), and `make bless` reads this file as text
//! and puts them there; so it holds nothing but literal constants.

/// Bytes of the smallest pool.
pub const LEAST_POOL_SIZE: u64 = 1_024;
/// Bytes of the largest pool.
pub const MOST_POOL_SIZE: u64 = 268_435_456;
/// Bytes of a heap's pool where nothing else is asked for.
pub const DEFAULT_POOL_SIZE: u64 = 65_536;
/// Bytes of a pool from which on the granule is [`LARGE_POOL_GRANULE`] where nothing else is asked for.
pub const LARGE_POOL_SIZE: u64 = 2_097_152;
/// Most heaps: a power of two.
pub const MOST_HEAPS: u32 = 64;
/// Heaps where nothing else is asked for.
pub const DEFAULT_HEAPS: u32 = 4;
/// Bytes of the finest granule.
pub const LEAST_GRANULE: u32 = 16;
/// Bytes of the coarsest granule.
pub const MOST_GRANULE: u32 = 4_096;
/// Bytes of a granule where nothing else is asked for.
pub const DEFAULT_GRANULE: u32 = 32;
/// The same in a large pool.
pub const LARGE_POOL_GRANULE: u32 = 64;
/// Most granules of a pool: as many as a list's word can tell apart.
pub const MOST_GRANULES: u64 = 8_388_608;
/// Bytes of a page: a guard is a multiple of it, and each pool begins on one.
pub const PAGE: u64 = 4_096;
/// A guard is at least this part of the pool, one in so many: so copying a block takes few pieces.
pub const GUARD_PART: u64 = 256;
/// The verifier refuses a pointer whose offset into a map value could reach this many bytes
/// (`BPF_MAX_VAR_OFF` in `kernel/bpf/verifier.c`).
pub const VARIABLE_OFFSET_END: u64 = 536_870_912;
/// Bytes of the largest value of an array map before Linux 6.0: one contiguous kernel allocation
/// (`KMALLOC_MAX_SIZE` on x86-64 and arm64 with pages of 4 KiB).
pub const MOST_VALUE_BEFORE_6_0: u64 = 4_194_304;
/// Bytes that all pools together may have in a variable; more are in a map of their own.
pub const MOST_IN_VARIABLE: u64 = 402_653_184;
/// The same before Linux 6.0, where a program's variables have to fit into one value, too.
pub const MOST_IN_VARIABLE_BEFORE_6_0: u64 = 2_097_152;
/// Pages of the largest arena, 4 GiB (`SZ_4G` in `kernel/bpf/arena.c`).
pub const MOST_ARENA_PAGES: u64 = 1_048_576;
/// Pages of an arena that are left to the program's variables where nothing else is asked for.
pub const ARENA_VARIABLE_PAGES: u64 = 1_024;
/// Iterations of a loop with `can_loop` where there is no arena and nothing else is asked for.
pub const DEFAULT_LOOP_LIMIT: u32 = 256;
