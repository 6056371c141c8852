//! Structures that are copied as a whole.
//!
//! clang 19 turns `*p = *q` into a copy that does not convert the addresses of the arena, and the
//! verifier refuses that (`R1 invalid mem access 'scalar'`). `static_memcpy` converts them.

use super::edits::{COPIES, Editor, Trouble};
use super::facts::{Copied, CopyKind};
use super::read::Reading;
use super::vars::{Tok, Var};
use crate::c::lexer::op;
use crate::c::syntax::tree::ExprKind;
use crate::c::types::{EntityKind, TypeId};
use crate::rewrite::plan::EditKind;

const COPY: &str = "static_memcpy(";
const VALUE: &str = "static_value(";

/// How the copy of a structure is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `static_assign(a, b)`, with `static_value(b)` for what lies in the arena.
    Assigned {
        value: bool,
    },
    /// `static_value(b)`
    Value,
    /// `static_memcpy(&a, &b, sizeof(a))`
    Copied,
    Unknown,
}

impl Editor<'_> {
    /// Writes the copy of a structure out, if memory of the arena takes part.
    pub(super) fn copied(&mut self, copied: &Copied) {
        if !self.takes_part(copied) {
            return;
        }
        if copied.kind == CopyKind::Initialiser && self.moved().contains(&copied.place) {
            return; // the declaration of the block has it
        }
        match self.form(copied) {
            Form::Assigned { value } => return self.assigned(copied, value),
            Form::Value => return self.around(copied.from, VALUE),
            Form::Unknown => {
                self.troubles.insert(Trouble {
                    tok: copied.from.0,
                    message:
                        "clang copies this structure without converting addresses of the arena"
                            .into(),
                    help: "copy it with static_memcpy to a variable, and use that".into(),
                });
                return;
            }
            Form::Copied => {}
        }
        let to = self.source(copied.to.0, copied.to.1 - 1);
        if copied.kind == CopyKind::Assignment {
            self.pointer(copied.to.0, COPY);
        }
        let from = self.location(copied.from.0);
        let gap = self.location(copied.to.1 - 1);
        let (dropped, sign) = match self.is_star(copied.from.0) {
            true => (from.end, ""),
            false => {
                self.has_address(copied.from.0);
                (from.start, "&")
            }
        };
        let before = match copied.kind {
            CopyKind::Initialiser => format!("; {COPY}&{to}, {sign}"),
            _ => format!(", {sign}"),
        };
        self.change(gap.file, gap.end, dropped, before, EditKind::Memory, COPIES);
        let end = self.location(copied.from.1 - 1);
        let size = match self.same_text(copied.to) {
            true => format!(", sizeof({to}))"),
            false => format!(
                ", sizeof({}))",
                self.reading().record_name(copied.ty).unwrap_or(to)
            ),
        };
        self.change(end.file, end.end, end.end, size, EditKind::Memory, COPIES);
    }

    /// C takes no address of a variable that is declared `register`: the word goes.
    fn has_address(&mut self, tok: Tok) {
        let reading = self.reading();
        let model = reading.model;
        let Some(name) = self.token(tok).map(|t| t.symbol) else {
            return;
        };
        let named = reading.objects.iter().filter(|o| o.name == name);
        let specifiers: Vec<_> = named
            .flat_map(|o| &model[o.entity].declarators)
            .map(|&d| model.tree[model.tree[d].decl].specifiers.toks)
            .collect();
        let words = specifiers.into_iter().flat_map(|t| t.start..t.end);
        let words: Vec<Tok> = words.filter(|&t| self.word(t) == b"register").collect();
        for at in words {
            if self.editable(at) && self.together(at, at + 1) {
                let (word, next) = (self.location(at), self.location(at + 1));
                let reason = "a variable whose address is needed is in no register";
                let kind = EditKind::Memory;
                self.change(
                    word.file,
                    word.start,
                    next.start,
                    String::new(),
                    kind,
                    reason,
                );
            }
        }
    }

    /// Whether memory of the arena has a part in a copy.
    fn takes_part(&self, copied: &Copied) -> bool {
        self.arena(copied.place) || copied.source.is_some_and(|s| self.arena(s))
    }

    /// How a copy is written.
    fn form(&self, copied: &Copied) -> Form {
        let (to, from, whole) = (copied.to, copied.from, copied.whole);
        let there = |var: Option<Var>| var.is_some_and(|s| self.arena(s));
        let lies_there = there(copied.source);
        if copied.kind == CopyKind::Value {
            // It goes nowhere by itself.
            let one_text = self.reading().in_one_text(&[from.0, from.1 - 1]);
            return match one_text && self.editable(from.0) && lies_there {
                true => Form::Value,
                false => Form::Unknown,
            };
        }
        let ends = [to.0, to.1 - 1, whole.0, whole.1 - 1];
        if !self.reading().in_one_text(&ends) || !self.editable(to.0) {
            return Form::Unknown;
        }
        let in_macro = self.token(to.0).is_some_and(|t| t.expansion.is_some());
        if copied.kind == CopyKind::Assignment {
            let mixed = in_macro && self.has_other_types(copied);
            if !copied.used && !mixed && copied.source.is_some() && (!in_macro || lies_there) {
                return Form::Copied;
            }
            // What one use of a macro's body needs, all have.
            let same = |c: &&Copied| self.location(c.to.0) == self.location(to.0);
            let mut copies = self.reading().copies.iter().filter(same);
            let value = lies_there || mixed && copies.any(|c| there(c.source));
            return match self.arena(copied.place) || in_macro {
                true => Form::Assigned { value },
                false => Form::Value,
            };
        }
        match copied.source {
            Some(_) => Form::Copied,
            None => Form::Unknown,
        }
    }

    /// Whether the macro with an assignment is used for other types, too.
    fn has_other_types(&self, copied: &Copied) -> bool {
        let model = self.reading().model;
        let here = self.location(copied.to.0);
        model.tree.exprs.iter().any(|expr| match expr.kind {
            ExprKind::Assign { left, .. } => {
                self.location(model.tree[left].toks.start) == here
                    && model.record(model.type_of(left)) != model.record(copied.ty)
            }
            _ => false,
        })
    }

    /// `a = f()`, `a = b` whose value is used, and in the body of a macro, where both may be numbers
    /// elsewhere.
    fn assigned(&mut self, copied: &Copied, value: bool) {
        // An argument of a macro stands elsewhere; what of its body is copied is no number for any use.
        let ends = [copied.whole.0, copied.from.0];
        let inside = self.reading().in_one_text(&ends);
        self.around((copied.to.0, copied.whole.1), "static_assign(");
        let gap = self.location(copied.to.1 - 1);
        let from = self.location(copied.whole.0);
        let kind = EditKind::Memory;
        self.change(gap.file, gap.end, from.start, ", ".into(), kind, COPIES);
        if value && (inside || copied.source.is_some_and(|s| self.arena(s))) {
            self.around(copied.from, VALUE);
        }
    }

    /// Makes tokens the arguments of a macro.
    fn around(&mut self, toks: (Tok, Tok), name: &'static str) {
        let (first, last) = (self.location(toks.0), self.location(toks.1 - 1));
        let kind = EditKind::Memory;
        self.change(
            first.file,
            first.start,
            first.start,
            name.into(),
            kind,
            COPIES,
        );
        self.close(last, (first.start, name));
    }

    /// Whether what is written once more for its size means the same there, and has no effect.
    fn same_text(&self, place: (Tok, Tok)) -> bool {
        let toks = &self.reading().unit.tokens[place.0..place.1];
        let effects = ["(", "++", "--", "=", "+=", "-="].map(op);
        !toks.iter().any(|t| effects.iter().any(|&e| t.is(e))) && !self.names_block(place)
    }

    /// Whether a variable that becomes a block stands among tokens.
    pub(super) fn names_block(&self, place: (Tok, Tok)) -> bool {
        let reading = self.reading();
        let objects = reading.objects.iter();
        let moved: Vec<_> = objects
            .filter(|o| self.moved().contains(&o.place))
            .map(|o| o.name)
            .collect();
        let mut toks = reading.unit.tokens[place.0..place.1].iter();
        toks.any(|t| moved.contains(&t.symbol))
    }

    /// Turns `*p` into `p` and `a` into `&a`, behind `before`.
    fn pointer(&mut self, tok: Tok, before: &str) {
        let loc = self.location(tok);
        let (end, sign) = match self.is_star(tok) {
            true => (loc.end, ""),
            false => {
                self.has_address(tok);
                (loc.start, "&")
            }
        };
        let text = format!("{before}{sign}");
        self.change(loc.file, loc.start, end, text, EditKind::Memory, COPIES);
    }
}

impl Reading<'_> {
    /// How a structure's type is written.
    pub(super) fn record_name(&self, ty: TypeId) -> Option<String> {
        let model = self.model;
        let record = model.record(ty)?;
        let text = |s| String::from_utf8_lossy(model.unit.symbols.text(s)).into_owned();
        if let Some(tag) = model[record].tag {
            let word = if model[record].is_union {
                "union"
            } else {
                "struct"
            };
            return Some(format!("{word} {}", text(tag)));
        }
        let mut entities = model.entities.iter();
        let named = entities
            .find(|e| matches!(e.kind, EntityKind::Typedef) && model.record(e.ty) == Some(record));
        named.map(|e| text(e.name))
    }
}
