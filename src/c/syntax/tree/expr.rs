//! Expressions.

use super::*;

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Its tokens, without parentheses around it (those are a [`ExprKind::Paren`]).
    pub toks: Toks,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is.
#[derive(Clone, Debug, PartialEq)]
pub enum ExprKind {
    /// A name.
    Name(Symbol),
    /// A number.
    Number,
    /// A character constant.
    Char,
    /// String literals, one or several in a row.
    Text,
    /// `(e)`
    Paren(ExprId),
    /// A call.
    Call {
        /// What is called.
        callee: ExprId,
        /// The arguments.
        args: Vec<ExprId>,
        /// The `(`.
        open: Tok,
    },
    /// `a[i]`
    Index(ExprId, ExprId),
    /// `a.b` and `a->b`
    Member {
        /// What it is a member of.
        object: ExprId,
        /// With `->`.
        arrow: bool,
        /// The member.
        name: Symbol,
        /// Where its name stands.
        name_tok: Tok,
    },
    /// An operator before its operand.
    Unary(Unary, ExprId),
    /// `a++`, `a--`
    Postfix {
        /// `++`
        increment: bool,
        /// The operand.
        operand: ExprId,
    },
    /// An operator between two operands.
    Binary {
        /// The operator.
        op: Binary,
        /// Where it stands.
        op_tok: Tok,
        /// The left operand.
        left: ExprId,
        /// The right operand.
        right: ExprId,
    },
    /// An assignment.
    Assign {
        /// The operator of a compound assignment; `None` for `=`.
        op: Option<Binary>,
        /// Where it stands.
        op_tok: Tok,
        /// What is assigned to.
        left: ExprId,
        /// The value.
        right: ExprId,
    },
    /// `c ? a : b`; without `a` GNU's `c ?: b`.
    Conditional {
        /// The condition.
        cond: ExprId,
        /// Where it holds.
        then: Option<ExprId>,
        /// Else.
        otherwise: ExprId,
    },
    /// `a, b`
    Comma(ExprId, ExprId),
    /// `(T)e`
    Cast(DeclId, ExprId),
    /// `(T){…}`
    Compound(DeclId, ExprId),
    /// `{…}` as an initializer.
    List(Vec<Element>),
    /// `sizeof e`, and `_Alignof e` (GNU C).
    SizeofExpr(ExprId),
    /// `sizeof(T)`, and `_Alignof(T)`.
    SizeofType(DeclId),
    /// `_Generic(e, T: a, default: b)`
    Generic {
        /// What chooses; not evaluated.
        control: ExprId,
        /// The types (`None` for `default`) with their values.
        choices: Vec<(Option<DeclId>, ExprId)>,
    },
    /// `({…})` (GNU C)
    Statements(StmtId),
    /// `asm` with the expressions of its operands. What it does with them is not known.
    Asm(Vec<ExprId>),
    /// `va_arg(list, T)`
    VaArg(DeclId),
    /// A type where a value is due: an argument of a macro that was not replaced.
    TypeArgument(DeclId),
    /// `__builtin_offsetof(…)`, `__builtin_types_compatible_p(…)`, `&&label`: a constant that takes
    /// no part in what happens.
    Constant,
    /// Not understood; with the parts that were.
    Unknown(Vec<ExprId>),
}

/// An element of an initializer list.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// `.a[2]`, from the outside in; empty where there is none.
    pub designators: Vec<Designator>,
    /// The value, perhaps a [`ExprKind::List`].
    pub value: ExprId,
}

/// A step of a designator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Designator {
    /// `.name`, and the old `name:`.
    Field(Symbol, Tok),
    /// `[i]`
    Index(ExprId),
    /// `[i ... j]` (GNU C)
    Range(ExprId, ExprId),
}

/// An operator before its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Unary {
    AddressOf,
    Deref,
    Plus,
    Minus,
    Not,
    BitNot,
    Increment,
    Decrement,
}

/// An operator between two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Binary {
    Mul,
    Div,
    Rem,
    Add,
    Sub,
    Shl,
    Shr,
    Lt,
    Gt,
    Le,
    Ge,
    Eq,
    Ne,
    BitAnd,
    BitXor,
    BitOr,
    And,
    Or,
}

impl Binary {
    /// `== != < > <= >=`
    pub fn compares(self) -> bool {
        use Binary::*;
        matches!(self, Eq | Ne | Lt | Gt | Le | Ge)
    }

    /// The comparison with its sides changed: `a < b` is `b > a`.
    pub fn mirrored(self) -> Self {
        match self {
            Self::Lt => Self::Gt,
            Self::Gt => Self::Lt,
            Self::Le => Self::Ge,
            Self::Ge => Self::Le,
            other => other,
        }
    }

    /// `&&` and `||`
    pub fn is_logical(self) -> bool {
        matches!(self, Self::And | Self::Or)
    }
}
