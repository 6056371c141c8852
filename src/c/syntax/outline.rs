//! The external declarations of a unit, and which names each declares.
//!
//! Most of a unit is headers of which nothing but a few declarations matter: a parser should see
//! only those. And the parser has to know which names are types before it reads anything.

use rustc_hash::FxHashMap;

use super::tree::{Tok, Toks};
use super::words::Words;
use crate::c::Symbol;
use crate::c::cpp::Unit;
use crate::c::outline::Scan;

/// An external declaration, not read yet.
#[derive(Clone, Copy, Debug)]
pub struct Outline {
    /// Its tokens.
    pub toks: Toks,
    /// Where the body of a function definition begins.
    pub body: Option<Tok>,
    /// Declarations of K&R parameters stand before the body.
    pub old_style: bool,
}

/// The external declarations of a unit.
#[derive(Debug, Default)]
pub(super) struct Outlines {
    pub list: Vec<Outline>,
    /// By name: the declarations that may declare it, in their order.
    pub naming: FxHashMap<Symbol, Vec<u32>>,
    /// By symbol: it is the name of a type somewhere outside of functions.
    pub types: Vec<bool>,
    /// By name: its first declaration that was not read, of which file that was read in part.
    left_out: FxHashMap<Symbol, (usize, u32)>,
}

impl Outlines {
    /// Linear in the number of tokens.
    pub fn of(unit: &Unit, words: &Words) -> Self {
        let mut found = Self {
            types: vec![false; unit.symbols.len()],
            ..Self::default()
        };
        let mut scan = Scan::new(&unit.tokens, words);
        while let Some((declaration, names)) = scan.declaration() {
            let index = found.list.len() as u32;
            for (name, is_type) in names {
                let known = found.naming.entry(name).or_default();
                if known.last() != Some(&index) {
                    known.push(index);
                }
                found.types[name.index()] |= is_type;
            }
            found.list.push(Outline {
                toks: Toks::new(declaration.start, declaration.end),
                body: declaration.body,
                old_style: declaration.old_style,
            });
        }
        for (index, part) in unit.parts.iter().enumerate() {
            for (name, is_type, left_out) in part.declared(&unit.symbols) {
                found.types[name.index()] |= is_type;
                let left_out = left_out.map(|declaration| (index, declaration));
                found.left_out.extend(left_out.map(|place| (name, place)));
            }
        }
        found
    }

    /// Whether the unit declares a name outside of functions, be it in what was not read of it.
    pub fn declares(&self, name: Symbol) -> bool {
        self.naming.contains_key(&name) || self.left_out.contains_key(&name)
    }

    /// Whether a declaration of a name before an item was not read.
    pub fn leaves_out(&self, unit: &Unit, name: Symbol, item: u32) -> bool {
        let Some(&(part, declaration)) = self.left_out.get(&name) else {
            return false;
        };
        let Some(item) = self.list.get(item as usize) else {
            return true;
        };
        let part = &unit.parts[part];
        let start = item.toks.start;
        let loc = unit.visible_loc(&unit.tokens[start]);
        match loc.file == part.file {
            true => declaration < part.declaration_at(loc.start),
            false => part.at <= start,
        }
    }
}
