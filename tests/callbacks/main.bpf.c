// expect: 61328
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "list.h"

static int add(int key, void *arg)
{
	*(int *)arg += key;
	return 0;
}

static int first(int key, void *arg)
{
	*(int *)arg = key;
	return 1;
}

static int by_last_digit(const struct node *a, const struct node *b)
{
	return a->key % 10 - b->key % 10;
}

SEC("xdp") int prog(struct xdp_md *ctx)
{
	struct node *list = NULL;
	int sum = 0, low = 0, high = 0, digit = 0, wanted = 25, at;

	for (int i = 0; i < 6; i++)
		list = list_push(list, (i * 35 + 7) % 60);
	list_each(list, add, &sum);
	list = list_sort(list, order_of('u'));
	list_each(list, first, &low);
	list = list_sort(list, order_of('d'));
	list_each(list, first, &high);
	at = list_each(list, same, &wanted);
	list = list_sort(list, by_last_digit);
	list_each(list, first, &digit);
	if (list_each(list, NULL, NULL) != 6 || order_of('x'))
		return 1;
	list_free(list);
	return sum * 400 + low * 1000 + high * 10 + at + digit;
}
char LICENSE[] SEC("license") = "GPL";
