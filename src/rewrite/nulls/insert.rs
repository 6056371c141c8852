//! Writes checks into the source, in its own style.

use std::rc::Rc;

use super::super::ast::{Stmt, StmtKind};
use super::super::plan::EditKind;
use super::head::Head;
use super::style::Style;
use super::value::SiteId;
use super::{Checks, Context, Edit, Notice, Rule, Severity, Span, place};
use crate::c::bytes::{decode, encode, shown};
use crate::c::lexer::{Lexed, line_ending};

/// What is done about a missing check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    /// The pointer with this text is tested behind the statement.
    Behind(String),
    /// The result with this name, zero for success, is tested behind the statement.
    Result(String),
    /// The whole statement is a call that returns zero for success: it becomes a condition.
    Wrap,
    /// The result moves to a variable in front of the statement, and is tested there.
    Before {
        /// The name of the variable.
        name: String,
        /// Its type, with the blank or star in front of the name.
        kind: &'static str,
    },
    /// A person has to do it: why, or nothing where the usual advice is enough.
    Person(String),
}

/// A missing check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The call, or the use of the macro that calls.
    pub span: Span,
    /// Tells several of one call apart.
    pub part: String,
    /// The site: in the order in which they are evaluated.
    pub site: SiteId,
    /// What is called.
    pub called: String,
    /// What is done about it.
    pub how: How,
    /// The statements that leave the function.
    pub body: Vec<String>,
    /// The function, in the configuration in which this was found.
    pub tree: Rc<Stmt>,
}

impl Finding {
    /// Tells a person what is missing and what to write.
    pub fn notice(&self, head: &Head, severity: Severity) -> Notice {
        let leave = self.body.join(" ");
        let help = match &self.how {
            How::Person(why) if !why.is_empty() => {
                format!("{why}; where it is NULL, leave with `{leave}`")
            }
            How::Behind(pointer) => format!("write `if (!{pointer}) {{ {leave} }}` behind it"),
            How::Result(name) => format!("write `if ({name}) {{ {leave} }}` behind it"),
            How::Wrap => format!("write `if (…) {{ {leave} }}` around the call"),
            _ => format!(
                "store the result in a variable first, write `if (!block) {{ {leave} }}` behind \
                 it, and use the variable here"
            ),
        };
        Notice {
            span: self.span,
            rule: Rule::MissingNullCheck,
            severity,
            message: format!(
                "the result of `{}` is used in `{}` without a NULL check",
                shown(&self.called),
                shown(&head.name)
            ),
            help: Some(shown(&help)),
        }
    }
}

/// Where a statement stands.
struct Place {
    span: Span,
    /// Statements can be put next to it without braces.
    listed: bool,
    /// A declaration can be put in front of it.
    takes_declaration: bool,
    /// The statement around it, for the indentation of braces.
    outer: Span,
}

/// Writes the checks of one function; where that is not possible, a notice.
pub fn write(
    ctx: &Context,
    function: usize,
    style: &Style,
    findings: Vec<Finding>,
    checks: &mut Checks,
) {
    let head = &ctx.functions[function].head;
    let lexed = ctx.files.get(0).lexed;
    let mut statements: Vec<(Place, Vec<Finding>)> = Vec::new();
    for finding in findings {
        let place = match &finding.how {
            How::Person(_) => None,
            how => place_of(
                &finding.tree,
                finding.span,
                matches!(how, How::Before { .. }),
            )
            .filter(|place| can_edit(lexed, place, &finding)),
        };
        let Some(place) = place else {
            let mut finding = finding;
            if !matches!(finding.how, How::Person(_)) {
                finding.how = How::Person(String::new());
            }
            checks.notices.push(finding.notice(head, Severity::Warning));
            continue;
        };
        match statements.iter_mut().find(|(p, _)| p.span == place.span) {
            Some((_, list)) => list.push(finding),
            None => statements.push((place, vec![finding])),
        }
    }
    for (place, mut list) in statements {
        // What is held at a check is what was allocated before it.
        list.sort_by_key(|finding| finding.site);
        let mut statement = Statement {
            ctx,
            lexed,
            style,
            place,
            checks,
        };
        statement.write(&list);
    }
}

