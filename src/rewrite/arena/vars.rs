//! Address spaces as unknowns: each pointer level that the source writes down, and each object,
//! lies in the arena or does not.
//!
//! Whatever is assigned, passed, returned or compared shares its address space, so the unknowns
//! fall into classes (union-find). A class that an allocation reaches lies in the arena; one that
//! something else reaches (the stack, a map, a packet) does not; one that both reach is a conflict.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// An unknown address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Var(pub u32);

/// Index of a token of the translation unit.
pub type Tok = usize;

/// Why a class cannot lie in the arena.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Plain {
    /// A variable on the stack (its declaration).
    Stack,
    /// A global variable that has to stay where it is: a map, read-only data, another section.
    Section,
    /// A string literal.
    Literal,
    /// The context of a program.
    Context,
    /// Declared in a header that is not rewritten.
    System,
    /// What a helper of the kernel takes or returns.
    Helper,
    /// The packet, by the context's `data` and its like.
    Packet,
}

/// Where a class gets its address space from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// An allocation, or a declaration that says `__arena` already.
    Arena,
    /// Something else.
    Plain(Plain),
}

/// A class that an allocation reaches and something else as well.
#[derive(Clone, Copy, Debug)]
pub struct Conflict {
    /// What lies elsewhere.
    pub plain: Var,
    /// Where that is said.
    pub plain_tok: Tok,
    /// Why it does.
    pub why: Plain,
}

/// A seed, where it stands, and the variables and tokens on the way there.
pub type Origin = (Seed, Tok, Vec<(Var, Tok)>);

/// The unknowns and what is known of them.
#[derive(Clone, Debug, Default)]
pub struct Vars {
    parent: Vec<u32>,
    size: Vec<u32>,
    /// By root: whether a seed of each kind is in the class.
    arena: Vec<bool>,
    plain: Vec<bool>,
    /// By root: whether there is any seed in the class.
    known: Vec<bool>,
    /// By root: whether something in the class has to stay where it is.
    fixed: Vec<bool>,
    seeds: Vec<(Var, Seed, Tok)>,
    links: Vec<(Var, Var, Tok)>,
    /// What moves into the arena where it meets the heap.
    movable: Vec<Var>,
}

impl Vars {
    pub fn fresh(&mut self) -> Var {
        let var = self.parent.len() as u32;
        self.parent.push(var);
        self.size.push(1);
        self.arena.push(false);
        self.plain.push(false);
        self.known.push(false);
        self.fixed.push(false);
        Var(var)
    }

    pub fn find(&self, var: Var) -> Var {
        let mut at = var.0;
        while self.parent[at as usize] != at {
            at = self.parent[at as usize];
        }
        Var(at)
    }

    /// Both are the same address space, because of what stands at `tok`.
    pub fn join(&mut self, a: Var, b: Var, tok: Tok) {
        if a == b {
            return;
        }
        self.links.push((a, b, tok));
        let (mut a, mut b) = (self.find(a).0 as usize, self.find(b).0 as usize);
        if a == b {
            return;
        }
        if self.size[a] < self.size[b] {
            std::mem::swap(&mut a, &mut b);
        }
        self.parent[b] = a as u32;
        self.size[a] += self.size[b];
        self.arena[a] |= self.arena[b];
        self.plain[a] |= self.plain[b];
        self.known[a] |= self.known[b];
        self.fixed[a] |= self.fixed[b];
    }

    /// Says where a class comes from.
    pub fn seed(&mut self, var: Var, seed: Seed, tok: Tok) {
        self.seeds.push((var, seed, tok));
        let root = self.find(var).0 as usize;
        self.known[root] = true;
        match seed {
            Seed::Arena => self.arena[root] = true,
            Seed::Plain(_) => self.plain[root] = true,
        }
        self.fixed[root] |= self.fixes(var, seed);
    }

    /// Whether a seed says that a variable has to stay where it is.
    fn fixes(&self, var: Var, seed: Seed) -> bool {
        matches!(seed, Seed::Plain(why) if why != Plain::Literal)
            && self.movable.binary_search(&var).is_err()
    }

    pub fn is_arena(&self, var: Var) -> bool {
        self.arena[self.find(var).0 as usize]
    }

    pub fn is_plain(&self, var: Var) -> bool {
        self.plain[self.find(var).0 as usize]
    }

    /// Whether everything that is known of a class is that it lies on the stack.
    pub fn stack_only(&self) -> FxHashMap<Var, bool> {
        let mut classes: FxHashMap<Var, bool> = FxHashMap::default();
        for &(var, seed, _) in &self.seeds {
            let stack = seed == Seed::Plain(Plain::Stack);
            *classes.entry(self.find(var)).or_insert(true) &= stack;
        }
        classes
    }

