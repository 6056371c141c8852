//! C: bytes, tokens and directives, and the preprocessor. Nothing here knows of allocators, and
//! nothing here imports a module of this crate that stands above it.

pub mod brackets;
pub mod bytes;
pub mod condition;
pub mod conditionals;
pub mod cpp;
pub mod directives;
pub mod lexer;
pub mod numbers;
pub mod operators;
pub mod outline;
mod span;
mod symbols;
pub mod syntax;
pub mod types;
pub mod words;

pub use span::Span;
pub use symbols::{Symbol, Symbols};
