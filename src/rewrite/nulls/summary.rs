//! What a call of a function of the program does, found by following the function itself.

use super::super::project::{FunctionFacts, ParameterFacts};
use super::flow::{Flow, Source};
use super::head::{Head, Returns};
use super::value::{ANY, Fate, NEG, POS, SiteId, State, Value, ZERO};

/// How many parameters are followed; each doubles the number of paths.
const FOLLOWED: usize = 4;

/// How many ways out of a function are told apart.
const OUTCOMES: usize = 12;

/// What a function does, for its callers.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The ways it can end.
    pub outcomes: Vec<Outcome>,
    /// For each parameter whether it is followed before a check.
    pub uses: Vec<bool>,
    /// It can return a block, or NULL for want of one.
    pub allocates: bool,
    /// For each parameter whether it may be kept or freed.
    pub keeps: Vec<bool>,
}

/// One way a function can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it returns.
    pub returned: Returned,
    /// What holds for its parameters.
    pub params: Vec<Effect>,
    /// What it stores where its parameters point: parameter, rest of the access path, value.
    pub outs: Vec<(usize, String, Returned)>,
}

/// What an outcome says of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effect {
    /// It can only come about if the argument is one of these.
    pub signs: u8,
    /// What became of the block.
    pub fate: Option<Fate>,
}

/// A value that a function hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// A block that the caller owns.
    Fresh,
    /// NULL, because there was no memory.
    Failed,
    /// One of its parameters.
    Argument(usize),
    /// Anything else.
    Plain(u8, Option<i64>),
}

impl Summary {
    /// What a function does that is not followed to its end: the worst.
    pub fn unknown(head: &Head) -> Self {
        let worst = Effect {
            signs: ANY,
            fate: Some(Fate::Escaped),
        };
        Self {
            outcomes: vec![Outcome {
                returned: Returned::Plain(ANY, None),
                params: vec![worst; head.params.len()],
                outs: Vec::new(),
            }],
            uses: vec![true; head.params.len()],
            allocates: false,
            keeps: vec![true; head.params.len()],
        }
    }

    /// The facts for other files.
    pub fn facts(&self) -> FunctionFacts {
        FunctionFacts {
            allocates: self.allocates,
            parameters: self
                .uses
                .iter()
                .zip(&self.keeps)
                .map(|(&dereferences, &keeps)| ParameterFacts {
                    dereferences,
                    keeps,
                })
                .collect(),
        }
    }
}

/// What is known of a function of another file.
pub fn from_facts(facts: &FunctionFacts) -> (Vec<Outcome>, Vec<bool>) {
    let params: Vec<Effect> = facts
        .parameters
        .iter()
        .map(|parameter| Effect {
            signs: ANY,
            fate: parameter.keeps.then_some(Fate::Escaped),
        })
        .collect();
    let outcome = |returned| Outcome {
        returned,
        params: params.clone(),
        outs: Vec::new(),
    };
    let outcomes = if facts.allocates {
        vec![outcome(Returned::Fresh), outcome(Returned::Failed)]
    } else {
        vec![outcome(Returned::Plain(ANY, None))]
    };
    let uses = facts.parameters.iter().map(|p| p.dereferences).collect();
    (outcomes, uses)
}

