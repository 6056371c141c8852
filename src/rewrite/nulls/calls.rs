//! What calls do: the allocator, functions of the kernel, functions of the program.

use super::cond::Split;
use super::eval::with;
use super::flow::{Flow, Lent, Source};
use super::known;
use super::lvalue::Lvalue;
use super::references::{self, GivesBack, Lends};
use super::summary::{Given, Outcome, Returned, Summary};
use super::value::{ANY, Doubt, Fate, POS, SiteId, State, Value, ZERO};
use crate::c::syntax::tree::{ExprId, ExprKind, Unary};
use crate::c::types::{EntityId, Type};
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

    fn arguments(&mut self, args: &[ExprId], st: State) -> Args {
        let mut all = vec![(st, Vec::new())];
        for &arg in args {
            let mut next = Vec::new();
            for (st, values) in all {
                for (st, value) in self.eval(arg, st) {
                    let mut values: Vec<Value> = values.clone();
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
                let several = super::value::is_old(site);
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

    /// A function of the kernel hands out something that must be given back.
    fn acquire(
        &mut self,
        e: ExprId,
        lends: Lends,
        release: String,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        let object = match lends {
            Lends::Object(at) | Lends::Held(at) | Lends::HeldIfZero(at) => args.get(at).copied(),
            Lends::Pointer | Lends::Section => None,
        };
        for (mut st, _) in self.arguments(args, st) {
            let lent = self.lent(lends, &release, object, args);
            let part = match lends {
                Lends::Pointer => "kernel".to_owned(),
                // Sections and objects are told apart by what gives them back.
                _ => format!("kernel {}", lent.release),
            };
            let site = self.site(Some(e), part, Source::Kernel(lent));
            let place = object.and_then(|object| self.target(object, &st));
            self.sites[site as usize].through = place;
            if lends == Lends::Pointer {
                let (done, failed) = self.allocate(st, site);
                results.push((done, Value::block(site)));
                let failed = failed.into_iter().map(|st| (st, Value::number(0)));
                results.extend(failed);
                continue;
            }
            let before = st.clone();
            st.retire(&mut self.places, site);
            st.fates.insert(site, Fate::Owned);
            match lends {
                Lends::HeldIfZero(_) => {
                    results.push((st, Value::number(0)));
                    results.push((before, Value::signs(ANY & !ZERO)));
                }
                _ => results.push((st, Value::unknown())),
            }
        }
        results
    }

    /// What gives back, as it is written where `args` handed it out.
    fn lent(&self, lends: Lends, release: &str, object: Option<ExprId>, args: &[ExprId]) -> Lent {
        let text = |e: ExprId| self.is_stable(e).then(|| self.ctx.written(e)).flatten();
        let mut release = release.to_owned();
        if release.contains("&1") {
            let second = args.get(1).and_then(|&arg| text(arg));
            release = release.replace("&1", &second.unwrap_or_else(|| "0".into()));
        }
        if lends == Lends::Pointer {
            release = self.ctx.release_name(&release);
        }
        Lent {
            release,
            pointer: lends == Lends::Pointer,
            object: object.and_then(text),
        }
    }

    /// `bpf_kptr_xchg`: what was stored comes out, what is stored is gone.
    fn swap(&mut self, e: ExprId, args: &[ExprId], st: State) -> Vec<(State, Value)> {
        let tag = self.ctx.tag_of_stored(e, args);
        let release = self.ctx.release_name(references::stored(&tag));
        let mut results = Vec::new();
        for (mut st, values) in self.arguments(args, st) {
            if let Some(stored) = values.get(1) {
                self.give(&mut st, &stored.clone(), &Fate::Moved);
            }
            let lent = Lent {
                release: release.clone(),
                pointer: true,
                object: None,
            };
            let site = self.site(Some(e), "kernel".into(), Source::Kernel(lent));
            let (done, failed) = self.allocate(st, site);
            results.push((done, Value::block(site)));
            let failed = failed.into_iter().map(|st| (st, Value::number(0)));
            results.extend(failed);
        }
        results
    }

    fn give_back(
        &mut self,
        name: &str,
        gives: &GivesBack,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        for (mut st, values) in self.arguments(args, st) {
            match gives {
                GivesBack::Pointer(at) => {
                    let value = values.get(*at).cloned().unwrap_or_else(Value::unknown);
                    self.release(&mut st, &value);
                }
                GivesBack::Object(at, _) => {
                    let place = args.get(*at).and_then(|&arg| self.target(arg, &st));
                    self.left(&mut st, name, place);
                }
                GivesBack::Section(_) => self.left(&mut st, name, None),
            }
            results.push((st, Value::unknown()));
        }
        results
    }

    /// A section is left, or an object given back, by a call of this function.
    pub fn left(&mut self, st: &mut State, name: &str, place: Option<super::place::PlaceId>) {
        let held: Vec<SiteId> = st
            .fates
            .iter()
            .filter(|(_, fate)| fate.is_ours())
            .map(|(&site, _)| site)
            .filter(|&site| {
                let info = self.sites.get(super::value::origin(site) as usize);
                info.is_some_and(|info| match &info.source {
                    Source::Kernel(lent) if !lent.pointer => {
                        let by = references::released(name);
                        gives_back(&by, &lent.release)
                            && (place.is_none() || info.through.is_none() || info.through == place)
                    }
                    _ => false,
                })
            })
            .collect();
        match held[..] {
            [] => {
                if self.params {
                    st.left.insert((name.to_owned(), place));
                }
            }
            [site] => {
                st.fates.insert(site, Fate::Freed);
            }
            // Sections nest: the one entered last is left.
            [.., last] if place.is_none() => {
                st.fates.insert(last, Fate::Freed);
            }
            _ => {
                for site in held {
                    st.fates.insert(site, Fate::Unknown(Doubt::OneOfSeveral));
                }
            }
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
    fn overwritten(
        &mut self,
        st: &mut State,
        arg: ExprId,
        value: &Value,
        borrows: bool,
        doubt: &Fate,
    ) {
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

    /// A variable with the `cleanup` attribute goes out of scope.
    pub fn clean_up(&mut self, variable: EntityId, states: Vec<State>) -> Vec<State> {
        let Some(name) = self.ctx.cleanup(variable) else {
            return states;
        };
        let Some(place) = self.variable(variable) else {
            return states;
        };
        let argument = Value::address(place);
        let mut rest = Vec::new();
        for mut st in states {
            if let Some(GivesBack::Object(..)) = references::released(&name) {
                self.left(&mut st, &name, Some(place));
                rest.push(st);
                continue;
            }
            let summary = self.ctx.function_named(&name).map(|f| self.ctx.summary(f));
            match summary {
                Some(summary) => {
                    for outcome in &summary.outcomes {
                        let values = [argument.clone()];
                        let done = self.outcome(None, &name, outcome, &[], &values, st.clone());
                        rest.extend(done.map(|(st, _)| st));
                    }
                }
                None => {
                    let doubt = Fate::Unknown(Doubt::Passed(name.clone()));
                    self.give_contents(&mut st, place, &doubt);
                    rest.push(st);
                }
            }
        }
        rest
    }

    /// A call of a function of the program.
    fn program_call(
        &mut self,
        e: ExprId,
        name: &str,
        summary: &Summary,
        args: &[ExprId],
        st: State,
    ) -> Vec<(State, Value)> {
        let mut results = Vec::new();
        'states: for (mut st, values) in self.arguments(args, st) {
            for (index, (&arg, value)) in args.iter().zip(&values).enumerate() {
                let used = summary.uses.get(index).copied();
                if used.unwrap_or(summary.uses.is_empty()) {
                    match self.follow(value, st, arg) {
                        Some(next) => st = next,
                        None => continue 'states,
                    }
                }
                // More arguments than are followed.
                if index >= summary.uses.len() || self.is_passed_record(arg) {
                    let doubt = Fate::Unknown(Doubt::Passed(name.to_owned()));
                    self.give(&mut st, value, &doubt);
                    if let Some(place) = self.place(arg, &st).filter(|_| self.is_passed_record(arg))
                    {
                        self.give_contents(&mut st, place, &doubt);
                    }
                }
            }
            for outcome in &summary.outcomes {
                let done = self.outcome(Some(e), name, outcome, args, &values, st.clone());
                results.extend(done);
            }
        }
        results
    }

    fn is_passed_record(&self, arg: ExprId) -> bool {
        matches!(self.model()[self.model().type_of(arg)], Type::Record(_))
    }

    /// One way a function can end.
    fn outcome(
        &mut self,
        e: Option<ExprId>,
        name: &str,
        outcome: &Outcome,
        args: &[ExprId],
        values: &[Value],
        mut st: State,
    ) -> Option<(State, Value)> {
        let mut values = values.to_vec();
        let doubted = |fate: &Fate| match fate {
            Fate::Unknown(_) => Fate::Unknown(Doubt::Passed(name.to_owned())),
            fate => fate.clone(),
        };
        // Where the steps from a parameter lead before anything is changed.
        let lead = |flow: &mut Self, st: &State, values: &[Value], given: &Given| {
            let place = args.get(given.param).and_then(|&arg| flow.place(arg, st));
            let value = values.get(given.param)?;
            flow.follow_suffix(st, value, place, &given.suffix)
        };
        for (index, effect) in outcome.params.iter().enumerate() {
            let Some(value) = values.get_mut(index) else {
                continue;
            };
            let place = args.get(index).and_then(|&arg| self.place(arg, &st));
            st = super::cond::assume(st, place, value, effect.signs)?;
            *value = value.narrowed(effect.signs);
        }
        let inner: Vec<Option<super::place::PlaceId>> = outcome
            .given
            .iter()
            .map(|(given, _)| lead(self, &st, &values, given))
            .collect();
        let outs: Vec<Option<super::place::PlaceId>> = outcome
            .outs
            .iter()
            .map(|(given, _)| lead(self, &st, &values, given))
            .collect();
        for ((_, fate), place) in outcome.given.iter().zip(inner) {
            let Some(place) = place else { continue };
            let held = st.get(&mut self.places, place);
            match fate {
                Fate::Freed => self.release(&mut st, &held),
                fate => self.give(&mut st, &held, &doubted(fate)),
            }
        }
        for (index, effect) in outcome.params.iter().enumerate() {
            let Some(value) = values.get(index).cloned() else {
                continue;
            };
            match &effect.fate {
                None => {}
                Some(Fate::Freed) => self.release(&mut st, &value),
                Some(fate) => {
                    let fate = doubted(fate);
                    self.give(&mut st, &value, &fate);
                    if let (Fate::Unknown(_), Some(&arg)) = (&fate, args.get(index)) {
                        self.overwritten(&mut st, arg, &value, false, &fate);
                    } else if let Fate::Unknown(_) = &fate {
                        for &place in &value.addresses {
                            self.give_contents(&mut st, place, &fate);
                            st.forget(&self.places, place);
                        }
                    }
                }
            }
        }
        for (call, object) in &outcome.left {
            let place = object
                .as_ref()
                .and_then(|given| lead(self, &st, &values, given));
            self.left(&mut st, call, place);
        }
        for (lent, object) in &outcome.entered {
            let place = object
                .as_ref()
                .and_then(|given| lead(self, &st, &values, given));
            let text = object
                .as_ref()
                .filter(|given| given.suffix.is_empty())
                .and_then(|given| args.get(given.param))
                .and_then(|&arg| self.ctx.written(arg));
            let lent = Lent {
                object: text.or_else(|| lent.object.clone().filter(|_| object.is_none())),
                ..lent.clone()
            };
            let part = format!("kernel {}", lent.release);
            let site = self.site(e, part, Source::Kernel(lent));
            self.sites[site as usize].through = place;
            st.retire(&mut self.places, site);
            st.fates.insert(site, Fate::Owned);
        }
        let values_before = values;
        for ((given, returned), place) in outcome.outs.iter().zip(outs) {
            let part = format!("{} {:?}", given.param, given.suffix);
            let (next, mut value) = self.returned(e, name, &part, returned, &values_before, st)?;
            st = next;
            let Some(place) = place else { continue };
            if let Returned::Kept(silent) = returned {
                // It failed, and left the place as it was.
                let old = st.get(&mut self.places, place);
                value = value.or(&old);
                for &site in &value.failed {
                    self.sites[super::value::origin(site) as usize].silent |= *silent;
                }
            }
            for &site in value.blocks.iter().chain(&value.failed) {
                let site = super::value::origin(site) as usize;
                if self.sites[site].expr == e && e.is_some() {
                    self.sites[site].through = Some(place);
                }
            }
            self.store(None, &mut st, &Lvalue::sure(place), &value);
        }
        self.returned(e, name, "", &outcome.returned, &values_before, st)
    }

    /// What a function of the program returns, or stores through a parameter.
    fn returned(
        &mut self,
        e: Option<ExprId>,
        name: &str,
        part: &str,
        returned: &Returned,
        values: &[Value],
        st: State,
    ) -> Option<(State, Value)> {
        match returned {
            Returned::Fresh { .. } | Returned::Failed | Returned::Kept(_) => {
                let source = match returned {
                    Returned::Fresh {
                        lent: Some(lent), ..
                    } => Source::Kernel(lent.clone()),
                    _ => Source::Function(name.to_owned()),
                };
                let site = self.site(e, part.to_owned(), source);
                let (mut done, failed) = self.allocate(st, site);
                match returned {
                    Returned::Fresh { owned, holds, .. } => {
                        if !owned {
                            done.fates.insert(site, Fate::Moved);
                        }
                        for (suffix, perhaps) in holds {
                            self.hold(e, name, part, site, suffix, *perhaps, &mut done);
                        }
                        Some((done, Value::block(site)))
                    }
                    _ => Some((failed?, Value::failure(site))),
                }
            }
            Returned::Led { from, whole, signs } => {
                let mut value: Option<Value> = None;
                for given in from {
                    let argument = values.get(given.param)?.clone();
                    let led = match given.suffix.is_empty() && !given.loaded {
                        true => argument,
                        false => {
                            let place = self.follow_suffix(&st, &argument, None, &given.suffix);
                            place.map_or(Value::unknown(), |p| st.get(&mut self.places, p))
                        }
                    };
                    value = Some(match value {
                        Some(known) => known.or(&led),
                        None => led,
                    });
                }
                let mut value = value.unwrap_or_else(Value::unknown);
                if !whole {
                    value = value.inside();
                }
                let narrowed = value.narrowed(*signs);
                if narrowed.signs != 0 {
                    value = narrowed;
                }
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

impl Flow<'_> {
    /// A block that a function returns holds another one.
    #[allow(clippy::too_many_arguments)]
    fn hold(
        &mut self,
        e: Option<ExprId>,
        name: &str,
        part: &str,
        holder: SiteId,
        suffix: &super::summary::Suffix,
        perhaps: bool,
        st: &mut State,
    ) {
        let part = format!("{part} holds {suffix:?}");
        let site = self.site(e, part, Source::Function(name.to_owned()));
        let start = Value::block(holder);
        let Some(place) = self.follow_suffix(st, &start, None, suffix) else {
            return;
        };
        st.retire(&mut self.places, site);
        let mut value = Value::block(site);
        let mut fate = Fate::Owned;
        if perhaps {
            value.signs |= ZERO;
            fate = Fate::Perhaps;
        }
        st.fates.insert(site, fate);
        st.assign(&mut self.places, place, value);
    }
}

/// Whether a function gives back what the call `release` gives back.
fn gives_back(by: &Option<GivesBack>, release: &str) -> bool {
    let called = |call: &str| call.split('(').next().unwrap_or(call).to_owned();
    match by {
        Some(GivesBack::Object(_, own) | GivesBack::Section(own)) => called(own) == called(release),
        _ => false,
    }
}

/// `(*free)` and `(&free)` call the function all the same.
pub fn called(tree: &crate::c::syntax::tree::Tree, callee: ExprId) -> ExprId {
    let mut at = tree.bare(callee);
    while let ExprKind::Unary(Unary::Deref | Unary::AddressOf, inner) = tree[at].kind {
        at = tree.bare(inner);
    }
    at
}
