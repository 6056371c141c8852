//! Functions, declarations and their specifiers.

use tree_sitter::Node;

use super::*;

impl Convert<'_, '_> {
    pub(super) fn function(
        &mut self,
        node: Node,
        start: Tok,
        parent: Option<FunctionId>,
        old_style: bool,
    ) -> FunctionId {
        let id = FunctionId(self.tree.functions.len() as u32);
        let toks = Toks::new(start, self.end(node));
        let block = self.add_stmt(toks, StmtKind::Block(Vec::new()), true);
        let empty = self.empty_decl(Toks::new(start, start));
        self.tree.functions.push(Function {
            toks,
            decl: empty,
            old_style: Vec::new(),
            body: block,
            parent,
            broken: node.has_error(),
        });
        let outer = self.function.replace(id);
        let declarators: Vec<Node> = node.child_by_field_name("declarator").into_iter().collect();
        let body = node.child_by_field_name("body");
        let head_end = body.map_or(toks.end, |b| self.start(b));
        let decl = self.decl_of(node, &declarators, Toks::new(start, head_end));
        if old_style {
            self.hidden_stars(decl);
        }
        let mut cursor = node.walk();
        let old: Vec<Node> = node
            .children(&mut cursor)
            .filter(|c| c.kind() == "declaration")
            .collect();
        let mut old_style = Vec::new();
        for node in old {
            let start = self.extend_back(self.start(node));
            old_style.push(self.declaration(node, start));
        }
        let body = match body {
            Some(body) => self.stmt(body),
            None => block,
        };
        self.function = outer;
        let function = &mut self.tree[id];
        function.decl = decl;
        function.old_style = old_style;
        function.body = body;
        id
    }

    /// Adds the `*` that [`As::OldStyle`] leaves out in front of the name of a K&R definition.
    pub(super) fn hidden_stars(&mut self, decl: DeclId) {
        let Some(&declarator) = self.tree[decl].declarators.first() else {
            return;
        };
        let specifiers = self.tree[decl].specifiers.toks;
        let name = self.tree[declarator].toks.start;
        let stars: Vec<Tok> = (specifiers.start..name)
            .filter(|&t| self.is(t, "*"))
            .collect();
        let Some(&first) = stars.first() else {
            return;
        };
        let parts: Vec<Part> = stars.iter().rev().map(|&s| self.pointer(s, name)).collect();
        self.tree[declarator].parts.extend(parts);
        self.tree[declarator].toks.start = first;
        self.tree[decl].specifiers.toks.end = first;
    }

    pub(super) fn empty_decl(&mut self, toks: Toks) -> DeclId {
        self.tree.decls.push(Decl {
            toks,
            specifiers: Specifiers {
                toks: Toks::new(toks.start, toks.start),
                storage: Storage::default(),
                is_const: false,
                is_volatile: false,
                base: Base::Implicit,
                attributes: Vec::new(),
            },
            declarators: Vec::new(),
        });
        DeclId(self.tree.decls.len() as u32 - 1)
    }

    /// A `declaration`, a `field_declaration`, or a type alone.
    pub(super) fn declaration(&mut self, node: Node, start: Tok) -> DeclId {
        let mut cursor = node.walk();
        let declarators: Vec<Node> = node
            .children_by_field_name("declarator", &mut cursor)
            .collect();
        let mut end = self.end(node);
        if !self.is(end.saturating_sub(1), ";") {
            // The grammar reads a type that declares nothing without its `;`.
            while end < self.all.end && !self.is_shown(end) && !self.is(end, ";") {
                end += 1;
            }
        }
        self.decl_of(node, &declarators, Toks::new(start, end))
    }

