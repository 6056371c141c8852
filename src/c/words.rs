//! The words of C: one table that every reader shares.
//!
//! Besides the keywords of the language and of GNU C it has the macros and types that BPF sources
//! use as if they were keywords. A reader of tokens that were not preprocessed, or of a source
//! whose headers are missing, meets those words as they are.

use std::sync::OnceLock;

use rustc_hash::FxHashMap;

/// What a word means. Spellings that mean the same (`const`, `__const`, `__const__`) share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Word {
    /// `void`
    Void,
    /// `_Bool`
    Bool,
    /// `char`
    Char,
    /// `short`
    Short,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `signed`
    Signed,
    /// `unsigned`
    Unsigned,
    /// `_Float16`, `__bf16`: a floating type of 16 bits
    Half,
    /// `float`
    Float,
    /// `double`
    Double,
    /// `__float128`
    Quad,
    /// `_Complex`, `_Imaginary`
    Complex,
    /// `__int128`
    Int128,
    /// `_BitInt`, followed by a width in parentheses
    BitInt,
    /// `__builtin_va_list`
    VaList,
    /// `struct`
    Struct,
    /// `union`
    Union,
    /// `enum`
    Enum,
    /// `typeof`, `typeof_unqual`, followed by parentheses
    Typeof,
    /// `__auto_type`
    AutoType,
    /// A type that headers declare and sources use without them, see [`number`].
    Number,

    /// `const`
    Const,
    /// `volatile`
    Volatile,
    /// `restrict`
    Restrict,
    /// `_Atomic`: a qualifier, or with parentheses a type
    Atomic,
    /// `_Nonnull`, `_Nullable`
    Nullability,

    /// `typedef`
    Typedef,
    /// `static`
    Static,
    /// `extern`
    Extern,
    /// `register`
    Register,
    /// `auto`
    Auto,
    /// `_Thread_local`
    ThreadLocal,
    /// `constexpr`
    Constexpr,
    /// `inline`
    Inline,
    /// `_Noreturn`
    Noreturn,

    /// `__attribute__`, followed by parentheses
    Attribute,
    /// `_Alignas`, `__declspec` and the like, followed by parentheses
    Alignas,
    /// `__extension__`: says nothing
    Extension,
    /// A macro that decorates a declaration: `__always_inline`, `__weak`
    Decoration,
    /// The same, followed by parentheses: `SEC`, `__aligned`
    DecorationCall,
    /// A macro with parentheses that is a type: `__bpf_md_ptr`
    TypeCall,

    /// `_Static_assert`, followed by parentheses
    StaticAssert,
    /// `asm`
    Asm,
    /// `_Pragma`, followed by parentheses
    Pragma,
    /// `__label__`: declares labels
    LocalLabel,

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
    /// `break`
    Break,
    /// `continue`
    Continue,
    /// `goto`
    Goto,

    /// `sizeof`
    Sizeof,
    /// `_Alignof`
    Alignof,
    /// `_Generic`
    Generic,
    /// `__builtin_offsetof`
    Offsetof,
    /// `__builtin_va_arg`
    VaArg,
    /// `__builtin_types_compatible_p`
    TypesCompatible,
    /// `__builtin_choose_expr`
    ChooseExpr,
    /// `__real__`, `__imag__`
    RealPart,
}

/// Where a word comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// A keyword of gnu17: no program can use it for something else.
    Keyword,
    /// A keyword of C23 alone, or a name that a macro of the C library gives to a keyword.
    Later,
    /// A macro or a type of the headers that BPF programs include, or of the kernel's.
    Header,
}

use Origin::{Header, Keyword, Later};

