//! Access paths: what an lvalue is called, the same however it is spelled.
//!
//! `p->f` and `(*p).f` are `p[0].f`; what lies in a known block starts with that block's number,
//! `#3[0].f`, whichever variable it is reached through.

use std::rc::Rc;

use super::super::ast::{Expr, ExprKind};
use super::flow::{Flow, Frame};
use super::value::{SiteId, State, ZERO};

impl<'c> Flow<'c> {
    /// Whether an lvalue means the same when it is read a second time.
    pub fn is_stable(&self, e: &Expr) -> bool {
        match &e.kind {
            ExprKind::Name(name) => match self.argument(name) {
                Some((frame, arg)) => self.view(frame).is_stable(&arg),
                None => true,
            },
            ExprKind::Number(_) | ExprKind::Unevaluated(_) => true,
            ExprKind::Member(base, ..)
            | ExprKind::Deref(base)
            | ExprKind::AddressOf(base)
            | ExprKind::Cast(base)
            | ExprKind::Unary(_, base) => self.is_stable(base),
            ExprKind::Index(a, b) | ExprKind::Binary(_, a, b) => {
                self.is_stable(a) && self.is_stable(b)
            }
            _ => false,
        }
    }

    /// A second view with another frame, for reading alone.
    fn view(&self, frame: Option<Rc<Frame>>) -> Flow<'c> {
        let mut view = Flow::new(self.ctx, self.file, self.effort);
        view.frame = frame;
        view
    }

    /// An access path that starts at a variable, for one that may start at a block.
    pub fn name_of(&self, path: &str, st: &State) -> Option<String> {
        let Some(rest) = path.strip_prefix('#') else {
            return Some(path.to_owned());
        };
        let digits = rest.find('[')?;
        let site: SiteId = rest[..digits].parse().ok()?;
        let holder = st.env.iter().find(|(name, value)| {
            !name.starts_with('#') && !name.contains('*') && value.whole && value.blocks == [site]
        })?;
        Some(format!("{}{}", holder.0, &rest[digits..]))
    }

    /// The access path of an lvalue: its text, the same however it is spelled. `p->f` and
    /// `(*p).f` are `p[0].f`; what lies in a known block starts with that block's number.
    pub fn path(&self, e: &Expr, st: &State) -> Option<String> {
        match &e.kind {
            ExprKind::Name(name) => match self.argument(name) {
                Some((frame, arg)) => self.view(frame).path(&arg, st),
                None => match self.object_macro(name) {
                    Some((frame, body)) => self.view(Some(frame)).path(&body, st),
                    None => Some(name.clone()),
                },
            },
            ExprKind::Cast(inner) => self.path(inner, st),
            ExprKind::Assign(_, left, _) => self.path(left, st),
            ExprKind::Comma(_, right) => self.path(right, st),
            ExprKind::Member(base, false, field) => {
                Some(format!("{}.{field}", self.path(base, st)?))
            }
            ExprKind::Member(base, true, field) => {
                Some(format!("{}.{field}", self.target(base, st)?))
            }
            ExprKind::Deref(base) => self.target(base, st),
            ExprKind::Index(base, index) => {
                if matches!(index.kind, ExprKind::Number(Some(0))) {
                    return self.target(base, st);
                }
                let base = self.pointer(base, st)?;
                let index = match self.text(index) {
                    Some(text) => text,
                    None => format!("?{}", index.span.start),
                };
                Some(format!("{base}[{index}]"))
            }
            _ => None,
        }
    }

    /// The path of what a pointer points to.
    pub fn target(&self, base: &Expr, st: &State) -> Option<String> {
        match &base.kind {
            ExprKind::AddressOf(inner) => self.path(inner, st),
            ExprKind::Cast(inner) => self.target(inner, st),
            ExprKind::Name(name) => match self.argument(name) {
                Some((frame, arg)) => self.view(frame).target(&arg, st),
                None => Some(format!("{}[0]", self.pointer(base, st)?)),
            },
            _ => Some(format!("{}[0]", self.pointer(base, st)?)),
        }
    }

    fn pointer(&self, base: &Expr, st: &State) -> Option<String> {
        let path = self.path(base, st)?;
        let value = st.get(&path);
        match value.blocks[..] {
            [site] if value.whole && value.signs & ZERO == 0 => Some(format!("#{site}")),
            _ => Some(path),
        }
    }

    /// The text of an index, if it is simple.
    fn text(&self, e: &Expr) -> Option<String> {
        match &e.kind {
            ExprKind::Name(name) => match self.argument(name) {
                Some((frame, arg)) => self.view(frame).text(&arg),
                None => Some(name.clone()),
            },
            ExprKind::Number(Some(number)) => Some(number.to_string()),
            ExprKind::Cast(inner) => self.text(inner),
            ExprKind::Member(base, false, field) => Some(format!("{}.{field}", self.text(base)?)),
            ExprKind::Member(base, true, field) => Some(format!("{}->{field}", self.text(base)?)),
            ExprKind::Index(base, index) => {
                Some(format!("{}[{}]", self.text(base)?, self.text(index)?))
            }
            ExprKind::Deref(base) => Some(format!("*{}", self.text(base)?)),
            ExprKind::Binary(op @ ("+" | "-"), left, right) => {
                Some(format!("{}{op}{}", self.text(left)?, self.text(right)?))
            }
            _ => None,
        }
    }
}
