/* SPDX-License-Identifier: MIT OR Apache-2.0 OR GPL-2.0-only */
/*
 * dynamic_memory.h: malloc and free for eBPF programs.
 *
 * The memory is a set of fixed pools in BPF maps, so an allocation is a pointer into a map value:
 * the kernel's verifier checks every access through it, and nothing is taken from the kernel's
 * own allocator at run time. What can fail returns NULL (or an errno value), and the verifier
 * insists that the program checks for it.
 *
 * Needs: clang -target bpf -mcpu=v3 -O2 -g, Linux 5.17 (tested from 6.1), a loader with CAP_BPF
 * and CAP_PERFMON or root. With DYNAMIC_MEMORY_SPIN_LOCK: any -mcpu, Linux 5.10, but not for
 * kprobe, tracepoint, raw_tracepoint, perf_event and socket_filter programs.
 * The header includes nothing but the compiler's <stddef.h>. It may stand before or after
 * vmlinux.h, linux/bpf.h and bpf/bpf_helpers.h.
 *
 * Define before the include to change:
 *   POOL_SIZE                   bytes of each heap's pool, a multiple of the granule,
 *                               1 KiB to 256 MiB; before Linux 6.0 up to about 4 MiB
 *                                                                       (default 65536)
 *   DYNAMIC_MEMORY_HEAPS        heaps, a power of two from 1 to 64; the heap of a CPU is its
 *                               number modulo this                      (default 4)
 *   DYNAMIC_MEMORY_GRANULE      bytes that sizes and alignment are rounded up to, a power of two
 *                               from 16 to 4096. The tables take 6.1 bytes per granule, 10.1 beyond
 *                               65535 granules      (default 32; 64 for pools of 2 MiB and more)
 *   DYNAMIC_MEMORY_GUARD        bytes behind a pool, a multiple of 4096 and at least a 256th of
 *                               the pool. Where malloc's size is not a constant, the verifier
 *                               accepts an index, or a length handed to a helper, up to this
 *                               bound                (default 4096, or a 256th of the pool)
 *   DYNAMIC_MEMORY_ARENA        pools in a BPF arena: for pointers that are stored and followed
 *                               later (lists, trees). See "Linked data" below
 *   DYNAMIC_MEMORY_ARENA_PAGES  size of the arena in pages: pools and all __arena variables of the
 *                               object, up to 1048576, 4 GiB   (default: the pools and 4 MiB)
 *   DYNAMIC_MEMORY_LINKED       linked data on kernels without arenas, see there
 *   DYNAMIC_MEMORY_LOOP_LIMIT   rounds of a loop with can_loop on these       (default 256)
 *   DYNAMIC_MEMORY_ARENA_MAP    name of the program's own arena map, declared before the include:
 *                               a program can have only one
 *   DYNAMIC_MEMORY_SPIN_LOCK    lock heaps with bpf_spin_lock
 *   DYNAMIC_MEMORY_SHARED       weak maps, so that objects that `bpftool gen object` links share one
 *                               set of heaps; loaders other than libbpf refuse such maps
 *   DYNAMIC_MEMORY_INLINE       what is frequent of malloc and free without a call: twice as fast
 *                               where returns are slow, and some 80 verified instructions a call and
 *                               iteration: not for programs that allocate in long loops
 *   DYNAMIC_MEMORY_STRONG       no weak functions, for loaders that know none (cilium/ebpf 0.9)
 *   DYNAMIC_MEMORY_POOL_MAP     pools in a map of their own and not in .bss: for more than 4 MiB of
 *                               them before Linux 6.0; beyond 384 MiB they are in any case
 *   DYNAMIC_MEMORY_DEBUG        find what a program does wrong with blocks: writes behind a block
 *                               (looked for when it is freed or resized and, while it is in use, by
 *                               `bpf-malloc stats --check`), writes to a freed one (when
 *                               16 others were freed, or it is handed out again: blocks
 *                               of up to a 64th of the pool wait for so long), a
 *                               second free, a free of what is no block. Each is kept with the lines of
 *                               the calls for `bpf-malloc stats`, which also shows the live blocks by
 *                               line. New memory is filled with 0xaa, freed memory with
 *                               0xdd; a block takes 8 bytes more, realloc always
 *                               moves it
 *   DYNAMIC_MEMORY_C_LIBRARY    more of the C library: strstr strspn strtok_r strtol qsort bsearch
 *                               isalpha abs div rand printf snprintf and others. It may be defined
 *                               later, before the header is included a second time
 *   native_executable           build for user space, from the same source, safe with threads;
 *                               meant without it where the target is not BPF
 *
 * A loader may set, before it loads, what is a constant for the verifier and a maximum here:
 *   skeleton->rodata->dynamic_memory_heaps      heaps that serve, rounded down to a power of two; as
 *                                               many as the machine has CPUs is best
 *   skeleton->rodata->dynamic_memory_pool_size  bytes of each pool
 *
 * The verifier allows eight nested functions and 512 bytes of stack for a chain of them. Where malloc
 * is called, the program may have nested 4 functions below its own that take 464 bytes with its own
 * (3 and 464 with DYNAMIC_MEMORY_SPIN_LOCK, 3 and 352 with DYNAMIC_MEMORY_DEBUG; before Linux 6.9
 * each function counts as 32 bytes at least). What clang inlines does not count.
 *
 * From any CPU and context a call takes constant time, whatever the pool's size and the number
 * of blocks, but for these: an allocation that finds no memory first merges up to 4096 parked
 * blocks per heap; calloc, realloc and strdup copy.
 *
 * Linked data. A pointer that is stored in a map and loaded again is a number to the verifier, and
 * cannot be followed. With DYNAMIC_MEMORY_ARENA the pools are a variable in a BPF arena, whose
 * pointers may be stored and followed freely. Then
 *   - all functions take and return `void __arena *` (strings: `char __arena *`). clang refuses to
 *     mix these with other pointers, so what has to be declared with __arena, it finds:
 *     `struct node { struct node __arena *next; };`
 *   - a loop whose end the verifier cannot see has `can_loop` in its condition:
 *     `while (node && can_loop)`. It is 1, until after 8 million rounds (seen on Linux 6.12) or a
 *     quarter of a second (6.18) it is 0;
 *   - a program that follows such pointers but calls nothing of this header has the statement
 *     `static_use_arena();`
 *   - accesses are not proven but caught: one outside of the arena, through NULL too, reads zero,
 *     and a write changes nothing. So a missing test for NULL goes unnoticed. The kernel is safe
 *     from all of them, the other data in the arena is not;
 *   - the address of a variable in the arena is no initial value, it would be 0: assign it;
 *   - helpers do not take such pointers: copy with static_memcpy to the stack or a map value and
 *     from there, see below;
 *   - never assign whole structures through such pointers, nor use __builtin_memcpy on them: clang
 *     19 makes accesses of it that the verifier refuses. Use static_memcpy.
 * Needs clang 19, Linux 6.9 and libbpf 1.5; any program type may allocate. The object file has the
 * pools in it, as zeroes. DYNAMIC_MEMORY_GUARD has no meaning there.
 *
 * Before Linux 6.9 (5.10 with DYNAMIC_MEMORY_SPIN_LOCK), with DYNAMIC_MEMORY_LINKED instead,
 *   - what is followed is derived anew from the number: `static_pointer(node)->next`. It has the
 *     type of `node`, and whatever number that is, one may access DYNAMIC_MEMORY_GUARD bytes from
 *     there: of NULL and other numbers that lead to no pool, those behind the last one;
 *   - a loop whose end the verifier cannot see has static_bounded before it and can_loop in its
 *     condition: `static_bounded while (node && can_loop)`. The verifier goes through all rounds
 *     that it may have, DYNAMIC_MEMORY_LOOP_LIMIT; it ends after these.
 *   - static_pointer leads to blocks only: of variables one cannot store the address there.
 * With an arena, and in user space, both do nothing, so that one source serves all. The pools take
 * up to 512 MiB together.
 */
#ifndef DYNAMIC_MEMORY_H
#define DYNAMIC_MEMORY_H

/* Of bpf-malloc: 1,000,000 times the major, 1,000 times the minor number, and the patch level. */
#define DYNAMIC_MEMORY_VERSION 1000

/* Only these two: vmlinux.h has a wchar_t of its own, which a whole <stddef.h> contradicts. */
#ifndef __VMLINUX_H__
#define __need_size_t
#endif
#define __need_NULL
#include <stddef.h>

#ifndef ENOMEM
#define ENOMEM 12
#endif
#ifndef EINVAL
#define EINVAL 22
#endif
#define DYNMEM_EBUSY 16

/* BEGIN src/heap/c/10_spaces.h */
/* ---- address spaces and loops ------------------------------------------------------------ */

/* A loader that shares a header with its BPF program compiles as it did. */
#if defined(native_executable) || !defined(__bpf__)
#define DYNMEM_NATIVE 1
#else
#define DYNMEM_NATIVE 0
#endif

#if DYNMEM_NATIVE || defined(__clang_analyzer__)
#define DYNMEM_KERNEL 0
#else
#define DYNMEM_KERNEL 1
#endif

/* Whether blocks are in an arena, and what qualifies the type that a pointer to one points to. */
#if defined(DYNAMIC_MEMORY_ARENA) && DYNMEM_KERNEL
#ifndef __BPF_FEATURE_ADDR_SPACE_CAST
#error "DYNAMIC_MEMORY_ARENA needs a clang that casts between address spaces: compile with clang 19 or later (Debian: apt install clang-19) and -target bpf"
#endif
#define DYNMEM_ARENA 1
#define DYNMEM_SPACE __attribute__((address_space(1)))
#ifndef __arena
#define __arena __attribute__((address_space(1)))
#endif
#else
#define DYNMEM_ARENA 0
#define DYNMEM_SPACE
#ifndef __arena
#define __arena
#endif
#endif

/* Whether stored pointers are followed without an arena. */
#if defined(DYNAMIC_MEMORY_LINKED) && DYNMEM_KERNEL && !DYNMEM_ARENA
#define DYNMEM_LINKED 1
#ifndef DYNAMIC_MEMORY_LOOP_LIMIT
#define DYNAMIC_MEMORY_LOOP_LIMIT 256
#endif
/*
 * Declares the counter of the loop that follows, and belongs to that statement. It has one of its
 * own, and not one per function, because the verifier forgets a variable that is no longer used:
 * however many rounds a loop had, it goes on in the same way.
 */
#define static_bounded                                                                   \
	for (int dynmem_rounds = 0, dynmem_once = 1; dynmem_once; dynmem_once = 0)
#define static_pointer(pointer) \
	((__typeof__(pointer))dynmem_follow((const void *)(pointer)))
#else
#define DYNMEM_LINKED 0
#define static_bounded
#define static_pointer(pointer) (pointer)
#endif

/*
 * 1 for up to 2^23 rounds of the loops of a function or, on later kernels, a quarter of a second;
 * then 0. The verifier counts on that instead of looking for the loop's end. Linux 6.9.
 */
#ifndef can_loop
#if DYNMEM_KERNEL
/*
 * Loops of this program that ended early, each time one did. In a section of its own, a map of its own
 * when loaded, where `bpf-malloc stats` finds it. Counted without a call: a loop may run with a lock
 * held, and then Linux takes none.
 */
static unsigned long long dynmem_loops_cut_short
	__attribute__((section(".data.dynloops"), unused));
#define DYNMEM_CUT_SHORT()                                              \
	__asm__ volatile("lock *(u64 *)(%0 + 0) += %1"                  \
			 :                                              \
			 : "r"(&dynmem_loops_cut_short), "r"(1ULL)      \
			 : "memory")
#endif
#if !DYNMEM_KERNEL
#define can_loop 1
#elif DYNMEM_LINKED
#define can_loop                                           \
	(dynmem_rounds++ < DYNAMIC_MEMORY_LOOP_LIMIT || __extension__({ \
		 DYNMEM_CUT_SHORT();                                     \
		 0;                                                      \
	 }))
#else
#ifdef __BPF_FEATURE_MAY_GOTO
#define DYNMEM_MAY_GOTO "may_goto %l[over_]"
#elif __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* The same instruction for an assembler that does not know it: its code, then where it leads. */
#define DYNMEM_MAY_GOTO \
	"1: .byte 0xe5, 0; .long ((%l[over_] - 1b - 8) / 8) & 0xffff; .short 0"
#else
#define DYNMEM_MAY_GOTO \
	"1: .byte 0xe5, 0; .long (((%l[over_] - 1b - 8) / 8) & 0xffff) << 16; .short 0"
#endif
#define can_loop                                              \
	__extension__({                                       \
		__label__ over_, on_;                         \
		int can_ = 1;                                 \
		__asm__ goto(DYNMEM_MAY_GOTO : : : : over_); \
		goto on_;                                     \
	over_:                                                \
		DYNMEM_CUT_SHORT();                           \
		can_ = 0;                                     \
	on_:;                                                 \
		can_;                                         \
	})
#endif
#endif

/*
 * What calls functions by numbers instead of addresses (`bpf-malloc rewrite` writes it) says this for a
 * number that it does not know: NULL, say, whose call ends a program in user space. Counted, and
 * `bpf-malloc stats` tells; the call returns 0.
 */
#if DYNMEM_KERNEL
static unsigned long long dynmem_unknown_functions
	__attribute__((section(".data.dyncalls"), unused));
#define static_unknown_function()                                       \
	__asm__ volatile("lock *(u64 *)(%0 + 0) += %1"                  \
			 :                                              \
			 : "r"(&dynmem_unknown_functions), "r"(1ULL)    \
			 : "memory")
#else
#define static_unknown_function() ((void)0)
#endif

/*
 * The value, without the verifier knowing it. A loop with can_loop is done for the verifier when a
 * round brings nothing new, and a variable that counts from a constant is new in every round, if
 * anything depends on it: "BPF program is too large", or "The sequence of 8193 jumps is too
 * complex". Hence
 *     int length = static_opaque(0);
 *     while (node && can_loop)
 *         length++, node = node->next;
 * The verifier takes static_opaque's result for any number of 64 bits. It takes static_from's for
 * one from value to 2^31 - 1, so that a comparison makes it a valid index:
 *     for (int i = static_from(0); i < 10 && can_loop; i++)
 *         insert(list, numbers[i]);
 * static_from wants a value from 0 to 2^31 - 1. A number that branches of the loop set to constants
 * is known again after that; static_hide hides it in each iteration, in the condition, before it is
 * compared (0.7 ns each, measured on Linux 6.18):
 *     while (static_hide(state), state != DONE && can_loop)
 */
#if DYNMEM_KERNEL
#define static_opaque(value) ((value) + (long long)dynmem_zero())
#define static_from(value) ((value) | ((long long)dynmem_zero() & 0x7fffffff))
#define static_hide(variable) ((void)((variable) = static_opaque(variable)))
#else
#define static_opaque(value) (value)
#define static_hide(variable) ((void)(variable))
#define static_from(value) (value)
#endif

/*
 * The call of a function of the kernel that calls back (bpf_loop, bpf_for_each_map_elem), where the
 * callback loops with can_loop, as a part of a loop that ends at once:
 *     static_rounds(bpf_loop(20, step, &context, 0));
 * Outside of any loop Linux 6.17 and 6.18 free states of the verifier that they still use ("verifier bug:
 * stack slot 0", and the kernel's memory is overwritten).
 */
#if DYNMEM_KERNEL
#define static_rounds(call)                                             \
	({                                                              \
		long dynmem_rounds, dynmem_again;                       \
		do {                                                    \
			dynmem_rounds = (call);                         \
			__asm__ volatile("%0 = 0" : "=r"(dynmem_again)); \
		} while (dynmem_again);                                 \
		dynmem_rounds;                                          \
	})
#else
#define static_rounds(call) (call)
#endif

/*
 * Leaves the function it stands in, with value if that returns something: for macros that functions
 * of several types use, where BPF has no exit(). The value has to fit those that return one; 0 fits
 * pointers and numbers. It is an expression of type void. Compilers refuse a value in a function
 * that returns none, unless they are told.
 */
#define static_leave(value)                                             \
	({                                                              \
		_Pragma("GCC diagnostic push")                          \
		_Pragma("GCC diagnostic ignored \"-Wreturn-type\"")     \
		DYNMEM_ANY_RETURN return value;                         \
		_Pragma("GCC diagnostic pop")                           \
	})
#if defined(__clang__) ? __clang_major__ >= 19 : __GNUC__ >= 14
#define DYNMEM_ANY_RETURN _Pragma("GCC diagnostic ignored \"-Wreturn-mismatch\"")
#else
#define DYNMEM_ANY_RETURN
#endif

/*
 * A cast to `type *` that leaves the pointer in its address space, for macros that are used with
 * memory of the arena and with other memory.
 */
#if DYNMEM_ARENA
__attribute__((overloadable)) char DYNMEM_SPACE *dynmem_kind(const volatile void DYNMEM_SPACE *);
__attribute__((overloadable)) short *dynmem_kind(const volatile void *);
#define static_as(type, pointer)                                  \
	__builtin_choose_expr(sizeof(*dynmem_kind(pointer)) == 1, \
			      (type DYNMEM_SPACE *)(pointer), (type *)(pointer))
#else
#define static_as(type, pointer) ((type *)(pointer))
#endif

/* That of libbpf makes its result a pointer that points nowhere near an arena. */
#if DYNMEM_ARENA && defined(container_of)
#undef container_of
#define container_of(pointer, type, member)                                                       \
	__builtin_choose_expr(                                                                    \
		sizeof(*dynmem_kind(pointer)) == 1,                                               \
		(type DYNMEM_SPACE *)((char DYNMEM_SPACE *)(pointer) -                            \
				      __builtin_offsetof(type, member)),                          \
		(type *)((char *)(pointer) - __builtin_offsetof(type, member)))
#endif

/* In user space there is one kind of pointer, and the C library's functions take it. */
#if !DYNMEM_KERNEL
#define static_use_arena() ((void)0)
#define static_memcpy __builtin_memcpy
#define static_memmove __builtin_memmove
#define static_memset __builtin_memset
#define static_memcmp __builtin_memcmp
#define static_memchr __builtin_memchr
#define static_strlen __builtin_strlen
#define static_strcmp __builtin_strcmp
#define static_strncmp __builtin_strncmp
#define static_strcpy __builtin_strcpy
#define static_strncpy __builtin_strncpy
#define static_strcat __builtin_strcat
#define static_strncat __builtin_strncat
#define static_strchr __builtin_strchr
#define static_strrchr __builtin_strrchr
/* No builtin of gcc. */
static inline __attribute__((always_inline, unused)) size_t static_strnlen(const char *string,
									    size_t limit)
{
	const char *end = (const char *)__builtin_memchr(string, 0, limit);

	return end ? (size_t)(end - string) : limit;
}
#endif

#ifdef __clang_analyzer__

/*
 * clang's static analyzer knows the C library's functions and what can be done wrong with them:
 * it sees those. Leaks, double frees and uses after free are reported on the program's own lines.
 */
void *malloc(size_t size);
void free(void *pointer);
void *calloc(size_t count, size_t size);
void *realloc(void *pointer, size_t size);
void *reallocarray(void *pointer, size_t count, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
int posix_memalign(void **result, size_t alignment, size_t size);
char *strdup(const char *string);
char *strndup(const char *string, size_t limit);
size_t malloc_usable_size(void *pointer);
int static_reset(void);
#define static_malloc malloc
#define static_free free
#define static_calloc calloc
#define static_realloc realloc
#define static_reallocarray reallocarray
#define static_aligned_alloc aligned_alloc
#define static_posix_memalign posix_memalign
#define static_strdup strdup
#define static_strndup strndup
#define static_malloc_usable_size malloc_usable_size

#else

/*
 * A string literal that pointers into the arena may point to; elsewhere the literal. Within functions.
 * In an arena the same literal twice has two addresses, and sizeof gives the size of a pointer. The
 * assembly keeps clang from counting the characters of a loop over the literal, which the verifier
 * would have to follow one by one.
 */
#if DYNMEM_ARENA
#define static_string(text)                                                   \
	__extension__({                                                       \
		static const char DYNMEM_SPACE dynmem_text_[] = text;         \
		char DYNMEM_SPACE *dynmem_at_ = (char DYNMEM_SPACE *)dynmem_text_; \
		__asm__("" : "+r"(dynmem_at_));                               \
		dynmem_at_;                                                   \
	})
#else
#define static_string(text) (text)
#endif

/* BEGIN src/heap/c/20_options.h */
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
#if POOL_SIZE <= 256 * 4096
#define DYNAMIC_MEMORY_GUARD 4096
#else
#define DYNAMIC_MEMORY_GUARD ((POOL_SIZE / 256 + 4096 - 1) / 4096 * 4096)
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
	       "a pool may have 8388608 granules: make DYNAMIC_MEMORY_GRANULE larger");
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
#define DYNMEM_ARENA_POOLS (1ULL + (POOL_SIZE + 4096ULL - 1) / 4096 * DYNAMIC_MEMORY_HEAPS)
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

#if !DYNMEM_NATIVE && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	defined(__BPF_CPU_VERSION__)
#if __BPF_CPU_VERSION__ < 3
#error "dynamic_memory.h needs atomics: pass -mcpu=v3 (Linux 5.12), or define DYNAMIC_MEMORY_SPIN_LOCK"
#endif
#endif
#if DYNMEM_NATIVE && defined(DYNAMIC_MEMORY_SPIN_LOCK)
#undef DYNAMIC_MEMORY_SPIN_LOCK /* user space has no bpf_spin_lock */
#endif

/* BEGIN src/heap/c/30_sizes.h */
/* ---- the layout -------------------------------------------------------------------------- */

typedef unsigned char dynmem_u8;
typedef unsigned short dynmem_u16;
typedef unsigned int dynmem_u32;
typedef unsigned long long dynmem_u64;

/*
 * Of what becomes part of its callers no debug information is wanted: describing it took clang a third of
 * the time that the header takes, and without it the lines that the verifier names are the program's.
 */
#if DYNMEM_KERNEL && defined(__clang__)
#define DYNMEM_INLINE static inline __attribute__((always_inline, unused, nodebug))
#else
#define DYNMEM_INLINE static inline __attribute__((always_inline, unused))
#endif
/*
 * Where a block starts: clang copies structures into it in words then. Byte by byte it would take the
 * pointers in them apart, and the verifier lets nobody shift a pointer.
 */
