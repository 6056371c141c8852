//! The words of C, by symbol.

use crate::c::{Symbol, Symbols, words};

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
    /// What a header of the kernel or of libbpf defines (`__arena`, `__ksym`) and is still there:
    /// the header was not found, or the name is kept.
    Decoration,
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
    Quad,
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

/// The words among some spellings.
#[derive(Debug)]
pub struct Words {
    by_symbol: Vec<Option<Word>>,
    common: Vec<(Symbol, NumberType)>,
    builtins: Vec<Symbol>,
}

impl Words {
    /// Linear in the number of spellings.
    pub fn new(symbols: &Symbols) -> Self {
        let symbol = |name: &str| symbols.get(name.as_bytes());
        let mut by_symbol = vec![None; symbols.len()];
        let mut common = Vec::new();
        for (name, word) in words::all() {
            let Some(symbol) = symbol(name) else { continue };
            match (words::number(name.as_bytes()), word) {
                (Some(number), _) => common.push((symbol, (number.bits / 8, !number.signed))),
                // In C17 it is a macro or a type of a header.
                (None, words::Word::Bool) if name == "bool" => common.push((symbol, (1, true))),
                // A program may call a variable of its own `noinline`, and `struct stat` has a
                // member `__unused`.
                (None, words::Word::Decoration)
                    if name.starts_with("__") && name != "__unused"
                        || matches!(name, "static_bounded" | "static_local") =>
                {
                    by_symbol[symbol.index()] = Some(Word::Decoration);
                }
                _ => by_symbol[symbol.index()] = Word::new(word),
            }
        }
        Self {
            by_symbol,
            common,
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

    /// Whether it is one of the compiler's functions that take types and are numbers.
    pub fn is_constant_builtin(&self, symbol: Symbol) -> bool {
        self.builtins.contains(&symbol)
    }
}

impl Word {
    /// What a word is here; `None` for a name that only headers give a meaning.
    fn new(word: words::Word) -> Option<Self> {
        use words::Word as W;
        let number = |word| Some(Self::Number(word));
        let statement = |word| Some(Self::Statement(word));
        match word {
            W::Void => Some(Self::Void),
            W::Bool => number(NumberWord::Bool),
            W::Char => number(NumberWord::Char),
            W::Short => number(NumberWord::Short),
            W::Int => number(NumberWord::Int),
            W::Long => number(NumberWord::Long),
            W::Signed => number(NumberWord::Signed),
            W::Unsigned => number(NumberWord::Unsigned),
            W::Half => number(NumberWord::Half),
            W::Float => number(NumberWord::Float),
            W::Double => number(NumberWord::Double),
            W::Quad => number(NumberWord::Quad),
            W::Complex => number(NumberWord::Complex),
            W::Int128 => number(NumberWord::Int128),
            W::VaList => number(NumberWord::VaList),
            W::BitInt => Some(Self::Sized),
            W::Struct | W::Union => Some(Self::Record),
            W::Enum => Some(Self::Enum),
            W::Typeof => Some(Self::Typeof),
            W::AutoType => Some(Self::Auto),
            W::Const => Some(Self::Const),
            W::Volatile => Some(Self::Volatile),
            W::Restrict | W::Atomic | W::Nullability | W::Constexpr | W::Noreturn => {
                Some(Self::Plain)
            }
            W::Typedef => Some(Self::Typedef),
            W::Static => Some(Self::Static),
            W::Extern => Some(Self::Extern),
            W::Register => Some(Self::Register),
            W::Auto => Some(Self::AutoStorage),
            W::ThreadLocal => Some(Self::Thread),
            W::Inline => Some(Self::Inline),
            W::Attribute => Some(Self::Attribute),
            W::Alignas => Some(Self::Alignas),
            W::Extension => Some(Self::Extension),
            W::StaticAssert => Some(Self::Assert),
            W::Asm => Some(Self::Asm),
            W::LocalLabel => Some(Self::Labels),
            W::If => statement(Statement::If),
            W::Else => statement(Statement::Else),
            W::While => statement(Statement::While),
            W::Do => statement(Statement::Do),
            W::For => statement(Statement::For),
            W::Switch => statement(Statement::Switch),
            W::Case => statement(Statement::Case),
            W::Default => statement(Statement::Default),
            W::Return => statement(Statement::Return),
            W::Break => statement(Statement::Break),
            W::Continue => statement(Statement::Continue),
            W::Goto => statement(Statement::Goto),
            W::Sizeof | W::Alignof => Some(Self::Sizeof),
            W::Generic => Some(Self::Generic),
            // The first four are written as the calls that they look like, see
            // `is_constant_builtin`.
            W::Offsetof | W::VaArg | W::TypesCompatible | W::ChooseExpr => None,
            W::RealPart | W::Pragma => None,
            W::Number | W::Decoration | W::DecorationCall | W::TypeCall => None,
        }
    }

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
    pub fn takes_parentheses(self) -> bool {
        matches!(
            self,
            Self::Asm | Self::Assert | Self::Attribute | Self::Alignas | Self::Typeof | Self::Sized
        )
    }
}
