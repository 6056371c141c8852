#ifndef _TIME_H
#define _TIME_H
#include <stddef.h>
typedef long time_t;
typedef long clock_t;
typedef int clockid_t;
struct timespec { time_t tv_sec; long tv_nsec; };
struct tm {
	int tm_sec;
	int tm_min;
	int tm_hour;
	int tm_mday;
	int tm_mon;
	int tm_year;
	int tm_wday;
	int tm_yday;
	int tm_isdst;
};
#define CLOCKS_PER_SEC ((clock_t)1000000)
#define CLOCK_REALTIME 0
#define CLOCK_MONOTONIC 1
#define TIME_UTC 1
extern time_t time(time_t *seconds);
extern clock_t clock(void);
extern double difftime(time_t one, time_t other);
extern time_t mktime(struct tm *time);
extern struct tm *gmtime(const time_t *time);
extern struct tm *localtime(const time_t *time);
extern char *asctime(const struct tm *time);
extern char *ctime(const time_t *time);
extern size_t strftime(char *text, size_t size, const char *format, const struct tm *time);
extern int clock_gettime(clockid_t clock, struct timespec *time);
extern int nanosleep(const struct timespec *wanted, struct timespec *left);
#endif
