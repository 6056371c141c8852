#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : __assert_fail(#condition))
#endif
#ifndef __ASSERT_H
#define __ASSERT_H
#define static_assert _Static_assert
extern void __assert_fail(const char *condition) __attribute__((noreturn));
#endif
