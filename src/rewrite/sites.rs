//! The call sites of the allocator in a file, and the places that are kept with a reason.

mod bodies;

use std::collections::BTreeSet;

use super::classify::{Place, Role, role};
use super::family::{Alloc, PREFIX};
use super::macros::{Define, Mapping, ParameterUse};
use super::outline::FrameKind;
use super::plan::{Notice, Rule, Severity};
use super::stream::Stream;
use super::unit::Unit;
use crate::c::Span;
use crate::c::lexer::{Kind, Lexed, Token, op};

/// A call that is rewritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Site {
    /// The identifier.
    pub span: Span,
    /// The function that is called.
    pub call: Alloc,
    /// The `#define` in whose body it stands, an index into the directives.
    pub directive: Option<usize>,
}

/// What was found in a file.
#[derive(Debug, Default)]
pub struct Sites {
    /// The calls to rewrite, by position.
    pub sites: Vec<Site>,
    /// What is kept and why.
    pub notices: Vec<Notice>,
    /// A header of the project has another name for a function of the allocator, which is used
    /// here.
    pub aliased: bool,
    /// A function of the allocator is used as a value.
    pub lent: bool,
    /// A reference to the C library's function stays, so its declaration is still needed.
    pub leftover: bool,
}

impl Sites {
    /// Whether the file allocates, or gives blocks back: by calls, or by what it gives away to be called.
    pub fn allocates(&self) -> bool {
        !self.sites.is_empty() || self.aliased || self.lent
    }
}

/// Finds the call sites of a file. Linear in its length.
pub fn find(unit: &Unit) -> Sites {
    let mut finder = Finder {
        unit,
        found: Sites::default(),
        shadows: Vec::new(),
    };
    finder.file();
    finder.macro_bodies();
    finder.found.sites.sort_by_key(|s| s.span);
    finder.found.aliased = header_aliases(unit).any(|name| uses(unit, name).next().is_some());
    finder.found
}

/// The macros of a file that are other names of functions of the allocator.
pub fn own_aliases(unit: &Unit) -> impl Iterator<Item = Vec<u8>> {
    let aliases = unit.defines.iter().filter(|define| {
        let body = define.body(&unit.lexed);
        let named = |t: &Token| Alloc::named(&unit.lexed.text(t)).is_some();
        define.parameters.is_none()
            && Alloc::named(&define.name).is_none()
            && matches!(body, [one] if named(one))
    });
    aliases.map(|define| define.name.clone())
}

fn header_aliases<'u>(unit: &'u Unit) -> impl Iterator<Item = &'u [u8]> {
    let headers = unit.headers.iter();
    headers.flat_map(|h| h.info.aliases.iter().map(Vec::as_slice))
}

/// The aliases that a file uses other than in calls.
pub fn bare_aliases(unit: &Unit) -> BTreeSet<Vec<u8>> {
    let known = header_aliases(unit).map(<[u8]>::to_vec);
    let bare = |name: &Vec<u8>| uses(unit, name).any(|call| !call);
    known.chain(own_aliases(unit)).filter(bare).collect()
}

/// The uses of a macro in code and in the bodies of macros: whether each is a call.
fn uses<'u>(unit: &'u Unit, name: &'u [u8]) -> impl Iterator<Item = bool> {
    let lexed = &unit.lexed;
    let calls = move |tokens: &'u [Token], at: usize| {
        let token = &tokens[at];
        let named = token.kind == Kind::Ident && *lexed.text(token) == *name;
        named.then(|| tokens.get(at + 1).is_some_and(|next| next.is(op("("))))
    };
    let code = &lexed.tokens;
    let dead = &unit.outline.dead;
    let in_code = (0..code.len())
        .filter(|&at| !dead[at])
        .filter_map(move |at| calls(code, at));
    let bodies = unit.defines.iter().map(|define| define.body(lexed));
    in_code
        .chain(bodies.flat_map(move |body| (0..body.len()).filter_map(move |at| calls(body, at))))
}

/// A declaration that gives a name of the allocator another meaning in a scope.
struct Shadow {
    name: Alloc,
    /// First and last token of the scope.
    from: usize,
    to: usize,
}

struct Finder<'u, 'a> {
    unit: &'u Unit<'a>,
    found: Sites,
    shadows: Vec<Shadow>,
}

