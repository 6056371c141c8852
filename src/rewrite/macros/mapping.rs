//! Which names of the allocator a macro maps to something else, at each place of a file.
//!
//! This follows the directives of a file, and of the project's headers where they are included,
//! the way a preprocessor does, but takes every arm of a conditional that may be taken: what the
//! names mean behind a group is what all its possible arms agree on.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rustc_hash::FxHashMap;

use super::super::family::Alloc;
use super::super::project::Project;
use super::Define;
use super::condition::{Known, decide, integer, required, sufficient};
use crate::c::directives::{Step, Word, guard_name, header_name};
use crate::c::lexer::{Kind, Lexed, Token};

const NAMES: usize = Alloc::ALL.len();

/// How deep includes are followed.
const DEEP: usize = 40;

/// What a name of the allocator means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mapping {
    /// The C library's function.
    None,
    /// A macro maps it, in some configurations; the index of its place in [`MappingWalk::origins`].
    Maybe(usize),
    /// A macro maps it.
    Always(usize),
}

/// Where a macro of a name of the allocator is defined.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file; `None` for the compiler's command line.
    pub path: Option<PathBuf>,
    /// Offset of the directive in it.
    pub offset: usize,
    /// The line, counted from 1.
    pub line: usize,
    /// It has parameters, so the bare name is not mapped.
    pub function_like: bool,
    /// Its body calls the function itself: it wraps it rather than replacing it.
    pub wraps: bool,
}

type State = [Mapping; NAMES];

/// The result of following the directives of a file.
#[derive(Debug)]
pub struct MappingWalk {
    /// What holds from an offset of the file on, by offset.
    events: Vec<(usize, State)>,
    /// Where the macros are defined.
    pub origins: Vec<Origin>,
}

impl MappingWalk {
    /// Follows the directives of a file. Headers are only read if `follow` is set.
    pub fn new(lexed: &Lexed, path: &Path, project: &dyn Project, follow: bool) -> Self {
        let mut walk = Walk {
            project,
            follow,
            state: [Mapping::None; NAMES],
            macros: FxHashMap::default(),
            once: HashSet::new(),
            groups: Vec::new(),
            base: 0,
            given: FxHashMap::default(),
            origins: Vec::new(),
            events: Vec::new(),
            budget: 20_000,
        };
        for given in project.command_line(path) {
            walk.command_line(&given.name, given.value.as_deref());
        }
        if follow {
            for name in project.forced_includes(path) {
                walk.include(path, &name, false, 0);
            }
        }
        walk.events.push((0, walk.state));
        walk.file(lexed, path, 0);
        Self {
            events: walk.events,
            origins: walk.origins,
        }
    }

    /// What `name` means at an offset of the file.
    pub fn at(&self, name: Alloc, offset: usize) -> Mapping {
        let behind = self.events.partition_point(|&(from, _)| from <= offset);
        self.events[behind.saturating_sub(1)].1[name as usize]
    }

    /// What `name` means at the end of the file, which is what it means in the body of a macro
    /// that is used later.
    pub fn at_end(&self, name: Alloc) -> Mapping {
        self.events
            .last()
            .map_or(Mapping::None, |(_, state)| state[name as usize])
    }
}

struct Walk<'p> {
    project: &'p dyn Project,
    follow: bool,
    state: State,
    macros: FxHashMap<Vec<u8>, Known>,
    once: HashSet<PathBuf>,
    /// The conditional groups around, those of the including files first.
    groups: Vec<Group>,
    /// Where the groups of the current file start.
    base: usize,
    /// What the names mean wherever a macro is defined, from arms that such configurations take.
    given: FxHashMap<Vec<u8>, State>,
    origins: Vec<Origin>,
    events: Vec<(usize, State)>,
    /// How many more headers are read; keeps a pathological tree of includes finite.
    budget: usize,
}

/// A conditional group on the way.
struct Group {
    before: State,
    /// What holds at the start of the current arm.
    entered: State,
    /// What holds behind the group, as far as its arms so far agree.
    joined: Option<State>,
    /// An arm is known to be taken, so later ones are not.
    taken: bool,
    /// The current arm is known not to be taken.
    skipped: bool,
    /// The current arm is taken for sure.
    certain: bool,
    /// Macros defined in an arm that may not be taken.
    doubtful: Vec<Vec<u8>>,
    /// Macros that, defined, make sure that the current arm is taken.
    sufficient: Vec<Vec<u8>>,
    /// What was known before a header was read in an arm that is not taken.
    aside: Option<Aside>,
}

