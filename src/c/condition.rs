//! The expressions of `#if`.

use std::borrow::Cow;

use super::lexer::{Kind, op};

/// An integer of the preprocessor: 64 bits, signed or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Integer {
    /// The value; of a negative one its two's complement.
    pub bits: u64,
    /// Of an unsigned type.
    pub unsigned: bool,
}

impl Integer {
    /// Of a signed type.
    pub fn signed(value: i64) -> Self {
        Self {
            bits: value.cast_unsigned(),
            unsigned: false,
        }
    }

    /// Whether it is not 0.
    pub fn is_true(self) -> bool {
        self.bits != 0
    }
}

/// A value; `None` where it is not known.
pub type Value = Option<Integer>;

/// The tokens of an expression.
pub trait Operands {
    /// What kind of token the one with this index is, and the code of its operator.
    fn token(&self, at: usize) -> Option<(Kind, u32)>;

    /// How the token with this index is spelled.
    fn text(&self, at: usize) -> Cow<'_, [u8]>;

    /// The value of what starts with the identifier at `at`, which is moved behind it; an error
    /// if it is malformed.
    fn name(&self, at: &mut usize) -> Result<Value, Malformed>;
}

/// What is wrong with an expression: the index of the token, and why.
pub type Malformed = (usize, &'static str);

/// Operators with how tightly they bind.
const BINARY: [(u32, u8); 18] = [
    (op("||"), 1),
    (op("&&"), 2),
    (op("|"), 3),
    (op("^"), 4),
    (op("&"), 5),
    (op("=="), 6),
    (op("!="), 6),
    (op("<"), 7),
    (op(">"), 7),
    (op("<="), 7),
    (op(">="), 7),
    (op("<<"), 8),
    (op(">>"), 8),
    (op("+"), 9),
    (op("-"), 9),
    (op("*"), 10),
    (op("/"), 10),
    (op("%"), 10),
];

/// Brackets, prefixes and `?` nested deeper than this are not followed.
const DEEP: usize = 100;

/// The value of an expression. What is divided by 0 is not known; what is not known matters only
/// where the result depends on it.
pub fn evaluate(operands: &dyn Operands) -> Result<Value, Malformed> {
    let mut parser = Parser {
        operands,
        at: 0,
        depth: 0,
    };
    let value = parser.expression()?;
    match operands.token(parser.at) {
        None => Ok(value),
        Some(_) => Err((
            parser.at,
            "token is not a valid binary operator in a preprocessor subexpression",
        )),
    }
}

struct Parser<'a> {
    operands: &'a dyn Operands,
    at: usize,
    depth: usize,
}

