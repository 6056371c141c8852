//! From byte offsets, which the library counts from zero, to lines and columns, which people
//! count from one.

use std::borrow::Cow;
use std::ops::Range;

use crate::c::lexer::line_ending;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line, from 1. Lines end as they do for a C compiler: `\n`, `\r\n` or a lone `\r`.
    pub line: usize,
    /// The column, from 1, in Unicode code points. A byte that is no UTF-8 counts as one.
    pub column: usize,
}

/// Where the lines of a file start.
pub struct Lines<'s> {
    source: &'s [u8],
    starts: Vec<usize>,
}

impl<'s> Lines<'s> {
    /// Finds the lines. Linear in the length of the file.
    pub fn new(source: &'s [u8]) -> Self {
        let mut starts = vec![0];
        let mut at = 0;
        while let Some(skip) = memchr::memchr2(b'\n', b'\r', &source[at..]) {
            at = line_ending(source, at + skip).unwrap_or(at + skip + 1);
            starts.push(at);
        }
        Self { source, starts }
    }

    /// The index of the line that holds an offset, from 0.
    pub fn index(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset) - 1
    }

    /// How many lines there are. At least one.
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The offsets of the line with this index, its ending not included.
    pub fn range(&self, index: usize) -> Range<usize> {
        let start = self.starts[index];
        let mut end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.source.len());
        if end > start && self.source[end - 1] == b'\n' {
            end -= 1;
        }
        if end > start && self.source[end - 1] == b'\r' {
            end -= 1;
        }
        start..end
    }

    /// The place of an offset. Linear in the length of its line.
    pub fn position(&self, offset: usize) -> Position {
        let index = self.index(offset);
        Position {
            line: index + 1,
            column: 1 + width(&self.source[self.starts[index]..offset]),
        }
    }
}

/// How many code points, counting each byte that is no UTF-8 as one.
pub fn width(bytes: &[u8]) -> usize {
    bytes
        .utf8_chunks()
        .map(|chunk| chunk.valid().chars().count() + chunk.invalid().len())
        .sum()
}

/// The text of some bytes, one replacement character for each byte that is no UTF-8, so that
/// [`width`] holds.
pub fn text(bytes: &[u8]) -> Cow<'_, str> {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Cow::Borrowed(text);
    }
    let mut text = String::with_capacity(bytes.len() + 16);
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| char::REPLACEMENT_CHARACTER));
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(source: &[u8], offset: usize) -> (usize, usize) {
        let place = Lines::new(source).position(offset);
        (place.line, place.column)
    }

    #[test]
    fn counts_from_one() {
        assert_eq!(at(b"", 0), (1, 1));
        assert_eq!(at(b"ab\ncd", 1), (1, 2));
        assert_eq!(at(b"ab\ncd", 2), (1, 3));
        assert_eq!(at(b"ab\ncd", 3), (2, 1));
        assert_eq!(at(b"ab\n", 3), (2, 1));
    }

    #[test]
    fn knows_every_line_ending() {
        assert_eq!(at(b"a\r\nb\rc", 3), (2, 1));
        assert_eq!(at(b"a\r\nb\rc", 5), (3, 1));
        assert_eq!(Lines::new(b"a\r\nb\rc").range(0), 0..1);
        assert_eq!(Lines::new(b"a\r\nb\rc").range(1), 3..4);
    }

    #[test]
    fn columns_are_code_points() {
        assert_eq!(at("/* é */ x".as_bytes(), 9), (1, 9));
        assert_eq!(at(b"/* \xe9 */ x", 8), (1, 9));
        assert_eq!(width(b"a\xe9\xe9b"), text(b"a\xe9\xe9b").chars().count());
    }
}
