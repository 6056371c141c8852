//! Variables on the stack that move into the arena.
//!
//! What a heap pointer can meet has to lie in the arena, for a pointer of the program is of one kind.
//! A variable whose address meets it becomes a block that is freed where the variable's life ends:
//!
//! ```c
//! struct vec __arena *v static_local = static_calloc(1, sizeof(*v));
//! ```
//!
//! and what was `v` is `*v`, what was `&v` is `v`. So does one that holds pointers into the arena and
//! whose address is taken: on the stack the verifier follows its value through every iteration, and
//! where a null pointer meets another it forgets that either is one. And an array with an index that
//! nobody can prove, and what the stack has no room for ([`large`]).

mod large;
mod values;
mod write;

use std::collections::{BTreeMap, HashSet};

use super::facts::{Object, ObjectKind};
use super::loops::Search;
use super::read::Reading;
use super::vars::{Tok, Var};
use crate::c::cpp::Loc;
use crate::c::syntax::tree::{
    Base, DeclaratorId, ExprId, ExprKind, FunctionId, Part, StmtId, StmtKind, Toks, Unary,
};
use crate::c::types::{EntityKind, Parent, Type};

/// So many elements that hold NULL or not the verifier follows in all their combinations.
const FEW: u64 = 8;

const REASON: &str = "its address meets pointers into the arena";

