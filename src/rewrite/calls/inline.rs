//! Functions that are only possible where they are called.
//!
//! A function of BPF takes five arguments in registers and returns one. One with more, with
//! structures by value, or with a callback, whose call BPF has only for a function that is known,
//! exists where clang puts its body into the caller. It does so by itself for small ones alone.

use super::{FileEdit, Found, in_file, is_ours};
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, Tok, Toks};
use crate::c::types::{EntityId, Model, Parent, Type, TypeId};

/// Arguments in registers.
pub(super) const REGISTERS: usize = 5;

const CALLBACK: &str = "calls what it gets as an argument";

/// Marks the functions of a file that clang has to put into their callers.
pub(super) fn inline(model: &Model) -> Found {
    let mut found = Found::default();
    let called = called(model);
    for index in 0..model.tree.functions.len() {
        let function = FunctionId(index as u32);
        let Some(entity) = model.info(function).entity else {
            continue;
        };
        let Some(why) = why(model, entity, &called) else {
            continue;
        };
        let toks = model.tree[function].toks;
        if in_file(model, toks.start) && is_marked(model, function) {
            continue;
        }
        // What takes a callback and has no callers here, others may call; the rest BPF cannot call at all.
        if why == CALLBACK && model.uses(entity).is_empty() {
            continue;
        }
        if let Some(edits) = edits(model, function, entity) {
            let name = String::from_utf8_lossy(model.unit.symbols.text(model[entity].name));
            found.edits.extend(edits);
            found.reasons.push((toks.start, format!("`{name}` {why}")));
        }
    }
    found
}

/// The types of functions that are called through pointers, or whose pointers get to functions that
/// are not defined here.
fn called(model: &Model) -> Vec<TypeId> {
    let function = |ty: TypeId| match model[ty] {
        Type::Pointer { to } if matches!(model[to], Type::Function { .. }) => Some(to),
        _ => None,
    };
    let mut found: Vec<TypeId> = Vec::new();
    for index in 0..model.tree.exprs.len() {
        let ExprKind::Call {
            callee, ref args, ..
        } = model.tree[ExprId(index as u32)].kind
        else {
            continue;
        };
        let named = model.named(callee).map(|e| &model[e]);
        if !named.is_some_and(|e| e.is_function()) {
            found.extend(function(model.decay_of(callee)));
        }
        if named.is_none_or(|e| e.definition().is_none()) {
            found.extend(args.iter().filter_map(|&a| function(model.decay_of(a))));
        }
    }
    found
}

/// Whether a function becomes part of its callers, or may.
pub(super) fn is_part_of_callers(model: &Model, function: FunctionId, entity: EntityId) -> bool {
    // Nothing is made of it, so nothing of it can be refused.
    if model[entity].is_internal_function() && model.uses(entity).is_empty() {
        return true;
    }
    let known = &model.tree[function];
    let head = Toks::new(known.toks.start, model.tree[known.body].toks.start);
    let says = |words: &[&[u8]]| {
        let mut words_of = (head.start..head.end).map(|t| model.unit.text(&model.unit.tokens[t]));
        words_of.any(|text| words.contains(&text))
    };
    if says(&[b"always_inline", b"__always_inline__"]) {
        return !model.is_recursive(function);
    }
    let apart = says(&[b"noinline", b"__noinline__"]);
    !apart && !is_marked(model, function) && edits(model, function, entity).is_some()
}

/// What makes a function impossible by itself; `called` are the types of functions that are called
/// through pointers.
fn why(model: &Model, entity: EntityId, called: &[TypeId]) -> Option<&'static str> {
    let Type::Function {
        ret, ref params, ..
    } = model[model[entity].ty]
    else {
        return None;
    };
    let record = |ty: TypeId| model.record(ty).is_some();
    let callback = |ty: TypeId| match model[ty] {
        Type::Pointer { to } => {
            matches!(model[to], Type::Function { .. })
                && called.iter().any(|&c| model.compatible(c, to))
        }
        _ => false,
    };
    if params.len() > REGISTERS {
        return Some("takes more than five arguments");
    }
    if record(ret) {
        return Some("returns a structure");
    }
    if params.iter().any(|&p| record(p)) {
        return Some("takes a structure by value");
    }
    params.iter().any(|&p| callback(p)).then_some(CALLBACK)
}

/// Whether the head of a function says already what becomes of it, or a program's section.
fn is_marked(model: &Model, function: FunctionId) -> bool {
    let known = &model.tree[function];
    let head = Toks::new(known.toks.start, model.tree[known.body].toks.start);
    (head.start..head.end).any(|t| {
        let text = model.unit.text(&model.unit.tokens[t]);
        matches!(
            text,
            b"always_inline"
                | b"__always_inline__"
                | b"__always_inline"
                | b"section"
                | b"__section__"
                | b"weak"
        )
    })
}