const WORDS: &[(&str, Word, Origin)] = &[
    ("void", Word::Void, Keyword),
    ("_Bool", Word::Bool, Keyword),
    ("bool", Word::Bool, Later),
    ("char", Word::Char, Keyword),
    ("short", Word::Short, Keyword),
    ("int", Word::Int, Keyword),
    ("long", Word::Long, Keyword),
    ("signed", Word::Signed, Keyword),
    ("__signed", Word::Signed, Keyword),
    ("__signed__", Word::Signed, Keyword),
    ("unsigned", Word::Unsigned, Keyword),
    ("float", Word::Float, Keyword),
    ("_Float16", Word::Half, Keyword),
    ("__fp16", Word::Half, Keyword),
    ("__bf16", Word::Half, Keyword),
    ("_Float32", Word::Float, Later),
    ("_Float64", Word::Double, Later),
    ("_Float128", Word::Quad, Later),
    ("__float128", Word::Quad, Keyword),
    ("double", Word::Double, Keyword),
    ("_Complex", Word::Complex, Keyword),
    ("__complex", Word::Complex, Keyword),
    ("__complex__", Word::Complex, Keyword),
    ("_Imaginary", Word::Complex, Keyword),
    ("__int128", Word::Int128, Keyword),
    ("__int128_t", Word::Int128, Later),
    ("__uint128_t", Word::Int128, Later),
    ("_BitInt", Word::BitInt, Keyword),
    ("_ExtInt", Word::BitInt, Keyword),
    ("__builtin_va_list", Word::VaList, Later),
    ("struct", Word::Struct, Keyword),
    ("union", Word::Union, Keyword),
    ("enum", Word::Enum, Keyword),
    ("typeof", Word::Typeof, Keyword),
    ("__typeof", Word::Typeof, Keyword),
    ("__typeof__", Word::Typeof, Keyword),
    ("typeof_unqual", Word::Typeof, Later),
    ("__typeof_unqual", Word::Typeof, Keyword),
    ("__typeof_unqual__", Word::Typeof, Keyword),
    ("__auto_type", Word::AutoType, Keyword),
    ("const", Word::Const, Keyword),
    ("__const", Word::Const, Keyword),
    ("__const__", Word::Const, Keyword),
    ("volatile", Word::Volatile, Keyword),
    ("__volatile", Word::Volatile, Keyword),
    ("__volatile__", Word::Volatile, Keyword),
    ("restrict", Word::Restrict, Keyword),
    ("__restrict", Word::Restrict, Keyword),
    ("__restrict__", Word::Restrict, Keyword),
    ("_Atomic", Word::Atomic, Keyword),
    ("_Nonnull", Word::Nullability, Keyword),
    ("_Nullable", Word::Nullability, Keyword),
    ("_Nullable_result", Word::Nullability, Keyword),
    ("_Null_unspecified", Word::Nullability, Keyword),
    ("typedef", Word::Typedef, Keyword),
    ("static", Word::Static, Keyword),
    ("extern", Word::Extern, Keyword),
    ("register", Word::Register, Keyword),
    ("auto", Word::Auto, Keyword),
    ("_Thread_local", Word::ThreadLocal, Keyword),
    ("thread_local", Word::ThreadLocal, Later),
    ("__thread", Word::ThreadLocal, Keyword),
    ("constexpr", Word::Constexpr, Later),
    ("inline", Word::Inline, Keyword),
    ("__inline", Word::Inline, Keyword),
    ("__inline__", Word::Inline, Keyword),
    ("_Noreturn", Word::Noreturn, Keyword),
    ("__attribute", Word::Attribute, Keyword),
    ("__attribute__", Word::Attribute, Keyword),
    ("_Alignas", Word::Alignas, Keyword),
    ("alignas", Word::Alignas, Later),
    ("__declspec", Word::Alignas, Later),
    ("__extension__", Word::Extension, Keyword),
    ("_Static_assert", Word::StaticAssert, Keyword),
    ("static_assert", Word::StaticAssert, Later),
    ("asm", Word::Asm, Keyword),
    ("__asm", Word::Asm, Keyword),
    ("__asm__", Word::Asm, Keyword),
    ("_Pragma", Word::Pragma, Later),
    ("__label__", Word::LocalLabel, Keyword),
    ("if", Word::If, Keyword),
    ("else", Word::Else, Keyword),
    ("while", Word::While, Keyword),
    ("do", Word::Do, Keyword),
    ("for", Word::For, Keyword),
    ("switch", Word::Switch, Keyword),
    ("case", Word::Case, Keyword),
    ("default", Word::Default, Keyword),
    ("return", Word::Return, Keyword),
    ("break", Word::Break, Keyword),
    ("continue", Word::Continue, Keyword),
    ("goto", Word::Goto, Keyword),
    ("sizeof", Word::Sizeof, Keyword),
    ("_Alignof", Word::Alignof, Keyword),
    ("__alignof", Word::Alignof, Keyword),
    ("__alignof__", Word::Alignof, Keyword),
    ("alignof", Word::Alignof, Later),
    ("_Generic", Word::Generic, Keyword),
    ("__builtin_offsetof", Word::Offsetof, Keyword),
    ("__builtin_va_arg", Word::VaArg, Keyword),
    (
        "__builtin_types_compatible_p",
        Word::TypesCompatible,
        Keyword,
    ),
    ("__builtin_choose_expr", Word::ChooseExpr, Keyword),
    ("__real", Word::RealPart, Keyword),
    ("__real__", Word::RealPart, Keyword),
    ("__imag", Word::RealPart, Keyword),
    ("__imag__", Word::RealPart, Keyword),
    // libbpf's bpf_helpers.h, and the compiler.h and sparse annotations of the kernel.
    ("__always_inline", Word::Decoration, Header),
    ("__noinline", Word::Decoration, Header),
    ("noinline", Word::Decoration, Header),
    ("noreturn", Word::Decoration, Header),
    ("__weak", Word::Decoration, Header),
    ("__hidden", Word::Decoration, Header),
    ("__ksym", Word::Decoration, Header),
    ("__kconfig", Word::Decoration, Header),
    ("__kptr", Word::Decoration, Header),
    ("__kptr_untrusted", Word::Decoration, Header),
    ("__percpu_kptr", Word::Decoration, Header),
    ("__uptr", Word::Decoration, Header),
    ("__arg_ctx", Word::Decoration, Header),
    ("__arg_nonnull", Word::Decoration, Header),
    ("__arg_nullable", Word::Decoration, Header),
    ("__arg_trusted", Word::Decoration, Header),
    ("__arg_untrusted", Word::Decoration, Header),
    ("__arg_arena", Word::Decoration, Header),
    ("__arena", Word::Decoration, Header),
    ("__arena_global", Word::Decoration, Header),
    // Before a loop that the header of the heap counts.
    ("static_bounded", Word::Decoration, Header),
    // Behind a variable whose block the header frees at the end of its life.
    ("static_local", Word::Decoration, Header),
    ("__rcu", Word::Decoration, Header),
    ("__user", Word::Decoration, Header),
    ("__kernel", Word::Decoration, Header),
    ("__percpu", Word::Decoration, Header),
    ("__iomem", Word::Decoration, Header),
    ("__force", Word::Decoration, Header),
    ("__bitwise", Word::Decoration, Header),
    ("__maybe_unused", Word::Decoration, Header),
    ("__always_unused", Word::Decoration, Header),
    ("__unused", Word::Decoration, Header),
    ("__used", Word::Decoration, Header),
    ("__must_check", Word::Decoration, Header),
    ("__packed", Word::Decoration, Header),
    ("__init", Word::Decoration, Header),
    ("__exit", Word::Decoration, Header),
    ("SEC", Word::DecorationCall, Header),
    ("__aligned", Word::DecorationCall, Header),
    ("__section", Word::DecorationCall, Header),
    ("__bpf_md_ptr", Word::TypeCall, Header),
    ("__u8", Word::Number, Header),
    ("__u16", Word::Number, Header),
    ("__u32", Word::Number, Header),
    ("__u64", Word::Number, Header),
    ("__s8", Word::Number, Header),
    ("__s16", Word::Number, Header),
    ("__s32", Word::Number, Header),
    ("__s64", Word::Number, Header),
    ("u8", Word::Number, Header),
    ("u16", Word::Number, Header),
    ("u32", Word::Number, Header),
    ("u64", Word::Number, Header),
    ("s8", Word::Number, Header),
    ("s16", Word::Number, Header),
    ("s32", Word::Number, Header),
    ("s64", Word::Number, Header),
    ("__be16", Word::Number, Header),
    ("__be32", Word::Number, Header),
    ("__be64", Word::Number, Header),
    ("__le16", Word::Number, Header),
    ("__le32", Word::Number, Header),
    ("__le64", Word::Number, Header),
    ("__sum16", Word::Number, Header),
    ("__wsum", Word::Number, Header),
    ("size_t", Word::Number, Header),
    ("ssize_t", Word::Number, Header),
    ("ptrdiff_t", Word::Number, Header),
    ("uintptr_t", Word::Number, Header),
    ("intptr_t", Word::Number, Header),
    ("uint8_t", Word::Number, Header),
    ("uint16_t", Word::Number, Header),
    ("uint32_t", Word::Number, Header),
    ("uint64_t", Word::Number, Header),
    ("int8_t", Word::Number, Header),
    ("int16_t", Word::Number, Header),
    ("int32_t", Word::Number, Header),
    ("int64_t", Word::Number, Header),
    ("pid_t", Word::Number, Header),
    ("time_t", Word::Number, Header),
    ("uchar", Word::Number, Header),
    ("ushort", Word::Number, Header),
    ("uint", Word::Number, Header),
    ("ulong", Word::Number, Header),
];

