//! The summary, in Markdown, and the details, for the terminal.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use crate::compare::{Score, Verdict};

/// Every difference of a project, with its line.
pub fn details(verdict: &Verdict, sources: &Path) -> String {
    let mut out = String::new();
    for difference in &verdict.differences {
        let bytes = fs::read(sources.join(&difference.path)).unwrap_or_default();
        let before = &bytes[..difference.at.min(bytes.len())];
        let number = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let start = before
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        let line = bytes[start..]
            .split(|&byte| byte == b'\n')
            .next()
            .unwrap_or_default();
        let _ = writeln!(
            out,
            "{}:{number}:{}: {}: {}",
            difference.path.display(),
            difference.at - start + 1,
            difference.what,
            String::from_utf8_lossy(line).trim(),
        );
    }
    out
}

/// The tables that go into the repository.
pub fn summary(verdicts: &[Verdict]) -> String {
    let mut out = String::from(
        "# The rewriter against the compiler\n\n\
         Written by `make oracle`: every call of the C library's allocator that clang 19 finds in \
         Debian source packages, in all configurations of `tests/oracle/projects.toml`, beside what \
         `bpf-malloc rewrite` rewrites. A call in a macro's body counts once, where it is written.\n\n\
         | package | version | .c files compiled | calls | right | wrong | missed | precision | \
         recall | unjudged |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    let mut total = Score::default();
    let (mut calls, mut left, mut divided) = (0, 0, 0);
    let mut kept: BTreeMap<&str, usize> = BTreeMap::new();
    let mut others: BTreeMap<&str, Score> = BTreeMap::new();
    for verdict in verdicts {
        total.add(verdict.ours);
        calls += verdict.calls;
        left += verdict.left;
        divided += verdict.divided;
        for (what, count) in &verdict.kept {
            *kept.entry(what).or_default() += count;
        }
        for (name, score) in &verdict.others {
            others.entry(name).or_default().add(*score);
        }
        let compiled = format!("{} of {}", verdict.compiled, verdict.units);
        row(
            &mut out,
            [&verdict.name, &verdict.version, &compiled],
            verdict.calls,
            verdict.ours,
        );
    }
    row(&mut out, ["all", "", ""], calls, total);
    out.push_str(
        "\nUnjudged are rewritten places that no configuration compiles: inactive branches, macros \
         that nothing expands, arguments that a macro drops, files for other systems.\n\nSeen by \
         clang, no calls of the C library, and left alone:",
    );
    for (what, count) in &kept {
        let _ = write!(out, " {what} {count},");
    }
    out.pop();
    let _ = writeln!(
        out,
        ".\n\nNot counted: {left} calls through an alias (`#define my_free free`), which the tool \
         leaves to a person with a warning; {divided} calls that a macro maps to another function \
         in a second configuration.\n\n\
         On the same files:\n\n| tool | right | wrong | missed | precision | recall |\n\
         |---|---|---|---|---|---|",
    );
    others.insert("bpf-malloc", total);
    for (name, score) in &others {
        let _ = writeln!(
            out,
            "| {name} | {} | {} | {} | {:.4} | {:.4} |",
            score.right,
            score.wrong,
            score.missed,
            score.precision(),
            score.recall(),
        );
    }
    out.push_str(
        "\nsed is `s/\\b(malloc|free|…)\\(/static_\\1(/g` with the ten names; the tree-sitter query \
         takes every `call_expression` of the C grammar whose callee is one of them.\n",
    );
    out
}

fn row(out: &mut String, names: [&str; 3], calls: usize, score: Score) {
    let _ = writeln!(
        out,
        "| {} | {calls} | {} | {} | {} | {:.4} | {:.4} | {} |",
        names.join(" | "),
        score.right,
        score.wrong,
        score.missed,
        score.precision(),
        score.recall(),
        score.unjudged,
    );
}
