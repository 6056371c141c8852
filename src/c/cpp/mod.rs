//! A C preprocessor that keeps, for every token, the exact bytes it comes from.
//!
//! What a rewrite wants to know of a program (which declaration a name means, what type an
//! expression has) can only be told from preprocessed tokens; what it edits are bytes of files.
//! So each [`Token`] of a [`Unit`] says where it is spelled ([`Token::loc`]: in a file, or for a
//! token out of a macro's body in the `#define`), and by which chain of macro uses it got where it
//! is ([`Token::expansion`]).
//!
//! The rules are those of C23's translation phases 1 to 4 with GNU's and clang's extensions, as
//! clang 19 follows them for `-target bpf -mcpu=v3 -O2 -std=gnu17`. Trigraphs are not replaced,
//! for that is what the compiler does by default, too.
//!
//! The module does no input: headers come from [`Includes`]. It brings the headers of the compiler
//! and small stand-ins for those of the C library and of libbpf with it, so that the result
//! does not depend on what a machine has installed. Any bytes are welcome: what is wrong becomes a
//! [`Problem`], and limits on depth and number of tokens keep every input finite.

mod arguments;
mod builtins;
mod directives;
mod engine;
mod includes;
mod macros;
mod part;
mod source;

#[cfg(test)]
mod tests;

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::lexer::{Kind, Lexeme};
use super::outline::Spelling;
use super::{Symbol, Symbols};

pub(in crate::c) use part::Part;
pub use part::Wanted;
pub use source::Cache;

/// A file of a [`Unit`]: an index into [`Unit::files`]. The file that was preprocessed is 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct FileId(pub u32);

impl FileId {
    /// The file that was preprocessed.
    pub const MAIN: FileId = FileId(0);
}

/// Where a token is spelled: bytes of a file. For tokens out of a macro's body, in the `#define`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Loc {
    /// The file.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

/// One token behind the preprocessor.
#[derive(Clone, Copy, Debug)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// The first token of its line.
    pub first: bool,
    /// Blanks, a comment or a line ending stand before it.
    pub space: bool,
    /// Pasted, stringised, the value of a macro like `__LINE__`, or out of a macro of a
    /// [`FileKind::Builtin`] or [`FileKind::CommandLine`]: `loc` is the place that made it (the
    /// operator, the name of the macro), and the token cannot be edited there.
    pub synthetic: bool,
    /// A macro's name that is not to be replaced any more.
    frozen: bool,
    /// For an operator its code (see [`super::lexer::op`]; digraphs have the code of what
    /// they mean), else 0.
    pub op: u32,
    /// Its spelling, without line splices.
    pub symbol: Symbol,
    /// Where it is spelled.
    pub loc: Loc,
    /// The macro use in whose body it is spelled; `None` for a token that stands in the code
    /// itself, also as an argument of a macro.
    pub expansion: Option<ExpansionId>,
}

impl Token {
    /// Whether it is the operator with this code.
    pub fn is(&self, code: u32) -> bool {
        self.op == code && self.kind == Kind::Punct
    }
}

impl Lexeme for Token {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn code(&self) -> u32 {
        self.op
    }
}

impl Spelling for Token {
    fn symbol(&self) -> Symbol {
        self.symbol
    }
}

/// A macro use: an index into [`Unit::expansions`], see [`Unit::expansion`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct ExpansionId(NonZeroU32);

impl ExpansionId {
    /// The index into [`Unit::expansions`].
    pub fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// One macro use.
#[derive(Clone, Copy, Debug)]
pub struct Expansion {
    /// The macro's name.
    pub name: Symbol,
    /// The name in the `#define`; `None` for `__LINE__` and its like.
    pub define: Option<Loc>,
    /// The name where the macro is used: in a file, or in the body of another macro.
    pub invocation: Loc,
    /// The `)` behind the arguments, if the macro has parameters. It need not stand in the same
    /// file or macro as the name.
    pub close: Option<Loc>,
    /// The macro use in whose body the name of this one is spelled.
    pub parent: Option<ExpansionId>,
}

/// Whom a file belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FileKind {
    /// The file that was preprocessed.
    Main,
    /// A header of the project.
    Project,
    /// A header of the system.
    System,
    /// Predefined macros, a header of the compiler, or a stand-in that this crate brings.
    Builtin,
    /// The macros of the compiler's command line, as directives.
    CommandLine,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path; for what is no file, a name in angle brackets.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Arc<[u8]>,
    /// Whom it belongs to.
    pub kind: FileKind,
}

/// Something that a compiler would complain about. Preprocessing goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where.
    pub loc: Loc,
    /// What is wrong.
    pub message: String,
}

