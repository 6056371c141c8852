//! Linked data: which backend is chosen, why, and how several files agree on it.

use crate::common::{Dir, Run};

/// Stores pointers to blocks, and follows them.
const LIST: &str = "\
#include <stdlib.h>

struct node { struct node *next; int value; };
struct node *head;

int add(int value)
{
	struct node *n = malloc(sizeof(*n)), *each;
	int sum = 0;

	n->value = value;
	n->next = head;
	head = n;
	for (each = head; each; each = each->next)
		sum += each->value;
	return sum;
}
";

const DEFINE: &str = "#define DYNAMIC_MEMORY_ARENA\n#include \"dynamic_memory.h\"\n";

#[track_caller]
fn result(dir: &Dir, args: &[&str]) -> String {
    dir.rewrite(&[&["-o", "-"][..], args].concat()).exits(0).out
}

#[test]
fn linked_data_goes_into_an_arena_and_the_report_says_why() {
    let dir = Dir::with(&[("a.c", LIST)]);
    let text = result(&dir, &["a.c"]);
    for line in [
        DEFINE,
        "struct node { struct node __arena *next; int value; };",
        "struct node __arena * __arena head;",
        "struct node __arena *n = static_malloc(sizeof(*n)), *each;",
        "for (each = head; each && can_loop; each = each->next)",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("if (!n)"), "{text}");
    dir.rewrite(&["--diff", "-v", "a.c"]).exits(0).says(&[
        "a pointer into the heap is loaded from memory here and followed in line 14",
        "Linux 6.9 or later and clang 19 or later",
    ]);
}

#[test]
fn what_is_not_followed_later_stays_in_maps() {
    let text = LIST.replace(
        "each = head; each; each = each->next",
        "int i = 0; i < 3; i++",
    );
    let dir = Dir::with(&[("a.c", &text.replace("each->value", "1"))]);
    let text = result(&dir, &["a.c"]);
    assert!(
        !text.contains("__arena") && !text.contains("DYNAMIC_MEMORY"),
        "{text}"
    );
    assert!(text.contains("if (!n)"), "{text}");
}

#[test]
fn the_backend_can_be_chosen() {
    let dir = Dir::with(&[("a.c", LIST), ("b.c", crate::common::SOURCE)]);
    let map = result(&dir, &["--backend", "map", "a.c"]);
    assert!(!map.contains("__arena") && map.contains("if (!n)"), "{map}");
    let arena = result(&dir, &["--backend", "arena", "b.c"]);
    assert!(
        arena.contains(DEFINE) && arena.contains("void __arena *p"),
        "{arena}"
    );
    dir.write("bpf-malloc.toml", "backend = \"map\"\n");
    assert_eq!(result(&dir, &["a.c"]), map);
    let back = result(&dir, &["--backend", "auto", "a.c"]);
    assert!(back.contains(DEFINE), "{back}");
    dir.rewrite(&["--backend", "heap", "a.c"])
        .exits(2)
        .says(&["map, arena, auto"]);
}

#[test]
fn each_declaration_is_explained() {
    let dir = Dir::with(&[("a.c", LIST)]);
    let explained = |run: Run| {
        run.exits(0).says(&[
            "this is memory of the arena: line 12 `n->next = head;`, then line 13 `head = n;`, then line 8 \
         `struct node *n = malloc(sizeof(*n)), *each;`",
        ])
    };
    explained(dir.rewrite(&["--diff", "--explain", "a.c"]));
    let json = dir.rewrite(&["--diff", "--explain", "--message-format", "json", "a.c"]);
    assert!(json.out.contains("\"explained\""), "{json:#?}");
}

