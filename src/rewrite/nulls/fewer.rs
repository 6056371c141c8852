//! Ways out of a function that are taken together.

use super::outcome::{Effect, Given, Hold, Outcome, Returned};
use super::value::{ANY, Doubt, Fate, ZERO};

/// Where some outcomes store a block, others in which an allocation may have failed leave the place
/// as it was. One in which none can have, such as that of a buffer with room left, says nothing.
pub fn keep_places(outcomes: &mut [Outcome], failed: &[bool]) {
    let mut stored: Vec<Given> = Vec::new();
    for outcome in outcomes.iter() {
        for (given, returned) in &outcome.outs {
            if matches!(returned, Returned::Fresh { .. }) && !stored.contains(given) {
                stored.push(given.clone());
            }
        }
    }
    for (outcome, _) in outcomes
        .iter_mut()
        .zip(failed)
        .filter(|(_, failed)| **failed)
    {
        for given in &stored {
            let null = outcome.params[given.param].signs == ZERO;
            if !null && !outcome.outs.iter().any(|(known, _)| known == given) {
                outcome.outs.push((given.clone(), Returned::Kept(true)));
            }
        }
    }
}

/// One outcome for those that differ only in what the block that they return holds.
pub fn alike(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let mut all: Vec<Outcome> = Vec::new();
    for outcome in outcomes {
        let Returned::Fresh {
            owned, lent, holds, ..
        } = &outcome.returned
        else {
            all.push(outcome);
            continue;
        };
        let known = all.iter_mut().find_map(|known| {
            let same = known.params == outcome.params
                && known.given == outcome.given
                && known.outs == outcome.outs
                && known.entered == outcome.entered
                && known.left == outcome.left;
            match &mut known.returned {
                Returned::Fresh {
                    owned: o,
                    lent: l,
                    holds,
                } if same && o == owned && l == lent => Some(holds),
                _ => None,
            }
        });
        match known {
            Some(known) => *known = either(known, holds),
            None => all.push(outcome),
        }
    }
    all
}

/// What a block holds that holds one or the other.
fn either(a: &[Hold], b: &[Hold]) -> Vec<Hold> {
    a.iter()
        .filter_map(|one| {
            let other = b.iter().find(|other| other.suffix == one.suffix)?;
            let (full, rest) = match one.returned {
                Returned::Failed => (other, one),
                _ => (one, other),
            };
            let same = full.returned == rest.returned;
            (same || rest.returned == Returned::Failed).then(|| Hold {
                perhaps: !same || full.perhaps || rest.perhaps,
                ..full.clone()
            })
        })
        .collect()
}

/// One outcome for each kind of returned value.
pub fn coarse(outcomes: &[Outcome], count: usize) -> Vec<Outcome> {
    let mut params = vec![
        Effect {
            signs: ANY,
            fate: None
        };
        count
    ];
    for (index, all) in params.iter_mut().enumerate() {
        let mut fates = outcomes.iter().filter_map(|outcome| {
            let one = &outcome.params[index];
            (one.signs != ZERO).then_some(&one.fate)
        });
        let first = fates.next().cloned().flatten();
        let same = fates.all(|fate| *fate == first);
        let changed = outcomes.iter().any(|o| {
            o.outs.iter().any(|out| out.0.param == index)
                || o.given.iter().any(|given| given.0.param == index)
        });
        all.fate = match same && !changed {
            true => first,
            false => Some(Fate::Unknown(Doubt::SomeWays)),
        };
        let kept = outcomes.iter().all(|o| o.params[index].fate.is_none());
        if kept && !changed {
            all.fate = None;
        }
    }
    let mut kinds: Vec<Returned> = Vec::new();
    for outcome in outcomes {
        let kind = match &outcome.returned {
            Returned::Plain(..) | Returned::Kept(_) => Returned::Plain(ANY, None),
            other => other.clone(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    let entered = outcomes.first().map(|o| o.entered.clone());
    let left = outcomes.first().map(|o| o.left.clone());
    kinds
        .into_iter()
        .map(|returned| Outcome {
            returned,
            parts: Vec::new(),
            params: params.clone(),
            given: Vec::new(),
            outs: Vec::new(),
            entered: entered.clone().unwrap_or_default(),
            left: left.clone().unwrap_or_default(),
        })
        .collect()
}
