//! The head of a function: its name, parameters, section and what it returns.

use super::super::outline::is_annotation;
use super::super::stream::is_tag_word;
use super::unit::Files;
use crate::c::bytes::decode;
use crate::c::lexer::{Kind, Token, op};

/// What a function returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Nothing.
    Void,
    /// A pointer.
    Pointer,
    /// A truth value.
    Bool,
    /// A number that can be negative.
    Signed,
    /// A number that cannot.
    Unsigned,
    /// A floating-point number.
    Float,
    /// A value of a type that has to be named.
    Value(String),
    /// Its type is hidden in a macro: what it returns decides.
    Hidden,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its name; empty where it has none.
    pub name: String,
    /// It is a pointer or an array.
    pub pointer: bool,
}

/// The head of a function.
#[derive(Clone, Debug)]
pub struct Head {
    /// The function's name.
    pub name: String,
    /// Its parameters.
    pub params: Vec<Param>,
    /// What it returns.
    pub returns: Returns,
    /// The name of its section, for a program.
    pub section: Option<String>,
    /// It has internal linkage.
    pub local: bool,
}

/// Reads the head of the function with this frame of the outline.
pub fn head(files: &Files, file: usize, function: usize) -> Option<Head> {
    let unit = files.get(file);
    let (lexed, outline) = (unit.lexed, unit.outline);
    let frame = &outline.frames[function];
    let open = frame.open?;
    let name_at = outline.function_name(lexed, function)?;
    let close = outline.mate(name_at + 1)?;
    let word = |i: usize| {
        let token: &Token = &lexed.tokens[i];
        if token.kind == Kind::Ident {
            decode(&lexed.text(token))
        } else {
            String::new()
        }
    };
    let mut parts = split(&lexed.tokens, name_at + 2, close);
    let mut name = word(name_at);
    // `BPF_PROG(name, …)` and its family stand for a function with that name.
    if name.starts_with("BPF_") && parts.first().is_some_and(|&(a, b)| b == a + 1) {
        let (first, _) = parts.remove(0);
        name = word(first);
    }
    let params = parts
        .iter()
        .filter_map(|&(from, to)| param(&lexed.tokens, &word, from, to))
        .collect();
    let specifiers: Vec<usize> = (frame.head..name_at)
        .filter(|&i| !outline.dead[i])
        .collect();
    Some(Head {
        name,
        params,
        returns: returns(files, file, &specifiers, &word),
        section: section(files, file, frame.head..open),
        local: specifiers.iter().any(|&i| word(i) == "static"),
    })
}

/// The ranges of a list between commas.
fn split(tokens: &[Token], from: usize, to: usize) -> Vec<(usize, usize)> {
    let (mut parts, mut start, mut depth) = (Vec::new(), from, 0usize);
    for (i, token) in tokens.iter().enumerate().take(to).skip(from) {
        if token.is(op("(")) || token.is(op("[")) || token.is(op("{")) {
            depth += 1;
        } else if token.is(op(")")) || token.is(op("]")) || token.is(op("}")) {
            depth = depth.saturating_sub(1);
        } else if token.is(op(",")) && depth == 0 {
            parts.push((start, i));
            start = i + 1;
        }
    }
    if start < to {
        parts.push((start, to));
    }
    parts
}

fn param(
    tokens: &[Token],
    word: &dyn Fn(usize) -> String,
    from: usize,
    to: usize,
) -> Option<Param> {
    if to == from + 1 && word(from) == "void" {
        return None;
    }
    let has = |code: &str| (from..to).any(|i| tokens[i].is(op(code)));
    // Of `int (*f)(void *p)` the name stands behind the first star.
    let end = (from..to)
        .find(|&i| tokens[i].is(op(")")) || tokens[i].is(op("[")))
        .unwrap_or(to);
    let name = (from..end)
        .rev()
        .find(|&i| tokens[i].kind == Kind::Ident && !word(i).starts_with("__arg_"));
    Some(Param {
        name: name.map(word).unwrap_or_default(),
        pointer: has("*") || has("["),
    })
}

fn section(files: &Files, file: usize, head: std::ops::Range<usize>) -> Option<String> {
    let lexed = files.get(file).lexed;
    for i in head.clone() {
        let token = &lexed.tokens[i];
        let word = lexed.text(token);
        if token.kind != Kind::Ident || !matches!(&*word, b"SEC" | b"section" | b"__section") {
            continue;
        }
        let text = lexed.tokens[i + 1..head.end]
            .iter()
            .take(2)
            .find(|t| t.kind == Kind::Str)?;
        let text = lexed.text(text);
        let text = String::from_utf8_lossy(&text);
        return Some(text.trim_matches('"').to_owned());
    }
    None
}

