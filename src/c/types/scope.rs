//! Which names can be seen.

use rustc_hash::FxHashMap;

use super::{EntityId, EnumId, RecordId};
use crate::c::Symbol;

/// What a tag stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag {
    Record(RecordId),
    Enum(EnumId),
}

/// The names of a file, a block, a `for`, or a list of parameters.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub names: FxHashMap<Symbol, EntityId>,
    pub tags: FxHashMap<Symbol, Tag>,
    /// Of a list of parameters: a tag that is mentioned here first belongs to the file, although C
    /// says otherwise, for no program means that.
    pub prototype: bool,
}

/// The scopes inside the file's, the innermost last.
#[derive(Debug, Default)]
pub(super) struct Scopes(pub Vec<Scope>);

impl Scopes {
    pub fn name(&self, name: Symbol) -> Option<EntityId> {
        let mut inner = self.0.iter().rev();
        inner.find_map(|scope| scope.names.get(&name).copied())
    }

    pub fn tag(&self, tag: Symbol) -> Option<Tag> {
        let mut inner = self.0.iter().rev();
        inner.find_map(|scope| scope.tags.get(&tag).copied())
    }

    pub fn push(&mut self) {
        self.0.push(Scope::default());
    }

    pub fn pop(&mut self) -> Scope {
        self.0.pop().unwrap_or_default()
    }
}
