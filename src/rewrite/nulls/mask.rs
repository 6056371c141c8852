//! Makes text that the C grammar understands out of text with macros.
//!
//! The result has the same length as the original, so that offsets agree. What the grammar does
//! not know and what does not move data (comments, directives, attributes) becomes blank; macros
//! that open a loop or a condition become one; types as macro arguments become numbers.

use std::ops::Range;

use super::super::outline::is_annotation;
use super::super::stream::{is_statement_word, is_tag_word, is_type_word};
use crate::c::lexer::{Kind, Lexed, Token, op};

/// What a macro stands for in the text, as far as the grammar is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Nothing, or attributes only.
    Nothing,
    /// An expression, or a type.
    Expression,
    /// Whole statements, with their own semicolon or braces.
    Statements,
    /// The head of a loop.
    Loop,
    /// The head of a condition.
    Condition,
    /// One punctuator, such as `{`.
    Punct(u8),
    /// Cannot be read by itself.
    Opaque,
}

/// What is known of macros, by name; the flag says whether they take arguments.
pub type Shapes<'a> = dyn Fn(&[u8]) -> Option<(Shape, bool)> + 'a;

/// What to mask.
pub struct Masking<'a> {
    /// The file.
    pub lexed: &'a Lexed<'a>,
    /// Its tokens that count, in order.
    pub tokens: Vec<Token>,
    /// The bytes to mask.
    pub span: Range<usize>,
    /// What is known of macros.
    pub shape: &'a Shapes<'a>,
    /// Whether [`Masking::tokens`] are statements (a body) rather than an expression.
    pub statements: bool,
}

/// Masks the text.
pub fn mask(masking: &Masking) -> Vec<u8> {
    let source = &masking.lexed.source[masking.span.clone()];
    let mut out: Vec<u8> = source
        .iter()
        .map(|b| if *b == b'\n' { b'\n' } else { b' ' })
        .collect();
    let mut writer = Writer {
        masking,
        mates: mates(&masking.tokens),
        out: &mut out,
    };
    let mut at = 0;
    while at < masking.tokens.len() {
        at = writer.step(at);
    }
    out
}

/// For each bracket its partner; `usize::MAX` for other tokens.
fn mates(tokens: &[Token]) -> Vec<usize> {
    let mut mates = vec![usize::MAX; tokens.len()];
    let mut open: Vec<usize> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.is(op("(")) || token.is(op("[")) || token.is(op("{")) {
            open.push(index);
        } else if (token.is(op(")")) || token.is(op("]")) || token.is(op("}")))
            && let Some(start) = open.pop()
        {
            mates[start] = index;
            mates[index] = start;
        }
    }
    mates
}

struct Writer<'a, 'o> {
    masking: &'a Masking<'a>,
    mates: Vec<usize>,
    out: &'o mut [u8],
}

impl Writer<'_, '_> {
    fn token(&self, at: usize) -> Option<&Token> {
        self.masking.tokens.get(at)
    }

    fn is(&self, at: usize, code: u32) -> bool {
        self.token(at).is_some_and(|t| t.is(code))
    }

    fn word(&self, at: usize) -> Vec<u8> {
        match self.token(at) {
            Some(t) if t.kind == Kind::Ident => self.masking.lexed.text(t).into_owned(),
            _ => Vec::new(),
        }
    }

    fn mate(&self, at: usize) -> Option<usize> {
        self.mates.get(at).copied().filter(|&m| m != usize::MAX)
    }

    /// Writes `text` from `at` on, if there is room for it up to `end`.
    fn put(&mut self, at: usize, end: usize, text: &[u8]) -> bool {
        if end < at + text.len() {
            return false;
        }
        let at = at - self.masking.span.start;
        self.out[at..at + text.len()].copy_from_slice(text);
        true
    }

