//! Tokens as text that the grammar of tree-sitter-c reads without errors.
//!
//! The grammar has to guess what the preprocessor and declarations tell: whether a name is a type,
//! what a macro stands for, GNU's extensions. So the text is made of as few words as say the same:
//! each type becomes `int`, each other name `x`, each number `0`; what plays no part in the shape of
//! the program (qualifiers, storage classes, attributes, assertions) is left out. What was really
//! written is told by the tokens, to which a table leads back.

use rustc_hash::FxHashSet;

use super::outline::Outlines;
use super::tree::{Tok, Toks};
use super::words::{Word, Words};
use crate::c::Symbol;
use crate::c::cpp::{Token, Unit};
use crate::c::lexer::{Kind, op};

/// How deep brackets may nest. Bounds the stack of everything that walks the tree.
const DEEP: usize = 256;

/// What stands in the text for tokens whose meaning the tree has to be told apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Replaced {
    /// The word: `typeof`, `__builtin_offsetof`, …
    pub tok: Tok,
    /// What stands in its parentheses.
    pub inner: Toks,
    /// It holds a type, not an expression.
    pub is_type: bool,
}

/// The text of some tokens.
#[derive(Debug, Default)]
pub(super) struct Text {
    pub bytes: Vec<u8>,
    /// For each word of the text: its offset and token. What has no token of its own (an `int`
    /// that the source leaves out) has that of the next one.
    pub map: Vec<(u32, u32)>,
    /// Sorted by token.
    pub replaced: Vec<Replaced>,
    /// Brackets nest too deep.
    pub too_deep: bool,
}

impl Text {
    /// The token at an offset of the text, or the first behind it.
    pub fn tok_at(&self, offset: usize) -> Option<Tok> {
        let index = self.map.partition_point(|m| (m.0 as usize) < offset);
        self.map.get(index).map(|m| m.1 as usize)
    }

    /// After the last token before an offset of the text.
    pub fn tok_before(&self, offset: usize) -> Option<Tok> {
        let index = self.map.partition_point(|m| (m.0 as usize) < offset);
        self.map[..index].last().map(|m| m.1 as usize + 1)
    }

    pub fn replacement(&self, tok: Tok) -> Option<&Replaced> {
        let index = self.replaced.binary_search_by_key(&tok, |r| r.tok).ok()?;
        Some(&self.replaced[index])
    }
}

/// What the word before was, as far as it decides what a name is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    /// A statement, a declaration or a member can begin here.
    Start,
    /// `(`
    Open,
    /// `,`
    Comma,
    /// A type.
    Type,
    /// `*`
    Star,
    /// The end of an operand or a declarator.
    Operand,
    /// `)`
    Close,
    /// An operator: an operand follows.
    Operator,
    /// `.` or `->`
    Member,
    /// A word that begins a statement.
    Keyword,
}

/// What an open bracket is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bracket {
    Block,
    Record,
    Enum,
    List,
    Paren,
    /// The parentheses of `for`.
    For,
    Generic,
    Index,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    bracket: Bracket,
    /// A type has been read since the last `;`: this is a declaration.
    declares: bool,
    /// `?` that wait for their `:`.
    questions: u32,
    /// It was opened after a type: it belongs to a declarator.
    declarator: bool,
    /// `=` was read since the last `;` or `,`.
    valued: bool,
    /// The parentheses of a call.
    call: bool,
}

/// Makes the text of some tokens.
pub(super) struct Writer<'u> {
    unit: &'u Unit,
    words: &'u Words,
    outlines: &'u Outlines,
    /// Names that are something else inside of a block, with the depth of the block.
    shadowed: Vec<(usize, Symbol)>,
    /// Names that were declared on the way, whatever they are.
    declared: FxHashSet<Symbol>,
    levels: Vec<Level>,
    before: Before,
    /// A storage class or a qualifier was left out since `before`.
    specified: bool,
    /// What stands outside of all functions.
    external: bool,
    /// What stands before the list of names of a K&R definition.
    header: bool,
    end: Tok,
    text: Text,
}

/// What to make text for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum As {
    /// An external declaration.
    External,
    /// A definition with K&R parameters. The grammar does not know one that returns a pointer, so
    /// the `*` before its name are left out.
    OldStyle,
    /// An expression.
    Expression,
    /// A type name.
    TypeName,
}

