//! The values of options and settings, from text.

use crate::c::lexer::{self, Kind};
use crate::heap::KernelVersion;
use crate::rewrite::{Backend, CommandLineMacro, OnNull, Recursion};

/// Reads a kernel version.
pub fn kernel_version(text: &str) -> Result<KernelVersion, String> {
    let wrong = || "give a version such as 6.1".to_owned();
    let (major, minor) = text.split_once('.').ok_or_else(wrong)?;
    Ok(KernelVersion {
        major: major.parse().map_err(|_| wrong())?,
        minor: minor.parse().map_err(|_| wrong())?,
    })
}

/// Reads the value of `--on-null`.
pub fn on_null(text: &str) -> Result<OnNull, String> {
    match text {
        "auto" => Ok(OnNull::Auto),
        "off" => Ok(OnNull::Off),
        "error" => Ok(OnNull::Error),
        _ => match text.strip_prefix("return=").map(str::trim) {
            Some("") => Err("an expression has to follow `return=`, as in return=-12".into()),
            Some(value) => expression(value).map(|()| OnNull::Return(value.into())),
            None => Err("possible values: auto, off, error, return=EXPR".into()),
        },
    }
}

/// The value of `--on-null`, as [`on_null`] reads it.
pub fn on_null_text(value: &OnNull) -> String {
    match value {
        OnNull::Auto => "auto".to_owned(),
        OnNull::Off => "off".to_owned(),
        OnNull::Error => "error".to_owned(),
        OnNull::Return(value) => format!("return={value}"),
    }
}

/// Whether a text can be the value of a `return`: numbers, names and operators. It comes into the
/// code as it is, and settings may be anybody's, so what does more than tell a value is refused.
fn expression(text: &str) -> Result<(), String> {
    const OPERATORS: [&[u8]; 24] = [
        b"(", b")", b"+", b"-", b"~", b"!", b"*", b"/", b"%", b"<<", b">>", b"&", b"|", b"^",
        b"&&", b"||", b"<", b">", b"<=", b">=", b"==", b"!=", b"?", b":",
    ];
    let no_value = |what: &str| {
        format!("`return=` takes an expression of numbers, names and operators, not {what}")
    };
    if text.contains(['\n', '\r', '\\', '#']) {
        return Err(no_value("several lines, nor `\\` or `#`"));
    }
    let lexed = lexer::lex(text.as_bytes());
    if !lexed.comments.is_empty() {
        return Err(no_value("a comment"));
    }
    let mut depth = 0;
    let mut ends_operand = false;
    for token in &lexed.tokens {
        let spelling = &text.as_bytes()[token.start..token.end];
        match token.kind {
            Kind::Ident | Kind::Number | Kind::Char => ends_operand = true,
            Kind::Punct if OPERATORS.contains(&spelling) => {
                match spelling {
                    b"(" if ends_operand => return Err(no_value("a call or a cast")),
                    b"(" => depth += 1,
                    b")" => depth -= 1,
                    _ => {}
                }
                if depth < 0 {
                    return Err(no_value("an unmatched `)`"));
                }
                ends_operand = spelling == b")";
            }
            _ => {
                return Err(no_value(&format!(
                    "`{}`",
                    String::from_utf8_lossy(spelling)
                )));
            }
        }
    }
    match depth {
        0 if !lexed.tokens.is_empty() => Ok(()),
        _ => Err(no_value("an unmatched `(`")),
    }
}

/// Reads the value of `--backend`.
pub fn backend(text: &str) -> Result<Backend, String> {
    match text {
        "auto" => Ok(Backend::Auto),
        "map" => Ok(Backend::Map),
        "arena" => Ok(Backend::Arena),
        _ => Err("possible values: map, arena, auto".into()),
    }
}

/// The value of `--backend`, as [`backend`] reads it. What a kernel without arenas makes of `auto`
/// has no name of its own.
pub fn backend_text(value: Backend) -> &'static str {
    match value {
        Backend::Auto | Backend::Stored => "auto",
        Backend::Map => "map",
        Backend::Arena => "arena",
    }
}

