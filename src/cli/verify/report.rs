//! The verdicts as a table for people, or for programs.

use std::time::Duration;

use bpf_malloc::kernel::explain::Kind;
use bpf_malloc::kernel::load::Judgement;
use bpf_malloc::kernel::run::return_name;
use serde_json::{Value, json};

use super::Verify;
use super::judge::{Ask, FileReport, Problem, ProgramReport};
use super::refusal::Explained;
use crate::cli::args::Format;
use crate::report::{self, Reporter};

const HEAD: [&str; 8] = [
    "FILE", "PROGRAM", "SECTION", "VERDICT", "VERIFIED", "STACK", "LOAD", "RETURN",
];

/// Renders the report in the format that was asked for.
pub fn render(arguments: &Verify, ask: Ask, files: &[FileReport], color: bool) -> Vec<u8> {
    match arguments.message_format {
        Format::Human => {
            let mut text = match ask {
                Ask::Kernel => verdicts(files),
                Ask::Nobody => blockers(files),
            };
            text += &details(files, arguments.log, color);
            text.into_bytes()
        }
        Format::Json => document(&json(files, arguments.log)),
        Format::Sarif => document(&sarif(files)),
        Format::Github => github(files).into_bytes(),
    }
}

fn document(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

/// A line for each file that was only checked.
fn blockers(files: &[FileReport]) -> String {
    let mut text = String::new();
    for file in files {
        let what = match &file.programs {
            Ok(_) => "nothing found that every kernel refuses".to_owned(),
            Err(Problem::Refused(refusals)) if refusals.len() == 1 => "1 obstacle".to_owned(),
            Err(Problem::Refused(refusals)) => format!("{} obstacles", refusals.len()),
            Err(Problem::Unable(_)) => "not checked".to_owned(),
        };
        text += &format!("{}: {what}\n", file.path.display());
    }
    text
}

/// The table of verdicts.
fn verdicts(files: &[FileReport]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for file in files {
        let path = file.path.display().to_string();
        match &file.programs {
            Ok(programs) => rows.extend(programs.iter().map(|program| row(&path, program))),
            Err(problem) => {
                let mut row = ["-"; 8].map(str::to_owned);
                row[0] = path;
                row[3] = match problem {
                    Problem::Refused(_) => "refused",
                    Problem::Unable(_) => "not judged",
                }
                .to_owned();
                rows.push(row);
            }
        }
    }
    table(&rows)
}

/// A diagnostic for each refusal, and what else is to be said.
fn details(files: &[FileReport], log: bool, color: bool) -> String {
    let mut text = String::new();
    for (subject, refusal, judgement) in refusals(files) {
        text.push('\n');
        text += &Reporter::fault(&refusal.fault(&subject), color);
        if let (true, Some(judgement)) = (log, judgement) {
            text += &judgement.log;
        }
    }
    for program in files.iter().flat_map(|file| file.programs.iter().flatten()) {
        if let Some(Err(message)) = &program.output {
            text += &format!("\n{message}\n");
        }
        if let (true, Some(info)) = (program.judgement.denied(), &program.judgement.program) {
            text += &format!(
                "\n{} was not judged: the kernel lets this process load no programs for {}. A \
                 security policy of this system forbids them; see \
                 /sys/kernel/security/lockdown and dmesg\n",
                info.name, info.section
            );
        }
    }
    text
}

/// Each refusal with a name for what is refused and, if the verifier was asked, its answer.
fn refusals(files: &[FileReport]) -> Vec<(String, &Explained, Option<&Judgement>)> {
    let mut found = Vec::new();
    for file in files {
        match &file.programs {
            Ok(programs) => {
                for program in programs {
                    if let Some(refusal) = &program.refusal {
                        let info = program.judgement.program.as_ref();
                        let name = info.map_or_else(String::new, |info| info.name.clone());
                        found.push((name, refusal, Some(&program.judgement)));
                    }
                }
            }
            Err(Problem::Refused(refusals)) => {
                let path = file.path.display().to_string();
                found.extend(refusals.iter().map(|refusal| (path.clone(), refusal, None)));
            }
            Err(Problem::Unable(_)) => {}
        }
    }
    found
}

/// The kernel's word, if it gave one.
fn verdict(judgement: &Judgement) -> Option<&'static str> {
    match (judgement.accepted(), judgement.denied()) {
        (true, _) => Some("accepted"),
        (false, false) => Some("refused"),
        (false, true) => None,
    }
}

