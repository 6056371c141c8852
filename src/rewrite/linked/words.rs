//! The words of C that the reader has to know, as symbols of a unit.

use crate::c::Symbol;
use crate::c::cpp::Unit;

/// What a word is to a declaration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A type that is a number.
    Number,
    /// `long`: a number that an address fits into.
    Long,
    /// `void`
    Void,
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
    /// `const`
    Const,
    /// `volatile`
    Volatile,
    /// `__arena`
    Arena,
    /// Says nothing here: `register`, `inline`, `__extension__`, …
    Plain,
    /// `__attribute__`
    Attribute,
    /// `_Alignas`, followed by something in parentheses that says nothing here
    Skipped,
    /// `_Static_assert`
    Assert,
    /// `__asm__`
    Asm,
    /// A statement: `if`, `while`, …
    Statement(Statement),
    /// `sizeof` or `_Alignof`
    Sizeof,
    /// `_Generic`
    Generic,
}

/// The statements that start with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// `if`
    If,
    /// `else`
    Else,
    /// `while`
    While,
    /// `do`
    Do,
    /// `for`
    For,
    /// `switch`
    Switch,
    /// `case`
    Case,
    /// `default`
    Default,
    /// `return`
    Return,
    /// `break` or `continue`
    Jump,
    /// `goto`
    Goto,
}

const WORDS: &[(&str, Word)] = &[
    ("void", Word::Void),
    ("char", Word::Number),
    ("short", Word::Number),
    ("int", Word::Number),
    ("long", Word::Long),
    ("float", Word::Number),
    ("double", Word::Number),
    ("signed", Word::Number),
    ("__signed__", Word::Number),
    ("__signed", Word::Number),
    ("unsigned", Word::Number),
    ("_Bool", Word::Number),
    ("_Complex", Word::Number),
    ("__int128", Word::Number),
    ("_Float16", Word::Number),
    ("__bf16", Word::Number),
    ("_BitInt", Word::Skipped),
    ("__builtin_va_list", Word::Number),
    ("struct", Word::Record),
    ("union", Word::Record),
    ("enum", Word::Enum),
    ("typeof", Word::Typeof),
    ("__typeof__", Word::Typeof),
    ("__typeof", Word::Typeof),
    ("typeof_unqual", Word::Typeof),
    ("__typeof_unqual__", Word::Typeof),
    ("__auto_type", Word::Auto),
    ("typedef", Word::Typedef),
    ("static", Word::Static),
    ("extern", Word::Extern),
    ("const", Word::Const),
    ("__const", Word::Const),
    ("__const__", Word::Const),
    ("volatile", Word::Volatile),
    ("__volatile__", Word::Volatile),
    ("__volatile", Word::Volatile),
    ("restrict", Word::Plain),
    ("__restrict", Word::Plain),
    ("__restrict__", Word::Plain),
    ("_Atomic", Word::Plain),
    ("_Nonnull", Word::Plain),
    ("_Nullable", Word::Plain),
    ("register", Word::Plain),
    ("auto", Word::Plain),
    ("inline", Word::Plain),
    ("__inline", Word::Plain),
    ("__inline__", Word::Plain),
    ("_Noreturn", Word::Plain),
    ("__extension__", Word::Plain),
    ("_Thread_local", Word::Plain),
    ("__thread", Word::Plain),
    ("__arena", Word::Arena),
    ("__attribute__", Word::Attribute),
    ("__attribute", Word::Attribute),
    ("_Alignas", Word::Skipped),
    ("__declspec", Word::Skipped),
    ("_Static_assert", Word::Assert),
    ("static_assert", Word::Assert),
    ("asm", Word::Asm),
    ("__asm", Word::Asm),
    ("__asm__", Word::Asm),
    ("if", Word::Statement(Statement::If)),
    ("else", Word::Statement(Statement::Else)),
    ("while", Word::Statement(Statement::While)),
    ("do", Word::Statement(Statement::Do)),
    ("for", Word::Statement(Statement::For)),
    ("switch", Word::Statement(Statement::Switch)),
    ("case", Word::Statement(Statement::Case)),
    ("default", Word::Statement(Statement::Default)),
    ("return", Word::Statement(Statement::Return)),
    ("break", Word::Statement(Statement::Jump)),
    ("continue", Word::Statement(Statement::Jump)),
    ("goto", Word::Statement(Statement::Goto)),
    ("sizeof", Word::Sizeof),
    ("_Alignof", Word::Sizeof),
    ("__alignof__", Word::Sizeof),
    ("__alignof", Word::Sizeof),
    ("alignof", Word::Sizeof),
    ("_Generic", Word::Generic),
];

/// Types that BPF sources take from headers which are not always there.
const COMMON_NUMBERS: &[&str] = &[
    "__u8",
    "__u16",
    "__u32",
    "__u64",
    "__s8",
    "__s16",
    "__s32",
    "__s64",
    "u8",
    "u16",
    "u32",
    "u64",
    "s8",
    "s16",
    "s32",
    "s64",
    "__be16",
    "__be32",
    "__be64",
    "__le16",
    "__le32",
    "__le64",
    "__sum16",
    "__wsum",
    "bool",
    "size_t",
    "ssize_t",
    "ptrdiff_t",
    "uintptr_t",
    "intptr_t",
    "uint8_t",
    "uint16_t",
    "uint32_t",
    "uint64_t",
    "int8_t",
    "int16_t",
    "int32_t",
    "int64_t",
    "pid_t",
    "uint",
    "ulong",
    "ushort",
    "uchar",
];

/// The words, by symbol.
#[derive(Debug)]
pub struct Words {
    by_symbol: Vec<Option<Word>>,
    /// By symbol, whether an address fits.
    numbers: Vec<(Symbol, bool)>,
}

impl Words {
    pub fn new(unit: &Unit) -> Self {
        let symbol = |name: &str| unit.symbols.get(name.as_bytes());
        let mut by_symbol = vec![None; unit.symbols.len()];
        for &(name, word) in WORDS {
            if let Some(symbol) = symbol(name) {
                by_symbol[symbol.index()] = Some(word);
            }
        }
        Self {
            by_symbol,
            numbers: COMMON_NUMBERS
                .iter()
                .filter_map(|n| {
                    let wide = n.contains("64") || n.contains("ptr") || *n == "ulong";
                    Some((symbol(n)?, wide))
                })
                .collect(),
        }
    }

    pub fn get(&self, symbol: Symbol) -> Option<Word> {
        self.by_symbol[symbol.index()]
    }

    /// A type of numbers that everybody knows, where no header declares it.
    ///
    /// Whether an address fits into it.
    pub fn common_number(&self, symbol: Symbol) -> Option<bool> {
        let known = self.numbers.iter().find(|(s, _)| *s == symbol);
        known.map(|(_, wide)| *wide)
    }
}

impl Word {
    /// It can start or continue declaration specifiers.
    pub fn specifies(self) -> bool {
        !matches!(
            self,
            Self::Asm | Self::Statement(_) | Self::Sizeof | Self::Generic | Self::Assert
        )
    }
}
