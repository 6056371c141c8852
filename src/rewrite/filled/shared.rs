//! Variables with addresses in their initial value that other files use: `extern const char *names[];`.
//!
//! The file that has the variable fills it in a function with external linkage, which the others call before
//! they use it, too.

use super::*;
use crate::rewrite::roles::{Role, Roles};

/// The variables of a unit that others may name and whose values may be addresses. Linear in the number of
/// its variables and their uses.
pub(in crate::rewrite) fn filled_for_others(model: &Model) -> Roles {
    let mut found = Roles::new();
    for index in 0..model.entities.len() {
        let entity = EntityId(index as u32);
        let EntityKind::Object { storage, .. } = model[entity].kind else {
            continue;
        };
        let open = matches!(storage, Storage::External | Storage::ExternOnly);
        if !open || !is_ours(model, entity) {
            continue;
        }
        let defines = defined(model, entity).is_some();
        let uses = !model.uses(entity).is_empty();
        if defines || storage == Storage::ExternOnly && uses {
            let role = Role {
                defines,
                uses,
                fits: edits(model, entity).is_ok(),
            };
            found.insert(name_of(model, entity), role);
        }
    }
    found
}

/// Whether a variable is one that the files of the run have agreed on.
pub(super) fn is_agreed(model: &Model, project: &dyn Project, entity: EntityId) -> bool {
    let EntityKind::Object { storage, .. } = model[entity].kind else {
        return false;
    };
    let open = match storage {
        // Once it is filled at run time, there is nothing to do.
        Storage::External => defined(model, entity).is_some(),
        Storage::ExternOnly => {
            let fill = format!("{}_fill", name_of(model, entity));
            !model.unit.spells(fill.as_bytes())
        }
        _ => false,
    };
    open && project.facts().agreed.tables.holds(&name_of(model, entity))
}

/// Whether files that may be edited declare a variable, and it is not for the loader.
fn is_ours(model: &Model, entity: EntityId) -> bool {
    let mut names = model[entity].declarators.iter();
    let ours = names.all(|&d| model.tree[d].name.is_some_and(|n| in_file(model, n.1)));
    ours && !is_sectioned(model, entity)
}

/// A variable that the unit gives addresses for its initial value.
fn defined(model: &Model, entity: EntityId) -> Option<Variable> {
    let tree = &model.tree;
    let mut declared = model[entity].declarators.iter().copied();
    let (declarator, init) = declared.find_map(|d| Some((d, tree[d].init?)))?;
    let ty = model.declarator_type(declarator);
    let addresses = values::addresses(model, init, ty, &name_of(model, entity)).ok()?;
    (!addresses.is_empty()).then_some(Variable {
        entity,
        declarator,
        storage: Storage::External,
        addresses,
        // Whether other files assign to it, nobody knows here.
        written: values::constants(model, declarator).is_empty(),
    })
}

/// What becomes of such a variable in a unit.
pub(super) fn edits(model: &Model, entity: EntityId) -> Result<Vec<FileEdit>, Trouble> {
    let name = format!("{}_fill", name_of(model, entity));
    if model.unit.spells(name.as_bytes()) {
        let tok = model[entity].tok.unwrap_or(0);
        return Err(apart(tok, &format!("there is another `{name}`")));
    }
    let mut found = Vec::new();
    for &declarator in &model[entity].declarators {
        found.extend(without_const(model, entity, declarator)?);
    }
    let users = users(model, &[entity]);
    found.extend(calls(model, &users, &name)?);
    let prototype = format!("void {name}(void);\n\n");
    match defined(model, entity) {
        Some(variable) => {
            let source = Source::behind_macros(model, declaration(model, &variable))?;
            found.extend(initial(model, &source, &variable)?);
            found.extend(function(model, &[variable], &name, "")?);
        }
        None => {
            let first = users.first().map(|&f| model.tree[f].toks.start);
            let loc = first.map(|tok| model.unit.visible_loc(&model.unit.tokens[tok]));
            found.extend(loc.map(|loc| FileEdit {
                file: loc.file,
                start: loc.start,
                end: loc.start,
                text: prototype,
            }));
        }
    }
    Ok(found)
}
