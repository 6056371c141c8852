#include "names.h"
const char *names[3] = { "alpha", "beta", "gamma" };
const struct kind kinds[] = { { "small", 1 }, { "large", 7 } };
const int kinds_count = 2;
const char *name_of(int at)
{
	return names[at % 3];
}
