//! Faults, as miette wants them.

use std::error::Error;
use std::fmt;

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};

use crate::run::{Fault, printable};

/// A fault, for miette.
#[derive(Debug)]
pub struct Shown<'a> {
    fault: &'a Fault,
    source: Option<(NamedSource<String>, LabeledSpan)>,
}

impl<'a> Shown<'a> {
    /// Shows the fault with the text that is to blame.
    pub fn new(fault: &'a Fault) -> Self {
        let source = fault.excerpt.as_ref().map(|blamed| {
            let named = NamedSource::new(printable(&blamed.path), blamed.text.clone());
            (named, LabeledSpan::underline(blamed.span.clone()))
        });
        Self { fault, source }
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<miette::Severity> {
        let note = self.fault.is_note;
        note.then_some(miette::Severity::Advice)
    }

    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.fault.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(&self.fault.help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source
            .as_ref()
            .map(|(text, _)| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let (_, label) = self.source.as_ref()?;
        Some(Box::new(std::iter::once(label.clone())))
    }
}
