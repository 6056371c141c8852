//! Calls that end a program in user space: `exit`, `abort`, a failing `assert`. BPF has no such
//! calls (`bpf_throw` is refused by Linux 6.18 where a function that throws is called from another:
//! "verifier bug: scc exit: no visit info"), so the function is left as where an allocation fails.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::context::Context;
use super::exits;
use super::style::Style;
use crate::c::Span;
use crate::c::lexer::{Kind, Lexed, Token, op};
use crate::rewrite::OnNull;
use crate::rewrite::library::EXITS;
use crate::rewrite::plan::{Edit, EditKind, Notice, Rule, Severity};
use crate::rewrite::unit::Unit;

/// What leaves a function whatever it returns, for macros that functions of several types use.
const ANY: &str = "static_leave";

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

/// How the functions that use a macro leave, directly or by way of other macros.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Use {
    leaves: BTreeSet<String>,
    /// Some use is no statement of its own.
    within: bool,
}

/// A macro that is used: its name, and whether the use is no statement of its own.
type Used = (Vec<u8>, bool);

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
    let mut in_macros: BTreeMap<Vec<u8>, Use> = BTreeMap::new();
    for function in ctx.functions().filter(|&f| ctx.is_planned(f)) {
        let Some(span) = ctx.shown(ctx.tree()[ctx.tree()[function].body].toks) else {
            continue;
        };
        let first = lexed.tokens.partition_point(|t| t.start < span.start);
        let last = lexed.tokens.partition_point(|t| t.start < span.end);
        let tokens = &lexed.tokens[first..last];
        let leave = exits::leave(ctx, function, wanted);
        for (name, within) in macros(unit, lexed, tokens) {
            let using = in_macros.entry(name).or_default();
            using.leaves.insert(leave.clone());
            using.within |= within;
        }
        for end in ends(tokens, &is_end) {
            match write(lexed, tokens, &end, &leave, false, &style) {
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
    spread(unit, &mut in_macros);
    bodies(unit, &in_macros, &is_end, &style, found);
}

/// The macros among tokens.
fn macros(unit: &Unit, lexed: &Lexed, tokens: &[Token]) -> Vec<Used> {
    let uses = |at: usize| {
        let name = lexed.text(&tokens[at]);
        let (_, define) = unit.define(&name)?;
        let close = match define.parameters.is_some() {
            true => closing(tokens, at + 1)?,
            false => at,
        };
        Some((name.into_owned(), !is_statement(lexed, tokens, at, close)))
    };
    let names = (0..tokens.len()).filter(|&at| tokens[at].kind == Kind::Ident);
    names.filter_map(uses).collect()
}

/// Gives what macros use the leaves of those that use them.
fn spread(unit: &Unit, in_macros: &mut BTreeMap<Vec<u8>, Use>) {
    let inside: Vec<(&[u8], Vec<Used>)> = unit
        .all_defines()
        .map(|(lexed, define)| (&*define.name, macros(unit, lexed, define.body(lexed))))
        .filter(|(_, used)| !used.is_empty())
        .collect();
    loop {
        let before = in_macros.clone();
        for (name, used) in &inside {
            let Some(outer) = in_macros.get(*name).cloned() else {
                continue;
            };
            for (inner, within) in used {
                let using = in_macros.entry(inner.clone()).or_default();
                using.leaves.extend(outer.leaves.iter().cloned());
                using.within |= outer.within || *within;
            }
        }
        if before == *in_macros {
            return;
        }
    }
}

/// The same in macros: the text has to fit all functions that use it, those of other files, too.
fn bodies(
    unit: &Unit,
    in_macros: &BTreeMap<Vec<u8>, Use>,
    is_end: &impl Fn(&Token) -> Option<bool>,
    style: &Style,
    found: &mut Exits,
) {
    let lexed = &unit.lexed;
    let shared = unit.path.extension().is_some_and(|ending| ending == "h");
    for define in &unit.defines {
        let body = define.body(lexed);
        let ends: Vec<End> = ends(body, is_end).collect();
        if ends.is_empty() {
            continue;
        }
        let using = in_macros.get(&define.name).cloned().unwrap_or_default();
        if using.leaves.is_empty() && !shared {
            continue;
        }
        for end in ends {
            let whole = end.first == 0 && end.close + 1 == body.len();
            let within = using.within || shared && whole;
            let edits = common(&using.leaves, shared)
                .and_then(|leave| write(lexed, body, &end, &leave, within, style));
            match edits {
                Some(edits) => found.edits.extend(edits),
                None => {
                    let leaves: Vec<&str> = using.leaves.iter().map(String::as_str).collect();
                    found
                        .notices
                        .push(stays(lexed, &body[end.first], &leaves.join(" or ")));
                }
            }
        }
    }
}

/// What leaves each of some functions, and those of files that are not known.
fn common(leaves: &BTreeSet<String>, shared: bool) -> Option<String> {
    let values: BTreeSet<&str> = leaves
        .iter()
        .filter_map(|leave| leave.strip_prefix("return ")?.strip_suffix(';'))
        .collect();
    // A structure is made in functions that return it, and no others.
    if leaves.len() + usize::from(shared) > 1 && values.iter().any(|value| value.starts_with('(')) {
        return None;
    }
    let leave = match (leaves.first(), values.first()) {
        (Some(leave), _) if leaves.len() == 1 && !shared => leave.clone(),
        (_, Some(value)) if values.len() == 1 && !shared => format!("{ANY}({value});"),
        // A pointer and each number have it, and no verdict's check refuses it.
        _ => format!("{ANY}(0);"),
    };
    Some(leave)
}

/// The calls among tokens that are statements of their own; `is_end` says whether one is an `assert`.
fn ends<'t>(
    tokens: &'t [Token],
    is_end: &'t impl Fn(&Token) -> Option<bool>,
) -> impl Iterator<Item = End> + 't {
    (0..tokens.len()).filter_map(move |first| {
        let member = first > 0 && (tokens[first - 1].is(op(".")) || tokens[first - 1].is(op("->")));
        let asserts = is_end(&tokens[first]).filter(|_| !member)?;
        let close = closing(tokens, first + 1)?;
        Some(End {
            first,
            close,
            asserts,
        })
    })
}

