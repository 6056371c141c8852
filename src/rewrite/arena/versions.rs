//! Functions that exist in several versions, because they are used with memory of the arena and
//! with other memory.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::edits::{Editor, FileEdit, Trouble};
use super::facts::{Call, FuncId, Instance};
use super::read::Reading;
use super::vars::Tok;
use crate::c::cpp::Token;
use crate::rewrite::plan::EditKind;

/// What makes a version: its own edits, and the versions that it calls.
type Shape = (BTreeSet<FileEdit>, Vec<(Tok, usize)>);

/// Adds the edits that make the versions of functions which are read several times.
///
/// `editor` has made the others.
pub fn write(editor: &Editor, edits: &mut BTreeSet<FileEdit>, troubles: &mut BTreeSet<Trouble>) {
    let reading = editor.reading();
    if reading.instances.len() == 1 {
        return;
    }
    let mut versions = Versions {
        reading,
        editor,
        common: edits.clone(),
        of: HashMap::new(),
        shapes: BTreeMap::new(),
        busy: HashSet::new(),
    };
    for index in 1..reading.instances.len() {
        versions.version(Instance(index as u32), troubles);
    }
    edits.extend(versions.renames(|i| i == Instance(0)));
    versions.write(edits, troubles);
}

struct Versions<'e, 'a> {
    reading: &'a Reading<'a>,
    editor: &'e Editor<'a>,
    /// What is done whatever the version.
    common: BTreeSet<FileEdit>,
    /// The version that each reading is.
    of: HashMap<Instance, usize>,
    /// By function, what makes each version. The first is the text as it stands.
    shapes: BTreeMap<FuncId, Vec<Shape>>,
    busy: HashSet<Instance>,
}

impl Versions<'_, '_> {
    fn version(&mut self, instance: Instance, troubles: &mut BTreeSet<Trouble>) -> usize {
        if let Some(&known) = self.of.get(&instance) {
            return known;
        }
        let Some(func) = self.reading.instances[instance.0 as usize] else {
            return 0;
        };
        // A function that calls itself is no program for the verifier anyway.
        if !self.busy.insert(instance) {
            return 0;
        }
        let mut editor = self.editor.another();
        editor.collect(instance);
        let mut own = editor.take();
        own.retain(|e| !self.common.contains(e));
        troubles.extend(std::mem::take(&mut editor.troubles));
        let calls: Vec<Call> = self.calls(|i| i == instance).copied().collect();
        let calls = calls
            .into_iter()
            .map(|c| (c.tok, self.version(c.uses, troubles)))
            .filter(|&(_, version)| version != 0)
            .collect();
        let shape = (own, calls);
        let shapes = self
            .shapes
            .entry(func)
            .or_insert_with(|| vec![Shape::default()]);
        let index = shapes.iter().position(|s| *s == shape).unwrap_or_else(|| {
            shapes.push(shape);
            shapes.len() - 1
        });
        self.of.insert(instance, index);
        index
    }

    fn calls(&self, within: impl Fn(Instance) -> bool) -> impl Iterator<Item = &Call> {
        let calls = self.reading.calls.iter();
        calls.filter(move |c| within(c.instance))
    }

    /// The calls that go to a version with another name.
    fn renames(&self, within: impl Fn(Instance) -> bool) -> BTreeSet<FileEdit> {
        let renamed = self.calls(within).filter_map(|call| {
            let name = self.name(call.func, *self.of.get(&call.uses)?)?;
            let token = &self.reading.unit.tokens[call.tok];
            Some(FileEdit {
                file: token.loc.file,
                start: token.loc.start as usize,
                end: token.loc.end as usize,
                text: name,
                kind: EditKind::Version,
                reason: "this call passes memory of the arena".into(),
            })
        });
        renamed.collect()
    }

    /// Whether the text of a function is needed as it stands. If not, its first other version
    /// takes its place.
    fn used_as_is(&self, func: FuncId) -> bool {
        let mut readings = self.of.iter();
        readings.any(|(i, &v)| v == 0 && self.reading.instances[i.0 as usize] == Some(func))
    }

