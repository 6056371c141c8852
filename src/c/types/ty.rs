//! The types of C.

use rustc_hash::FxHashMap;

use super::EntityId;
use crate::c::Symbol;
use crate::c::syntax::tree::{DeclId, DeclaratorId, Number};

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    };
}

index! {
    /// A type.
    ///
    /// Each pointer, array and function that a declarator writes is one of its own, even where
    /// another is spelled alike: what is found out of one (where it points to, say) can be kept by
    /// its id. Uses of a `typedef` share the types that it writes. `void`, the arithmetic types and
    /// each record and enumeration are one type however often they are written.
    TypeId
}
index! {
    /// A structure or union.
    RecordId
}
index! {
    /// An enumeration.
    EnumId
}

/// A type, without its qualifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Not known: of an expression that was not understood, or that no rule of C gives a type.
    Unknown,
    /// `void`
    Void,
    /// An arithmetic type.
    Number(Number),
    /// An enumeration.
    Enum(EnumId),
    /// A pointer.
    Pointer {
        /// What it points to.
        to: TypeId,
    },
    /// An array.
    Array {
        /// What it is an array of.
        of: TypeId,
        /// The number of elements, if it is known.
        len: Option<u64>,
        /// The number of elements is told at run time.
        variable: bool,
    },
    /// A function.
    Function {
        /// What it returns.
        ret: TypeId,
        /// Its parameters, arrays and functions as pointers. Those of a K&R definition too.
        params: Vec<TypeId>,
        /// There may be more arguments.
        variadic: bool,
        /// The parameters are declared, so that arguments are converted to them.
        prototyped: bool,
    },
    /// A structure or union.
    Record(RecordId),
}

/// A structure or union.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its tag.
    pub tag: Option<Symbol>,
    /// It is a union.
    pub is_union: bool,
    /// Its type.
    pub ty: TypeId,
    /// Its members, in their order; `None` while it is not defined.
    pub fields: Option<Vec<Field>>,
    /// The declaration whose specifiers define it.
    pub definition: Option<DeclId>,
    /// Its members have no alignment.
    pub packed: bool,
    /// The alignment that an attribute asks for, in bytes.
    pub aligned: Option<u64>,
    /// It belongs to the file, so that a definition may be found among the declarations that were
    /// not read yet.
    pub at_file_scope: bool,
    pub(super) layout: Option<Layout>,
}

/// A member of a structure or union.
#[derive(Clone, Debug)]
pub struct Field {
    /// Its name; `None` for an anonymous structure or union and for an unnamed bit-field.
    pub name: Option<Symbol>,
    /// Its type.
    pub ty: TypeId,
    /// Its declaration.
    pub decl: DeclId,
    /// Its declarator; `None` for an anonymous structure or union.
    pub declarator: Option<DeclaratorId>,
    /// The width of a bit-field, in bits.
    pub bits: Option<u64>,
    /// It has no alignment.
    pub packed: bool,
    /// The alignment that an attribute asks for, in bytes.
    pub aligned: Option<u64>,
}

impl Field {
    /// A bit-field without a name: no initializer is for it.
    pub fn is_padding(&self) -> bool {
        self.name.is_none() && self.declarator.is_some()
    }
}

/// A member, by its record and its place there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FieldRef {
    /// The structure or union.
    pub record: RecordId,
    /// The index into [`Record::fields`].
    pub index: u32,
}

/// Where the members of a record lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The size, in bytes.
    pub size: u64,
    /// The alignment, in bytes.
    pub align: u64,
    /// Where each member begins, in bits.
    pub offsets: Vec<u64>,
}

/// An enumeration.
#[derive(Clone, Debug)]
pub struct Enum {
    /// Its tag.
    pub tag: Option<Symbol>,
    /// Its type.
    pub ty: TypeId,
    /// The integer type that it is compatible with.
    pub number: Number,
    /// Its constants; none while it is not defined.
    pub constants: Vec<EntityId>,
}

