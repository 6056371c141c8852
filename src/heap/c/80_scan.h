/* ---- memory and strings ------------------------------------------------------------------ */

#if DYNMEM_KERNEL

/*
 * The C library's functions of these names, for blocks and for memory on the stack, in maps and
 * elsewhere in the kernel; with DYNAMIC_MEMORY_ARENA in any mix of arena pointers and others.
 * What is written to outside of an arena must have room for what is written, as far as the verifier
 * can see: a size the compiler knows, or a constant length, or DYNAMIC_MEMORY_GUARD bytes.
 * Without an arena the functions that look for something need Linux 5.17.
 */

/* What is not in the arena: the first operand, which is the only one of a scan, or the second. */
#define DYNMEM_PLAIN_A 1U
#define DYNMEM_PLAIN_B 2U
/* The byte that ends a string ends the operation. */
#define DYNMEM_STRING 4U

/* Shared by all calls. Without an arena few programs have one, which then is in the object only. */
#if DYNMEM_ARENA
#define DYNMEM_SHARED DYNMEM_GLOBAL
#else
#define DYNMEM_SHARED static __attribute__((noinline, unused))
#endif

/*
 * Takes steps until one says that it was the last. With bpf_loop the verifier looks at one step,
 * as it does with can_loop, which is faster but came later.
 */
#if DYNMEM_ARENA
#define DYNMEM_REPEAT(step, state)                     \
	do {                                           \
		while (!step(0, state) && can_loop) {} \
	} while (0)
#define DYNMEM_STEP DYNMEM_INLINE
#else
#define DYNMEM_REPEAT(step, state) dynmem_bpf_loop(1U << 23, (void *)step, state, 0)
#define DYNMEM_STEP static __attribute__((unused))
#endif

/* Eight bytes at an address. */
DYNMEM_INLINE dynmem_u64 dynmem_word(dynmem_u64 address, dynmem_u32 plain)
{
	dynmem_u64 word = 0;

#if DYNMEM_ARENA
	if (!plain) {
		word = DYNMEM_AT(dynmem_u64, address);
		return DYNMEM_LITTLE(word);
	}
#endif
	(void)plain;
	dynmem_read(&word, sizeof(word), address);
	return DYNMEM_LITTLE(word);
}

/* Sets the top bit of each byte that is 0, and clears all others. */
DYNMEM_INLINE dynmem_u64 dynmem_zero_bytes(dynmem_u64 word)
{
	const dynmem_u64 low = 0x7f7f7f7f7f7f7f7fULL;

	return ~(((word & low) + low) | word | low);
}

struct dynmem_scan {
	dynmem_u64 at;	    /* the next word */
	dynmem_u64 end;	    /* the first byte that does not count */
	dynmem_u64 mask;    /* bytes of the word that do */
	dynmem_u64 pattern; /* the byte looked for, eight times */
	dynmem_u64 strings; /* ~0 if a byte of 0 ends it */
	dynmem_u64 hits;
	dynmem_u64 stops;
	dynmem_u32 plain;
};

/* Looks at an aligned word, so that what is read beyond the end lies on the same page. */
DYNMEM_STEP long dynmem_scan_step(dynmem_u64 round, struct dynmem_scan *scan)
{
	dynmem_u64 word = dynmem_word(scan->at, scan->plain);

	(void)round;
	scan->hits = dynmem_zero_bytes(word ^ scan->pattern) & scan->mask;
	scan->stops = scan->hits | (dynmem_zero_bytes(word) & scan->strings & scan->mask);
	if (scan->stops)
		return 1;
	scan->mask = ~0ULL;
	scan->at += 8;
	return scan->at >= scan->end;
}