fn row(path: &str, program: &ProgramReport) -> [String; 8] {
    let judgement = &program.judgement;
    let info = judgement.program.as_ref();
    let none = || "-".to_owned();
    let stats = &judgement.stats;
    [
        path.to_owned(),
        info.map_or_else(none, |info| info.name.clone()),
        info.map_or_else(none, |info| info.section.clone()),
        verdict(judgement).unwrap_or("not judged").to_owned(),
        stats
            .verified_instructions
            .map_or_else(none, |count| count.to_string()),
        stats.stack_bytes.first().map_or_else(none, u32::to_string),
        duration(judgement.load_time),
        match (&program.output, info) {
            (Some(Ok(output)), Some(info)) => {
                let value = match return_name(info.program_type, output.return_value) {
                    Some(name) => format!("{name} ({})", output.return_value as i32),
                    None => (output.return_value as i32).to_string(),
                };
                let note = if output.per_call {
                    ", system call included"
                } else {
                    ""
                };
                format!("{value}, {}{note}", duration(output.duration))
            }
            (Some(Err(_)), _) => "run failed".to_owned(),
            _ => none(),
        },
    ]
}

/// Pads all columns but the last.
fn table<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().map(|row| row[column].chars().count());
        cells.max().unwrap_or_default()
    };
    let widths: Vec<_> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line += &format!("{cell:width$}  ");
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// A time with three figures and the unit that suits it.
fn duration(time: Duration) -> String {
    match time.as_nanos() {
        nanos @ 0..1_000 => format!("{nanos} ns"),
        nanos @ 1_000..1_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        nanos @ 1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        nanos => format!("{:.1} s", nanos as f64 / 1e9),
    }
}

/// One JSON object: `files`, each with `path` and either `programs` or what is wrong with it.
///
/// Times are in nanoseconds, the stack in bytes.
fn json(files: &[FileReport], log: bool) -> Value {
    let files: Vec<Value> = files
        .iter()
        .map(|file| {
            let path = file.path.display().to_string();
            match &file.programs {
                Ok(programs) => {
                    let programs: Vec<_> = programs
                        .iter()
                        .map(|program| program_json(program, log))
                        .collect();
                    json!({ "path": path, "programs": programs })
                }
                Err(Problem::Refused(refusals)) => json!({
                    "path": path,
                    "verdict": "refused",
                    "refusals": refusals.iter().map(refusal_json).collect::<Vec<_>>(),
                }),
                Err(Problem::Unable(fault)) => json!({
                    "path": path,
                    "verdict": null,
                    "error": { "code": fault.code, "message": fault.message, "help": fault.help },
                }),
            }
        })
        .collect();
    json!({ "files": files })
}

fn refusal_json(refusal: &Explained) -> Value {
    json!({
        "kind": refusal.kind.name(),
        "message": refusal.message,
        "meaning": refusal.kind.meaning(),
        "help": refusal.kind.help(),
        "path": refusal.place.as_ref().map(|place| place.path.display().to_string()),
        "line": refusal.place.as_ref().map(|place| place.line),
    })
}

