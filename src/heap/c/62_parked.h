/* ---- the lists of parked blocks ---------------------------------------------------------- */

#define DYNMEM_LIST_ONE (1ULL << DYNMEM_LIST_SHIFT)
/* Granules of the largest small block, a power of two. */
#define DYNMEM_SMALL                                                     \
	(DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE <= 1 ? 1ULL         \
	 : DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE < DYNMEM_SMALL_LISTS \
		 ? 0ULL + DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE       \
		 : 0ULL + DYNMEM_SMALL_LISTS)
/* Granules that larger blocks may have together while they are parked, if it is more than one. */
#define DYNMEM_LARGE(heap) ((heap)->granules / DYNMEM_LARGE_PART)

/* The list for blocks of so many granules. Large sizes that are powers of two get different ones. */
DYNMEM_INLINE dynmem_u64 dynmem_list(dynmem_u64 granules)
{
	dynmem_u64 list = granules - 1;

	if (list >= DYNMEM_SMALL)
		list = DYNMEM_SMALL_LISTS +
		       ((list ^ list >> DYNMEM_LISTS_LOG) & (DYNMEM_SMALL_LISTS - 1));
	DYNMEM_HIDE(list);
	return list & (DYNMEM_LISTS - 1);
}

/* Not 0 if a list's word says that the list is full: the bit that no other list's word has. */
#define DYNMEM_LIST_FULL(word) ((word) & DYNMEM_LIST_ONE << DYNMEM_LIST_DEPTH_LOG)

/*
 * Takes off the first block of a list, which must have one, and gives its index. The links of a parked
 * block are the word that the list had before, length included.
 */
DYNMEM_INLINE dynmem_u64 dynmem_list_pop(struct dynmem_heap *heap, dynmem_u32 *list)
{
	dynmem_u64 index = *list & DYNMEM_INDEX_MASK;

	DYNMEM_STORE(list, heap->links[index].word);
	return index;
}

DYNMEM_INLINE void dynmem_list_push(struct dynmem_heap *heap, dynmem_u32 *list, dynmem_u64 index)
{
	dynmem_u32 word = *list;

	heap->links[index].word = word;
	DYNMEM_STORE(list, (dynmem_u32)((word & ~(DYNMEM_LIST_ONE - 1)) + DYNMEM_LIST_ONE + index));
}

/* Takes off the first block of a list as above; `*granules` is its size. */
DYNMEM_INLINE dynmem_u64 dynmem_unpark(struct dynmem_heap *heap, dynmem_u64 list,
				       dynmem_u64 *granules)
{
	dynmem_u64 index = dynmem_list_pop(heap, &heap->lists[list]);

	*granules = dynmem_size(heap, DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]), index + 2);
	if (list >= DYNMEM_SMALL_LISTS)
		heap->large_parked -= (dynmem_u32)*granules;
	return index;
}

/* What a block of so many granules adds to a heap's `used`. */
#define DYNMEM_USE(granules) ((0ULL + (granules)) << 32 | 1)

DYNMEM_INLINE void dynmem_count_allocation(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u64 used = heap->used + DYNMEM_USE(granules);

	heap->allocations++;
	heap->used = used;
	if (DYNMEM_RARE(used > heap->high_water))
		heap->high_water = used;
}

/* ---- hand-over: a free that finds the heap locked ---------------------------------------- */

#define DYNMEM_TAG_IS(tag, wanted) (((tag) & (DYNMEM_TAG_STATE | DYNMEM_TAG_HANDED_OVER)) == (wanted))

/* Counts a free that is refused: of a block that is free already, or of what is no block. */
DYNMEM_INLINE void dynmem_count_refused(struct dynmem_heap *heap, dynmem_u64 tag)
{
	if (tag & DYNMEM_TAG_STATE)
		DYNMEM_COUNT(&heap->double_frees);
	else
		DYNMEM_COUNT(&heap->invalid_frees);
}

#ifndef DYNAMIC_MEMORY_SPIN_LOCK

/*
 * Changes bits of a tag and gives the tag from before. BPF has such instructions for 32 and 64 bits, so
 * this takes two tags; the other one stays as it is, whoever changes it.
 */
#if DYNMEM_NATIVE
#define DYNMEM_TAG_OR(heap, index, bits) \
	DYNMEM_FETCH_OR(&(heap)->tags[DYNMEM_MARGIN + (index)], (dynmem_u16)(bits))
#define DYNMEM_TAG_AND(heap, index, bits) \
	DYNMEM_FETCH_AND(&(heap)->tags[DYNMEM_MARGIN + (index)], (dynmem_u16)(bits))
#else
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_TAG_SHIFT(index) (((index) & 1) * 16)
#else
#define DYNMEM_TAG_SHIFT(index) (16 - ((index) & 1) * 16)
#endif
#define DYNMEM_TWO_TAGS(heap, index) ((dynmem_u32 *)((heap)->tags + DYNMEM_MARGIN) + ((index) >> 1))
#define DYNMEM_TAG_OR(heap, index, bits)                                          \
	(DYNMEM_FETCH_OR(DYNMEM_TWO_TAGS(heap, index),                            \
			 (dynmem_u32)((bits) << DYNMEM_TAG_SHIFT(index))) >>      \
		 DYNMEM_TAG_SHIFT(index) & 0xffff)
