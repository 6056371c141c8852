//! What a rewrite may know of the rest of the project, without doing any input itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::arena::Links;
use super::headers::Cache;
use super::shared::Agreed;
use crate::c::cpp::CommandLineMacro;

/// A header of the project.
#[derive(Clone, Debug)]
pub struct Header {
    /// Where it lies.
    pub path: PathBuf,
    /// What it holds.
    pub bytes: Arc<[u8]>,
}

/// What the functions of other files do with allocated blocks, by name.
///
/// Functions with internal linkage are no part of it: each file finds its own, and those of the
/// headers it includes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// By function name.
    pub functions: BTreeMap<Vec<u8>, FunctionFacts>,
    /// Functions and macros that other files may get a block from. A file that mentions one of
    /// them matters even if it names no function of the allocator.
    pub names: BTreeSet<Vec<u8>>,
    /// Macros that are other names of functions of the allocator (`#define my_free free`) and are
    /// used other than in calls somewhere.
    pub bare: BTreeSet<Vec<u8>>,
    /// Functions without a definition at hand that functions which allocate call, directly or
    /// through others: they may get a block.
    pub wanted: BTreeSet<Vec<u8>>,
    /// Functions of a file that were not looked into, because they return no block and nothing
    /// wanted them yet. Stays with the file; [`Facts::merge`] does not take it along.
    pub left_out: BTreeSet<Vec<u8>>,
    /// None of the functions of a file was looked into, nor is it known which it has: nothing in it
    /// allocates. Stays with the file, as [`Facts::left_out`] does.
    pub unread: bool,
    /// What the files have to agree on where the heap lies in an arena.
    pub links: Links,
    /// What the files have agreed on before anything is made of them. Not of one file: [`Facts::merge`]
    /// does not take it along.
    pub agreed: Agreed,
    /// The file, or one of those merged, has a call of the allocator or of its replacement.
    pub allocates: bool,
}

/// What a function does with allocated blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FunctionFacts {
    /// It returns a block of the allocator, or NULL where there was none.
    pub allocates: bool,
    /// What it does with each parameter.
    pub parameters: Vec<ParameterFacts>,
}

/// What a function does with a pointer that is passed to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ParameterFacts {
    /// It follows the pointer without looking whether it is NULL.
    pub dereferences: bool,
    /// It may keep the pointer: stores it in memory, returns it, or frees it.
    pub keeps: bool,
    /// It frees the block, however it ends, unless the pointer is NULL.
    pub frees: bool,
}

impl Facts {
    /// Whether these facts of one file leave out what others want: it should be looked at again,
    /// with a project that knows of `others`.
    pub fn owe(&self, others: &Facts) -> bool {
        match self.unread {
            true => !others.wanted.is_empty(),
            false => !self.left_out.is_disjoint(&others.wanted),
        }
    }

    /// Adds the facts of another file and leaves only [`Facts::left_out`], [`Facts::unread`] and
    /// [`Facts::allocates`] there.
    pub fn merge_from(&mut self, other: &mut Facts) {
        let left_out = std::mem::take(&mut other.left_out);
        let (allocates, unread) = (other.allocates, other.unread);
        self.merge(std::mem::take(other));
        other.left_out = left_out;
        other.allocates = allocates;
        other.unread = unread;
    }

    /// Adds the facts of another file. Where two files disagree on a function, what is true in
    /// either counts.
    pub fn merge(&mut self, other: Facts) {
        self.allocates |= other.allocates;
        self.names.extend(other.names);
        self.bare.extend(other.bare);
        self.wanted.extend(other.wanted);
        self.links.merge(&other.links);
        for (name, facts) in other.functions {
            match self.functions.get_mut(&name) {
                None => {
                    self.functions.insert(name, facts);
                }
                Some(known) => {
                    known.allocates |= facts.allocates;
                    let length = known.parameters.len().max(facts.parameters.len());
                    known.parameters.resize(length, ParameterFacts::default());
                    for (mine, its) in known.parameters.iter_mut().zip(facts.parameters) {
                        mine.dereferences |= its.dereferences;
                        mine.keeps |= its.keeps;
                        // Only what is true in both is sure.
                        mine.frees &= its.frees;
                    }
                }
            }
        }
    }
}

/// The rest of the project, as far as the caller knows it.
///
/// The library does no input and no output: a caller that has files implements this.
pub trait Project: Sync {
    /// The header that `#include "name"` (or `<name>` if `angled`) in the file `from` means, if it
    /// belongs to the project. Headers of the system are none of it.
    fn header(&self, from: &Path, name: &str, angled: bool) -> Option<Header>;

    /// Where that header lies, without a look into it: perhaps it cannot be read.
    fn header_path(&self, from: &Path, name: &str, angled: bool) -> Option<Arc<Path>> {
        let header = self.header(from, name, angled)?;
        Some(header.path.into())
    }

    /// The header of the system that an include in the file `from` means, which may be one of the
    /// system itself. With `next` what `#include_next` means, whomever the header belongs to.
    fn system_header(
        &self,
        _from: &Path,
        _name: &str,
        _angled: bool,
        _next: bool,
    ) -> Option<Header> {
        None
    }

    /// Whether headers are looked for on disk: otherwise it means nothing that one is not found.
    fn has_headers(&self) -> bool {
        false
    }

    /// Whether the file is rewritten in the same run.
    fn rewritten(&self, path: &Path) -> bool;

    /// Whether the run may rewrite the file: it was named, or lies in a directory that was. Of other
    /// headers only what is used of them is read.
    fn may_rewrite(&self, _path: &Path) -> bool {
        true
    }

    /// Whether more than one translation unit of the run includes a header, as far as that is known.
    fn is_shared(&self, _header: &Path) -> bool {
        true
    }

    /// Macros that the compiler's command line defines for a file, in order: name and value
    /// (`None` for `-DNAME`), or an undefinition where `undef` is set.
    fn command_line(&self, path: &Path) -> Vec<CommandLineMacro>;

    /// Headers that the compiler's command line includes before a file (`-include`), in order.
    fn forced_includes(&self, _path: &Path) -> Vec<String> {
        Vec::new()
    }

    /// Whether the compilation database says that a file is compiled for BPF.
    fn compiled_for_bpf(&self, _path: &Path) -> bool {
        false
    }

    /// What is known of functions in other files of the same run.
    fn facts(&self) -> &Facts;

    /// A store for what has been found out about headers, kept for the whole run.
    fn cache(&self) -> &Cache;
}

/// A file that stands for itself: no headers, no other files.
#[derive(Debug, Default)]
pub struct Alone {
    facts: Facts,
    cache: Cache,
}

impl Project for Alone {
    fn header(&self, _: &Path, _: &str, _: bool) -> Option<Header> {
        None
    }

    fn rewritten(&self, _: &Path) -> bool {
        false
    }

    fn command_line(&self, _: &Path) -> Vec<CommandLineMacro> {
        Vec::new()
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }
}
