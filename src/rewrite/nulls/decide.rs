//! From missing checks to what is done about them.

use std::collections::BTreeMap;

use super::Context;
use super::cleanup::Books;
use super::flow::{Check, Flow, Source, Use};
use super::names::{part_name, plain_name};
use super::outcome::{Returned, Summary};
use super::returns::Returns;
use super::value::{NEG, POS, SiteId, ZERO};
use crate::c::Span;
use crate::c::syntax::tree::{DeclId, ExprId, ExprKind, FunctionId, StmtId, StmtKind, Toks, Unary};
use crate::c::types::Parent;
use crate::rewrite::family::Alloc;

/// How often a function is followed anew because checks count as inserted.
const PASSES: usize = 32;

/// What is done about a missing check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The pointer is tested after the statement.
    After(Pointer),
    /// This condition of the result, in which `@` is the name of the variable that holds it, is
    /// tested after the statement.
    Result(String),
    /// The whole statement is a call: it becomes a condition, what stands before and after it.
    Wrap(&'static str, &'static str),
    /// The result moves to a variable in front of the statement, and is tested there.
    Before {
        /// The name of the variable.
        name: String,
        /// Its type, with the blank or star in front of the name.
        kind: &'static str,
    },
    /// A person has to do it: why, or nothing where the usual advice is enough.
    Person(String),
}

/// A pointer that is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pointer {
    /// It is spelled here.
    Copy(Span),
    /// This is its name.
    Text(String),
    /// The member of an object that a function made; the program may test the object further on.
    Member(String),
}

/// What is done about each missing check.
pub type Decided = BTreeMap<SiteId, How>;

/// Follows a function until no check is missing that does not count as inserted.
pub fn follow<'c>(ctx: &'c Context<'c>, function: FunctionId, params: bool) -> (Flow<'c>, Decided) {
    let mut flow = Flow::new(ctx, function, params);
    let start = flow.start();
    let mut decided = Decided::new();
    for _ in 0..PASSES {
        flow.run(start.clone());
        let mut new = false;
        let mut missing: Vec<(SiteId, Use)> = flow.missing.iter().map(|(s, u)| (*s, *u)).collect();
        missing.sort_by_key(|(site, _)| (flow.sites[*site as usize].order, *site));
        for (site, found) in &missing {
            let site = *site;
            let ours = matches!(
                flow.sites[site as usize].source,
                Source::Alloc(_) | Source::Function(_)
            );
            if !ours || flow.checked.contains_key(&site) {
                continue;
            }
            let how = decide(&mut flow, site, found);
            let check = match &how {
                How::After(_) | How::Result(_) | How::Wrap(..) => Check::After,
                How::Before { .. } | How::Person(_) => Check::Before,
            };
            if let How::Before { name, .. } = &how {
                flow.temporaries.insert(site, name.clone());
            }
            flow.check(site, check);
            decided.insert(site, how);
            new = true;
        }
        if !new {
            break;
        }
    }
    for site in &flow.doubtful {
        if let Some(how @ How::After(_)) = decided.get_mut(site) {
            *how = How::Person("the place may be NULL for other reasons too".into());
        }
    }
    (flow, decided)
}

/// What a function does, for its callers.
pub fn summary(ctx: &Context, function: FunctionId, returns: &Returns) -> Summary {
    let (mut flow, _) = follow(ctx, function, true);
    flow.summarise(returns)
}

/// The innermost statement around a call that stands in the file.
pub fn statement(flow: &Flow, expr: ExprId) -> Option<StmtId> {
    let mut at = flow.model().stmt_of(expr)?;
    while flow.ctx.text.statement(flow.tree()[at].toks).is_none() {
        at = flow.around(at)?;
    }
    Some(at)
}

