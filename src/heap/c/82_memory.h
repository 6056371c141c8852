#define DYNMEM_FUNCTION DYNMEM_OVERLOADED DYNMEM_INLINE
/* Bytes that can be written at `to`, which is not in an arena. */
#define DYNMEM_ROOM(to) \
	(__builtin_object_size(to, 0) == ~(size_t)0 ? DYNAMIC_MEMORY_GUARD : __builtin_object_size(to, 0))
/* Lengths up to which a constant number of bytes is copied in place. */
#define DYNMEM_IN_PLACE 128
/* What clang copies without a loop even if nothing is aligned. */
#define DYNMEM_PIECE 64
/* Keeps clang from making one memcpy or memset of several. */
#define DYNMEM_SEPARATE() __asm__ volatile("" : : : "memory")

#define DYNMEM_CONSTANT(length, most) (__builtin_constant_p(length) && (length) <= (most))

/*
 * The pointer to what a scan has found, in memory outside of an arena: it must be derived from the
 * one to where the scan began, and the verifier see that it is within what can be reached from there.
 */
DYNMEM_INLINE void *dynmem_located(const void *from, size_t room, dynmem_u64 found)
{
	dynmem_u64 offset = found - dynmem_number(from);

	DYNMEM_HIDE(offset);
	if (!found || offset >= room)
		return NULL;
	DYNMEM_HIDE(offset); /* or clang adds it before it is known to be within */
	return (dynmem_u8 *)from + offset;
}
#define DYNMEM_LOCATED_1(space, from, found) dynmem_located(from, DYNMEM_ROOM(from), found)
#define DYNMEM_LOCATED_0(space, from, found) ((void space *)(found))

/* Functions that read one operand; `space` says where it is, and `plain` that it is in no arena. */
#define DYNMEM_READERS(space, plain)                                                            \
	DYNMEM_FUNCTION void space *static_memchr(const void space *from, int byte, size_t length) \
	{                                                                                       \
		dynmem_u64 found = dynmem_scan(dynmem_number(from), length, (dynmem_u32)byte,   \
					       plain);                                           \
                                                                                                \
		return DYNMEM_LOCATED_##plain(space, from, found);                              \
	}                                                                                       \
	DYNMEM_FUNCTION size_t static_strnlen(const char space *string, size_t limit)          \
	{                                                                                       \
		dynmem_u64 start = dynmem_number(string);                                       \
		dynmem_u64 end = dynmem_scan(start, limit, 0, plain | DYNMEM_STRING);           \
                                                                                                \
		return end ? end - start : limit;                                               \
	}                                                                                       \
	DYNMEM_FUNCTION size_t static_strlen(const char space *string)                         \
	{                                                                                       \
		return static_strnlen(string, ~(size_t)0);                                      \
	}                                                                                       \
	DYNMEM_FUNCTION char space *static_strchr(const char space *string, int byte)          \
	{                                                                                       \
		dynmem_u64 found = dynmem_scan(dynmem_number(string), ~0ULL, (dynmem_u32)byte,  \
					       plain | DYNMEM_STRING);                          \
                                                                                                \
		return (char space *)DYNMEM_LOCATED_##plain(space, string, found);              \
	}                                                                                       \
	DYNMEM_FUNCTION char space *static_strrchr(const char space *string, int byte)         \
	{                                                                                       \
		dynmem_u64 found = dynmem_scan_last(dynmem_number(string), (dynmem_u32)byte,    \
						    plain | DYNMEM_STRING);                     \
                                                                                                \
		return (char space *)DYNMEM_LOCATED_##plain(space, string, found);              \
	}

/* Functions that compare two. */
#define DYNMEM_COMPARERS(space_a, space_b, plain)                                               \
	DYNMEM_FUNCTION int static_memcmp(const void space_a *a, const void space_b *b,         \
					  size_t length)                                        \
	{                                                                                       \
		return dynmem_compare(dynmem_number(a), dynmem_number(b), length, plain);       \
	}                                                                                       \
	DYNMEM_FUNCTION int static_strncmp(const char space_a *a, const char space_b *b,        \
					   size_t limit)                                        \
	{                                                                                       \
		return dynmem_compare(dynmem_number(a), dynmem_number(b), limit,                \
				      (plain) | DYNMEM_STRING);                                  \
	}                                                                                       \
	DYNMEM_FUNCTION int static_strcmp(const char space_a *a, const char space_b *b)         \
	{                                                                                       \
		return static_strncmp(a, b, ~(size_t)0);                                        \
	}

/* No string: zeroes are written. */
#define DYNMEM_NOTHING ((const char *)NULL)

