//! The numbers of a function that change: what is done to them, and whether the verifier would
//! have to know their values.

use rustc_hash::{FxHashMap, FxHashSet};

use super::vars::Tok;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, StmtId, StmtKind, Toks, Unary};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Storage};

/// How a variable changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets this value.
    Set(ExprId),
    /// A constant is added.
    Step(i128),
    /// It is combined with something else.
    Combined(ExprId),
    /// Its address is given away.
    Lent,
}

/// A change of a variable.
#[derive(Clone, Copy, Debug)]
pub struct Mod {
    /// Where.
    pub tok: Tok,
    /// What.
    pub change: Change,
}

/// Knows the automatic variables that are numbers.
pub struct Numbers<'a> {
    model: &'a Model<'a>,
    mods: FxHashMap<EntityId, Vec<Mod>>,
    /// The functions that return a constant somewhere.
    constant: FxHashSet<FunctionId>,
}

impl<'a> Numbers<'a> {
    /// Linear in the number of statements and of uses of variables.
    pub fn new(model: &'a Model<'a>) -> Self {
        let mut mods = FxHashMap::default();
        for index in 0..model.entities.len() {
            let entity = EntityId(index as u32);
            if model[entity].is_automatic() && model.number(model[entity].ty).is_some() {
                mods.insert(entity, changes(model, entity));
            }
        }
        let returns = model.tree.stmts.iter().enumerate();
        let constant = returns.filter_map(|(index, s)| match s.kind {
            StmtKind::Return(Some(e)) if model.value(e).is_some() => {
                model.stmt_function(StmtId(index as u32))
            }
            _ => None,
        });
        let constant = constant.collect();
        Self {
            model,
            mods,
            constant,
        }
    }

    /// All variables, with their changes.
    pub fn all(&self) -> impl Iterator<Item = (EntityId, &[Mod])> {
        self.mods.iter().map(|(&e, m)| (e, m.as_slice()))
    }

    /// The changes of a variable, in no order.
    pub fn of(&self, entity: EntityId) -> &[Mod] {
        self.mods.get(&entity).map_or(&[], Vec::as_slice)
    }

    /// Where a variable is declared.
    pub fn declared(&self, entity: EntityId) -> Tok {
        self.model[entity].tok.unwrap_or(0)
    }

    /// Whether the verifier knows the value of an expression, or may know it on some path. What is
    /// loaded from memory, and what helpers return, it does not.
    pub fn is_known(&self, expr: ExprId) -> bool {
        self.known(expr, 0)
    }

    fn known(&self, expr: ExprId, depth: u32) -> bool {
        let model = self.model;
        if depth > 24 {
            return true;
        }
        let tree = &model.tree;
        match &tree[expr].kind {
            ExprKind::Number
            | ExprKind::Char
            | ExprKind::SizeofExpr(_)
            | ExprKind::SizeofType(_)
            | ExprKind::Constant => true,
            ExprKind::Name(_) => match model.entity(expr).map(|e| model[e].kind) {
                Some(EntityKind::Enumerator(_)) => true,
                Some(EntityKind::Object { storage, .. }) => {
                    matches!(storage, Storage::Local | Storage::Parameter)
                }
                _ => false,
            },
            ExprKind::Paren(e) | ExprKind::Cast(_, e) | ExprKind::Unary(_, e) => {
                !matches!(tree[expr].kind, ExprKind::Unary(Unary::Deref, _))
                    && self.known(*e, depth + 1)
            }
            ExprKind::Postfix { operand, .. } => self.known(*operand, depth + 1),
            ExprKind::Binary {
                op, left, right, ..
            } => {
                // A comparison has two results, whatever is compared.
                op.compares()
                    || op.is_logical()
                    || self.known(*left, depth + 1) && self.known(*right, depth + 1)
            }
            ExprKind::Conditional {
                then, otherwise, ..
            } => then.is_none_or(|t| self.known(t, depth + 1)) || self.known(*otherwise, depth + 1),
            ExprKind::Comma(_, e) => self.known(*e, depth + 1),
            ExprKind::Assign { right, .. } => self.known(*right, depth + 1),
            ExprKind::Call { callee, .. } => {
                let callee = model.named(*callee);
                callee.is_some_and(|c| model[c].definition().is_some())
            }
            // An element of an array on the stack.
            ExprKind::Index(a, _) => {
                let root = model.root(*a);
                matches!(root, crate::c::types::Root::Entity(e) if model[e].is_automatic()
                    && model.is_array(model[e].ty))
            }
            _ => false,
        }
    }

