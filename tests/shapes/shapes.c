#include "shapes.h"

struct point point_add(struct point a, struct point b)
{
	struct point sum = { a.x + b.x, a.y + b.y };

	return sum;
}

struct point origin(void)
{
	return (struct point){ 0, 0 };
}

line_t line_make(struct point from, struct point to, const char *name)
{
	line_t line;

	line.from = from;
	line.to = to;
	if (!name)
		return (line_t){ from, from, "none" };
	line.name = name;
	return line;
}

static int absolute(int a)
{
	return a < 0 ? -a : a;
}

int line_length(line_t line)
{
	return absolute(line.from.x - line.to.x) + absolute(line.from.y - line.to.y);
}

line_t line_longer(const line_t *line, int by)
{
	struct point more = { by, by };
	line_t longer = line_make(line->from, point_add(line->to, more), line->name);

	return longer;
}

long mix(int a, int b, int c, int d, int e, int f, char *where)
{
	*where = 'a' + (f & 7);
	return a + 2 * b + 3 * c + 4 * d + 5 * e + 6L * f;
}

struct point corner(int which, struct point corners[], int count)
{
	if (which < 0)
		return origin();
	else if (which >= count)
		return corners[count - 1];
	for (int i = 0; i < count; i++)
		if (i == which) { return corners[i]; }
	return origin();
}

/* No header declares it. */
struct point middle(line_t line)
{
	return (struct point){ (line.from.x + line.to.x) / 2, (line.from.y + line.to.y) / 2 };
}
