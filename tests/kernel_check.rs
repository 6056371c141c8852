//! `bpf-malloc check` finds what no kernel takes, and asks none.
#![cfg(all(feature = "kernel", feature = "cli"))]

#[path = "common/expect.rs"]
mod expect;
#[path = "common/kernel.rs"]
mod kernel;

use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::judge::compile::Clang;
use expect::cases;
use serde_json::Value;

fn check(arguments: &[&str]) -> Output {
    let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg("check")
        .args(arguments)
        .args(["--", "-I"])
        .arg(include)
        .output()
        .unwrap()
}

/// What can be seen without a kernel, by the name of its kind.
const VISIBLE: [&str; 11] = [
    "address-space",
    "recursion",
    "indirect-call",
    "stack",
    "unresolved-extern",
    "signed-division",
    "floating-point",
    "struct-return",
    "too-many-arguments",
    "varargs",
    "variable-length-array",
];

#[test]
fn obstacles_are_found_with_their_lines() {
    if let Err(error) = Clang::find() {
        return kernel::skip_or_fail("obstacles_are_found_with_their_lines", &error.to_string());
    }
    let mut seen = 0;
    for case in cases("reject") {
        let path = case.path.to_str().unwrap();
        let output = check(&["--message-format", "json", path]);
        let report: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}: {output:?}", case.name));
        let file = &report["files"][0];
        let kind = case.tag("kind").unwrap();
        if !VISIBLE.contains(&kind) {
            assert_eq!(output.status.code(), Some(0), "{}: {file}", case.name);
            continue;
        }
        seen += 1;
        assert_eq!(output.status.code(), Some(1), "{}: {file}", case.name);
        let refusals = file["refusals"].as_array().unwrap();
        let found = refusals.iter().find(|refusal| refusal["kind"] == kind);
        let found = found.unwrap_or_else(|| panic!("{}: {file}", case.name));
        let line = found["line"].as_u64().unwrap() as usize;
        let text = case.text.lines().nth(line - 1).unwrap().trim();
        assert!(
            !text.is_empty() && !text.starts_with("//"),
            "{}: line {line}",
            case.name
        );
    }
    assert_eq!(seen, VISIBLE.len());
}

#[test]
fn programs_that_are_fine_have_no_obstacles() {
    if let Err(error) = Clang::find() {
        return kernel::skip_or_fail(
            "programs_that_are_fine_have_no_obstacles",
            &error.to_string(),
        );
    }
    for case in cases("accept") {
        let output = check(&[case.path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}: {output:?}", case.name);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("nothing found"), "{text}");
    }
    assert_eq!(check(&["/nowhere.bpf.c"]).status.code(), Some(2));
}

/// Programs keep `#include <stdlib.h>` where they use more of it than the allocator. Its headers
/// are those of the machine, so they must compile without a package for another word size, and say
/// what BPF says: a `long` of 64 bits.
#[test]
fn headers_of_the_c_library_compile_with_the_widths_of_bpf() {
    const HEADERS: [&str; 24] = [
        "assert.h",
        "ctype.h",
        "errno.h",
        "fcntl.h",
        "float.h",
        "inttypes.h",
        "limits.h",
        "locale.h",
        "malloc.h",
        "math.h",
        "pthread.h",
        "search.h",
        "signal.h",
        "stdarg.h",
        "stdbool.h",
        "stddef.h",
        "stdint.h",
        "stdio.h",
        "stdlib.h",
        "string.h",
        "strings.h",
        "sys/types.h",
        "time.h",
        "unistd.h",
    ];
    if let Err(error) = Clang::find() {
        return kernel::skip_or_fail(
            "headers_of_the_c_library_compile_with_the_widths_of_bpf",
            &error.to_string(),
        );
    }
    let directory = tempfile::tempdir().unwrap();
    let mut sources = Vec::new();
    for gnu in ["", "#define _GNU_SOURCE\n"] {
        for header in HEADERS {
            let name = format!("{}{}.bpf.c", header.replace('/', "_"), gnu.len());
            let text = format!(
                "{gnu}#include <{header}>\n#include <limits.h>\n#include <stddef.h>\n\
                 #include <stdint.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
                 _Static_assert(sizeof(uintptr_t) == 8 && sizeof(intmax_t) == 8, \"pointers\");\n\
                 _Static_assert(SIZE_MAX == ~0ul && UINTPTR_MAX == ~0ul, \"sizes\");\n\
                 _Static_assert(LONG_MAX == ~0ul >> 1 && PTRDIFF_MAX == LONG_MAX, \"limits\");\n\
                 SEC(\"xdp\") int prog(struct xdp_md *ctx) {{ return XDP_PASS; }}\n"
            );
            let path = directory.path().join(name);
            std::fs::write(&path, text).unwrap();
            sources.push(path);
        }
    }
    // The last: all of them in one file, in this order.
    let all: String = HEADERS
        .iter()
        .map(|header| format!("#include <{header}>\n"))
        .collect();
    let path = directory.path().join("all.bpf.c");
    std::fs::write(
        &path,
        all + "_Static_assert(sizeof(ssize_t) == 8, \"ssize_t\");\n",
    )
    .unwrap();
    sources.push(path);
    let files: Vec<&str> = sources.iter().map(|path| path.to_str().unwrap()).collect();
    let output = check(&files);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}

/// The options are those of the build, on the command line or in a compilation database; both for the
/// rewrite, which sees what is compiled, and for the compiler.
#[test]
fn sources_are_compiled_as_the_build_compiles_them() {
    let test = "sources_are_compiled_as_the_build_compiles_them";
    if let Err(error) = Clang::find() {
        return kernel::skip_or_fail(test, &error.to_string());
    }
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    std::fs::create_dir(path("inc")).unwrap();
    std::fs::write(path("inc/item.h"), "struct item { int value[LIMIT]; };\n").unwrap();
    let source = "#include <stdlib.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
                  #include \"item.h\"\n#ifdef SPLIT\n#error another build\n#endif\n\
                  SEC(\"xdp\") int prog(struct xdp_md *ctx)\n{\n\
                  \tstruct item *item = malloc(sizeof(*item));\n\n\tfree(item);\n\
                  \treturn XDP_PASS;\n}\n";
    for name in ["a.bpf.c", "b.bpf.c"] {
        std::fs::write(path(name), source).unwrap();
    }
    let check = |arguments: &[&str]| {
        Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
            .args(["check", "-DSPLIT", "-USPLIT"])
            .args(arguments)
            .args(["a.bpf.c", "b.bpf.c"])
            .current_dir(directory.path())
            .output()
            .unwrap()
    };
    let bare = check(&[]);
    assert_eq!(bare.status.code(), Some(2), "{bare:?}");
    let said = String::from_utf8_lossy(&bare.stderr).into_owned();
    assert_eq!(
        said.matches("there is no header item.h").count(),
        2,
        "{said}"
    );
    let without = check(&["-I", "inc"]);
    assert_eq!(without.status.code(), Some(2), "{without:?}");
    let with = check(&["-I", "inc", "-DLIMIT=4", "-j", "2"]);
    assert_eq!(with.status.code(), Some(0), "{with:?}");

    let entry = |name: &str| {
        serde_json::json!({
            "directory": directory.path(),
            "file": name,
            "arguments": ["clang", "-target", "bpf", "-Iinc", "-DLIMIT=4", "-c", name],
        })
    };
    let database = Value::from(vec![entry("a.bpf.c"), entry("b.bpf.c")]);
    std::fs::write(path("compile_commands.json"), database.to_string()).unwrap();
    let known = check(&[]);
    assert_eq!(known.status.code(), Some(0), "{known:?}");
}
