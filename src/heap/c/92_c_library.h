/* ---- more of the C library, for programs that ask for it --------------------------------- */

#if defined(DYNAMIC_MEMORY_C_LIBRARY) && !defined(DYNMEM_C_LIBRARY)
#define DYNMEM_C_LIBRARY

#ifndef ERANGE
#define ERANGE 34
#endif
#ifndef EXIT_SUCCESS
#define EXIT_SUCCESS 0
#define EXIT_FAILURE 1
#endif
#ifndef RAND_MAX
#define RAND_MAX 2147483647
#endif
#ifndef EOF
#define EOF (-1)
#endif

#if !DYNMEM_KERNEL

#if DYNMEM_NATIVE
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#else /* clang's analyzer, maybe without a C library */
int printf(const char *format, ...);
int puts(const char *text);
int atoi(const char *string);
long atol(const char *string);
long strtol(const char *string, char **end, int base);
unsigned long strtoul(const char *string, char **end, int base);
void qsort(void *base, size_t count, size_t size, int (*compare)(const void *, const void *));
void *bsearch(const void *key, const void *base, size_t count, size_t size,
	      int (*compare)(const void *, const void *));
void *memccpy(void *to, const void *from, int byte, size_t length);
void bzero(void *to, size_t length);
void *mempcpy(void *to, const void *from, size_t length);
char *stpcpy(char *to, const char *from);
char *stpncpy(char *to, const char *from, size_t limit);
size_t strspn(const char *string, const char *set);
size_t strcspn(const char *string, const char *set);
char *strpbrk(const char *string, const char *set);
char *strstr(const char *string, const char *what);
int strcasecmp(const char *a, const char *b);
int strncasecmp(const char *a, const char *b, size_t limit);
char *strtok(char *string, const char *set);
char *strtok_r(char *string, const char *set, char **rest);
long time(long *seconds);
long clock(void);
#endif
#define static_memccpy memccpy
#define static_bzero bzero
#define static_mempcpy mempcpy
#define static_stpcpy stpcpy
#define static_stpncpy stpncpy
#define static_strspn strspn
#define static_strcspn strcspn
#define static_strpbrk strpbrk
#define static_strstr strstr
#define static_strcasecmp strcasecmp
#define static_strncasecmp strncasecmp
#define static_strtok strtok
#define static_strtok_r strtok_r
#define static_strtol strtol
#define static_strtoul strtoul
#define static_strtoll strtoll
#define static_strtoull strtoull
#define static_atoi atoi
#define static_atol atol
#define static_atoll atoll
#define static_qsort qsort
#define static_bsearch bsearch
#define static_isalnum isalnum
#define static_isalpha isalpha
#define static_isblank isblank
#define static_iscntrl iscntrl
#define static_isdigit isdigit
#define static_isgraph isgraph
#define static_islower islower
#define static_isprint isprint
#define static_ispunct ispunct
#define static_isspace isspace
#define static_isupper isupper
#define static_isxdigit isxdigit
#define static_tolower tolower
#define static_toupper toupper
#define static_abs abs
#define static_labs labs
#define static_llabs llabs
#define static_div div
#define static_ldiv ldiv
#define static_rand rand
#define static_srand srand
#define static_printf printf
#define static_fprintf fprintf
#define static_puts puts
#define static_fputs fputs
#define static_perror perror
#define static_fflush fflush
#define static_random random
#define static_srandom srandom
#define static_time time
#define static_clock clock
#define static_putchar putchar
#define static_fputc fputc
#define static_unprinted printf
#define static_unprinted_to fprintf
#define static_unprinted_puts puts
#define static_unprinted_fputs fputs

#else

/* -- characters: those of the "C" locale. Constant time -- */

#define DYNMEM_WITHIN(byte, first, last) \
	((dynmem_u32)(byte) - (dynmem_u32)(first) <= (dynmem_u32)(last) - (dynmem_u32)(first))