fn returns(
    files: &Files,
    file: usize,
    specifiers: &[usize],
    word: &dyn Fn(usize) -> String,
) -> Returns {
    let unit = files.get(file);
    let tokens = &unit.lexed.tokens;
    let mut words: Vec<String> = Vec::new();
    let mut i = 0;
    while i < specifiers.len() {
        let at = specifiers[i];
        let text = word(at);
        if tokens[at].is(op("*")) || tokens[at].is(op("(")) {
            return Returns::Pointer;
        }
        i += 1;
        if text.is_empty() {
            continue;
        }
        if specifiers.get(i).is_some_and(|&n| tokens[n].is(op("("))) {
            let close = unit.outline.mate(specifiers[i]).unwrap_or(specifiers[i]);
            if !is_annotation(text.as_bytes()) || text.contains("typeof") {
                words.push(format!("{text}(…)"));
            }
            while specifiers.get(i).is_some_and(|&n| n <= close) {
                i += 1;
            }
            continue;
        }
        if !is_qualifier(&text) {
            words.push(text);
        }
    }
    class(files, &words)
}

fn is_qualifier(word: &str) -> bool {
    matches!(
        word,
        "static"
            | "extern"
            | "inline"
            | "const"
            | "volatile"
            | "register"
            | "auto"
            | "_Noreturn"
            | "noinline"
    ) || (word.starts_with("__") && !matches!(word, "__u8" | "__u16" | "__u32" | "__u64"))
        && !is_number(word)
}

fn is_number(word: &str) -> bool {
    let word = word.trim_start_matches("__");
    let digits = |rest: &str| rest.trim_end_matches("_t").parse::<u8>().is_ok();
    let kinds = ["s", "u", "be", "le", "int", "uint"];
    kinds
        .iter()
        .any(|kind| word.strip_prefix(kind).is_some_and(digits))
}

/// What a type says about a returned value.
fn class(files: &Files, words: &[String]) -> Returns {
    let Some(last) = words.last() else {
        return Returns::Hidden;
    };
    let last = last.as_str();
    let has = |word: &str| words.iter().any(|w| w == word);
    if let Some(tag) = words.iter().position(|w| is_tag_word(w.as_bytes())) {
        if words[tag] == "enum" {
            return Returns::Unsigned;
        }
        return Returns::Value(words[tag..].join(" "));
    }
    if has("unsigned") {
        return Returns::Unsigned;
    }
    let bare = last.trim_start_matches("__");
    match bare {
        "void" => Returns::Void,
        "bool" | "_Bool" => Returns::Bool,
        "float" | "double" => Returns::Float,
        "int" | "long" | "short" | "char" | "signed" | "ssize_t" | "ptrdiff_t" | "intptr_t"
        | "time_t" => Returns::Signed,
        "size_t" | "uintptr_t" | "ulong" | "uint" | "uchar" | "ushort" => Returns::Unsigned,
        _ if is_number(last) => {
            if bare.starts_with('s') || bare.starts_with("int") {
                Returns::Signed
            } else {
                Returns::Unsigned
            }
        }
        _ => typedef(files, last).unwrap_or_else(|| {
            // Types of the system's headers are not read; macros are mostly in capitals.
            if last.bytes().any(|b| b.is_ascii_lowercase()) && !last.contains('(') {
                Returns::Value(last.to_owned())
            } else {
                Returns::Hidden
            }
        }),
    }
}

/// What a type that the project defines stands for.
fn typedef(files: &Files, name: &str) -> Option<Returns> {
    for file in 0..files.len() {
        let unit = files.get(file);
        let tokens = &unit.lexed.tokens;
        for (i, token) in tokens.iter().enumerate() {
            let named = token.kind == Kind::Ident
                && tokens.get(i + 1).is_some_and(|t| t.is(op(";")))
                && *unit.lexed.text(token) == *name.as_bytes();
            if !named || i == 0 {
                continue;
            }
            // Back to the start of the declaration, over the members of a structure.
            let mut start = i;
            while start > 0 && !tokens[start - 1].is(op(";")) {
                start -= 1;
                if tokens[start].is(op("}")) {
                    match unit.outline.mate(start) {
                        Some(open)
                            if unit.outline.frames[unit.outline.frame_of[i]].open.is_none() =>
                        {
                            start = open;
                        }
                        _ => break,
                    }
                }
            }
            let words: Vec<String> = tokens[start..i]
                .iter()
                .filter(|t| t.kind == Kind::Ident)
                .map(|t| decode(&unit.lexed.text(t)))
                .collect();
            if !words.iter().any(|word| word == "typedef") {
                continue;
            }
            if tokens[i - 1].is(op("*")) {
                return Some(Returns::Pointer);
            }
            if words
                .iter()
                .any(|w| matches!(w.as_str(), "struct" | "union"))
            {
                return Some(Returns::Value(name.to_owned()));
            }
            let words: Vec<String> = words
                .into_iter()
                .filter(|w| w != "typedef" && w != name)
                .collect();
            return Some(class(files, &words)).filter(|found| !matches!(found, Returns::Value(_)));
        }
    }
    None
}
