/* ---- the debug build: errors of the program, at its own lines ---------------------------- */

#ifdef DYNAMIC_MEMORY_DEBUG

/*
 * A block is as long as was asked for and DYNMEM_FENCE bytes more, which have a value that is looked for
 * when it is freed or resized, and meanwhile by `bpf-malloc stats --check`. What is freed is filled and,
 * unless it is large, kept from being used again until DYNMEM_QUARANTINE others were freed; it is looked
 * at then, and when a block of the same place and size is handed out. Errors are kept in a ring of the
 * heap, with the lines of the calls.
 */
#define DYNMEM_FENCE_WORD (~0ULL / 255 * DYNMEM_FENCE_BYTE)
#define DYNMEM_FREED_WORD (~0ULL / 255 * DYNMEM_FREED)
#ifdef __FILE_NAME__
#define DYNMEM_FILE __FILE_NAME__
#else
#define DYNMEM_FILE __FILE__
#endif
#define DYNMEM_HERE dynmem_number(DYNMEM_FILE), __LINE__

#if DYNMEM_ARENA
DYNMEM_INLINE dynmem_u64 dynmem_peek(dynmem_u64 address)
{
	return DYNMEM_AT(dynmem_u64, address);
}

DYNMEM_INLINE void dynmem_fill(dynmem_u64 address, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_set(address, byte, length);
}

DYNMEM_INLINE void dynmem_poke(dynmem_u64 address, dynmem_u64 word)
{
	DYNMEM_AT(dynmem_u64, address) = word;
}
#else
DYNMEM_INLINE dynmem_u64 dynmem_peek(dynmem_u64 address)
{
	dynmem_u64 word = 0;

	dynmem_read(&word, sizeof(word), address);
	return word;
}

/* Fills the block in use at an address, by copying what is filled behind itself. */
DYNMEM_GLOBAL int dynmem_fill(dynmem_u64 address, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_u64 place = dynmem_place(address), filled = DYNAMIC_MEMORY_GRANULE, piece;
	dynmem_u8 *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);
	dynmem_u32 i;

	if (!to || !length)
		return -EINVAL;
	for (i = 0; i < DYNAMIC_MEMORY_GRANULE; i++)
		to[i] = (dynmem_u8)byte;
	for (i = 0; i < 24 + POOL_SIZE / DYNAMIC_MEMORY_GUARD && filled < length; i++) {
		piece = dynmem_least(length - filled, filled);
		piece = dynmem_least(piece, DYNAMIC_MEMORY_GUARD);
		dynmem_copy_piece(place + filled, address, piece);
		filled += piece;
	}
	return 0;
}

DYNMEM_INLINE void dynmem_poke(dynmem_u64 address, dynmem_u64 word)
{
	/* The block's place and the way within it, for an address within is no block's. */
	dynmem_u64 start = address & ~(DYNAMIC_MEMORY_GRANULE - 1ULL);
	dynmem_u8 *to = dynmem_pointer(dynmem_place(start) + (address - start), DYNAMIC_MEMORY_GUARD);

	if (to)
		__builtin_memcpy(to, &word, sizeof(word));
}
#endif

/* Whether the first `length` bytes of a block are not all what dynmem_fill makes of freed blocks. */
#if DYNMEM_NATIVE
DYNMEM_INLINE int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u8 *bytes = (const dynmem_u8 *)(__UINTPTR_TYPE__)address;

	return dynmem_peek(address) != DYNMEM_FREED_WORD ||
	       __builtin_memcmp(bytes, bytes + 8, length - 8);
}
#elif defined(DYNAMIC_MEMORY_SPIN_LOCK)
/*
 * Linux 5.10 has no bpf_loop, so its verifier follows each round: of a block that is larger than a page
 * the first page is looked at.
 */
