//! Tables of nothing but literals: `static const char *names[] = {"a", "b"}` becomes `names[][2]`, in which
//! nothing is an address.

use super::{FileEdit, in_file};
use crate::c::syntax::tree::{ExprId, ExprKind, Part, Tok, Unary};
use crate::c::types::{EntityId, Model, Parent, TypeId};

/// A table that becomes an array of arrays, or a pointer that becomes an array.
#[derive(Clone, Copy, Debug)]
pub(in crate::rewrite) struct Table {
    /// The `*` that goes.
    pub star: Tok,
    /// What is kept of the declarator begins here: `const` after the `*` goes too, where the
    /// characters are constant.
    pub rest: Tok,
    /// After the brackets, or the name.
    pub end: Tok,
    /// Of a table, bytes of the longest literal, its terminator too.
    pub width: Option<u64>,
}

/// The table of literals that a variable is, if it is indexed with a variable and only read.
pub(in crate::rewrite) fn find(model: &Model, entity: EntityId) -> Option<Table> {
    let tree = &model.tree;
    let &[declarator] = model[entity].declarators.as_slice() else {
        return None;
    };
    let [
        Part::Array { toks, .. },
        Part::Pointer {
            star, qualifiers, ..
        },
    ] = tree[declarator].parts.as_slice()
    else {
        return None;
    };
    let element = model.pointee(model.declarator_type(declarator))?;
    if model.pointee(element) != Some(TypeId::CHAR) {
        return None;
    }
    let ExprKind::List(elements) = &tree[tree[declarator].init?].kind else {
        return None;
    };
    let mut width = 1;
    for element in elements {
        let value = tree.bare(element.value);
        if tree[value].kind != ExprKind::Text {
            return None;
        }
        width = width.max(model.array_len(model.type_of(value))?);
    }
    let mut varies = false;
    for &name in model.uses(entity) {
        let Parent::Expr(outer) = model.parent(name) else {
            return None;
        };
        match tree[outer].kind {
            ExprKind::Index(array, index) if array == name => {
                varies |= model.value(index).is_none();
                if is_written_to(model, outer) {
                    return None;
                }
            }
            ExprKind::SizeofExpr(_) => {}
            ExprKind::Paren(_) => {}
            _ => return None,
        }
    }
    varies.then_some(Table {
        star: *star,
        rest: match tree[tree[declarator].decl].specifiers.is_const {
            true => qualifiers.end,
            false => star + 1,
        },
        end: toks.end,
        width: Some(width),
    })
}

/// Whether a program assigns to an expression, or has its address.
pub(in crate::rewrite) fn is_written_to(model: &Model, element: ExprId) -> bool {
    let Parent::Expr(outer) = model.parent(element) else {
        return false;
    };
    match model.tree[outer].kind {
        ExprKind::Assign { left, .. } => left == element,
        ExprKind::Unary(Unary::AddressOf | Unary::Increment | Unary::Decrement, _)
        | ExprKind::Postfix { .. } => true,
        _ => false,
    }
}

impl Table {
    /// What stands at the end of a table in the place of its last bracket.
    pub(in crate::rewrite) fn brackets(&self) -> String {
        format!("][{}]", self.width.unwrap_or(1))
    }

    /// Makes a table an array of arrays, if it stands in a file as it is.
    pub(super) fn edits(&self, model: &Model) -> Option<Vec<FileEdit>> {
        let last = self.end - 1;
        if ![self.star, self.rest, last]
            .iter()
            .all(|&tok| in_file(model, tok))
        {
            return None;
        }
        let loc = |tok: Tok| model.unit.tokens[tok].loc;
        let file = loc(self.star).file;
        let end = match self.rest > self.star + 1 {
            true => loc(self.rest).start,
            false => loc(self.star).end,
        };
        let edit = |start, end, text| FileEdit {
            file,
            start,
            end,
            text,
        };
        let bracket = edit(loc(last).start, loc(last).end, self.brackets());
        let same = loc(self.rest).file == file && loc(last).file == file;
        same.then(|| vec![edit(loc(self.star).start, end, String::new()), bracket])
    }
}
