//! The command line: arguments as plain values.

mod cc;
mod header;
mod rewrite;
mod stats;
mod verify;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

pub use cc::Cc;
pub use header::Header;
pub use rewrite::Rewrite;
pub use stats::Stats;
pub use verify::{Check, Judged, Verify};

const EXIT_CODES: &str = "\
Exit codes:
  0  done, or nothing to do
  1  --check found files that would change, or a place needs a person
  2  error: wrong usage, or something could not be read or written (the rest was still done)";

/// The version, the commit, and what this build can do.
const LONG_VERSION: &str = match cfg!(feature = "kernel") {
    true => concat!(
        env!("CARGO_PKG_VERSION"),
        "\ncommit: ",
        env!("BPF_MALLOC_COMMIT"),
        "\nfeatures: cli, kernel"
    ),
    false => concat!(
        env!("CARGO_PKG_VERSION"),
        "\ncommit: ",
        env!("BPF_MALLOC_COMMIT"),
        "\nfeatures: cli"
    ),
};

/// Write eBPF programs in plain C with malloc and free.
#[derive(Debug, Parser)]
#[command(name = "bpf-malloc", version, long_version = LONG_VERSION, about, after_help = EXIT_CODES, propagate_version = true)]
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
    #[command(after_help = rewrite::EXAMPLES)]
    Rewrite(Box<Rewrite>),
    /// Run a compiler on the rewritten sources, without writing them: one word in a Makefile.
    #[command(after_help = cc::EXAMPLES)]
    Cc(Box<Cc>),
    /// Print or write dynamic_memory.h, the allocator that rewritten programs include.
    #[command(after_help = header::EXAMPLES)]
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
    /// Tell what a rule, as reports name it, means and what to do about it.
    Explain(Explain),
    /// Print a completion script for a shell.
    #[command(after_help = "\
Examples:
  bpf-malloc completions bash >~/.local/share/bash-completion/completions/bpf-malloc
  bpf-malloc completions zsh >~/.zfunc/_bpf-malloc")]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page, or that of a subcommand, in troff format.
    #[command(after_help = "\
Examples:
  bpf-malloc man rewrite | man -l -        read it
  bpf-malloc man >/usr/local/share/man/man1/bpf-malloc.1")]
    Man {
        /// The subcommand.
        #[arg(value_name = "SUBCOMMAND")]
        page: Option<String>,
    },
}

/// Arguments of `explain`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  bpf-malloc explain                       every rule with a sentence
  bpf-malloc explain unbounded-offset      what it means, and what to do

Exit codes:
  0  explained
  2  there is no such rule")]
pub struct Explain {
    /// The rule, such as missing-null-check.
    #[arg(value_name = "RULE")]
    pub rule: Option<String>,
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

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn definition_is_sound() {
        Cli::command().debug_assert();
    }
}
