//! Preprocessed tokens as a syntax tree, read with tree-sitter.
//!
//! The C grammar of tree-sitter is made for text as it stands in an editor. Here it gets what the
//! preprocessor left, in words that it cannot mistake ([`text`]), one external declaration at a
//! time, and only those that somebody asks for: of a `vmlinux.h` a few out of ten thousands.

mod outline;
mod read;
mod text;
pub mod tree;
pub mod words;

#[cfg(test)]
mod tests;

pub use outline::Outline;

use crate::c::Symbol;
use crate::c::cpp::{Token, Unit};
use crate::c::lexer::op;
use tree::{Item, Tok, Tree};
use words::Words;

/// Reads the external declarations of a unit.
pub struct Reader<'u> {
    unit: &'u Unit,
    words: Words,
    outlines: outline::Outlines,
    parser: tree_sitter::Parser,
}

impl<'u> Reader<'u> {
    /// Finds the external declarations, and reads none. Linear in the number of tokens.
    pub fn new(unit: &'u Unit) -> Self {
        let words = Words::new(unit);
        let outlines = outline::Outlines::of(unit, &words);
        Self {
            unit,
            words,
            outlines,
            parser: read::parser(),
        }
    }

    /// The external declarations, in their order.
    pub fn items(&self) -> &[Outline] {
        &self.outlines.list
    }

    /// The declarations, by index, that may declare a name, a tag or a constant, in their order.
    pub fn naming(&self, name: Symbol) -> &[u32] {
        self.outlines.naming.get(&name).map_or(&[], Vec::as_slice)
    }

    /// The words of the language.
    pub fn words(&self) -> &Words {
        &self.words
    }

    /// Reads an external declaration into the tree. Linear in its number of tokens; gives up on
    /// what nests deeper than 256 brackets or keeps the parser busy for too long, and says so
    /// ([`Item::broken`]).
    pub fn read(&mut self, tree: &mut Tree, item: u32) -> Item {
        let outline = self.outlines.list[item as usize];
        let context = read::Context {
            unit: self.unit,
            words: &self.words,
            outlines: &self.outlines,
        };
        let item = read::item(context, &mut self.parser, tree, outline);
        tree.items.push(item);
        item
    }
}

/// After the bracket that closes the one at `at`, or the end.
pub(crate) fn after_group(toks: &[Token], mut at: Tok) -> Tok {
    let mut depth = 0usize;
    while let Some(token) = toks.get(at) {
        at += 1;
        if [op("("), op("["), op("{")].into_iter().any(|o| token.is(o)) {
            depth += 1;
        } else if [op(")"), op("]"), op("}")].into_iter().any(|o| token.is(o)) {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    at
}
