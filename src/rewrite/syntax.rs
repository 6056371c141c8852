//! A function body as a tree of statements and expressions, read with tree-sitter.
//!
//! This is the only file that names tree-sitter. The tree is made from text in which everything
//! that the C grammar does not know (attributes, directives, macros with types as arguments) has
//! been blanked out, so that errors in it are rare; where one remains, the statement says so.

use std::ops::ControlFlow;

use tree_sitter::{Node, ParseOptions, Parser};

use super::ast::{Declarator, Expr, ExprKind, Stmt, StmtKind};
use crate::c::Span;
use crate::c::numbers::integer;

/// How deep statements and expressions may nest before a body counts as not understood. Bounds
/// the stack of everything that walks the tree.
pub const MAX_DEPTH: usize = 200;

/// Why a text has no tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It nests too deep, or reading it took too long.
    TooComplex,
}

/// What to read a text as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum As {
    /// The body of a function, braces included.
    Body,
    /// An expression.
    Expression,
    /// Statements, without braces around them.
    Statements,
}

/// Reads `text`, whose first byte stands at `offset` in the file. Linear in its length for
/// anything that resembles C; gives up on other input after a bounded amount of work.
///
/// # Errors
/// [`Unread`] if it nests deeper than [`MAX_DEPTH`] or the parser does not come to an end.
pub fn read(text: &[u8], offset: usize, kind: As) -> Result<Stmt, Unread> {
    if too_deep(text) {
        return Err(Unread::TooComplex);
    }
    let (before, after): (&[u8], &[u8]) = match kind {
        As::Body => (b"void f()", b""),
        As::Expression => (b"void f(){(", b");}"),
        As::Statements => (b"void f(){", b"\n;}"),
    };
    let whole = [before, text, after].concat();
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_c::LANGUAGE.into())
        .expect("the grammar and the parser are built for each other");
    // The callback comes about once per hundred steps of the parser; ordinary code takes less
    // than one step per byte.
    let mut budget = 1000 + whole.len();
    let mut callback = |_: &tree_sitter::ParseState| {
        budget = budget.saturating_sub(10);
        if budget == 0 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let options = ParseOptions::new().progress_callback(&mut callback);
    let tree = parser
        .parse_with_options(
            &mut |at, _| whole.get(at..).unwrap_or(&[]),
            None,
            Some(options),
        )
        .ok_or(Unread::TooComplex)?;
    let mut reader = Reader {
        text: &whole,
        shift: offset as isize - before.len() as isize,
        depth: 0,
        too_deep: false,
    };
    let body = tree
        .root_node()
        .child(0)
        .filter(|node| node.kind() == "function_definition")
        .and_then(|node| node.child_by_field_name("body"));
    let stmt = match body {
        Some(body) => reader.stmt(body),
        None => Stmt {
            span: Span::new(offset, offset + text.len()),
            kind: StmtKind::Block(Vec::new()),
            broken: true,
        },
    };
    if reader.too_deep {
        return Err(Unread::TooComplex);
    }
    Ok(stmt)
}

/// A cheap look at the brackets, before the parser spends time on them.
fn too_deep(text: &[u8]) -> bool {
    let mut depth = 0usize;
    text.iter().any(|byte| {
        match byte {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MAX_DEPTH
    })
}

struct Reader<'t> {
    text: &'t [u8],
    shift: isize,
    depth: usize,
    too_deep: bool,
}