/// What a [`Word::Number`] is, on the 64-bit machines that BPF runs for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Its size in bits.
    pub bits: u8,
    /// It has a sign.
    pub signed: bool,
}

/// What the type is that a [`Word::Number`] names. The name says it.
pub fn number(name: &[u8]) -> Option<Number> {
    if Word::of(name) != Some(Word::Number) {
        return None;
    }
    let bare = name.strip_prefix(b"__").unwrap_or(name);
    let bare = bare.strip_suffix(b"_t").unwrap_or(bare);
    let (bits, signed) = match bare {
        b"size" | b"uintptr" | b"ulong" => (64, false),
        b"ssize" | b"ptrdiff" | b"intptr" | b"time" => (64, true),
        b"uint" | b"wsum" => (32, false),
        b"ushort" => (16, false),
        b"uchar" => (8, false),
        b"pid" => (32, true),
        _ => {
            let letters = bare.iter().take_while(|b| !b.is_ascii_digit()).count();
            let bits = std::str::from_utf8(&bare[letters..]).ok()?.parse().ok()?;
            (bits, matches!(&bare[..letters], b"s" | b"int"))
        }
    };
    Some(Number { bits, signed })
}

fn table() -> &'static FxHashMap<&'static [u8], (Word, Origin)> {
    static TABLE: OnceLock<FxHashMap<&[u8], (Word, Origin)>> = OnceLock::new();
    TABLE.get_or_init(|| {
        let entries = WORDS.iter();
        entries
            .map(|&(text, word, origin)| (text.as_bytes(), (word, origin)))
            .collect()
    })
}

