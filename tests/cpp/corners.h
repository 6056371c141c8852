/* Uses of macros where preprocessors are known to differ. */
#define E
#define H4(X, ...) [__VA_OPT__(a X ## X) ## b]
H4(,1) H4(q,1) H4(q) H4(E,1)
#define H6(X, ...) [b ## __VA_OPT__(X x)]
H6(,1) H6(q,1) H6(q) H6(E,1)
#define H7(X, ...) [b ## __VA_OPT__(x X) ## c]
H7(,1) H7(q,1) H7(q) H7(E,1)
#define H8(X, ...) [b ## __VA_OPT__(X) ## c]
H8(,1) H8(q,1) H8(q) H8(E,1)
#define H9(X, ...) [b ## __VA_OPT__(X) X]
H9(,1) H9(q,1) H9(q) H9(E,1)
#define HA(X, ...) [X ## __VA_OPT__(X) c]
HA(,1) HA(q,1) HA(q)
#define HB(X, ...) [#X #__VA_ARGS__ #__VA_OPT__(x X y)]
HB(a  b/**/c, "d\n" 'e\'' , f) HB() HB(,)

#define f(x) x f
f(1)(2)(3) f f(f)(4)
#define g f
g(1)(2) f(g)(3)
#define A(x) B(x)
#define B(x) A(x)
A(1) B(A(B(2)))
#define NIL(xxx) xxx
#define G_0(arg) NIL(G_1)(arg)
#define G_1(arg) NIL(arg)
G_0(42)
#define AA BB
#define BB AA
AA BB
#define foo(x) bar x
foo(foo) (2)
#define EVAL(x) x
#define DEFER(x) x EVAL()
#define CALL() f2 DEFER(CALL)()
EVAL(CALL())
EVAL(EVAL(CALL()))

#define C(a, ...) p(a, ## __VA_ARGS__) q(a, ##__VA_ARGS__, a)
C(1) C(1,) C(1, 2) C(1, 2, 3) C(,) C()
#define D(a, b...) p(a , ## b) p(b)
D(1) D(1,) D(1, A(2), 3)
#define X3(a, ...) a ## , ## __VA_ARGS__
X3() X3(,)

#define V(a, b, c) a ## b ## c
V(x, , z) V(, y, ) V(, , ) V(1, ., 5) V(<, <, =) V(L, "a", )
#define CAT2(a, b) a ## b
#define XCAT(a, b) CAT2(a, b)
XCAT(XCAT(1, 2), XCAT(3, 4)) CAT2(CAT, 2)(p, q) XCAT(__LI, NE__)
#define S(...) #__VA_ARGS__
#define XS(...) S(__VA_ARGS__)
S( a , b ) XS(A(1) , "x\\y") S() XS() S(@ $ \ `) S(
  a
  b
)
f
#define f
(1)
f (1)
S(#define Q) L"a" u8"b" U'c' R
__COUNTER__ XCAT(n, __COUNTER__) __COUNTER__
_Pragma("once") S(_Pragma("once") x)
#if (f +0) || defined f && !defined(nothing) // one
yes
#elif
no
#endif
??= ??( %:%: <:1:> .. ... ->* +++ 0x1p+3 1e+ .5.6e-7a