    /// Writes the token as it is, as far as the grammar can read it.
    fn copy(&mut self, at: usize) {
        let token = self.masking.tokens[at];
        let mut text = self.masking.lexed.text(&token).into_owned();
        match token.kind {
            // Digraphs: the grammar knows only what they mean.
            Kind::Punct if token.op < 0x100 => text = vec![token.op as u8],
            Kind::Ident => {
                for byte in &mut text {
                    if *byte >= 0x80 || *byte == b'$' {
                        *byte = b'_';
                    }
                }
            }
            // The contents of literals mean nothing here, and may be no UTF-8.
            Kind::Str if text.len() < 2 => text = b"0".to_vec(),
            Kind::Str => {
                let last = text.len() - 1;
                text.fill(b'x');
                text[0] = b'"';
                text[last] = b'"';
            }
            Kind::Char => text = b"1".to_vec(),
            _ => {}
        }
        self.put(token.start, token.end, &text);
    }

    /// Handles what starts at token `at`; returns the token behind it.
    fn step(&mut self, at: usize) -> usize {
        let token = self.masking.tokens[at];
        if token.kind != Kind::Ident {
            if token.is(op("[")) && self.is(at + 1, op("[")) {
                return self.mate(at).map_or(at + 1, |m| m + 1);
            }
            if token.is(op("#")) {
                // An argument made a string.
                self.put(token.start, token.end, b"0");
                return at + 2;
            }
            self.copy(at);
            return at + 1;
        }
        let word = self.word(at);
        let called = self.is(at + 1, op("("));
        let close = if called { self.mate(at + 1) } else { None };
        if matches!(
            &*word,
            b"typeof" | b"__typeof__" | b"__typeof" | b"typeof_unqual"
        ) {
            self.put(token.start, token.end, b"int");
            return close.map_or(at + 1, |c| c + 1);
        }
        if matches!(&*word, b"asm" | b"__asm__" | b"__asm") {
            return self.assembly(at);
        }
        if is_annotation(&word) && called {
            return close.map_or(at + 1, |c| c + 1);
        }
        if is_decoration(&word) {
            return at + 1;
        }
        if word == b"__label__" {
            let end = (at..self.mates.len()).find(|&i| self.is(i, op(";")));
            return end.unwrap_or(at) + 1;
        }
        if word == b"case" {
            return self.case(at);
        }
        if is_statement_word(&word) || is_type_word(&word) {
            self.copy(at);
            return at + 1;
        }
        let shape = (self.masking.shape)(&word);
        match shape {
            Some((Shape::Nothing, false)) => return at + 1,
            Some((Shape::Nothing, true)) if called => return close.map_or(at + 1, |c| c + 1),
            Some((Shape::Punct(byte), false)) => {
                self.put(token.start, token.end, &[byte]);
                return at + 1;
            }
            Some((Shape::Condition, false)) if self.starts_statement(at) => {
                self.put(token.start, token.end, b"if(_)");
                return at + 1;
            }
            Some((Shape::Loop, false)) if self.starts_statement(at) => {
                self.put(token.start, token.end, b"while(_)");
                return at + 1;
            }
            _ => {}
        }
        if let Some(close) = close {
            if let Some(next) = self.head(at, close, shape.map(|s| s.0)) {
                return next;
            }
            self.copy(at);
            self.copy(at + 1);
            return self.arguments(at + 1, close);
        }
        self.copy(at);
        at + 1
    }

    /// `asm` moves no pointer that matters here: it becomes an empty statement.
    fn assembly(&mut self, at: usize) -> usize {
        let mut open = at + 1;
        while !self.word(open).is_empty() {
            open += 1;
        }
        if !self.is(open, op("(")) {
            return at + 1;
        }
        self.mate(open).map_or(open + 1, |m| m + 1)
    }

    /// Keeps the first value of GNU's `case 1 ... 5:`.
    fn case(&mut self, at: usize) -> usize {
        self.copy(at);
        let mut dots = at + 1;
        while dots < self.mates.len() && !self.is(dots, op(":")) && !self.is(dots, op(";")) {
            if self.is(dots, op("...")) {
                let mut i = at + 1;
                while i < dots {
                    i = self.step(i);
                }
                while i < self.mates.len() && !self.is(i, op(":")) {
                    i += 1;
                }
                return i;
            }
            dots += 1;
        }
        at + 1
    }

    fn starts_statement(&self, at: usize) -> bool {
        if !self.masking.statements {
            return false;
        }
        let Some(before) = at.checked_sub(1) else {
            return true;
        };
        ["{", "}", ";", ")", ":"]
            .iter()
            .any(|p| self.is(before, op(p)))
            || matches!(&*self.word(before), b"else" | b"do")
    }

