/* Every pool begins on a page of its own. */
#if DYNMEM_ARENA
#define DYNMEM_STRIDE ((POOL_SIZE + 4095ULL) / 4096 * 4096)
#else
#define DYNMEM_STRIDE ((POOL_SIZE + DYNAMIC_MEMORY_GUARD + 4095ULL) / 4096 * 4096)
#endif

/* No granule, no block. */
#define DYNMEM_NOWHERE (~0ULL)

/* A value the compiler knows nothing about, so that it keeps every check of it. */
#define DYNMEM_HIDE(value) __asm__ volatile("" : "+r"(value))

/* ---- maps and helpers, or their counterparts in user space ------------------------------- */

/*
 * In one object that `bpftool gen object` links from several, each brings these: it keeps one. Other
 * loaders than libbpf refuse weak maps, so only then. In user space a linker does the same.
 */
#if defined(DYNAMIC_MEMORY_SHARED) || DYNMEM_NATIVE
#define DYNMEM_ONE_OF_MANY weak,
#else
#define DYNMEM_ONE_OF_MANY
#endif

/*
 * What a loader may set before it loads, as in skeleton->rodata->dynamic_memory_heaps = 8: how many
 * heaps serve, or the next lower power of two do, and the bytes of each one's pool, a power of two. What
 * was compiled is the most, and what any other value means. The verifier knows the values as constants.
 * A skeleton names the types of variables and does not define them: so not dynmem_u32.
 */
__attribute__((DYNMEM_ONE_OF_MANY used)) const volatile unsigned int dynamic_memory_heaps =
	DYNAMIC_MEMORY_HEAPS;
__attribute__((DYNMEM_ONE_OF_MANY used)) const volatile unsigned int dynamic_memory_pool_size = POOL_SIZE;

/*
 * The number of one of the heaps that serve. Every number in turn leads to all of them, so they are a
 * power of two. No program asks these questions: the verifier knows the answers, and the kernel takes
 * them out.
 */
DYNMEM_INLINE dynmem_u32 dynmem_heap_of(dynmem_u64 number)
{
	dynmem_u32 set = dynamic_memory_heaps, mask = DYNAMIC_MEMORY_HEAPS - 1;

	if (set && set < DYNAMIC_MEMORY_HEAPS) {
		if (set < 64)
			mask &= 31;
		if (set < 32)
			mask &= 15;
		if (set < 16)
			mask &= 7;
		if (set < 8)
			mask &= 3;
		if (set < 4)
			mask &= 1;
		if (set < 2)
			mask = 0;
	}
	return (dynmem_u32)number & mask;
}

#if DYNMEM_NATIVE

__attribute__((weak)) struct dynmem_heap dynmem_heaps[DYNAMIC_MEMORY_HEAPS];
__attribute__((weak, aligned(4096))) unsigned char dynmem_pools[DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE];
__attribute__((weak)) dynmem_u32 dynmem_threads;

/* Threads are spread over the heaps as CPUs are. */
DYNMEM_INLINE dynmem_u32 dynmem_own(void)
{
	static __thread dynmem_u32 number;

	if (!number)
		number = __atomic_add_fetch(&dynmem_threads, 1, __ATOMIC_RELAXED);
	return dynmem_heap_of(number - 1);
}

DYNMEM_INLINE struct dynmem_heap *dynmem_heap(dynmem_u64 number)
{
	return number < DYNAMIC_MEMORY_HEAPS ? &dynmem_heaps[number] : NULL;
}

DYNMEM_INLINE dynmem_u8 *dynmem_pool(dynmem_u64 number)
{
	return number < DYNAMIC_MEMORY_HEAPS ? dynmem_pools + number * DYNMEM_STRIDE : NULL;
}

DYNMEM_INLINE dynmem_u64 dynmem_number(const void *pointer)
{
	return (dynmem_u64)(__UINTPTR_TYPE__)pointer;
}

DYNMEM_INLINE void dynmem_read(void *to, dynmem_u64 length, dynmem_u64 from)
{
	if (from)
		__builtin_memcpy(to, (const void *)(__UINTPTR_TYPE__)from, length);
	else
		__builtin_memset(to, 0, length);
}

DYNMEM_INLINE long dynmem_read_string(dynmem_u8 *to, dynmem_u64 length, dynmem_u64 from)
{
	const char *string = (const char *)(__UINTPTR_TYPE__)from;
	dynmem_u64 i = 0;

	while (i < length - 1 && string[i]) {
		to[i] = (dynmem_u8)string[i];
		i++;
	}
	to[i] = 0;
	return (long)i + 1;
}

#else

/* What bpf_helpers.h and linux/bpf.h would give, without needing them. */
static void *(*const dynmem_bpf_map_lookup_elem)(void *map, const void *key) = (void *)1;
static dynmem_u64 (*const dynmem_bpf_ktime_get_ns)(void) = (void *)5;
static dynmem_u32 (*const dynmem_bpf_get_smp_processor_id)(void) = (void *)8;
static long (*const dynmem_bpf_probe_read_kernel)(void *to, dynmem_u32 length,
						  const void *from) = (void *)113;
