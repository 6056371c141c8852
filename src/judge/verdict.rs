//! Reads the verifier's log. Pure: text in, figures and reasons out.

use std::time::Duration;

use super::SourceLine;
use super::explain::{Kind, classify};

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
        let mut path: Vec<u32> = lines.iter().rev().filter_map(|l| instruction(l)).collect();
        let last = lines.iter().rposition(|line| instruction(line).is_some());
        let tail = &lines[last.map_or(0, |last| last + 1)..];
        let (tail, report) = tail.split_at(
            tail.iter()
                .position(|line| line.starts_with(REPORT))
                .unwrap_or(tail.len()),
        );
        let words: Vec<&str> = tail
            .iter()
            .copied()
            .filter(|line| !is_accompaniment(line))
            .collect();
        let mut said = words.join("\n");
        if said.is_empty()
            && let Some(line) = last.map(|last| lines[last])
        {
            // Behind a jump that changes no register the line is not ended.
            let begin = CUT_SHORT.iter().find_map(|words| line.find(words));
            said.push_str(begin.map_or("", |begin| &line[begin..]));
        }
        if said.is_empty() && !report.is_empty() {
            said = reason(report);
        }
        if path.is_empty() {
            path.extend(marked_instruction(report));
        }
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
        // Without type information a function is verified at every call, and none can be a callback.
        let without_types = kind == Kind::TooManyInstructions || text.contains(NO_FUNCTION_TYPES);
        if without_types && messages.contains(BTF_REFUSED) {
            kind = Kind::TypeInformation;
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
    /// program that led there says more to its author. A missing NULL check is different: clang
    /// concludes from the use of the pointer that the heap never fails, removes the heap's own
    /// checks, and the verifier stops within the heap. The use is what comes next then.
    pub fn line<'a>(
        &self,
        lines: &'a [SourceLine],
        is_own: impl Fn(&str) -> bool,
    ) -> Option<&'a SourceLine> {
        let index = |instruction: &u32| {
            let after = lines.partition_point(|line| line.instruction <= *instruction);
            after.checked_sub(1)
        };
        if self.kind == Kind::MissingNullCheck {
            let from = self.path.first().and_then(index)?;
            let next = lines[from..].iter().find(|line| is_own(&line.file));
            if next.is_some() {
                return next;
            }
        }
        self.path
            .iter()
            .filter_map(index)
            .map(|index| &lines[index])
            .find(|line| is_own(&line.file))
    }
}

/// What libbpf says before it goes on without type information.
const BTF_REFUSED: &str = "BTF loading error";
/// What the kernel says of a callback in a program that has no type information.
const NO_FUNCTION_TYPES: &str = "missing btf func_info";

/// How messages begin that end the walk between two instructions.
const CUT_SHORT: [&str; 3] = [
    "BPF program is too large",
    "The sequence of ",
    "infinite loop detected",
];

/// Since Linux 7.3 the verifier's last words are followed by a report in sections, which says the
/// same at more length. It is read where the words are missing.
const REPORT: &str = "Verification failed: ";

/// The title of a report and its section `Reason:`, without line breaks.
fn reason(report: &[&str]) -> String {
    let title = report.first().map_or("", |line| &line[REPORT.len()..]);
    let section = report.iter().skip_while(|line| **line != "Reason:").skip(1);
    let words: Vec<&str> = section
        .take_while(|line| !line.trim().is_empty())
        .map(|line| line.trim())
        .collect();
    format!("{title}\n{}", words.join(" "))
        .trim_end()
        .to_owned()
}

