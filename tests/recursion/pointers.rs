//! Pointers to functions become numbers where BPF would have to call what they hold.

use std::path::Path;

use bpf_malloc::rewrite::{Alone, Options, Plan, Rule, plan};

const HEAD: &str = "#include <stdlib.h>\n#include <bpf/bpf_helpers.h>\n\n\
    static int up(int a) { return a + 1; }\nstatic int down(int a) { return a - 1; }\n";

fn planned(body: &str) -> (String, Plan) {
    let text = format!("{HEAD}{body}");
    let plan = plan(
        Path::new("program.c"),
        text.as_bytes(),
        &Alone::default(),
        &Options::default(),
    );
    let made = String::from_utf8(plan.apply(text.as_bytes())).expect("UTF-8");
    (made, plan)
}

/// The text that a program becomes, which a second run leaves as it is.
#[track_caller]
fn made(body: &str) -> String {
    let (made, first) = planned(body);
    let told: Vec<_> = first.notices().iter().map(|n| &n.message).collect();
    assert!(!first.needs_human(), "{told:?}");
    let again = plan(
        Path::new("program.c"),
        made.as_bytes(),
        &Alone::default(),
        &Options::default(),
    );
    assert!(!again.changes(), "{made}");
    made
}

#[test]
fn a_pointer_that_clang_sees_stays() {
    let made = made(
        "static int twice(int (*f)(int), int x) { return f(f(x)); }\n\
         int run(void) { int *p = malloc(4); int r; if (!p) return 0; r = twice(up, 1) + twice(down, 1); \
         free(p); return r; }\n",
    );
    assert!(
        made.contains("int (*f)(int), int x) { return f(f(x)); }"),
        "{made}"
    );
    assert!(made.contains("twice(up, 1) + twice(down, 1)"), "{made}");
    assert!(made.contains("inline"), "{made}");
}

#[test]
fn a_pointer_in_memory_becomes_a_number() {
    let made = made(
        "struct op { int (*go)(int); };\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r; if (!p) return 0; \
         p->go = n ? up : &down; r = p->go ? p->go(3) : 0; r += p->go == up; free(p); return r; }\n",
    );
    assert!(
        made.contains("p->go = n ? up_pointer : down_pointer;"),
        "{made}"
    );
    assert!(made.contains("p->go ? call_go(p->go, 3) : 0"), "{made}");
    assert!(made.contains("p->go == up_pointer"), "{made}");
    assert!(made.contains("struct op { int (*go)(int); };"), "{made}");
}

#[test]
fn the_kernels_own_functions_and_callbacks_stay() {
    let made = made(
        "static long (*bpf_loop_)(int, void *, void *, unsigned long) = (void *)181;\n\
         static long step(int i, void *c) { *(int *)c += i; return 0; }\n\
         struct op { int (*go)(int); };\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r = 0; if (!p) return 0; \
         p->go = n ? up : down; bpf_loop_(4, step, &r, 0); r += p->go(1); free(p); return r; }\n",
    );
    assert!(made.contains("bpf_loop_(4, step, &r, 0);"), "{made}");
    assert!(!made.contains("step_pointer"), "{made}");
}

#[test]
fn what_stays_is_told() {
    // Another function gets the pointer, and wants an address.
    let (made, plan) = planned(
        "extern void keep(int (*f)(int)) __attribute__((section(\".ksyms\")));\nstruct op { int (*go)(int); };\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r; if (!p) return 0; \
         p->go = n ? up : down; keep(p->go); r = p->go(1); free(p); return r; }\n",
    );
    assert!(made.contains("p->go = n ? up : down;"), "{made}");
    let told = plan.notices().iter().find(|n| n.rule == Rule::IndirectCall);
    let told = told.map(|n| n.message.as_str()).unwrap_or_default();
    assert!(told.contains("is not defined here"), "{told}");
}

#[test]
fn numbers_do_not_leave_the_file() {
    let (made, plan) = planned(
        "struct op { int (*go)(int); };\nextern struct op *next_op(void);\n\
         int apply(struct op *p, int (*go)(int)) { p->go = go; return p->go(2); }\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r; if (!p) return 0; \
         r = apply(p, n ? up : down) + next_op()->go(1); free(p); return r; }\n",
    );
    assert!(!made.contains("up_pointer"), "{made}");
    let told = plan.notices().iter().find(|n| n.rule == Rule::IndirectCall);
    let told = told.map(|n| n.message.as_str()).unwrap_or_default();
    assert!(told.contains("other files"), "{told}");
}

#[test]
fn an_address_that_is_kept_as_something_else_stays() {
    // Stored as another type of pointers, and called through its own: a number all the same.
    let made = made(
        "typedef void (*any)(void);\nstruct op { any go; };\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r; if (!p) return 0; \
         p->go = n ? (any)up : (any)down; r = ((int (*)(int))p->go)(3); free(p); return r; }\n",
    );
    assert!(
        made.contains("(any)up_pointer : (any)down_pointer"),
        "{made}"
    );
    assert!(made.contains("(int (*)(int))p->go, 3)"), "{made}");
    // Stored as no pointer to a function, of a type that nobody calls through.
    let (made, plan) = planned(
        "static int far(long a) { return a; }\nstruct op { void *go; };\n\
         int run(int n) { struct op *p = malloc(sizeof(*p)); int r; if (!p) return 0; \
         p->go = n ? (void *)far : (void *)up; r = ((int (*)(int))p->go)(3); free(p); return r; }\n",
    );
    assert!(!made.contains("far_pointer"), "{made}");
    let told = plan.notices().iter().find(|n| n.rule == Rule::IndirectCall);
    let told = told.map(|n| n.message.as_str()).unwrap_or_default();
    assert!(told.contains("something other than a pointer"), "{told}");
    assert!(!made.contains("up_pointer"), "{made}");
}

#[test]
fn addresses_in_initial_values_are_assigned_or_told() {
    let made = made(
        "struct e { const char *name; int n; };\n\
         static const struct e list[] = { { \"a\", 1 }, { .n = 2, .name = \"b\" }, { NULL, 3 } };\n\
         int run(int i) { int *p = malloc(4); int r; if (!p) return 0; r = list[i & 1].name[0]; \
         free(p); return r; }\n",
    );
    assert!(
        made.contains("struct e __arena list[]") || made.contains("static struct e list[]"),
        "{made}"
    );
    assert!(made.contains("list[0].name = "), "{made}");
    assert!(made.contains("list[1].name = "), "{made}");
    assert!(made.contains("{ NULL, 3 }"), "{made}");
    // Without all its braces.
    let (_, plan) = planned(
        "struct e { const char *name; int n; };\n\
         static const struct e list[] = { \"a\", 1, \"b\", 2 };\n\
         int run(int i) { int *p = malloc(4); int r; if (!p) return 0; r = list[i & 1].name[0]; \
         free(p); return r; }\n",
    );
    assert!(plan.notices().iter().any(|n| n.rule == Rule::AddressInData));
}
