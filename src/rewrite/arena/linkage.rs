//! Functions that the verifier would judge by themselves.
//!
//! A function with external linkage is verified once, for any arguments, whatever its callers pass:
//! it may return only a number, a pointer parameter is memory of one element that may be NULL, and
//! of an arena it knows nothing ("Global function f() doesn't return scalar", "Caller passes invalid
//! args", "R1 invalid mem access 'mem_or_null'"). With internal linkage it is verified where it is
//! called. A function that the verifier takes as it is (numbers, the context, tagged arguments) keeps
//! its linkage: engineers split verification with it.
//!
//! clang passes nothing for a parameter that does not matter to a function that it sees: the register
//! holds what it held before, and where the verifier judges the function by itself that is refused
//! ("R2 is not a scalar", "Caller passes invalid args"). A weak function could be another one, so
//! its callers pass everything. Loaders that refuse weak functions know no arenas either, so this is
//! done where the heap lies in one.

use super::edits::Editor;
use super::facts::{Function, Head};
use super::links::Links;
use crate::c::cpp::FileId;
use crate::c::syntax::tree::{DeclaratorId, ExprId, ExprKind, Part, StmtId, StmtKind};
use crate::c::types::{Parent, Type};
use crate::rewrite::c_headers;
use crate::rewrite::plan::EditKind;

/// A function of fewer tokens becomes a part of its callers, or matters in all its parameters.
const SHORT: usize = 64;
/// What BPF passes in registers.
const ARGUMENTS: usize = 5;

const WEAK: &str = "the verifier wants all arguments of a function that it judges by itself, and \
                    clang leaves those out that do not matter";

const REASON: &str = "the verifier judges functions with external linkage by themselves, without \
                      knowing what their pointers point to";

