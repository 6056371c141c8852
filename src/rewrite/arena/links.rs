//! What the files of a run have to agree on, where pointers into the heap are stored and followed
//! later: headers, functions and variables that they share.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::edits::FileEdit;
use super::facts::{FuncId, ObjectKind};
use super::loops;
use super::read::Reading;
use super::vars::{Seed, Tok, Var};
use crate::c::Span;
use crate::c::cpp::{FileId, Loc};
use crate::rewrite::plan::Edit;
use crate::rewrite::project::Facts;

/// A place in a header where an address space is written: behind a `*`, or in the specifiers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spot {
    // First, for it is quickly compared and seldom the same.
    offset: u32,
    behind: bool,
    path: PathBuf,
}

/// What a file learns from others.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    chosen: bool,
    included: bool,
    program: bool,
    spots: BTreeSet<Spot>,
    functions: Vec<(Vec<u8>, BTreeSet<usize>)>,
    imports: Vec<Vec<u8>>,
    fixed: Vec<(Vec<u8>, BTreeSet<usize>)>,
    looping: Vec<Vec<u8>>,
}

/// What one file has to do with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Links {
    /// The file itself, if its heap lies in an arena.
    chosen: BTreeSet<PathBuf>,
    /// Headers of the project that it includes.
    headers: BTreeSet<PathBuf>,
    /// Edits of those headers.
    edits: BTreeMap<PathBuf, BTreeSet<(usize, usize, String, Kind)>>,
    /// Places in those headers where a pointer points into the arena.
    spots: BTreeSet<Spot>,
    /// Places there of pointers into the heap, whatever the backend, per file.
    stored: BTreeMap<PathBuf, BTreeSet<Spot>>,
    /// Places there of pointers that are loaded from memory and followed, per file.
    followed: BTreeMap<PathBuf, BTreeSet<Spot>>,
    /// By name of a function with external linkage: which of its pointers point into the arena.
    functions: BTreeMap<Vec<u8>, BTreeSet<usize>>,
    /// By name of such a function: which of its pointers point to memory that cannot lie there.
    fixed: BTreeMap<Vec<u8>, BTreeSet<usize>>,
    /// Per file, the names with external linkage that it declares.
    names: BTreeMap<PathBuf, Arc<BTreeSet<Vec<u8>>>>,
    /// Per file, those of them that it defines. What no file defines (functions of the kernel, the C
    /// library's) says nothing about which files belong together.
    defined: BTreeMap<PathBuf, Arc<BTreeSet<Vec<u8>>>>,
    /// Functions that a file uses without defining them.
    imports: BTreeSet<Vec<u8>>,
    /// Files that hold programs for the kernel, or are built or included with such files.
    programs: BTreeSet<PathBuf>,
    /// Functions with external linkage that loop, themselves or in what they call.
    looping: BTreeSet<Vec<u8>>,
}

/// The links of the files of a run, as far as they were asked for. Safe to share between threads.
#[derive(Debug, Default)]
pub struct Known(Mutex<HashMap<PathBuf, Answer>>);

/// The links of a file, and what they were found with.
#[derive(Debug)]
struct Answer {
    source: u64,
    /// The file mentions what hands out blocks, in other files or itself.
    named: bool,
    told: Told,
    links: Arc<Links>,
}

impl Known {
    /// The links of a file, if the last look at it had the same before it.
    pub fn get(
        &self,
        path: &Path,
        source: &[u8],
        named: bool,
        facts: &Facts,
    ) -> Option<Arc<Links>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = known.get(path)?;
        let same = answer.named == named
            && answer.source == hash(source)
            && answer.told == facts.links.told(path, &answer.links);
        same.then(|| Arc::clone(&answer.links))
    }

    /// Keeps the links of a file.
    pub fn keep(&self, path: &Path, source: &[u8], named: bool, facts: &Facts, links: &Arc<Links>) {
        let answer = Answer {
            source: hash(source),
            named,
            told: facts.links.told(path, links),
            links: Arc::clone(links),
        };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(path.to_owned(), answer);
    }

    /// Nobody will ask for a file again.
    pub fn forget(&self, path: &Path) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(path);
    }
}

/// Adds what is not there yet: most of what units say of headers, others have said before.
fn add<T: Ord + Clone>(all: &mut BTreeSet<T>, more: &BTreeSet<T>) {
    for item in more {
        if !all.contains(item) {
            all.insert(item.clone());
        }
    }
}

