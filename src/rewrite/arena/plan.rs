//! From a translation unit to the part of a plan that is about its backend.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use super::edits::{FileEdit, Trouble};

use super::{Backend, DEFINE_STORED, Links, analyse, line};
use crate::c::Span;
use crate::c::cpp::{FileId, Loc, Unit};
use crate::heap::HEADER_NAME;
use crate::rewrite::Options;
use crate::rewrite::own_arena::{self, OwnArena};
use crate::rewrite::parsed::is_ours;
use crate::rewrite::plan::{Edit, Notice, Rule, Severity};
use crate::rewrite::project::Project;

/// What chooses the arena in a source.
pub const DEFINE: &str = "DYNAMIC_MEMORY_ARENA";

/// What a file needs for its backend.
#[derive(Debug, Default)]
pub struct Found {
    /// The heap lies in an arena.
    pub arena: bool,
    /// Stored pointers are turned back where they are followed.
    pub stored: bool,
    /// The file says so already.
    pub said: bool,
    /// The edits come from the files that include this one, and hold for its present text only.
    pub fixed: bool,
    /// A header that it includes gets the allocator's.
    pub brought: bool,
    /// The arena that the program declares itself, if the file is still to say where its heap lies.
    pub own_arena: Option<OwnArena>,
    /// Edits of the file itself.
    pub edits: Vec<Edit>,
    /// What to tell.
    pub notices: Vec<Notice>,
}

/// Whether a source chooses the arena already.
pub fn is_chosen(source: &[u8]) -> bool {
    memchr::memmem::find(source, DEFINE.as_bytes()).is_some()
}

/// Plans what a file needs for its backend. `chosen` is whether other files choose the arena for it.
pub fn plan(
    path: &Path,
    source: &[u8],
    project: &dyn Project,
    options: &Options,
    chosen: bool,
) -> Found {
    let backend = options.backend;
    let said = is_chosen(source);
    let stored = memchr::memmem::find(source, DEFINE_STORED.as_bytes()).is_some();
    let others = &project.facts().links;
    if let Some(edits) = others.header(path) {
        return Found {
            arena: said || chosen,
            stored: false,
            said,
            fixed: true,
            brought: false,
            own_arena: None,
            edits,
            notices: Vec::new(),
        };
    }
    let parsed = project.cache().files.parsed(path, source, project);
    let unit = parsed.unit();
    let backend = match stored {
        true => Backend::Stored,
        false => choice(said || chosen, others.in_maps(path), backend),
    };
    let linked = analyse(path, &parsed, backend, others, options.explain);
    let mut found = Found {
        arena: linked.arena,
        said: said || stored,
        ..Found::default()
    };
    if !linked.arena {
        found.stored = linked.stored;
        let ours = linked.edits.iter().filter(|e| e.file == FileId::MAIN);
        found.edits.extend(ours.map(own));
        let troubles = linked.troubles.iter();
        found.notices.extend(troubles.map(|t| told(unit, t)));
        let dropped = linked.dropped.iter();
        found.notices.extend(dropped.map(|t| unwritten(unit, t)));
        return found;
    }
    found.own_arena = match said {
        true => None,
        false => own_arena::find(unit),
    };
    let mut edited = others.edited();
    found.brought = edited.any(|header| unit.files.iter().any(|file| file.path == header));
    let mut elsewhere = BTreeSet::new();
    for edit in &linked.edits {
        match edit.file {
            FileId::MAIN => found.edits.push(own(edit)),
            file => {
                elsewhere.insert(file);
            }
        }
    }
    if let Some((load, follow)) = linked.why.filter(|_| !said) {
        found.notices.push(why(unit, load, follow));
    }
    for file in elsewhere {
        let header = &unit.file(file).path;
        if !project.rewritten(header) {
            found.notices.push(Notice {
                span: Span::at(0),
                rule: Rule::HeaderNotRewritten,
                severity: Severity::Warning,
                message: format!(
                    "{} declares pointers into the arena, but is not rewritten",
                    header.display()
                ),
                help: Some("name it, or its directory, on the command line too".into()),
            });
        }
    }
    for (tok, reason) in &linked.reasons {
        found.notices.push(explained(unit, *tok, reason));
    }
    for trouble in &linked.troubles {
        found.notices.push(told(unit, trouble));
    }
    let dropped = linked.dropped.iter();
    found.notices.extend(dropped.map(|t| unwritten(unit, t)));
    for &tok in &linked.lost {
        let Some(token) = unit.tokens.get(tok) else {
            continue;
        };
        let loc = unit.visible_loc(token);
        if loc.file == FileId::MAIN {
            found.notices.push(Notice {
                span: span(loc),
                rule: Rule::Unparsed,
                severity: Severity::Warning,
                message: "this part could not be understood: pointers are not followed here".into(),
                help: Some("look whether they need __arena, or simplify the code".into()),
            });
        }
    }
    found
}

