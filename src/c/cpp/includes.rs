//! Headers: where they come from and which of them are read.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::builtins::fixed;
use super::engine::Preprocessor;
use super::macros::Shape;
use super::part::Choice;
use super::source::Source;
use super::{FileId, FileKind, Included, Loc, Token};
use crate::c::directives::header_name;
use crate::c::lexer::{Kind, op};

/// How deep includes nest, as in clang.
const DEEP: usize = 200;

/// A header that this module brings, with the name that it is included by.
type Own = (&'static str, &'static str);

macro_rules! own {
    ($dir:literal: $($name:literal)*) => {
        [$(($name, include_str!(concat!($dir, "/", $name)))),*]
    };
}

/// The compiler's headers and stand-ins for those of the C library. BPF has none: whatever a
/// machine has under these names is not meant for it.
const OWN: [Own; 23] = own!("headers":
    "assert.h" "ctype.h" "errno.h" "float.h" "inttypes.h" "iso646.h" "limits.h" "malloc.h"
    "stdalign.h" "stdarg.h" "stdbool.h" "stddef.h" "stdint.h" "stdio.h" "stdlib.h" "stdnoreturn.h"
    "string.h" "strings.h" "sys/types.h" "unistd.h" "sys/cdefs.h" "alloca.h" "time.h"
);

/// What stands in for libbpf's headers where it is not installed.
const FALLBACK: [Own; 4] = own!("fallback":
    "bpf/bpf_core_read.h" "bpf/bpf_endian.h" "bpf/bpf_helpers.h" "bpf/bpf_tracing.h"
);

/// Where a header was found.
enum Found {
    File(Included),
    Own(Own),
}

fn named(list: &'static [Own], name: &str) -> Option<Found> {
    let found = list.iter().find(|(own, _)| *own == name);
    found.map(|own| Found::Own(*own))
}

