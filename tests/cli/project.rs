//! Headers and compiler flags: a macro that maps `free` to something else keeps its calls.

use crate::common::{Dir, SOURCE};

const MAPS: &str = "#define free(p) mine(p)\n";

fn source(include: &str) -> String {
    format!("#include {include}\nvoid f(void *p) {{ free(p); }}\n")
}

/// Whether a rewrite leaves the calls in `file` alone.
#[track_caller]
fn kept(dir: &Dir, args: &[&str]) -> bool {
    let run = dir.rewrite(&[&["--check", "-v"][..], args].concat());
    let kept = run.code == 0;
    assert!(kept || run.code == 1, "{run:#?}");
    assert_eq!(kept, run.err.contains("mapped-by-macro"), "{run:#?}");
    kept
}

#[test]
fn beside_the_file() {
    let dir = Dir::with(&[("a.c", &source("\"m.h\"")), ("m.h", MAPS)]);
    assert!(kept(&dir, &["a.c"]));
    dir.write("m.h", "#define other 1\n");
    assert!(!kept(&dir, &["a.c"]));
}

#[test]
fn through_another_header() {
    let dir = Dir::with(&[
        ("src/a.c", &source("\"x/n.h\"")),
        ("src/x/n.h", "#include \"../m.h\"\n"),
        ("src/m.h", MAPS),
    ]);
    assert!(kept(&dir, &["src/a.c"]));
}

#[test]
fn where_the_kernels_tools_have_what_programs_include() {
    let dir = Dir::with(&[
        ("tools/lib/a.c", &source("<linux/m.h>")),
        ("tools/include/uapi/linux/m.h", MAPS),
        ("include/linux/m.h", "#define other 1\n"),
        (".git/HEAD", ""),
    ]);
    assert!(kept(&dir, &["tools/lib/a.c"]));
    // What is there under both names is meant for the tools.
    dir.write("tools/include/linux/m.h", "#define other 1\n");
    assert!(!kept(&dir, &["tools/lib/a.c"]));
}

#[test]
fn in_directories_above_up_to_the_root() {
    let dir = Dir::with(&[
        ("p/src/deep/a.c", &source("<lib/m.h>")),
        ("p/include/lib/m.h", MAPS),
        ("p/.git/HEAD", ""),
        ("include/lib/n.h", MAPS),
        ("p/src/deep/b.c", &source("\"lib/n.h\"")),
    ]);
    assert!(kept(&dir, &["p/src/deep/a.c"]));
    assert!(
        !kept(&dir, &["p/src/deep/b.c"]),
        "the root is where .git is"
    );
}

#[test]
fn without_a_marked_root_the_inputs_are_the_project() {
    let dir = Dir::with(&[("p/src/a.c", &source("<m.h>")), ("p/include/m.h", MAPS)]);
    let run = dir.rewrite(&["--check", "p"]).exits(0);
    assert_eq!(run.out, "");
    assert!(!kept(&dir, &["p/src/a.c"]));
}

#[test]
fn given_directories_and_macros() {
    let dir = Dir::with(&[("src/a.c", &source("\"m.h\"")), ("inc/m.h", MAPS)]);
    assert!(!kept(&dir, &["src/a.c"]));
    assert!(kept(&dir, &["-I", "inc", "src/a.c"]));
    assert!(kept(&dir, &["-Iinc", "src/a.c"]));
    dir.write("b.c", SOURCE);
    assert!(kept(&dir, &["-Dfree=mine", "b.c"]));
    assert!(!kept(&dir, &["-Dfree=mine", "-Ufree", "b.c"]));
}

#[test]
fn a_condition_in_a_header_depends_on_the_command_line() {
    let maps = "#ifdef OWN_HEAP\n#define free(p) mine(p)\n#endif\n";
    let dir = Dir::with(&[("a.c", &source("\"m.h\"")), ("m.h", maps)]);
    assert!(kept(&dir, &["-D", "OWN_HEAP", "a.c"]));
}

