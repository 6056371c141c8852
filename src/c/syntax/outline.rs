//! Where the external declarations of a unit begin and end, and which names each declares, found
//! from the tokens alone.
//!
//! Most of a unit is headers of which nothing but a few declarations matter: a parser should see
//! only those. And the parser has to know which names are types before it reads anything.

use rustc_hash::FxHashMap;

use super::tree::{Tok, Toks};
use super::words::{Word, Words};
use crate::c::Symbol;
use crate::c::cpp::{Token, Unit};
use crate::c::lexer::{Kind, op};

/// An external declaration, not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// Its tokens.
    pub toks: Toks,
    /// Where the body of a function definition begins.
    pub body: Option<Tok>,
    /// Declarations of K&R parameters stand before the body.
    pub old_style: bool,
}

/// The external declarations of a unit.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    pub list: Vec<Outline>,
    /// By name: the declarations that may declare it, in their order.
    pub naming: FxHashMap<Symbol, Vec<u32>>,
    /// By symbol: it is the name of a type somewhere outside of functions.
    pub types: Vec<bool>,
}

impl Outlines {
    /// Linear in the number of tokens.
    pub fn of(unit: &Unit, words: &Words) -> Self {
        let mut found = Self {
            types: vec![false; unit.symbols.len()],
            ..Self::default()
        };
        let mut scan = Scan {
            toks: &unit.tokens,
            words,
            at: 0,
        };
        while scan.at < scan.toks.len() {
            if scan.is(";") {
                scan.at += 1;
                continue;
            }
            let index = found.list.len() as u32;
            let (outline, names) = scan.item();
            for (name, is_type) in names {
                let known = found.naming.entry(name).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
                found.types[name.index()] |= is_type;
            }
            found.list.push(outline);
        }
        found
    }
}

struct Scan<'u> {
    toks: &'u [Token],
    words: &'u Words,
    at: Tok,
}

/// The names that a declaration declares, and whether they are types.
type Names = Vec<(Symbol, bool)>;

impl Scan<'_> {
    fn is(&self, text: &str) -> bool {
        self.is_at(self.at, text)
    }

    fn is_at(&self, tok: Tok, text: &str) -> bool {
        self.toks.get(tok).is_some_and(|t| t.is(op(text)))
    }

    fn word_at(&self, tok: Tok) -> Option<Word> {
        let token = self.toks.get(tok)?;
        match token.kind {
            Kind::Ident => self.words.get(token.symbol),
            _ => None,
        }
    }

    /// A name that is no word of the language.
    fn name_at(&self, tok: Tok) -> Option<Symbol> {
        let token = self.toks.get(tok)?;
        let plain = token.kind == Kind::Ident && self.words.get(token.symbol).is_none();
        plain.then_some(token.symbol)
    }

    /// Skips `(…)`, `[…]` or `{…}`.
    fn skip_group(&mut self) {
        self.at = super::after_group(self.toks, self.at);
    }

    /// One external declaration, and the names that it declares.
    fn item(&mut self) -> (Outline, Names) {
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
            match token.kind {
                Kind::Ident => {
                    // After a list of parameters a word begins the declarations of K&R parameters:
                    // they end at the body.
                    let word = self.words.get(token.symbol);
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
                            if self.is("(") {
                                self.skip_group();
                            }
                            continue;
                        }
                        Some(_) => {}
                        None if valued || listed => {}
                        None => declarator = Some(token.symbol),
                    }
                    self.at += 1;
                }
                Kind::Punct if token.op == op("(") => {
                    if !valued
                        && declarator.is_none_or(|_| self.is_at(self.at + 1, "*"))
                        && !listed
                        && let Some(name) = self.inner_name()
                    {
                        declarator = Some(name);
                    }
                    self.skip_group();
                    listed = true;
                }
                Kind::Punct if token.op == op("[") => self.skip_group(),
                Kind::Punct if token.op == op("{") => {
                    if listed && !valued {
                        body = Some(self.at);
                        self.skip_group();
                        break;
                    }
                    self.skip_group();
                }
                Kind::Punct if token.op == op("=") => {
                    valued = true;
                    self.at += 1;
                }
                Kind::Punct if token.op == op(",") => {
                    names.extend(declarator.take().map(|n| (n, typedef)));
                    (listed, valued) = (false, false);
                    self.at += 1;
                }
                Kind::Punct if token.op == op(";") => {
                    self.at += 1;
                    break;
                }
                Kind::Punct if token.op == op("}") => {
                    // Stray.
                    self.at += 1;
                    break;
                }
                _ => self.at += 1,
            }
        }
        names.extend(declarator.map(|n| (n, typedef)));
        let outline = Outline {
            toks: Toks::new(start, self.at),
            body,
            old_style,
        };
        (outline, names)
    }

    fn is_qualifier(&self, tok: Tok) -> bool {
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
                let ends = ["(", ")", "["].iter().any(|o| self.is_at(at + 1, o));
                return ends.then_some(name);
            }
            let passes = matches!(
                self.word_at(at),
                Some(Word::Const | Word::Volatile | Word::Plain | Word::Decoration)
            );
            if !passes && !token.is(op("(")) && !token.is(op("*")) {
                return None;
            }
            at += 1;
        }
    }

    /// The brace of a K&R definition, if the tokens here are the declarations of its parameters.
    fn body_of_old_style(&self) -> Option<Tok> {
        let mut at = self.at;
        let mut ended = false;
        while let Some(token) = self.toks.get(at) {
            if token.is(op("{")) && self.defines_tag(at) {
                at = super::after_group(self.toks, at);
                continue;
            }
            if token.is(op("{")) {
                return ended.then_some(at);
            }
            if token.is(op("}")) || token.is(op("=")) {
                return None;
            }
            if token.is(op("(")) || token.is(op("[")) {
                ended = false;
                at = super::after_group(self.toks, at);
                continue;
            }
            ended = token.is(op(";"));
            at += 1;
            // What follows a declaration here is another one, or the body.
            let named = self.name_at(at).is_some() && self.goes_on_as_declaration(at + 1);
            let declares = named || self.word_at(at).is_some_and(Word::specifies);
            if ended && !declares && !self.is_at(at, "{") {
                return None;
            }
        }
        None
    }

    /// Whether what follows the name of a type fits a declaration: `T x`, `T *x`, `T const *x`,
    /// `T __attribute__((…)) *x`, `T (*x)(…)`.
    fn goes_on_as_declaration(&self, at: Tok) -> bool {
        self.name_at(at).is_some()
            || self.is_at(at, "*")
            || self.is_at(at, "(") && self.is_at(at + 1, "*")
            || self
                .word_at(at)
                .is_some_and(|word| word.specifies() || word.takes_parentheses())
    }

    /// Whether the brace at `at` begins the members of a record or the constants of an enumeration.
    fn defines_tag(&self, at: Tok) -> bool {
        let is_keyword = |at: Tok| matches!(self.word_at(at), Some(Word::Record | Word::Enum));
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
            if self.is("(") {
                self.skip_group();
            }
        }
        let tag = self.name_at(self.at);
        self.at += usize::from(tag.is_some());
        if is_enum && self.is(":") {
            while self.at < self.toks.len() && !self.is("{") && !self.is(";") {
                self.at += 1;
            }
        }
        if !self.is("{") {
            return;
        }
        names.extend(tag.map(|tag| (tag, false)));
        let end = super::after_group(self.toks, self.at);
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
            if self.is("(") || self.is("[") {
                self.skip_group();
                continue;
            }
            constant |= is_enum && self.is(",");
            self.at += 1;
        }
        self.at = end;
    }
}
