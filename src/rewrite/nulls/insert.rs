//! Writes checks into the source, in its own style.

use super::Checks;
use super::Context;
use super::decide::{How, Pointer};
use super::draft::{Draft, copy, plain};
use super::references;
use super::style::Style;
use super::value::SiteId;
use crate::c::Span;
use crate::c::bytes::shown;
use crate::c::lexer::{Lexed, line_ending};
use crate::c::syntax::tree::{StmtId, StmtKind};
use crate::c::types::Parent;
use crate::rewrite::plan::{EditKind, Notice, Rule, Severity};

/// A missing check.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The call, or the use of the macro that calls.
    pub span: Span,
    /// What moves in front of the statement, if anything does.
    pub moves: Span,
    /// The statement next to which the check goes.
    pub place: Option<Place>,
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
    /// What may stay behind: in which line it was allocated, and why.
    pub behind: Vec<(usize, String, String)>,
}

impl Finding {
    /// Whether one check does for both.
    pub fn is_same(&self, other: &Self) -> bool {
        let call = self.span == other.span && self.part == other.part;
        let place = self.place == other.place && self.place.is_some();
        call || place && matches!(self.how, How::After(_)) && self.how == other.how
    }

    /// Tells a person what is missing and what to write.
    pub fn notice(&self, source: &[u8], function: &str, severity: Severity) -> Notice {
        let leave = super::style::on_one_line(&self.body.join(" "));
        let help = match &self.how {
            How::Person(why) if !why.is_empty() => {
                format!("{why}; where it is NULL, leave with `{leave}`")
            }
            How::After(pointer) => {
                let pointer = plain(source, &pointer.text());
                format!("write `if (!{pointer}) {{ {leave} }}` after it")
            }
            How::Result(cond) => format!("write `if ({cond}) {{ {leave} }}` after it"),
            How::Wrap(before, behind) => {
                format!("write `if ({before}…{behind}) {{ {leave} }}` around the call")
            }
            _ => format!(
                "store the result in a variable first, write `if (!block) {{ {leave} }}` after \
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
                shown(function)
            ),
            help: Some(shown(&help)),
        }
    }

    /// Tells what stays behind where the inserted check leaves.
    pub fn left_behind(&self) -> Option<Notice> {
        let mut parts: Vec<String> = Vec::new();
        for (line, call, why) in &self.behind {
            let lent = call == references::SWAP || references::acquired(call).is_some();
            let what = if lent { "what" } else { "the block of" };
            let lends = if lent { " lends" } else { "" };
            parts.push(format!(
                "{what} `{}` in line {line}{lends}: {why}",
                shown(call)
            ));
        }
        (!parts.is_empty()).then(|| Notice {
            span: self.span,
            rule: Rule::StaysBehind,
            severity: Severity::Note,
            message: format!(
                "where the inserted check of `{}` leaves, this may stay behind: {}",
                shown(&self.called),
                parts.join("; ")
            ),
            help: Some("free it there if it is still this function's".into()),
        })
    }
}

impl Pointer {
    /// Its text, for a draft.
    pub fn text(&self) -> String {
        match self {
            Self::Copy(span) => copy(*span),
            Self::Text(text) | Self::Member(text) => text.clone(),
        }
    }
}

/// Where a statement stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
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
    lexed: &Lexed,
    style: &Style,
    name: &str,
    findings: Vec<Finding>,
    checks: &mut Checks,
) {
    let source = lexed.source;
    let mut statements: Vec<(Place, Vec<Finding>)> = Vec::new();
    for finding in findings {
        let place = match &finding.how {
            How::Person(_) => None,
            _ => finding.place.clone(),
        };
        let place = place.filter(|place| can_edit(lexed, place, &finding));
        let Some(place) = place else {
            let mut finding = finding;
            if !matches!(finding.how, How::Person(_)) {
                finding.how = How::Person(String::new());
            }
            let notice = finding.notice(source, name, Severity::Warning);
            checks.notices.push(notice);
            continue;
        };
        checks.notices.extend(finding.left_behind());
        match statements.iter_mut().find(|(p, _)| p.span == place.span) {
            Some((_, list)) => list.push(finding),
            None => statements.push((place, vec![finding])),
        }
    }
    for (place, mut list) in statements {
        // What is held at a check is what was allocated before it.
        list.sort_by_key(|finding| finding.site);
        let mut statement = Statement {
            lexed,
            style,
            place,
            checks,
        };
        statement.write(&list);
    }
}

