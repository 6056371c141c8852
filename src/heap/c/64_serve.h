/* ---- allocation -------------------------------------------------------------------------- */

/* Makes the whole pool of a heap its first free block, unless it has been done. */
DYNMEM_GLOBAL int dynmem_prepare(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u8 DYNMEM_SPACE *pool = dynmem_pool(number);

	if (!heap || !pool || !DYNMEM_TRY_LOCK(heap))
		return -EINVAL;
	if (!heap->version) {
		DYNMEM_STORE(&heap->pool_address, dynmem_number(pool));
		heap->granule = DYNAMIC_MEMORY_GRANULE;
		heap->granules = DYNMEM_GRANULES;
		heap->entry_bits = DYNMEM_ENTRY_BITS;
		heap->flags = DYNMEM_FLAGS;
		dynmem_bin_insert(heap, 1, DYNMEM_GRANULES);
		DYNMEM_STORE(&heap->version, DYNMEM_VERSION);
	}
	DYNMEM_UNLOCK(heap);
	return 0;
}

/*
 * Cuts `granules` granules from the free block at `block`, which is in no bin, as far behind its start
 * as `units`, the alignment in granules, demands: the place of a block in use. Under the lock. The
 * heap is used first and the rests are freed last, so that little has to be kept across the calls.
 */
DYNMEM_INLINE dynmem_u64 dynmem_cut(struct dynmem_heap *heap, dynmem_u64 number,
				    dynmem_u64 block, dynmem_u64 granules, dynmem_u64 units)
{
	dynmem_u64 have = DYNMEM_LOAD(dynmem_tag(heap, block)) & DYNMEM_TAG_GRANULES, gap = 0, rest;

	DYNMEM_STORE(dynmem_tag(heap, block + have - 1), 0);
	if (units > 1) {
		gap = -(heap->pool_address / DYNAMIC_MEMORY_GRANULE + block - 1) & (units - 1);
		if (gap && gap < DYNMEM_SMALLEST)
			gap += units;
		DYNMEM_STORE(dynmem_tag(heap, block), 0);
		block += gap;
		have -= gap;
	}
	rest = have - granules;
	if (rest < DYNMEM_SMALLEST)
		rest = 0;
	have -= rest;
	DYNMEM_STORE(dynmem_tag(heap, block), (dynmem_u32)(DYNMEM_TAG(DYNMEM_IN_USE) | have));
	dynmem_count_allocation(heap, have);
	block--;
	if (gap)
		DYNMEM_INSERT(heap, number, block - gap, gap);
	if (rest)
		DYNMEM_INSERT(heap, number, block + have, rest);
	return number << 32 | block * DYNAMIC_MEMORY_GRANULE;
}

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_CUT(heap, number, block, granules, units) \
	dynmem_cut(heap, number, block, granules, units)
#else
DYNMEM_GLOBAL dynmem_u64 dynmem_cut_held(dynmem_u64 number, dynmem_u64 block, dynmem_u64 granules,
					 dynmem_u64 units)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_cut(heap, number, block, granules, units) : 0;
}
#define DYNMEM_CUT(heap, number, block, granules, units) \
	dynmem_cut_held(number, block, granules, units)
#endif

#ifndef DYNAMIC_MEMORY_SPIN_LOCK
/* Takes one handed-over block back; 0 if there is none, or the heap is locked. */
DYNMEM_GLOBAL int dynmem_collect(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap || !DYNMEM_LOAD(&heap->pending) || !DYNMEM_TRY_LOCK(heap))
		return 0;
	dynmem_drain(heap, number);
	DYNMEM_UNLOCK(heap);
	return 1;
}
#else
DYNMEM_INLINE int dynmem_collect(dynmem_u64 number)
{
	(void)number;
	return 0;
}
#endif

/* Set in a place where the heap has handed-over blocks to take back: above any offset. */
#define DYNMEM_PENDING (1ULL << 31)

/* A place, or DYNMEM_NOWHERE, which has the bit already, with DYNMEM_PENDING if that is so. */
#define DYNMEM_REMIND(heap, place) \
	(DYNMEM_LOAD(&(heap)->pending) ? (place) | DYNMEM_PENDING : (place))

/* A parked block of so many granules, as a place, or DYNMEM_NOWHERE. Under the lock. */
DYNMEM_INLINE dynmem_u64 dynmem_reuse(struct dynmem_heap *heap, dynmem_u64 number,
				      dynmem_u64 granules)
{
	dynmem_u64 list = dynmem_list(granules), index;

	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	index = heap->lists[list] & DYNMEM_INDEX_MASK;
	/*
	 * An empty list leads to the pool's first block, which is not parked then. A heap that was
	 * never used or is being reset has another version.
	 */
	if (DYNMEM_LOAD(&heap->tags[1 + index]) != (DYNMEM_TAG(DYNMEM_PARKED) | granules) ||
	    heap->version != DYNMEM_VERSION)
		return DYNMEM_NOWHERE;
	dynmem_list_pop(heap, &heap->lists[list]);
	DYNMEM_STORE(&heap->tags[1 + index], (dynmem_u32)(DYNMEM_TAG(DYNMEM_IN_USE) | granules));
	dynmem_count_allocation(heap, granules);
	return number << 32 | index * DYNAMIC_MEMORY_GRANULE;
}

