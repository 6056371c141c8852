//! Unified diffs over bytes that `git apply` and `patch -p1` accept.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use similar::{Algorithm, DiffOp, DiffTag};

/// Unchanged lines shown around a change, as in `git diff`.
const CONTEXT: usize = 3;

const BOLD: &str = "\x1b[1m";
const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const RESET: &str = "\x1b[m";

/// Writes the difference of two versions of a file; nothing if there is none.
///
/// The bytes of the lines are written as they are, whatever their encoding.
pub fn write(
    path: &Path,
    old: &[u8],
    new: &[u8],
    color: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (old, new) = (split(old), split(new));
    let ops = similar::capture_diff_slices(Algorithm::Myers, &old, &new);
    let hunks = similar::group_diff_ops(ops, CONTEXT);
    if hunks.is_empty() {
        return Ok(());
    }
    let paint = Paint { color };
    let (a, b) = (name(b"a/", path), name(b"b/", path));
    paint.line(BOLD, &[b"diff --git ", &a.text, b" ", &b.text], out)?;
    paint.line(BOLD, &[b"--- ", &a.text, a.tail], out)?;
    paint.line(BOLD, &[b"+++ ", &b.text, b.tail], out)?;
    for hunk in &hunks {
        self::hunk(hunk, &old, &new, paint, out)?;
    }
    Ok(())
}

fn hunk(
    ops: &[DiffOp],
    old: &[&[u8]],
    new: &[&[u8]],
    paint: Paint,
    out: &mut dyn Write,
) -> io::Result<()> {
    let (Some(first), Some(last)) = (ops.first(), ops.last()) else {
        return Ok(());
    };
    let head = format!(
        "@@ -{} +{} @@",
        extent(first.old_range().start, last.old_range().end),
        extent(first.new_range().start, last.new_range().end),
    );
    paint.line(CYAN, &[head.as_bytes()], out)?;
    for op in ops {
        if op.tag() == DiffTag::Equal {
            for line in &old[op.old_range()] {
                paint.content("", b" ", line, out)?;
            }
            continue;
        }
        for line in &old[op.old_range()] {
            paint.content(RED, b"-", line, out)?;
        }
        for line in &new[op.new_range()] {
            paint.content(GREEN, b"+", line, out)?;
        }
    }
    Ok(())
}

/// Lines as diff programs see them: they end at `\n` and nowhere else.
fn split(bytes: &[u8]) -> Vec<&[u8]> {
    bytes.split_inclusive(|&b| b == b'\n').collect()
}

/// `start,length` of a hunk; an empty side names the line before it.
fn extent(start: usize, end: usize) -> String {
    match end - start {
        0 => format!("{start},0"),
        1 => format!("{}", start + 1),
        length => format!("{},{length}", start + 1),
    }
}

struct Name {
    text: Vec<u8>,
    /// git ends a name with blanks by a tab, so that `patch` knows where it ends.
    tail: &'static [u8],
}

/// A file name as git writes it: quoted as a C string where it has unusual bytes.
fn name(prefix: &[u8], path: &Path) -> Name {
    let bytes = path.as_os_str().as_bytes();
    let plain = |&b: &u8| (b' '..0x7f).contains(&b) && b != b'"' && b != b'\\';
    if bytes.iter().all(plain) {
        let tail: &[u8] = if bytes.contains(&b' ') { b"\t" } else { b"" };
        return Name {
            text: [prefix, bytes].concat(),
            tail,
        };
    }
    let mut text = vec![b'"'];
    text.extend_from_slice(prefix);
    for &byte in bytes {
        match byte {
            b'"' | b'\\' => text.extend([b'\\', byte]),
            b'\n' => text.extend(b"\\n"),
            b'\t' => text.extend(b"\\t"),
            b' '..0x7f => text.push(byte),
            _ => text.extend(format!("\\{byte:03o}").bytes()),
        }
    }
    text.push(b'"');
    Name { text, tail: b"" }
}

/// A file name for a list of names: as it is, or quoted as a C string where it has control characters,
/// which would end the line or be obeyed by a terminal.
pub fn quoted(path: &Path) -> Vec<u8> {
    let bytes = path.as_os_str().as_bytes();
    match bytes.iter().any(u8::is_ascii_control) || bytes.starts_with(b"\"") {
        true => name(b"", path).text,
        false => bytes.to_owned(),
    }
}

#[derive(Clone, Copy)]
struct Paint {
    color: bool,
}

impl Paint {
    fn line(self, color: &str, parts: &[&[u8]], out: &mut dyn Write) -> io::Result<()> {
        if self.color {
            out.write_all(color.as_bytes())?;
        }
        for part in parts {
            out.write_all(part)?;
        }
        if self.color {
            out.write_all(RESET.as_bytes())?;
        }
        out.write_all(b"\n")
    }

    fn content(self, color: &str, mark: &[u8], line: &[u8], out: &mut dyn Write) -> io::Result<()> {
        let ended = line.strip_suffix(b"\n");
        let body = ended.unwrap_or(line);
        if color.is_empty() {
            Paint { color: false }.line(color, &[mark, body], out)?;
        } else {
            self.line(color, &[mark, body], out)?;
        }
        if ended.is_none() {
            out.write_all(b"\\ No newline at end of file\n")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn diff(path: &str, old: &[u8], new: &[u8]) -> String {
        let mut out = Vec::new();
        write(Path::new(path), old, new, false, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nothing_for_equal_files() {
        assert_eq!(diff("a.c", b"x\n", b"x\n"), "");
    }

    #[test]
    fn headers_and_extents() {
        assert_eq!(
            diff("d/a.c", b"1\n2\n3\n4\n5\n", b"1\n2\n3\n4\nfive\n"),
            "diff --git a/d/a.c b/d/a.c\n--- a/d/a.c\n+++ b/d/a.c\n@@ -2,4 +2,4 @@\n 2\n 3\n 4\n-5\n+five\n"
        );
        assert!(diff("a.c", b"", b"x\n").contains("@@ -0,0 +1 @@\n+x\n"));
    }

    #[test]
    fn marks_a_missing_newline() {
        assert!(diff("a.c", b"1\n2", b"0\n2").ends_with(" 2\n\\ No newline at end of file\n"));
        assert!(
            diff("a.c", b"1", b"2")
                .ends_with("-1\n\\ No newline at end of file\n+2\n\\ No newline at end of file\n")
        );
    }

    #[test]
    fn a_lone_carriage_return_is_no_line() {
        assert!(diff("a.c", b"1\r2\n", b"1\r3\n").contains("-1\r2\n+1\r3\n"));
    }

    #[test]
    fn names_in_lists_are_quoted_only_where_they_must() {
        assert_eq!(quoted(Path::new("d/\u{e4} b.c")), "d/\u{e4} b.c".as_bytes());
        assert_eq!(quoted(Path::new("a\nb\x1b.c")), b"\"a\\nb\\033.c\"");
    }

    #[test]
    fn quotes_names_as_git_does() {
        assert!(diff("a b.c", b"1\n", b"2\n").contains("--- a/a b.c\t\n"));
        assert!(diff("é\".c", b"1\n", b"2\n").contains("--- \"a/\\303\\251\\\".c\"\n"));
    }
}
