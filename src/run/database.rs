//! `compile_commands.json`: how the compiler is called for each file.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;

use super::{Fault, load, values};
use crate::rewrite::CommandLineMacro;

/// The largest database that is read, in bytes. Those of the largest projects have 100 MB.
const LIMIT: u64 = 512 << 20;

/// The usual name of a compilation database.
pub const NAME: &str = "compile_commands.json";

/// What of a compiler's command line matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Directories with headers, absolute, in the order of the search.
    pub dirs: Vec<PathBuf>,
    /// `-D` and `-U`, in order.
    pub macros: Vec<CommandLineMacro>,
    /// `-include` and `-imacros`, in order.
    pub forced: Vec<String>,
    /// It compiles for BPF.
    pub bpf: bool,
}

#[derive(Deserialize)]
struct Entry {
    directory: PathBuf,
    file: PathBuf,
    command: Option<String>,
    arguments: Option<Vec<String>>,
}

/// A compilation database.
#[derive(Debug, Default)]
pub struct Database {
    path: PathBuf,
    files: HashMap<PathBuf, Arc<Flags>>,
    /// For files without an entry, such as headers: the directories of all entries.
    rest: Arc<Flags>,
}

impl Database {
    /// Reads a database. Where a file has several entries, the first counts.
    pub fn read(path: &Path) -> Result<Self, Fault> {
        let wrong = |what: String| {
            Fault::of(
                path,
                "compile-commands",
                what,
                "make it anew (cmake -DCMAKE_EXPORT_COMPILE_COMMANDS=ON, or bear -- make), or name \
                 another with --compile-commands",
            )
        };
        let text =
            load::side(path, LIMIT).map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let entries: Vec<Entry> = serde_json::from_slice(&text)
            .map_err(|error| wrong(format!("is no compilation database: {error}")))?;
        let base = path.parent().unwrap_or(Path::new("."));
        let mut files = HashMap::with_capacity(entries.len());
        let mut rest = Flags::default();
        for entry in entries {
            let directory = base.join(&entry.directory);
            let file = directory.join(&entry.file);
            let file = fs::canonicalize(&file).unwrap_or(file);
            let words = match (entry.arguments, entry.command) {
                (Some(words), _) => words,
                (None, Some(command)) => shlex::split(&command).unwrap_or_default(),
                (None, None) => Vec::new(),
            };
            let flags = parse(&words, &directory);
            for dir in &flags.dirs {
                if !rest.dirs.contains(dir) {
                    rest.dirs.push(dir.clone());
                }
            }
            files.entry(file).or_insert_with(|| Arc::new(flags));
        }
        Ok(Self {
            path: path.to_owned(),
            files,
            rest: Arc::new(rest),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// How a file is compiled, if the database says so.
    pub fn entry(&self, file: &Path) -> Option<&Arc<Flags>> {
        self.files.get(file)
    }

    /// How a file is compiled, or where its headers may be.
    pub fn flags(&self, file: &Path) -> &Arc<Flags> {
        self.files.get(file).unwrap_or(&self.rest)
    }
}

/// The database that counts for a file: the nearest upwards, there or in a directory `build`.
pub fn nearest(file: &Path) -> Option<PathBuf> {
    let dirs = file.ancestors().skip(1);
    let mut found = dirs.flat_map(|dir| [dir.join(NAME), dir.join("build").join(NAME)]);
    found.find(|path| path.is_file())
}

impl Flags {
    /// As a compiler gets them.
    pub fn arguments(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = Vec::new();
        for dir in &self.dirs {
            words.extend(["-I".into(), dir.into()]);
        }
        for one in &self.macros {
            words.push(match &one.value {
                Some(value) => format!("-D{}={value}", one.name).into(),
                None => format!("-U{}", one.name).into(),
            });
        }
        for name in &self.forced {
            words.extend(["-include".into(), name.into()]);
        }
        words
    }
}

/// Reads a compiler's command line. `directory` is where it runs.
pub fn parse(words: &[String], directory: &Path) -> Flags {
    let mut flags = Flags::default();
    let (mut quoted, mut system) = (Vec::new(), Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = |flag: &str| -> Option<String> {
            match word.strip_prefix(flag)? {
                "" => words.next().cloned(),
                rest => Some(rest.strip_prefix('=').unwrap_or(rest).to_owned()),
            }
        };
        if let Some(dir) = value("-iquote") {
            quoted.push(directory.join(dir));
        } else if let Some(dir) = value("-isystem").or_else(|| value("-idirafter")) {
            system.push(directory.join(dir));
        } else if let Some(file) = value("-include").or_else(|| value("-imacros")) {
            // The compiler looks where it runs first, then where quotes look.
            let here = directory.join(&file);
            flags.forced.push(match here.is_file() {
                true => here.to_string_lossy().into_owned(),
                false => file,
            });
        } else if let Some(target) = value("--target").or_else(|| value("-target")) {
            flags.bpf = target.starts_with("bpf");
        } else if let Some(dir) = value("-I") {
            flags.dirs.push(directory.join(dir));
        } else if let Some(text) = value("-D") {
            flags.macros.push(values::define(&text));
        } else if let Some(name) = value("-U") {
            flags.macros.push(values::undefine(&name));
        }
    }
    quoted.append(&mut flags.dirs);
    quoted.append(&mut system);
    flags.dirs = quoted;
    flags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_flags_in_all_spellings() {
        let line = "clang -I inc -I/abs -iquote q -isystem s -DA -D B=2 -UC -include x.h \
                    -DF(x)=g -idirafter late -c a.c";
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let flags = parse(&words, Path::new("/d"));
        let dirs: Vec<_> = flags.dirs.iter().map(|d| d.to_str().unwrap()).collect();
        assert_eq!(dirs, ["/d/q", "/d/inc", "/abs", "/d/s", "/d/late"]);
        let macros: Vec<_> = flags
            .macros
            .iter()
            .map(|m| (&*m.name, m.value.as_deref()))
            .collect();
        let expected = [
            ("A", Some("1")),
            ("B", Some("2")),
            ("C", None),
            ("F(x)", Some("g")),
        ];
        assert_eq!(macros, expected);
        assert_eq!(flags.forced, ["x.h"]);
    }
}
