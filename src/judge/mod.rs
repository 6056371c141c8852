//! Whether a kernel can accept an object, as far as that can be told without asking one.
//!
//! * [`compile`] finds clang and compiles sources, some of them replaced in memory.
//! * [`inspect`] finds in an object what every kernel refuses, with lines from its `btf`. Pure.
//! * [`verdict`] reads verifier logs: figures of accepted programs, reasons of refused ones. Pure.
//! * [`explain`] says what a refusal means and what to do about it. Pure.
//!
//! Needs neither a kernel nor libbpf; `kernel` asks the running one.

mod btf;
pub mod compile;
pub mod explain;
pub mod inspect;
pub mod verdict;

pub use btf::SourceLine;
