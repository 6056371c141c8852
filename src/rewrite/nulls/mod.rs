//! Missing NULL checks.
//!
//! The verifier refuses a program that follows a pointer which may be NULL, and clang deletes the
//! allocator's own check where the source does not test. Each function that allocates is followed
//! path by path ([`flow`], [`exec`], [`eval`], [`calls`]); what is missing is planned by [`plan`] and
//! written by [`insert`]; how the function leaves is decided in [`exits`] and [`reuse`], and what
//! it gives back before that in [`cleanup`].

mod calls;
mod cleanup;
mod cond;
mod eval;
mod exec;
mod exits;
mod flow;
mod head;
mod insert;
mod known;
mod macros;
mod mask;
mod paths;
mod place;
mod plan;
mod reuse;
mod search;
mod style;
mod summary;
mod unit;
mod value;

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::ast::Stmt;
use super::family::Alloc;
use super::outline::Outline;
use super::plan::{Edit, Notice, Rule, Severity};
use super::project::Facts;
use super::sites::Site;
use super::syntax::{self, As, Unread};
use super::unit::Unit;
use super::{OnNull, Options};
use crate::c::Span;
use crate::c::bytes::{decode, encode, shown};
use crate::c::conditionals::Conditionals;
use crate::c::lexer::{Kind, Lexed, Token, lex, op};
use head::{Head, Returns};
use macros::Macros;
use mask::{Masking, mask};
use summary::Summary;
use unit::{File, Files};

/// How many configurations of a function are looked at: conditional groups rarely have more arms.
const CONFIGURATIONS: usize = 4;

/// What is planned for one file.
#[derive(Debug, Default)]
pub struct Checks {
    /// What is inserted and moved.
    pub edits: Vec<Edit>,
    /// What a person has to do.
    pub notices: Vec<Notice>,
    /// Calls whose text was moved, and their names rewritten with it.
    pub consumed: BTreeSet<Span>,
}

/// A function of the file or of a header.
pub(crate) struct Function {
    /// The file.
    pub file: usize,
    /// Its frame in that file's outline.
    pub frame: usize,
    /// Its head.
    pub head: Head,
}

/// The text of a function in one configuration, as a tree.
type Tree = Result<Rc<Stmt>, Unread>;

/// All that is known around the functions of a file.
pub(crate) struct Context<'c> {
    pub files: &'c Files<'c>,
    pub macros: &'c Macros,
    pub facts: &'c Facts,
    functions: Vec<Function>,
    by_name: HashMap<String, usize>,
    /// Names through which an allocation can come about.
    allocating: HashSet<Vec<u8>>,
    /// Names through which a path may come to hold something: those, and what acquires references.
    holding: HashSet<Vec<u8>>,
    trees: RefCell<HashMap<(usize, usize), Tree>>,
    summaries: RefCell<HashMap<usize, Rc<Summary>>>,
    open: RefCell<Vec<usize>>,
    words: OnceCell<HashSet<Vec<u8>>>,
}

/// How deep calls of functions of the program are followed into each other.
const CALL_DEPTH: usize = 12;

impl<'c> Context<'c> {
    fn new(files: &'c Files<'c>, macros: &'c Macros, facts: &'c Facts) -> Self {
        let mut functions = Vec::new();
        let mut by_name = HashMap::new();
        for file in 0..files.len() {
            for frame in files.get(file).outline.functions() {
                if let Some(head) = head::head(files, file, frame) {
                    by_name.entry(head.name.clone()).or_insert(functions.len());
                    functions.push(Function { file, frame, head });
                }
            }
        }
        let mut context = Self {
            files,
            macros,
            facts,
            functions,
            by_name,
            allocating: HashSet::new(),
            holding: HashSet::new(),
            trees: RefCell::default(),
            summaries: RefCell::default(),
            open: RefCell::default(),
            words: OnceCell::new(),
        };
        let (allocating, holding) = context.find_allocating();
        context.allocating = allocating;
        context.holding = holding;
        context
    }

    /// The identifiers of a file. Only the planned file is ever asked for.
    fn words(&self, file: usize) -> &HashSet<Vec<u8>> {
        self.words.get_or_init(|| {
            let lexed = self.files.get(file).lexed;
            let all = lexed.tokens.iter().chain(&lexed.inner);
            all.filter(|t| t.kind == Kind::Ident)
                .map(|t| lexed.text(t).into_owned())
                .collect()
        })
    }

