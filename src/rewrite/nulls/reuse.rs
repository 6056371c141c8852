//! The way an earlier failing check of an allocation leaves, reused for a check that is missing.

use super::super::ast::{Expr, ExprKind, Stmt, StmtKind};
use super::super::family::Alloc;
use super::cleanup::Held;
use super::flow::{Flow, Source};
use super::known::{self, Known};
use super::place;
use super::value::{Fate, State, ZERO};
use crate::c::Span;
use crate::c::bytes::decode;

/// The statements that leave as the nearest earlier check does which is passed on every way to
/// `span`, with what is held given back first. None if there is no such check, or if what it does
/// would not be right here.
pub fn earlier(
    flow: &Flow,
    body: &Stmt,
    span: Span,
    leaving: &[State],
    held: &[Held],
) -> Option<Vec<String>> {
    let around = place::around(body, span);
    for pair in around.windows(2).rev() {
        let (outer, inner) = (pair[0], pair[1]);
        if !matches!(outer.kind, StmtKind::Block(_) | StmtKind::Case { .. }) {
            continue;
        }
        let siblings = place::children(outer);
        let before = siblings
            .iter()
            .take_while(|stmt| !std::ptr::eq(**stmt, inner));
        for stmt in before.collect::<Vec<_>>().into_iter().rev() {
            if let StmtKind::If {
                cond,
                then,
                otherwise: None,
            } = &stmt.kind
                && asks_for_failure(flow, cond)
                && let Some(left) = leaves_like(flow, body, stmt.span, then, span, leaving, held)
            {
                return Some(left);
            }
        }
    }
    None
}

/// Whether the statements right behind `stmt` test the pointer at `path` and leave where it is
/// NULL. Where so many paths meet that they are taken together, the flow can lose sight of that.
pub fn is_tested_behind(flow: &Flow, outer: &Stmt, stmt: &Stmt, path: &str) -> bool {
    place::children(outer)
        .into_iter()
        .skip_while(|sibling| !std::ptr::eq(*sibling, stmt))
        .skip(1)
        .map_while(|sibling| match &sibling.kind {
            StmtKind::If {
                cond,
                then,
                otherwise: None,
            } if leaves(then) => Some(cond),
            _ => None,
        })
        .any(|cond| {
            asks_for_null(cond, &|e| {
                flow.path(e, &State::default()).as_deref() == Some(path)
            })
        })
}

fn leaves(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Block(list) => list.last().is_some_and(leaves),
        StmtKind::Return(_) | StmtKind::Goto(_) | StmtKind::Break | StmtKind::Continue => true,
        _ => false,
    }
}

/// Whether a condition holds if an allocation failed.
fn asks_for_failure(flow: &Flow, cond: &Expr) -> bool {
    asks_for_null(cond, &|e| {
        let Some(path) = flow.path(e, &State::default()) else {
            return false;
        };
        flow.stored.iter().any(|(&site, stored)| {
            let source = &flow.sites[site as usize].source;
            stored.path == path && matches!(source, Source::Alloc(_) | Source::Function(_))
        })
    })
}

/// Whether a condition holds if a pointer is NULL that `is` recognises.
fn asks_for_null(cond: &Expr, is: &dyn Fn(&Expr) -> bool) -> bool {
    match &cond.kind {
        ExprKind::Unary(b'!', inner) => is(inner),
        ExprKind::Binary("==", a, b) if is_null(b) => is(a),
        ExprKind::Binary("==", a, b) if is_null(a) => is(b),
        ExprKind::Binary("||", a, b) => asks_for_null(a, is) || asks_for_null(b, is),
        ExprKind::Call { callee, args, .. } => {
            let hint = matches!(&callee.kind, ExprKind::Name(name)
                if known::condition(name) == Some(known::Condition::Itself));
            hint && args.first().is_some_and(|arg| asks_for_null(arg, is))
        }
        ExprKind::Cast(inner) => asks_for_null(inner, is),
        _ => false,
    }
}

