/* ---- allocation and release as the C library names them ---------------------------------- */

/* Granules of a block of `size` bytes; 0 if no pool can hold it. */
DYNMEM_INLINE dynmem_u64 dynmem_granules(dynmem_u64 size)
{
	if (size - 1 >= POOL_SIZE)
		return 0;
	return (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
}

/* The place of a block of `size` bytes at a multiple of `align`. */
DYNMEM_INLINE dynmem_u64 dynmem_allocate(dynmem_u64 size, dynmem_u64 align)
{
	return dynmem_serve_any(dynmem_own(), DYNMEM_WANTED(dynmem_granules(size),
							    align / DYNAMIC_MEMORY_GRANULE));
}

/*
 * malloc: the place of a block of `size` bytes. What is frequent is done here, in one path without a
 * call: a small block that was freed before and waits in its list. All else is dynmem_serve_any's.
 *
 * Not inline: a loop is verified round by round, and each inline call would be some 77 instructions
 * more in each of them, beside numbers of the caller that no longer fit into registers.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_take(dynmem_u64 size)
{
	dynmem_u64 number = dynmem_own(), granules, index, state;
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 *list;
	dynmem_u16 *tag;

	if (!heap)
		return DYNMEM_NONE; /* never: the number is that of a heap */
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		goto slow;
	/* 0, which no parked block has, for size 0 and where the sum overflows. */
	granules = (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
	list = &heap->lists[(granules - 1) & (DYNMEM_SMALL - 1)];
	index = *list & DYNMEM_INDEX_MASK;
	tag = &heap->tags[DYNMEM_MARGIN + index];
	/*
	 * One test: an empty list leads to the first granule, where no small block of the list's size is
	 * parked then. As a difference of 64 bits, so that a number of granules cannot look like a state.
	 */
	state = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_PARKED);
	if (DYNMEM_RARE((state ^ granules) |
			((granules - 1) & ~(DYNMEM_SMALL - 1)) DYNMEM_OR_RESETTING(heap))) {
		DYNMEM_UNLOCK(heap);
		goto slow;
	}
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_IN_USE) + granules));
	DYNMEM_STORE(list, heap->links[index].word);
	dynmem_count_allocation(heap, granules);
	index = DYNMEM_PLACE_IN(heap, number, index);
	DYNMEM_UNLOCK(heap);
	return index;
slow:
	return dynmem_serve_any(number, dynmem_granules(size));
}

/*
 * free: the block at an address. What is frequent is done here: a small block of this CPU's heap, whose
 * list has room. 0, or -EINVAL where no block in use starts.
 */
DYNMEM_GLOBAL int dynmem_give(dynmem_u64 address)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());
	dynmem_u64 elsewhere, index, granules, word;
	dynmem_u32 *list;
	dynmem_u16 *tag;

	if (!heap)
		return -EINVAL; /* never: the number is that of a heap */
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		goto slow;
	/*
	 * The masked numbers are hidden, or the compiler would derive them from one another, and the
	 * verifier lose their bounds.
	 */
	elsewhere = DYNMEM_DISTANCE(address, heap->pool_address);
	index = elsewhere / DYNAMIC_MEMORY_GRANULE & DYNMEM_INDEX_MASK;
	elsewhere &= ~(DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE);
	DYNMEM_HIDE(index);
	tag = &heap->tags[DYNMEM_MARGIN + index];
	granules = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_IN_USE);
	list = &heap->lists[(granules - 1) & (DYNMEM_SMALL - 1)];
	word = *list;
	/* In another heap, no block in use, not small, or the list is full: one test, one path. */
	if (DYNMEM_RARE(elsewhere | ((granules - 1) & ~(DYNMEM_SMALL - 1)) | DYNMEM_LIST_FULL(word)
				DYNMEM_OR_RESETTING(heap))) {
		DYNMEM_UNLOCK(heap);
		goto slow;
	}
	heap->used -= DYNMEM_USE(granules);
	dynmem_list_push(heap, list, index);
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_PARKED) + granules));
	DYNMEM_UNLOCK(heap);
	return 0;
slow:
	return dynmem_release(address);
}

/*
 * The pointer to the block at a place, of which `room` bytes can be reached, or NULL for DYNMEM_NONE.
 * The result and the place are hidden: where the program does not test for NULL, the compiler would
 * delete a check whose failure gives NULL, and the verifier's complaint would be about something else.
 */
#if DYNMEM_ARENA
/* There is nothing to prove about a pointer to an arena. */
DYNMEM_INLINE void DYNMEM_SPACE *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	(void)room;
	return (void DYNMEM_SPACE *)place;
}
#elif DYNMEM_POOL_MAP
DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	dynmem_u8 *pointer = NULL, *pool;
	dynmem_u64 offset = (dynmem_u32)place;

	DYNMEM_HIDE(place);
	DYNMEM_HIDE(offset);
	/* Of the number the lower bits count; it is the offset that tells DYNMEM_NONE. */
	pool = dynmem_pool(place >> 32);
	if (pool && offset <= DYNMEM_STRIDE - room) {
		DYNMEM_HIDE(offset);
		pointer = pool + offset;
	}
	DYNMEM_HIDE(pointer);
	return pointer;
}
#else
DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	dynmem_u8 *pointer = NULL;

	DYNMEM_HIDE(place);
	if (place <= sizeof(dynmem_pools) - room) {
		DYNMEM_HIDE(place);
		pointer = dynmem_pools + place;
	}
	DYNMEM_HIDE(pointer);
	return pointer;
}
#endif

/*
 * The same for a program that asked for `size` bytes. As many are legal if that is a constant, and
 * DYNAMIC_MEMORY_GUARD bytes are in any case: the guard behind the last pool has room for them.
 */
#define DYNMEM_POINTER(place, size)                                                               \
	dynmem_pointer(place, __builtin_constant_p(size) && (size) > DYNAMIC_MEMORY_GUARD &&      \
						  (size) <= POOL_SIZE ?                           \
					  (size) :                                                 \
					  DYNAMIC_MEMORY_GUARD)
