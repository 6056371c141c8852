//! Which places an lvalue means, and how they are read, written and named.

use super::flow::{Flow, Source};
use super::place::{Index, Node, PlaceId};
use super::value::{Doubt, Fate, State, Value};
use crate::c::Symbol;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Unary};
use crate::c::types::{EntityId, FieldRef, Type, TypeId};

/// What an lvalue may mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lvalue {
    /// The places; none where nothing is known.
    pub places: Vec<PlaceId>,
    /// It is the one place that is listed, and nothing else.
    pub sure: bool,
}

impl Lvalue {
    /// This place.
    pub fn sure(place: PlaceId) -> Self {
        Self {
            places: vec![place],
            sure: true,
        }
    }

    fn unknown() -> Self {
        Self {
            places: Vec::new(),
            sure: false,
        }
    }

    /// The one place that it is sure to mean.
    pub fn one(&self) -> Option<PlaceId> {
        match self.places[..] {
            [place] if self.sure => Some(place),
            _ => None,
        }
    }
}

impl Flow<'_> {
    /// The place of a variable.
    pub fn variable(&mut self, entity: EntityId) -> Option<PlaceId> {
        self.places.add(Node::Variable(entity))
    }

    /// Whether a variable lives as long as a call of its function.
    pub fn is_local(&self, variable: EntityId) -> bool {
        self.model()[variable].is_automatic()
    }

    /// Evaluates what an lvalue needs before it can be read or written: the pointers on its way.
    pub fn reach(&mut self, e: ExprId, st: State) -> Vec<(State, Lvalue)> {
        match self.tree()[e].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.reach(inner, st),
            ExprKind::Name(_) => {
                let entity = self.model().entity(e);
                let place = entity.and_then(|entity| self.variable(entity));
                vec![(st, place.map_or(Lvalue::unknown(), Lvalue::sure))]
            }
            ExprKind::Member {
                object,
                arrow,
                name,
                ..
            } => {
                let field = self.model().member(e);
                let name = field.and_then(|f| self.field_name(f)).unwrap_or(name);
                let reached = match arrow {
                    true => self.through(e, object, st),
                    false => self.reach(object, st),
                };
                let mut results = Vec::new();
                for (st, lvalue) in reached {
                    results.push((st, self.each_place(lvalue, |of| Node::Field(of, name))));
                }
                results
            }
            ExprKind::Unary(Unary::Deref, pointer) => self.through(e, pointer, st),
            ExprKind::Index(a, b) => {
                let (base, index) = self.base_and_index(a, b);
                let mut results = Vec::new();
                if self.is_array(base) {
                    for (st, lvalue) in self.reach(base, st) {
                        for st in self.effects(index, vec![st]) {
                            let at = self.index(index, &st);
                            let lvalue = lvalue.clone();
                            let part = self.each_place(lvalue, |of| Node::Element(of, at.clone()));
                            results.push((st, part));
                        }
                    }
                    return results;
                }
                for (st, value) in self.eval(base, st) {
                    for st in self.effects(index, vec![st]) {
                        let Some(st) = self.follow(&value, st, e) else {
                            continue;
                        };
                        let at = self.index(index, &st);
                        let place = self.place(base, &st);
                        let lvalue = self.element_behind(&value, place, at);
                        results.push((st, lvalue));
                    }
                }
                results
            }
            ExprKind::Conditional {
                cond,
                then: Some(then),
                otherwise,
            } => {
                let (yes, no) = self.cond(cond, st);
                let mut results = Vec::new();
                for st in yes {
                    results.extend(self.reach(then, st));
                }
                for st in no {
                    results.extend(self.reach(otherwise, st));
                }
                results
            }
            ExprKind::Comma(left, right) => {
                let mut results = Vec::new();
                for st in self.effects(left, vec![st]) {
                    results.extend(self.reach(right, st));
                }
                results
            }
            ExprKind::Call { .. } if self.is_record(e) => self.structure(e, st),
            ExprKind::Assign { left, .. } => {
                let mut results = Vec::new();
                for st in self.effects(e, vec![st]) {
                    let place = self.place(left, &st);
                    results.push((st, place.map_or(Lvalue::unknown(), Lvalue::sure)));
                }
                results
            }
            _ => {
                let states = self.effects(e, vec![st]).into_iter();
                states.map(|st| (st, Lvalue::unknown())).collect()
            }
        }
    }

    /// What a pointer points to, once it is evaluated and followed.
    fn through(&mut self, e: ExprId, pointer: ExprId, st: State) -> Vec<(State, Lvalue)> {
        let mut results = Vec::new();
        for (st, value) in self.eval(pointer, st) {
            let Some(st) = self.follow(&value, st, e) else {
                continue;
            };
            let place = self.place(pointer, &st);
            let lvalue = self.pointee(&value, place);
            results.push((st, lvalue));
        }
        results
    }

    fn each_place(&mut self, lvalue: Lvalue, part: impl Fn(PlaceId) -> Node) -> Lvalue {
        let count = lvalue.places.len();
        let places: Vec<PlaceId> = lvalue
            .places
            .into_iter()
            .filter_map(|of| self.places.add(part(of)))
            .collect();
        Lvalue {
            sure: lvalue.sure && places.len() == count,
            places,
        }
    }

    /// What a value points to; `place` is where the pointer lies.
    pub fn pointee(&mut self, value: &Value, place: Option<PlaceId>) -> Lvalue {
        if value.whole
            && value.addresses.is_empty()
            && let [site] = value.blocks[..]
        {
            let place = self.places.add(Node::Block(site));
            return place.map_or(Lvalue::unknown(), Lvalue::sure);
        }
        if let Some(place) = value.sole_address() {
            return Lvalue::sure(place);
        }
        if !value.leads() {
            let place = place.and_then(|of| self.places.add(Node::Pointee(of)));
            return place.map_or(Lvalue::unknown(), Lvalue::sure);
        }
        let mut places: Vec<PlaceId> = Vec::new();
        for &site in &value.blocks {
            let block = self.places.add(Node::Block(site));
            places.extend(match value.whole {
                true => block,
                false => block.and_then(|of| self.places.add(Node::Element(of, Index::Any))),
            });
        }
        for &address in &value.addresses {
            places.extend(match value.whole {
                true => Some(address),
                false => self.neighbour(address, None).or(Some(address)),
            });
        }
        Lvalue {
            places,
            sure: false,
        }
    }

    /// An element behind a pointer.
    fn element_behind(&mut self, value: &Value, place: Option<PlaceId>, at: Index) -> Lvalue {
        if let Some(start) = value.sole_address() {
            let place = match (&at, self.places.node(start)) {
                (&Index::Number(by), _) => self.neighbour(start, Some(by)),
                (_, &Node::Element(of, Index::Number(0))) => self.places.add(Node::Element(of, at)),
                _ => self.neighbour(start, None),
            };
            return place.map_or(Lvalue::unknown(), Lvalue::sure);
        }
        let lvalue = self.pointee(value, place);
        match at {
            Index::Number(0) => lvalue,
            at => self.each_place(lvalue, |of| Node::Element(of, at.clone())),
        }
    }

    /// The place of the element so many further on.
    pub fn neighbour(&mut self, place: PlaceId, by: Option<i64>) -> Option<PlaceId> {
        match (self.places.node(place).clone(), by) {
            (_, Some(0)) => Some(place),
            (Node::Element(of, Index::Number(at)), Some(by)) => {
                self.element(of, at.checked_add(by)?)
            }
            (Node::Element(of, _), _) => self.places.add(Node::Element(of, Index::Any)),
            _ => None,
        }
    }

    /// An element of an array.
    pub fn element(&mut self, of: PlaceId, index: i64) -> Option<PlaceId> {
        self.places.add(Node::Element(of, Index::Number(index)))
    }

    /// The value of an array: the address of its first element.
    pub fn start_of(&mut self, place: PlaceId) -> Value {
        match self.element(place, 0) {
            Some(first) if self.places.is_direct(first) => match self.places.block_of(first) {
                Some(site) => Value {
                    whole: false,
                    ..Value::block(site)
                },
                None => Value::address(first),
            },
            _ => Value::signs(super::value::POS),
        }
    }

    fn base_and_index(&self, a: ExprId, b: ExprId) -> (ExprId, ExprId) {
        let model = self.model();
        let number = model.number(model.type_of(a)).is_some();
        if number { (b, a) } else { (a, b) }
    }

    /// The name by which a member is known: of a union all members are one.
    pub fn field_name(&self, field: FieldRef) -> Option<Symbol> {
        let record = &self.model()[field.record];
        match record.is_union {
            true => record.fields.iter().flatten().find_map(|f| f.name),
            false => self.model().field(field).name,
        }
    }

    /// The place of an lvalue, with nothing evaluated.
    pub fn place(&mut self, e: ExprId, st: &State) -> Option<PlaceId> {
        match self.tree()[e].kind.clone() {
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.place(inner, st),
            ExprKind::Name(_) => {
                let entity = self.model().entity(e)?;
                self.model()[entity].storage()?;
                self.variable(entity)
            }
            ExprKind::Assign { left, .. } => self.place(left, st),
            ExprKind::Comma(_, right) => self.place(right, st),
            ExprKind::Member {
                object,
                arrow,
                name,
                ..
            } => {
                let field = self.model().member(e);
                let name = field.and_then(|f| self.field_name(f)).unwrap_or(name);
                let of = match arrow {
                    true => self.target(object, st)?,
                    false => self.place(object, st)?,
                };
                self.places.add(Node::Field(of, name))
            }
            ExprKind::Unary(Unary::Deref, pointer) => self.target(pointer, st),
            ExprKind::Index(a, b) => {
                let (base, index) = self.base_and_index(a, b);
                let at = self.index(index, st);
                if self.is_array(base) {
                    let of = self.place(base, st)?;
                    return self.places.add(Node::Element(of, at));
                }
                let place = self.place(base, st);
                let value = match place {
                    Some(place) => st.get(&mut self.places, place),
                    None => self.constant_address(base, st)?,
                };
                self.element_behind(&value, place, at).one()
            }
            _ => None,
        }
    }

    /// The place that a pointer points to, with nothing evaluated.
    pub fn target(&mut self, pointer: ExprId, st: &State) -> Option<PlaceId> {
        let bare = self.bare(pointer);
        if self.is_array(bare) {
            let of = self.place(bare, st)?;
            return self.element(of, 0);
        }
        if let ExprKind::Unary(Unary::AddressOf, inner) = self.tree()[bare].kind {
            return self.place(inner, st);
        }
        let place = self.place(bare, st)?;
        let value = st.get(&mut self.places, place);
        self.pointee(&value, Some(place)).one()
    }

    fn constant_address(&mut self, pointer: ExprId, st: &State) -> Option<Value> {
        self.target(pointer, st).map(Value::address)
    }

    /// An index: a number, or what it reads where that is simple.
    pub fn index(&mut self, e: ExprId, st: &State) -> Index {
        if let Some(number) = self.model().value(e) {
            return i64::try_from(number).map_or(Index::Any, Index::Number);
        }
        let mut reads = Vec::new();
        match self.simple(e, st, &mut reads) {
            true => {
                let toks = self.tree()[self.tree().bare(e)].toks;
                Index::Text(self.ctx.text.spelled(toks), reads)
            }
            false => Index::Any,
        }
    }

    /// Whether an expression means the same until something that it reads is written.
    fn simple(&mut self, e: ExprId, st: &State, reads: &mut Vec<PlaceId>) -> bool {
        if self.model().value(e).is_some() {
            return true;
        }
        match self.tree()[e].kind.clone() {
            ExprKind::Number => true,
            ExprKind::Paren(inner) | ExprKind::Cast(_, inner) => self.simple(inner, st, reads),
            ExprKind::Name(_) | ExprKind::Member { .. } => match self.place(e, st) {
                Some(place) => {
                    reads.push(place);
                    true
                }
                None => false,
            },
            ExprKind::Binary {
                op: Binary::Add | Binary::Sub | Binary::Mul,
                left,
                right,
                ..
            } => self.simple(left, st, reads) && self.simple(right, st, reads),
            _ => false,
        }
    }

    /// Whether an lvalue means the same when it is read a second time.
    pub fn is_stable(&self, e: ExprId) -> bool {
        match &self.tree()[e].kind {
            ExprKind::Name(_)
            | ExprKind::Number
            | ExprKind::Char
            | ExprKind::SizeofExpr(_)
            | ExprKind::SizeofType(_)
            | ExprKind::Constant => true,
            ExprKind::Unary(Unary::Increment | Unary::Decrement, _) => false,
            ExprKind::Paren(inner)
            | ExprKind::Cast(_, inner)
            | ExprKind::Unary(_, inner)
            | ExprKind::Member { object: inner, .. } => self.is_stable(*inner),
            ExprKind::Index(a, b)
            | ExprKind::Binary {
                left: a, right: b, ..
            } => self.is_stable(*a) && self.is_stable(*b),
            _ => false,
        }
    }

    /// Reads a place; `e` is the expression that does.
    pub fn load(&mut self, st: &mut State, place: PlaceId, e: Option<ExprId>) -> Value {
        let value = st.get(&mut self.places, place);
        let pointer = e.is_some_and(|e| {
            let ty = self.model().type_of(e);
            ty == TypeId::UNKNOWN || matches!(self.model()[ty], Type::Pointer { .. })
        });
        if value.is_unknown() && pointer && self.params {
            return self.inner_site(st, place).unwrap_or(value);
        }
        value
    }

    /// Writes a place.
    pub fn write(&mut self, st: &mut State, lvalue: &Lvalue, value: &Value) {
        if let Some(place) = lvalue.one() {
            st.assign(&mut self.places, place, value.clone());
            if self.params && self.suffix_of(place).is_some() {
                st.wrote.insert(place);
            }
            return;
        }
        for &place in &lvalue.places {
            let old = st.get(&mut self.places, place);
            st.assign(&mut self.places, place, old.or(value).or(&Value::unknown()));
            if self.params && self.suffix_of(place).is_some() {
                st.wrote.insert(place);
            }
        }
    }

    /// A write through a pointer that may point anywhere: variables whose address is known to
    /// others may hold something else now.
    pub fn expose(&mut self, left: ExprId, st: &mut State, lvalue: &Lvalue, value: &Value) {
        let known = lvalue
            .one()
            .is_some_and(|place| self.places.is_direct(place));
        let model = self.model();
        let ty = model.type_of(left);
        let plain = model.number(ty).is_some();
        if known || plain {
            return;
        }
        let member = match self.tree()[self.tree().bare(left)].kind {
            ExprKind::Member { name, .. } => Some(name),
            _ => None,
        };
        let exposed: Vec<PlaceId> = st
            .env
            .iter()
            .filter(|(_, value)| value.leads() || value.is_tracked())
            .map(|(&place, _)| place)
            .filter(|&place| {
                let taken = self
                    .places
                    .variable_of(place)
                    .is_some_and(|v| model.is_address_taken(v));
                let same = match (self.places.node(place), member) {
                    (&Node::Field(_, name), Some(member)) => name == member,
                    (_, Some(_)) => false,
                    (_, None) => true,
                };
                taken && same && self.places.is_direct(place)
            })
            .collect();
        for place in exposed {
            let old = st.get(&mut self.places, place);
            st.put(place, old.or(value).or(&Value::unknown()));
        }
    }

    /// What a structure that is copied from a caller's memory holds may be freed through the copy.
    pub fn lend_contents(&mut self, st: &mut State, from: PlaceId) {
        let doubt = Fate::Unknown(Doubt::Stored(self.here.start));
        if let Some(site) = self.places.block_of(from)
            && self.params
            && self.is_param(site)
        {
            let ty = match (self.places.node(from), &self.sites[site as usize].source) {
                (Node::Block(_), &Source::Param(param)) => {
                    let params = &self.model().info(self.function).params;
                    let param = params.get(param).copied().flatten();
                    param.and_then(|param| self.model().pointee(self.model()[param].ty))
                }
                _ => None,
            };
            if ty.is_some_and(|ty| self.load_structure(st, from, ty)) {
                return;
            }
            self.give(st, &Value::block(site), &doubt);
        }
        if let Some(param) = self.structure_of(from) {
            let ty = match *self.places.node(from) {
                Node::Variable(variable) => self.model()[variable].ty,
                _ => TypeId::UNKNOWN,
            };
            if self.load_structure(st, from, ty) {
                return;
            }
            let site = self.site(None, format!("parameter {param}"), Source::Param(param));
            st.fates.insert(site, doubt);
        }
    }
}
