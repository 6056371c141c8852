use super::*;

fn targets(m: &Model, names: &str) -> Vec<String> {
    names
        .split(' ')
        .map(|name| {
            let expr = m.expr(name);
            let target = m
                .target(expr)
                .unwrap_or_else(|| panic!("no target of {name}"));
            let field = target.field.and_then(|f| m.field(f).name);
            let field = field.map_or("-".into(), |f| {
                String::from_utf8_lossy(m.unit.symbols.text(f)).into_owned()
            });
            format!("{field}:{}", m.shown(target.ty))
        })
        .collect()
}

#[test]
fn elements_are_for_members() {
    let unit = unit(
        "struct in { int *a; long b[2]; }; struct s { char *c; struct in d; int : 3; union { void *e; int f; }; short g; }; \
         void h(char *p, int *q, struct in i, void *r, short t) { \
         struct s x = { p, q, 11, 12, r, t }; struct s y = { .d = i, .g = t }; \
         struct s z = { .d.b[1] = 7, r, .f = 8, 9, .c = p }; \
         struct s w[] = { [2] = { p }, { p, { q } } }; w; x; y; z; }",
    );
    let m = model(&unit);
    assert_eq!(
        targets(&m, "p q 11 12 r t"),
        ["c:i8*", "a:i32*", "-:i64", "-:i64", "e:void*", "g:i16"]
    );
    assert_eq!(targets(&m, "i 7 8 9"), ["d:in", "-:i64", "f:i32", "g:i16"]);
    assert_eq!(m.ty("w"), "s[4]");
    let all: Vec<_> = m
        .exprs("r")
        .into_iter()
        .filter_map(|e| m.target(e))
        .collect();
    assert_eq!(all.len(), 2);
    assert!(all.iter().all(|t| m.shown(t.ty) == "void*"));
}

#[test]
fn arrays_get_their_length() {
    let unit = unit(
        "typedef int A[]; char a[] = \"abc\"; int b[] = { 1, 2, 3 }; A c = { 1 }, d = { 1, 2 }; \
         int e[][2] = { 1, 2, 3, 4, 5 }; char f[] = { \"ab\" }; int g[] = { [9] = 1, 2 }; \
         struct { int x, y; } h[] = { 1, 2, 3, 4 }; char *i[] = { \"a\", \"b\" }; \
         int j[] = { [0 ... 7] = 1 }; const char k[][4] = { \"ab\", \"cd\", \"ef\" };",
    );
    let m = model(&unit);
    for (name, expected) in [
        ("a", "i8[4]"),
        ("b", "i32[3]"),
        ("c", "i32[1]"),
        ("d", "i32[2]"),
        ("e", "i32[2][3]"),
        ("f", "i8[3]"),
        ("g", "i32[11]"),
        ("h", "{}[2]"),
        ("i", "i8*[2]"),
        ("j", "i32[8]"),
        ("k", "i8[4][3]"),
    ] {
        assert_eq!(m.of(name), expected, "{name}");
    }
}

#[test]
fn nothing_is_for_an_empty_record() {
    let unit = unit(
        "struct e {}; struct s { struct e e; int x; } v = { 5 }; struct e none[] = { 6, 7 }; \
         struct unknown u[] = { 8, 9 }; struct s w[2] = { [0 ... 1] = { .x = 10 } };",
    );
    let m = model(&unit);
    assert_eq!(targets(&m, "5"), ["x:i32"]);
    assert_eq!(m.target(m.expr("7")), None);
}

#[test]
fn lists_have_types() {
    let unit = unit(
        "struct p { int x, y; }; struct q { struct p a; struct p *b; } v = { { 1, 2 }, &(struct p){ 3, 4 } };",
    );
    let m = model(&unit);
    assert_eq!(m.ty("{ 1 , 2 }"), "p");
    assert_eq!(m.ty("{ 3 , 4 }"), "p");
    assert_eq!(targets(&m, "1 4"), ["x:i32", "y:i32"]);
    assert_eq!(m.ty("{ { 1 , 2 } , & ( struct p ) { 3 , 4 } }"), "q");
}
