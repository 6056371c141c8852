//! Operations on a heap: from traces and at random, on the model, and compared with an executor.

use std::collections::BTreeMap;

use bpf_malloc::heap::model::Model;
use bpf_malloc::heap::walk::{self, Snapshot, State};

/// Bytes of an operation as the executors read it.
pub const OPERATION_BYTES: usize = 32;
/// Slots an executor keeps blocks in.
pub const SLOTS: u32 = 256;
/// What an executor gives for NULL, or an offset into no pool.
pub const NONE: u64 = u64::MAX;

/// What to do; as in `tests/heap/operation.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Kind {
    Malloc,
    Free,
    Calloc,
    Realloc,
    Aligned,
    Usable,
    Memalign,
    Array,
    Reset,
}

/// One operation.
#[derive(Clone, Copy, Debug)]
pub struct Operation {
    pub kind: Kind,
    pub slot: u32,
    pub a: u64,
    pub b: u64,
}

impl Operation {
    pub fn bytes(&self) -> [u8; OPERATION_BYTES] {
        let mut bytes = [0; OPERATION_BYTES];
        bytes[0..4].copy_from_slice(&(self.kind as u32).to_ne_bytes());
        bytes[4..8].copy_from_slice(&self.slot.to_ne_bytes());
        bytes[8..16].copy_from_slice(&self.a.to_ne_bytes());
        bytes[16..24].copy_from_slice(&self.b.to_ne_bytes());
        bytes
    }
}

/// Reads a trace: an operation a line, `#` starts a comment. `m SLOT SIZE`, `f SLOT [OFFSET]`,
/// `c SLOT COUNT SIZE`, `r SLOT SIZE`, `a SLOT ALIGN SIZE`, `p SLOT ALIGN SIZE` (posix_memalign),
/// `y SLOT COUNT SIZE` (reallocarray), `u SLOT [OFFSET]` (usable size), `z` (reset).
pub fn parse(trace: &str) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (index, line) in trace.lines().enumerate() {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let Some(word) = words.next() else { continue };
        let mut number = || {
            words
                .next()
                .map(|word| word.parse::<u64>().expect("a number"))
        };
        let kind = match word {
            "m" => Kind::Malloc,
            "f" => Kind::Free,
            "c" => Kind::Calloc,
            "r" => Kind::Realloc,
            "a" => Kind::Aligned,
            "u" => Kind::Usable,
            "p" => Kind::Memalign,
            "y" => Kind::Array,
            "z" => Kind::Reset,
            other => panic!("line {}: no operation {other:?}", index + 1),
        };
        let slot = number().unwrap_or(0) as u32;
        assert!(slot < SLOTS, "line {}: no slot {slot}", index + 1);
        operations.push(Operation {
            kind,
            slot,
            a: number().unwrap_or(0),
            b: number().unwrap_or(0),
        });
    }
    operations
}

/// A generator of numbers, the same everywhere (xorshift64*).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small sizes mostly, now and then anything up to beyond the pool.
    fn size(&mut self, pool: u64) -> u64 {
        match self.below(16) {
            0 => self.below(pool + pool / 8),
            1..=3 => self.below(pool / 4 + 1),
            4..=7 => self.below(pool / 16 + 1),
            _ => self.below(200.min(pool / 8)),
        }
    }

    /// Any operation on one of `slots` slots of a heap with so many bytes of pool.
    pub fn operation(&mut self, pool: u64, slots: u32) -> Operation {
        let slot = self.below(u64::from(slots)) as u32;
        let size = self.size(pool);
        let count = self.below(8);
        let (kind, a, b) = match self.below(40) {
            0..=13 => (Kind::Malloc, size, 0),
            14..=27 => (Kind::Free, 0, 0),
            28..=29 => (Kind::Calloc, count, size / 4),
            30..=33 => (Kind::Realloc, size, 0),
            34..=35 => (Kind::Aligned, 1 << self.below(13), size),
            36 => (Kind::Memalign, 1 << self.below(13), size),
            37 => (Kind::Array, count, size / 4),
            38 => (Kind::Usable, 8 * self.below(4), 0),
            _ => (Kind::Free, 8 + 8 * self.below(64), 0),
        };
        Operation { kind, slot, a, b }
    }
}

/// The model with the slots of an executor beside it.
pub struct Expected {
    pool: u64,
    granule: u32,
    address: u64,
    pub model: Model,
    slots: BTreeMap<u32, u64>,
}

