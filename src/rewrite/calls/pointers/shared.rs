//! Pointers to functions that several files of a run have.
//!
//! One file calls what it gets (`list_each(list, visit)`), and others give it their functions. So each of
//! them has to know the numbers' meaning: the files that name functions have a range of numbers each, and
//! a function that calls what its own stand for, with external linkage; those that only call declare it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::types;
use super::{FxHashSet, Pointers};
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{Base, DeclId, Tok};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Storage, Type, TypeId};
use crate::rewrite::parsed;
use crate::rewrite::project::Project;

/// Functions of one file that may get numbers, at most, where several files have some.
pub(super) const RANGE: usize = 1000;

/// What one file has to do with pointers to functions that others may have, too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pointed {
    /// By the type of the functions.
    types: BTreeMap<String, Part>,
    /// Its names that look like those of functions that call through pointers.
    taken: BTreeSet<String>,
    /// It has a program.
    program: bool,
}

/// What one file does with pointers of one type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Part {
    /// It calls through them: what one is called.
    caller: Option<String>,
    /// It names functions that they lead to.
    names: bool,
    /// Those of them that other files may name as well.
    external: BTreeSet<String>,
}

impl Pointed {
    /// Whether it has anything to do with such pointers.
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }
}

/// What the files of a run have agreed on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedPointers {
    /// By the type of the functions.
    types: BTreeMap<String, Agreed>,
    /// The files that name functions, in the order of their ranges.
    ranges: Vec<PathBuf>,
    /// The types of the functions that some file calls and none names.
    unnamed: BTreeSet<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Agreed {
    /// The function that calls what a number stands for.
    name: String,
    /// The files that name functions.
    namers: Vec<PathBuf>,
    /// All files that have such pointers and call through them or name functions.
    files: BTreeSet<PathBuf>,
}

/// What a file has to do for the pointers of one type.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// The function that calls what a number of any file stands for.
    pub name: String,
    /// The one for the numbers of this file, if it has any.
    pub own: Option<String>,
    /// The one that knows of those of the next file.
    pub next: Option<String>,
    /// No other file has numbers.
    pub alone: bool,
}

impl SharedPointers {
    /// Of all files of a run, in the same order in each run. Pointers that nobody calls through, or
    /// that no file has a function for, stay as they are. So do those that several files with programs
    /// have functions for: each may be linked with the others, or without. And where two files name the
    /// same function, it would have two numbers.
    pub fn of(each: &[(PathBuf, Pointed)]) -> Self {
        let taken: BTreeSet<&str> = each
            .iter()
            .flat_map(|(_, file)| file.taken.iter().map(String::as_str))
            .collect();
        let keys: BTreeSet<&String> = each
            .iter()
            .flat_map(|(_, file)| file.types.keys())
            .collect();
        let mut found = Self::default();
        for key in keys {
            let parts = || {
                let parts = each.iter();
                parts.filter_map(|(path, file)| Some((path, file.types.get(key)?)))
            };
            let namers = parts().filter(|(_, part)| part.names);
            let namers: Vec<PathBuf> = namers.map(|(path, _)| path.clone()).collect();
            let programs = parts().filter(|(path, part)| {
                part.names
                    && each
                        .iter()
                        .any(|(other, file)| other == *path && file.program)
            });
            let mut external = BTreeSet::new();
            let mut names = parts().flat_map(|(_, part)| &part.external);
            if programs.count() > 1 || names.any(|name| !external.insert(name)) {
                continue;
            }
            let stem = parts().find_map(|(_, part)| part.caller.as_ref());
            if namers.is_empty() {
                found.unnamed.extend(stem.map(|_| key.clone()));
                continue;
            }
            let Some(stem) = stem else {
                continue;
            };
            let mut name = format!("call_{stem}");
            let known = |name: &str, found: &Self| {
                taken.iter().any(|other| other.starts_with(name))
                    || found.types.values().any(|other| other.name == name)
            };
            while known(&name, &found) {
                name.push('_');
            }
            let files = parts().map(|(path, _)| path.clone()).collect();
            found.ranges.extend(namers.iter().cloned());
            found.types.insert(
                key.clone(),
                Agreed {
                    name,
                    namers,
                    files,
                },
            );
        }
        found.ranges.sort();
        found.ranges.dedup();
        found
    }

    /// Whether a file calls through such pointers, or names functions for them.
    pub fn concerns(&self, file: &Path) -> bool {
        self.types
            .values()
            .any(|agreed| agreed.files.contains(file))
    }

    /// Where the numbers of a file begin.
    pub(super) fn first_number(&self, file: &Path) -> usize {
        let range = self.ranges.iter().position(|one| one == file);
        range.unwrap_or(0) * RANGE + 1
    }

    fn role(&self, key: &str, file: &Path) -> Option<Role> {
        let agreed = self.types.get(key)?;
        agreed.files.contains(file).then_some(())?;
        let name = |at: usize| match at {
            0 => agreed.name.clone(),
            _ => format!("{}_{}", agreed.name, at + 1),
        };
        let own = agreed.namers.iter().position(|one| one == file);
        let next = own
            .map(|own| own + 1)
            .filter(|&at| at < agreed.namers.len());
        Some(Role {
            name: name(0),
            own: own.map(name),
            next: next.map(name),
            alone: agreed.namers.len() == 1 && own.is_some(),
        })
    }
}

