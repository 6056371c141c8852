//! The conditions of `#if`, as far as they can be decided from what is visible.

use std::borrow::Cow;

use super::super::lexer::{Kind, Lexed, Token, op};

/// The value of an expression; `None` where it depends on something that is not visible.
type Value = Option<i64>;

/// What is known of a macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// Not defined.
    Undefined,
    /// Defined, with this value if it is a number.
    Defined(Value),
    /// May be either.
    Unknown,
}

/// Evaluates the condition of a `#if`, `#elif`, `#ifdef`, … from the tokens behind the `#`.
pub fn decide(lexed: &Lexed, inner: &[Token], known: &dyn Fn(&[u8]) -> Known) -> Option<bool> {
    let word = inner.first()?;
    let defined = |name: Option<&Token>| match known(&lexed.text(name?)) {
        Known::Undefined => Some(false),
        Known::Defined(_) => Some(true),
        Known::Unknown => None,
    };
    match &*lexed.text(word) {
        b"ifdef" | b"elifdef" => defined(inner.get(1)),
        b"ifndef" | b"elifndef" => defined(inner.get(1)).map(|d| !d),
        b"if" | b"elif" => {
            let mut parser = Parser {
                lexed,
                tokens: &inner[1..],
                at: 0,
                known,
            };
            let value = parser.ternary(0);
            if parser.at == parser.tokens.len() {
                value.map(|v| v != 0)
            } else {
                None
            }
        }
        _ => None,
    }
}

/// Reads an integer literal of the preprocessor.
pub fn integer(text: &[u8]) -> Value {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text
        .trim_end_matches(['u', 'U', 'l', 'L'])
        .replace('\'', "");
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', b'b' | b'B', ..] => (&digits[2..], 2),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (&digits[..], 10),
    };
    u64::from_str_radix(digits, radix)
        .ok()
        .map(u64::cast_signed)
}

/// Operators by precedence, loosest first.
const LEVELS: [&[&str]; 10] = [
    &["||"],
    &["&&"],
    &["|"],
    &["^"],
    &["&"],
    &["==", "!="],
    &["<=", ">=", "<", ">"],
    &["<<", ">>"],
    &["+", "-"],
    &["*", "/", "%"],
];

/// Brackets nested deeper than this are not followed.
const DEEP: usize = 64;

/// The macros that have to be defined for a condition to hold, as far as that is plain to see:
/// `X` in `#ifdef X` and in `#if defined(X) && …`.
pub fn required<'t>(lexed: &Lexed<'t>, inner: &[Token]) -> Vec<Cow<'t, [u8]>> {
    let [word, rest @ ..] = inner else {
        return Vec::new();
    };
    match &*lexed.text(word) {
        b"ifdef" | b"elifdef" => rest.iter().take(1).map(|t| lexed.text(t)).collect(),
        b"if" | b"elif" => in_conjunction(lexed, rest),
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
    let [word, rest @ ..] = inner else {
        return Vec::new();
    };
    match &*lexed.text(word) {
        b"ifdef" => rest.iter().take(1).map(|t| lexed.text(t)).collect(),
        b"if" => rest
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

struct Parser<'a> {
    lexed: &'a Lexed<'a>,
    tokens: &'a [Token],
    at: usize,
    known: &'a dyn Fn(&[u8]) -> Known,
}

impl Parser<'_> {
    fn eat(&mut self, code: &str) -> bool {
        let found = self.tokens.get(self.at).is_some_and(|t| t.is(op(code)));
        self.at += usize::from(found);
        found
    }

    fn ternary(&mut self, depth: usize) -> Value {
        let condition = self.binary(0, depth);
        if depth > DEEP || !self.eat("?") {
            return condition;
        }
        let yes = self.ternary(depth + 1);
        if !self.eat(":") {
            return None;
        }
        let no = self.ternary(depth + 1);
        if condition? != 0 { yes } else { no }
    }

    fn binary(&mut self, level: usize, depth: usize) -> Value {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary(depth);
        };
        let mut left = self.binary(level + 1, depth);
        while let Some(operator) = operators.iter().copied().find(|o| self.eat(o)) {
            let right = self.binary(level + 1, depth);
            left = apply(operator, left, right);
        }
        left
    }

    fn unary(&mut self, depth: usize) -> Value {
        if depth > DEEP {
            return None;
        }
        if self.eat("!") {
            return self.unary(depth + 1).map(|v| i64::from(v == 0));
        }
        if self.eat("-") {
            return self.unary(depth + 1).map(i64::wrapping_neg);
        }
        if self.eat("+") {
            return self.unary(depth + 1);
        }
        if self.eat("~") {
            return self.unary(depth + 1).map(|v| !v);
        }
        if self.eat("(") {
            let value = self.ternary(depth + 1);
            return if self.eat(")") { value } else { None };
        }
        self.primary()
    }

    fn primary(&mut self) -> Value {
        let token = self.tokens.get(self.at)?;
        self.at += 1;
        let text = self.lexed.text(token);
        if token.kind == Kind::Number {
            return integer(&text);
        }
        if token.kind != Kind::Ident {
            return None;
        }
        if *text == *b"defined" {
            let bracket = self.eat("(");
            let name = self.tokens.get(self.at)?;
            self.at += 1;
            if bracket && !self.eat(")") {
                return None;
            }
            return match (self.known)(&self.lexed.text(name)) {
                Known::Undefined => Some(0),
                Known::Defined(_) => Some(1),
                Known::Unknown => None,
            };
        }
        if self.tokens.get(self.at).is_some_and(|t| t.is(op("("))) {
            // A function-like macro or `__has_include`: its value is not known; skip it.
            let mut open = 0usize;
            while let Some(token) = self.tokens.get(self.at) {
                self.at += 1;
                open += usize::from(token.is(op("(")));
                open -= usize::from(token.is(op(")")));
                if open == 0 {
                    break;
                }
            }
            return None;
        }
        match (self.known)(&text) {
            Known::Undefined => Some(0),
            Known::Defined(value) => value,
            Known::Unknown => None,
        }
    }
}

fn apply(operator: &str, left: Value, right: Value) -> Value {
    match (operator, left, right) {
        ("&&", Some(0), _) | ("&&", _, Some(0)) => return Some(0),
        ("||", Some(v), _) | ("||", _, Some(v)) if v != 0 => return Some(1),
        _ => {}
    }
    let (a, b) = (left?, right?);
    Some(match operator {
        "||" => i64::from(a != 0 || b != 0),
        "&&" => i64::from(a != 0 && b != 0),
        "|" => a | b,
        "^" => a ^ b,
        "&" => a & b,
        "==" => i64::from(a == b),
        "!=" => i64::from(a != b),
        "<=" => i64::from(a <= b),
        ">=" => i64::from(a >= b),
        "<" => i64::from(a < b),
        ">" => i64::from(a > b),
        "<<" => a.checked_shl(u32::try_from(b).ok()?)?,
        ">>" => a.checked_shr(u32::try_from(b).ok()?)?,
        "+" => a.wrapping_add(b),
        "-" => a.wrapping_sub(b),
        "*" => a.wrapping_mul(b),
        "/" => a.checked_div(b)?,
        _ => a.checked_rem(b)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::lexer::lex;
    use super::*;

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
