//! Declarators and parameters.

use tree_sitter::Node;

use super::*;

impl Convert<'_, '_> {
    /// Gives a declaration without a declarator an empty one.
    pub(super) fn abstract_declarator(&mut self, decl: DeclId) {
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

    pub(super) fn add_declarator(&mut self, declarator: Declarator) -> DeclaratorId {
        self.tree.declarators.push(declarator);
        DeclaratorId(self.tree.declarators.len() as u32 - 1)
    }

    pub(super) fn declarator(&mut self, node: Node, decl: DeclId, limit: Tok) -> DeclaratorId {
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
    pub(super) fn pointer(&self, star: Tok, limit: Tok) -> Part {
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
    pub(super) fn parts(&mut self, node: Node, into: &mut Declarator) {
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

    pub(super) fn parameters(&mut self, list: Node) -> Part {
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
}
