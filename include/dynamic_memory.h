/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * dynamic_memory.h: malloc and free for eBPF programs.
 *
 * The memory is a fixed pool in BPF maps, so an allocation is a pointer into a map value: the
 * kernel's verifier checks every access through it, and nothing is taken from the kernel's own
 * allocator at run time. Every function that can fail returns NULL (or an errno value), and the
 * verifier insists that the program checks for it.
 *
 * Requirements: clang with -target bpf -mcpu=v3 -O2 -g, Linux 5.12 or later, a loader with
 * CAP_BPF and CAP_PERFMON (or root). The header includes nothing but the compiler's <stddef.h>
 * and may stand before or after vmlinux.h, linux/bpf.h and bpf/bpf_helpers.h.
 *
 * Define before the include to change:
 *   POOL_SIZE               bytes of a heap's pool; a multiple of 16     (default 65536)
 *   DYNAMIC_MEMORY_HEAPS    number of heaps, a power of two; 1 to 64     (default 4)
 *   DYNAMIC_MEMORY_GUARD    bytes behind a pool. A block of variable size may be indexed, or
 *                           handed to a helper with a length, up to this bound; a multiple of
 *                           4096                                         (default 4096)
 */
#ifndef DYNAMIC_MEMORY_H
#define DYNAMIC_MEMORY_H

/* Only these two: vmlinux.h has a wchar_t of its own, which a whole <stddef.h> contradicts. */
#ifndef __VMLINUX_H__
#define __need_size_t
#endif
#define __need_NULL
#include <stddef.h>

#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EINVAL
#define EINVAL 22
#endif

#ifndef POOL_SIZE
#define POOL_SIZE 65536
#endif
#ifndef DYNAMIC_MEMORY_HEAPS
#define DYNAMIC_MEMORY_HEAPS 4
#endif
#ifndef DYNAMIC_MEMORY_GUARD
#define DYNAMIC_MEMORY_GUARD 4096
#endif
#ifndef DYNAMIC_MEMORY_GRANULE
#define DYNAMIC_MEMORY_GRANULE 16
#endif

typedef unsigned char dynmem_u8;
typedef unsigned int dynmem_u32;
typedef unsigned long long dynmem_u64;

#define DYNMEM_INLINE static inline __attribute__((always_inline, unused))
/*
 * A global function is verified once per program however often it is called, and "weak" lets
 * several translation units of one object carry it. It may return only a scalar.
 */
#define DYNMEM_GLOBAL __attribute__((weak, noinline))

#define DYNMEM_GRANULES (POOL_SIZE / DYNAMIC_MEMORY_GRANULE)
/* An index masked with this is a valid index of the tag table: one instruction proves it. */
#define DYNMEM_SPREAD1 ((DYNMEM_GRANULES - 1) | (DYNMEM_GRANULES - 1) >> 1)
#define DYNMEM_SPREAD2 (DYNMEM_SPREAD1 | DYNMEM_SPREAD1 >> 2)
#define DYNMEM_SPREAD4 (DYNMEM_SPREAD2 | DYNMEM_SPREAD2 >> 4)
#define DYNMEM_SPREAD8 (DYNMEM_SPREAD4 | DYNMEM_SPREAD4 >> 8)
#define DYNMEM_INDEX_MASK (DYNMEM_SPREAD8 | DYNMEM_SPREAD8 >> 16)
#define DYNMEM_ORDERS 32
#define DYNMEM_STRIDE ((POOL_SIZE + DYNAMIC_MEMORY_GUARD + 4095ULL) / 4096 * 4096)
/* A place is the number of a heap above 32 bits of offset into its pool. */
#define DYNMEM_NOWHERE (~0ULL)

_Static_assert(POOL_SIZE >= 1024 && POOL_SIZE % DYNAMIC_MEMORY_GRANULE == 0,
	       "POOL_SIZE must be a multiple of 16, 1024 at least");