/// The expression that becomes a variable if a call moves in front of its statement: the call, or
/// the use of the macro that makes it.
pub fn moving(flow: &Flow, expr: ExprId) -> Option<ExprId> {
    let call = flow.tree()[expr].toks;
    let function = flow.tree()[flow.function].toks;
    let made = flow.ctx.text.made_with(call.start, function);
    let mut at = expr;
    if let ExprKind::Call { callee, .. } = flow.tree()[expr].kind {
        let callee = flow.tree()[callee].toks.start;
        if flow.ctx.text.made_by(callee).is_none() {
            return flow.ctx.text.span(call).map(|_| expr);
        }
    }
    loop {
        let toks = flow.tree()[at].toks;
        if toks.holds(made) {
            return flow.ctx.text.span(toks).map(|_| at);
        }
        at = match flow.model().parent(at) {
            Parent::Expr(outer) => outer,
            Parent::Stmt(stmt) => match flow.model().stmt_parent(stmt) {
                // The last statement of a statement expression.
                Parent::Stmt(block) => match flow.model().stmt_parent(block) {
                    Parent::Expr(outer) => outer,
                    _ => return None,
                },
                _ => return None,
            },
            Parent::Declarator(d) => {
                let decl = flow.tree()[d].decl;
                let Parent::Stmt(stmt) = flow.model().decl_parent(decl) else {
                    return None;
                };
                let Some(Parent::Stmt(block)) = Some(flow.model().stmt_parent(stmt)) else {
                    return None;
                };
                match flow.model().stmt_parent(block) {
                    Parent::Expr(outer) => outer,
                    _ => return None,
                }
            }
            _ => return None,
        };
    }
}

/// What to do about one missing check.
fn decide(flow: &mut Flow, site: SiteId, found: &Use) -> How {
    let info = flow.sites[site as usize].clone();
    let unread = || How::Person("its statement could not be read".into());
    let Some(expr) = info.expr else {
        return unread();
    };
    let Some(stmt) = statement(flow, expr) else {
        return match made_by(flow, expr) {
            Some(name) => How::Person(format!(
                "the macro `{name}` makes the code around it; test it there, inside the macro"
            )),
            None => unread(),
        };
    };
    if found.same_statement && made_together(flow, expr, found.expr) {
        let name = made_by(flow, expr).unwrap_or_default();
        return How::Person(format!(
            "the macro `{name}` follows the result itself; test it there, inside the macro"
        ));
    }
    let settled = is_settled(flow, stmt, expr) && !found.same_statement;
    if settled
        && !grows_itself(flow, stmt, expr)
        && let Some(how) = after(flow, stmt, site, expr)
    {
        return how;
    }
    before(flow, stmt, site, expr)
}

/// The macro whose body a call is spelled in.
pub fn made_by(flow: &Flow, expr: ExprId) -> Option<String> {
    let at = match flow.tree()[expr].kind {
        ExprKind::Call { callee, .. } => flow.tree()[callee].toks.start,
        _ => flow.tree()[expr].toks.start,
    };
    flow.ctx.text.made_by(at)
}

/// Whether one use of a macro makes two expressions.
fn made_together(flow: &Flow, a: ExprId, b: ExprId) -> bool {
    if made_by(flow, a).is_none() {
        return false;
    }
    let callee = match flow.tree()[a].kind {
        ExprKind::Call { callee, .. } => flow.tree()[callee].toks.start,
        _ => flow.tree()[a].toks.start,
    };
    let function = flow.tree()[flow.function].toks;
    let made = flow.ctx.text.made_with(callee, function);
    made.holds(flow.tree()[b].toks)
}

/// Whether a check can stand after the statement: all that happens in it has happened then.
fn is_settled(flow: &Flow, stmt: StmtId, expr: ExprId) -> bool {
    let simple = match flow.tree()[stmt].kind {
        StmtKind::Expr(_) | StmtKind::Decl(_) => true,
        // A statement that a macro makes is left as a whole.
        StmtKind::Do { .. } | StmtKind::Block(_) | StmtKind::If { .. } => {
            flow.model().stmt_of(expr) != Some(stmt)
        }
        _ => false,
    };
    simple && !is_init(flow, stmt)
}

/// Whether a statement is the first clause of a `for`.
fn is_init(flow: &Flow, stmt: StmtId) -> bool {
    flow.around(stmt).is_some_and(|outer| {
        matches!(flow.tree()[outer].kind, StmtKind::For { init: Some(init), .. } if init == stmt)
    })
}

