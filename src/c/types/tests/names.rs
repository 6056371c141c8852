use super::*;

/// By the kind of each use of a name, in source order.
fn uses(m: &Model, name: &str) -> Vec<Option<EntityId>> {
    let mut found = m.exprs(name);
    found.sort_by_key(|&e| m.tree[e].toks.start);
    found.into_iter().map(|e| m.entity(e)).collect()
}

#[test]
fn a_name_means_the_innermost_declaration() {
    let unit = unit(
        "int x; int f(long x) { x; { char x = x; x; } for (short x = 0; x < 1; x++) x; \
         return ({ void *x = 0; x; }) ? x : 0; } int g(void) { return x; }",
    );
    let m = model(&unit);
    let types: Vec<_> = uses(&m, "x")
        .into_iter()
        .map(|e| m.shown(m[e.expect("resolved")].ty))
        .collect();
    assert_eq!(
        types,
        [
            "i64", "i8", "i8", "i16", "i16", "i16", "void*", "i64", "i32"
        ]
    );
    assert!(m.unresolved().is_empty());
}

#[test]
fn storage_follows_from_scope_and_class() {
    let unit = unit(
        "static int a; int b; extern int c; extern int d; int d = 1; \
         void f(int p) { int l; static int s; extern int c; extern int e; e = c + l + s + p; }",
    );
    let m = model(&unit);
    let storage = |name| m[m.entity_named(name)].storage().expect("an object");
    assert_eq!(storage("a"), Storage::FileStatic);
    assert_eq!(storage("b"), Storage::External);
    assert_eq!(storage("c"), Storage::ExternOnly);
    assert_eq!(storage("d"), Storage::External);
    assert_eq!(storage("e"), Storage::ExternOnly);
    assert_eq!(storage("p"), Storage::Parameter);
    assert_eq!(storage("l"), Storage::Local);
    assert_eq!(storage("s"), Storage::LocalStatic);
    let info = m.info(FunctionId(0));
    let names: Vec<_> = info
        .objects
        .iter()
        .map(|&o| m.unit.symbols.text(m[o].name))
        .collect();
    assert_eq!(names, [b"p", b"l", b"s"]);
}

#[test]
fn all_declarations_of_a_function_are_one_entity() {
    let unit = unit(
        "int f(); static int g(int); int f(int, char *); int f(int a, char *b) { return g(a); } \
         int g(int x) { int f(int, char *); return f(x, 0); }",
    );
    let m = model(&unit);
    let f = &m[m.entity_named("f")];
    assert_eq!(f.declarators.len(), 4);
    assert_eq!(m.shown(f.ty), "i32(i32,i8*)");
    assert!(f.definition().is_some());
    let types: Vec<_> = f
        .declarators
        .iter()
        .map(|&d| m.declarator_type(d))
        .collect();
    assert_eq!(types[0], f.ty, "the definition comes first");
    assert_eq!(m.shown(types[1]), "i32(?)");
    let EntityKind::Function { internal, .. } = m[m.entity_named("g")].kind else {
        panic!("no function")
    };
    assert!(internal, "static once is static");
}

#[test]
fn old_style_parameters() {
    let unit = unit("f(a, b, c) char *b; struct s { int i; } *c; { return a + *b + c->i; }");
    let m = model(&unit);
    assert_eq!(m.of("f"), "i32(i32,i8*,s*,?)");
    assert_eq!(m.of("a"), "i32");
    assert_eq!(m.ty("c -> i"), "i32");
    let info = m.info(FunctionId(0));
    assert_eq!(info.params.len(), 3);
    assert!(info.params.iter().all(Option::is_some));
    assert!(m.unresolved().is_empty());
}

#[test]
fn functions_without_a_declaration() {
    let unit = unit(
        "void f(void) { int i = g(1); void *p = malloc(8); long n = __builtin_expect(i, 0); \
         __builtin_memcpy(p, p, 8); undeclared; }",
    );
    let m = model(&unit);
    let EntityKind::Function {
        implicit, builtin, ..
    } = m[m.entity_named("g")].kind
    else {
        panic!("no function")
    };
    assert!(implicit && !builtin);
    assert_eq!(m.ty("g ( 1 )"), "i32");
    assert_eq!(m.ty("malloc ( 8 )"), "void*");
    assert_eq!(m.ty("__builtin_expect ( i , 0 )"), "i64");
    assert_eq!(m.ty("__builtin_memcpy ( p , p , 8 )"), "void*");
    assert_eq!(m.unresolved().len(), 1);
}

