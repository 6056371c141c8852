/*
 * Replays operations from standard input on this header's heap (-DOURS, then -DPOOL_SIZE) or on the
 * C library's, and says what memory they took. Every block is written from end to end.
 *
 * Output: allocations refused, bytes of heap and of resident memory gained at most, bytes of the
 * heap's tables, bytes of guard.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef OURS
#define native_executable
#define DYNAMIC_MEMORY_HEAPS 1
#include "dynamic_memory.h"
#define MALLOC static_malloc
#define FREE static_free
#define REALLOC static_realloc
#define ALIGNED static_aligned_alloc
#else
#define MALLOC malloc
#define FREE free
#define REALLOC realloc
#define ALIGNED aligned_alloc
#endif

enum { OP_MALLOC, OP_FREE, OP_REALLOC, OP_ALIGNED };

struct operation {
	uint32_t op;
	uint32_t slot;
	uint64_t size;
	uint64_t align;
};

#define SLOTS 131072
#define OPERATIONS (1 << 20)

static void *slots[SLOTS];

static uint64_t resident(int statm)
{
	char text[128];
	ssize_t length = pread(statm, text, sizeof(text) - 1, 0);
	unsigned long size = 0, pages = 0;

	if (length <= 0)
		return 0;
	text[length] = 0;
	sscanf(text, "%lu %lu", &size, &pages);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

int main(void)
{
	size_t room = OPERATIONS * sizeof(struct operation), length = 0, count, i;
	struct operation *operations = mmap(NULL, room, PROT_READ | PROT_WRITE,
					    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t before, most = 0, grown, heap_most = 0, refused = 0, since = 0;
	int statm = open("/proc/self/statm", O_RDONLY);
	char *start;
	ssize_t got;

	if (operations == MAP_FAILED || statm < 0)
		return 2;
	while ((got = read(0, (char *)operations + length, room - length)) > 0)
		length += (size_t)got;
	count = length / sizeof(*operations);
	memset(slots, 0xff, sizeof(slots)); /* resident from the start */
	memset(slots, 0, sizeof(slots));
	/* What glibc takes from the system is its program break, in pages. */
	mallopt(M_TOP_PAD, 0);
	mallopt(M_MMAP_MAX, 0);
#ifndef OURS
	free(malloc(1)); /* what the library sets up first is not the blocks' */
#endif
	before = resident(statm);
	start = sbrk(0);
	for (i = 0; i < count; i++) {
		struct operation *o = &operations[i];
		void **slot = &slots[o->slot], *pointer;

		switch (o->op) {
		case OP_FREE:
			FREE(*slot);
			*slot = NULL;
			continue;
		case OP_REALLOC:
			pointer = REALLOC(*slot, o->size);
			break;
		case OP_ALIGNED:
			pointer = ALIGNED(o->align, o->size);
			break;
		default:
			pointer = MALLOC(o->size);
		}
		if (!pointer) {
			refused++;
			continue;
		}
		memset(pointer, (int)i, o->size);
		*slot = pointer;
		grown = (uint64_t)((char *)sbrk(0) - start);
		heap_most = grown > heap_most ? grown : heap_most;
		since += o->size;
		if (since >= 16384 || i + 1 == count) { /* it costs a system call */
			since = 0;
			grown = resident(statm);
			grown = grown > before ? grown - before : 0;
			most = grown > most ? grown : most;
		}
	}
#ifdef OURS
	printf("%llu 0 %llu %llu %llu\n", (unsigned long long)refused, (unsigned long long)most,
	       (unsigned long long)sizeof(struct dynmem_heap),
	       (unsigned long long)(DYNMEM_STRIDE - POOL_SIZE));
#else
	printf("%llu %llu %llu 0 0\n", (unsigned long long)refused, (unsigned long long)heap_most,
	       (unsigned long long)most);
#endif
	return 0;
}