/// Where a statement of the file stands.
pub fn place_of(ctx: &Context, stmt: StmtId) -> Option<Place> {
    let tree = ctx.tree();
    let span = ctx.text.statement(tree[stmt].toks)?;
    let Parent::Stmt(outer) = ctx.model.stmt_parent(stmt) else {
        return None;
    };
    let toks = tree[outer].toks;
    let outer_span = ctx.text.statement(toks)?;
    let braced = ctx.lexed.source[outer_span.start..].starts_with(b"{")
        || ctx.lexed.source[outer_span.start..].starts_with(b"<%");
    let mut listed = false;
    let mut takes_declaration = false;
    if let StmtKind::Block(list) = &tree[outer].kind
        && braced
    {
        let at = list.iter().position(|&s| s == stmt)?;
        let before = at.checked_sub(1).map(|before| &tree[list[before]].kind);
        listed = true;
        takes_declaration = !matches!(before, Some(StmtKind::Label(_) | StmtKind::Case { .. }));
    }
    if matches!(tree[stmt].kind, StmtKind::Decl(_)) {
        // Braces around it would end its scope; only a list can hold it anyway.
        takes_declaration = listed;
    }
    Some(Place {
        span,
        listed,
        takes_declaration,
        outer: outer_span,
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

/// What stands after a statement on its line.
enum Rest {
    /// Nothing but blanks and comments, up to this offset.
    Ends(usize),
    /// More code, or a comment that goes on.
    Code,
}

struct Statement<'a> {
    lexed: &'a Lexed<'a>,
    style: &'a Style,
    place: Place,
    checks: &'a mut Checks,
}

impl Statement<'_> {
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
            // After a label: the braces stand where the statement stood.
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
        let mut tested: Vec<String> = Vec::new();
        for finding in list {
            let cond = match &finding.how {
                How::Before { name, kind } => {
                    let value = copy(finding.moves);
                    let cond = self.style.is_null(name);
                    front += &format!("{kind}{name} = {value};");
                    front += &if lines {
                        self.style.lines(&indent, &cond, &finding.body) + newline + &indent
                    } else {
                        format!(" {} ", self.style.inline(&cond, &finding.body))
                    };
                    continue;
                }
                How::After(pointer) => {
                    let missing = self.style.is_null(&pointer.text());
                    let object = match pointer {
                        Pointer::Member(name) => name.rsplit_once("->").map(|n| n.0),
                        Pointer::Copy(_) | Pointer::Text(_) => None,
                    };
                    let untested = |o: &&str| !tested.contains(&self.style.is_null(o));
                    match object.filter(untested) {
                        Some(object) => self.style.is_object_without(object, &missing),
                        None => missing,
                    }
                }
                How::Result(cond) => cond.clone(),
                How::Wrap(before, behind) => {
                    self.wrap(finding, before, behind, &indent, lines);
                    continue;
                }
                How::Person(_) => continue,
            };
            // Several calls may store in one place, by `?:` for example.
            if tested.contains(&cond) {
                continue;
            }
            tested.push(cond.clone());
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

    /// Where the `else` after a statement starts, if only blanks and line endings stand between.
    fn else_behind(&self, at: usize) -> Option<usize> {
        let tokens = &self.lexed.tokens;
        let next = tokens.get(tokens.partition_point(|t| t.start < at))?;
        let blank = self.lexed.source[at..next.start]
            .iter()
            .all(u8::is_ascii_whitespace);
        (blank && self.lexed.is_ident(next, "else")).then_some(next.start)
    }

    /// Indents the lines of the statement after its first one by one more level.
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
    fn wrap(&mut self, finding: &Finding, before: &str, behind: &str, indent: &str, lines: bool) {
        let span = self.place.span;
        self.edit(
            Span::new(span.start, finding.span.start),
            format!("if ({before}"),
            EditKind::NullCheck,
            finding,
        );
        // The text after `if (cond` of the style, on its own lines or not.
        let whole = if lines {
            self.style.lines(indent, "\0", &finding.body)
        } else {
            self.style.inline("\0", &finding.body)
        };
        let tail = whole.split_once('\0').map_or("", |(_, tail)| tail);
        self.edit(
            Span::new(finding.span.end, span.end),
            format!("{behind}{tail}"),
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
            self.checks.moved.push((finding.moves, name.clone()));
            let inner = list.iter().any(|other| {
                matches!(other.how, How::Before { .. })
                    && other.moves != finding.moves
                    && other.moves.start <= finding.moves.start
                    && finding.moves.end <= other.moves.end
            });
            if !inner {
                self.edit(finding.moves, name.clone(), EditKind::Temporary, finding);
            }
        }
    }

    fn edit(&mut self, span: Span, text: String, kind: EditKind, finding: &Finding) {
        self.checks.drafts.push(Draft {
            span,
            text,
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
