//! `bpf-malloc explain`, and words that are meant.

use crate::common::{Dir, SOURCE};

#[test]
fn rules_are_explained_and_listed() {
    let dir = Dir::new();
    let list = dir.run(&["explain"]).exits(0);
    for rule in ["call", "unbounded-offset", "header-not-rewritten"] {
        assert!(
            list.out.lines().any(|line| line.starts_with(rule)),
            "{rule}"
        );
        let run = dir.run(&["explain", rule]).exits(0);
        assert!(run.out.starts_with(rule), "{}", run.out);
    }
    let run = dir.run(&["explain", "unbounded-offset"]).exits(0);
    assert!(run.out.contains("What to do: "), "{}", run.out);
    dir.run(&["explain", "unbound-offset"])
        .exits(2)
        .says(&["did you mean `unbounded-offset`"]);
    dir.run(&["explain", "zzz"]).exits(2).says(&["lists all"]);
}

#[test]
fn unknown_settings_say_what_was_meant() {
    let dir = Dir::with(&[("a.c", SOURCE), ("bpf-malloc.toml", "exlude = []\n")]);
    dir.rewrite(&["--check", "a.c"])
        .exits(2)
        .says(&["line 1", "did you mean `exclude`?"]);
    dir.write("bpf-malloc.toml", "nonsense = 1\n");
    let run = dir.rewrite(&["--check", "a.c"]).exits(2);
    assert!(!run.err.contains("did you mean"), "{}", run.err);
}

#[test]
fn the_version_tells_the_features() {
    let run = Dir::new().run(&["--version"]).exits(0);
    assert!(run.out.contains("features: cli"), "{}", run.out);
    assert!(run.out.contains("\ncommit: "), "{}", run.out);
}

#[test]
fn the_documentation_names_every_refusal() {
    let text = include_str!("../../docs/verify.md");
    for kind in bpf_malloc::judge::explain::Kind::ALL {
        let name = kind.name();
        assert!(
            name == "other" || text.contains(&format!("`{name}`")),
            "{name}"
        );
    }
}
