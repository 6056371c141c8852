// SPDX-License-Identifier: GPL-2.0
/*
 * What malloc and free cost in the kernel, beside other ways to come by memory. Each program does
 * its thing LOOP times, so that the cost of the test run itself disappears.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

#define LOOP 100
#define USED(pointer) asm volatile("" ::"r"(pointer) : "memory")

SEC("xdp") int empty(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++)
		USED(ctx);
	return XDP_PASS;
}

/* The least that is safe from all contexts: a last-in-first-out list of one size under a lock. */
struct list {
	__u32 lock;
	__u32 head;
	__u32 next[1024];
	struct {
		__u8 bytes[64];
	} blocks[1024];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct list);
} lists SEC(".maps");

static __always_inline void *list_malloc(void)
{
	__u32 key = 0, index;
	struct list *list = bpf_map_lookup_elem(&lists, &key);

	if (!list || __sync_lock_test_and_set(&list->lock, 1))
		return NULL;
	index = list->head & 1023;
	list->head = list->next[index];
	DYNMEM_RELEASE(&list->lock);
	return &list->blocks[index];
}

static __always_inline void list_free(void *block)
{
	__u32 key = 0;
	struct list *list = bpf_map_lookup_elem(&lists, &key);
	__u64 index;

	if (!list)
		return;
	index = (dynmem_number(block) - dynmem_number(list->blocks)) / 64;
	if (index >= 1024 || __sync_lock_test_and_set(&list->lock, 1))
		return;
	list->next[index] = list->head;
	list->head = (__u32)index;
	DYNMEM_RELEASE(&list->lock);
}

SEC("xdp") int floor(struct xdp_md *ctx)
{
	(void)ctx;
	for (__u32 i = 0; i < LOOP; i++) {
		void *block = list_malloc();

		if (!block)
			return XDP_ABORTED;
		USED(block);
		list_free(block);
	}
	return XDP_PASS;
}

#define PAIR(name, size)                                     \
	SEC("xdp") int name(struct xdp_md *ctx)              \
	{                                                    \
		(void)ctx;                                   \
		for (__u32 i = 0; i < LOOP; i++) {           \
			void __arena *block = static_malloc(size); \
                                                             \
			if (!block)                          \
				return XDP_ABORTED;          \
			USED(block);                         \
			static_free(block);                  \
		}                                            \
		return XDP_PASS;                             \
	}

PAIR(pair_16, 16)
PAIR(pair_64, 64)
PAIR(pair_256, 256)
PAIR(pair_512, 512)
PAIR(pair_1024, 1024)
PAIR(pair_4096, 4096)
PAIR(pair_16384, 16384)

/* Goes on where malloc gives NULL: the heap counts why. */
SEC("xdp") int contended(struct xdp_md *ctx)
{
	(void)ctx;
	for (__u32 i = 0; i < LOOP; i++) {
		void __arena *block = static_malloc(64);

		if (block)
			USED(block);
		static_free(block);
	}
	return XDP_PASS;
}

volatile __u32 variable = 100;
PAIR(pair_variable, variable)

SEC("xdp") int pair_random(struct xdp_md *ctx)
{
	__u32 random = variable;

	(void)ctx;
	for (__u32 i = 0; i < LOOP; i++) {
		void __arena *block;

		random = random * 1664525 + 1013904223;
		block = static_malloc(8 + (random >> 20) % 1000);
		if (!block)
			return XDP_ABORTED;
		USED(block);
		static_free(block);
	}
	return XDP_PASS;
}

/* A block of a heap, as the allocator serves it when there is none to take at once. */
__weak __noinline __u64 serve(__u64 heap, __u64 granules)
{
	return dynmem_serve_any(heap, granules, 0);
}

/* Blocks of a heap that is another CPU's. */
SEC("xdp") int pair_remote(struct xdp_md *ctx)
{
	(void)ctx;
	dynmem_prepare(dynmem_own() ^ 1);
	for (__u32 i = 0; i < LOOP; i++) {
		__u64 place = serve(dynmem_own() ^ 1, 2);
		void __arena *block = DYNMEM_POINTER(place, 64);

		if (!block)
			return XDP_ABORTED;
		USED(block);
		static_free(block);
	}
	return XDP_PASS;
}

/* 64 blocks are allocated, then all are freed. */
#define BATCH 64
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64[BATCH]);
} batches SEC(".maps");

SEC("xdp") int batch_64(struct xdp_md *ctx)
{
	__u32 key = 0;
	__u64 *batch = bpf_map_lookup_elem(&batches, &key);

	(void)ctx;
	if (!batch)
		return XDP_ABORTED;
	for (__u32 i = 0; i < BATCH; i++)
		batch[i] = dynmem_number(static_malloc(64));
	for (__u32 i = 0; i < BATCH; i++)
		static_free((void __arena *)batch[i]);
	return XDP_PASS;
}

