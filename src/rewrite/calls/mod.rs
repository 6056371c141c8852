//! Calls that BPF does not have, as calls that it has.
//!
//! A BPF program has eight frames on a stack of 512 bytes, and the verifier wants to see the end of
//! every chain of calls. So functions that call each other in circles become one function with a
//! loop over frames on the heap ([`cycle`], [`lower`], [`write`]).
//!
//! What comes out is C that takes its memory from the C library, as the rest of the program does:
//! what is made of that for BPF is made of the frames, too.

mod common;
mod cycle;
mod decls;
mod live;
mod lower;
mod returns;
mod rounds;
mod several;
mod source;
mod types;
mod values;
mod write;

use std::path::Path;

use super::plan::{Edit, EditKind, Notice, Plan, Rule, Severity};
use super::project::Project;
use crate::c::Span;
use crate::c::cpp::{FileId, Unit};
use crate::c::syntax::tree::Tok;
use crate::c::types::Model;

/// An edit of a file of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileEdit {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
    pub text: String,
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
        let written = cycle.and_then(|cycle| match conditional {
            true => Err(Trouble::at(tok, "conditions leave a part of it out")),
            false => write::write(model, &cycle, &common),
        });
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
    let mentions = |word: &[u8]| memchr::memmem::find(source, word).is_some();
    let program = mentions(b"SEC(") || mentions(b"bpf_helpers.h");
    if !program && !super::may_matter(source) {
        return Plan::default();
    }
    let parsed = project.cache().files.parsed(path, source, project);
    let unit = parsed.unit();
    if !program && !is_for_bpf(unit) {
        return Plan::default();
    }
    let found = recursion(parsed.model());
    let reasons = found.reasons.iter().map(|r| r.1.as_str());
    let reason = match reasons.collect::<Vec<_>>().join(", ") {
        names if names.is_empty() => return told(unit, &found, Vec::new()),
        names => {
            format!("BPF has no recursion: {names} keep their variables in frames on the heap")
        }
    };
    let own = found.edits.iter().filter(|e| e.file == FileId::MAIN);
    let edits = own.map(|edit| Edit {
        span: Span::new(edit.start as usize, edit.end as usize),
        text: edit.text.clone().into_bytes(),
        kind: EditKind::Recursion,
        reason: reason.clone(),
    });
    let edits = edits.collect();
    told(unit, &found, edits)
}

/// Whether a unit is for BPF: it includes what such programs include.
fn is_for_bpf(unit: &Unit) -> bool {
    let headers = ["bpf_helpers.h", "vmlinux.h", "bpf.h", "dynamic_memory.h"];
    let name = |f: &crate::c::cpp::File| {
        let path = f.path.to_string_lossy();
        headers
            .iter()
            .any(|h| path.trim_end_matches('>').ends_with(h))
    };
    unit.files.iter().any(name)
}

fn told(unit: &Unit, found: &Found, edits: Vec<Edit>) -> Plan {
    let notice = |trouble: &Trouble| {
        let loc = unit.visible_loc(&unit.tokens[trouble.tok]);
        (loc.file == FileId::MAIN).then(|| Notice {
            span: Span::new(loc.start as usize, loc.end as usize),
            rule: Rule::Recursion,
            severity: Severity::Warning,
            message: trouble.message.clone(),
            help: Some("BPF has no recursion: write a loop with a stack of its own".into()),
        })
    };
    let notices: Vec<Notice> = found.troubles.iter().filter_map(notice).collect();
    Plan::new(edits, notices.clone())
        .or_else(|_| Plan::new(Vec::new(), notices))
        .unwrap_or_default()
}
