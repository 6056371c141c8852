//! From tree-sitter's nodes to the tree.

mod declarations;
mod declarators;
mod expressions;
mod statements;

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
}