#define DYNMEM_ALIGNED __attribute__((assume_aligned(DYNAMIC_MEMORY_GRANULE)))
#if !DYNMEM_NATIVE && !defined(DYNAMIC_MEMORY_SPIN_LOCK) && \
	!defined(__BPF_CPU_VERSION__)
/*
 * A clang before 17 does not say what -mcpu it was given, but takes 32-bit registers only from v3 on:
 * an error here tells what a crash of the compiler at the first atomic would not.
 */
DYNMEM_INLINE void dynmem_needs_mcpu_v3(void)
{
	dynmem_u32 pass_mcpu_v3_or_define_DYNAMIC_MEMORY_SPIN_LOCK;

	__asm__("" : "=w"(pass_mcpu_v3_or_define_DYNAMIC_MEMORY_SPIN_LOCK));
}
#endif
/* A function for arena pointers and another one for those of stack, maps and packets. */
#if DYNMEM_ARENA
#define DYNMEM_OVERLOADED __attribute__((overloadable))
#else
#define DYNMEM_OVERLOADED
#endif
/*
 * A global function is verified once per program however often it is called, and "weak" lets
 * several translation units of one object carry it. It takes and returns scalars only: memory
 * goes in as a number and comes out as a heap and an offset.
 */
#if !defined(DYNAMIC_MEMORY_STRONG)
#define DYNMEM_GLOBAL __attribute__((weak, noinline))
#elif defined(DYNAMIC_MEMORY_SHARED)
#error "DYNAMIC_MEMORY_SHARED needs weak functions: leave DYNAMIC_MEMORY_STRONG out"
#else
#define DYNMEM_GLOBAL __attribute__((noinline))
#endif

#define DYNMEM_GRANULES (POOL_SIZE / DYNAMIC_MEMORY_GRANULE)
/* Entries of a table: the next power of two, so that a mask proves an index valid. */
#define DYNMEM_SPREAD1 ((DYNMEM_GRANULES - 1) | (DYNMEM_GRANULES - 1) >> 1 | 63)
#define DYNMEM_SPREAD2 (DYNMEM_SPREAD1 | DYNMEM_SPREAD1 >> 2)
#define DYNMEM_SPREAD4 (DYNMEM_SPREAD2 | DYNMEM_SPREAD2 >> 4)
#define DYNMEM_SPREAD8 (DYNMEM_SPREAD4 | DYNMEM_SPREAD4 >> 8)
#define DYNMEM_INDEX_MASK (0ULL + (DYNMEM_SPREAD8 | DYNMEM_SPREAD8 >> 16))
#define DYNMEM_ENTRIES (DYNMEM_INDEX_MASK + 1)

#if DYNMEM_GRANULES <= 65535
typedef dynmem_u16 dynmem_entry;
#define DYNMEM_ENTRY_BITS 16
#else
typedef dynmem_u32 dynmem_entry;
#define DYNMEM_ENTRY_BITS 32
#endif

/* What a granule links to: as the first of a free block, or as one number. */
union dynmem_link {
	dynmem_entry pair[2]; /* the next and the previous block of its bin */
	dynmem_u32 word;
};

/* A tag: state in the two top bits, then "handed over", then the granules of the block. */
#define DYNMEM_TAG(state) ((0ULL + (state)) << DYNMEM_STATE_SHIFT)
#define DYNMEM_TAG_STATE DYNMEM_TAG(3)
#define DYNMEM_TAG_HANDED_OVER (1ULL << DYNMEM_HANDED_OVER_SHIFT)
#define DYNMEM_TAG_GRANULES (DYNMEM_TAG_HANDED_OVER - 1)

/* The tags of four granules in one word, of which the first one's is to be the lowest. */
typedef dynmem_u64 __attribute__((may_alias)) dynmem_four_tags;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_LITTLE_TAGS(tags) (tags)
#else
#define DYNMEM_LITTLE_TAGS(tags)                                                              \
	((tags) << 48 | ((tags) & 0xffff0000) << 16 | ((tags) >> 16 & 0xffff0000) | (tags) >> 48)
#endif

/* Hand-over bits, one for a group of granules, below a tree of words that says where to look. */
#if DYNMEM_GRANULES <= 16384
#define DYNMEM_LEVELS 1
#elif DYNMEM_GRANULES <= 1048576
#define DYNMEM_LEVELS 2
#else
#define DYNMEM_LEVELS 3
#endif
#define DYNMEM_LEVEL1 (DYNMEM_ENTRIES > DYNMEM_WORD_GRANULES ? DYNMEM_ENTRIES / DYNMEM_WORD_GRANULES : 1)
#define DYNMEM_LEVEL2 (DYNMEM_LEVEL1 + (DYNMEM_LEVELS > 1 ? DYNMEM_ENTRIES / DYNMEM_WORD1_GRANULES : 0))
#define DYNMEM_PENDING_WORDS (DYNMEM_LEVEL2 + (DYNMEM_LEVELS > 2 ? DYNMEM_ENTRIES / DYNMEM_WORD2_GRANULES : 0))

#ifdef DYNAMIC_MEMORY_DEBUG
#define DYNMEM_SITES                               \
	dynmem_u64 error_count;                    \
	struct dynmem_error errors[DYNMEM_ERRORS]; \
	dynmem_u64 quarantine_count;               \
	dynmem_u64 quarantine[DYNMEM_QUARANTINE];  \
	struct dynmem_site sites[DYNMEM_ENTRIES];
#define DYNMEM_DEBUG_FLAG DYNMEM_FLAG_DEBUG
#else
#define DYNMEM_SITES
#define DYNMEM_DEBUG_FLAG 0
#endif

#if DYNMEM_ARENA
#define DYNMEM_ARENA_FLAG DYNMEM_FLAG_ARENA
#else
#define DYNMEM_ARENA_FLAG 0
#endif

#define DYNMEM_BINS \
	(DYNMEM_GRANULES <= DYNMEM_FEW_GRANULES ? DYNMEM_MOST_BINS / 2 : DYNMEM_MOST_BINS)

/* What lies before and behind the pool has tags too: it is not free. */
#define DYNMEM_TABLES                                        \
	dynmem_u64 pending_words[DYNMEM_PENDING_WORDS];     \
	dynmem_u16 tags[DYNMEM_ENTRIES + 2 * DYNMEM_MARGIN]; \
	union dynmem_link links[DYNMEM_ENTRIES];             \
	dynmem_entry bins[DYNMEM_BINS];                      \
	DYNMEM_SITES

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#ifndef __VMLINUX_H__
#include <linux/bpf.h>
#endif
#define dynmem_lock struct bpf_spin_lock /* the kernel does not look through a typedef */
#define DYNMEM_FLAGS (DYNMEM_DEBUG_FLAG | DYNMEM_ARENA_FLAG | DYNMEM_FLAG_SPIN_LOCK)
#else
#define DYNMEM_FLAGS (DYNMEM_DEBUG_FLAG | DYNMEM_ARENA_FLAG)
typedef dynmem_u32 dynmem_lock;
#endif

/* BEGIN src/heap/layout.rs */
/*
 * Marks an initialised heap and the version of this layout; another value means another
 * layout.
 */
#define DYNMEM_VERSION 0x444d0005U
/* Marks a heap that is being reset: it serves nothing until that is done. */
#define DYNMEM_RESETTING 0x444dffffU
/*
 * Most bins of free blocks. A bin for each size below 16 granules, then 8 per power of
 * two, so that a block of a larger bin is at most an eighth too large. 170 reach 2^23
 * granules; half of the bins are enough for [DYNMEM_FEW_GRANULES].
 */
#define DYNMEM_MOST_BINS 256U
/* Granules of a pool up to which a heap has half the bins. */
#define DYNMEM_FEW_GRANULES 131072U
/* 64-bit words in the map of non-empty bins. */
#define DYNMEM_BIN_WORDS 4U
/*
 * Free blocks of its own bin that an allocation looks at before it takes one of a
 * larger bin: more finds tighter fits, each costs the verifier a pass.
 */
#define DYNMEM_BIN_DEPTH 4U
/*
 * Lists of parked blocks, which wait here for the next allocation of their size without
 * being merged with their neighbours. The first half is for small blocks, one list for
 * each number of granules; larger blocks share the others by a hash.
 */
#define DYNMEM_LISTS 64U
/* Lists for small blocks: a power of two. */
#define DYNMEM_SMALL_LISTS 32U
/*
 * Logarithm of the number of small lists: the hash folds a number of granules by so
 * many bits.
 */
#define DYNMEM_LISTS_LOG 5U
/*
 * Bytes of a small block. All small blocks are parked: it makes them fast, and as each
 * list has one size, what is parked is used again soon. Parking larger ones without a
 * limit fragments the pool: with sizes up to a quarter of what is in use it had to be
 * 2.4 to 4.8 times as large.
 */
#define DYNMEM_SMALL_BYTES 512U
/*
 * What part of a pool larger blocks may hold while parked: one in so many. There may
 * always be one.
 */
#define DYNMEM_LARGE_PART 64U
/*
 * Logarithm of the length up to which a list grows, 64. Longer lists serve larger
 * bursts, and hold memory back from other sizes until an allocation finds none and
 * empties the lists.
 */
#define DYNMEM_LIST_DEPTH_LOG 6U
/* Where a list's word keeps its length, above the granule its first block starts at. */
#define DYNMEM_LIST_SHIFT 23U
/* Where a tag keeps the state of a granule, above all else. */
#define DYNMEM_STATE_SHIFT 14U
/* The bit of a tag that says that the block is handed over. */
#define DYNMEM_HANDED_OVER_SHIFT 13U
/* Logarithm of the number of granules that share a hand-over bit. */
#define DYNMEM_GROUP_LOG 2U
/* Granules that a word of hand-over bits stands for. */
#define DYNMEM_WORD_GRANULES 256U
/* Granules that a word of the level above stands for, and that need no such level. */
#define DYNMEM_WORD1_GRANULES 16384U
/* The same of the level above that. */
#define DYNMEM_WORD2_GRANULES 1048576U
/*
 * What a tag says of a block of so many granules or more, in the bits below its state
 * and "handed over". The number itself is then in the links of the granule within the
 * block that is next to the tag's, which nothing else uses.
 */
#define DYNMEM_LONG 8191U
/*
 * Tags before the first granule's. They say that what lies before the pool is not free.
 * Four, so that the tags of four granules, which share a hand-over bit, are a word of
 * 64 bits.
 */
#define DYNMEM_MARGIN 4U
/* State of a granule in the two top bits of its tag: within a block, or never used. */
#define DYNMEM_INSIDE 0U
/* State of a granule: a block in use starts here. */
#define DYNMEM_IN_USE 1U
/* State of a granule: a free block starts or ends here. */
#define DYNMEM_FREE 2U
/*
 * State of a granule: a freed block starts here and waits in a list. Its links keep the
 * word its list had before: the way to the next parked block.
 */
#define DYNMEM_PARKED 3U
/* Flag of a heap: it was built with DYNAMIC_MEMORY_DEBUG and has the tables for that. */
#define DYNMEM_FLAG_DEBUG 1U
/* Flag of a heap: it was built with DYNAMIC_MEMORY_SPIN_LOCK. */
#define DYNMEM_FLAG_SPIN_LOCK 2U
/*
 * Flag of a heap: it was built with DYNAMIC_MEMORY_ARENA, and the addresses of its
 * blocks are those of the arena in the process that loaded it.
 */
#define DYNMEM_FLAG_ARENA 4U
/* Bytes behind each block of a debug build, which nobody may write to. */
#define DYNMEM_FENCE 8U
/* What each of them is. */
#define DYNMEM_FENCE_BYTE 0xfbU
/* What each byte of a new block is in a debug build. */
#define DYNMEM_NEW 0xaaU
/* What each byte of a freed block is in a debug build. */
#define DYNMEM_FREED 0xddU
/* Errors that a heap of a debug build keeps: the last ones, a power of two. */
#define DYNMEM_ERRORS 16U
/*
 * Freed blocks that a heap of a debug build keeps from being used again, a power of
 * two: for so long a write to one is told with certainty.
 */
#define DYNMEM_QUARANTINE 16U
/*
 * What part of a pool a block may have to be kept so: one in so many. All together have
 * a quarter.
 */
#define DYNMEM_QUARANTINE_PART 64U
/*
 * Kind of an error: a program wrote behind a block, found when the block was freed or
 * resized.
 */
#define DYNMEM_OVERFLOW 1U
/*
 * Kind of an error: a program wrote to a block after it was freed, found when it was
 * used again.
 */
#define DYNMEM_USE_AFTER_FREE 2U
/* Kind of an error: a block was freed that was free already. */
#define DYNMEM_DOUBLE_FREE 3U
/* Kind of an error: something was freed that is no block. */
#define DYNMEM_INVALID_FREE 4U
/* What a debug build keeps of a block, at its first granule. */
struct dynmem_site {
	/*
	 * Address of the name of the file with the call that allocated it, a string of the
	 * object.
	 */
	dynmem_u64 allocated_file;
	/* The same of the call that freed it. */
	dynmem_u64 freed_file;
	/* Line of the call that allocated it; 0 for none. */
	dynmem_u32 allocated_line;
	/* Line of the call that freed it; 0 while it is in use. */
	dynmem_u32 freed_line;
	/* Bytes that were asked for. */
	dynmem_u32 size;
	/* Bytes that could be used when it was freed. */
	dynmem_u32 usable;
};
_Static_assert(__builtin_offsetof(struct dynmem_site, allocated_file) == 0,
	       "__builtin_offsetof(dynmem_site, allocated_file) == 0");
_Static_assert(sizeof(((struct dynmem_site *)0)->allocated_file) == 8,
	       "sizeof(((dynmem_site *)0)->allocated_file) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_site, freed_file) == 8,
	       "__builtin_offsetof(dynmem_site, freed_file) == 8");
_Static_assert(sizeof(((struct dynmem_site *)0)->freed_file) == 8,
	       "sizeof(((dynmem_site *)0)->freed_file) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_site, allocated_line) == 16,
	       "__builtin_offsetof(dynmem_site, allocated_line) == 16");
_Static_assert(sizeof(((struct dynmem_site *)0)->allocated_line) == 4,
	       "sizeof(((dynmem_site *)0)->allocated_line) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_site, freed_line) == 20,
	       "__builtin_offsetof(dynmem_site, freed_line) == 20");
_Static_assert(sizeof(((struct dynmem_site *)0)->freed_line) == 4,
	       "sizeof(((dynmem_site *)0)->freed_line) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_site, size) == 24,
	       "__builtin_offsetof(dynmem_site, size) == 24");
_Static_assert(sizeof(((struct dynmem_site *)0)->size) == 4,
	       "sizeof(((dynmem_site *)0)->size) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_site, usable) == 28,
	       "__builtin_offsetof(dynmem_site, usable) == 28");
_Static_assert(sizeof(((struct dynmem_site *)0)->usable) == 4,
	       "sizeof(((dynmem_site *)0)->usable) == 4");
/* An error that a debug build found. */
struct dynmem_error {
	/* Address of the block, or of what was taken for one. */
	dynmem_u64 address;
	/* DYNMEM_OVERFLOW and the like. */
	dynmem_u32 kind;
	/* Bytes that were asked for. */
	dynmem_u32 size;
	/* Line of the call that found it. */
	dynmem_u32 line;
	/* Line of the call that allocated the block; 0 if it is none. */
	dynmem_u32 allocated_line;
	/* Line of the call that freed the block before; 0 if none did. */
	dynmem_u32 freed_line;
	/* Not used. */
	dynmem_u32 reserved;
	/* Name of the file of line, as long as it fits, and a zero. */
	dynmem_u8 file[32];
	/* Name of the file of allocated_line. */
	dynmem_u8 allocated_file[32];
	/* Name of the file of freed_line. */
	dynmem_u8 freed_file[32];
};
_Static_assert(__builtin_offsetof(struct dynmem_error, address) == 0,
	       "__builtin_offsetof(dynmem_error, address) == 0");
_Static_assert(sizeof(((struct dynmem_error *)0)->address) == 8,
	       "sizeof(((dynmem_error *)0)->address) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_error, kind) == 8,
	       "__builtin_offsetof(dynmem_error, kind) == 8");
_Static_assert(sizeof(((struct dynmem_error *)0)->kind) == 4,
	       "sizeof(((dynmem_error *)0)->kind) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, size) == 12,
	       "__builtin_offsetof(dynmem_error, size) == 12");
_Static_assert(sizeof(((struct dynmem_error *)0)->size) == 4,
	       "sizeof(((dynmem_error *)0)->size) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, line) == 16,
	       "__builtin_offsetof(dynmem_error, line) == 16");
_Static_assert(sizeof(((struct dynmem_error *)0)->line) == 4,
	       "sizeof(((dynmem_error *)0)->line) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, allocated_line) == 20,
	       "__builtin_offsetof(dynmem_error, allocated_line) == 20");
_Static_assert(sizeof(((struct dynmem_error *)0)->allocated_line) == 4,
	       "sizeof(((dynmem_error *)0)->allocated_line) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, freed_line) == 24,
	       "__builtin_offsetof(dynmem_error, freed_line) == 24");
_Static_assert(sizeof(((struct dynmem_error *)0)->freed_line) == 4,
	       "sizeof(((dynmem_error *)0)->freed_line) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, reserved) == 28,
	       "__builtin_offsetof(dynmem_error, reserved) == 28");
_Static_assert(sizeof(((struct dynmem_error *)0)->reserved) == 4,
	       "sizeof(((dynmem_error *)0)->reserved) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_error, file) == 32,
	       "__builtin_offsetof(dynmem_error, file) == 32");
_Static_assert(sizeof(((struct dynmem_error *)0)->file) == 32,
	       "sizeof(((dynmem_error *)0)->file) == 32");
_Static_assert(__builtin_offsetof(struct dynmem_error, allocated_file) == 64,
	       "__builtin_offsetof(dynmem_error, allocated_file) == 64");
_Static_assert(sizeof(((struct dynmem_error *)0)->allocated_file) == 32,
	       "sizeof(((dynmem_error *)0)->allocated_file) == 32");
_Static_assert(__builtin_offsetof(struct dynmem_error, freed_file) == 96,
	       "__builtin_offsetof(dynmem_error, freed_file) == 96");
_Static_assert(sizeof(((struct dynmem_error *)0)->freed_file) == 32,
	       "sizeof(((dynmem_error *)0)->freed_file) == 32");
/*
 * A heap: one value of the map dynmem_heaps. Its blocks are in another map, so a
 * program that writes beyond its block reaches none of this. Granules count from 1, and
 * 0 means none. The first lines are what the fast path touches.
 */
struct dynmem_heap {
	/* Held by whoever changes anything below that is not said to be atomic. */
	dynmem_lock lock;
	/* DYNMEM_VERSION once the heap is initialised, 0 before. */
	dynmem_u32 version;
	/*
	 * Atomic: which words of the hand-over bits may have a bit set (the root of their
	 * tree).
	 */
	dynmem_u64 pending;
	/* Blocks handed out since the start. */
	dynmem_u64 allocations;
	/*
	 * What is handed out and not taken back: granules above 32 bits of blocks. In one
	 * number, so that an allocation or a free changes both at once.
	 */
	dynmem_u64 used;
	/* Largest value used has had. */
	dynmem_u64 high_water;
	/*
	 * Where the pool begins in the kernel's memory, in bytes, as a number: 0 before the
	 * first use.
	 */
	dynmem_u64 pool_address;
	/* Blocks taken back from a program on a CPU that uses another heap. */
	dynmem_u64 remote_frees;
	/* Atomic: blocks handed over by a free that found the lock held. */
	dynmem_u64 handed_over;
	/* Lists of parked blocks: length and first granule less one. */
	dynmem_u32 lists[64];
	/* Bit set: the bin has a block. */
	dynmem_u64 bin_map[4];
	/* Size changes of blocks where they stand, by realloc. */
	dynmem_u64 resizes;
	/* Atomic: frees refused because the block was free already. */
	dynmem_u64 double_frees;
	/* Atomic: frees refused because no block starts at the address. */
	dynmem_u64 invalid_frees;
	/*
	 * Atomic: allocations refused because the size was 0, larger than a pool, or
	 * overflowed.
	 */
	dynmem_u64 failed_size;
	/* Atomic: allocations refused because no heap had a block large enough. */
	dynmem_u64 failed_memory;
	/* Atomic: allocations refused while a heap that might have served them was held. */
	dynmem_u64 failed_busy;
	/* Bytes of a granule. */
	dynmem_u32 granule;
	/* Granules in the pool: as many as a loader asked for, up to room. */
	dynmem_u32 granules;
	/* Bits of a link and of a bin's first block: 16 or 32. */
	dynmem_u32 entry_bits;
	/* DYNMEM_FLAG_…. */
	dynmem_u32 flags;
	/* Granules in parked blocks that are not small. */
	dynmem_u32 large_parked;
	/* The list that the last such block was parked in. */
	dynmem_u32 large_last;
	/* Granules that the tables have room for: those of the largest pool. */
	dynmem_u32 room;
	/* Not used. */
	dynmem_u32 reserved;
	/* The tables. */
	DYNMEM_TABLES
};
_Static_assert(__builtin_offsetof(struct dynmem_heap, lock) == 0,
	       "__builtin_offsetof(dynmem_heap, lock) == 0");
_Static_assert(sizeof(((struct dynmem_heap *)0)->lock) == 4,
	       "sizeof(((dynmem_heap *)0)->lock) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, version) == 4,
	       "__builtin_offsetof(dynmem_heap, version) == 4");
_Static_assert(sizeof(((struct dynmem_heap *)0)->version) == 4,
	       "sizeof(((dynmem_heap *)0)->version) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, pending) == 8,
	       "__builtin_offsetof(dynmem_heap, pending) == 8");
_Static_assert(sizeof(((struct dynmem_heap *)0)->pending) == 8,
	       "sizeof(((dynmem_heap *)0)->pending) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, allocations) == 16,
	       "__builtin_offsetof(dynmem_heap, allocations) == 16");
