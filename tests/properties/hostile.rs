//! Inputs made to take for ever, or to exhaust the stack.

use crate::invariants::check_with_defaults;
use std::thread;

/// How long the inputs are. Builds without optimisation get by with less.
const LENGTH: usize = if cfg!(debug_assertions) {
    10_000
} else {
    100_000
};

/// Checks a file made of a start, a repeated middle and an end, on a stack as small as that of
/// any thread.
#[track_caller]
fn survives(start: &str, middle: &str, end: &str) {
    let repeat = LENGTH / middle.len();
    let source = [start, &middle.repeat(repeat), end].concat();
    let done = thread::spawn(move || check_with_defaults(&source.into_bytes().into())).join();
    match done {
        Ok(Ok(())) => {}
        Ok(Err(error)) => panic!("{middle:?}: {error}"),
        Err(_) => panic!("{middle:?}: panicked"),
    }
}

const CALL: &str = "void f(void *p) { free(p); }\n";
const IN: &str = "int f(void *p, int n) { free(p); ";

#[test]
fn a_hundred_kilobytes_of_brackets() {
    for bracket in ["(", "{", "["] {
        let source = [IN, &bracket.repeat(100_000)].concat();
        if let Err(error) = check_with_defaults(&source.into_bytes().into()) {
            panic!("{bracket}: {error}");
        }
    }
}

#[test]
fn brackets() {
    for middle in [
        "(", ")", "{", "}", "[", "((", "()", "{}", "({", "[(", "<:", "}{",
    ] {
        survives(CALL, middle, CALL);
        survives(IN, middle, "");
    }
}

#[test]
fn expressions() {
    for middle in [
        "malloc(",
        "free(malloc(",
        "(free)(",
        "*",
        "&",
        "!",
        "-",
        "~",
        "sizeof(",
        "sizeof ",
        "a?",
        "a?b:",
        "a,",
        "a=",
        "(int)",
        "p->",
        "p.x",
        "[0]",
        "f()",
        "\"\"",
        "a+",
        "&&",
        "p = malloc(",
    ] {
        survives(CALL, middle, CALL);
        survives(IN, middle, ";}");
    }
}

#[test]
fn statements() {
    for middle in [
        "if(p)",
        "if(p){",
        "else ",
        "if(p);else ",
        "while(p)",
        "for(;;){",
        "do ",
        "switch(n){",
        "case 1:",
        "a:",
        "goto a;",
        "return ",
        ";",
        "p=malloc(8);",
        "p=malloc(8);*p;",
        "{p=malloc(8);",
        "void*p=malloc(8);",
        "if(!(p=malloc(8)))",
        "free(p);",
        "return malloc(8);",
        "int g(void){",
        "x = malloc(8), ",
    ] {
        survives(IN, middle, "}");
    }
}

#[test]
fn declarations() {
    for middle in [
        "int ",
        "struct s{",
        "struct{",
        "typedef ",
        "void(*",
        "enum{",
        "enum{a=",
        "*",
        "x,",
        "void f(void*p){free(p);}\n",
        "int f();",
        "__attribute__((",
        "f(int a)",
        "static ",
        "void *malloc(int);",
        "int free;",
        "_Generic(",
    ] {
        survives("", middle, CALL);
        survives(CALL, middle, "");
    }
}

#[test]
fn directives() {
    for middle in [
        "#if 0\n",
        "#if A\n",
        "#ifdef A\n#else\n",
        "#else\n",
        "#endif\n",
        "#elif A\n",
        "#\n",
        "#define free(p) free(p)\n",
        "#define A malloc\n",
        "#undef free\n",
        "#include \"a.h\"\n",
        "#include <stdlib.h>\n",
        "#define A(x) free(x) \\\n",
        "#if A\nfree(p);\n#endif\n",
        "#if defined(",
        "#define A(",
        "#include ",
        "#if (",
        "#if !",
        "#if A ? ",
    ] {
        survives(CALL, middle, CALL);
        survives("#define free(p) mine(p)\n", middle, CALL);
        survives(IN, middle, "}");
    }
}

#[test]
fn text() {
    for middle in [
        "/*",
        "*/",
        "//",
        "//\n",
        "\"",
        "'",
        "\\\n",
        "\\",
        "mal\\\n",
        "\r",
        "\n",
        " ",
        "\0",
        "??/\n",
        "??/",
        "/* free(p) */",
        "// bpf-malloc: keep\n",
        "é",
        "#",
        "##",
        "@",
        "`",
        "a",
        "free",
        "free ",
        "static_free(p);",
        "'\\",
        "/\\\n",
        "R\"(",
    ] {
        survives(CALL, middle, CALL);
        survives(IN, middle, "}");
        survives("#define A(p) free(p) ", middle, "\n");
    }
}
