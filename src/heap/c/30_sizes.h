/* ---- the layout -------------------------------------------------------------------------- */

typedef unsigned char dynmem_u8;
typedef unsigned short dynmem_u16;
typedef unsigned int dynmem_u32;
typedef unsigned long long dynmem_u64;

/*
 * Of what becomes part of its callers no debug information is wanted: describing it took clang a third of
 * the time that the header takes, and without it the lines that the verifier names are the program's.
 */
#if DYNMEM_KERNEL && defined(__clang__)
#define DYNMEM_INLINE static inline __attribute__((always_inline, unused, nodebug))
#else
#define DYNMEM_INLINE static inline __attribute__((always_inline, unused))
#endif
/*
 * Where a block starts: clang copies structures into it in words then. Byte by byte it would take the
 * pointers in them apart, and the verifier lets nobody shift a pointer.
 */
#define DYNMEM_ALIGNED __attribute__((assume_aligned(DYNAMIC_MEMORY_GRANULE)))
#if !DYNMEM_NATIVE && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	!defined(__BPF_CPU_VERSION__)
/*
 * A clang before 17 does not say what -mcpu it was given, but takes 32-bit registers only from v3 on:
 * an error here tells what a crash of the compiler at the first atomic would not.
 */
DYNMEM_INLINE void dynmem_needs_mcpu_v3(void)
{
	dynmem_u32 pass_mcpu_v3_or_define_DYNAMIC_MEMORY_SPIN_LOCK;

	__asm__("" : "=w"(pass_mcpu_v3_or_define_DYNAMIC_MEMORY_SPIN_LOCK));
}
#endif
/* A function for arena pointers and another one for those of stack, maps and packets. */
#if DYNMEM_ARENA
#define DYNMEM_OVERLOADED __attribute__((overloadable))
#else
#define DYNMEM_OVERLOADED
#endif
/*
 * A global function is verified once per program however often it is called, and "weak" lets
 * several translation units of one object carry it. It takes and returns scalars only: memory
 * goes in as a number and comes out as a heap and an offset.
 */
#if !defined(DYNAMIC_MEMORY_STRONG)
#define DYNMEM_GLOBAL __attribute__((weak, noinline))
#elif defined(DYNAMIC_MEMORY_SHARED)
#error "DYNAMIC_MEMORY_SHARED needs weak functions: leave DYNAMIC_MEMORY_STRONG out"
#else
#define DYNMEM_GLOBAL __attribute__((noinline))
#endif

#define DYNMEM_GRANULES (POOL_SIZE / DYNAMIC_MEMORY_GRANULE)
/* Entries of a table: the next power of two, so that a mask proves an index valid. */
#define DYNMEM_SPREAD1 ((DYNMEM_GRANULES - 1) | (DYNMEM_GRANULES - 1) >> 1 | 63)
#define DYNMEM_SPREAD2 (DYNMEM_SPREAD1 | DYNMEM_SPREAD1 >> 2)
#define DYNMEM_SPREAD4 (DYNMEM_SPREAD2 | DYNMEM_SPREAD2 >> 4)
#define DYNMEM_SPREAD8 (DYNMEM_SPREAD4 | DYNMEM_SPREAD4 >> 8)
#define DYNMEM_INDEX_MASK (0ULL + (DYNMEM_SPREAD8 | DYNMEM_SPREAD8 >> 16))
#define DYNMEM_ENTRIES (DYNMEM_INDEX_MASK + 1)

#if DYNMEM_GRANULES <= 65535
typedef dynmem_u16 dynmem_entry;
#define DYNMEM_ENTRY_BITS 16
#else
typedef dynmem_u32 dynmem_entry;
#define DYNMEM_ENTRY_BITS 32
#endif

/* What a granule links to: as the first of a free block, or as one number. */
union dynmem_link {
	dynmem_entry pair[2]; /* the next and the previous block of its bin */
	dynmem_u32 word;
};

