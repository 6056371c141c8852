//! The command line: arguments as plain values.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use bpf_malloc::heap::KernelVersion;
use bpf_malloc::rewrite::{Backend, OnNull};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::stats::{self, Stats};
use super::verify::{self, Check, Verify};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  --check found files that would change, or a place needs a person
  2  error: wrong usage, or something could not be read or written (the rest was still done)";

const REWRITE_EXAMPLES: &str = "\
Examples:
  bpf-malloc rewrite src/                  rewrite every .c and .h file below src
  bpf-malloc rewrite --diff prog.bpf.c     show what would change
  bpf-malloc rewrite --check src/          for CI: exit 1 if anything would change
  bpf-malloc rewrite -o build/ --emit-header src/
                                           before compiling: the sources stay as they are
  bpf-malloc rewrite - <in.c >out.c        filter

Exit codes:
  0  done, or nothing to do
  1  --check found files that would change, or a place needs a person (with --diff alone: 0)
  2  error: wrong usage, or something could not be read or written (the rest was still done)

Settings can also stand in a file bpf-malloc.toml beside the sources or in a directory above:
  on-null = \"auto\"               # auto, off, error or return=EXPR
  backend = \"auto\"               # auto, map or arena
  ext = [\"c\", \"h\"]               # file endings in directories
  exclude = [\"vendor/\"]          # patterns as in .gitignore
  include-dirs = [\"include\"]     # where headers of the project lie
  compile-commands = \"build/compile_commands.json\"
  emit-header = false            # write dynamic_memory.h beside the output
  max-size = \"8M\"                # larger files are refused
  [header]                       # what --emit-header writes, as in `bpf-malloc header`
  pool-size = 65536              # also: heaps, granule, guard, spin-lock, arena, debug
Relative paths in it start at its directory; the command line wins over it.";

/// Write eBPF programs in plain C with malloc and free.
#[derive(Debug, Parser)]
#[command(name = "bpf-malloc", version, about, after_help = EXIT_CODES, propagate_version = true)]
pub struct Cli {
    /// When to use colours; NO_COLOR in the environment is respected.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Turn calls of malloc, free and their family into calls the verifier accepts.
    #[command(after_help = REWRITE_EXAMPLES)]
    Rewrite(Box<Rewrite>),
    /// Print or write dynamic_memory.h, the allocator that rewritten programs include.
    Header(Header),
    /// Ask the running kernel's verifier for its verdict on sources and objects.
    #[command(after_help = verify::EXAMPLES)]
    Verify(Box<Verify>),
    /// Find what no kernel takes in sources and objects, without asking one.
    #[command(after_help = verify::CHECK_EXAMPLES)]
    Check(Check),
    /// Show what the heaps of loaded programs hold.
    #[command(after_help = stats::EXAMPLES)]
    Stats(Stats),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or that of a subcommand, in troff format.
    Man {
        /// The subcommand.
        #[arg(value_name = "SUBCOMMAND")]
        page: Option<String>,
    },
}

/// When to use colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How the report is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with source lines.
    Human,
    /// One JSON object with every edit and notice.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
}

/// Arguments of `rewrite`.
#[derive(Args, Debug)]
pub struct Rewrite {
    /// Files, directories (in a git repository .gitignore is respected; hidden entries are
    /// skipped), or - for a filter from stdin to stdout.
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Write nothing, print a unified diff for git apply or patch -p1.
    #[arg(long)]
    pub diff: bool,
    /// Write nothing, name the files that would change; exit 1 if there are any.
    #[arg(long)]
    pub check: bool,
    /// Write to PATH instead: a file for one input, a directory that mirrors the inputs for
    /// several; - is stdout. Files without changes are copied too.
    #[arg(short, long, value_name = "PATH", conflicts_with_all = ["diff", "check"])]
    pub output: Option<PathBuf>,
    /// Also write dynamic_memory.h into every directory where a file that includes it was
    /// written.
    #[arg(long, conflicts_with_all = ["diff", "check"])]
    pub emit_header: bool,
    /// What to do about missing NULL checks: auto (insert one that leaves as the function
    /// leaves), return=EXPR (insert one that returns EXPR), off, or error (report them only)
    /// [default: auto].
    #[arg(long, value_name = "M", value_parser = on_null)]
    pub on_null: Option<OnNull>,
    /// Where the heap lies: map (Linux 5.10), arena (Linux 6.9, clang 19; for linked data), or
    /// auto: an arena where pointers into the heap are stored and followed later [default: auto].
    #[arg(long, value_name = "B", value_parser = backend)]
    pub backend: Option<Backend>,
    /// The oldest kernel that the programs have to load on. Before 6.9 there are no arenas:
    /// linked data then stays in maps, and stored pointers are turned back where they are
    /// followed.
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = kernel_version)]
    pub target_kernel: Option<KernelVersion>,
    /// Say of each declaration that gets __arena why it does.
    #[arg(long)]
    pub explain: bool,
    /// File endings looked at in directories, separated by commas [default: c,h].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ext: Option<Vec<String>>,
    /// How to report.
    #[arg(long, value_name = "F", default_value = "human")]
    pub message_format: Format,
    /// Settings to use instead of the bpf-malloc.toml found upwards from the input.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Read no bpf-malloc.toml.
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
    /// A directory with headers of the project, as the compiler gets it. Repeatable.
    #[arg(short = 'I', value_name = "DIR")]
    pub include_dirs: Vec<PathBuf>,
    /// A macro, as the compiler gets it. Repeatable.
    #[arg(short = 'D', value_name = "NAME[=VALUE]")]
    pub defines: Vec<String>,
    /// A macro that is not defined, as the compiler gets it. Repeatable.
    #[arg(short = 'U', value_name = "NAME")]
    pub undefines: Vec<String>,
    /// The compilation database to take -I, -D, -U and -include from, instead of the
    /// compile_commands.json found upwards from each file (there or in a directory build).
    #[arg(long, value_name = "FILE")]
    pub compile_commands: Option<PathBuf>,
    /// The name that stdin stands for, in reports and to find settings and headers.
    #[arg(long, value_name = "PATH")]
    pub stdin_filename: Option<PathBuf>,
    /// Refuse to write anything outside of DIR.
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Refuse files larger than this, in bytes or with a K, M or G behind the number
    /// [default: 8M].
    #[arg(long, value_name = "SIZE", value_parser = size)]
    pub max_size: Option<u64>,
    /// How many threads work [default: one per core].
    #[arg(short, long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Say nothing but errors.
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Explain every edit and every place that was left alone.
    #[arg(short, long, action = ArgAction::SetTrue)]
    pub verbose: bool,
}