static long (*const dynmem_bpf_probe_read_kernel_str)(void *to, dynmem_u32 length,
						      const void *from) = (void *)115;
static long (*const dynmem_bpf_loop)(dynmem_u32 rounds, void *step, void *state,
				     dynmem_u64 flags) = (void *)181;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
static long (*const dynmem_bpf_spin_lock)(struct bpf_spin_lock *lock) = (void *)93;
static long (*const dynmem_bpf_spin_unlock)(struct bpf_spin_lock *lock) = (void *)94;
#endif

/*
 * An array with a value for each heap: a per-CPU map may not hold a bpf_spin_lock, and a block
 * has to be reachable from every CPU to be freed there.
 */
struct {
	int (*type)[2 /* BPF_MAP_TYPE_ARRAY */];
	int (*max_entries)[DYNAMIC_MEMORY_HEAPS];
	dynmem_u32 *key;
	struct dynmem_heap *value;
} dynmem_heaps __attribute__((DYNMEM_ONE_OF_MANY section(".maps"), used));

#if DYNMEM_ARENA

#ifndef DYNAMIC_MEMORY_ARENA_MAP
#define DYNAMIC_MEMORY_ARENA_MAP dynmem_arena
struct {
	int (*type)[33 /* BPF_MAP_TYPE_ARENA */];
	int (*map_flags)[1 << 10 /* BPF_F_MMAPABLE */];
	int (*max_entries)[DYNAMIC_MEMORY_ARENA_PAGES];
} dynmem_arena __attribute__((DYNMEM_ONE_OF_MANY section(".maps"), used));
#endif

/*
 * A variable, because libbpf backs variables with pages when it loads the object: to ask the kernel
 * for pages, a program would have to be one that may sleep.
 */
__attribute__((DYNMEM_ONE_OF_MANY aligned(4096))) unsigned char DYNMEM_SPACE
	dynmem_pools[4096 + DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE];

/*
 * The verifier wants a program that touches an arena to mention the map. This does, for a program
 * that follows pointers and calls none of the functions below.
 */
#define static_use_arena() __asm__ volatile("" : : "r"(&DYNAMIC_MEMORY_ARENA_MAP))

#elif DYNMEM_POOL_MAP

/* Mappable, because that puts the first pool on a page boundary: offsets are as aligned. */
struct {
	int (*type)[2 /* BPF_MAP_TYPE_ARRAY */];
	int (*max_entries)[DYNAMIC_MEMORY_HEAPS];
	int (*map_flags)[1 << 10 /* BPF_F_MMAPABLE */];
	dynmem_u32 *key;
	dynmem_u8 (*value)[DYNMEM_STRIDE];
} dynmem_pools __attribute__((DYNMEM_ONE_OF_MANY section(".maps"), used));

#else

/*
 * A variable in .bss, the one section of zeroes that all loaders know. A loader makes it a map of one
 * value, in which each pool begins on a page. The type is the simplest there is, so that a skeleton in C
 * can show it.
 */
_Static_assert(DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE < @VARIABLE_OFFSET_END@,
	       "with DYNAMIC_MEMORY_LINKED all pools must stay below @bytes VARIABLE_OFFSET_END@, the verifier's limit");
__attribute__((DYNMEM_ONE_OF_MANY aligned(4096))) unsigned char
	dynmem_pools[DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE];

#endif

DYNMEM_INLINE dynmem_u32 dynmem_own(void)
{
	return dynmem_heap_of(dynmem_bpf_get_smp_processor_id());
}

/*
 * The keys of the maps are here and not on the stack: it has less than is needed anyway, and the
 * verifier, which follows what is in a slot of eight bytes, forgets what a caller has in one half when a
 * key is written to the other. That was the caller's counter, whose loop then had no end.
 */
static const dynmem_u32 dynmem_keys[] = {
	0,  1,	2,  3,	4,  5,	6,  7,	8,  9,	10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
	22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
	44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63,
};
_Static_assert(sizeof(dynmem_keys) == @MOST_HEAPS@ * sizeof(*dynmem_keys), "a key for each heap");

/* The heap of a number, of which the lower bits count: a mask is a proof without a branch. */
DYNMEM_INLINE struct dynmem_heap *dynmem_heap(dynmem_u64 number)
{
	DYNMEM_HIDE(number);
	return dynmem_bpf_map_lookup_elem(&dynmem_heaps,
					  &dynmem_keys[number & (DYNAMIC_MEMORY_HEAPS - 1)]);
}

#if DYNMEM_ARENA
/* A page before the pools, so that no block is where a NULL of 32 bits leads. */
DYNMEM_INLINE dynmem_u8 DYNMEM_SPACE *dynmem_pool(dynmem_u64 number)
{
	return number < DYNAMIC_MEMORY_HEAPS ? dynmem_pools + 4096 + number * DYNMEM_STRIDE : NULL;
}

