//! From missing checks to what is done about them.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::ast::{ExprKind, Stmt, StmtKind};
use super::super::family::Alloc;
use super::cleanup::{Held, expression};
use super::flow::{Check, Effort, Flow, Source, Use};
use super::insert::{Finding, How, write};
use super::style::Style;
use super::summary::Summary;
use super::value::{SiteId, State};
use super::{Checks, Context, Notice, OnNull, Options, Rule, Severity, Span};
use super::{exits, place, reuse, unread};
use crate::c::bytes::decode;

/// How often a function is followed anew because checks count as inserted.
const PASSES: usize = 12;

/// What is done about each missing check.
type Decided = BTreeMap<SiteId, How>;

/// Follows a function until no check is missing that does not count as inserted.
fn follow<'c>(
    ctx: &'c Context<'c>,
    function: usize,
    tree: &Stmt,
    params: bool,
) -> Option<(Flow<'c>, Decided)> {
    [Effort::PRECISE, Effort::COARSE]
        .into_iter()
        .find_map(|effort| follow_with(ctx, function, tree, params, effort))
}

fn follow_with<'c>(
    ctx: &'c Context<'c>,
    function: usize,
    tree: &Stmt,
    params: bool,
    effort: Effort,
) -> Option<(Flow<'c>, Decided)> {
    let info = &ctx.functions[function];
    let mut flow = Flow::new(ctx, info.file, effort);
    let start = flow.start(&info.head, params);
    let mut decided = Decided::new();
    for _ in 0..PASSES {
        if !flow.run(tree, &start) {
            return None;
        }
        let mut new = false;
        for (&site, found) in &flow.missing.clone() {
            let source = &flow.sites[site as usize].source;
            let ours = matches!(source, Source::Alloc(_) | Source::Function(_));
            if !ours || flow.checked.contains_key(&site) {
                continue;
            }
            let how = decide(&flow, tree, site, found);
            let check = match &how {
                How::Behind(_) | How::Result(_) | How::Wrap => Check::Behind,
                How::Before { .. } | How::Person(_) => Check::Before,
            };
            if let How::Before { name, .. } = &how {
                flow.temporaries.insert(site, name.clone());
            }
            flow.checked.insert(site, check);
            decided.insert(site, how);
            new = true;
        }
        if !new {
            return Some((flow, decided));
        }
    }
    None
}

/// What a function does, for its callers.
pub fn summary(ctx: &Context, function: usize, tree: &Stmt) -> Summary {
    let head = &ctx.functions[function].head;
    match follow(ctx, function, tree, true) {
        Some((mut flow, _)) => flow.summarise(head),
        None => Summary::unknown(head),
    }
}

/// What to do about one missing check.
fn decide(flow: &Flow, tree: &Stmt, site: SiteId, found: &Use) -> How {
    let info = &flow.sites[site as usize];
    let around = place::around(tree, info.span);
    let Some(stmt) = around.last() else {
        return How::Person("its statement could not be read".into());
    };
    if found.span == info.span && info.in_macro.is_some() && found.same_statement {
        let name = info.in_macro.clone().unwrap_or_default();
        return How::Person(format!(
            "the macro `{name}` follows the result itself; test it there, inside the macro"
        ));
    }
    let simple = matches!(stmt.kind, StmtKind::Expr(_) | StmtKind::Decl(_));
    let in_list = around.len() > 1 && !is_init(around[around.len() - 2], stmt);
    let settled = simple && in_list && !found.same_statement;
    if settled
        && !grows_itself(flow, stmt, info.span)
        && let Some(how) = behind(flow, stmt, site)
    {
        return how;
    }
    before(flow, tree, site)
}

fn is_init(outer: &Stmt, inner: &Stmt) -> bool {
    matches!(&outer.kind, StmtKind::For { init: Some(init), .. } if std::ptr::eq(&**init, inner))
}

/// `p = realloc(p, n)`: where that fails, the old block must not be lost.
fn grows_itself(flow: &Flow, stmt: &Stmt, span: Span) -> bool {
    let mut found = false;
    for e in place::expressions(stmt) {
        place::walk_expr(e, &mut |e| {
            let ExprKind::Assign(false, left, right) = &e.kind else {
                return;
            };
            let mut call = &**right;
            while let ExprKind::Cast(inner) = &call.kind {
                call = inner;
            }
            if let ExprKind::Call { args, .. } = &call.kind
                && call.span == span
            {
                let nothing = State::default();
                let target = flow.path(left, &nothing);
                found |= args
                    .first()
                    .is_some_and(|arg| target.is_some() && flow.path(arg, &nothing) == target);
            }
        });
    }
    found
        && flow.sites.iter().any(|site| {
            site.span == span
                && matches!(
                    site.source,
                    Source::Alloc(Alloc::Realloc | Alloc::Reallocarray)
                )
        })
}

