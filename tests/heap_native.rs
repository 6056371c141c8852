//! The header built for user space, against the model: same operations, same places, a sound heap
//! after each.

#[path = "common/cc.rs"]
mod cc;
#[path = "common/heap.rs"]
mod common;

use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bpf_malloc::heap::layout::Heap;
use bpf_malloc::heap::walk;
use cc::build;
use common::{Expected, NONE, Operation, parse, random};

/// A heap of one pool.
#[derive(Clone, Copy)]
struct Size {
    pool: u64,
    granule: u32,
}

impl Size {
    fn executor(self, name: &str) -> PathBuf {
        let pool = format!("-DPOOL_SIZE={}", self.pool);
        let granule = format!("-DDYNAMIC_MEMORY_GRANULE={}", self.granule);
        build(
            "replay.c",
            name,
            &["-DDYNAMIC_MEMORY_HEAPS=1", &pool, &granule],
        )
    }

    /// Bytes of a heap with this pool, as the C compiler lays it out.
    fn image_bytes(self) -> usize {
        let granules = self.pool / u64::from(self.granule);
        let entries = granules.next_power_of_two().max(64) as usize;
        let entry = if granules <= 65535 { 2 } else { 4 };
        let mut words = (entries / 256).max(1);
        if granules > 16_384 {
            words += entries / 16_384;
        }
        let bins = if granules <= 131_072 { 128 } else { 256 };
        let tables = words * 8 + (entries + 8) * 2 + entries * 2 * entry + bins * entry;
        (size_of::<Heap>() + tables).next_multiple_of(8)
    }
}

/// Runs the operations on the native build and the model at once. `look` says after which
/// operations the whole heap is compared.
fn replay(size: Size, program: &Path, operations: Vec<Operation>, look: impl Fn(usize) -> bool) {
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the executor was built just now");
    let mut input = child.stdin.take().expect("piped");
    let mut output = BufReader::with_capacity(1 << 18, child.stdout.take().expect("piped"));
    let sent = operations.clone();
    let writer = std::thread::spawn(move || {
        for operation in &sent {
            // The executor's own message says more than a broken pipe.
            if input.write_all(&operation.bytes()).is_err() {
                break;
            }
        }
    });
    let mut address = [0; 8];
    output
        .read_exact(&mut address)
        .expect("the executor says where its pool is");
    let address = u64::from_ne_bytes(address);
    let mut expected = Expected::new(size.pool, size.granule, address);
    let mut image = vec![0; size.image_bytes()];
    let mut result = [0; 8];
    for (index, operation) in operations.iter().enumerate() {
        let told = format!(
            "operation {index}, {operation:?}, pool of {} bytes",
            size.pool
        );
        output
            .read_exact(&mut result)
            .unwrap_or_else(|error| panic!("{told}: {error}"));
        output
            .read_exact(&mut image)
            .unwrap_or_else(|error| panic!("{told}: {error}"));
        let wanted = expected.perform(operation);
        assert_eq!(u64::from_ne_bytes(result), wanted, "{told}");
        if look(index)
            && let Err(problem) = expected.compare(&image)
        {
            panic!("{told}: {problem}");
        }
    }
    writer.join().expect("the writer does not panic");
    assert!(child.wait().expect("the executor ends").success());
}

#[test]
fn the_traces_agree_with_the_model() {
    let size = Size {
        pool: 65_536,
        granule: 16,
    };
    let program = size.executor("replay-traces");
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/heap");
    let mut traces = 0;
    for entry in std::fs::read_dir(directory).expect("there are traces") {
        let path = entry.expect("a directory entry").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "trace")
        {
            let trace = std::fs::read_to_string(&path).expect("a trace is text");
            replay(size, &program, parse(&trace), |_| true);
            traces += 1;
        }
    }
    assert!(traces >= 5, "{traces} traces only");
}

