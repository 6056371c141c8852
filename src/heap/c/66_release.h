/* ---- release ----------------------------------------------------------------------------- */

/* How far behind `base` an address is. Of an arena's addresses the lower 32 bits count. */
#if DYNMEM_ARENA
#define DYNMEM_DISTANCE(address, base) ((dynmem_u64)(dynmem_u32)((address) - (base)))
#else
#define DYNMEM_DISTANCE(address, base) ((address) - (base))
#endif

/* Dividing by the stride is a multiplication by its inverse: BPF divides slowly. */
#define DYNMEM_STRIDE_PAGES (DYNMEM_STRIDE / 4096)
#define DYNMEM_STRIDE_INVERSE ((1ULL << 44) / DYNMEM_STRIDE_PAGES + 1)
_Static_assert(DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE_PAGES * DYNMEM_STRIDE_PAGES < (1ULL << 44),
	       "the inverse of the stride is exact for every distance");

/* An offset in granules, or a huge number if it is not a multiple of the granule. */
#define DYNMEM_ROTATE(offset)                  \
	((offset) / DYNAMIC_MEMORY_GRANULE |   \
	 (offset) * (-1ULL / DYNAMIC_MEMORY_GRANULE + 1))

/*
 * Splits an address into the number of a heap and the granule's index in its pool. Where no block
 * can start, the index is DYNMEM_GRANULES or more, or there is no heap of the number.
 */
DYNMEM_INLINE dynmem_u64 dynmem_split(dynmem_u64 address, dynmem_u8 DYNMEM_SPACE *first,
				      dynmem_u64 *number)
{
	dynmem_u64 distance = DYNMEM_DISTANCE(address, dynmem_number(first)), offset;

	*number = ((distance >> 12) * DYNMEM_STRIDE_INVERSE) >> 44;
	offset = distance - *number * DYNMEM_STRIDE;
	return DYNMEM_ROTATE(offset);
}

/*
 * The same for the heaps there are: the number above 32 bits of the index, or DYNMEM_NOWHERE if no block
 * can start at the address.
 */
DYNMEM_INLINE dynmem_u64 dynmem_locate(dynmem_u64 address)
{
	dynmem_u8 DYNMEM_SPACE *first = dynmem_pool(0);
	dynmem_u64 number, index;

	if (!first)
		return DYNMEM_NOWHERE;
	index = dynmem_split(address, first, &number);
	if (index >= DYNMEM_GRANULES || number >= DYNAMIC_MEMORY_HEAPS)
		return DYNMEM_NOWHERE;
	return number << 32 | index;
}

/* The index in what dynmem_locate gives; hidden, or clang would use bits that the verifier cannot know. */
DYNMEM_INLINE dynmem_u64 dynmem_index(dynmem_u64 located)
{
	dynmem_u64 index = (dynmem_u32)located;

	DYNMEM_HIDE(index);
	return index & DYNMEM_INDEX_MASK;
}

/* The place of a block at an address, as functions hand it on; DYNMEM_NONE if none can start there. */
DYNMEM_INLINE dynmem_u64 dynmem_place(dynmem_u64 address)
{
	dynmem_u64 located = dynmem_locate(address);

	if (located == DYNMEM_NOWHERE)
		return DYNMEM_NONE;
#if DYNMEM_ARENA
	return address;
#else
	return DYNMEM_PLACE(located >> 32, 0ULL + (dynmem_u32)located);
#endif
}

/* Frees the block at an address; 0, also for NULL, or -EINVAL where no block in use starts. */
DYNMEM_GLOBAL int dynmem_release(dynmem_u64 address)
{
	dynmem_u64 own = dynmem_own(), located = dynmem_locate(address), tag;
	dynmem_u64 number = located >> 32, index = dynmem_index(located), granules, list;
	dynmem_u64 from, full = DYNMEM_LIST_ONE << DYNMEM_LIST_DEPTH_LOG, other, merged;
	struct dynmem_heap *heap;
	int result = 0;

	if (located == DYNMEM_NOWHERE) {
		if (!address)
			return 0; /* NULL, see static_free */
		heap = dynmem_heap(own);
		if (heap)
			DYNMEM_COUNT(&heap->invalid_frees);
		return -EINVAL;
	}
	heap = dynmem_heap(number);
	if (!heap)
		return -EINVAL;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	(void)DYNMEM_TRY_LOCK(heap); /* waits, so there is nothing to hand over */
#else
	if (!DYNMEM_TRY_LOCK(heap))
		return dynmem_hand_over(number, index);
#endif
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE)) || heap->version != DYNMEM_VERSION) {
		dynmem_count_refused(heap, tag);
		result = -EINVAL;
		goto out;
	}
	granules = dynmem_size(heap, tag, index + 2);
	heap->used -= DYNMEM_USE(granules);
	if (number != own)
		heap->remote_frees++;
	list = dynmem_list(granules);
	from = list;
	if (list >= DYNMEM_SMALL_LISTS) {
		if (heap->large_parked && heap->large_parked + granules > DYNMEM_LARGE(heap)) {
			from = heap->large_last & (DYNMEM_LISTS - 1);
			full = DYNMEM_LIST_ONE;
		}
		heap->large_parked += (dynmem_u32)granules;
		heap->large_last = (dynmem_u32)list;
	}
	/* This block may be wanted again soon: one that was parked before makes room. */
	if (heap->lists[from] >= full) {
		other = dynmem_unpark(heap, from, &merged);
		DYNMEM_MERGE(heap, number, other, merged);
	}
	dynmem_list_push(heap, &heap->lists[list], index);
	DYNMEM_STORE(&heap->tags[DYNMEM_MARGIN + index],
		     (dynmem_u16)(tag - DYNMEM_TAG(DYNMEM_IN_USE) + DYNMEM_TAG(DYNMEM_PARKED)));
