/* ---- allocation -------------------------------------------------------------------------- */

/* Makes the whole pool of a heap its first free block, unless it has been done. */
DYNMEM_GLOBAL int dynmem_prepare(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u8 DYNMEM_SPACE *pool = dynmem_pool(number);
	dynmem_u64 granules = dynamic_memory_pool_size / DYNAMIC_MEMORY_GRANULE;

	if (granules - 1 >= DYNMEM_GRANULES)
		granules = DYNMEM_GRANULES;
	if (!heap || !pool || !DYNMEM_TRY_LOCK(heap))
		return -EINVAL;
	if (!heap->version) {
		DYNMEM_STORE(&heap->pool_address, dynmem_number(pool));
		heap->granule = DYNAMIC_MEMORY_GRANULE;
		heap->granules = (dynmem_u32)granules;
		heap->room = DYNMEM_GRANULES;
		heap->entry_bits = DYNMEM_ENTRY_BITS;
		heap->flags = DYNMEM_FLAGS;
		dynmem_bin_insert(heap, 1, granules);
		DYNMEM_STORE(&heap->version, DYNMEM_VERSION);
	}
	DYNMEM_UNLOCK(heap);
	return 0;
}

/*
 * Cuts `granules` granules from the free block at `block`, which is in no bin, as far behind its start
 * as `units`, the alignment in granules, demands: the index of a block in use. Under the lock. No
 * neighbour of the rests is free, so they merge with none.
 */
DYNMEM_INLINE dynmem_u64 dynmem_cut(struct dynmem_heap *heap, dynmem_u64 block,
				    dynmem_u64 granules, dynmem_u64 units)
{
	dynmem_u64 gap = 0, rest;
	dynmem_u64 have = dynmem_size(heap, DYNMEM_LOAD(dynmem_tag(heap, block)), block + 1);

	DYNMEM_STORE(dynmem_tag(heap, block + have - 1), 0);
	if (units > 1) {
		gap = -(heap->pool_address / DYNAMIC_MEMORY_GRANULE + block - 1) & (units - 1);
		DYNMEM_STORE(dynmem_tag(heap, block), 0);
		block += gap;
		have -= gap;
	}
	rest = have - granules;
	dynmem_set_tag(heap, block, DYNMEM_IN_USE, granules);
	dynmem_count_allocation(heap, granules);
	if (gap)
		dynmem_bin_insert(heap, block - gap, gap);
	if (rest)
		dynmem_bin_insert(heap, block + granules, rest);
	return block - 1;
}

/*
 * What is wanted, in one number, as there are few registers: granules, or 0 for a size that nothing can
 * serve; above 32 bits the alignment in granules, a power of two or 0.
 *
 * Few programs want an alignment, and it takes the verifier as long as all else that cuts a block: so
 * whatever serves is there twice, and where `aligned`, a constant, is 0, there is nothing above 32 bits.
 */
#define DYNMEM_WANTED(granules, units) ((0ULL + (units)) << 32 | (granules))
#define DYNMEM_WANTED_GRANULES(wanted, aligned) ((aligned) ? 0ULL + (dynmem_u32)(wanted) : (wanted))
#define DYNMEM_WANTED_UNITS(wanted, aligned) ((aligned) ? (wanted) >> 32 : 0)

DYNMEM_INLINE dynmem_u64 dynmem_cut_wanted(struct dynmem_heap *heap, dynmem_u64 block,
					   dynmem_u64 wanted, int aligned)
{
	return dynmem_cut(heap, block, DYNMEM_WANTED_GRANULES(wanted, aligned),
			  DYNMEM_WANTED_UNITS(wanted, aligned));
}

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_CUT(heap, number, block, wanted, aligned) dynmem_cut_wanted(heap, block, wanted, aligned)
#else
DYNMEM_GLOBAL dynmem_u64 dynmem_cut_held(dynmem_u64 number, dynmem_u64 block, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_cut_wanted(heap, block, granules, 0) : 0;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_cut_aligned(dynmem_u64 number, dynmem_u64 block, dynmem_u64 wanted)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_cut_wanted(heap, block, wanted, 1) : 0;
}
#define DYNMEM_CUT(heap, number, block, wanted, aligned)            \
	((aligned) ? dynmem_cut_aligned(number, block, wanted) \
		   : dynmem_cut_held(number, block, wanted))
