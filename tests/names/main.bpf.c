// expect: 42082
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
#include <string.h>
#include "names.h"
struct item { const char *name; struct item *next; };
static struct item *add(struct item *list, const char *name)
{
	struct item *i = malloc(sizeof *i);
	if (!i) return list;
	i->name = name; i->next = list;
	return i;
}
SEC("tc") int prog(struct __sk_buff *ctx)
{
	struct item *l = 0; int sum = 0;
	for (int i = 0; i < 3; i++) l = add(l, names[i]);
	char *d = malloc(4); if (d) { strcpy(d, "xyz"); l = add(l, d); }
	for (struct item *i = l; i; i = i->next) sum = sum * 31 + i->name[0] + (int)strlen(i->name);
	for (int i = 0; i < kinds_count; i++) l = add(l, kinds[i].name), sum += kinds[i].weight;
	sum = sum * 3 + name_of(4)[1] + l->name[2];
	while (l) { struct item *n = l->next; free(l); l = n; }
	free(d);
	return sum & 0xffff;
}
char _license[] SEC("license") = "GPL";