impl Flow<'_> {
    /// Paths for every combination of parameters that are NULL and that are not.
    pub fn start(&mut self, head: &Head, follow_params: bool) -> Vec<State> {
        let mut states = vec![State::default()];
        for (index, param) in head.params.iter().enumerate() {
            self.locals.insert(param.name.clone());
            if !follow_params || !param.pointer || param.name.is_empty() || index >= FOLLOWED {
                continue;
            }
            let site = self.site(crate::c::Span::at(0), index, Source::Param(index));
            let mut next = Vec::new();
            for st in states {
                let mut valid = st.clone();
                valid.fates.insert(site, Fate::Owned);
                valid.put(&param.name, Value::block(site));
                let mut null = st;
                null.fates.insert(site, Fate::Failed);
                null.put(&param.name, Value::failure(site));
                next.extend([valid, null]);
            }
            states = next;
        }
        states
    }

    /// Puts together what the exits of a followed function say.
    pub fn summarise(&mut self, head: &Head) -> Summary {
        let count = head.params.len();
        let mut sites: Vec<Option<SiteId>> = vec![None; count];
        for (site, info) in self.sites.iter().enumerate() {
            if let Source::Param(index) = info.source {
                sites[index] = Some(site as SiteId);
            }
        }
        let mut exits = std::mem::take(&mut self.exits);
        for states in self.leaving.values() {
            let value = match head.returns {
                Returns::Pointer | Returns::Bool => ZERO,
                Returns::Signed => NEG,
                _ => ANY,
            };
            exits.extend(states.iter().map(|st| (st.clone(), Value::signs(value))));
        }
        let fresh = exits.iter().any(|(_, value)| self.is_fresh(value));
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (st, value) in &exits {
            let params = (0..count)
                .map(|index| effect(sites[index], st, head.params[index].pointer))
                .collect::<Vec<_>>();
            let outs = self.outs(&sites, st);
            for returned in self.hand_out(value, &sites, fresh) {
                let outcome = Outcome {
                    returned,
                    params: params.clone(),
                    outs: outs.clone(),
                };
                if !outcomes.contains(&outcome) {
                    outcomes.push(outcome);
                }
            }
        }
        if outcomes.len() > OUTCOMES {
            outcomes = coarse(&outcomes, count);
        }
        let uses = sites
            .iter()
            .zip(&head.params)
            .map(|(site, param)| match site {
                Some(site) => self.missing.contains_key(site),
                None => param.pointer,
            })
            .collect();
        let keeps = (0..count)
            .map(|index| outcomes.iter().any(|o| o.params[index].fate.is_some()))
            .collect();
        Summary {
            allocates: outcomes
                .iter()
                .any(|outcome| outcome.returned == Returned::Fresh),
            outcomes,
            uses,
            keeps,
        }
    }

    fn is_fresh(&self, value: &Value) -> bool {
        value.blocks.iter().any(|&site| self.is_block(site)) && value.whole
    }

    /// Whether a site is an allocation, not a parameter or a reference of the kernel.
    fn is_block(&self, site: SiteId) -> bool {
        self.sites
            .get(super::value::origin(site) as usize)
            .is_some_and(|site| matches!(site.source, Source::Alloc(_) | Source::Function(_)))
    }

    /// What a value is to the caller; two things where it may be either.
    fn hand_out(&self, value: &Value, sites: &[Option<SiteId>], fresh: bool) -> Vec<Returned> {
        if let [site] = value.blocks[..]
            && value.failed.is_empty()
            && let Some(index) = sites.iter().position(|s| *s == Some(site))
        {
            return vec![Returned::Argument(index)];
        }
        if let ([], [site]) = (&value.blocks[..], &value.failed[..])
            && let Some(index) = sites.iter().position(|s| s == &Some(*site))
        {
            // NULL went in, NULL comes out.
            return vec![Returned::Argument(index)];
        }
        let mut all = Vec::new();
        if self.is_fresh(value) {
            all.push(Returned::Fresh);
        } else if value.signs & !ZERO != 0 {
            let exact = value.exact.filter(|_| value.signs != ZERO);
            all.push(Returned::Plain(value.signs & !ZERO, exact));
        }
        if value.signs & ZERO != 0 {
            if fresh || value.failed.iter().any(|&site| self.is_block(site)) {
                all.push(Returned::Failed);
            } else if let [Returned::Plain(signs, _)] = &mut all[..] {
                *signs |= ZERO;
            } else {
                all.push(Returned::Plain(ZERO, Some(0)));
            }
        }
        all
    }

    fn outs(&self, sites: &[Option<SiteId>], st: &State) -> Vec<(usize, String, Returned)> {
        let mut outs = Vec::new();
        for (index, site) in sites.iter().enumerate() {
            let Some(site) = site else { continue };
            let root = format!("#{site}[0]");
            for (path, value) in &st.env {
                let Some(suffix) = path.strip_prefix(&root) else {
                    continue;
                };
                if !value.is_tracked() || suffix.contains('*') {
                    continue;
                }
                if let [returned @ (Returned::Fresh | Returned::Failed)] =
                    &self.hand_out(value, sites, false)[..]
                {
                    outs.push((index, suffix.to_owned(), returned.clone()));
                }
            }
        }
        outs
    }
}

fn effect(site: Option<SiteId>, st: &State, pointer: bool) -> Effect {
    let Some(site) = site else {
        let fate = pointer.then_some(Fate::Escaped);
        return Effect { signs: ANY, fate };
    };
    match st.fates.get(&site) {
        Some(Fate::Failed) => Effect {
            signs: ZERO,
            fate: None,
        },
        Some(Fate::Owned) => Effect {
            signs: NEG | POS,
            fate: None,
        },
        Some(Fate::Perhaps) => Effect {
            signs: ANY,
            fate: None,
        },
        Some(fate) => Effect {
            signs: NEG | POS,
            fate: Some(*fate),
        },
        None => Effect {
            signs: ANY,
            fate: Some(Fate::Escaped),
        },
    }
}

/// One outcome for each kind of returned value.
fn coarse(outcomes: &[Outcome], count: usize) -> Vec<Outcome> {
    let mut params = vec![
        Effect {
            signs: ANY,
            fate: None
        };
        count
    ];
    for outcome in outcomes {
        for (all, one) in params.iter_mut().zip(&outcome.params) {
            if one.fate.is_some() {
                all.fate = Some(Fate::Escaped);
            }
        }
    }
    let mut kinds: Vec<Returned> = Vec::new();
    for outcome in outcomes {
        let kind = match &outcome.returned {
            Returned::Plain(..) => Returned::Plain(ANY, None),
            other => other.clone(),
        };
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds
        .into_iter()
        .map(|returned| Outcome {
            returned,
            params: params.clone(),
            outs: Vec::new(),
        })
        .collect()
}
