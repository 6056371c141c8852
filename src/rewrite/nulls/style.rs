//! The house style of a file, so that inserted code looks like the code around it.

use crate::c::lexer::{Kind, Lexed, op};

/// How a pointer is tested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Test {
    /// `!p`
    Not,
    /// `p == NULL`
    Equals,
    /// `NULL == p`
    Yoda,
}

/// Stands in a statement before the body of a loop.
pub const BODY: char = '\u{1}';
/// Stands in a statement before the brace that ends the body of a loop.
pub const END: char = '\u{2}';

/// The style of a file.
#[derive(Clone, Debug)]
pub struct Style {
    test: Test,
    /// Single statements get braces too.
    pub braces: bool,
    /// The opening brace stands on its own line.
    pub allman: bool,
    /// One level of indentation.
    pub unit: String,
    /// The line ending.
    pub newline: &'static str,
}

impl Style {
    /// Finds the style of a file by majority.
    pub fn of(lexed: &Lexed) -> Self {
        let newline = newline(lexed.source);
        Self {
            test: test(lexed),
            braces: braces(lexed),
            allman: allman(lexed),
            unit: unit(lexed.source),
            newline,
        }
    }

    /// The condition that holds if the pointer is NULL.
    pub fn is_null(&self, pointer: &str) -> String {
        match self.test {
            Test::Not => format!("!{pointer}"),
            Test::Equals => format!("{pointer} == NULL"),
            Test::Yoda => format!("NULL == {pointer}"),
        }
    }

    /// The condition that holds if there is an object, and another one about it holds.
    pub fn is_object_without(&self, object: &str, missing: &str) -> String {
        match self.test {
            Test::Not => format!("{object} && {missing}"),
            Test::Equals => format!("{object} != NULL && {missing}"),
            Test::Yoda => format!("NULL != {object} && {missing}"),
        }
    }

    /// `if (cond)` with a body, on lines of their own: each starts with a line ending and the
    /// indentation.
    pub fn lines(&self, indent: &str, cond: &str, body: &[String]) -> String {
        let line = format!("{}{indent}", self.newline);
        let inner = format!("{line}{}", self.unit);
        let mut text = format!("{line}if ({cond})");
        let braced = self.braces || body.len() > 1;
        if braced {
            text += &if self.allman {
                format!("{line}{{")
            } else {
                " {".into()
            };
        }
        for statement in body {
            text += &inner;
            // The body of a loop stands on lines of its own.
            let deeper = format!("{inner}{}", self.unit);
            let opening = match self.allman {
                true => statement.replace(" {\u{1}", &format!("{inner}{{\u{1}")),
                false => statement.clone(),
            };
            text += &opening.replace(BODY, &deeper).replace(END, &inner);
        }
        if braced {
            text += &line;
            text.push('}');
        }
        text
    }

    /// The same within a line.
    pub fn inline(&self, cond: &str, body: &[String]) -> String {
        match body {
            [only] if !self.braces => format!("if ({cond}) {}", on_one_line(only)),
            _ => format!("if ({cond}) {{ {} }}", on_one_line(&body.join(" "))),
        }
    }
}

/// Statements that may have loops among them, in a line.
pub fn on_one_line(statements: &str) -> String {
    statements.replace([BODY, END], " ")
}

fn newline(source: &[u8]) -> &'static str {
    match memchr::memchr2(b'\n', b'\r', source) {
        Some(at) if source[at] == b'\r' && source.get(at + 1) == Some(&b'\n') => "\r\n",
        Some(at) if source[at] == b'\r' => "\r",
        _ => "\n",
    }
}

fn test(lexed: &Lexed) -> Test {
    let mut counts = [0usize; 3];
    let tokens = &lexed.tokens;
    for (i, token) in tokens.iter().enumerate() {
        if token.is(op("!"))
            && tokens.get(i + 1).is_some_and(|t| t.kind == Kind::Ident)
            && i > 0
            && tokens[i - 1].is(op("("))
            && !tokens.get(i + 2).is_some_and(|t| t.is(op("(")))
        {
            counts[0] += 1;
        }
        if (token.is(op("==")) || token.is(op("!="))) && i > 0 {
            let null = |at: usize| tokens.get(at).is_some_and(|t| lexed.is_ident(t, "NULL"));
            if null(i + 1) {
                counts[1] += 1;
            } else if null(i - 1) {
                counts[2] += 1;
            }
        }
    }
    if counts[1] > counts[0] && counts[1] >= counts[2] {
        Test::Equals
    } else if counts[2] > counts[0] {
        Test::Yoda
    } else {
        Test::Not
    }
}

/// The tokens after the head of each `if`.
fn after_ifs<'l>(lexed: &'l Lexed) -> impl Iterator<Item = usize> + 'l {
    let tokens = &lexed.tokens;
    (0..tokens.len()).filter_map(move |i| {
        if !lexed.is_ident(&tokens[i], "if") {
            return None;
        }
        let mut depth = 0;
        for (at, token) in tokens.iter().enumerate().skip(i + 1).take(400) {
            if token.is(op("(")) {
                depth += 1;
            } else if token.is(op(")")) {
                depth -= 1;
                if depth == 0 {
                    return (at + 1 < tokens.len()).then_some(at + 1);
                }
            }
        }
        None
    })
}

/// Whether single statements mostly stand in braces.
fn braces(lexed: &Lexed) -> bool {
    let tokens = &lexed.tokens;
    let (mut with, mut without) = (0, 0);
    for at in after_ifs(lexed) {
        if !tokens[at].is(op("{")) {
            without += 1;
            continue;
        }
        // Only blocks of one statement say something.
        let mut statements = 0;
        for token in tokens.iter().skip(at + 1) {
            if token.is(op("}")) {
                break;
            }
            if token.is(op("{")) {
                statements = 2;
                break;
            }
            statements += usize::from(token.is(op(";")));
        }
        with += usize::from(statements == 1);
    }
    with > without
}

fn allman(lexed: &Lexed) -> bool {
    let tokens = &lexed.tokens;
    let (mut own, mut same) = (0, 0);
    for at in after_ifs(lexed).filter(|&at| tokens[at].is(op("{"))) {
        let between = &lexed.source[tokens[at - 1].end..tokens[at].start];
        if memchr::memchr2(b'\n', b'\r', between).is_some() {
            own += 1;
        } else {
            same += 1;
        }
    }
    own > same
}

/// One level: a tab, or the most frequent step between the indentation of neighbouring lines.
fn unit(source: &[u8]) -> String {
    let (mut tabs, mut steps) = (0usize, [0usize; 9]);
    let mut before = 0usize;
    let mut spaces = 0usize;
    for line in source.split(|&b| b == b'\n' || b == b'\r') {
        if line.first() == Some(&b'\t') {
            tabs += 1;
        }
        let width = line.iter().take_while(|&&b| b == b' ').count();
        if width == line.len() {
            continue;
        }
        spaces += usize::from(width > 1);
        if width > before && width - before <= 8 {
            steps[width - before] += 1;
        }
        before = width;
    }
    if tabs > 0 && tabs >= spaces || spaces == 0 {
        return "\t".into();
    }
    let best = (2..=8).max_by_key(|&width| (steps[width], width == 4));
    " ".repeat(best.unwrap_or(4))
}