/// All words, with their spellings.
pub fn all() -> impl Iterator<Item = (&'static str, Word)> {
    WORDS.iter().map(|&(text, word, _)| (text, word))
}

/// Whether no program can use the name for something of its own: it is a keyword of gnu17.
pub fn is_keyword(text: &[u8]) -> bool {
    matches!(table().get(text), Some((_, Keyword)))
}

impl Word {
    /// The meaning of a word, keywords and those of headers alike. Takes the time of one look into
    /// a hash table.
    pub fn of(text: &[u8]) -> Option<Self> {
        table().get(text).map(|&(word, _)| word)
    }

    /// `struct`, `union`, `enum`: a tag follows.
    pub fn is_tag(self) -> bool {
        matches!(self, Self::Struct | Self::Union | Self::Enum)
    }

    /// Names a type, alone or with others of its kind.
    pub fn is_type(self) -> bool {
        self.is_tag()
            || matches!(
                self,
                Self::Void
                    | Self::Bool
                    | Self::Char
                    | Self::Short
                    | Self::Int
                    | Self::Long
                    | Self::Signed
                    | Self::Unsigned
                    | Self::Half
                    | Self::Float
                    | Self::Double
                    | Self::Quad
                    | Self::Complex
                    | Self::Int128
                    | Self::BitInt
                    | Self::VaList
                    | Self::Typeof
                    | Self::AutoType
                    | Self::TypeCall
            )
    }

