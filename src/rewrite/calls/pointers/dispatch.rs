//! The function that calls what a number stands for.

use std::fmt::Write as _;

use super::super::{FileEdit, Trouble, types};
use super::heads::Head;
use super::{Class, Lent, Pointers};
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{DeclaratorId, ExprId, ExprKind, Tok, Toks};
use crate::c::types::{EntityId, Type, TypeId};

/// What the lines of the body begin with.
const INDENT: &str = "\t";

/// A function that calls what a number stands for.
pub(super) struct Dispatch {
    pub name: String,
    /// Its definition, and a prototype if it is called before.
    pub edits: Vec<FileEdit>,
}

/// A function of the C library that calls what it gets last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sorter {
    Qsort,
    Bsearch,
}

impl Sorter {
    /// The one of this name.
    pub fn of(name: &str) -> Option<Self> {
        match name {
            "qsort" => Some(Self::Qsort),
            "bsearch" => Some(Self::Bsearch),
            _ => None,
        }
    }

    /// How many arguments it takes.
    pub fn arguments(self) -> usize {
        match self {
            Self::Qsort => 4,
            Self::Bsearch => 5,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Qsort => "qsort",
            Self::Bsearch => "bsearch",
        }
    }
}

impl Pointers<'_, '_> {
    /// What calls the functions that pointers of a type lead to. Where there are none, since nothing sets
    /// the pointers, what calls through them has nothing to call: `if (list->free) list->free(value);`.
    /// Nothing for pointers that are declared elsewhere.
    pub(super) fn dispatch(&self, class: &Class) -> Result<Option<Dispatch>, Trouble> {
        let role = class.role.as_ref();
        let calls = class.calls.iter().map(|c| model_start(self, c.pointer));
        let names = self.names.iter().filter(|n| class.targets.contains(&n.1));
        let names = names.map(|n| model_start(self, n.0));
        let named = role.and_then(|_| names.min());
        let Some(tok) = calls.min().or(named) else {
            return Ok(None);
        };
        let mut targets: Vec<EntityId> = class.targets.iter().copied().collect();
        targets.sort_by_key(|&t| self.model[t].tok);
        let asked = |pointer| self.is_own(pointer) && self.is_asked_for(pointer);
        if role.is_none() && targets.is_empty() && !class.calls.iter().all(|c| asked(c.pointer)) {
            return Ok(None);
        }
        let Type::Function {
            ret,
            ref params,
            variadic,
            ..
        } = self.model[class.ty]
        else {
            return Ok(None);
        };
        if variadic {
            return Err(Trouble::at(tok, "the number of arguments varies"));
        }
        let name = match role {
            Some(role) => role.name.clone(),
            None => self
                .model
                .unit
                .unused_name(&format!("call_{}", self.stem(class))),
        };
        let mut heads = targets.iter();
        let written = role.and_then(|_| self.head_of_pointer(class.ty, &name, &targets));
        let head =
            written.or_else(|| heads.find_map(|&t| self.head_of(t, class.ty, &name, &targets)));
        let head = head.or_else(|| self.head_of_pointer(class.ty, &name, &targets));
        let head = match head {
            Some(head) => head,
            None => self
                .head(ret, params, &name)
                .ok_or_else(|| Trouble::at(tok, "its type is not understood"))?,
        };
        let next = role.and_then(|role| role.next.as_deref());
        let body = self.body(ret, params, &targets, &head, next, tok)?;
        let first = class.calls.iter().map(|c| model_start(self, c.call)).min();
        let edits = match role {
            None => {
                let head = Head {
                    text: format!("static {}", head.text),
                    ..head
                };
                let text = format!("{}\n{body}", head.text);
                self.places(first, &targets, &head, text, tok)?
            }
            Some(role) => {
                let called = |by: &str| head.text.replacen(&name, by, 1);
                // Those of other files that are called here.
                let mut others: Vec<&str> = next.into_iter().collect();
                others.extend((!class.calls.is_empty()).then_some(&*name));
                others.retain(|&other| role.own.as_deref() != Some(other));
                let mut text: String = others.iter().map(|o| called(o) + ";\n\n").collect();
                match &role.own {
                    Some(own) => text.push_str(&format!("{}\n{body}", called(own))),
                    None => text.truncate(text.trim_end().len()),
                }
                self.places(first.or(Some(tok)), &targets, &head, text, tok)?
            }
        };
        Ok(Some(Dispatch { name, edits }))
    }

