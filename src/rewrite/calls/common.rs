//! What the frames of all functions of a unit have in common.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::FileEdit;
use crate::c::cpp::FileId;
use crate::c::syntax::tree::Tok;
use crate::c::types::{EntityKind, Model};

/// What all cycles of a unit share: the names of what frames begin with, and of what makes and frees
/// them.
#[derive(Debug)]
pub(super) struct Common {
    pub ty: String,
    pub above: String,
    pub free: String,
}

impl Common {
    /// Names that the unit does not have.
    pub fn new(model: &Model) -> Self {
        let name = |wanted: &str| model.unit.unused_name(wanted);
        Self {
            ty: name("call_frame"),
            above: name("call_frame_above"),
            free: name("call_frames_free"),
        }
    }

    /// The declarations, before the first frame of each file; `first` tells where that is, as a token
    /// and as an offset. A header may come to a unit alone or after another that has them.
    pub fn edits(
        &self,
        model: &Model,
        first: &BTreeMap<FileId, (Tok, u32)>,
        text: &str,
    ) -> Vec<FileEdit> {
        let common = self.text();
        let before = |file: &FileId| {
            let mut others = first.iter().filter(|(other, _)| *other != file);
            others.any(|(_, at)| at.0 < first[file].0)
        };
        let here = first
            .iter()
            .filter(|(file, _)| **file != FileId::MAIN || !before(file));
        let edits = here.map(|(&file, &(_, start))| {
            let prototypes = prototypes(model, &format!("{text}{common}"));
            let guard = self.ty.to_uppercase();
            let text = match file {
                FileId::MAIN => format!("{prototypes}{common}"),
                _ => format!("#ifndef {guard}\n#define {guard}\n{prototypes}{common}#endif\n\n"),
            };
            FileEdit {
                file,
                start,
                end: start,
                text,
            }
        });
        edits.collect()
    }

    /// The declarations.
    fn text(&self) -> String {
        let (ty, above, free) = (&self.ty, &self.above, &self.free);
        format!(
            "/* What a frame of a call begins with. Frames lie on the heap, small ones in blocks of 16. */\n\
             struct {ty} {{\n\
             \tvoid *below, *above;\n\
             \tint at, rest;\n\
             }};\n\n\
             /* A frame above another one, NULL without memory. */\n\
             static void *{above}(void *below, unsigned long size)\n{{\n\
             \tint count = size <= 128 ? 16 : 1;\n\
             \tstruct {ty} *from = below, *frame, *last;\n\n\
             \tif (from && from->rest) {{\n\
             \t\tframe = (struct {ty} *)((char *)below + size);\n\
             \t\tframe->rest = from->rest - 1;\n\
             \t}} else {{\n\
             \t\tframe = malloc(count * size);\n\
             \t\tif (!frame)\n\
             \t\t\treturn NULL;\n\
             \t\tframe->rest = count - 1;\n\
             \t\tlast = (struct {ty} *)((char *)frame + (count - 1) * size);\n\
             \t\tlast->above = NULL;\n\
             \t}}\n\
             \tframe->above = NULL;\n\
             \tframe->below = below;\n\
             \tif (from)\n\
             \t\tfrom->above = frame;\n\
             \treturn frame;\n}}\n\n\
             static void {free}(void *first, unsigned long size)\n{{\n\
             \tint count = size <= 128 ? 16 : 1;\n\
             \tstruct {ty} *last;\n\
             \tvoid *block;\n\n\
             \twhile (first && can_loop) {{\n\
             \t\tblock = first;\n\
             \t\tlast = (struct {ty} *)((char *)block + (count - 1) * size);\n\
             \t\tfirst = last->above;\n\
             \t\tfree(block);\n\
             \t}}\n}}\n\n"
        )
    }
}

/// The declaration of a function of the C library, if the unit has none.
pub(super) fn prototypes(model: &Model, text: &str) -> String {
    let mut out = String::new();
    let known = [
        ("malloc", "void *malloc(unsigned long size);"),
        ("free", "void free(void *block);"),
        (
            "memcpy",
            "void *memcpy(void *to, const void *from, unsigned long size);",
        ),
        (
            "memset",
            "void *memset(void *to, int byte, unsigned long size);",
        ),
    ];
    for (name, declared) in known {
        let symbol = model.unit.symbols.get(name.as_bytes());
        let there = symbol.and_then(|s| model.file_entity(s)).is_some_and(|e| {
            matches!(
                model[e].kind,
                EntityKind::Function {
                    builtin: false,
                    implicit: false,
                    ..
                }
            )
        });
        let includes = model.unit.files.iter().any(|f| {
            let file = f
                .path
                .file_name()
                .and_then(|n| n.to_str())
                .unwrap_or_default();
            let wanted: &[&str] = match name {
                "malloc" | "free" => &["stdlib.h", "malloc.h"],
                _ => &["string.h"],
            };
            wanted
                .iter()
                .any(|w| file.trim_matches(['<', '>']).ends_with(w))
        });
        if text.contains(&format!("{name}(")) && !there && !includes {
            let _ = writeln!(out, "{declared}");
        }
    }
    out
}