/// `p = realloc(p, n)`, or a call of a function of the program in its place: where that fails, the
/// old block must not be lost.
pub fn grows_itself(flow: &mut Flow, stmt: StmtId, expr: ExprId) -> bool {
    let StmtKind::Expr(whole) = flow.tree()[stmt].kind else {
        return false;
    };
    let ExprKind::Call { callee, args, .. } = flow.tree()[expr].kind.clone() else {
        return false;
    };
    use super::calls::Callee;
    let passed = match flow.callee(callee) {
        Callee::Family(Alloc::Realloc | Alloc::Reallocarray) => 1,
        Callee::Program(..) => args.len(),
        _ => return false,
    };
    let ExprKind::Assign {
        op: None,
        left,
        right,
        ..
    } = flow.tree()[flow.tree().bare(whole)].kind
    else {
        return false;
    };
    let nothing = super::value::State::default();
    let target = flow.place(left, &nothing);
    flow.bare(right) == expr
        && target.is_some()
        && args
            .iter()
            .take(passed)
            .any(|&arg| flow.place(arg, &nothing) == target)
}

/// A check after the statement: of what the block is stored in, or of what the call says.
fn after(flow: &mut Flow, stmt: StmtId, site: SiteId, expr: ExprId) -> Option<How> {
    let info = flow.sites[site as usize].clone();
    if info.silent {
        let by_result = by_result(flow, stmt, site, expr);
        return by_result.or_else(|| {
            let named = plain_name(flow, info.through?)?;
            flow.by_place.insert(site);
            Some(How::After(Pointer::Text(named)))
        });
    }
    if let Some(place) = info.through {
        let pointer = match flow.places.block_of(place) {
            Some(_) => Pointer::Member(part_name(flow, site)?),
            None => Pointer::Text(plain_name(flow, place)?),
        };
        return Some(How::After(pointer));
    }
    let stored = flow.stored.get(&site)?.clone();
    let copied = stored.expr.and_then(|left| {
        let bare = flow.tree().bare(left);
        flow.ctx.text.span(flow.tree()[bare].toks)
    });
    match copied {
        Some(span) => Some(How::After(Pointer::Copy(span))),
        None => plain_name(flow, stored.place).map(|name| How::After(Pointer::Text(name))),
    }
}

/// A check of what the call says.
fn by_result(flow: &Flow, stmt: StmtId, site: SiteId, expr: ExprId) -> Option<How> {
    let (before, behind) = fails(flow, site, expr)?;
    let cond = |name: &str| format!("{before}{name}{behind}");
    match flow.tree()[stmt].kind {
        StmtKind::Expr(whole) if flow.bare(whole) == expr => Some(How::Wrap(before, behind)),
        StmtKind::Expr(whole) => match flow.tree()[flow.tree().bare(whole)].kind {
            ExprKind::Assign {
                op: None,
                left,
                right,
                ..
            } if flow.bare(right) == expr && flow.is_stable(left) => {
                Some(How::Result(cond(&flow.text_of(flow.tree()[left].toks)?)))
            }
            _ => None,
        },
        StmtKind::Decl(decl) => {
            let found = declared_with(flow, decl, expr)?;
            let name = flow.tree()[found].name?.0;
            Some(How::Result(cond(&flow.ctx.name(name))))
        }
        _ => None,
    }
}

fn declared_with(
    flow: &Flow,
    decl: DeclId,
    expr: ExprId,
) -> Option<crate::c::syntax::tree::DeclaratorId> {
    let declarators = flow.tree()[decl].declarators.iter().copied();
    let mut declarators = declarators;
    declarators.find(|&d| {
        flow.tree()[d]
            .init
            .is_some_and(|init| flow.bare(init) == expr)
    })
}

/// What stands before and after the result of a call in the condition that it failed.
fn fails(flow: &Flow, site: SiteId, expr: ExprId) -> Option<(&'static str, &'static str)> {
    let info = &flow.sites[site as usize];
    if info.source == Source::Alloc(Alloc::PosixMemalign) {
        return Some(("", ""));
    }
    let ExprKind::Call { callee, .. } = flow.tree()[expr].kind else {
        return None;
    };
    let super::calls::Callee::Program(function, _) = flow.callee(callee) else {
        return None;
    };
    let summary = flow.ctx.summary(function);
    let (mut good, mut bad) = (0, 0);
    let stored: Vec<usize> = summary
        .outcomes
        .iter()
        .flat_map(|outcome| &outcome.outs)
        .filter(|(_, returned)| matches!(returned, Returned::Fresh { .. }))
        .map(|(given, _)| given.param)
        .collect();
    for outcome in &summary.outcomes {
        // There is somewhere to store the block.
        if stored
            .iter()
            .any(|&param| outcome.params[param].signs == ZERO)
        {
            continue;
        }
        let kept = outcome
            .outs
            .iter()
            .any(|(_, returned)| matches!(returned, Returned::Kept(_) | Returned::Failed));
        let signs = match &outcome.returned {
            Returned::Plain(signs, _) | Returned::Led { signs, .. } => *signs,
            Returned::Fresh { .. } => NEG | POS,
            Returned::Failed => ZERO,
            Returned::Kept(_) => return None,
        };
        match kept {
            true => bad |= signs,
            false => good |= signs,
        }
    }
    if good & bad != 0 {
        return None;
    }
    match (good, bad) {
        (ZERO, _) => Some(("", "")),
        (_, ZERO) => Some(("!", "")),
        (_, NEG) => Some(("", " < 0")),
        (_, POS) => Some(("", " > 0")),
        _ => None,
    }
}

