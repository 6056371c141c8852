//! The conditions of `#if`, as far as they can be decided from what is visible.

use std::borrow::Cow;

use crate::c::condition::{Operands, Value, evaluate};
use crate::c::directives::{Malformed, Word};
use crate::c::lexer::{Kind, Lexed, Token, op};
use crate::c::numbers::{self, Integer};

/// What is known of a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Not defined.
    Undefined,
    /// Defined, with this value if it is a number.
    Defined(Option<i64>),
    /// May be either.
    Unknown,
}

/// Evaluates the condition of a `#if`, `#elif`, `#ifdef`, … from the tokens behind the `#`.
pub fn decide(lexed: &Lexed, inner: &[Token], known: &dyn Fn(&[u8]) -> Known) -> Option<bool> {
    let (word, rest) = Word::of_line(lexed, inner);
    let defined = |name: Option<&Token>| match known(&lexed.text(name?)) {
        Known::Undefined => Some(false),
        Known::Defined(_) => Some(true),
        Known::Unknown => None,
    };
    match word {
        Word::Ifdef | Word::Elifdef => defined(rest.first()),
        Word::Ifndef | Word::Elifndef => defined(rest.first()).map(|d| !d),
        Word::If | Word::Elif => {
            let condition = Condition {
                lexed,
                tokens: rest,
                known,
            };
            evaluate(&condition).ok()?.map(Integer::is_true)
        }
        _ => None,
    }
}

/// Reads an integer literal of the preprocessor.
pub fn integer(text: &[u8]) -> Option<i64> {
    numbers::integer(text).map(|value| value.bits.cast_signed())
}

/// The macros that have to be defined for a condition to hold, as far as that is plain to see:
/// `X` in `#ifdef X` and in `#if defined(X) && …`.
pub fn required<'t>(lexed: &Lexed<'t>, inner: &[Token]) -> Vec<Cow<'t, [u8]>> {
    let (word, rest) = Word::of_line(lexed, inner);
    match word {
        Word::Ifdef | Word::Elifdef => rest.iter().take(1).map(|t| lexed.text(t)).collect(),
        Word::If | Word::Elif => in_conjunction(lexed, rest),
        _ => Vec::new(),
    }
}

fn in_conjunction<'t>(lexed: &Lexed<'t>, tokens: &[Token]) -> Vec<Cow<'t, [u8]>> {
    let mut found = Vec::new();
    let mut depth = 0usize;
    for (at, token) in tokens.iter().enumerate() {
        let negated = at
            .checked_sub(1)
            .is_some_and(|before| tokens[before].is(op("!")));
        if token.is(op("(")) {
            depth += 1;
        } else if token.is(op(")")) {
            depth = depth.saturating_sub(1);
        } else if depth == 0 && (token.is(op("||")) || token.is(op("?"))) {
            return Vec::new();
        } else if depth == 0 && !negated && lexed.is_ident(token, "defined") {
            let name = tokens[at + 1..].iter().find(|t| !t.is(op("(")));
            found.extend(name.map(|name| lexed.text(name)));
        }
    }
    found
}

/// The macros of which each alone makes the condition of a first arm hold by being defined: `X` in
/// `#ifdef X` and in `#if defined(X) || …`.
pub fn sufficient<'t>(lexed: &Lexed<'t>, inner: &[Token]) -> Vec<Cow<'t, [u8]>> {
    let (word, rest) = Word::of_line(lexed, inner);
    match word {
        Word::Ifdef => rest.iter().take(1).map(|t| lexed.text(t)).collect(),
        Word::If => rest
            .split(|token| token.is(op("||")))
            .filter_map(|part| match part {
                [defined, name] | [defined, _, name, _] if name.kind == Kind::Ident => {
                    let plain = part.len() == 2 || part[1].is(op("(")) && part[3].is(op(")"));
                    (plain && lexed.is_ident(defined, "defined")).then(|| lexed.text(name))
                }
                _ => None,
            })
            .collect(),
        _ => Vec::new(),
    }
}

struct Condition<'a> {
    lexed: &'a Lexed<'a>,
    tokens: &'a [Token],
    known: &'a dyn Fn(&[u8]) -> Known,
}

