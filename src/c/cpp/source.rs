//! A file in tokens, as the preprocessor reads it.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use super::part::Index;
use super::{FileId, Loc, Token};
use crate::c::directives::{Step, Word, guard_name};
use crate::c::lexer::{self, Kind, Lexed, Lexeme, lex};
use crate::c::outline::Spelling;
use crate::c::{Symbol, Symbols};

/// A token of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spelled {
    pub start: u32,
    pub end: u32,
    /// The index into [`Source::symbols`].
    pub symbol: u32,
    pub op: u32,
    pub kind: Kind,
    /// The first of its line.
    pub first: bool,
    /// Something stands between it and the token before.
    pub space: bool,
}

impl Spelled {
    /// The token in a unit.
    pub fn token(&self, file: FileId, symbols: &[Symbol]) -> Token {
        Token {
            kind: self.kind,
            first: self.first,
            space: self.space,
            synthetic: false,
            frozen: false,
            op: self.op,
            symbol: symbols[self.symbol as usize],
            loc: Loc {
                file,
                start: self.start,
                end: self.end,
            },
            expansion: None,
        }
    }
}

impl Spelling for Spelled {
    fn symbol(&self) -> Symbol {
        Symbol(self.symbol)
    }
}

impl Lexeme for Spelled {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn code(&self) -> u32 {
        self.op
    }
}

/// A directive of a file.
#[derive(Clone, Debug)]
pub(super) struct Directive {
    pub word: Word,
    pub start: u32,
    pub end: u32,
    /// The tokens behind the word, as a range of [`Source::inner`].
    pub rest: Range<usize>,
    /// How many tokens of [`Source::tokens`] stand before it.
    pub before: usize,
}

/// A file in tokens.
#[derive(Debug)]
pub(super) struct Source {
    pub bytes: Arc<[u8]>,
    /// The tokens outside of directives.
    pub tokens: Vec<Spelled>,
    /// The tokens inside of directives, their first words left out.
    pub inner: Vec<Spelled>,
    pub directives: Vec<Directive>,
    pub symbols: Symbols,
    /// The macro (a symbol of this file) that the whole file is guarded by: `#ifndef X` around all
    /// of it.
    pub guard: Option<u32>,
    index: OnceLock<Option<Index>>,
}

impl Source {
    /// Reads a file. Offsets are of 32 bits: what lies behind 4 GiB is not seen.
    pub fn new(bytes: Arc<[u8]>) -> Self {
        let seen = &bytes[..bytes.len().min(u32::MAX as usize)];
        let plain = without_trigraphs(seen);
        let mut reader = Reader {
            lexed: Lexed::bare(&plain),
            symbols: Symbols::with_capacity(plain.len() / SPELLING),
            short: [None; 256],
            behind: 0,
            tokens: Vec::with_capacity(plain.len() / 5),
            inner: Vec::new(),
            directives: Vec::new(),
        };
        lexer::scan(&plain, &mut reader);
        let Reader {
            symbols,
            mut tokens,
            inner,
            directives,
            ..
        } = reader;
        tokens.shrink_to_fit();
        let guard = guard(&directives, &inner, tokens.len(), &symbols);
        Self {
            tokens,
            inner,
            directives,
            symbols,
            guard,
            bytes,
            index: OnceLock::new(),
        }
    }

    /// The external declarations, if some of them can be read without the others.
    pub fn index(&self) -> Option<&Index> {
        self.index.get_or_init(|| Index::new(self)).as_ref()
    }

    /// The file with no other tokens outside of directives than these.
    pub fn only(&self, ranges: impl Iterator<Item = Range<usize>>) -> Self {
        let mut symbols = Symbols::default();
        // By symbol: what it is in the new table, plus 1.
        let mut known = vec![0; self.symbols.len()];
        let mut named = |symbol: u32| {
            let known = &mut known[symbol as usize];
            if *known == 0 {
                *known = symbols.intern(self.symbols.text(Symbol(symbol))).0 + 1;
            }
            *known - 1
        };
        let mut directives = self.directives.clone();
        let mut behind = directives.iter_mut().peekable();
        let mut tokens = Vec::new();
        for range in ranges {
            while let Some(directive) = behind.next_if(|d| d.before <= range.start) {
                directive.before = tokens.len();
            }
            tokens.extend(self.tokens[range].iter().map(|token| Spelled {
                symbol: named(token.symbol),
                ..*token
            }));
        }
        behind.for_each(|directive| directive.before = tokens.len());
        let inner = self.inner.iter().map(|token| Spelled {
            symbol: named(token.symbol),
            ..*token
        });
        Self {
            inner: inner.collect(),
            guard: self.guard.map(named),
            bytes: Arc::clone(&self.bytes),
            tokens,
            directives,
            symbols,
            index: OnceLock::new(),
        }
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let tokens = self.tokens.len() + self.inner.len();
        let directives = self.directives.len() * size_of::<Directive>();
        self.bytes.len() + tokens * size_of::<Spelled>() + directives + self.symbols.len() * NAME
    }

    /// What the spellings of this file are in a unit, by symbol.
    pub fn intern(&self, symbols: &mut Symbols) -> Vec<Symbol> {
        symbols.extend(&self.symbols)
    }
}

struct Reader<'s> {
    /// The file, for the texts of its tokens.
    lexed: Lexed<'s>,
    symbols: Symbols,
    /// The symbols of tokens that are one byte, which are half of all.
    short: [Option<u32>; 256],
    /// Where what stands before the next token ends.
    behind: usize,
    tokens: Vec<Spelled>,
    inner: Vec<Spelled>,
    directives: Vec<Directive>,
}

