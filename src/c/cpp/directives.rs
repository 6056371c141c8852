//! Directives.

use std::borrow::Cow;

use super::builtins::fixed;
use super::engine::{Group, Preprocessor};
use super::macros::{Shape, parse};
use super::source::Directive;
use super::{FileId, FileKind, Loc, Token};
use crate::c::Symbols;
use crate::c::condition::{self, Operands, Value};
use crate::c::directives::{Malformed, Step, Word};
use crate::c::lexer::{Kind, op};
use crate::c::numbers::Integer;

/// The tokens of a condition, macros replaced.
struct Condition<'c> {
    tokens: &'c [Token],
    symbols: &'c Symbols,
}

impl Operands for Condition<'_> {
    fn token(&self, at: usize) -> Option<(Kind, u32)> {
        self.tokens.get(at).map(|token| (token.kind, token.op))
    }

    fn text(&self, at: usize) -> Cow<'_, [u8]> {
        Cow::Borrowed(self.symbols.text(self.tokens[at].symbol))
    }

    fn name(&self, at: &mut usize) -> Result<Value, Malformed> {
        *at += 1;
        match self.tokens.get(*at).is_some_and(|t| t.is(op("("))) {
            true => Err((*at - 1, "function-like macro is not defined")),
            false => Ok(Some(Integer::signed(0))),
        }
    }
}

