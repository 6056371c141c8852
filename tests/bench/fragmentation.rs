//! What memory the allocator takes for the same operations as others: `make bench-fragmentation`.
//!
//! Ours is the smallest pool that serves them all, found with the model and confirmed with the
//! native build. dlmalloc runs in this program, on memory that counts; glibc and mimalloc in one of
//! their own. With `--write` the tables are kept in `fixtures/bench`.

#[allow(dead_code, reason = "only traces are read and numbers drawn here")]
#[path = "../common/heap.rs"]
mod common;
#[path = "fragmentation/workloads.rs"]
mod workloads;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bpf_malloc::heap::model::Model;
use dlmalloc::{Allocator, Dlmalloc};
use workloads::{Operation, Workload};

/// Steps in which a pool is looked for, in bytes: a fraction of a percent of most.
const STEP: u64 = 1_024;
const GRANULES: [u32; 2] = [16, 32];
const PAGE: usize = 4_096;
/// Where Debian's package puts mimalloc.
const MIMALLOC: &str = "libmimalloc.so.2";

/// Memory that grows in one piece, as a heap at the program break does.
struct Region {
    start: *mut u8,
    taken: std::cell::Cell<usize>,
}

const REGION: usize = 1 << 28;

// SAFETY: the region is used by the one thread that made it.
unsafe impl Send for Region {}

// SAFETY: every piece lies in the mapping, behind the one before, and none is taken back.
unsafe impl Allocator for Region {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        let at = self.taken.get();
        if size > REGION - at {
            return (std::ptr::null_mut(), 0, 0);
        }
        self.taken.set(at + size);
        // SAFETY: just checked.
        (unsafe { self.start.add(at) }, size, 0)
    }
    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        std::ptr::null_mut()
    }
    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }
    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }
    fn can_release_part(&self, _: u32) -> bool {
        false
    }
    fn allocates_zeros(&self) -> bool {
        true
    }
    fn page_size(&self) -> usize {
        PAGE
    }
}

/// Bytes dlmalloc takes from the system.
fn dlmalloc(operations: &[Operation]) -> u64 {
    // SAFETY: a new mapping, checked below.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            REGION,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    assert_ne!(start, libc::MAP_FAILED, "no address space");
    let mut heap = Dlmalloc::new_with_allocator(Region {
        start: start.cast(),
        taken: std::cell::Cell::new(0),
    });
    assert!(heap.set_granularity(PAGE), "a page is a granularity");
    let mut slots = vec![std::ptr::null_mut::<u8>(); workloads::SLOTS];
    for operation in operations {
        // SAFETY: a slot holds what this heap gave, and is emptied when that goes back.
        unsafe {
            match *operation {
                Operation::Malloc { slot, size } => slots[slot] = heap.c_malloc(size as usize),
                Operation::Free { slot } => {
                    heap.c_free(slots[slot]);
                    slots[slot] = std::ptr::null_mut();
                }
                Operation::Realloc { slot, size } => {
                    slots[slot] = if slots[slot].is_null() {
                        heap.c_malloc(size as usize)
                    } else {
                        heap.c_realloc(slots[slot], size as usize)
                    };
                }
                Operation::Aligned { slot, align, size } => {
                    slots[slot] = heap.c_memalign(align as usize, size as usize);
                }
            }
        }
    }
    let taken = heap.allocator().taken.get() as u64;
    // SAFETY: nothing uses the mapping any more.
    unsafe { libc::munmap(start, REGION) };
    taken
}

/// Whether a pool serves all operations, by the model.
fn serves(operations: &[Operation], pool: u64, granule: u32) -> bool {
    let mut model = Model::new(pool, granule, 0);
    let mut slots = vec![None; workloads::SLOTS];
    operations.iter().all(|operation| {
        let (slot, place) = match *operation {
            Operation::Malloc { slot, size } => (slot, model.allocate(size, 1)),
            Operation::Free { slot } => {
                if let Some(offset) = slots[slot].take() {
                    model.free(offset);
                }
                return true;
            }
            Operation::Realloc { slot, size } => match slots[slot] {
                Some(offset) => (slot, model.reallocate(offset, size)),
                None => (slot, model.allocate(size, 1)),
            },
            Operation::Aligned { slot, align, size } => (slot, model.allocate(size, align)),
        };
        slots[slot] = place;
        place.is_some()
    })
}

