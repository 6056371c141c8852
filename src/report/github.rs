//! Annotations of GitHub Actions: workflow commands on stdout.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;

use crate::c::Span;
use crate::rewrite::Severity;

use super::lines::Lines;
use super::{File, Mode};
use crate::run::Fault;

/// Renders the annotations of one file. With `--check`, a file that would change is an error at
/// its first edit: GitHub shows only a few annotations per step.
pub fn file(file: &File, mode: Mode) -> Vec<u8> {
    let mut out = String::new();
    let lines = Lines::new(file.source);
    let path = property(&file.path.to_string_lossy());
    if mode == Mode::Check
        && let Some(first) = file.plan.edits().first()
    {
        let place = place(&lines, first.span);
        let message = data(&format!(
            "{} (edits in this file: {}); run `bpf-malloc rewrite` on it",
            first.reason,
            file.plan.edits().len()
        ));
        let title = first.kind.name();
        let _ = writeln!(out, "::error file={path},{place},title={title}::{message}");
    }
    for notice in file.plan.notices() {
        let command = match notice.severity {
            Severity::Note => "notice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        let mut text = notice.message.clone();
        if let Some(help) = &notice.help {
            let _ = write!(text, "\n{help}");
        }
        let (place, title) = (place(&lines, notice.span), notice.rule.name());
        let text = data(&text);
        let _ = writeln!(out, "::{command} file={path},{place},title={title}::{text}");
    }
    out.into_bytes()
}

/// Writes the faults.
pub fn end(faults: &[Fault], out: &mut dyn Write) -> io::Result<()> {
    faults
        .iter()
        .try_for_each(|fault| out.write_all(fault_annotation(fault).as_bytes()))
}

/// A fault as an error, or as a notice.
pub fn fault_annotation(fault: &Fault) -> String {
    let message = format!("{}\n{}", fault.message, fault.help);
    let place = match &fault.excerpt {
        Some(blamed) => Some((&*blamed.path, Some(blamed.line()))),
        None => fault.path.as_deref().map(|path| (path, None)),
    };
    let command = if fault.is_note { "notice" } else { "error" };
    command_at(command, place, fault.code, &message)
}

/// One error, in a file and at a line of it if they are known.
pub fn annotation(place: Option<(&Path, Option<usize>)>, title: &str, message: &str) -> String {
    command_at("error", place, title, message)
}

/// One warning about a file.
pub fn warning_annotation(path: &Path, title: &str, message: &str) -> String {
    command_at("warning", Some((path, None)), title, message)
}

fn command_at(
    command: &str,
    place: Option<(&Path, Option<usize>)>,
    title: &str,
    message: &str,
) -> String {
    let mut text = format!("::{command} ");
    if let Some((path, line)) = place {
        let _ = write!(text, "file={},", property(&path.to_string_lossy()));
        if let Some(line) = line {
            let _ = write!(text, "line={line},");
        }
    }
    let _ = writeln!(text, "title={title}::{}", data(message));
    text
}

fn place(lines: &Lines, span: Span) -> String {
    let (start, end) = (lines.position(span.start), lines.position(span.end));
    match start.line == end.line {
        true => format!(
            "line={},col={},endColumn={}",
            start.line, start.column, end.column
        ),
        false => format!("line={},endLine={}", start.line, end.line),
    }
}

/// Escapes the message of a command.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// Escapes a property of a command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes() {
        assert_eq!(data("50%\nof: a,b"), "50%25%0Aof: a,b");
        assert_eq!(property("a:b,c%.c"), "a%3Ab%2Cc%25.c");
    }
}