#[test]
fn headers_of_the_system_are_not_read() {
    // The C library's own header declares free: that is no mapping and no definition.
    let dir = Dir::with(&[("a.c", &source("<stdlib.h>"))]);
    assert!(!kept(&dir, &["-I/usr/include", "a.c"]));
}

#[test]
fn compilation_database() {
    let dir = Dir::with(&[
        ("src/a.c", &source("\"m.h\"")),
        ("src/b.c", SOURCE),
        ("src/c.c", SOURCE),
        ("src/d.c", SOURCE),
        ("inc/m.h", MAPS),
    ]);
    let database = |command: &str| {
        format!(
            r#"[{{"directory": "{0}", "file": "src/a.c", "command": "cc -I'inc' -c src/a.c"}},
                {{"directory": "{0}/src", "file": "b.c", "arguments": ["cc", "-Dfree=mine", "b.c"]}},
                {{"directory": "{0}", "file": "src/c.c", "command": "cc {command} -c src/c.c"}}]"#,
            dir.path().display()
        )
    };
    dir.write("build/compile_commands.json", database("-include inc/m.h"));
    for file in ["src/a.c", "src/b.c", "src/c.c"] {
        assert!(kept(&dir, &[file]), "{file}");
    }
    assert!(!kept(&dir, &["src/d.c"]));
    // One in the directory itself comes before.
    dir.write("src/compile_commands.json", "[]");
    assert!(!kept(&dir, &["src/b.c"]));
    assert!(kept(
        &dir,
        &[
            "--compile-commands",
            "build/compile_commands.json",
            "src/b.c"
        ]
    ));
    dir.write("src/compile_commands.json", "nonsense");
    let run = dir.rewrite(&["--check", "src"]).exits(2);
    assert_eq!(
        run.err.matches("is no compilation database").count(),
        1,
        "told once: {run:?}"
    );
    dir.rewrite(&["--compile-commands", "none.json", "src"])
        .exits(2);
}

#[test]
fn plans_do_not_depend_on_what_was_written_before() {
    // b.bpf.c sees a.h as it was, although a.h is rewritten in the same run.
    let dir = Dir::with(&[
        ("a.h", "static inline void drop(void *p) { free(p); }\n"),
        (
            "b.bpf.c",
            "#include \"a.h\"\nvoid f(void *p) { drop(p); free(p); }\n",
        ),
    ]);
    let run = dir.rewrite(&["--diff", "."]).exits(0);
    dir.rewrite(&["-j", "1", "."]).exits(0);
    let b = dir.read("b.bpf.c");
    for line in b.lines() {
        assert!(
            run.out.contains(line),
            "{line:?} is not in the diff: {}",
            run.out
        );
    }
    dir.rewrite(&["--check", "."]).exits(0);
}

#[test]
fn another_name_follows_where_all_its_uses_are_calls() {
    const NAMES: &str = "#define my_malloc malloc\n#define my_free free\n";
    const CALLS: &str = "#include \"names.h\"\nvoid f(void)\n{\n\tint *p = my_malloc(4);\n\n\tif (p)\n\
                         \t\t*p = 1;\n\tmy_free(p);\n}\n";
    let dir = Dir::with(&[("names.h", NAMES), ("a.c", CALLS)]);
    dir.rewrite(&["a.c", "names.h"]).exits(0);
    assert_eq!(
        dir.read("names.h"),
        "#include \"dynamic_memory.h\"\n\n\
         #define my_malloc static_malloc\n#define my_free static_free\n"
    );
    assert_eq!(dir.read("a.c"), CALLS);

    // Another file takes the address of one of them.
    let bare = "#include \"names.h\"\nvoid (*hook)(void *) = my_free;\n";
    let dir = Dir::with(&[("names.h", NAMES), ("a.c", CALLS), ("b.c", bare)]);
    let run = dir.rewrite(&["a.c", "b.c", "names.h"]);
    assert!(
        run.err.contains("`my_free` is an alias of `free`"),
        "{run:#?}"
    );
    assert!(
        dir.read("names.h")
            .ends_with("static_malloc\n#define my_free free\n")
    );
}
