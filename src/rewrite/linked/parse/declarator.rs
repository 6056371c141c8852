//! Declarators: what stands around a declared name, and the types it makes.

use super::super::types::{Type, TypeId, Types};
use super::super::vars::{Plain, Seed, Tok, Var};
use super::super::words::Word;
use super::decl::{Section, Specifiers};
use super::{AfterStar, ArrayParameter, Confused, Declared, Parsed, Reading, Unqualified};
use crate::c::Symbol;
use crate::c::lexer::Kind;

/// A step from the type of the specifiers to that of the name.
enum Step {
    /// `*`, and whether `__arena` follows it.
    Pointer(Tok, bool),
    /// `[…]`
    Array(Tok, Tok),
    /// `(…)`
    Function(Parameters),
}

/// The parameters of a function.
#[derive(Clone, Debug, Default)]
pub(super) struct Parameters {
    pub types: Vec<TypeId>,
    /// Name and its token.
    pub names: Vec<Option<(Symbol, Tok)>>,
    /// Address space of each parameter as a variable.
    pub places: Vec<Var>,
    pub variadic: bool,
}

/// A declarator that was read.
pub(super) struct Declarator {
    pub name: Option<(Symbol, Tok)>,
    pub ty: TypeId,
    /// Address space of what is declared.
    pub place: Var,
    /// The brackets, if the name itself is that of an array.
    pub bracket: Option<(Tok, Tok)>,
    /// The parameters, if the name itself is that of a function.
    pub parameters: Option<Parameters>,
    pub declared: Declared,
    pub section: Section,
}

/// Where the address space of the next level is written.
enum Slot {
    Specifiers,
    After(Tok, bool),
    Nowhere,
}

