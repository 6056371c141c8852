#ifndef SHAPES_H
#define SHAPES_H

struct point {
	int x, y;
};

typedef struct {
	struct point from, to;
	const char *name;
} line_t;

/* Where two points add up to. */
struct point point_add(struct point a, struct point b);

struct point origin(void);

// Makes a line.
line_t line_make(struct point from, struct point to, const char *name);

int line_length(line_t line);
line_t line_longer(const line_t *line, int by);

long mix(int a, int b, int c, int d, int e, int f, char *where);

// Unnamed parameters, and one that is an array.
struct point corner(int, struct point [], int);

#endif
