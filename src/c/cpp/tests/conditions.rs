use super::*;

fn holds(condition: &str) -> bool {
    let source = format!(
        "#define ONE 1\n#define HAS defined(ONE)\n#define f(x) x\n#if {condition}\nyes\n#else\nno\n#endif\n"
    );
    match &*out(&source) {
        "yes" => true,
        "no" => false,
        other => panic!("{condition}: {other}"),
    }
}

#[test]
fn expressions() {
    for condition in [
        "1",
        "!0",
        "-1 < 0",
        "-1 > 0u",
        "-1 >> 63 == -1",
        "1 << 63 < 0",
        "(-1ull) >> 63 == 1",
        "0x7fffffffffffffff + 1 < 0",
        "18446744073709551615u == -1",
        "07 + 0b11 + 0xA == 20",
        "1 ? 2 : 1/0",
        "0 && 1/0 || 1",
        "(2 || 1/0)",
        "1 - 1 - 1 == -1",
        "2 + 3 * 4 == 14",
        "~0 == -1",
        "(1, 2) == 2",
        "'a' == 97",
        "'\\n' == 10",
        "'\\377' == -1",
        "'\\x41' == 65",
        "'ab' == 24930",
        "L'\\xff' == 255",
        "u'é' == 0xe9",
        "defined ONE && !defined(TWO)",
        "HAS",
        "f(ONE) == 1",
        "f(defined ONE)",
        "undefined == 0",
        "(0 ? -1 : 1u) > 0",
        "(1 ? -1 : 1u) > 0",
        "8 % 3 == 2 && -8 / 3 == -2",
        "1 == 1 != 0",
        "5 & 6 ^ 3 | 8",
        "1'000 == 1000",
        "__has_include(<stdlib.h>)",
        "!__has_include(\"none.h\")",
        "defined(__has_include)",
        "__STDC_VERSION__ >= 201112L",
        "__clang_major__ > 10 && defined __clang__",
        "1 // comment",
        "1 /* more */ && 1 \\\n && 1",
        "-0x7fffffffffffffff - 1 < 0",
        "1 << -1 == 0",
        "-1 >> -1 == -1",
        "!(-(-9223372036854775807 - 1) / -1 == 1)",
    ] {
        assert!(holds(condition), "{condition}");
        assert!(
            !holds(&format!("!({})", condition.split(" //").next().unwrap())),
            "{condition}"
        );
    }
}

#[test]
fn malformed_expressions() {
    for condition in [
        "",
        "1 +",
        "(1",
        "1 2",
        "1 ? 2",
        "\"x\"",
        "1.5",
        "0x",
        "09",
        "f(1",
        "g(1)",
        "defined",
        "defined 1",
        "defined(ONE",
        "1 / 0",
        "1 % 0",
        "18446744073709551616",
        "__has_include(",
        "= 1",
    ] {
        let source = format!("#define ONE 1\n#define f(x) x\n#if {condition}\nyes\n#endif\nrest\n");
        let unit = unit(&source);
        assert_eq!(text(&unit), "rest", "{condition}");
        assert!(!unit.problems.is_empty(), "{condition}");
    }
}

#[test]
fn arms() {
    assert_eq!(
        out("#if 0\na\n#elif 1\nb\n#elif 1/0\nc\n#else\nd\n#endif\n"),
        "b"
    );
    assert_eq!(
        out("#ifdef A\na\n#elifndef A\nb\n#elifdef A\nc\n#endif\n"),
        "b"
    );
    assert_eq!(
        out("#if 0\n#if 1\na\n#else\nb\n#endif\n#error no\n#nonsense\n'\n#else\nc\n#endif\n"),
        "c"
    );
    assert_eq!(
        out("#if 1\na\n#if 0\nb\n#endif\nc\n#else\nd\n#endif\ne\n"),
        "a c e"
    );
    assert_eq!(
        out("#define A\n#ifdef A\n#undef A\n#endif\n#ifndef A\nx\n#endif\n"),
        "x"
    );
    // In the arguments of a macro, too.
    assert_eq!(
        out("#define f(x, y) y x\nf(1,\n#if 0\n2\n#else\n3\n#endif\n)\n"),
        "3 1"
    );
    assert_eq!(out("# 7 \"x.c\" 2\n#line 3\n#ident \"x\"\n#\nx\n"), "x");
}