impl Finder<'_, '_> {
    fn file(&mut self) {
        let unit = self.unit;
        let stream = Stream::of_file(&unit.lexed, &unit.outline);
        let names: Vec<(usize, Alloc)> = (0..stream.count())
            .filter(|&i| stream.is_ident(i) && !unit.outline.dead[i])
            .filter_map(|i| Some((i, Alloc::named(&stream.word(i))?)))
            .collect();
        let roles: Vec<Role> = names
            .iter()
            .map(|&(i, _)| role(&stream, i, |at| self.place(at)))
            .collect();
        for (&(index, name), &role) in names.iter().zip(&roles) {
            if matches!(role, Role::Declared | Role::Enumerator) {
                self.declare(&stream, index, name, role);
            }
        }
        for (&(index, name), &role) in names.iter().zip(&roles) {
            let shadowed = self
                .shadows
                .iter()
                .any(|s| s.name == name && (s.from..=s.to).contains(&index));
            if !shadowed {
                self.judge(&stream, index, name, role);
            }
        }
        self.builtins();
        self.trigraphs();
    }

    fn place(&self, index: usize) -> Place {
        let outline = &self.unit.outline;
        let mut frame = outline.frame_of[index];
        let mut in_paren = false;
        loop {
            match outline.frames[frame].kind {
                FrameKind::Paren => in_paren = true,
                FrameKind::Bracket | FrameKind::Init => return Place::Initialiser,
                FrameKind::Function | FrameKind::Block if in_paren => return Place::StatementParen,
                FrameKind::Function | FrameKind::Block => return Place::Statement,
                FrameKind::Members => return Place::Members,
                FrameKind::Enumerators => return Place::Enumerators,
                FrameKind::File if in_paren && self.is_initialiser(index) => {
                    return Place::StatementParen;
                }
                FrameKind::File if in_paren => return Place::FileParen,
                FrameKind::File => return Place::File,
            }
            frame = outline.frames[frame].parent;
        }
    }

    /// Whether an occurrence in brackets at file level stands behind the `=` of a declaration.
    fn is_initialiser(&self, index: usize) -> bool {
        let unit = self.unit;
        let mut frame = unit.outline.frame_of[index];
        while unit.outline.frames[frame].parent != frame
            && unit.outline.frames[unit.outline.frames[frame].parent].kind != FrameKind::File
        {
            frame = unit.outline.frames[frame].parent;
        }
        let frame = &unit.outline.frames[frame];
        let end = frame.open.unwrap_or(frame.head);
        (frame.head..end).any(|i| {
            unit.lexed.tokens[i].is(op("="))
                && unit.outline.frames[unit.outline.frame_of[i]].kind == FrameKind::File
        })
    }

    /// The function whose head holds a token: a parameter, or its declaration in the old style.
    fn head_around(&self, index: usize) -> Option<usize> {
        let outline = &self.unit.outline;
        outline.functions().find(|&f| {
            let frame = &outline.frames[f];
            frame.head <= index && frame.open.is_some_and(|open| index < open)
        })
    }

    /// Notes the scope of a declaration.
    fn declare(&mut self, stream: &Stream, index: usize, name: Alloc, role: Role) {
        let outline = &self.unit.outline;
        // A parameter, in the head of a function or between it and the body.
        if let Some(function) = self.head_around(index) {
            let to = outline.frames[function].close;
            self.shadows.push(Shadow {
                name,
                from: index,
                to,
            });
            return;
        }
        let mut frame = outline.frame_of[index];
        if role == Role::Enumerator {
            frame = outline.frames[frame].parent;
        } else if outline.frames[frame].kind == FrameKind::Paren {
            let Some(open) = outline.frames[frame].open else {
                return;
            };
            let before = stream.prev(open);
            // Brackets of the declarator itself, `void (*free)(void *)`, are not a list.
            if before.is_some_and(|b| stream.is_ident(b) && *stream.word(b) == *b"for") {
                let to = end_of_statement(stream, outline.frames[frame].close);
                self.shadows.push(Shadow {
                    name,
                    from: index,
                    to,
                });
                return;
            }
            let behind = outline.mate(open).and_then(|c| stream.next(c));
            let declarator = stream.is(stream.next(index), op(")")) && stream.is(behind, op("("));
            if !declarator {
                return;
            }
            frame = outline.frames[frame].parent;
        }
        if matches!(
            outline.frames[frame].kind,
            FrameKind::Paren | FrameKind::Bracket
        ) {
            // A parameter of a prototype or of a function pointer: no scope to speak of.
            return;
        }
        self.shadows.push(Shadow {
            name,
            from: index,
            to: outline.frames[frame].close,
        });
    }