_Static_assert(sizeof(((struct dynmem_heap *)0)->allocations) == 8,
	       "sizeof(((dynmem_heap *)0)->allocations) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, used) == 24,
	       "__builtin_offsetof(dynmem_heap, used) == 24");
_Static_assert(sizeof(((struct dynmem_heap *)0)->used) == 8,
	       "sizeof(((dynmem_heap *)0)->used) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, high_water) == 32,
	       "__builtin_offsetof(dynmem_heap, high_water) == 32");
_Static_assert(sizeof(((struct dynmem_heap *)0)->high_water) == 8,
	       "sizeof(((dynmem_heap *)0)->high_water) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, pool_address) == 40,
	       "__builtin_offsetof(dynmem_heap, pool_address) == 40");
_Static_assert(sizeof(((struct dynmem_heap *)0)->pool_address) == 8,
	       "sizeof(((dynmem_heap *)0)->pool_address) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, remote_frees) == 48,
	       "__builtin_offsetof(dynmem_heap, remote_frees) == 48");
_Static_assert(sizeof(((struct dynmem_heap *)0)->remote_frees) == 8,
	       "sizeof(((dynmem_heap *)0)->remote_frees) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, handed_over) == 56,
	       "__builtin_offsetof(dynmem_heap, handed_over) == 56");
_Static_assert(sizeof(((struct dynmem_heap *)0)->handed_over) == 8,
	       "sizeof(((dynmem_heap *)0)->handed_over) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, lists) == 64,
	       "__builtin_offsetof(dynmem_heap, lists) == 64");
_Static_assert(sizeof(((struct dynmem_heap *)0)->lists) == 256,
	       "sizeof(((dynmem_heap *)0)->lists) == 256");
_Static_assert(__builtin_offsetof(struct dynmem_heap, bin_map) == 320,
	       "__builtin_offsetof(dynmem_heap, bin_map) == 320");
_Static_assert(sizeof(((struct dynmem_heap *)0)->bin_map) == 32,
	       "sizeof(((dynmem_heap *)0)->bin_map) == 32");
_Static_assert(__builtin_offsetof(struct dynmem_heap, resizes) == 352,
	       "__builtin_offsetof(dynmem_heap, resizes) == 352");
_Static_assert(sizeof(((struct dynmem_heap *)0)->resizes) == 8,
	       "sizeof(((dynmem_heap *)0)->resizes) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, double_frees) == 360,
	       "__builtin_offsetof(dynmem_heap, double_frees) == 360");
_Static_assert(sizeof(((struct dynmem_heap *)0)->double_frees) == 8,
	       "sizeof(((dynmem_heap *)0)->double_frees) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, invalid_frees) == 368,
	       "__builtin_offsetof(dynmem_heap, invalid_frees) == 368");
_Static_assert(sizeof(((struct dynmem_heap *)0)->invalid_frees) == 8,
	       "sizeof(((dynmem_heap *)0)->invalid_frees) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, failed_size) == 376,
	       "__builtin_offsetof(dynmem_heap, failed_size) == 376");
_Static_assert(sizeof(((struct dynmem_heap *)0)->failed_size) == 8,
	       "sizeof(((dynmem_heap *)0)->failed_size) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, failed_memory) == 384,
	       "__builtin_offsetof(dynmem_heap, failed_memory) == 384");
_Static_assert(sizeof(((struct dynmem_heap *)0)->failed_memory) == 8,
	       "sizeof(((dynmem_heap *)0)->failed_memory) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, failed_busy) == 392,
	       "__builtin_offsetof(dynmem_heap, failed_busy) == 392");
_Static_assert(sizeof(((struct dynmem_heap *)0)->failed_busy) == 8,
	       "sizeof(((dynmem_heap *)0)->failed_busy) == 8");
_Static_assert(__builtin_offsetof(struct dynmem_heap, granule) == 400,
	       "__builtin_offsetof(dynmem_heap, granule) == 400");
_Static_assert(sizeof(((struct dynmem_heap *)0)->granule) == 4,
	       "sizeof(((dynmem_heap *)0)->granule) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, granules) == 404,
	       "__builtin_offsetof(dynmem_heap, granules) == 404");
_Static_assert(sizeof(((struct dynmem_heap *)0)->granules) == 4,
	       "sizeof(((dynmem_heap *)0)->granules) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, entry_bits) == 408,
	       "__builtin_offsetof(dynmem_heap, entry_bits) == 408");
_Static_assert(sizeof(((struct dynmem_heap *)0)->entry_bits) == 4,
	       "sizeof(((dynmem_heap *)0)->entry_bits) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, flags) == 412,
	       "__builtin_offsetof(dynmem_heap, flags) == 412");
_Static_assert(sizeof(((struct dynmem_heap *)0)->flags) == 4,
	       "sizeof(((dynmem_heap *)0)->flags) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, large_parked) == 416,
	       "__builtin_offsetof(dynmem_heap, large_parked) == 416");
_Static_assert(sizeof(((struct dynmem_heap *)0)->large_parked) == 4,
	       "sizeof(((dynmem_heap *)0)->large_parked) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, large_last) == 420,
	       "__builtin_offsetof(dynmem_heap, large_last) == 420");
_Static_assert(sizeof(((struct dynmem_heap *)0)->large_last) == 4,
	       "sizeof(((dynmem_heap *)0)->large_last) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, room) == 424,
	       "__builtin_offsetof(dynmem_heap, room) == 424");
_Static_assert(sizeof(((struct dynmem_heap *)0)->room) == 4,
	       "sizeof(((dynmem_heap *)0)->room) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, reserved) == 428,
	       "__builtin_offsetof(dynmem_heap, reserved) == 428");
_Static_assert(sizeof(((struct dynmem_heap *)0)->reserved) == 4,
	       "sizeof(((dynmem_heap *)0)->reserved) == 4");
_Static_assert(__builtin_offsetof(struct dynmem_heap, pending_words) == 432,
	       "__builtin_offsetof(dynmem_heap, pending_words) == 432");

/* BEGIN src/heap/c/50_maps.h */
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
_Static_assert(DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE < 536870912,
	       "with DYNAMIC_MEMORY_LINKED all pools must stay below 512 MiB, the verifier's limit");
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
_Static_assert(sizeof(dynmem_keys) == 64 * sizeof(*dynmem_keys), "a key for each heap");

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

/* BEGIN src/heap/c/52_locks.h */
/* ---- locks and atomics ------------------------------------------------------------------- */

#if DYNMEM_NATIVE
#define DYNMEM_EXCHANGE(at, value) __atomic_exchange_n(at, value, __ATOMIC_ACQUIRE)
#define DYNMEM_RELEASE(at) __atomic_store_n(at, 0, __ATOMIC_RELEASE)
#define DYNMEM_FETCH_ADD(at, value) __atomic_fetch_add(at, value, __ATOMIC_SEQ_CST)
#define DYNMEM_FETCH_OR(at, value) __atomic_fetch_or(at, value, __ATOMIC_SEQ_CST)
#define DYNMEM_FETCH_AND(at, value) __atomic_fetch_and(at, value, __ATOMIC_SEQ_CST)
/* Whether `at` held `old`, and holds `value` now. */
#define DYNMEM_SWAP(at, old, value)                                             \
	({                                                                      \
		__typeof__(*(at)) old_ = old;                                   \
		__atomic_compare_exchange_n(at, &old_, value, 0, __ATOMIC_SEQ_CST, \
					    __ATOMIC_SEQ_CST);                  \
	})
#define DYNMEM_COUNT(at) ((void)__atomic_fetch_add(at, 1, __ATOMIC_RELAXED))
/* Read or written by a thread that does not hold the lock. */
#define DYNMEM_LOAD(at) __atomic_load_n(at, __ATOMIC_RELAXED)
#define DYNMEM_STORE(at, value) __atomic_store_n(at, value, __ATOMIC_RELAXED)
/* The same, and what the thread that wrote it did before is done. */
#define DYNMEM_LOAD_ACQUIRE(at) __atomic_load_n(at, __ATOMIC_ACQUIRE)
#else
#define DYNMEM_EXCHANGE(at, value) __sync_lock_test_and_set(at, value)
/*
 * x86 and s390 keep the order of stores, so a plain one gives a lock back. Elsewhere an exchange
 * does: BPF has a store-release from Linux 6.15 only.
 */
#if defined(__TARGET_ARCH_x86) || defined(__TARGET_ARCH_s390) || \
	defined(_ASM_X86_POSIX_TYPES_64_H)
#define DYNMEM_RELEASE(at)                                    \
	do {                                                  \
		__asm__ volatile("" ::: "memory");                \
		*(volatile __typeof__(*(at)) *)(at) = 0;      \
	} while (0)
#else
#define DYNMEM_RELEASE(at) ((void)__sync_lock_test_and_set(at, 0))
#endif
#define DYNMEM_FETCH_ADD(at, value) __sync_fetch_and_add(at, value)
/* The result is used, or clang drops the fetch and with it the order of the accesses. */
#define DYNMEM_FETCH_OR(at, value)                                     \
	({                                                             \
		__typeof__(*(at)) old_ = __sync_fetch_and_or(at, value); \
		DYNMEM_HIDE(old_);                                     \
		old_;                                                  \
	})
#define DYNMEM_FETCH_AND(at, value)                                     \
	({                                                              \
		__typeof__(*(at)) old_ = __sync_fetch_and_and(at, value); \
		DYNMEM_HIDE(old_);                                      \
		old_;                                                   \
	})
#define DYNMEM_SWAP(at, old, value) __sync_bool_compare_and_swap(at, old, value)
#define DYNMEM_COUNT(at) ((void)__sync_fetch_and_add(at, 1))
#define DYNMEM_LOAD(at) (*(volatile __typeof__(*(at)) *)(at))
#define DYNMEM_STORE(at, value) (*(volatile __typeof__(*(at)) *)(at) = (value))
/*
 * What comes behind it are stores that depend on a branch on the value: no processor makes them before
 * it has that. BPF has a load-acquire from Linux 6.15 only.
 */
#define DYNMEM_LOAD_ACQUIRE(at) DYNMEM_LOAD(at)
#endif

/*
 * Programs interrupt one another on a CPU, so whoever finds a heap locked may stand on top of the
 * holder and must not wait for it: malloc goes to another heap, free hands the block over.
 * A bpf_spin_lock keeps interrupts away instead, which is why tracing programs may not use it.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_TRY_LOCK(heap) (dynmem_bpf_spin_lock(&(heap)->lock), 1)
#define DYNMEM_UNLOCK(heap) dynmem_bpf_spin_unlock(&(heap)->lock)
/* A reset gives the lock back while it empties the tables: no helper may be called with it held. */
#define DYNMEM_OR_RESETTING(heap) || (heap)->version != DYNMEM_VERSION
#else
#define DYNMEM_OR_RESETTING(heap)
#define DYNMEM_TRY_LOCK(heap) (!DYNMEM_EXCHANGE(&(heap)->lock, 1U))
#define DYNMEM_UNLOCK(heap) DYNMEM_RELEASE(&(heap)->lock)
#endif

/* BEGIN src/heap/c/54_numbers.h */
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

/* BEGIN src/heap/c/60_blocks.h */
/* ---- the tables of a heap ---------------------------------------------------------------- */

/*
 * Granules count from 1 in the tables and 0 is "none". The masks prove every index valid: one
 * instruction each, and one path for the verifier, where a comparison makes two.
 */
DYNMEM_INLINE dynmem_u16 *dynmem_tag(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->tags[DYNMEM_MARGIN + (block & DYNMEM_INDEX_MASK)];
}

/* The tag of the granule before `block`. */
DYNMEM_INLINE dynmem_u16 *dynmem_tag_before(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->tags[DYNMEM_MARGIN - 1 + (block & DYNMEM_INDEX_MASK)];
}

/* The tag of the granule behind `last`. */
DYNMEM_INLINE dynmem_u16 *dynmem_tag_behind(struct dynmem_heap *heap, dynmem_u64 last)
{
	last -= 1;
	DYNMEM_HIDE(last);
	return &heap->tags[DYNMEM_MARGIN + 1 + (last & DYNMEM_INDEX_MASK)];
}

DYNMEM_INLINE union dynmem_link *dynmem_link(struct dynmem_heap *heap, dynmem_u64 block)
{
	block -= 1;
	DYNMEM_HIDE(block);
	return &heap->links[block & DYNMEM_INDEX_MASK];
}

DYNMEM_INLINE dynmem_entry *dynmem_next(struct dynmem_heap *heap, dynmem_u64 block)
{
	return &dynmem_link(heap, block)->pair[0];
}

DYNMEM_INLINE dynmem_entry *dynmem_previous(struct dynmem_heap *heap, dynmem_u64 block)
{
	return &dynmem_link(heap, block)->pair[1];
}

/*
 * Granules of a block by its tag. A long block has them in the links of a granule of its own, `beside`:
 * the second one, or the last but one where the tag is that of a free block's end.
 */
DYNMEM_INLINE dynmem_u64 dynmem_size(struct dynmem_heap *heap, dynmem_u64 tag, dynmem_u64 beside)
{
	tag &= DYNMEM_TAG_GRANULES;
#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag == DYNMEM_LONG)
		tag = dynmem_link(heap, beside)->word;
#endif
	(void)heap;
	(void)beside;
	return tag;
}

/* Writes the tag of a block's first granule. */
DYNMEM_INLINE void dynmem_set_tag(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 state,
				  dynmem_u64 granules)
{
	dynmem_u64 tag = granules;

#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag >= DYNMEM_LONG) {
		dynmem_link(heap, block + 1)->word = (dynmem_u32)tag;
		tag = DYNMEM_LONG;
	}
#endif
	DYNMEM_STORE(dynmem_tag(heap, block), (dynmem_u16)(DYNMEM_TAG(state) | tag));
}

/* Writes the tag of a free block's last granule. */
DYNMEM_INLINE void dynmem_set_end(struct dynmem_heap *heap, dynmem_u64 last, dynmem_u64 granules)
{
	dynmem_u64 tag = granules;

#if DYNMEM_GRANULES >= DYNMEM_LONG
	if (tag >= DYNMEM_LONG) {
		dynmem_link(heap, last - 1)->word = (dynmem_u32)tag;
		tag = DYNMEM_LONG;
	}
#endif
	DYNMEM_STORE(dynmem_tag(heap, last), (dynmem_u16)(DYNMEM_TAG(DYNMEM_FREE) | tag));
}

DYNMEM_INLINE dynmem_entry *dynmem_bin_head(struct dynmem_heap *heap, dynmem_u64 bin)
{
	/* Linux 6.1 cannot derive the bound that clang can, and clang would drop the mask for it. */
	DYNMEM_HIDE(bin);
	return &heap->bins[bin & (DYNMEM_BINS - 1)];
}

/* The word of the map of bins that `bin` is in. */
DYNMEM_INLINE dynmem_u64 dynmem_bin_word(dynmem_u64 bin)
{
	bin >>= 6;
	DYNMEM_HIDE(bin);
	return bin & (DYNMEM_BINS / 64 - 1);
}

/* ---- free blocks, all under the heap's lock ---------------------------------------------- */

DYNMEM_INLINE void dynmem_bin_insert(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_u64 bin = dynmem_bin(granules);
	dynmem_entry *head = dynmem_bin_head(heap, bin);
	dynmem_u64 next = *head;

	*dynmem_next(heap, block) = (dynmem_entry)next;
	*dynmem_previous(heap, block) = 0;
	if (next)
		*dynmem_previous(heap, next) = (dynmem_entry)block;
	*head = (dynmem_entry)block;
	heap->bin_map[dynmem_bin_word(bin)] |= 1ULL << (bin & 63);
	dynmem_set_tag(heap, block, DYNMEM_FREE, granules);
	dynmem_set_end(heap, block + granules - 1, granules);
}

DYNMEM_INLINE void dynmem_bin_take(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 bin)
{
	dynmem_u64 next = *dynmem_next(heap, block);
	dynmem_u64 previous = *dynmem_previous(heap, block);

	if (next)
		*dynmem_previous(heap, next) = (dynmem_entry)previous;
	if (previous) {
		*dynmem_next(heap, previous) = (dynmem_entry)next;
	} else {
		*dynmem_bin_head(heap, bin) = (dynmem_entry)next;
		if (!next)
			heap->bin_map[dynmem_bin_word(bin)] &= ~(1ULL << (bin & 63));
	}
}

DYNMEM_INLINE void dynmem_bin_remove(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_bin_take(heap, block, dynmem_bin(granules));
}

/* Makes granules free that belong to no block, as one block with its free neighbours. */
DYNMEM_INLINE void dynmem_coalesce(struct dynmem_heap *heap, dynmem_u64 block, dynmem_u64 granules)
{
	dynmem_u64 left = DYNMEM_LOAD(dynmem_tag_before(heap, block)), right;

	if ((left & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
		left = dynmem_size(heap, left, block - 2);
		DYNMEM_STORE(dynmem_tag_before(heap, block), 0);
		DYNMEM_STORE(dynmem_tag(heap, block), 0);
		block -= left;
		granules += left;
		dynmem_bin_remove(heap, block, left);
	}
	right = DYNMEM_LOAD(dynmem_tag_behind(heap, block + granules - 1));
	if ((right & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
		right = dynmem_size(heap, right, block + granules + 1);
		DYNMEM_STORE(dynmem_tag_behind(heap, block + granules - 1), 0);
		dynmem_bin_remove(heap, block + granules, right);
		granules += right;
	}
	dynmem_bin_insert(heap, block, granules);
}

/* Takes a free block of so many granules at least from its bin, by good fit; 0 if there is none. */
DYNMEM_INLINE dynmem_u64 dynmem_find(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u32 i;
	dynmem_u64 bin = dynmem_bin(granules);
	/* All paths give a value of one entry's range: the verifier goes on with one of them. */
	dynmem_u64 block = *dynmem_bin_head(heap, bin), map;

	/* The blocks of its own bin may be smaller: look at a few, then take any larger bin. */
	for (i = 0; i < DYNMEM_BIN_DEPTH && block; i++) {
		if (dynmem_size(heap, DYNMEM_LOAD(dynmem_tag(heap, block)), block + 1) >= granules)
			goto found;
		block = *dynmem_next(heap, block);
	}
	bin++;
	map = heap->bin_map[dynmem_bin_word(bin)] >> (bin & 63) << (bin & 63);
	bin >>= 6;
	for (i = 1; i < DYNMEM_BINS / 64 && !map; i++) {
		bin++;
		DYNMEM_HIDE(bin);
		if (bin >= DYNMEM_BINS / 64)
			return 0;
		map = heap->bin_map[bin];
	}
	if (!map)
		return 0;
	bin = (bin << 6) + dynmem_lowest(map);
	block = *dynmem_bin_head(heap, bin);
found:
	DYNMEM_HIDE(bin);
	dynmem_bin_take(heap, block, bin);
	return block;
}

/*
 * What is done with the lock held, as global functions where Linux takes a call there: less to verify,
 * and less stack, as what needs many registers has a frame of its own, and none of these frames lies
 * below another. With a bpf_spin_lock held Linux takes no call.
 */
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_MERGE(heap, number, index, granules) dynmem_coalesce(heap, 1 + (index), granules)
#define DYNMEM_FIND(heap, number, granules) dynmem_find(heap, granules)
#else
DYNMEM_GLOBAL int dynmem_merge(dynmem_u64 number, dynmem_u64 index, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap)
		return -EINVAL;
	dynmem_coalesce(heap, 1 + index, granules);
	return 0;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_find_held(dynmem_u64 number, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_find(heap, granules) : 0;
}
#define DYNMEM_MERGE(heap, number, index, granules) dynmem_merge(number, index, granules)
#define DYNMEM_FIND(heap, number, granules) dynmem_find_held(number, granules)
#endif

/* BEGIN src/heap/c/62_parked.h */
/* ---- the lists of parked blocks ---------------------------------------------------------- */

#define DYNMEM_LIST_ONE (1ULL << DYNMEM_LIST_SHIFT)
/* Granules of the largest small block, a power of two. */
#define DYNMEM_SMALL                                                     \
	(DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE <= 1 ? 1ULL         \
	 : DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE < DYNMEM_SMALL_LISTS \
		 ? 0ULL + DYNMEM_SMALL_BYTES / DYNAMIC_MEMORY_GRANULE       \
		 : 0ULL + DYNMEM_SMALL_LISTS)
/* Granules that larger blocks may have together while they are parked, if it is more than one. */
#define DYNMEM_LARGE(heap) ((heap)->granules / DYNMEM_LARGE_PART)

/* The list for blocks of so many granules. Large sizes that are powers of two get different ones. */
DYNMEM_INLINE dynmem_u64 dynmem_list(dynmem_u64 granules)
{
	dynmem_u64 list = granules - 1;

	if (list >= DYNMEM_SMALL)
		list = DYNMEM_SMALL_LISTS +
		       ((list ^ list >> DYNMEM_LISTS_LOG) & (DYNMEM_SMALL_LISTS - 1));
	DYNMEM_HIDE(list);
	return list & (DYNMEM_LISTS - 1);
}

/* Not 0 if a list's word says that the list is full: the bit that no other list's word has. */
#define DYNMEM_LIST_FULL(word) ((word) & DYNMEM_LIST_ONE << DYNMEM_LIST_DEPTH_LOG)

/*
 * Takes off the first block of a list, which must have one, and gives its index. The links of a parked
 * block are the word that the list had before, length included.
 */
DYNMEM_INLINE dynmem_u64 dynmem_list_pop(struct dynmem_heap *heap, dynmem_u32 *list)
{
	dynmem_u64 index = *list & DYNMEM_INDEX_MASK;

	DYNMEM_STORE(list, heap->links[index].word);
	return index;
}

DYNMEM_INLINE void dynmem_list_push(struct dynmem_heap *heap, dynmem_u32 *list, dynmem_u64 index)
{
	dynmem_u32 word = *list;

	heap->links[index].word = word;
	DYNMEM_STORE(list, (dynmem_u32)((word & ~(DYNMEM_LIST_ONE - 1)) + DYNMEM_LIST_ONE + index));
}

/* Takes off the first block of a list as above; `*granules` is its size. */
DYNMEM_INLINE dynmem_u64 dynmem_unpark(struct dynmem_heap *heap, dynmem_u64 list,
				       dynmem_u64 *granules)
{
	dynmem_u64 index = dynmem_list_pop(heap, &heap->lists[list]);

	*granules = dynmem_size(heap, DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]), index + 2);
	if (list >= DYNMEM_SMALL_LISTS)
		heap->large_parked -= (dynmem_u32)*granules;
	return index;
}

