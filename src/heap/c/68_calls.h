/* ---- allocation and release as the C library names them ---------------------------------- */

/* Granules of a block of `size` bytes; 0 if no pool can hold it. */
DYNMEM_INLINE dynmem_u64 dynmem_granules(dynmem_u64 size)
{
	if (size - 1 >= POOL_SIZE)
		return 0;
	return (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
}

/* Most granules of a block whose tag has the whole number. */
#define DYNMEM_PLAIN_GRANULES (DYNMEM_LONG - 1)
/* What the two below give where they do nothing: no place, and not DYNMEM_NONE. */
#define DYNMEM_NOT_SO (DYNMEM_NOWHERE - 1)

/*
 * malloc as far as it is frequent: the place of a block that was freed before and waits in its list, of
 * at most `most` granules, a constant; or DYNMEM_NOT_SO.
 */
DYNMEM_INLINE dynmem_u64 dynmem_take_parked(dynmem_u64 size, dynmem_u64 most)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());
	dynmem_u64 granules, index, state, which;
	dynmem_u16 *tag;

	if (!heap)
		return DYNMEM_NONE; /* never: the number is that of a heap */
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		return DYNMEM_NOT_SO;
	/* 0, which no parked block has, for size 0 and where the sum overflows. */
	granules = (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
	DYNMEM_HIDE(granules);
	which = most <= DYNMEM_SMALL ? (granules - 1) & (DYNMEM_SMALL - 1) : dynmem_list(granules);
	index = heap->lists[which] & DYNMEM_INDEX_MASK;
	tag = &heap->tags[DYNMEM_MARGIN + index];
	/*
	 * An empty list leads to the first granule, where no block of this size is parked then: it would be
	 * in the list. As a difference of 64 bits, so that a number of granules cannot look like a state.
	 */
	state = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_PARKED);
	if (DYNMEM_RARE((state ^ granules) || granules > most DYNMEM_OR_RESETTING(heap))) {
		DYNMEM_UNLOCK(heap);
		return DYNMEM_NOT_SO;
	}
	if (most > DYNMEM_SMALL && granules > DYNMEM_SMALL)
		heap->large_parked -= (dynmem_u32)granules;
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_IN_USE) + granules));
	/* Hidden, or the compiler would keep the list's address: there is no register for it. */
	DYNMEM_HIDE(which);
	which &= DYNMEM_LISTS - 1;
	DYNMEM_STORE(&heap->lists[which], heap->links[index].word);
	dynmem_count_allocation(heap, granules);
	DYNMEM_UNLOCK(heap);
	return DYNMEM_PLACE_HERE(heap, index);
}

/*
 * free as far as it is frequent: of a block of `heap`, this CPU's, of at most `most` granules, whose list
 * has room. 0 if that is done, else 1.
 */
DYNMEM_INLINE int dynmem_park(struct dynmem_heap *heap, dynmem_u64 address, dynmem_u64 most)
{
	dynmem_u64 elsewhere, index, granules, which;
	dynmem_u16 *tag;

	if (!heap)
		return 1; /* never: the number is that of a heap */
	/* Nobody moves a pool, so this needs no lock. */
	elsewhere = DYNMEM_DISTANCE(address, DYNMEM_LOAD(&heap->pool_address));
	index = elsewhere / DYNAMIC_MEMORY_GRANULE;
	if (DYNMEM_RARE(elsewhere & ~(DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE)) ||
	    DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		return 1;
	/* Hidden, or the compiler would derive it from the test above, and the verifier know no bound. */
	DYNMEM_HIDE(index);
	index &= DYNMEM_INDEX_MASK;
	tag = &heap->tags[DYNMEM_MARGIN + index];
	granules = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_IN_USE);
	DYNMEM_HIDE(granules);
	which = most <= DYNMEM_SMALL ? (granules - 1) & (DYNMEM_SMALL - 1) : dynmem_list(granules);
	/*
	 * No block in use, a long one, or the list is full. What is read again below is volatile here, or the
	 * compiler would keep it: there are registers for no more, and no stack to spare.
	 */
	if (DYNMEM_RARE(granules - 1 >= most ||
			DYNMEM_LIST_FULL(DYNMEM_LOAD(&heap->lists[which])) DYNMEM_OR_RESETTING(heap)))
		goto unlock;
	if (most > DYNMEM_SMALL && granules > DYNMEM_SMALL) {
		if (DYNMEM_LOAD(&heap->large_parked) &&
		    DYNMEM_LOAD(&heap->large_parked) + granules > DYNMEM_LARGE(heap))
			goto unlock;
		heap->large_parked += (dynmem_u32)granules;
		heap->large_last = (dynmem_u32)which;
	}
	DYNMEM_HIDE(which);
	which &= DYNMEM_LISTS - 1;
	heap->used -= DYNMEM_USE(granules);
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_PARKED) + granules));
	dynmem_list_push(heap, &heap->lists[which], index);
	DYNMEM_UNLOCK(heap);
	return 0;
unlock:
	DYNMEM_UNLOCK(heap);
	return 1;
}

/*
 * malloc: the place of a block of `size` bytes, or DYNMEM_NONE. Not inline: a loop is verified round by
 * round, and each inline call would be some 77 instructions more in each of them, beside numbers of the
 * caller that no longer fit into registers.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_take(dynmem_u64 size)
{
	dynmem_u64 place = dynmem_take_parked(size, DYNMEM_PLAIN_GRANULES);

	DYNMEM_HIDE(size); /* or what is calculated from it above is kept for the other way */
	return place == DYNMEM_NOT_SO ? dynmem_serve_any(dynmem_own(), dynmem_granules(size), 0) :
					place;
}

/* The same at a multiple of `alignment`, a power of two. */
DYNMEM_GLOBAL dynmem_u64 dynmem_take_aligned(dynmem_u64 size, dynmem_u64 alignment)
{
	return dynmem_serve_any(dynmem_own(),
				DYNMEM_WANTED(dynmem_granules(size),
					      alignment / DYNAMIC_MEMORY_GRANULE),
				1);
}

/* free: the block at an address. 0, or -EINVAL where no block in use starts. */
DYNMEM_GLOBAL int dynmem_give(dynmem_u64 address)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	return dynmem_park(heap, address, DYNMEM_PLAIN_GRANULES) ? dynmem_release(address) : 0;
}

/* The same as they are called. */
#ifdef DYNAMIC_MEMORY_INLINE
DYNMEM_INLINE dynmem_u64 dynmem_take_here(dynmem_u64 size)
{
	dynmem_u64 place = dynmem_take_parked(size, DYNMEM_SMALL);

	return DYNMEM_RARE(place == DYNMEM_NOT_SO) ? dynmem_take(size) : place;
}

/*
 * The address is a number for no longer than it has to be, and never across a call. The compiler may have to
 * keep it in the stack, and a spilled number of which the verifier knows nothing makes Linux 6.18 find
 * itself at fault: it takes a slot that another path never wrote for the same number, and then asks that
 * path how exact it has to be ("verifier bug: stack slot 0, total slots 0").
 */
DYNMEM_INLINE void dynmem_give_here(const void DYNMEM_SPACE *pointer)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	if (DYNMEM_RARE(dynmem_park(heap, dynmem_number(pointer), DYNMEM_SMALL)))
		dynmem_give(dynmem_number(pointer));
}
#else
#define dynmem_take_here dynmem_take
#define dynmem_give_here(pointer) dynmem_give(dynmem_number(pointer))
#endif

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
