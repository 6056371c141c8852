//! `__arena` in declarations, parameters and casts.

use super::super::facts::{Alias, ArrayParameter, Declared, Group};
use super::super::vars::{Tok, Var};
use super::{ARENA, Editor, FileEdit, Trouble};
use crate::rewrite::plan::EditKind;

impl Editor<'_> {
    /// Declarations with common specifiers.
    pub(super) fn group(&mut self, group: &Group) {
        let wants = |d: &Declared| {
            d.base
                .is_some_and(|b| self.arena(b) && !self.moved().contains(&b))
        };
        if let Some(star) = group.declarators.iter().find_map(|d| d.star)
            && self.reading.both_kinds.contains(&self.toks[star].loc)
        {
            self.both_kinds(group, star);
            return;
        }
        let blocks = self.blocks(group);
        // The elements of an array that becomes a block lie where the block lies.
        let elements = |index: usize| blocks[index] && group.declarators[index].star.is_none();
        let declarators = group.declarators.iter().enumerate();
        let wanted: Vec<bool> = declarators
            .map(|(index, declared)| wants(declared) && !elements(index))
            .collect();
        // A variable that becomes a block stands in a declaration of its own.
        let parts = |index: usize| blocks[index] || blocks[index - 1];
        let Some(first) = wanted.iter().position(|&w| w) else {
            for index in (1..wanted.len()).filter(|&i| parts(i)) {
                self.split(group, index, false);
            }
            return;
        };
        if group.declarators[first].said {
            return;
        }
        let all = wanted.iter().all(|&w| w);
        if !all && !group.splits {
            self.troubles.insert(Trouble {
                tok: group.start,
                message: "only some of what is declared here lies in the arena".into(),
                help: "split the declaration in two".into(),
            });
            return;
        }
        for (declared, _) in group.declarators.iter().zip(&wanted).filter(|w| *w.1) {
            let tok = declared.star.unwrap_or(declared.start);
            self.qualified.extend(declared.base.map(|base| (tok, base)));
        }
        if wanted[0] {
            let declared = &group.declarators[0];
            self.specifier(group, declared.star);
        }
        for index in 1..wanted.len() {
            if wanted[index] != wanted[index - 1] || parts(index) {
                self.split(group, index, wanted[index]);
            }
        }
    }

    /// Which of the variables that are declared together become blocks.
    fn blocks(&self, group: &Group) -> Vec<bool> {
        let declarators = group.declarators.iter();
        let moved = |d: &Declared| {
            self.moved_at()
                .range(d.start..d.end.max(d.start))
                .next()
                .is_some()
        };
        declarators.map(moved).collect()
    }

    /// Writes a cast, or the declaration of a variable, in the body of a macro so that it fits both
    /// kinds of memory.
    fn both_kinds(&mut self, group: &Group, star: Tok) {
        let reason = "the macro is used with memory of the arena and with other memory";
        let kind = EditKind::Qualifier;
        if let Some(cast) = self.reading.casts.iter().find(|c| c.star == star) {
            let head = [cast.open, star, cast.close];
            let (open, close) = (self.location(cast.open), self.location(cast.close));
            let (star, end) = (self.location(star), self.location(cast.end - 1));
            if !self.reading.in_one_text(&head) || !self.editable(cast.open) {
                self.unreachable(cast.open);
                return;
            }
            // The operand may end in an argument: then it is one, and all of the body's text here.
            let next = match self.together(cast.close, cast.end - 1) {
                true => end.end,
                false => self.location(cast.end).start,
            };
            self.change(
                open.file,
                open.start,
                open.end,
                "static_as(".into(),
                kind,
                reason,
            );
            self.change(star.file, star.start, close.end, ", ".into(), kind, reason);
            self.change(open.file, next, next, ")".into(), kind, reason);
        } else {
            let (first, star) = (self.location(group.start), self.location(star));
            let text = "__auto_type ".to_owned();
            self.change(first.file, first.start, star.end, text, kind, reason);
        }
    }

    /// Writes `__arena` into declaration specifiers.
    fn specifier(&mut self, group: &Group, star: Option<Tok>) {
        let last = group.spec_end - 1;
        let next = group.declarators[0].start;
        let reason = "points into the arena".to_owned();
        if let Some((open, _)) = group.body {
            // Behind a definition's brace clang would take it for an attribute of the structure.
            let keyword = (group.start..open)
                .rev()
                .find(|&t| matches!(self.reading.unit.text(&self.toks[t]), b"struct" | b"union"));
            match keyword.filter(|&k| self.editable(k)) {
                Some(keyword) => {
                    let loc = self.toks[keyword].loc;
                    let text = format!("{ARENA} ");
                    self.insert(loc.file, loc.start, text, EditKind::Qualifier, reason);
                }
                None => self.unreachable(last),
            }
            return;
        }
        if self.editable(last) && (self.together(last, next) || star.is_none()) {
            let loc = self.toks[last].loc;
            self.insert(
                loc.file,
                loc.end,
                format!(" {ARENA}"),
                EditKind::Qualifier,
                reason,
            );
        } else if let Some(star) = star.filter(|&s| self.editable(s)) {
            self.before_star(star);
        } else {
            self.unreachable(star.unwrap_or(last));
        }
    }

    fn before_star(&mut self, star: Tok) {
        let loc = self.toks[star].loc;
        let space = if self.toks[star].space { "" } else { " " };
        let reason = "points into the arena".to_owned();
        let text = format!("{space}{ARENA} ");
        self.insert(loc.file, loc.start, text, EditKind::Qualifier, reason);
    }

    /// Ends a declaration before its declarator `index`, and begins another.
    fn split(&mut self, group: &Group, index: usize, arena: bool) {
        let comma = group.declarators[index - 1].end;
        let next = group.declarators[index].start;
        let anonymous = group.body.is_some() && !group.tagged;
        if anonymous || !self.editable(comma) || !self.together(comma, next) {
            self.troubles.insert(Trouble {
                tok: group.declarators[index].start,
                message: "only some of what is declared here lies in the arena".into(),
                help: "split the declaration in two".into(),
            });
            return;
        }
        let mut words: Vec<String> = Vec::new();
        let mut tok = group.start;
        while tok < group.spec_end {
            if let Some((from, to)) = group.body
                && tok == from
            {
                tok = to;
                continue;
            }
            let text = self.reading.unit.text(&self.toks[tok]);
            words.push(String::from_utf8_lossy(text).into_owned());
            tok += 1;
        }
        // In the body of a macro the type may be an argument.
        if let Some(written) = self.specifiers_in_body(group) {
            words = vec![written];
        }
        if arena {
            words.push(ARENA.into());
        }
        let (from, to) = (self.toks[comma].loc, self.toks[next].loc);
        let bytes = &self.reading.unit.file(from.file).bytes;
        let between = &bytes[from.end as usize..to.start as usize];
        // A declaration on one line stays on one line.
        let gap = match between.contains(&b'\n') {
            true => String::from_utf8_lossy(between).into_owned(),
            false => match self.starts_line(group.start) {
                Some(indent) => format!("\n{indent}"),
                None => " ".into(),
            },
        };
        self.edits.insert(FileEdit {
            file: from.file,
            start: from.start as usize,
            end: to.start as usize,
            text: format!(";{gap}{} ", words.join(" ")),
            kind: EditKind::Qualifier,
            reason: "what is declared together would all lie in the arena".into(),
        });
    }

    /// The specifiers of a declaration as the body of a macro has them, if it declares something there.
    fn specifiers_in_body(&self, group: &Group) -> Option<String> {
        let first = &self.toks[group.declarators[0].start];
        first.expansion.filter(|_| group.body.is_none())?;
        let bytes = &self.reading.unit.file(first.loc.file).bytes[..first.loc.start as usize];
        let text = String::from_utf8_lossy(bytes.rsplit(|b| b";{}".contains(b)).next()?);
        let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
        // The first thing in the body stands behind the macro's name.
        (!text.contains(['\n', '#'])).then(|| text.trim().to_owned())
    }

    pub(in crate::rewrite::arena) fn after_star(&mut self, star: Tok, space: Var) {
        self.qualified.push((star, space));
        if !self.editable(star) {
            self.unreachable(star);
            return;
        }
        if let Some(next) = self.reading.star_of_body(star) {
            self.before_star(next);
            return;
        }
        let loc = self.toks[star].loc;
        let bytes = &self.reading.unit.file(loc.file).bytes;
        let next = bytes.get(loc.end as usize).copied().unwrap_or(b' ');
        let text = match next {
            b' ' | b'\t' | b'\n' | b'\r' | b')' | b',' | b'[' => format!(" {ARENA}"),
            _ => format!(" {ARENA} "),
        };
        let reason = "points into the arena".to_owned();
        self.insert(loc.file, loc.end, text, EditKind::Qualifier, reason);
    }

    /// A parameter `p[]` cannot say where its elements lie, `*p` can.
    pub(super) fn array_parameter(&mut self, parameter: &ArrayParameter) {
        let reason = "a parameter written as an array cannot point into the arena";
        if let (Some(name), Some(alias)) = (parameter.name, parameter.alias) {
            self.array_alias(name, &alias, reason);
            return;
        }
        let Some((open, end)) = parameter.bracket else {
            self.troubles.insert(Trouble {
                tok: parameter.name.unwrap_or(0),
                message: reason.into(),
                help: "write it as a pointer".into(),
            });
            return;
        };
        let Some(name) = parameter.name else {
            if !self.editable(open) || !self.together(open, end - 1) {
                self.unreachable(open);
                return;
            }
            let (from, to) = (self.location(open), self.location(end - 1));
            let star = if parameter.nested { "(*)" } else { "*" };
            let kind = EditKind::Qualifier;
            self.change(from.file, from.start, to.end, star.into(), kind, reason);
            return;
        };
        if !self.editable(name) || !self.together(name, end - 1) {
            self.unreachable(name);
            return;
        }
        let (name, from, to) = (
            self.location(name),
            self.location(open),
            self.location(end - 1),
        );
        let kind = EditKind::Qualifier;
        // Of an array of arrays the first length goes: `a[n][m]` is `(*a)[m]`.
        let before = if parameter.nested { "(*" } else { "*" };
        self.change(
            name.file,
            name.start,
            name.start,
            before.into(),
            kind,
            reason,
        );
        if parameter.nested {
            self.change(name.file, name.end, name.end, ")".into(), kind, reason);
        }
        self.change(from.file, from.start, to.end, String::new(), kind, reason);
    }

    /// A parameter `text p`, where `typedef char text[9]`, becomes `char *p`.
    fn array_alias(&mut self, name: Tok, alias: &Alias, reason: &'static str) {
        if !self.editable(name) || !self.editable(alias.name) {
            self.unreachable(name);
            return;
        }
        let unit = self.reading.unit;
        let words = |from: Tok, to: Tok| {
            let words = (from..to).map(|t| String::from_utf8_lossy(unit.text(&self.toks[t])));
            words.filter(|word| word != "typedef").collect::<Vec<_>>()
        };
        let element = words(alias.specifiers.0, alias.specifiers.1).join(" ");
        let (before, after) = match alias.inner {
            Some((from, to)) => ("(*", format!("){}", words(from, to).concat())),
            None => ("*", String::new()),
        };
        let (of, at) = (self.location(alias.name), self.location(name));
        let kind = EditKind::Qualifier;
        self.change(of.file, of.start, of.end, element, kind, reason);
        self.change(at.file, at.start, at.start, before.into(), kind, reason);
        if !after.is_empty() {
            self.change(at.file, at.end, at.end, after, kind, reason);
        }
    }

    /// `typeof` brings the address space of its operand along, which a variable on the stack must
    /// not have.
    pub(super) fn unqualify(&mut self, tok: Tok) {
        let token = self.toks[tok];
        if token.loc.start == token.loc.end || self.reading.unit.text(&token).contains(&b'q') {
            return;
        }
        if !self.editable(tok) {
            self.unreachable(tok);
            return;
        }
        let reason = "a variable on the stack does not lie in the arena".to_owned();
        self.replace(
            &token,
            "__typeof_unqual__".into(),
            EditKind::Qualifier,
            reason,
        );
    }
}