impl<'u> Writer<'u> {
    pub fn new(unit: &'u Unit, words: &'u Words, outlines: &'u Outlines) -> Self {
        Self {
            unit,
            words,
            outlines,
            shadowed: Vec::new(),
            declared: FxHashSet::default(),
            levels: Vec::new(),
            before: Before::Start,
            specified: false,
            external: true,
            header: false,
            end: 0,
            text: Text::default(),
        }
    }

    /// The text of `toks`. Linear in their number.
    pub fn write(mut self, toks: Toks, kind: As) -> Text {
        self.end = toks.end;
        self.external = matches!(kind, As::External | As::OldStyle);
        self.header = kind == As::OldStyle;
        match kind {
            As::External | As::OldStyle => {}
            As::Expression => {
                self.raw(toks.start, "void x(){(");
                self.before = Before::Open;
            }
            As::TypeName => {
                self.raw(toks.start, "void x(){sizeof(");
                self.before = Before::Open;
            }
        }
        let mut at = toks.start;
        while at < toks.end {
            at = self.token(at);
        }
        match kind {
            As::External | As::OldStyle => {}
            As::Expression | As::TypeName => self.raw(toks.end, ");}"),
        }
        self.text.replaced.sort_by_key(|r| r.tok);
        self.text
    }

    fn tok(&self, at: Tok) -> Option<&'u Token> {
        (at < self.end).then(|| &self.unit.tokens[at])
    }

    fn is(&self, at: Tok, text: &str) -> bool {
        self.tok(at).is_some_and(|t| t.is(op(text)))
    }

    fn word(&self, at: Tok) -> Option<Word> {
        let token = self.tok(at)?;
        match token.kind {
            Kind::Ident => self.words.get(token.symbol),
            _ => None,
        }
    }

    fn spelling(&self, at: Tok) -> &'u [u8] {
        self.unit.text(&self.unit.tokens[at])
    }

    fn is_ident(&self, at: Tok) -> bool {
        self.tok(at).is_some_and(|t| t.kind == Kind::Ident) && self.word(at).is_none()
    }

    /// After the bracket that closes the one at `at`.
    fn after_group(&self, at: Tok) -> Tok {
        super::after_group(&self.unit.tokens[..self.end], at)
    }

    fn raw(&mut self, at: Tok, word: &str) {
        self.text
            .map
            .push((self.text.bytes.len() as u32, at as u32));
        self.text.bytes.extend_from_slice(word.as_bytes());
        self.text.bytes.push(b' ');
    }

    fn put(&mut self, at: Tok, word: &str, before: Before) {
        self.raw(at, word);
        self.before = before;
        self.specified = false;
    }

    fn level(&mut self) -> Option<&mut Level> {
        self.levels.last_mut()
    }

    fn bracket(&self) -> Bracket {
        self.levels.last().map_or(Bracket::Block, |l| l.bracket)
    }

    /// A type was read.
    fn put_type(&mut self, at: Tok) {
        if self.before == Before::Type {
            // `unsigned long int`: one `int` is enough.
            return;
        }
        self.put(at, "int", Before::Type);
        if let Some(level) = self.level() {
            level.declares = true;
        }
    }

    /// Writes the token at `at`, perhaps more; where to go on.
    fn token(&mut self, at: Tok) -> Tok {
        let token = &self.unit.tokens[at];
        match token.kind {
            Kind::Number => self.put(at, "0", Before::Operand),
            Kind::Char => self.put(at, "'0'", Before::Operand),
            Kind::Str => {
                self.put(at, "\"\"", Before::Operand);
                let mut next = at + 1;
                while self.tok(next).is_some_and(|t| t.kind == Kind::Str) {
                    next += 1;
                }
                return next;
            }
            Kind::Punct => return self.punct(at, token.op),
            Kind::Ident if self.is_type_argument(at) => return self.type_argument(at),
            Kind::Ident => {
                return match self.words.get(token.symbol) {
                    Some(word) if !matches!(self.before, Before::Member) => self.keyword(at, word),
                    _ => self.name(at, token.symbol),
                };
            }
        }
        at + 1
    }

    fn punct(&mut self, at: Tok, code: u32) -> Tok {
        if code == op("(") {
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
            let starts = self.before == Before::Start && self.specified
                || self.external && self.levels.is_empty() && self.before == Before::Start;
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

    fn after_operand(&self) -> bool {
        matches!(self.before, Before::Operand | Before::Close | Before::Type)
    }

    fn open(&mut self, at: Tok, word: &str, bracket: Bracket, before: Before) {
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
    fn calls(&self) -> bool {
        let inside = match self.levels.last() {
            Some(level) => level.valued || !level.declares && !level.declarator,
            None => !self.external,
        };
        self.before == Before::Operand && inside
    }

    /// A type as an argument, for a macro that is not replaced: the text of a number, and the type
    /// beside it.
    fn type_argument(&mut self, at: Tok) -> Tok {
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

    fn is_type_argument(&self, at: Tok) -> bool {
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

    fn close(&mut self, at: Tok, code: u32) {
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
    fn brace(&self) -> Bracket {
        match (self.before, self.bracket()) {
            (Before::Operator, _) | (_, Bracket::List) => Bracket::List,
            // `(T){…}`: a type in parentheses was just closed.
            (Before::Close, bracket) if self.is_compound(bracket) => Bracket::List,
            _ => Bracket::Block,
        }
    }

    /// The `)` before was that of a type name with an initializer, not of a statement's head.
    fn is_compound(&self, bracket: Bracket) -> bool {
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

    fn colon(&mut self, at: Tok) {
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

    fn keyword(&mut self, at: Tok, word: Word) -> Tok {
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

    fn statement(&mut self, at: Tok, statement: super::words::Statement) -> Tok {
        use super::words::Statement as S;
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
    fn record(&mut self, at: Tok, word: Word) -> Tok {
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
    fn typeof_(&mut self, at: Tok) -> Tok {
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
    fn starts_type(&self, at: Tok) -> bool {
        match self.word(at) {
            Some(word) => word.specifies() && word != Word::Extension,
            None => self
                .tok(at)
                .is_some_and(|t| t.kind == Kind::Ident && self.is_type(t.symbol)),
        }
    }

    fn is_type(&self, symbol: Symbol) -> bool {
        // A type that everybody knows by its name, unless the unit calls something else so.
        let common = || {
            self.words.common_type(symbol).is_some() && !self.outlines.naming.contains_key(&symbol)
        };
        let known = self.outlines.types[symbol.index()] || common();
        known && !self.shadowed.iter().any(|s| s.1 == symbol)
    }

    /// `asm`: as a statement, a call with the operands as arguments; elsewhere nothing.
    fn assembly(&mut self, at: Tok) -> Tok {
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

    fn name(&mut self, at: Tok, symbol: Symbol) -> Tok {
        if self.before == Before::Member {
            self.put(at, "x", Before::Operand);
            return at + 1;
        }
        if self.is(at + 1, "(") && self.words.is_constant_builtin(symbol) {
            let end = self.after_group(at + 1);
            let inner = Toks::new(at + 2, end - 1);
            self.text.replaced.push(Replaced {
                tok: at,
                inner,
                is_type: true,
            });
            self.put(at, "0", Before::Operand);
            return end;
        }
        // K&R parameters follow the list of their names.
        let old_style = self.before == Before::Close && self.levels.is_empty() && self.external;
        let begins = match self.before {
            Before::Start | Before::Open => true,
            Before::Comma => matches!(self.bracket(), Bracket::Paren | Bracket::Generic),
            _ => old_style,
        };
        if begins {
            if self.is_type(symbol) && self.can_be_type(at) || self.must_be_type(at) {
                if old_style {
                    self.before = Before::Start;
                }
                self.put_type(at);
                return at + 1;
            }
            if self.before == Before::Start {
                if let Some(next) = self.unknown_macro(at) {
                    return next;
                }
                let file = self.external && self.levels.is_empty();
                if self.specified || file && self.tok(at + 1).is_some() {
                    // No type is written: `int`.
                    self.raw(at, "int");
                    if let Some(level) = self.level() {
                        level.declares = true;
                    }
                }
            }
        } else if self.before == Before::Type {
            if self.is(at + 1, "*")
                || self.is_ident(at + 1)
                || self.word(at + 1).is_some_and(|w| {
                    matches!(
                        w,
                        Word::Const | Word::Volatile | Word::Static | Word::Number(_)
                    )
                })
            {
                // `T __user *p`: a qualifier that nobody defines.
                return at + 1;
            }
            self.shadow(symbol);
        } else if self.before == Before::Star || self.before == Before::Comma {
            let declares = self.levels.last().is_some_and(|l| l.declares);
            if declares {
                self.shadow(symbol);
            }
        }
        // The grammar would take `a * b;` for a declaration, and may take `(a)` for a type.
        let guessed = self.before == Before::Start && self.is(at + 1, "*")
            || self.before == Before::Open && self.is(at + 1, ")") && !self.in_declarator();
        self.put(at, if guessed { "0" } else { "x" }, Before::Operand);
        at + 1
    }

    /// Whether the parentheses here are those of a declarator or a list of parameters.
    fn in_declarator(&self) -> bool {
        let external = self.external && self.levels.len() == 1;
        external || self.levels.last().is_some_and(|l| l.declarator)
    }

    /// A name of a type is declared as something else.
    fn shadow(&mut self, symbol: Symbol) {
        let inside = !self.levels.is_empty() && self.bracket() != Bracket::Record;
        if inside {
            self.declared.insert(symbol);
        }
        if inside && self.is_type(symbol) {
            let blocks = self
                .levels
                .iter()
                .rposition(|l| l.bracket == Bracket::Block);
            self.shadowed.push((blocks.map_or(1, |b| b + 1), symbol));
        }
    }

    /// Whether what follows the name of a type fits one.
    fn can_be_type(&self, at: Tok) -> bool {
        let Some(next) = self.tok(at + 1) else {
            return true;
        };
        match next.kind {
            Kind::Ident => true,
            Kind::Punct => {
                ["*", ")", "(", ",", ";", "["]
                    .iter()
                    .any(|o| next.is(op(o)))
                    || next.is(op(":"))
                        && matches!(self.bracket(), Bracket::Generic | Bracket::Record)
            }
            _ => false,
        }
    }

    /// Whether a name that nothing declares can only be a type.
    fn must_be_type(&self, at: Tok) -> bool {
        let symbol = self.unit.tokens[at].symbol;
        let known = self.outlines.naming.contains_key(&symbol) || self.declared.contains(&symbol);
        if known && !self.is_type(symbol) {
            return false;
        }
        if self.is_ident(at + 1) && self.before != Before::Close {
            // `T x`; but `MACRO x(…)` at file level may be a qualifier.
            return true;
        }
        let mut next = at + 1;
        while self.is(next, "*") || matches!(self.word(next), Some(Word::Const | Word::Volatile)) {
            next += 1;
        }
        if next == at + 1 {
            // `(T)x`, but not `f(a) T a; {…}`
            return self.before == Before::Open
                && self.is(next, ")")
                && !self.in_declarator()
                && self.tok(next + 1).is_some_and(|t| {
                    matches!(t.kind, Kind::Number | Kind::Str | Kind::Char)
                        || t.kind == Kind::Ident
                            && self.word(next + 1).is_none_or(|w| w == Word::Sizeof)
                });
        }
        match self.before {
            // `T *x;`, `T *x = …`, `T *x[…]`, `T *f(…)`
            Before::Start => {
                self.is_ident(next)
                    && [";", "=", ",", "[", "("]
                        .iter()
                        .any(|o| self.is(next + 1, o))
            }
            // `(T *)x`
            Before::Open => self.is(next, ")"),
            _ => false,
        }
    }

    /// A macro that nobody defines before a declaration: `__noinline int f()`,
    /// `SEC("xdp") int f()`.
    fn unknown_macro(&self, at: Tok) -> Option<Tok> {
        let specifier = |t: Tok| self.word(t).is_some_and(Word::specifies);
        if specifier(at + 1) && !matches!(self.word(at + 1), Some(Word::Asm)) {
            return Some(at + 1);
        }
        let text = self.tok(at + 2).is_some_and(|t| t.kind == Kind::Str);
        if self.is(at + 1, "(") && text {
            let end = self.after_group(at + 1);
            let declares = specifier(end) || self.is_ident(end);
            return (declares && self.levels.is_empty()).then_some(end);
        }
        None
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
