//! The example of the README.

use crate::common::Dir;

#[test]
fn example_comes_out_as_shown() {
    let before = include_str!("../../fixtures/example/before.c");
    let after = include_str!("../../fixtures/example/after.c");
    let dir = Dir::with(&[("example.c", before)]);
    dir.rewrite(&["example.c"]).exits(0);
    assert_eq!(dir.read("example.c"), after);
    dir.rewrite(&["--check", "example.c"]).exits(0);
}
