//! The report as one JSON object. Its shape is stable; fields may be added.
//!
//! ```json
//! {
//!   "version": 1,
//!   "files": [{
//!     "path": "src/a.bpf.c",
//!     "edits": [{ "kind": "call", "reason": "…", "text": "static_", "span": SPAN }],
//!     "notices": [{ "rule": "function-pointer", "severity": "warning", "message": "…",
//!                   "help": "…", "span": SPAN }],
//!     "diff": "…"
//!   }],
//!   "errors": [{ "code": "unreadable", "severity": "error", "path": "src/b.c", "message": "…",
//!                "help": "…" }],
//!   "summary": { "mode": "check", "files_seen": 2, "files_changed": 1, "calls": 1,
//!                "null_checks": 0, "places_that_need_a_person": 1 }
//! }
//! ```
//! A SPAN is `{ "start": 17, "end": 17, "line": 2, "column": 5, "end_line": 2, "end_column": 5 }`:
//! byte offsets of the file before the rewrite from 0, lines and columns from 1, columns in
//! Unicode code points. Only files with edits or notices are listed, `diff` is there with
//! `--diff`. An error whose severity is `note` is none: all that was asked for is done. Where a path or a text is not UTF-8, it holds U+FFFD for each byte that is not, and
//! a field with `_bytes` behind its name holds all bytes.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::c::Span;
use serde_json::{Map, Value, json};

use super::lines::{self, Lines};
use super::{File, Mode, Tally};
use crate::run::Fault;

/// The version of the shape.
const VERSION: u32 = 1;

/// Renders the object of one file.
pub fn file(file: &File, diff: Option<&[u8]>) -> Vec<u8> {
    let lines = Lines::new(file.source);
    let edits: Vec<Value> = file
        .plan
        .edits()
        .iter()
        .map(|edit| {
            let mut object = Map::new();
            object.insert("kind".into(), edit.kind.name().into());
            object.insert("reason".into(), edit.reason.as_str().into());
            put(&mut object, "text", &edit.text);
            object.insert("span".into(), span(&lines, edit.span));
            object.into()
        })
        .collect();
    let notices: Vec<Value> = file
        .plan
        .notices()
        .iter()
        .map(|notice| {
            json!({
                "rule": notice.rule.name(),
                "severity": notice.severity.name(),
                "message": notice.message,
                "help": notice.help,
                "span": span(&lines, notice.span),
            })
        })
        .collect();
    let mut object = Map::new();
    put_path(&mut object, file.path);
    object.insert("edits".into(), edits.into());
    object.insert("notices".into(), notices.into());
    if let Some(diff) = diff {
        put(&mut object, "diff", diff);
    }
    Value::from(object).to_string().into_bytes()
}

/// Writes what stands before the first file.
pub fn begin(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{{\"version\":{VERSION},\"files\":[")
}

/// Writes what stands behind the last file.
pub fn end(tally: &Tally, mode: Mode, faults: &[Fault], out: &mut dyn Write) -> io::Result<()> {
    let errors: Vec<Value> = faults.iter().map(fault).collect();
    let summary = json!({
        "mode": match mode {
            Mode::Write => "write",
            Mode::Diff => "diff",
            Mode::Check => "check",
        },
        "files_seen": tally.seen,
        "files_skipped": tally.skipped,
        "files_changed": tally.changed,
        "calls": tally.calls,
        "null_checks": tally.null_checks,
        "places_that_need_a_person": tally.places,
    });
    writeln!(
        out,
        "\n],\"errors\":{},\"summary\":{summary}}}",
        Value::from(errors)
    )
}

fn fault(fault: &Fault) -> Value {
    let mut object = Map::new();
    object.insert("code".into(), fault.code.into());
    let severity = if fault.is_note { "note" } else { "error" };
    object.insert("severity".into(), severity.into());
    match &fault.path {
        Some(path) => put_path(&mut object, path),
        None => {
            object.insert("path".into(), Value::Null);
        }
    }
    object.insert("message".into(), fault.message.as_str().into());
    object.insert("help".into(), fault.help.as_str().into());
    object.into()
}

fn span(lines: &Lines, span: Span) -> Value {
    let (start, end) = (lines.position(span.start), lines.position(span.end));
    json!({
        "start": span.start,
        "end": span.end,
        "line": start.line,
        "column": start.column,
        "end_line": end.line,
        "end_column": end.column,
    })
}

/// Adds a path.
pub fn put_path(object: &mut Map<String, Value>, path: &Path) {
    put(object, "path", path.as_os_str().as_bytes());
}

/// Adds some text, and its bytes if it is not UTF-8.
fn put(object: &mut Map<String, Value>, key: &str, bytes: &[u8]) {
    object.insert(key.into(), lines::text(bytes).into());
    if std::str::from_utf8(bytes).is_err() {
        object.insert(format!("{key}_bytes"), bytes.into());
    }
}
