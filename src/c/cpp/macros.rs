//! Macro definitions.

use std::sync::Arc;

use super::builtins::Builtin;
use super::{Loc, Token};
use crate::c::brackets;
use crate::c::directives::{Definition, Malformed};
use crate::c::lexer::{Kind, Lexeme, op};
use crate::c::{Symbol, Symbols};

/// The code of the paste operator in a macro's body; a `##` that stands anywhere else keeps its
/// own.
pub(super) const PASTE: u32 = u32::MAX;

/// An index into [`Macros::list`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct MacroId(u32);

/// What a token of a macro's body stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// Itself. Also the paste operator, which has the code [`PASTE`].
    Plain,
    /// The argument with this index.
    Parameter(u32),
    /// `#`: what follows becomes a string.
    Stringise,
    /// `__VA_OPT__`: its `(` follows, its `)` has this index.
    Optional(u32),
}

/// A token of a macro's body.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    pub token: Token,
    pub role: Role,
}

impl Lexeme for Piece {
    fn kind(&self) -> Kind {
        self.token.kind
    }

    fn code(&self) -> u32 {
        self.token.op
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Shape {
    /// `#define NAME body`.
    Object,
    /// `#define NAME(…) body`.
    Function,
    /// `__LINE__` and its like.
    Builtin(Builtin),
    /// Defined, but its name stays where it stands.
    Stays,
}

#[derive(Clone, Debug)]
pub(super) struct Macro {
    pub name: Symbol,
    /// The name in the `#define`.
    pub define: Option<Loc>,
    pub shape: Shape,
    pub parameters: usize,
    /// The last parameter takes all arguments that are left.
    pub variadic: bool,
    pub body: Arc<[Piece]>,
    /// Tokens are pasted in the body.
    pub pastes: bool,
    /// What comes out of it has not been read to the end, so it is not replaced again.
    pub active: bool,
}

impl Macro {
    /// Says that editing the definition is no way to edit what comes out of it.
    pub fn make_synthetic(&mut self) {
        let mark = |piece: &Piece| {
            let token = Token {
                synthetic: true,
                ..piece.token
            };
            Piece { token, ..*piece }
        };
        self.body = self.body.iter().map(mark).collect();
    }
}

/// All macros.
#[derive(Debug, Default)]
pub(super) struct Macros {
    list: Vec<Macro>,
    /// By symbol: the index of its macro plus 1, or 0.
    current: Vec<u32>,
}

impl Macros {
    /// The macro that a name means.
    pub fn of(&self, name: Symbol) -> Option<MacroId> {
        match self.current.get(name.index()) {
            None | Some(0) => None,
            Some(index) => Some(MacroId(index - 1)),
        }
    }

    /// The names that mean a macro.
    pub fn names(&self) -> impl Iterator<Item = Symbol> {
        let defined = self.current.iter().enumerate().filter(|(_, id)| **id != 0);
        defined.map(|(symbol, _)| Symbol(symbol as u32))
    }

    pub fn get(&self, id: MacroId) -> &Macro {
        &self.list[id.0 as usize]
    }

    pub fn set_active(&mut self, id: MacroId, active: bool) {
        self.list[id.0 as usize].active = active;
    }

    pub fn define(&mut self, new: Macro) {
        let name = new.name;
        self.list.push(new);
        self.set(name, Some(MacroId(self.list.len() as u32 - 1)));
    }

    /// Makes a name mean a macro, or none.
    pub fn set(&mut self, name: Symbol, id: Option<MacroId>) {
        if self.current.len() <= name.index() {
            if id.is_none() {
                return;
            }
            self.current.resize(name.index() + 1, 0);
        }
        self.current[name.index()] = id.map_or(0, |id| id.0 + 1);
    }
}

/// Reads what stands behind `#define`.
pub(super) fn parse(line: &[Token], symbols: &mut Symbols) -> Result<Macro, Malformed> {
    let head = Definition::read(line, |_, next| !next.space, |a, b| a.symbol == b.symbol)?;
    let name = line[0];
    if symbols.text(name.symbol) == b"defined" {
        return Err((0, "'defined' cannot be used as a macro name"));
    }
    let shape = match head.parameters {
        Some(_) => Shape::Function,
        None => Shape::Object,
    };
    let mut parameters: Vec<Symbol> = Vec::new();
    for &index in head.parameters.iter().flatten() {
        parameters.push(match line[index].is(op("...")) {
            true => symbols.intern(b"__VA_ARGS__"),
            false => line[index].symbol,
        });
    }
    let (at, variadic) = (head.body, head.variadic);
    let mut body: Vec<Piece> = Vec::with_capacity(line.len() - at);
    for (index, token) in line.iter().enumerate().skip(at) {
        let mut piece = Piece {
            token: *token,
            role: Role::Plain,
        };
        if token.is(op("##")) {
            if index == at || index + 1 == line.len() {
                return Err((
                    index,
                    "'##' cannot appear at either end of a macro expansion",
                ));
            }
            piece.token.op = PASTE;
        } else if token.is(op("#")) && shape == Shape::Function {
            piece.role = Role::Stringise;
        } else if let Some(found) = parameters.iter().position(|p| *p == token.symbol) {
            piece.role = Role::Parameter(found as u32);
        }
        body.push(piece);
    }
    if variadic {
        mark_optional(&mut body, symbols).map_err(|(index, why)| (index + at, why))?;
    }
    let stringises = |piece: &Piece| piece.role == Role::Stringise;
    let operand = |piece: &Piece| matches!(piece.role, Role::Parameter(_) | Role::Optional(_));
    for index in (0..body.len()).filter(|&index| stringises(&body[index])) {
        if !body.get(index + 1).is_some_and(operand) {
            return Err((at + index, "'#' is not followed by a macro parameter"));
        }
    }
    Ok(Macro {
        name: name.symbol,
        define: Some(name.loc),
        shape,
        parameters: parameters.len(),
        variadic,
        pastes: body.iter().any(|piece| piece.token.op == PASTE),
        body: body.into(),
        active: false,
    })
}

/// Finds the `)` of each `__VA_OPT__(`.
fn mark_optional(body: &mut [Piece], symbols: &Symbols) -> Result<(), Malformed> {
    let Some(name) = symbols.get(b"__VA_OPT__") else {
        return Ok(());
    };
    let mut index = 0;
    while index < body.len() {
        if body[index].token.symbol != name {
            index += 1;
            continue;
        }
        if !body.get(index + 1).is_some_and(|p| p.token.is(op("("))) {
            return Err((index, "missing '(' following __VA_OPT__"));
        }
        let Some(close) = brackets::closing(body, index + 1) else {
            return Err((index, "unterminated __VA_OPT__"));
        };
        let content = &body[index + 2..close];
        if content.iter().any(|piece| piece.token.symbol == name) {
            return Err((
                index,
                "__VA_OPT__ cannot be nested within its own replacement tokens",
            ));
        }
        let pastes = |piece: Option<&Piece>| piece.is_some_and(|p| p.token.op == PASTE);
        if pastes(content.first()) || pastes(content.last()) {
            return Err((index, "'##' cannot appear at either end of __VA_OPT__"));
        }
        body[index].role = Role::Optional(close as u32);
        index = close + 1;
    }
    Ok(())
}
