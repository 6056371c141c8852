use super::*;

fn layout(m: &Model, tag: &str) -> (u64, u64, Vec<u64>) {
    let layout = m.layout(m.record_named(tag)).expect("a layout");
    (layout.size, layout.align, layout.offsets.clone())
}

#[test]
fn members_are_found_through_anonymous_ones() {
    let unit = unit(
        "struct s { int a; union { long b; struct { char c; char *d; }; }; struct t { short e; } f; }; \
         void g(struct s *p) { p->b; p->d; p->f.e; p->zz; } struct t x;",
    );
    let m = model(&unit);
    assert_eq!(m.ty("p -> b"), "i64");
    assert_eq!(m.ty("p -> d"), "i8*");
    assert_eq!(m.ty("p -> f . e"), "i16");
    assert_eq!(m.ty("p -> zz"), "?");
    assert_eq!(m.of("x"), "t");
    let name = m.unit.symbols.get(b"d").expect("a name");
    let way = m.find_field(m.record_named("s"), name).expect("a way");
    assert_eq!(way.len(), 3);
    assert_eq!(m.member(m.expr("p -> d")), way.last().copied());
    let offset: u64 = way
        .iter()
        .map(|&step| m.offset_of(step).expect("known"))
        .sum();
    assert_eq!(offset, 16);
    assert_eq!(m.declares_field(m.declarators("d")[0]), way.last().copied());
}

#[test]
fn a_record_may_be_completed_later() {
    let unit = unit(
        "struct node *head; struct node; int f(struct other *); \
         struct node { struct node *next; int v; }; struct other { int w; }; \
         int f(struct other *o) { return head->next->v + o->w; }",
    );
    let m = model(&unit);
    assert_eq!(m.records.len(), 2);
    assert_eq!(m.ty("head -> next -> v"), "i32");
    assert_eq!(m.ty("o -> w"), "i32");
    assert_eq!(m[m.entity_named("f")].declarators.len(), 2);
}

#[test]
fn layouts_are_those_of_the_target() {
    let unit = unit(
        "struct a { char c; int i; char d; long l; short s; }; \
         struct b { char c; int i; } __attribute__((packed)); \
         struct __attribute__((packed)) p { char c; long l; }; \
         union u { char c[5]; int i; }; \
         struct c { char c; union u u; struct a *p; char rest[]; }; \
         struct d { unsigned a : 3, b : 30, : 0; char c; unsigned long e : 40; }; \
         struct e { char c; int i __attribute__((aligned(16))); } ; \
         struct f { char c; _Alignas(8) char d; }; \
         struct g { int i; } __attribute__((aligned(64))); \
         struct h { char c; struct g g; __int128 x; int t[2][3]; double d; _Bool b; };",
    );
    let m = model(&unit);
    assert_eq!(layout(&m, "a"), (32, 8, vec![0, 32, 64, 128, 192]));
    assert_eq!(layout(&m, "b"), (5, 1, vec![0, 8]));
    assert_eq!(layout(&m, "p"), (9, 1, vec![0, 8]));
    assert_eq!(layout(&m, "u"), (8, 4, vec![0, 0]));
    assert_eq!(layout(&m, "c"), (24, 8, vec![0, 32, 128, 192]));
    assert_eq!(layout(&m, "d"), (16, 8, vec![0, 32, 64, 64, 72]));
    assert_eq!(layout(&m, "e"), (32, 16, vec![0, 128]));
    assert_eq!(layout(&m, "f"), (16, 8, vec![0, 64]));
    assert_eq!(layout(&m, "g"), (64, 64, vec![0]));
    let (size, align, offsets) = layout(&m, "h");
    assert_eq!((size, align), (192, 64));
    assert_eq!(offsets, [0, 512, 1024, 1152, 1344, 1408]);
}

#[test]
fn records_that_contain_themselves() {
    let unit = unit(
        "struct a { struct a x, y; }; struct b { struct c c, d; }; struct c { struct b b, e; }; struct d { struct d; struct d; }; \
         struct a v; int f(struct b *p) { return sizeof v + sizeof *p + v.x.y; } int g(struct d *d) { return d->none; }",
    );
    let m = model(&unit);
    assert_eq!(m.layout(m.record_named("a")), None);
    assert_eq!(m.layout(m.record_named("c")), None);
    assert_eq!(m.ty("v . x . y"), "a");
}
