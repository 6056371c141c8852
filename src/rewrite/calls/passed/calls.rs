//! Calls of such functions.

use super::super::source::{At, Changes, Source};
use super::Function;
use crate::c::syntax::tree::{DeclaratorId, ExprId, ExprKind, FunctionId, StmtKind, Tok, Toks};
use crate::c::types::{EntityId, Model, Parent, Storage};

/// The calls of some functions in a function of the unit.
pub(super) fn of<'f>(
    model: &Model,
    functions: &'f [Function],
    at: FunctionId,
) -> Vec<(ExprId, &'f Function)> {
    let mut found = Vec::new();
    for function in functions {
        for &name in model.uses(function.entity) {
            let Parent::Expr(call) = model.parent(name) else {
                continue;
            };
            if model.function_of(name) == Some(at) {
                found.push((call, function));
            }
        }
    }
    found
}

/// Where a result goes without a variable of its own.
enum Place {
    /// To a variable that is declared with it, in a statement of a block.
    Declared(DeclaratorId),
    /// To a variable that it is assigned to by a statement.
    Assigned(ExprId),
    /// Nowhere.
    Dropped,
}

/// Writes a call anew. What stands in its arguments changes by itself.
pub(super) fn change(
    model: &Model,
    source: &Source,
    of: &Function,
    call: ExprId,
    changes: &mut Changes,
) {
    let ExprKind::Call {
        callee,
        ref args,
        open,
    } = model.tree[call].kind
    else {
        return;
    };
    let toks = model.tree[call].toks;
    let close = toks.end - 1;
    let given = match &of.arguments {
        Some((structure, _)) => {
            changes.add(At::Before(close), " }");
            format!("&(struct {structure}){{ ")
        }
        None => String::new(),
    };
    let more = if args.is_empty() { "" } else { ", " };
    let Some(ty) = &of.result else {
        changes.add(At::After(open), given);
        return;
    };
    let called = source.render(model.tree[callee].toks, &Changes::default());
    let called = called.unwrap_or_else(|_| of.name.clone());
    let indent = || source.indent(toks.start);
    match place(model, source, call, args) {
        Some(Place::Declared(declarator)) => {
            let name = model.tree[declarator].name.map_or(0, |n| n.1);
            let variable = source.spelling(name);
            let text = format!("{variable};\n{}{called}(&{variable}{more}{given}", indent());
            changes.add(At::Instead(Toks::new(name, open + 1)), text);
        }
        Some(Place::Assigned(left)) => {
            let first = model.tree[left].toks.start;
            let variable = source.spelling(first);
            let text = format!("{called}(&{variable}{more}{given}");
            changes.add(At::Instead(Toks::new(first, open + 1)), text);
        }
        other => {
            let made = model.unit.unused_name("made");
            changes.add(At::Before(toks.start), format!("({{ {ty} {made}; "));
            changes.add(At::After(open), format!("&{made}{more}{given}"));
            let gives = match other {
                Some(_) => "; })".into(),
                None => format!("; {made}; }})"),
            };
            changes.add(At::After(close), gives);
        }
    }
}

fn place(model: &Model, source: &Source, call: ExprId, args: &[ExprId]) -> Option<Place> {
    let tree = &model.tree;
    let plain = |first: Tok| source.starts_line(first) && is_written(model, first, tree[call].toks);
    match model.parent(call) {
        Parent::Stmt(stmt) if matches!(tree[stmt].kind, StmtKind::Expr(_)) => Some(Place::Dropped),
        Parent::Declarator(declarator) => {
            let decl = &tree[tree[declarator].decl];
            let entity = model.declares(declarator)?;
            let Parent::Stmt(stmt) = model.decl_parent(tree[declarator].decl) else {
                return None;
            };
            let fits = decl.declarators.len() == 1
                && tree[declarator].parts.is_empty()
                && tree[declarator].attributes.is_empty()
                && !decl.specifiers.is_const
                && !decl.specifiers.is_volatile
                && model.block_of(stmt).is_some()
                && plain(tree[stmt].toks.start)
                && is_free(model, entity, args);
            fits.then_some(Place::Declared(declarator))
        }
        Parent::Expr(outer) => {
            let ExprKind::Assign { op: None, left, .. } = tree[outer].kind else {
                return None;
            };
            let ExprKind::Name(_) = tree[left].kind else {
                return None;
            };
            let Parent::Stmt(stmt) = model.parent(outer) else {
                return None;
            };
            let entity = model.named(left)?;
            let fits = matches!(tree[stmt].kind, StmtKind::Expr(_))
                && plain(tree[stmt].toks.start)
                && is_free(model, entity, args);
            fits.then_some(Place::Assigned(left))
        }
        _ => None,
    }
}

/// Whether tokens up to the end of a call stand as they are in the file.
fn is_written(model: &Model, first: Tok, call: Toks) -> bool {
    model.unit.tokens[first..call.end]
        .iter()
        .all(|token| token.expansion.is_none() && !token.synthetic)
}

/// Whether a variable is nobody's but the function's, and no argument has it: it would lie elsewhere if
/// something pointed to it.
fn is_free(model: &Model, variable: EntityId, args: &[ExprId]) -> bool {
    let inside = |&name: &ExprId| {
        let tok = model.tree[name].toks.start;
        args.iter().any(|&a| model.tree[a].toks.contains(tok))
    };
    model[variable].storage() == Some(Storage::Local)
        && !model.is_address_taken(variable)
        && !model.uses(variable).iter().any(inside)
}
