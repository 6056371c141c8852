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
mod left_out;
mod lent;
mod live;
mod lower;
mod passed;
mod pointers;
mod returns;
mod rounds;
mod several;
pub(super) mod source;
mod types;
mod values;
mod write;

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) use passed::passed_to_others;
pub(super) use pointers::pointed;
pub use pointers::{Pointed, SharedPointers};

use super::plan::{Edit, EditKind, Notice, Overlap, Plan, Rule, Severity};
use super::project::Project;
use crate::c::cpp::{FileId, Unit};
use crate::c::syntax::tree::Tok;
use crate::c::types::{EntityId, Model};
use crate::c::{Span, lexer};

/// An edit of a file of the unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileEdit {
    pub file: FileId,
    pub start: u32,
    pub end: u32,
    pub text: String,
}

/// Whether a file of the unit may be edited: the file itself, and the headers that the run may rewrite,
/// which are read in full for that.
pub(super) fn is_ours(model: &Model, file: FileId) -> bool {
    file == FileId::MAIN || model.is_eager(file)
}

/// Whether a token stands as it is in a file that may be edited.
pub(super) fn in_file(model: &Model, tok: Tok) -> bool {
    let token = &model.unit.tokens[tok];
    is_ours(model, token.loc.file) && token.expansion.is_none() && !token.synthetic
}

/// Whether other files of the run include a file of the unit: what is known of one unit alone does not
/// hold for it.
pub(super) fn is_shared(model: &Model, project: &dyn Project, file: FileId) -> bool {
    file != FileId::MAIN && project.is_shared(&model.unit.file(file).path)
}

pub(super) fn name_of(model: &Model, entity: EntityId) -> String {
    String::from_utf8_lossy(model.unit.symbols.text(model[entity].name)).into_owned()
}

/// What becomes of a file of a unit.
#[derive(Clone, Debug)]
pub struct Changed {
    /// What it holds.
    pub bytes: Arc<[u8]>,
    /// What becomes of that.
    pub plan: Plan,
}

/// What becomes of the files of a unit, by path; what there is to say stands with its main file.
pub(super) type Plans = BTreeMap<PathBuf, Changed>;

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
    // By file: where its first frame is declared.
    let mut first: BTreeMap<FileId, (Tok, u32)> = BTreeMap::new();
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
        let ours = is_ours(model, model.unit.tokens[tok].loc.file);
        let written = cycle.and_then(|cycle| match ours {
            true => write::write(model, &cycle, &common),
            false => Err(Trouble::at(
                tok,
                "it stands in a header that stays as it is",
            )),
        });
        match written {
            Ok(written) => {
                if let (Some(at), Some(edit)) = (written.frame, written.edits.first()) {
                    let known = first.entry(edit.file).or_insert((tok, at));
                    *known = (*known).min((tok, at));
                }
                found.edits.extend(written.edits);
                found.reasons.push((tok, names));
            }
            Err(trouble) => found.troubles.push(Trouble {
                tok: trouble.tok,
                message: format!("the recursion of {names} stays: {}", trouble.message),
            }),
        }
    }
    found.frames = !first.is_empty();
    let text: String = found.edits.iter().map(|e| e.text.as_str()).collect();
    let commons = common.edits(model, &first, &text);
    found.edits.splice(0..0, commons);
    found
}

