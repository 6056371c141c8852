//! What the files of a run have to agree on before anything is made of them: what several of them have, and
//! each has to change in the same way.

use std::path::{Path, PathBuf};

use super::calls::{Pointed, SharedPointers, passed_to_others, pointed};
use super::filled::filled_for_others;
use super::project::Project;
use super::roles::{Names, Roles};

/// What one file has to do with others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    pointers: Pointed,
    functions: Roles,
    tables: Roles,
}

/// What the files have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    /// Pointers to functions.
    pub(super) pointers: SharedPointers,
    /// Functions whose arguments or result BPF cannot pass.
    pub(super) functions: Names,
    /// Variables with addresses in their initial values.
    pub(super) tables: Names,
}

/// What a unit has that other files of the run may have, too. Takes the time of reading the unit.
pub fn shares(path: &Path, source: &[u8], project: &dyn Project) -> Shares {
    let parsed = project.cache().files.parsed(path, source, project);
    Shares {
        pointers: pointed(parsed.model(), project),
        functions: passed_to_others(parsed.model()),
        tables: filled_for_others(parsed.model()),
    }
}

impl Shares {
    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.pointers.is_empty() && self.functions.is_empty() && self.tables.is_empty()
    }
}

impl Agreed {
    /// Of all files of a run, in the same order in each run.
    pub fn of(each: &[(PathBuf, Shares)]) -> Self {
        let pointers = each.iter().filter(|(_, file)| !file.pointers.is_empty());
        let pointers: Vec<_> = pointers
            .map(|(path, file)| (path.clone(), file.pointers.clone()))
            .collect();
        let functions = each.iter().map(|(path, file)| (&**path, &file.functions));
        let tables = each.iter().map(|(path, file)| (&**path, &file.tables));
        Self {
            pointers: SharedPointers::of(&pointers),
            functions: Names::of(functions),
            tables: Names::of(tables),
        }
    }

    /// Whether a file changes by it.
    pub fn concerns(&self, file: &Path) -> bool {
        self.pointers.concerns(file) || self.changes(file)
    }

    /// Whether a file has to change even if it allocates nothing and names nothing that does.
    pub fn changes(&self, file: &Path) -> bool {
        self.functions.concerns(file) || self.tables.concerns(file)
    }
}
