//! How a place is reached: from a parameter, and as it is written in C.

use super::flow::{Flow, Source};
use super::outcome::{Hop, Suffix};
use super::place::{Index, Node, PlaceId};
use super::value::{SiteId, State, Value};
use crate::c::types::{EntityId, Type};

/// A parameter leads no further than this many steps: more nobody writes.
const HOPS: usize = 6;

impl Flow<'_> {
    /// The way from a parameter to a place.
    pub fn suffix_of(&self, place: PlaceId) -> Option<(usize, Suffix)> {
        let root = self.places.root(place);
        let (param, mut suffix) = match self.places.node(root) {
            Node::Block(site) => match &self.sites.get(*site as usize)?.source {
                Source::Param(param) => (*param, Suffix::new()),
                Source::Inner(param, suffix) => {
                    let mut suffix = suffix.clone();
                    suffix.push(Hop::Pointee);
                    (*param, suffix)
                }
                _ => return None,
            },
            Node::Variable(variable) => (self.structure_param(*variable)?, Suffix::new()),
            _ => return None,
        };
        suffix.extend(self.hops(root, place)?);
        (suffix.len() <= HOPS).then_some((param, suffix))
    }

    /// The number of a parameter that is a structure, if parameters are followed: what it holds is
    /// the caller's.
    pub fn structure_param(&self, variable: EntityId) -> Option<usize> {
        let info = self.model().info(self.function);
        let at = info.params.iter().position(|&p| p == Some(variable));
        at.filter(|_| {
            let ty = self.model()[variable].ty;
            self.params && matches!(self.model()[ty], Type::Record(_))
        })
    }

    /// The steps from a place to one that is a part of it, or reached through it.
    pub fn hops(&self, from: PlaceId, place: PlaceId) -> Option<Suffix> {
        let mut hops = Suffix::new();
        for at in self.places.way(place) {
            if at == from {
                hops.reverse();
                return Some(hops);
            }
            hops.push(match self.places.node(at) {
                Node::Block(_) | Node::Variable(_) | Node::Temporary(_) | Node::Made(_) => break,
                Node::Pointee(_) => Hop::Pointee,
                Node::Field(_, name) => Hop::Field(*name),
                Node::Element(_, Index::Number(at)) => Hop::Element(Some(*at)),
                Node::Element(..) => Hop::Element(None),
            });
        }
        None
    }

    /// The place that an argument leads to by these steps.
    pub fn follow_suffix(
        &mut self,
        st: &State,
        argument: &Value,
        place: Option<PlaceId>,
        suffix: &Suffix,
    ) -> Option<PlaceId> {
        let mut at = self.pointee(argument, place).one()?;
        for hop in suffix {
            at = match *hop {
                Hop::Pointee => {
                    let value = st.get(&mut self.places, at);
                    self.pointee(&value, Some(at)).one()?
                }
                Hop::Field(name) => self.places.add(Node::Field(at, name))?,
                Hop::Element(Some(0)) => match self.places.node(at) {
                    Node::Element(..) => at,
                    _ => self.element(at, 0)?,
                },
                Hop::Element(Some(by)) => match self.places.node(at) {
                    Node::Element(..) => self.neighbour(at, Some(by))?,
                    _ => self.element(at, by)?,
                },
                Hop::Element(None) => match self.places.node(at) {
                    Node::Element(..) => self.neighbour(at, None)?,
                    _ => self.places.add(Node::Element(at, Index::Any))?,
                },
            };
        }
        Some(at)
    }

    /// The same place, reached from a variable: through one that holds the block.
    pub fn named(&mut self, place: PlaceId, st: &State) -> Option<PlaceId> {
        /// Blocks that hold blocks that hold blocks: longer names nobody reads.
        const DEEP: usize = 4;
        let mut at = place;
        for _ in 0..DEEP {
            let Some(site) = self.places.block_of(at) else {
                return Some(at);
            };
            let root = self.places.root(at);
            let holder = st
                .env
                .iter()
                .filter(|(_, value)| value.sole() == Some(site))
                .map(|(&holder, _)| holder)
                .filter(|&holder| {
                    let hidden = self
                        .places
                        .variable_of(holder)
                        .is_some_and(|v| self.is_hidden(v));
                    !hidden && !self.places.is_any(holder) && self.places.root(holder) != root
                })
                .min_by_key(|&holder| {
                    let block = self.places.block_of(holder).is_some();
                    (block, self.places.depth(holder), holder)
                })?;
            let to = self.places.add(Node::Pointee(holder))?;
            at = self.places.moved(at, root, to)?;
        }
        None
    }

    /// A place as C.
    pub fn spell(&self, place: PlaceId) -> Option<String> {
        Some(match self.places.node(place) {
            Node::Variable(entity) => self.ctx.name(self.model()[*entity].name),
            Node::Block(_) | Node::Made(_) => return None,
            Node::Temporary(site) => self.temporaries.get(site)?.clone(),
            &Node::Pointee(of) => format!("*{}", self.spell(of)?),
            &Node::Field(of, name) => {
                let name = self.ctx.name(name);
                match *self.places.node(of) {
                    Node::Pointee(pointer) => format!("{}->{name}", self.tight(pointer)?),
                    _ => format!("{}.{name}", self.tight(of)?),
                }
            }
            Node::Element(of, index) => {
                let of = match *self.places.node(*of) {
                    Node::Pointee(pointer) => pointer,
                    _ => *of,
                };
                let index = match index {
                    Index::Number(number) => number.to_string(),
                    Index::Text(text, _) => text.clone(),
                    Index::Any => return None,
                };
                format!("{}[{index}]", self.tight(of)?)
            }
        })
    }

    fn tight(&self, place: PlaceId) -> Option<String> {
        let text = self.spell(place)?;
        Some(match text.starts_with('*') {
            true => format!("({text})"),
            false => text,
        })
    }
}

/// The name of a place in a block that a call returned, by the variable that holds the block.
pub fn part_name(flow: &mut Flow, site: SiteId) -> Option<String> {
    let of = |(&holder, parts): (&SiteId, &Vec<(SiteId, Suffix)>)| {
        let part = parts.iter().find(|(part, _)| *part == site)?;
        Some((holder, part.1.clone()))
    };
    let (holder, suffix) = flow.parts.iter().find_map(of)?;
    let steps = flow.steps(&suffix)?;
    let through = flow.sites[holder as usize].through;
    let name = match through.map(|place| flow.places.block_of(place)) {
        Some(Some(_)) => part_name(flow, holder)?,
        Some(None) => plain_name(flow, through?)?,
        None => {
            let place = flow.stored.get(&holder)?.place;
            plain_name(flow, place)?
        }
    };
    Some(name + &steps)
}

/// The name of a place that starts at a variable of the file.
pub fn plain_name(flow: &mut Flow, place: PlaceId) -> Option<String> {
    let variable = flow.places.variable_of(place)?;
    if flow.is_hidden(variable) || flow.places.is_any(place) {
        return None;
    }
    flow.spell(place)
}
