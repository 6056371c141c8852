//! Reading source files, and saying no to what is none.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::Fault;
use crate::rewrite;

/// A NUL within so many bytes tells a binary file, as in git and grep.
const BINARY_PROBE: usize = 8 << 10;
/// A file that a directory holds may be this many times too large before it is refused without a
/// look at what is in it.
const LOOK: u64 = 8;

/// A larger file may be refused for what it is made of. Bytes.
const DENSE: usize = 1 << 20;
/// So many brackets and statements are in no source that is written or generated. Each takes up to
/// 500 bytes while the file is looked at.
const STRUCTURE: usize = 1_000_000;
/// So many marks that are neither letters, digits nor blanks are in none either.
const MARKS: usize = 2_500_000;

/// How strict to be.
#[derive(Clone, Copy)]
pub struct Demand {
    /// Larger files are refused. Bytes.
    pub max_size: u64,
    /// The user named the file. A large file met in a directory is a problem only if it has
    /// something to rewrite.
    pub named: bool,
}

/// Reads a file into `buffer`, which is emptied first. `shown` tells its name for the user.
pub fn read(
    path: &Path,
    shown: impl FnOnce() -> PathBuf,
    demand: Demand,
    buffer: &mut Vec<u8>,
) -> Result<(), Fault> {
    buffer.clear();
    let limit = match demand.named {
        true => demand.max_size,
        false => demand.max_size.saturating_mul(LOOK),
    };
    match fill(path, limit, buffer) {
        Err(error) if error.kind() == ErrorKind::InvalidInput => Err(no_file(&shown())),
        Err(error) => Err(unreadable(&shown(), &error)),
        Ok(length) if length > limit => Err(too_large(&shown(), demand.max_size)),
        Ok(length) if length > demand.max_size && rewrite::may_matter(buffer) => {
            Err(too_large(&shown(), demand.max_size))
        }
        Ok(_) => check(shown, buffer),
    }
}

/// Fills the buffer and tells the file's length, or a length over `limit` and nothing.
fn fill(path: &Path, limit: u64, buffer: &mut Vec<u8>) -> io::Result<u64> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if metadata.file_type().is_fifo() {
        return Err(ErrorKind::InvalidInput.into());
    }
    let length = metadata.len();
    if length > limit {
        return Ok(length);
    }
    buffer.reserve(length as usize + 1);
    // What is no regular file tells no length.
    file.take(limit.saturating_add(1)).read_to_end(buffer)?;
    Ok(buffer.len() as u64)
}

/// Opens a file without waiting for anybody to write to it, as opening a pipe would.
pub fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)
}

/// Reads a file that nobody named, such as a `.gitignore`: a regular one of at most `limit` bytes.
/// Anybody may have put another thing there.
pub fn side(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let too_large = || io::Error::other(format!("it is larger than {limit} bytes"));
    if metadata.len() > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize + 1);
    file.take(limit + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > limit {
        true => Err(too_large()),
        false => Ok(bytes),
    }
}

/// Refuses what would make us wait.
fn no_file(shown: &Path) -> Fault {
    Fault::of(
        shown,
        "not-a-file",
        "cannot be read: it is a pipe, not a regular file",
        "use - to read from stdin",
    )
}

/// Refuses what is no text.
pub fn check(shown: impl FnOnce() -> PathBuf, bytes: &[u8]) -> Result<(), Fault> {
    let probe = &bytes[..bytes.len().min(BINARY_PROBE)];
    if memchr::memchr(0, probe).is_none() {
        return match bytes.len() > DENSE && is_dense(bytes) && rewrite::may_matter(bytes) {
            true => Err(Fault::of(
                &shown(),
                "dense",
                "was left alone: hardly anything is in it but brackets and marks",
                "leave it out with --exclude, or `exclude` in bpf-malloc.toml",
            )),
            false => Ok(()),
        };
    }
    let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    Err(Fault::of(
        &shown(),
        "binary",
        "is not C source: it holds NUL bytes",
        match wide {
            true => "it looks like UTF-16: convert it with `iconv -f UTF-16 -t UTF-8`",
            false => "leave binary files out; `exclude` in bpf-malloc.toml does it for good",
        },
    ))
}

/// Whether a file holds more brackets, statements or marks than any source, comments aside. What is
/// in strings counts too.
fn is_dense(bytes: &[u8]) -> bool {
    // Comments included: many bytes at once, and the answer for what is written or generated.
    let is_structure = |byte: &&u8| matches!(byte, b'(' | b'[' | b'{' | b';');
    let is_mark = |byte: &&u8| byte.is_ascii_punctuation() && **byte != b'_';
    let (structure, marks) = bytes.chunks(255).fold((0, 0), |(structure, marks), chunk| {
        // What a byte can count is counted in many bytes at once.
        let brackets: u8 = chunk.iter().map(|b| u8::from(is_structure(&b))).sum();
        let all: u8 = chunk.iter().map(|b| u8::from(is_mark(&b))).sum();
        (structure + usize::from(brackets), marks + usize::from(all))
    });
    if structure <= STRUCTURE && marks <= MARKS {
        return false;
    }
    let (mut structure, mut marks, mut at) = (0, 0, 0);
    while let Some(byte) = bytes.get(at) {
        let comment = match (byte, bytes.get(at + 1)) {
            (b'/', Some(b'*')) => {
                let end = memchr::memmem::find(&bytes[at + 2..], b"*/");
                Some(end.map_or(bytes.len(), |end| end + 4))
            }
            (b'/', Some(b'/')) => Some(memchr::memchr(b'\n', &bytes[at..]).unwrap_or(bytes.len())),
            _ => None,
        };
        if let Some(length) = comment {
            at += length;
            continue;
        }
        at += 1;
        structure += usize::from(is_structure(&byte));
        marks += usize::from(is_mark(&byte));
    }
    structure > STRUCTURE || marks > MARKS
}

/// Refuses what is larger than a source file ought to be.
pub fn too_large(shown: &Path, max_size: u64) -> Fault {
    Fault::of(
        shown,
        "too-large",
        format_args!("is larger than {max_size} bytes and was left alone"),
        "raise the limit with --max-size if it really is source, or exclude it in bpf-malloc.toml",
    )
}

/// Says why a file or directory could not be read.
pub fn unreadable(shown: &Path, error: &io::Error) -> Fault {
    let help = match error.kind() {
        ErrorKind::NotFound => {
            "check the name; the file may have vanished, or its link be dangling"
        }
        ErrorKind::PermissionDenied => {
            "you have no permission to read it: check its mode and those of the directories above"
        }
        ErrorKind::IsADirectory => "name the files in it",
        _ => "check the file and the disk it lies on",
    };
    Fault::of(
        shown,
        "unreadable",
        format_args!("cannot be read: {error}"),
        help,
    )
}
