//! `bpf-malloc.toml`.

use crate::common::{Dir, PLAIN, SOURCE};

#[test]
fn found_upwards_from_the_input() {
    let dir = Dir::with(&[
        ("p/bpf-malloc.toml", "ext = [\"cc\"]\n"),
        ("p/src/a.cc", SOURCE),
        ("p/src/b.c", SOURCE),
    ]);
    let run = dir.rewrite(&["--check", "p/src"]).exits(1);
    assert_eq!(run.out, "p/src/a.cc\n");
    // The command line wins.
    let run = dir.rewrite(&["--check", "--ext", "c", "p/src"]).exits(1);
    assert_eq!(run.out, "p/src/b.c\n");
    let run = dir.rewrite(&["--check", "--no-config", "p/src"]).exits(1);
    assert_eq!(run.out, "p/src/b.c\n");
    // The nearest counts.
    dir.write("p/src/bpf-malloc.toml", "");
    let run = dir.rewrite(&["--check", "p/src"]).exits(1);
    assert_eq!(run.out, "p/src/b.c\n");
}

#[test]
fn each_input_has_its_own() {
    let dir = Dir::with(&[
        ("p/bpf-malloc.toml", "ext = [\"cc\"]\n"),
        ("p/a.cc", SOURCE),
        ("q/b.c", SOURCE),
    ]);
    let run = dir.rewrite(&["--check", "p", "q"]).exits(1);
    assert_eq!(run.out, "p/a.cc\nq/b.c\n");
}

#[test]
fn named() {
    let dir = Dir::with(&[
        ("cfg/any.toml", "ext = [\"h\"]\n"),
        ("bpf-malloc.toml", "nonsense = 1\n"),
        ("src/a.h", SOURCE),
        ("src/b.c", SOURCE),
    ]);
    let args = ["--check", "--config", "cfg/any.toml", "src"];
    assert_eq!(dir.rewrite(&args).exits(1).out, "src/a.h\n");
    let run = dir.rewrite(&["--check", "--config", "none.toml", "src"]);
    run.exits(2).says(&["none.toml", "--config"]);
    dir.rewrite(&["--config", "cfg/any.toml", "--no-config", "src"])
        .exits(2);
}

#[test]
fn mistakes_are_shown_with_their_line() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    for (text, line, word) in [
        ("ext = [\"c\"]\n\non-nul = \"off\"\n", "line 3", "on-nul"),
        ("on-null = \"maybe\"\n", "line 1", "return=EXPR"),
        ("# x\next = \"c\"\n", "line 2", "sequence"),
        ("ext = [\n", "line 1", "bpf-malloc.toml"),
        ("[header]\nheap = 2\n", "line 2", "heap"),
        ("max-size = \"large\"\n", "max-size", "8M"),
    ] {
        dir.write("bpf-malloc.toml", text);
        let run = dir.rewrite(&["a.c"]).exits(2);
        run.says(&["bpf-malloc.toml", line, word]);
    }
    assert_eq!(dir.read("a.c"), SOURCE);
}

#[test]
fn every_key_works() {
    let dir = Dir::with(&[
        ("src/a.c", SOURCE),
        ("src/vendor/b.c", SOURCE),
        ("src/gen_c.c", SOURCE),
        (
            "src/large.c",
            &(SOURCE.to_owned() + &"// free\n".repeat(1000)),
        ),
        ("maps/maps.h", "#define free(p) mine(p)\n"),
        (
            "src/mapped.c",
            "#include \"maps.h\"\nvoid f(void *p) { free(p); }\n",
        ),
    ]);
    dir.write(
        "bpf-malloc.toml",
        "exclude = [\"vendor/\", \"gen_*.c\"]\ninclude-dirs = [\"maps\"]\nmax-size = \"4K\"\n\
         emit-header = true\non-null = \"off\"\n[header]\npool-size = 131072\nheaps = 2\n",
    );
    let run = dir.rewrite(&["-o", "build", "src"]).exits(2);
    run.says(&["src/large.c", "4096 bytes"]);
    assert_eq!(dir.list("build"), ["a.c", "dynamic_memory.h", "mapped.c"]);
    assert!(dir.read("build/mapped.c").contains("{ free(p); }"));
    let header = dir.read("build/dynamic_memory.h");
    assert!(header.contains("POOL_SIZE 131072") && header.contains("MEMORY_HEAPS 2"));
    dir.rewrite(&["--check", "--max-size", "1M", "src/large.c"])
        .exits(1);
    // A wrong header is told before anything of it is written.
    dir.write(
        "bpf-malloc.toml",
        "emit-header = true\n[header]\nheaps = 3\n",
    );
    dir.rewrite(&["-o", "x.c", "src/a.c"])
        .exits(2)
        .says(&["power of two"]);
    assert!(!dir.exists("dynamic_memory.h"));
}

#[test]
fn paths_in_it_start_at_its_directory() {
    let dir = Dir::with(&[
        ("p/bpf-malloc.toml", "compile-commands = \"out/cc.json\"\n"),
        ("p/out/cc.json", "[]"),
        ("p/a.c", PLAIN),
    ]);
    dir.rewrite(&["p/a.c"]).exits(0);
    dir.write("p/out/cc.json", "{");
    dir.rewrite(&["p/a.c"])
        .exits(2)
        .says(&["out/cc.json", "compilation database"]);
}
