//! The allocator's layout and the header that carries it.
//!
//! The header is one self-contained C file: maps, allocator and the `static_…` functions that the
//! rewriter puts in the place of the C library's. It is written as parts, in `c`, one per topic.

pub mod layout;
pub mod model;
mod overrides;
pub mod walk;

pub use overrides::{KernelVersion, OverrideError, Overrides, header};

/// The name under which the header is included.
pub const HEADER_NAME: &str = "dynamic_memory.h";

/// The header as committed, with its default sizes.
pub const HEADER: &str = include_str!("../../include/dynamic_memory.h");