fn add_each<K: Ord + Clone, T: Ord + Clone>(
    all: &mut BTreeMap<K, BTreeSet<T>>,
    more: &BTreeMap<K, BTreeSet<T>>,
) {
    for (key, items) in more {
        match all.get_mut(key) {
            Some(known) => add(known, items),
            None => {
                all.insert(key.clone(), items.clone());
            }
        }
    }
}

fn hash(source: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(source);
    hasher.finish()
}

/// An edit's kind and reason, ordered.
type Kind = (crate::rewrite::plan::EditKind, String);

impl Links {
    /// What the files of a run have to agree on, from what each has to do with others. Headers
    /// that others include have no say of their own.
    pub fn of_all(each: &[(&Path, Arc<Self>)]) -> Self {
        let mut all = Self::default();
        for (_, links) in each {
            all.headers.extend(links.headers.iter().cloned());
        }
        for (path, links) in each {
            if !all.headers.contains(*path) {
                all.merge(links);
            }
        }
        all.agree();
        if all.chosen.is_empty() {
            // Nothing to agree on, but for linkage and what headers are for.
            all = Self {
                imports: all.imports,
                fixed: all.fixed,
                headers: all.headers,
                programs: all.programs,
                looping: all.looping,
                ..Self::default()
            };
        }
        all
    }

    /// Adds what another file has to do with others.
    pub fn merge(&mut self, other: &Self) {
        add(&mut self.chosen, &other.chosen);
        add(&mut self.headers, &other.headers);
        add_each(&mut self.edits, &other.edits);
        add(&mut self.spots, &other.spots);
        add_each(&mut self.stored, &other.stored);
        add_each(&mut self.followed, &other.followed);
        add_each(&mut self.functions, &other.functions);
        add_each(&mut self.fixed, &other.fixed);
        // Each file tells of its own names.
        for (path, names) in &other.names {
            self.names.insert(path.clone(), Arc::clone(names));
        }
        for (path, names) in &other.defined {
            self.defined.insert(path.clone(), Arc::clone(names));
        }
        add(&mut self.imports, &other.imports);
        add(&mut self.programs, &other.programs);
        add(&mut self.looping, &other.looping);
    }

    /// Whether a file holds programs for the kernel, or becomes a part of such a file.
    pub fn has_program(&self, path: &Path) -> bool {
        self.programs.contains(path)
    }

    /// Whether a file of the run uses a function that it does not define.
    pub(super) fn imports(&self, name: &[u8]) -> bool {
        self.imports.contains(name)
    }

    /// Settles which files are built into the same program: if the heap of one lies in an arena, that
    /// of all does.
    fn agree(&mut self) {
        // What one file stores, another follows.
        let stored: BTreeSet<&Spot> = self.stored.values().flatten().collect();
        let followed: BTreeSet<&Spot> = self.followed.values().flatten().collect();
        let both: BTreeSet<Spot> = stored
            .intersection(&followed)
            .map(|spot| (*spot).clone())
            .collect();
        for (path, spots) in self.stored.iter().chain(&self.followed) {
            if !spots.is_disjoint(&both) {
                self.chosen.insert(path.clone());
            }
        }
        self.spots.extend(both);
        let chosen = mem::take(&mut self.chosen);
        self.chosen = self.built_with(chosen);
        let programs = mem::take(&mut self.programs);
        self.programs = self.built_with(programs);
    }

    /// These files and those that are built into the same program, as far as their names tell.
    fn built_with(&self, mut files: BTreeSet<PathBuf>) -> BTreeSet<PathBuf> {
        // What one of them defines the other uses. Names that nobody defines are the kernel's; names
        // that both define are of different programs.
        let defines = |path: &PathBuf, name: &Vec<u8>| {
            self.defined.get(path).is_some_and(|own| own.contains(name))
        };
        loop {
            let mut given: BTreeSet<&Vec<u8>> = BTreeSet::new();
            let mut wanted: BTreeSet<&Vec<u8>> = BTreeSet::new();
            for path in &files {
                for name in self.names.get(path).into_iter().flat_map(|n| n.iter()) {
                    match defines(path, name) {
                        true => given.insert(name),
                        false => wanted.insert(name),
                    };
                }
            }
            let more: Vec<PathBuf> = self
                .names
                .iter()
                .filter(|(path, names)| {
                    let meets = |name: &Vec<u8>| match defines(path, name) {
                        true => wanted.contains(name),
                        false => given.contains(name),
                    };
                    !files.contains(*path) && names.iter().any(meets)
                })
                .map(|(path, _)| path.clone())
                .collect();
            if more.is_empty() {
                return files;
            }
            files.extend(more);
        }
    }