impl Number {
    /// `_Bool`
    pub const BOOL: Self = Self::new(1, true, false, true);
    /// `char`
    pub const CHAR: Self = Self::new(1, false, false, false);
    /// `int`
    pub const INT: Self = Self::new(4, false, false, false);
    /// `unsigned int`
    pub const UINT: Self = Self::new(4, true, false, false);
    /// `long`
    pub const LONG: Self = Self::new(8, false, false, false);
    /// `unsigned long`
    pub const ULONG: Self = Self::new(8, true, false, false);
    /// `float`
    pub const FLOAT: Self = Self::new(4, false, true, false);
    /// `double`
    pub const DOUBLE: Self = Self::new(8, false, true, false);

    const fn new(size: u8, unsigned: bool, floating: bool, boolean: bool) -> Self {
        Self {
            size,
            unsigned,
            floating,
            boolean,
        }
    }

    /// An integer type.
    pub fn integer(size: u8, unsigned: bool) -> Self {
        Self::new(size, unsigned, false, false)
    }

    /// What it becomes as an operand: an integer narrower than `int` becomes `int`.
    pub fn promoted(self) -> Self {
        match self.size < 4 && !self.floating {
            true => Self::INT,
            false => self,
        }
    }

    /// The common type of two operands.
    pub fn common(self, other: Self) -> Self {
        if self.floating || other.floating {
            let floating = [self, other].into_iter().filter(|n| n.floating);
            return floating.max_by_key(|n| n.size).unwrap_or(self);
        }
        let (a, b) = (self.promoted(), other.promoted());
        match a.size.cmp(&b.size) {
            std::cmp::Ordering::Less => b,
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Equal => Self::integer(a.size, a.unsigned || b.unsigned),
        }
    }

    /// An integer's value after its conversion to this type; what is no integer keeps it.
    pub fn wrap(self, value: i128) -> i128 {
        if self.boolean {
            return i128::from(value != 0);
        }
        if self.floating || self.size >= 16 {
            return value;
        }
        let spare = 128 - 8 * u32::from(self.size);
        match self.unsigned {
            true => (value.cast_unsigned() << spare >> spare).cast_signed(),
            false => value << spare >> spare,
        }
    }
}

/// All types of a unit.
#[derive(Debug)]
pub(super) struct Types {
    pub list: Vec<Type>,
    numbers: FxHashMap<Number, TypeId>,
    /// The pointers that arrays and functions become.
    decay: FxHashMap<TypeId, TypeId>,
}

impl TypeId {
    /// Not known.
    pub const UNKNOWN: Self = Self(0);
    /// `void`
    pub const VOID: Self = Self(1);
    /// `int`
    pub const INT: Self = Self(2);
    /// `unsigned long`
    pub const ULONG: Self = Self(3);
    /// `char`
    pub const CHAR: Self = Self(4);
}

impl Types {
    pub fn new() -> Self {
        let mut types = Self {
            list: vec![Type::Unknown, Type::Void],
            numbers: FxHashMap::default(),
            decay: FxHashMap::default(),
        };
        for number in [Number::INT, Number::ULONG, Number::CHAR] {
            types.number(number);
        }
        types
    }

    pub fn add(&mut self, ty: Type) -> TypeId {
        self.list.push(ty);
        TypeId(self.list.len() as u32 - 1)
    }

    pub fn pointer(&mut self, to: TypeId) -> TypeId {
        self.add(Type::Pointer { to })
    }

    pub fn number(&mut self, number: Number) -> TypeId {
        if let Some(&known) = self.numbers.get(&number) {
            return known;
        }
        let ty = self.add(Type::Number(number));
        self.numbers.insert(number, ty);
        ty
    }

    pub fn get(&self, ty: TypeId) -> &Type {
        &self.list[ty.0 as usize]
    }

    /// What an expression of this type becomes as an operand, if it was asked for before.
    pub fn decayed(&self, ty: TypeId) -> TypeId {
        self.decay.get(&ty).copied().unwrap_or(ty)
    }

    /// What an expression of this type becomes as an operand.
    pub fn decay(&mut self, ty: TypeId) -> TypeId {
        let to = match *self.get(ty) {
            Type::Array { of, .. } => of,
            Type::Function { .. } => ty,
            _ => return ty,
        };
        if let Some(&known) = self.decay.get(&ty) {
            return known;
        }
        let pointer = self.pointer(to);
        self.decay.insert(ty, pointer);
        pointer
    }
}
