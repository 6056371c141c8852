//! What is left to programs of the eight nested functions and the 512 bytes of stack that the verifier
//! allows.

use std::fmt::Write as _;

use bpf_malloc::kernel::load::ObjectFile;

use crate::expect::version;
use crate::programs::including;

/// What the innermost function does.
const CALLS: [(&str, &str); 6] = [
    (
        "malloc",
        "p = static_malloc(n); if (!p) return 0; p[0] = 1;",
    ),
    ("free", "static_free((void __arena *)(unsigned long)n);"),
    (
        "calloc",
        "p = static_calloc(n, 3); if (!p) return 0; p[0] = 1;",
    ),
    (
        "realloc",
        "p = static_realloc((void __arena *)(unsigned long)n, n); if (!p) return 0; p[0] = 1;",
    ),
    (
        "aligned_alloc",
        "p = static_aligned_alloc(64, n); if (!p) return 0; p[0] = 1;",
    ),
    (
        "strdup",
        "p = static_strdup(\"text\"); if (!p) return 0; p[0] = 1;",
    ),
];

/// A build of the header: its definitions, how many functions may be nested below the program's own and
/// call each of [`CALLS`], and the bytes of stack that all of them and the program may have together
/// where they call malloc and free.
struct Build {
    defines: &'static [&'static str],
    nested: [usize; CALLS.len()],
    stack: usize,
}

const BUILDS: [Build; 9] = [
    Build {
        defines: &[],
        nested: [4; 6],
        stack: 464,
    },
    Build {
        defines: &["ARENA"],
        nested: [4; 6],
        stack: 464,
    },
    Build {
        defines: &["LINKED"],
        nested: [4; 6],
        stack: 464,
    },
    Build {
        defines: &["POOL_MAP"],
        nested: [4; 6],
        stack: 464,
    },
    Build {
        defines: &["INLINE"],
        nested: [4; 6],
        stack: 464,
    },
    Build {
        defines: &["SPIN_LOCK"],
        nested: [3, 5, 3, 3, 3, 3],
        stack: 464,
    },
    Build {
        defines: &["DEBUG"],
        nested: [3, 4, 3, 3, 3, 4],
        stack: 352,
    },
    Build {
        defines: &["DEBUG", "ARENA"],
        nested: [3, 4, 3, 3, 3, 4],
        stack: 416,
    },
    Build {
        defines: &["DEBUG", "SPIN_LOCK"],
        nested: [3, 4, 3, 3, 3, 3],
        stack: 400,
    },
];

/// A program that so many functions are nested below, of which the last one does `body`; all of them
/// have so many bytes of stack together.
fn nest(text: &mut String, name: &str, functions: usize, stack: usize, body: &str) {
    let each = stack / (functions + 1) / 16 * 16;
    let own = |bytes: usize| match bytes {
        0 => String::new(),
        _ => format!(
            "char own[{bytes}]; own[0] = 1; asm volatile(\"\" : : \"r\"(own) : \"memory\");"
        ),
    };
    let noinline = "static __attribute__((noinline)) int";
    let last = own(stack - functions * each);
    writeln!(
        text,
        "{noinline} {name}_{functions}(void) {{ char __arena *p; {last} {body} return 1; }}"
    )
    .expect("a string grows");
    for number in (1..functions).rev() {
        let (frame, next) = (own(each), number + 1);
        writeln!(
            text,
            "{noinline} {name}_{number}(void) {{ {frame} return {name}_{next}() + (int)n; }}"
        )
        .expect("a string grows");
    }
    let frame = own(each);
    writeln!(
        text,
        "SEC(\"xdp\") int {name}(struct xdp_md *ctx) {{ {frame} (void)ctx; return {name}_1() > 0; }}"
    )
    .expect("a string grows");
}

/// One program has what is left, and is accepted; one has a function more, or 16 bytes, and is refused.
fn object(build: &Build) -> ObjectFile {
    let mut text = String::from("#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n");
    for define in build.defines {
        writeln!(text, "#define DYNAMIC_MEMORY_{define}").expect("a string grows");
    }
    text.push_str(
        "#include \"dynamic_memory.h\"\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n\
         volatile unsigned int n = 100;\n",
    );
    for ((name, body), nested) in CALLS.iter().zip(build.nested) {
        nest(&mut text, &format!("{name}_fits"), nested, 0, body);
        nest(&mut text, &format!("{name}_more"), nested + 1, 0, body);
    }
    let pair = format!("{} static_free(p);", CALLS[0].1);
    nest(&mut text, "stack_fits", build.nested[0], build.stack, &pair);
    nest(
        &mut text,
        "stack_more",
        build.nested[0],
        build.stack + 16,
        &pair,
    );
    including(&format!("depth-{}", build.defines.join("-")), &text)
}

/// Each build leaves exactly that much.
pub fn frames_and_stack_are_left_to_programs() {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("Linux says");
    let version = version(&release);
    for build in &BUILDS {
        if build.defines.contains(&"ARENA") && version < (6, 9) {
            continue;
        }
        let object = object(build);
        let mut programs: Vec<(String, &str)> = CALLS
            .iter()
            .map(|(name, _)| ((*name).to_owned(), "call stack of 8 frames is too deep"))
            .collect();
        // Before, each frame counted as 32 bytes at least.
        if version >= (6, 9) {
            programs.push(("stack".to_owned(), "combined stack size"));
        }
        for (name, reason) in programs {
            let judge = |what| {
                object
                    .judge(&format!("{name}_{what}"))
                    .expect("the program is there")
            };
            let (fits, more) = (judge("fits"), judge("more"));
            let told = format!("{:?}, {name}", build.defines);
            assert!(fits.accepted(), "{told}: {}", fits.log);
            assert!(
                !more.accepted() && more.log.contains(reason),
                "{told}, more than is left: {}",
                more.log
            );
        }
    }
}
