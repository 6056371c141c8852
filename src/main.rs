//! The command.

fn main() -> std::process::ExitCode {
    bpf_malloc::cli::main()
}