    /// Everything that may allocate: functions and macros that call the allocator, and those that
    /// call them; and the same with what acquires references on top. Linear in the length of the
    /// files.
    fn find_allocating(&self) -> (HashSet<Vec<u8>>, HashSet<Vec<u8>>) {
        let mut open: Vec<Vec<u8>> = Vec::new();
        // By name, who mentions it.
        let mut callers: HashMap<Vec<u8>, Vec<Vec<u8>>> = HashMap::new();
        for (index, function) in self.functions.iter().enumerate() {
            let lexed = self.files.get(function.file).lexed;
            let name = function.head.name.as_bytes();
            let mut names = HashSet::new();
            let mut direct = false;
            for token in self.tokens(index) {
                if token.kind == Kind::Ident {
                    let call = self.files.site(function.file, token);
                    direct |= call.is_some_and(allocates);
                    names.insert(lexed.text(token).into_owned());
                }
            }
            if direct {
                open.push(name.to_vec());
            }
            for mentioned in names {
                callers.entry(mentioned).or_default().push(name.to_vec());
            }
        }
        for (name, names, direct) in self.macros.mentions(self.files) {
            if direct {
                open.push(name.to_vec());
            }
            for mentioned in names {
                callers.entry(mentioned).or_default().push(name.to_vec());
            }
        }
        for name in callers.keys() {
            let facts = self.facts.functions.get(name);
            let local = self.by_name.contains_key(&decode(name));
            if !local && facts.is_some_and(|facts| facts.allocates) {
                open.push(name.clone());
            }
        }
        let allocating = with_callers(open, HashSet::new(), &callers);
        let acquires = |name: &&Vec<u8>| {
            let known = known::find(&decode(name));
            matches!(
                known,
                Some(known::Known::Acquire(_) | known::Known::Enter(_))
            )
        };
        let acquiring = callers.keys().filter(acquires).cloned().collect();
        let holding = with_callers(acquiring, allocating.clone(), &callers);
        (allocating, holding)
    }

    /// Whether a function stands here whose calls change nothing on a path that holds nothing.
    pub fn is_idle(&self, name: &str) -> bool {
        self.by_name.contains_key(name) && !self.holding.contains(&encode(name))
    }

    /// What functions that allocate call, and nothing is known of. With `deep`, also what the
    /// functions call that those call.
    fn unknown_calls(&self, deep: bool) -> HashSet<Vec<u8>> {
        let mut unknown = HashSet::new();
        let allocates = |&index: &usize| {
            let function = &self.functions[index];
            function.file == 0 && self.allocating.contains(function.head.name.as_bytes())
        };
        let mut open: Vec<usize> = (0..self.functions.len()).filter(allocates).collect();
        let mut seen: HashSet<usize> = open.iter().copied().collect();
        while let Some(index) = open.pop() {
            let lexed = self.files.get(self.functions[index].file).lexed;
            for pair in self.tokens(index).windows(2) {
                if pair[0].kind != Kind::Ident || !pair[1].is(op("(")) {
                    continue;
                }
                let word = lexed.text(&pair[0]);
                let name = decode(&word);
                if let Some(&callee) = self.by_name.get(&name) {
                    if deep && seen.insert(callee) {
                        open.push(callee);
                    }
                    continue;
                }
                let known = super::stream::is_statement_word(&word)
                    || Alloc::named(&word).is_some()
                    || Alloc::replaced_by(&word).is_some()
                    || self.macros.get(&word).is_some()
                    || known::is_known(&name);
                if !known {
                    unknown.insert(word.into_owned());
                }
            }
        }
        unknown
    }

