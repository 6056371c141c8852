use super::*;

/// The examples of C23, 6.10.5.
#[test]
fn examples_of_the_standard() {
    let three = "#define x 3\n#define f(a) f(x * (a))\n#undef x\n#define x 2\n#define g f\n\
        #define z z[0]\n#define h g(~\n#define m(a) a(w)\n#define w 0,1\n#define t(a) a\n\
        #define p() int\n#define q(x) x\n#define r(x,y) x ## y\n#define str(x) # x\n\
        f(y+1) + f(f(z)) % t(t(g)(0) + t)(1);\n\
        g(x+(3,4)-w) | h 5) & m\n(f)^m(m);\n\
        p() i[q()] = { q(1), r(2,3), r(4,), r(,5), r(,) };\n\
        char c[2][6] = { str(hello), str() };\n";
    assert_eq!(
        out(three),
        "f ( 2 * ( y + 1 ) ) + f ( 2 * ( f ( 2 * ( z [ 0 ] ) ) ) ) % f ( 2 * ( 0 ) ) + t ( 1 ) ; \
         f ( 2 * ( 2 + ( 3 , 4 ) - 0 , 1 ) ) | f ( 2 * ( ~ 5 ) ) & f ( 2 * ( 0 , 1 ) ) ^ m ( 0 , 1 ) ; \
         int i [ ] = { 1 , 23 , 4 , 5 , } ; \
         char c [ 2 ] [ 6 ] = { \"hello\" , \"\" } ;"
    );
    let four = "#define str(s) # s\n#define xstr(s) str(s)\n\
        #define debug(s, t) printf(\"x\" # s \"= %d, x\" # t \"= %s\", x ## s, x ## t)\n\
        #define INCFILE(n) vers ## n\n#define glue(a, b) a ## b\n#define xglue(a, b) glue(a, b)\n\
        #define HIGHLOW \"hello\"\n#define LOW LOW \", world\"\n\
        debug(1, 2);\nfputs(str(strncmp(\"abc\\0d\", \"abc\", '\\4') /* this goes away */\n\
        == 0) str(: @\\n), s);\nxstr(INCFILE(2).h)\nglue(HIGH, LOW);\nxglue(HIGH, LOW)\n";
    assert_eq!(
        out(four),
        "printf ( \"x\" \"1\" \"= %d, x\" \"2\" \"= %s\" , x1 , x2 ) ; \
         fputs ( \"strncmp(\\\"abc\\\\0d\\\", \\\"abc\\\", '\\\\4') == 0\" \": @\\n\" , s ) ; \
         \"vers2.h\" \"hello\" ; \"hello\" \", world\""
    );
    let hash_hash = "#define hash_hash # ## #\n#define mkstr(a) # a\n\
        #define in_between(a) mkstr(a)\n#define join(c, d) in_between(c hash_hash d)\njoin(x, y)\n";
    assert_eq!(out(hash_hash), "\"x ## y\"");
    let seven = "#define t(x,y,z) x ## y ## z\n\
        t(1,2,3), t(,4,5), t(6,,7), t(8,9,), t(10,,), t(,11,), t(,,12), t(,,);\n";
    assert_eq!(out(seven), "123 , 45 , 67 , 89 , 10 , 11 , 12 , ;");
}

/// The examples of C23 on `__VA_OPT__`.
#[test]
fn optional_parts() {
    let source = "#define F(...) f(0 __VA_OPT__(,) __VA_ARGS__)\n\
        #define G(X, ...) f(0, X __VA_OPT__(,) __VA_ARGS__)\n\
        #define SDEF(sname, ...) S sname __VA_OPT__(= { __VA_ARGS__ })\n#define EMP\n\
        F(a, b, c) F() F(EMP) G(a, b, c) G(a, ) G(a) SDEF(foo); SDEF(bar, 1, 2);\n\
        #define H2(X, Y, ...) __VA_OPT__(X ## Y,) __VA_ARGS__\nH2(a, b, c, d)\n\
        #define H3(X, ...) #__VA_OPT__(X##X X##X)\nH3(, 0) H3(q, 0) H3(q)\n\
        #define H4(X, ...) __VA_OPT__(a X ## X) ## b\nH4(, 1)\n\
        #define H5B(...) __VA_OPT__(a ## __VA_ARGS__ ## b)\nH5B(1)\n";
    assert_eq!(
        out(source),
        "f ( 0 , a , b , c ) f ( 0 ) f ( 0 ) f ( 0 , a , b , c ) f ( 0 , a ) f ( 0 , a ) \
         S foo ; S bar = { 1 , 2 } ; ab , c , d \"\" \"qq qq\" \"\" a b a1b"
    );
}

#[test]
fn a_name_is_not_replaced_within_itself() {
    assert_eq!(out("#define f(x) x f\nf(1)(2)(3)\n"), "1 f ( 2 ) ( 3 )");
    assert_eq!(out("#define a b\n#define b a\na b\n"), "a b");
    assert_eq!(
        out("#define f(a) a*g\n#define g(a) f(a)\nf(2)(9)\n"),
        "2 * 9 * g"
    );
    assert_eq!(
        out("#define id(x) x\n#define e e\nid(id(e) id)(1)\n"),
        "e id ( 1 )"
    );
    assert_eq!(
        out("#define f(x) x+f(x)\nf(f(1))\n"),
        "1 + f ( 1 ) + f ( 1 + f ( 1 ) )"
    );
}

