/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Stands in for dynamic_memory.h in user space: the same calls, served by the C library under
 * AddressSanitizer, of which the k-th fails, and those behind it if asked to. Blocks are counted, so
 * that one that is left behind is noticed.
 */
#ifndef INJECT_H
#define INJECT_H
#include HEAP_HEADER /* what else the header gives: its macros, its string functions */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Which call fails (0: none), whether all behind it do, and how many there were. */
static unsigned inject_at, inject_all, inject_calls;

static struct inject_block {
	void *address;
	size_t bytes;
} inject_blocks[512];

static int inject_fails(void)
{
	inject_calls++;
	return inject_at && (inject_all ? inject_calls >= inject_at : inject_calls == inject_at);
}

static void *inject_track(void *address, size_t bytes)
{
	unsigned i = 0;

	if (!address)
		return NULL;
	while (inject_blocks[i].address)
		i++;
	inject_blocks[i].address = address;
	inject_blocks[i].bytes = bytes;
	return address;
}

static __attribute__((unused)) void inject_free(const volatile void *address)
{
	for (unsigned i = 0; i < 512; i++)
		if (address && inject_blocks[i].address == address)
			inject_blocks[i].address = NULL;
	(free)((void *)address);
}

static __attribute__((unused)) void *inject_malloc(size_t bytes)
{
	return inject_fails() ? NULL : inject_track((malloc)(bytes), bytes);
}

static __attribute__((unused)) void *inject_calloc(size_t count, size_t bytes)
{
	return inject_fails() ? NULL : inject_track((calloc)(count, bytes), count * bytes);
}

static __attribute__((unused)) void *inject_realloc(void *address, size_t bytes)
{
	void *larger;

	if (inject_fails())
		return NULL;
	larger = inject_track((malloc)(bytes), bytes);
	for (unsigned i = 0; address && i < 512; i++)
		if (inject_blocks[i].address == address)
			memcpy(larger, address,
			       inject_blocks[i].bytes < bytes ? inject_blocks[i].bytes : bytes);
	inject_free(address);
	return larger;
}

static __attribute__((unused)) char *inject_strdup(const char *text)
{
	return inject_fails() ? NULL : inject_track((strdup)(text), strlen(text) + 1);
}

/* Blocks below `small` bytes that are still held; all of them for 0. */
static __attribute__((unused)) unsigned inject_lost(size_t small)
{
	unsigned lost = 0;

	for (unsigned i = 0; i < 512; i++)
		if (inject_blocks[i].address && (!small || inject_blocks[i].bytes < small))
			lost++;
	return lost;
}

#define static_malloc inject_malloc
#define static_calloc inject_calloc
#define static_realloc inject_realloc
#define static_strdup inject_strdup
#define static_free inject_free
#endif
