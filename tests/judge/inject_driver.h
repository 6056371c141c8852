/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Runs programs once with all allocations, and once for each of two ways of failing at each. Prints
 * a line for each run that goes wrong, and `NAME DONE VALUE` with what the first one returned.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

/* No program of the generator allocates more often in a run. */
#define INJECT_MOST 120

/* How far the runs of a program are: the parent process goes on where a child ended. */
struct inject_progress {
	unsigned run;	/* the next one: 0 fails nowhere, 2k - 1 at k alone, 2k at k and all behind */
	unsigned calls; /* how often run 0 allocated */
	int value;	/* what run 0 returned */
};

static unsigned inject_runs(const struct inject_progress *progress)
{
	return 1 + 2 * (progress->calls < INJECT_MOST ? progress->calls : INJECT_MOST);
}

static const char *inject_way(unsigned run)
{
	return run && run % 2 == 0 ? "and all behind it" : "alone";
}

/* One run. Whether nothing went wrong that a later run in the same process would notice. */
static int inject_run(const char *name, int (*run)(void), void (*drop)(void), size_t small,
		      struct inject_progress *progress)
{
	unsigned at = (progress->run + 1) / 2;
	int value;

	fprintf(stderr, "== %s %u %s\n", name, at, inject_way(progress->run));
	alarm(10);
	inject_calls = 0;
	inject_at = at;
	inject_all = progress->run % 2 == 0;
	value = run();
	if (!at) {
		progress->value = value;
		progress->calls = inject_calls;
	}
	drop();
	alarm(0);
	if (inject_lost(small)) {
		printf("%s LOST %u %s\n", name, at, inject_way(progress->run));
		fflush(stdout);
	}
	progress->run++;
	return inject_lost(0) == 0;
}

/*
 * Runs follow each other in one process until something goes wrong, since a process under
 * AddressSanitizer is dear; with INJECT_APART, each is in a process of its own, for programs that
 * keep something in variables.
 */
static void inject(const char *name, int (*run)(void), void (*drop)(void), size_t small)
{
	struct inject_progress *progress = mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE,
						MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (progress == MAP_FAILED)
		return;
	do {
		int status;
		pid_t child;

		fflush(stdout);
		child = fork();
		if (child == 0) {
			while (inject_run(name, run, drop, small, progress) &&
			       progress->run < inject_runs(progress))
#ifdef INJECT_APART
				break;
#else
				;
#endif
			_exit(0);
		}
		if (child < 0 || waitpid(child, &status, 0) < 0)
			return;
		if (status) {
			unsigned before = progress->run++;

			printf("%s CRASH %u %s\n", name, (before + 1) / 2, inject_way(before));
		}
	} while (progress->run < inject_runs(progress));
	printf("%s DONE %d\n", name, progress->value);
	munmap(progress, sizeof(*progress));
}

#define INJECT(name, run, drop, small) inject(name, run, drop, small);
