//! From what is known of a unit to the edits that say it.

mod loops;
mod names;
mod objects;
mod qualifiers;
pub(super) mod tidy;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::rc::Rc;

use super::facts::{Instance, Loop, Object};
use super::loops::{Search, Start};
use super::read::Reading;
use super::vars::{Conflict, Tok, Var};
use crate::c::cpp::{FileId, Loc, Token};
use crate::c::lexer::op;
use crate::rewrite::plan::EditKind;

/// Why copies of structures are written out.
pub(super) const COPIES: &str =
    "clang does not convert addresses of the arena when it copies a structure";

/// An edit of one of the files of a unit.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileEdit {
    /// The file.
    pub file: FileId,
    /// Where its bytes begin,
    pub start: usize,
    /// and end.
    pub end: usize,
    /// What stands there afterwards.
    pub text: String,
    /// What it is for.
    pub kind: EditKind,
    /// Why.
    pub reason: String,
}

/// What could not be edited.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Trouble {
    /// Where.
    pub tok: Tok,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// What all editors of a reading need to know.
#[derive(Default)]
struct Shared<'a> {
    search: OnceCell<Search<'a>>,
    moved: OnceCell<HashSet<Var>>,
    lent: OnceCell<HashSet<Var>>,
    blocks: OnceCell<BTreeSet<Tok>>,
    tables: OnceCell<HashSet<Tok>>,
    backward: OnceCell<Rc<[(usize, Tok, Tok)]>>,
}

/// Collects the edits of a unit.
pub struct Editor<'a> {
    reading: &'a Reading<'a>,
    toks: &'a [Token],
    edits: BTreeSet<FileEdit>,
    /// By place: where what ends there was opened, and with what.
    closings: BTreeMap<(FileId, u32), BTreeSet<(u32, &'static str)>>,
    /// What could not be edited.
    pub troubles: BTreeSet<Trouble>,
    /// Output that the kernel has no format for.
    pub dropped: BTreeSet<Trouble>,
    /// The declarations that were qualified, and the address space that each says.
    pub qualified: Vec<(Tok, Var)>,
    shared: Rc<Shared<'a>>,
    /// The heap lies in an arena.
    pub(super) in_arena: bool,
}

const ARENA: &str = "__arena";

impl<'a> Editor<'a> {
    pub fn new(reading: &'a Reading<'a>) -> Self {
        Self {
            reading,
            toks: &reading.unit.tokens,
            edits: BTreeSet::new(),
            closings: BTreeMap::new(),
            troubles: BTreeSet::new(),
            dropped: BTreeSet::new(),
            qualified: Vec::new(),
            shared: Rc::default(),
            in_arena: true,
        }
    }

    /// Another editor of the same reading, for an arena.
    pub fn another(&self) -> Self {
        Self {
            shared: Rc::clone(&self.shared),
            ..Self::new(self.reading)
        }
    }

