//! Spellings as numbers.

use std::hash::Hasher;

use hashbrown::HashTable;
use rustc_hash::FxHasher;

/// A spelling, as a number that is the same for the same bytes within one [`Symbols`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Symbol(pub(super) u32);

impl Symbol {
    /// The number: spellings are counted from 0 in the order in which they were met.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// All spellings of a unit, each once.
#[derive(Clone, Debug, Default)]
pub struct Symbols {
    /// The bytes of all, one behind the other.
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    table: HashTable<u32>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u64,
    end: usize,
}

impl Symbols {
    /// A table with room for so many spellings.
    pub(super) fn with_capacity(count: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(count * 16),
            entries: Vec::with_capacity(count),
            table: HashTable::with_capacity(count),
        }
    }

    /// The bytes of a spelling.
    pub fn text(&self, symbol: Symbol) -> &[u8] {
        slice(&self.bytes, &self.entries, symbol.0)
    }

    /// The symbol of a spelling that occurs.
    pub fn get(&self, text: &[u8]) -> Option<Symbol> {
        self.find(hash(text), text)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The symbol of a spelling.
    pub fn intern(&mut self, text: &[u8]) -> Symbol {
        self.intern_hashed(hash(text), text)
    }

    /// Takes over all spellings of another table; what its symbols are called here, by index.
    pub(super) fn extend(&mut self, other: &Symbols) -> Vec<Symbol> {
        self.table
            .reserve(other.len(), |&known| self.entries[known as usize].hash);
        let all = 0..other.entries.len();
        all.map(|index| {
            let text = slice(&other.bytes, &other.entries, index as u32);
            self.intern_hashed(other.entries[index].hash, text)
        })
        .collect()
    }

    /// The spellings that both tables have, with their symbols here and there.
    pub(super) fn common<'s>(
        &'s self,
        other: &'s Symbols,
    ) -> impl Iterator<Item = (Symbol, Symbol)> + 's {
        (0..self.entries.len() as u32).filter_map(|index| {
            let text = slice(&self.bytes, &self.entries, index);
            let its = other.find(self.entries[index as usize].hash, text)?;
            Some((Symbol(index), its))
        })
    }

    fn find(&self, hash: u64, text: &[u8]) -> Option<Symbol> {
        let (bytes, entries) = (&self.bytes, &self.entries);
        let same = |&known: &u32| slice(bytes, entries, known) == text;
        self.table.find(hash, same).map(|&known| Symbol(known))
    }

    fn intern_hashed(&mut self, hash: u64, text: &[u8]) -> Symbol {
        if let Some(known) = self.find(hash, text) {
            return known;
        }
        let symbol = self.entries.len() as u32;
        self.bytes.extend_from_slice(text);
        self.entries.push(Entry {
            hash,
            end: self.bytes.len(),
        });
        let entries = &self.entries;
        let rehash = |&known: &u32| entries[known as usize].hash;
        self.table.insert_unique(hash, symbol, rehash);
        Symbol(symbol)
    }
}

fn hash(text: &[u8]) -> u64 {
    let mut hasher = FxHasher::default();
    hasher.write(text);
    hasher.finish()
}

fn slice<'b>(bytes: &'b [u8], entries: &[Entry], index: u32) -> &'b [u8] {
    let index = index as usize;
    let start = index.checked_sub(1).map_or(0, |before| entries[before].end);
    &bytes[start..entries[index].end]
}
