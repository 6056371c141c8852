#ifndef __MALLOC_H
#define __MALLOC_H
#include <stdlib.h>
extern size_t malloc_usable_size(void *block);
extern void *pvalloc(size_t size);
#endif
