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

/// What the parser says of a key that it does not know names those that it knows.
fn keys(dir: &Dir, table: &str) -> Vec<String> {
    dir.write("bpf-malloc.toml", format!("{table}no-such-key = 1\n"));
    let said = dir.rewrite(&["--check", "a.c"]).exits(2).err.clone();
    let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
    let (_, known) = said.split_once("expected one of").expect("a list of keys");
    let known = known.split('`').skip(1).step_by(2);
    let known = known.take_while(|word| *word != "bpf-malloc rewrite --help");
    let mut keys: Vec<_> = known.map(|key| key.replace([' ', '│'], "")).collect();
    keys.sort();
    keys
}

#[test]
fn the_schema_has_every_key() {
    let schema = include_str!("../../docs/bpf-malloc.schema.json");
    let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
    let names = |table: &serde_json::Value| {
        let table = table["properties"].as_object().expect("a table");
        table.keys().cloned().collect::<Vec<_>>()
    };
    let dir = Dir::with(&[("a.c", SOURCE)]);
    assert_eq!(names(&schema), keys(&dir, ""));
    assert_eq!(
        names(&schema["properties"]["header"]),
        keys(&dir, "[header]\n")
    );
}

#[test]
fn shown_they_are_a_settings_file_that_says_the_same() {
    let dir = Dir::with(&[
        (
            "p/bpf-malloc.toml",
            "ext = [\"cc\"]\non-null = \"return=-12\"\nexclude = [\"gen_*\"]\nmax-size = \"64K\"\n\
             [header]\nheaps = 2\n",
        ),
        ("p/a.cc", SOURCE),
        ("q/b.c", SOURCE),
    ]);
    let args = ["--show-settings", "--backend", "map", "p", "p/a.cc", "q"];
    let shown = dir.rewrite(&args).exits(0).out.clone();
    let (of_p, of_q) = shown.split_once("\n# of q,").expect("two");
    assert!(of_p.starts_with("# of p, p/a.cc, from ") && of_p.contains("p/bpf-malloc.toml\n"));
    for line in [
        "on-null = \"return=-12\"",
        "backend = \"map\"",
        "ext = [\"cc\"]",
        "exclude = [\"gen_*\"]",
        "max-size = 65536",
        "heaps = 2",
    ] {
        assert!(of_p.lines().any(|have| have == line), "{line} in {of_p}");
    }
    assert!(of_q.contains("from the command line and the defaults"));
    assert_eq!(dir.read("p/a.cc"), SOURCE);
    // Taken as settings they say the same.
    dir.write("again.toml", of_p);
    let args = ["--show-settings", "--config", "again.toml", "p"];
    let again = dir.rewrite(&args).exits(0).out.clone();
    let settings = |text: &str| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(settings(&again), settings(of_p));
}

#[test]
fn the_files_of_a_run_can_be_listed() {
    let dir = Dir::with(&[
        ("src/a.bpf.c", SOURCE),
        (
            "src/loader.c",
            "#include <stdlib.h>\nvoid drop(void *p) { free(p); }\n",
        ),
        ("src/plain.bpf.c", "int x;\n"),
        ("src/gen.bpf.c", SOURCE),
    ]);
    let args = ["--show-files", "--exclude", "gen*", "src"];
    assert_eq!(dir.rewrite(&args).exits(0).out, "src/a.bpf.c\n");
    let args = ["--show-files", "--all", "src"];
    let out = dir.rewrite(&args).exits(0).out.clone();
    assert_eq!(out, "src/a.bpf.c\nsrc/gen.bpf.c\nsrc/loader.c\n");
    assert_eq!(dir.read("src/a.bpf.c"), SOURCE);
}
