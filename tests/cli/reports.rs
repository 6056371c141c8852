//! Reports for programs.

use crate::common::{Dir, HARD, PLAIN, SOURCE, tool};
use crate::sarif::assert_sarif;
use serde_json::Value;

fn dir() -> Dir {
    Dir::with(&[("d/a.c", SOURCE), ("d/hard.c", HARD), ("d/plain.c", PLAIN)])
}

fn report(dir: &Dir, format: &str, args: &[&str], code: i32) -> Value {
    let run = dir.rewrite(&[&["--message-format", format][..], args].concat());
    let run = run.exits(code);
    serde_json::from_str(&run.out).unwrap_or_else(|e| panic!("{e}: {run:#?}"))
}

#[test]
fn json() {
    let dir = dir();
    let report = report(&dir, "json", &["--check", "d"], 1);
    assert_eq!(report["version"], 1);
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 2, "only files with something to tell");
    assert_eq!(files[0]["path"], "d/a.c");
    let edits = files[0]["edits"].as_array().unwrap();
    let call = edits.iter().find(|e| e["kind"] == "call").unwrap();
    let at = SOURCE.find("free").unwrap();
    assert_eq!(call["text"], "static_");
    assert_eq!(call["span"]["start"], at);
    assert_eq!(
        (
            call["span"]["line"].as_u64(),
            call["span"]["column"].as_u64()
        ),
        (Some(5), Some(2))
    );
    assert!(!call["reason"].as_str().unwrap().is_empty());
    assert!(edits.iter().any(|e| e["kind"] == "include"));
    let notice = &files[1]["notices"][0];
    assert_eq!(notice["rule"], "function-pointer");
    assert_eq!(notice["severity"], "warning");
    let (start, end) = (
        notice["span"]["start"].as_u64(),
        notice["span"]["end"].as_u64(),
    );
    assert_eq!(
        &HARD[start.unwrap() as usize..end.unwrap() as usize],
        "free"
    );
    let summary = &report["summary"];
    assert_eq!(summary["mode"], "check");
    assert_eq!(summary["files_seen"], 3);
    assert_eq!(summary["files_changed"], 1);
    assert_eq!(summary["calls"], 1);
    assert_eq!(summary["places_that_need_a_person"], 1);
}

/// The edits of the report, applied by hand, are the rewrite.
#[test]
fn json_edits_are_the_rewrite() {
    let dir = dir();
    let report = report(&dir, "json", &["--diff", "d/a.c"], 0);
    let mut text = SOURCE.to_owned();
    let edits = report["files"][0]["edits"].as_array().unwrap();
    for edit in edits.iter().rev() {
        let offset = |key: &str| edit["span"][key].as_u64().unwrap() as usize;
        text.replace_range(
            offset("start")..offset("end"),
            edit["text"].as_str().unwrap(),
        );
    }
    dir.write("p", report["files"][0]["diff"].as_str().unwrap());
    dir.rewrite(&["d/a.c"]).exits(0);
    assert_eq!(dir.read("d/a.c"), text);
    dir.write("d/a.c", SOURCE);
    tool(dir.path(), "git", &["apply", "p"]);
    assert_eq!(dir.read("d/a.c"), text);
}

#[test]
fn json_of_errors_and_of_nothing() {
    let dir = dir();
    let report1 = report(&dir, "json", &["d/plain.c", "gone.c"], 2);
    assert_eq!(report1["files"], Value::Array(vec![]));
    assert_eq!(report1["errors"][0]["path"], "gone.c");
    assert_eq!(report1["errors"][0]["code"], "unreadable");
    assert!(report1["errors"][0]["help"].is_string());
    let report2 = report(&dir, "json", &["d/plain.c"], 0);
    assert_eq!(report2["errors"], Value::Array(vec![]));
}

#[test]
fn json_of_other_encodings() {
    use std::os::unix::ffi::OsStrExt;
    let dir = Dir::new();
    let name = std::ffi::OsStr::from_bytes(b"l\xe9.c");
    let source = [b"/* \xe9\xe9 */ ", &SOURCE.as_bytes()[23..]].concat();
    dir.write(name, &source);
    let report = report(&dir, "json", &["--all", "--diff", "."], 0);
    let file = &report["files"][0];
    assert_eq!(file["path"], "l\u{fffd}.c");
    assert_eq!(file["path_bytes"], serde_json::json!([108, 0xe9, 46, 99]));
    let diff: Vec<u8> = serde_json::from_value(file["diff_bytes"].clone()).unwrap();
    dir.write("p", diff);
    tool(dir.path(), "git", &["apply", "p"]);
    dir.rewrite(&["--check", "."]).exits(0);
}

#[test]
fn sarif() {
    let dir = dir();
    dir.write("d/binary.c", b"\0");
    let report = report(&dir, "sarif", &["--check", "d"], 2);
    assert_sarif(&report);
    let run = &report["runs"][0];
    let results = run["results"].as_array().unwrap();
    assert!(results.len() >= 3);
    for result in results {
        let region = &result["locations"][0]["physicalLocation"]["region"];
        assert!(region["startLine"].is_u64() && region["startColumn"].is_u64());
    }
    let call = results.iter().find(|r| r["ruleId"] == "call").unwrap();
    let replacement = &call["fixes"][0]["artifactChanges"][0]["replacements"][0];
    assert_eq!(replacement["insertedContent"]["text"], "static_");
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["executionSuccessful"], false);
    let notification = &invocation["toolExecutionNotifications"][0];
    assert_eq!(notification["descriptor"]["id"], "binary");
}

#[test]
fn sarif_has_no_fixes_for_what_is_done() {
    let dir = dir();
    let report = report(&dir, "sarif", &["d/a.c"], 0);
    for result in report["runs"][0]["results"].as_array().unwrap() {
        assert!(result["fixes"].is_null());
    }
}

#[test]
fn github() {
    let dir = dir();
    dir.write("d/a,b%.c", HARD);
    let args = ["--message-format", "github", "--check", "d", "gone.c"];
    let run = dir.rewrite(&args).exits(2);
    let lines: Vec<&str> = run.out.lines().collect();
    let starts = |text: &str| lines.iter().any(|line| line.starts_with(text));
    assert!(starts(
        "::warning file=d/a%2Cb%25.c,line=5,col=7,endColumn=11,title=function-pointer::"
    ));
    assert!(starts("::error file=d/a.c,line="), "{run:?}");
    assert!(starts("::error file=gone.c,title=unreadable::"));
    assert!(lines.iter().all(|line| line.starts_with("::")), "{run:?}");
}
