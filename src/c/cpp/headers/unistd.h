#ifndef __UNISTD_H
#define __UNISTD_H
#include <sys/types.h>
extern ssize_t read(int file, void *to, size_t count);
extern ssize_t write(int file, const void *from, size_t count);
extern int close(int file);
extern unsigned int sleep(unsigned int seconds);
extern int usleep(unsigned int microseconds);
extern pid_t getpid(void);
extern void _exit(int status) __attribute__((noreturn));
#endif
