//! Loading BPF objects into the running kernel and reading its verdict.
//!
//! * [`load`] opens objects, loads them whole or one program at a time, and keeps the verifier's
//!   log; the libbpf calls it needs beyond `libbpf-rs` are in `raw`, the only unsafe code here.
//! * [`run`] runs loaded programs with `BPF_PROG_TEST_RUN` and names their return values.
//! * [`heaps`] finds the heaps of loaded programs and looks behind their blocks, [`stats`] counts what
//!   they hold.
//! * [`privilege`] says what is missing when the kernel lets this process load nothing.
//!
//! What the log means is said by [`judge`](crate::judge).
//!
//! The invariant of this job: nothing is ever attached or pinned, so that judging a program leaves
//! no trace in the running system once the returned values are dropped.

pub mod heaps;
pub mod load;
pub mod privilege;
mod raw;
mod reader;
pub mod run;
pub mod stats;
