//! Which initial values are addresses, and which variables clang sees through.

use super::{Address, is_address_of};
use crate::c::syntax::tree::{DeclaratorId, Designator, ExprId, ExprKind, Part, Tok, Unary};
use crate::c::types::{EntityId, Model, Parent, Storage, Type, TypeId};

/// Whether clang cannot see which values of a variable are used, and whether the program assigns to it.
pub(super) fn uses(model: &Model, entity: EntityId, storage: Storage) -> (bool, bool) {
    let (mut hidden, mut written) = (false, false);
    for &name in model.uses(entity) {
        let mut at = name;
        loop {
            let ty = model.type_of(at);
            let Parent::Expr(outer) = model.parent(at) else {
                hidden |= model.is_array(ty) || model.record(ty).is_some();
                break;
            };
            match model.tree[outer].kind {
                ExprKind::Paren(_) => {}
                ExprKind::Index(array, index) if array == at && model.is_array(ty) => {
                    hidden |= model.value(index).is_none();
                }
                ExprKind::Member { arrow, .. } if !arrow || model.is_array(ty) => {}
                ExprKind::Unary(Unary::Deref, _) if model.is_array(ty) => {}
                ExprKind::SizeofExpr(_) => break,
                ExprKind::Assign { left, .. } if left == at => {
                    written = true;
                    break;
                }
                ExprKind::Postfix { .. }
                | ExprKind::Unary(Unary::Increment | Unary::Decrement, _) => {
                    written = true;
                    break;
                }
                ExprKind::Unary(Unary::AddressOf, _) => {
                    hidden = true;
                    break;
                }
                _ => {
                    hidden |= model.is_array(ty) || model.record(ty).is_some();
                    break;
                }
            }
            at = outer;
        }
    }
    let constant = model[entity]
        .declarators
        .iter()
        .any(|&d| is_constant(model, d));
    let internal = matches!(storage, Storage::FileStatic | Storage::LocalStatic);
    let open = storage == Storage::External && !constant;
    let moves = written && storage != Storage::Local;
    // Through its address.
    let escapes = hidden && !constant && storage != Storage::Local && escapes(model, entity);
    (hidden || moves || open && !internal, written || escapes)
}

/// Whether a pointer to a variable, or to a part of it, goes where it may be written to.
fn escapes(model: &Model, entity: EntityId) -> bool {
    model.is_address_taken(entity)
}

/// Where `const` stands that makes a variable or its elements constant.
pub(super) fn constants(model: &Model, declarator: DeclaratorId) -> Vec<Tok> {
    let tree = &model.tree;
    let mut parts = tree[declarator].parts.iter();
    let pointer = parts.find_map(|part| match part {
        Part::Pointer { qualifiers, .. } => Some(*qualifiers),
        _ => None,
    });
    let toks = pointer.unwrap_or(tree[tree[declarator].decl].specifiers.toks);
    // Not those of the members of a structure that is defined there.
    let mut depth = 0;
    let mut found = Vec::new();
    for tok in toks.start..toks.end {
        match model.unit.text(&model.unit.tokens[tok]) {
            b"{" | b"(" => depth += 1,
            b"}" | b")" => depth -= 1,
            b"const" | b"__const" | b"__const__" if depth == 0 => found.push(tok),
            _ => {}
        }
    }
    found
}

/// Whether a declaration says that the elements of a variable are constant.
fn is_constant(model: &Model, declarator: DeclaratorId) -> bool {
    let tree = &model.tree;
    let mut parts = tree[declarator].parts.iter();
    let pointer = parts.find_map(|part| match part {
        Part::Pointer { is_const, .. } => Some(*is_const),
        _ => None,
    });
    pointer.unwrap_or(tree[tree[declarator].decl].specifiers.is_const)
}

/// The addresses in an initial value, or why they cannot be assigned.
pub(super) fn addresses(
    model: &Model,
    init: ExprId,
    ty: TypeId,
    name: &str,
) -> Result<Vec<Address>, String> {
    let mut found = Vec::new();
    collect(model, init, ty, name.to_owned(), &mut found)?;
    Ok(found)
}

