// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel's own objects, lists and trees. They can be pushed, popped, added and removed; a walk
 * that leaves the nodes where they are came later, and no program can look into the middle of a list.
 */
#include <linux/version.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char LICENSE[] SEC("license") = "GPL";

#define LOOP 32
#define TREE 127
#define PASS XDP_PASS
#define FAIL XDP_ABORTED

/* Headers of Linux before 6.6 have these not at all, or smaller. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
struct bpf_list_head {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_list_node {
	__u64 opaque[3];
} __attribute__((aligned(8)));
struct bpf_rb_root {
	__u64 opaque[2];
} __attribute__((aligned(8)));
struct bpf_rb_node {
	__u64 opaque[4];
} __attribute__((aligned(8)));
#endif

extern void *bpf_obj_new_impl(__u64 type, void *meta) __ksym;
extern void bpf_obj_drop_impl(void *object, void *meta) __ksym;
extern int bpf_list_push_front_impl(struct bpf_list_head *head, struct bpf_list_node *node,
				    void *meta, __u64 off) __ksym;
extern struct bpf_list_node *bpf_list_pop_front(struct bpf_list_head *head) __ksym;
extern int bpf_rbtree_add_impl(struct bpf_rb_root *root, struct bpf_rb_node *node,
			       _Bool(less)(struct bpf_rb_node *a, const struct bpf_rb_node *b),
			       void *meta, __u64 off) __ksym;
extern struct bpf_rb_node *bpf_rbtree_first(struct bpf_rb_root *root) __ksym;
extern struct bpf_rb_node *bpf_rbtree_remove(struct bpf_rb_root *root,
					     struct bpf_rb_node *node) __ksym;

#define CONTAINS(type, member) __attribute__((btf_decl_tag("contains:" #type ":" #member)))
#define TOGETHER SEC(".data.objects") __attribute__((visibility("hidden"), aligned(8)))
#define NEW(type) ((type *)bpf_obj_new_impl(bpf_core_type_id_local(type), NULL))
#define ABOVE(node, type, member) ((type *)((char *)(node) - __builtin_offsetof(type, member)))

struct listed {
	struct bpf_list_node node;
	__u64 key, value;
};
struct sorted {
	struct bpf_rb_node node;
	__u64 key, value;
};

struct bpf_spin_lock lock TOGETHER;
struct bpf_list_head list TOGETHER CONTAINS(listed, node);
struct bpf_rb_root tree TOGETHER CONTAINS(sorted, node);
volatile __u32 seen;
__u32 count;

static _Bool less(struct bpf_rb_node *a, const struct bpf_rb_node *b)
{
	return ABOVE(a, struct sorted, node)->key < ABOVE(b, struct sorted, node)->key;
}

static __always_inline int tree_insert(__u32 key)
{
	struct sorted *node = NEW(struct sorted);

	if (!node)
		return 1;
	node->key = key;
	node->value = key;
	bpf_spin_lock(&lock);
	bpf_rbtree_add_impl(&tree, &node->node, less, NULL, 0);
	bpf_spin_unlock(&lock);
	return 0;
}

SEC("xdp") int fill(struct xdp_md *ctx)
{
	__u32 number = count++;

	/* Any order: the tree balances itself. The smallest key stays free for tree_pair. */
	return number < TREE && tree_insert(2 + 2 * number) ? FAIL : PASS;
}

SEC("xdp") int empty(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++)
		seen = i;
	return PASS;
}

SEC("xdp") int list_pair(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++) {
		struct listed *node = NEW(struct listed);
		struct bpf_list_node *first;

		if (!node)
			return FAIL;
		node->key = i;
		node->value = i;
		bpf_spin_lock(&lock);
		bpf_list_push_front_impl(&list, &node->node, NULL, 0);
		bpf_spin_unlock(&lock);
		bpf_spin_lock(&lock);
		first = bpf_list_pop_front(&list);
		bpf_spin_unlock(&lock);
		if (!first)
			return FAIL;
		bpf_obj_drop_impl(ABOVE(first, struct listed, node), NULL);
	}
	return PASS;
}

/* The node that is taken out again is the first: finding it costs nothing here. */
SEC("xdp") int tree_pair(struct xdp_md *ctx)
{
	for (__u32 i = 0; i < LOOP; i++) {
		struct bpf_rb_node *first;

		if (tree_insert(0))
			return FAIL;
		bpf_spin_lock(&lock);
		first = bpf_rbtree_first(&tree);
		if (!first) {
			bpf_spin_unlock(&lock);
			return FAIL;
		}
		first = bpf_rbtree_remove(&tree, first);
		bpf_spin_unlock(&lock);
		if (!first)
			return FAIL;
		bpf_obj_drop_impl(ABOVE(first, struct sorted, node), NULL);
	}
	return PASS;
}
