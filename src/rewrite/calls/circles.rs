//! Whether functions can call each other in circles, from tokens alone.

use std::borrow::Cow;

use rustc_hash::FxHashMap;

use crate::c::lexer::{Kind, Lexed, Token, op};

/// What the functions and macros of a file mention, by name.
#[derive(Default)]
struct Mentions<'s> {
    known: FxHashMap<Cow<'s, [u8]>, usize>,
    /// By name: the names in the bodies.
    inner: Vec<Vec<Cow<'s, [u8]>>>,
}

impl<'s> Mentions<'s> {
    fn add(&mut self, name: Cow<'s, [u8]>, inner: &[Cow<'s, [u8]>]) {
        let next = self.inner.len();
        let at = *self.known.entry(name).or_insert(next);
        if at == next {
            self.inner.push(Vec::new());
        }
        self.inner[at].extend_from_slice(inner);
    }
}

/// Whether a function of the file mentions itself, by way of other functions and macros of the file
/// or directly. Never wrong in saying no, but for functions that macros make and for macros of
/// headers. Linear in the number of tokens.
pub(super) fn may_be(lexed: &Lexed) -> bool {
    let mut mentions = Mentions::default();
    functions(lexed, &mut mentions);
    for directive in &lexed.directives {
        let inner = &lexed.inner[directive.inner.clone()];
        if let [define, name, body @ ..] = inner
            && *lexed.text(define) == *b"define"
        {
            mentions.add(lexed.text(name), &names(lexed, body));
        }
    }
    circle(&mentions)
}

fn names<'s>(lexed: &Lexed<'s>, tokens: &[Token]) -> Vec<Cow<'s, [u8]>> {
    let idents = tokens.iter().filter(|t| t.kind == Kind::Ident);
    idents.map(|t| lexed.text(t)).collect()
}

/// Each block outside of all others belongs to the names before it that parentheses follow.
fn functions<'s>(lexed: &Lexed<'s>, mentions: &mut Mentions<'s>) {
    let tokens = &lexed.tokens;
    let (mut depth, mut open) = (0usize, 0);
    let mut heads: Vec<Cow<[u8]>> = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        if token.is(op("{")) {
            if depth == 0 {
                open = at;
            }
            depth += 1;
        } else if token.is(op("}")) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                let inner = names(lexed, &tokens[open..at]);
                for name in heads.drain(..) {
                    mentions.add(name, &inner);
                }
            }
        } else if depth == 0 && token.kind == Kind::Ident {
            if tokens.get(at + 1).is_some_and(|t| t.is(op("("))) {
                heads.push(lexed.text(token));
            }
        } else if depth == 0 && token.is(op(";")) {
            // A prototype ends; the parameters of a definition of old may, too.
            if at > 0 && tokens[at - 1].is(op(")")) {
                heads.clear();
            }
        }
    }
    if depth > 0 {
        // Conditions have left braces open.
        let inner = names(lexed, &tokens[open..]);
        for name in heads {
            mentions.add(name, &inner);
        }
    }
}

/// Whether there is a way from a name back to itself.
fn circle(mentions: &Mentions) -> bool {
    // 0: not seen, 1: on the way, 2: done
    let mut seen = vec![0u8; mentions.inner.len()];
    let mut way: Vec<(usize, usize)> = Vec::new();
    for start in 0..seen.len() {
        if seen[start] != 0 {
            continue;
        }
        seen[start] = 1;
        way.push((start, 0));
        while let Some((at, next)) = way.last_mut() {
            let Some(name) = mentions.inner[*at].get(*next) else {
                seen[*at] = 2;
                way.pop();
                continue;
            };
            *next += 1;
            if let Some(&to) = mentions.known.get(name) {
                match seen[to] {
                    0 => {
                        seen[to] = 1;
                        way.push((to, 0));
                    }
                    1 => return true,
                    _ => {}
                }
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::may_be;
    use crate::c::lexer::lex;

    #[test]
    fn circles_are_found_by_their_names() {
        let may = |text: &str| may_be(&lex(text.as_bytes()));
        assert!(may("int f(int n) { return n ? f(n - 1) : 0; }"));
        assert!(may("int f(n) int n; { return n ? f(n - 1) : 0; }"));
        assert!(may(
            "int b(int);\nint a(int n) { return b(n); }\nint b(int n) { return a(n); }"
        ));
        assert!(may(
            "#define NEXT(n) f((n) - 1)\nint f(int n) { return n ? NEXT(n) : 0; }"
        ));
        assert!(!may(
            "int b(int);\nint a(int n) { return b(n); }\nint b(int n) { return n; }\n\
             SEC(\"xdp\") int p(void *ctx) { return a(1); }\nchar l[] SEC(\"license\") = \"GPL\";"
        ));
    }
}
