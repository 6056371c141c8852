//! Rewriting C sources: from the C library's allocator to `static_malloc` and its family.

mod arena;
mod c_headers;
mod calls;
mod classify;
mod compose;
pub mod family;
mod filled;
mod filter;
pub mod headers;
mod include;
pub mod library;
pub mod macros;
pub(crate) mod missing;
mod nulls;
pub mod outline;
mod own_arena;
mod parsed;
pub mod plan;
mod preprocess;
pub mod project;
pub mod reach;
mod reread;
mod roles;
mod shared;
pub mod sites;
mod stages;
pub mod stream;
pub mod unit;

use std::path::Path;
use std::sync::Arc;

use crate::c::{Span, lexer};

pub use crate::c::cpp::CommandLineMacro;
pub use arena::{Backend, Links};
pub use calls::loops;
pub use filter::Mentions;
pub use headers::Cache;
pub use plan::{Edit, EditKind, Notice, Overlap, Plan, Rule, Severity};
pub use preprocess::preprocess;
pub use project::{Alone, Facts, FunctionFacts, Header, ParameterFacts, Project};
pub use reach::{Reach, is_marked, mentioned, reach};
pub use reread::misplaced_in;
pub use shared::{Agreed, Shares, shares};
pub use stages::{Changed, Overlay, lower};

/// What to do where the result of an allocation is used without a NULL check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum OnNull {
    /// Insert a check that leaves the way the function leaves. In this order:
    ///
    /// 1. as the nearest earlier check of an allocation does, if it only returns a constant or
    ///    jumps to code that gives everything back;
    /// 2. in a program, with the verdict of its section:
    ///
    /// | section | returned |
    /// |---|---|
    /// | `xdp*` | `XDP_ABORTED` |
    /// | `tc*`, `tcx/*`, `classifier`, `action` | `TC_ACT_SHOT` |
    /// | `netkit/*` | `NETKIT_DROP` |
    /// | `sk_skb*`, `sk_msg`, `sk_lookup`, `sk_reuseport*` | `SK_DROP` |
    /// | `lwt_*`, `flow_dissector` | `BPF_DROP` |
    /// | `netfilter` | `NF_DROP` |
    /// | `socket` | `0` (drop) |
    /// | `cgroup/recvmsg*`, `cgroup/getpeername*`, `cgroup/getsockname*` | `1` (the verifier takes nothing else) |
    /// | other `cgroup*`, `sockops`, `lsm_cgroup/*` | `0` (deny) |
    /// | `lsm*`, `fmod_ret*`, `syscall` | `-ENOMEM` |
    /// | `kprobe*`, `kretprobe*`, `uprobe*`, `uretprobe*`, `usdt`, `ksyscall*`, `kretsyscall*`, `tp*`, `tracepoint*`, `raw_tp*`, `raw_tracepoint*`, `tp_btf*`, `fentry*`, `fexit*`, `perf_event`, `iter*` | `0` |
    /// | `struct_ops*`, `freplace*`, any other | by what the function returns |
    ///
    /// 3. by what the function returns: nothing, `NULL`, `false`, `-ENOMEM` (signed), `0`
    ///    (unsigned), `(T){0}` (structures and other types).
    ///
    /// Blocks that the function still owns, and references and sections of the kernel that it
    /// holds, are given back first.
    #[default]
    Auto,
    /// Insert a check that returns this expression, in functions that return a number. Others leave as
    /// with [`OnNull::Auto`], unless it is `NULL` or a `bool` and they return that.
    Return(String),
    /// Do not look for missing checks.
    Off,
    /// Report each as an error, insert nothing.
    Error,
}

/// What to do about functions that call each other in circles. BPF has no such calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Recursion {
    /// They become loops over frames on the heap, in files that allocate, if the heap may lie in an
    /// arena.
    #[default]
    Auto,
    /// They stay.
    Off,
}

/// How to rewrite.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What to do about missing NULL checks.
    pub on_null: OnNull,
    /// Where the heap lies.
    pub backend: Backend,
    /// What to do about functions that call each other in circles.
    pub recursion: Recursion,
    /// Tell of each declaration why it is qualified with `__arena`.
    pub explain: bool,
}

/// Whether a file can hold anything that a rewrite is about. Fast (it looks at bytes, not at
/// tokens), never wrong in saying no.
pub fn may_matter(source: &[u8]) -> bool {
    filter::mentions_family(source)
        || arena::is_chosen(source)
        || calls::first_use(source).is_some()
}

