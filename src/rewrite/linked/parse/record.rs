//! Structures, unions and enumerations.

use super::super::types::{Field, RecordId};
use super::super::vars::{Plain, Tok};
use super::super::words::Word;
use super::decl::Section;
use super::{Confused, Entity, Parsed, Reading};

/// A structure or union in declaration specifiers.
pub(super) struct RecordSpecifier {
    pub id: RecordId,
    pub body: Option<(Tok, Tok)>,
    pub tagged: bool,
}

impl Reading<'_> {
    /// `struct tag`, `struct tag {…}` or `struct {…}`.
    pub(super) fn record(&mut self) -> Parsed<RecordSpecifier> {
        self.pos += 1;
        let mut none = Section::default();
        self.attributes(&mut none)?;
        let tag = self
            .ident(self.pos)
            .filter(|&s| self.words.get(s).is_none());
        self.pos += usize::from(tag.is_some());
        self.attributes(&mut none)?;
        let defines = self.at("{");
        let known = tag.and_then(|tag| {
            let mut scopes = self.tags.iter().rev();
            match defines {
                // A definition in an inner scope is a type of its own.
                true => self.tags.last().and_then(|t| t.get(&tag)).copied(),
                false => scopes.find_map(|t| t.get(&tag)).copied(),
            }
        });
        let known = known.filter(|&id| !(defines && self.types.record(id).complete));
        let id = known.unwrap_or_else(|| {
            let id = self.types.new_record();
            if let (Some(tag), Some(tags)) = (tag, self.tags.last_mut()) {
                tags.insert(tag, id);
            }
            id
        });
        let mut body = None;
        if defines {
            let start = self.pos;
            let fields = self.fields()?;
            body = Some((start, self.pos));
            self.types.complete(id, fields);
        }
        Ok(RecordSpecifier {
            id,
            body,
            tagged: tag.is_some(),
        })
    }

    fn fields(&mut self) -> Parsed<Vec<Field>> {
        self.enter()?;
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.eat("}") {
            if self.eat(";") || self.skip_assertion()? {
                continue;
            }
            let specifiers = self.specifiers()?.ok_or(Confused)?;
            if self.eat(";") {
                // Members of an anonymous structure are members.
                fields.push(Field {
                    name: None,
                    ty: specifiers.ty,
                });
                continue;
            }
            let mut declared = Vec::new();
            loop {
                if self.at(":") {
                    self.bit_field()?;
                } else {
                    let declarator = self.declarator(&specifiers)?;
                    let (name, tok) = declarator.name.ok_or(Confused)?;
                    let mut one = declarator.declared;
                    if self.at(":") {
                        self.bit_field()?;
                    }
                    // A member lies where its structure lies: nothing says so here.
                    if one.star.is_none() {
                        one.base = None;
                    }
                    self.after_stars.retain(|a| a.space != declarator.place);
                    if self.in_system(tok) {
                        self.system_levels(declarator.ty, tok);
                    }
                    one.end = self.pos;
                    declared.push(one);
                    fields.push(Field {
                        name: Some(name),
                        ty: declarator.ty,
                    });
                }
                if self.eat(";") {
                    break;
                }
                self.expect(",")?;
            }
            self.close_group(&specifiers, declared, true);
        }
        self.depth -= 1;
        Ok(fields)
    }

    /// The levels of a pointer declared where nothing is rewritten.
    fn system_levels(&mut self, ty: super::super::types::TypeId, tok: Tok) {
        let mut ty = self.types.element(ty);
        while let Some((to, space)) = self.types.pointer(ty) {
            self.seed(space, Plain::System, tok);
            ty = self.types.element(to);
        }
    }

    fn bit_field(&mut self) -> Parsed<()> {
        self.expect(":")?;
        self.unevaluated += 1;
        let width = self.conditional();
        self.unevaluated -= 1;
        width.map(|_| ())
    }

    /// `enum tag {…}`: where its braces are, and whether it has a tag.
    pub(super) fn enumeration(&mut self) -> Parsed<(Option<(Tok, Tok)>, bool)> {
        self.pos += 1;
        let mut none = Section::default();
        self.attributes(&mut none)?;
        let tagged = self
            .ident(self.pos)
            .is_some_and(|s| self.words.get(s).is_none());
        self.pos += usize::from(tagged);
        if self.at(":") {
            self.pos += 1;
            while self
                .ident(self.pos)
                .is_some_and(|s| self.words.get(s).is_some_and(Word::specifies) || !self.at("{"))
            {
                self.pos += 1;
            }
        }
        if !self.at("{") {
            return Ok((None, tagged));
        }
        let start = self.pos;
        self.pos += 1;
        while !self.eat("}") {
            let name = self.ident(self.pos).ok_or(Confused)?;
            self.pos += 1;
            self.attributes(&mut none)?;
            if self.eat("=") {
                self.conditional()?;
            }
            self.constants.insert(name);
            self.declare(name, Entity::Constant);
            if !self.eat(",") && !self.at("}") {
                return Err(Confused);
            }
        }
        Ok((Some((start, self.pos)), tagged))
    }
}
