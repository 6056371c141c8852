//! Random expressions whose values stay within bounds.

use super::Generator;

/// An expression and the bounds of its value, which are within those of an int.
#[derive(Clone, Debug)]
pub struct Expression {
    pub text: String,
    pub low: i64,
    pub high: i64,
    /// Whether it needs no parentheses as an operand.
    atom: bool,
}

/// No operand of an operation that adds is larger.
const LARGE: i64 = 1 << 29;

impl Expression {
    fn atom(text: String, low: i64, high: i64) -> Self {
        Self {
            text,
            low,
            high,
            atom: true,
        }
    }

    fn operation(text: String, low: i64, high: i64) -> Self {
        Self {
            text,
            low,
            high,
            atom: false,
        }
    }

    fn operand(&self) -> String {
        match self.atom {
            true => self.text.clone(),
            false => format!("({})", self.text),
        }
    }

    /// At most `high`, which is a power of two less one, and not negative.
    pub fn masked(self, high: i64) -> Self {
        if self.low >= 0 && self.high <= high {
            return self;
        }
        let mask = match high > 255 {
            true => format!("{high:#x}"),
            false => high.to_string(),
        };
        Self::operation(format!("{} & {mask}", self.operand()), 0, high)
    }

    fn small(self) -> Self {
        match self.low < -LARGE || self.high > LARGE {
            true => self.masked(0xffff),
            false => self,
        }
    }
}

impl Generator {
    /// A number from 0 to 0x7fff, for a variable.
    pub fn stored(&mut self) -> String {
        let depth = self.random.range(1, 3);
        self.expression(depth).masked(0x7fff).text
    }

    /// A number from 0 to 1023, as an argument.
    pub fn argument(&mut self) -> String {
        let depth = self.random.range(0, 2);
        self.expression(depth).masked(1023).text
    }

    /// A condition.
    pub fn condition(&mut self) -> String {
        let depth = self.random.range(0, 2);
        let left = self.expression(depth).small();
        match self.random.below(8) {
            0 => format!("!{}", left.operand()),
            1 => left.text,
            2 => {
                let right = self.condition();
                format!("({}) && ({right})", left.text)
            }
            3 => {
                let right = self.condition();
                format!("({}) || ({right})", left.text)
            }
            _ => {
                let operator = self.random.pick(&["<", ">", "<=", ">=", "==", "!="]);
                let right = self.expression(0);
                format!("{} {operator} {}", left.operand(), right.operand())
            }
        }
    }

    /// Any expression without effects.
    pub fn expression(&mut self, depth: u64) -> Expression {
        if depth == 0 {
            return self.leaf();
        }
        let a = self.expression(depth - 1);
        match self.random.below(17) {
            0..=2 => {
                let b = self.expression(depth - 1).small();
                let a = a.small();
                let text = format!("{} + {}", a.operand(), b.operand());
                Expression::operation(text, a.low + b.low, a.high + b.high)
            }
            3..=4 => {
                let b = self.expression(depth - 1).small();
                let a = a.small();
                let text = format!("{} - {}", a.operand(), b.operand());
                Expression::operation(text, a.low - b.high, a.high - b.low)
            }
            5 => {
                let (a, b) = (a.masked(0xfff), self.expression(depth - 1).masked(255));
                let text = format!("{} * {}", a.operand(), b.operand());
                Expression::operation(text, 0, a.high * b.high)
            }
            6 => {
                let n = self.random.range(2, 9) as i64;
                let text = format!("{} * {n}", a.clone().masked(0xffff).operand());
                Expression::operation(text, 0, 0xffff * n)
            }
            7..=8 => {
                // Signed division is an instruction of its own, so it is left to some programs.
                let operator = self.random.pick(&["/", "%"]);
                let n = self.random.range(2, 17) as i64;
                let a = a.small();
                let signed = self.random.chance(1, 4);
                let a = if signed { a } else { a.masked(0xffff) };
                let cast = if signed { "" } else { "(unsigned)" };
                let text = format!("{cast}{} {operator} {n}", a.operand());
                let text = if signed {
                    text
                } else {
                    format!("(int)({text})")
                };
                match operator {
                    "/" => Expression::operation(text, a.low / n, a.high / n),
                    _ if a.low < 0 => Expression::operation(text, 1 - n, n - 1),
                    _ => Expression::operation(text, 0, n - 1),
                }
            }
            9 => {
                let (a, b) = (a.masked(0x7fff), self.expression(depth - 1).masked(0x7fff));
                let operator = self.random.pick(&["&", "|", "^"]);
                let text = format!("{} {operator} {}", a.operand(), b.operand());
                Expression::operation(text, 0, 0x7fff)
            }
            10 => {
                let n = self.random.range(1, 4);
                let a = a.masked(0xfff);
                let text = format!("{} << {n}", a.operand());
                Expression::operation(text, 0, a.high << n)
            }
            11 => {
                let n = self.random.range(1, 7);
                let a = a.masked(0x7fff);
                let text = format!("{} >> {n}", a.operand());
                Expression::operation(text, 0, a.high >> n)
            }
            12..=13 => {
                let condition = self.condition();
                let b = self.expression(depth - 1);
                let text = format!("{condition} ? {} : {}", a.operand(), b.operand());
                Expression::operation(text, a.low.min(b.low), a.high.max(b.high))
            }
            14 => {
                let a = a.small();
                let text = format!("-{}", a.operand());
                Expression::operation(text, -a.high, -a.low)
            }
            15 => Expression::operation(self.condition(), 0, 1),
            _ => {
                let text = format!("(unsigned char){}", a.operand());
                Expression::operation(text, 0, 255)
            }
        }
    }

