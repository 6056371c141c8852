//! The brackets of a file and what they enclose, from tokens alone.
//!
//! A syntax tree of a whole BPF file nearly always has errors; brackets do not. Where the arms of
//! a conditional open or close different brackets, each arm starts from the state before the
//! group, and the first live arm decides how it goes on; unless what it opens is never closed.

mod builder;

use self::builder::Builder;
use crate::c::conditionals::Conditionals;
use crate::c::lexer::{Kind, Lexed, op};
use crate::c::words::Word;

/// What a pair of brackets encloses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// The file itself, and `extern "C" { }`.
    File,
    /// The body of a function.
    Function,
    /// Statements: a block, a statement expression.
    Block,
    /// An initialiser or a compound literal.
    Init,
    /// The members of a struct or union.
    Members,
    /// The enumerators of an enumeration.
    Enumerators,
    /// Round brackets.
    Paren,
    /// Square brackets.
    Bracket,
}

impl FrameKind {
    /// Whether statements stand directly in it.
    pub fn has_statements(self) -> bool {
        matches!(self, Self::Function | Self::Block)
    }
}

/// A pair of brackets.
#[derive(Clone, Debug)]
pub struct Frame {
    /// What it encloses.
    pub kind: FrameKind,
    /// The token that opens it; `None` for the file.
    pub open: Option<usize>,
    /// The token that closes it, or the number of tokens where that is missing.
    pub close: usize,
    /// The frame around it. The file is its own parent.
    pub parent: usize,
    /// The first token of the declaration or statement in which the bracket opens; for a function,
    /// the start of its head.
    pub head: usize,
}

/// The bracket structure of a file.
#[derive(Clone, Debug)]
pub struct Outline {
    /// All frames; the first is the file.
    pub frames: Vec<Frame>,
    /// The innermost frame around each token. Brackets belong to the frame outside of them.
    pub frame_of: Vec<usize>,
    /// For each bracket the token of its partner.
    mate: Vec<usize>,
    /// Whether a token is in text that no configuration compiles.
    pub dead: Vec<bool>,
}

const NONE: usize = usize::MAX;

impl Outline {
    /// Finds the brackets of a file. Linear in the number of tokens.
    pub fn new(lexed: &Lexed, conditionals: &Conditionals) -> Self {
        let (outline, broken) = Builder::new(lexed, conditionals, &[]).run();
        if broken.is_empty() {
            return outline;
        }
        // What such a group opens must not swallow the rest of the file: it is left out more likely
        // than not, or the file would not compile.
        Builder::new(lexed, conditionals, &broken).run().0
    }

    /// The partner of the bracket at token `index`.
    pub fn mate(&self, index: usize) -> Option<usize> {
        self.mate.get(index).copied().filter(|&m| m != NONE)
    }

    /// For each token the partner of the bracket it is, `usize::MAX` where there is none.
    pub fn mates(&self) -> &[usize] {
        &self.mate
    }

    /// The functions of the file, as indices into [`Outline::frames`].
    pub fn functions(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.frames.len()).filter(|&f| self.frames[f].kind == FrameKind::Function)
    }

    /// The function around a token.
    pub fn function_of(&self, token: usize) -> Option<usize> {
        let mut frame = self.frame_of[token];
        let mut found = None;
        loop {
            if self.frames[frame].kind == FrameKind::Function {
                found = Some(frame);
            }
            if self.frames[frame].parent == frame {
                return found;
            }
            frame = self.frames[frame].parent;
        }
    }

    /// The live token before `index`.
    pub fn prev(&self, index: usize) -> Option<usize> {
        (0..index).rev().find(|&i| !self.dead[i])
    }

    /// The live token behind `index`.
    pub fn next(&self, index: usize) -> Option<usize> {
        (index + 1..self.dead.len()).find(|&i| !self.dead[i])
    }

    /// The token that names the function with this frame: the first identifier of the head with
    /// a parameter list behind it. For `int BPF_PROG(name, …)` that is the macro.
    pub fn function_name(&self, lexed: &Lexed, function: usize) -> Option<usize> {
        let frame = &self.frames[function];
        let open = frame.open?;
        let mut at = frame.head;
        while at + 1 < open {
            let token = &lexed.tokens[at];
            let called = lexed.tokens[at + 1].is(op("("));
            if !self.dead[at] && token.kind == Kind::Ident && called {
                if !is_annotation(&lexed.text(token)) {
                    return Some(at);
                }
                at = self.mate(at + 1).unwrap_or(at) + 1;
                continue;
            }
            at += 1;
        }
        None
    }
}

