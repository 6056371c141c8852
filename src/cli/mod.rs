//! The command line: arguments as plain values first, effects after.

mod args;
mod cc;
mod console;
mod exit;
mod explain;
mod header;
mod progress;
mod rewrite;
mod signals;
#[cfg(feature = "kernel")]
mod stats;
mod verify;

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::run::Fault;
use args::{Cli, Command};
use console::Console;

/// Runs the command and says how it went.
pub fn main() -> ExitCode {
    let cli = match compiler() {
        Some(words) => Cli::parse_from(words),
        None => Cli::parse(),
    };
    let mut console = Console::new(cli.color);
    let code = run(&cli, &mut console);
    match console.lost() {
        true => exit::code(true, false),
        false => code,
    }
}

fn run(cli: &Cli, console: &mut Console) -> ExitCode {
    match &cli.command {
        Command::Rewrite(args) => rewrite::run(args, console),
        Command::Cc(args) => cc::run(args, console),
        Command::Header(args) => header::run(args, console),
        Command::Verify(args) => verify::verify(args, console),
        Command::Check(args) => verify::check(args, console),
        #[cfg(feature = "kernel")]
        Command::Stats(args) => stats::run(args, console),
        #[cfg(not(feature = "kernel"))]
        Command::Stats(_) => verify::without_kernel(console),
        Command::Explain(args) => explain::run(args, console),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "bpf-malloc", &mut script);
            print(&script, console)
        }
        Command::Man { page } => match manual(page.as_deref()) {
            Ok(text) => print(&text, console),
            Err(fault) => {
                console.fault(&fault);
                exit::code(true, false)
            }
        },
    }
}

/// The command line that is meant where the command is called by a name that ends in a compiler's:
/// `bpf-malloc-clang-19 ARGS` is `bpf-malloc cc clang-19 ARGS`.
fn compiler() -> Option<Vec<OsString>> {
    let mut words = env::args_os();
    let own = PathBuf::from(words.next()?);
    let compiler = own.file_name()?.to_str()?.strip_prefix("bpf-malloc-")?;
    let first = ["bpf-malloc", "cc", "--", compiler].map(OsString::from);
    Some(first.into_iter().chain(words).collect())
}

/// An absolute path as people know it: from the current directory where it lies below it.
fn shown(path: &Path) -> PathBuf {
    let here = env::current_dir().and_then(std::fs::canonicalize);
    let below = here.ok().and_then(|here| path.strip_prefix(here).ok());
    below.unwrap_or(path).to_owned()
}

fn print(text: &[u8], console: &mut Console) -> ExitCode {
    let done = console.out(text).and_then(|()| console.flush());
    if let Err(fault) = &done {
        console.fault(fault);
    }
    exit::code(done.is_err(), false)
}

/// The manual page of the command or of a subcommand.
fn manual(page: Option<&str>) -> Result<Vec<u8>, Fault> {
    // Gives the subcommands their full names.
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let names: Vec<String> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    let command = match page {
        None => command,
        Some(page) => command.find_subcommand(page).cloned().ok_or_else(|| {
            Fault::new(
                "usage",
                format!("there is no subcommand `{page}`"),
                format!("the subcommands are {}", names.join(", ")),
            )
        })?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut text)
        .map_err(|error| Fault::new("manual", error.to_string(), "report this as a bug"))?;
    Ok(text)
}