/// A kind of call or address that BPF does not have, and what becomes of it.
///
/// Planning the result again gives no edits. Linear in the number of tokens of the translation unit, but
/// for [`RECURSION`], which is so in the square of the functions' number of changes, and [`POINTERS`], in
/// the types of functions that are called through pointers.
pub(super) struct Stage {
    pub find: fn(&Model, &dyn Project) -> Found,
    pub kind: EditKind,
    /// What the edits are for, before and after the names of what they are about.
    pub reason: (&'static str, &'static str),
    /// The rule of what cannot be done, and what to do about it.
    pub said: (Rule, &'static str),
}

/// Loops instead of functions that call each other in circles.
pub(super) const RECURSION: Stage = Stage {
    find: |model, _| recursion(model),
    kind: EditKind::Recursion,
    reason: (
        "BPF has no recursion: ",
        " keep their variables in frames on the heap",
    ),
    said: (
        Rule::Recursion,
        "BPF has no recursion: write a loop with a stack of its own",
    ),
};

/// Functions that BPF cannot call become part of their callers.
pub(super) const INLINED: Stage = Stage {
    find: |model, _| inline::inline(model),
    kind: EditKind::Inline,
    reason: (
        "BPF has no such calls, so it becomes a part of its callers: ",
        "",
    ),
    said: (
        Rule::IndirectCall,
        "say `static __always_inline` in front of the function",
    ),
};

/// Arguments and results of functions that several files have, in memory.
pub(super) const PASSED: Stage = Stage {
    find: passed::passed,
    kind: EditKind::Inline,
    reason: (
        "BPF has no such calls, and other files call it: ",
        " gets and gives in memory",
    ),
    said: (
        Rule::IndirectCall,
        "pass a pointer to a structure with the arguments, and one to where the result goes",
    ),
};

/// Numbers in pointers to functions where BPF would have to call what they hold.
pub(super) const POINTERS: Stage = Stage {
    find: pointers::pointers,
    kind: EditKind::Pointers,
    reason: ("BPF has no calls through pointers: ", " hold numbers"),
    said: (
        Rule::IndirectCall,
        "BPF calls no pointers: compare the pointer with each function, and call that by its name",
    ),
};

/// Numbers for the addresses of labels.
pub(super) const LABELS: Stage = Stage {
    find: |model, _| labels::labels(model),
    kind: EditKind::Pointers,
    reason: (
        "BPF jumps to no address that is kept: labels have numbers in ",
        "",
    ),
    said: (
        Rule::ComputedGoto,
        "BPF jumps to no address that is kept: number the labels, and jump in a `switch`",
    ),
};

/// Functions of the program for those of the allocator that it uses as values.
pub(super) const LENT: Stage = Stage {
    find: |model, _| lent::lent(model),
    kind: EditKind::Pointers,
    reason: (
        "BPF calls functions of the program only: ",
        " is used as a value",
    ),
    said: (
        Rule::IndirectCall,
        "give away a function of the program that calls the allocator",
    ),
};

/// What a stage makes of a unit.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub plans: Plans,
    /// Some functions keep their variables in frames on the heap.
    pub frames: bool,
}

impl Stage {
    /// Plans for the files of a unit.
    pub fn plan(&self, path: &Path, source: &[u8], project: &dyn Project) -> Staged {
        let parsed = project.cache().files.parsed(path, source, project);
        let found = (self.find)(parsed.model(), project);
        let names: Vec<&str> = found.reasons.iter().map(|r| r.1.as_str()).collect();
        let (before, after) = self.reason;
        let reason = format!("{before}{}{after}", names.join(", "));
        Staged {
            plans: self.plans(parsed.model(), &found, &reason),
            frames: found.frames,
        }
    }

    /// A plan for each file that changes, and one for the main file if there is something to say: a
    /// notice for each trouble. Where edits do not go together there are none, and a notice says so.
    fn plans(&self, model: &Model, found: &Found, reason: &str) -> Plans {
        let unit = model.unit;
        let mut notices: Vec<Notice> = found
            .troubles
            .iter()
            .map(|trouble| self.notice(unit, trouble))
            .collect();
        if let Some(tok) = twice(model, found) {
            let message = "it is included more than once, and each time would need another text";
            notices.push(self.notice(unit, &Trouble::at(tok, message)));
            return told(unit, notices);
        }
        let mut edits: BTreeMap<FileId, Vec<Edit>> = BTreeMap::new();
        for (index, edit) in found.edits.iter().enumerate() {
            // What is declared together loses its `const` once.
            if edit.start < edit.end && found.edits[..index].contains(edit) {
                continue;
            }
            edits.entry(edit.file).or_default().push(Edit {
                span: Span::new(edit.start as usize, edit.end as usize),
                text: edit.text.clone().into_bytes(),
                kind: self.kind,
                reason: reason.to_owned(),
            });
        }
        edits.entry(FileId::MAIN).or_default();
        let plans = edits.into_iter().map(|(file, edits)| {
            let notices = match file {
                FileId::MAIN => notices.clone(),
                _ => Vec::new(),
            };
            let bytes = Arc::clone(&unit.file(file).bytes);
            let plan = Plan::new(edits, notices)?;
            Ok((unit.file(file).path.clone(), Changed { bytes, plan }))
        });
        let plans = plans.collect::<Result<Plans, Overlap>>();
        plans.unwrap_or_else(|_| {
            let first = found.reasons.first().map_or(0, |r| r.0);
            let message = "two changes of what stands here get into each other's way";
            notices.push(self.notice(unit, &Trouble::at(first, message)));
            told(unit, notices)
        })
    }

