//! Missing NULL checks.
//!
//! The verifier refuses a program that follows a pointer which may be NULL, and clang deletes the
//! allocator's own check where the source does not test. Each function that allocates is followed
//! on the syntax tree, as a data-flow analysis: [`graph`] has its steps, [`flow`] finds what holds
//! at each of them ([`eval`], [`cond`], [`store`], [`calls`], [`lent`]), and [`summary`] what a call
//! of it does to its callers ([`outcome`], [`callee`]). What is missing is decided by [`decide`] and
//! written by [`insert`]; how the function leaves is told by [`exits`] and [`reuse`], and what it
//! gives back before that, or what may stay behind, by [`cleanup`].
//!
//! Three things are told apart of each block at each point: it is certainly this function's, it
//! certainly is not any more, or that is not known. Only the first is freed.

mod arms;
mod arrays;
mod callee;
mod calls;
mod cleanup;
mod cond;
mod context;
mod decide;
mod draft;
mod eval;
mod exits;
mod fails;
mod fewer;
mod flow;
mod graph;
mod insert;
mod known;
mod leave;
mod lent;
mod lvalue;
mod names;
mod outcome;
mod place;
mod references;
mod returns;
mod reuse;
mod store;
mod structures;
mod style;
mod summary;
mod text;
mod value;

use std::collections::BTreeSet;
use std::sync::Arc;

use super::CommandLineMacro;
use super::arena::DEFINE_STORED;
use super::family::Alloc;
use super::filter::is_family;
use super::parsed::Parsed;
use super::plan::{Edit, Notice, Rule, Severity};
use super::project::Facts;
use super::sites::Site;
use super::unit::Unit;
use super::{Backend, OnNull, Options};
use crate::c::Span;
use crate::c::bytes::shown;
use crate::c::lexer::{Kind, Token, op};
use crate::c::syntax::tree::{FunctionId, Toks};
use context::Context;
use decide::How;
use draft::{Draft, Moved};
use flow::{Flow, Source};
use insert::Finding;
use returns::Returns;
use style::Style;
use text::Text;

/// What is planned for one file.
#[derive(Debug, Default)]
pub struct Checks {
    /// What is inserted and moved.
    pub drafts: Vec<Draft>,
    /// What moved to variables.
    pub moved: Vec<(Span, String)>,
    /// What a person has to do.
    pub notices: Vec<Notice>,
}

impl Checks {
    /// The edits of the checks together with all others of the file.
    pub fn settle(&self, source: &[u8], others: Vec<Edit>) -> Vec<Edit> {
        let moved: &Moved = &self.moved;
        draft::settle(source, &self.drafts, moved, others)
    }
}

/// Whether a call returns a block, one way or another.
fn allocates(call: Alloc) -> bool {
    !matches!(call, Alloc::Free | Alloc::UsableSize)
}

/// The allocations of a file outside of directives: those that are rewritten, and those that are
/// already.
fn allocations(unit: &Unit, sites: &[Site]) -> Vec<Span> {
    let sites = sites
        .iter()
        .filter(|site| site.directive.is_none() && allocates(site.call))
        .map(|site| site.span);
    let tokens = &unit.lexed.tokens;
    let done = tokens.windows(2).enumerate().filter(|(index, pair)| {
        pair[0].kind == Kind::Ident
            && pair[1].is(op("("))
            && !unit.outline.dead[*index]
            && Alloc::replaced_by(&unit.lexed.text(&pair[0])).is_some_and(allocates)
    });
    let done = done.map(|(_, pair)| Span::new(pair[0].start, pair[0].end));
    sites.chain(done).collect()
}

