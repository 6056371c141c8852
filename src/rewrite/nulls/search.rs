//! Finds the headers of the project that define the functions and macros a file calls, so that a
//! check which is hidden in one of them is not missed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::super::headers::includes;
use super::super::project::{Header, Project};
use crate::c::lexer::Lexed;

/// How many headers are looked at for one file, and how many are read in the end.
const LOOKED_AT: usize = 400;
const READ: usize = 12;

/// The headers that `from` includes, directly or through others, and that define one of `names`.
pub fn headers_with(
    from: &Path,
    lexed: &Lexed,
    project: &dyn Project,
    names: &HashSet<Vec<u8>>,
) -> Vec<Header> {
    let mut search = Search {
        project,
        names,
        seen: HashSet::from([from.to_path_buf()]),
        found: Vec::new(),
    };
    let mut open: Vec<(PathBuf, String, bool)> = includes(lexed)
        .into_iter()
        .map(|(name, angled)| (from.to_path_buf(), name, angled))
        .collect();
    open.reverse();
    while let Some((from, name, angled)) = open.pop() {
        if search.seen.len() > LOOKED_AT || search.found.len() >= READ {
            break;
        }
        search.visit(&from, &name, angled, &mut open);
    }
    search.found
}

struct Search<'p> {
    project: &'p dyn Project,
    names: &'p HashSet<Vec<u8>>,
    seen: HashSet<PathBuf>,
    found: Vec<Header>,
}

impl Search<'_> {
    fn visit(
        &mut self,
        from: &Path,
        name: &str,
        angled: bool,
        open: &mut Vec<(PathBuf, String, bool)>,
    ) {
        let Some(header) = self.project.header(from, name, angled) else {
            return;
        };
        if !self.seen.insert(header.path.clone()) {
            return;
        }
        let info = self.project.cache().info(&header);
        for (name, angled) in &info.includes {
            open.push((header.path.clone(), name.clone(), *angled));
        }
        if !super::super::include::is_allocator_header(&header.path.to_string_lossy())
            && self.names.iter().any(|name| info.defines_name(name))
        {
            self.found.push(header);
        }
    }
}
