//! Where external declarations begin and end, and which names each declares, found from the tokens
//! alone.

pub mod words;

use super::Symbol;
use super::lexer::{Kind, Lexeme, op};
use words::{Word, Words};

/// A token whose spelling is a number.
pub trait Spelling: Lexeme {
    /// Its spelling.
    fn symbol(&self) -> Symbol;
}

/// An external declaration, by the indexes of its tokens.
#[derive(Clone, Copy, Debug)]
pub struct Declaration {
    /// The first token.
    pub start: usize,
    /// After the last one.
    pub end: usize,
    /// Where the body of a function definition begins.
    pub body: Option<usize>,
    /// Declarations of K&R parameters stand before the body.
    pub old_style: bool,
}

const OPEN: u32 = op("(");
const CLOSE: u32 = op(")");
const SQUARE: u32 = op("[");
const UNSQUARE: u32 = op("]");
const BRACE: u32 = op("{");
const UNBRACE: u32 = op("}");
const SEMICOLON: u32 = op(";");
const COMMA: u32 = op(",");
const ASSIGN: u32 = op("=");
const STAR: u32 = op("*");
const COLON: u32 = op(":");

/// After the bracket that closes the one at `at`, or the end.
pub fn after_group<T: Lexeme>(toks: &[T], mut at: usize) -> usize {
    let mut depth = 0usize;
    while let Some(token) = toks.get(at) {
        at += 1;
        if token.kind() != Kind::Punct {
            continue;
        }
        match token.code() {
            OPEN | SQUARE | BRACE => depth += 1,
            CLOSE | UNSQUARE | UNBRACE => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at;
                }
            }
            _ => {}
        }
    }
    at
}

/// Finds external declarations one after the other.
pub struct Scan<'t, T> {
    toks: &'t [T],
    words: &'t Words,
    /// The token that is looked at next.
    pub at: usize,
}

/// The names that a declaration declares, and whether they are types.
pub type Names = Vec<(Symbol, bool)>;

impl<'t, T: Spelling> Scan<'t, T> {
    /// At the first of these tokens, whose spellings include these words.
    pub fn new(toks: &'t [T], words: &'t Words) -> Self {
        Self { toks, words, at: 0 }
    }

    fn is(&self, code: u32) -> bool {
        self.is_at(self.at, code)
    }

    fn is_at(&self, tok: usize, code: u32) -> bool {
        self.toks.get(tok).is_some_and(|t| t.is(code))
    }

    fn word_at(&self, tok: usize) -> Option<Word> {
        let token = self.toks.get(tok)?;
        match token.kind() {
            Kind::Ident => self.words.get(token.symbol()),
            _ => None,
        }
    }

    /// A name that is no word of the language.
    fn name_at(&self, tok: usize) -> Option<Symbol> {
        let token = self.toks.get(tok)?;
        let plain = token.kind() == Kind::Ident && self.words.get(token.symbol()).is_none();
        plain.then_some(token.symbol())
    }

    /// Skips `(…)`, `[…]` or `{…}`.
    fn skip_group(&mut self) {
        self.at = after_group(self.toks, self.at);
    }

    /// The next external declaration, if there is one, and the names that it declares.
    pub fn declaration(&mut self) -> Option<(Declaration, Names)> {
        while self.is(SEMICOLON) {
            self.at += 1;
        }
        (self.at < self.toks.len()).then(|| self.item())
    }

    fn item(&mut self) -> (Declaration, Names) {
        let start = self.at;
        let mut names = Names::new();
        let mut typedef = false;
        let mut body = None;
        // The name of the declarator that is being read, and whether its list of parameters has
        // been seen.
        let mut declarator: Option<Symbol> = None;
        let mut listed = false;
        let mut valued = false;
        let mut old_style = false;
        while let Some(token) = self.toks.get(self.at) {
            match token.kind() {
                Kind::Ident => {
                    // After a list of parameters a word begins the declarations of K&R parameters:
                    // they end at the body.
                    let word = self.words.get(token.symbol());
                    if listed
                        && !valued
                        && !self.is_qualifier(self.at)
                        && !word.is_some_and(Word::takes_parentheses)
                    {
                        if let Some(open) = self.body_of_old_style() {
                            body = Some(open);
                            old_style = true;
                            self.at = open;
                            self.skip_group();
                            break;
                        }
                        listed = false;
                    }
                    match word {
                        Some(Word::Typedef) => typedef = true,
                        Some(Word::Record | Word::Enum) => {
                            self.tagged(&mut names);
                            continue;
                        }
                        Some(w) if w.takes_parentheses() => {
                            self.at += 1;
                            while self.name_at(self.at).is_some() || self.word_at(self.at).is_some()
                            {
                                // `asm volatile (…)`
                                self.at += 1;
                            }
                            if self.is(OPEN) {
                                self.skip_group();
                            }
                            continue;
                        }
                        Some(_) => {}
                        None if valued || listed => {}
                        None => declarator = Some(token.symbol()),
                    }
                    self.at += 1;
                }
                Kind::Punct if token.code() == OPEN => {
                    if !valued
                        && declarator.is_none_or(|_| self.is_at(self.at + 1, STAR))
                        && !listed
                        && let Some(name) = self.inner_name()
                    {
                        declarator = Some(name);
                    }
                    self.skip_group();
                    listed = true;
                }
                Kind::Punct if token.code() == SQUARE => self.skip_group(),
                Kind::Punct if token.code() == BRACE => {
                    if listed && !valued {
                        body = Some(self.at);
                        self.skip_group();
                        break;
                    }
                    self.skip_group();
                }
                Kind::Punct if token.code() == ASSIGN => {
                    valued = true;
                    self.at += 1;
                }
                Kind::Punct if token.code() == COMMA => {
                    names.extend(declarator.take().map(|n| (n, typedef)));
                    (listed, valued) = (false, false);
                    self.at += 1;
                }
                Kind::Punct if token.code() == SEMICOLON => {
                    self.at += 1;
                    break;
                }
                Kind::Punct if token.code() == UNBRACE => {
                    // Stray.
                    self.at += 1;
                    break;
                }
                _ => self.at += 1,
            }
        }
        names.extend(declarator.map(|n| (n, typedef)));
        let found = Declaration {
            start,
            end: self.at,
            body,
            old_style,
        };
        (found, names)
    }