/// Whether a function of the unit may allocate, as far as its words tell. Linear in the length of the
/// file, and much faster than reading it; never wrong in saying no.
fn may_allocate(unit: &Unit, sites: &[Site]) -> bool {
    let project = unit.project;
    let known = &project.facts().names;
    let hands_out = |token: &Token| {
        token.kind == Kind::Ident && {
            let word = unit.lexed.text(token);
            Alloc::replaced_by(&word).is_some_and(allocates)
                || !known.is_empty() && known.contains(&*word)
        }
    };
    let named = |given: CommandLineMacro| {
        let value = given.value.unwrap_or_default();
        let mut words = value.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.any(|word| is_family(word.as_bytes()))
    };
    sites.iter().any(|site| allocates(site.call))
        || (unit.headers.iter()).any(|h| h.info.allocates || !h.info.aliases.is_empty())
        || unit.lexed.tokens.iter().any(hands_out)
        || unit.lexed.inner.iter().any(hands_out)
        || project.command_line(unit.path).into_iter().any(named)
}

/// Whether the unit is the allocator itself.
fn is_allocator(unit: &Unit) -> bool {
    unit.outline.functions().any(|function| {
        unit.outline
            .function_name(&unit.lexed, function)
            .is_some_and(|name| {
                Alloc::replaced_by(&unit.lexed.text(&unit.lexed.tokens[name])).is_some()
            })
    })
}

/// A file, preprocessed and read.
fn parsed(unit: &Unit) -> Arc<Parsed> {
    let files = &unit.project.cache().files;
    files.parsed(unit.path, unit.source(), unit.project)
}

/// Hands what is known of a file to `work`.
fn with_context<T>(
    unit: &Unit,
    sites: &[Site],
    parsed: &Parsed,
    work: impl FnOnce(&Context) -> T,
) -> T {
    let text = Text::new(parsed.unit());
    work(&Context::new(unit, parsed.model(), &text, sites))
}

/// Plans the missing NULL checks of a file.
pub fn plan(unit: &Unit, sites: &[Site], options: &Options) -> Checks {
    if options.on_null == OnNull::Off || is_allocator(unit) || !may_allocate(unit, sites) {
        return Checks::default();
    }
    let says = |define: &str| memchr::memmem::find(unit.source(), define.as_bytes()).is_some();
    let mut found = Found {
        stored: options.backend == Backend::Stored || says(DEFINE_STORED),
        ..Found::default()
    };
    let first = parsed(unit);
    found.read(unit, sites, options, &first);
    for source in arms::others(unit, &allocations(unit, sites), first.unit()) {
        let other = Parsed::new(unit.path, &source, unit.project);
        found.read(unit, sites, options, &other);
    }
    found.finish(unit, sites, options)
}

pub use leave::Exits;

/// Plans what becomes of calls that end a program in user space.
pub fn exits(unit: &Unit, sites: &[Site], options: &Options) -> Exits {
    let mut found = Exits::default();
    let may = |name: &str| memchr::memmem::find(unit.source(), name.as_bytes()).is_some();
    let mentioned = may("assert") || super::library::EXITS.iter().any(|name| may(name));
    if mentioned && !is_allocator(unit) {
        with_context(unit, sites, &parsed(unit), |ctx| {
            leave::file(ctx, unit, &options.on_null, &mut found);
        });
    }
    found
}

/// What the configurations of a file lack.
#[derive(Default)]
struct Found {
    /// What is missing, by function.
    functions: Vec<(String, Vec<Finding>)>,
    checks: Checks,
    /// The calls that were understood, by their offset.
    read: BTreeSet<usize>,
    /// Stored pointers are turned back where they are followed.
    stored: bool,
}

impl Found {
    /// Looks at one configuration.
    fn read(&mut self, unit: &Unit, sites: &[Site], options: &Options, parsed: &Parsed) {
        with_context(unit, sites, parsed, |ctx| {
            for function in ctx.functions() {
                if ctx.is_planned(function) && !ctx.tree()[function].broken {
                    self.function(ctx, function, options);
                }
            }
        });
    }

