//! From a node to those around it.

use super::*;

impl Tree {
    /// Whether a declared variable is constant itself: not what it, or an array of it, points to.
    pub fn is_constant(&self, declarator: DeclaratorId) -> bool {
        let declared = &self[declarator];
        let pointer = declared.parts.iter().find_map(|part| match part {
            Part::Pointer { is_const, .. } => Some(*is_const),
            _ => None,
        });
        pointer.unwrap_or(self[declared.decl].specifiers.is_const)
    }

    /// An expression without the parentheses around it.
    pub fn bare(&self, mut expr: ExprId) -> ExprId {
        while let ExprKind::Paren(inner) = self[expr].kind {
            expr = inner;
        }
        expr
    }

    /// The name that an expression consists of, parentheses aside.
    pub fn name(&self, expr: ExprId) -> Option<Symbol> {
        match self[self.bare(expr)].kind {
            ExprKind::Name(name) => Some(name),
            _ => None,
        }
    }

    /// The direct parts of an expression that are evaluated with it, in their order. What is in
    /// `sizeof`, `_Generic`'s control and type names is left out; statement expressions are not
    /// entered.
    pub fn operands(&self, expr: ExprId) -> Vec<ExprId> {
        match &self[expr].kind {
            ExprKind::Paren(e)
            | ExprKind::Unary(_, e)
            | ExprKind::Cast(_, e)
            | ExprKind::Compound(_, e)
            | ExprKind::Member { object: e, .. }
            | ExprKind::Postfix { operand: e, .. } => vec![*e],
            ExprKind::Call { callee, args, .. } => std::iter::once(*callee)
                .chain(args.iter().copied())
                .collect(),
            ExprKind::Index(a, b) | ExprKind::Comma(a, b) => vec![*a, *b],
            ExprKind::Binary { left, right, .. } | ExprKind::Assign { left, right, .. } => {
                vec![*left, *right]
            }
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => {
                let mut parts = vec![*cond];
                parts.extend(then);
                parts.push(*otherwise);
                parts
            }
            ExprKind::List(elements) => elements.iter().map(|e| e.value).collect(),
            ExprKind::Generic { choices, .. } => choices.iter().map(|c| c.1).collect(),
            ExprKind::Asm(parts) | ExprKind::Unknown(parts) => parts.clone(),
            ExprKind::Name(_)
            | ExprKind::Number
            | ExprKind::Char
            | ExprKind::Text
            | ExprKind::SizeofExpr(_)
            | ExprKind::SizeofType(_)
            | ExprKind::Statements(_)
            | ExprKind::VaArg(_)
            | ExprKind::TypeArgument(_)
            | ExprKind::Constant => Vec::new(),
        }
    }

    /// The direct parts of a statement.
    pub fn substatements(&self, stmt: StmtId) -> Vec<StmtId> {
        match &self[stmt].kind {
            StmtKind::Block(list) => list.clone(),
            StmtKind::If {
                then, otherwise, ..
            } => {
                let mut parts = vec![*then];
                parts.extend(otherwise.map(|o| o.1));
                parts
            }
            StmtKind::While { body, .. }
            | StmtKind::Do { body, .. }
            | StmtKind::Switch { body, .. } => vec![*body],
            StmtKind::For { init, body, .. } => {
                let mut parts: Vec<StmtId> = init.iter().copied().collect();
                parts.push(*body);
                parts
            }
            _ => Vec::new(),
        }
    }
}
