//! The types in specifiers.

use super::entity::EntityKind;
use super::nodes::Parent;
use super::scope::Tag;
use super::{
    Builder, Entity, EntityId, Enum, EnumId, Field, FieldRef, Record, RecordId, Type, TypeId,
};
use crate::c::Symbol;
use crate::c::lexer::{Kind, op};
use crate::c::syntax::tree::{
    Base, DeclId, EnumSpecifier, Fields, Number, RecordSpecifier, Tok, Toks,
};

/// What attributes say of a type or a member.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes {
    pub packed: bool,
    pub aligned: Option<u64>,
}

impl Builder<'_, '_> {
    /// The type in the specifiers of a declaration. `__auto_type` is [`TypeId::UNKNOWN`] here.
    pub(super) fn base(&mut self, decl: DeclId, parent: Parent) -> TypeId {
        let base = self.m.tree[decl].specifiers.base.clone();
        let info = self.m.nodes.decl(decl);
        info.parent = parent;
        info.function = self.function;
        let ty = match base {
            Base::Implicit => TypeId::INT,
            Base::Void => TypeId::VOID,
            Base::Number(_) if self.says_va_list(decl) => self.m.types.pointer(TypeId::VOID),
            Base::Number(number) => self.m.types.number(number),
            Base::Typedef(name, _) => self.typedef(name),
            Base::Record(record) => self.record(decl, record),
            Base::Enum(specifier) => self.enumeration(decl, specifier),
            Base::TypeofExpr(expr) => {
                self.expression(expr, Parent::Decl(decl));
                self.m.type_of(expr)
            }
            Base::TypeofType(inner) => self.type_name(inner, Parent::Decl(decl)),
            Base::Auto | Base::Unknown => TypeId::UNKNOWN,
        };
        self.m.nodes.decl(decl).base = Some(ty);
        ty
    }

    /// `__builtin_va_list` is a pointer for BPF.
    fn says_va_list(&self, decl: DeclId) -> bool {
        let toks = self.m.tree[decl].specifiers.toks;
        let tokens = self.m.unit.tokens.get(toks.start..toks.end);
        let mut words = tokens.unwrap_or_default().iter();
        words.any(|t| self.m.unit.text(t) == b"__builtin_va_list")
    }

    fn typedef(&mut self, name: Symbol) -> TypeId {
        if let Some(entity) = self.name(name) {
            let entity = &self.m.entities[entity.0 as usize];
            return match entity.kind {
                EntityKind::Typedef => entity.ty,
                _ => TypeId::UNKNOWN,
            };
        }
        // Types that clang brings with it.
        match self.m.unit.symbols.text(name) {
            b"__builtin_va_list" | b"__gnuc_va_list" => {
                let to = TypeId::VOID;
                self.m.types.pointer(to)
            }
            b"__int128_t" => self.m.types.number(Number::integer(16, false)),
            b"__uint128_t" => self.m.types.number(Number::integer(16, true)),
            _ => TypeId::UNKNOWN,
        }
    }

    /// A type name: a declaration with one declarator without a name.
    pub(super) fn type_name(&mut self, decl: DeclId, parent: Parent) -> TypeId {
        let base = self.base(decl, parent);
        match self.m.tree[decl].declarators.first() {
            Some(&declarator) => self.declarator_types(declarator, base, false).0,
            None => base,
        }
    }

    fn record(&mut self, decl: DeclId, specifier: RecordSpecifier) -> TypeId {
        let tag = specifier.tag.map(|(tag, _)| tag);
        let alone = self.m.tree[decl].declarators.is_empty();
        let record = match (tag, specifier.fields.is_some()) {
            (None, _) => self.new_record(None, &specifier),
            (Some(tag), defined) => self.tagged_record(tag, &specifier, defined || alone),
        };
        if let Some(fields) = specifier.fields {
            let attributes = self.m.tree[decl].specifiers.attributes.clone();
            let own = attributes.iter().filter(|a| a.start > specifier.keyword);
            let attributes = self.attributes(own.copied());
            self.define(decl, record, fields, attributes);
        }
        self.m.records[record.0 as usize].ty
    }