    fn function(&mut self, ctx: &Context, function: FunctionId, options: &Options) {
        self.read.extend(ctx.family_calls(function));
        if !ctx.allocating.contains(&function) {
            return;
        }
        let (mut flow, decided) = decide::follow(ctx, function, false);
        let mut new: Vec<Finding> = Vec::new();
        for (site, how) in decided {
            // What lies in a block comes back as a number, which leads nowhere if it is NULL.
            let info = &flow.sites[site as usize];
            let inside = info.through.is_some() || !info.part.is_empty();
            if self.stored && inside && matches!(how, How::Person(_)) {
                continue;
            }
            if let Some(finding) = finding(&mut flow, site, how, options) {
                merge(&mut new, finding);
            }
        }
        leaks(&mut flow, &mut self.checks);
        let name = ctx.function_name(function);
        let known = match self.functions.iter().position(|(known, _)| *known == name) {
            Some(at) => at,
            None => {
                self.functions.push((name, Vec::new()));
                self.functions.len() - 1
            }
        };
        for finding in new {
            merge(&mut self.functions[known].1, finding);
        }
    }

    fn finish(self, unit: &Unit, sites: &[Site], options: &Options) -> Checks {
        let mut checks = self.checks;
        let style = Style::of(&unit.lexed);
        for (name, findings) in self.functions {
            match options.on_null {
                OnNull::Error => {
                    let source = unit.source();
                    let notice = |f: &Finding| f.notice(source, &name, Severity::Error);
                    checks.notices.extend(findings.iter().map(notice));
                }
                _ => insert::write(&unit.lexed, &style, &name, findings, &mut checks),
            }
        }
        for span in allocations(unit, sites) {
            if !self.read.contains(&span.start) {
                checks.notices.extend(unread(unit, span));
            }
        }
        checks
    }
}

/// Adds a finding. Where another configuration, or another arm of `?:`, has the same check, what
/// only one of them holds cannot be given back in both.
fn merge(findings: &mut Vec<Finding>, new: Finding) {
    let same = findings.iter_mut().find(|known| known.is_same(&new));
    let Some(known) = same else {
        findings.push(new);
        return;
    };
    let leave = known.body.pop();
    known.body.retain(|statement| new.body.contains(statement));
    known.body.extend(leave);
    for behind in new.behind {
        if !known.behind.contains(&behind) {
            known.behind.push(behind);
        }
    }
}

/// A missing check, with all that writing it needs.
fn finding(flow: &mut Flow, site: flow::SiteId, how: How, options: &Options) -> Option<Finding> {
    let info = flow.sites[site as usize].clone();
    let expr = info.expr?;
    let call = flow.tree()[expr].toks;
    let text = flow.ctx.text;
    let moves = decide::moving(flow, expr).and_then(|e| text.span(flow.tree()[e].toks));
    let span = match decide::made_by(flow, expr) {
        Some(_) => moves.or_else(|| flow.ctx.shown(call)),
        None => text.span(call).or_else(|| flow.ctx.shown(call)),
    }?;
    let stmt = decide::statement(flow, expr);
    if let (Some(stmt), How::After(_)) = (stmt, &how)
        && decide::is_tested_after(flow, stmt, site)
    {
        return None;
    }
    let wanted = match &options.on_null {
        OnNull::Return(text) => Some(text.as_str()),
        _ => None,
    };
    let (body, books) = match stmt {
        Some(stmt) => {
            let toks: Toks = flow.tree()[stmt].toks;
            decide::exit(flow, stmt, site, toks, wanted)
        }
        None => {
            let leave = exits::leave(flow.ctx, flow.function, wanted);
            (vec![leave], cleanup::Books::default())
        }
    };
    let called = match &info.source {
        Source::Alloc(call) => call.name().to_owned(),
        Source::Function(name) => name.clone(),
        Source::Param(_) | Source::Inner(..) | Source::Kernel(_) => String::new(),
    };
    let behind = books.behind.iter().filter_map(|(site, why)| {
        let info = &flow.sites[*site as usize];
        let at = flow.ctx.shown(flow.tree()[info.expr?].toks)?;
        Some((
            flow.ctx.line(at.start),
            flow.ctx.called(info.expr?),
            why.clone(),
        ))
    });
    let behind = behind.collect();
    let stmt = match how {
        How::Before { .. } => stmt.map(|stmt| decide::in_front(flow, stmt)),
        _ => stmt,
    };
    Some(Finding {
        span,
        moves: moves.unwrap_or(span),
        place: stmt.and_then(|stmt| insert::place_of(flow.ctx, stmt)),
        part: info.part,
        site,
        called: decide::made_by(flow, expr).unwrap_or(called),
        how,
        body,
        behind,
    })
}