/// A preprocessed file.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    /// The files that were read, each once; the preprocessed one first.
    pub files: Vec<File>,
    /// The tokens, pragmas left out.
    pub tokens: Vec<Token>,
    /// The macro uses, in the order in which they were met: a parent comes before its children.
    pub expansions: Vec<Expansion>,
    /// The spellings.
    pub symbols: Symbols,
    /// The code of the project that conditions leave out: from the first to the last token of arms
    /// that follow each other. A header that is read twice may leave out different ones.
    pub skipped: Vec<Loc>,
    /// What a compiler would complain about, in the order in which it was met.
    pub problems: Vec<Problem>,
    /// Where the last header is included in the preprocessed file itself.
    pub last_include: Option<u32>,
    /// The files that were read in part.
    pub(in crate::c) parts: Vec<Part>,
}

impl Unit {
    /// A file.
    pub fn file(&self, id: FileId) -> &File {
        &self.files[id.0 as usize]
    }

    /// A macro use.
    pub fn expansion(&self, id: ExpansionId) -> &Expansion {
        &self.expansions[id.index()]
    }

    /// A token's spelling, without line splices.
    pub fn text(&self, token: &Token) -> &[u8] {
        self.symbols.text(token.symbol)
    }

    /// Whether a name is spelled anywhere in the files, be it in what was not read of them.
    pub fn spells(&self, name: &[u8]) -> bool {
        self.symbols.get(name).is_some() || self.parts.iter().any(|part| part.spells(name))
    }

    /// Whether a macro of the headers is known at a place of the file itself: a name that is spelled, and no
    /// header is included further down.
    pub fn spells_before(&self, name: &[u8], place: Loc) -> bool {
        let late = self.last_include.is_some_and(|at| at > place.start);
        self.spells(name) && !(place.file == FileId::MAIN && late)
    }

    /// A name that the files do not spell anywhere: the wanted one, with as many `_` behind it as it takes.
    pub fn unused_name(&self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        while self.spells(name.as_bytes()) {
            name.push('_');
        }
        name
    }

    /// Whether a token is spelled in the body of a macro, so that all uses of the macro share it.
    pub fn spelled_in_macro_body(&self, token: &Token) -> bool {
        token.expansion.is_some()
    }

    /// The outermost macro use that a token comes from; `None` for a token that stands in the code
    /// itself, also as an argument of a macro.
    pub fn outermost(&self, token: &Token) -> Option<&Expansion> {
        let mut found = self.expansion(token.expansion?);
        while let Some(parent) = found.parent {
            found = self.expansion(parent);
        }
        Some(found)
    }

    /// The place that a reader of the source sees: where the token stands in the code, or else the
    /// name of the macro there that it comes from.
    pub fn visible_loc(&self, token: &Token) -> Loc {
        self.outermost(token).map_or(token.loc, |e| e.invocation)
    }
}

/// A header that was found.
#[derive(Clone, Debug)]
pub struct Included {
    /// Where it lies; the same header has the same path each time.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Arc<[u8]>,
    /// It belongs to the project, not to the system.
    pub project: bool,
    /// It is large, and a program uses little of it.
    pub large: bool,
}

/// Where headers come from.
pub trait Includes {
    /// The header that `#include "name"` (or `<name>` if `angled`) in the file `from` means; with
    /// `next` what `#include_next` means.
    fn find(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Included>;
}

/// A macro on the compiler's command line: `-DNAME=VALUE` or `-UNAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLineMacro {
    /// Its name; with parameters if it has any.
    pub name: String,
    /// Its value; `None` for `-UNAME`.
    pub value: Option<String>,
}

/// Names that stay as they are spelled, so that a reader sees them: macros of a header that is known
/// without being read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Kept<'a> {
    /// The last part of the path by which the header is included; it is never looked for, and what it
    /// needs is `<stddef.h>`. `None` if there is no such header.
    pub header: Option<&'a str>,
    /// The names. They stay whoever defines them, and including the header defines them.
    pub names: &'a [&'a str],
}

/// How to preprocess.
#[derive(Clone, Copy)]
pub struct Setup<'a> {
    /// Where headers come from.
    pub includes: &'a dyn Includes,
    /// Macros of the compiler's command line.
    pub command_line: &'a [CommandLineMacro],
    /// Headers that the command line includes first (`-include`).
    pub forced: &'a [String],
    /// What is not to be replaced.
    pub kept: Kept<'a>,
    /// The names of which large headers have to give the declarations; of the others they need not.
    /// `None` if the unit shall have all of them.
    pub wanted: Option<&'a Wanted>,
    /// A store for headers in tokens, kept for the whole run.
    pub cache: &'a Cache,
}

/// Preprocesses a file. Deterministic; linear in the number of tokens read and made, both of which
/// are limited.
pub fn preprocess(path: &Path, source: &[u8], setup: &Setup) -> Unit {
    let mut preprocessor = engine::Preprocessor::new(setup, path);
    let source = Arc::new(source::Source::new(source.into()));
    let main = preprocessor.load(path, source, FileKind::Main);
    preprocessor.prepare();
    preprocessor.enter(main);
    preprocessor.run();
    let mut unit = preprocessor.unit;
    // Units are kept, and room for as many tokens again is much.
    unit.tokens.shrink_to_fit();
    unit
}
