//! Calls that BPF does not have, as calls that it has.
//!
//! A BPF program has eight frames on a stack of 512 bytes, and the verifier wants to see the end of
//! every chain of calls. So functions that call each other in circles become one function with a
//! loop over frames on the heap ([`cycle`], [`lower`], [`write`]). Pointers to functions that may hold
//! several become numbers ([`pointers`]), and so do the addresses of labels ([`labels`]).
//!
//! What comes out is C that takes its memory from the C library, as the rest of the program does:
//! what is made of that for BPF is made of the frames, too.

mod circles;
mod common;
mod cycle;
mod decls;
mod inline;
mod labels;
mod lent;
mod live;
mod lower;
mod pointers;
mod returns;
mod rounds;
mod several;
pub(super) mod source;
mod types;
mod values;
mod write;

use std::path::Path;

use super::plan::{Edit, EditKind, Notice, Plan, Rule, Severity};
use super::project::Project;
use crate::c::cpp::{FileId, Unit};
use crate::c::syntax::tree::Tok;
use crate::c::types::Model;
use crate::c::{Span, lexer};

/// An edit of a file of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileEdit {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
    pub text: String,
}

impl FileEdit {
    /// As a plan has them, for one reason.
    pub fn all(edits: &[Self], kind: EditKind, reason: &str) -> Vec<Edit> {
        let edits = edits.iter().map(|edit| Edit {
            span: Span::new(edit.start as usize, edit.end as usize),
            text: edit.text.clone().into_bytes(),
            kind,
            reason: reason.to_owned(),
        });
        edits.collect()
    }
}

/// What cannot be done, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub tok: Tok,
    pub message: String,
}

impl Trouble {
    fn at(tok: Tok, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { tok, message }
    }
}

/// What is made of a unit.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub edits: Vec<FileEdit>,
    pub troubles: Vec<Trouble>,
    /// What the edits are for: where, and what of.
    pub reasons: Vec<(Tok, String)>,
    /// Some keep their variables in frames.
    pub frames: bool,
}

/// Finds the functions that call each other in circles, and turns them into loops.
pub(super) fn recursion(model: &Model) -> Found {
    let mut found = Found::default();
    let common = common::Common::new(model);
    let mut first: Option<(FileId, u32)> = None;
    for functions in model.components() {
        let Some(cycle) = cycle::Cycle::find(model, functions) else {
            continue;
        };
        let tok = model.tree[functions[0]].toks.start;
        let names: Vec<String> = functions
            .iter()
            .filter_map(|&f| model.info(f).entity)
            .map(|e| {
                let name = model.unit.symbols.text(model[e].name);
                format!("`{}`", String::from_utf8_lossy(name))
            })
            .collect();
        let names = names.join(" and ");
        let conditional = functions
            .iter()
            .any(|&f| write::is_conditional(model, model.tree[f].toks));
        let written =
            cycle.and_then(
                |cycle| match (model.unit.tokens[tok].loc.file, conditional) {
                    (FileId::MAIN, false) => write::write(model, &cycle, &common),
                    (FileId::MAIN, true) => {
                        Err(Trouble::at(tok, "conditions leave a part of it out"))
                    }
                    _ => Err(Trouble::at(tok, "it stands in a header")),
                },
            );
        match written {
            Ok(written) => {
                let at = written.frame.zip(written.edits.first());
                let at = at.map(|(at, edit)| (edit.file, at));
                first = [first, at].into_iter().flatten().min();
                found.edits.extend(written.edits);
                found.reasons.push((tok, names));
            }
            Err(trouble) => found.troubles.push(Trouble {
                tok: trouble.tok,
                message: format!("the recursion of {names} stays: {}", trouble.message),
            }),
        }
    }
    let text: String = found.edits.iter().map(|e| e.text.as_str()).collect();
    if let Some((file, start)) = first {
        let common = common.text();
        let prototypes = common::prototypes(model, &format!("{text}{common}"));
        let text = format!("{prototypes}{common}");
        found.frames = true;
        let end = start;
        let edit = FileEdit {
            file,
            start,
            end,
            text,
        };
        found.edits.insert(0, edit);
    }
    found
}

/// Plans loops instead of functions that call each other in circles, in one file.
///
/// The result takes memory from `malloc`, and says `can_loop` and `static_opaque` where the verifier
/// needs that; in user space `dynamic_memory.h` defines both as what leaves everything as it is.
/// Planning the result again gives no edits. Linear in the number of tokens of the translation
/// unit, and in the square of the functions' number of changes.
pub fn loops(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    Loops::find(path, source, project).plan
}

/// What becomes of the functions of a file that call each other in circles.
#[derive(Debug, Default)]
pub(super) struct Loops {
    pub plan: Plan,
    /// Some of them keep their variables in frames on the heap.
    pub frames: bool,
}

