//! Occurrences in the bodies of macros.

use super::*;

impl Finder<'_, '_> {
    pub(super) fn macro_bodies(&mut self) {
        let unit = self.unit;
        for define in &unit.defines {
            let directive = &unit.lexed.directives[define.directive];
            if unit.conditionals.is_dead(directive.start) {
                continue;
            }
            if let (Some(name), Some(token)) = (
                Alloc::named(&define.name),
                unit.lexed.inner_of(directive).get(1),
            ) && !define.is_identity(&unit.lexed)
            {
                self.note(
                    Span::new(token.start, token.end),
                    Rule::MappedByMacro,
                    format!(
                        "this macro maps `{0}`; calls of `{0}` below it are kept",
                        name.name()
                    ),
                );
            }
            let body = define.body(&unit.lexed);
            let stream = Stream::of_body(&unit.lexed, body);
            for index in 0..stream.count() {
                if !stream.is_ident(index) {
                    continue;
                }
                let word = stream.word(index);
                if let Some(name) = Alloc::named(&word) {
                    self.in_body(define, &stream, index, name);
                } else if let Some(name) = Alloc::builtin(&word) {
                    self.builtin(*stream.token(index), name);
                }
            }
        }
    }

    /// What to do about an occurrence in the body of a macro.
    fn in_body(&mut self, define: &Define, stream: &Stream, index: usize, name: Alloc) {
        if define.parameter(name.name().as_bytes()).is_some() {
            return;
        }
        let token = *stream.token(index);
        let span = Span::new(token.start, token.end);
        let (prev, next) = (stream.prev(index), stream.next(index));
        if stream.is(prev, op("##")) || stream.is(next, op("##")) {
            self.person(
                span,
                Rule::TokenPaste,
                format!("`{}` is pasted to another token", name.name()),
                "write the replacement's name where the pasted name is made",
            );
            return;
        }
        if stream.is(prev, op("#")) {
            return;
        }
        let whole = stream.count() == 1
            || (stream.count() == 3 && stream.is(prev, op("(")) && stream.is(next, op(")")));
        // `#define malloc malloc` says that the function exists; `#define malloc my_malloc` is
        // seen where it is used.
        if whole && define.name == name.name().as_bytes() {
            return;
        }
        let place = |at| match stream.opener(at) {
            Some(open) if stream.token(open).is(op("(")) => Place::StatementParen,
            _ => Place::Statement,
        };
        match role(stream, index, place) {
            Role::OtherNameSpace | Role::Declared | Role::Prototype | Role::Enumerator => {}
            Role::AttributeArgument => self.person(
                span,
                Rule::Attribute,
                format!("`{}` is named in an attribute", name.name()),
                "BPF programs cannot call through an attribute; free the block where its scope \
                 ends, or drop the attribute",
            ),
            // All its uses are calls: it can be another name of the replacement.
            Role::Value
                if whole
                    && define.parameters.is_none()
                    && !self.unit.project.facts().bare.contains(&define.name)
                    && uses(self.unit, &define.name).all(|call| call) =>
            {
                self.found.sites.push(Site {
                    span,
                    call: name,
                    directive: Some(define.directive),
                });
            }
            Role::Value if whole => {
                self.found.leftover = true;
                self.person(
                    span,
                    Rule::MacroAlias,
                    format!(
                        "`{}` is an alias of `{}`",
                        String::from_utf8_lossy(&define.name),
                        name.name()
                    ),
                    &format!(
                        "if all its uses are calls, write `{PREFIX}{}` here",
                        name.name()
                    ),
                );
            }
            role => {
                // Inside its own macro a name is not replaced again, so it is the function.
                if define.name == name.name().as_bytes() && role == Role::Call {
                    let directive = Some(define.directive);
                    self.found.sites.push(Site {
                        span,
                        call: name,
                        directive,
                    });
                    return;
                }
                let used = self.argument_use(stream, index, role);
                if matches!(used, Some(ParameterUse::Stringified | ParameterUse::Member)) {
                    return;
                }
                let role = match used {
                    Some(ParameterUse::Called) => Role::Call,
                    _ => role,
                };
                self.reference(span, name, role, Some(define.directive));
            }
        }
    }
}
