#ifndef __STRINGS_H
#define __STRINGS_H
#include <stddef.h>
extern int bcmp(const void *one, const void *other, size_t count);
extern void bcopy(const void *from, void *to, size_t count);
extern void bzero(void *to, size_t count);
extern char *index(const char *text, int byte);
extern char *rindex(const char *text, int byte);
extern int strcasecmp(const char *one, const char *other);
extern int strncasecmp(const char *one, const char *other, size_t most);
extern int ffs(int value);
#endif
