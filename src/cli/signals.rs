//! Ctrl-C and termination signals.

use std::process;

use super::exit;
use crate::run::{Fault, replace};

/// Lets a signal end the process between two files.
pub fn end_between_files() -> Result<(), Fault> {
    ctrlc::set_handler(|| {
        let _paused = replace::pause();
        process::exit(exit::INTERRUPTED)
    })
    .map_err(|error| {
        Fault::new(
            "signals",
            format!("cannot prepare for Ctrl-C: {error}"),
            "this is a problem of the system, not of the files",
        )
    })
}