/* An arena's addresses are those of the process that loaded it; they are numbers all the time. */
DYNMEM_OVERLOADED DYNMEM_INLINE dynmem_u64 dynmem_number(const void DYNMEM_SPACE *pointer)
{
	return (dynmem_u64)pointer;
}
#elif DYNMEM_POOL_MAP
DYNMEM_INLINE dynmem_u8 *dynmem_pool(dynmem_u64 number)
{
	DYNMEM_HIDE(number);
	return dynmem_bpf_map_lookup_elem(&dynmem_pools,
					  &dynmem_keys[number & (DYNAMIC_MEMORY_HEAPS - 1)]);
}
#else
DYNMEM_INLINE dynmem_u8 *dynmem_pool(dynmem_u64 number)
{
	DYNMEM_HIDE(number);
	if (number >= DYNAMIC_MEMORY_HEAPS)
		return NULL;
	DYNMEM_HIDE(number);
	return dynmem_pools + number * DYNMEM_STRIDE;
}
#endif

/*
 * The address as a plain number, whether the verifier takes `pointer` for a pointer or, after a
 * trip through map memory, for a number already. Global functions take no pointers to untyped
 * memory, and the difference of a number and a pointer is refused; but a byte swap (here one that
 * changes nothing, and costs nothing) makes an unknown number of either.
 */
DYNMEM_OVERLOADED DYNMEM_INLINE dynmem_u64 dynmem_number(const void *pointer)
{
	dynmem_u64 number;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	__asm__ volatile("%0 = le64 %0" : "=r"(number) : "0"(pointer) : "memory");
#else
	__asm__ volatile("%0 = be64 %0" : "=r"(number) : "0"(pointer) : "memory");
#endif
	return number;
}

/* Copies, or fills with zeroes where `from` is 0: the helper does so for an invalid address. */
DYNMEM_INLINE void dynmem_read(void *to, dynmem_u64 length, dynmem_u64 from)
{
	dynmem_bpf_probe_read_kernel(to, (dynmem_u32)length, (const void *)from);
}

DYNMEM_INLINE long dynmem_read_string(dynmem_u8 *to, dynmem_u64 length, dynmem_u64 from)
{
	return dynmem_bpf_probe_read_kernel_str(to, (dynmem_u32)length, (const void *)from);
}

#endif

/* A word as if its bytes stood in memory with the lowest first. */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_LITTLE(word) (word)
#else
#define DYNMEM_LITTLE(word) __builtin_bswap64(word)
#endif

/*
 * Brings `value` down to `limit`, a constant, if it is larger. The verifier follows what does not jump
 * first: that is the whole range here, and the limit alone, then part of what it knows, is done with
 * at once. As C the compiler may turn this around, and all that follows is verified twice.
 */
#if DYNMEM_NATIVE
#define DYNMEM_LINGER(value) (void)(value)
#define DYNMEM_CLAMP(value, limit)         \
	do {                               \
		if ((value) > (limit))     \
			(value) = (limit); \
	} while (0)
#else
/*
 * The verifier remembers a place where ways meet only if it has come eight instructions far since
 * the last. These two, which do nothing, make a rare way long enough: so the place where it meets
 * the frequent one is remembered, and what follows is not verified again for each.
 */
#define DYNMEM_LINGER(value) __asm__ volatile("%0 = %0\n\t%0 = %0" : "+r"(value))
#define DYNMEM_CLAMP(value, limit)                                                \
	__asm__ volatile("if %0 > %1 goto +1\n\tgoto +1\n\t%0 = %1" : "+r"(value) \
			 : "i"(limit))
#endif

#if DYNMEM_KERNEL
/* 0, unless one asks the verifier: the difference of two addresses is any number to it. */
DYNMEM_INLINE dynmem_u64 dynmem_zero(void)
{
	dynmem_u64 here = dynmem_number(dynmem_keys), same = here;

	DYNMEM_HIDE(same);
	return here ^ same;
}
#endif

#if DYNMEM_LINKED
/*
 * The pointer at an address, or to the guard behind the last pool where that is in no pool. As
 * dynmem_number and DYNMEM_CLAMP, but of instructions that clang may share: a pointer is often
 * derived from one number several times.
 */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_NUMBER "%0 = le64 %0"
#else
#define DYNMEM_NUMBER "%0 = be64 %0"
#endif
DYNMEM_INLINE void *dynmem_follow(const void *pointer)
{
	dynmem_u64 first, offset;

	__asm__(DYNMEM_NUMBER : "=r"(first) : "0"(dynmem_pools));
	__asm__(DYNMEM_NUMBER "\n\t%0 -= %2\n\tif %0 > %3 goto +1\n\tgoto +1\n\t%0 = %3"
		: "=&r"(offset)
		: "0"(pointer), "r"(first), "i"(sizeof(dynmem_pools) - DYNAMIC_MEMORY_GUARD));
	return dynmem_pools + offset;
}
#endif

/* Puts the frequent path first. The verifier, too, then comes to the end of it first, and finds
 * the others joining it. */
#define DYNMEM_RARE(condition) __builtin_expect(!!(condition), 0)
