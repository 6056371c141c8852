//! Linked data: pointers into the heap that are stored in memory and followed later.
//!
//! From a map such a pointer comes back as a plain number, which the verifier lets nobody follow.
//! An arena (Linux 6.9) has no such limit, but wants to be told by the types which pointers point
//! into it. This module finds out whether a program needs that, and writes it down:
//!
//! 1. [`crate::c::cpp`] preprocesses the translation unit, and [`read`] walks its tree once, noting which
//!    address spaces have to be the same ([`vars`]).
//! 2. Where a macro's body is used several times, one text has to fit all uses. A function that
//!    is used with memory of the arena and with other memory is read once for each of its calls,
//!    and becomes several functions where they differ ([`versions`]).
//! 3. [`edits`] turns the result into text: `__arena`, `can_loop` ([`loops`]), linkage.
//!
//! The compiler checks it: clang refuses a program that mixes address spaces.

mod along;
mod choices;
mod copies;
mod edits;
mod facts;
mod followed;
mod helpers;
mod jumps;
mod linkage;
mod links;
mod loops;
mod moves;
mod numbers;
mod plan;
mod read;
mod rounds;
mod stored;
mod tables;
mod types;
mod vars;
mod versions;

pub use self::links::{Known, Links};
pub use self::plan::{DEFINE, Found, is_chosen, links, plan};
pub use self::stored::DEFINE_STORED;

use std::collections::{BTreeSet, HashSet};
use std::path::Path;
use std::sync::{Arc, PoisonError};

use rustc_hash::FxHashMap;

use self::along::take_along;
use self::edits::{Editor, FileEdit, Trouble, tidy};
use self::facts::Instance;
use self::followed::{followed, loaded_and_followed, loads_to_follow};
use self::loops::Search;
use self::read::Reading;
use self::vars::{Conflict, Plain, Seed, Tok, Var};
use crate::c::cpp::{FileId, Loc, Unit};
use crate::c::types::{EntityId, Model};
use crate::rewrite::parsed::Parsed;

/// Where the heap lies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backend {
    /// In an arena if pointers into the heap are stored and followed later, in maps otherwise.
    #[default]
    Auto,
    /// In maps (Linux 5.10).
    Map,
    /// In an arena (Linux 6.9).
    Arena,
    /// In maps, and pointers that were stored are turned back where they are followed: for
    /// kernels without arenas.
    Stored,
}

/// What was found out about a translation unit.
#[derive(Debug)]
pub(super) struct Linked {
    /// The heap lies in an arena.
    arena: bool,
    /// Pointers are stored and turned back.
    stored: bool,
    /// The pointer that is loaded from memory, and where it is followed.
    why: Option<(Tok, Tok)>,
    /// What says so, in all files of the unit.
    edits: BTreeSet<FileEdit>,
    /// What could not be done.
    troubles: BTreeSet<Trouble>,
    /// Output that goes.
    dropped: BTreeSet<Trouble>,
    /// What was not understood.
    lost: Vec<Tok>,
    /// What other files have to know.
    links: Arc<Links>,
    /// Why each declaration was qualified.
    reasons: Vec<(Tok, String)>,
}

/// The last look at a unit: what was found, and what was known of other files.
#[derive(Debug)]
pub(super) struct Last {
    backend: Backend,
    explain: bool,
    told: links::Told,
    linked: Arc<Linked>,
}

/// Looks at a translation unit, unless the last look had the same before it.
fn analyse(
    path: &Path,
    parsed: &Parsed,
    backend: Backend,
    others: &Links,
    explain: bool,
) -> Arc<Linked> {
    let mut last = parsed.last.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(last) = &*last
        && (last.backend, last.explain) == (backend, explain)
        && last.told == others.told(path, &last.linked.links)
    {
        return Arc::clone(&last.linked);
    }
    let linked = Arc::new(look(path, parsed.model(), backend, others, explain));
    *last = Some(Last {
        backend,
        explain,
        told: others.told(path, &linked.links),
        linked: Arc::clone(&linked),
    });
    linked
}

/// Looks at a translation unit.
fn look(path: &Path, model: &Model, backend: Backend, others: &Links, explain: bool) -> Linked {
    let mut several = HashSet::new();
    // Each round gives the calls of more functions readings of their own.
    for _ in 0..ROUNDS {
        let (reading, needed, why) = read(model, backend, others, &several);
        let more = match needed {
            true => shared(&reading, &several),
            false => HashSet::new(),
        };
        if more.is_empty() {
            return finish(path, &reading, others, needed, why, backend, explain);
        }
        several.extend(more);
    }
    let (reading, needed, why) = read(model, backend, others, &several);
    finish(path, &reading, others, needed, why, backend, explain)
}

