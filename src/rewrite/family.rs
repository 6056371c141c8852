//! The functions of the C library's allocator that the header replaces.

/// One function of the family.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Alloc {
    /// `malloc`
    Malloc,
    /// `free`
    Free,
    /// `calloc`
    Calloc,
    /// `realloc`
    Realloc,
    /// `reallocarray`
    Reallocarray,
    /// `aligned_alloc`
    AlignedAlloc,
    /// `posix_memalign`
    PosixMemalign,
    /// `strdup`
    Strdup,
    /// `strndup`
    Strndup,
    /// `malloc_usable_size`
    UsableSize,
}

/// What turns the name of a function into the name of its replacement.
pub const PREFIX: &str = "static_";

impl Alloc {
    /// Every function of the family.
    pub const ALL: [Self; 10] = [
        Self::Malloc,
        Self::Free,
        Self::Calloc,
        Self::Realloc,
        Self::Reallocarray,
        Self::AlignedAlloc,
        Self::PosixMemalign,
        Self::Strdup,
        Self::Strndup,
        Self::UsableSize,
    ];

    /// Its name in the C library.
    pub fn name(self) -> &'static str {
        match self {
            Self::Malloc => "malloc",
            Self::Free => "free",
            Self::Calloc => "calloc",
            Self::Realloc => "realloc",
            Self::Reallocarray => "reallocarray",
            Self::AlignedAlloc => "aligned_alloc",
            Self::PosixMemalign => "posix_memalign",
            Self::Strdup => "strdup",
            Self::Strndup => "strndup",
            Self::UsableSize => "malloc_usable_size",
        }
    }

    /// The function with this name in the C library.
    pub fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"malloc" => Self::Malloc,
            b"free" => Self::Free,
            b"calloc" => Self::Calloc,
            b"realloc" => Self::Realloc,
            b"reallocarray" => Self::Reallocarray,
            b"aligned_alloc" => Self::AlignedAlloc,
            b"posix_memalign" => Self::PosixMemalign,
            b"strdup" => Self::Strdup,
            b"strndup" => Self::Strndup,
            b"malloc_usable_size" => Self::UsableSize,
            _ => return None,
        })
    }

    /// The function whose replacement has this name (`static_malloc`, …).
    pub fn replaced_by(name: &[u8]) -> Option<Self> {
        Self::named(name.strip_prefix(PREFIX.as_bytes())?)
    }

    /// The function a compiler builtin stands for (`__builtin_malloc`, …).
    pub fn builtin(name: &[u8]) -> Option<Self> {
        Self::named(name.strip_prefix(b"__builtin_")?)
    }

    /// Whether a call returns a pointer to a block, or NULL.
    pub fn returns_block(self) -> bool {
        !matches!(self, Self::Free | Self::PosixMemalign | Self::UsableSize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_both_ways() {
        for function in Alloc::ALL {
            assert_eq!(Alloc::named(function.name().as_bytes()), Some(function));
            let replacement = format!("{PREFIX}{}", function.name());
            assert_eq!(Alloc::replaced_by(replacement.as_bytes()), Some(function));
        }
        assert_eq!(Alloc::named(b"static_malloc"), None);
    }
}