fn place_of(tree: &Stmt, span: Span, before: bool) -> Option<Place> {
    let mut around = place::around(tree, span);
    let mut stmt = around.pop()?;
    if stmt.broken {
        return None;
    }
    if before
        && let Some(outer) = around.last()
        && matches!(&outer.kind, StmtKind::For { init: Some(init), .. } if std::ptr::eq(&**init, stmt))
    {
        stmt = outer;
        around.pop();
    }
    let outer = around.last()?;
    let first = |list: &[Stmt]| list.first().is_some_and(|s| std::ptr::eq(s, stmt));
    let (mut listed, mut takes_declaration) = match &outer.kind {
        StmtKind::Block(_) => (true, true),
        StmtKind::Case { body, .. } => (true, !first(body)),
        StmtKind::Label { .. } => (true, false),
        _ => (false, false),
    };
    if matches!(outer.kind, StmtKind::Label { .. }) {
        let list = around
            .iter()
            .rev()
            .find(|s| !matches!(s.kind, StmtKind::Label { .. }))?;
        listed = matches!(list.kind, StmtKind::Block(_) | StmtKind::Case { .. });
    }
    if matches!(stmt.kind, StmtKind::Decl(_)) {
        // Braces around it would end its scope; only a list can hold it anyway.
        takes_declaration = listed;
    }
    Some(Place {
        span: stmt.span,
        listed,
        takes_declaration,
        outer: outer.span,
    })
}

/// Whether directives leave the place alone.
fn can_edit(lexed: &Lexed, place: &Place, finding: &Finding) -> bool {
    let inside = |from: usize, to: usize| {
        lexed
            .directives
            .iter()
            .any(|directive| from <= directive.start && directive.start < to)
    };
    let before = previous_end(lexed, place.span.start);
    let braces = !place.listed || !place.takes_declaration;
    !(braces && inside(before, place.span.start)
        || matches!(finding.how, How::Before { .. }) && inside(place.span.start, place.span.end)
        || braces && inside(place.span.start, place.span.end))
}

fn previous_end(lexed: &Lexed, at: usize) -> usize {
    let index = lexed.tokens.partition_point(|t| t.start < at);
    index
        .checked_sub(1)
        .map_or(at, |before| lexed.tokens[before].end)
}

/// What stands behind a statement on its line.
enum Rest {
    /// Nothing but blanks and comments, up to this offset.
    Ends(usize),
    /// More code, or a comment that goes on.
    Code,
}

struct Statement<'a, 'c> {
    ctx: &'a Context<'c>,
    lexed: &'a Lexed<'a>,
    style: &'a Style,
    place: Place,
    checks: &'a mut Checks,
}