    /// These files and what has to stay as it is where they do: what is built with them, the headers
    /// that have to be edited for them, and those that include one of these. `each` are the files of
    /// the run, and what they have to do with others.
    pub fn staying(
        &self,
        mut files: BTreeSet<PathBuf>,
        each: &[(&Path, &Self)],
    ) -> BTreeSet<PathBuf> {
        loop {
            let known = files.len();
            files = self.built_with(files);
            for (path, own) in each {
                let edited = own.headers.iter().filter(|h| self.edits.contains_key(*h));
                if files.contains(*path) {
                    files.extend(edited.cloned());
                } else if edited.clone().any(|header| files.contains(header)) {
                    files.insert(path.to_path_buf());
                }
            }
            if files.len() == known {
                return files;
            }
        }
    }

    /// Whether it includes one of these headers of the project.
    pub fn includes(&self, headers: &BTreeSet<&Path>) -> bool {
        let mut own = self.headers.iter();
        own.any(|header| headers.contains(header.as_path()))
    }

    /// Has the heaps of these files lie in an arena too, and what that means for others.
    pub fn choose(&mut self, paths: impl Iterator<Item = PathBuf>) {
        let before = self.chosen.len();
        self.chosen.extend(paths);
        if self.chosen.len() > before {
            self.agree();
        }
    }

    /// Whether the heap of a file, or of those that include it, lies in an arena.
    pub fn chooses(&self, path: &Path) -> bool {
        self.chosen.contains(path) || self.edits.contains_key(path)
    }

    /// The headers that declare pointers into the heap, which other files may follow.
    pub fn carriers(&self) -> impl Iterator<Item = &Path> {
        let spots = self.stored.values().flatten();
        spots.map(|spot| spot.path.as_path())
    }

    /// What a file learns from these that has `own` to do with others.
    pub(super) fn told(&self, path: &Path, own: &Self) -> Told {
        let reached = |spot: &&Spot| spot.path == path || own.headers.contains(&spot.path);
        let names = || own.names.values().flat_map(|n| n.iter());
        let function = |name| Some((Vec::clone(name), self.functions.get(name)?.clone()));
        let fixed = |name| Some((Vec::clone(name), self.fixed.get(name)?.clone()));
        Told {
            chosen: self.chooses(path),
            included: self.is_included(path),
            program: self.has_program(path),
            spots: self.spots.iter().filter(reached).cloned().collect(),
            functions: names().filter_map(function).collect(),
            imports: names()
                .filter(|name| self.imports.contains(*name))
                .cloned()
                .collect(),
            fixed: names().filter_map(fixed).collect(),
            looping: names()
                .filter(|name| self.looping.contains(*name))
                .cloned()
                .collect(),
        }
    }

    /// The functions with external linkage that take or return pointers into the arena.
    pub fn functions(&self) -> impl Iterator<Item = &[u8]> {
        let some = self.functions.iter().filter(|(_, arena)| !arena.is_empty());
        some.map(|(name, _)| &name[..])
    }

    /// The names with external linkage that files declare whose heaps lie in an arena.
    pub fn names_of_chosen(&self) -> impl Iterator<Item = &[u8]> {
        let chosen = self.names.iter().filter(|(path, _)| self.chooses(path));
        chosen.flat_map(|(_, names)| names.iter().map(|name| &name[..]))
    }

    /// The headers that have to be edited.
    pub fn edited(&self) -> impl Iterator<Item = &Path> {
        self.edits.keys().map(PathBuf::as_path)
    }

    /// Whether files of the run include this one.
    pub(in crate::rewrite) fn is_included(&self, path: &Path) -> bool {
        self.headers.contains(path)
    }

    /// Whether files of the run include this one, and none of them keeps its heap in an arena.
    pub(super) fn in_maps(&self, path: &Path) -> bool {
        self.headers.contains(path) && !self.chooses(path)
    }

