//! Random operands for the programs of `strings.bpf.c`, whose results the C library's functions
//! have to give as well.

use std::ffi::{c_char, c_void};

use bpf_malloc::kernel::load::Loaded;
use bpf_malloc::kernel::run::RunInput;

/// Bytes of each operand.
const BYTES: usize = 256;
/// Where the result is in the packet, behind function, byte, length and shifts.
const RESULT: usize = 32;
/// What a function gives that finds nothing.
const NONE: i64 = -1;

/// The functions, in the order of the program's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
enum Function {
    Memcpy,
    Memcpy7,
    Memcpy24,
    Memcpy200,
    Memmove,
    MemmoveUp,
    MemmoveDown,
    Memset,
    Memset21,
    Memcmp,
    Memchr,
    Strlen,
    Strnlen,
    Strcmp,
    Strncmp,
    Strcpy,
    Strncpy,
    Strcat,
    Strncat,
    Strchr,
    Strrchr,
    Strdup,
    Strndup,
    Strspn,
    Strcspn,
    Strpbrk,
    Strstr,
    Strcasecmp,
    Strncasecmp,
    Memccpy,
    Stpcpy,
    Stpncpy,
    Mempcpy,
}
use Function::*;

const FUNCTIONS: [Function; 33] = [
    Memcpy,
    Memcpy7,
    Memcpy24,
    Memcpy200,
    Memmove,
    MemmoveUp,
    MemmoveDown,
    Memset,
    Memset21,
    Memcmp,
    Memchr,
    Strlen,
    Strnlen,
    Strcmp,
    Strncmp,
    Strcpy,
    Strncpy,
    Strcat,
    Strncat,
    Strchr,
    Strrchr,
    Strdup,
    Strndup,
    Strspn,
    Strcspn,
    Strpbrk,
    Strstr,
    Strcasecmp,
    Strncasecmp,
    Memccpy,
    Stpcpy,
    Stpncpy,
    Mempcpy,
];

/// One call.
#[derive(Clone, Debug)]
struct Task {
    function: Function,
    byte: u8,
    length: usize,
    shifts: [u64; 2],
    a: [u8; BYTES],
    b: [u8; BYTES],
}

/// Numbers that look random; the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    /// A string of up to 120 of three letters, and of one that is negative as a `char`.
    fn string(&mut self) -> [u8; BYTES] {
        let mut bytes = [0; BYTES];
        let length = self.below(121) as usize;
        for byte in &mut bytes[..length] {
            *byte = [b'a', b'b', b'c', 0xe9][self.below(4) as usize];
        }
        bytes
    }

    fn task(&mut self, function: Function) -> Task {
        let a = self.string();
        let mut b = self.string();
        // Mostly like the first, or comparing would end with the first byte.
        if self.below(3) > 0 {
            b = a;
            let at = self.below(130) as usize;
            b[at] = [b[at], b'b', 0][self.below(3) as usize];
        }
        Task {
            function,
            byte: [b'a', b'c', 0xe9, 0, b'z'][self.below(5) as usize],
            length: self.below(121) as usize,
            shifts: [self.below(128), self.below(128)],
            a,
            b,
        }
    }
}

impl Task {
    fn packet(&self) -> Vec<u8> {
        let mut packet = Vec::with_capacity(RESULT + 8 + 2 * BYTES);
        packet.extend((self.function as u32).to_ne_bytes());
        packet.extend(u32::from(self.byte).to_ne_bytes());
        packet.extend((self.length as u64).to_ne_bytes());
        packet.extend(self.shifts[0].to_ne_bytes());
        packet.extend(self.shifts[1].to_ne_bytes());
        packet.extend(0_u64.to_ne_bytes());
        packet.extend(self.a);
        packet.extend(self.b);
        packet
    }