    /// A macro call that opens a loop or a condition, or that is a statement without semicolon.
    fn head(&mut self, at: usize, close: usize, shape: Option<Shape>) -> Option<usize> {
        if !self.starts_statement(at) {
            return None;
        }
        let start = self.masking.tokens[at].start;
        let end = self.masking.tokens[close].end;
        let word = self.word(at);
        let next = self.word(close + 1);
        let opens_block = self.is(close + 1, op("{"));
        let opens_statement = !next.is_empty() && !is_decoration(&next) && !is_annotation(&next);
        let text: &[u8] = match shape {
            Some(Shape::Loop) => b"while(_)",
            Some(Shape::Condition) => b"if(_)",
            Some(Shape::Statements) if !self.is(close + 1, op(";")) => {
                // It has its own semicolon; the grammar wants to see one.
                self.copy(at);
                self.copy(at + 1);
                self.arguments(at + 1, close);
                let room = self
                    .token(close + 1)
                    .map_or(self.masking.span.end, |t| t.start);
                self.put(end, room, b";");
                return Some(close + 1);
            }
            _ if opens_block => b"while(_)",
            _ if opens_statement && names_loop(&word) => b"while(_)",
            _ if opens_statement => b"if(_)",
            _ => return None,
        };
        if !self.put(start, end, text) {
            self.put(start, end, b"if(_)");
        }
        Some(close + 1)
    }

    /// The arguments of a call. One that is a type becomes a number.
    fn arguments(&mut self, open: usize, close: usize) -> usize {
        let mut from = open + 1;
        let mut at = open + 1;
        while at <= close {
            if at < close && !self.is(at, op(",")) {
                at = match self.mate(at) {
                    Some(mate) if mate > at => mate + 1,
                    _ => at + 1,
                };
                continue;
            }
            if self.is_type(from, at) {
                let start = self.masking.tokens[from].start;
                let stop = self.masking.tokens[at - 1].end;
                self.put(start, stop, b"0");
            } else {
                while from < at {
                    from = self.step(from);
                }
            }
            self.copy(at);
            from = at + 1;
            at += 1;
        }
        close + 1
    }

    fn is_type(&self, from: usize, to: usize) -> bool {
        if from >= to {
            return false;
        }
        let word = self.word(from);
        let two_words = to > from + 1 && !word.is_empty() && !self.word(from + 1).is_empty();
        is_tag_word(&word)
            || is_type_word(&word)
            || self.is(to - 1, op("*"))
            || two_words && !is_statement_word(&word)
    }
}

/// Whether an unknown macro with this name is likely to open a loop.
fn names_loop(word: &[u8]) -> bool {
    let lower = word.to_ascii_lowercase();
    ["each", "for", "while", "loop", "repeat"]
        .iter()
        .any(|part| memchr::memmem::find(&lower, part.as_bytes()).is_some())
}

/// Words of the kernel's and libbpf's headers that decorate declarations, and keywords that the
/// grammar stumbles over.
fn is_decoration(word: &[u8]) -> bool {
    word.starts_with(b"__arg_")
        || matches!(
            word,
            b"__always_inline"
                | b"__noinline"
                | b"noinline"
                | b"__weak"
                | b"__hidden"
                | b"__arena"
                | b"__arena_global"
                | b"__ksym"
                | b"__kconfig"
                | b"__kptr"
                | b"__kptr_untrusted"
                | b"__percpu_kptr"
                | b"__rcu"
                | b"__user"
                | b"__kernel"
                | b"__percpu"
                | b"__iomem"
                | b"__force"
                | b"__bitwise"
                | b"__maybe_unused"
                | b"__always_unused"
                | b"__unused"
                | b"__used"
                | b"__must_check"
                | b"__packed"
                | b"__restrict"
                | b"__restrict__"
                | b"restrict"
                | b"__inline"
                | b"__inline__"
                | b"__extension__"
                | b"__uptr"
                | b"__volatile__"
                | b"__volatile"
                | b"__init"
                | b"__exit"
                | b"_Noreturn"
                | b"noreturn"
        )
}
