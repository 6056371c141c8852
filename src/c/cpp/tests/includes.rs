use super::*;

fn paths(unit: &Unit) -> Vec<&str> {
    unit.files
        .iter()
        .map(|file| file.path.to_str().unwrap())
        .collect()
}

#[test]
fn headers_are_read_once() {
    let unit = unit_with(
        "#include \"g.h\"\n#include \"g.h\"\n#include \"o.h\"\n#include \"o.h\"\n#include \"d.h\"\n\
         #include \"d.h\"\n#include \"t.h\"\n#include \"t.h\"\n#import \"i.h\"\n#include \"i.h\"\n",
        &[
            ("g.h", "// text\n#ifndef G\n#define G\ng\n#endif\n"),
            ("o.h", "#pragma once\no\n"),
            ("d.h", "#if !defined(D)\n#define D\nd\n#endif\n"),
            ("t.h", "t\n"),
            ("i.h", "i\n"),
        ],
    );
    assert_eq!(text(&unit), "g o d t t i");
    assert_eq!(
        paths(&unit)[1..],
        ["<built-in>", "g.h", "o.h", "d.h", "t.h", "i.h"]
    );
    assert_eq!(unit.problems, []);
}

#[test]
fn a_guard_must_hold_all_of_a_file() {
    for header in [
        "x\n#ifndef G\n#define G\n#endif\n",
        "#ifndef G\n#define G\n#endif\nx\n",
        "#ifndef G\n#define G\nx\n#else\nx\n#endif\n",
        "#ifndef G\n#define G\n#endif\n#ifndef H\nx\n#endif\n",
    ] {
        let header: &'static str = header.to_owned().leak();
        let unit = unit_with("#include \"g.h\"\n#include \"g.h\"\n", &[("g.h", header)]);
        assert_eq!(text(&unit), "x x", "{header}");
    }
}

#[test]
fn the_search_and_whom_headers_belong_to() {
    let headers = [
        (
            "sub/a.h",
            "#include \"b.h\"\n#include <b.h>\n#include_next <b.h>\n",
        ),
        ("sub/b.h", "one\n"),
        ("include/b.h", "two\n#include_next <b.h>\n"),
        ("/usr/include/b.h", "three\n"),
    ];
    let unit = unit_with(
        "#define H <sub/a.h>\n#define S \"sub/a.h\"\n#include S\n",
        &headers,
    );
    assert_eq!(text(&unit), "one two three two three");
    let kind = |path: &str| {
        unit.files
            .iter()
            .find(|f| f.path == Path::new(path))
            .unwrap()
            .kind
    };
    assert_eq!(kind("a.c"), FileKind::Main);
    assert_eq!(kind("include/b.h"), FileKind::Project);
    assert_eq!(kind("/usr/include/b.h"), FileKind::System);
    assert_eq!(kind("<built-in>"), FileKind::Builtin);
    let angled = unit_with(
        "#define b b\n#define H <b.h>\n#include H\n#define E b\n#include <E.h>\n",
        &headers,
    );
    assert_eq!(text(&angled), "two three");
    assert_eq!(angled.problems[0].message, "'E.h' file not found");
}

#[test]
fn headers_that_come_along() {
    let all = "assert ctype errno float inttypes iso646 limits malloc stdalign stdarg stdbool stddef \
               stdint stdio stdlib stdnoreturn string strings sys/types unistd sys/cdefs alloca \
               bpf/bpf_helpers bpf/bpf_tracing bpf/bpf_core_read bpf/bpf_endian";
    let source: String = all
        .split_whitespace()
        .map(|name| format!("#include <{name}.h>\n"))
        .collect();
    let source = source
        + "INT_MAX SIZE_MAX NULL offsetof(struct s, m) ENOMEM bool UINT64_C(1) PRIu64 \
        SEC(\"xdp\") BPF_PROG(f, int a) BPF_CORE_READ(t, mm, pgd) bpf_htons(1) assert(x)\n";
    let unit = unit(&source);
    assert_eq!(unit.problems, []);
    assert!(
        text(&unit).ends_with(
            "2147483647 18446744073709551615UL ( ( void * ) 0 ) __builtin_offsetof ( struct s , m ) 12 \
             _Bool 1UL \"lu\" __attribute__ ( ( section ( \"xdp\" ) , used ) ) \
             f ( unsigned long long * ctx , int a ) ( ( t ) -> mm -> pgd ) __builtin_bswap16 ( 1 ) \
             ( ( x ) ? ( void ) 0 : __assert_fail ( \"x\" ) )"
        ),
        "{}",
        text(&unit)
    );
    // Those of the project win in quotes, those of the system never.
    let headers = [
        ("string.h", "mine\n"),
        ("/usr/include/string.h", "theirs\n"),
        ("/usr/include/bpf/bpf_endian.h", "libbpf\n"),
    ];
    let own = unit_with("#include \"string.h\"\n", &headers);
    assert_eq!(text(&own), "mine");
    let angled = unit_with(
        "#include <string.h>\n#include <bpf/bpf_endian.h>\n",
        &headers,
    );
    assert!(text(&angled).contains("memcpy") && text(&angled).ends_with("libbpf"));
}

#[test]
fn a_cache_serves_many_files() {
    let cache = Cache::default();
    let headers = Memory([("v.h", "#ifdef A\nint a;\n#else\nint b;\n#endif\n")].into());
    let setup = Setup {
        includes: &headers,
        command_line: &[],
        forced: &[],
        kept: Kept::default(),
        wanted: None,
        cache: &cache,
    };
    let first = preprocess(Path::new("x.c"), b"#define A\n#include \"v.h\"\n", &setup);
    let second = preprocess(Path::new("y.c"), b"zz\n#include \"v.h\"\n", &setup);
    assert_eq!((&*text(&first), &*text(&second)), ("int a ;", "zz int b ;"));
    // A file that has changed is read anew.
    let headers = Memory([("v.h", "int c;\n")].into());
    let setup = Setup {
        includes: &headers,
        ..setup
    };
    let third = preprocess(Path::new("z.c"), b"#include \"v.h\"\n", &setup);
    assert_eq!(text(&third), "int c ;");
}
