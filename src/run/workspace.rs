//! What a rewrite may know of the rest of the project: headers, compiler flags, other inputs.
//!
//! Every answer is kept, since a header is asked for once per file that includes it. What has
//! been read stays what it was, even when the run rewrites it.

use std::collections::{HashMap, HashSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use rustc_hash::FxBuildHasher;

use super::database::{self, Database, Flags};
use super::load::{self, Demand};
use super::settings::CONFIG_NAME;
use super::together::Together;
use super::walk::Start;
use super::{Fault, system};
use crate::heap::HEADER_NAME;
use crate::rewrite::{self, Changed, CommandLineMacro, Facts, Header, Project};

/// Headers kept in memory, in bytes. More are read anew each time.
const KEPT: usize = 96 << 20;

/// A map that many threads fill. Paths are kept in it as strings: comparing and hashing those by
/// their parts, as `Path` does, is slow.
struct Cache<K, V>(RwLock<HashMap<K, V, FxBuildHasher>>);

impl<K: Eq + Hash, V: Clone> Cache<K, V> {
    fn new() -> Self {
        Self(RwLock::new(HashMap::default()))
    }

    fn peek<Q>(&self, key: &Q) -> Option<V>
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        known.get(key).cloned()
    }

    fn get<Q>(&self, key: &Q, owned: impl FnOnce(&Q) -> K, make: impl FnOnce() -> V) -> V
    where
        K: std::borrow::Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = known.get(key) {
            return value.clone();
        }
        drop(known);
        // Not under the lock: finding out may ask for other entries. Two threads may do so at
        // the same time and find the same.
        let value = make();
        let mut known = self.0.write().unwrap_or_else(PoisonError::into_inner);
        known.entry(owned(key)).or_insert(value).clone()
    }
}

type Names = Cache<String, Option<Arc<Path>>>;

/// What the files of one directory mean by the names of headers.
struct Place {
    quoted: Names,
    angled: Names,
}

/// What a directory holds.
struct Listing {
    /// Its path without links, once somebody asked.
    real: OnceLock<PathBuf>,
    entries: HashMap<OsString, Entry, FxBuildHasher>,
}

/// What a name in a directory is.
#[derive(Clone, Copy)]
enum Entry {
    /// A regular file.
    File,
    /// A directory, or a link to who knows what.
    Other,
}

impl Listing {
    /// Of a directory that cannot be read, nothing.
    fn of(dir: &Path) -> Self {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let kind = |entry: &fs::DirEntry| match entry.file_type() {
            Ok(kind) if kind.is_file() => Entry::File,
            _ => Entry::Other,
        };
        Self {
            entries: entries.map(|e| (e.file_name(), kind(&e))).collect(),
            real: OnceLock::new(),
        }
    }

    /// The path without links of a file in it.
    fn real(&self, dir: &Path, name: &str) -> PathBuf {
        let real = || fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        self.real.get_or_init(real).join(name)
    }
}

/// The files around the inputs.
pub struct Workspace {
    /// The directory that holds all inputs: the project where nothing else marks one.
    common: PathBuf,
    /// The inputs.
    named: HashSet<PathBuf>,
    /// What the command line and the settings say, for every file.
    own: Flags,
    database: Option<Arc<Database>>,
    max_size: u64,
    roots: Cache<OsString, Arc<Path>>,
    listings: Cache<OsString, Arc<Listing>>,
    /// By flags (the address of what the database holds), then by directory.
    places: Cache<usize, Arc<Cache<OsString, Arc<Place>>>>,
    /// Headers of the system, by flags, directory of the including file, name and kind of brackets.
    system: Cache<(usize, PathBuf, String, bool), Option<Arc<Path>>>,
    contents: Cache<OsString, Option<Arc<[u8]>>>,
    kept: AtomicUsize,
    nearest: Cache<OsString, Option<Arc<Database>>>,
    faults: Mutex<Vec<Fault>>,
    /// What the library has found out about the headers.
    infos: rewrite::Cache,
    /// The headers that several units of the run include, once that is known.
    shared: OnceLock<HashSet<PathBuf>>,
    /// The files that have other texts than on disk for the rest of the run.
    lowered: OnceLock<Lowered>,
}

/// What the calls and addresses that BPF does not have become in units together with their headers.
struct Lowered {
    files: HashMap<PathBuf, (Changed, Arc<[u8]>)>,
    /// What the library has found out about the headers with these texts.
    infos: rewrite::Cache,
}

