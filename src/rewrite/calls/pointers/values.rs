//! Where the names of functions are values, and where those get to.

use std::collections::BTreeSet;

use super::dispatch::Sorter;
use super::shared::RANGE;
use super::{Lent, Pointers, Trouble};
use crate::c::syntax::tree::{ExprId, ExprKind, Unary};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Type, TypeId};

/// What becomes of a value.
enum Goes {
    /// It is converted to a type.
    To(TypeId),
    /// A function that the unit does not define gets it: one of the kernel or of the C library, which
    /// wants an address.
    Out,
    /// Nobody looks at which function it is.
    Nowhere,
    /// Not known.
    Unknown,
}

impl Pointers<'_, '_> {
    /// Finds the names of functions that become numbers, and the functions that each type of pointers
    /// leads to.
    pub(super) fn values(&mut self) -> Result<(), Trouble> {
        let model = self.model;
        for index in 0..model.entities.len() {
            let function = EntityId(index as u32);
            if !model[function].is_function() {
                continue;
            }
            for &name in model.uses(function) {
                self.value(name, function)?;
            }
        }
        self.converted();
        for class in self.classes.iter().filter(|c| c.numbered) {
            if let Some(call) = class.calls.first()
                && class.role.is_none()
                && self.is_shared(class.ty)
            {
                let tok = model.tree[call.pointer].toks.start;
                return Err(Trouble::at(tok, "other files have such pointers, too"));
            }
            for call in &class.calls {
                let tok = model.tree[call.call].toks.start;
                if !self.in_file(tok) {
                    return Err(Trouble::at(
                        tok,
                        "it stands in a header that others include",
                    ));
                }
            }
        }
        let functions: BTreeSet<EntityId> = self.names.iter().map(|n| n.1).collect();
        if let Some(&(name, _)) = self.names.first()
            && functions.len() > RANGE
            && self.classes.iter().any(|class| class.role.is_some())
        {
            let tok = model.tree[name].toks.start;
            return Err(Trouble::at(tok, "the file names too many functions"));
        }
        self.leave()
    }

    /// A name of a function.
    pub(super) fn value(&mut self, name: ExprId, function: EntityId) -> Result<(), Trouble> {
        let model = self.model;
        let mut types = Vec::new();
        let Some(at) = outermost(model, name, &mut types) else {
            return Ok(());
        };
        types.push(model.type_of(name));
        let kept;
        match self.goes(at) {
            Goes::To(ty) => {
                kept = self.function_type(ty).is_some();
                types.insert(0, ty);
            }
            Goes::Out | Goes::Nowhere => return Ok(()),
            Goes::Unknown => kept = false,
        }
        // What it is converted to last says what calls through it, if anything does.
        let mut classes = types.iter().filter_map(|&t| self.function_type(t));
        let decides = classes.find_map(|t| self.find_class(t));
        let tok = model.tree[name].toks.start;
        let Some(decides) = decides else {
            // Nobody knows which pointers it comes back in.
            return match kept || self.is_of_kernel(function) {
                true => Ok(()),
                false => Err(Trouble::at(
                    tok,
                    "the address of a function is kept as something other than a pointer to one",
                )),
            };
        };
        if !self.classes[decides].numbered {
            return Ok(());
        }
        if !self.in_file(tok) {
            return Err(Trouble::at(
                tok,
                "a header that others include uses the function's address",
            ));
        }
        if self.is_program(function) {
            return Err(Trouble::at(tok, "the function is a program of its own"));
        }
        self.names.push((name, function));
        for ty in types {
            let class = self.function_type(ty).and_then(|t| self.find_class(t));
            if let Some(class) = class.filter(|&c| self.classes[c].numbered) {
                self.classes[class].targets.insert(function);
            }
        }
        Ok(())
    }

    /// Casts take functions from one type of pointers to another.
    pub(super) fn converted(&mut self) {
        let conversions = self.conversions();
        loop {
            let before: usize = self.classes.iter().map(|c| c.targets.len()).sum();
            for &(from, to) in &conversions {
                let more = self.classes[from].targets.clone();
                self.classes[to].targets.extend(more);
            }
            let after: usize = self.classes.iter().map(|c| c.targets.len()).sum();
            if before == after {
                return;
            }
        }
    }

