//! The fast look at a file's bytes that decides whether it is worth reading as C.

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, Input, Span, packed};

use super::family::Alloc;
use crate::c::lexer::{is_ident_byte, line_ending, splice};

/// Parts of words of which every name of the allocator holds one.
const PARTS: [&str; 8] = [
    "free",
    "malloc",
    "calloc",
    "realloc",
    "aligned_alloc",
    "memalign",
    "strdup",
    "strndup",
];

/// A vectorised search for [`PARTS`]; the general one where the machine has no such instructions.
enum Search {
    Packed(packed::Searcher),
    General(AhoCorasick),
}

static SEARCH: LazyLock<Search> = LazyLock::new(|| match packed::Searcher::new(PARTS) {
    Some(searcher) => Search::Packed(searcher),
    None => Search::General(AhoCorasick::new(PARTS).expect("short plain patterns")),
});

impl Search {
    fn find(&self, source: &[u8], from: usize) -> Option<(usize, usize)> {
        let hit = match self {
            Self::Packed(searcher) => searcher.find_in(source, Span::from(from..source.len())),
            Self::General(searcher) => searcher.find(Input::new(source).range(from..)),
        };
        hit.map(|hit| (hit.start(), hit.end()))
    }
}

/// Whether the bytes hold a use of a name of the allocator, its replacement or builtin; or a line
/// splice inside a word, which might hide one. Comments are not told from code.
///
/// Linear, at the speed of a substring search. Never wrong in saying no.
pub fn mentions_family(source: &[u8]) -> bool {
    let mut from = 0;
    while let Some((start, end)) = SEARCH.find(source, from) {
        let (start, end) = word_around(source, start, end);
        if is_family(&source[start..end]) && is_use(source, start, end) {
            return true;
        }
        from = end;
    }
    spliced_word(source)
}

/// A search for names, for example those through which other files may get a block.
#[derive(Debug)]
pub struct Mentions(Option<AhoCorasick>);

impl Mentions {
    /// Prepares the search.
    pub fn new<'n>(names: impl Iterator<Item = &'n [u8]>) -> Self {
        let mut names = names.peekable();
        let some = names.peek().is_some();
        Self(some.then(|| AhoCorasick::new(names).ok()).flatten())
    }

    /// Whether the bytes hold one of the names as a word. Comments are not told from code.
    pub fn found_in(&self, source: &[u8]) -> bool {
        self.0.as_ref().is_some_and(|names| {
            names
                .find_overlapping_iter(source)
                .any(|hit| word_around(source, hit.start(), hit.end()) == (hit.start(), hit.end()))
        })
    }
}

/// Whether a word names a function of the allocator, its replacement or its builtin.
pub fn is_family(word: &[u8]) -> bool {
    Alloc::named(word)
        .or_else(|| Alloc::replaced_by(word))
        .or_else(|| Alloc::builtin(word))
        .is_some()
}

/// Extends a range to the whole word.
fn word_around(source: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
    while start > 0 && is_ident_byte(source[start - 1]) {
        start -= 1;
    }
    while end < source.len() && is_ident_byte(source[end]) {
        end += 1;
    }
    (start, end)
}

/// Whether what stands around a word lets it be a call, a reference or a macro, rather than a
/// member or a word of prose.
fn is_use(source: &[u8], start: usize, end: usize) -> bool {
    let before = source[..start].trim_ascii_end();
    if before.ends_with(b".") && !before.ends_with(b"...") || before.ends_with(b"->") {
        return false;
    }
    let mut behind = end;
    loop {
        match source.get(behind) {
            Some(b' ' | b'\t' | b'\x0b' | b'\x0c' | b'\n' | b'\r') => behind += 1,
            Some(b'\\') if splice(source, behind).is_some() => {
                behind = splice(source, behind).unwrap_or(source.len());
            }
            // A comment, a bracket: look closer.
            Some(b'(' | b'/') => return true,
            _ => break,
        }
    }
    let line = memchr::memrchr2(b'\n', b'\r', &source[..start]).map_or(0, |newline| newline + 1);
    let in_directive = source[line..].trim_ascii_start().starts_with(b"#")
        || source[line..].trim_ascii_start().starts_with(b"%:")
        || ends_in_splice(&source[..line]);
    if in_directive {
        return true;
    }
    // Behind an expression stands no word, number or literal.
    let ends = source
        .get(behind)
        .is_none_or(|&b| !is_ident_byte(b) && !matches!(b, b'"' | b'\'' | b'.' | b'-' | b'*'));
    let starts = match before.last() {
        None => true,
        Some(&byte) if is_ident_byte(byte) => {
            let (word, _) = word_around(source, before.len(), before.len());
            matches!(
                &source[word..before.len()],
                b"return" | b"else" | b"do" | b"case"
            )
        }
        Some(_) => true,
    };
    starts && ends
}

/// Whether the text ends in a line splice.
fn ends_in_splice(above: &[u8]) -> bool {
    let line = above.trim_ascii_end();
    line.ends_with(b"\\") && splice(above, line.len() - 1) == Some(above.len())
}

/// Whether a line splice stands between two bytes of an identifier.
pub fn spliced_word(source: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', source).any(|at| {
        // Most backslashes stand in literals; look at the cheap side first.
        at > 0
            && is_ident_byte(source[at - 1])
            && source
                .get(at + 1)
                .is_some_and(|b| b.is_ascii_whitespace() || line_ending(&[*b], 0).is_some())
            && splice(source, at)
                .is_some_and(|next| source.get(next).copied().is_some_and(is_ident_byte))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sees_uses() {
        for yes in [
            "free(p)",
            "x = malloc\n (8)",
            "each(p, free);",
            "#define my_free free\n",
            "#define A \\\n free\n",
            "return free;",
            "{ malloc, 0 }",
            "(*free)(p)",
            "fr\\\nee(p)",
            "static_malloc(8)",
            "__builtin_free(p)",
            "free/**/(p)",
            "p = cond ? malloc : 0;",
            "f(free\n)",
        ] {
            assert!(mentions_family(yes.as_bytes()), "{yes}");
        }
    }

    #[test]
    fn finds_names_as_words() {
        assert!(!Mentions::new([].into_iter()).found_in(b"NEW(x)"));
        let names = [&b"NEW"[..], b"NEW_ITEM", b"mk"];
        let mentions = Mentions::new(names.into_iter());
        assert!(mentions.found_in(b"p = NEW_ITEM(3)"));
        assert!(mentions.found_in(b"p = mk()"));
        assert!(!mentions.found_in(b"p = NEWER(3) + amk() + mks"));
    }

    #[test]
    fn passes_over_prose_and_members() {
        for no in [
            "/* free memory, freed */",
            "o->free(p); s . malloc(8)",
            "kfree(p); my_malloc(3); free_all();",
            "is free to do",
            " * free\n * what",
            "a \\\n b \"x\\n\"",
        ] {
            assert!(!mentions_family(no.as_bytes()), "{no}");
        }
    }
}