    /// Whether the unit says something else of a pointer than to call through it: it asks whether there is
    /// one, or says that there is none. Others may come from code that nobody sees here.
    fn is_asked_for(&self, pointer: ExprId) -> bool {
        let model = self.model;
        let called = |expr: ExprId| {
            let mut calls = self.classes.iter().flat_map(|class| &class.calls);
            calls.any(|call| call.pointer == expr)
        };
        match (model.member(pointer), model.entity(pointer)) {
            (Some(field), _) => (0..model.tree.exprs.len() as u32)
                .map(ExprId)
                .any(|expr| model.member(expr) == Some(field) && !called(expr)),
            (None, Some(entity)) => model.uses(entity).iter().any(|&name| !called(name)),
            _ => false,
        }
    }

    /// Whether a pointer is a variable or a member that the unit's own files declare.
    fn is_own(&self, pointer: ExprId) -> bool {
        let model = self.model;
        let here = |declarator: DeclaratorId| self.in_file(model.tree[declarator].toks.start);
        match model.tree[pointer].kind {
            ExprKind::Paren(inner)
            | ExprKind::Cast(_, inner)
            | ExprKind::Unary(_, inner)
            | ExprKind::Index(inner, _) => self.is_own(inner),
            ExprKind::Member { .. } => {
                let field = model.member(pointer).map(|field| model.field(field));
                field.and_then(|field| field.declarator).is_some_and(here)
            }
            ExprKind::Name(_) => {
                let entity = model.entity(pointer);
                entity.is_some_and(|e| model[e].declarators.iter().copied().any(here))
            }
            _ => false,
        }
    }

    /// The name of what calls a function of the C library with the function that a number stands for.
    pub(super) fn sorter_name(&self, lent: &Lent) -> String {
        let stem = match self.classes[lent.class].calls.is_empty() {
            true => "any".into(),
            false => self.stem(&self.classes[lent.class]),
        };
        self.model
            .unit
            .unused_name(&format!("{}_by_{stem}", lent.sorter.name()))
    }

    /// What calls functions of the C library with the function that a number stands for.
    pub(super) fn sorters(&self) -> Result<Vec<Dispatch>, Trouble> {
        let mut done: Vec<(usize, Sorter)> = Vec::new();
        let mut found = Vec::new();
        for lent in &self.lent {
            if done.contains(&(lent.class, lent.sorter)) {
                continue;
            }
            done.push((lent.class, lent.sorter));
            let name = self.sorter_name(lent);
            let role = self.classes[lent.class].role.as_ref();
            if role.is_some_and(|role| !role.alone) {
                let tok = model_start(self, lent.callee);
                let message = "other files have functions that it may get, too";
                return Err(Trouble::at(tok, message));
            }
            let (head, arguments, result) = match lent.sorter {
                Sorter::Qsort => (
                    format!(
                        "static void {name}(void *array, unsigned long count, unsigned long size, \
                         void *function)"
                    ),
                    "array, count, size",
                    "",
                ),
                Sorter::Bsearch => (
                    format!(
                        "static void *{name}(const void *key, const void *array, unsigned long count, \
                         unsigned long size, void *function)"
                    ),
                    "key, array, count, size",
                    "return ",
                ),
            };
            let mut targets: Vec<EntityId> =
                self.classes[lent.class].targets.iter().copied().collect();
            targets.sort_by_key(|&t| self.model[t].tok);
            let called = lent.sorter.name();
            let mut text = format!("{head}\n{{\n");
            for (at, &target) in targets.iter().enumerate() {
                let otherwise = if result.is_empty() && at > 0 {
                    "else "
                } else {
                    ""
                };
                let _ = write!(
                    text,
                    "{INDENT}{otherwise}if (function == {})\n\
                     {INDENT}{INDENT}{result}{called}({arguments}, {});\n",
                    self.number_name(target),
                    self.name(target),
                );
            }
            match result {
                "" if targets.is_empty() => text.push_str("\tstatic_unknown_function();\n}"),
                "" => text.push_str("\telse\n\t\tstatic_unknown_function();\n}"),
                _ => text.push_str("\tstatic_unknown_function();\n\treturn (void *)0;\n}"),
            }
            let calls = self
                .lent
                .iter()
                .filter(|l| (l.class, l.sorter) == (lent.class, lent.sorter));
            let first = calls.map(|l| model_start(self, l.callee)).min();
            let head = Head {
                text: head,
                params: Vec::new(),
            };
            let tok = model_start(self, lent.callee);
            let edits = self.places(first, &targets, &head, text, tok)?;
            found.push(Dispatch { name, edits });
        }
        Ok(found)
    }

