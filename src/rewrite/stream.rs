//! A run of tokens to look around in: those of a file, or those of a macro body.

use std::borrow::Cow;

use super::outline::{Outline, is_annotation};
use crate::c::lexer::{Kind, Lexed, Token, op};
use crate::c::words::Word;

/// How far a look back over a declaration goes, in tokens. Longer ones exist only in generated or
/// broken text; the bound keeps the work per name constant.
const FAR: usize = 2048;

/// Tokens in order, with bracket partners and dead text known.
pub struct Stream<'a> {
    lexed: &'a Lexed<'a>,
    tokens: &'a [Token],
    mates: Cow<'a, [usize]>,
    dead: &'a [bool],
}

impl<'a> Stream<'a> {
    /// The tokens of a file.
    pub fn of_file(lexed: &'a Lexed<'a>, outline: &'a Outline) -> Self {
        Self {
            lexed,
            tokens: &lexed.tokens,
            mates: Cow::Borrowed(outline.mates()),
            dead: &outline.dead,
        }
    }

    /// The tokens of a macro body, which may hold brackets without a partner.
    pub fn of_body(lexed: &'a Lexed<'a>, tokens: &'a [Token]) -> Self {
        let mut mates = vec![usize::MAX; tokens.len()];
        let mut open: Vec<usize> = Vec::new();
        for (index, token) in tokens.iter().enumerate() {
            let partner = match token.op {
                _ if token.kind != Kind::Punct => continue,
                o if o == op("(") || o == op("[") || o == op("{") => {
                    open.push(index);
                    continue;
                }
                o if o == op(")") => op("("),
                o if o == op("]") => op("["),
                o if o == op("}") => op("{"),
                _ => continue,
            };
            if let Some(&last) = open.last()
                && tokens[last].is(partner)
            {
                mates[last] = index;
                mates[index] = last;
                open.pop();
            }
        }
        Self {
            lexed,
            tokens,
            mates: Cow::Owned(mates),
            dead: &[],
        }
    }

    /// The number of tokens.
    pub fn count(&self) -> usize {
        self.tokens.len()
    }

    /// The token at `index`.
    pub fn token(&self, index: usize) -> &Token {
        &self.tokens[index]
    }

    /// The text of the token at `index`, without line splices.
    pub fn word(&self, index: usize) -> Cow<'a, [u8]> {
        self.lexed.text(&self.tokens[index])
    }

    /// Whether the token at `index` is an identifier or a keyword.
    pub fn is_ident(&self, index: usize) -> bool {
        self.tokens[index].kind == Kind::Ident
    }

    /// Whether there is a token at `index` and it is the operator `code`.
    pub fn is(&self, index: Option<usize>, code: u32) -> bool {
        index.is_some_and(|i| self.tokens[i].is(code))
    }

    /// The bracket that belongs to the one at `index`.
    pub fn mate(&self, index: usize) -> Option<usize> {
        self.mates.get(index).copied().filter(|&m| m != usize::MAX)
    }

    /// The live token before `index`.
    pub fn prev(&self, index: usize) -> Option<usize> {
        (0..index).rev().find(|&i| !self.is_dead(i))
    }

    /// The live token behind `index`.
    pub fn next(&self, index: usize) -> Option<usize> {
        (index + 1..self.tokens.len()).find(|&i| !self.is_dead(i))
    }

    fn is_dead(&self, index: usize) -> bool {
        self.dead.get(index).copied().unwrap_or(false)
    }

    /// The bracket that opens around `index`, looking back at most [`FAR`] tokens.
    pub fn opener(&self, index: usize) -> Option<usize> {
        let mut at = index;
        for _ in 0..FAR {
            at = self.prev(at)?;
            let token = &self.tokens[at];
            if token.is(op(")")) || token.is(op("]")) || token.is(op("}")) {
                at = self.mate(at)?;
            } else if token.is(op("(")) || token.is(op("[")) || token.is(op("{")) {
                return Some(at);
            }
        }
        None
    }

    /// The first token of the declaration, statement or (with `commas`) list item that holds
    /// `index`, not looking out of the brackets around it.
    pub fn start_of_part(&self, index: usize, commas: bool) -> usize {
        let mut start = index;
        let mut at = index;
        for _ in 0..FAR {
            let Some(prev) = self.prev(at) else { break };
            let token = &self.tokens[prev];
            if token.is(op(";"))
                || token.is(op("{"))
                || token.is(op("("))
                || token.is(op("["))
                || (commas && token.is(op(",")))
                || self.is_prose(prev)
            {
                break;
            }
            if token.is(op("}")) {
                match self.mate(prev) {
                    Some(open) if self.holds_members(open) => {
                        at = open;
                        start = open;
                        continue;
                    }
                    _ => break,
                }
            }
            at = prev;
            if (token.is(op(")")) || token.is(op("]")))
                && let Some(open) = self.mate(prev)
            {
                at = open;
            }
            start = at;
        }
        start
    }

    /// Whether the token at `index` is a quote without its mate. A compiler takes that only where it
    /// leaves code out: `don't` in notes between `#ifdef` and `#endif`, which end no declaration.
    fn is_prose(&self, index: usize) -> bool {
        let quote = match self.tokens[index].kind {
            Kind::Str => b'"',
            Kind::Char => b'\'',
            _ => return false,
        };
        let word = self.word(index);
        // A `<header>`, and a literal with a prefix.
        let Some(first) = word.iter().position(|&b| b == quote) else {
            return false;
        };
        let inner = &word[first + 1..];
        let escapes = inner.iter().rev().skip(1).take_while(|&&b| b == b'\\');
        inner.last() != Some(&quote) || escapes.count() % 2 == 1
    }

    /// Whether the brace at `open` belongs to `struct`, `union` or `enum`, or to an initialiser.
    fn holds_members(&self, open: usize) -> bool {
        let Some(before) = self.prev(open) else {
            return false;
        };
        if self.tokens[before].is(op("=")) {
            return true;
        }
        let mut at = before;
        for _ in 0..4 {
            if self.is_ident(at) && is_tag_word(&self.word(at)) {
                return true;
            }
            let Some(prev) = self.before_annotations(at + 1).and_then(|a| self.prev(a)) else {
                return false;
            };
            at = prev;
        }
        false
    }

    /// The token before `index`, with attributes and the like skipped.
    pub fn before_annotations(&self, index: usize) -> Option<usize> {
        let mut index = index;
        loop {
            let prev = self.prev(index)?;
            if !self.tokens[prev].is(op(")")) {
                return Some(prev);
            }
            let Some(open) = self.mate(prev) else {
                return Some(prev);
            };
            match self.prev(open) {
                Some(word) if self.is_ident(word) && is_annotation(&self.word(word)) => {
                    index = word;
                }
                _ => return Some(prev),
            }
        }
    }
}

/// `struct`, `union`, `enum`
pub fn is_tag_word(word: &[u8]) -> bool {
    Word::of(word).is_some_and(Word::is_tag)
}

/// Words that stand in the specifiers of a declaration and nowhere in an expression.
pub fn is_type_word(word: &[u8]) -> bool {
    Word::of(word).is_some_and(|word| {
        word.is_type()
            || word.is_qualifier()
            || word.is_storage()
            || matches!(word, Word::Number | Word::Decoration)
    })
}

/// Words behind which an expression or a statement stands, never a declarator.
pub fn is_statement_word(word: &[u8]) -> bool {
    Word::of(word).is_some_and(|word| {
        word.is_statement() || matches!(word, Word::Sizeof | Word::Alignof | Word::Extension)
    })
}
