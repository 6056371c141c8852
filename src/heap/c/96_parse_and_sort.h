/* -- numbers in strings -- */

struct dynmem_parsed {
	dynmem_u64 at;
	dynmem_u64 value;
	dynmem_u32 base;
	dynmem_u32 plain;
	dynmem_u32 digits;
	dynmem_u32 over;
	dynmem_u32 negative;
};

DYNMEM_STEP long dynmem_blank_step(dynmem_u64 round, struct dynmem_parsed *parsed)
{
	(void)round;
	if (!static_isspace((int)dynmem_byte(parsed->at, parsed->plain)))
		return 1;
	parsed->at++;
	return 0;
}

/* The value of a digit; more than any base for what is none. */
DYNMEM_INLINE dynmem_u64 dynmem_digit(dynmem_u32 byte)
{
	byte = (dynmem_u32)static_toupper((int)byte);
	if (static_isdigit((int)byte))
		return byte - '0';
	return static_isupper((int)byte) ? byte - 'A' + 10 : 255;
}

DYNMEM_STEP long dynmem_digit_step(dynmem_u64 round, struct dynmem_parsed *parsed)
{
	dynmem_u64 digit = dynmem_digit(dynmem_byte(parsed->at, parsed->plain));

	(void)round;
	if (digit >= parsed->base)
		return 1;
	if (parsed->value > (~0ULL - digit) / parsed->base)
		parsed->over = 1;
	parsed->value = (dynmem_u64)static_opaque(parsed->value * parsed->base + digit);
	parsed->digits = 1;
	parsed->at++;
	return 0;
}

/* Reads a number from `at` in a base from 2 to 36, or as in C with 0. `at` is then behind it. */
static __attribute__((noinline, unused)) int dynmem_parse(struct dynmem_parsed *parsed)
{
	dynmem_u64 from = parsed->at;
	dynmem_u32 byte, plain = parsed->plain;

	DYNMEM_MENTION_ARENA();
	if (parsed->base == 1 || parsed->base > 36)
		return 0;
	DYNMEM_REPEAT(dynmem_blank_step, parsed);
	byte = dynmem_byte(parsed->at, plain);
	parsed->negative = byte == '-';
	if (byte == '-' || byte == '+')
		parsed->at++;
	if ((!parsed->base || parsed->base == 16) && dynmem_byte(parsed->at, plain) == '0' &&
	    (dynmem_byte(parsed->at + 1, plain) | 32) == 'x' &&
	    dynmem_digit(dynmem_byte(parsed->at + 2, plain)) < 16) {
		parsed->base = 16;
		parsed->at += 2;
	}
	if (!parsed->base)
		parsed->base = dynmem_byte(parsed->at, plain) == '0' ? 8 : 10;
	DYNMEM_REPEAT(dynmem_digit_step, parsed);
	if (!parsed->digits) {
		parsed->at = from;
		parsed->value = 0;
	}
	return 0;
}

/* What strtol and strtoul give: out of range the number next to it. No errno is kept. */
DYNMEM_INLINE long dynmem_as_long(const struct dynmem_parsed *parsed)
{
	dynmem_u64 most = (~0ULL >> 1) + parsed->negative;
	dynmem_u64 value = parsed->over || parsed->value > most ? most : parsed->value;

	return (long)(parsed->negative ? 0 - value : value);
}
DYNMEM_INLINE unsigned long dynmem_as_unsigned_long(const struct dynmem_parsed *parsed)
{
	if (parsed->over)
		return ~0UL;
	return parsed->negative ? 0 - parsed->value : parsed->value;
}

#define DYNMEM_PARSE(string, number_base, plain_string) \
	struct dynmem_parsed parsed = {0};              \
                                                        \
	parsed.at = dynmem_number(string);              \
	parsed.base = (dynmem_u32)(number_base);        \
	parsed.plain = plain_string;                    \
	dynmem_parse(&parsed)

#define DYNMEM_NUMBERS_TO(name, type, as, space, end_type, set_end, plain_a)                    \
	DYNMEM_FUNCTION type name(const char space *string, end_type end, int base)             \
	{                                                                                       \
		DYNMEM_PARSE(string, base, plain_a);                                            \
		set_end(space, plain_a);                                                        \
		return as(&parsed);                                                             \
	}
#define DYNMEM_SET_END(space, plain_a) \
	if (end)                       \
	*end = (char space *)DYNMEM_LOCATED_##plain_a(space, string, parsed.at)