    /// How the loops end.
    pub(super) fn search(&self) -> &Search<'a> {
        let shared = &self.shared.search;
        shared.get_or_init(|| Search::new(self.reading))
    }

    /// The variables that become blocks: their declarations say so in their own way.
    pub(super) fn moved(&self) -> &HashSet<Var> {
        let moved = || self.in_arena.then(|| self.reading.moved());
        self.shared
            .moved
            .get_or_init(|| moved().unwrap_or_default())
    }

    /// Where they are declared.
    pub(super) fn moved_at(&self) -> &BTreeSet<Tok> {
        self.shared.blocks.get_or_init(|| {
            let moved = self.moved();
            let objects = self.reading.objects.iter();
            let moved = objects.filter(|o| moved.contains(&o.place));
            moved.map(|o| o.tok).collect()
        })
    }

    /// The jumps back: the function, by index, the label and the `goto`.
    pub(super) fn backward(&self) -> Rc<[(usize, Tok, Tok)]> {
        let found = &self.shared.backward;
        Rc::clone(found.get_or_init(|| self.find_backward().into()))
    }

    /// The `*` of tables, which go.
    fn table_stars(&self) -> &HashSet<Tok> {
        self.shared.tables.get_or_init(|| {
            let objects = self.reading.objects.iter();
            objects
                .filter_map(|o| Some(self.reading.table(o)?.star))
                .collect()
        })
    }

    /// The edits of a reading. What is written in the body of a macro is common to all of them, and
    /// made with the first.
    pub fn collect(&mut self, instance: Instance) {
        let reading = self.reading;
        let first = instance == Instance(0);
        let wanted = |i: Instance| i == instance;
        for group in &reading.groups {
            let at = group.declarators.iter().find_map(|d| d.star);
            let at = at.unwrap_or(group.spec_end - 1);
            if wanted(group.instance) || first && self.toks[at].expansion.is_some() {
                self.group(group);
            }
        }
        for after in &reading.after_stars {
            let macro_body = || self.toks[after.star].expansion.is_some();
            if (wanted(after.instance) || first && macro_body())
                && !after.said
                && self.arena(after.space)
                && !self.table_stars().contains(&after.star)
                && !self.moved().contains(&after.space)
            {
                self.after_star(after.star, after.space);
            }
        }
        self.generics(&wanted);
        for use_of in &reading.unqualified {
            let common = || self.toks[use_of.tok].expansion.is_some();
            if (wanted(use_of.instance) || first && common()) && self.arena(use_of.space) {
                self.unqualify(use_of.tok);
            }
        }
        for parameter in &reading.array_parameters {
            if wanted(parameter.instance) && self.arena(parameter.space) {
                self.array_parameter(parameter);
            }
        }
        for copied in reading.copies.iter().filter(|c| wanted(c.instance)) {
            self.copied(copied);
        }
        let bounds =
            |l: &Loop| wanted(l.instance) || first && self.toks[l.condition.1].expansion.is_some();
        let bounds = self.search().bounds(bounds);
        self.guards(&bounds);
        // One start may be that of several loops, and an index in one of them.
        let mut starts: BTreeMap<(Tok, Tok), bool> = BTreeMap::new();
        for bound in bounds {
            self.ends(&bound);
            for start in bound.starts {
                *starts.entry(start.value).or_default() |= start.index;
            }
        }
        for (value, index) in starts {
            self.start(Start { value, index });
        }
        self.jumps(instance);
    }

    /// The edits, sorted.
    pub fn take(&mut self) -> BTreeSet<FileEdit> {
        for ((file, at), opens) in std::mem::take(&mut self.closings) {
            let text = ")".repeat(opens.len());
            self.change(file, at, at, text, EditKind::Memory, COPIES);
        }
        std::mem::take(&mut self.edits)
    }

    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    pub(super) fn token(&self, tok: Tok) -> Option<&'a Token> {
        self.toks.get(tok)
    }

    /// Whether what a variable points to is written as memory of the arena. The context and the packet
    /// never are: where they meet the heap, which is told, the compiler is to see it. Qualified all the way,
    /// the program would be accepted, and read zeros. What other files say of a function is written all the
    /// same: nobody compiles its declarations side by side.
    pub(super) fn arena(&self, var: Var) -> bool {
        let vars = &self.reading.vars;
        let lent = || self.lent().contains(&vars.find(var));
        vars.is_arena(var) && (self.reading.agreed.contains(&var) || !lent())
    }

    /// The classes that hold the context or the packet, and memory of the heap.
    fn lent(&self) -> &HashSet<Var> {
        let vars = &self.reading.vars;
        self.shared.lent.get_or_init(|| vars.lent().collect())
    }

    /// Whether the bytes of a token can be edited.
    pub(super) fn editable(&self, tok: Tok) -> bool {
        let token = &self.toks[tok];
        !token.synthetic && self.is_ours(token.loc.file)
    }

    /// Where a reader of the source sees a token: a macro's name for what comes out of it.
    pub(super) fn visible(&self, tok: Tok) -> Loc {
        self.reading.unit.visible_loc(&self.toks[tok])
    }

    pub(super) fn is_ours(&self, file: FileId) -> bool {
        self.reading.is_ours(file)
    }

    /// Whether two tokens stand in the same text, one behind the other.
    pub(super) fn together(&self, a: Tok, b: Tok) -> bool {
        self.reading.in_one_text(&[a, b])
    }

    pub(super) fn insert(
        &mut self,
        file: FileId,
        at: u32,
        text: String,
        kind: EditKind,
        reason: String,
    ) {
        self.edits.insert(FileEdit {
            file,
            start: at as usize,
            end: at as usize,
            text,
            kind,
            reason,
        });
    }

    pub(super) fn replace(&mut self, token: &Token, text: String, kind: EditKind, reason: String) {
        self.edits.insert(FileEdit {
            file: token.loc.file,
            start: token.loc.start as usize,
            end: token.loc.end as usize,
            text,
            kind,
            reason,
        });
    }

    /// Replaces bytes of a file.
    pub(super) fn change(
        &mut self,
        file: FileId,
        start: u32,
        end: u32,
        text: String,
        kind: EditKind,
        reason: &str,
    ) {
        self.edits.insert(FileEdit {
            file,
            start: start as usize,
            end: end as usize,
            text,
            kind,
            reason: reason.into(),
        });
    }

    /// Ends behind a token what was opened. What a macro opens in its body is opened once, however often the
    /// macro is used; and several may end in one place.
    pub(super) fn close(&mut self, last: Loc, opened: (u32, &'static str)) {
        let place = (last.file, last.end);
        self.closings.entry(place).or_default().insert(opened);
    }

    pub(super) fn objects(&self) -> &'a [Object] {
        &self.reading.objects
    }

    pub(super) fn conflicts(&self) -> Vec<Conflict> {
        self.reading.vars.conflicts()
    }

    /// For a heap in maps.
    pub(super) fn in_maps(mut self) -> Self {
        self.in_arena = false;
        self
    }

    /// Where a token is spelled.
    pub(super) fn location(&self, tok: Tok) -> Loc {
        self.toks[tok].loc
    }

    /// The source from one token to another of the same text.
    pub(super) fn source(&self, first: Tok, last: Tok) -> String {
        let (from, to) = (self.toks[first].loc, self.toks[last].loc);
        let bytes = &self.reading.unit.file(from.file).bytes;
        String::from_utf8_lossy(&bytes[from.start as usize..to.end as usize]).into_owned()
    }

    pub(super) fn is_star(&self, tok: Tok) -> bool {
        self.toks[tok].is(op("*"))
    }

    fn unreachable(&mut self, tok: Tok) {
        let token = &self.toks[tok];
        let file = self.reading.unit.file(token.loc.file);
        self.troubles.insert(Trouble {
            tok,
            message: format!(
                "this would need {ARENA} in {}, which is not rewritten",
                file.path.display()
            ),
            help: "copy what is needed of it into the project, or write the declaration out".into(),
        });
    }

    /// The blanks before a token that is the first of its line and not in a macro.
    pub(super) fn starts_line(&self, tok: Tok) -> Option<String> {
        let token = &self.toks[tok];
        if token.expansion.is_some() {
            return None;
        }
        let bytes = &self.reading.unit.file(token.loc.file).bytes[..token.loc.start as usize];
        let line = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
        let indent = std::str::from_utf8(&bytes[line..]).ok()?;
        indent.trim().is_empty().then(|| indent.to_owned())
    }
}