impl Preprocessor<'_> {
    /// Follows the next directive of the open file.
    pub fn directive(&mut self) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let directive = open.source.directives[open.directive].clone();
        let source = std::sync::Arc::clone(&open.source);
        let (file, symbols) = (open.file, std::sync::Arc::clone(&open.symbols));
        open.directive += 1;
        let loc = Loc {
            file,
            start: directive.start,
            end: directive.end,
        };
        let mut line = self.list();
        let spelled = source.inner[directive.rest.clone()].iter();
        line.extend(spelled.map(|token| token.token(file, &symbols)));
        match directive.word {
            Word::Define => self.define(&line, loc),
            Word::Undef => self.undefine(&line, loc),
            Word::If | Word::Ifdef | Word::Ifndef => {
                let holds = self.holds(directive.word, &line, loc);
                self.open_group(loc, holds);
            }
            Word::Elif | Word::Elifdef | Word::Elifndef | Word::Else | Word::Endif => {
                self.leave_arm(&directive, loc);
            }
            Word::Include | Word::IncludeNext | Word::Import => {
                let next = directive.word == Word::IncludeNext;
                let once = directive.word == Word::Import;
                if loc.file == FileId::MAIN {
                    self.unit.last_include = Some(loc.start);
                }
                match self.header_name(&line) {
                    Some((name, angled)) => self.include(&name, angled, next, once, loc),
                    None => self.problem(loc, "expected \"FILENAME\" or <FILENAME>"),
                }
            }
            Word::Pragma => self.pragma(&line),
            Word::Error => {
                let text = &source.bytes[directive.start as usize..directive.end as usize];
                let text = String::from_utf8_lossy(text).into_owned();
                self.problem(loc, text);
            }
            Word::Embed => self.problem(loc, "#embed is left out"),
            Word::Unknown => self.problem(loc, "invalid preprocessing directive"),
            Word::Nothing => {}
        }
    }

    fn define(&mut self, line: &[Token], loc: Loc) {
        match parse(line, &mut self.unit.symbols) {
            Ok(mut new) => {
                let kind = self.unit.file(loc.file).kind;
                if matches!(kind, FileKind::Builtin | FileKind::CommandLine) {
                    new.make_synthetic();
                }
                if self.names.kept.contains(&new.name) {
                    new = fixed(new.name, Shape::Stays);
                }
                self.macros.define(new);
            }
            Err((at, what)) => {
                let loc = line.get(at).map_or(loc, |token| token.loc);
                self.problem(loc, what);
            }
        }
    }

    fn undefine(&mut self, line: &[Token], loc: Loc) {
        match line.first() {
            Some(name) if name.kind == Kind::Ident => self.macros.set(name.symbol, None),
            _ => self.problem(loc, "macro name missing"),
        }
    }

    /// Whether a condition holds.
    fn holds(&mut self, word: Word, line: &[Token], loc: Loc) -> bool {
        if matches!(word, Word::If | Word::Elif) {
            return self.evaluate(line, loc);
        }
        let negated = matches!(word, Word::Ifndef | Word::Elifndef);
        match line.first() {
            Some(name) if name.kind == Kind::Ident => {
                self.macros.of(name.symbol).is_some() != negated
            }
            _ => {
                self.problem(loc, "macro name missing");
                false
            }
        }
    }

    fn evaluate(&mut self, line: &[Token], loc: Loc) -> bool {
        let outer = std::mem::replace(&mut self.in_condition, true);
        let problems = self.unit.problems.len();
        let tokens = self.replaced(line);
        self.in_condition = outer;
        if self.unit.problems.len() > problems {
            return false;
        }
        let condition = Condition {
            tokens: &tokens,
            symbols: &self.unit.symbols,
        };
        match condition::evaluate(&condition) {
            Ok(Some(value)) => value.is_true(),
            Ok(None) => {
                self.problem(loc, "division by zero in preprocessor expression");
                false
            }
            Err((at, what)) => {
                let place = tokens.get(at).map_or(loc, |token| token.loc);
                self.problem(place, what);
                false
            }
        }
    }

    fn open_group(&mut self, loc: Loc, taken: bool) {
        if let Some(open) = self.open.last_mut() {
            open.groups.push(Group {
                loc,
                taken,
                last: false,
            });
        }
        if !taken {
            self.skip();
        }
    }

    /// `#elif`, `#else` or `#endif` behind an arm that was taken.
    fn leave_arm(&mut self, directive: &Directive, loc: Loc) {
        let Some(open) = self.open.last_mut() else {
            return;
        };
        let Some(group) = open.groups.last_mut() else {
            return self.problem(loc, "#elif, #else or #endif without #if");
        };
        if directive.word == Word::Endif {
            open.groups.pop();
            return;
        }
        let is_last = group.last || directive.word == Word::Else;
        if std::mem::replace(&mut group.last, is_last) {
            self.problem(loc, "#elif or #else after #else");
        }
        self.skip();
    }

    /// Skips arms, up to one that is taken or behind the group.
    fn skip(&mut self) {
        let from = self.open.last().map_or(0, |open| open.token);
        self.skip_arms();
        let Some(open) = self.open.last() else { return };
        let kind = self.unit.file(open.file).kind;
        let skipped = &open.source.tokens[from..open.token];
        if matches!(kind, FileKind::Main | FileKind::Project)
            && let (Some(first), Some(last)) = (skipped.first(), skipped.last())
        {
            self.unit.skipped.push(Loc {
                file: open.file,
                start: first.start,
                end: last.end,
            });
        }
    }

    fn skip_arms(&mut self) {
        let mut depth = 0usize;
        loop {
            let Some(open) = self.open.last_mut() else {
                return;
            };
            let Some(directive) = open.source.directives.get(open.directive) else {
                // The group has no end: neither has what is skipped.
                open.token = open.source.tokens.len();
                return;
            };
            open.directive += 1;
            self.read += 1;
            let word = directive.word;
            match word.step() {
                Some(Step::Open) => depth += 1,
                Some(Step::Close) if depth > 0 => depth -= 1,
                Some(Step::Close) => {
                    open.token = directive.before;
                    open.groups.pop();
                    return;
                }
                Some(Step::Elif | Step::Else) if depth == 0 => {
                    let loc = Loc {
                        file: open.file,
                        start: directive.start,
                        end: directive.end,
                    };
                    let before = directive.before;
                    let rest = directive.rest.clone();
                    let Some(group) = open.groups.last_mut() else {
                        return;
                    };
                    let is_last = group.last || word == Word::Else;
                    if std::mem::replace(&mut group.last, is_last) {
                        self.problem(loc, "#elif or #else after #else");
                        continue;
                    }
                    if group.taken {
                        continue;
                    }
                    let spelled = open.source.inner[rest].iter();
                    let line: Vec<Token> = spelled
                        .map(|token| token.token(open.file, &open.symbols))
                        .collect();
                    if word == Word::Else || self.holds(word, &line, loc) {
                        if let Some(open) = self.open.last_mut() {
                            open.token = before;
                            if let Some(group) = open.groups.last_mut() {
                                group.taken = true;
                            }
                        }
                        return;
                    }
                }
                _ => {}
            }
        }
    }

    fn pragma(&mut self, line: &[Token]) {
        let Some(first) = line.first() else { return };
        let word = self.unit.symbols.text(first.symbol);
        match word {
            b"once" => {
                if let Some(open) = self.open.last() {
                    self.loaded[open.file.0 as usize].once = true;
                }
            }
            b"push_macro" | b"pop_macro" => {
                let push = word == b"push_macro";
                let Some(name) = line.get(2).filter(|t| t.kind == Kind::Str) else {
                    return;
                };
                let text = self.unit.symbols.text(name.symbol);
                let text = text[1..text.len().max(2) - 1].to_vec();
                let name = self.unit.symbols.intern(&text);
                if push {
                    let current = self.macros.of(name);
                    self.pushed.entry(name).or_default().push(current);
                } else if let Some(before) = self.pushed.get_mut(&name).and_then(Vec::pop) {
                    self.macros.set(name, before);
                }
            }
            _ => {}
        }
    }
}