/* What a block of so many granules adds to a heap's `used`. */
#define DYNMEM_USE(granules) ((0ULL + (granules)) << 32 | 1)

DYNMEM_INLINE void dynmem_count_allocation(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u64 used = heap->used + DYNMEM_USE(granules);

	heap->allocations++;
	heap->used = used;
	if (DYNMEM_RARE(used > heap->high_water))
		heap->high_water = used;
}

/* ---- hand-over: a free that finds the heap locked ---------------------------------------- */

#define DYNMEM_TAG_IS(tag, wanted) (((tag) & (DYNMEM_TAG_STATE | DYNMEM_TAG_HANDED_OVER)) == (wanted))

/* Counts a free that is refused: of a block that is free already, or of what is no block. */
DYNMEM_INLINE void dynmem_count_refused(struct dynmem_heap *heap, dynmem_u64 tag)
{
	if (tag & DYNMEM_TAG_STATE)
		DYNMEM_COUNT(&heap->double_frees);
	else
		DYNMEM_COUNT(&heap->invalid_frees);
}

#ifndef DYNAMIC_MEMORY_SPIN_LOCK

/*
 * Changes bits of a tag and gives the tag from before. BPF has such instructions for 32 and 64 bits, so
 * this takes two tags; the other one stays as it is, whoever changes it.
 */
#if DYNMEM_NATIVE
#define DYNMEM_TAG_OR(heap, index, bits) \
	DYNMEM_FETCH_OR(&(heap)->tags[DYNMEM_MARGIN + (index)], (dynmem_u16)(bits))
#define DYNMEM_TAG_AND(heap, index, bits) \
	DYNMEM_FETCH_AND(&(heap)->tags[DYNMEM_MARGIN + (index)], (dynmem_u16)(bits))
#else
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define DYNMEM_TAG_SHIFT(index) (((index) & 1) * 16)
#else
#define DYNMEM_TAG_SHIFT(index) (16 - ((index) & 1) * 16)
#endif
#define DYNMEM_TWO_TAGS(heap, index) ((dynmem_u32 *)((heap)->tags + DYNMEM_MARGIN) + ((index) >> 1))
#define DYNMEM_TAG_OR(heap, index, bits)                                          \
	(DYNMEM_FETCH_OR(DYNMEM_TWO_TAGS(heap, index),                            \
			 (dynmem_u32)((bits) << DYNMEM_TAG_SHIFT(index))) >>      \
		 DYNMEM_TAG_SHIFT(index) & 0xffff)
#define DYNMEM_TAG_AND(heap, index, bits)                                         \
	DYNMEM_FETCH_AND(DYNMEM_TWO_TAGS(heap, index),                            \
			 (dynmem_u32)~((0xffffULL & ~(bits)) << DYNMEM_TAG_SHIFT(index)))
#endif

/*
 * Leaves a block to whoever holds the lock now or next. The bit in the tag decides who frees the
 * block, the bits of the tree only lead to it; they are set from the bottom up and cleared from
 * the top down, so that none is overlooked.
 */
DYNMEM_GLOBAL int dynmem_hand_over(dynmem_u64 number, dynmem_u64 index)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 tag, group;

	if (!heap)
		return -EINVAL;
	DYNMEM_HIDE(index);
	index &= DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	/* Anything but a block in use is left alone: its tag belongs to the holder of the lock. */
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		dynmem_count_refused(heap, tag);
		return -EINVAL;
	}
	tag = DYNMEM_TAG_OR(heap, index, DYNMEM_TAG_HANDED_OVER);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		/*
		 * At this moment another free or a reset was faster. The bit must not stay; who holds the
		 * lock takes a tag with it for one that has another size than is wanted.
		 */
		if (!(tag & DYNMEM_TAG_HANDED_OVER))
			DYNMEM_TAG_AND(heap, index, ~DYNMEM_TAG_HANDED_OVER);
		dynmem_count_refused(heap, tag);
		return -EINVAL;
	}
	group = index >> DYNMEM_GROUP_LOG;
	DYNMEM_FETCH_OR(&heap->pending_words[group >> 6], 1ULL << (group & 63));
#if DYNMEM_LEVELS > 1
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL1 + (group >> 12)],
			1ULL << (group >> 6 & 63));
#endif
#if DYNMEM_LEVELS > 2
	DYNMEM_FETCH_OR(&heap->pending_words[DYNMEM_LEVEL2 + (group >> 18)],
			1ULL << (group >> 12 & 63));
#endif
	DYNMEM_FETCH_OR(&heap->pending, 1ULL << (group >> (6 * DYNMEM_LEVELS) & 63));
	DYNMEM_COUNT(&heap->handed_over);
	return 0;
}

/* The word of a level at index `at`, which becomes the index of its lowest bit; none if empty. */
#define DYNMEM_DESCEND(base, entries)                                          \
	do {                                                                   \
		at = at << 6 | dynmem_lowest(bit);                             \
		DYNMEM_HIDE(at);                                               \
		at &= (entries) - 1;                                           \
		word = &heap->pending_words[(base) + at];                      \
		if (!DYNMEM_LOAD(word)) {                                      \
			/* A bit left behind; it may be needed again by now. */ \
			DYNMEM_FETCH_AND(parent, ~bit);                        \
			if (DYNMEM_LOAD(word))                                 \
				DYNMEM_FETCH_OR(parent, bit);                  \
			return 0;                                              \
		}                                                              \
		parent = word;                                                 \
		bit = DYNMEM_LOAD(parent);                                     \
		bit &= -bit;                                                   \
	} while (0)

/*
 * Finds a handed-over block and counts it as given back, or clears one bit left behind; under the lock.
 * Its granules, which the caller has to make free, and its index in `*index`; 0 if there is none.
 */
DYNMEM_INLINE dynmem_u64 dynmem_drain(struct dynmem_heap *heap, dynmem_u64 *index)
{
	dynmem_u64 *parent = &heap->pending, *word;
	dynmem_u64 bit = DYNMEM_LOAD(parent), at = 0, tags, tag;

	if (!bit)
		return 0;
	bit &= -bit;
#if DYNMEM_LEVELS > 2
	DYNMEM_DESCEND(DYNMEM_LEVEL2, DYNMEM_ENTRIES / DYNMEM_WORD2_GRANULES);
#endif
#if DYNMEM_LEVELS > 1
	DYNMEM_DESCEND(DYNMEM_LEVEL1, DYNMEM_ENTRIES / DYNMEM_WORD1_GRANULES);
#endif
	DYNMEM_DESCEND(0, DYNMEM_LEVEL1);
	at = at << 6 | dynmem_lowest(bit);
	DYNMEM_HIDE(at);
	at &= DYNMEM_INDEX_MASK >> DYNMEM_GROUP_LOG;
	/* First the bit: what is handed over from now on sets it again. */
	DYNMEM_FETCH_AND(parent, ~bit);
	tags = DYNMEM_LOAD((dynmem_four_tags *)(heap->tags + DYNMEM_MARGIN) + at);
	tags = DYNMEM_LITTLE_TAGS(tags) & (~0ULL / 0xffff * DYNMEM_TAG_HANDED_OVER);
	if (tags & (tags - 1)) /* another one in the group */
		DYNMEM_FETCH_OR(parent, bit);
	at = at << DYNMEM_GROUP_LOG | (dynmem_lowest(tags | 1ULL << 63) >> 4);
	DYNMEM_HIDE(at);
	at &= DYNMEM_INDEX_MASK;
	/* The group's bit may be of another block, so it says nothing of what was done with this one. */
	tag = DYNMEM_LOAD_ACQUIRE(&heap->tags[DYNMEM_MARGIN + at]);
	/*
	 * A bit left behind: whoever hands over sets it last, and the block was found before, by the bit of
	 * another one in its group. No error of the program, so not counted as one. (Nor is a block that is
	 * freed twice at the same moment, once under the lock, which looks the same: it is freed once.)
	 */
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE) | DYNMEM_TAG_HANDED_OVER))
		return 0;
	tag = dynmem_size(heap, tag, at + 2);
	heap->used -= DYNMEM_USE(tag);
	*index = at;
	return tag;
}
#endif

/* BEGIN src/heap/c/64_serve.h */
/* ---- allocation -------------------------------------------------------------------------- */

/* Makes the whole pool of a heap its first free block, unless it has been done. */
DYNMEM_GLOBAL int dynmem_prepare(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u8 DYNMEM_SPACE *pool = dynmem_pool(number);
	dynmem_u64 granules = dynamic_memory_pool_size / DYNAMIC_MEMORY_GRANULE;

	if (granules - 1 >= DYNMEM_GRANULES)
		granules = DYNMEM_GRANULES;
	if (!heap || !pool || !DYNMEM_TRY_LOCK(heap))
		return -EINVAL;
	if (!heap->version) {
		DYNMEM_STORE(&heap->pool_address, dynmem_number(pool));
		heap->granule = DYNAMIC_MEMORY_GRANULE;
		heap->granules = (dynmem_u32)granules;
		heap->room = DYNMEM_GRANULES;
		heap->entry_bits = DYNMEM_ENTRY_BITS;
		heap->flags = DYNMEM_FLAGS;
		dynmem_bin_insert(heap, 1, granules);
		DYNMEM_STORE(&heap->version, DYNMEM_VERSION);
	}
	DYNMEM_UNLOCK(heap);
	return 0;
}

/*
 * Cuts `granules` granules from the free block at `block`, which is in no bin, as far behind its start
 * as `units`, the alignment in granules, demands: the index of a block in use. Under the lock. No
 * neighbour of the rests is free, so they merge with none.
 */
DYNMEM_INLINE dynmem_u64 dynmem_cut(struct dynmem_heap *heap, dynmem_u64 block,
				    dynmem_u64 granules, dynmem_u64 units)
{
	dynmem_u64 gap = 0, rest;
	dynmem_u64 have = dynmem_size(heap, DYNMEM_LOAD(dynmem_tag(heap, block)), block + 1);

	DYNMEM_STORE(dynmem_tag(heap, block + have - 1), 0);
	if (units > 1) {
		gap = -(heap->pool_address / DYNAMIC_MEMORY_GRANULE + block - 1) & (units - 1);
		DYNMEM_STORE(dynmem_tag(heap, block), 0);
		block += gap;
		have -= gap;
	}
	rest = have - granules;
	dynmem_set_tag(heap, block, DYNMEM_IN_USE, granules);
	dynmem_count_allocation(heap, granules);
	if (gap)
		dynmem_bin_insert(heap, block - gap, gap);
	if (rest)
		dynmem_bin_insert(heap, block + granules, rest);
	return block - 1;
}

/*
 * What is wanted, in one number, as there are few registers: granules, or 0 for a size that nothing can
 * serve; above 32 bits the alignment in granules, a power of two or 0.
 *
 * Few programs want an alignment, and it takes the verifier as long as all else that cuts a block: so
 * whatever serves is there twice, and where `aligned`, a constant, is 0, there is nothing above 32 bits.
 */
#define DYNMEM_WANTED(granules, units) ((0ULL + (units)) << 32 | (granules))
#define DYNMEM_WANTED_GRANULES(wanted, aligned) ((aligned) ? 0ULL + (dynmem_u32)(wanted) : (wanted))
#define DYNMEM_WANTED_UNITS(wanted, aligned) ((aligned) ? (wanted) >> 32 : 0)

DYNMEM_INLINE dynmem_u64 dynmem_cut_wanted(struct dynmem_heap *heap, dynmem_u64 block,
					   dynmem_u64 wanted, int aligned)
{
	return dynmem_cut(heap, block, DYNMEM_WANTED_GRANULES(wanted, aligned),
			  DYNMEM_WANTED_UNITS(wanted, aligned));
}

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_CUT(heap, number, block, wanted, aligned) dynmem_cut_wanted(heap, block, wanted, aligned)
#else
DYNMEM_GLOBAL dynmem_u64 dynmem_cut_held(dynmem_u64 number, dynmem_u64 block, dynmem_u64 granules)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_cut_wanted(heap, block, granules, 0) : 0;
}

DYNMEM_GLOBAL dynmem_u64 dynmem_cut_aligned(dynmem_u64 number, dynmem_u64 block, dynmem_u64 wanted)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	return heap ? dynmem_cut_wanted(heap, block, wanted, 1) : 0;
}
#define DYNMEM_CUT(heap, number, block, wanted, aligned)            \
	((aligned) ? dynmem_cut_aligned(number, block, wanted) \
		   : dynmem_cut_held(number, block, wanted))
#endif

#ifndef DYNAMIC_MEMORY_SPIN_LOCK
/* Takes one handed-over block back; 0 if there is none, or the heap is locked. */
DYNMEM_GLOBAL int dynmem_collect(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 index = 0, granules;

	if (!heap || !DYNMEM_LOAD(&heap->pending) || !DYNMEM_TRY_LOCK(heap))
		return 0;
	granules = dynmem_drain(heap, &index);
	if (granules)
		DYNMEM_MERGE(heap, number, index, granules);
	DYNMEM_UNLOCK(heap);
	return 1;
}
#else
DYNMEM_INLINE int dynmem_collect(dynmem_u64 number)
{
	(void)number;
	return 0;
}
#endif

/* Set in an index where the heap has handed-over blocks to take back: above any index. */
#define DYNMEM_PENDING (1ULL << 31)

/* An index, or DYNMEM_NOWHERE, which has the bit already, with DYNMEM_PENDING if that is so. */
#define DYNMEM_REMIND(heap, index) \
	(DYNMEM_LOAD(&(heap)->pending) ? (index) | DYNMEM_PENDING : (index))

/* The index of a parked block of so many granules, in use now, or DYNMEM_NOWHERE. Under the lock. */
DYNMEM_INLINE dynmem_u64 dynmem_reuse(struct dynmem_heap *heap, dynmem_u64 granules)
{
	dynmem_u64 list = dynmem_list(granules), index, tag, have;

	index = heap->lists[list] & DYNMEM_INDEX_MASK;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	have = dynmem_size(heap, tag, index + 2);
	/* A heap that was never used or is being reset has another version. */
	if (heap->lists[list] < DYNMEM_LIST_ONE || have != granules ||
	    heap->version != DYNMEM_VERSION)
		return DYNMEM_NOWHERE;
	dynmem_unpark(heap, list, &have);
	DYNMEM_STORE(&heap->tags[DYNMEM_MARGIN + index],
		     (dynmem_u16)(tag - DYNMEM_TAG(DYNMEM_PARKED) + DYNMEM_TAG(DYNMEM_IN_USE)));
	dynmem_count_allocation(heap, granules);
	return index;
}

/* Where another program has the heap, which may have what is wanted: has DYNMEM_PENDING, too. */
#define DYNMEM_BUSY (DYNMEM_NOWHERE - 1)

/* A block of one heap: its index, perhaps with DYNMEM_PENDING, or DYNMEM_NOWHERE, or DYNMEM_BUSY. */
DYNMEM_INLINE dynmem_u64 dynmem_serve_wanted(dynmem_u64 number, dynmem_u64 wanted, int aligned)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 granules = DYNMEM_WANTED_GRANULES(wanted, aligned);
	dynmem_u64 units = DYNMEM_WANTED_UNITS(wanted, aligned);
	dynmem_u64 index = DYNMEM_NOWHERE, block = 0;

	if (!heap || granules - 1 >= DYNMEM_GRANULES)
		return DYNMEM_NOWHERE;
	if (!DYNMEM_TRY_LOCK(heap))
		return DYNMEM_BUSY;
	if (units <= 1) /* what is parked may not be aligned further */
		index = dynmem_reuse(heap, granules);
	if (index == DYNMEM_NOWHERE && heap->version == DYNMEM_VERSION)
		/* Room for the largest gap, too. */
		block = DYNMEM_FIND(heap, number, granules + (units > 1 ? units - 1 : 0));
	if (block)
		index = DYNMEM_CUT(heap, number, block, wanted, aligned);
	DYNMEM_UNLOCK(heap);
	return DYNMEM_REMIND(heap, index);
}

DYNMEM_GLOBAL dynmem_u64 dynmem_serve(dynmem_u64 number, dynmem_u64 granules)
{
	return dynmem_serve_wanted(number, granules, 0);
}

DYNMEM_GLOBAL dynmem_u64 dynmem_serve_aligned(dynmem_u64 number, dynmem_u64 wanted)
{
	return dynmem_serve_wanted(number, wanted, 1);
}

#ifdef DYNAMIC_MEMORY_SPIN_LOCK

/*
 * Merges the first block of a list into the free ones; 0 if it has none. With a bpf_spin_lock what
 * merges is inline: too much for a loop, so it is a function.
 */
DYNMEM_GLOBAL int dynmem_gather_one(dynmem_u64 number, dynmem_u64 list)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 index, granules;
	int found = 0;

	if (!heap)
		return 0;
	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	if (DYNMEM_LOAD(&heap->lists[list]) < DYNMEM_LIST_ONE || !DYNMEM_TRY_LOCK(heap))
		return 0;
	if (heap->version == DYNMEM_VERSION && heap->lists[list] >= DYNMEM_LIST_ONE) {
		index = dynmem_unpark(heap, list, &granules);
		dynmem_coalesce(heap, 1 + index, granules);
		found = 1;
	}
	DYNMEM_UNLOCK(heap);
	return found;
}

/* The same for all blocks of a list; how many there were. */
DYNMEM_GLOBAL int dynmem_gather_list(dynmem_u64 number, dynmem_u64 list)
{
	dynmem_u32 i;

	for (i = 0; i < 1U << DYNMEM_LIST_DEPTH_LOG; i++)
		if (!dynmem_gather_one(number, list))
			break;
	return (int)i;
}

/* Makes one block of all that is free in a heap and lies side by side, of the whole pool at first. */
DYNMEM_GLOBAL int dynmem_gather(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 i;

	if (!heap)
		return -EINVAL;
	if (!DYNMEM_LOAD(&heap->version))
		return dynmem_prepare(number);
	for (i = 0; i < DYNMEM_LISTS; i++)
		dynmem_gather_list(number, i);
	return 0;
}

#else

struct dynmem_gathering {
	dynmem_u64 number; /* of the heap */
	dynmem_u64 list;   /* to look at next */
};

/* Makes one handed-over or parked block free, or goes to the next list; 1 at the end. */
static __attribute__((unused)) long dynmem_gather_step(dynmem_u64 step,
						       struct dynmem_gathering *gathering)
{
	struct dynmem_heap *heap = dynmem_heap(gathering->number);
	dynmem_u64 list = gathering->list, index = 0, granules = 0;

	(void)step;
	if (!heap || list >= DYNMEM_LISTS || !DYNMEM_TRY_LOCK(heap))
		return 1;
	DYNMEM_HIDE(list);
	list &= DYNMEM_LISTS - 1;
	if (heap->version != DYNMEM_VERSION)
		gathering->list = DYNMEM_LISTS;
	else if (DYNMEM_LOAD(&heap->pending))
		granules = dynmem_drain(heap, &index);
	else if (heap->lists[list] >= DYNMEM_LIST_ONE)
		index = dynmem_unpark(heap, list, &granules);
	else
		gathering->list++;
	if (granules)
		dynmem_coalesce(heap, 1 + index, granules);
	DYNMEM_UNLOCK(heap);
	return 0;
}

/* As many steps as there are parked blocks at most, lists and bits of handed-over ones. */
#define DYNMEM_GATHER_STEPS ((DYNMEM_LISTS << DYNMEM_LIST_DEPTH_LOG) + 2 * DYNMEM_LISTS)

/*
 * Makes one block of all that is free in a heap and lies side by side, of the whole pool at its first
 * use, and takes back what was handed over. The number of the list is hidden: the verifier would take
 * one that begins as a constant for a new one in each step, and go through all of them.
 */
DYNMEM_GLOBAL int dynmem_gather(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	struct dynmem_gathering gathering;
#if DYNMEM_NATIVE
	dynmem_u32 i;
#endif

	if (!heap)
		return -EINVAL;
	if (!DYNMEM_LOAD(&heap->version))
		return dynmem_prepare(number);
	if (DYNMEM_LOAD(&heap->lock))
		return -DYNMEM_EBUSY;
	gathering.number = number;
#if DYNMEM_NATIVE
	gathering.list = 0;
	for (i = 0; i < DYNMEM_GATHER_STEPS && !dynmem_gather_step(i, &gathering); i++) {}
#else
	gathering.list = dynmem_zero();
	dynmem_bpf_loop(DYNMEM_GATHER_STEPS, (void *)dynmem_gather_step, &gathering, 0);
#endif
	return 0;
}

#endif

/* BEGIN src/heap/c/65_any_heap.h */
/* ---- allocation from any heap ------------------------------------------------------------ */

/*
 * Counts an allocation that no heap serves, by its cause, in this CPU's heap: no granules are wanted,
 * as nothing can serve the size; `busy`, if another program had one of the heaps.
 */
DYNMEM_GLOBAL int dynmem_refuse(dynmem_u64 wanted, dynmem_u64 busy)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	if (!heap)
		return -EINVAL;
	if (!wanted)
		DYNMEM_COUNT(&heap->failed_size);
	else if (busy)
		DYNMEM_COUNT(&heap->failed_busy);
	else
		DYNMEM_COUNT(&heap->failed_memory);
	return -ENOMEM;
}

/*
 * Where a block is, in the one number that functions hand on: in an arena its address, elsewhere its
 * offset from the first pool or, in a map of pools, the number of the pool above 32 bits of offset.
 * DYNMEM_NONE is none.
 */
#if DYNMEM_ARENA
#define DYNMEM_NONE 0ULL
#define DYNMEM_PLACE(number, index)                                                   \
	(dynmem_number(dynmem_pools) + 4096 + (number) * (0ULL + DYNMEM_STRIDE) + \
	 (index) * (0ULL + DYNAMIC_MEMORY_GRANULE))
