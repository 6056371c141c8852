//! Large headers of which a program uses little: the declarations that it may need, and the
//! directives between them.
//!
//! A `vmlinux.h` has 130,000 lines. A program uses a few of its types; to read all of them as a part of
//! each program would take longer than everything else.

use std::ops::Range;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use super::FileId;
use super::source::Source;
use crate::c::directives::{Step, Word as DirectiveWord};
use crate::c::lexer::{Kind, Lexeme, op};
use crate::c::outline::words::{Word, Words};
use crate::c::outline::{Scan, Spelling};
use crate::c::{Symbol, Symbols};

/// The end of a list.
const NONE: u32 = u32::MAX;

/// Names of which the declarations are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted(FxHashSet<Box<[u8]>>);

impl Wanted {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Adds a name.
    pub fn add(&mut self, name: &[u8]) {
        self.0.insert(name.into());
    }
}

/// The external declarations of a file, as they are if no macro changes them.
#[derive(Debug)]
pub(super) struct Index {
    words: Words,
    /// Where each starts, and where the last one ends: indexes into [`Source::tokens`].
    starts: Vec<u32>,
    /// By symbol: where the list of the declarations that declare it begins in `declared`.
    first: Vec<u32>,
    /// Declarations, each with the place of the one before it in its list.
    declared: Vec<(u32, u32)>,
    /// By symbol: it is the name of a type.
    types: Vec<bool>,
    /// The names of the macros that the file defines, by symbol.
    macros: Vec<u32>,
    /// The declarations that depend on a condition.
    conditional: Vec<u32>,
}

impl Index {
    /// Linear in the length of the file. `None` if the file cannot be read in part: a directive stands
    /// inside of a declaration, or nothing keeps the file from being read twice.
    pub fn new(source: &Source) -> Option<Self> {
        source.guard?;
        let symbols = &source.symbols;
        let words = Words::new(symbols);
        let mut first = vec![NONE; symbols.len()];
        let mut types = vec![false; symbols.len()];
        let mut starts = Vec::new();
        let mut declared: Vec<(u32, u32)> = Vec::new();
        let mut scan = Scan::new(&source.tokens, &words);
        while let Some((declaration, names)) = scan.declaration() {
            let index = starts.len() as u32;
            starts.push(declaration.start as u32);
            for (name, is_type) in names {
                types[name.index()] |= is_type;
                let head = &mut first[name.index()];
                if *head == NONE || declared[*head as usize].0 != index {
                    declared.push((index, *head));
                    *head = declared.len() as u32 - 1;
                }
            }
        }
        starts.push(source.tokens.len() as u32);
        let mut macros = Vec::new();
        let mut conditional = Vec::new();
        // The guard is the outermost group.
        let (mut depth, mut behind) = (0usize, 0);
        for directive in &source.directives {
            let at = starts.binary_search(&(directive.before as u32)).ok()? as u32;
            if depth > 1 {
                conditional.extend(behind..at);
            }
            behind = at;
            match directive.word.step() {
                Some(Step::Open) => depth += 1,
                Some(Step::Close) => depth = depth.saturating_sub(1),
                _ => {}
            }
            if directive.word == DirectiveWord::Define {
                let name = source.inner.get(directive.rest.start);
                macros.extend(name.map(|name| name.symbol));
            }
        }
        Some(Self {
            words,
            starts,
            first,
            declared,
            types,
            macros,
            conditional,
        })
    }

    fn count(&self) -> usize {
        self.starts.len() - 1
    }

    /// The declarations that may declare a name, the last one first.
    fn naming(&self, name: u32) -> impl Iterator<Item = u32> {
        let mut at = self.first[name as usize];
        std::iter::from_fn(move || {
            let &(found, before) = self.declared.get(at as usize)?;
            at = before;
            Some(found)
        })
    }

    /// The tokens of a declaration, as indexes into [`Source::tokens`].
    fn tokens(&self, declaration: u32) -> Range<usize> {
        let at = declaration as usize;
        self.starts[at] as usize..self.starts[at + 1] as usize
    }
}

/// A file that was read in part.
#[derive(Clone, Debug)]
pub(in crate::c) struct Part {
    /// The file.
    pub file: FileId,
    /// How many tokens of the unit stand before it.
    pub at: usize,
    whole: Arc<Source>,
    /// By declaration: it was read.
    read: Vec<bool>,
}

/// What decides on the declarations of a file that are read.
pub(super) struct Choice<'c> {
    /// Names of which the declarations are wanted.
    pub wanted: &'c Wanted,
    /// The spellings of the program: what they name is wanted, too.
    pub spelled: &'c Symbols,
    /// The names of macros. What mentions one is read, for it may not declare what it seems to.
    pub macros: Vec<Symbol>,
    /// What the macros' names are symbols of.
    pub symbols: &'c Symbols,
}