impl Editor<'_> {
    /// Gives functions internal linkage that the verifier would not take with external linkage;
    /// hides them where other files use them.
    pub(super) fn linkage(&mut self, others: &Links) {
        let reading = self.reading();
        for function in &reading.functions {
            if function.definition.is_none_or(|d| d.program)
                || function.heads.iter().any(|h| h.is_local)
            {
                continue;
            }
            if others.imports(reading.unit.symbols.text(function.name)) {
                self.say_void(function);
            }
            let arena = self.in_arena && reading.passes_arena(function);
            if arena || !self.is_accepted(function, others) {
                self.make_local(function, others);
            } else if self.in_arena && self.loses_arguments(function) {
                self.make_weak(function);
            }
        }
    }

    /// `f()` takes nothing, which the linker of BPF objects knows of the definition only: to it the
    /// prototype in another file takes anything, and the two do not fit.
    fn say_void(&mut self, function: &Function) {
        let model = self.reading().model;
        for &declarator in &model[function.entity].declarators {
            let open = matches!(model[model.declarator_type(declarator)],
                Type::Function { ref params, prototyped: false, .. } if params.is_empty());
            let Some((_, name)) = model.tree[declarator].name.filter(|_| open) else {
                continue;
            };
            let end = name + 2;
            if self.text(name + 1) == b"(" && self.text(end) == b")" && self.is_written(end) {
                let reason = "the linker of BPF objects compares parameters";
                let at = self.location(end);
                self.insert(
                    at.file,
                    at.start,
                    "void".into(),
                    EditKind::Linkage,
                    reason.into(),
                );
            }
        }
    }

    /// Whether clang may leave out arguments in calls of a function with external linkage.
    fn loses_arguments(&self, function: &Function) -> bool {
        let model = self.reading().model;
        let Some(definition) = function.definition else {
            return false;
        };
        let declarator = model[function.entity].declarators.first();
        let takes_any = declarator.is_some_and(|&d| {
            matches!(model[model.declarator_type(d)], Type::Function { ref params, .. } if !params.is_empty())
        });
        let said = |t| {
            let word = self.text(t);
            let word = word.strip_prefix(b"__").unwrap_or(word);
            let word = word.strip_suffix(b"__").unwrap_or(word);
            matches!(
                word,
                b"weak" | b"noinline" | b"always_inline" | b"inline" | b"SEC" | b"section"
            )
        };
        takes_any
            && definition.body.1 - definition.body.0 > SHORT
            && !model.uses(function.entity).is_empty()
            && !(definition.start..definition.body.0).any(said)
    }

    /// Makes a function weak.
    fn make_weak(&mut self, function: &Function) {
        let reading = self.reading();
        let Some(definition) = function.definition else {
            return;
        };
        let here = self.visible(definition.start);
        if !self.is_ours(here.file) || !self.is_written(definition.start) {
            return;
        }
        let weak = match reading.unit.spells_before(b"__weak", here) {
            true => "__weak ",
            false => "__attribute__((weak)) ",
        };
        let reason = WEAK.to_owned();
        self.insert(
            here.file,
            here.start,
            weak.into(),
            EditKind::Linkage,
            reason,
        );
    }

    /// Whether the verifier takes a function with external linkage, or nobody calls it.
    fn is_accepted(&self, function: &Function, others: &Links) -> bool {
        let model = self.reading().model;
        let name = self.reading().unit.symbols.text(function.name);
        if model.uses(function.entity).is_empty() && !others.imports(name) {
            return true;
        }
        let Some(&declarator) = model[function.entity].declarators.first() else {
            return true;
        };
        let Type::Function { ret, .. } = model[model.declarator_type(declarator)] else {
            return true;
        };
        if model.number(ret).is_none_or(|n| n.floating) {
            return false;
        }
        let Some(Part::Function { params, names, .. }) = model.tree[declarator].parts.first()
        else {
            return false;
        };
        let fine = |p: &DeclaratorId| {
            let ty = model.declarator_type(*p);
            model.number(ty).is_some_and(|n| !n.floating)
                || self.is_context(*p)
                || self.is_tagged(*p)
        };
        names.is_empty()
            && params.len() <= ARGUMENTS
            && params
                .iter()
                .all(|&d| model.tree[d].declarators.iter().all(fine))
            && !self.ignores_argument(function)
            && !function
                .definition
                .is_some_and(|d| self.ends_without_result(model.tree[d.function].body))
    }

    /// Whether the end of a statement is the end of a function that returns nothing there: its caller
    /// may not care, the verifier does ("R0 !read_ok").
    fn ends_without_result(&self, stmt: StmtId) -> bool {
        match self.reading().model.tree[stmt].kind {
            StmtKind::Expr(_) | StmtKind::Empty | StmtKind::Decl(_) => true,
            StmtKind::Block(ref list) => list.last().is_none_or(|&s| self.ends_without_result(s)),
            StmtKind::If {
                then, otherwise, ..
            } => otherwise
                .is_none_or(|(_, o)| self.ends_without_result(then) || self.ends_without_result(o)),
            _ => false,
        }
    }

    /// Whether a function does nothing with one of its parameters: its callers pass nothing for it.
    fn ignores_argument(&self, function: &Function) -> bool {
        let model = self.reading().model;
        let Some(definition) = function.definition else {
            return false;
        };
        let decl = model.tree[definition.function].decl;
        let mut parts = model.tree[decl]
            .declarators
            .iter()
            .flat_map(|&d| &model.tree[d].parts);
        let Some(Part::Function { params, .. }) = parts.next() else {
            return false;
        };
        let takes_nothing = matches!(model[model[function.entity].ty],
            Type::Function { ref params, .. } if params.is_empty());
        let mut declared = params.iter().map(|&d| &model.tree[d].declarators);
        declared.any(|d| match d.first().and_then(|&d| model.declares(d)) {
            Some(entity) => model.uses(entity).iter().all(|&u| self.is_discarded(u)),
            // `(void)` declares nothing, `(int)` what no body can name.
            None => !takes_nothing,
        })
    }

    /// `(void)x`
    fn is_discarded(&self, name: ExprId) -> bool {
        let model = self.reading().model;
        let cast = match model.parent(name) {
            Parent::Expr(cast) => cast,
            _ => return false,
        };
        matches!(model.tree[cast].kind, ExprKind::Cast(..))
            && matches!(model[model.type_of(cast)], Type::Void)
    }

    /// A pointer to the context of a program.
    fn is_context(&self, declarator: DeclaratorId) -> bool {
        const CONTEXTS: &[&[u8]] = &[
            b"__sk_buff",
            b"xdp_md",
            b"bpf_sock",
            b"bpf_sock_addr",
            b"bpf_sock_ops",
            b"sk_msg_md",
            b"sk_reuseport_md",
            b"bpf_sk_lookup",
            b"bpf_sockopt",
            b"bpf_sysctl",
            b"bpf_cgroup_dev_ctx",
            b"bpf_perf_event_data",
            b"bpf_raw_tracepoint_args",
            b"pt_regs",
            b"user_pt_regs",
            b"bpf_user_pt_regs_t",
        ];
        let model = self.reading().model;
        let ty = model.declarator_type(declarator);
        let record = model.pointee(ty).and_then(|to| model.record(to));
        let tag = record.and_then(|r| model[r].tag);
        tag.is_some_and(|t| CONTEXTS.contains(&model.unit.symbols.text(t)))
    }

    /// `__arg_ctx`, `__arg_nonnull` and the like.
    fn is_tagged(&self, declarator: DeclaratorId) -> bool {
        let model = self.reading().model;
        let tree = &model.tree;
        let decl = &tree[tree[declarator].decl];
        (decl.toks.start..decl.toks.end).any(|t| {
            let text = model.unit.text(&model.unit.tokens[t]);
            text.starts_with(b"__arg_") || text == b"btf_decl_tag"
        })
    }

    fn make_local(&mut self, function: &Function, others: &Links) {
        let reading = self.reading();
        let Some(definition) = function.definition else {
            return;
        };
        let here = self.visible(definition.start);
        if !self.is_ours(here.file) {
            return;
        }
        let model = reading.model;
        let declared = model[function.entity].declarators.iter();
        let prototypes = declared
            .map(|&d| model.tree[d].decl)
            .filter(|&d| d != model.tree[definition.function].decl);
        let weak = prototypes
            .map(|d| model.tree[d].toks)
            .flat_map(|toks| toks.start..toks.end)
            .chain(definition.start..definition.body.0)
            .any(|t| matches!(self.text(t), b"weak" | b"__weak__" | b"__weak"));
        let name = reading.unit.symbols.text(function.name);
        // `srand` of a program: where a header of the C library is included, it is not `static`.
        let theirs = c_headers::declares(&String::from_utf8_lossy(name));
        let elsewhere = theirs
            || others.imports(name)
            || function
                .heads
                .iter()
                .any(|h| self.visible(h.start).file != here.file);
        if elsewhere || weak {
            let hidden = match reading.unit.spells_before(b"__hidden", here) {
                true => "__hidden ",
                false => "__attribute__((visibility(\"hidden\"))) ",
            };
            match self.is_written(definition.start) {
                true => self.insert(
                    here.file,
                    here.start,
                    hidden.into(),
                    EditKind::Linkage,
                    REASON.into(),
                ),
                false => self.prototype(function, hidden),
            }
            return;
        }
        // `extern` contradicts it.
        let said = |h: &Head| {
            let mut words = h.start..(h.start + 4).min(reading.unit.tokens.len());
            words.find(|&t| self.text(t) == b"extern")
        };
        let said: Vec<Option<usize>> = function.heads.iter().map(said).collect();
        // It may be an argument of the macro that makes the function.
        if said.iter().all(|s| s.is_some_and(|t| self.is_argument(t))) {
            for tok in said.into_iter().flatten() {
                let token = reading.unit.tokens[tok];
                self.replace(&token, "static".into(), EditKind::Linkage, REASON.into());
            }
            return;
        }
        // A function that a macro makes cannot say it; its prototype can.
        let written = function.heads.iter().all(|h| self.is_written(h.start));
        if !written {
            let places: Option<Vec<_>> = function
                .heads
                .iter()
                .map(|h| self.in_body(h.start))
                .collect();
            match places {
                // In the macro's body, for all its uses.
                Some(places) => {
                    for (file, at) in places {
                        let text = "static ".to_owned();
                        self.insert(file, at, text, EditKind::Linkage, REASON.into());
                    }
                }
                None => self.prototype(function, "static "),
            }
            return;
        }
        for (head, said) in function.heads.iter().zip(said) {
            match said {
                Some(tok) => {
                    let token = reading.unit.tokens[tok];
                    self.replace(&token, "static".into(), EditKind::Linkage, REASON.into());
                }
                None => {
                    let loc = self.visible(head.start);
                    let text = "static ".to_owned();
                    self.insert(loc.file, loc.start, text, EditKind::Linkage, REASON.into());
                }
            }
        }
    }

    /// Where a declaration that starts at a token can be edited, if that is in the file or in the
    /// body of a macro. One that starts with an argument starts after what stands before it there, and
    /// one whose first word is put together at the start of the body.
    fn in_body(&self, start: usize) -> Option<(FileId, u32)> {
        let unit = self.reading().unit;
        let in_body = |t: usize| unit.tokens[t].expansion.is_some() && self.editable(t);
        if self.is_written(start) || in_body(start) {
            let loc = self.location(start);
            return Some((loc.file, loc.start));
        }
        let of = |t: usize| unit.tokens[t].expansion;
        let before = start.checked_sub(1);
        if let (true, Some(id)) = (unit.tokens[start].synthetic, of(start))
            && before.is_none_or(|b| of(b) != Some(id))
        {
            return self.body_of(unit.expansion(id).define?);
        }
        let after = self.location(before.filter(|&b| in_body(b))?);
        self.behind(after.file, after.end)
    }

    /// Where the body of a macro starts whose name stands somewhere in its `#define`.
    fn body_of(&self, name: crate::c::cpp::Loc) -> Option<(FileId, u32)> {
        let unit = self.reading().unit;
        if !self.is_ours(name.file) {
            return None;
        }
        let bytes = &unit.file(name.file).bytes[name.end as usize..];
        let parameters = match bytes.first() {
            Some(b'(') => bytes.iter().position(|&b| b == b')')? + 1,
            _ => 0,
        };
        self.behind(name.file, name.end + parameters as u32)
    }

    /// Where what follows a place in a macro's body stands, if it stands there, too.
    fn behind(&self, file: FileId, place: u32) -> Option<(FileId, u32)> {
        let bytes = &self.reading().unit.file(file).bytes[place as usize..];
        let is_blank = |b: &u8| b.is_ascii_whitespace() || *b == b'\\';
        let blank = bytes.iter().position(|b| !is_blank(b))?;
        let mut lines = bytes[..blank].split(|&b| b == b'\n').rev().skip(1);
        lines
            .all(|line| line.trim_ascii_end().ends_with(b"\\"))
            .then_some((file, place + blank as u32))
    }

    /// Whether a declaration that starts at a token is written in a file, not made by a macro.
    fn is_written(&self, tok: usize) -> bool {
        let unit = self.reading().unit;
        let token = &unit.tokens[tok];
        // `__weak` and the like are part of the declaration.
        let word = unit.outermost(token).is_some_and(|e| e.close.is_none());
        (token.expansion.is_none() && !token.synthetic || word)
            && self.is_ours(self.visible(tok).file)
            && !self.is_argument(tok)
    }

    /// Whether a token is spelled in the arguments of a macro: the one before it comes out of the
    /// body.
    fn is_argument(&self, tok: usize) -> bool {
        let unit = self.reading().unit;
        let inside = |e: &crate::c::cpp::Expansion, loc: crate::c::cpp::Loc| {
            e.close.is_some_and(|close| {
                e.invocation.file == loc.file
                    && close.file == loc.file
                    && e.invocation.start < loc.start
                    && loc.end <= close.start
            })
        };
        let loc = unit.tokens[tok].loc;
        unit.expansions.iter().any(|e| inside(e, loc))
    }

    /// Declares a function that a macro makes, before the macro's use.
    fn prototype(&mut self, function: &Function, before: &str) {
        let reading = self.reading();
        let Some(definition) = function.definition else {
            return;
        };
        let unit = reading.unit;
        let first = function.heads.iter().map(|h| h.start).min();
        let at = self.outermost(first.unwrap_or(definition.start));
        let mut words: Vec<&[u8]> = Vec::new();
        for tok in definition.start..definition.body.0 {
            let text = self.text(tok);
            if !matches!(text, b"extern" | b"inline" | b"__inline" | b"__inline__") {
                words.push(text);
            }
        }
        let mut text = before.to_owned();
        for (index, word) in words.iter().enumerate() {
            let tight = matches!(*word, b")" | b"," | b";" | b"[" | b"]" | b"(");
            let after = index > 0 && matches!(words[index - 1], b"(" | b"*" | b"[");
            if index > 0 && !tight && !after {
                text.push(' ');
            }
            text += &String::from_utf8_lossy(word);
        }
        text += ";\n";
        if at.file == FileId(u32::MAX) || !self.is_ours(at.file) {
            return;
        }
        let bytes = &unit.file(at.file).bytes[..at.start as usize];
        let line = bytes.iter().rposition(|&b| b == b'\n').map_or(0, |n| n + 1);
        let start = line as u32;
        self.change(at.file, start, start, text, EditKind::Linkage, REASON);
    }

    /// Where the use of the outermost macro that a token comes from stands, or the token itself.
    fn outermost(&self, tok: usize) -> crate::c::cpp::Loc {
        let unit = self.reading().unit;
        let loc = self.visible(tok);
        let around = unit.expansions.iter().find(|e| {
            e.parent.is_none()
                && e.close.is_some_and(|close| {
                    e.invocation.file == loc.file
                        && e.invocation.start <= loc.start
                        && loc.end <= close.end
                })
        });
        around.map_or(loc, |e| e.invocation)
    }

    fn text(&self, tok: usize) -> &[u8] {
        let unit = self.reading().unit;
        unit.text(&unit.tokens[tok])
    }
}