/// A variable in front of the statement, where that is safe.
fn before(flow: &mut Flow, stmt: StmtId, site: SiteId, expr: ExprId) -> How {
    let info = flow.sites[site as usize].clone();
    let usual = || How::Person(String::new());
    let Some(moves) = moving(flow, expr) else {
        return usual();
    };
    let span = flow.ctx.text.span(flow.tree()[moves].toks);
    let argument = span.is_none_or(|span| flow.ctx.text.argument_of(span).is_some());
    let movable =
        info.through.is_none() && info.part.is_empty() && !argument && can_move(flow, stmt, moves);
    if !movable {
        return usual();
    }
    let in_macro = made_by(flow, expr).is_some();
    let (base, kind) = match &info.source {
        Source::Alloc(_) if in_macro => ("block", "__auto_type "),
        Source::Alloc(Alloc::Realloc | Alloc::Reallocarray) => ("grown", "void *"),
        Source::Alloc(Alloc::Strdup | Alloc::Strndup) => ("copy", "char *"),
        Source::Alloc(_) => ("block", "void *"),
        _ => ("block", "__auto_type "),
    };
    let taken: Vec<String> = flow.temporaries.values().cloned().collect();
    How::Before {
        name: flow.ctx.unused(base, &taken),
        kind,
    }
}

/// Whether an expression is evaluated exactly once and before everything in the statement that has
/// an order, so that it can move in front of it.
fn can_move(flow: &Flow, stmt: StmtId, moves: ExprId) -> bool {
    match flow.tree()[stmt].kind.clone() {
        StmtKind::Expr(e) | StmtKind::Return(Some(e)) => first_evaluated(flow, e, moves),
        StmtKind::If { cond, .. } => first_evaluated(flow, cond, moves),
        StmtKind::Switch { value, .. } => first_evaluated(flow, value, moves),
        StmtKind::Decl(decl) => {
            let node = &flow.tree()[decl];
            let holds = |e: ExprId| flow.tree()[e].toks.holds(flow.tree()[moves].toks);
            let Some(index) = node
                .declarators
                .iter()
                .position(|&d| flow.tree()[d].init.is_some_and(holds))
            else {
                return false;
            };
            let Some(init) = flow.tree()[node.declarators[index]].init else {
                return false;
            };
            // What the call reads must exist in front of the declaration.
            let names: Vec<&[u8]> = node
                .declarators
                .iter()
                .filter_map(|&d| flow.tree()[d].name)
                .map(|(_, tok)| flow.ctx.text.symbol(tok))
                .collect();
            let toks = flow.tree()[moves].toks;
            let mentions = (toks.start..toks.end).any(|t| names.contains(&flow.ctx.text.symbol(t)));
            node.specifiers.storage.r#static.is_none()
                && !mentions
                && node.declarators[..index]
                    .iter()
                    .all(|&d| flow.tree()[d].init.is_none_or(|init| is_pure(flow, init)))
                && first_evaluated(flow, init, moves)
        }
        _ => false,
    }
}

fn is_pure(flow: &Flow, e: ExprId) -> bool {
    match flow.tree()[e].kind {
        ExprKind::Call { .. }
        | ExprKind::Assign { .. }
        | ExprKind::Postfix { .. }
        | ExprKind::Statements(_)
        | ExprKind::Asm(_)
        | ExprKind::Unknown(_) => false,
        ExprKind::Unary(Unary::Increment | Unary::Decrement, _) => false,
        _ => flow
            .tree()
            .operands(e)
            .into_iter()
            .all(|part| is_pure(flow, part)),
    }
}

