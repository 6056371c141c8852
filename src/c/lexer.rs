//! A complete lexer for C over bytes: comments, literals, line splices, directives.
//!
//! It never fails: whatever it does not know becomes a token of its own. Tokens inside
//! preprocessing directives are kept apart from the others, because a macro body is text to the
//! compiler until the macro is used.

use std::borrow::Cow;
use std::ops::{Deref, Range};
use std::sync::Arc;

use super::directives;
use punctuators::punct;

mod punctuators;

/// What kind of token it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An identifier or a keyword.
    Ident,
    /// A preprocessing number.
    Number,
    /// A string literal with its prefix, or a `<header>` name.
    Str,
    /// A character constant.
    Char,
    /// An operator or a punctuator; digraphs are spelled as what they mean.
    Punct,
}

/// The code of an operator: its bytes, packed.
pub const fn op(text: &str) -> u32 {
    let bytes = text.as_bytes();
    let mut code = 0;
    let mut i = 0;
    while i < bytes.len() {
        code = code << 8 | bytes[i] as u32;
        i += 1;
    }
    code
}

/// One token.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The code of the operator (see [`op`]); 0 for other kinds.
    pub op: u32,
    /// Offset of its first byte.
    pub start: usize,
    /// Offset behind its last byte.
    pub end: usize,
    /// A line splice stands inside it.
    pub spliced: bool,
}

impl Token {
    /// Whether it is the operator `text`.
    pub fn is(&self, code: u32) -> bool {
        self.kind == Kind::Punct && self.op == code
    }
}

/// A token, whatever else is known of it.
pub trait Lexeme {
    /// What it is.
    fn kind(&self) -> Kind;

    /// The code of the operator (see [`op`]); 0 for other kinds.
    fn code(&self) -> u32;

    /// Whether it is the operator with this code.
    fn is(&self, code: u32) -> bool {
        self.kind() == Kind::Punct && self.code() == code
    }
}

impl Lexeme for Token {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn code(&self) -> u32 {
        self.op
    }
}

/// A preprocessing directive.
#[derive(Clone, Debug)]
pub struct Directive {
    /// Offset of the `#`.
    pub start: usize,
    /// Offset behind the last byte, the line ending not included.
    pub end: usize,
    /// Its tokens behind the `#`, as a range of [`Lexed::inner`].
    pub inner: Range<usize>,
    /// How many tokens of [`Lexed::tokens`] stand before it.
    pub before: usize,
}

/// A comment.
#[derive(Clone, Copy, Debug)]
pub struct Comment {
    /// Offset of its first byte.
    pub start: usize,
    /// Offset behind its last byte, the line ending of a `//` comment not included.
    pub end: usize,
    /// A trigraph `??/` ends one of its lines: whether the next line belongs to it depends on
    /// `-trigraphs`.
    pub trigraph: bool,
}

/// The tokens of a file.
#[derive(Debug, Default)]
pub struct Tokens {
    /// The tokens outside of directives.
    pub tokens: Vec<Token>,
    /// The tokens inside of directives.
    pub inner: Vec<Token>,
    /// The directives.
    pub directives: Vec<Directive>,
    /// The comments, in directives and outside.
    pub comments: Vec<Comment>,
}

/// A file in tokens, with its bytes. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Lexed<'s> {
    /// The bytes.
    pub source: &'s [u8],
    shared: Arc<Tokens>,
}

impl Deref for Lexed<'_> {
    type Target = Tokens;

    fn deref(&self) -> &Tokens {
        &self.shared
    }
}

impl<'s> Lexed<'s> {
    /// Puts bytes and the tokens that were made of them together again.
    pub fn from_parts(source: &'s [u8], shared: Arc<Tokens>) -> Self {
        Self { source, shared }
    }

    /// Bytes without their tokens, to ask for the text of single ones.
    pub fn bare(source: &'s [u8]) -> Self {
        Self::from_parts(source, Arc::default())
    }

    /// The tokens alone, to keep.
    pub fn into_tokens(self) -> Arc<Tokens> {
        self.shared
    }

    /// Only what preprocessing needs: the directives and the tokens in them.
    pub fn directives_only(self) -> Arc<Tokens> {
        let inner = self.inner.clone();
        let directives = self.directives.clone();
        Arc::new(Tokens {
            inner,
            directives,
            ..Tokens::default()
        })
    }

