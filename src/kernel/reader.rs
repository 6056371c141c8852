//! Reads what heaps have the addresses of, blocks and names of files, by programs that run once each.
//!
//! A map of variables can be read without, but nobody tells where in the kernel's memory it begins; and an
//! arena only by a process that has it at the address where its loader has it.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use libbpf_rs::libbpf_sys as sys;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

use super::raw;

/// Bytes of a name at most, with the zero behind it.
const NAME: usize = 32;
/// Where the one value of the map has the address, what the helper returned, and what was read.
const ADDRESS: i16 = 0;
const RESULT: i16 = 8;
const FOUND: i16 = 16;
const VALUE: usize = FOUND as usize + NAME;

/// Helpers of the kernel by their number in `linux/bpf.h`; since Linux 5.5.
const PROBE_READ_KERNEL: i32 = 113;
const PROBE_READ_KERNEL_STR: i32 = 115;

/// Parts of instructions, as in `linux/bpf.h`.
const LOAD_WORD: u8 = 0x79;
const STORE_WORD: u8 = 0x7b;
const MOVE: u8 = 0xbf;
const MOVE_NUMBER: u8 = 0xb7;
const ADD_NUMBER: u8 = 0x07;
const LOAD_MAP: u8 = 0x18;
const CALL: u8 = 0x85;
const EXIT: u8 = 0x95;
const PSEUDO_MAP_FD: u8 = 1;
const PSEUDO_MAP_VALUE: u8 = 2;
/// `MOVE` with this offset casts between address spaces, with this number from an arena's.
const CAST: i16 = 1;
const FROM_ARENA: i32 = 1;

/// Reads the kernel's memory and, if there is one, an arena.
#[derive(Debug)]
pub(super) struct Reader {
    exchange: MapHandle,
    words: OwnedFd,
    names: OwnedFd,
    arena: Option<OwnedFd>,
}

impl Reader {
    /// Loads the programs; `arena` is the map of one. Needs what [`super::privilege`] tests for, and
    /// Linux 6.9 with an arena. `Err` holds a positive `errno`.
    pub(super) fn new(arena: Option<BorrowedFd<'_>>) -> Result<Self, i32> {
        let options = sys::bpf_map_create_opts {
            sz: size_of::<sys::bpf_map_create_opts>() as _,
            ..Default::default()
        };
        let name = Some("dynmem_reader");
        let exchange = MapHandle::create(MapType::Array, name, 4, VALUE as u32, 1, &options)
            .map_err(|_| std::io::Error::last_os_error().raw_os_error().unwrap_or(0))?;
        let arena = arena
            .map(|arena| raw::load_instructions(&from_arena(exchange.as_fd(), arena)))
            .transpose()?;
        let helper =
            |number, bytes| raw::load_instructions(&from_kernel(exchange.as_fd(), number, bytes));
        Ok(Self {
            words: helper(PROBE_READ_KERNEL, 8)?,
            names: helper(PROBE_READ_KERNEL_STR, NAME as i32)?,
            exchange,
            arena,
        })
    }

    /// The eight bytes at an address, of an arena or of the kernel's memory; `None` if there is nothing.
    pub(super) fn word(&self, address: u64, in_arena: bool) -> Option<u64> {
        let program = if in_arena {
            self.arena.as_ref()?
        } else {
            &self.words
        };
        let found = self.run(program, address)?;
        Some(u64::from_ne_bytes(
            found[..8].try_into().expect("eight bytes"),
        ))
    }

    /// The string at an address of the kernel's memory, if one of printable characters is there.
    pub(super) fn name(&self, address: u64) -> Option<String> {
        let found = self.run(&self.names, address)?;
        let text = found.split(|byte| *byte == 0).next()?;
        let text = std::str::from_utf8(text).ok()?;
        let printable = !text.is_empty() && !text.contains(char::is_control);
        printable.then(|| text.to_owned())
    }

    /// Has a program read at an address.
    fn run(&self, program: &OwnedFd, address: u64) -> Option<Vec<u8>> {
        let key = 0_u32.to_ne_bytes();
        let mut value = [0_u8; VALUE];
        value[..8].copy_from_slice(&address.to_ne_bytes());
        // What a program that does not come to its end leaves is a failure.
        value[8..16].copy_from_slice(&(-1_i64).to_ne_bytes());
        self.exchange.update(&key, &value, MapFlags::ANY).ok()?;
        raw::run_once(program).ok()?;
        let value = self.exchange.lookup(&key, MapFlags::ANY).ok()??;
        let result = value[8..16].try_into().expect("eight bytes");
        (i64::from_ne_bytes(result) >= 0).then(|| value[FOUND as usize..].to_vec())
    }
}

/// An instruction. Registers, offset and number are 0 where it has none.
fn instruction(code: u8, to: u8, from: u8, offset: i16, number: i32) -> sys::bpf_insn {
    let mut instruction = sys::bpf_insn {
        code,
        off: offset,
        imm: number,
        ..Default::default()
    };
    instruction.set_dst_reg(to);
    instruction.set_src_reg(from);
    instruction
}

/// The two that put a map, or the address of its value, into a register.
fn map(to: u8, kind: u8, map: BorrowedFd<'_>) -> [sys::bpf_insn; 2] {
    [
        instruction(LOAD_MAP, to, kind, 0, map.as_raw_fd()),
        sys::bpf_insn::default(),
    ]
}

/// A program that reads by a helper.
fn from_kernel(exchange: BorrowedFd<'_>, helper: i32, bytes: i32) -> Vec<sys::bpf_insn> {
    let mut program = map(6, PSEUDO_MAP_VALUE, exchange).to_vec();
    program.extend([
        instruction(LOAD_WORD, 3, 6, ADDRESS, 0),
        instruction(MOVE, 1, 6, 0, 0),
        instruction(ADD_NUMBER, 1, 0, 0, i32::from(FOUND)),
        instruction(MOVE_NUMBER, 2, 0, 0, bytes),
        instruction(CALL, 0, 0, 0, helper),
        instruction(STORE_WORD, 6, 0, RESULT, 0),
        instruction(MOVE_NUMBER, 0, 0, 0, 2),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    program
}

/// A program that reads from an arena, which it has to mention.
fn from_arena(exchange: BorrowedFd<'_>, arena: BorrowedFd<'_>) -> Vec<sys::bpf_insn> {
    let mut program = map(6, PSEUDO_MAP_VALUE, exchange).to_vec();
    program.extend(map(1, PSEUDO_MAP_FD, arena));
    program.extend([
        instruction(LOAD_WORD, 3, 6, ADDRESS, 0),
        instruction(MOVE, 3, 3, CAST, FROM_ARENA),
        instruction(LOAD_WORD, 3, 3, 0, 0),
        instruction(STORE_WORD, 6, 3, FOUND, 0),
        instruction(MOVE_NUMBER, 0, 0, 0, 0),
        instruction(STORE_WORD, 6, 0, RESULT, 0),
        instruction(MOVE_NUMBER, 0, 0, 0, 2),
        instruction(EXIT, 0, 0, 0, 0),
    ]);
    program
}
