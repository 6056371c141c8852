//! What declarations declare.

use super::entity::{EntityKind, Storage};
use super::nodes::Parent;
use super::scope::Scope;
use super::{Builder, Entity, EntityId, Type, TypeId};
use crate::c::Symbol;
use crate::c::syntax::tree::{Base, DeclId, DeclaratorId, ExprKind, FunctionId, Part, Tok};

impl Builder<'_, '_> {
    /// A declaration of the file or of a block.
    pub(super) fn declaration(&mut self, decl: DeclId, parent: Parent) {
        let base = self.base(decl, parent);
        if !self.on_demand {
            self.complete_value(base);
        }
        for declarator in self.m.tree[decl].declarators.clone() {
            self.cleanups(declarator);
            let deduced = matches!(self.m.tree[decl].specifiers.base, Base::Auto);
            if deduced && let Some(init) = self.m.tree[declarator].init {
                self.expression(init, Parent::Declarator(declarator));
                let base = self.m.decay_of(init);
                let (ty, _) = self.declarator_types(declarator, base, false);
                self.declare(declarator, ty, None);
                continue;
            }
            let (ty, _) = self.declarator_types(declarator, base, false);
            let entity = self.declare(declarator, ty, None);
            if let Some(init) = self.m.tree[declarator].init {
                self.expression(init, Parent::Declarator(declarator));
                let count = self.initialize(init, ty);
                self.lengthen(declarator, entity, count);
            }
            if !self.on_demand {
                self.complete_value(ty);
            }
        }
    }

    /// Gives an array without a length the one of its initializer.
    fn lengthen(&mut self, declarator: DeclaratorId, entity: Option<EntityId>, count: Option<u64>) {
        let (Some(ty), Some(count)) = (self.m.nodes.declarator(declarator).ty, count) else {
            return;
        };
        let Type::Array {
            of,
            len: None,
            variable: false,
        } = *self.m.types.get(ty)
        else {
            return;
        };
        let long = Type::Array {
            of,
            len: Some(count),
            variable: false,
        };
        let info = self.m.nodes.declarator(declarator);
        let ty = match info.parts.first() == Some(&ty) {
            true => {
                self.m.types.list[ty.0 as usize] = long;
                ty
            }
            // A typedef's: other objects may have another length.
            false => self.m.types.add(long),
        };
        self.m.nodes.declarator(declarator).ty = Some(ty);
        if let Some(entity) = entity {
            self.m.entities[entity.0 as usize].ty = ty;
        }
    }

    /// The type that a declarator makes of the one in the specifiers; with its parts kept. Of a
    /// declarator of a function also the scope of its parameters.
    pub(super) fn declarator_types(
        &mut self,
        declarator: DeclaratorId,
        base: TypeId,
        parameter: bool,
    ) -> (TypeId, Option<Scope>) {
        let parts = self.m.tree[declarator].parts.clone();
        let mut made = vec![TypeId::UNKNOWN; parts.len()];
        let mut ty = base;
        let mut scope = None;
        for (at, part) in parts.into_iter().enumerate().rev() {
            let outermost = parameter && at == 0;
            scope = None;
            ty = match part {
                Part::Pointer { .. } => self.m.types.pointer(ty),
                Part::Array { size, .. } => self.array(declarator, ty, size, outermost),
                Part::Function {
                    params,
                    names,
                    variadic,
                    unknown,
                    ..
                } => {
                    let (types, inner) = self.parameters(&params, declarator);
                    scope = Some(inner);
                    self.m.types.add(Type::Function {
                        ret: ty,
                        params: types,
                        variadic,
                        prototyped: !unknown && names.is_empty(),
                    })
                }
            };
            made[at] = ty;
        }
        if parameter {
            // What is passed of arrays and functions are pointers.
            match *self.m.types.get(ty) {
                Type::Array { of, .. } => ty = self.m.types.pointer(of),
                Type::Function { .. } => ty = self.m.types.pointer(ty),
                _ => {}
            }
        }
        let info = self.m.nodes.declarator(declarator);
        info.ty = Some(ty);
        info.parts = made;
        (ty, scope)
    }

    fn array(
        &mut self,
        declarator: DeclaratorId,
        of: TypeId,
        size: Option<crate::c::syntax::tree::ExprId>,
        outermost: bool,
    ) -> TypeId {
        let mut len = None;
        if let Some(size) = size {
            self.expression(size, Parent::Declarator(declarator));
            len = self.m.value(size).and_then(|v| u64::try_from(v).ok());
        }
        self.m.types.add(match outermost {
            true => Type::Pointer { to: of },
            false => Type::Array {
                of,
                len,
                variable: size.is_some() && len.is_none(),
            },
        })
    }

