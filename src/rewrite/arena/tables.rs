//! Tables of string literals.
//!
//! The loader sets no addresses inside of data: `static const char *names[] = {"a", "b"}` holds small
//! numbers at run time, and in an arena zeros. A program that indexes it with a variable reads those,
//! and the verifier lets functions that take any address have them: accepted, and wrong. A table that
//! is only read becomes an array of arrays, `names[][2]`, in which nothing is an address.
//!
//! Most become one before it is asked what lies where ([`crate::rewrite::filled`]); what is left here are
//! tables on the stack, and those that macros write.
//!
//! So does a pointer into an arena that has a literal as its value and is only read:
//! `static const char *const name = "a"` becomes `name[]`. No literal lies in an arena.

use super::edits::Editor;
use super::facts::{Object, ObjectKind};
use super::read::Reading;
use crate::c::syntax::tree::{ExprKind, Part};
use crate::c::types::{EntityId, Model, Parent, TypeId};
use crate::rewrite::filled::tables::{Table, is_written_to, read_only};
use crate::rewrite::plan::EditKind;

const REASON: &str = "the loader sets no addresses inside of data: the table would hold numbers";

/// The pointer to a literal that a variable is, if it is only read.
fn find_text(model: &Model, entity: EntityId) -> Option<Table> {
    let tree = &model.tree;
    let &[declarator] = model[entity].declarators.as_slice() else {
        return None;
    };
    let [
        Part::Pointer {
            star, qualifiers, ..
        },
    ] = tree[declarator].parts.as_slice()
    else {
        return None;
    };
    let init = tree.bare(tree[declarator].init?);
    let (_, name) = tree[declarator].name?;
    let characters = model.pointee(model.declarator_type(declarator)) == Some(TypeId::CHAR);
    if !characters || tree[init].kind != ExprKind::Text {
        return None;
    }
    for &used in model.uses(entity) {
        let otherwise = matches!(model.parent(used), Parent::Expr(outer)
            if matches!(tree[outer].kind, ExprKind::SizeofExpr(_) | ExprKind::Paren(_)));
        if otherwise || is_written_to(model, used) {
            return None;
        }
    }
    Some(Table {
        star: *star,
        rest: match tree[tree[declarator].decl].specifiers.is_const {
            true => qualifiers.end,
            false => star + 1,
        },
        end: name + 1,
        width: None,
        varies: true,
    })
}

impl Reading<'_> {
    /// The table of literals that an object is, if it is only read, and indexed with a variable or has
    /// literals that are to lie in the arena.
    pub(super) fn table(&self, object: &Object) -> Option<Table> {
        let file = self.unit.tokens[object.tok].loc.file;
        if object.kind == ObjectKind::Extern || !self.is_ours(file) {
            return None;
        }
        if let Some(text) = find_text(self.model, object.entity) {
            let stays = object.kind == ObjectKind::Static && self.in_arena(text.star);
            return stays.then_some(text);
        }
        let found = read_only(self.model, object.entity)?;
        let there = self.in_arena(found.star);
        // Of one on the stack, clang keeps the addresses in data too; it copies them from there. A block
        // gets them by assignments.
        let stays = match object.kind {
            ObjectKind::Local => found.varies && !there && !self.vars.is_arena(object.place),
            _ => found.varies || there,
        };
        stays.then_some(found)
    }
}

impl Editor<'_> {
    /// Turns tables of literals into arrays of arrays.
    pub(super) fn tables(&mut self) {
        let reading = self.reading();
        for object in &reading.objects {
            let Some(table) = reading.table(object) else {
                continue;
            };
            if !self.editable(table.star) || !self.together(table.star, table.end - 1) {
                continue;
            }
            let (star, last) = (self.location(table.star), self.location(table.end - 1));
            let end = match table.rest > table.star + 1 && self.together(table.star, table.rest) {
                true => self.location(table.rest).start,
                false => star.end,
            };
            let kind = EditKind::Memory;
            self.change(star.file, star.start, end, String::new(), kind, REASON);
            // In place of the bracket: what comes after the declarator is inserted there.
            let text = match table.width {
                Some(_) => table.brackets(),
                None => {
                    let name = reading.unit.text(&reading.unit.tokens[table.end - 1]);
                    format!("{}[]", String::from_utf8_lossy(name))
                }
            };
            self.change(last.file, last.start, last.end, text, kind, REASON);
        }
    }
}
