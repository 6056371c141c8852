#ifndef __STDLIB_H
#define __STDLIB_H
#include <stddef.h>
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#define RAND_MAX 2147483647
typedef struct { int quot, rem; } div_t;
typedef struct { long quot, rem; } ldiv_t;
extern void *malloc(size_t size);
extern void *calloc(size_t count, size_t size);
extern void *realloc(void *block, size_t size);
extern void *reallocarray(void *block, size_t count, size_t size);
extern void *aligned_alloc(size_t alignment, size_t size);
extern void *memalign(size_t alignment, size_t size);
extern void *valloc(size_t size);
extern int posix_memalign(void **block, size_t alignment, size_t size);
extern void free(void *block);
extern void abort(void) __attribute__((noreturn));
extern void exit(int status) __attribute__((noreturn));
extern void _Exit(int status) __attribute__((noreturn));
extern int atexit(void (*function)(void));
extern char *getenv(const char *name);
extern int system(const char *command);
extern int abs(int value);
extern long labs(long value);
extern long long llabs(long long value);
extern div_t div(int value, int by);
extern ldiv_t ldiv(long value, long by);
extern int atoi(const char *text);
extern long atol(const char *text);
extern long long atoll(const char *text);
extern double atof(const char *text);
extern long strtol(const char *text, char **end, int base);
extern unsigned long strtoul(const char *text, char **end, int base);
extern long long strtoll(const char *text, char **end, int base);
extern unsigned long long strtoull(const char *text, char **end, int base);
extern double strtod(const char *text, char **end);
extern int rand(void);
extern void srand(unsigned int seed);
extern long random(void);
extern void srandom(unsigned int seed);
extern void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
extern void *bsearch(const void *key, const void *base, size_t count, size_t size,
		     int (*compare)(const void *, const void *));
#endif
