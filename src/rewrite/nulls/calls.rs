//! What calls do: the allocator, helpers of the kernel, macros, functions of the program.

use std::rc::Rc;

use super::super::ast::{Expr, ExprKind, StmtKind};
use super::super::family::Alloc;
use super::cond::Split;
use super::eval::with;
use super::flow::{Flow, Source};
use super::known::{self, Known};
use super::mask::Shape;
use super::place;
use super::summary::{Outcome, Returned};
use super::value::{Fate, State, Value, ZERO};

/// The values of all arguments on one path.
type Args = Vec<(State, Vec<Value>)>;

impl Flow<'_> {
    /// Evaluates a call.
    pub fn call(
        &mut self,
        e: &Expr,
        callee: &Expr,
        parenthesised: bool,
        args: &[Expr],
        st: State,
    ) -> Vec<(State, Value)> {
        let callee = match &callee.kind {
            // `(*free)(p)` and `(&free)(p)` call the function all the same.
            ExprKind::Deref(inner) | ExprKind::AddressOf(inner) if parenthesised => inner,
            _ => callee,
        };
        let ExprKind::Name(name) = &callee.kind else {
            let states = self.effects(callee, vec![st]);
            let mut results = Vec::new();
            for st in states {
                results.extend(self.unknown_call("", args, st));
            }
            return results;
        };
        let file = self.file_here();
        if let Some(call) = self
            .ctx
            .files
            .call(file, callee.span.start, name.as_bytes())
        {
            return self.family(e, callee, call, args, st);
        }
        if let Some(results) = self.macro_call(e, name, args, &st) {
            return results;
        }
        if !self.locals.contains(name) && self.ctx.is_idle(name) && self.holds_nothing(args, &st) {
            return self.unknown_call(name, args, st);
        }
        if !self.locals.contains(name)
            && let Some(summary) = self.ctx.summary(name)
        {
            return self.program_call(e, name, &summary.outcomes, &summary.uses, args, st);
        }
        if let Some(known) = known::find(name) {
            return self.known_call(e, known, args, st);
        }
        if let Some(split) = self.condition_call(e, name, args, &st) {
            let mut results = with(split.0, &Value::number(1));
            results.extend(with(split.1, &Value::number(0)));
            return results;
        }
        if !self.locals.contains(name)
            && let Some(facts) = self.ctx.facts.functions.get(name.as_bytes())
        {
            let (outcomes, uses) = super::summary::from_facts(facts);
            return self.program_call(e, name, &outcomes, &uses, args, st);
        }
        if let Some(condition) = known::assertion(name) {
            return with(self.assertion(condition, args, st), &Value::unknown());
        }
        if parenthesised && args.len() == 1 {
            // `(T)(e)`: only a compiler that knows all types can tell it from a call.
            return self.eval(&args[0], st);
        }
        self.unknown_call(name, args, st)
    }

    /// Whether the path holds no block and no reference, nor gets one from the arguments. What a
    /// function does with its arguments need not be found out then.
    fn holds_nothing(&self, args: &[Expr], st: &State) -> bool {
        let plain = |arg: &Expr| {
            let mut plain = true;
            place::walk_expr(arg, &mut |e| {
                plain &= match &e.kind {
                    ExprKind::Call { .. } => false,
                    ExprKind::Name(name) => self.ctx.macros.get(name.as_bytes()).is_none(),
                    _ => true,
                }
            });
            plain
        };
        self.frame.is_none()
            && st.fates.is_empty()
            && !st.env.values().any(Value::is_tracked)
            && args.iter().all(plain)
    }

    /// An assertion that is only known by its name: its first argument holds, or does not; the
    /// others are not followed.
    fn assertion(&mut self, condition: known::Condition, args: &[Expr], st: State) -> Vec<State> {
        let Some((first, rest)) = args.split_first() else {
            return vec![st];
        };
        let split = self.cond(first, st);
        let mut states = match condition {
            known::Condition::Fails => split.1,
            _ => split.0,
        };
        for arg in rest {
            states = self.effects(arg, states);
        }
        states
    }

    fn arguments(&mut self, args: &[Expr], st: State) -> Args {
        let mut all = vec![(st, Vec::new())];
        for arg in args {
            let mut next = Vec::new();
            for (st, values) in all {
                for (st, value) in self.eval(arg, st) {
                    let mut values = values.clone();
                    values.push(value);
                    next.push((st, values));
                }
            }
            all = next;
        }
        all
    }

    /// A call of the allocator, or of its replacement.
    fn family(
        &mut self,
        e: &Expr,
        callee: &Expr,
        call: Alloc,
        args: &[Expr],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (mut st, values) in self.arguments(args, st) {
            let first = values.first().cloned().unwrap_or_else(Value::unknown);
            match call {
                Alloc::Free => {
                    self.release(&mut st, &first);
                    results.push((st, Value::unknown()));
                    continue;
                }
                Alloc::UsableSize => {
                    results.push((st, Value::unknown()));
                    continue;
                }
                Alloc::Strdup | Alloc::Strndup => {
                    let Some(next) = args.first().and_then(|arg| self.follow(&first, st, arg))
                    else {
                        continue;
                    };
                    st = next;
                }
                _ => {}
            }
            let site = self.site(e.span, callee.span.start, Source::Alloc(call));
            let (mut done, failed) = self.allocate(st, site);
            match call {
                Alloc::PosixMemalign => {
                    let through = args.first().and_then(|arg| self.target(arg, &done));
                    if let Some(path) = &through {
                        done.assign(path, Value::block(site));
                        self.sites[site as usize].through = self.name_of(path, &done);
                    }
                    results.push((done, Value::number(0)));
                    if let Some(mut failed) = failed {
                        if let Some(path) = &through {
                            failed.assign(path, Value::failure(site));
                        }
                        results.push((failed, Value::signs(super::value::POS)));
                    }
                    continue;
                }
                // What it grew is gone; where it failed, the old block is still there.
                Alloc::Realloc | Alloc::Reallocarray => self.release(&mut done, &first),
                _ => {}
            }
            results.push((done, Value::block(site)));
            if let Some(failed) = failed {
                results.push((failed, Value::failure(site)));
            }
        }
        results
    }

    fn release(&self, st: &mut State, value: &Value) {
        match value.blocks[..] {
            [site] if value.whole => {
                st.fates.insert(site, Fate::Freed);
            }
            _ => self.escape(st, value),
        }
    }

    /// The use of a function-like macro, followed into its body.
    fn macro_call(
        &mut self,
        e: &Expr,
        name: &str,
        args: &[Expr],
        st: &State,
    ) -> Option<Vec<(State, Value)>> {
        let found = self.ctx.macros.get(name.as_bytes())?;
        let params = found.params.as_ref()?;
        let tree = self.ctx.macros.tree(self.ctx.files, name.as_bytes())?;
        let mut bound: Vec<(String, Rc<Expr>)> = params
            .iter()
            .zip(args)
            .map(|(param, arg)| (param.clone(), Rc::new(arg.clone())))
            .collect();
        if args.len() > params.len()
            && let Some((_, last)) = bound.last_mut()
        {
            let rest = Expr {
                span: e.span,
                kind: ExprKind::Opaque(args[params.len() - 1..].to_vec()),
            };
            *last = Rc::new(rest);
        }
        let shape = found.shape;
        let frame = self.enter(name, bound, e.span)?;
        let StmtKind::Block(list) = &tree.kind else {
            return None;
        };
        Some(self.within(Some(frame), |flow| {
            match (shape, list.first().map(|stmt| &stmt.kind)) {
                (Shape::Expression, Some(StmtKind::Expr(body))) => flow.eval(body, st.clone()),
                _ => with(flow.exec(&tree, vec![st.clone()]), &Value::unknown()),
            }
        }))
    }

    /// Calls that are conditions: hints for the compiler, assertions.
    pub fn condition_call(
        &mut self,
        e: &Expr,
        name: &str,
        args: &[Expr],
        st: &State,
    ) -> Option<Split> {
        if self.ctx.macros.get(name.as_bytes()).is_some() {
            return self.macro_condition(e, name, args, st);
        }
        let first = args.first()?;
        match known::condition(name)? {
            known::Condition::Itself => Some(self.cond(first, st.clone())),
            known::Condition::Holds => Some((self.cond(first, st.clone()).0, Vec::new())),
            known::Condition::Fails => Some((Vec::new(), self.cond(first, st.clone()).1)),
        }
    }

    /// A macro that is an expression, as a condition: what it asks of its arguments counts.
    fn macro_condition(
        &mut self,
        e: &Expr,
        name: &str,
        args: &[Expr],
        st: &State,
    ) -> Option<Split> {
        let found = self.ctx.macros.get(name.as_bytes())?;
        if found.shape != Shape::Expression {
            return None;
        }
        let params = found.params.as_ref()?;
        let bound = params
            .iter()
            .zip(args)
            .map(|(param, arg)| (param.clone(), Rc::new(arg.clone())))
            .collect();
        let tree = self.ctx.macros.tree(self.ctx.files, name.as_bytes())?;
        let StmtKind::Block(list) = &tree.kind else {
            return None;
        };
        let StmtKind::Expr(body) = &list.first()?.kind else {
            return None;
        };
        let frame = self.enter(name, bound, e.span)?;
        Some(self.within(Some(frame), |flow| flow.cond(body, st.clone())))
    }

    fn known_call(
        &mut self,
        e: &Expr,
        known: Known,
        args: &[Expr],
        st: State,
    ) -> Vec<(State, Value)> {
        match known {
            Known::NoReturn => {
                self.arguments(args, st);
                Vec::new()
            }
            Known::Value => match args.first() {
                Some(arg) => self.eval(arg, st),
                None => vec![(st, Value::unknown())],
            },
            Known::Store => {
                let [left, right, ..] = args else {
                    return vec![(st, Value::unknown())];
                };
                let assign = Expr {
                    span: e.span,
                    kind: ExprKind::Assign(false, Box::new(left.clone()), Box::new(right.clone())),
                };
                self.eval(&assign, st)
            }
            Known::Acquire(release) => {
                let mut results = Vec::new();
                for (st, _) in self.arguments(args, st) {
                    let site = self.site(e.span, "", Source::Kernel(release));
                    let (done, failed) = self.allocate(st, site);
                    results.push((done, Value::block(site)));
                    let failed = failed.into_iter().map(|st| (st, Value::number(0)));
                    results.extend(failed);
                }
                results
            }
            Known::Enter(release) => {
                let mut results = Vec::new();
                for (mut st, _) in self.arguments(args, st) {
                    let site = self.site(e.span, "", Source::Kernel(release));
                    st.retire(site);
                    st.fates.insert(site, Fate::Owned);
                    st.put(release, Value::block(site));
                    results.push((st, Value::unknown()));
                }
                results
            }
            Known::Release(key) => {
                let mut results = Vec::new();
                for (mut st, values) in self.arguments(args, st) {
                    let held = match key {
                        Some(key) => st.get(key),
                        None => values.first().cloned().unwrap_or_else(Value::unknown),
                    };
                    self.release(&mut st, &held);
                    if let Some(key) = key {
                        st.forget(key);
                    }
                    results.push((st, Value::unknown()));
                }
                results
            }
        }
    }

    /// A call of something that nothing is known of but its name.
    fn unknown_call(&mut self, name: &str, args: &[Expr], st: State) -> Vec<(State, Value)> {
        let borrows = known::borrows(name);
        let mut results = Vec::new();
        'paths: for (mut st, values) in self.arguments(args, st) {
            for (index, (arg, value)) in args.iter().zip(&values).enumerate() {
                if !known::tolerates_null(name, index) {
                    match self.follow(value, st, arg) {
                        Some(next) => st = next,
                        None => continue 'paths,
                    }
                }
                if !borrows {
                    self.escape(&mut st, value);
                }
                if let ExprKind::AddressOf(_) = &strip(arg).kind
                    && !known::reads_only(name)
                    && let Some(path) = self.target(arg, &st)
                {
                    let old = st.get(&path);
                    self.escape(&mut st, &old);
                    self.escape_below(&mut st, &path);
                    st.forget(&path);
                }
            }
            results.push((st, Value::unknown()));
        }
        results
    }

    /// All blocks in members of `path` may be known to others from now on.
    fn escape_below(&self, st: &mut State, path: &str) {
        let below: Vec<Value> = st
            .env
            .iter()
            .filter(|(known, _)| super::value::mentions(known, path))
            .map(|(_, value)| value.clone())
            .collect();
        for value in below {
            self.escape(st, &value);
        }
    }

    /// A call of a function of the program.
    fn program_call(
        &mut self,
        e: &Expr,
        name: &str,
        outcomes: &[Outcome],
        uses: &[bool],
        args: &[Expr],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        'paths: for (mut st, values) in self.arguments(args, st) {
            for (index, (arg, value)) in args.iter().zip(&values).enumerate() {
                if uses.get(index).copied().unwrap_or(true) {
                    match self.follow(value, st, arg) {
                        Some(next) => st = next,
                        None => continue 'paths,
                    }
                }
            }
            for outcome in outcomes {
                results.extend(self.outcome(e, name, outcome, args, &values, st.clone()));
            }
        }
        results
    }

    fn outcome(
        &mut self,
        e: &Expr,
        name: &str,
        outcome: &Outcome,
        args: &[Expr],
        values: &[Value],
        mut st: State,
    ) -> Option<(State, Value)> {
        let mut values = values.to_vec();
        for (index, effect) in outcome.params.iter().enumerate() {
            let (Some(arg), Some(value)) = (args.get(index), values.get_mut(index)) else {
                continue;
            };
            let path = self.path(arg, &st);
            st = super::cond::assume(st, path.as_deref(), value, effect.signs)?;
            *value = value.narrowed(effect.signs);
            match effect.fate {
                Some(Fate::Freed) => self.release(&mut st, value),
                Some(Fate::Escaped) => self.escape(&mut st, value),
                _ => {}
            }
        }
        for (param, suffix, returned) in &outcome.outs {
            let path = args
                .get(*param)
                .and_then(|arg| self.target(arg, &st))
                .map(|target| format!("{target}{suffix}"));
            let part = format!("{param}{suffix}");
            let (next, value) = self.returned(e, name, &part, returned, &values, st)?;
            st = next;
            let Some(path) = path else { continue };
            for &site in value.blocks.iter().chain(&value.failed) {
                self.sites[site as usize].through = self.name_of(&path, &st);
            }
            st.assign(&path, value);
        }
        self.returned(e, name, "", &outcome.returned, &values, st)
    }

    /// What a function of the program returns, or stores through a parameter.
    fn returned(
        &mut self,
        e: &Expr,
        name: &str,
        part: &str,
        returned: &Returned,
        values: &[Value],
        st: State,
    ) -> Option<(State, Value)> {
        match returned {
            Returned::Fresh | Returned::Failed => {
                let site = self.site(e.span, part, Source::Function(name.to_owned()));
                let (done, failed) = self.allocate(st, site);
                if *returned == Returned::Fresh {
                    Some((done, Value::block(site)))
                } else {
                    Some((failed?, Value::failure(site)))
                }
            }
            Returned::Argument(index) => {
                let value = values.get(*index).cloned().unwrap_or_else(Value::unknown);
                Some((st, value))
            }
            Returned::Plain(signs, exact) => {
                let mut value = Value::signs(*signs);
                value.exact = *exact;
                value.whole &= value.signs == ZERO;
                Some((st, value))
            }
        }
    }
}

fn strip(e: &Expr) -> &Expr {
    match &e.kind {
        ExprKind::Cast(inner) => strip(inner),
        _ => e,
    }
}
