//! Only what should change: runs over directories that hold more than programs that allocate.

use crate::common::{Dir, SOURCE, tool};

/// As every vmlinux.h has it, in small: members with names of the allocator.
const VMLINUX: &str = "#ifndef __VMLINUX_H__\n#define __VMLINUX_H__\n\
    typedef unsigned int __u32;\ntypedef unsigned long long __u64;\n\
    struct slab_ops {\n\tvoid *(*malloc)(__u32 size);\n\tvoid (*free)(void *block);\n};\n\
    struct task_struct {\n\tstruct task_struct *parent;\n\tint pid;\n};\n\
    struct __sk_buff {\n\t__u32 len;\n};\n#endif\n";

/// A program with loops, pointers that are followed, and no allocation.
const SCHEDULER: &str = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n\
    static struct task_struct *last;\n\
    SEC(\"struct_ops/enqueue\")\nint enqueue(struct task_struct *p)\n{\n\tint depth = 0;\n\
    \twhile (p->parent) {\n\t\tp = p->parent;\n\t\tdepth++;\n\t}\n\tlast = p;\n\
    \treturn last->pid + depth;\n}\nchar _license[] SEC(\"license\") = \"GPL\";\n";

/// A program with an arena of its own.
const OWN_ARENA: &str = "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n\
    #define __arena __attribute__((address_space(1)))\n\
    struct { __uint(type, 33); __uint(map_flags, 1024); __uint(max_entries, 10); } arena \
    SEC(\".maps\");\n\
    struct elem { struct elem __arena *next; int v; };\n\
    extern void __arena *bpf_arena_alloc_pages(void *m, void __arena *a, __u32 n, int node, \
    __u64 f) __ksym __weak;\nstatic void __arena *page;\n\
    SEC(\"syscall\")\nint add(void *ctx)\n{\n\tstruct elem __arena *n;\n\n\tif (!page)\n\
    \t\tpage = bpf_arena_alloc_pages(&arena, 0, 1, -1, 0);\n\tn = page;\n\tif (!n || !n->next)\n\
    \t\treturn 1;\n\tn->next->v = 7;\n\treturn n->v;\n}\n";

/// What loads programs, in user space.
const LOADER: &str = "#include <stdlib.h>\n#include <bpf/libbpf.h>\n#include \"count.skel.h\"\n\
    #include \"count.h\"\nint main(void)\n{\n\tstruct event *e = malloc(sizeof(*e));\n\
    \te->value = 1;\n\tfree(e);\n\treturn 0;\n}\n";

/// The types that both sides share, and one function that only the loader's side may use.
const SHARED: &str = "struct event {\n\tint value;\n};\n";
const LOADERS: &str = "static inline void *block(void)\n{\n\treturn malloc(8);\n}\n";

/// A program with a list, and one without that shares names with it.
const LIST: &str = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
    void *malloc(unsigned long);\nstruct node { int v; struct node *next; };\n\
    static struct node *head;\nSEC(\"tc\")\nint push(struct __sk_buff *skb)\n{\n\
    \tstruct node *n = malloc(sizeof(*n));\n\tn->v = skb->len;\n\tn->next = head;\n\thead = n;\n\
    \treturn head->next ? head->next->v : 0;\n}\nchar _license[] SEC(\"license\") = \"GPL\";\n";
const SCRATCH: &str = "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
    void *malloc(unsigned long);\nvoid free(void *);\nstruct ev { char comm[16]; };\n\
    SEC(\"tp/syscalls/sys_enter_execve\")\nint report(void *ctx)\n{\n\
    \tstruct ev *e = malloc(sizeof(*e));\n\tif (!e)\n\t\treturn 0;\n\
    \tbpf_get_current_comm(e->comm, sizeof(e->comm));\n\tfree(e);\n\treturn 0;\n}\n\
    char _license[] SEC(\"license\") = \"GPL\";\n";

#[test]
fn a_run_without_an_allocation_changes_nothing() {
    let dir = Dir::with(&[
        ("scx/vmlinux.h", VMLINUX),
        ("scx/scx_simple.bpf.c", SCHEDULER),
        ("scx/arena.bpf.c", OWN_ARENA),
    ]);
    for backend in ["auto", "map"] {
        let run = dir
            .rewrite(&["--diff", "--backend", backend, "scx"])
            .exits(0);
        assert_eq!(run.out, "", "{backend}");
        run.says(&["nothing to rewrite in 3 files"]);
    }
    // Named, they are no more about allocation than before.
    for file in ["scx/scx_simple.bpf.c", "scx/arena.bpf.c", "scx/vmlinux.h"] {
        assert_eq!(dir.rewrite(&["--diff", file]).exits(0).out, "", "{file}");
    }
}

#[test]
fn beside_a_program_that_allocates_the_others_stay_as_they_are() {
    let dir = Dir::with(&[
        ("p/vmlinux.h", VMLINUX),
        ("p/scx_simple.bpf.c", SCHEDULER),
        ("p/arena.bpf.c", OWN_ARENA),
        ("p/list.bpf.c", LIST),
        ("p/scratch.bpf.c", SCRATCH),
    ]);
    dir.rewrite(&["p"]).exits(0);
    assert_eq!(dir.read("p/vmlinux.h"), VMLINUX);
    assert_eq!(dir.read("p/scx_simple.bpf.c"), SCHEDULER);
    assert_eq!(dir.read("p/arena.bpf.c"), OWN_ARENA);
    assert!(dir.read("p/list.bpf.c").contains("DYNAMIC_MEMORY_ARENA"));
    // That both declare malloc and have a license says nothing about their belonging together.
    let scratch = dir.read("p/scratch.bpf.c");
    assert!(
        scratch.contains("static_malloc(") && !scratch.contains("ARENA"),
        "{scratch}"
    );
    dir.rewrite(&["--check", "p"]).exits(0);
}

#[test]
fn a_loop_in_a_header_of_both_is_left_alone() {
    let util = "static inline int depth(const char *s)\n{\n\tint n = 0;\n\n\twhile (s[n])\n\t\tn++;\n\
                \treturn n;\n}\n";
    let dir = Dir::with(&[
        ("util.h", util),
        ("list.bpf.c", LIST),
        ("other.bpf.c", &format!("#include \"util.h\"\n{SCRATCH}")),
    ]);
    dir.rewrite(&["."]).exits(0);
    assert_eq!(dir.read("util.h"), util);
}

fn mixed() -> Dir {
    Dir::with(&[
        ("t/vmlinux.h", VMLINUX),
        ("t/count.bpf.c", SOURCE),
        ("t/count.c", LOADER),
        ("t/count.h", SHARED),
        ("t/loaders.h", LOADERS),
        ("t/tool.c", &format!("#include \"loaders.h\"\n{LOADER}")),
    ])
}

/// Linked data of a loader are nothing that the BPF program beside it has to do with, but for what
/// they share; and what they share still compiles on both sides.
#[test]
fn linked_data_of_a_loader_are_its_own() {
    let list = "struct node {\n\tint v;\n\tstruct node *next;\n};\n\
                static inline int length(const struct node *n)\n{\n\tint count = 0;\n\n\
                \tfor (; n; n = n->next)\n\t\tcount++;\n\treturn count;\n}\n";
    let loader = "#include <stdio.h>\n#include <stdlib.h>\n#include \"list.h\"\n\
                  static struct node *head;\nint main(void)\n{\n\
                  \tfor (int i = 0; i < 3; i++) {\n\
                  \t\tstruct node *n = malloc(sizeof(*n));\n\n\t\tif (!n)\n\t\t\treturn 1;\n\
                  \t\tn->v = i;\n\t\tn->next = head;\n\t\thead = n;\n\t}\n\
                  \tprintf(\"%d\\n\", length(head));\n\treturn 0;\n}\n";
    let program = LIST.replace(
        "struct node { int v; struct node *next; };",
        "#include \"list.h\"",
    );
    for (bpf, shared) in [(SCRATCH, false), (&program, true)] {
        let dir = Dir::with(&[
            ("t/list.h", list),
            ("t/report.bpf.c", bpf),
            ("t/loader.c", loader),
        ]);
        let run = dir.rewrite(&["--emit-header", "t"]).exits(0);
        run.says(&["skipped 1 file"]);
        assert_eq!(dir.read("t/loader.c"), loader);
        assert_eq!(
            dir.read("t/list.h") != list,
            shared,
            "{}",
            dir.read("t/list.h")
        );
        dir.rewrite(&["--check", "t"]).exits(0);
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let strict = ["-O2", "-Wall", "-Wextra", "-Werror"];
        let build = ["t/loader.c", "-o", "loader"];
        tool(dir.path(), &compiler, &[&strict[..], &build].concat());
        assert_eq!(tool(dir.path(), "./loader", &[""; 0]), "3\n");
    }
}

#[test]
fn in_directories_user_space_is_left_out_and_counted() {
    let dir = mixed();
    let run = dir.rewrite(&["--check", "t"]).exits(1);
    assert_eq!(run.out, "t/count.bpf.c\n");
    run.says(&["skipped 3 files", "--all"]);
    let run = dir
        .rewrite(&["--check", "--message-format", "json", "t"])
        .exits(1);
    assert!(run.out.contains("\"files_skipped\":3"), "{}", run.out);
    dir.rewrite(&["t"]).exits(0);
    assert_eq!(dir.read("t/count.c"), LOADER);
    assert_eq!(dir.read("t/loaders.h"), LOADERS);
    dir.rewrite(&["--check", "t"]).exits(0);
    // All of them, or one by name.
    let run = dir.rewrite(&["--check", "--all", "t"]).exits(1);
    assert_eq!(run.out, "t/count.c\nt/loaders.h\nt/tool.c\n");
    let run = dir.rewrite(&["--check", "t/count.c"]).exits(1);
    assert_eq!(run.out, "t/count.c\n");
    dir.write("bpf-malloc.toml", "all = true\n");
    dir.rewrite(&["--check", "t"]).exits(1);
}

#[test]
fn what_code_for_bpf_includes_is_code_for_bpf() {
    let dir = Dir::with(&[
        (
            "inc/deep/alloc.h",
            "#define NEW(T) ((T *)malloc(sizeof(T)))\n",
        ),
        ("inc/common.bpf.h", "#include \"deep/alloc.h\"\n"),
        (
            "a.c",
            "#include \"inc/common.bpf.h\"\nint *f(void) { return NEW(int); }\n",
        ),
        (
            "b.c",
            "#include <stdlib.h>\nint *g(void) { return malloc(4); }\n",
        ),
    ]);
    let run = dir.rewrite(&["--check", "."]).exits(1);
    assert_eq!(run.out, "inc/deep/alloc.h\n");
    // How a file is compiled counts too.
    let entry = |flags: &str, file: &str| {
        let here = dir.path().display();
        format!(
            "{{\"directory\":\"{here}\",\"file\":\"{file}\",\"command\":\"clang {flags} -c {file}\"}}"
        )
    };
    dir.write(
        "compile_commands.json",
        format!(
            "[{},{}]",
            entry("-O2", "a.c"),
            entry("-target bpf -O2", "b.c")
        ),
    );
    let run = dir.rewrite(&["--check", "."]).exits(1);
    assert_eq!(run.out, "b.c\ninc/deep/alloc.h\n");
}

#[test]
fn exclude() {
    let dir = Dir::with(&[
        ("p/a.bpf.c", SOURCE),
        ("p/gen/b.bpf.c", SOURCE),
        ("p/vendor/c.bpf.c", SOURCE),
    ]);
    let check = |args: &[&str]| dir.rewrite(&[&["--check"][..], args].concat());
    let run = check(&["--exclude", "gen/", "--exclude", "p/vendor/*.c", "p"]).exits(1);
    assert_eq!(run.out, "p/a.bpf.c\n");
    // A file that is named counts, unless pre-commit names it.
    let named = ["p/a.bpf.c", "p/gen/b.bpf.c", "p/vendor/c.bpf.c"];
    let run = check(&[&["--exclude", "gen/"][..], &named].concat()).exits(1);
    assert_eq!(run.out.lines().count(), 3);
    dir.write("p/bpf-malloc.toml", "exclude = [\"vendor/\"]\n");
    let run = check(&[&["--force-exclude", "--exclude", "gen/"][..], &named].concat()).exits(1);
    assert_eq!(run.out, "p/a.bpf.c\n");
    check(&["--force-exclude", "p/vendor/c.bpf.c"]).exits(0);
    check(&["--exclude", "[z-a]", "p"])
        .exits(2)
        .says(&["exclude"]);
}
