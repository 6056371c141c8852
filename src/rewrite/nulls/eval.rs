//! What expressions do: values, conditions, and uses of pointers that may be NULL.

use std::rc::Rc;

use super::super::ast::{Expr, ExprKind, StmtKind};
use super::flow::{Flow, Frame};
use super::value::{ANY, Fate, NEG, POS, State, Value, ZERO};

/// How deep macros are followed into macros.
const MACRO_DEPTH: usize = 10;

impl Flow<'_> {
    /// Evaluates an expression on one path; each result is a path of its own.
    pub fn eval(&mut self, e: &Expr, st: State) -> Vec<(State, Value)> {
        if !self.burn(&st) {
            return Vec::new();
        }
        match &e.kind {
            ExprKind::Number(value) => {
                let value = value.map_or(Value::signs(ANY), Value::number);
                vec![(st, value)]
            }
            ExprKind::Text => vec![(st, Value::signs(POS))],
            ExprKind::Unevaluated(_) => vec![(st, Value::unknown())],
            ExprKind::Name(name) => self.name(name, st),
            ExprKind::Unary(b'!', _) => self.truth(e, st),
            ExprKind::Unary(op, inner) => self.unary(*op, inner, st),
            ExprKind::Binary("&&" | "||" | "==" | "!=" | "<" | ">" | "<=" | ">=", ..) => {
                self.truth(e, st)
            }
            ExprKind::Binary(op, left, right) => self.arithmetic(op, left, right, st),
            ExprKind::Deref(_) | ExprKind::Member(..) | ExprKind::Index(..) => {
                let mut results = Vec::new();
                for st in self.reach(e, st) {
                    let value = match self.path(e, &st) {
                        Some(path) => st.get(&path),
                        None => Value::unknown(),
                    };
                    results.push((st, value));
                }
                results
            }
            ExprKind::AddressOf(inner) => self.address(inner, st),
            ExprKind::Update(inner) => {
                let mut results = Vec::new();
                for (st, value) in self.eval(inner, st) {
                    let Some(mut st) = self.follow(&value, st, e) else {
                        continue;
                    };
                    let moved = if value.is_tracked() {
                        value.inside()
                    } else {
                        Value::unknown()
                    };
                    if let Some(path) = self.path(inner, &st) {
                        st.assign(&path, moved.clone());
                    }
                    results.push((st, moved));
                }
                results
            }
            ExprKind::Assign(compound, left, right) => self.assignment(*compound, left, right, st),
            ExprKind::Conditional(cond, then, otherwise) => {
                let (yes, no) = self.cond(cond, st);
                let mut results = Vec::new();
                for st in yes {
                    match then {
                        Some(then) => results.extend(self.eval(then, st)),
                        None => {
                            let value = self.path(cond, &st).map(|path| st.get(&path));
                            results.push((st, value.unwrap_or_else(|| Value::signs(ANY & !ZERO))));
                        }
                    }
                }
                for st in no {
                    results.extend(self.eval(otherwise, st));
                }
                results
            }
            ExprKind::Comma(left, right) => {
                let states = self.effects(left, vec![st]);
                self.each(right, states)
            }
            ExprKind::Cast(inner) => self.eval(inner, st),
            ExprKind::List(parts) => {
                let mut states = vec![st];
                for (_, part) in parts {
                    let values = self.each(part, states);
                    states = values
                        .into_iter()
                        .map(|(mut st, value)| {
                            // Where a compound literal goes is not followed.
                            self.escape(&mut st, &value);
                            st
                        })
                        .collect();
                }
                with(states, &Value::unknown())
            }
            ExprKind::Block(block) => self.block_value(block, st),
            ExprKind::Opaque(parts) => {
                let mut states = vec![st];
                for part in parts {
                    states = self.effects(part, states);
                }
                with(states, &Value::unknown())
            }
            ExprKind::Call {
                callee,
                parenthesised,
                args,
            } => self.call(e, callee, *parenthesised, args, st),
        }
    }

    /// Evaluates on several paths.
    pub fn each(&mut self, e: &Expr, states: Vec<State>) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for st in states {
            results.extend(self.eval(e, st));
        }
        results
    }

    /// Evaluates for the effects alone.
    pub fn effects(&mut self, e: &Expr, states: Vec<State>) -> Vec<State> {
        let results = self.each(e, states);
        self.merge(results.into_iter().map(|(st, _)| st).collect())
    }

    fn name(&mut self, name: &str, st: State) -> Vec<(State, Value)> {
        if let Some((frame, arg)) = self.argument(name) {
            return self.within(frame, |flow| flow.eval(&arg, st));
        }
        if let Some((frame, body)) = self.object_macro(name) {
            return self.within(Some(frame), |flow| flow.eval(&body, st));
        }
        let value = match name {
            "NULL" | "nullptr" | "false" => Value::number(0),
            "true" => Value::number(1),
            _ => st.get(name),
        };
        vec![(st, value)]
    }

    /// The argument that a parameter of the current macro stands for, and where it is evaluated.
    pub fn argument(&self, name: &str) -> Option<(Option<Rc<Frame>>, Rc<Expr>)> {
        let frame = self.frame.as_ref()?;
        let (_, arg) = frame.args.iter().find(|(param, _)| param == name)?;
        Some((frame.parent.clone(), arg.clone()))
    }

    /// The body of an object-like macro that is an expression.
    pub fn object_macro(&self, name: &str) -> Option<(Rc<Frame>, Rc<Expr>)> {
        let found = self.ctx.macros.get(name.as_bytes())?;
        if found.params.is_some() {
            return None;
        }
        let frame = self.enter(name, Vec::new(), self.here)?;
        let tree = self.ctx.macros.tree(self.ctx.files, name.as_bytes())?;
        let StmtKind::Block(list) = &tree.kind else {
            return None;
        };
        match &list.first()?.kind {
            StmtKind::Expr(e) => Some((frame, Rc::new(e.clone()))),
            _ => None,
        }
    }

    /// A frame for the use of a macro; none where macros nest too deep or call themselves.
    pub fn enter(
        &self,
        name: &str,
        args: Vec<(String, Rc<Expr>)>,
        span: crate::c::Span,
    ) -> Option<Rc<Frame>> {
        let mut depth = 0;
        let mut outer = self.frame.as_ref();
        while let Some(frame) = outer {
            depth += 1;
            if frame.name == name || depth > MACRO_DEPTH {
                return None;
            }
            outer = frame.parent.as_ref();
        }
        let span = self.frame.as_ref().map_or(span, |frame| frame.span);
        Some(Rc::new(Frame {
            name: name.to_owned(),
            args,
            parent: self.frame.clone(),
            file: self.ctx.macros.get(name.as_bytes())?.file,
            span,
        }))
    }

    /// Runs `work` in another frame.
    pub fn within<T>(&mut self, frame: Option<Rc<Frame>>, work: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.frame, frame);
        let result = work(self);
        self.frame = outer;
        result
    }

    fn truth(&mut self, e: &Expr, st: State) -> Vec<(State, Value)> {
        let (yes, no) = self.cond(e, st);
        let mut results = with(yes, &Value::number(1));
        results.extend(with(no, &Value::number(0)));
        results
    }

    fn unary(&mut self, op: u8, inner: &Expr, st: State) -> Vec<(State, Value)> {
        // `-ENOMEM` and the like: error numbers are positive.
        let error_number = matches!(&inner.kind, ExprKind::Name(name)
            if name.len() > 2 && name.starts_with('E') && !name.bytes().any(|b| b.is_ascii_lowercase()));
        let results = self.eval(inner, st);
        let negated = |value: Value| match value.exact {
            Some(number) => Value::number(number.wrapping_neg()),
            None if error_number => Value::signs(NEG),
            None => {
                let swapped =
                    value.signs & ZERO | (value.signs & NEG) << 2 | (value.signs & POS) >> 2;
                Value::signs(swapped)
            }
        };
        results
            .into_iter()
            .map(|(st, value)| match op {
                b'-' => (st, negated(value)),
                b'+' => (st, value),
                _ => (st, Value::unknown()),
            })
            .collect()
    }

    fn arithmetic(
        &mut self,
        op: &str,
        left: &Expr,
        right: &Expr,
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
                let value = match (a.is_tracked(), b.is_tracked()) {
                    (true, false) if matches!(op, "+" | "-") => a.inside(),
                    (false, true) if op == "+" => b.inside(),
                    _ => Value::unknown(),
                };
                results.push((st, value));
            }
        }
        results
    }

    /// Evaluates what an lvalue needs before it can be read or written: the pointers on its way.
    pub fn reach(&mut self, e: &Expr, st: State) -> Vec<State> {
        match &e.kind {
            ExprKind::Deref(base) | ExprKind::Member(base, true, _) => {
                let mut states = Vec::new();
                for (st, value) in self.eval(base, st) {
                    states.extend(self.follow(&value, st, e));
                }
                states
            }
            ExprKind::Member(base, false, _) => self.reach(base, st),
            ExprKind::Index(base, index) => {
                let mut states = Vec::new();
                for (st, value) in self.eval(base, st) {
                    for st in self.effects(index, vec![st]) {
                        states.extend(self.follow(&value, st, e));
                    }
                }
                states
            }
            ExprKind::Name(name) => match self.argument(name) {
                Some((frame, arg)) => self.within(frame, |flow| flow.reach(&arg, st)),
                None => vec![st],
            },
            ExprKind::Cast(inner) => self.reach(inner, st),
            _ => self.effects(e, vec![st]),
        }
    }

    fn address(&mut self, inner: &Expr, st: State) -> Vec<(State, Value)> {
        match &inner.kind {
            ExprKind::Deref(pointer) => self.eval(pointer, st),
            ExprKind::Member(base, true, _) | ExprKind::Index(base, _) => {
                let mut results = Vec::new();
                let states = match &inner.kind {
                    ExprKind::Index(_, index) => self.effects(index, vec![st]),
                    _ => vec![st],
                };
                for (st, value) in self.each(base, states) {
                    let Some(st) = self.follow(&value, st, inner) else {
                        continue;
                    };
                    let inside = Value {
                        signs: POS,
                        exact: None,
                        ..value.inside()
                    };
                    results.push((st, inside));
                }
                results
            }
            _ => with(self.reach(inner, st), &Value::signs(POS)),
        }
    }

    fn assignment(
        &mut self,
        compound: bool,
        left: &Expr,
        right: &Expr,
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (st, mut value) in self.eval(right, st) {
            for st in self.reach(left, st) {
                let mut st = st;
                if compound {
                    let old = self.path(left, &st).map(|p| st.get(&p));
                    let old = old.unwrap_or_else(Value::unknown);
                    match self.follow(&old, st, left) {
                        Some(next) => st = next,
                        None => continue,
                    }
                    value = if old.is_tracked() {
                        old.inside()
                    } else {
                        Value::unknown()
                    };
                }
                self.store(left, &mut st, &value);
                results.push((st, value.clone()));
            }
        }
        results
    }

    /// Notes that `left` now holds `value`.
    pub fn store(&mut self, left: &Expr, st: &mut State, value: &Value) {
        let Some(path) = self.path(left, st) else {
            self.escape(st, value);
            return;
        };
        self.note_store(left, &path, st, value);
        if !self.keeps_ownership(&path, st) {
            self.escape(st, value);
        }
        st.assign(&path, value.clone());
    }

    /// Whether a block stored at this path is still only known to this function.
    fn keeps_ownership(&self, path: &str, st: &State) -> bool {
        let root: String = path
            .chars()
            .take_while(|c| !matches!(c, '[' | '.'))
            .collect();
        if let Some(site) = root.strip_prefix('#') {
            let site = site.parse().unwrap_or(u32::MAX);
            return !self.is_param(site) && st.fates.get(&site) == Some(&Fate::Owned);
        }
        self.locals.contains(&root) && (path == root || self.is_aggregate(&root, path))
    }

    /// A member of a local structure, not something behind a pointer.
    fn is_aggregate(&self, root: &str, path: &str) -> bool {
        let rest = &path[root.len()..];
        if self.arrays.contains(root) {
            rest.find(']')
                .is_none_or(|close| !rest[close..].contains('['))
        } else {
            rest.starts_with('.') && !rest.contains('[')
        }
    }

    /// Others may hold these blocks from now on, and all that can be reached from them.
    pub fn escape(&self, st: &mut State, value: &Value) {
        let mut work = value.blocks.clone();
        while let Some(site) = work.pop() {
            if !matches!(st.fates.get(&site), Some(Fate::Owned | Fate::Perhaps)) {
                continue;
            }
            st.fates.insert(site, Fate::Escaped);
            let root = format!("#{site}[");
            for (path, value) in &st.env {
                if path.starts_with(&root) {
                    work.extend(&value.blocks);
                }
            }
        }
    }
}

/// The same value on several paths.
pub fn with(states: Vec<State>, value: &Value) -> Vec<(State, Value)> {
    states.into_iter().map(|st| (st, value.clone())).collect()
}
