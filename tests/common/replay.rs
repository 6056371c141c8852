//! Operations on a heap in the running kernel, each compared with the model.

use std::mem::offset_of;

use bpf_malloc::heap::layout::Heap;
use bpf_malloc::kernel::load::Loaded;
use bpf_malloc::kernel::run::RunInput;

use crate::heap::{Expected, Kind, OPERATION_BYTES, Operation};
use crate::kernel::image;

/// Sends operations to `tests/heap/replay.bpf.c` one by one and compares what each gives, and the
/// whole heap behind it, with the model. The pool has `pool` bytes.
///
/// # Panics
///
/// Where they differ, naming the operation.
pub fn replay(loaded: &Loaded, pool: u64, operations: &[Operation]) {
    let run = |operation: &Operation| {
        let input = RunInput {
            packet: operation.bytes().to_vec(),
            ..RunInput::default()
        };
        let output = loaded.run("replay", &input).expect("the program runs");
        assert_eq!(output.return_value, 2, "the program takes {operation:?}");
        let result = &output.packet[OPERATION_BYTES - 8..OPERATION_BYTES];
        u64::from_ne_bytes(result.try_into().expect("eight bytes"))
    };
    let operation = |kind, a| Operation {
        kind,
        slot: 0,
        a,
        b: 0,
    };
    // A heap has an address once it has been used.
    run(&operation(Kind::Malloc, 1));
    let at = offset_of!(Heap, pool_address);
    let address = u64::from_ne_bytes(image(loaded, 0)[at..at + 8].try_into().expect("eight"));
    assert_eq!(address % 4096, 0, "the pool is not on a page of its own");
    assert_eq!(run(&operation(Kind::Reset, 0)), 0);
    let mut expected = Expected::new(pool, 32, address);
    for (index, operation) in operations.iter().enumerate() {
        let told = format!("operation {index}, {operation:?}");
        assert_eq!(run(operation), expected.perform(operation), "{told}");
        if let Err(problem) = expected.compare(&image(loaded, 0)) {
            panic!("{told}: {problem}");
        }
    }
}