    /// What to do about an occurrence outside of directives.
    fn judge(&mut self, stream: &Stream, index: usize, name: Alloc, role: Role) {
        let token = *stream.token(index);
        let span = Span::new(token.start, token.end);
        let used = match role {
            Role::Call | Role::Value => self.argument_use(stream, index, role),
            _ => None,
        };
        match role {
            Role::OtherNameSpace | Role::Declared | Role::Enumerator => {}
            Role::Prototype => {
                if let Some(origin) = self.unit.own_definition(name) {
                    self.own(span, name, name, &origin);
                }
            }
            Role::AttributeArgument => self.person(
                span,
                Rule::Attribute,
                format!("`{}` is named in an attribute", name.name()),
                "BPF programs cannot call through an attribute; free the block where its scope \
                 ends, or drop the attribute",
            ),
            // A name in the parameter list of an old-style definition.
            Role::Value if used.is_none() && self.head_around(index).is_some() => {}
            Role::Value if used == Some(ParameterUse::Called) => {
                self.reference(span, name, Role::Call, None);
            }
            Role::Call | Role::Value => {
                if matches!(used, Some(ParameterUse::Stringified | ParameterUse::Member)) {
                    return;
                }
                if used == Some(ParameterUse::Pasted) && role == Role::Value {
                    self.person(
                        span,
                        Rule::TokenPaste,
                        format!("`{}` is pasted to another token", name.name()),
                        "write the replacement's name where the pasted name is made",
                    );
                    return;
                }
                self.reference(span, name, role, None);
            }
        }
    }

    /// A call or another use of the function, in the file or in the body of a macro.
    fn reference(&mut self, span: Span, name: Alloc, role: Role, directive: Option<usize>) {
        // Blocks of another allocator must not reach ours, nor the other way round: where the
        // program has a `malloc` or `free` of its own, the rest of the family stays with it.
        for lead in [name, Alloc::Malloc, Alloc::Free] {
            if let Some(origin) = self.unit.own_definition(lead) {
                self.own(span, name, lead, &origin);
                return;
            }
        }
        let mapping = self.mapping(span, name, role, directive);
        let mut foreign = None;
        if let Mapping::Always(origin) = mapping {
            foreign = Some((name, origin));
        }
        for lead in [Alloc::Malloc, Alloc::Free] {
            if let Mapping::Always(origin) = self.mapping(span, lead, role, directive)
                && !self.unit.mapping().origins[origin].wraps
            {
                foreign = foreign.or(Some((lead, origin)));
            }
        }
        if let Some((lead, origin)) = foreign {
            let place = self.unit.origin(origin);
            let (name, lead) = (name.name(), lead.name());
            let message = if name == lead {
                format!("`{name}` is mapped to something else by a macro ({place}); kept")
            } else {
                format!("`{name}` is kept, because a macro maps `{lead}` ({place})")
            };
            self.note(span, Rule::MappedByMacro, message);
            return;
        }
        if self.unit.is_suppressed(span) {
            self.found.leftover = true;
            self.note(
                span,
                Rule::Suppressed,
                format!("`{}` is kept, as the comment asks", name.name()),
            );
            return;
        }
        if role == Role::Value {
            self.found.leftover = true;
            self.found.lent = true;
            self.person(
                span,
                Rule::FunctionPointer,
                format!("`{}` is used as a value, not called", name.name()),
                "BPF programs cannot call through pointers to such functions; call \
                 `static_malloc` and `static_free` directly",
            );
            return;
        }
        if let Mapping::Maybe(origin) = mapping {
            let place = self.unit.origin(origin);
            self.note(
                span,
                Rule::MappedByMacro,
                format!(
                    "a macro maps `{}` in some configurations ({place}); rewritten for the others",
                    name.name()
                ),
            );
        }
        self.found.sites.push(Site {
            span,
            call: name,
            directive,
        });
    }

    fn mapping(&self, span: Span, name: Alloc, role: Role, directive: Option<usize>) -> Mapping {
        let walk = self.unit.mapping();
        let here = walk.at(name, span.start);
        let mapping = match (here, directive) {
            // A macro body means what the names mean where the macro is used.
            (Mapping::None | Mapping::Maybe(_), Some(_)) => match walk.at_end(name) {
                Mapping::None => here,
                other => other,
            },
            _ => here,
        };
        match mapping {
            Mapping::Always(origin) | Mapping::Maybe(origin)
                if role == Role::Value && walk.origins[origin].function_like =>
            {
                Mapping::None
            }
            other => other,
        }
    }

