//! Statements.

use tree_sitter::Node;

use super::*;

impl Convert<'_, '_> {
    pub(super) fn add_stmt(&mut self, toks: Toks, kind: StmtKind, broken: bool) -> StmtId {
        self.tree.stmts.push(Stmt { toks, kind, broken });
        StmtId(self.tree.stmts.len() as u32 - 1)
    }

    pub(super) fn down(&mut self) -> bool {
        self.depth += 1;
        self.depth <= DEPTH
    }

    /// A statement. Labels and what they stand on become a block.
    pub(super) fn stmt(&mut self, node: Node) -> StmtId {
        // `if (x) int y;` is no C, whatever the grammar takes.
        if let (Some(function), "declaration") = (self.function, node.kind()) {
            self.tree[function].broken = true;
        }
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
    pub(super) fn stmts(&mut self, node: Node, list: &mut Vec<StmtId>) {
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

    pub(super) fn labelled(
        &mut self,
        node: Node,
        kind: StmtKind,
        skip: usize,
        list: &mut Vec<StmtId>,
    ) {
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
    pub(super) fn is_inserted(&self, node: Node) -> bool {
        node.kind() == "expression_statement"
            && node.named_child_count() == 0
            && self.is(self.start(node), "}")
    }

    pub(super) fn stmts_of(&mut self, node: Node, list: &mut Vec<StmtId>) {
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
                // An `else` without its `if` is a type for the grammar.
                let word = crate::c::words::Word::of(self.spelling(start));
                if let Some(function) = self.function
                    && word.is_some_and(|w| w.is_statement())
                {
                    self.tree[function].broken = true;
                }
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
                    (
                        Some(Word::Statement(crate::c::syntax::words::Statement::Goto)),
                        Some(value),
                    ) => StmtKind::GotoComputed(value),
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

    pub(super) fn for_loop(&mut self, node: Node) -> StmtKind {
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
    pub(super) fn condition(&mut self, node: Node) -> ExprId {
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

    pub(super) fn part(&mut self, node: Node, name: &str) -> StmtId {
        match node.child_by_field_name(name) {
            Some(part) => self.stmt(part),
            None => {
                let end = self.end(node);
                self.add_stmt(Toks::new(end, end), StmtKind::Empty, true)
            }
        }
    }
}
