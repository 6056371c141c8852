//! The values of integer constant expressions.

use super::{EntityKind, Model, Type, TypeId};
use crate::c::numbers;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, Number, Unary};

impl Model<'_> {
    /// The value of an integer constant expression.
    pub fn value(&self, expr: ExprId) -> Option<i128> {
        self.number(self.type_of(expr)).filter(|n| !n.floating)?;
        self.nodes.exprs[expr.0 as usize].value
    }

    /// Whether an expression is a null pointer constant: `0`, `(void *)0`.
    pub fn is_null_pointer_constant(&self, expr: ExprId) -> bool {
        let bare = self.tree.bare(expr);
        if let ExprKind::Cast(decl, inner) = self.tree[bare].kind {
            let ty = self.base_type(decl);
            let void = self
                .pointee(self.type_of(bare))
                .is_some_and(|to| to == TypeId::VOID);
            if void && ty == TypeId::VOID {
                return self.value(inner) == Some(0);
            }
        }
        let nullptr = self
            .tree
            .name(bare)
            .is_some_and(|_| self.entity(bare).is_none());
        nullptr && self.constant(bare) == Some(0) || self.value(bare) == Some(0)
    }

    /// Whether an expression is a constant 0, of whatever integer or pointer type.
    pub fn is_zero(&self, expr: ExprId) -> bool {
        self.constant(expr) == Some(0)
    }

    /// The value of a constant, of an address that is a constant too: `(char *)1`.
    pub fn constant(&self, expr: ExprId) -> Option<i128> {
        self.nodes.exprs[expr.0 as usize].value
    }

    /// The value of an expression of a type whose parts were evaluated.
    pub(super) fn evaluate(&self, expr: ExprId, ty: TypeId) -> Option<i128> {
        let text = || {
            let token = self.unit.tokens.get(self.tree[expr].toks.start)?;
            Some(self.unit.text(token))
        };
        match &self.tree[expr].kind {
            ExprKind::Name(name) => {
                let Some(entity) = self.nodes.exprs[expr.0 as usize].entity else {
                    return match self.unit.symbols.text(*name) {
                        b"nullptr" | b"false" => Some(0),
                        b"true" => Some(1),
                        _ => None,
                    };
                };
                match self.entities[entity.0 as usize].kind {
                    EntityKind::Enumerator(value) => Some(value),
                    _ => None,
                }
            }
            ExprKind::Number => super::literals::integer(text()?).map(|(value, _)| value),
            ExprKind::Char => {
                let read = numbers::character(text()?);
                Some(i128::from(read.bits.cast_signed()))
            }
            ExprKind::Paren(inner) => self.constant(*inner),
            ExprKind::Cast(_, inner) => self.converted(self.constant(*inner)?, ty),
            ExprKind::Unary(op, inner) => self.evaluate_unary(*op, *inner, ty),
            ExprKind::Binary {
                op, left, right, ..
            } => self.evaluate_binary(*op, *left, *right, ty),
            ExprKind::Conditional {
                cond,
                then,
                otherwise,
            } => {
                let chosen = match self.constant(*cond)? {
                    0 => *otherwise,
                    _ => then.unwrap_or(*cond),
                };
                self.converted(self.constant(chosen)?, ty)
            }
            ExprKind::SizeofExpr(inner) => {
                let of = self.type_of(*inner);
                self.measured(text()?, of)
            }
            ExprKind::SizeofType(decl) => {
                let of = self.type_name(*decl);
                self.measured(text()?, of)
            }
            // The value of the one that was chosen: the one with its type.
            ExprKind::Generic { choices, .. } => {
                let mut of_type = choices.iter().filter(|c| self.type_of(c.1) == ty);
                match (of_type.next(), of_type.next()) {
                    (Some(only), None) => self.constant(only.1),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn measured(&self, word: &[u8], of: TypeId) -> Option<i128> {
        let align = matches!(
            word,
            b"_Alignof" | b"alignof" | b"__alignof" | b"__alignof__"
        );
        let measured = if align {
            self.align_of(of)
        } else {
            self.size_of(of)
        };
        measured.map(i128::from)
    }

    /// A value after its conversion to a type.
    fn converted(&self, value: i128, ty: TypeId) -> Option<i128> {
        match self.types.get(ty) {
            Type::Pointer { .. } => Some(Number::ULONG.wrap(value)),
            _ => {
                let number = self.number(ty).filter(|n| !n.floating)?;
                Some(number.wrap(value))
            }
        }
    }

    fn evaluate_unary(&self, op: Unary, inner: ExprId, ty: TypeId) -> Option<i128> {
        let value = self.constant(inner);
        let value = match op {
            Unary::Plus => value?,
            Unary::Minus => value?.wrapping_neg(),
            Unary::BitNot => !value?,
            Unary::Not => i128::from(value? == 0),
            // `&((struct s *)0)->member`
            Unary::AddressOf => return self.address(inner),
            Unary::Deref | Unary::Increment | Unary::Decrement => return None,
        };
        self.converted(value, ty)
    }

    /// The address of a part of an object that lies at a constant address.
    fn address(&self, mut place: ExprId) -> Option<i128> {
        let mut offset = 0i128;
        loop {
            match self.tree[place].kind {
                ExprKind::Paren(inner) => place = inner,
                ExprKind::Member {
                    object,
                    arrow,
                    name,
                    ..
                } => {
                    let of = self.type_of(object);
                    let of = if arrow {
                        self.pointee(self.decayed(of))?
                    } else {
                        of
                    };
                    let Type::Record(record) = *self.types.get(of) else {
                        return None;
                    };
                    for step in self.find_field(record, name)? {
                        offset += i128::from(self.offset_of(step)?);
                    }
                    if arrow {
                        return Some(self.constant(object)? + offset);
                    }
                    place = object;
                }
                ExprKind::Unary(Unary::Deref, pointer) => {
                    return Some(self.constant(pointer)? + offset);
                }
                ExprKind::Index(array, index) => {
                    let size = self.size_of(self.type_of(place))?;
                    offset += self.constant(index)?.checked_mul(size.into())?;
                    match self.types.get(self.type_of(array)) {
                        Type::Array { .. } => place = array,
                        _ => return Some(self.constant(array)? + offset),
                    }
                }
                _ => return None,
            }
        }
    }

    fn evaluate_binary(&self, op: Binary, left: ExprId, right: ExprId, ty: TypeId) -> Option<i128> {
        let (a, b) = (self.constant(left), self.constant(right));
        let truth = |holds: bool| Some(i128::from(holds));
        match (op, a, b) {
            (Binary::And, Some(0), _) => return Some(0),
            (Binary::Or, Some(v), _) if v != 0 => return Some(1),
            _ => {}
        }
        let (mut a, mut b) = (a?, b?);
        // Operands of a floating type have no value; those of a pointer type are compared only.
        let numbers = (self.promoted(left), self.promoted(right));
        if let (Some(x), Some(y)) = numbers
            && !matches!(op, Binary::Shl | Binary::Shr | Binary::And | Binary::Or)
        {
            let common = x.common(y);
            (a, b) = (common.wrap(a), common.wrap(b));
        }
        let value = match op {
            Binary::Mul => a.checked_mul(b)?,
            Binary::Div => a.checked_div(b)?,
            Binary::Rem => a.checked_rem(b)?,
            Binary::Add | Binary::Sub if numbers.0.is_none() || numbers.1.is_none() => return None,
            Binary::Add => a.checked_add(b)?,
            Binary::Sub => a.checked_sub(b)?,
            Binary::Shl => a.checked_shl(u32::try_from(b).ok()?)?,
            Binary::Shr => a.checked_shr(u32::try_from(b).ok()?)?,
            Binary::Lt => return truth(a < b),
            Binary::Gt => return truth(a > b),
            Binary::Le => return truth(a <= b),
            Binary::Ge => return truth(a >= b),
            Binary::Eq => return truth(a == b),
            Binary::Ne => return truth(a != b),
            Binary::BitAnd => a & b,
            Binary::BitXor => a ^ b,
            Binary::BitOr => a | b,
            Binary::And => return truth(a != 0 && b != 0),
            Binary::Or => return truth(a != 0 || b != 0),
        };
        self.converted(value, ty)
    }
}