    fn leaf(&mut self) -> Expression {
        let variables = self.body.readable();
        match self.random.below(10) {
            0..=2 => {
                let n = self.random.below(40) as i64;
                Expression::atom(n.to_string(), n, n)
            }
            3 => self.value_of_kit().unwrap_or_else(|| self.literal()),
            4 => self.pure_call().unwrap_or_else(|| self.literal()),
            _ if variables.is_empty() => self.literal(),
            _ => {
                let (name, high) =
                    variables[self.random.below(variables.len() as u64) as usize].clone();
                Expression::atom(name, 0, high)
            }
        }
    }

    fn literal(&mut self) -> Expression {
        let n = self.random.range(1, 99) as i64;
        Expression::atom(n.to_string(), n, n)
    }

    /// What a variable of a kit says about itself.
    fn value_of_kit(&mut self) -> Option<Expression> {
        let values = self.body.values.clone();
        if values.is_empty() || !self.body.affords(60) {
            return None;
        }
        let (template, high) = values[self.random.below(values.len() as u64) as usize].clone();
        let text = self.fill_simple(&template);
        Some(Expression::atom(text, 0, high))
    }

    /// A call of a function without effects; its arguments can be calls.
    fn pure_call(&mut self) -> Option<Expression> {
        let helpers: Vec<_> = self.helpers.iter().filter(|h| h.pure).cloned().collect();
        if helpers.is_empty() {
            return None;
        }
        let helper = helpers[self.random.below(helpers.len() as u64) as usize].clone();
        if !self.body.affords(helper.cost) {
            return None;
        }
        let text = self.fill_simple(&helper.call);
        Some(Expression::atom(text, 0, helper.bound))
    }

    /// Fills the holes of a template with variables, numbers, and now and then another call.
    fn fill_simple(&mut self, template: &str) -> String {
        let mut text = self.tagged(template);
        while let Some(at) = text.find("{e}") {
            let nested = self.body.nesting < 2 && self.random.chance(1, 4);
            self.body.nesting += 1;
            let value = match nested {
                true => self.expression(1).masked(1023).text,
                false => self.leaf_without_calls(),
            };
            self.body.nesting -= 1;
            fill_hole(&mut text, at, &value);
        }
        text
    }

    fn leaf_without_calls(&mut self) -> String {
        let variables = self.body.readable();
        if variables.is_empty() || self.random.chance(1, 3) {
            return self.random.below(64).to_string();
        }
        let (name, high) = variables[self.random.below(variables.len() as u64) as usize].clone();
        match high > 1023 {
            true => format!("{name} & 1023"),
            false => name,
        }
    }
}

/// Puts a value where `{e}` stands at `at`, in parentheses where it is an operand.
pub fn fill_hole(text: &mut String, at: usize, value: &str) {
    let next = text[at + 3..].chars().next();
    let alone = matches!(next, None | Some(',' | ')' | ']' | ';'));
    let alone = alone && !text[..at].ends_with("+ ");
    let value = match alone || value.chars().all(|c| c.is_alphanumeric() || c == '_') {
        true => value.to_owned(),
        false => format!("({value})"),
    };
    text.replace_range(at..at + 3, &value);
}
