//! The words of C, by symbol of a unit.

use crate::c::Symbol;
use crate::c::cpp::Unit;

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// `void`
    Void,
    /// A word of an arithmetic type.
    Number(NumberWord),
    /// `_BitInt`, followed by a number in parentheses.
    Sized,
    /// `struct` or `union`
    Record,
    /// `enum`
    Enum,
    /// `typeof`
    Typeof,
    /// `__auto_type`
    Auto,
    /// `typedef`
    Typedef,
    /// `static`
    Static,
    /// `extern`
    Extern,
    /// `inline`
    Inline,
    /// `register`
    Register,
    /// `auto`
    AutoStorage,
    /// `_Thread_local`
    Thread,
    /// `const`
    Const,
    /// `volatile`
    Volatile,
    /// Says nothing of interest: `restrict`, `_Noreturn`, …
    Plain,
    /// `__extension__`
    Extension,
    /// `__attribute__`
    Attribute,
    /// `_Alignas`
    Alignas,
    /// `_Static_assert`
    Assert,
    /// `__label__`
    Labels,
    /// `asm`
    Asm,
    /// `sizeof` or `_Alignof`
    Sizeof,
    /// `_Generic`
    Generic,
    /// A statement.
    Statement(Statement),
}

/// The words that arithmetic types are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum NumberWord {
    Char,
    Short,
    Int,
    Long,
    Float,
    Double,
    Signed,
    Unsigned,
    Bool,
    Int128,
    Half,
    Complex,
    VaList,
}

/// The words that begin statements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Statement {
    If,
    Else,
    While,
    Do,
    For,
    Switch,
    Case,
    Default,
    Return,
    Break,
    Continue,
    Goto,
}

const WORDS: &[(&str, Word)] = {
    use NumberWord::*;
    use Statement::*;
    use Word::{
        Alignas, Asm, Assert, Attribute, Auto, AutoStorage, Const, Enum, Extension, Extern,
        Generic, Inline, Labels, Number, Plain, Record, Register, Sized, Sizeof, Static, Thread,
        Typedef, Typeof, Void, Volatile,
    };
    &[
        ("void", Void),
        ("char", Number(Char)),
        ("short", Number(Short)),
        ("int", Number(Int)),
        ("long", Number(Long)),
        ("float", Number(Float)),
        ("double", Number(Double)),
        ("signed", Number(Signed)),
        ("__signed", Number(Signed)),
        ("__signed__", Number(Signed)),
        ("unsigned", Number(Unsigned)),
        ("_Bool", Number(Bool)),
        ("__int128", Number(Int128)),
        ("__int128_t", Number(Int128)),
        ("__uint128_t", Number(Int128)),
        ("_Float16", Number(Half)),
        ("__bf16", Number(Half)),
        ("_Complex", Number(Complex)),
        ("__complex__", Number(Complex)),
        ("__builtin_va_list", Number(VaList)),
        ("_BitInt", Sized),
        ("struct", Record),
        ("union", Record),
        ("enum", Enum),
        ("typeof", Typeof),
        ("__typeof", Typeof),
        ("__typeof__", Typeof),
        ("typeof_unqual", Typeof),
        ("__typeof_unqual__", Typeof),
        ("__auto_type", Auto),
        ("typedef", Typedef),
        ("static", Static),
        ("extern", Extern),
        ("inline", Inline),
        ("__inline", Inline),
        ("__inline__", Inline),
        ("register", Register),
        ("auto", AutoStorage),
        ("_Thread_local", Thread),
        ("__thread", Thread),
        ("const", Const),
        ("__const", Const),
        ("__const__", Const),
        ("volatile", Volatile),
        ("__volatile", Volatile),
        ("__volatile__", Volatile),
        ("restrict", Plain),
        ("__restrict", Plain),
        ("__restrict__", Plain),
        ("_Atomic", Plain),
        ("_Noreturn", Plain),
        ("_Nonnull", Plain),
        ("_Nullable", Plain),
        ("constexpr", Plain),
        ("__extension__", Extension),
        ("__attribute", Attribute),
        ("__attribute__", Attribute),
        ("__declspec", Attribute),
        ("_Alignas", Alignas),
        ("_Static_assert", Assert),
        ("static_assert", Assert),
        ("__label__", Labels),
        ("asm", Asm),
        ("__asm", Asm),
        ("__asm__", Asm),
        ("sizeof", Sizeof),
        ("_Alignof", Sizeof),
        ("__alignof", Sizeof),
        ("__alignof__", Sizeof),
        ("_Generic", Generic),
        ("if", Word::Statement(If)),
        ("else", Word::Statement(Else)),
        ("while", Word::Statement(While)),
        ("do", Word::Statement(Do)),
        ("for", Word::Statement(For)),
        ("switch", Word::Statement(Switch)),
        ("case", Word::Statement(Case)),
        ("default", Word::Statement(Default)),
        ("return", Word::Statement(Return)),
        ("break", Word::Statement(Break)),
        ("continue", Word::Statement(Continue)),
        ("goto", Word::Statement(Goto)),
    ]
};