#define DYNMEM_NO_END(space, plain_a) (void)end
#define DYNMEM_NUMBERS_WITH_END(space, end_type, set_end, plain_a)                             \
	DYNMEM_NUMBERS_TO(static_strtol, long, dynmem_as_long, space, end_type, set_end, plain_a) \
	DYNMEM_NUMBERS_TO(static_strtoul, unsigned long, dynmem_as_unsigned_long, space, end_type, \
			  set_end, plain_a)
#define DYNMEM_NUMBERS(space, plain_a)                                       \
	DYNMEM_FUNCTION long static_atol(const char space *string)           \
	{                                                                    \
		DYNMEM_PARSE(string, 10, plain_a);                           \
		return dynmem_as_long(&parsed);                              \
	}                                                                    \
	DYNMEM_FUNCTION int static_atoi(const char space *string)            \
	{                                                                    \
		return (int)static_atol(string);                             \
	}                                                                    \
	DYNMEM_NUMBERS_WITH_END(space, char space **, DYNMEM_SET_END, plain_a)
#define static_atoll(string) ((long long)static_atol(string))
#define static_strtoll(string, end, base) ((long long)static_strtol(string, end, base))
#define static_strtoull(string, end, base) ((unsigned long long)static_strtoul(string, end, base))

DYNMEM_NUMBERS(, 1)
#if DYNMEM_ARENA
DYNMEM_NUMBERS(DYNMEM_SPACE, 0)
DYNMEM_NUMBERS_WITH_END(DYNMEM_SPACE, char DYNMEM_SPACE *DYNMEM_SPACE *, DYNMEM_SET_END, 0)
/* Nobody wants the end: NULL, or 0. */
DYNMEM_NUMBERS_WITH_END(, void *, DYNMEM_NO_END, 1)
DYNMEM_NUMBERS_WITH_END(, int, DYNMEM_NO_END, 1)
DYNMEM_NUMBERS_WITH_END(DYNMEM_SPACE, void *, DYNMEM_NO_END, 0)
DYNMEM_NUMBERS_WITH_END(DYNMEM_SPACE, int, DYNMEM_NO_END, 0)
#endif

/* -- sorting and searching. Functions are named where they are called: BPF calls no pointers -- */

#if DYNMEM_ARENA

/* Exchanges two objects in the arena that do not overlap. */
DYNMEM_GLOBAL int dynmem_exchange(dynmem_u64 a, dynmem_u64 b, dynmem_u64 size)
{
	static_use_arena();
	while (size && can_loop) {
		dynmem_u8 byte = DYNMEM_AT(dynmem_u8, a);

		DYNMEM_AT(dynmem_u8, a++) = DYNMEM_AT(dynmem_u8, b);
		DYNMEM_AT(dynmem_u8, b++) = byte;
		size--;
	}
	return 0;
}

#define DYNMEM_ITEM(base, index) ((const void DYNMEM_SPACE *)((base) + (index) * (dynmem_u64)size))

/*
 * Sorts `count` objects of `size` bytes, equal ones in their order as glibc does: by merging, with a
 * second block of that size from the heap; where there is no room for one, by exchanging neighbours,
 * which takes the square of `count` instead of `count` times its logarithm.
 */
DYNMEM_INLINE void static_qsort(void DYNMEM_SPACE *base, size_t count, size_t size,
				int (*compare)(const void DYNMEM_SPACE *, const void DYNMEM_SPACE *))
{
	dynmem_u64 from = dynmem_number(base), block, to, i, left, right, middle, end, width;

	if (count < 2 || !size)
		return;
	block = count > POOL_SIZE || size > POOL_SIZE ? DYNMEM_NONE : dynmem_take(count * size);
	if (block == DYNMEM_NONE) {
		for (i = static_opaque(1); i < count && can_loop; i++) {
			left = static_opaque(i);
			while (left && can_loop &&
			       compare(DYNMEM_ITEM(from, left - 1), DYNMEM_ITEM(from, left)) > 0) {
				dynmem_exchange(from + (left - 1) * size, from + left * size, size);
				left--;
			}
		}
		return;
	}
	to = block;
	for (width = static_opaque(1); width < count && can_loop; width *= 2) {
		for (i = static_opaque(0); i < count && can_loop;) {
			left = i;
			middle = i + width < count ? i + width : count;
			right = static_opaque(middle);
			end = middle + width < count ? middle + width : count;
			for (; static_hide(i), static_hide(left), static_hide(right),
			       i < end && can_loop;
			     i++) {
				dynmem_u64 next;

				if (left < middle &&
				    (right >= end || compare(DYNMEM_ITEM(from, left),
							     DYNMEM_ITEM(from, right)) <= 0))
					next = left++;
				else
					next = right++;
				dynmem_move(to + i * size, from + next * size, size);
			}
			static_hide(i);
		}
		left = from;
		from = to;
		to = left;
		static_hide(width);
	}
	if (from == block)
		dynmem_move(dynmem_number(base), block, count * size);
	dynmem_give(block);
}

