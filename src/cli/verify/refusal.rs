//! A refusal in the user's terms: what it means, what to do, and where in the source.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::cli::shown;
use crate::heap::HEADER_NAME;
use crate::judge::SourceLine;
use crate::judge::explain::{Kind, classify};
use crate::judge::inspect::Finding;
use crate::judge::verdict::Refusal;
use crate::run::Fault;

/// Why something was refused.
pub struct Explained {
    /// What is wrong.
    pub kind: Kind,
    /// What is wrong, in the words of the verifier, libbpf or clang.
    pub message: String,
    /// The line to blame, as far as it is known.
    pub place: Option<Place>,
}

/// A line of a source. The rewrite has kept its number.
#[derive(Clone)]
pub struct Place {
    /// The file, from the current directory where it lies below it.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What the file holds; empty if it cannot be read any more.
    pub source: String,
}

impl Place {
    fn new(path: &Path, line: usize) -> Self {
        let bytes = fs::read(path).unwrap_or_default();
        Self {
            path: shown(path),
            line,
            source: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    /// The first place that clang calls an error.
    pub fn of_error(message: &str) -> Option<Self> {
        message.lines().find_map(|line| {
            let (place, _) = line
                .split_once(": error: ")
                .or(line.split_once(": fatal error: "))?;
            let mut parts = place.rsplitn(3, ':');
            let (_, line) = (parts.next()?, parts.next()?.parse().ok()?);
            Some(Self::new(Path::new(parts.next()?), line))
        })
    }

    /// The offsets of the line in the source, without indentation and line break.
    pub fn span(&self) -> Option<Range<usize>> {
        let mut start = 0;
        for (index, line) in self.source.split_inclusive('\n').enumerate() {
            if index + 1 == self.line {
                let text = line.trim_end();
                let indent = text.len() - text.trim_start().len();
                return Some(start + indent..start + text.len());
            }
            start += line.len();
        }
        None
    }
}

/// The first of those that have the same `key`, in order.
fn distinct<K: Ord>(mut found: Vec<Explained>, key: impl Fn(&Explained) -> K) -> Vec<Explained> {
    let mut seen = BTreeSet::new();
    found.retain(|one| seen.insert(key(one)));
    found
}

/// A message of clang without what only its authors understand. Of a call with too many arguments
/// it says `0x5e0: i64 = GlobalAddress<ptr @name> 0, a.c:3:9 too many arguments`.
fn plain(message: &str) -> String {
    let Some((_, node)) = message.split_once(": i64 = GlobalAddress<ptr @") else {
        return message.to_owned();
    };
    let name = node.split('>').next().unwrap_or_default();
    let words = node.rsplit(':').next().unwrap_or_default();
    let words = words.trim_start_matches(|c: char| c.is_ascii_digit() || c == ' ');
    format!("the call of {name} has {words}")
}

impl Explained {
    /// What the kernel and libbpf say about a program that is refused. `lines` are its source
    /// lines.
    pub fn by_kernel(log: &str, messages: &str, lines: &[SourceLine]) -> Self {
        let refusal = Refusal::parse(log, messages);
        let is_own = |file: &str| !file.ends_with(HEADER_NAME) && !file.starts_with("/usr/");
        let line = refusal.line(lines, is_own);
        Self {
            kind: refusal.kind,
            place: line.map(|line| Place::new(Path::new(&line.file), line.line as usize)),
            message: refusal.message,
        }
    }

    /// What was found in an object without asking anybody.
    pub fn by_inspection(findings: Vec<Finding>) -> Vec<Self> {
        let explain = |finding: Finding| Self {
            kind: finding.kind,
            message: finding.message,
            place: finding
                .line
                .map(|line| Place::new(Path::new(&line.file), line.line as usize)),
        };
        // Two calls in a line say the same.
        distinct(findings.into_iter().map(explain).collect(), |one| {
            let line = one.place.as_ref().map(|place| place.line);
            (one.kind, one.message.clone(), line)
        })
    }

    /// What libbpf says about an object that it does not open.
    pub fn by_libbpf(message: &str) -> Self {
        let refusal = Refusal::parse("", message);
        Self {
            kind: refusal.kind,
            message: refusal.message,
            place: None,
        }
    }

    /// What clang says about a source that does what BPF cannot, one for each kind and line;
    /// nothing if the source is merely wrong.
    pub fn by_clang(message: &str) -> Vec<Self> {
        let mut found = Vec::new();
        for line in message.lines().filter(|line| line.contains("error: ")) {
            let (kind, _) = classify(line);
            if kind == Kind::Other {
                continue;
            }
            // file:line:column: error: what
            let mut parts = line.splitn(4, ':');
            let place = parts.next().zip(parts.next().and_then(|n| n.parse().ok()));
            let what = parts.nth(1).filter(|_| place.is_some()).unwrap_or(line);
            found.push(Self {
                kind,
                message: plain(what.trim().trim_start_matches("error: ")),
                place: place.map(|(file, line)| Place::new(Path::new(file), line)),
            });
        }
        // A calculation with floating point is several calls.
        distinct(found, |one| {
            let place = one.place.as_ref();
            (
                one.kind,
                place.map(|place| (place.path.clone(), place.line)),
            )
        })
    }

    /// Of a call with too many arguments the name of the function that is called.
    fn called(&self) -> Option<&str> {
        let words = self.message.strip_prefix("the call of ")?;
        (self.kind == Kind::TooManyArguments).then(|| words.split(' ').next())?
    }

    /// Whether calls have too many arguments that may have a worse fault.
    pub fn has_calls(found: &[Self]) -> bool {
        found.iter().any(|one| one.called().is_some())
    }

    /// Says of calls that it is nothing about their arguments where no function is there to take them,
    /// by LLVM's form of the source.
    pub fn name_undefined(found: &mut [Self], llvm: &[u8]) {
        let llvm = String::from_utf8_lossy(llvm);
        let declares = |name: &str| {
            let named = format!(" @{name}(");
            let mut lines = llvm.lines();
            lines.any(|line| line.starts_with("declare ") && line.contains(&named))
        };
        for one in found {
            if let Some(name) = one.called().filter(|name| declares(name)) {
                one.message = format!("a call of {name}, which nothing defines");
                one.kind = Kind::UnresolvedExtern;
            }
        }
    }

    /// Takes over the place of what an inspection found, if it is the same and has no place yet.
    pub fn place_by(&mut self, found: &[Self]) {
        if self.place.is_none() {
            let same = found.iter().find(|one| one.kind == self.kind);
            self.place = same.and_then(|one| one.place.clone());
        }
    }

    /// Says which structures clang has split. The walk ended anywhere, so no line is to blame.
    pub fn name_split(&mut self, names: &BTreeSet<String>) {
        for name in names {
            self.message += &format!("\nclang split the static structure `{name}`");
        }
        self.place = None;
    }

    /// What it means and what to do.
    pub fn advice(&self) -> String {
        format!("{}.\n{}.", self.kind.meaning(), self.kind.help())
    }

    /// As a diagnostic about `subject`.
    pub fn fault(&self, subject: &str) -> Fault {
        let message = format!("{subject} is refused: {}", self.message);
        let fault = Fault::new(self.kind.name(), message, self.advice());
        match &self.place {
            Some(place) => match place.span() {
                Some(span) => fault.at(&place.path, &place.source, span),
                None => fault,
            },
            None => fault,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn messages_of_the_code_generator_become_plain() {
        let node = "0x5e0: i64 = GlobalAddress<ptr @node> 0, a b/c.c:32:14 too many arguments";
        assert_eq!(plain(node), "the call of node has too many arguments");
        assert_eq!(
            plain("defined with too many args"),
            "defined with too many args"
        );
    }
}
