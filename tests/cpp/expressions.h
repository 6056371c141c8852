/* Expressions of every kind, for their types beside clang's. */
typedef unsigned char u8;
typedef signed char s8;
typedef unsigned short u16;
typedef short s16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef long long s64;
enum small { SMALL, OTHER = 7 };
enum negative { NEGATIVE = -1, ZERO };
enum wide { WIDE = 1ull << 40, WIDER };
typedef enum { NAMELESS } nameless;
struct bits {
	u32 a : 3, b : 31, c : 32;
	int d : 5, e : 32;
	u64 f : 3, g : 33;
	_Bool h : 1;
	u8 i : 8;
	enum small j : 4;
};
struct inner {
	int x;
	union {
		struct {
			char *text;
			u16 half;
		};
		u64 both[2];
	};
};
struct outer {
	struct inner in, *to, many[3];
	int (*call)(struct outer *, long);
	int grid[2][3];
	const volatile char *const flags;
	struct outer *next;
	struct bits bits;
	char rest[];
};
typedef struct outer outer_t, *outer_p;
typedef int vector[4];
typedef int callback(struct outer *, long);

static int plain(struct outer *o, long n) { return o->in.x + n; }
static struct inner by_value(int n) { struct inner i = { n, .half = 3 }; return i; }
static callback *choose(int n) { return n ? plain : &plain; }
extern vector shared;
int old(a, b, c) char a; short *b; float c; { return a + *b + c; }

void arithmetic(u8 a, s8 b, u16 c, s16 d, u32 e, int f, u64 g, s64 h, _Bool i, float j, double k,
		__int128 l, unsigned __int128 m)
{
	f = a + b, f = c * d, e = e - f, g = e + h, g = g + h, h = h / e, f = a % b, f = i + i;
	k = j + k, j = j * f, k = k / g, l = l + h, m = l + m, m = g + m;
	f = a << g, g = g >> a, f = b >> 1, e = e << h, l = l << 3;
	f = a & c, e = e | d, g = ~g, f = ~a, f = -i, f = +c, f = !k, f = !g, l = -l;
	f = a < g, f = e == h, f = j != k, f = i && k, f = g || a;
	a += g, g -= k, j *= l, b <<= h, e >>= 1, c &= f, i |= a, h ^= e, d %= 3, k /= 2;
	a++, --g, j++, i = ++b, k--;
	f = i ? a : b, g = i ? e : h, k = i ? f : j, g = f ? g : 1, f = (char)g + (u16)k;
}

void enumerations(enum small a, enum negative b, enum wide c, nameless d, int n)
{
	int f = a + 1, g = b + 1;
	u64 h = c + 1;
	a = OTHER, b = n, d = a, f = a < b, g = -a, h = ~c, f = n ? a : b, f = n ? NAMELESS : SMALL;
	f = sizeof a, f = sizeof(enum wide), f = d == NAMELESS, h = c | WIDER, f = a++;
}

void fields(struct bits *p, struct bits q)
{
	int n = p->a + q.a;
	u64 m = q.b + 1u;
	n = q.b + 1, m = q.c + 1, n = q.d + q.e, n = -q.c, n = ~q.a, m = q.f + 1, m = q.g + 1;
	n = q.h + q.i, n = q.i << 2, q.a = 1, q.b += 3, q.f++, n = q.c < -1, n = q.j + 1, n = !q.h;
	n = n ? q.a : q.c, n = q.c ? q.d : q.e;
}

int pointers(outer_t *o, outer_p p, vector v, char *argv[], int n, void *raw)
{
	int total = o->in.x + p->to->x + (*o).many[1].x + o->many->x;
	long apart = p - o, more = &v[3] - v;
	char *text = o->in.text + n, first = *text, last = text[-1], **at = argv + 1;
	total += o->grid[1][2] + *o->grid[1] + **o->grid + (*(o->grid + 1))[2];
	int(*row)[3] = o->grid, *cell = o->grid[0], (*all)[2][3] = &o->grid;
	total += o->call(o, 3) + (*o->call)(o, n) + (**choose(n))(o, 1) + choose(1)(p, 2) + plain(o, 3);
	total += by_value(n).x + by_value(2).both[1] + (n ? o : p)->in.half + (n ? raw : o == p);
	void *any = n ? o : raw, *none = n ? o : 0, *null = n ? (void *)0 : o;
	outer_p *indirect = &p;
	u64 number = (u64)o + (u64)&o->next->in + sizeof o->grid + sizeof *o->to + sizeof(vector);
	total += o->flags[0] + !o + (o && p) + (o == 0) + (raw < any) + n[v] + 2 [o->rest];
	total += shared[1] + sizeof shared + *&total + *&*cell + (&*o)->in.x + "text"[n] + sizeof "abc";
	o++, --p, p += n, cell -= 2, *at++ = text, (*indirect)->next = o, row++, text = argv[n]++;
	return total + apart + more + first + last + row[0][1] + (*all)[0][0] + number + !none + !null;
}

int extensions(struct outer *o, int n)
{
	__auto_type copy = o->in;
	__auto_type pointer = o->grid;
	typeof(o->next) next = o->next;
	typeof(n + 1ul) wide = n;
	typeof(struct inner *) inner = &o->in;
	int total = ({ int x = n; x + 1; }) + ({ next; })->in.x + ({ o->many; })->x + copy.x;
	inner = &(struct inner){ .x = n, .both = { 1, 2 } }, inner = (struct inner[]){ { 1 }, { 2 } };
	total += (int[]){ 1, 2, 3 }[n] + sizeof(int[]){ 1, 2 } + ((struct inner){ 3 }).x + pointer[1][2];
	total += __builtin_expect(n, 0) + __builtin_popcountl(n) + __builtin_clz(n);
	total += __builtin_bswap64(n) + __builtin_constant_p(n) + __builtin_object_size(o, 0) + _Alignof(long);
	__builtin_memcpy(inner, o, n), __builtin_memset(o, 0, sizeof(*o)), __builtin_prefetch(o);
	total += __extension__(n) + (n, total) + __builtin_add_overflow(n, 1, &total) + inner->x + wide;
	if (__builtin_strlen("a") > 3 || __builtin_memcmp(o, next, 2))
		__builtin_unreachable();
	for (u8 i = 0, *end = 0; i < 3 && !end; i++)
		total += i;
	return total + old(1, (short *)0, 2) + 'a' + 1.5f + 0x80000000 + 4294967295 + 1ull + L'b';
}

int variable(int n, int table[n][n + 1], ...)
{
	__builtin_va_list list, other;
	int local[n], (*rows)[n + 1] = table;
	__builtin_va_start(list, table);
	__builtin_va_copy(other, list);
	local[0] = rows[1][0];
	__builtin_va_end(list);
	return local[0] + sizeof local + sizeof(local[0]) + table[1][n];
}
