//! Whether a variable on the stack can become a block: where its declaration, its value and its uses stand.

use std::collections::BTreeMap;

use super::super::facts::{Object, ObjectKind};
use super::super::read::Reading;
use super::super::vars::Tok;
use super::{is_zero, value_of};
use crate::c::cpp::Loc;
use crate::c::syntax::tree::{
    Base, DeclaratorId, ExprId, ExprKind, FunctionId, Part, StmtId, StmtKind, Toks,
};
use crate::c::types::{EntityKind, Parent, Type};

impl Reading<'_> {
    /// Whether a variable on the stack can become a block of the arena.
    pub(in crate::rewrite::arena) fn can_move(&self, object: &Object) -> bool {
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
            let decl = &tree[tree[declarator].decl];
            // One of a list of old parameters has no declaration of its own.
            return decl.declarators.len() == 1
                && matches!(
                    model[model[object.entity].ty],
                    Type::Pointer { .. } | Type::Number(_) | Type::Enum(_)
                );
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
        let constant = tree.is_constant(declarator) && tree[declarator].init.is_some() && !copied;
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
    pub(super) fn is_in_body(&self, object: &Object, declarator: DeclaratorId) -> bool {
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
    pub(in crate::rewrite::arena) fn twins(&self) -> BTreeMap<Loc, Vec<&Object>> {
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
    pub(super) fn can_part(&self, declarator: DeclaratorId, init: ExprId, in_body: bool) -> bool {
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
    pub(super) fn can_spell(&self, declarator: DeclaratorId, init: ExprId, in_body: bool) -> bool {
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
    pub(super) fn is_spelled(&self, declarator: DeclaratorId, init: ExprId) -> bool {
        let model = self.model;
        let constant = |e: ExprId| {
            let text = matches!(model.tree[e].kind, ExprKind::Text);
            text || model.value(e).is_some() || model.is_null_pointer_constant(e)
        };
        let leaves = self.leaves(declarator, init, "");
        leaves.is_some_and(|leaves| leaves.iter().all(|leaf| constant(leaf.value)))
    }

    /// The use of a macro that makes the declaration of one structure, and nothing else but what ends it.
    pub(super) fn one_use(&self, declarator: DeclaratorId) -> Option<Loc> {
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
    pub(super) fn in_a_row(&self, parts: Vec<Toks>, in_body: bool) -> bool {
        let places = parts.into_iter().map(|part| self.extent(part, in_body));
        let places: Option<Vec<Loc>> = places.collect();
        places.is_some_and(|places| {
            let behind = |a: Loc, b: Loc| a.file == b.file && a.end <= b.start;
            self.is_ours(places[0].file) && places.windows(2).all(|p| behind(p[0], p[1]))
        })
    }

    /// Tokens as text.
    pub(super) fn spelling(&self, toks: Toks) -> String {
        let unit = self.unit;
        let tokens = unit.tokens[toks.start..toks.end].iter();
        let words: Vec<_> = tokens
            .map(|t| String::from_utf8_lossy(unit.text(t)))
            .collect();
        words.join(" ")
    }

    /// Where tokens stand in the file, macros that they come from as they are used; or where they stand in
    /// the body of a macro.
    pub(super) fn extent(&self, toks: Toks, in_body: bool) -> Option<Loc> {
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

    /// Where tokens stand in the file if nothing else does there: what a macro has that is nothing but them
    /// is its use.
    pub(in crate::rewrite::arena) fn apart(&self, toks: Toks) -> Option<Loc> {
        let whole = self.extent(toks, false)?;
        let inside = |tok: Tok| {
            self.unit.tokens.get(tok).is_some_and(|token| {
                let at = self.unit.visible_loc(token);
                at.file == whole.file && whole.start <= at.start && at.start < whole.end
            })
        };
        let before = toks.start.checked_sub(1).is_some_and(inside);
        (self.is_ours(whole.file) && !before && !inside(toks.end)).then_some(whole)
    }

    /// Whether a function jumps.
    pub(in crate::rewrite::arena) fn jumps(&self, function: FunctionId) -> bool {
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
    pub(super) fn is_jumped_into(&self, declarator: DeclaratorId, function: FunctionId) -> bool {
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

    pub(super) fn is_parameter_of(&self, declarator: DeclaratorId) -> bool {
        let entity = self.model.declares(declarator);
        entity.and_then(|e| self.model[e].storage()) == Some(crate::c::types::Storage::Parameter)
    }

    pub(super) fn several(&self, function: FunctionId) -> bool {
        let entity = self.model.info(function).entity;
        entity.is_some_and(|e| self.is_several(e))
    }

    /// Whether the initial value can be given to a block.
    pub(super) fn has_value_for(&self, declarator: DeclaratorId) -> bool {
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
}
