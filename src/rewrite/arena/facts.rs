//! What is found out of a unit on the way to its address spaces.

use super::types::TypeId;
use super::vars::{Tok, Var};
use crate::c::Symbol;
use crate::c::syntax::tree::{ExprId, FunctionId, StmtId};
use crate::c::types::EntityId;

/// A value on its way: where a pointer may have been loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Flow(pub u32);

/// One reading of a function's text, or 0 for everything outside of those read several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Instance(pub u32);

/// Index of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// What kind of object a variable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectKind {
    /// A parameter or a variable on the stack.
    Local,
    /// Outside of functions or `static` in one.
    Static,
    /// `extern` without a definition here.
    Extern,
}

/// A variable.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its name.
    pub name: Symbol,
    /// Where it is declared.
    pub tok: Tok,
    pub ty: TypeId,
    /// What it is in the unit.
    pub entity: EntityId,
    /// Its own address space.
    pub place: Var,
    /// Its value.
    pub flow: Flow,
    /// What kind it is.
    pub kind: ObjectKind,
    /// It has internal linkage.
    pub is_static: bool,
    /// Its initialiser.
    pub init: Option<ExprId>,
}

/// Where the address space of the first level of declarations is written: in their specifiers.
#[derive(Clone, Debug)]
pub struct Group {
    /// First token of the specifiers.
    pub start: Tok,
    /// Behind the last token of the specifiers.
    pub spec_end: Tok,
    /// The braces of a structure, union or enumeration that the specifiers define.
    pub body: Option<(Tok, Tok)>,
    /// That has a name.
    pub tagged: bool,
    /// What it declares.
    pub declarators: Vec<Declared>,
    /// More than one declarator can be split into declarations of their own here.
    pub splits: bool,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// One declarator.
#[derive(Clone, Debug)]
pub struct Declared {
    /// First token.
    pub start: Tok,
    /// Behind the last token, the initialiser included.
    pub end: Tok,
    /// The first `*`.
    pub star: Option<Tok>,
    /// The address space that the specifiers say, if they say one for it.
    pub base: Option<Var>,
    /// `__arena` stands in the specifiers.
    pub said: bool,
}

/// Where the address space of another level is written: behind a `*`.
#[derive(Clone, Copy, Debug)]
pub struct AfterStar {
    /// The `*`.
    pub star: Tok,
    /// What lies where the pointer before it points, or the declared object.
    pub space: Var,
    /// The reading it belongs to.
    pub instance: Instance,
    /// `__arena` stands there.
    pub said: bool,
}

/// A pointer that was read from memory.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Where.
    pub tok: Tok,
    /// Where it lay.
    pub place: Var,
    /// Where it points.
    pub space: Option<Var>,
    /// It points to a function.
    pub code: bool,
    /// The place is an element of an array on the stack that varies.
    pub varies: bool,
    /// It is a part of a variable on the stack, by its name: in memory only if that moves.
    pub named: bool,
    /// The value.
    pub flow: Flow,
}

/// A pointer that was followed.
#[derive(Clone, Copy, Debug)]
pub struct Follow {
    /// Where.
    pub tok: Tok,
    /// The value.
    pub flow: Flow,
    /// Where it points.
    pub space: Var,
    /// The pointer: first token and behind the last. Both the same for one that is not followed
    /// by the program itself.
    pub pointer: (Tok, Tok),
    /// The reading it belongs to.
    pub instance: Instance,
}