    /// The text of a token, without line splices.
    pub fn text(&self, token: &Token) -> Cow<'s, [u8]> {
        let raw = &self.source[token.start..token.end];
        if !token.spliced {
            return Cow::Borrowed(raw);
        }
        let mut text = Vec::with_capacity(raw.len());
        let mut at = 0;
        while at < raw.len() {
            match splice(raw, at) {
                Some(next) => at = next,
                None => {
                    text.push(raw[at]);
                    at += 1;
                }
            }
        }
        Cow::Owned(text)
    }

    /// Whether a token is the identifier `name`.
    pub fn is_ident(&self, token: &Token, name: &str) -> bool {
        token.kind == Kind::Ident && *self.text(token) == *name.as_bytes()
    }

    /// The tokens of a directive behind its `#`.
    pub fn inner_of(&self, directive: &Directive) -> &[Token] {
        &self.inner[directive.inner.clone()]
    }
}

/// Offset behind the line ending at `at`, if there is one: `\n`, `\r\n` or a lone `\r`.
pub fn line_ending(source: &[u8], at: usize) -> Option<usize> {
    match source.get(at)? {
        b'\n' => Some(at + 1),
        b'\r' if source.get(at + 1) == Some(&b'\n') => Some(at + 2),
        b'\r' => Some(at + 1),
        _ => None,
    }
}

/// Offset behind the line splice at `at`, if there is one. Compilers allow blanks between the
/// backslash and the line ending.
pub fn splice(source: &[u8], at: usize) -> Option<usize> {
    if source.get(at) != Some(&b'\\') {
        return None;
    }
    let mut end = at + 1;
    while matches!(source.get(end), Some(b' ' | b'\t' | b'\x0b' | b'\x0c')) {
        end += 1;
    }
    line_ending(source, end)
}

/// Whether a byte can be part of an identifier. Bytes of UTF-8 and Latin-1 letters can.
pub fn is_ident_byte(byte: u8) -> bool {
    const IDENT: [bool; 256] = {
        let mut ident = [false; 256];
        let mut byte = 0;
        while byte < 256 {
            let ascii = byte as u8;
            ident[byte] =
                ascii.is_ascii_alphanumeric() || ascii == b'_' || ascii == b'$' || byte >= 0x80;
            byte += 1;
        }
        ident
    };
    IDENT[usize::from(byte)]
}

/// Takes what a file is made of, in order.
pub trait Sink {
    /// A token outside of directives.
    fn token(&mut self, token: Token);

    /// A directive from its `#` to `end`, with its tokens behind the `#`.
    fn directive(&mut self, start: usize, end: usize, inner: &[Token]);
}

impl Sink for Tokens {
    fn token(&mut self, token: Token) {
        self.tokens.push(token);
    }

    fn directive(&mut self, start: usize, end: usize, inner: &[Token]) {
        let first = self.inner.len();
        self.inner.extend_from_slice(inner);
        self.directives.push(Directive {
            start,
            end,
            inner: first..self.inner.len(),
            before: self.tokens.len(),
        });
    }
}

/// Splits a file into tokens. Linear in its length.
pub fn lex(source: &[u8]) -> Lexed<'_> {
    let mut tokens = Tokens {
        tokens: Vec::with_capacity(source.len() / 5),
        ..Tokens::default()
    };
    tokens.comments = scan(source, &mut tokens);
    Lexed::from_parts(source, Arc::new(tokens))
}

/// Splits a file into tokens for `sink`; returns the comments. Linear in its length.
pub fn scan(source: &[u8], sink: &mut impl Sink) -> Vec<Comment> {
    let mut lexer = Lexer {
        source,
        at: if source.starts_with(b"\xef\xbb\xbf") {
            3
        } else {
            0
        },
        comments: Vec::new(),
    };
    let mut inner = Vec::new();
    let mut fresh_line = true;
    loop {
        match lexer.blank() {
            Blank::End => break,
            Blank::Line => fresh_line = true,
            Blank::None => {
                let token = lexer.token();
                if fresh_line && token.is(const { op("#") }) {
                    inner.clear();
                    let end = lexer.directive(&mut inner);
                    sink.directive(token.start, end, &inner);
                    // Reading a directive takes its line ending with it.
                } else {
                    sink.token(token);
                    fresh_line = false;
                }
            }
        }
    }
    lexer.comments
}

