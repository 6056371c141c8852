//! The functions of a cycle as one loop over frames, put together.

use std::fmt::Write as _;

use rustc_hash::{FxHashMap, FxHashSet};

use super::common::Common;
use super::cycle::{self, Cycle};
use super::lower::{Lowering, Names, Shared};
use super::source::{At, Edit};
use super::{FileEdit, Trouble, left_out, types};
use crate::c::lexer::Kind;
use crate::c::syntax::tree::{ExprId, Tok, Toks};
use crate::c::types::{EntityId, Model, TypeId};

/// What became of a cycle.
#[derive(Debug)]
pub(super) struct Written {
    pub edits: Vec<FileEdit>,
    /// Where its frame is declared, if it has one.
    pub frame: Option<u32>,
}

/// What is known while a cycle is written.
pub(super) struct Writer<'a, 'u> {
    pub model: &'a Model<'u>,
    pub cycle: &'a Cycle,
    pub names: Names,
    pub shared: Shared,
    /// By member: the members of its frame.
    pub members: Vec<Vec<String>>,
    /// The name of the structure.
    pub frame_type: String,
    pub common: &'a Common,
    /// The member that every frame begins with.
    pub call: String,
    pub frame_at: Option<u32>,
    pub edits: Vec<Edit>,
    pub file: crate::c::cpp::FileId,
}

/// Writes the functions of a cycle.
pub(super) fn write(model: &Model, cycle: &Cycle, common: &Common) -> Result<Written, Trouble> {
    let tails: Vec<FxHashSet<_>> = (0..cycle.members.len())
        .map(|at| cycle::tails(model, cycle, at))
        .collect();
    let all = |call| tails.iter().any(|t: &FxHashSet<_>| t.contains(call));
    let frames = cycle.members.len() > 1 || !cycle.calls.keys().all(all);
    let file = cycle.source(model, 0)?.file;
    let mut writer = Writer {
        model,
        cycle,
        names: Names::default(),
        shared: Shared {
            frames,
            jumped: vec![false; cycle.members.len()],
            values: vec![Vec::new(); cycle.members.len()],
            taken: words(model, cycle),
            ..Shared::default()
        },
        members: vec![Vec::new(); cycle.members.len()],
        frame_type: String::new(),
        common,
        call: String::new(),
        frame_at: None,
        edits: Vec::new(),
        file,
    };
    writer.name()?;
    match (cycle.members.len(), frames) {
        (1, false) => writer.jumps(tails)?,
        (1, true) => writer.single(tails)?,
        _ => writer.several(tails)?,
    }
    writer.edits.extend(left_out::marks(model, cycle)?);
    let edit = |(start, end, text)| FileEdit {
        file,
        start,
        end,
        text,
    };
    Ok(Written {
        frame: writer.frame_at,
        edits: writer.edits.into_iter().map(edit).collect(),
    })
}

/// The words of the cycle's functions, and the names of the file.
fn words(model: &Model, cycle: &Cycle) -> FxHashSet<String> {
    let mut words = FxHashSet::default();
    let text = |symbol| String::from_utf8_lossy(model.unit.symbols.text(symbol)).into_owned();
    for member in &cycle.members {
        let toks = model.tree[member.function].toks;
        let tokens = &model.unit.tokens[toks.start..toks.end];
        let names = tokens.iter().filter(|t| t.kind == Kind::Ident);
        words.extend(names.map(|t| text(t.symbol)));
    }
    words
}