#endif

#ifndef DYNAMIC_MEMORY_SPIN_LOCK
/* Takes one handed-over block back; 0 if there is none, or the heap is locked. */
DYNMEM_GLOBAL int dynmem_collect(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 index = 0, granules;

	if (!heap || !DYNMEM_LOAD(&heap->pending) || !DYNMEM_TRY_LOCK(heap))
		return 0;
	granules = dynmem_drain(heap, &index);
	if (granules)
		DYNMEM_MERGE(heap, number, index, granules);
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

/* Set in an index where the heap has handed-over blocks to take back: above any index. */
#define DYNMEM_PENDING (1ULL << 31)

/* An index, or DYNMEM_NOWHERE, which has the bit already, with DYNMEM_PENDING if that is so. */
#define DYNMEM_REMIND(heap, index) \
	(DYNMEM_LOAD(&(heap)->pending) ? (index) | DYNMEM_PENDING : (index))

/* The index of a parked block of so many granules, in use now, or DYNMEM_NOWHERE. Under the lock. */
DYNMEM_INLINE dynmem_u64 dynmem_reuse(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u64 list = dynmem_list(granules), index, tag, have;

	index = heap->lists[list] & DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	have = dynmem_size(heap, tag, index + 2);
	/* A heap that was never used or is being reset has another version. */
	if (heap->lists[list] < DYNMEM_LIST_ONE || have != granules ||
	    heap->version != DYNMEM_VERSION)
		return DYNMEM_NOWHERE;
	dynmem_unpark(heap, list, &have);
	DYNMEM_STORE(&heap->tags[DYNMEM_MARGIN + index],
		     (dynmem_u16)(tag - DYNMEM_TAG(DYNMEM_PARKED) + DYNMEM_TAG(DYNMEM_IN_USE)));
	dynmem_count_allocation(heap, granules);
	return index;
}

/* Where another program has the heap, which may have what is wanted: has DYNMEM_PENDING, too. */
#define DYNMEM_BUSY (DYNMEM_NOWHERE - 1)

/* A block of one heap: its index, perhaps with DYNMEM_PENDING, or DYNMEM_NOWHERE, or DYNMEM_BUSY. */
DYNMEM_INLINE dynmem_u64 dynmem_serve_wanted(dynmem_u64 number, dynmem_u64 wanted, int aligned)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 granules = DYNMEM_WANTED_GRANULES(wanted, aligned);
	dynmem_u64 units = DYNMEM_WANTED_UNITS(wanted, aligned);
	dynmem_u64 index = DYNMEM_NOWHERE, block = 0;

	if (!heap || granules - 1 >= DYNMEM_GRANULES)
		return DYNMEM_NOWHERE;
	if (!DYNMEM_TRY_LOCK(heap))
		return DYNMEM_BUSY;
	if (units <= 1) /* what is parked may not be aligned further */
		index = dynmem_reuse(heap, granules);
	if (index == DYNMEM_NOWHERE && heap->version == DYNMEM_VERSION)
		/* Room for the largest gap, too. */
		block = DYNMEM_FIND(heap, number, granules + (units > 1 ? units - 1 : 0));
	if (block)
		index = DYNMEM_CUT(heap, number, block, wanted, aligned);
	DYNMEM_UNLOCK(heap);
	return DYNMEM_REMIND(heap, index);
}

DYNMEM_GLOBAL dynmem_u64 dynmem_serve(dynmem_u64 number, dynmem_u64 granules)
{
	return dynmem_serve_wanted(number, granules, 0);
}

DYNMEM_GLOBAL dynmem_u64 dynmem_serve_aligned(dynmem_u64 number, dynmem_u64 wanted)
{
	return dynmem_serve_wanted(number, wanted, 1);
}

#ifdef DYNAMIC_MEMORY_SPIN_LOCK