#define DYNMEM_TAG_AND(heap, index, bits)                                         \
	DYNMEM_FETCH_AND(DYNMEM_TWO_TAGS(heap, index),                            \
			 (dynmem_u32)~((0xffffULL & ~(bits)) << DYNMEM_TAG_SHIFT(index)))
#endif

/*
 * Leaves a block to whoever holds the lock now or next. The bit in the tag decides who frees the
 * block, the bits of the tree only lead to it; they are set from the bottom up and cleared from
 * the top down, so that none is overlooked.
 */
DYNMEM_GLOBAL int dynmem_hand_over(dynmem_u64 number, dynmem_u64 index)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 tag, group;

	if (!heap)
		return -EINVAL;
	DYNMEM_HIDE(index);
	index &= DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	/* Anything but a block in use is left alone: its tag belongs to the holder of the lock. */
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		dynmem_count_refused(heap, tag);
		return -EINVAL;
	}
	tag = DYNMEM_TAG_OR(heap, index, DYNMEM_TAG_HANDED_OVER);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		/*
		 * At this moment another free or a reset was faster. The bit must not stay; who holds the
		 * lock takes a tag with it for one that has another size than is wanted.
		 */
		if (!(tag & DYNMEM_TAG_HANDED_OVER))
			DYNMEM_TAG_AND(heap, index, ~DYNMEM_TAG_HANDED_OVER);
		dynmem_count_refused(heap, tag);
		return -EINVAL;
	}
	group = index >> DYNMEM_GROUP_LOG;
	DYNMEM_FETCH_OR(&heap->pending_words[group >> 6], 1ULL << (group & 63));
#if DYNMEM_LEVELS > 1
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL1 + (group >> 12)],
			1ULL << (group >> 6 & 63));
#endif
#if DYNMEM_LEVELS > 2
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL2 + (group >> 18)],
			1ULL << (group >> 12 & 63));
#endif
	DYNMEM_FETCH_OR(&heap->pending, 1ULL << (group >> (6 * DYNMEM_LEVELS) & 63));
	DYNMEM_COUNT(&heap->handed_over);
	return 0;
}

/* The word of a level at index `at`, which becomes the index of its lowest bit; none if empty. */
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
			return 0;                                              \
		}                                                              \
		parent = word;                                                 \
		bit = DYNMEM_LOAD(parent);                                     \
		bit &= -bit;                                                   \
	} while (0)

/*
 * Finds a handed-over block and counts it as given back, or clears one bit left behind; under the lock.
 * Its granules, which the caller has to make free, and its index in `*index`; 0 if there is none.
 */
DYNMEM_INLINE dynmem_u64 dynmem_drain(struct dynmem_heap *heap, dynmem_u64 *index)
{
	dynmem_u64 *parent = &heap->pending, *word;
	dynmem_u64 bit = DYNMEM_LOAD(parent), at = 0, tags, tag;

	if (!bit)
		return 0;
	bit &= -bit;
#if DYNMEM_LEVELS > 2
	DYNMEM_DESCEND(DYNMEM_LEVEL2, DYNMEM_ENTRIES / DYNMEM_WORD2_GRANULES);
#endif
#if DYNMEM_LEVELS > 1
	DYNMEM_DESCEND(DYNMEM_LEVEL1, DYNMEM_ENTRIES / DYNMEM_WORD1_GRANULES);
#endif
	DYNMEM_DESCEND(0, DYNMEM_LEVEL1);
	at = at << 6 | dynmem_lowest(bit);
	DYNMEM_HIDE(at);
	at &= DYNMEM_INDEX_MASK >> DYNMEM_GROUP_LOG;
	/* First the bit: what is handed over from now on sets it again. */
	DYNMEM_FETCH_AND(parent, ~bit);
	tags = DYNMEM_LOAD((dynmem_four_tags *)(heap->tags + DYNMEM_MARGIN) + at);
	tags = DYNMEM_LITTLE_TAGS(tags) & (~0ULL / 0xffff * DYNMEM_TAG_HANDED_OVER);
	if (tags & (tags - 1)) /* another one in the group */
		DYNMEM_FETCH_OR(parent, bit);
	at = at << DYNMEM_GROUP_LOG | (dynmem_lowest(tags | 1ULL << 63) >> 4);
	DYNMEM_HIDE(at);
	at &= DYNMEM_INDEX_MASK;
	/* The group's bit may be of another block, so it says nothing of what was done with this one. */
	tag = DYNMEM_LOAD_ACQUIRE(&heap->tags[DYNMEM_MARGIN + at]);
	/*
	 * A bit left behind: whoever hands over sets it last, and the block was found before, by the bit of
	 * another one in its group. No error of the program, so not counted as one. (Nor is a block that is
	 * freed twice at the same moment, once under the lock, which looks the same: it is freed once.)
	 */
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE) | DYNMEM_TAG_HANDED_OVER))
		return 0;
	tag = dynmem_size(heap, tag, at + 2);
	heap->used -= DYNMEM_USE(tag);
	*index = at;
	return tag;
}
#endif
