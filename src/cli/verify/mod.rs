//! `bpf-malloc verify`: the running kernel's verdict on objects and on sources as they will be
//! after the rewrite.

#[cfg(feature = "kernel")]
mod judge;
#[cfg(feature = "kernel")]
mod machine;
#[cfg(feature = "kernel")]
mod refusal;
#[cfg(feature = "kernel")]
mod report;
#[cfg(feature = "kernel")]
mod sources;

use std::ffi::OsString;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::process::ExitCode;

use bpf_malloc::rewrite::Backend;
use clap::Args;

use super::args::Format;
use super::console::Console;
#[cfg(not(feature = "kernel"))]
use crate::report::Fault;

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

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// C sources, or BPF objects (told apart by their first bytes).
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Run the programs that the kernel can run without attaching them, and show what they return.
    #[arg(long)]
    pub run: bool,
    /// The packet to run on, from its Ethernet header [default: 64 bytes of UDP over IPv4].
    #[arg(long, value_name = "FILE", requires = "run")]
    pub packet: Option<PathBuf>,
    /// How often to run each; the time shown is the mean.
    #[arg(long, value_name = "N", requires = "run", default_value = "1")]
    pub repeat: NonZeroU32,
    /// Where the heap lies, as for `rewrite`: map, arena or auto [default: auto].
    #[arg(long, value_name = "B", value_parser = super::args::backend)]
    pub backend: Option<Backend>,
    /// The clang to compile sources with [default: BPF_MALLOC_CLANG of the environment, else the
    /// newest in PATH].
    #[arg(long, value_name = "PATH")]
    pub clang: Option<PathBuf>,
    /// How to report.
    #[arg(long, value_name = "F", default_value = "human")]
    pub message_format: Format,
    /// Show the verifier's log of what is refused.
    #[arg(long)]
    pub log: bool,
    /// Arguments for clang.
    #[arg(last = true, value_name = "CLANG ARGS")]
    pub clang_arguments: Vec<OsString>,
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
    /// C sources, or BPF objects (told apart by their first bytes).
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Where the heap lies, as for `rewrite`: map, arena or auto [default: auto].
    #[arg(long, value_name = "B", value_parser = super::args::backend)]
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

/// Does what `arguments` say.
#[cfg(feature = "kernel")]
pub fn run(arguments: &Verify, console: &mut Console) -> ExitCode {
    judge::run(arguments, judge::Ask::Kernel, console)
}

/// Looks for what every kernel refuses, without asking one.
#[cfg(feature = "kernel")]
pub fn check(arguments: &Check, console: &mut Console) -> ExitCode {
    let arguments = Verify {
        files: arguments.files.clone(),
        run: false,
        packet: None,
        repeat: NonZeroU32::MIN,
        backend: arguments.backend,
        clang: arguments.clang.clone(),
        message_format: arguments.message_format,
        log: false,
        clang_arguments: arguments.clang_arguments.clone(),
    };
    judge::run(&arguments, judge::Ask::Nobody, console)
}

/// Says how to get a build that can do it.
#[cfg(not(feature = "kernel"))]
pub fn check(_: &Check, console: &mut Console) -> ExitCode {
    without_kernel(console)
}

/// Says how to get a build that can do it.
#[cfg(not(feature = "kernel"))]
pub fn run(_: &Verify, console: &mut Console) -> ExitCode {
    without_kernel(console)
}

/// Says how to get a build with the kernel part.
#[cfg(not(feature = "kernel"))]
pub fn without_kernel(console: &mut Console) -> ExitCode {
    console.fault(&Fault::new(
        "kernel",
        "this bpf-malloc was built without the part that talks to the kernel",
        "install one that has it: cargo install bpf-malloc --features kernel",
    ));
    super::exit::code(true, false)
}