    /// Qualifies a type or, behind a `*`, a pointer.
    pub fn is_qualifier(self) -> bool {
        matches!(
            self,
            Self::Const | Self::Volatile | Self::Restrict | Self::Atomic | Self::Nullability
        )
    }

    /// Says where a declared thing lives, or how a function is called.
    pub fn is_storage(self) -> bool {
        matches!(
            self,
            Self::Typedef
                | Self::Static
                | Self::Extern
                | Self::Register
                | Self::Auto
                | Self::ThreadLocal
                | Self::Constexpr
                | Self::Inline
                | Self::Noreturn
        )
    }

    /// Decorates a declaration without naming anything.
    pub fn is_decoration(self) -> bool {
        matches!(
            self,
            Self::Attribute
                | Self::Alignas
                | Self::Extension
                | Self::Decoration
                | Self::DecorationCall
        )
    }

    /// Can stand among the specifiers of a declaration.
    pub fn specifies(self) -> bool {
        self.is_type()
            || self == Self::Number
            || self.is_qualifier()
            || self.is_storage()
            || self.is_decoration()
    }

    /// Starts a statement, or is part of one.
    pub fn is_statement(self) -> bool {
        matches!(
            self,
            Self::If
                | Self::Else
                | Self::While
                | Self::Do
                | Self::For
                | Self::Switch
                | Self::Case
                | Self::Default
                | Self::Return
                | Self::Break
                | Self::Continue
                | Self::Goto
        )
    }

    /// `if`, `while`, `for`, `switch`: the statement has a head in parentheses.
    pub fn has_head(self) -> bool {
        matches!(self, Self::If | Self::While | Self::For | Self::Switch)
    }

    /// Is an operator, or a builtin that is no function, and so part of an expression.
    pub fn is_operator(self) -> bool {
        matches!(
            self,
            Self::Sizeof
                | Self::Alignof
                | Self::Generic
                | Self::Offsetof
                | Self::VaArg
                | Self::TypesCompatible
                | Self::ChooseExpr
                | Self::RealPart
        )
    }

    /// What stands in the parentheses behind it belongs to it: it is no call, and no parameters.
    pub fn owns_parentheses(self) -> bool {
        matches!(
            self,
            Self::Attribute
                | Self::Alignas
                | Self::Atomic
                | Self::BitInt
                | Self::Typeof
                | Self::TypeCall
                | Self::Asm
                | Self::DecorationCall
                | Self::Pragma
                | Self::StaticAssert
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_once_and_of_one_kind() {
        assert_eq!(table().len(), WORDS.len());
        for (text, word) in all() {
            let kinds = [
                word.is_type() || word == Word::Number,
                word.is_qualifier(),
                word.is_storage(),
                word.is_decoration(),
                word.is_statement(),
                word.is_operator(),
            ];
            let count = kinds.iter().filter(|&&is| is).count();
            let alone = matches!(
                word,
                Word::StaticAssert | Word::Asm | Word::Pragma | Word::LocalLabel
            );
            assert_eq!(count, usize::from(!alone), "{text}");
        }
    }

    #[test]
    fn numbers_are_what_their_names_say() {
        let of = |name: &str| number(name.as_bytes()).map(|n| (n.bits, n.signed));
        for (text, word) in all() {
            assert_eq!(of(text).is_some(), word == Word::Number, "{text}");
        }
        assert_eq!(of("__u8"), Some((8, false)));
        assert_eq!(of("s64"), Some((64, true)));
        assert_eq!(of("__be32"), Some((32, false)));
        assert_eq!(of("__sum16"), Some((16, false)));
        assert_eq!(of("int16_t"), Some((16, true)));
        assert_eq!(of("uint64_t"), Some((64, false)));
        assert_eq!(of("size_t"), Some((64, false)));
        assert_eq!(of("ptrdiff_t"), Some((64, true)));
        assert_eq!(of("x32"), None);
    }

    #[test]
    fn keywords_cannot_be_used_otherwise() {
        for word in ["while", "__typeof__", "_Bool", "asm"] {
            assert!(is_keyword(word.as_bytes()), "{word}");
        }
        for word in ["bool", "constexpr", "SEC", "u32", "foo"] {
            assert!(!is_keyword(word.as_bytes()), "{word}");
        }
    }
}
