//! Arguments of `header`.

use std::path::PathBuf;

use clap::Args;

use crate::heap::KernelVersion;
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
    /// Bytes of each heap's pool: 1024 to 268435456, a multiple of the granule; K and M may
    /// follow the number.
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
    pub pool_size: Option<u64>,
    /// Number of heaps: a power of two up to 64. About one per CPU is best.
    #[arg(long, value_name = "N")]
    pub heaps: Option<u32>,
    /// Bytes that sizes and alignments are rounded up to: a power of two from 16 to 4096.
    #[arg(long, value_name = "BYTES")]
    pub granule: Option<u32>,
    /// Bytes behind each pool that make accesses to blocks of variable size provable: a multiple
    /// of 4096.
    #[arg(long, value_name = "BYTES", value_parser = values::size)]
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
