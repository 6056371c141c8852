//! A file with all that its rewrite needs to know of it.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::family::Alloc;
use super::headers::{HeaderInfo, included, own_definitions};
use super::macros::{Define, MappingWalk};
use super::outline::Outline;
use super::project::Project;
use crate::c::Span;
use crate::c::conditionals::Conditionals;
use crate::c::lexer::{Lexed, lex};

/// What a comment says to keep the call on its line, or on the next one.
const KEEP: &[u8] = b"bpf-malloc: keep";

/// A file of the project, read as C.
pub struct Unit<'a> {
    /// Its path.
    pub path: &'a Path,
    /// Its tokens.
    pub lexed: Lexed<'a>,
    /// Its conditional groups.
    pub conditionals: Conditionals,
    /// Its brackets.
    pub outline: Outline,
    /// The macros it defines.
    pub defines: Vec<Define>,
    /// The rest of the project.
    pub project: &'a dyn Project,
    /// The headers it includes that matter, with their tokens and macros.
    pub headers: Vec<HeaderUnit<'a>>,
    own: Vec<(Alloc, String)>,
    mapping: OnceCell<MappingWalk>,
}

/// A header that a unit includes, directly or through others.
pub struct HeaderUnit<'a> {
    /// What is known of it.
    pub info: &'a HeaderInfo,
    /// Its tokens (see [`HeaderInfo::lexed`]).
    pub lexed: Lexed<'a>,
    /// The macros it defines.
    pub defines: Vec<Define>,
}

impl<'a> Unit<'a> {
    /// Puts a unit together from the tokens of a file and the headers it reaches (see
    /// [`super::headers::reachable`]).
    pub fn new(
        path: &'a Path,
        lexed: Lexed<'a>,
        headers: &'a [Arc<HeaderInfo>],
        project: &'a dyn Project,
    ) -> Self {
        let conditionals = Conditionals::new(&lexed);
        let outline = Outline::new(&lexed, &conditionals);
        let defines = Define::all(&lexed);
        let headers: Vec<_> = headers
            .iter()
            .map(|info| {
                let lexed = info.lexed(&info.bytes);
                HeaderUnit {
                    info,
                    defines: Define::all(&lexed),
                    lexed,
                }
            })
            .collect();
        let mut own: Vec<(Alloc, String)> = Vec::new();
        let mut add = |found: &[(Alloc, bool)], place: &str| {
            // A definition that only some configurations have does not speak for the others.
            let sure = found.iter().filter(|(_, conditional)| !conditional);
            own.extend(sure.map(|(name, _)| (*name, place.to_owned())));
        };
        add(
            &own_definitions(&lexed, &conditionals, &outline),
            "in this file",
        );
        for header in &headers {
            add(
                &header.info.defines,
                &format!("in {}", header.info.path.display()),
            );
        }
        Self {
            path,
            lexed,
            conditionals,
            outline,
            defines,
            project,
            headers,
            own,
            mapping: OnceCell::new(),
        }
    }

    /// The bytes of the file.
    pub fn source(&self) -> &'a [u8] {
        self.lexed.source
    }

    /// Where the program defines the function itself, in all configurations.
    pub fn own_definition(&self, name: Alloc) -> Option<String> {
        self.own
            .iter()
            .find(|(own, _)| *own == name)
            .map(|(_, place)| place.clone())
    }

    /// What macros make of the names of the allocator.
    pub fn mapping(&self) -> &MappingWalk {
        self.mapping.get_or_init(|| {
            let follow = self.headers.iter().any(|h| h.info.maps);
            MappingWalk::new(&self.lexed, self.path, self.project, follow)
        })
    }

    /// A macro with this name, from the file or a header, with the tokens it is made of.
    pub fn define(&self, name: &[u8]) -> Option<(&Lexed<'a>, &Define)> {
        let own = self
            .defines
            .iter()
            .rev()
            .find(|d| d.name == name)
            .map(|d| (&self.lexed, d));
        own.or_else(|| {
            self.headers.iter().find_map(|header| {
                let define = header.defines.iter().rev().find(|d| d.name == name)?;
                Some((&header.lexed, define))
            })
        })
    }

    /// The macros of the file and of its headers, with the tokens they are made of.
    pub fn all_defines(&self) -> impl Iterator<Item = (&Lexed<'a>, &Define)> {
        let own = self.defines.iter().map(|d| (&self.lexed, d));
        let headers = self.headers.iter();
        own.chain(headers.flat_map(|h| h.defines.iter().map(|d| (&h.lexed, d))))
    }

    /// What `look` sees in a macro of a header that says nothing about the allocator, and so is not among
    /// [`headers`](Self::headers). Linear in the bytes of all headers that the file includes: for names that
    /// somebody uses with a function of the allocator.
    pub fn look_elsewhere<T>(&self, name: &[u8], look: impl Fn(&Lexed, &Define) -> T) -> Option<T> {
        let mut seen: HashSet<PathBuf> = HashSet::new();
        let mut open: Vec<(PathBuf, Vec<(String, bool)>)> =
            vec![(self.path.to_owned(), included(self.lexed.source))];
        while let Some((from, includes)) = open.pop() {
            for (included_name, angled) in includes {
                let header = self.project.header(&from, &included_name, angled);
                let Some(header) = header.filter(|h| seen.insert(h.path.clone())) else {
                    continue;
                };
                if memchr::memmem::find(&header.bytes, name).is_some() {
                    let lexed = lex(&header.bytes);
                    let defines = Define::all(&lexed);
                    if let Some(define) = defines.iter().rev().find(|d| d.name == name) {
                        return Some(look(&lexed, define));
                    }
                }
                open.push((header.path, included(&header.bytes)));
            }
        }
        None
    }

    /// Where a macro of the allocator's names is defined, for a message.
    pub fn origin(&self, index: usize) -> String {
        let origin = &self.mapping().origins[index];
        match &origin.path {
            None => "on the compiler's command line".into(),
            Some(path) if path == self.path => format!("line {}", origin.line),
            Some(path) => format!("{}:{}", path.display(), origin.line),
        }
    }

    /// Whether a comment on the line of `span`, or alone on the line above, asks to keep it.
    pub fn is_suppressed(&self, span: Span) -> bool {
        let source = self.source();
        let line_start = |at: usize| {
            memchr::memrchr2(b'\n', b'\r', &source[..at]).map_or(0, |newline| newline + 1)
        };
        let line_end = |at: usize| {
            memchr::memchr2(b'\n', b'\r', &source[at..]).map_or(source.len(), |skip| at + skip)
        };
        let (start, end) = (line_start(span.start), line_end(span.end));
        let comments = &self.lexed.comments;
        // Comments are in order: only those that end at most one line above matter.
        let first = comments.partition_point(|c| c.end < line_start(start.saturating_sub(1)));
        comments[first..]
            .iter()
            .take_while(|c| c.start < end)
            .any(|comment| {
                let keeps =
                    memchr::memmem::find(&source[comment.start..comment.end], KEEP).is_some();
                let same_line = comment.end > start;
                let above = !same_line && {
                    let before = &source[line_start(comment.start)..comment.start];
                    let between = &source[comment.end..start];
                    before.iter().all(u8::is_ascii_whitespace)
                        && between.iter().all(u8::is_ascii_whitespace)
                        && between.iter().filter(|&&b| b == b'\n').count() <= 1
                };
                keeps && (same_line || above)
            })
    }
}