/// SARIF 2.1.0 with a result for each refusal.
fn sarif(files: &[FileReport]) -> Value {
    let rules = Kind::ALL.map(|kind| {
        json!({
            "id": kind.name(),
            "shortDescription": { "text": kind.meaning() },
            "help": { "text": kind.help() },
            "defaultConfiguration": { "level": "error" },
        })
    });
    let result = |(subject, refusal, _): &(String, &Explained, Option<&Judgement>)| {
        let text = format!(
            "{subject} is refused: {}\n{}",
            refusal.message,
            refusal.advice()
        );
        let locations: Vec<Value> = refusal
            .place
            .iter()
            .map(|place| {
                json!({ "physicalLocation": {
                    "artifactLocation": { "uri": report::uri(&place.path) },
                    "region": { "startLine": place.line },
                }})
            })
            .collect();
        json!({
            "ruleId": refusal.kind.name(),
            "level": "error",
            "message": { "text": text },
            "locations": locations,
        })
    };
    let faults = files.iter().filter_map(|file| match &file.programs {
        Err(Problem::Unable(fault)) => Some(json!({
            "level": "error",
            "descriptor": { "id": fault.code },
            "message": { "text": format!("{}\n{}", fault.message, fault.help) },
            "locations": [{
                "physicalLocation": { "artifactLocation": { "uri": report::uri(&file.path) } },
            }],
        })),
        _ => None,
    });
    let faults: Vec<Value> = faults.collect();
    json!({
        "$schema": report::SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "bpf-malloc",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "results": refusals(files).iter().map(result).collect::<Vec<_>>(),
            "invocations": [{
                "executionSuccessful": faults.is_empty(),
                "toolExecutionNotifications": faults,
            }],
        }],
    })
}

/// Annotations of GitHub Actions, one for each refusal.
fn github(files: &[FileReport]) -> String {
    let mut text = String::new();
    for (subject, refusal, _) in refusals(files) {
        let message = format!(
            "{subject} is refused: {}\n{}",
            refusal.message,
            refusal.advice()
        );
        let place = refusal
            .place
            .as_ref()
            .map(|place| (&*place.path, place.line));
        text += &report::annotation(place, refusal.kind.name(), &message);
    }
    for file in files {
        if let Err(Problem::Unable(fault)) = &file.programs {
            let message = format!("{}\n{}", fault.message, fault.help);
            text += &report::annotation(Some((&file.path, 1)), fault.code, &message);
        }
    }
    text
}

fn program_json(program: &ProgramReport, log: bool) -> Value {
    let judgement = &program.judgement;
    let info = judgement.program.as_ref();
    let stats = &judgement.stats;
    let run = program.output.as_ref().map(|output| match output {
        Ok(output) => json!({
            "return_value": output.return_value as i32,
            "return_name":
                info.and_then(|info| return_name(info.program_type, output.return_value)),
            "duration_ns": output.duration.as_nanos() as u64,
            "includes_system_call": output.per_call,
        }),
        Err(message) => json!({ "error": message }),
    });
    json!({
        "name": info.map(|info| &info.name),
        "section": info.map(|info| &info.section),
        "verdict": verdict(judgement),
        "verified_instructions": stats.verified_instructions,
        "total_states": stats.total_states,
        "peak_states": stats.peak_states,
        "stack_bytes": stats.stack_bytes,
        "instructions": judgement.instructions,
        "load_ns": judgement.load_time.as_nanos() as u64,
        "refusal": program.refusal.as_ref().map(refusal_json),
        "log": (log && !judgement.accepted()).then_some(&judgement.log),
        "run": run,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_do_not_end_in_blanks() {
        let rows = [["A", "B"], ["long", "x"]].map(|row| row.map(str::to_owned));
        assert_eq!(table(&rows), "A     B\nlong  x\n");
    }

    #[test]
    fn times_have_a_fitting_unit() {
        assert_eq!(duration(Duration::from_nanos(87)), "87 ns");
        assert_eq!(duration(Duration::from_nanos(1_250)), "1.2 µs");
        assert_eq!(duration(Duration::from_millis(31)), "31.0 ms");
        assert_eq!(duration(Duration::from_millis(1_500)), "1.5 s");
    }
}
