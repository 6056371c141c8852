//! The syntax tree of a translation unit, as plain values.
//!
//! Nodes live in vectors and are named by their index, so a pass can keep what it finds out of a
//! node in a vector of its own. Each node knows its tokens ([`Toks`]); a token knows its bytes in a
//! file or in a macro's body ([`crate::c::cpp::Token::loc`]).
//!
//! Declarations are kept as they are written: specifiers and declarators. What they mean is told by
//! [`crate::c::types`].

mod expr;
mod walk;

pub use expr::*;

use crate::c::Symbol;

/// Index of a token of the translation unit ([`crate::c::cpp::Unit::tokens`]).
pub type Tok = usize;

/// A run of tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Toks {
    /// The first.
    pub start: Tok,
    /// After the last.
    pub end: Tok,
}

impl Toks {
    /// The tokens from `start` to before `end`.
    pub fn new(start: Tok, end: Tok) -> Self {
        Self { start, end }
    }

    /// Whether a token is one of them.
    pub fn contains(self, tok: Tok) -> bool {
        self.start <= tok && tok < self.end
    }

    /// Whether all tokens of `other` are among them.
    pub fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }
}

macro_rules! index {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub u32);
    };
}

index! {
    /// An expression.
    ExprId
}
index! {
    /// A statement.
    StmtId
}
index! {
    /// A declaration: specifiers and what is declared with them.
    DeclId
}
index! {
    /// What one declarator of a declaration, a parameter or a type name declares.
    DeclaratorId
}
index! {
    /// A function definition.
    FunctionId
}

/// The tree of a translation unit.
///
/// Indexing with an id gives the node: `tree[expr].kind`.
#[derive(Debug, Default)]
pub struct Tree {
    /// All expressions. An operand has a smaller index than what it is an operand of.
    pub exprs: Vec<Expr>,
    /// All statements.
    pub stmts: Vec<Stmt>,
    /// All declarations, those of members, parameters and type names too.
    pub decls: Vec<Decl>,
    /// All declarators.
    pub declarators: Vec<Declarator>,
    /// All function definitions, nested ones too.
    pub functions: Vec<Function>,
    /// The external declarations that were read, in their order.
    pub items: Vec<Item>,
}

impl Tree {
    /// Gives back room that is not needed.
    pub fn shrink(&mut self) {
        self.exprs.shrink_to_fit();
        self.stmts.shrink_to_fit();
        self.decls.shrink_to_fit();
        self.declarators.shrink_to_fit();
        self.functions.shrink_to_fit();
        self.items.shrink_to_fit();
    }
}

macro_rules! indexed {
    ($id:ident, $node:ident, $list:ident) => {
        impl std::ops::Index<$id> for Tree {
            type Output = $node;
            fn index(&self, id: $id) -> &$node {
                &self.$list[id.0 as usize]
            }
        }
        impl std::ops::IndexMut<$id> for Tree {
            fn index_mut(&mut self, id: $id) -> &mut $node {
                &mut self.$list[id.0 as usize]
            }
        }
    };
}

indexed!(ExprId, Expr, exprs);
indexed!(StmtId, Stmt, stmts);
indexed!(DeclId, Decl, decls);
indexed!(DeclaratorId, Declarator, declarators);
indexed!(FunctionId, Function, functions);

/// An external declaration.
#[derive(Clone, Copy, Debug)]
pub struct Item {
    /// Its tokens: from the first specifier to after the `;` or `}`.
    pub toks: Toks,
    /// What it is.
    pub kind: ItemKind,
    /// The parser did not understand some part of it.
    pub broken: bool,
}

/// What an external declaration is.
#[derive(Clone, Copy, Debug)]
pub enum ItemKind {
    /// A function definition.
    Function(FunctionId),
    /// A declaration.
    Decl(DeclId),
    /// Not understood at all.
    Unknown,
}