    /// The record of a tag. With `declares` the innermost scope gets one of its own.
    fn tagged_record(
        &mut self,
        tag: Symbol,
        specifier: &RecordSpecifier,
        declares: bool,
    ) -> RecordId {
        let known = match declares {
            true => self.scope().tags.get(&tag).copied(),
            false => self.tag(tag),
        };
        let defined = specifier.fields.is_some();
        if let Some(Tag::Record(record)) = known
            && !(defined && self.m.records[record.0 as usize].fields.is_some())
        {
            return record;
        }
        let record = self.new_record(Some(tag), specifier);
        let of_file = !declares && self.belongs_to_file(tag);
        let scope = match of_file {
            true => &mut self.m.file,
            false => self.scope(),
        };
        scope.tags.insert(tag, Tag::Record(record));
        let at_file_scope = of_file || self.scopes.0.is_empty();
        self.m.records[record.0 as usize].at_file_scope = at_file_scope;
        record
    }

    /// Whether a tag that is mentioned here first is the file's: it is defined in a part of the
    /// file that was not read yet, or this is a prototype.
    fn belongs_to_file(&self, tag: Symbol) -> bool {
        let prototype = self.scopes.0.last().is_some_and(|scope| scope.prototype);
        prototype
            || self
                .m
                .reader
                .naming(tag)
                .first()
                .is_some_and(|&i| i < self.item)
            || self.m.reader.leaves_out(tag, self.item)
    }

    fn new_record(&mut self, tag: Option<Symbol>, specifier: &RecordSpecifier) -> RecordId {
        let id = RecordId(self.m.records.len() as u32);
        let ty = self.m.types.add(Type::Record(id));
        self.m.records.push(Record {
            tag,
            is_union: specifier.is_union,
            ty,
            fields: None,
            definition: None,
            packed: false,
            aligned: None,
            at_file_scope: self.scopes.0.is_empty(),
            layout: None,
        });
        id
    }

    fn define(&mut self, decl: DeclId, id: RecordId, fields: Fields, attributes: Attributes) {
        let mut members = Vec::new();
        for member in fields.list {
            let base = self.base(member, Parent::Decl(decl));
            let of_all = self.m.tree[member].specifiers.attributes.clone();
            let declarators = self.m.tree[member].declarators.clone();
            let anonymous = declarators.is_empty();
            if anonymous && !matches!(self.m.types.get(base), Type::Record(_)) {
                continue;
            }
            let declarators = declarators.into_iter().map(Some);
            for declarator in declarators.chain(anonymous.then_some(None)) {
                let index = members.len() as u32;
                let field = self.field(member, declarator, base, &of_all);
                if let Some(declarator) = declarator {
                    let at = FieldRef { record: id, index };
                    self.m.nodes.declarator(declarator).field = Some(at);
                }
                members.push(field);
            }
        }
        let record = &mut self.m.records[id.0 as usize];
        record.fields = Some(members);
        record.definition = Some(decl);
        record.packed = attributes.packed;
        record.aligned = attributes.aligned;
    }

    fn field(
        &mut self,
        decl: DeclId,
        declarator: Option<crate::c::syntax::tree::DeclaratorId>,
        base: TypeId,
        of_all: &[Toks],
    ) -> Field {
        let mut field = Field {
            name: None,
            ty: base,
            decl,
            declarator,
            bits: None,
            packed: false,
            aligned: None,
        };
        let mut attributes = of_all.to_vec();
        if let Some(declarator) = declarator {
            field.ty = self.declarator_types(declarator, base, false).0;
            let node = &self.m.tree[declarator];
            field.name = node.name.map(|(name, _)| name);
            attributes.extend(&node.attributes);
            if let Some(bits) = node.bits {
                self.expression(bits, Parent::Declarator(declarator));
                let value = self.m.value(bits).unwrap_or(0);
                field.bits = Some(u64::try_from(value).unwrap_or(0));
            }
        }
        // What stands after `struct` or `}` is the record's.
        let specifiers = &self.m.tree[decl].specifiers;
        if let Base::Record(RecordSpecifier {
            keyword,
            fields: Some(_),
            ..
        }) = specifiers.base
        {
            let end = specifiers.toks.end;
            attributes.retain(|a| a.start < keyword || a.start >= end);
        }
        let attributes = self.attributes(attributes.into_iter());
        field.packed = attributes.packed;
        field.aligned = attributes.aligned;
        field
    }