/// Reads the value of `--recursion`.
pub fn recursion(text: &str) -> Result<Recursion, String> {
    match text {
        "auto" => Ok(Recursion::Auto),
        "off" => Ok(Recursion::Off),
        _ => Err("possible values: auto, off".into()),
    }
}

/// The value of `--recursion`, as [`recursion`] reads it.
pub fn recursion_text(value: Recursion) -> &'static str {
    match value {
        Recursion::Auto => "auto",
        Recursion::Off => "off",
    }
}

/// Reads a size in bytes, with an optional binary suffix.
pub fn size(text: &str) -> Result<u64, String> {
    let (digits, shift) = match text.as_bytes().last() {
        Some(b'k' | b'K') => (&text[..text.len() - 1], 10),
        Some(b'm' | b'M') => (&text[..text.len() - 1], 20),
        Some(b'g' | b'G') => (&text[..text.len() - 1], 30),
        _ => (text, 0),
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| "give a number of bytes, as in 1000000, 512K or 8M".to_owned())?;
    number
        .checked_mul(1 << shift)
        .ok_or_else(|| "does not fit into 64 bits".into())
}

/// Reads the value of `-D`: without `=` the macro is 1, as for every compiler.
pub fn define(text: &str) -> CommandLineMacro {
    let (name, value) = text.split_once('=').unwrap_or((text, "1"));
    CommandLineMacro {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}

/// Reads the value of `-U`.
pub fn undefine(name: &str) -> CommandLineMacro {
    CommandLineMacro {
        name: name.to_owned(),
        value: None,
    }
}

/// The name that is most like a word that is none, if one is like it at all: at most a third of its
/// letters are others. Quadratic in the lengths.
pub fn nearest<'a>(word: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let found = names.map(|name| (distance(word, name), name)).min()?;
    (found.0 * 3 <= word.chars().count().max(3)).then_some(found.1)
}

/// How many letters have to be inserted, removed or changed (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (index, letter) in a.chars().enumerate() {
        let mut corner = row[0];
        row[0] = index + 1;
        for (at, other) in b.iter().enumerate() {
            let changed = corner + usize::from(letter != *other);
            corner = row[at + 1];
            row[at + 1] = changed.min(corner + 1).min(row[at] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("8M"), Ok(8 << 20));
        assert_eq!(size("2k"), Ok(2048));
        assert!(size("M").is_err() && size("").is_err() && size("99999999999G").is_err());
    }

    #[test]
    fn what_was_meant() {
        let names = || ["on-null", "backend", "exclude"].into_iter();
        assert_eq!(nearest("on-nul", names()), Some("on-null"));
        assert_eq!(nearest("backends", names()), Some("backend"));
        assert_eq!(nearest("nonsense", names()), None);
        assert_eq!((distance("", "ab"), distance("kitten", "sitting")), (2, 3));
    }

    #[test]
    fn null_policies() {
        assert_eq!(on_null("return=-12"), Ok(OnNull::Return("-12".into())));
        assert!(on_null("return=").is_err() && on_null("maybe").is_err());
        for value in [
            "-ENOMEM",
            "0",
            "XDP_DROP",
            "(1 << 2) | 0x10u",
            "debug ? 1 : -1",
            "'a'",
        ] {
            assert!(on_null(&format!("return={value}")).is_ok(), "{value}");
        }
        for value in [
            "system(\"id\")",
            "f(1)",
            "(f)(1)",
            "({ f; })",
            "0; evil",
            "a = 1",
            "i++",
            "\"text\"",
            "1 // x",
            "1 /* x */",
            "1\n#define int",
            "(1",
            "1)",
            "a, b",
            "p->x",
            "a[1]",
            "0 }",
            "\\",
        ] {
            assert!(on_null(&format!("return={value}")).is_err(), "{value}");
        }
    }
}