/// A function definition.
#[derive(Clone, Debug)]
pub struct Function {
    /// All of it, attributes and storage class too.
    pub toks: Toks,
    /// Specifiers and the one declarator.
    pub decl: DeclId,
    /// The declarations of the parameters of a K&R definition.
    pub old_style: Vec<DeclId>,
    /// The body, a [`StmtKind::Block`].
    pub body: StmtId,
    /// The function it is nested in (GNU C).
    pub parent: Option<FunctionId>,
    /// The parser did not understand some part of it: what the tree says may be wrong.
    pub broken: bool,
}

/// A declaration, of variables, functions, types, members, parameters, or a type name.
#[derive(Clone, Debug)]
pub struct Decl {
    /// All of it, the `;` too if it has one of its own.
    pub toks: Toks,
    /// The specifiers; an empty run where there are none (`main() {}`).
    pub specifiers: Specifiers,
    /// What is declared.
    pub declarators: Vec<DeclaratorId>,
}

/// The specifiers of a declaration.
#[derive(Clone, Debug)]
pub struct Specifiers {
    /// Their tokens, attributes too.
    pub toks: Toks,
    /// `typedef`, `extern`, `static`, `inline`, `register`, `auto`, `_Thread_local`.
    pub storage: Storage,
    /// `const`
    pub is_const: bool,
    /// `volatile`
    pub is_volatile: bool,
    /// The type.
    pub base: Base,
    /// `__attribute__((…))`, `_Alignas(…)`, `[[…]]` among or around them: the tokens inside.
    pub attributes: Vec<Toks>,
}

/// Storage class and function specifiers: the token of each that is written.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Storage {
    pub typedef: Option<Tok>,
    pub r#extern: Option<Tok>,
    pub r#static: Option<Tok>,
    pub inline: Option<Tok>,
    pub register: Option<Tok>,
    pub auto: Option<Tok>,
    pub thread: Option<Tok>,
}

/// The type in specifiers.
#[derive(Clone, Debug)]
pub enum Base {
    /// No type is written: `int`.
    Implicit,
    /// `void`
    Void,
    /// An arithmetic type.
    Number(Number),
    /// The name of a type.
    Typedef(Symbol, Tok),
    /// `struct` or `union`.
    Record(RecordSpecifier),
    /// `enum`.
    Enum(EnumSpecifier),
    /// `typeof(expression)`
    TypeofExpr(ExprId),
    /// `typeof(type)`, `_Atomic(type)`: a declaration of a type name.
    TypeofType(DeclId),
    /// `__auto_type`, C23's `auto`: the type of the initializer.
    Auto,
    /// Not understood.
    Unknown,
}

/// An arithmetic type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Number {
    /// Size in bytes: 1, 2, 4, 8 or 16.
    pub size: u8,
    /// `unsigned`, and `_Bool`. Plain `char` is signed (as clang's BPF target has it).
    pub unsigned: bool,
    /// `float`, `double`, `long double`, `_Float16`…
    pub floating: bool,
    /// `_Bool`
    pub boolean: bool,
}

/// `struct tag {…}`
#[derive(Clone, Debug)]
pub struct RecordSpecifier {
    /// `struct` or `union`.
    pub keyword: Tok,
    /// It is a union.
    pub is_union: bool,
    /// Its tag.
    pub tag: Option<(Symbol, Tok)>,
    /// The members, if it is defined here.
    pub fields: Option<Fields>,
}

/// The members of a structure or union.
#[derive(Clone, Debug)]
pub struct Fields {
    /// From `{` to after `}`.
    pub toks: Toks,
    /// Their declarations. One without declarators is an anonymous structure or union.
    pub list: Vec<DeclId>,
}

/// `enum tag {…}`
#[derive(Clone, Debug)]
pub struct EnumSpecifier {
    /// `enum`.
    pub keyword: Tok,
    /// Its tag.
    pub tag: Option<(Symbol, Tok)>,
    /// From `{` to after `}`, if it is defined here.
    pub body: Option<Toks>,
    /// Its constants.
    pub constants: Vec<(Symbol, Tok, Option<ExprId>)>,
}

