//! Something that could not be done, and what the user can do about it.

use std::error::Error;
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A problem with one file, or with the command line. Other files go on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The stable name of the problem.
    pub code: &'static str,
    /// The file it is about.
    pub path: Option<PathBuf>,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub help: String,
    /// The text that is to blame.
    pub excerpt: Option<Box<Blamed>>,
    /// It was only worth a word: all that was asked for is done.
    pub is_note: bool,
}

/// A place in a text file.
#[derive(Clone, Debug)]
pub struct Blamed {
    /// The file, as the user knows it.
    pub path: PathBuf,
    /// What it holds.
    pub text: String,
    /// The place, in bytes of the text.
    pub span: Range<usize>,
}

impl Fault {
    /// A problem that no single file has.
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            path: None,
            message: message.into(),
            help: help.into(),
            excerpt: None,
            is_note: false,
        }
    }

    /// A problem with the file `path`.
    pub fn of(
        path: &Path,
        code: &'static str,
        message: impl fmt::Display,
        help: impl Into<String>,
    ) -> Self {
        let mut fault = Self::new(code, format!("{}: {message}", printable(path)), help);
        fault.path = Some(path.to_owned());
        fault
    }

    /// The same, as no more than a note.
    pub fn into_note(mut self) -> Self {
        self.is_note = true;
        self
    }

    /// Shows the place in a text file that is to blame.
    pub fn at(mut self, path: &Path, text: &str, span: Range<usize>) -> Self {
        self.excerpt = Some(Box::new(Blamed {
            path: path.to_owned(),
            text: text.to_owned(),
            span,
        }));
        self
    }
}

/// A path as text for people: control characters, which a terminal would obey, are escaped.
pub fn printable(path: &Path) -> String {
    let mut text = String::new();
    for character in path.to_string_lossy().chars() {
        match character.is_control() {
            true => text.extend(character.escape_default()),
            false => text.push(character),
        }
    }
    text
}

impl Blamed {
    /// The line of the place, from 1.
    pub fn line(&self) -> usize {
        1 + memchr::memchr_iter(b'\n', &self.text.as_bytes()[..self.span.start]).count()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}
