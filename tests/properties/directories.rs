//! Runs over directories, whose files tell of each other: a second run changes nothing.

use std::fmt;
use std::fs;
use std::path::Path;

use bpf_malloc::c::lexer::{lex, op};
use bpf_malloc::rewrite::Backend;
use bpf_malloc::run::Builder;
use proptest::prelude::*;

use crate::compiler::{self, Source};
use crate::{generate, run};

/// Names as in a project. What ends in `.h` is included by some of the others.
const NAMES: &[&str] = &["a.bpf.c", "b.bpf.c", "c.bpf.h", "d.c", "e.h"];

/// Files of one project, by their names.
#[derive(Clone)]
struct Files(Vec<(&'static str, Source)>);

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, source) in &self.0 {
            write!(f, "\n=== {name}\n{source:?}")?;
        }
        Ok(())
    }
}

fn projects() -> impl Strategy<Value = Files> {
    let source = prop_oneof![
        2 => generate::fixture(),
        3 => generate::mutated(),
        1 => generate::program(),
    ];
    let file = (source, any::<bool>(), any::<bool>());
    prop::collection::vec(file, 2..=NAMES.len()).prop_map(|files| {
        // A header that leaves a bracket open swallows what comes after it: no compiler takes that, and
        // what is swallowed changes with the first edit.
        let whole: Vec<&str> = NAMES
            .iter()
            .zip(&files)
            .filter(|(_, (source, ..))| balances(&source.text))
            .map(|(name, _)| *name)
            .collect();
        let files = NAMES.iter().zip(files);
        let files = files.map(|(name, (Source { text, near }, first, second))| {
            let included =
                |header, yes: bool| match yes && *name != header && whole.contains(&header) {
                    true => format!("#include \"{header}\"\n"),
                    false => String::new(),
                };
            let head = included("c.bpf.h", first) + &included("e.h", second);
            let text = [head.as_bytes(), &text].concat();
            (*name, Source { text, near })
        });
        Files(files.collect())
    })
}

/// Whether each bracket of a text has its mate.
fn balances(text: &[u8]) -> bool {
    let mut open = Vec::new();
    let lexed = lex(text);
    let balanced = lexed.tokens.iter().all(|token| {
        for (begin, end) in [("(", ")"), ("[", "]"), ("{", "}")] {
            if token.is(op(begin)) {
                open.push(end);
            } else if token.is(op(end)) && open.pop() != Some(end) {
                return false;
            }
        }
        true
    });
    balanced && open.is_empty()
}

/// Rewrites what is in `from`. What is no source is an error, and everything else is done.
fn rewrite(from: &Path, to: &Path, backend: Backend, all: bool) {
    let builder = Builder::new().source(from).backend(backend).all(all);
    let _ = builder.cargo_lines(false).generate(to);
}

/// The files of a directory by their names.
fn read(dir: &Path) -> Vec<(String, String)> {
    let mut files: Vec<(String, String)> = fs::read_dir(dir)
        .expect("the run has made it")
        .map(|entry| {
            let entry = entry.expect("an entry");
            let text = fs::read(entry.path()).expect("a file");
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&text).into_owned())
        })
        .collect();
    files.sort();
    files
}

/// The first file that is another one in a second directory: its name, and what it holds in each.
fn difference(once: &Path, twice: &Path) -> Option<(String, String, String)> {
    let pairs = read(once).into_iter().zip(read(twice));
    let found = { pairs }.find(|(before, after)| before != after);
    found.map(|((name, before), (_, after))| (name, before, after))
}

/// What becomes of a header comes from the units that include it: all of it in the first run.
#[test]
fn a_second_run_over_a_fixture_as_a_header_changes_nothing() {
    let fixtures = generate::fixtures();
    assert!(fixtures.len() > 100);
    let mut problems = Vec::new();
    for (path, source) in fixtures {
        let dir = tempfile::tempdir().expect("a directory");
        let [old, once, twice] = ["old", "once", "twice"].map(|name| dir.path().join(name));
        fs::create_dir(&old).expect("a new directory");
        fs::write(old.join("body.h"), &source.text).expect("a new file");
        fs::write(old.join("unit.bpf.c"), "#include \"body.h\"\n").expect("a new file");
        rewrite(&old, &once, Backend::Auto, true);
        rewrite(&once, &twice, Backend::Auto, true);
        if let Some((name, before, after)) = difference(&once, &twice) {
            let path = path.display();
            problems.push(format!(
                "{path}: {name} changes from\n{before}\nto\n{after}"
            ));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn a_second_run_over_a_directory_changes_nothing() {
    let backends =
        prop_oneof![3 => Just(Backend::Auto), 1 => Just(Backend::Map), 1 => Just(Backend::Arena)];
    let some = (projects(), backends, any::<bool>());
    run(12, &some, |(files, backend, all)| {
        let dir = tempfile::tempdir().expect("a directory");
        let [old, once, twice] = ["old", "once", "twice"].map(|name| dir.path().join(name));
        fs::create_dir(&old).expect("a new directory");
        for (name, source) in &files.0 {
            fs::write(old.join(name), &source.text).expect("a new file");
        }
        rewrite(&old, &once, backend, all);
        if !once.is_dir() {
            // Not one was a source.
            return Ok(());
        }
        rewrite(&once, &twice, backend, all);
        let Some((name, before, after)) = difference(&once, &twice) else {
            return Ok(());
        };
        let sources: Vec<_> = files
            .0
            .iter()
            .map(|(name, source)| (*name, source))
            .collect();
        let words = format!(
            "{backend:?}, all: {all}: the second run changes {name} from\n{before}\nto\n{after}"
        );
        compiler::broken(&sources, words)
    });
}
