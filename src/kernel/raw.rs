//! The few libbpf calls that `libbpf-rs` has no safe wrapper for. The only unsafe code of the crate.

use std::cell::RefCell;
use std::ffi::CStr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Once;

use libbpf_rs::libbpf_sys as sys;
use libbpf_rs::{AsRawLibbpf, Object, OpenObject, OpenProgramMut, PrintLevel, set_print};

use crate::judge::SourceLine;

/// A program after relocation, as it will be handed to the kernel.
#[derive(Debug, Default)]
pub(super) struct Layout {
    pub(super) instructions: usize,
    pub(super) lines: Vec<SourceLine>,
}

/// Creates the maps and relocates the programs. `Err` holds a positive `errno`.
///
/// Separate from [`load`] because libbpf knows only now where each instruction ends up, and
/// forgets a program's line info when its load fails.
pub(super) fn prepare(object: &mut OpenObject) -> Result<(), i32> {
    // SAFETY: the object is open, and the exclusive borrow keeps others away from it.
    errno(unsafe { sys::bpf_object__prepare(object.as_libbpf_object().as_ptr()) })
}

/// Loads a prepared object. `Err` holds a positive `errno`.
pub(super) fn load(object: OpenObject) -> Result<Object, i32> {
    // SAFETY: the object is open and owned. Log buffers it points to are kept by their owner
    // until after this call: `LogBuffer` values live in the caller.
    errno(unsafe { sys::bpf_object__load(object.as_libbpf_object().as_ptr()) })?;
    // SAFETY: the pointer comes from an object that has just been loaded, and `take_ptr` gives up
    // its ownership.
    Ok(unsafe { Object::from_ptr(object.take_ptr()) })
}

fn errno(result: i32) -> Result<(), i32> {
    if result < 0 { Err(-result) } else { Ok(()) }
}

/// Where the instructions of each of the `wanted` programs of a prepared object come from.
pub(super) fn layouts(object: &OpenObject, wanted: &dyn Fn(&str) -> bool) -> Vec<Layout> {
    // SAFETY: the object is open; the BTF belongs to it and is only read while it is borrowed.
    let btf = unsafe { sys::bpf_object__btf(object.as_libbpf_object().as_ptr()) };
    let string = |offset: u32| {
        if btf.is_null() {
            return String::new();
        }
        // SAFETY: `btf` is valid; libbpf answers NULL for an offset outside the string section.
        let text = unsafe { sys::btf__str_by_offset(btf, offset) };
        if text.is_null() {
            return String::new();
        }
        // SAFETY: strings of BTF end in NUL and live as long as the BTF.
        unsafe { CStr::from_ptr(text) }
            .to_string_lossy()
            .into_owned()
    };
    object
        .progs()
        .filter(|program| wanted(&program.name().to_string_lossy()))
        .map(|program| {
            let raw = program.as_libbpf_object().as_ptr();
            // SAFETY: the program belongs to the open object; both calls only read it.
            let (records, count) = unsafe {
                (
                    sys::bpf_program__line_info(raw),
                    sys::bpf_program__line_info_cnt(raw) as usize,
                )
            };
            let records = match NonNull::new(records) {
                // SAFETY: libbpf keeps `count` records there until the program is unloaded.
                Some(first) => unsafe { std::slice::from_raw_parts(first.as_ptr(), count) },
                None => &[],
            };
            Layout {
                instructions: program.insn_cnt(),
                lines: records
                    .iter()
                    .map(|record| SourceLine {
                        instruction: record.insn_off,
                        file: string(record.file_name_off),
                        // `BPF_LINE_INFO_LINE_NUM` and `_COL` of linux/bpf.h.
                        line: record.line_col >> 10,
                        column: record.line_col & 0x3ff,
                        text: string(record.line_off),
                    })
                    .collect(),
            }
        })
        .collect()
}

/// Memory the kernel writes a program's verifier log to.
///
/// It must outlive the load of the program, which is why [`load`] is called while it is held.
#[derive(Debug)]
pub(super) struct LogBuffer(Vec<u8>);

impl LogBuffer {
    /// Gives `program` a log of at most `bytes` bytes.
    pub(super) fn attach(program: &mut OpenProgramMut<'_>, bytes: usize) -> Self {
        // Zeroed memory of this size comes straight from mmap: a page costs nothing until the
        // kernel writes to it.
        let mut buffer = vec![0_u8; bytes];
        // SAFETY: the program is open. libbpf stores the address, which the vector keeps as long
        // as it is neither grown nor dropped; it is private and never grown.
        unsafe {
            sys::bpf_program__set_log_buf(
                program.as_libbpf_object().as_ptr(),
                buffer.as_mut_ptr().cast(),
                buffer.len() as u64,
            );
        }
        Self(buffer)
    }

    /// What was written.
    pub(super) fn into_text(self) -> String {
        let end = self.0.iter().position(|&byte| byte == 0);
        String::from_utf8_lossy(&self.0[..end.unwrap_or(self.0.len())]).into_owned()
    }
}

/// Loads an XDP program made of instructions. `Err` holds a positive `errno`.
pub(super) fn load_instructions(instructions: &[sys::bpf_insn]) -> Result<OwnedFd, i32> {
    let mut options = sys::bpf_prog_load_opts {
        sz: size_of::<sys::bpf_prog_load_opts>() as _,
        ..Default::default()
    };
    // SAFETY: the instructions, the two strings and the options outlive the call; the descriptor that
    // it returns is new, and nobody else's.
    unsafe {
        let program = sys::bpf_prog_load(
            sys::BPF_PROG_TYPE_XDP,
            c"dynmem_reader".as_ptr(),
            c"GPL".as_ptr(),
            instructions.as_ptr(),
            instructions.len() as _,
            &mut options,
        );
        errno(program)?;
        Ok(OwnedFd::from_raw_fd(program))
    }
}

/// Runs such a program once. `Err` holds a positive `errno`.
pub(super) fn run_once(program: &OwnedFd) -> Result<(), i32> {
    let packet = [0_u8; 64];
    let mut options = sys::bpf_test_run_opts {
        sz: size_of::<sys::bpf_test_run_opts>() as _,
        data_in: packet.as_ptr().cast(),
        data_size_in: packet.len() as u32,
        repeat: 1,
        ..Default::default()
    };
    // SAFETY: the packet and the options outlive the call.
    errno(unsafe { sys::bpf_prog_test_run_opts(program.as_raw_fd(), &mut options) })
}

thread_local! {
    static MESSAGES: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs `work` and returns what libbpf warned of meanwhile, instead of printing it to stderr.
///
/// libbpf has one print function per process but calls it on the thread that works, so each
/// thread collects its own.
pub(super) fn captured<T>(work: impl FnOnce() -> T) -> (T, String) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        set_print(Some((PrintLevel::Warn, |_, message| {
            MESSAGES.with_borrow_mut(|messages| match messages {
                Some(messages) => messages.push_str(&message),
                None => eprint!("{message}"),
            });
        })));
    });
    MESSAGES.set(Some(String::new()));
    let result = work();
    (result, MESSAGES.take().unwrap_or_default())
}
