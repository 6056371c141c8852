//! Variables outside of functions, string literals, and programs that have to mention the arena.

use std::collections::HashSet;

use super::super::facts::{FuncId, Object, ObjectKind};
use super::super::read::Reading;
use super::super::vars::{Tok, Var};
use super::{Editor, Trouble};
use crate::c::cpp::Loc;
use crate::c::syntax::tree::{ExprId, Part, Toks};
use crate::rewrite::plan::EditKind;

impl Editor<'_> {
    /// Whether the initial value of a variable is the address of one that lies in the arena.
    fn points_there(&self, object: &Object) -> bool {
        object.init.is_some_and(|init| self.names_arena(init, 0))
    }

    /// Whether a literal that lies in the arena is in the initial value of a variable.
    fn has_literal_there(&self, object: &Object) -> bool {
        let init = object.init.map(|init| self.reading.model.tree[init].toks);
        let mut literals = self.reading.literals.iter();
        init.is_some_and(|init| {
            literals.any(|&(toks, place)| init.contains(toks.start) && self.arena(place))
        })
    }

    fn names_arena(&self, expr: ExprId, depth: usize) -> bool {
        let model = self.reading.model;
        let named = model.entity(expr).and_then(|e| self.reading.place_of(e));
        named.is_some_and(|place| self.arena(place))
            || depth < 64
                && model
                    .tree
                    .operands(expr)
                    .into_iter()
                    .any(|e| self.names_arena(e, depth + 1))
    }

    /// Programs that follow pointers without allocating have to mention the arena.
    pub fn mention(&mut self) {
        let reading = self.reading;
        for (index, function) in reading.functions.iter().enumerate() {
            let Some(definition) = function.definition.filter(|d| d.program) else {
                continue;
            };
            let reached = reached(reading, FuncId(index as u32));
            if reached
                .iter()
                .any(|f| reading.functions[f.0 as usize].allocates)
            {
                continue;
            }
            let inside = |tok: Tok| {
                reached.iter().any(|f| {
                    let found = reading.functions[f.0 as usize].definition;
                    found.is_some_and(|d| d.body.0 <= tok && tok < d.body.1)
                })
            };
            let touches = reading
                .follows
                .iter()
                .any(|f| inside(f.tok) && self.arena(f.space))
                || reading
                    .loads
                    .iter()
                    .any(|l| inside(l.tok) && self.arena(l.place));
            if !touches
                || (definition.body.0..definition.body.1)
                    .any(|t| reading.unit.text(&self.toks[t]) == b"static_use_arena")
            {
                continue;
            }
            let brace = definition.body.0;
            if !self.editable(brace) {
                self.unreachable(brace);
                continue;
            }
            let loc = self.toks[brace].loc;
            let next = &self.toks[brace + 1];
            let bytes = &reading.unit.file(loc.file).bytes;
            let gap = match self.together(brace, brace + 1) {
                true => &bytes[loc.end as usize..next.loc.start as usize],
                false => b"\n\t",
            };
            let line = gap.iter().rposition(|&b| b == b'\n');
            let indent = match line {
                Some(at) => format!("\n{}", String::from_utf8_lossy(&gap[at + 1..])),
                None => " ".into(),
            };
            self.insert(
                loc.file,
                loc.end,
                format!("{indent}static_use_arena();"),
                EditKind::UseArena,
                "a program that follows pointers into the arena has to mention it".into(),
            );
        }
    }

    /// Keeps clang from splitting static structures into their members.
    ///
    /// It describes each as the whole, the kernel refuses the type information of the object, and
    /// without that verifies the allocator's functions again at every call.
    pub fn whole(&mut self) {
        for object in self.reading.objects.iter().filter(|o| o.is_static) {
            let whole = self.reading.is_whole(object) || self.reading.shrinks(object);
            let plain = self.reading.vars.is_plain(object.place) && !self.arena(object.place);
            if !whole || plain || !self.editable(object.tok) {
                continue;
            }
            // After the brackets of an array, and the parameters of functions it points to.
            let model = self.reading.model;
            let declared = model[object.entity].declarators.iter();
            let last = declared
                .filter(|&&d| model.tree[d].name.is_some_and(|n| n.1 == object.tok))
                .flat_map(|&d| model.tree[d].parts.iter())
                .filter_map(|p| match p {
                    Part::Array { toks, .. } | Part::Function { toks, .. } => Some(toks.end - 1),
                    Part::Pointer { .. } => None,
                })
                .max();
            let loc = self.location(last.unwrap_or(object.tok));
            self.change(
                loc.file,
                loc.end,
                loc.end,
                " __attribute__((used))".into(),
                EditKind::Linkage,
                "clang would shrink or split this variable, and describe it in a way that no \
                 kernel takes",
            );
        }
    }

    /// String literals that meet the heap move into the arena.
    pub fn literals(&mut self) {
        let reading = self.reading;
        let meets = |&&(toks, place): &&(Toks, Var)| {
            self.arena(place) && self.in_function(toks.start) && !self.in_table(toks.start)
        };
        let moved: Vec<Toks> = reading.literals.iter().filter(meets).map(|l| l.0).collect();
        let text = |toks: Toks| self.toks[toks.start].loc;
        let in_bodies: HashSet<Loc> = (moved.iter())
            .filter(|&&toks| reading.apart(toks).is_none())
            .map(|&toks| text(toks))
            .collect();
        for toks in moved {
            // A macro may have it for others too, which want its size or its characters.
            let own = Some(toks).filter(|&toks| !in_bodies.contains(&text(toks)));
            let (first, last) = match own.and_then(|toks| reading.apart(toks)) {
                Some(whole) => (whole, whole),
                None if self.editable(toks.start) && self.together(toks.start, toks.end - 1) => {
                    (self.location(toks.start), self.location(toks.end - 1))
                }
                None => {
                    self.unreachable(toks.start);
                    continue;
                }
            };
            let reason = "a pointer into the arena may point to this literal";
            let kind = EditKind::Memory;
            let open = "static_string(".to_owned();
            self.change(first.file, first.start, first.start, open, kind, reason);
            self.change(last.file, last.end, last.end, ")".into(), kind, reason);
        }
    }

    /// Whether a literal is an element of a table of literals, or the value of an array.
    fn in_table(&self, tok: Tok) -> bool {
        let reading = self.reading;
        let tree = &reading.model.tree;
        reading.objects.iter().any(|o| {
            o.init.is_some_and(|i| tree[i].toks.contains(tok)) && o.kind != ObjectKind::Local
        })
    }

    fn in_function(&self, tok: Tok) -> bool {
        let tree = &self.reading.model.tree;
        tree.functions
            .iter()
            .any(|f| tree[f.body].toks.contains(tok))
    }

    /// Globals that move into the arena but cannot be initialised there.
    pub fn globals(&mut self) {
        for object in &self.reading.objects {
            if object.kind == ObjectKind::Local {
                continue;
            }
            if self.reading.table(object).is_some() {
                continue;
            }
            let lies_there = self.arena(object.place) && self.reading.is_initialised(object);
            if lies_there || self.points_there(object) || self.has_literal_there(object) {
                self.troubles.insert(Trouble {
                    tok: object.tok,
                    message: "an address in the arena cannot be an initial value, and a variable \
                              there cannot have one"
                        .into(),
                    help: "assign the address at run time, before the first use".into(),
                });
            }
        }
    }
}

/// What a function calls, itself included.
fn reached(reading: &Reading, from: FuncId) -> HashSet<FuncId> {
    let mut found = HashSet::from([from]);
    let mut todo = vec![from];
    while let Some(func) = todo.pop() {
        for &callee in &reading.functions[func.0 as usize].calls {
            if found.insert(callee) {
                todo.push(callee);
            }
        }
    }
    found
}
