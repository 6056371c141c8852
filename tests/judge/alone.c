/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* Calls PROGRAM of another file once, with a context of zeros, and prints what it returns. */
#include <stdio.h>

int PROGRAM(void *context);

int main(void)
{
	static long context[32];

	printf("%d\n", PROGRAM(context));
	return 0;
}
