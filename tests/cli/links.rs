//! Several files: blocks that come from the functions and macros of other files.

use crate::common::Dir;

const UTIL: &str = "#ifndef UTIL_H\n#define UTIL_H\n\n#include <stdlib.h>\n\n\
                    struct item { int value; };\n\
                    #define NEW(T) ((T *)malloc(sizeof(T)))\n\
                    struct item *make(void);\nstruct item *again(void);\n\n#endif\n";
const MAKE: &str =
    "#include \"util.h\"\n\nstruct item *make(void)\n{\n\treturn NEW(struct item);\n}\n";
const AGAIN: &str = "#include \"util.h\"\n\nstruct item *again(void)\n{\n\treturn make();\n}\n";
const USE: &str = "#include \"util.h\"\n\nint use(void)\n{\n\tstruct item *a = NEW(struct item);\n\t\
                   a->value = 1;\n\tstruct item *b = again();\n\tb->value = 2;\n\t\
                   return a->value + b->value;\n}\n";
const CHECKED: &str = "#include \"util.h\"\n#include \"dynamic_memory.h\"\n\nint use(void)\n{\n\t\
                       struct item *a = NEW(struct item);\n\tif (!a)\n\t\treturn -ENOMEM;\n\t\
                       a->value = 1;\n\tstruct item *b = again();\n\tif (!b) {\n\t\tstatic_free(a);\n\
                       \t\treturn -ENOMEM;\n\t}\n\tb->value = 2;\n\t\
                       return a->value + b->value;\n}\n";

fn project() -> Dir {
    Dir::with(&[
        ("util.h", UTIL),
        ("make.c", MAKE),
        ("again.c", AGAIN),
        ("use.c", USE),
    ])
}

#[test]
fn a_file_that_names_no_allocator_gets_its_checks() {
    let dir = project();
    dir.rewrite(&["--all", "."]).exits(0);
    // The header brings dynamic_memory.h, so no other file includes it.
    let checked = CHECKED.replace("#include \"dynamic_memory.h\"\n", "");
    assert_eq!(dir.read("use.c"), checked);
    assert_eq!(dir.read("make.c"), MAKE);
    assert_eq!(dir.read("again.c"), AGAIN);
    let header = UTIL.replace("<stdlib.h>", "\"dynamic_memory.h\"");
    assert_eq!(
        dir.read("util.h"),
        header.replace("malloc(sizeof", "static_malloc(sizeof")
    );
    let run = dir.rewrite(&["--all", "--check", "."]).exits(0);
    assert_eq!(run.out, "");
}

#[test]
fn alone_it_is_not_known_to_allocate() {
    let dir = project();
    let run = dir.rewrite(&["--check", "again.c"]).exits(0);
    assert_eq!(run.out, "");
}
