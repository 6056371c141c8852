//! C types, as far as pointers need them.

use rustc_hash::FxHashMap as HashMap;

use super::vars::Var;
use crate::c::Symbol;

/// Index of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TypeId(pub u32);

/// Index of a structure or union.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RecordId(pub u32);

/// A type.
#[derive(Clone, Debug)]
pub enum Type {
    /// Nothing is known of it.
    Unknown,
    /// `void`
    Void,
    /// A number: integer, floating, enumeration, boolean.
    Number,
    /// A number wide enough for an address, and the address space it may be one of.
    Address(Var),
    /// A structure or union.
    Record(RecordId),
    /// A pointer.
    Pointer {
        /// What it points to.
        to: TypeId,
        /// The address space of what it points to.
        space: Var,
    },
    /// An array.
    Array {
        /// Its elements.
        of: TypeId,
    },
    /// A function.
    Function {
        /// What it returns.
        ret: TypeId,
        /// Its parameters.
        params: Vec<TypeId>,
    },
}

/// A member of a structure or union.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name; `None` for an anonymous structure or union, whose members count as members.
    pub name: Option<Symbol>,
    /// Its type.
    pub ty: TypeId,
}

/// A structure or union.
#[derive(Clone, Debug, Default)]
pub struct Record {
    /// Its members, once they are known.
    pub fields: Vec<Field>,
    /// Members by name, those of anonymous members too.
    by_name: HashMap<Symbol, TypeId>,
    /// Its members are known.
    pub complete: bool,
}

/// All types of a translation unit.
#[derive(Debug)]
pub struct Types {
    types: Vec<Type>,
    records: Vec<Record>,
}

impl Types {
    /// The unknown type.
    pub const UNKNOWN: TypeId = TypeId(0);
    /// `void`
    pub const VOID: TypeId = TypeId(1);
    /// Any number.
    pub const NUMBER: TypeId = TypeId(2);

    pub fn new() -> Self {
        Self {
            types: vec![Type::Unknown, Type::Void, Type::Number],
            records: Vec::new(),
        }
    }

    pub fn add(&mut self, ty: Type) -> TypeId {
        self.types.push(ty);
        TypeId(self.types.len() as u32 - 1)
    }

    pub fn get(&self, id: TypeId) -> &Type {
        &self.types[id.0 as usize]
    }

    pub fn new_record(&mut self) -> RecordId {
        self.records.push(Record::default());
        RecordId(self.records.len() as u32 - 1)
    }

    pub fn record(&self, id: RecordId) -> &Record {
        &self.records[id.0 as usize]
    }

    /// Gives a record its members.
    pub fn complete(&mut self, id: RecordId, fields: Vec<Field>) {
        let mut by_name = HashMap::with_capacity_and_hasher(fields.len(), Default::default());
        for field in &fields {
            match (field.name, self.get(field.ty)) {
                (Some(name), _) => {
                    by_name.insert(name, field.ty);
                }
                (None, Type::Record(inner)) => {
                    by_name.extend(self.record(*inner).by_name.iter().map(|(&n, &t)| (n, t)));
                }
                (None, _) => {}
            }
        }
        let record = &mut self.records[id.0 as usize];
        record.fields = fields;
        record.by_name = by_name;
        record.complete = true;
    }

    /// The member `name` of a type, if that is a record which has it.
    pub fn member(&self, ty: TypeId, name: Symbol) -> Option<TypeId> {
        match self.get(ty) {
            Type::Record(record) => self.record(*record).by_name.get(&name).copied(),
            _ => None,
        }
    }

    pub fn pointer(&self, ty: TypeId) -> Option<(TypeId, Var)> {
        match self.get(ty) {
            Type::Pointer { to, space } => Some((*to, *space)),
            _ => None,
        }
    }

    pub fn is_pointer(&self, ty: TypeId) -> bool {
        matches!(self.get(ty), Type::Pointer { .. })
    }

    /// The element behind all arrays around it.
    pub fn element(&self, mut ty: TypeId) -> TypeId {
        while let Type::Array { of } = self.get(ty) {
            ty = *of;
        }
        ty
    }

    /// Whether a value of this type holds a pointer somewhere.
    pub fn holds_pointer(&self, ty: TypeId) -> bool {
        self.holds(ty, 0)
    }

    fn holds(&self, ty: TypeId, depth: usize) -> bool {
        match self.get(self.element(ty)) {
            Type::Pointer { .. } | Type::Address(_) => true,
            Type::Record(record) if depth < 16 => self
                .record(*record)
                .fields
                .iter()
                .any(|f| self.holds(f.ty, depth + 1)),
            _ => false,
        }
    }
}
