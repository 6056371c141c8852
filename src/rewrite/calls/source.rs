//! The text of a function, with changes at tokens.
//!
//! A change says what becomes of tokens; here it becomes edits of the file. Where a macro's body
//! would have to differ from use to use, that use is replaced by what the macro stands for.

use rustc_hash::FxHashMap;

use super::{FileEdit, Trouble, in_file};
use crate::c::cpp::{FileId, FileKind, Token, Unit};
use crate::c::lexer::Kind;
use crate::c::syntax::tree::{Tok, Toks};
use crate::c::types::Model;

/// Where a change stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rewrite) enum At {
    /// Instead of these tokens, of which there is at least one.
    Instead(Toks),
    /// Before a token.
    Before(Tok),
    /// After a token.
    After(Tok),
}

/// What becomes of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::rewrite) struct Change {
    pub at: At,
    pub text: String,
}

impl Change {
    fn toks(&self) -> Toks {
        match self.at {
            At::Instead(toks) => toks,
            At::Before(tok) | At::After(tok) => Toks::new(tok, tok + 1),
        }
    }
}

/// The changes of a function. Of two at the same tokens the outer one holds.
#[derive(Clone, Debug, Default)]
pub(in crate::rewrite) struct Changes {
    list: Vec<Change>,
}

impl Changes {
    /// Adds a change; what was to become of tokens that go is forgotten.
    pub fn add(&mut self, at: At, text: impl Into<String>) {
        if let At::Instead(toks) = at {
            self.list.retain(|c| !toks.holds(c.toks()));
        }
        let text = text.into();
        self.list.push(Change { at, text });
    }

    /// Those within some tokens.
    fn within(&self, toks: Toks) -> Vec<&Change> {
        let inner = self.list.iter().filter(|c| toks.holds(c.toks()));
        inner.collect()
    }
}

/// A macro use in the function.
#[derive(Clone, Copy, Debug)]
struct Use {
    start: u32,
    end: u32,
    toks: Toks,
    /// Some token is pasted or made of the text of others by a macro of the project. What `assert` makes
    /// of the text of its argument is to be read by people.
    solid: bool,
}

/// A function (or any run of tokens) as it stands in its file.
pub(in crate::rewrite) struct Source<'a> {
    pub unit: &'a Unit,
    pub file: FileId,
    pub toks: Toks,
    uses: Vec<Use>,
    /// By token of [`Self::toks`]: the macro use it comes from.
    owner: Vec<Option<usize>>,
}

/// Whether a token comes out of a macro that is none of the project.
fn is_of_system(unit: &Unit, token: &Token) -> bool {
    let expansion = token.expansion.map(|id| &unit.expansions[id.index()]);
    expansion.and_then(|e| e.define).is_some_and(|define| {
        let kind = unit.file(define.file).kind;
        !matches!(kind, FileKind::Main | FileKind::Project)
    })
}

/// An edit of a file: from, to, and what stands there afterwards.
pub(in crate::rewrite) type Edit = (u32, u32, String);

impl<'a> Source<'a> {
    /// Linear in the number of tokens and of the unit's macro uses. Fails where the tokens do not
    /// begin and end in one file.
    pub fn new(unit: &'a Unit, toks: Toks) -> Result<Self, Trouble> {
        let (first, last) = (&unit.tokens[toks.start], &unit.tokens[toks.end - 1]);
        let file = first.loc.file;
        let apart = first.expansion.is_some() || last.expansion.is_some() || last.loc.file != file;
        if apart || last.loc.end < first.loc.start {
            return Err(Trouble::at(toks.start, "it is made by a macro"));
        }
        let (from, to) = (first.loc.start, last.loc.end);
        let mut uses: Vec<Use> = Vec::new();
        for expansion in &unit.expansions {
            let at = expansion.invocation;
            if expansion.parent.is_some() || at.file != file || at.start < from || at.end > to {
                continue;
            }
            let close = expansion.close.filter(|c| c.file == file);
            uses.push(Use {
                start: at.start,
                end: close.map_or(at.end, |c| c.end.max(at.end)),
                toks: Toks::new(0, 0),
                solid: false,
            });
        }
        uses.sort_by_key(|u| (u.start, std::cmp::Reverse(u.end)));
        uses.dedup_by(|b, a| b.end <= a.end);
        let mut source = Self {
            unit,
            file,
            toks,
            uses,
            owner: Vec::new(),
        };
        for tok in toks.start..toks.end {
            let loc = unit.visible_loc(&unit.tokens[tok]);
            let next = source.uses.partition_point(|u| u.start <= loc.start);
            let owner = next.checked_sub(1);
            let owner = owner.filter(|&u| loc.file == file && loc.start < source.uses[u].end);
            if let Some(owner) = owner {
                let found = &mut source.uses[owner];
                if found.toks.end == 0 {
                    found.toks = Toks::new(tok, tok);
                }
                found.toks.end = tok + 1;
                let token = &unit.tokens[tok];
                found.solid |= token.synthetic && !is_of_system(unit, token);
            }
            source.owner.push(owner);
        }
        Ok(source)
    }