impl Choice<'_> {
    /// The part of a file that is read, as a file, and what is to be known of it; `at` tokens of the
    /// unit stand before it. `None` if the file cannot be read in part. Linear in the length of that
    /// part, and in the number of names.
    pub fn part(&self, file: FileId, at: usize, whole: &Arc<Source>) -> Option<(Part, Source)> {
        let index = whole.index()?;
        let mut chosen = Chosen {
            whole,
            index,
            named: vec![false; whole.symbols.len()],
            read: vec![false; index.count()],
            open: Vec::new(),
        };
        for (_, name) in self.spelled.common(&whole.symbols) {
            chosen.named[name.index()] = true;
            chosen.want(name.0);
        }
        let wanted = self.wanted.0.iter();
        for name in wanted.filter_map(|name| whole.symbols.get(name)) {
            chosen.want(name.0);
        }
        // What stands before the file may go on in its first declaration.
        chosen.take(0);
        for &declaration in &index.conditional {
            chosen.take(declaration);
        }
        chosen.take_mentions(self);
        chosen.close();
        let read = chosen.read;
        let ranges = (0..index.count() as u32).filter(|&d| read[d as usize]);
        let source = whole.only(ranges.map(|d| index.tokens(d)));
        let part = Part {
            file,
            at,
            whole: Arc::clone(whole),
            read,
        };
        Some((part, source))
    }
}

/// Declarations on the way to being chosen.
struct Chosen<'c> {
    whole: &'c Source,
    index: &'c Index,
    /// By symbol: the program names it.
    named: Vec<bool>,
    read: Vec<bool>,
    /// Those that were not looked into yet.
    open: Vec<u32>,
}

impl Chosen<'_> {
    fn take(&mut self, declaration: u32) {
        let at = declaration as usize;
        if at < self.read.len() && !std::mem::replace(&mut self.read[at], true) {
            self.open.push(declaration);
        }
    }

    /// Takes what declares a name.
    fn want(&mut self, name: u32) {
        let index = self.index;
        index.naming(name).for_each(|d| self.take(d));
    }

    /// Takes what mentions a macro.
    fn take_mentions(&mut self, choice: &Choice) {
        let symbols = &self.whole.symbols;
        let known = |name: &Symbol| symbols.get(choice.symbols.text(*name)).map(|name| name.0);
        let macros = choice.macros.iter().filter_map(known);
        let macros: FxHashSet<u32> = macros.chain(self.index.macros.iter().copied()).collect();
        let mentions = |at: Range<usize>| {
            let tokens = &self.whole.tokens[at];
            tokens.iter().any(|token| macros.contains(&token.symbol))
        };
        let all = 0..self.index.count() as u32;
        let found: Vec<u32> = match macros.is_empty() {
            true => Vec::new(),
            false => all.filter(|&d| mentions(self.index.tokens(d))).collect(),
        };
        found.into_iter().for_each(|d| self.take(d));
    }

    /// Takes what those that were taken need: the types that they consist of, and those that their
    /// members point to, where the program names such a member.
    fn close(&mut self) {
        while let Some(declaration) = self.open.pop() {
            for at in self.index.tokens(declaration) {
                let token = &self.whole.tokens[at];
                if token.kind != Kind::Ident {
                    continue;
                }
                match self.index.words.get(token.symbol()) {
                    Some(Word::Record | Word::Enum) => self.tag(at + 1),
                    None if self.index.types[token.symbol as usize] => self.want(token.symbol),
                    _ => {}
                }
            }
        }
    }

    /// A tag after its keyword.
    fn tag(&mut self, at: usize) {
        let tokens = &self.whole.tokens;
        let is_name = |at: usize| tokens.get(at).is_some_and(|t| t.kind == Kind::Ident);
        let is = |at: usize, code: u32| tokens.get(at).is_some_and(|t| t.is(code));
        if !is_name(at) || is(at + 1, const { op("{") }) {
            return;
        }
        let mut member = at + 1;
        while is(member, const { op("*") }) {
            member += 1;
        }
        let named = || is_name(member) && self.named[tokens[member].symbol as usize];
        if member == at + 1 || named() {
            self.want(tokens[at].symbol);
        }
    }
}

impl Part {
    /// Whether the file spells a name anywhere.
    pub fn spells(&self, name: &[u8]) -> bool {
        self.whole.symbols.get(name).is_some()
    }

    fn index(&self) -> &Index {
        self.whole.index().expect("a part has an index")
    }

    /// The names among `symbols` that the file declares, each with whether it is a type and the first
    /// of the declarations of it that were not read.
    pub fn declared<'p>(
        &'p self,
        symbols: &'p Symbols,
    ) -> impl Iterator<Item = (Symbol, bool, Option<u32>)> + 'p {
        let index = self.index();
        symbols.common(&self.whole.symbols).map(|(mine, its)| {
            let left_out = index.naming(its.0).filter(|&d| !self.read[d as usize]);
            (mine, index.types[its.index()], left_out.min())
        })
    }

    /// The declaration around an offset of the file.
    pub fn declaration_at(&self, offset: u32) -> u32 {
        let index = self.index();
        let starts = &index.starts[..index.count()];
        let start = |&at: &u32| self.whole.tokens[at as usize].start <= offset;
        starts.partition_point(start).saturating_sub(1) as u32
    }
}