/// Words with an argument list that decorate a declaration without naming anything.
pub fn is_annotation(word: &[u8]) -> bool {
    Word::of(word).is_some_and(Word::owns_parentheses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::lexer::lex;

    fn kinds(source: &str) -> Vec<FrameKind> {
        let lexed = lex(source.as_bytes());
        let outline = Outline::new(&lexed, &Conditionals::new(&lexed));
        outline
            .frames
            .iter()
            .map(|f| f.kind)
            .filter(|k| !matches!(k, FrameKind::Paren | FrameKind::Bracket | FrameKind::File))
            .collect()
    }

    #[test]
    fn tells_braces_apart() {
        use FrameKind::*;
        assert_eq!(
            kinds("struct __attribute__((packed)) a { int b; } c = { 1 };"),
            [Members, Init]
        );
        assert_eq!(kinds("enum e : int { A, B };"), [Enumerators]);
        assert_eq!(kinds("int f(p) char *p; { if (p) { } }"), [Function, Block]);
        assert_eq!(
            kinds("void (*g(void *p))(void *) { x = (struct s){1}; }"),
            [Function, Init]
        );
        assert_eq!(
            kinds("int f(void) { bpf_for(i, 0, 3) { ({ g(); }); } do { } while (0); }"),
            [Function, Block, Block, Block]
        );
        assert_eq!(
            kinds("int BPF_PROG(fx, int a) { return 0; }\nint x[] = { [1] = { 2 } };"),
            [Function, Init, Init]
        );
    }

    /// The outline of a text, and its functions by their names.
    fn functions(source: &str) -> (Outline, Vec<(usize, String)>) {
        let lexed = lex(source.as_bytes());
        let outline = Outline::new(&lexed, &Conditionals::new(&lexed));
        let named = |function| {
            let name = outline.function_name(&lexed, function).expect("a name");
            (function, lexed.text(&lexed.tokens[name]).into_owned())
        };
        let found = outline.functions().map(named);
        let found = found.map(|(f, name)| (f, String::from_utf8(name).expect("ASCII")));
        let found = found.collect();
        (outline, found)
    }

    #[test]
    fn what_a_group_leaves_open_ends_with_it() {
        let (outline, found) = functions(
            "#ifdef A\nvoid f(void) {\nreturn\n#endif\nvoid h(void) { }\n\
             void *malloc(unsigned long n);\n",
        );
        let names: Vec<&str> = found.iter().map(|(_, name)| &name[..]).collect();
        assert_eq!(names, ["f", "h"]);
        // Nothing of the group is a part of what comes next, which lies in no function.
        let head = outline.frames[found[1].0].head;
        assert_eq!(outline.frames[found[0].0].close, head);
        assert_eq!(outline.function_of(head), None);
    }

    #[test]
    fn arms_start_from_the_same_state() {
        let (_, found) = functions(
            "void f(void) {\n#ifdef A\nif (c) {\n#else\nif (!c) {\n#endif\ng(); }\n}\n\
             void h(void) { }\n",
        );
        let names: Vec<&str> = found.iter().map(|(_, name)| &name[..]).collect();
        assert_eq!(names, ["f", "h"]);
    }
}
