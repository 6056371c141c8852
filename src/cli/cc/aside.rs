//! Files that the compiler writes and that would name what is on no disk: dependencies, and entries of
//! compilation databases.
//!
//! The compiler writes them to a scratch file, and what is left of them goes where the build wanted
//! them, at once. That may be a pipe, which gives what was written to one reader only; and whoever
//! stops the compiler half way leaves no rule for `make` with a file that it cannot find.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use crate::heap::HEADER_NAME;
use crate::judge::compile::INCLUDE;

/// A file that the compiler writes elsewhere first.
pub struct Aside {
    /// The option that names it.
    option: &'static str,
    /// Where the build wants it; `-` for stdout.
    wanted: PathBuf,
    scratch: PathBuf,
}

impl Aside {
    /// `None` where the compiler could not write: it has the words for that.
    pub fn new(option: &'static str, wanted: &Path, directory: &Path) -> Option<Self> {
        is_writable(wanted).then(|| Self {
            option,
            wanted: wanted.to_owned(),
            scratch: directory.join(&option[1..]),
        })
    }

    /// What the compiler has to be told. The last of such options counts.
    pub fn arguments(&self) -> [OsString; 2] {
        [self.option.into(), self.scratch.as_os_str().to_owned()]
    }

    /// Hands over what the compiler wrote, if it did.
    pub fn deliver(self, change: impl Fn(&[u8]) -> Vec<u8>) -> Result<(), Undelivered> {
        match fs::read(&self.scratch) {
            Ok(text) => write(&self.wanted, &change(&text)),
            Err(_) => Ok(()),
        }
    }
}

/// A file that could not be written, and why.
pub type Undelivered = (PathBuf, io::Error);

/// Links and permissions stay, as when the compiler writes.
fn write(path: &Path, text: &[u8]) -> Result<(), Undelivered> {
    let done = match path == Path::new("-") {
        true => io::stdout().write_all(text),
        false => File::create(path).and_then(|mut file| file.write_all(text)),
    };
    done.map_err(|error| (path.to_owned(), error))
}

/// Takes the header that is on no disk out of dependencies that the compiler wrote itself.
pub fn strip(path: &Path) -> Result<(), Undelivered> {
    // Reading anything else may never end.
    match path.is_file().then(|| fs::read(path)) {
        Some(Ok(text)) => write(path, &without_header(&text)),
        _ => Ok(()),
    }
}

/// Whether a file can be written, or made, as far as can be told without opening it: a pipe that is
/// opened and closed is at its end for its reader.
fn is_writable(path: &Path) -> bool {
    if path == Path::new("-") || path.exists() {
        return path == Path::new("-") || access(path, Access::WRITE_OK).is_ok() && !path.is_dir();
    }
    let directory = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    access(directory, Access::WRITE_OK).is_ok()
}

/// Rules of dependencies without the header that is on no disk.
pub fn without_header(rules: &[u8]) -> Vec<u8> {
    let name = format!("{INCLUDE}/{HEADER_NAME}");
    // The rule of its own that -MP writes, then the prerequisite.
    let rules = replace(rules, &format!("\n{name}:\n"), "\n");
    let rules = replace(&rules, &format!(" {name} \\\n"), " \\\n");
    let rules = replace(&rules, &format!(" \\\n  {name}\n"), "\n");
    replace(&rules, &format!(" {name}\n"), "\n")
}

/// The entry of a compilation database without the options that were added: as it is without us.
pub fn without_options(entry: &[u8], added: &[Vec<OsString>]) -> Vec<u8> {
    added.iter().fold(entry.to_vec(), |entry, option| {
        let words = option.iter().map(|word| {
            let word = serde_json::Value::from(word.to_string_lossy());
            format!(", {word}")
        });
        replace(&entry, &words.collect::<String>(), "")
    })
}

/// Bytes, because names of files are that.
fn replace(text: &[u8], old: &str, new: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memchr::memmem::find_iter(text, old) {
        out.extend(&text[from..at]);
        out.extend(new.as_bytes());
        from = at + old.len();
    }
    out.extend(&text[from..]);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_name_only_files_that_are_there() {
        let name = format!("{INCLUDE}/{HEADER_NAME}");
        for (rules, wanted) in [
            (
                format!("a.o: a.c \\\n  {name} \\\n  b.h\n"),
                "a.o: a.c \\\n  \\\n  b.h\n",
            ),
            (
                format!("a.o: a.c b.h \\\n  {name}\n\nb.h:\n\n{name}:\n"),
                "a.o: a.c b.h\n\nb.h:\n\n",
            ),
            (format!("a.o: a.c {name}\n"), "a.o: a.c\n"),
        ] {
            let found = without_header(rules.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), wanted);
        }
        // Names of files are bytes.
        let found = without_header(&[b"a.o: \xe9.c ", name.as_bytes(), b"\n"].concat());
        assert_eq!(found, b"a.o: \xe9.c\n");
    }

    #[test]
    fn entries_name_what_the_build_said() {
        let added = [
            vec!["-mcpu=v3".into()],
            vec!["-ivfsoverlay".into(), "/t/\"o\"".into()],
        ];
        let entry = br#"{"arguments": ["clang", "-c", "-mcpu=v3", "-ivfsoverlay", "/t/\"o\""]},"#;
        let found = without_options(entry, &added);
        assert_eq!(
            String::from_utf8_lossy(&found),
            r#"{"arguments": ["clang", "-c"]},"#
        );
    }
}
