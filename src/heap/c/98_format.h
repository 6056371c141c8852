/* -- text made of a format: only where programs may have arenas, whose text has any length -- */

#if defined(DYNAMIC_MEMORY_C_LIBRARY) && !defined(DYNMEM_FORMAT)
#define DYNMEM_FORMAT

#if !DYNMEM_KERNEL

#if !DYNMEM_NATIVE
int snprintf(char *to, size_t size, const char *format, ...);
int sprintf(char *to, const char *format, ...);
#endif
#define static_snprintf snprintf
#define static_sprintf sprintf

#elif DYNMEM_ARENA

#define DYNMEM_MOST_VALUES 8

/* A format, and what it is filled with. */
struct dynmem_values {
	dynmem_u64 values[DYNMEM_MOST_VALUES];
	dynmem_u64 plain; /* bits: what leads out of the arena */
};

/* Puts a byte in front of `end` so many times; the address behind it, were there room for all. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put(dynmem_u64 at, dynmem_u64 end, dynmem_u32 byte, dynmem_u64 times)
{
	dynmem_u64 behind = at + times;

	static_use_arena();
	while (at < behind && at < end && can_loop)
		DYNMEM_AT(dynmem_u8, at++) = (dynmem_u8)byte;
	return behind;
}

/* The same with bytes of a string. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_text(dynmem_u64 at, dynmem_u64 end, dynmem_u64 from,
					 dynmem_u64 length, dynmem_u32 plain)
{
	dynmem_u64 behind = at + length;

	static_use_arena();
	while (at < behind && at < end && can_loop)
		DYNMEM_AT(dynmem_u8, at++) = (dynmem_u8)dynmem_byte(from++, plain);
	return behind;
}

/* How many digits a number has; 0 has one. */
DYNMEM_GLOBAL dynmem_u64 dynmem_digits(dynmem_u64 value, dynmem_u64 base)
{
	dynmem_u64 digits = static_opaque(1);

	if (base < 2)
		return 0;
	while (static_hide(value), static_hide(digits), value >= base && can_loop) {
		value /= base;
		digits++;
	}
	return digits;
}

/* Puts the digits of a number, the letters among them from `ten` on. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_number(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					   dynmem_u64 base, dynmem_u32 ten)
{
	dynmem_u64 behind = at + dynmem_digits(value, base), to = behind;

	static_use_arena();
	if (!base)
		return at;
	while (static_hide(to), static_hide(value), to > at && can_loop) {
		dynmem_u32 digit = (dynmem_u32)(value % base);

		value /= base;
		to--;
		if (to < end)
			DYNMEM_AT(dynmem_u8, to) = (dynmem_u8)(digit < 10 ? '0' + digit : ten + digit - 10);
	}
	return behind;
}

/* What stands between % and the letter. */
struct dynmem_conversion {
	dynmem_u64 width;
	dynmem_u64 precision; /* DYNMEM_ANY: none */
	dynmem_u32 flags;
	dynmem_u32 bytes;
};

#define DYNMEM_ANY (~0ULL)
#define DYNMEM_LEFT 1U
#define DYNMEM_ZEROS 2U
#define DYNMEM_PLUS 4U
#define DYNMEM_SPACED 8U
#define DYNMEM_PREFIXED 16U

/*
 * A number's sign, prefix, zeros and digits, with room around them. What was decided is hidden each time:
 * else the verifier would follow every combination.
 */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_field(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					  dynmem_u32 letter, struct dynmem_conversion *how)
{
	dynmem_u64 base = letter == 'o' ? 8 : (letter | 32) == 'x' || letter == 'p' ? 16 : 10;
	dynmem_u64 shift, digits, zeros = 0, length, room = 0;
	dynmem_u32 sign = 0, prefix = 0;

	static_use_arena();
	if (!how)
		return at;
	shift = (64 - 8 * (dynmem_u64)how->bytes) & 63;
	DYNMEM_HIDE(base);
	value <<= shift;
	if (letter == 'd' || letter == 'i') {
		dynmem_u32 negative = value >> 63 != 0;

		value = negative ? (0 - value) >> shift : value >> shift;
		sign = negative ? '-' : how->flags & DYNMEM_PLUS ? '+' : how->flags & DYNMEM_SPACED ? ' ' : 0;
	} else {
		value >>= shift;
		if (letter == 'p' || (how->flags & DYNMEM_PREFIXED && base == 16 && value))
			prefix = letter == 'X' ? 'X' : 'x';
	}
	DYNMEM_HIDE(value);
	DYNMEM_HIDE(sign);
	DYNMEM_HIDE(prefix);
	digits = value || how->precision ? dynmem_digits(value, base) : 0;
	if (how->precision != DYNMEM_ANY && how->precision > digits)
		zeros = how->precision - digits;
	if (letter == 'o' && how->flags & DYNMEM_PREFIXED && !zeros && (value || !digits))
		zeros = 1;
	DYNMEM_HIDE(digits);
	DYNMEM_HIDE(zeros);
	length = digits + zeros + (sign != 0) + (prefix ? 2 : 0);
	if (how->width > length)
		room = how->width - length;
	if (how->flags & DYNMEM_ZEROS && !(how->flags & DYNMEM_LEFT) && how->precision == DYNMEM_ANY) {
		zeros += room;
		room = 0;
	}
	DYNMEM_HIDE(zeros);
	DYNMEM_HIDE(room);
	at = dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? 0 : room);
	at = dynmem_put(at, end, sign, sign != 0);
	at = dynmem_put(at, end, '0', prefix != 0);
	at = dynmem_put(at, end, prefix, prefix != 0);
	at = dynmem_put(at, end, '0', zeros);
	if (digits)
		at = dynmem_put_number(at, end, value, base, letter == 'X' ? 'A' : 'a');
	return dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? room : 0);
}

