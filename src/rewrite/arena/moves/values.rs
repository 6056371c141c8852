//! Initial values of variables that become blocks: assigned one by one, or copied from a constant.

use super::super::facts::Object;
use super::super::read::Reading;
use super::is_zero;
use crate::c::Symbol;
use crate::c::syntax::tree::{Base, DeclaratorId, Designator, ExprId, ExprKind, Part, Toks};
use crate::c::types::{Type, TypeId};

/// More values than this are not written one by one.
const MOST: usize = 64;

/// A value of an initial value, and what it is the value of.
pub(super) struct Leaf {
    /// `(*table)[1].name`
    pub place: String,
    pub value: ExprId,
    kind: LeafKind,
}

enum LeafKind {
    /// A number or a pointer.
    Scalar,
    /// So many characters of a string literal, for an array.
    Characters(u64),
    /// A structure.
    Structure,
    /// `(struct point){ 1, 2 }`, whose commas a macro would take for its own: with the type of a list
    /// that is written without one, `(struct point)`.
    Literal(String),
    /// The same of an array, `(int[4])`.
    Array(String),
}

impl Leaf {
    /// What stands before the value and behind it in the statement that assigns it.
    pub fn assignment(&self) -> (String, String) {
        let place = &self.place;
        match &self.kind {
            LeafKind::Scalar => (format!("{place} = "), String::new()),
            LeafKind::Characters(count) => {
                (format!("static_memcpy({place}, "), format!(", {count})"))
            }
            LeafKind::Structure => (format!("static_assign({place}, "), ")".into()),
            LeafKind::Literal(ty) => (format!("static_assign({place}, ({ty}"), "))".into()),
            LeafKind::Array(ty) => {
                let size = format!("), sizeof({place}))");
                (format!("static_memcpy({place}, ({ty}"), size)
            }
        }
    }
}

/// The values of a list, and the places of the lists in it.
#[derive(Default)]
struct Leaves {
    found: Vec<Leaf>,
    places: Vec<String>,
}

impl Leaves {
    /// Adds a place; whether it is the first to say what is in it. `.to = { 1, 2 }, .to = { .y = 3 }` says
    /// it twice: the second takes back what the first said, and one assignment after the other would not.
    fn is_first(&mut self, place: &str) -> bool {
        let inside = |said: &String| match said.strip_prefix(place) {
            Some(rest) => rest.is_empty() || rest.starts_with(['.', '[']),
            None => false,
        };
        let first = !self.places.iter().any(inside);
        self.places.push(place.to_owned());
        first
    }
}

