//! Arguments of `rewrite`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{ArgAction, Args};

use super::Format;
use crate::heap::KernelVersion;
use crate::rewrite::{Backend, OnNull, Recursion};
use crate::run::values;

/// The help text after the options.
pub const EXAMPLES: &str = "\
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
  2  error: wrong usage, or something could not be read or written, stdout included (the rest was
     still done)

Settings can also stand in a file bpf-malloc.toml beside the sources or in a directory above, up to
the top of the repository or file system. Those of other users are passed by, with a note; -v says
which are followed.
  on-null = \"auto\"               # auto, off, error or return=EXPR
  backend = \"auto\"               # auto, map or arena
  recursion = \"auto\"             # auto or off
  ext = [\"c\", \"h\"]               # file endings in directories
  exclude = [\"vendor/\"]          # patterns as in .gitignore
  all = false                    # in directories also what is no code for BPF
  include-dirs = [\"include\"]     # where headers of the project lie
  compile-commands = \"build/compile_commands.json\"
  emit-header = false            # write dynamic_memory.h beside the output
  max-size = \"8M\"                # larger files are refused
  [header]                       # what --emit-header writes, as in `bpf-malloc header`
  pool-size = 65536              # also: heaps, granule, guard, spin-lock, arena, debug
Relative paths in it start at its directory; the command line wins over it.";

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
    /// several; - is stdout. With --emit-header a new name without an ending is a directory, too.
    /// Files without changes are copied as well.
    #[arg(short, long, value_name = "PATH", conflicts_with_all = ["diff", "check"])]
    pub output: Option<PathBuf>,
    /// Also write dynamic_memory.h into every directory where a file that includes it was
    /// written, unless one is there that was changed by hand.
    #[arg(long, conflicts_with_all = ["diff", "check"])]
    pub emit_header: bool,
    /// What to do about missing NULL checks: auto (insert one that leaves as the function
    /// leaves), return=EXPR (insert one that returns EXPR), off, or error (report them only)
    /// [default: auto].
    #[arg(long, value_name = "M", value_parser = values::on_null)]
    pub on_null: Option<OnNull>,
    /// Where the heap lies: map (Linux 5.17), arena (Linux 6.9, clang 19; for linked data), or
    /// auto: an arena where pointers into the heap are stored and followed later [default: auto].
    #[arg(long, value_name = "B", value_parser = values::backend)]
    pub backend: Option<Backend>,
    /// What to do about recursive functions, which BPF does not have: auto (they become loops over
    /// frames on the heap, which then lies in an arena, in files that allocate) or off [default:
    /// auto].
    #[arg(long, value_name = "R", value_parser = values::recursion)]
    pub recursion: Option<Recursion>,
    /// The oldest kernel that the programs have to load on. Before 6.9 there are no arenas:
    /// linked data then stays in maps, and stored pointers are turned back where they are
    /// followed.
    #[arg(long, value_name = "MAJOR.MINOR", value_parser = values::kernel_version)]
    pub target_kernel: Option<KernelVersion>,
    /// Say of each declaration that gets __arena why it does.
    #[arg(long)]
    pub explain: bool,
    /// File endings looked at in directories, separated by commas [default: c,h].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub ext: Option<Vec<String>>,
    /// In directories rewrite also what is no code for BPF. By default that are the sources whose
    /// name ends in .bpf.c, that are compiled for BPF (as compile_commands.json has it), or that have
    /// or reach SEC(, bpf_helpers.h or vmlinux.h; and the headers that these include.
    #[arg(long)]
    pub all: bool,
    /// What to leave out in directories, a pattern as in .gitignore. Repeatable.
    #[arg(long, value_name = "PATTERN")]
    pub exclude: Vec<String>,
    /// Leave out also files that are named on the command line, as pre-commit does.
    #[arg(long)]
    pub force_exclude: bool,
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
    #[arg(long, value_name = "SIZE", value_parser = values::size)]
    pub max_size: Option<u64>,
    /// Write nothing, list the files that the run would plan: code for BPF that allocates, or has to
    /// do with code that does.
    #[arg(long, conflicts_with_all = ["diff", "check", "output", "emit_header", "show_settings"])]
    pub show_files: bool,
    /// Write nothing, print the settings of each input, as bpf-malloc.toml would have them.
    #[arg(long, conflicts_with_all = ["diff", "check", "output", "emit_header"])]
    pub show_settings: bool,
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
