/* Runs the programs of linked.bpf.c in user space: nanoseconds of one run each, the fastest. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include "linked.bpf.c"

#define RUNS 20000
#define ROUNDS 9

static int time_of(const char *name, int (*program)(struct xdp_md *))
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		struct timespec start, end;

		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int run = 0; run < RUNS; run++)
			if (program(NULL) != PASS)
				return 1;
		clock_gettime(CLOCK_MONOTONIC, &end);
		double taken = (double)(end.tv_sec - start.tv_sec) * 1e9 +
			       (double)(end.tv_nsec - start.tv_nsec);
		if (taken / RUNS < best)
			best = taken / RUNS;
	}
	printf("%s %f\n", name, best);
	return 0;
}

#define TIME(name)                  \
	if (time_of(#name, name)) { \
		puts(#name " fails"); \
		return 1;           \
	}

int main(void)
{
	for (int i = 0; i < LIST; i++)
		if (fill(NULL) != PASS)
			return 1;
	TIME(empty)
	TIME(list_walk)
	TIME(list_pair)
	TIME(tree_find)
	TIME(tree_pair)
	TIME(hash_find)
	TIME(hash_pair)
	return 0;
}
