//! What expressions do: values, and uses of pointers that may be NULL.

use super::flow::{Flow, Source};
use super::place::{Node, PlaceId};
use super::value::{ANY, Doubt, Fate, NEG, POS, State, Value, ZERO};
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Unary};
use crate::c::types::{EntityKind, Type};

/// How many results of one expression are told apart. Each condition in it may have twice as many:
/// `print(a ? x : y) + print(b ? x : y) + …`.
const RESULTS: usize = 64;

/// How many steps a whole expression is worth. An operand is evaluated for each result of the one before
/// it, so `f(a) + (f(b) + (f(c) + …))` with conditions in a macro `f` takes a power of the number of
/// operands; beyond this many steps, results are no longer told apart, and it takes a multiple.
const WORK: usize = 4_096;

/// The steps of the expression that is being evaluated.
#[derive(Debug, Default)]
pub struct Effort {
    depth: usize,
    steps: usize,
}

impl Effort {
    /// How many results of a part are told apart by now.
    pub fn results(&self) -> usize {
        if self.steps > WORK { 1 } else { RESULTS }
    }
}

impl Flow<'_> {
    /// Evaluates an expression; each result is a state of its own.
    pub fn eval(&mut self, e: ExprId, st: State) -> Vec<(State, Value)> {
        let results = self.step(|flow| flow.evaluate(e, st));
        self.together(results, Value::or)
    }

    /// Does one step of an expression, or begins one.
    pub fn step<T>(&mut self, run: impl FnOnce(&mut Self) -> T) -> T {
        if self.effort.depth == 0 {
            self.effort.steps = 0;
        }
        self.effort.steps += 1;
        self.effort.depth += 1;
        let result = run(self);
        self.effort.depth -= 1;
        result
    }

    /// Takes results together where there are too many: those with the same value first.
    pub fn together<T: Clone + PartialEq>(
        &self,
        results: Vec<(State, T)>,
        or: impl Fn(&T, &T) -> T,
    ) -> Vec<(State, T)> {
        if results.len() <= self.effort.results() {
            return results;
        }
        let mut groups: Vec<(T, Vec<State>)> = Vec::new();
        for (st, value) in results {
            match groups.iter_mut().find(|group| group.0 == value) {
                Some(group) => group.1.push(st),
                None => groups.push((value, vec![st])),
            }
        }
        for group in &mut groups {
            group.1 = self.merge(std::mem::take(&mut group.1));
        }
        if groups.iter().map(|group| group.1.len()).sum::<usize>() > self.effort.results() {
            let all = groups.into_iter().reduce(|mut all, group| {
                all.0 = or(&all.0, &group.0);
                all.1.extend(group.1);
                all
            });
            groups = all.into_iter().collect();
            for group in &mut groups {
                group.1 = self.merge(std::mem::take(&mut group.1));
            }
        }
        let each = groups.into_iter().flat_map(|(value, states)| {
            let each = states.into_iter();
            each.map(move |st| (st, value.clone())).collect::<Vec<_>>()
        });
        each.collect()
    }

    fn evaluate(&mut self, e: ExprId, st: State) -> Vec<(State, Value)> {
        if let Some(number) = self.model().value(e) {
            let number = i64::try_from(number).unwrap_or(i64::MAX);
            return vec![(st, Value::number(number))];
        }
        if self.model().is_null_pointer_constant(e) {
            return vec![(st, Value::number(0))];
        }
        match self.tree()[e].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.eval(inner, st),
            ExprKind::Number | ExprKind::Char => vec![(st, Value::unknown())],
            ExprKind::Text => vec![(st, Value::signs(POS))],
            ExprKind::SizeofExpr(_)
            | ExprKind::SizeofType(_)
            | ExprKind::TypeArgument(_)
            | ExprKind::VaArg(_)
            | ExprKind::Constant => vec![(st, Value::unknown())],
            ExprKind::Name(_) => self.name(e, st),
            ExprKind::Unary(Unary::Not, _) => self.truth(e, st),
            ExprKind::Unary(Unary::AddressOf, inner) => self.address(inner, st),
            ExprKind::Unary(Unary::Deref, _) | ExprKind::Member { .. } | ExprKind::Index(..) => {
                self.read(e, st)
            }
            ExprKind::Unary(Unary::Increment | Unary::Decrement, inner)
            | ExprKind::Postfix { operand: inner, .. } => self.update(e, inner, st),
            ExprKind::Unary(op, inner) => self.unary(op, inner, st),
            ExprKind::Binary { op, .. } if op.is_logical() || op.compares() => self.truth(e, st),
            ExprKind::Binary {
                op, left, right, ..
            } => self.arithmetic(op, left, right, st),
            ExprKind::Assign {
                op, left, right, ..
            } => self.assignment(op.is_some(), left, right, st),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => self.conditional(cond, then, otherwise, st),
            ExprKind::Comma(left, right) => {
                let states = self.effects(left, vec![st]);
                self.each(right, states)
            }
            ExprKind::Compound(_, list) => {
                let states = self.effects(list, vec![st]);
                with(states, &Value::signs(POS))
            }
            ExprKind::List(elements) => {
                // Where a list goes that initializes nothing known is not followed.
                let mut states = vec![st];
                for element in elements {
                    let results = self.each(element.value, states);
                    states = results
                        .into_iter()
                        .map(|(mut st, value)| {
                            let doubt = Doubt::Stored(self.tree()[e].toks.start);
                            self.give(&mut st, &value, &Fate::Unknown(doubt));
                            st
                        })
                        .collect();
                }
                with(states, &Value::unknown())
            }
            ExprKind::Statements(block) => self.statements(block, st),
            ExprKind::Generic { choices, .. } => {
                let mut results = Vec::new();
                for (_, choice) in choices {
                    results.extend(self.eval(choice, st.clone()));
                }
                if results.is_empty() {
                    results.push((st, Value::unknown()));
                }
                results
            }
            ExprKind::Asm(parts) | ExprKind::Unknown(parts) => {
                let mut states = vec![st];
                for part in parts {
                    let results = self.each(part, states);
                    states = results
                        .into_iter()
                        .map(|(mut st, value)| {
                            if let Some(place) = self.place(part, &st) {
                                let old = st.get(&mut self.places, place);
                                if !old.is_tracked() {
                                    st.forget(&self.places, place);
                                }
                            }
                            self.give(&mut st, &value, &Fate::Unknown(Doubt::Unread));
                            st
                        })
                        .collect();
                }
                with(states, &Value::unknown())
            }
            ExprKind::Call { callee, args, .. } => self.call(e, callee, &args, st),
        }
    }

    /// Evaluates in several states.
    pub fn each(&mut self, e: ExprId, states: Vec<State>) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for st in states {
            results.extend(self.eval(e, st));
        }
        self.together(results, Value::or)
    }

    /// Evaluates for the effects alone.
    pub fn effects(&mut self, e: ExprId, states: Vec<State>) -> Vec<State> {
        let results = self.each(e, states);
        self.merge(results.into_iter().map(|(st, _)| st).collect())
    }

    fn name(&mut self, e: ExprId, mut st: State) -> Vec<(State, Value)> {
        let Some(entity) = self.model().entity(e) else {
            let value = match self.ctx.spelled(e).as_str() {
                "NULL" | "nullptr" | "false" => Value::number(0),
                "true" => Value::number(1),
                _ => Value::unknown(),
            };
            return vec![(st, value)];
        };
        let value = match self.model()[entity].kind {
            EntityKind::Enumerator(number) => {
                Value::number(i64::try_from(number).unwrap_or(i64::MAX))
            }
            EntityKind::Function { .. } => Value::signs(POS),
            EntityKind::Typedef => Value::unknown(),
            EntityKind::Object { .. } => match self.variable(entity) {
                Some(place) if self.is_array(e) => self.start_of(place),
                Some(place) => self.load(&mut st, place, Some(e)),
                None => Value::unknown(),
            },
        };
        vec![(st, value)]
    }

    /// Reads a place.
    fn read(&mut self, e: ExprId, st: State) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (mut st, lvalue) in self.reach(e, st) {
            let value = match (&lvalue.places[..], lvalue.sure) {
                (&[place], true) if self.is_array(e) => self.start_of(place),
                (&[place], true) => self.load(&mut st, place, Some(e)),
                (places, _) => {
                    let mut value = Value::unknown();
                    for &place in places {
                        value = value.or(&self.load(&mut st, place, Some(e)));
                    }
                    value
                }
            };
            results.push((st, value));
        }
        results
    }

    fn truth(&mut self, e: ExprId, st: State) -> Vec<(State, Value)> {
        let (yes, no) = self.cond(e, st);
        let mut results = with(yes, &Value::number(1));
        results.extend(with(no, &Value::number(0)));
        results
    }

    fn unary(&mut self, op: Unary, inner: ExprId, st: State) -> Vec<(State, Value)> {
        // `-ENOMEM` and the like: error numbers are positive.
        let name = self.ctx.spelled(self.tree().bare(inner));
        let error_number = name.len() > 2
            && name.starts_with('E')
            && !name.bytes().any(|b| b.is_ascii_lowercase());
        let negated = |value: Value| match value.exact {
            Some(number) => Value::number(number.wrapping_neg()),
            None if error_number && !value.leads() => Value::signs(NEG),
            None if value.is_tracked() => value.inside(),
            None => {
                let swapped =
                    value.signs & ZERO | (value.signs & NEG) << 2 | (value.signs & POS) >> 2;
                Value::signs(swapped)
            }
        };
        let results = self.eval(inner, st).into_iter();
        results
            .map(|(st, value)| match op {
                Unary::Minus => (st, negated(value)),
                Unary::Plus => (st, value),
                _ if value.leads() => (st, value.inside()),
                _ => (st, Value::unknown()),
            })
            .collect()
    }

    fn arithmetic(
        &mut self,
        op: Binary,
        left: ExprId,
        right: ExprId,
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (st, a) in self.eval(left, st) {
            for (st, b) in self.eval(right, st) {
                // The verifier forbids arithmetic on a pointer that may be NULL.
                let Some(st) = self.follow(&a, st, left) else {
                    continue;
                };
                let Some(st) = self.follow(&b, st, right) else {
                    continue;
                };
                let value = self.combined(op, &a, &b);
                results.push((st, value));
            }
        }
        results
    }

    /// What an operator makes of two values.
    fn combined(&mut self, op: Binary, a: &Value, b: &Value) -> Value {
        let moves = matches!(op, Binary::Add | Binary::Sub);
        match (a.leads() || a.is_tracked(), b.leads() || b.is_tracked()) {
            // The difference of two pointers.
            (true, true) if op == Binary::Sub => Value::unknown(),
            (true, false) if moves => {
                let by = b.exact.and_then(|n| match op {
                    Binary::Sub => n.checked_neg(),
                    _ => Some(n),
                });
                self.moved(a, by)
            }
            (false, true) if op == Binary::Add => self.moved(b, a.exact),
            (false, false) => match (op, a.exact, b.exact) {
                (Binary::Add, Some(a), Some(b)) => Value::number(a.wrapping_add(b)),
                (Binary::Sub, Some(a), Some(b)) => Value::number(a.wrapping_sub(b)),
                _ => Value::unknown(),
            },
            _ => a.or(b).inside(),
        }
    }

    /// A pointer, moved by a number of elements.
    pub fn moved(&mut self, value: &Value, by: Option<i64>) -> Value {
        if by == Some(0) {
            return value.clone();
        }
        if let Some(place) = value.sole_address() {
            return match self.neighbour(place, by) {
                Some(place) => Value::address(place),
                None => value.inside(),
            };
        }
        value.inside()
    }

    fn update(&mut self, e: ExprId, inner: ExprId, st: State) -> Vec<(State, Value)> {
        let number = self.model().number(self.model().type_of(inner)).is_some();
        let mut results = Vec::new();
        for (st, value) in self.eval(inner, st) {
            let Some(st) = self.follow(&value, st, e) else {
                continue;
            };
            let moved = match value.leads() || value.is_tracked() {
                true => self.moved(&value, None),
                false => Value::unknown(),
            };
            // `if (n++)`: the value before is as well known as it was.
            let result = match self.tree()[e].kind {
                ExprKind::Postfix { .. } if number => value,
                _ => moved.clone(),
            };
            for (mut st, lvalue) in self.reach(inner, st) {
                self.write(&mut st, &lvalue, &moved);
                results.push((st, result.clone()));
            }
        }
        results
    }

    fn conditional(
        &mut self,
        cond: ExprId,
        then: Option<ExprId>,
        otherwise: ExprId,
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        let Some(then) = then else {
            // GNU's `c ?: b`: the value is taken once.
            for (st, value) in self.eval(cond, st) {
                let place = self.place(cond, &st);
                if value.may_be_true() {
                    let narrowed = value.narrowed(NEG | POS);
                    let yes = super::cond::assume(st.clone(), place, &value, NEG | POS);
                    results.extend(yes.map(|st| (st, narrowed)));
                }
                if value.may_be_false()
                    && let Some(st) = super::cond::assume(st, place, &value, ZERO)
                {
                    results.extend(self.eval(otherwise, st));
                }
            }
            return results;
        };
        let (yes, no) = self.cond(cond, st);
        results.extend(self.each(then, yes));
        results.extend(self.each(otherwise, no));
        results
    }

    fn address(&mut self, inner: ExprId, st: State) -> Vec<(State, Value)> {
        let bare = self.tree().bare(inner);
        if let ExprKind::Unary(Unary::Deref, pointer) = self.tree()[bare].kind {
            return self.eval(pointer, st);
        }
        let mut results = Vec::new();
        for (st, lvalue) in self.reach(inner, st) {
            let value = match (&lvalue.places[..], lvalue.sure) {
                (&[place], true) => match self.places.node(place) {
                    // What is reached through an unknown pointer has no address of its own.
                    _ if !self.places.is_direct(place) => Value::signs(POS),
                    &Node::Block(site) => Value::block(site),
                    _ => self.address_of(place),
                },
                (places, _) => {
                    let mut value = Value::signs(POS);
                    for &place in places {
                        value = value.or(&self.address_of(place));
                    }
                    value.inside()
                }
            };
            results.push((st, value));
        }
        results
    }

    /// The address of a place: inside of a block a pointer into the block.
    fn address_of(&self, place: PlaceId) -> Value {
        match self.places.block_of(place) {
            Some(site) => Value {
                whole: false,
                ..Value::block(site)
            },
            None => Value::address(place),
        }
    }

    /// Whether an expression is a structure or union.
    pub fn is_record(&self, e: ExprId) -> bool {
        matches!(self.model()[self.model().type_of(e)], Type::Record(_))
    }

    /// Whether an expression is an array.
    pub fn is_array(&self, e: ExprId) -> bool {
        self.model().is_array(self.model().type_of(e))
    }

    /// Without parentheses and casts.
    pub fn bare(&self, e: ExprId) -> ExprId {
        let mut at = e;
        while let ExprKind::Paren(inner) | ExprKind::Cast(_, inner) = self.tree()[at].kind {
            at = inner;
        }
        at
    }

    /// A new block of a parameter's contents.
    pub fn inner_site(&mut self, st: &mut State, place: PlaceId) -> Option<Value> {
        let (param, suffix) = self.suffix_of(place)?;
        let source = Source::Inner(param, suffix.clone());
        let site = self.site(None, format!("inner {param} {suffix:?}"), source);
        st.fates.entry(site).or_insert(Fate::Owned);
        let value = Value {
            signs: ANY,
            ..Value::block(site)
        };
        st.put(place, value.clone());
        Some(value)
    }
}

/// The same value in several states.
pub fn with(states: Vec<State>, value: &Value) -> Vec<(State, Value)> {
    states.into_iter().map(|st| (st, value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::rewrite::{Alone, Backend, EditKind, Options, plan};

    #[test]
    fn many_conditions_in_one_expression_are_taken_together() {
        let terms: Vec<String> = (0..40).map(|n| format!("print(a & {n} ? p : q)")).collect();
        let source = format!(
            "void *malloc(unsigned long);\nint print(char *);\n\
             int f(int a, char *q)\n{{\n\tchar *p = malloc(8);\n\tint n = {};\n\n\
             \t*p = 1;\n\treturn n;\n}}\n",
            terms.join(" + ")
        );
        let options = Options {
            backend: Backend::Map,
            ..Options::default()
        };
        let plan = plan(
            Path::new("a.c"),
            source.as_bytes(),
            &Alone::default(),
            &options,
        );
        let mut kinds = plan.edits().iter().map(|edit| edit.kind);
        assert!(kinds.any(|kind| kind == EditKind::NullCheck));
    }
}