#elif DYNMEM_POOL_MAP
#define DYNMEM_NONE DYNMEM_NOWHERE
#define DYNMEM_PLACE(number, index) ((number) << 32 | (index) * DYNAMIC_MEMORY_GRANULE)
#else
#define DYNMEM_NONE DYNMEM_NOWHERE
#define DYNMEM_PLACE(number, index) \
	((number) * (0ULL + DYNMEM_STRIDE) + (index) * (0ULL + DYNAMIC_MEMORY_GRANULE))
#endif
/*
 * The same of this CPU's heap, which is in use already. A register less: the number need not be kept
 * until then.
 */
#if DYNMEM_POOL_MAP
#define DYNMEM_PLACE_HERE(heap, index) DYNMEM_PLACE(0ULL + dynmem_own(), index)
#else
#define DYNMEM_PLACE_HERE(heap, index)                              \
	((heap)->pool_address + (index) * DYNAMIC_MEMORY_GRANULE - \
	 (DYNMEM_ARENA ? 0 : dynmem_number(dynmem_pools)))
#endif

#ifdef DYNAMIC_MEMORY_SPIN_LOCK
#define DYNMEM_WAIT(number) ((void)0)
#else
/*
 * What passes the time until a lock is tried again. Attempts without it keep the lock's cache line from
 * the holder, who cannot give it back. BPF has no instruction for it; reading the clock takes some 20 ns,
 * and all programs may.
 */
#if DYNMEM_NATIVE
#define DYNMEM_PAUSE() ((void)0)
#else
#define DYNMEM_PAUSE() ((void)dynmem_bpf_ktime_get_ns())
#endif

/*
 * Waits until a heap's lock is free. A program on another CPU gives it back soon, unless something
 * interrupts it; if it is this program that interrupts the holder, no wait would help, so it ends after
 * two tenths of a microsecond.
 */
DYNMEM_GLOBAL int dynmem_wait(dynmem_u64 number)
{
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u32 i;

	for (i = 0; i < 8 && heap && DYNMEM_LOAD(&heap->lock); i++)
		DYNMEM_PAUSE();
	return 0;
}
#define DYNMEM_WAIT(number) dynmem_wait(number)
#endif

/* So often heaps are tried, the second time after room was made; a single one is waited for more often. */
#define DYNMEM_ROUNDS (2 * DYNAMIC_MEMORY_HEAPS + (DYNAMIC_MEMORY_HEAPS < 4 ? 4 : 0))

/*
 * The place of a block of any heap, the one of that number first; DYNMEM_NONE, counted by its cause, if
 * no heap can serve it. Not a function of its own: eight calls may be nested, so each is one less for
 * the program. And no more than three numbers are kept, with the answer as many as there are registers
 * that calls leave alone: so what is wanted has, above 32 bits where there is no alignment, how often a
 * heap was busy. It is added up, as each question would be two paths for the verifier, and hidden, or
 * the compiler would keep it in a register of its own.
 */
DYNMEM_INLINE dynmem_u64 dynmem_serve_any(dynmem_u64 number, dynmem_u64 wanted, int aligned)
{
	dynmem_u64 index;
	dynmem_u32 i;

	if (!(dynmem_u32)wanted) {
		dynmem_refuse(0, 0);
		return DYNMEM_NONE;
	}
	index = aligned ? dynmem_serve_aligned(number, wanted) : dynmem_serve(number, wanted);
	for (i = 0; i < DYNMEM_ROUNDS && index >= DYNMEM_BUSY; i++) {
		if (!aligned)
			wanted += (DYNMEM_NOWHERE - index) << 32;
		DYNMEM_HIDE(wanted);
		if (i)
			number = dynmem_heap_of(number + 1);
		/*
		 * Rather make room here than let the programs of a CPU live on the heaps of others;
		 * then others as they are; then make room there. But where its own heap is busy, it is
		 * not room that is missing.
		 */
		if (index == DYNMEM_BUSY)
			DYNMEM_WAIT(number);
		if ((i > DYNAMIC_MEMORY_HEAPS && i < 2 * DYNAMIC_MEMORY_HEAPS) ||
		    (!i && index == DYNMEM_NOWHERE))
			dynmem_gather(number);
		index = aligned ? dynmem_serve_aligned(number, wanted) :
				  dynmem_serve(number, (dynmem_u32)wanted);
	}
	if (index >= DYNMEM_BUSY) {
		dynmem_refuse(wanted, (aligned ? 0 : wanted >> 32) + (DYNMEM_NOWHERE - index));
		return DYNMEM_NONE;
	}
	if (index & DYNMEM_PENDING) {
		dynmem_collect(number);
		index -= DYNMEM_PENDING;
	}
	return DYNMEM_PLACE(number, index);
}

/* BEGIN src/heap/c/66_release.h */
/* ---- release ----------------------------------------------------------------------------- */

/* How far behind `base` an address is. Of an arena's addresses the lower 32 bits count. */
#if DYNMEM_ARENA
#define DYNMEM_DISTANCE(address, base) ((dynmem_u64)(dynmem_u32)((address) - (base)))
#else
#define DYNMEM_DISTANCE(address, base) ((address) - (base))
#endif

/* Dividing by the stride is a multiplication by its inverse: BPF divides slowly. */
#define DYNMEM_STRIDE_PAGES (DYNMEM_STRIDE / 4096)
#define DYNMEM_STRIDE_INVERSE ((1ULL << 44) / DYNMEM_STRIDE_PAGES + 1)
_Static_assert(DYNAMIC_MEMORY_HEAPS * DYNMEM_STRIDE_PAGES * DYNMEM_STRIDE_PAGES < (1ULL << 44),
	       "the inverse of the stride is exact for every distance");

/* An offset in granules, or a huge number if it is not a multiple of the granule. */
#define DYNMEM_ROTATE(offset)                  \
	((offset) / DYNAMIC_MEMORY_GRANULE |   \
	 (offset) * (-1ULL / DYNAMIC_MEMORY_GRANULE + 1))

/*
 * Splits an address into the number of a heap and the granule's index in its pool. Where no block
 * can start, the index is DYNMEM_GRANULES or more, or there is no heap of the number.
 */
DYNMEM_INLINE dynmem_u64 dynmem_split(dynmem_u64 address, dynmem_u8 DYNMEM_SPACE *first,
				      dynmem_u64 *number)
{
	dynmem_u64 distance = DYNMEM_DISTANCE(address, dynmem_number(first)), offset;

	*number = ((distance >> 12) * DYNMEM_STRIDE_INVERSE) >> 44;
	offset = distance - *number * DYNMEM_STRIDE;
	return DYNMEM_ROTATE(offset);
}

/*
 * The same for the heaps there are: the number above 32 bits of the index, or DYNMEM_NOWHERE if no block
 * can start at the address.
 */
DYNMEM_INLINE dynmem_u64 dynmem_locate(dynmem_u64 address)
{
	dynmem_u8 DYNMEM_SPACE *first = dynmem_pool(0);
	dynmem_u64 number, index;

	if (!first)
		return DYNMEM_NOWHERE;
	index = dynmem_split(address, first, &number);
	if (index >= DYNMEM_GRANULES || number >= DYNAMIC_MEMORY_HEAPS)
		return DYNMEM_NOWHERE;
	return number << 32 | index;
}

/* The index in what dynmem_locate gives; hidden, or clang would use bits that the verifier cannot know. */
DYNMEM_INLINE dynmem_u64 dynmem_index(dynmem_u64 located)
{
	dynmem_u64 index = (dynmem_u32)located;

	DYNMEM_HIDE(index);
	return index & DYNMEM_INDEX_MASK;
}

/* The place of a block at an address, as functions hand it on; DYNMEM_NONE if none can start there. */
DYNMEM_INLINE dynmem_u64 dynmem_place(dynmem_u64 address)
{
	dynmem_u64 located = dynmem_locate(address);

	if (located == DYNMEM_NOWHERE)
		return DYNMEM_NONE;
#if DYNMEM_ARENA
	return address;
#else
	return DYNMEM_PLACE(located >> 32, 0ULL + (dynmem_u32)located);
#endif
}

/* Frees the block at an address; 0, also for NULL, or -EINVAL where no block in use starts. */
DYNMEM_GLOBAL int dynmem_release(dynmem_u64 address)
{
	dynmem_u64 own = dynmem_own(), located = dynmem_locate(address), tag;
	dynmem_u64 number = located >> 32, index = dynmem_index(located), granules, list;
	dynmem_u64 from, full = DYNMEM_LIST_ONE << DYNMEM_LIST_DEPTH_LOG, other, merged;
	struct dynmem_heap *heap;
	int result = 0;

	if (located == DYNMEM_NOWHERE) {
		if (!address)
			return 0; /* NULL, see static_free */
		heap = dynmem_heap(own);
		if (heap)
			DYNMEM_COUNT(&heap->invalid_frees);
		return -EINVAL;
	}
	heap = dynmem_heap(number);
	if (!heap)
		return -EINVAL;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	(void)DYNMEM_TRY_LOCK(heap); /* waits, so there is nothing to hand over */
#else
	if (!DYNMEM_TRY_LOCK(heap))
		return dynmem_hand_over(number, index);
#endif
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE)) || heap->version != DYNMEM_VERSION) {
		dynmem_count_refused(heap, tag);
		result = -EINVAL;
		goto out;
	}
	granules = dynmem_size(heap, tag, index + 2);
	heap->used -= DYNMEM_USE(granules);
	if (number != own)
		heap->remote_frees++;
	list = dynmem_list(granules);
	from = list;
	if (list >= DYNMEM_SMALL_LISTS) {
		if (heap->large_parked && heap->large_parked + granules > DYNMEM_LARGE(heap)) {
			from = heap->large_last & (DYNMEM_LISTS - 1);
			full = DYNMEM_LIST_ONE;
		}
		heap->large_parked += (dynmem_u32)granules;
		heap->large_last = (dynmem_u32)list;
	}
	/* This block may be wanted again soon: one that was parked before makes room. */
	if (heap->lists[from] >= full) {
		other = dynmem_unpark(heap, from, &merged);
		DYNMEM_MERGE(heap, number, other, merged);
	}
	dynmem_list_push(heap, &heap->lists[list], index);
	DYNMEM_STORE(&heap->tags[DYNMEM_MARGIN + index],
		     (dynmem_u16)(tag - DYNMEM_TAG(DYNMEM_IN_USE) + DYNMEM_TAG(DYNMEM_PARKED)));
out:
	DYNMEM_UNLOCK(heap);
	return result;
}

/* Bytes usable in the block at this address; 0 if none in use starts there. */
DYNMEM_GLOBAL dynmem_u64 dynmem_usable(dynmem_u64 address)
{
	dynmem_u64 located = dynmem_locate(address), tag;
	struct dynmem_heap *heap;

	if (located == DYNMEM_NOWHERE)
		return 0;
	heap = dynmem_heap(located >> 32);
	if (!heap)
		return 0;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + dynmem_index(located)]);
	if (!DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE)))
		return 0;
	return dynmem_size(heap, tag, dynmem_index(located) + 2) * DYNAMIC_MEMORY_GRANULE;
}

/* Makes a block of so many granules of the one at an address, without moving it; 0 if it cannot. */
DYNMEM_GLOBAL int dynmem_resize(dynmem_u64 address, dynmem_u64 granules)
{
	dynmem_u64 located = dynmem_locate(address), index = dynmem_index(located), tag, have, right;
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	dynmem_u64 done = 0;

	if (!heap || located == DYNMEM_NOWHERE || granules - 1 >= DYNMEM_GRANULES ||
	    !DYNMEM_TRY_LOCK(heap))
		return 0;
	tag = DYNMEM_LOAD(&heap->tags[DYNMEM_MARGIN + index]);
	if (heap->version == DYNMEM_VERSION && DYNMEM_TAG_IS(tag, DYNMEM_TAG(DYNMEM_IN_USE))) {
		have = dynmem_size(heap, tag, index + 2);
		right = DYNMEM_LOAD(dynmem_tag_behind(heap, index + have));
		heap->used -= have << 32;
		if (granules > have && (right & DYNMEM_TAG_STATE) == DYNMEM_TAG(DYNMEM_FREE)) {
			right = dynmem_size(heap, right, index + have + 2);
			if (have + right >= granules) {
				DYNMEM_STORE(dynmem_tag_behind(heap, index + have), 0);
				dynmem_bin_remove(heap, index + 1 + have, right);
				have += right;
				DYNMEM_STORE(dynmem_tag(heap, index + have), 0);
			}
		}
		done = granules <= have;
		if (done && have != granules) {
			/* The rest may have a free neighbour, if the block shrinks. */
			DYNMEM_MERGE(heap, located >> 32, index + granules, have - granules);
			have = granules;
		}
		dynmem_set_tag(heap, index + 1, DYNMEM_IN_USE, have);
		heap->used += have << 32;
		if (heap->used > heap->high_water)
			heap->high_water = heap->used;
		heap->resizes += done;
	}
	DYNMEM_UNLOCK(heap);
	return (int)done;
}

/* Bytes of the tables, and of the pieces they are emptied in. */
#define DYNMEM_TABLE_BYTES \
	(sizeof(struct dynmem_heap) - __builtin_offsetof(struct dynmem_heap, pending_words))
#define DYNMEM_TABLE_PIECE \
	(DYNMEM_TABLE_BYTES <= 4096 ? DYNMEM_TABLE_BYTES : (DYNMEM_TABLE_BYTES / 256 + 4096) & ~7UL)

/* Empties a heap; its figures of the past stay. -EBUSY if it is locked. */
DYNMEM_GLOBAL int dynmem_reset(dynmem_u64 number)
{
	dynmem_u32 i;
	struct dynmem_heap *heap = dynmem_heap(number);
	dynmem_u64 at = 0;

	if (!heap || !DYNMEM_TRY_LOCK(heap))
		return -DYNMEM_EBUSY;
	DYNMEM_STORE(&heap->version, DYNMEM_RESETTING);
	heap->used = 0;
	heap->pending = 0;
	__builtin_memset(heap->lists, 0, sizeof(heap->lists));
	__builtin_memset(heap->bin_map, 0, sizeof(heap->bin_map));
	heap->large_parked = 0;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	/* No helper may be called with the lock held; the version keeps everybody out. */
	DYNMEM_UNLOCK(heap);
#endif
	for (i = 0; i < 256; i++) {
		if (at > DYNMEM_TABLE_BYTES - DYNMEM_TABLE_PIECE)
			at = DYNMEM_TABLE_BYTES - DYNMEM_TABLE_PIECE;
		dynmem_read((dynmem_u8 *)heap->pending_words + at, DYNMEM_TABLE_PIECE, 0);
		at += DYNMEM_TABLE_PIECE;
		if (at >= DYNMEM_TABLE_BYTES)
			break;
	}
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	DYNMEM_TRY_LOCK(heap);
#endif
	DYNMEM_STORE(&heap->version, 0);
	DYNMEM_UNLOCK(heap);
	return 0;
}

/* BEGIN src/heap/c/68_calls.h */
/* ---- allocation and release as the C library names them ---------------------------------- */

/* Granules of a block of `size` bytes; 0 if no pool can hold it. */
DYNMEM_INLINE dynmem_u64 dynmem_granules(dynmem_u64 size)
{
	if (size - 1 >= POOL_SIZE)
		return 0;
	return (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
}

/* Most granules of a block whose tag has the whole number. */
#define DYNMEM_PLAIN_GRANULES (DYNMEM_LONG - 1)
/* What the two below give where they do nothing: no place, and not DYNMEM_NONE. */
#define DYNMEM_NOT_SO (DYNMEM_NOWHERE - 1)

/*
 * malloc as far as it is frequent: the place of a block that was freed before and waits in its list, of
 * at most `most` granules, a constant; or DYNMEM_NOT_SO.
 */
DYNMEM_INLINE dynmem_u64 dynmem_take_parked(dynmem_u64 size, dynmem_u64 most)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());
	dynmem_u64 granules, index, state, which;
	dynmem_u16 *tag;

	if (!heap)
		return DYNMEM_NONE; /* never: the number is that of a heap */
	if (DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		return DYNMEM_NOT_SO;
	/* 0, which no parked block has, for size 0 and where the sum overflows. */
	granules = (size + DYNAMIC_MEMORY_GRANULE - 1) / DYNAMIC_MEMORY_GRANULE;
	DYNMEM_HIDE(granules);
	which = most <= DYNMEM_SMALL ? (granules - 1) & (DYNMEM_SMALL - 1) : dynmem_list(granules);
	index = heap->lists[which] & DYNMEM_INDEX_MASK;
	tag = &heap->tags[DYNMEM_MARGIN + index];
	/*
	 * An empty list leads to the first granule, where no block of this size is parked then: it would be
	 * in the list. As a difference of 64 bits, so that a number of granules cannot look like a state.
	 */
	state = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_PARKED);
	if (DYNMEM_RARE((state ^ granules) || granules > most DYNMEM_OR_RESETTING(heap))) {
		DYNMEM_UNLOCK(heap);
		return DYNMEM_NOT_SO;
	}
	if (most > DYNMEM_SMALL && granules > DYNMEM_SMALL)
		heap->large_parked -= (dynmem_u32)granules;
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_IN_USE) + granules));
	/* Hidden, or the compiler would keep the list's address: there is no register for it. */
	DYNMEM_HIDE(which);
	which &= DYNMEM_LISTS - 1;
	DYNMEM_STORE(&heap->lists[which], heap->links[index].word);
	dynmem_count_allocation(heap, granules);
	DYNMEM_UNLOCK(heap);
	return DYNMEM_PLACE_HERE(heap, index);
}

/*
 * free as far as it is frequent: of a block of `heap`, this CPU's, of at most `most` granules, whose list
 * has room. 0 if that is done, else 1.
 */
DYNMEM_INLINE int dynmem_park(struct dynmem_heap *heap, dynmem_u64 address, dynmem_u64 most)
{
	dynmem_u64 elsewhere, index, granules, which;
	dynmem_u16 *tag;

	if (!heap)
		return 1; /* never: the number is that of a heap */
	/* Nobody moves a pool, so this needs no lock. */
	elsewhere = DYNMEM_DISTANCE(address, DYNMEM_LOAD(&heap->pool_address));
	index = elsewhere / DYNAMIC_MEMORY_GRANULE;
	if (DYNMEM_RARE(elsewhere & ~(DYNMEM_INDEX_MASK * DYNAMIC_MEMORY_GRANULE)) ||
	    DYNMEM_RARE(!DYNMEM_TRY_LOCK(heap)))
		return 1;
	/* Hidden, or the compiler would derive it from the test above, and the verifier know no bound. */
	DYNMEM_HIDE(index);
	index &= DYNMEM_INDEX_MASK;
	tag = &heap->tags[DYNMEM_MARGIN + index];
	granules = DYNMEM_LOAD(tag) - DYNMEM_TAG(DYNMEM_IN_USE);
	DYNMEM_HIDE(granules);
	which = most <= DYNMEM_SMALL ? (granules - 1) & (DYNMEM_SMALL - 1) : dynmem_list(granules);
	/*
	 * No block in use, a long one, or the list is full. What is read again below is volatile here, or the
	 * compiler would keep it: there are registers for no more, and no stack to spare.
	 */
	if (DYNMEM_RARE(granules - 1 >= most ||
			DYNMEM_LIST_FULL(DYNMEM_LOAD(&heap->lists[which])) DYNMEM_OR_RESETTING(heap)))
		goto unlock;
	if (most > DYNMEM_SMALL && granules > DYNMEM_SMALL) {
		if (DYNMEM_LOAD(&heap->large_parked) &&
		    DYNMEM_LOAD(&heap->large_parked) + granules > DYNMEM_LARGE(heap))
			goto unlock;
		heap->large_parked += (dynmem_u32)granules;
		heap->large_last = (dynmem_u32)which;
	}
	DYNMEM_HIDE(which);
	which &= DYNMEM_LISTS - 1;
	heap->used -= DYNMEM_USE(granules);
	DYNMEM_STORE(tag, (dynmem_u16)(DYNMEM_TAG(DYNMEM_PARKED) + granules));
	dynmem_list_push(heap, &heap->lists[which], index);
	DYNMEM_UNLOCK(heap);
	return 0;
unlock:
	DYNMEM_UNLOCK(heap);
	return 1;
}

/*
 * malloc: the place of a block of `size` bytes, or DYNMEM_NONE. Not inline: a loop is verified round by
 * round, and each inline call would be some 77 instructions more in each of them, beside numbers of the
 * caller that no longer fit into registers.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_take(dynmem_u64 size)
{
	dynmem_u64 place = dynmem_take_parked(size, DYNMEM_PLAIN_GRANULES);

	DYNMEM_HIDE(size); /* or what is calculated from it above is kept for the other way */
	return place == DYNMEM_NOT_SO ? dynmem_serve_any(dynmem_own(), dynmem_granules(size), 0) :
					place;
}

/* The same at a multiple of `alignment`, a power of two. */
DYNMEM_GLOBAL dynmem_u64 dynmem_take_aligned(dynmem_u64 size, dynmem_u64 alignment)
{
	return dynmem_serve_any(dynmem_own(),
				DYNMEM_WANTED(dynmem_granules(size),
					      alignment / DYNAMIC_MEMORY_GRANULE),
				1);
}

/* free: the block at an address. 0, or -EINVAL where no block in use starts. */
DYNMEM_GLOBAL int dynmem_give(dynmem_u64 address)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	return dynmem_park(heap, address, DYNMEM_PLAIN_GRANULES) ? dynmem_release(address) : 0;
}

/* The same as they are called. */
#ifdef DYNAMIC_MEMORY_INLINE
DYNMEM_INLINE dynmem_u64 dynmem_take_here(dynmem_u64 size)
{
	dynmem_u64 place = dynmem_take_parked(size, DYNMEM_SMALL);

	return DYNMEM_RARE(place == DYNMEM_NOT_SO) ? dynmem_take(size) : place;
}

/*
 * The address is a number for no longer than it has to be, and never across a call. The compiler may have to
 * keep it in the stack, and a spilled number of which the verifier knows nothing makes Linux 6.18 find
 * itself at fault: it takes a slot that another path never wrote for the same number, and then asks that
 * path how exact it has to be ("verifier bug: stack slot 0, total slots 0").
 */
