/* ---- allocation from any heap ------------------------------------------------------------ */

/* Counts an allocation that no heap serves, by its cause, in this CPU's heap. */
DYNMEM_GLOBAL int dynmem_refuse(dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());
#ifndef DYNAMIC_MEMORY_SPIN_LOCK
	struct dynmem_heap *other;
	dynmem_u32 i;
#endif

	if (!heap)
		return -EINVAL;
	if (!granules) {
		DYNMEM_COUNT(&heap->failed_size);
		return -ENOMEM;
	}
#ifndef DYNAMIC_MEMORY_SPIN_LOCK
	for (i = 0; i < DYNAMIC_MEMORY_HEAPS; i++) {
		other = dynmem_heap(dynmem_heap_of(i));
		if (other && DYNMEM_LOAD(&other->lock)) {
			DYNMEM_COUNT(&heap->failed_busy);
			return -ENOMEM;
		}
	}
#endif
	DYNMEM_COUNT(&heap->failed_memory);
	return -ENOMEM;
}

/*
 * Where a block is, in the one number that functions hand on: in an arena its address, elsewhere its
 * offset from the first pool or, in a map of pools, the number of the pool above 32 bits of offset.
 * DYNMEM_NONE is none.
 */
#if DYNMEM_ARENA
#define DYNMEM_NONE 0ULL
#define DYNMEM_PLACE(number, index)                                                   \
	(dynmem_number(dynmem_pools) + 4096 + (number) * (0ULL + DYNMEM_STRIDE) + \
	 (index) * (0ULL + DYNAMIC_MEMORY_GRANULE))
#elif DYNMEM_POOL_MAP
#define DYNMEM_NONE DYNMEM_NOWHERE
#define DYNMEM_PLACE(number, index) ((number) << 32 | (index) * DYNAMIC_MEMORY_GRANULE)
#else
#define DYNMEM_NONE DYNMEM_NOWHERE
#define DYNMEM_PLACE(number, index) \
	((number) * (0ULL + DYNMEM_STRIDE) + (index) * (0ULL + DYNAMIC_MEMORY_GRANULE))
#endif
/*
 * The same of this CPU's heap, which is in use already. A register less: the number need not be kept
 * until then.
 */
#if DYNMEM_POOL_MAP
#define DYNMEM_PLACE_HERE(heap, index) DYNMEM_PLACE(0ULL + dynmem_own(), index)
#else
#define DYNMEM_PLACE_HERE(heap, index)                              \
	((heap)->pool_address + (index) * DYNAMIC_MEMORY_GRANULE - \
	 (DYNMEM_ARENA ? 0 : dynmem_number(dynmem_pools)))
#endif

/*
 * The place of a block of any heap, the one of that number first; DYNMEM_NONE, counted by its cause, if
 * no heap can serve it. Not a function of its own: eight calls may be nested, so each is one less for
 * the program. And no more than four numbers are kept, as many as there are registers that calls leave
 * alone.
 */
DYNMEM_INLINE dynmem_u64 dynmem_serve_any(dynmem_u64 number, dynmem_u64 wanted, int aligned)
{
	dynmem_u64 index;
	dynmem_u32 i;

	index = aligned ? dynmem_serve_aligned(number, wanted) : dynmem_serve(number, wanted);
	for (i = 0; i < 2 * DYNAMIC_MEMORY_HEAPS && index == DYNMEM_NOWHERE && (dynmem_u32)wanted; i++) {
		if (i)
			number = dynmem_heap_of(number + 1);
		/*
		 * Rather make room here than let the programs of a CPU live on the heaps of others;
		 * then others as they are; then make room there.
		 */
		if (!i || i > DYNAMIC_MEMORY_HEAPS)
			dynmem_gather(number);
		index = aligned ? dynmem_serve_aligned(number, wanted) : dynmem_serve(number, wanted);
	}
	if (index == DYNMEM_NOWHERE) {
		dynmem_refuse((dynmem_u32)wanted);
		return DYNMEM_NONE;
	}
	if (index & DYNMEM_PENDING) {
		dynmem_collect(number);
		index -= DYNMEM_PENDING;
	}
	return DYNMEM_PLACE(number, index);
}
