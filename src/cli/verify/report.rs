//! The verdicts as a table for people.

use std::path::Path;
use std::time::Duration;

use bpf_malloc::kernel::load::Judgement;
use bpf_malloc::kernel::run::return_name;

use super::judge::{Ask, FileReport, Problem, ProgramReport};
use super::refusal::Explained;
use crate::report::{Mode, Reporter, Style};

const HEAD: [&str; 8] = [
    "FILE", "PROGRAM", "SECTION", "VERDICT", "VERIFIED", "STACK", "LOAD", "RETURN",
];

/// Renders the report: a table, then a diagnostic for each refusal, with the verifier's log if
/// `log` says so.
pub fn render(ask: Ask, files: &[FileReport], log: bool, color: bool) -> Vec<u8> {
    let mut text = match ask {
        Ask::Kernel => verdicts(files),
        Ask::Nobody => blockers(files),
    };
    text += &details(files, log, color);
    text.into_bytes()
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
    for refused in refusals(files) {
        text.push('\n');
        text += &Reporter::fault(&refused.refusal.fault(&refused.subject), color);
        if let (true, Some(judgement)) = (log, refused.judgement) {
            text += &judgement.messages;
            text += &judgement.log;
        }
    }
    let style = Style {
        color,
        quiet: false,
        verbose: false,
    };
    for noticed in files.iter().flat_map(|file| &file.noticed) {
        text.push('\n');
        let notices = Reporter::Human(style).file(&noticed.file(), Mode::Check, None);
        text += &String::from_utf8_lossy(&notices);
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

/// A refusal.
pub struct Refused<'a> {
    /// The file, as the command line names it.
    pub file: &'a Path,
    /// What is refused: a program, or the file.
    pub subject: String,
    /// Why.
    pub refusal: &'a Explained,
    /// The verifier's answer, if it was asked.
    pub judgement: Option<&'a Judgement>,
}

/// Every refusal, in the order of the files.
pub fn refusals(files: &[FileReport]) -> Vec<Refused<'_>> {
    let mut found = Vec::new();
    for file in files {
        let refused = |subject, refusal, judgement| Refused {
            file: &file.path,
            subject,
            refusal,
            judgement,
        };
        match &file.programs {
            Ok(programs) => {
                for program in programs {
                    if let Some(refusal) = &program.refusal {
                        let info = program.judgement.program.as_ref();
                        let name = info.map_or_else(String::new, |info| info.name.clone());
                        found.push(refused(name, refusal, Some(&program.judgement)));
                    }
                }
            }
            Err(Problem::Refused(refusals)) => {
                let path = file.path.display().to_string();
                let each = refusals.iter();
                found.extend(each.map(|refusal| refused(path.clone(), refusal, None)));
            }
            Err(Problem::Unable(_)) => {}
        }
    }
    found
}

/// The kernel's word, if it gave one.
pub fn verdict(judgement: &Judgement) -> Option<&'static str> {
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