    fn notice(&self, unit: &Unit, trouble: &Trouble) -> Notice {
        let loc = unit.visible_loc(&unit.tokens[trouble.tok]);
        let own = loc.file == FileId::MAIN;
        let path = unit.file(loc.file).path.display();
        Notice {
            span: match own {
                true => Span::new(loc.start as usize, loc.end as usize),
                false => Span::at(0),
            },
            rule: self.said.0,
            severity: Severity::Warning,
            message: match own {
                true => trouble.message.clone(),
                false => format!("{path}: {}", trouble.message),
            },
            help: Some(self.said.1.into()),
        }
    }
}

/// Nothing but what there is to say of a unit.
fn told(unit: &Unit, notices: Vec<Notice>) -> Plans {
    let main = unit.file(FileId::MAIN);
    let told = Changed {
        bytes: Arc::clone(&main.bytes),
        plan: Plan::new(Vec::new(), notices).unwrap_or_default(),
    };
    Plans::from([(main.path.clone(), told)])
}

/// A declaration of a header with edits that the unit includes more than once: as a template, or without
/// a guard.
fn twice(model: &Model, found: &Found) -> Option<Tok> {
    let changed: HashSet<FileId> = found.edits.iter().map(|edit| edit.file).collect();
    let mut seen = HashSet::new();
    let mut items = model.tree.items.iter().map(|item| item.toks.start);
    items.find(|&tok| {
        let token = &model.unit.tokens[tok];
        let loc = token.loc;
        let header = loc.file != FileId::MAIN && changed.contains(&loc.file);
        // A macro may make several, here and elsewhere.
        header && token.expansion.is_none() && !seen.insert((loc.file, loc.start))
    })
}

/// Plans loops instead of functions that call each other in circles, in one file.
///
/// The result takes memory from `malloc`, and says `can_loop` and `static_opaque` where the verifier
/// needs that; in user space `dynamic_memory.h` defines both as what leaves everything as it is.
/// Planning the result again gives no edits. Linear in the number of tokens of the translation
/// unit, and in the square of the functions' number of changes.
pub fn loops(path: &Path, source: &[u8], project: &dyn Project) -> Plan {
    match circles::may_be(&lexer::lex(source)) {
        true => {
            let mut staged = RECURSION.plan(path, source, project);
            let main = staged.plans.remove(path);
            main.map(|changed| changed.plan).unwrap_or_default()
        }
        false => Plan::default(),
    }
}

/// Where a file first uses what only the steps of this module bring in and the allocator's header
/// declares, in a file that may call no function of the allocator.
pub(super) fn first_use(source: &[u8]) -> Option<usize> {
    let words = ["static_unknown_function", "static_hide"].into_iter();
    words
        .filter_map(|word| memchr::memmem::find(source, word.as_bytes()))
        .min()
}

/// The name of a type, as a declaration without a name; nothing for one that has none at file scope.
pub(super) fn declare(model: &Model, ty: crate::c::types::TypeId) -> Option<String> {
    types::declare(model, ty, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rewrite::project::Alone;

    /// What a stage makes of `int first;` when it finds two edits there.
    fn made_of(find: fn(&Model, &dyn Project) -> Found) -> (usize, Vec<String>) {
        let stage = Stage { find, ..LABELS };
        let path = Path::new("a.c");
        let mut plans = stage.plan(path, b"int first;\n", &Alone::default()).plans;
        let plan = plans.remove(path).expect("a plan of the file").plan;
        let said = plan.notices().iter().map(|n| n.message.clone()).collect();
        (plan.edits().len(), said)
    }

    fn edit(start: u32, end: u32) -> FileEdit {
        FileEdit {
            file: FileId::MAIN,
            start,
            end,
            text: "long".into(),
        }
    }

    fn found(edits: Vec<FileEdit>) -> Found {
        Found {
            edits,
            ..Found::default()
        }
    }

    #[test]
    fn the_same_change_twice_is_done_once() {
        let made = made_of(|_, _| found(vec![edit(0, 3), edit(0, 3)]));
        assert_eq!(made, (1, vec![]));
    }

    #[test]
    fn changes_that_meet_are_told_and_none_is_done() {
        let (edits, said) = made_of(|_, _| found(vec![edit(0, 3), edit(0, 5)]));
        assert_eq!(edits, 0);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains("each other's way"), "{said:?}");
    }
}
