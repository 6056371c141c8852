//! The conditional groups of a file: `#if`, `#elif`, `#else`, `#endif`.
//!
//! All arms of a group count, because a rewrite serves every configuration; only arms that no
//! configuration takes (`#if 0`) are dead.

use super::directives::{Step, Word, guard_name};
use super::lexer::{Kind, Lexed, Token};
use super::numbers::{Integer, integer};

/// One arm of a conditional group.
#[derive(Clone, Debug)]
pub struct Arm {
    /// The directive that opens it, an index into [`Lexed::directives`].
    pub directive: usize,
    /// Offset behind that directive.
    pub start: usize,
    /// Offset of the directive that ends it, or the end of the file.
    pub end: usize,
    /// No configuration takes it.
    pub dead: bool,
}

/// A conditional group, from `#if` to `#endif`.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its arms, in order.
    pub arms: Vec<Arm>,
    /// The last arm is an `#else`.
    pub has_else: bool,
    /// The `#endif`, an index into [`Lexed::directives`]; `None` where it is missing.
    pub close: Option<usize>,
    /// The group that encloses it.
    pub parent: Option<usize>,
    /// It is the include guard of the whole file.
    pub guard: bool,
}

/// All conditional groups of a file, in the order of their `#if`.
#[derive(Clone, Debug, Default)]
pub struct Conditionals {
    /// The groups.
    pub groups: Vec<Group>,
    dead: Vec<(usize, usize)>,
}

impl Conditionals {
    /// Finds the groups of a file. An unbalanced `#else` or `#endif` is passed over.
    pub fn new(lexed: &Lexed) -> Self {
        let end_of_file = lexed.source.len();
        let mut groups: Vec<Group> = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (index, directive) in lexed.directives.iter().enumerate() {
            let inner = lexed.inner_of(directive);
            let Some(step) = Word::of_line(lexed, inner).0.step() else {
                continue;
            };
            if step == Step::Open {
                groups.push(Group {
                    arms: vec![Arm {
                        directive: index,
                        start: directive.end,
                        end: end_of_file,
                        dead: constant(lexed, inner) == Some(false),
                    }],
                    has_else: false,
                    close: None,
                    parent: open.last().copied(),
                    guard: false,
                });
                open.push(groups.len() - 1);
                continue;
            }
            let Some(&current) = open.last() else {
                continue;
            };
            let group = &mut groups[current];
            if let Some(arm) = group.arms.last_mut() {
                arm.end = directive.start;
            }
            if step == Step::Close {
                group.close = Some(index);
                open.pop();
                continue;
            }
            let taken = group.arms.iter().any(|arm| {
                constant(lexed, lexed.inner_of(&lexed.directives[arm.directive])) == Some(true)
            });
            group.has_else |= step == Step::Else;
            group.arms.push(Arm {
                directive: index,
                start: directive.end,
                end: end_of_file,
                dead: taken || (step == Step::Elif && constant(lexed, inner) == Some(false)),
            });
        }
        let dead = groups
            .iter()
            .flat_map(|g| g.arms.iter().filter(|a| a.dead).map(|a| (a.start, a.end)))
            .collect();
        let mut found = Self { groups, dead };
        found.find_guard(lexed);
        found
    }

    /// Whether the offset lies in text that no configuration compiles.
    pub fn is_dead(&self, offset: usize) -> bool {
        self.dead
            .iter()
            .any(|&(start, end)| (start..end).contains(&offset))
    }

    /// The innermost group around an offset, the include guard not counted.
    pub fn enclosing(&self, lexed: &Lexed, offset: usize) -> Option<usize> {
        (0..self.groups.len())
            .rev()
            .find(|&g| !self.groups[g].guard && self.span(lexed, g).contains(&offset))
    }

    /// The outermost group around an offset, the include guard not counted.
    pub fn outermost(&self, lexed: &Lexed, offset: usize) -> Option<usize> {
        (0..self.groups.len())
            .find(|&g| !self.groups[g].guard && self.span(lexed, g).contains(&offset))
    }

    /// The bytes of a group, from its `#if` to behind its `#endif`.
    pub fn span(&self, lexed: &Lexed, group: usize) -> std::ops::Range<usize> {
        let group = &self.groups[group];
        let start = lexed.directives[group.arms[0].directive].start;
        let end = group
            .close
            .map_or(lexed.source.len(), |d| lexed.directives[d].end);
        start..end
    }

    /// `#ifndef X`, `#define X` around everything else: the usual include guard.
    fn find_guard(&mut self, lexed: &Lexed) {
        let Some(first) = self.groups.first_mut() else {
            return;
        };
        let (opening, close) = (first.arms[0].directive, first.close);
        let alone = first.arms.len() == 1
            && lexed.directives[..opening].iter().all(|d| {
                lexed
                    .inner_of(d)
                    .first()
                    .is_some_and(|t| lexed.is_ident(t, "pragma"))
            })
            && lexed.directives[opening].before == 0
            && close.is_some_and(|c| {
                c + 1 == lexed.directives.len() && lexed.directives[c].before == lexed.tokens.len()
            });
        if !alone {
            return;
        }
        let line = |d| Word::of_line(lexed, lexed.inner_of(d));
        let (word, operand) = line(&lexed.directives[opening]);
        let Some(name) = guard_name(word, operand, |t| lexed.is_ident(t, "defined")) else {
            return;
        };
        let defines = lexed.directives.get(opening + 1).is_some_and(|d| {
            let (word, rest) = line(d);
            let defined = rest.first().map(|token| lexed.text(token));
            word == Word::Define && defined == Some(lexed.text(&operand[name]))
        });
        first.guard = defines;
    }
}

/// The value of a condition that is a plain number.
fn constant(lexed: &Lexed, inner: &[Token]) -> Option<bool> {
    match Word::of_line(lexed, inner) {
        (Word::If | Word::Elif, [number]) if number.kind == Kind::Number => {
            integer(&lexed.text(number)).map(Integer::is_true)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::lexer::lex;
    use super::*;

    #[test]
    fn finds_arms_and_dead_text() {
        let source = b"#if 0\nA\n#elif X\nB\n#else\nC\n#endif\n#if 1\nD\n#else\nE\n#endif\n";
        let lexed = lex(source);
        let found = Conditionals::new(&lexed);
        assert_eq!(found.groups.len(), 2);
        assert_eq!(found.groups[0].arms.len(), 3);
        let dead = |c: u8| found.is_dead(source.iter().position(|&b| b == c).unwrap());
        assert_eq!(
            [dead(b'A'), dead(b'B'), dead(b'C'), dead(b'D'), dead(b'E')],
            [true, false, false, false, true]
        );
    }

    #[test]
    fn knows_the_include_guard() {
        let guarded = lex(b"/* x */\n#ifndef A_H\n#define A_H\nint a;\n#endif /* A_H */\n");
        assert!(Conditionals::new(&guarded).groups[0].guard);
        let plain = lex(b"#ifndef A_H\n#define A_H\nint a;\n#endif\nint b;\n");
        assert!(!Conditionals::new(&plain).groups[0].guard);
    }
}