#[test]
fn before_6_9_stored_pointers_are_turned_back() {
    let dir = Dir::with(&[("a.c", LIST)]);
    let text = result(&dir, &["--target-kernel", "6.1", "a.c"]);
    for line in [
        "#define DYNAMIC_MEMORY_LINKED\n#include \"dynamic_memory.h\"\n",
        "static_bounded for (each = head; each && can_loop; each = static_pointer(each)->next)",
        "sum += static_pointer(each)->value;",
        "if (!n)",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("__arena"), "{text}");
    dir.write("out.c", &text);
    dir.rewrite(&["--check", "out.c"]).exits(0);
    let later = result(&dir, &["--target-kernel", "6.12", "a.c"]);
    assert!(later.contains(DEFINE), "{later}");
    dir.rewrite(&["--target-kernel", "6.1", "--backend", "arena", "a.c"])
        .exits(2)
        .says(&["Linux 6.1 has no arenas"]);
}

#[test]
fn files_that_share_a_header_agree() {
    let header = "\
#pragma once
#include <stdlib.h>
struct node { struct node *next; int value; };
extern struct node *head;
#define each_node(n) for (n = head; n; n = n->next)
";
    let fill = "\
#include \"list.h\"
struct node *head;
void fill(int value)
{
	struct node *n = malloc(sizeof(*n));
	n->value = value;
	n->next = head;
	head = n;
}
";
    let sum = "\
#include \"list.h\"
int sum(void)
{
	struct node *n;
	int all = 0;
	each_node(n)
		all += n->value;
	return all;
}
";
    let dir = Dir::with(&[
        ("p/list.h", header),
        ("p/fill.bpf.c", fill),
        ("p/sum.bpf.c", sum),
    ]);
    dir.rewrite(&["-o", "out", "p"]).exits(0);
    let header = dir.read("out/list.h");
    for line in [
        DEFINE,
        "struct node { struct node __arena *next; int value; };",
        "extern struct node __arena * __arena head;",
        "for (n = head; n && can_loop; n = n->next)",
    ] {
        assert!(header.contains(line), "{line} is not in\n{header}");
    }
    assert!(
        dir.read("out/fill.bpf.c")
            .contains("struct node __arena * __arena head;")
    );
    // It allocates nothing, and follows what the other file allocates.
    assert!(
        dir.read("out/sum.bpf.c")
            .contains("struct node __arena *n;")
    );
    dir.rewrite(&["--check", "out"]).exits(0);
    // Alone, the file knows what the header has to say, but does not change it.
    let looks = fill.replace("head = n;\n", "head = n;\n\thead->next->value = 1;\n");
    dir.write("p/fill.bpf.c", &looks);
    dir.rewrite(&["--diff", "p/fill.bpf.c"])
        .exits(0)
        .says(&["list.h declares pointers into the arena, but is not rewritten"]);
}

#[test]
fn the_heap_shares_the_programs_own_arena() {
    let map = "struct {\n\t__uint(type, BPF_MAP_TYPE_ARENA);\n\t__uint(map_flags, BPF_F_MMAPABLE);\n\
               \t__uint(max_entries, 400);\n} mine SEC(\".maps\");\n";
    let list = "struct node { struct node *next; int value; };\nstatic struct node *head;\n\
                SEC(\"tc\") int push(struct __sk_buff *skb)\n{\n\
                \tstruct node *n = malloc(sizeof(*n));\n\n\tn->next = head;\n\thead = n;\n\
                \treturn head->next ? head->next->value : 0;\n}\n";
    let head = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n";
    let lines = "#define DYNAMIC_MEMORY_ARENA\n#define DYNAMIC_MEMORY_ARENA_MAP mine\n\
                 #include \"dynamic_memory.h\"\n";
    let dir = Dir::with(&[
        ("a.bpf.c", &format!("{head}{map}{list}")),
        ("maps.h", &format!("{head}{map}")),
        ("b.bpf.c", &format!("#include \"maps.h\"\n{list}")),
        ("late.bpf.c", &format!("{head}{list}{map}")),
    ]);
    let run = dir.rewrite(&["-v", "-o", "out/", "a.bpf.c", "b.bpf.c"]);
    run.exits(0)
        .says(&["the program's own arena mine", "max_entries"]);
    assert!(dir.read("out/a.bpf.c").contains(&format!("{map}{lines}")));
    let included = format!("#include \"maps.h\"\n{lines}");
    assert!(dir.read("out/b.bpf.c").contains(&included));
    // What would not compile is not written.
    dir.rewrite(&["-o", "out/", "late.bpf.c"])
        .exits(1)
        .says(&["move this to the top"]);
    assert!(!dir.read("out/late.bpf.c").contains("ARENA_MAP"));
}

