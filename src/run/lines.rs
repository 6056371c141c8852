//! A rewritten text whose lines are those of the original, for the compiler's eyes.
//!
//! Diagnostics, assertions with `__LINE__` and BTF's line information then name the lines that the
//! author knows. What is inserted goes onto the line where it stands; a directive, which needs a
//! line of its own, is followed by a `#line` that sets the count right again.

use crate::rewrite::{Edit, Plan};

/// The text after the rewrite, with every line that was there before under its old number.
pub fn keep(source: &[u8], plan: &Plan) -> Vec<u8> {
    let mut text = Vec::with_capacity(source.len() + source.len() / 8);
    let mut at = 0;
    // How many lines of the source are behind, and whether the count is off by now.
    let mut line = 1;
    let mut off = false;
    for edit in plan.edits() {
        line += copy(&source[at..edit.span.start], line, &mut off, &mut text);
        let gone = &source[edit.span.start..edit.span.end];
        let inserted = joined(edit);
        off |= inserted.is_none();
        text.extend(inserted.as_deref().unwrap_or(&edit.text));
        // Lines that go leave their ends, unless a directive took one of them.
        match inserted {
            Some(_) => text.extend(gone.iter().filter(|byte| **byte == b'\n')),
            None if text.last() == Some(&b'\n') => {
                text.extend(format!("#line {}\n", line + breaks(gone)).bytes());
                off = false;
            }
            None => {}
        }
        line += breaks(gone);
        at = edit.span.end;
    }
    copy(&source[at..], line, &mut off, &mut text);
    text
}

/// Copies what stays. Where the count is off, the next line says which it is. Returns the number of
/// line ends.
fn copy(kept: &[u8], line: usize, off: &mut bool, text: &mut Vec<u8>) -> usize {
    let count = breaks(kept);
    match memchr::memchr(b'\n', kept).filter(|_| *off) {
        // Not in the middle of a directive or literal.
        Some(end) if end == 0 || kept[end - 1] != b'\\' => {
            text.extend(&kept[..=end]);
            text.extend(format!("#line {}\n", line + 1).bytes());
            text.extend(&kept[end + 1..]);
            *off = false;
        }
        _ => text.extend(kept),
    }
    count
}

/// The text of an edit in one line, if that means the same.
fn joined(edit: &Edit) -> Option<Vec<u8>> {
    if !edit.text.contains(&b'\n') {
        return Some(edit.text.clone());
    }
    let mut lines = edit.text.split(|byte| *byte == b'\n');
    let plain = |line: &[u8]| {
        !line.trim_ascii_start().starts_with(b"#") && memchr::memmem::find(line, b"//").is_none()
    };
    if !lines.clone().all(plain) {
        return None;
    }
    let mut text = lines.next().unwrap_or_default().to_vec();
    for line in lines {
        // A continuation within a macro's body, or a line end.
        while matches!(text.last(), Some(b'\\' | b'\r' | b' ' | b'\t')) {
            text.pop();
        }
        text.push(b' ');
        text.extend(line.trim_ascii_start());
    }
    Some(text)
}

fn breaks(bytes: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', bytes).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::c::Span;
    use crate::rewrite::EditKind;

    fn edit(start: usize, end: usize, text: &str) -> Edit {
        Edit {
            span: Span::new(start, end),
            text: text.into(),
            kind: EditKind::NullCheck,
            reason: String::new(),
        }
    }

    /// The lines by number, as a compiler counts them.
    fn numbered(text: &str) -> Vec<(usize, &str)> {
        let mut number = 0;
        let mut found = Vec::new();
        for line in text.lines() {
            number += 1;
            match line.strip_prefix("#line ") {
                Some(next) => number = next.parse::<usize>().unwrap() - 1,
                None => found.push((number, line)),
            }
        }
        found
    }

    #[test]
    fn lines_keep_their_numbers() {
        let before = "#include <stdlib.h>\ntwo\nthree\nfour\nfive\n";
        let edits = vec![
            edit(0, 20, ""),                               // line 1 goes
            edit(20, 20, "#define A\n#include \"a.h\"\n"), // directives before line 2
            edit(24, 24, "if (!p)\n\treturn;\n"),          // a check before line 3
            edit(30, 34, "FOUR"),                          // no change of lines
        ];
        let plan = Plan::new(edits, Vec::new()).unwrap();
        let text = String::from_utf8(keep(before.as_bytes(), &plan)).unwrap();
        let lines = numbered(&text);
        for (number, line) in [
            (2, "two"),
            (3, "if (!p) return; three"),
            (4, "FOUR"),
            (5, "five"),
        ] {
            assert!(lines.contains(&(number, line)), "{number} {line}: {text}");
        }
    }

    #[test]
    fn continued_lines_and_comments() {
        let before = "#define M(x) \\\n\ty = x;\\\n\tz\nlast\n";
        let at = before.find("\tz").unwrap();
        let plan = Plan::new(vec![edit(at, at, "\tif (!y) \\\n\t\tw;\\\n")], Vec::new()).unwrap();
        let text = String::from_utf8(keep(before.as_bytes(), &plan)).unwrap();
        assert_eq!(
            text,
            "#define M(x) \\\n\ty = x;\\\n\tif (!y) w; \tz\nlast\n"
        );

        let plan = Plan::new(vec![edit(0, 0, "int a; // why\nint b; ")], Vec::new()).unwrap();
        let text = String::from_utf8(keep(b"one\ntwo\n", &plan)).unwrap();
        assert_eq!(numbered(&text)[2], (2, "two"));
    }
}
