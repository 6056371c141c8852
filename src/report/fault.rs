//! Something that could not be done, and what the user can do about it.

use std::error::Error;
use std::fmt;
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

/// A problem with one file, or with the command line. Other files go on.
#[derive(Debug)]
pub struct Fault {
    /// The stable name of the problem.
    pub code: &'static str,
    /// The file it is about.
    pub path: Option<PathBuf>,
    /// What happened.
    pub message: String,
    /// What to do next.
    pub help: String,
    source: Option<Box<(NamedSource<String>, LabeledSpan)>>,
}

impl Fault {
    /// A problem that no single file has.
    pub fn new(code: &'static str, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            code,
            path: None,
            message: message.into(),
            help: help.into(),
            source: None,
        }
    }

    /// A problem with the file `path`.
    pub fn of(
        path: &Path,
        code: &'static str,
        message: impl fmt::Display,
        help: impl Into<String>,
    ) -> Self {
        let mut fault = Self::new(code, format!("{}: {message}", path.display()), help);
        fault.path = Some(path.to_owned());
        fault
    }

    /// Shows the place in a text file that is to blame.
    pub fn at(mut self, path: &Path, text: &str, span: std::ops::Range<usize>) -> Self {
        let named = NamedSource::new(path.display().to_string(), text.to_owned());
        let label = LabeledSpan::underline(span);
        self.source = Some(Box::new((named, label)));
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for Fault {}

impl Diagnostic for Fault {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|s| &s.0 as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let source = self.source.as_ref()?;
        Some(Box::new(std::iter::once(source.1.clone())))
    }
}
