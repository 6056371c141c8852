//! The walk over the tokens of a file that finds its brackets.

use super::{Frame, FrameKind, NONE, Outline, is_annotation};
use crate::c::conditionals::Conditionals;
use crate::c::directives::{self, Step};
use crate::c::lexer::{Kind, Lexed, op};
use crate::c::words::Word;

/// Where a walk over the tokens stands: the open frames, and where the statement of each began.
type Stack = Vec<(usize, usize)>;

struct Saved {
    before: Stack,
    chosen: Option<Stack>,
    arm_dead: bool,
    group: usize,
    arm: usize,
}

/// The walk, and what it has found so far.
pub(super) struct Builder<'a> {
    lexed: &'a Lexed<'a>,
    conditionals: &'a Conditionals,
    /// The groups that leave the brackets as they were before them.
    broken: &'a [usize],
    frames: Vec<Frame>,
    /// The innermost conditional group around each frame's bracket.
    group_of: Vec<Option<usize>>,
    /// That around the current token.
    group: Option<usize>,
    frame_of: Vec<usize>,
    mate: Vec<usize>,
    dead: Vec<bool>,
    stack: Stack,
    /// Starts of recent declarations at file level, for K&R heads.
    recent: Vec<usize>,
    last_live: Option<usize>,
}

impl<'a> Builder<'a> {
    pub fn new(lexed: &'a Lexed<'a>, conditionals: &'a Conditionals, broken: &'a [usize]) -> Self {
        let count = lexed.tokens.len();
        Self {
            lexed,
            conditionals,
            broken,
            group_of: vec![None],
            group: None,
            frames: vec![Frame {
                kind: FrameKind::File,
                open: None,
                close: count,
                parent: 0,
                head: 0,
            }],
            frame_of: vec![0; count],
            mate: vec![NONE; count],
            dead: vec![false; count],
            stack: vec![(0, 0)],
            recent: Vec::new(),
            last_live: None,
        }
    }

    /// The outline, and the groups that open brackets which the file never closes.
    pub fn run(mut self) -> (Outline, Vec<usize>) {
        let mut saved: Vec<Saved> = Vec::new();
        let mut directives = self.lexed.directives.iter().peekable();
        let mut groups = 0;
        for index in 0..=self.lexed.tokens.len() {
            while let Some(directive) = directives.next_if(|d| d.before == index) {
                let inner = self.lexed.inner_of(directive);
                match directives::Word::of_line(self.lexed, inner).0.step() {
                    None => {}
                    Some(Step::Open) => {
                        saved.push(Saved {
                            before: self.stack.clone(),
                            chosen: None,
                            arm_dead: self.conditionals.groups[groups].arms[0].dead,
                            group: groups,
                            arm: 0,
                        });
                        groups += 1;
                    }
                    Some(Step::Elif | Step::Else) => {
                        if let Some(top) = saved.last_mut() {
                            if top.chosen.is_none() && !top.arm_dead {
                                top.chosen = Some(self.stack.clone());
                            }
                            self.stack.clone_from(&top.before);
                            top.arm += 1;
                            top.arm_dead = self.conditionals.groups[top.group].arms[top.arm].dead;
                        }
                    }
                    Some(Step::Close) => {
                        if let Some(top) = saved.pop() {
                            if self.broken.binary_search(&top.group).is_ok() {
                                self.leave(top.before, index);
                            } else if top.chosen.is_none() && top.arm_dead {
                                self.stack = top.before;
                            } else if let Some(chosen) = top.chosen {
                                self.stack = chosen;
                            }
                        }
                    }
                }
                self.group = saved.last().map(|top| top.group);
            }
            if index < self.lexed.tokens.len() {
                self.frame_of[index] = self.top().0;
                if saved.iter().any(|s| s.arm_dead) {
                    self.dead[index] = true;
                } else {
                    self.token(index);
                    self.last_live = Some(index);
                }
            }
        }
        let unclosed = self.stack.iter().filter_map(|&(at, _)| self.group_of[at]);
        let mut broken: Vec<usize> = unclosed
            .filter(|&at| !self.conditionals.groups[at].guard)
            .collect();
        broken.sort_unstable();
        broken.dedup();
        let outline = Outline {
            frames: self.frames,
            frame_of: self.frame_of,
            mate: self.mate,
            dead: self.dead,
        };
        (outline, broken)
    }

