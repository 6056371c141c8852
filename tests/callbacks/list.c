#include <stdlib.h>
#include "list.h"

struct node *list_push(struct node *head, int key)
{
	struct node *node = malloc(sizeof(*node));

	if (!node)
		return head;
	node->key = key;
	node->next = head;
	return node;
}

/* How many were visited, up to the first that is enough. */
int list_each(struct node *head, visit_fn visit, void *arg)
{
	int visited = 0;

	for (struct node *node = head; node; node = node->next) {
		visited++;
		if (visit && visit(node->key, arg))
			break;
	}
	return visited;
}

struct node *list_sort(struct node *head, compare_fn compare)
{
	struct node *sorted = NULL, *next;

	for (; head; head = next) {
		struct node **at = &sorted;

		next = head->next;
		while (*at && compare(*at, head) < 0)
			at = &(*at)->next;
		head->next = *at;
		*at = head;
	}
	return sorted;
}

void list_free(struct node *head)
{
	while (head) {
		struct node *next = head->next;

		free(head);
		head = next;
	}
}
