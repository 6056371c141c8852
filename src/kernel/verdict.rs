//! Reads the verifier's log. Pure: text in, figures out.

use std::time::Duration;

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