/// In a second run nothing is left to edit in the header; that it chooses the arena still counts.
#[test]
fn a_header_with_its_own_program_is_done_after_one_run() {
    let program = "\
#include <bpf/bpf_helpers.h>
#include <stdlib.h>
static void fill(int *numbers, int n)
{
	int i;

	for (i = 0; i < n; i++)
		numbers[i] = i;
}
SEC(\"tc\") int run(struct __sk_buff *skb)
{
	int *numbers = malloc(12);

	fill(numbers, skb->len);
	free(numbers);
	return 0;
}
";
    let other = "#include \"run.bpf.h\"\nvoid note(void *p);\n#define free(p) (note(p), free(p))\n\
                 void drop(void *p)\n{\n\tfree(p);\n}\n";
    let dir = Dir::with(&[("p/run.bpf.h", program), ("p/other.bpf.c", other)]);
    dir.rewrite(&["p"]).exits(0);
    assert!(dir.read("p/run.bpf.h").contains(DEFINE));
    assert_eq!(dir.rewrite(&["--diff", "p"]).exits(0).out, "");
}

#[test]
fn memory_of_both_kinds_is_told_with_both_origins() {
    let text = LIST.replace(
        "\thead = n;\n",
        "\thead = n;\n\tif (value)\n\t\thead = &spare;\n",
    );
    let text = text.replace(
        "struct node *head;",
        "struct node *head, spare __attribute__((section(\".other\")));",
    );
    let dir = Dir::with(&[("a.c", &text)]);
    dir.rewrite(&["--diff", "a.c"]).exits(0).says(&[
        "a pointer may hold memory of the heap (allocated at line 8) and other memory (in a map \
         or a section of its own, line 4)",
    ]);
}

/// The first needs an arena for its recursion. The header that both include can only say one thing.
#[test]
fn a_header_that_allocates_decides_for_all_that_include_it() {
    let dir = Dir::with(&[
        (
            "a.bpf.c",
            "#include <bpf/bpf_helpers.h>\n#include <stdlib.h>\n#include \"c.h\"\nstatic int \
             down(int n)\n{\n\treturn n ? down(n - 1) * 2 + 1 : 0;\n}\nSEC(\"xdp\") int a(void \
             *ctx)\n{\n\tint *p = one();\n\tint r = p ? down(*p) : 0;\n\n\tfree(p);\n\treturn \
             r;\n}\n",
        ),
        (
            "b.bpf.c",
            "#include <bpf/bpf_helpers.h>\n#include <stdlib.h>\n#include \"c.h\"\nSEC(\"xdp\") int \
             b(void *ctx)\n{\n\tint *p = malloc(8);\n\tint r;\n\n\tif (!p)\n\t\treturn 0;\n\tp[0] = \
             5;\n\tr = p[0];\n\tfree(p);\n\treturn r;\n}\n",
        ),
        (
            "c.h",
            "static inline int *one(void)\n{\n\tint *p = malloc(sizeof(*p));\n\n\tif (p)\n\t\t*p = \
             1;\n\treturn p;\n}\n",
        ),
    ]);
    dir.rewrite(&["."]).exits(0);
    assert!(dir.read("c.h").contains("static inline int __arena *one"));
    assert!(
        dir.read("b.bpf.c")
            .contains("int __arena *p = static_malloc(8)")
    );
    let run = dir.rewrite(&["--check", "."]).exits(0);
    assert_eq!(run.out, "");
}

#[test]
fn what_keeps_pointers_between_calls_stays_in_maps() {
    let text = "#include <stdlib.h>\n#include <string.h>\nchar *first(void)\n{\n\tchar *p = \
                calloc(1, 9);\n\n\treturn p ? strtok(p, \" \") : p;\n}\n";
    let dir = Dir::with(&[("a.c", text)]);
    let run = dir.rewrite(&["--backend", "map", "a.c"]).exits(1);
    run.says(&[
        "strtok keeps a pointer between its calls",
        "--backend arena",
    ]);
    let text = dir.read("a.c");
    assert!(text.contains("? strtok(p"), "{text}");
    assert!(text.contains("#include <string.h>"), "{text}");
}

/// Numbers for functions are those of the file that names them: `up`, which two name, would have two.
#[test]
fn pointers_to_functions_that_two_files_name_stay() {
    let header = "struct op {\n\tint (*go)(int);\n};\nint up(int n);\nint down(int n);\n";
    let kit = "#include <stdlib.h>\n#include <bpf/bpf_helpers.h>\n#include \"op.h\"\nint up(int n) { \
               return n + 1; }\nint down(int n) { return n - 1; }\nint use(struct op *op) { return \
               op->go(1); }\nint made(int n)\n{\n\tstruct op *op = malloc(sizeof(*op));\n\tint \
               r;\n\n\tif (!op)\n\t\treturn 0;\n\top->go = n ? up : down;\n\tr = \
               use(op);\n\tfree(op);\n\treturn r;\n}\n";
    let shared = format!("{header}int use(struct op *op);\nint made(int n);\n");
    let user = "#include <bpf/bpf_helpers.h>\n#include \"op.h\"\nSEC(\"xdp\") int a(void \
                *ctx)\n{\n\tstruct op op = { up };\n\n\treturn use(&op) + op.go(3) + made(1);\n}\n";
    let dir = Dir::with(&[("kit.bpf.c", kit), ("a.bpf.c", user), ("op.h", &shared)]);
    let run = dir.rewrite(&["."]).exits(1);
    run.says(&["indirect-call", "other files have such pointers"]);
    for file in ["kit.bpf.c", "a.bpf.c"] {
        assert!(!dir.read(file).contains("_pointer"), "{}", dir.read(file));
    }
    assert!(dir.read("kit.bpf.c").contains("op->go = n ? up : down;"));
}

/// A library that has no section, no helper and no header of BPF, in the directory of a program that
/// calls it.
const KIT: &str = "\
#include <stdlib.h>
#include \"kit.h\"

void *kit_alloc(size_t size)
{
	void *p = malloc(size);

	if (!p)
		exit(1);
	return p;
}

/* Nobody calls it. */
void kit_add(kit_list *l, int v)
{
	struct kit_item *n = kit_alloc(sizeof(*n));

	n->v = v;
	n->next = l->first;
	l->first = n;
}

int kit_sum(const kit_list *l)
{
	int sum = 0;

	for (struct kit_item *n = l->first; n; n = n->next)
		sum += n->v;
	return sum;
}
";

const KIT_H: &str = "\
#include <stddef.h>

struct kit_item { int v; struct kit_item *next; };
typedef struct { struct kit_item *first; int count; } kit_list;

extern void *kit_alloc(size_t size);
void kit_add(kit_list *l, int v);
extern int kit_sum(const kit_list *l);
";

#[test]
fn what_programs_are_linked_with_leaves_as_they_do() {
    let program = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include <stdlib.h>\n\
                   #include \"kit.h\"\n\nSEC(\"xdp\") int prog(struct xdp_md *ctx)\n{\n\
                   \tkit_list list = { 0 };\n\n\tlist.first = kit_alloc(sizeof(*list.first));\n\
                   \treturn kit_sum(&list);\n}\n";
    let loader = "#include <stdlib.h>\nint main(void)\n{\n\tchar *p = malloc(3);\n\tif (!p)\n\
                  \t\texit(1);\n\tfree(p);\n}\n";
    let files = [
        ("kit.c", KIT),
        ("kit.h", KIT_H),
        ("prog.c", program),
        ("loader.c", loader),
    ];
    let dir = Dir::with(&files);
    dir.rewrite(&["--all", "-o", "out", "."]).exits(0);
    let text = |name: &str| std::fs::read_to_string(dir.path().join("out").join(name));
    let kit = text("kit.c").expect("a result");
    assert!(kit.contains("if (!p)\n\t\treturn NULL;"), "{kit}");
    // In user space it ends the process.
    let loader = text("loader.c").expect("a result");
    assert!(loader.contains("exit(1);"), "{loader}");
    dir.rewrite(&["--all", "--check", "out"]).exits(0);
}

