/* ---- copies ------------------------------------------------------------------------------ */

#if DYNMEM_ARENA

/*
 * clang up to 19 leaves the addresses of its own memcpy and memset as they are where it has to
 * convert them, so arena memory is copied by these loops. The volatile accesses keep it from
 * making a memcpy of them again.
 */
#define DYNMEM_AT(type, address) (*(volatile type DYNMEM_SPACE *)(address))

/* memmove between two addresses in the arena. */
DYNMEM_GLOBAL int dynmem_move(dynmem_u64 to, dynmem_u64 from, dynmem_u64 length)
{
	dynmem_u64 i = 0;

	static_use_arena();
	if ((dynmem_u32)(to - from) < length) { /* the end first, where they overlap so */
		while (length >= 8 && can_loop) {
			length -= 8;
			DYNMEM_AT(dynmem_u64, to + length) = DYNMEM_AT(dynmem_u64, from + length);
		}
		while (length && can_loop) {
			length--;
			DYNMEM_AT(dynmem_u8, to + length) = DYNMEM_AT(dynmem_u8, from + length);
		}
		return 0;
	}
	while (length >= 32 && can_loop) {
		for (i = 0; i < 32; i += 8)
			DYNMEM_AT(dynmem_u64, to + i) = DYNMEM_AT(dynmem_u64, from + i);
		to += 32;
		from += 32;
		length -= 32;
	}
	while (length >= 8 && can_loop) {
		DYNMEM_AT(dynmem_u64, to) = DYNMEM_AT(dynmem_u64, from);
		to += 8;
		from += 8;
		length -= 8;
	}
	while (length && can_loop) {
		DYNMEM_AT(dynmem_u8, to++) = DYNMEM_AT(dynmem_u8, from++);
		length--;
	}
	return 0;
}

/* memset in the arena. */
DYNMEM_GLOBAL int dynmem_set(dynmem_u64 to, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_u64 word = (byte & 255) * (~0ULL / 255), i;

	static_use_arena();
	while (length >= 32 && can_loop) {
		for (i = 0; i < 32; i += 8)
			DYNMEM_AT(dynmem_u64, to + i) = word;
		to += 32;
		length -= 32;
	}
	while (length >= 8 && can_loop) {
		DYNMEM_AT(dynmem_u64, to) = word;
		to += 8;
		length -= 8;
	}
	while (length && can_loop) {
		DYNMEM_AT(dynmem_u8, to++) = (dynmem_u8)word;
		length--;
	}
	return 0;
}

/* Words fetched at once: more are faster, and take more of the stack. */
#define DYNMEM_FETCHED 4

/* memcpy to the arena from an address in the stack, a map or other memory of the kernel. */
DYNMEM_GLOBAL int dynmem_fetch(dynmem_u64 to, dynmem_u64 from, dynmem_u64 length)
{
	dynmem_u64 buffer[DYNMEM_FETCHED], i;

	static_use_arena();
	while (length >= sizeof(buffer) && can_loop) {
		dynmem_read(buffer, sizeof(buffer), from);
		for (i = 0; i < DYNMEM_FETCHED; i++)
			DYNMEM_AT(dynmem_u64, to + 8 * i) = buffer[i];
		to += sizeof(buffer);
		from += sizeof(buffer);
		length -= sizeof(buffer);
	}
	while (length >= 8 && can_loop) {
		dynmem_read(buffer, 8, from);
		DYNMEM_AT(dynmem_u64, to) = buffer[0];
		to += 8;
		from += 8;
		length -= 8;
	}
	buffer[0] = 0;
	dynmem_read(buffer, length & 7, from);
	for (i = 0; i < 7 && i < (length & 7); i++) {
		DYNMEM_AT(dynmem_u8, to + i) = (dynmem_u8)buffer[0];
		buffer[0] = DYNMEM_LITTLE(DYNMEM_LITTLE(buffer[0]) >> 8);
	}
	return 0;
}

DYNMEM_INLINE void dynmem_copy(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	if (source)
		dynmem_move(place, source, length);
	else
		dynmem_set(place, 0, length);
}

#else
/*
 * Copies at most a guard's length into the block at `place`, from an address, or zeroes if that
 * is 0. Helpers want a length they can prove: pool and guard have room for this one.
 */