fn collect(
    model: &Model,
    init: ExprId,
    ty: TypeId,
    place: String,
    found: &mut Vec<Address>,
) -> Result<(), String> {
    let tree = &model.tree;
    let bare = tree.bare(init);
    let ExprKind::List(elements) = &tree[bare].kind else {
        if model.is_array(ty) {
            // A literal for an array of characters.
            return Ok(());
        }
        match has_address(model, bare) {
            Some(true) => found.push(Address { place, value: init }),
            Some(false) => {}
            None => return Err("of which one cannot be assigned".into()),
        }
        return Ok(());
    };
    let mut next = 0i128;
    for element in elements {
        let value = element.value;
        if !holds_address(model, value) {
            // Only where the next one belongs has to be known.
            next = match (&model[ty], element.designators.first()) {
                (Type::Array { .. }, Some(Designator::Index(at))) => {
                    model.value(*at).unwrap_or(next) + 1
                }
                (Type::Array { .. }, Some(Designator::Range(_, to))) => {
                    model.value(*to).unwrap_or(next) + 1
                }
                _ => next + 1,
            };
            continue;
        }
        let target = model.target(value);
        match (&model[ty], element.designators.as_slice()) {
            (Type::Array { of, .. }, designators) => {
                let of = *of;
                match designators {
                    [] => {}
                    [Designator::Index(at)] => {
                        next = model.value(*at).ok_or("at a place that is not known")?;
                    }
                    _ => return Err("with designators of several steps".into()),
                }
                let list = matches!(tree[tree.bare(value)].kind, ExprKind::List(_));
                let aggregate = model.is_array(of) || model.record(of).is_some();
                if aggregate && !list {
                    return Err("in a list without all its braces".into());
                }
                collect(model, value, of, format!("{place}[{next}]"), found)?;
                next += 1;
            }
            (Type::Record(record), designators) => {
                if designators.len() > 1 {
                    return Err("with designators of several steps".into());
                }
                let field = target.and_then(|t| t.field);
                let field = field.filter(|f| f.record == *record);
                let field = field.ok_or("in a list without all its braces")?;
                let known = model.field(field);
                let constant = known.declarator.is_some_and(|d| {
                    matches!(
                        tree[d].parts.first(),
                        Some(Part::Pointer { is_const: true, .. })
                    )
                });
                if constant {
                    return Err("and a member of it is constant".into());
                }
                let list = matches!(tree[tree.bare(value)].kind, ExprKind::List(_));
                let aggregate = model.is_array(known.ty) || model.record(known.ty).is_some();
                if aggregate && !list {
                    return Err("in a list without all its braces".into());
                }
                let inner = match known.name {
                    Some(name) => {
                        let name = String::from_utf8_lossy(model.unit.symbols.text(name));
                        format!("{place}.{name}")
                    }
                    None => place.clone(),
                };
                collect(model, value, known.ty, inner, found)?;
            }
            // `{x}` for a number or pointer.
            _ => collect(model, value, ty, place.clone(), found)?,
        }
    }
    Ok(())
}

/// Whether there is an address in an element, of a function too.
fn holds_address(model: &Model, value: ExprId) -> bool {
    match &model.tree[model.tree.bare(value)].kind {
        ExprKind::List(elements) => elements.iter().any(|e| holds_address(model, e.value)),
        _ => {
            let array = model.target(value).is_some_and(|t| model.is_array(t.ty));
            !array && has_address(model, value) != Some(false)
        }
    }
}

/// Whether a value is an address that the loader would have to set; nothing for one that cannot be
/// told at run time as it is told here. Addresses of functions are none: who calls through them is
/// asked elsewhere.
fn has_address(model: &Model, expr: ExprId) -> Option<bool> {
    let tree = &model.tree;
    match &tree[expr].kind {
        // A structure is copied from where it is.
        _ if model.record(model.type_of(expr)).is_some() => Some(false),
        ExprKind::Text => Some(true),
        kind if is_address_of(kind) => {
            let ExprKind::Unary(_, inner) = *kind else {
                return Some(true);
            };
            if model.value(expr).is_some() {
                return Some(false);
            }
            match &tree[tree.bare(inner)].kind {
                // It would live no longer than the function that assigns it.
                ExprKind::Compound(..) => None,
                ExprKind::Name(_) => {
                    let function = model.named(inner).is_some_and(|e| model[e].is_function());
                    Some(!function)
                }
                _ => Some(true),
            }
        }
        ExprKind::Name(_) => Some(model.is_array(model.type_of(expr))),
        ExprKind::Compound(..) => match model.is_array(model.type_of(expr)) {
            true => None,
            false => Some(false),
        },
        ExprKind::SizeofExpr(_) | ExprKind::SizeofType(_) | ExprKind::Constant => Some(false),
        ExprKind::Statements(_) => Some(false),
        _ => {
            let mut any = false;
            for operand in tree.operands(expr) {
                any |= has_address(model, operand)?;
            }
            Some(any)
        }
    }
}
