//! Reports for people.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, Write};

use crate::rewrite::{Edit, Notice, Severity};
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, SourceCode};

use super::excerpt::Excerpt;
use super::lines::{self, Lines};
use super::{File, Mode, Tally};
use crate::run::printable;

/// How much to say, and how.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// Nothing but errors.
    pub quiet: bool,
    /// Every edit and every place that was left alone.
    pub verbose: bool,
}

/// One edit or notice, for miette.
#[derive(Debug)]
struct Finding<'a> {
    excerpt: Excerpt,
    code: &'static str,
    severity: miette::Severity,
    message: &'a str,
    help: Option<Cow<'a, str>>,
}

impl fmt::Display for Finding<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message)
    }
}

impl std::error::Error for Finding<'_> {}

impl Diagnostic for Finding<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        let help = self.help.as_deref()?;
        Some(Box::new(help))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.excerpt)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_primary_with_span(None, self.excerpt.span);
        Some(Box::new(std::iter::once(label)))
    }
}

/// Renders the findings of one file, by position.
pub fn file(file: &File, style: Style) -> Vec<u8> {
    let mut out = String::new();
    let shown = |n: &Notice| match n.severity {
        Severity::Note => style.verbose,
        Severity::Warning => !style.quiet,
        Severity::Error => true,
    };
    let edits: &[Edit] = if style.verbose {
        file.plan.edits()
    } else {
        &[]
    };
    let notices: Vec<_> = file.plan.notices().iter().filter(|n| shown(n)).collect();
    if edits.is_empty() && notices.is_empty() {
        return Vec::new();
    }
    let lines = Lines::new(file.source);
    let name = printable(file.path);
    let excerpt = |span| Excerpt::new(&name, file.source, &lines, span);
    let mut findings = Vec::with_capacity(edits.len() + notices.len());
    for edit in edits {
        let finding = Finding {
            excerpt: excerpt(edit.span),
            code: edit.kind.name(),
            severity: miette::Severity::Advice,
            message: &edit.reason,
            help: Some(effect(edit).into()),
        };
        findings.push((edit.span, finding));
    }
    for notice in notices {
        let finding = Finding {
            excerpt: excerpt(notice.span),
            code: notice.rule.name(),
            severity: match notice.severity {
                Severity::Note => miette::Severity::Advice,
                Severity::Warning => miette::Severity::Warning,
                Severity::Error => miette::Severity::Error,
            },
            message: &notice.message,
            help: notice.help.as_deref().map(Cow::from),
        };
        findings.push((notice.span, finding));
    }
    findings.sort_by_key(|(span, _)| *span);
    for (_, finding) in &findings {
        out += &render(finding, style.color);
    }
    out.into_bytes()
}

/// What an edit does to the text.
fn effect(edit: &Edit) -> String {
    let text = lines::text(&edit.text);
    match (edit.span.is_empty(), text.trim()) {
        (true, text) => format!("inserts `{text}`"),
        (false, "") => "removes it".to_owned(),
        (false, text) => format!("replaces it by `{text}`"),
    }
}

/// Renders one diagnostic.
pub fn render(diagnostic: &dyn Diagnostic, color: bool) -> String {
    let theme = match color {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme).with_links(false);
    let mut out = String::new();
    if handler.render_report(&mut out, diagnostic).is_err() {
        out = format!("{diagnostic}\n");
    }
    out
}

/// Writes the line that sums the run up.
pub fn summary(tally: &Tally, mode: Mode, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if style.quiet {
        return Ok(());
    }
    writeln!(out, "{}", sentence(tally, mode))
}

fn sentence(tally: &Tally, mode: Mode) -> String {
    let mut text = match tally.changed {
        0 => format!("nothing to rewrite in {}", count(tally.seen, "file")),
        files => {
            let verb = match mode {
                Mode::Write => "rewrote",
                Mode::Diff | Mode::Check => "would rewrite",
            };
            let calls = count(tally.calls, "call");
            format!("{verb} {calls} in {}", count(files, "file"))
        }
    };
    if tally.null_checks > 0 {
        text += &format!(", {}", count(tally.null_checks, "NULL check"));
    }
    match tally.behind {
        0 => {}
        1 => text += " (where 1 leaves, a block may stay behind: -v says which)",
        many => text += &format!(" (where {many} leave, blocks may stay behind: -v says which)"),
    }
    match tally.places {
        0 => {}
        1 => text += ", 1 place needs you",
        many => text += &format!(", {many} places need you"),
    }
    if tally.skipped > 0 {
        text += &format!(
            "\nskipped {} with calls of the allocator, as no code for BPF; --all rewrites them too",
            count(tally.skipped, "file")
        );
    }
    text
}

fn count(number: usize, noun: &str) -> String {
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences() {
        let mut tally = Tally {
            seen: 7,
            ..Tally::default()
        };
        assert_eq!(
            sentence(&tally, Mode::Write),
            "nothing to rewrite in 7 files"
        );
        tally.changed = 2;
        tally.calls = 3;
        tally.null_checks = 1;
        tally.places = 1;
        assert_eq!(
            sentence(&tally, Mode::Write),
            "rewrote 3 calls in 2 files, 1 NULL check, 1 place needs you"
        );
        tally.behind = 1;
        assert_eq!(
            sentence(&tally, Mode::Check),
            "would rewrite 3 calls in 2 files, 1 NULL check (where 1 leaves, a block may stay \
             behind: -v says which), 1 place needs you"
        );
    }
}
