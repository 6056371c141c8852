//! The arena that a program declares itself. A program can have only one, so the heap goes there.

use super::parsed::is_ours;
use crate::c::Span;
use crate::c::cpp::Unit;
use crate::c::lexer::{Kind, Lexed, Token, lex, op};
use crate::heap::HEADER_NAME;

/// A map of the type BPF_MAP_TYPE_ARENA.
#[derive(Clone, Debug)]
pub struct OwnArena {
    /// Its name.
    pub name: String,
    /// Its declaration, if it stands in the file itself and not in a header.
    pub here: Option<Span>,
}

/// How the type is spelled, and its number.
const TYPE: (&str, &str) = ("BPF_MAP_TYPE_ARENA", "33");

/// The first arena that a unit declares, in the file itself or in a header of the project.
pub fn find(unit: &Unit) -> Option<OwnArena> {
    let named = |bytes: &[u8], name: &str| memchr::memmem::find(bytes, name.as_bytes()).is_some();
    let ours = unit.files.iter().enumerate().filter(|(_, f)| is_ours(f));
    let mut maps = ours.filter(|(_, file)| {
        let header = file.path.ends_with(HEADER_NAME);
        let spelled = named(&file.bytes, TYPE.0) || named(&file.bytes, TYPE.1);
        !header && named(&file.bytes, ".maps") && spelled
    });
    maps.find_map(|(index, file)| {
        let (name, span) = declared(&lex(&file.bytes))?;
        let here = (index == 0).then_some(span);
        Some(OwnArena { name, here })
    })
}

/// The first `struct { __uint(type, BPF_MAP_TYPE_ARENA); … } NAME SEC(".maps");`.
fn declared(lexed: &Lexed) -> Option<(String, Span)> {
    let tokens = &lexed.tokens;
    let number =
        |token: &Token| token.kind == Kind::Number && *lexed.text(token) == *TYPE.1.as_bytes();
    for (at, window) in tokens.windows(5).enumerate() {
        let [uint, open, kind, comma, value] = window else {
            continue;
        };
        let is_type = lexed.is_ident(uint, "__uint")
            && open.is(op("("))
            && lexed.is_ident(kind, "type")
            && comma.is(op(","))
            && (lexed.is_ident(value, TYPE.0) || number(value));
        if !is_type {
            continue;
        }
        let start = tokens[..at]
            .iter()
            .rposition(|t| lexed.is_ident(t, "struct"))?;
        let close = at + tokens[at..].iter().position(|t| t.is(op("}")))?;
        let name = tokens.get(close + 1).filter(|t| t.kind == Kind::Ident)?;
        let end = close + tokens[close..].iter().position(|t| t.is(op(";")))?;
        let text = String::from_utf8_lossy(&lexed.text(name)).into_owned();
        return Some((text, Span::new(tokens[start].start, tokens[end].end)));
    }
    None
}
