//! What becomes of single shapes, and which are refused.

use std::path::Path;

use bpf_malloc::rewrite::{Alone, Options, plan};

/// The text that a program becomes, without what frames have in common.
fn become_of(body: &str) -> (String, Vec<String>) {
    let text = format!("#include <stdlib.h>\n#include <bpf/bpf_helpers.h>\n\n{body}");
    let plan = super::plan(Path::new("program.c"), &text);
    let told = plan.notices().iter().map(|n| n.message.clone()).collect();
    let made = String::from_utf8(plan.apply(text.as_bytes())).expect("UTF-8");
    (made, told)
}

#[track_caller]
fn refused(body: &str, reason: &str) {
    let (made, told) = become_of(body);
    assert!(made.ends_with(body), "{made}");
    assert!(told.len() == 1 && told[0].contains(reason), "{told:?}");
}

#[track_caller]
fn holds(body: &str, parts: &[&str]) {
    let (made, told) = become_of(body);
    assert!(told.is_empty(), "{told:?}");
    for part in parts {
        assert!(made.contains(part), "no {part:?} in\n{made}");
    }
}

#[test]
fn the_body_keeps_its_shape() {
    holds(
        "struct tree { struct tree *l, *r; int v; };\n\n\
         /* The sum of all values. */\n\
         static int sum(const struct tree *t)\n{\n\
         \tif (!t)\n\t\treturn 0; /* nothing */\n\
         \treturn t->v + sum(t->l) + sum(t->r);\n}\n",
        &[
            "\tif (!f->t) {\n\t\tresult = 0;\n\t\tgoto leave;\n\t} /* nothing */\n",
            "\tt = f->t->l;\n\tf->call.at = 1;\n\tgoto enter_sum;\n\
             after_sum_1:\n\tf->value1 = f->t->v + result;\n",
            "after_sum_2:\n\tresult = f->value1 + result;\nleave:\n",
            "\tconst struct tree *t;\n\tint value1;\n};\n\n/* The sum of all values. */\nstatic int sum(",
        ],
    );
}

#[test]
fn what_no_call_needs_stays_a_variable() {
    holds(
        "static int f(int *v, int n)\n{\n\tint before = v[n], after;\n\n\
         \tif (n == 0)\n\t\treturn before;\n\
         \tv[n - 1] += before;\n\tafter = f(v, n - 1);\n\treturn after * 2;\n}\n",
        &[
            "struct f_frame {\n\tstruct call_frame call;\n\tint n;\n};",
            "int before = v[frame->n], after;",
        ],
    );
}

#[test]
fn a_last_call_needs_no_frame() {
    holds(
        "static unsigned gcd(unsigned a, unsigned b)\n{\n\tif (b)\n\t\treturn gcd(b, a % b);\n\treturn a;\n}\n",
        &[
            "again_gcd:\n\tif (!can_loop)\n\t\treturn 0;\n",
            "a_next = b;\n",
            "goto again_gcd;",
        ],
    );
}

#[test]
fn shapes_that_stay_are_told() {
    refused(
        "int f(int n)\n{\n\tint a[n + 1];\n\ta[0] = n;\n\treturn n ? f(n - 1) + a[0] : 0;\n}\n",
        "an array whose length is told at run time",
    );
    refused(
        "int f(int n, ...)\n{\n\treturn n ? f(n - 1) + 1 : 0;\n}\n",
        "a variable number of arguments",
    );
    refused(
        "int f(int n)\n{\n\tint r = ({ int x = n; x ? f(x - 1) + 1 : 0; });\n\treturn r;\n}\n",
        "a statement expression",
    );
    refused(
        "static void put(int *p) {}\nint f(int n)\n{\n\
         \tint x __attribute__((cleanup(put))) = n;\n\treturn n ? f(n - 1) + x : 0;\n}\n",
        "a cleanup function",
    );
    refused(
        "int f(int n)\n{\n#ifdef FAST\n\treturn n;\n#elif defined(SLOW)\n\treturn f(n);\n#endif\n\
         \treturn n ? f(n - 1) + 1 : 0;\n}\n",
        "conditions leave a part of it out",
    );
}

/// They would leave the loop without its frames.
#[test]
fn parts_that_conditions_leave_out_say_so() {
    holds(
        "static int f(int n)\n{\n#ifdef FAST\n\tif (n > 9)\n\t\treturn n;\n#endif\n\
         \treturn n ? f(n - 1) + 1 : 0;\n}\n",
        &[
            "#ifdef FAST\n#error the recursion was rewritten without this part: rewrite it with it\n\
             \tif (n > 9)\n\t\treturn n;\n#endif\n",
        ],
    );
}

#[test]
fn a_program_without_recursion_stays_as_it_is() {
    let (made, told) =
        become_of("static int g(int n) { return n; }\nint f(int n) { return g(n); }\n");
    assert!(!made.contains("call_frame") && told.is_empty());
}

/// What a rewrite makes of a program with `body`; the result once more stays.
fn rewritten(body: &str) -> String {
    let text = format!("#include <stdlib.h>\n#include <bpf/bpf_helpers.h>\n\n{body}");
    let path = Path::new("program.c");
    let made = |text: &str| {
        let plan = plan(
            path,
            text.as_bytes(),
            &Alone::default(),
            &Options::default(),
        );
        String::from_utf8(plan.apply(text.as_bytes())).expect("UTF-8")
    };
    let first = made(&text);
    assert_eq!(made(&first), first, "a second run changes it");
    first
}

#[test]
fn functions_that_bpf_cannot_call_become_parts_of_their_callers() {
    let made = rewritten(
        "int six(int a, int b, int c, int d, int e, int f);\n\n\
         int use(int *p)\n{\n\treturn six(*p, 1, 2, 3, 4, 5);\n}\n\n\
         int six(int a, int b, int c, int d, int e, int f)\n{\n\treturn a + f;\n}\n\n\
         static inline struct pair { int a, b; } both(int n)\n{\n\treturn (struct pair){n, n};\n}\n\n\
         int all(int (*each)(int), int n)\n{\n\treturn each(n) + both(n).a;\n}\n\n\
         int one(int n)\n{\n\treturn n;\n}\n\n\
         int run(void)\n{\n\tint *p = malloc(4);\n\tint n = p ? use(p) : all(one, 2);\n\tfree(p);\n\treturn n;\n}\n",
    );
    for part in [
        "static int six(int a, int b, int c, int d, int e, int f);",
        "static __always_inline int six(int a, int b, int c, int d, int e, int f)\n{",
        "static inline __attribute__((always_inline)) struct pair",
        "static __always_inline int all(int (*each)(int), int n)",
    ] {
        assert!(made.contains(part), "no {part:?} in\n{made}");
    }
    // Who keeps the address may call it from anywhere.
    let kept = rewritten(
        "typedef int (*six_fn)(int, int, int, int, int, int);\n\
         int six(int a, int b, int c, int d, int e, int f)\n{\n\treturn a + f;\n}\n\n\
         six_fn get(void)\n{\n\tfree(malloc(4));\n\treturn six;\n}\n",
    );
    assert!(!kept.contains("inline"), "{kept}");
}
