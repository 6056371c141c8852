//! Places: what an lvalue is called, the same however it is spelled.
//!
//! `p->f` and `(*p).f` are one place, and what lies in a known block is named after the block,
//! whichever variable it is reached through.

use std::collections::HashMap;

use super::value::{SiteId, is_old, old};
use crate::c::Symbol;
use crate::c::syntax::tree::ExprId;
use crate::c::types::EntityId;

/// A place: an index into [`Places`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlaceId(u32);

/// An index of an array.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Index {
    /// A number.
    Number(i64),
    /// An expression: how it is spelled, and what it reads.
    Text(String, Vec<PlaceId>),
    /// Any element.
    Any,
}

/// What a place is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A variable.
    Variable(EntityId),
    /// The start of a block.
    Block(SiteId),
    /// The variable that is inserted to hold a block which moves in front of its statement.
    Temporary(SiteId),
    /// The structure that an expression makes, until it is copied.
    Made(ExprId),
    /// What a pointer that lies in a place points to.
    Pointee(PlaceId),
    /// A member.
    Field(PlaceId, Symbol),
    /// An element of an array, or what lies behind the start of a block.
    Element(PlaceId, Index),
}

/// All places that were met.
#[derive(Clone, Debug, Default)]
pub struct Places {
    nodes: Vec<Node>,
    /// By place: how many steps lead to it.
    depth: Vec<u8>,
    known: HashMap<Node, PlaceId>,
}

/// Places more steps away from a variable are not followed: loops would make ever longer ones.
const DEEP: u8 = 10;

impl Places {
    /// The number of a place; none if it is too many steps away.
    pub fn add(&mut self, node: Node) -> Option<PlaceId> {
        if let Some(&known) = self.known.get(&node) {
            return Some(known);
        }
        let depth = match &node {
            Node::Variable(_) | Node::Block(_) | Node::Temporary(_) | Node::Made(_) => 0,
            Node::Pointee(of) | Node::Field(of, _) | Node::Element(of, _) => {
                self.depth[of.0 as usize] + 1
            }
        };
        if depth > DEEP {
            return None;
        }
        let id = PlaceId(self.nodes.len() as u32);
        self.nodes.push(node.clone());
        self.depth.push(depth);
        self.known.insert(node, id);
        Some(id)
    }

    /// What a place is.
    pub fn node(&self, place: PlaceId) -> &Node {
        &self.nodes[place.0 as usize]
    }

    /// How many steps lead to a place.
    pub fn depth(&self, place: PlaceId) -> u8 {
        self.depth[place.0 as usize]
    }

    /// The place that this one is a part of, or reached through.
    pub fn parent(&self, place: PlaceId) -> Option<PlaceId> {
        match *self.node(place) {
            Node::Variable(_) | Node::Block(_) | Node::Temporary(_) | Node::Made(_) => None,
            Node::Pointee(of) | Node::Field(of, _) | Node::Element(of, _) => Some(of),
        }
    }

