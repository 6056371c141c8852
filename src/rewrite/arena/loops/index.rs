//! Where to find what stands among some tokens, without looking at all there is.

use rustc_hash::FxHashMap;

use super::super::facts::Instance;
use super::super::numbers::Numbers;
use super::super::read::Reading;
use super::super::vars::Tok;
use crate::c::syntax::tree::{Binary, ExprId, ExprKind, FunctionId, StmtId, Toks, Unary};
use crate::c::types::EntityId;

/// Where to find what stands among some tokens, without looking at all there is.
pub struct Index {
    /// `array[index]`, by first token.
    elements: Vec<(Tok, ExprId, ExprId)>,
    /// What is stepped or assigned, by first token of the step or assignment.
    written: Vec<(Tok, ExprId)>,
    /// The variables in differences of pointers, by token.
    differences: Vec<(Tok, ExprId)>,
    /// Changes of numbers, by token.
    changes: Vec<(Tok, EntityId)>,
    /// The loops of a reading, by keyword.
    loops: FxHashMap<Instance, Vec<(Tok, usize)>>,
    /// The loops that a statement is.
    pub(super) stmts: FxHashMap<StmtId, Vec<usize>>,
    /// What is followed, by reading and token.
    follows: Vec<(Instance, Tok, usize)>,
    /// The same, by the pointer.
    pub(super) pointers: FxHashMap<(Tok, Tok), Vec<usize>>,
    /// The functions, by first token, and the one around each.
    functions: Vec<(Toks, FunctionId, Option<usize>)>,
}

impl Index {
    /// Sorts what there is.
    pub(super) fn new(reading: &Reading, numbers: &Numbers) -> Self {
        let tree = &reading.model.tree;
        let mut elements: Vec<_> = (tree.exprs.iter())
            .filter_map(|e| match e.kind {
                ExprKind::Index(array, index) => Some((e.toks.start, array, index)),
                _ => None,
            })
            .collect();
        elements.sort();
        let mut written: Vec<_> = (tree.exprs.iter())
            .filter_map(|e| match e.kind {
                ExprKind::Postfix { operand, .. }
                | ExprKind::Unary(Unary::Increment | Unary::Decrement, operand) => {
                    Some((e.toks.start, operand))
                }
                ExprKind::Assign { left, .. } => Some((e.toks.start, left)),
                _ => None,
            })
            .collect();
        written.sort();
        let model = reading.model;
        let mut differences: Vec<_> = (tree.exprs.iter())
            .filter_map(|e| match e.kind {
                ExprKind::Binary {
                    op: Binary::Sub,
                    left,
                    right,
                    ..
                } if model.is_pointer(model.decay_of(right)) => Some([left, right]),
                _ => None,
            })
            .flatten()
            .map(|side| tree.bare(side))
            .filter(|&side| matches!(tree[side].kind, ExprKind::Name(_)))
            .map(|side| (tree[side].toks.start, side))
            .collect();
        differences.sort();
        let mut changes: Vec<_> = numbers
            .all()
            .flat_map(|(entity, mods)| mods.iter().map(move |m| (m.tok, entity)))
            .collect();
        changes.sort();
        let mut loops: FxHashMap<Instance, Vec<(Tok, usize)>> = FxHashMap::default();
        let mut stmts: FxHashMap<StmtId, Vec<usize>> = FxHashMap::default();
        for (index, this) in reading.loops.iter().enumerate() {
            loops
                .entry(this.instance)
                .or_default()
                .push((this.tok, index));
            stmts.entry(this.stmt).or_default().push(index);
        }
        loops.values_mut().for_each(|list| list.sort());
        let mut follows = Vec::with_capacity(reading.follows.len());
        let mut pointers: FxHashMap<(Tok, Tok), Vec<usize>> = FxHashMap::default();
        for (index, follow) in reading.follows.iter().enumerate() {
            follows.push((follow.instance, follow.tok, index));
            pointers.entry(follow.pointer).or_default().push(index);
        }
        follows.sort();
        let functions = tree.functions.iter().enumerate();
        let mut functions: Vec<(Toks, FunctionId, Option<usize>)> = functions
            .map(|(index, f)| (f.toks, FunctionId(index as u32), None))
            .collect();
        functions.sort_by_key(|f| (f.0.start, std::cmp::Reverse(f.0.end)));
        let mut open: Vec<usize> = Vec::new();
        for at in 0..functions.len() {
            let start = functions[at].0.start;
            while open.last().is_some_and(|&o| functions[o].0.end <= start) {
                open.pop();
            }
            functions[at].2 = open.last().copied();
            open.push(at);
        }
        Self {
            elements,
            written,
            differences,
            changes,
            loops,
            stmts,
            follows,
            pointers,
            functions,
        }
    }

    pub(super) fn elements(&self, within: Toks) -> impl Iterator<Item = (ExprId, ExprId)> + '_ {
        let from = self.elements.partition_point(|e| e.0 < within.start);
        let inside = self.elements[from..].iter();
        inside
            .take_while(move |e| e.0 < within.end)
            .map(|e| (e.1, e.2))
    }

    /// What is stepped or assigned among tokens.
    pub(super) fn written(&self, within: Toks) -> impl Iterator<Item = ExprId> + '_ {
        let from = self.written.partition_point(|e| e.0 < within.start);
        let inside = self.written[from..].iter();
        inside.take_while(move |e| e.0 < within.end).map(|e| e.1)
    }

    /// The variables that pointers are subtracted from or that are subtracted, among tokens.
    pub(super) fn differences(&self, within: Toks) -> impl Iterator<Item = ExprId> + '_ {
        let from = self.differences.partition_point(|e| e.0 < within.start);
        let inside = self.differences[from..].iter();
        inside.take_while(move |e| e.0 < within.end).map(|e| e.1)
    }

    /// The numbers that change among tokens, several times if they change several times.
    pub(super) fn changes(&self, within: Toks) -> impl Iterator<Item = EntityId> + '_ {
        let from = self.changes.partition_point(|c| c.0 < within.start);
        let inside = self.changes[from..].iter();
        inside.take_while(move |c| c.0 < within.end).map(|c| c.1)
    }

    /// The loops of a reading whose keywords stand among tokens.
    pub(super) fn loops(
        &self,
        instance: Instance,
        within: Toks,
    ) -> impl Iterator<Item = usize> + '_ {
        let list = self.loops.get(&instance).map_or(&[][..], Vec::as_slice);
        let from = list.partition_point(|l| l.0 < within.start);
        let inside = list[from..].iter();
        inside.take_while(move |l| l.0 < within.end).map(|l| l.1)
    }

    /// What a reading follows among tokens.
    pub(super) fn follows(
        &self,
        instance: Instance,
        within: Toks,
    ) -> impl Iterator<Item = usize> + '_ {
        let from = (self.follows).partition_point(|f| (f.0, f.1) < (instance, within.start));
        let inside = self.follows[from..].iter();
        inside
            .take_while(move |f| (f.0, f.1) < (instance, within.end))
            .map(|f| f.2)
    }

    /// The functions around tokens, from the innermost.
    pub(super) fn functions(&self, around: Toks) -> impl Iterator<Item = FunctionId> + '_ {
        let behind = (self.functions).partition_point(|f| f.0.start <= around.start);
        let chain = std::iter::successors(behind.checked_sub(1), |&at| self.functions[at].2);
        chain
            .map(|at| self.functions[at])
            .filter(move |f| f.0.holds(around))
            .map(|f| f.1)
    }
}
