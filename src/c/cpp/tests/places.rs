use super::*;

fn spelled(unit: &Unit, loc: Loc) -> &str {
    let bytes = &unit.file(loc.file).bytes[loc.start as usize..loc.end as usize];
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn every_token_knows_its_bytes() {
    let source =
        "int a\\\nb; /* */ x->y <% \"s\\\nt\" 1\\\n2 %:\n#define M(p) (p + q)\nM(k) M\n(M(z))\n";
    let unit = unit(source);
    assert_eq!(
        text(&unit),
        "int ab ; x -> y <% \"st\" 12 %: ( k + q ) ( ( z + q ) + q )"
    );
    for token in &unit.tokens {
        let bytes = spelled(&unit, token.loc).replace("\\\n", "");
        assert_eq!(bytes.as_bytes(), unit.text(token));
        assert!(!token.synthetic);
    }
    let ab = unit.tokens[1];
    assert_eq!(
        ab.loc,
        Loc {
            file: FileId::MAIN,
            start: 4,
            end: 8
        }
    );
    assert_eq!(unit.tokens[6].op, crate::c::lexer::op("{"));
    assert!(unit.tokens[3].space && !unit.tokens[4].space && unit.tokens[0].first);
}

#[test]
fn tokens_out_of_macros_know_the_way() {
    let source = "#define NEXT(n) ((n)->next)\n#define STEP(n) n = NEXT(n)\nSTEP(cur);\n";
    let unit = unit(source);
    assert_eq!(text(&unit), "cur = ( ( cur ) -> next ) ;");
    let find = |name: &str| {
        *unit
            .tokens
            .iter()
            .find(|t| unit.text(t) == name.as_bytes())
            .unwrap()
    };
    let next = find("next");
    assert!(unit.spelled_in_macro_body(&next));
    let inner = unit.expansion(next.expansion.unwrap());
    assert_eq!(unit.symbols.text(inner.name), b"NEXT");
    assert_eq!(
        inner.define.unwrap().start as usize,
        source.find("NEXT").unwrap()
    );
    assert_eq!(
        inner.invocation.start as usize,
        source.find("NEXT(n)\nSTEP").unwrap()
    );
    assert_eq!(spelled(&unit, inner.close.unwrap()), ")");
    let outer = unit.expansion(inner.parent.unwrap());
    assert_eq!(outer.parent, None);
    assert_eq!(unit.outermost(&next).unwrap().name, outer.name);
    assert_eq!(
        unit.visible_loc(&next).start as usize,
        source.find("STEP(cur)").unwrap()
    );
    // Arguments are spelled where they are.
    let place = source.find("cur").unwrap();
    for token in unit.tokens.iter().filter(|t| unit.text(t) == b"cur") {
        assert_eq!((token.loc.start as usize, token.expansion), (place, None));
        assert!(!unit.spelled_in_macro_body(token));
        assert_eq!(unit.visible_loc(token), token.loc);
    }
    assert!(
        unit.expansions
            .iter()
            .enumerate()
            .all(|(i, e)| e.parent.is_none_or(|p| p.index() < i))
    );
}

#[test]
fn what_is_made_is_synthetic() {
    let source =
        "#define C(a, b) a##b\n#define S(a) #a\nC(x, y) S(z w) __LINE__ NULL_ __INT_MAX__\n";
    let unit = unit(source);
    assert_eq!(text(&unit), "xy \"z w\" 3 NULL_ 2147483647");
    let places = unit
        .tokens
        .iter()
        .map(|t| (t.synthetic, spelled(&unit, unit.visible_loc(t))));
    let places: Vec<_> = places.collect();
    assert_eq!(
        places,
        [
            (true, "C"),
            (true, "S"),
            (true, "__LINE__"),
            (false, "NULL_"),
            (true, "__INT_MAX__")
        ]
    );
    assert_eq!(spelled(&unit, unit.tokens[0].loc), "##");
    assert_eq!(spelled(&unit, unit.tokens[1].loc), "#");
    assert_eq!(unit.expansions.last().unwrap().close, None);
}

#[test]
fn line_endings_and_marks_of_all_kinds() {
    assert_eq!(
        out("\u{feff}#define A \\\r\n 1\r\nA\r#define B 2\rB\r\n"),
        "1 2"
    );
    assert_eq!(out("// what??/\nint x;\n/* ??/\n*/ y"), "int x ; y");
    assert_eq!(out("a/\\\n/ b\nc/\\\n* d *\\\n/ e"), "a c e");
}

#[test]
fn what_is_left_out_is_known() {
    let source = "#if 0\na b\n#elif 0\n#define X\nc\n#else\nd\n#endif\n#ifdef Y\n#endif\n\
        #if 1\ne\n#else\nf;\n#if 1\ng\n#endif\n#endif\n#if 0\nh\n";
    let unit = unit(source);
    let skipped: Vec<_> = unit
        .skipped
        .iter()
        .map(|loc| spelled(&unit, *loc))
        .collect();
    assert_eq!(skipped, ["a b\n#elif 0\n#define X\nc", "f;\n#if 1\ng", "h"]);
    assert_eq!(text(&unit), "d e");
}
