//! What moves into the arena along with what lies there.

use super::facts::ObjectKind;
use super::followed::loads_to_follow;
use super::loops::Search;
use super::read::Reading;
use super::vars::{Seed, Var};

/// Moves the variables outside of functions that hold pointers into the arena there too; whether
/// there were any.
///
/// A store of such a pointer into a variable and one into a block may be the same instruction to
/// the compiler. The verifier wants each instruction to access one kind of memory.
pub(super) fn take_along(reading: &mut Reading) -> bool {
    let can_take = reading.can_take();
    let mut moved = Vec::new();
    for object in &reading.objects {
        if object.kind == ObjectKind::Local
            && !reading.vars.is_arena(object.place)
            && reading.moves_along(object)
            && reading.can_move(object)
        {
            moved.push((object.place, object.tok));
        }
        // What a table of a block has for literals is printed from there, too.
        if object.kind == ObjectKind::Local
            && reading.vars.is_arena(object.place)
            && reading.model.is_array(reading.model[object.entity].ty)
            && let Some(space) = reading.elements_point_into(object)
            && can_take(space)
        {
            moved.push((space, object.tok));
        }
        let stays = object.kind == ObjectKind::Local
            || reading.vars.is_plain(object.place)
            || reading.vars.is_arena(object.place)
            || reading.is_initialised(object);
        if !stays && reading.holds_arena(object) {
            moved.push((object.place, object.tok));
        }
    }
    // What a pointer in a block points to has to lie there as well; so has what a variable of the
    // file that is assigned to points to: what comes back out of a map is a number.
    let kept = reading.reassigned();
    let in_heap = |place: Var| reading.vars.is_arena(place) || kept.contains(&place);
    for load in loads_to_follow(reading, |s| !reading.vars.is_fixed(s)) {
        if let Some(space) = load.space.filter(|_| in_heap(load.place))
            && !reading.vars.is_arena(space)
            && !reading.vars.is_fixed(space)
        {
            moved.push((space, load.tok));
        }
    }
    // What comes out of a block and goes to another file is followed there. A number that stands for a
    // function leads nowhere.
    let mut others = reading.open_to_others();
    for load in reading.loads.iter().filter(|load| load.code) {
        if let Some(space) = load.space {
            others.remove(&reading.vars.find(space));
        }
    }
    for load in &reading.loads {
        if let Some(space) = load.space.filter(|_| in_heap(load.place))
            && !reading.vars.is_arena(space)
            && !reading.vars.is_fixed(space)
            && others.contains(&reading.vars.find(space))
        {
            moved.push((space, load.tok));
        }
    }
    for &(place, space, tok) in &reading.untyped {
        if in_heap(place) && !reading.vars.is_arena(space) && !reading.vars.is_fixed(space) {
            moved.push((space, tok));
        }
    }
    for object in &reading.objects {
        // An array of arrays lies where its elements lie.
        if let Some(table) = reading.table(object)
            && reading.in_arena(table.star)
            && !reading.vars.is_arena(object.place)
        {
            moved.push((object.place, object.tok));
        }
    }
    for (space, tok) in reading.followed_freely(&Search::new(reading), true) {
        if !reading.vars.is_arena(space) {
            moved.push((space, tok));
        }
    }
    let unprovable = reading.unprovable.iter().chain(&reading.sized_by_memory);
    let further = reading.filled_untested().chain(reading.dispatched());
    let further = unprovable.copied().chain(further);
    moved.extend(further.filter(|(space, _)| can_take(*space)));
    drop(can_take);
    moved.extend(reading.too_large_for_stack());
    for &(place, tok) in &moved {
        reading.vars.seed(place, Seed::Arena, tok);
    }
    !moved.is_empty()
}
