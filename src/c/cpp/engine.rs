//! Reading files and replacing macros.
//!
//! Tokens come from the innermost of the [`Context`]s, which hold what came out of macros, or else
//! from the innermost open file. While a context has not been read to its end its macro is active,
//! that is, not replaced again; a name that is met meanwhile stays as it is for good. This is how
//! compilers do it; it gives what the standard asks for, and what clang gives where the standard
//! leaves a choice.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::builtins::Names;
use super::macros::{MacroId, Macros, Shape};
use super::source::Source;
use super::{Expansion, ExpansionId, File, FileId, FileKind, Loc, Problem, Setup, Token, Unit};
use crate::c::Symbol;
use crate::c::lexer::{Kind, op};

/// How many tokens are read from files, at most. A generated `vmlinux.h` has less than a million.
const READ: usize = 6_000_000;
/// How many tokens come out of macros, at most, counting those that are replaced again.
const MADE: usize = 2_000_000;
/// How deep macros nest in arguments of macros.
const DEEP: usize = 200;
/// How many problems are told.
const PROBLEMS: usize = 1_000;

/// Tokens that wait to be read.
#[derive(Debug)]
struct Context {
    tokens: Vec<Token>,
    at: usize,
    /// The macro they came out of.
    of: Option<(MacroId, ExpansionId)>,
    /// What lies below is not read: the tokens are an argument or the rest of a directive.
    bottom: bool,
}

/// A conditional group of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    /// The `#if`.
    pub loc: Loc,
    /// An arm was taken.
    pub taken: bool,
    /// The `#else` was seen.
    pub last: bool,
}

/// A file on the way.
#[derive(Debug)]
pub(super) struct Open {
    pub file: FileId,
    pub source: Arc<Source>,
    pub symbols: Arc<[Symbol]>,
    /// The next token of [`Source::tokens`].
    pub token: usize,
    /// The next directive.
    pub directive: usize,
    pub groups: Vec<Group>,
}

/// What is known of a file.
#[derive(Debug)]
pub(super) struct Loaded {
    pub source: Arc<Source>,
    /// What its symbols are in the unit.
    pub symbols: Arc<[Symbol]>,
    /// `#pragma once`.
    pub once: bool,
    /// Where its lines start, once somebody asked.
    lines: Option<Vec<u32>>,
}

pub(super) struct Preprocessor<'a> {
    pub setup: &'a Setup<'a>,
    pub main: &'a Path,
    pub unit: Unit,
    /// By [`FileId`].
    pub loaded: Vec<Loaded>,
    pub by_path: FxHashMap<PathBuf, FileId>,
    pub open: Vec<Open>,
    pub macros: Macros,
    /// `#pragma push_macro`.
    pub pushed: FxHashMap<Symbol, Vec<Option<MacroId>>>,
    pub names: Names,
    /// The value of the next `__COUNTER__`.
    pub counter: u64,
    /// In the condition of `#if`, where `defined` is an operator.
    pub in_condition: bool,
    contexts: Vec<Context>,
    spare: Vec<Vec<Token>>,
    depth: usize,
    /// How much was read from files: tokens and directives.
    pub read: usize,
    made: usize,
}

impl<'a> Preprocessor<'a> {
    pub fn new(setup: &'a Setup<'a>, main: &'a Path) -> Self {
        let mut unit = Unit::default();
        let mut macros = Macros::default();
        let names = Names::new(setup.kept.names, &mut unit.symbols, &mut macros);
        Self {
            setup,
            main,
            unit,
            loaded: Vec::new(),
            by_path: FxHashMap::default(),
            open: Vec::new(),
            macros,
            pushed: FxHashMap::default(),
            names,
            counter: 0,
            in_condition: false,
            contexts: Vec::new(),
            spare: Vec::new(),
            depth: 0,
            read: 0,
            made: 0,
        }
    }

    pub fn problem(&mut self, loc: Loc, message: impl Into<String>) {
        if self.unit.problems.len() < PROBLEMS {
            let message = message.into();
            self.unit.problems.push(Problem { loc, message });
        }
    }

    /// A limit of this module was met. Such problems are told however many others there are.
    pub fn limit(&mut self, loc: Loc, message: &str) {
        let message = message.into();
        self.unit.problems.push(Problem { loc, message });
    }

    /// Makes a file known.
    pub fn load(&mut self, path: &Path, source: Arc<Source>, kind: FileKind) -> FileId {
        let id = FileId(self.unit.files.len() as u32);
        self.unit.files.push(File {
            path: path.to_path_buf(),
            bytes: Arc::clone(&source.bytes),
            kind,
        });
        self.by_path.insert(path.to_path_buf(), id);
        let symbols = source.intern(&mut self.unit.symbols);
        self.loaded.push(Loaded {
            source,
            symbols: symbols.into(),
            once: false,
            lines: None,
        });
        id
    }