    /// The parameters of a prototype, and their scope.
    fn parameters(&mut self, params: &[DeclId], owner: DeclaratorId) -> (Vec<TypeId>, Scope) {
        self.scopes.push();
        self.scope().prototype = true;
        let mut types = Vec::with_capacity(params.len());
        for &param in params {
            let base = self.base(param, Parent::Declarator(owner));
            let Some(&declarator) = self.m.tree[param].declarators.first() else {
                types.push(base);
                continue;
            };
            let (ty, _) = self.declarator_types(declarator, base, true);
            types.push(ty);
            self.parameter(declarator, ty);
        }
        let mut scope = self.scopes.pop();
        scope.prototype = false;
        (types, scope)
    }

    fn parameter(&mut self, declarator: DeclaratorId, ty: TypeId) -> Option<EntityId> {
        let (name, tok) = self.m.tree[declarator].name?;
        let function = self.function;
        let kind = EntityKind::Object {
            storage: Storage::Parameter,
            function: function.filter(|_| !self.scopes.0.last().is_some_and(|s| s.prototype)),
        };
        let entity = self.object(name, Some(tok), kind, ty, Some(declarator));
        self.scope().names.insert(name, entity);
        Some(entity)
    }

    fn object(
        &mut self,
        name: Symbol,
        tok: Option<Tok>,
        kind: EntityKind,
        ty: TypeId,
        declarator: Option<DeclaratorId>,
    ) -> EntityId {
        let entity = self.add(Entity {
            name,
            tok,
            kind,
            ty,
            declarators: declarator.into_iter().collect(),
        });
        if let Some(declarator) = declarator {
            self.m.nodes.declarator(declarator).entity = Some(entity);
        }
        entity
    }

    /// Declares what a declarator names.
    fn declare(
        &mut self,
        declarator: DeclaratorId,
        ty: TypeId,
        definition: Option<FunctionId>,
    ) -> Option<EntityId> {
        let node = &self.m.tree[declarator];
        let (name, tok) = node.name?;
        let storage = self.m.tree[node.decl].specifiers.storage;
        let valued = node.init.is_some();
        let of_file = self.scopes.0.is_empty();
        let is_static = storage.r#static.is_some();
        let is_extern = storage.r#extern.is_some();
        let nested = !of_file && (definition.is_some() || storage.auto.is_some() || is_static);
        let kind = if storage.typedef.is_some() {
            EntityKind::Typedef
        } else if matches!(self.m.types.get(ty), Type::Function { .. }) {
            EntityKind::Function {
                definition,
                internal: is_static || nested,
                implicit: false,
                builtin: false,
            }
        } else {
            EntityKind::Object {
                storage: match (of_file, is_static, is_extern && !valued) {
                    (true, true, _) => Storage::FileStatic,
                    (true, _, false) => Storage::External,
                    (_, _, true) => Storage::ExternOnly,
                    (false, true, _) => Storage::LocalStatic,
                    (false, ..) => Storage::Local,
                },
                function: self.function.filter(|_| !of_file && !is_extern),
            }
        };
        // `extern` in a block, and each declaration of a function, is the file's entity.
        let linked = of_file
            || match kind {
                EntityKind::Function { .. } => !nested,
                EntityKind::Object { storage, .. } => storage == Storage::ExternOnly,
                _ => false,
            };
        let known = match (of_file, linked) {
            (true, _) => self.m.file.names.get(&name).copied(),
            (false, true) => match self.scopes.name(name) {
                Some(inner) if self.m.entities[inner.0 as usize].is_function() => Some(inner),
                _ => self.file_name(name),
            },
            (false, false) => self.scope().names.get(&name).copied().filter(|_| nested),
        };
        let entity = match known.filter(|&known| self.redeclares(known, kind)) {
            Some(known) => {
                self.merge(known, declarator, ty, kind);
                known
            }
            None => {
                let entity = self.object(name, Some(tok), kind, ty, Some(declarator));
                if linked && !of_file {
                    self.m.file.names.insert(name, entity);
                }
                entity
            }
        };
        self.scope().names.insert(name, entity);
        if let Some(function) = self.function.filter(|_| !of_file && !linked) {
            self.m.function_info(function).objects.push(entity);
        }
        Some(entity)
    }

    fn redeclares(&self, known: EntityId, kind: EntityKind) -> bool {
        let known = self.m.entities[known.0 as usize].kind;
        std::mem::discriminant(&known) == std::mem::discriminant(&kind)
    }

    /// Adds a declaration to an entity.
    fn merge(&mut self, id: EntityId, declarator: DeclaratorId, ty: TypeId, new: EntityKind) {
        self.m.nodes.declarator(declarator).entity = Some(id);
        let better = self.says_more(ty, self.m.entities[id.0 as usize].ty);
        let tok = self.m.tree[declarator].name.map(|(_, tok)| tok);
        let entity = &mut self.m.entities[id.0 as usize];
        entity.tok = entity.tok.or(tok);
        let mut first = false;
        match (&mut entity.kind, new) {
            (
                EntityKind::Function {
                    definition,
                    internal,
                    ..
                },
                EntityKind::Function {
                    definition: body,
                    internal: hidden,
                    ..
                },
            ) => {
                first = body.is_some();
                *definition = definition.or(body);
                *internal |= hidden;
            }
            (EntityKind::Object { storage, .. }, EntityKind::Object { storage: new, .. })
                if *storage == Storage::ExternOnly =>
            {
                *storage = new;
            }
            _ => {}
        }
        match first {
            true => entity.declarators.insert(0, declarator),
            false => entity.declarators.push(declarator),
        }
        if better || first {
            entity.ty = ty;
        }
    }

