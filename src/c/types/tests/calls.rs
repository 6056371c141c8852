use super::*;

fn function(m: &Model, name: &str) -> FunctionId {
    m[m.entity_named(name)].definition().expect("a body")
}

#[test]
fn calls_and_recursion() {
    let unit = unit(
        "static int even(int); static int odd(int n) { return n ? even(n - 1) : 0; } \
         static int even(int n) { return n ? odd(n - 1) : 1; } \
         static int fact(int n) { return n < 2 ? 1 : n * fact(n - 1); } \
         static int leaf(int (*f)(int)) { return f(1); } \
         int main(void) { return leaf(fact) + even(2) + (leaf)(&fact); }",
    );
    let m = model(&unit);
    assert!(m.is_recursive(function(&m, "odd")));
    assert!(m.is_recursive(function(&m, "even")));
    assert!(m.is_recursive(function(&m, "fact")));
    assert!(!m.is_recursive(function(&m, "leaf")));
    assert!(!m.is_recursive(function(&m, "main")));
    let same = m.component_of(function(&m, "odd")) == m.component_of(function(&m, "even"));
    assert!(same);
    let main = function(&m, "main");
    assert_eq!(
        m.component_of(main),
        m.components().len() - 1,
        "callers come last"
    );
    let info = m.info(main);
    assert_eq!(info.calls.len(), 3);
    let through_pointer = &m.info(function(&m, "leaf")).calls;
    assert_eq!(through_pointer.len(), 1);
    assert_eq!(through_pointer[0].callee, None);
    assert!(m.is_address_taken(m.entity_named("fact")));
    assert!(!m.is_address_taken(m.entity_named("leaf")));
    assert!(!m.is_address_taken(m.entity_named("even")));
}

#[test]
fn addresses_that_are_used() {
    let unit = unit(
        "struct s { int x; int a[4]; } ; void use(void *); \
         void f(void) { struct s r, t, u; int a[3], b[3], c[3], d, e, *p = &e; char w[8]; int (*q)[3]; \
         r.x = 1; use(&t.a[1]); u.a[2] = 1; a[0] = 1; use(b); sizeof(c); d = *c; sizeof d; \
         use(w + 1); q = &a; t.x = r.x; }",
    );
    let m = model(&unit);
    for (name, taken) in [
        ("r", false),
        ("t", true),
        ("u", false),
        ("b", true),
        ("c", false),
        ("d", false),
        ("e", true),
        ("w", true),
        ("q", false),
    ] {
        let entities = m.entities_named(name);
        let entity = entities
            .into_iter()
            .find(|&e| m[e].is_automatic())
            .expect("a variable");
        assert_eq!(m.is_address_taken(entity), taken, "{name}");
    }
}