    /// Whether a value that is assigned is known although the variable's own value is hidden: it is
    /// known on some path, and not made of the variable.
    pub fn is_constant(&self, value: ExprId, entity: EntityId) -> bool {
        let model = self.model;
        let tree = &model.tree;
        match &tree[value].kind {
            ExprKind::Call { callee, .. } => {
                // A function of the program that returns a constant somewhere.
                let callee = model.named(*callee).and_then(|c| model[c].definition());
                callee.is_some_and(|f| self.constant.contains(&f))
            }
            ExprKind::Conditional {
                then, otherwise, ..
            } => {
                then.is_some_and(|t| self.is_constant(t, entity))
                    || self.is_constant(*otherwise, entity)
            }
            ExprKind::Paren(e) | ExprKind::Cast(_, e) => self.is_constant(*e, entity),
            _ => self.is_known(value) && !self.mentions(value, entity, 0),
        }
    }

    fn mentions(&self, expr: ExprId, entity: EntityId, depth: u32) -> bool {
        let model = self.model;
        model.entity(expr) == Some(entity)
            || depth < 24
                && model
                    .tree
                    .operands(expr)
                    .into_iter()
                    .any(|e| self.mentions(e, entity, depth + 1))
    }

    /// Whether something depends on the exact value of a variable: a comparison, an index, an
    /// argument, a result. What is only added up takes care of itself.
    pub fn matters(&self, entity: EntityId) -> bool {
        self.matters_within(entity, 0)
    }

    fn matters_within(&self, entity: EntityId, depth: u32) -> bool {
        let uses = self.model.uses(entity);
        depth > 4 || uses.iter().any(|&u| self.decides(u, depth))
    }

    /// Whether something depends on the value of an expression.
    fn decides(&self, expr: ExprId, depth: u32) -> bool {
        let model = self.model;
        let tree = &model.tree;
        let outer = match model.parent(expr) {
            Parent::Expr(outer) => outer,
            Parent::Stmt(stmt) => {
                return !matches!(tree[stmt].kind, StmtKind::Expr(_))
                    && !matches!(tree[stmt].kind,
                        StmtKind::For { cond, .. } if cond != Some(expr));
            }
            Parent::Declarator(declarator) => {
                let declared = model.declares(declarator);
                return declared.is_some_and(|d| self.matters_within(d, depth + 1));
            }
            _ => return true,
        };
        match &tree[outer].kind {
            ExprKind::Paren(_)
            | ExprKind::Cast(..)
            | ExprKind::Postfix { .. }
            | ExprKind::Unary(
                Unary::Increment | Unary::Decrement | Unary::Minus | Unary::Plus | Unary::BitNot,
                _,
            ) => self.decides(outer, depth),
            ExprKind::Unary(Unary::AddressOf, _) => true,
            ExprKind::SizeofExpr(_) => false,
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub | Binary::Mul | Binary::BitXor | Binary::BitOr,
                ..
            } => self.decides(outer, depth),
            ExprKind::Binary { .. } => true,
            ExprKind::Assign {
                op, left, right, ..
            } => {
                if *left == expr {
                    return self.decides_as_value(outer, depth);
                }
                debug_assert_eq!(*right, expr);
                if matches!(
                    op,
                    Some(Binary::Div | Binary::Rem | Binary::Shl | Binary::Shr)
                ) {
                    return true;
                }
                let target = model.named(*left).filter(|&t| model[t].is_automatic());
                target.is_some_and(|t| self.matters_within(t, depth + 1))
                    || self.decides_as_value(outer, depth)
            }
            ExprKind::Comma(_, last) if *last != expr => false,
            ExprKind::Comma(..) => self.decides(outer, depth),
            ExprKind::Conditional { cond, .. } if *cond != expr => self.decides(outer, depth),
            _ => true,
        }
    }

    /// An assignment's value, unless it is a statement.
    fn decides_as_value(&self, assignment: ExprId, depth: u32) -> bool {
        self.decides(assignment, depth)
    }

    /// The constant that a variable is before `at`, if the last change before says so and it is
    /// not lent to anybody.
    pub fn start(&self, entity: EntityId, from: Tok, at: Tok) -> Option<(ExprId, Option<i128>)> {
        let mods = self.of(entity).iter();
        let last = mods
            .filter(|m| from <= m.tok && m.tok < at)
            .max_by_key(|m| m.tok)?;
        match last.change {
            Change::Set(mut value) => {
                // `a = b = 0`: the constant after the last `=`.
                while let ExprKind::Assign {
                    op: None, right, ..
                } = self.model.tree[value].kind
                {
                    value = right;
                }
                let constant = self.model.value(value);
                (constant.is_some() || self.hidden_before(value)).then_some((value, constant))
            }
            _ => None,
        }
    }

    /// Whether a value was hidden by an earlier run: `static_opaque(0)` and the like.
    pub fn hidden_before(&self, expr: ExprId) -> bool {
        let model = self.model;
        let ExprKind::Call { callee, .. } = model.tree[model.tree.bare(expr)].kind else {
            return false;
        };
        let name = model.tree.name(callee);
        name.is_some_and(|n| {
            matches!(
                model.unit.symbols.text(n),
                b"static_opaque" | b"static_from"
            )
        })
    }

    /// The steps of a variable within some tokens; `None` if it changes in another way there.
    pub fn steps(&self, entity: EntityId, within: &[Toks]) -> Option<Vec<(Tok, i128)>> {
        let mut found = Vec::new();
        for change in self.of(entity) {
            if within.iter().any(|t| t.contains(change.tok)) {
                match change.change {
                    Change::Step(by) => found.push((change.tok, by)),
                    _ => return None,
                }
            } else if change.change == Change::Lent {
                return None;
            }
        }
        Some(found)
    }
}

