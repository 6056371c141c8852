//! The command: everything but the exit code lives in `cli`.

mod cli;
mod report;

fn main() -> std::process::ExitCode {
    cli::main()
}