impl Operands for Condition<'_> {
    fn token(&self, at: usize) -> Option<(Kind, u32)> {
        let token = self.tokens.get(at)?;
        Some((token.kind, token.op))
    }

    fn text(&self, at: usize) -> Cow<'_, [u8]> {
        self.lexed.text(&self.tokens[at])
    }

    fn name(&self, at: &mut usize) -> Result<Value, Malformed> {
        let is = |at: usize, code: &str| self.tokens.get(at).is_some_and(|t| t.is(op(code)));
        let name = *at;
        *at += 1;
        if *self.text(name) == *b"defined" {
            let bracket = is(*at, "(");
            *at += usize::from(bracket) + 1;
            let asked = self
                .tokens
                .get(*at - 1)
                .ok_or((name, "macro name missing"))?;
            if bracket && !is(*at, ")") {
                return Err((name, "missing ')' after 'defined'"));
            }
            *at += usize::from(bracket);
            let truth = |holds| Ok(Some(Integer::signed(holds)));
            return match (self.known)(&self.lexed.text(asked)) {
                Known::Undefined => truth(0),
                Known::Defined(_) => truth(1),
                Known::Unknown => Ok(None),
            };
        }
        if is(*at, "(") {
            // A function-like macro or `__has_include`: its value is not known; skip it.
            let mut open = 0usize;
            while let Some(token) = self.tokens.get(*at) {
                *at += 1;
                open += usize::from(token.is(op("(")));
                open -= usize::from(token.is(op(")")));
                if open == 0 {
                    break;
                }
            }
            return Ok(None);
        }
        Ok(match (self.known)(&self.text(name)) {
            Known::Undefined => Some(Integer::signed(0)),
            Known::Defined(value) => value.map(Integer::signed),
            Known::Unknown => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::lexer::lex;

    fn decided(text: &str) -> Option<bool> {
        let source = format!("#{text}\n");
        let lexed = lex(source.as_bytes());
        decide(
            &lexed,
            lexed.inner_of(&lexed.directives[0]),
            &|name| match name {
                b"ONE" => Known::Defined(Some(1)),
                b"TEXT" => Known::Defined(None),
                b"MAYBE" => Known::Unknown,
                _ => Known::Undefined,
            },
        )
    }

    #[test]
    fn knows_what_is_required() {
        let names = |text: &str| {
            let source = format!("#{text}\n");
            let lexed = lex(source.as_bytes());
            let names = required(&lexed, lexed.inner_of(&lexed.directives[0]));
            let names = names.iter().map(|name| String::from_utf8_lossy(name));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("ifdef A"), "A");
        assert_eq!(names("if defined(A) && !defined(B) && defined C"), "A C");
        assert_eq!(names("if defined(A) && (defined(B) || C)"), "A");
        assert_eq!(names("if defined(A) || defined(B)"), "");
        assert_eq!(names("ifndef A"), "");
    }

    #[test]
    fn knows_what_is_sufficient() {
        let names = |text: &str| {
            let source = format!("#{text}\n");
            let lexed = lex(source.as_bytes());
            let names = sufficient(&lexed, lexed.inner_of(&lexed.directives[0]));
            let names = names.iter().map(|name| String::from_utf8_lossy(name));
            names.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names("ifdef A"), "A");
        assert_eq!(names("elifdef A"), "");
        assert_eq!(names("if defined(A) || defined B || C"), "A B");
        assert_eq!(names("if defined(A) || defined(B) && defined(C)"), "A");
        assert_eq!(names("if !defined(A) || (defined(B))"), "");
        assert_eq!(names("if (defined(A) || defined(B)) && C"), "");
    }

    #[test]
    fn decides_what_it_can() {
        assert_eq!(
            decided("if defined(ONE) && ONE + 0x1fUL * 2 >= 63"),
            Some(true)
        );
        assert_eq!(decided("ifndef TEXT"), Some(false));
        assert_eq!(decided("if !defined NOT || MAYBE"), Some(true));
        assert_eq!(decided("if MAYBE && NOT"), Some(false));
        assert_eq!(decided("if MAYBE"), None);
        assert_eq!(decided("if F(3, (4)) > 2"), None);
        assert_eq!(decided("if ONE ? 0 : MAYBE"), Some(false));
        assert_eq!(decided("if 1 / 0"), None);
        assert_eq!(decided(&format!("if {}1", "(".repeat(5000))), None);
    }
}
