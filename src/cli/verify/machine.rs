//! The verdicts for programs: JSON, SARIF, annotations of GitHub Actions.
//!
//! The JSON object has this shape, which is stable; fields may be added:
//!
//! ```json
//! {
//!   "version": 1,
//!   "files": [
//!     { "path": "a.bpf.c", "programs": [{
//!       "name": "count", "section": "xdp", "verdict": "accepted",
//!       "verified_instructions": 8429, "total_states": 301, "peak_states": 124,
//!       "stack_bytes": [16, 0], "instructions": 702, "load_ns": 9500000,
//!       "refusal": null, "log": null,
//!       "run": { "return_value": 2, "return_name": "XDP_PASS", "duration_ns": 87,
//!                "includes_system_call": false, "loops_cut_short": 0,
//!                "allocations_without_memory": 0, "calls_without_function": 0,
//!                "heap_errors": [] }
//!     }] },
//!     { "path": "b.bpf.c", "verdict": "refused", "refusals": [REFUSAL] },
//!     { "path": "c.bpf.c", "verdict": null, "error": ERROR, "rewrite": [FILE] }
//!   ],
//!   "errors": [ERROR]
//! }
//! ```
//! A REFUSAL is `{ "kind": "stack", "message": "…", "meaning": "…", "help": "…",
//! "path": "a.bpf.c", "line": 17 }`: the message in the words of the verifier, libbpf or clang, the
//! line from 1 and before the rewrite, path and line `null` where they are not known. An ERROR is
//! `{ "code": "compile", "message": "…", "help": "…", "path": null, "line": null }`, with the
//! place where one is known. `accepted_with` names the other backend, if the kernel accepts a refused
//! file with that. `cpu` is the instruction set that a file was compiled with, where it needs another
//! than `-mcpu=v3`.
//!
//! The `verdict` of a program is `"accepted"`, `"refused"`, or `null` if the kernel let nobody ask;
//! a refused one has a `refusal`, and a `log` with `--log`. `run` is there with `--run`, for what can
//! be run; if that failed it is `{ "error": "…" }`. What the heap counted meanwhile, in all runs: loops
//! that the kernel ended at `can_loop`, allocations that no heap had room for, calls through pointers that
//! found no function. `heap_errors` are what a heap with `DYNAMIC_MEMORY_DEBUG` found wrong, as
//! `bpf-malloc stats --check` tells it. Times are in nanoseconds, `stack_bytes` in bytes
//! for the program and each function it calls, `instructions` those that were loaded; figures that
//! the kernel did not tell are `null`. A file that is refused as a whole, by clang or libbpf, has
//! `refusals`; with `check`, so has every file with an obstacle, and one without has no `programs`.
//! `errors` are those of no single file. `rewrite` is there where a file is not accepted and the
//! rewrite left something to a person: the files with their notices, as `bpf-malloc rewrite` reports
//! them.

use std::path::Path;

use serde_json::{Value, json};

use super::files::{FileReport, Problem, ProgramReport, Verdict};
use super::refusal::Explained;
use super::report::{Refused, refusals, remarks, verdict};
use crate::judge::explain::Kind;
use crate::report::{self, Mode, Reporter};
use crate::run::Fault;

/// The version of the shape of the JSON object.
const VERSION: u32 = 1;

/// The rule of what is said besides verdicts.
const REMARK: &str = "remark";