    /// The edits of a header that files of the run include; `None` if none does.
    pub(super) fn header(&self, path: &Path) -> Option<Vec<Edit>> {
        if !self.headers.contains(path) || !self.chooses(path) {
            return None;
        }
        // Units may want the same for different reasons.
        let mut last = None;
        let edits = self.edits.get(path).into_iter().flatten().filter(|edit| {
            let key = (edit.0, edit.1, &edit.2);
            let again = edit.0 < edit.1 && last == Some(key);
            last = Some(key);
            !again
        });
        Some(
            edits
                .map(|(start, end, text, (kind, reason))| Edit {
                    span: Span::new(*start, *end),
                    text: text.clone().into_bytes(),
                    kind: *kind,
                    reason: reason.clone(),
                })
                .collect(),
        )
    }

    /// What a file has to do with others.
    pub(super) fn of(
        path: &Path,
        reading: &Reading,
        arena: bool,
        edits: &BTreeSet<FileEdit>,
    ) -> Self {
        let unit = reading.unit;
        let mut links = Self::default();
        let ours = |id: FileId| id != FileId::MAIN && reading.is_ours(id);
        for (index, file) in unit.files.iter().enumerate() {
            if ours(FileId(index as u32)) {
                links.headers.insert(file.path.clone());
            }
        }
        let mut functions = reading.functions.iter();
        if functions.any(|f| f.definition.is_some_and(|d| d.program)) {
            links.programs.extend(links.headers.iter().cloned());
            links.programs.insert(path.to_owned());
        }
        let (names, defined) = names(reading);
        links.names.insert(path.to_owned(), Arc::new(names));
        links.defined.insert(path.to_owned(), Arc::new(defined));
        links.looping = loops::looping(reading);
        links.imports = reading
            .functions
            .iter()
            .filter(|f| {
                !f.system
                    && f.definition.is_none()
                    && !f.heads.is_empty()
                    && !reading.model.uses(f.entity).is_empty()
            })
            .map(|f| unit.symbols.text(f.name).to_vec())
            .collect();
        for (name, func) in external(reading) {
            let spaces = reading.spaces(&reading.functions[func.0 as usize]);
            let fixed = spaces.iter().enumerate();
            let fixed = fixed.filter(|(_, s)| reading.vars.is_fixed(**s));
            let fixed: BTreeSet<usize> = fixed.map(|(i, _)| i).collect();
            if !fixed.is_empty() {
                links.fixed.insert(name, fixed);
            }
        }
        let spot = |loc: Loc, behind: bool| Spot {
            path: unit.file(loc.file).path.clone(),
            offset: loc.start,
            behind,
        };
        let in_headers: Vec<_> = spots(reading)
            .filter(|(loc, ..)| ours(loc.file) && !reading.both_kinds.contains(loc))
            .collect();
        let followed: HashSet<Var> = super::followed(reading, |s| !reading.vars.is_plain(s))
            .into_iter()
            .map(|follow| reading.vars.find(follow.space))
            .collect();
        for &(loc, behind, var, _) in &in_headers {
            if reading.vars.is_arena(var) {
                let entry = links.stored.entry(path.to_owned()).or_default();
                entry.insert(spot(loc, behind));
            }
            if followed.contains(&reading.vars.find(var)) {
                let entry = links.followed.entry(path.to_owned()).or_default();
                entry.insert(spot(loc, behind));
            }
        }
        if !arena {
            return links;
        }
        links.chosen.insert(path.to_owned());
        // What needs the allocator's header has to say first where the heap lies; what says so already
        // stays a part of this unit, and is none by itself.
        for (index, file) in unit.files.iter().enumerate() {
            let needs = || {
                super::is_chosen(&file.bytes)
                    || crate::rewrite::calls::first_use(&file.bytes).is_some()
            };
            if ours(FileId(index as u32)) && needs() {
                links.edits.entry(file.path.clone()).or_default();
            }
        }
        for edit in edits.iter().filter(|e| ours(e.file)) {
            let path = unit.file(edit.file).path.clone();
            let kind = (edit.kind, edit.reason.clone());
            let entry = links.edits.entry(path).or_default();
            entry.insert((edit.start, edit.end, edit.text.clone(), kind));
        }
        links.spots.extend(links.stored.values().flatten().cloned());
        for (name, func) in external(reading) {
            let spaces = reading.spaces(&reading.functions[func.0 as usize]);
            let arena = spaces.iter().enumerate();
            let arena = arena.filter(|(_, s)| reading.vars.is_arena(**s));
            links
                .functions
                .insert(name, arena.map(|(i, _)| i).collect());
        }
        links
    }

