/* ---- the tables of a heap ---------------------------------------------------------------- */

/*
 * Granules count from 1 in the tables and 0 is "none". The masks prove every index valid: one
 * instruction each, and one path for the verifier, where a comparison makes two.
 */
DYNMEM_INLINE dynmem_u16 *dynmem_tag(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->tags[DYNMEM_MARGIN + (block & DYNMEM_INDEX_MASK)];
}

/* The tag of the granule before `block`. */
DYNMEM_INLINE dynmem_u16 *dynmem_tag_before(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->tags[DYNMEM_MARGIN - 1 + (block & DYNMEM_INDEX_MASK)];
}

/* The tag of the granule behind `last`. */
DYNMEM_INLINE dynmem_u16 *dynmem_tag_behind(struct dynmem_heap *heap, dynmem_u64 last)
{
	last -= 1;
	DYNMEM_HIDE(last);
	return &heap->tags[DYNMEM_MARGIN + 1 + (last & DYNMEM_INDEX_MASK)];
}

DYNMEM_INLINE union dynmem_link *dynmem_link(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->links[block & DYNMEM_INDEX_MASK];
}

DYNMEM_INLINE dynmem_entry *dynmem_next(struct dynmem_heap *heap, dynmem_u64 block)
{
	return &dynmem_link(heap, block)->pair[0];
}

DYNMEM_INLINE dynmem_entry *dynmem_previous(struct dynmem_heap *heap, dynmem_u64 block)
{
	return &dynmem_link(heap, block)->pair[1];
}

/*
 * Granules of a block by its tag. A long block has them in the links of a granule of its own, `beside`:
 * the second one, or the last but one where the tag is that of a free block's end.
 */
DYNMEM_INLINE dynmem_u64 dynmem_size(struct dynmem_heap *heap, dynmem_u64 tag, dynmem_u64 beside)
{
	tag &= DYNMEM_TAG_GRANULES;
#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag == DYNMEM_LONG)
		tag = dynmem_link(heap, beside)->word;
#endif
	(void)heap;
	(void)beside;
	return tag;
}

/* Writes the tag of a block's first granule. */
DYNMEM_INLINE void dynmem_set_tag(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 state,
				  dynmem_u64 granules)
{
	dynmem_u64 tag = granules;

#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag >= DYNMEM_LONG) {
		dynmem_link(heap, block + 1)->word = (dynmem_u32)tag;
		tag = DYNMEM_LONG;
	}
#endif
	DYNMEM_STORE(dynmem_tag(heap, block), (dynmem_u16)(DYNMEM_TAG(state) | tag));
}

/* Writes the tag of a free block's last granule. */
DYNMEM_INLINE void dynmem_set_end(struct dynmem_heap *heap, dynmem_u64 last, dynmem_u64 granules)
{
	dynmem_u64 tag = granules;

#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag >= DYNMEM_LONG) {
		dynmem_link(heap, last - 1)->word = (dynmem_u32)tag;
		tag = DYNMEM_LONG;
	}
#endif
	DYNMEM_STORE(dynmem_tag(heap, last), (dynmem_u16)(DYNMEM_TAG(DYNMEM_FREE) | tag));
}

DYNMEM_INLINE dynmem_entry *dynmem_bin_head(struct dynmem_heap *heap, dynmem_u64 bin)
{
	/* Linux 6.1 cannot derive the bound that clang can, and clang would drop the mask for it. */
	DYNMEM_HIDE(bin);
	return &heap->bins[bin & (DYNMEM_BINS - 1)];
}

/* The word of the map of bins that `bin` is in. */
DYNMEM_INLINE dynmem_u64 dynmem_bin_word(dynmem_u64 bin)
{
	bin >>= 6;
	DYNMEM_HIDE(bin);
	return bin & (DYNMEM_BINS / 64 - 1);
}

/* ---- free blocks, all under the heap's lock ---------------------------------------------- */

DYNMEM_INLINE void dynmem_bin_insert(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_u64 bin = dynmem_bin(granules);
	dynmem_entry *head = dynmem_bin_head(heap, bin);
	dynmem_u64 next = *head;

	*dynmem_next(heap, block) = (dynmem_entry)next;
	*dynmem_previous(heap, block) = 0;
	if (next)
		*dynmem_previous(heap, next) = (dynmem_entry)block;
	*head = (dynmem_entry)block;
	heap->bin_map[dynmem_bin_word(bin)] |= 1ULL << (bin & 63);
	dynmem_set_tag(heap, block, DYNMEM_FREE, granules);
	dynmem_set_end(heap, block + granules - 1, granules);
}