    /// Whether a type says more than another one of the same entity.
    fn says_more(&self, new: TypeId, old: TypeId) -> bool {
        matches!(
            (self.m.types.get(new), self.m.types.get(old)),
            (
                Type::Array { len: Some(_), .. },
                Type::Array { len: None, .. }
            ) | (
                Type::Function {
                    prototyped: true,
                    ..
                },
                Type::Function {
                    prototyped: false,
                    ..
                },
            )
        )
    }

    /// A function definition.
    pub(super) fn function(&mut self, id: FunctionId, parent: Parent) {
        let decl = self.m.tree[id].decl;
        let body = self.m.tree[id].body;
        let old_style = self.m.tree[id].old_style.clone();
        let base = self.base(decl, parent);
        let Some(&declarator) = self.m.tree[decl].declarators.first() else {
            return;
        };
        let (ty, scope) = self.declarator_types(declarator, base, false);
        let entity = self.declare(declarator, ty, Some(id));
        let outer = self.function.replace(id);
        self.m.function_info(id).entity = entity;
        self.scopes.0.push(scope.unwrap_or_default());
        let params = self.own_parameters(id, declarator, &old_style);
        for entity in params.iter().flatten() {
            let kind = &mut self.m.entities[entity.0 as usize].kind;
            *kind = EntityKind::Object {
                storage: Storage::Parameter,
                function: Some(id),
            };
        }
        let info = self.m.function_info(id);
        info.objects.extend(params.iter().flatten());
        info.params = params;
        self.statement(body, Parent::Function(id));
        self.scopes.pop();
        self.function = outer;
    }

    /// The parameters of a definition, in their order.
    fn own_parameters(
        &mut self,
        id: FunctionId,
        declarator: DeclaratorId,
        old_style: &[DeclId],
    ) -> Vec<Option<EntityId>> {
        let Some(Part::Function { params, names, .. }) = self.m.tree[declarator].parts.first()
        else {
            return Vec::new();
        };
        if names.is_empty() {
            let of = |param: &DeclId| {
                let declarator = self.m.tree[*param].declarators.first()?;
                self.m.nodes.declarators[declarator.0 as usize].entity
            };
            return params.iter().map(of).collect();
        }
        let names = names.clone();
        for &decl in old_style {
            let base = self.base(decl, Parent::Function(id));
            for declarator in self.m.tree[decl].declarators.clone() {
                let (ty, _) = self.declarator_types(declarator, base, true);
                self.parameter(declarator, ty);
            }
        }
        let mut found = Vec::new();
        let mut types = Vec::new();
        for (name, tok) in names {
            let known = self.scope().names.get(&name).copied();
            let entity = known.unwrap_or_else(|| {
                let kind = EntityKind::Object {
                    storage: Storage::Parameter,
                    function: Some(id),
                };
                self.object(name, Some(tok), kind, TypeId::INT, None)
            });
            self.scope().names.insert(name, entity);
            types.push(self.m.entities[entity.0 as usize].ty);
            found.push(Some(entity));
        }
        let part = self.m.nodes.declarator(declarator).parts.first().copied();
        if let Some(part) = part
            && let Type::Function { params, .. } = &mut self.m.types.list[part.0 as usize]
        {
            *params = types;
        }
        found
    }

    /// A function in an attribute `cleanup` is called by no expression.
    fn cleanups(&mut self, declarator: DeclaratorId) {
        let node = &self.m.tree[declarator];
        let of_all = &self.m.tree[node.decl].specifiers.attributes;
        let lists: Vec<_> = of_all.iter().chain(&node.attributes).copied().collect();
        for toks in lists {
            let Some(tokens) = self.m.unit.tokens.get(toks.start..toks.end) else {
                continue;
            };
            let is = |at: usize, text: &[u8]| {
                tokens
                    .get(at)
                    .is_some_and(|t: &crate::c::cpp::Token| self.m.unit.text(t) == text)
            };
            let at = (0..tokens.len()).find(|&at| is(at, b"cleanup") || is(at, b"__cleanup__"));
            let name = at.and_then(|at| tokens.get(at + 2)).map(|t| t.symbol);
            if let Some(entity) = name.and_then(|name| self.name(name)) {
                self.m.address_taken.insert(entity);
            }
        }
    }

    /// An initializer that is a list.
    pub(super) fn is_list(&self, expr: crate::c::syntax::tree::ExprId) -> bool {
        matches!(self.m.tree[expr].kind, ExprKind::List(_))
    }
}
