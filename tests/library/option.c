#include "library.h"

extern int atoi(const char *);

int option()
{
	return atoi(" 24 of 31");
}