    /// Where a value goes.
    fn goes(&self, value: ExprId) -> Goes {
        let model = self.model;
        let outer = match model.parent(value) {
            Parent::Expr(outer) => outer,
            Parent::Declarator(declarator) => return Goes::To(model.declarator_type(declarator)),
            Parent::Stmt(stmt) => {
                let returns = matches!(
                    model.tree[stmt].kind,
                    crate::c::syntax::tree::StmtKind::Return(_)
                );
                let function = model.stmt_function(stmt).filter(|_| returns);
                let entity = function.and_then(|f| model.info(f).entity);
                return match entity.map(|e| &model[model[e].ty]) {
                    Some(Type::Function { ret, .. }) => Goes::To(*ret),
                    _ => Goes::Nowhere,
                };
            }
            // `typeof(f)`
            _ => return Goes::Nowhere,
        };
        match &model.tree[outer].kind {
            ExprKind::Assign { left, .. } if *left != value => Goes::To(model.type_of(*left)),
            ExprKind::Binary {
                op, left, right, ..
            } if op.compares() => {
                let other = if *left == value { *right } else { *left };
                match model.is_pointer(model.decay_of(other))
                    && !model.is_null_pointer_constant(other)
                {
                    true => Goes::To(model.decay_of(other)),
                    false => Goes::Nowhere,
                }
            }
            ExprKind::Binary { op, .. } if op.is_logical() => Goes::Nowhere,
            ExprKind::Unary(Unary::Not, _) => Goes::Nowhere,
            ExprKind::List(_) => match model.target(value) {
                Some(target) => Goes::To(target.ty),
                None => Goes::Unknown,
            },
            ExprKind::Call { callee, args, .. } if *callee != value => {
                let place = args.iter().position(|&a| a == value);
                let named = model.named(*callee);
                if let Some(entity) = named
                    && let EntityKind::Function { definition, .. } = model[entity].kind
                    && definition.is_none()
                    && !self.is_linked(entity)
                {
                    return Goes::Out;
                }
                if let Some(entity) = named
                    && !model[entity].is_function()
                    && model[entity].declarators.iter().any(|&d| {
                        let init = model.tree[d].init;
                        init.is_some_and(|i| model.constant(i).is_some_and(|v| v != 0))
                    })
                {
                    return Goes::Out;
                }
                let of = model.decay_of(*callee);
                let of = model.pointee(of).unwrap_or(of);
                match (&model[of], place) {
                    (Type::Function { params, .. }, Some(place)) => match params.get(place) {
                        Some(&ty) => Goes::To(ty),
                        None => Goes::Unknown,
                    },
                    _ => Goes::Unknown,
                }
            }
            _ => Goes::Unknown,
        }
    }

    /// No number may get to who wants an address: what sorts and searches gets a function for each.
    fn leave(&mut self) -> Result<(), Trouble> {
        let model = self.model;
        for index in 0..model.tree.exprs.len() {
            let expr = ExprId(index as u32);
            let Some(ty) = self.function_type(model.decay_of(expr)) else {
                continue;
            };
            let named = model.named(expr).is_some_and(|e| model[e].is_function());
            let class = self.find_class(ty).filter(|&c| self.classes[c].numbered);
            let (Some(class), false) = (class, named) else {
                continue;
            };
            let Parent::Expr(call) = model.parent(expr) else {
                continue;
            };
            let ExprKind::Call {
                callee, ref args, ..
            } = model.tree[call].kind
            else {
                continue;
            };
            if callee != expr && matches!(self.goes(expr), Goes::Out) {
                let name = model
                    .named(callee)
                    .map(|e| self.name(e))
                    .unwrap_or_default();
                let last = args.last() == Some(&expr);
                if let Some(sorter) =
                    Sorter::of(&name).filter(|s| last && args.len() == s.arguments())
                    && self.in_file(model.tree[callee].toks.start)
                {
                    self.lent.push(Lent {
                        callee,
                        class,
                        sorter,
                    });
                    continue;
                }
                let tok = model.tree[expr].toks.start;
                return Err(Trouble::at(
                    tok,
                    "a function that is not defined here gets one of them",
                ));
            }
        }
        Ok(())
    }
}

/// What stands around a name of a function without changing its value: the outermost expression, and
/// the types it is cast to, the last first. Nothing where it is called, or not evaluated.
fn outermost(model: &Model, name: ExprId, types: &mut Vec<TypeId>) -> Option<ExprId> {
    let mut at = name;
    loop {
        let Parent::Expr(outer) = model.parent(at) else {
            return Some(at);
        };
        match model.tree[outer].kind {
            ExprKind::Paren(_) => {}
            ExprKind::Unary(Unary::AddressOf | Unary::Deref, _) => {}
            ExprKind::Cast(..) => types.insert(0, model.type_of(outer)),
            ExprKind::Conditional { cond, .. } if cond != at => {}
            ExprKind::Comma(_, last) if last == at => {}
            ExprKind::Call { callee, .. } if callee == at => {
                // `(c ? f : g)(…)`, `((T)f)(…)`
                let direct = types.is_empty() && called(model, name, at);
                return (!direct).then_some(at);
            }
            ExprKind::SizeofExpr(_) | ExprKind::Generic { .. } => return None,
            _ => return Some(at),
        }
        at = outer;
    }
}

/// Whether a call names the function: nothing but parentheses, `*` and `&` around it.
fn called(model: &Model, name: ExprId, callee: ExprId) -> bool {
    let mut at = callee;
    loop {
        match model.tree[at].kind {
            _ if at == name => return true,
            ExprKind::Paren(inner) | ExprKind::Unary(_, inner) => at = inner,
            _ => return false,
        }
    }
}
