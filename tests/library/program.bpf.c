// expect: 3321
/*
 * A program and what it is linked with: files that allocate nothing, but call functions of the C
 * library and are prototyped as in old C, and one with recursion that a condition leaves a part of out.
 */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
#include "library.h"

SEC("syscall")
int prog(void *ctx)
{
	struct tree *tree = NULL;
	int sum;

	for (int i = 0; i < option(); i++)
		tree = tree_insert(tree, (i * 7 + 3) % 31);
	sum = tree_sum(tree);
	tree_free(tree);

	counts_reset();
	counts_add("one");
	counts_add("three");
	counts_add("two");
	return sum + counts_of(3) * 3 + counts_of(5);
}

char LICENSE[] SEC("license") = "GPL";
