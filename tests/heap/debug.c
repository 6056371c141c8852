/* The debug build: what is new is 0xaa, what is freed 0xdd, and each block knows its line. */
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
	dynmem_u64 place = dynmem_locate(dynmem_number(pointer));

	return dynmem_heap(place >> 32)->lines[dynmem_index(place)];
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
	static const size_t sizes[] = {1, 16, 100, 512, 5000, 40000};

	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		unsigned char *p = static_malloc(sizes[i]), *q;
		dynmem_u32 line = __LINE__ - 1;
		size_t usable = static_malloc_usable_size(p);

		EXPECT(p && usable >= sizes[i] && line_of(p) == line);
		EXPECT(all(p, usable, 0xaa));
		static_free(p);
		EXPECT(all(p, usable, 0xdd));
		q = static_calloc(1, sizes[i]);
		EXPECT(q && line_of(q) == __LINE__ - 1 && all(q, sizes[i], 0));
		memset(q, 7, sizes[i]);
		p = static_realloc(q, sizes[i] + 100);
		EXPECT(p && line_of(p) == __LINE__ - 1 && all(p, sizes[i], 7));
		static_free(p);
	}
	return 0;
}
