//! Words of the language, and what they begin.

use super::*;

impl Writer<'_> {
    pub(super) fn keyword(&mut self, at: Tok, word: Word) -> Tok {
        match word {
            Word::Void | Word::Number(_) => self.put_type(at),
            Word::Auto => self.put_type(at),
            // `static_bounded for (…)`: it is the statement's.
            Word::Decoration if matches!(self.word(at + 1), Some(Word::Statement(_))) => {}
            Word::Typedef
            | Word::Static
            | Word::Extern
            | Word::Inline
            | Word::Register
            | Word::AutoStorage
            | Word::Thread
            | Word::Const
            | Word::Volatile
            | Word::Plain
            | Word::Decoration => {
                if self.is(at + 1, "(") && matches!(self.spelling(at), b"_Atomic") {
                    return self.typeof_(at);
                }
                self.specified = true;
                if self.before == Before::Close && self.levels.is_empty() {
                    // K&R parameters.
                    self.before = Before::Start;
                }
            }
            Word::Extension => {}
            Word::Record | Word::Enum => return self.record(at, word),
            Word::Typeof => return self.typeof_(at),
            Word::Sized => {
                self.put_type(at);
                if self.is(at + 1, "(") {
                    return self.after_group(at + 1);
                }
            }
            Word::Attribute | Word::Alignas => {
                if self.is(at + 1, "(") {
                    return self.after_group(at + 1);
                }
            }
            Word::Assert => {
                let next = match self.is(at + 1, "(") {
                    true => self.after_group(at + 1),
                    false => at + 1,
                };
                return next + usize::from(self.is(next, ";"));
            }
            Word::Labels => {
                let mut next = at + 1;
                while next < self.end && !self.is(next, ";") {
                    next += 1;
                }
                return next + 1;
            }
            Word::Asm => return self.assembly(at),
            Word::Sizeof => self.put(at, "sizeof", Before::Operator),
            Word::Generic => {
                self.raw(at, "_Generic");
                if self.is(at + 1, "(") {
                    self.open(at + 1, "(", Bracket::Generic, Before::Operator);
                    return at + 2;
                }
            }
            Word::Statement(statement) => return self.statement(at, statement),
        }
        at + 1
    }

    pub(super) fn statement(
        &mut self,
        at: Tok,
        statement: crate::c::syntax::words::Statement,
    ) -> Tok {
        use crate::c::syntax::words::Statement as S;
        let word = match statement {
            S::If => "if",
            S::Else => "else",
            S::While => "while",
            S::Do => "do",
            S::For => {
                self.put(at, "for", Before::Keyword);
                if self.is(at + 1, "(") {
                    self.open(at + 1, "(", Bracket::For, Before::Start);
                    return at + 2;
                }
                return at + 1;
            }
            S::Switch => "switch",
            S::Case => "case",
            S::Default => {
                if self.bracket() == Bracket::Generic {
                    self.put(at, "int", Before::Type);
                } else {
                    self.put(at, "default", Before::Operand);
                }
                return at + 1;
            }
            S::Return => "return",
            S::Break => "break",
            S::Continue => "continue",
            S::Goto => {
                if self.is(at + 1, "*") {
                    self.put(at, "return", Before::Operator);
                    return at + 2;
                }
                "goto"
            }
        };
        let before = match statement {
            S::Return | S::Case => Before::Operator,
            S::Else | S::Do => Before::Start,
            _ => Before::Keyword,
        };
        self.put(at, word, before);
        at + 1
    }

    /// `struct tag`, `enum {…}`.
    pub(super) fn record(&mut self, at: Tok, word: Word) -> Tok {
        let mut next = at + 1;
        loop {
            if matches!(self.word(next), Some(Word::Attribute | Word::Alignas))
                && self.is(next + 1, "(")
            {
                next = self.after_group(next + 1);
            } else if self.is(next, "[") && self.is(next + 1, "[") {
                next = self.after_group(next);
            } else {
                break;
            }
        }
        if self.tok(next).is_some_and(|t| t.kind == Kind::Ident) {
            next += 1;
        }
        if matches!(self.word(next), Some(Word::Attribute | Word::Alignas))
            && self.is(next + 1, "(")
        {
            let after = self.after_group(next + 1);
            if self.is(after, "{") {
                next = after;
            }
        }
        if word == Word::Enum && self.is(next, ":") {
            let mut body = next;
            while body < self.end && !self.is(body, "{") && !self.is(body, ";") {
                body += 1;
            }
            if self.is(body, "{") {
                next = body;
            }
        }
        if self.before == Before::Close && self.levels.is_empty() {
            // K&R parameters.
            self.before = Before::Start;
        }
        if !self.is(next, "{") {
            self.put_type(at);
            return next;
        }
        let (word, bracket, before) = match word {
            Word::Enum => ("enum", Bracket::Enum, Before::Operator),
            _ if self.spelling(at) == b"union" => ("union", Bracket::Record, Before::Start),
            _ => ("struct", Bracket::Record, Before::Start),
        };
        self.raw(at, word);
        self.open(next, "{", bracket, before);
        next + 1
    }

    /// `typeof(…)` and `_Atomic(…)`.
    pub(super) fn typeof_(&mut self, at: Tok) -> Tok {
        if !self.is(at + 1, "(") {
            self.put_type(at);
            return at + 1;
        }
        let end = self.after_group(at + 1);
        let inner = Toks::new(at + 2, end - 1);
        self.text.replaced.push(Replaced {
            tok: at,
            inner,
            is_type: self.starts_type(inner.start),
        });
        self.put_type(at);
        end
    }

    /// Whether a type name starts here.
    pub(super) fn starts_type(&self, at: Tok) -> bool {
        match self.word(at) {
            Some(word) => word.specifies() && word != Word::Extension,
            None => self
                .tok(at)
                .is_some_and(|t| t.kind == Kind::Ident && self.is_type(t.symbol)),
        }
    }

    pub(super) fn is_type(&self, symbol: Symbol) -> bool {
        // A type that everybody knows by its name, unless the unit calls something else so.
        let common = || self.words.common_type(symbol).is_some() && !self.outlines.declares(symbol);
        let known = self.outlines.types[symbol.index()] || common();
        known && !self.shadowed.iter().any(|s| s.1 == symbol)
    }

    /// `asm`: as a statement, a call with the operands as arguments; elsewhere nothing.
    pub(super) fn assembly(&mut self, at: Tok) -> Tok {
        let mut open = at + 1;
        while self.tok(open).is_some_and(|t| t.kind == Kind::Ident) {
            open += 1;
        }
        if !self.is(open, "(") {
            return open;
        }
        let end = self.after_group(open);
        let statement = matches!(self.before, Before::Start | Before::Close | Before::Keyword);
        if self.levels.is_empty() || !statement || self.bracket() == Bracket::Record {
            let file_level = self.levels.is_empty() && self.before == Before::Start;
            return end + usize::from(file_level && self.is(end, ";"));
        }
        self.put(at, "x", Before::Operand);
        self.open(open, "(", Bracket::Paren, Before::Open);
        let mut next = open + 1;
        let mut first = true;
        while next < end - 1 {
            let constraint = self.tok(next).is_some_and(|t| t.kind == Kind::Str);
            if constraint && self.is(next + 1, "(") {
                if !first {
                    self.put(next, ",", Before::Comma);
                }
                first = false;
                let group = self.after_group(next + 1);
                next += 1;
                while next < group {
                    next = self.token(next);
                }
            } else {
                next += 1;
            }
        }
        self.close(end - 1, op(")"));
        end
    }
}
