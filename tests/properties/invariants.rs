//! What is true of every plan.

use std::path::Path;

use bpf_malloc::rewrite::{
    Alone, Backend, OnNull, Options, Plan, Recursion, facts, may_matter, plan,
};
use proptest::prelude::TestCaseError;
use proptest::{prop_assert, prop_assert_eq};

use crate::compiler::{self, Source};
use crate::cpu;

const PATH: &str = "any.bpf.c";
/// Far more than any input of these tests takes, in a debug build on a busy machine.
const PATIENCE: f64 = 30.0;

/// Checks a source against everything that has to hold for it, whatever the options.
pub fn check(source: &Source) -> Result<(), TestCaseError> {
    let facts = || facts(Path::new(PATH), &source.text, &Alone::default());
    prop_assert_eq!(facts(), facts(), "facts change");
    for on_null in [
        OnNull::Auto,
        OnNull::Return("-12".into()),
        OnNull::Off,
        OnNull::Error,
    ] {
        let backend = Backend::Map;
        let options = Options {
            on_null,
            backend,
            recursion: Recursion::Off,
            explain: true,
        };
        check_with(source, &options)?;
    }
    for backend in [Backend::Auto, Backend::Arena] {
        let on_null = OnNull::Auto;
        let options = Options {
            on_null,
            backend,
            recursion: Recursion::Auto,
            explain: true,
        };
        check_with(source, &options)?;
    }
    Ok(())
}

/// Checks a source with the default options only.
pub fn check_with_defaults(source: &Source) -> Result<(), TestCaseError> {
    check_with(source, &Options::default())
}

/// tree-sitter knows no qualifiers but those of C, none before a star, and no attribute behind a name.
fn without_qualifiers(source: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(source);
    text.replace("(__arena *", "(*")
        .replace("__arena", "volatile")
        .replace(" static_local", "")
        .replace(" __attribute__((used))", "")
        .into_bytes()
}

fn check_with(input: &Source, options: &Options) -> Result<(), TestCaseError> {
    let (path, source) = (Path::new(PATH), &input.text[..]);
    let project = Alone::default();
    let begin = cpu::seconds();
    let first = plan(path, source, &project, options);
    let taken = cpu::seconds() - begin;
    prop_assert!(taken < PATIENCE, "took {taken} s");
    let result = first.apply(source);
    well_formed(&first, source, &result)?;
    if !may_matter(source) {
        prop_assert!(!first.changes(), "may_matter is wrong in saying no");
    }
    let again = plan(path, &result, &project, options);
    if again.changes() {
        let words = format!(
            "the second run changes something: {:?}\nfirst: {:?}\nin {}",
            again.edits(),
            first.edits(),
            String::from_utf8_lossy(&result)
        );
        return compiler::broken(&[(PATH, input)], words);
    }
    let (before, after) = (
        syntax_errors(source),
        syntax_errors(&without_qualifiers(&result)),
    );
    // What the parser makes of broken code depends on the length of words.
    if before == 0 && after > 0 {
        let result = String::from_utf8_lossy(&result);
        let words = format!("the result has {after} syntax errors: {result}");
        return compiler::broken(&[(PATH, input)], words);
    }
    Ok(())
}

/// Edits are in order, within the source, and nothing else changes.
fn well_formed(plan: &Plan, source: &[u8], result: &[u8]) -> Result<(), TestCaseError> {
    let (mut at, mut out) = (0, 0);
    for edit in plan.edits() {
        let span = edit.span;
        prop_assert!(at <= span.start && span.start <= span.end && span.end <= source.len());
        let kept = &source[at..span.start];
        prop_assert_eq!(&result[out..out + kept.len()], kept);
        out += kept.len();
        prop_assert_eq!(&result[out..out + edit.text.len()], &edit.text[..]);
        prop_assert!(
            span.of(source) != edit.text,
            "an edit changes nothing ({}): {edit:?} in {}",
            edit.reason,
            String::from_utf8_lossy(source)
        );
        prop_assert!(!edit.reason.is_empty());
        out += edit.text.len();
        at = span.end;
    }
    prop_assert_eq!(&result[out..], &source[at..]);
    for notice in plan.notices() {
        let span = notice.span;
        prop_assert!(
            span.start <= span.end && span.end <= source.len(),
            "{notice:?}"
        );
        prop_assert!(!notice.message.is_empty());
    }
    Ok(())
}

/// How many errors the C grammar sees.
pub fn syntax_errors(source: &[u8]) -> usize {
    let mut parser = tree_sitter::Parser::new();
    parser
        .set_language(&tree_sitter_c::LANGUAGE.into())
        .expect("the C grammar");
    // The grammar does not know that a lone carriage return ends a line.
    let text: Vec<u8> = source
        .iter()
        .map(|&byte| if byte == b'\r' { b'\n' } else { byte })
        .collect();
    let tree = parser.parse(&text, None).expect("a tree");
    if !tree.root_node().has_error() {
        return 0;
    }
    let mut cursor = tree.walk();
    let mut count = 0;
    loop {
        let node = cursor.node();
        count += usize::from(node.is_error() || node.is_missing());
        if node.has_error() && cursor.goto_first_child() || cursor.goto_next_sibling() {
            continue;
        }
        loop {
            if !cursor.goto_parent() {
                return count;
            }
            if cursor.goto_next_sibling() {
                break;
            }
        }
    }
}
