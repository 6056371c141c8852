/*
 * Heaps that another program has just then: who is served in spite of that, and as what the others are
 * counted. The lock is taken by hand, as if the holder was interrupted.
 */
#include <stdio.h>

#include "dynamic_memory.h"

#define EXPECT(what)                                                     \
	do {                                                             \
		if (!(what)) {                                           \
			fprintf(stderr, "line %d: %s\n", __LINE__, #what); \
			return 1;                                        \
		}                                                        \
	} while (0)

int main(void)
{
	struct dynmem_heap *own = &dynmem_heaps[dynmem_own()];
	struct dynmem_heap *other = &dynmem_heaps[dynmem_own() ^ 1];
	void *block;

	/* Another heap serves at once, and that is none of the failures. */
	own->lock = 1;
	block = static_malloc(64);
	EXPECT(block && other->used && !own->used);
	EXPECT(!own->failed_busy && !own->failed_memory);

	/* Nobody can: not for want of memory. The block that comes back meanwhile is handed over. */
	other->lock = 1;
	EXPECT(!static_malloc(64) && own->failed_busy == 1 && !own->failed_memory);
	EXPECT(!static_aligned_alloc(64, 64) && own->failed_busy == 2 && !own->failed_memory);
	static_free(block);
	EXPECT(other->handed_over == 1);
	own->lock = other->lock = 0;

	/* Too large for what is left, while no one has a heap; nor does it matter that one had. */
	EXPECT(static_malloc(POOL_SIZE) && static_malloc(POOL_SIZE));
	EXPECT(!static_malloc(64) && own->failed_memory == 1 && own->failed_busy == 2);

	/* One is full, the other one busy: it may have memory. */
	own->lock = 1;
	EXPECT(!static_malloc(64) && own->failed_memory == 1 && own->failed_busy == 3);
	own->lock = 0;

	/* No wait helps where the size is wrong. */
	own->lock = 1;
	EXPECT(!static_malloc(POOL_SIZE + 1ULL) && own->failed_size == 1 && own->failed_busy == 3);
	return 0;
}
