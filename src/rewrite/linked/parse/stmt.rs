//! Statements.

use super::super::vars::Tok;
use super::super::words::{Statement, Word};
use super::decl::Section;
use super::{Confused, Copied, CopyKind, Loop, LoopKind, Lost, Parsed, Reading, Value};

impl Reading<'_> {
    /// `{…}`; the value of the last expression statement in it.
    pub(super) fn compound(&mut self) -> Parsed<Option<Value>> {
        self.enter()?;
        self.expect("{")?;
        self.open_scope();
        let mut last = None;
        loop {
            if self.eat("}") {
                break;
            }
            if self.token().is_none() {
                return Err(Confused);
            }
            let before = self.pos;
            let scopes = self.scopes.len();
            let (depth, unevaluated) = (self.depth, self.unevaluated);
            match self.block_item() {
                Ok(value) => last = value,
                Err(Confused) => {
                    self.lost.push(Lost { tok: self.pos });
                    self.scopes.truncate(scopes);
                    self.tags.truncate(scopes);
                    (self.depth, self.unevaluated) = (depth, unevaluated);
                    self.skip_statement(before);
                    last = None;
                }
            }
        }
        self.close_scope();
        self.depth -= 1;
        Ok(last)
    }

    /// Goes on behind the statement that starts at `start`, as well as that can be told.
    fn skip_statement(&mut self, start: Tok) {
        self.pos = start;
        while self.token().is_some() {
            if self.at("}") {
                return;
            }
            if self.at("{") {
                self.skip_group();
                return;
            }
            if self.at("(") || self.at("[") {
                self.skip_group();
            } else if self.eat(";") {
                return;
            } else {
                self.pos += 1;
            }
        }
    }

    fn block_item(&mut self) -> Parsed<Option<Value>> {
        let label = self
            .ident(self.pos)
            .is_some_and(|s| self.words.get(s).is_none())
            && self.at_op(self.pos + 1, ":")
            && !self.at_op(self.pos + 2, ":");
        if !label && self.starts_declaration() {
            self.local_declaration(true)?;
            return Ok(None);
        }
        self.statement()
    }

    fn statement_word(&self) -> Option<Statement> {
        match self.ident(self.pos).and_then(|s| self.words.get(s)) {
            Some(Word::Statement(statement)) => Some(statement),
            _ => None,
        }
    }

    /// A statement; its value if it is an expression.
    pub(super) fn statement(&mut self) -> Parsed<Option<Value>> {
        self.enter()?;
        let value = self.any_statement()?;
        self.depth -= 1;
        Ok(value)
    }

    fn any_statement(&mut self) -> Parsed<Option<Value>> {
        if self.at("{") {
            self.compound()?;
            return Ok(None);
        }
        if self.eat(";") {
            return Ok(None);
        }
        let tok = self.pos;
        if let Some(word) = self.statement_word() {
            self.pos += 1;
            self.keyword(word, tok)?;
            return Ok(None);
        }
        match self.ident(tok).and_then(|s| self.words.get(s)) {
            Some(Word::Asm) => {
                self.assembly()?;
                return Ok(None);
            }
            Some(Word::Attribute) => {
                let mut none = Section::default();
                self.attributes(&mut none)?;
                return match self.eat(";") {
                    true => Ok(None),
                    false => self.any_statement(),
                };
            }
            None if self.ident(tok).is_some() && self.at_op(tok + 1, ":") => {
                self.pos += 2;
                let mut none = Section::default();
                self.attributes(&mut none)?;
                // A label may end a block.
                return match self.at("}") {
                    true => Ok(None),
                    false => self.block_item(),
                };
            }
            _ => {}
        }
        if self.label_names() {
            return Ok(None);
        }
        let value = self.expression()?;
        let value = self.rvalue(value);
        self.expect(";")?;
        Ok(Some(value))
    }

    /// `__label__ a, b;`
    fn label_names(&mut self) -> bool {
        let is = self
            .ident(self.pos)
            .is_some_and(|s| self.unit.symbols.text(s) == b"__label__");
        if is {
            while self.token().is_some() && !self.eat(";") {
                self.pos += 1;
            }
        }
        is
    }

    fn keyword(&mut self, word: Statement, tok: Tok) -> Parsed<()> {
        match word {
            Statement::If => {
                self.parenthesised()?;
                self.statement()?;
                if self.statement_word() == Some(Statement::Else) {
                    self.pos += 1;
                    self.statement()?;
                }
            }
            Statement::Else => return Err(Confused),
            Statement::While => {
                let condition = self.parenthesised()?;
                let start = self.pos;
                self.statement()?;
                self.keep_loop(LoopKind::While, tok, condition, (start, self.pos));
            }
            Statement::Do => {
                let start = self.pos;
                self.statement()?;
                let body = (start, self.pos);
                if self.statement_word() != Some(Statement::While) {
                    return Err(Confused);
                }
                self.pos += 1;
                let condition = self.parenthesised()?;
                self.keep_loop(LoopKind::Do, tok, condition, body);
                self.expect(";")?;
            }
            Statement::For => self.for_loop(tok)?,
            Statement::Switch => {
                self.parenthesised()?;
                self.statement()?;
            }
            Statement::Case => {
                self.conditional()?;
                if self.eat("...") {
                    self.conditional()?;
                }
                self.expect(":")?;
                self.behind_label()?;
            }
            Statement::Default => {
                self.expect(":")?;
                self.behind_label()?;
            }
            Statement::Return => {
                if !self.at(";") {
                    let start = self.pos;
                    let value = self.expression()?;
                    if self.is_record(value.ty)
                        && let Some(place) = value.place
                    {
                        self.copies.push(Copied {
                            to: (tok, tok),
                            place,
                            from: (start, self.pos),
                            source: Some(place),
                            kind: CopyKind::Value,
                            instance: self.instance,
                        });
                    }
                    let value = self.rvalue(value);
                    if let Some((_, ty, flow, _)) = self.current {
                        self.assign(ty, value);
                        self.flows_to(value.flow, flow);
                    }
                }
                self.expect(";")?;
            }
            Statement::Jump => self.expect(";")?,
            Statement::Goto => {
                while self.token().is_some() && !self.at(";") && !self.at("}") {
                    self.pos += 1;
                }
                self.expect(";")?;
            }
        }
        Ok(())
    }

    fn behind_label(&mut self) -> Parsed<()> {
        if !self.at("}") {
            self.block_item()?;
        }
        Ok(())
    }

    /// `(…)` of a statement; where the expression is.
    fn parenthesised(&mut self) -> Parsed<(Tok, Tok)> {
        self.expect("(")?;
        let start = self.pos;
        let value = self.expression()?;
        self.rvalue(value);
        let end = self.pos;
        self.expect(")")?;
        Ok((start, end))
    }

    fn for_loop(&mut self, tok: Tok) -> Parsed<()> {
        self.expect("(")?;
        self.open_scope();
        if self.starts_declaration() {
            self.local_declaration(false)?;
        } else {
            if !self.at(";") {
                let value = self.expression()?;
                self.rvalue(value);
            }
            self.expect(";")?;
        }
        let condition = self.pos;
        if !self.at(";") {
            let value = self.expression()?;
            self.rvalue(value);
        }
        let condition = (condition, self.pos);
        self.expect(";")?;
        let step = self.pos;
        if !self.at(")") {
            let value = self.expression()?;
            self.rvalue(value);
        }
        let step = (step, self.pos);
        self.expect(")")?;
        let start = self.pos;
        self.statement()?;
        self.close_scope();
        self.loops.push(Loop {
            kind: LoopKind::For,
            tok,
            condition,
            step,
            body: (start, self.pos),
            function: self.current.map_or((start, self.pos), |c| c.3),
            instance: self.instance,
        });
        Ok(())
    }

    fn keep_loop(&mut self, kind: LoopKind, tok: Tok, condition: (Tok, Tok), body: (Tok, Tok)) {
        self.loops.push(Loop {
            kind,
            tok,
            condition,
            step: (tok, tok),
            body,
            function: self.current.map_or(body, |c| c.3),
            instance: self.instance,
        });
    }

    /// `asm volatile goto("…" : …);`: what it does with its operands is not known.
    fn assembly(&mut self) -> Parsed<()> {
        while self.token().is_some() && !self.at("(") {
            self.pos += 1;
        }
        self.skip_group();
        self.expect(";")
    }
}
