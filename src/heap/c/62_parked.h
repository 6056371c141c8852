/* ---- the lists of parked blocks ---------------------------------------------------------- */

#define DYNMEM_LIST_ONE (1ULL << DYNMEM_LIST_SHIFT)

/* The list for blocks of so many granules. Sizes that are powers of two get different ones. */
DYNMEM_INLINE dynmem_u64 dynmem_list(dynmem_u64 granules)
{
	granules--;
	return (granules ^ granules >> DYNMEM_LISTS_LOG) & (DYNMEM_LISTS - 1);
}

/* Not 0 if a list's word says that the list is full: the bit that no other list's word has. */
#define DYNMEM_LIST_FULL(word) ((word) & DYNMEM_TAG_HANDED_OVER)
_Static_assert(DYNMEM_LIST_ONE << DYNMEM_LIST_DEPTH_LOG == DYNMEM_TAG_HANDED_OVER,
	       "one test finds a full list and a tag that is not \"in use\"");

/*
 * Takes off the first block of a list, which must have one, and gives its index. The second granule
 * of a parked block has the word that the list had before, length included, for its tag: below the
 * bits of the state, so it says "inside" wherever a tag is looked at.
 */
DYNMEM_INLINE dynmem_u64 dynmem_list_pop(struct dynmem_heap *heap, dynmem_u32 *list)
{
	dynmem_u64 index = *list & DYNMEM_INDEX_MASK;

	DYNMEM_STORE(list, DYNMEM_LOAD(&heap->tags[2 + index]));
	return index;
}

DYNMEM_INLINE void dynmem_list_push(struct dynmem_heap *heap, dynmem_u32 *list, dynmem_u64 index)
{
	dynmem_u32 word = *list;

	DYNMEM_STORE(&heap->tags[2 + index], word);
	DYNMEM_STORE(list, (dynmem_u32)((word & ~(DYNMEM_LIST_ONE - 1)) + DYNMEM_LIST_ONE + index));
}

/* What a block of so many granules adds to a heap's `used`. */
#define DYNMEM_USE(granules) ((0ULL + (granules)) << 32 | 1)

DYNMEM_INLINE void dynmem_count_allocation(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u64 used = heap->used + DYNMEM_USE(granules);

	heap->allocations++;
	heap->used = used;
	heap->high_water = dynmem_most(heap->high_water, used);
}

/* ---- hand-over: a free that finds the heap locked ---------------------------------------- */

#ifndef DYNAMIC_MEMORY_SPIN_LOCK
/*
 * Leaves a block to whoever holds the lock now or next. The bit in the tag decides who frees the
 * block, the bits of the tree only lead to it; they are set from the bottom up and cleared from
 * the top down, so that none is overlooked.
 */
DYNMEM_GLOBAL int dynmem_hand_over(dynmem_u64 number, dynmem_u64 index)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 tag;

	if (!heap)
		return -EINVAL;
	DYNMEM_HIDE(index);
	index &= DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[1 + index]);
	/*
	 * Anything but a block in use is left alone: its tag belongs to the holder of the lock. Where
	 * the tag changes at this moment, another free or a reset was faster.
	 */
	if ((tag & (DYNMEM_TAG_STATE | DYNMEM_TAG_HANDED_OVER)) != DYNMEM_TAG(DYNMEM_IN_USE) ||
	    !DYNMEM_SWAP(&heap->tags[1 + index], (dynmem_u32)tag,
			 (dynmem_u32)(tag | DYNMEM_TAG_HANDED_OVER))) {
		if (tag & DYNMEM_TAG_STATE)
			DYNMEM_COUNT(&heap->double_frees);
		else
			DYNMEM_COUNT(&heap->invalid_frees);
		return -EINVAL;
	}
	DYNMEM_FETCH_OR(&heap->pending_words[index >> 6], 1ULL << (index & 63));
#if DYNMEM_LEVELS > 1
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL1 + (index >> 12)],
			1ULL << (index >> 6 & 63));
#endif
#if DYNMEM_LEVELS > 2
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL2 + (index >> 18)],
			1ULL << (index >> 12 & 63));
#endif
	DYNMEM_FETCH_OR(&heap->pending, 1ULL << (index >> (6 * DYNMEM_LEVELS) & 63));
	DYNMEM_COUNT(&heap->handed_over);
	return 0;
}

/* The word of `level` at index `*at`, which becomes the index of its lowest bit; 0 if empty. */
#define DYNMEM_DESCEND(base, entries)                                          \
	do {                                                                   \
		at = at << 6 | dynmem_lowest(bit);                             \
		DYNMEM_HIDE(at);                                               \
		at &= (entries) - 1;                                           \
		word = &heap->pending_words[(base) + at];                      \
		if (!DYNMEM_LOAD(word)) {                                      \
			/* A bit left behind; it may be needed again by now. */ \
			DYNMEM_FETCH_AND(parent, ~bit);                        \
			if (DYNMEM_LOAD(word))                                 \
				DYNMEM_FETCH_OR(parent, bit);                  \
			return;                                                \
		}                                                              \
		parent = word;                                                 \
		bit = DYNMEM_LOAD(parent);                                     \
		bit &= -bit;                                                   \
	} while (0)

/* Takes one handed-over block back, or clears one bit left behind; under the lock. */
DYNMEM_INLINE void dynmem_drain(struct dynmem_heap *heap, dynmem_u64 number)
{
	dynmem_u64 *parent = &heap->pending, *word;
	dynmem_u64 bit = DYNMEM_LOAD(parent), at = 0, tag;

	if (!bit)
		return;
	bit &= -bit;
#if DYNMEM_LEVELS > 2
	DYNMEM_DESCEND(DYNMEM_LEVEL2, DYNMEM_ENTRIES / 262144);
#endif
#if DYNMEM_LEVELS > 1
	DYNMEM_DESCEND(DYNMEM_LEVEL1, DYNMEM_ENTRIES / 4096);
#endif
	DYNMEM_DESCEND(0, DYNMEM_ENTRIES / 64);
	DYNMEM_FETCH_AND(parent, ~bit);
	at = at << 6 | dynmem_lowest(bit);
	DYNMEM_HIDE(at);
	at &= DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[1 + at]);
	if ((tag & (DYNMEM_TAG_STATE | DYNMEM_TAG_HANDED_OVER)) !=
	    (DYNMEM_TAG(DYNMEM_IN_USE) | DYNMEM_TAG_HANDED_OVER)) {
		/* Freed twice at the same moment, once under the lock. */
		DYNMEM_COUNT(&heap->double_frees);
		return;
	}
	tag &= DYNMEM_TAG_GRANULES;
	heap->used -= DYNMEM_USE(tag);
	DYNMEM_MERGE(heap, number, at, tag);
}
#endif