impl Reading<'_> {
    /// The values of a list, each of which can be assigned by itself to a part of the block `word`; where
    /// some cannot, are too many, or where a later one takes an earlier one back, the list is one value.
    /// `None` if its type has no name for that.
    pub(super) fn leaves(
        &self,
        declarator: DeclaratorId,
        init: ExprId,
        word: &str,
    ) -> Option<Vec<Leaf>> {
        let mut leaves = Leaves::default();
        let ty = self.model.declarator_type(declarator);
        let place = match self.model[ty] {
            Type::Record(_) => format!("{word}->"),
            _ => format!("(*{word})"),
        };
        let value = super::value_of(self, init);
        if self.list_of(ty, value, &place, &mut leaves) {
            return Some(leaves.found);
        }
        let kind = match self.model[ty] {
            Type::Array { .. } => LeafKind::Array(self.name_of_array(declarator)?),
            _ => LeafKind::Literal(format!("({})", self.record_name(ty)?)),
        };
        Some(vec![Leaf {
            place: format!("*{word}"),
            value,
            kind,
        }])
    }

    fn list_of(&self, ty: TypeId, list: ExprId, place: &str, leaves: &mut Leaves) -> bool {
        let model = self.model;
        let ExprKind::List(elements) = &model.tree[list].kind else {
            return false;
        };
        // Of a union the last member counts alone, also if it is zero.
        let is_union = |ty: TypeId| match model[ty] {
            Type::Record(record) => model[record].is_union,
            _ => false,
        };
        if is_union(ty) && elements.len() > 1 {
            return false;
        }
        let mut next = 0i128;
        elements.iter().all(|element| {
            let value = element.value;
            let (first, further) = match element.designators.split_first() {
                Some((first, further)) => (Some(*first), further),
                None => (None, &[][..]),
            };
            let mut at = match (&model[ty], first) {
                (&Type::Array { of, .. }, first) => {
                    match first {
                        None => {}
                        Some(Designator::Index(at)) => match model.value(at) {
                            Some(at) => next = at,
                            None => return false,
                        },
                        Some(_) => return false,
                    }
                    next += 1;
                    Some((of, format!("{place}[{}]", next - 1)))
                }
                (Type::Record(_), Some(first)) => self.designated(ty, first, place),
                (&Type::Record(record), None) => {
                    let field = model.target(value).and_then(|t| t.field);
                    let field = field.filter(|f| f.record == record).map(|f| model.field(f));
                    field.and_then(|f| Some((f.ty, self.place_of_member(place, f.name?))))
                }
                _ => None,
            };
            for &designator in further {
                let inside = at.filter(|&(ty, _)| !is_union(ty));
                at = inside.and_then(|(ty, place)| self.designated(ty, designator, &place));
            }
            at.is_some_and(|(ty, place)| {
                leaves.is_first(&place) && self.value_at(ty, value, place, leaves)
            })
        })
    }

    /// Whether the values of a list cannot be assigned one by one.
    pub(super) fn is_one_value(&self, declarator: DeclaratorId, init: ExprId) -> bool {
        let value = super::value_of(self, init);
        match self.leaves(declarator, init, "") {
            Some(leaves) => leaves.iter().any(|leaf| leaf.value == value),
            None => true,
        }
    }

    /// What a designator names in an object, and its type.
    fn designated(
        &self,
        ty: TypeId,
        designator: Designator,
        place: &str,
    ) -> Option<(TypeId, String)> {
        let model = self.model;
        match (&model[ty], designator) {
            (&Type::Array { of, .. }, Designator::Index(at)) => {
                Some((of, format!("{place}[{}]", model.value(at)?)))
            }
            (&Type::Record(record), Designator::Field(name, _)) => {
                let mut fields = model[record].fields.as_deref()?.iter();
                let field = fields.find(|f| f.name == Some(name))?;
                Some((field.ty, self.place_of_member(place, name)))
            }
            _ => None,
        }
    }

    fn place_of_member(&self, place: &str, name: Symbol) -> String {
        let dot = if place.ends_with('>') { "" } else { "." };
        let name = String::from_utf8_lossy(self.unit.symbols.text(name));
        format!("{place}{dot}{name}")
    }

    fn value_at(&self, ty: TypeId, value: ExprId, place: String, leaves: &mut Leaves) -> bool {
        let model = self.model;
        let kind = match (&model.tree[model.tree.bare(value)].kind, &model[ty]) {
            (ExprKind::List(_), _) => {
                let so_far = (leaves.found.len(), leaves.places.len());
                if self.list_of(ty, value, &place, leaves) {
                    return true;
                }
                leaves.found.truncate(so_far.0);
                leaves.places.truncate(so_far.1);
                match self.record_name(ty) {
                    Some(name) => LeafKind::Literal(format!("({name})")),
                    None => return false,
                }
            }
            (ExprKind::Text, Type::Array { len, .. }) => {
                match model.array_len(model.type_of(value)).min(*len) {
                    Some(count) => LeafKind::Characters(count),
                    None => return false,
                }
            }
            (ExprKind::Compound(..), Type::Record(_)) => LeafKind::Literal(String::new()),
            (_, Type::Record(_)) => LeafKind::Structure,
            _ if model.number(ty).is_some() || model.is_pointer(ty) => LeafKind::Scalar,
            _ => return false,
        };
        leaves.found.push(Leaf { place, value, kind });
        leaves.found.len() <= MOST
    }

    /// Whether an initial value is a list of nothing but constants that are no addresses, in a declaration
    /// that can be written twice: once for a constant that has the values, and once for the block.
    fn is_constant(&self, object: &Object, declarator: DeclaratorId) -> bool {
        let tree = &self.model.tree;
        let known = &tree[declarator];
        let decl = &tree[known.decl];
        let Some(init) = known.init else {
            return false;
        };
        let simple = match &decl.specifiers.base {
            Base::Record(record) => record.tag.is_some() && record.fields.is_none(),
            Base::Number(_) | Base::Typedef(..) => true,
            _ => false,
        };
        let storage = decl.specifiers.storage;
        let own_words = [
            storage.r#static,
            storage.r#extern,
            storage.register,
            storage.auto,
        ];
        let array = |part: &Part| matches!(part, Part::Array { .. });
        let first = &self.unit.tokens[decl.toks.start];
        simple
            && own_words.iter().all(Option::is_none)
            && !decl.specifiers.is_volatile
            && decl.specifiers.attributes.is_empty()
            && known.attributes.is_empty()
            && decl.declarators.len() == 1
            && known.parts.iter().all(array)
            && first.expansion.is_none()
            && !first.synthetic
            && self.is_ours(first.loc.file)
            && !self.is_variable(self.model[object.entity].ty)
            && !is_zero(self, init)
            && matches!(tree[init].kind, ExprKind::List(_))
            && self.are_constants(init)
    }

    /// `(struct point[4])`, if all that the declaration says of the type stands in front of the name, or is
    /// a length.
    fn name_of_array(&self, declarator: DeclaratorId) -> Option<String> {
        let tree = &self.model.tree;
        let array = |part: &Part| matches!(part, Part::Array { .. });
        let record = &tree[tree[declarator].decl].specifiers.base;
        let named = !matches!(record, Base::Record(r) if r.fields.is_some() || r.tag.is_none());
        let plain = tree[declarator].parts.iter().all(array) && named;
        plain.then(|| {
            let ty = self.type_words(declarator);
            format!("({ty}{})", self.lengths(declarator))
        })
    }

    /// The words of a type, without those of its storage that a value of the type does not have.
    pub(super) fn type_words(&self, declarator: DeclaratorId) -> String {
        let tree = &self.model.tree;
        let Toks { start, end } = tree[tree[declarator].decl].specifiers.toks;
        let tokens = self.unit.tokens[start..end].iter();
        let words = tokens.map(|t| String::from_utf8_lossy(self.unit.text(t)));
        let own = |word: &std::borrow::Cow<str>| {
            !matches!(&**word, "const" | "volatile" | "auto" | "register")
        };
        words.filter(own).collect::<Vec<_>>().join(" ")
    }

    /// Whether the block of a variable gets a copy of a constant: a few numbers in a row are assigned.
    pub(super) fn is_copied(&self, object: &Object, declarator: DeclaratorId) -> bool {
        let tree = &self.model.tree;
        let nested = |init: ExprId| match &tree[init].kind {
            ExprKind::List(_) if self.is_one_value(declarator, init) => true,
            ExprKind::List(elements) => {
                let plain = |value: ExprId| {
                    !matches!(
                        tree[tree.bare(value)].kind,
                        ExprKind::List(_) | ExprKind::Text
                    )
                };
                !elements.iter().all(|e| plain(e.value))
            }
            _ => false,
        };
        let fixed = tree[tree[declarator].decl].specifiers.is_const;
        self.is_constant(object, declarator) && (fixed || tree[declarator].init.is_some_and(nested))
    }

    fn are_constants(&self, value: ExprId) -> bool {
        let model = self.model;
        match &model.tree[model.tree.bare(value)].kind {
            ExprKind::List(elements) => elements.iter().all(|e| self.are_constants(e.value)),
            ExprKind::Text => {
                model.is_array(model.target(value).map_or(model.type_of(value), |t| t.ty))
            }
            _ => {
                let number = model
                    .target(value)
                    .is_some_and(|t| model.number(t.ty).is_some());
                number && model.value(value).is_some()
            }
        }
    }

    /// The lengths behind the name of an array, as they are written; that of the first is known from the value.
    pub(super) fn lengths(&self, declarator: DeclaratorId) -> String {
        let model = self.model;
        let first = model.array_len(model.declarator_type(declarator));
        let parts = model.tree[declarator].parts.iter();
        let lengths = parts.map(|part| match part {
            Part::Array {
                toks,
                size: Some(_),
            } => self.text_of(*toks),
            _ => format!("[{}]", first.unwrap_or(0)),
        });
        lengths.collect()
    }

    /// The text of tokens, as it is written if they stand in one text.
    fn text_of(&self, toks: Toks) -> String {
        match self.extent(toks, false) {
            Some(of) => {
                let bytes = &self.unit.file(of.file).bytes[of.start as usize..of.end as usize];
                String::from_utf8_lossy(bytes).into_owned()
            }
            None => self.spelling(toks),
        }
    }
}