/* A tag: state in the two top bits, then "handed over", then the granules of the block. */
#define DYNMEM_TAG(state) ((0ULL + (state)) << DYNMEM_STATE_SHIFT)
#define DYNMEM_TAG_STATE DYNMEM_TAG(3)
#define DYNMEM_TAG_HANDED_OVER (1ULL << DYNMEM_HANDED_OVER_SHIFT)
#define DYNMEM_TAG_GRANULES (DYNMEM_TAG_HANDED_OVER - 1)

/* The tags of four granules in one word, of which the first one's is to be the lowest. */
typedef dynmem_u64 __attribute__((may_alias)) dynmem_four_tags;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_LITTLE_TAGS(tags) (tags)
#else
#define DYNMEM_LITTLE_TAGS(tags)                                                              \
	((tags) << 48 | ((tags) & 0xffff0000) << 16 | ((tags) >> 16 & 0xffff0000) | (tags) >> 48)
#endif

/* Hand-over bits, one for a group of granules, below a tree of words that says where to look. */
#if DYNMEM_GRANULES <= @DYNMEM_WORD1_GRANULES@
#define DYNMEM_LEVELS 1
#elif DYNMEM_GRANULES <= @DYNMEM_WORD2_GRANULES@
#define DYNMEM_LEVELS 2
#else
#define DYNMEM_LEVELS 3
#endif
#define DYNMEM_LEVEL1 (DYNMEM_ENTRIES > DYNMEM_WORD_GRANULES ? DYNMEM_ENTRIES / DYNMEM_WORD_GRANULES : 1)
#define DYNMEM_LEVEL2 (DYNMEM_LEVEL1 + (DYNMEM_LEVELS > 1 ? DYNMEM_ENTRIES / DYNMEM_WORD1_GRANULES : 0))
#define DYNMEM_PENDING_WORDS (DYNMEM_LEVEL2 + (DYNMEM_LEVELS > 2 ? DYNMEM_ENTRIES / DYNMEM_WORD2_GRANULES : 0))

#ifdef DYNAMIC_MEMORY_DEBUG
#define DYNMEM_SITES                               \
	dynmem_u64 error_count;                    \
	struct dynmem_error errors[DYNMEM_ERRORS]; \
	dynmem_u64 quarantine_count;               \
	dynmem_u64 quarantine[DYNMEM_QUARANTINE];  \
	struct dynmem_site sites[DYNMEM_ENTRIES];
#define DYNMEM_DEBUG_FLAG DYNMEM_FLAG_DEBUG
#else
#define DYNMEM_SITES
#define DYNMEM_DEBUG_FLAG 0
#endif

#if DYNMEM_ARENA
#define DYNMEM_ARENA_FLAG DYNMEM_FLAG_ARENA
#else
#define DYNMEM_ARENA_FLAG 0
#endif

#define DYNMEM_BINS \
	(DYNMEM_GRANULES <= DYNMEM_FEW_GRANULES ? DYNMEM_MOST_BINS / 2 : DYNMEM_MOST_BINS)

/* What lies before and behind the pool has tags too: it is not free. */
#define DYNMEM_TABLES                                        \
	dynmem_u64 pending_words[DYNMEM_PENDING_WORDS];     \
	dynmem_u16 tags[DYNMEM_ENTRIES + 2 * DYNMEM_MARGIN]; \
	union dynmem_link links[DYNMEM_ENTRIES];             \
	dynmem_entry bins[DYNMEM_BINS];                      \
	DYNMEM_SITES

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#endif
#define dynmem_lock struct bpf_spin_lock /* the kernel does not look through a typedef */
#define DYNMEM_FLAGS (DYNMEM_DEBUG_FLAG | DYNMEM_ARENA_FLAG | DYNMEM_FLAG_SPIN_LOCK)
#else
#define DYNMEM_FLAGS (DYNMEM_DEBUG_FLAG | DYNMEM_ARENA_FLAG)
typedef dynmem_u32 dynmem_lock;
#endif
