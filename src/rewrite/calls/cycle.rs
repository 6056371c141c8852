//! Functions that call each other in circles, and what is known of them.

use rustc_hash::{FxHashMap, FxHashSet};

use super::source::Source;
use super::{Trouble, live};
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, StmtId, StmtKind, Toks, Tree, Unary};
use crate::c::types::{EntityId, Model, Parent, Root, Storage, Type, TypeId};

/// A parameter.
#[derive(Clone, Debug)]
pub(super) struct Param {
    /// `None` if it has no name.
    pub entity: Option<EntityId>,
    pub ty: TypeId,
    /// All calls of the cycle pass it on as it is: it stays the parameter that it was.
    pub kept: bool,
}

/// A function of a cycle.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub function: FunctionId,
    pub entity: EntityId,
    pub name: String,
    pub params: Vec<Param>,
    pub ret: TypeId,
    /// Something outside of the cycle uses it.
    pub outside: bool,
    /// Nothing of a call is needed once the last call that it makes begins.
    pub jumps: bool,
}

impl Member {
    pub fn is_void(&self, model: &Model) -> bool {
        matches!(model[self.ret], Type::Void)
    }
}

/// Functions that call each other in circles.
#[derive(Debug)]
pub(super) struct Cycle {
    pub members: Vec<Member>,
    /// The calls from one to another, and to itself.
    pub calls: FxHashMap<ExprId, usize>,
    /// The expressions that such a call is evaluated in.
    pub hot: FxHashSet<ExprId>,
    /// The functions change memory other than their own variables.
    pub writes: bool,
    /// Variables that the frame holds.
    pub framed: FxHashSet<EntityId>,
    /// By member: where its text stands.
    toks: Vec<Toks>,
}

impl Cycle {
    /// Looks at the functions of a component; `None` if they do not call each other in circles.
    pub fn find(model: &Model, functions: &[FunctionId]) -> Option<Result<Self, Trouble>> {
        if !functions.iter().any(|&f| model.is_recursive(f)) {
            return None;
        }
        let mut functions = functions.to_vec();
        functions.sort_by_key(|&f| model.tree[f].toks);
        Some(Self::of(model, &functions))
    }

    fn of(model: &Model, functions: &[FunctionId]) -> Result<Self, Trouble> {
        let mut cycle = Self {
            members: Vec::new(),
            calls: FxHashMap::default(),
            hot: FxHashSet::default(),
            writes: false,
            framed: FxHashSet::default(),
            toks: functions.iter().map(|&f| model.tree[f].toks).collect(),
        };
        for &function in functions {
            cycle.members.push(member(model, function)?);
        }
        for at in 0..functions.len() {
            cycle.find_calls(model, at)?;
        }
        for (at, &function) in functions.iter().enumerate() {
            cycle.members[at].outside = cycle.is_used_outside(model, at);
            cycle.writes |= writes(model, function, &cycle.members);
        }
        if functions.len() == 1 {
            cycle.keep_parameters(model);
        }
        for at in 0..functions.len() {
            cycle.frame(model, at);
        }
        Ok(cycle)
    }

    pub fn member_of(&self, entity: EntityId) -> Option<usize> {
        self.members.iter().position(|m| m.entity == entity)
    }

    fn find_calls(&mut self, model: &Model, at: usize) -> Result<(), Trouble> {
        let function = self.members[at].function;
        for call in &model.info(function).calls {
            let Some(callee) = call.callee.and_then(|c| self.member_of(c)) else {
                continue;
            };
            if let Some(path) = evaluated_in(model, call.expr)? {
                self.calls.insert(call.expr, callee);
                self.hot.extend(path);
            }
        }
        Ok(())
    }

    fn is_used_outside(&self, model: &Model, at: usize) -> bool {
        let member = &self.members[at];
        !model[member.entity].is_internal_function() || self.is_called_outside(model, member)
    }

    /// Whether something else in the unit uses a member.
    pub fn is_called_outside(&self, model: &Model, member: &Member) -> bool {
        model.uses(member.entity).iter().any(|&expr| {
            let inside = self.calls.keys().any(|&call| match model.tree[call].kind {
                ExprKind::Call { callee, .. } => model.tree.bare(callee) == expr,
                _ => false,
            });
            !inside
        })
    }

    /// Finds the parameters that all calls pass on as they are.
    fn keep_parameters(&mut self, model: &Model) {
        let calls: Vec<ExprId> = self.calls.keys().copied().collect();
        for at in 0..self.members[0].params.len() {
            let Some(entity) = self.members[0].params[at].entity else {
                continue;
            };
            let passed = calls.iter().all(|&call| match &model.tree[call].kind {
                ExprKind::Call { args, .. } => args
                    .get(at)
                    .is_some_and(|&arg| model.named(arg) == Some(entity)),
                _ => false,
            });
            let kept = passed && !model.is_address_taken(entity) && !is_assigned(model, entity);
            self.members[0].params[at].kept = kept;
        }
    }

