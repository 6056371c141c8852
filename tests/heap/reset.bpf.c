/*
 * One program resets the heaps again and again while another, on another CPU, allocates and frees.
 * `epoch` is odd while a reset is under way. What was handed out in an even epoch is the program's
 * until the epoch changes, and must keep its contents; what is older is freed all the same, which
 * must do no harm.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

#define HELD 64
#define WORDS 6

struct held {
	__u64 address;
	__u64 key;
	__u64 epoch;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, HELD);
	__type(key, __u32);
	__type(value, struct held);
} slots SEC(".maps");

volatile struct {
	__u64 epoch;
	__u64 resets;
	__u64 refused_resets;
	__u64 allocated;
	__u64 freed;
	__u64 stale;
	__u64 checked;
	__u64 damaged;
} count;

static __always_inline void put(struct held *held)
{
	struct held old = *held;
	__u64 place = dynmem_place(old.address), wrong = 0;
	__u64 *words = place == DYNMEM_NONE ? NULL : DYNMEM_POINTER(place, WORDS * 8);

	if (words)
		for (__u32 i = 0; i < WORDS; i++)
			wrong |= words[i] ^ old.key * (i + 3);
	/* Only if it is still the same epoch did the block stay the program's all the time. */
	if (count.epoch != old.epoch || old.epoch & 1)
		count.stale++;
	else if (!words || wrong)
		count.damaged++;
	else
		count.checked++;
	static_free((void *)old.address);
	count.freed++;
	held->address = 0;
}

static long step(__u32 index, void *now)
{
	__u32 random = bpf_get_prandom_u32(), key = random % HELD;
	struct held *held = bpf_map_lookup_elem(&slots, &key);
	__u64 *words;

	(void)index;
	/* Once the epoch has changed, what is held goes before there is anything new. */
	if (!held || count.epoch != *(__u64 *)now)
		return 1;
	if (held->address)
		put(held);
	held->epoch = *(__u64 *)now;
	held->key = (__u64)random << 32 | bpf_get_prandom_u32();
	words = random & 0x100 ? static_malloc(WORDS * 8)
			       : static_malloc(WORDS * 8 + (random >> 10) % 400);
	if (!words)
		return 0;
	count.allocated++;
	for (__u32 i = 0; i < WORDS; i++)
		words[i] = held->key * (i + 3);
	held->address = dynmem_number(words);
	return 0;
}

/* Blocks of earlier epochs go first: a new block may come to start where one of them did. */
static long put_stale(__u32 index, void *now)
{
	struct held *held = bpf_map_lookup_elem(&slots, &index);

	if (held && held->address && (held->epoch != *(__u64 *)now || held->epoch & 1))
		put(held);
	return 0;
}

static long steps(__u32 index, void *unused)
{
	__u64 now = count.epoch;

	(void)index;
	(void)unused;
	bpf_loop(HELD, put_stale, &now, 0);
	bpf_loop(64, step, &now, 0);
	return 0;
}

SEC("syscall") int hammer(void *ctx)
{
	(void)ctx;
	bpf_loop(100, steps, NULL, 0);
	return 0;
}

SEC("syscall") int reset(void *ctx)
{
	(void)ctx;
	count.epoch++;
	if (static_reset())
		count.refused_resets++;
	else
		count.resets++;
	count.epoch++;
	return 0;
}

static long put_one(__u32 index, void *unused)
{
	struct held *held = bpf_map_lookup_elem(&slots, &index);

	(void)unused;
	if (held && held->address)
		put(held);
	return 0;
}

/* Frees what is left, and has every heap take back what was handed over. */
SEC("syscall") int finish(void *ctx)
{
	(void)ctx;
	bpf_loop(HELD, put_one, NULL, 0);
	for (__u32 heap = 0; heap < DYNAMIC_MEMORY_HEAPS; heap++)
		for (__u32 i = 0; i < 4; i++)
			dynmem_gather(heap);
	return 0;
}

/* Blocks in use and one parked, then a reset, then a free of each: how many were refused. */
SEC("syscall") int late(void *ctx)
{
	__u64 addresses[4], before = 0, after = 0;

	(void)ctx;
	for (__u32 i = 0; i < 4; i++)
		addresses[i] = dynmem_number(static_malloc(40 * (i + 1)));
	static_free((void *)addresses[3]);
	if (static_reset())
		return -1;
	for (__u32 heap = 0; heap < DYNAMIC_MEMORY_HEAPS; heap++) {
		struct dynmem_heap *h = dynmem_heap(heap);

		if (h)
			before += h->invalid_frees + h->double_frees;
	}
	for (__u32 i = 0; i < 4; i++)
		static_free((void *)addresses[i]);
	for (__u32 heap = 0; heap < DYNAMIC_MEMORY_HEAPS; heap++) {
		struct dynmem_heap *h = dynmem_heap(heap);

		if (h)
			after += h->invalid_frees + h->double_frees;
	}
	return (int)(after - before);
}