/// Pools above the smallest one that are tried too, evenly up to twice its size.
const SCAN: u64 = 12;

/// The smallest pool, a multiple of [`STEP`], that serves all operations, as larger ones do.
fn smallest_pool(workload: &Workload, granule: u32) -> u64 {
    let mut fails = workload.peak / STEP;
    loop {
        let mut works = fails + 1;
        while !serves(&workload.operations, works * STEP, granule) {
            fails = works;
            works = works + works / 4 + 1;
        }
        while works - fails > 1 {
            let middle = fails.midpoint(works);
            if serves(&workload.operations, middle * STEP, granule) {
                works = middle;
            } else {
                fails = middle;
            }
        }
        let larger = (1..=SCAN).map(|step| works + works * step / SCAN);
        match larger
            .rev()
            .find(|pool| !serves(&workload.operations, pool * STEP, granule))
        {
            Some(pool) => fails = pool,
            None => return works * STEP,
        }
    }
}

/// What the replayer says.
struct Taken {
    refused: u64,
    heap: u64,
    resident: u64,
    tables: u64,
    guard: u64,
}

fn replay(program: &Path, operations: &[Operation], preload: Option<&str>) -> Option<Taken> {
    let mut command = Command::new(program);
    if let Some(library) = preload {
        command.env("LD_PRELOAD", library);
    }
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the replayer was built just now");
    let bytes: Vec<u8> = operations.iter().flat_map(Operation::bytes).collect();
    child
        .stdin
        .take()
        .expect("piped")
        .write_all(&bytes)
        .expect("the replayer reads");
    let output = child.wait_with_output().expect("the replayer ends");
    // The loader complains about a library that is not there, and goes on with the C library's.
    if preload.is_some() && !output.stderr.is_empty() {
        return None;
    }
    let text = String::from_utf8(output.stdout).expect("numbers");
    let mut numbers = text
        .split_whitespace()
        .map(|word| word.parse().expect("a number"));
    let mut next = || numbers.next().expect("five numbers");
    Some(Taken {
        refused: next(),
        heap: next(),
        resident: next(),
        tables: next(),
        guard: next(),
    })
}

fn build(name: &str, defines: &[String]) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let status = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror", "-I"])
        .arg(root.join("include"))
        .args(defines)
        .arg(root.join("tests/bench/fragmentation.c"))
        .arg("-o")
        .arg(&program)
        .status()
        .expect("cc starts");
    assert!(status.success(), "the replayer does not compile");
    program
}

/// Bytes that other allocators take.
struct Row {
    dlmalloc: u64,
    glibc: u64,
    mimalloc: Option<u64>,
}

/// Pool, then pool with tables and guard, for each granule.
fn ours(workload: &Workload) -> [(u64, u64); 2] {
    GRANULES.map(|granule| {
        let pool = smallest_pool(workload, granule);
        let program = build(
            "fragmentation-ours",
            &[
                "-DOURS".into(),
                format!("-DPOOL_SIZE={pool}"),
                format!("-DDYNAMIC_MEMORY_GRANULE={granule}"),
            ],
        );
        let taken = replay(&program, &workload.operations, None).expect("nothing is preloaded");
        assert_eq!(
            taken.refused, 0,
            "{}: the model said otherwise",
            workload.name
        );
        (pool, pool + taken.tables + taken.guard)
    })
}

fn measure(workload: &Workload, others: &Path) -> Row {
    let glibc = replay(others, &workload.operations, None).expect("nothing is preloaded");
    let mimalloc = replay(others, &workload.operations, Some(MIMALLOC));
    for taken in [Some(&glibc), mimalloc.as_ref()].into_iter().flatten() {
        assert_eq!(taken.refused, 0, "{}", workload.name);
    }
    Row {
        dlmalloc: dlmalloc(&workload.operations),
        glibc: glibc.heap,
        mimalloc: mimalloc.map(|taken| taken.resident),
    }
}