#[allow(clippy::too_many_arguments)]
fn finish(
    path: &Path,
    reading: &Reading,
    others: &Links,
    needed: bool,
    why: Option<(Tok, Tok)>,
    backend: Backend,
    explain: bool,
) -> Linked {
    let mut linked = Linked {
        arena: needed,
        stored: false,
        why,
        edits: BTreeSet::new(),
        troubles: BTreeSet::new(),
        dropped: BTreeSet::new(),
        lost: reading.lost.iter().map(|l| l.tok).collect(),
        links: Arc::default(),
        reasons: Vec::new(),
    };
    if needed {
        write(reading, others, &mut linked, explain);
    } else if backend == Backend::Stored && linked.why.is_some() {
        store(reading, others, &mut linked);
    } else if !reading.allocations.is_empty() || leaves_out_allocations(reading.unit) {
        let mut editor = Editor::new(reading).in_maps();
        editor.generics(&|_| true);
        editor.linkage(others);
        editor.tables();
        editor.whole();
        linked.edits = editor.take();
        linked.troubles = std::mem::take(&mut editor.troubles);
        linked.dropped = std::mem::take(&mut editor.dropped);
    }
    tidy::once(&mut linked.edits);
    tidy::without_detours(&mut linked.edits);
    linked.links = Arc::new(Links::of(path, reading, needed, &linked.edits));
    linked
}

/// Whether code that conditions leave out names the allocator: the file gets its header, and the C
/// library has to come from there in every configuration.
fn leaves_out_allocations(unit: &Unit) -> bool {
    unit.skipped.iter().any(|loc| {
        let bytes = &unit.file(loc.file).bytes;
        let text = bytes.get(loc.start as usize..loc.end as usize);
        loc.file == FileId::MAIN && text.is_some_and(crate::rewrite::filter::mentions_family)
    })
}

/// How often more functions get readings of their own.
const ROUNDS: usize = 4;

/// Reads a unit. Whether it needs an arena, and why.
fn read<'a>(
    model: &'a Model<'a>,
    backend: Backend,
    others: &Links,
    several: &'a HashSet<EntityId>,
) -> (Reading<'a>, bool, Option<(Tok, Tok)>) {
    let mut reading = read::read(model, several);
    if backend != Backend::Map {
        others.seed(&mut reading);
    }
    settle(&mut reading);
    reading.moving = matches!(backend, Backend::Auto | Backend::Arena);
    reading.movable();
    let mut why = reason(&reading);
    if why.is_none() && backend == Backend::Auto && !reading.allocations.is_empty() {
        let search = Search::new(&reading);
        let free = reading.followed_freely(&search, false);
        let helped = reading
            .arguments
            .iter()
            .any(|a| reading.vars.is_arena(a.space));
        let reached = free.first().map(|f| f.1);
        let reached = reached.or_else(|| reading.keeps_on_stack(&search));
        let reached = reached.or_else(|| reading.outgrows_stack());
        let reached = reached.or_else(|| reading.filled_untested().next().map(|f| f.1));
        let mut calculated = reading.calculated.iter();
        let calculated = calculated.find(|c| reading.vars.is_arena(c.0));
        let reached = reached.or(calculated.map(|c| c.1).filter(|_| !helped));
        // A loop that the verifier follows until its patience ends; memory that helpers take stays
        // where they take it.
        let reached = reached.or_else(|| search.unseen().filter(|_| !helped));
        // The verifier takes an address outside of an arena for a pointer, whatever the type says.
        let can_take = reading.can_take();
        let numbers = reading.unprovable.iter();
        let mut numbers =
            numbers.filter(|(space, _)| reading.vars.is_arena(*space) || can_take(*space));
        let reached = reached.or(reading.wants_arena);
        let reached = reached.or_else(|| numbers.next().map(|n| n.1));
        why = reached.map(|tok| (tok, tok));
    }
    let needed = match backend {
        Backend::Map => false,
        Backend::Arena => true,
        Backend::Auto => why.is_some(),
        Backend::Stored => false,
    };
    while needed && take_along(&mut reading) {
        settle(&mut reading);
    }
    (reading, needed, why)
}

