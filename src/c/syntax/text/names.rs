//! What names are: of types, of macros that nobody defines, of anything else.

use super::*;

impl Writer<'_> {
    pub(super) fn name(&mut self, at: Tok, symbol: Symbol) -> Tok {
        if self.before == Before::Member {
            self.put(at, "x", Before::Operand);
            return at + 1;
        }
        let ends = ["=", ";", ","].iter().any(|o| self.is(at + 1, o));
        if ends && at > 0 && self.is(at - 1, "]") {
            // `int x[3] MACRO = …`: an attribute that nobody defines.
            return at + 1;
        }
        if self.is(at + 1, "(") && self.words.is_constant_builtin(symbol) {
            let end = self.after_group(at + 1);
            let inner = Toks::new(at + 2, end - 1);
            self.text.replaced.push(Replaced {
                tok: at,
                inner,
                is_type: true,
            });
            self.put(at, "0", Before::Operand);
            return end;
        }
        // K&R parameters follow the list of their names.
        let old_style = self.before == Before::Close && self.levels.is_empty() && self.external;
        let begins = match self.before {
            Before::Start | Before::Open => true,
            Before::Comma => matches!(self.bracket(), Bracket::Paren | Bracket::Generic),
            _ => old_style,
        };
        if begins {
            if self.is_type(symbol) && self.can_be_type(at) || self.must_be_type(at) {
                if old_style {
                    self.before = Before::Start;
                }
                self.put_type(at);
                return at + 1;
            }
            if self.before == Before::Start {
                if let Some(next) = self.unknown_macro(at) {
                    return next;
                }
                let file = self.external && self.levels.is_empty();
                if self.specified || file && self.tok(at + 1).is_some() {
                    // No type is written: `int`.
                    self.raw(at, "int");
                    if let Some(level) = self.level() {
                        level.declares = true;
                    }
                }
            }
        } else if self.before == Before::Type {
            if self.is(at + 1, "*")
                || self.is_ident(at + 1)
                || self.word(at + 1).is_some_and(|w| {
                    matches!(
                        w,
                        Word::Const | Word::Volatile | Word::Static | Word::Number(_)
                    )
                })
            {
                // `T __user *p`: a qualifier that nobody defines.
                return at + 1;
            }
            self.shadow(symbol);
        } else if self.before == Before::Star || self.before == Before::Comma {
            let declares = self.levels.last().is_some_and(|l| l.declares);
            if declares {
                self.shadow(symbol);
            }
        }
        // The grammar would take `a * b;` for a declaration, and may take `(a)` for a type.
        let guessed = self.before == Before::Start && self.is(at + 1, "*")
            || self.before == Before::Open && self.is(at + 1, ")") && !self.in_declarator();
        self.put(at, if guessed { "0" } else { "x" }, Before::Operand);
        at + 1
    }

    /// Whether the parentheses here are those of a declarator or a list of parameters.
    pub(super) fn in_declarator(&self) -> bool {
        let external = self.external && self.levels.len() == 1;
        external || self.levels.last().is_some_and(|l| l.declarator)
    }

    /// A name of a type is declared as something else.
    pub(super) fn shadow(&mut self, symbol: Symbol) {
        let inside = !self.levels.is_empty() && self.bracket() != Bracket::Record;
        if inside {
            self.declared.insert(symbol);
        }
        if inside && self.is_type(symbol) {
            let blocks = self
                .levels
                .iter()
                .rposition(|l| l.bracket == Bracket::Block);
            self.shadowed.push((blocks.map_or(1, |b| b + 1), symbol));
        }
    }

    /// Whether what follows the name of a type fits one.
    pub(super) fn can_be_type(&self, at: Tok) -> bool {
        let Some(next) = self.tok(at + 1) else {
            return true;
        };
        match next.kind {
            Kind::Ident => true,
            Kind::Punct => {
                ["*", ")", "(", ",", ";", "["]
                    .iter()
                    .any(|o| next.is(op(o)))
                    || next.is(op(":"))
                        && matches!(self.bracket(), Bracket::Generic | Bracket::Record)
            }
            _ => false,
        }
    }

    /// Whether a name that nothing declares can only be a type.
    pub(super) fn must_be_type(&self, at: Tok) -> bool {
        let symbol = self.unit.tokens[at].symbol;
        let known = self.outlines.declares(symbol) || self.declared.contains(&symbol);
        if known && !self.is_type(symbol) {
            return false;
        }
        if self.is_ident(at + 1) && self.before != Before::Close {
            // `T x`; but `MACRO x(…)` at file level may be a qualifier.
            return true;
        }
        let mut next = at + 1;
        while self.is(next, "*") || matches!(self.word(next), Some(Word::Const | Word::Volatile)) {
            next += 1;
        }
        if next == at + 1 {
            // `return (T){0}`, `= (T){0}`, but not `if (x) {`.
            let valued = at
                .checked_sub(2)
                .is_some_and(|before| self.is(before, "=") || self.spelling(before) == b"return");
            if valued && self.is(next, ")") && self.is(next + 1, "{") {
                return true;
            }
            // `(T)x`, but not `f(a) T a; {…}`
            return self.before == Before::Open
                && self.is(next, ")")
                && !self.in_declarator()
                && self.tok(next + 1).is_some_and(|t| {
                    matches!(t.kind, Kind::Number | Kind::Str | Kind::Char)
                        || t.kind == Kind::Ident
                            && self.word(next + 1).is_none_or(|w| w == Word::Sizeof)
                });
        }
        match self.before {
            // `T *x;`, `T *x = …`, `T *x[…]`, `T *f(…)`
            Before::Start => {
                self.is_ident(next)
                    && [";", "=", ",", "[", "("]
                        .iter()
                        .any(|o| self.is(next + 1, o))
            }
            // `(T *)x`
            Before::Open => self.is(next, ")"),
            _ => false,
        }
    }

    /// A macro that nobody defines before a declaration: `__noinline int f()`,
    /// `SEC("xdp") int f()`.
    pub(super) fn unknown_macro(&self, at: Tok) -> Option<Tok> {
        let specifier = |t: Tok| self.word(t).is_some_and(Word::specifies);
        if specifier(at + 1) && !matches!(self.word(at + 1), Some(Word::Asm)) {
            return Some(at + 1);
        }
        let text = self.tok(at + 2).is_some_and(|t| t.kind == Kind::Str);
        if self.is(at + 1, "(") && text {
            let end = self.after_group(at + 1);
            let declares = specifier(end) || self.is_ident(end);
            return (declares && self.levels.is_empty()).then_some(end);
        }
        None
    }
}
