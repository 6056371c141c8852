//! The configurations of a file that the preprocessor did not take.
//!
//! A check serves every configuration. So where a conditional group leaves out code that matters,
//! the file is preprocessed again with another arm: the directives of the group and its other arms
//! become blanks, so that everything else keeps its offset.

use crate::c::Span;
use crate::c::conditionals::Group;
use crate::c::cpp::{self, FileId};
use crate::rewrite::unit::Unit;

/// How many configurations are looked at: conditional groups rarely have more arms.
const CONFIGURATIONS: usize = 4;

/// The file in its other configurations, as far as they matter: where an arm that is left out
/// allocates, or a group stands in a function that allocates.
pub fn others(unit: &Unit, calls: &[Span], first: &cpp::Unit) -> Vec<Vec<u8>> {
    let groups: Vec<&Group> = unit
        .conditionals
        .groups
        .iter()
        .filter(|group| !group.guard && matters(unit, calls, group))
        .collect();
    let choices = groups.iter().map(|group| count(group)).max().unwrap_or(1);
    (1..choices.min(CONFIGURATIONS))
        .map(|turn| {
            let mut source = unit.source().to_vec();
            for group in &groups {
                take(unit, group, turn, first, &mut source);
            }
            source
        })
        .collect()
}

/// How many arms can be taken: none is one of them if there is no `#else`.
fn count(group: &Group) -> usize {
    let live = group.arms.iter().filter(|arm| !arm.dead).count();
    live + usize::from(!group.has_else)
}

/// Whether an arm of a group allocates, or the function it stands in does.
fn matters(unit: &Unit, calls: &[Span], group: &Group) -> bool {
    if count(group) < 2 {
        return false;
    }
    let (Some(start), Some(end)) = (
        group.arms.first().map(|arm| arm.start),
        group.arms.last().map(|arm| arm.end),
    ) else {
        return false;
    };
    let within = |from: usize, to: usize| {
        calls
            .iter()
            .any(|call| from <= call.start && call.end <= to)
    };
    let tokens = &unit.lexed.tokens;
    let around = unit.outline.functions().any(|function| {
        let frame = &unit.outline.frames[function];
        let open = frame.open.and_then(|open| tokens.get(open));
        let close = tokens.get(frame.close).or(tokens.last());
        match (open, close) {
            (Some(open), Some(close)) => {
                open.start <= start && end <= close.end && within(open.start, close.end)
            }
            _ => false,
        }
    });
    around || within(start, end)
}

/// Leaves one arm of a group and blanks the rest: the one that is `turn` after the one that was
/// taken.
fn take(unit: &Unit, group: &Group, turn: usize, first: &cpp::Unit, source: &mut [u8]) {
    let skipped = |at: usize, end: usize| {
        first.skipped.iter().any(|loc| {
            loc.file == FileId::MAIN && (loc.start as usize) < end && at < loc.end as usize
        })
    };
    let live: Vec<usize> = (0..group.arms.len())
        .filter(|&arm| !group.arms[arm].dead)
        .collect();
    // An arm without code is neither skipped nor does it matter which.
    let taken = live
        .iter()
        .position(|&arm| !skipped(group.arms[arm].start, group.arms[arm].end));
    let taken = taken.unwrap_or(live.len());
    let chosen = live.get((taken + turn) % count(group)).copied();
    let mut blank = |from: usize, to: usize| {
        for byte in &mut source[from..to] {
            if !matches!(byte, b'\n' | b'\r') {
                *byte = b' ';
            }
        }
    };
    for (index, arm) in group.arms.iter().enumerate() {
        let directive = &unit.lexed.directives[arm.directive];
        blank(directive.start, directive.end);
        if Some(index) != chosen {
            blank(arm.start, arm.end);
        }
    }
    if let Some(close) = group.close {
        let directive = &unit.lexed.directives[close];
        blank(directive.start, directive.end);
    }
}