/* A string or, of another letter, a character. The byte above the letter's says that it is plain. */
DYNMEM_GLOBAL dynmem_u64 dynmem_put_string(dynmem_u64 at, dynmem_u64 end, dynmem_u64 value,
					   dynmem_u32 letter, struct dynmem_conversion *how)
{
	dynmem_u64 length = 1, room = 0;
	dynmem_u32 plain = letter >> 8;

	static_use_arena();
	if (!how)
		return at;
	letter &= 255;
	if (letter == 's') {
		dynmem_u64 nul = dynmem_scan(value, how->precision, 0,
					     DYNMEM_STRING | (plain ? DYNMEM_PLAIN_A : 0));

		length = nul ? nul - value : how->precision;
	}
	DYNMEM_HIDE(length);
	if (how->width > length)
		room = how->width - length;
	DYNMEM_HIDE(room);
	at = dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? 0 : room);
	if (letter == 's')
		at = dynmem_put_text(at, end, value, length, plain);
	else
		at = dynmem_put(at, end, (dynmem_u32)value, 1);
	return dynmem_put(at, end, ' ', how->flags & DYNMEM_LEFT ? room : 0);
}

DYNMEM_INLINE dynmem_u32 dynmem_flag(dynmem_u32 byte)
{
	return byte == '-' ? DYNMEM_LEFT : byte == '0' ? DYNMEM_ZEROS : byte == '+' ? DYNMEM_PLUS :
	       byte == ' ' ? DYNMEM_SPACED : byte == '#' ? DYNMEM_PREFIXED : 0;
}

/*
 * Writes text to an arena as snprintf does: at most `size` bytes with the NUL. What it returns is the
 * length that the whole text has. Knows d i u x X o c s p %, flags, width, precision, * and all sizes
 * of integers; of a value that is missing it writes 0. Time: the length of the text. Linux 6.9.
 */
DYNMEM_GLOBAL int dynmem_format(dynmem_u64 to, dynmem_u64 size, struct dynmem_values *values)
{
	dynmem_u64 at = to, end = to + size < to ? ~0ULL : to + size, next = static_opaque(1), format;
	dynmem_u32 plain;

	static_use_arena();
	if (!values)
		return 0;
	if (size)
		end--;
	format = values->values[0];
	plain = values->plain & 1;
	while (static_hide(at), static_hide(format), static_hide(next), can_loop) {
		struct dynmem_conversion how = {0, DYNMEM_ANY, 0, 4};
		dynmem_u32 byte = dynmem_byte(format++, plain), point = 0, flag;
		dynmem_u64 value;

		if (!byte)
			break;
		if (byte != '%') {
			at = dynmem_put(at, end, byte, 1);
			continue;
		}
		while (static_hide(byte), static_hide(format), static_hide(next), static_hide(point),
		       static_hide(how.flags), static_hide(how.width), static_hide(how.precision),
		       static_hide(how.bytes), can_loop) {
			byte = dynmem_byte(format, plain);
			flag = point || how.width ? 0 : dynmem_flag(byte);
			if (flag)
				how.flags |= flag;
			else if (static_isdigit((int)byte) && point)
				how.precision = how.precision * 10 + byte - '0';
			else if (static_isdigit((int)byte))
				how.width = how.width * 10 + byte - '0';
			else if (byte == '*') {
				long given = (int)values->values[next % DYNMEM_MOST_VALUES];

				next++;
				if (point) {
					how.precision = given < 0 ? DYNMEM_ANY : (dynmem_u64)given;
				} else {
					how.flags |= given < 0 ? DYNMEM_LEFT : 0;
					how.width = (dynmem_u64)(given < 0 ? -given : given);
				}
			} else if (byte == '.') {
				point = 1;
				how.precision = 0;
			} else if (byte == 'h')
				how.bytes /= 2;
			else if (byte == 'l' || byte == 'z' || byte == 'j' || byte == 't' || byte == 'q')
				how.bytes = 8;
			else
				break;
			format++;
		}
		if (!byte)
			break;
		format++;
		if (byte == '%') {
			at = dynmem_put(at, end, byte, 1);
			continue;
		}
		flag = values->plain >> (next % DYNMEM_MOST_VALUES) & 1;
		value = values->values[next % DYNMEM_MOST_VALUES];
		next++;
		if (byte == 'p')
			how.bytes = 8;
		if (byte != 's' && byte != 'c') {
			at = dynmem_put_field(at, end, value, byte, &how);
			continue;
		}
		at = dynmem_put_string(at, end, value, byte | flag << 8, &how);
	}
	if (size)
		DYNMEM_AT(dynmem_u8, at < end ? at : end) = 0;
	return (int)(at - to);
}

