//! Calls through pointers to functions.
//!
//! BPF calls functions that are known when the program is loaded, and the loader sets no addresses in
//! data. Where a pointer may lead to several functions, it holds a number for each instead of an
//! address; what calls through it calls a function that compares the numbers ([`dispatch`]). The
//! types stay: a number is a pointer of type `void *`.
//!
//! Pointers of one type go together, for they may meet anywhere. Those of a type stay as they are
//! where clang sees each function that is called: a parameter of a function that becomes part of
//! its callers, which name the function.

mod dispatch;
mod heads;
mod shared;
mod values;

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use self::dispatch::Sorter;
use self::shared::Role;
pub(in crate::rewrite) use self::shared::pointed;
pub use self::shared::{Pointed, SharedPointers};
use super::source::{At, Changes, Source};
use super::{FileEdit, Found, Trouble, inline, is_ours, is_shared};
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, ItemKind, Tok, Toks, Unary};
use crate::c::types::{EntityId, EntityKind, Model, Parent, Storage, Type, TypeId};
use crate::rewrite::project::Project;

/// A call through a pointer.
#[derive(Clone, Copy, Debug)]
struct Indirect {
    call: ExprId,
    /// The pointer, without `*` and parentheses around it.
    pointer: ExprId,
}

/// Pointers to functions of one type.
#[derive(Debug)]
struct Class {
    /// The type of the functions.
    ty: TypeId,
    calls: Vec<Indirect>,
    /// The pointers hold numbers.
    numbered: bool,
    /// The functions that they may lead to.
    targets: BTreeSet<EntityId>,
    /// Other files of the run have such pointers, too.
    role: Option<Role>,
}

/// A call of a function of the C library that gets a number.
#[derive(Clone, Copy, Debug)]
struct Lent {
    /// Its name in the call.
    callee: ExprId,
    /// The pointers that the number is one of.
    class: usize,
    sorter: Sorter,
}

/// What is found of the pointers to functions in a unit.
struct Pointers<'m, 'u> {
    model: &'m Model<'u>,
    project: &'m dyn Project,
    classes: Vec<Class>,
    /// Names of functions that become numbers.
    names: Vec<(ExprId, EntityId)>,
    lent: Vec<Lent>,
}

/// Turns the pointers to functions of a unit that lead to more than one into numbers.
pub(super) fn pointers(model: &Model, project: &dyn Project) -> Found {
    let mut found = Found::default();
    let mut pointers = Pointers::new(model, project);
    pointers.calls();
    pointers.choose();
    if !pointers.classes.iter().any(|c| c.numbered) {
        return found;
    }
    match pointers.values().and_then(|()| pointers.write()) {
        Ok(edits) => {
            let classes = pointers.classes.iter().filter(|c| c.numbered);
            for class in classes {
                let of_class = |n: &&(ExprId, EntityId)| class.targets.contains(&n.1);
                let called = class.calls.first().map(|call| call.pointer);
                let named = || pointers.names.iter().find(of_class).map(|n| n.0);
                if let Some(expr) = called.or_else(named) {
                    let toks = model.tree[expr].toks;
                    found.reasons.push((toks.start, pointers.spelled(toks)));
                }
            }
            found.edits = edits;
        }
        Err(trouble) => found.troubles.push(Trouble {
            tok: trouble.tok,
            message: format!("calls through pointers stay: {}", trouble.message),
        }),
    }
    found
}

impl<'m, 'u> Pointers<'m, 'u> {
    fn new(model: &'m Model<'u>, project: &'m dyn Project) -> Self {
        Self {
            model,
            project,
            classes: Vec::new(),
            names: Vec::new(),
            lent: Vec::new(),
        }
    }
}

impl Pointers<'_, '_> {
    /// The function type that a pointer to functions points to.
    fn function_type(&self, ty: TypeId) -> Option<TypeId> {
        match self.model[ty] {
            Type::Pointer { to } if matches!(self.model[to], Type::Function { .. }) => Some(to),
            Type::Function { .. } => Some(ty),
            _ => None,
        }
    }

