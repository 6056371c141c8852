//! Which pointers are loaded from memory and followed later.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use super::facts::{Flow, Follow, Load};
use super::read::Reading;
use super::vars::{Tok, Var};

/// Where pointers of a kind that were loaded from memory are followed.
pub(super) fn followed(reading: &Reading, kind: impl Fn(Var) -> bool) -> Vec<Follow> {
    let found = loaded_and_followed(reading, kind);
    found.into_iter().map(|(_, follow)| follow).collect()
}

/// The same, with where they are loaded.
pub(super) fn loaded_and_followed(
    reading: &Reading,
    kind: impl Fn(Var) -> bool,
) -> Vec<(Tok, Follow)> {
    let is_forgotten = forgotten(reading);
    let mut from: FxHashMap<Flow, Tok> = FxHashMap::default();
    let mut queue = VecDeque::new();
    for load in &reading.loads {
        let heap = load.space.is_none_or(&kind);
        if heap && is_forgotten(load) {
            from.insert(load.flow, load.tok);
            queue.push_back(load.flow);
        }
    }
    let mut next: FxHashMap<Flow, Vec<Flow>> = FxHashMap::default();
    for &(a, b) in &reading.flows {
        next.entry(a).or_default().push(b);
    }
    while let Some(flow) = queue.pop_front() {
        let tok = from[&flow];
        for &to in next.get(&flow).into_iter().flatten() {
            from.entry(to).or_insert_with(|| {
                queue.push_back(to);
                tok
            });
        }
    }
    let follows = reading.follows.iter().filter(|f| kind(f.space));
    follows
        .filter_map(|f| Some((*from.get(&f.flow)?, *f)))
        .collect()
}

/// The loads of pointers of a kind that are followed somewhere.
pub(super) fn loads_to_follow<'r>(
    reading: &'r Reading,
    kind: impl Fn(Var) -> bool,
) -> Vec<&'r Load> {
    let mut before: FxHashMap<Flow, Vec<Flow>> = FxHashMap::default();
    for &(a, b) in &reading.flows {
        before.entry(b).or_default().push(a);
    }
    let follows = reading.follows.iter().filter(|f| kind(f.space));
    let mut queue: Vec<Flow> = follows.map(|f| f.flow).collect();
    let mut followed: FxHashSet<Flow> = queue.iter().copied().collect();
    while let Some(flow) = queue.pop() {
        for &from in before.get(&flow).into_iter().flatten() {
            if followed.insert(from) {
                queue.push(from);
            }
        }
    }
    let is_forgotten = forgotten(reading);
    let loads = reading.loads.iter();
    loads
        .filter(|l| l.flow != Flow(0) && followed.contains(&l.flow))
        .filter(|l| l.space.is_none_or(&kind) && is_forgotten(l))
        .collect()
}

/// Which loads are such that the verifier does not know any more what was stored there.
fn forgotten(reading: &Reading) -> impl Fn(&Load) -> bool {
    let stack = reading.vars.stack_only();
    move |load| {
        let in_memory = match load.named {
            true => reading.vars.is_arena(load.place),
            false => !stack.get(&reading.vars.find(load.place)).unwrap_or(&false),
        };
        load.varies || in_memory
    }
}
