//! Macros: their definitions, and what the names of the allocator mean at each place because of
//! them.

mod condition;
mod mapping;

pub use mapping::{Mapping, MappingWalk, Origin};

use crate::c::directives::{Definition, Word};
use crate::c::lexer::{Kind, Lexed, Token, op};

/// A `#define`.
#[derive(Clone, Debug)]
pub struct Define {
    /// The directive, an index into [`Lexed::directives`].
    pub directive: usize,
    /// The name of the macro.
    pub name: Vec<u8>,
    /// Its parameters, if it is function-like. A variadic one ends with `__VA_ARGS__` or, for
    /// GNU's `args...`, with that name.
    pub parameters: Option<Vec<Vec<u8>>>,
    /// The body, a range of [`Lexed::inner`].
    pub body: std::ops::Range<usize>,
}

impl Define {
    /// Reads a directive, if it is a `#define`.
    pub fn parse(lexed: &Lexed, directive: usize) -> Option<Self> {
        let inner = &lexed.directives[directive].inner;
        let (word, line) = Word::of_line(lexed, &lexed.inner[inner.clone()]);
        if word != Word::Define {
            return None;
        }
        let touches = |name: &Token, next: &Token| name.end == next.start;
        let head = Definition::read(line, touches, |a, b| lexed.text(a) == lexed.text(b)).ok()?;
        let parameters = head.parameters.map(|parameters| {
            let names = parameters.into_iter().map(|at| &line[at]);
            let name = |token: &Token| match token.is(op("...")) {
                true => b"__VA_ARGS__".to_vec(),
                false => lexed.text(token).into_owned(),
            };
            names.map(name).collect()
        });
        Some(Self {
            directive,
            name: lexed.text(&line[0]).into_owned(),
            parameters,
            body: inner.end - line.len() + head.body..inner.end,
        })
    }

    /// All macros that a file defines, in order.
    pub fn all(lexed: &Lexed) -> Vec<Self> {
        (0..lexed.directives.len())
            .filter_map(|d| Self::parse(lexed, d))
            .collect()
    }

    /// The tokens of the body.
    pub fn body<'t>(&self, lexed: &'t Lexed) -> &'t [Token] {
        &lexed.inner[self.body.clone()]
    }

    /// Whether the macro is `#define NAME NAME`, as headers write to say that a function exists.
    pub fn is_identity(&self, lexed: &Lexed) -> bool {
        self.parameters.is_none()
            && matches!(self.body(lexed), [name] if *lexed.text(name) == *self.name)
    }

    /// The index of a parameter.
    pub fn parameter(&self, name: &[u8]) -> Option<usize> {
        self.parameters.as_ref()?.iter().position(|p| p == name)
    }

    /// What the body does with its parameter `index`.
    pub fn use_of(&self, lexed: &Lexed, index: usize) -> ParameterUse {
        let body = self.body(lexed);
        let Some(name) = self.parameters.as_ref().and_then(|p| p.get(index)) else {
            return ParameterUse::Value;
        };
        let mut found = None;
        for (at, token) in body.iter().enumerate() {
            if token.kind != Kind::Ident || *lexed.text(token) != **name {
                continue;
            }
            let before = at.checked_sub(1).map(|i| &body[i]);
            let behind = body.get(at + 1);
            let is = |t: Option<&Token>, code: &str| t.is_some_and(|t| t.is(op(code)));
            let here = if is(before, "##") || is(behind, "##") {
                ParameterUse::Pasted
            } else if is(before, "#") {
                ParameterUse::Stringified
            } else if is(before, ".") || is(before, "->") {
                ParameterUse::Member
            } else if is(behind, "(") && before.is_none_or(|t| comes_before_call(lexed, t)) {
                ParameterUse::Called
            } else {
                return ParameterUse::Value;
            };
            if found.is_some_and(|f| f != here && here != ParameterUse::Stringified) {
                return ParameterUse::Value;
            }
            found = found.or(Some(here));
        }
        found.unwrap_or(ParameterUse::Unused)
    }
}

/// Whether what stands before a name and `(` leaves no doubt that it is a call, and not a declaration.
fn comes_before_call(lexed: &Lexed, token: &Token) -> bool {
    match token.kind {
        Kind::Ident => matches!(&*lexed.text(token), b"return" | b"else" | b"do"),
        _ => !token.is(op("*")),
    }
}

/// What a macro does with an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterUse {
    /// It drops it.
    Unused,
    /// It only makes a string of it.
    Stringified,
    /// It pastes it to another token.
    Pasted,
    /// It uses it as the name of a member.
    Member,
    /// It calls it, and does nothing else.
    Called,
    /// It uses it as an expression, a statement or a type.
    Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::lexer::lex;

    #[test]
    fn reads_definitions() {
        let lexed = lex(b"#define A (x)\n#define B(x, y...) x y\n#define C()\n#define D(...) d\n");
        let all = Define::all(&lexed);
        assert_eq!(all.len(), 4);
        assert_eq!(all[0].parameters, None);
        assert_eq!(all[0].body(&lexed).len(), 3);
        assert_eq!(all[1].parameters, Some(vec![b"x".to_vec(), b"y".to_vec()]));
        assert_eq!(all[1].body(&lexed).len(), 2);
        assert_eq!(all[2].parameters, Some(vec![]));
        assert_eq!(all[3].parameters, Some(vec![b"__VA_ARGS__".to_vec()]));
    }

    #[test]
    fn knows_what_becomes_of_an_argument() {
        let lexed =
            lex(b"#define S(x) #x\n#define P(a) a##_t\n#define M(o, f) o->f\n#define U(x)\n");
        let all = Define::all(&lexed);
        assert_eq!(all[0].use_of(&lexed, 0), ParameterUse::Stringified);
        assert_eq!(all[1].use_of(&lexed, 0), ParameterUse::Pasted);
        assert_eq!(all[2].use_of(&lexed, 0), ParameterUse::Value);
        assert_eq!(all[2].use_of(&lexed, 1), ParameterUse::Member);
        assert_eq!(all[3].use_of(&lexed, 0), ParameterUse::Unused);
    }

    #[test]
    fn knows_which_parameters_are_called() {
        let called = |define: &[u8]| {
            let lexed = lex(define);
            Define::all(&lexed)[0].use_of(&lexed, 0) == ParameterUse::Called
        };
        assert!(called(b"#define F(f) void *g(int n) { return f(n); }\n"));
        assert!(called(b"#define F(f, n) f(n)\n"));
        assert!(called(b"#define F(f, n) (p = f(n), q = (char *)f(n))\n"));
        // What it declares, what it takes the address of, and what it makes a string of too.
        assert!(!called(b"#define F(f) void *f(int n) { return 0; }\n"));
        assert!(!called(b"#define F(f) int f(int n) { return 0; }\n"));
        assert!(!called(b"#define F(f, n) (f(n), g(f))\n"));
        assert!(!called(b"#define F(f, n) (puts(#f), f(n))\n"));
    }
}
