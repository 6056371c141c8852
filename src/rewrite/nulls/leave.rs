//! Calls that end a program in user space: `exit`, `abort`, a failing `assert`. BPF has no such
//! calls (`bpf_throw` is refused by Linux 6.18 where a function that throws is called from another:
//! "verifier bug: scc exit: no visit info"), so the function is left as where an allocation fails.

use std::collections::{BTreeMap, HashMap};

use super::context::Context;
use super::exits;
use super::style::Style;
use crate::c::Span;
use crate::c::lexer::{Kind, Lexed, Token, op};
use crate::rewrite::OnNull;
use crate::rewrite::library::EXITS;
use crate::rewrite::plan::{Edit, EditKind, Notice, Rule, Severity};
use crate::rewrite::unit::Unit;

/// A call that ends the program.
struct End {
    /// Its tokens: name to closing parenthesis.
    first: usize,
    close: usize,
    /// It is an `assert`.
    asserts: bool,
}

/// What is planned for them.
#[derive(Debug, Default)]
pub struct Exits {
    /// What leaves the functions instead.
    pub edits: Vec<Edit>,
    /// What to tell.
    pub notices: Vec<Notice>,
}

/// Plans what becomes of all of them.
pub fn file(ctx: &Context, unit: &Unit, on_null: &OnNull, found: &mut Exits) {
    let lexed = ctx.lexed;
    let own =
        |name: &str| ctx.function_named(name).is_some() || unit.define(name.as_bytes()).is_some();
    let names: Vec<&str> = EXITS.iter().copied().filter(|name| !own(name)).collect();
    // Without assertions the macro stands for nothing, and stays.
    let debug = memchr::memmem::find(lexed.source, b"NDEBUG").is_none();
    let asserts = debug && !own("assert");
    let mut ended: HashMap<Vec<u8>, bool> = HashMap::new();
    ended.extend(names.iter().map(|name| (name.as_bytes().to_vec(), false)));
    ended.extend(asserts.then(|| (b"assert".to_vec(), true)));
    // `#define my_assert assert`
    let other_names: Vec<(Vec<u8>, bool)> = unit
        .all_defines()
        .filter(|(_, define)| define.parameters.is_none())
        .filter_map(|(lexed, define)| match define.body(lexed) {
            [one] => Some((define.name.clone(), *ended.get(&*lexed.text(one))?)),
            _ => None,
        })
        .collect();
    ended.extend(other_names);
    let is_end = |token: &Token| match token.kind {
        Kind::Ident => ended.get(&*lexed.text(token)).copied(),
        _ => None,
    };
    if !lexed
        .tokens
        .iter()
        .chain(&lexed.inner)
        .any(|t| is_end(t).is_some())
    {
        return;
    }
    let style = Style::of(lexed);
    let wanted = match on_null {
        OnNull::Return(text) => Some(text.as_str()),
        _ => None,
    };
    let mut in_macros: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for function in ctx.functions().filter(|&f| ctx.is_planned(f)) {
        let Some(span) = ctx.shown(ctx.tree()[ctx.tree()[function].body].toks) else {
            continue;
        };
        let first = lexed.tokens.partition_point(|t| t.start < span.start);
        let last = lexed.tokens.partition_point(|t| t.start < span.end);
        let tokens = &lexed.tokens[first..last];
        let leave = exits::leave(ctx, function, wanted);
        for token in tokens.iter().filter(|t| t.kind == Kind::Ident) {
            let name = lexed.text(token);
            if unit.define(&name).is_some() {
                let name = String::from_utf8_lossy(&name).into_owned();
                in_macros.entry(name).or_default().push(leave.clone());
            }
        }
        for end in ends(tokens, &is_end) {
            match write(lexed, tokens, &end, &leave, &style) {
                Some(edits) => {
                    found.edits.extend(edits);
                    if ctx.section(function).is_none() {
                        let name = ctx.function_name(function);
                        found
                            .notices
                            .push(only_leaves(lexed, &tokens[end.first], &name));
                    }
                }
                None => found.notices.push(stays(lexed, &tokens[end.first], &leave)),
            }
        }
    }
    bodies(unit, &in_macros, &is_end, &style, found);
}

/// The same in macros: the text has to fit all functions that use it.
fn bodies(
    unit: &Unit,
    in_macros: &BTreeMap<String, Vec<String>>,
    is_end: &impl Fn(&Token) -> Option<bool>,
    style: &Style,
    found: &mut Exits,
) {
    let lexed = &unit.lexed;
    for define in &unit.defines {
        let body = define.body(lexed);
        let ends: Vec<End> = ends(body, is_end).collect();
        if ends.is_empty() {
            continue;
        }
        let name = String::from_utf8_lossy(&define.name).into_owned();
        let mut leaves = in_macros.get(&name).cloned().unwrap_or_default();
        leaves.sort();
        leaves.dedup();
        for end in ends {
            let edits = match leaves.as_slice() {
                [leave] => write(lexed, body, &end, leave, style),
                _ => None,
            };
            match edits {
                Some(edits) => found.edits.extend(edits),
                None if leaves.is_empty() => {}
                None => found
                    .notices
                    .push(stays(lexed, &body[end.first], &leaves.join(" or "))),
            }
        }
    }
}

