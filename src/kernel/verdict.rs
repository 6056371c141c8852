//! Reads the verifier's log. Pure: text in, figures and reasons out.

use std::time::Duration;

use super::explain::{Kind, classify};
use super::raw::SourceLine;

/// What the verifier counted. Each figure is `None` if the kernel did not print it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Instructions walked, over all paths; the kernel's limit is 1,000,000.
    pub verified_instructions: Option<u64>,
    /// States kept to recognise a path already walked.
    pub total_states: Option<u64>,
    /// Most such states kept at one time.
    pub peak_states: Option<u64>,
    /// Stack of the program and of each function it contains, in bytes; the kernel allows 512
    /// along a chain of calls. Empty if it did not print it.
    pub stack_bytes: Vec<u32>,
    /// Time spent verifying, as the kernel measured it.
    pub verification_time: Option<Duration>,
}

impl Stats {
    /// Reads the lines that end a log at level 4 (`BPF_LOG_STATS`).
    pub fn parse(log: &str) -> Self {
        let mut stats = Self::default();
        for line in log.lines() {
            if let Some(rest) = line.strip_prefix("processed ") {
                let mut words = rest.split_whitespace();
                stats.verified_instructions = words.next().and_then(|n| n.parse().ok());
                while let Some(word) = words.next() {
                    let figure = match word {
                        "total_states" => &mut stats.total_states,
                        "peak_states" => &mut stats.peak_states,
                        _ => continue,
                    };
                    *figure = words.next().and_then(|n| n.parse().ok());
                }
            } else if let Some(rest) = line.strip_prefix("stack depth ") {
                stats.stack_bytes = rest
                    .split('+')
                    .map_while(|n| n.trim().parse().ok())
                    .collect();
            } else if let Some(rest) = line.strip_prefix("verification time ") {
                let micros = rest.split_whitespace().next().and_then(|n| n.parse().ok());
                stats.verification_time = micros.map(Duration::from_micros);
            }
        }
        stats
    }
}

/// Why a program was refused, as its log tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, in our terms.
    pub kind: Kind,
    /// What is wrong, in the verifier's words (or libbpf's, if the verifier was not asked).
    pub message: String,
    /// Indices of the instructions that lead there, the last one first.
    pub path: Vec<u32>,
}

impl Refusal {
    /// Reads the log of a refused program, and what libbpf said about it.
    pub fn parse(log: &str, messages: &str) -> Self {
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.iter().rposition(|line| instruction(line).is_some());
        let words: Vec<&str> = lines[last.map_or(0, |last| last + 1)..]
            .iter()
            .copied()
            .filter(|line| !is_accompaniment(line))
            .collect();
        let mut path: Vec<u32> = lines.iter().rev().filter_map(|l| instruction(l)).collect();

        let said = words.join("\n");
        let text = if said.is_empty() { messages } else { &said };
        let (mut kind, line) = classify(text);
        // "infinite loop detected at insn 7", "back-edge from insn 9 to 3": the walk may have
        // gone on elsewhere.
        if let Some(number) = line.and_then(|line| number_after(line, "insn ")) {
            path.insert(0, number);
        }
        if kind == Kind::ReloadedPointer && line.is_some_and(|line| is_null(line, log)) {
            // The heap hands out NULL or a pointer; on the path of NULL the register holds the
            // number 0.
            kind = Kind::MissingNullCheck;
        }
        let message = match (line, text.trim()) {
            (Some(line), _) if said.is_empty() => line.to_owned(),
            (_, text) => text.to_owned(),
        };
        Self {
            kind,
            message,
            path,
        }
    }

    /// The line to blame: that of the last instruction on the path whose file `is_own` takes.
    ///
    /// What the refused instruction was compiled from may be a line of a header; the line of the
    /// program that led there says more to its author.
    pub fn line<'a>(
        &self,
        lines: &'a [SourceLine],
        is_own: impl Fn(&str) -> bool,
    ) -> Option<&'a SourceLine> {
        self.path.iter().find_map(|&instruction| {
            let after = lines.partition_point(|line| line.instruction <= instruction);
            let line = lines[..after].last()?;
            is_own(&line.file).then_some(line)
        })
    }
}

/// The index in a line of the walk: `23: (61) r1 = *(u32 *)(r6 +0)  ; R1=...`.
fn instruction(line: &str) -> Option<u32> {
    let (index, rest) = line.split_once(": (")?;
    let code = rest.split(')').next()?;
    (code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_hexdigit()))
        .then(|| index.parse().ok())
        .flatten()
}

/// Lines around the verifier's last words: states, source lines, bookkeeping.
fn is_accompaniment(line: &str) -> bool {
    const STARTS: [&str; 19] = [
        ";",
        "processed ",
        "verification time ",
        "stack depth ",
        "from ",
        "cur state:",
        "old state:",
        "mark_precise:",
        "mark_read",
        "last_idx ",
        "regs=",
        "parent ",
        "func#",
        "Func#",
        "Validating ",
        "caller:",
        "callee:",
        "insn_processed",
        "verifier log",
    ];
    let state = |line: &str| {
        let after =
            line.split_once(": ")
                .map_or("", |(number, rest)| match number.parse::<u32>() {
                    Ok(_) => rest,
                    Err(_) => "",
                });
        after.starts_with('R') || after.starts_with("frame")
    };
    let line = line.trim_start();
    line.is_empty()
        || STARTS.iter().any(|start| line.starts_with(start))
        || line.starts_with("frame")
        || (line.starts_with('R') && line.contains('=') && !line.contains(' '))
        || state(line)
}

fn number_after(line: &str, words: &str) -> Option<u32> {
    let (_, rest) = line.split_once(words)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

/// Whether the register that `line` begins with (`R8 invalid mem access 'scalar'`) last held 0.
fn is_null(line: &str, log: &str) -> bool {
    let register = line.split_whitespace().next().unwrap_or_default();
    if !register.starts_with('R') {
        return false;
    }
    let mut value = None;
    for state in log.lines().flat_map(|line| line.split_whitespace()) {
        let Some(rest) = state.strip_prefix(register) else {
            continue;
        };
        // R8=0, R8_w=0, R8_rw=inv0, R8=Pscalar()
        if let Some((mark, held)) = rest.split_once('=')
            && (mark.is_empty() || mark.starts_with('_'))
        {
            value = Some(held);
        }
    }
    value.is_some_and(|held| matches!(held, "0" | "inv0" | "P0" | "invP0"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_figures_of_an_accepted_program() {
        let log = "verification time 1312 usec\nstack depth 64+0+16\nprocessed 2083 insns (limit \
                   1000000) max_states_per_insn 4 total_states 120 peak_states 97 mark_read 12\n";
        assert_eq!(
            Stats::parse(log),
            Stats {
                verified_instructions: Some(2083),
                total_states: Some(120),
                peak_states: Some(97),
                stack_bytes: vec![64, 0, 16],
                verification_time: Some(Duration::from_micros(1312)),
            }
        );
    }

    #[test]
    fn an_empty_log_has_no_figures() {
        assert_eq!(Stats::parse(""), Stats::default());
    }
}