DYNMEM_GLOBAL int dynmem_copy_piece(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	void *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);

	DYNMEM_HIDE(length);
	if (!to || length > DYNAMIC_MEMORY_GUARD)
		return -EINVAL;
	/*
	 * clang would turn both bounds into one comparison of `length` less a constant, which tells
	 * the verifier of Linux 6.12 and before nothing about `length` itself.
	 */
	DYNMEM_HIDE(length);
	if (!length)
		return -EINVAL;
	dynmem_read(to, length, source);
	return 0;
}

/* Copies `length` bytes in pieces; `source` as above. */
DYNMEM_GLOBAL int dynmem_copy(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	dynmem_u64 step = source | -source;
	dynmem_u32 i;

	/* The guard's length, or 0 where there is no source; without a branch, for the loop's sake. */
	DYNMEM_HIDE(step);
	step = (step >> 63) * DYNAMIC_MEMORY_GUARD;
	DYNMEM_HIDE(length);
	for (i = 0; i <= POOL_SIZE / DYNAMIC_MEMORY_GUARD; i++) {
		if (length <= DYNAMIC_MEMORY_GUARD)
			return dynmem_copy_piece(place, source, length);
		dynmem_copy_piece(place, source, DYNAMIC_MEMORY_GUARD);
		place += DYNAMIC_MEMORY_GUARD;
		length -= DYNAMIC_MEMORY_GUARD;
		source += step;
	}
	return -EINVAL;
}

#endif

/* What dynmem_regrow gives where only another block has room: no place, and not DYNMEM_NONE. */
#define DYNMEM_ELSEWHERE (DYNMEM_NOWHERE - 1)

/*
 * realloc as far as it needs no other block: the place of the block at an address, now of `size`
 * bytes, or DYNMEM_NONE where it is none, or freed because size is 0.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_regrow(dynmem_u64 address, dynmem_u64 size)
{
	dynmem_u64 usable = dynmem_usable(address), granules = dynmem_granules(size);

	if (!usable || (!size && dynmem_release(address) <= 0))
		return DYNMEM_NONE;
	if ((granules && dynmem_resize(address, granules)) || size <= usable)
		return dynmem_place(address); /* if it was busy, it keeps what it has */
	return DYNMEM_ELSEWHERE;
}

/* Copies the block at an address to a new one at a place, if there is one, and frees it. */
DYNMEM_GLOBAL dynmem_u64 dynmem_transfer(dynmem_u64 place, dynmem_u64 address)
{
	if (place != DYNMEM_NONE) {
		dynmem_copy(place, address, dynmem_usable(address));
		dynmem_release(address);
	}
	return place;
}

/* The first `length` bytes at a place, which it gives, as zeroes. */
DYNMEM_GLOBAL dynmem_u64 dynmem_cleared(dynmem_u64 place, dynmem_u64 length)
{
	if (place != DYNMEM_NONE)
		dynmem_copy(place, 0, length);
	return place;
}

#if !DYNMEM_ARENA
/*
 * Bytes of a copy of a string's first `limit` characters, with the terminator; 0 if that is more than
 * a guard has, or nothing can be read there. The guard is where it is read to: nobody's memory.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_measure(dynmem_u64 source, dynmem_u64 limit)
{
#if DYNMEM_NATIVE
	return static_strnlen((const char *)(__UINTPTR_TYPE__)source, limit) + 1;
#else
	dynmem_u8 *pool = dynmem_pool(dynmem_own());
	dynmem_u64 length = limit < DYNAMIC_MEMORY_GUARD ? limit + 1 : DYNAMIC_MEMORY_GUARD;
	long got;

	DYNMEM_HIDE(length);
	if (!pool || length > DYNAMIC_MEMORY_GUARD)
		return 0;
	got = dynmem_read_string(pool + POOL_SIZE, length, source);
	/* A longer string is not cut off: that would be another string. */
	if (got <= 0 || (got == DYNAMIC_MEMORY_GUARD && limit >= DYNAMIC_MEMORY_GUARD))
		return 0;
	return (dynmem_u64)got;
#endif
}

/* Copies a string of `length` bytes, terminator included, to a place, which it gives. */
DYNMEM_GLOBAL dynmem_u64 dynmem_copy_string(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	dynmem_u8 *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);

	DYNMEM_HIDE(length);
	if (!to || length > DYNAMIC_MEMORY_GUARD)
		return DYNMEM_NONE;
	if (dynmem_read_string(to, length, source) > 0)
		return place;
	dynmem_release(dynmem_number(to));
	return DYNMEM_NONE;
}
#endif
