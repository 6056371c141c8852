//! The edits that make a block of a variable on the stack.

use std::collections::HashSet;

use super::super::edits::Editor;
use super::super::facts::{CopyKind, Object};
use super::super::vars::Tok;
use super::{REASON, is_zero, value_of};
use crate::c::cpp::Loc;
use crate::c::lexer::op;
use crate::c::syntax::tree::{DeclaratorId, ExprId, ExprKind, Part, Toks, Unary};
use crate::c::types::{EntityKind, Parent, Type};
use crate::rewrite::plan::EditKind;

impl Editor<'_> {
    /// Moves variables on the stack into the arena.
    pub fn moves(&mut self) {
        let reading = self.reading();
        let mut done = HashSet::new();
        for object in &reading.objects {
            if self.moved().contains(&object.place) && done.insert(object.entity) {
                self.declare_block(object);
                self.use_block(object);
            }
        }
    }

    fn declare_block(&mut self, object: &Object) {
        let reading = self.reading();
        let model = reading.model;
        let tree = &model.tree;
        let declarator = model[object.entity].declarators[0];
        let Some((symbol, name)) = tree[declarator].name else {
            return;
        };
        let word = String::from_utf8_lossy(model.unit.symbols.text(symbol)).into_owned();
        if reading.is_parameter_of(declarator) {
            self.copy_parameter(object, declarator, &word);
            return;
        }
        if let Some(whole) = reading.one_use(declarator) {
            self.replace_use(declarator, whole, &word);
            return;
        }
        if reading.is_copied(object, declarator) {
            self.copy_constant(declarator, name, &word);
            return;
        }
        let kind = EditKind::Memory;
        let in_body = self.token(name).is_some_and(|t| t.expansion.is_some());
        let loc = self.location(name);
        let array = matches!(tree[declarator].parts.first(), Some(Part::Array { .. }));
        // The elements lie in the arena: pointers say so behind their own star.
        let mut elements = tree[declarator].parts.iter();
        let element = elements.find(|part| !matches!(part, Part::Array { .. }));
        let (open, close) = match (array, element) {
            (true, Some(&Part::Pointer { star, .. })) => {
                self.after_star(star, object.place);
                ("(*", ")")
            }
            (true, _) => ("(__arena *", ")"),
            (false, _) => ("__arena *", ""),
        };
        self.change(loc.file, loc.start, loc.start, open.into(), kind, REASON);
        if array {
            self.change(loc.file, loc.end, loc.end, close.into(), kind, REASON);
            self.size_array(declarator);
        }
        let zero = tree[declarator].init.is_some_and(|i| is_zero(reading, i));
        let call = match zero {
            true => format!("static_calloc(1, sizeof(*{word}))"),
            false => format!("static_malloc(sizeof(*{word}))"),
        };
        let local = format!(" static_local = {call}");
        let Some(init) = tree[declarator].init else {
            let last = tree[declarator].toks.end - 1;
            if let Some(end) = reading.extent(Toks::new(last, last + 1), in_body) {
                self.change(end.file, end.end, end.end, local, kind, REASON);
            }
            return;
        };
        let toks = tree[init].toks;
        let equals = toks.start - 1;
        // Before the sign there may be a macro's attribute, `__aligned(8)`.
        let before = reading.extent(Toks::new(equals - 1, equals), in_body);
        let (Some(before), Some(value)) = (before, reading.extent(toks, in_body)) else {
            return;
        };
        let (file, last) = (before.file, value);
        if zero {
            self.change(file, before.end, last.end, local, kind, REASON);
            return;
        }
        let indent = self.starts_line(tree[tree[declarator].decl].toks.start);
        let gap = indent.map_or(" ".to_owned(), |i| format!("\n{i}"));
        match &tree[value_of(reading, init)].kind {
            ExprKind::List(_) => {
                // The values stay where they stand: other edits may be in them. What macros make of
                // them, or another file, is written out.
                let parts = reading.can_part(declarator, init, in_body);
                let mut before_value = local.replace("static_malloc(", "static_calloc(1, ");
                let (mut spelled, mut at) = (String::new(), before.end);
                let leaves = reading.leaves(declarator, init, &word).unwrap_or_default();
                for leaf in leaves.iter().filter(|leaf| !is_zero(reading, leaf.value)) {
                    let (open, close) = leaf.assignment();
                    let text = format!("{before_value};{gap}{open}");
                    before_value = close;
                    let value = leaf.value;
                    if !parts {
                        let ty = model.target(value).map_or(model.type_of(value), |t| t.ty);
                        let null = model.is_null_pointer_constant(value) && model.is_pointer(ty);
                        spelled += &text;
                        spelled += &match null {
                            true => "NULL".to_owned(),
                            false => reading.spelling(tree[value].toks),
                        };
                    } else if let Some(value) = reading.extent(tree[value].toks, in_body) {
                        self.change(file, at, value.start, text, kind, REASON);
                        at = value.end;
                    }
                }
                before_value.insert_str(0, &spelled);
                self.change(file, at, last.end, before_value, kind, REASON);
            }
            ExprKind::Text if model.is_array(model.declarator_type(declarator)) => {
                // What a short literal leaves of the array is zero.
                let length = |ty| model.array_len(ty);
                let own = length(model.type_of(init));
                let short = own < length(model.declarator_type(declarator));
                let size = match own.filter(|_| short) {
                    Some(own) => own.to_string(),
                    None => format!("sizeof(*{word})"),
                };
                let local = match short {
                    true => local.replace("static_malloc(", "static_calloc(1, "),
                    false => local,
                };
                let text = format!("{local};{gap}static_memcpy({word}, ");
                self.change(file, before.end, value.start, text, kind, REASON);
                let text = format!(", {size})");
                self.change(file, value.end, value.end, text, kind, REASON);
            }
            _ if matches!(model[model.declarator_type(declarator)], Type::Record(_)) => {
                // What stands between commas in braces is one argument of the macro.
                let braces = (toks.start..toks.end).any(|t| reading.unit.tokens[t].is(op("{")));
                let (open, close) = match braces {
                    true => ("(", "))"),
                    false => ("", ")"),
                };
                // clang copies no structure into the arena.
                let copies = reading.copies.iter();
                let copied = copies.filter(|c| c.kind == CopyKind::Initialiser && c.to.0 == name);
                let from_arena = copied.filter_map(|c| c.source).any(|s| self.arena(s));
                let (call, end) = match (from_arena, self.is_star(toks.start)) {
                    (true, true) => (
                        format!("static_memcpy({word}, "),
                        self.location(toks.start).end,
                    ),
                    (true, false) => (format!("static_memcpy({word}, &"), value.start),
                    (false, _) => (format!("static_assign(*{word}, {open}"), value.start),
                };
                let size = match from_arena {
                    true => format!(", sizeof(*{word}))"),
                    false => close.into(),
                };
                let text = format!("{local};{gap}{call}");
                self.change(file, before.end, end, text, kind, REASON);
                self.change(file, value.end, value.end, size, kind, REASON);
            }
            _ => {
                let text = format!("{local};{gap}*{word} = ");
                self.change(file, before.end, value.start, text, kind, REASON);
            }
        }
    }

    /// What a macro declares is written out.
    fn replace_use(&mut self, declarator: DeclaratorId, whole: Loc, word: &str) {
        let reading = self.reading();
        let tree = &reading.model.tree;
        let decl = &tree[tree[declarator].decl];
        let ty = reading.spelling(decl.specifiers.toks);
        let mut text =
            format!("{ty} __arena *{word} static_local = static_calloc(1, sizeof(*{word}))");
        let init = tree[declarator].init;
        let leaves = init.and_then(|init| reading.leaves(declarator, init, word));
        for leaf in leaves
            .iter()
            .flatten()
            .filter(|l| !is_zero(reading, l.value))
        {
            let value = reading.spelling(tree[leaf.value].toks);
            let (open, close) = leaf.assignment();
            text += &format!("; {open}{value}{close}");
        }
        let end = self.visible(decl.toks.end - 1);
        if end.file == whole.file && end.start < whole.end {
            text.push(';');
        }
        let kind = EditKind::Memory;
        self.change(whole.file, whole.start, whole.end, text, kind, REASON);
    }

    /// The values stay as they are, in a constant, which is copied to the block.
    fn copy_constant(&mut self, declarator: DeclaratorId, name: Tok, word: &str) {
        let reading = self.reading();
        let model = reading.model;
        let tree = &model.tree;
        let decl = &tree[tree[declarator].decl];
        let Some(init) = tree[declarator].init else {
            return;
        };
        let Some(value) = reading.extent(tree[init].toks, false) else {
            return;
        };
        let first = model.unit.unused_name(&format!("{word}_first"));
        let ty = reading.type_words(declarator);
        let lengths = reading.lengths(declarator);
        let (declared, from) = match lengths.is_empty() {
            true => (format!("{ty} __arena *{word}"), format!("&{first}")),
            false => (format!("{ty} (__arena *{word}){lengths}"), first.clone()),
        };
        let gap = match self.starts_line(decl.toks.start) {
            Some(indent) => format!("\n{indent}"),
            None => " ".into(),
        };
        let text = format!(
            ";{gap}{declared} static_local = static_malloc(sizeof(*{word}));\
             {gap}static_memcpy({word}, {from}, sizeof(*{word}))"
        );
        let start = self.location(decl.toks.start);
        let storage = match decl.specifiers.is_const {
            true => "static ",
            false => "static const ",
        };
        let kind = EditKind::Memory;
        self.change(
            start.file,
            start.start,
            start.start,
            storage.into(),
            kind,
            REASON,
        );
        let of = self.location(name);
        self.change(of.file, of.start, of.end, first, kind, REASON);
        self.change(value.file, value.end, value.end, text, kind, REASON);
    }

    /// `int a[] = {…}`: the length that its value gave it.
    fn size_array(&mut self, declarator: DeclaratorId) {
        let model = self.reading().model;
        let tree = &model.tree;
        if let Some(Part::Array { toks, size: None }) = tree[declarator].parts.first()
            && let Type::Array { len: Some(len), .. } = model[model.declarator_type(declarator)]
        {
            let open = self.location(toks.start);
            let text = len.to_string();
            self.change(
                open.file,
                open.end,
                open.end,
                text,
                EditKind::Memory,
                REASON,
            );
        }
    }

    /// A parameter stays, and is copied to a block at the start of the function.
    fn copy_parameter(&mut self, object: &Object, declarator: DeclaratorId, word: &str) {
        let reading = self.reading();
        let model = reading.model;
        let tree = &model.tree;
        let EntityKind::Object {
            function: Some(function),
            ..
        } = model[object.entity].kind
        else {
            return;
        };
        let decl = tree[declarator].decl;
        let brace = tree[tree[function].body].toks.start;
        let loc = self.location(brace);
        // The declaration as it is written, with another name; its own qualifiers are edits of the
        // parameter, and are written here again.
        let (_, name) = tree[declarator].name.expect("a parameter with a name");
        let mut text = String::new();
        // A number that does not change is written once all the same.
        let number = !model.is_pointer(model[object.entity].ty);
        for tok in tree[decl].toks.start..tree[decl].toks.end {
            let spelled = String::from_utf8_lossy(reading.unit.text(&reading.unit.tokens[tok]));
            if spelled == ";" || number && spelled == "const" {
                continue;
            }
            if tok == name {
                text += &format!("__arena *{word}_");
            } else if reading.unit.tokens[tok].is(op("*")) {
                text += match self.is_qualified(tok) {
                    Some(true) => "__arena *",
                    _ => "*",
                };
                text += " ";
            } else {
                text += &spelled;
                text.push(' ');
            }
        }
        let indent = match self.starts_line(brace + 1) {
            Some(indent) => format!("\n{indent}"),
            None => " ".into(),
        };
        let text = format!(
            "{indent}{} static_local = static_malloc(sizeof(*{word}_));{indent}*{word}_ = {word};",
            text.trim()
        );
        self.change(loc.file, loc.end, loc.end, text, EditKind::Memory, REASON);
    }

    /// Whether what a `*` points to lies in the arena.
    fn is_qualified(&self, star: Tok) -> Option<bool> {
        let reading = self.reading();
        let groups = reading.groups.iter().flat_map(|g| &g.declarators);
        let base = groups
            .filter(|d| d.star == Some(star))
            .find_map(|d| d.base)
            .map(|b| self.arena(b));
        let stars: Vec<Tok> = reading.after_stars.iter().map(|a| a.star).collect();
        let before = (0..star).rev().find(|t| stars.contains(t));
        base.or_else(|| {
            let after = reading
                .after_stars
                .iter()
                .find(|a| Some(a.star) == before)?;
            Some(self.arena(after.space))
        })
    }

    fn use_block(&mut self, object: &Object) {
        let reading = self.reading();
        let model = reading.model;
        let tree = &model.tree;
        let declarator = model[object.entity].declarators[0];
        let suffix = match reading.is_parameter_of(declarator) {
            true => "_",
            false => "",
        };
        for &name in model.uses(object.entity) {
            let tok = tree[name].toks.start;
            let loc = self.location(tok);
            let word = String::from_utf8_lossy(reading.unit.text(&reading.unit.tokens[tok]))
                .into_owned()
                + suffix;
            let kind = EditKind::Memory;
            let outer = match model.parent(name) {
                Parent::Expr(outer) => Some(outer),
                _ => None,
            };
            // `&(x)` is as good as `&x`.
            let mut whole = name;
            let mut address = outer;
            while let Some(paren) = address
                && matches!(tree[paren].kind, ExprKind::Paren(_))
            {
                whole = paren;
                address = match model.parent(paren) {
                    Parent::Expr(outer) => Some(outer),
                    _ => None,
                };
            }
            let address = address.filter(|&a| {
                let last = tree[whole].toks.end - 1;
                let of = matches!(tree[a].kind, ExprKind::Unary(Unary::AddressOf, _));
                // The sign of a macro stays, `&*p`.
                of && self.together(tree[a].toks.start, tok) && self.together(tok, last)
            });
            if let Some(address) = address {
                let and = self.location(tree[address].toks.start);
                let end = self.location(tree[whole].toks.end - 1).end;
                self.change(and.file, and.start, end, word, kind, REASON);
                continue;
            }
            match outer.map(|o| &tree[o].kind) {
                Some(ExprKind::Member {
                    arrow: false,
                    name_tok,
                    ..
                }) => {
                    let dot = self.location(name_tok - 1);
                    if !suffix.is_empty() {
                        self.change(dot.file, loc.start, loc.end, word, kind, REASON);
                    }
                    self.change(dot.file, dot.start, dot.end, "->".into(), kind, REASON);
                }
                Some(
                    ExprKind::Index(..)
                    | ExprKind::Call { .. }
                    | ExprKind::Member { arrow: true, .. }
                    | ExprKind::Postfix { .. },
                ) if self.is_operand(outer, name) => {
                    let text = format!("(*{word})");
                    self.change(loc.file, loc.start, loc.end, text, kind, REASON);
                }
                _ => {
                    // `a/ *p` is no comment.
                    let bytes = &reading.unit.file(loc.file).bytes;
                    let slash = loc.start > 0 && bytes[loc.start as usize - 1] == b'/';
                    let text = match slash {
                        true => format!("(*{word})"),
                        false => format!("*{word}"),
                    };
                    self.change(loc.file, loc.start, loc.end, text, kind, REASON);
                }
            }
        }
    }

    /// Whether a name is what a postfix operator works on, not an argument or an index.
    fn is_operand(&self, outer: Option<ExprId>, name: ExprId) -> bool {
        let tree = &self.reading().model.tree;
        match outer.map(|o| &tree[o].kind) {
            Some(ExprKind::Index(array, _)) => *array == name,
            Some(ExprKind::Call { callee, .. }) => *callee == name,
            _ => true,
        }
    }
}