    /// What its name says of the pointers: their type's name, or the name of the first that is called.
    pub(super) fn stem(&self, class: &Class) -> String {
        let own = self.pointer_of(class);
        let mut taken: Vec<String> = Vec::new();
        for other in self
            .classes
            .iter()
            .filter(|c| c.numbered && !c.calls.is_empty())
        {
            let (word, tag) = self.pointer_of(other);
            let longer = tag.map(|tag| format!("{tag}_{word}"));
            let names = std::iter::once(word.clone()).chain(longer);
            let numbers = (2..).map(|number| format!("{word}{number}"));
            let name = names.chain(numbers).find(|name| !taken.contains(name));
            let name = name.unwrap_or(word);
            if std::ptr::eq(other, class) {
                return name;
            }
            taken.push(name);
        }
        own.0
    }

    /// The name of the first pointer that functions of a class are called through, and the tag of the structure
    /// whose member it is.
    fn pointer_of(&self, class: &Class) -> (String, Option<String>) {
        let model = self.model;
        let pointer = class.calls[0].pointer;
        let mut at = model.tree.bare(pointer);
        loop {
            at = match model.tree[at].kind {
                ExprKind::Index(array, _) => model.tree.bare(array),
                ExprKind::Call { callee, .. } => model.tree.bare(callee),
                ExprKind::Cast(_, inner) => model.tree.bare(inner),
                _ => break,
            }
        }
        let text = |symbol| String::from_utf8_lossy(model.unit.symbols.text(symbol)).into_owned();
        match model.tree[at].kind {
            ExprKind::Name(name) => (text(name), None),
            ExprKind::Member { name, .. } => {
                let record = model.member(at).map(|field| field.record);
                (text(name), record.and_then(|r| model[r].tag).map(text))
            }
            _ => ("function".into(), None),
        }
    }

