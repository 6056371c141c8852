//! Loops whose bound the verifier cannot see.
//!
//! The verifier follows a loop round by round. Where a counter runs from a constant to a constant
//! it comes to an end by itself; any other loop needs `can_loop` in its condition.

use super::facts::{Loop, LoopKind};
use super::read::Reading;
use super::vars::Tok;
use crate::c::Symbol;
use crate::c::cpp::Token;
use crate::c::lexer::{Kind, op};
use crate::c::numbers::integer;

/// What a loop's condition becomes.
pub enum Guard {
    /// It is empty or always true: `can_loop` takes its place.
    Alone,
    /// `&& can_loop` follows it.
    And,
    /// The same, with parentheses around the condition.
    Parenthesised,
}

/// How a loop comes to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The program says so already, or it is no loop.
    Said,
    /// A counter reaches a constant, after about so many rounds if that can be told.
    Counted(Option<u64>),
    /// The verifier follows memory that does not change.
    Walked,
    /// The verifier cannot see it.
    Unseen,
}

/// The tokens of a unit, as loops are made of them.
pub struct View<'a> {
    reading: &'a Reading<'a>,
    toks: &'a [Token],
}

impl<'a> View<'a> {
    pub fn new(reading: &'a Reading<'a>) -> Self {
        Self {
            reading,
            toks: &reading.unit.tokens,
        }
    }

    /// How a loop ends.
    pub fn end(&self, this: &Loop) -> End {
        if self.guarded(this) {
            return End::Said;
        }
        if let Some(rounds) = self.bounded(this) {
            return End::Counted(rounds);
        }
        let (from, to) = this.condition;
        let mut walks = self
            .reading
            .follows
            .iter()
            .filter(|f| from <= f.tok && f.tok < to && f.instance == this.instance)
            .peekable();
        let walked = walks.peek().is_some() && walks.all(|f| !self.reading.vars.is_arena(f.space));
        match walked || self.indexes(this) {
            true => End::Walked,
            false => End::Unseen,
        }
    }

    /// Whether something that changes in the loop is an index into other memory than the arena's:
    /// the verifier wants to know it exactly.
    pub fn indexes(&self, this: &Loop) -> bool {
        let (from, to) = this.body;
        (from..to).any(|open| {
            self.is(open, "[") && self.plain_before(open, this) && self.changes_within(open, this)
        })
    }

    /// Whether a token belongs to a loop within this one.
    fn inside_inner(&self, tok: Tok, this: &Loop) -> bool {
        self.reading.loops.iter().any(|l| {
            l.instance == this.instance
                && this.body.0 <= l.tok
                && l.tok < this.body.1
                && l.tok <= tok
                && tok < l.body.1.max(l.condition.1)
        })
    }

    /// Whether what stands before a `[` is a pointer to, or an array in, other memory.
    fn plain_before(&self, open: Tok, this: &Loop) -> bool {
        let Some(name) = self.name(open.wrapping_sub(1)) else {
            return false;
        };
        if self.is(open - 2, "->") || self.is(open - 2, ".") {
            return false;
        }
        self.reading.indexes_plain(name, open - 1, this.instance)
    }

    /// Whether a name in the index is changed by the loop.
    fn changes_within(&self, open: Tok, this: &Loop) -> bool {
        let mut depth = 0usize;
        for t in open..this.body.1 {
            depth += usize::from(self.is(t, "["));
            depth -= usize::from(self.is(t, "]"));
            if depth == 0 {
                return false;
            }
            let Some(name) = self.name(t) else {
                continue;
            };
            let parts = [this.condition, this.step, this.body];
            let mut all = parts.iter().flat_map(|&(from, to)| from..to);
            let changed = |at| {
                self.name(at) == Some(name) && self.modified(at) && !self.inside_inner(at, this)
            };
            if all.any(changed) {
                return true;
            }
        }
        false
    }

    /// How `can_loop` gets into a loop.
    pub fn form(&self, this: &Loop) -> Guard {
        let (from, to) = this.condition;
        if from == to || self.always(from, to) {
            return Guard::Alone;
        }
        let loose = [
            "||", "?", "=", ",", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "<<=", ">>=",
        ];
        let mut open = self.top_level(from, to);
        match open.any(|t| loose.iter().any(|l| self.is(t, l))) {
            true => Guard::Parenthesised,
            false => Guard::And,
        }
    }

    pub fn is(&self, tok: Tok, text: &str) -> bool {
        self.toks
            .get(tok)
            .is_some_and(|t| t.kind == Kind::Punct && t.op == op(text))
    }

    fn word(&self, tok: Tok) -> &[u8] {
        match self.toks.get(tok) {
            Some(token) if token.kind == Kind::Ident => self.reading.unit.text(token),
            _ => b"",
        }
    }