    fn is_qualifier(&self, tok: usize) -> bool {
        matches!(
            self.word_at(tok),
            Some(Word::Attribute | Word::Asm | Word::Plain | Word::Decoration)
        )
    }

    /// The first name in `(*name)(…)`, `((name))(…)`.
    fn inner_name(&self) -> Option<Symbol> {
        let mut at = self.at;
        loop {
            let token = self.toks.get(at)?;
            if let Some(name) = self.name_at(at) {
                // A single name in parentheses is one, several words are parameters.
                let ends = [OPEN, CLOSE, SQUARE].iter().any(|&o| self.is_at(at + 1, o));
                return ends.then_some(name);
            }
            let passes = matches!(
                self.word_at(at),
                Some(Word::Const | Word::Volatile | Word::Plain | Word::Decoration)
            );
            if !passes && !token.is(OPEN) && !token.is(STAR) {
                return None;
            }
            at += 1;
        }
    }

    /// The brace of a K&R definition, if the tokens here are the declarations of its parameters.
    fn body_of_old_style(&self) -> Option<usize> {
        let mut at = self.at;
        let mut ended = false;
        while let Some(token) = self.toks.get(at) {
            if token.is(BRACE) && self.defines_tag(at) {
                at = after_group(self.toks, at);
                continue;
            }
            if token.is(BRACE) {
                return ended.then_some(at);
            }
            if token.is(UNBRACE) || token.is(ASSIGN) {
                return None;
            }
            if token.is(OPEN) || token.is(SQUARE) {
                ended = false;
                at = after_group(self.toks, at);
                continue;
            }
            ended = token.is(SEMICOLON);
            at += 1;
            // What follows a declaration here is another one, or the body.
            let named = self.name_at(at).is_some() && self.goes_on_as_declaration(at + 1);
            let declares = named || self.word_at(at).is_some_and(Word::specifies);
            if ended && !declares && !self.is_at(at, BRACE) {
                return None;
            }
        }
        None
    }

    /// Whether what follows the name of a type fits a declaration: `T x`, `T *x`, `T const *x`,
    /// `T __attribute__((…)) *x`, `T (*x)(…)`.
    fn goes_on_as_declaration(&self, at: usize) -> bool {
        self.name_at(at).is_some()
            || self.is_at(at, STAR)
            || self.is_at(at, OPEN) && self.is_at(at + 1, STAR)
            || self
                .word_at(at)
                .is_some_and(|word| word.specifies() || word.takes_parentheses())
    }

    /// Whether the brace at `at` begins the members of a record or the constants of an enumeration.
    fn defines_tag(&self, at: usize) -> bool {
        let is_keyword = |at: usize| matches!(self.word_at(at), Some(Word::Record | Word::Enum));
        let before = at.checked_sub(1);
        let tagged = before.filter(|&b| self.name_at(b).is_some());
        before.is_some_and(is_keyword)
            || tagged
                .and_then(|tag| tag.checked_sub(1))
                .is_some_and(is_keyword)
    }

    /// `struct tag {…}`, `enum tag {…}`: the tag if it is defined here, tags and constants inside.
    fn tagged(&mut self, names: &mut Names) {
        let is_enum = self.word_at(self.at) == Some(Word::Enum);
        self.at += 1;
        while let Some(word) = self.word_at(self.at) {
            if !word.takes_parentheses() {
                break;
            }
            self.at += 1;
            if self.is(OPEN) {
                self.skip_group();
            }
        }
        let tag = self.name_at(self.at);
        self.at += usize::from(tag.is_some());
        if is_enum && self.is(COLON) {
            while self.at < self.toks.len() && !self.is(BRACE) && !self.is(SEMICOLON) {
                self.at += 1;
            }
        }
        if !self.is(BRACE) {
            return;
        }
        names.extend(tag.map(|tag| (tag, false)));
        let end = after_group(self.toks, self.at);
        self.at += 1;
        let mut constant = is_enum;
        while self.at < end {
            if matches!(self.word_at(self.at), Some(Word::Record | Word::Enum)) && !is_enum {
                self.tagged(names);
                continue;
            }
            if constant && let Some(name) = self.name_at(self.at) {
                names.push((name, false));
                constant = false;
            }
            if self.is(OPEN) || self.is(SQUARE) {
                self.skip_group();
                continue;
            }
            constant |= is_enum && self.is(COMMA);
            self.at += 1;
        }
        self.at = end;
    }
}
