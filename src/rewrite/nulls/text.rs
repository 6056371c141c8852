//! Where nodes of the tree stand in the file that is rewritten.

use crate::c::Span;
use crate::c::cpp::{ExpansionId, FileId, Loc, Unit};
use crate::c::syntax::tree::{Tok, Toks};

/// A macro use in the file, outside of macro bodies.
#[derive(Clone, Copy, Debug)]
struct Use {
    span: Span,
    /// The use in whose arguments it stands.
    outer: Option<usize>,
}

/// The tokens of a unit with the places in its file.
pub struct Text<'u> {
    /// The unit.
    pub unit: &'u Unit,
    /// The macro uses of the file, by position.
    uses: Vec<Use>,
}

impl<'u> Text<'u> {
    /// Finds the macro uses of the file. Linear in their number, and a sort.
    pub fn new(unit: &'u Unit) -> Self {
        let mut uses: Vec<Use> = unit
            .expansions
            .iter()
            .filter(|e| e.parent.is_none() && e.invocation.file == FileId::MAIN)
            .map(|e| Use {
                span: use_span(e.invocation, e.close),
                outer: None,
            })
            .collect();
        uses.sort_by_key(|u| (u.span.start, std::cmp::Reverse(u.span.end)));
        let mut open: Vec<usize> = Vec::new();
        for index in 0..uses.len() {
            let span = uses[index].span;
            while open.last().is_some_and(|&o| uses[o].span.end < span.end) {
                open.pop();
            }
            uses[index].outer = open.last().copied();
            open.push(index);
        }
        Self { unit, uses }
    }

    /// The outermost macro use that a token is spelled in the body of.
    fn outermost(&self, tok: Tok) -> Option<ExpansionId> {
        let mut at = self.unit.tokens[tok].expansion?;
        while let Some(parent) = self.unit.expansion(at).parent {
            at = parent;
        }
        Some(at)
    }

    /// The bytes of the file that a token comes from: its own, or the use of the macro.
    fn place(&self, tok: Tok) -> Option<Span> {
        let token = self.unit.tokens.get(tok)?;
        let (loc, close) = match self.outermost(tok) {
            None if token.synthetic => return None,
            None => (token.loc, None),
            Some(id) => {
                let used = self.unit.expansion(id);
                (used.invocation, used.close)
            }
        };
        (loc.file == FileId::MAIN).then(|| use_span(loc, close))
    }

    /// The bytes of the file that are these tokens, all of them and nothing else.
    pub fn span(&self, toks: Toks) -> Option<Span> {
        if toks.start >= toks.end {
            return None;
        }
        let span = Span {
            start: self.place(toks.start)?.start,
            end: self.place(toks.end - 1)?.end,
        };
        let within = |tok: Tok| {
            self.place(tok)
                .is_some_and(|at| span.start <= at.start && at.end <= span.end)
        };
        if span.start >= span.end || !(toks.start..toks.end).all(within) {
            return None;
        }
        let before = toks.start.checked_sub(1);
        if before.is_some_and(within) || within(toks.end) {
            return None;
        }
        // A use of a macro stands inside, outside, or around it: in an argument.
        let first = self.uses.partition_point(|u| u.span.start < span.start);
        let crosses = |u: &Use| u.span.end > span.end;
        let mut inside = self.uses[first..]
            .iter()
            .take_while(|u| u.span.start < span.end);
        if inside.any(|u| crosses(u) && u.span.start != span.start) {
            return None;
        }
        let mut outer = first.checked_sub(1);
        while let Some(index) = outer {
            let around = &self.uses[index];
            if span.start < around.span.end && around.span.end < span.end {
                return None;
            }
            outer = around.outer;
        }
        Some(span)
    }

    /// The bytes of a statement that other statements can be put next to.
    pub fn statement(&self, toks: Toks) -> Option<Span> {
        self.span(toks)
            .filter(|&span| self.argument_of(span).is_none())
    }

    /// The macro use around a range of the file: it stands in one of its arguments.
    pub fn argument_of(&self, span: Span) -> Option<Span> {
        let index = self.uses.partition_point(|u| u.span.start < span.start);
        let mut at = index.checked_sub(1);
        while let Some(index) = at {
            let around = &self.uses[index];
            if span.end < around.span.end {
                return Some(around.span);
            }
            at = around.outer;
        }
        None
    }

    /// The bytes of the file that a person looks at to find these tokens; for those of another
    /// file, none.
    pub fn visible(&self, toks: Toks) -> Option<Span> {
        if let Some(span) = self.span(toks) {
            return Some(span);
        }
        let place = (toks.start..toks.end).find_map(|tok| self.place(tok));
        place.filter(|span| span.start < span.end)
    }

    /// The name of the macro in whose body a token is spelled.
    pub fn made_by(&self, tok: Tok) -> Option<String> {
        let used = self.unit.expansion(self.outermost(tok)?);
        let name = self.unit.symbols.text(used.name);
        Some(String::from_utf8_lossy(name).into_owned())
    }

    /// The tokens around `tok` that come from the same use of a macro.
    pub fn made_with(&self, tok: Tok, within: Toks) -> Toks {
        let Some(place) = self.outermost(tok).and_then(|_| self.place(tok)) else {
            return Toks::new(tok, tok + 1);
        };
        let same = |tok: Tok| {
            self.place(tok)
                .is_some_and(|at| place.start <= at.start && at.end <= place.end)
        };
        let (mut start, mut end) = (tok, tok + 1);
        while start > within.start && same(start - 1) {
            start -= 1;
        }
        while end < within.end && same(end) {
            end += 1;
        }
        Toks::new(start, end)
    }

    /// The spelling of tokens, a blank between words.
    pub fn spelled(&self, toks: Toks) -> String {
        let mut out = String::new();
        for token in &self.unit.tokens[toks.start..toks.end] {
            let text = String::from_utf8_lossy(self.unit.text(token)).into_owned();
            let word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
            if word(out.chars().next_back()) && word(text.chars().next()) {
                out.push(' ');
            }
            out += &text;
        }
        out
    }

    /// The spelling of a token.
    pub fn symbol(&self, tok: Tok) -> &[u8] {
        self.unit.text(&self.unit.tokens[tok])
    }
}

fn use_span(name: Loc, close: Option<Loc>) -> Span {
    let end = match close {
        Some(close) if close.file == name.file && close.end > name.end => close.end,
        _ => name.end,
    };
    Span::new(name.start as usize, end as usize)
}