/// What is known of macros, put aside while an arm is followed that is not taken.
struct Aside {
    macros: FxHashMap<Vec<u8>, Known>,
    once: HashSet<PathBuf>,
}

impl Walk<'_> {
    fn known(&self, name: &[u8]) -> Known {
        if let Some(known) = self.macros.get(name) {
            return *known;
        }
        // Names of the implementation come from the compiler and the system's headers.
        let reserved = name.starts_with(b"__")
            || (name.starts_with(b"_") && name.get(1).is_some_and(u8::is_ascii_uppercase));
        if reserved {
            Known::Unknown
        } else {
            Known::Undefined
        }
    }

    fn command_line(&mut self, name: &str, value: Option<&str>) {
        let (base, function_like) = match name.split_once('(') {
            Some((base, _)) => (base, true),
            None => (name, false),
        };
        let known = match value {
            None => Known::Undefined,
            Some(text) => Known::Defined(integer(text.as_bytes())),
        };
        self.macros.insert(base.as_bytes().to_vec(), known);
        if let Some(function) = Alloc::named(base.as_bytes()) {
            self.state[function as usize] = match value {
                None => Mapping::None,
                Some(_) => {
                    self.origins.push(Origin {
                        path: None,
                        offset: 0,
                        line: 0,
                        function_like,
                        wraps: false,
                    });
                    Mapping::Always(self.origins.len() - 1)
                }
            };
        }
    }

    fn file(&mut self, lexed: &Lexed, path: &Path, depth: usize) {
        let base = std::mem::replace(&mut self.base, self.groups.len());
        self.directives(lexed, path, depth);
        while self.groups.len() > self.base {
            self.close();
        }
        self.base = base;
    }

    /// Whether the current arm of this file is not taken.
    fn skipped(&self) -> bool {
        self.groups[self.base..].iter().any(|g| g.skipped)
    }

    fn directives(&mut self, lexed: &Lexed, path: &Path, depth: usize) {
        for (index, directive) in lexed.directives.iter().enumerate() {
            let inner = lexed.inner_of(directive);
            let (word, rest) = Word::of_line(lexed, inner);
            let before = self.state;
            let skipped = self.skipped();
            match word.step() {
                Some(Step::Open) => {
                    let guard = index == 0 && guards(lexed);
                    self.open(lexed, inner, guard);
                }
                Some(Step::Close) if self.groups.len() > self.base => self.close(),
                Some(Step::Close) => {}
                Some(step) => self.next_arm(lexed, inner, step),
                None => match word {
                    Word::Define => {
                        self.define(lexed, inner);
                        if rest.first().is_some_and(|name| is_family(lexed, name))
                            && let Some(define) = Define::parse(lexed, index)
                        {
                            self.map(lexed, path, directive.start, &define);
                        }
                    }
                    Word::Undef => {
                        if let Some(name) = rest.first() {
                            let name = lexed.text(name).into_owned();
                            if let Some(function) = Alloc::named(&name) {
                                self.set(function, Mapping::None);
                            }
                            self.learn(name, Known::Undefined);
                        }
                    }
                    // Calls in an arm that is not taken are rewritten too, so what the names mean
                    // inside of it counts, also through the headers that it includes; nothing
                    // else of it does.
                    _ if word.includes() && skipped && depth > 0 => continue,
                    Word::Pragma if skipped => continue,
                    Word::Pragma if rest.first().is_some_and(|t| lexed.is_ident(t, "once")) => {
                        self.once.insert(path.to_path_buf());
                    }
                    _ if word.includes() && self.follow && depth < DEEP => {
                        if let Some(token) = rest.first()
                            && let Some((name, angled)) = header_name(&lexed.text(token))
                        {
                            self.put_aside();
                            self.include(path, name, angled, depth);
                        }
                    }
                    _ => {}
                },
            }
            if depth == 0 && self.state != before {
                self.events.push((directive.end, self.state));
            }
        }
    }

    fn include(&mut self, from: &Path, name: &str, angled: bool, depth: usize) {
        if self.budget == 0 {
            return;
        }
        let Some(header) = self.project.header(from, name, angled) else {
            return;
        };
        if self.once.contains(&header.path) {
            return;
        }
        self.budget -= 1;
        let info = self.project.cache().info(&header);
        self.file(&info.lexed(&header.bytes), &header.path, depth + 1);
    }

    /// Notes what a directive says about a macro. In an arm that may not be taken that holds until
    /// its group ends.
    fn learn(&mut self, name: Vec<u8>, known: Known) {
        if self.skipped() {
            return;
        }
        if let Some(group) = self.groups.iter_mut().rev().find(|g| !g.certain) {
            group.doubtful.push(name.clone());
        }
        self.macros.insert(name, known);
    }

    /// Notes a macro and its value, for the conditions to come. Headers define thousands, so this
    /// looks at no more than it needs.
    fn define(&mut self, lexed: &Lexed, inner: &[Token]) {
        let Some(name) = inner.get(1) else { return };
        let value = match inner[2..] {
            [number] if number.kind == Kind::Number => integer(&lexed.text(&number)),
            [name] if name.kind == Kind::Ident => match self.known(&lexed.text(&name)) {
                Known::Defined(value) => value,
                _ => None,
            },
            _ => None,
        };
        self.learn(lexed.text(name).into_owned(), Known::Defined(value));
    }

    /// Notes a macro of the allocator's names.
    fn map(&mut self, lexed: &Lexed, path: &Path, offset: usize, define: &Define) {
        let body = define.body(lexed);
        let Some(function) = Alloc::named(&define.name) else {
            return;
        };
        if define.is_identity(lexed) {
            self.set(function, Mapping::None);
            return;
        }
        let line = 1 + memchr::memchr_iter(b'\n', &lexed.source[..offset]).count();
        self.origins.push(Origin {
            path: Some(path.to_path_buf()),
            offset,
            line,
            function_like: define.parameters.is_some(),
            wraps: body
                .iter()
                .any(|t| t.kind == Kind::Ident && *lexed.text(t) == *define.name),
        });
        self.set(function, Mapping::Always(self.origins.len() - 1));
    }

    fn set(&mut self, function: Alloc, mapping: Mapping) {
        self.state[function as usize] = mapping;
        // What arms above made of the name is over, in their configurations too.
        for given in self.given.values_mut() {
            given[function as usize] = Mapping::None;
        }
    }

    /// A group begins. `guard` says that it is the one that keeps a header from being read twice.
    fn open(&mut self, lexed: &Lexed, inner: &[Token], guard: bool) {
        let decided = match decide(lexed, inner, &|name| self.known(name)) {
            // If the header was read before, its macros are as they were then.
            None if guard => Some(true),
            decided => decided,
        };
        let before = self.state;
        self.groups.push(Group {
            before,
            entered: before,
            joined: None,
            taken: decided == Some(true),
            skipped: decided == Some(false),
            certain: decided == Some(true),
            doubtful: Vec::new(),
            sufficient: Vec::new(),
            aside: None,
        });
        self.enter_arm(lexed, inner);
    }

    /// `#elif` or `#else`.
    fn next_arm(&mut self, lexed: &Lexed, inner: &[Token], step: Step) {
        if self.groups.len() == self.base {
            return;
        }
        let Some(mut group) = self.groups.pop() else {
            return;
        };
        self.leave_arm(&mut group);
        self.state = group.before;
        let decided = match step {
            Step::Else => Some(true),
            _ => decide(lexed, inner, &|name| self.known(name)),
        };
        group.skipped = group.taken || decided == Some(false);
        // An `#else` is certain only if all arms before it are known not to be taken.
        group.certain = !group.skipped && decided == Some(true) && group.joined.is_none();
        group.taken |= decided == Some(true);
        self.groups.push(group);
        self.enter_arm(lexed, inner);
    }

    /// What arms above that this one's configurations take made of the names holds here.
    fn enter_arm(&mut self, lexed: &Lexed, inner: &[Token]) {
        let required = required(lexed, inner);
        for given in required.iter().filter_map(|name| self.given.get(&**name)) {
            for (here, given) in self.state.iter_mut().zip(given) {
                if let Mapping::Always(_) = given {
                    *here = *given;
                }
            }
        }
        if let Some(group) = self.groups.last_mut() {
            group.entered = self.state;
            let names = sufficient(lexed, inner).into_iter();
            group.sufficient = names.map(|name| name.into_owned()).collect();
        }
    }

    /// Leaves the innermost group.
    fn close(&mut self) {
        let Some(mut group) = self.groups.pop() else {
            return;
        };
        self.leave_arm(&mut group);
        let mut joined = group.joined.unwrap_or(group.before);
        if !group.taken {
            joined = join(joined, group.before);
        }
        self.state = joined;
    }

    /// Before a header is read in an arm that is not taken.
    fn put_aside(&mut self) {
        let of_file = &mut self.groups[self.base..];
        if let Some(group) = of_file.iter_mut().find(|g| g.skipped) {
            group.aside.get_or_insert_with(|| Aside {
                macros: self.macros.clone(),
                once: self.once.clone(),
            });
        }
    }

    fn leave_arm(&mut self, group: &mut Group) {
        if let Some(aside) = group.aside.take() {
            self.macros = aside.macros;
            self.once = aside.once;
            group.doubtful.clear();
        }
        for name in group.doubtful.drain(..) {
            self.macros.insert(name, Known::Unknown);
        }
        let names = std::mem::take(&mut group.sufficient);
        if self.state != group.entered {
            let given = names.into_iter().map(|name| (name, self.state));
            self.given.extend(given);
        }
        if !group.skipped {
            group.joined = Some(match group.joined {
                None => self.state,
                Some(before) => join(before, self.state),
            });
        }
    }
}

