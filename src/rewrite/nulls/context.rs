//! All that is known around the functions of a file.

use std::cell::{OnceCell, RefCell};
use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::calls::{Callee, called};
use super::decide;
use super::graph::Graph;
use super::known;
use super::outcome::Summary;
use super::text::Text;
use crate::c::bytes::decode;
use crate::c::cpp::FileId;
use crate::c::lexer::{Kind, Lexed};
use crate::c::syntax::tree::{ExprId, ExprKind, FunctionId, Toks, Tree};
use crate::c::types::{EntityId, EntityKind, Model, Type};
use crate::c::{Span, Symbol};
use crate::rewrite::family::Alloc;
use crate::rewrite::project::Facts;
use crate::rewrite::sites::Site;
use crate::rewrite::unit::Unit;

/// All that is known around the functions of a file.
pub struct Context<'c> {
    unit: &'c Unit<'c>,
    /// The unit, preprocessed, and what it means.
    pub model: &'c Model<'c>,
    /// Where its nodes stand.
    pub text: &'c Text<'c>,
    /// The tokens of the file.
    pub lexed: &'c Lexed<'c>,
    /// What is known of functions of other files.
    pub facts: &'c Facts,
    /// Offsets in the file of the calls of the allocator.
    calls: HashSet<usize>,
    /// Functions through which an allocation can come about.
    pub allocating: HashSet<FunctionId>,
    graphs: RefCell<HashMap<FunctionId, Rc<Graph>>>,
    summaries: RefCell<HashMap<FunctionId, Rc<Summary>>>,
    open: RefCell<Vec<FunctionId>>,
    words: OnceCell<HashSet<Vec<u8>>>,
    cleanups: RefCell<HashMap<EntityId, Option<String>>>,
}

/// How deep calls of functions of the program are followed into each other.
const CALL_DEPTH: usize = 24;

impl<'c> Context<'c> {
    /// Puts together what is known of a unit.
    pub fn new(
        unit: &'c Unit<'c>,
        model: &'c Model<'c>,
        text: &'c Text<'c>,
        sites: &[Site],
    ) -> Self {
        let mut context = Self {
            unit,
            model,
            text,
            lexed: &unit.lexed,
            facts: unit.project.facts(),
            calls: sites.iter().map(|site| site.span.start).collect(),
            allocating: HashSet::new(),
            graphs: RefCell::default(),
            summaries: RefCell::default(),
            open: RefCell::default(),
            words: OnceCell::new(),
            cleanups: RefCell::default(),
        };
        context.allocating = context.find_allocating();
        context
    }