    /// Goes back to what was open before a group, and closes at `index` what the group opened.
    fn leave(&mut self, before: Stack, index: usize) {
        for &(frame, _) in self.stack.iter().filter(|&&(at, _)| at != 0) {
            // Stacks are sorted: what is opened later has the higher number.
            if before.binary_search_by_key(&frame, |&(at, _)| at).is_err() {
                self.frames[frame].close = index;
            }
        }
        self.stack = before;
        // What comes next is no part of a statement that began in the group.
        if let Some(top) = self.stack.last_mut() {
            top.1 = index;
        }
    }

    /// The innermost open frame and the start of the statement in it.
    fn top(&self) -> (usize, usize) {
        self.stack.last().copied().unwrap_or((0, 0))
    }

    fn open(&mut self, index: usize, kind: FrameKind, head: usize) {
        let parent = self.top().0;
        let close = self.lexed.tokens.len();
        self.frames.push(Frame {
            kind,
            open: Some(index),
            close,
            parent,
            head,
        });
        self.group_of.push(self.group);
        self.stack.push((self.frames.len() - 1, index + 1));
    }

    /// Closes the innermost frame of one of the kinds, and what was left open in it.
    fn close(&mut self, index: usize, wanted: fn(FrameKind) -> bool) -> Option<FrameKind> {
        // A stray `)` must not close the braces around it; and the search is bounded, so that a
        // file of nothing but brackets takes linear time.
        const FAR: usize = 4096;
        let mut depth = None;
        for (at, &(frame, _)) in self.stack.iter().enumerate().rev().take(FAR) {
            let kind = self.frames[frame].kind;
            if self.frames[frame].open.is_some() && wanted(kind) {
                depth = Some(at);
                break;
            }
            if !matches!(kind, FrameKind::Paren | FrameKind::Bracket) {
                break;
            }
        }
        let depth = depth?;
        let frame = self.stack[depth].0;
        self.stack.truncate(depth);
        self.frames[frame].close = index;
        self.frame_of[index] = self.top().0;
        if let Some(open) = self.frames[frame].open {
            self.mate[index] = open;
            self.mate[open] = index;
        }
        Some(self.frames[frame].kind)
    }

    fn new_statement(&mut self, index: usize) {
        if let Some(top) = self.stack.last_mut() {
            if top.0 == 0 {
                self.recent.push(top.1);
                if self.recent.len() > 16 {
                    self.recent.remove(0);
                }
            }
            top.1 = index + 1;
        }
    }

    fn token(&mut self, index: usize) {
        let token = self.lexed.tokens[index];
        if token.kind != Kind::Punct {
            return;
        }
        let head = self.top().1;
        if token.is(op("(")) {
            self.open(index, FrameKind::Paren, head);
        } else if token.is(op("[")) {
            self.open(index, FrameKind::Bracket, head);
        } else if token.is(op("{")) {
            let (kind, head) = self.brace(index);
            self.open(index, kind, head);
        } else if token.is(op(")")) {
            self.close(index, |k| k == FrameKind::Paren);
        } else if token.is(op("]")) {
            self.close(index, |k| k == FrameKind::Bracket);
        } else if token.is(op("}")) {
            let closed = self.close(index, |k| {
                !matches!(k, FrameKind::Paren | FrameKind::Bracket)
            });
            if matches!(
                closed,
                Some(FrameKind::Function | FrameKind::Block | FrameKind::File)
            ) {
                self.new_statement(index);
            }
        } else if token.is(op(";")) {
            let kind = self.frames[self.top().0].kind;
            if kind != FrameKind::Paren && kind != FrameKind::Bracket {
                self.new_statement(index);
            }
        }
    }

