//! What the directives of the preprocessor say, whichever tokens they are made of.

use super::brackets;
use super::lexer::{Kind, Lexed, Lexeme, Token, op};

/// Which directive it is: the word behind the `#`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `#define`
    Define,
    /// `#undef`
    Undef,
    /// `#if`
    If,
    /// `#ifdef`
    Ifdef,
    /// `#ifndef`
    Ifndef,
    /// `#elif`
    Elif,
    /// `#elifdef`
    Elifdef,
    /// `#elifndef`
    Elifndef,
    /// `#else`
    Else,
    /// `#endif`
    Endif,
    /// `#include`
    Include,
    /// `#include_next`
    IncludeNext,
    /// `#import`
    Import,
    /// `#pragma`
    Pragma,
    /// `#embed`
    Embed,
    /// `#error`
    Error,
    /// `#warning`, `#line`, `#ident`, `# 1 "file"` and the empty directive: nothing to do.
    Nothing,
    /// A directive that no compiler knows.
    Unknown,
}

impl Word {
    /// The directive that a word names.
    pub fn of(text: &[u8]) -> Self {
        match text {
            b"define" => Self::Define,
            b"undef" => Self::Undef,
            b"if" => Self::If,
            b"ifdef" => Self::Ifdef,
            b"ifndef" => Self::Ifndef,
            b"elif" => Self::Elif,
            b"elifdef" => Self::Elifdef,
            b"elifndef" => Self::Elifndef,
            b"else" => Self::Else,
            b"endif" => Self::Endif,
            b"include" => Self::Include,
            b"import" => Self::Import,
            b"include_next" => Self::IncludeNext,
            b"pragma" => Self::Pragma,
            b"embed" => Self::Embed,
            b"error" => Self::Error,
            b"warning" | b"line" | b"ident" | b"sccs" | b"assert" | b"unassert" => Self::Nothing,
            _ => Self::Unknown,
        }
    }

    /// The directive that a line of tokens (those behind the `#`) is, and the tokens behind its
    /// word.
    pub fn of_line<'t>(lexed: &Lexed, inner: &'t [Token]) -> (Self, &'t [Token]) {
        match inner {
            [] => (Self::Nothing, inner),
            // What a compiler leaves behind: `# 1 "file"`.
            [first, ..] if first.kind == Kind::Number => (Self::Nothing, &inner[..0]),
            [first, rest @ ..] => (Self::of(&lexed.text(first)), rest),
        }
    }

    /// Reads a header.
    pub fn includes(self) -> bool {
        matches!(self, Self::Include | Self::IncludeNext | Self::Import)
    }

    /// What it does to conditional groups.
    pub fn step(self) -> Option<Step> {
        match self {
            Self::If | Self::Ifdef | Self::Ifndef => Some(Step::Open),
            Self::Elif | Self::Elifdef | Self::Elifndef => Some(Step::Elif),
            Self::Else => Some(Step::Else),
            Self::Endif => Some(Step::Close),
            _ => None,
        }
    }
}

/// What a directive does to conditional groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// `#if`, `#ifdef`, `#ifndef`
    Open,
    /// `#elif`, `#elifdef`, `#elifndef`
    Elif,
    /// `#else`
    Else,
    /// `#endif`
    Close,
}

/// The name in `"name"` or `<name>`, and whether it stands in angle brackets. `None` for what is
/// neither, for an empty name, and for one that is no UTF-8.
pub fn header_name(text: &[u8]) -> Option<(&str, bool)> {
    let (name, angled) = match text {
        [b'"', name @ .., b'"'] => (name, false),
        [b'<', name @ .., b'>'] => (name, true),
        _ => return None,
    };
    let name = std::str::from_utf8(name).ok()?;
    (!name.is_empty()).then_some((name, angled))
}

/// The index of the name that a condition asks to be not defined: `NAME` behind `#ifndef`,
/// `!defined NAME` or `!defined(NAME)` behind `#if`, as include guards are written.
pub fn guard_name<T: Lexeme>(
    word: Word,
    operand: &[T],
    is_defined: impl Fn(&T) -> bool,
) -> Option<usize> {
    let at = match (word, operand) {
        (Word::Ifndef, [_]) => 0,
        (Word::If, [not, defined, _]) if not.is(op("!")) && is_defined(defined) => 2,
        (Word::If, [not, defined, open, _, close])
            if not.is(op("!")) && is_defined(defined) && open.is(op("(")) && close.is(op(")")) =>
        {
            3
        }
        _ => return None,
    };
    (operand[at].kind() == Kind::Ident).then_some(at)
}

