//! Linked data without an arena, for kernels that have none: a stored pointer is a number for the
//! verifier, which `static_pointer` turns back into a pointer to a map wherever it is followed.

use std::collections::{BTreeMap, HashSet};

use super::edits::{Editor, Trouble};
use super::facts::{Follow, ObjectKind};
use super::vars::{Plain, Tok};
use crate::c::cpp::FileId;
use crate::rewrite::plan::EditKind;

/// What chooses stored pointers in a source.
pub const DEFINE_STORED: &str = "DYNAMIC_MEMORY_LINKED";

impl Editor<'_> {
    /// Wraps the pointers that were loaded from memory where they are followed.
    pub(super) fn restore(&mut self, follows: &[Follow]) {
        let reason = "the verifier takes what is loaded from memory for a number";
        let mut known = HashSet::new();
        let mut opens: BTreeMap<(FileId, u32), usize> = BTreeMap::new();
        let mut closes: BTreeMap<(FileId, u32), usize> = BTreeMap::new();
        for follow in follows {
            let (from, to) = follow.pointer;
            if from == to {
                continue;
            }
            if !self.editable(from) || !self.together(from, to - 1) {
                self.troubles.insert(Trouble {
                    tok: follow.tok,
                    message: "this follows a stored pointer, but cannot be edited".into(),
                    help: "write static_pointer(…) around the pointer, or use an arena (Linux 6.9)"
                        .into(),
                });
                continue;
            }
            let (first, last) = (self.location(from), self.location(to - 1));
            // A macro's body is met once for each use.
            if known.insert((first, last)) {
                *opens.entry((first.file, first.start)).or_default() += 1;
                *closes.entry((last.file, last.end)).or_default() += 1;
            }
        }
        for ((file, at), count) in opens {
            let text = "static_pointer(".repeat(count);
            self.change(file, at, at, text, EditKind::Pointer, reason);
        }
        for ((file, at), count) in closes {
            let text = ")".repeat(count);
            self.change(file, at, at, text, EditKind::Pointer, reason);
        }
    }

    /// Tells of pointers that may be the address of a variable: only addresses of blocks can be
    /// turned back.
    pub(super) fn other_addresses(&mut self) {
        let mut found: Vec<Tok> = Vec::new();
        for object in self.objects() {
            if object.kind != ObjectKind::Local && self.arena(object.place) {
                found.push(object.tok);
            }
        }
        let conflicts = self.conflicts();
        found.extend(
            conflicts
                .iter()
                .filter(|c| c.why == Plain::Stack)
                .map(|c| c.plain_tok),
        );
        for tok in found {
            self.troubles.insert(Trouble {
                tok,
                message: "a stored pointer may be the address of this variable, which cannot be \
                          told from a number"
                    .into(),
                help: "keep such addresses apart from those of blocks, or use an arena (Linux 6.9)"
                    .into(),
            });
        }
    }
}
