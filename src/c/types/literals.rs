//! The types and values of literals.

use super::{Builder, Type, TypeId};
use crate::c::lexer::Kind;
use crate::c::numbers;
use crate::c::syntax::tree::{ExprId, Number};

/// The value and the type of an integer literal.
pub(super) fn integer(text: &[u8]) -> Option<(i128, Number)> {
    let read = numbers::constant(text)?;
    let size = if read.long { 8 } else { 4 };
    Some((read.value.into(), Number::integer(size, read.unsigned)))
}

impl Builder<'_, '_> {
    /// The type of a number.
    pub(super) fn number(&mut self, expr: ExprId) -> TypeId {
        let token = self.m.unit.tokens.get(self.m.tree[expr].toks.start);
        let text = token.map_or(&b""[..], |t| self.m.unit.text(t));
        let number = match integer(text) {
            Some((_, number)) => number,
            None => match text.last() {
                Some(b'f' | b'F') => Number::FLOAT,
                _ => Number::DOUBLE,
            },
        };
        self.m.types.number(number)
    }

    /// The type of string literals in a row.
    pub(super) fn text(&mut self, expr: ExprId) -> TypeId {
        let toks = self.m.tree[expr].toks;
        let tokens = self.m.unit.tokens.get(toks.start..toks.end);
        let mut size = 1u8;
        let mut len = 1u64;
        for token in tokens.unwrap_or_default() {
            if token.kind != Kind::Str {
                continue;
            }
            let text = self.m.unit.text(token);
            size = size.max(match text {
                [b'L' | b'U', b'"', ..] => 4,
                [b'u', b'"', ..] => 2,
                _ => 1,
            });
            len += characters(text);
        }
        let of = self.m.types.number(match size {
            1 => Number::CHAR,
            2 => Number::integer(2, true),
            _ => Number::INT,
        });
        self.m.types.add(Type::Array {
            of,
            len: Some(len),
            variable: false,
        })
    }
}

/// How many characters a string literal has, without the zero at the end.
fn characters(text: &[u8]) -> u64 {
    let open = text.iter().position(|&b| b == b'"').map_or(0, |at| at + 1);
    let content = text.get(open..).unwrap_or_default();
    let content = content.strip_suffix(b"\"").unwrap_or(content);
    if text[..open].contains(&b'R') {
        // `R"x(…)x"`
        let extra = content.iter().position(|&b| b == b'(').unwrap_or(0);
        return (content.len() as u64).saturating_sub(2 * extra as u64 + 2);
    }
    let mut count = 0;
    let mut at = 0;
    while at < content.len() {
        at += match content[at] {
            b'\\' => 1 + numbers::escape(&content[at + 1..]).1.max(1),
            _ => 1,
        };
        count += 1;
    }
    count
}
