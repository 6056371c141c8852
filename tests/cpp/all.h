/* All headers that the preprocessor brings, and what is in them. */
#include <alloca.h>
#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <iso646.h>
#include <limits.h>
#include <malloc.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <strings.h>
#include <sys/cdefs.h>
#include <sys/types.h>
#include <unistd.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

_Static_assert(INT8_MIN == -128 and UINT16_MAX == 65535 and INT64_MIN < 0 and UINT64_MAX > 0, "");
_Static_assert(SIZE_MAX == UINT64_C(18446744073709551615) && INTPTR_MIN == LONG_MIN, "");
_Static_assert(CHAR_MIN == -128 && USHRT_MAX == 65535 && UINT_MAX == 4294967295U, "");
_Static_assert(ULONG_MAX == ULLONG_MAX && sizeof(size_t) == sizeof(ssize_t), "");
_Static_assert(ENOMEM == 12 && EWOULDBLOCK == 11 && ENOTSUP == 95 && FLT_RADIX == 2, "");
_Static_assert(sizeof(int_least8_t) == 1 && sizeof(uint32_t) == 4 && sizeof(u_int64_t) == 8, "");

struct inner {
	alignas(16) int value;
};
struct outer {
	bool set;
	struct inner *inner;
};

struct {
	__uint(type, 1);
	__uint(max_entries, 16);
	__type(key, uint32_t);
	__type(value, struct outer);
} map SEC(".maps");

extern int config __kconfig __weak;
extern void kernel_function(void) __ksym;

static __noinline int sum(int count, ...)
{
	va_list values;
	int total = 0;

	va_start(values, count);
	for (int i = 0; i < count; i++)
		total += va_arg(values, int);
	va_end(values);
	return total;
}

SEC("fentry/function")
int BPF_PROG(on_entry, struct outer *outer, int number)
{
	uint32_t key = bpf_htons(number);
	struct outer *found = bpf_map_lookup_elem(&map, &key);

	if (not found)
		return -ENOENT;
	bpf_printk("%d %" PRIu64, number, (uint64_t)bpf_ktime_get_ns());
	assert(found->set == true);
	free(malloc(offsetof(struct outer, inner)));
	return BPF_CORE_READ(outer, inner, value) + sum(2, number, config) + (ctx != NULL);
}

SEC("kprobe/function")
int BPF_KPROBE(on_call)
{
	return PT_REGS_PARM1(ctx) + strlen("text") + isdigit('0') + (errno == EINTR);
}

char license[] SEC("license") = "GPL";