impl Workspace {
    /// Around these inputs. `macros` are those of the command line.
    pub fn new(starts: &[Start], macros: Vec<CommandLineMacro>) -> Result<Self, Fault> {
        let mut own = Flags {
            macros,
            ..Flags::default()
        };
        let mut database = None;
        let mut max_size = 0;
        for start in starts {
            let settings = &start.settings;
            for dir in &settings.include_dirs {
                if !own.dirs.contains(dir) {
                    own.dirs.push(dir.clone());
                }
            }
            if let (None, Some(path)) = (&database, &settings.compile_commands) {
                database = Some(Arc::new(Database::read(path)?));
            }
            max_size = max_size.max(settings.max_size);
        }
        Ok(Self {
            common: common(starts.iter().map(Start::dir)),
            named: starts.iter().map(|start| start.real.clone()).collect(),
            own,
            database,
            max_size,
            roots: Cache::new(),
            listings: Cache::new(),
            places: Cache::new(),
            system: Cache::new(),
            contents: Cache::new(),
            kept: AtomicUsize::new(0),
            nearest: Cache::new(),
            faults: Mutex::new(Vec::new()),
            infos: rewrite::Cache::default(),
            shared: OnceLock::new(),
            lowered: OnceLock::new(),
        })
    }

    /// The workspace, with what is known of the inputs.
    pub fn view(&self, facts: Facts) -> View<'_> {
        View {
            workspace: self,
            rewritten: HashSet::new(),
            facts,
            together: Together::default(),
        }
    }

    /// Has every file compiled in one way, after what the settings say.
    pub fn set_flags(&mut self, mut flags: Flags) {
        flags.dirs.append(&mut self.own.dirs);
        self.own = flags;
        self.database = Some(Arc::new(Database::default()));
    }

    /// Takes over what another workspace has read.
    pub fn take_contents(&mut self, other: Self) {
        // What is too large for one may be of interest to the other.
        if self.max_size == other.max_size {
            (self.contents, self.kept) = (other.contents, other.kept);
        }
    }

    /// Notes which headers several units of the run include.
    pub fn set_shared(&self, shared: HashSet<PathBuf>) {
        self.shared.get_or_init(|| shared);
    }

    /// Has these files count as what they become.
    pub fn set_lowered(&self, files: HashMap<PathBuf, Changed>) {
        let with_text = |(path, changed): (PathBuf, Changed)| {
            let text = changed.text().into();
            (path, (changed, text))
        };
        self.lowered.get_or_init(|| Lowered {
            files: files.into_iter().map(with_text).collect(),
            // Lowering changes calls and declarations.
            infos: self.infos.with_includes(),
        });
    }

    /// What has become of a file before everything else, and its text since.
    pub fn lowered(&self, path: &Path) -> Option<&(Changed, Arc<[u8]>)> {
        self.lowered.get()?.files.get(path)
    }

    /// Whether it is known by now which headers several units include, and what is to be lowered.
    pub fn knows_units(&self) -> bool {
        self.shared.get().is_some()
    }

    /// The directory that holds all inputs.
    pub fn common(&self) -> &Path {
        &self.common
    }

    /// What went wrong with files that nobody named.
    pub fn take_faults(&self) -> Vec<Fault> {
        std::mem::take(&mut *self.faults.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The headers of the project, and the databases of compilation, that were read so far.
    pub fn files_read(&self) -> Vec<PathBuf> {
        let contents = self
            .contents
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let headers = contents.keys().map(PathBuf::from);
        let mut files: Vec<PathBuf> = headers.filter(|path| !system::holds(path)).collect();
        let nearest = self
            .nearest
            .0
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let near = nearest.values().flatten();
        files.extend(near.chain(&self.database).map(|d| d.path().to_owned()));
        files
    }

    fn header_path(&self, from: &Path, name: &str, angled: bool) -> Option<Arc<Path>> {
        let dir = from.parent()?;
        let flags = self.flags(from);
        let key = flags.as_ref().map_or(0, |f| Arc::as_ptr(f) as usize);
        let places = self.places.get(&key, |k| *k, || Arc::new(Cache::new()));
        let place = places.get(dir.as_os_str(), OsStr::to_owned, || {
            Arc::new(Place {
                quoted: Cache::new(),
                angled: Cache::new(),
            })
        });
        let names = if angled { &place.angled } else { &place.quoted };
        names.get(name, str::to_owned, || {
            self.resolve(dir, name, angled, flags.as_deref())
        })
    }

    fn header(&self, from: &Path, name: &str, angled: bool) -> Option<Header> {
        let path = self.header_path(from, name, angled)?;
        Some(Header {
            bytes: self.content(&path)?,
            path: path.to_path_buf(),
        })
    }

    fn system_header(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Header> {
        let flags = self.flags(from);
        let search = || {
            let given = flags.iter().flat_map(|flags| &flags.dirs);
            system::search(from, name, angled, next, self.own.dirs.iter().chain(given))
        };
        let path = if next {
            search()
        } else {
            let key = flags.as_ref().map_or(0, |f| Arc::as_ptr(f) as usize);
            let dir = from.parent().filter(|_| !angled).unwrap_or(Path::new(""));
            let key = (key, dir.to_path_buf(), name.to_owned(), angled);
            self.system.get(&key, Clone::clone, search)
        }?;
        Some(Header {
            bytes: self.content(&path)?,
            path: path.to_path_buf(),
        })
    }

    /// Searches for a header as the compiler would; beyond that, since its `-I` are not always
    /// known, in the directories above and in their `include` and `include/uapi`, up to the project's
    /// root. The last is where the trees of the kernel and of libbpf keep what programs include.
    fn resolve(
        &self,
        dir: &Path,
        name: &str,
        angled: bool,
        flags: Option<&Flags>,
    ) -> Option<Arc<Path>> {
        if Path::new(name).file_name()? == HEADER_NAME {
            return None;
        }
        if !angled && let Some(found) = self.probe(dir, name) {
            return Some(found);
        }
        let given = flags.map_or(&[][..], |f| &f.dirs);
        for dir in self.own.dirs.iter().chain(given) {
            if !system::holds(dir)
                && let Some(found) = self.probe(dir, name)
            {
                return Some(found);
            }
        }
        let root = self.root(dir);
        for dir in dir.ancestors() {
            let below = ["", "include", "include/uapi"].into_iter();
            if let Some(found) = { below }.find_map(|below| self.probe(&dir.join(below), name)) {
                return Some(found);
            }
            if *dir == *root {
                break;
            }
        }
        None
    }

    /// The file `name` in a directory. One listing of the directory answers most questions
    /// without asking the file system again.
    fn probe(&self, dir: &Path, name: &str) -> Option<Arc<Path>> {
        let (first, rest) = match name.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (name, None),
        };
        let plain = !matches!(first, "" | "." | "..");
        let listing = plain.then(|| {
            let make = || Arc::new(Listing::of(dir));
            self.listings.get(dir.as_os_str(), OsStr::to_owned, make)
        });
        let kind = match &listing {
            Some(listing) => *listing.entries.get(OsStr::new(first))?,
            None => Entry::Other,
        };
        let real = match (rest, listing, kind) {
            (Some(rest), _, _) if plain => return self.probe(&dir.join(first), rest),
            (None, Some(listing), Entry::File) => listing.real(dir, first),
            _ => fs::canonicalize(dir.join(name))
                .ok()
                .filter(|real| real.is_file())?,
        };
        (!system::holds(&real)).then(|| real.into())
    }

    fn content(&self, path: &Arc<Path>) -> Option<Arc<[u8]>> {
        if let Some((_, text)) = self.lowered(path) {
            return Some(Arc::clone(text));
        }
        if let Some(content) = self.contents.peek(path.as_os_str()) {
            return content;
        }
        let demand = Demand {
            max_size: self.max_size,
            named: true,
        };
        let mut bytes = Vec::new();
        let content: Option<Arc<[u8]>> =
            load::read(path, || path.to_path_buf(), demand, &mut bytes)
                .ok()
                .map(|_| bytes.into());
        let length = content.as_ref().map_or(0, |c| c.len());
        if self.kept.fetch_add(length, Ordering::Relaxed) + length > KEPT {
            self.kept.fetch_sub(length, Ordering::Relaxed);
            return content;
        }
        self.contents
            .get(path.as_os_str(), OsStr::to_owned, || content)
    }

    /// How the compiler is called for a file, as far as a database says so.
    fn flags(&self, path: &Path) -> Option<Arc<Flags>> {
        let database = match &self.database {
            Some(database) => Arc::clone(database),
            None => self.nearest_database(path.parent()?)?,
        };
        Some(Arc::clone(database.flags(path)))
    }

    fn nearest_database(&self, dir: &Path) -> Option<Arc<Database>> {
        self.nearest.get(dir.as_os_str(), OsStr::to_owned, || {
            for file in [
                dir.join(database::NAME),
                dir.join("build").join(database::NAME),
            ] {
                if file.is_file() {
                    return match Database::read(&file) {
                        Ok(database) => Some(Arc::new(database)),
                        Err(fault) => {
                            let mut faults =
                                self.faults.lock().unwrap_or_else(PoisonError::into_inner);
                            if !faults.iter().any(|f| f.path == fault.path) {
                                faults.push(fault);
                            }
                            None
                        }
                    };
                }
            }
            self.nearest_database(dir.parent()?)
        })
    }

    /// The root of the project that a directory belongs to.
    fn root(&self, dir: &Path) -> Arc<Path> {
        self.roots.get(dir.as_os_str(), OsStr::to_owned, || {
            let with = |name: &str| dir.ancestors().find(|dir| dir.join(name).exists());
            let marked = with(".git")
                .or_else(|| with(database::NAME))
                .or_else(|| with(CONFIG_NAME));
            match marked {
                Some(root) => root.into(),
                // Inputs that have nothing in common but the file system are projects of their own.
                None if self.common.parent().is_some() && dir.starts_with(&self.common) => {
                    self.common.as_path().into()
                }
                None => dir.into(),
            }
        })
    }
}

/// The deepest directory that holds all of `dirs`.
fn common<'a>(mut dirs: impl Iterator<Item = &'a Path>) -> PathBuf {
    let mut common = dirs.next().unwrap_or(Path::new("")).to_owned();
    for dir in dirs {
        while !dir.starts_with(&common) && common.pop() {}
    }
    common
}

