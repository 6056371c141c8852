/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * Calls generated programs one after the other, each in a process of its own, and prints what they
 * return: a line `NAME VALUE` for each that comes back.
 */
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

static __attribute__((unused)) long driver_context[16];

#define RUN(name, call)                                              \
	{                                                            \
		int status;                                          \
		pid_t child;                                         \
		fprintf(stderr, "== %s\n", #name);                   \
		child = fork();                                      \
		if (child == 0) {                                    \
			alarm(20);                                   \
			printf("%s %d\n", #name, call);              \
			fflush(stdout);                              \
			_exit(0);                                    \
		}                                                    \
		waitpid(child, &status, 0);                          \
		if (WIFSIGNALED(status))                             \
			printf("%s signal-%d\n", #name, WTERMSIG(status)); \
		else if (WEXITSTATUS(status))                        \
			printf("%s exit-%d\n", #name, WEXITSTATUS(status)); \
		fflush(stdout);                                      \
	}
