//! Macros that the compiler computes: `__LINE__`, `__has_include` and their like.

use std::sync::OnceLock;

use rustc_hash::FxHashSet;

use super::Token;
use super::engine::Preprocessor;
use super::macros::{Macro, Macros, Shape};
use crate::c::lexer::{Kind, op};
use crate::c::words::is_keyword;
use crate::c::{Symbol, Symbols};

/// A macro that the compiler computes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Builtin {
    Line,
    File,
    FileName,
    BaseFile,
    IncludeLevel,
    Counter,
    Date,
    Time,
    Timestamp,
    Pragma,
    HasInclude,
    HasIncludeNext,
    /// Which question is asked about a name.
    Has(Question),
}

/// A question about a name, with brackets: `__has_attribute(name)`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    Attribute,
    CAttribute,
    Builtin,
    Feature,
    Extension,
    Identifier,
    TargetArch,
    /// Whatever is asked, the answer is 0.
    Never,
    /// Whatever is asked, the answer is 1.
    Always,
}

const BUILTINS: [(&str, Builtin); 29] = [
    ("__LINE__", Builtin::Line),
    ("__FILE__", Builtin::File),
    ("__FILE_NAME__", Builtin::FileName),
    ("__BASE_FILE__", Builtin::BaseFile),
    ("__INCLUDE_LEVEL__", Builtin::IncludeLevel),
    ("__COUNTER__", Builtin::Counter),
    ("__DATE__", Builtin::Date),
    ("__TIME__", Builtin::Time),
    ("__TIMESTAMP__", Builtin::Timestamp),
    ("_Pragma", Builtin::Pragma),
    ("__has_include", Builtin::HasInclude),
    ("__has_include_next", Builtin::HasIncludeNext),
    ("__has_attribute", Builtin::Has(Question::Attribute)),
    ("__has_c_attribute", Builtin::Has(Question::CAttribute)),
    ("__has_builtin", Builtin::Has(Question::Builtin)),
    ("__has_constexpr_builtin", Builtin::Has(Question::Never)),
    ("__has_feature", Builtin::Has(Question::Feature)),
    ("__has_extension", Builtin::Has(Question::Extension)),
    ("__has_warning", Builtin::Has(Question::Always)),
    ("__has_declspec_attribute", Builtin::Has(Question::Never)),
    ("__has_embed", Builtin::Has(Question::Never)),
    ("__is_identifier", Builtin::Has(Question::Identifier)),
    ("__is_target_arch", Builtin::Has(Question::TargetArch)),
    ("__is_target_vendor", Builtin::Has(Question::Never)),
    ("__is_target_os", Builtin::Has(Question::Never)),
    ("__is_target_environment", Builtin::Has(Question::Never)),
    ("__is_target_variant_os", Builtin::Has(Question::Never)),
    (
        "__is_target_variant_environment",
        Builtin::Has(Question::Never),
    ),
    ("__building_module", Builtin::Has(Question::Never)),
];

/// Names that mean something to the preprocessor.
#[derive(Debug)]
pub(super) struct Names {
    pub defined: Symbol,
    /// Macros that stay as they are, whoever defines them: [`super::Kept::names`].
    pub kept: Box<[Symbol]>,
}

impl Names {
    /// Makes the names known, and the macros that the compiler computes.
    pub fn new(kept: &[&str], symbols: &mut Symbols, macros: &mut Macros) -> Self {
        for (name, builtin) in BUILTINS {
            macros.define(fixed(
                symbols.intern(name.as_bytes()),
                Shape::Builtin(builtin),
            ));
        }
        symbols.intern(b"__VA_OPT__");
        Self {
            defined: symbols.intern(b"defined"),
            kept: kept.iter().map(|n| symbols.intern(n.as_bytes())).collect(),
        }
    }
}

/// A macro without a definition that can be shown.
pub(super) fn fixed(name: Symbol, shape: Shape) -> Macro {
    Macro {
        name,
        define: None,
        shape,
        parameters: 0,
        variadic: false,
        body: [].into(),
        pastes: false,
        active: false,
    }
}

/// The words of a list, lines that start with `#` left out.
fn words(list: &'static str) -> FxHashSet<&'static [u8]> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .map(str::as_bytes)
        .collect()
}

fn in_list(
    known: &'static OnceLock<FxHashSet<&'static [u8]>>,
    list: &'static str,
    name: &[u8],
) -> bool {
    known.get_or_init(|| words(list)).contains(name)
}

impl Question {
    fn answer(self, name: &[u8]) -> &'static [u8] {
        static ATTRIBUTES: OnceLock<FxHashSet<&[u8]>> = OnceLock::new();
        static BUILTINS: OnceLock<FxHashSet<&[u8]>> = OnceLock::new();
        static FEATURES: OnceLock<FxHashSet<&[u8]>> = OnceLock::new();
        let bare = |name: &[u8]| {
            let inner = name.strip_prefix(b"__").and_then(|n| n.strip_suffix(b"__"));
            inner.unwrap_or(name).to_vec()
        };
        let features = include_str!("clang/features.txt");
        let holds = match self {
            Self::Attribute => {
                let attributes = include_str!("clang/attributes.txt");
                in_list(&ATTRIBUTES, attributes, &bare(name))
            }
            Self::CAttribute => {
                return match &*bare(name) {
                    b"deprecated" => b"201904L",
                    b"fallthrough" => b"201910L",
                    b"maybe_unused" => b"202106L",
                    b"nodiscard" => b"202003L",
                    b"noreturn" | b"_Noreturn" => b"202202L",
                    _ => b"0",
                };
            }
            Self::Builtin => in_list(&BUILTINS, include_str!("clang/builtins.txt"), name),
            Self::Feature => in_list(&FEATURES, features, &bare(name)),
            Self::Extension => {
                let bare = bare(name);
                let only = [b"+", &bare[..]].concat();
                in_list(&FEATURES, features, &bare) || in_list(&FEATURES, features, &only)
            }
            Self::Identifier => !is_keyword(name),
            Self::TargetArch => matches!(name, b"bpf" | b"bpfel"),
            Self::Never => false,
            Self::Always => true,
        };
        if holds { b"1" } else { b"0" }
    }
}

