//! The report as SARIF 2.1.0: one run, a result per edit and per notice.
//!
//! Edits are results with a fix, unless they have been made already.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::c::Span;
use crate::rewrite::{EditKind, Rule, Severity};
use serde_json::{Value, json};

use super::lines::Lines;
use super::{File, Mode};
use crate::run::Fault;

/// Where the schema of SARIF 2.1.0 is found.
pub const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// Renders the results of one file, separated by commas.
pub fn file(file: &File, mode: Mode) -> Vec<u8> {
    let lines = Lines::new(file.source);
    let uri = uri(file.path);
    let mut results: Vec<(Span, Value)> = Vec::new();
    for edit in file.plan.edits() {
        let mut result = json!({
            "ruleId": edit.kind.name(),
            "level": "note",
            "message": { "text": edit.reason },
            "locations": [location(&uri, &lines, edit.span)],
        });
        // A replacement is text; one that is not UTF-8 cannot be told in SARIF.
        if mode != Mode::Write
            && let Ok(text) = std::str::from_utf8(&edit.text)
        {
            result["fixes"] = json!([{
                "description": { "text": edit.reason },
                "artifactChanges": [{
                    "artifactLocation": { "uri": uri },
                    "replacements": [{
                        "deletedRegion": region(&lines, edit.span),
                        "insertedContent": { "text": text },
                    }],
                }],
            }]);
        }
        results.push((edit.span, result));
    }
    for notice in file.plan.notices() {
        let text = match &notice.help {
            Some(help) => format!("{}\n{help}", notice.message),
            None => notice.message.clone(),
        };
        let result = json!({
            "ruleId": notice.rule.name(),
            "level": level(notice.severity),
            "message": { "text": text },
            "locations": [location(&uri, &lines, notice.span)],
        });
        results.push((notice.span, result));
    }
    results.sort_by_key(|(span, _)| *span);
    let texts: Vec<String> = results.iter().map(|(_, r)| r.to_string()).collect();
    texts.join(",\n").into_bytes()
}

/// Writes what stands before the first result.
pub fn begin(out: &mut dyn Write) -> io::Result<()> {
    let edits = EditKind::ALL.map(|kind| rule(kind.name(), kind.summary(), "note"));
    let driver = json!({
        "name": "bpf-malloc",
        "version": env!("CARGO_PKG_VERSION"),
        "rules": edits.into_iter().chain(notice_rules()).collect::<Vec<Value>>(),
    });
    writeln!(
        out,
        "{{\"$schema\":\"{SCHEMA}\",\"version\":\"2.1.0\",\"runs\":[{{\
         \"tool\":{{\"driver\":{driver}}},\"columnKind\":\"unicodeCodePoints\",\"results\":["
    )
}

/// Writes what stands behind the last result.
pub fn end(faults: &[Fault], out: &mut dyn Write) -> io::Result<()> {
    let notifications: Vec<Value> = faults.iter().map(notification).collect();
    let invocation = json!({
        "executionSuccessful": faults.iter().all(|fault| fault.is_note),
        "toolExecutionNotifications": notifications,
    });
    writeln!(out, "\n],\"invocations\":[{invocation}]}}]}}")
}

/// What notices are about.
pub fn notice_rules() -> impl Iterator<Item = Value> {
    Rule::ALL
        .into_iter()
        .map(|r| rule(r.name(), r.summary(), "warning"))
}

/// A fault as something that the tool has to say about its run.
pub fn notification(fault: &Fault) -> Value {
    let mut value = json!({
        "level": if fault.is_note { "note" } else { "error" },
        "descriptor": { "id": fault.code },
        "message": { "text": format!("{}\n{}", fault.message, fault.help) },
    });
    if let Some(path) = &fault.path {
        let mut place = json!({ "artifactLocation": { "uri": uri(path) } });
        if let Some(blamed) = &fault.excerpt {
            place["artifactLocation"] = json!({ "uri": uri(&blamed.path) });
            place["region"] = json!({ "startLine": blamed.line() });
        }
        value["locations"] = json!([{ "physicalLocation": place }]);
    }
    value
}

fn rule(id: &str, summary: &str, level: &str) -> Value {
    json!({
        "id": id,
        "shortDescription": { "text": summary },
        "defaultConfiguration": { "level": level },
    })
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn location(uri: &str, lines: &Lines, span: Span) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri },
            "region": region(lines, span),
        },
    })
}

fn region(lines: &Lines, span: Span) -> Value {
    let (start, end) = (lines.position(span.start), lines.position(span.end));
    json!({
        "startLine": start.line,
        "startColumn": start.column,
        "endLine": end.line,
        "endColumn": end.column,
        "byteOffset": span.start,
        "byteLength": span.end - span.start,
    })
}

/// A path as a URI reference: relative where the path is, percent-encoded.
pub fn uri(path: &Path) -> String {
    let mut uri = String::new();
    if path.is_absolute() {
        uri += "file://";
    }
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(byte.into()),
            b if b.is_ascii_alphanumeric() => uri.push(b.into()),
            b => uri += &format!("%{b:02X}"),
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uris() {
        assert_eq!(uri(Path::new("a b/é.c")), "a%20b/%C3%A9.c");
        assert_eq!(uri(Path::new("/x/y.c")), "file:///x/y.c");
    }
}