    /// The pointer in what is called: `(*p)(…)`, `(p)(…)`.
    fn pointer_in(&self, callee: ExprId) -> ExprId {
        let mut at = callee;
        loop {
            match self.model.tree[at].kind {
                ExprKind::Paren(inner) => at = inner,
                ExprKind::Unary(Unary::Deref, inner)
                    if self.function_type(self.model.decay_of(inner)).is_some() =>
                {
                    at = inner;
                }
                _ => return at,
            }
        }
    }

    /// Finds the calls through pointers, by type.
    fn calls(&mut self) {
        let model = self.model;
        for index in 0..model.tree.functions.len() {
            let function = FunctionId(index as u32);
            for call in &model.info(function).calls {
                let ExprKind::Call { callee, .. } = model.tree[call.expr].kind else {
                    continue;
                };
                let pointer = self.pointer_in(callee);
                let named = model.entity(pointer);
                if named.is_some_and(|e| model[e].is_function() || self.is_constant(e)) {
                    continue;
                }
                let Some(ty) = self.function_type(model.decay_of(pointer)) else {
                    continue;
                };
                let indirect = Indirect {
                    call: call.expr,
                    pointer,
                };
                let class = self.class_of(ty);
                self.classes[class].calls.push(indirect);
            }
        }
    }

    /// A pointer that holds one number and no other, as those to helpers of the kernel do.
    fn is_constant(&self, entity: EntityId) -> bool {
        let model = self.model;
        let mut declared = model[entity].declarators.iter();
        declared.any(|&d| {
            let init = model.tree[d].init;
            init.is_some_and(|i| model.constant(i).is_some_and(|v| v != 0))
        }) && !self.is_written(entity)
    }

    /// Whether a variable or parameter may get a value other than its first.
    fn is_written(&self, entity: EntityId) -> bool {
        let model = self.model;
        model.is_address_taken(entity) || model.uses(entity).iter().any(|&name| {
            let Parent::Expr(outer) = model.parent(name) else {
                return false;
            };
            match model.tree[outer].kind {
                ExprKind::Assign { left, .. } => left == name,
                ExprKind::Postfix { .. }
                | ExprKind::Unary(Unary::AddressOf | Unary::Increment | Unary::Decrement, _) => {
                    true
                }
                _ => false,
            }
        })
    }

    fn find_class(&self, ty: TypeId) -> Option<usize> {
        let mut classes = self.classes.iter();
        classes.position(|c| self.model.compatible(c.ty, ty))
    }

    fn class_of(&mut self, ty: TypeId) -> usize {
        self.find_class(ty).unwrap_or_else(|| {
            self.classes.push(Class {
                ty,
                calls: Vec::new(),
                numbered: false,
                targets: BTreeSet::new(),
                role: None,
            });
            self.classes.len() - 1
        })
    }

    /// Chooses the types whose pointers become numbers: clang does not see what is called.
    fn choose(&mut self) {
        for class in 0..self.classes.len() {
            self.classes[class].numbered = self.is_hidden(class);
        }
        self.agree();
        // A pointer of one type that is converted to another takes its number along.
        loop {
            let mut more = Vec::new();
            for (from, to) in self.conversions() {
                if self.classes[from].numbered != self.classes[to].numbered {
                    more.extend([from, to]);
                }
            }
            if more.is_empty() {
                return;
            }
            for class in more {
                self.classes[class].numbered = true;
            }
        }
    }

    /// Whether clang does not see what is called through one of the pointers.
    fn is_hidden(&self, class: usize) -> bool {
        let mut calls = self.classes[class].calls.iter();
        calls.any(|c| !self.is_known(c.pointer, &mut FxHashSet::default()))
    }

    /// Casts from one type of pointers to functions that are called to another.
    fn conversions(&self) -> Vec<(usize, usize)> {
        let model = self.model;
        let mut found = Vec::new();
        for index in 0..model.tree.exprs.len() {
            let cast = ExprId(index as u32);
            let ExprKind::Cast(_, inner) = model.tree[cast].kind else {
                continue;
            };
            let named = model.named(inner).is_some_and(|e| model[e].is_function());
            let from = self.function_type(model.decay_of(inner));
            let to = self.function_type(model.type_of(cast));
            if let (Some(from), Some(to), false) = (from, to, named)
                && let (Some(from), Some(to)) = (self.find_class(from), self.find_class(to))
                && from != to
            {
                found.push((from, to));
            }
        }
        found
    }

