#ifndef LIBRARY_H
#define LIBRARY_H

struct tree {
	struct tree *left, *right;
	int key;
};

int option();

void counts_reset();
void counts_add(const char *word);
int counts_of(int length);

struct tree *tree_insert(struct tree *tree, int key);
int tree_sum(struct tree *tree);
void tree_free(struct tree *tree);

#endif
