//! The few lines around a place, as text that miette can show.
//!
//! Source files need not be UTF-8 and may hold control characters; miette wants clean text and
//! counts lines by itself. An excerpt is clean text that knows where in the file it stands.

use crate::c::Span;
use miette::{MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::lines::{self, Lines};

/// Longer lines are shown in part.
const LONG: usize = 240;
/// Bytes shown before and behind a place in a long line.
const AROUND: usize = 80;
/// No more lines than these are shown of one place.
const MANY: usize = 6;

/// Some lines of a file and a place in them.
#[derive(Debug)]
pub struct Excerpt {
    name: String,
    text: String,
    /// The index in the file of the first line.
    line: usize,
    /// How many code points of the first line are left out.
    column: usize,
    /// The place, in offsets of `text`.
    pub span: SourceSpan,
}

impl Excerpt {
    /// The lines around `span`, one more on each side.
    pub fn new(name: &str, source: &[u8], lines: &Lines, span: Span) -> Self {
        let first = lines.index(span.start);
        let last = lines.index(span.end.max(span.start + 1) - 1).max(first);
        let last = last.min(first + MANY - 1);
        let shown = first.saturating_sub(1)..(last + 2).min(lines.count());
        if shown.clone().any(|i| lines.range(i).len() > LONG) {
            return Self::window(name, source, lines, span);
        }
        let mut excerpt = Self {
            name: name.to_owned(),
            text: String::new(),
            line: shown.start,
            column: 0,
            span: (0, 0).into(),
        };
        let (mut from, mut to) = (0, 0);
        for index in shown {
            let range = lines.range(index);
            let start = span.start.clamp(range.start, range.end);
            let end = span.end.clamp(range.start, range.end);
            let offset = |at: usize| excerpt.text.len() + clean(&source[range.start..at]).len();
            if index == first {
                from = offset(start);
            }
            if (first..=last).contains(&index) {
                to = offset(end);
            }
            excerpt.text += &clean(&source[range]);
            excerpt.text.push('\n');
        }
        excerpt.span = (from, to.saturating_sub(from)).into();
        excerpt
    }

    /// A part of one long line.
    fn window(name: &str, source: &[u8], lines: &Lines, span: Span) -> Self {
        let index = lines.index(span.start);
        let line = lines.range(index);
        let start = span.start.min(line.end);
        let end = span.end.clamp(start, line.end).min(start + AROUND);
        let shown = start.saturating_sub(AROUND).max(line.start)..(end + AROUND).min(line.end);
        let before = clean(&source[shown.start..start]);
        let place = clean(&source[start..end]);
        let after = clean(&source[end..shown.end]);
        Self {
            name: name.to_owned(),
            line: index,
            column: lines::width(&source[line.start..shown.start]),
            span: (before.len(), place.len()).into(),
            text: before + &place + &after,
        }
    }
}

/// Text that a terminal shows as it stands: no control characters but tabs.
fn clean(bytes: &[u8]) -> String {
    lines::text(bytes)
        .chars()
        .map(|c| match c {
            '\t' => c,
            c if c.is_control() => char::REPLACEMENT_CHARACTER,
            c => c,
        })
        .collect()
}

impl SourceCode for Excerpt {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inner = self.text.read_span(span, before, after)?;
        let column = match inner.line() {
            0 => inner.column() + self.column,
            _ => inner.column(),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inner.data(),
            *inner.span(),
            inner.line() + self.line,
            column,
            inner.line_count(),
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn excerpt(source: &[u8], start: usize, end: usize) -> Excerpt {
        Excerpt::new("x.c", source, &Lines::new(source), Span::new(start, end))
    }

    fn place(excerpt: &Excerpt) -> &str {
        let start = excerpt.span.offset();
        &excerpt.text[start..start + excerpt.span.len()]
    }

    #[test]
    fn takes_a_line_on_each_side() {
        let e = excerpt(b"1\n2\n3 malloc\n4\n5\n", 6, 12);
        assert_eq!(e.text, "2\n3 malloc\n4\n");
        assert_eq!((e.line, place(&e)), (1, "malloc"));
    }

    #[test]
    fn survives_other_encodings_and_control_characters() {
        let e = excerpt(b"/* \xe9\x1b[31m */ free\r\n", 13, 17);
        assert_eq!(place(&e), "free");
        assert!(!e.text.contains('\x1b'));
    }

    #[test]
    fn cuts_long_lines() {
        let mut source = vec![b'x'; 5000];
        source[2500..2504].copy_from_slice(b"free");
        let e = excerpt(&source, 2500, 2504);
        assert_eq!(place(&e), "free");
        assert_eq!((e.text.len(), e.column), (4 + 2 * AROUND, 2500 - AROUND));
    }

    #[test]
    fn any_span_is_within() {
        let source = b"a\r\nb\rc\n\n";
        for start in 0..=source.len() {
            for end in start..=source.len() {
                let e = excerpt(source, start, end);
                assert!(e.span.offset() + e.span.len() <= e.text.len());
            }
        }
    }
}
