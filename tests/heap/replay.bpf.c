/*
 * Runs one operation of a trace in the kernel; the test sends one after the other, each in a packet,
 * because a test run on a packet is what every kernel has that the header supports.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
#include "operation.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, unsigned long long);
} slots SEC(".maps");

SEC("xdp") int replay(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct operation *given = data;
	unsigned long long *slot, first;
	void __arena *pool;

	if ((void *)(given + 1) > end)
		return XDP_ABORTED;
	struct operation o = {.op = given->op, .slot = given->slot, .a = given->a, .b = given->b};

	slot = bpf_map_lookup_elem(&slots, &o.slot);
	if (!slot)
		return XDP_ABORTED;
	perform(&o, slot);
	/* Addresses become offsets into the first pool, as the model counts. */
	pool = dynmem_pool(0);
	if (!pool)
		return XDP_ABORTED;
	first = dynmem_number(pool);
	if (o.op == OP_MEMALIGN && !o.result)
		o.result = *slot ? *slot - first : ~0ULL;
	else if (o.op != OP_FREE && o.op != OP_USABLE && o.op != OP_MEMALIGN && o.op != OP_RESET)
		o.result = o.result ? o.result - first : ~0ULL;
	if (o.op == OP_RESET)
		for (__u32 i = 0; i < SLOTS; i++) {
			__u32 key = i; /* whose address is taken, so it has no known bound */

			slot = bpf_map_lookup_elem(&slots, &key);
			if (slot)
				*slot = 0;
		}
	given->result = o.result;
	return XDP_PASS;
}
