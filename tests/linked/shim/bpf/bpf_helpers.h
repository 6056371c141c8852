/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * What programs of fixtures/linked need of libbpf's header of this name, for user space: there
 * they are plain C with the C library's malloc, and that proves what they have to return.
 */
#ifndef SHIM_BPF_HELPERS_H
#define SHIM_BPF_HELPERS_H

#include <stddef.h>
#include <linux/types.h>

#define SEC(name) __attribute__((used))
#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline))
#define __weak __attribute__((weak))
#define __hidden __attribute__((visibility("hidden")))
#define __uint(name, value) int (*name)[value]
#define __type(name, value) __typeof__(value) *name
#ifndef container_of
#define container_of(ptr, type, member)                               \
	({                                                            \
		void *shim_member = (void *)(ptr);                    \
		((type *)((char *)shim_member - offsetof(type, member))); \
	})
#endif
#define barrier() __asm__ volatile("" ::: "memory")
#define bpf_printk(...) ((void)0)

static inline __u32 bpf_get_smp_processor_id(void)
{
	return 0;
}

static inline long bpf_loop(__u32 count, void *step, void *context, __u64 flags)
{
	long (*call)(__u32, void *) = step;

	for (__u32 round = 0; round < count; round++)
		if (call(round, context))
			return round + 1;
	return count;
}

/* Maps hold as many values as the programs need: each is a number of a key of 4 bytes. */
struct shim_value {
	const void *map;
	__u32 key;
	__attribute__((aligned(8))) char bytes[64];
};

static struct shim_value shim_values[16];

/* An ARRAY map: whatever is asked for exists, and is zero at first. */
static inline void *bpf_map_lookup_elem(const void *map, const void *key)
{
	struct shim_value *value = shim_values;

	while (value->map && (value->map != map || value->key != *(const __u32 *)key))
		value++;
	value->map = map;
	value->key = *(const __u32 *)key;
	return value->bytes;
}

#define bpf_map_update_elem(shim_map, shim_key, shim_from, flags) \
	(__builtin_memcpy(bpf_map_lookup_elem(shim_map, shim_key), shim_from,   \
			  sizeof(*(shim_map)->value)),                            \
	 0)

#endif
