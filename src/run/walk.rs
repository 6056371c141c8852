//! From the paths on the command line to files.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};
use walkdir::{DirEntry, WalkDir};

use super::settings::{Finder, Settings};
use super::{Fault, load};
use crate::rewrite::OnNull;

/// One PATH of the command line.
#[derive(Debug)]
pub struct Start {
    /// As the user wrote it.
    pub shown: PathBuf,
    /// Absolute, without symbolic links.
    pub real: PathBuf,
    /// It is a directory.
    pub is_dir: bool,
    /// What to do with it.
    pub settings: Arc<Settings>,
    /// What stdin held, if this stands for it.
    pub stdin: Option<Vec<u8>>,
}

impl Start {
    /// Whether missing NULL checks are looked for.
    pub fn looks_for_checks(&self) -> bool {
        self.settings.options.on_null != OnNull::Off
    }

    /// A file or a directory.
    pub fn path(shown: &Path, finder: &mut Finder) -> Result<Self, Fault> {
        let found = fs::canonicalize(shown).and_then(|real| Ok((fs::metadata(&real)?, real)));
        let (metadata, real) = found.map_err(|error| load::unreadable(shown, &error))?;
        let is_dir = metadata.is_dir();
        let dir = if is_dir { Some(&*real) } else { real.parent() };
        Ok(Self {
            shown: tidy(shown),
            settings: finder.find(dir.unwrap_or(&real))?,
            real,
            is_dir,
            stdin: None,
        })
    }

    /// What stdin held, under the name that it stands for.
    pub fn stdin(bytes: Vec<u8>, name: Option<&Path>, finder: &mut Finder) -> Result<Self, Fault> {
        let shown = name.unwrap_or(Path::new("<stdin>"));
        let absolute =
            std::path::absolute(shown).map_err(|error| load::unreadable(shown, &error))?;
        let dir = absolute.parent().unwrap_or(&absolute);
        let dir = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        Ok(Self {
            shown: tidy(shown),
            settings: finder.find(&dir)?,
            real: dir.join(shown.file_name().unwrap_or(shown.as_os_str())),
            is_dir: false,
            stdin: Some(bytes),
        })
    }

    /// The directory that it is, or lies in.
    pub fn dir(&self) -> &Path {
        match self.is_dir {
            true => &self.real,
            false => self.real.parent().unwrap_or(&self.real),
        }
    }
}

/// A file to look at.
#[derive(Clone, Debug)]
pub struct Found {
    /// The index of its [`Start`].
    pub start: usize,
    /// Its path in the start's directory; empty for the start itself.
    pub inner: PathBuf,
    /// Absolute, without symbolic links.
    pub real: PathBuf,
}

impl Found {
    /// Its name for the user.
    pub fn shown(&self, start: &Start) -> PathBuf {
        shown(&start.shown, &self.inner)
    }
}

fn shown(start: &Path, inner: &Path) -> PathBuf {
    match inner.as_os_str().is_empty() {
        true => start.to_owned(),
        false => tidy(&start.join(inner)),
    }
}

/// A path without a leading `./`.
fn tidy(path: &Path) -> PathBuf {
    match path.strip_prefix(".") {
        Ok(rest) if !rest.as_os_str().is_empty() => rest.to_owned(),
        _ => path.to_owned(),
    }
}

/// Calls `found` for the files of a start in any order, `fault` for what could not be read.
/// `output`, where the run writes to, is no input.
pub fn walk(
    index: usize,
    start: &Start,
    output: Option<&Path>,
    mut found: impl FnMut(Found),
    mut fault: impl FnMut(Fault),
) {
    if !start.is_dir {
        return found(Found {
            start: index,
            inner: PathBuf::new(),
            real: start.real.clone(),
        });
    }
    let mut ignores = Ignores::above(&start.real);
    let settings = &start.settings;
    let walker = WalkDir::new(&start.real).into_iter().filter_entry(|entry| {
        let is_dir = entry.file_type().is_dir();
        if entry.depth() == 0 {
            ignores.enter(entry);
            return true;
        }
        let hidden = entry.file_name().as_bytes().starts_with(b".");
        if hidden || !(is_dir || settings.takes(entry.file_name())) {
            return false;
        }
        ignores.leave(entry.depth());
        let path = entry.path();
        if output == Some(path) || ignores.ignored(path, is_dir) || settings.excludes(path, is_dir)
        {
            return false;
        }
        if is_dir {
            ignores.enter(entry);
        }
        true
    });
    for entry in walker {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(&start.real);
                let inner = path.strip_prefix(&start.real).unwrap_or(path);
                let shown = shown(&start.shown, inner);
                let other = || io::Error::other("the directory cannot be read");
                fault(load::unreadable(
                    &shown,
                    &error.into_io_error().unwrap_or_else(other),
                ));
                continue;
            }
        };
        let file_type = entry.file_type();
        if !file_type.is_file() && !file_type.is_symlink() {
            continue;
        }
        let path = entry.into_path();
        let inner = path.strip_prefix(&start.real).unwrap_or(&path).to_owned();
        let real = match file_type.is_symlink() {
            false => path,
            // A link to a directory is not entered: what it holds is reached on its own path, or
            // is none of what the user named.
            true => match fs::canonicalize(&path).and_then(|p| Ok((fs::metadata(&p)?, p))) {
                Ok((metadata, real)) if metadata.is_file() => real,
                Ok(_) => continue,
                Err(error) => {
                    let problem = load::unreadable(&shown(&start.shown, &inner), &error);
                    // Real trees hold dangling links, and there is nothing behind one to rewrite.
                    let dangles = error.kind() == io::ErrorKind::NotFound;
                    fault(if dangles {
                        problem.into_note()
                    } else {
                        problem
                    });
                    continue;
                }
            },
        };
        found(Found {
            start: index,
            inner,
            real,
        });
    }
}