/// What is wrong with a directive: the index of the token, and why.
pub type Malformed = (usize, &'static str);

/// The head of a `#define`, in indices of its tokens; the name is the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    /// The parameters of a function-like macro. Where the last is `...` it goes by the name
    /// `__VA_ARGS__`.
    pub parameters: Option<Vec<usize>>,
    /// The last parameter stands for all arguments that are left.
    pub variadic: bool,
    /// Where the body starts.
    pub body: usize,
}

impl Definition {
    /// Reads the tokens behind `#define`. `touches` says whether nothing stands between the name
    /// and what follows it, `same` whether two tokens have the same spelling.
    pub fn read<T: Lexeme>(
        line: &[T],
        touches: impl Fn(&T, &T) -> bool,
        same: impl Fn(&T, &T) -> bool,
    ) -> Result<Self, Malformed> {
        let name = line.first().ok_or((0, "macro name missing"))?;
        if name.kind() != Kind::Ident {
            return Err((0, "macro name must be an identifier"));
        }
        let mut found = Self {
            parameters: None,
            variadic: false,
            body: 1,
        };
        if line
            .get(1)
            .is_none_or(|t| !t.is(op("(")) || !touches(name, t))
        {
            return Ok(found);
        }
        let close = brackets::closing(line, 1);
        let list = &line[..close.unwrap_or(line.len())];
        let mut parameters: Vec<usize> = Vec::new();
        let mut at = 2;
        while close != Some(2) {
            match list.get(at) {
                Some(dots) if dots.is(op("...")) => found.variadic = true,
                Some(name) if name.kind() == Kind::Ident => {
                    if parameters.iter().any(|&known| same(&line[known], name)) {
                        return Err((at, "duplicate macro parameter name"));
                    }
                }
                _ => return Err((at.min(line.len() - 1), "expected a macro parameter name")),
            }
            parameters.push(at);
            at += 1;
            // GNU's `args...`.
            if !found.variadic && list.get(at).is_some_and(|t| t.is(op("..."))) {
                found.variadic = true;
                at += 1;
            }
            if close == Some(at) {
                break;
            }
            match list.get(at) {
                Some(comma) if comma.is(op(",")) && !found.variadic => at += 1,
                _ => {
                    let at = at.min(line.len() - 1);
                    return Err((at, "missing ')' in macro parameter list"));
                }
            }
        }
        found.body = close.map_or(line.len(), |close| close + 1);
        found.parameters = Some(parameters);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::lex;
    use super::*;

    fn read(text: &str) -> Result<Definition, Malformed> {
        let lexed = lex(text.as_bytes());
        let (word, line) = Word::of_line(&lexed, lexed.inner_of(&lexed.directives[0]));
        assert_eq!(word, Word::Define);
        Definition::read(
            line,
            |a, b| a.end == b.start,
            |a, b| lexed.text(a) == lexed.text(b),
        )
    }

    #[test]
    fn heads_of_definitions() {
        let found = |text: &str| read(text).map(|d| (d.parameters, d.variadic, d.body));
        assert_eq!(found("#define A (x)"), Ok((None, false, 1)));
        assert_eq!(found("#define A"), Ok((None, false, 1)));
        assert_eq!(found("#define A() x"), Ok((Some(vec![]), false, 3)));
        assert_eq!(found("#define A(x, y) x"), Ok((Some(vec![2, 4]), false, 6)));
        assert_eq!(found("#define A(...) x"), Ok((Some(vec![2]), true, 4)));
        assert_eq!(
            found("#define A(x, r...) x"),
            Ok((Some(vec![2, 4]), true, 7))
        );
        let wrong = |text: &str| read(text).unwrap_err();
        assert_eq!(wrong("#define"), (0, "macro name missing"));
        assert_eq!(wrong("#define 1"), (0, "macro name must be an identifier"));
        assert_eq!(
            wrong("#define A(x, x)"),
            (4, "duplicate macro parameter name")
        );
        assert_eq!(
            wrong("#define A(x, )"),
            (4, "expected a macro parameter name")
        );
        assert_eq!(
            wrong("#define A(x y)"),
            (3, "missing ')' in macro parameter list")
        );
        assert_eq!(
            wrong("#define A(x"),
            (2, "missing ')' in macro parameter list")
        );
        assert_eq!(wrong("#define A("), (1, "expected a macro parameter name"));
    }

    #[test]
    fn names_of_headers() {
        assert_eq!(header_name(b"\"a.h\""), Some(("a.h", false)));
        assert_eq!(header_name(b"<sys/a.h>"), Some(("sys/a.h", true)));
        for none in [
            &b"\"\""[..],
            b"<>",
            b"\"a",
            b"a.h",
            b"<a\"",
            b"\"",
            b"\"\xff\"",
        ] {
            assert_eq!(header_name(none), None);
        }
    }
}
