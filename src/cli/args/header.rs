//! Arguments of `header`.

use std::path::PathBuf;

use clap::Args;

use crate::heap::KernelVersion;
use crate::heap::limits::*;
use crate::run::values;

/// Shown below the help of `header`.
pub const EXAMPLES: &str = "\
Examples:
  bpf-malloc header -o bpf/                write bpf/dynamic_memory.h
  bpf-malloc header --pool-size 1M --heaps 16 -o bpf/
                                           with 16 heaps of 1 MiB

Exit codes:
  0  printed or written
  2  the sizes do not go together, or the file could not be written";

/// Arguments of `header`.
#[derive(Args, Debug)]
pub struct Header {
    /// Write to PATH instead of stdout: a file, or a directory that gets dynamic_memory.h.
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    #[arg(long, value_name = "BYTES", value_parser = values::size,
          help = format!("Bytes of each heap's pool: {LEAST_POOL_SIZE} to {MOST_POOL_SIZE}, a multiple \
                          of the granule; K and M may follow the number [default: \
                          {DEFAULT_POOL_SIZE}]"))]
    pub pool_size: Option<u64>,
    #[arg(long, value_name = "N",
          help = format!("Number of heaps: a power of two up to {MOST_HEAPS}. About one per CPU is \
                          best [default: {DEFAULT_HEAPS}]"))]
    pub heaps: Option<u32>,
    #[arg(long, value_name = "BYTES",
          help = format!("Bytes that sizes and alignments are rounded up to: a power of two from \
                          {LEAST_GRANULE} to {MOST_GRANULE} [default: {DEFAULT_GRANULE}, in pools of \
                          {LARGE_POOL_SIZE} bytes and more {LARGE_POOL_GRANULE}]"))]
    pub granule: Option<u32>,
    #[arg(long, value_name = "BYTES", value_parser = values::size,
          help = format!("Bytes behind each pool that make accesses to blocks of variable size \
                          provable: a multiple of {PAGE}, at least a {GUARD_PART}th of the pool"))]
    pub guard: Option<u64>,
    /// Lock with bpf_spin_lock instead of an atomic exchange: for Linux before 5.17. Tracing
    /// programs cannot use it.
    #[arg(long)]
    pub spin_lock: bool,
    /// Have the pools in a BPF arena, for pointers that are stored and followed later: Linux 6.9,
    /// clang 19.
    #[arg(long)]
    pub arena: bool,
    /// Record the source line of each block, poison freed memory, fill new memory.
    #[arg(long)]
    pub debug: bool,
    /// The oldest kernel to check the sizes against [default: 6.1, with --arena 6.9].
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = values::kernel_version)]
    pub min_kernel: Option<KernelVersion>,
}
