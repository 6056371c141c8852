/* ---- allocation and release as the C library names them ---------------------------------- */

#define DYNMEM_ROUND_UP(size) \
	(((size) + DYNAMIC_MEMORY_GRANULE - 1ULL) / DYNAMIC_MEMORY_GRANULE)

/* Granules of a block of `size` bytes; 0 if no pool can hold it. */
DYNMEM_INLINE dynmem_u64 dynmem_granules(dynmem_u64 size)
{
	if (size - 1 >= POOL_SIZE)
		return 0;
	if (size <= DYNMEM_SMALLEST * DYNAMIC_MEMORY_GRANULE)
		return DYNMEM_SMALLEST;
	return DYNMEM_ROUND_UP(size);
}

DYNMEM_INLINE dynmem_u64 dynmem_allocate(dynmem_u64 size, dynmem_u64 align)
{
	return dynmem_serve_any(dynmem_own(), dynmem_granules(size), align / DYNAMIC_MEMORY_GRANULE);
}

/* Not where the verifier goes through every round of a loop: fast paths are many instructions. */
#if !defined(DYNAMIC_MEMORY_NO_FAST_PATH) && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	!defined(DYNAMIC_MEMORY_DEBUG) && !DYNMEM_LINKED
#define DYNMEM_FAST_PATH 1
#else
#define DYNMEM_FAST_PATH 0
#endif

/*
 * The pointer to a block of `size` bytes. A constant size is proven to fit; for any other one the
 * guard behind the pool makes accesses up to DYNAMIC_MEMORY_GUARD bytes legal. The offset is
 * masked or clamped rather than checked, and the result hidden: where the program does not test
 * for NULL, the compiler would delete a check whose failure gives NULL, and the verifier's
 * complaint would be about something else. DYNMEM_NOWHERE needs no test: no pool has its number.
 */
#define DYNMEM_POINTER(place, size)                                    \
	dynmem_pointer((place) >> 32, dynmem_offset(place),            \
		       __builtin_constant_p(size) && (size) <= POOL_SIZE ? (size) : 1)

/* The offset of a place, where the verifier sees that it is none beyond the tables. */
DYNMEM_INLINE dynmem_u64 dynmem_offset(dynmem_u64 place)
{
	place &= DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE;
	DYNMEM_HIDE(place);
	return place;
}

#if DYNMEM_ARENA
/* There is nothing to prove about a pointer to an arena; without a branch it stays one path. */
DYNMEM_INLINE void DYNMEM_SPACE *dynmem_pointer(dynmem_u64 number, dynmem_u64 offset, dynmem_u64 size)
{
	dynmem_u64 address = dynmem_number(dynmem_pools.pool) + number * DYNMEM_STRIDE;

	(void)size;
	number = (number >> 31) - 1; /* DYNMEM_NOWHERE has its top bits set */
	DYNMEM_HIDE(number);
	return (void DYNMEM_SPACE *)((address + (dynmem_u32)offset) & number);
}
#else
/* The pointer to an offset as above, or NULL where no pool has the number. */
DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 number, dynmem_u64 offset, dynmem_u64 size)
{
	dynmem_u8 *pointer = NULL, *pool;

	if (DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE + size > DYNMEM_STRIDE)
		DYNMEM_CLAMP(offset, POOL_SIZE - DYNMEM_ROUND_UP(size) * DYNAMIC_MEMORY_GRANULE);
	pool = dynmem_pool(number);
	if (pool)
		pointer = pool + offset;
	DYNMEM_HIDE(pointer);
	return pointer;
}
#endif

#if DYNMEM_FAST_PATH
/* A block of `size` bytes, a constant that is not 0 and not larger than a pool. */
DYNMEM_INLINE void DYNMEM_SPACE *dynmem_malloc_constant(dynmem_u64 size)
{
	dynmem_u64 number = dynmem_own(), granules = dynmem_granules(size), offset, place;
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 *list, *tag;

	if (DYNMEM_RARE(!heap))
		return NULL;
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		goto slow;
	list = &heap->lists[dynmem_list(granules)];
	offset = *list & DYNMEM_INDEX_MASK;
	/* One test: an empty list leads to the pool's first block, which is not parked then. */
	tag = &heap->tags[1 + offset];
	if (DYNMEM_RARE(DYNMEM_LOAD(tag) != (DYNMEM_TAG(DYNMEM_PARKED) | granules))) {
		DYNMEM_UNLOCK(heap);
		goto slow;
	}
	DYNMEM_STORE(list, DYNMEM_LOAD(tag + 1));
	DYNMEM_STORE(tag, (dynmem_u32)(DYNMEM_TAG(DYNMEM_IN_USE) | granules));
	dynmem_count_allocation(heap, granules);
	offset *= DYNAMIC_MEMORY_GRANULE;
#if DYNMEM_ARENA
	/* Both ways come to a number the verifier knows nothing about. */
	offset += heap->pool_address;
	DYNMEM_UNLOCK(heap);
	goto found;
slow:
	place = dynmem_serve_any(number, granules, 1);
	return DYNMEM_POINTER(place, size);
found:
	return (void DYNMEM_SPACE *)offset;
#else
	DYNMEM_UNLOCK(heap);
	goto found;
slow:
	place = dynmem_serve_any(number, granules, 1);
	number = place >> 32;
	offset = dynmem_offset(place); /* as bounded as above, so that what follows is alike */
found:
	return dynmem_pointer(number, offset, size);
#endif
}
#endif

DYNMEM_INLINE void dynmem_free(dynmem_u64 address)
{
#if DYNMEM_FAST_PATH
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());
	dynmem_u64 elsewhere, index, granules, word;
	dynmem_u32 *tag, *list;

	if (!heap)
		return; /* never: the number is that of a heap */
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		goto slow;
	/*
	 * Only a block of this CPU's heap: finding another's takes more instructions. The masked
	 * numbers are hidden, or the compiler would derive them from one another, and the verifier
	 * lose their bounds.
	 */
	elsewhere = DYNMEM_DISTANCE(address, heap->pool_address);
	index = elsewhere / DYNAMIC_MEMORY_GRANULE & DYNMEM_INDEX_MASK;
	elsewhere &= ~(DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE);
	DYNMEM_HIDE(index);
	tag = &heap->tags[1 + index];
	granules = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_IN_USE);
	list = &heap->lists[dynmem_list(granules)];
	word = *list;
	/* In another heap, no block in use, or the list is full: one test, one path. */
	if (DYNMEM_RARE(elsewhere | ((granules | word) & ~DYNMEM_TAG_GRANULES))) {
		DYNMEM_UNLOCK(heap);
		DYNMEM_LINGER(address);
		goto slow;
	}
	heap->used -= DYNMEM_USE(granules);
	dynmem_list_push(heap, list, index);
	DYNMEM_STORE(tag, (dynmem_u32)(DYNMEM_TAG(DYNMEM_PARKED) | granules));
	DYNMEM_UNLOCK(heap);
	return;
slow:
#endif
	dynmem_release(address);
}