    /// Tells a reading what other files found out.
    pub(super) fn seed(&self, reading: &mut Reading) {
        reading.looping = self.looping.clone();
        let (mut elsewhere, mut fixed_elsewhere) = (Vec::new(), Vec::new());
        for (name, func) in external(reading).filter(|(name, _)| self.imports(name)) {
            let function = &reading.functions[func.0 as usize];
            if function.definition.is_some() {
                let fixed = self.fixed.get(&name);
                for (index, space) in reading.spaces(function).into_iter().enumerate() {
                    match fixed.is_some_and(|f| f.contains(&index)) {
                        true => fixed_elsewhere.push(space),
                        false => elsewhere.push(space),
                    }
                }
            }
        }
        reading.called_elsewhere = elsewhere;
        reading.fixed_elsewhere = fixed_elsewhere;
        if self.spots.is_empty() && self.functions.is_empty() {
            return;
        }
        let mut arena: Vec<(Var, Tok)> = Vec::new();
        let mut agreed: HashSet<Var> = HashSet::new();
        for (loc, behind, var, tok) in spots(reading) {
            let spot = Spot {
                path: reading.unit.file(loc.file).path.clone(),
                offset: loc.start,
                behind,
            };
            if self.spots.contains(&spot) {
                arena.push((var, tok));
            }
        }
        for (name, func) in external(reading) {
            let function = &reading.functions[func.0 as usize];
            let spaces = reading.spaces(function);
            let tok = function.heads.first().map_or(0, |h| h.start);
            for &index in self.functions.get(&name).into_iter().flatten() {
                let space = spaces.get(index);
                agreed.extend(space);
                arena.extend(space.map(|&s| (s, tok)));
            }
        }
        reading.agreed = agreed;
        for (var, tok) in arena {
            reading.vars.seed(var, Seed::Arena, tok);
        }
    }
}

/// All places where address spaces are written, in the reading common to all.
fn spots<'a>(reading: &'a Reading) -> impl Iterator<Item = (Loc, bool, Var, Tok)> + 'a {
    let toks = &reading.unit.tokens;
    let groups = reading.groups.iter().flat_map(move |group| {
        group.declarators.iter().filter_map(move |declared| {
            let tok = declared.star.unwrap_or(group.spec_end - 1);
            Some((toks[tok].loc, false, declared.base?, tok))
        })
    });
    let behind = reading.after_stars.iter();
    groups.chain(behind.map(|a| (toks[a.star].loc, true, a.space, a.star)))
}

/// The functions with external linkage that are no programs.
fn external<'a>(reading: &'a Reading) -> impl Iterator<Item = (Vec<u8>, FuncId)> + 'a {
    let functions = reading.functions.iter().enumerate();
    functions.filter_map(|(index, function)| {
        let program = function.definition.is_some_and(|d| d.program);
        let local = function.heads.iter().any(|h| h.is_static);
        let name = reading.unit.symbols.text(function.name).to_vec();
        (!program && !local && !function.system).then_some((name, FuncId(index as u32)))
    })
}

/// The names with external linkage that a file declares, and those of them that it defines.
fn names(reading: &Reading) -> (BTreeSet<Vec<u8>>, BTreeSet<Vec<u8>>) {
    let functions = external(reading).map(|(name, func)| {
        let function = &reading.functions[func.0 as usize];
        (name, function.definition.is_some())
    });
    let objects = reading.objects.iter().filter(|o| {
        reading.is_ours(reading.unit.tokens[o.tok].loc.file)
            && o.kind != ObjectKind::Local
            && !o.is_static
            && !reading.vars.is_plain(o.place)
    });
    let objects = objects.map(|o| {
        let name = reading.unit.symbols.text(o.name).to_vec();
        (name, o.kind == ObjectKind::Static)
    });
    let (mut declared, mut defined) = (BTreeSet::new(), BTreeSet::new());
    for (name, is_defined) in functions.chain(objects) {
        if is_defined {
            defined.insert(name.clone());
        }
        declared.insert(name);
    }
    (declared, defined)
}
