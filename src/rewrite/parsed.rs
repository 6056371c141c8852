//! Files as the preprocessor leaves them, together with what their text means: read once for all
//! that looks at them.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::arena::Last;
use super::preprocess::preprocess_wanted;
use super::project::Project;
use crate::c::cpp::{File, FileId, FileKind, Token, Unit, Wanted};
use crate::c::types::Model;

self_cell::self_cell!(
    struct Both {
        owner: Unit,
        #[covariant]
        dependent: Model,
    }
);

/// A preprocessed file with its model.
pub struct Parsed {
    both: Both,
    /// What was found out last about its address spaces.
    pub(super) last: Mutex<Option<Last>>,
}

impl Parsed {
    /// Preprocesses and reads a file: it and the headers that the run may rewrite in full, of others
    /// what those mention. Linear in the number of tokens of all of them.
    pub fn new(path: &Path, source: &[u8], project: &dyn Project) -> Self {
        let wanted = &project.cache().wanted;
        let mut names = wanted.of(path);
        let mut both = Self::read(path, source, project, &names);
        // Each round finds what those before it led to. Most files need a second one, few a third.
        loop {
            let known = names.len();
            both.borrow_dependent()
                .missing()
                .for_each(|name| names.add(name));
            if names.len() == known {
                break;
            }
            both = Self::read(path, source, project, &names);
        }
        wanted.keep(path, names);
        Self {
            both,
            last: Mutex::default(),
        }
    }

    fn read(path: &Path, source: &[u8], project: &dyn Project, wanted: &Wanted) -> Both {
        let unit = preprocess_wanted(path, source, project, Some(wanted));
        Both::new(unit, |unit| {
            let ours = |file: &File| {
                let main = file.kind == FileKind::Main;
                is_ours(file) && (main || project.may_rewrite(&file.path))
            };
            let ours: Vec<bool> = unit.files.iter().map(ours).collect();
            Model::new(unit, &|file| ours[file.0 as usize])
        })
    }

    /// The preprocessed file.
    pub fn unit(&self) -> &Unit {
        self.both.borrow_owner()
    }

    fn main(&self) -> &File {
        self.unit().file(FileId::MAIN)
    }

    /// What it means.
    pub fn model(&self) -> &Model<'_> {
        self.both.borrow_dependent()
    }

    /// About how many bytes it takes.
    fn weight(&self) -> usize {
        let (unit, model) = (self.unit(), self.model());
        unit.tokens.len() * (size_of::<Token>() + OUTLINE) + model.tree.exprs.len() * NODE
    }
}

/// What a token costs besides itself: its part of the names that declarations declare.
const OUTLINE: usize = 16;
/// What an expression costs, with what is known of it and its part of all other nodes.
const NODE: usize = 300;

impl fmt::Debug for Parsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Parsed").field(&self.main().path).finish()
    }
}

/// Whether a file of a unit may be edited: `vmlinux.h` is generated and tells what the kernel has,
/// and no header of the system is.
pub fn is_ours(file: &File) -> bool {
    let known = matches!(file.kind, FileKind::Main | FileKind::Project);
    known && !is_generated(&file.path, &file.bytes)
}

/// Whether a header holds what bpftool writes of a kernel.
pub fn is_generated(path: &Path, bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(1024)];
    path.file_name().is_some_and(|name| name == "vmlinux.h")
        || memchr::memmem::find(start, b"#define __VMLINUX_H__").is_some()
}

/// What the files of a run want of the kernel's types. Safe to share between threads.
#[derive(Debug, Default)]
pub struct Wants(Mutex<HashMap<PathBuf, Wanted>>);

impl Wants {
    fn of(&self, path: &Path) -> Wanted {
        self.known().get(path).cloned().unwrap_or_default()
    }

    fn keep(&self, path: &Path, names: Wanted) {
        if !names.is_empty() {
            self.known().insert(path.to_owned(), names);
        }
    }

    /// Nobody will ask for a file again.
    pub fn forget(&self, path: &Path) {
        self.known().remove(path);
    }

    fn known(&self) -> MutexGuard<'_, HashMap<PathBuf, Wanted>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes are kept, about.
const KEPT: usize = 48 << 20;

/// The files of a run that several steps look at. Safe to share between threads.
#[derive(Debug, Default)]
pub struct Store(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<PathBuf, Arc<Parsed>>,
    weight: usize,
    /// Those of the others that were asked for last: a step asks several times for its file.
    recent: VecDeque<Arc<Parsed>>,
}

/// How many files are kept because they were asked for last: one for each thread that may be at
/// work, and one for what each makes of it on the way.
static RECENT: LazyLock<usize> =
    LazyLock::new(|| 2 * thread::available_parallelism().map_or(1, NonZeroUsize::get));

impl Kept {
    /// A file, if it is here as it stands now.
    fn find(&mut self, path: &Path, source: &[u8]) -> Option<Arc<Parsed>> {
        if let Some(known) = self.files.get(path)
            && *known.main().bytes == *source
        {
            return Some(Arc::clone(known));
        }
        let same = |p: &Arc<Parsed>| p.main().path == path && *p.main().bytes == *source;
        let known = self.recent.remove(self.recent.iter().position(same)?)?;
        self.recent.push_back(Arc::clone(&known));
        Some(known)
    }
}

impl Store {
    /// A file, read now if it was not before. Every step asks for all files in the same order, so
    /// what comes too late for the store is better read again than put in the place of another.
    pub fn parsed(&self, path: &Path, source: &[u8], project: &dyn Project) -> Arc<Parsed> {
        if let Some(known) = self.kept().find(path, source) {
            return known;
        }
        let parsed = Arc::new(Parsed::new(path, source, project));
        let weight = parsed.weight();
        let mut kept = self.kept();
        if kept.weight + weight <= KEPT && !kept.files.contains_key(path) {
            kept.weight += weight;
            kept.files.insert(path.to_owned(), Arc::clone(&parsed));
        } else {
            kept.recent.push_back(Arc::clone(&parsed));
            if kept.recent.len() > *RECENT {
                kept.recent.pop_front();
            }
        }
        parsed
    }

    /// Nobody will ask for a file again.
    pub fn forget(&self, path: &Path) {
        let mut kept = self.kept();
        if let Some(parsed) = kept.files.remove(path) {
            kept.weight -= parsed.weight();
        }
        kept.recent.retain(|parsed| parsed.main().path != path);
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
