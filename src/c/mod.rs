//! C: bytes, tokens and directives, and the preprocessor. Nothing here knows of allocators, and
//! nothing here imports a module of this crate that stands above it.

pub mod bytes;
pub mod condition;
pub mod conditionals;
pub mod cpp;
pub mod lexer;
mod span;
mod symbols;
pub mod syntax;

pub use span::Span;
pub use symbols::{Symbol, Symbols};
