//! Walks the tree of a unit once, and notes on the way which address spaces have to be the same.
//!
//! Declarations get types with an unknown address space at each level that the source writes;
//! expressions give [`Value`]s, and what becomes of them is a constraint on the spot. A function
//! that has to exist in several versions is walked several times, with unknowns of its own each
//! time.

mod assign;
mod calls;
mod convert;
mod declare;
mod expr;
mod init;
mod join;
mod kept;
mod library;
mod objects;
mod places;
mod stmt;

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap, HashSet};

use rustc_hash::FxHashMap;

use super::facts::*;
use super::plan::is_chosen;
use super::types::{RecordId, Type, TypeId, Types};
use super::vars::{Plain, Seed, Tok, Var, Vars};
use crate::c::cpp::{FileId, Loc, Token, Unit};
use crate::c::lexer::op;
use crate::c::syntax::tree::{DeclaratorId, ExprId, ExprKind, FunctionId, ItemKind, Toks};
use crate::c::types::{self as c, EntityId, EntityKind, Model};
use crate::rewrite::parsed::is_ours;

/// What an expression is.
#[derive(Clone, Copy, Debug)]
struct Value {
    ty: TypeId,
    /// It designates an object, in this address space.
    place: Option<Var>,
    /// The object is in memory that the verifier does not follow pointers through.
    mem: bool,
    /// It is a member of a variable on the stack.
    named: bool,
    flow: Flow,
    /// What is stored in this member, of whichever object: a structure on the stack is reached through a
    /// pointer, too.
    slot: Flow,
    /// A null pointer constant.
    null: bool,
    /// An integer constant expression.
    constant: bool,
    /// The function it names.
    func: Option<FuncId>,
    /// A number that was made from a pointer into this address space.
    made_from: Option<Var>,
    /// Its tokens.
    start: Tok,
    end: Tok,
}

/// The function that is being read.
#[derive(Clone, Copy, Debug)]
struct Current {
    func: FuncId,
    ret: TypeId,
    flow: Flow,
    body: (Tok, Tok),
}

/// All that one reading of the unit finds out.
pub struct Reading<'a> {
    pub unit: &'a Unit,
    pub model: &'a Model<'a>,
    pub vars: Vars,
    pub groups: Vec<Group>,
    pub after_stars: Vec<AfterStar>,
    pub loads: Vec<Load>,
    pub follows: Vec<Follow>,
    /// Where values go: from, to.
    pub flows: Vec<(Flow, Flow)>,
    /// Casts between pointers that are meant as they are: to, from, and where.
    pub meant: Vec<(Var, Var, Tok)>,
    /// What is stored in members.
    slots: FxHashMap<c::FieldRef, Flow>,
    pub generics: Vec<Generic>,
    pub arguments: Vec<HelperArgument>,
    pub loops: Vec<Loop>,
    pub copies: Vec<Copied>,
    pub casts: Vec<Cast>,
    /// `c ? a : b` with pointers: both, and where the result points.
    pub choices: Vec<(ExprId, ExprId, Var)>,
    /// NULL behind a comma: where it begins, and where it points.
    pub nulls: Vec<(Tok, Var)>,
    /// Pointers in memory that goes on as `void *`: where they lie, where they lead, and where that is
    /// said. Who follows them there knows of them by their type alone.
    pub untyped: Vec<(Var, Var, Tok)>,
    /// String literals, and where each lies.
    pub literals: Vec<(Toks, Var)>,
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
    /// Pointers whose address is calculated with, which the verifier forbids for memory of maps.
    pub calculated: Vec<(Var, Tok)>,
    /// A block is resized.
    pub grows: bool,
    /// A function that needs the arena is called here.
    pub wants_arena: Option<Tok>,
    /// Memory, and where something is done with it that the verifier allows in an arena only, or to
    /// an address of it.
    pub unprovable: Vec<(Var, Tok)>,
    /// Memory of which a function of the C library reads or writes as much as a number in memory says.
    pub sized_by_memory: Vec<(Var, Tok)>,
    /// What points into the string that `strtok` divides.
    divided: Option<TypeId>,
    /// What meets the heap may move into the arena.
    pub moving: bool,
    /// Functions of other files that loop.
    pub looping: BTreeSet<Vec<u8>>,
    /// What the pointers of functions point to that other files have point into the arena.
    pub agreed: HashSet<Var>,
    /// What the pointers of functions point to that other files call, where it can lie in the arena.
    pub called_elsewhere: Vec<Var>,
    /// The same where other files give them memory that cannot.
    pub fixed_elsewhere: Vec<Var>,
    /// By reading: the function it is of.
    pub instances: Vec<Option<FuncId>>,
    /// The functions that jump, once somebody asked.
    pub jumping: OnceCell<HashSet<FunctionId>>,

    toks: &'a [Token],
    /// The source chooses the arena itself.
    annotated: bool,
    /// By file.
    ours: Vec<bool>,
    types: Types,
    /// The declarator that writes each type.
    written: FxHashMap<c::TypeId, DeclaratorId>,
    /// The types that a function's definition writes are other ones in each reading of it.
    memo: FxHashMap<(c::TypeId, Instance), TypeId>,
    declared: FxHashMap<(DeclaratorId, Instance), declare::Made>,
    /// By declarator: the address space that its specifiers say.
    bases: FxHashMap<(DeclaratorId, Instance), Option<Var>>,
    records: FxHashMap<c::RecordId, RecordId>,
    by_entity: FxHashMap<EntityId, FuncId>,
    object_of: FxHashMap<(EntityId, Instance), u32>,
    flow_count: u32,
    instance: Instance,
    current: Option<Current>,
    /// Functions that every call has its own reading of.
    several: &'a HashSet<EntityId>,
    /// Readings that are still to do.
    queue: Vec<(Instance, FuncId)>,
    instance_ty: HashMap<Instance, TypeId>,
    /// Nothing that is read here is evaluated (`sizeof`, `typeof`).
    unevaluated: usize,
}

