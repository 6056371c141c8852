//! Loops that `goto` makes, and functions whose last loop can end now.

use super::edits::{Editor, Trouble};
use super::facts::{Function, Instance, LoopKind};
use super::loops::Bound;
use super::read::Reading;
use super::vars::Tok;
use crate::c::lexer::{Kind, op};
use crate::c::syntax::tree::{FunctionId, StmtKind, Toks};
use crate::rewrite::plan::EditKind;

/// Whether a function jumps back to a label that asks `can_loop`.
pub fn jumps_back(reading: &Reading, function: FunctionId) -> bool {
    if !reading.jumps(function) {
        return false;
    }
    let model = reading.model;
    let body = model.tree[model.tree[function].body].toks;
    let word = |tok: Tok| reading.unit.text(&reading.unit.tokens[tok]);
    let stmts = || {
        model
            .tree
            .stmts
            .iter()
            .filter(|s| body.contains(s.toks.start))
    };
    stmts().any(|label| match label.kind {
        StmtKind::Label(name) => {
            let from = label.toks.start;
            let back = stmts().any(|jump| {
                matches!(jump.kind, StmtKind::Goto(to) if to == name) && jump.toks.start > from
            });
            // What stands right behind the label.
            let soon = (from..body.end).take(ASKS).any(|t| word(t) == b"can_loop");
            back && soon
        }
        _ => false,
    })
}

/// How many tokens behind a label `can_loop` is asked, at most.
const ASKS: usize = 64;

impl Editor<'_> {
    /// Bounds what jumps back and follows pointers into the arena on its way.
    pub(super) fn jumps(&mut self, instance: Instance) {
        let reading = self.reading();
        for &(index, label, tok) in self.backward().iter() {
            let function = &reading.functions[index];
            let Some((from, to)) = function.definition.map(|d| d.body) else {
                continue;
            };
            let between = Toks::new(label + 1, tok);
            let search = self.search();
            if !search
                .follows(instance, between)
                .any(|f| self.arena(f.space))
            {
                continue;
            }
            let bounded = self.word(tok.wrapping_sub(2)) == b"can_loop"
                || self.asks_first(label, to)
                || self.is_chosen_by_asking(from, tok);
            if !bounded {
                let hidden = self.search().hidden_in_jump(Toks::new(label, tok));
                let hides = self.hides_before(tok, &hidden, label);
                self.jump(function, tok, to - 1, &hides);
            }
        }
    }

    /// The jumps back: the function, by index, the label and the `goto`.
    pub(super) fn find_backward(&self) -> Vec<(usize, Tok, Tok)> {
        let mut found = Vec::new();
        for (index, function) in self.reading().functions.iter().enumerate() {
            let Some(definition) = function.definition else {
                continue;
            };
            let (from, to) = definition.body;
            for tok in (from..to).filter(|&t| self.word(t) == b"goto") {
                let target = self.word(tok + 1);
                let label = (from..tok).find(|&t| {
                    self.word(t) == target && self.is(t + 1, ":") && self.begins_statement(t)
                });
                found.extend(label.map(|label| (index, label, tok)));
            }
        }
        found
    }

    /// Whether what follows a label asks `can_loop` before anything else can happen.
    fn asks_first(&self, label: Tok, end: Tok) -> bool {
        let straight = (label..end).take_while(|&t| {
            !matches!(self.word(t), b"goto" | b"return" | b"switch")
                && !["{", "}"].iter().any(|o| self.is(t, o))
        });
        { straight }.any(|t| self.word(t) == b"can_loop")
    }

    /// Whether a jump is the case of a `switch` that asks `can_loop`.
    fn is_chosen_by_asking(&self, start: Tok, tok: Tok) -> bool {
        let switch = (start..tok).rev().find(|&t| self.word(t) == b"switch");
        let inside = |s: Tok| (s..tok).all(|t| !self.is(t, "}"));
        self.is(tok.wrapping_sub(1), ":")
            && switch.is_some_and(|s| self.word(s + 2) == b"can_loop" && inside(s))
    }

    fn begins_statement(&self, tok: Tok) -> bool {
        let before = tok.wrapping_sub(1);
        [";", "{", "}", ":", ")"].iter().any(|o| self.is(before, o))
    }

    /// Makes the `goto` at `tok` depend on `can_loop`. The function ends at `brace`.
    fn jump(&mut self, function: &Function, tok: Tok, brace: Tok, hides: &str) {
        let semicolon = tok + 2;
        if !self.editable(tok) || !self.together(tok, semicolon) || self.is(tok - 1, ":") {
            self.troubles.insert(Trouble {
                tok,
                message: "the verifier cannot see where this loop ends".into(),
                help: "write a loop with can_loop in its condition instead of the jump".into(),
            });
            return;
        }
        let reason = "the verifier cannot see where this loop ends";
        let (goto, end) = (self.location(tok), self.location(semicolon));
        let (open, close) = match self.word(semicolon + 1) {
            b"else" => ("{ ", " }"),
            _ => ("", ""),
        };
        let gap = match self.starts_line(tok) {
            Some(indent) if open.is_empty() => format!("\n{indent}\t"),
            _ => " ".into(),
        };
        let text = format!("{open}if ({hides}can_loop){gap}");
        self.change(
            goto.file,
            goto.start,
            goto.start,
            text,
            EditKind::Loop,
            reason,
        );
        if !close.is_empty() {
            self.change(
                end.file,
                end.end,
                end.end,
                close.into(),
                EditKind::Loop,
                reason,
            );
        }
        if semicolon + 1 == brace {
            self.leave(function, tok, semicolon);
        }
    }

    /// A loop without a condition that now has one, as the last of a function that returns a
    /// value: the end of the function is reached.
    pub(super) fn ends(&mut self, bound: &Bound) {
        let this = bound.this;
        let last = this.body.1 - 1;
        if !bound.forever || this.kind == LoopKind::Do || this.body.1 != this.function.1 - 1 {
            return;
        }
        let reading = self.reading();
        let mut functions = reading.functions.iter();
        let around = functions.find(|f| f.definition.is_some_and(|d| d.body == this.function));
        if let Some(function) = around
            && self.together(this.tok, last)
        {
            self.leave(function, this.tok, last);
        }
    }

    /// Returns 0 behind the token `last` of the statement that begins at `first`.
    fn leave(&mut self, function: &Function, first: Tok, last: Tok) {
        let Some(definition) = function.definition else {
            return;
        };
        let words = definition.start..definition.name;
        let void = words.clone().any(|t| self.word(t) == b"void");
        if void && !words.clone().any(|t| self.is_star(t)) || !self.editable(last) {
            return;
        }
        let gap = match self.starts_line(first) {
            Some(indent) => format!("\n{indent}"),
            None => " ".into(),
        };
        let end = self.location(last);
        self.change(
            end.file,
            end.end,
            end.end,
            format!("{gap}return 0;"),
            EditKind::Loop,
            "the loop can end, so the function goes on behind it",
        );
    }

    pub(super) fn word(&self, tok: Tok) -> &[u8] {
        match self.token(tok) {
            Some(token) if token.kind == Kind::Ident => self.reading().unit.text(token),
            _ => b"",
        }
    }

    fn is(&self, tok: Tok, text: &str) -> bool {
        self.token(tok)
            .is_some_and(|t| t.kind == Kind::Punct && t.op == op(text))
    }
}
