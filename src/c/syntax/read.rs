//! From tree-sitter's nodes to the tree.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser};

use super::outline::{Outline, Outlines};
use super::text::{As, Text, Writer};
use super::tree::*;
use super::words::{NumberWord, Word, Words};
use crate::c::Symbol;
use crate::c::cpp::{Token, Unit};
use crate::c::lexer::{Kind, op};

/// How deep statements and expressions may nest: what is deeper is not understood. Bounds the
/// stack of everything that walks the tree. Chains of binary operators do not count.
const DEPTH: usize = 256;

/// What is needed to read.
#[derive(Clone, Copy)]
pub(super) struct Context<'u> {
    pub unit: &'u Unit,
    pub words: &'u Words,
    pub outlines: &'u Outlines,
}

/// A parser for C.
pub(super) fn parser() -> Parser {
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_c::LANGUAGE.into())
        .expect("the grammar and the parser are built for each other");
    parser
}

/// Reads one external declaration.
pub(super) fn item(
    context: Context,
    parser: &mut Parser,
    tree: &mut Tree,
    outline: Outline,
) -> Item {
    let toks = outline.toks;
    let kind = match outline.old_style {
        true => As::OldStyle,
        false => As::External,
    };
    let unknown = Item {
        toks,
        kind: ItemKind::Unknown,
        broken: true,
    };
    let Some((text, parsed)) = parse(context, parser, toks, kind) else {
        return unknown;
    };
    if text.bytes.is_empty() {
        // Nothing but an assertion or assembly.
        return Item {
            broken: false,
            ..unknown
        };
    }
    let mut convert = Convert::new(context, parser, &text, tree, toks);
    let root = parsed.root_node();
    let mut cursor = root.walk();
    let found = root
        .children(&mut cursor)
        .find_map(|node| match node.kind() {
            "function_definition" => Some(ItemKind::Function(convert.function(
                node,
                toks.start,
                None,
                outline.old_style,
            ))),
            "declaration" | "struct_specifier" | "union_specifier" | "enum_specifier"
            | "primitive_type" => Some(ItemKind::Decl(convert.declaration(node, toks.start))),
            _ => None,
        });
    let kind = found.unwrap_or(ItemKind::Unknown);
    if let ItemKind::Decl(decl) = kind {
        tree[decl].toks = toks;
    }
    Item {
        toks,
        kind,
        broken: root.has_error() || matches!(kind, ItemKind::Unknown),
    }
}

