//! Variables that the stack has no room for: the verifier gives a chain of calls 512 bytes, and an
//! array whose length is known at run time only no place at all.

use std::collections::{HashMap, HashSet};

use super::super::facts::{Object, ObjectKind};
use super::super::read::Reading;
use super::super::vars::{Tok, Var};
use crate::c::syntax::tree::FunctionId;
use crate::c::types::{EntityId, EntityKind, Type, TypeId};

/// Bytes of a frame, Linux: `MAX_BPF_STACK`.
const STACK: u64 = 512;

/// Bytes of arrays and structures that a chain of calls keeps. The rest is for what the compiler
/// puts there besides, and for the frames of the allocator.
const KEPT: u64 = 384;

/// Bytes from which on a variable is worth a block.
const WORTH: u64 = 64;

/// A variable on the stack.
#[derive(Clone, Copy)]
struct Local {
    entity: EntityId,
    place: Var,
    tok: Tok,
    size: u64,
}

impl Reading<'_> {
    /// A variable that no stack holds, and that can be a block: what makes a program need an arena.
    pub(in super::super) fn outgrows_stack(&self) -> Option<Tok> {
        let mut large = self.objects.iter().filter(|o| {
            o.kind == ObjectKind::Local && self.is_too_large(o, STACK) && self.can_move(o)
        });
        large.next().map(|o| o.tok)
    }

    /// The variables that become blocks because the chains of calls that they are in need too much,
    /// the largest first.
    pub(in super::super) fn too_large_for_stack(&self) -> Vec<(Var, Tok)> {
        let mut moved: Vec<(Var, Tok)> = Vec::new();
        let mut frames: HashMap<FunctionId, Vec<Local>> = HashMap::new();
        for object in &self.objects {
            if object.kind != ObjectKind::Local || self.vars.is_arena(object.place) {
                continue;
            }
            let model = self.model;
            let EntityKind::Object {
                function: Some(function),
                ..
            } = model[object.entity].kind
            else {
                continue;
            };
            if self.is_too_large(object, STACK) {
                if self.can_move(object) {
                    moved.push((object.place, object.tok));
                }
            } else if self.is_aggregate(object) {
                frames.entry(function).or_default().push(Local {
                    entity: object.entity,
                    place: object.place,
                    tok: object.tok,
                    size: model.size_of(model[object.entity].ty).unwrap_or(0),
                });
            }
        }
        let movable = |local: &Local| {
            local.size >= WORTH
                && self
                    .object_of(local.entity)
                    .is_some_and(|o| self.can_move(o))
        };
        loop {
            let chains = Chains::new(self, &frames);
            let over = frames.iter().filter(|(f, _)| chains.through(**f) > KEPT);
            let candidates = over.flat_map(|(_, locals)| locals).filter(|l| movable(l));
            let Some(&largest) = candidates.max_by_key(|l| (l.size, l.tok)) else {
                return moved;
            };
            moved.push((largest.place, largest.tok));
            for locals in frames.values_mut() {
                locals.retain(|l| l.entity != largest.entity);
            }
        }
    }

    /// Whether a variable has more bytes than this, or nobody knows how many.
    fn is_too_large(&self, object: &Object, bytes: u64) -> bool {
        let ty = self.model[object.entity].ty;
        self.is_variable(ty) || self.model.size_of(ty).is_some_and(|size| size > bytes)
    }

    /// Whether the length of an array is known at run time only.
    pub(super) fn is_variable(&self, ty: TypeId) -> bool {
        match self.model[ty] {
            Type::Array { variable: true, .. } => true,
            Type::Array { of, .. } => self.is_variable(of),
            _ => false,
        }
    }
}

/// How many bytes the chains of calls need that functions are in.
struct Chains<'a> {
    reading: &'a Reading<'a>,
    own: HashMap<FunctionId, u64>,
    below: HashMap<FunctionId, u64>,
    above: HashMap<FunctionId, u64>,
}

impl<'a> Chains<'a> {
    fn new(reading: &'a Reading<'a>, frames: &HashMap<FunctionId, Vec<Local>>) -> Self {
        let size = |locals: &Vec<Local>| locals.iter().map(|l| l.size).sum();
        let mut chains = Self {
            reading,
            own: frames
                .iter()
                .map(|(f, locals)| (*f, size(locals)))
                .collect(),
            below: HashMap::new(),
            above: HashMap::new(),
        };
        // Callees come before callers in the components; what calls itself is counted once.
        let order: Vec<FunctionId> = reading
            .model
            .components()
            .iter()
            .flatten()
            .copied()
            .collect();
        for &function in &order {
            let callees = reading.model.callees(function);
            let deepest = callees.map(|c| chains.down(c)).max().unwrap_or(0);
            chains.below.insert(function, deepest);
        }
        for &function in order.iter().rev() {
            let here = chains.own(function) + chains.up(function);
            let callees: HashSet<FunctionId> = chains.reading.model.callees(function).collect();
            for callee in callees {
                if reading.model.component_of(callee) != reading.model.component_of(function) {
                    let above = chains.above.entry(callee).or_default();
                    *above = (*above).max(here);
                }
            }
        }
        chains
    }

    fn own(&self, function: FunctionId) -> u64 {
        self.own.get(&function).copied().unwrap_or(0)
    }

    fn up(&self, function: FunctionId) -> u64 {
        self.above.get(&function).copied().unwrap_or(0)
    }

    fn down(&self, function: FunctionId) -> u64 {
        self.own(function) + self.below.get(&function).copied().unwrap_or(0)
    }

    /// The longest chain that a function is in.
    fn through(&self, function: FunctionId) -> u64 {
        self.up(function) + self.down(function)
    }
}