impl Reading<'_> {
    /// Reads a declarator, abstract or not.
    pub(super) fn declarator(&mut self, specifiers: &Specifiers) -> Parsed<Declarator> {
        let start = self.pos;
        let mut section = Section::default();
        let mut steps = Vec::new();
        let name = self.steps(&mut steps, &mut section)?;
        self.attributes(&mut section)?;
        let mut ty = specifiers.ty;
        let mut slot = Slot::Specifiers;
        let mut base = None;
        let mut star = None;
        let mut parameters = None;
        let mut bracket = None;
        let last = steps.len();
        for (index, step) in steps.into_iter().enumerate() {
            match step {
                Step::Pointer(tok, said) => {
                    star = star.min(Some(tok)).or(Some(tok));
                    let space = self.fill(slot, specifiers, tok, &mut base, false);
                    slot = Slot::After(tok, said);
                    ty = self.pointer_to(ty, space);
                }
                Step::Array(open, end) => {
                    bracket = (index + 1 == last).then_some((open, end));
                    ty = self.types.add(Type::Array { of: ty });
                }
                Step::Function(list) => {
                    slot = Slot::Nowhere;
                    ty = self.types.add(Type::Function {
                        ret: ty,
                        params: list.types.clone(),
                    });
                    if index + 1 == last {
                        parameters = Some(list);
                    }
                }
            }
        }
        let at = name.map_or(start, |(_, tok)| tok);
        let place = self.fill(slot, specifiers, at, &mut base, true);
        Ok(Declarator {
            name,
            ty,
            place,
            bracket,
            parameters,
            declared: Declared {
                start,
                end: self.pos,
                star,
                base,
                said: specifiers.arena,
            },
            section,
        })
    }

    /// The address space that a slot says.
    fn fill(
        &mut self,
        slot: Slot,
        specifiers: &Specifiers,
        tok: Tok,
        base: &mut Option<Var>,
        object: bool,
    ) -> Var {
        let space = self.vars.fresh();
        match slot {
            Slot::Nowhere => {}
            Slot::Specifiers => {
                *base = Some(space);
                if specifiers.arena {
                    self.vars.seed(space, Seed::Arena, tok);
                }
                if let Some(inner) = specifiers.space {
                    // The type brings its address space along; nothing is written here. A
                    // variable on the stack must not have it.
                    *base = None;
                    match specifiers
                        .type_of
                        .filter(|_| object && self.current.is_some())
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

    fn steps(
        &mut self,
        steps: &mut Vec<Step>,
        section: &mut Section,
    ) -> Parsed<Option<(Symbol, Tok)>> {
        self.enter()?;
        loop {
            if self.at("*") || self.at("^") {
                let tok = self.pos;
                self.pos += 1;
                let said = self.qualifiers(section)?;
                steps.push(Step::Pointer(tok, said));
            } else if self.attributes(section)? {
                continue;
            } else {
                break;
            }
        }
        let mut inner = Vec::new();
        let mut name = None;
        if let Some(symbol) = self.ident(self.pos)
            && self.words.get(symbol).is_none()
        {
            name = Some((symbol, self.pos));
            self.pos += 1;
        } else if self.at("(") && !self.at_op(self.pos + 1, ")") && !self.starts_type(self.pos + 1)
        {
            self.pos += 1;
            name = self.steps(&mut inner, section)?;
            self.expect(")")?;
        }
        // What follows the name is applied from the right: an array of arrays, a function.
        let mut suffixes = Vec::new();
        loop {
            if self.at("[") {
                let open = self.pos;
                // A bound is evaluated nowhere that matters here.
                self.skip_group();
                suffixes.push(Step::Array(open, self.pos));
            } else if self.at("(") {
                let list = self.parameters()?;
                suffixes.push(Step::Function(list));
            } else if !self.attributes(section)? {
                break;
            }
        }
        steps.extend(suffixes.into_iter().rev());
        steps.extend(inner);
        self.depth -= 1;
        Ok(name)
    }

    /// Qualifiers and attributes behind a `*`; whether `__arena` is one.
    fn qualifiers(&mut self, section: &mut Section) -> Parsed<bool> {
        let mut said = false;
        loop {
            match self.ident(self.pos).and_then(|s| self.words.get(s)) {
                Some(Word::Arena) => {
                    said = true;
                    self.pos += 1;
                }
                Some(Word::Const | Word::Volatile | Word::Plain) => self.pos += 1,
                Some(Word::Attribute) => {
                    let before = section.arena;
                    section.arena = false;
                    self.attributes(section)?;
                    said |= section.arena;
                    section.arena = before;
                }
                _ => return Ok(said),
            }
        }
    }

    /// `(…)` behind the name of a function.
    fn parameters(&mut self) -> Parsed<Parameters> {
        let mut list = Parameters::default();
        self.expect("(")?;
        if self.eat(")") {
            list.variadic = true;
            return Ok(list);
        }
        self.open_scope();
        let result = self.parameter_list(&mut list);
        self.close_scope();
        result.map(|()| list)
    }

    fn parameter_list(&mut self, list: &mut Parameters) -> Parsed<()> {
        loop {
            if self.eat("...") {
                list.variadic = true;
            } else if !self.starts_type(self.pos) && self.ident(self.pos).is_some() {
                // Old style: only names.
                list.variadic = true;
                self.pos += 1;
            } else {
                let specifiers = self.specifiers()?.ok_or(Confused)?;
                let mut one = self.declarator(&specifiers)?;
                let lone_void = one.name.is_none()
                    && one.ty == Types::VOID
                    && list.types.is_empty()
                    && self.at(")");
                match *self.types.get(one.ty) {
                    // An array is passed as a pointer to its elements, a function as itself.
                    Type::Array { of } => {
                        let place = one.place;
                        self.array_parameters.push(ArrayParameter {
                            name: one.name.map(|(_, tok)| tok),
                            bracket: one.bracket,
                            nested: matches!(self.types.get(of), Type::Array { .. }),
                            space: place,
                            instance: self.instance,
                        });
                        one.ty = self.pointer_to(of, place);
                        one.place = self.vars.fresh();
                    }
                    Type::Function { .. } => {
                        let space = self.vars.fresh();
                        one.ty = self.pointer_to(one.ty, space);
                    }
                    _ => {}
                }
                self.close_group(&specifiers, vec![one.declared], false);
                if !lone_void {
                    list.types.push(one.ty);
                    list.names.push(one.name);
                    list.places.push(one.place);
                }
            }
            if self.eat(")") {
                return Ok(());
            }
            self.expect(",")?;
        }
    }

    /// `struct node *` without a name, as in a cast: the type, and the address space it says.
    pub(super) fn type_name(&mut self) -> Parsed<(TypeId, Var)> {
        let specifiers = self.specifiers()?.ok_or(Confused)?;
        let declarator = self.declarator(&specifiers)?;
        let (ty, place) = (declarator.ty, declarator.place);
        // No object is declared: what lies beside the type itself is nobody's address space.
        let mut declared = declarator.declared;
        if declared.star.is_none() && specifiers.space.is_none() && !specifiers.arena {
            declared.base = None;
        }
        self.close_group(&specifiers, vec![declared], false);
        Ok((ty, place))
    }

    /// Whether the name at `tok` is followed by what only follows a declared name.
    pub(super) fn looks_declared(&self, tok: Tok) -> bool {
        self.toks.get(tok + 1).is_some_and(|t| {
            t.kind == Kind::Punct
                && [";", "=", ",", "[", ")"]
                    .iter()
                    .any(|p| self.at_op(tok + 1, p))
        })
    }
}
