/*
 * The debug build: what is new is 0xaa, what is freed 0xdd, each block knows its line, and each error
 * of the program is kept with the lines that belong to it.
 */
#include <stdio.h>
#include <string.h>

#include "dynamic_memory.h"

static int all(const unsigned char *bytes, size_t length, unsigned char value)
{
	while (length--)
		if (*bytes++ != value)
			return 0;
	return 1;
}

static dynmem_u32 line_of(void *pointer)
{
	dynmem_u64 located = dynmem_locate(dynmem_number(pointer));

	return dynmem_heap(located >> 32)->sites[dynmem_index(located)].allocated_line;
}

/* The last error, if there are so many and it is of this kind and has these lines. */
static int last_error(dynmem_u64 count, dynmem_u32 kind, dynmem_u32 line, dynmem_u32 allocated,
		      dynmem_u32 freed)
{
	struct dynmem_heap *heap = dynmem_heap(0);
	struct dynmem_error *error = &heap->errors[(heap->error_count - 1) & (DYNMEM_ERRORS - 1)];

	return heap->error_count == count && error->kind == kind && error->line == line &&
	       error->allocated_line == allocated && error->freed_line == freed &&
	       !strcmp((char *)error->file, "debug.c");
}

#define EXPECT(condition)                                              \
	do {                                                           \
		if (!(condition)) {                                    \
			printf("line %d: %s\n", __LINE__, #condition); \
			return 1;                                      \
		}                                                      \
	} while (0)

int main(void)
{
	static const size_t sizes[] = {1, 16, 100, 512, 5000, 30000};
	unsigned char *p, *q, *last = NULL;
	unsigned int most = 0;
	dynmem_u32 line, freed;

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t usable;

		p = static_malloc(sizes[i]), line = __LINE__;
		usable = static_malloc_usable_size(p);
		EXPECT(p && usable >= sizes[i] + 8 && line_of(p) == line);
		EXPECT(all(p, sizes[i], 0xaa));
		static_free(p);
		EXPECT(all(p, usable, 0xdd));
		q = static_calloc(1, sizes[i]);
		EXPECT(q && line_of(q) == __LINE__ - 1 && all(q, sizes[i], 0));
		memset(q, 7, sizes[i]);
		p = static_realloc(q, sizes[i] + 100);
		EXPECT(p && p != q && line_of(p) == __LINE__ - 1 && all(p, sizes[i], 7));
		static_free(p);
	}
	p = (unsigned char *)static_strdup("text");
	EXPECT(p && !strcmp((char *)p, "text"));
	static_free(p);
	EXPECT(!dynmem_heap(0)->error_count);

	p = static_malloc(20), line = __LINE__;
	p[20] = 1;
	static_free(p), freed = __LINE__;
	EXPECT(last_error(1, DYNMEM_OVERFLOW, freed, line, 0));
	static_free(p);
	EXPECT(last_error(2, DYNMEM_DOUBLE_FREE, __LINE__ - 1, line, freed));
	/* It is told when so many others were freed, and before the block is used again. */
	p[17] = 1;
	for (unsigned int i = 1; i < DYNMEM_QUARANTINE; i++) {
		q = static_malloc(20);
		EXPECT(q && q != p);
		static_free(q);
	}
	EXPECT(dynmem_heap(0)->error_count == 2);
	q = static_malloc(20);
	static_free(q);
	EXPECT(last_error(3, DYNMEM_USE_AFTER_FREE, __LINE__ - 1, line, freed));
	EXPECT(static_malloc(20) == p && dynmem_heap(0)->error_count == 3);
	/* A block that is too large to wait is looked at when it is used again. */
	q = static_malloc(5000), line = __LINE__;
	static_free(q), freed = __LINE__;
	q[4000] = 1;
	EXPECT(static_malloc(5000) == q);
	EXPECT(last_error(4, DYNMEM_USE_AFTER_FREE, __LINE__ - 1, line, freed));
	static_free(q);
	/* What was freed is not resized. */
	q = static_malloc(30), line = __LINE__;
	static_free(q), freed = __LINE__;
	EXPECT(!static_realloc(q, 50));
	EXPECT(last_error(5, DYNMEM_DOUBLE_FREE, __LINE__ - 1, line, freed));
	/* What waits is used rather than nothing. */
	for (unsigned int i = 0; i < 3; i++) {
		unsigned int count = 0;

		while ((q = static_malloc(1000)))
			*(unsigned char **)q = last, last = q, count++;
		EXPECT(count >= most);
		most = count;
		for (; last; last = q) {
			q = *(unsigned char **)last;
			static_free(last);
		}
	}
	EXPECT(most > 200 && dynmem_heap(0)->error_count == 5);
	EXPECT(!static_posix_memalign((void **)&q, 64, 100) && line_of(q) == __LINE__);
	q[100] = 1;
	static_free(q);
	EXPECT(last_error(6, DYNMEM_OVERFLOW, __LINE__ - 1, __LINE__ - 3, 0));
	static_free(p + 1);
	EXPECT(last_error(7, DYNMEM_INVALID_FREE, __LINE__ - 1, 0, 0));
	p = static_malloc(20), line = __LINE__;
	p[22] = 1;
	p = static_realloc(p, 40);
	EXPECT(p && last_error(8, DYNMEM_OVERFLOW, __LINE__ - 1, line, 0));
	static_free(p);
	EXPECT(dynmem_heap(0)->error_count == 8);
	return 0;
}
