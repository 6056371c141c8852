//! Functions that call each other, as one.

use std::fmt::Write as _;

use rustc_hash::FxHashSet;

use super::write::Writer;
use super::{Trouble, types};
use crate::c::syntax::tree::{ExprId, Toks};

impl Writer<'_, '_> {
    /// Several functions: one for all, and one in the place of each that others call.
    pub(super) fn several(&mut self, tails: Vec<FxHashSet<ExprId>>) -> Result<(), Trouble> {
        let mut bodies = Vec::new();
        for (at, tails) in tails.into_iter().enumerate() {
            let lowered = self.lower(at, tails)?;
            let body = Toks::new(lowered.open, lowered.close + 1);
            let text = lowered.source.render(body, &lowered.changes)?;
            bodies.push((lowered.unit, text));
        }
        let indent = bodies[0].0.clone();
        for (at, member) in self.cycle.members.iter().enumerate() {
            if member.outside && !member.is_void(self.model) {
                let result = self.names.results[at].clone();
                let declared = self.result(at, &result)?;
                self.members[at].push(declared);
            }
        }
        let frame = self.frame();
        let f = self.names.frame.clone();
        let base = self.frame_type.trim_end_matches('_').to_owned();
        let base = base.trim_end_matches("_frame").to_owned();
        let run = self.file_name(&format!("{base}_calls"));
        let entry = self.unique("entry");
        let first = self.unique("first");
        let ty = self.frame_type.clone();
        // All of them in one function.
        let mut text = String::new();
        let _ = write!(
            text,
            "static void {run}(struct {ty} *{f}, int {entry})\n{{\n{indent}struct {ty} *{first} = {f};\n"
        );
        text.push_str(&self.results(&indent)?);
        for (at, member) in self.cycle.members.iter().enumerate() {
            for (index, param) in member.params.iter().enumerate() {
                if let (Some(entity), Some(pass)) = (param.entity, &self.names.pass[at][index]) {
                    let source = self.cycle.source(self.model, at)?;
                    let declared = types::member(self.model, &source, entity, pass)?;
                    let _ = writeln!(text, "{indent}{declared};");
                }
            }
        }
        let _ = write!(
            text,
            "\n{indent}{f}->{} = 0;\n{indent}switch ({entry}) {{\n",
            self.names.at
        );
        for (at, member) in self.cycle.members.iter().enumerate() {
            if !member.outside {
                continue;
            }
            let _ = writeln!(text, "{indent}case {}:", at + 1);
            for (index, param) in member.params.iter().enumerate() {
                if let (Some(entity), Some(pass)) = (param.entity, &self.names.pass[at][index]) {
                    let place = &self.names.variables[&entity];
                    let _ = writeln!(text, "{indent}{indent}{pass} = {place};");
                }
            }
            let _ = writeln!(text, "{indent}{indent}goto {};", self.names.enter[at]);
        }
        let _ = write!(text, "{indent}}}\n{indent}goto {};\n", self.stop());
        let leave = format!("goto {};", self.names.leave);
        for (at, (_, body)) in bodies.iter().enumerate() {
            text.push_str(&self.entry(at, &indent));
            let _ = writeln!(text, "{body}");
            let ends = body.strip_suffix('}').unwrap_or(body).trim_end();
            if !ends.ends_with(&leave) {
                let _ = writeln!(text, "{indent}{leave}");
            }
        }
        let left = text.contains(&leave);
        text.push_str(&self.back(&indent, left));
        // The caller reads the result in the frame that it made.
        for (at, member) in self.cycle.members.iter().enumerate() {
            if member.outside && !member.is_void(self.model) {
                let result = self.result_member(at);
                let _ = write!(
                    text,
                    "{indent}if ({entry} == {})\n{indent}{indent}{first}->{result} = {};\n",
                    at + 1,
                    self.names.results[at]
                );
            }
        }
        text.push_str(&format!("{indent};\n}}\n"));
        // The functions that others call.
        let last = self.cycle.members.len() - 1;
        let mut wrappers = String::new();
        for (at, member) in self.cycle.members.iter().enumerate() {
            let source = self.cycle.source(self.model, at)?;
            let known = &self.model.tree[member.function];
            let body = self.model.tree[known.body].toks;
            let head = source.render(
                Toks::new(source.toks.start, body.start),
                &super::source::Changes::default(),
            )?;
            let head = head.trim_end();
            if member.outside {
                let _ = write!(wrappers, "\n{head}\n{{\n");
                let void = member.is_void(self.model);
                let result = self.names.results[at].clone();
                let _ = writeln!(
                    wrappers,
                    "{indent}struct {ty} *{f} = {}(NULL, sizeof(*{f}));",
                    self.common.above
                );
                if !void {
                    let declared = self.result(at, &result)?;
                    let zero = match self.model.record(member.ret) {
                        Some(_) => "{0}".into(),
                        None => self.zero(member.ret),
                    };
                    let _ = writeln!(wrappers, "{indent}{declared} = {zero};");
                }
                let _ = writeln!(wrappers, "\n{indent}if ({f}) {{");
                for param in &member.params {
                    if let Some(entity) = param.entity {
                        let own = self.text_of(entity);
                        let place = &self.names.variables[&entity];
                        let _ = writeln!(wrappers, "{indent}{indent}{place} = {own};");
                    }
                }
                let _ = writeln!(wrappers, "{indent}{indent}{run}({f}, {});", at + 1);
                if !void {
                    let place = self.result_member(at);
                    let _ = writeln!(wrappers, "{indent}{indent}{result} = {f}->{place};");
                }
                let _ = writeln!(
                    wrappers,
                    "{indent}{indent}{}({f}, sizeof(*{f}));\n{indent}}}",
                    self.common.free
                );
                if !void {
                    let _ = writeln!(wrappers, "{indent}return {result};");
                }
                wrappers.push_str("}\n");
            }
            // What stood in its place is declared there, for those that call it before the end.
            let (from, to) = (
                self.model.unit.tokens[source.toks.start].loc.start,
                self.model.unit.tokens[source.toks.end - 1].loc.end,
            );
            if at < last {
                let declared = match member.outside && known.old_style.is_empty() {
                    true => format!("{head};"),
                    false => String::new(),
                };
                self.edits.push((from, to, declared));
            } else {
                self.frame_at = Some(from);
                let all = format!("{frame}{text}{wrappers}");
                self.edits.push((from, to, all.trim_end().into()));
            }
        }
        self.edits.sort_by_key(|e| e.0);
        Ok(())
    }

    /// The member of the frame that takes a result to the function that made the frame.
    fn result_member(&self, at: usize) -> String {
        format!("{}.{}", self.cycle.members[at].name, self.names.results[at])
    }
}