    /// Finds the variables whose values are needed after a call.
    fn frame(&mut self, model: &Model, at: usize) {
        let member = &self.members[at];
        let info = model.info(member.function);
        let live = live::across_calls(model, member.function, &self.calls);
        let kept: Vec<EntityId> = member
            .params
            .iter()
            .filter(|p| p.kept)
            .filter_map(|p| p.entity)
            .collect();
        let mut framed = FxHashSet::default();
        for &object in &info.objects {
            let in_frame = match model[object].storage() {
                Some(Storage::Parameter) => !kept.contains(&object),
                Some(Storage::Local) => {
                    let scope = scope_of(model, object);
                    let crossed = scope.is_some_and(|s| self.is_called_in(model, s));
                    let whole = model.is_address_taken(object)
                        || matches!(
                            model[model[object].ty],
                            Type::Array { .. } | Type::Record(_)
                        );
                    // In its scope a parameter would be set in vain.
                    let hides = member
                        .params
                        .iter()
                        .filter_map(|p| p.entity)
                        .any(|p| p != object && model[p].name == model[object].name);
                    crossed
                        && (whole
                            || hides
                            || live.contains(&object)
                            || self.starts_loop(model, object))
                }
                _ => false,
            };
            if in_frame {
                framed.insert(object);
            }
        }
        // What one declaration declares stays together.
        for &object in &info.objects {
            let together = siblings(model, object);
            if together.iter().any(|s| framed.contains(s))
                && model[object].storage() == Some(Storage::Local)
            {
                framed.insert(object);
            }
        }
        let lent =
            |&object: &EntityId| model[object].is_automatic() && model.is_address_taken(object);
        self.members[at].jumps = !info.objects.iter().any(lent);
        self.framed.extend(framed);
    }

    /// Whether a declaration that calls is the first clause of a `for`.
    fn starts_loop(&self, model: &Model, object: EntityId) -> bool {
        let Some(&declarator) = model[object].declarators.first() else {
            return false;
        };
        let decl = model.tree[declarator].decl;
        let Parent::Stmt(stmt) = model.decl_parent(decl) else {
            return false;
        };
        let Parent::Stmt(outer) = model.stmt_parent(stmt) else {
            return false;
        };
        matches!(model.tree[outer].kind, StmtKind::For { .. })
            && self.is_called_in(model, model.tree[decl].toks)
    }

    fn is_called_in(&self, model: &Model, toks: Toks) -> bool {
        let mut calls = self.calls.keys();
        calls.any(|&call| toks.holds(model.tree[call].toks))
    }

    /// The text of a member.
    pub fn source<'a>(&self, model: &'a Model, at: usize) -> Result<Source<'a>, Trouble> {
        Source::new(model.unit, self.toks[at])
    }
}

fn member(model: &Model, function: FunctionId) -> Result<Member, Trouble> {
    let known = &model.tree[function];
    let tok = known.toks.start;
    let info = model.info(function);
    let entity = info
        .entity
        .ok_or_else(|| Trouble::at(tok, "it has no name"))?;
    let name = String::from_utf8_lossy(model.unit.symbols.text(model[entity].name)).into_owned();
    if known.parent.is_some() {
        return Err(Trouble::at(tok, "it is nested in another function"));
    }
    if known.broken {
        return Err(Trouble::at(tok, "a part of it is not understood"));
    }
    let Type::Function {
        ret,
        ref params,
        variadic,
        ..
    } = model[model[entity].ty]
    else {
        return Err(Trouble::at(tok, "its type is not understood"));
    };
    if variadic {
        return Err(Trouble::at(tok, "it takes a variable number of arguments"));
    }
    if matches!(model[ret], Type::Unknown) {
        return Err(Trouble::at(tok, "the type of its result is not understood"));
    }
    check(model, &model.tree, known.body)?;
    let param = |(at, ty): (usize, &TypeId)| {
        let entity = info.params.get(at).copied().flatten();
        Param {
            entity,
            ty: *ty,
            kept: false,
        }
    };
    Ok(Member {
        function,
        entity,
        name,
        params: params.iter().enumerate().map(param).collect(),
        ret,
        outside: true,
        jumps: false,
    })
}

