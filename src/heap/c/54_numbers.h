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

/* Number of zero bits below the lowest one bit, of a value that is not 0. */
#if DYNMEM_NATIVE
#define dynmem_lowest(value) ((dynmem_u64)__builtin_ctzll(value))
#else
/*
 * BPF has no instruction for it. Any six bits in a row of the constant are others than all others, and
 * the product has those at the top that begin with the lowest bit's place.
 */
#define DYNMEM_DE_BRUIJN 0x022fdd63cc95386dULL
static const dynmem_u8 dynmem_places[64] = {
	0,  1,	2,  53, 3,  7,	54, 27, 4,  38, 41, 8,	34, 55, 48, 28, 62, 5,	39, 46, 44, 42,
	22, 9,	24, 35, 59, 56, 49, 18, 29, 11, 63, 52, 6,  26, 37, 40, 33, 47, 61, 45, 43, 21,
	23, 58, 17, 10, 51, 25, 36, 32, 60, 20, 57, 16, 50, 31, 19, 15, 30, 14, 13, 12,
};
DYNMEM_INLINE dynmem_u64 dynmem_lowest(dynmem_u64 value)
{
	value = (value & -value) * DYNMEM_DE_BRUIJN >> 58;
	DYNMEM_HIDE(value); /* or clang makes one number of it with what is calculated further */
	return dynmem_places[value & 63];
}
#endif

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