/// Whether a file starts with the `#ifndef` and `#define` that keep it from being read twice.
fn guards(lexed: &Lexed) -> bool {
    let mut directives = lexed.directives.iter().map(|d| lexed.inner_of(d));
    let (Some(test), Some(define)) = (directives.next(), directives.next()) else {
        return false;
    };
    let (test, tested) = Word::of_line(lexed, test);
    let (define, defined) = Word::of_line(lexed, define);
    let name = guard_name(test, tested, |t| lexed.is_ident(t, "defined"));
    define == Word::Define
        && name
            .zip(defined.first())
            .is_some_and(|(name, defined)| lexed.text(&tested[name]) == lexed.text(defined))
}

fn is_family(lexed: &Lexed, name: &Token) -> bool {
    Alloc::named(&lexed.text(name)).is_some()
}

fn join(a: State, b: State) -> State {
    std::array::from_fn(|i| match (a[i], b[i]) {
        (Mapping::None, Mapping::None) => Mapping::None,
        (Mapping::Always(origin), Mapping::Always(_)) => Mapping::Always(origin),
        (Mapping::Maybe(o) | Mapping::Always(o), _)
        | (_, Mapping::Maybe(o) | Mapping::Always(o)) => Mapping::Maybe(o),
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::project::Alone;
    use super::*;
    use crate::c::lexer::lex;

    fn free_at(source: &str, marker: &str) -> &'static str {
        let lexed = lex(source.as_bytes());
        let walk = MappingWalk::new(&lexed, Path::new("a.c"), &Alone::default(), true);
        match walk.at(Alloc::Free, source.find(marker).unwrap()) {
            Mapping::None => "none",
            Mapping::Maybe(_) => "maybe",
            Mapping::Always(_) => "always",
        }
    }

    #[test]
    fn follows_definitions() {
        let source = "A\n#define free(p) mine(p)\nB\n#undef free\nC\n#define free free\nD\n";
        assert_eq!(free_at(source, "A"), "none");
        assert_eq!(free_at(source, "B"), "always");
        assert_eq!(free_at(source, "C"), "none");
        assert_eq!(free_at(source, "D"), "none");
    }

    #[test]
    fn joins_conditional_arms() {
        let source = "#ifdef __X\n#define free a\nA\n#else\nB\n#endif\nC\n";
        assert_eq!(free_at(source, "A"), "always");
        assert_eq!(free_at(source, "B"), "none");
        assert_eq!(free_at(source, "C"), "maybe");
        let both = "#ifdef __X\n#define free a\n#else\n#define free b\n#endif\nC\n";
        assert_eq!(free_at(both, "C"), "always");
        let first = "#ifdef __X\n#define ON\n#else\n#ifdef ON\n#define free a\n#endif\nC\n#endif\n";
        assert_eq!(free_at(first, "C"), "maybe");
        let again = "#ifdef __X\n#define free a\n#endif\nA\n#if defined(__X) && __Y\nB\n#endif\n\
                     #undef free\n#ifdef __X\nC\n#endif\n";
        assert_eq!(free_at(again, "A"), "maybe");
        assert_eq!(free_at(again, "B"), "always");
        assert_eq!(free_at(again, "C"), "none");
        let either = "#if defined(__X) || defined(__Y)\n#define free a\n#endif\n#ifdef __Y\nA\n\
                      #else\nB\n#endif\n";
        assert_eq!(free_at(either, "A"), "always");
        assert_eq!(free_at(either, "B"), "maybe");
        let unset = "#ifdef DEBUG_HEAP\n#define free a\n#endif\nC\n";
        assert_eq!(free_at(unset, "C"), "none");
        let set = "#define ON 1\n#if ON\n#define free a\n#else\n#undef X\n#endif\nC\n";
        assert_eq!(free_at(set, "C"), "always");
        let inside = "#ifdef DEBUG_HEAP\n#define free a\nC\n#endif\n";
        assert_eq!(free_at(inside, "C"), "always");
    }
}