DYNMEM_INLINE void dynmem_give_here(const void DYNMEM_SPACE *pointer)
{
	struct dynmem_heap *heap = dynmem_heap(dynmem_own());

	if (DYNMEM_RARE(dynmem_park(heap, dynmem_number(pointer), DYNMEM_SMALL)))
		dynmem_give(dynmem_number(pointer));
}
#else
#define dynmem_take_here dynmem_take
#define dynmem_give_here(pointer) dynmem_give(dynmem_number(pointer))
#endif

/*
 * The pointer to the block at a place, of which `room` bytes can be reached, or NULL for DYNMEM_NONE.
 * The result and the place are hidden: where the program does not test for NULL, the compiler would
 * delete a check whose failure gives NULL, and the verifier's complaint would be about something else.
 */
#if DYNMEM_ARENA
/* There is nothing to prove about a pointer to an arena. */
DYNMEM_INLINE void DYNMEM_SPACE *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	(void)room;
	return (void DYNMEM_SPACE *)place;
}
#elif DYNMEM_POOL_MAP
DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	dynmem_u8 *pointer = NULL, *pool;
	dynmem_u64 offset = (dynmem_u32)place;

	DYNMEM_HIDE(place);
	DYNMEM_HIDE(offset);
	/* Of the number the lower bits count; it is the offset that tells DYNMEM_NONE. */
	pool = dynmem_pool(place >> 32);
	if (pool && offset <= DYNMEM_STRIDE - room) {
		DYNMEM_HIDE(offset);
		pointer = pool + offset;
	}
	DYNMEM_HIDE(pointer);
	return pointer;
}
#else
DYNMEM_INLINE void *dynmem_pointer(dynmem_u64 place, dynmem_u64 room)
{
	dynmem_u8 *pointer = NULL;

	DYNMEM_HIDE(place);
	if (place <= sizeof(dynmem_pools) - room) {
		DYNMEM_HIDE(place);
		pointer = dynmem_pools + place;
	}
	DYNMEM_HIDE(pointer);
	return pointer;
}
#endif

/*
 * The same for a program that asked for `size` bytes. As many are legal if that is a constant, and
 * DYNAMIC_MEMORY_GUARD bytes are in any case: the guard behind the last pool has room for them.
 */
#define DYNMEM_POINTER(place, size)                                                               \
	dynmem_pointer(place, __builtin_constant_p(size) && (size) > DYNAMIC_MEMORY_GUARD &&      \
						  (size) <= POOL_SIZE ?                           \
					  (size) :                                                 \
					  DYNAMIC_MEMORY_GUARD)

/* BEGIN src/heap/c/70_copies.h */
/* ---- copies ------------------------------------------------------------------------------ */

#if DYNMEM_ARENA

/*
 * clang up to 19 leaves the addresses of its own memcpy and memset as they are where it has to
 * convert them, so arena memory is copied by these loops. The volatile accesses keep it from
 * making a memcpy of them again.
 */
#define DYNMEM_AT(type, address) (*(volatile type DYNMEM_SPACE *)(address))

/* memmove between two addresses in the arena. */
DYNMEM_GLOBAL int dynmem_move(dynmem_u64 to, dynmem_u64 from, dynmem_u64 length)
{
	dynmem_u64 i = 0;

	static_use_arena();
	if ((dynmem_u32)(to - from) < length) { /* the end first, where they overlap so */
		while (length >= 8 && can_loop) {
			length -= 8;
			DYNMEM_AT(dynmem_u64, to + length) = DYNMEM_AT(dynmem_u64, from + length);
		}
		while (length && can_loop) {
			length--;
			DYNMEM_AT(dynmem_u8, to + length) = DYNMEM_AT(dynmem_u8, from + length);
		}
		return 0;
	}
	while (length >= 32 && can_loop) {
		for (i = 0; i < 32; i += 8)
			DYNMEM_AT(dynmem_u64, to + i) = DYNMEM_AT(dynmem_u64, from + i);
		to += 32;
		from += 32;
		length -= 32;
	}
	while (length >= 8 && can_loop) {
		DYNMEM_AT(dynmem_u64, to) = DYNMEM_AT(dynmem_u64, from);
		to += 8;
		from += 8;
		length -= 8;
	}
	while (length && can_loop) {
		DYNMEM_AT(dynmem_u8, to++) = DYNMEM_AT(dynmem_u8, from++);
		length--;
	}
	return 0;
}

/* memset in the arena. */
DYNMEM_GLOBAL int dynmem_set(dynmem_u64 to, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_u64 word = (byte & 255) * (~0ULL / 255), i;

	static_use_arena();
	while (length >= 32 && can_loop) {
		for (i = 0; i < 32; i += 8)
			DYNMEM_AT(dynmem_u64, to + i) = word;
		to += 32;
		length -= 32;
	}
	while (length >= 8 && can_loop) {
		DYNMEM_AT(dynmem_u64, to) = word;
		to += 8;
		length -= 8;
	}
	while (length && can_loop) {
		DYNMEM_AT(dynmem_u8, to++) = (dynmem_u8)word;
		length--;
	}
	return 0;
}

/* Words fetched at once: more are faster, and take more of the stack. */
#define DYNMEM_FETCHED 4

/* memcpy to the arena from an address in the stack, a map or other memory of the kernel. */
DYNMEM_GLOBAL int dynmem_fetch(dynmem_u64 to, dynmem_u64 from, dynmem_u64 length)
{
	dynmem_u64 buffer[DYNMEM_FETCHED], i;

	static_use_arena();
	while (length >= sizeof(buffer) && can_loop) {
		dynmem_read(buffer, sizeof(buffer), from);
		for (i = 0; i < DYNMEM_FETCHED; i++)
			DYNMEM_AT(dynmem_u64, to + 8 * i) = buffer[i];
		to += sizeof(buffer);
		from += sizeof(buffer);
		length -= sizeof(buffer);
	}
	while (length >= 8 && can_loop) {
		dynmem_read(buffer, 8, from);
		DYNMEM_AT(dynmem_u64, to) = buffer[0];
		to += 8;
		from += 8;
		length -= 8;
	}
	buffer[0] = 0;
	dynmem_read(buffer, length & 7, from);
	for (i = 0; i < 7 && i < (length & 7); i++) {
		DYNMEM_AT(dynmem_u8, to + i) = (dynmem_u8)buffer[0];
		buffer[0] = DYNMEM_LITTLE(DYNMEM_LITTLE(buffer[0]) >> 8);
	}
	return 0;
}

DYNMEM_INLINE void dynmem_copy(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	if (source)
		dynmem_move(place, source, length);
	else
		dynmem_set(place, 0, length);
}

#else
/*
 * Copies at most a guard's length into the block at `place`, from an address, or zeroes if that
 * is 0. Helpers want a length they can prove: pool and guard have room for this one.
 */
DYNMEM_GLOBAL int dynmem_copy_piece(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	void *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);

	DYNMEM_HIDE(length);
	if (!to || length > DYNAMIC_MEMORY_GUARD)
		return -EINVAL;
	/*
	 * clang would turn both bounds into one comparison of `length` less a constant, which tells
	 * the verifier of Linux 6.12 and before nothing about `length` itself.
	 */
	DYNMEM_HIDE(length);
	if (!length)
		return -EINVAL;
	dynmem_read(to, length, source);
	return 0;
}

/* Copies `length` bytes in pieces; `source` as above. */
DYNMEM_GLOBAL int dynmem_copy(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	dynmem_u64 step = source | -source;
	dynmem_u32 i;

	/* The guard's length, or 0 where there is no source; without a branch, for the loop's sake. */
	DYNMEM_HIDE(step);
	step = (step >> 63) * DYNAMIC_MEMORY_GUARD;
	DYNMEM_HIDE(length);
	for (i = 0; i <= POOL_SIZE / DYNAMIC_MEMORY_GUARD; i++) {
		if (length <= DYNAMIC_MEMORY_GUARD)
			return dynmem_copy_piece(place, source, length);
		dynmem_copy_piece(place, source, DYNAMIC_MEMORY_GUARD);
		place += DYNAMIC_MEMORY_GUARD;
		length -= DYNAMIC_MEMORY_GUARD;
		source += step;
	}
	return -EINVAL;
}

#endif

/* What dynmem_regrow gives where only another block has room: no place, and not DYNMEM_NONE. */
#define DYNMEM_ELSEWHERE (DYNMEM_NOWHERE - 1)

/*
 * realloc as far as it needs no other block: the place of the block at an address, now of `size`
 * bytes, or DYNMEM_NONE where it is none, or freed because size is 0.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_regrow(dynmem_u64 address, dynmem_u64 size)
{
	dynmem_u64 usable = dynmem_usable(address), granules = dynmem_granules(size);

	if (!usable || (!size && dynmem_release(address) <= 0))
		return DYNMEM_NONE;
	if ((granules && dynmem_resize(address, granules)) || size <= usable)
		return dynmem_place(address); /* if it was busy, it keeps what it has */
	return DYNMEM_ELSEWHERE;
}

/* Copies the block at an address to a new one at a place, if there is one, and frees it. */
DYNMEM_GLOBAL dynmem_u64 dynmem_transfer(dynmem_u64 place, dynmem_u64 address)
{
	if (place != DYNMEM_NONE) {
		dynmem_copy(place, address, dynmem_usable(address));
		dynmem_release(address);
	}
	return place;
}

/* The first `length` bytes at a place, which it gives, as zeroes. */
DYNMEM_GLOBAL dynmem_u64 dynmem_cleared(dynmem_u64 place, dynmem_u64 length)
{
	if (place != DYNMEM_NONE)
		dynmem_copy(place, 0, length);
	return place;
}

#if !DYNMEM_ARENA
/*
 * Bytes of a copy of a string's first `limit` characters, with the terminator; 0 if that is more than
 * a guard has, or nothing can be read there. The guard is where it is read to: nobody's memory.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_measure(dynmem_u64 source, dynmem_u64 limit)
{
#if DYNMEM_NATIVE
	return static_strnlen((const char *)(__UINTPTR_TYPE__)source, limit) + 1;
#else
	dynmem_u8 *pool = dynmem_pool(dynmem_own());
	dynmem_u64 length = limit < DYNAMIC_MEMORY_GUARD ? limit + 1 : DYNAMIC_MEMORY_GUARD;
	long got;

	DYNMEM_HIDE(length);
	if (!pool || length > DYNAMIC_MEMORY_GUARD)
		return 0;
	got = dynmem_read_string(pool + POOL_SIZE, length, source);
	/* A longer string is not cut off: that would be another string. */
	if (got <= 0 || (got == DYNAMIC_MEMORY_GUARD && limit >= DYNAMIC_MEMORY_GUARD))
		return 0;
	return (dynmem_u64)got;
#endif
}

/* Copies a string of `length` bytes, terminator included, to a place, which it gives. */
DYNMEM_GLOBAL dynmem_u64 dynmem_copy_string(dynmem_u64 place, dynmem_u64 source, dynmem_u64 length)
{
	dynmem_u8 *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);

	DYNMEM_HIDE(length);
	if (!to || length > DYNAMIC_MEMORY_GUARD)
		return DYNMEM_NONE;
	if (dynmem_read_string(to, length, source) > 0)
		return place;
	dynmem_release(dynmem_number(to));
	return DYNMEM_NONE;
}
#endif

/* BEGIN src/heap/c/80_scan.h */
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

/* BEGIN src/heap/c/82_memory.h */
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

/* BEGIN src/heap/c/84_memory_in_arena.h */
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

/* BEGIN src/heap/c/86_debug.h */
/* ---- the debug build: errors of the program, at its own lines ---------------------------- */

#ifdef DYNAMIC_MEMORY_DEBUG

/*
 * A block is as long as was asked for and DYNMEM_FENCE bytes more, which have a value that is looked for
 * when it is freed or resized, and meanwhile by `bpf-malloc stats --check`. What is freed is filled and,
 * unless it is large, kept from being used again until DYNMEM_QUARANTINE others were freed; it is looked
 * at then, and when a block of the same place and size is handed out. Errors are kept in a ring of the
 * heap, with the lines of the calls.
 */
#define DYNMEM_FENCE_WORD (~0ULL / 255 * DYNMEM_FENCE_BYTE)
#define DYNMEM_FREED_WORD (~0ULL / 255 * DYNMEM_FREED)
#ifdef __FILE_NAME__
#define DYNMEM_FILE __FILE_NAME__
#else
#define DYNMEM_FILE __FILE__
#endif
#define DYNMEM_HERE dynmem_number(DYNMEM_FILE), __LINE__

#if DYNMEM_ARENA
DYNMEM_INLINE dynmem_u64 dynmem_peek(dynmem_u64 address)
{
	return DYNMEM_AT(dynmem_u64, address);
}

DYNMEM_INLINE void dynmem_fill(dynmem_u64 address, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_set(address, byte, length);
}

DYNMEM_INLINE void dynmem_poke(dynmem_u64 address, dynmem_u64 word)
{
	DYNMEM_AT(dynmem_u64, address) = word;
}
#else
DYNMEM_INLINE dynmem_u64 dynmem_peek(dynmem_u64 address)
{
	dynmem_u64 word = 0;

	dynmem_read(&word, sizeof(word), address);
	return word;
}

/* Fills the block in use at an address, by copying what is filled behind itself. */
DYNMEM_GLOBAL int dynmem_fill(dynmem_u64 address, dynmem_u64 byte, dynmem_u64 length)
{
	dynmem_u64 place = dynmem_place(address), filled = DYNAMIC_MEMORY_GRANULE, piece;
	dynmem_u8 *to = dynmem_pointer(place, DYNAMIC_MEMORY_GUARD);
	dynmem_u32 i;

	if (!to || !length)
		return -EINVAL;
	for (i = 0; i < DYNAMIC_MEMORY_GRANULE; i++)
		to[i] = (dynmem_u8)byte;
	for (i = 0; i < 24 + POOL_SIZE / DYNAMIC_MEMORY_GUARD && filled < length; i++) {
		piece = dynmem_least(length - filled, filled);
		piece = dynmem_least(piece, DYNAMIC_MEMORY_GUARD);
		dynmem_copy_piece(place + filled, address, piece);
		filled += piece;
	}
	return 0;
}

DYNMEM_INLINE void dynmem_poke(dynmem_u64 address, dynmem_u64 word)
{
	/* The block's place and the way within it, for an address within is no block's. */
	dynmem_u64 start = address & ~(DYNAMIC_MEMORY_GRANULE - 1ULL);
	dynmem_u8 *to = dynmem_pointer(dynmem_place(start) + (address - start), DYNAMIC_MEMORY_GUARD);

	if (to)
		__builtin_memcpy(to, &word, sizeof(word));
}
#endif

/* Whether the first `length` bytes of a block are not all what dynmem_fill makes of freed blocks. */
#if DYNMEM_NATIVE
DYNMEM_INLINE int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u8 *bytes = (const dynmem_u8 *)(__UINTPTR_TYPE__)address;

	return dynmem_peek(address) != DYNMEM_FREED_WORD ||
	       __builtin_memcmp(bytes, bytes + 8, length - 8);
}
#elif defined(DYNAMIC_MEMORY_SPIN_LOCK)
/*
 * Linux 5.10 has no bpf_loop, so its verifier follows each round: of a block that is larger than a page
 * the first page is looked at.
 */
DYNMEM_GLOBAL int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u64 *words = dynmem_pointer(dynmem_place(address), 4096);
	dynmem_u32 i;

	for (i = 0; words && i < 4096 / 8 && i < length / 8; i++)
		if (words[i] != DYNMEM_FREED_WORD)
			return 1;
	return 0;
}
#else
DYNMEM_INLINE int dynmem_changed(dynmem_u64 address, dynmem_u64 length)
{
	const dynmem_u32 plain = DYNMEM_ARENA ? 0 : DYNMEM_PLAIN_A | DYNMEM_PLAIN_B;

	return dynmem_peek(address) != DYNMEM_FREED_WORD ||
	       dynmem_compare(address, address + 8, length - 8, plain);
}
#endif

/* Keeps an error. `located` is the block's as dynmem_locate gives it, or DYNMEM_NOWHERE. */
DYNMEM_GLOBAL int dynmem_report(dynmem_u64 located, dynmem_u64 address, dynmem_u32 kind,
				dynmem_u64 file, dynmem_u32 line)
{
	struct dynmem_heap *heap =
		dynmem_heap(located == DYNMEM_NOWHERE ? dynmem_own() : located >> 32);
	struct dynmem_error *error;
	struct dynmem_site *site;
	dynmem_u64 number;

	if (!heap)
		return -EINVAL;
	number = DYNMEM_LOAD(&heap->error_count);
	DYNMEM_STORE(&heap->error_count, number + 1);
	error = &heap->errors[number & (DYNMEM_ERRORS - 1)];
	site = &heap->sites[dynmem_index(located)];
	error->address = address;
	error->kind = kind;
	error->line = line;
	dynmem_read_string(error->file, sizeof(error->file), file);
	error->allocated_line = 0;
	error->freed_line = 0;
	if (located == DYNMEM_NOWHERE)
		return 0;
	error->size = site->size;
	error->allocated_line = site->allocated_line;
	error->freed_line = site->freed_line;
	if (site->allocated_line)
		dynmem_read_string(error->allocated_file, sizeof(error->file), site->allocated_file);
	if (site->freed_line)
		dynmem_read_string(error->freed_file, sizeof(error->file), site->freed_file);
	return 0;
}

/* Records a new block of `size` bytes, with its fence; fills it if it is to be, after a look at it. */
DYNMEM_GLOBAL int dynmem_note(dynmem_u64 address, dynmem_u64 size, dynmem_u32 fill, dynmem_u64 file,
			      dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address);
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	struct dynmem_site *site;

	if (!heap || located == DYNMEM_NOWHERE || !usable)
		return -EINVAL;
	site = &heap->sites[dynmem_index(located)];
	if (fill) {
		if (site->freed_line && site->usable == usable && usable >= 16 &&
		    dynmem_changed(address, usable))
			dynmem_report(located, address, DYNMEM_USE_AFTER_FREE, file, line);
		dynmem_fill(address, DYNMEM_NEW, usable);
	}
	/* The lines come last: who looks at fences meanwhile takes a block for one in use by them. */
	site->size = (dynmem_u32)(size + DYNMEM_FENCE <= usable ? size : usable);
	if (size + DYNMEM_FENCE <= usable)
		dynmem_poke(address + size, DYNMEM_FENCE_WORD);
	site->allocated_file = file;
	__asm__ volatile("" : : : "memory");
	DYNMEM_STORE(&site->allocated_line, line);
	DYNMEM_STORE(&site->freed_line, 0);
	return 0;
}

/* Looks at the fence of a block in use; the bytes that were asked for, 0 if it is none or was freed. */
DYNMEM_GLOBAL dynmem_u64 dynmem_fenced(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address);
	struct dynmem_heap *heap = dynmem_heap(located >> 32);
	struct dynmem_site *site;

	if (!heap || located == DYNMEM_NOWHERE || !usable)
		return 0;
	site = &heap->sites[dynmem_index(located)];
	if (site->freed_line)
		return 0;
	if (!site->allocated_line)
		return usable;
	if (site->size + DYNMEM_FENCE <= usable &&
	    dynmem_peek(address + site->size) != DYNMEM_FENCE_WORD) {
		dynmem_report(located, address, DYNMEM_OVERFLOW, file, line);
		dynmem_poke(address + site->size, DYNMEM_FENCE_WORD); /* told once */
	}
	return site->size;
}

/* What is left of the quarantine's place of a number for another address; 0 if nothing was there. */
DYNMEM_INLINE dynmem_u64 dynmem_swap_quarantined(struct dynmem_heap *heap, dynmem_u64 number,
						 dynmem_u64 address)
{
	dynmem_u64 *place, old;

	DYNMEM_HIDE(number);
	place = &heap->quarantine[number & (DYNMEM_QUARANTINE - 1)];
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	/* Linux 5.10 has no exchange. */
	DYNMEM_TRY_LOCK(heap);
	old = *place;
	*place = address;
	DYNMEM_UNLOCK(heap);
#else
	old = DYNMEM_EXCHANGE(place, address);
#endif
	return old;
}

/* Looks at a freed block that may be used again from now on, and gives its address. */
DYNMEM_INLINE dynmem_u64 dynmem_leave_quarantine(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 usable = address ? dynmem_usable(address) : 0;

	if (usable >= 16 && dynmem_changed(address, usable)) {
		dynmem_report(dynmem_locate(address), address, DYNMEM_USE_AFTER_FREE, file, line);
		dynmem_fill(address, DYNMEM_FREED, usable); /* told once */
	}
	return address;
}

/*
 * What is done of a block that is freed: its address, or that of another one which it takes the place of
 * in the quarantine, is what dynmem_give shall free; 0 if nothing is.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_returned(dynmem_u64 address, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 located = dynmem_locate(address), usable = dynmem_usable(address), number;
	struct dynmem_heap *heap;
	struct dynmem_site *site;

	if (located == DYNMEM_NOWHERE) {
		if (address)
			dynmem_report(located, address, DYNMEM_INVALID_FREE, file, line);
		return address; /* which counts it */
	}
	heap = dynmem_heap(located >> 32);
	if (!heap)
		return 0;
	site = &heap->sites[dynmem_index(located)];
	if (!usable || site->freed_line) {
		dynmem_report(located, address,
			      site->freed_line ? DYNMEM_DOUBLE_FREE : DYNMEM_INVALID_FREE, file, line);
		if (!usable)
			return address;
		DYNMEM_COUNT(&heap->double_frees); /* it is in the quarantine, and stays there */
		return 0;
	}
	dynmem_fenced(address, file, line);
	site->freed_file = file;
	site->freed_line = line;
	site->usable = (dynmem_u32)usable;
	dynmem_fill(address, DYNMEM_FREED, usable);
	if (usable > heap->granules / DYNMEM_QUARANTINE_PART * DYNAMIC_MEMORY_GRANULE)
		return address;
#ifdef DYNAMIC_MEMORY_SPIN_LOCK
	number = DYNMEM_LOAD(&heap->quarantine_count);
	DYNMEM_COUNT(&heap->quarantine_count);
#else
	number = DYNMEM_FETCH_ADD(&heap->quarantine_count, 1);
