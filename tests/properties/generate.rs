//! Inputs: soups of tokens, programs that nearly compile, and fixtures with accidents.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::compiler::Source;

/// The pieces of a soup. What the rewriter looks at comes often.
const TOKENS: &[&str] = &[
    "malloc",
    "malloc(",
    "malloc(8)",
    "(malloc)",
    "free",
    "free(",
    "free(p)",
    "free(p);",
    "&free",
    "calloc(1, 2)",
    "realloc(p, 9)",
    "strdup(s)",
    "static_malloc(4)",
    "posix_memalign(&p, 8, 8)",
    "__builtin_malloc(8)",
    "aligned_alloc(8, 8)",
    "mal\\\nloc(8)",
    "reallocarray",
    "NULL",
    "p",
    "q",
    "x",
    "int",
    "char",
    "void",
    "struct s",
    "struct",
    "typedef",
    "static",
    "inline",
    "return",
    "return 0;",
    "if",
    "if (",
    "if (!p)",
    "else",
    "while",
    "for (;;)",
    "do",
    "switch",
    "case 1:",
    "goto free;",
    "free:",
    "sizeof",
    "sizeof(",
    "break;",
    "const",
    "extern",
    "enum",
    "void *p = malloc(8);",
    "p = malloc(8);",
    "int f(void) {",
    "void g(void *p) {",
    "*p = 1;",
    "p->x = 1;",
    "o->free(p);",
    "o.malloc",
    ".free = free,",
    "assert(p);",
    "SEC(\"xdp\")",
    "__attribute__((malloc))",
    "__attribute__((cleanup(free)))",
    "asm volatile",
    "*",
    "&",
    "&&",
    "||",
    "!",
    "!=",
    "==",
    "=",
    "+",
    "-",
    "->",
    ".",
    "...",
    "?",
    ":",
    ";",
    ";",
    ",",
    "(",
    ")",
    "(",
    ")",
    "{",
    "}",
    "{",
    "}",
    "[",
    "]",
    "<",
    ">",
    "<:",
    "%>",
    "#",
    "##",
    "\\",
    "0",
    "1",
    "0x7f",
    "1.5e3",
    "'c'",
    "'\\''",
    "'",
    "\"s\"",
    "\"free(p)\"",
    "\"",
    "L\"w\"",
    "\n#define A(n) malloc(n)\n",
    "\n#define B free\n",
    "\n#define free(p) mine(p)\n",
    "\n#undef free\n",
    "\n#define C(x) #x \\\n free(x)\n",
    "\n#define D(a, b) a##b\n",
    "\n#if 0\n",
    "\n#if A\n",
    "\n#ifdef B\n",
    "\n#ifndef C\n",
    "\n#elif D\n",
    "\n#else\n",
    "\n#endif\n",
    "\n#include <stdlib.h>\n",
    "\n#include <malloc.h>\n",
    "\n#include \"vmlinux.h\"\n",
    "\n#include <linux/bpf.h>\n",
    "\n#include \"dynamic_memory.h\"\n",
    "\n#pragma once\n",
    "\n#define POOL_SIZE 4096\n",
    "\n%:define E free(p)\n",
    "\n#line 3\n",
    "\n#\n",
    "\n#error \"\n",
    "/* free(p) */",
    "/*",
    "*/",
    "// malloc(8)",
    "// bpf-malloc: keep\n",
    "/* bpf-malloc: keep */",
    "//",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    " ",
    "\\\n",
    "\\\r\n",
    "\\ \n",
    "??/\n",
    "\x0c",
    "\x0b",
    "\0",
    "$",
    "@",
    "`",
    "é",
    "\u{feff}",
];

