/*
 * Runs operations from standard input on the native build of the header. It writes the address of
 * its pool, then after each operation the result, with addresses as offsets into the first pool and the bytes of the first heap. Contents
 * are checked here: every block keeps the pattern it was filled with until it goes.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dynamic_memory.h"
#include "operation.h"

#define NONE (~0ULL)

static unsigned long long slots[SLOTS];
static unsigned long long lengths[SLOTS];

static void fail(const char *what, unsigned int slot)
{
	fprintf(stderr, "slot %u: %s\n", slot, what);
	exit(1);
}

static void check(unsigned int slot, unsigned long long length)
{
	unsigned char *bytes = (unsigned char *)slots[slot];

	for (unsigned long long i = 0; i < length; i++)
		if (bytes[i] != (unsigned char)(slot + 1))
			fail("the contents of a block have changed", slot);
}

static void after(struct operation *o, unsigned long long before)
{
	unsigned char *bytes = (unsigned char *)slots[o->slot];
	unsigned long long length = lengths[o->slot];

	if (o->op == OP_RESET) {
		memset(slots, 0, sizeof(slots));
		memset(lengths, 0, sizeof(lengths));
		return;
	}
	if (o->op == OP_FREE || o->op == OP_USABLE) {
		if (!bytes)
			lengths[o->slot] = 0;
		return;
	}
	if (o->op == OP_MEMALIGN ? o->result : !o->result && bytes == (void *)before)
		return; /* it failed and left the slot alone */
	if (!bytes) {
		lengths[o->slot] = 0;
		return;
	}
	if (o->op == OP_REALLOC || o->op == OP_ARRAY) {
		unsigned long long size = o->op == OP_ARRAY ? o->a * o->b : o->a;

		check(o->slot, length < size ? length : size);
	}
	length = static_malloc_usable_size(bytes);
	if (!length)
		fail("a block that was handed out is not in use", o->slot);
	if (o->op == OP_CALLOC)
		for (unsigned long long i = 0; i < o->a * o->b; i++)
			if (bytes[i])
				fail("calloc gave memory that is not zero", o->slot);
	if ((o->op == OP_ALIGNED || o->op == OP_MEMALIGN) && (unsigned long long)bytes % o->a)
		fail("the block is not aligned", o->slot);
	if ((unsigned long long)bytes % DYNAMIC_MEMORY_GRANULE)
		fail("the block is not aligned to the granule", o->slot);
	memset(bytes, (int)(o->slot + 1), length);
	lengths[o->slot] = length;
}

int main(void)
{
	static char buffer[1 << 16];
	unsigned long long first = dynmem_number(dynmem_pools);
	struct operation o;

	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	fwrite(&first, sizeof(first), 1, stdout);
	while (fread(&o, sizeof(o), 1, stdin) == 1) {
		unsigned long long before, result;

		if (o.slot >= SLOTS)
			fail("there is no such slot", o.slot);
		before = slots[o.slot];
		check(o.slot, before ? lengths[o.slot] : 0);
		perform(&o, &slots[o.slot]);
		result = o.result;
		if (o.op != OP_FREE && o.op != OP_USABLE && o.op != OP_MEMALIGN && o.op != OP_RESET)
			result = result ? result - first : NONE;
		else if (o.op == OP_MEMALIGN && !result)
			result = slots[o.slot] ? slots[o.slot] - first : NONE;
		after(&o, before);
		fwrite(&result, sizeof(result), 1, stdout);
		fwrite(&dynmem_heaps[0], sizeof(dynmem_heaps[0]), 1, stdout);
	}
	return 0;
}