#endif
	return dynmem_leave_quarantine(dynmem_swap_quarantined(heap, number, address), file, line);
}

/* Takes a block out of a heap's quarantine: its address, or 0. */
DYNMEM_GLOBAL dynmem_u64 dynmem_dismiss(dynmem_u64 number, dynmem_u64 place, dynmem_u64 file,
					dynmem_u32 line)
{
	struct dynmem_heap *heap = dynmem_heap(number);

	if (!heap)
		return 0;
	return dynmem_leave_quarantine(dynmem_swap_quarantined(heap, place, 0), file, line);
}

/* Frees what waits in quarantines, for an allocation that found no memory; whether there was one. */
DYNMEM_GLOBAL int dynmem_empty_quarantine(dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 address;
	dynmem_u32 i;
	int freed = 0;

	for (i = 0; i < DYNAMIC_MEMORY_HEAPS * DYNMEM_QUARANTINE; i++) {
		address = dynmem_dismiss(i / DYNMEM_QUARANTINE, i % DYNMEM_QUARANTINE, file, line);
		if (address) {
			dynmem_give(address);
			freed = 1;
		}
	}
	return freed;
}

/* Bytes to allocate for `size`; 0 stays what it is. */
DYNMEM_INLINE size_t dynmem_with_fence(size_t size)
{
	return size - 1 < POOL_SIZE ? size + DYNMEM_FENCE : size;
}

#endif

/* BEGIN src/heap/c/88_lend.h */
/* ---- functions of the kernel ------------------------------------------------------------- */

#if DYNMEM_ARENA
/*
 * `static_assign(place, value)` is `place = value` for a place in the arena and a value of any type that
 * does not lie there, a structure too, which clang would copy without converting the address. The commas of
 * a compound literal are no ends of the value.
 */
#define static_assign(place, ...)                                                                  \
	({                                                                                         \
		__typeof_unqual__(place) dynmem_value = (__VA_ARGS__);                             \
		static_memcpy(&(place), &dynmem_value, sizeof(dynmem_value));                      \
		dynmem_value;                                                                      \
	})

/* A structure in the arena as a value, to return or to pass. */
#define static_value(place)                                                                        \
	({                                                                                         \
		__typeof_unqual__(place) dynmem_value;                                             \
		static_memcpy(&dynmem_value, &(place), sizeof(dynmem_value));                      \
		dynmem_value;                                                                      \
	})

/*
 * Functions of the kernel take no memory of an arena. These copy it through the stack; `size` is a
 * constant, at most 256 bytes or so, since BPF has 512 bytes of stack for all functions of a chain
 * of calls.
 *
 * static_in(from, size) is a copy, for what a function reads:
 *     bpf_ringbuf_output(&events, static_in(e, sizeof(*e)), sizeof(*e), 0);
 * static_out(call) runs a call that fills memory, and copies what it filled to where static_to says:
 *     static_out(bpf_get_current_comm(static_to(t->comm, sizeof(t->comm)), sizeof(t->comm)));
 *
 * The copies are compound literals: they live until the block around them ends.
 */
#define static_in(from, size)                                                                      \
	((const void *)static_memcpy((void *)(dynmem_u64[((size) + 7) / 8]){}, from, size))
#define static_to(to, size)                                                                        \
	(dynmem_filled = (void DYNMEM_SPACE *)(to), dynmem_size = (size),                          \
	 dynmem_buffer = (void *)(dynmem_u64[((size) + 7) / 8]){})
#define static_out(call)                                                                           \
	({                                                                                         \
		void DYNMEM_SPACE *dynmem_filled;                                                  \
		size_t dynmem_size;                                                                \
		void *dynmem_buffer;                                                               \
		__typeof__(call) dynmem_result = (call);                                           \
		static_memcpy(dynmem_filled, dynmem_buffer, dynmem_size);                          \
		dynmem_result;                                                                     \
	})
#else
#define static_assign(place, ...) ((place) = (__VA_ARGS__))
#define static_value(place) (place)
#define static_in(from, size) (from)
#define static_to(to, size) (to)
#define static_out(call) (call)
#endif

/* BEGIN src/heap/c/90_functions.h */
/* ---- the functions programs call --------------------------------------------------------- */

/*
 * A block of `size` bytes with undefined contents, aligned to the granule; NULL if size is 0,
 * larger than POOL_SIZE, or no heap has room.
 */
DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *static_malloc(size_t size)
{
	return DYNMEM_POINTER(dynmem_take_here(size), size);
}

/*
 * Frees a block, from any CPU and context; NULL is ignored. A pointer that is not the start of a
 * block in use is refused and counted. It may have been stored in a map and loaded again.
 */
DYNMEM_INLINE void static_free(void DYNMEM_SPACE *pointer)
{
#if !(DYNMEM_ARENA && DYNMEM_KERNEL)
	if (!pointer)
		return;
#endif
	/*
	 * In an arena what is called tells NULL apart. A test here of a pointer that the program has
	 * tested before would be one whose answer the verifier knows: it then keeps the ways of both
	 * answers apart until the end.
	 */
	dynmem_give_here(pointer);
}

/* `count` times `size` zero bytes; NULL also if the product overflows. */
DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *static_calloc(size_t count, size_t size)
{
	size_t total = count * size;
	void DYNMEM_SPACE *pointer;

	/* Two numbers that a pool may hold have a product that 64 bits hold. */
	if (count > POOL_SIZE || size > POOL_SIZE)
		total = 0;
	if (__builtin_constant_p(total) && total && total <= 64) {
		pointer = static_malloc(total);
		if (pointer)
			static_memset(pointer, 0, total);
#if DYNMEM_ARENA && DYNMEM_KERNEL
		/*
		 * Or the verifier follows what comes for NULL and for a block: 2^n ways with n blocks
		 * that the program does not test, as local arrays.
		 */
		pointer = (void DYNMEM_SPACE *)static_opaque((dynmem_u64)pointer);
		DYNMEM_HIDE(pointer);
#endif
		return pointer;
	}
	/* One call after the other, for the stack's sake. */
	return DYNMEM_POINTER(dynmem_cleared(dynmem_take(total), total), total);
}

/*
 * The block with its size changed, moved where it must be; NULL, and the block as it was, if there
 * is no room or the pointer is not the start of a block in use. realloc(NULL, n) allocates,
 * realloc(p, 0) frees and returns NULL.
 */
DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *static_realloc(void DYNMEM_SPACE *pointer, size_t size)
{
	dynmem_u64 address = dynmem_number(pointer), place;

#if DYNMEM_ARENA && DYNMEM_KERNEL
	address = static_opaque(address); /* as in static_free: the test tells nothing about the pointer */
#endif
	if (!address)
		return static_malloc(size);
	place = dynmem_regrow(address, size);
	if (place == DYNMEM_ELSEWHERE)
		place = dynmem_transfer(dynmem_take(size), address);
	return DYNMEM_POINTER(place, size);
}

/* realloc to `count` times `size` bytes; NULL, and the block as it was, if that overflows. */
DYNMEM_INLINE void DYNMEM_SPACE *static_reallocarray(void DYNMEM_SPACE *pointer, size_t count,
					       size_t size)
{
	if (count > POOL_SIZE || size > POOL_SIZE) {
		/* 0 times anything is 0, not an overflow. */
		if (count && size)
			return NULL;
		count = 0;
	}
	return static_realloc(pointer, count * size);
}

/* As malloc, at a multiple of `alignment`, a power of two; NULL if it is none. */
DYNMEM_INLINE void DYNMEM_SPACE *static_aligned_alloc(size_t alignment, size_t size)
{
	dynmem_u64 place;

	if (!alignment || alignment & (alignment - 1))
		return NULL;
	if (__builtin_constant_p(alignment) && alignment <= DYNAMIC_MEMORY_GRANULE)
		return static_malloc(size);
	place = dynmem_take_aligned(alignment > POOL_SIZE ? 0 : size, alignment);
	return DYNMEM_POINTER(place, size);
}

/*
 * As aligned_alloc, through `result`; EINVAL if the alignment is no power of two or smaller than a
 * pointer, ENOMEM if there is no room. Of size 0 it gives NULL and succeeds.
 */
DYNMEM_OVERLOADED DYNMEM_INLINE int static_posix_memalign(void DYNMEM_SPACE **result,
							 size_t alignment, size_t size)
{
	void DYNMEM_SPACE *pointer = NULL;

	if (alignment < sizeof(void *) || alignment & (alignment - 1))
		return EINVAL;
	if (size) {
		pointer = static_aligned_alloc(alignment, size);
		if (!pointer)
			return ENOMEM;
	}
	*result = pointer;
	return 0;
}

#if DYNMEM_ARENA
/* The same where the result goes to a pointer that is in the arena itself. */
DYNMEM_OVERLOADED DYNMEM_INLINE int
static_posix_memalign(void DYNMEM_SPACE *DYNMEM_SPACE *result, size_t alignment, size_t size)
{
	void DYNMEM_SPACE *pointer = NULL;
	int error = static_posix_memalign(&pointer, alignment, size);

	if (!error)
		*result = pointer;
	return error;
}

/* A copy of the first `limit` characters of a string at most; NULL if there is no room. */
DYNMEM_OVERLOADED DYNMEM_INLINE char DYNMEM_SPACE *static_strndup(const char DYNMEM_SPACE *string,
								 size_t limit)
{
	dynmem_u64 place = dynmem_strndup(dynmem_number(string), limit, 0);

	return DYNMEM_POINTER(place, (size_t)1);
}

/* The same of a string on the stack, in a map, or elsewhere in the kernel's memory. */
DYNMEM_OVERLOADED DYNMEM_INLINE char DYNMEM_SPACE *static_strndup(const char *string, size_t limit)
{
	dynmem_u64 place = dynmem_strndup(dynmem_number(string), limit, DYNMEM_PLAIN_A);

	return DYNMEM_POINTER(place, (size_t)1);
}

/* A copy of a string, of any length. NULL if there is no room. */
DYNMEM_OVERLOADED DYNMEM_INLINE char DYNMEM_SPACE *static_strdup(const char DYNMEM_SPACE *string)
{
	return static_strndup(string, ~(size_t)0);
}

DYNMEM_OVERLOADED DYNMEM_INLINE char DYNMEM_SPACE *static_strdup(const char *string)
{
	return static_strndup(string, ~(size_t)0);
}
#else
/* A copy of the first `limit` characters of a string at most; as strdup otherwise. */
DYNMEM_INLINE char *static_strndup(const char *string, size_t limit)
{
	dynmem_u64 length = dynmem_measure(dynmem_number(string), limit);
	dynmem_u64 place = dynmem_take(length);

	if (place != DYNMEM_NONE)
		place = dynmem_copy_string(place, dynmem_number(string), length);
	return DYNMEM_POINTER(place, (size_t)1);
}

/*
 * A copy of a string in kernel memory: on the stack, in a map or a block. NULL if there is no room,
 * or the string with its terminator is longer than DYNAMIC_MEMORY_GUARD.
 */
DYNMEM_INLINE char *static_strdup(const char *string)
{
	return static_strndup(string, ~(size_t)0);
}
#endif

/*
 * A block that is freed where the variable that points to it goes out of scope, for what cannot lie
 * on the stack because pointers into the arena meet its address:
 *     struct vec __arena *v static_local = static_calloc(1, sizeof(*v));
 * About 20 ns a call more than the stack, measured on Linux 6.18.
 */
DYNMEM_INLINE void static_free_local(void *variable)
{
	static_free(*(void DYNMEM_SPACE **)variable);
}
#define static_local __attribute__((cleanup(static_free_local)))

/* Bytes usable in a block, not less than asked for; 0 for NULL and what is not a block in use. */
DYNMEM_INLINE size_t static_malloc_usable_size(void DYNMEM_SPACE *pointer)
{
	return pointer ? (size_t)dynmem_usable(dynmem_number(pointer)) : 0;
}

/*
 * Gives all blocks of all heaps back. Each heap is emptied in one step, whatever other CPUs do with it
 * meanwhile: they are served by the other heaps, or get NULL. Blocks from before may not be used any
 * more; to free one is refused and counted, unless a new block has come to start at its address. The
 * figures of the past stay. 0, or the negative errno value EBUSY if a program held a heap, which then
 * is as it was. Time: linear in the pools.
 */
DYNMEM_INLINE int static_reset(void)
{
	dynmem_u32 i;
	int result = 0;

	for (i = 0; i < DYNAMIC_MEMORY_HEAPS; i++)
		if (dynmem_reset(i))
			result = -DYNMEM_EBUSY;
	return result;
}

#ifdef DYNAMIC_MEMORY_DEBUG

/* The functions as the debug build has them, with the file and the line they are called from. */
DYNMEM_INLINE void DYNMEM_SPACE *dynmem_noted(void DYNMEM_SPACE *pointer, size_t size, dynmem_u32 fill,
					      dynmem_u64 file, dynmem_u32 line)
{
	if (pointer)
		dynmem_note(dynmem_number(pointer), size, fill, file, line);
	return pointer;
}

DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *
dynmem_debug_malloc(size_t size, dynmem_u64 file, dynmem_u32 line)
{
	void DYNMEM_SPACE *pointer = static_malloc(dynmem_with_fence(size));

	if (!pointer && dynmem_empty_quarantine(file, line))
		pointer = static_malloc(dynmem_with_fence(size));
	return dynmem_noted(pointer, size, 1, file, line);
}

DYNMEM_INLINE void dynmem_debug_free(void DYNMEM_SPACE *pointer, dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 address;

#if !(DYNMEM_ARENA && DYNMEM_KERNEL)
	if (!pointer)
		return;
#endif
	address = dynmem_returned(dynmem_number(pointer), file, line); /* NULL as in static_free */
	if (address)
		dynmem_give(address);
}

DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *
dynmem_debug_calloc(size_t count, size_t size, dynmem_u64 file,
						     dynmem_u32 line)
{
	size_t total = count > POOL_SIZE || size > POOL_SIZE ? 0 : count * size;

	void DYNMEM_SPACE *pointer = static_calloc(1, dynmem_with_fence(total));

	if (!pointer && dynmem_empty_quarantine(file, line))
		pointer = static_calloc(1, dynmem_with_fence(total));
	return dynmem_noted(pointer, total, 0, file, line);
}

/* Always another block, so that what is used of the old one afterwards is found. */
DYNMEM_ALIGNED DYNMEM_INLINE void DYNMEM_SPACE *
dynmem_debug_realloc(void DYNMEM_SPACE *pointer, size_t size,
						      dynmem_u64 file, dynmem_u32 line)
{
	dynmem_u64 old = dynmem_number(pointer), place, length;

	if (!pointer)
		return dynmem_debug_malloc(size, file, line);
	length = dynmem_fenced(old, file, line);
	if (!length) {
		dynmem_returned(old, file, line); /* it is no block, and this keeps that */
		return NULL;
	}
	if (!size) {
		dynmem_debug_free(pointer, file, line);
		return NULL;
	}
	place = dynmem_take(dynmem_with_fence(size));
	if (place == DYNMEM_NONE && dynmem_empty_quarantine(file, line))
		place = dynmem_take(dynmem_with_fence(size));
	if (place != DYNMEM_NONE) {
		dynmem_copy(place, old, dynmem_least(length, size));
		dynmem_debug_free(pointer, file, line);
	}
	return dynmem_noted(DYNMEM_POINTER(place, size), size, 0, file, line);
}

DYNMEM_INLINE void DYNMEM_SPACE *dynmem_debug_reallocarray(void DYNMEM_SPACE *pointer, size_t count,
							   size_t size, dynmem_u64 file,
							   dynmem_u32 line)
{
	if (count > POOL_SIZE || size > POOL_SIZE) {
		if (count && size)
			return NULL;
		count = 0;
	}
	return dynmem_debug_realloc(pointer, count * size, file, line);
}

DYNMEM_INLINE void DYNMEM_SPACE *dynmem_debug_aligned(size_t alignment, size_t size, dynmem_u64 file,
						      dynmem_u32 line)
{
	void DYNMEM_SPACE *pointer = static_aligned_alloc(alignment, dynmem_with_fence(size));

	if (!pointer && dynmem_empty_quarantine(file, line))
		pointer = static_aligned_alloc(alignment, dynmem_with_fence(size));
	return dynmem_noted(pointer, size, 1, file, line);
}

#define static_malloc(size) dynmem_debug_malloc(size, DYNMEM_HERE)
#define static_free(pointer) dynmem_debug_free(pointer, DYNMEM_HERE)
#define static_calloc(count, size) dynmem_debug_calloc(count, size, DYNMEM_HERE)
#define static_realloc(pointer, size) dynmem_debug_realloc(pointer, size, DYNMEM_HERE)
#define static_reallocarray(pointer, count, size) \
	dynmem_debug_reallocarray(pointer, count, size, DYNMEM_HERE)
#define static_aligned_alloc(alignment, size) dynmem_debug_aligned(alignment, size, DYNMEM_HERE)
#define static_posix_memalign(result, alignment, size)                                           \
	__extension__({                                                                          \
		__typeof__(result) dynmem_result = (result);                                     \
		size_t dynmem_asked = (size);                                                    \
		int dynmem_error = (static_posix_memalign)(dynmem_result, alignment,             \
							   dynmem_with_fence(dynmem_asked));     \
		if (!dynmem_error)                                                               \
			dynmem_noted(*dynmem_result, dynmem_asked, 1, DYNMEM_HERE);              \
		dynmem_error;                                                                    \
	})
#define static_strdup(string)                                                                    \
	((char DYNMEM_SPACE *)dynmem_noted(static_strdup(string), ~(size_t)0 - DYNMEM_FENCE, 0, \
					   DYNMEM_HERE))
#define static_strndup(string, limit)                                                     \
	((char DYNMEM_SPACE *)dynmem_noted(static_strndup(string, limit),                \
					   ~(size_t)0 - DYNMEM_FENCE, 0, DYNMEM_HERE))
#endif

#endif /* __clang_analyzer__ */
#endif /* DYNAMIC_MEMORY_H */

/* BEGIN src/heap/c/92_c_library.h */
/* ---- more of the C library, for programs that ask for it --------------------------------- */

#if defined(DYNAMIC_MEMORY_C_LIBRARY) && !defined(DYNMEM_C_LIBRARY)
#define DYNMEM_C_LIBRARY

#ifndef ERANGE
#define ERANGE 34
#endif
#ifndef EXIT_SUCCESS
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#endif
#ifndef RAND_MAX
#define RAND_MAX 2147483647
#endif
#ifndef EOF
#define EOF (-1)
#endif

#if !DYNMEM_KERNEL

#if DYNMEM_NATIVE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#else /* clang's analyzer, maybe without a C library */
int printf(const char *format, ...);
int puts(const char *text);
int atoi(const char *string);
long atol(const char *string);
long strtol(const char *string, char **end, int base);
unsigned long strtoul(const char *string, char **end, int base);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t size,
	      int (*compare)(const void *, const void *));
void *memccpy(void *to, const void *from, int byte, size_t length);
void bzero(void *to, size_t length);
void *mempcpy(void *to, const void *from, size_t length);
char *stpcpy(char *to, const char *from);
char *stpncpy(char *to, const char *from, size_t limit);
size_t strspn(const char *string, const char *set);
size_t strcspn(const char *string, const char *set);
char *strpbrk(const char *string, const char *set);
char *strstr(const char *string, const char *what);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t limit);
char *strtok(char *string, const char *set);
char *strtok_r(char *string, const char *set, char **rest);
long time(long *seconds);
long clock(void);
#endif
#define static_memccpy memccpy
#define static_bzero bzero
#define static_mempcpy mempcpy
#define static_stpcpy stpcpy
#define static_stpncpy stpncpy
#define static_strspn strspn
#define static_strcspn strcspn
#define static_strpbrk strpbrk
#define static_strstr strstr
#define static_strcasecmp strcasecmp
#define static_strncasecmp strncasecmp
#define static_strtok strtok
#define static_strtok_r strtok_r
#define static_strtol strtol
#define static_strtoul strtoul
#define static_strtoll strtoll
#define static_strtoull strtoull
#define static_atoi atoi
#define static_atol atol
#define static_atoll atoll
#define static_qsort qsort
#define static_bsearch bsearch
#define static_isalnum isalnum
#define static_isalpha isalpha
#define static_isblank isblank
#define static_iscntrl iscntrl
#define static_isdigit isdigit
#define static_isgraph isgraph
#define static_islower islower
#define static_isprint isprint
#define static_ispunct ispunct
#define static_isspace isspace
#define static_isupper isupper
#define static_isxdigit isxdigit
#define static_tolower tolower
#define static_toupper toupper
#define static_abs abs
#define static_labs labs
#define static_llabs llabs
#define static_div div
#define static_ldiv ldiv
#define static_rand rand
#define static_srand srand
#define static_printf printf
#define static_fprintf fprintf
#define static_puts puts
#define static_fputs fputs
#define static_perror perror
#define static_fflush fflush
#define static_random random
#define static_srandom srandom
#define static_time time
#define static_clock clock
#define static_putchar putchar
#define static_fputc fputc
#define static_unprinted printf
#define static_unprinted_to fprintf
#define static_unprinted_puts puts
#define static_unprinted_fputs fputs

#else

/* -- characters: those of the "C" locale. Constant time -- */

#define DYNMEM_WITHIN(byte, first, last) \
	((dynmem_u32)(byte) - (dynmem_u32)(first) <= (dynmem_u32)(last) - (dynmem_u32)(first))