#[test]
fn statics_that_clang_would_make_bytes_of_are_kept() {
    let keep = "static int keep(int value)\n{\n\tstatic int last;\n\tint before = last;\n\n\
                \tlast = value & 1023;\n\treturn before;\n}\n";
    let text = |argument: &str| {
        let use_it = format!(
            "int all(int n)\n{{\n\tint k = 20;\n\n\treturn add(n) + keep({argument});\n}}\n"
        );
        let dir = Dir::with(&[("a.c", &[LIST, keep, &use_it].concat())]);
        result(&dir, &["a.c"])
    };
    let kept = "static int last __attribute__((used));";
    for one_number in ["20", "k", "(k + 1) * 2"] {
        let text = text(one_number);
        assert!(text.contains(kept), "{one_number}: {text}");
    }
    for any_number in ["n", "add(n)", "n + k"] {
        let text = text(any_number);
        assert!(!text.contains(kept), "{any_number}: {text}");
    }
}

#[test]
fn arrays_move_where_a_loop_with_can_loop_goes_through_them() {
    // clang steps a pointer to the element on, and its comparison of the counter proves nothing then.
    let text = |table: &str, element: &str| {
        let walk = format!(
            "{table};\n\nint all(void)\n{{\n\tint sum = 0;\n\n\
             \tfor (unsigned i = 0; i < 60; i++)\n\t\tsum += add({element});\n\treturn sum;\n}}\n"
        );
        let dir = Dir::with(&[("a.c", &[LIST, &walk].concat())]);
        result(&dir, &["a.c"])
    };
    let rows = text("static const int rows[60][2] = { { 1, 2 } }", "rows[i][1]");
    assert!(rows.contains("i < 60 && can_loop"), "{rows}");
    assert!(
        rows.contains("static const int __arena rows[60][2]"),
        "{rows}"
    );
    let numbers = text("static const int numbers[60] = { 1, 2 }", "numbers[i]");
    assert!(numbers.contains("i < 60 && can_loop"), "{numbers}");
    assert!(
        numbers.contains("static const int __arena numbers[60]"),
        "{numbers}"
    );
}

