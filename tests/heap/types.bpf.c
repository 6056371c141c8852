/* The allocator in one program of every type. Each allocates, uses, resizes and frees. */
#ifdef VMLINUX
#include "vmlinux.h"
#else
#include <linux/bpf.h>
#endif
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

/* Sizes the verifier cannot know; tests may set them. */
volatile unsigned int size = 100, position = 7;

struct node {
	struct node __arena *next;
	int value;
	char text[40];
};

static __always_inline int exercise(void)
{
#ifdef TRIVIAL
	/* Whether the machine lets programs of the type in at all. */
	return 3;
#else
	struct node __arena *node = static_malloc(sizeof(*node));
	unsigned int at = position;
	char __arena *bytes, *larger, *copy;
	int result = 1;

	if (!node)
		return -1;
	node->value = 1;
	bytes = static_malloc(size);
	if (!bytes)
		goto out;
	if (at < DYNAMIC_MEMORY_GUARD)
		bytes[at] = 1;
	larger = static_realloc(bytes, 600);
	if (larger) {
		larger[599] = 2;
		result = larger[7];
		bytes = larger;
	}
	static_free(bytes);
	bytes = static_calloc(4, 10);
	if (bytes) {
		result += bytes[39];
		static_free(bytes);
	}
	copy = static_strdup("block");
	if (copy) {
		result += copy[4] == 'k' && copy[5] == 0;
		static_free(copy);
	}
	bytes = static_aligned_alloc(64, 50);
	if (bytes) {
		result += static_malloc_usable_size(bytes) >= 50;
		static_free(bytes);
	}
out:
	static_free(node);
	return result; /* 3 */
#endif
}

#define PROGRAM(section, name)                         \
	SEC(section) int in_##name(void *ctx)          \
	{                                              \
		(void)ctx;                             \
		return exercise() == 3 ? PASS : FAIL; \
	}

#define PASS 1
#define FAIL 0
PROGRAM("socket", socket_filter)
PROGRAM("cgroup_skb/ingress", cgroup_skb)
PROGRAM("cgroup/sock_create", cgroup_sock)
PROGRAM("cgroup/connect4", cgroup_sock_addr)
PROGRAM("sockops", sockops)
PROGRAM("sk_skb/stream_verdict", sk_skb)
PROGRAM("sk_msg", sk_msg)
PROGRAM("tc", tc)
PROGRAM("tcx/ingress", tcx)
PROGRAM("xdp", xdp)
PROGRAM("syscall", syscall)
PROGRAM("raw_tp/sys_enter", raw_tracepoint)
#undef FAIL
#define FAIL 1
#undef PASS
#define PASS 0
PROGRAM("lwt_in", lwt_in)
PROGRAM("lwt_out", lwt_out)
PROGRAM("lwt_xmit", lwt_xmit)
PROGRAM("flow_dissector", flow_dissector)
PROGRAM("sk_lookup", sk_lookup)
PROGRAM("kprobe/do_nanosleep", kprobe)
PROGRAM("kretprobe/do_nanosleep", kretprobe)
PROGRAM("tracepoint/sched/sched_switch", tracepoint)
PROGRAM("tp_btf/task_newtask", tp_btf)
PROGRAM("perf_event", perf_event)
PROGRAM("fentry/bpf_fentry_test1", fentry)
PROGRAM("fexit/bpf_fentry_test1", fexit)
PROGRAM("lsm/file_open", lsm)
PROGRAM("iter/task", iter)

#ifdef STRUCT_OPS
/* As much of the type as this needs; libbpf matches it with the kernel's by names. */
struct sock;
#ifndef VMLINUX
struct tcp_congestion_ops {
	__u32 (*ssthresh)(struct sock *sk);
	void (*cong_avoid)(struct sock *sk, __u32 ack, __u32 acked);
	__u32 (*undo_cwnd)(struct sock *sk);
	char name[16];
};
#endif

SEC("struct_ops/ssthresh") __u32 struct_ops_ssthresh(void *ctx)
{
	(void)ctx;
	return exercise() == 3 ? 2 : 1;
}

SEC("struct_ops/cong_avoid") void struct_ops_cong_avoid(void *ctx)
{
	(void)ctx;
}

SEC("struct_ops/undo_cwnd") __u32 struct_ops_undo_cwnd(void *ctx)
{
	(void)ctx;
	return 2;
}

SEC(".struct_ops") struct tcp_congestion_ops heap_ops = {
	.ssthresh = (void *)struct_ops_ssthresh,
	.cong_avoid = (void *)struct_ops_cong_avoid,
	.undo_cwnd = (void *)struct_ops_undo_cwnd,
	.name = "bpf_heap",
};
#endif
