/*
 * -- time: programs have no other clock than the one that starts when the machine does --
 *
 * `static_time` returns seconds since then, `static_clock` microseconds (CLOCKS_PER_SEC is 1,000,000): both
 * of time that passes, not of a calendar, and `static_clock` not of the processor. Constant time.
 */

DYNMEM_INLINE long static_clock(void)
{
	return (long)(dynmem_bpf_ktime_get_ns() / 1000);
}
DYNMEM_INLINE long dynmem_seconds(void)
{
	return (long)(dynmem_bpf_ktime_get_ns() / 1000000000);
}
/* The pointer may be NULL, and that may be written as a number. */
#define DYNMEM_TIME(type)                                                                       \
	DYNMEM_FUNCTION long static_time(type *seconds)                                         \
	{                                                                                       \
		long now = dynmem_seconds();                                                    \
                                                                                                \
		if (seconds)                                                                    \
			*seconds = now;                                                         \
		return now;                                                                     \
	}
DYNMEM_TIME(long)
#if DYNMEM_ARENA
DYNMEM_TIME(long DYNMEM_SPACE)
DYNMEM_FUNCTION long static_time(void *null)
{
	(void)null;
	return dynmem_seconds();
}
DYNMEM_FUNCTION long static_time(int null)
{
	(void)null;
	return dynmem_seconds();
}
#endif

