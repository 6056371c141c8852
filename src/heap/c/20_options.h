/* ---- what can be changed ----------------------------------------------------------------- */

#if DYNMEM_KERNEL && defined(__bpf__)
#ifndef __clang__
#error "dynamic_memory.h needs clang (Debian: apt install clang-19): its inline assembly is in the dialect of clang's BPF back end, which gcc's does not take"
#endif
#ifndef __OPTIMIZE__
#error "dynamic_memory.h: pass -O2. Without it clang makes code that no verifier accepts"
#endif
#endif

#ifndef POOL_SIZE
#define POOL_SIZE @DEFAULT_POOL_SIZE@
#endif
#ifndef DYNAMIC_MEMORY_HEAPS
#define DYNAMIC_MEMORY_HEAPS @DEFAULT_HEAPS@
#endif
#ifndef DYNAMIC_MEMORY_GRANULE
#if POOL_SIZE < @LARGE_POOL_SIZE@
#define DYNAMIC_MEMORY_GRANULE @DEFAULT_GRANULE@
#else
#define DYNAMIC_MEMORY_GRANULE @LARGE_POOL_GRANULE@
#endif
#endif
#ifndef DYNAMIC_MEMORY_GUARD
#if POOL_SIZE <= @GUARD_PART@ * @PAGE@
#define DYNAMIC_MEMORY_GUARD @PAGE@
#else
#define DYNAMIC_MEMORY_GUARD ((POOL_SIZE / @GUARD_PART@ + @PAGE@ - 1) / @PAGE@ * @PAGE@)
#endif
#endif

_Static_assert(POOL_SIZE >= @LEAST_POOL_SIZE@ && POOL_SIZE <= @MOST_POOL_SIZE@,
	       "POOL_SIZE must be from @LEAST_POOL_SIZE@ (@bytes LEAST_POOL_SIZE@) to @MOST_POOL_SIZE@ (@bytes MOST_POOL_SIZE@)");
_Static_assert(DYNAMIC_MEMORY_GRANULE >= @LEAST_GRANULE@ && DYNAMIC_MEMORY_GRANULE <= @MOST_GRANULE@ &&
		       (DYNAMIC_MEMORY_GRANULE & (DYNAMIC_MEMORY_GRANULE - 1)) == 0,
	       "DYNAMIC_MEMORY_GRANULE must be a power of two from @LEAST_GRANULE@ to @MOST_GRANULE@");
_Static_assert(POOL_SIZE % DYNAMIC_MEMORY_GRANULE == 0 && POOL_SIZE >= 2 * DYNAMIC_MEMORY_GRANULE,
	       "POOL_SIZE must be a multiple of DYNAMIC_MEMORY_GRANULE, two granules at least");
_Static_assert(POOL_SIZE / DYNAMIC_MEMORY_GRANULE <= @MOST_GRANULES@,
	       "a pool may have @MOST_GRANULES@ granules: make DYNAMIC_MEMORY_GRANULE larger");
_Static_assert(DYNAMIC_MEMORY_HEAPS >= 1 && DYNAMIC_MEMORY_HEAPS <= @MOST_HEAPS@ &&
		       (DYNAMIC_MEMORY_HEAPS & (DYNAMIC_MEMORY_HEAPS - 1)) == 0,
	       "DYNAMIC_MEMORY_HEAPS must be a power of two from 1 to @MOST_HEAPS@");
_Static_assert(DYNAMIC_MEMORY_GUARD % @PAGE@ == 0 && DYNAMIC_MEMORY_GUARD >= @PAGE@ &&
		       DYNAMIC_MEMORY_GUARD >= POOL_SIZE / @GUARD_PART@,
	       "DYNAMIC_MEMORY_GUARD must be a multiple of @PAGE@ and at least POOL_SIZE / @GUARD_PART@");
_Static_assert(0ULL + POOL_SIZE + DYNAMIC_MEMORY_GUARD < @VARIABLE_OFFSET_END@,
	       "POOL_SIZE + DYNAMIC_MEMORY_GUARD must stay below @bytes VARIABLE_OFFSET_END@, the verifier's limit");
#if DYNMEM_ARENA
/* A page before the pools, so that no block is where a NULL of 32 bits leads. */
#define DYNMEM_ARENA_POOLS (1ULL + (POOL_SIZE + @PAGE@ULL - 1) / @PAGE@ * DYNAMIC_MEMORY_HEAPS)
#ifndef DYNAMIC_MEMORY_ARENA_PAGES
#define DYNAMIC_MEMORY_ARENA_PAGES (DYNMEM_ARENA_POOLS + @ARENA_VARIABLE_PAGES@)
#endif
_Static_assert(DYNAMIC_MEMORY_ARENA_PAGES <= @MOST_ARENA_PAGES@,
	       "an arena has up to @MOST_ARENA_PAGES@ pages, 4 GiB: make POOL_SIZE or DYNAMIC_MEMORY_HEAPS smaller");
_Static_assert(DYNAMIC_MEMORY_ARENA_PAGES >= DYNMEM_ARENA_POOLS,
	       "DYNAMIC_MEMORY_ARENA_PAGES must have room for the pools: POOL_SIZE for each heap and a page");
#endif

/*
 * Where the pools are, other than in an arena: in a variable, whose address is a constant, so that there
 * is nothing to look up and no NULL to test for; or in a map, where they would be larger together than
 * a variable can be. The verifier allows @bytes VARIABLE_OFFSET_END@; before Linux 6.0, for which the build with a
 * bpf_spin_lock is, the kernel allowed @bytes MOST_VALUE_BEFORE_6_0@ with the program's other variables.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_MOST_VARIABLES @MOST_IN_VARIABLE_BEFORE_6_0@
#else
#define DYNMEM_MOST_VARIABLES @MOST_IN_VARIABLE@
#endif
#if !DYNMEM_KERNEL || DYNMEM_ARENA || DYNMEM_LINKED
#define DYNMEM_POOL_MAP 0
#elif defined(DYNAMIC_MEMORY_POOL_MAP) || \
	DYNAMIC_MEMORY_HEAPS * (0ULL + POOL_SIZE + DYNAMIC_MEMORY_GUARD) > DYNMEM_MOST_VARIABLES
#define DYNMEM_POOL_MAP 1
#else
#define DYNMEM_POOL_MAP 0
#endif

#if !DYNMEM_NATIVE && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	defined(__BPF_CPU_VERSION__)
#if __BPF_CPU_VERSION__ < 3
#error "dynamic_memory.h needs atomics: pass -mcpu=v3 (Linux 5.12), or define DYNAMIC_MEMORY_SPIN_LOCK"
#endif
#endif
#if DYNMEM_NATIVE && defined(DYNAMIC_MEMORY_SPIN_LOCK)
#undef DYNAMIC_MEMORY_SPIN_LOCK /* user space has no bpf_spin_lock */
#endif
