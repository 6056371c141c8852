use super::*;

#[test]
fn each_written_pointer_is_a_type_of_its_own() {
    let unit = unit("typedef int *ip; ip a, b; int *c, *d; int *(*e)[3]; void f(void) { e; }");
    let m = model(&unit);
    let ty = |name| m[m.entity_named(name)].ty;
    assert_eq!(ty("a"), ty("b"), "a typedef's is shared");
    assert_ne!(ty("c"), ty("d"));
    let e = m.declarators("e")[0];
    let parts: Vec<_> = m.part_types(e).iter().map(|&t| m.shown(t)).collect();
    assert_eq!(parts, ["i32*[3]*", "i32*[3]", "i32*"]);
    assert_eq!(m.declarator_type(e), m.part_types(e)[0]);
    assert_eq!(m.shown(m.base_type(m.tree[e].decl)), "i32");
}

#[test]
fn parameters_are_adjusted() {
    let unit = unit(
        "typedef int A[4]; int f(int a[3], char *argv[], A b, int c(void), int n, int v[n][n]) \
         { a; argv; b; c; v; return 0; }",
    );
    let m = model(&unit);
    assert_eq!(m.of("f"), "i32(i32*,i8**,i32*,i32()*,i32,i32[?]*)");
    assert_eq!(m.ty("argv"), "i8**");
    let a = m.declarators("a")[0];
    assert_eq!(m.part_types(a)[0], m.declarator_type(a));
}

#[test]
fn operands_are_promoted_and_balanced() {
    let unit = unit(
        "void f(char c, unsigned char uc, short s, unsigned u, long l, unsigned long ul, \
                double d, float g, _Bool b, enum e { E } e, struct { int b3 : 3; unsigned b32 : 32; \
                unsigned b31 : 31; } r) { \
         c + uc; s + u; u + l; l + ul; u + ul; d + g; g + 1; b + b; e + 1; ~c; -u; !l; \
         c << ul; ul >> c; l < u; l && u; r.b3 + 0; r.b32 + 0; r.b31 + 0; c = l; c += l; c++; ++c; }",
    );
    let m = model(&unit);
    for (text, expected) in [
        ("c + uc", "i32"),
        ("s + u", "u32"),
        ("u + l", "i64"),
        ("l + ul", "u64"),
        ("u + ul", "u64"),
        ("d + g", "f64"),
        ("g + 1", "f32"),
        ("b + b", "i32"),
        ("e + 1", "u32"),
        ("~ c", "i32"),
        ("- u", "u32"),
        ("! l", "i32"),
        ("c << ul", "i32"),
        ("ul >> c", "u64"),
        ("l < u", "i32"),
        ("l && u", "i32"),
        ("r . b3 + 0", "i32"),
        ("r . b32 + 0", "u32"),
        ("r . b31 + 0", "i32"),
        ("c = l", "i8"),
        ("c += l", "i8"),
        ("c ++", "i8"),
        ("++ c", "i8"),
    ] {
        assert_eq!(m.ty(text), expected, "{text}");
    }
    let compared = m.operation(m.expr("l < u")).expect("numbers");
    assert_eq!((compared.size, compared.unsigned), (8, false));
    let compared = m.operation(m.expr("c += l")).expect("numbers");
    assert_eq!(compared.size, 8);
}

#[test]
fn pointers() {
    let unit = unit(
        "struct s { int x; struct s *next; int a[4]; }; int h(char *); \
         void f(struct s *p, struct s r, int n, int (*fp)(char *), int m[2][3]) { \
         p + n; n + p; p - p; *p; &p; &r.x; p->next->next; p->a; &p->a; &p->a[n]; p->a[n]; n[p->a]; \
         &h; *h; **fp; fp(0); (*fp)(0); h(0); m[0]; *m[1]; &*p; &m[1][2]; \"abc\"; L\"ab\"; \
         (r, p); (char *)p; p ? p : 0; p ? (void *)0 : p; n ? (void *)n : p; n ?: 1L; }",
    );
    let m = model(&unit);
    for (text, expected) in [
        ("p + n", "s*"),
        ("n + p", "s*"),
        ("p - p", "i64"),
        ("* p", "s"),
        ("& p", "s**"),
        ("& r . x", "i32*"),
        ("p -> next -> next", "s*"),
        ("p -> a", "i32[4]"),
        ("& p -> a", "i32[4]*"),
        ("& p -> a [ n ]", "i32*"),
        ("p -> a [ n ]", "i32"),
        ("n [ p -> a ]", "i32"),
        ("& h", "i32(i8*)*"),
        ("* h", "i32(i8*)"),
        ("* * fp", "i32(i8*)"),
        ("fp ( 0 )", "i32"),
        ("( * fp ) ( 0 )", "i32"),
        ("h ( 0 )", "i32"),
        ("m [ 0 ]", "i32[3]"),
        ("* m [ 1 ]", "i32"),
        ("& * p", "s*"),
        ("& m [ 1 ] [ 2 ]", "i32*"),
        ("\"abc\"", "i8[4]"),
        ("L\"ab\"", "i32[3]"),
        ("( r , p )", "s*"),
        ("( char * ) p", "i8*"),
        ("p ? p : 0", "s*"),
        ("p ? ( void * ) 0 : p", "s*"),
        ("n ? ( void * ) n : p", "void*"),
        ("n ? : 1L", "i64"),
    ] {
        assert_eq!(m.ty(text), expected, "{text}");
    }
    let array = m.expr("p -> a");
    assert_eq!(m.shown(m.decay_of(array)), "i32*");
    assert_eq!(m.decay_of(array), m.decayed(m.type_of(array)));
}