    pub fn name(&self, tok: Tok) -> Option<Symbol> {
        let token = self.toks.get(tok)?;
        (token.kind == Kind::Ident).then_some(token.symbol)
    }

    /// The tokens of a range that stand in no parentheses.
    fn top_level(&self, from: Tok, to: Tok) -> impl Iterator<Item = Tok> + '_ {
        let mut depth = 0usize;
        (from..to).filter(move |&t| {
            if self.is(t, ")") || self.is(t, "]") || self.is(t, "}") {
                depth = depth.saturating_sub(1);
            }
            let here = depth == 0;
            if self.is(t, "(") || self.is(t, "[") || self.is(t, "{") {
                depth += 1;
            }
            here
        })
    }

    /// Something in the condition bounds the loop already, or it is none.
    fn guarded(&self, this: &Loop) -> bool {
        let (from, to) = this.condition;
        let named = |t| {
            let word = self.word(t);
            word == b"can_loop" || word.starts_with(b"bpf_iter_") || word == b"__cond_break"
        };
        if (from..to).any(named) {
            return true;
        }
        // `do { … } while (0)` runs once, and a break that the user wrote in bounds the loop.
        if this.kind == LoopKind::Do && to == from + 1 && self.number(from) == Some(0) {
            return true;
        }
        (this.body.0..this.body.1).any(|t| self.word(t) == b"cond_break")
    }

    pub fn number(&self, tok: Tok) -> Option<u64> {
        let token = self.toks.get(tok)?;
        if token.kind != Kind::Number {
            return None;
        }
        integer(self.reading.unit.text(token)).map(|number| number.bits)
    }

    fn always(&self, from: Tok, to: Tok) -> bool {
        to == from + 1 && (self.number(from).is_some_and(|n| n != 0) || self.word(from) == b"true")
    }

    /// A part of the condition compares a counter with a constant: how many rounds that makes, if
    /// it is written as a number.
    fn bounded(&self, this: &Loop) -> Option<Option<u64>> {
        let (from, to) = this.condition;
        let mut start = from;
        let ands: Vec<Tok> = self
            .top_level(from, to)
            .filter(|&t| self.is(t, "&&"))
            .collect();
        let mut open = self.top_level(from, to);
        if open.any(|t| self.is(t, "||") || self.is(t, "?") || self.is(t, ",")) {
            return None;
        }
        for end in ands.into_iter().chain([to]) {
            if let Some(rounds) = self.counts(this, start, end) {
                return Some(rounds);
            }
            start = end + 1;
        }
        None
    }

    /// `i < 10` and the like, where `i` starts at a constant and only steps towards the end.
    fn counts(&self, this: &Loop, mut from: Tok, mut to: Tok) -> Option<Option<u64>> {
        while self.is(from, "(") && self.is(to - 1, ")") && self.closes(from) == Some(to - 1) {
            from += 1;
            to -= 1;
        }
        let compares = |t: Tok| ["<", ">", "<=", ">=", "!="].iter().any(|o| self.is(t, o));
        let at = self.top_level(from, to).find(|&t| compares(t))?;
        let sides = [(from, at, at + 1, to), (at + 1, to, from, at)];
        sides.iter().find_map(|&(a, b, c, d)| {
            let counter = self.name(a).filter(|_| b == a + 1)?;
            let ends = self.constant(c, d, this) && self.steps(this, counter);
            ends.then(|| self.number(c).filter(|_| d == c + 1))
        })
    }

    fn closes(&self, open: Tok) -> Option<Tok> {
        let mut depth = 0usize;
        (open..self.toks.len()).find(|&t| {
            depth += usize::from(self.is(t, "("));
            depth -= usize::from(self.is(t, ")") && depth > 0);
            depth == 0
        })
    }

    /// An expression of constants, or a variable that the function holds below one.
    pub fn constant(&self, from: Tok, to: Tok, this: &Loop) -> bool {
        if from >= to {
            return false;
        }
        let mut t = from;
        while t < to {
            let token = &self.toks[t];
            if self.word(t) == b"sizeof" {
                t = self.closes(t + 1).map_or(to, |c| c + 1);
                continue;
            }
            let fine = match token.kind {
                Kind::Number | Kind::Char => true,
                Kind::Punct => !self.is(t, "[") && !self.is(t, "->") && !self.is(t, "."),
                Kind::Ident => {
                    self.reading.is_constant(token.symbol) || self.clamped(token.symbol, this)
                }
                Kind::Str => false,
            };
            if !fine || self.is(t, "*") && t == from {
                return false;
            }
            t += 1;
        }
        true
    }

    /// A variable that has a constant value throughout, or that is compared with a constant
    /// before the loop and not assigned between.
    fn clamped(&self, name: Symbol, this: &Loop) -> bool {
        let (from, to) = this.function;
        let mut compared = false;
        let mut constant = None;
        for t in from..to {
            if self.name(t) != Some(name)
                || self.is(t.wrapping_sub(1), "->")
                || self.is(t.wrapping_sub(1), ".")
            {
                continue;
            }
            if self.is(t.wrapping_sub(1), "&") && !self.is(t.wrapping_sub(2), ")") {
                let before = &self.toks[t - 2];
                if before.kind == Kind::Punct {
                    return false;
                }
            }
            let number = |t: Tok| {
                self.number(t).is_some()
                    || self.name(t).is_some_and(|s| self.reading.is_constant(s))
                    || self.word(t) == b"sizeof"
            };
            if t < this.tok {
                compared |= ((self.is(t + 1, ">") || self.is(t + 1, ">=")) && number(t + 2))
                    || ((self.is(t.wrapping_sub(1), "<") || self.is(t.wrapping_sub(1), "<="))
                        && number(t.wrapping_sub(2)));
            }
            if self.is(t + 1, "=") {
                let single = number(t + 2) && (self.is(t + 3, ";") || self.is(t + 3, ","));
                constant = Some(constant.unwrap_or(true) && single);
                // What is assigned behind the comparison is not held below it, but for the bound
                // itself.
                if t > this.tok || (compared && !single) {
                    return false;
                }
            }
            if self.modified(t) && !self.is(t + 1, "=") {
                return false;
            }
        }
        compared || constant == Some(true)
    }

    /// What stands before and behind the name at `t`, parentheses around it left out: macros write
    /// `++(counter)`.
    pub fn around(&self, t: Tok) -> (Tok, Tok) {
        let (mut before, mut behind) = (t.wrapping_sub(1), t + 1);
        // `f(n)` is a call, and `if (n)` a condition.
        while self.is(before, "(") && self.is(behind, ")") && self.name(before - 1).is_none() {
            (before, behind) = (before - 1, behind + 1);
        }
        (before, behind)
    }

    /// Whether the name at `t` is changed there.
    pub fn modified(&self, t: Tok) -> bool {
        let operators = [
            "++", "--", "+=", "-=", "*=", "/=", "%=", "<<=", ">>=", "&=", "^=", "|=", "=",
        ];
        let (before, behind) = self.around(t);
        operators.iter().any(|o| self.is(behind, o))
            || self.is(before, "++")
            || self.is(before, "--")
    }

    /// The counter starts at a constant, and all that happens to it in the loop is a step.
    fn steps(&self, this: &Loop, counter: Symbol) -> bool {
        let range = |(from, to): (Tok, Tok)| {
            (from..to).filter(|&t| {
                self.name(t) == Some(counter)
                    && !self.is(t.wrapping_sub(1), "->")
                    && !self.is(t.wrapping_sub(1), ".")
            })
        };
        let step = |t: Tok| {
            let by = self.is(t + 1, "+=") || self.is(t + 1, "-=");
            self.is(t + 1, "++")
                || self.is(t + 1, "--")
                || self.is(t.wrapping_sub(1), "++")
                || self.is(t.wrapping_sub(1), "--")
                || (by
                    && (self.number(t + 2).is_some()
                        || self
                            .name(t + 2)
                            .is_some_and(|s| self.reading.is_constant(s))))
        };
        let taken = |t: Tok| {
            self.is(t.wrapping_sub(1), "&")
                && self.toks[t - 2].kind == Kind::Punct
                && !self.is(t - 2, ")")
        };
        let parts = [this.condition, this.step, this.body];
        let mut stepped = false;
        for part in parts {
            for t in range(part) {
                if taken(t) {
                    return false;
                }
                if self.modified(t) {
                    if !step(t) {
                        return false;
                    }
                    stepped = true;
                }
            }
        }
        stepped && self.starts_constant(this, counter)
    }

    /// The last assignment before the loop is a constant.
    fn starts_constant(&self, this: &Loop, counter: Symbol) -> bool {
        let end = this.condition.0.min(this.body.0);
        let last = (this.function.0..end)
            .rev()
            .find(|&t| self.name(t) == Some(counter) && self.is(t + 1, "="));
        last.is_some_and(|t| {
            let mut end = t + 2;
            let mut depth = 0usize;
            while end < self.toks.len() {
                if depth == 0 && (self.is(end, ";") || self.is(end, ",") || self.is(end, ")")) {
                    break;
                }
                depth += usize::from(self.is(end, "("));
                depth -= usize::from(self.is(end, ")"));
                end += 1;
            }
            self.constant(t + 2, end, this)
        })
    }
}