#[test]
fn declared_after_a_call_is_the_same_function() {
    let unit = unit("int f(void) { return g(); } int g(void) { return 1; }");
    let m = model(&unit);
    let g = &m[m.entity_named("g")];
    assert!(g.definition().is_some());
    assert_eq!(
        m.callees(FunctionId(0)).collect::<Vec<_>>(),
        [FunctionId(1)]
    );
}

#[test]
fn nested_functions_see_their_surroundings() {
    let unit =
        unit("int f(int a) { int b = 1; int inner(int c) { return a + b + c; } return inner(a); }");
    let m = model(&unit);
    assert!(m.unresolved().is_empty());
    let inner = &m[m.entity_named("inner")];
    let nested = inner.definition().expect("a body");
    let outer = m[m.entity_named("f")].definition().expect("a body");
    assert_eq!(m.callees(outer).collect::<Vec<_>>(), [nested]);
    assert_eq!(m.function_of(m.expr("a + b + c")), Some(nested));
    assert_eq!(m.function_of(m.expr("inner ( a )")), Some(outer));
    let EntityKind::Function { internal, .. } = inner.kind else {
        panic!("no function")
    };
    assert!(internal);
}

#[test]
fn tags_and_constants_have_scopes() {
    let unit = unit(
        "struct s { int a; }; enum { N = 3 }; \
         void f(void) { struct s { char *b; } x; enum { N = 5 }; x.b; int t[N]; t; } \
         void g(void) { struct s y; y.a; int u[N]; u; }",
    );
    let m = model(&unit);
    assert_eq!(m.ty("x . b"), "i8*");
    assert_eq!(m.ty("y . a"), "i32");
    assert_eq!(m.ty("t"), "i32[5]");
    assert_eq!(m.ty("u"), "i32[3]");
    assert_eq!(m.records.len(), 2);
}

#[test]
fn a_variable_hides_a_type() {
    let unit = unit("typedef int T; void f(void) { T a; int T = 2; a = T * a; } T b;");
    let m = model(&unit);
    assert_eq!(m.ty("T * a"), "i32");
    assert_eq!(m.of("b"), "i32");
    assert!(m.unresolved().is_empty());
}

#[test]
fn parents_and_functions_of_nodes() {
    let unit =
        unit("int f(int a) { if (a) { int b[2 + 1] = { a }; return sizeof(int[a]); } return 0; }");
    let m = model(&unit);
    let a = m.exprs("a");
    let in_if = a
        .iter()
        .filter(|&&e| matches!(m.parent(e), Parent::Stmt(_)))
        .count();
    assert_eq!(in_if, 1);
    let size = m.expr("2 + 1");
    assert_eq!(m.parent(size), Parent::Declarator(m.declarators("b")[0]));
    let stmt = m.stmt_of(size).expect("a statement");
    let Parent::Stmt(block) = m.stmt_parent(stmt) else {
        panic!("in a block")
    };
    let Parent::Stmt(branch) = m.stmt_parent(block) else {
        panic!("in an if")
    };
    let Parent::Stmt(body) = m.stmt_parent(branch) else {
        panic!("in a body")
    };
    assert_eq!(m.stmt_parent(body), Parent::Function(FunctionId(0)));
    assert!(
        a.iter()
            .all(|&e| m.function_of(e) == Some(FunctionId(0)) && m.stmt_of(e).is_some())
    );
}

#[test]
fn a_handler_in_an_attribute_is_used() {
    let unit = unit(
        "static void done(int *p) {} int f(void) { int x __attribute__((cleanup(done))) = 0; return x; }",
    );
    let m = model(&unit);
    assert!(m.is_address_taken(m.entity_named("done")));
}