fn first_evaluated(flow: &Flow, e: ExprId, moves: ExprId) -> bool {
    if e == moves {
        return true;
    }
    let target = flow.tree()[moves].toks;
    let holds = |part: &ExprId| flow.tree()[*part].toks.holds(target);
    match flow.tree()[e].kind.clone() {
        ExprKind::Binary { op, left, .. } if op.is_logical() => {
            holds(&left) && first_evaluated(flow, left, moves)
        }
        ExprKind::Conditional { cond: first, .. } | ExprKind::Comma(first, _) => {
            holds(&first) && first_evaluated(flow, first, moves)
        }
        ExprKind::Statements(_) | ExprKind::Generic { .. } | ExprKind::Unknown(_) => false,
        _ => flow
            .tree()
            .operands(e)
            .into_iter()
            .find(holds)
            .is_some_and(|part| first_evaluated(flow, part, moves)),
    }
}

/// The statement in front of which a declaration goes: the loop, for the first clause of one.
pub fn in_front(flow: &Flow, stmt: StmtId) -> StmtId {
    match is_init(flow, stmt) {
        true => flow.around(stmt).unwrap_or(stmt),
        false => stmt,
    }
}

/// Whether the statements right after `stmt` test the pointer and leave where it is NULL. Where so
/// many states meet that they are taken together, the analysis can lose sight of that.
pub fn is_tested_after(flow: &mut Flow, stmt: StmtId, site: SiteId) -> bool {
    let Some(block) = flow.around(stmt) else {
        return false;
    };
    let tree = flow.tree();
    let StmtKind::Block(list) = &tree[block].kind else {
        return false;
    };
    let stored = flow.stored.get(&site).map(|stored| stored.place);
    let place = flow.sites[site as usize].through.or(stored);
    let spelled = assigned(flow, stmt);
    let nothing = super::value::State::default();
    // Statements of a block are in the order of their tokens.
    let end = tree[stmt].toks.end;
    let after = list.partition_point(|&s| tree[s].toks.start < end);
    let conds: Vec<ExprId> = list[after..]
        .iter()
        .map_while(|&sibling| match tree[sibling].kind {
            StmtKind::If {
                cond,
                then,
                otherwise: None,
            } if leaves(flow, then) => Some(cond),
            _ => None,
        })
        .collect();
    conds.into_iter().any(|cond| {
        let tested = flow.null_tests(cond);
        tested.into_iter().any(|e| {
            let same = spelled.is_some() && spelled == Some(flow.ctx.spelled(flow.bare(e)));
            same || place.is_some() && flow.place(e, &nothing) == place
        })
    })
}

/// What a statement assigns to, as it is spelled.
fn assigned(flow: &Flow, stmt: StmtId) -> Option<String> {
    let StmtKind::Expr(expr) = flow.tree()[stmt].kind else {
        return None;
    };
    match flow.tree()[flow.tree().bare(expr)].kind {
        ExprKind::Assign { op: None, left, .. } if flow.is_stable(left) => {
            Some(flow.ctx.spelled(flow.bare(left)))
        }
        _ => None,
    }
}

fn leaves(flow: &Flow, stmt: StmtId) -> bool {
    match &flow.tree()[stmt].kind {
        StmtKind::Block(list) => list.last().is_some_and(|&last| leaves(flow, last)),
        StmtKind::Return(_) | StmtKind::Goto(_) | StmtKind::Break | StmtKind::Continue => true,
        _ => false,
    }
}

/// What the exit of a check does: the statements, and what may stay behind.
pub fn exit(
    flow: &mut Flow,
    stmt: StmtId,
    site: SiteId,
    toks: Toks,
    wanted: Option<&str>,
) -> (Vec<String>, Books) {
    let leaving = flow.leaving.get(&site).cloned().unwrap_or_default();
    let leaving = flow.merge(leaving);
    let books = flow.books(&leaving, site);
    let reused = match wanted {
        None => flow.earlier_exit(toks, stmt, &leaving, &books.held),
        Some(_) => None,
    };
    let body = reused.unwrap_or_else(|| {
        let mut body: Vec<String> = books.held.iter().map(|held| held.text.clone()).collect();
        body.push(super::exits::leave(flow.ctx, flow.function, wanted));
        body
    });
    (body, books)
}