    fn word(&self, index: usize) -> &'a [u8] {
        let token = &self.lexed.tokens[index];
        &self.lexed.source[token.start..token.end]
    }

    /// The token before `index`, with `__attribute__((…))` and the like skipped.
    fn before_attributes(&self, mut index: usize) -> Option<usize> {
        loop {
            let prev = index.checked_sub(1)?;
            let opens = self.mate[prev];
            if !self.lexed.tokens[prev].is(op(")")) || opens == NONE || opens == 0 {
                return Some(prev);
            }
            if !is_annotation(self.word(opens - 1)) {
                return Some(prev);
            }
            index = opens - 1;
        }
    }

    /// Whether the declaration up to `index` ends in `struct [tag]`, `union [tag]` or `enum [tag]`
    /// with attributes or a C23 enumeration type, so that a brace at `index` holds its members.
    fn tag(&self, index: usize, head: usize) -> Option<FrameKind> {
        let mut at = index;
        for _ in 0..6 {
            at = self.before_attributes(at)?;
            if at < head {
                return None;
            }
            let token = &self.lexed.tokens[at];
            if token.kind != Kind::Ident && !token.is(op(":")) {
                return None;
            }
            match Word::of(self.word(at)) {
                Some(Word::Struct | Word::Union) => return Some(FrameKind::Members),
                Some(Word::Enum) => return Some(FrameKind::Enumerators),
                _ => {}
            }
        }
        None
    }

    /// What a `{` at `index` opens, and where its head starts.
    fn brace(&self, index: usize) -> (FrameKind, usize) {
        let (frame, head) = self.top();
        let outer = self.frames[frame].kind;
        let Some(prev) = self.last_live else {
            return (FrameKind::Block, head);
        };
        if let Some(kind) = self.tag(index, head) {
            return (kind, head);
        }
        let before = self.lexed.tokens[prev];
        let kind = match outer {
            FrameKind::Paren if before.is(op("(")) || before.is(op(",")) => FrameKind::Block,
            FrameKind::Paren if before.is(op(")")) => self.behind_paren(prev),
            FrameKind::Paren if before.is(op(";")) => FrameKind::Block,
            FrameKind::Paren | FrameKind::Bracket if before.kind == Kind::Ident => FrameKind::Block,
            FrameKind::Paren | FrameKind::Bracket | FrameKind::Init | FrameKind::Enumerators => {
                FrameKind::Init
            }
            FrameKind::Members => FrameKind::Members,
            FrameKind::File => return self.at_file_level(prev, head),
            FrameKind::Function | FrameKind::Block => {
                if before.is(op("=")) || before.is(op(",")) {
                    FrameKind::Init
                } else if before.is(op(")")) {
                    self.behind_paren(prev)
                } else {
                    FrameKind::Block
                }
            }
        };
        (kind, head)
    }

    /// A brace behind `)`: the body of a statement, or a compound literal.
    fn behind_paren(&self, close: usize) -> FrameKind {
        let Some(before) = self.mate[close]
            .checked_sub(1)
            .filter(|_| self.mate[close] != NONE)
        else {
            return FrameKind::Block;
        };
        let token = self.lexed.tokens[before];
        let literal = match token.kind {
            Kind::Ident => {
                let word = Word::of(self.word(before));
                matches!(word, Some(Word::Return | Word::Sizeof | Word::Else))
            }
            Kind::Punct => !token.is(op(";")) && !token.is(op("}")) && !token.is(op(")")),
            _ => false,
        };
        if literal {
            FrameKind::Init
        } else {
            FrameKind::Block
        }
    }

    fn at_file_level(&self, prev: usize, head: usize) -> (FrameKind, usize) {
        let before = self.lexed.tokens[prev];
        if before.is(op("=")) || before.is(op(",")) || before.is(op("]")) {
            return (FrameKind::Init, head);
        }
        if before.kind == Kind::Str && prev > head && self.word(prev - 1) == b"extern" {
            return (FrameKind::File, head);
        }
        if before.is(op(")")) {
            let assigned = (head..prev)
                .any(|i| self.frame_of[i] == self.top().0 && self.lexed.tokens[i].is(op("=")));
            return (
                if assigned {
                    FrameKind::Init
                } else {
                    FrameKind::Function
                },
                head,
            );
        }
        if before.is(op(";")) {
            // Parameter declarations of a K&R definition stand between its head and the brace.
            for &start in self.recent.iter().rev() {
                if self.is_old_style_head(start, prev) {
                    return (FrameKind::Function, start);
                }
            }
        }
        let called = (head..=prev).any(|i| self.lexed.tokens[i].is(op("(")));
        (
            if called {
                FrameKind::Function
            } else {
                FrameKind::Block
            },
            head,
        )
    }

    /// Whether the declaration that starts at `start` goes on behind its parameter list, as
    /// `int f(a, b) int a;` does.
    fn is_old_style_head(&self, start: usize, limit: usize) -> bool {
        let mut at = start;
        while at < limit {
            let token = self.lexed.tokens[at];
            if token.is(op(";")) || token.is(op("=")) || token.is(op("{")) {
                return false;
            }
            if token.is(op("(")) {
                let close = self.mate[at];
                if close == NONE || close >= limit {
                    return false;
                }
                let next = &self.lexed.tokens[close + 1];
                let named = at > start && self.lexed.tokens[at - 1].kind == Kind::Ident;
                if named && next.kind == Kind::Ident && !is_annotation(self.word(close + 1)) {
                    return !is_annotation(self.word(at - 1));
                }
                at = close;
            }
            at += 1;
        }
        false
    }
}