    /// The place and those it is reached through, up to a variable or block.
    pub fn way(&self, place: PlaceId) -> impl Iterator<Item = PlaceId> + '_ {
        std::iter::successors(Some(place), |&at| self.parent(at))
    }

    /// The variable or block that a place is reached from.
    pub fn root(&self, place: PlaceId) -> PlaceId {
        self.way(place).last().unwrap_or(place)
    }

    /// The variable that a place is a part of, or reached through.
    pub fn variable_of(&self, place: PlaceId) -> Option<EntityId> {
        match *self.node(self.root(place)) {
            Node::Variable(entity) => Some(entity),
            _ => None,
        }
    }

    /// The block that a place is a part of, or reached through.
    pub fn block_of(&self, place: PlaceId) -> Option<SiteId> {
        match *self.node(self.root(place)) {
            Node::Block(site) => Some(site),
            _ => None,
        }
    }

    /// Whether a place is a part of a structure that an expression makes.
    pub fn is_made(&self, place: PlaceId) -> bool {
        matches!(self.node(self.root(place)), Node::Made(_))
    }

    /// Whether a place is a part of its variable or block, with no pointer followed on the way.
    pub fn is_direct(&self, place: PlaceId) -> bool {
        self.way(place)
            .all(|at| !matches!(self.node(at), Node::Pointee(_)))
    }

    /// Whether what a place is changes when `on` is written: it is reached through it, or an index
    /// on the way reads it.
    pub fn depends(&self, place: PlaceId, on: PlaceId) -> bool {
        let within = |place: PlaceId| self.way(place).any(|at| at == on);
        self.way(place).any(|at| match self.node(at) {
            Node::Element(_, Index::Text(_, reads)) => reads.iter().any(|&r| within(r)),
            _ => false,
        }) || self.way(place).skip(1).any(|at| at == on)
    }

    /// The place of all elements that this one is among; none if no index is on the way.
    pub fn any_of(&mut self, place: PlaceId) -> Option<PlaceId> {
        let indexed = |at| matches!(self.node(at), Node::Element(..));
        if !self.way(place).any(indexed) {
            return None;
        }
        let of = self.parent(place)?;
        let of = self.any_of(of).unwrap_or(of);
        let node = match self.node(place).clone() {
            Node::Element(..) => Node::Element(of, Index::Any),
            Node::Field(_, name) => Node::Field(of, name),
            Node::Pointee(_) => Node::Pointee(of),
            root @ (Node::Variable(_) | Node::Block(_) | Node::Temporary(_) | Node::Made(_)) => {
                root
            }
        };
        self.add(node)
    }

    /// Whether it stands for several elements.
    pub fn is_any(&self, place: PlaceId) -> bool {
        self.way(place).any(|at| match self.node(at) {
            Node::Element(_, Index::Any) => true,
            Node::Block(site) => is_old(*site),
            _ => false,
        })
    }

    /// Whether a place is a part of another one: no pointer is followed from there to here.
    pub fn is_part(&self, place: PlaceId, of: PlaceId) -> bool {
        place != of
            && self
                .way(place)
                .take_while(|&at| !matches!(self.node(at), Node::Pointee(_)) || at == of)
                .any(|at| at == of)
    }

    /// The place that is to `to` what `place` is to `from`.
    pub fn moved(&mut self, place: PlaceId, from: PlaceId, to: PlaceId) -> Option<PlaceId> {
        if place == from {
            return Some(to);
        }
        let of = self.parent(place)?;
        let of = self.moved(of, from, to)?;
        let node = match self.node(place).clone() {
            Node::Element(_, index) => Node::Element(of, index),
            Node::Field(_, name) => Node::Field(of, name),
            Node::Pointee(_) => Node::Pointee(of),
            Node::Variable(_) | Node::Block(_) | Node::Temporary(_) | Node::Made(_) => return None,
        };
        self.add(node)
    }

    /// The same place in the blocks of earlier iterations.
    pub fn aged(&mut self, place: PlaceId, site: SiteId) -> Option<PlaceId> {
        let from = self.add(Node::Block(site))?;
        let to = self.add(Node::Block(old(site)))?;
        self.moved(place, from, to)
    }

    /// Whether two different places may be the same one, because they differ in indices alone.
    pub fn may_be(&self, a: PlaceId, b: PlaceId) -> bool {
        if a == b || self.depth(a) != self.depth(b) {
            return false;
        }
        self.way(a)
            .zip(self.way(b))
            .all(|(a, b)| match (self.node(a), self.node(b)) {
                (Node::Element(_, Index::Number(i)), Node::Element(_, Index::Number(k))) => i == k,
                (Node::Element(..), Node::Element(..)) | (Node::Pointee(_), Node::Pointee(_)) => {
                    true
                }
                (Node::Field(_, a), Node::Field(_, b)) => a == b,
                (a, b) => a == b,
            })
    }
}
