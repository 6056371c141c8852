//! Conditions: the states in which they hold, and those in which they do not.

use super::flow::Flow;
use super::place::PlaceId;
use super::value::{ANY, Fate, NEG, POS, State, Value, ZERO};
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Unary};

/// States where a condition holds, and where it does not.
pub type Split = (Vec<State>, Vec<State>);

impl Flow<'_> {
    /// Splits a state by a condition.
    pub fn cond(&mut self, e: ExprId, st: State) -> Split {
        let (yes, no) = self.step(|flow| flow.told_apart(e, st));
        let few = |states: Vec<State>| match states.len() > self.effort.results() {
            true => self.merge(states),
            false => states,
        };
        (few(yes), few(no))
    }

    fn told_apart(&mut self, e: ExprId, st: State) -> Split {
        match self.tree()[e].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.cond(inner, st),
            ExprKind::Unary(Unary::Not, inner) => {
                let (yes, no) = self.cond(inner, st);
                (no, yes)
            }
            ExprKind::Binary {
                op: Binary::And,
                left,
                right,
                ..
            } => {
                let (yes, mut no) = self.cond(left, st);
                let mut both = Vec::new();
                for st in yes {
                    let (t, f) = self.cond(right, st);
                    both.extend(t);
                    no.extend(f);
                }
                (self.merge(both), self.merge(no))
            }
            ExprKind::Binary {
                op: Binary::Or,
                left,
                right,
                ..
            } => {
                let (mut yes, no) = self.cond(left, st);
                let mut neither = Vec::new();
                for st in no {
                    let (t, f) = self.cond(right, st);
                    yes.extend(t);
                    neither.extend(f);
                }
                (self.merge(yes), self.merge(neither))
            }
            ExprKind::Binary {
                op, left, right, ..
            } if op.compares() => self.comparison(op, left, right, st),
            ExprKind::Comma(left, right) => {
                let mut split = Split::default();
                for st in self.effects(left, vec![st]) {
                    append(&mut split, self.cond(right, st));
                }
                split
            }
            ExprKind::Conditional {
                cond,
                then: Some(then),
                otherwise,
            } => {
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
            ExprKind::Call { callee, args, .. } => match self.condition_call(callee, &args, &st) {
                Some(split) => split,
                None => self.by_value(e, st),
            },
            _ => self.by_value(e, st),
        }
    }

    /// The place of a condition, if it tells something that stays: a pointer that is followed here,
    /// or a variable of the function. Anything else may be different the next time.
    fn learnable(&mut self, e: ExprId, value: &Value, st: &State) -> Option<PlaceId> {
        let place = self.place(e, st)?;
        let local = self
            .places
            .variable_of(place)
            .is_some_and(|v| self.is_local(v));
        let own = self.places.block_of(place).is_some();
        (value.is_tracked() || local || own).then_some(place)
    }

    fn by_value(&mut self, e: ExprId, st: State) -> Split {
        let mut split = Split::default();
        for (st, value) in self.eval(e, st) {
            let place = self.learnable(e, &value, &st);
            if value.may_be_true() {
                split.0.extend(assume(st.clone(), place, &value, NEG | POS));
            }
            if value.may_be_false() {
                split.1.extend(assume(st, place, &value, ZERO));
            }
        }
        split
    }

    fn comparison(&mut self, op: Binary, left: ExprId, right: ExprId, st: State) -> Split {
        let mut split = Split::default();
        for (st, a) in self.eval(left, st) {
            for (st, b) in self.eval(right, st) {
                let (e, value, other, op) = if other_side(&a, &b) {
                    (right, &b, &a, op.mirrored())
                } else {
                    (left, &a, &b, op)
                };
                let place = self.learnable(e, value, &st);
                let (yes, no) = signs_for(op, value, other);
                if value.signs & yes != 0 {
                    let mut narrowed = assume(st.clone(), place, value, yes);
                    if op == Binary::Eq
                        && let (Some(st), Some(place), Some(number)) =
                            (&mut narrowed, place, other.exact)
                        && !value.is_tracked()
                    {
                        st.put(place, Value::number(number));
                    }
                    split.0.extend(narrowed);
                }
                if value.signs & no != 0 {
                    split.1.extend(assume(st, place, value, no));
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

/// The signs of a value for which a comparison can hold, and those for which it can fail.
fn signs_for(op: Binary, value: &Value, other: &Value) -> (u8, u8) {
    if let (Some(a), Some(b)) = (value.exact, other.exact) {
        let holds = match op {
            Binary::Eq => a == b,
            Binary::Ne => a != b,
            Binary::Lt => a < b,
            Binary::Gt => a > b,
            Binary::Le => a <= b,
            _ => a >= b,
        };
        return if holds { (ANY, 0) } else { (0, ANY) };
    }
    if other.signs == ZERO {
        let yes = match op {
            Binary::Eq => ZERO,
            Binary::Ne => NEG | POS,
            Binary::Lt => NEG,
            Binary::Gt => POS,
            Binary::Le => NEG | ZERO,
            _ => ZERO | POS,
        };
        return (yes, ANY & !yes);
    }
    match op {
        // Equal to something that is not zero, or different from it.
        Binary::Eq => (other.signs, ANY),
        Binary::Ne => (ANY, other.signs),
        Binary::Gt | Binary::Ge if other.signs == POS => (POS, ANY),
        Binary::Lt | Binary::Le if other.signs == NEG => (NEG, ANY),
        _ => (ANY, ANY),
    }
}

/// Keeps what is possible once the value of `place` is known to be among `signs`.
pub fn assume(mut st: State, place: Option<PlaceId>, value: &Value, signs: u8) -> Option<State> {
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
        for &site in &value.failed {
            if narrowed.signs == ZERO && value.failed.len() == 1 && value.whole {
                // It failed, or did not happen.
                if let Some(Fate::Perhaps) = st.fates.get(&site) {
                    st.fates.insert(site, Fate::Failed);
                }
            } else if narrowed.signs & ZERO == 0 && value.blocks[..] == [site] && value.whole {
                st.succeeded(site);
            }
        }
    }
    if let Some(place) = place {
        st.put(place, narrowed);
    }
    Some(st)
}

fn append(split: &mut Split, more: Split) {
    split.0.extend(more.0);
    split.1.extend(more.1);
}