    pub(super) fn decl_of(&mut self, node: Node, declarators: &[Node], toks: Toks) -> DeclId {
        let id = self.empty_decl(toks);
        let ends = match declarators.first() {
            Some(first) => self.start(*first),
            None => {
                let mut end = toks.end;
                while end > toks.start && self.is(end - 1, ";") {
                    end -= 1;
                }
                end
            }
        };
        let kind = node.kind();
        let ty = match kind {
            "struct_specifier" | "union_specifier" | "enum_specifier" | "primitive_type" => {
                Some(node)
            }
            _ => node.child_by_field_name("type"),
        };
        let specifiers = self.specifiers(Toks::new(toks.start, ends), ty);
        self.tree[id].specifiers = specifiers;
        for (index, &child) in declarators.iter().enumerate() {
            let limit = match declarators.get(index + 1) {
                Some(next) => self.start(*next) - 1,
                None => toks.end,
            };
            let declarator = self.declarator(child, id, limit);
            self.tree[id].declarators.push(declarator);
        }
        id
    }

    /// Reads specifiers from their tokens; members and constants from the node.
    pub(super) fn specifiers(&mut self, toks: Toks, node: Option<Node>) -> Specifiers {
        let mut found = Specifiers {
            toks,
            storage: Storage::default(),
            is_const: false,
            is_volatile: false,
            base: Base::Implicit,
            attributes: Vec::new(),
        };
        let mut numbers: Vec<NumberWord> = Vec::new();
        let mut unsigned_wide = false;
        let mut at = toks.start;
        while at < toks.end {
            let here = at;
            at += 1;
            let Some(symbol) = self.ident(here) else {
                if self.is(here, "[") {
                    at = self.after_group(here);
                    found
                        .attributes
                        .push(Toks::new(here + 2, at.max(here + 4) - 2));
                }
                continue;
            };
            match self.word(here) {
                Some(Word::Typedef) => found.storage.typedef = Some(here),
                Some(Word::Extern) => found.storage.r#extern = Some(here),
                Some(Word::Static) => found.storage.r#static = Some(here),
                Some(Word::Inline) => found.storage.inline = Some(here),
                Some(Word::Register) => found.storage.register = Some(here),
                Some(Word::AutoStorage) => found.storage.auto = Some(here),
                Some(Word::Thread) => found.storage.thread = Some(here),
                Some(Word::Const) => found.is_const = true,
                Some(Word::Volatile) => found.is_volatile = true,
                Some(Word::Void) => found.base = Base::Void,
                Some(Word::Number(word)) => {
                    unsigned_wide |= self.spelling(here) == b"__uint128_t";
                    numbers.push(word);
                }
                Some(Word::Sized) => {
                    numbers.push(NumberWord::Long);
                    at = self.group(at).map_or(at, |g| g.end + 1);
                }
                Some(Word::Auto) => found.base = Base::Auto,
                Some(Word::Typeof | Word::Plain) if self.text.replacement(here).is_some() => {
                    found.base = self.replaced_type(here);
                    at = self.group(at).map_or(at, |g| g.end + 1);
                }
                Some(Word::Attribute | Word::Alignas) => {
                    if let Some(group) = self.group(at) {
                        found.attributes.push(group);
                        at = group.end + 1;
                    }
                }
                Some(Word::Record) => {
                    let (record, next) = self.record(here, toks.end, node, &mut found.attributes);
                    found.base = Base::Record(record);
                    at = next;
                }
                Some(Word::Enum) => {
                    let (spec, next) =
                        self.enumeration(here, toks.end, node, &mut found.attributes);
                    found.base = Base::Enum(spec);
                    at = next;
                }
                Some(Word::Decoration) => found.attributes.push(Toks::new(here, at)),
                Some(_) => {}
                None if self.is_shown(here) && matches!(found.base, Base::Implicit) => {
                    found.base = Base::Typedef(symbol, here);
                }
                None => {
                    at = self.group(at).map_or(at, |g| g.end + 1);
                    found.attributes.push(Toks::new(here, at));
                }
            }
        }
        if !numbers.is_empty() {
            let mut number = number(&numbers);
            number.unsigned |= unsigned_wide;
            found.base = Base::Number(number);
        } else if matches!(found.base, Base::Implicit) && found.storage.auto.is_some() {
            // C23's `auto`.
            found.base = Base::Auto;
        }
        found
    }