/// `noinline` in the head of a function or in a declaration, which asks for what BPF has not, turned
/// into its opposite; `None` where it does not stand in the file itself.
fn turned(model: &Model, head: Toks) -> Option<Vec<FileEdit>> {
    let unit = model.unit;
    let mut edits = Vec::new();
    for token in unit.tokens.get(head.start..head.end)? {
        let text = match unit.text(token) {
            b"noinline" => "always_inline",
            b"__noinline__" => "__always_inline__",
            _ => continue,
        };
        let (place, text) = match unit.outermost(token) {
            None => (token.loc, text),
            Some(from) if unit.symbols.text(from.name) == b"__noinline" => {
                (from.invocation, "__always_inline")
            }
            Some(_) => return None,
        };
        if !is_ours(model, place.file) || token.synthetic {
            return None;
        }
        edits.push(FileEdit {
            file: place.file,
            start: place.start,
            end: place.end,
            text: text.into(),
        });
    }
    Some(edits)
}

/// `static` to all declarations and what forces clang to the definition; `None` where that is not to
/// be had: the function calls itself, its address is used, or it is declared elsewhere.
fn edits(model: &Model, function: FunctionId, entity: EntityId) -> Option<Vec<FileEdit>> {
    let toks = model.tree[function].toks;
    let called = |&name: &ExprId| {
        matches!(model.parent(name), Parent::Expr(outer)
            if matches!(model.tree[outer].kind, ExprKind::Call { callee, .. } if callee == name))
    };
    let uses = model.uses(entity);
    let internal = model[entity].is_internal_function();
    // clang makes nothing of a static function without callers, and refuses another one.
    let unused = uses.is_empty();
    if unused && internal || !uses.iter().all(called) || model.is_recursive(function) {
        return None;
    }
    let declared = model[entity].declarators.iter();
    let first = declared.map(|&d| model.tree[model.tree[d].decl].toks.start);
    let first = first.min().unwrap_or(toks.start).min(toks.start);
    let first = model.unit.visible_loc(&model.unit.tokens[first]);
    let word = match model.unit.spells_before(b"__always_inline", first) {
        true => "__always_inline",
        false => "inline __attribute__((always_inline))",
    };
    let word = match unused {
        true => format!("{word} __attribute__((unused))"),
        false => word.to_owned(),
    };
    let mut edits = Vec::new();
    for &declarator in &model[entity].declarators {
        let id = model.tree[declarator].decl;
        let decl = &model.tree[id];
        let defines = id == model.tree[function].decl;
        let start = if defines { toks.start } else { decl.toks.start };
        let storage = decl.specifiers.storage;
        let local = !defines && matches!(model.decl_parent(id), Parent::Stmt(_));
        let at = |tok: Tok| model.unit.tokens[tok].loc;
        // What a header declares and nobody uses here, others do.
        let elsewhere = unused && at(start).file != FileId::MAIN;
        if !in_file(model, start) || local || elsewhere {
            return None;
        }
        let body = model.tree[model.tree[function].body].toks.start;
        let turned = turned(
            model,
            if defines {
                Toks::new(start, body)
            } else {
                decl.toks
            },
        )?;
        let says = !turned.is_empty();
        edits.extend(turned);
        if !defines && (internal || storage.r#static.is_some()) {
            continue;
        }
        if !defines && decl.declarators.len() > 1 {
            return None;
        }
        if let Some(outside) = storage.r#extern {
            let plain = in_file(model, outside) && storage.inline.is_none();
            if !plain || internal || says {
                return None;
            }
            edits.push(FileEdit {
                file: at(outside).file,
                start: at(outside).start,
                end: at(outside).end,
                text: match defines {
                    true => format!("static {word}"),
                    false => "static".into(),
                },
            });
            continue;
        }
        let (place, text) = match (storage.r#static, storage.inline) {
            _ if !defines => (at(start).start, "static ".to_owned()),
            (Some(_), _) if says => continue,
            (None, _) if says && internal => continue,
            (None, _) if says => (at(start).start, "static ".to_owned()),
            (_, Some(inline)) if in_file(model, inline) && internal => {
                (at(inline).end, " __attribute__((always_inline))".to_owned())
            }
            (Some(after), None) if in_file(model, after) => (at(after).end, format!(" {word}")),
            (None, None) if internal => (at(start).start, format!("{word} ")),
            (None, None) => (at(start).start, format!("static {word} ")),
            _ => return None,
        };
        edits.push(FileEdit {
            file: at(start).file,
            start: place,
            end: place,
            text,
        });
    }
    Some(edits)
}
