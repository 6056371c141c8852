//! Declarations.

use super::super::types::{Type, TypeId, Types};
use super::super::vars::{Plain, Tok, Var};
use super::super::words::Word;
use super::declarator::{Declarator, Parameters};
use super::{
    Confused, Declared, Definition, Entity, FuncId, Function, Group, Head, Instance, Object,
    ObjectKind, Parsed, Reading,
};
use crate::c::Symbol;

/// What attributes say that matters here.
#[derive(Clone, Debug, Default)]
pub(super) struct Section {
    /// `section("…")`
    pub name: Option<String>,
    /// `address_space(1)`
    pub arena: bool,
    /// `visibility("hidden")`
    pub hidden: bool,
}

/// Declaration specifiers that were read.
#[derive(Clone, Debug)]
pub(super) struct Specifiers {
    pub start: Tok,
    pub end: Tok,
    pub ty: TypeId,
    /// The address space that the type brings along (`typeof(*p)`, an annotated typedef).
    pub space: Option<Var>,
    /// `__arena` stands among them.
    pub arena: bool,
    pub is_typedef: bool,
    pub is_static: bool,
    pub is_extern: bool,
    pub is_const: bool,
    pub is_volatile: bool,
    pub auto: bool,
    pub body: Option<(Tok, Tok)>,
    pub tagged: bool,
    /// The `typeof` that gives the type.
    pub type_of: Option<Tok>,
    pub section: Section,
}

