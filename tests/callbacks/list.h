#ifndef LIST_H
#define LIST_H

struct node {
	int key;
	struct node *next;
};

typedef int (*visit_fn)(int key, void *arg);
typedef int (*compare_fn)(const struct node *a, const struct node *b);

struct node *list_push(struct node *head, int key);
int list_each(struct node *head, visit_fn visit, void *arg);
struct node *list_sort(struct node *head, compare_fn compare);
void list_free(struct node *head);

/* Of another file than the programs. */
compare_fn order_of(int name);
int same(int key, void *arg);

#endif
