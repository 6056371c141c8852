//! What is known of a call of a function of the program.

use super::flow::Lent;
use super::value::{ANY, Doubt, Fate, ZERO};
use crate::c::Symbol;
use crate::rewrite::project::{FunctionFacts, ParameterFacts};

/// A step on the way from what a parameter points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hop {
    /// To what the pointer there points to.
    Pointee,
    /// To a member.
    Field(Symbol),
    /// To an element; `None` for any.
    Element(Option<i64>),
}

/// The steps on the way from what a parameter points to.
pub type Suffix = Vec<Hop>;

/// A place that a parameter leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The parameter.
    pub param: usize,
    /// The steps from what it points to.
    pub suffix: Suffix,
    /// What lies there, rather than the parameter itself.
    pub loaded: bool,
}

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
    /// What lies where parameters lead and is followed before a check.
    pub deep: Vec<Given>,
    /// A check that is inserted makes it return NULL.
    pub gives_up: bool,
}

/// One way a function can end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it returns.
    pub returned: Returned,
    /// What the structure that it returns holds, by the steps that lead there.
    pub parts: Vec<(Suffix, Returned)>,
    /// What holds for its parameters.
    pub params: Vec<Effect>,
    /// What becomes of what places hold that its parameters lead to.
    pub given: Vec<(Given, Fate)>,
    /// What it stores in places that its parameters lead to.
    pub outs: Vec<(Given, Returned)>,
    /// What it got from the kernel and has not given back, with the object.
    pub entered: Vec<(Lent, Option<Given>)>,
    /// What it gave back that it had not got: the call, and the object.
    pub left: Vec<(String, Option<Given>)>,
}

/// What an outcome says of a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// It can only come about if the argument is one of these.
    pub signs: u8,
    /// What became of the block.
    pub fate: Option<Fate>,
}

/// A pointer in a block that a function hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The steps from the block to the place.
    pub suffix: Suffix,
    /// What lies there.
    pub returned: Returned,
    /// It may be NULL, because there was no memory.
    pub perhaps: bool,
}

/// A value that a function hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returned {
    /// A block.
    Fresh {
        /// The caller owns it.
        owned: bool,
        /// The kernel lends it.
        lent: Option<Lent>,
        /// What places in it hold.
        holds: Vec<Hold>,
    },
    /// NULL, because there was no memory.
    Failed,
    /// The place is left as it was, because there was no memory; where others outcomes store a
    /// block (`true`).
    Kept(bool),
    /// What a parameter is, or what lies where it leads; one of these.
    Led {
        /// The places.
        from: Vec<Given>,
        /// It is what lies there; else something inside of the same block.
        whole: bool,
        /// It is among these.
        signs: u8,
    },
    /// Anything else.
    Plain(u8, Option<i64>),
}

impl Summary {
    /// What a function with so many parameters does that is not followed to its end: the worst.
    pub fn unknown(params: usize) -> Self {
        let worst = Effect {
            signs: ANY,
            fate: Some(Fate::Unknown(Doubt::Unread)),
        };
        Self {
            outcomes: vec![Outcome {
                returned: Returned::Plain(ANY, None),
                parts: Vec::new(),
                params: vec![worst; params],
                given: Vec::new(),
                outs: Vec::new(),
                entered: Vec::new(),
                left: Vec::new(),
            }],
            uses: vec![true; params],
            allocates: false,
            keeps: vec![true; params],
            deep: Vec::new(),
            gives_up: false,
        }
    }

    /// The facts for other files.
    pub fn facts(&self) -> FunctionFacts {
        let parameters = self.uses.iter().zip(&self.keeps).enumerate();
        FunctionFacts {
            allocates: self.allocates,
            parameters: parameters
                .map(|(index, (&dereferences, &keeps))| ParameterFacts {
                    dereferences,
                    keeps,
                    frees: self.frees(index),
                })
                .collect(),
        }
    }

    /// Whether a parameter that is not NULL is freed in any case.
    pub fn frees(&self, param: usize) -> bool {
        let mut met = false;
        let all = self.outcomes.iter().all(|outcome| {
            let Some(effect) = outcome.params.get(param) else {
                return false;
            };
            let null = effect.signs == ZERO;
            met |= !null;
            null || effect.fate == Some(Fate::Freed)
        });
        all && met
    }

    /// Whether a block that is passed is the callee's, or held by what it returns, where there is
    /// memory, and the caller's where there is not.
    pub fn takes(&self, param: usize) -> bool {
        let kept = |outcome: &Outcome| {
            outcome
                .params
                .get(param)
                .is_some_and(|effect| effect.fate.is_none() && effect.signs != ZERO)
        };
        let held = |outcome: &Outcome| match &outcome.returned {
            Returned::Fresh { holds, .. } => {
                let of_param = |given: &Given| given.param == param && !given.loaded;
                let led = |hold: &Hold| matches!(&hold.returned, Returned::Led { from, .. } if from.iter().any(of_param));
                !kept(outcome) || holds.iter().any(led)
            }
            _ => false,
        };
        let failed = |outcome: &Outcome| outcome.returned == Returned::Failed && kept(outcome);
        self.outcomes.iter().any(failed) && self.outcomes.iter().any(held)
    }

    /// What is known of a function of another file.
    pub fn from_facts(facts: &FunctionFacts) -> Self {
        let effect = |parameter: &ParameterFacts| Effect {
            signs: ANY,
            fate: match (parameter.frees, parameter.keeps) {
                (true, _) => Some(Fate::Freed),
                (false, true) => Some(Fate::Unknown(Doubt::Unread)),
                (false, false) => None,
            },
        };
        let params: Vec<Effect> = facts.parameters.iter().map(effect).collect();
        let outcome = |returned| Outcome {
            returned,
            parts: Vec::new(),
            params: params.clone(),
            given: Vec::new(),
            outs: Vec::new(),
            entered: Vec::new(),
            left: Vec::new(),
        };
        let fresh = Returned::Fresh {
            owned: true,
            lent: None,
            holds: Vec::new(),
        };
        let outcomes = match facts.allocates {
            true => vec![outcome(fresh), outcome(Returned::Failed)],
            false => vec![outcome(Returned::Plain(ANY, None))],
        };
        Self {
            outcomes,
            uses: facts.parameters.iter().map(|p| p.dereferences).collect(),
            allocates: facts.allocates,
            keeps: facts.parameters.iter().map(|p| p.keeps).collect(),
            deep: Vec::new(),
            gives_up: false,
        }
    }
}
