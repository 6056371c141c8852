//! Finds the headers of the project that define the functions and macros a file calls, so that a
//! check which is hidden in one of them is not missed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::headers::includes;
use super::super::lexer::{Lexed, is_ident_byte};
use super::super::project::{Header, Project};

/// How many headers are looked at for one file, and how many are read in the end.
const LOOKED_AT: usize = 400;
const READ: usize = 12;

/// The headers that `from` includes, directly or through others, and that define one of `names`.
pub fn headers_with(
    from: &Path,
    lexed: &Lexed,
    project: &dyn Project,
    names: &HashSet<Vec<u8>>,
) -> Vec<Header> {
    let mut search = Search {
        project,
        names,
        seen: HashSet::from([from.to_path_buf()]),
        found: Vec::new(),
    };
    let mut open: Vec<(PathBuf, String, bool)> = includes(lexed)
        .into_iter()
        .map(|(name, angled)| (from.to_path_buf(), name, angled))
        .collect();
    open.reverse();
    while let Some((from, name, angled)) = open.pop() {
        if search.seen.len() > LOOKED_AT || search.found.len() >= READ {
            break;
        }
        search.visit(&from, &name, angled, &mut open);
    }
    search.found
}

struct Search<'p> {
    project: &'p dyn Project,
    names: &'p HashSet<Vec<u8>>,
    seen: HashSet<PathBuf>,
    found: Vec<Header>,
}

impl Search<'_> {
    fn visit(
        &mut self,
        from: &Path,
        name: &str,
        angled: bool,
        open: &mut Vec<(PathBuf, String, bool)>,
    ) {
        let Some(header) = self.project.header(from, name, angled) else {
            return;
        };
        if !self.seen.insert(header.path.clone()) {
            return;
        }
        let info = self.project.cache().info(&header);
        for (name, angled) in &info.includes {
            open.push((header.path.clone(), name.clone(), *angled));
        }
        let bytes = Arc::clone(&header.bytes);
        if !super::super::include::is_allocator_header(&header.path.to_string_lossy())
            && self.names.iter().any(|name| defines(&bytes, name))
        {
            self.found.push(header);
        }
    }
}

/// Whether the text defines a macro or a function with this name.
fn defines(text: &[u8], name: &[u8]) -> bool {
    memchr::memmem::find_iter(text, name).any(|at| {
        let end = at + name.len();
        let whole = (at == 0 || !is_ident_byte(text[at - 1]))
            && text.get(end).is_none_or(|&b| !is_ident_byte(b));
        whole && (is_macro(text, at) || has_body(text, end))
    })
}

fn is_macro(text: &[u8], at: usize) -> bool {
    text[..at].trim_ascii_end().ends_with(b"define")
}

/// Whether an argument list and then a block follow.
fn has_body(text: &[u8], end: usize) -> bool {
    let mut depth = 0usize;
    for (at, &byte) in text[end..].iter().enumerate().take(2000) {
        match byte {
            b'(' => depth += 1,
            b')' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return text[end + at + 1..].trim_ascii_start().first() == Some(&b'{');
                }
            }
            _ if depth == 0 && !byte.is_ascii_whitespace() => return false,
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_definitions_from_uses() {
        let text = b"#define CHECK(p) if (!(p)) return\nint use(int (*f)(int), int n);\n\
                     static inline int get(int n)\n{\n\treturn use(0, n);\n}\n";
        assert!(defines(text, b"CHECK"));
        assert!(defines(text, b"get"));
        assert!(!defines(text, b"use"));
        assert!(!defines(text, b"HECK"));
    }
}