enum Blank {
    /// A token follows.
    None,
    /// A line ended; call again.
    Line,
    /// The file ended.
    End,
}

struct Lexer<'s> {
    source: &'s [u8],
    at: usize,
    comments: Vec<Comment>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> u8 {
        self.source.get(self.at + ahead).copied().unwrap_or(0)
    }

    /// Skips blanks, splices and comments, up to a token or behind a line ending.
    fn blank(&mut self) -> Blank {
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b' ' | b'\t' | b'\x0b' | b'\x0c' | 0 => self.at += 1,
                b'\n' | b'\r' => {
                    self.at = line_ending(self.source, self.at).unwrap_or(self.at + 1);
                    return Blank::Line;
                }
                b'\\' => match splice(self.source, self.at) {
                    Some(next) => self.at = next,
                    None => return Blank::None,
                },
                b'/' => {
                    let second = self.unspliced(self.at + 1);
                    match self.source.get(second) {
                        Some(b'/') => self.line_comment(second + 1),
                        Some(b'*') => self.block_comment(second + 1),
                        _ => return Blank::None,
                    }
                }
                _ => return Blank::None,
            }
        }
        Blank::End
    }

    /// The first offset at or behind `at` where no splice stands.
    fn unspliced(&self, mut at: usize) -> usize {
        while let Some(next) = splice(self.source, at) {
            at = next;
        }
        at
    }

    fn line_comment(&mut self, from: usize) {
        let start = self.at;
        let mut trigraph = false;
        self.at = from;
        while let Some(skip) = memchr::memchr3(b'\n', b'\r', b'\\', &self.source[self.at..]) {
            self.at += skip;
            if self.source[self.at] == b'\\' {
                self.at = splice(self.source, self.at).unwrap_or(self.at + 1);
            } else if self.source[..self.at].ends_with(b"??/") {
                trigraph = true;
                self.at = line_ending(self.source, self.at).unwrap_or(self.at + 1);
            } else {
                self.comments.push(Comment {
                    start,
                    end: self.at,
                    trigraph,
                });
                return;
            }
        }
        self.at = self.source.len();
        self.comments.push(Comment {
            start,
            end: self.at,
            trigraph,
        });
    }

    fn block_comment(&mut self, from: usize) {
        let start = self.at;
        self.at = from;
        loop {
            match memchr::memchr(b'*', &self.source[self.at..]) {
                None => {
                    self.at = self.source.len();
                    break;
                }
                Some(skip) => {
                    self.at += skip + 1;
                    let second = self.unspliced(self.at);
                    if self.source.get(second) == Some(&b'/') {
                        self.at = second + 1;
                        break;
                    }
                }
            }
        }
        self.comments.push(Comment {
            start,
            end: self.at,
            trigraph: false,
        });
    }

    /// Reads the tokens of a directive, up to its line ending; returns its end.
    fn directive(&mut self, inner: &mut Vec<Token>) -> usize {
        let first = inner.len();
        let mut end = self.at;
        loop {
            match self.blank() {
                Blank::Line | Blank::End => break,
                Blank::None => {}
            }
            let named_include = inner.len() == first + 1 && {
                let name = &inner[first];
                let raw = &self.source[name.start..name.end];
                name.kind == Kind::Ident && directives::Word::of(raw).includes()
            };
            let token = match named_include.then(|| self.header_name()).flatten() {
                Some(token) => token,
                None => self.token(),
            };
            end = token.end;
            inner.push(token);
        }
        end
    }

    fn header_name(&mut self) -> Option<Token> {
        if self.peek(0) != b'<' {
            return None;
        }
        let length = self.source[self.at..]
            .iter()
            .position(|&b| matches!(b, b'>' | b'\n' | b'\r'))?;
        if self.source[self.at + length] != b'>' {
            return None;
        }
        let start = self.at;
        self.at += length + 1;
        Some(Token {
            kind: Kind::Str,
            op: 0,
            start,
            end: self.at,
            spliced: false,
        })
    }

    fn token(&mut self) -> Token {
        let start = self.at;
        let byte = self.source[start];
        let mut spliced = false;
        let (kind, code) = match byte {
            b'"' => {
                spliced = self.literal(b'"');
                (Kind::Str, 0)
            }
            b'\'' => {
                spliced = self.literal(b'\'');
                (Kind::Char, 0)
            }
            b'0'..=b'9' => {
                spliced = self.number();
                (Kind::Number, 0)
            }
            b'.' if self.peek(1).is_ascii_digit() => {
                spliced = self.number();
                (Kind::Number, 0)
            }
            _ if is_ident_byte(byte) => return self.ident(),
            _ => {
                let (code, length) = punct(&self.source[start..]);
                self.at += length;
                (Kind::Punct, code)
            }
        };
        Token {
            kind,
            op: code,
            start,
            end: self.at,
            spliced,
        }
    }

    fn ident(&mut self) -> Token {
        let start = self.at;
        let mut spliced = false;
        loop {
            while self.source.get(self.at).is_some_and(|&b| is_ident_byte(b)) {
                self.at += 1;
            }
            // A splice belongs to the identifier only if the identifier goes on behind it.
            let next = self.unspliced(self.at);
            if next == self.at || !self.source.get(next).is_some_and(|&b| is_ident_byte(b)) {
                break;
            }
            spliced = true;
            self.at = next;
        }
        let mut token = Token {
            kind: Kind::Ident,
            op: 0,
            start,
            end: self.at,
            spliced,
        };
        let text = &self.source[start..self.at];
        match self.peek(0) {
            b'"' if matches!(text, b"R" | b"LR" | b"uR" | b"UR" | b"u8R") && self.raw_string() => {}
            b'"' if matches!(text, b"L" | b"u" | b"U" | b"u8") => {
                token.spliced |= self.literal(b'"');
            }
            b'\'' if matches!(text, b"L" | b"u" | b"U" | b"u8") => {
                token.spliced |= self.literal(b'\'');
                return Token {
                    kind: Kind::Char,
                    end: self.at,
                    ..token
                };
            }
            _ => return token,
        }
        Token {
            kind: Kind::Str,
            end: self.at,
            ..token
        }
    }

    /// A literal ends at its quote or, unterminated, at the end of the line. Whether a splice
    /// stands in it.
    fn literal(&mut self, quote: u8) -> bool {
        let mut spliced = false;
        self.at += 1;
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'\n' | b'\r' => break,
                b'\\' => match splice(self.source, self.at) {
                    Some(next) => {
                        spliced = true;
                        self.at = next;
                    }
                    None => self.at = (self.at + 2).min(self.source.len()),
                },
                _ => {
                    self.at += 1;
                    if byte == quote {
                        break;
                    }
                }
            }
        }
        spliced
    }

    /// `R"tag(...)tag"`, which GNU C knows too. Whether it was one.
    fn raw_string(&mut self) -> bool {
        let rest = &self.source[self.at + 1..];
        let Some(open) = rest.iter().take(17).position(|&b| b == b'(') else {
            return false;
        };
        let mut close = vec![b')'];
        close.extend_from_slice(&rest[..open]);
        close.push(b'"');
        let Some(end) = memchr::memmem::find(&rest[open..], &close) else {
            return false;
        };
        self.at += 1 + open + end + close.len();
        true
    }

    /// Whether a splice stands in it.
    fn number(&mut self) -> bool {
        let mut spliced = false;
        while let Some(&byte) = self.source.get(self.at) {
            match byte {
                b'e' | b'E' | b'p' | b'P' if matches!(self.peek(1), b'+' | b'-') => self.at += 2,
                b'\'' if is_ident_byte(self.peek(1)) => self.at += 2,
                b'.' => self.at += 1,
                _ if is_ident_byte(byte) => self.at += 1,
                b'\\' => {
                    // As in an identifier: only if the number goes on behind it.
                    let next = self.unspliced(self.at);
                    let more = |b: u8| is_ident_byte(b) || b == b'.';
                    if next == self.at || !self.source.get(next).is_some_and(|&b| more(b)) {
                        break;
                    }
                    spliced = true;
                    self.at = next;
                }
                _ => break,
            }
        }
        spliced
    }
}

#[cfg(test)]
mod tests;