#[test]
fn gnu_types() {
    let unit = unit(
        "struct s { int x; }; void f(struct s *p, int n) { typeof(*p) a; typeof(struct s *) b; \
         __auto_type c = p; __auto_type d = \"x\"; typeof(n + 1L) e; a.x; b; c; d; e; \
         ({ int y = 1; p; }); ({ ; }); (struct s){ 1 }; (int[]){ 1, 2, 3 }; (struct s *){ p }; \
         _Generic(n, long: p, int: n, default: 0); _Generic(p, int: 0, struct s *: b, default: 0); \
         _Generic(1.0, int: 0, default: \"x\"); __sync_fetch_and_add(&n, 1); \
         __builtin_preserve_access_index(&p->x); __builtin_add_overflow(1, 2, &n); __func__; \
         __builtin_choose_expr(0, p, n); &&out; out: ; }",
    );
    let m = model(&unit);
    for (text, expected) in [
        ("a . x", "i32"),
        ("b", "s*"),
        ("c", "s*"),
        ("d", "i8*"),
        ("e", "i64"),
        ("( { int y = 1 ; p ; } )", "s*"),
        ("( { ; } )", "void"),
        ("( struct s ) { 1 }", "s"),
        ("( int [ ] ) { 1 , 2 , 3 }", "i32[3]"),
        ("( struct s * ) { p }", "s*"),
        ("_Generic ( n , long : p , int : n , default : 0 )", "i32"),
        (
            "_Generic ( p , int : 0 , struct s * : b , default : 0 )",
            "s*",
        ),
        ("_Generic ( 1.0 , int : 0 , default : \"x\" )", "i8[2]"),
        ("__sync_fetch_and_add ( & n , 1 )", "i32"),
        ("__builtin_preserve_access_index ( & p -> x )", "i32*"),
        ("__builtin_add_overflow ( 1 , 2 , & n )", "b8"),
        ("__func__", "i8[]"),
        ("__builtin_choose_expr ( 0 , p , n )", "i32"),
        ("&& out", "void*"),
    ] {
        assert_eq!(m.ty(text), expected, "{text}");
    }
}

#[test]
fn literals() {
    let unit = unit(
        "void f(void) { 1; 2147483648; 0x80000000; 1u; 1L; 0xffffffffffffffff; 4294967296u; 1ull; \
         'a'; 1.5; 1.5f; 0b11; 037777777777; }",
    );
    let m = model(&unit);
    for (text, expected) in [
        ("1", "i32"),
        ("2147483648", "i64"),
        ("0x80000000", "u32"),
        ("1u", "u32"),
        ("1L", "i64"),
        ("0xffffffffffffffff", "u64"),
        ("4294967296u", "u64"),
        ("1ull", "u64"),
        ("'a'", "i32"),
        ("1.5", "f64"),
        ("1.5f", "f32"),
        ("0b11", "i32"),
        ("037777777777", "u32"),
    ] {
        assert_eq!(m.ty(text), expected, "{text}");
    }
}

#[test]
fn lvalues_and_their_roots() {
    let unit = unit(
        "struct s { int x; struct s *next; int a[4]; struct { int y; } in; } g[2]; struct s make(void); \
         void f(struct s *p, int i) { g[i].in.y; p->in.y; (*p).a[i]; p[i].next->x; make().x; \
         *(g + 1); g->x; i + 1; }",
    );
    let m = model(&unit);
    let g = Root::Entity(m.entity_named("g"));
    assert_eq!(m.root(m.expr("g [ i ] . in . y")), g);
    assert_eq!(m.root(m.expr("g -> x")), g);
    let pointer = |text: &str| match m.root(m.expr(text)) {
        Root::Pointer(e) => m.spelled(m.tree[e].toks),
        other => format!("{other:?}"),
    };
    assert_eq!(pointer("p -> in . y"), "p");
    assert_eq!(pointer("( * p ) . a [ i ]"), "p");
    assert_eq!(pointer("p [ i ] . next -> x"), "p [ i ] . next");
    assert!(matches!(m.root(m.expr("make ( ) . x")), Root::Value(_)));
    assert!(m.is_lvalue(m.expr("g [ i ] . in . y")));
    assert!(!m.is_lvalue(m.expr("make ( ) . x")));
    assert!(!m.is_lvalue(m.expr("i + 1")));
}