/// Refuses statements that nothing here can be made of.
fn check(model: &Model, tree: &Tree, stmt: StmtId) -> Result<(), Trouble> {
    let tok = tree[stmt].toks.start;
    if tree[stmt].broken {
        return Err(Trouble::at(tok, "this statement is not understood"));
    }
    match tree[stmt].kind {
        StmtKind::GotoComputed(_) => {
            return Err(Trouble::at(tok, "it jumps to computed places"));
        }
        StmtKind::Function(_) => {
            return Err(Trouble::at(tok, "a function is nested in it"));
        }
        StmtKind::Decl(decl) => {
            for &declarator in &tree[decl].declarators {
                let ty = model.declarator_type(declarator);
                if let Type::Array { variable: true, .. } = model[ty] {
                    return Err(Trouble::at(
                        tok,
                        "it has an array whose length is told at run time",
                    ));
                }
                let attributes = tree[declarator].attributes.iter();
                let mut attributes = attributes.chain(&tree[decl].specifiers.attributes);
                let cleanup = |toks: &Toks| {
                    (toks.start..toks.end).any(|t| {
                        let text = model.unit.text(&model.unit.tokens[t]);
                        text == b"cleanup" || text == b"__cleanup__"
                    })
                };
                if attributes.any(cleanup) {
                    return Err(Trouble::at(
                        tok,
                        "it has a variable with a cleanup function",
                    ));
                }
            }
        }
        _ => {}
    }
    for inner in tree.substatements(stmt) {
        check(model, tree, inner)?;
    }
    Ok(())
}

/// The expressions that a call is evaluated in, itself first; `None` if it is not evaluated at all.
fn evaluated_in(model: &Model, call: ExprId) -> Result<Option<Vec<ExprId>>, Trouble> {
    let tok = model.tree[call].toks.start;
    let mut path = vec![call];
    let mut at = call;
    loop {
        match model.parent(at) {
            Parent::Expr(outer) => {
                match model.tree[outer].kind {
                    ExprKind::SizeofExpr(_) => return Ok(None),
                    ExprKind::Generic { control, .. } if control == at => return Ok(None),
                    ExprKind::Generic { .. } => {
                        return Err(Trouble::at(tok, "a call stands in `_Generic`"));
                    }
                    ExprKind::Asm(_) => return Err(Trouble::at(tok, "a call stands in `asm`")),
                    ExprKind::Unknown(_) => {
                        return Err(Trouble::at(tok, "a call stands in what is not understood"));
                    }
                    _ => {}
                }
                path.push(outer);
                at = outer;
            }
            Parent::Stmt(stmt) => {
                return match in_expression(model, stmt) {
                    true => Err(Trouble::at(tok, "a call stands in a statement expression")),
                    false => Ok(Some(path)),
                };
            }
            Parent::Declarator(declarator) => {
                if model.tree[declarator].init != Some(at) {
                    return Err(Trouble::at(tok, "a call stands in the size of an array"));
                }
                return match model.decl_parent(model.tree[declarator].decl) {
                    Parent::Stmt(stmt) if !in_expression(model, stmt) => Ok(Some(path)),
                    _ => Err(Trouble::at(tok, "a call stands in a statement expression")),
                };
            }
            _ => return Ok(None),
        }
    }
}

/// Whether a statement stands in a statement expression.
fn in_expression(model: &Model, stmt: StmtId) -> bool {
    let mut at = stmt;
    loop {
        match model.stmt_parent(at) {
            Parent::Stmt(outer) => at = outer,
            Parent::Expr(_) => return true,
            _ => return false,
        }
    }
}

/// The tokens between the declaration of a variable and the end of its scope.
pub(super) fn scope_of(model: &Model, object: EntityId) -> Option<Toks> {
    let &declarator = model[object].declarators.first()?;
    let decl = model.tree[declarator].decl;
    let Parent::Stmt(stmt) = model.decl_parent(decl) else {
        return None;
    };
    let end = match model.stmt_parent(stmt) {
        Parent::Stmt(outer) => model.tree[outer].toks.end,
        _ => return None,
    };
    let start = match model.stmt_parent(stmt) {
        // The variable of a loop is set before it.
        Parent::Stmt(outer) if matches!(model.tree[outer].kind, StmtKind::For { .. }) => {
            model.tree[decl].toks.start
        }
        _ => model.tree[declarator].toks.end,
    };
    Some(Toks::new(start, end))
}

/// The variables of one declaration.
fn siblings(model: &Model, object: EntityId) -> Vec<EntityId> {
    let Some(&declarator) = model[object].declarators.first() else {
        return Vec::new();
    };
    let decl = &model.tree[model.tree[declarator].decl];
    let declared = decl.declarators.iter();
    declared.filter_map(|&d| model.declares(d)).collect()
}