    fn tokens(&self, function: usize) -> &'c [Token] {
        let function = &self.functions[function];
        let file = self.files.get(function.file);
        let frame = &file.outline.frames[function.frame];
        let open = frame.open.unwrap_or(frame.close);
        let end = (frame.close + 1).min(file.lexed.tokens.len());
        &file.lexed.tokens[open.min(end)..end]
    }

    /// How many configurations tell all arms of the conditionals in a function apart.
    fn configurations(&self, function: usize) -> usize {
        let tokens = self.tokens(function);
        let (Some(first), Some(last)) = (tokens.first(), tokens.last()) else {
            return 1;
        };
        let conditionals = self.files.get(self.functions[function].file).conditionals;
        let arms = conditionals
            .groups
            .iter()
            .filter(|group| !group.guard)
            .filter(|group| {
                group
                    .arms
                    .iter()
                    .any(|arm| arm.start < last.end && first.start < arm.end)
            })
            .map(|group| {
                let live = group.arms.iter().filter(|arm| !arm.dead).count();
                live + usize::from(!group.has_else)
            });
        arms.max().unwrap_or(1).clamp(1, CONFIGURATIONS)
    }

    /// The tree of a function in one configuration.
    fn tree(&self, function: usize, configuration: usize) -> Tree {
        let key = (function, configuration);
        if let Some(tree) = self.trees.borrow().get(&key) {
            return tree.clone();
        }
        let file = self.files.get(self.functions[function].file);
        let tokens = self.tokens(function);
        let span = match (tokens.first(), tokens.last()) {
            (Some(first), Some(last)) => first.start..last.end,
            _ => 0..0,
        };
        let dropped = dropped(file.conditionals, &span, configuration);
        let text = mask(&Masking {
            lexed: file.lexed,
            tokens: tokens
                .iter()
                .filter(|t| !dropped.iter().any(|arm| arm.contains(&t.start)))
                .copied()
                .collect(),
            span: span.clone(),
            shape: &|name| self.macros.shape(name),
            statements: true,
        });
        let tree = syntax::read(&text, span.start, As::Body).map(Rc::new);
        self.trees.borrow_mut().insert(key, tree.clone());
        tree
    }

    /// What a function of the program does; none if there is no such function here.
    pub fn summary(&self, name: &str) -> Option<Rc<Summary>> {
        let &function = self.by_name.get(name)?;
        if let Some(known) = self.summaries.borrow().get(&function) {
            return Some(Rc::clone(known));
        }
        let head = &self.functions[function].head;
        if self.open.borrow().contains(&function) || self.open.borrow().len() > CALL_DEPTH {
            return Some(Rc::new(Summary::unknown(head)));
        }
        self.open.borrow_mut().push(function);
        let summary = Rc::new(match self.tree(function, 0) {
            Ok(tree) => plan::summary(self, function, &tree),
            Err(_) => Summary::unknown(head),
        });
        self.open.borrow_mut().pop();
        self.summaries
            .borrow_mut()
            .insert(function, Rc::clone(&summary));
        Some(summary)
    }
}

/// Adds the names in `open`, and everybody who mentions them, directly or through others.
fn with_callers(
    mut open: Vec<Vec<u8>>,
    mut found: HashSet<Vec<u8>>,
    callers: &HashMap<Vec<u8>, Vec<Vec<u8>>>,
) -> HashSet<Vec<u8>> {
    while let Some(name) = open.pop() {
        if found.insert(name.clone()) {
            open.extend(callers.get(&name).into_iter().flatten().cloned());
        }
    }
    found
}

/// Whether a call returns a block, one way or another.
fn allocates(call: Alloc) -> bool {
    !matches!(call, Alloc::Free | Alloc::UsableSize)
}

/// The byte ranges that a configuration does not compile.
fn dropped(
    conditionals: &Conditionals,
    span: &std::ops::Range<usize>,
    configuration: usize,
) -> Vec<std::ops::Range<usize>> {
    let mut dropped = Vec::new();
    for group in conditionals.groups.iter().filter(|group| !group.guard) {
        let live: Vec<usize> = (0..group.arms.len())
            .filter(|&arm| !group.arms[arm].dead)
            .collect();
        let choices = live.len() + usize::from(!group.has_else);
        let kept = live
            .get(configuration.min(choices.saturating_sub(1)))
            .copied();
        // A function that stands in an arm is compiled with that arm.
        let inside = group
            .arms
            .iter()
            .position(|arm| arm.start <= span.start && span.end <= arm.end);
        for (index, arm) in group.arms.iter().enumerate() {
            if Some(index) != inside.or(kept) && arm.start < span.end && span.start < arm.end {
                dropped.push(arm.start..arm.end);
            }
        }
    }
    dropped
}

/// The tokens of a header with what is found out from them.
struct Read<'a> {
    lexed: &'a Lexed<'a>,
    conditionals: Conditionals,
    outline: Outline,
    calls: HashSet<usize>,
}

impl<'a> Read<'a> {
    fn new(unit: &Unit, lexed: &'a Lexed<'a>) -> Self {
        let conditionals = Conditionals::new(lexed);
        Self {
            lexed,
            outline: Outline::new(lexed, &conditionals),
            conditionals,
            calls: calls_of_header(unit, lexed),
        }
    }
}