    /// What the C library makes of it: the result, and what the first operand then holds.
    fn expected(&self) -> (i64, [u8; BYTES]) {
        let mut a = self.a;
        let start = a.as_mut_ptr();
        let (length, byte) = (self.length, i32::from(self.byte));
        let (to, string) = (start.cast(), start.cast::<c_char>());
        let (from, other) = (self.b.as_ptr().cast(), self.b.as_ptr().cast::<c_char>());
        let place = |found: *const u8| match found.is_null() {
            true => NONE,
            false => found as i64 - start as i64,
        };
        // SAFETY: both strings end within 121 of their 256 bytes, so that two of them fit behind
        // each other, and no length is above 200 or, where it adds to a string, 120.
        let result = unsafe {
            match self.function {
                Memcpy => effect(libc::memcpy(to, from, length)),
                Memcpy7 => effect(libc::memcpy(to, from, 7)),
                Memcpy24 => effect(libc::memcpy(to, from, 24)),
                Memcpy200 => effect(libc::memcpy(to, from, 200)),
                Memmove => effect(libc::memmove(to, from, length)),
                MemmoveUp => effect(libc::memmove(start.add(5).cast(), to, length)),
                MemmoveDown => effect(libc::memmove(to, start.add(5).cast(), length)),
                Memset => effect(libc::memset(to, byte, length)),
                Memset21 => effect(libc::memset(to, byte, 21)),
                Memcmp => i64::from(libc::memcmp(to, from, length)),
                Memchr => place(libc::memchr(to, byte, length).cast()),
                Strlen => libc::strlen(string) as i64,
                Strnlen => libc::strnlen(string, length) as i64,
                Strcmp => i64::from(libc::strcmp(string, other)),
                Strncmp => i64::from(libc::strncmp(string, other, length)),
                Strcpy => effect(libc::strcpy(string, other)),
                Strncpy => effect(libc::strncpy(string, other, length)),
                Strcat => effect(libc::strcat(string, other)),
                Strncat => effect(libc::strncat(string, other, length)),
                Strchr => place(libc::strchr(string, byte).cast()),
                Strrchr => place(libc::strrchr(string, byte).cast()),
                Strdup => libc::strlen(other) as i64,
                Strndup => libc::strnlen(other, length) as i64,
                Strspn => libc::strspn(string, other) as i64,
                Strcspn => libc::strcspn(string, other) as i64,
                Strpbrk => place(libc::strpbrk(string, other).cast()),
                Strstr => place(libc::strstr(string, other.add(length & 127)).cast()),
                Strcasecmp => i64::from(libc::strcasecmp(string, other)),
                Strncasecmp => i64::from(libc::strncasecmp(string, other, length)),
                Memccpy => place(libc::memccpy(to, from, byte, length).cast()),
                Stpcpy => place(stpcpy(string, other).cast()),
                Stpncpy => place(stpncpy(string, other, length).cast()),
                Mempcpy => place(mempcpy(to, from, length).cast()),
            }
        };
        (result, a)
    }
}

unsafe extern "C" {
    fn stpcpy(to: *mut c_char, from: *const c_char) -> *mut c_char;
    fn stpncpy(to: *mut c_char, from: *const c_char, limit: usize) -> *mut c_char;
    fn mempcpy(to: *mut c_void, from: *const c_void, length: usize) -> *mut c_void;
}

/// For a function whose result is what it has written.
fn effect<T>(_: *mut T) -> i64 {
    0
}

/// Runs a program on many operands for every function, and compares.
///
/// # Panics
///
/// Where the program does something else than the C library.
pub fn compare(loaded: &Loaded, program: &str) {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for function in FUNCTIONS {
        for _ in 0..200 {
            let task = random.task(function);
            let input = RunInput {
                packet: task.packet(),
                ..RunInput::default()
            };
            let output = loaded.run(program, &input).expect("it runs");
            assert_eq!(output.return_value, 2, "{program} has failed");
            let packet = output.packet;
            let result = packet[RESULT..RESULT + 8].try_into().expect("eight bytes");
            let mut result = i64::from_ne_bytes(result);
            let (mut expected, a) = task.expected();
            if matches!(
                function,
                Memcmp | Strcmp | Strncmp | Strcasecmp | Strncasecmp
            ) {
                (result, expected) = (result.signum(), expected.signum());
            }
            assert_eq!(result, expected, "{program}: {task:?}");
            let written = &packet[RESULT + 8..];
            assert_eq!(written[..BYTES], a, "{program}: {task:?}");
            assert_eq!(written[BYTES..2 * BYTES], task.b, "{program}: {task:?}");
        }
    }
}
