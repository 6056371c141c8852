//! The search for headers of the system, as clang does it.

use std::env::consts::ARCH;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Headers here are the system's, whatever is included from where.
const ROOTS: [&str; 4] = ["/usr/include", "/usr/local/include", "/usr/lib", "/lib"];

/// Whether a file or directory belongs to the system.
pub fn holds(path: &Path) -> bool {
    ROOTS.iter().any(|root| path.starts_with(root))
}

/// Where the compiler searches behind the directories of its command line. The last one, Debian's
/// for the headers of one architecture, is not searched for the target `bpf`; programs name it
/// on the command line, which is not always known.
fn dirs() -> &'static [PathBuf] {
    static DIRS: OnceLock<Vec<PathBuf>> = OnceLock::new();
    DIRS.get_or_init(|| {
        let multiarch = match ARCH {
            "arm" => "arm-linux-gnueabihf".to_owned(),
            "powerpc64" => "powerpc64le-linux-gnu".to_owned(),
            arch => format!("{arch}-linux-gnu"),
        };
        let usual = ["/usr/local/include", "/usr/include"].map(PathBuf::from);
        let multiarch = Path::new("/usr/include").join(multiarch);
        usual.into_iter().chain([multiarch]).collect()
    })
}

/// The header that an include in the file `from` means. `given` are the directories of the command
/// line; with `next` those up to the one of `from` are left out.
pub fn search<'d>(
    from: &Path,
    name: &str,
    angled: bool,
    next: bool,
    given: impl Iterator<Item = &'d PathBuf>,
) -> Option<Arc<Path>> {
    let file = |dir: &Path| {
        let found = fs::canonicalize(dir.join(name)).ok()?;
        found.is_file().then_some(found)
    };
    let here = from.parent().filter(|_| !angled && !next);
    if let Some(found) = here.and_then(file) {
        return Some(found.into());
    }
    let mut given = given.chain(dirs());
    if next {
        let from = fs::canonicalize(from).unwrap_or_else(|_| from.to_path_buf());
        let all: Vec<&PathBuf> = given.collect();
        let of_same = |dir: &&PathBuf| file(dir).is_some_and(|found| found == from);
        let above = |dir: &&PathBuf| fs::canonicalize(dir).is_ok_and(|dir| from.starts_with(dir));
        let at = all.iter().position(of_same);
        let at = at.or_else(|| all.iter().position(above));
        let behind = &all[at.map_or(0, |at| at + 1)..];
        // A directory may be named twice.
        let found = behind.iter().filter_map(|dir| file(dir));
        return found
            .into_iter()
            .find(|found| *found != from)
            .map(Into::into);
    }
    given.find_map(|dir| file(dir)).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_as_the_compiler() {
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| fs::canonicalize(dir.path()).unwrap().join(name);
        for name in ["one/x.h", "two/x.h", "two/sub/y.h", "two/sub/x.h"] {
            fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            fs::write(path(name), "").unwrap();
        }
        let given = [path("one"), path("two")];
        let find = |from: &str, name: &str, angled: bool, next: bool| {
            let found = search(&path(from), name, angled, next, given.iter());
            found.map(|found| found.strip_prefix(path("")).unwrap().to_path_buf())
        };
        assert_eq!(find("a.c", "x.h", true, false), Some("one/x.h".into()));
        assert_eq!(find("one/x.h", "x.h", true, true), Some("two/x.h".into()));
        assert_eq!(find("two/x.h", "x.h", true, true), None);
        assert_eq!(
            find("two/sub/y.h", "x.h", false, false),
            Some("two/sub/x.h".into())
        );
        assert_eq!(
            find("two/sub/y.h", "x.h", true, false),
            Some("one/x.h".into())
        );
        assert_eq!(find("a.c", "no such header.h", true, false), None);
    }
}