fn document(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// One JSON object; `faults` are those of no single file.
pub fn json(files: &[FileReport], faults: &[Fault], log: bool) -> Vec<u8> {
    let files: Vec<Value> = files.iter().map(|file| file_json(file, log)).collect();
    let errors: Vec<Value> = faults.iter().map(fault_json).collect();
    document(&json!({ "version": VERSION, "files": files, "errors": errors }))
}

fn file_json(file: &FileReport, log: bool) -> Value {
    let mut value = match &file.programs {
        Ok(programs) => {
            let programs = programs.iter().map(|program| program_json(program, log));
            json!({ "programs": programs.collect::<Vec<_>>() })
        }
        Err(Problem::Refused(refusals)) => json!({
            "verdict": "refused",
            "refusals": refusals.iter().map(refusal_json).collect::<Vec<_>>(),
        }),
        Err(Problem::Unable(fault)) => json!({
            "verdict": null,
            "error": fault_json(fault),
        }),
    };
    put_path(&mut value, &file.path);
    if let Some(backend) = file.accepted_with {
        value["accepted_with"] = backend.into();
    }
    if let Some(cpu) = file.cpu {
        value["cpu"] = cpu.into();
    }
    if !file.noticed.is_empty() {
        value["rewrite"] = parts(file, Reporter::Json);
    }
    value
}

fn put_path(value: &mut Value, path: &Path) {
    if let Some(object) = value.as_object_mut() {
        report::put_path(object, path);
    }
}

/// What the rewrite left to a person, as it reports that itself: a JSON array.
fn parts(file: &FileReport, reporter: Reporter) -> Value {
    let parts: Vec<Vec<u8>> = file
        .noticed
        .iter()
        .map(|noticed| reporter.file(&noticed.file(), Mode::Check, None))
        .collect();
    let array = [&b"["[..], &parts.join(&b','), b"]"].concat();
    serde_json::from_slice(&array).expect("a report is JSON")
}

fn fault_json(fault: &Fault) -> Value {
    let place = fault.excerpt.as_ref();
    json!({
        "code": fault.code,
        "message": fault.message,
        "help": fault.help,
        "path": place.map(|blamed| blamed.path.display().to_string()),
        "line": place.map(|blamed| blamed.line()),
    })
}

fn refusal_json(refusal: &Explained) -> Value {
    let mut value = json!({
        "kind": refusal.kind.name(),
        "message": refusal.message,
        "meaning": refusal.kind.meaning(),
        "help": refusal.kind.help(),
        "path": null,
        "line": refusal.place.as_ref().map(|place| place.line),
    });
    if let Some(place) = &refusal.place {
        put_path(&mut value, &place.path);
    }
    value
}

fn program_json(program: &ProgramReport, log: bool) -> Value {
    let stats = &program.stats;
    let run = program.output.as_ref().map(|output| match output {
        Ok(output) => json!({
            "return_value": output.value,
            "return_name": output.name,
            "duration_ns": output.duration.as_nanos() as u64,
            "includes_system_call": output.per_call,
            "loops_cut_short": output.counted.loops_cut_short,
            "allocations_without_memory": output.counted.without_memory,
            "calls_without_function": output.counted.unknown_functions,
            "heap_errors": output.heap_errors,
        }),
        Err(message) => json!({ "error": message }),
    });
    json!({
        "name": program.name,
        "section": program.section,
        "verdict": verdict(program),
        "verified_instructions": stats.verified_instructions,
        "total_states": stats.total_states,
        "peak_states": stats.peak_states,
        "stack_bytes": stats.stack_bytes,
        "instructions": program.instructions,
        "load_ns": program.load_time.as_nanos() as u64,
        "refusal": program.refusal.as_ref().map(refusal_json),
        "log": (log && program.verdict != Verdict::Accepted).then_some(&program.log),
        "run": run,
    })
}

/// What is wrong, what it means and what to do.
fn message(refused: &Refused) -> String {
    let refusal = refused.refusal;
    format!(
        "{} is refused: {}\n{}",
        refused.subject,
        refusal.message,
        refusal.advice()
    )
}

/// The faults of the run and of single files.
fn all<'a>(files: &'a [FileReport], faults: &'a [Fault]) -> impl Iterator<Item = &'a Fault> {
    let of_files = files.iter().filter_map(|file| match &file.programs {
        Err(Problem::Unable(fault)) => Some(fault),
        _ => None,
    });
    faults.iter().chain(of_files)
}

/// SARIF 2.1.0 with a result for each refusal and each remark. A result without a line is one about the file that
/// was judged: what shows results wants each to have a place.
pub fn sarif(files: &[FileReport], faults: &[Fault]) -> Vec<u8> {
    let rules = Kind::ALL.map(|kind| {
        json!({
            "id": kind.name(),
            "shortDescription": { "text": kind.meaning() },
            "help": { "text": kind.help() },
            "defaultConfiguration": { "level": "error" },
        })
    });
    let result = |refused: &Refused| {
        let place = match &refused.refusal.place {
            Some(place) => json!({
                "artifactLocation": { "uri": report::uri(&place.path) },
                "region": { "startLine": place.line },
            }),
            None => json!({ "artifactLocation": { "uri": report::uri(refused.file) } }),
        };
        json!({
            "ruleId": refused.refusal.kind.name(),
            "level": "error",
            "message": { "text": message(refused) },
            "locations": [{ "physicalLocation": place }],
        })
    };
    let mut results: Vec<Value> = refusals(files).iter().map(result).collect();
    results.extend(remarks(files).into_iter().map(|(path, text)| {
        let place = json!({ "artifactLocation": { "uri": report::uri(path) } });
        json!({
            "ruleId": REMARK,
            "level": "warning",
            "message": { "text": text },
            "locations": [{ "physicalLocation": place }],
        })
    }));
    for file in files {
        if let Value::Array(mut notices) = parts(file, Reporter::Sarif) {
            results.append(&mut notices);
        }
    }
    let remark = json!({
        "id": REMARK,
        "shortDescription": { "text": "What else there is to know about a file." },
        "defaultConfiguration": { "level": "warning" },
    });
    let rules = rules.into_iter().chain(report::notice_rules());
    let rules: Vec<Value> = rules.chain([remark]).collect();
    let notifications: Vec<Value> = all(files, faults).map(report::notification).collect();
    document(&json!({
        "$schema": report::SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bpf-malloc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "toolExecutionNotifications": notifications,
            }],
        }],
    }))
}

/// Annotations of GitHub Actions, one for each refusal, each remark and each fault.
pub fn github(files: &[FileReport], faults: &[Fault]) -> Vec<u8> {
    let mut text = String::new();
    for refused in &refusals(files) {
        let place = match &refused.refusal.place {
            Some(place) => (&*place.path, Some(place.line)),
            None => (refused.file, None),
        };
        let title = refused.refusal.kind.name();
        text += &report::annotation(Some(place), title, &message(refused));
    }
    for (path, remark) in remarks(files) {
        text += &report::warning_annotation(path, REMARK, &remark);
    }
    for fault in all(files, faults) {
        text += &report::fault_annotation(fault);
    }
    let mut text = text.into_bytes();
    for noticed in files.iter().flat_map(|file| &file.noticed) {
        // Nothing was asked to be changed, so only the notices count.
        text.extend(Reporter::Github.file(&noticed.file(), Mode::Diff, None));
    }
    text
}
