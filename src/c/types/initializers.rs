//! Which part of an object each element of an initializer list is for.

use super::{Builder, FieldRef, Type, TypeId};
use crate::c::syntax::tree::{Designator, Element, ExprId, ExprKind};

/// What an element of an initializer list initializes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its type.
    pub ty: TypeId,
    /// The member, if it is one; `None` for an element of an array, and for the object itself.
    pub field: Option<FieldRef>,
}

/// An aggregate that a list is filling.
#[derive(Clone, Copy)]
struct Frame {
    ty: TypeId,
    next: u64,
    /// Something was initialized: of a union no more is.
    used: bool,
}

impl Frame {
    fn new(ty: TypeId) -> Self {
        Self {
            ty,
            next: 0,
            used: false,
        }
    }

    fn advance(&mut self) {
        self.next += 1;
        self.used = true;
    }
}

/// Aggregates nested deeper than this are not entered without braces.
const DEEP: usize = 64;

impl Builder<'_, '_> {
    /// Tells the elements of an initializer what they are for. For an array the number of elements
    /// that it initializes.
    pub(super) fn initialize(&mut self, init: ExprId, ty: TypeId) -> Option<u64> {
        self.complete_value(ty);
        let bare = self.m.tree.bare(init);
        if let ExprKind::Compound(_, list) = self.m.tree[bare].kind {
            // A compound literal: its list was told already. GNU C lets it initialize an array.
            let of_list = self.m.type_of(list);
            return self
                .m
                .array_len(of_list)
                .or_else(|| self.m.array_len(self.m.type_of(bare)));
        }
        match self.m.tree[init].kind.clone() {
            ExprKind::List(elements) => {
                self.m.nodes.expr(init).ty = Some(ty);
                self.list(&elements, ty)
            }
            _ => {
                let len = self.m.array_len(self.m.type_of(init));
                len.filter(|_| self.m.is_array(ty))
            }
        }
    }

    fn list(&mut self, elements: &[Element], ty: TypeId) -> Option<u64> {
        if let [only] = elements
            && only.designators.is_empty()
            && (self.is_text_for(only.value, ty) || !self.is_aggregate(ty))
        {
            return self.element(only.value, Target { ty, field: None });
        }
        let mut frames = vec![Frame::new(ty)];
        let mut count = 0;
        for element in elements {
            if !element.designators.is_empty() {
                self.designate(&element.designators, &mut frames);
            }
            self.place(element.value, &mut frames);
            count = count.max(
                frames
                    .first()
                    .map_or(0, |f| f.next + u64::from(frames.len() > 1)),
            );
        }
        self.m.is_array(ty).then_some(count)
    }

    /// Gives an element to the next part, entering parts that have no braces.
    fn place(&mut self, value: ExprId, frames: &mut Vec<Frame>) {
        loop {
            while frames.len() > 1 && frames.last().is_some_and(|f| self.is_full(*f)) {
                frames.pop();
                if let Some(outer) = frames.last_mut() {
                    outer.advance();
                }
            }
            let Some(frame) = frames.last_mut() else {
                return;
            };
            while self.is_padding(*frame) {
                frame.next += 1;
            }
            let frame = *frame;
            let Some(target) = self.target(frame) else {
                return;
            };
            let enters = self.is_aggregate(target.ty)
                && !self.is_list(value)
                && !self.is_text_for(value, target.ty)
                && !self.is_record_of(value, target.ty)
                && frames.len() < DEEP;
            if enters && self.is_empty(target.ty) {
                // No element can be for it.
                match (self.m.types.get(frame.ty), frames.last_mut()) {
                    (Type::Record(_), Some(last)) => last.advance(),
                    _ => return,
                }
                continue;
            }
            if enters {
                frames.push(Frame::new(target.ty));
                continue;
            }
            self.element(value, target);
            if let Some(last) = frames.last_mut() {
                last.advance();
            }
            return;
        }
    }

    fn element(&mut self, value: ExprId, target: Target) -> Option<u64> {
        self.m.targets.insert(value, target);
        self.initialize(value, target.ty)
    }