impl Parser<'_> {
    fn operator(&self) -> u32 {
        match self.operands.token(self.at) {
            Some((Kind::Punct, code)) => code,
            _ => 0,
        }
    }

    fn eat(&mut self, code: u32) -> bool {
        let found = self.operator() == code;
        self.at += usize::from(found);
        found
    }

    fn expression(&mut self) -> Result<Value, Malformed> {
        let mut value = self.conditional()?;
        while self.eat(op(",")) {
            value = self.conditional()?;
        }
        Ok(value)
    }

    fn conditional(&mut self) -> Result<Value, Malformed> {
        let condition = self.binary(1)?;
        if !self.eat(op("?")) {
            return Ok(condition);
        }
        self.nest()?;
        let yes = self.expression()?;
        if !self.eat(op(":")) {
            return Err((self.at, "expected ':' in a preprocessor expression"));
        }
        let no = self.conditional()?;
        self.depth -= 1;
        let Some(condition) = condition else {
            return Ok(None);
        };
        let chosen = if condition.is_true() { yes } else { no };
        let other = if condition.is_true() { no } else { yes };
        let unsigned = other.is_some_and(|other| other.unsigned);
        Ok(chosen.map(|chosen| Integer {
            unsigned: chosen.unsigned || unsigned,
            ..chosen
        }))
    }

    fn nest(&mut self) -> Result<(), Malformed> {
        self.depth += 1;
        match self.depth > DEEP {
            true => Err((self.at, "the expression is nested too deeply")),
            false => Ok(()),
        }
    }

    fn binary(&mut self, least: u8) -> Result<Value, Malformed> {
        let mut left = self.unary()?;
        loop {
            let operator = self.operator();
            let known = BINARY.iter().find(|&&(code, _)| code == operator);
            let Some(&(_, binding)) = known.filter(|(_, binding)| *binding >= least) else {
                return Ok(left);
            };
            self.at += 1;
            let right = self.binary(binding + 1)?;
            left = apply(operator, left, right);
        }
    }

    fn unary(&mut self) -> Result<Value, Malformed> {
        self.nest()?;
        let value = self.operand()?;
        self.depth -= 1;
        Ok(value)
    }

    fn operand(&mut self) -> Result<Value, Malformed> {
        if self.eat(op("!")) {
            let truth = |v: Integer| Integer::signed(i64::from(!v.is_true()));
            return Ok(self.unary()?.map(truth));
        }
        if self.eat(op("-")) {
            return Ok(self.unary()?.map(|v| Integer {
                bits: v.bits.wrapping_neg(),
                ..v
            }));
        }
        if self.eat(op("+")) {
            return self.unary();
        }
        if self.eat(op("~")) {
            return Ok(self.unary()?.map(|v| Integer { bits: !v.bits, ..v }));
        }
        if self.eat(op("(")) {
            let value = self.expression()?;
            return match self.eat(op(")")) {
                true => Ok(value),
                false => Err((self.at, "expected ')' in a preprocessor expression")),
            };
        }
        let here = self.at;
        match self.operands.token(here) {
            Some((Kind::Ident, _)) => self.operands.name(&mut self.at),
            Some((Kind::Number, _)) => {
                self.at += 1;
                match integer(&self.operands.text(here)) {
                    Some(value) => Ok(Some(value)),
                    None => Err((here, "not an integer, in a preprocessor expression")),
                }
            }
            Some((Kind::Char, _)) => {
                self.at += 1;
                Ok(Some(character(&self.operands.text(here))))
            }
            _ => Err((here, "expected value in expression")),
        }
    }
}

fn apply(operator: u32, left: Value, right: Value) -> Value {
    const OR: u32 = op("||");
    const AND: u32 = op("&&");
    let truth = |holds: bool| Some(Integer::signed(i64::from(holds)));
    match (operator, left, right) {
        (AND, Some(v), _) | (AND, _, Some(v)) if !v.is_true() => return truth(false),
        (OR, Some(v), _) | (OR, _, Some(v)) if v.is_true() => return truth(true),
        _ => {}
    }
    let (left, right) = (left?, right?);
    let unsigned = left.unsigned || right.unsigned;
    let (a, b) = (left.bits, right.bits);
    let (signed_a, signed_b) = (a.cast_signed(), b.cast_signed());
    let order = if unsigned {
        a.cmp(&b)
    } else {
        signed_a.cmp(&signed_b)
    };
    let whole = |bits: u64| Some(Integer { bits, unsigned });
    let shifted = |bits: u64| {
        Some(Integer {
            bits,
            unsigned: left.unsigned,
        })
    };
    // Clang takes a negative number of places for a large one.
    let places = u32::try_from(b).unwrap_or(u32::MAX);
    const SHL: u32 = op("<<");
    const SHR: u32 = op(">>");
    match operator {
        OR => truth(a != 0 || b != 0),
        AND => truth(a != 0 && b != 0),
        SHL => shifted(a.checked_shl(places).unwrap_or(0)),
        SHR if left.unsigned => shifted(a >> places.min(63)),
        SHR => shifted((signed_a >> places.min(63)).cast_unsigned()),
        _ => {
            const DIVIDE: u32 = op("/");
            const MODULO: u32 = op("%");
            match operator {
                _ if operator == op("==") => truth(a == b),
                _ if operator == op("!=") => truth(a != b),
                _ if operator == op("<") => truth(order.is_lt()),
                _ if operator == op(">") => truth(order.is_gt()),
                _ if operator == op("<=") => truth(order.is_le()),
                _ if operator == op(">=") => truth(order.is_ge()),
                _ if operator == op("|") => whole(a | b),
                _ if operator == op("^") => whole(a ^ b),
                _ if operator == op("&") => whole(a & b),
                _ if operator == op("+") => whole(a.wrapping_add(b)),
                _ if operator == op("-") => whole(a.wrapping_sub(b)),
                _ if operator == op("*") => whole(a.wrapping_mul(b)),
                DIVIDE | MODULO if b == 0 => None,
                DIVIDE if unsigned => whole(a / b),
                MODULO if unsigned => whole(a % b),
                DIVIDE => whole(signed_a.wrapping_div(signed_b).cast_unsigned()),
                _ => whole(signed_a.wrapping_rem(signed_b).cast_unsigned()),
            }
        }
    }
}