    /// The tree of the unit.
    pub fn tree(&self) -> &'c Tree {
        &self.model.tree
    }

    /// The function definitions that were read, nested ones too.
    pub fn functions(&self) -> impl Iterator<Item = FunctionId> + use<> {
        (0..self.tree().functions.len() as u32).map(FunctionId)
    }

    /// Whether a function stands in the file.
    pub fn is_planned(&self, function: FunctionId) -> bool {
        let body = self.tree()[self.tree()[function].body].toks;
        let token = self.text.unit.tokens.get(body.start);
        token.is_some_and(|token| self.text.unit.visible_loc(token).file == FileId::MAIN)
    }

    /// The name of a function.
    pub fn function_name(&self, function: FunctionId) -> String {
        let entity = self.model.info(function).entity;
        entity.map_or(String::new(), |e| self.name(self.model[e].name))
    }

    /// The function with this name.
    pub fn function_named(&self, name: &str) -> Option<FunctionId> {
        let symbol = self.text.unit.symbols.get(name.as_bytes())?;
        self.model[self.model.file_entity(symbol)?].definition()
    }

    /// A spelling.
    pub fn name(&self, symbol: Symbol) -> String {
        decode(self.text.unit.symbols.text(symbol))
    }

    /// The spelling of an expression.
    pub fn spelled(&self, e: ExprId) -> String {
        self.text.spelled(self.tree()[e].toks)
    }

    /// An expression as it can be written in the file.
    pub fn written(&self, e: ExprId) -> Option<String> {
        let toks = self.tree()[e].toks;
        Some(match self.text.span(toks) {
            Some(span) => decode(span.of(self.lexed.source)),
            None => self.text.spelled(toks),
        })
    }

    /// The bytes of the file that show where tokens come from.
    pub fn shown(&self, toks: Toks) -> Option<Span> {
        self.text.visible(toks)
    }

    /// The line of an offset, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        1 + memchr::memchr_iter(b'\n', &self.lexed.source[..at]).count()
    }

    /// What a call calls, for a message.
    pub fn called(&self, e: ExprId) -> String {
        match self.tree()[e].kind {
            ExprKind::Call { callee, .. } => self.spelled(called(self.tree(), callee)),
            _ => self.spelled(e),
        }
    }

    /// What an expression that is called is.
    pub fn callee(&self, callee: ExprId) -> Callee {
        let tree = self.tree();
        let at = called(tree, callee);
        let Some(name) = tree.name(at) else {
            return Callee::Pointer;
        };
        let entity = self.model.named(at);
        if let Some(entity) = entity {
            match self.model[entity].kind {
                EntityKind::Function {
                    definition: Some(function),
                    ..
                } => {
                    let name = self.name(name);
                    // A replacement that is defined in the unit is the allocator's own.
                    return match Alloc::replaced_by(name.as_bytes()) {
                        Some(call) => Callee::Family(call),
                        None => Callee::Program(function, name),
                    };
                }
                EntityKind::Function { .. } => {}
                _ if self.is_helper(entity) => {}
                _ => return Callee::Pointer,
            }
        }
        if let Some(call) = self.family(tree[at].toks.start) {
            return Callee::Family(call);
        }
        Callee::Named(self.name(name))
    }

    /// Whether a pointer is a helper of the kernel by its number, as libbpf declares them:
    /// `static long (* const bpf_spin_lock)(…) = (void *) 93;`
    fn is_helper(&self, entity: EntityId) -> bool {
        let tree = self.tree();
        let entity = &self.model[entity];
        !entity.is_automatic()
            && entity.declarators.iter().any(|&declarator| {
                let mut init = tree[declarator].init;
                while let Some(ExprKind::Cast(_, inner) | ExprKind::Paren(inner)) =
                    init.map(|e| &tree[e].kind)
                {
                    init = Some(*inner);
                }
                init.is_some_and(|e| self.model.value(e).is_some_and(|number| number > 0))
            })
    }

    /// The function of the allocator that a name which is called stands for: one that is
    /// rewritten, or a replacement that stands there already.
    fn family(&self, tok: usize) -> Option<Alloc> {
        let token = &self.text.unit.tokens[tok];
        let name = self.text.unit.text(token);
        if let Some(replaced) = Alloc::replaced_by(name) {
            return Some(replaced);
        }
        let call = Alloc::named(name)?;
        if token.loc.file != FileId::MAIN {
            return self.unit.own_definition(call).is_none().then_some(call);
        }
        // What is kept as it is gives a block back all the same.
        let ends = matches!(call, Alloc::Free | Alloc::Realloc | Alloc::Reallocarray)
            && self.unit.own_definition(call).is_none();
        (ends || self.calls.contains(&(token.loc.start as usize))).then_some(call)
    }

    /// Offsets of the allocations in a function that stand in the file itself.
    pub fn family_calls(&self, function: FunctionId) -> Vec<usize> {
        let toks = self.tree()[function].toks;
        let tokens = &self.text.unit.tokens[toks.start..toks.end];
        tokens
            .iter()
            .filter(|token| token.kind == Kind::Ident && token.loc.file == FileId::MAIN)
            .filter(|token| {
                self.calls.contains(&(token.loc.start as usize))
                    || Alloc::replaced_by(self.text.unit.text(token)).is_some()
            })
            .map(|token| token.loc.start as usize)
            .collect()
    }

    /// Whether the function with this name calls itself, directly or through others.
    pub fn is_recursive(&self, name: &str) -> bool {
        let Some(first) = self.function_named(name) else {
            return false;
        };
        let mut open = vec![first];
        let mut seen = HashSet::new();
        while let Some(function) = open.pop() {
            for call in &self.model.info(function).calls {
                let ExprKind::Call { callee, .. } = self.tree()[call.expr].kind else {
                    continue;
                };
                match self.callee(callee) {
                    Callee::Program(callee, _) if callee == first => return true,
                    Callee::Program(callee, _) if seen.insert(callee) => open.push(callee),
                    _ => {}
                }
            }
        }
        false
    }

    /// Everything that may allocate: functions that call the allocator, and those that call them.
    /// Linear in the number of calls.
    fn find_allocating(&self) -> HashSet<FunctionId> {
        let mut open: Vec<FunctionId> = Vec::new();
        let mut callers: HashMap<FunctionId, Vec<FunctionId>> = HashMap::new();
        for function in self.functions() {
            let mut direct = false;
            for call in &self.model.info(function).calls {
                let ExprKind::Call { callee, .. } = self.tree()[call.expr].kind else {
                    continue;
                };
                match self.callee(callee) {
                    Callee::Family(call) => direct |= super::allocates(call),
                    Callee::Program(callee, _) => {
                        callers.entry(callee).or_default().push(function);
                    }
                    Callee::Named(name) => {
                        let facts = self.facts.functions.get(name.as_bytes());
                        direct |= facts.is_some_and(|facts| facts.allocates);
                    }
                    Callee::Pointer => {}
                }
            }
            if direct {
                open.push(function);
            }
        }
        let mut found = HashSet::new();
        while let Some(function) = open.pop() {
            if found.insert(function) {
                open.extend(callers.get(&function).into_iter().flatten());
            }
        }
        found
    }

    /// The names that functions which allocate call, or the functions those call, and that nothing
    /// is known of.
    pub fn unknown_calls(&self) -> HashSet<Vec<u8>> {
        let mut unknown = HashSet::new();
        let planned = |f: &FunctionId| self.is_planned(*f);
        let mut open: Vec<FunctionId> = self.allocating.iter().copied().filter(planned).collect();
        let mut seen: HashSet<FunctionId> = open.iter().copied().collect();
        while let Some(function) = open.pop() {
            for call in &self.model.info(function).calls {
                let ExprKind::Call { callee, .. } = self.tree()[call.expr].kind else {
                    continue;
                };
                match self.callee(callee) {
                    Callee::Program(callee, _) if seen.insert(callee) => open.push(callee),
                    Callee::Named(name) if !known::is_known(&name) => {
                        unknown.insert(name.into_bytes());
                    }
                    _ => {}
                }
            }
        }
        unknown
    }

    /// The steps of a function.
    pub fn graph(&self, function: FunctionId) -> Rc<Graph> {
        let known = self.graphs.borrow().get(&function).cloned();
        known.unwrap_or_else(|| {
            let graph = Rc::new(Graph::new(self.model, self.text, function));
            self.graphs.borrow_mut().insert(function, Rc::clone(&graph));
            graph
        })
    }

    /// What a function of the program does.
    pub fn summary(&self, function: FunctionId) -> Rc<Summary> {
        if let Some(known) = self.summaries.borrow().get(&function) {
            return Rc::clone(known);
        }
        let params = self.model.info(function).params.len();
        let deep = self.open.borrow().len() > CALL_DEPTH;
        if deep || self.open.borrow().contains(&function) || self.tree()[function].broken {
            return Rc::new(Summary::unknown(params));
        }
        self.open.borrow_mut().push(function);
        let returns = self.returns(function);
        let summary = Rc::new(decide::summary(self, function, &returns));
        self.open.borrow_mut().pop();
        self.summaries
            .borrow_mut()
            .insert(function, Rc::clone(&summary));
        summary
    }

    /// The function that the `cleanup` attribute of a variable names.
    pub fn cleanup(&self, variable: EntityId) -> Option<String> {
        if let Some(known) = self.cleanups.borrow().get(&variable) {
            return known.clone();
        }
        let declarators = self.model[variable].declarators.iter();
        let found = declarators.copied().find_map(|declarator| {
            let node = &self.tree()[declarator];
            let specifiers = &self.tree()[node.decl].specifiers;
            let lists = specifiers.attributes.iter().chain(&node.attributes);
            lists.copied().find_map(|toks| self.cleanup_in(toks))
        });
        self.cleanups.borrow_mut().insert(variable, found.clone());
        found
    }

    /// The call that gives back, as this file can write it.
    pub fn release_name(&self, release: &str) -> String {
        for kind in ["bpf_obj_drop", "bpf_percpu_obj_drop"] {
            let (short, long) = (format!("{kind}(@)"), format!("{kind}_impl(@, NULL)"));
            if release == short || release == long {
                return if self.defines_macro(kind) {
                    short
                } else {
                    long
                };
            }
        }
        release.to_owned()
    }

    fn defines_macro(&self, name: &str) -> bool {
        let pattern = format!("define {name}(");
        let files = &self.text.unit.files;
        files
            .iter()
            .any(|file| memchr::memmem::find(&file.bytes, pattern.as_bytes()).is_some())
    }

    /// The tag of the structure that `bpf_kptr_xchg` swaps.
    pub fn tag_of_stored(&self, call: ExprId, args: &[ExprId]) -> String {
        let pointee = |e: ExprId, levels: usize| {
            let mut ty = self.model.decay_of(e);
            for _ in 0..levels {
                ty = self.model.pointee(ty)?;
            }
            match &self.model[ty] {
                Type::Record(record) => self.model[*record].tag,
                _ => None,
            }
        };
        let of_place = args.first().and_then(|&place| pointee(place, 2));
        let of_value = args.get(1).and_then(|&value| pointee(value, 1));
        let tag = of_place.or(of_value).or_else(|| pointee(call, 1));
        tag.map_or(String::new(), |tag| self.name(tag))
    }

    /// A name that the file does not use.
    pub fn unused(&self, base: &str, taken: &[String]) -> String {
        let words = self.words.get_or_init(|| {
            let all = self.lexed.tokens.iter().chain(&self.lexed.inner);
            all.filter(|t| t.kind == Kind::Ident)
                .map(|t| self.lexed.text(t).into_owned())
                .collect()
        });
        let used =
            |name: &str| words.contains(name.as_bytes()) || taken.iter().any(|known| known == name);
        if !used(base) {
            return base.to_owned();
        }
        // Numbers below are taken by the temporaries before, or nearly all of them.
        let mut number = taken.len().max(1) + 1;
        loop {
            let name = format!("{base}{number}");
            if !used(&name) {
                return name;
            }
            number += 1;
        }
    }
}

/// The macros of a header in whose bodies something allocates, directly or through others.
pub fn allocating_macros(unit: &Unit, sites: &[Site]) -> HashSet<Vec<u8>> {
    let mut found: HashSet<Vec<u8>> = HashSet::new();
    let in_directive: HashSet<usize> = sites
        .iter()
        .filter(|site| super::allocates(site.call))
        .filter_map(|site| site.directive)
        .collect();
    loop {
        let before = found.len();
        for define in &unit.defines {
            let uses = define.body(&unit.lexed).iter().any(|token| {
                let word = unit.lexed.text(token);
                token.kind == Kind::Ident
                    && (found.contains(&*word)
                        || Alloc::replaced_by(&word).is_some_and(super::allocates))
            });
            if uses || in_directive.contains(&define.directive) {
                found.insert(define.name.clone());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}