/// Prepares the files around a unit and hands the context to `work`.
fn with_context<T>(unit: &Unit, sites: &[Site], work: impl FnOnce(&Context) -> T) -> T {
    let mut headers: Vec<Read> = unit
        .headers
        .iter()
        .filter(|header| {
            let name = header.info.path.to_string_lossy();
            !super::include::is_allocator_header(&name)
        })
        .map(|header| Read::new(unit, &header.lexed))
        .collect();
    // Headers that do not allocate may still check what they are given.
    let known: HashSet<_> = unit.headers.iter().map(|h| &h.info.path).collect();
    let first = in_context(unit, sites, &headers, |ctx| {
        let unknown = ctx.unknown_calls(false);
        let mut more = match unknown.is_empty() {
            true => Vec::new(),
            false => search::headers_with(unit.path, &unit.lexed, unit.project, &unknown),
        };
        more.retain(|header| !known.contains(&header.path));
        match more.is_empty() {
            true => Ok(work(ctx)),
            false => Err((more, work)),
        }
    });
    let (more, work) = match first {
        Ok(done) => return done,
        Err(again) => again,
    };
    let more: Vec<Lexed> = more.iter().map(|header| lex(&header.bytes)).collect();
    headers.extend(more.iter().map(|lexed| Read::new(unit, lexed)));
    in_context(unit, sites, &headers, work)
}

fn in_context<T>(
    unit: &Unit,
    sites: &[Site],
    headers: &[Read],
    work: impl FnOnce(&Context) -> T,
) -> T {
    let mut files = vec![File {
        lexed: &unit.lexed,
        conditionals: &unit.conditionals,
        outline: &unit.outline,
        calls: sites.iter().map(|site| site.span.start).collect(),
    }];
    files.extend(headers.iter().map(|header| File {
        lexed: header.lexed,
        conditionals: &header.conditionals,
        outline: &header.outline,
        calls: header.calls.clone(),
    }));
    let files = Files::new(files);
    let macros = Macros::new(&files);
    work(&Context::new(&files, &macros, unit.project.facts()))
}

/// The calls of the allocator in a header: it is rewritten by itself, so its names decide.
fn calls_of_header(unit: &Unit, lexed: &Lexed) -> HashSet<usize> {
    lexed
        .tokens
        .iter()
        .chain(&lexed.inner)
        .filter(|token| token.kind == Kind::Ident)
        .filter(|token| {
            Alloc::named(&lexed.text(token)).is_some_and(|call| unit.own_definition(call).is_none())
        })
        .map(|token| token.start)
        .collect()
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

/// Plans the missing NULL checks of a file. Work per function is bounded.
pub fn plan(unit: &Unit, sites: &[Site], options: &Options) -> Checks {
    if options.on_null == OnNull::Off || is_allocator(unit) {
        return Checks::default();
    }
    with_context(unit, sites, |ctx| plan::file(ctx, options))
}

/// What the functions of a file with external linkage do with blocks; those that allocate, and
/// those that others want.
pub fn facts(unit: &Unit, sites: &[Site]) -> Facts {
    let mut facts = Facts::default();
    if is_allocator(unit) {
        return facts;
    }
    with_context(unit, sites, |ctx| {
        for function in &ctx.functions {
            if function.file != 0 || function.head.local || function.head.section.is_some() {
                continue;
            }
            let name = function.head.name.clone().into_bytes();
            let returns = matches!(function.head.returns, Returns::Pointer | Returns::Hidden);
            let hands_out = returns && ctx.allocating.contains(&name);
            if !hands_out && !ctx.facts.wanted.contains(&name) {
                facts.left_out.insert(name);
            } else if let Some(summary) = ctx.summary(&function.head.name) {
                if summary.allocates {
                    facts.names.insert(name.clone());
                }
                facts.functions.insert(name, summary.facts());
            }
        }
        facts.wanted.extend(ctx.unknown_calls(true));
        // What a header defines, macros and inline functions, its includers can use.
        if unit.path.extension().is_none_or(|ending| ending != "c") {
            facts.names.extend(ctx.allocating.iter().cloned());
        }
    });
    facts
}

/// The notice about a function that could not be read.
fn unread(span: Span, name: &str) -> Notice {
    Notice {
        span,
        rule: Rule::Unparsed,
        severity: Severity::Warning,
        message: format!(
            "`{}` could not be read well enough to look for missing NULL checks",
            shown(name)
        ),
        help: Some(
            "make sure that every result of an allocation is compared with NULL before it is used"
                .into(),
        ),
    }
}
