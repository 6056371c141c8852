//! A program as a project of its own, and the contexts of its runs.

use std::fs;
use std::path::{Path, PathBuf};

use super::expect::Case;
use super::runs::Run;

/// A directory of its own for each test, and in it one for each program, with what it includes.
pub fn project(case: &Case, parent: &Path) -> PathBuf {
    let directory = parent.join(&case.name);
    fs::create_dir_all(&directory).expect("a directory");
    let file = case.path.file_name().expect("a name");
    fs::copy(&case.path, directory.join(file)).expect("a copy of the program");
    if let Some(header) = header(case) {
        let name = header.file_name().expect("a name");
        fs::copy(&header, directory.join(name)).expect("a copy of the header");
    }
    directory
}

/// The installed header that the program has a copy of.
pub fn header(case: &Case) -> Option<PathBuf> {
    let name = case.tag("header")?;
    // Debian keeps some headers in a directory of the machine's name.
    let machine = format!("/usr/include/{}-linux-gnu", std::env::consts::ARCH);
    let candidates = [Path::new("/usr/include"), Path::new(&machine)];
    let found = candidates
        .iter()
        .map(|d| d.join(name))
        .find(|p| p.is_file());
    Some(found.unwrap_or_else(|| candidates[0].join(name)))
}

/// The context of a run: its argument, for raw tracepoints; a few words for syscall programs;
/// none for what sees the sample packet.
pub fn context(case: &Case, run: &Run) -> Vec<u8> {
    let head = format!("\nint {}(", run.program);
    let section = case.text.split(&head).next().unwrap_or_default();
    let section = section.lines().last().unwrap_or_default();
    if !section.starts_with("SEC(\"raw_tp") && !section.starts_with("SEC(\"syscall") {
        return Vec::new();
    }
    [run.argument, 0].map(u64::to_ne_bytes).concat()
}
