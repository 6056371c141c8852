//! One project: what the compiler knows beside what the tools would do.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::clang::{Evidence, Seen};
use crate::project::{Project, Source};
use crate::tools::{Ours, Rewritten};

/// How a tool did on a project.
#[derive(Clone, Copy, Default)]
pub struct Score {
    /// Rewritten, and a call of the C library.
    pub right: usize,
    /// Rewritten in code that clang read, and not such a call.
    pub wrong: usize,
    /// Such a call, and not rewritten.
    pub missed: usize,
    /// Rewritten where no compilation looked: inactive branches, macros that nothing expands,
    /// files for other systems.
    pub unjudged: usize,
}

/// A place where the tool and the compiler differ.
pub struct Difference {
    /// The file.
    pub path: PathBuf,
    /// Offset of the identifier.
    pub at: usize,
    /// What is wrong.
    pub what: String,
}

/// The result for one project.
pub struct Verdict {
    /// The package, and the variant if there is one.
    pub name: String,
    /// Its version.
    pub version: String,
    /// How many .c files it has.
    pub units: usize,
    /// How many of them compile in some configuration.
    pub compiled: usize,
    /// How many calls there are.
    pub calls: usize,
    /// How many of them go through an alias (`#define my_free free`), where the name is no callee
    /// but a value, and which the tool leaves to a person, saying so.
    pub left: usize,
    /// Places that are no such calls and were left alone, by what they are.
    pub kept: BTreeMap<&'static str, usize>,
    /// Calls in one configuration that a macro maps to something else in another: no answer is
    /// right for both, and keeping them is safe.
    pub divided: usize,
    /// Our score.
    pub ours: Score,
    /// The scores of the others.
    pub others: Vec<(&'static str, Score)>,
    /// Our misses and false positives.
    pub differences: Vec<Difference>,
}

impl Score {
    /// Of what was rewritten and judged, the part that is right.
    pub fn precision(&self) -> f64 {
        ratio(self.right, self.right + self.wrong)
    }

    /// Of the calls, the part that was rewritten.
    pub fn recall(&self) -> f64 {
        ratio(self.right, self.right + self.missed)
    }

    /// Adds the counts of another project.
    pub fn add(&mut self, other: Self) {
        self.right += other.right;
        self.wrong += other.wrong;
        self.missed += other.missed;
        self.unjudged += other.unjudged;
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// What a place is, as far as clang saw it.
enum Place<'a> {
    Call,
    Divided,
    Other(&'a BTreeSet<&'static str>),
    /// In code that was read, but not as a token.
    NoToken,
    Unseen,
}

fn place(seen: Option<&Seen>, at: usize) -> Place<'_> {
    let Some(seen) = seen else {
        return Place::Unseen;
    };
    match (seen.calls.contains_key(&at), seen.others.get(&at)) {
        (true, Some(others)) if others.contains("mapped by a macro") => Place::Divided,
        (true, _) => Place::Call,
        (false, Some(others)) => Place::Other(others),
        (false, None) if seen.active(at) => Place::NoToken,
        (false, None) => Place::Unseen,
    }
}

impl Verdict {
    /// Compares.
    pub fn new(
        project: &Project,
        source: &Source,
        evidence: &Evidence,
        ours: &Ours,
        others: &[(&'static str, Rewritten)],
    ) -> Self {
        let (score, differences) = score(source, evidence, &ours.rewritten, &ours.left);
        let mut verdict = Self {
            name: project.name(),
            version: source.version.clone(),
            units: evidence.units,
            compiled: evidence.compiled,
            calls: 0,
            left: 0,
            kept: BTreeMap::new(),
            divided: 0,
            ours: score,
            others: Vec::new(),
            differences,
        };
        for path in &source.units {
            let Some(seen) = evidence.files.get(path) else {
                continue;
            };
            for &at in seen.calls.keys() {
                match place(Some(seen), at) {
                    Place::Divided => verdict.divided += 1,
                    _ if holds(&ours.left, path, at) => verdict.left += 1,
                    _ => verdict.calls += 1,
                }
            }
            for (at, what) in &seen.others {
                let rewritten = holds(&ours.rewritten, path, *at);
                if !seen.calls.contains_key(at) && !rewritten {
                    *verdict.kept.entry(kind(what)).or_default() += 1;
                }
            }
        }
        for (name, rewritten) in others {
            verdict
                .others
                .push((name, self::score(source, evidence, rewritten, &ours.left).0));
        }
        verdict
    }

    /// Whether nothing was missed and nothing was wrong.
    pub fn perfect(&self) -> bool {
        self.ours.wrong == 0 && self.ours.missed == 0
    }
}

/// The word that says most: every name is an identifier, too.
fn kind(what: &BTreeSet<&'static str>) -> &'static str {
    what.iter()
        .copied()
        .find(|word| *word != "identifier")
        .unwrap_or("identifier")
}

fn score(
    source: &Source,
    evidence: &Evidence,
    rewritten: &Rewritten,
    left: &Rewritten,
) -> (Score, Vec<Difference>) {
    let mut score = Score::default();
    let mut differences = Vec::new();
    let nothing = BTreeSet::new();
    for path in &source.units {
        let seen = evidence.files.get(path);
        let offsets = rewritten.get(path).unwrap_or(&nothing);
        let mut differs = |at: usize, what: String| {
            differences.push(Difference {
                path: relative(path, source),
                at,
                what,
            });
        };
        for &at in offsets {
            match place(seen, at) {
                Place::Call => score.right += 1,
                Place::Divided => {}
                Place::Other(what) => {
                    score.wrong += 1;
                    differs(at, format!("rewritten, but {}", kind(what)));
                }
                Place::NoToken => {
                    score.wrong += 1;
                    differs(at, "rewritten, but no token of the program".to_owned());
                }
                Place::Unseen => score.unjudged += 1,
            }
        }
        for (&at, name) in seen.iter().flat_map(|seen| &seen.calls) {
            let expected = matches!(place(seen, at), Place::Call) && !holds(left, path, at);
            if expected && !offsets.contains(&at) {
                score.missed += 1;
                differs(at, format!("missed a call of {name}"));
            }
        }
    }
    (score, differences)
}

fn holds(places: &Rewritten, path: &Path, at: usize) -> bool {
    places
        .get(path)
        .is_some_and(|offsets| offsets.contains(&at))
}

fn relative(path: &Path, source: &Source) -> PathBuf {
    let below = source.directory.parent().unwrap_or(&source.directory);
    path.strip_prefix(below).unwrap_or(path).to_owned()
}