/// The same for kernels without arenas.
fn store(reading: &Reading, others: &Links, linked: &mut Linked) {
    linked.stored = true;
    let heap = |space: Var| reading.vars.is_arena(space);
    let mut editor = Editor::new(reading).in_maps();
    editor.generics(&|_| true);
    editor.restore(&followed(reading, heap));
    editor.bounded();
    editor.linkage(others);
    editor.other_addresses();
    editor.whole();
    linked.edits = editor.take();
    linked.troubles = std::mem::take(&mut editor.troubles);
    linked.dropped = std::mem::take(&mut editor.dropped);
}

fn write(reading: &Reading, others: &Links, linked: &mut Linked, explain: bool) {
    let mut editor = Editor::new(reading);
    editor.collect(Instance(0));
    editor.linkage(others);
    editor.mention();
    editor.globals();
    editor.moves();
    editor.tables();
    editor.literals();
    editor.choices();
    editor.nulls();
    editor.rounds();
    editor.whole();
    let lent = editor.helpers();
    linked.edits = editor.take();
    linked.troubles = std::mem::take(&mut editor.troubles);
    linked.dropped = std::mem::take(&mut editor.dropped);
    if explain {
        let qualified = editor.qualified.iter();
        linked.reasons = qualified
            .map(|&(tok, var)| (tok, because(reading, var)))
            .collect();
    }
    versions::write(&editor, &mut linked.edits, &mut linked.troubles);
    for conflict in reading.vars.conflicts() {
        linked.troubles.insert(mixed(reading, &conflict));
    }
    for argument in lent {
        linked.troubles.insert(Trouble {
            tok: argument.start,
            message: "this function of the kernel takes no memory of the arena".into(),
            help: "copy it through a variable on the stack: static_memcpy takes memory of both \
                   kinds"
                .into(),
        });
    }
}

/// A place in the source that says address spaces: what is written once holds for all its uses.
type Spot = (FileId, u32, Instance, bool);

/// Makes all uses of one text agree: where a macro is used several times, what is written in its
/// body has to fit all of them.
fn settle(reading: &mut Reading) {
    // A cast makes no memory of the arena out of the context or the packet.
    let lent: HashSet<Var> = reading.vars.lent().collect();
    for (to, from, tok) in reading.meant.clone() {
        let lends = lent.contains(&reading.vars.find(from));
        if lends && !reading.vars.is_arena(from) && reading.vars.is_arena(to) {
            reading.vars.join(to, from, tok);
        }
    }
    let spots = spots(reading);
    let shared: Vec<Vec<(Var, Tok)>> = spots.into_values().filter(|vars| vars.len() > 1).collect();
    loop {
        let mut changed = false;
        for vars in &shared {
            let Some(&(arena, star)) = vars.iter().find(|v| reading.vars.is_arena(v.0)) else {
                continue;
            };
            let plain = |v: &(Var, Tok)| reading.vars.is_plain(v.0) && !reading.vars.is_arena(v.0);
            if vars.iter().any(plain) && reading.can_fit_both(star) {
                reading.both_kinds.insert(reading.unit.tokens[star].loc);
                continue;
            }
            for &(var, tok) in vars {
                if !reading.vars.is_arena(var) {
                    reading.vars.join(arena, var, tok);
                    changed = true;
                }
            }
        }
        if !changed {
            return;
        }
    }
}

fn spots(reading: &Reading) -> FxHashMap<Spot, Vec<(Var, Tok)>> {
    let mut spots: FxHashMap<Spot, Vec<(Var, Tok)>> = FxHashMap::default();
    let mut note = |tok: Tok, instance: Instance, after: bool, var: Var| {
        let token = &reading.unit.tokens[tok];
        let instance = match token.expansion {
            Some(_) => Instance(0),
            None => instance,
        };
        let spot = (token.loc.file, token.loc.start, instance, after);
        spots.entry(spot).or_default().push((var, tok));
    };
    let model = reading.model;
    let objects = reading.objects.iter();
    let numbers: BTreeSet<Tok> = objects
        .filter(|o| model.number(model[o.entity].ty).is_some())
        .map(|o| o.tok)
        .collect();
    for group in &reading.groups {
        for declared in &group.declarators {
            if let Some(base) = declared.base {
                // A number can be declared by itself, and need not lie where its neighbours lie.
                let own = group.splits
                    && group.declarators.len() > 1
                    && numbers.range(declared.start..declared.end).next().is_some();
                let specifiers = if own {
                    declared.start
                } else {
                    group.spec_end - 1
                };
                let tok = declared.star.unwrap_or(specifiers);
                note(tok, group.instance, false, base);
            }
        }
    }
    for after in &reading.after_stars {
        match reading.star_of_body(after.star) {
            Some(next) => note(next, after.instance, false, after.space),
            None => note(after.star, after.instance, true, after.space),
        }
    }
    spots
}

