#ifndef __STDIO_H
#define __STDIO_H
#include <stdarg.h>
#include <stddef.h>
#define EOF (-1)
#define BUFSIZ 8192
typedef struct _IO_FILE FILE;
extern FILE *stdin, *stdout, *stderr;
extern int printf(const char *format, ...);
extern int fprintf(FILE *file, const char *format, ...);
extern int sprintf(char *to, const char *format, ...);
extern int snprintf(char *to, size_t size, const char *format, ...);
extern int vprintf(const char *format, va_list values);
extern int vfprintf(FILE *file, const char *format, va_list values);
extern int vsnprintf(char *to, size_t size, const char *format, va_list values);
extern int asprintf(char **to, const char *format, ...);
extern int scanf(const char *format, ...);
extern int sscanf(const char *text, const char *format, ...);
extern int puts(const char *text);
extern int putchar(int byte);
extern int fputs(const char *text, FILE *file);
extern int fputc(int byte, FILE *file);
extern int fgetc(FILE *file);
extern char *fgets(char *to, int size, FILE *file);
extern FILE *fopen(const char *path, const char *mode);
extern int fclose(FILE *file);
extern int fflush(FILE *file);
extern size_t fread(void *to, size_t size, size_t count, FILE *file);
extern size_t fwrite(const void *from, size_t size, size_t count, FILE *file);
extern void perror(const char *text);
#endif
