//! Ranges of bytes.

/// A half-open range of byte offsets into the original source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

impl Span {
    /// The range `start..end`.
    pub fn new(start: usize, end: usize) -> Self {
        debug_assert!(start <= end);
        Self { start, end }
    }

    /// The empty range at `at`: the span of an insertion.
    pub fn at(at: usize) -> Self {
        Self { start: at, end: at }
    }

    /// Whether the range holds no byte.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of `source` in this range.
    pub fn of(self, source: &[u8]) -> &[u8] {
        &source[self.start..self.end]
    }
}
