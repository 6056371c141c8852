//! The macros a function can use, read as small functions whose arguments are expressions.

use std::cell::OnceCell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::rc::Rc;

use super::super::ast::{Stmt, StmtKind};
use super::super::syntax::{self, As};
use super::mask::{Masking, Shape, mask};
use super::unit::Files;
use crate::c::bytes::decode;
use crate::c::lexer::{Kind, Token, op};

/// A macro.
#[derive(Debug)]
pub struct Macro {
    /// The file that defines it, an index into [`Files`].
    pub file: usize,
    /// Its parameters; `None` for an object-like macro.
    pub params: Option<Vec<String>>,
    /// What it stands for.
    pub shape: Shape,
    body: Range<usize>,
    tokens: Range<usize>,
    tree: OnceCell<Option<Rc<Stmt>>>,
}

/// All macros by name. Where one is defined several times, the definition that allocates counts,
/// or else the first.
#[derive(Debug, Default)]
pub struct Macros {
    by_name: HashMap<Vec<u8>, Macro>,
}

impl Macros {
    /// Collects the macros of the files.
    pub fn new(files: &Files) -> Self {
        let mut macros = Self::default();
        for file in 0..files.len() {
            let lexed = files.get(file).lexed;
            for directive in &lexed.directives {
                let inner = lexed.inner_of(directive);
                let [word, name, ..] = inner else { continue };
                if !lexed.is_ident(word, "define") || name.kind != Kind::Ident {
                    continue;
                }
                if files.get(file).conditionals.is_dead(directive.start) {
                    continue;
                }
                let (params, skip) = parameters(files, file, inner);
                let body = &inner[skip..];
                let first = directive.inner.start + skip;
                let found = Macro {
                    file,
                    params,
                    shape: shape(files, file, body),
                    body: body.first().map_or(0, |t| t.start)..body.last().map_or(0, |t| t.end),
                    tokens: first..first + body.len(),
                    tree: OnceCell::new(),
                };
                let key = lexed.text(name).into_owned();
                let better = match macros.by_name.get(&key) {
                    None => true,
                    Some(known) => !known.calls_site(files) && found.calls_site(files),
                };
                if better {
                    macros.by_name.insert(key, found);
                }
            }
        }
        macros
    }

    /// The macro with this name.
    pub fn get(&self, name: &[u8]) -> Option<&Macro> {
        self.by_name.get(name)
    }

    /// What [`mask`] wants to know of a name.
    pub fn shape(&self, name: &[u8]) -> Option<(Shape, bool)> {
        self.get(name).map(|m| (m.shape, m.params.is_some()))
    }

    /// Each macro with the identifiers of its body, and whether it calls the allocator itself.
    pub fn mentions<'f>(
        &'f self,
        files: &'f Files,
    ) -> impl Iterator<Item = (&'f [u8], HashSet<Vec<u8>>, bool)> {
        self.by_name
            .iter()
            .map(|(name, m)| (&**name, m.words(files).collect(), m.calls_site(files)))
    }

    /// The body of a macro as a tree; `None` if it cannot be read.
    pub fn tree(&self, files: &Files, name: &[u8]) -> Option<Rc<Stmt>> {
        let found = self.get(name)?;
        found
            .tree
            .get_or_init(|| {
                let kind = match found.shape {
                    Shape::Expression => As::Expression,
                    Shape::Statements => As::Statements,
                    _ => return None,
                };
                let lexed = files.get(found.file).lexed;
                let text = mask(&Masking {
                    lexed,
                    tokens: lexed.inner[found.tokens.clone()].to_vec(),
                    span: found.body.clone(),
                    shape: &|word| self.shape(word),
                    statements: kind == As::Statements,
                });
                let tree = syntax::read(&text, found.body.start, kind).ok()?;
                let whole = !tree.broken && !broken(&tree);
                whole.then(|| Rc::new(tree))
            })
            .clone()
    }
}

