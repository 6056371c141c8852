//! Declarations that are written anew, in another place.

use super::Trouble;
use super::cycle::Member;
use super::source::Source;
use crate::c::lexer::Kind;
use crate::c::syntax::tree::{Base, DeclaratorId, Number, Part, Tok, Toks};
use crate::c::types::{EntityId, EntityKind, Model, Type, TypeId};

/// How deep types are followed.
const DEEP: u32 = 16;

/// The declaration of an object of this type; `None` for a type that has no name at file scope.
pub(super) fn declare(model: &Model, ty: TypeId, name: &str) -> Option<String> {
    declare_within(model, ty, name.to_owned(), 0)
}

fn declare_within(model: &Model, ty: TypeId, name: String, depth: u32) -> Option<String> {
    if depth > DEEP {
        return None;
    }
    let spelled = |text: &str| match name.is_empty() {
        true => text.to_owned(),
        false => format!("{text} {name}"),
    };
    match &model[ty] {
        Type::Unknown => None,
        Type::Void => Some(spelled("void")),
        Type::Number(number) => Some(spelled(number_name(*number)?)),
        Type::Enum(id) => {
            let known = &model.enums[id.0 as usize];
            match typedef_of(model, ty) {
                Some(alias) => Some(spelled(&alias)),
                None => Some(spelled(number_name(known.number)?)),
            }
        }
        Type::Record(id) => {
            let record = &model[*id];
            let keyword = if record.is_union { "union" } else { "struct" };
            match record.tag.filter(|_| record.at_file_scope) {
                Some(tag) => {
                    let tag = String::from_utf8_lossy(model.unit.symbols.text(tag));
                    Some(spelled(&format!("{keyword} {tag}")))
                }
                None => Some(spelled(&typedef_of(model, ty)?)),
            }
        }
        Type::Pointer { to } => {
            let inner = match model[*to] {
                Type::Array { .. } | Type::Function { .. } => format!("(*{name})"),
                _ => format!("*{name}"),
            };
            declare_within(model, *to, inner, depth + 1)
        }
        Type::Array { of, len, .. } => {
            let len = (*len)?;
            declare_within(model, *of, format!("{name}[{len}]"), depth + 1)
        }
        Type::Function {
            ret,
            params,
            variadic,
            prototyped,
        } => {
            let of = |ty: &TypeId| declare_within(model, *ty, String::new(), depth + 1);
            let mut list = params.iter().map(of).collect::<Option<Vec<_>>>()?;
            if *variadic {
                list.push("...".into());
            } else if list.is_empty() && *prototyped {
                list.push("void".into());
            }
            let list = list.join(", ");
            declare_within(model, *ret, format!("{name}({list})"), depth + 1)
        }
    }
}

fn number_name(number: Number) -> Option<&'static str> {
    Some(match (number.floating, number.boolean, number.size) {
        (true, _, 4) => "float",
        (true, _, 8) => "double",
        (true, _, 16) => "long double",
        (false, true, _) => "_Bool",
        (false, false, size) => match (size, number.unsigned) {
            (1, false) => "char",
            (1, true) => "unsigned char",
            (2, false) => "short",
            (2, true) => "unsigned short",
            (4, false) => "int",
            (4, true) => "unsigned int",
            (8, false) => "long",
            (8, true) => "unsigned long",
            (16, false) => "__int128",
            (16, true) => "unsigned __int128",
            _ => return None,
        },
        _ => return None,
    })
}

/// The name that a `typedef` of the file gives a type.
fn typedef_of(model: &Model, ty: TypeId) -> Option<String> {
    let mut aliases = model.entities.iter().filter(|e| {
        e.kind == EntityKind::Typedef && e.ty == ty && model.file_entity(e.name).is_some()
    });
    let name = aliases.next()?.name;
    Some(String::from_utf8_lossy(model.unit.symbols.text(name)).into_owned())
}

/// Whether a type needs a declaration that stands in a function.
fn is_local(model: &Model, ty: TypeId, depth: u32) -> bool {
    if depth > DEEP {
        return false;
    }
    match &model[ty] {
        Type::Record(id) => !model[*id].at_file_scope,
        Type::Pointer { to: of } | Type::Array { of, .. } => is_local(model, *of, depth + 1),
        Type::Function { ret, params, .. } => {
            let mut all = params.iter().chain([ret]);
            all.any(|ty| is_local(model, *ty, depth + 1))
        }
        _ => false,
    }
}

/// The declaration of a parameter or local variable of the function, as a member of a structure
/// with this name: the words of the source where they mean the same there.
pub(super) fn member(
    model: &Model,
    source: &Source,
    entity: EntityId,
    name: &str,
) -> Result<String, Trouble> {
    let object = &model[entity];
    let tok = object.tok.unwrap_or(source.toks.start);
    let own = String::from_utf8_lossy(model.unit.symbols.text(object.name)).into_owned();
    let unknown = |what: &str| Trouble::at(tok, format!("`{own}` {what}"));
    if let Type::Array { variable: true, .. } = model[object.ty] {
        return Err(unknown("is an array whose length is told at run time"));
    }
    if is_local(model, object.ty, 0) {
        return Err(unknown("has a type that the function declares"));
    }
    let spelled = as_written(model, source, object.declarators[0], name);
    let spelled = spelled.or_else(|| declare(model, object.ty, name));
    spelled.ok_or_else(|| unknown("has a type that is not understood"))
}