impl Reader<'_> {
    fn span(&self, node: Node) -> Span {
        let end = (self.text.len() as isize).min(node.end_byte() as isize);
        let start = (node.start_byte() as isize + self.shift).max(0);
        Span::new(start as usize, (end + self.shift).max(start) as usize)
    }

    fn text(&self, node: Node) -> String {
        crate::c::bytes::decode(&self.text[node.byte_range()])
    }

    fn down(&mut self) -> bool {
        self.depth += 1;
        self.too_deep |= self.depth > MAX_DEPTH;
        !self.too_deep
    }

    fn stmts(&mut self, node: Node, from: u32) -> Vec<Stmt> {
        let mut list = Vec::new();
        for i in from..node.child_count() {
            let Some(child) = node.child(i) else { continue };
            if child.is_error() {
                list.push(Stmt {
                    span: self.span(child),
                    kind: StmtKind::Empty,
                    broken: true,
                });
            } else if child.is_named() && !child.is_extra() {
                let stmt = self.stmt(child);
                list.push(stmt);
            }
        }
        list
    }

    fn stmt(&mut self, node: Node) -> Stmt {
        let kind = if self.down() {
            self.stmt_kind(node)
        } else {
            StmtKind::Empty
        };
        self.depth -= 1;
        let simple = !matches!(
            kind,
            StmtKind::Block(_) | StmtKind::Case { .. } | StmtKind::Label { .. }
        );
        let head =
            match &kind {
                // Of a statement with bodies only the head counts; the bodies speak for themselves.
                StmtKind::If { .. }
                | StmtKind::While { .. }
                | StmtKind::DoWhile { .. }
                | StmtKind::For { .. }
                | StmtKind::Switch { .. } => (0..node.child_count())
                    .filter_map(|i| node.child(i))
                    .any(|part| {
                        part.is_error()
                            || part.is_missing()
                            || (!is_stmt(part) && part.kind() != "else_clause" && part.has_error())
                    }),
                _ => simple && node.has_error(),
            };
        Stmt {
            span: self.span(node),
            kind,
            broken: head,
        }
    }

    fn boxed(&mut self, node: Option<Node>) -> Box<Stmt> {
        Box::new(match node {
            Some(node) => self.stmt(node),
            None => Stmt {
                span: Span::at(0),
                kind: StmtKind::Empty,
                broken: true,
            },
        })
    }

    fn stmt_kind(&mut self, node: Node) -> StmtKind {
        let field = |name: &str| node.child_by_field_name(name);
        match node.kind() {
            "compound_statement" => StmtKind::Block(self.stmts(node, 0)),
            "expression_statement" => match node.named_child(0) {
                Some(child) => StmtKind::Expr(self.expr(child)),
                None => StmtKind::Empty,
            },
            "declaration" => self.declaration(node),
            "if_statement" => {
                let otherwise = field("alternative").map(|clause| {
                    if clause.kind() == "else_clause" {
                        let last = clause.named_child_count().saturating_sub(1);
                        self.boxed(clause.named_child(last as u32))
                    } else {
                        self.boxed(Some(clause))
                    }
                });
                StmtKind::If {
                    cond: self.field(node, "condition"),
                    then: self.boxed(field("consequence")),
                    otherwise,
                }
            }
            "while_statement" => StmtKind::While {
                cond: self.field(node, "condition"),
                body: self.boxed(field("body")),
            },
            "do_statement" => StmtKind::DoWhile {
                body: self.boxed(field("body")),
                cond: self.field(node, "condition"),
            },
            "for_statement" => StmtKind::For {
                init: field("initializer").map(|init| {
                    if init.kind() == "declaration" {
                        self.boxed(Some(init))
                    } else {
                        Box::new(Stmt {
                            span: self.span(init),
                            kind: StmtKind::Expr(self.expr(init)),
                            broken: init.has_error(),
                        })
                    }
                }),
                cond: field("condition").map(|cond| self.expr(cond)),
                step: field("update").map(|step| self.expr(step)),
                body: self.boxed(field("body")),
            },
            "switch_statement" => StmtKind::Switch {
                value: self.field(node, "condition"),
                body: self.boxed(field("body")),
            },
            "case_statement" => {
                let value = field("value").map(|value| self.expr(value));
                let skip = (0..node.child_count())
                    .find(|&i| node.child(i).is_some_and(|c| c.kind() == ":"))
                    .map_or(0, |i| i + 1);
                StmtKind::Case {
                    value,
                    body: self.stmts(node, skip),
                }
            }
            "labeled_statement" => {
                let name = field("label").map(|l| self.text(l)).unwrap_or_default();
                let mut body = self.stmts(node, 2);
                StmtKind::Label {
                    name,
                    body: body.pop().map(Box::new),
                }
            }
            "goto_statement" => StmtKind::Goto(field("label").map(|l| self.text(l))),
            "break_statement" => StmtKind::Break,
            "continue_statement" => StmtKind::Continue,
            "return_statement" => {
                StmtKind::Return(node.named_child(0).map(|value| self.expr(value)))
            }
            "attributed_statement" => {
                let last = node.named_child_count().saturating_sub(1);
                match node.named_child(last as u32) {
                    Some(child) => self.stmt_kind(child),
                    None => StmtKind::Empty,
                }
            }
            _ => StmtKind::Empty,
        }
    }

    fn declaration(&mut self, node: Node) -> StmtKind {
        let mut cursor = node.walk();
        let lasting = node.children(&mut cursor).any(|child| {
            child.kind() == "storage_class_specifier"
                && matches!(&self.text[child.byte_range()], b"static" | b"extern")
        });
        let mut cursor = node.walk();
        let mut list = Vec::new();
        for child in node.children_by_field_name("declarator", &mut cursor) {
            let (declarator, init) = match child.kind() {
                "init_declarator" => (
                    child.child_by_field_name("declarator"),
                    child
                        .child_by_field_name("value")
                        .map(|value| self.expr(value)),
                ),
                _ => (Some(child), None),
            };
            let Some((name, array)) = declarator.and_then(|d| self.declared(d)) else {
                continue;
            };
            list.push(Declarator {
                name,
                span: self.span(child),
                init,
                array,
                lasting,
            });
        }
        if list.is_empty() {
            StmtKind::Empty
        } else {
            StmtKind::Decl(list)
        }
    }

    /// The name a declarator declares and whether it is an array; none for a prototype.
    fn declared(&self, mut node: Node) -> Option<(String, bool)> {
        let mut array = false;
        for _ in 0..MAX_DEPTH {
            match node.kind() {
                "identifier" => return Some((self.text(node), array)),
                "array_declarator" => array = true,
                "function_declarator" => {
                    let inner = node.child_by_field_name("declarator")?;
                    if inner.kind() == "identifier" {
                        return None;
                    }
                }
                _ => {}
            }
            node = match node.child_by_field_name("declarator") {
                Some(inner) => inner,
                None => (0..node.named_child_count() as u32)
                    .filter_map(|i| node.named_child(i))
                    .find(|n| n.kind().ends_with("declarator") || n.kind() == "identifier")?,
            };
        }
        None
    }

    fn field(&mut self, node: Node, name: &str) -> Expr {
        match node.child_by_field_name(name) {
            Some(child) => self.expr(child),
            None => Expr {
                span: self.span(node),
                kind: ExprKind::Opaque(Vec::new()),
            },
        }
    }

    fn boxed_field(&mut self, node: Node, name: &str) -> Box<Expr> {
        Box::new(self.field(node, name))
    }

    fn expr(&mut self, node: Node) -> Expr {
        let kind = if self.down() {
            self.expr_kind(node)
        } else {
            ExprKind::Opaque(Vec::new())
        };
        self.depth -= 1;
        Expr {
            span: self.span(node),
            kind,
        }
    }

    fn expr_kind(&mut self, node: Node) -> ExprKind {
        match node.kind() {
            "identifier" => ExprKind::Name(self.text(node)),
            "number_literal" => {
                // The grammar takes a sign for a part of the number.
                let text = self.text(node);
                let (negative, digits) = match text.strip_prefix('-') {
                    Some(digits) => (true, digits),
                    None => (false, text.trim_start_matches('+')),
                };
                let value = integer(digits.as_bytes()).map(|value| value.bits.cast_signed());
                ExprKind::Number(value.map(|value| match negative {
                    true => value.wrapping_neg(),
                    false => value,
                }))
            }
            "null" | "false" => ExprKind::Number(Some(0)),
            "true" => ExprKind::Number(Some(1)),
            "char_literal" => ExprKind::Number(None),
            "string_literal" | "concatenated_string" => ExprKind::Text,
            "call_expression" => {
                let callee = node.child_by_field_name("function");
                ExprKind::Call {
                    parenthesised: callee.is_some_and(|c| c.kind() == "parenthesized_expression"),
                    callee: self.boxed_field(node, "function"),
                    args: node
                        .child_by_field_name("arguments")
                        .map(|args| self.parts(args))
                        .unwrap_or_default(),
                }
            }
            "unary_expression" => {
                let op = node.child_by_field_name("operator");
                let op = op.map_or(b'+', |op| self.text[op.start_byte()]);
                ExprKind::Unary(op, self.boxed_field(node, "argument"))
            }
            "pointer_expression" => {
                let value = self.boxed_field(node, "argument");
                let op = node.child_by_field_name("operator");
                if op.is_some_and(|op| self.text[op.start_byte()] == b'&') {
                    ExprKind::AddressOf(value)
                } else {
                    ExprKind::Deref(value)
                }
            }
            "update_expression" => ExprKind::Update(self.boxed_field(node, "argument")),
            "binary_expression" => {
                let op = node.child_by_field_name("operator");
                let left = self.boxed_field(node, "left");
                let right = self.boxed_field(node, "right");
                ExprKind::Binary(op.map_or("", |op| operator(op.kind())), left, right)
            }
            "assignment_expression" => {
                let op = node.child_by_field_name("operator");
                let left = self.boxed_field(node, "left");
                let right = self.boxed_field(node, "right");
                ExprKind::Assign(op.is_some_and(|op| op.kind() != "="), left, right)
            }
            "conditional_expression" => {
                let cond = self.boxed_field(node, "condition");
                let then = node
                    .child_by_field_name("consequence")
                    .map(|then| Box::new(self.expr(then)));
                ExprKind::Conditional(cond, then, self.boxed_field(node, "alternative"))
            }
            "comma_expression" => {
                let left = self.boxed_field(node, "left");
                ExprKind::Comma(left, self.boxed_field(node, "right"))
            }
            "field_expression" => {
                let base = self.boxed_field(node, "argument");
                let op = node.child_by_field_name("operator");
                let name = node.child_by_field_name("field").map(|f| self.text(f));
                let arrow = op.is_some_and(|op| op.kind() == "->");
                ExprKind::Member(base, arrow, name.unwrap_or_default())
            }
            "subscript_expression" => {
                let base = self.boxed_field(node, "argument");
                ExprKind::Index(base, self.boxed_field(node, "index"))
            }
            "cast_expression" => ExprKind::Cast(self.boxed_field(node, "value")),
            "compound_literal_expression" => match node.child_by_field_name("value") {
                Some(list) => self.expr_kind(list),
                None => ExprKind::Opaque(Vec::new()),
            },
            "initializer_list" => ExprKind::List(self.list(node)),
            "sizeof_expression" | "alignof_expression" | "offsetof_expression" => {
                let mut names = Vec::new();
                let mut open = vec![node];
                while let Some(node) = open.pop() {
                    if node.kind() == "identifier" {
                        names.push(self.text(node));
                    }
                    let children = 0..node.named_child_count() as u32;
                    open.extend(children.filter_map(|i| node.named_child(i)));
                }
                ExprKind::Unevaluated(names)
            }
            "parenthesized_expression" | "extension_expression" => {
                match (0..node.named_child_count() as u32)
                    .filter_map(|i| node.named_child(i))
                    .find(|child| !child.is_extra() && !child.is_error())
                {
                    Some(block) if block.kind() == "compound_statement" => {
                        ExprKind::Block(Box::new(self.stmt(block)))
                    }
                    Some(inner) => self.expr_kind(inner),
                    None => ExprKind::Opaque(Vec::new()),
                }
            }
            _ => ExprKind::Opaque(self.parts(node)),
        }
    }

    fn list(&mut self, node: Node) -> Vec<(Option<String>, Expr)> {
        let mut list = Vec::new();
        for i in 0..node.named_child_count() as u32 {
            let Some(child) = node.named_child(i) else {
                continue;
            };
            if child.kind() != "initializer_pair" {
                list.push((None, self.expr(child)));
                continue;
            }
            let mut cursor = child.walk();
            let designators: Vec<_> = child
                .children_by_field_name("designator", &mut cursor)
                .collect();
            let name = match designators[..] {
                [only] if only.kind() == "field_designator" => {
                    only.named_child(0).map(|field| self.text(field))
                }
                _ => None,
            };
            list.push((name, self.field(child, "value")));
        }
        list
    }

    fn parts(&mut self, node: Node) -> Vec<Expr> {
        (0..node.named_child_count() as u32)
            .filter_map(|i| node.named_child(i))
            .filter(|child| !child.is_extra())
            .map(|child| self.expr(child))
            .collect()
    }
}

fn is_stmt(node: Node) -> bool {
    node.kind().ends_with("_statement") || node.kind() == "declaration"
}

/// The operators of binary expressions that mean something to those who read the tree.
fn operator(text: &str) -> &'static str {
    const KNOWN: [&str; 10] = ["&&", "||", "==", "!=", "<", ">", "<=", ">=", "+", "-"];
    KNOWN.into_iter().find(|known| *known == text).unwrap_or("")
}