/* Hidden: of what it knows clang makes a constant in memory, with addresses that no loader sets. */
DYNMEM_INLINE dynmem_u64 dynmem_value(dynmem_u64 value)
{
	__asm__("" : "+r"(value));
	return value;
}

/* Whether a value is a string outside of the arena. */
#define DYNMEM_IS_PLAIN(value)                                                                  \
	_Generic((value), char *: 1ULL, const char *: 1ULL, signed char *: 1ULL,                \
		 const signed char *: 1ULL, unsigned char *: 1ULL, const unsigned char *: 1ULL, \
		 void *: 1ULL, const void *: 1ULL, default: 0ULL)
#define DYNMEM_EACH_1(a) dynmem_value((dynmem_u64)(a))
#define DYNMEM_EACH_2(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_1(__VA_ARGS__)
#define DYNMEM_EACH_3(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_2(__VA_ARGS__)
#define DYNMEM_EACH_4(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_3(__VA_ARGS__)
#define DYNMEM_EACH_5(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_4(__VA_ARGS__)
#define DYNMEM_EACH_6(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_5(__VA_ARGS__)
#define DYNMEM_EACH_7(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_6(__VA_ARGS__)
#define DYNMEM_EACH_8(a, ...) DYNMEM_EACH_1(a), DYNMEM_EACH_7(__VA_ARGS__)
#define DYNMEM_BITS_1(a) DYNMEM_IS_PLAIN(a)
#define DYNMEM_BITS_2(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_1(__VA_ARGS__) << 1)
#define DYNMEM_BITS_3(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_2(__VA_ARGS__) << 1)
#define DYNMEM_BITS_4(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_3(__VA_ARGS__) << 1)
#define DYNMEM_BITS_5(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_4(__VA_ARGS__) << 1)
#define DYNMEM_BITS_6(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_5(__VA_ARGS__) << 1)
#define DYNMEM_BITS_7(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_6(__VA_ARGS__) << 1)
#define DYNMEM_BITS_8(a, ...) (DYNMEM_IS_PLAIN(a) | DYNMEM_BITS_7(__VA_ARGS__) << 1)
/* The macro of a family for so many arguments. */
#define DYNMEM_NINTH(a, b, c, d, e, f, g, h, macro, ...) macro
#define DYNMEM_FOR(family, ...)                                                               \
	DYNMEM_NINTH(__VA_ARGS__, family##8, family##7, family##6, family##5, family##4, family##3, \
		     family##2, family##1, )

/*
 * As in C, for text in the arena and up to 7 values behind the format. What they return is the length of
 * the whole text; sprintf takes any length, as it does in C.
 */
#define static_snprintf(to, size, ...)                                                        \
	__extension__({                                                                       \
		struct dynmem_values dynmem_values_ = {                                       \
			{DYNMEM_FOR(DYNMEM_EACH_, __VA_ARGS__)(__VA_ARGS__)},                 \
			DYNMEM_FOR(DYNMEM_BITS_, __VA_ARGS__)(__VA_ARGS__)};                  \
                                                                                              \
		/* NULL is neither, and a length is all that is asked for. */                 \
		_Static_assert(!_Generic((to), char *: 1, signed char *: 1, unsigned char *: 1, default: 0), \
			       "snprintf and sprintf write into an arena only");              \
		dynmem_format((dynmem_u64)(to), size, &dynmem_values_);                       \
	})
#define static_sprintf(to, ...) static_snprintf(to, ~0ULL >> 1, __VA_ARGS__)
#endif

#endif /* DYNAMIC_MEMORY_C_LIBRARY */