    /// What stands in the parentheses that open at `at`.
    pub(super) fn group(&self, at: Tok) -> Option<Toks> {
        self.is(at, "(")
            .then(|| Toks::new(at + 1, self.after_group(at) - 1))
    }

    pub(super) fn tag(
        &self,
        keyword: Tok,
        end: Tok,
        attributes: &mut Vec<Toks>,
    ) -> (Option<(Symbol, Tok)>, Tok) {
        let mut at = keyword + 1;
        let mut tag = None;
        while at < end {
            match self.word(at) {
                Some(Word::Attribute | Word::Alignas) => {
                    let Some(group) = self.group(at + 1) else {
                        break;
                    };
                    attributes.push(group);
                    at = group.end + 1;
                }
                None if tag.is_none() && self.ident(at).is_some() => {
                    tag = self.ident(at).map(|s| (s, at));
                    at += 1;
                }
                _ => break,
            }
        }
        (tag, at)
    }

    pub(super) fn record(
        &mut self,
        keyword: Tok,
        end: Tok,
        node: Option<Node>,
        attributes: &mut Vec<Toks>,
    ) -> (RecordSpecifier, Tok) {
        let (tag, mut at) = self.tag(keyword, end, attributes);
        let mut fields = None;
        if self.is(at, "{") && at < end {
            let toks = Toks::new(at, self.after_group(at));
            at = toks.end;
            let body = node.and_then(|n| n.child_by_field_name("body"));
            let list = match body.filter(|_| self.down()) {
                Some(body) => self.fields(body),
                None => Vec::new(),
            };
            self.depth = self.depth.saturating_sub(usize::from(body.is_some()));
            fields = Some(Fields { toks, list });
        }
        let record = RecordSpecifier {
            keyword,
            is_union: self.spelling(keyword) == b"union",
            tag,
            fields,
        };
        (record, at)
    }

    pub(super) fn fields(&mut self, body: Node) -> Vec<DeclId> {
        let mut list = Vec::new();
        for index in 0..body.named_child_count() as u32 {
            let Some(node) = body.named_child(index) else {
                continue;
            };
            if node.kind() != "field_declaration" {
                continue;
            }
            let start = self.extend_back(self.start(node));
            let decl = self.declaration(node, start);
            // Widths follow their declarators.
            let mut cursor = node.walk();
            let mut last = None;
            let children: Vec<Node> = node.children(&mut cursor).collect();
            let mut index = 0;
            for (at, child) in children.iter().enumerate() {
                if node.field_name_for_child(at as u32) == Some("declarator") {
                    last = self.tree[decl].declarators.get(index).copied();
                    index += 1;
                } else if child.kind() == "bitfield_clause"
                    && let (Some(declarator), Some(width)) = (last, child.named_child(0))
                {
                    let width = self.expr(width);
                    let end = self.tree[width].toks.end;
                    let declarator = &mut self.tree[declarator];
                    declarator.bits = Some(width);
                    declarator.toks.end = declarator.toks.end.max(end);
                }
            }
            list.push(decl);
        }
        list
    }

    pub(super) fn enumeration(
        &mut self,
        keyword: Tok,
        end: Tok,
        node: Option<Node>,
        attributes: &mut Vec<Toks>,
    ) -> (EnumSpecifier, Tok) {
        let (tag, mut at) = self.tag(keyword, end, attributes);
        if self.is(at, ":") {
            while at < end && !self.is(at, "{") {
                at += 1;
            }
        }
        let mut found = EnumSpecifier {
            keyword,
            tag,
            body: None,
            constants: Vec::new(),
        };
        if !self.is(at, "{") || at >= end {
            return (found, at);
        }
        let toks = Toks::new(at, self.after_group(at));
        found.body = Some(toks);
        let Some(body) = node.and_then(|n| n.child_by_field_name("body")) else {
            return (found, toks.end);
        };
        for index in 0..body.named_child_count() as u32 {
            let node = body.named_child(index).filter(|n| n.kind() == "enumerator");
            let Some(name) = node.and_then(|n| n.child_by_field_name("name")) else {
                continue;
            };
            let tok = self.start(name);
            let value = node.and_then(|n| n.child_by_field_name("value"));
            let value = value.map(|v| self.expr(v));
            if let Some(symbol) = self.ident(tok) {
                found.constants.push((symbol, tok, value));
            }
        }
        (found, toks.end)
    }