DYNMEM_GLOBAL int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u64 *words = dynmem_pointer(dynmem_place(address), @PAGE@);
	dynmem_u32 i;

	for (i = 0; words && i < @PAGE@ / 8 && i < length / 8; i++)
		if (words[i] != DYNMEM_FREED_WORD)
			return 1;
	return 0;
}
#else
DYNMEM_INLINE int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u32 plain = DYNMEM_ARENA ? 0 : DYNMEM_PLAIN_A | DYNMEM_PLAIN_B;

	return dynmem_peek(address) != DYNMEM_FREED_WORD ||
	       dynmem_compare(address, address + 8, length - 8, plain);
}
#endif

/* Keeps an error. `located` is the block's as dynmem_locate gives it, or DYNMEM_NOWHERE. */
DYNMEM_GLOBAL int dynmem_report(dynmem_u64 located, dynmem_u64 address, dynmem_u32 kind,
				dynmem_u64 file, dynmem_u32 line)
{
	struct dynmem_heap *heap =
		dynmem_heap(located == DYNMEM_NOWHERE ? dynmem_own() : located >> 32);
	struct dynmem_error *error;
	struct dynmem_site *site;
	dynmem_u64 number;

	if (!heap)
		return -EINVAL;
	number = DYNMEM_LOAD(&heap->error_count);
	DYNMEM_STORE(&heap->error_count, number + 1);
	error = &heap->errors[number & (DYNMEM_ERRORS - 1)];
	site = &heap->sites[dynmem_index(located)];
	error->address = address;
	error->kind = kind;
	error->line = line;
	dynmem_read_string(error->file, sizeof(error->file), file);
	error->allocated_line = 0;
	error->freed_line = 0;
	if (located == DYNMEM_NOWHERE)
		return 0;
	error->size = site->size;
	error->allocated_line = site->allocated_line;
	error->freed_line = site->freed_line;
	if (site->allocated_line)
		dynmem_read_string(error->allocated_file, sizeof(error->file), site->allocated_file);
	if (site->freed_line)
		dynmem_read_string(error->freed_file, sizeof(error->file), site->freed_file);
	return 0;
}

/* Records a new block of `size` bytes, with its fence; fills it if it is to be, after a look at it. */
DYNMEM_GLOBAL int dynmem_note(dynmem_u64 address, dynmem_u64 size, dynmem_u32 fill, dynmem_u64 file,
			      dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address);
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	struct dynmem_site *site;

	if (!heap || located == DYNMEM_NOWHERE || !usable)
		return -EINVAL;
	site = &heap->sites[dynmem_index(located)];
	if (fill) {
		if (site->freed_line && site->usable == usable && usable >= 16 &&
		    dynmem_changed(address, usable))
			dynmem_report(located, address, DYNMEM_USE_AFTER_FREE, file, line);
		dynmem_fill(address, DYNMEM_NEW, usable);
	}
	/* The lines come last: who looks at fences meanwhile takes a block for one in use by them. */
	site->size = (dynmem_u32)(size + DYNMEM_FENCE <= usable ? size : usable);
	if (size + DYNMEM_FENCE <= usable)
		dynmem_poke(address + size, DYNMEM_FENCE_WORD);
	site->allocated_file = file;
	__asm__ volatile("" : : : "memory");
	DYNMEM_STORE(&site->allocated_line, line);
	DYNMEM_STORE(&site->freed_line, 0);
	return 0;
}

/* Looks at the fence of a block in use; the bytes that were asked for, 0 if it is none or was freed. */
DYNMEM_GLOBAL dynmem_u64 dynmem_fenced(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address);
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	struct dynmem_site *site;

	if (!heap || located == DYNMEM_NOWHERE || !usable)
		return 0;
	site = &heap->sites[dynmem_index(located)];
	if (site->freed_line)
		return 0;
	if (!site->allocated_line)
		return usable;
	if (site->size + DYNMEM_FENCE <= usable &&
	    dynmem_peek(address + site->size) != DYNMEM_FENCE_WORD) {
		dynmem_report(located, address, DYNMEM_OVERFLOW, file, line);
		dynmem_poke(address + site->size, DYNMEM_FENCE_WORD); /* told once */
	}
	return site->size;
}

