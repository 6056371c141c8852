//! Sizes, alignments and offsets, and the members of records.

use super::{FieldRef, Layout, Model, RecordId, Type, TypeId};
use crate::c::Symbol;

/// By-value nesting deeper than this is not followed: no record is in itself.
const DEEP: u32 = 64;

impl Model<'_> {
    /// The size of a type in bytes. `void` and functions have 1, as in GNU C.
    pub fn size_of(&self, ty: TypeId) -> Option<u64> {
        self.measure(ty, 0).map(|(size, _)| size)
    }

    /// The alignment of a type in bytes.
    pub fn align_of(&self, ty: TypeId) -> Option<u64> {
        self.measure(ty, 0).map(|(_, align)| align)
    }

    fn measure(&self, ty: TypeId, depth: u32) -> Option<(u64, u64)> {
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
                let (size, align) = self.measure(*of, depth)?;
                Some((size.checked_mul((*len)?)?, align))
            }
            Type::Record(id) => {
                let record = &self.records[id.0 as usize];
                match &record.layout {
                    Some(layout) => Some((layout.size, layout.align)),
                    None => self.lay_out(*id, depth + 1).map(|l| (l.size, l.align)),
                }
            }
        }
    }

    /// Where the members of a record lie; `None` if the record or one of its members is not defined.
    pub fn layout(&self, record: RecordId) -> Option<Layout> {
        let known = self.records[record.0 as usize].layout.clone();
        known.or_else(|| self.lay_out(record, 0))
    }

    /// Where a member lies, in bytes from the beginning of its record; that of a bit-field is the
    /// byte it begins in.
    pub fn offset_of(&self, field: FieldRef) -> Option<u64> {
        let record = &self.records[field.record.0 as usize];
        let at = field.index as usize;
        match &record.layout {
            Some(layout) => layout.offsets.get(at).map(|bits| bits / 8),
            None => self
                .lay_out(field.record, 0)?
                .offsets
                .get(at)
                .map(|bits| bits / 8),
        }
    }

    fn lay_out(&self, id: RecordId, depth: u32) -> Option<Layout> {
        let record = &self.records[id.0 as usize];
        let fields = record.fields.as_ref().filter(|_| depth < DEEP)?;
        let mut offsets = Vec::with_capacity(fields.len());
        let (mut end, mut size, mut most) = (0u64, 0u64, 1u64);
        for (at, field) in fields.iter().enumerate() {
            if record.is_union {
                end = 0;
            }
            let (bytes, natural) = match self.types.get(field.ty) {
                // A flexible array, or one whose length is told at run time.
                Type::Array { of, len: None, .. } => (0, self.measure(*of, depth)?.1),
                _ => self.measure(field.ty, depth)?,
            };
            let packed = record.packed || field.packed;
            let mut align = if packed { 1 } else { natural };
            align = align.max(field.aligned.unwrap_or(1));
            match field.bits {
                Some(0) => {
                    end = end.next_multiple_of(8 * natural);
                    offsets.push(end);
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

    /// Keeps the layouts of a type's records, so that they are found once.
    pub(super) fn keep_layouts(&mut self, ty: TypeId) {
        let mut ty = ty;
        while let Type::Array { of, .. } = *self.types.get(ty) {
            ty = of;
        }
        let Type::Record(first) = *self.types.get(ty) else {
            return;
        };
        // The innermost first.
        let mut order = vec![first];
        let mut at = 0;
        while at < order.len() {
            for field in self.records[order[at].0 as usize].fields.iter().flatten() {
                let mut ty = field.ty;
                while let Type::Array { of, .. } = *self.types.get(ty) {
                    ty = of;
                }
                if let Type::Record(inner) = *self.types.get(ty)
                    && self.records[inner.0 as usize].layout.is_none()
                    && !order.contains(&inner)
                {
                    order.push(inner);
                }
            }
            at += 1;
        }
        for id in order.into_iter().rev() {
            if self.records[id.0 as usize].layout.is_none() {
                self.records[id.0 as usize].layout = self.lay_out(id, 0);
            }
        }
    }

    /// A member by its name: the way to it through anonymous members, from the outside in.
    pub fn find_field(&self, record: RecordId, name: Symbol) -> Option<Vec<FieldRef>> {
        self.find_field_within(record, name, 0)
    }

    fn find_field_within(&self, id: RecordId, name: Symbol, depth: u32) -> Option<Vec<FieldRef>> {
        let fields = self.records[id.0 as usize].fields.as_ref();
        let fields = fields.filter(|_| depth < DEEP)?;
        let at = |index: usize| FieldRef {
            record: id,
            index: index as u32,
        };
        if let Some(index) = fields.iter().position(|f| f.name == Some(name)) {
            return Some(vec![at(index)]);
        }
        for (index, field) in fields.iter().enumerate() {
            if field.declarator.is_none()
                && let Type::Record(inner) = *self.types.get(field.ty)
                && let Some(mut way) = self.find_field_within(inner, name, depth + 1)
            {
                way.insert(0, at(index));
                return Some(way);
            }
        }
        None
    }
}