    /// The type that `typeof(…)` is.
    pub(super) fn replaced_type(&mut self, tok: Tok) -> Base {
        let Some(&replaced) = self.text.replacement(tok) else {
            return Base::Unknown;
        };
        if replaced.is_type {
            self.type_name_in(replaced.inner)
                .map_or(Base::Unknown, Base::TypeofType)
        } else {
            self.expr_in(replaced.inner)
                .map_or(Base::Unknown, Base::TypeofExpr)
        }
    }

    pub(super) fn type_name_in(&mut self, toks: Toks) -> Option<DeclId> {
        self.apart(toks, As::TypeName, |convert, body| {
            let mut node = body.named_child(0)?;
            while node.kind() != "sizeof_expression" {
                node = node.named_child(0)?;
            }
            let ty = node.child_by_field_name("type")?;
            Some(convert.type_name(ty, toks))
        })
    }

    pub(super) fn expr_in(&mut self, toks: Toks) -> Option<ExprId> {
        self.apart(toks, As::Expression, |convert, body| {
            let mut node = body.named_child(0)?;
            while node.kind() != "parenthesized_expression" {
                node = node.named_child(0)?;
            }
            let inner = node.named_child(0)?;
            if inner.kind() == "compound_statement" {
                let body = convert.stmt(inner);
                return Some(convert.add(toks, ExprKind::Statements(body)));
            }
            Some(convert.expr(inner))
        })
    }

    /// Reads tokens that stand in no place where the grammar would have them.
    pub(super) fn apart<T>(
        &mut self,
        toks: Toks,
        kind: As,
        then: impl FnOnce(&mut Convert, Node) -> Option<T>,
    ) -> Option<T> {
        if toks.start >= toks.end || !self.down() {
            return None;
        }
        let found = parse(self.context, self.parser, toks, kind).and_then(|(text, parsed)| {
            let mut inner = Convert::new(self.context, self.parser, &text, self.tree, toks);
            inner.depth = self.depth;
            inner.function = self.function;
            let root = parsed.root_node();
            let function = root.named_child(0)?;
            let body = function.child_by_field_name("body")?;
            then(&mut inner, body)
        });
        self.depth -= 1;
        found
    }

    /// A type name: `type_descriptor`.
    pub(super) fn type_name(&mut self, node: Node, toks: Toks) -> DeclId {
        let declarators: Vec<Node> = node.child_by_field_name("declarator").into_iter().collect();
        let id = self.decl_of(node, &declarators, toks);
        self.abstract_declarator(id);
        id
    }
}

/// The arithmetic type that some words make, as clang's BPF target has them (LP64).
fn number(words: &[NumberWord]) -> Number {
    use NumberWord::*;
    let count = |word| words.iter().filter(|w| **w == word).count();
    let has = |word| count(word) > 0;
    let floating = has(Float) || has(Double) || has(Half) || has(Quad) || has(Complex);
    let size = if has(Bool) || has(Char) {
        1
    } else if has(Int128) || has(Quad) || has(Double) && has(Long) {
        16
    } else if has(Half) || has(Short) {
        2
    } else if has(Double) || has(Long) || has(VaList) || has(Complex) && !has(Float) {
        8
    } else {
        4
    };
    Number {
        size,
        unsigned: has(Unsigned) || has(Bool),
        floating,
        boolean: has(Bool),
    }
}
