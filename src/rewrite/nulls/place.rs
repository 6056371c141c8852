//! Where something stands: the statements around a place, and whether a call can be moved in
//! front of its statement.

use super::super::ast::{Expr, ExprKind, Stmt, StmtKind};
use crate::c::Span;

/// The statements around `span`, from the body of the function to the innermost.
pub fn around(body: &Stmt, span: Span) -> Vec<&Stmt> {
    let mut path = Vec::new();
    descend(body, span, &mut path);
    path
}

fn holds(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn descend<'s>(stmt: &'s Stmt, span: Span, path: &mut Vec<&'s Stmt>) {
    if !holds(stmt.span, span) {
        return;
    }
    path.push(stmt);
    for child in children(stmt) {
        if holds(child.span, span) {
            return descend(child, span, path);
        }
    }
    // A statement expression has statements of its own.
    for e in expressions(stmt) {
        if let Some(block) = block_around(e, span) {
            return descend(block, span, path);
        }
    }
}

/// The statements directly inside of a statement.
pub fn children(stmt: &Stmt) -> Vec<&Stmt> {
    match &stmt.kind {
        StmtKind::Block(list) | StmtKind::Case { body: list, .. } => list.iter().collect(),
        StmtKind::If {
            then, otherwise, ..
        } => std::iter::once(&**then)
            .chain(otherwise.as_deref())
            .collect(),
        StmtKind::While { body, .. }
        | StmtKind::DoWhile { body, .. }
        | StmtKind::Switch { body, .. } => vec![body],
        StmtKind::For { init, body, .. } => init.as_deref().into_iter().chain([&**body]).collect(),
        StmtKind::Label { body, .. } => body.as_deref().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// The expressions of a statement itself.
pub fn expressions(stmt: &Stmt) -> Vec<&Expr> {
    match &stmt.kind {
        StmtKind::Expr(e) | StmtKind::Return(Some(e)) => vec![e],
        StmtKind::Decl(list) => list.iter().filter_map(|d| d.init.as_ref()).collect(),
        StmtKind::If { cond, .. }
        | StmtKind::While { cond, .. }
        | StmtKind::DoWhile { cond, .. } => vec![cond],
        StmtKind::For { cond, step, .. } => cond.iter().chain(step).collect(),
        StmtKind::Switch { value, .. } => vec![value],
        StmtKind::Case { value, .. } => value.iter().collect(),
        _ => Vec::new(),
    }
}

/// The parts of an expression, in the order in which they are written.
pub fn parts(e: &Expr) -> Vec<&Expr> {
    match &e.kind {
        ExprKind::Call { callee, args, .. } => std::iter::once(&**callee).chain(args).collect(),
        ExprKind::Unary(_, inner)
        | ExprKind::Deref(inner)
        | ExprKind::AddressOf(inner)
        | ExprKind::Update(inner)
        | ExprKind::Cast(inner)
        | ExprKind::Member(inner, ..) => vec![inner],
        ExprKind::Binary(_, a, b)
        | ExprKind::Assign(_, a, b)
        | ExprKind::Comma(a, b)
        | ExprKind::Index(a, b) => vec![a, b],
        ExprKind::Conditional(cond, then, otherwise) => std::iter::once(&**cond)
            .chain(then.as_deref())
            .chain([&**otherwise])
            .collect(),
        ExprKind::List(list) => list.iter().map(|(_, e)| e).collect(),
        ExprKind::Opaque(list) => list.iter().collect(),
        ExprKind::Name(_)
        | ExprKind::Number(_)
        | ExprKind::Text
        | ExprKind::Unevaluated(_)
        | ExprKind::Block(_) => Vec::new(),
    }
}

fn block_around(e: &Expr, span: Span) -> Option<&Stmt> {
    if let ExprKind::Block(block) = &e.kind {
        return holds(block.span, span).then_some(block);
    }
    parts(e)
        .into_iter()
        .filter(|part| holds(part.span, span))
        .find_map(|part| block_around(part, span))
}

/// Calls `work` for a statement and all that it consists of.
pub fn walk<'s>(stmt: &'s Stmt, work: &mut dyn FnMut(&'s Expr)) {
    for e in expressions(stmt) {
        walk_expr(e, work);
    }
    for child in children(stmt) {
        walk(child, work);
    }
}

/// Calls `work` for an expression and all that it consists of.
pub fn walk_expr<'s>(e: &'s Expr, work: &mut dyn FnMut(&'s Expr)) {
    work(e);
    if let ExprKind::Block(block) = &e.kind {
        walk(block, work);
    }
    for part in parts(e) {
        walk_expr(part, work);
    }
}

/// Whether the call at `span` is evaluated exactly once and before everything in the statement
/// that has an order, so that it can move in front of it.
pub fn can_move(stmt: &Stmt, span: Span, is_macro: &dyn Fn(&str) -> bool) -> bool {
    match &stmt.kind {
        StmtKind::Expr(e) | StmtKind::Return(Some(e)) => first_evaluated(e, span, is_macro),
        StmtKind::If { cond, .. } => first_evaluated(cond, span, is_macro),
        StmtKind::Switch { value, .. } => first_evaluated(value, span, is_macro),
        StmtKind::Decl(list) => {
            let Some(index) = list
                .iter()
                .position(|d| d.init.as_ref().is_some_and(|e| holds(e.span, span)))
            else {
                return false;
            };
            let names: Vec<&str> = list.iter().map(|d| d.name.as_str()).collect();
            let Some(init) = &list[index].init else {
                return false;
            };
            // What the call reads must exist in front of the declaration.
            !list[index].lasting
                && !mentions(init, span, &names)
                && list[..index]
                    .iter()
                    .all(|d| d.init.as_ref().is_none_or(is_pure))
                && first_evaluated(init, span, is_macro)
        }
        _ => false,
    }
}

/// Whether the part of `e` in `span` mentions one of the names, where it is evaluated or not.
fn mentions(e: &Expr, span: Span, names: &[&str]) -> bool {
    let mut found = false;
    walk_expr(e, &mut |part| {
        if holds(span, part.span) {
            found |= match &part.kind {
                ExprKind::Name(name) => names.contains(&name.as_str()),
                ExprKind::Unevaluated(all) => all.iter().any(|n| names.contains(&n.as_str())),
                _ => false,
            };
        }
    });
    found
}

fn is_pure(e: &Expr) -> bool {
    let mut pure = true;
    walk_expr(e, &mut |part| {
        pure &= !matches!(
            part.kind,
            ExprKind::Call { .. } | ExprKind::Assign(..) | ExprKind::Update(_) | ExprKind::Block(_)
        );
    });
    pure
}

fn first_evaluated(e: &Expr, span: Span, is_macro: &dyn Fn(&str) -> bool) -> bool {
    if e.span == span {
        return true;
    }
    match &e.kind {
        ExprKind::Binary("&&" | "||", first, _)
        | ExprKind::Conditional(first, ..)
        | ExprKind::Comma(first, _) => {
            holds(first.span, span) && first_evaluated(first, span, is_macro)
        }
        ExprKind::Call { callee, args, .. } => {
            if let ExprKind::Name(name) = &callee.kind
                && is_macro(name)
            {
                return false;
            }
            args.iter()
                .find(|arg| holds(arg.span, span))
                .is_some_and(|arg| first_evaluated(arg, span, is_macro))
        }
        ExprKind::Block(_) | ExprKind::Unevaluated(_) => false,
        _ => parts(e)
            .into_iter()
            .find(|part| holds(part.span, span))
            .is_some_and(|part| first_evaluated(part, span, is_macro)),
    }
}
