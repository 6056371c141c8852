/* What clang's analyzer must find, and on which line. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

SEC("xdp") int leak(struct xdp_md *ctx)
{
	int *p = static_malloc(sizeof(*p));

	if (!p)
		return XDP_ABORTED;
	*p = ctx->ingress_ifindex;
	return XDP_PASS; /* expect: Potential leak of memory pointed to by 'p' */
}

SEC("xdp") int twice(struct xdp_md *ctx)
{
	int *p = static_calloc(1, sizeof(*p));

	if (!p)
		return XDP_ABORTED;
	static_free(p);
	if (ctx->ingress_ifindex)
		static_free(p); /* expect: Attempt to free released memory */
	return XDP_PASS;
}

SEC("xdp") int late(struct xdp_md *ctx)
{
	char *p = static_strdup("text");
	char c;

	(void)ctx;
	if (!p)
		return XDP_ABORTED;
	static_free(p);
	c = p[0]; /* expect: Use of memory after it is freed */
	return c;
}

SEC("xdp") int fine(struct xdp_md *ctx)
{
	int *p = static_malloc(sizeof(*p));

	(void)ctx;
	if (!p)
		return XDP_ABORTED;
	*p = 1;
	static_free(p);
	return XDP_PASS;
}
