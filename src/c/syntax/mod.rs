//! Preprocessed tokens as a syntax tree, read with tree-sitter.
//!
//! The C grammar of tree-sitter is made for text as it stands in an editor. Here it gets what the
//! preprocessor left, in words that it cannot mistake ([`text`]), one external declaration at a
//! time, and only those that somebody asks for: of a `vmlinux.h` a few out of ten thousands.

mod outline;
mod read;
mod text;
pub mod tree;

#[cfg(test)]
mod tests;

pub use outline::Outline;

use crate::c::Symbol;
use crate::c::cpp::Unit;
use tree::{Item, Tree};
use words::Words;

pub(crate) use crate::c::outline::{after_group, words};

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
        let words = Words::new(&unit.symbols);
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

    /// Whether a declaration of a name before an item was not read, for it stands in a file of which
    /// only a part was.
    pub fn leaves_out(&self, name: Symbol, item: u32) -> bool {
        self.outlines.leaves_out(self.unit, name, item)
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