    /// Whether clang sees the function that a pointer leads to, wherever its function is put into its
    /// callers.
    fn is_known(&self, pointer: ExprId, seen: &mut FxHashSet<EntityId>) -> bool {
        let model = self.model;
        let mut pointer = model.tree.bare(pointer);
        if let ExprKind::Unary(Unary::AddressOf, inner) = model.tree[pointer].kind {
            pointer = model.tree.bare(inner);
        }
        let Some(entity) = model.entity(pointer) else {
            return false;
        };
        let EntityKind::Object { storage, function } = model[entity].kind else {
            return model[entity].is_function();
        };
        if self.is_written(entity) {
            return false;
        }
        match storage {
            Storage::Local | Storage::LocalStatic | Storage::FileStatic => {
                let mut declared = model[entity].declarators.iter();
                let init = declared.find_map(|&d| model.tree[d].init);
                init.is_some_and(|i| self.is_known(i, seen))
            }
            Storage::Parameter => {
                let Some(function) = function else {
                    return false;
                };
                if !seen.insert(entity) {
                    return true;
                }
                let info = model.info(function);
                let place = info.params.iter().position(|&p| p == Some(entity));
                let (Some(place), Some(of)) = (place, info.entity) else {
                    return false;
                };
                let recursive = model.is_recursive(function);
                if !recursive && !inline::is_part_of_callers(model, function, of) {
                    return false;
                }
                model.uses(of).iter().all(|&name| {
                    let Parent::Expr(call) = model.parent(name) else {
                        return false;
                    };
                    let ExprKind::Call {
                        callee, ref args, ..
                    } = model.tree[call].kind
                    else {
                        return false;
                    };
                    callee == name && args.get(place).is_some_and(|&a| self.is_known(a, seen))
                })
            }
            Storage::External | Storage::ExternOnly => false,
        }
    }

    /// Whether a token stands in a file that may change and that no other unit has, or in a macro that is
    /// used there.
    fn in_file(&self, tok: Tok) -> bool {
        let unit = self.model.unit;
        let file = unit.visible_loc(&unit.tokens[tok]).file;
        is_ours(self.model, file) && !is_shared(self.model, self.project, file)
    }

    /// Tokens as one line.
    fn spelled(&self, toks: Toks) -> String {
        let unit = self.model.unit;
        let words = (toks.start..toks.end).map(|t| unit.text(&unit.tokens[t]));
        let text: String = words.map(String::from_utf8_lossy).collect();
        format!("`{text}`")
    }

    fn name(&self, entity: EntityId) -> String {
        let unit = self.model.unit;
        String::from_utf8_lossy(unit.symbols.text(self.model[entity].name)).into_owned()
    }

    /// What stands for a function where its address is used.
    fn number_name(&self, function: EntityId) -> String {
        self.model
            .unit
            .unused_name(&format!("{}_pointer", self.name(function)))
    }

