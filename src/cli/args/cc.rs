//! Arguments of `cc`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use crate::heap::KernelVersion;
use crate::rewrite::{Backend, OnNull, Recursion};
use crate::run::values;

/// The help text after the options.
pub const EXAMPLES: &str = "\
Examples:
  bpf-malloc cc clang-19 -target bpf -O2 -g -c prog.bpf.c -o prog.bpf.o
  make CLANG='bpf-malloc cc clang-19'      in a build that calls $(CLANG)
  ln -s $(command -v bpf-malloc) ~/bin/bpf-malloc-clang-19
                                           one word, for builds that take a program's name:
                                           CLANG=bpf-malloc-clang-19 (libbpf-cargo),
                                           bpf2go -cc bpf-malloc-clang-19

The compiler sees the sources as `rewrite` would write them, and dynamic_memory.h; no file changes.
Messages, BTF, dependency files and compilation databases name the original files and lines. What
does not compile C for BPF, sources without an allocation, and sources from a pipe go to the compiler
as they are. The others get what the build does not say itself: -mcpu=v3 (with an arena -mcpu=v4
-mllvm -disable-ldsx -ftrivial-auto-var-init=zero), and on x86 -D__x86_64__. bpf2go says -mcpu=v1:
give it -cflags \"-mcpu=v3\". Needs clang.

Exit codes: the compiler's; 2 if a source could not be rewritten, 127 if there is no such compiler";

/// Arguments of `cc`.
#[derive(Args, Debug)]
pub struct Cc {
    /// Where the heap lies, as for `rewrite`: map, arena or auto [default: auto].
    #[arg(long, value_name = "B", value_parser = values::backend)]
    pub backend: Option<Backend>,
    /// What to do about missing NULL checks, as for `rewrite` [default: auto].
    #[arg(long, value_name = "M", value_parser = values::on_null)]
    pub on_null: Option<OnNull>,
    /// What to do about recursive functions, as for `rewrite`: auto or off [default: auto].
    #[arg(long, value_name = "R", value_parser = values::recursion)]
    pub recursion: Option<Recursion>,
    /// The oldest kernel that the programs have to load on, as for `rewrite`.
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = values::kernel_version)]
    pub target_kernel: Option<KernelVersion>,
    /// Another source of the same program, or a directory with them: read for what its functions do
    /// with blocks. For objects that `bpftool gen object` links. Repeatable.
    #[arg(long, value_name = "PATH")]
    pub with: Vec<PathBuf>,
    /// Settings to use instead of the bpf-malloc.toml found upwards from the source.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read no bpf-malloc.toml.
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// The compiler and its arguments.
    #[arg(
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true,
        value_name = "COMPILER ARGS"
    )]
    pub command: Vec<OsString>,
}
