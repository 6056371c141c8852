//! Sizes, alignments and offsets, and the members of records.

use super::{FieldRef, Layout, Model, RecordId, Type, TypeId};
use crate::c::Symbol;

impl Model<'_> {
    /// The size of a type in bytes. `void` and functions have 1, as in GNU C. Of types that were
    /// read on demand it is known where the program needs it, and after [`Model::complete`].
    pub fn size_of(&self, ty: TypeId) -> Option<u64> {
        self.measure(ty).map(|(size, _)| size)
    }

    /// The alignment of a type in bytes.
    pub fn align_of(&self, ty: TypeId) -> Option<u64> {
        self.measure(ty).map(|(_, align)| align)
    }

    fn measure(&self, ty: TypeId) -> Option<(u64, u64)> {
        match self.types.get(ty) {
            Type::Unknown => None,
            Type::Void | Type::Function { .. } => Some((1, 1)),
            Type::Number(number) => Some((number.size.into(), number.size.into())),
            Type::Enum(id) => {
                let size = self.enums[id.0 as usize].number.size;
                Some((size.into(), size.into()))
            }
            Type::Pointer { .. } => Some((8, 8)),
            Type::Array { of, len, .. } => {
                let (size, align) = self.measure(*of)?;
                Some((size.checked_mul((*len)?)?, align))
            }
            Type::Record(id) => {
                let layout = self.layout(*id)?;
                Some((layout.size, layout.align))
            }
        }
    }

    /// Where the members of a record lie; `None` if the record or one of its members is not
    /// defined.
    pub fn layout(&self, record: RecordId) -> Option<&Layout> {
        self.records[record.0 as usize].layout.as_ref()
    }

    /// Where a member lies, in bytes from the beginning of its record; that of a bit-field is the
    /// byte it begins in.
    pub fn offset_of(&self, field: FieldRef) -> Option<u64> {
        let bits = self
            .layout(field.record)?
            .offsets
            .get(field.index as usize)?;
        Some(bits / 8)
    }

    /// Lays a record out; those it consists of are.
    pub(super) fn lay_out(&self, id: RecordId) -> Option<Layout> {
        let record = &self.records[id.0 as usize];
        let fields = record.fields.as_ref()?;
        let mut offsets = Vec::with_capacity(fields.len());
        let (mut end, mut size, mut most) = (0u64, 0u64, 1u64);
        for (at, field) in fields.iter().enumerate() {
            if record.is_union {
                end = 0;
            }
            let (bytes, natural) = match self.types.get(field.ty) {
                // A flexible array, or one whose length is told at run time.
                Type::Array { of, len: None, .. } => (0, self.measure(*of)?.1),
                _ => self.measure(field.ty)?,
            };
            let packed = record.packed || field.packed;
            let mut align = if packed { 1 } else { natural };
            align = align.max(field.aligned.unwrap_or(1));
            match field.bits {
                Some(0) => {
                    end = end.next_multiple_of(8 * natural);
                    offsets.push(end);
                    size = size.max(end);
                    continue;
                }
                Some(bits) => {
                    let unit = 8 * bytes.max(1);
                    let crosses = end % unit + bits > unit;
                    if field.aligned.is_some() {
                        end = end.next_multiple_of(8 * align);
                    } else if crosses && !packed {
                        end = end.next_multiple_of(8 * natural);
                    }
                    offsets.push(end);
                    end = end.checked_add(bits)?;
                    if field.name.is_none() {
                        align = 1;
                    }
                }
                None => {
                    end = end.checked_next_multiple_of(8 * align)?;
                    offsets.push(end);
                    end = end.checked_add(bytes.checked_mul(8)?)?;
                }
            }
            debug_assert_eq!(offsets.len(), at + 1);
            most = most.max(align);
            size = size.max(end);
        }
        let align = most.max(record.aligned.unwrap_or(1));
        let size = size.div_ceil(8).checked_next_multiple_of(align)?;
        Some(Layout {
            size,
            align,
            offsets,
        })
    }

    /// The record that a type is, or that it is an array of.
    pub(super) fn record_within(&self, mut ty: TypeId) -> Option<RecordId> {
        while let Type::Array { of, .. } = *self.types.get(ty) {
            ty = of;
        }
        match *self.types.get(ty) {
            Type::Record(record) => Some(record),
            _ => None,
        }
    }

    /// A member by its name: the way to it through anonymous members, from the outside in.
    pub fn find_field(&self, record: RecordId, name: Symbol) -> Option<Vec<FieldRef>> {
        self.find_field_within(record, name, &mut Vec::new())
    }

    fn find_field_within(
        &self,
        id: RecordId,
        name: Symbol,
        seen: &mut Vec<RecordId>,
    ) -> Option<Vec<FieldRef>> {
        // No record is in itself, but in some programs.
        if seen.contains(&id) {
            return None;
        }
        let fields = self.records[id.0 as usize].fields.as_ref()?;
        let at = |index: usize| FieldRef {
            record: id,
            index: index as u32,
        };
        if let Some(index) = fields.iter().position(|f| f.name == Some(name)) {
            return Some(vec![at(index)]);
        }
        seen.push(id);
        for (index, field) in fields.iter().enumerate() {
            if field.declarator.is_none()
                && let Type::Record(inner) = *self.types.get(field.ty)
                && let Some(mut way) = self.find_field_within(inner, name, seen)
            {
                way.insert(0, at(index));
                return Some(way);
            }
        }
        None
    }
}
