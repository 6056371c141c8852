//! The verdicts as a table for people.

use std::path::Path;
use std::time::Duration;

use super::files::{Counted, FileReport, Problem, ProgramReport, Verdict};
use super::refusal::Explained;
use crate::report::{Mode, Reporter, Style};
use crate::run::printable;

const HEAD: [&str; 8] = [
    "FILE", "PROGRAM", "SECTION", "VERDICT", "VERIFIED", "STACK", "LOAD", "RETURN",
];

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Verdicts of the kernel.
    Verdicts,
    /// What every kernel refuses.
    Obstacles,
}

/// Renders the report: a table, then a diagnostic for each refusal, with the verifier's log if
/// `log` says so.
pub fn render(kind: Kind, files: &[FileReport], log: bool, color: bool) -> Vec<u8> {
    let mut text = match kind {
        Kind::Verdicts => verdicts(files),
        Kind::Obstacles => obstacles(files),
    };
    text += &details(files, log, color);
    text.into_bytes()
}

/// A line for each file that was only checked.
fn obstacles(files: &[FileReport]) -> String {
    let mut text = String::new();
    for file in files {
        let what = match &file.programs {
            Ok(_) => "nothing found that every kernel refuses".to_owned(),
            Err(Problem::Refused(refusals)) if refusals.len() == 1 => "1 obstacle".to_owned(),
            Err(Problem::Refused(refusals)) => format!("{} obstacles", refusals.len()),
            Err(Problem::Unable(_)) => "not checked".to_owned(),
        };
        text += &format!("{}: {what}\n", printable(&file.path));
    }
    text
}

/// The table of verdicts.
fn verdicts(files: &[FileReport]) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    for file in files {
        let path = printable(&file.path);
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
        if let (true, Some(program)) = (log, refused.program) {
            text += &program.messages;
            text += &program.log;
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
    for (_, remark) in remarks(files) {
        text += &format!("\n{remark}\n");
    }
    text
}

/// What is to be said besides verdicts, with the file that it is about.
pub fn remarks(files: &[FileReport]) -> Vec<(&Path, String)> {
    let mut found = Vec::new();
    for file in files {
        let path = printable(&file.path);
        let mut say = |text| found.push((&*file.path, text));
        if let Some(backend) = file.accepted_with {
            say(format!(
                "with --backend {backend} the kernel accepts {path}"
            ));
        }
        if let Some(cpu) = file.cpu {
            say(format!(
                "{path} divides signed numbers: compile it with {cpu} (clang 18, Linux 6.6)"
            ));
        }
        for program in file.programs.iter().flatten() {
            let name = &program.name;
            match &program.output {
                Some(Err(message)) => say(message.clone()),
                Some(Ok(output)) => {
                    let counted = counted(output.counted);
                    let lines = counted.iter().chain(&output.heap_errors);
                    lines.for_each(|line| say(format!("{name}: {line}")));
                }
                None => {}
            }
            if program.verdict == Verdict::Denied {
                say(format!(
                    "{name} was not judged: the kernel lets this process load no programs for {}. A \
                     security policy of this system forbids them; see \
                     /sys/kernel/security/lockdown and dmesg",
                    program.section
                ));
            }
        }
    }
    found
}

/// Why the result may be another one than in user space.
fn counted(counted: Counted) -> Vec<String> {
    let times = |count: u64, one: &str, more: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {more}"),
    };
    let mut lines = Vec::new();
    if counted.loops_cut_short > 0 {
        lines.push(format!(
            "{} by the kernel, at can_loop: what it returned may not be the whole result. Linux gives a \
             program's loops 8 million rounds or, as 6.18 does, a quarter of a second",
            times(counted.loops_cut_short, "loop was ended", "loops were ended"),
        ));
    }
    if counted.without_memory > 0 {
        lines.push(format!(
            "{} no memory and returned NULL. If nothing is leaked, a larger pool helps: \
             -DPOOL_SIZE=BYTES",
            times(
                counted.without_memory,
                "allocation found",
                "allocations found"
            ),
        ));
    }
    if counted.unknown_functions > 0 {
        lines.push(format!(
            "{} no function and returned 0",
            times(
                counted.unknown_functions,
                "call through a pointer found",
                "calls through pointers found"
            ),
        ));
    }
    lines
}

/// A refusal.
pub struct Refused<'a> {
    /// The file, as the command line names it.
    pub file: &'a Path,
    /// What is refused: a program, or the file.
    pub subject: String,
    /// Why.
    pub refusal: &'a Explained,
    /// The program, if a single one is refused.
    pub program: Option<&'a ProgramReport>,
}

/// Every refusal, in the order of the files.
pub fn refusals(files: &[FileReport]) -> Vec<Refused<'_>> {
    let mut found = Vec::new();
    for file in files {
        let refused = |subject, refusal, program| Refused {
            file: &file.path,
            subject,
            refusal,
            program,
        };
        match &file.programs {
            Ok(programs) => {
                for program in programs {
                    if let Some(refusal) = &program.refusal {
                        let name = program.name.clone();
                        found.push(refused(name, refusal, Some(program)));
                    }
                }
            }
            Err(Problem::Refused(refusals)) => {
                let path = printable(&file.path);
                let each = refusals.iter();
                found.extend(each.map(|refusal| refused(path.clone(), refusal, None)));
            }
            Err(Problem::Unable(_)) => {}
        }
    }
    found
}

/// The kernel's word, if it gave one.
pub fn verdict(program: &ProgramReport) -> Option<&'static str> {
    match program.verdict {
        Verdict::Accepted => Some("accepted"),
        Verdict::Refused => Some("refused"),
        Verdict::Denied => None,
    }
}

fn row(path: &str, program: &ProgramReport) -> [String; 8] {
    let none = || "-".to_owned();
    let stats = &program.stats;
    [
        path.to_owned(),
        program.name.clone(),
        program.section.clone(),
        verdict(program).unwrap_or("not judged").to_owned(),
        stats
            .verified_instructions
            .map_or_else(none, |count| count.to_string()),
        stats.stack_bytes.first().map_or_else(none, u32::to_string),
        duration(program.load_time),
        match &program.output {
            Some(Ok(output)) => {
                let value = match output.name {
                    Some(name) => format!("{name} ({})", output.value),
                    None => output.value.to_string(),
                };
                let note = if output.per_call {
                    ", system call included"
                } else {
                    ""
                };
                format!("{value}, {}{note}", duration(output.duration))
            }
            Some(Err(_)) => "run failed".to_owned(),
            None => none(),
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
