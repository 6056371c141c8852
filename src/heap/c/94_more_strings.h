/* -- strings -- */

DYNMEM_INLINE dynmem_u32 dynmem_byte(dynmem_u64 address, dynmem_u32 plain)
{
	dynmem_u8 byte = 0;

#if DYNMEM_ARENA
	if (!plain)
		return DYNMEM_AT(dynmem_u8, address);
#endif
	(void)plain;
	dynmem_read(&byte, 1, address);
	return byte;
}

/* In shared functions, which the verifier may look at by themselves. */
#if DYNMEM_ARENA
#define DYNMEM_MENTION_ARENA() static_use_arena()
#else
#define DYNMEM_MENTION_ARENA() ((void)0)
#endif

struct dynmem_span {
	dynmem_u64 at;
	dynmem_u64 set;
	dynmem_u32 plain;
	dynmem_u32 set_flags;
	dynmem_u32 within;
};

DYNMEM_STEP long dynmem_span_step(dynmem_u64 round, struct dynmem_span *span)
{
	dynmem_u32 byte = dynmem_byte(span->at, span->plain);

	(void)round;
	if (!byte || (dynmem_scan(span->set, ~0ULL, byte, span->set_flags) != 0) != span->within)
		return 1;
	span->at++;
	return 0;
}

/*
 * The characters at the beginning of a string that are in the set (`within` 1) or not in it (0). Time:
 * that many times the length of the set.
 */
DYNMEM_SHARED dynmem_u64 dynmem_span(dynmem_u64 from, dynmem_u64 set, dynmem_u32 flags,
				     dynmem_u32 within)
{
	struct dynmem_span span = {0};

	DYNMEM_MENTION_ARENA();
	span.at = from;
	span.set = set;
	span.plain = flags & DYNMEM_PLAIN_A;
	span.set_flags = DYNMEM_STRING | (flags & DYNMEM_PLAIN_B ? DYNMEM_PLAIN_A : 0);
	span.within = within;
	DYNMEM_REPEAT(dynmem_span_step, &span);
	return span.at - from;
}

struct dynmem_search {
	dynmem_u64 at;
	dynmem_u64 what;
	dynmem_u64 length;
	dynmem_u64 found;
	dynmem_u32 first;
	dynmem_u32 flags;
};

DYNMEM_STEP long dynmem_search_step(dynmem_u64 round, struct dynmem_search *find)
{
	dynmem_u64 at = dynmem_scan(find->at, ~0ULL, find->first,
				    (find->flags & DYNMEM_PLAIN_A) | DYNMEM_STRING);

	(void)round;
	if (!at)
		return 1;
	find->at = at + 1;
	if (dynmem_compare(at, find->what, find->length, find->flags | DYNMEM_STRING))
		return 0;
	find->found = at;
	return 1;
}

/* The address of a string in another, or 0. Time: the product of their lengths at worst. */
DYNMEM_SHARED dynmem_u64 dynmem_search(dynmem_u64 from, dynmem_u64 what, dynmem_u32 flags)
{
	struct dynmem_search find = {0};
	dynmem_u32 plain = flags & DYNMEM_PLAIN_B ? DYNMEM_PLAIN_A : 0;

	DYNMEM_MENTION_ARENA();
	find.first = dynmem_byte(what, plain);
	if (!find.first)
		return from;
	find.at = from;
	find.what = what;
	find.length = dynmem_scan(what, ~0ULL, 0, plain | DYNMEM_STRING) - what;
	find.flags = flags;
	DYNMEM_REPEAT(dynmem_search_step, &find);
	return find.found;
}

struct dynmem_letters {
	dynmem_u64 a;
	dynmem_u64 b;
	dynmem_u64 left;
	dynmem_u32 flags;
	int differ;
};

DYNMEM_STEP long dynmem_letters_step(dynmem_u64 round, struct dynmem_letters *letters)
{
	int a = static_tolower((int)dynmem_byte(letters->a, letters->flags & DYNMEM_PLAIN_A));
	int b = static_tolower((int)dynmem_byte(letters->b, letters->flags & DYNMEM_PLAIN_B));

	(void)round;
	letters->differ = a - b;
	letters->a++;
	letters->b++;
	letters->left--;
	return letters->differ || !a || !letters->left;
}