DYNMEM_INLINE int static_isdigit(int byte)
{
	return DYNMEM_WITHIN(byte, '0', '9');
}
DYNMEM_INLINE int static_islower(int byte)
{
	return DYNMEM_WITHIN(byte, 'a', 'z');
}
DYNMEM_INLINE int static_isupper(int byte)
{
	return DYNMEM_WITHIN(byte, 'A', 'Z');
}
DYNMEM_INLINE int static_isalpha(int byte)
{
	return static_islower(byte) || static_isupper(byte);
}
DYNMEM_INLINE int static_isalnum(int byte)
{
	return static_isalpha(byte) || static_isdigit(byte);
}
DYNMEM_INLINE int static_isxdigit(int byte)
{
	return static_isdigit(byte) || DYNMEM_WITHIN(byte, 'a', 'f') ||
	       DYNMEM_WITHIN(byte, 'A', 'F');
}
DYNMEM_INLINE int static_isblank(int byte)
{
	return byte == ' ' || byte == '\t';
}
DYNMEM_INLINE int static_isspace(int byte)
{
	return byte == ' ' || DYNMEM_WITHIN(byte, '\t', '\r');
}
DYNMEM_INLINE int static_isprint(int byte)
{
	return DYNMEM_WITHIN(byte, ' ', '~');
}
DYNMEM_INLINE int static_isgraph(int byte)
{
	return DYNMEM_WITHIN(byte, '!', '~');
}
DYNMEM_INLINE int static_ispunct(int byte)
{
	return static_isgraph(byte) && !static_isalnum(byte);
}
DYNMEM_INLINE int static_iscntrl(int byte)
{
	return DYNMEM_WITHIN(byte, 0, 31) || byte == 127;
}
DYNMEM_INLINE int static_tolower(int byte)
{
	return static_isupper(byte) ? byte + ('a' - 'A') : byte;
}
DYNMEM_INLINE int static_toupper(int byte)
{
	return static_islower(byte) ? byte - ('a' - 'A') : byte;
}

/* -- numbers -- */

DYNMEM_INLINE int static_abs(int value)
{
	return value < 0 ? -value : value;
}
DYNMEM_INLINE long static_labs(long value)
{
	return value < 0 ? -value : value;
}
DYNMEM_INLINE long long static_llabs(long long value)
{
	return value < 0 ? -value : value;
}

/* Where <stdlib.h> is not included. */
#if !defined(_STDLIB_H) && !defined(__STDLIB_H)
typedef struct {
	int quot, rem;
} div_t;
typedef struct {
	long quot, rem;
} ldiv_t;
#endif

/* Quotient, towards 0, and remainder, by a division without a sign: one with a sign needs -mcpu=v4. */
#define DYNMEM_DIVISION(name, type, number)                                             \
	DYNMEM_INLINE type name(number value, number by)                                \
	{                                                                               \
		dynmem_u64 a = value < 0 ? 0 - (dynmem_u64)value : (dynmem_u64)value;   \
		dynmem_u64 b = by < 0 ? 0 - (dynmem_u64)by : (dynmem_u64)by;            \
		number quot = (number)(a / b), rem = (number)(a % b);                   \
		type result;                                                            \
                                                                                        \
		result.quot = (value < 0) != (by < 0) ? -quot : quot;                   \
		result.rem = value < 0 ? -rem : rem;                                    \
		return result;                                                          \
	}
DYNMEM_DIVISION(static_div, div_t, int)
DYNMEM_DIVISION(static_ldiv, ldiv_t, long)

/*
 * The numbers that glibc's rand() gives, from its additive feedback generator of 31 words: the same
 * after the same srand(), and srand(1) where there was none. One generator for all CPUs of an object,
 * which may take each other's numbers.
 */
#define DYNMEM_RANDOM_WORDS 31
static __attribute__((used)) dynmem_u32 dynmem_random_words[DYNMEM_RANDOM_WORDS];
static __attribute__((used)) dynmem_u32 dynmem_random_at, dynmem_random_seeded;

