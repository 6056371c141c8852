//! The allocator's layout and the header that carries it.

/// The name under which the header is included.
pub const HEADER_NAME: &str = "dynamic_memory.h";
