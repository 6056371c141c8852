//! `bpf-malloc verify`, the running kernel's verdict on objects and on sources as they will be
//! after the rewrite; and `bpf-malloc check`, what can be said without a kernel.
#![cfg_attr(
    not(feature = "kernel"),
    allow(dead_code, reason = "some of it serves `verify` alone")
)]

#[cfg(feature = "kernel")]
mod ask;
mod files;
mod machine;
mod recursion;
mod refusal;
mod report;
mod sources;

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

use super::args::{Check, Format, Judged, Verify};
use super::console::Console;
use super::exit;
use crate::run::Fault;
use files::{FileReport, Judge, Problem};
use report::Kind;

/// Asks the running kernel.
#[cfg(feature = "kernel")]
pub fn verify(arguments: &Verify, console: &mut Console) -> ExitCode {
    let judged = &arguments.judged;
    let (files, faults) = match ask::Kernel::new(arguments) {
        // Programs that are measured are left alone.
        Ok(kernel) if arguments.run => (Judge::new(judged, Some(&kernel)).all(1), Vec::new()),
        Ok(kernel) => (Judge::new(judged, Some(&kernel)).all(cores()), Vec::new()),
        Err(fault) => (Vec::new(), vec![fault]),
    };
    tell(
        judged,
        Kind::Verdicts,
        files,
        faults,
        arguments.log,
        console,
    )
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Says how to get a build that can do it.
#[cfg(not(feature = "kernel"))]
pub fn verify(_: &Verify, console: &mut Console) -> ExitCode {
    without_kernel(console)
}

/// Looks for what every kernel refuses, without asking one.
pub fn check(arguments: &Check, console: &mut Console) -> ExitCode {
    let judged = &arguments.judged;
    let files = Judge::new(judged, None).all(cores());
    tell(judged, Kind::Obstacles, files, Vec::new(), false, console)
}

/// Reports, and says how it went. `faults` are those of no single file.
fn tell(
    judged: &Judged,
    kind: Kind,
    files: Vec<FileReport>,
    mut faults: Vec<Fault>,
    log: bool,
    console: &mut Console,
) -> ExitCode {
    let text = match judged.message_format {
        // A table of nothing says nothing.
        Format::Human if files.is_empty() => Vec::new(),
        Format::Human => report::render(kind, &files, log, console.out_color),
        Format::Json => machine::json(&files, &faults, log),
        Format::Sarif => machine::sarif(&files, &faults),
        Format::Github => machine::github(&files, &faults),
    };
    let written = console.out(&text).and_then(|()| console.flush());
    faults.extend(written.err());
    let of_files = files.iter().filter_map(|file| match &file.programs {
        Err(Problem::Unable(fault)) => Some(fault),
        _ => None,
    });
    for fault in faults.iter().chain(of_files) {
        console.fault(fault);
    }
    let unjudged = files.iter().any(FileReport::is_unjudged);
    let refused = files.iter().any(FileReport::is_refused);
    exit::code(unjudged || !faults.is_empty(), refused)
}

/// Says how to get a build with the kernel part.
#[cfg(not(feature = "kernel"))]
pub fn without_kernel(console: &mut Console) -> ExitCode {
    console.fault(&Fault::new(
        "kernel",
        "this bpf-malloc was built without the part that talks to the kernel",
        "install one that has it: cargo install bpf-malloc --features kernel; `bpf-malloc check` \
         finds what no kernel accepts",
    ));
    exit::code(true, false)
}