#[test]
fn the_header_is_not_included_inside_of_a_declaration() {
    let text = LIST.replace(
        "{ struct node *next; int value; }",
        "{ int\n#define POOL_SIZE 65536\nvalue; struct node *next; }",
    );
    let dir = Dir::with(&[("a.c", &text)]);
    let text = result(&dir, &["a.c"]);
    let include = text.find(DEFINE).expect("the include");
    assert!(
        include < text.find("struct node").expect("the structure"),
        "{text}"
    );
}

#[test]
fn what_another_file_gives_a_function_moves_if_it_can() {
    let measure = "#include <stdlib.h>\nvoid drop(void *p) { free(p); }\n\
                   int measure(const char *text)\n{\n\tint sum = 0;\n\n\
                   \tfor (int i = 0; text[i]; i++)\n\t\tsum += text[i];\n\treturn sum;\n}\n";
    let text = |given: &str| {
        let some = format!(
            "#include <linux/bpf.h>\n{LIST}\nint measure(const char *text);\n\
             int some(struct xdp_md *ctx) {{ return measure({given}); }}\n"
        );
        let dir = Dir::with(&[("measure.c", measure), ("some.c", &some)]);
        dir.rewrite(&["--all", "-o", "out", "."]).exits(0);
        dir.read("out/measure.c")
    };
    for given in ["\"some\"", "(const char *)head"] {
        let moves = text(given);
        assert!(
            moves.contains("measure(const char __arena *text)"),
            "{moves}"
        );
    }
    let stays = text("(const char *)(long)ctx->data");
    assert!(stays.contains("int measure(const char *text)"), "{stays}");
}

