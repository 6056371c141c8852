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
#define POOL_SIZE 65536
#endif
#ifndef DYNAMIC_MEMORY_HEAPS
#define DYNAMIC_MEMORY_HEAPS 4
#endif
#ifndef DYNAMIC_MEMORY_GRANULE
#if POOL_SIZE < 2097152
#define DYNAMIC_MEMORY_GRANULE 32
#else
#define DYNAMIC_MEMORY_GRANULE 64
#endif
#endif
#ifndef DYNAMIC_MEMORY_GUARD
#if POOL_SIZE <= 1048576
#define DYNAMIC_MEMORY_GUARD 4096
#else
#define DYNAMIC_MEMORY_GUARD ((POOL_SIZE / 256 + 4095) / 4096 * 4096)
#endif
#endif

_Static_assert(POOL_SIZE >= 1024 && POOL_SIZE <= 268435456,
	       "POOL_SIZE must be from 1024 (1 KiB) to 268435456 (256 MiB)");
_Static_assert(DYNAMIC_MEMORY_GRANULE >= 16 && DYNAMIC_MEMORY_GRANULE <= 4096 &&
		       (DYNAMIC_MEMORY_GRANULE & (DYNAMIC_MEMORY_GRANULE - 1)) == 0,
	       "DYNAMIC_MEMORY_GRANULE must be a power of two from 16 to 4096");
_Static_assert(POOL_SIZE % DYNAMIC_MEMORY_GRANULE == 0 && POOL_SIZE >= 2 * DYNAMIC_MEMORY_GRANULE,
	       "POOL_SIZE must be a multiple of DYNAMIC_MEMORY_GRANULE, two granules at least");
_Static_assert(POOL_SIZE / DYNAMIC_MEMORY_GRANULE <= 8388608,
	       "a pool may have 2^23 granules: make DYNAMIC_MEMORY_GRANULE larger");
_Static_assert(DYNAMIC_MEMORY_HEAPS >= 1 && DYNAMIC_MEMORY_HEAPS <= 64 &&
		       (DYNAMIC_MEMORY_HEAPS & (DYNAMIC_MEMORY_HEAPS - 1)) == 0,
	       "DYNAMIC_MEMORY_HEAPS must be a power of two from 1 to 64");
_Static_assert(DYNAMIC_MEMORY_GUARD % 4096 == 0 && DYNAMIC_MEMORY_GUARD >= 4096 &&
		       DYNAMIC_MEMORY_GUARD >= POOL_SIZE / 256,
	       "DYNAMIC_MEMORY_GUARD must be a multiple of 4096 and at least POOL_SIZE / 256");
_Static_assert(0ULL + POOL_SIZE + DYNAMIC_MEMORY_GUARD < 536870912,
	       "POOL_SIZE + DYNAMIC_MEMORY_GUARD must stay below 512 MiB, the verifier's limit");
#if DYNMEM_ARENA
/* A page before the pools, so that no block is where a NULL of 32 bits leads. */
#define DYNMEM_ARENA_POOLS (1ULL + (POOL_SIZE + 4095ULL) / 4096 * DYNAMIC_MEMORY_HEAPS)
#ifndef DYNAMIC_MEMORY_ARENA_PAGES
#define DYNAMIC_MEMORY_ARENA_PAGES (DYNMEM_ARENA_POOLS + 1024)
#endif
_Static_assert(DYNAMIC_MEMORY_ARENA_PAGES <= 1048576,
	       "an arena has up to 1048576 pages, 4 GiB: make POOL_SIZE or DYNAMIC_MEMORY_HEAPS smaller");
_Static_assert(DYNAMIC_MEMORY_ARENA_PAGES >= DYNMEM_ARENA_POOLS,
	       "DYNAMIC_MEMORY_ARENA_PAGES must have room for the pools: POOL_SIZE for each heap and a page");
#endif

/*
 * Where the pools are, other than in an arena: in a variable, whose address is a constant, so that there
 * is nothing to look up and no NULL to test for; or in a map, where they would be larger together than
 * a variable can be. The verifier allows 512 MiB; before Linux 6.0, for which the build with a
 * bpf_spin_lock is, the kernel allowed 4 MiB with the program's other variables.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_MOST_VARIABLES 2097152
#else
#define DYNMEM_MOST_VARIABLES 402653184
#endif
#if !DYNMEM_KERNEL || DYNMEM_ARENA || DYNMEM_LINKED
#define DYNMEM_POOL_MAP 0
#elif defined(DYNAMIC_MEMORY_POOL_MAP) || \
	DYNAMIC_MEMORY_HEAPS * (0ULL + POOL_SIZE + DYNAMIC_MEMORY_GUARD) > DYNMEM_MOST_VARIABLES
#define DYNMEM_POOL_MAP 1
#else
#define DYNMEM_POOL_MAP 0
#endif

#if !defined(native_executable) && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	defined(__BPF_CPU_VERSION__)
#if __BPF_CPU_VERSION__ < 3
#error "dynamic_memory.h needs atomics: pass -mcpu=v3 (Linux 5.12), or define DYNAMIC_MEMORY_SPIN_LOCK"
#endif
#endif
#if defined(native_executable) && defined(DYNAMIC_MEMORY_SPIN_LOCK)
#undef DYNAMIC_MEMORY_SPIN_LOCK /* user space has no bpf_spin_lock */
#endif