/* The first fit among 8 slots, each with its size, under a bpf_spin_lock. */
#define SLOTS 8
struct fit {
	struct bpf_spin_lock lock;
	struct {
		__u32 in_use, start, size;
	} slots[SLOTS];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct fit);
} fits SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[8192]);
} fit_pool SEC(".maps");

static __noinline int fit_malloc(__u32 size)
{
	__u32 key = 0, start = 0;
	struct fit *fit = bpf_map_lookup_elem(&fits, &key);
	int found = -1;

	if (!fit)
		return -1;
	bpf_spin_lock(&fit->lock);
	for (int i = 0; i < SLOTS; i++) {
		if (!fit->slots[i].in_use && (!fit->slots[i].size || fit->slots[i].size >= size)) {
			fit->slots[i].in_use = 1;
			fit->slots[i].start = start;
			fit->slots[i].size = size;
			found = (int)start;
			break;
		}
		start += fit->slots[i].size;
	}
	bpf_spin_unlock(&fit->lock);
	return found;
}

static __noinline int fit_free(__u32 start)
{
	__u32 key = 0;
	struct fit *fit = bpf_map_lookup_elem(&fits, &key);

	if (!fit)
		return -1;
	bpf_spin_lock(&fit->lock);
	for (int i = 0; i < SLOTS; i++)
		if (fit->slots[i].in_use && fit->slots[i].start == start) {
			fit->slots[i].in_use = 0;
			break;
		}
	bpf_spin_unlock(&fit->lock);
	return 0;
}

static long fit_pair(__u32 index, void *unused)
{
	__u32 key = 0;
	int start = fit_malloc(64);
	__u8 *pool = bpf_map_lookup_elem(&fit_pool, &key);

	(void)index;
	(void)unused;
	if (!pool || start < 0 || start > 8192 - 64)
		return 1;
	USED(pool + start);
	fit_free((__u32)start);
	return 0;
}

/* Half of the slots are taken by older blocks. */
SEC("xdp") int first_fit(struct xdp_md *ctx)
{
	__u32 key = 0;
	struct fit *fit = bpf_map_lookup_elem(&fits, &key);

	(void)ctx;
	if (!fit)
		return XDP_ABORTED;
	for (int i = 0; i < SLOTS / 2; i++) {
		fit->slots[i].in_use = 1;
		fit->slots[i].start = 64 * i;
		fit->slots[i].size = 64;
	}
	return bpf_loop(LOOP, fit_pair, NULL, 0) == LOOP ? XDP_PASS : XDP_ABORTED;
}

static long nothing(__u32 index, void *unused)
{
	(void)index;
	(void)unused;
	return 0;
}

/* What bpf_loop costs by itself, to be taken off first_fit. */
SEC("xdp") int empty_loop(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_loop(LOOP, nothing, NULL, 0) == LOOP ? XDP_PASS : XDP_ABORTED;
}

/* The kernel's own allocator for programs. */
struct object {
	__u8 bytes[64];
};
extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;

SEC("xdp") int obj_new(struct xdp_md *ctx)
{
	(void)ctx;
	for (__u32 i = 0; i < LOOP; i++) {
		struct object *object = bpf_obj_new_impl(bpf_core_type_id_local(struct object), NULL);

		if (!object)
			return XDP_ABORTED;
		USED(object);
		bpf_obj_drop_impl(object, NULL);
	}
	return XDP_PASS;
}

/* A buffer per CPU, which lasts only as long as the program runs. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u8[64]);
} scratch SEC(".maps");

SEC("xdp") int per_cpu_scratch(struct xdp_md *ctx)
{
	(void)ctx;
	for (__u32 i = 0; i < LOOP; i++) {
		__u32 key = 0;
		void *block = bpf_map_lookup_elem(&scratch, &key);

		if (!block)
			return XDP_ABORTED;
		USED(block);
	}
	return XDP_PASS;
}

/* Fills the heap of this CPU with blocks that stay. */
#ifndef LIVE
#define LIVE 0
#endif
static long occupy_one(__u32 index, void *unused)
{
	(void)index;
	(void)unused;
	return serve(dynmem_own(), 1 + index % 7) == DYNMEM_NONE;
}

SEC("xdp") int occupy(struct xdp_md *ctx)
{
	(void)ctx;
	return bpf_loop(LIVE, occupy_one, NULL, 0) == LIVE ? XDP_PASS : XDP_ABORTED;
}
