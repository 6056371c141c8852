//! Loading BPF objects into the running kernel and reading its verdict.
//!
//! * [`load`] opens objects, loads them whole or one program at a time, and keeps the verifier's
//!   log; the libbpf calls it needs beyond `libbpf-rs` are in `raw`, the only unsafe code here.
//! * [`run`] runs loaded programs with `BPF_PROG_TEST_RUN` and names their return values.
//! * [`verdict`] reads verifier logs: figures of accepted programs, reasons of refused ones. Pure.
//! * [`compile`] finds clang and compiles sources, some of them replaced in memory.
//! * [`explain`] says what a refusal means and what to do about it. Pure.
//! * [`inspect`] finds in an object what every kernel refuses, with lines from its `btf`. Pure.
//! * [`heaps`] finds the heaps of loaded programs, [`stats`] counts what they hold.
//! * [`privilege`] says what is missing when the kernel lets this process load nothing.
//!
//! The invariant of this job: nothing is ever attached or pinned, so that judging a program leaves
//! no trace in the running system once the returned values are dropped.

mod btf;
pub mod compile;
pub mod explain;
pub mod heaps;
pub mod inspect;
pub mod load;
pub mod privilege;
mod raw;
pub mod run;
pub mod stats;
pub mod verdict;
