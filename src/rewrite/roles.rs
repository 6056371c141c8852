//! What several files of a run have by name, and each has to change in the same way.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What one file has to do with such a thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Role {
    /// It defines it.
    pub defines: bool,
    /// It uses it.
    pub uses: bool,
    /// Its declarations and uses can be changed.
    pub fits: bool,
}

/// What one file has to do with each of them, by name.
pub type Roles = BTreeMap<String, Role>;

/// The names that the files of a run have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    names: BTreeSet<String>,
    /// The files that declare one of them.
    files: BTreeSet<PathBuf>,
}

impl Names {
    /// Of all files of a run: what one defines and another uses, if all can be changed.
    pub fn of<'a>(each: impl Iterator<Item = (&'a Path, &'a Roles)> + Clone) -> Self {
        let mut found = Self::default();
        let names: BTreeSet<&String> = each.clone().flat_map(|(_, file)| file.keys()).collect();
        for name in names {
            let roles = || each.clone().filter_map(|(_, file)| file.get(name));
            let defined = roles().filter(|role| role.defines).count() == 1;
            let used = roles().any(|role| role.uses && !role.defines);
            if defined && used && roles().all(|role| role.fits) {
                let files = each.clone().filter(|(_, file)| file.contains_key(name));
                found.files.extend(files.map(|(path, _)| path.to_owned()));
                found.names.insert(name.clone());
            }
        }
        found
    }

    /// Whether a file declares one of them.
    pub fn concerns(&self, file: &Path) -> bool {
        self.files.contains(file)
    }

    /// Whether a name is one of them.
    pub fn holds(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFINES: Role = Role {
        defines: true,
        uses: true,
        fits: true,
    };
    const USES: Role = Role {
        defines: false,
        ..DEFINES
    };

    /// Whether files with these roles agree.
    fn agree(roles: &[Role]) -> bool {
        let files: Vec<Roles> = roles
            .iter()
            .map(|&role| Roles::from([("it".into(), role)]))
            .collect();
        let each = files.iter().map(|file| (Path::new("a.c"), file));
        Names::of(each).holds("it")
    }

    #[test]
    fn one_defines_it_and_another_uses_it() {
        assert!(agree(&[DEFINES, USES]));
        assert!(!agree(&[DEFINES]) && !agree(&[USES, USES]));
        assert!(!agree(&[DEFINES, DEFINES, USES]));
        let declares = Role {
            uses: false,
            ..USES
        };
        assert!(!agree(&[DEFINES, declares]));
    }

    #[test]
    fn all_of_them_can_be_changed() {
        let stays = Role {
            fits: false,
            ..USES
        };
        assert!(!agree(&[DEFINES, USES, stays]));
    }
}
