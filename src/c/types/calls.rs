//! Which functions call which, and whose address is known to others.

use super::{EntityId, EntityKind, Model, Parent};
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, Unary};

/// A call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// The expression.
    pub expr: ExprId,
    /// The function that it names; `None` for a call through a pointer.
    pub callee: Option<EntityId>,
}

/// What is known of a function definition.
#[derive(Clone, Debug, Default)]
pub struct FunctionInfo {
    /// The function; `None` if its declarator has no name.
    pub entity: Option<EntityId>,
    /// Its parameters; `None` for one without a name.
    pub params: Vec<Option<EntityId>>,
    /// The objects it declares: parameters, and variables of its blocks, `static` ones too. Those
    /// of functions nested in it are theirs.
    pub objects: Vec<EntityId>,
    /// The calls in its body, operands first. Those of functions nested in it are theirs.
    pub calls: Vec<Call>,
}

/// The call graph, by what can reach itself.
#[derive(Debug, Default)]
pub(super) struct Components {
    /// By function definition: the number of its component.
    of: Vec<u32>,
    /// The definitions of each component; callees come before callers.
    list: Vec<Vec<FunctionId>>,
}

impl Model<'_> {
    /// What is known of a function definition.
    pub fn info(&self, function: FunctionId) -> &FunctionInfo {
        &self.functions[function.0 as usize]
    }

    pub(super) fn function_info(&mut self, function: FunctionId) -> &mut FunctionInfo {
        let count = self.tree.functions.len();
        self.functions.resize_with(count, FunctionInfo::default);
        &mut self.functions[function.0 as usize]
    }

    /// The definitions that a function calls by their names, in the order of the calls.
    pub fn callees(&self, function: FunctionId) -> impl Iterator<Item = FunctionId> + '_ {
        let calls = self.info(function).calls.iter();
        calls.filter_map(|call| self.entities[call.callee?.0 as usize].definition())
    }

    /// The call graph's strongly connected components: functions that call each other in circles
    /// are one. Callees come before callers.
    pub fn components(&self) -> &[Vec<FunctionId>] {
        &self.components.list
    }

    /// The component of a function: an index into [`Model::components`].
    pub fn component_of(&self, function: FunctionId) -> usize {
        self.components.of[function.0 as usize] as usize
    }

    /// Whether a function calls itself, directly or through others, by their names.
    pub fn is_recursive(&self, function: FunctionId) -> bool {
        self.components.list[self.component_of(function)].len() > 1
            || self.callees(function).any(|callee| callee == function)
    }

    /// Whether something other than its name may lead to it: a function that is used other than
    /// to call it, an object whose address (or that of a part of it) is used.
    pub fn is_address_taken(&self, entity: EntityId) -> bool {
        self.address_taken.contains(&entity)
    }

    /// What can be told when everything is read.
    pub(super) fn finish(&mut self) {
        let count = self.tree.functions.len();
        self.functions.resize_with(count, FunctionInfo::default);
        for entity in 0..self.entities.len() {
            let id = EntityId(entity as u32);
            let taken = match self.entities[entity].kind {
                EntityKind::Function { .. } => {
                    let mut uses = self.uses[entity].iter();
                    uses.any(|&expr| !self.is_callee(expr))
                }
                EntityKind::Object { .. } => {
                    let mut uses = self.uses[entity].iter();
                    uses.any(|&expr| self.lends_address(expr))
                }
                _ => false,
            };
            if taken {
                self.address_taken.insert(id);
            }
        }
        self.components = self.find_components();
        // Models are kept.
        self.tree.shrink();
        self.nodes.shrink();
    }

    /// Whether the address of an object, named here, or of a part of it is used other than to
    /// get at an element.
    fn lends_address(&self, name: ExprId) -> bool {
        let mut at = name;
        while let Parent::Expr(outer) = self.parent(at) {
            let array = self.is_array(self.type_of(at));
            match &self.tree[outer].kind {
                ExprKind::Paren(_) => {}
                ExprKind::Member { arrow: false, .. } => {}
                ExprKind::Index(..)
                | ExprKind::Unary(Unary::Deref, _)
                | ExprKind::Member { arrow: true, .. }
                    if array => {}
                ExprKind::Unary(Unary::AddressOf, _) => return true,
                ExprKind::SizeofExpr(_) => return false,
                ExprKind::Generic { control, .. } if *control == at => return false,
                _ => return array,
            }
            at = outer;
        }
        self.is_array(self.type_of(at)) && !matches!(self.parent(at), Parent::Stmt(_))
    }

    /// Tarjan's algorithm, without recursion. Linear in the number of calls.
    fn find_components(&self) -> Components {
        const UNSEEN: u32 = u32::MAX;
        let count = self.functions.len();
        let edges: Vec<Vec<FunctionId>> = (0..count)
            .map(|at| self.callees(FunctionId(at as u32)).collect())
            .collect();
        let mut found = Components {
            of: vec![UNSEEN; count],
            list: Vec::new(),
        };
        let mut number = vec![UNSEEN; count];
        let mut low = vec![0u32; count];
        let mut open: Vec<usize> = Vec::new();
        let mut next = 0u32;
        for root in 0..count {
            if number[root] != UNSEEN {
                continue;
            }
            let mut path = vec![(root, 0usize)];
            while let Some(&mut (at, ref mut edge)) = path.last_mut() {
                if *edge == 0 {
                    number[at] = next;
                    low[at] = next;
                    next += 1;
                    open.push(at);
                }
                if let Some(callee) = edges[at].get(*edge) {
                    *edge += 1;
                    let callee = callee.0 as usize;
                    if number[callee] == UNSEEN {
                        path.push((callee, 0));
                    } else if found.of[callee] == UNSEEN {
                        low[at] = low[at].min(number[callee]);
                    }
                    continue;
                }
                path.pop();
                if let Some(&(caller, _)) = path.last() {
                    low[caller] = low[caller].min(low[at]);
                }
                if low[at] == number[at] {
                    let start = open.iter().rposition(|&f| f == at).unwrap_or(0);
                    let members = open.split_off(start);
                    for &member in &members {
                        found.of[member] = found.list.len() as u32;
                    }
                    let ids = members.into_iter().map(|m| FunctionId(m as u32));
                    found.list.push(ids.collect());
                }
            }
        }
        found
    }
}
