//! Operators and brackets.

use super::*;

impl Writer<'_> {
    pub(super) fn punct(&mut self, at: Tok, code: u32) -> Tok {
        if code == op("(") {
            if self.lacks_type() {
                self.raw(at, "int");
            }
            self.open(at, "(", Bracket::Paren, Before::Open);
        } else if code == op("[") {
            if self.is(at + 1, "[") {
                // `[[attribute]]`
                return self.after_group(at);
            }
            self.open(at, "[", Bracket::Index, Before::Operator);
        } else if code == op("{") {
            let bracket = self.brace();
            let before = match bracket {
                Bracket::Block | Bracket::Record => Before::Start,
                _ => Before::Operator,
            };
            self.open(at, "{", bracket, before);
        } else if code == op(")") || code == op("]") || code == op("}") {
            self.close(at, code);
        } else if code == op(";") {
            let before = match self.bracket() {
                Bracket::For => Before::Operator,
                _ => Before::Start,
            };
            if let Some(level) = self.level() {
                level.declares = false;
                level.valued = false;
                level.questions = 0;
            }
            self.put(at, ";", before);
        } else if code == op("=") {
            if let Some(level) = self.level() {
                level.valued = true;
            }
            self.put(at, "=", Before::Operator);
        } else if code == op(",") {
            if let Some(level) = self.level() {
                level.valued = false;
            }
            self.put(at, ",", Before::Comma);
        } else if code == op(":") {
            self.colon(at);
        } else if code == op("?") {
            if let Some(level) = self.level() {
                level.questions += 1;
            }
            self.put(at, "?", Before::Operator);
        } else if code == op("*") {
            let starts = self.lacks_type();
            if self.header && self.levels.is_empty() {
                return at + 1;
            }
            if starts {
                self.raw(at, "int");
            }
            self.put(at, "*", Before::Star);
        } else if code == op(".") || code == op("->") {
            let word = if code == op(".") { "." } else { "->" };
            self.put(at, word, Before::Member);
        } else if code == op("...") {
            if self.bracket() == Bracket::Block {
                // A range of cases.
                let mut next = at + 1;
                while next < self.end && !self.is(next, ":") {
                    next += 1;
                }
                return next;
            }
            self.put(at, "...", Before::Operator);
        } else if code == op("&&") && !self.after_operand() && self.is_ident(at + 1) {
            // The address of a label.
            self.put(at, "0", Before::Operand);
            return at + 2;
        } else if code == op("++") || code == op("--") {
            let word = if code == op("++") { "++" } else { "--" };
            let before = match self.after_operand() {
                true => Before::Operand,
                false => Before::Operator,
            };
            self.put(at, word, before);
        } else if let Some(word) = operator(code) {
            self.put(at, word, Before::Operator);
        }
        // What is no operator of C is left out.
        at + 1
    }

    pub(super) fn after_operand(&self) -> bool {
        matches!(self.before, Before::Operand | Before::Close | Before::Type)
    }

    pub(super) fn open(&mut self, at: Tok, word: &str, bracket: Bracket, before: Before) {
        let declares = self.levels.last().is_some_and(|l| l.declares);
        self.levels.push(Level {
            bracket,
            declares: false,
            questions: 0,
            declarator: self.before == Before::Type || declares && self.before == Before::Star,
            valued: false,
            call: self.calls(),
        });
        if self.levels.len() > DEEP {
            self.text.too_deep = true;
        }
        self.put(at, word, before);
    }

    /// Whether a `(` here would begin the arguments of a call.
    pub(super) fn calls(&self) -> bool {
        let inside = match self.levels.last() {
            Some(level) => level.valued || !level.declares && !level.declarator,
            None => !self.external,
        };
        self.before == Before::Operand && inside
    }

    /// A type as an argument, for a macro that is not replaced: the text of a number, and the type
    /// beside it.
    pub(super) fn type_argument(&mut self, at: Tok) -> Tok {
        let mut end = at;
        while end < self.end && !self.is(end, ",") && !self.is(end, ")") {
            end = match ["(", "[", "{"].iter().any(|o| self.is(end, o)) {
                true => self.after_group(end),
                false => end + 1,
            };
        }
        self.text.replaced.push(Replaced {
            tok: at,
            inner: Toks::new(at, end),
            is_type: true,
        });
        self.put(at, "0", Before::Operand);
        end
    }

    pub(super) fn is_type_argument(&self, at: Tok) -> bool {
        let call = self.levels.last().is_some_and(|l| l.call);
        let begins = matches!(self.before, Before::Open | Before::Comma);
        let typed = match self.word(at) {
            Some(word) => word.specifies() && word != Word::Extension,
            None => {
                self.starts_type(at)
                    && (self.can_be_type(at) && !self.is(at + 1, "(") && !self.is(at + 1, "["))
            }
        };
        call && begins && typed
    }

    pub(super) fn close(&mut self, at: Tok, code: u32) {
        let level = self.levels.pop();
        let depth = self.levels.len();
        // Parameters live as long as the body of their function.
        let closes_block = code == op("}");
        if closes_block {
            self.shadowed.retain(|s| s.0 <= depth);
        }
        let (word, before) = match level.map(|l| l.bracket) {
            _ if code == op(")") => {
                self.header &= depth > 0;
                (")", Before::Close)
            }
            _ if code == op("]") => ("]", Before::Operand),
            Some(Bracket::Record | Bracket::Enum) => ("}", Before::Type),
            Some(Bracket::List) => ("}", Before::Operand),
            _ => ("}", Before::Start),
        };
        self.put(at, word, before);
        if matches!(
            level.map(|l| l.bracket),
            Some(Bracket::Record | Bracket::Enum)
        ) && let Some(level) = self.level()
        {
            level.declares = true;
        }
    }

    /// What a `{` opens.
    pub(super) fn brace(&self) -> Bracket {
        match (self.before, self.bracket()) {
            (Before::Operator, _) | (_, Bracket::List) => Bracket::List,
            // `(T){…}`: a type in parentheses was just closed.
            (Before::Close, bracket) if self.is_compound(bracket) => Bracket::List,
            _ => Bracket::Block,
        }
    }

    /// The `)` before was that of a type name with an initializer, not of a statement's head.
    pub(super) fn is_compound(&self, bracket: Bracket) -> bool {
        if matches!(
            bracket,
            Bracket::Paren | Bracket::Index | Bracket::Generic | Bracket::For
        ) {
            return true;
        }
        // The text ends in `( int … )`, and before the `(` stands no head of a statement or
        // declarator.
        let bytes = self.text.bytes.as_slice();
        let mut depth = 0usize;
        for (index, &(start, _)) in self.text.map.iter().enumerate().rev() {
            match bytes[start as usize] {
                b')' => depth += 1,
                b'(' => {
                    depth -= 1;
                    if depth == 0 {
                        let next = self.text.map.get(index + 1).map(|m| m.0 as usize);
                        let typed = next.is_some_and(|n| {
                            bytes[n..].starts_with(b"int ")
                                || bytes[n..].starts_with(b"struct ")
                                || bytes[n..].starts_with(b"union ")
                        });
                        let last = index.checked_sub(1).map(|i| self.text.map[i].0 as usize);
                        let after = last.map_or(b';', |l| bytes[l]);
                        return typed && !matches!(after, b'x' | b')' | b';' | b'i' | b'w' | b'f');
                    }
                }
                _ => {}
            }
        }
        false
    }

    pub(super) fn colon(&mut self, at: Tok) {
        let bracket = self.bracket();
        let question = self.level().is_some_and(|l| {
            let waits = l.questions > 0;
            l.questions = l.questions.saturating_sub(1);
            waits
        });
        if question || bracket == Bracket::Generic {
            self.put(at, ":", Before::Operator);
            return;
        }
        if bracket == Bracket::Record {
            if matches!(self.before, Before::Type | Before::Comma | Before::Star) {
                // A bit-field without a name.
                self.raw(at, "x");
            }
            self.put(at, ":", Before::Operator);
            return;
        }
        if bracket != Bracket::Block {
            self.put(at, ":", Before::Operator);
            return;
        }
        self.put(at, ":", Before::Start);
        if self.is(at + 1, "}") {
            // The grammar wants a statement after a label.
            self.raw(at + 1, ";");
        }
    }
}

/// The operators between operands and before them that need no more than their text.
fn operator(code: u32) -> Option<&'static str> {
    const OPERATORS: &[&str] = &[
        "+", "-", "/", "%", "<<", ">>", "<", ">", "<=", ">=", "==", "!=", "&", "^", "|", "&&",
        "||", "!", "~", "=", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=",
    ];
    OPERATORS.iter().find(|o| op(o) == code).copied()
}
