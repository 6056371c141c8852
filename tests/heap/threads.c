/*
 * Threads allocate, hand blocks to one another through shared slots, and free what they get. Every
 * block carries a pattern. Built with a sanitizer, this is where it judges the header.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynamic_memory.h"

#define THREADS 4
#define SHARED 64

struct block {
	size_t size;
	unsigned char bytes[];
};

static struct block *shared[SHARED];
static uint64_t allocated, freed, refused;
static unsigned long rounds;

static void check(struct block *block)
{
	for (size_t i = 0; i < block->size; i++)
		if (block->bytes[i] != (unsigned char)(block->size + i)) {
			fprintf(stderr, "the contents of a block have changed\n");
			abort();
		}
}

static void give(struct block *block, uint64_t random)
{
	block = __atomic_exchange_n(&shared[random % SHARED], block, __ATOMIC_ACQ_REL);
	if (block) {
		check(block);
		memset(block->bytes, 0, block->size);
		static_free(block);
		__atomic_fetch_add(&freed, 1, __ATOMIC_RELAXED);
	}
}

static void *work(void *seed)
{
	uint64_t random = (uintptr_t)seed * 0x9e3779b97f4a7c15;

	for (unsigned long i = 0; i < rounds; i++) {
		struct block *block;
		size_t size;

		random ^= random >> 12;
		random ^= random << 25;
		random ^= random >> 27;
		size = random % 16 ? random % 300 : random % 3000;
		block = random & 1 << 20 ? static_malloc(sizeof(*block) + size)
					 : static_calloc(1, sizeof(*block) + size);
		if (!block) {
			__atomic_fetch_add(&refused, 1, __ATOMIC_RELAXED);
			give(NULL, random >> 32);
			continue;
		}
		__atomic_fetch_add(&allocated, 1, __ATOMIC_RELAXED);
		if (random & 1 << 21) {
			struct block *larger = static_realloc(block, sizeof(*block) + size + 40);

			if (larger) {
				block = larger;
				size += 40;
			}
		}
		block->size = size;
		for (size_t k = 0; k < size; k++)
			block->bytes[k] = (unsigned char)(size + k);
		give(block, random >> 32);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];
	uint64_t used = 0, handed_over = 0;

	rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	for (uintptr_t i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], NULL, work, (void *)(i + 1)))
			return 2;
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (unsigned int i = 0; i < SHARED; i++)
		give(NULL, i);
	for (unsigned int i = 0; i < DYNAMIC_MEMORY_HEAPS; i++) {
		do
			dynmem_gather(i);
		while (dynmem_heaps[i].pending);
		used += dynmem_heaps[i].used;
		handed_over += dynmem_heaps[i].handed_over;
		if (dynmem_heaps[i].double_frees || dynmem_heaps[i].invalid_frees) {
			fprintf(stderr, "heap %u has refused a free\n", i);
			return 1;
		}
	}
	if (used || allocated != freed) {
		fprintf(stderr, "%llu allocated, %llu freed, %llx in use\n",
			(unsigned long long)allocated, (unsigned long long)freed,
			(unsigned long long)used);
		return 1;
	}
	/* All that was free has come together: each heap gives its pool in one piece. */
	for (unsigned int i = 0; i < DYNAMIC_MEMORY_HEAPS; i++)
		if (!static_malloc(POOL_SIZE)) {
			fprintf(stderr, "heap %u does not come together\n", i);
			return 1;
		}
	printf("%llu allocated, %llu refused, %llu handed over\n", (unsigned long long)allocated,
	       (unsigned long long)refused, (unsigned long long)handed_over);
	return 0;
}