/// A soup of tokens, some of them glued together.
pub fn soup() -> impl Strategy<Value = Source> {
    let token = prop_oneof![
        12 => select(TOKENS).prop_map(|token| token.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    let piece = (token, any::<bool>()).prop_map(|(mut piece, blank)| {
        if blank {
            piece.push(b' ');
        }
        piece
    });
    vec(piece, 0..250).prop_map(|pieces| pieces.concat().into())
}

fn pointer() -> impl Strategy<Value = &'static str> {
    select(&["p", "q", "r", "s->next", "table[i]", "*out"][..])
}

fn allocation() -> impl Strategy<Value = String> {
    (
        select(
            &[
                "malloc(sizeof(struct node))",
                "(struct node *)malloc(sizeof(struct node))",
                "calloc(2, sizeof *p)",
                "realloc(p, 64)",
                "malloc(n)",
                "make(n)",
                "n ? malloc(n) : NULL",
                "NEW(struct node)",
                "strdup(name)",
            ][..],
        ),
        any::<bool>(),
    )
        .prop_map(|(call, spaced)| match spaced {
            true => call.replacen('(', " /* why */ (", 1),
            false => call.to_owned(),
        })
}

fn condition() -> impl Strategy<Value = String> {
    (
        pointer(),
        select(
            &[
                "!@",
                "@ == NULL",
                "NULL != @",
                "@",
                "@ && n",
                "!@ || n > 3",
                "n > 2",
                "unlikely(!@)",
            ][..],
        ),
    )
        .prop_map(|(pointer, form)| form.replace('@', pointer))
}

/// A statement, nested to a few levels.
fn statement() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => (pointer(), allocation()).prop_map(|(p, a)| format!("{p} = {a};\n")),
        2 => allocation().prop_map(|a| format!("struct node *t = {a};\n")),
        2 => pointer().prop_map(|p| format!("free({p});\n")),
        3 => pointer().prop_map(|p| format!("{p}->value = n;\n")),
        1 => pointer().prop_map(|p| format!("total += ({p})->value + {p}->value;\n")),
        1 => allocation().prop_map(|a| format!("use({a}, n);\n")),
        1 => allocation().prop_map(|a| format!("({a})->value = 1;\n")),
        1 => pointer().prop_map(|p| format!("keep({p});\n")),
        1 => pointer().prop_map(|p| format!("return {p} ? 1 : 0;\n")),
        1 => Just("return -1;\n".to_owned()),
        1 => Just("goto out;\n".to_owned()),
        1 => Just("break;\n".to_owned()),
        1 => Just("free(p); // bpf-malloc: keep\n".to_owned()),
        1 => Just(";\n".to_owned()),
        1 => Just("#ifdef DEBUG\n".to_owned()),
        1 => Just("#else\n".to_owned()),
        1 => Just("#endif\n".to_owned()),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let block = vec(inner.clone(), 0..5).prop_map(|s| format!("{{\n{}}}\n", s.concat()));
        prop_oneof![
            (condition(), inner.clone()).prop_map(|(c, s)| format!("if ({c})\n{s}")),
            (condition(), block.clone()).prop_map(|(c, s)| format!("if ({c}) {s}")),
            (condition(), block.clone(), inner.clone())
                .prop_map(|(c, a, b)| format!("if ({c}) {a}else {b}")),
            (condition(), block.clone()).prop_map(|(c, s)| format!("while ({c}) {s}")),
            (condition(), allocation(), block.clone())
                .prop_map(|(c, a, s)| format!("for (p = {a}; {c}; n--) {s}")),
            (condition(), block.clone()).prop_map(|(c, s)| format!("do {s}while ({c});\n")),
            block
                .clone()
                .prop_map(|s| format!("switch (n) {{\ncase 1: {s}default:\n;\n}}\n")),
            (allocation(), inner).prop_map(|(a, s)| format!("if ((p = {a}) != NULL) {s}")),
            block,
        ]
    })
}

/// A program that nearly compiles.
pub fn program() -> impl Strategy<Value = Source> {
    let head = select(
        &[
            "SEC(\"xdp\")\nint run(struct xdp_md *ctx)\n",
            "SEC(\"tc\") int run(struct __sk_buff *skb)\n",
            "static __always_inline struct node *make(int n)\n",
            "static void work(struct node **out, int n)\n",
            "int BPF_KPROBE(probe, struct sock *sk)\n",
            "SEC(\"kprobe/x\")\nint BPF_PROG(hook, int n)\n",
            "int old(n)\nint n;\n",
        ][..],
    );
    let function = (head, vec(statement(), 0..10))
        .prop_map(|(head, body)| format!("{head}{{\n{}out:\nreturn 0;\n}}\n\n", body.concat()));
    let includes = select(
        &[
            "",
            "#include <stdlib.h>\n",
            "#include \"vmlinux.h\"\n#include <bpf/bpf_helpers.h>\n",
            "#include <linux/bpf.h>\n#include <stdlib.h>\n#include <string.h>\n",
            "/* A program. */\n\n#include <linux/bpf.h>\n#define POOL_SIZE 1024\n",
        ][..],
    );
    let macros = select(
        &[
            "",
            "#define NEW(T) ((T *)malloc(sizeof(T)))\n",
            "#define NEW(T) \\\n\t((T *)calloc(1, sizeof(T)))\n",
            "struct node { struct node *next; int value; void (*free)(void *); };\n",
        ][..],
    );
    (includes, macros, vec(function, 0..4)).prop_map(|(includes, macros, functions)| {
        let text = format!("{includes}{macros}{}", functions.concat());
        text.into_bytes().into()
    })
}