#[test]
fn random_operations_agree_with_the_model() {
    // Several sizes, a pool that is no power of two and both widths of the tables among them.
    // `make soak` sets the factor.
    let factor: usize =
        std::env::var("HEAP_SOAK").map_or(1, |text| text.parse().expect("HEAP_SOAK is a number"));
    let runs = [
        (
            Size {
                pool: 1_024,
                granule: 16,
            },
            500_000,
            12,
            1,
        ),
        (
            Size {
                pool: 10_000,
                granule: 16,
            },
            300_000,
            40,
            16,
        ),
        (
            Size {
                pool: 4_096,
                granule: 64,
            },
            150_000,
            24,
            1,
        ),
        (
            Size {
                pool: 65_536,
                granule: 16,
            },
            50_000,
            200,
            64,
        ),
        (
            Size {
                pool: 1_048_576,
                granule: 32,
            },
            2_000,
            256,
            64,
        ),
        (
            Size {
                pool: 2_097_152,
                granule: 16,
            },
            1_000,
            256,
            256,
        ),
    ];
    std::thread::scope(|scope| {
        for (number, (size, count, slots, every)) in runs.into_iter().enumerate() {
            scope.spawn(move || {
                let program = size.executor(&format!("replay-random-{number}"));
                for round in 0..factor {
                    let seed = 0x9e37_79b9_7f4a_7c15 ^ (number + round * runs.len()) as u64;
                    let operations = random(size.pool, size.granule, seed, count, slots);
                    replay(size, &program, operations, |index| index % every == 0);
                }
            });
        }
    });
}

#[test]
fn damage_is_found() {
    let size = Size {
        pool: 1_024,
        granule: 16,
    };
    let program = size.executor("replay-damage");
    let operations = parse("m 0 100\nm 1 40\nm 2 40\nm 3 40\nf 1\nm 4 600\nf 4\nf 0\n");
    let mut child = Command::new(program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the executor was built just now");
    let mut input = child.stdin.take().expect("piped");
    for operation in &operations {
        input
            .write_all(&operation.bytes())
            .expect("the executor reads");
    }
    drop(input);
    let mut bytes = Vec::new();
    child
        .stdout
        .take()
        .expect("piped")
        .read_to_end(&mut bytes)
        .expect("the executor writes");
    assert!(child.wait().expect("the executor ends").success());
    let image = &bytes[bytes.len() - size.image_bytes()..];
    walk::check(image).expect("the heap is sound");

    // Statistics apart, no byte of the heap may change without being noticed: flip bits of all.
    let tolerated = tolerated_bytes(image);
    for at in 0..image.len() {
        let mut damaged = image.to_vec();
        damaged[at] ^= 0x41;
        let found = walk::check(&damaged).is_err();
        assert!(
            found || tolerated(at),
            "a change of byte {at} goes unnoticed"
        );
    }
}

/// Bytes that hold no structure: figures of the past, links of granules that have none, padding.
fn tolerated_bytes(image: &[u8]) -> impl Fn(usize) -> bool {
    use std::mem::offset_of;
    let snapshot = walk::check(image).expect("the heap is sound");
    let entries = 64;
    let links = size_of::<Heap>() + 8 + (entries + 8) * 2;
    let bins = links + entries * 4;
    let linked: Vec<usize> = snapshot
        .blocks
        .iter()
        .filter(|block| matches!(block.state, walk::State::Free | walk::State::Parked))
        .map(|block| block.start as usize)
        .collect();
    move |at| {
        let figure = |from, to| (from..to).contains(&at);
        figure(offset_of!(Heap, pending), offset_of!(Heap, used))
            || figure(offset_of!(Heap, high_water), offset_of!(Heap, lists))
            || figure(offset_of!(Heap, resizes), offset_of!(Heap, granule))
            || figure(offset_of!(Heap, flags), offset_of!(Heap, large_parked))
            || figure(offset_of!(Heap, large_last), size_of::<Heap>() + 8)
            || (figure(links, bins) && !linked.contains(&((at - links) / 4)))
    }
}

#[test]
fn the_predecessors_sizes() {
    let size = Size {
        pool: 4_096,
        granule: 16,
    };
    let program = size.executor("replay-sizes");
    let mut expected = Expected::new(size.pool, size.granule, 0);
    let trace = "m 0 0\nm 0 4097\nm 0 4096\nf 0\nm 0 64\nm 1 64\nf 0\nm 2 8\nm 3 64\nu 2\n";
    let results: Vec<u64> = parse(trace).iter().map(|o| expected.perform(o)).collect();
    assert_eq!(results[..4], [NONE, NONE, 0, 0]);
    let (b, eight, second) = (results[5], results[7], results[8]);
    assert!(eight + 64 <= b || eight >= b + 64);
    assert!(second + 64 <= b || second >= b + 64);
    assert!(results[9] >= 8);
    replay(size, &program, parse(trace), |_| true);
}

#[test]
fn a_busy_heap_is_no_want_of_memory() {
    let program = build("busy.c", "heap-busy", &["-DDYNAMIC_MEMORY_HEAPS=2"]);
    let output = Command::new(program)
        .output()
        .expect("it was built just now");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
