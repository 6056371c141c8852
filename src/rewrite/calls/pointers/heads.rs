//! The heads of functions that call what a number stands for.

use std::fmt::Write as _;

use super::super::types;
use super::Pointers;
use crate::c::syntax::tree::{Base, DeclaratorId, Part, Tok, Toks};
use crate::c::types::{EntityId, TypeId};

/// The text before the body, without the linkage, and the names of the parameters.
pub(super) struct Head {
    pub text: String,
    pub params: Vec<String>,
}

impl Pointers<'_, '_> {
    /// The head of one of the functions, with another name and the pointer before its parameters.
    pub(super) fn head_of(
        &self,
        target: EntityId,
        ty: TypeId,
        name: &str,
        targets: &[EntityId],
    ) -> Option<Head> {
        let model = self.model;
        let function = model[target].definition()?;
        if !model.compatible(model[target].ty, ty) || !model.tree[function].old_style.is_empty() {
            return None;
        }
        let decl = &model.tree[model.tree[function].decl];
        let declarator: DeclaratorId = *decl.declarators.first()?;
        let declared = &model.tree[declarator];
        let defines = match &decl.specifiers.base {
            Base::Record(record) => record.fields.is_some(),
            Base::Enum(of) => of.body.is_some(),
            Base::Implicit | Base::Unknown | Base::Auto => true,
            _ => false,
        };
        let (_, name_tok) = declared.name?;
        let Some(Part::Function { toks, params, .. }) = declared.parts.first() else {
            return None;
        };
        if defines {
            return None;
        }
        let taken: Vec<String> = targets.iter().map(|&t| self.name(t)).collect();
        let mut names = Vec::new();
        let mut instead: Vec<(Tok, String)> = vec![(name_tok, name.to_owned())];
        for &param in params {
            let one = *model.tree[param].declarators.first()?;
            let (symbol, tok) = model.tree[one].name?;
            let mut own = String::from_utf8_lossy(model.unit.symbols.text(symbol)).into_owned();
            if taken.contains(&own) {
                own.push('_');
                instead.push((tok, own.clone()));
            }
            names.push(own);
        }
        let pointer = pointer_name(&names);
        let separate = if names.is_empty() { "" } else { ", " };
        let mut words = self.specifiers(decl.specifiers.toks, &decl.specifiers.storage);
        let end = declared.parts.iter().filter_map(|part| match part {
            Part::Function { toks, .. } | Part::Array { toks, .. } => Some(toks.end),
            Part::Pointer { .. } => None,
        });
        let end = end.max()?;
        for tok in declared.toks.start..end {
            let inside = toks.contains(tok) && tok + 1 < toks.end;
            if tok == toks.start {
                words.push((tok, format!("(void *{pointer}{separate}")));
            } else if !inside || !names.is_empty() {
                let new = instead.iter().find(|i| i.0 == tok).map(|i| i.1.clone());
                let own = || {
                    let unit = model.unit;
                    String::from_utf8_lossy(unit.text(&unit.tokens[tok])).into_owned()
                };
                words.push((tok, new.unwrap_or_else(own)));
            }
        }
        Some(Head {
            text: self.join(&words),
            params: std::iter::once(pointer).chain(names).collect(),
        })
    }

    /// The specifiers that say a type.
    fn specifiers(
        &self,
        toks: Toks,
        storage: &crate::c::syntax::tree::Storage,
    ) -> Vec<(Tok, String)> {
        let unit = self.model.unit;
        let text = |tok: Tok| unit.text(&unit.tokens[tok]);
        let dropped = [
            storage.r#static,
            storage.r#extern,
            storage.inline,
            storage.register,
        ];
        let mut words = Vec::new();
        let mut tok = toks.start;
        while tok < toks.end {
            if matches!(text(tok), b"__attribute__" | b"__attribute") {
                let mut depth = 0;
                tok += 1;
                while tok < toks.end {
                    match text(tok) {
                        b"(" => depth += 1,
                        b")" => depth -= 1,
                        _ => {}
                    }
                    tok += 1;
                    if depth == 0 {
                        break;
                    }
                }
                continue;
            }
            if !dropped.contains(&Some(tok)) {
                words.push((tok, String::from_utf8_lossy(text(tok)).into_owned()));
            }
            tok += 1;
        }
        words
    }

