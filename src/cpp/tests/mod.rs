use std::path::Path;

use super::*;

struct Nothing;

impl Includes for Nothing {
    fn find(&self, _: &Path, _: &str, _: bool, _: bool) -> Option<Included> {
        None
    }
}

fn unit(source: &str) -> Unit {
    let setup = Setup {
        includes: &Nothing,
        command_line: &[],
        forced: &[],
        cache: &Cache::default(),
    };
    preprocess(Path::new("a.c"), source.as_bytes(), &setup)
}

#[test]
fn tokens_know_their_place() {
    let unit = unit("int a\\\nb; /* */ x->y\n");
    let texts: Vec<_> = unit.tokens.iter().map(|t| unit.text(t)).collect();
    assert_eq!(texts, [b"int" as &[u8], b"ab", b";", b"x", b"->", b"y"]);
    assert_eq!(unit.tokens[1].loc.start..unit.tokens[1].loc.end, 4..8);
    assert!(unit.tokens[3].space && !unit.tokens[4].space);
}

/// The tokens behind the preprocessor, a blank between each.
fn out(source: &str) -> String {
    let unit = unit(source);
    let texts = unit
        .tokens
        .iter()
        .map(|t| String::from_utf8_lossy(unit.text(t)).into_owned());
    texts.collect::<Vec<_>>().join(" ")
}

mod macros;
