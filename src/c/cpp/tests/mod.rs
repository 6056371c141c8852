use std::collections::HashMap;
use std::path::Path;

use super::*;

mod conditions;
mod cpu;
mod hostile;
mod includes;
mod macros;
mod places;

/// Headers in memory. Those whose path starts with `/usr` are the system's.
#[derive(Default)]
struct Memory(HashMap<&'static str, &'static str>);

impl Includes for Memory {
    fn find(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Included> {
        let here = from.parent().filter(|_| !angled && !next);
        let dirs = ["include", "/usr/include"].map(Path::new);
        let behind = if next {
            dirs.iter().position(|d| from.starts_with(d))
        } else {
            None
        };
        let dirs = dirs.into_iter().skip(behind.map_or(0, |at| at + 1));
        let paths = here.into_iter().chain(dirs).map(|dir| dir.join(name));
        let found = paths.filter_map(|path| Some((self.0.get(path.to_str()?)?, path)));
        found.into_iter().next().map(|(text, path)| Included {
            bytes: text.as_bytes().into(),
            project: !path.starts_with("/usr"),
            large: false,
            path,
        })
    }
}

fn unit_with(source: &str, headers: &[(&'static str, &'static str)]) -> Unit {
    let setup = Setup {
        includes: &Memory(headers.iter().copied().collect()),
        command_line: &[],
        forced: &[],
        kept: Kept {
            header: Some("dynamic_memory.h"),
            names: &["__arena", "can_loop"],
        },
        wanted: None,
        cache: &Cache::default(),
    };
    preprocess(Path::new("a.c"), source.as_bytes(), &setup)
}

fn unit(source: &str) -> Unit {
    unit_with(source, &[])
}

/// The tokens of a unit, a blank between each.
fn text(unit: &Unit) -> String {
    let texts = unit
        .tokens
        .iter()
        .map(|t| String::from_utf8_lossy(unit.text(t)));
    texts.collect::<Vec<_>>().join(" ")
}

/// The tokens behind the preprocessor. Nothing may be wrong with the source.
fn out(source: &str) -> String {
    let unit = unit(source);
    assert_eq!(unit.problems, [], "{source}");
    text(&unit)
}

/// What is wrong with a source.
fn problems(source: &str) -> Vec<String> {
    let problems = unit(source).problems.into_iter();
    problems.map(|problem| problem.message).collect()
}
