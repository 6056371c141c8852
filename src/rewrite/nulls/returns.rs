//! What a function returns, and the section of a program.

use super::Context;
use crate::c::bytes::decode;
use crate::c::lexer::{Kind, op};
use crate::c::syntax::tree::{Base, DeclId, FunctionId, Part, StmtId, StmtKind, Toks};
use crate::c::types::{Type, TypeId};

/// What a function returns, as far as it matters to a failing check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Returns {
    /// Nothing.
    Void,
    /// A pointer.
    Pointer,
    /// `_Bool`
    Bool,
    /// A floating-point number.
    Float,
    /// A signed integer.
    Signed,
    /// An unsigned integer, or an enumeration.
    Unsigned,
    /// A structure, or something of a type that is not defined in any file at hand: its name.
    Value(String),
    /// The type is not known.
    Hidden,
}

impl Context<'_> {
    /// What a function returns.
    pub fn returns(&self, function: FunctionId) -> Returns {
        let decl = self.tree()[function].decl;
        let Some(entity) = self.model.info(function).entity else {
            return Returns::Hidden;
        };
        let ret = match &self.model[self.model[entity].ty] {
            Type::Function { ret, .. } => *ret,
            _ => return Returns::Hidden,
        };
        // A head that a macro hides is read as one without a type.
        let hidden = matches!(self.tree()[decl].specifiers.base, Base::Implicit);
        // `main() {…}` returns an int; a macro has arguments that say what it hides.
        let bare = self.tree()[decl].declarators.first().is_some_and(|&d| {
            matches!(self.tree()[d].parts.first(), Some(Part::Function { params, names, .. })
                if params.is_empty() && names.is_empty())
        });
        if hidden && (bare || self.returns_value(self.tree()[function].body)) {
            return Returns::Signed;
        }
        if hidden {
            return Returns::Void;
        }
        self.class(ret, decl)
    }

    fn class(&self, ty: TypeId, decl: DeclId) -> Returns {
        match &self.model[ty] {
            Type::Void => Returns::Void,
            Type::Pointer { .. } | Type::Array { .. } | Type::Function { .. } => Returns::Pointer,
            Type::Number(number) if number.boolean => Returns::Bool,
            Type::Number(number) if number.floating => Returns::Float,
            Type::Number(number) if number.unsigned => Returns::Unsigned,
            Type::Number(_) => Returns::Signed,
            Type::Enum(_) => Returns::Unsigned,
            Type::Record(record) => match self.tree()[decl].specifiers.base {
                Base::Typedef(name, _) => Returns::Value(self.name(name)),
                _ => {
                    let record = &self.model[*record];
                    let word = if record.is_union { "union" } else { "struct" };
                    match record.tag {
                        Some(tag) => Returns::Value(format!("{word} {}", self.name(tag))),
                        None => Returns::Hidden,
                    }
                }
            },
            Type::Unknown => match self.tree()[decl].specifiers.base {
                Base::Typedef(name, _) => by_name(&self.name(name)),
                _ => Returns::Hidden,
            },
        }
    }

    /// Whether some statement returns a value.
    pub fn returns_value(&self, stmt: StmtId) -> bool {
        matches!(self.tree()[stmt].kind, StmtKind::Return(Some(_)))
            || self
                .tree()
                .substatements(stmt)
                .into_iter()
                .any(|inner| self.returns_value(inner))
    }

    /// The name of a program's section.
    pub fn section(&self, function: FunctionId) -> Option<String> {
        let entity = self.model.info(function).entity?;
        let name = self.name(self.model[entity].name);
        // `BPF_PROG` and its family split a program into one that unpacks arguments and one that
        // does the work.
        let outer = name.strip_prefix("____").and_then(|outer| {
            let symbol = self.text.unit.symbols.get(outer.as_bytes())?;
            self.model.file_entity(symbol)
        });
        [Some(entity), outer]
            .into_iter()
            .flatten()
            .find_map(|entity| {
                let declarators = self.model[entity].declarators.iter();
                declarators.copied().find_map(|declarator| {
                    let decl = &self.tree()[self.tree()[declarator].decl];
                    let lists = decl.specifiers.attributes.iter();
                    let lists = lists.chain(&self.tree()[declarator].attributes);
                    lists.copied().find_map(|toks| self.section_in(toks))
                })
            })
            .or_else(|| self.section_in(self.tree()[function].toks))
    }

    fn section_in(&self, toks: Toks) -> Option<String> {
        let unit = self.text.unit;
        let mut depth = 0;
        for tok in toks.start..toks.end {
            let token = &unit.tokens[tok];
            if token.is(op("{")) && depth == 0 {
                return None;
            }
            let text = unit.text(token);
            let names = matches!(text, b"section" | b"__section__" | b"SEC" | b"__section");
            if !names || !unit.tokens.get(tok + 1).is_some_and(|t| t.is(op("("))) {
                continue;
            }
            depth += 1;
            let literal = unit.tokens[tok + 2..toks.end].first()?;
            if literal.kind == Kind::Str {
                let text = decode(unit.text(literal));
                return Some(text.trim_matches('"').to_owned());
            }
        }
        None
    }

    /// The function of an attribute that is called when a variable goes out of scope.
    pub fn cleanup_in(&self, toks: Toks) -> Option<String> {
        let unit = self.text.unit;
        let at = (toks.start..toks.end)
            .find(|&tok| matches!(unit.text(&unit.tokens[tok]), b"cleanup" | b"__cleanup__"))?;
        let name = unit.tokens[..toks.end].get(at + 2)?;
        Some(decode(unit.text(name)))
    }
}

/// What the names of types say that are defined in headers which are not at hand.
fn by_name(name: &str) -> Returns {
    let bare = name.trim_start_matches("__");
    let digits = |rest: &str| rest.trim_end_matches("_t").parse::<u8>().is_ok();
    let number = |kinds: &[&str]| {
        kinds
            .iter()
            .any(|kind| bare.strip_prefix(kind).is_some_and(digits))
    };
    match bare {
        "bool" => Returns::Bool,
        "size_t" | "uintptr_t" | "ulong" | "uint" | "uchar" | "ushort" => Returns::Unsigned,
        "ssize_t" | "ptrdiff_t" | "intptr_t" | "time_t" => Returns::Signed,
        _ if number(&["s", "int"]) => Returns::Signed,
        _ if number(&["u", "be", "le", "uint"]) => Returns::Unsigned,
        // Macros are mostly in capitals.
        _ if name.bytes().any(|b| b.is_ascii_lowercase()) => Returns::Value(name.to_owned()),
        _ => Returns::Hidden,
    }
}