_Static_assert(POOL_SIZE <= 268435456, "POOL_SIZE must be at most 268435456 (256 MiB)");

struct dynmem_heap {
	dynmem_u32 lock;
	dynmem_u32 bump;		   /* granules handed out so far */
	dynmem_u32 free[DYNMEM_ORDERS];	   /* first free block by order, plus one */
	struct {
		dynmem_u32 size; /* granules of the block that starts here; top bit: free */
		dynmem_u32 next; /* next free block, plus one */
	} tag[DYNMEM_INDEX_MASK + 1ULL];
};

struct dynmem_pool {
	dynmem_u8 bytes[DYNMEM_STRIDE];
};

#define DYNMEM_FREE_BIT 0x80000000U

struct {
	int (*type)[2 /* BPF_MAP_TYPE_ARRAY */];
	int (*max_entries)[DYNAMIC_MEMORY_HEAPS];
	dynmem_u32 *key;
	struct dynmem_heap *value;
} dynmem_heaps __attribute__((weak, section(".maps"), used));

/* Page-aligned because it can be mapped: so the alignment of a block is that of its offset. */
struct {
	int (*type)[2 /* BPF_MAP_TYPE_ARRAY */];
	int (*max_entries)[DYNAMIC_MEMORY_HEAPS];
	int (*map_flags)[1 << 10 /* BPF_F_MMAPABLE */];
	dynmem_u32 *key;
	struct dynmem_pool *value;
} dynmem_pools __attribute__((weak, section(".maps"), used));