/* What is left of the quarantine's place of a number for another address; 0 if nothing was there. */
DYNMEM_INLINE dynmem_u64 dynmem_swap_quarantined(struct dynmem_heap *heap, dynmem_u64 number,
						 dynmem_u64 address)
{
	dynmem_u64 *place, old;

	DYNMEM_HIDE(number);
	place = &heap->quarantine[number & (DYNMEM_QUARANTINE - 1)];
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	/* Linux 5.10 has no exchange. */
	DYNMEM_TRY_LOCK(heap);
	old = *place;
	*place = address;
	DYNMEM_UNLOCK(heap);
#else
	old = DYNMEM_EXCHANGE(place, address);
#endif
	return old;
}

/* Looks at a freed block that may be used again from now on, and gives its address. */
DYNMEM_INLINE dynmem_u64 dynmem_leave_quarantine(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 usable = address ? dynmem_usable(address) : 0;

	if (usable >= 16 && dynmem_changed(address, usable)) {
		dynmem_report(dynmem_locate(address), address, DYNMEM_USE_AFTER_FREE, file, line);
		dynmem_fill(address, DYNMEM_FREED, usable); /* told once */
	}
	return address;
}

/*
 * What is done of a block that is freed: its address, or that of another one which it takes the place of
 * in the quarantine, is what dynmem_give shall free; 0 if nothing is.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_returned(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address), number;
	struct dynmem_heap *heap;
	struct dynmem_site *site;

	if (located == DYNMEM_NOWHERE) {
		if (address)
			dynmem_report(located, address, DYNMEM_INVALID_FREE, file, line);
		return address; /* which counts it */
	}
	heap = dynmem_heap(located >> 32);
	if (!heap)
		return 0;
	site = &heap->sites[dynmem_index(located)];
	if (!usable || site->freed_line) {
		dynmem_report(located, address,
			      site->freed_line ? DYNMEM_DOUBLE_FREE : DYNMEM_INVALID_FREE, file, line);
		if (!usable)
			return address;
		DYNMEM_COUNT(&heap->double_frees); /* it is in the quarantine, and stays there */
		return 0;
	}
	dynmem_fenced(address, file, line);
	site->freed_file = file;
	site->freed_line = line;
	site->usable = (dynmem_u32)usable;
	dynmem_fill(address, DYNMEM_FREED, usable);
	if (usable > heap->granules / DYNMEM_QUARANTINE_PART * DYNAMIC_MEMORY_GRANULE)
		return address;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	number = DYNMEM_LOAD(&heap->quarantine_count);
	DYNMEM_COUNT(&heap->quarantine_count);
#else
	number = DYNMEM_FETCH_ADD(&heap->quarantine_count, 1);
#endif
	return dynmem_leave_quarantine(dynmem_swap_quarantined(heap, number, address), file, line);
}

/* Takes a block out of a heap's quarantine: its address, or 0. */
DYNMEM_GLOBAL dynmem_u64 dynmem_dismiss(dynmem_u64 number, dynmem_u64 place, dynmem_u64 file,
					dynmem_u32 line)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap)
		return 0;
	return dynmem_leave_quarantine(dynmem_swap_quarantined(heap, place, 0), file, line);
}

/* Frees what waits in quarantines, for an allocation that found no memory; whether there was one. */
DYNMEM_GLOBAL int dynmem_empty_quarantine(dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 address;
	dynmem_u32 i;
	int freed = 0;

	for (i = 0; i < DYNAMIC_MEMORY_HEAPS * DYNMEM_QUARANTINE; i++) {
		address = dynmem_dismiss(i / DYNMEM_QUARANTINE, i % DYNMEM_QUARANTINE, file, line);
		if (address) {
			dynmem_give(address);
			freed = 1;
		}
	}
	return freed;
}

/* Bytes to allocate for `size`; 0 stays what it is. */
DYNMEM_INLINE size_t dynmem_with_fence(size_t size)
{
	return size - 1 < POOL_SIZE ? size + DYNMEM_FENCE : size;
}

#endif