/// What the functions with external linkage of a file do with blocks, for the plans of the other
/// files of the same run.
///
/// Only the functions that may return a block are looked into, and those that the facts of
/// `project` want already. So a run asks for the facts of all files, merges them, and asks again for those that
/// [owe](Facts::owe) something.
pub fn facts(path: &Path, source: &[u8], project: &dyn Project) -> Facts {
    let Some(lexed) = read(source, project) else {
        return Facts::default();
    };
    let headers = headers::reachable(path, &lexed, project);
    let unit = unit::Unit::new(path, lexed, &headers, project);
    let found = sites::find(&unit);
    let mut facts = nulls::facts(&unit, &found.sites);
    facts.allocates = found.allocates() || uses_replacement(&unit.lexed);
    facts.bare = sites::bare_aliases(&unit);
    facts.names.extend(sites::own_aliases(&unit));
    facts
}

/// Whether a file calls the allocator, or was rewritten already.
pub fn calls(path: &Path, source: &[u8], project: &dyn Project) -> bool {
    let Some(lexed) = read(source, project) else {
        return false;
    };
    let headers = headers::reachable(path, &lexed, project);
    let unit = unit::Unit::new(path, lexed, &headers, project);
    let found = sites::find(&unit);
    uses_replacement(&unit.lexed) || found.allocates()
}