/// The words of a declaration, without what says where the object lives; `None` where they would
/// mean something else.
fn as_written(
    model: &Model,
    source: &Source,
    declarator: DeclaratorId,
    name: &str,
) -> Option<String> {
    let declared = &model.tree[declarator];
    let decl = &model.tree[declared.decl];
    let specifiers = &decl.specifiers;
    match &specifiers.base {
        Base::Void | Base::Number(_) => {}
        Base::Record(record) if record.fields.is_none() => {}
        Base::Enum(of) if of.body.is_none() => {}
        Base::Typedef(alias, _) => {
            let known = model.file_entity(*alias)?;
            let shadows = |e: &crate::c::types::Entity| {
                e.name == *alias && e.tok.is_some_and(|tok| source.toks.contains(tok))
            };
            if model[known].kind != EntityKind::Typedef || model.entities.iter().any(shadows) {
                return None;
            }
        }
        _ => return None,
    }
    let first = declared.parts.first();
    let kept = |part: &Part| match part {
        Part::Pointer { .. } => true,
        Part::Array { size, .. } => size.is_some_and(|e| model.constant(e).is_some()),
        Part::Function { .. } => false,
    };
    let parameter = model
        .declares(declarator)
        .is_some_and(|e| model[e].storage() == Some(crate::c::types::Storage::Parameter));
    let decays = parameter && matches!(first, Some(Part::Array { .. }));
    if decays || !declared.parts.iter().all(kept) {
        return None;
    }
    let (_, name_tok) = declared.name?;
    // What the object itself is: the one in the frame is assigned to.
    let mut own: Vec<Toks> = specifiers.attributes.clone();
    match first {
        Some(Part::Pointer { qualifiers, .. }) => own.push(*qualifiers),
        _ => {
            let words = model.unit.tokens[specifiers.toks.start..specifiers.toks.end].iter();
            let constant = words.enumerate().filter(|(_, t)| {
                t.kind == Kind::Ident && model.unit.text(t).trim_ascii_start().starts_with(b"const")
                    || model.unit.text(t).starts_with(b"__const")
            });
            own.extend(constant.map(|(at, _)| {
                let at = specifiers.toks.start + at;
                Toks::new(at, at + 1)
            }));
        }
    }
    if !specifiers.attributes.is_empty() || !declared.attributes.is_empty() {
        return None;
    }
    let storage = specifiers.storage;
    let words = [storage.register, storage.auto, storage.r#static];
    own.extend(words.into_iter().flatten().map(|t| Toks::new(t, t + 1)));
    let end = match declared.init {
        Some(init) => equals(model, name_tok, model.tree[init].toks.start)?,
        None => declared.toks.end,
    };
    let kept = |tok: &Tok| !own.iter().any(|o| o.contains(*tok));
    let specifiers = (specifiers.toks.start..specifiers.toks.end).filter(kept);
    let parts = (declared.toks.start..end).filter(kept);
    let renamed = parts.map(|tok| match tok == name_tok {
        true => (tok, Some(name.to_owned())),
        false => (tok, None),
    });
    let first = source.words(specifiers.map(|tok| (tok, None)));
    let second = source.words(renamed);
    Some(format!("{first} {second}"))
}

/// The `=` before an initializer.
fn equals(model: &Model, name: Tok, init: Tok) -> Option<Tok> {
    (name..init)
        .rev()
        .find(|&t| model.unit.text(&model.unit.tokens[t]) == b"=")
}

/// A variable of the type that a function returns, in the words of its definition.
pub(super) fn result(
    model: &Model,
    source: &Source,
    member: &Member,
    name: &str,
) -> Option<String> {
    let decl = &model.tree[model.tree[member.function].decl];
    let declared = &model.tree[*decl.declarators.first()?];
    let [Part::Function { .. }, pointers @ ..] = declared.parts.as_slice() else {
        return None;
    };
    let plain = pointers.iter().all(|p| matches!(p, Part::Pointer { .. }));
    let known = match &decl.specifiers.base {
        Base::Void | Base::Number(_) | Base::Typedef(..) => true,
        Base::Record(record) => record.fields.is_none(),
        _ => false,
    };
    if !plain || !known || !decl.specifiers.attributes.is_empty() {
        return None;
    }
    let storage = decl.specifiers.storage;
    let words = [
        storage.r#extern,
        storage.r#static,
        storage.inline,
        storage.register,
    ];
    let toks = decl.specifiers.toks;
    let constant = |t: &Tok| pointers.is_empty() && source.spelling(*t).contains("const");
    let kept = (toks.start..toks.end).filter(|t| !words.contains(&Some(*t)) && !constant(t));
    let text = source.words(kept.map(|t| (t, None)));
    if text.is_empty() || text.contains("__attribute__") {
        return None;
    }
    Some(format!("{text} {}{name}", "*".repeat(pointers.len())))
}
