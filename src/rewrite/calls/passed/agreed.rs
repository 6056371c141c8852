//! Which functions the files of a run agree on.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::super::{in_file, inline};
use super::{Function, edits, is_plain, name_of};
use crate::c::syntax::tree::{ExprId, ExprKind, Part};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Type};

/// The functions of one file that others may name and whose arguments or result BPF cannot pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed(BTreeMap<String, Role>);

/// What one file has to do with such a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Role {
    defines: bool,
    calls: bool,
    /// Its declarations and calls can be changed.
    fits: bool,
}

/// The functions that change in all files of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SharedFunctions {
    names: BTreeSet<String>,
    /// The files that declare one of them.
    files: BTreeSet<PathBuf>,
}

impl Passed {
    /// Of a unit. Linear in the number of its functions and their calls.
    pub(in crate::rewrite) fn of(model: &Model) -> Self {
        let mut found = BTreeMap::new();
        for index in 0..model.entities.len() {
            let entity = EntityId(index as u32);
            let external = matches!(
                model[entity].kind,
                EntityKind::Function {
                    internal: false,
                    implicit: false,
                    builtin: false,
                    ..
                }
            );
            let ours = || {
                { model[entity].declarators.iter() }
                    .all(|&d| model.tree[d].name.is_some_and(|n| in_file(model, n.1)))
            };
            if external && is_impossible(model, entity) && ours() {
                let part = Role {
                    defines: model[entity].definition().is_some(),
                    calls: !model.uses(entity).is_empty(),
                    fits: fits(model, entity),
                };
                found.insert(name_of(model, entity), part);
            }
        }
        Self(found)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl SharedFunctions {
    /// Of all files of a run: the functions that one defines and another calls, if all can be changed.
    pub fn of<'a>(each: impl Iterator<Item = (&'a Path, &'a Passed)> + Clone) -> Self {
        let mut found = Self::default();
        let names: BTreeSet<&String> = each.clone().flat_map(|(_, file)| file.0.keys()).collect();
        for name in names {
            let parts = || each.clone().filter_map(|(_, file)| file.0.get(name));
            let defined = parts().filter(|part| part.defines).count() == 1;
            let called = parts().any(|part| part.calls && !part.defines);
            if !defined || !called || !parts().all(|part| part.fits) {
                continue;
            }
            let files = each.clone().filter(|(_, file)| file.0.contains_key(name));
            found.files.extend(files.map(|(path, _)| path.to_owned()));
            found.names.insert(name.clone());
        }
        found
    }

    /// Whether a file declares one of them.
    pub fn concerns(&self, file: &Path) -> bool {
        self.files.contains(file)
    }

    /// Whether a function is one of them.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.names.contains(name)
    }
}

/// Whether BPF cannot pass what a function takes or returns.
pub(super) fn is_impossible(model: &Model, entity: EntityId) -> bool {
    let Type::Function {
        ret, ref params, ..
    } = model[model[entity].ty]
    else {
        return false;
    };
    let mut all = params.iter().copied().chain([ret]);
    params.len() > inline::REGISTERS || all.any(|ty| model.record(ty).is_some())
}

/// Whether all declarations and uses of such a function in a unit can be changed.
fn fits(model: &Model, entity: EntityId) -> bool {
    let Type::Function { variadic, .. } = model[model[entity].ty] else {
        return false;
    };
    let called = |name: ExprId| {
        matches!(model.parent(name), Parent::Expr(outer)
            if matches!(model.tree[outer].kind, ExprKind::Call { callee, .. } if callee == name))
            && model.function_of(name).is_some()
    };
    let declared = model[entity].declarators.iter().all(|&declarator| {
        let known = &model.tree[declarator];
        let decl = &model.tree[known.decl];
        let mut functions = model.tree.functions.iter();
        let function = functions.find(|f| f.decl == known.decl);
        let prototype = matches!(
            known.parts.as_slice(),
            [Part::Function { names, variadic: false, unknown: false, .. }] if names.is_empty()
        );
        prototype
            && decl.declarators.len() == 1
            && known.attributes.is_empty()
            && is_plain(model, known.decl)
            && function.is_none_or(|f| f.old_style.is_empty() && !f.broken)
    });
    let uses = model.uses(entity).iter();
    !variadic && declared && uses.copied().all(called) && {
        let function = Function::new(model, entity);
        function.is_ok_and(|function| edits(model, &[function]).is_ok())
    }
}
