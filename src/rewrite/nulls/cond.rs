//! Conditions: the paths on which they hold, and those on which they do not.

use super::super::ast::{Expr, ExprKind};
use super::flow::Flow;
use super::value::{ANY, Fate, NEG, POS, State, Value, ZERO};

/// Paths where a condition holds, and where it does not.
pub type Split = (Vec<State>, Vec<State>);

impl Flow<'_> {
    /// Splits a path by a condition.
    pub fn cond(&mut self, e: &Expr, st: State) -> Split {
        if !self.burn(&st) {
            return Default::default();
        }
        match &e.kind {
            ExprKind::Unary(b'!', inner) => {
                let (yes, no) = self.cond(inner, st);
                (no, yes)
            }
            ExprKind::Binary("&&", left, right) => {
                let (yes, mut no) = self.cond(left, st);
                let mut both = Vec::new();
                for st in yes {
                    let (t, f) = self.cond(right, st);
                    both.extend(t);
                    no.extend(f);
                }
                (self.merge(both), self.merge(no))
            }
            ExprKind::Binary("||", left, right) => {
                let (mut yes, no) = self.cond(left, st);
                let mut neither = Vec::new();
                for st in no {
                    let (t, f) = self.cond(right, st);
                    yes.extend(t);
                    neither.extend(f);
                }
                (self.merge(yes), self.merge(neither))
            }
            ExprKind::Binary(op @ ("==" | "!=" | "<" | ">" | "<=" | ">="), left, right) => {
                self.comparison(op, left, right, st)
            }
            ExprKind::Cast(inner) => self.cond(inner, st),
            ExprKind::Comma(left, right) => {
                let mut split = Split::default();
                for st in self.effects(left, vec![st]) {
                    append(&mut split, self.cond(right, st));
                }
                split
            }
            ExprKind::Conditional(cond, Some(then), otherwise) => {
                let (yes, no) = self.cond(cond, st);
                let mut split = Split::default();
                for st in yes {
                    append(&mut split, self.cond(then, st));
                }
                for st in no {
                    append(&mut split, self.cond(otherwise, st));
                }
                split
            }
            ExprKind::Name(name) => {
                if let Some((frame, arg)) = self.argument(name) {
                    return self.within(frame, |flow| flow.cond(&arg, st));
                }
                self.by_value(e, st)
            }
            ExprKind::Call { callee, args, .. } => {
                if let ExprKind::Name(name) = &callee.kind
                    && let Some(split) = self.condition_call(e, name, args, &st)
                {
                    return split;
                }
                self.by_value(e, st)
            }
            _ => self.by_value(e, st),
        }
    }

    /// The access path of a condition, if it tells something that stays: a pointer that is
    /// followed here, or a variable of the function. Anything else may be different the next time,
    /// as `can_loop` or the `_` of a loop that stands in for a macro.
    fn learnable(&self, e: &Expr, value: &Value, st: &State) -> Option<String> {
        let path = self.path(e, st)?;
        let root = path.split(['[', '.']).next().unwrap_or(&path);
        (value.is_tracked() || self.locals.contains(root)).then_some(path)
    }

    fn by_value(&mut self, e: &Expr, st: State) -> Split {
        let mut split = Split::default();
        for (st, value) in self.eval(e, st) {
            let path = self.learnable(e, &value, &st);
            if value.may_be_true() {
                split
                    .0
                    .extend(assume(st.clone(), path.as_deref(), &value, NEG | POS));
            }
            if value.may_be_false() {
                split.1.extend(assume(st, path.as_deref(), &value, ZERO));
            }
        }
        split
    }

    fn comparison(&mut self, op: &str, left: &Expr, right: &Expr, st: State) -> Split {
        let mut split = Split::default();
        for (st, a) in self.eval(left, st) {
            for (st, b) in self.eval(right, st) {
                let (e, value, other, op) = if other_side(&a, &b) {
                    (right, &b, &a, mirrored(op))
                } else {
                    (left, &a, &b, op)
                };
                let path = self.learnable(e, value, &st);
                let (yes, no) = signs_for(op, value, other);
                if value.signs & yes != 0 {
                    let mut narrowed = assume(st.clone(), path.as_deref(), value, yes);
                    if op == "=="
                        && let (Some(st), Some(path), Some(number)) =
                            (&mut narrowed, &path, other.exact)
                        && !value.is_tracked()
                    {
                        st.put(path, Value::number(number));
                    }
                    split.0.extend(narrowed);
                }
                if value.signs & no != 0 {
                    split.1.extend(assume(st, path.as_deref(), value, no));
                }
            }
        }
        split
    }
}

/// Whether the constant stands on the left.
fn other_side(a: &Value, b: &Value) -> bool {
    b.exact.is_none() && a.exact.is_some() && !a.is_tracked()
}

fn mirrored(op: &str) -> &str {
    match op {
        "<" => ">",
        ">" => "<",
        "<=" => ">=",
        ">=" => "<=",
        other => other,
    }
}

/// The signs of a value for which a comparison can hold, and those for which it can fail.
fn signs_for(op: &str, value: &Value, other: &Value) -> (u8, u8) {
    if let (Some(a), Some(b)) = (value.exact, other.exact) {
        let holds = match op {
            "==" => a == b,
            "!=" => a != b,
            "<" => a < b,
            ">" => a > b,
            "<=" => a <= b,
            _ => a >= b,
        };
        return if holds { (ANY, 0) } else { (0, ANY) };
    }
    if other.signs == ZERO {
        let yes = match op {
            "==" => ZERO,
            "!=" => NEG | POS,
            "<" => NEG,
            ">" => POS,
            "<=" => NEG | ZERO,
            _ => ZERO | POS,
        };
        return (yes, ANY & !yes);
    }
    match op {
        // Equal to something that is not zero, or different from it.
        "==" => (other.signs, ANY),
        "!=" => (ANY, other.signs),
        ">" | ">=" if other.signs == POS => (POS, ANY),
        "<" | "<=" if other.signs == NEG => (NEG, ANY),
        _ => (ANY, ANY),
    }
}

/// Keeps what is possible once the value at `path` is known to be among `signs`.
pub fn assume(mut st: State, path: Option<&str>, value: &Value, signs: u8) -> Option<State> {
    let narrowed = value.narrowed(signs);
    if narrowed.signs == 0 {
        return None;
    }
    if narrowed == *value {
        return Some(st);
    }
    if value.is_tracked() {
        // Copies of the pointer are checked together with it.
        for known in st.env.values_mut().filter(|known| *known == value) {
            *known = narrowed.clone();
        }
        for &site in value.failed.iter().filter(|s| value.blocks.contains(s)) {
            if narrowed.signs == ZERO {
                st.fates.insert(site, Fate::Failed);
            } else if narrowed.signs & ZERO == 0 && value.blocks.len() == 1 {
                st.succeeded(site);
            }
        }
    }
    if let Some(path) = path {
        st.put(path, narrowed);
    }
    Some(st)
}

fn append(split: &mut Split, more: Split) {
    split.0.extend(more.0);
    split.1.extend(more.1);
}