/* The object that the key is equal to, or NULL. `compare` gets the key first. Logarithmic time. */
#define DYNMEM_SEARCH(key_space)                                                                \
	DYNMEM_FUNCTION void DYNMEM_SPACE *static_bsearch(                                      \
		const void key_space *key, const void DYNMEM_SPACE *base, size_t count,         \
		size_t size, int (*compare)(const void key_space *, const void DYNMEM_SPACE *)) \
	{                                                                                       \
		dynmem_u64 first = static_opaque(0), end = static_opaque(count);                \
		dynmem_u64 from = dynmem_number(base);                                          \
                                                                                                \
		while (static_hide(first), static_hide(end), first < end && can_loop) {         \
			dynmem_u64 middle = first + (end - first) / 2;                          \
			int differ = compare(key, DYNMEM_ITEM(from, middle));                   \
                                                                                                \
			if (!differ)                                                            \
				return (void DYNMEM_SPACE *)DYNMEM_ITEM(from, middle);          \
			if (differ < 0)                                                         \
				end = middle;                                                   \
			else                                                                    \
				first = middle + 1;                                             \
		}                                                                               \
		return NULL;                                                                    \
	}
DYNMEM_SEARCH()
DYNMEM_SEARCH(DYNMEM_SPACE)

#else

/* The object at an offset, as far as the verifier sees that there is one; else the first. */
DYNMEM_INLINE void *dynmem_item(const void *base, size_t room, dynmem_u64 offset, size_t size)
{
	DYNMEM_HIDE(offset);
	if (offset > room - size)
		return (void *)base;
	DYNMEM_HIDE(offset);
	return (dynmem_u8 *)base + offset;
}

#if DYNMEM_LINKED
#define DYNMEM_GO_ON 1
#define DYNMEM_MOST_ITEMS 32
#else
#define DYNMEM_GO_ON can_loop
#define DYNMEM_MOST_ITEMS DYNAMIC_MEMORY_GUARD
#endif

/*
 * As in an arena, for arrays of at most DYNAMIC_MEMORY_GUARD bytes, or as many as clang sees that there
 * are. Time: the square of `count`. Linux 6.9; with DYNAMIC_MEMORY_LINKED any kernel, and 32 objects.
 */
DYNMEM_INLINE void static_qsort(void *base, size_t count, size_t size,
				int (*compare)(const void *, const void *))
{
	size_t room = DYNMEM_ROOM(base);
	dynmem_u64 i, at, k;

	if (!size || size > room)
		return;
	for (i = static_from(1); i < count && i < DYNMEM_MOST_ITEMS && DYNMEM_GO_ON; i++) {
		for (at = static_from(i); at && at < DYNMEM_MOST_ITEMS && DYNMEM_GO_ON; at--) {
			dynmem_u8 *a = dynmem_item(base, room, (at - 1) * size, size);
			dynmem_u8 *b = dynmem_item(base, room, at * size, size);

			static_hide(at);
			if (compare(a, b) <= 0)
				break;
			for (k = 0; k < size; k++) {
				dynmem_u8 byte = a[k];

				a[k] = b[k];
				b[k] = byte;
			}
		}
		static_hide(i);
	}
}

/* As in an arena, within the same limits. */
DYNMEM_INLINE void *static_bsearch(const void *key, const void *base, size_t count, size_t size,
				   int (*compare)(const void *, const void *))
{
	size_t room = DYNMEM_ROOM(base);
	dynmem_u64 first = 0, end = count;
	int round;

	if (!size || size > room)
		return NULL;
	for (round = 0; round < 32 && first < end; round++) {
		dynmem_u64 middle = first + (end - first) / 2;
		void *item = dynmem_item(base, room, middle * size, size);
		int differ = compare(key, item);

		if (!differ)
			return item;
		if (differ < 0)
			end = middle;
		else
			first = middle + 1;
		static_hide(first);
		static_hide(end);
	}
	return NULL;
}
#endif

#endif /* DYNMEM_KERNEL */
#endif /* DYNAMIC_MEMORY_C_LIBRARY */