    /// What the tokens inside of attributes say.
    pub(super) fn attributes(&self, list: impl Iterator<Item = Toks>) -> Attributes {
        let mut found = Attributes::default();
        let toks = &self.m.unit.tokens;
        let word = |tok: Tok| match toks.get(tok) {
            Some(t) if t.kind == Kind::Ident => self.m.unit.text(t),
            _ => b"",
        };
        for attribute in list {
            let before = attribute.start.checked_sub(2).map_or(&b""[..], word);
            if matches!(before, b"_Alignas" | b"alignas") {
                found.aligned = found.aligned.max(self.alignment(attribute));
                continue;
            }
            for tok in attribute.start..attribute.end {
                match word(tok) {
                    b"packed" | b"__packed__" => found.packed = true,
                    b"aligned" | b"__aligned__" => {
                        let open = toks.get(tok + 1).is_some_and(|t| t.is(op("(")));
                        let asked = match open {
                            true => self.alignment(Toks::new(tok + 2, attribute.end)),
                            // The largest that the target has.
                            false => Some(16),
                        };
                        found.aligned = found.aligned.max(asked);
                    }
                    _ => {}
                }
            }
        }
        found
    }

    /// The number of an alignment: a literal, or `sizeof` a word.
    fn alignment(&self, toks: Toks) -> Option<u64> {
        let tokens = self.m.unit.tokens.get(toks.start..toks.end)?;
        for (at, token) in tokens.iter().enumerate() {
            if token.kind == Kind::Number {
                let shift = tokens.get(at + 1).is_some_and(|t| t.is(op("<<")));
                let read = |at: usize| {
                    let text = self.m.unit.text(tokens.get(at)?);
                    super::literals::integer(text).map(|(value, _)| value)
                };
                let value = match (read(at)?, shift) {
                    (value, false) => value,
                    (value, true) => value.checked_shl(u32::try_from(read(at + 2)?).ok()?)?,
                };
                return u64::try_from(value).ok().filter(|v| v.is_power_of_two());
            }
            if token.kind == Kind::Ident
                && matches!(self.m.unit.text(token), b"long" | b"double" | b"void")
            {
                return Some(8);
            }
        }
        None
    }

    fn enumeration(&mut self, decl: DeclId, specifier: EnumSpecifier) -> TypeId {
        let tag = specifier.tag.map(|(tag, _)| tag);
        let id = match (tag, specifier.body) {
            (None, _) => self.new_enum(None),
            (Some(tag), Some(_)) => match self.scope().tags.get(&tag).copied() {
                Some(Tag::Enum(id)) if self.m.enums[id.0 as usize].constants.is_empty() => id,
                _ => self.tagged_enum(tag),
            },
            (Some(tag), None) => match self.known_enum(tag) {
                Some(id) => id,
                None => self.tagged_enum(tag),
            },
        };
        if specifier.body.is_some() {
            self.constants(decl, id, &specifier);
        }
        self.m.enums[id.0 as usize].ty
    }

    fn known_enum(&mut self, tag: Symbol) -> Option<EnumId> {
        if let Some(Tag::Enum(id)) = self.scopes.tag(tag) {
            return Some(id);
        }
        self.read_until(tag, |b| match b.m.file.tags.get(&tag) {
            Some(&Tag::Enum(id)) => Some(id),
            _ => None,
        })
    }

    fn tagged_enum(&mut self, tag: Symbol) -> EnumId {
        let id = self.new_enum(Some(tag));
        self.scope().tags.insert(tag, Tag::Enum(id));
        id
    }

    fn new_enum(&mut self, tag: Option<Symbol>) -> EnumId {
        let id = EnumId(self.m.enums.len() as u32);
        let ty = self.m.types.add(Type::Enum(id));
        self.m.enums.push(Enum {
            tag,
            ty,
            number: Number::UINT,
            constants: Vec::new(),
        });
        id
    }

