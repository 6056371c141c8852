//! Variables on the stack that move into the arena.
//!
//! What a heap pointer can meet has to lie in the arena, for a pointer of the program is of one kind.
//! A variable whose address meets it becomes a block that is freed where the variable's life ends:
//!
//! ```c
//! struct vec __arena *v static_local = static_calloc(1, sizeof(*v));
//! ```
//!
//! and what was `v` is `*v`, what was `&v` is `v`. So does one that holds pointers into the arena and
//! whose address is taken: on the stack the verifier follows its value through every iteration, and
//! where a null pointer meets another it forgets that either is one. And an array with an index that
//! nobody can prove, and what the stack has no room for ([`large`]).

mod can;
mod large;
mod values;
mod write;

use std::collections::HashSet;

use super::facts::{Object, ObjectKind};
use super::loops::Search;
use super::read::Reading;
use super::vars::{Tok, Var};
use crate::c::syntax::tree::{ExprId, ExprKind, Toks, Unary};
use crate::c::types::{EntityKind, Parent, Type};

/// So many elements that hold NULL or not the verifier follows in all their combinations.
const FEW: u64 = 8;

const REASON: &str = "its address meets pointers into the arena";

impl Reading<'_> {
    /// The variables that move besides those that meet the heap, if the heap lies in an arena: those
    /// with pointers into it whose address is taken, and those that a function with a loop of jumps
    /// gets, which the verifier would tell iterations apart by.
    pub(super) fn moves_along(&self, object: &Object) -> bool {
        let model = self.model;
        // What is copied from it stays what it is.
        let is_source = |address: ExprId| match model.parent(address) {
            Parent::Expr(call) => match &model.tree[call].kind {
                ExprKind::Call { callee, args, .. } => {
                    let name = model.tree.name(*callee).map(|n| self.unit.symbols.text(n));
                    name == Some(b"static_memcpy") && args.get(1) == Some(&address)
                }
                _ => false,
            },
            _ => false,
        };
        let lent = |name: ExprId| match model.parent(name) {
            Parent::Expr(outer) => {
                let address =
                    matches!(model.tree[outer].kind, ExprKind::Unary(Unary::AddressOf, _));
                (address && !is_source(outer)).then_some(outer)
            }
            _ => None,
        };
        // What is copied out of the arena becomes an argument of static_memcpy.
        let copied = || {
            let mut copies = self.copies.iter();
            let from_arena = |source: Option<Var>| source.is_some_and(|s| self.vars.is_arena(s));
            copies.any(|c| c.place == object.place && from_arena(c.source))
        };
        let uses = || model.uses(object.entity).iter();
        (uses().any(|&u| lent(u).is_some()) || copied()) && self.holds_arena(object)
            || uses().any(|&u| {
                let array = model.is_array(model[object.entity].ty).then_some(u);
                lent(u).or(array).is_some_and(|e| self.is_given_to_jumps(e))
            })
    }

    /// Whether an expression is an argument of a function that jumps back under `can_loop`.
    fn is_given_to_jumps(&self, expr: ExprId) -> bool {
        let model = self.model;
        let Parent::Expr(call) = model.parent(expr) else {
            return false;
        };
        let ExprKind::Call { callee, args, .. } = &model.tree[call].kind else {
            return false;
        };
        let function = model.entity(*callee).map(|e| model[e].kind);
        let Some(EntityKind::Function {
            definition: Some(function),
            ..
        }) = function
        else {
            return false;
        };
        args.contains(&expr) && super::jumps::jumps_back(self, function)
    }

    /// Whether an object of the program can lie in the arena.
    pub(super) fn can_lie_there(&self, entity: crate::c::types::EntityId) -> bool {
        let Some(object) = self.object_of(entity) else {
            return false;
        };
        match object.kind {
            ObjectKind::Local => self.can_move(object),
            ObjectKind::Static => self.is_plain_constant(object),
            ObjectKind::Extern => false,
        }
    }

    /// Where the variables of the file lie that hold pointers and are assigned to, so that the
    /// compiler does not know what they hold.
    pub(super) fn reassigned(&self) -> HashSet<super::vars::Var> {
        let model = self.model;
        let set = |name: ExprId| match model.parent(name) {
            Parent::Expr(outer) => match model.tree[outer].kind {
                ExprKind::Assign { left, .. } => left == name,
                ExprKind::Postfix { .. } | ExprKind::Unary(Unary::Increment, _) => true,
                ExprKind::Unary(Unary::Decrement | Unary::AddressOf, _) => true,
                _ => false,
            },
            _ => false,
        };
        let objects = self.objects.iter().filter(|o| {
            o.kind == ObjectKind::Static
                && model.is_pointer(model[o.entity].ty)
                && model.uses(o.entity).iter().any(|&u| set(u))
        });
        objects.map(|o| o.place).collect()
    }

    /// The address spaces of what is followed at places that nobody can prove, as far as all of it
    /// can lie in the arena; `arena` where that is decided already.
    pub(super) fn followed_freely(&self, search: &Search, arena: bool) -> Vec<(Var, Tok)> {
        let model = self.model;
        let mut found = Vec::new();
        let mut arrays = Vec::new();
        for pointer in search.followed_freely(arena) {
            let toks = model.tree[pointer].toks;
            let root = model.root(pointer);
            let array = model.is_array(model.type_of(pointer));
            if array && model.tree[model.tree.bare(pointer)].kind == ExprKind::Text {
                arrays.extend(self.literal_of(pointer));
                continue;
            }
            if let (true, crate::c::types::Root::Entity(entity)) = (array, root) {
                if self.can_lie_there(entity)
                    && let Some(place) = self.place_of(entity)
                    && !self.vars.is_fixed(place)
                {
                    arrays.push((place, toks.start));
                }
                continue;
            }
            let follows = search.follows_of((toks.start, toks.end));
            // With a constant index it may be a number that is looked at byte by byte: the loop
            // over its size ends where clang sees it.
            let constant = matches!(model.parent(pointer), Parent::Expr(outer)
                if matches!(model.tree[outer].kind, ExprKind::Index(_, at) if model.value(at).is_some()));
            let follows = follows.filter(|f| !constant || !self.holds_number(f.space));
            found.extend(follows.map(|f| (f.space, toks.start)));
        }
        let movable = self.can_be_moved();
        found.retain(|&(space, _)| movable(space));
        found.extend(arrays);
        found
    }

    /// The places of a literal that is indexed as it is written, where it stands by itself.
    fn literal_of(&self, text: ExprId) -> Vec<(Var, Tok)> {
        let tree = &self.model.tree;
        let toks = tree[tree.bare(text)].toks;
        let places = self.literals.iter().filter(|l| l.0 == toks);
        let places = places.filter(|_| self.apart(toks).is_some());
        places.map(|l| (l.1, toks.start)).collect()
    }

    /// Which memory can lie in the arena: of what nothing is known, nobody may call the function. Variables
    /// of the file can, and so can what other files give.
    fn can_be_moved(&self) -> impl Fn(Var) -> bool {
        let mut open = self.open_to_others();
        let outside = || self.objects.iter().filter(|o| o.kind != ObjectKind::Local);
        let class = |o: &Object| self.vars.find(o.place);
        let (there, here): (Vec<&Object>, Vec<&Object>) =
            outside().partition(|o| o.kind == ObjectKind::Extern || !self.is_plain_constant(o));
        let stay: HashSet<Var> = there.into_iter().map(class).collect();
        open.extend(here.into_iter().map(class).filter(|c| !stay.contains(c)));
        move |space| {
            let known = self.vars.is_known(space) || open.contains(&self.vars.find(space));
            known && !self.vars.is_fixed(space)
        }
    }

    /// Which memory that lies elsewhere as yet can lie in the arena.
    pub(super) fn can_take(&self) -> impl Fn(Var) -> bool {
        let movable = self.can_be_moved();
        move |space| !self.vars.is_arena(space) && movable(space)
    }

    /// What functions return that a number stands for, which end with NULL where no function has that
    /// number. Who follows it at once has clang see an address that is none, outside of an arena.
    pub(super) fn dispatched(&self) -> impl Iterator<Item = (Var, Tok)> {
        let followed: HashSet<Var> = (self.follows.iter())
            .map(|f| self.vars.find(f.space))
            .collect();
        let unknown = |range: (Tok, Tok)| {
            (range.0..range.1)
                .any(|t| self.unit.text(&self.unit.tokens[t]) == b"static_unknown_function")
        };
        self.functions.iter().filter_map(move |function| {
            let definition = function.definition?;
            let space = self.result_space(function)?;
            let ends = followed.contains(&self.vars.find(space)) && unknown(definition.body);
            ends.then_some((space, definition.name))
        })
    }

    /// Whether a number or pointer on the stack lies in an address space.
    fn holds_number(&self, space: Var) -> bool {
        let model = self.model;
        let space = self.vars.find(space);
        self.objects.iter().any(|o| {
            let ty = model[o.entity].ty;
            o.kind == ObjectKind::Local
                && self.vars.find(o.place) == space
                && (model.number(ty).is_some() || model.is_pointer(ty))
        })
    }

    /// Whether a variable on the stack that others write to through its address holds pointers into
    /// the heap, in a program with loops whose end the verifier cannot see.
    pub(super) fn keeps_on_stack(&self, search: &Search) -> Option<Tok> {
        let unseen = search.unseen().is_some();
        let grown = self.grows;
        let mut held = self
            .objects
            .iter()
            .filter(|o| o.kind == ObjectKind::Local && self.is_aggregate(o) && self.moves_along(o));
        held.next().map(|o| o.tok).filter(|_| unseen || grown)
    }

    /// The arrays on the stack that a loop fills with blocks which it does not test. Each element is
    /// NULL or not, the verifier follows every combination, and with more than a few elements that is
    /// more than it is ready to: 43,000 instructions for 10 elements, twice that for each further one.
    pub(super) fn filled_untested(&self) -> impl Iterator<Item = (Var, Tok)> {
        let model = self.model;
        let many = |o: &&Object| {
            let len = match model[model[o.entity].ty] {
                Type::Array { len, .. } => len,
                _ => None,
            };
            o.kind == ObjectKind::Local && len.is_some_and(|len| len > FEW)
        };
        let objects = self.objects.iter().filter(many);
        let filled = objects.filter(|o| {
            self.holds_arena(o)
                && self.can_move(o)
                && self.loops.iter().any(|l| {
                    let body = Toks::new(l.body.0, l.body.1);
                    let uses = model.uses(o.entity).iter();
                    let places = uses
                        .filter(|&&u| body.contains(model.tree[u].toks.start))
                        .map(|&u| self.element(u));
                    let places: Vec<ExprId> = places.collect();
                    places.iter().any(|&p| self.is_assigned_result(p))
                        && !places.iter().any(|&p| self.decides(p))
                })
        });
        filled.map(|o| (o.place, o.tok))
    }

    /// The element of an array, or the member of one, that an expression names.
    fn element(&self, name: ExprId) -> ExprId {
        let model = self.model;
        let mut place = name;
        while let Parent::Expr(outer) = model.parent(place) {
            match model.tree[outer].kind {
                ExprKind::Paren(_) => {}
                ExprKind::Index(array, _) if array == place => {}
                ExprKind::Member { arrow: false, .. } => {}
                _ => break,
            }
            place = outer;
        }
        place
    }

    /// Whether a place whose index varies is assigned what a call returns.
    fn is_assigned_result(&self, place: ExprId) -> bool {
        let model = self.model;
        let Parent::Expr(outer) = model.parent(place) else {
            return false;
        };
        let ExprKind::Assign { left, right, .. } = model.tree[outer].kind else {
            return false;
        };
        let mut value = model.tree.bare(right);
        while let ExprKind::Cast(_, inner) = model.tree[value].kind {
            value = model.tree.bare(inner);
        }
        let varies = |mut at: ExprId| {
            loop {
                match model.tree[model.tree.bare(at)].kind {
                    ExprKind::Index(_, index) if model.value(index).is_none() => return true,
                    ExprKind::Index(inner, _) | ExprKind::Member { object: inner, .. } => {
                        at = inner
                    }
                    _ => return false,
                }
            }
        };
        left == place
            && matches!(model.tree[value].kind, ExprKind::Call { .. })
            && model.is_pointer(model.type_of(place))
            && varies(place)
    }

    /// Whether what lies in a place is tested, or what is assigned to it.
    fn decides(&self, place: ExprId) -> bool {
        let model = self.model;
        let assigned = match model.parent(place) {
            Parent::Expr(outer) if matches!(model.tree[outer].kind, ExprKind::Assign { .. }) => {
                self.is_condition(outer)
            }
            _ => false,
        };
        assigned || self.is_condition(place)
    }

    /// The variables on the stack that become blocks.
    pub(super) fn moved(&self) -> HashSet<Var> {
        let local = self.objects.iter().filter(|o| o.kind == ObjectKind::Local);
        local
            .filter(|o| self.vars.is_arena(o.place) && self.can_move(o))
            .map(|o| o.place)
            .collect()
    }

    fn is_aggregate(&self, object: &Object) -> bool {
        matches!(
            self.model[self.model[object.entity].ty],
            Type::Record(_) | Type::Array { .. }
        )
    }
}

/// The values of an initial value: `(struct point){1, 2}` has those of its braces.
fn value_of(reading: &Reading, init: ExprId) -> ExprId {
    let tree = &reading.model.tree;
    match tree[tree.bare(init)].kind {
        ExprKind::Compound(_, list) => list,
        _ => init,
    }
}

/// Whether an initial value is all zeros.
fn is_zero(reading: &Reading, init: ExprId) -> bool {
    let model = reading.model;
    match &model.tree[init].kind {
        ExprKind::List(elements) => elements.iter().all(|e| is_zero(reading, e.value)),
        ExprKind::Paren(e) | ExprKind::Cast(_, e) | ExprKind::Compound(_, e) => {
            is_zero(reading, *e)
        }
        _ => model.value(init) == Some(0) || model.is_null_pointer_constant(init),
    }
}
