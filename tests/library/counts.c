#include <stdio.h>
#include <string.h>
#include "library.h"

static int counts[8];

void counts_reset()
{
	memset(counts, 0, sizeof(counts));
}

void counts_add(const char *word)
{
	size_t length = strlen(word);

	if (length >= 8) {
		fprintf(stderr, "a word is too long\n");
		return;
	}
	counts[length]++;
}

int counts_of(int length)
{
	return counts[length & 7];
}