/*
 * A block of one heap: its place, perhaps with DYNMEM_PENDING, or DYNMEM_NOWHERE. `granules` is
 * DYNMEM_SMALLEST at least; `units` is the alignment in granules, a power of two or 0.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_serve(dynmem_u64 number, dynmem_u64 granules, dynmem_u64 units)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 place = DYNMEM_NOWHERE, block = 0;

	if (!heap || granules > DYNMEM_GRANULES || !DYNMEM_TRY_LOCK(heap))
		return DYNMEM_NOWHERE;
	if (units <= 1) /* what is parked may not be aligned further */
		place = dynmem_reuse(heap, number, granules);
	if (place == DYNMEM_NOWHERE && heap->version == DYNMEM_VERSION)
		/* Room for the largest gap: less than units, or one more where 1 would be too small. */
		block = DYNMEM_FIND(heap, number, granules + (units > 1 ? units + 1 : 0));
	if (block)
		place = DYNMEM_CUT(heap, number, block, granules, units);
	DYNMEM_UNLOCK(heap);
	return DYNMEM_REMIND(heap, place);
}

/* Merges the first block of a list into the free ones; 0 if it has none, or the heap is locked. */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
DYNMEM_GLOBAL /* what merges is inline there: too much for a loop */
#else
DYNMEM_INLINE
#endif
int dynmem_unpark_one(dynmem_u64 number, dynmem_u64 list)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 index, granules;
	int found = 0;

	if (!heap || !DYNMEM_TRY_LOCK(heap))
		return 0;
	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	if (heap->version == DYNMEM_VERSION && heap->lists[list] >= DYNMEM_LIST_ONE) {
		index = dynmem_list_pop(heap, &heap->lists[list]);
		granules = DYNMEM_LOAD(&heap->tags[1 + index]) & DYNMEM_TAG_GRANULES;
		DYNMEM_MERGE(heap, number, index, granules);
		found = 1;
	}
	DYNMEM_UNLOCK(heap);
	return found;
}

/* The same for all blocks of a list; how many there were. */
DYNMEM_GLOBAL int dynmem_unpark(dynmem_u64 number, dynmem_u64 list)
{
	dynmem_u32 i;

	for (i = 0; i < 1U << DYNMEM_LIST_DEPTH_LOG; i++)
		if (!dynmem_unpark_one(number, list))
			break;
	return (int)i;
}

/*
 * Makes one block of all that is free in a heap and lies side by side, of the whole pool at its first
 * use, and takes back up to 64 blocks that were handed over.
 */
DYNMEM_GLOBAL int dynmem_gather(dynmem_u64 number)
{
	dynmem_u32 i;
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap)
		return -EINVAL;
	if (!DYNMEM_LOAD(&heap->version))
		return dynmem_prepare(number);
#ifndef DYNAMIC_MEMORY_SPIN_LOCK
	if (DYNMEM_LOAD(&heap->lock))
		return -DYNMEM_EBUSY;
	/* It runs to its end: the verifier would go on behind it for each round it can stop after. */
	if (DYNMEM_LOAD(&heap->pending))
		for (i = 0; i < 64; i++)
			dynmem_collect(number);
#endif
	for (i = 0; i < DYNMEM_LISTS; i++)
		if (DYNMEM_LOAD(&heap->lists[i]) >= DYNMEM_LIST_ONE)
			dynmem_unpark(number, i);
	return 0;
}

/* Counts an allocation that no heap serves, by its cause. */
DYNMEM_GLOBAL dynmem_u64 dynmem_refuse(dynmem_u64 number, dynmem_u64 granules)
{
	struct dynmem_heap *heap;
	int busy = 0;

#ifndef DYNAMIC_MEMORY_SPIN_LOCK
	dynmem_u32 i;

	for (i = 0; i < DYNAMIC_MEMORY_HEAPS; i++) {
		heap = dynmem_heap(i);
		if (heap && DYNMEM_LOAD(&heap->lock))
			busy = 1;
	}
#endif
	heap = dynmem_heap(number);
	if (!heap)
		return DYNMEM_NOWHERE;
	if (!granules)
		DYNMEM_COUNT(&heap->failed_size);
	else if (busy)
		DYNMEM_COUNT(&heap->failed_busy);
	else
		DYNMEM_COUNT(&heap->failed_memory);
	return DYNMEM_NOWHERE;
}

/*
 * A block of any heap, the one of `number` first; DYNMEM_NOWHERE, counted by its cause, if no
 * heap can serve it. 0 granules stand for a size that nothing can serve.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_serve_any(dynmem_u64 number, dynmem_u64 granules, dynmem_u64 units)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 place = DYNMEM_NOWHERE;
	dynmem_u32 i;

	/* What dynmem_serve does too, but the frequent way is spared the call. */
	if (heap && units <= 1 && DYNMEM_TRY_LOCK(heap)) {
		place = dynmem_reuse(heap, number, granules);
		DYNMEM_UNLOCK(heap);
		place = DYNMEM_REMIND(heap, place);
	}
	if (!granules)
		return dynmem_refuse(number, granules);
	if (place == DYNMEM_NOWHERE)
		place = dynmem_serve(number, granules, units);
	for (i = 0; i < 2 * DYNAMIC_MEMORY_HEAPS && place == DYNMEM_NOWHERE; i++) {
		/*
		 * Rather make room here than let the programs of a CPU live on the heaps of others;
		 * then others as they are; then make room there.
		 */
		if (!i || i > DYNAMIC_MEMORY_HEAPS)
			dynmem_gather((number + i) & (DYNAMIC_MEMORY_HEAPS - 1));
		place = dynmem_serve((number + i) & (DYNAMIC_MEMORY_HEAPS - 1), granules, units);
	}
	if (place == DYNMEM_NOWHERE)
		return dynmem_refuse(number, granules);
	if (place & DYNMEM_PENDING) {
		dynmem_collect(place >> 32);
		place -= DYNMEM_PENDING;
	}
	return place;
}
