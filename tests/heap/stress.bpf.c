/*
 * Several programs hammer one set of heaps: from two CPUs at once, and from a perf_event program
 * that interrupts them wherever they are, inside the allocator too. Blocks pass from hand to hand
 * through a map, so that most are freed by another program or CPU than the one that allocated
 * them. Every block carries a pattern from its first user to its last.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

#define SHARED 512

#define WORDS 14

struct block {
	__u64 key; /* what the rest is derived from */
	__u64 pattern[WORDS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SHARED);
	__type(key, __u32);
	__type(value, __u64);
} shared SEC(".maps");

struct counts {
	__u64 operations;
	__u64 allocated;
	__u64 refused;
	__u64 freed;
	__u64 damaged;
	__u64 interrupts;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2); /* one for the tasks, one for the interrupts */
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

/* The pointer to a block that came out of a map as a number. */
static __always_inline struct block __arena *reach(__u64 address)
{
	__u64 place = dynmem_place(address);

	return place == DYNMEM_NONE ? NULL : DYNMEM_POINTER(place, sizeof(struct block));
}

static __always_inline void fill(struct block __arena *block, __u64 key)
{
	block->key = key;
	for (__u32 i = 0; i < WORDS; i++)
		block->pattern[i] = key * (i + 3);
}

static __always_inline int damaged(struct block __arena *block)
{
	__u64 key = block->key, wrong = 0;

	for (__u32 i = 0; i < WORDS; i++)
		wrong |= block->pattern[i] ^ key * (i + 3);
	return wrong != 0;
}

static __always_inline void swap(struct counts *count, struct block __arena *block)
{
	__u32 key = bpf_get_prandom_u32() % SHARED;
	__u64 *slot = bpf_map_lookup_elem(&shared, &key), address;

	if (!slot)
		return;
	address = __sync_lock_test_and_set(slot, dynmem_number(block));
	if (!address)
		return;
	block = reach(address);
	if (!block || damaged(block))
		count->damaged++;
	else
		block->key = ~block->key; /* another user would see this */
	static_free((void __arena *)address);
	count->freed++;
}

static __always_inline void step(struct counts *count)
{
	__u32 random = bpf_get_prandom_u32();
	struct block __arena *block;

	/* A constant size with a fast path, a variable small one, and now and then a large one. */
	if (random & 0x100)
		block = static_malloc(sizeof(*block));
	else if (random & 0x600)
		block = static_malloc(sizeof(*block) + random % 300);
	else
		block = static_malloc(600 + random % 2048);
	count->operations++;
	if (!block) {
		count->refused++;
		swap(count, NULL);
		return;
	}
	count->allocated++;
	fill(block, (__u64)random << 32 | bpf_get_prandom_u32());
	swap(count, block);
}

static long steps(__u32 index, void *unused)
{
	__u32 task = 0;
	struct counts *count = bpf_map_lookup_elem(&counts, &task);

	(void)index;
	(void)unused;
	if (!count)
		return 1;
	step(count);
	return 0;
}

SEC("syscall") int hammer(void *ctx)
{
	(void)ctx;
	bpf_loop(10000, steps, NULL, 0);
	return 0;
}

SEC("xdp") int hammer_packet(struct xdp_md *ctx)
{
	(void)ctx;
	bpf_loop(1000, steps, NULL, 0);
	return XDP_PASS;
}

SEC("perf_event") int interrupt(void *ctx)
{
	__u32 interrupts = 1;
	struct counts *count = bpf_map_lookup_elem(&counts, &interrupts);

	(void)ctx;
	if (!count)
		return 0;
	count->interrupts++;
	for (__u32 i = 0; i < 4; i++)
		step(count);
	return 0;
}

static long finish_one(__u32 index, void *unused)
{
	__u32 task = 0;
	__u64 *slot = bpf_map_lookup_elem(&shared, &index), address;
	struct counts *count = bpf_map_lookup_elem(&counts, &task);

	(void)unused;
	if (!slot || !count)
		return 1;
	address = __sync_lock_test_and_set(slot, 0);
	if (address) {
		struct block __arena *block = reach(address);

		if (!block || damaged(block))
			count->damaged++;
		static_free((void __arena *)address);
		count->freed++;
	}
	return 0;
}

/* Frees what is left, and has every heap take back what was handed over. */
SEC("syscall") int finish(void *ctx)
{
	(void)ctx;
	bpf_loop(SHARED, finish_one, NULL, 0);
	for (__u32 heap = 0; heap < DYNAMIC_MEMORY_HEAPS; heap++)
		for (__u32 i = 0; i < 16; i++)
			dynmem_gather(heap);
	return 0;
}