/// A declarator.
#[derive(Clone, Debug)]
pub struct Declarator {
    /// From its first token to after its last, the initializer, bit-field width and attributes
    /// included. Empty (at the place where it would stand) for an abstract one without parts.
    pub toks: Toks,
    /// The declaration it belongs to.
    pub decl: DeclId,
    /// What it declares; `None` in type names, unnamed parameters and bit-fields.
    pub name: Option<(Symbol, Tok)>,
    /// What it makes of the type in the specifiers, from the name outward:
    /// `*a[3]` has `[Array, Pointer]`: an array of pointers.
    pub parts: Vec<Part>,
    /// The initializer.
    pub init: Option<ExprId>,
    /// The width of a bit-field.
    pub bits: Option<ExprId>,
    /// `__attribute__((…))` and `asm("…")` after it: the tokens inside.
    pub attributes: Vec<Toks>,
}

/// One step of a declarator.
#[derive(Clone, Debug)]
pub enum Part {
    /// `*`
    Pointer {
        /// The `*`.
        star: Tok,
        /// Qualifiers and attributes after it.
        qualifiers: Toks,
        /// `const` is one of them.
        is_const: bool,
    },
    /// `[…]`
    Array {
        /// From `[` to after `]`.
        toks: Toks,
        /// The size, if it is written.
        size: Option<ExprId>,
    },
    /// `(…)`
    Function {
        /// From `(` to after `)`.
        toks: Toks,
        /// The parameters: declarations with one declarator each. `(void)` has none.
        params: Vec<DeclId>,
        /// The names of an old-style list `(a, b)`.
        names: Vec<(Symbol, Tok)>,
        /// `...` is the last.
        variadic: bool,
        /// `()`: nothing is said of the parameters.
        unknown: bool,
    },
}

/// A statement.
#[derive(Clone, Debug)]
pub struct Stmt {
    /// Its tokens, the `;` too.
    pub toks: Toks,
    /// What it is.
    pub kind: StmtKind,
    /// The parser did not understand some part of it.
    pub broken: bool,
}

/// What a statement is.
#[derive(Clone, Debug)]
pub enum StmtKind {
    /// `;`, or what was not understood (then [`Stmt::broken`] is set).
    Empty,
    /// An expression. `asm` too.
    Expr(ExprId),
    /// A declaration.
    Decl(DeclId),
    /// A nested function (GNU C).
    Function(FunctionId),
    /// `{…}`
    Block(Vec<StmtId>),
    /// `if`
    If {
        /// The condition, without its parentheses.
        cond: ExprId,
        /// Where it holds.
        then: StmtId,
        /// `else` and what follows it.
        otherwise: Option<(Tok, StmtId)>,
    },
    /// `while`
    While {
        /// The condition, without its parentheses.
        cond: ExprId,
        /// The body.
        body: StmtId,
    },
    /// `do … while (…);`
    Do {
        /// The body.
        body: StmtId,
        /// The `while`.
        keyword: Tok,
        /// The condition, without its parentheses.
        cond: ExprId,
    },
    /// `for`
    For {
        /// The first clause, a [`StmtKind::Decl`] or [`StmtKind::Expr`], with its `;`.
        init: Option<StmtId>,
        /// The condition.
        cond: Option<ExprId>,
        /// The last clause.
        step: Option<ExprId>,
        /// The first `;` (for a declaration, the one that ends it).
        first: Tok,
        /// The second `;`.
        second: Tok,
        /// The `)`.
        close: Tok,
        /// The body.
        body: StmtId,
    },
    /// `switch`
    Switch {
        /// What is switched on, without its parentheses.
        value: ExprId,
        /// The body.
        body: StmtId,
    },
    /// `case x:`, `case x ... y:`, `default:`: a label alone; the statements it labels follow it in
    /// its block.
    Case {
        /// The value; `None` for `default`.
        value: Option<ExprId>,
        /// It is a range (GNU C); its end is not in the tree.
        range: bool,
    },
    /// `name:`: a label alone; the statement it labels follows it in its block.
    Label(Symbol),
    /// `goto name;`
    Goto(Symbol),
    /// `goto *address;` (GNU C)
    GotoComputed(ExprId),
    /// `break;`
    Break,
    /// `continue;`
    Continue,
    /// `return`
    Return(Option<ExprId>),
}
