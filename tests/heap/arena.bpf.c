/* What is particular to blocks in an arena: each program returns 2, or the line that failed. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

#define CHECK(condition)                 \
	do {                             \
		if (!(condition))        \
			return __LINE__; \
	} while (0)
#define PASS 2

struct node {
	struct node __arena *next;
	struct node __arena *child;
	__u64 value;
};

struct node __arena *__arena head;
struct node __arena first; /* a variable, not a block */

/* A list that outlives the program that makes it. */
SEC("xdp") int list_fill(struct xdp_md *ctx)
{
	struct node __arena *node;

	(void)ctx;
	first.value = 1000;
	head = &first;
	for (int i = 0; i < 100; i++) {
		node = static_calloc(1, sizeof(*node));
		CHECK(node);
		CHECK(!node->next && !node->value);
		node->value = (__u64)i;
		node->next = head;
		head = node;
	}
	return PASS;
}

/* It calls nothing of the header. */
SEC("socket") int list_sum(struct __sk_buff *skb)
{
	struct node __arena *node;
	__u64 sum = 0;

	(void)skb;
	static_use_arena();
	for (node = head; node && can_loop; node = node->next)
		sum += node->value;
	return sum == 100 * 99 / 2 + 1000 ? PASS : __LINE__;
}

SEC("tc") int list_empty(struct __sk_buff *skb)
{
	struct node __arena *node;
	__u32 count = static_opaque(0);

	(void)skb;
	while (head != &first && can_loop) {
		node = head;
		head = node->next;
		static_free(node);
		count++;
	}
	CHECK(count == 100);
	static_free(&first); /* no block: refused */
	CHECK(first.value == 1000);
	return PASS;
}

/* Through NULL one reads zero, and what is written goes nowhere. */
SEC("xdp") int null(struct xdp_md *ctx)
{
	struct node __arena *node = NULL;

	(void)ctx;
	DYNMEM_HIDE(node);
	static_use_arena();
	node->value = 5;
	DYNMEM_SEPARATE(); /* or clang remembers what it wrote */
	CHECK(!node->value);
	CHECK(!node->next);
	return PASS;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, char[32]);
} names SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 65536);
} ring SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERF_EVENT_ARRAY);
	__uint(key_size, 4);
	__uint(value_size, 4);
} events SEC(".maps");

/* Helpers take memory of the stack and of maps: blocks are copied there and back. */
SEC("raw_tp/sys_enter") int helpers(void *ctx)
{
	char __arena *name = static_malloc(32), *copy = static_malloc(32);
	char buffer[32] = {}, other[32];
	__u32 key = 3;
	char *value;
	long error;

	CHECK(name && copy);
	static_strcpy(name, "a block in an arena");
	static_memcpy(buffer, name, sizeof(buffer));
	CHECK(!bpf_map_update_elem(&names, &key, buffer, BPF_ANY));
	value = bpf_map_lookup_elem(&names, &key);
	CHECK(value);
	static_memcpy(copy, value, 32);
	CHECK(!static_strcmp(copy, name));
	/* Into the map, without the stack between. */
	static_strcpy(name, "another");
	static_memcpy(value, name, 32);
	CHECK(!static_strcmp((const char *)value, "another"));

	CHECK(!bpf_ringbuf_output(&ring, buffer, sizeof(buffer), 0));
	value = bpf_ringbuf_reserve(&ring, 32, 0);
	CHECK(value);
	static_memcpy(value, name, 32);
	bpf_ringbuf_submit(value, 0);
	/* Nobody listens: what counts is that the verifier takes it. */
	error = bpf_perf_event_output(ctx, &events, BPF_F_CURRENT_CPU, buffer, sizeof(buffer));
	CHECK(error == -2);

	CHECK(!bpf_get_current_comm(buffer, 16));
	static_memcpy(name, buffer, 16);
	CHECK(static_strlen(name) > 0 && static_strlen(name) < 16);
	CHECK(!bpf_probe_read_kernel(other, 16, buffer));
	CHECK(!static_strcmp(name, (const char *)other));
	static_free(name);
	static_free(copy);
	return PASS;
}

/* The kernel's own arena allocator has tests like the following. */
#define SLOTS 512
static const __u16 sizes[9] = {8, 24, 40, 64, 100, 200, 333, 512, 1000};