static void *(*const dynmem_bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static dynmem_u32 (*const dynmem_bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const dynmem_bpf_probe_read_kernel)(void *dst, dynmem_u32 size, const void *src) =
	(void *)113;
static long (*const dynmem_bpf_probe_read_kernel_str)(void *dst, dynmem_u32 size,
						      const void *src) = (void *)115;

DYNMEM_INLINE struct dynmem_heap *dynmem_heap(dynmem_u32 number)
{
	return dynmem_bpf_map_lookup_elem(&dynmem_heaps, &number);
}

DYNMEM_INLINE dynmem_u8 *dynmem_pool(dynmem_u32 number)
{
	return dynmem_bpf_map_lookup_elem(&dynmem_pools, &number);
}

/*
 * The address as a plain number, whether the verifier takes `pointer` for a pointer or, after a
 * trip through map memory, for a number already. Global functions take no pointers to untyped
 * memory, and the difference of a number and a pointer is refused; but a byte swap (here one that
 * changes nothing) makes an unknown number of either.
 */
DYNMEM_INLINE dynmem_u64 dynmem_number(const void *pointer)
{
	dynmem_u64 number;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	asm volatile("%0 = le64 %0" : "=r"(number) : "0"(pointer) : "memory");
#else
	asm volatile("%0 = be64 %0" : "=r"(number) : "0"(pointer) : "memory");
#endif
	return number;
}

/* A value the compiler knows nothing about, so that it keeps every check of it. */
#define DYNMEM_HIDE(value) asm volatile("" : "+r"(value))

/* Number of bits it takes to write `value`; without a branch, so that the verifier sees one path. */
DYNMEM_INLINE dynmem_u32 dynmem_width(dynmem_u64 value)
{
	dynmem_u64 width = 0, step;

#define DYNMEM_LADDER(bits)                                                                      \
	step = ((1ULL << bits) - 1 - value) >> 63 << (__builtin_ctz(bits));                       \
	DYNMEM_HIDE(step);                                                                        \
	value >>= step;                                                                           \
	width += step
	DYNMEM_LADDER(16);
	DYNMEM_LADDER(8);
	DYNMEM_LADDER(4);
	DYNMEM_LADDER(2);
	DYNMEM_LADDER(1);
#undef DYNMEM_LADDER
	return width + value;
}

/* The heap and offset of an address in some pool; DYNMEM_NOWHERE for any other address. */
DYNMEM_INLINE dynmem_u64 dynmem_place(dynmem_u64 address)
{
	dynmem_u8 *first = dynmem_pool(0);
	dynmem_u64 distance, number, offset;

	if (!first)
		return DYNMEM_NOWHERE;
	distance = address - dynmem_number(first);
	if (distance >= DYNMEM_STRIDE * DYNAMIC_MEMORY_HEAPS)
		return DYNMEM_NOWHERE;
	number = distance / DYNMEM_STRIDE;
	offset = distance - number * DYNMEM_STRIDE;
	if (offset >= POOL_SIZE || offset % DYNAMIC_MEMORY_GRANULE)
		return DYNMEM_NOWHERE;
	return number << 32 | offset;
}

/* The granule a place starts at; hidden, or clang would use bits the verifier cannot know. */
DYNMEM_INLINE dynmem_u32 dynmem_index(dynmem_u64 place)
{
	dynmem_u32 index = (dynmem_u32)place / DYNAMIC_MEMORY_GRANULE;

	DYNMEM_HIDE(index);
	return index & DYNMEM_INDEX_MASK;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_alloc(dynmem_u64 size, dynmem_u64 align)
{
	dynmem_u32 cpu = dynmem_bpf_get_smp_processor_id();
	dynmem_u32 order, granules;
	dynmem_u64 place = DYNMEM_NOWHERE;

	if (!size || size > POOL_SIZE || align > DYNAMIC_MEMORY_GRANULE)
		return DYNMEM_NOWHERE;
	granules = (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
	order = dynmem_width(granules - 1) & (DYNMEM_ORDERS - 1);
	if (1U << order <= DYNMEM_GRANULES)
		granules = 1U << order;
	for (int try = 0; try < 2 * DYNAMIC_MEMORY_HEAPS; try++) {
		dynmem_u32 number = (cpu + try) % DYNAMIC_MEMORY_HEAPS;
		struct dynmem_heap *heap = dynmem_heap(number);
		dynmem_u32 first;

		if (!heap)
			return DYNMEM_NOWHERE;
		if (__sync_lock_test_and_set(&heap->lock, 1))
			continue;
		first = heap->free[order];
		if (first) {
			first = (first - 1) & DYNMEM_INDEX_MASK;
			heap->free[order] = heap->tag[first].next;
			heap->tag[first].size &= ~DYNMEM_FREE_BIT;
			place = (dynmem_u64)number << 32 | first * DYNAMIC_MEMORY_GRANULE;
		} else if (heap->bump <= DYNMEM_GRANULES &&
			   granules <= DYNMEM_GRANULES - heap->bump) {
			first = heap->bump & DYNMEM_INDEX_MASK;
			heap->bump = first + granules;
			heap->tag[first].size = granules;
			place = (dynmem_u64)number << 32 | first * DYNAMIC_MEMORY_GRANULE;
		}
		__sync_lock_test_and_set(&heap->lock, 0);
		if (place != DYNMEM_NOWHERE)
			break;
	}
	return place;
}

DYNMEM_GLOBAL int dynmem_free(dynmem_u64 address)
{
	dynmem_u64 place = dynmem_place(address);
	struct dynmem_heap *heap;
	dynmem_u32 index, size, order, tries = 0;

	if (place == DYNMEM_NOWHERE)
		return -EINVAL;
	heap = dynmem_heap(place >> 32);
	if (!heap)
		return -EINVAL;
	index = dynmem_index(place);
	while (__sync_lock_test_and_set(&heap->lock, 1))
		if (++tries == 64)
			return -EINVAL;
	size = heap->tag[index].size;
	if (size && !(size & DYNMEM_FREE_BIT)) {
		order = dynmem_width(size - 1) & (DYNMEM_ORDERS - 1);
		heap->tag[index].size = size | DYNMEM_FREE_BIT;
		heap->tag[index].next = heap->free[order];
		heap->free[order] = index + 1;
	}
	__sync_lock_test_and_set(&heap->lock, 0);
	return 0;
}

/* Bytes usable in the block at this address; 0 if none starts there. */
DYNMEM_GLOBAL dynmem_u64 dynmem_usable(dynmem_u64 address)
{
	dynmem_u64 place = dynmem_place(address);
	struct dynmem_heap *heap;
	dynmem_u32 size;

	if (place == DYNMEM_NOWHERE)
		return 0;
	heap = dynmem_heap(place >> 32);
	if (!heap)
		return 0;
	size = heap->tag[dynmem_index(place)].size;
	if (size & DYNMEM_FREE_BIT)
		return 0;
	return (dynmem_u64)size * DYNAMIC_MEMORY_GRANULE;
}

/*
 * Copies into the block at `place`, at most POOL_SIZE bytes; `source` is an address, or 0 for
 * zeroes: reading an address that is never valid fills with them. Helpers want a length they can
 * prove, so the block is copied piece by piece, each no longer than the guard.
 */
DYNMEM_GLOBAL int dynmem_copy(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	dynmem_u8 *pool = dynmem_pool(place >> 32);
	dynmem_u64 offset = (dynmem_u32)place, piece;

	if (!pool)
		return -EINVAL;
	for (dynmem_u32 i = 0; i <= POOL_SIZE / 4096; i++) {
		if (!length || offset >= POOL_SIZE)
			break;
		piece = length < 4096 ? length : 4096;
		DYNMEM_HIDE(piece);
		if (piece > 4096)
			break;
		dynmem_bpf_probe_read_kernel(pool + offset, piece, (void *)source);
		offset += piece;
		length -= piece;
		if (source)
			source += piece;
	}
	return 0;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_realloc(dynmem_u64 address, dynmem_u64 size)
{
	dynmem_u64 usable = dynmem_usable(address), place;

	if (!usable)
		return DYNMEM_NOWHERE;
	if (!size) {
		dynmem_free(address);
		return DYNMEM_NOWHERE;
	}
	if (size <= usable)
		return dynmem_place(address);
	place = dynmem_alloc(size, DYNAMIC_MEMORY_GRANULE);
	if (place == DYNMEM_NOWHERE)
		return place;
	dynmem_copy(place, address, usable);
	dynmem_free(address);
	return place;
}

/* Longest string, with its terminator, that strdup copies. */
#define DYNMEM_STRING_MAX (POOL_SIZE / 2 < 4096 ? POOL_SIZE / 2 : 4096)

DYNMEM_GLOBAL dynmem_u64 dynmem_strndup(dynmem_u64 source, dynmem_u64 limit)
{
	dynmem_u64 place = dynmem_alloc(DYNMEM_STRING_MAX, DYNAMIC_MEMORY_GRANULE), result;
	dynmem_u64 length = limit < DYNMEM_STRING_MAX ? limit + 1 : DYNMEM_STRING_MAX;
	dynmem_u8 *pool;
	dynmem_u32 offset;
	long got;

	if (place == DYNMEM_NOWHERE)
		return DYNMEM_NOWHERE;
	offset = (dynmem_u32)place;
	pool = dynmem_pool(place >> 32);
	DYNMEM_HIDE(length);
	if (!pool || offset > POOL_SIZE - DYNMEM_STRING_MAX || length > DYNMEM_STRING_MAX)
		return DYNMEM_NOWHERE;
	got = dynmem_bpf_probe_read_kernel_str(pool + offset, length, (void *)source);
	result = DYNMEM_NOWHERE;
	if (got > 0 && ((dynmem_u64)got < DYNMEM_STRING_MAX || limit < DYNMEM_STRING_MAX)) {
		result = dynmem_alloc(got, DYNAMIC_MEMORY_GRANULE);
		if (result != DYNMEM_NOWHERE)
			dynmem_copy(result, dynmem_number(pool) + offset, got);
	}
	dynmem_free(dynmem_number(pool) + offset);
	return result;
}

/*
 * The pointer to a block of `size` bytes. A constant size is proven to fit; for any other one the
 * guard behind the pool makes accesses up to DYNAMIC_MEMORY_GUARD bytes legal. The offset is
 * clamped rather than checked: a check whose failure gives NULL disappears where the program does
 * not test for NULL.
 */
#define DYNMEM_POINTER(place, size)                                                              \
	dynmem_pointer(place, __builtin_constant_p(size) && (size) <= POOL_SIZE ? (size) : 1)

DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 place, dynmem_u64 size)
{
	dynmem_u32 offset = (dynmem_u32)place;
	dynmem_u8 *pointer = NULL;

	if (place != DYNMEM_NOWHERE) {
		dynmem_u8 *pool = dynmem_pool(place >> 32);

		DYNMEM_HIDE(offset);
		if (offset > POOL_SIZE - size)
			offset = POOL_SIZE - size;
		if (pool)
			pointer = pool + offset;
	}
	DYNMEM_HIDE(pointer);
	return pointer;
}

DYNMEM_INLINE void *static_malloc(size_t size)
{
	return DYNMEM_POINTER(dynmem_alloc(size, DYNAMIC_MEMORY_GRANULE), size);
}

DYNMEM_INLINE void static_free(void *pointer)
{
	if (pointer)
		dynmem_free(dynmem_number(pointer));
}

DYNMEM_INLINE void *static_calloc(size_t count, size_t size)
{
	size_t total;
	dynmem_u64 place;

	if (__builtin_constant_p(count) && __builtin_constant_p(size)) {
		total = count * size;
		if (size && total / size != count)
			return NULL;
	} else {
		/* Nothing above POOL_SIZE can succeed, so the product of 32-bit numbers decides. */
		if (count > POOL_SIZE || size > POOL_SIZE)
			return NULL;
		total = count * size;
	}
	place = dynmem_alloc(total, DYNAMIC_MEMORY_GRANULE);
	if (place != DYNMEM_NOWHERE)
		dynmem_copy(place, 0, total);
	return DYNMEM_POINTER(place, total);
}

DYNMEM_INLINE void *static_realloc(void *pointer, size_t size)
{
	if (!pointer)
		return static_malloc(size);
	return DYNMEM_POINTER(dynmem_realloc(dynmem_number(pointer), size), size);
}

DYNMEM_INLINE void *static_reallocarray(void *pointer, size_t count, size_t size)
{
	if (count > POOL_SIZE || size > POOL_SIZE)
		return NULL;
	return static_realloc(pointer, count * size);
}

DYNMEM_INLINE void *static_aligned_alloc(size_t alignment, size_t size)
{
	if (!alignment || alignment & (alignment - 1))
		return NULL;
	return DYNMEM_POINTER(dynmem_alloc(size, alignment), size);
}

DYNMEM_INLINE int static_posix_memalign(void **result, size_t alignment, size_t size)
{
	void *pointer;

	if (!alignment || alignment & (alignment - 1) || alignment < sizeof(void *))
		return EINVAL;
	pointer = static_aligned_alloc(alignment, size);
	if (!pointer && size)
		return ENOMEM;
	*result = pointer;
	return 0;
}

DYNMEM_INLINE char *static_strndup(const char *string, size_t limit)
{
	return DYNMEM_POINTER(dynmem_strndup(dynmem_number(string), limit), (size_t)1);
}

DYNMEM_INLINE char *static_strdup(const char *string)
{
	return static_strndup(string, ~(size_t)0);
}

DYNMEM_INLINE size_t static_malloc_usable_size(void *pointer)
{
	return pointer ? dynmem_usable(dynmem_number(pointer)) : 0;
}

#endif /* DYNAMIC_MEMORY_H */
