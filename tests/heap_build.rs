//! The header through other tools than the BPF compiler: compilers, sanitizers, clang's analyzer.

#[path = "common/cc.rs"]
mod cc;
#[path = "common/compilers.rs"]
mod compilers;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use bpf_malloc::heap::{HEADER, HEADER_NAME, Overrides, header};
use compilers::{clangs, pinned, starts};

/// Tells past libtest's capture that something was not tested, and why.
fn skip(what: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}: {why}");
}

#[test]
fn compilers_and_dialects_take_it_without_a_warning() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dialect.c");
    std::fs::write(
        &source,
        "#include \"dynamic_memory.h\"\n\
         int main(void) { char __arena *p = static_strdup(\"text\"); int bad = !p || p[3] != 't';\n\
         static_use_arena(); while (can_loop && static_strnlen(p, 9) != 4) bad = 1;\n\
         bad |= static_strcmp(p, \"text\"); static_free(p); return bad; }\n",
    )
    .expect("the target directory takes files");
    let mut built = 0;
    for compiler in std::iter::once("gcc".to_owned()).chain(clangs()) {
        if !starts(&compiler) {
            skip("the native build", &format!("there is no {compiler}"));
            continue;
        }
        for (dialect, extra) in [
            ("-std=gnu89", "-DPOOL_SIZE=1048576"),
            ("-std=c11", "-DDYNAMIC_MEMORY_DEBUG"),
            ("-std=c17", "-O0"),
            ("-std=gnu11", "-DDYNAMIC_MEMORY_ARENA"),
        ] {
            let program = cc::program(&format!("dialect-{compiler}{dialect}"));
            let output = Command::new(&compiler)
                .args(["-O1", "-Wall", "-Wextra", "-Werror", "-Dnative_executable"])
                .args([dialect, extra, "-I"])
                .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
                .arg(&source)
                .arg("-o")
                .arg(&program)
                .output()
                .expect("it started before");
            let messages = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "{compiler} {dialect} {extra}:\n{messages}"
            );
            assert!(
                Command::new(&program)
                    .status()
                    .expect("it was built")
                    .success()
            );
            built += 1;
        }
    }
    assert!(built > 0, "no C compiler");
}

/// Compiles a program for BPF; what the compiler says, and whether it did.
fn for_bpf(compiler: &str, source: &Path, arguments: &[&str]) -> (bool, String) {
    let output = Command::new(compiler)
        .args(["-target", "bpf", "-O2", "-g", "-Wall", "-Wextra", "-Werror"])
        .args(arguments)
        .arg("-I")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg("-idirafter")
        .arg(format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH))
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(cc::program(&format!("dialect-bpf-{compiler}.o")))
        .output()
        .expect("it started before");
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), messages)
}

#[test]
fn clangs_for_bpf_take_it_in_every_dialect_and_say_what_they_lack() {
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("dialect.bpf.c");
    std::fs::write(
        &source,
        "#include <linux/bpf.h>\n#include \"dynamic_memory.h\"\n\
         __attribute__((section(\"xdp\"))) int f(struct xdp_md *ctx) { char *p = static_calloc(3, 5);\n\
         (void)ctx; p = static_realloc(p, 100); static_free(p); p = static_strdup(\"text\");\n\
         static_free(p); p = static_aligned_alloc(64, 5); static_free(p); return static_reset(); }\n",
    )
    .expect("the target directory takes files");
    let mut built = 0;
    for compiler in clangs() {
        if !starts(&compiler) {
            skip("the build for BPF", &format!("there is no {compiler}"));
            continue;
        }
        for dialect in ["-std=gnu89", "-std=c11", "-std=c17"] {
            for extra in [
                ["-mcpu=v3", "-DPOOL_SIZE=1048576"],
                ["-mcpu=v3", "-DDYNAMIC_MEMORY_DEBUG"],
                ["-mcpu=v1", "-DDYNAMIC_MEMORY_SPIN_LOCK"],
            ] {
                let (taken, messages) = for_bpf(&compiler, &source, &[dialect, extra[0], extra[1]]);
                assert!(taken, "{compiler} {dialect} {extra:?}:\n{messages}");
                built += 1;
            }
        }
        // Atomics need more than the first instruction sets, and the message says so.
        let (taken, messages) = for_bpf(&compiler, &source, &["-mcpu=v2"]);
        assert!(!taken);
        let lower = messages.to_lowercase();
        assert!(
            lower.contains("mcpu") && messages.contains("DYNAMIC_MEMORY_SPIN_LOCK"),
            "{compiler}:\n{messages}"
        );
        for build in ["-DDYNAMIC_MEMORY_LINKED", "-DDYNAMIC_MEMORY_SPIN_LOCK"] {
            let big_endian = ["-target", "bpfeb", "-mcpu=v3", build];
            let (taken, messages) = for_bpf(&compiler, &source, &big_endian);
            assert!(taken, "{compiler} {build}:\n{messages}");
        }
        let (taken, messages) = for_bpf(&compiler, &source, &["-mcpu=v3", "-O0"]);
        assert!(
            !taken && messages.contains("pass -O2"),
            "{compiler}:\n{messages}"
        );
    }
    if built == 0 {
        skip("the build for BPF", "there is no clang");
    }
}

/// As gcc's back end for BPF compiles it, whose inline assembly is another one.
#[test]
fn gcc_for_bpf_is_told_what_it_lacks() {
    if Command::new("gcc").arg("--version").output().is_err() {
        return skip("gcc for BPF", "there is no gcc");
    }
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gcc.bpf.c");
    std::fs::write(&source, "#include \"dynamic_memory.h\"\n")
        .expect("the target directory takes it");
    let output = Command::new("gcc")
        .args(["-O2", "-fsyntax-only", "-D__bpf__", "-I"])
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("include"))
        .arg(&source)
        .output()
        .expect("it starts");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(
        messages.contains("dynamic_memory.h needs clang"),
        "{messages}"
    );
}

