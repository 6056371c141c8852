//! What functions return that nobody declares.

use crate::c::syntax::tree::Number;

/// What a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Returns {
    Void,
    Number(Number),
    /// `void *`
    Pointer,
    /// `char *`
    Text,
    /// The type of an argument.
    Argument(usize),
    /// What the first argument points to.
    Pointee,
    /// The type of the second or third argument, as the first is true or not.
    Choice,
}

use Returns::*;

const INT: Returns = Number(Number::INT);
const LONG: Returns = Number(Number::LONG);
const SIZE: Returns = Number(Number::ULONG);
const DOUBLE: Returns = Number(Number::DOUBLE);
const BOOL: Returns = Number(Number::BOOL);

/// Functions of the compiler whose result is no `int`, without `__builtin_`.
const BUILTINS: [(&str, Returns); 42] = [
    ("expect", LONG),
    ("expect_with_probability", LONG),
    ("unpredictable", LONG),
    ("assume", Void),
    ("unreachable", Void),
    ("trap", Void),
    ("debugtrap", Void),
    ("prefetch", Void),
    ("va_start", Void),
    ("va_end", Void),
    ("va_copy", Void),
    ("stack_restore", Void),
    ("stack_save", Pointer),
    ("alloca_with_align", Pointer),
    ("assume_aligned", Pointer),
    ("return_address", Pointer),
    ("extract_return_addr", Pointer),
    ("frame_address", Pointer),
    ("launder", Argument(0)),
    ("object_size", SIZE),
    ("dynamic_object_size", SIZE),
    (
        "bswap16",
        Number(Number {
            size: 2,
            unsigned: true,
            floating: false,
            boolean: false,
        }),
    ),
    ("bswap32", Number(Number::UINT)),
    ("bswap64", SIZE),
    ("bitreverse32", Number(Number::UINT)),
    ("bitreverse64", SIZE),
    ("choose_expr", Choice),
    ("preserve_access_index", Argument(0)),
    ("preserve_field_info", Number(Number::UINT)),
    ("preserve_type_info", SIZE),
    ("preserve_enum_value", SIZE),
    ("btf_type_id", SIZE),
    ("add_overflow", BOOL),
    ("sub_overflow", BOOL),
    ("mul_overflow", BOOL),
    ("huge_val", DOUBLE),
    ("inf", DOUBLE),
    ("nan", DOUBLE),
    ("nans", DOUBLE),
    ("constant_p", INT),
    ("clear_padding", Void),
    ("nontemporal_load", Pointee),
];

/// Functions of the C library whose result is no `int`: clang knows their types without a
/// declaration.
const LIBRARY: [(&str, Returns); 55] = [
    ("malloc", Pointer),
    ("calloc", Pointer),
    ("realloc", Pointer),
    ("aligned_alloc", Pointer),
    ("memalign", Pointer),
    ("alloca", Pointer),
    ("free", Void),
    ("memcpy", Pointer),
    ("mempcpy", Pointer),
    ("memmove", Pointer),
    ("memset", Pointer),
    ("memchr", Pointer),
    ("memccpy", Pointer),
    ("bzero", Void),
    ("bcopy", Void),
    ("strcpy", Text),
    ("stpcpy", Text),
    ("strncpy", Text),
    ("stpncpy", Text),
    ("strcat", Text),
    ("strncat", Text),
    ("strchr", Text),
    ("strrchr", Text),
    ("strstr", Text),
    ("strpbrk", Text),
    ("strtok", Text),
    ("strdup", Text),
    ("strndup", Text),
    ("strerror", Text),
    ("index", Text),
    ("rindex", Text),
    ("getenv", Text),
    ("strlen", SIZE),
    ("strnlen", SIZE),
    ("strspn", SIZE),
    ("strcspn", SIZE),
    ("strxfrm", SIZE),
    ("fread", SIZE),
    ("fwrite", SIZE),
    ("strtol", LONG),
    ("strtoll", LONG),
    ("strtoul", SIZE),
    ("strtoull", SIZE),
    ("strtod", DOUBLE),
    ("atol", LONG),
    ("atoll", LONG),
    ("atof", DOUBLE),
    ("labs", LONG),
    ("llabs", LONG),
    ("abort", Void),
    ("exit", Void),
    ("_Exit", Void),
    ("fabs", DOUBLE),
    ("sqrt", DOUBLE),
    ("pow", DOUBLE),
];

fn find(table: &[(&str, Returns)], name: &[u8]) -> Option<Returns> {
    let row = table.iter().find(|(known, _)| known.as_bytes() == name);
    row.map(|&(_, returns)| returns)
}

/// What a function returns that the compiler brings with it; `None` for any other.
pub(super) fn returns(name: &[u8]) -> Option<Returns> {
    if let Some(rest) = name.strip_prefix(b"__builtin_") {
        let overflow = rest.ends_with(b"_overflow").then_some(BOOL);
        let memory = rest.strip_suffix(b"_inline").unwrap_or(rest);
        let known = find(&BUILTINS, rest).or(overflow);
        // `__builtin___memcpy_chk`
        let checked = memory
            .strip_prefix(b"__")
            .and_then(|m| m.strip_suffix(b"_chk"));
        return Some(known.unwrap_or_else(|| library(checked.unwrap_or(memory))));
    }
    if let Some(rest) = name.strip_prefix(b"__sync_") {
        return Some(match rest {
            _ if rest.starts_with(b"bool_") => BOOL,
            b"synchronize" | b"lock_release" => Void,
            _ => Pointee,
        });
    }
    let atomic = name.strip_prefix(b"__atomic_");
    let rest = atomic.or_else(|| name.strip_prefix(b"__c11_atomic_"))?;
    Some(match rest {
        b"store" | b"store_n" | b"clear" | b"init" | b"thread_fence" | b"signal_fence" => Void,
        b"load" | b"exchange" if atomic.is_some() => Void,
        b"test_and_set" | b"is_lock_free" | b"always_lock_free" => BOOL,
        _ if rest.starts_with(b"compare_exchange") => BOOL,
        _ => Pointee,
    })
}

/// What a function returns that is called and declared nowhere.
pub(super) fn library(name: &[u8]) -> Returns {
    find(&LIBRARY, name).unwrap_or(INT)
}
