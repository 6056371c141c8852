//! Other names for functions of the C library.

use std::collections::HashSet;

use super::super::facts::{Generic, Instance};
use super::{Editor, Trouble};
use crate::c::cpp::Loc;
use crate::rewrite::library::MOST_VALUES;
use crate::rewrite::plan::EditKind;

impl Editor<'_> {
    /// Functions for memory and strings get the names of those that take memory of the arena, and
    /// that BPF has.
    pub fn generics(&mut self, wanted: &impl Fn(Instance) -> bool) {
        let reading = self.reading;
        let loc = |generic: &Generic| self.toks[generic.tok].loc;
        // A macro's body is one text: what one use of it cannot write, none writes.
        let unprinted: HashSet<Loc> = reading
            .generics
            .iter()
            .filter(|g| self.unfit(g).is_some())
            .map(loc)
            .collect();
        let mut nulls = Vec::new();
        for generic in reading.generics.iter().filter(|g| wanted(g.instance)) {
            let arena = generic.spaces.iter().any(|&s| self.arena(s)) && self.in_arena;
            if !arena && !generic.unresolved {
                continue;
            }
            let arena_only = match generic.name.as_str() {
                "static_strtok" => Some((
                    // It would come back from a map as a number.
                    "strtok keeps a pointer between its calls, which works in an arena only",
                    "call strtok_r, or choose --backend arena",
                )),
                "static_snprintf" | "static_sprintf" => Some((
                    "text of any length is written in an arena only",
                    "call BPF_SNPRINTF, or choose --backend arena",
                )),
                _ => None,
            };
            if let Some((message, help)) = arena_only.filter(|_| !self.in_arena) {
                self.troubles.insert(Trouble {
                    tok: generic.tok,
                    message: message.into(),
                    help: help.into(),
                });
                continue;
            }
            if generic.values > MOST_VALUES {
                self.troubles.insert(Trouble {
                    tok: generic.tok,
                    message: format!("more than {MOST_VALUES} values in a format"),
                    help: "write the text in two steps".into(),
                });
                continue;
            }
            if !self.editable(generic.tok) {
                self.unreachable(generic.tok);
                continue;
            }
            let token = self.toks[generic.tok];
            let mut name = generic.name.clone();
            if unprinted.contains(&token.loc) {
                name = match generic.name.as_str() {
                    "static_fprintf" => "static_unprinted_to".into(),
                    "static_puts" => "static_unprinted_puts".into(),
                    "static_fputs" => "static_unprinted_fputs".into(),
                    "static_printf" => "static_unprinted".into(),
                    _ => name, // single characters are not printed anyhow
                };
                self.drop_output(generic);
            }
            let reason = match arena {
                true => "an argument lies in the arena",
                false => "BPF has no C library",
            };
            self.replace(&token, name, EditKind::Memory, reason.into());
            if self.in_arena {
                nulls.extend(generic.nulls.iter().map(|&null| (generic.tok, null)));
            }
        }
        for (call, null) in nulls {
            // `NULL` is a macro.
            let loc = match self.toks[call].expansion {
                None => self.visible(null),
                Some(_) if self.together(call, null) => self.toks[null].loc,
                Some(_) => continue,
            };
            if self.is_ours(loc.file) {
                let reason = "a null pointer constant fits both address spaces";
                let text = "(char *)".into();
                self.insert(loc.file, loc.start, text, EditKind::Memory, reason.into());
            }
        }
    }

    /// Why nothing is written.
    fn unfit(&self, generic: &Generic) -> Option<String> {
        let written = generic.output.as_ref()?;
        let in_arena = self.in_arena && written.strings.iter().any(|&s| self.arena(s));
        let strings = in_arena.then(|| "a string of the arena".to_owned());
        written.unfit.clone().or(strings)
    }

    fn drop_output(&mut self, generic: &Generic) {
        let what = self.unfit(generic);
        let what = what.unwrap_or_else(|| "what other uses of the macro write".into());
        self.dropped.insert(Trouble {
            tok: generic.tok,
            message: format!("this writes nothing: the kernel cannot print {what}"),
            help:
                "print what the verifier's bpf_trace_printk takes: a literal format, at most three \
                   values, d i u x p c and s of strings outside of the arena"
                    .into(),
        });
    }
}
