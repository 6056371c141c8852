//! The expressions of `#if`.

use std::borrow::Cow;

use super::directives::Malformed;
use super::lexer::{Kind, op};
use super::numbers::{Integer, character, integer};
use super::operators::precedence;

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
            let Some(binding) = precedence(operator).filter(|&binding| binding >= least) else {
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
