//! The arguments of a macro and what its body makes of them.

use std::sync::Arc;

use super::engine::Preprocessor;
use super::macros::{MacroId, PASTE, Piece, Role};
use super::{ExpansionId, Loc, Token};
use crate::c::lexer::{Kind, lex, op};

/// The arguments of a macro use.
#[derive(Debug)]
pub(super) struct Arguments {
    open: Token,
    /// All tokens between the brackets.
    tokens: Vec<Token>,
    /// Where each argument starts and ends in `tokens`.
    ranges: Vec<(usize, usize)>,
    closing: Token,
    /// No argument was given for the parameter that takes all that are left, not even an empty one.
    elided: bool,
    /// The `)`.
    pub close: Loc,
}

impl Arguments {
    /// The tokens of an argument; none if it was not given.
    fn get(&self, index: usize) -> &[Token] {
        match self.ranges.get(index) {
            Some(&(start, end)) => &self.tokens[start..end],
            None => &[],
        }
    }

    /// The macro use as it was written, never to be replaced again.
    pub fn whole(self, mut name: Token) -> Vec<Token> {
        name.frozen = true;
        let mut all = vec![name, self.open];
        all.extend(self.tokens);
        all.push(self.closing);
        all
    }
}

/// The state of going through a body.
struct Filling<'f> {
    body: &'f [Piece],
    arguments: &'f Arguments,
    expansion: ExpansionId,
    /// The index of the parameter that takes all arguments that are left.
    variadic: Option<u32>,
    /// The arguments with their macros replaced, once that is wanted.
    replaced: Vec<Option<Vec<Token>>>,
    /// Something empty stood before, with a blank before it.
    blank: bool,
}

/// Whether what stands at the ends of a part of a body came to nothing, so that a paste operator
/// there has nothing to paste.
#[derive(Clone, Copy, Default)]
struct Edges {
    first: bool,
    last: bool,
}