/// The largest file of patterns that is read, in bytes.
const LIMIT: u64 = 1 << 20;

/// The .gitignore files in force, from the outermost to the innermost. As for git and ripgrep,
/// they count in a repository only: packages of sources come with some that ignore everything.
struct Ignores {
    /// Each with the least depth at which it holds; those above the walk hold everywhere.
    layers: Vec<(usize, Gitignore)>,
    /// The least depth of what is in a repository.
    repository: Option<usize>,
}

impl Ignores {
    /// Those above a directory, up to the top of its repository.
    fn above(dir: &Path) -> Self {
        let mut ignores = Self {
            layers: Vec::new(),
            repository: None,
        };
        let above: Vec<&Path> = dir.ancestors().collect();
        if let Some(top) = above.iter().position(|dir| is_top(dir)) {
            ignores.enter_repository(above[top], 0);
            // The directory itself comes with the walk.
            for dir in above[..=top].iter().skip(1).rev() {
                ignores.read(0, dir, ".gitignore");
            }
        }
        ignores
    }

    fn enter(&mut self, dir: &DirEntry) {
        let inside = dir.depth() + 1;
        if self.repository.is_none() && is_top(dir.path()) {
            self.enter_repository(dir.path(), inside);
        }
        if self.repository.is_some() {
            self.read(inside, dir.path(), ".gitignore");
        }
    }

    /// Reads a file of patterns that hold in `dir`.
    fn read(&mut self, depth: usize, dir: &Path, name: &str) {
        // What cannot be read ignores nothing, as for git.
        let Ok(bytes) = load::side(&dir.join(name), LIMIT) else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes);
        let mut builder = GitignoreBuilder::new(dir);
        for line in text.trim_start_matches('\u{feff}').lines() {
            // Nor does a line that is no pattern.
            let _ = builder.add_line(None, line);
        }
        if let Ok(layer) = builder.build() {
            self.push(depth, layer);
        }
    }

    fn enter_repository(&mut self, top: &Path, depth: usize) {
        self.repository = Some(depth);
        self.push(depth, Gitignore::global().0);
        self.read(depth, top, ".git/info/exclude");
    }

    fn push(&mut self, depth: usize, layer: Gitignore) {
        if !layer.is_empty() {
            self.layers.push((depth, layer));
        }
    }

    /// Drops what holds in directories that an entry at `depth` is not in.
    fn leave(&mut self, depth: usize) {
        while self.layers.last().is_some_and(|(least, _)| *least > depth) {
            self.layers.pop();
        }
        self.repository = self.repository.filter(|least| *least <= depth);
    }

    fn ignored(&self, path: &Path, is_dir: bool) -> bool {
        for (_, layer) in self.layers.iter().rev() {
            match layer.matched(path, is_dir) {
                Match::None => {}
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
            }
        }
        false
    }
}

/// Whether a directory is the top of a repository.
fn is_top(dir: &Path) -> bool {
    dir.join(".git").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leading_dot_goes() {
        assert_eq!(tidy(Path::new("./a/b.c")), Path::new("a/b.c"));
        assert_eq!(tidy(Path::new(".")), Path::new("."));
        assert_eq!(shown(Path::new("."), Path::new("a.c")), Path::new("a.c"));
        assert_eq!(shown(Path::new("d"), Path::new("a.c")), Path::new("d/a.c"));
    }
}
