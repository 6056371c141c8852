//! Expressions.

use tree_sitter::Node;

use super::*;

impl Convert<'_, '_> {
    pub(super) fn add(&mut self, toks: Toks, kind: ExprKind) -> ExprId {
        self.tree.exprs.push(Expr { toks, kind });
        ExprId(self.tree.exprs.len() as u32 - 1)
    }

    pub(super) fn expr(&mut self, node: Node) -> ExprId {
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
    pub(super) fn chain(&mut self, node: Node) -> ExprId {
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

    pub(super) fn child(&mut self, node: Node, name: &str) -> ExprId {
        match node.child_by_field_name(name) {
            Some(child) => self.expr(child),
            None => {
                let toks = self.toks(node);
                self.add(toks, ExprKind::Unknown(Vec::new()))
            }
        }
    }

    pub(super) fn expr_kind(&mut self, node: Node) -> ExprKind {
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
    pub(super) fn number(&mut self, tok: Tok) -> ExprKind {
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

    pub(super) fn call(&mut self, node: Node) -> ExprKind {
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

    pub(super) fn list(&mut self, node: Node) -> ExprKind {
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

    pub(super) fn designator(&mut self, node: Node) -> Option<Designator> {
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

    pub(super) fn generic(&mut self, node: Node) -> ExprKind {
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
                Some(Word::Statement(crate::c::syntax::words::Statement::Default))
            );
            let ty = (!default).then(|| self.type_name(*ty, Toks::new(start, value_start - 1)));
            choices.push((ty, self.expr(*value)));
        }
        ExprKind::Generic { control, choices }
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