fn broken(stmt: &Stmt) -> bool {
    match &stmt.kind {
        StmtKind::Block(list) => list.iter().any(|s| s.broken),
        _ => stmt.broken,
    }
}

impl Macro {
    fn words<'f>(&'f self, files: &'f Files) -> impl Iterator<Item = Vec<u8>> + 'f {
        let lexed = files.get(self.file).lexed;
        lexed.inner[self.tokens.clone()]
            .iter()
            .filter(|t| t.kind == Kind::Ident)
            .map(|t| lexed.text(t).into_owned())
    }

    fn calls_site(&self, files: &Files) -> bool {
        let lexed = files.get(self.file).lexed;
        lexed.inner[self.tokens.clone()]
            .iter()
            .any(|t| files.site(self.file, t).is_some())
    }
}

/// The parameters of a `#define` and how many tokens stand before its body.
fn parameters(files: &Files, file: usize, inner: &[Token]) -> (Option<Vec<String>>, usize) {
    let lexed = files.get(file).lexed;
    let function_like = inner
        .get(2)
        .is_some_and(|t| t.is(op("(")) && t.start == inner[1].end);
    if !function_like {
        return (None, 2);
    }
    let mut params = Vec::new();
    for (i, token) in inner.iter().enumerate().skip(3) {
        if token.is(op(")")) {
            return (Some(params), i + 1);
        }
        if token.kind == Kind::Ident {
            params.push(decode(&lexed.text(token)));
        } else if token.is(op("...")) {
            params.push("__VA_ARGS__".into());
        }
    }
    (Some(params), inner.len())
}

/// What a macro body is, from its first and last tokens and its brackets.
fn shape(files: &Files, file: usize, body: &[Token]) -> Shape {
    use super::super::outline::is_annotation;
    let lexed = files.get(file).lexed;
    let word = |token: &Token| lexed.text(token).into_owned();
    let Some(first) = body.first() else {
        return Shape::Nothing;
    };
    if let [only] = body
        && matches!(only.op, 0x7b | 0x7d | 0x3b)
        && only.kind == Kind::Punct
    {
        return Shape::Punct(only.op as u8);
    }
    if body.iter().any(|t| t.is(op("##"))) {
        return Shape::Opaque;
    }
    let (mut depth, mut lowest) = (0i32, 0i32);
    for token in body {
        if token.is(op("(")) || token.is(op("[")) || token.is(op("{")) {
            depth += 1;
        } else if token.is(op(")")) || token.is(op("]")) || token.is(op("}")) {
            depth -= 1;
        }
        lowest = lowest.min(depth);
    }
    if depth != 0 || lowest < 0 {
        return Shape::Opaque;
    }
    let last = &body[body.len() - 1];
    let ends = last.is(op(";")) || last.is(op("}"));
    let starts = word(first);
    match &*starts {
        b"for" | b"while" if !ends => Shape::Loop,
        b"if" if last.is(op(")")) && closes_head(body) => Shape::Condition,
        b"if" | b"for" | b"while" | b"do" | b"switch" | b"return" | b"goto" | b"break"
        | b"continue" => Shape::Statements,
        _ if is_annotation(&starts) && body.get(1).is_some_and(|t| t.is(op("("))) => {
            let inner_close = body.len() - 1;
            if last.is(op(")")) && inner_close > 1 {
                Shape::Nothing
            } else {
                Shape::Expression
            }
        }
        _ if ends || first.is(op("{")) => Shape::Statements,
        _ => Shape::Expression,
    }
}

/// Whether the bracket behind the first token of a body closes with its last one.
fn closes_head(body: &[Token]) -> bool {
    let mut depth = 0;
    for (i, token) in body.iter().enumerate().skip(1) {
        if token.is(op("(")) {
            depth += 1;
        } else if token.is(op(")")) {
            depth -= 1;
            if depth == 0 {
                return i == body.len() - 1;
            }
        }
    }
    false
}
