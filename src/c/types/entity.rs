//! What names stand for.

use super::TypeId;
use crate::c::Symbol;
use crate::c::syntax::tree::{DeclaratorId, FunctionId, Tok};

/// What a name stands for: an index into [`super::Model::entities`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(pub u32);

/// What a name stands for. All declarations of one object or function of the file are one entity.
#[derive(Clone, Debug)]
pub struct Entity {
    /// The name.
    pub name: Symbol,
    /// Where the name is declared first; `None` for what is declared nowhere.
    pub tok: Option<Tok>,
    /// What it is.
    pub kind: EntityKind,
    /// Its type; of several declarations that of the one that says most: a definition, a
    /// prototype, an array with a length.
    pub ty: TypeId,
    /// Its declarations; the definition of a function comes first. Each has a type of its own
    /// ([`super::Model::declarator_type`]).
    pub declarators: Vec<DeclaratorId>,
}

/// What an entity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntityKind {
    /// An object.
    Object {
        /// Where it lives.
        storage: Storage,
        /// The function that declares it; `None` for an object of the file, and for a parameter of
        /// a prototype.
        function: Option<FunctionId>,
    },
    /// A function.
    Function {
        /// Its body.
        definition: Option<FunctionId>,
        /// Other files cannot name it: `static`, or nested in another function.
        internal: bool,
        /// It is called before any declaration.
        implicit: bool,
        /// It belongs to the compiler.
        builtin: bool,
    },
    /// The name of a type.
    Typedef,
    /// A constant of an enumeration, with its value.
    Enumerator(i128),
}

/// Where an object lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// A parameter.
    Parameter,
    /// A variable of a block.
    Local,
    /// A `static` variable of a block.
    LocalStatic,
    /// A `static` object of the file.
    FileStatic,
    /// An object that other files can name, and that this one defines.
    External,
    /// An object that another file defines: all its declarations here are `extern`.
    ExternOnly,
}

impl Entity {
    /// The body of a function that the unit defines.
    pub fn definition(&self) -> Option<FunctionId> {
        match self.kind {
            EntityKind::Function { definition, .. } => definition,
            _ => None,
        }
    }

    /// Whether it is a function.
    pub fn is_function(&self) -> bool {
        matches!(self.kind, EntityKind::Function { .. })
    }

    /// Whether it is a function with internal linkage, which no other unit names.
    pub fn is_internal_function(&self) -> bool {
        matches!(self.kind, EntityKind::Function { internal: true, .. })
    }

    /// Where it lives, if it is an object.
    pub fn storage(&self) -> Option<Storage> {
        match self.kind {
            EntityKind::Object { storage, .. } => Some(storage),
            _ => None,
        }
    }

    /// Whether it is a variable or a parameter that lives as long as a call of its function.
    pub fn is_automatic(&self) -> bool {
        matches!(self.storage(), Some(Storage::Local | Storage::Parameter))
    }
}
