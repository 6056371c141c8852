//! The allocator's functions as values: `table_free(table, free)`, `= { .alloc = malloc }`.
//!
//! BPF calls functions that the program has. What is given away as a pointer becomes a function of
//! the program that calls the allocator, as one would write it by hand.

use super::{FileEdit, Found, in_file, is_ours};
use crate::c::conditionals::Conditionals;
use crate::c::cpp::FileId;
use crate::c::lexer;
use crate::c::syntax::tree::{ExprId, ExprKind, StmtKind, Tok, Unary};
use crate::c::types::{Model, Parent};
use crate::rewrite::family::Alloc;

/// A function of the allocator that is used as a value.
struct Lent {
    alloc: Alloc,
    uses: Vec<Tok>,
}

/// What the function is that takes the place of one of the allocator's.
fn signature(alloc: Alloc) -> Option<(&'static str, &'static str, &'static str)> {
    Some(match alloc {
        Alloc::Malloc => ("void *", "unsigned long size", "size"),
        Alloc::Free => ("void ", "void *block", "block"),
        Alloc::Calloc => (
            "void *",
            "unsigned long count, unsigned long size",
            "count, size",
        ),
        Alloc::Realloc => ("void *", "void *block, unsigned long size", "block, size"),
        Alloc::Strdup => ("char *", "const char *text", "text"),
        _ => return None,
    })
}

/// Gives a program functions of its own where it uses the allocator's as values.
pub(super) fn lent(model: &Model) -> Found {
    let mut found = Found::default();
    let mut lent: Vec<Lent> = Vec::new();
    for at in 0..model.tree.exprs.len() as u32 {
        let expr = ExprId(at);
        let Some((alloc, tok)) = value(model, expr) else {
            continue;
        };
        match lent.iter_mut().find(|l| l.alloc == alloc) {
            Some(known) => known.uses.push(tok),
            None => lent.push(Lent {
                alloc,
                uses: vec![tok],
            }),
        }
    }
    for Lent { alloc, mut uses } in lent {
        uses.sort_unstable();
        let Some((returns, parameters, arguments)) = signature(alloc) else {
            continue;
        };
        let Some((file, place)) = place(model, uses[0]) else {
            continue;
        };
        let called = alloc.name();
        let name = model.unit.unused_name(&format!("{called}_block"));
        let gives = if returns == "void " { "" } else { "return " };
        let text = format!(
            "static {returns}{name}({parameters})\n{{\n\t{gives}{called}({arguments});\n}}\n\n"
        );
        found.reasons.push((uses[0], format!("`{called}`")));
        found.edits.push(FileEdit {
            file,
            start: place,
            end: place,
            text,
        });
        found.edits.extend(uses.iter().map(|&tok| {
            let loc = model.unit.tokens[tok].loc;
            FileEdit {
                file: loc.file,
                start: loc.start,
                end: loc.end,
                text: name.clone(),
            }
        }));
    }
    found
}

/// The function of the C library that an expression is, if it is used as a value in the file itself.
fn value(model: &Model, expr: ExprId) -> Option<(Alloc, Tok)> {
    let ExprKind::Name(name) = model.tree[expr].kind else {
        return None;
    };
    let alloc = Alloc::named(model.unit.symbols.text(name))?;
    let entity = model.entity(expr)?;
    let tok = model.tree[expr].toks.start;
    let own = model[entity].definition().is_some() || !model[entity].is_function();
    (in_file(model, tok) && !own && is_given(model, expr)).then_some((alloc, tok))
}

/// Whether an expression's value goes somewhere: what is called right here, `(*free)(p)`, or compared
/// with something does not.
fn is_given(model: &Model, expr: ExprId) -> bool {
    let mut at = expr;
    loop {
        match model.parent(at) {
            Parent::Expr(outer) => match model.tree[outer].kind {
                ExprKind::Paren(_)
                | ExprKind::Unary(Unary::Deref | Unary::AddressOf, _)
                | ExprKind::Cast(..) => at = outer,
                ExprKind::Binary { .. } => return false,
                ExprKind::Call { callee, .. } => return callee != at,
                _ => return true,
            },
            Parent::Declarator(_) => return true,
            Parent::Stmt(stmt) => return matches!(model.tree[stmt].kind, StmtKind::Return(_)),
            _ => return false,
        }
    }
}

/// Where a function goes that stands before its first use: before what is declared there, and its
/// comment; nowhere if the preprocessor may leave that place out.
fn place(model: &Model, first: Tok) -> Option<(FileId, u32)> {
    let unit = model.unit;
    let item = model.tree.items.iter().find(|i| i.toks.contains(first))?;
    let loc = unit.visible_loc(&unit.tokens[item.toks.start]);
    if !is_ours(model, loc.file) {
        return None;
    }
    let bytes = &unit.file(loc.file).bytes;
    let at = above(bytes, loc.start as usize);
    let lexed = lexer::lex(bytes);
    let inside = Conditionals::new(&lexed).outermost(&lexed, at);
    inside.is_none().then_some((loc.file, at as u32))
}

/// The beginning of the line with a place, or of the comment right above it.
pub(super) fn above(bytes: &[u8], place: usize) -> usize {
    let mut at = line_start(bytes, place);
    while at > 0 {
        let above = line_start(bytes, at - 1);
        let line = bytes[above..at].trim_ascii();
        let comment = [&b"//"[..], b"/*", b"*"]
            .iter()
            .any(|start| line.starts_with(start));
        if !comment {
            break;
        }
        at = above;
    }
    at
}

fn line_start(bytes: &[u8], at: usize) -> usize {
    bytes[..at]
        .iter()
        .rposition(|&b| b == b'\n')
        .map_or(0, |n| n + 1)
}
