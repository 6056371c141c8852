//! Where `#include "dynamic_memory.h"` goes, and which C library headers go with it.

use super::c_headers;
use super::outline::FrameKind;
use super::own_arena::OwnArena;
use super::plan::{Edit, EditKind, Notice, Rule, Severity};
use super::unit::Unit;
use crate::c::Span;
use crate::c::directives::{Word, header_name};
use crate::c::lexer::{Directive, Lexed, line_ending, op};
use crate::heap::HEADER_NAME;

/// Whether an include names the allocator's header, under whatever directory.
pub fn is_allocator_header(name: &str) -> bool {
    name.rsplit('/').next() == Some(HEADER_NAME)
}

/// What a rewrite needs of the header.
#[derive(Clone, Debug)]
pub struct Need {
    /// Offset of the first place outside of macros that uses it, if it is used at all.
    pub first_use: Option<usize>,
    /// It is used, if only in a macro body.
    pub used: bool,
    /// A header that is included brings it already.
    pub provided: bool,
    /// A header that is included gets it in this run.
    pub brought: bool,
    /// A reference to the C library's function stays, so its declaration has to stay too.
    pub leftover: bool,
    /// The heap lies in an arena, which is to be said before the header is included.
    pub arena: bool,
    /// The same for pointers that are stored in maps.
    pub stored: bool,
    /// The program's own arena, which the heap shares.
    pub own_arena: Option<OwnArena>,
    /// The file says already that it wants all of the C library that the header has.
    pub library: bool,
}

/// Whether an edit brings in something that the header declares.
pub fn is_needed_by(edit: &Edit) -> bool {
    let brings = |name: &str| memchr::memmem::find(&edit.text, name.as_bytes()).is_some();
    matches!(
        edit.kind,
        EditKind::Call
            | EditKind::Qualifier
            | EditKind::Loop
            | EditKind::Memory
            | EditKind::UseArena
            | EditKind::Pointer
            | EditKind::Exit
    ) || brings(super::family::PREFIX)
        || brings("ENOMEM")
        || brings("NULL")
}

/// Plans the includes of a file, whose other edits are known.
pub fn plan(unit: &Unit, need: Need, others: &[Edit]) -> (Vec<Edit>, Vec<Notice>) {
    let includes = Include::all(unit);
    let present = need.provided || includes.iter().any(|i| is_allocator_header(&i.name));
    let mut edits = Vec::new();
    let mut notices = Vec::new();
    if need.used || present || need.brought {
        c_headers::drop(unit, &includes, &need, others, &mut edits, &mut notices);
    }
    let library = !need.library && {
        let all: Vec<Edit> = others.iter().chain(&edits).cloned().collect();
        c_headers::needs_library(unit, &all)
    };
    // A header brings the allocator's, but maybe not all that this file needs of it.
    let own = includes.iter().any(|i| is_allocator_header(&i.name));
    let again = library && !own;
    if need.used && (!present || again) {
        let place = Place::find(unit, &includes, &need, library);
        if let Some(late) = place.late {
            notices.push(Notice {
                span: late,
                rule: Rule::NoIncludePlace,
                severity: Severity::Warning,
                message: format!("{HEADER_NAME} has to come after this, but is used above it"),
                help: Some("move this to the top of the file".into()),
            });
        }
        edits.push(Edit {
            span: Span::at(place.offset),
            text: place.text,
            kind: EditKind::Include,
            reason: match need.arena {
                true => {
                    "declares the allocator; pointers into the heap are stored and followed \
                         later, so it lies in an arena"
                }
                false => "declares the allocator",
            }
            .into(),
        });
    } else if let Some(include) = includes.iter().find(|i| is_allocator_header(&i.name))
        && let start = include.span.start
        && let Some(define) = define(&need, library, start, newline(unit.source()))
    {
        edits.push(Edit {
            span: Span::at(start),
            text: [&define, newline(unit.source())].concat(),
            kind: EditKind::Backend,
            reason: "pointers into the heap are stored and followed later".into(),
        });
    }
    if let Some(own) = need.own_arena.filter(|_| need.used) {
        notices.push(Notice {
            span: own.here.unwrap_or(Span::at(0)),
            rule: Rule::Backend,
            severity: Severity::Note,
            message: format!(
                "the heap lies in the program's own arena {}: a program can have only one",
                own.name
            ),
            help: Some(
                "its max_entries has to hold the pools too: DYNAMIC_MEMORY_HEAPS times POOL_SIZE, \
                 and 4 KiB"
                    .into(),
            ),
        });
    }
    (edits, notices)
}

