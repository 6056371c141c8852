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
#define DYNAMIC_MEMORY_LOOP_LIMIT @DEFAULT_LOOP_LIMIT@
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
