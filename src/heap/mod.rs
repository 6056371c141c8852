//! The allocator's layout and the header that carries it.
//!
//! The header is one self-contained C file: maps, allocator and the `static_…` functions that the
//! rewriter puts in the place of the C library's. It is written as parts, in `c`, one per topic.

pub mod layout;
pub mod limits;
pub mod model;
mod overrides;
pub mod walk;

pub use overrides::{KernelVersion, OverrideError, Overrides, header};

/// The name under which the header is included.
pub const HEADER_NAME: &str = "dynamic_memory.h";

/// The header as committed, with its default sizes.
pub const HEADER: &str = include_str!("../../include/dynamic_memory.h");

/// What `DYNAMIC_MEMORY_VERSION` in a header's text is: 1,000,000 times the major, 1,000 times the
/// minor number, and the patch level. `None` if the text is no header of this project, `Some(0)` if
/// it is one from before there was a version. Linear in the text.
pub(crate) fn header_version(text: &[u8]) -> Option<u32> {
    memchr::memmem::find(text, b"#define DYNAMIC_MEMORY_H\n")
        .or_else(|| memchr::memmem::find(text, b"#define DYNAMIC_MEMORY_H\r\n"))?;
    const NAME: &[u8] = b"#define DYNAMIC_MEMORY_VERSION ";
    let at = memchr::memmem::find(text, NAME).map(|at| at + NAME.len());
    let digits = at.map(|at| text[at..].iter().take_while(|byte| byte.is_ascii_digit()));
    let value = digits.map(|digits| {
        digits.fold(0u32, |sum, digit| {
            sum.saturating_mul(10)
                .saturating_add(u32::from(digit - b'0'))
        })
    });
    Some(value.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_has_the_version_of_the_crate() {
        let part = |text: &str| text.parse::<u32>().unwrap();
        let version = part(env!("CARGO_PKG_VERSION_MAJOR")) * 1_000_000
            + part(env!("CARGO_PKG_VERSION_MINOR")) * 1_000
            + part(env!("CARGO_PKG_VERSION_PATCH"));
        assert_eq!(header_version(HEADER.as_bytes()), Some(version));
        assert_eq!(
            header_version(b"#define DYNAMIC_MEMORY_H\nint x;\n"),
            Some(0)
        );
        assert_eq!(header_version(b"int x;\n"), None);
    }
}