impl Expected {
    /// Nothing allocated; the executor's pool begins at `address`.
    pub fn new(pool: u64, granule: u32, address: u64) -> Self {
        let model = Model::new(pool, granule, address);
        Self {
            pool,
            granule,
            address,
            model,
            slots: BTreeMap::new(),
        }
    }

    /// Whether the slot is taken. A malloc into a taken slot would lose the block.
    pub fn taken(&self, slot: u32) -> bool {
        self.slots.contains_key(&slot)
    }

    /// What the operation must give.
    pub fn perform(&mut self, operation: &Operation) -> u64 {
        let Operation { kind, slot, a, b } = *operation;
        let held = self.slots.get(&slot).copied();
        let product = if a > self.pool || b > self.pool {
            0
        } else {
            a * b
        };
        let place = match kind {
            Kind::Malloc => self.model.allocate(a, 1),
            Kind::Calloc => self.model.allocate(product, 1),
            Kind::Aligned if !a.is_power_of_two() => None,
            Kind::Aligned => self.model.allocate(if a > self.pool { 0 } else { b }, a),
            Kind::Memalign if a < 8 || !a.is_power_of_two() => return 22,
            Kind::Memalign => match self.model.allocate(if a > self.pool { 0 } else { b }, a) {
                None if b > 0 => return 12,
                place => place,
            },
            Kind::Free => {
                if let Some(offset) = held {
                    self.model.free(offset + a);
                    if a == 0 {
                        self.slots.remove(&slot);
                    }
                }
                return 0;
            }
            Kind::Usable => return held.map_or(0, |offset| self.model.usable(offset + a)),
            Kind::Realloc | Kind::Array => {
                let bytes = if kind == Kind::Array { product } else { a };
                let overflow = kind == Kind::Array && bytes == 0 && a > 0 && b > 0;
                let place = match held {
                    _ if overflow => None,
                    Some(offset) => self.model.reallocate(offset, bytes),
                    None => self.model.allocate(bytes, 1),
                };
                match place {
                    Some(offset) => self.slots.insert(slot, offset),
                    None if bytes == 0 && !overflow => self.slots.remove(&slot),
                    None => None,
                };
                return place.unwrap_or(NONE);
            }
            Kind::Reset => {
                *self = Self::new(self.pool, self.granule, self.address);
                return 0;
            }
        };
        match place {
            Some(offset) => self.slots.insert(slot, offset),
            None => self.slots.remove(&slot),
        };
        place.unwrap_or(NONE)
    }

    /// Compares a heap's bytes with the model, after checking all of them.
    pub fn compare(&self, image: &[u8]) -> Result<Snapshot, String> {
        let snapshot = walk::check(image).map_err(|damage| damage.to_string())?;
        if snapshot.granules == 0 {
            // Not used yet: the model has nothing but its first free block.
            let untouched = self.model.blocks().all(|block| block.state == State::Free);
            return untouched
                .then_some(snapshot)
                .ok_or_else(|| "the heap is unused".into());
        }
        let expected: Vec<_> = self.model.blocks().collect();
        if snapshot.blocks == expected {
            return Ok(snapshot);
        }
        let differs = snapshot.blocks.iter().zip(&expected).find(|(a, b)| a != b);
        Err(format!("the heap and the model differ: {differs:?}"))
    }
}

/// Random operations that never drop a block they hold.
pub fn random(pool: u64, granule: u32, seed: u64, count: usize, slots: u32) -> Vec<Operation> {
    // Alignments are a page at most, so it does not matter where the pool will be.
    let address = 0;
    let mut random = Random(seed);
    let mut expected = Expected::new(pool, granule, address);
    (0..count)
        .map(|_| {
            let mut operation = random.operation(pool, slots);
            let allocates = matches!(
                operation.kind,
                Kind::Malloc | Kind::Calloc | Kind::Aligned | Kind::Memalign
            );
            if allocates && expected.taken(operation.slot) {
                operation = Operation {
                    kind: Kind::Free,
                    a: 0,
                    b: 0,
                    ..operation
                };
            }
            if operation.kind == Kind::Free && operation.a > 0 {
                // Beyond its end another block may start, which the free would be right for.
                let usable = expected.perform(&Operation {
                    kind: Kind::Usable,
                    a: 0,
                    ..operation
                });
                operation.a = 8 + operation.a % usable.saturating_sub(8).max(1);
            }
            expected.perform(&operation);
            operation
        })
        .collect()
}