/// The backend of a file for which the arena may have been chosen.
fn choice(chosen: bool, in_maps: bool, backend: Backend) -> Backend {
    match backend {
        Backend::Auto if chosen => Backend::Arena,
        // A header has its heap where those have it that include it.
        Backend::Auto if in_maps => Backend::Map,
        other => other,
    }
}

/// Whether a header that a unit includes chooses the arena for it.
fn is_chosen_by_header(unit: &Unit) -> bool {
    let headers = unit.files.iter().skip(1).filter(|file| is_ours(file));
    let mut others = headers.filter(|file| !file.path.ends_with(HEADER_NAME));
    others.any(|file| is_chosen(&file.bytes))
}

/// What the other files of a run have to know of this one.
pub fn links(path: &Path, source: &[u8], project: &dyn Project, backend: Backend) -> Arc<Links> {
    if matches!(backend, Backend::Map | Backend::Stored) {
        return Arc::default();
    }
    let others = &project.facts().links;
    let parsed = project.cache().files.parsed(path, source, project);
    let chosen = is_chosen(source) || others.chooses(path) || is_chosen_by_header(parsed.unit());
    let backend = choice(chosen, others.in_maps(path), backend);
    Arc::clone(&analyse(path, &parsed, backend, others, false).links)
}

fn own(edit: &FileEdit) -> Edit {
    Edit {
        span: Span::new(edit.start, edit.end),
        text: edit.text.clone().into_bytes(),
        kind: edit.kind,
        reason: edit.reason.clone(),
    }
}

fn span(loc: Loc) -> Span {
    Span::new(loc.start as usize, loc.end as usize)
}

/// Says why the heap lies in an arena.
fn why(unit: &Unit, load: usize, follow: usize) -> Notice {
    let loads = unit.visible_loc(&unit.tokens[load]);
    let follows = unit.visible_loc(&unit.tokens[follow]);
    let mut message = "a pointer into the heap is loaded from memory here".to_owned();
    if loads.file != FileId::MAIN {
        let path = unit.file(loads.file).path.display();
        message = format!(
            "a pointer into the heap is loaded from memory in {path}:{}",
            line(unit, loads)
        );
    }
    if follows.file == FileId::MAIN {
        message += &format!(" and followed in line {}", line(unit, follows));
    }
    Notice {
        span: match loads.file {
            FileId::MAIN => span(loads),
            _ => Span::at(0),
        },
        rule: Rule::Backend,
        severity: Severity::Note,
        message: message + ": the heap lies in an arena",
        help: Some(
            "Linux 6.9 or later and clang 19 or later; --backend map keeps it in maps, from where \
             such pointers cannot be followed"
                .into(),
        ),
    }
}

/// Says why a declaration was qualified.
fn explained(unit: &Unit, tok: usize, reason: &str) -> Notice {
    let loc = unit.tokens[tok].loc;
    let (span, place) = match loc.file {
        FileId::MAIN => (span(loc), String::new()),
        file => {
            let path = unit.file(file).path.display();
            (Span::at(0), format!("{path}:{}: ", line(unit, loc)))
        }
    };
    Notice {
        span,
        rule: Rule::Explained,
        severity: Severity::Note,
        message: format!("{place}this is memory of the arena: {reason}"),
        help: None,
    }
}

/// Output that goes: nobody has to act.
fn unwritten(unit: &Unit, trouble: &Trouble) -> Notice {
    Notice {
        rule: Rule::Output,
        severity: Severity::Note,
        ..told(unit, trouble)
    }
}

fn told(unit: &Unit, trouble: &Trouble) -> Notice {
    let loc = unit.tokens.get(trouble.tok).map(|t| unit.visible_loc(t));
    let (span, message) = match loc {
        Some(loc) if loc.file == FileId::MAIN => (span(loc), trouble.message.clone()),
        Some(loc) => {
            let path = unit.file(loc.file).path.display();
            let line = line(unit, loc);
            (Span::at(0), format!("{path}:{line}: {}", trouble.message))
        }
        None => (Span::at(0), trouble.message.clone()),
    };
    Notice {
        span,
        rule: Rule::MixedMemory,
        severity: Severity::Warning,
        message,
        help: Some(trouble.help.clone()),
    }
}