/// An `#include` that some configuration compiles.
pub struct Include {
    /// The name of the header.
    pub name: String,
    /// The directive.
    pub span: Span,
    /// Offset behind its line, or behind the outermost conditional group around it.
    pub behind: usize,
    /// It stands in a conditional group.
    pub conditional: bool,
    /// It stands between declarations, not inside of one.
    pub top_level: bool,
}

impl Include {
    fn all(unit: &Unit) -> Vec<Self> {
        let lexed = &unit.lexed;
        let mut found = Vec::new();
        for directive in &lexed.directives {
            let (word, [name, ..]) = Word::of_line(lexed, lexed.inner_of(directive)) else {
                continue;
            };
            if !word.includes() || unit.conditionals.is_dead(directive.start) {
                continue;
            }
            let text = lexed.text(name);
            let Some((name, _)) = header_name(&text) else {
                continue;
            };
            let (behind, conditional) = behind(unit, directive);
            found.push(Self {
                name: name.to_owned(),
                span: Span::new(directive.start, directive.end),
                behind,
                conditional,
                top_level: is_top_level(unit, directive),
            });
        }
        found
    }
}

/// Offset behind the line of a directive, or behind the outermost conditional group around it.
fn behind(unit: &Unit, directive: &Directive) -> (usize, bool) {
    match unit.conditionals.outermost(&unit.lexed, directive.start) {
        Some(group) => {
            let end = unit.conditionals.span(&unit.lexed, group).end;
            (line_behind(&unit.lexed, end), true)
        }
        None => (line_behind(&unit.lexed, directive.end), false),
    }
}

/// Offset behind the line that holds `offset`, comments that go on on later lines included.
fn line_behind(lexed: &Lexed, mut offset: usize) -> usize {
    let source = lexed.source;
    loop {
        let Some(skip) = memchr::memchr2(b'\n', b'\r', &source[offset..]) else {
            return source.len();
        };
        let newline = offset + skip;
        let first = lexed.comments.partition_point(|c| c.end <= newline);
        match lexed.comments.get(first) {
            Some(comment) if comment.start < newline => offset = comment.end,
            _ => return line_ending(source, newline).unwrap_or(source.len()),
        }
    }
}

/// Whether a directive stands between the declarations of the file. A macro's use may be one, and has no
/// semicolon then.
fn is_top_level(unit: &Unit, directive: &Directive) -> bool {
    let before = directive.before.checked_sub(1);
    let before = before.map(|at| &unit.lexed.tokens[at]);
    let between = before.is_none_or(|t| [";", "}", ")"].iter().any(|o| t.is(op(o))));
    between
        && !unit.outline.frames.iter().any(|frame| {
            frame
                .open
                .is_some_and(|open| open < directive.before && directive.before <= frame.close)
        })
}

/// Headers that declare what the allocator's header builds on.
fn must_precede(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    matches!(base, "vmlinux.h" | "bpf_helpers.h" | "bpf_tracing.h") || name == "linux/bpf.h"
}

/// Macros that the allocator's header reads.
fn configures(name: &[u8]) -> bool {
    matches!(name, b"POOL_SIZE" | b"MAX_ALLOCS" | b"native_executable")
        || name.starts_with(b"DYNAMIC_MEMORY_")
}

/// The lines that choose the backend at `place`, without their last end; none for the usual one.
fn define(need: &Need, library: bool, place: usize, newline: &[u8]) -> Option<Vec<u8>> {
    let backend = match (need.arena, need.stored) {
        (true, _) => Some(super::arena::DEFINE),
        (_, true) => Some(super::arena::DEFINE_STORED),
        _ => None,
    };
    let mut lines: Vec<String> = Vec::new();
    lines.extend(backend.map(|name| format!("#define {name}")));
    let own = need.own_arena.as_ref().filter(|_| backend.is_some());
    // The header names the map, which has to be declared by then.
    if let Some(own) = own.filter(|own| own.here.is_none_or(|map| map.end <= place)) {
        lines.push(format!("#define DYNAMIC_MEMORY_ARENA_MAP {}", own.name));
    }
    if library {
        lines.push(format!("#define {}", super::library::DEFINE));
    }
    let lines: Vec<&[u8]> = lines.iter().map(String::as_bytes).collect();
    (!lines.is_empty()).then(|| lines.join(newline))
}

/// Where the include goes.
struct Place {
    offset: usize,
    text: Vec<u8>,
    /// An include that should come first but comes after the first use.
    late: Option<Span>,
}

