//! Reads a preprocessed translation unit once, from front to back, and notes on the way which
//! address spaces have to be the same.
//!
//! There is no tree: declarations give types, expressions give [`Value`]s, and what becomes of
//! them is a constraint on the spot. A function that has to exist in several versions is simply
//! read several times.

mod calls;
mod decl;
mod declarator;
mod expr;
mod init;
mod record;
mod stmt;

use std::collections::{HashMap, HashSet};

use rustc_hash::FxHashMap;

use super::plan::is_chosen;
use super::types::{RecordId, Type, TypeId, Types};
use super::vars::{Plain, Seed, Tok, Var, Vars};
use super::words::Words;
use crate::c::Symbol;
use crate::c::cpp::{File, FileId, FileKind, Loc, Token, Unit};
use crate::c::lexer::{Kind, op};

/// A value on its way: where a pointer may have been loaded from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Flow(pub u32);

/// One reading of a function's text, or 0 for everything outside of those read several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct Instance(pub u32);

/// Index of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FuncId(pub u32);

/// What an expression is.
#[derive(Clone, Copy, Debug)]
struct Value {
    ty: TypeId,
    /// It designates an object, in this address space.
    place: Option<Var>,
    /// The object is in memory that the verifier does not follow pointers through.
    mem: bool,
    flow: Flow,
    /// A null pointer constant.
    null: bool,
    /// An integer constant expression.
    constant: bool,
    /// The function it names.
    func: Option<FuncId>,
    /// A number that was made from a pointer into this address space.
    made_from: Option<Var>,
    start: Tok,
}

/// What a name means.
#[derive(Clone, Copy, Debug)]
enum Entity {
    Typedef(TypeId, Option<Var>),
    Object(u32),
    Function(FuncId),
    Constant,
}

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
    ty: TypeId,
    /// Its own address space.
    pub place: Var,
    flow: Flow,
    /// What kind it is.
    pub kind: ObjectKind,
    /// It has internal linkage.
    pub is_static: bool,
    /// Its initialiser.
    pub init: Option<(Tok, Tok)>,
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
    /// The place is an element of an array on the stack that varies.
    pub varies: bool,
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
    /// It is called by a name of the C library, which BPF has not.
    pub unresolved: bool,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// An argument for a function of the kernel, which takes no arena memory.
#[derive(Clone, Copy, Debug)]
pub struct HelperArgument {
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
    /// It is an array of arrays.
    pub nested: bool,
    /// Where its elements lie.
    pub space: Var,
    /// The reading it belongs to.
    pub instance: Instance,
}

/// A structure that is copied as a whole.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    /// What it is copied to: first token and behind the last. For an initialiser, the name.
    pub to: (Tok, Tok),
    /// Where that lies.
    pub place: Var,
    /// What is copied.
    pub from: (Tok, Tok),
    /// Where that lies; `None` for what lies nowhere, such as the result of a function.
    pub source: Option<Var>,
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
    /// An argument or what a function returns.
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
    ty: TypeId,
    ret: Flow,
    params: Vec<Flow>,
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
    sectioned: bool,
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

/// All that one reading of the unit finds out.
#[derive(Debug)]
pub struct Reading<'a> {
    pub unit: &'a Unit,
    pub vars: Vars,
    pub groups: Vec<Group>,
    pub after_stars: Vec<AfterStar>,
    pub loads: Vec<Load>,
    pub follows: Vec<Follow>,
    /// Where values go: from, to.
    pub flows: Vec<(Flow, Flow)>,
    pub generics: Vec<Generic>,
    pub arguments: Vec<HelperArgument>,
    pub loops: Vec<Loop>,
    pub copies: Vec<Copied>,
    pub casts: Vec<Cast>,
    /// The `*` in bodies of macros that are used with both kinds of memory.
    pub both_kinds: HashSet<Loc>,
    pub array_parameters: Vec<ArrayParameter>,
    pub unqualified: Vec<Unqualified>,
    pub functions: Vec<Function>,
    pub objects: Vec<Object>,
    pub calls: Vec<Call>,
    pub lost: Vec<Lost>,
    /// Calls of the allocator.
    pub allocations: Vec<Tok>,
    /// By reading: the function it is of.
    pub instances: Vec<Option<FuncId>>,

    toks: &'a [Token],
    /// The source chooses the arena itself.
    annotated: bool,
    /// By file.
    ours: Vec<bool>,
    pos: usize,
    words: Words,
    types: Types,
    scopes: Vec<FxHashMap<Symbol, Entity>>,
    tags: Vec<FxHashMap<Symbol, RecordId>>,
    by_name: FxHashMap<Symbol, FuncId>,
    constants: HashSet<Symbol>,
    flow_count: u32,
    instance: Instance,
    /// The function that is being read.
    current: Option<(FuncId, TypeId, Flow, (Tok, Tok))>,
    /// Functions that every call has its own reading of.
    several: &'a HashMap<Symbol, Definition>,
    /// Readings that are still to do.
    queue: Vec<(Instance, FuncId)>,
    instance_ty: HashMap<Instance, TypeId>,
    depth: usize,
    /// Nothing that is read here is evaluated (`sizeof`, `typeof`).
    unevaluated: usize,
}