impl Preprocessor<'_> {
    /// Reads the arguments of a macro, from the `(` on. `None` if they are malformed: what was
    /// read then comes next, the name not to be replaced again.
    pub fn arguments(&mut self, name: Token, id: MacroId) -> Option<Arguments> {
        let (parameters, variadic) = {
            let found = self.macros.get(id);
            (found.parameters, found.variadic)
        };
        let open = self.next()?;
        let mut tokens = Vec::new();
        let mut ranges = Vec::new();
        let (mut start, mut depth) = (0, 0usize);
        let closing = loop {
            let Some(mut token) = self.next() else {
                self.problem(name.loc, "unterminated function-like macro invocation");
                let name = Token {
                    frozen: true,
                    ..name
                };
                tokens.splice(0..0, [name, open]);
                self.put_back(tokens);
                return None;
            };
            if token.is(op("(")) {
                depth += 1;
            } else if token.is(op(")")) {
                if depth == 0 {
                    break token;
                }
                depth -= 1;
            } else if token.is(op(",")) && depth == 0 {
                if !(variadic && ranges.len() + 1 >= parameters) {
                    ranges.push((start, tokens.len()));
                    start = tokens.len() + 1;
                }
            } else if self.names_active(&token) {
                // Reading on may end the use of that macro; here it is not to be replaced yet.
                token.frozen = true;
            }
            tokens.push(token);
        };
        if parameters > 0 || !tokens.is_empty() {
            ranges.push((start, tokens.len()));
        }
        let given = ranges.len();
        let elided = variadic && (given < parameters || parameters == 1 && tokens.is_empty());
        let arguments = Arguments {
            open,
            tokens,
            ranges,
            elided,
            close: closing.loc,
            closing,
        };
        if given == parameters || variadic && given + 1 == parameters {
            return Some(arguments);
        }
        let what = if given < parameters {
            "too few arguments provided to function-like macro invocation"
        } else {
            "too many arguments provided to function-like macro invocation"
        };
        self.problem(name.loc, what);
        self.put_back(arguments.whole(name));
        None
    }

    /// Puts the arguments into the body of a macro. Whether that was possible within the limits.
    pub fn substitute(
        &mut self,
        id: MacroId,
        arguments: &Arguments,
        expansion: ExpansionId,
        to: &mut Vec<Token>,
    ) -> bool {
        let found = self.macros.get(id);
        let pastes = found.pastes;
        // The macro may be defined anew while its arguments are replaced.
        let body = Arc::clone(&found.body);
        let mut filling = Filling {
            body: &body,
            arguments,
            expansion,
            variadic: found.variadic.then(|| found.parameters as u32 - 1),
            replaced: vec![None; found.parameters],
            blank: false,
        };
        if self.fill(&mut filling, 0, body.len(), to).is_none() {
            return false;
        }
        if pastes {
            *to = self.paste(std::mem::take(to));
        }
        true
    }

    /// Fills in a part of the body; `None` if that is beyond the limits.
    fn fill(
        &mut self,
        filling: &mut Filling,
        start: usize,
        end: usize,
        to: &mut Vec<Token>,
    ) -> Option<Edges> {
        let body = filling.body;
        let pastes = |at: usize| at < end && body[at].token.op == PASTE;
        let mut at = start;
        // Where the result of those pieces starts that paste operators join.
        let mut group = to.len();
        let mut edges = Edges::default();
        let mut within_first = true;
        while at < end {
            let piece = &body[at];
            let mut from = to.len();
            let before = at > start && pastes(at - 1);
            let mut behind = at + 1;
            let mut inner = Edges::default();
            if !before && !pastes(at) {
                group = from;
            }
            match piece.role {
                Role::Plain => {
                    to.push(Token {
                        expansion: Some(filling.expansion),
                        ..piece.token
                    });
                }
                Role::Stringise => {
                    let (string, next) = self.stringised(filling, at)?;
                    to.push(string);
                    behind = next;
                }
                Role::Parameter(index) => {
                    if before || pastes(at + 1) {
                        from -= usize::from(drop_paste(filling, index, before, to));
                        to.extend_from_slice(filling.arguments.get(index as usize));
                    } else {
                        self.replace_argument(filling, index);
                        to.extend(filling.replaced[index as usize].iter().flatten());
                    }
                }
                Role::Optional(close) => {
                    behind = close as usize + 1;
                    let index = filling.variadic.unwrap_or(0);
                    self.replace_argument(filling, index);
                    let given = filling.replaced[index as usize]
                        .as_ref()
                        .is_some_and(|tokens| !tokens.is_empty());
                    if given {
                        inner = self.fill(filling, at + 2, close as usize, to)?;
                    }
                }
            }
            if !self.afford(to.len().saturating_sub(from), piece.token.loc) {
                return None;
            }
            let joined = pastes(behind);
            if inner.first && before && from < to.len() && to[from - 1].op == PASTE {
                from -= 1;
                to.remove(from);
            }
            if inner.last && joined && from < to.len() {
                behind += 1;
            }
            if let Some(first) = to.get_mut(from) {
                first.space = piece.token.space || filling.blank;
                filling.blank = false;
            } else {
                filling.blank |= piece.token.space && !before;
                // Nothing is pasted to nothing: the operator goes.
                if joined {
                    behind += 1;
                } else if before && to.last().is_some_and(|t| t.op == PASTE) {
                    to.pop();
                    if let Role::Parameter(index) = piece.role {
                        drop_comma(filling, index, to);
                    }
                }
            }
            if !joined && !pastes(at) {
                edges.last = to.len() <= group;
                edges.first |= within_first && edges.last;
                within_first = false;
            }
            at = behind;
        }
        Some(edges)
    }

    /// Replaces the macros in an argument.
    fn replace_argument(&mut self, filling: &mut Filling, index: u32) {
        let index = index as usize;
        if filling.replaced[index].is_none() {
            let argument = filling.arguments.get(index);
            let done = match argument.iter().any(|t| t.kind == Kind::Ident) {
                true => self.replaced(argument),
                false => argument.to_vec(),
            };
            filling.replaced[index] = Some(done);
        }
    }

    /// The string that `#` makes of what follows it, and where the body goes on.
    fn stringised(&mut self, filling: &mut Filling, at: usize) -> Option<(Token, usize)> {
        let hash = filling.body[at].token;
        let mut content = Vec::new();
        let (argument, behind) = match filling.body[at + 1].role {
            Role::Parameter(index) => (filling.arguments.get(index as usize), at + 2),
            Role::Optional(close) => {
                let index = filling.variadic.unwrap_or(0);
                self.replace_argument(filling, index);
                let given = filling.replaced[index as usize].as_ref();
                if given.is_some_and(|tokens| !tokens.is_empty()) {
                    let blank = filling.blank;
                    self.fill(filling, at + 3, close as usize, &mut content)?;
                    filling.blank = blank;
                    content = self.paste(content);
                }
                (&content[..], close as usize + 1)
            }
            _ => (&content[..], at + 1),
        };
        let text = self.string_of(argument, hash.loc)?;
        let symbol = self.unit.symbols.intern(&text);
        Some((
            Token {
                kind: Kind::Str,
                op: 0,
                synthetic: true,
                symbol,
                expansion: Some(filling.expansion),
                ..hash
            },
            behind,
        ))
    }

    fn string_of(&mut self, tokens: &[Token], loc: Loc) -> Option<Vec<u8>> {
        let mut text = vec![b'"'];
        for (index, token) in tokens.iter().enumerate() {
            if index > 0 && token.space {
                text.push(b' ');
            }
            let spelling = self.unit.symbols.text(token.symbol);
            let literal = matches!(token.kind, Kind::Str | Kind::Char);
            for &byte in spelling {
                if literal && matches!(byte, b'"' | b'\\') {
                    text.push(b'\\');
                }
                text.push(byte);
            }
        }
        text.push(b'"');
        // Each level of stringising can double the length.
        self.afford(text.len() / 8, loc).then_some(text)
    }

    /// Pastes the tokens around each paste operator.
    pub fn paste(&mut self, tokens: Vec<Token>) -> Vec<Token> {
        let mut made: Vec<Token> = Vec::with_capacity(tokens.len());
        let mut tokens = tokens.into_iter();
        while let Some(token) = tokens.next() {
            if token.op != PASTE {
                made.push(token);
                continue;
            }
            let Some(right) = tokens.next() else { break };
            let Some(left) = made.pop() else {
                made.push(right);
                continue;
            };
            match self.pasted(left, right, token) {
                Some(token) => made.push(token),
                None => made.extend([left, right]),
            }
        }
        made
    }

    fn pasted(&mut self, left: Token, right: Token, operator: Token) -> Option<Token> {
        let symbols = &self.unit.symbols;
        let text = [symbols.text(left.symbol), symbols.text(right.symbol)].concat();
        if !self.afford(text.len() / 8, operator.loc) {
            return None;
        }
        let lexed = lex(&text);
        match lexed.tokens[..] {
            [token] if token.start == 0 && token.end == text.len() => Some(Token {
                kind: token.kind,
                first: left.first,
                space: left.space,
                synthetic: true,
                frozen: false,
                op: token.op,
                symbol: self.unit.symbols.intern(&text),
                loc: operator.loc,
                expansion: operator.expansion,
            }),
            _ => {
                let shown = String::from_utf8_lossy(&text);
                let message = format!("pasting formed '{shown}', an invalid preprocessing token");
                self.problem(operator.loc, message);
                None
            }
        }
    }
}

/// GNU's `, ## __VA_ARGS__` pastes nothing where arguments follow. Whether it is that.
fn drop_paste(filling: &Filling, index: u32, before: bool, to: &mut Vec<Token>) -> bool {
    let found = before
        && filling.variadic == Some(index)
        && !filling.arguments.get(index as usize).is_empty()
        && matches!(to[..], [.., comma, paste] if comma.is(op(",")) && paste.op == PASTE);
    if found {
        to.pop();
    }
    found
}

/// GNU's `, ## __VA_ARGS__`: the comma goes where no argument was given. As in clang it stays where
/// an empty one was.
fn drop_comma(filling: &Filling, index: u32, to: &mut Vec<Token>) {
    let dropped = filling.variadic == Some(index) && filling.arguments.elided;
    if dropped && to.last().is_some_and(|t| t.is(op(","))) {
        to.pop();
        if to.last().is_some_and(|t| t.op == PASTE) {
            to.pop();
        }
    }
}
