//! Which functions of a file others have to agree on.

use super::super::{in_file, inline, name_of};
use super::{Function, edits, is_plain};
use crate::c::syntax::tree::Part;
use crate::c::types::{EntityId, EntityKind, Model, Type};
use crate::rewrite::roles::{Role, Roles};

/// The functions of a unit that others may name and whose arguments or result BPF cannot pass. Linear in
/// the number of its functions and their calls.
pub(in crate::rewrite) fn passed_to_others(model: &Model) -> Roles {
    let mut found = Roles::new();
    let mut all = Vec::new();
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
        let mut declared = model[entity].declarators.iter();
        let mut ours =
            || declared.all(|&d| model.tree[d].name.is_some_and(|n| in_file(model, n.1)));
        if !external || !is_impossible(model, entity) || !ours() {
            continue;
        }
        let function = fits(model, entity);
        let role = Role {
            defines: model[entity].definition().is_some(),
            uses: !model.uses(entity).is_empty(),
            fits: function.is_some(),
        };
        found.insert(name_of(model, entity), role);
        all.extend(function);
    }
    // What goes alone may not go together.
    if edits(model, &all).is_err() {
        found.values_mut().for_each(|role| role.fits = false);
    }
    found
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

/// Such a function, if all its declarations and uses in a unit can be changed.
fn fits(model: &Model, entity: EntityId) -> Option<Function> {
    let called = |&name| model.is_callee(name) && model.function_of(name).is_some();
    let declared = model[entity].declarators.iter().all(|&declarator| {
        let known = &model.tree[declarator];
        let mut functions = model.tree.functions.iter();
        let function = functions.find(|f| f.decl == known.decl);
        let prototype = matches!(
            known.parts.as_slice(),
            [Part::Function { names, variadic: false, unknown: false, .. }] if names.is_empty()
        );
        prototype
            && model.tree[known.decl].declarators.len() == 1
            && known.attributes.is_empty()
            && is_plain(model, known.decl)
            && function.is_none_or(|f| f.old_style.is_empty() && !f.broken)
    });
    if !declared || !model.uses(entity).iter().all(called) {
        return None;
    }
    let function = Function::new(model, entity).ok()?;
    edits(model, std::slice::from_ref(&function)).ok()?;
    Some(function)
}