#[test]
fn loops_around_calls_of_what_loops_elsewhere_get_can_loop_where_they_are_long() {
    let calls = "#include <stdlib.h>\nvoid drop(void *p) { free(p); }\n\
                 int add(int value);\nint all(void)\n{\n\tint sum = 0;\n\n\
                 \tfor (int i = 0; i < 40; i++)\n\t\tsum += add(i);\n\
                 \tfor (int k = 0; k < 5; k++)\n\t\tsum += add(k);\n\treturn sum;\n}\n";
    let dir = Dir::with(&[("list.c", LIST), ("calls.c", calls)]);
    dir.rewrite(&["--all", "-o", "out", "."]).exits(0);
    let text = dir.read("out/calls.c");
    assert!(text.contains("i < 40 && can_loop"), "{text}");
    assert!(text.contains("for (int k = 0; k < 5; k++)"), "{text}");
}

#[test]
fn a_file_without_a_call_agrees_on_what_the_functions_of_others_take() {
    let measure = "#include <stdlib.h>\nvoid drop(void *p) { free(p); }\n\
                   int measure(const char *text) { return text[0]; }\n";
    let declared = "int measure(const char *text);";
    let some =
        format!("{LIST}\n{declared}\nint some(void) {{ return measure((const char *)head); }}\n");
    let dir = |body: &str| {
        let other = format!("#include <linux/bpf.h>\n{declared}\n{body}");
        let files = [
            ("measure.c", measure),
            ("some.c", &some[..]),
            ("other.c", &other),
        ];
        Dir::with(&files)
    };
    let own =
        dir("static char own[4] = \"own\";\nint other(int at) { return measure(own + at); }\n");
    own.rewrite(&["--all", "-o", "out", "."]).exits(0);
    let text = own.read("out/other.c");
    let expected = "int measure(const char __arena *text);";
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("static char __arena own[4]"), "{text}");
    // Nothing makes the packet memory of the arena: it is told, and the compiler refuses it.
    let packet =
        dir("int other(struct xdp_md *ctx) { return measure((char *)(long)ctx->data); }\n");
    packet
        .rewrite(&["--all", "-o", "out", "."])
        .exits(1)
        .says(&["mixed-memory", "the packet, line 3"]);
    let text = packet.read("out/other.c");
    assert!(text.contains(expected), "{text}");
    assert!(text.contains("measure((char *)(long)ctx->data)"), "{text}");
}

/// Two programs that a library is linked with, each without the other: neither knows of the other's numbers.
#[test]
fn pointers_to_functions_of_several_programs_stay() {
    let header = "int each(int n, int (*visit)(int));\n";
    let kit = "#include <stdlib.h>\n#include \"each.h\"\nint each(int n, int (*visit)(int))\n{\n\tint *p = \
               malloc(4), r;\n\n\tif (!p)\n\t\treturn 0;\n\t*p = n;\n\tr = \
               visit(*p);\n\tfree(p);\n\treturn r;\n}\n";
    let program = |name: &str| {
        format!(
            "#include <bpf/bpf_helpers.h>\n#include \"each.h\"\nstatic int {name}(int n) {{ return n; \
             }}\nSEC(\"xdp\") int run_{name}(void *ctx) {{ return each(3, {name}); }}\n"
        )
    };
    let (one, two) = (program("one"), program("two"));
    let files = [("each.h", header), ("kit.c", kit), ("one.bpf.c", &*one)];
    let dir = Dir::with(&files);
    dir.rewrite(&["--all", "."]).exits(0);
    assert!(dir.read("one.bpf.c").contains("each(3, one_pointer)"));
    assert!(dir.read("kit.c").contains("r = call_visit(visit, *p);"));

    let dir = Dir::with(&[files[0], files[1], files[2], ("two.bpf.c", &*two)]);
    let run = dir.rewrite(&["--all", "."]).exits(1);
    run.says(&["indirect-call", "other files have such pointers"]);
    assert!(dir.read("one.bpf.c").contains("each(3, one)"));
}
