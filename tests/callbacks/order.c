#include <stddef.h>
#include "list.h"

static int up(const struct node *a, const struct node *b)
{
	return a->key - b->key;
}

static int down(const struct node *a, const struct node *b)
{
	return b->key - a->key;
}

compare_fn order_of(int name)
{
	if (name == 'u')
		return up;
	return name == 'd' ? down : NULL;
}

int same(int key, void *arg)
{
	return key == *(int *)arg;
}
