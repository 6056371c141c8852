/*
 * Every memory and string function on two operands that come with the packet, each in a block or in
 * a map, at any alignment, and in blocks across the end of a page.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define DYNAMIC_MEMORY_C_LIBRARY
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

/* As in the test that sends them. */
enum {
	MEMCPY,
	MEMCPY_7,
	MEMCPY_24,
	MEMCPY_200,
	MEMMOVE,
	MEMMOVE_UP,
	MEMMOVE_DOWN,
	MEMSET,
	MEMSET_21,
	MEMCMP,
	MEMCHR,
	STRLEN,
	STRNLEN,
	STRCMP,
	STRNCMP,
	STRCPY,
	STRNCPY,
	STRCAT,
	STRNCAT,
	STRCHR,
	STRRCHR,
	STRDUP,
	STRNDUP,
	STRSPN,
	STRCSPN,
	STRPBRK,
	STRSTR,
	STRCASECMP,
	STRNCASECMP,
	MEMCCPY,
	STPCPY,
	STPNCPY,
	MEMPCPY,
};

#define BYTES 256

struct task {
	__u32 function;
	__u32 byte;
	__u64 length;
	__u64 shift_a, shift_b; /* bytes from an aligned address; in blocks only */
	long long result;
	char a[BYTES];
	char b[BYTES];
};

/* What is not in a block. The alignment of the second differs. */
static char plain_a[BYTES];
static struct {
	char before[3];
	char bytes[BYTES];
} plain_b;

/* Blocks that begin shortly before the end of a page. */
#define BLOCK (4096 + 1024)
#define START (4096 - 64)

#define NONE (-1LL)
/* Of two numbers, as clang may subtract the pointers before it knows that there are two. */
#define PLACE(found, base)                                                               \
	({                                                                               \
		__u64 number_ = dynmem_number(found);                                    \
		number_ ? (long long)(number_ - dynmem_number(base)) : NONE;             \
	})

#define PERFORM(a, b)                                                                        \
	switch (task->function) {                                                            \
	case MEMCPY:                                                                         \
		static_memcpy(a, b, length);                                                 \
		break;                                                                       \
	case MEMCPY_7:                                                                       \
		static_memcpy(a, b, 7);                                                      \
		break;                                                                       \
	case MEMCPY_24:                                                                      \
		static_memcpy(a, b, 24);                                                     \
		break;                                                                       \
	case MEMCPY_200:                                                                     \
		static_memcpy(a, b, 200);                                                    \
		break;                                                                       \
	case MEMMOVE:                                                                        \
		static_memmove(a, b, length);                                                \
		break;                                                                       \
	case MEMMOVE_UP:                                                                     \
		static_memmove(a + 5, a, length & 127);                                      \
		break;                                                                       \
	case MEMMOVE_DOWN:                                                                   \
		static_memmove(a, a + 5, length & 127);                                      \
		break;                                                                       \
	case MEMSET:                                                                         \
		static_memset(a, byte, length);                                              \
		break;                                                                       \
	case MEMSET_21:                                                                      \
		static_memset(a, byte, 21);                                                  \
		break;                                                                       \
	case MEMCMP:                                                                         \
		result = static_memcmp(a, b, length);                                        \
		break;                                                                       \
	case MEMCHR:                                                                         \
		result = PLACE(static_memchr(a, byte, length), a);                           \
		break;                                                                       \
	case STRLEN:                                                                         \
		result = static_strlen(a);                                                   \
		break;                                                                       \
	case STRNLEN:                                                                        \
		result = static_strnlen(a, length);                                          \
		break;                                                                       \
	case STRCMP:                                                                         \
		result = static_strcmp(a, b);                                                \
		break;                                                                       \
	case STRNCMP:                                                                        \
		result = static_strncmp(a, b, length);                                       \
		break;                                                                       \
	case STRCPY:                                                                         \
		static_strcpy(a, b);                                                         \
		break;                                                                       \
	case STRNCPY:                                                                        \
		static_strncpy(a, b, length);                                                \
		break;                                                                       \
	case STRCAT:                                                                         \
		static_strcat(a, b);                                                         \
		break;                                                                       \
	case STRNCAT:                                                                        \
		static_strncat(a, b, length);                                                \
		break;                                                                       \
	case STRCHR:                                                                         \
		result = PLACE(static_strchr(a, byte), a);                                   \
		break;                                                                       \
	case STRRCHR:                                                                        \
		result = PLACE(static_strrchr(a, byte), a);                                  \
		break;                                                                       \
	case STRDUP:                                                                         \
		result = checked_copy(static_strdup(b), task->b, static_strlen(b));          \
		break;                                                                       \
	case STRNDUP:                                                                        \
		result = checked_copy(static_strndup(b, length), task->b,                    \
				      static_strnlen(b, length));                            \
		break;                                                                       \
	case STRSPN:                                                                        \
		result = static_strspn(a, b);                                              \
		break;                                                                      \
	case STRCSPN:                                                                       \
		result = static_strcspn(a, b);                                             \
		break;                                                                      \
	case STRPBRK:                                                                       \
		result = PLACE(static_strpbrk(a, b), a);                                   \
		break;                                                                      \
	case STRSTR:                                                                        \
		result = PLACE(static_strstr(a, b + (length & 127)), a);                   \
		break;                                                                      \
	case STRCASECMP:                                                                    \
		result = static_strcasecmp(a, b);                                          \
		break;                                                                      \
	case STRNCASECMP:                                                                   \
		result = static_strncasecmp(a, b, length);                                 \
		break;                                                                      \
	case MEMCCPY:                                                                       \
		result = PLACE(static_memccpy(a, b, byte, length), a);                     \
		break;                                                                      \
	case STPCPY:                                                                        \
		result = PLACE(static_stpcpy(a, b), a);                                    \
		break;                                                                      \
	case STPNCPY:                                                                       \
		result = PLACE(static_stpncpy(a, b, length), a);                           \
		break;                                                                      \
	case MEMPCPY:                                                                       \
		result = PLACE(static_mempcpy(a, b, length), a);                           \
		break;                                                                      \
	}

