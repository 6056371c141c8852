//! Calls that BPF does not have in included files, which change together with the files that include
//! them.

use crate::common::Dir;

/// A list whose sum is a function that calls itself.
const SUMS: &str = include_str!("../../fixtures/recursion/two_headers/sums.h");

/// A program that includes it, with declarations of its own.
fn program(own: &str, result: &str) -> String {
    format!(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n{own}#include \"sums.h\"\n\n\
         SEC(\"xdp\") int prog(struct xdp_md *ctx)\n{{\n\treturn {result};\n}}\n"
    )
}

const SUM: &str = "item_sum(item_new(1, item_new(2, NULL, NULL), NULL))";

/// What comes out of a file of a directory.
#[track_caller]
fn rewritten(dir: &Dir, file: &str) -> String {
    std::fs::read_to_string(dir.path().join("out").join(file)).expect("a result")
}

#[test]
fn units_that_make_the_same_of_a_header_share_the_result() {
    let dir = Dir::with(&[
        ("sums.h", SUMS),
        ("a.bpf.c", &program("", SUM)),
        ("b.bpf.c", &program("", &SUM.replace('2', "3"))),
        // This one does not allocate.
        ("c.bpf.c", &program("", "sizeof(struct item)")),
    ]);
    dir.rewrite(&["-o", "out", "."]).exits(0).says(&["rewrote"]);
    let header = rewritten(&dir, "sums.h");
    for line in [
        "#ifndef CALL_FRAME\n#define CALL_FRAME\n",
        "struct item_sum_frame {",
        "after_item_sum_1:",
    ] {
        assert!(header.contains(line), "{line} is not in\n{header}");
    }
    assert_eq!(
        header.matches("#define CALL_FRAME\n").count(),
        1,
        "{header}"
    );
}

#[test]
fn a_header_that_units_need_in_different_ways_stays_and_is_told() {
    let own = "struct item_sum_frame { int other; };\n";
    let dir = Dir::with(&[
        ("sums.h", SUMS),
        ("a.bpf.c", &program("", SUM)),
        ("b.bpf.c", &program(own, SUM)),
    ]);
    dir.rewrite(&["-o", "out", "."]).says(&[
        "sums.h: stays as it is: files that include it need calls in it changed in different ways",
    ]);
    let header = rewritten(&dir, "sums.h");
    assert!(header.contains("2 * item_sum(item->inner)"), "{header}");
    assert!(!header.contains("CALL_FRAME"), "{header}");
}

#[test]
fn a_template_stays_and_is_told() {
    let template = "\
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)
struct PASTE(node_, T) { T value; struct PASTE(node_, T) *next; };

static T PASTE(sum_, T)(struct PASTE(node_, T) *node)
{
	return node ? node->value + 2 * PASTE(sum_, T)(node->next) : 0;
}

static struct PASTE(node_, T) *PASTE(push_, T)(struct PASTE(node_, T) *to, T value)
{
	struct PASTE(node_, T) *node = malloc(sizeof(*node));

	if (!node)
		return to;
	node->value = value;
	node->next = to;
	return node;
}
#undef T
";
    let program = "\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
#define T int
#include \"node.h\"
#define T long
#include \"node.h\"

SEC(\"xdp\") int prog(struct xdp_md *ctx)
{
	return sum_int(push_int(NULL, 4)) + sum_long(push_long(NULL, 5));
}
";
    let dir = Dir::with(&[("node.h", template), ("a.bpf.c", program)]);
    dir.rewrite(&["-o", "out", "."])
        .says(&["node.h: it is included more than once"]);
    let text = rewritten(&dir, "node.h");
    assert!(text.contains("2 * PASTE(sum_, T)(node->next)"), "{text}");
}

#[test]
fn callbacks_of_a_header_that_several_programs_include_stay_and_are_told() {
    let header = "\
#ifndef LIST_H
#define LIST_H
#include <stdlib.h>

struct list { struct list *next; void (*drop)(struct list *); };

static void drop_all(struct list *list)
{
	while (list) {
		struct list *next = list->next;

		list->drop(list);
		list = next;
	}
}
#endif
";
    let program = "\
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include \"list.h\"

static void give(struct list *list) { free(list); }
static void keep(struct list *list) { list->next = NULL; }

SEC(\"xdp\") int prog(struct xdp_md *ctx)
{
	struct list *list = malloc(sizeof(*list));

	if (!list)
		return 1;
	list->next = NULL;
	list->drop = ctx->data ? give : keep;
	drop_all(list);
	return 0;
}
";
    let alone = Dir::with(&[("list.h", header), ("a.bpf.c", program)]);
    alone.rewrite(&["-o", "out", "."]).exits(0);
    let text = rewritten(&alone, "list.h");
    assert!(text.contains("call_drop(list->drop, list);"), "{text}");
    let both = Dir::with(&[
        ("list.h", header),
        ("a.bpf.c", program),
        ("b.bpf.c", program),
    ]);
    both.rewrite(&["-o", "out", "."])
        .says(&["calls through pointers stay: it stands in a header that others include"]);
    let text = rewritten(&both, "list.h");
    assert!(text.contains("list->drop(list);"), "{text}");
    let text = rewritten(&both, "a.bpf.c");
    assert!(text.contains("give : keep"), "{text}");
}

#[test]
fn a_c_file_that_a_program_includes_is_code_for_bpf() {
    let dir = Dir::with(&[
        ("sums.c", SUMS),
        ("a.bpf.c", &program("", SUM).replace("sums.h", "sums.c")),
        (
            "loader.c",
            "#include <stdlib.h>\nint main(void) { free(malloc(1)); return 0; }\n",
        ),
    ]);
    dir.rewrite(&["-o", "out", "."])
        .exits(0)
        .says(&["skipped 1 file with calls of the allocator"]);
    let text = rewritten(&dir, "sums.c");
    assert!(text.contains("struct item_sum_frame {"), "{text}");
}

#[test]
fn programs_in_headers_are_done_after_one_run() {
    let copied = include_str!("../../fixtures/plain/structures_copied_in_words.c");
    let kept = include_str!("../../fixtures/plain/pointers_to_locals_in_blocks.c");
    let literals = include_str!("../../fixtures/plain/names_in_static_pointers.c");
    for (text, backend) in [(copied, "arena"), (kept, "auto"), (literals, "auto")] {
        let files = [("all.bpf.h", text), ("b.bpf.c", "#include \"all.bpf.h\"\n")];
        let dir = Dir::with(&files);
        dir.rewrite(&["--backend", backend, "-o", "out", "."])
            .exits(0)
            .says(&["rewrote"]);
        dir.rewrite(&["--backend", backend, "--check", "out"])
            .exits(0);
    }
}

/// Of a program without its headers one thing is said, not one for each place.
#[test]
fn a_missing_header_is_named_instead_of_what_could_not_be_read() {
    let function = |name: &str| {
        format!(
            "static int {name}(struct pt_regs *ctx)\n{{\n\tstruct flow *f = malloc(sizeof(*f));\n\n\
             \tlist_for_each(f, head) {{\n\t\tf->n = (u64)(ts) - (u64)(f->start);\n\t\tfree(f);\n\
             \t}}\n\treturn 0;\n}}\n"
        )
    };
    let functions: String = ["a", "b", "c"].map(function).concat();
    let source =
        format!("#include \"vmlinux.h\"\nDEFINE_MAP(hash, u32, struct flow *, 8)\n{functions}");
    let dir = Dir::with(&[("a.bpf.c", &source), ("b.bpf.c", &functions)]);
    let run = dir.rewrite(&["--check", "a.bpf.c"]).exits(1);
    let run = run.says(&["vmlinux.h was not found, and 3 places", "bpftool btf dump"]);
    assert_eq!(run.err.matches("unparsed").count(), 1, "{}", run.err);
    let run = dir.rewrite(&["--check", "b.bpf.c"]).exits(1);
    assert_eq!(
        run.err.matches("could not be read").count(),
        3,
        "{}",
        run.err
    );
    let run = dir.run(&["check", "a.bpf.c"]).exits(2);
    run.says(&[
        "missing-header",
        "there is no header vmlinux.h",
        "bpftool btf dump",
    ]);
}
