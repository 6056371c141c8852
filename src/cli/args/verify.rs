//! Arguments of `verify` and `check`.

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::rewrite::Backend;
use crate::run::values;

/// The help text behind the options.
pub const EXAMPLES: &str = "\
Examples:
  bpf-malloc verify prog.bpf.c             rewrite in memory, compile, ask the kernel
  bpf-malloc verify --run prog.bpf.o       run each program once on a 64-byte UDP packet
  bpf-malloc verify prog.bpf.c -- -Iinclude -DDEBUG
                                           with arguments for clang

A source is compiled with: -target bpf -mcpu=v3 -O2 -g -ffreestanding, then your arguments.
Programs are loaded one by one, never attached, and unloaded at the end.

Exit codes:
  0  every program was accepted
  1  the kernel refused a program
  2  something could not be judged: no privilege, no BPF, no clang, an unreadable file, a source
     that does not compile";

/// What `verify` and `check` look at, and how it is compiled.
#[derive(Args, Debug)]
pub struct Judged {
    /// C sources, or BPF objects (told apart by their first bytes).
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Where the heap lies, as for `rewrite`: map, arena or auto [default: auto].
    #[arg(long, value_name = "B", value_parser = values::backend)]
    pub backend: Option<Backend>,
    /// The clang to compile sources with [default: BPF_MALLOC_CLANG of the environment, else the
    /// newest in PATH].
    #[arg(long, value_name = "PATH")]
    pub clang: Option<PathBuf>,
    /// How to report.
    #[arg(long, value_name = "F", default_value = "human")]
    pub message_format: Format,
    /// Arguments for clang.
    #[arg(last = true, value_name = "CLANG ARGS")]
    pub clang_arguments: Vec<OsString>,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// What to look at.
    #[command(flatten)]
    pub judged: Judged,
    /// Run the programs that the kernel can run without attaching them, and show what they return.
    #[arg(long)]
    pub run: bool,
    /// The packet to run on, from its Ethernet header [default: 64 bytes of UDP over IPv4].
    #[arg(long, value_name = "FILE", requires = "run")]
    pub packet: Option<PathBuf>,
    /// How often to run each; the time shown is the mean.
    #[arg(long, value_name = "N", requires = "run", default_value = "1")]
    pub repeat: NonZeroU32,
    /// Show the verifier's log of what is refused.
    #[arg(long)]
    pub log: bool,
}

/// The help text behind the options of `check`.
pub const CHECK_EXAMPLES: &str = "\
Compiles the sources as `verify` does and looks for what no kernel takes, without asking one: calls
of functions that are nowhere defined, indirect calls, recursion, too much stack, floating point,
signed division, structures returned, too many arguments. That nothing is found does not mean that
the verifier accepts a program; `verify` asks it.

Exit codes:
  0  nothing was found
  1  something stands in the way
  2  something could not be checked: no clang, an unreadable file, a source that does not compile";

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// What to look at.
    #[command(flatten)]
    pub judged: Judged,
}