impl Reading<'_> {
    /// Whether a variable on the stack can become a block of the arena.
    pub(super) fn can_move(&self, object: &Object) -> bool {
        let model = self.model;
        let EntityKind::Object {
            function: Some(function),
            ..
        } = model[object.entity].kind
        else {
            return false;
        };
        if object.kind != ObjectKind::Local || self.several(function) {
            return false;
        }
        let Some(&declarator) = model[object.entity].declarators.first() else {
            return false;
        };
        let tree = &model.tree;
        let written = |tok: Tok| {
            let token = &self.unit.tokens[tok];
            token.expansion.is_none() && !token.synthetic && self.is_ours(token.loc.file)
        };
        let Some((_, name)) = tree[declarator].name else {
            return false;
        };
        let in_body = self.is_in_body(object, declarator) && !self.is_parameter_of(declarator);
        let value = tree[declarator].init;
        let copied = !in_body && self.is_copied(object, declarator);
        let made = self.one_use(declarator);
        let apart = |i| match made {
            Some(_) => self.is_spelled(declarator, i),
            None => self.can_part(declarator, i, in_body) || self.can_spell(declarator, i, in_body),
        };
        if !copied && !value.is_none_or(apart) {
            return false;
        }
        // A helper takes no memory of the arena.
        if self.arguments.iter().any(|a| a.space == object.place) {
            return false;
        }
        let plain = || {
            model
                .uses(object.entity)
                .iter()
                .all(|&u| written(tree[u].toks.start))
        };
        if !(in_body || written(name) && plain()) {
            return false;
        }
        if self.jumps(function) && self.is_jumped_into(declarator, function) {
            return false;
        }
        if self.is_parameter_of(declarator) {
            return matches!(model[model[object.entity].ty], Type::Pointer { .. });
        }
        let decl = tree[declarator].decl;
        let Parent::Stmt(stmt) = model.decl_parent(decl) else {
            return false;
        };
        // `itr_of(x) it;`, where a macro makes the type: only the name is written.
        let specifiers = self.extent(tree[decl].specifiers.toks, false);
        let starts = in_body
            || made.is_some()
            || specifiers.is_some_and(|of| {
                let name = self.unit.tokens[name].loc;
                self.is_ours(of.file) && of.file == name.file && of.end <= name.start
            });
        if !matches!(tree[stmt].kind, StmtKind::Decl(_)) || !starts {
            return false;
        }
        // Its value is assigned in a statement of its own.
        let constant = tree[decl].specifiers.is_const && tree[declarator].init.is_some() && !copied;
        let together = tree[decl].declarators.len() > 1;
        let anonymous = match tree[decl].specifiers.base {
            Base::Record(ref record) => record.tag.is_none(),
            Base::Enum(_) => true,
            _ => false,
        };
        if together && anonymous || constant {
            return false;
        }
        // Not between the cases of a switch, and in the head of a loop only if it begins at zero.
        let block = match model.stmt_parent(stmt) {
            Parent::Stmt(outer) => outer,
            Parent::Function(_) => return copied || self.has_value_for(declarator),
            _ => return false,
        };
        let zero = tree[declarator].init.is_some_and(|i| is_zero(self, i));
        let list = match &tree[block].kind {
            StmtKind::Block(list) => list,
            // `for (int i = 0; …)`: nothing is assigned but what a block begins with.
            StmtKind::For { .. } => return zero && !together && !copied,
            _ => return false,
        };
        !list
            .iter()
            .any(|s| matches!(tree[*s].kind, StmtKind::Case { .. }))
            && (copied || self.has_value_for(declarator))
    }

    /// Whether the body of a macro declares the variable, and has all that is written of it: the name with
    /// what belongs to it, and the uses with their signs.
    fn is_in_body(&self, object: &Object, declarator: DeclaratorId) -> bool {
        let model = self.model;
        let tree = &model.tree;
        let Some((_, name)) = tree[declarator].name else {
            return false;
        };
        let token = &self.unit.tokens[name];
        if token.expansion.is_none() || !self.is_ours(token.loc.file) {
            return false;
        }
        let last = tree[declarator].toks.end - 1;
        let used = |use_of: ExprId| {
            let tok = tree[use_of].toks.start;
            let dot = match model.parent(use_of) {
                Parent::Expr(outer) => match tree[outer].kind {
                    ExprKind::Member {
                        arrow: false,
                        name_tok,
                        ..
                    } => name_tok - 1,
                    _ => tok,
                },
                _ => tok,
            };
            self.in_one_text(&[name, tok, dot])
        };
        // With the length of an array as an argument, as with the type, only the name is the body's.
        let array = matches!(tree[declarator].parts.first(), Some(Part::Array { .. }));
        (array || self.in_one_text(&[name, last]))
            && model.uses(object.entity).iter().all(|&u| used(u))
    }

    /// The variables that macros' bodies declare, by where: what one use of a macro makes of its text all
    /// make of it.
    pub(super) fn twins(&self) -> BTreeMap<Loc, Vec<&Object>> {
        let mut found: BTreeMap<Loc, Vec<&Object>> = BTreeMap::new();
        for object in self.objects.iter().filter(|o| o.kind == ObjectKind::Local) {
            let declarator = self.model[object.entity].declarators.first();
            let name = declarator.and_then(|&d| self.model.tree[d].name);
            let token = name.map(|(_, tok)| &self.unit.tokens[tok]);
            if let Some(token) = token.filter(|t| t.expansion.is_some() && !t.synthetic) {
                found.entry(token.loc).or_default().push(object);
            }
        }
        found
    }

    /// Whether the elements of an initial value, which are written anew one by one, stand in the file
    /// one behind the other. Those of an included file do not, nor do two of one macro.
    fn can_part(&self, declarator: DeclaratorId, init: ExprId, in_body: bool) -> bool {
        let tree = &self.model.tree;
        let toks = tree[init].toks;
        let equals = toks.start - 1;
        let mut parts = vec![Toks::new(equals - 1, equals), Toks::new(equals, toks.start)];
        match &tree[value_of(self, init)].kind {
            _ if is_zero(self, init) => parts.push(toks),
            ExprKind::List(_) => {
                let Some(leaves) = self.leaves(declarator, init, "") else {
                    return false;
                };
                if self.is_one_value(declarator, init) {
                    parts.push(toks);
                } else {
                    parts.push(Toks::new(toks.start, toks.start + 1));
                    parts.extend(leaves.iter().map(|leaf| tree[leaf.value].toks));
                    parts.push(Toks::new(toks.end - 1, toks.end));
                }
            }
            _ => parts.push(toks),
        }
        self.in_a_row(parts, in_body)
    }

    /// Whether an initial value can be written anew as a whole: it has no more than numbers, and what
    /// stands around it in the file is not made by the same macro.
    fn can_spell(&self, declarator: DeclaratorId, init: ExprId, in_body: bool) -> bool {
        let model = self.model;
        let toks = model.tree[init].toks;
        let before = toks.start - 2;
        let around = vec![
            Toks::new(before, before + 1),
            toks,
            Toks::new(toks.end, toks.end + 1),
        ];
        self.is_spelled(declarator, init) && self.in_a_row(around, in_body)
    }

    /// Whether all values are constants, which can be written anew anywhere.
    fn is_spelled(&self, declarator: DeclaratorId, init: ExprId) -> bool {
        let model = self.model;
        let constant = |e: ExprId| {
            let text = matches!(model.tree[e].kind, ExprKind::Text);
            text || model.value(e).is_some() || model.is_null_pointer_constant(e)
        };
        let leaves = self.leaves(declarator, init, "");
        leaves.is_some_and(|leaves| leaves.iter().all(|leaf| constant(leaf.value)))
    }

    /// The use of a macro that makes the declaration of one structure, and nothing else but what ends it.
    fn one_use(&self, declarator: DeclaratorId) -> Option<Loc> {
        let tree = &self.model.tree;
        let decl = &tree[tree[declarator].decl];
        if decl.declarators.len() != 1 || !tree[declarator].parts.is_empty() {
            return None;
        }
        let unit = self.unit;
        let of = unit.outermost(&unit.tokens[decl.toks.start])?;
        let (from, to) = (of.invocation, of.close.unwrap_or(of.invocation));
        let whole = Loc {
            end: to.end,
            ..from
        };
        let inside = |tok: Tok| {
            unit.tokens.get(tok).is_some_and(|token| {
                let at = unit.visible_loc(token);
                at.file == from.file && from.start <= at.start && at.end <= whole.end
            })
        };
        let last = decl.toks.end - 1;
        let alone = !inside(decl.toks.start.checked_sub(1)?) && !inside(decl.toks.end);
        let all = (decl.toks.start..last).all(inside);
        (alone && all && to.file == from.file && self.is_ours(from.file)).then_some(whole)
    }

    /// Whether parts of the code stand in the file one behind the other, or in the body of a macro.
    fn in_a_row(&self, parts: Vec<Toks>, in_body: bool) -> bool {
        let places = parts.into_iter().map(|part| self.extent(part, in_body));
        let places: Option<Vec<Loc>> = places.collect();
        places.is_some_and(|places| {
            let behind = |a: Loc, b: Loc| a.file == b.file && a.end <= b.start;
            self.is_ours(places[0].file) && places.windows(2).all(|p| behind(p[0], p[1]))
        })
    }

    /// Tokens as text.
    fn spelling(&self, toks: Toks) -> String {
        let unit = self.unit;
        let tokens = unit.tokens[toks.start..toks.end].iter();
        let words: Vec<_> = tokens
            .map(|t| String::from_utf8_lossy(unit.text(t)))
            .collect();
        words.join(" ")
    }

    /// Where tokens stand in the file, macros that they come from as they are used; or where they stand in
    /// the body of a macro.
    fn extent(&self, toks: Toks, in_body: bool) -> Option<Loc> {
        let unit = self.unit;
        if in_body {
            let (first, last) = (toks.start, toks.end - 1);
            let (start, end) = (unit.tokens[first].loc, unit.tokens[last].loc);
            let whole = Loc {
                end: end.end,
                ..start
            };
            return self.in_one_text(&[first, last]).then_some(whole);
        }
        let first = unit.visible_loc(&unit.tokens[toks.start]);
        let last_token = &unit.tokens[toks.end - 1];
        let close = unit.outermost(last_token).and_then(|of| of.close);
        let last = close.unwrap_or(unit.visible_loc(last_token));
        let one_file = first.file == last.file && first.start < last.end;
        one_file.then_some(Loc {
            file: first.file,
            start: first.start,
            end: last.end,
        })
    }

    /// Whether a function jumps.
    pub(super) fn jumps(&self, function: FunctionId) -> bool {
        let model = self.model;
        let jumping = self.jumping.get_or_init(|| {
            let stmts = model.tree.stmts.iter().enumerate();
            let jumps = stmts
                .filter(|(_, s)| matches!(s.kind, StmtKind::Goto(_) | StmtKind::GotoComputed(_)));
            jumps
                .filter_map(|(index, _)| model.stmt_function(StmtId(index as u32)))
                .collect()
        });
        jumping.contains(&function)
    }

    /// Whether a jump passes the declaration of a variable by, into its scope: C has no such jumps
    /// past what is freed at the end of a scope.
    fn is_jumped_into(&self, declarator: DeclaratorId, function: FunctionId) -> bool {
        let tree = &self.model.tree;
        let body = tree[tree[function].body].toks;
        let scope = match self.model.decl_parent(tree[declarator].decl) {
            Parent::Stmt(stmt) => match self.model.stmt_parent(stmt) {
                Parent::Stmt(outer) => Toks::new(tree[stmt].toks.end, tree[outer].toks.end),
                _ => body,
            },
            _ => body,
        };
        let stmts = || tree.stmts.iter().filter(|s| body.contains(s.toks.start));
        let inside = |toks: Toks| scope.contains(toks.start);
        stmts().any(|label| match label.kind {
            StmtKind::Label(name) if inside(label.toks) => stmts().any(|jump| match jump.kind {
                StmtKind::Goto(to) => to == name && !inside(jump.toks),
                StmtKind::GotoComputed(_) => true,
                _ => false,
            }),
            _ => false,
        })
    }

    fn is_parameter_of(&self, declarator: DeclaratorId) -> bool {
        let entity = self.model.declares(declarator);
        entity.and_then(|e| self.model[e].storage()) == Some(crate::c::types::Storage::Parameter)
    }

    fn several(&self, function: FunctionId) -> bool {
        let entity = self.model.info(function).entity;
        entity.is_some_and(|e| self.is_several(e))
    }

    /// Whether the initial value can be given to a block.
    fn has_value_for(&self, declarator: DeclaratorId) -> bool {
        let model = self.model;
        let tree = &model.tree;
        match tree[declarator].init {
            None => true,
            Some(init) => match &tree[value_of(self, init)].kind {
                ExprKind::List(_) => {
                    is_zero(self, init) || self.leaves(declarator, init, "").is_some()
                }
                _ => true,
            },
        }
    }

    /// The variables that move besides those that meet the heap, if the heap lies in an arena: those
    /// with pointers into it whose address is taken, and those that a function with a loop of jumps
    /// gets, which the verifier would tell iterations apart by.
    pub(super) fn moves_along(&self, object: &Object) -> bool {
        let model = self.model;
        // What is copied from it stays what it is.
        let is_source = |address: ExprId| match model.parent(address) {
            Parent::Expr(call) => match &model.tree[call].kind {
                ExprKind::Call { callee, args, .. } => {
                    let name = model.tree.name(*callee).map(|n| self.unit.symbols.text(n));
                    name == Some(b"static_memcpy") && args.get(1) == Some(&address)
                }
                _ => false,
            },
            _ => false,
        };
        let lent = |name: ExprId| match model.parent(name) {
            Parent::Expr(outer) => {
                let address =
                    matches!(model.tree[outer].kind, ExprKind::Unary(Unary::AddressOf, _));
                (address && !is_source(outer)).then_some(outer)
            }
            _ => None,
        };
        // What is copied out of the arena becomes an argument of static_memcpy.
        let copied = || {
            let mut copies = self.copies.iter();
            let from_arena = |source: Option<Var>| source.is_some_and(|s| self.vars.is_arena(s));
            copies.any(|c| c.place == object.place && from_arena(c.source))
        };
        let uses = || model.uses(object.entity).iter();
        (uses().any(|&u| lent(u).is_some()) || copied()) && self.holds_arena(object)
            || uses().any(|&u| {
                let array = model.is_array(model[object.entity].ty).then_some(u);
                lent(u).or(array).is_some_and(|e| self.is_given_to_jumps(e))
            })
    }

    /// Whether an expression is an argument of a function that jumps back under `can_loop`.
    fn is_given_to_jumps(&self, expr: ExprId) -> bool {
        let model = self.model;
        let Parent::Expr(call) = model.parent(expr) else {
            return false;
        };
        let ExprKind::Call { callee, args, .. } = &model.tree[call].kind else {
            return false;
        };
        let function = model.entity(*callee).map(|e| model[e].kind);
        let Some(EntityKind::Function {
            definition: Some(function),
            ..
        }) = function
        else {
            return false;
        };
        args.contains(&expr) && super::jumps::jumps_back(self, function)
    }

    /// Whether an object of the program can lie in the arena.
    pub(super) fn can_lie_there(&self, entity: crate::c::types::EntityId) -> bool {
        let Some(object) = self.object_of(entity) else {
            return false;
        };
        match object.kind {
            ObjectKind::Local => self.can_move(object),
            ObjectKind::Static => self.is_plain_constant(object),
            ObjectKind::Extern => false,
        }
    }

    /// Where the variables of the file lie that hold pointers and are assigned to, so that the
    /// compiler does not know what they hold.
    pub(super) fn reassigned(&self) -> HashSet<super::vars::Var> {
        let model = self.model;
        let set = |name: ExprId| match model.parent(name) {
            Parent::Expr(outer) => match model.tree[outer].kind {
                ExprKind::Assign { left, .. } => left == name,
                ExprKind::Postfix { .. } | ExprKind::Unary(Unary::Increment, _) => true,
                ExprKind::Unary(Unary::Decrement | Unary::AddressOf, _) => true,
                _ => false,
            },
            _ => false,
        };
        let objects = self.objects.iter().filter(|o| {
            o.kind == ObjectKind::Static
                && model.is_pointer(model[o.entity].ty)
                && model.uses(o.entity).iter().any(|&u| set(u))
        });
        objects.map(|o| o.place).collect()
    }

    /// The address spaces of what is followed at places that nobody can prove, as far as all of it
    /// can lie in the arena; `arena` where that is decided already.
    pub(super) fn followed_freely(&self, search: &Search, arena: bool) -> Vec<(Var, Tok)> {
        let model = self.model;
        let mut found = Vec::new();
        let mut arrays = Vec::new();
        for pointer in search.followed_freely(arena) {
            let toks = model.tree[pointer].toks;
            let root = model.root(pointer);
            let array = model.is_array(model.type_of(pointer));
            if let (true, crate::c::types::Root::Entity(entity)) = (array, root) {
                if self.can_lie_there(entity)
                    && let Some(place) = self.place_of(entity)
                    && !self.vars.is_fixed(place)
                {
                    arrays.push((place, toks.start));
                }
                continue;
            }
            let follows = search.follows_of((toks.start, toks.end));
            // With a constant index it may be a number that is looked at byte by byte: the loop
            // over its size ends where clang sees it.
            let constant = matches!(model.parent(pointer), Parent::Expr(outer)
                if matches!(model.tree[outer].kind, ExprKind::Index(_, at) if model.value(at).is_some()));
            let follows = follows.filter(|f| !constant || !self.holds_number(f.space));
            found.extend(follows.map(|f| (f.space, toks.start)));
        }
        // Of what nothing is known, nobody may call the function.
        let elsewhere = self.called_elsewhere.iter();
        let elsewhere: HashSet<Var> = elsewhere.map(|&s| self.vars.find(s)).collect();
        let known = |space| self.vars.is_known(space) || elsewhere.contains(&self.vars.find(space));
        found.retain(|&(space, _)| !self.vars.is_fixed(space) && known(space));
        found.extend(arrays);
        found
    }

    /// Whether memory that lies elsewhere as yet can lie in the arena.
    pub(super) fn can_take(&self, space: Var) -> bool {
        !self.vars.is_arena(space) && !self.vars.is_fixed(space) && self.vars.is_known(space)
    }

    /// Whether a number or pointer on the stack lies in an address space.
    fn holds_number(&self, space: Var) -> bool {
        let model = self.model;
        let space = self.vars.find(space);
        self.objects.iter().any(|o| {
            let ty = model[o.entity].ty;
            o.kind == ObjectKind::Local
                && self.vars.find(o.place) == space
                && (model.number(ty).is_some() || model.is_pointer(ty))
        })
    }

    /// Whether a variable on the stack that others write to through its address holds pointers into
    /// the heap, in a program with loops whose end the verifier cannot see.
    pub(super) fn keeps_on_stack(&self, search: &Search) -> Option<Tok> {
        let unseen = search.unseen().is_some();
        let grown = self.grows;
        let mut held = self
            .objects
            .iter()
            .filter(|o| o.kind == ObjectKind::Local && self.is_aggregate(o) && self.moves_along(o));
        held.next().map(|o| o.tok).filter(|_| unseen || grown)
    }

    /// The arrays on the stack that a loop fills with blocks which it does not test. Each element is
    /// NULL or not, the verifier follows every combination, and with more than a few elements that is
    /// more than it is ready to: 43,000 instructions for 10 elements, twice that for each further one.
    pub(super) fn filled_untested(&self) -> impl Iterator<Item = (Var, Tok)> {
        let model = self.model;
        let many = |o: &&Object| {
            let len = match model[model[o.entity].ty] {
                Type::Array { len, .. } => len,
                _ => None,
            };
            o.kind == ObjectKind::Local && len.is_some_and(|len| len > FEW)
        };
        let objects = self.objects.iter().filter(many);
        let filled = objects.filter(|o| {
            self.holds_arena(o)
                && self.can_move(o)
                && self.loops.iter().any(|l| {
                    let body = Toks::new(l.body.0, l.body.1);
                    let uses = model.uses(o.entity).iter();
                    let places = uses
                        .filter(|&&u| body.contains(model.tree[u].toks.start))
                        .map(|&u| self.element(u));
                    let places: Vec<ExprId> = places.collect();
                    places.iter().any(|&p| self.is_assigned_result(p))
                        && !places.iter().any(|&p| self.decides(p))
                })
        });
        filled.map(|o| (o.place, o.tok))
    }

    /// The element of an array, or the member of one, that an expression names.
    fn element(&self, name: ExprId) -> ExprId {
        let model = self.model;
        let mut place = name;
        while let Parent::Expr(outer) = model.parent(place) {
            match model.tree[outer].kind {
                ExprKind::Paren(_) => {}
                ExprKind::Index(array, _) if array == place => {}
                ExprKind::Member { arrow: false, .. } => {}
                _ => break,
            }
            place = outer;
        }
        place
    }

    /// Whether a place whose index varies is assigned what a call returns.
    fn is_assigned_result(&self, place: ExprId) -> bool {
        let model = self.model;
        let Parent::Expr(outer) = model.parent(place) else {
            return false;
        };
        let ExprKind::Assign { left, right, .. } = model.tree[outer].kind else {
            return false;
        };
        let mut value = model.tree.bare(right);
        while let ExprKind::Cast(_, inner) = model.tree[value].kind {
            value = model.tree.bare(inner);
        }
        let varies = |mut at: ExprId| {
            loop {
                match model.tree[model.tree.bare(at)].kind {
                    ExprKind::Index(_, index) if model.value(index).is_none() => return true,
                    ExprKind::Index(inner, _) | ExprKind::Member { object: inner, .. } => {
                        at = inner
                    }
                    _ => return false,
                }
            }
        };
        left == place
            && matches!(model.tree[value].kind, ExprKind::Call { .. })
            && model.is_pointer(model.type_of(place))
            && varies(place)
    }

    /// Whether what lies in a place is tested, or what is assigned to it.
    fn decides(&self, place: ExprId) -> bool {
        let model = self.model;
        let assigned = match model.parent(place) {
            Parent::Expr(outer) if matches!(model.tree[outer].kind, ExprKind::Assign { .. }) => {
                self.is_condition(outer)
            }
            _ => false,
        };
        assigned || self.is_condition(place)
    }

    /// The variables on the stack that become blocks.
    pub(super) fn moved(&self) -> HashSet<Var> {
        let local = self.objects.iter().filter(|o| o.kind == ObjectKind::Local);
        local
            .filter(|o| self.vars.is_arena(o.place) && self.can_move(o))
            .map(|o| o.place)
            .collect()
    }

    fn is_aggregate(&self, object: &Object) -> bool {
        matches!(
            self.model[self.model[object.entity].ty],
            Type::Record(_) | Type::Array { .. }
        )
    }
}

/// The values of an initial value: `(struct point){1, 2}` has those of its braces.
fn value_of(reading: &Reading, init: ExprId) -> ExprId {
    let tree = &reading.model.tree;
    match tree[tree.bare(init)].kind {
        ExprKind::Compound(_, list) => list,
        _ => init,
    }
}

/// Whether an initial value is all zeros.
fn is_zero(reading: &Reading, init: ExprId) -> bool {
    let model = reading.model;
    match &model.tree[init].kind {
        ExprKind::List(elements) => elements.iter().all(|e| is_zero(reading, e.value)),
        ExprKind::Paren(e) | ExprKind::Cast(_, e) | ExprKind::Compound(_, e) => {
            is_zero(reading, *e)
        }
        _ => model.value(init) == Some(0) || model.is_null_pointer_constant(init),
    }
}
