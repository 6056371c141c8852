use super::*;

#[test]
fn integer_constant_expressions() {
    let unit = unit(
        "enum { A, B = 5, C, D = -1 }; struct s { char c; long l; int a[3]; }; \
         void f(int n, struct s *p) { C; D; B * 2 + 1; 010; 'A'; '\\n'; sizeof(long); sizeof p->a; \
         sizeof(struct s); _Alignof(struct s); (char)300; (unsigned char)-1; -1 < 0u; 1 ? 2 : n; \
         n && 0; 0 && n; ~0u; 1 << 3; -8 >> 1; 7 / 0; 1 == 1.0; n; \
         (unsigned long)&((struct s *)0)->a[1]; sizeof(int[B]); sizeof \"abc\"; !A; 10 % 4; \
         (_Bool)2; 0xffffffff + 1; 1ul << 63; }",
    );
    let m = model(&unit);
    for (text, expected) in [
        ("C", Some(6)),
        ("D", Some(-1)),
        ("B * 2 + 1", Some(11)),
        ("010", Some(8)),
        ("'A'", Some(65)),
        ("'\\n'", Some(10)),
        ("sizeof ( long )", Some(8)),
        ("sizeof p -> a", Some(12)),
        ("sizeof ( struct s )", Some(32)),
        ("_Alignof ( struct s )", Some(8)),
        ("( char ) 300", Some(44)),
        ("( unsigned char ) - 1", Some(255)),
        ("- 1 < 0u", Some(0)),
        ("1 ? 2 : n", Some(2)),
        ("n && 0", None),
        ("0 && n", Some(0)),
        ("~ 0u", Some(0xffff_ffff)),
        ("1 << 3", Some(8)),
        ("- 8 >> 1", Some(-4)),
        ("7 / 0", None),
        ("n", None),
        (
            "( unsigned long ) & ( ( struct s * ) 0 ) -> a [ 1 ]",
            Some(20),
        ),
        ("sizeof ( int [ B ] )", Some(20)),
        ("sizeof \"abc\"", Some(4)),
        ("! A", Some(1)),
        ("10 % 4", Some(2)),
        ("( _Bool ) 2", Some(1)),
        ("0xffffffff + 1", Some(0)),
        ("1ul << 63", Some(1 << 63)),
    ] {
        assert_eq!(m.value(m.expr(text)), expected, "{text}");
    }
}

#[test]
fn null_pointer_constants() {
    let unit = unit(
        "void f(void) { 0; 0L; (void *)0; ((void *)0); (char *)0; 1; (void *)1; (void *)(1 - 1); nullptr; true; }",
    );
    let m = model(&unit);
    for (text, expected, zero) in [
        ("0", true, true),
        ("0L", true, true),
        ("( void * ) 0", true, true),
        ("( ( void * ) 0 )", true, true),
        ("( char * ) 0", false, true),
        ("1", false, false),
        ("( void * ) 1", false, false),
        ("( void * ) ( 1 - 1 )", true, true),
        ("nullptr", true, true),
        ("true", false, false),
    ] {
        let expr = m.expr(text);
        assert_eq!(m.is_null_pointer_constant(expr), expected, "{text}");
        assert_eq!(m.is_zero(expr), zero, "{text}");
    }
}

#[test]
fn enumerations_have_the_type_that_holds_their_constants() {
    let unit = unit(
        "enum a { A = 1 } a; enum b { B = -1 } b; enum c { C = 1ull << 40 } c; \
         void f(void) { a; b; c; A; C; }",
    );
    let m = model(&unit);
    let number = |text: &str| {
        m.number(m.type_of(m.expr(text)))
            .map(|n| (n.size, n.unsigned))
    };
    assert_eq!(number("a"), Some((4, true)));
    assert_eq!(number("b"), Some((4, false)));
    assert_eq!(number("c"), Some((8, true)));
    assert_eq!(number("A"), Some((4, false)));
    assert_eq!(number("C"), Some((8, true)));
}

#[test]
fn enumerations_that_ask_for_a_type() {
    let unit = unit(
        "typedef unsigned char u8; enum a { A = 1 } __attribute__((packed)) a; \
         enum b { B = -1, C = 100 } __attribute__((mode(byte))) b; \
         enum __attribute__((packed)) c { D = 300 } c; enum d : u8 { E } d; \
         enum e : unsigned long { F } e; enum g { G = -200 } __attribute__((__packed__)) g; \
         void f(void) { a; b; c; d; e; g; }",
    );
    let m = model(&unit);
    for (name, expected) in [
        ("a", (1, true)),
        ("b", (1, false)),
        ("c", (2, true)),
        ("d", (1, true)),
        ("e", (8, true)),
        ("g", (2, false)),
    ] {
        let number = m.number(m.type_of(m.expr(name)));
        assert_eq!(
            number.map(|n| (n.size, n.unsigned)),
            Some(expected),
            "{name}"
        );
    }
}
