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
