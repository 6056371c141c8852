//! From what is known of a unit to the edits that say it.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashSet};
use std::rc::Rc;

use super::facts::{
    ArrayParameter, FuncId, Generic, Group, Instance, LoopKind, Object, ObjectKind,
};
use super::loops::{Bound, Guard, Search, Start};
use super::read::Reading;
use super::vars::{Conflict, Tok, Var};
use crate::c::cpp::{FileId, Loc, Token};
use crate::c::lexer::op;
use crate::c::syntax::tree::ExprId;
use crate::c::types::EntityId;
use crate::rewrite::plan::EditKind;

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
    tables: OnceCell<HashSet<Tok>>,
    backward: OnceCell<Rc<[(usize, Tok, Tok)]>>,
}

/// Collects the edits of a unit.
pub struct Editor<'a> {
    reading: &'a Reading<'a>,
    toks: &'a [Token],
    edits: BTreeSet<FileEdit>,
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

    /// The edits of all readings for which `wanted` holds.
    pub fn collect(&mut self, wanted: impl Fn(Instance) -> bool) {
        let reading = self.reading;
        // Only the readings asked for count, but the body of a macro is common to all.
        for group in &reading.groups {
            let at = group.declarators.iter().find_map(|d| d.star);
            let at = at.unwrap_or(group.spec_end - 1);
            let macro_body = self.toks[at].expansion.is_some();
            if wanted(group.instance) || macro_body {
                self.group(group);
            }
        }
        for after in &reading.after_stars {
            let macro_body = self.toks[after.star].expansion.is_some();
            if (wanted(after.instance) || macro_body)
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
            let common = self.toks[use_of.tok].expansion.is_some();
            if (wanted(use_of.instance) || common) && self.arena(use_of.space) {
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
        for bound in self.search().bounds(&wanted) {
            self.guard(&bound);
            self.ends(bound.this, &bound.guard);
            for start in bound.starts {
                self.start(start);
            }
        }
        self.jumps(&wanted);
    }

    /// Functions for memory and strings get the names of those that take memory of the arena, and
    /// that BPF has.
    pub(super) fn generics(&mut self, wanted: &impl Fn(Instance) -> bool) {
        let reading = self.reading;
        let loc = |generic: &Generic| self.toks[generic.tok].loc;
        // A macro's body is one text: what one use of it cannot write, none writes.
        let unprinted: HashSet<Loc> = reading
            .generics
            .iter()
            .filter(|g| self.unfit(g).is_some())
            .map(loc)
            .collect();
        for generic in reading.generics.iter().filter(|g| wanted(g.instance)) {
            let arena = generic.spaces.iter().any(|&s| self.arena(s)) && self.in_arena;
            if !arena && !generic.unresolved {
                continue;
            }
            if generic.name == "static_strtok" && !self.in_arena {
                // What it keeps from call to call would come back from a map as a number.
                self.troubles.insert(Trouble {
                    tok: generic.tok,
                    message:
                        "strtok keeps a pointer between its calls, which works in an arena only"
                            .into(),
                    help: "call strtok_r, or choose --backend arena".into(),
                });
                continue;
            }
            if !self.editable(generic.tok) {
                self.unreachable(generic.tok);
                continue;
            }
            let token = self.toks[generic.tok];
            let mut name = generic.name.clone();
            if unprinted.contains(&token.loc) {
                name = match generic.name.as_str() {
                    "static_fprintf" => "static_unprinted_to".into(),
                    _ => "static_unprinted".into(),
                };
                self.drop_output(generic);
            }
            let reason = match arena {
                true => "an argument lies in the arena",
                false => "BPF has no C library",
            };
            self.replace(&token, name, EditKind::Memory, reason.into());
        }
    }

    /// Why nothing is written.
    fn unfit(&self, generic: &Generic) -> Option<String> {
        let written = generic.output.as_ref()?;
        let in_arena = self.in_arena && written.strings.iter().any(|&s| self.arena(s));
        let strings = in_arena.then(|| "a string of the arena".to_owned());
        written.unfit.clone().or(strings)
    }

    fn drop_output(&mut self, generic: &Generic) {
        let what = self.unfit(generic);
        let what = what.unwrap_or_else(|| "what other uses of the macro write".into());
        self.dropped.insert(Trouble {
            tok: generic.tok,
            message: format!("this writes nothing: the kernel cannot print {what}"),
            help:
                "print what the verifier's bpf_trace_printk takes: a literal format, at most three \
                   values, d i u x p c and s of strings outside of the arena"
                    .into(),
        });
    }

    /// The edits, sorted.
    pub fn take(&mut self) -> BTreeSet<FileEdit> {
        std::mem::take(&mut self.edits)
    }

    pub(super) fn reading(&self) -> &'a Reading<'a> {
        self.reading
    }

    pub(super) fn token(&self, tok: Tok) -> Option<&'a Token> {
        self.toks.get(tok)
    }

    pub(super) fn arena(&self, var: Var) -> bool {
        self.reading.vars.is_arena(var)
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

    /// Whether two tokens stand in the same text.
    pub(super) fn together(&self, a: Tok, b: Tok) -> bool {
        let (Some(a), Some(b)) = (self.toks.get(a), self.toks.get(b)) else {
            return false;
        };
        a.expansion == b.expansion
            && a.loc.file == b.loc.file
            && a.loc.start <= b.loc.start
            && !a.synthetic
            && !b.synthetic
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

    /// Bounds the loops by a counter, as kernels without `can_loop` need it.
    pub(super) fn bounded(&mut self) {
        for bound in self.search().bounds(&|_| true) {
            let keyword = bound.this.tok;
            if !self.editable(keyword) {
                self.unreachable(keyword);
                continue;
            }
            let loc = self.location(keyword);
            let reason = "the verifier cannot see where this loop ends".to_owned();
            self.insert(
                loc.file,
                loc.start,
                "static_bounded ".into(),
                EditKind::Loop,
                reason,
            );
            let starts = bound.starts.clone();
            self.guard(&Bound {
                hidden: Vec::new(),
                members: Vec::new(),
                ..bound
            });
            for start in starts {
                self.start(start);
            }
        }
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

    /// Declarations with common specifiers.
    fn group(&mut self, group: &Group) {
        let wants = |d: &super::facts::Declared| {
            d.base
                .is_some_and(|b| self.arena(b) && !self.moved().contains(&b))
        };
        if let Some(star) = group.declarators.iter().find_map(|d| d.star)
            && self.reading.both_kinds.contains(&self.toks[star].loc)
        {
            self.both_kinds(group, star);
            return;
        }
        let blocks = self.blocks(group);
        // The elements of an array that becomes a block lie where the block lies.
        let elements = |index: usize| blocks[index] && group.declarators[index].star.is_none();
        let declarators = group.declarators.iter().enumerate();
        let wanted: Vec<bool> = declarators
            .map(|(index, declared)| wants(declared) && !elements(index))
            .collect();
        // A variable that becomes a block stands in a declaration of its own.
        let parts = |index: usize| blocks[index] || blocks[index - 1];
        let Some(first) = wanted.iter().position(|&w| w) else {
            for index in (1..wanted.len()).filter(|&i| parts(i)) {
                self.split(group, index, false);
            }
            return;
        };
        if group.declarators[first].said {
            return;
        }
        let all = wanted.iter().all(|&w| w);
        if !all && !group.splits {
            self.troubles.insert(Trouble {
                tok: group.start,
                message: "only some of what is declared here lies in the arena".into(),
                help: "split the declaration in two".into(),
            });
            return;
        }
        for (declared, _) in group.declarators.iter().zip(&wanted).filter(|w| *w.1) {
            let tok = declared.star.unwrap_or(declared.start);
            self.qualified.extend(declared.base.map(|base| (tok, base)));
        }
        if wanted[0] {
            let declared = &group.declarators[0];
            self.specifier(group, declared.star);
        }
        for index in 1..wanted.len() {
            if wanted[index] != wanted[index - 1] || parts(index) {
                self.split(group, index, wanted[index]);
            }
        }
    }

    /// Which of the variables that are declared together become blocks.
    fn blocks(&self, group: &Group) -> Vec<bool> {
        let moved = |tok: Tok| {
            let objects = self.reading.objects.iter();
            let mut here = objects.filter(|o| o.tok == tok);
            here.any(|o| self.moved().contains(&o.place))
        };
        let declarators = group.declarators.iter();
        match self.moved().is_empty() {
            true => vec![false; group.declarators.len()],
            false => declarators.map(|d| (d.start..d.end).any(moved)).collect(),
        }
    }

    /// Writes a cast, or the declaration of a variable, in the body of a macro so that it fits both
    /// kinds of memory.
    fn both_kinds(&mut self, group: &Group, star: Tok) {
        let reason = "the macro is used with memory of the arena and with other memory";
        let kind = EditKind::Qualifier;
        if let Some(cast) = self.reading.casts.iter().find(|c| c.star == star) {
            let (open, close) = (self.location(cast.open), self.location(cast.close));
            let (star, end) = (self.location(star), self.location(cast.end - 1));
            if !self.together(cast.open, cast.close) || !self.editable(cast.open) {
                self.unreachable(cast.open);
                return;
            }
            // The operand may end in an argument: then it is one, and all of the body's text here.
            let next = match self.together(cast.close, cast.end - 1) {
                true => end.end,
                false => self.location(cast.end).start,
            };
            self.change(
                open.file,
                open.start,
                open.end,
                "static_as(".into(),
                kind,
                reason,
            );
            self.change(star.file, star.start, close.end, ", ".into(), kind, reason);
            self.change(open.file, next, next, ")".into(), kind, reason);
        } else {
            let (first, star) = (self.location(group.start), self.location(star));
            let text = "__auto_type ".to_owned();
            self.change(first.file, first.start, star.end, text, kind, reason);
        }
    }

    /// Writes `__arena` into declaration specifiers.
    fn specifier(&mut self, group: &Group, star: Option<Tok>) {
        let last = group.spec_end - 1;
        let next = group.declarators[0].start;
        let reason = "points into the arena".to_owned();
        if let Some((open, _)) = group.body {
            // Behind a definition's brace clang would take it for an attribute of the structure.
            let keyword = (group.start..open)
                .rev()
                .find(|&t| matches!(self.reading.unit.text(&self.toks[t]), b"struct" | b"union"));
            match keyword.filter(|&k| self.editable(k)) {
                Some(keyword) => {
                    let loc = self.toks[keyword].loc;
                    let text = format!("{ARENA} ");
                    self.insert(loc.file, loc.start, text, EditKind::Qualifier, reason);
                }
                None => self.unreachable(last),
            }
            return;
        }
        if self.editable(last) && (self.together(last, next) || star.is_none()) {
            let loc = self.toks[last].loc;
            self.insert(
                loc.file,
                loc.end,
                format!(" {ARENA}"),
                EditKind::Qualifier,
                reason,
            );
        } else if let Some(star) = star.filter(|&s| self.editable(s)) {
            let loc = self.toks[star].loc;
            let space = if self.toks[star].space { "" } else { " " };
            self.insert(
                loc.file,
                loc.start,
                format!("{space}{ARENA} "),
                EditKind::Qualifier,
                reason,
            );
        } else {
            self.unreachable(star.unwrap_or(last));
        }
    }

    /// Ends a declaration before its declarator `index`, and begins another.
    fn split(&mut self, group: &Group, index: usize, arena: bool) {
        let comma = group.declarators[index - 1].end;
        let next = group.declarators[index].start;
        let anonymous = group.body.is_some() && !group.tagged;
        if anonymous || !self.editable(comma) || !self.together(comma, next) {
            self.troubles.insert(Trouble {
                tok: group.declarators[index].start,
                message: "only some of what is declared here lies in the arena".into(),
                help: "split the declaration in two".into(),
            });
            return;
        }
        let mut words: Vec<String> = Vec::new();
        let mut tok = group.start;
        while tok < group.spec_end {
            if let Some((from, to)) = group.body
                && tok == from
            {
                tok = to;
                continue;
            }
            let text = self.reading.unit.text(&self.toks[tok]);
            words.push(String::from_utf8_lossy(text).into_owned());
            tok += 1;
        }
        if arena {
            words.push(ARENA.into());
        }
        let (from, to) = (self.toks[comma].loc, self.toks[next].loc);
        let bytes = &self.reading.unit.file(from.file).bytes;
        let between = &bytes[from.end as usize..to.start as usize];
        // A declaration on one line stays on one line.
        let gap = match between.contains(&b'\n') {
            true => String::from_utf8_lossy(between).into_owned(),
            false => match self.starts_line(group.start) {
                Some(indent) => format!("\n{indent}"),
                None => " ".into(),
            },
        };
        self.edits.insert(FileEdit {
            file: from.file,
            start: from.start as usize,
            end: to.start as usize,
            text: format!(";{gap}{} ", words.join(" ")),
            kind: EditKind::Qualifier,
            reason: "what is declared together would all lie in the arena".into(),
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

    fn after_star(&mut self, star: Tok, space: Var) {
        self.qualified.push((star, space));
        if !self.editable(star) {
            self.unreachable(star);
            return;
        }
        let loc = self.toks[star].loc;
        let bytes = &self.reading.unit.file(loc.file).bytes;
        let next = bytes.get(loc.end as usize).copied().unwrap_or(b' ');
        let text = match next {
            b' ' | b'\t' | b'\n' | b'\r' | b')' | b',' | b'[' => format!(" {ARENA}"),
            _ => format!(" {ARENA} "),
        };
        let reason = "points into the arena".to_owned();
        self.insert(loc.file, loc.end, text, EditKind::Qualifier, reason);
    }

    /// Writes `can_loop` into the condition of a loop.
    fn guard(&mut self, bound: &Bound) {
        let (this, guard) = (bound.this, bound.guard);
        let can_loop = "can_loop";
        let (from, to) = this.condition;
        let members = bound.members.iter();
        let members: String = members.map(|m| format!("static_hide({m}), ")).collect();
        let hides = self.hides(&bound.hidden) + &members;
        let reason = "the verifier cannot see where this loop ends".to_owned();
        if !self.editable(to) {
            self.unreachable(to);
            return;
        }
        let end = self.toks[to].loc;
        match guard {
            Guard::Alone if from == to => {
                let space = if this.kind == LoopKind::For { " " } else { "" };
                self.insert(
                    end.file,
                    end.start,
                    format!("{space}{hides}{can_loop}"),
                    EditKind::Loop,
                    reason,
                );
            }
            Guard::Alone => {
                let token = self.toks[from];
                // A macro that says "forever" stays, and so does a name out of another text.
                if self.together(from, to) && self.editable(from) {
                    let text = format!("{hides}{can_loop}");
                    let last = self.toks[to - 1].loc;
                    self.change(
                        token.loc.file,
                        token.loc.start,
                        last.end,
                        text,
                        EditKind::Loop,
                        &reason,
                    );
                } else {
                    let text = format!(" && {can_loop}");
                    self.insert(end.file, end.start, text, EditKind::Loop, reason);
                }
            }
            Guard::And | Guard::Parenthesised => {
                let (open, close) = match guard {
                    Guard::Parenthesised => (format!("{hides}("), ")"),
                    _ => (hides, ""),
                };
                let last = to - 1;
                let at = match self.together(last, to) {
                    true => self.toks[last].loc.end,
                    false => end.start,
                };
                if !open.is_empty() {
                    let before = from - 1;
                    let place = match self.together(from, to) {
                        true => self.toks[from].loc.start,
                        false if self.together(before, to) => {
                            let loc = self.toks[before].loc;
                            let bytes = &self.reading.unit.file(loc.file).bytes;
                            let gap = bytes[loc.end as usize..]
                                .iter()
                                .take_while(|b| **b == b' ')
                                .count();
                            loc.end + gap as u32
                        }
                        false => {
                            self.unreachable(to);
                            return;
                        }
                    };
                    self.insert(end.file, place, open, EditKind::Loop, reason.clone());
                }
                let text = format!("{close} && {can_loop}");
                self.insert(end.file, at, text, EditKind::Loop, reason);
            }
        }
    }

    /// What hides numbers in a condition.
    pub(super) fn hides(&self, hidden: &[EntityId]) -> String {
        let model = self.reading.model;
        let names = hidden.iter().map(|&e| {
            let name = model.unit.symbols.text(model[e].name);
            format!("static_hide({}), ", String::from_utf8_lossy(name))
        });
        names.collect()
    }

    /// A parameter `p[]` cannot say where its elements lie, `*p` can.
    fn array_parameter(&mut self, parameter: &ArrayParameter) {
        let reason = "a parameter written as an array cannot point into the arena";
        let (Some(name), Some((open, end)), false) =
            (parameter.name, parameter.bracket, parameter.nested)
        else {
            let tok = parameter.name.or(parameter.bracket.map(|b| b.0));
            self.troubles.insert(Trouble {
                tok: tok.unwrap_or(0),
                message: reason.into(),
                help: "write it as a pointer".into(),
            });
            return;
        };
        if !self.editable(name) || !self.together(name, end - 1) {
            self.unreachable(name);
            return;
        }
        let (name, from, to) = (
            self.location(name),
            self.location(open),
            self.location(end - 1),
        );
        let kind = EditKind::Qualifier;
        self.change(name.file, name.start, name.start, "*".into(), kind, reason);
        self.change(from.file, from.start, to.end, String::new(), kind, reason);
    }

    /// `typeof` brings the address space of its operand along, which a variable on the stack must
    /// not have.
    fn unqualify(&mut self, tok: Tok) {
        let token = self.toks[tok];
        if token.loc.start == token.loc.end || self.reading.unit.text(&token).contains(&b'q') {
            return;
        }
        if !self.editable(tok) {
            self.unreachable(tok);
            return;
        }
        let reason = "a variable on the stack does not lie in the arena".to_owned();
        self.replace(
            &token,
            "__typeof_unqual__".into(),
            EditKind::Qualifier,
            reason,
        );
    }

    /// Hides the start of a counter from the verifier.
    fn start(&mut self, start: Start) {
        let (from, to) = start.value;
        if !self.together(from, to - 1) || !self.editable(from) {
            return;
        }
        let reason = "from a known start the verifier would follow this loop round by round";
        let name = match start.index {
            true => "static_from(",
            false => "static_opaque(",
        };
        let (first, last) = (self.location(from), self.location(to - 1));
        self.change(
            first.file,
            first.start,
            first.start,
            name.into(),
            EditKind::Loop,
            reason,
        );
        self.change(
            last.file,
            last.end,
            last.end,
            ")".into(),
            EditKind::Loop,
            reason,
        );
    }

    /// Whether the initial value of a variable is the address of one that lies in the arena.
    fn points_there(&self, object: &Object) -> bool {
        object.init.is_some_and(|init| self.names_arena(init, 0))
    }

    fn names_arena(&self, expr: ExprId, depth: usize) -> bool {
        let model = self.reading.model;
        let named = model.entity(expr).and_then(|e| self.reading.place_of(e));
        named.is_some_and(|place| self.arena(place))
            || depth < 64
                && model
                    .tree
                    .operands(expr)
                    .into_iter()
                    .any(|e| self.names_arena(e, depth + 1))
    }

    /// Programs that follow pointers without allocating have to mention the arena.
    pub fn mention(&mut self) {
        let reading = self.reading;
        for (index, function) in reading.functions.iter().enumerate() {
            let Some(definition) = function.definition.filter(|d| d.program) else {
                continue;
            };
            let reached = reached(reading, FuncId(index as u32));
            if reached
                .iter()
                .any(|f| reading.functions[f.0 as usize].allocates)
            {
                continue;
            }
            let inside = |tok: Tok| {
                reached.iter().any(|f| {
                    let found = reading.functions[f.0 as usize].definition;
                    found.is_some_and(|d| d.body.0 <= tok && tok < d.body.1)
                })
            };
            let touches = reading
                .follows
                .iter()
                .any(|f| inside(f.tok) && self.arena(f.space))
                || reading
                    .loads
                    .iter()
                    .any(|l| inside(l.tok) && self.arena(l.place));
            if !touches
                || (definition.body.0..definition.body.1)
                    .any(|t| reading.unit.text(&self.toks[t]) == b"static_use_arena")
            {
                continue;
            }
            let brace = definition.body.0;
            if !self.editable(brace) {
                self.unreachable(brace);
                continue;
            }
            let loc = self.toks[brace].loc;
            let next = &self.toks[brace + 1];
            let bytes = &reading.unit.file(loc.file).bytes;
            let gap = match self.together(brace, brace + 1) {
                true => &bytes[loc.end as usize..next.loc.start as usize],
                false => b"\n\t",
            };
            let line = gap.iter().rposition(|&b| b == b'\n');
            let indent = match line {
                Some(at) => format!("\n{}", String::from_utf8_lossy(&gap[at + 1..])),
                None => " ".into(),
            };
            self.insert(
                loc.file,
                loc.end,
                format!("{indent}static_use_arena();"),
                EditKind::UseArena,
                "a program that follows pointers into the arena has to mention it".into(),
            );
        }
    }

    /// Keeps clang from splitting static structures into their members.
    ///
    /// It describes each as the whole, the kernel refuses the type information of the object, and
    /// without that verifies the allocator's functions again at every call.
    pub fn whole(&mut self) {
        for object in self.reading.objects.iter().filter(|o| o.is_static) {
            let whole = self.reading.is_whole(object) || self.reading.shrinks(object);
            let stays = !whole || self.reading.vars.is_plain(object.place);
            if stays || !self.editable(object.tok) {
                continue;
            }
            // After the brackets of an array.
            let model = self.reading.model;
            let declared = model[object.entity].declarators.iter();
            let last = declared
                .filter(|&&d| model.tree[d].name.is_some_and(|n| n.1 == object.tok))
                .flat_map(|&d| model.tree[d].parts.iter())
                .filter_map(|p| match p {
                    crate::c::syntax::tree::Part::Array { toks, .. } => Some(toks.end - 1),
                    _ => None,
                })
                .max();
            let loc = self.location(last.unwrap_or(object.tok));
            self.change(
                loc.file,
                loc.end,
                loc.end,
                " __attribute__((used))".into(),
                EditKind::Linkage,
                "clang would shrink or split this variable, and describe it in a way that no \
                 kernel takes",
            );
        }
    }

    /// String literals that meet the heap move into the arena.
    pub(super) fn literals(&mut self) {
        let reading = self.reading;
        for &(toks, place) in &reading.literals {
            if !self.arena(place) || !self.in_function(toks.start) || self.in_table(toks.start) {
                continue;
            }
            if !self.editable(toks.start) || !self.together(toks.start, toks.end - 1) {
                self.unreachable(toks.start);
                continue;
            }
            let (first, last) = (self.location(toks.start), self.location(toks.end - 1));
            let reason = "a pointer into the arena may point to this literal";
            let kind = EditKind::Memory;
            let open = "static_string(".to_owned();
            self.change(first.file, first.start, first.start, open, kind, reason);
            self.change(last.file, last.end, last.end, ")".into(), kind, reason);
        }
    }

    /// Whether a literal is an element of a table of literals, or the value of an array.
    fn in_table(&self, tok: Tok) -> bool {
        let reading = self.reading;
        let tree = &reading.model.tree;
        reading.objects.iter().any(|o| {
            o.init.is_some_and(|i| tree[i].toks.contains(tok)) && o.kind != ObjectKind::Local
        })
    }

    fn in_function(&self, tok: Tok) -> bool {
        let tree = &self.reading.model.tree;
        tree.functions
            .iter()
            .any(|f| tree[f.body].toks.contains(tok))
    }

    /// Globals that move into the arena but cannot be initialised there.
    pub fn globals(&mut self) {
        for object in &self.reading.objects {
            if object.kind == ObjectKind::Local {
                continue;
            }
            if self.reading.table(object).is_some() {
                continue;
            }
            let lies_there = self.arena(object.place) && self.reading.is_initialised(object);
            if lies_there || self.points_there(object) {
                self.troubles.insert(Trouble {
                    tok: object.tok,
                    message: "an address in the arena cannot be an initial value, and a variable \
                              there cannot have one"
                        .into(),
                    help: "assign the address at run time, before the first use".into(),
                });
            }
        }
    }
}

/// What a function calls, itself included.
fn reached(reading: &Reading, from: FuncId) -> HashSet<FuncId> {
    let mut found = HashSet::from([from]);
    let mut todo = vec![from];
    while let Some(func) = todo.pop() {
        for &callee in &reading.functions[func.0 as usize].calls {
            if found.insert(callee) {
                todo.push(callee);
            }
        }
    }
    found
}