    /// The name of a version; `None` if it is that of the function.
    fn name(&self, func: FuncId, version: usize) -> Option<String> {
        if version == 0 || version == 1 && !self.used_as_is(func) {
            return None;
        }
        let unit = &self.reading.unit;
        let name = unit
            .symbols
            .text(self.reading.functions[func.0 as usize].name);
        let name = String::from_utf8_lossy(name);
        let text = match version {
            1 => format!("{name}_arena"),
            _ => format!("{name}_arena{version}"),
        };
        Some(unit.unused_name(&text))
    }

    fn write(&self, edits: &mut BTreeSet<FileEdit>, troubles: &mut BTreeSet<Trouble>) {
        for (&func, shapes) in &self.shapes {
            for (version, shape) in shapes.iter().enumerate().skip(1) {
                let reading = self.of.iter().find(|(i, v)| {
                    **v == version && self.reading.instances[i.0 as usize] == Some(func)
                });
                let Some((&instance, _)) = reading else {
                    continue;
                };
                let mut own = shape.0.clone();
                own.extend(self.renames(|i| i == instance));
                match self.name(func, version) {
                    None => edits.extend(own),
                    Some(name) => match self.another(func, &name, &own) {
                        Some(version) => edits.extend(version),
                        None => {
                            troubles.insert(self.trouble(func));
                        }
                    },
                }
            }
        }
    }

    fn trouble(&self, func: FuncId) -> Trouble {
        let definition = self.reading.functions[func.0 as usize].definition;
        Trouble {
            tok: definition.map_or(0, |d| d.name),
            message: "this function is used with memory of the arena and with other memory".into(),
            help: "write a second version of it, with __arena parameters".into(),
        }
    }

    /// The text of another version, to stand before the function; and its prototype, to stand before that of
    /// the function.
    fn another(&self, func: FuncId, new: &str, own: &BTreeSet<FileEdit>) -> Option<Vec<FileEdit>> {
        let function = &self.reading.functions[func.0 as usize];
        let definition = function.definition?;
        let toks = &self.reading.unit.tokens;
        let first = &toks[definition.start];
        let last = &toks[definition.body.1 - 1];
        let name = &toks[definition.name];
        let file = first.loc.file;
        let plain = |t: &Token| t.expansion.is_none() && !t.synthetic && t.loc.file == file;
        let tokens = [definition.start, definition.name, definition.body.1 - 1];
        if !plain(first) || !self.reading.in_one_text(&tokens) {
            return None;
        }
        let (from, to) = (first.loc.start as usize, last.loc.end as usize);
        let inside = |e: &&FileEdit| e.file == file && e.start >= from && e.end <= to;
        let common = self.common.iter().filter(inside);
        let mut parts: Vec<(usize, usize, String)> = common
            .chain(own.iter().filter(inside))
            .map(|e| (e.start, e.end, e.text.clone()))
            .collect();
        let at = name.loc;
        parts.push((at.start as usize, at.end as usize, new.to_owned()));
        if function.heads.iter().all(|h| !h.is_local) {
            parts.push((from, from, "static ".into()));
        }
        parts.sort();
        // What is replaced for two reasons is replaced once.
        parts.dedup_by(|b, a| a == b && a.0 < a.1);
        let bytes = &self.reading.unit.file(file).bytes;
        let text = |to: usize| {
            let mut text = Vec::new();
            let mut done = from;
            for (start, end, new) in parts.iter().filter(|part| part.1 <= to) {
                text.extend_from_slice(&bytes[done..(*start).max(done)]);
                text.extend_from_slice(new.as_bytes());
                done = (*end).max(done);
            }
            text.extend_from_slice(&bytes[done..to]);
            String::from_utf8(text).ok()
        };
        let before = |at: usize, text: String| FileEdit {
            file,
            start: at,
            end: at,
            text,
            kind: EditKind::Version,
            reason: "used with memory of the arena and with other memory".into(),
        };
        let mut found = vec![before(from, text(to)? + "\n\n")];
        let heads = function.heads.iter().map(|h| &toks[h.start]);
        let heads = heads.filter(|t| plain(t)).map(|t| t.loc.start as usize);
        if let Some(prototype) = heads.min().filter(|&at| at < from) {
            let body = toks[definition.body.0].loc.start as usize;
            found.push(before(prototype, text(body)?.trim_end().to_owned() + ";\n"));
        }
        Some(found)
    }
}