impl<'a, 'u> Writer<'a, 'u> {
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        self.shared.unique(wanted)
    }

    /// A name of the file that the unit does not have.
    pub(super) fn file_name(&mut self, wanted: &str) -> String {
        let name = self.model.unit.unused_name(wanted);
        self.shared.unique(&name)
    }

    pub(super) fn name(&mut self) -> Result<(), Trouble> {
        let cycle = self.cycle;
        let several = cycle.members.len() > 1;
        // The one that others call gives its name.
        let called = |m: &&cycle::Member| m.outside && cycle.is_called_outside(self.model, m);
        let first = cycle.members.iter().find(called);
        let base = first.unwrap_or(&cycle.members[0]).name.clone();
        if self.shared.frames {
            self.frame_type = self.file_name(&format!("{base}_frame"));
            self.call = self.unique("call");
            self.names.at = format!("{}.at", self.call);
            self.names.leave = self.unique("leave");
            self.names.frame = match self.shared.taken.contains("f") {
                false => self.unique("f"),
                true => self.unique("frame"),
            };
        }
        let shared_result = cycle.one_result(self.model).then(|| self.unique("result"));
        for at in 0..cycle.members.len() {
            let member = &cycle.members[at];
            let name = member.name.clone();
            let source = cycle.source(self.model, at)?;
            if source.file != self.file {
                return Err(Trouble::at(
                    source.toks.start,
                    "its functions stand in several files",
                ));
            }
            let access = match several {
                true => format!("{}->{name}.", self.names.frame),
                false => format!("{}->", self.names.frame),
            };
            self.names.results.push(match &shared_result {
                Some(result) => result.clone(),
                None => self.shared.unique(&format!("{name}_result")),
            });
            let enter = self.unique(&format!("enter_{name}"));
            self.names.enter.push(enter);
            let again = self.unique(&format!("again_{name}"));
            self.names.again.push(again);
            let mut pass = Vec::new();
            for param in &member.params {
                let Some(entity) = param.entity else {
                    pass.push(None);
                    continue;
                };
                let own = self.text_of(entity);
                pass.push(Some(match several {
                    true => self.unique(&format!("{name}_{own}")),
                    false => own,
                }));
            }
            self.names.pass.push(pass);
            if self.shared.frames {
                self.lay_out(at, &access)?;
            }
            self.names.access.push(access);
        }
        Ok(())
    }

    pub(super) fn text_of(&self, entity: EntityId) -> String {
        let name = self.model[entity].name;
        String::from_utf8_lossy(self.model.unit.symbols.text(name)).into_owned()
    }

    /// Gives the variables of a member their places in the frame.
    pub(super) fn lay_out(&mut self, at: usize, access: &str) -> Result<(), Trouble> {
        let member = &self.cycle.members[at];
        let source = self.cycle.source(self.model, at)?;
        // By name: what it is declared as, and where it is in use.
        let mut known: FxHashMap<String, Vec<(String, Option<Toks>)>> = FxHashMap::default();
        for &entity in &self.model.info(member.function).objects {
            if !self.cycle.framed.contains(&entity) {
                continue;
            }
            let own = self.text_of(entity);
            let scope = match self.model[entity].storage() {
                Some(crate::c::types::Storage::Parameter) => None,
                _ => cycle::scope_of(self.model, entity),
            };
            let mut name = own.clone();
            let mut number = 1;
            loop {
                let declared = types::member(self.model, &source, entity, &name)?;
                let taken = known.entry(name.clone()).or_default();
                let apart = |(text, other): &(String, Option<Toks>)| {
                    let (Some(a), Some(b)) = (scope, *other) else {
                        return false;
                    };
                    *text == declared && (a.end <= b.start || b.end <= a.start)
                };
                if taken.iter().all(apart) {
                    if taken.is_empty() {
                        self.members[at].push(declared.clone());
                    }
                    taken.push((declared, scope));
                    break;
                }
                number += 1;
                name = format!("{own}_{number}");
            }
            self.names
                .variables
                .insert(entity, format!("{access}{name}"));
        }
        Ok(())
    }

    pub(super) fn lower(
        &mut self,
        at: usize,
        tails: FxHashSet<ExprId>,
    ) -> Result<Lowered<'a>, Trouble> {
        let source = self.cycle.source(self.model, at)?;
        let mut lowering = Lowering::new(
            self.model,
            self.cycle,
            &self.names,
            &mut self.shared,
            source,
            at,
        );
        lowering.body(tails)?;
        let unit = lowering.unit.clone();
        let body = self.model.tree[self.cycle.members[at].function].body;
        let toks = self.model.tree[body].toks;
        let inner = Toks::new(toks.start + 1, toks.end - 1);
        Ok(Lowered {
            source: lowering.source,
            changes: lowering.changes,
            unit,
            open: toks.start,
            close: inner.end,
        })
    }

    /// The structure of a frame, and what gets and frees them.
    pub(super) fn frame(&mut self) -> String {
        let ty = &self.frame_type;
        let list: Vec<String> = { self.cycle.members.iter() }
            .map(|m| format!("`{}`", m.name))
            .collect();
        let mut text = format!(
            "/* What a call of {} needs while the calls that it makes are at work. */\n",
            list.join(" or ").replace('`', "")
        );
        let _ = writeln!(text, "struct {ty} {{");
        let _ = writeln!(text, "\tstruct {} {};", self.common.ty, self.call);
        if self.cycle.members.len() == 1 {
            for member in self.members[0].iter().chain(&self.shared.values[0]) {
                let _ = writeln!(text, "\t{member};");
            }
        } else {
            text.push_str("\tunion {\n");
            for (at, member) in self.cycle.members.iter().enumerate() {
                text.push_str("\t\tstruct {\n");
                for member in self.members[at].iter().chain(&self.shared.values[at]) {
                    let _ = writeln!(text, "\t\t\t{member};");
                }
                let _ = writeln!(text, "\t\t}} {};", member.name);
            }
            text.push_str("\t};\n");
        }
        text.push_str("};\n\n");
        text
    }

    /// Where declarations go that a function needs: before it, behind what stands before it.
    pub(super) fn declare_before(&mut self, tok: Tok, text: String) {
        let unit = self.model.unit;
        let start = unit.tokens[tok].loc.start;
        let bytes = &unit.file(self.file).bytes;
        let mut at = start as usize;
        // A comment right above the function stays with it.
        let own = { 0..tok }.rev().take(1).find_map(|t| {
            let loc = unit.visible_loc(&unit.tokens[t]);
            (loc.file == self.file && (loc.end as usize) <= at).then_some(loc.end as usize)
        });
        if let Some(before) = own {
            let between = &bytes[before..at];
            let directive = between.contains(&b'#');
            let macro_end = bytes[before..].first().is_some_and(|&b| b == b'\n');
            if !directive && macro_end {
                let blank = between.windows(2).position(|w| w == b"\n\n");
                if let Some(blank) = blank {
                    at = before + blank + 2;
                }
            }
        }
        self.frame_at = Some(at as u32);
        self.edits.push((at as u32, at as u32, text));
    }

    pub(super) fn number(&self, ty: TypeId) -> bool {
        self.model.number(ty).is_some_and(|n| !n.floating)
    }

    /// What stands at the labels of a member: a frame for the call, and the arguments in it.
    pub(super) fn entry(&self, at: usize, indent: &str) -> String {
        let f = &self.names.frame;
        let (call, leave_early) = (&self.call, self.stop());
        let mut text = format!("{}:\n", self.names.enter[at]);
        let _ = write!(
            text,
            "{indent}{f} = {f}->{call}.above ? {f}->{call}.above : {}({f}, sizeof(*{f}));\n\
             {indent}if (!{f} || !can_loop)\n\
             {indent}{indent}goto {leave_early};\n",
            self.common.above
        );
        if self.shared.jumped[at] {
            let _ = writeln!(text, "{}:", self.names.again[at]);
            let _ = write!(
                text,
                "{indent}if (!can_loop)\n{indent}{indent}goto {leave_early};\n"
            );
        }
        text.push_str(&self.arguments(at, indent));
        text
    }

    pub(super) fn arguments(&self, at: usize, indent: &str) -> String {
        let mut text = String::new();
        for (index, param) in self.cycle.members[at].params.iter().enumerate() {
            let (Some(entity), false) = (param.entity, param.kept) else {
                continue;
            };
            let Some(pass) = &self.names.pass[at][index] else {
                continue;
            };
            let place = &self.names.variables[&entity];
            let value = match self.number(param.ty) {
                // Else the verifier follows the value through all calls.
                true => format!("static_opaque({pass})"),
                false => pass.clone(),
            };
            let _ = writeln!(text, "{indent}{place} = {value};");
        }
        text
    }

    /// Numbers that all calls pass on as they are, hidden once: what is compared with them in each call
    /// would tell the verifier calls apart.
    fn hidden(&self, indent: &str) -> String {
        let params = self.cycle.members[0].params.iter();
        let kept = params.filter(|p| p.kept && self.number(p.ty));
        kept.filter_map(|p| Some(self.text_of(p.entity?)))
            .map(|name| format!("{indent}{name} = static_opaque({name});\n"))
            .collect()
    }

    pub(super) fn stop(&self) -> String {
        format!("{}_early", self.names.leave)
    }

    /// The value of a result that there is none of.
    pub(super) fn zero(&self, ty: TypeId) -> String {
        if self.model.is_pointer(ty) {
            return "NULL".into();
        }
        match self.model.record(ty) {
            Some(_) => match types::declare(self.model, ty, "") {
                Some(cast) => format!("({cast}){{0}}"),
                None => "{0}".into(),
            },
            None => "0".into(),
        }
    }

    /// The declaration of the results, one for each name.
    pub(super) fn results(&self, indent: &str) -> Result<String, Trouble> {
        let mut text = String::new();
        let mut seen = FxHashSet::default();
        for (at, member) in self.cycle.members.iter().enumerate() {
            let name = &self.names.results[at];
            if member.is_void(self.model) || !seen.insert(name.clone()) {
                continue;
            }
            let declared = self.result(at, name)?;
            let zero = match self.model.record(member.ret) {
                Some(_) => "{0}".into(),
                None => self.zero(member.ret),
            };
            let _ = writeln!(text, "{indent}{declared} = {zero};");
        }
        Ok(text)
    }

    /// A variable of the type that a member returns.
    pub(super) fn result(&self, at: usize, name: &str) -> Result<String, Trouble> {
        let member = &self.cycle.members[at];
        let written = types::result(
            self.model,
            &self.cycle.source(self.model, at)?,
            member,
            name,
        );
        let declared = written.or_else(|| types::declare(self.model, member.ret, name));
        declared.ok_or_else(|| {
            let tok = self.model.tree[member.function].toks.start;
            Trouble::at(tok, "the type of its result has no name")
        })
    }

    /// What follows the bodies: back to the caller. Something jumps there if `left`.
    pub(super) fn back(&self, indent: &str, left: bool) -> String {
        let f = &self.names.frame;
        let mut text = match left {
            true => format!("{}:\n", self.names.leave),
            false => String::new(),
        };
        let mut seen = FxHashSet::default();
        for (at, member) in self.cycle.members.iter().enumerate() {
            let result = &self.names.results[at];
            if self.number(member.ret) && seen.insert(result.clone()) {
                let _ = writeln!(text, "{indent}{result} = static_opaque({result});");
            }
        }
        let _ = write!(
            text,
            "{indent}{f} = {f}->{}.below;\n{indent}switch (can_loop ? {f}->{} : -1) {{\n\
             {indent}case 0:\n{indent}{indent}goto {};\n",
            self.call,
            self.names.at,
            self.done()
        );
        for (number, label) in self.shared.sites.iter().enumerate() {
            let _ = write!(
                text,
                "{indent}case {}:\n{indent}{indent}goto {label};\n",
                number + 1
            );
        }
        let _ = write!(
            text,
            "{indent}}}\n{}: /* no memory, or no end */\n",
            self.stop()
        );
        let mut seen = FxHashSet::default();
        let mut any = false;
        for (at, member) in self.cycle.members.iter().enumerate() {
            let result = &self.names.results[at];
            if !member.is_void(self.model) && seen.insert(result.clone()) {
                let _ = writeln!(text, "{indent}{result} = {};", self.zero(member.ret));
                any = true;
            }
        }
        if !any {
            // A label is followed by a statement.
            text = text.replace(
                &format!("{}: ", self.stop()),
                &format!("{}:; ", self.stop()),
            );
        }
        let _ = writeln!(text, "{}:", self.done());
        text
    }

    pub(super) fn done(&self) -> String {
        format!("{}_done", self.names.leave)
    }

    /// One function with frames.
    pub(super) fn single(&mut self, mut tails: Vec<FxHashSet<ExprId>>) -> Result<(), Trouble> {
        let lowered = self.lower(0, std::mem::take(&mut tails[0]))?;
        let cycle = self.cycle;
        let member = &cycle.members[0];
        let (f, indent) = (self.names.frame.clone(), lowered.unit.clone());
        let frame = self.frame();
        let first = self.unique("first");
        let ty = &self.frame_type;
        let mut start = String::new();
        let _ = writeln!(
            start,
            "\n{indent}struct {ty} *{first} = {}(NULL, sizeof(*{first})), *{f} = {first};",
            self.common.above
        );
        start.push_str(&self.results(&indent)?);
        let _ = write!(
            start,
            "\n{indent}if (!{f})\n{indent}{indent}goto {};\n{indent}{f}->{} = 0;\n",
            self.stop(),
            self.names.at
        );
        start.push_str(&self.hidden(&indent));
        start.push_str(self.entry(0, &indent).trim_end_matches('\n'));
        let body = Toks::new(lowered.open, lowered.close + 1);
        let leave = format!("goto {};", self.names.leave);
        let text = lowered.source.render(body, &lowered.changes)?;
        let mut end = self.back(&indent, text.contains(&leave));
        let _ = writeln!(
            end,
            "{indent}{}({first}, sizeof(*{first}));",
            self.common.free
        );
        if !member.is_void(self.model) {
            let _ = writeln!(end, "{indent}return {};", self.names.results[0]);
        }
        let mut changes = lowered.changes;
        changes.add(At::After(lowered.open), start);
        let end = match lowered.source.starts_line(lowered.close) {
            true => end,
            false => format!("\n{end}"),
        };
        changes.add(At::Before(lowered.close), end);
        let edits = lowered.source.edits(lowered.source.toks, &changes)?;
        self.declare_before(lowered.source.toks.start, frame);
        self.edits.extend(edits);
        Ok(())
    }

    /// One function that needs no frames.
    pub(super) fn jumps(&mut self, mut tails: Vec<FxHashSet<ExprId>>) -> Result<(), Trouble> {
        let lowered = self.lower(0, std::mem::take(&mut tails[0]))?;
        let indent = lowered.unit.clone();
        let cycle = self.cycle;
        let member = &cycle.members[0];
        let hidden = self.hidden(&indent);
        let mut start = format!("\n{hidden}{}:\n", self.names.again[0]);
        let value = match member.is_void(self.model) {
            true => String::new(),
            false => format!(" {}", self.zero(member.ret)),
        };
        let _ = write!(
            start,
            "{indent}if (!can_loop)\n{indent}{indent}return{value};"
        );
        for (at, param) in member.params.iter().enumerate() {
            if let (Some(pass), false, true) =
                (&self.names.pass[0][at], param.kept, self.number(param.ty))
            {
                let _ = write!(start, "\n{indent}{pass} = static_opaque({pass});");
            }
        }
        let mut changes = lowered.changes;
        changes.add(At::After(lowered.open), start);
        self.edits = lowered.source.edits(lowered.source.toks, &changes)?;
        Ok(())
    }
}

/// A body with its changes.
pub(super) struct Lowered<'a> {
    pub source: super::source::Source<'a>,
    pub changes: super::source::Changes,
    pub unit: String,
    pub open: Tok,
    pub close: Tok,
}