/* Functions that write a string in an arena or, with checks the verifier follows, elsewhere. */
#define DYNMEM_WRITERS(space, from_space)                                                       \
	DYNMEM_FUNCTION char space *static_strcpy(char space *to, const char from_space *from)  \
	{                                                                                       \
		static_memcpy(to, from, static_strlen(from) + 1);                               \
		return to;                                                                      \
	}                                                                                       \
	DYNMEM_FUNCTION char space *static_strncpy(char space *to, const char from_space *from, \
						   size_t limit)                                \
	{                                                                                       \
		size_t length = static_strnlen(from, limit);                                    \
                                                                                                \
		DYNMEM_HIDE(length);                                                            \
		static_memcpy(to, from, length);                                                \
		dynmem_put(to, length, DYNMEM_ROOM(to), DYNMEM_NOTHING, limit - length);                  \
		return to;                                                                      \
	}                                                                                       \
	DYNMEM_FUNCTION char space *static_strncat(char space *to, const char from_space *from, \
						   size_t limit)                                \
	{                                                                                       \
		size_t start = static_strlen(to), length = static_strnlen(from, limit);         \
                                                                                                \
		DYNMEM_HIDE(length);                                                            \
		dynmem_put(to, start, DYNMEM_ROOM(to), from, length);                           \
		dynmem_put(to, start + length, DYNMEM_ROOM(to), DYNMEM_NOTHING, 1);                       \
		return to;                                                                      \
	}                                                                                       \
	DYNMEM_FUNCTION char space *static_strcat(char space *to, const char from_space *from)  \
	{                                                                                       \
		return static_strncat(to, from, ~(size_t)0);                                    \
	}

/*
 * Writes bytes behind the first `at`, those of a string or zeroes. Every one of them is shown to be
 * within the room there is.
 */
DYNMEM_FUNCTION void dynmem_put(char *to, size_t at, size_t room, const char *from, size_t length)
{
	size_t i;

	for (i = 0; i < room && i < length; i++) {
		dynmem_u8 byte = 0;

		if (from)
			dynmem_read(&byte, 1, dynmem_number(from) + i);
		DYNMEM_HIDE(at);
		if (at >= room)
			break;
		to[at++] = (char)byte;
#if DYNMEM_ARENA
		if (!can_loop)
			break;
#endif
	}
}

DYNMEM_FUNCTION void *static_memcpy(void *to, const void *from, size_t length)
{
	dynmem_u8 *target = to;
	const dynmem_u8 *source = from;
	size_t room = DYNMEM_ROOM(to), at;

	if (__builtin_constant_p(length)) {
		/* In pieces, for clang has no memcpy to call for what is larger. */
		for (at = 0; at + DYNMEM_PIECE <= length; at += DYNMEM_PIECE) {
			__builtin_memcpy(target + at, source + at, DYNMEM_PIECE);
			DYNMEM_SEPARATE();
		}
		__builtin_memcpy(target + at, source + at, length % DYNMEM_PIECE);
		return to;
	}
	DYNMEM_HIDE(length);
	if (length > room)
		length = room;
	dynmem_read(to, length, dynmem_number(from));
	return to;
}

/* What is copied is read before it is written, so they may overlap if the helper copies at once. */
DYNMEM_FUNCTION void *static_memmove(void *to, const void *from, size_t length)
{
	dynmem_u64 distance = dynmem_number(to) - dynmem_number(from), i;
	dynmem_u8 byte;

	if (DYNMEM_CONSTANT(length, DYNMEM_IN_PLACE))
		return __builtin_memmove(to, from, length);
	if (distance >= length)
		return static_memcpy(to, from, length);
	for (i = 0; i < DYNMEM_ROOM(to) && i < length; i++) {
		dynmem_u64 at = length - 1 - i;

		dynmem_read(&byte, 1, dynmem_number(from) + at);
		DYNMEM_HIDE(at);
		if (at >= DYNMEM_ROOM(to))
			break;
		((dynmem_u8 *)to)[at] = byte;
#if DYNMEM_ARENA
		if (!can_loop)
			break;
#endif
	}
	return to;
}

DYNMEM_FUNCTION void *static_memset(void *to, int byte, size_t length)
{
	dynmem_u8 *target = to;
	size_t room = DYNMEM_ROOM(to), i;

	if (__builtin_constant_p(length)) {
		for (i = 0; i + DYNMEM_PIECE <= length; i += DYNMEM_PIECE) {
			__builtin_memset(target + i, byte, DYNMEM_PIECE);
			DYNMEM_SEPARATE();
		}
		__builtin_memset(target + i, byte, length % DYNMEM_PIECE);
		return to;
	}
	for (i = 0; i < length && i < room; i++) {
		DYNMEM_HIDE(i); /* or clang makes a memset of the loop */
		target[i] = (dynmem_u8)byte;
#if DYNMEM_ARENA
		if (!can_loop)
			break;
#endif
	}
	return to;
}

DYNMEM_READERS(, 1)
DYNMEM_COMPARERS(, , DYNMEM_PLAIN_A | DYNMEM_PLAIN_B)
DYNMEM_WRITERS(, )
