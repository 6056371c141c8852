//! Tokens as text that the grammar of tree-sitter-c reads without errors.
//!
//! The grammar has to guess what the preprocessor and declarations tell: whether a name is a type,
//! what a macro stands for, GNU's extensions. So the text is made of as few words as say the same:
//! each type becomes `int`, each other name `x`, each number `0`; what plays no part in the shape of
//! the program (qualifiers, storage classes, attributes, assertions) is left out. What was really
//! written is told by the tokens, to which a table leads back.

mod keywords;
mod names;
mod punctuation;

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

    /// Whether a declarator that begins here has no type before it: `int` is meant.
    fn lacks_type(&self) -> bool {
        let file = self.external && self.levels.is_empty();
        self.before == Before::Start && (self.specified || file)
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
}