    /// Makes the part that designators name the next one.
    fn designate(&mut self, designators: &[Designator], frames: &mut Vec<Frame>) {
        frames.truncate(1);
        for (at, designator) in designators.iter().enumerate() {
            let Some(&frame) = frames.last() else { return };
            let ty = match at {
                0 => frame.ty,
                _ => match self.target(frame) {
                    Some(target) => target.ty,
                    None => return,
                },
            };
            if at > 0 {
                frames.push(Frame::new(ty));
            }
            match *designator {
                Designator::Field(name, _) => {
                    let Type::Record(record) = *self.m.types.get(ty) else {
                        return;
                    };
                    let way = self.m.find_field(record, name).unwrap_or_default();
                    for (step, field) in way.iter().enumerate() {
                        if step > 0 {
                            let ty = self.m.records[field.record.0 as usize].ty;
                            frames.push(Frame::new(ty));
                        }
                        if let Some(last) = frames.last_mut() {
                            last.next = field.index.into();
                            last.used = false;
                        }
                    }
                }
                Designator::Index(index) | Designator::Range(_, index) => {
                    let value = self.m.value(index).and_then(|v| u64::try_from(v).ok());
                    if let Some(last) = frames.last_mut() {
                        last.next = value.unwrap_or(0);
                    }
                }
            }
        }
    }

    /// Whether the next member of a record is one that no initializer is for.
    fn is_padding(&self, frame: Frame) -> bool {
        let Type::Record(record) = *self.m.types.get(frame.ty) else {
            return false;
        };
        let fields = self.m.records[record.0 as usize].fields.as_deref();
        let field = fields.and_then(|fields| fields.get(frame.next as usize));
        field.is_some_and(super::Field::is_padding)
    }

    /// What the next element of an aggregate is.
    fn target(&self, frame: Frame) -> Option<Target> {
        match *self.m.types.get(frame.ty) {
            Type::Array { of, len, .. } => {
                let inside = len.is_none_or(|len| frame.next < len);
                inside.then_some(Target {
                    ty: of,
                    field: None,
                })
            }
            Type::Record(record) => {
                let index = u32::try_from(frame.next).ok()?;
                let known = &self.m.records[record.0 as usize];
                let field = known.fields.as_ref()?.get(index as usize)?;
                Some(Target {
                    ty: field.ty,
                    field: Some(FieldRef { record, index }),
                })
            }
            _ => (frame.next == 0).then_some(Target {
                ty: frame.ty,
                field: None,
            }),
        }
    }

    fn is_full(&self, frame: Frame) -> bool {
        match *self.m.types.get(frame.ty) {
            Type::Array { len, .. } => len.is_some_and(|len| frame.next >= len),
            Type::Record(record) => {
                let record = &self.m.records[record.0 as usize];
                let fields = record.fields.as_deref().unwrap_or_default();
                let rest = fields.get(frame.next as usize..).unwrap_or_default();
                rest.iter().all(|f| f.is_padding()) || record.is_union && frame.used
            }
            _ => frame.next > 0,
        }
    }

    /// A record without members, or an array of such, or of no elements.
    fn is_empty(&self, ty: TypeId) -> bool {
        match *self.m.types.get(ty) {
            Type::Array { len: Some(0), .. } => true,
            Type::Array { of, .. } => self.is_empty(of),
            _ => self.is_full(Frame::new(ty)),
        }
    }

    fn is_aggregate(&self, ty: TypeId) -> bool {
        matches!(self.m.types.get(ty), Type::Array { .. } | Type::Record(_))
    }

    /// A value that is a structure or union of this type.
    fn is_record_of(&self, value: ExprId, ty: TypeId) -> bool {
        let same = self.m.types.get(self.m.type_of(value)) == self.m.types.get(ty);
        same && matches!(self.m.types.get(ty), Type::Record(_))
    }

    /// A string literal for an array of characters.
    fn is_text_for(&self, value: ExprId, ty: TypeId) -> bool {
        let text = matches!(self.m.tree[self.m.tree.bare(value)].kind, ExprKind::Text);
        let Type::Array { of, .. } = *self.m.types.get(ty) else {
            return false;
        };
        text && matches!(self.m.types.get(of), Type::Number(_) | Type::Enum(_))
    }
}