/* The address of a byte in memory; 0 if it is not there. */
DYNMEM_SHARED dynmem_u64 dynmem_scan(dynmem_u64 from, dynmem_u64 length, dynmem_u32 byte,
				     dynmem_u32 flags)
{
	struct dynmem_scan scan = {0};
	dynmem_u64 first;

#if DYNMEM_ARENA
	static_use_arena();
#endif
	if (!length)
		return 0;
	scan.at = from & ~7ULL;
	scan.end = from + length < from ? ~0ULL : from + length;
	scan.mask = ~0ULL << (8 * (from & 7));
	scan.pattern = (byte & 255) * (~0ULL / 255);
	scan.strings = flags & DYNMEM_STRING ? ~0ULL : 0;
	scan.plain = flags & DYNMEM_PLAIN_A;
	DYNMEM_REPEAT(dynmem_scan_step, &scan);
	first = scan.stops & -scan.stops;
	scan.at += dynmem_lowest(first | 1ULL << 63) >> 3;
	return first & scan.hits && scan.at < scan.end ? scan.at : 0;
}

/* The address of the last such byte of a string. */
struct dynmem_scan_last {
	dynmem_u64 from;
	dynmem_u64 found;
	dynmem_u32 byte;
	dynmem_u32 flags;
};

DYNMEM_STEP long dynmem_scan_last_step(dynmem_u64 round, struct dynmem_scan_last *last)
{
	dynmem_u64 found = dynmem_scan(last->from, ~0ULL, last->byte, last->flags);

	(void)round;
	if (!found)
		return 1;
	last->found = found;
	last->from = found + 1;
	return !(last->byte & 255);
}

DYNMEM_SHARED dynmem_u64 dynmem_scan_last(dynmem_u64 from, dynmem_u32 byte, dynmem_u32 flags)
{
	struct dynmem_scan_last last = {0};

	last.from = from;
	last.byte = byte;
	last.flags = flags;
	DYNMEM_REPEAT(dynmem_scan_last_step, &last);
	return last.found;
}

struct dynmem_comparison {
	dynmem_u64 a;
	dynmem_u64 b;
	dynmem_u64 left;   /* bytes */
	dynmem_u64 word_a; /* what was read last */
	dynmem_u64 word_b;
	dynmem_u64 differ;  /* bits of the bytes that differ, and of those that end a string */
	dynmem_u64 strings; /* ~0 if a byte of 0 ends it */
	dynmem_u32 plain;
};

DYNMEM_STEP long dynmem_compare_step(dynmem_u64 round, struct dynmem_comparison *compare)
{
	dynmem_u64 a = compare->a, b = compare->b, width;
	/* 7 where a word might reach over the end of a page, behind which there may be nothing. */
	dynmem_u64 few = (((a & 4095) + 7) | ((b & 4095) + 7)) >> 12 & 1;

	(void)round;
	width = 8 - 7 * few;
	few *= 7;
	DYNMEM_HIDE(few); /* or it becomes branches */
	compare->word_a = dynmem_word(a & ~few, compare->plain & DYNMEM_PLAIN_A) >> (8 * (a & few));
	compare->word_b = dynmem_word(b & ~few, compare->plain & DYNMEM_PLAIN_B) >> (8 * (b & few));
	compare->differ = compare->word_a ^ compare->word_b;
	compare->differ |= dynmem_zero_bytes(compare->word_a) & compare->strings;
	compare->differ &= ~0ULL >> (8 * few);
	if (compare->differ)
		return 1;
	compare->a += width;
	compare->b += width;
	width = compare->left - width;
	if (width >= compare->left)
		return 1;
	compare->left = width;
	return !width;
}

/* Below, equal to or above 0 as what is at `a` is below, equal to or above what is at `b`. */
DYNMEM_SHARED int dynmem_compare(dynmem_u64 a, dynmem_u64 b, dynmem_u64 length, dynmem_u32 flags)
{
	struct dynmem_comparison compare = {0};
	dynmem_u64 bit;

#if DYNMEM_ARENA
	static_use_arena();
#endif
	if (!length)
		return 0;
	compare.a = a;
	compare.b = b;
	compare.left = static_opaque(length);
	compare.strings = flags & DYNMEM_STRING ? ~0ULL : 0;
	compare.plain = flags;
	DYNMEM_REPEAT(dynmem_compare_step, &compare);
	bit = dynmem_lowest(compare.differ | 1ULL << 63) & ~7ULL;
	if (!compare.differ || bit / 8 >= compare.left)
		return 0;
	return (int)(compare.word_a >> bit & 255) - (int)(compare.word_b >> bit & 255);
}