    /// The edits: names become numbers, calls go by way of the functions that compare them.
    fn write(&self) -> Result<Vec<FileEdit>, Trouble> {
        let model = self.model;
        let mut changes = Changes::default();
        let mut changed: Vec<Tok> = Vec::new();
        for &(name, function) in &self.names {
            let mut toks = model.tree[name].toks;
            // `&f` and `*f` are `f`.
            let mut at = name;
            while let Parent::Expr(outer) = model.parent(at) {
                match model.tree[outer].kind {
                    ExprKind::Paren(_) => {}
                    ExprKind::Unary(Unary::AddressOf | Unary::Deref, _) => {
                        toks = model.tree[outer].toks;
                    }
                    _ => break,
                }
                at = outer;
            }
            changes.add(At::Instead(toks), self.number_name(function));
            changed.push(toks.start);
        }
        let mut texts = Vec::new();
        let mut calls = Vec::new();
        for class in self.classes.iter().filter(|c| c.numbered) {
            let Some(dispatch) = self.dispatch(class)? else {
                continue;
            };
            let name = dispatch.name.clone();
            calls.extend(class.calls.iter().map(|call| (call, name.clone())));
            texts.push(dispatch);
        }
        // Of `a->first(a)->second(a)`, which begin at one place, the outer call is written first.
        calls.sort_by_key(|(call, _)| {
            let toks = model.tree[call.call].toks;
            (toks.start, std::cmp::Reverse(toks.end))
        });
        for (call, name) in calls {
            let ExprKind::Call {
                callee,
                ref args,
                open,
            } = model.tree[call.call].kind
            else {
                continue;
            };
            let (all, inner) = (model.tree[callee].toks, model.tree[call.pointer].toks);
            if all.start < inner.start {
                let before = Toks::new(all.start, inner.start);
                changes.add(At::Instead(before), format!("{name}("));
            } else {
                changes.add(At::Before(inner.start), format!("{name}("));
            }
            let after = Toks::new(inner.end, open + 1);
            changes.add(At::Instead(after), if args.is_empty() { "" } else { ", " });
            changed.push(all.start);
        }
        for lent in &self.lent {
            let toks = model.tree[lent.callee].toks;
            changes.add(At::Instead(toks), self.sorter_name(lent));
            changed.push(toks.start);
        }
        texts.extend(self.sorters()?);
        let mut edits = Vec::new();
        for item in &model.tree.items {
            if !changed.iter().any(|&t| item.toks.contains(t)) {
                continue;
            }
            // `SEC("xdp") int prog(…)`: a macro that nothing changes.
            let tokens = &model.unit.tokens;
            let own =
                |t: &Tok| tokens[*t].expansion.is_none() && is_ours(model, tokens[*t].loc.file);
            let first = (item.toks.start..item.toks.end).find(own);
            let toks = Toks::new(first.unwrap_or(item.toks.start), item.toks.end);
            let source = Source::new(model.unit, toks)?;
            for (start, end, text) in source.edits(toks, &changes)? {
                let file = source.file;
                edits.push(FileEdit {
                    file,
                    start,
                    end,
                    text,
                });
            }
        }
        let numbers = self.numbers(&changed);
        edits.extend(numbers);
        edits.extend(texts.into_iter().flat_map(|d| d.edits));
        Ok(edits)
    }

    /// The numbers, before the first declaration that has one.
    fn numbers(&self, changed: &[Tok]) -> Option<FileEdit> {
        let mut functions: Vec<EntityId> = self.names.iter().map(|n| n.1).collect();
        functions.sort_by_key(|&f| self.model[f].tok);
        functions.dedup();
        if functions.is_empty() {
            return None;
        }
        let mut text =
            String::from("/* BPF calls no function by its address: a number stands for each. */\n");
        let path = &self.model.unit.file(FileId::MAIN).path;
        let first_number = self.project.facts().agreed.pointers.first_number(path);
        for (at, &function) in functions.iter().enumerate() {
            let name = self.number_name(function);
            let number = first_number + at;
            text.push_str(&format!("#define {name} ((void *){number})\n"));
        }
        text.push('\n');
        let first = changed.iter().min()?;
        let mut items = self.model.tree.items.iter();
        let item = items.find(|i| i.toks.contains(*first))?;
        let unit = self.model.unit;
        let place = unit.visible_loc(&unit.tokens[item.toks.start]);
        Some(FileEdit {
            file: place.file,
            start: place.start,
            end: place.start,
            text,
        })
    }

    /// The external declaration that a token stands in.
    fn item_of(&self, tok: Tok) -> Option<Toks> {
        let mut items = self.model.tree.items.iter();
        items.find(|i| i.toks.contains(tok)).map(|i| i.toks)
    }

    /// A function of the kernel: it has a section of its own, or is weak.
    fn is_of_kernel(&self, function: EntityId) -> bool {
        let model = self.model;
        let text = |toks: &Toks| {
            (toks.start..toks.end).any(|t| {
                let word = model.unit.text(&model.unit.tokens[t]);
                matches!(word, b"section" | b"__section__" | b"weak" | b"__weak__")
            })
        };
        model[function].declarators.iter().any(|&d| {
            let own = &model.tree[d].attributes;
            let common = &model.tree[model.tree[d].decl].specifiers.attributes;
            own.iter().chain(common).any(text)
        })
    }

    /// Whether an item is a function that is a program.
    fn is_program(&self, function: EntityId) -> bool {
        self.is_of_kernel(function)
            && self.model.tree.items.iter().any(|i| {
                matches!(i.kind, ItemKind::Function(f)
                if self.model.info(f).entity == Some(function))
            })
    }
}