/// Text and parse tree; `None` if the parser gives up.
fn parse(
    context: Context,
    parser: &mut Parser,
    toks: Toks,
    kind: As,
) -> Option<(Text, tree_sitter::Tree)> {
    let text = Writer::new(context.unit, context.words, context.outlines).write(toks, kind);
    if text.too_deep {
        return None;
    }
    // The callback comes about once per hundred steps of the parser; ordinary code takes less
    // than one step per byte.
    let mut budget = 1000 + text.bytes.len();
    let mut callback = |_: &tree_sitter::ParseState| {
        budget = budget.saturating_sub(10);
        match budget {
            0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    };
    let options = ParseOptions::new().progress_callback(&mut callback);
    let parsed = parser.parse_with_options(
        &mut |at, _| text.bytes.get(at..).unwrap_or(&[]),
        None,
        Some(options),
    );
    if parsed.is_none() {
        parser.reset();
    }
    Some((text, parsed?))
}

struct Convert<'c, 't> {
    context: Context<'c>,
    parser: &'c mut Parser,
    text: &'c Text,
    tree: &'t mut Tree,
    /// All tokens that the text is of.
    all: Toks,
    depth: usize,
    function: Option<FunctionId>,
}

impl<'c, 't> Convert<'c, 't> {
    fn new(
        context: Context<'c>,
        parser: &'c mut Parser,
        text: &'c Text,
        tree: &'t mut Tree,
        all: Toks,
    ) -> Self {
        Self {
            context,
            parser,
            text,
            tree,
            all,
            depth: 0,
            function: None,
        }
    }

    // ---- tokens

    fn token(&self, tok: Tok) -> Option<&'c Token> {
        self.all
            .contains(tok)
            .then(|| &self.context.unit.tokens[tok])
    }

    fn is(&self, tok: Tok, text: &str) -> bool {
        self.token(tok).is_some_and(|t| t.is(op(text)))
    }

    fn word(&self, tok: Tok) -> Option<Word> {
        let token = self.token(tok)?;
        match token.kind {
            Kind::Ident => self.context.words.get(token.symbol),
            _ => None,
        }
    }

    fn ident(&self, tok: Tok) -> Option<Symbol> {
        let token = self.token(tok)?;
        (token.kind == Kind::Ident).then_some(token.symbol)
    }

    fn spelling(&self, tok: Tok) -> &'c [u8] {
        self.token(tok).map_or(b"", |t| self.context.unit.text(t))
    }

    fn after_group(&self, at: Tok) -> Tok {
        super::after_group(&self.context.unit.tokens[..self.all.end], at)
    }

    /// Whether a token stands in the text.
    fn is_shown(&self, tok: Tok) -> bool {
        let map = &self.text.map;
        let index = map.partition_point(|m| (m.1 as usize) < tok);
        map.get(index).is_some_and(|m| m.1 as usize == tok)
    }

    fn start(&self, node: Node) -> Tok {
        self.text.tok_at(node.start_byte()).unwrap_or(self.all.end)
    }

    /// After the last token of a node, with what follows in the source that its text stands for.
    fn end(&self, node: Node) -> Tok {
        let end = self
            .text
            .tok_before(node.end_byte())
            .unwrap_or(self.all.start);
        let last = end.saturating_sub(1);
        if let Some(replaced) = self.text.replacement(last) {
            // A type as an argument has no parentheses of its own.
            let alone = replaced.inner.start == last;
            return replaced.inner.end + usize::from(!alone);
        }
        let Some(token) = self.token(last) else {
            return end;
        };
        let mut end = end;
        if token.kind == Kind::Str {
            while self.token(end).is_some_and(|t| t.kind == Kind::Str) {
                end += 1;
            }
        } else if token.is(op("&&")) {
            end += 1;
        } else if matches!(self.word(last), Some(Word::Record | Word::Enum)) && !self.is(end, "{") {
            // A tag.
            while self.token(end).is_some() && !self.is_shown(end) && !self.is(end, ";") {
                end += 1;
            }
        }
        end
    }

    fn toks(&self, node: Node) -> Toks {
        let start = self.start(node);
        Toks::new(start, self.end(node).max(start))
    }

    /// The first of the tokens before `tok` that no text stands for: attributes, storage classes.
    fn extend_back(&self, mut tok: Tok) -> Tok {
        while tok > self.all.start && !self.is_shown(tok - 1) && !self.is(tok - 1, ";") {
            tok -= 1;
        }
        tok
    }

    /// After the tokens from `tok` on that no text stands for, up to `limit`.
    fn extend(&self, mut tok: Tok, limit: Tok) -> Tok {
        while tok < limit && !self.is_shown(tok) {
            tok += 1;
        }
        tok
    }

    // ---- declarations

    fn function(
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
    fn hidden_stars(&mut self, decl: DeclId) {
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

    fn empty_decl(&mut self, toks: Toks) -> DeclId {
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
    fn declaration(&mut self, node: Node, start: Tok) -> DeclId {
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

    fn decl_of(&mut self, node: Node, declarators: &[Node], toks: Toks) -> DeclId {
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
    fn specifiers(&mut self, toks: Toks, node: Option<Node>) -> Specifiers {
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
    fn group(&self, at: Tok) -> Option<Toks> {
        self.is(at, "(")
            .then(|| Toks::new(at + 1, self.after_group(at) - 1))
    }

    fn tag(
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

    fn record(
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

    fn fields(&mut self, body: Node) -> Vec<DeclId> {
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

    fn enumeration(
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
    fn replaced_type(&mut self, tok: Tok) -> Base {
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

    fn type_name_in(&mut self, toks: Toks) -> Option<DeclId> {
        self.apart(toks, As::TypeName, |convert, body| {
            let mut node = body.named_child(0)?;
            while node.kind() != "sizeof_expression" {
                node = node.named_child(0)?;
            }
            let ty = node.child_by_field_name("type")?;
            Some(convert.type_name(ty, toks))
        })
    }

    fn expr_in(&mut self, toks: Toks) -> Option<ExprId> {
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
    fn apart<T>(
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
    fn type_name(&mut self, node: Node, toks: Toks) -> DeclId {
        let declarators: Vec<Node> = node.child_by_field_name("declarator").into_iter().collect();
        let id = self.decl_of(node, &declarators, toks);
        self.abstract_declarator(id);
        id
    }

    /// Gives a declaration without a declarator an empty one.
    fn abstract_declarator(&mut self, decl: DeclId) {
        if self.tree[decl].declarators.is_empty() {
            let end = self.tree[decl].specifiers.toks.end;
            let declarator = self.add_declarator(Declarator {
                toks: Toks::new(end, end),
                decl,
                name: None,
                parts: Vec::new(),
                init: None,
                bits: None,
                attributes: Vec::new(),
            });
            self.tree[decl].declarators.push(declarator);
        }
    }

    fn add_declarator(&mut self, declarator: Declarator) -> DeclaratorId {
        self.tree.declarators.push(declarator);
        DeclaratorId(self.tree.declarators.len() as u32 - 1)
    }

    fn declarator(&mut self, node: Node, decl: DeclId, limit: Tok) -> DeclaratorId {
        let (inner, init) = match node.kind() {
            "init_declarator" => (
                node.child_by_field_name("declarator"),
                node.child_by_field_name("value"),
            ),
            _ => (Some(node), None),
        };
        let start = self.start(node);
        let mut declarator = Declarator {
            toks: Toks::new(start, start),
            decl,
            name: None,
            parts: Vec::new(),
            init: None,
            bits: None,
            attributes: Vec::new(),
        };
        if let Some(inner) = inner {
            self.parts(inner, &mut declarator);
            let end = self.end(inner);
            let after = self.extend(end, limit);
            let mut at = end;
            while at < after {
                if self.word(at) == Some(Word::Decoration) {
                    declarator.attributes.push(Toks::new(at, at + 1));
                }
                let named = matches!(self.word(at), Some(Word::Attribute | Word::Asm));
                match self.group(at + 1).filter(|_| named) {
                    Some(group) => {
                        declarator.attributes.push(group);
                        at = group.end + 1;
                    }
                    None => at += 1,
                }
            }
            declarator.toks.end = after;
        }
        if let Some(init) = init {
            declarator.init = Some(self.expr(init));
            declarator.toks.end = self.extend(self.end(init), limit);
        }
        self.add_declarator(declarator)
    }

    /// A `*` of a declarator, with the qualifiers and attributes between it and `limit`.
    fn pointer(&self, star: Tok, limit: Tok) -> Part {
        let mut end = star + 1;
        while end < limit && !self.is_shown(end) {
            if matches!(self.word(end), Some(Word::Attribute)) && self.is(end + 1, "(") {
                end = self.after_group(end + 1);
            } else if self.ident(end).is_some() {
                end += 1;
            } else {
                break;
            }
        }
        let is_const = (star + 1..end).any(|t| self.word(t) == Some(Word::Const));
        Part::Pointer {
            star,
            qualifiers: Toks::new(star + 1, end),
            is_const,
        }
    }

    /// The parts of a declarator, from the name outward.
    fn parts(&mut self, node: Node, into: &mut Declarator) {
        if !self.down() {
            self.depth -= 1;
            return;
        }
        let inner = node.child_by_field_name("declarator");
        match node.kind() {
            "identifier" | "field_identifier" | "type_identifier" | "primitive_type" => {
                let tok = self.start(node);
                into.name = self.ident(tok).map(|symbol| (symbol, tok));
            }
            "pointer_declarator" | "abstract_pointer_declarator" => {
                if let Some(inner) = inner {
                    self.parts(inner, into);
                }
                let part = self.pointer(self.start(node), self.all.end);
                into.parts.push(part);
            }
            "array_declarator" | "abstract_array_declarator" => {
                if let Some(inner) = inner {
                    self.parts(inner, into);
                }
                let mut cursor = node.walk();
                let open = node.children(&mut cursor).find(|c| c.kind() == "[");
                let open = open.map_or(self.start(node), |o| self.start(o));
                let size = node.child_by_field_name("size");
                let size = size.filter(|s| s.is_named()).map(|s| self.expr(s));
                into.parts.push(Part::Array {
                    toks: Toks::new(open, self.end(node)),
                    size,
                });
            }
            "function_declarator" | "abstract_function_declarator" => {
                if let Some(inner) = inner {
                    self.parts(inner, into);
                }
                if let Some(list) = node.child_by_field_name("parameters") {
                    let part = self.parameters(list);
                    into.parts.push(part);
                }
            }
            _ => {
                let inner = inner.or_else(|| {
                    (0..node.named_child_count() as u32)
                        .filter_map(|i| node.named_child(i))
                        .find(|n| {
                            n.kind().ends_with("declarator") || n.kind().ends_with("identifier")
                        })
                });
                if let Some(inner) = inner {
                    self.parts(inner, into);
                }
            }
        }
        self.depth -= 1;
    }

    fn parameters(&mut self, list: Node) -> Part {
        let toks = self.toks(list);
        let (mut params, mut names, mut variadic) = (Vec::new(), Vec::new(), false);
        for index in 0..list.named_child_count() as u32 {
            let Some(node) = list.named_child(index) else {
                continue;
            };
            match node.kind() {
                "parameter_declaration" => {
                    let start = self.extend_back(self.start(node));
                    let mut end = self.end(node);
                    while end < toks.end && !self.is_shown(end) {
                        end += 1;
                    }
                    let declarators: Vec<Node> =
                        node.child_by_field_name("declarator").into_iter().collect();
                    let decl = self.decl_of(node, &declarators, Toks::new(start, end));
                    self.abstract_declarator(decl);
                    params.push(decl);
                }
                "variadic_parameter" => variadic = true,
                "identifier" => {
                    let tok = self.start(node);
                    names.extend(self.ident(tok).map(|s| (s, tok)));
                }
                _ => {}
            }
        }
        if let [only] = params[..] {
            let decl = &self.tree[only];
            let declarator = &self.tree[decl.declarators[0]];
            if matches!(decl.specifiers.base, Base::Void)
                && declarator.name.is_none()
                && declarator.parts.is_empty()
            {
                params.clear();
                return Part::Function {
                    toks,
                    params,
                    names,
                    variadic,
                    unknown: false,
                };
            }
        }
        Part::Function {
            toks,
            unknown: params.is_empty() && names.is_empty() && !variadic,
            params,
            names,
            variadic,
        }
    }

    // ---- statements

    fn add_stmt(&mut self, toks: Toks, kind: StmtKind, broken: bool) -> StmtId {
        self.tree.stmts.push(Stmt { toks, kind, broken });
        StmtId(self.tree.stmts.len() as u32 - 1)
    }

    fn down(&mut self) -> bool {
        self.depth += 1;
        self.depth <= DEPTH
    }

    /// A statement. Labels and what they stand on become a block.
    fn stmt(&mut self, node: Node) -> StmtId {
        let mut list = Vec::new();
        self.stmts(node, &mut list);
        match list[..] {
            [only] => only,
            _ => {
                let toks = self.toks(node);
                self.add_stmt(toks, StmtKind::Block(list), node.has_error())
            }
        }
    }

    /// A statement, or several: a label is one of its own.
    fn stmts(&mut self, node: Node, list: &mut Vec<StmtId>) {
        if !self.down() {
            self.depth -= 1;
            let toks = self.toks(node);
            list.push(self.add_stmt(toks, StmtKind::Empty, true));
            return;
        }
        let before = list.len();
        self.stmts_of(node, list);
        self.depth -= 1;
        if list.len() == before && node.is_error() {
            let toks = self.toks(node);
            list.push(self.add_stmt(toks, StmtKind::Empty, true));
        }
    }

    fn labelled(&mut self, node: Node, kind: StmtKind, skip: usize, list: &mut Vec<StmtId>) {
        // The label ends at its colon.
        let mut cursor = node.walk();
        let children: Vec<Node> = node.children(&mut cursor).collect();
        let start = self.start(node);
        let colon = children.iter().position(|c| c.kind() == ":");
        let end = colon.map_or(self.end(node), |c| self.start(children[c]) + 1);
        let label = self.add_stmt(Toks::new(start, end), kind, false);
        list.push(label);
        for child in children.into_iter().skip(colon.map_or(skip, |c| c + 1)) {
            if child.kind() == ";" || self.is_inserted(child) {
                continue;
            }
            self.stmts(child, list);
        }
    }

    /// The `;` after a label at the end of a block, which the source does not have.
    fn is_inserted(&self, node: Node) -> bool {
        node.kind() == "expression_statement"
            && node.named_child_count() == 0
            && self.is(self.start(node), "}")
    }

    fn stmts_of(&mut self, node: Node, list: &mut Vec<StmtId>) {
        let kind = match node.kind() {
            "case_statement" => {
                let value = node.child_by_field_name("value").map(|v| self.expr(v));
                let range = value.is_some_and(|v| self.is(self.tree[v].toks.end, "..."));
                self.labelled(node, StmtKind::Case { value, range }, 2, list);
                return;
            }
            "labeled_statement" => {
                let name = self.ident(self.start(node));
                let kind = name.map_or(StmtKind::Empty, StmtKind::Label);
                self.labelled(node, kind, 2, list);
                return;
            }
            "compound_statement" => {
                let mut inner = Vec::new();
                for index in 0..node.named_child_count() as u32 {
                    if let Some(child) = node.named_child(index) {
                        self.stmts(child, &mut inner);
                    }
                }
                StmtKind::Block(inner)
            }
            "expression_statement" => match node.named_child(0) {
                Some(child) => StmtKind::Expr(self.expr(child)),
                None => StmtKind::Empty,
            },
            "declaration" | "struct_specifier" | "union_specifier" | "enum_specifier"
            | "primitive_type" => {
                let start = self.extend_back(self.start(node));
                let decl = self.declaration(node, start);
                if self.is(self.tree[decl].toks.end, ";") {
                    self.tree[decl].toks.end += 1;
                }
                let toks = self.tree[decl].toks;
                list.push(self.add_stmt(toks, StmtKind::Decl(decl), node.has_error()));
                return;
            }
            "function_definition" => {
                let start = self.extend_back(self.start(node));
                StmtKind::Function(self.function(node, start, self.function, false))
            }
            "if_statement" => {
                let cond = self.condition(node);
                let then = self.part(node, "consequence");
                let otherwise = node.child_by_field_name("alternative").and_then(|e| {
                    let tok = self.start(e);
                    let stmt = e.named_child(0)?;
                    Some((tok, self.stmt(stmt)))
                });
                StmtKind::If {
                    cond,
                    then,
                    otherwise,
                }
            }
            "while_statement" => StmtKind::While {
                cond: self.condition(node),
                body: self.part(node, "body"),
            },
            "do_statement" => {
                let body = self.part(node, "body");
                let mut cursor = node.walk();
                let keyword = node.children(&mut cursor).find(|c| c.kind() == "while");
                StmtKind::Do {
                    body,
                    keyword: keyword.map_or(self.start(node), |k| self.start(k)),
                    cond: self.condition(node),
                }
            }
            "for_statement" => self.for_loop(node),
            "switch_statement" => StmtKind::Switch {
                value: self.condition(node),
                body: self.part(node, "body"),
            },
            "break_statement" => StmtKind::Break,
            "continue_statement" => StmtKind::Continue,
            "goto_statement" => match self.ident(self.start(node) + 1) {
                Some(label) => StmtKind::Goto(label),
                None => StmtKind::Empty,
            },
            "return_statement" => {
                let value = node.named_child(0).map(|v| self.expr(v));
                match (self.word(self.start(node)), value) {
                    (Some(Word::Statement(super::words::Statement::Goto)), Some(value)) => {
                        StmtKind::GotoComputed(value)
                    }
                    _ => StmtKind::Return(value),
                }
            }
            "ERROR" => {
                // What can be told of it is kept: calls in it still happen.
                let mut parts = Vec::new();
                for index in 0..node.named_child_count() as u32 {
                    if let Some(child) = node.named_child(index) {
                        parts.push(child);
                    }
                }
                let toks = self.toks(node);
                let parts: Vec<ExprId> = parts
                    .into_iter()
                    .filter(|c| c.kind().ends_with("_expression"))
                    .map(|c| self.expr(c))
                    .collect();
                let kind = match parts.is_empty() {
                    true => StmtKind::Empty,
                    false => StmtKind::Expr(self.add(toks, ExprKind::Unknown(parts))),
                };
                list.push(self.add_stmt(toks, kind, true));
                return;
            }
            _ => StmtKind::Empty,
        };
        let toks = self.toks(node);
        list.push(self.add_stmt(toks, kind, node.has_error()));
    }

    fn for_loop(&mut self, node: Node) -> StmtKind {
        let mut cursor = node.walk();
        let children: Vec<Node> = node.children(&mut cursor).collect();
        let semicolons: Vec<Tok> = children
            .iter()
            .filter(|c| c.kind() == ";")
            .map(|c| self.start(*c))
            .collect();
        let close = children.iter().rfind(|c| c.kind() == ")");
        let close = close.map_or(self.end(node), |c| self.start(*c));
        let mut first = semicolons.first().copied().unwrap_or(close);
        let mut second = semicolons.get(1).copied().unwrap_or(close);
        let init = node.child_by_field_name("initializer").map(|init| {
            if init.kind() == "declaration" {
                let start = self.extend_back(self.start(init));
                let decl = self.declaration(init, start);
                let toks = self.tree[decl].toks;
                second = first;
                first = toks.end - 1;
                return self.add_stmt(toks, StmtKind::Decl(decl), init.has_error());
            }
            let value = self.expr(init);
            let toks = Toks::new(self.tree[value].toks.start, first + 1);
            self.add_stmt(toks, StmtKind::Expr(value), init.has_error())
        });
        StmtKind::For {
            init,
            cond: node.child_by_field_name("condition").map(|c| self.expr(c)),
            step: node.child_by_field_name("update").map(|c| self.expr(c)),
            first,
            second,
            close,
            body: self.part(node, "body"),
        }
    }

    /// The condition of a statement, without its parentheses.
    fn condition(&mut self, node: Node) -> ExprId {
        let paren = node.child_by_field_name("condition");
        match paren.and_then(|p| p.named_child(0)) {
            Some(inner) if inner.kind() == "compound_statement" => {
                let toks = self.toks(inner);
                let body = self.stmt(inner);
                self.add(toks, ExprKind::Statements(body))
            }
            Some(inner) => self.expr(inner),
            None => {
                let toks = self.toks(node);
                self.add(toks, ExprKind::Unknown(Vec::new()))
            }
        }
    }

    fn part(&mut self, node: Node, name: &str) -> StmtId {
        match node.child_by_field_name(name) {
            Some(part) => self.stmt(part),
            None => {
                let end = self.end(node);
                self.add_stmt(Toks::new(end, end), StmtKind::Empty, true)
            }
        }
    }

    // ---- expressions

    fn add(&mut self, toks: Toks, kind: ExprKind) -> ExprId {
        self.tree.exprs.push(Expr { toks, kind });
        ExprId(self.tree.exprs.len() as u32 - 1)
    }

    fn expr(&mut self, node: Node) -> ExprId {
        if node.kind() == "binary_expression" {
            return self.chain(node);
        }
        let kind = match self.down() {
            true => self.expr_kind(node),
            false => ExprKind::Unknown(Vec::new()),
        };
        self.depth -= 1;
        let toks = self.toks(node);
        self.add(toks, kind)
    }

    /// A chain of binary operators, which may be long, from the left.
    fn chain(&mut self, node: Node) -> ExprId {
        let mut spine = vec![node];
        let mut left = node;
        while let Some(next) = left.child_by_field_name("left") {
            left = next;
            if left.kind() != "binary_expression" {
                break;
            }
            spine.push(left);
        }
        let mut value = self.expr(left);
        while let Some(node) = spine.pop() {
            let operator = node.child_by_field_name("operator");
            let right = match node.child_by_field_name("right") {
                Some(right) if self.down() => self.expr(right),
                _ => {
                    let toks = self.toks(node);
                    self.add(toks, ExprKind::Unknown(Vec::new()))
                }
            };
            self.depth -= 1;
            let op = operator.and_then(|o| binary(o.kind()));
            let kind = match op {
                Some(op) => ExprKind::Binary {
                    op,
                    op_tok: operator.map_or(0, |o| self.start(o)),
                    left: value,
                    right,
                },
                None => ExprKind::Unknown(vec![value, right]),
            };
            let toks = self.toks(node);
            value = self.add(toks, kind);
        }
        value
    }

    fn child(&mut self, node: Node, name: &str) -> ExprId {
        match node.child_by_field_name(name) {
            Some(child) => self.expr(child),
            None => {
                let toks = self.toks(node);
                self.add(toks, ExprKind::Unknown(Vec::new()))
            }
        }
    }

    fn expr_kind(&mut self, node: Node) -> ExprKind {
        match node.kind() {
            "identifier" => {
                let tok = self.start(node);
                match self.ident(tok) {
                    Some(name) => ExprKind::Name(name),
                    None => ExprKind::Constant,
                }
            }
            "number_literal" => self.number(self.start(node)),
            "char_literal" => ExprKind::Char,
            "string_literal" | "concatenated_string" => ExprKind::Text,
            "parenthesized_expression" => match node.named_child(0) {
                Some(inner) if inner.kind() == "compound_statement" => {
                    ExprKind::Statements(self.stmt(inner))
                }
                Some(inner) => ExprKind::Paren(self.expr(inner)),
                None => ExprKind::Unknown(Vec::new()),
            },
            "call_expression" => self.call(node),
            "subscript_expression" => {
                let object = self.child(node, "argument");
                ExprKind::Index(object, self.child(node, "index"))
            }
            "field_expression" => {
                let object = self.child(node, "argument");
                let operator = node.child_by_field_name("operator");
                let name_tok = node
                    .child_by_field_name("field")
                    .map_or(self.end(node), |f| self.start(f));
                match self.ident(name_tok) {
                    Some(name) => ExprKind::Member {
                        object,
                        arrow: operator.is_some_and(|o| o.kind() == "->"),
                        name,
                        name_tok,
                    },
                    None => ExprKind::Unknown(vec![object]),
                }
            }
            "unary_expression" | "pointer_expression" => {
                let operator = node.child_by_field_name("operator");
                let operand = self.child(node, "argument");
                let unary = match operator.map_or("", |o| o.kind()) {
                    "&" => Unary::AddressOf,
                    "*" => Unary::Deref,
                    "+" => Unary::Plus,
                    "-" => Unary::Minus,
                    "!" => Unary::Not,
                    "~" => Unary::BitNot,
                    _ => return ExprKind::Unknown(vec![operand]),
                };
                ExprKind::Unary(unary, operand)
            }
            "update_expression" => {
                let Some(operator) = node.child_by_field_name("operator") else {
                    return ExprKind::Unknown(Vec::new());
                };
                let operand = self.child(node, "argument");
                let increment = operator.kind() == "++";
                if operator.start_byte() > node.start_byte() {
                    ExprKind::Postfix { increment, operand }
                } else if increment {
                    ExprKind::Unary(Unary::Increment, operand)
                } else {
                    ExprKind::Unary(Unary::Decrement, operand)
                }
            }
            "assignment_expression" => {
                let Some(operator) = node.child_by_field_name("operator") else {
                    return ExprKind::Unknown(Vec::new());
                };
                let left = self.child(node, "left");
                ExprKind::Assign {
                    op: binary(operator.kind().trim_end_matches('=')),
                    op_tok: self.start(operator),
                    left,
                    right: self.child(node, "right"),
                }
            }
            "conditional_expression" => {
                let cond = self.child(node, "condition");
                let then = node.child_by_field_name("consequence");
                ExprKind::Conditional {
                    cond,
                    then: then.map(|t| self.expr(t)),
                    otherwise: self.child(node, "alternative"),
                }
            }
            "comma_expression" => {
                let left = self.child(node, "left");
                ExprKind::Comma(left, self.child(node, "right"))
            }
            "cast_expression" | "compound_literal_expression" => {
                let Some(ty) = node.child_by_field_name("type") else {
                    return ExprKind::Unknown(Vec::new());
                };
                let open = self.start(node);
                let toks = Toks::new(open + 1, self.after_group(open) - 1);
                let ty = self.type_name(ty, toks);
                let value = self.child(node, "value");
                match node.kind() {
                    "cast_expression" => ExprKind::Cast(ty, value),
                    _ => ExprKind::Compound(ty, value),
                }
            }
            "initializer_list" => self.list(node),
            "sizeof_expression" => match node.child_by_field_name("type") {
                Some(ty) => {
                    let open = self.start(node) + 1;
                    let toks = Toks::new(open + 1, self.after_group(open) - 1);
                    ExprKind::SizeofType(self.type_name(ty, toks))
                }
                None => ExprKind::SizeofExpr(self.child(node, "value")),
            },
            "generic_expression" => self.generic(node),
            _ => {
                let parts = (0..node.named_child_count() as u32)
                    .filter_map(|i| node.named_child(i))
                    .filter(|n| n.kind().ends_with("_expression") || n.kind() == "identifier")
                    .collect::<Vec<Node>>();
                ExprKind::Unknown(parts.into_iter().map(|n| self.expr(n)).collect())
            }
        }
    }

    /// A number, or what a number stands for in the text.
    fn number(&mut self, tok: Tok) -> ExprKind {
        let Some(replaced) = self.text.replacement(tok).copied() else {
            return match self.token(tok).map(|t| (t.kind, t.symbol)) {
                Some((Kind::Number, _)) => ExprKind::Number,
                Some((Kind::Ident, name)) => ExprKind::Name(name),
                _ => ExprKind::Constant,
            };
        };
        if replaced.inner.start == tok {
            return match self.type_name_in(replaced.inner) {
                Some(ty) => ExprKind::TypeArgument(ty),
                None => ExprKind::Constant,
            };
        }
        if !matches!(self.spelling(tok), b"__builtin_va_arg" | b"va_arg") {
            return ExprKind::Constant;
        }
        // The type follows the comma.
        let mut at = replaced.inner.start;
        while at < replaced.inner.end && !self.is(at, ",") {
            at = match self.is(at, "(") {
                true => self.after_group(at),
                false => at + 1,
            };
        }
        match self.type_name_in(Toks::new(at + 1, replaced.inner.end)) {
            Some(ty) => ExprKind::VaArg(ty),
            None => ExprKind::Unknown(Vec::new()),
        }
    }

    fn call(&mut self, node: Node) -> ExprKind {
        let callee = node.child_by_field_name("function");
        let list = node.child_by_field_name("arguments");
        let (Some(callee), Some(list)) = (callee, list) else {
            return ExprKind::Unknown(Vec::new());
        };
        let open = self.start(list);
        let assembly = self.word(self.start(callee)) == Some(Word::Asm);
        let callee = (!assembly).then(|| self.expr(callee));
        let args: Vec<Node> = (0..list.named_child_count() as u32)
            .filter_map(|i| list.named_child(i))
            .collect();
        let args: Vec<ExprId> = args.into_iter().map(|a| self.expr(a)).collect();
        match callee {
            Some(callee) => ExprKind::Call { callee, args, open },
            // The parentheses of an operand are part of the statement.
            None => ExprKind::Asm(args.into_iter().map(|a| self.tree.bare(a)).collect()),
        }
    }

    fn list(&mut self, node: Node) -> ExprKind {
        let mut elements = Vec::new();
        for index in 0..node.named_child_count() as u32 {
            let Some(child) = node.named_child(index) else {
                continue;
            };
            if child.kind() != "initializer_pair" {
                let value = self.expr(child);
                elements.push(Element {
                    designators: Vec::new(),
                    value,
                });
                continue;
            }
            let mut cursor = child.walk();
            let nodes: Vec<Node> = child
                .children_by_field_name("designator", &mut cursor)
                .collect();
            let designators = nodes
                .into_iter()
                .filter_map(|d| self.designator(d))
                .collect();
            let value = self.child(child, "value");
            elements.push(Element { designators, value });
        }
        ExprKind::List(elements)
    }

    fn designator(&mut self, node: Node) -> Option<Designator> {
        match node.kind() {
            "field_designator" => {
                let tok = self.start(node.named_child(0)?);
                Some(Designator::Field(self.ident(tok)?, tok))
            }
            "field_identifier" => {
                let tok = self.start(node);
                Some(Designator::Field(self.ident(tok)?, tok))
            }
            "subscript_designator" => Some(Designator::Index(self.expr(node.named_child(0)?))),
            "subscript_range_designator" => {
                let (from, to) = (
                    node.child_by_field_name("start")?,
                    node.child_by_field_name("end")?,
                );
                Some(Designator::Range(self.expr(from), self.expr(to)))
            }
            _ => None,
        }
    }

    fn generic(&mut self, node: Node) -> ExprKind {
        let parts: Vec<Node> = (0..node.named_child_count() as u32)
            .filter_map(|i| node.named_child(i))
            .collect();
        let Some((&control, rest)) = parts.split_first() else {
            return ExprKind::Unknown(Vec::new());
        };
        let control = self.expr(control);
        let mut choices = Vec::new();
        for pair in rest.chunks(2) {
            let [ty, value] = pair else { continue };
            let start = self.start(*ty);
            let value_start = self.start(*value);
            let default = matches!(
                self.word(start),
                Some(Word::Statement(super::words::Statement::Default))
            );
            let ty = (!default).then(|| self.type_name(*ty, Toks::new(start, value_start - 1)));
            choices.push((ty, self.expr(*value)));
        }
        ExprKind::Generic { control, choices }
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

fn binary(text: &str) -> Option<Binary> {
    Some(match text {
        "*" => Binary::Mul,
        "/" => Binary::Div,
        "%" => Binary::Rem,
        "+" => Binary::Add,
        "-" => Binary::Sub,
        "<<" => Binary::Shl,
        ">>" => Binary::Shr,
        "<" => Binary::Lt,
        ">" => Binary::Gt,
        "<=" => Binary::Le,
        ">=" => Binary::Ge,
        "==" => Binary::Eq,
        "!=" => Binary::Ne,
        "&" => Binary::BitAnd,
        "^" => Binary::BitXor,
        "|" => Binary::BitOr,
        "&&" => Binary::And,
        "||" => Binary::Or,
        _ => return None,
    })
}
