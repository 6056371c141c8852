/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Runs programs once with all allocations, and once for each of two ways of failing at each. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* No program of the generator allocates more often in a run. */
#define INJECT_MOST 120

/* A run in a process of its own; says what is wrong with it. The number of calls comes back. */
static unsigned inject_run(const char *name, int (*run)(void), void (*drop)(void), unsigned at,
			   unsigned all, size_t small)
{
	unsigned calls = 0;
	int status, ends[2];
	pid_t child;

	if (pipe(ends))
		return 0;
	fflush(stdout);
	fprintf(stderr, "== %s %u %s\n", name, at, all ? "and all behind it" : "alone");
	child = fork();
	if (child == 0) {
		unsigned lost;

		alarm(10);
		inject_at = at;
		inject_all = all;
		run();
		calls = inject_calls;
		drop();
		lost = inject_lost(small);
		if (lost)
			printf("%s LOST %u %s\n", name, at, all ? "and all behind it" : "alone");
		fflush(stdout);
		if (write(ends[1], &calls, sizeof(calls)) < 0)
			_exit(1);
		_exit(0);
	}
	close(ends[1]);
	if (read(ends[0], &calls, sizeof(calls)) < 0)
		calls = 0;
	close(ends[0]);
	waitpid(child, &status, 0);
	if (status)
		printf("%s CRASH %u %s\n", name, at, all ? "and all behind it" : "alone");
	return calls;
}

#define INJECT(name, run, drop, small)                                             \
	{                                                                          \
		unsigned calls = inject_run(name, run, drop, 0, 0, small), k;      \
		for (k = 1; k <= calls && k <= INJECT_MOST; k++) {                 \
			inject_run(name, run, drop, k, 0, small);                  \
			inject_run(name, run, drop, k, 1, small);                  \
		}                                                                  \
		printf("%s DONE %u\n", name, calls);                               \
	}
