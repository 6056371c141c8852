//! What the exit code says.

use std::process::ExitCode;

/// All was done, or there was nothing to do.
pub const DONE: u8 = 0;
/// `--check` found files that would change, or a place needs a person.
pub const WORK: u8 = 1;
/// Wrong usage, or something could not be read or written. Everything else was still done.
pub const ERROR: u8 = 2;
/// Ended by Ctrl-C or a termination signal; every file is whole, either old or new.
pub const INTERRUPTED: i32 = 130;

/// The outcome of a command, from its parts: an error outweighs work.
pub fn code(errors: bool, work: bool) -> ExitCode {
    ExitCode::from(match (errors, work) {
        (true, _) => ERROR,
        (false, true) => WORK,
        (false, false) => DONE,
    })
}