/// A pointer into the heap that is loaded from memory, and where it is followed, if the program
/// does that anywhere.
fn reason(reading: &Reading) -> Option<(Tok, Tok)> {
    let heap = |space: Var| reading.vars.is_arena(space);
    let found = loaded_and_followed(reading, heap).into_iter().next();
    if let Some((load, follow)) = found {
        return Some((load, follow.tok));
    }
    // A pointer to something else, in a block.
    let loads = loads_to_follow(reading, |s| !reading.vars.is_fixed(s));
    let mut loads = loads.into_iter();
    let load = loads.find(|load| reading.vars.is_arena(load.place))?;
    Some((load.tok, load.tok))
}

/// The functions whose parameters or results are used with both kinds of memory.
fn shared(reading: &Reading, known: &HashSet<EntityId>) -> HashSet<EntityId> {
    let mixed: HashSet<Var> = reading
        .vars
        .conflicts()
        .iter()
        .map(|c| reading.vars.find(c.plain))
        .collect();
    let mut found = HashSet::new();
    for function in &reading.functions {
        if function.definition.is_none_or(|d| d.program) || known.contains(&function.entity) {
            continue;
        }
        let spaces = reading.spaces(function);
        if spaces
            .iter()
            .any(|&s| mixed.contains(&reading.vars.find(s)))
        {
            found.insert(function.entity);
        }
    }
    found
}

/// A pointer that may hold memory of both kinds, with both origins.
fn mixed(reading: &Reading, conflict: &Conflict) -> Trouble {
    let unit = reading.unit;
    let origin = reading.vars.explain(conflict.plain, |s| s == Seed::Arena);
    let kind = match conflict.why {
        Plain::Stack => "on the stack",
        Plain::Section => "in a map or a section of its own",
        Plain::Literal => "a string literal",
        Plain::Context => "the context of the program",
        Plain::System => "declared in a header that is not rewritten",
        Plain::Helper => "from a function of the kernel",
        Plain::Packet => "the packet",
    };
    let (seed, way) = match &origin {
        Some((_, tok, way)) => (*tok, way.as_slice()),
        None => (conflict.plain_tok, &[][..]),
    };
    // Both meet somewhere on the way; where the other kind sets out is what the user changes.
    let tok = way.first().map_or(conflict.plain_tok, |w| w.1);
    Trouble {
        tok,
        message: format!(
            "a pointer may hold memory of the heap (allocated at {}) and other memory ({kind}, {})",
            place(unit, seed),
            place(unit, conflict.plain_tok),
        ),
        help: "allocate both, or keep them in variables of their own".into(),
    }
}

/// Why an address space is the arena, from the declaration to the allocation.
fn because(reading: &Reading, var: Var) -> String {
    let Some((_, seed, way)) = reading.vars.explain(var, |s| s == Seed::Arena) else {
        return "another file says so".into();
    };
    let mut steps: Vec<String> = Vec::new();
    for tok in way.iter().map(|w| w.1).chain([seed]) {
        let step = format!(
            "{} `{}`",
            place(reading.unit, tok),
            shown(reading.unit, tok)
        );
        if steps.last() != Some(&step) {
            steps.push(step);
        }
    }
    steps.join(", then ")
}

/// The line of a token, without its indentation and comments behind it.
fn shown(unit: &Unit, tok: Tok) -> String {
    let Some(token) = unit.tokens.get(tok) else {
        return String::new();
    };
    let loc = unit.visible_loc(token);
    let bytes = &unit.file(loc.file).bytes;
    let at = loc.start as usize;
    let start = memchr::memrchr(b'\n', &bytes[..at]).map_or(0, |n| n + 1);
    let end = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
    String::from_utf8_lossy(&bytes[start..end])
        .trim()
        .to_owned()
}

/// A token's place for people: the line, with the file if it is not the main one.
fn place(unit: &Unit, tok: Tok) -> String {
    let Some(token) = unit.tokens.get(tok) else {
        return "the end".into();
    };
    let loc = unit.visible_loc(token);
    let line = line(unit, loc);
    match loc.file {
        FileId::MAIN => format!("line {line}"),
        file => format!("{}:{line}", unit.file(file).path.display()),
    }
}

fn line(unit: &Unit, loc: Loc) -> usize {
    let bytes = &unit.file(loc.file).bytes[..loc.start as usize];
    memchr::memchr_iter(b'\n', bytes).count() + 1
}