    /// Starts to read a file.
    pub fn enter(&mut self, file: FileId) {
        let loaded = &self.loaded[file.0 as usize];
        self.unit.tokens.reserve(loaded.source.tokens.len());
        self.open.push(Open {
            file,
            source: Arc::clone(&loaded.source),
            symbols: Arc::clone(&loaded.symbols),
            token: 0,
            directive: 0,
            groups: Vec::new(),
        });
    }

    /// Reads the open file, and what it includes, to the end.
    pub fn run(&mut self) {
        loop {
            if self.contexts.is_empty() {
                self.stretch();
            }
            let Some(token) = self.next() else { return };
            if let Some(token) = self.replace(token) {
                self.unit.tokens.push(token);
            }
        }
    }

    /// Takes over tokens of the file, up to a directive or the name of a macro.
    fn stretch(&mut self) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let due = open.source.directives.get(open.directive);
        let end = due.map_or(open.source.tokens.len(), |directive| directive.before);
        let left = READ.saturating_sub(self.read);
        let from = open.token;
        let stretch = &open.source.tokens[from..end.max(from)];
        for spelled in stretch.iter().take(left) {
            let token = spelled.token(open.file, &open.symbols);
            if token.kind == Kind::Ident && self.macros.of(token.symbol).is_some() {
                break;
            }
            self.unit.tokens.push(token);
            open.token += 1;
        }
        self.read += open.token - from;
    }

    /// The next token, not replaced.
    pub fn next(&mut self) -> Option<Token> {
        while let Some(context) = self.contexts.last_mut() {
            if let Some(token) = context.tokens.get(context.at) {
                context.at += 1;
                return Some(*token);
            }
            if context.bottom {
                return None;
            }
            self.leave();
        }
        self.next_of_file()
    }

    fn next_of_file(&mut self) -> Option<Token> {
        while let Some(open) = self.open.last_mut() {
            if self.read >= READ {
                let loc = open.here();
                self.limit(loc, "too many tokens; the rest is left out");
                self.open.clear();
                break;
            }
            self.read += 1;
            let due = open.source.directives.get(open.directive);
            if due.is_some_and(|directive| directive.before <= open.token) {
                self.directive();
            } else if let Some(spelled) = open.source.tokens.get(open.token) {
                open.token += 1;
                return Some(spelled.token(open.file, &open.symbols));
            } else {
                for group in std::mem::take(&mut open.groups) {
                    self.problem(group.loc, "unterminated conditional directive");
                }
                self.open.pop();
            }
        }
        None
    }

    /// Whether the next token is a `(`. Neither the end of a file nor a directive is looked
    /// behind.
    pub fn opens(&self) -> bool {
        for context in self.contexts.iter().rev() {
            if let Some(token) = context.tokens.get(context.at) {
                return token.is(op("("));
            }
            if context.bottom {
                return false;
            }
        }
        let Some(open) = self.open.last() else {
            return false;
        };
        let due = open.source.directives.get(open.directive);
        let token = open.source.tokens.get(open.token);
        token.is_some_and(|t| t.op == op("(")) && due.is_none_or(|d| d.before > open.token)
    }

    /// Drops the innermost context.
    fn leave(&mut self) {
        if let Some(context) = self.contexts.pop() {
            if let Some((id, _)) = context.of {
                self.macros.set_active(id, false);
            }
            let mut tokens = context.tokens;
            tokens.clear();
            if self.spare.len() < DEEP {
                self.spare.push(tokens);
            }
        }
    }

    /// Has tokens read next.
    pub fn put_back(&mut self, tokens: Vec<Token>) {
        self.contexts.push(Context {
            tokens,
            at: 0,
            of: None,
            bottom: false,
        });
    }

    /// Whether `count` more tokens may come out of macros.
    pub fn afford(&mut self, count: usize, loc: Loc) -> bool {
        if self.made > MADE {
            return false;
        }
        self.made = self.made.saturating_add(count).saturating_add(1);
        if self.made > MADE {
            self.limit(
                loc,
                "macros make too many tokens; from here on they stay as they are",
            );
        }
        self.made <= MADE
    }

    /// The token if it stands for itself. Otherwise what it stands for comes next.
    pub fn replace(&mut self, mut token: Token) -> Option<Token> {
        if token.kind != Kind::Ident || token.frozen {
            return Some(token);
        }
        if self.in_condition && token.symbol == self.names.defined {
            return Some(self.defined(token));
        }
        let Some(id) = self.macros.of(token.symbol) else {
            return Some(token);
        };
        let found = self.macros.get(id);
        if found.active {
            token.frozen = true;
            return Some(token);
        }
        let replaced = match found.shape {
            Shape::Stays => false,
            Shape::Builtin(builtin) => return self.builtin(token, builtin),
            Shape::Object => self.replace_object(token, id),
            Shape::Function => self.opens() && self.replace_function(token, id),
        };
        (!replaced).then_some(token)
    }

    /// Notes a macro use.
    pub fn note(&mut self, name: Token, define: Option<Loc>, close: Option<Loc>) -> ExpansionId {
        self.unit.expansions.push(Expansion {
            name: name.symbol,
            define,
            invocation: name.loc,
            close,
            parent: name.expansion,
        });
        let number = NonZeroU32::new(self.unit.expansions.len() as u32);
        ExpansionId(number.unwrap_or(NonZeroU32::MAX))
    }

    /// An empty list of tokens.
    pub fn list(&mut self) -> Vec<Token> {
        self.spare.pop().unwrap_or_default()
    }

    fn replace_object(&mut self, name: Token, id: MacroId) -> bool {
        let length = self.macros.get(id).body.len();
        if !self.afford(length, name.loc) {
            return false;
        }
        let expansion = self.note(name, self.macros.get(id).define, None);
        let mut tokens = self.list();
        let found = self.macros.get(id);
        tokens.extend(found.body.iter().map(|piece| Token {
            expansion: Some(expansion),
            ..piece.token
        }));
        if found.pastes {
            tokens = self.paste(tokens);
        }
        self.push(name, (id, expansion), tokens);
        true
    }

    fn replace_function(&mut self, name: Token, id: MacroId) -> bool {
        if self.depth > DEEP {
            self.problem(
                name.loc,
                "macros are nested too deeply; this one stays as it is",
            );
            return false;
        }
        if !self.afford(0, name.loc) {
            return false;
        }
        let Some(arguments) = self.arguments(name, id) else {
            return true;
        };
        let expansion = self.note(name, self.macros.get(id).define, Some(arguments.close));
        let mut tokens = self.list();
        if self.substitute(id, &arguments, expansion, &mut tokens) {
            self.push(name, (id, expansion), tokens);
        } else {
            self.put_back(arguments.whole(name));
        }
        true
    }

    /// Has what came out of a macro read next.
    fn push(&mut self, name: Token, of: (MacroId, ExpansionId), mut tokens: Vec<Token>) {
        if let Some(first) = tokens.first_mut() {
            first.space = name.space;
            first.first = name.first;
        }
        self.macros.set_active(of.0, true);
        self.contexts.push(Context {
            tokens,
            at: 0,
            of: Some(of),
            bottom: false,
        });
    }

    /// Replaces all macros in a list of tokens that stands for itself.
    pub fn replaced(&mut self, tokens: &[Token]) -> Vec<Token> {
        let mut own = self.list();
        own.extend_from_slice(tokens);
        self.contexts.push(Context {
            tokens: own,
            at: 0,
            of: None,
            bottom: true,
        });
        self.depth += 1;
        let mut made = Vec::with_capacity(tokens.len());
        while let Some(token) = self.next() {
            made.extend(self.replace(token));
        }
        self.depth -= 1;
        self.leave();
        made
    }

    /// Whether a token names a macro whose result is still being read.
    pub fn names_active(&self, token: &Token) -> bool {
        token.kind == Kind::Ident
            && self
                .macros
                .of(token.symbol)
                .is_some_and(|id| self.macros.get(id).active)
    }

    /// The outermost macro use that is being read, of those that a token just read comes out of.
    pub fn reading(&self, token: &Token) -> Option<ExpansionId> {
        let above = self.contexts.iter().rev().take_while(|c| !c.bottom);
        let outermost = above.filter_map(|context| context.of).last();
        outermost.map(|(_, id)| id).or(token.expansion)
    }

    /// The line of an offset, counted from 1.
    pub fn line(&mut self, loc: Loc) -> usize {
        let loaded = &mut self.loaded[loc.file.0 as usize];
        let bytes = &loaded.source.bytes;
        let lines = loaded.lines.get_or_insert_with(|| {
            let mut lines = vec![0];
            let mut at = 0;
            while let Some(skip) = memchr::memchr2(b'\n', b'\r', &bytes[at..]) {
                at += skip;
                at = crate::c::lexer::line_ending(bytes, at).unwrap_or(at + 1);
                lines.push(at as u32);
            }
            lines
        });
        lines.partition_point(|&start| start <= loc.start)
    }
}

impl Open {
    /// The place that is read next.
    pub fn here(&self) -> Loc {
        let at = match self.source.directives.get(self.directive) {
            Some(directive) => directive.start,
            None => self.source.bytes.len() as u32,
        };
        Loc {
            file: self.file,
            start: at,
            end: at,
        }
    }
}