/// Whether a variable is assigned to after its declaration.
pub(super) fn is_assigned(model: &Model, entity: EntityId) -> bool {
    model.uses(entity).iter().any(|&name| {
        let mut at = name;
        while let Parent::Expr(outer) = model.parent(at) {
            match model.tree[outer].kind {
                ExprKind::Paren(_) | ExprKind::Member { arrow: false, .. } => at = outer,
                ExprKind::Index(a, _) if a == at && model.is_array(model.type_of(at)) => at = outer,
                ExprKind::Assign { left, .. } => return left == at,
                ExprKind::Unary(Unary::Increment | Unary::Decrement, _)
                | ExprKind::Postfix { .. }
                | ExprKind::Asm(_) => return true,
                _ => return false,
            }
        }
        false
    })
}

/// Whether a function changes memory other than its own variables, as far as can be seen.
fn writes(model: &Model, function: FunctionId, members: &[Member]) -> bool {
    let info = model.info(function);
    let known =
        |callee: Option<EntityId>| callee.is_some_and(|c| members.iter().any(|m| m.entity == c));
    if info.calls.iter().any(|call| !known(call.callee)) {
        return true;
    }
    let toks = model.tree[function].toks;
    model.tree.exprs.iter().any(|expr| {
        if !toks.holds(expr.toks) {
            return false;
        }
        let place = match expr.kind {
            ExprKind::Assign { left, .. } => left,
            ExprKind::Unary(Unary::Increment | Unary::Decrement, operand)
            | ExprKind::Postfix { operand, .. } => operand,
            ExprKind::Asm(_) | ExprKind::Unknown(_) => return true,
            _ => return false,
        };
        match model.root(place) {
            Root::Entity(entity) => !model[entity].is_automatic() || model.is_address_taken(entity),
            _ => true,
        }
    })
}

/// The calls that are the last thing a member of the cycle does, so that nothing of its frame is
/// needed any more.
pub(super) fn tails(model: &Model, cycle: &Cycle, at: usize) -> FxHashSet<ExprId> {
    let mut found = FxHashSet::default();
    let member = &cycle.members[at];
    if member.jumps {
        let body = model.tree[member.function].body;
        let mut tails = Tails {
            model,
            cycle,
            at,
            found: &mut found,
        };
        tails.stmt(body, true);
    }
    found
}

struct Tails<'a, 'u> {
    model: &'a Model<'u>,
    cycle: &'a Cycle,
    at: usize,
    found: &'a mut FxHashSet<ExprId>,
}

impl Tails<'_, '_> {
    fn stmt(&mut self, stmt: StmtId, last: bool) {
        let void = self.cycle.members[self.at].is_void(self.model);
        match &self.model.tree[stmt].kind {
            StmtKind::Return(Some(value)) => self.expr(*value),
            StmtKind::Expr(expr) if last && void => self.expr(*expr),
            StmtKind::Block(list) => {
                // A call that only `return;` follows is the last, too.
                let bare = |&s: &StmtId| matches!(self.model.tree[s].kind, StmtKind::Return(None));
                for (at, &inner) in list.iter().enumerate() {
                    let ends = last && at + 1 == list.len() || list.get(at + 1).is_some_and(bare);
                    self.stmt(inner, ends);
                }
            }
            StmtKind::If { .. } => {
                for inner in self.model.tree.substatements(stmt) {
                    self.stmt(inner, last);
                }
            }
            _ => {
                for inner in self.model.tree.substatements(stmt) {
                    self.stmt(inner, false);
                }
            }
        }
    }

    fn expr(&mut self, expr: ExprId) {
        let expr = self.model.tree.bare(expr);
        let void = self.cycle.members[self.at].is_void(self.model);
        match self.model.tree[expr].kind {
            ExprKind::Call { .. } => {
                let Some(&callee) = self.cycle.calls.get(&expr) else {
                    return;
                };
                if callee == self.at || self.cycle.one_result(self.model) {
                    self.found.insert(expr);
                }
            }
            ExprKind::Conditional {
                then: Some(then),
                otherwise,
                ..
            } => {
                self.expr(then);
                self.expr(otherwise);
            }
            ExprKind::Comma(_, last) if void => self.expr(last),
            ExprKind::Binary {
                op: crate::c::syntax::tree::Binary::And | crate::c::syntax::tree::Binary::Or,
                right,
                ..
            } if void => self.expr(right),
            _ => {}
        }
    }
}

impl Cycle {
    /// Whether all members return the same type.
    pub fn one_result(&self, model: &Model) -> bool {
        let first = self.members[0].ret;
        let same = |m: &Member| {
            model.number(m.ret) == model.number(first) && model.compatible(m.ret, first)
        };
        self.members.iter().all(same)
    }
}