/* As dynmem_compare of two strings, of which upper and lower case are the same. */
DYNMEM_SHARED int dynmem_compare_letters(dynmem_u64 a, dynmem_u64 b, dynmem_u64 limit,
					 dynmem_u32 flags)
{
	struct dynmem_letters letters = {0};

	DYNMEM_MENTION_ARENA();
	if (!limit)
		return 0;
	letters.a = a;
	letters.b = b;
	letters.left = static_opaque(limit);
	letters.flags = flags;
	DYNMEM_REPEAT(dynmem_letters_step, &letters);
	return letters.differ;
}

/* Functions that read a string and another one. */
#define DYNMEM_FINDERS(space_a, space_b, plain, plain_a)                                        \
	DYNMEM_FUNCTION size_t static_strspn(const char space_a *string, const char space_b *set) \
	{                                                                                       \
		return dynmem_span(dynmem_number(string), dynmem_number(set), plain, 1);        \
	}                                                                                       \
	DYNMEM_FUNCTION size_t static_strcspn(const char space_a *string,                       \
					      const char space_b *set)                          \
	{                                                                                       \
		return dynmem_span(dynmem_number(string), dynmem_number(set), plain, 0);        \
	}                                                                                       \
	DYNMEM_FUNCTION char space_a *static_strpbrk(const char space_a *string,                \
						     const char space_b *set)                   \
	{                                                                                       \
		dynmem_u64 at = dynmem_number(string);                                          \
                                                                                                \
		at += dynmem_span(at, dynmem_number(set), plain, 0);                            \
		if (!dynmem_byte(at, plain_a))                                                  \
			at = 0;                                                                 \
		return (char space_a *)DYNMEM_LOCATED_##plain_a(space_a, string, at);           \
	}                                                                                       \
	DYNMEM_FUNCTION char space_a *static_strstr(const char space_a *string,                 \
						    const char space_b *what)                   \
	{                                                                                       \
		dynmem_u64 at = dynmem_search(dynmem_number(string), dynmem_number(what), plain); \
                                                                                                \
		return (char space_a *)DYNMEM_LOCATED_##plain_a(space_a, string, at);           \
	}                                                                                       \
	DYNMEM_FUNCTION int static_strncasecmp(const char space_a *a, const char space_b *b,    \
					       size_t limit)                                    \
	{                                                                                       \
		return dynmem_compare_letters(dynmem_number(a), dynmem_number(b), limit, plain); \
	}                                                                                       \
	DYNMEM_FUNCTION int static_strcasecmp(const char space_a *a, const char space_b *b)     \
	{                                                                                       \
		return static_strncasecmp(a, b, ~(size_t)0);                                    \
	}                                                                                       \
	DYNMEM_FUNCTION void space_a *static_memccpy(void space_a *to, const void space_b *from, \
						     int byte, size_t length)                   \
	{                                                                                       \
		dynmem_u64 start = dynmem_number(from), found;                                  \
                                                                                                \
		found = dynmem_scan(start, length, (dynmem_u32)byte,                            \
				    (plain) & DYNMEM_PLAIN_B ? DYNMEM_PLAIN_A : 0);             \
		if (found)                                                                      \
			length = found + 1 - start;                                             \
		DYNMEM_HIDE(length);                                                            \
		static_memcpy(to, from, length);                                                \
		found = found ? dynmem_number(to) + length : 0;                                 \
		return (void space_a *)DYNMEM_LOCATED_##plain_a(space_a, to, found);            \
	}                                                                                       \
	DYNMEM_FUNCTION char space_a *static_stpcpy(char space_a *to, const char space_b *from) \
	{                                                                                       \
		size_t length = static_strlen(from);                                            \
                                                                                                \
		static_memcpy(to, from, length + 1);                                            \
		return (char space_a *)DYNMEM_BEHIND_##plain_a(space_a, to, length);            \
	}                                                                                       \
	DYNMEM_FUNCTION char space_a *static_stpncpy(char space_a *to, const char space_b *from,\
						     size_t limit)                              \
	{                                                                                       \
		size_t length = static_strnlen(from, limit);                                    \
                                                                                                \
		static_strncpy(to, from, limit);                                                \
		return (char space_a *)DYNMEM_BEHIND_##plain_a(space_a, to, length);            \
	}                                                                                       \
	DYNMEM_FUNCTION void space_a *static_mempcpy(void space_a *to, const void space_b *from,\
						     size_t length)                             \
	{                                                                                       \
		static_memcpy(to, from, length);                                                \
		return (void space_a *)DYNMEM_BEHIND_##plain_a(space_a, to, length);            \
	}

