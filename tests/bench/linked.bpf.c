// SPDX-License-Identifier: GPL-2.0
/*
 * A list, a binary tree and a hash table out of blocks: what a hop costs, and an insertion with a
 * deletion. One source for an arena, for a map (DYNAMIC_MEMORY_LINKED) and for user space.
 */
#ifndef native_executable
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#else
#include "linked_native.h"
#endif
/* Rounds of a loop, where the verifier has to see them all. */
#define DYNAMIC_MEMORY_LOOP_LIMIT 24
#include "dynamic_memory.h"

char LICENSE[] SEC("license") = "GPL";

/* Times a program does its thing, and nodes there are; as in the Rust file. */
#define LOOP 32
#define LIST 128
#define TREE 127
#define BUCKETS 64
#define HASHED 128

#define PASS 2
#define FAIL 0
#define EACH(number) for (__u32 number = (__u32)static_from(0); number < LOOP && AGAIN; number++)
/* With DYNAMIC_MEMORY_LINKED can_loop counts; these loops have a bound as it is. */
#ifdef DYNAMIC_MEMORY_LINKED
#undef static_from
#define static_from(value) (value)
#define AGAIN 1
#else
#define AGAIN can_loop
#endif

struct node {
	struct node __arena *next;
	struct node __arena *left, *right;
	__u32 key, value;
};

struct node __arena *list;
struct node __arena *tree;
struct node __arena *buckets[BUCKETS];
volatile __u32 seen;

#define NODE(pointer) static_pointer(pointer)

static __always_inline struct node __arena *node_new(__u32 key)
{
	struct node __arena *node = static_malloc(sizeof(*node));

	if (!node)
		return NULL;
	node->key = key;
	node->value = key;
	node->next = NULL;
	node->left = NULL;
	node->right = NULL;
	return node;
}

static __always_inline void tree_insert(struct node __arena *node, __u32 key)
{
	struct node __arena *at = tree;

	if (!at) {
		tree = node;
		return;
	}
	static_bounded while (can_loop) {
		struct node __arena *below = key < NODE(at)->key ? NODE(at)->left : NODE(at)->right;

		if (!below) {
			if (key < NODE(at)->key)
				NODE(at)->left = node;
			else
				NODE(at)->right = node;
			return;
		}
		at = below;
	}
}

/* Hidden, or clang masks only after it has multiplied, which the verifier does not see through. */
static __always_inline struct node __arena **bucket_of(__u32 key)
{
	DYNMEM_HIDE(key);
	return &buckets[key % BUCKETS];
}

static __always_inline void hash_insert(struct node __arena *node, __u32 key)
{
	struct node __arena **bucket = bucket_of(key);

	node->next = *bucket;
	*bucket = node;
}

/* Fills everything. Called once for each number below LIST, to keep the verifier's work small. */
SEC("xdp") int fill(struct xdp_md *ctx)
{
	struct node __arena *node;
	/* An order that makes the tree a perfect one. */
	static __u32 count;
	__u32 number = count++, height = 1, key;

	(void)ctx;
	node = node_new(number);
	if (!node)
		return FAIL;
	node->next = list;
	list = node;
	node = node_new(2 * number);
	if (!node)
		return FAIL;
	hash_insert(node, 2 * number);
	if (number >= TREE)
		return PASS;
	/* Breadth first: the node of this number is in the row of its highest bit. */
	for (int row = 0; row < 7; row++)
		if ((number + 1) >> row)
			height = 1U << row;
	key = ((number + 1 - height) * 2 + 1) * (128 / height / 2);
	key *= 2;
	node = node_new(key);
	if (!node)
		return FAIL;
	tree_insert(node, key);
	return PASS;
}

/* What the loops around cost. */
SEC("xdp") int empty(struct xdp_md *ctx)
{
	(void)ctx;
	EACH(i)
		seen = i;
	return PASS;
}

#ifdef DYNAMIC_MEMORY_LINKED
#undef DYNAMIC_MEMORY_LOOP_LIMIT
#define DYNAMIC_MEMORY_LOOP_LIMIT (LIST + 1)
#endif

SEC("xdp") int list_walk(struct xdp_md *ctx)
{
	struct node __arena *node;
	__u32 sum = 0;

	(void)ctx;
	static_use_arena();
	static_bounded for (node = list; node && can_loop; node = NODE(node)->next)
		sum += NODE(node)->value;
	return sum == LIST * (LIST - 1) / 2 ? PASS : FAIL;
}

#ifdef DYNAMIC_MEMORY_LINKED
#undef DYNAMIC_MEMORY_LOOP_LIMIT
#define DYNAMIC_MEMORY_LOOP_LIMIT 10
#endif

SEC("xdp") int list_pair(struct xdp_md *ctx)
{
	(void)ctx;
	EACH(i)
	{
		struct node __arena *node = static_malloc(sizeof(*node));

		if (!node)
			return FAIL;
		node->key = i;
		node->value = i;
		node->next = list;
		list = node;
		node = list;
		list = NODE(node)->next;
		static_free(node);
	}
	return PASS;
}

/* Each key is in the lowest row: seven hops. */
SEC("xdp") int tree_find(struct xdp_md *ctx)
{
	__u32 found = static_opaque(0);

	(void)ctx;
	static_use_arena();
	EACH(i)
	{
		struct node __arena *at = tree;
		__u32 key = i * 8 + 2;

		static_bounded while (at && NODE(at)->key != key && can_loop)
			at = key < NODE(at)->key ? NODE(at)->left : NODE(at)->right;
		if (at)
			found++;
	}
	seen = found;
	return found == LOOP ? PASS : FAIL;
}

/* A leaf below the lowest row, on the left of the key that is one larger. */
SEC("xdp") int tree_pair(struct xdp_md *ctx)
{
	(void)ctx;
	EACH(i)
	{
		__u32 key = i * 8 + 1;
		struct node __arena *node = static_malloc(sizeof(*node)), *at = tree, *above = NULL;

		if (!node)
			return FAIL;
		node->key = key;
		node->value = key;
		node->left = NULL;
		node->right = NULL;
		tree_insert(node, key);
		static_bounded while (at && NODE(at)->key != key && can_loop) {
			above = at;
			at = key < NODE(at)->key ? NODE(at)->left : NODE(at)->right;
		}
		if (!at || !above)
			return FAIL;
		NODE(above)->left = NULL;
		static_free(at);
	}
	return PASS;
}

SEC("xdp") int hash_find(struct xdp_md *ctx)
{
	__u32 found = static_opaque(0);

	(void)ctx;
	static_use_arena();
	EACH(i)
	{
		__u32 key = i * 2;
		struct node __arena *at = *bucket_of(key);

		static_bounded while (at && NODE(at)->key != key && can_loop)
			at = NODE(at)->next;
		if (at)
			found++;
	}
	seen = found;
	return found == LOOP ? PASS : FAIL;
}

SEC("xdp") int hash_pair(struct xdp_md *ctx)
{
	(void)ctx;
	EACH(i)
	{
		__u32 number = i, key;
		struct node __arena *node = static_malloc(sizeof(*node)), *at;

		/* Or clang adds 2 in each round, and the verifier goes through all of them. */
		DYNMEM_HIDE(number);
		key = number * 2 + 1;
		if (!node)
			return FAIL;
		node->key = key;
		node->value = key;
		hash_insert(node, key);
		at = *bucket_of(key);
		if (!at || NODE(at)->key != key)
			return FAIL;
		*bucket_of(key) = NODE(at)->next;
		static_free(at);
	}
	return PASS;
}