/// What the other files of a run have to know of this one where the heap lies in an arena. A run
/// asks for the links of all files, merges them, and asks again until nothing new comes up. A file is
/// only read again if others tell it something new.
pub fn links(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Arc<Links> {
    let known = &project.cache().links;
    let named = read(source, project).is_some();
    if let Some(links) = known.get(path, source, named, project.facts()) {
        return links;
    }
    let links = links_anew(path, source, project, options);
    known.keep(path, source, named, project.facts(), &links);
    links
}

fn links_anew(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Arc<Links> {
    let mut stages = stages::Stages::new(path, source, project, options);
    stages.addresses();
    stages.loops();
    stages.passed();
    arena::links(path, &stages.text(), project, options.backend)
}

/// Whether the heap of a file may lie in an arena: for kernels without one, the source says so.
fn may_be_arena(source: &[u8], options: &Options) -> bool {
    matches!(options.backend, Backend::Auto | Backend::Arena)
        && memchr::memmem::find(source, arena::DEFINE_STORED.as_bytes()).is_none()
}

/// How often a result is planned again until nothing is left to do.
const ROUNDS: usize = 4;

/// Plans the rewrite of one file. Any bytes are welcome; planning the result again gives no edits.
///
/// The last that a run asks for of a file: what is kept of its text goes.
pub fn plan(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Plan {
    let mut plan = plan_stages(path, source, project, options);
    // What the parser makes of broken code depends on what stands around it, so on the edits too.
    if plan.changes() && is_broken(path, source, project) {
        plan = settled(path, source, plan, project, options);
    }
    if plan.changes() {
        plan = reread::checked(path, source, plan, project);
    }
    project.cache().files.forget(path);
    project.cache().wanted.forget(path);
    project.cache().links.forget(path);
    plan
}

/// A plan of broken code after which a second run changes nothing; of code for which there is none the
/// text stays.
fn settled(
    path: &Path,
    source: &[u8],
    mut plan: Plan,
    project: &dyn Project,
    options: &Options,
) -> Plan {
    for _ in 0..ROUNDS {
        let next = plan_stages(path, &plan.apply(source), project, options);
        if !next.changes() {
            return plan;
        }
        plan = compose::stages(source, &plan, &next);
    }
    let notice = Notice {
        span: Span::at(0),
        rule: Rule::Unparsed,
        severity: Severity::Warning,
        message: "some of this file is no C that can be read; it stays as it is".into(),
        help: Some("see what the compiler says about it".into()),
    };
    Plan::give_up(vec![notice])
}

/// Whether the parser did not understand some part of a file.
fn is_broken(path: &Path, source: &[u8], project: &dyn Project) -> bool {
    let parsed = project.cache().files.parsed(path, source, project);
    let tree = &parsed.model().tree;
    tree.items.iter().any(|i| i.broken) || tree.functions.iter().any(|f| f.broken)
}

fn plan_stages(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Plan {
    let mut stages = stages::Stages::new(path, source, project, options);
    stages.addresses();
    stages.loops();
    stages.passed();
    stages.inlined();
    match stages.into_plan() {
        None => plan_text(path, source, project, options),
        Some(first) => {
            let rest = plan_text(path, &first.apply(source), project, options);
            compose::stages(source, &first, &rest)
        }
    }
}

/// Plans the rewrite of a file whose calls BPF has.
fn plan_text(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> Plan {
    let (mut plan, again) = plan_once(path, source, project, options);
    // What is inserted can change what the parser makes of broken code around it, and so what is
    // seen to be missing there; even a prefix does, since the parser weighs what it skips by its
    // length. Few files have more to do in a second round, hardly any in a third.
    for _ in 0..ROUNDS {
        if !plan.changes() || !again {
            break;
        }
        let (next, _) = plan_once(path, &plan.apply(source), project, options);
        if !next.changes() {
            break;
        }
        plan = compose::compose(source, &plan, &next);
    }
    plan
}

/// Plans once. Whether a second look at the result can bring anything new.
fn plan_once(path: &Path, source: &[u8], project: &dyn Project, options: &Options) -> (Plan, bool) {
    let chosen = project.facts().links.chooses(path);
    let read = match chosen {
        true => Some(lexer::lex(source)),
        false => read(source, project),
    };
    let Some(lexed) = read else {
        return (Plan::default(), false);
    };
    let headers = headers::reachable(path, &lexed, project);
    let unit = unit::Unit::new(path, lexed, &headers, project);
    let found = sites::find(&unit);
    let chosen = chosen || headers.iter().any(|header| header.arena);
    let idle = !found.allocates();
    let mut linked = match idle && !chosen && !arena::is_chosen(source) {
        true => arena::Found::default(),
        false => arena::plan(path, source, project, options, chosen),
    };
    // In an arena a null pointer reads as zeros: the verifier demands no check.
    let unchecked = linked.arena && options.on_null == OnNull::Auto;
    let mut checks = match unchecked {
        true => nulls::Checks::default(),
        false => nulls::plan(&unit, &found.sites, options),
    };
    missing::named(
        path,
        source,
        project,
        &mut checks.notices,
        &mut linked.notices,
    );
    // Only in files that are looked into anyway, and that programs for the kernel are built of.
    let ours = !linked.edits.is_empty() || !found.sites.is_empty();
    let kernel =
        || project.facts().links.has_program(path) || reach::reach(path, source, project).bpf;
    let exits = match ours && kernel() {
        true => nulls::exits(&unit, &found.sites, options),
        false => nulls::Exits::default(),
    };
    let plan = assemble(&unit, &found, &linked, &exits, checks).unwrap_or_else(|overlap| {
        // Calls and includes alone never overlap, so the file is still rewritten.
        let mut checks = nulls::Checks::default();
        checks.notices.push(Notice {
            span: overlap.second,
            rule: Rule::Unparsed,
            severity: Severity::Warning,
            message: "the NULL checks of this file get into each other's way; none is inserted"
                .into(),
            help: Some("insert them by hand, or report this file".into()),
        });
        assemble(&unit, &found, &linked, &exits, checks).unwrap_or_else(|overlap| {
            let notice = Notice {
                span: overlap.second,
                rule: Rule::Unparsed,
                severity: Severity::Warning,
                message:
                    "two edits of this place get into each other's way; the file stays as it is"
                        .into(),
                help: Some("write this place in several statements, and report it".into()),
            };
            Plan::new(Vec::new(), vec![notice]).unwrap_or_default()
        })
    });
    // A call that was not one of the allocator's as it stood may point into the arena once it is.
    // Nor is what a function returns known where it did not return.
    let again = linked.arena || !exits.edits.is_empty();
    (plan, again && !linked.fixed)
}

/// Puts the parts of a plan together.
fn assemble(
    unit: &unit::Unit,
    found: &sites::Sites,
    linked: &arena::Found,
    exits: &nulls::Exits,
    checks: nulls::Checks,
) -> Result<Plan, Overlap> {
    // Checks come first: what they put in front of a call stands before its new prefix.
    let others = found.sites.iter().map(call_edit);
    let others = others.chain(linked.edits.iter().cloned());
    let others = others.chain(exits.edits.iter().cloned()).collect();
    let mut edits = checks.settle(unit.source(), others);
    let mut notices = found.notices.clone();
    notices.extend(checks.notices);
    notices.extend(linked.notices.iter().cloned());
    notices.extend(exits.notices.iter().cloned());
    let first_call = found.sites.iter().find(|s| s.directive.is_none());
    let in_directive = |at: usize| {
        let directives = &unit.lexed.directives;
        let next = directives.partition_point(|d| d.end < at);
        directives.get(next).is_some_and(|d| d.start <= at)
    };
    let first_edit = linked.edits.iter().map(|e| e.span.start);
    let lowered = calls::first_use(unit.source());
    let first_edit = first_edit.chain(lowered).filter(|&at| !in_directive(at));
    let first_use = first_call
        .map(|s| s.span.start)
        .into_iter()
        .chain(first_edit)
        .min();
    let need = include::Need {
        first_use,
        arena: linked.arena && !linked.said,
        stored: linked.stored && !linked.said,
        used: lowered.is_some() || edits.iter().any(include::is_needed_by),
        provided: is_provided(unit, first_use),
        brought: linked.brought,
        leftover: found.leftover,
        own_arena: linked.own_arena.clone(),
        library: memchr::memmem::find(unit.source(), library::DEFINE.as_bytes()).is_some(),
    };
    let (includes, kept) = include::plan(unit, need, &edits);
    edits.extend(includes);
    notices.extend(kept);
    Plan::new(edits, notices)
}

/// The tokens of a file, if it can hold anything to rewrite.
fn read<'s>(source: &'s [u8], project: &dyn Project) -> Option<lexer::Lexed<'s>> {
    let names = &project.facts().names;
    if names.is_empty() && !may_matter(source) {
        return None;
    }
    let lexed = lexer::lex(source);
    let lowered = || calls::first_use(source).is_some();
    let matters = lowered() || uses_family(&lexed) || mentions(&lexed, project);
    matters.then_some(lexed)
}

/// Whether a file mentions a function or macro of another one that hands out blocks.
fn mentions_others(source: &[u8], project: &dyn Project) -> bool {
    !project.facts().names.is_empty() && mentions(&lexer::lex(source), project)
}

fn mentions(lexed: &lexer::Lexed, project: &dyn Project) -> bool {
    let names = &project.facts().names;
    let one = |t: &lexer::Token| t.kind == lexer::Kind::Ident && names.contains(&*lexed.text(t));
    !names.is_empty() && (lexed.tokens.iter().any(one) || lexed.inner.iter().any(one))
}

/// Whether a file was rewritten already: it calls a replacement, or says where its heap lies.
fn uses_replacement(lexed: &lexer::Lexed) -> bool {
    let is_one = |token: &lexer::Token| {
        token.kind == lexer::Kind::Ident && {
            let word = lexed.text(token);
            family::Alloc::replaced_by(&word).is_some() || *word == *arena::DEFINE.as_bytes()
        }
    };
    lexed.tokens.iter().any(is_one) || lexed.inner.iter().any(is_one)
}

/// Whether a name of the allocator stands outside of comments and literals, other than as a member.
fn uses_family(lexed: &lexer::Lexed) -> bool {
    let used = |tokens: &[lexer::Token]| {
        let mut member = false;
        tokens.iter().any(|token| {
            let here = !member && token.kind == lexer::Kind::Ident;
            member = token.is(lexer::op(".")) || token.is(lexer::op("->"));
            here && filter::is_family(&lexed.text(token))
        })
    };
    used(&lexed.tokens)
        || used(&lexed.inner)
        || lexed.comments.iter().any(|comment| comment.trigraph)
}

/// Whether a file that includes this header gets the allocator's header with it: it includes it
/// already, or will once it is rewritten in the same run.
fn provides(header: &headers::HeaderInfo, project: &dyn Project) -> bool {
    if header.provides
        || project
            .facts()
            .links
            .edited()
            .any(|path| path == header.path)
    {
        return true;
    }
    if !header.allocates || !project.rewritten(&header.path) {
        return false;
    }
    let lexed = lexer::lex(&header.bytes);
    let headers = headers::reachable(&header.path, &lexed, project);
    let unit = unit::Unit::new(&header.path, lexed, &headers, project);
    !sites::find(&unit).sites.is_empty()
}

/// Whether a header that is included above the first use brings the allocator's header.
fn is_provided(unit: &unit::Unit, first_use: Option<usize>) -> bool {
    let brings = |header: &headers::HeaderInfo| provides(header, unit.project);
    if !unit.headers.iter().any(|header| brings(header.info)) {
        return false;
    }
    let above = lexer::lex(&unit.source()[..first_use.unwrap_or(unit.source().len())]);
    let mut headers = headers::reachable(unit.path, &above, unit.project).into_iter();
    headers.any(|header| brings(&header))
}

/// The edit that turns a call into one of the replacement: an insertion, so that line splices and
/// whatever else stands in or around the name keep their bytes.
fn call_edit(site: &sites::Site) -> Edit {
    let name = site.call.name();
    Edit {
        span: Span::at(site.span.start),
        text: family::PREFIX.into(),
        kind: EditKind::Call,
        reason: format!(
            "`{name}` of the C library becomes `{}{name}`",
            family::PREFIX
        ),
    }
}