/* The length of a copy that is as its original; it is freed. */
static __always_inline long long checked_copy(char __arena *copy, const char *original, __u64 length)
{
	long long result = NONE;

	if (!copy)
		return NONE - 1;
	if (static_strlen(copy) == length && !static_strncmp(copy, original, length) &&
	    static_malloc_usable_size(copy) > length)
		result = (long long)length;
	static_free(copy);
	return result;
}

#define PROGRAM(name, is_block_a, is_block_b)                                                 \
	SEC("xdp") int name(struct xdp_md *ctx)                                              \
	{                                                                                    \
		struct task *task = (void *)(long)ctx->data;                                 \
		long long result = 0;                                                        \
		__u64 length;                                                                \
		int byte;                                                                    \
                                                                                             \
		if ((void *)(task + 1) > (void *)(long)ctx->data_end)                        \
			return XDP_ABORTED;                                                  \
		length = task->length;                                                       \
		byte = (int)task->byte;                                                      \
		OPERAND_##is_block_a(a, plain_a);                                            \
		OPERAND_##is_block_b(b, plain_b.bytes);                                      \
		static_memcpy(a, task->a, BYTES);                                            \
		static_memcpy(b, task->b, BYTES);                                            \
		PERFORM(a, b)                                                                \
		static_memcpy(task->a, a, BYTES);                                            \
		static_memcpy(task->b, b, BYTES);                                            \
		task->result = result;                                                       \
		RELEASE_##is_block_a(a);                                                     \
		RELEASE_##is_block_b(b);                                                     \
		return XDP_PASS;                                                             \
	}

#define OPERAND_0(name, memory) char *name = memory
#define RELEASE_0(name)
#define OPERAND_1(name, memory)                                                 \
	char __arena *block_##name = static_aligned_alloc(4096, BLOCK);         \
	char __arena *name = block_##name + START + (task->shift_##name & 127); \
	if (!block_##name)                                                      \
		return XDP_ABORTED
#define RELEASE_1(name) static_free(block_##name)

PROGRAM(plain_plain, 0, 0)
#ifdef DYNAMIC_MEMORY_ARENA
PROGRAM(block_block, 1, 1)
PROGRAM(block_plain, 1, 0)
PROGRAM(plain_block, 0, 1)
#endif
