//! Declarations: the types they make, and where their address spaces are written.

use super::*;
use crate::c::syntax::tree::{Base, Decl, DeclId, Part, Specifiers};

/// What a declarator makes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Made {
    /// Its type. An array that is a parameter is a pointer.
    pub ty: TypeId,
    /// The address space of what is declared.
    pub place: Var,
}

/// Where the address space of the next level is written.
#[derive(Clone, Copy)]
enum Slot {
    Specifiers,
    After(Tok, bool),
    Nowhere,
}

/// What attributes say that matters here.
#[derive(Clone, Debug, Default)]
pub(super) struct Attributes {
    /// `section("…")`
    pub section: Option<String>,
    /// `visibility("hidden")`
    pub hidden: bool,
}

impl Reading<'_> {
    /// A declaration outside of functions.
    pub(super) fn external(&mut self, decl: DeclId) {
        self.declaration(decl, true);
    }

    /// Makes known what is declared, and reads initialisers.
    pub(super) fn declaration(&mut self, decl: DeclId, splits: bool) {
        self.types_in(decl);
        let declarators = self.model.tree[decl].declarators.clone();
        for &declarator in &declarators {
            self.made(declarator);
        }
        self.group(decl, &declarators, splits);
        for declarator in declarators {
            self.declared_name(decl, declarator);
        }
    }

    /// The members of a record that a declaration defines.
    fn types_in(&mut self, decl: DeclId) {
        let ty = self.model.base_type(decl);
        if let Base::Record(record) = &self.model.tree[decl].specifiers.base
            && record.fields.is_some()
            && let Some(id) = self.model.record(ty)
        {
            self.record(id);
        }
    }

    /// Keeps what declarators with common specifiers say.
    pub(super) fn group(&mut self, decl: DeclId, declarators: &[DeclaratorId], splits: bool) {
        let tree = &self.model.tree;
        let specifiers = &tree[decl].specifiers;
        if specifiers.toks.start == specifiers.toks.end {
            return;
        }
        let last = specifiers.toks.end - 1;
        let said = self.say_arena(specifiers);
        let body = body_of(specifiers);
        let tagged = match &specifiers.base {
            Base::Record(record) => record.tag.is_some(),
            Base::Enum(spec) => spec.tag.is_some(),
            _ => true,
        };
        let field = declarators
            .first()
            .is_some_and(|&d| self.model.declares_field(d).is_some());
        let mut own = Vec::new();
        for &declarator in declarators {
            let (base, star) = self.base_of(declarator);
            let toks = tree[declarator].toks;
            let system = self.in_system(star.unwrap_or(last));
            // A member lies where its structure lies: nothing says so here.
            let base = base.filter(|_| star.is_some() || !field);
            if system {
                if let Some(base) = base.filter(|_| !self.fits_all(star)) {
                    self.seed(base, Plain::System, specifiers.toks.start);
                }
                continue;
            }
            own.push(Declared {
                start: toks.start,
                end: toks.end,
                star,
                base,
                // `int (__arena *p)[3]` says it of the elements too.
                said: said || star.is_some_and(|s| self.says_arena(Toks::new(toks.start, s))),
            });
        }
        if own.is_empty() {
            return;
        }
        self.groups.push(Group {
            start: specifiers.toks.start,
            spec_end: specifiers.toks.end,
            body: body.map(|b| (b.start, b.end)),
            tagged,
            declarators: own,
            splits,
            instance: self.instance,
        });
    }

    /// The address space that specifiers say for a declarator, and its first `*`.
    fn base_of(&mut self, declarator: DeclaratorId) -> (Option<Var>, Option<Tok>) {
        let made = self.made(declarator);
        let parts = &self.model.tree[declarator].parts;
        let stars = parts.iter().filter_map(|p| match p {
            Part::Pointer { star, .. } => Some(*star),
            _ => None,
        });
        let star = stars.min();
        let key = (declarator, self.instance_of(declarator));
        let base = self.bases.get(&key).copied().flatten();
        let _ = made;
        (base, star)
    }

    /// Whether `__arena` stands among tokens.
    pub(super) fn says_arena(&self, toks: Toks) -> bool {
        (toks.start..toks.end).any(|t| match self.unit.text(&self.toks[t]) {
            b"__arena" => true,
            b"address_space" => self
                .toks
                .get(t + 2)
                .is_some_and(|n| self.unit.text(n) == b"1"),
            _ => false,
        })
    }

    /// Whether declaration specifiers say `__arena` of what is declared with them: not what a structure's
    /// members say of themselves.
    fn say_arena(&self, specifiers: &Specifiers) -> bool {
        let all = specifiers.toks;
        match body_of(specifiers) {
            Some(body) => {
                self.says_arena(Toks::new(all.start, body.start))
                    || self.says_arena(Toks::new(body.end, all.end))
            }
            None => self.says_arena(all),
        }
    }

    /// Whether a `*` comes from a macro that the allocator's header defines anew for an arena, so
    /// that it takes both kinds of memory.
    pub(super) fn fits_all(&self, star: Option<Tok>) -> bool {
        let mut at = star
            .and_then(|s| self.toks.get(s))
            .and_then(|t| t.expansion);
        while let Some(id) = at {
            let expansion = self.unit.expansion(id);
            if self.unit.symbols.text(expansion.name) == b"container_of" {
                return true;
            }
            at = expansion.parent;
        }
        false
    }

    /// The reading that a declarator belongs to: what a function's definition declares is another
    /// one each time.
    fn instance_of(&self, declarator: DeclaratorId) -> Instance {
        if self.instance == Instance(0) {
            return self.instance;
        }
        let function = self.current_definition();
        let own = self.model.decl_function(self.model.tree[declarator].decl);
        let heads = function.is_some_and(|f| {
            let toks = self.model.tree[f].toks;
            toks.holds(self.model.tree[declarator].toks)
        });
        match heads || own.is_some() && own == function {
            true => self.instance,
            false => Instance(0),
        }
    }

    fn current_definition(&self) -> Option<FunctionId> {
        let func = self.instances[self.instance.0 as usize]?;
        self.functions[func.0 as usize]
            .definition
            .map(|d| d.function)
    }

    /// What a declarator makes.
    pub(super) fn made(&mut self, declarator: DeclaratorId) -> Made {
        let instance = self.instance_of(declarator);
        if let Some(&made) = self.declared.get(&(declarator, instance)) {
            return made;
        }
        // A type that contains itself ends here.
        let unknown = Made {
            ty: Types::UNKNOWN,
            place: self.vars.fresh(),
        };
        self.declared.insert((declarator, instance), unknown);
        let made = self.make(declarator, instance);
        self.declared.insert((declarator, instance), made);
        made
    }

    fn make(&mut self, declarator: DeclaratorId, instance: Instance) -> Made {
        let model = self.model;
        let tree = &model.tree;
        let decl = tree[declarator].decl;
        let node = &tree[decl];
        let (mut ty, brought) = self.base(decl);
        if let Some(width) = tree[declarator].bits {
            let _ = width;
            ty = Types::NUMBER;
        }
        let part_types = model.part_types(declarator).to_vec();
        let parameter = self.is_parameter(declarator);
        let name = tree[declarator].name.map(|n| n.1);
        let at = name.unwrap_or(tree[declarator].toks.start);
        let mut slot = Slot::Specifiers;
        let mut base = None;
        let count = tree[declarator].parts.len();
        for (index, part) in tree[declarator].parts.iter().enumerate().rev() {
            let outermost = index == 0;
            match part {
                Part::Pointer {
                    star, qualifiers, ..
                } => {
                    let space = self.fill(slot, node, brought, *star, &mut base, false);
                    slot = Slot::After(*star, self.says_arena(*qualifiers));
                    ty = self.pointer_to(ty, space);
                }
                Part::Array { toks, .. } if outermost && parameter => {
                    // An array is passed as a pointer to its elements.
                    let space = self.fill(slot, node, brought, at, &mut base, true);
                    slot = Slot::Nowhere;
                    if self.is_ours(self.toks[toks.start].loc.file) {
                        self.array_parameters.push(ArrayParameter {
                            name,
                            bracket: Some((toks.start, toks.end)),
                            alias: None,
                            nested: matches!(self.types.get(ty), Type::Array { .. }),
                            space,
                            instance,
                        });
                    }
                    ty = self.pointer_to(ty, space);
                }
                Part::Array { .. } => ty = self.types.add(Type::Array { of: ty }),
                Part::Function { params, .. } => {
                    slot = Slot::Nowhere;
                    let mut list = Vec::new();
                    for &param in params {
                        let declarators = tree[param].declarators.clone();
                        if let Some(&one) = declarators.first() {
                            list.push(self.made(one).ty);
                        }
                        self.group(param, &declarators, false);
                    }
                    if outermost && list.is_empty() {
                        list = self.old_style(declarator);
                    }
                    ty = self.types.add(Type::Function {
                        ret: ty,
                        params: list,
                    });
                    if outermost && parameter {
                        let space = self.vars.fresh();
                        ty = self.pointer_to(ty, space);
                    }
                }
            }
            if let Some(&model_ty) = part_types.get(index) {
                self.memo.insert((model_ty, instance), ty);
            }
        }
        if count == 0 && parameter {
            match *self.types.get(ty) {
                Type::Array { of } => {
                    let space = self.fill(slot, node, brought, at, &mut base, true);
                    slot = Slot::Nowhere;
                    if self.is_ours(self.toks[at].loc.file) {
                        self.array_parameters.push(ArrayParameter {
                            name,
                            bracket: None,
                            alias: self.alias(decl),
                            nested: matches!(self.types.get(of), Type::Array { .. }),
                            space,
                            instance,
                        });
                    }
                    ty = self.pointer_to(of, space);
                }
                Type::Function { .. } => {
                    let space = self.vars.fresh();
                    ty = self.pointer_to(ty, space);
                }
                _ => {}
            }
        }
        let named = tree[declarator].name.is_some();
        let place =
            match named || count > 0 || brought.is_some() || self.say_arena(&node.specifiers) {
                true => self.fill(slot, node, brought, at, &mut base, true),
                // No object is declared: what lies beside the type itself is nobody's address space.
                false => self.vars.fresh(),
            };
        self.bases.insert((declarator, instance), base);
        Made { ty, place }
    }

    /// The name of an array type among specifiers, where it can be written out.
    fn alias(&self, decl: DeclId) -> Option<Alias> {
        let (model, tree) = (self.model, &self.model.tree);
        let Base::Typedef(symbol, name) = tree[decl].specifiers.base else {
            return None;
        };
        let entity = model.file_entity(symbol)?;
        let &declarator = model[entity].declarators.first()?;
        let own = &tree[tree[declarator].decl];
        let plain = match &own.specifiers.base {
            Base::Record(record) => record.fields.is_none(),
            Base::Enum(of) => of.body.is_none(),
            _ => true,
        };
        let mut brackets = Vec::new();
        for part in &tree[declarator].parts {
            match part {
                Part::Array { toks, .. } => brackets.push(toks),
                _ => return None,
            }
        }
        brackets.first().filter(|_| plain)?;
        let inner = brackets.get(1).zip(brackets.last());
        let toks = own.specifiers.toks;
        Some(Alias {
            name,
            specifiers: (toks.start, toks.end),
            inner: inner.map(|(first, last)| (first.start, last.end)),
        })
    }

    /// The parameters of a K&R definition.
    fn old_style(&mut self, declarator: DeclaratorId) -> Vec<TypeId> {
        let model = self.model;
        let Some(entity) = model.declares(declarator) else {
            return Vec::new();
        };
        let Some(function) = model[entity].definition() else {
            return Vec::new();
        };
        let tree = &model.tree;
        if !tree[tree[function].decl].declarators.contains(&declarator) {
            return Vec::new();
        }
        let params = model.info(function).params.clone();
        let mut list = Vec::new();
        for param in params {
            let declared = param.and_then(|p| model[p].declarators.first().copied());
            list.push(match declared {
                Some(one) => self.made(one).ty,
                None => Types::NUMBER,
            });
        }
        list
    }

    fn is_parameter(&self, declarator: DeclaratorId) -> bool {
        let entity = self.model.declares(declarator);
        let stored = entity.and_then(|e| self.model[e].storage());
        if stored == Some(c::Storage::Parameter) {
            return true;
        }
        // Of a prototype, or without a name.
        matches!(
            self.model.decl_parent(self.model.tree[declarator].decl),
            c::Parent::Declarator(_)
        )
    }

    /// The type in the specifiers, and the address space that it brings along.
    fn base(&mut self, decl: DeclId) -> (TypeId, Option<Var>) {
        let model = self.model;
        match model.tree[decl].specifiers.base {
            Base::TypeofExpr(expr) => {
                self.unevaluated += 1;
                let value = self.value(expr);
                self.unevaluated -= 1;
                (value.ty, value.place.filter(|_| value.mem))
            }
            Base::TypeofType(name) => {
                let ty = self.type_name(name);
                (ty, None)
            }
            Base::Typedef(..) => {
                let ty = model.base_type(decl);
                let space = self.typedef_space(decl);
                (self.convert(ty), space)
            }
            Base::Auto => {
                let init = model.tree[decl].declarators.first();
                let init = init.and_then(|&d| model.tree[d].init);
                match init {
                    Some(init) => {
                        self.unevaluated += 1;
                        let value = self.value(init);
                        let value = self.rvalue(value);
                        self.unevaluated -= 1;
                        (value.ty, None)
                    }
                    None => (Types::UNKNOWN, None),
                }
            }
            _ => (self.convert(model.base_type(decl)), None),
        }
    }

    /// The address space that a `typedef` with `__arena` says for what is declared with it.
    fn typedef_space(&mut self, decl: DeclId) -> Option<Var> {
        let model = self.model;
        let Base::Typedef(name, _) = model.tree[decl].specifiers.base else {
            return None;
        };
        let entity = model.file_entity(name)?;
        let &declarator = model[entity].declarators.first()?;
        if model[entity].kind != EntityKind::Typedef {
            return None;
        }
        let tree = &model.tree;
        let own = tree[declarator].decl;
        let stars = tree[declarator]
            .parts
            .iter()
            .any(|p| matches!(p, Part::Pointer { .. }));
        let said = self.say_arena(&tree[own].specifiers) && !stars;
        match said {
            true => Some(self.made(declarator).place),
            false if matches!(tree[own].specifiers.base, Base::TypeofExpr(_)) => {
                let (_, space) = self.base(own);
                space
            }
            false => None,
        }
    }

    /// The type of a type name, with the address spaces that it writes.
    pub(super) fn type_name(&mut self, decl: DeclId) -> TypeId {
        self.types_in(decl);
        let declarators = self.model.tree[decl].declarators.clone();
        let Some(&declarator) = declarators.first() else {
            return Types::UNKNOWN;
        };
        let made = self.made(declarator);
        self.group(decl, &declarators, false);
        made.ty
    }

    /// The type of a type name of which only the size matters: nothing is written there.
    pub(super) fn place_of_name(&mut self, decl: DeclId) -> Option<Made> {
        let &declarator = self.model.tree[decl].declarators.first()?;
        Some(self.made(declarator))
    }

    /// The address space that a slot says.
    fn fill(
        &mut self,
        slot: Slot,
        decl: &Decl,
        brought: Option<Var>,
        tok: Tok,
        base: &mut Option<Var>,
        object: bool,
    ) -> Var {
        let space = self.vars.fresh();
        match slot {
            Slot::Nowhere => {}
            Slot::Specifiers => {
                *base = Some(space);
                if self.say_arena(&decl.specifiers) {
                    self.vars.seed(space, Seed::Arena, tok);
                }
                if let Some(inner) = brought {
                    // The type brings its address space along; nothing is written here. A variable
                    // on the stack must not have it.
                    *base = None;
                    let of_type = matches!(decl.specifiers.base, Base::TypeofExpr(_));
                    match self
                        .typeof_word(decl)
                        .filter(|_| object && of_type && self.current.is_some())
                    {
                        Some(keyword) => self.unqualified.push(Unqualified {
                            tok: keyword,
                            space: inner,
                            instance: self.instance,
                        }),
                        None => self.vars.join(space, inner, tok),
                    }
                }
            }
            Slot::After(star, said) => {
                if said {
                    self.vars.seed(space, Seed::Arena, star);
                }
                if self.in_system(star) {
                    if !self.fits_all(Some(star)) {
                        self.seed(space, Plain::System, star);
                    }
                    return space;
                }
                self.after_stars.push(AfterStar {
                    star,
                    space,
                    instance: self.instance,
                    said,
                });
            }
        }
        space
    }

    fn typeof_word(&self, decl: &Decl) -> Option<Tok> {
        let toks = decl.specifiers.toks;
        (toks.start..toks.end).find(|&t| {
            matches!(
                self.unit.text(&self.toks[t]),
                b"typeof" | b"__typeof" | b"__typeof__" | b"typeof_unqual" | b"__typeof_unqual__"
            )
        })
    }

    /// What attributes of a declarator and of its specifiers say.
    pub(super) fn attributes(&self, declarator: DeclaratorId) -> Attributes {
        let tree = &self.model.tree;
        let own = &tree[declarator].attributes;
        let common = &tree[tree[declarator].decl].specifiers.attributes;
        let mut found = Attributes::default();
        for toks in common.iter().chain(own) {
            for tok in toks.start..toks.end {
                let argument = self
                    .toks
                    .get(tok + 2)
                    .filter(|_| self.is(tok + 1, "("))
                    .map(|t| self.unit.text(t));
                match (self.unit.text(&self.toks[tok]), argument) {
                    (b"section" | b"__section__" | b"SEC", Some(text)) => {
                        let text = String::from_utf8_lossy(text);
                        found.section = Some(text.trim_matches('"').to_owned());
                    }
                    (b"visibility" | b"__visibility__", Some(b"\"hidden\"")) => found.hidden = true,
                    _ => {}
                }
            }
        }
        found
    }
}

/// The members of a structure, or the names of an enumeration, that specifiers define.
fn body_of(specifiers: &Specifiers) -> Option<Toks> {
    match &specifiers.base {
        Base::Record(record) => record.fields.as_ref().map(|f| f.toks),
        Base::Enum(spec) => spec.body,
        _ => None,
    }
}