/// All C files of the fixtures, with their paths.
pub fn fixtures() -> Vec<(PathBuf, Source)> {
    let mut found = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut dirs = vec![root.clone()];
    while let Some(dir) = dirs.pop() {
        let mut entries: Vec<_> = fs::read_dir(&dir)
            .expect("a directory of fixtures")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        entries.sort();
        for path in entries {
            match path.extension().and_then(|e| e.to_str()) {
                _ if path.is_dir() => dirs.push(path),
                Some("c" | "h") => {
                    let text = fs::read(&path).expect("a readable fixture");
                    let near = Some(dir.clone());
                    let name = path.strip_prefix(&root).expect("below it").to_owned();
                    found.push((name, Source { text, near }));
                }
                _ => {}
            }
        }
    }
    // The largest would be most of the work and hold little that the others do not.
    found.retain(|(_, source)| source.text.len() < 40_000);
    assert!(found.len() > 50, "the fixtures are not where they were");
    found
}

/// An accident.
#[derive(Clone, Debug)]
enum Accident {
    /// Some bytes are lost.
    Cut(Index, usize),
    /// Some bytes come twice.
    Twice(Index, usize),
    /// A token gets in.
    Insert(Index, &'static str),
    /// A byte changes.
    Byte(Index, u8),
    /// The file ends early.
    End(Index),
    /// A part of another file gets in.
    Splice(Index, Index, Index, usize),
}

fn accident() -> impl Strategy<Value = Accident> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), 1usize..40).prop_map(|(i, n)| Accident::Cut(i, n)),
        2 => (at(), 1usize..80).prop_map(|(i, n)| Accident::Twice(i, n)),
        6 => (at(), select(TOKENS)).prop_map(|(i, t)| Accident::Insert(i, t)),
        2 => (at(), any::<u8>()).prop_map(|(i, b)| Accident::Byte(i, b)),
        1 => at().prop_map(Accident::End),
        2 => (at(), at(), at(), 1usize..400).prop_map(|(i, f, j, n)| Accident::Splice(i, f, j, n)),
    ]
}

/// One of the fixtures.
pub fn fixture() -> impl Strategy<Value = Source> {
    let files = fixtures();
    any::<Index>().prop_map(move |index| index.get(&files).1.clone())
}

/// One of the fixtures after a few accidents.
pub fn mutated() -> impl Strategy<Value = Source> {
    let files = fixtures();
    (any::<Index>(), vec(accident(), 1..6)).prop_map(move |(file, accidents)| {
        let Source { mut text, near } = file.get(&files).1.clone();
        for accident in accidents {
            let place = |index: Index| index.index(text.len() + 1);
            match accident {
                Accident::Cut(i, n) => {
                    let start = place(i);
                    text.drain(start..(start + n).min(text.len()));
                }
                Accident::Twice(i, n) => {
                    let start = place(i);
                    let part = text[start..(start + n).min(text.len())].to_vec();
                    text.splice(start..start, part);
                }
                Accident::Insert(i, token) => {
                    let start = place(i);
                    text.splice(start..start, token.bytes());
                }
                Accident::Byte(i, byte) => {
                    let start = place(i);
                    if let Some(old) = text.get_mut(start) {
                        *old = byte;
                    }
                }
                Accident::End(i) => text.truncate(i.index(text.len() + 1)),
                Accident::Splice(i, f, j, n) => {
                    let other = &f.get(&files).1.text;
                    let from = j.index(other.len() + 1);
                    let part = other[from..(from + n).min(other.len())].to_vec();
                    let start = place(i);
                    text.splice(start..start, part);
                }
            }
        }
        Source { text, near }
    })
}