    /// What the macro around an argument does with it, if it is one of the unit.
    fn argument_use(&self, stream: &Stream, index: usize, role: Role) -> Option<ParameterUse> {
        /// Macros within macros within macros: more nobody reads.
        const DEEP: usize = 16;
        let mut at = index;
        for _ in 0..DEEP {
            let open = stream.opener(at)?;
            if !stream.token(open).is(op("(")) {
                return None;
            }
            if let Some(before) = stream.prev(open).filter(|&b| stream.is_ident(b)) {
                let name = stream.word(before);
                let use_of = |lexed: &Lexed, define: &Define| {
                    let parameters = define.parameters.as_ref().filter(|p| !p.is_empty())?;
                    let argument = commas(stream, open, at).min(parameters.len() - 1);
                    Some(define.use_of(lexed, argument))
                };
                let used = match self.unit.define(&name) {
                    Some((lexed, define)) => use_of(lexed, define),
                    None if role == Role::Value => {
                        self.unit.look_elsewhere(&name, use_of).flatten()
                    }
                    None => None,
                };
                // Called is the argument, not what is only a part of it.
                let whole = stream
                    .prev(at)
                    .is_some_and(|b| b == open || stream.token(b).is(op(",")))
                    && stream.next(at).is_some_and(|n| {
                        stream.token(n).is(op(",")) || stream.token(n).is(op(")"))
                    });
                match used {
                    None | Some(ParameterUse::Value) => {}
                    Some(ParameterUse::Called) if !whole => {}
                    used => return used,
                }
            }
            at = open;
        }
        None
    }

    fn builtins(&mut self) {
        let unit = self.unit;
        for (index, token) in unit.lexed.tokens.iter().enumerate() {
            if token.kind == Kind::Ident
                && !unit.outline.dead[index]
                && let Some(name) = Alloc::builtin(&unit.lexed.text(token))
            {
                self.builtin(*token, name);
            }
        }
    }

    fn builtin(&mut self, token: Token, name: Alloc) {
        let span = Span::new(token.start, token.end);
        if self.unit.is_suppressed(span) {
            return;
        }
        self.person(
            span,
            Rule::Builtin,
            format!(
                "`__builtin_{}` becomes a call of the C library",
                name.name()
            ),
            &format!("write `{PREFIX}{}`", name.name()),
        );
    }

    /// A line behind `// … ??/` is a comment with `-trigraphs` and code without.
    fn trigraphs(&mut self) {
        for comment in &self.unit.lexed.comments {
            let bytes = &self.unit.lexed.source[comment.start..comment.end];
            if comment.trigraph && super::filter::mentions_family(bytes) {
                self.note(
                    Span::new(comment.start, comment.end),
                    Rule::Ambiguous,
                    "`??/` at the end of a comment continues it only with `-trigraphs` or an ISO \
                     `-std=`; kept as a comment"
                        .into(),
                );
            }
        }
    }

    fn own(&mut self, span: Span, name: Alloc, lead: Alloc, place: &str) {
        let (name, lead) = (name.name(), lead.name());
        let message = if name == lead {
            format!("the program defines `{name}` itself ({place}); kept")
        } else {
            format!("`{name}` is kept, because the program defines `{lead}` itself ({place})")
        };
        self.note(span, Rule::OwnDefinition, message);
    }

    fn note(&mut self, span: Span, rule: Rule, message: String) {
        let severity = Severity::Note;
        self.found.notices.push(Notice {
            span,
            rule,
            severity,
            message,
            help: None,
        });
    }

    fn person(&mut self, span: Span, rule: Rule, message: String, help: &str) {
        let severity = Severity::Warning;
        let help = Some(help.to_owned());
        self.found.notices.push(Notice {
            span,
            rule,
            severity,
            message,
            help,
        });
    }
}

/// How many commas stand between the bracket at `open` and `index`, brackets in between skipped.
fn commas(stream: &Stream, open: usize, index: usize) -> usize {
    let mut count = 0;
    let mut at = open + 1;
    while at < index {
        let token = stream.token(at);
        if token.is(op(",")) {
            count += 1;
        } else if (token.is(op("(")) || token.is(op("[")) || token.is(op("{")))
            && let Some(close) = stream.mate(at).filter(|&c| c < index)
        {
            at = close;
        }
        at += 1;
    }
    count
}

/// The last token of the statement behind the bracket that ends a `for` head at `close`.
fn end_of_statement(stream: &Stream, close: usize) -> usize {
    let mut at = close + 1;
    while at < stream.count() {
        let token = stream.token(at);
        if token.is(op(";")) || token.is(op("}")) {
            return at;
        }
        if token.is(op("{")) {
            return stream.mate(at).unwrap_or(at);
        }
        if token.is(op("(")) || token.is(op("[")) {
            at = stream.mate(at).unwrap_or(at);
        }
        at += 1;
    }
    stream.count()
}
