#include <stdio.h>
#include <stdlib.h>
#include "library.h"

struct tree *tree_insert(struct tree *tree, int key)
{
	if (tree == NULL) {
		tree = malloc(sizeof(*tree));
		if (tree == NULL)
			return NULL;
		tree->left = tree->right = NULL;
		tree->key = key;
	} else if (key < tree->key) {
		tree->left = tree_insert(tree->left, key);
	} else {
#ifdef KEEP_ONE_OF_EACH
		if (key == tree->key)
			return tree;
#endif
		tree->right = tree_insert(tree->right, key);
	}
	return tree;
}

/* The ends of a tree. */
struct span {
	struct tree *least, *most;
	int size;
};

static struct span tree_span(struct tree *tree)
{
	struct span span, part;

	span.least = span.most = tree;
	span.size = 0;
	if (tree == NULL)
		return span;
	span.size = 1;
	if (tree->left) {
		part = tree_span(tree->left);
		span.least = part.least;
		span.size += part.size;
	}
	if (tree->right) {
		part = tree_span(tree->right);
		span.most = part.most;
		span.size += part.size;
	}
#ifdef TRACE
	printf("%d below %d\n", span.size, tree->key);
#endif
	return span;
}

int tree_sum(struct tree *tree)
{
	struct span *spans = calloc(2, sizeof(*spans));
	int sum;

	if (!spans)
		return -1;
	spans[0] = tree_span(tree);
	spans[1] = tree_span(spans[0].least);
	sum = spans[0].most->key * 10 + spans[0].least->key + spans[0].size + spans[1].size * 1000;
	free(spans);
	return sum;
}

void tree_free(struct tree *tree)
{
	if (!tree)
		return;
	tree_free(tree->left);
	tree_free(tree->right);
	free(tree);
}