pub(super) fn changes(model: &Model, entity: EntityId) -> Vec<Mod> {
    let tree = &model.tree;
    let mut found = Vec::new();
    for &declarator in &model[entity].declarators {
        if let (Some(init), Some((_, tok))) = (tree[declarator].init, tree[declarator].name) {
            found.push(Mod {
                tok,
                change: Change::Set(init),
            });
        }
    }
    for &name in model.uses(entity) {
        let mut at = name;
        let outer = loop {
            match model.parent(at) {
                Parent::Expr(outer) if matches!(tree[outer].kind, ExprKind::Paren(_)) => at = outer,
                Parent::Expr(outer) => break Some(outer),
                _ => break None,
            }
        };
        let change = match outer.map(|o| &tree[o].kind) {
            Some(ExprKind::Assign {
                op, left, right, ..
            }) if *left == at => match op {
                None => Change::Set(*right),
                Some(Binary::Add) => match model.value(*right) {
                    Some(by) => Change::Step(by),
                    None => Change::Combined(*right),
                },
                Some(Binary::Sub) => match model.value(*right) {
                    Some(by) => Change::Step(-by),
                    None => Change::Combined(*right),
                },
                Some(_) => Change::Combined(*right),
            },
            Some(ExprKind::Unary(Unary::Increment, _)) => Change::Step(1),
            Some(ExprKind::Unary(Unary::Decrement, _)) => Change::Step(-1),
            Some(ExprKind::Postfix { increment, .. }) => {
                Change::Step(if *increment { 1 } else { -1 })
            }
            Some(ExprKind::Unary(Unary::AddressOf, _)) => Change::Lent,
            // The operand of an assembly statement may be written.
            Some(ExprKind::Asm(_)) => Change::Lent,
            _ => continue,
        };
        // `i = i + 1` is a step.
        let change = match change {
            Change::Set(value) => step_of(model, entity, value).map_or(change, Change::Step),
            other => other,
        };
        found.push(Mod {
            tok: tree[name].toks.start,
            change,
        });
    }
    found
}

/// The constant that `i + c`, `c + i` or `i - c` adds.
fn step_of(model: &Model, entity: EntityId, value: ExprId) -> Option<i128> {
    let ExprKind::Binary {
        op, left, right, ..
    } = model.tree[model.tree.bare(value)].kind
    else {
        return None;
    };
    let is = |e| model.named(e) == Some(entity);
    match op {
        Binary::Add if is(left) => model.value(right),
        Binary::Add if is(right) => model.value(left),
        Binary::Sub if is(left) => model.value(right).map(|v| -v),
        _ => None,
    }
}
