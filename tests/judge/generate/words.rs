//! Randomness, and names.

use super::Kind;

/// A generator of numbers, the same everywhere (splitmix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `bound` - 1.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// From `low` to `high`.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// Whether something happens that does in `of` of `all` cases.
    pub fn chance(&mut self, of: u64, all: u64) -> bool {
        self.below(all) < of
    }

    pub fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }
}

/// What the names of a program begin with: no two seeds of a kind share one, so that many programs
/// fit into one translation unit.
pub fn tag(seed: u64, kind: Kind) -> String {
    let consonants = *b"bdfgklmnprstvz";
    let vowels = *b"aeiou";
    let first = match kind {
        Kind::Plain => 'p',
        Kind::Bpf => 'x',
        Kind::Recursive => 'r',
        Kind::Owning => 'o',
    };
    let mut name = String::from(first);
    let mut rest = seed;
    loop {
        name.push(vowels[(rest % 5) as usize] as char);
        rest /= 5;
        name.push(consonants[(rest % 14) as usize] as char);
        rest /= 14;
        if rest == 0 {
            return name;
        }
    }
}

/// The name that a parameter declares: the last word.
pub fn declared(parameter: &str) -> &str {
    let start = parameter
        .rfind(|c: char| !c.is_alphanumeric() && c != '_')
        .map_or(0, |at| at + 1);
    &parameter[start..]
}