    /// One comparison for each function.
    fn body(
        &self,
        ret: TypeId,
        params: &[TypeId],
        targets: &[EntityId],
        head: &Head,
        next: Option<&str>,
        tok: Tok,
    ) -> Result<String, Trouble> {
        let model = self.model;
        let void = matches!(model[ret], Type::Void);
        let pointer = &head.params[0];
        let mut text = String::from("{\n");
        for (at, &target) in targets.iter().enumerate() {
            let Type::Function {
                params: ref own,
                ret: result,
                ..
            } = model[model[target].ty]
            else {
                continue;
            };
            let name = self.name(target);
            if own.len() != params.len() || !void && matches!(model[result], Type::Void) {
                return Err(Trouble::at(
                    tok,
                    format!("`{name}` has other parameters or another result"),
                ));
            }
            let arguments = head.params[1..].iter().zip(params.iter().zip(own));
            let arguments = arguments.map(|(name, (&a, &b))| {
                let both = model.is_pointer(a) && model.is_pointer(b);
                match both && !model.compatible(a, b) {
                    true => format!("(void *){name}"),
                    false => name.clone(),
                }
            });
            let arguments: Vec<String> = arguments.collect();
            let call = format!("{name}({})", arguments.join(", "));
            let otherwise = if void && at > 0 { "else " } else { "" };
            let both = model.is_pointer(ret) && model.is_pointer(result);
            let result = match both && !model.compatible(ret, result) {
                _ if void => "",
                true => "return (void *)",
                false => "return ",
            };
            let _ = write!(
                text,
                "{INDENT}{otherwise}if ({pointer} == {})\n{INDENT}{INDENT}{result}{call};\n",
                self.number_name(target),
            );
        }
        if let Some(next) = next {
            let arguments = head.params.join(", ");
            let result = if void { "" } else { "return " };
            let otherwise = if void && !targets.is_empty() {
                format!("{INDENT}else\n{INDENT}{INDENT}")
            } else {
                INDENT.to_owned()
            };
            let _ = writeln!(text, "{otherwise}{result}{next}({arguments});");
        } else if void && targets.is_empty() {
            let _ = writeln!(text, "{INDENT}static_unknown_function();");
        } else if void {
            let _ = write!(
                text,
                "{INDENT}else\n{INDENT}{INDENT}static_unknown_function();\n"
            );
        } else {
            let zero = match model.record(ret) {
                Some(_) => {
                    let ty = types::declare(model, ret, "");
                    let ty = ty.ok_or_else(|| {
                        Trouble::at(tok, "the structure that it returns has no name")
                    })?;
                    format!("({ty}){{0}}")
                }
                None if model.is_pointer(ret) => "(void *)0".into(),
                None => "0".into(),
            };
            let _ = write!(
                text,
                "{INDENT}static_unknown_function();\n{INDENT}return {zero};\n"
            );
        }
        text.push('}');
        Ok(text)
    }

    /// Before the first function that calls it if all functions are declared there, else after the
    /// last of them, and a prototype there.
    fn places(
        &self,
        call: Option<Tok>,
        targets: &[EntityId],
        head: &Head,
        text: String,
        tok: Tok,
    ) -> Result<Vec<FileEdit>, Trouble> {
        let model = self.model;
        let unit = model.unit;
        let first = call.and_then(|c| self.item_of(c)).map(|item| item.start);
        let declared = targets.iter().filter_map(|&t| {
            let places = model[t].declarators.iter().filter_map(|&d| {
                let decl = model.tree[d].decl;
                self.item_of(model.tree[decl].toks.start)
            });
            places.min_by_key(|i| i.start)
        });
        let last = declared.max_by_key(|i| i.start);
        let last = match (targets, first) {
            ([], Some(first)) => Some(Toks::new(first, first)),
            _ => last,
        };
        let (Some(first), Some(last)) = (first, last) else {
            return Err(Trouble::at(
                tok,
                "its functions are declared in another place",
            ));
        };
        let at = |tok: Tok| unit.visible_loc(&unit.tokens[tok]);
        let whole = |tok: Tok| unit.tokens[tok].expansion.is_none();
        let ends = |tok: Tok| whole(tok) && self.in_file(tok);
        if !self.in_file(first) || last.end > first && !ends(last.end - 1) {
            return Err(Trouble::at(tok, "a macro declares its functions"));
        }
        let insert = |file: FileId, place: u32, text: String| FileEdit {
            file,
            start: place,
            end: place,
            text,
        };
        let before = at(first);
        if last.end <= first {
            return Ok(vec![insert(
                before.file,
                before.start,
                format!("{text}\n\n"),
            )]);
        }
        // Rather in the file itself than in a header.
        let mut later = model.tree.items.iter().map(|i| i.toks.start);
        let own = later.find(|&t| t >= last.end && at(t).file == FileId::MAIN && whole(t));
        if let Some(own) = own
            .map(at)
            .filter(|_| at(last.end - 1).file != FileId::MAIN)
        {
            return Ok(vec![
                insert(before.file, before.start, format!("{};\n\n", head.text)),
                insert(own.file, own.start, format!("{text}\n\n")),
            ]);
        }
        let after = at(last.end - 1);
        Ok(vec![
            insert(before.file, before.start, format!("{};\n\n", head.text)),
            insert(after.file, after.end, format!("\n\n{text}")),
        ])
    }
}

/// The first token of an expression.
fn model_start(pointers: &Pointers, expr: ExprId) -> Tok {
    pointers.model.tree[expr].toks.start
}