/// Arguments of `header`.
#[derive(Args, Debug)]
pub struct Header {
    /// Write to PATH instead of stdout: a file, or a directory that gets dynamic_memory.h.
    #[arg(short, long, value_name = "PATH")]
    pub output: Option<PathBuf>,
    /// Bytes of each heap's pool: 1024 to 268435456, a multiple of the granule; K and M may
    /// follow the number.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub pool_size: Option<u64>,
    /// Number of heaps: a power of two up to 64. About one per CPU is best.
    #[arg(long, value_name = "N")]
    pub heaps: Option<u32>,
    /// Bytes that sizes and alignments are rounded up to: a power of two from 16 to 4096.
    #[arg(long, value_name = "BYTES")]
    pub granule: Option<u32>,
    /// Bytes behind each pool that make accesses to blocks of variable size provable: a multiple
    /// of 4096.
    #[arg(long, value_name = "BYTES", value_parser = size)]
    pub guard: Option<u64>,
    /// Lock with bpf_spin_lock instead of an atomic exchange: for Linux before 5.12. Tracing
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
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = kernel_version)]
    pub min_kernel: Option<KernelVersion>,
}

/// Reads a kernel version.
pub fn kernel_version(text: &str) -> Result<KernelVersion, String> {
    let wrong = || "give a version such as 6.1".to_owned();
    let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
    Ok(KernelVersion {
        major: major.parse().map_err(|_| wrong())?,
        minor: minor.parse().map_err(|_| wrong())?,
    })
}

/// Reads the value of `--on-null`.
pub fn on_null(text: &str) -> Result<OnNull, String> {
    match text {
        "auto" => Ok(OnNull::Auto),
        "off" => Ok(OnNull::Off),
        "error" => Ok(OnNull::Error),
        _ => match text.strip_prefix("return=").map(str::trim) {
            Some("") => Err("an expression has to follow `return=`, as in return=-12".into()),
            Some(value) => Ok(OnNull::Return(value.into())),
            None => Err("possible values: auto, off, error, return=EXPR".into()),
        },
    }
}

/// Reads the value of `--backend`.
pub fn backend(text: &str) -> Result<Backend, String> {
    match text {
        "auto" => Ok(Backend::Auto),
        "map" => Ok(Backend::Map),
        "arena" => Ok(Backend::Arena),
        _ => Err("possible values: map, arena, auto".into()),
    }
}

/// Reads a size in bytes, with an optional binary suffix.
pub fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "give a number of bytes, as in 1000000, 512K or 8M".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "does not fit into 64 bits".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn sizes() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("8M"), Ok(8 << 20));
        assert_eq!(size("2k"), Ok(2048));
        assert!(size("M").is_err() && size("").is_err() && size("99999999999G").is_err());
    }

    #[test]
    fn null_policies() {
        assert_eq!(on_null("return=-12"), Ok(OnNull::Return("-12".into())));
        assert!(on_null("return=").is_err() && on_null("maybe").is_err());
    }
}