    /// The same for tokens that may begin with what macros make: `SEC(…)` and the like.
    pub fn behind_macros(model: &Model<'a>, toks: Toks) -> Result<Self, Trouble> {
        let first = (toks.start..toks.end).find(|&t| in_file(model, t));
        Self::new(model.unit, Toks::new(first.unwrap_or(toks.start), toks.end))
    }

    fn token(&self, tok: Tok) -> &'a Token {
        &self.unit.tokens[tok]
    }

    fn owner(&self, tok: Tok) -> Option<&Use> {
        let index = (*self.owner.get(tok.checked_sub(self.toks.start)?)?)?;
        Some(&self.uses[index])
    }

    /// A token's spelling.
    pub fn spelling(&self, tok: Tok) -> String {
        String::from_utf8_lossy(self.unit.text(self.token(tok))).into_owned()
    }

    /// The bytes of the file.
    pub fn bytes(&self) -> &'a [u8] {
        &self.unit.file(self.file).bytes
    }

    /// Where a token begins in the file; for one out of a macro, where the macro is used.
    pub fn start_of(&self, tok: Tok) -> u32 {
        match self.owner(tok) {
            Some(of) => of.start,
            None => self.token(tok).loc.start,
        }
    }

    /// The blanks at the beginning of the line a token stands on.
    pub fn indent(&self, tok: Tok) -> String {
        let at = self.start_of(tok) as usize;
        let line = memchr::memrchr(b'\n', &self.bytes()[..at]).map_or(0, |n| n + 1);
        let blank = self.bytes()[line..at].iter();
        let blanks = blank.take_while(|b| **b == b' ' || **b == b'\t').count();
        String::from_utf8_lossy(&self.bytes()[line..line + blanks]).into_owned()
    }

    /// Whether a token is the first of its line.
    pub fn starts_line(&self, tok: Tok) -> bool {
        let at = self.start_of(tok) as usize;
        let line = memchr::memrchr(b'\n', &self.bytes()[..at]).map_or(0, |n| n + 1);
        self.bytes()[line..at].iter().all(u8::is_ascii_whitespace)
    }

    /// Whether a token stands in a file that is included among the tokens.
    fn is_elsewhere(&self, tok: Tok) -> bool {
        self.owner(tok).is_none() && self.token(tok).loc.file != self.file
    }

    /// Whether one macro makes all of these tokens and nothing else, but for what ends a statement.
    pub fn is_one_use(&self, toks: Toks) -> bool {
        let mut uses = (toks.start..toks.end - 1).map(|tok| self.owner(tok));
        uses.next().flatten().is_some_and(|of| {
            let whole =
                of.toks.start == toks.start && (toks.end - 1..=toks.end).contains(&of.toks.end);
            whole && uses.all(|other| other.is_some_and(|other| other.start == of.start))
        })
    }

    /// Where a token ends in the file; for one out of a macro, where the macro's use does.
    pub fn end_of(&self, tok: Tok) -> u32 {
        self.owner(tok).map_or(self.token(tok).loc.end, |u| u.end)
    }

    /// Whether tokens are no stretch of the file: they begin or end inside a macro use or in another
    /// file, or a macro has its arguments in another order.
    fn cuts(&self, toks: Toks) -> bool {
        let (first, last) = (toks.start, toks.end - 1);
        let cut = |tok: Tok| {
            let within = self.owner(tok).is_some_and(|u| !toks.holds(u.toks));
            within || self.is_elsewhere(tok)
        };
        cut(first) || cut(last) || self.end_of(last) < self.start_of(first)
    }

    /// The tokens as text, with their changes.
    pub fn render(&self, toks: Toks, changes: &Changes) -> Result<String, Trouble> {
        if toks.start >= toks.end {
            return Ok(String::new());
        }
        if self.cuts(toks) {
            return Ok(self.respell(toks, &changes.within(toks)));
        }
        let start = self.start_of(toks.start) as usize;
        let last = toks.end - 1;
        let end = self.end_of(last) as usize;
        let mut text = Vec::new();
        let mut at = start;
        for (from, to, new) in self.edits(toks, changes)? {
            let Some(between) = self.bytes().get(at..from as usize) else {
                let what = "a macro has its parts in another order";
                return Err(Trouble::at(toks.start, what));
            };
            text.extend_from_slice(between);
            text.extend_from_slice(new.as_bytes());
            at = to as usize;
        }
        text.extend_from_slice(&self.bytes()[at..end]);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// The changes of tokens that do not begin or end inside a macro use, as edits, by position.
    pub fn edits(&self, toks: Toks, changes: &Changes) -> Result<Vec<Edit>, Trouble> {
        let inner = changes.within(toks);
        // By macro use that is taken apart: where the tokens end that are written anew.
        let mut expanded: FxHashMap<usize, Tok> = FxHashMap::default();
        let mut plain = Vec::new();
        for change in &inner {
            let of = change.toks();
            let mut direct = true;
            for tok in [of.start, of.end - 1] {
                if self.is_elsewhere(tok) {
                    return Err(Trouble::at(tok, "a part of it stands in another file"));
                }
                let Some(index) = self.owner[tok - self.toks.start] else {
                    continue;
                };
                let used = &self.uses[index];
                if !self.fits(change, used, &inner) {
                    let end = expanded.entry(index).or_insert(used.toks.end);
                    *end = (*end).max(of.end);
                    direct = false;
                    // What ends the statement may stand behind the use: `TRY(f());`.
                    let mut rest = used.toks.end..of.end;
                    let plain = |t: Tok| self.owner(t).is_none() && !self.is_elsewhere(t);
                    if !used.toks.contains(of.start) || !rest.all(plain) {
                        return Err(Trouble::at(tok, "a macro holds a part of a statement"));
                    }
                }
            }
            if direct {
                plain.push(*change);
            }
        }
        let hidden = |tok: Tok| {
            let mut all = expanded.iter();
            all.any(|(&at, &end)| self.uses[at].toks.start <= tok && tok < end)
        };
        let mut edits: Vec<(u32, u32, u8, String)> = Vec::new();
        for change in plain {
            let of = change.toks();
            let covers = self.owner(of.start).is_some_and(|u| of.holds(u.toks));
            if hidden(of.start) && !covers {
                continue;
            }
            edits.push(self.edit(change));
        }
        for (&index, &end) in &expanded {
            let toks = Toks::new(self.uses[index].toks.start, end);
            let (from, to) = (self.uses[index].start, self.end_of(end - 1));
            edits.push((
                from,
                to.max(self.uses[index].end),
                1,
                self.respell(toks, &inner),
            ));
        }
        // What is inserted after a token stands before what is inserted before the next.
        edits.sort_by_key(|e| (e.0, e.1, e.2));
        edits.dedup_by(|b, a| a == b && a.0 < a.1);
        Ok(edits.into_iter().map(|(a, b, _, t)| (a, b, t)).collect())
    }

    /// The same, as edits of the file.
    pub fn file_edits(&self, toks: Toks, changes: &Changes) -> Result<Vec<FileEdit>, Trouble> {
        let edits = self.edits(toks, changes)?.into_iter();
        let edits = edits.map(|(start, end, text)| FileEdit {
            file: self.file,
            start,
            end,
            text,
        });
        Ok(edits.collect())
    }

    fn edit(&self, change: &Change) -> (u32, u32, u8, String) {
        let of = change.toks();
        let rename = of.end - of.start == 1 && matches!(change.at, At::Instead(_));
        let (first, last) = (self.token(of.start), self.token(of.end - 1));
        let outer = |tok: Tok| self.owner(tok).filter(|u| of.holds(u.toks) && !rename);
        let (mut start, mut end) = (first.loc.start, last.loc.end);
        if let Some(of) = outer(of.start) {
            start = of.start;
        }
        if let Some(of) = outer(of.end - 1) {
            end = of.end;
        }
        if let Some(u) = self.owner(of.start).filter(|_| rename)
            && first.expansion.is_some()
        {
            (start, end) = (u.start, u.end);
        }
        let (edge_start, edge_end) = match self.owner(of.start) {
            Some(u) => (u.start, u.end),
            None => (start, end),
        };
        match change.at {
            At::Instead(_) if change.text.is_empty() => {
                let (start, end) = self.line(start, end);
                (start, end, 1, String::new())
            }
            At::Instead(_) => (start, end, 1, change.text.clone()),
            At::Before(_) => (edge_start, edge_start, 1, change.text.clone()),
            At::After(_) => (edge_end, edge_end, 0, change.text.clone()),
        }
    }

    /// With the whole line, if nothing else stands on it.
    fn line(&self, start: u32, end: u32) -> (u32, u32) {
        let bytes = self.bytes();
        let (from, to) = (start as usize, end as usize);
        let line = memchr::memrchr(b'\n', &bytes[..from]).map_or(0, |n| n + 1);
        let next = memchr::memchr(b'\n', &bytes[to..]).map_or(bytes.len(), |n| to + n + 1);
        let blank = |b: &[u8]| b.iter().all(u8::is_ascii_whitespace);
        match blank(&bytes[line..from]) && blank(&bytes[to..next]) {
            true => (line as u32, next as u32),
            false => (start, end),
        }
    }

    /// Whether a change that touches a macro use leaves the use as it is: it takes all of it away,
    /// stands at its edge, or gives an argument another name wherever the argument gets to.
    fn fits(&self, change: &Change, of: &Use, all: &[&Change]) -> bool {
        let toks = change.toks();
        match change.at {
            At::Before(tok) => tok == of.toks.start,
            At::After(tok) => tok + 1 == of.toks.end,
            At::Instead(_) if toks.holds(of.toks) => true,
            At::Instead(_) => {
                let token = self.token(toks.start);
                let same = |tok: Tok| {
                    let other = self.token(tok);
                    let copy = other.loc == token.loc && other.expansion.is_none();
                    let there = Toks::new(tok, tok + 1);
                    !copy
                        || all
                            .iter()
                            .any(|c| c.at == At::Instead(there) && c.text == change.text)
                };
                toks.end - toks.start == 1
                    && token.expansion.is_none()
                    && !of.solid
                    && (of.toks.start..of.toks.end).all(same)
            }
        }
    }

    /// The tokens one by one, with their changes.
    fn respell(&self, toks: Toks, changes: &[&Change]) -> String {
        let mut text = String::new();
        let mut tok = toks.start;
        while tok < toks.end {
            for change in changes.iter().filter(|c| c.at == At::Before(tok)) {
                text.push_str(&change.text);
            }
            let instead = changes.iter().find_map(|c| match c.at {
                At::Instead(of) if of.start == tok => Some((of.end, &c.text)),
                _ => None,
            });
            let token = self.token(tok);
            let (end, word) = match instead {
                Some((end, text)) => (end, text.clone()),
                None => (tok + 1, self.spelling(tok)),
            };
            let apart = token.space || token.first || self.would_join(tok);
            if tok > toks.start && apart && !word.is_empty() && !text.ends_with(' ') {
                text.push(' ');
            }
            text.push_str(&word);
            for change in changes.iter().filter(|c| c.at == At::After(end - 1)) {
                text.push_str(&change.text);
            }
            tok = end;
        }
        text
    }

    /// Whether a token would become one with the token before it.
    fn would_join(&self, tok: Tok) -> bool {
        let Some(before) = tok.checked_sub(1).map(|t| self.token(t)) else {
            return false;
        };
        let token = self.token(tok);
        let word = |t: &Token| !matches!(t.kind, Kind::Punct);
        let bracket = |t: &Token| {
            let text = self.unit.text(t);
            text.len() == 1 && b"()[]{},;?:~".contains(&text[0])
        };
        match (word(before), word(token)) {
            (true, true) => true,
            (false, false) => !bracket(before) && !bracket(token),
            _ => false,
        }
    }

    /// The tokens one by one, without changes: for declarations that are written anew.
    pub fn words(&self, toks: impl Iterator<Item = (Tok, Option<String>)>) -> String {
        let mut text = String::new();
        for (tok, instead) in toks {
            let token = self.token(tok);
            let word = instead.unwrap_or_else(|| self.spelling(tok));
            let word_follows = text.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && word.starts_with(|c: char| c.is_alphanumeric() || c == '_');
            if !text.is_empty() && (token.space || token.first || word_follows) {
                text.push(' ');
            }
            text.push_str(&word);
        }
        text
    }
}