fn is_null(e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Number(Some(0)) => true,
        ExprKind::Name(name) => name == "NULL",
        ExprKind::Cast(inner) => is_null(inner),
        _ => false,
    }
}

fn leaves_like(
    flow: &Flow,
    body: &Stmt,
    check: Span,
    then: &Stmt,
    span: Span,
    leaving: &[State],
    held: &[Held],
) -> Option<Vec<String>> {
    let list: Vec<&Stmt> = match &then.kind {
        StmtKind::Block(list) => list.iter().collect(),
        _ => vec![then],
    };
    let (last, first) = list.split_last()?;
    let mut assigned: Vec<&Expr> = Vec::new();
    let mut kept: Vec<String> = Vec::new();
    for stmt in first {
        match &stmt.kind {
            StmtKind::Expr(e) => match &e.kind {
                ExprKind::Assign(false, left, right) if is_constant(flow, right) => {
                    assigned.push(left);
                    kept.push(text(flow, stmt.span));
                }
                // What it frees or prints is its own affair.
                ExprKind::Call { callee, .. } if is_aside(flow, callee) => {}
                _ => return None,
            },
            StmtKind::Empty if !stmt.broken => {}
            _ => return None,
        }
    }
    let frees = |given: &[String]| -> Vec<String> {
        held.iter()
            .filter(|held| !given.contains(&held.path))
            .map(|held| held.text.clone())
            .collect()
    };
    match &last.kind {
        StmtKind::Return(value) => {
            let plain = match value {
                None => true,
                Some(value) => is_constant(flow, value) && assigned.is_empty(),
            };
            let mut out = frees(&[]);
            out.push(text(flow, last.span));
            plain.then_some(out)
        }
        StmtKind::Goto(Some(label)) => {
            let region = Region::behind(flow, body, label, span)?;
            for path in &region.given {
                let known = leaving.iter().all(|st| {
                    let value = st.get(path);
                    let whole = value.whole && !value.is_unknown();
                    whole
                        && value.blocks.iter().all(|block| {
                            matches!(st.fates.get(block), Some(Fate::Owned | Fate::Perhaps))
                        })
                        && (value.signs & ZERO == 0 || !region.tender.contains(path))
                });
                if !known {
                    return None;
                }
            }
            if let Some(variable) = &region.returned {
                let set_here = assigned
                    .iter()
                    .any(|left| matches!(&left.kind, ExprKind::Name(name) if name == variable));
                let between = Span::new(check.end, span.start.max(check.end));
                if !set_here && assigns(body, variable, between) {
                    return None;
                }
            }
            let mut out = frees(&region.given);
            out.extend(kept);
            out.push(format!("goto {label};"));
            Some(out)
        }
        _ => None,
    }
}

/// Calls in a failing check that do not matter to another one.
fn is_aside(flow: &Flow, callee: &Expr) -> bool {
    let ExprKind::Name(name) = &callee.kind else {
        return false;
    };
    let call = flow
        .ctx
        .files
        .call(flow.file, callee.span.start, name.as_bytes());
    call == Some(Alloc::Free)
        || matches!(known::find(name), Some(Known::Release(_)))
        || name.ends_with("printk")
        || name.ends_with("printf")
}

/// Whether an expression has the same value everywhere in the function.
fn is_constant(flow: &Flow, e: &Expr) -> bool {
    match &e.kind {
        ExprKind::Number(_) => true,
        ExprKind::Name(name) => {
            !flow.locals.contains(name)
                && (name.bytes().any(|b| b.is_ascii_uppercase())
                    || flow.ctx.macros.get(name.as_bytes()).is_some())
        }
        ExprKind::Unary(_, inner) | ExprKind::Cast(inner) => is_constant(flow, inner),
        ExprKind::Binary(_, a, b) => is_constant(flow, a) && is_constant(flow, b),
        _ => false,
    }
}