/// The calls among tokens that are statements of their own; `is_end` says whether one is an `assert`.
fn ends<'t>(
    tokens: &'t [Token],
    is_end: &'t impl Fn(&Token) -> Option<bool>,
) -> impl Iterator<Item = End> + 't {
    (0..tokens.len()).filter_map(move |first| {
        let member = first > 0 && (tokens[first - 1].is(op(".")) || tokens[first - 1].is(op("->")));
        let asserts = is_end(&tokens[first]).filter(|_| !member)?;
        if !tokens.get(first + 1)?.is(op("(")) {
            return None;
        }
        let close = closing(tokens, first + 1)?;
        Some(End {
            first,
            close,
            asserts,
        })
    })
}

/// The parenthesis that closes another one.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    let mut depth = 0;
    (open..tokens.len()).find(|&i| {
        depth += i32::from(tokens[i].is(op("("))) - i32::from(tokens[i].is(op(")")));
        depth == 0
    })
}

/// The edits that leave the function; none where the call is no statement of its own.
fn write(
    lexed: &Lexed,
    tokens: &[Token],
    end: &End,
    leave: &str,
    style: &Style,
) -> Option<Vec<Edit>> {
    let before = end.first.checked_sub(1).map(|i| &tokens[i]);
    let starts = before.is_none_or(|t| {
        t.is(op(";"))
            || t.is(op("{"))
            || t.is(op("}"))
            || t.is(op(":"))
            || t.is(op(")"))
            || lexed.is_ident(t, "else")
            || lexed.is_ident(t, "do")
    });
    let behind = tokens.get(end.close + 1);
    if !starts || behind.is_some_and(|t| !t.is(op(";"))) {
        return None;
    }
    // A macro's body may leave the semicolon to its use.
    let leave = leave.strip_suffix(';')?;
    let (name, close) = (&tokens[end.first], &tokens[end.close]);
    let text = String::from_utf8_lossy(&lexed.text(name)).into_owned();
    let edit = |from: usize, to: usize, text: String, reason: String| Edit {
        span: Span::new(from, to),
        text: text.into_bytes(),
        kind: EditKind::Exit,
        reason,
    };
    if !end.asserts {
        let reason = format!("BPF has no `{text}`: the function leaves with an error instead");
        return Some(vec![edit(name.start, close.end, leave.to_owned(), reason)]);
    }
    // Between `if (a)` and `else` another `if` would take the `else`.
    let dangles = before.is_some_and(|t| t.is(op(")")))
        && tokens
            .get(end.close + 2)
            .is_some_and(|t| lexed.is_ident(t, "else"));
    if dangles {
        return None;
    }
    let inner = &tokens[end.first + 2..end.close];
    let in_macro = is_in_directive(lexed, name.start);
    // A name in a macro's body may be a parameter.
    let simple = inner.len() == 1 && inner[0].kind == Kind::Ident && !in_macro;
    let gap = match in_macro || tokens_share_line(lexed, name.start) {
        true => " ".to_owned(),
        false => {
            let indent = indent(lexed, name.start);
            format!("{}{indent}{}", style.newline, style.unit)
        }
    };
    let reason = "a failing assertion leaves the function with an error";
    let open = tokens[end.first + 1].end;
    // Where the macro is used, an `else` may follow.
    let (head, tail, finish) = match (in_macro, simple) {
        (true, _) => ("do { if (!(", "))", "; } while (0)"),
        (false, true) => ("if (!", ")", ""),
        (false, false) => ("if (!(", "))", ""),
    };
    Some(vec![
        edit(name.start, open, head.into(), reason.into()),
        edit(
            close.start,
            close.end,
            format!("{tail}{gap}{leave}{finish}"),
            reason.into(),
        ),
    ])
}

/// The blanks at the beginning of a line.
fn indent(lexed: &Lexed, at: usize) -> String {
    let start = memchr::memrchr2(b'\n', b'\r', &lexed.source[..at]).map_or(0, |n| n + 1);
    let blanks = lexed.source[start..at]
        .iter()
        .take_while(|b| matches!(b, b' ' | b'\t'));
    blanks.map(|&b| b as char).collect()
}

/// Whether something stands before a token on its line.
fn tokens_share_line(lexed: &Lexed, at: usize) -> bool {
    let start = memchr::memrchr2(b'\n', b'\r', &lexed.source[..at]).map_or(0, |n| n + 1);
    !lexed.source[start..at].iter().all(u8::is_ascii_whitespace)
}

fn is_in_directive(lexed: &Lexed, at: usize) -> bool {
    let next = lexed.directives.partition_point(|d| d.end < at);
    lexed.directives.get(next).is_some_and(|d| d.start <= at)
}

fn only_leaves(lexed: &Lexed, token: &Token, function: &str) -> Notice {
    let call = String::from_utf8_lossy(&lexed.text(token)).into_owned();
    Notice {
        span: Span::new(token.start, token.end),
        rule: Rule::Exit,
        severity: Severity::Note,
        message: format!("`{call}` leaves `{function}` only: its callers go on"),
        help: Some("test in the callers what it returns, where that matters".into()),
    }
}

fn stays(lexed: &Lexed, token: &Token, leave: &str) -> Notice {
    let call = String::from_utf8_lossy(&lexed.text(token)).into_owned();
    Notice {
        span: Span::new(token.start, token.end),
        rule: Rule::Exit,
        severity: Severity::Warning,
        message: format!("`{call}` ends no BPF program, and is no statement of its own here"),
        help: Some(format!("write `{leave}` where it is reached")),
    }
}