impl Place {
    fn find(unit: &Unit, includes: &[Include], need: &Need, library: bool) -> Self {
        let lexed = &unit.lexed;
        let first_use = need.first_use;
        let first_function = unit
            .outline
            .functions()
            .filter(|&f| unit.outline.frames[unit.outline.frames[f].parent].kind == FrameKind::File)
            .filter_map(|f| Some(lexed.tokens.get(unit.outline.frames[f].head)?.start))
            .min();
        let limit = first_use
            .into_iter()
            .chain(first_function)
            .min()
            .unwrap_or(usize::MAX);
        let mut anchors: Vec<usize> = includes
            .iter()
            .filter(|i| i.top_level && !is_aside(unit, includes, i))
            .map(|i| i.behind)
            .collect();
        for define in &unit.defines {
            let directive = &lexed.directives[define.directive];
            let counts =
                !unit.conditionals.is_dead(directive.start) && is_top_level(unit, directive);
            if configures(&define.name) && counts {
                anchors.push(behind(unit, directive).0);
            }
        }
        let own = need.own_arena.as_ref().and_then(|own| own.here);
        anchors.extend(own.map(|map| line_behind(lexed, map.end)));
        let anchor = anchors.into_iter().filter(|&a| a <= limit).max();
        let late = includes
            .iter()
            .find(|i| i.top_level && must_precede(&i.name) && i.behind > limit)
            .map(|i| i.span)
            .or(own.filter(|map| map.end > limit));
        let newline = newline(lexed.source);
        let mut line = [b"#include \"", HEADER_NAME.as_bytes(), b"\""].concat();
        if let Some(define) = define(need, library, limit, newline) {
            line = [&define, newline, &line].concat();
        }
        let (offset, text) = match anchor {
            // The last line has no line ending: the include brings one before it.
            Some(anchor) if !ends_line(lexed.source, anchor) => (anchor, [newline, &line].concat()),
            Some(anchor) => (anchor, [&line, newline].concat()),
            None => top(unit, &line, newline),
        };
        Self { offset, text, late }
    }
}

/// Whether an include serves some macros in the middle of a file, in some configurations: the others
/// stand together further up.
fn is_aside(unit: &Unit, includes: &[Include], include: &Include) -> bool {
    let above = includes.iter().filter(|i| i.top_level && !i.conditional);
    let above = above.map(|i| i.behind).filter(|&b| b <= include.span.start);
    let (Some(above), true) = (above.max(), include.conditional) else {
        return false;
    };
    let macros = unit.defines.iter().filter(|d| d.parameters.is_some());
    let mut macros = macros.map(|d| unit.lexed.directives[d.directive].start);
    !must_precede(&include.name) && macros.any(|at| (above..include.span.start).contains(&at))
}

/// The place for an include in a file that has none: behind the opening comment and the include
/// guard, before everything else.
fn top(unit: &Unit, line: &[u8], newline: &[u8]) -> (usize, Vec<u8>) {
    let lexed = &unit.lexed;
    let guard = unit.conditionals.groups.first().filter(|g| g.guard);
    let mut skip = guard.map_or(0, |g| g.arms[0].directive + 2);
    while lexed.directives.get(skip).is_some_and(|d| {
        d.before == 0
            && matches!(lexed.inner_of(d), [pragma, once, ..]
                if lexed.is_ident(pragma, "pragma") && lexed.is_ident(once, "once"))
    }) {
        skip += 1;
    }
    if let Some(last) = skip.checked_sub(1).map(|d| &lexed.directives[d]) {
        let offset = line_behind(lexed, last.end);
        if !ends_line(lexed.source, offset) {
            return (offset, [newline, line].concat());
        }
        // A blank line on both sides, whether or not there is one already.
        return match line_ending(lexed.source, offset) {
            Some(behind) => (behind, [line, newline, newline].concat()),
            None => (offset, [newline, line, newline, newline].concat()),
        };
    }
    let directive = lexed.directives.first().map(|d| d.start);
    let token = lexed.tokens.first().map(|t| t.start);
    let first = directive
        .into_iter()
        .chain(token)
        .min()
        .unwrap_or(lexed.source.len());
    let start = memchr::memrchr2(b'\n', b'\r', &lexed.source[..first]).map_or(0, |n| n + 1);
    let start = if start == 0 && lexed.source.starts_with(b"\xef\xbb\xbf") {
        3
    } else {
        start
    };
    // Where a comment ends on the same line, the include starts a line of its own behind it.
    if lexed
        .comments
        .iter()
        .any(|c| c.start <= start && start < c.end)
    {
        return (first, [newline, line, newline].concat());
    }
    (start, [line, newline, newline].concat())
}

fn ends_line(source: &[u8], offset: usize) -> bool {
    matches!(source[..offset].last(), Some(b'\n' | b'\r'))
}

/// The line ending of a file: that of its first line.
pub fn newline(source: &[u8]) -> &'static [u8] {
    match memchr::memchr2(b'\n', b'\r', source) {
        Some(at) if source[at] == b'\r' && source.get(at + 1) == Some(&b'\n') => b"\r\n",
        Some(at) if source[at] == b'\r' => b"\r",
        _ => b"\n",
    }
}