fn text(flow: &Flow, span: Span) -> String {
    let source = flow.ctx.files.get(flow.file).lexed.source;
    decode(span.of(source))
}

fn assigns(body: &Stmt, variable: &str, within: Span) -> bool {
    let mut found = false;
    place::walk(body, &mut |e| {
        if let ExprKind::Assign(_, left, _) | ExprKind::Update(left) = &e.kind
            && matches!(&left.kind, ExprKind::Name(name) if name == variable)
        {
            found |= within.start <= e.span.start && e.span.end <= within.end;
        }
    });
    found
}

/// The code at a label that only gives back and returns.
#[derive(Default)]
struct Region {
    /// What it gives back.
    given: Vec<String>,
    /// Of that, what must not be NULL.
    tender: Vec<String>,
    /// The variable it returns.
    returned: Option<String>,
    done: bool,
}

impl Region {
    fn behind(flow: &Flow, body: &Stmt, label: &str, span: Span) -> Option<Self> {
        let StmtKind::Block(list) = &body.kind else {
            return None;
        };
        let at = list.iter().position(|stmt| has_label(stmt, label))?;
        if list[at].span.start < span.end {
            return None;
        }
        let mut region = Self::default();
        let mut stmt = &list[at];
        // Several labels may stand on one statement; those in front of ours are not passed.
        while let StmtKind::Label { name, body } = &stmt.kind {
            let Some(next) = body else { break };
            stmt = next;
            if name == label {
                break;
            }
        }
        if !region.passes(flow, stmt, false) {
            return None;
        }
        for stmt in &list[at + 1..] {
            if region.done {
                break;
            }
            if !region.passes(flow, stmt, false) {
                return None;
            }
        }
        Some(region)
    }

    fn passes(&mut self, flow: &Flow, stmt: &Stmt, tested: bool) -> bool {
        if stmt.broken {
            return false;
        }
        match &stmt.kind {
            StmtKind::Empty => true,
            StmtKind::Label { body, .. } => {
                body.as_ref().is_none_or(|b| self.passes(flow, b, tested))
            }
            StmtKind::Block(list) => list.iter().all(|s| self.passes(flow, s, tested)),
            StmtKind::If {
                cond,
                then,
                otherwise: None,
            } => {
                let path = |e: &Expr| flow.path(e, &State::default());
                let test = match &cond.kind {
                    ExprKind::Binary("!=", a, b) if is_null(b) => path(a),
                    _ => path(cond),
                };
                test.is_some() && self.passes(flow, then, true)
            }
            StmtKind::Return(value) => {
                self.done = true;
                match value.as_ref().map(|e| (&e.kind, e)) {
                    None => true,
                    Some((ExprKind::Name(name), _)) if flow.locals.contains(name) => {
                        self.returned = Some(name.clone());
                        true
                    }
                    Some((_, e)) => is_constant(flow, e),
                }
            }
            StmtKind::Expr(e) => self.gives(flow, e, tested),
            _ => false,
        }
    }

    fn gives(&mut self, flow: &Flow, e: &Expr, tested: bool) -> bool {
        let ExprKind::Call { callee, args, .. } = &e.kind else {
            return false;
        };
        let ExprKind::Name(name) = &callee.kind else {
            return false;
        };
        let call = flow
            .ctx
            .files
            .call(flow.file, callee.span.start, name.as_bytes());
        let frees = call == Some(Alloc::Free);
        if !frees && !matches!(known::find(name), Some(Known::Release(_))) {
            return false;
        }
        let Some(arg) = args.first() else {
            return !frees;
        };
        let Some(path) = flow.path(arg, &State::default()) else {
            return false;
        };
        if !frees && !tested {
            self.tender.push(path.clone());
        }
        self.given.push(path);
        true
    }
}

fn has_label(stmt: &Stmt, label: &str) -> bool {
    match &stmt.kind {
        StmtKind::Label { name, body } => {
            name == label || body.as_ref().is_some_and(|body| has_label(body, label))
        }
        _ => false,
    }
}