/// How many readings of functions there may be.
const READINGS: usize = 256;

/// Reads a unit. The functions in `several` are read once for each call.
pub fn read<'a>(model: &'a Model<'a>, several: &'a HashSet<EntityId>) -> Reading<'a> {
    let unit = model.unit;
    let mut reading = Reading {
        unit,
        model,
        vars: Vars::default(),
        groups: Vec::new(),
        after_stars: Vec::new(),
        loads: Vec::new(),
        follows: Vec::new(),
        flows: Vec::new(),
        meant: Vec::new(),
        slots: FxHashMap::default(),
        generics: Vec::new(),
        wants_arena: None,
        unprovable: Vec::new(),
        sized_by_memory: Vec::new(),
        divided: None,
        arguments: Vec::new(),
        loops: Vec::new(),
        copies: Vec::new(),
        casts: Vec::new(),
        untyped: Vec::new(),
        choices: Vec::new(),
        nulls: Vec::new(),
        literals: Vec::new(),
        both_kinds: HashSet::new(),
        array_parameters: Vec::new(),
        unqualified: Vec::new(),
        functions: Vec::new(),
        objects: Vec::new(),
        calls: Vec::new(),
        lost: Vec::new(),
        allocations: Vec::new(),
        calculated: Vec::new(),
        grows: false,
        moving: false,
        looping: BTreeSet::new(),
        agreed: HashSet::new(),
        called_elsewhere: Vec::new(),
        fixed_elsewhere: Vec::new(),
        instances: vec![None],
        jumping: OnceCell::new(),
        toks: &unit.tokens,
        annotated: is_chosen(&unit.file(FileId::MAIN).bytes),
        ours: unit.files.iter().map(is_ours).collect(),
        types: Types::new(),
        written: written(model),
        memo: FxHashMap::default(),
        declared: FxHashMap::default(),
        bases: FxHashMap::default(),
        records: FxHashMap::default(),
        by_entity: FxHashMap::default(),
        object_of: FxHashMap::default(),
        flow_count: 1,
        instance: Instance(0),
        current: None,
        several,
        queue: Vec::new(),
        instance_ty: HashMap::new(),
        unevaluated: 0,
    };
    reading.everything();
    reading
}

fn written(model: &Model) -> FxHashMap<c::TypeId, DeclaratorId> {
    let mut found = FxHashMap::default();
    for index in 0..model.tree.declarators.len() {
        let id = DeclaratorId(index as u32);
        for &ty in model.part_types(id) {
            found.entry(ty).or_insert(id);
        }
    }
    found
}

