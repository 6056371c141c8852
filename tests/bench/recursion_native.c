/* SPDX-License-Identifier: GPL-2.0 */
/* Runs the programs of recursion.c in user space: for each what it returns, and nanoseconds of a run, the fastest. */
#define _POSIX_C_SOURCE 199309L
#include <stdio.h>
#include <time.h>
struct __sk_buff;
#include "recursion.c"

#define RUNS 2000
#define ROUNDS 9

static void time_of(const char *name, int (*program)(struct __sk_buff *))
{
	double best = 1e18;
	volatile int result = 0;

	for (int round = 0; round < ROUNDS; round++) {
		struct timespec start, end;

		clock_gettime(CLOCK_MONOTONIC, &start);
		for (int run = 0; run < RUNS; run++)
			result = program(NULL);
		clock_gettime(CLOCK_MONOTONIC, &end);
		double taken = (double)(end.tv_sec - start.tv_sec) * 1e9 +
			       (double)(end.tv_nsec - start.tv_nsec);
		if (taken / RUNS < best)
			best = taken / RUNS;
	}
	printf("%s %d %f\n", name, result, best);
}

#define TIME(name)                              \
	time_of(#name "_recursive", name##_recursive); \
	time_of(#name "_by_hand", name##_by_hand);

int main(void)
{
	prepare(NULL);
	TIME(fibonacci)
	TIME(tree)
	TIME(hanoi)
	TIME(sort)
	TIME(subsets)
	return 0;
}
