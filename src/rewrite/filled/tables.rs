//! Tables of nothing but literals: `static const char *names[] = {"a", "b"}` becomes `names[][2]`, in which
//! nothing is an address.

use super::{FileEdit, in_file};
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Part, Tok, Unary};
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
    /// It is indexed with a variable.
    pub varies: bool,
}

/// The table of literals that a variable is, if it is indexed with a variable and only read.
pub(super) fn find(model: &Model, entity: EntityId) -> Option<Table> {
    read_only(model, entity).filter(|table| table.varies)
}

/// The table of literals that a variable is, if it is only read.
pub(in crate::rewrite) fn read_only(model: &Model, entity: EntityId) -> Option<Table> {
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
        let (array, outer) = around(model, name)?;
        match tree[outer].kind {
            ExprKind::Index(of, index) if of == array => {
                varies |= model.value(index).is_none();
                let sized = is_sized(model, outer) && !is_count(model, outer, entity);
                if sized || is_written_to(model, outer) {
                    return None;
                }
            }
            ExprKind::SizeofExpr(_) | ExprKind::Unary(Unary::Deref, _)
                if is_count(model, outer, entity) => {}
            _ => return None,
        }
    }
    Some(Table {
        star: *star,
        rest: match tree[tree[declarator].decl].specifiers.is_const {
            true => qualifiers.end,
            false => star + 1,
        },
        end: toks.end,
        width: Some(width),
        varies,
    })
}

/// An expression with the parentheses around it, and what that stands in.
fn around(model: &Model, expr: ExprId) -> Option<(ExprId, ExprId)> {
    let mut inner = expr;
    loop {
        let Parent::Expr(outer) = model.parent(inner) else {
            return None;
        };
        match model.tree[outer].kind {
            ExprKind::Paren(_) => inner = outer,
            _ => return Some((inner, outer)),
        }
    }
}

/// Whether an expression is asked for its size alone.
fn is_sized(model: &Model, expr: ExprId) -> bool {
    around(model, expr)
        .is_some_and(|(_, outer)| matches!(model.tree[outer].kind, ExprKind::SizeofExpr(_)))
}

/// Whether an expression, the size of a table or one of its elements, belongs to
/// `sizeof table / sizeof table[0]`. Any other size is another one where the elements are arrays.
fn is_count(model: &Model, expr: ExprId, table: EntityId) -> bool {
    let tree = &model.tree;
    let measured = |size: ExprId| match tree[tree.bare(size)].kind {
        ExprKind::SizeofExpr(of) => Some(tree.bare(of)),
        _ => None,
    };
    let names = |expr: ExprId| model.named(expr) == Some(table);
    let element = |expr: ExprId| match tree[expr].kind {
        ExprKind::Index(array, _) | ExprKind::Unary(Unary::Deref, array) => names(array),
        _ => false,
    };
    let mut at = expr;
    // The size, and the quotient.
    for _ in 0..2 {
        let Some((_, outer)) = around(model, at) else {
            return false;
        };
        at = outer;
        if let ExprKind::Binary {
            op: Binary::Div,
            left,
            right,
            ..
        } = tree[at].kind
        {
            return measured(left).is_some_and(names) && measured(right).is_some_and(element);
        }
    }
    false
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