#[test]
fn extensions_of_gnu() {
    let source = "#define e(f, ...) p(f, ## __VA_ARGS__)\n#define n(f, rest...) p(f , ## rest)\n\
        e(1) e(1,) e(1,2,3) n(1) n(1,2,3)\n\
        #define only(...) p(0, ## __VA_ARGS__)\nonly() only(1)\n";
    // As in clang, an empty argument is one.
    assert_eq!(
        out(source),
        "p ( 1 ) p ( 1 , ) p ( 1 , 2 , 3 ) p ( 1 ) p ( 1 , 2 , 3 ) p ( 0 ) p ( 0 , 1 )"
    );
}

#[test]
fn macros_of_the_compiler() {
    assert_eq!(
        out(
            "__LINE__ __FILE__ __COUNTER__ __COUNTER__\n__LINE__ __INCLUDE_LEVEL__ __BASE_FILE__\n"
        ),
        "1 \"a.c\" 0 1 2 0 \"a.c\""
    );
    assert_eq!(
        out("#define L __LINE__\n#define f(x) L x\nf(\n2\n)\n"),
        "5 2"
    );
    assert_eq!(
        out("__bpf__ __SIZE_TYPE__ __x86_64__ linux"),
        "1 long unsigned int __x86_64__ linux"
    );
    assert_eq!(
        out(
            "__has_attribute(__btf_type_tag__) __has_attribute(nonsense) __has_builtin(__builtin_memcpy) \
             __has_feature(c_alignas) __has_extension(overloadable_unmarked) \
             __has_feature(overloadable_unmarked) __has_c_attribute(nodiscard) __has_warning(\"-Wall\")"
        ),
        "1 0 1 1 1 0 202003L 1"
    );
    assert_eq!(
        out("a _Pragma(\"once\") b\n#define P(x) _Pragma(#x) c\nP(unroll(4))\n"),
        "a b c"
    );
}

#[test]
fn the_allocators_own_macros_stay() {
    let source = "#ifdef can_loop\nno\n#endif\n#include <dynamic_memory.h>\n#ifdef __arena\nyes\n#endif\n\
        #define __arena __attribute__((address_space(1)))\n#define can_loop 1\n\
        int __arena *p; while (can_loop);\n";
    let unit = unit(source);
    assert!(unit.problems.is_empty());
    assert!(text(&unit).ends_with("max_align_t ; yes int __arena * p ; while ( can_loop ) ;"));
}

#[test]
fn pragmas_push_and_pop() {
    let source = "#define A 1\n#pragma push_macro(\"A\")\n#undef A\n#define A 2\nA\n\
        #pragma pop_macro(\"A\")\nA\n#pragma push_macro(\"B\")\n#define B 3\n\
        #pragma pop_macro(\"B\")\nB\n";
    assert_eq!(out(source), "2 1 B");
}

#[test]
fn macros_of_the_command_line() {
    let given = [
        ("A", Some("1")),
        ("F(x)", Some("x x")),
        ("__bpf__", None),
        ("B", Some("2\n#error")),
    ];
    let given = given.map(|(name, value)| CommandLineMacro {
        name: name.into(),
        value: value.map(Into::into),
    });
    let setup = Setup {
        includes: &Memory::default(),
        command_line: &given,
        forced: &["string.h".into(), "no.h".into()],
        kept: Kept::default(),
        wanted: None,
        cache: &Cache::default(),
    };
    let unit = preprocess(Path::new("a.c"), b"A F(y) __bpf__ B", &setup);
    assert!(
        text(&unit).ends_with(
            "; 1 y y __bpf__ 2 #error"
                .replace("#error", "# error")
                .as_str()
        )
    );
    assert_eq!(unit.problems.len(), 1);
    let one = unit.tokens.iter().rfind(|t| unit.text(t) == b"1").unwrap();
    assert!(one.synthetic);
    assert_eq!(unit.file(one.loc.file).kind, FileKind::CommandLine);
}

#[test]
fn what_is_wrong_is_told_and_kept() {
    let source = "#define f(a, b) a b\nf(1) f(1, 2, 3) f";
    let unit = unit(source);
    assert_eq!(text(&unit), "f ( 1 ) f ( 1 , 2 , 3 ) f");
    assert_eq!(unit.problems.len(), 2);
    assert_eq!(
        text(&super::unit("#define f(a) a\nx f(1, (2\n y")),
        "x f ( 1 , ( 2 y"
    );
    assert_eq!(
        text(&super::unit("#define c(a, b) a ## b\nc(+, x) c(, x)\n")),
        "+ x x"
    );
    for (source, what) in [
        ("#define\n", "macro name missing"),
        ("#define 1\n", "must be an identifier"),
        ("#define defined\n", "'defined' cannot"),
        ("#define f(a,\n", "expected a macro parameter"),
        ("#define f(a b)\n", "missing ')'"),
        ("#define f(a, a)\n", "duplicate"),
        ("#define f(a) #b\n", "not followed by a macro parameter"),
        ("#define f(a) ## a\n", "'##' cannot appear"),
        ("#define f(...) __VA_OPT__ x\n", "missing '('"),
        ("#define f(...) __VA_OPT__(x\n", "unterminated __VA_OPT__"),
        ("#define c(a, b) a ## b\nc(+, x)\n", "pasting formed '+x'"),
        ("#define f(a) a\nf(1\n", "unterminated function-like"),
        ("#if 1\n", "unterminated conditional"),
        ("#endif\n", "without #if"),
        ("#if 0\n#else\n#else\n#endif\n", "after #else"),
        ("#if 1\n#else\n#elif 1\n#endif\n", "after #else"),
        ("#error so\n", "#error so"),
        ("#frob\n", "invalid preprocessing directive"),
        ("#embed \"x\"\n", "#embed is left out"),
        ("#include x\n", "expected \"FILENAME\""),
        ("#include <no.h>\n", "'no.h' file not found"),
    ] {
        let said = problems(source);
        assert!(
            said.iter().any(|s| s.contains(what)),
            "{source:?}: {said:?}"
        );
    }
}