/// The parenthesis that closes the one at `open`, if there is one.
fn closing(tokens: &[Token], open: usize) -> Option<usize> {
    if !tokens.get(open)?.is(op("(")) {
        return None;
    }
    let mut depth = 0;
    (open..tokens.len()).find(|&i| {
        depth += i32::from(tokens[i].is(op("("))) - i32::from(tokens[i].is(op(")")));
        depth == 0
    })
}

/// Whether a call, from its name to its end, is a statement of its own.
fn is_statement(lexed: &Lexed, tokens: &[Token], first: usize, close: usize) -> bool {
    let before = first.checked_sub(1).map(|i| &tokens[i]);
    let starts = before.is_none_or(|t| {
        let ends = [";", "{", "}", ":", ")"].iter().any(|o| t.is(op(o)));
        ends || lexed.is_ident(t, "else") || lexed.is_ident(t, "do")
    });
    let converted = matches!(&tokens[..first], [.., open, word, end]
        if open.is(op("(")) && lexed.is_ident(word, "void") && end.is(op(")")));
    // A macro's body may leave the semicolon to its use.
    let behind = tokens.get(close + 1);
    starts && !converted && behind.is_none_or(|t| t.is(op(";")))
}

/// Whether a call is an operand of an expression.
fn is_operand(lexed: &Lexed, tokens: &[Token], first: usize) -> bool {
    let Some(before) = first.checked_sub(1).map(|i| &tokens[i]) else {
        return true;
    };
    let opens = ["(", ",", "?", ":", ";", "{", "}", ")", "&&", "||"];
    opens.iter().any(|o| before.is(op(o))) || lexed.is_ident(before, "return")
}

/// The edits that leave the function; none where that cannot be written. `within` says that a macro's
/// body stands in expressions.
fn write(
    lexed: &Lexed,
    tokens: &[Token],
    end: &End,
    leave: &str,
    within: bool,
    style: &Style,
) -> Option<Vec<Edit>> {
    let statement = is_statement(lexed, tokens, end.first, end.close);
    if !statement && !is_operand(lexed, tokens, end.first) {
        return None;
    }
    let before = end.first.checked_sub(1).map(|i| &tokens[i]);
    let (name, close) = (&tokens[end.first], &tokens[end.close]);
    let text = String::from_utf8_lossy(&lexed.text(name)).into_owned();
    let edit = |from: usize, to: usize, text: String, reason: String| Edit {
        span: Span::new(from, to),
        text: text.into_bytes(),
        kind: EditKind::Exit,
        reason,
    };
    // Between `if (a)` and `else` another `if` would take the `else`.
    let dangles =
        end.asserts && before.is_some_and(|t| t.is(op(")"))) && { tokens.get(end.close + 2) }
            .is_some_and(|t| lexed.is_ident(t, "else"));
    let operand = !statement || within || dangles;
    let bare = leave.strip_suffix(';')?;
    if !end.asserts {
        let reason = format!("BPF has no `{text}`: the function leaves with an error instead");
        let leave = match operand && !bare.starts_with(ANY) {
            true => format!("({{ {leave} }})"),
            false => bare.to_owned(),
        };
        return Some(vec![edit(name.start, close.end, leave, reason)]);
    }
    let inner = &tokens[end.first + 2..end.close];
    let in_macro = is_in_directive(lexed, name.start);
    // A name in a macro's body may be a parameter.
    let simple = inner.len() == 1 && inner[0].kind == Kind::Ident && !in_macro;
    let gap = match operand || in_macro || tokens_share_line(lexed, name.start) {
        true => " ".to_owned(),
        false => {
            let indent = indent(lexed, name.start);
            format!("{}{indent}{}", style.newline, style.unit)
        }
    };
    let reason = "a failing assertion leaves the function with an error";
    let open = tokens[end.first + 1].end;
    let (not, yes) = match simple {
        true => ("if (!", ")"),
        false => ("if (!(", "))"),
    };
    // Where the macro is used, an `else` may follow.
    let (head, finish) = match (operand, in_macro) {
        (true, _) => ("({ ", "; })"),
        (false, true) => ("do { ", "; } while (0)"),
        (false, false) => ("", ""),
    };
    Some(vec![
        edit(name.start, open, format!("{head}{not}"), reason.into()),
        edit(
            close.start,
            close.end,
            format!("{yes}{gap}{bare}{finish}"),
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
        message: format!("`{call}` ends no BPF program, and nothing fits all that leave here"),
        help: Some(format!("write `{leave}` where it is reached")),
    }
}