/// Thousands of bytes, and in brackets how many times the peak of what was asked for.
fn cell(bytes: u64, peak: u64) -> String {
    format!(
        "{:.0} ({:.2})",
        bytes as f64 / 1_000.0,
        bytes as f64 / peak as f64
    )
}

fn fragmentation_table(others: &Path) -> String {
    let mut table = String::from(
        "| operations | in use at most | pool, granule 16 | with tables and guard | pool, granule 32 \
         | with tables and guard | dlmalloc | glibc | mimalloc, resident |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    // Words on the command line choose operations by name.
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with("--"))
        .collect();
    for workload in workloads::all() {
        if !words.is_empty()
            && !words
                .iter()
                .any(|word| workload.name.contains(word.as_str()))
        {
            continue;
        }
        let row = measure(&workload, others);
        let [fine, coarse] = ours(&workload);
        let cells: Vec<String> = [fine.0, fine.1, coarse.0, coarse.1, row.dlmalloc, row.glibc]
            .into_iter()
            .map(|bytes| cell(bytes, workload.peak))
            .collect();
        let mimalloc = row
            .mimalloc
            .map_or("not there".into(), |bytes| cell(bytes, workload.peak));
        writeln!(
            table,
            "| {} | {:.0} | {} | {mimalloc} |",
            workload.name,
            workload.peak as f64 / 1_000.0,
            cells.join(" | ")
        )
        .expect("a string grows");
        println!("{}", table.lines().last().unwrap_or_default());
    }
    table
}

fn overhead_table(others: &Path) -> String {
    let mut table = String::from(
        "| size | granule 16 | with tables and guard | granule 32 | with tables and guard | dlmalloc | glibc | mimalloc \
         |\n|---|---|---|---|---|---|---|---|\n",
    );
    for size in [
        1_u64, 8, 16, 24, 32, 40, 64, 100, 200, 500, 1_000, 1_500, 4_096, 10_000,
    ] {
        // As many as half a mebibyte holds with the coarser granule; the others round their memory
        // up to more, so they get more.
        let blocks = (512 << 10) / size.next_multiple_of(32);
        let more = 8 * blocks;
        let row = measure(&workloads::same_size(size, more), others);
        let each =
            |bytes: u64, blocks: u64| format!("{:.1}", bytes as f64 / blocks as f64 - size as f64);
        let [fine, coarse] = ours(&workloads::same_size(size, blocks));
        writeln!(
            table,
            "| {size} | {} | {} | {} | {} | {} | {} | {} |",
            each(fine.0, blocks),
            each(fine.1, blocks),
            each(coarse.0, blocks),
            each(coarse.1, blocks),
            each(row.dlmalloc, more),
            each(row.glibc, more),
            row.mimalloc
                .map_or("not there".into(), |bytes| each(bytes, more))
        )
        .expect("a string grows");
        println!("{}", table.lines().last().unwrap_or_default());
    }
    table
}

fn main() {
    let others = build("fragmentation-others", &[]);
    let text = format!(
        "# Memory taken\n\n\
         Written by `make bench-fragmentation`: the same operations on this allocator and on others. \
         Thousands of\nbytes, in brackets as a multiple of what was in use at most.\n\n\
         - pool: the smallest that serves every operation, in steps of {STEP} bytes, as larger ones up to \
         twice its\n  size do; found with the model, confirmed with the native build. Tables and guard come on top, in maps of their \
         own.\n\
         - dlmalloc: the `dlmalloc` crate, memory in pages. glibc (ptmalloc, descended from dlmalloc): \
         growth of\n  the program break, `M_TOP_PAD` 0. mimalloc: growth of resident memory, as it \
         reserves ahead.\n\n\
         {}\n## Bytes beyond the size, per block\n\n\
         Memory taken by many blocks of one size, for each, less the size. The tables have 6.1 bytes per \
         granule\n(10.1 in pools of more than 65535), of a power of two of granules.\n\n{}",
        fragmentation_table(&others),
        overhead_table(&others)
    );
    if std::env::args().any(|argument| argument == "--write") {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/bench/fragmentation.md");
        std::fs::write(file, text).expect("the tables can be kept");
    }
}
