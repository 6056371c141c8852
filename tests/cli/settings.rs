//! `bpf-malloc.toml`.

use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::common::{Dir, PLAIN, SOURCE, is_root, skipped, tool};

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

#[test]
fn settings_end_at_the_repository() {
    let dir = Dir::with(&[
        ("bpf-malloc.toml", "ext = [\"cc\"]\n"),
        ("p/src/a.cc", SOURCE),
        ("p/src/b.c", SOURCE),
    ]);
    let check = |args: &[&str]| dir.rewrite(&[&["--check"][..], args].concat()).exits(1);
    assert_eq!(check(&["p"]).out, "p/src/a.cc\n");
    fs::create_dir(dir.join("p/.git")).unwrap();
    assert_eq!(check(&["p"]).out, "p/src/b.c\n");
    dir.write("p/bpf-malloc.toml", "ext = [\"cc\"]\n");
    assert_eq!(check(&["p/src"]).out, "p/src/a.cc\n");
    // It says which were followed.
    check(&["-v", "p/src"]).says(&["settings:", "p/bpf-malloc.toml"]);
}

#[test]
fn settings_of_other_users_and_of_links_out_are_passed_by() {
    let secret = "root:secret:1:\n";
    let dir = Dir::with(&[
        ("elsewhere.toml", secret),
        ("p/.git/HEAD", ""),
        ("p/a.c", SOURCE),
        ("p/real.toml", "ext = [\"h\"]\n"),
    ]);
    let link = dir.join("p/bpf-malloc.toml");
    symlink("../elsewhere.toml", &link).unwrap();
    let run = dir.rewrite(&["--check", "p"]).exits(1);
    assert!(!run.err.contains("secret"), "{run:?}");
    run.says(&["bpf-malloc.toml", "leads out of", "--config"]);
    fs::remove_file(&link).unwrap();
    symlink("/dev/zero", &link).unwrap();
    let run = dir.rewrite(&["--check", "p"]).exits(1);
    run.says(&["no regular file"]);
    fs::remove_file(&link).unwrap();
    tool(dir.path(), "mkfifo", &["p/bpf-malloc.toml"]);
    dir.rewrite(&["--check", "p"])
        .exits(1)
        .says(&["no regular file"]);
    fs::remove_file(&link).unwrap();
    symlink("real.toml", &link).unwrap();
    assert_eq!(dir.rewrite(&["--check", "p"]).exits(0).out, "");
    if !is_root() {
        return skipped("takes files of two users, which only root can make");
    }
    chown(dir.join("p/real.toml"), Some(65534), None).unwrap();
    let run = dir.rewrite(&["--check", "p"]).exits(1);
    run.says(&["belongs to another user", "--config"]);
    // Named, it is followed.
    dir.rewrite(&["--check", "--config", "p/bpf-malloc.toml", "p"])
        .exits(0);
}

#[test]
fn a_value_to_return_is_no_code() {
    let dir = Dir::with(&[("a.c", SOURCE)]);
    for value in ["system(\\\"id\\\")", "0; evil()", "f(1)"] {
        dir.write("bpf-malloc.toml", format!("on-null = \"return={value}\"\n"));
        dir.rewrite(&["a.c"])
            .exits(2)
            .says(&["line 1", "numbers, names and operators"]);
    }
    assert_eq!(dir.read("a.c"), SOURCE);
    dir.write(
        "bpf-malloc.toml",
        "on-null = \"return=-ENOMEM | (1 << 2)\"\n",
    );
    dir.rewrite(&["a.c"]).exits(0);
}

#[test]
fn files_of_patterns_are_bounded_and_regular() {
    let dir = Dir::with(&[
        ("p/.git/info/x", ""),
        ("p/a.c", SOURCE),
        ("p/sub/b.c", SOURCE),
    ]);
    for name in ["p/.gitignore", "p/.git/info/exclude", "p/sub/.gitignore"] {
        let path = dir.join(name);
        symlink("/dev/zero", &path).unwrap();
        assert_eq!(
            dir.rewrite(&["--check", "p"]).exits(1).out,
            "p/a.c\np/sub/b.c\n"
        );
        fs::remove_file(&path).unwrap();
        tool(dir.path(), "mkfifo", &[name]);
        assert_eq!(
            dir.rewrite(&["--check", "p"]).exits(1).out,
            "p/a.c\np/sub/b.c\n"
        );
        fs::remove_file(&path).unwrap();
        dir.write(name, "\u{feff}a.c\nb.c\n");
        let left = dir.rewrite(&["--check", "p"]).out;
        assert!(!left.contains("b.c"), "{name}: {left}");
        fs::remove_file(&path).unwrap();
    }
    // A compilation database as well.
    symlink("/dev/zero", dir.join("p/compile_commands.json")).unwrap();
    dir.rewrite(&["--check", "p"]).exits(1);
}