    fn join(&self, words: &[(Tok, String)]) -> String {
        let mut text = String::new();
        for (tok, word) in words {
            let token = &self.model.unit.tokens[*tok];
            let letter = |c: char| c.is_alphanumeric() || c == '_';
            let apart = text.ends_with(letter) && word.starts_with(letter);
            let blank = (token.space || token.first) && !text.is_empty() && !text.ends_with(' ');
            if apart || blank {
                text.push(' ');
            }
            text.push_str(word);
        }
        text
    }

    /// The head, from the type alone.
    pub(super) fn head(&self, ret: TypeId, params: &[TypeId], name: &str) -> Option<Head> {
        let names: Vec<String> = (0..params.len()).map(|at| format!("arg{at}")).collect();
        let pointer = pointer_name(&names);
        let mut list = format!("void *{pointer}");
        for (ty, name) in params.iter().zip(&names) {
            let declared = types::declare(self.model, *ty, name)?;
            let _ = write!(list, ", {declared}");
        }
        let declared = types::declare(self.model, ret, &format!("{name}({list})"))?;
        Some(Head {
            text: declared,
            params: std::iter::once(pointer).chain(names).collect(),
        })
    }

    /// The head as a pointer to such functions is declared, in a header if there is one: qualifiers are no
    /// part of the type here, and all files have to say the same.
    pub(super) fn head_of_pointer(
        &self,
        ty: TypeId,
        name: &str,
        targets: &[EntityId],
    ) -> Option<Head> {
        let model = self.model;
        let text = |tok: Tok| {
            let unit = model.unit;
            String::from_utf8_lossy(unit.text(&unit.tokens[tok])).into_owned()
        };
        let own = |d: &DeclaratorId| model.declares(*d).is_some_and(|e| model[e].is_function());
        let declarators = (0..model.tree.declarators.len() as u32).map(DeclaratorId);
        let found = declarators.filter(|d| !own(d)).filter_map(|d| {
            let parts = &model.tree[d].parts;
            let mut each = parts.iter().zip(model.part_types(d));
            let at = each.position(|(part, &of)| {
                matches!(part, Part::Function { .. }) && model.compatible(of, ty)
            })?;
            let (Part::Function { toks, params, .. }, result) = (&parts[at], &parts[at + 1..])
            else {
                return None;
            };
            let pointers = result
                .iter()
                .all(|part| matches!(part, Part::Pointer { .. }));
            pointers.then_some((d, *toks, params, result.len()))
        });
        let (declarator, _, params, stars) =
            found.min_by_key(|(_, toks, ..)| !self.is_header(toks.start))?;
        let taken: Vec<String> = targets.iter().map(|&t| self.name(t)).collect();
        let mut names = Vec::new();
        let mut list = Vec::new();
        for (at, &param) in params.iter().enumerate() {
            let one = &model.tree[*model.tree[param].declarators.first()?];
            let plain = one
                .parts
                .iter()
                .all(|part| matches!(part, Part::Pointer { .. }));
            let mut own = match one.name {
                Some((_, tok)) => text(tok),
                None if plain => format!("arg{at}"),
                None => return None,
            };
            if taken.contains(&own) {
                own.push('_');
            }
            let toks = model.tree[param].toks;
            let mut words: Vec<(Tok, String)> = Vec::new();
            for tok in toks.start..toks.end {
                let is_name = one.name.is_some_and(|name| name.1 == tok);
                words.push((tok, if is_name { own.clone() } else { text(tok) }));
            }
            let mut written = self.join(&words);
            if one.name.is_none() {
                let space = if written.ends_with('*') { "" } else { " " };
                written = format!("{written}{space}{own}");
            }
            list.push(written);
            names.push(own);
        }
        let pointer = pointer_name(&names);
        list.insert(0, format!("void *{pointer}"));
        let specifiers = &model.tree[model.tree[declarator].decl].specifiers;
        let mut words = self.specifiers(specifiers.toks, &specifiers.storage);
        words.retain(|word| word.1 != "typedef");
        let result = self.join(&words);
        let stars = "*".repeat(stars);
        Some(Head {
            text: format!("{result} {stars}{name}({})", list.join(", ")),
            params: std::iter::once(pointer).chain(names).collect(),
        })
    }
}

/// The pointer among parameters of these names.
fn pointer_name(names: &[String]) -> String {
    let mut name = String::from("function");
    while names.contains(&name) {
        name.push('_');
    }
    name
}