/// What a unit has to do with pointers to functions that others may have, too. Linear in the number of
/// its names of functions, and of its types of pointers to functions that headers tell others of.
pub(in crate::rewrite) fn pointed(model: &Model, project: &dyn Project) -> Pointed {
    let mut pointers = Pointers::new(model, project);
    pointers.calls();
    let hidden: Vec<bool> = (0..pointers.classes.len())
        .map(|class| pointers.is_hidden(class))
        .collect();
    let told = pointers.told();
    for &ty in &told {
        pointers.class_of(ty);
    }
    for class in &mut pointers.classes {
        class.numbered = true;
    }
    for index in 0..model.entities.len() {
        let function = EntityId(index as u32);
        if model[function].is_function() {
            for &name in model.uses(function) {
                // What cannot be a number is told when it would have to be one.
                let _ = pointers.value(name, function);
            }
        }
    }
    pointers.converted();
    let mut found = Pointed::default();
    for (at, class) in pointers.classes.iter().enumerate() {
        let part = Part {
            caller: (hidden.get(at) == Some(&true)).then(|| pointers.stem(class)),
            names: !class.targets.is_empty(),
            external: { class.targets.iter() }
                .filter(|&&f| !model[f].is_internal_function())
                .map(|&f| pointers.name(f))
                .collect(),
        };
        if part != Part::default()
            && told.iter().any(|&ty| model.compatible(ty, class.ty))
            && let Some(key) = types::declare(model, class.ty, "")
        {
            found.types.insert(key, part);
        }
    }
    if !found.is_empty() {
        let mut names: FxHashSet<&[u8]> = FxHashSet::default();
        names.extend(model.unit.tokens.iter().map(|token| model.unit.text(token)));
        let names = names.into_iter().filter(|name| name.starts_with(b"call_"));
        let names = names.map(|name| String::from_utf8_lossy(name).into_owned());
        found.taken = names.collect();
        found.program = (0..model.entities.len())
            .map(|index| EntityId(index as u32))
            .any(|entity| model[entity].definition().is_some() && pointers.is_of_kernel(entity));
    }
    found
}

impl Pointers<'_, '_> {
    /// The numbers and functions that the files of the run have agreed on.
    pub(super) fn agree(&mut self) {
        let (model, project) = (self.model, self.project);
        let agreed = &project.facts().agreed.pointers;
        let path = &model.unit.file(FileId::MAIN).path;
        if !agreed.concerns(path) && agreed.unnamed.is_empty() {
            return;
        }
        for ty in self.told() {
            let key = types::declare(model, ty, "");
            // What calls through them may never be called: it is in nobody's way.
            if let Some(class) = self.find_class(ty)
                && key.as_ref().is_some_and(|key| agreed.unnamed.contains(key))
            {
                self.classes[class].numbered = false;
            }
            if let Some(role) = key.and_then(|key| agreed.role(&key, path)) {
                let class = self.class_of(ty);
                self.classes[class].numbered = true;
                self.classes[class].role = Some(role);
            }
        }
    }

    /// Whether other files may have such pointers as well: what they call would be another number.
    pub(super) fn is_shared(&self, ty: TypeId) -> bool {
        let told = self.told();
        told.iter().any(|&t| self.model.compatible(t, ty))
    }

    /// The types of functions whose pointers other files may have as well.
    fn told(&self) -> Vec<TypeId> {
        let model = self.model;
        let linked = (0..model.entities.len())
            .map(|e| EntityId(e as u32))
            .any(|e| match model[e].kind {
                EntityKind::Function {
                    definition: None, ..
                } => self.is_linked(e),
                EntityKind::Function {
                    definition: Some(_),
                    internal: false,
                    ..
                }
                | EntityKind::Object {
                    storage: Storage::External | Storage::ExternOnly,
                    ..
                } => self.declared(e).any(|tok| self.is_header(tok)),
                _ => false,
            });
        let mut found: Vec<TypeId> = Vec::new();
        if !linked {
            return found;
        }
        for (index, decl) in model.tree.decls.iter().enumerate() {
            let written = !matches!(decl.specifiers.base, Base::Unknown);
            let id = DeclId(index as u32);
            let external = decl.specifiers.storage.r#static.is_none()
                && matches!(model.decl_parent(id), Parent::Unit);
            let header = || decl.toks.start < decl.toks.end && self.is_header(decl.toks.start);
            if !written || !(external || header()) {
                continue;
            }
            for &d in &decl.declarators {
                let own = model.declares(d).is_some_and(|e| model[e].is_function());
                let types = model.part_types(d).iter().skip(usize::from(own)).copied();
                let of_params = match model[model.declarator_type(d)] {
                    Type::Function { ref params, .. } => params.clone(),
                    _ => Vec::new(),
                };
                for ty in types.chain(of_params) {
                    if let Some(ty) = self.function_type(ty)
                        && !found.iter().any(|&t| model.compatible(t, ty))
                    {
                        found.push(ty);
                    }
                }
            }
        }
        found
    }

    /// Whether another file of the project defines a function that the unit uses.
    pub(super) fn is_linked(&self, function: EntityId) -> bool {
        let model = self.model;
        let declared_only = matches!(
            model[function].kind,
            EntityKind::Function {
                definition: None,
                internal: false,
                implicit: false,
                builtin: false,
            }
        );
        let project = |tok: Tok| {
            let file = model.unit.tokens[tok].loc.file;
            parsed::is_ours(model.unit.file(file))
        };
        declared_only
            && !model.uses(function).is_empty()
            && self.declared(function).all(project)
            && !self.is_of_kernel(function)
    }

    /// Where something is declared.
    fn declared(&self, entity: EntityId) -> impl Iterator<Item = Tok> {
        let model = self.model;
        let declarators = model[entity].declarators.iter();
        declarators.filter_map(|&d| model.tree[d].name.map(|name| name.1))
    }

    /// Whether a token stands in a header of the project that other files include.
    pub(super) fn is_header(&self, tok: Tok) -> bool {
        let model = self.model;
        let file = model.unit.tokens[tok].loc.file;
        parsed::is_ours(model.unit.file(file)) && super::is_shared(model, self.project, file)
    }
}