/// A call of a function that exists for arena memory under another name.
#[derive(Clone, Debug)]
pub struct Generic {
    /// The name.
    pub tok: Tok,
    /// What it is called instead.
    pub name: String,
    /// The address spaces of its pointer arguments.
    pub spaces: Vec<Var>,
    /// Where null pointer constants among them start.
    pub nulls: Vec<Tok>,
    /// It is called by a name of the C library, which BPF has not.
    pub unresolved: bool,
    /// What it writes, if it is a function for output.
    pub output: Option<Written>,
    /// How many values a format of text that it makes takes.
    pub values: usize,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// What a function for output writes.
#[derive(Clone, Debug)]
pub struct Written {
    /// What the kernel has no format for.
    pub unfit: Option<String>,
    /// The address spaces of strings, which the kernel reads outside of the arena.
    pub strings: Vec<Var>,
}

/// An argument for a function of the kernel, which takes no arena memory.
#[derive(Clone, Copy, Debug)]
pub struct HelperArgument {
    /// The call.
    pub call: Option<ExprId>,
    /// First token of the argument.
    pub start: Tok,
    /// Where it points.
    pub space: Var,
}

/// A `typeof` that declares a variable on the stack, whatever the address space of its operand.
#[derive(Clone, Copy, Debug)]
pub struct Unqualified {
    /// The keyword.
    pub tok: Tok,
    /// The address space of its operand.
    pub space: Var,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// A cast to a pointer.
#[derive(Clone, Copy, Debug)]
pub struct Cast {
    /// The first `*`.
    pub star: Tok,
    /// The parentheses around the type.
    pub open: Tok,
    /// The second of them.
    pub close: Tok,
    /// Behind the operand.
    pub end: Tok,
}

/// A parameter that is written as an array.
#[derive(Clone, Copy, Debug)]
pub struct ArrayParameter {
    /// Its name.
    pub name: Option<Tok>,
    /// The brackets: first token and behind the last.
    pub bracket: Option<(Tok, Tok)>,
    /// The type's name that stands for an array, where there are no brackets.
    pub alias: Option<Alias>,
    /// It is an array of arrays.
    pub nested: bool,
    /// Where its elements lie.
    pub space: Var,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// The use of a name that a `typedef` gives arrays.
#[derive(Clone, Copy, Debug)]
pub struct Alias {
    /// The name, where it is used.
    pub name: Tok,
    /// The specifiers of the `typedef`: first token and behind the last.
    pub specifiers: (Tok, Tok),
    /// The brackets behind the first ones, of an array of arrays.
    pub inner: Option<(Tok, Tok)>,
}

/// A structure that is copied as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// What it is copied to: first token and behind the last. For an initialiser, the name.
    pub to: (Tok, Tok),
    /// Where that lies.
    pub place: Var,
    /// What is copied, without parentheses that a macro puts around its argument.
    pub from: (Tok, Tok),
    /// The same with them.
    pub whole: (Tok, Tok),
    /// The value of the assignment is used.
    pub used: bool,
    /// Where that lies; `None` for what lies nowhere, such as the result of a function.
    pub source: Option<Var>,
    /// The type of the structure.
    pub ty: crate::c::types::TypeId,
    /// What kind of copy.
    pub kind: CopyKind,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// How a structure is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CopyKind {
    /// `a = b`
    Assignment,
    /// `struct s a = b`
    Initialiser,
    /// An argument, what a function returns, or a value in a list.
    Value,
}

/// What kind of loop it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoopKind {
    /// `while (…)`
    While,
    /// `do … while (…)`
    Do,
    /// `for (…; …; …)`
    For,
}

/// A loop.
#[derive(Clone, Copy, Debug)]
pub struct Loop {
    /// What kind.
    pub kind: LoopKind,
    /// The loop, in the tree.
    pub stmt: StmtId,
    /// The keyword.
    pub tok: Tok,
    /// The condition: first token and behind the last; both the same if there is none.
    pub condition: (Tok, Tok),
    /// The last clause of a `for`.
    pub step: (Tok, Tok),
    /// The statement.
    pub body: (Tok, Tok),
    /// The body of the function around it.
    pub function: (Tok, Tok),
    /// The reading it belongs to.
    pub instance: Instance,
}

/// A function.
#[derive(Clone, Debug)]
pub struct Function {
    /// Its name.
    pub name: Symbol,
    /// Its type.
    pub ty: TypeId,
    /// What it is in the unit.
    pub entity: EntityId,
    /// What it returns.
    pub ret: Flow,
    /// Its parameters.
    pub params: Vec<Flow>,
    /// Declarations and definition: first token, name, and whether it says `static`.
    pub heads: Vec<Head>,
    /// Its definition.
    pub definition: Option<Definition>,
    /// Only declared in headers of the system.
    pub system: bool,
    /// What it calls.
    pub calls: Vec<FuncId>,
    /// It calls the allocator.
    pub allocates: bool,
    /// A declaration puts it into a section of its own.
    pub sectioned: bool,
}

/// A declaration of a function, or its definition.
#[derive(Clone, Copy, Debug)]
pub struct Head {
    /// First token.
    pub start: Tok,
    /// It has internal linkage.
    pub is_static: bool,
    /// It has internal linkage or is hidden.
    pub is_local: bool,
}

/// A function's definition.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// First token.
    pub start: Tok,
    /// Its name.
    pub name: Tok,
    /// The braces: first token and behind the last.
    pub body: (Tok, Tok),
    /// It is a program: it has a section of its own.
    pub program: bool,
    /// It, in the tree.
    pub function: FunctionId,
}

/// A call of a function that may be read several times.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// The name in the call.
    pub tok: Tok,
    /// The function.
    pub func: FuncId,
    /// The reading that the call uses.
    pub uses: Instance,
    /// The reading the call stands in.
    pub instance: Instance,
}

/// What was not understood.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// Where.
    pub tok: Tok,
}