impl lexer::Sink for Reader<'_> {
    fn token(&mut self, token: lexer::Token) {
        let spelled = self.spelled(&token);
        self.tokens.push(spelled);
    }

    fn directive(&mut self, start: usize, end: usize, all: &[lexer::Token]) {
        let (word, rest) = Word::of_line(&self.lexed, all);
        let from = self.inner.len();
        self.behind = all.first().map_or(end, |first| first.end);
        for token in rest {
            let spelled = self.spelled(token);
            self.inner.push(spelled);
        }
        self.behind = end;
        self.directives.push(Directive {
            word,
            start: start as u32,
            end: end as u32,
            rest: from..self.inner.len(),
            before: self.tokens.len(),
        });
    }
}

impl Reader<'_> {
    /// The next token of a stretch of the file.
    fn spelled(&mut self, token: &lexer::Token) -> Spelled {
        let behind = std::mem::replace(&mut self.behind, token.end);
        let source = self.lexed.source;
        let gap = &source[behind..token.start];
        let symbol = match source[token.start..token.end] {
            [byte] => {
                *self.short[usize::from(byte)].get_or_insert_with(|| self.symbols.intern(&[byte]).0)
            }
            _ => self.symbols.intern(&self.lexed.text(token)).0,
        };
        Spelled {
            start: token.start as u32,
            end: token.end as u32,
            symbol,
            op: token.op,
            kind: token.kind,
            first: behind == 0 || gap.iter().any(|b| matches!(b, b'\n' | b'\r')),
            space: !gap.is_empty() || behind == 0,
        }
    }
}

/// The bytes of a file with the trigraphs blanked that the lexer takes for line splices, in
/// comments: compilers do not, unless they are asked to.
fn without_trigraphs(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut plain = Cow::Borrowed(bytes);
    if memchr::memmem::find(bytes, b"??/").is_none() {
        return plain;
    }
    let starts: Vec<usize> = memchr::memmem::find_iter(bytes, b"??/").collect();
    let lexed = lex(bytes);
    let comments = lexed.comments.iter().filter(|comment| comment.trigraph);
    for comment in comments {
        let first = starts.partition_point(|&start| start < comment.start);
        let inside = starts[first..]
            .iter()
            .take_while(|start| **start < comment.end);
        for &start in inside {
            plain.to_mut()[start..start + 3].fill(b' ');
        }
    }
    plain
}

/// The macro that keeps a file from being read twice, if all of the file stands between `#ifndef`
/// (or `#if !defined`) and its `#endif`.
fn guard(
    directives: &[Directive],
    inner: &[Spelled],
    tokens: usize,
    symbols: &Symbols,
) -> Option<u32> {
    let (first, last) = (directives.first()?, directives.last()?);
    if first.before != 0 || last.before != tokens || last.word != Word::Endif {
        return None;
    }
    let operand = &inner[first.rest.clone()];
    let is_defined = |t: &Spelled| symbols.text(Symbol(t.symbol)) == b"defined";
    let name = &operand[guard_name(first.word, operand, is_defined)?];
    let mut depth = 0usize;
    for (index, directive) in directives.iter().enumerate() {
        match directive.word.step() {
            Some(Step::Open) => depth += 1,
            Some(Step::Close) => {
                depth = depth.checked_sub(1)?;
                if depth == 0 && index + 1 < directives.len() {
                    return None;
                }
            }
            Some(Step::Elif | Step::Else) if depth == 1 => return None,
            _ => {}
        }
    }
    Some(name.symbol)
}

/// In so many bytes of a file is one spelling that was not met before.
const SPELLING: usize = 64;

/// What a spelling takes, in bytes.
const NAME: usize = 32;

/// How many bytes a cache takes at most, about.
const KEPT: usize = 64 << 20;

/// Headers in tokens, by path, for all files of a run. Safe to share between threads.
///
/// There are two halves: when the younger one is full it becomes the older one, and what nobody asked
/// for since then goes.
#[derive(Debug, Default)]
pub struct Cache {
    kept: RwLock<Kept>,
}

type Sources = HashMap<PathBuf, Arc<Source>>;

#[derive(Debug, Default)]
struct Kept {
    young: Sources,
    old: Sources,
    /// What the younger half takes, in bytes.
    weight: usize,
}

impl Cache {
    /// A header in tokens.
    pub(super) fn source(&self, path: &Path, bytes: &Arc<[u8]>) -> Arc<Source> {
        let same = |known: &Source| Arc::ptr_eq(&known.bytes, bytes) || known.bytes == *bytes;
        self.get(path, same, || Source::new(Arc::clone(bytes)))
    }

    /// A text that this crate brings, in tokens.
    pub(super) fn own(&self, path: &Path, text: &'static str) -> Arc<Source> {
        self.get(path, |_| true, || Source::new(text.as_bytes().into()))
    }

    fn get(
        &self,
        path: &Path,
        same: impl Fn(&Source) -> bool,
        make: impl FnOnce() -> Source,
    ) -> Arc<Source> {
        let kept = self.kept.read().unwrap_or_else(PoisonError::into_inner);
        let young = kept.young.get(path).filter(|known| same(known));
        if let Some(source) = young {
            return Arc::clone(source);
        }
        let old = kept.old.get(path).filter(|known| same(known)).cloned();
        drop(kept);
        // Not under the lock: this takes a while. Two threads may do so and find the same.
        let source = old.unwrap_or_else(|| Arc::new(make()));
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        kept.keep(path, &source);
        source
    }
}

impl Kept {
    fn keep(&mut self, path: &Path, source: &Arc<Source>) {
        let weight = source.weight();
        if self.weight + weight > KEPT / 2 {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        let before = self.young.insert(path.to_path_buf(), Arc::clone(source));
        self.weight -= before.map_or(0, |before| before.weight());
    }
}
