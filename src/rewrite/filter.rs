//! The fast look at a file's bytes that decides whether it is worth reading as C.

use super::family::Alloc;

/// Whether the bytes hold a name of the allocator, its replacement or builtin, or a line splice
/// inside a word that might hide one. Never wrong in saying no.
pub fn mentions_family(source: &[u8]) -> bool {
    Alloc::ALL
        .iter()
        .any(|a| memchr::memmem::find(source, a.name().as_bytes()).is_some())
        || spliced_word(source)
}

/// Whether a line splice stands between two bytes of an identifier.
fn spliced_word(source: &[u8]) -> bool {
    use super::lexer::{is_ident_byte, splice};
    memchr::memchr_iter(b'\\', source).any(|at| {
        at > 0
            && is_ident_byte(source[at - 1])
            && splice(source, at)
                .is_some_and(|next| source.get(next).copied().is_some_and(is_ident_byte))
    })
}