impl Statement<'_, '_> {
    fn write(&mut self, list: &[Finding]) {
        let span = self.place.span;
        let own_line = self.is_first_on_line(span.start);
        let rest = self.rest_of_line(span.end);
        let moves = list.iter().any(|f| matches!(f.how, How::Before { .. }));
        let braces = !self.place.listed || (moves && !self.place.takes_declaration);
        let outer = self.indent(self.place.outer.start);
        let mut indent = self.indent(span.start);
        // `else if` moves into a block of its own, on lines of its own.
        let after_else = braces && !own_line && self.follows_else(span.start);
        let lines = (own_line || after_else) && matches!(rest, Rest::Ends(_));
        if lines && after_else {
            indent = format!("{outer}{}", self.style.unit);
            self.shift_lines(&list[0]);
        }
        let newline = self.style.newline;
        let mut open = String::new();
        let mut close = String::new();
        let mut open_at = span.start;
        if braces && self.place.listed {
            // Behind a label: the braces stand where the statement stood.
            let inner = format!("{indent}{}", self.style.unit);
            (open, close) = if lines {
                (
                    format!("{{{newline}{inner}"),
                    format!("{newline}{indent}}}"),
                )
            } else {
                ("{ ".into(), " }".into())
            };
            indent = inner;
        } else if braces {
            open_at = previous_end(self.lexed, span.start);
            (open, close) = if !lines {
                (" {".into(), " }".into())
            } else if self.style.allman {
                (format!("{newline}{outer}{{"), format!("{newline}{outer}}}"))
            } else {
                (" {".into(), format!("{newline}{outer}}}"))
            };
        }
        if lines && after_else {
            // What stands between `else` and the statement goes with it.
            open += &format!("{newline}{indent}");
        } else if braces && open_at != span.start {
            self.edit(
                Span::at(open_at),
                std::mem::take(&mut open),
                EditKind::NullCheck,
                &list[0],
            );
        }
        let mut front = open;
        let mut behind = String::new();
        for finding in list {
            let cond = match &finding.how {
                How::Before { name, kind } => {
                    let value = self.converted(finding.span, list, Some(finding));
                    let cond = self.style.is_null(name);
                    front += &format!("{kind}{name} = {value};");
                    front += &if lines {
                        self.style.lines(&indent, &cond, &finding.body) + newline + &indent
                    } else {
                        format!(" {} ", self.style.inline(&cond, &finding.body))
                    };
                    continue;
                }
                How::Behind(pointer) => self.style.is_null(pointer),
                How::Result(name) => name.clone(),
                How::Wrap => {
                    self.wrap(finding, &indent, lines);
                    continue;
                }
                How::Person(_) => continue,
            };
            behind += &if lines {
                self.style.lines(&indent, &cond, &finding.body)
            } else {
                format!(" {}", self.style.inline(&cond, &finding.body))
            };
        }
        if !front.is_empty() {
            let kind = if moves {
                EditKind::Temporary
            } else {
                EditKind::NullCheck
            };
            let at = if lines && after_else {
                Span::new(open_at, span.start)
            } else {
                Span::at(span.start)
            };
            self.edit(at, front, kind, &list[0]);
        }
        self.replace_moved(list);
        behind += &close;
        if !behind.is_empty() {
            let at = match rest {
                Rest::Ends(at) if lines => at,
                _ => span.end,
            };
            let mut gap = Span::at(at);
            if lines
                && !close.is_empty()
                && !self.style.allman
                && let Some(next) = self.else_behind(at)
            {
                gap.end = next;
                behind.push(' ');
            }
            self.edit(gap, behind, EditKind::NullCheck, &list[0]);
        }
    }

    /// Whether the token before the statement is `else`, with only blanks between.
    fn follows_else(&self, at: usize) -> bool {
        let end = previous_end(self.lexed, at);
        let blanks = self.lexed.source[end..at]
            .iter()
            .all(|b| matches!(b, b' ' | b'\t'));
        blanks && self.lexed.source[..end].ends_with(b"else")
    }

    /// Where the `else` behind a statement starts, if only blanks and line endings stand between.
    fn else_behind(&self, at: usize) -> Option<usize> {
        let tokens = &self.lexed.tokens;
        let next = tokens.get(tokens.partition_point(|t| t.start < at))?;
        let blank = self.lexed.source[at..next.start]
            .iter()
            .all(u8::is_ascii_whitespace);
        (blank && self.lexed.is_ident(next, "else")).then_some(next.start)
    }

    /// Indents the lines of the statement behind its first one by one more level.
    fn shift_lines(&mut self, finding: &Finding) {
        let span = self.place.span;
        let source = self.lexed.source;
        for at in memchr::memchr_iter(b'\n', &source[span.start..span.end]) {
            let line = span.start + at + 1;
            let fixed = |start: usize, end: usize| start < line && line <= end;
            let inside = self.lexed.comments.iter().any(|c| fixed(c.start, c.end))
                || self
                    .lexed
                    .directives
                    .iter()
                    .any(|d| fixed(d.start, d.end) || d.start == line)
                || self
                    .lexed
                    .tokens
                    .iter()
                    .any(|t| t.start < line && line < t.end);
            let empty = matches!(source.get(line), None | Some(b'\n' | b'\r'));
            if !inside && !empty {
                self.edit(
                    Span::at(line),
                    self.style.unit.clone(),
                    EditKind::Temporary,
                    finding,
                );
            }
        }
    }

    /// `if (posix_memalign(…)) leave;`
    fn wrap(&mut self, finding: &Finding, indent: &str, lines: bool) {
        let span = self.place.span;
        self.edit(
            Span::new(span.start, finding.span.start),
            "if (".into(),
            EditKind::NullCheck,
            finding,
        );
        // The text behind `if (cond)` of the style, on its own lines or not.
        let whole = if lines {
            self.style.lines(indent, "\0", &finding.body)
        } else {
            self.style.inline("\0", &finding.body)
        };
        let tail = whole.split_once('\0').map_or("", |(_, tail)| tail);
        self.edit(
            Span::new(finding.span.end, span.end),
            tail.to_owned(),
            EditKind::NullCheck,
            finding,
        );
    }

