//! Operations as programs make them: small records, queues of packets, growing buffers, phases.

use crate::common::{self, Kind, Random};

/// Blocks an executor can hold.
pub const SLOTS: usize = 131_072;

/// What to do; sizes and alignments in bytes.
#[derive(Clone, Copy, Debug)]
pub enum Operation {
    Malloc { slot: usize, size: u64 },
    Free { slot: usize },
    Realloc { slot: usize, size: u64 },
    Aligned { slot: usize, align: u64, size: u64 },
}

impl Operation {
    /// As `struct operation` in `tests/bench/fragmentation.c`.
    pub fn bytes(&self) -> [u8; 24] {
        let (op, slot, size, align) = match *self {
            Self::Malloc { slot, size } => (0_u32, slot, size, 0),
            Self::Free { slot } => (1, slot, 0, 0),
            Self::Realloc { slot, size } => (2, slot, size, 0),
            Self::Aligned { slot, align, size } => (3, slot, size, align),
        };
        let mut bytes = [0; 24];
        bytes[..4].copy_from_slice(&op.to_ne_bytes());
        bytes[4..8].copy_from_slice(&(slot as u32).to_ne_bytes());
        bytes[8..16].copy_from_slice(&size.to_ne_bytes());
        bytes[16..].copy_from_slice(&align.to_ne_bytes());
        bytes
    }
}

/// Operations in order.
pub struct Workload {
    pub name: String,
    pub operations: Vec<Operation>,
    /// Bytes asked for that were in use at once at most.
    pub peak: u64,
}

/// Writes operations and keeps account of them.
struct Writer {
    random: Random,
    operations: Vec<Operation>,
    sizes: Vec<u64>,
    live: u64,
    peak: u64,
}

impl Writer {
    fn new(seed: u64) -> Self {
        Self {
            random: Random(seed | 1),
            operations: Vec::new(),
            sizes: vec![0; SLOTS],
            live: 0,
            peak: 0,
        }
    }

    fn now_holds(&mut self, slot: usize, size: u64) {
        self.live = self.live - self.sizes[slot] + size;
        self.sizes[slot] = size;
        self.peak = self.peak.max(self.live);
    }

    fn malloc(&mut self, slot: usize, size: u64) {
        self.now_holds(slot, size);
        self.operations.push(Operation::Malloc { slot, size });
    }

    fn free(&mut self, slot: usize) {
        if self.sizes[slot] > 0 {
            self.now_holds(slot, 0);
            self.operations.push(Operation::Free { slot });
        }
    }

    fn realloc(&mut self, slot: usize, size: u64) {
        self.now_holds(slot, size);
        self.operations.push(Operation::Realloc { slot, size });
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random.below(bound)
    }

    /// Turns random slots over: what is there goes, a block of another size comes.
    fn churn(&mut self, slots: usize, rounds: usize, size: impl Fn(&mut Self) -> u64) {
        for _ in 0..rounds {
            let slot = self.below(slots as u64) as usize;
            self.free(slot);
            let size = size(self);
            self.malloc(slot, size);
        }
    }

    fn done(self, name: &str) -> Workload {
        Workload {
            name: name.to_owned(),
            operations: self.operations,
            peak: self.peak,
        }
    }
}

/// Sizes of the records programs keep: mostly a few small ones.
fn record(writer: &mut Writer) -> u64 {
    const SIZES: [u64; 8] = [16, 24, 32, 48, 64, 96, 128, 256];
    let which = writer.below(8).min(writer.below(8)) as usize;
    SIZES[which]
}

/// Sizes of which each next power of two is half as frequent, up to 64 KiB.
fn tailed(writer: &mut Writer) -> u64 {
    let power = writer.random.next().trailing_zeros().min(12);
    (16 << power) + writer.below(16 << power)
}

fn packets() -> Workload {
    let mut writer = Writer::new(4);
    // A queue that fills and empties; the sizes are those of network traffic.
    let (mut first, mut next) = (0, 0);
    for round in 0..40_000_usize {
        let full = 500 + 450 * (round / 2_000 % 2);
        while next - first > full {
            writer.free(first % 1_024);
            first += 1;
        }
        let size = match writer.below(10) {
            0..=3 => 64 + writer.below(64),
            4..=5 => 128 + writer.below(512),
            _ => 1_514,
        };
        writer.malloc(next % 1_024, size);
        next += 1;
    }
    writer.done("a queue of packets, 500 or 950 long")
}

fn growing() -> Workload {
    let mut writer = Writer::new(5);
    for _ in 0..30_000 {
        let slot = writer.below(300) as usize;
        let ends = writer.below(20) == 0;
        match writer.sizes[slot] {
            0 => writer.malloc(slot, 32),
            size if size > 8_192 || ends => writer.free(slot),
            size => writer.realloc(slot, size + size / 2),
        }
    }
    writer.done("300 buffers that grow by half")
}

fn phases() -> Workload {
    let mut writer = Writer::new(6);
    for round in 0..4 {
        // Reading in: many small records. Most go, a few stay.
        for slot in 0..6_000 {
            writer.free(slot);
            let size = record(&mut writer);
            writer.malloc(slot, size);
        }
        for slot in 0..6_000 {
            if slot % 10 != round {
                writer.free(slot);
            }
        }
        // Working: tables and buffers between them.
        for slot in 6_000..6_150 {
            writer.free(slot);
            let size = 1_024 + writer.below(4_096);
            writer.malloc(slot, size);
        }
        writer.churn(6_150, 4_000, |writer| match writer.below(30) {
            0 => 1_024 + writer.below(2_048),
            _ => record(writer),
        });
        for slot in 0..6_150 {
            if slot % 4 != 0 {
                writer.free(slot);
            }
        }
    }
    writer.done("four phases: small records, then buffers between what stays")
}

/// A trace of `fixtures/heap`; only what any allocator takes.
fn fixture(name: &str) -> Workload {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/heap")
        .join(format!("{name}.trace"));
    let trace = std::fs::read_to_string(path).expect("the trace is there");
    let mut writer = Writer::new(1);
    for common::Operation { kind, slot, a, b } in common::parse(&trace) {
        let slot = slot as usize;
        match kind {
            Kind::Malloc => writer.malloc(slot, a),
            Kind::Free if a == 0 => writer.free(slot),
            Kind::Aligned => {
                writer.now_holds(slot, b);
                writer.operations.push(Operation::Aligned {
                    slot,
                    align: a,
                    size: b,
                });
            }
            _ => panic!("{name}.trace has {kind:?}, which not every allocator takes"),
        }
    }
    writer.done(&format!("`fixtures/heap/{name}.trace`"))
}

/// All of them.
pub fn all() -> Vec<Workload> {
    let churn = |name: &str, seed, slots, size: fn(&mut Writer) -> u64| {
        let mut writer = Writer::new(seed);
        writer.churn(slots, 60_000, size);
        writer.done(name)
    };
    vec![
        churn("4000 records of 16 to 256 bytes", 1, 4_000, record),
        churn("2000 blocks of 1 to 1000 bytes", 2, 2_000, |writer| {
            1 + writer.below(1_000)
        }),
        churn("1000 blocks, ever fewer up to 128 KiB", 3, 1_000, tailed),
        packets(),
        growing(),
        phases(),
        fixture("stride"),
        fixture("checkerboard"),
    ]
}

/// Nothing but blocks of one size.
pub fn same_size(size: u64, blocks: u64) -> Workload {
    let mut writer = Writer::new(1);
    for slot in 0..blocks as usize {
        writer.malloc(slot, size);
    }
    writer.done(&format!("{blocks} blocks of {size} bytes"))
}
