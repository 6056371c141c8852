/* ---- numbers ----------------------------------------------------------------------------- */

/* Bits it takes to write a number: BPF has no instruction for it, and a load is fast. */
#define DYNMEM_2(bits) bits, bits
#define DYNMEM_4(bits) DYNMEM_2(bits), DYNMEM_2(bits)
#define DYNMEM_16(bits) DYNMEM_4(bits), DYNMEM_4(bits), DYNMEM_4(bits), DYNMEM_4(bits)
#define DYNMEM_64(bits) DYNMEM_16(bits), DYNMEM_16(bits), DYNMEM_16(bits), DYNMEM_16(bits)
static const dynmem_u8 dynmem_widths[256] = {
	0,	       1,	      DYNMEM_2(2),   DYNMEM_4(3),  DYNMEM_4(4),  DYNMEM_4(4),
	DYNMEM_16(5),  DYNMEM_16(6),  DYNMEM_16(6),  DYNMEM_64(7), DYNMEM_64(8), DYNMEM_64(8),
};

/* Number of bits it takes to write `value`, below 2^24; without a branch but for the constant. */
DYNMEM_INLINE dynmem_u64 dynmem_width(dynmem_u64 value)
{
	dynmem_u64 width = 0, step;

#define DYNMEM_LADDER(bits, log)                              \
	step = (1ULL << bits) - 1 - value;                    \
	DYNMEM_HIDE(step); /* or the sign becomes a branch */ \
	step = step >> 63 << log;                             \
	value >>= step;                                       \
	width += step
	if (DYNMEM_GRANULES >> 4 >= 1 << 16) {
		DYNMEM_LADDER(16, 4);
	}
	if (DYNMEM_GRANULES >> 4 >= 1 << 8) {
		DYNMEM_LADDER(8, 3);
	}
#undef DYNMEM_LADDER
	DYNMEM_HIDE(value);
	return width + dynmem_widths[value & 255];
}

/* The difference of two numbers below 2^63 if it is negative, else 0; without a branch. */
DYNMEM_INLINE dynmem_u64 dynmem_below(dynmem_u64 a, dynmem_u64 b)
{
	dynmem_u64 below = a - b, mask = (dynmem_u64)((long long)below >> 63);

	DYNMEM_HIDE(mask); /* or it becomes a branch again */
	return below & mask;
}

DYNMEM_INLINE dynmem_u64 dynmem_least(dynmem_u64 a, dynmem_u64 b)
{
	return b + dynmem_below(a, b);
}

DYNMEM_INLINE dynmem_u64 dynmem_most(dynmem_u64 a, dynmem_u64 b)
{
	return a - dynmem_below(a, b);
}

/* Number of zero bits below the lowest one bit. BPF has no instruction for it. */
DYNMEM_INLINE dynmem_u64 dynmem_lowest(dynmem_u64 value)
{
#ifdef native_executable
	return (dynmem_u64)__builtin_ctzll(value);
#else
	dynmem_u64 bit = value & -value, lowest = 0, step;

#define DYNMEM_HALVE(mask, log) \
	step = -(bit & mask##ULL); \
	DYNMEM_HIDE(step);         \
	lowest |= step >> 63 << log
	DYNMEM_HALVE(0xffffffff00000000, 5);
	DYNMEM_HALVE(0xffff0000ffff0000, 4);
	DYNMEM_HALVE(0xff00ff00ff00ff00, 3);
	DYNMEM_HALVE(0xf0f0f0f0f0f0f0f0, 2);
	DYNMEM_HALVE(0xcccccccccccccccc, 1);
	DYNMEM_HALVE(0xaaaaaaaaaaaaaaaa, 0);
#undef DYNMEM_HALVE
	return lowest;
#endif
}

/*
 * The bin of free blocks of so many granules: one for each number below 16, then 8 for each
 * power of two.
 */
DYNMEM_INLINE dynmem_u64 dynmem_bin(dynmem_u64 granules)
{
	dynmem_u64 shift = dynmem_width(granules >> 4), bin;

	bin = shift * 8 + (granules >> shift);
	DYNMEM_HIDE(bin);
	return bin;
}
