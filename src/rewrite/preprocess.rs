//! Preprocessing a file of a project.

use std::path::Path;

use super::parsed::is_generated;
use super::reach::is_kernel_types;
use super::{Header, Project};
use crate::c::cpp::{self, Included, Includes, Kept, Setup, Unit, Wanted};
use crate::heap::HEADER_NAME;

/// The headers that a project knows, its own first.
#[derive(Clone, Copy)]
struct ProjectIncludes<'p>(&'p dyn Project);

impl Includes for ProjectIncludes<'_> {
    fn find(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Included> {
        let of = |project: bool| {
            move |header: Header| Included {
                large: is_kernel_types(&header.path, &header.bytes)
                    && is_generated(&header.path, &header.bytes),
                path: header.path,
                bytes: header.bytes,
                project,
            }
        };
        let own = match next {
            true => None,
            false => self.0.header(from, name, angled),
        };
        let system = || self.0.system_header(from, name, angled, next);
        own.map(of(true)).or_else(|| system().map(of(false)))
    }
}

/// The allocator's header need not be at hand, and what its macros stand for tells nothing about a
/// program: that they are used does.
const KEPT: Kept = Kept {
    header: Some(HEADER_NAME),
    names: &["__arena", "can_loop"],
};

/// Preprocesses a file as a project's compiler would: with the macros and forced includes of its
/// command line, and with the project's and the system's headers.
pub fn preprocess(path: &Path, source: &[u8], project: &dyn Project) -> Unit {
    preprocess_wanted(path, source, project, None)
}

/// Preprocesses a file; of the kernel's types only those that it names and those that are `wanted`.
pub fn preprocess_wanted(
    path: &Path,
    source: &[u8],
    project: &dyn Project,
    wanted: Option<&Wanted>,
) -> Unit {
    let setup = Setup {
        includes: &ProjectIncludes(project),
        command_line: &project.command_line(path),
        forced: &project.forced_includes(path),
        kept: KEPT,
        wanted,
        cache: &project.cache().sources,
    };
    cpp::preprocess(path, source, &setup)
}
