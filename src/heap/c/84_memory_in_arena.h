#if DYNMEM_ARENA

DYNMEM_FUNCTION void dynmem_put(char *to, size_t at, size_t room, const char DYNMEM_SPACE *from,
				size_t length)
{
	size_t i;

	for (i = 0; i < length && can_loop; i++) {
		DYNMEM_HIDE(at);
		if (at >= room)
			break;
		to[at++] = (char)DYNMEM_AT(dynmem_u8, from + i);
	}
}

/* In an arena there is room everywhere. */
#define DYNMEM_PUT_IN_ARENA(from_space, copy)                                                    \
	DYNMEM_FUNCTION void dynmem_put(char DYNMEM_SPACE *to, size_t at, size_t room,         \
					const char from_space *from, size_t length)             \
	{                                                                                       \
		(void)room;                                                                     \
		if (from)                                                                       \
			copy(dynmem_number(to) + at, dynmem_number(from), length);              \
		else                                                                            \
			dynmem_set(dynmem_number(to) + at, 0, length);                          \
	}
DYNMEM_PUT_IN_ARENA(DYNMEM_SPACE, dynmem_move)
DYNMEM_PUT_IN_ARENA(, dynmem_fetch)

DYNMEM_FUNCTION void DYNMEM_SPACE *static_memmove(void DYNMEM_SPACE *to, const void DYNMEM_SPACE *from,
						  size_t length)
{
	dynmem_move(dynmem_number(to), dynmem_number(from), length);
	return to;
}

/* Words, then bytes, of a constant number, between memory that does not overlap. */
#define DYNMEM_COPY_IN_PLACE(load, store)                      \
	do {                                                   \
		size_t at_ = 0;                                \
		for (; at_ + 8 <= length; at_ += 8) {          \
			dynmem_u64 value_;                     \
			load(value_, from, at_);               \
			store(to, at_, value_);                \
		}                                              \
		_Pragma("unroll")                              \
		for (; at_ < length; at_++) {                  \
			dynmem_u8 value_;                      \
			load(value_, from, at_);               \
			store(to, at_, value_);                \
		}                                              \
	} while (0)
#define DYNMEM_LOAD_ARENA(value, from, at) \
	(value) = DYNMEM_AT(__typeof__(value), dynmem_number(from) + (at))
#define DYNMEM_STORE_ARENA(to, at, value) \
	DYNMEM_AT(__typeof__(value), dynmem_number(to) + (at)) = (value)
#define DYNMEM_LOAD_PLAIN(value, from, at) \
	__builtin_memcpy(&(value), (const dynmem_u8 *)(from) + (at), sizeof(value))
#define DYNMEM_STORE_PLAIN(to, at, value) \
	__builtin_memcpy((dynmem_u8 *)(to) + (at), &(value), sizeof(value))

DYNMEM_FUNCTION void DYNMEM_SPACE *static_memcpy(void DYNMEM_SPACE *to, const void DYNMEM_SPACE *from,
						 size_t length)
{
	if (DYNMEM_CONSTANT(length, DYNMEM_IN_PLACE))
		DYNMEM_COPY_IN_PLACE(DYNMEM_LOAD_ARENA, DYNMEM_STORE_ARENA);
	else
		dynmem_move(dynmem_number(to), dynmem_number(from), length);
	return to;
}

DYNMEM_FUNCTION void DYNMEM_SPACE *static_memcpy(void DYNMEM_SPACE *to, const void *from,
						 size_t length)
{
	if (__builtin_constant_p(length))
		DYNMEM_COPY_IN_PLACE(DYNMEM_LOAD_PLAIN, DYNMEM_STORE_ARENA);
	else
		dynmem_fetch(dynmem_number(to), dynmem_number(from), length);
	return to;
}

DYNMEM_FUNCTION void *static_memcpy(void *to, const void DYNMEM_SPACE *from, size_t length)
{
	if (__builtin_constant_p(length))
		DYNMEM_COPY_IN_PLACE(DYNMEM_LOAD_ARENA, DYNMEM_STORE_PLAIN);
	else
		dynmem_put(to, 0, DYNMEM_ROOM(to), (const char DYNMEM_SPACE *)from, length);
	return to;
}

/* Memory in an arena and other memory do not overlap. */
DYNMEM_FUNCTION void DYNMEM_SPACE *static_memmove(void DYNMEM_SPACE *to, const void *from,
						  size_t length)
{
	return static_memcpy(to, from, length);
}

DYNMEM_FUNCTION void *static_memmove(void *to, const void DYNMEM_SPACE *from, size_t length)
{
	return static_memcpy(to, from, length);
}

DYNMEM_FUNCTION void DYNMEM_SPACE *static_memset(void DYNMEM_SPACE *to, int byte, size_t length)
{
	dynmem_u64 word = (byte & 255) * (~0ULL / 255);
	size_t at = 0;

	if (!DYNMEM_CONSTANT(length, DYNMEM_IN_PLACE)) {
		dynmem_set(dynmem_number(to), (dynmem_u64)byte, length);
		return to;
	}
	_Pragma("unroll") for (; at + 8 <= length; at += 8)
		DYNMEM_AT(dynmem_u64, dynmem_number(to) + at) = word;
	_Pragma("unroll") for (; at < length; at++)
		DYNMEM_AT(dynmem_u8, dynmem_number(to) + at) = (dynmem_u8)word;
	return to;
}

DYNMEM_READERS(DYNMEM_SPACE, 0)
DYNMEM_COMPARERS(DYNMEM_SPACE, DYNMEM_SPACE, 0)
DYNMEM_COMPARERS(DYNMEM_SPACE, , DYNMEM_PLAIN_B)
DYNMEM_COMPARERS(, DYNMEM_SPACE, DYNMEM_PLAIN_A)
DYNMEM_WRITERS(DYNMEM_SPACE, DYNMEM_SPACE)
DYNMEM_WRITERS(DYNMEM_SPACE, )
DYNMEM_WRITERS(, DYNMEM_SPACE)

/* Copies the first `length` characters of a string of either kind to a place, which it gives. */
DYNMEM_GLOBAL dynmem_u64 dynmem_copy_string(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length,
					    dynmem_u32 flags)
{
	if (place == DYNMEM_NONE)
		return place;
	if (flags & DYNMEM_PLAIN_A)
		dynmem_fetch(place, source, length);
	else
		dynmem_move(place, source, length);
	DYNMEM_AT(dynmem_u8, place + length) = 0;
	return place;
}

/* A copy of a string of either kind, as a place; one call after the other, for the stack's sake. */
DYNMEM_INLINE dynmem_u64 dynmem_strndup(dynmem_u64 source, dynmem_u64 limit, dynmem_u32 flags)
{
	dynmem_u64 end = dynmem_scan(source, limit, 0, flags | DYNMEM_STRING);
	dynmem_u64 length = end ? end - source : limit;

	/* No block has room for more and the byte behind it. */
	return dynmem_copy_string(dynmem_take(length < POOL_SIZE ? length + 1 : 0), source,
				  length, flags);
}

#else
#define static_use_arena() ((void)0)
#endif

#endif /* DYNMEM_KERNEL */