/// A check behind the statement: of what the block is stored in, or of what the call says.
fn behind(flow: &Flow, stmt: &Stmt, site: SiteId) -> Option<How> {
    let info = &flow.sites[site as usize];
    if info.source == Source::Alloc(Alloc::PosixMemalign) {
        return posix_memalign(flow, stmt, info.span);
    }
    if let Some(path) = &info.through {
        return (!path.contains(['#', '?', '*'])).then(|| How::Behind(expression(path)));
    }
    let stored = flow.stored.get(&site)?;
    let text = match stored.span {
        Some(span) => {
            let source = flow.ctx.files.get(flow.file).lexed.source;
            decode(span.of(source))
        }
        None if stored.path.contains(['#', '?', '*']) => return None,
        None => expression(&stored.path),
    };
    Some(How::Behind(match &stmt.kind {
        // The span of a declarator includes its initialiser.
        StmtKind::Decl(list) if list.iter().any(|d| stored.span == Some(d.span)) => {
            expression(&stored.path)
        }
        _ => text,
    }))
}

fn posix_memalign(flow: &Flow, stmt: &Stmt, span: Span) -> Option<How> {
    match &stmt.kind {
        StmtKind::Expr(e) if e.span == span => Some(How::Wrap),
        StmtKind::Expr(e) => match &e.kind {
            ExprKind::Assign(false, left, right) if right.span == span => {
                let source = flow.ctx.files.get(flow.file).lexed.source;
                let name = decode(left.span.of(source));
                Some(How::Result(name))
            }
            _ => None,
        },
        StmtKind::Decl(list) => list
            .iter()
            .find(|d| d.init.as_ref().is_some_and(|init| init.span == span))
            .map(|d| How::Result(d.name.clone())),
        _ => None,
    }
}

/// A variable in front of the statement, where that is safe.
fn before(flow: &Flow, tree: &Stmt, site: SiteId) -> How {
    let info = &flow.sites[site as usize];
    let is_macro = |name: &str| flow.ctx.macros.get(name.as_bytes()).is_some();
    let mut around = place::around(tree, info.span);
    let Some(mut stmt) = around.pop() else {
        return How::Person("its statement could not be read".into());
    };
    let movable = info.through.is_none()
        && info.source != Source::Alloc(Alloc::PosixMemalign)
        && place::can_move(stmt, info.span, &is_macro);
    if let Some(outer) = around.last()
        && is_init(outer, stmt)
    {
        stmt = outer;
    }
    let _ = stmt;
    if !movable {
        return How::Person(String::new());
    }
    let (base, kind) = match &info.source {
        Source::Alloc(_) if info.in_macro.is_some() => ("block", "__auto_type "),
        Source::Alloc(Alloc::Realloc | Alloc::Reallocarray) => ("grown", "void *"),
        Source::Alloc(Alloc::Strdup | Alloc::Strndup) => ("copy", "char *"),
        Source::Alloc(_) => ("block", "void *"),
        _ => ("block", "__auto_type "),
    };
    How::Before {
        name: unused_name(flow, base),
        kind,
    }
}

/// A name that the file does not use.
fn unused_name(flow: &Flow, base: &str) -> String {
    let words = flow.ctx.words(flow.file);
    let used = |name: &str| {
        words.contains(name.as_bytes()) || flow.temporaries.values().any(|known| known == name)
    };
    if !used(base) {
        return base.to_owned();
    }
    // Numbers below are taken by the temporaries before, or nearly all of them.
    let mut number = flow.temporaries.len().max(1) + 1;
    loop {
        let name = format!("{base}{number}");
        if !used(&name) {
            return name;
        }
        number += 1;
    }
}

/// Plans all functions of the file.
pub fn file(ctx: &Context, options: &Options) -> Checks {
    let style = Style::of(ctx.files.get(0).lexed);
    let mut checks = Checks::default();
    for function in 0..ctx.functions.len() {
        let info = &ctx.functions[function];
        if info.file == 0 && ctx.allocating.contains(info.head.name.as_bytes()) {
            one_function(ctx, function, options, &style, &mut checks);
        }
    }
    checks
}