/// The instruction a report points at: `  >>> 1 | (71) r1 = *(u8 *)(r1 +12)`.
fn marked_instruction(report: &[&str]) -> Option<u32> {
    report.iter().find_map(|line| {
        let (index, rest) = line.trim().strip_prefix(">>>")?.split_once('|')?;
        let index = index.trim().parse().ok()?;
        rest.trim_start().starts_with('(').then_some(index)
    })
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
    // `23: R1=ctx()`, `14: return depth(n - 1);`: a state, or the line of an instruction.
    let numbered = |line: &str| {
        let number = line.split_once(": ").map(|(number, _)| number);
        number.is_some_and(|number| number.parse::<u32>().is_ok())
    };
    let line = line.trim_start();
    line.is_empty()
        || STARTS.iter().any(|start| line.starts_with(start))
        || line.starts_with("frame")
        || (line.starts_with('R') && line.contains('=') && !line.contains(' '))
        || numbered(line)
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
    fn words_behind_an_instruction_that_changes_nothing_are_read() {
        let log = "13: (07) r7 += 1                      ; R7=0x1869f\n14: (ad) if r7 < r6 goto \
                   pc-8 BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns \
                   (limit 1000000) max_states_per_insn 4 total_states 10003 peak_states 10003 \
                   mark_read 0\n";
        let refusal = Refusal::parse(log, "libbpf: prog 'f': failed to load: -28");
        assert_eq!(refusal.kind, Kind::TooManyInstructions);
        assert_eq!(
            refusal.message,
            "BPF program is too large. Processed 1000001 insn"
        );
        assert_eq!(refusal.path, [14, 13]);
    }

    #[test]
    fn a_report_in_sections_is_read_where_the_words_are_missing() {
        let log = "Verification failed: Memory Safety: Access outside bounds\n\nReason:\n  The \
                   verifier cannot prove that\n  this is safe.\n\nAt:\n  f @ a.c:3:9\n  Source \
                   context:\n  >>> 13 |   return data[12];\n  Instruction context:\n      0 | \
                   (61) r1 = *(u32 *)(r1 +0)\n  >>> 1 | (71) r1 = *(u8 *)(r1 +12)\n";
        let refusal = Refusal::parse(log, "");
        assert_eq!(refusal.kind, Kind::OutOfBounds);
        assert_eq!(
            refusal.message,
            "Memory Safety: Access outside bounds\nThe verifier cannot prove that this is safe."
        );
        assert_eq!(refusal.path, [1]);
    }

    #[test]
    fn a_null_that_the_heap_returned_is_a_missing_check() {
        let scalar = |state: &str| {
            format!(
                "19: (15) if r0 == 0x0 goto pc+3 23: R0=0 {state} R10=fp0\n26: (7b) *(u64 *)(r8 \
                 +0) = r3\nR8 invalid mem access 'scalar'\nprocessed 38 insns (limit 1000000)\n"
            )
        };
        for (state, kind) in [
            ("R8=0", Kind::MissingNullCheck),
            ("R8_w=inv0", Kind::MissingNullCheck),
            ("R8_rw=0", Kind::MissingNullCheck),
            ("R8=scalar()", Kind::ReloadedPointer),
            ("R8=0xff", Kind::ReloadedPointer),
        ] {
            let refusal = Refusal::parse(&scalar(state), "");
            assert_eq!(refusal.kind, kind, "{state}");
            assert_eq!(refusal.path, [26, 19]);
            assert_eq!(refusal.message, "R8 invalid mem access 'scalar'");
        }
    }

    #[test]
    fn too_many_paths_without_type_information_are_its_fault() {
        let log = "BPF program is too large. Processed 1000001 insn\nprocessed 1000001 insns\n";
        let kind = |messages| Refusal::parse(log, messages).kind;
        assert_eq!(kind(""), Kind::TooManyInstructions);
        let messages = "libbpf: BTF loading error: -EINVAL\n";
        assert_eq!(kind(messages), Kind::TypeInformation);
        let refused = Refusal::parse("missing btf func_info\n", messages);
        assert_eq!(refused.kind, Kind::TypeInformation);
    }

    #[test]
    fn an_empty_log_has_no_figures() {
        assert_eq!(Stats::parse(""), Stats::default());
    }
}
