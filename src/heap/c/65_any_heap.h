/* ---- allocation from any heap ------------------------------------------------------------ */

/*
 * Counts an allocation that no heap serves, by its cause, in this CPU's heap: no granules are wanted,
 * as nothing can serve the size; `busy`, if another program had one of the heaps.
 */
DYNMEM_GLOBAL int dynmem_refuse(dynmem_u64 wanted, dynmem_u64 busy)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	if (!heap)
		return -EINVAL;
	if (!wanted)
		DYNMEM_COUNT(&heap->failed_size);
	else if (busy)
		DYNMEM_COUNT(&heap->failed_busy);
	else
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

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_WAIT(number) ((void)0)
#else
/*
 * What passes the time until a lock is tried again. Attempts without it keep the lock's cache line from
 * the holder, who cannot give it back. BPF has no instruction for it; reading the clock takes some 20 ns,
 * and all programs may.
 */
#if DYNMEM_NATIVE
#define DYNMEM_PAUSE() ((void)0)
#else
#define DYNMEM_PAUSE() ((void)dynmem_bpf_ktime_get_ns())
#endif

/*
 * Waits until a heap's lock is free. A program on another CPU gives it back soon, unless something
 * interrupts it; if it is this program that interrupts the holder, no wait would help, so it ends after
 * two tenths of a microsecond.
 */
DYNMEM_GLOBAL int dynmem_wait(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 i;

	for (i = 0; i < 8 && heap && DYNMEM_LOAD(&heap->lock); i++)
		DYNMEM_PAUSE();
	return 0;
}
#define DYNMEM_WAIT(number) dynmem_wait(number)
#endif

/* So often heaps are tried, the second time after room was made; a single one is waited for more often. */
#define DYNMEM_ROUNDS (2 * DYNAMIC_MEMORY_HEAPS + (DYNAMIC_MEMORY_HEAPS < 4 ? 4 : 0))

/*
 * The place of a block of any heap, the one of that number first; DYNMEM_NONE, counted by its cause, if
 * no heap can serve it. Not a function of its own: eight calls may be nested, so each is one less for
 * the program. And no more than three numbers are kept, with the answer as many as there are registers
 * that calls leave alone: so what is wanted has, above 32 bits where there is no alignment, how often a
 * heap was busy. It is added up, as each question would be two paths for the verifier, and hidden, or
 * the compiler would keep it in a register of its own.
 */
DYNMEM_INLINE dynmem_u64 dynmem_serve_any(dynmem_u64 number, dynmem_u64 wanted, int aligned)
{
	dynmem_u64 index;
	dynmem_u32 i;

	if (!(dynmem_u32)wanted) {
		dynmem_refuse(0, 0);
		return DYNMEM_NONE;
	}
	index = aligned ? dynmem_serve_aligned(number, wanted) : dynmem_serve(number, wanted);
	for (i = 0; i < DYNMEM_ROUNDS && index >= DYNMEM_BUSY; i++) {
		if (!aligned)
			wanted += (DYNMEM_NOWHERE - index) << 32;
		DYNMEM_HIDE(wanted);
		if (i)
			number = dynmem_heap_of(number + 1);
		/*
		 * Rather make room here than let the programs of a CPU live on the heaps of others;
		 * then others as they are; then make room there. But where its own heap is busy, it is
		 * not room that is missing.
		 */
		if (index == DYNMEM_BUSY)
			DYNMEM_WAIT(number);
		if ((i > DYNAMIC_MEMORY_HEAPS && i < 2 * DYNAMIC_MEMORY_HEAPS) ||
		    (!i && index == DYNMEM_NOWHERE))
			dynmem_gather(number);
		index = aligned ? dynmem_serve_aligned(number, wanted) :
				  dynmem_serve(number, (dynmem_u32)wanted);
	}
	if (index >= DYNMEM_BUSY) {
		dynmem_refuse(wanted, (aligned ? 0 : wanted >> 32) + (DYNMEM_NOWHERE - index));
		return DYNMEM_NONE;
	}
	if (index & DYNMEM_PENDING) {
		dynmem_collect(number);
		index -= DYNMEM_PENDING;
	}
	return DYNMEM_PLACE(number, index);
}
