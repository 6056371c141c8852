//! Arguments of `verify` and `check`.

use std::ffi::OsString;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use clap::Args;

use super::Format;
use crate::heap::KernelVersion;
use crate::rewrite::{Backend, Recursion};
use crate::run::values;

/// The help text behind the options.
pub const EXAMPLES: &str = "\
Examples:
  bpf-malloc verify prog.bpf.c             rewrite in memory, compile, ask the kernel
  bpf-malloc verify --run prog.bpf.o       run each program once on a 64-byte UDP packet
  bpf-malloc verify -Iinclude -DDEBUG prog.bpf.c -- -mcpu=v4
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
    /// The oldest kernel that the programs have to load on, as for `rewrite`.
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = values::kernel_version)]
    pub target_kernel: Option<KernelVersion>,
    /// A directory with headers, for the rewrite and for clang. Repeatable.
    #[arg(short = 'I', value_name = "DIR")]
    pub include_dirs: Vec<PathBuf>,
    /// A macro, for the rewrite and for clang. Repeatable.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    pub defines: Vec<String>,
    /// A macro that is not defined, for the rewrite and for clang. Repeatable.
    #[arg(short = 'U', value_name = "NAME")]
    pub undefines: Vec<String>,
    /// The compilation database to take -I, -D, -U and -include from, instead of the
    /// compile_commands.json found upwards from each file (there or in a directory build).
    #[arg(long, value_name = "FILE")]
    pub compile_commands: Option<PathBuf>,
    /// How many files are judged at once [default: one per core, with --run one].
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// What to do about recursive functions, which BPF does not have: auto (they become loops over
    /// frames on the heap, which then lies in an arena, in files that allocate) or off [default:
    /// auto].
    #[arg(long, value_name = "R", value_parser = values::recursion)]
    pub recursion: Option<Recursion>,
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
Examples:
  bpf-malloc check prog.bpf.c              rewrite in memory, compile, look
  bpf-malloc check -Iinclude -j8 *.bpf.c   many, with headers of the project
  bpf-malloc check --message-format github prog.bpf.o
                                           an object, for CI

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
