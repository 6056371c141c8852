//! Refusals name their true cause, at the line that the user wrote.

use super::*;

#[test]
fn a_refusal_names_the_line_before_the_rewrite() {
    if !can_load("a_refusal_names_the_line_before_the_rewrite") {
        return;
    }
    let project = project(BAD);
    let source = fs::read_to_string(project.path().join("prog.bpf.c")).unwrap();
    let line = source
        .lines()
        .position(|l| l.contains("rx_queue_index"))
        .unwrap()
        + 1;

    let output = verify(project.path(), &["prog.bpf.c"]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("unbounded-offset"), "{text}");
    assert!(text.contains(&format!("prog.bpf.c:{line}:2")), "{text}");
    assert!(
        !text.contains("processed"),
        "the log is shown on demand only: {text}"
    );
    let output = verify(project.path(), &["--log", "prog.bpf.c"]);
    assert!(stdout(&output).contains("processed"), "{output:?}");

    let output = verify(project.path(), &["--message-format", "json", "prog.bpf.c"]);
    let refusal = json(&output)["files"][0]["programs"][0]["refusal"].clone();
    assert_eq!(refusal["kind"], "unbounded-offset");
    assert_eq!(
        (&refusal["path"], refusal["line"].as_u64()),
        (&Value::from("prog.bpf.c"), Some(line as u64))
    );
}

#[test]
fn what_the_rewrite_leaves_to_a_person_is_told_with_the_failure() {
    if !can_load("what_the_rewrite_leaves_to_a_person_is_told_with_the_failure") {
        return;
    }
    // The use as a value stays, and what it names is nowhere declared then.
    let project = project(
        "\tvoid *(*make)(unsigned long, unsigned long) = aligned_alloc;\n\t\
         free(make(8, 8));\n\treturn XDP_PASS;",
    );
    let report = |format: &str| {
        let output = verify(project.path(), &["--message-format", format, "prog.bpf.c"]);
        assert_ne!(code(&output), 0, "{output:?}");
        output
    };
    let people = stdout(&report("human"));
    assert!(
        people.contains("function-pointer") && people.contains("[prog.bpf.c:7:"),
        "{people}"
    );
    let file = json(&report("json"))["files"][0].clone();
    let notice = &file["rewrite"][0]["notices"][0];
    assert_eq!(notice["rule"], "function-pointer");
    assert_eq!(notice["span"]["line"], 7);
    let sarif = json(&report("sarif"));
    assert_sarif(&sarif);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["ruleId"] == "function-pointer"));
    let annotations = stdout(&report("github"));
    let wanted = "::warning file=prog.bpf.c,line=7,";
    assert!(annotations.contains(wanted), "{annotations}");
}

/// What a source without a call of the allocator, or with one, is refused for: the code and the
/// words.
fn refusal(source: &str, arguments: &[&str]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let head = "#include <stdio.h>\n#include <stdlib.h>\n#include <linux/bpf.h>\n\
                #include <bpf/bpf_helpers.h>\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n";
    fs::write(directory.path().join("a.bpf.c"), format!("{head}{source}")).unwrap();
    let output = verify(directory.path(), &[arguments, &["a.bpf.c"]].concat());
    assert_ne!(code(&output), 0);
    stdout(&output) + &String::from_utf8_lossy(&output.stderr)
}

/// The kernel says of each something else: that it is too large, that calls nest too deep, that there
/// is no such function.
#[test]
fn what_calls_itself_is_named_whatever_the_kernel_stumbles_over() {
    if !can_load("what_calls_itself_is_named_whatever_the_kernel_stumbles_over") {
        return;
    }
    let tail = refusal(
        "static unsigned gcd(unsigned a, unsigned b)\n{\n\treturn b ? gcd(b, a % b) : a;\n}\n\
         SEC(\"tc\") int prog(struct __sk_buff *skb)\n{\n\treturn gcd(skb->len, skb->hash);\n}\n",
        &[],
    );
    assert!(tail.contains("recursion"), "{tail}");
    assert!(
        tail.contains("gcd calls itself, of which clang made a loop"),
        "{tail}"
    );
    let fib = "static __attribute__((noinline)) int fib(int n)\n{\n\
               \treturn n < 2 ? n : fib(n - 1) + fib(n - 2);\n}\n";
    let deep = refusal(
        &format!(
            "{fib}SEC(\"tc\") int prog(struct __sk_buff *skb)\n{{\n\treturn fib(skb->len & 3);\n}}\n"
        ),
        &[],
    );
    assert!(deep.contains("fib calls fib; the kernel says: "), "{deep}");
    let missing = refusal(
        &format!(
            "extern int no_such_kfunc(void) __ksym;\n{fib}\
             SEC(\"tc\") int prog(struct __sk_buff *skb)\n{{\n\
             \treturn fib(skb->len & 3) + no_such_kfunc();\n}}\n"
        ),
        &[],
    );
    assert!(missing.contains("fib calls fib; libbpf: "), "{missing}");
    assert!(!missing.contains("the kernel says"), "{missing}");
}

#[test]
fn functions_that_nothing_defines_have_no_number_of_arguments() {
    if !can_load("functions_that_nothing_defines_have_no_number_of_arguments") {
        return;
    }
    let format = "\"%d %d %d %d %d %d\", 1, 2, 3, 4, 5, skb->len";
    let plain = format!(
        "SEC(\"tc\") int prog(struct __sk_buff *skb)\n{{\n\tchar a[32];\n\n\
         \tsprintf(a, {format});\n\treturn a[0];\n}}\n"
    );
    let allocating = plain.replace("char a[32];", "char a[32], *b = malloc(8);\n\n\tfree(b);");
    for (source, arguments) in [(&plain, &[][..]), (&allocating, &["--backend", "map"])] {
        let told = refusal(source, arguments);
        assert!(
            told.contains("a call of sprintf, which nothing defines"),
            "{told}"
        );
        assert!(!told.contains("too-many-arguments"), "{told}");
    }
}

/// A fault of the user's is not reported as one of ours.
#[test]
fn a_source_that_calls_what_it_does_not_declare_is_wrong_itself() {
    if !can_load("a_source_that_calls_what_it_does_not_declare_is_wrong_itself") {
        return;
    }
    let program = "SEC(\"tc\") int prog(struct __sk_buff *skb)\n{\n\tint *p = malloc(4);\n\n\
                   \tif (!p)\n\t\treturn 0;\n\tabsent();\n\tfree(p);\n\treturn 0;\n}\n";
    let told = refusal(program, &[]);
    assert!(
        told.contains("does not compile\n") && told.contains("absent"),
        "{told}"
    );
    assert!(!told.contains("rewritten-text"), "{told}");
    // This is one of ours: the name that the rewrite writes is taken.
    let program = format!(
        "#undef NULL\n#define static_free(a, b) 0\n{}",
        program.replace("\tabsent();\n", "")
    );
    let told = refusal(&program, &[]);
    assert!(
        told.contains("rewritten-text") && told.contains("please report it"),
        "{told}"
    );
}
