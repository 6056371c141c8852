// SPDX-License-Identifier: GPL-2.0
/* The structures of linked.bpf.c on a BPF hash map: a pointer is a key, a hop a look-up. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

#define LOOP 32
#define LIST 128
#define TREE 127
#define PASS XDP_PASS
#define FAIL XDP_ABORTED
/* Keys of the nodes of each structure begin here. */
#define IN_LIST 0x10000
#define IN_TREE 0x20000
#define IN_TABLE 0x30000

struct node {
	__u32 next, left, right, key, value;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, struct node);
} nodes SEC(".maps");

__u32 list, count;
volatile __u32 seen;

static __always_inline struct node *at(__u32 key)
{
	return bpf_map_lookup_elem(&nodes, &key);
}

static __always_inline int put(__u32 place, __u32 key, __u32 next)
{
	struct node node = {.key = key, .value = key, .next = next};

	return bpf_map_update_elem(&nodes, &place, &node, BPF_NOEXIST);
}

static __always_inline int tree_insert(__u32 key)
{
	__u32 place = IN_TREE + 128;
	struct node *node = NULL;

	if (put(IN_TREE + key, key, 0))
		return 1;
	if (key == 128)
		return 0;
	for (int i = 0; i < 10; i++) {
		__u32 *below;

		node = at(place);
		if (!node)
			return 1;
		below = key < node->key ? &node->left : &node->right;
		if (!*below) {
			*below = IN_TREE + key;
			return 0;
		}
		place = *below;
	}
	return 1;
}

SEC("xdp") int fill(struct xdp_md *ctx)
{
	__u32 number = count++, height = 1;

	if (put(IN_LIST + number, number, list))
		return FAIL;
	list = IN_LIST + number;
	if (put(IN_TABLE + 2 * number, number, 0))
		return FAIL;
	if (number >= TREE)
		return PASS;
	for (int row = 0; row < 7; row++)
		if ((number + 1) >> row)
			height = 1U << row;
	if (tree_insert(2 * (((number + 1 - height) * 2 + 1) * (128 / height / 2))))
		return FAIL;
	return PASS;
}

SEC("xdp") int empty(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++)
		seen = i;
	return PASS;
}

SEC("xdp") int list_walk(struct xdp_md *ctx)
{
	__u32 place = list, sum = 0;

	for (int i = 0; i < LIST + 1 && place; i++) {
		struct node *node = at(place);

		if (!node)
			return FAIL;
		sum += node->value;
		place = node->next;
	}
	return sum == LIST * (LIST - 1) / 2 ? PASS : FAIL;
}

SEC("xdp") int list_pair(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++) {
		__u32 place = IN_LIST + 0x1000 + i;
		struct node *node;

		if (put(place, i, list))
			return FAIL;
		list = place;
		node = at(place);
		if (!node)
			return FAIL;
		list = node->next;
		bpf_map_delete_elem(&nodes, &place);
	}
	return PASS;
}

SEC("xdp") int tree_find(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++) {
		__u32 place = IN_TREE + 128, key = i * 8 + 2;
		struct node *node = NULL;

		for (int hop = 0; hop < 10; hop++) {
			node = at(place);
			if (!node || node->key == key)
				break;
			place = key < node->key ? node->left : node->right;
		}
		if (!node)
			return FAIL;
	}
	return PASS;
}

static __noinline int tree_one(__u32 key)
{
	__u32 place = IN_TREE + 128, above = 0;
	struct node *node = NULL;

	if (tree_insert(key))
		return 1;
	for (int hop = 0; hop < 10; hop++) {
		node = at(place);
		if (!node || node->key == key)
			break;
		above = place;
		place = key < node->key ? node->left : node->right;
	}
	node = at(above);
	if (!node)
		return 1;
	node->left = 0;
	return bpf_map_delete_elem(&nodes, &place);
}

SEC("xdp") int tree_pair(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++)
		if (tree_one(i * 8 + 1))
			return FAIL;
	return PASS;
}

/* A hash table is what the map is. */
SEC("xdp") int hash_find(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++)
		if (!at(IN_TABLE + 2 * i))
			return FAIL;
	return PASS;
}

SEC("xdp") int hash_pair(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++) {
		__u32 place = IN_TABLE + 2 * i + 1;

		if (put(place, i, 0))
			return FAIL;
		bpf_map_delete_elem(&nodes, &place);
	}
	return PASS;
}
