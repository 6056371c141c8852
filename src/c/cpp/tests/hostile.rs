//! Inputs that nobody should write end soon, and with a word about it.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// Preprocesses a source that has to hit a limit.
fn limited(source: &str, headers: &[(&'static str, &'static str)], what: &str) {
    let begun = cpu::seconds();
    let unit = unit_with(source, headers);
    let said: Vec<_> = unit.problems.iter().map(|p| &p.message).take(3).collect();
    assert!(
        unit.problems.iter().any(|p| p.message.contains(what)),
        "{said:?}"
    );
    assert!(unit.tokens.len() < 12_000_000);
    assert!(unit.problems.len() <= 1_002);
    // Without optimisation.
    let taken = cpu::seconds() - begun;
    assert!(taken < 60.0, "{taken} s");
}

#[test]
fn bombs() {
    let mut doubling = String::from("#define a0 x x\n");
    let mut nothing = String::from("#define a0\n");
    for i in 1..64 {
        writeln!(doubling, "#define a{i} a{0} a{0}", i - 1).unwrap();
        writeln!(nothing, "#define a{i} a{0} a{0}", i - 1).unwrap();
    }
    limited(&(doubling + "a63\nrest\n"), &[], "too many tokens");
    limited(&(nothing + "a63\n"), &[], "too many tokens");
    let nested = |name: &str, depth: usize| name.repeat(depth) + "x" + &")".repeat(depth);
    let twice = "#define f(x) x x\n".to_owned() + &nested("f(", 60);
    limited(&twice, &[], "too many tokens");
    let deep = "#define f(x) x\n".to_owned() + &nested("f(", 100_000);
    limited(&deep, &[], "nested too deeply");
    let quotes =
        "#define s(x) #x\n#define f(x) s(x)\n".to_owned() + &nested("f(", 150).replace('x', "\"");
    assert!(unit(&quotes).tokens.len() < 1000);
    let long = "#define c(a, b) a##b\n#define d(a) e(a, a)\n#define e(a, b) c(a, b)\n".to_owned()
        + &nested("d(", 100);
    limited(&long, &[], "too many tokens");
    let strings = "#define s(x) #x\n#define f(x) s(x x)\n".to_owned() + &nested("f(", 100);
    limited(&strings, &[], "too many tokens");
}

#[test]
fn includes_without_end() {
    limited(
        "#include \"a.h\"\n",
        &[("a.h", "#include \"a.h\"\n")],
        "nested too deeply",
    );
    let twice = "#include \"a.h\"\n#include \"a.h\"\n";
    limited(
        twice,
        &[("a.h", "#include \"a.h\"\n#include \"a.h\"\n")],
        "too many tokens",
    );
}

#[test]
fn depth_without_end() {
    let nested = |open: &str, close: &str| {
        format!(
            "#if {}1{}\nx\n#endif\n",
            open.repeat(50_000),
            close.repeat(50_000)
        )
    };
    limited(&nested("(", ")"), &[], "nested too deeply");
    limited(&nested("!", ""), &[], "nested too deeply");
    limited(&nested("1?", ":1"), &[], "nested too deeply");
    limited(&"#if 1\n".repeat(50_000), &[], "unterminated");
    limited(&"#if 0\n".repeat(50_000), &[], "unterminated");
}

/// Pieces that mean something to a preprocessor.
const PIECES: [&str; 44] = [
    "#define ",
    "#undef ",
    "#if ",
    "#ifdef ",
    "#elif ",
    "#else\n",
    "#endif\n",
    "#include ",
    "\"h.h\"",
    "<h.h>",
    "defined",
    "f",
    "g",
    "x",
    "f(",
    "(",
    ")",
    ",",
    "##",
    "#",
    "...",
    "__VA_ARGS__",
    "__VA_OPT__(",
    "__LINE__",
    "__COUNTER__",
    "__has_include(",
    "_Pragma(\"x\")",
    "1",
    "0x",
    "'a'",
    "\"",
    "'",
    "\\\n",
    "\n",
    "\r",
    "/*",
    "*/",
    "//",
    " ",
    "<:",
    "%:",
    "??/",
    "#pragma push_macro(\"f\")\n",
    "#pragma pop_macro(\"f\")\n",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        check(&bytes);
    }

    #[test]
    fn any_pieces(pieces in proptest::collection::vec(0..PIECES.len(), 0..120)) {
        let source: String = pieces.into_iter().map(|at| PIECES[at]).collect();
        check(source.as_bytes());
    }
}

/// What holds for every unit.
fn check(source: &[u8]) {
    let header = std::str::from_utf8(source).unwrap_or("x").to_owned();
    let headers = Memory([("h.h", &*header.leak())].into());
    let setup = Setup {
        includes: &headers,
        command_line: &[],
        forced: &[],
        kept: Kept::default(),
        wanted: None,
        cache: &Cache::default(),
    };
    let unit = preprocess(Path::new("a.c"), source, &setup);
    let inside =
        |loc: Loc| loc.start <= loc.end && loc.end as usize <= unit.file(loc.file).bytes.len();
    for token in &unit.tokens {
        assert!(inside(token.loc) && !unit.text(token).is_empty());
        assert_ne!(token.op, super::super::macros::PASTE);
        assert!(inside(unit.visible_loc(token)));
        assert!(token.expansion.is_some() || unit.visible_loc(token) == token.loc);
    }
    assert!(unit.problems.iter().all(|problem| inside(problem.loc)));
    let again = preprocess(Path::new("a.c"), source, &setup);
    assert_eq!(text(&unit), text(&again));
    assert_eq!(unit.problems, again.problems);
}