/// A `realloc` whose result is tested, but whose old block is lost where it fails.
fn leaks(flow: &mut Flow, checks: &mut Checks) {
    for site in 0..flow.sites.len() as flow::SiteId {
        let info = &flow.sites[site as usize];
        let grows = matches!(
            info.source,
            Source::Alloc(Alloc::Realloc | Alloc::Reallocarray)
        );
        let (true, Some(expr)) = (grows && !flow.checked.contains_key(&site), info.expr) else {
            continue;
        };
        let Some(span) = flow.ctx.shown(flow.tree()[expr].toks) else {
            continue;
        };
        let stmt = flow.model().stmt_of(expr);
        let itself = stmt.is_some_and(|stmt| decide::grows_itself(flow, stmt, expr));
        let known = checks.notices.iter().any(|n| n.span == span);
        if itself && !known {
            checks.notices.push(Notice {
                span,
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

/// What the functions of a file with external linkage do with blocks; those that allocate, and
/// those that others want.
pub fn facts(unit: &Unit, sites: &[Site]) -> Facts {
    let mut facts = Facts::default();
    if is_allocator(unit) {
        return facts;
    }
    // Nobody wants its functions then, unless others call one of them with a block.
    if !may_allocate(unit, sites) {
        let wanted = &unit.project.facts().wanted;
        let is_wanted =
            |token: &Token| token.kind == Kind::Ident && wanted.contains(&*unit.lexed.text(token));
        let mut words = unit.lexed.tokens.iter().chain(&unit.lexed.inner);
        if wanted.is_empty() || !words.any(is_wanted) {
            facts.unread = true;
            return facts;
        }
    }
    with_context(unit, sites, &parsed(unit), |ctx| {
        for function in ctx.functions() {
            let others = summary::is_for_others(ctx.model, function);
            if !ctx.is_planned(function) || !others || ctx.section(function).is_some() {
                continue;
            }
            let name = ctx.function_name(function).into_bytes();
            let returns = matches!(ctx.returns(function), Returns::Pointer | Returns::Hidden);
            let hands_out = returns && ctx.allocating.contains(&function);
            if !hands_out && !ctx.facts.wanted.contains(&name) {
                facts.left_out.insert(name);
            } else {
                let summary = ctx.summary(function);
                if summary.allocates {
                    facts.names.insert(name.clone());
                }
                facts.functions.insert(name, summary.facts());
            }
        }
        facts.wanted.extend(ctx.unknown_calls());
        // What a header defines, macros and inline functions, its includers can use.
        if unit.path.extension().is_none_or(|ending| ending != "c") {
            let allocating = ctx.allocating.iter();
            facts
                .names
                .extend(allocating.map(|&f| ctx.function_name(f).into_bytes()));
            facts.names.extend(context::allocating_macros(unit, sites));
        }
    });
    facts
}

/// The notice about a call in a function that could not be read.
fn unread(unit: &Unit, span: Span) -> Option<Notice> {
    let function = unit.outline.functions().find(|&function| {
        let frame = &unit.outline.frames[function];
        let tokens = &unit.lexed.tokens;
        let (Some(open), Some(close)) = (
            frame.open.and_then(|open| tokens.get(open)),
            tokens.get(frame.close).or(tokens.last()),
        ) else {
            return false;
        };
        open.start <= span.start && span.end <= close.end
    })?;
    let name = unit.outline.function_name(&unit.lexed, function)?;
    let name = String::from_utf8_lossy(&unit.lexed.text(&unit.lexed.tokens[name])).into_owned();
    Some(Notice {
        span,
        rule: Rule::Unparsed,
        severity: Severity::Warning,
        message: format!(
            "`{}` could not be read well enough to look for missing NULL checks",
            shown(&name)
        ),
        help: Some(
            "make sure that every result of an allocation is compared with NULL before it is used"
                .into(),
        ),
    })
}
