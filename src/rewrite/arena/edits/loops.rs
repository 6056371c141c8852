//! What makes loops come to an end with the verifier.

use super::super::facts::LoopKind;
use super::super::loops::{Bound, Guard, Start};
use super::Editor;
use crate::c::types::EntityId;
use crate::rewrite::plan::EditKind;

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

    /// Writes `can_loop` into the condition of a loop.
    pub(super) fn guard(&mut self, bound: &Bound) {
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
    pub fn hides(&self, hidden: &[EntityId]) -> String {
        let model = self.reading.model;
        let names = hidden.iter().map(|&e| {
            let name = model.unit.symbols.text(model[e].name);
            format!("static_hide({}), ", String::from_utf8_lossy(name))
        });
        names.collect()
    }

    /// Hides the start of a counter from the verifier.
    pub(super) fn start(&mut self, start: Start) {
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
}