impl Loops {
    /// Fast for a file whose functions do not mention themselves.
    pub fn find(path: &Path, source: &[u8], project: &dyn Project) -> Self {
        if !circles::may_be(&lexer::lex(source)) {
            return Self::default();
        }
        let parsed = project.cache().files.parsed(path, source, project);
        let found = recursion(parsed.model());
        let reasons: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
        let reason = format!(
            "BPF has no recursion: {} keep their variables in frames on the heap",
            reasons.join(", ")
        );
        let edits = FileEdit::all(&found.edits, EditKind::Recursion, &reason);
        let frames = found.frames;
        let said = (
            Rule::Recursion,
            "BPF has no recursion: write a loop with a stack of its own",
        );
        let plan = told(parsed.unit(), &found.troubles, edits, said);
        Self { plan, frames }
    }
}

/// Plans that clang puts functions into their callers which BPF cannot call, in one file. Planning the
/// result again gives no edits. Linear in the number of declarations and uses of functions.
pub(super) fn inlined(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    let parsed = project.cache().files.parsed(path, source, project);
    let found = inline::inline(parsed.model());
    let reasons: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
    let reason = format!(
        "BPF has no such calls, so it becomes a part of its callers: {}",
        reasons.join(", ")
    );
    let edits = FileEdit::all(&found.edits, EditKind::Inline, &reason);
    Plan::new(edits, Vec::new()).unwrap_or_default()
}

/// Plans numbers in pointers to functions where BPF would have to call what they hold, in one file.
/// Planning the result again gives no edits. Linear in the number of expressions, times the types of
/// functions that are called through pointers.
pub(super) fn numbered(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    let parsed = project.cache().files.parsed(path, source, project);
    let found = pointers::pointers(parsed.model());
    let reasons: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
    let reason = format!(
        "BPF has no calls through pointers: {} hold numbers",
        reasons.join(", ")
    );
    let edits = FileEdit::all(&found.edits, EditKind::Pointers, &reason);
    let said = (
        Rule::IndirectCall,
        "BPF calls no pointers: compare the pointer with each function, and call that by its name",
    );
    told(parsed.unit(), &found.troubles, edits, said)
}

/// Plans numbers for the addresses of labels, in one file. Planning the result again gives no edits.
/// Linear in the number of expressions, and in that of jumps times labels.
pub(super) fn labelled(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    let parsed = project.cache().files.parsed(path, source, project);
    let found = labels::labels(parsed.model());
    let reasons: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
    let reason = format!(
        "BPF jumps to no address that is kept: labels have numbers in {}",
        reasons.join(", ")
    );
    let edits = FileEdit::all(&found.edits, EditKind::Pointers, &reason);
    let said = (
        Rule::ComputedGoto,
        "BPF jumps to no address that is kept: number the labels, and jump in a `switch`",
    );
    told(parsed.unit(), &found.troubles, edits, said)
}

/// Plans functions of the program for those of the allocator that it uses as values. Planning the result
/// again gives no edits. Linear in the number of expressions.
pub(super) fn lent(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    let parsed = project.cache().files.parsed(path, source, project);
    let found = lent::lent(parsed.model());
    let reasons: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
    let reason = format!(
        "BPF calls functions of the program only: {} is used as a value",
        reasons.join(", ")
    );
    let edits = FileEdit::all(&found.edits, EditKind::Pointers, &reason);
    Plan::new(edits, Vec::new()).unwrap_or_default()
}

/// The name of a type, as a declaration without a name; nothing for one that has none at file scope.
pub(super) fn declare(model: &Model, ty: crate::c::types::TypeId) -> Option<String> {
    types::declare(model, ty, "")
}

/// The plan of a unit's main file: the edits, and a notice for each trouble, with its rule and what to
/// do. Edits that do not go together are left out.
pub(super) fn told(
    unit: &Unit,
    troubles: &[Trouble],
    edits: Vec<Edit>,
    said: (Rule, &str),
) -> Plan {
    let notice = |trouble: &Trouble| {
        let loc = unit.visible_loc(&unit.tokens[trouble.tok]);
        let own = loc.file == FileId::MAIN;
        let path = unit.file(loc.file).path.display();
        Notice {
            span: match own {
                true => Span::new(loc.start as usize, loc.end as usize),
                false => Span::at(0),
            },
            rule: said.0,
            severity: Severity::Warning,
            message: match own {
                true => trouble.message.clone(),
                false => format!("{path}: {}", trouble.message),
            },
            help: Some(said.1.into()),
        }
    };
    let notices: Vec<Notice> = troubles.iter().map(notice).collect();
    Plan::new(edits, notices.clone())
        .or_else(|_| Plan::new(Vec::new(), notices))
        .unwrap_or_default()
}