DYNMEM_INLINE int static_isdigit(int byte)
{
	return DYNMEM_WITHIN(byte, '0', '9');
}
DYNMEM_INLINE int static_islower(int byte)
{
	return DYNMEM_WITHIN(byte, 'a', 'z');
}
DYNMEM_INLINE int static_isupper(int byte)
{
	return DYNMEM_WITHIN(byte, 'A', 'Z');
}
DYNMEM_INLINE int static_isalpha(int byte)
{
	return static_islower(byte) || static_isupper(byte);
}
DYNMEM_INLINE int static_isalnum(int byte)
{
	return static_isalpha(byte) || static_isdigit(byte);
}
DYNMEM_INLINE int static_isxdigit(int byte)
{
	return static_isdigit(byte) || DYNMEM_WITHIN(byte, 'a', 'f') ||
	       DYNMEM_WITHIN(byte, 'A', 'F');
}
DYNMEM_INLINE int static_isblank(int byte)
{
	return byte == ' ' || byte == '\t';
}
DYNMEM_INLINE int static_isspace(int byte)
{
	return byte == ' ' || DYNMEM_WITHIN(byte, '\t', '\r');
}
DYNMEM_INLINE int static_isprint(int byte)
{
	return DYNMEM_WITHIN(byte, ' ', '~');
}
DYNMEM_INLINE int static_isgraph(int byte)
{
	return DYNMEM_WITHIN(byte, '!', '~');
}
DYNMEM_INLINE int static_ispunct(int byte)
{
	return static_isgraph(byte) && !static_isalnum(byte);
}
DYNMEM_INLINE int static_iscntrl(int byte)
{
	return DYNMEM_WITHIN(byte, 0, 31) || byte == 127;
}
DYNMEM_INLINE int static_tolower(int byte)
{
	return static_isupper(byte) ? byte + ('a' - 'A') : byte;
}
DYNMEM_INLINE int static_toupper(int byte)
{
	return static_islower(byte) ? byte - ('a' - 'A') : byte;
}

/* -- numbers -- */

DYNMEM_INLINE int static_abs(int value)
{
	return value < 0 ? -value : value;
}
DYNMEM_INLINE long static_labs(long value)
{
	return value < 0 ? -value : value;
}
DYNMEM_INLINE long long static_llabs(long long value)
{
	return value < 0 ? -value : value;
}

/* Where <stdlib.h> is not included. */
#if !defined(_STDLIB_H) && !defined(__STDLIB_H)
typedef struct {
	int quot, rem;
} div_t;
typedef struct {
	long quot, rem;
} ldiv_t;
#endif

/* Quotient, towards 0, and remainder, by a division without a sign: one with a sign needs -mcpu=v4. */
#define DYNMEM_DIVISION(name, type, number)                                             \
	DYNMEM_INLINE type name(number value, number by)                                \
	{                                                                               \
		dynmem_u64 a = value < 0 ? 0 - (dynmem_u64)value : (dynmem_u64)value;   \
		dynmem_u64 b = by < 0 ? 0 - (dynmem_u64)by : (dynmem_u64)by;            \
		number quot = (number)(a / b), rem = (number)(a % b);                   \
		type result;                                                            \
                                                                                        \
		result.quot = (value < 0) != (by < 0) ? -quot : quot;                   \
		result.rem = value < 0 ? -rem : rem;                                    \
		return result;                                                          \
	}
DYNMEM_DIVISION(static_div, div_t, int)
DYNMEM_DIVISION(static_ldiv, ldiv_t, long)

/*
 * The numbers that glibc's rand() gives, from its additive feedback generator of 31 words: the same
 * after the same srand(), and srand(1) where there was none. One generator for all CPUs of an object,
 * which may take each other's numbers.
 */
#define DYNMEM_RANDOM_WORDS 31
static __attribute__((used)) dynmem_u32 dynmem_random_words[DYNMEM_RANDOM_WORDS];
static __attribute__((used)) dynmem_u32 dynmem_random_at, dynmem_random_seeded;

DYNMEM_INLINE dynmem_u32 dynmem_random(void)
{
	dynmem_u64 at = dynmem_random_at, behind, ahead;
	dynmem_u32 word;

	behind = at % DYNMEM_RANDOM_WORDS;
	ahead = (at + 3) % DYNMEM_RANDOM_WORDS;
	DYNMEM_HIDE(behind);
	DYNMEM_HIDE(ahead);
	if (behind >= DYNMEM_RANDOM_WORDS || ahead >= DYNMEM_RANDOM_WORDS)
		return 0;
	word = dynmem_random_words[ahead] + dynmem_random_words[behind];
	dynmem_random_words[ahead] = word;
	dynmem_random_at = (dynmem_u32)((at + 1) % DYNMEM_RANDOM_WORDS);
	return word >> 1;
}

struct dynmem_seeding {
	dynmem_u64 round;
	long long word;
};

/* 31 words, as glibc: each 16807 times the one before modulo 2^31 - 1; of a negative one C's remainder. */
DYNMEM_STEP long dynmem_seed_step(dynmem_u64 round, struct dynmem_seeding *seeding)
{
	dynmem_u64 at = seeding->round;
	long long word = seeding->word;

	(void)round;
	DYNMEM_HIDE(at);
	if (at >= DYNMEM_RANDOM_WORDS)
		return 1;
	dynmem_random_words[at] = (dynmem_u32)word;
	word = (long long)((dynmem_u64)(word < 0 ? -word : word) * 16807 % 2147483647) *
	       (word < 0 ? -1 : 1);
	seeding->word = static_opaque(word < 0 ? word + 2147483647 : word);
	seeding->round = (dynmem_u64)static_opaque(at + 1);
	return 0;
}

/* The first 310 numbers are thrown away. */
DYNMEM_STEP long dynmem_spin_step(dynmem_u64 round, struct dynmem_seeding *seeding)
{
	(void)round;
	dynmem_random();
	seeding->round = (dynmem_u64)static_opaque(seeding->round + 1);
	return seeding->round >= 11 * DYNMEM_RANDOM_WORDS;
}

static __attribute__((noinline, unused)) int dynmem_seed(dynmem_u32 seed)
{
	struct dynmem_seeding seeding = {0};

	dynmem_random_seeded = 1;
	dynmem_random_at = 0;
	seeding.word = static_opaque(seed ? (int)seed : 1);
	DYNMEM_REPEAT(dynmem_seed_step, &seeding);
	DYNMEM_REPEAT(dynmem_spin_step, &seeding);
	return 0;
}

DYNMEM_INLINE void static_srand(dynmem_u32 seed)
{
	dynmem_seed(seed);
}
static __attribute__((noinline, unused)) int static_rand(void)
{
	if (!dynmem_random_seeded)
		dynmem_seed(1);
	return (int)dynmem_random();
}

#define static_random() ((long)static_rand())
#define static_srandom(seed) static_srand(seed)

/* -- output: to /sys/kernel/tracing/trace_pipe, as bpf_printk -- */

static long (*const dynmem_bpf_trace_printk)(const char *format, dynmem_u32 size, ...) = (void *)6;

/* Up to three values; a literal format of what the kernel knows: d i u x X c s p, l and ll. */
#define static_printf(format, ...)                                                             \
	__extension__({                                                                        \
		static const char dynmem_format_[] = format;                                   \
		(int)dynmem_bpf_trace_printk(dynmem_format_, sizeof(dynmem_format_),           \
					     ##__VA_ARGS__);                                   \
	})
/* The stream, whatever it is, is not looked at. */
#define static_fprintf(stream, ...) static_printf(__VA_ARGS__)
/* A string outside of the arena. */
#define static_puts(text) static_printf("%s", text)
#define static_fputs(text, stream) static_puts(text)
/* No errno is kept. */
#define static_perror(text) ((void)static_printf("%s: failed", text))
#define static_fflush(stream) 0
#define static_putchar(byte) ((int)(unsigned char)(byte))
#define static_fputc(byte, stream) static_putchar(byte)
/* Output that the kernel has no format for: its arguments are evaluated. */
#define static_unprinted(...) dynmem_unprinted(0, ##__VA_ARGS__)
#define static_unprinted_to(stream, ...) static_unprinted(__VA_ARGS__)
#define static_unprinted_puts(text) static_unprinted(text)
#define static_unprinted_fputs(text, stream) static_unprinted(text)
DYNMEM_INLINE int dynmem_unprinted(int none, ...)
{
	return none;
}

/* BEGIN src/heap/c/93_time.h */
/*
 * -- time: programs have no other clock than the one that starts when the machine does --
 *
 * `static_time` returns seconds since then, `static_clock` microseconds (CLOCKS_PER_SEC is 1,000,000): both
 * of time that passes, not of a calendar, and `static_clock` not of the processor. Constant time.
 */

DYNMEM_INLINE long static_clock(void)
{
	return (long)(dynmem_bpf_ktime_get_ns() / 1000);
}
DYNMEM_INLINE long dynmem_seconds(void)
{
	return (long)(dynmem_bpf_ktime_get_ns() / 1000000000);
}
/* The pointer may be NULL, and that may be written as a number. */
#define DYNMEM_TIME(type)                                                                       \
	DYNMEM_FUNCTION long static_time(type *seconds)                                         \
	{                                                                                       \
		long now = dynmem_seconds();                                                    \
                                                                                                \
		if (seconds)                                                                    \
			*seconds = now;                                                         \
		return now;                                                                     \
	}
DYNMEM_TIME(long)
#if DYNMEM_ARENA
DYNMEM_TIME(long DYNMEM_SPACE)
DYNMEM_FUNCTION long static_time(void *null)
{
	(void)null;
	return dynmem_seconds();
}
DYNMEM_FUNCTION long static_time(int null)
{
	(void)null;
	return dynmem_seconds();
}
#endif


/* BEGIN src/heap/c/94_more_strings.h */
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

/* BEGIN src/heap/c/96_parse_and_sort.h */
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

/* BEGIN src/heap/c/98_format.h */
/* -- text made of a format: only where programs may have arenas, whose text has any length -- */

#if defined(DYNAMIC_MEMORY_C_LIBRARY) && !defined(DYNMEM_FORMAT)
#define DYNMEM_FORMAT

#if !DYNMEM_KERNEL

#if !DYNMEM_NATIVE
int snprintf(char *to, size_t size, const char *format, ...);
int sprintf(char *to, const char *format, ...);
#endif
#define static_snprintf snprintf
#define static_sprintf sprintf

#elif DYNMEM_ARENA

#define DYNMEM_MOST_VALUES 8

/* A format, and what it is filled with. */
struct dynmem_values {
	dynmem_u64 values[DYNMEM_MOST_VALUES];
	dynmem_u64 plain; /* bits: what leads out of the arena */
};

/* Puts a byte in front of `end` so many times; the address behind it, were there room for all. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put(dynmem_u64 at, dynmem_u64 end, dynmem_u32 byte, dynmem_u64 times)
{
	dynmem_u64 behind = at + times;

	static_use_arena();
	while (at < behind && at < end && can_loop)
		DYNMEM_AT(dynmem_u8, at++) = (dynmem_u8)byte;
	return behind;
}

/* The same with bytes of a string. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_text(dynmem_u64 at, dynmem_u64 end, dynmem_u64 from,
					 dynmem_u64 length, dynmem_u32 plain)
{
	dynmem_u64 behind = at + length;

	static_use_arena();
	while (at < behind && at < end && can_loop)
		DYNMEM_AT(dynmem_u8, at++) = (dynmem_u8)dynmem_byte(from++, plain);
	return behind;
}

/* How many digits a number has; 0 has one. */
DYNMEM_GLOBAL dynmem_u64 dynmem_digits(dynmem_u64 value, dynmem_u64 base)
{
	dynmem_u64 digits = static_opaque(1);

	if (base < 2)
		return 0;
	while (static_hide(value), static_hide(digits), value >= base && can_loop) {
		value /= base;
		digits++;
	}
	return digits;
}

/* Puts the digits of a number, the letters among them from `ten` on. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_number(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					   dynmem_u64 base, dynmem_u32 ten)
{
	dynmem_u64 behind = at + dynmem_digits(value, base), to = behind;

	static_use_arena();
	if (!base)
		return at;
	while (static_hide(to), static_hide(value), to > at && can_loop) {
		dynmem_u32 digit = (dynmem_u32)(value % base);

		value /= base;
		to--;
		if (to < end)
			DYNMEM_AT(dynmem_u8, to) = (dynmem_u8)(digit < 10 ? '0' + digit : ten + digit - 10);
	}
	return behind;
}

/* What stands between % and the letter. */
struct dynmem_conversion {
	dynmem_u64 width;
	dynmem_u64 precision; /* DYNMEM_ANY: none */
	dynmem_u32 flags;
	dynmem_u32 bytes;
};

#define DYNMEM_ANY (~0ULL)
#define DYNMEM_LEFT 1U
#define DYNMEM_ZEROS 2U
#define DYNMEM_PLUS 4U
#define DYNMEM_SPACED 8U
#define DYNMEM_PREFIXED 16U

/*
 * A number's sign, prefix, zeros and digits, with room around them. What was decided is hidden each time:
 * else the verifier would follow every combination.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_field(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					  dynmem_u32 letter, struct dynmem_conversion *how)
{
	dynmem_u64 base = letter == 'o' ? 8 : (letter | 32) == 'x' || letter == 'p' ? 16 : 10;
	dynmem_u64 shift, digits, zeros = 0, length, room = 0;
	dynmem_u32 sign = 0, prefix = 0;

	static_use_arena();
	if (!how)
		return at;
	shift = (64 - 8 * (dynmem_u64)how->bytes) & 63;
	DYNMEM_HIDE(base);
	value <<= shift;
	if (letter == 'd' || letter == 'i') {
		dynmem_u32 negative = value >> 63 != 0;

		value = negative ? (0 - value) >> shift : value >> shift;
		sign = negative ? '-' : how->flags & DYNMEM_PLUS ? '+' : how->flags & DYNMEM_SPACED ? ' ' : 0;
	} else {
		value >>= shift;
		if (letter == 'p' || (how->flags & DYNMEM_PREFIXED && base == 16 && value))
			prefix = letter == 'X' ? 'X' : 'x';
	}
	DYNMEM_HIDE(value);
	DYNMEM_HIDE(sign);
	DYNMEM_HIDE(prefix);
	digits = value || how->precision ? dynmem_digits(value, base) : 0;
	if (how->precision != DYNMEM_ANY && how->precision > digits)
		zeros = how->precision - digits;
	if (letter == 'o' && how->flags & DYNMEM_PREFIXED && !zeros && (value || !digits))
		zeros = 1;
	DYNMEM_HIDE(digits);
	DYNMEM_HIDE(zeros);
	length = digits + zeros + (sign != 0) + (prefix ? 2 : 0);
	if (how->width > length)
		room = how->width - length;
	if (how->flags & DYNMEM_ZEROS && !(how->flags & DYNMEM_LEFT) && how->precision == DYNMEM_ANY) {
		zeros += room;
		room = 0;
	}
	DYNMEM_HIDE(zeros);
	DYNMEM_HIDE(room);
	at = dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? 0 : room);
	at = dynmem_put(at, end, sign, sign != 0);
	at = dynmem_put(at, end, '0', prefix != 0);
	at = dynmem_put(at, end, prefix, prefix != 0);
	at = dynmem_put(at, end, '0', zeros);
	if (digits)
		at = dynmem_put_number(at, end, value, base, letter == 'X' ? 'A' : 'a');
	return dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? room : 0);
}

/* A string or, of another letter, a character. The byte above the letter's says that it is plain. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_string(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					   dynmem_u32 letter, struct dynmem_conversion *how)
{
	dynmem_u64 length = 1, room = 0;
	dynmem_u32 plain = letter >> 8;

	static_use_arena();
	if (!how)
		return at;
	letter &= 255;
	if (letter == 's') {
		dynmem_u64 nul = dynmem_scan(value, how->precision, 0,
					     DYNMEM_STRING | (plain ? DYNMEM_PLAIN_A : 0));

		length = nul ? nul - value : how->precision;
	}
	DYNMEM_HIDE(length);
	if (how->width > length)
		room = how->width - length;
	DYNMEM_HIDE(room);
	at = dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? 0 : room);
	if (letter == 's')
		at = dynmem_put_text(at, end, value, length, plain);
	else
		at = dynmem_put(at, end, (dynmem_u32)value, 1);
	return dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? room : 0);
}

DYNMEM_INLINE dynmem_u32 dynmem_flag(dynmem_u32 byte)
{
	return byte == '-' ? DYNMEM_LEFT : byte == '0' ? DYNMEM_ZEROS : byte == '+' ? DYNMEM_PLUS :
	       byte == ' ' ? DYNMEM_SPACED : byte == '#' ? DYNMEM_PREFIXED : 0;
}

/*
 * Writes text to an arena as snprintf does: at most `size` bytes with the NUL. What it returns is the
 * length that the whole text has. Knows d i u x X o c s p %, flags, width, precision, * and all sizes
 * of integers; of a value that is missing it writes 0. Time: the length of the text. Linux 6.9.
 */
DYNMEM_GLOBAL int dynmem_format(dynmem_u64 to, dynmem_u64 size, struct dynmem_values *values)
{
	dynmem_u64 at = to, end = to + size < to ? ~0ULL : to + size, next = static_opaque(1), format;
	dynmem_u32 plain;

	static_use_arena();
	if (!values)
		return 0;
	if (size)
		end--;
	format = values->values[0];
	plain = values->plain & 1;
	while (static_hide(at), static_hide(format), static_hide(next), can_loop) {
		struct dynmem_conversion how = {0, DYNMEM_ANY, 0, 4};
		dynmem_u32 byte = dynmem_byte(format++, plain), point = 0, flag;
		dynmem_u64 value;

		if (!byte)
			break;
		if (byte != '%') {
			at = dynmem_put(at, end, byte, 1);
			continue;
		}
		while (static_hide(byte), static_hide(format), static_hide(next), static_hide(point),
		       static_hide(how.flags), static_hide(how.width), static_hide(how.precision),
		       static_hide(how.bytes), can_loop) {
			byte = dynmem_byte(format, plain);
			flag = point || how.width ? 0 : dynmem_flag(byte);
			if (flag)
				how.flags |= flag;
			else if (static_isdigit((int)byte) && point)
				how.precision = how.precision * 10 + byte - '0';
			else if (static_isdigit((int)byte))
				how.width = how.width * 10 + byte - '0';
			else if (byte == '*') {
				long given = (int)values->values[next % DYNMEM_MOST_VALUES];

				next++;
				if (point) {
					how.precision = given < 0 ? DYNMEM_ANY : (dynmem_u64)given;
				} else {
					how.flags |= given < 0 ? DYNMEM_LEFT : 0;
					how.width = (dynmem_u64)(given < 0 ? -given : given);
				}
			} else if (byte == '.') {
				point = 1;
				how.precision = 0;
			} else if (byte == 'h')
				how.bytes /= 2;
			else if (byte == 'l' || byte == 'z' || byte == 'j' || byte == 't' || byte == 'q')
				how.bytes = 8;
			else
				break;
			format++;
		}
		if (!byte)
			break;
		format++;
		if (byte == '%') {
			at = dynmem_put(at, end, byte, 1);
			continue;
		}
		flag = values->plain >> (next % DYNMEM_MOST_VALUES) & 1;
		value = values->values[next % DYNMEM_MOST_VALUES];
		next++;
		if (byte == 'p')
			how.bytes = 8;
		if (byte != 's' && byte != 'c') {
			at = dynmem_put_field(at, end, value, byte, &how);
			continue;
		}
		at = dynmem_put_string(at, end, value, byte | flag << 8, &how);
	}
	if (size)
		DYNMEM_AT(dynmem_u8, at < end ? at : end) = 0;
	return (int)(at - to);
}

/* Hidden: of what it knows clang makes a constant in memory, with addresses that no loader sets. */
DYNMEM_INLINE dynmem_u64 dynmem_value(dynmem_u64 value)
{
	__asm__("" : "+r"(value));
	return value;
}

/* Whether a value is a string outside of the arena. */
#define DYNMEM_IS_PLAIN(value)                                                                  \
	_Generic((value), char *: 1ULL, const char *: 1ULL, signed char *: 1ULL,                \
		 const signed char *: 1ULL, unsigned char *: 1ULL, const unsigned char *: 1ULL, \
		 void *: 1ULL, const void *: 1ULL, default: 0ULL)
#define DYNMEM_EACH_1(a) dynmem_value((dynmem_u64)(a))
#define DYNMEM_EACH_2(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_1(__VA_ARGS__)
#define DYNMEM_EACH_3(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_2(__VA_ARGS__)
#define DYNMEM_EACH_4(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_3(__VA_ARGS__)
#define DYNMEM_EACH_5(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_4(__VA_ARGS__)
#define DYNMEM_EACH_6(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_5(__VA_ARGS__)
#define DYNMEM_EACH_7(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_6(__VA_ARGS__)
#define DYNMEM_EACH_8(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_7(__VA_ARGS__)
#define DYNMEM_BITS_1(a) DYNMEM_IS_PLAIN(a)
#define DYNMEM_BITS_2(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_1(__VA_ARGS__) << 1)
#define DYNMEM_BITS_3(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_2(__VA_ARGS__) << 1)
#define DYNMEM_BITS_4(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_3(__VA_ARGS__) << 1)
#define DYNMEM_BITS_5(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_4(__VA_ARGS__) << 1)
#define DYNMEM_BITS_6(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_5(__VA_ARGS__) << 1)
#define DYNMEM_BITS_7(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_6(__VA_ARGS__) << 1)
#define DYNMEM_BITS_8(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_7(__VA_ARGS__) << 1)
/* The macro of a family for so many arguments. */
#define DYNMEM_NINTH(a, b, c, d, e, f, g, h, macro, ...) macro
#define DYNMEM_FOR(family, ...)                                                               \
	DYNMEM_NINTH(__VA_ARGS__, family##8, family##7, family##6, family##5, family##4, family##3, \
		     family##2, family##1, )

/*
 * As in C, for text in the arena and up to 7 values behind the format. What they return is the length of
 * the whole text; sprintf takes any length, as it does in C.
 */
#define static_snprintf(to, size, ...)                                                        \
	__extension__({                                                                       \
		struct dynmem_values dynmem_values_ = {                                       \
			{DYNMEM_FOR(DYNMEM_EACH_, __VA_ARGS__)(__VA_ARGS__)},                 \
			DYNMEM_FOR(DYNMEM_BITS_, __VA_ARGS__)(__VA_ARGS__)};                  \
                                                                                              \
		/* NULL is neither, and a length is all that is asked for. */                 \
		_Static_assert(!_Generic((to), char *: 1, signed char *: 1, unsigned char *: 1, default: 0), \
			       "snprintf and sprintf write into an arena only");              \
		dynmem_format((dynmem_u64)(to), size, &dynmem_values_);                       \
	})
#define static_sprintf(to, ...) static_snprintf(to, ~0ULL >> 1, __VA_ARGS__)
#endif

#endif /* DYNAMIC_MEMORY_C_LIBRARY */