static __always_inline __u32 size_of(__u32 number)
{
	number %= 9;
	DYNMEM_HIDE(number); /* the verifier does not know what a remainder is below */
	return number < 9 ? sizes[number] : 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

SEC("syscall") int pairs(void *ctx)
{
	char __arena *block;
	int i = static_opaque(0);

	(void)ctx;
	for (; i < 800 && can_loop; i++) {
		block = static_malloc(size_of(i));
		CHECK(block);
		static_memset(block, i, size_of(i));
		static_free(block);
	}
	CHECK(i == 800);
	return PASS;
}

__weak __noinline int is_filled(__u64 address, __u32 length, __u32 byte)
{
	char __arena *block = (char __arena *)address;
	__u32 i;

	static_use_arena();
	for (i = static_opaque(0); i < length && can_loop; i++)
		if (block[i] != (char)byte)
			return 0;
	return i == length;
}

SEC("syscall") int live(void *ctx)
{
	__u32 i, index, key, byte, next = static_opaque(0);
	char __arena *block;
	__u64 *slot;

	(void)ctx;
	for (i = static_opaque(0); i < SLOTS && can_loop; i++) {
		key = i;
		slot = bpf_map_lookup_elem(&slots, &key);
		block = static_malloc(size_of(i));
		CHECK(slot && block);
		static_memset(block, (int)i, size_of(i));
		*slot = dynmem_number(block);
	}
	CHECK(i == SLOTS);
	/* 7 shares no divisor with the number of slots: all get their turn. */
	for (i = static_opaque(0); i < SLOTS && can_loop; i++) {
		index = key = next & (SLOTS - 1);
		next += 7;
		slot = bpf_map_lookup_elem(&slots, &key);
		CHECK(slot);
		byte = index & 255;
		CHECK(is_filled(*slot, size_of(index), byte));
		static_free((void __arena *)*slot);
		*slot = 0;
	}
	CHECK(i == SLOTS);
	return PASS;
}

void __arena *__arena result; /* a pointer in the arena */

SEC("syscall") int alignments(void *ctx)
{
	__u64 alignment = 1;
	void __arena *block, *other;
	int i = static_opaque(0);

	(void)ctx;
	for (; i < 17 && can_loop; i++) {
		block = static_aligned_alloc(alignment, 100);
		CHECK(block);
		CHECK(!(dynmem_number(block) & (alignment - 1)));
		if (alignment >= 8) {
			CHECK(!static_posix_memalign(&other, alignment, 100));
			CHECK(!(dynmem_number(other) & (alignment - 1)));
			static_free(other);
		}
		static_free(block);
		alignment *= 2;
	}
	CHECK(i == 17);
	CHECK(!static_aligned_alloc(24, 100));
	CHECK(!static_posix_memalign(&result, 256, 100));
	CHECK(result && !(dynmem_number(result) & 255));
	static_free(result);
	return PASS;
}

/* A whole pool, again and again, but for what a debug build keeps behind a block. */
#ifdef DYNAMIC_MEMORY_DEBUG
#define WHOLE (POOL_SIZE - DYNMEM_FENCE)
#else
#define WHOLE POOL_SIZE
#endif
SEC("syscall") int create_destroy(void *ctx)
{
	void __arena *block;
	int i = static_opaque(0);

	(void)ctx;
	for (; i < 50 && can_loop; i++) {
		block = static_malloc(WHOLE);
		CHECK(block);
		static_free(block);
		CHECK(!static_reset());
	}
	CHECK(i == 50);
	CHECK(!static_malloc(0));
	CHECK(!static_malloc(POOL_SIZE + 1));
	CHECK(!static_calloc(~0ULL / 2, 3));
	return PASS;
}

/* Strings have no length limit but the pool's. */
SEC("syscall") int long_string(void *ctx)
{
	char __arena *string = static_malloc(20001), *copy;

	(void)ctx;
	CHECK(string);
	static_memset(string, 'x', 20000);
	string[20000] = 0;
	copy = static_strdup(string);
	CHECK(copy);
	CHECK(static_strlen(copy) == 20000);
	CHECK(!static_strcmp(copy, string));
	string[19999] = 'y';
	CHECK(static_strcmp(string, copy) > 0);
	CHECK(static_strchr(string, 'y') == string + 19999);
	copy = static_realloc(copy, 40000);
	CHECK(copy);
	CHECK(static_strlen(copy) == 20000);
	static_free(copy);
	static_free(string);
	return PASS;
}

/* What is no block in use is refused, and nothing breaks. */
SEC("syscall") int refused(void *ctx)
{
	char __arena *block = static_malloc(100), *other = static_malloc(100);

	(void)ctx;
	CHECK(block && other);
	static_free(block + 16);
	static_free(block + 1);
	static_free((void __arena *)8);
	static_free((void __arena *)~0ULL);
	static_free(&first);
	CHECK(static_malloc_usable_size(block) >= 100);
	CHECK(!static_malloc_usable_size(block + 16));
	CHECK(!static_realloc(block + 16, 200));
	static_free(block);
	static_free(block);
	static_free(other);
	return PASS;
}