impl Preprocessor<'_> {
    /// Replaces a macro that the compiler computes. `None` if nothing takes its place, or if what
    /// stood there comes next.
    pub fn builtin(&mut self, name: Token, builtin: Builtin) -> Option<Token> {
        let (kind, text) = match builtin {
            Builtin::Pragma => {
                self.skip_brackets(name)?;
                return None;
            }
            Builtin::Has(question) => {
                let asked = self.skip_brackets(name)?;
                let last = asked.iter().rev().find(|t| t.kind == Kind::Ident);
                let text = last.map_or(&b""[..], |t| self.unit.symbols.text(t.symbol));
                (Kind::Number, question.answer(text).to_vec())
            }
            Builtin::HasInclude | Builtin::HasIncludeNext => {
                let next = builtin == Builtin::HasIncludeNext;
                let asked = self.skip_brackets(name)?;
                let found = match self.header_name(&asked) {
                    Some((header, angled)) => self.has_include(&header, angled, next),
                    None => {
                        self.problem(name.loc, "expected \"FILENAME\" or <FILENAME>");
                        false
                    }
                };
                (Kind::Number, vec![b'0' + u8::from(found)])
            }
            _ => self.constant(name, builtin),
        };
        let expansion = self.note(name, None, None);
        Some(Token {
            kind,
            synthetic: true,
            frozen: false,
            op: 0,
            symbol: self.unit.symbols.intern(&text),
            expansion: Some(expansion),
            ..name
        })
    }

    fn constant(&mut self, name: Token, builtin: Builtin) -> (Kind, Vec<u8>) {
        let number = |value: u64| (Kind::Number, value.to_string().into_bytes());
        let string = |text: &[u8]| {
            let mut quoted = vec![b'"'];
            for &byte in text {
                if matches!(byte, b'"' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(byte);
            }
            quoted.push(b'"');
            (Kind::Str, quoted)
        };
        match builtin {
            Builtin::Line => {
                // A use that spans lines has the number of its last.
                let mut loc = name.loc;
                let mut parent = self.reading(&name);
                while let Some(id) = parent {
                    let expansion = self.unit.expansion(id);
                    loc = expansion.close.unwrap_or(expansion.invocation);
                    parent = expansion.parent;
                }
                number(self.line(loc) as u64)
            }
            Builtin::Counter => {
                self.counter += 1;
                number(self.counter - 1)
            }
            Builtin::IncludeLevel => number(self.open.len().saturating_sub(1) as u64),
            Builtin::File | Builtin::FileName => {
                let file = self.open.last().map(|open| self.unit.file(open.file));
                let path = file.map_or(self.main, |file| &file.path);
                let name = path.file_name().unwrap_or_default();
                string(match builtin {
                    Builtin::File => path.as_os_str().as_encoded_bytes(),
                    _ => name.as_encoded_bytes(),
                })
            }
            Builtin::BaseFile => string(self.main.as_os_str().as_encoded_bytes()),
            // The result is to depend on nothing but the input.
            Builtin::Date => string(b"Jan  1 1970"),
            Builtin::Time => string(b"00:00:00"),
            _ => string(b"Thu Jan  1 00:00:00 1970"),
        }
    }

    /// Takes the brackets behind a name and returns what stands in them. Without brackets the
    /// name, and what was read, comes next as it was.
    fn skip_brackets(&mut self, name: Token) -> Option<Vec<Token>> {
        let mut read = vec![Token {
            frozen: true,
            ..name
        }];
        let mut depth = 0usize;
        if self.opens() {
            while let Some(token) = self.next() {
                read.push(token);
                depth += usize::from(token.is(op("(")));
                depth -= usize::from(token.is(op(")")));
                if depth == 0 {
                    read.pop();
                    read.drain(..2);
                    return Some(read);
                }
            }
        }
        let name = String::from_utf8_lossy(self.unit.symbols.text(name.symbol)).into_owned();
        self.problem(read[0].loc, format!("missing '(' or ')' after '{name}'"));
        self.put_back(read);
        None
    }

    /// The value of `defined NAME` or `defined(NAME)`, in a condition.
    pub fn defined(&mut self, operator: Token) -> Token {
        let mut name = self.next();
        let bracket = name.is_some_and(|t| t.is(op("(")));
        if bracket {
            name = self.next();
        }
        let holds = match name {
            Some(name) if name.kind == Kind::Ident => self.macros.of(name.symbol).is_some(),
            _ => {
                self.problem(operator.loc, "macro name missing behind 'defined'");
                false
            }
        };
        if bracket && name.is_some() {
            match self.next() {
                Some(close) if close.is(op(")")) => {}
                other => {
                    self.problem(operator.loc, "missing ')' after 'defined'");
                    self.put_back(other.into_iter().collect());
                }
            }
        }
        let text: &[u8] = if holds { b"1" } else { b"0" };
        Token {
            kind: Kind::Number,
            synthetic: true,
            symbol: self.unit.symbols.intern(text),
            ..operator
        }
    }
}
