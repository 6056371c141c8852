//! Expressions with calls of the cycle: the calls come before them, in C's order of evaluation.

use super::Trouble;
use super::lower::Lowering;
use super::source::At;
use super::types;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Toks, Unary};
use crate::c::types::{Model, TypeId};

impl Lowering<'_, '_, '_> {
    pub(super) fn is_hot(&self, expr: ExprId) -> bool {
        self.cycle.hot.contains(&expr)
    }

    /// An expression with its changes.
    pub(super) fn text(&self, expr: ExprId) -> Result<String, Trouble> {
        self.source
            .render(self.model.tree[expr].toks, &self.changes)
    }

    /// The same, as an operand of a unary operator.
    pub(super) fn operand(&self, expr: ExprId) -> Result<String, Trouble> {
        let text = self.text(expr)?;
        Ok(match self.model.tree[expr].kind {
            ExprKind::Name(_)
            | ExprKind::Number
            | ExprKind::Paren(_)
            | ExprKind::Call { .. }
            | ExprKind::Index(..)
            | ExprKind::Member { .. } => text,
            _ => format!("({text})"),
        })
    }

    /// Does the calls of an expression; what the expression is after that.
    pub(super) fn value(&mut self, expr: ExprId) -> Result<String, Trouble> {
        self.prepare(expr)?;
        self.text(expr)
    }

    /// A whole expression, evaluated by itself, begins.
    pub(super) fn begin(&mut self, expr: ExprId) {
        self.assigned.clear();
        // What a whole expression assigns at last is not changed before that.
        let root = self.model.tree.bare(expr);
        let mut inner = match self.model.tree[root].kind {
            ExprKind::Assign { left, right, .. } => vec![left, right],
            _ => vec![expr],
        };
        while let Some(at) = inner.pop() {
            let place = match self.model.tree[at].kind {
                ExprKind::Assign { left, .. } => Some(left),
                ExprKind::Unary(Unary::Increment | Unary::Decrement, operand)
                | ExprKind::Postfix { operand, .. } => Some(operand),
                _ => None,
            };
            let named = place.and_then(|p| self.model.named(p));
            self.assigned.extend(named);
            inner.extend(self.model.tree.operands(at));
        }
    }

    /// Does an expression for what it does, not for its value.
    pub(super) fn effect(&mut self, expr: ExprId) -> Result<(), Trouble> {
        let bare = self.model.tree.bare(expr);
        if !self.is_hot(bare) {
            let text = self.text(bare)?;
            self.line(format!("{text};"));
            return Ok(());
        }
        match self.model.tree[bare].kind.clone() {
            ExprKind::Comma(a, b) => {
                self.effect(a)?;
                self.effect(b)
            }
            ExprKind::Call { .. } if self.cycle.calls.contains_key(&bare) => self.call(bare),
            ExprKind::Cast(_, inner) if self.is_void(bare) => self.effect(inner),
            ExprKind::Conditional {
                cond,
                then: Some(then),
                otherwise,
            } if self.is_hot(then) || self.is_hot(otherwise) => {
                let cond = self.value(cond)?;
                self.line(format!("if ({cond}) {{"));
                self.nested(|s| s.effect(then))?;
                self.line("} else {".into());
                self.nested(|s| s.effect(otherwise))?;
                self.line("}".into());
                Ok(())
            }
            ExprKind::Binary {
                op: op @ (Binary::And | Binary::Or),
                left,
                right,
                ..
            } if self.is_hot(right) => {
                self.prepare(left)?;
                let cond = match op {
                    Binary::And => self.text(left)?,
                    _ => format!("!{}", self.operand(left)?),
                };
                self.line(format!("if ({cond}) {{"));
                self.nested(|s| s.effect(right))?;
                self.line("}".into());
                Ok(())
            }
            _ => {
                let text = self.value(bare)?;
                self.line(format!("{text};"));
                Ok(())
            }
        }
    }

    fn is_void(&self, expr: ExprId) -> bool {
        self.model.type_of(expr) == TypeId::VOID
    }

    /// Does the calls in an expression, and marks what stands for them.
    pub(super) fn prepare(&mut self, expr: ExprId) -> Result<(), Trouble> {
        if !self.is_hot(expr) {
            return Ok(());
        }
        match self.model.tree[expr].kind.clone() {
            ExprKind::Call { callee, args, .. } => {
                if self.cycle.calls.contains_key(&expr) {
                    self.call(expr)?;
                    let result = self.names.results[self.cycle.calls[&expr]].clone();
                    self.instead(expr, result);
                    return Ok(());
                }
                let mut list = vec![callee];
                list.extend(args);
                self.sequence(&list)
            }
            ExprKind::Index(a, b) => self.sequence(&[a, b]),
            ExprKind::List(elements) => {
                let values: Vec<ExprId> = elements.iter().map(|e| e.value).collect();
                self.sequence(&values)
            }
            ExprKind::Binary {
                op: op @ (Binary::And | Binary::Or),
                left,
                right,
                ..
            } if self.is_hot(right) => self.logical(expr, op, left, right),
            ExprKind::Binary { left, right, .. } => self.sequence(&[left, right]),
            ExprKind::Assign { left, right, .. } => self.sequence(&[right, left]),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => self.conditional(expr, cond, then, otherwise),
            ExprKind::Comma(a, b) => {
                self.effect(a)?;
                let (from, to) = (self.model.tree[expr].toks.start, self.model.tree[b].toks);
                if from < to.start {
                    self.prepare(b)?;
                    let text = self.text(b)?;
                    self.changes.add(At::Instead(Toks::new(from, to.end)), text);
                }
                Ok(())
            }
            _ => {
                for operand in self.model.tree.operands(expr) {
                    self.prepare(operand)?;
                }
                Ok(())
            }
        }
    }

    /// Operands from left to right. One that a later call could change is kept.
    pub(super) fn sequence(&mut self, list: &[ExprId]) -> Result<(), Trouble> {
        let last = list.iter().rposition(|&e| self.is_hot(e));
        for (at, &expr) in list.iter().enumerate() {
            self.prepare(expr)?;
            let later = last.is_some_and(|last| at < last);
            if later && (self.is_hot(expr) || !self.is_stable(expr)) {
                self.keep(expr)?;
            }
        }
        Ok(())
    }

    /// Puts the value of an expression into the frame.
    fn keep(&mut self, expr: ExprId) -> Result<(), Trouble> {
        let temporary = self.temporary(expr, self.model.decay_of(expr))?;
        let text = self.text(expr)?;
        self.line(format!("{temporary} = {text};"));
        self.instead(expr, temporary);
        Ok(())
    }

    fn instead(&mut self, expr: ExprId, text: String) {
        self.changes
            .add(At::Instead(self.model.tree[expr].toks), text);
    }

    fn temporary(&mut self, expr: ExprId, ty: TypeId) -> Result<String, Trouble> {
        // An integer that is narrower is one as an operand, too.
        let declared = types::declare(self.model, ty, "value");
        let declared = declared.filter(|_| ty != TypeId::VOID).ok_or_else(|| {
            let tok = self.model.tree[expr].toks.start;
            Trouble::at(tok, "a value has to be kept whose type has no name here")
        })?;
        Ok(self.frame_value(&declared))
    }

    /// `a && b`, `a || b`, with a call in `b`.
    fn logical(
        &mut self,
        expr: ExprId,
        op: Binary,
        left: ExprId,
        right: ExprId,
    ) -> Result<(), Trouble> {
        self.prepare(left)?;
        let temporary = self.temporary(expr, TypeId::INT)?;
        let (cond, other) = match op {
            Binary::And => (self.text(left)?, 0),
            _ => (format!("!{}", self.operand(left)?), 1),
        };
        self.line(format!("if ({cond}) {{"));
        self.nested(|s| {
            s.prepare(right)?;
            let right = s.operand(right)?;
            s.line(format!("{temporary} = !!{right};"));
            Ok(())
        })?;
        self.line("} else {".into());
        self.nested(|s| {
            s.line(format!("{temporary} = {other};"));
            Ok(())
        })?;
        self.line("}".into());
        self.instead(expr, temporary);
        Ok(())
    }

    /// `c ? a : b`
    fn conditional(
        &mut self,
        expr: ExprId,
        cond: ExprId,
        then: Option<ExprId>,
        otherwise: ExprId,
    ) -> Result<(), Trouble> {
        self.prepare(cond)?;
        if !then.is_some_and(|t| self.is_hot(t)) && !self.is_hot(otherwise) {
            return Ok(());
        }
        let ty = self.model.decay_of(expr);
        let temporary = self.temporary(expr, ty)?;
        let cond_text = match then {
            Some(_) => self.text(cond)?,
            None => {
                // GNU's `c ?: b`: the value is looked at and kept.
                let text = self.text(cond)?;
                self.line(format!("{temporary} = {text};"));
                temporary.clone()
            }
        };
        let cond = match then {
            Some(_) => cond_text,
            None => format!("!{cond_text}"),
        };
        self.line(format!("if ({cond}) {{"));
        if let Some(then) = then {
            self.nested(|s| {
                let text = s.value(then)?;
                s.line(format!("{temporary} = {text};"));
                Ok(())
            })?;
            self.line("} else {".into());
        }
        self.nested(|s| {
            let text = s.value(otherwise)?;
            s.line(format!("{temporary} = {text};"));
            Ok(())
        })?;
        self.line("}".into());
        self.instead(expr, temporary);
        Ok(())
    }

    /// Whether an expression has the same value after any call of the cycle.
    fn is_stable(&self, expr: ExprId) -> bool {
        let model: &Model = self.model;
        match &model.tree[expr].kind {
            ExprKind::Number
            | ExprKind::Char
            | ExprKind::Text
            | ExprKind::SizeofExpr(_)
            | ExprKind::SizeofType(_)
            | ExprKind::Constant => true,
            ExprKind::Name(_) => match model.entity(expr) {
                Some(entity) if model.is_array(model.type_of(expr)) => {
                    model[entity].storage().is_some()
                }
                Some(entity) if model[entity].is_automatic() => {
                    !self.assigned.contains(&entity)
                        && (!model.is_address_taken(entity) || !self.cycle.writes)
                }
                Some(entity) if model[entity].storage().is_some() => {
                    !self.cycle.writes && !self.assigned.contains(&entity)
                }
                // A function or a constant.
                Some(_) => true,
                None => false,
            },
            ExprKind::Paren(inner)
            | ExprKind::Cast(_, inner)
            | ExprKind::Unary(Unary::Plus | Unary::Minus | Unary::Not | Unary::BitNot, inner) => {
                self.is_stable(*inner)
            }
            ExprKind::Unary(Unary::AddressOf, inner) => self.is_stable_place(*inner),
            ExprKind::Unary(Unary::Deref, inner) => !self.cycle.writes && self.is_stable(*inner),
            ExprKind::Index(a, b) => {
                (!self.cycle.writes || model.is_array(model.type_of(expr)))
                    && self.is_stable(*a)
                    && self.is_stable(*b)
            }
            ExprKind::Member { object, arrow, .. } => {
                let place = model.is_array(model.type_of(expr)) || !*arrow || !self.cycle.writes;
                place && self.is_stable(*object)
            }
            ExprKind::Binary { left, right, .. } => self.is_stable(*left) && self.is_stable(*right),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => {
                self.is_stable(*cond)
                    && then.is_none_or(|t| self.is_stable(t))
                    && self.is_stable(*otherwise)
            }
            _ => false,
        }
    }

    /// Whether a place is the same one after any call of the cycle.
    fn is_stable_place(&self, expr: ExprId) -> bool {
        match &self.model.tree[expr].kind {
            ExprKind::Paren(inner) => self.is_stable_place(*inner),
            ExprKind::Name(_) => true,
            ExprKind::Member {
                object,
                arrow: false,
                ..
            } => self.is_stable_place(*object),
            ExprKind::Member { object, .. } | ExprKind::Unary(Unary::Deref, object) => {
                self.is_stable(*object)
            }
            ExprKind::Index(a, b) => self.is_stable(*a) && self.is_stable(*b),
            _ => false,
        }
    }

    /// A call of the cycle: its arguments, where to go on, and off.
    pub(super) fn call(&mut self, expr: ExprId) -> Result<(), Trouble> {
        let ExprKind::Call { args, .. } = self.model.tree[expr].kind.clone() else {
            return Ok(());
        };
        let callee = self.cycle.calls[&expr];
        self.sequence(&args)?;
        self.pass(callee, &args)?;
        let (number, label) = self.shared.site(&self.cycle.members[callee].name);
        let frame = self.names.frame.clone();
        self.line(format!("{frame}->{} = {number};", self.names.at));
        self.line(format!("goto {};", self.names.enter[callee]));
        self.label(label);
        Ok(())
    }

    /// A call that is the last thing a call of its function does: without a frame of its own.
    pub(super) fn jump(&mut self, expr: ExprId) -> Result<(), Trouble> {
        let ExprKind::Call { args, .. } = self.model.tree[expr].kind.clone() else {
            return Ok(());
        };
        let callee = self.cycle.calls[&expr];
        self.sequence(&args)?;
        self.pass(callee, &args)?;
        self.shared.jumped[callee] = true;
        self.line(format!("goto {};", self.names.again[callee]));
        Ok(())
    }

    /// Puts the arguments where the function takes them from.
    fn pass(&mut self, callee: usize, args: &[ExprId]) -> Result<(), Trouble> {
        let params = self.cycle.members[callee].params.clone();
        let mut late = Vec::new();
        let start = self.lines.len();
        for (at, &arg) in args.iter().enumerate() {
            let Some(param) = params.get(at) else {
                if !self.is_stable(arg) {
                    self.effect(arg)?;
                }
                continue;
            };
            if param.kept || self.is_itself(callee, at, arg) {
                continue;
            }
            let text = self.text(arg)?;
            let Some(pass) = self.names.pass[callee][at].clone() else {
                if !self.is_stable(arg) {
                    self.line(format!("(void)({text});"));
                }
                continue;
            };
            let entity = param.entity.filter(|_| !self.shared.frames);
            let needed =
                entity.is_some_and(|e| args[at + 1..].iter().any(|&a| self.mentions(a, e)));
            match needed {
                true => {
                    let next = format!("{pass}_next");
                    let declared = self.declare(entity, &next)?;
                    self.line(format!("{declared} = {text};"));
                    late.push(format!("{pass} = {next};"));
                }
                false => self.line(format!("{pass} = {text};")),
            }
        }
        if !late.is_empty() {
            for line in late {
                self.line(line);
            }
            self.enclose(start);
        }
        Ok(())
    }

    /// Without frames a parameter that is passed on as it is stays where it is.
    fn is_itself(&self, callee: usize, at: usize, arg: ExprId) -> bool {
        let entity = self.cycle.members[callee].params[at].entity;
        !self.shared.frames && entity.is_some() && self.model.named(arg) == entity
    }

    fn mentions(&self, expr: ExprId, entity: crate::c::types::EntityId) -> bool {
        let uses = self.model.uses(entity).iter();
        let toks = self.model.tree[expr].toks;
        { uses }.any(|&u| toks.holds(self.model.tree[u].toks))
    }
}
