//! Objects and functions.

use super::*;
use crate::c::syntax::tree::{DeclId, StmtKind};

impl Reading<'_> {
    /// Makes a declared name known, and reads its initialiser.
    pub(super) fn declared_name(&mut self, decl: DeclId, declarator: DeclaratorId) {
        let model = self.model;
        let Some(entity) = model.declares(declarator) else {
            return;
        };
        match model[entity].kind {
            EntityKind::Function { .. } => {
                self.function_entity(entity);
            }
            EntityKind::Object { .. } => {
                let index = self.object(decl, declarator, entity);
                if let Some(init) = model.tree[declarator].init {
                    self.initialiser(index, declarator, init);
                }
            }
            _ => {}
        }
    }

    fn object(&mut self, decl: DeclId, declarator: DeclaratorId, entity: EntityId) -> u32 {
        let model = self.model;
        let specifiers = &model.tree[decl].specifiers;
        let made = self.made(declarator);
        let tok = model.tree[declarator]
            .name
            .map_or(model.tree[declarator].toks.start, |n| n.1);
        let storage = model[entity].storage().unwrap_or(c::Storage::Local);
        let kind = match storage {
            c::Storage::Local | c::Storage::Parameter => ObjectKind::Local,
            _ if specifiers.storage.r#extern.is_some() => ObjectKind::Extern,
            _ => ObjectKind::Static,
        };
        let section = self.attributes(declarator).section.is_some();
        let constant = kind != ObjectKind::Local && specifiers.is_const;
        let key = (entity, self.object_instance(kind));
        if let Some(&known) = self.object_of.get(&key) {
            // A second declaration of the same global is the same object.
            let (ty, place) = {
                let object = &self.objects[known as usize];
                (object.ty, object.place)
            };
            if kind != ObjectKind::Local {
                self.same(ty, made.ty, tok);
                self.vars.join(place, made.place, tok);
                if kind == ObjectKind::Static {
                    let object = &mut self.objects[known as usize];
                    object.kind = kind;
                    object.tok = tok;
                    object.ty = made.ty;
                }
                if section {
                    self.seed(place, Plain::Section, tok);
                }
            }
            if constant {
                self.seed_constant(declarator, made);
            }
            return known;
        }
        let flow = self.new_flow();
        match kind {
            ObjectKind::Local => self.seed(made.place, Plain::Stack, tok),
            _ if section => self.seed(made.place, Plain::Section, tok),
            _ => {}
        }
        let index = self.add_object(entity, tok, made.ty, made.place, flow, kind, key.1);
        self.objects[index as usize].is_static = specifiers.storage.r#static.is_some();
        if constant {
            self.seed_constant(declarator, made);
        }
        index
    }

    /// Variables of functions that are read several times are other ones each time.
    fn object_instance(&self, kind: ObjectKind) -> Instance {
        match kind {
            ObjectKind::Local => self.instance,
            _ => Instance(0),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn add_object(
        &mut self,
        entity: EntityId,
        tok: Tok,
        ty: TypeId,
        place: Var,
        flow: Flow,
        kind: ObjectKind,
        instance: Instance,
    ) -> u32 {
        let index = self.objects.len() as u32;
        self.objects.push(Object {
            name: self.model[entity].name,
            tok,
            ty,
            entity,
            place,
            flow,
            kind,
            is_static: false,
            init: None,
        });
        self.object_of.insert((entity, instance), index);
        index
    }

    /// A constant object outside of functions is read-only data. `const` before a `*` is about
    /// what the pointer points to.
    fn seed_constant(&mut self, declarator: DeclaratorId, made: declare::Made) {
        let tree = &self.model.tree;
        let specifiers = &tree[tree[declarator].decl].specifiers;
        if specifiers.is_volatile || !self.types.is_pointer(self.types.element(made.ty)) {
            self.seed(made.place, Plain::Section, tree[declarator].toks.start);
        }
    }

    /// The object that a name stands for. What is declared in a header that nobody read in full is
    /// made known here.
    pub(super) fn object_named(&mut self, entity: EntityId) -> Option<u32> {
        for instance in [self.instance, Instance(0)] {
            if let Some(&known) = self.object_of.get(&(entity, instance)) {
                return Some(known);
            }
        }
        let declarators = self.model[entity].declarators.clone();
        let mut found = None;
        for declarator in declarators {
            let decl = self.model.tree[declarator].decl;
            found = Some(self.object(decl, declarator, entity));
        }
        found
    }

    /// A function, with all its declarations.
    pub(super) fn function_entity(&mut self, entity: EntityId) -> FuncId {
        if let Some(&known) = self.by_entity.get(&entity) {
            return known;
        }
        let model = self.model;
        let func = FuncId(self.functions.len() as u32);
        self.by_entity.insert(entity, func);
        let ret = self.new_flow();
        self.functions.push(Function {
            name: model[entity].name,
            ty: Types::UNKNOWN,
            entity,
            ret,
            params: Vec::new(),
            heads: Vec::new(),
            definition: None,
            system: !model[entity].declarators.is_empty(),
            calls: Vec::new(),
            allocates: false,
            sectioned: false,
        });
        let instance = std::mem::take(&mut self.instance);
        for &declarator in &model[entity].declarators {
            let made = self.made(declarator);
            let decl = model.tree[declarator].decl;
            let specifiers = &model.tree[decl].specifiers;
            let start = model.tree[decl].toks.start;
            let system = self.in_system(model.tree[declarator].toks.start);
            let attributes = self.attributes(declarator);
            let ty = self.functions[func.0 as usize].ty;
            if ty != Types::UNKNOWN {
                self.same(ty, made.ty, start);
            }
            let function = &mut self.functions[func.0 as usize];
            function.system &= system;
            // The definition comes first; its parameters are known.
            if ty == Types::UNKNOWN {
                function.ty = made.ty;
            }
            function.sectioned |= attributes.section.is_some();
            if !system {
                let is_static = specifiers.storage.r#static.is_some();
                function.heads.push(Head {
                    start,
                    is_static,
                    is_local: is_static || attributes.hidden,
                });
            }
        }
        self.instance = instance;
        if let Some(id) = self.defined(entity) {
            let tree = &model.tree;
            let node = &tree[id];
            let declarator = tree[node.decl].declarators.first();
            let name = declarator.and_then(|&d| tree[d].name);
            let body = tree[node.body].toks;
            let function = &mut self.functions[func.0 as usize];
            function.definition = Some(Definition {
                start: node.toks.start,
                name: name.map_or(node.toks.start, |n| n.1),
                body: (body.start, body.end),
                program: function.sectioned,
                function: id,
            });
        }
        func
    }

    /// A function's definition.
    pub(super) fn function(&mut self, id: FunctionId) {
        let model = self.model;
        let Some(entity) = model.info(id).entity else {
            return;
        };
        let func = self.function_entity(entity);
        let decl = model.tree[id].decl;
        self.definition_types(id);
        let declarators = model.tree[decl].declarators.clone();
        self.group(decl, &declarators, false);
        let ty = match declarators.first() {
            Some(&one) => self.made(one).ty,
            None => Types::UNKNOWN,
        };
        self.body(func, id, ty);
    }

    fn definition_types(&mut self, id: FunctionId) {
        let old_style = self.model.tree[id].old_style.clone();
        for decl in old_style {
            let declarators = self.model.tree[decl].declarators.clone();
            for &one in &declarators {
                self.made(one);
            }
            self.group(decl, &declarators, true);
        }
    }

    fn body(&mut self, func: FuncId, id: FunctionId, ty: TypeId) {
        let model = self.model;
        let (ret, params) = match self.types.get(ty).clone() {
            Type::Function { ret, params, .. } => (ret, params),
            _ => (Types::UNKNOWN, Vec::new()),
        };
        let flow = self.functions[func.0 as usize].ret;
        let program = self.functions[func.0 as usize].sectioned;
        let count = params.len();
        while self.functions[func.0 as usize].params.len() < count {
            let flow = self.new_flow();
            self.functions[func.0 as usize].params.push(flow);
        }
        for (index, param) in model.info(id).params.iter().enumerate() {
            let Some(entity) = *param else { continue };
            let Some(&declarator) = model[entity].declarators.first() else {
                continue;
            };
            let made = self.made(declarator);
            let tok = model.tree[declarator]
                .name
                .map_or(model.tree[declarator].toks.start, |n| n.1);
            self.seed(made.place, Plain::Stack, tok);
            if program && let Some((_, space)) = self.types.pointer(made.ty) {
                self.seed(space, Plain::Context, tok);
            }
            let flow = match self.functions[func.0 as usize].params.get(index) {
                Some(&flow) => flow,
                None => self.new_flow(),
            };
            let instance = self.instance;
            self.add_object(
                entity,
                tok,
                made.ty,
                made.place,
                flow,
                ObjectKind::Local,
                instance,
            );
        }
        let body = model.tree[model.tree[id].body].toks;
        let outer = self.current.replace(Current {
            func,
            ret,
            flow,
            body: (body.start, body.end),
        });
        let block = model.tree[id].body;
        if let StmtKind::Block(list) = &model.tree[block].kind {
            for &stmt in list {
                self.statement(stmt);
            }
        }
        self.current = outer;
    }

    /// A further reading of a function for one of its calls: its type now, its body later.
    pub(super) fn another(&mut self, func: FuncId) -> Option<(Instance, TypeId)> {
        let function = &self.functions[func.0 as usize];
        if !self.several.contains(&function.entity) || self.instances.len() >= READINGS {
            return None;
        }
        let definition = function.definition?;
        let instance = Instance(self.instances.len() as u32);
        self.instances.push(Some(func));
        let ty = self.within(instance, |reading| {
            let tree = &reading.model.tree;
            let decl = tree[definition.function].decl;
            let one = tree[decl].declarators.first().copied()?;
            Some(reading.made(one).ty)
        })?;
        self.instance_ty.insert(instance, ty);
        self.queue.push((instance, func));
        Some((instance, ty))
    }

    /// Reads something else as another reading, and comes back.
    fn within<T>(&mut self, instance: Instance, read: impl FnOnce(&mut Self) -> T) -> T {
        let was = std::mem::replace(&mut self.instance, instance);
        let current = self.current.take();
        let unevaluated = std::mem::take(&mut self.unevaluated);
        let result = read(self);
        self.instance = was;
        self.current = current;
        self.unevaluated = unevaluated;
        result
    }

    /// Reads the body of a function once more.
    pub(super) fn read_again(&mut self, instance: Instance, func: FuncId) {
        let Some(definition) = self.functions[func.0 as usize].definition else {
            return;
        };
        let Some(&ty) = self.instance_ty.get(&instance) else {
            return;
        };
        self.within(instance, |reading| {
            let decl = reading.model.tree[definition.function].decl;
            let declarators = reading.model.tree[decl].declarators.clone();
            reading.definition_types(definition.function);
            reading.group(decl, &declarators, false);
            reading.body(func, definition.function, ty);
        });
    }
}