/// Types that BPF sources take from headers which are not always at hand.
const COMMON_TYPES: &[(&str, NumberType)] = &[
    ("__u8", (1, true)),
    ("__u16", (2, true)),
    ("__u32", (4, true)),
    ("__u64", (8, true)),
    ("__s8", (1, false)),
    ("__s16", (2, false)),
    ("__s32", (4, false)),
    ("__s64", (8, false)),
    ("u8", (1, true)),
    ("u16", (2, true)),
    ("u32", (4, true)),
    ("u64", (8, true)),
    ("s8", (1, false)),
    ("s16", (2, false)),
    ("s32", (4, false)),
    ("s64", (8, false)),
    ("__be16", (2, true)),
    ("__be32", (4, true)),
    ("__be64", (8, true)),
    ("__le16", (2, true)),
    ("__le32", (4, true)),
    ("__le64", (8, true)),
    ("__sum16", (2, true)),
    ("__wsum", (4, true)),
    ("bool", (1, true)),
    ("size_t", (8, true)),
    ("ssize_t", (8, false)),
    ("ptrdiff_t", (8, false)),
    ("uintptr_t", (8, true)),
    ("intptr_t", (8, false)),
    ("uint8_t", (1, true)),
    ("uint16_t", (2, true)),
    ("uint32_t", (4, true)),
    ("uint64_t", (8, true)),
    ("int8_t", (1, false)),
    ("int16_t", (2, false)),
    ("int32_t", (4, false)),
    ("int64_t", (8, false)),
    ("pid_t", (4, false)),
    ("uint", (4, true)),
    ("ulong", (8, true)),
    ("ushort", (2, true)),
    ("uchar", (1, true)),
];

/// Size in bytes, and whether it is unsigned.
type NumberType = (u8, bool);

/// Functions of the compiler that take types as arguments, and are numbers.
const CONSTANT_BUILTINS: &[&str] = &[
    "__builtin_offsetof",
    "offsetof",
    "__builtin_types_compatible_p",
    "__builtin_va_arg",
    "va_arg",
];

/// The words of a unit.
#[derive(Debug)]
pub struct Words {
    by_symbol: Vec<Option<Word>>,
    common: Vec<(Symbol, NumberType)>,
    builtins: Vec<Symbol>,
}

impl Words {
    /// Linear in the number of the unit's spellings.
    pub fn new(unit: &Unit) -> Self {
        let symbol = |name: &str| unit.symbols.get(name.as_bytes());
        let mut by_symbol = vec![None; unit.symbols.len()];
        for &(name, word) in WORDS {
            if let Some(symbol) = symbol(name) {
                by_symbol[symbol.index()] = Some(word);
            }
        }
        let common = COMMON_TYPES.iter();
        Self {
            by_symbol,
            common: common.filter_map(|&(n, t)| Some((symbol(n)?, t))).collect(),
            builtins: CONSTANT_BUILTINS.iter().filter_map(|n| symbol(n)).collect(),
        }
    }

    /// What a word is; `None` for a name.
    pub fn get(&self, symbol: Symbol) -> Option<Word> {
        self.by_symbol[symbol.index()]
    }

    /// The size in bytes, and whether it is unsigned, of a type that everybody knows.
    pub fn common_type(&self, symbol: Symbol) -> Option<NumberType> {
        let known = self.common.iter().find(|(s, _)| *s == symbol);
        known.map(|(_, number)| *number)
    }

    pub(super) fn is_constant_builtin(&self, symbol: Symbol) -> bool {
        self.builtins.contains(&symbol)
    }
}

impl Word {
    /// It can start or continue declaration specifiers.
    pub fn specifies(self) -> bool {
        !matches!(
            self,
            Self::Asm
                | Self::Statement(_)
                | Self::Sizeof
                | Self::Generic
                | Self::Assert
                | Self::Labels
        )
    }

    /// Something in parentheses follows that belongs to it.
    pub(super) fn takes_parentheses(self) -> bool {
        matches!(
            self,
            Self::Asm | Self::Assert | Self::Attribute | Self::Alignas | Self::Typeof | Self::Sized
        )
    }
}
