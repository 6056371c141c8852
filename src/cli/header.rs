//! `bpf-malloc header`.

use std::path::Path;
use std::process::ExitCode;

use super::args::Header;
use super::console::Console;
use super::exit;
use crate::heap::{HEADER_NAME, Overrides};
use crate::run::{Fault, output};

/// Runs the command.
pub fn run(args: &Header, console: &mut Console) -> ExitCode {
    let overrides = Overrides {
        pool_size: args.pool_size,
        heaps: args.heaps,
        granule: args.granule,
        guard: args.guard,
        spin_lock: args.spin_lock,
        arena: args.arena,
        debug: args.debug,
        min_kernel: args.min_kernel,
    };
    let done = output::header_text(&overrides).and_then(|text| match &args.output {
        Some(path) => write(path, &text, console),
        None => console.out(text.as_bytes()).and_then(|()| console.flush()),
    });
    if let Err(fault) = &done {
        console.fault(fault);
    }
    exit::code(done.is_err(), false)
}

fn write(path: &Path, text: &str, console: &mut Console) -> Result<(), Fault> {
    let path = match output::means_directory(path, false) {
        true => path.join(HEADER_NAME),
        false => path.to_owned(),
    };
    // A device or a pipe takes the text as stdout does.
    let notes = output::write_header(&path, &path, text)?;
    notes.iter().for_each(|note| console.fault(note));
    Ok(())
}