/// How deep expressions and statements may nest: deeper input is not understood.
const DEPTH: usize = 200;
/// How many readings of functions there may be.
const READINGS: usize = 256;

/// Reads a unit. The functions in `several` are read once for each call.
pub fn read<'a>(unit: &'a Unit, several: &'a HashMap<Symbol, Definition>) -> Reading<'a> {
    let mut reading = Reading {
        unit,
        vars: Vars::default(),
        groups: Vec::new(),
        after_stars: Vec::new(),
        loads: Vec::new(),
        follows: Vec::new(),
        flows: Vec::new(),
        generics: Vec::new(),
        arguments: Vec::new(),
        loops: Vec::new(),
        copies: Vec::new(),
        casts: Vec::new(),
        both_kinds: HashSet::new(),
        array_parameters: Vec::new(),
        unqualified: Vec::new(),
        functions: Vec::new(),
        objects: Vec::new(),
        calls: Vec::new(),
        lost: Vec::new(),
        allocations: Vec::new(),
        instances: vec![None],
        toks: &unit.tokens,
        annotated: is_chosen(&unit.file(FileId::MAIN).bytes),
        ours: unit.files.iter().map(is_ours).collect(),
        pos: 0,
        words: Words::new(unit),
        types: Types::new(),
        scopes: vec![FxHashMap::default()],
        tags: vec![FxHashMap::default()],
        by_name: FxHashMap::default(),
        constants: HashSet::new(),
        flow_count: 1,
        instance: Instance(0),
        current: None,
        several,
        queue: Vec::new(),
        instance_ty: HashMap::new(),
        depth: 0,
        unevaluated: 0,
    };
    reading.everything();
    reading
}

fn is_ours(file: &File) -> bool {
    let generated = file.path.file_name().is_some_and(|n| n == "vmlinux.h") || {
        let start = &file.bytes[..file.bytes.len().min(1024)];
        memchr::memmem::find(start, b"#define __VMLINUX_H__").is_some()
    };
    matches!(file.kind, FileKind::Main | FileKind::Project) && !generated
}

/// A part of the source is not understood.
#[derive(Clone, Copy, Debug)]
struct Confused;

type Parsed<T> = Result<T, Confused>;

