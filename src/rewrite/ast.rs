//! The body of a function as a tree of statements and expressions: as much of C as is needed to
//! follow pointers through it.

use crate::c::Span;

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: StmtKind,
    /// The parser did not understand some part of it.
    pub broken: bool,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// Nothing that moves data: `;`, a type definition, a local prototype.
    Empty,
    /// An expression statement.
    Expr(Expr),
    /// A declaration of variables.
    Decl(Vec<Declarator>),
    /// A block.
    Block(Vec<Stmt>),
    /// `if`.
    If {
        /// The condition.
        cond: Expr,
        /// Where it holds.
        then: Box<Stmt>,
        /// The `else` part.
        otherwise: Option<Box<Stmt>>,
    },
    /// `while`.
    While {
        /// The condition.
        cond: Expr,
        /// The body.
        body: Box<Stmt>,
    },
    /// `do … while`.
    DoWhile {
        /// The body.
        body: Box<Stmt>,
        /// The condition.
        cond: Expr,
    },
    /// `for`.
    For {
        /// The first clause.
        init: Option<Box<Stmt>>,
        /// The second clause.
        cond: Option<Expr>,
        /// The third clause.
        step: Option<Expr>,
        /// The body.
        body: Box<Stmt>,
    },
    /// `switch`.
    Switch {
        /// What is switched on.
        value: Expr,
        /// The body.
        body: Box<Stmt>,
    },
    /// `case` or `default` and the statements up to the next one.
    Case {
        /// The value; none for `default`.
        value: Option<Expr>,
        /// What follows the label.
        body: Vec<Stmt>,
    },
    /// A label and the statement it stands on.
    Label {
        /// Its name.
        name: String,
        /// The statement.
        body: Option<Box<Stmt>>,
    },
    /// `goto`; no name for a computed one.
    Goto(Option<String>),
    /// `break`.
    Break,
    /// `continue`.
    Continue,
    /// `return`.
    Return(Option<Expr>),
}

/// One variable of a declaration.
#[derive(Clone, Debug)]
pub struct Declarator {
    /// The name.
    pub name: String,
    /// Declarator and initialiser.
    pub span: Span,
    /// The initialiser.
    pub init: Option<Expr>,
    /// It is an array.
    pub array: bool,
    /// It lives longer than the call (`static`, `extern`).
    pub lasting: bool,
}

/// An expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub kind: ExprKind,
}

/// What an expression is. Parentheses are no expression of their own.
#[derive(Clone, Debug)]
pub enum ExprKind {
    /// An identifier.
    Name(String),
    /// A number, with its value where it fits; `NULL`, `true` and `false` too.
    Number(Option<i64>),
    /// A string literal.
    Text,
    /// A call.
    Call {
        /// What is called.
        callee: Box<Expr>,
        /// The callee stands in parentheses: it may be a cast.
        parenthesised: bool,
        /// The arguments.
        args: Vec<Expr>,
    },
    /// `!`, `-`, `~`, `+`.
    Unary(u8, Box<Expr>),
    /// `*e`.
    Deref(Box<Expr>),
    /// `&e`.
    AddressOf(Box<Expr>),
    /// `++` and `--`.
    Update(Box<Expr>),
    /// An operator with two operands: its spelling if it is a logical operator, a comparison, `+`
    /// or `-`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `=`, and with `true` a compound assignment.
    Assign(bool, Box<Expr>, Box<Expr>),
    /// `c ? a : b`; without `a` GNU's `c ?: b`.
    Conditional(Box<Expr>, Option<Box<Expr>>, Box<Expr>),
    /// `a, b`.
    Comma(Box<Expr>, Box<Expr>),
    /// `a.b`, and with `true` `a->b`.
    Member(Box<Expr>, bool, String),
    /// `a[i]`.
    Index(Box<Expr>, Box<Expr>),
    /// `(T)e`.
    Cast(Box<Expr>),
    /// `sizeof` and its family: the operand is not evaluated, only its identifiers are known.
    Unevaluated(Vec<String>),
    /// An initialiser list with the field each value is for, where it is named.
    List(Vec<(Option<String>, Expr)>),
    /// GNU's statement expression.
    Block(Box<Stmt>),
    /// Anything else: its parts are evaluated in some order.
    Opaque(Vec<Expr>),
}