/*
 * The end of what was written, `offset` bytes behind `to`. Not NULL where that is too far away, as no such
 * function returns it: what would not be tested clang would not test either.
 */
DYNMEM_INLINE void *dynmem_behind(void *to, size_t room, dynmem_u64 offset)
{
	DYNMEM_HIDE(offset);
	if (offset > room)
		offset = 0;
	DYNMEM_HIDE(offset); /* or clang adds it before it is known to be within */
	return (dynmem_u8 *)to + offset;
}
#define DYNMEM_BEHIND_1(space, to, offset) dynmem_behind(to, DYNMEM_ROOM(to), offset)
#define DYNMEM_BEHIND_0(space, to, offset) ((dynmem_u8 space *)(to) + (offset))

#define static_bzero(to, length) ((void)static_memset(to, 0, length))

DYNMEM_FINDERS(, , DYNMEM_PLAIN_A | DYNMEM_PLAIN_B, 1)
#if DYNMEM_ARENA
DYNMEM_FINDERS(DYNMEM_SPACE, DYNMEM_SPACE, 0, 0)
DYNMEM_FINDERS(DYNMEM_SPACE, , DYNMEM_PLAIN_B, 0)
DYNMEM_FINDERS(, DYNMEM_SPACE, DYNMEM_PLAIN_A, 1)
#endif

/*
 * The next part of a string that characters of `set` divide; NULL at its end. What is left of the string
 * is kept in `*rest`. Outside of an arena as many parts as the verifier can follow.
 */
#define DYNMEM_DIVIDER(space, set_space, rest_space, plain_a)                                   \
	DYNMEM_FUNCTION char space *static_strtok_r(char space *string,                         \
						    const char set_space *set,                  \
						    char space *rest_space *rest)               \
	{                                                                                       \
		char space *begin, *end;                                                        \
                                                                                                \
		if (!string)                                                                    \
			string = *rest;                                                         \
		if (!string)                                                                    \
			return NULL;                                                            \
		begin = (char space *)DYNMEM_LOCATED_##plain_a(                                 \
			space, string, dynmem_number(string) + static_strspn(string, set));     \
		if (!begin || !*begin) {                                                        \
			*rest = NULL;                                                           \
			return NULL;                                                            \
		}                                                                               \
		end = static_strpbrk(begin, set);                                               \
		if (end)                                                                        \
			*end++ = 0;                                                             \
		*rest = end;                                                                    \
		return begin;                                                                   \
	}

#if !DYNMEM_ARENA
DYNMEM_DIVIDER(, , , 1)
#else
DYNMEM_DIVIDER(, , , 1)
DYNMEM_DIVIDER(DYNMEM_SPACE, , , 0)
DYNMEM_DIVIDER(DYNMEM_SPACE, DYNMEM_SPACE, , 0)
DYNMEM_DIVIDER(DYNMEM_SPACE, , DYNMEM_SPACE, 0)
DYNMEM_DIVIDER(DYNMEM_SPACE, DYNMEM_SPACE, DYNMEM_SPACE, 0)

/* The string that strtok divides: one for all CPUs of an object, so not where programs run at once. */
static __attribute__((used)) char DYNMEM_SPACE *dynmem_rest;

#define DYNMEM_DIVIDER_OF_ONE(set_space)                                                        \
	DYNMEM_FUNCTION char DYNMEM_SPACE *static_strtok(char DYNMEM_SPACE *string,             \
							 const char set_space *set)             \
	{                                                                                       \
		return static_strtok_r(string, set, &dynmem_rest);                              \
	}                                                                                       \
	DYNMEM_NEXT_PART(void *, set_space)                                                     \
	DYNMEM_NEXT_PART(int, set_space)
/* The NULL, or 0, that asks for the next part. */
#define DYNMEM_NEXT_PART(type, set_space)                                                       \
	DYNMEM_FUNCTION char DYNMEM_SPACE *static_strtok(type none, const char set_space *set)  \
	{                                                                                       \
		(void)none;                                                                     \
		return static_strtok_r((char DYNMEM_SPACE *)NULL, set, &dynmem_rest);           \
	}
DYNMEM_DIVIDER_OF_ONE()
DYNMEM_DIVIDER_OF_ONE(DYNMEM_SPACE)
#endif