    /// Says what moves into the arena where it meets the heap, and so is in nobody's way there.
    pub fn movable(&mut self, vars: Vec<Var>) {
        self.movable = vars;
        self.movable.sort();
        self.fixed.fill(false);
        for index in 0..self.seeds.len() {
            let (var, seed, _) = self.seeds[index];
            let root = self.find(var).0 as usize;
            self.fixed[root] |= self.fixes(var, seed);
        }
    }

    /// Whether it is known where anything in a class lies.
    pub fn is_known(&self, var: Var) -> bool {
        self.known[self.find(var).0 as usize]
    }

    /// Whether something in a class has to stay where it is.
    pub fn is_fixed(&self, var: Var) -> bool {
        self.fixed[self.find(var).0 as usize]
    }

    /// The classes that the kernel's context or packet is in.
    pub fn lent(&self) -> impl Iterator<Item = Var> {
        let kernel = |seed: Seed| {
            matches!(
                seed,
                Seed::Plain(Plain::Context) | Seed::Plain(Plain::Packet)
            )
        };
        let seeds = self.seeds.iter();
        seeds
            .filter(move |&&(_, seed, _)| kernel(seed))
            .map(|&(var, ..)| self.find(var))
    }

    /// One pair of seeds of each class that lies in the arena and elsewhere: a variable with its
    /// place for either, and why the other is no arena memory.
    pub fn conflicts(&self) -> Vec<Conflict> {
        let mut first: FxHashMap<Var, Conflict> = FxHashMap::default();
        let mixed = |var: Var| self.is_arena(var) && self.is_plain(var);
        for &(var, seed, tok) in self.seeds.iter().filter(|s| mixed(s.0)) {
            let moves = self.movable.binary_search(&var).is_ok();
            if moves || seed == Seed::Plain(Plain::Literal) {
                continue;
            }
            if let Seed::Plain(why) = seed {
                let conflict = Conflict {
                    plain: var,
                    plain_tok: tok,
                    why,
                };
                first.entry(self.find(var)).or_insert(conflict);
            }
        }
        let mut found: Vec<Conflict> = first.into_values().collect();
        found.sort_by_key(|c| (c.plain_tok, c.plain));
        found
    }

    /// The way from `var` to the nearest seed that `wanted` takes: the seed, where it stands, and
    /// the tokens that link them, from `var` on.
    pub fn explain(&self, var: Var, wanted: impl Fn(Seed) -> bool) -> Option<Origin> {
        let root = self.find(var);
        let mut seeds: FxHashMap<Var, (Seed, Tok)> = FxHashMap::default();
        for &(v, seed, tok) in &self.seeds {
            if wanted(seed) && self.find(v) == root {
                seeds.entry(v).or_insert((seed, tok));
            }
        }
        let mut near: FxHashMap<Var, Vec<(Var, Tok)>> = FxHashMap::default();
        for &(a, b, tok) in &self.links {
            if self.find(a) == root {
                near.entry(a).or_default().push((b, tok));
                near.entry(b).or_default().push((a, tok));
            }
        }
        let mut from: FxHashMap<Var, Option<(Var, Tok)>> = FxHashMap::from_iter([(var, None)]);
        let mut queue = VecDeque::from([var]);
        while let Some(at) = queue.pop_front() {
            if let Some(&(seed, tok)) = seeds.get(&at) {
                let mut way = Vec::new();
                let mut back = at;
                while let Some(Some((before, tok))) = from.get(&back) {
                    way.push((back, *tok));
                    back = *before;
                }
                way.reverse();
                return Some((seed, tok, way));
            }
            for &(next, tok) in near.get(&at).into_iter().flatten() {
                from.entry(next).or_insert_with(|| {
                    queue.push_back(next);
                    Some((at, tok))
                });
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_join_and_are_explained() {
        let mut vars = Vars::default();
        let [a, b, c, d] = [(); 4].map(|()| vars.fresh());
        vars.seed(a, Seed::Arena, 7);
        vars.join(a, b, 1);
        vars.join(b, c, 2);
        assert!(vars.is_arena(c) && !vars.is_plain(c) && !vars.is_arena(d));
        vars.seed(d, Seed::Plain(Plain::Stack), 9);
        assert!(vars.stack_only()[&d]);
        vars.join(c, d, 3);
        assert!(vars.is_arena(d) && vars.is_plain(a));
        let (seed, tok, way) = vars.explain(c, |s| s == Seed::Arena).expect("a seed");
        assert_eq!((seed, tok), (Seed::Arena, 7));
        assert_eq!(way, [(b, 2), (a, 1)]);
        // What moves is in nobody's way.
        assert!(vars.is_known(a) && vars.is_fixed(a));
        vars.movable(vec![d]);
        assert!(!vars.is_fixed(a));
        vars.seed(b, Seed::Plain(Plain::Context), 11);
        assert!(vars.is_fixed(d));
    }
}
