//! `bpf-malloc`: eBPF programs in plain C with `malloc` and `free`, accepted by the Linux verifier.
//!
//! The crate does three jobs that share nothing but the heap's layout:
//!
//! * [`rewrite`] turns C sources that call the C library's allocator into sources that call
//!   `static_malloc` and its family. Pure: bytes and options in, a [`rewrite::Plan`] out.
//! * [`heap`] owns the layout of the allocator behind those calls and the header that carries it.
//! * `kernel` (feature `kernel`) loads objects into the running kernel and reads its verdict;
//!   `judge` (feature `judge`) compiles, and says what a verdict means and what no kernel accepts.
//!
//! `run` (feature `run`) does the first job on whole directories: [`run::Builder`] is for build
//! scripts. [`c`] reads C and knows nothing of allocators.
//!
//! The invariant of the first job: bytes outside the edits of a plan are never touched, and
//! planning the output again yields no edits.

pub mod c;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod heap;
#[cfg(feature = "judge")]
pub mod judge;
#[cfg(feature = "kernel")]
pub mod kernel;
#[cfg(test)]
mod layers;
#[cfg(feature = "cli")]
mod report;
pub mod rewrite;
// Some of it serves the command alone.
#[cfg(feature = "run")]
#[cfg_attr(not(feature = "cli"), allow(dead_code))]
pub mod run;