impl Reading<'_> {
    /// Whether a type, or declaration specifiers, can start at `tok`.
    pub(super) fn starts_type(&self, tok: Tok) -> bool {
        let Some(symbol) = self.ident(tok) else {
            return false;
        };
        match self.words.get(symbol) {
            Some(word) => word.specifies(),
            None => match self.lookup(symbol) {
                Some(Entity::Typedef(..)) => true,
                Some(_) => false,
                None => self.words.common_number(symbol).is_some(),
            },
        }
    }

    /// Whether a declaration starts here. Types that no header at hand declares are told by what
    /// follows them.
    pub(super) fn starts_declaration(&self) -> bool {
        if self.starts_type(self.pos) {
            return true;
        }
        let Some(symbol) = self.ident(self.pos) else {
            return false;
        };
        if self.words.get(symbol).is_some() || self.lookup(symbol).is_some() {
            return false;
        }
        let mut next = self.pos + 1;
        let stars = self.at_op(next, "*");
        while self.at_op(next, "*") {
            next += 1;
        }
        match self.ident(next) {
            Some(name) => match self.words.get(name) {
                None => !stars || self.looks_declared(next),
                Some(word) => matches!(word, Word::Const | Word::Volatile | Word::Arena),
            },
            None => false,
        }
    }

    /// Reads declaration specifiers; `None` if there are none.
    pub(super) fn specifiers(&mut self) -> Parsed<Option<Specifiers>> {
        let mut found = Specifiers {
            start: self.pos,
            end: self.pos,
            ty: Types::NUMBER,
            space: None,
            arena: false,
            is_typedef: false,
            is_static: false,
            is_extern: false,
            is_const: false,
            is_volatile: false,
            auto: false,
            body: None,
            tagged: false,
            type_of: None,
            section: Section::default(),
        };
        let mut typed = false;
        loop {
            if self.at("[") && self.at_op(self.pos + 1, "[") && !typed {
                self.skip_group();
                continue;
            }
            let Some(symbol) = self.ident(self.pos) else {
                break;
            };
            match self.words.get(symbol) {
                Some(Word::Attribute) => {
                    self.attributes(&mut found.section)?;
                    found.arena |= std::mem::take(&mut found.section.arena);
                }
                Some(Word::Skipped) => {
                    self.pos += 1;
                    if self.at("(") {
                        self.skip_group();
                    }
                }
                Some(Word::Record) => {
                    typed = true;
                    let record = self.record()?;
                    found.ty = self.types.add(Type::Record(record.id));
                    found.body = record.body;
                    found.tagged = record.tagged;
                }
                Some(Word::Enum) => {
                    typed = true;
                    let (body, tagged) = self.enumeration()?;
                    found.body = body;
                    found.tagged = tagged;
                }
                Some(Word::Typeof) => {
                    typed = true;
                    found.type_of = Some(self.pos);
                    (found.ty, found.space) = self.type_of()?;
                }
                Some(word) if word.specifies() => {
                    self.pos += 1;
                    match word {
                        Word::Void => found.ty = Types::VOID,
                        Word::Long => found.ty = self.address_type(),
                        Word::Typedef => found.is_typedef = true,
                        Word::Static => found.is_static = true,
                        Word::Extern => found.is_extern = true,
                        Word::Const => found.is_const = true,
                        Word::Volatile => found.is_volatile = true,
                        Word::Arena => found.arena = true,
                        Word::Auto => found.auto = true,
                        _ => {}
                    }
                    typed |= matches!(word, Word::Void | Word::Number | Word::Long | Word::Auto);
                }
                Some(_) => break,
                None if typed => break,
                None => match self.lookup(symbol) {
                    Some(Entity::Typedef(ty, space)) => {
                        (found.ty, found.space) = (ty, space);
                        if let Type::Address(_) = self.types.get(ty) {
                            // Each use is a number of its own.
                            found.ty = self.address_type();
                        }
                        typed = true;
                        self.pos += 1;
                    }
                    Some(_) => break,
                    None if self.words.common_number(symbol).is_some() => {
                        if self.words.common_number(symbol) == Some(true) {
                            found.ty = self.address_type();
                        }
                        typed = true;
                        self.pos += 1;
                    }
                    None => {
                        // An unknown name where a type is due. Behind `static` or `const`, or
                        // before another name, it is the type.
                        if self.pos == found.start && !self.starts_declaration() {
                            break;
                        }
                        found.ty = Types::UNKNOWN;
                        typed = true;
                        self.pos += 1;
                    }
                },
            }
        }
        found.end = self.pos;
        Ok((found.end > found.start).then_some(found))
    }

    fn address_type(&mut self) -> TypeId {
        let space = self.vars.fresh();
        self.types.add(Type::Address(space))
    }

    /// `__attribute__((…))`, `__asm__("…")` and `[[…]]`, any number; whether there were any.
    pub(super) fn attributes(&mut self, section: &mut Section) -> Parsed<bool> {
        let start = self.pos;
        loop {
            if self.at("[") && self.at_op(self.pos + 1, "[") {
                self.skip_group();
                continue;
            }
            match self.ident(self.pos).and_then(|s| self.words.get(s)) {
                Some(Word::Attribute) => {
                    let from = self.pos;
                    self.pos += 1;
                    if !self.at("(") {
                        return Err(Confused);
                    }
                    self.skip_group();
                    self.attribute(from, section);
                }
                Some(Word::Asm) => {
                    self.pos += 1;
                    if !self.at("(") {
                        return Err(Confused);
                    }
                    self.skip_group();
                }
                _ => return Ok(self.pos > start),
            }
        }
    }

    fn attribute(&self, from: Tok, section: &mut Section) {
        for tok in from..self.pos {
            let Some(symbol) = self.ident(tok) else {
                continue;
            };
            let argument = self
                .toks
                .get(tok + 2)
                .filter(|_| self.at_op(tok + 1, "("))
                .map(|t| self.unit.text(t));
            match (self.unit.symbols.text(symbol), argument) {
                (b"section" | b"__section__", Some(text)) => {
                    let text = String::from_utf8_lossy(text);
                    section.name = Some(text.trim_matches('"').to_owned());
                }
                (b"address_space", Some(b"1")) => section.arena = true,
                (b"visibility" | b"__visibility__", Some(b"\"hidden\"")) => section.hidden = true,
                _ => {}
            }
        }
    }

    /// Keeps what declarators with common specifiers say.
    pub(super) fn close_group(
        &mut self,
        specifiers: &Specifiers,
        declarators: Vec<Declared>,
        splits: bool,
    ) {
        let last = specifiers.end - 1;
        let (system, own): (Vec<Declared>, Vec<Declared>) = declarators
            .into_iter()
            .partition(|d| self.in_system(d.star.unwrap_or(last)));
        for declared in system {
            if let Some(base) = declared.base.filter(|_| !self.fits_all(declared.star)) {
                self.seed(base, Plain::System, specifiers.start);
            }
        }
        if own.is_empty() {
            return;
        }
        self.groups.push(Group {
            start: specifiers.start,
            spec_end: specifiers.end,
            body: specifiers.body,
            tagged: specifiers.tagged,
            declarators: own,
            splits,
            instance: self.instance,
        });
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

    /// A declaration outside of functions, or a function.
    pub(super) fn external_declaration(&mut self) -> Parsed<()> {
        if self.skip_assertion()? {
            return Ok(());
        }
        if self.ident(self.pos).and_then(|s| self.words.get(s)) == Some(Word::Asm) {
            let mut none = Section::default();
            self.attributes(&mut none)?;
            return self.expect(";");
        }
        let specifiers = self.specifiers()?.ok_or(Confused)?;
        if self.eat(";") {
            return Ok(());
        }
        let mut declared = Vec::new();
        loop {
            let declarator = self.declarator(&specifiers)?;
            let function = declarator.parameters.is_some();
            if function && declared.is_empty() && (self.at("{") || self.old_style_parameters()?) {
                return self.function(&specifiers, declarator);
            }
            let mut one = declarator.declared.clone();
            self.declare_name(&specifiers, declarator, true)?;
            one.end = self.pos;
            declared.push(one);
            if self.eat(";") {
                break;
            }
            self.expect(",")?;
        }
        self.close_group(&specifiers, declared, true);
        Ok(())
    }

    /// `int f(a, b) int a; char *b; {`: the declarations between are read over.
    fn old_style_parameters(&mut self) -> Parsed<bool> {
        let start = self.pos;
        if self.at(";") || self.at(",") || self.at("=") || !self.starts_type(self.pos) {
            return Ok(false);
        }
        while self.starts_type(self.pos) {
            while self.token().is_some() && !self.at(";") && !self.at("{") {
                self.pos += 1;
            }
            self.eat(";");
        }
        if self.at("{") {
            return Ok(true);
        }
        self.pos = start;
        Ok(false)
    }

    /// `_Static_assert(…);`
    pub(super) fn skip_assertion(&mut self) -> Parsed<bool> {
        if self.ident(self.pos).and_then(|s| self.words.get(s)) != Some(Word::Assert) {
            return Ok(false);
        }
        self.pos += 1;
        self.skip_group();
        self.eat(";");
        Ok(true)
    }

    /// A declaration inside of a function. The `;` is read too.
    pub(super) fn local_declaration(&mut self, splits: bool) -> Parsed<()> {
        if self.skip_assertion()? {
            return Ok(());
        }
        let specifiers = self.specifiers()?.ok_or(Confused)?;
        if self.eat(";") {
            return Ok(());
        }
        let mut declared = Vec::new();
        loop {
            let declarator = self.declarator(&specifiers)?;
            let mut one = declarator.declared.clone();
            self.declare_name(&specifiers, declarator, false)?;
            one.end = self.pos;
            declared.push(one);
            if self.eat(";") {
                break;
            }
            self.expect(",")?;
        }
        self.close_group(&specifiers, declared, splits);
        Ok(())
    }

    /// Makes a declared name known, and reads its initialiser.
    fn declare_name(
        &mut self,
        specifiers: &Specifiers,
        declarator: Declarator,
        file_scope: bool,
    ) -> Parsed<()> {
        let Some((name, tok)) = declarator.name else {
            return Err(Confused);
        };
        // A bit-field's width does not occur here, but an assembler name may.
        if specifiers.is_typedef {
            let said = specifiers.arena && declarator.declared.star.is_none();
            let space = match said {
                true => Some(declarator.place),
                false => specifiers.space,
            };
            self.declare(name, Entity::Typedef(declarator.ty, space));
            return Ok(());
        }
        if matches!(self.types.get(declarator.ty), Type::Function { .. }) {
            self.declare_function(specifiers, &declarator, name, tok);
            return Ok(());
        }
        let kind = match (file_scope, specifiers.is_static, specifiers.is_extern) {
            (_, _, true) => ObjectKind::Extern,
            (false, false, false) => ObjectKind::Local,
            _ => ObjectKind::Static,
        };
        let mut section = specifiers.section.clone();
        section.name = declarator.section.name.clone().or(section.name);
        let index = self.object(name, tok, &declarator, kind, &section);
        self.objects[index as usize].is_static |= specifiers.is_static;
        if kind != ObjectKind::Local && specifiers.is_const {
            self.seed_constant(declarator.ty, declarator.place, specifiers, tok);
        }
        if self.at("=") {
            self.pos += 1;
            let start = self.pos;
            if specifiers.auto {
                let value = self.assignment()?;
                let value = self.rvalue(value);
                self.objects[index as usize].ty = value.ty;
                let flow = self.objects[index as usize].flow;
                self.flows_to(value.flow, flow);
            } else {
                self.initialiser(index, (tok, start - 1))?;
            }
            self.objects[index as usize].init = Some((start, self.pos));
        }
        Ok(())
    }

    /// A constant object outside of functions is read-only data. `const` before a `*` is about
    /// what the pointer points to.
    fn seed_constant(&mut self, ty: TypeId, place: Var, specifiers: &Specifiers, tok: Tok) {
        let volatile = specifiers.is_volatile;
        if volatile || !self.types.is_pointer(self.types.element(ty)) {
            self.seed(place, Plain::Section, tok);
        }
    }

    fn object(
        &mut self,
        name: Symbol,
        tok: Tok,
        declarator: &Declarator,
        kind: ObjectKind,
        section: &Section,
    ) -> u32 {
        // A second declaration of the same global is the same object.
        if kind != ObjectKind::Local
            && let Some(Entity::Object(known)) = self.lookup(name)
            && self.objects[known as usize].kind != ObjectKind::Local
        {
            let (ty, place) = {
                let object = &self.objects[known as usize];
                (object.ty, object.place)
            };
            self.same(ty, declarator.ty, tok);
            self.vars.join(place, declarator.place, tok);
            if kind == ObjectKind::Static {
                let object = &mut self.objects[known as usize];
                object.kind = kind;
                object.tok = tok;
                object.ty = declarator.ty;
            }
            if section.name.is_some() {
                self.seed(place, Plain::Section, tok);
            }
            return known;
        }
        let flow = self.new_flow();
        match kind {
            ObjectKind::Local => self.seed(declarator.place, Plain::Stack, tok),
            _ if section.name.is_some() => self.seed(declarator.place, Plain::Section, tok),
            _ => {}
        }
        let index = self.objects.len() as u32;
        self.objects.push(Object {
            name,
            tok,
            ty: declarator.ty,
            place: declarator.place,
            flow,
            kind,
            is_static: false,
            init: None,
        });
        self.declare(name, Entity::Object(index));
        index
    }

    fn declare_function(
        &mut self,
        specifiers: &Specifiers,
        declarator: &Declarator,
        name: Symbol,
        tok: Tok,
    ) -> FuncId {
        let system = self.in_system(tok);
        let func = match self.by_name.get(&name) {
            Some(&func) => {
                let ty = self.functions[func.0 as usize].ty;
                self.same(ty, declarator.ty, tok);
                let function = &mut self.functions[func.0 as usize];
                function.system &= system;
                // The declaration that knows the parameters wins.
                function.ty = declarator.ty;
                func
            }
            None => {
                let ret = self.new_flow();
                let func = FuncId(self.functions.len() as u32);
                self.functions.push(Function {
                    name,
                    ty: declarator.ty,
                    ret,
                    params: Vec::new(),
                    heads: Vec::new(),
                    definition: None,
                    system,
                    calls: Vec::new(),
                    allocates: false,
                    sectioned: false,
                });
                self.by_name.insert(name, func);
                func
            }
        };
        let is_local =
            specifiers.is_static || specifiers.section.hidden || declarator.section.hidden;
        let sectioned = specifiers.section.name.is_some() || declarator.section.name.is_some();
        let function = &mut self.functions[func.0 as usize];
        function.sectioned |= sectioned;
        if !system && self.instance == Instance(0) {
            function.heads.push(Head {
                start: specifiers.start,
                is_static: specifiers.is_static,
                is_local,
            });
        }
        if self.scopes.len() == 1 {
            self.declare(name, Entity::Function(func));
        } else if let Some(scope) = self.scopes.first_mut() {
            scope.entry(name).or_insert(Entity::Function(func));
        }
        func
    }

    /// A function's definition, from its body on.
    fn function(&mut self, specifiers: &Specifiers, declarator: Declarator) -> Parsed<()> {
        let (name, tok) = declarator.name.ok_or(Confused)?;
        let func = self.declare_function(specifiers, &declarator, name, tok);
        self.close_group(specifiers, vec![declarator.declared.clone()], false);
        let parameters = declarator.parameters.clone().unwrap_or_default();
        let mut section = specifiers.section.clone();
        section.name = section.name.or(declarator.section.name.clone());
        let program = section.name.is_some() || self.functions[func.0 as usize].sectioned;
        let body_start = self.pos;
        self.skip_group();
        let body = (body_start, self.pos);
        self.pos = body_start;
        self.functions[func.0 as usize].definition = Some(Definition {
            start: specifiers.start,
            name: tok,
            body,
            program,
        });
        let result = self.body(func, declarator.ty, &parameters, program, body);
        self.pos = body.1;
        result
    }

    fn body(
        &mut self,
        func: FuncId,
        ty: TypeId,
        parameters: &Parameters,
        program: bool,
        body: (Tok, Tok),
    ) -> Parsed<()> {
        let (ret_ty, ret_flow) = match *self.types.get(ty) {
            Type::Function { ret, .. } => (ret, self.functions[func.0 as usize].ret),
            _ => return Err(Confused),
        };
        self.open_scope();
        while self.functions[func.0 as usize].params.len() < parameters.types.len() {
            let flow = self.new_flow();
            self.functions[func.0 as usize].params.push(flow);
        }
        for (index, &ty) in parameters.types.iter().enumerate() {
            let Some((name, tok)) = parameters.names[index] else {
                continue;
            };
            let place = parameters.places[index];
            self.seed(place, Plain::Stack, tok);
            if program && let Some((_, space)) = self.types.pointer(ty) {
                self.seed(space, Plain::Context, tok);
            }
            let number = self.objects.len() as u32;
            let flow = self.functions[func.0 as usize].params[index];
            self.objects.push(Object {
                name,
                tok,
                ty,
                place,
                flow,
                kind: ObjectKind::Local,
                is_static: false,
                init: None,
            });
            self.declare(name, Entity::Object(number));
        }
        let outer = self.current.replace((func, ret_ty, ret_flow, body));
        let depth = self.depth;
        let result = self.compound();
        self.depth = depth;
        self.current = outer;
        self.scopes.truncate(1);
        self.tags.truncate(1);
        result.map(|_| ())
    }

    /// A further reading of a function for one of its calls: its type now, its body later.
    pub(super) fn another(&mut self, func: FuncId) -> Option<(Instance, TypeId)> {
        let name = self.functions[func.0 as usize].name;
        let definition = *self.several.get(&name)?;
        if self.instances.len() >= super::READINGS {
            return None;
        }
        let instance = Instance(self.instances.len() as u32);
        self.instances.push(Some(func));
        let ty = self.outside(definition.start, instance, |reading| {
            let specifiers = reading.specifiers()?.ok_or(Confused)?;
            let declarator = reading.declarator(&specifiers)?;
            // The group is kept when the body is read.
            Ok(declarator.ty)
        });
        let ty = ty.ok()?;
        self.instance_ty.insert(instance, ty);
        self.queue.push((instance, func));
        Some((instance, ty))
    }

    /// Reads something else at file scope, and comes back.
    fn outside<T>(
        &mut self,
        start: Tok,
        instance: Instance,
        read: impl FnOnce(&mut Self) -> Parsed<T>,
    ) -> Parsed<T> {
        let scopes = self.scopes.split_off(1);
        let tags = self.tags.split_off(1);
        let (pos, was) = (self.pos, self.instance);
        let current = self.current.take();
        let depth = std::mem::take(&mut self.depth);
        let unevaluated = std::mem::take(&mut self.unevaluated);
        (self.pos, self.instance) = (start, instance);
        let result = read(self);
        (self.pos, self.instance) = (pos, was);
        self.depth = depth;
        self.unevaluated = unevaluated;
        self.current = current;
        self.scopes.truncate(1);
        self.tags.truncate(1);
        self.scopes.extend(scopes);
        self.tags.extend(tags);
        result
    }

    /// Reads the body of a function once more.
    pub(super) fn read_again(&mut self, instance: Instance, func: FuncId) {
        let name = self.functions[func.0 as usize].name;
        let Some(&definition) = self.several.get(&name) else {
            return;
        };
        let types = self.instance_ty.get(&instance).copied();
        let result = self.outside(definition.start, instance, |reading| {
            let specifiers = reading.specifiers()?.ok_or(Confused)?;
            let declarator = reading.declarator(&specifiers)?;
            if let Some(ty) = types {
                reading.same(ty, declarator.ty, definition.name);
            }
            reading.close_group(&specifiers, vec![declarator.declared.clone()], false);
            let parameters = declarator.parameters.clone().unwrap_or_default();
            reading.pos = definition.body.0;
            reading.body(
                func,
                declarator.ty,
                &parameters,
                definition.program,
                definition.body,
            )
        });
        if result.is_err() {
            self.lost.push(super::Lost {
                tok: definition.name,
            });
        }
    }
}
