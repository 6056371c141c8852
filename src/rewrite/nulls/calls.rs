//! What calls do: the allocator, functions of the kernel, functions of the program.

use super::cond::Split;
use super::eval::with;
use super::flow::{Flow, Source};
use super::known;
use super::lvalue::Lvalue;
use super::outcome::Summary;
use super::references;
use super::value::{Doubt, Fate, POS, SiteId, State, Value};
use crate::c::syntax::tree::{ExprId, ExprKind, Unary};
use crate::rewrite::family::Alloc;

/// What a call calls.
pub enum Callee {
    /// A function of the allocator.
    Family(Alloc),
    /// A function that the unit defines.
    Program(crate::c::syntax::tree::FunctionId, String),
    /// A function that is known by its name alone.
    Named(String),
    /// A pointer.
    Pointer,
}

/// The values of all arguments in one state.
type Args = Vec<(State, Vec<Value>)>;

impl Flow<'_> {
    /// What an expression that is called is.
    pub fn callee(&self, callee: ExprId) -> Callee {
        self.ctx.callee(callee)
    }

    /// Evaluates a call.
    pub fn call(
        &mut self,
        e: ExprId,
        callee: ExprId,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        match self.callee(callee) {
            Callee::Family(call) => self.family(e, call, args, st),
            Callee::Program(function, name) => {
                let summary = self.ctx.summary(function);
                self.program_call(e, &name, &summary, args, st)
            }
            Callee::Pointer => {
                let mut results = Vec::new();
                for st in self.effects(callee, vec![st]) {
                    results.extend(self.unknown_call("", args, st));
                }
                results
            }
            Callee::Named(name) => self.named_call(e, callee, &name, args, st),
        }
    }

    fn named_call(
        &mut self,
        e: ExprId,
        callee: ExprId,
        name: &str,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        if known::ends(name) {
            self.arguments(args, st);
            return Vec::new();
        }
        if known::is_argument(name) {
            return match args.first() {
                Some(&arg) => self.eval(arg, st),
                None => vec![(st, Value::unknown())],
            };
        }
        if name == references::SWAP {
            return self.swap(e, args, st);
        }
        if let Some((row, release)) = references::acquired(name) {
            return self.acquire(e, row.lends, release, args, st);
        }
        if let Some(gives) = references::released(name) {
            return self.give_back(name, &gives, args, st);
        }
        if known::copies(name) {
            return self.copy_memory(args, st);
        }
        if let Some(split) = self.condition_call(callee, args, &st) {
            let mut results = with(split.0, &Value::number(1));
            results.extend(with(split.1, &Value::number(0)));
            return results;
        }
        if let Some(facts) = self.ctx.facts.functions.get(name.as_bytes()) {
            let summary = Summary::from_facts(facts);
            return self.program_call(e, name, &summary, args, st);
        }
        if let Some(condition) = known::assertion(name) {
            return with(self.assertion(condition, args, st), &Value::unknown());
        }
        self.unknown_call(name, args, st)
    }

    /// An assertion that is only known by its name: its first argument holds, or does not; the
    /// others are not followed.
    fn assertion(&mut self, condition: known::Condition, args: &[ExprId], st: State) -> Vec<State> {
        let Some((&first, rest)) = args.split_first() else {
            return vec![st];
        };
        let split = self.cond(first, st);
        let mut states = match condition {
            known::Condition::Fails => split.1,
            _ => split.0,
        };
        for &arg in rest {
            states = self.effects(arg, states);
        }
        states
    }

    pub fn arguments(&mut self, args: &[ExprId], st: State) -> Args {
        let mut all = vec![(st, Vec::new())];
        for &arg in args {
            let mut next = Vec::new();
            for (st, values) in all {
                let results = match self.is_record(arg) {
                    true => self.passed(arg, st),
                    false => self.eval(arg, st),
                };
                for (st, value) in results {
                    let mut values: Vec<Value> = values.clone();
                    values.push(value);
                    next.push((st, values));
                }
            }
            let or = |a: &Vec<Value>, b: &Vec<Value>| {
                let both = a.iter().zip(b);
                both.map(|(a, b)| a.or(b)).collect()
            };
            all = self.together(next, or);
        }
        all
    }

    /// A call of the allocator, or of its replacement.
    fn family(
        &mut self,
        e: ExprId,
        call: Alloc,
        args: &[ExprId],
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
                    let followed = args.first().and_then(|&arg| self.follow(&first, st, arg));
                    let Some(next) = followed else { continue };
                    st = next;
                }
                _ => {}
            }
            let site = self.site(Some(e), String::new(), Source::Alloc(call));
            let (mut done, failed) = self.allocate(st, site);
            match call {
                Alloc::PosixMemalign => {
                    let place = args.first().and_then(|&arg| self.target(arg, &done));
                    self.sites[site as usize].silent = true;
                    self.sites[site as usize].through = place;
                    if let Some(place) = place {
                        self.store(None, &mut done, &Lvalue::sure(place), &Value::block(site));
                    }
                    results.push((done, Value::number(0)));
                    if let Some(mut failed) = failed {
                        if let Some(place) = place {
                            let old = failed.get(&mut self.places, place);
                            let kept = Value::failure(site).or(&old);
                            let lvalue = Lvalue::sure(place);
                            self.write(&mut failed, &lvalue, &kept);
                        }
                        results.push((failed, Value::signs(POS)));
                    }
                    continue;
                }
                // What it grew is gone; where it failed, the old block is still there.
                Alloc::Realloc | Alloc::Reallocarray => {
                    let moved = values.first().map(|v| self.after_retiring(v, site, &done));
                    self.release(&mut done, &moved.unwrap_or_else(Value::unknown));
                }
                _ => {}
            }
            results.push((done, Value::block(site)));
            if let Some(failed) = failed {
                results.push((failed, Value::failure(site)));
            }
        }
        results
    }

    /// A value that was read before the last allocation at `site`, as it is after it.
    fn after_retiring(&self, value: &Value, site: SiteId, st: &State) -> Value {
        let mut value = value.clone();
        let aged = super::value::old(site);
        if st.fates.contains_key(&aged) {
            for block in value.blocks.iter_mut().filter(|b| **b == site) {
                *block = aged;
            }
        }
        value
    }

    /// The block is freed, or what the kernel lent is given back.
    pub fn release(&mut self, st: &mut State, value: &Value) {
        match value.blocks[..] {
            [] => {}
            [site] if value.whole && value.addresses.is_empty() => {
                let several = st.is_several(site);
                let ours = st.fates.get(&site).is_none_or(Fate::is_ours);
                let fate = match several && ours {
                    true => Fate::Unknown(Doubt::OneOfSeveral),
                    false => Fate::Freed,
                };
                st.fates.insert(site, fate);
            }
            _ => {
                for &site in &value.blocks {
                    if st.fates.get(&site).is_some_and(Fate::is_ours) {
                        st.fates.insert(site, Fate::Unknown(Doubt::OneOfSeveral));
                    }
                }
            }
        }
    }

    /// Calls that are conditions: hints for the compiler, assertions.
    pub fn condition_call(&mut self, callee: ExprId, args: &[ExprId], st: &State) -> Option<Split> {
        let &first = args.first()?;
        let Callee::Named(name) = self.callee(callee) else {
            return None;
        };
        match known::condition(&name)? {
            known::Condition::Itself => Some(self.cond(first, st.clone())),
            known::Condition::Holds => Some((self.cond(first, st.clone()).0, Vec::new())),
            known::Condition::Fails => Some((Vec::new(), self.cond(first, st.clone()).1)),
        }
    }

    fn copy_memory(&mut self, args: &[ExprId], st: State) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        'states: for (mut st, values) in self.arguments(args, st) {
            for (&arg, value) in args.iter().zip(&values) {
                match self.follow(value, st, arg) {
                    Some(next) => st = next,
                    None => continue 'states,
                }
            }
            if let (Some(&to), Some(&from)) = (args.first(), args.get(1)) {
                let at = self.tree()[to].toks.start;
                let lvalue = |flow: &mut Self, arg: ExprId, value: &Value, st: &State| {
                    let place = flow.place(arg, st);
                    let lvalue = flow.pointee(value, place);
                    flow.whole_array(lvalue)
                };
                let source = lvalue(self, from, &values[1], &st);
                let target = lvalue(self, to, &values[0], &st);
                self.copy_places(&mut st, &source, &target, at);
            }
            let result = values.into_iter().next().unwrap_or_else(Value::unknown);
            results.push((st, result));
        }
        results
    }

    /// Of the first element of an array the array.
    fn whole_array(&self, lvalue: Lvalue) -> Lvalue {
        use super::place::{Index, Node};
        let Some(place) = lvalue.one() else {
            return lvalue;
        };
        match self.places.node(place) {
            &Node::Element(of, Index::Number(0)) => Lvalue::sure(of),
            _ => lvalue,
        }
    }

    /// A call of something that nothing is known of but its name.
    fn unknown_call(&mut self, name: &str, args: &[ExprId], st: State) -> Vec<(State, Value)> {
        let borrows = known::borrows(name);
        let doubt = Fate::Unknown(Doubt::Passed(name.to_owned()));
        let mut results = Vec::new();
        'states: for (mut st, values) in self.arguments(args, st) {
            for (index, (&arg, value)) in args.iter().zip(&values).enumerate() {
                if !known::tolerates_null(name, index) {
                    match self.follow(value, st, arg) {
                        Some(next) => st = next,
                        None => continue 'states,
                    }
                }
                if known::stores_copy(name) == Some(index) {
                    for &place in &value.addresses {
                        self.give_contents(&mut st, place, &Fate::Moved);
                    }
                } else if !borrows {
                    self.give(&mut st, value, &doubt);
                }
                if !known::reads_only(name) && value.leads() {
                    self.overwritten(&mut st, arg, value, borrows, &doubt);
                }
            }
            results.push((st, Value::unknown()));
        }
        results
    }

    /// What an argument leads to may hold something else after a call.
    pub fn overwritten(
        &mut self,
        st: &mut State,
        arg: ExprId,
        value: &Value,
        borrows: bool,
        doubt: &Fate,
    ) {
        // Of a structure the function has a copy.
        if self.is_record(arg) {
            return;
        }
        let place = self.place(arg, st);
        let lvalue = self.pointee(value, place);
        let lvalue = self.whole_array(lvalue);
        for &place in &lvalue.places {
            // A block that is only filled with bytes keeps what points to it.
            if borrows && self.places.block_of(place).is_some() {
                continue;
            }
            self.give_contents(st, place, doubt);
            st.forget(&self.places, place);
            if self.params && self.suffix_of(place).is_some() {
                st.wrote.insert(place);
            }
        }
    }
}

impl Flow<'_> {}

/// `(*free)` and `(&free)` call the function all the same.
pub fn called(tree: &crate::c::syntax::tree::Tree, callee: ExprId) -> ExprId {
    let mut at = tree.bare(callee);
    while let ExprKind::Unary(Unary::Deref | Unary::AddressOf, inner) = tree[at].kind {
        at = tree.bare(inner);
    }
    at
}