    /// Puts the names of the temporaries where the moved calls stood.
    fn replace_moved(&mut self, list: &[Finding]) {
        for finding in list {
            let How::Before { name, .. } = &finding.how else {
                continue;
            };
            for token in &self.lexed.tokens {
                let inside = finding.span.start <= token.start && token.end <= finding.span.end;
                if inside && self.ctx.files.site(0, token).is_some() {
                    self.checks
                        .consumed
                        .insert(Span::new(token.start, token.end));
                }
            }
            let inner = list.iter().any(|other| {
                matches!(other.how, How::Before { .. })
                    && other.span != finding.span
                    && other.span.start <= finding.span.start
                    && finding.span.end <= other.span.end
            });
            if !inner {
                self.edit(finding.span, name.clone(), EditKind::Temporary, finding);
            }
        }
    }

    /// The text of a call as it will stand in front of the statement.
    fn converted(&self, span: Span, list: &[Finding], except: Option<&Finding>) -> String {
        let source = self.lexed.source;
        let mut out: Vec<u8> = Vec::new();
        let mut at = span.start;
        for token in &self.lexed.tokens {
            if token.start < at || token.end > span.end {
                continue;
            }
            let moved = list.iter().find(|f| {
                matches!(f.how, How::Before { .. })
                    && f.span.start == token.start
                    && f.span.end <= span.end
                    && except.is_none_or(|own| own.span != f.span)
            });
            if let Some(Finding {
                how: How::Before { name, .. },
                span: inner,
                ..
            }) = moved
            {
                out.extend_from_slice(&source[at..inner.start]);
                out.extend_from_slice(&encode(name));
                at = inner.end;
                continue;
            }
            let text = self.lexed.text(token);
            let renamed = self.ctx.files.get(0).calls.contains(&token.start)
                && super::Alloc::named(&text).is_some();
            if renamed {
                out.extend_from_slice(&source[at..token.start]);
                out.extend_from_slice(super::super::family::PREFIX.as_bytes());
                at = token.start;
            }
        }
        out.extend_from_slice(&source[at..span.end]);
        decode(&out)
    }

    fn edit(&mut self, span: Span, text: String, kind: EditKind, finding: &Finding) {
        self.checks.edits.push(Edit {
            span,
            text: encode(&text),
            kind,
            reason: format!(
                "the result of `{}` can be NULL, and the verifier refuses to follow it",
                shown(&finding.called)
            ),
        });
    }

    fn line_start(&self, at: usize) -> usize {
        memchr::memrchr2(b'\n', b'\r', &self.lexed.source[..at]).map_or(0, |newline| newline + 1)
    }

    fn indent(&self, at: usize) -> String {
        self.lexed.source[self.line_start(at)..at]
            .iter()
            .take_while(|b| matches!(b, b' ' | b'\t'))
            .map(|&b| char::from(b))
            .collect()
    }

    fn is_first_on_line(&self, at: usize) -> bool {
        self.lexed.source[self.line_start(at)..at]
            .iter()
            .all(|b| matches!(b, b' ' | b'\t' | b'\x0c'))
    }

    fn rest_of_line(&self, mut at: usize) -> Rest {
        let source = self.lexed.source;
        loop {
            match source.get(at) {
                None => return Rest::Ends(at),
                Some(b' ' | b'\t' | b'\x0c') => at += 1,
                Some(_) if line_ending(source, at).is_some() => return Rest::Ends(at),
                Some(_) => {
                    let comments = &self.lexed.comments;
                    let index = comments.partition_point(|c| c.start < at);
                    match comments.get(index).filter(|c| c.start == at) {
                        Some(comment)
                            if memchr::memchr2(b'\n', b'\r', &source[at..comment.end])
                                .is_none() =>
                        {
                            at = comment.end;
                        }
                        _ => return Rest::Code,
                    }
                }
            }
        }
    }
}
