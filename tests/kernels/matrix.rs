//! The table of kernels and programs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// A verdict.
pub enum Cell {
    Accepted {
        verified: Option<u64>,
        returned: Option<i64>,
    },
    Refused {
        kind: String,
        message: String,
        line: Option<u64>,
    },
}

impl Cell {
    /// From what `bpf-malloc verify` reports about a program, or an object it cannot open.
    pub fn of(report: &Value) -> Self {
        let refusal = match report.get("refusals") {
            Some(refusals) => &refusals[0],
            None => &report["refusal"],
        };
        if report["verdict"] == "accepted" {
            return Cell::Accepted {
                verified: report["verified_instructions"].as_u64(),
                returned: report["run"]["return_value"].as_i64(),
            };
        }
        let text = |name: &str| refusal[name].as_str().unwrap_or_default().to_owned();
        Cell::Refused {
            kind: text("kind"),
            message: text("message"),
            line: refusal["line"].as_u64(),
        }
    }

    fn text(&self) -> String {
        match self {
            Cell::Accepted { verified, .. } => {
                verified.map_or_else(|| "accepted".to_owned(), |count| count.to_string())
            }
            Cell::Refused { kind, .. } => kind.clone(),
        }
    }
}

/// Verdicts by object and program, with a column for each kernel.
#[derive(Default)]
pub struct Matrix {
    kernels: Vec<String>,
    rows: BTreeMap<(String, String), Vec<String>>,
}

impl Matrix {
    /// Begins a column.
    pub fn kernel(&mut self, release: &str) {
        self.kernels
            .push(release.trim_end_matches("-cloud-amd64").to_owned());
    }

    /// Adds a verdict to the last column.
    pub fn add(&mut self, object: &str, program: &str, cell: Cell) {
        let row = self
            .rows
            .entry((object.to_owned(), program.to_owned()))
            .or_default();
        row.resize(self.kernels.len() - 1, String::new());
        row.push(cell.text());
    }

    /// A table in Markdown: verified instructions of an accepted program, the kind of a refusal.
    pub fn render(&self) -> String {
        let mut lines = vec![
            format!("| object | program | {} |", self.kernels.join(" | ")),
            format!("|---|---|{}", "---|".repeat(self.kernels.len())),
        ];
        for ((object, program), row) in &self.rows {
            let mut row = row.clone();
            row.resize(self.kernels.len(), String::new());
            lines.push(format!("| {object} | {program} | {} |", row.join(" | ")));
        }
        lines.join("\n") + "\n"
    }
}

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel/matrix.md")
}

/// Compares with the committed table: whatever was accepted then must be accepted now, and what was
/// refused must be refused for the same kind. Figures and exact versions may differ.
///
/// With `BLESS` a complete table replaces it, and an incomplete one is not looked at.
pub fn check(table: &str, complete: bool) {
    if super::blessing() {
        if complete {
            fs::write(committed(), HEAD.to_owned() + table).expect("the table is written");
        }
        return;
    }
    let known = parse(&fs::read_to_string(committed()).expect("fixtures/kernel/matrix.md"));
    let found = parse(table);
    for (key, verdict) in &found {
        if let Some(before) = known.get(key) {
            assert_eq!(
                before, verdict,
                "{key:?} differs from fixtures/kernel/matrix.md; if that is intended: make \
                 bless-kernels"
            );
        }
    }
}

const HEAD: &str = "\
# Verdicts by kernel

Written by `make bless-kernels` from the programs beside this file, each loaded into Debian kernels
under QEMU. A number is the count of instructions the verifier walked to accept the program; a word
is the kind of its refusal. The compiler was clang 19.

";

/// Verdicts by object, program and kernel series.
fn parse(table: &str) -> BTreeMap<(String, String, String), String> {
    let mut lines = table.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = |line: &str| -> Vec<String> {
        let line = line.trim_end_matches(" |");
        line.split(" | ")
            .map(|cell| cell.trim().to_owned())
            .collect()
    };
    let head = lines.next().map(cells).unwrap_or_default();
    let mut verdicts = BTreeMap::new();
    for row in lines.map(cells) {
        for (kernel, cell) in head.iter().zip(&row).skip(2) {
            let series: Vec<&str> = kernel.split('.').take(2).collect();
            let accepted = cell.parse::<u64>().is_ok();
            let verdict = if accepted { "accepted" } else { cell };
            verdicts.insert(
                (row[0].clone(), row[1].clone(), series.join(".")),
                verdict.to_owned(),
            );
        }
    }
    verdicts
}