fn one_function(
    ctx: &Context,
    function: usize,
    options: &Options,
    style: &Style,
    checks: &mut Checks,
) {
    let head = &ctx.functions[function].head;
    let mut findings: Vec<Finding> = Vec::new();
    let mut read = false;
    let mut trees: Vec<Rc<Stmt>> = Vec::new();
    for configuration in 0..ctx.configurations(function) {
        let Ok(tree) = ctx.tree(function, configuration) else {
            continue;
        };
        let Some((mut flow, decided)) = follow(ctx, function, &tree, false) else {
            continue;
        };
        read = true;
        for (site, how) in decided {
            let around = place::around(&tree, flow.sites[site as usize].span);
            if around.last().is_none_or(|stmt| stmt.broken) {
                continue;
            }
            let stored = flow.stored.get(&site).map(|stored| &stored.path);
            let path = flow.sites[site as usize].through.as_ref().or(stored);
            if let (Some(path), How::Behind(_), [.., outer, stmt]) = (path, &how, &around[..])
                && reuse::is_tested_behind(&flow, outer, stmt, path)
            {
                continue;
            }
            let leaving = flow.leaving.remove(&site).unwrap_or_default();
            let finding = finding(&flow, &tree, function, options, site, how, &leaving);
            match findings
                .iter_mut()
                .find(|f| f.span == finding.span && f.part == finding.part)
            {
                // What only some configurations hold cannot be given back in all of them.
                Some(known) => {
                    let leave = known.body.pop();
                    known.body.retain(|s| finding.body.contains(s));
                    known.body.extend(leave);
                }
                None => findings.push(finding),
            }
        }
        leaks(&flow, &tree, checks);
        trees.push(tree);
    }
    unread_sites(ctx, function, &trees, read, checks);
    match options.on_null {
        OnNull::Error => checks
            .notices
            .extend(findings.iter().map(|f| f.notice(head, Severity::Error))),
        _ => write(ctx, function, style, findings, checks),
    }
}

fn finding(
    flow: &Flow,
    tree: &Rc<Stmt>,
    function: usize,
    options: &Options,
    site: SiteId,
    how: How,
    leaving: &[State],
) -> Finding {
    let ctx = flow.ctx;
    let info = &flow.sites[site as usize];
    let held: Vec<Held> = flow.held(leaving, site);
    let wanted = match &options.on_null {
        OnNull::Return(text) => Some(text.as_str()),
        _ => None,
    };
    let reused = match wanted {
        None => reuse::earlier(flow, tree, info.span, leaving, &held),
        Some(_) => None,
    };
    let body = reused.unwrap_or_else(|| {
        let mut body: Vec<String> = held.into_iter().map(|held| held.text).collect();
        body.push(exits::leave(
            ctx.files,
            &ctx.functions[function].head,
            tree,
            wanted,
        ));
        body
    });
    let called = match &info.source {
        Source::Alloc(call) => call.name().to_owned(),
        Source::Function(name) => name.clone(),
        Source::Param(_) | Source::Kernel(_) => String::new(),
    };
    Finding {
        span: info.span,
        part: info.part.clone(),
        site,
        called: info.in_macro.clone().unwrap_or(called),
        how,
        body,
        tree: Rc::clone(tree),
    }
}

/// A `realloc` whose result is tested, but whose old block is lost where it fails.
fn leaks(flow: &Flow, tree: &Stmt, checks: &mut Checks) {
    for (index, site) in flow.sites.iter().enumerate() {
        if !matches!(
            site.source,
            Source::Alloc(Alloc::Realloc | Alloc::Reallocarray)
        ) || flow.checked.contains_key(&(index as SiteId))
        {
            continue;
        }
        let around = place::around(tree, site.span);
        let itself = around
            .last()
            .is_some_and(|stmt| grows_itself(flow, stmt, site.span));
        let known = checks.notices.iter().any(|n| n.span == site.span);
        if itself && !known {
            checks.notices.push(Notice {
                span: site.span,
                rule: Rule::ReallocLeak,
                severity: Severity::Note,
                message: "where this fails, the only pointer to the old block is overwritten"
                    .into(),
                help: Some(
                    "store the result in another variable, and assign it once it is known not \
                     to be NULL"
                        .into(),
                ),
            });
        }
    }
}

/// Allocations in text that could not be read.
fn unread_sites(
    ctx: &Context,
    function: usize,
    trees: &[Rc<Stmt>],
    read: bool,
    checks: &mut Checks,
) {
    let info = &ctx.functions[function];
    for token in ctx.tokens(function) {
        let allocates = ctx
            .files
            .site(info.file, token)
            .is_some_and(super::allocates);
        if !allocates {
            continue;
        }
        let span = Span::new(token.start, token.end);
        let understood = trees.iter().any(|tree| {
            let around = place::around(tree, span);
            around.len() > 1 && !around.last().is_some_and(|stmt| stmt.broken)
        });
        if !read || !understood {
            checks.notices.push(unread(span, &info.head.name));
        }
    }
}
