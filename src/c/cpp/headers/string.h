#ifndef __STRING_H
#define __STRING_H
#include <stddef.h>
#include <strings.h>
extern void *memcpy(void *to, const void *from, size_t count);
extern void *memmove(void *to, const void *from, size_t count);
extern void *mempcpy(void *to, const void *from, size_t count);
extern void *memset(void *to, int byte, size_t count);
extern int memcmp(const void *one, const void *other, size_t count);
extern void *memchr(const void *in, int byte, size_t count);
extern void *memrchr(const void *in, int byte, size_t count);
extern void *memmem(const void *in, size_t count, const void *what, size_t length);
extern size_t strlen(const char *text);
extern size_t strnlen(const char *text, size_t most);
extern int strcmp(const char *one, const char *other);
extern int strncmp(const char *one, const char *other, size_t most);
extern int strcoll(const char *one, const char *other);
extern char *strcpy(char *to, const char *from);
extern char *strncpy(char *to, const char *from, size_t count);
extern char *stpcpy(char *to, const char *from);
extern char *stpncpy(char *to, const char *from, size_t count);
extern size_t strlcpy(char *to, const char *from, size_t size);
extern size_t strlcat(char *to, const char *from, size_t size);
extern char *strcat(char *to, const char *from);
extern char *strncat(char *to, const char *from, size_t most);
extern char *strchr(const char *text, int byte);
extern char *strrchr(const char *text, int byte);
extern char *strchrnul(const char *text, int byte);
extern char *strstr(const char *text, const char *what);
extern char *strpbrk(const char *text, const char *bytes);
extern size_t strspn(const char *text, const char *bytes);
extern size_t strcspn(const char *text, const char *bytes);
extern char *strtok(char *text, const char *separators);
extern char *strtok_r(char *text, const char *separators, char **rest);
extern char *strsep(char **text, const char *separators);
extern char *strdup(const char *text);
extern char *strndup(const char *text, size_t most);
extern char *strerror(int error);
#endif
