use super::*;
use crate::c::cpp::FileId;

/// Reads the main file, and of a header what it mentions.
fn lazily<'u>(unit: &'u Unit) -> Model<'u> {
    Model::new(unit, &|file| file == FileId::MAIN)
}

const HEADER: &str = "typedef unsigned int u32; typedef u32 wrapped; \
    struct unused { struct unused *next; }; struct list { struct list *next, *prev; }; \
    struct page { u32 flags; struct mapping *mapping; struct list lru; }; \
    enum state { IDLE, BUSY = 4 }; enum other { OTHER }; \
    struct mapping { struct page *page; struct inode *host; }; struct inode { long number; }; \
    static inline u32 helper(struct page *p) { return p->flags; } \
    static inline u32 not_called(struct page *p) { return p->flags + OTHER; } \
    extern int counter; int puts(const char *);";

#[test]
fn headers_are_read_on_demand() {
    let source = "#include <all.h>\n\
        int f(struct page *p) { wrapped w = helper(p); puts(\"x\"); \
        return p->mapping->page->flags + BUSY + w + counter; }";
    let unit = preprocessed(source, &[("all.h", HEADER)]);
    let m = lazily(&unit);
    assert!(m.unresolved().is_empty());
    assert_eq!(m.ty("p -> mapping -> page -> flags"), "u32");
    assert_eq!(m.of("w"), "u32");
    assert_eq!(m.value(m.expr("BUSY")), Some(4));
    let read: Vec<_> = m.tree.items.iter().map(|i| m.spelled(i.toks)).collect();
    for absent in ["unused", "not_called", "OTHER", "number"] {
        assert!(
            !read.iter().any(|i| i.contains(absent)),
            "{absent} was read"
        );
    }
    let fields = |tag| m[m.record_named(tag)].fields.is_some();
    assert!(fields("mapping") && !fields("inode"));
}

#[test]
fn sizes_complete_what_a_record_consists_of() {
    let source = "#include <all.h>\nint f(void) { return sizeof(struct page); }";
    let unit = preprocessed(source, &[("all.h", HEADER)]);
    let m = lazily(&unit);
    assert_eq!(m.value(m.expr("sizeof ( struct page )")), Some(32));
    assert_eq!(m.records.iter().filter(|r| r.fields.is_some()).count(), 2);
}

#[test]
fn types_can_be_completed_afterwards() {
    let source = "#include <all.h>\nint f(struct inode *i) { return i != 0; }";
    let unit = preprocessed(source, &[("all.h", HEADER)]);
    let mut m = lazily(&unit);
    let inode = m.record_named("inode");
    assert_eq!(m.size_of(m[inode].ty), None);
    m.complete(m[inode].ty);
    assert_eq!(m.size_of(m[inode].ty), Some(8));
}

#[test]
fn a_local_name_does_not_leak_into_a_header() {
    let source = "#include <all.h>\n\
        int f(struct page *p) { int u32 = 1; enum { IDLE = 9 }; return helper(p) + u32 + IDLE; }";
    let unit = preprocessed(source, &[("all.h", HEADER)]);
    let m = lazily(&unit);
    assert!(m.unresolved().is_empty());
    assert_eq!(m.ty("helper ( p )"), "u32");
    assert_eq!(m.value(m.expr("IDLE")), Some(9));
}