/// Reads an integer constant.
pub fn integer(text: &[u8]) -> Value {
    let text = std::str::from_utf8(text).ok()?;
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&text[2..], 16),
        [b'0', b'b' | b'B', ..] => (&text[2..], 2),
        [b'0', b'0'..=b'9', ..] => (&text[1..], 8),
        _ => (text, 10),
    };
    let end = digits
        .find(|c: char| !c.is_digit(radix.max(10)) && c != '\'')
        .unwrap_or(digits.len());
    let (digits, suffix) = digits.split_at(end);
    let suffix = suffix.to_ascii_lowercase();
    if !matches!(
        &*suffix,
        "" | "u" | "l" | "ul" | "lu" | "ll" | "ull" | "llu"
    ) {
        return None;
    }
    let bits = u64::from_str_radix(&digits.replace('\'', ""), radix).ok()?;
    Some(Integer {
        bits,
        unsigned: suffix.contains('u') || bits.cast_signed() < 0,
    })
}

/// Reads a character constant. Several characters make one number, as in clang.
fn character(text: &[u8]) -> Integer {
    let open = text.iter().position(|&b| b == b'\'').unwrap_or(0);
    let wide = open > 0;
    let end = text.len() - usize::from(text.len() > open + 1 && text.ends_with(b"'"));
    let content = text.get(open + 1..end).unwrap_or_default();
    if wide
        && let Ok(text) = std::str::from_utf8(content)
        && !text.contains('\\')
    {
        let value = text
            .chars()
            .next_back()
            .map_or(0, |c| i64::from(u32::from(c)));
        return Integer::signed(value);
    }
    let mut value = 0u32;
    let mut count = 0;
    let mut at = 0;
    while at < content.len() {
        let (unit, length) = match content[at] {
            b'\\' => escape(&content[at + 1..]),
            byte => (u32::from(byte), 0),
        };
        at += 1 + length;
        count += 1;
        value = if wide { unit } else { value << 8 | unit & 0xff };
    }
    let value = value.cast_signed();
    // A single plain character has the sign of `char`.
    Integer::signed(match count == 1 && !wide {
        true => i64::from(value as u8 as i8),
        false => i64::from(value),
    })
}

/// The value of an escape sequence and its length, both without the backslash.
fn escape(text: &[u8]) -> (u32, usize) {
    let digits = |from: usize, most: usize, radix: u32| {
        let mut value = 0u32;
        let rest = text.iter().skip(from).take(most);
        let mut length = 0;
        for digit in rest.map_while(|&b| char::from(b).to_digit(radix)) {
            value = value.wrapping_mul(radix).wrapping_add(digit);
            length += 1;
        }
        (value, from + length)
    };
    match text.first() {
        None => (u32::from(b'\\'), 0),
        Some(b'0'..=b'7') => digits(0, 3, 8),
        Some(b'x') => digits(1, usize::MAX, 16),
        Some(b'u') => digits(1, 4, 16),
        Some(b'U') => digits(1, 8, 16),
        Some(b'a') => (7, 1),
        Some(b'b') => (8, 1),
        Some(b't') => (9, 1),
        Some(b'n') => (10, 1),
        Some(b'v') => (11, 1),
        Some(b'f') => (12, 1),
        Some(b'r') => (13, 1),
        Some(b'e' | b'E') => (27, 1),
        Some(&other) => (u32::from(other), 1),
    }
}