/// A workspace together with what is known of the other inputs.
pub struct View<'a> {
    /// The files around.
    pub workspace: &'a Workspace,
    /// The inputs that may be rewritten.
    pub rewritten: HashSet<PathBuf>,
    /// What their functions do with blocks.
    pub facts: Facts,
    /// The plans of files that are rewritten all or not at all.
    pub together: Together,
}

impl Project for View<'_> {
    fn header(&self, from: &Path, name: &str, angled: bool) -> Option<Header> {
        self.workspace.header(from, name, angled)
    }

    fn header_path(&self, from: &Path, name: &str, angled: bool) -> Option<Arc<Path>> {
        self.workspace.header_path(from, name, angled)
    }

    fn system_header(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Header> {
        self.workspace.system_header(from, name, angled, next)
    }

    fn has_headers(&self) -> bool {
        true
    }

    fn rewritten(&self, path: &Path) -> bool {
        self.rewritten.contains(path)
    }

    fn may_rewrite(&self, path: &Path) -> bool {
        let named = &self.workspace.named;
        path.ancestors().any(|path| named.contains(path))
    }

    fn is_shared(&self, header: &Path) -> bool {
        let shared = self.workspace.shared.get();
        // Files that are not in the run may include what it may not rewrite.
        !self.may_rewrite(header) || shared.is_none_or(|shared| shared.contains(header))
    }

    fn command_line(&self, path: &Path) -> Vec<CommandLineMacro> {
        let flags = self.workspace.flags(path);
        let given = flags.iter().flat_map(|f| &f.macros);
        given.chain(&self.workspace.own.macros).cloned().collect()
    }

    fn forced_includes(&self, path: &Path) -> Vec<String> {
        let flags = self.workspace.flags(path);
        let given = flags.iter().flat_map(|f| &f.forced);
        given.chain(&self.workspace.own.forced).cloned().collect()
    }

    fn compiled_for_bpf(&self, path: &Path) -> bool {
        self.workspace.own.bpf || self.workspace.flags(path).is_some_and(|flags| flags.bpf)
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn cache(&self) -> &rewrite::Cache {
        let lowered = self.workspace.lowered.get();
        lowered.map_or(&self.workspace.infos, |lowered| &lowered.infos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_directory() {
        let dirs = ["/a/b/c", "/a/b/d/e", "/a/b"].map(Path::new);
        assert_eq!(common(dirs.into_iter()), Path::new("/a/b"));
        assert_eq!(
            common(["/a", "/b"].map(Path::new).into_iter()),
            Path::new("/")
        );
    }

    #[test]
    fn headers_of_the_project_come_before_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir(root.join(".git")).unwrap();
        fs::create_dir_all(root.join("include/linux")).unwrap();
        fs::write(root.join("include/linux/types.h"), "typedef int mine;\n").unwrap();
        let workspace = Workspace::new(&[], Vec::new()).map(|mut workspace| {
            workspace.max_size = 1 << 20;
            workspace
        });
        let view = View {
            workspace: &workspace.unwrap_or_else(|_| panic!("a workspace")),
            rewritten: HashSet::new(),
            facts: Facts::default(),
            together: Together::default(),
        };
        let source = b"#include <linux/types.h>\n#include <linux/bpf.h>\n";
        let unit = crate::rewrite::preprocess(&root.join("a.c"), source, &view);
        let paths: Vec<_> = unit.files.iter().map(|file| &file.path).collect();
        assert!(paths.contains(&&root.join("include/linux/types.h")));
        // Where the kernel's headers are not installed, that is all.
        let system = Path::new("/usr/include/linux/bpf.h");
        match system.is_file() {
            true => assert!(paths.iter().any(|path| *path == system), "{paths:?}"),
            false => assert_eq!(unit.problems.len(), 1),
        }
    }
}
