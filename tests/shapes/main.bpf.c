// expect: 531283
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
#include <string.h>
#include "shapes.h"

struct list {
	line_t line;
	struct list *next;
};

#define TWICE(point) point_add(point, point)

extern struct point middle(line_t line);

static struct list *push(struct list *list, line_t line)
{
	struct list *new = malloc(sizeof(*new));

	if (!new)
		return list;
	new->line = line;
	new->next = list;
	return new;
}

SEC("tc") int prog(struct __sk_buff *ctx)
{
	struct list *lines = NULL, *at;
	int sum = 0;
	struct point here = origin();
	char *word = strdup("hello"), letter = 0;

	for (int i = 0; i < 10; i++) {
		struct point there = point_add(here, (struct point){ i, 2 * i });

		lines = push(lines, line_make(here, there, i & 1 ? "odd" : i == 4 ? NULL : word));
		here = point_add(there, point_add(origin(), lines->line.from));
	}
	for (at = lines; at; at = at->next) {
		line_t longer = line_longer(&at->line, 3);

		sum = sum * 3 + line_length(at->line) + line_length(longer);
		if (longer.name)
			sum += longer.name[0] + point_add(at->line.from, at->line.to).y;
		sum += mix(1, 2, 3, 4, at->line.to.x, 6, &letter) + letter;
	}
	struct point corners[3] = { { 1, 2 }, TWICE(here), { 5, 6 } }, last;

	last = corner(2, corners, 3);
	sum += last.x + corner(1, corners, 3).y + corner(-1, corners, 3).x + corner(7, corners, 3).y;
	if (lines && middle(lines->line).x > 3)
		sum += TWICE(middle(lines->line)).y;
	point_add(last, last);
	while ((at = lines)) {
		lines = at->next;
		free(at);
	}
	free(word);
	return sum & 0xffffff;
}

char _license[] SEC("license") = "GPL";
