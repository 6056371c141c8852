//! What makes loops come to an end with the verifier.

use rustc_hash::FxHashMap;

use super::super::facts::LoopKind;
use super::super::loops::{Bound, Guard, Start};
use super::super::vars::Tok;
use super::Editor;
use crate::c::cpp::{ExpansionId, Loc, Token};
use crate::c::types::EntityId;
use crate::rewrite::plan::EditKind;

/// How many tokens around a loop are looked at for what its variables are called.
const NEAR: usize = 4096;

fn hiding(names: &[String]) -> String {
    names
        .iter()
        .map(|name| format!("static_hide({name}), "))
        .collect()
}

impl Editor<'_> {
    /// Bounds the loops by a counter, as kernels without `can_loop` need it.
    pub fn bounded(&mut self) {
        for bound in self.search().bounds(|_| true) {
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
            self.guard(&bound, "");
            for start in starts {
                self.start(start);
            }
        }
    }

    /// Writes `can_loop` into the conditions of loops, and hides their numbers there.
    pub(super) fn guards(&mut self, bounds: &[Bound]) {
        // The body of a macro is one text: what one use of it hides, all others hide too. What a loop
        // changes is a variable in every use.
        let mut bodies: FxHashMap<Loc, Vec<String>> = FxHashMap::default();
        for bound in bounds {
            let names = bodies
                .entry(self.toks[bound.this.condition.1].loc)
                .or_default();
            for name in self.hidden(bound) {
                if !names.contains(&name) {
                    names.push(name);
                }
            }
        }
        for bound in bounds {
            let hides = hiding(&bodies[&self.toks[bound.this.condition.1].loc]);
            self.guard(bound, &hides);
        }
    }

    fn guard(&mut self, bound: &Bound, hides: &str) {
        let (this, guard) = (bound.this, bound.guard);
        let can_loop = "can_loop";
        let (from, to) = this.condition;
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
                let (first, last) = (self.toks[from].loc, self.toks[to - 1].loc);
                let text = format!("{hides}{can_loop}");
                self.change(
                    first.file,
                    first.start,
                    last.end,
                    text,
                    EditKind::Loop,
                    &reason,
                );
            }
            Guard::And | Guard::Parenthesised => {
                let (open, close) = match guard {
                    Guard::Parenthesised => (format!("{hides}("), ")"),
                    _ => (hides.to_owned(), ""),
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

    /// What a loop hides, as it is called in the condition.
    fn hidden(&self, bound: &Bound) -> Vec<String> {
        let (at, first) = (bound.this.condition.1, bound.this.tok);
        let mut names = self.names_at(&bound.hidden, at, first);
        names.extend(bound.members.iter().cloned());
        names
    }

    /// What hides numbers before a jump.
    pub fn hides_before(&self, jump: Tok, hidden: &[EntityId], label: Tok) -> String {
        hiding(&self.names_at(hidden, jump, label))
    }

    /// What variables are called at a token: in the body of a macro, what was given to a parameter
    /// has the parameter's name. `first` begins what they are used in; what has no name is left out.
    fn names_at(&self, variables: &[EntityId], at: Tok, first: Tok) -> Vec<String> {
        let model = self.reading.model;
        let text = |symbol| String::from_utf8_lossy(model.unit.symbols.text(symbol)).into_owned();
        let Some(body) = self.toks[at].expansion else {
            return variables.iter().map(|&e| text(model[e].name)).collect();
        };
        let name = |&variable: &EntityId| {
            let uses = model
                .uses(variable)
                .iter()
                .map(|&u| model.tree[u].toks.start);
            let mut near = uses.filter(|&u| u >= first.saturating_sub(NEAR) && u < at + NEAR);
            near.find_map(|tok| match self.toks[tok].expansion == Some(body) {
                true => Some(text(model[variable].name)),
                false => self.parameter(tok, body),
            })
        };
        let mut names: Vec<String> = variables.iter().filter_map(name).collect();
        names.dedup();
        names
    }

    /// The parameter that an argument of a macro's use took the place of: what stands between the
    /// tokens around it in the body.
    fn parameter(&self, tok: Tok, body: ExpansionId) -> Option<String> {
        let (before, behind) = (self.toks.get(tok.checked_sub(1)?)?, self.toks.get(tok + 1)?);
        let inside = |token: &Token| token.expansion == Some(body) && !token.synthetic;
        if !inside(before) || !inside(behind) || before.loc.file != behind.loc.file {
            return None;
        }
        let bytes = &self.reading.unit.file(before.loc.file).bytes;
        let between = bytes.get(before.loc.end as usize..behind.loc.start as usize)?;
        let word = std::str::from_utf8(between).ok()?.trim();
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        (!word.is_empty() && word.chars().all(letters)).then(|| word.to_owned())
    }

    /// Hides the start of a counter from the verifier.
    pub(super) fn start(&mut self, start: Start) {
        let (from, to) = start.value;
        let Some((first, last)) = self.reading().written(from, to) else {
            return;
        };
        let reason = "from a known start the verifier would follow this loop round by round";
        let name = match start.index {
            true => "static_from(",
            false => "static_opaque(",
        };
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
}