/// Builds with a sanitizer; `None`, told, where the compiler has none.
fn sanitized(source: &str, sanitizer: &str, extra: &[&str]) -> Option<std::path::PathBuf> {
    let program = cc::program(&format!("{source}-{}", &sanitizer[..3]));
    let flag = format!("-fsanitize={sanitizer}");
    let mut arguments = vec![flag.as_str(), "-fno-sanitize-recover=all"];
    arguments.extend(extra);
    let output = cc::command("cc", source, &program, &arguments)
        .output()
        .expect("cc starts");
    if !output.status.success() {
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(
            messages.contains("cannot find"),
            "{source} does not compile:\n{messages}"
        );
        skip(
            &format!("{source} under -fsanitize={sanitizer}"),
            "the compiler has no library",
        );
        return None;
    }
    Some(program)
}

#[test]
fn sanitizers_find_nothing_in_threads() {
    let sizes = ["-DDYNAMIC_MEMORY_HEAPS=2", "-DPOOL_SIZE=16384"];
    // So many that blocks are handed over side by side often enough: with fewer a missing order between
    // threads was found in one of twenty runs.
    for (sanitizer, rounds) in [("address,undefined", "200000"), ("thread", "240000")] {
        let Some(program) = sanitized("threads.c", sanitizer, &sizes) else {
            continue;
        };
        let output = Command::new(program)
            .arg(rounds)
            .output()
            .expect("it was built");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{sanitizer}:\n{messages}");
        let counts = String::from_utf8_lossy(&output.stdout);
        assert!(
            !counts.contains(" 0 handed over"),
            "the threads never met: {counts}"
        );
    }
}

/// Threads of two heaps that meet on a lock all the time: a bit that is set after its block was found by
/// another one's was counted as a double free in every third run.
#[test]
fn no_free_of_a_thread_is_refused() {
    let sizes = ["-DDYNAMIC_MEMORY_HEAPS=2", "-DPOOL_SIZE=16384"];
    let program = cc::build("threads.c", "threads", &sizes);
    for _ in 0..8 {
        let output = Command::new(&program)
            .arg("400000")
            .output()
            .expect("it was built");
        let messages = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{messages}");
    }
}

#[test]
fn sanitizers_find_nothing_in_the_debug_build() {
    let Some(program) = sanitized("debug.c", "address,undefined", &["-DDYNAMIC_MEMORY_DEBUG"])
    else {
        return;
    };
    let output = Command::new(program).output().expect("it was built");
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn clangs_analyzer_finds_what_the_program_does_wrong() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = root.join("tests/heap/analyzed.bpf.c");
    let text = std::fs::read_to_string(&source).expect("the source is there");
    let expected: Vec<(usize, &str)> = text
        .lines()
        .enumerate()
        .filter_map(|(index, line)| {
            let (_, expected) = line.split_once("/* expect: ")?;
            Some((index + 1, expected.trim_end_matches(" */")))
        })
        .collect();
    assert_eq!(expected.len(), 3);
    let clang = pinned();
    if !starts(&clang) {
        return skip("clang's analyzer", &format!("there is no {clang}"));
    }
    let output = Command::new(clang)
        .args([
            "--analyze",
            "--analyzer-output",
            "text",
            "-target",
            "bpf",
            "-I",
        ])
        .arg(root.join("include"))
        .arg(format!(
            "-I/usr/include/{}-linux-gnu",
            std::env::consts::ARCH
        ))
        .arg(&source)
        .output()
        .expect("it started before");
    let messages = String::from_utf8_lossy(&output.stderr);
    let found: Vec<&str> = messages
        .lines()
        .filter(|line| line.contains("warning: "))
        .collect();
    for (line, what) in &expected {
        assert!(
            found
                .iter()
                .any(|found| found.contains(&format!(":{line}:")) && found.contains(what)),
            "line {line}, {what}, is not in:\n{messages}"
        );
    }
    assert_eq!(found.len(), expected.len(), "{messages}");
}

#[test]
fn a_header_with_overrides_compiles_and_obeys() {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("overridden");
    std::fs::create_dir_all(&directory).expect("the target directory takes files");
    let overrides = Overrides {
        pool_size: Some(8_192),
        heaps: Some(2),
        granule: Some(64),
        guard: Some(8_192),
        debug: true,
        ..Overrides::default()
    };
    let text = header(&overrides).expect("a sound combination");
    assert_ne!(text, HEADER);
    std::fs::write(directory.join(HEADER_NAME), text).expect("the directory takes files");
    let source = directory.join("obeys.c");
    std::fs::write(
        &source,
        "#include \"dynamic_memory.h\"\n\
         _Static_assert(POOL_SIZE == 8192 && DYNAMIC_MEMORY_HEAPS == 2, \"\");\n\
         _Static_assert(DYNAMIC_MEMORY_GRANULE == 64 && DYNAMIC_MEMORY_GUARD == 8192, \"\");\n\
         int main(void) { void *p = static_malloc(8184); return !p || static_malloc_usable_size(p)\n\
         != 8192 || !dynmem_heap(0)->sites; }\n",
    )
    .expect("the directory takes files");
    let program = cc::program("obeys");
    let output = Command::new("cc")
        .args(["-Wall", "-Wextra", "-Dnative_executable", "-I"])
        .arg(&directory)
        .arg(&source)
        .arg("-o")
        .arg(&program)
        .output()
        .expect("cc starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        Command::new(program)
            .status()
            .expect("it was built")
            .success()
    );
}