out:
	DYNMEM_UNLOCK(heap);
	return result;
}

/* Bytes usable in the block at this address; 0 if none in use starts there. */
DYNMEM_GLOBAL dynmem_u64 dynmem_usable(dynmem_u64 address)
{
	dynmem_u64 located = dynmem_locate(address), tag;
	struct dynmem_heap *heap;

	if (located == DYNMEM_NOWHERE)
		return 0;
	heap = dynmem_heap(located >> 32);
	if (!heap)
		return 0;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + dynmem_index(located)]);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE)))
		return 0;
	return dynmem_size(heap, tag, dynmem_index(located) + 2) * DYNAMIC_MEMORY_GRANULE;
}

/* Makes a block of so many granules of the one at an address, without moving it; 0 if it cannot. */
DYNMEM_GLOBAL int dynmem_resize(dynmem_u64 address, dynmem_u64 granules)
{
	dynmem_u64 located = dynmem_locate(address), index = dynmem_index(located), tag, have, right;
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	dynmem_u64 done = 0;

	if (!heap || located == DYNMEM_NOWHERE || granules - 1 >= DYNMEM_GRANULES ||
	    !DYNMEM_TRY_LOCK(heap))
		return 0;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	if (heap->version == DYNMEM_VERSION && DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		have = dynmem_size(heap, tag, index + 2);
		right = DYNMEM_LOAD(dynmem_tag_behind(heap, index + have));
		heap->used -= have << 32;
		if (granules > have && (right & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
			right = dynmem_size(heap, right, index + have + 2);
			if (have + right >= granules) {
				DYNMEM_STORE(dynmem_tag_behind(heap, index + have), 0);
				dynmem_bin_remove(heap, index + 1 + have, right);
				have += right;
				DYNMEM_STORE(dynmem_tag(heap, index + have), 0);
			}
		}
		done = granules <= have;
		if (done && have != granules) {
			/* The rest may have a free neighbour, if the block shrinks. */
			DYNMEM_MERGE(heap, located >> 32, index + granules, have - granules);
			have = granules;
		}
		dynmem_set_tag(heap, index + 1, DYNMEM_IN_USE, have);
		heap->used += have << 32;
		if (heap->used > heap->high_water)
			heap->high_water = heap->used;
		heap->resizes += done;
	}
	DYNMEM_UNLOCK(heap);
	return (int)done;
}

/* Bytes of the tables, and of the pieces they are emptied in. */
#define DYNMEM_TABLE_BYTES \
	(sizeof(struct dynmem_heap) - __builtin_offsetof(struct dynmem_heap, pending_words))
#define DYNMEM_TABLE_PIECE \
	(DYNMEM_TABLE_BYTES <= 4096 ? DYNMEM_TABLE_BYTES : (DYNMEM_TABLE_BYTES / 256 + 4096) & ~7UL)

/* Empties a heap; its figures of the past stay. -EBUSY if it is locked. */
DYNMEM_GLOBAL int dynmem_reset(dynmem_u64 number)
{
	dynmem_u32 i;
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 at = 0;

	if (!heap || !DYNMEM_TRY_LOCK(heap))
		return -DYNMEM_EBUSY;
	DYNMEM_STORE(&heap->version, DYNMEM_RESETTING);
	heap->used = 0;
	heap->pending = 0;
	__builtin_memset(heap->lists, 0, sizeof(heap->lists));
	__builtin_memset(heap->bin_map, 0, sizeof(heap->bin_map));
	heap->large_parked = 0;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	/* No helper may be called with the lock held; the version keeps everybody out. */
	DYNMEM_UNLOCK(heap);
#endif
	for (i = 0; i < 256; i++) {
		if (at > DYNMEM_TABLE_BYTES - DYNMEM_TABLE_PIECE)
			at = DYNMEM_TABLE_BYTES - DYNMEM_TABLE_PIECE;
		dynmem_read((dynmem_u8 *)heap->pending_words + at, DYNMEM_TABLE_PIECE, 0);
		at += DYNMEM_TABLE_PIECE;
		if (at >= DYNMEM_TABLE_BYTES)
			break;
	}
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	DYNMEM_TRY_LOCK(heap);
#endif
	DYNMEM_STORE(&heap->version, 0);
	DYNMEM_UNLOCK(heap);
	return 0;
}