DYNMEM_INLINE void dynmem_bin_take(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 bin)
{
	dynmem_u64 next = *dynmem_next(heap, block);
	dynmem_u64 previous = *dynmem_previous(heap, block);

	if (next)
		*dynmem_previous(heap, next) = (dynmem_entry)previous;
	if (previous) {
		*dynmem_next(heap, previous) = (dynmem_entry)next;
	} else {
		*dynmem_bin_head(heap, bin) = (dynmem_entry)next;
		if (!next)
			heap->bin_map[dynmem_bin_word(bin)] &= ~(1ULL << (bin & 63));
	}
}

DYNMEM_INLINE void dynmem_bin_remove(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_bin_take(heap, block, dynmem_bin(granules));
}

/* Makes granules free that belong to no block, as one block with its free neighbours. */
DYNMEM_INLINE void dynmem_coalesce(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_u64 left = DYNMEM_LOAD(dynmem_tag_before(heap, block)), right;

	if ((left & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
		left = dynmem_size(heap, left, block - 2);
		DYNMEM_STORE(dynmem_tag_before(heap, block), 0);
		DYNMEM_STORE(dynmem_tag(heap, block), 0);
		block -= left;
		granules += left;
		dynmem_bin_remove(heap, block, left);
	}
	right = DYNMEM_LOAD(dynmem_tag_behind(heap, block + granules - 1));
	if ((right & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
		right = dynmem_size(heap, right, block + granules + 1);
		DYNMEM_STORE(dynmem_tag_behind(heap, block + granules - 1), 0);
		dynmem_bin_remove(heap, block + granules, right);
		granules += right;
	}
	dynmem_bin_insert(heap, block, granules);
}

/* Takes a free block of so many granules at least from its bin, by good fit; 0 if there is none. */
DYNMEM_INLINE dynmem_u64 dynmem_find(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u32 i;
	dynmem_u64 bin = dynmem_bin(granules);
	/* All paths give a value of one entry's range: the verifier goes on with one of them. */
	dynmem_u64 block = *dynmem_bin_head(heap, bin), map;

	/* The blocks of its own bin may be smaller: look at a few, then take any larger bin. */
	for (i = 0; i < DYNMEM_BIN_DEPTH && block; i++) {
		if (dynmem_size(heap, DYNMEM_LOAD(dynmem_tag(heap, block)), block + 1) >= granules)
			goto found;
		block = *dynmem_next(heap, block);
	}
	bin++;
	map = heap->bin_map[dynmem_bin_word(bin)] >> (bin & 63) << (bin & 63);
	bin >>= 6;
	for (i = 1; i < DYNMEM_BINS / 64 && !map; i++) {
		bin++;
		DYNMEM_HIDE(bin);
		if (bin >= DYNMEM_BINS / 64)
			return 0;
		map = heap->bin_map[bin];
	}
	if (!map)
		return 0;
	bin = (bin << 6) + dynmem_lowest(map);
	block = *dynmem_bin_head(heap, bin);
found:
	DYNMEM_HIDE(bin);
	dynmem_bin_take(heap, block, bin);
	return block;
}

/*
 * What is done with the lock held, as global functions where Linux takes a call there: less to verify,
 * and less stack, as what needs many registers has a frame of its own, and none of these frames lies
 * below another. With a bpf_spin_lock held Linux takes no call.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_MERGE(heap, number, index, granules) dynmem_coalesce(heap, 1 + (index), granules)
#define DYNMEM_FIND(heap, number, granules) dynmem_find(heap, granules)
#else
DYNMEM_GLOBAL int dynmem_merge(dynmem_u64 number, dynmem_u64 index, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap)
		return -EINVAL;
	dynmem_coalesce(heap, 1 + index, granules);
	return 0;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_find_held(dynmem_u64 number, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_find(heap, granules) : 0;
}
#define DYNMEM_MERGE(heap, number, index, granules) dynmem_merge(number, index, granules)
#define DYNMEM_FIND(heap, number, granules) dynmem_find_held(number, granules)
#endif