    /// The type that an enumeration itself asks for: `enum e : u8`, and the attributes `packed` and
    /// `mode`, which bpftool writes.
    fn asked_for(
        &mut self,
        decl: DeclId,
        specifier: &EnumSpecifier,
        range: (i128, i128),
    ) -> Option<Number> {
        let tokens = &self.m.unit.tokens;
        let word = |tok: Tok| tokens.get(tok).map_or(&b""[..], |t| self.m.unit.text(t));
        let end = specifier.body?.start;
        let colon = (specifier.keyword..end).find(|&tok| tokens[tok].is(op(":")));
        if let Some(colon) = colon {
            let (mut size, mut unsigned) = (4, false);
            for token in &tokens[colon + 1..end] {
                match self.m.unit.text(token) {
                    b"char" => size = 1,
                    b"short" => size = 2,
                    b"long" => size = 8,
                    b"unsigned" => unsigned = true,
                    _ => {
                        let name = token.symbol;
                        let known = self.scopes.name(name).or(self.m.file_entity(name));
                        let ty = known.map(|e| self.m.entities[e.0 as usize].ty);
                        if let Some(number) = ty.and_then(|ty| self.m.number(ty)) {
                            return Some(number);
                        }
                    }
                }
            }
            return Some(Number::integer(size, unsigned));
        }
        let signed = range.0 < 0;
        let all = &self.m.tree[decl].specifiers.attributes;
        for toks in all.iter().filter(|a| a.start > specifier.keyword) {
            for tok in toks.start..toks.end {
                let size = match word(tok) {
                    b"packed" | b"__packed__" => {
                        let fits = |size: &u8| {
                            let number = Number::integer(*size, !signed);
                            number.wrap(range.0) == range.0 && number.wrap(range.1) == range.1
                        };
                        [1, 2, 4].into_iter().find(fits)
                    }
                    b"mode" | b"__mode__" => match word(tok + 2) {
                        b"byte" | b"__byte__" | b"QI" | b"__QI__" => Some(1),
                        b"HI" | b"__HI__" => Some(2),
                        b"DI" | b"__DI__" | b"word" | b"__word__" => Some(8),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(size) = size {
                    return Some(Number::integer(size, !signed));
                }
            }
        }
        None
    }

    fn constants(&mut self, decl: DeclId, id: EnumId, specifier: &EnumSpecifier) {
        let mut next = Some(0i128);
        let (mut least, mut most) = (0i128, 0i128);
        let mut constants: Vec<EntityId> = Vec::new();
        for &(name, tok, expr) in &specifier.constants {
            if let Some(expr) = expr {
                self.expression(expr, Parent::Decl(decl));
                next = self.m.value(expr);
            }
            let value = next.unwrap_or(0);
            (least, most) = (least.min(value), most.max(value));
            // A constant is an `int` where that can hold it.
            let ty = self.m.types.number(holder(value.min(0), value));
            let entity = self.add(Entity {
                name,
                tok: Some(tok),
                kind: EntityKind::Enumerator(value),
                ty,
                declarators: Vec::new(),
            });
            self.scope().names.insert(name, entity);
            constants.push(entity);
            next = next.map(|v| v.wrapping_add(1));
        }
        let number = match (least < 0, most > i128::from(u32::MAX)) {
            (false, false) => Number::UINT,
            (false, true) => Number::ULONG,
            (true, _) => holder(least, most),
        };
        let number = self
            .asked_for(decl, specifier, (least, most))
            .unwrap_or(number);
        let wide = number.size > 4;
        self.m.enums[id.0 as usize].number = number;
        if wide {
            let ty = self.m.types.number(number);
            for &constant in &constants {
                self.m.entities[constant.0 as usize].ty = ty;
            }
        }
        self.m.enums[id.0 as usize].constants = constants;
    }
}

/// The type of `int`, `unsigned`, `long` and `unsigned long` that holds two values.
fn holder(least: i128, most: i128) -> Number {
    let signed = |size: u8| {
        let half = 1i128 << (8 * u32::from(size) - 1);
        -half <= least && most < half
    };
    match least < 0 {
        _ if signed(4) => Number::INT,
        false if most <= i128::from(u32::MAX) => Number::UINT,
        _ if signed(8) => Number::LONG,
        _ => Number::ULONG,
    }
}
