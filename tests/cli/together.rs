//! Files that are built into one program.

use crate::common::Dir;

/// A macro of a header whose function needs a variable in the arena that begins with an argument of the macro.
const ERASE: &str = "\
struct node { struct node *next; int value; };

#define LIST_ERASE(name, first) \\
	struct node *name(struct node *list, int value) \\
	{ \\
		struct node *at, *gone, fake = first; \\
		fake.next = list; \\
		for (at = &fake; at->next && at->next->value != value; at = at->next) \\
			; \\
		gone = at->next; \\
		if (gone) \\
			at->next = gone->next; \\
		return fake.next; \\
	}
";

#[test]
fn what_is_built_together_is_rewritten_all_or_not_at_all() {
    let source = "#include <stdlib.h>\n#include \"list.h\"\n\nLIST_ERASE(list_erase, {0})\n\n\
                  int sum(void)\n{\n\tstruct node *list = malloc(sizeof(*list));\n\n\
                  \tif (!list)\n\t\treturn 0;\n\tlist->next = NULL;\n\tlist->value = other();\n\
                  \tlist = list_erase(list, 4);\n\treturn list ? list->value : 0;\n}\n";
    let source = source.replace("int sum", "int other(void);\n\nint sum");
    let other = "#include <stdlib.h>\n\nint other(void)\n{\n\tint *p = malloc(sizeof(*p));\n\n\
                 \tif (!p)\n\t\treturn 0;\n\t*p = 3;\n\treturn *p;\n}\n";
    let dir = Dir::with(&[("a.c", &source), ("b.c", other), ("list.h", ERASE)]);
    dir.rewrite(&["a.c", "b.c", "list.h"]).exits(1).says(&[
        "a macro makes the variable `fake`, which would have to lie in the arena",
        "this file stays as it is, for ",
    ]);
    for (name, text) in [("a.c", &*source), ("b.c", other), ("list.h", ERASE)] {
        assert_eq!(dir.read(name), text, "{name}");
    }
    // Written out, it moves.
    let written = ERASE
        .replace("#define LIST_ERASE(name, first) \\\n", "static ")
        .replace("= first", "= {0}")
        .replace(" \\\n", "\n")
        .replace("name(", "list_erase(");
    let source = source.replace("LIST_ERASE(list_erase, {0})\n\n", "");
    let dir = Dir::with(&[("a.c", &source), ("b.c", other), ("list.h", &written)]);
    dir.rewrite(&["a.c", "b.c", "list.h"]);
    assert!(dir.read("list.h").contains("*fake static_local"));
    assert!(dir.read("b.c").contains("static_malloc"));
}

#[test]
fn a_header_says_where_the_heap_lies_for_all_that_include_it() {
    let header = "void use(void *p)\n{\n\tp = malloc(8);\n\tfree(p);\n}\n";
    // It allocates nothing, and calls nothing that does.
    let other = "#include \"list.bpf.h\"\nstatic int numbers[] = { 12, 7 };\n\
                 int number(int at)\n{\n\treturn numbers[at & 1];\n}\n";
    let source = "#include \"list.bpf.h\"\nstatic char *saved;\n\
                  SEC(\"xdp\") int prog(void *ctx)\n{\n\tchar *p = malloc(8);\n\n\
                  \tif (!p)\n\t\treturn 1;\n\tsaved = p;\n\tsaved[0] = 1;\n\treturn 0;\n}\n";
    let files = [
        ("a.bpf.c", source),
        ("b.bpf.c", other),
        ("list.bpf.h", header),
    ];
    let dir = Dir::with(&files);
    dir.rewrite(&["--all", "."]).exits(0);
    assert!(
        dir.read("list.bpf.h")
            .contains("#define DYNAMIC_MEMORY_ARENA")
    );
    assert!(
        dir.read("b.bpf.c")
            .contains("numbers[] __attribute__((used))")
    );
    dir.rewrite(&["--all", "--check", "."]).exits(0);
}

#[test]
fn structures_of_the_arena_are_values() {
    let source = "#include <stdlib.h>\nstruct node { struct node *next; int value; };\n\
                  static int value(struct node node)\n{\n\treturn node.value;\n}\n\n\
                  static struct node first(struct node *list)\n{\n\treturn list[0];\n}\n\n\
                  int sum(void)\n{\n\tstruct node *list = calloc(2, sizeof(*list)), copy;\n\
                  \tint sum;\n\n\tif (!list)\n\t\treturn 0;\n\tlist->next = list + 1;\n\
                  \tcopy = first(list);\n\tsum = value(*list->next) + copy.value;\n\
                  \tfree(list);\n\treturn sum;\n}\n";
    let dir = Dir::with(&[("a.c", source)]);
    dir.rewrite(&["a.c"]).exits(0);
    let text = dir.read("a.c");
    for part in [
        "return static_value(list[0]);",
        "value(static_value(*list->next))",
    ] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    dir.rewrite(&["--check", "a.c"]).exits(0);
}