DYNMEM_INLINE dynmem_u32 dynmem_random(void)
{
	dynmem_u64 at = dynmem_random_at, behind, ahead;
	dynmem_u32 word;

	behind = at % DYNMEM_RANDOM_WORDS;
	ahead = (at + 3) % DYNMEM_RANDOM_WORDS;
	DYNMEM_HIDE(behind);
	DYNMEM_HIDE(ahead);
	if (behind >= DYNMEM_RANDOM_WORDS || ahead >= DYNMEM_RANDOM_WORDS)
		return 0;
	word = dynmem_random_words[ahead] + dynmem_random_words[behind];
	dynmem_random_words[ahead] = word;
	dynmem_random_at = (dynmem_u32)((at + 1) % DYNMEM_RANDOM_WORDS);
	return word >> 1;
}

struct dynmem_seeding {
	dynmem_u64 round;
	long long word;
};

/* 31 words, as glibc: each 16807 times the one before modulo 2^31 - 1; of a negative one C's remainder. */
DYNMEM_STEP long dynmem_seed_step(dynmem_u64 round, struct dynmem_seeding *seeding)
{
	dynmem_u64 at = seeding->round;
	long long word = seeding->word;

	(void)round;
	DYNMEM_HIDE(at);
	if (at >= DYNMEM_RANDOM_WORDS)
		return 1;
	dynmem_random_words[at] = (dynmem_u32)word;
	word = (long long)((dynmem_u64)(word < 0 ? -word : word) * 16807 % 2147483647) *
	       (word < 0 ? -1 : 1);
	seeding->word = static_opaque(word < 0 ? word + 2147483647 : word);
	seeding->round = (dynmem_u64)static_opaque(at + 1);
	return 0;
}

/* The first 310 numbers are thrown away. */
DYNMEM_STEP long dynmem_spin_step(dynmem_u64 round, struct dynmem_seeding *seeding)
{
	(void)round;
	dynmem_random();
	seeding->round = (dynmem_u64)static_opaque(seeding->round + 1);
	return seeding->round >= 11 * DYNMEM_RANDOM_WORDS;
}

static __attribute__((noinline, unused)) int dynmem_seed(dynmem_u32 seed)
{
	struct dynmem_seeding seeding = {0};

	dynmem_random_seeded = 1;
	dynmem_random_at = 0;
	seeding.word = static_opaque(seed ? (int)seed : 1);
	DYNMEM_REPEAT(dynmem_seed_step, &seeding);
	DYNMEM_REPEAT(dynmem_spin_step, &seeding);
	return 0;
}

DYNMEM_INLINE void static_srand(dynmem_u32 seed)
{
	dynmem_seed(seed);
}
static __attribute__((noinline, unused)) int static_rand(void)
{
	if (!dynmem_random_seeded)
		dynmem_seed(1);
	return (int)dynmem_random();
}

#define static_random() ((long)static_rand())
#define static_srandom(seed) static_srand(seed)

/* -- output: to /sys/kernel/tracing/trace_pipe, as bpf_printk -- */

static long (*const dynmem_bpf_trace_printk)(const char *format, dynmem_u32 size, ...) = (void *)6;

/* Up to three values; a literal format of what the kernel knows: d i u x X c s p, l and ll. */
#define static_printf(format, ...)                                                             \
	__extension__({                                                                        \
		static const char dynmem_format_[] = format;                                   \
		(int)dynmem_bpf_trace_printk(dynmem_format_, sizeof(dynmem_format_),           \
					     ##__VA_ARGS__);                                   \
	})
/* The stream, whatever it is, is not looked at. */
#define static_fprintf(stream, ...) static_printf(__VA_ARGS__)
/* A string outside of the arena. */
#define static_puts(text) static_printf("%s", text)
#define static_fputs(text, stream) static_puts(text)
/* No errno is kept. */
#define static_perror(text) ((void)static_printf("%s: failed", text))
#define static_fflush(stream) 0
#define static_putchar(byte) ((int)(unsigned char)(byte))
#define static_fputc(byte, stream) static_putchar(byte)
/* Output that the kernel has no format for: its arguments are evaluated. */
#define static_unprinted(...) dynmem_unprinted(0, ##__VA_ARGS__)
#define static_unprinted_to(stream, ...) static_unprinted(__VA_ARGS__)
#define static_unprinted_puts(text) static_unprinted(text)
#define static_unprinted_fputs(text, stream) static_unprinted(text)
DYNMEM_INLINE int dynmem_unprinted(int none, ...)
{
	return none;
}