impl Preprocessor<'_> {
    /// Whether it is the header of the kept names, under whatever path.
    fn is_kept(&self, name: &str) -> bool {
        let last = Path::new(name).file_name();
        self.setup
            .kept
            .header
            .is_some_and(|kept| last == Some(kept.as_ref()))
    }

    /// Searches for a header that the open file includes.
    fn find(&self, name: &str, angled: bool, next: bool) -> Option<Found> {
        let from = match self.open.last().map(|open| self.unit.file(open.file)) {
            Some(file) if file.kind != FileKind::CommandLine => &file.path,
            _ => self.main,
        };
        let own = named(&OWN, name);
        if own.is_some() && (angled || next) {
            return own;
        }
        let found = self.setup.includes.find(from, name, angled, next);
        let found = found.filter(|found| own.is_none() || found.project);
        found
            .map(Found::File)
            .or(own)
            .or_else(|| named(&FALLBACK, name))
    }

    /// The answer of `__has_include`.
    pub fn has_include(&self, name: &str, angled: bool, next: bool) -> bool {
        self.is_kept(name) || self.find(name, angled, next).is_some()
    }

    /// Reads a header.
    pub fn include(&mut self, name: &str, angled: bool, next: bool, once: bool, loc: Loc) {
        if self.is_kept(name) {
            // What it defines stays as it is; what it includes is needed.
            for &symbol in &self.names.kept {
                self.macros.define(fixed(symbol, Shape::Stays));
            }
            return self.include("stddef.h", true, false, false, loc);
        }
        if self.open.len() > DEEP {
            return self.problem(loc, "#include nested too deeply");
        }
        let Some(found) = self.find(name, angled, next) else {
            return self.problem(loc, format!("'{name}' file not found"));
        };
        let file = match found {
            Found::File(found) => match self.by_path.get(&found.path) {
                Some(&known) => known,
                None => {
                    let source = self.setup.cache.source(&found.path, &found.bytes);
                    let kind = if found.project {
                        FileKind::Project
                    } else {
                        FileKind::System
                    };
                    let source = match found.large {
                        true => self.part(source),
                        false => source,
                    };
                    self.load(&found.path, source, kind)
                }
            },
            Found::Own((name, text)) => self.load_own(name, text),
        };
        let loaded = &mut self.loaded[file.0 as usize];
        let guard = loaded.source.guard;
        let guard = guard.map(|symbol| loaded.symbols[symbol as usize]);
        let guarded = guard.is_some_and(|name| self.macros.of(name).is_some());
        if loaded.once || guarded {
            return;
        }
        loaded.once |= once;
        self.enter(file);
    }

    /// The part of a large header that the unit needs.
    fn part(&mut self, source: Arc<Source>) -> Arc<Source> {
        let Some(wanted) = self.setup.wanted else {
            return source;
        };
        let choice = Choice {
            wanted,
            spelled: &self.loaded[FileId::MAIN.0 as usize].source.symbols,
            macros: self.macros.names().collect(),
            symbols: &self.unit.symbols,
        };
        let file = FileId(self.unit.files.len() as u32);
        let at = self.unit.tokens.len();
        match choice.part(file, at, &source) {
            Some((part, source)) => {
                self.unit.parts.push(part);
                Arc::new(source)
            }
            None => source,
        }
    }

    /// A header that this module brings.
    fn load_own(&mut self, name: &str, text: &'static str) -> FileId {
        let path = PathBuf::from(format!("<built-in>/{name}"));
        if let Some(&known) = self.by_path.get(&path) {
            return known;
        }
        let source = self.setup.cache.own(&path, text);
        self.load(&path, source, FileKind::Builtin)
    }

    /// Reads what comes before the file: the compiler's own macros and those of its command line,
    /// and the headers that it includes first.
    pub fn prepare(&mut self) {
        let path = Path::new("<built-in>");
        let predefined = include_str!("clang/predefined.h");
        let source = self.setup.cache.own(path, predefined);
        let file = self.load(path, source, FileKind::Builtin);
        self.enter(file);
        self.run();
        let mut text = String::new();
        for given in self.setup.command_line {
            // A line ending would start another directive.
            let line = |text: &str| text.replace(['\n', '\r'], " ");
            let name = line(&given.name);
            match &given.value {
                Some(value) => text += &format!("#define {name} {}\n", line(value)),
                None => text += &format!("#undef {name}\n"),
            }
        }
        if text.is_empty() && self.setup.forced.is_empty() {
            return;
        }
        let source = Arc::new(Source::new(text.into_bytes().into()));
        let file = self.load(Path::new("<command line>"), source, FileKind::CommandLine);
        self.enter(file);
        self.run();
        let loc = Loc {
            file,
            start: 0,
            end: 0,
        };
        for name in self.setup.forced {
            self.include(name, false, false, false, loc);
            self.run();
        }
    }

    /// The name of a header out of the tokens behind `#include`, and whether it stood in angle
    /// brackets. Macros are replaced if need be.
    pub fn header_name(&mut self, line: &[Token]) -> Option<(String, bool)> {
        self.plain_header_name(line).or_else(|| {
            let line = self.replaced(line);
            self.plain_header_name(&line)
        })
    }

    fn plain_header_name(&self, line: &[Token]) -> Option<(String, bool)> {
        let first = line.first()?;
        let text = self.unit.symbols.text(first.symbol);
        if first.kind == Kind::Str {
            let (name, angled) = header_name(text)?;
            return Some((name.to_owned(), angled));
        }
        if !first.is(op("<")) {
            return None;
        }
        let mut name = Vec::new();
        for (index, token) in line.iter().enumerate().skip(1) {
            if token.is(op(">")) {
                let name = String::from_utf8(name).ok()?;
                return (!name.is_empty()).then_some((name, true));
            }
            if token.space && index > 1 {
                name.push(b' ');
            }
            name.extend_from_slice(self.unit.symbols.text(token.symbol));
        }
        None
    }
}