impl Reading<'_> {
    fn everything(&mut self) {
        let model = self.model;
        for item in &model.tree.items {
            match item.kind {
                ItemKind::Function(function) => self.function(function),
                ItemKind::Decl(decl) => self.external(decl),
                ItemKind::Unknown => {}
            }
            if item.broken && self.is_ours(self.toks[item.toks.start].loc.file) {
                self.lost.push(Lost {
                    tok: item.toks.start,
                });
            }
        }
        let mut next = 0;
        while next < self.queue.len() {
            let (instance, func) = self.queue[next];
            next += 1;
            self.read_again(instance, func);
        }
    }

    /// The classes of what functions get from other files, and give them, that can lie in the arena.
    pub fn open_to_others(&self) -> HashSet<Var> {
        let classes = |spaces: &[Var]| -> HashSet<Var> {
            let classes = spaces.iter().map(|&space| self.vars.find(space));
            classes.collect()
        };
        let fixed = classes(&self.fixed_elsewhere);
        let mut open = classes(&self.called_elsewhere);
        open.retain(|class| !fixed.contains(class));
        open
    }

    /// Whether a file belongs to the project and may be edited.
    pub fn is_ours(&self, file: FileId) -> bool {
        self.ours[file.0 as usize]
    }

    /// Whether tokens stand in the same text, one behind the other: all in the code or all in the
    /// body of one macro's use. What a macro has for a part of them stands elsewhere, and so may the
    /// arguments of a macro, which it puts in any order.
    pub fn in_one_text(&self, toks: &[Tok]) -> bool {
        let toks: Option<Vec<_>> = toks.iter().map(|&tok| self.toks.get(tok)).collect();
        let in_a_row = |a: &Token, b: &Token| {
            let behind = a.loc == b.loc || a.loc.end <= b.loc.start;
            a.expansion == b.expansion && a.loc.file == b.loc.file && behind
        };
        toks.is_some_and(|toks| {
            !toks.iter().any(|t| t.synthetic) && toks.windows(2).all(|p| in_a_row(p[0], p[1]))
        })
    }

    /// The `*` of a macro's body that follows on one of an argument: `T *p` with a pointer for `T`. What
    /// stands between both is written there, for other uses of the argument are no such pointers.
    pub fn star_of_body(&self, star: Tok) -> Option<Tok> {
        let of_body = |tok: Tok| {
            let token = self.toks.get(tok)?;
            let body = token.expansion.is_some() && !token.synthetic;
            let other = token.expansion != self.toks[star].expansion;
            (body && other && self.is_ours(token.loc.file)).then_some(token)
        };
        let is_word = |tok: &Token| {
            let text = self.unit.text(tok);
            [&b"__arena"[..], b"const", b"volatile", b"restrict"].contains(&text)
        };
        let next = (star + 1..).find(|&t| !of_body(t).is_some_and(is_word))?;
        of_body(next).filter(|t| t.is(op("*"))).map(|_| next)
    }

    /// Whether the text at a `*` can be written so that it fits both kinds of memory: a cast, or
    /// the declaration of a single variable with its value.
    pub fn can_fit_both(&self, star: Tok) -> bool {
        let declares = |g: &Group| match g.declarators.as_slice() {
            // The type may be an argument of the macro.
            [one] => {
                one.star == Some(star)
                    && g.splits
                    && self.has_value(one)
                    && self.in_one_text(&[g.start, star])
            }
            _ => false,
        };
        self.toks[star].expansion.is_some()
            && (self.casts.iter().any(|c| c.star == star) || self.groups.iter().any(declares))
    }

    /// `*p = …`, with a single `*`.
    fn has_value(&self, declared: &Declared) -> bool {
        declared.star == Some(declared.start)
            && declared.start + 3 < declared.end
            && self.is(declared.start + 2, "=")
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

    /// Where a value is written that stands behind another token, its first and its last place: in the
    /// code, in the macro's body that holds both, or as a macro's name that is all of it. Not where a
    /// part of it comes out of a macro: `LEVELS - 1`.
    pub fn written(&self, from: Tok, to: Tok) -> Option<(Loc, Loc)> {
        let unit = self.unit;
        let before = &unit.tokens[from.checked_sub(1)?];
        let (first, last) = (&unit.tokens[from], &unit.tokens[to - 1]);
        if first.synthetic || last.synthetic || first.expansion != last.expansion {
            return None;
        }
        let (first, last) = match (first.expansion, before.expansion) {
            (Some(_), None) => {
                let whole = unit.outermost(first)?;
                // What else the macro stands for would come along.
                let behind = unit.tokens.get(to).and_then(|t| unit.outermost(t));
                if behind.is_some_and(|e| e.invocation == whole.invocation) {
                    return None;
                }
                (whole.invocation, whole.close.unwrap_or(whole.invocation))
            }
            // An argument of the macro that holds the token before it.
            (a, b) if a == b || a.is_none() => (first.loc, last.loc),
            _ => return None,
        };
        let fits = first.file == last.file && first.start <= last.start;
        (fits && self.is_ours(first.file)).then_some((first, last))
    }

    /// Whether an object has an initial value with an address in it, which can be set only where
    /// the loader relocates addresses.
    pub fn is_initialised(&self, object: &Object) -> bool {
        let tree = &self.model.tree;
        // `char name[] = "…"` holds the characters.
        let array = self.model.is_array(self.model[object.entity].ty);
        let text = |init| array && tree[tree.bare(init)].kind == ExprKind::Text;
        let mut init = object.init.iter();
        init.any(|&init| !text(init) && self.has_address(init, 0))
    }

    fn has_address(&self, expr: ExprId, depth: usize) -> bool {
        use crate::c::syntax::tree::{ExprKind, Unary};
        let tree = &self.model.tree;
        if depth > 64 {
            return true;
        }
        match tree[expr].kind {
            ExprKind::Text => {
                // A literal for an array of characters is no address.
                let target = self.model.target(expr).map(|t| t.ty);
                target.is_some_and(|t| self.model.is_pointer(t))
                    || target.is_none() && self.model.is_pointer(self.model.decay_of(expr))
            }
            ExprKind::Unary(Unary::AddressOf, _) => true,
            ExprKind::Name(_) => {
                let ty = self.model.type_of(expr);
                self.model.is_array(ty) || matches!(self.model[ty], c::Type::Function { .. })
            }
            ExprKind::Statements(_) => false,
            _ => tree
                .operands(expr)
                .into_iter()
                .any(|e| self.has_address(e, depth + 1)),
        }
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

    /// The address space that what a function returns points into.
    pub fn result_space(&self, function: &Function) -> Option<Var> {
        match self.types.get(function.ty) {
            Type::Function { ret, .. } => self.types.pointer(*ret).map(|(_, space)| space),
            _ => None,
        }
    }

    /// Takes note of what can move into the arena where it meets the heap: literals, constants, and
    /// variables on the stack.
    pub fn movable(&mut self) {
        let mut found: Vec<Var> = Vec::new();
        let mut together = Vec::new();
        let mut stay = HashSet::new();
        for twins in self.twins().values().filter(|twins| twins.len() > 1) {
            let first = twins[0];
            match twins.iter().all(|object| self.can_move(object)) {
                true => together.extend(twins[1..].iter().map(|t| (first.place, t.place, t.tok))),
                false => stay.extend(twins.iter().map(|t| t.place)),
            }
        }
        for (first, other, tok) in together {
            self.vars.join(first, other, tok);
        }
        for object in self.objects.iter().filter(|o| !stay.contains(&o.place)) {
            let constant = object.kind == ObjectKind::Static && self.is_plain_constant(object);
            if constant || object.kind == ObjectKind::Local && self.can_move(object) {
                found.push(object.place);
            }
        }
        self.vars.movable(found);
    }

    /// A constant of the file without a section of its own.
    pub(super) fn is_plain_constant(&self, object: &Object) -> bool {
        let declarators = &self.model[object.entity].declarators;
        let sectioned = declarators
            .iter()
            .any(|&d| self.attributes(d).section.is_some());
        !sectioned && !self.is_initialised(object) && self.is_ours(self.toks[object.tok].loc.file)
    }

    /// Whether what the first `*` of a declarator points to lies in the arena.
    pub fn in_arena(&self, star: Tok) -> bool {
        let mut declared = self.groups.iter().flat_map(|g| &g.declarators);
        let found = declared.find(|d| d.star == Some(star));
        found
            .and_then(|d| d.base)
            .is_some_and(|b| self.vars.is_arena(b))
    }

    /// An object, as the reading common to all has it.
    pub fn object_of(&self, entity: EntityId) -> Option<&Object> {
        let index = *self.object_of.get(&(entity, Instance(0)))?;
        Some(&self.objects[index as usize])
    }

    /// The address space that a pointer's declaration says.
    pub fn points_into(&self, object: &Object) -> Option<Var> {
        self.types.pointer(object.ty).map(|(_, space)| space)
    }

    /// Where the elements of an array of pointers point.
    pub fn elements_point_into(&self, object: &Object) -> Option<Var> {
        let element = self.types.element(object.ty);
        self.types.pointer(element).map(|(_, space)| space)
    }

    /// Whether a function is read once for each of its calls.
    pub fn is_several(&self, entity: EntityId) -> bool {
        self.several.contains(&entity)
    }

    /// The address space that a pointer of the program points into, and the place that an lvalue
    /// is: by the object that it names.
    pub fn place_of(&self, entity: EntityId) -> Option<Var> {
        let index = *self.object_of.get(&(entity, Instance(0)))?;
        Some(self.objects[index as usize].place)
    }

    // ---- tokens

    fn is(&self, tok: Tok, text: &str) -> bool {
        self.toks.get(tok).is_some_and(|t| t.is(op(text)))
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

    fn toks_of(&self, expr: ExprId) -> Toks {
        self.model.tree[expr].toks
    }

    // ---- constraints

    fn new_flow(&mut self) -> Flow {
        self.flow_count += 1;
        Flow(self.flow_count - 1)
    }

    /// What is stored in a member.
    fn slot(&mut self, field: c::FieldRef) -> Flow {
        if let Some(&known) = self.slots.get(&field) {
            return known;
        }
        let flow = self.new_flow();
        self.slots.insert(field, flow);
        flow
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

    /// The definition of a function of the unit that is no program.
    fn defined(&self, entity: EntityId) -> Option<FunctionId> {
        match self.model[entity].kind {
            EntityKind::Function { definition, .. } => definition,
            _ => None,
        }
    }
}
