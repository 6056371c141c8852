//! A large header that is read in part means what it means as a whole.

use super::*;
use crate::c::cpp::{FileId, Wanted};

const HEADER: &str = "#ifndef ALL_H\n#define ALL_H\n\
    typedef unsigned int u32; typedef u32 wrapped; typedef struct list list_t;\n\
    struct unused { struct unused *next; };\n\
    struct list { struct list *next, *prev; };\n\
    struct page { u32 flags; struct mapping *mapping; list_t lru; struct cred *cred; };\n\
    enum state { IDLE, BUSY = 4 };\n\
    enum other { OTHER };\n\
    struct mapping { struct page *page; struct inode *host; union { int a; struct inner { u32 b; } c; }; };\n\
    struct inode { long number; struct { enum state state; } deep[BUSY]; };\n\
    struct cred { int uid; struct list keys; };\n\
    #ifndef __ksym\n#define __ksym __attribute__((section(\".ksyms\")))\n#endif\n\
    #ifdef KFUNCS\n\
    extern struct cred *take(struct page *p) __ksym;\n\
    typedef long u64;\n\
    #endif\n\
    extern void give(struct cred *c) __ksym;\n\
    struct tail { struct page page; };\n\
    #endif\n";

struct One(&'static str);

impl Includes for One {
    fn find(&self, _: &Path, name: &str, _: bool, _: bool) -> Option<Included> {
        Some(Included {
            path: Path::new("include").join(name),
            bytes: self.0.as_bytes().into(),
            project: true,
            large: true,
        })
    }
}

/// What there is to know of the main file, and how many tokens that took.
fn known(source: &str, header: &'static str, whole: bool) -> (String, usize) {
    let cache = Cache::default();
    let mut wanted = Wanted::default();
    loop {
        let setup = Setup {
            includes: &One(header),
            command_line: &[],
            forced: &[],
            kept: Kept::default(),
            wanted: (!whole).then_some(&wanted),
            cache: &cache,
        };
        let unit = preprocess(Path::new("a.c"), source.as_bytes(), &setup);
        let m = Model::new(&unit, &|file| file == FileId::MAIN);
        let missing: Vec<Vec<u8>> = m.missing().map(<[u8]>::to_vec).collect();
        if !missing.is_empty() {
            let known = wanted.len();
            missing.iter().for_each(|name| wanted.add(name));
            assert!(wanted.len() > known, "{source}");
            continue;
        }
        let mut text = String::new();
        for e in (0..m.tree.exprs.len() as u32).map(ExprId) {
            let ty = m.type_of(e);
            let spelled = m.spelled(m.tree[e].toks);
            let (value, size) = (m.value(e), m.size_of(ty));
            text += &format!("{spelled}: {} {value:?} {size:?}\n", m.shown(ty));
        }
        for item in &m.tree.items {
            text += &format!("{} {}\n", m.spelled(item.toks), item.broken);
        }
        text += &format!("{:?} {:?}", unit.problems, unit.spells(b"unused"));
        return (text, unit.tokens.len());
    }
}

#[test]
fn mean_what_the_whole_means() {
    for source in [
        "int f(struct page *p) { wrapped w = p->flags; return w + sizeof(struct tail); }",
        "int f(struct page *p) { return p->mapping->host->deep[1].state + BUSY; }",
        "int f(struct mapping *m) { struct inner i = m->c; return i.b + m->page->cred->keys.next; }",
        "struct unused; struct mine { struct unused *u; u32 n; };\
         int f(struct mine *m) { return m->u->next == m->u; }",
        "int take(int x); int f(u64 y) { return take(1) + (u64)*y; }",
        "int f(struct page *p) { give(p->cred); return OTHER; }",
        "enum state; int g(struct later *l, struct inode *i); struct later { int x; };\
         int f(struct later *l) { int IDLE = 1; return g(l, 0) + l->x + IDLE; }",
        "void f(void) { struct list { int x; } l; l.x = sizeof(struct list); }",
        "#define GET(p, m) ((typeof((p)->m))(p)->m)\nlong f(struct tail *t)\
         { return GET(GET(&t->page, mapping)->host, number); }",
        "int nothing;",
    ] {
        for before in [
            "",
            "#define KFUNCS\n",
            "#define page page___old\n",
            "#define give take\n",
        ] {
            let source = format!("{before}#include <all.h>\n{source}\n");
            let (whole, all) = known(&source, HEADER, true);
            let (part, few) = known(&source, HEADER, false);
            assert_eq!(part, whole, "{source}");
            assert!(few < all, "{few} of {all} tokens for {source}");
        }
    }
}

#[test]
fn some_headers_are_read_as_a_whole() {
    let source = "#include <all.h>\nint f(struct page *p) { return p->flags; }\n";
    for header in [
        // Nothing keeps it from being read twice.
        "struct page { int flags; }; struct more { int x; };\n",
        // What a declaration says depends on a condition.
        "#ifndef A\n#define A\nstruct page {\n#ifdef B\nlong flags;\n#else\nint flags;\n#endif\n};\n\
         struct more { int x; };\n#endif\n",
    ] {
        let (whole, all) = known(source, header, true);
        assert_eq!(known(source, header, false), (whole, all), "{header}");
    }
}