impl Reading<'_> {
    fn everything(&mut self) {
        while self.pos < self.toks.len() {
            let before = self.pos;
            if self.eat(";") {
                continue;
            }
            if self.external_declaration().is_err() {
                self.lost.push(Lost { tok: self.pos });
                self.scopes.truncate(1);
                self.tags.truncate(1);
                self.current = None;
                self.depth = 0;
                self.unevaluated = 0;
                self.pos = self.pos.max(before);
                self.skip_declaration(before);
            }
            if self.pos == before {
                self.pos += 1;
            }
        }
        let mut next = 0;
        while next < self.queue.len() {
            let (instance, func) = self.queue[next];
            next += 1;
            self.read_again(instance, func);
        }
    }

    /// Goes on behind the declaration that starts at `start`.
    fn skip_declaration(&mut self, start: usize) {
        self.pos = start;
        while self.pos < self.toks.len() {
            if self.at("{") {
                self.skip_group();
                if !self.at(";") && !self.at(",") && !self.at("=") && !self.at("__attribute__") {
                    return;
                }
            } else if self.at("(") || self.at("[") {
                self.skip_group();
            } else if self.eat(";") {
                return;
            } else {
                self.pos += 1;
            }
        }
    }

    /// Whether a file belongs to the project and may be edited. `vmlinux.h` is generated and tells
    /// what the kernel has: it never is.
    pub fn is_ours(&self, file: FileId) -> bool {
        self.ours[file.0 as usize]
    }

    /// Whether the text at a `*` can be written so that it fits both kinds of memory: a cast, or
    /// the declaration of a single variable with its value.
    pub fn can_fit_both(&self, star: Tok) -> bool {
        let declares = |g: &Group| match g.declarators.as_slice() {
            [one] => one.star == Some(star) && g.splits && self.has_value(one),
            _ => false,
        };
        self.toks[star].expansion.is_some()
            && (self.casts.iter().any(|c| c.star == star) || self.groups.iter().any(declares))
    }

    /// `*p = …`, with a single `*`.
    fn has_value(&self, declared: &Declared) -> bool {
        declared.star == Some(declared.start)
            && declared.start + 3 < declared.end
            && self.at_op(declared.start + 2, "=")
    }

    /// Whether a name is a constant of an enumeration.
    pub fn is_constant(&self, name: Symbol) -> bool {
        self.constants.contains(&name)
    }

    /// Whether a parameter of a function, or what it returns, points into the arena at any level.
    pub fn passes_arena(&self, function: &Function) -> bool {
        let spaces = self.spaces(function);
        spaces.into_iter().any(|space| self.vars.is_arena(space))
    }

    /// Whether an object holds a pointer into the arena.
    pub fn holds_arena(&self, object: &Object) -> bool {
        self.holds_arena_in(object.ty, 0)
    }

    fn holds_arena_in(&self, ty: TypeId, depth: usize) -> bool {
        match self.types.get(self.types.element(ty)) {
            Type::Pointer { space, .. } => self.vars.is_arena(*space),
            Type::Record(record) if depth < 16 => self
                .types
                .record(*record)
                .fields
                .iter()
                .any(|f| self.holds_arena_in(f.ty, depth + 1)),
            _ => false,
        }
    }

    /// Whether an object has an initial value other than zeros and constants, which can be set
    /// only where the loader relocates addresses.
    pub fn is_initialised(&self, object: &Object) -> bool {
        let Some((from, to)) = object.init else {
            return false;
        };
        (from..to).any(|tok| {
            let token = &self.toks[tok];
            token.kind == Kind::Str
                || self.at_op(tok, "&")
                || matches!(self.scopes[0].get(&token.symbol), Some(Entity::Function(_)))
        })
    }

    /// Whether the name that is indexed at `tok` is an array in, or a pointer to, other memory than
    /// the arena's.
    pub fn indexes_plain(&self, name: Symbol, tok: Tok, instance: Instance) -> bool {
        let mut pointers = self
            .follows
            .iter()
            .filter(|f| f.tok == tok && f.instance == instance)
            .peekable();
        if pointers.peek().is_some() {
            return pointers.all(|f| !self.vars.is_arena(f.space));
        }
        // Not followed, so an array: the last one of this name that is declared before.
        let mut arrays = self.objects.iter().rev();
        let found = arrays.find(|o| o.name == name && o.tok <= tok);
        found.is_some_and(|o| !self.vars.is_arena(o.place))
    }

    /// Whether an object is a structure that nothing keeps from being split.
    pub fn is_whole(&self, object: &Object) -> bool {
        let kept = |t: Tok| matches!(self.unit.text(&self.toks[t]), b"used" | b"__used__");
        self.is_record(object.ty)
            && object.kind == ObjectKind::Static
            && !(object.tok..(object.tok + 8).min(self.toks.len())).any(kept)
    }

    /// Whether an object is a number.
    pub fn is_number(&self, object: &Object) -> bool {
        matches!(
            self.types.get(object.ty),
            Type::Number | Type::Address(_) | Type::Unknown
        )
    }

    /// The address spaces of a function's parameters and result, at all levels.
    pub fn spaces(&self, function: &Function) -> Vec<Var> {
        let mut found = Vec::new();
        if let Type::Function { ret, params, .. } = self.types.get(function.ty) {
            for &ty in params.iter().chain([ret]) {
                let mut ty = ty;
                while let Some((to, space)) = self.types.pointer(ty) {
                    found.push(space);
                    ty = self.types.element(to);
                }
            }
        }
        found
    }

    // ---- tokens

    fn token(&self) -> Option<&Token> {
        self.toks.get(self.pos)
    }

    /// Whether the next token is this punctuator.
    fn at(&self, text: &str) -> bool {
        self.at_op(self.pos, text)
    }

    fn at_op(&self, tok: Tok, text: &str) -> bool {
        self.toks
            .get(tok)
            .is_some_and(|t| t.kind == Kind::Punct && t.op == op(text))
    }

    fn eat(&mut self, text: &str) -> bool {
        let there = self.at(text);
        self.pos += usize::from(there);
        there
    }

    fn expect(&mut self, text: &str) -> Parsed<()> {
        if self.eat(text) {
            Ok(())
        } else {
            Err(Confused)
        }
    }

    /// The identifier at `tok`.
    fn ident(&self, tok: Tok) -> Option<Symbol> {
        let token = self.toks.get(tok)?;
        (token.kind == Kind::Ident).then_some(token.symbol)
    }

    /// Skips `(…)`, `[…]` or `{…}`.
    fn skip_group(&mut self) {
        let mut depth = 0usize;
        while let Some(token) = self.token() {
            if token.kind == Kind::Punct {
                if token.op == op("(") || token.op == op("[") || token.op == op("{") {
                    depth += 1;
                } else if token.op == op(")") || token.op == op("]") || token.op == op("}") {
                    depth = depth.saturating_sub(1);
                }
            }
            self.pos += 1;
            if depth == 0 {
                return;
            }
        }
    }

    fn is_record(&self, ty: TypeId) -> bool {
        matches!(self.types.get(ty), Type::Record(_))
    }

    /// Whether a token is spelled in a file that is not rewritten.
    fn in_system(&self, tok: Tok) -> bool {
        let Some(token) = self.toks.get(tok.min(self.toks.len().saturating_sub(1))) else {
            return false;
        };
        !self.is_ours(token.loc.file)
    }

    // ---- names

    fn lookup(&self, name: Symbol) -> Option<Entity> {
        self.scopes
            .iter()
            .rev()
            .find_map(|scope| scope.get(&name))
            .copied()
    }

    fn declare(&mut self, name: Symbol, entity: Entity) {
        if let Some(scope) = self.scopes.last_mut() {
            scope.insert(name, entity);
        }
    }

    fn open_scope(&mut self) {
        self.scopes.push(FxHashMap::default());
        self.tags.push(FxHashMap::default());
    }

    fn close_scope(&mut self) {
        self.scopes.pop();
        self.tags.pop();
    }

    fn enter(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > DEPTH {
            Err(Confused)
        } else {
            Ok(())
        }
    }

    // ---- constraints

    fn new_flow(&mut self) -> Flow {
        self.flow_count += 1;
        Flow(self.flow_count - 1)
    }

    fn flows_to(&mut self, from: Flow, to: Flow) {
        if from != Flow(0) && to != Flow(0) && from != to {
            self.flows.push((from, to));
        }
    }

    fn seed(&mut self, var: Var, plain: Plain, tok: Tok) {
        self.vars.seed(var, Seed::Plain(plain), tok);
    }

    fn pointer_to(&mut self, to: TypeId, space: Var) -> TypeId {
        self.types.add(Type::Pointer { to, space })
    }

    /// Values of both types are the same value.
    fn same(&mut self, a: TypeId, b: TypeId, tok: Tok) {
        self.same_to(a, b, tok, 0);
    }

    fn same_to(&mut self, a: TypeId, b: TypeId, tok: Tok, depth: usize) {
        if a == b || depth > 16 {
            return;
        }
        match (self.types.get(a).clone(), self.types.get(b).clone()) {
            (
                Type::Pointer { to, space },
                Type::Pointer {
                    to: other,
                    space: with,
                },
            ) => {
                if !matches!(self.types.get(to), Type::Function { .. }) {
                    self.vars.join(space, with, tok);
                }
                self.same_to(to, other, tok, depth + 1);
            }
            (Type::Address(space), Type::Address(with)) => self.vars.join(space, with, tok),
            (Type::Array { of }, Type::Array { of: other }) => {
                self.same_to(of, other, tok, depth + 1);
            }
            (
                Type::Function { ret, params, .. },
                Type::Function {
                    ret: other,
                    params: with,
                    ..
                },
            ) => {
                self.same_to(ret, other, tok, depth + 1);
                for (a, b) in params.into_iter().zip(with) {
                    self.same_to(a, b, tok, depth + 1);
                }
            }
            _ => {}
        }
    }
}