/*
 * Merges the first block of a list into the free ones; 0 if it has none. With a bpf_spin_lock what
 * merges is inline: too much for a loop, so it is a function.
 */
DYNMEM_GLOBAL int dynmem_gather_one(dynmem_u64 number, dynmem_u64 list)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 index, granules;
	int found = 0;

	if (!heap)
		return 0;
	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	if (DYNMEM_LOAD(&heap->lists[list]) < DYNMEM_LIST_ONE || !DYNMEM_TRY_LOCK(heap))
		return 0;
	if (heap->version == DYNMEM_VERSION && heap->lists[list] >= DYNMEM_LIST_ONE) {
		index = dynmem_unpark(heap, list, &granules);
		dynmem_coalesce(heap, 1 + index, granules);
		found = 1;
	}
	DYNMEM_UNLOCK(heap);
	return found;
}

/* The same for all blocks of a list; how many there were. */
DYNMEM_GLOBAL int dynmem_gather_list(dynmem_u64 number, dynmem_u64 list)
{
	dynmem_u32 i;

	for (i = 0; i < 1U << DYNMEM_LIST_DEPTH_LOG; i++)
		if (!dynmem_gather_one(number, list))
			break;
	return (int)i;
}

/* Makes one block of all that is free in a heap and lies side by side, of the whole pool at first. */
DYNMEM_GLOBAL int dynmem_gather(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 i;

	if (!heap)
		return -EINVAL;
	if (!DYNMEM_LOAD(&heap->version))
		return dynmem_prepare(number);
	for (i = 0; i < DYNMEM_LISTS; i++)
		dynmem_gather_list(number, i);
	return 0;
}

#else

struct dynmem_gathering {
	dynmem_u64 number; /* of the heap */
	dynmem_u64 list;   /* to look at next */
};

/* Makes one handed-over or parked block free, or goes to the next list; 1 at the end. */
static __attribute__((unused)) long dynmem_gather_step(dynmem_u64 step,
						       struct dynmem_gathering *gathering)
{
	struct dynmem_heap *heap = dynmem_heap(gathering->number);
	dynmem_u64 list = gathering->list, index = 0, granules = 0;

	(void)step;
	if (!heap || list >= DYNMEM_LISTS || !DYNMEM_TRY_LOCK(heap))
		return 1;
	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	if (heap->version != DYNMEM_VERSION)
		gathering->list = DYNMEM_LISTS;
	else if (DYNMEM_LOAD(&heap->pending))
		granules = dynmem_drain(heap, &index);
	else if (heap->lists[list] >= DYNMEM_LIST_ONE)
		index = dynmem_unpark(heap, list, &granules);
	else
		gathering->list++;
	if (granules)
		dynmem_coalesce(heap, 1 + index, granules);
	DYNMEM_UNLOCK(heap);
	return 0;
}

/* As many steps as there are parked blocks at most, lists and bits of handed-over ones. */
#define DYNMEM_GATHER_STEPS ((DYNMEM_LISTS << DYNMEM_LIST_DEPTH_LOG) + 2 * DYNMEM_LISTS)

/*
 * Makes one block of all that is free in a heap and lies side by side, of the whole pool at its first
 * use, and takes back what was handed over. The number of the list is hidden: the verifier would take
 * one that begins as a constant for a new one in each step, and go through all of them.
 */
DYNMEM_GLOBAL int dynmem_gather(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	struct dynmem_gathering gathering;
#if DYNMEM_NATIVE
	dynmem_u32 i;
#endif

	if (!heap)
		return -EINVAL;
	if (!DYNMEM_LOAD(&heap->version))
		return dynmem_prepare(number);
	if (DYNMEM_LOAD(&heap->lock))
		return -DYNMEM_EBUSY;
	gathering.number = number;
#if DYNMEM_NATIVE
	gathering.list = 0;
	for (i = 0; i < DYNMEM_GATHER_STEPS && !dynmem_gather_step(i, &gathering); i++) {}
#else
	gathering.list = dynmem_zero();
	dynmem_bpf_loop(DYNMEM_GATHER_STEPS, (void *)dynmem_gather_step, &gathering, 0);
#endif
	return 0;
}

#endif
