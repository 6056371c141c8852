//! Two plans one after the other, as one.

use super::plan::{Edit, EditKind, Notice, Plan, Rule};
use crate::c::Span;

/// The edits of one step together with where they stand in the text between the steps.
struct Between<'e> {
    edit: &'e Edit,
    start: usize,
    end: usize,
}

/// Where the edits of a plan stand in its result.
fn between(edits: &[Edit]) -> Vec<Between<'_>> {
    let (mut removed, mut added) = (0, 0);
    edits
        .iter()
        .map(|edit| {
            let start = edit.span.start - removed + added;
            removed += edit.span.end - edit.span.start;
            added += edit.text.len();
            let end = start + edit.text.len();
            Between { edit, start, end }
        })
        .collect()
}

/// The plan that does at once what `first` does to `source` and `second` to its result.
///
/// Edits that touch become one, with the kind and the reason of the first, or of one that takes functions
/// away. Linear.
pub fn compose(source: &[u8], first: &Plan, second: &Plan) -> Plan {
    let result = first.apply(source);
    let done = between(first.edits());
    let mut edits = Vec::with_capacity(done.len() + second.edits().len());
    let (mut done, mut more) = (done.iter().peekable(), second.edits().iter().peekable());
    // What an offset of the text between, behind all edits so far, has to be moved by.
    let (mut removed, mut added) = (0, 0);
    loop {
        let start = match (done.peek(), more.peek()) {
            (None, None) => break,
            (Some(a), Some(b)) => a.start.min(b.span.start),
            (Some(a), None) => a.start,
            (None, Some(b)) => b.span.start,
        };
        let original = start + removed - added;
        let mut end = start;
        let (mut kind, mut text, mut copied) = (None, Vec::new(), start);
        loop {
            if let Some(a) = done.next_if(|a| a.start <= end) {
                end = end.max(a.end);
                removed += a.edit.span.end - a.edit.span.start;
                added += a.edit.text.len();
                kind = leading(kind, a.edit);
            } else if let Some(b) = more.next_if(|b| b.span.start <= end) {
                end = end.max(b.span.end);
                text.extend_from_slice(&result[copied..b.span.start]);
                text.extend_from_slice(&b.text);
                copied = b.span.end;
                kind = leading(kind, b);
            } else {
                break;
            }
        }
        text.extend_from_slice(&result[copied..end]);
        let span = Span::new(original, end + removed - added);
        if let Some(kind) = kind
            && text != span.of(source)
        {
            let (kind, reason) = (kind.kind, kind.reason.clone());
            edits.push(Edit {
                span,
                text,
                kind,
                reason,
            });
        }
    }
    Plan::new(edits, notices(first, second)).unwrap_or_default()
}

/// Which of two edits that become one gives it its kind. That functions become one is not forgotten: their
/// names are not missed then.
fn leading<'e>(first: Option<&'e Edit>, other: &'e Edit) -> Option<&'e Edit> {
    match first {
        Some(first) if other.kind != EditKind::Recursion || first.kind == other.kind => Some(first),
        _ => Some(other),
    }
}

/// The same for a second step that looks for other things than the first: what both have to tell
/// stays.
pub fn stages(source: &[u8], first: &Plan, second: &Plan) -> Plan {
    let composed = compose(source, first, second);
    let back = back(first);
    let moved = second.notices().iter().map(|notice| Notice {
        span: Span::new(back(notice.span.start), back(notice.span.end)),
        ..notice.clone()
    });
    let notices = first.notices().iter().cloned().chain(moved).collect();
    match second.is_given_up() {
        // Half of the steps make no file.
        true => Plan::give_up(notices),
        false => Plan::new(composed.edits().to_vec(), notices).unwrap_or_default(),
    }
}

/// Where an offset of a plan's result is in its source; the end of an edit for what it made.
fn back(plan: &Plan) -> impl Fn(usize) -> usize + '_ {
    let done = between(plan.edits());
    move |offset| {
        let before = done.iter().take_while(|a| a.start < offset);
        before.last().map_or(offset, |a| match offset < a.end {
            true => a.edit.span.end,
            false => offset - a.end + a.edit.span.end,
        })
    }
}

/// The notices of the first plan, but what is still missing as the second sees it: it knows more.
fn notices(first: &Plan, second: &Plan) -> Vec<Notice> {
    let late = |notice: &&Notice| matches!(notice.rule, Rule::MissingNullCheck | Rule::Unparsed);
    let early = first.notices().iter().filter(|n| !late(n)).cloned();
    let back = back(first);
    let seen = second.notices().iter().filter(late).map(|notice| Notice {
        span: Span::new(back(notice.span.start), back(notice.span.end)),
        ..notice.clone()
    });
    early.chain(seen).collect()
}

#[cfg(test)]
mod tests {
    use super::super::plan::Severity;
    use super::*;

    fn plan(edits: &[(usize, usize, &str)]) -> Plan {
        let edit = |&(start, end, text): &(usize, usize, &str)| Edit {
            span: Span::new(start, end),
            text: text.into(),
            kind: EditKind::Include,
            reason: String::new(),
        };
        Plan::new(edits.iter().map(edit).collect(), vec![]).unwrap()
    }

    #[track_caller]
    fn same(source: &str, first: &[(usize, usize, &str)], second: &[(usize, usize, &str)]) -> Plan {
        let source = source.as_bytes();
        let (first, second) = (plan(first), plan(second));
        let composed = compose(source, &first, &second);
        assert_eq!(composed.apply(source), second.apply(&first.apply(source)));
        composed
    }

    #[test]
    fn what_the_second_step_gives_up_has_no_first_step() {
        let first = plan(&[(1, 1, "x")]);
        let both = stages(b"abc", &first, &Plan::give_up(vec![]));
        assert!(both.is_given_up() && !both.changes());
        assert!(stages(b"abc", &first, &plan(&[])).changes());
    }

    #[test]
    fn apart() {
        let composed = same(
            "abcdefghij",
            &[(1, 2, "XYZ"), (7, 7, "!")],
            &[(6, 7, ""), (12, 12, "?")],
        );
        assert_eq!(composed.edits().len(), 4);
    }

    #[test]
    fn touching() {
        let composed = same("abcdef", &[(2, 4, "12345")], &[(1, 3, "x"), (6, 7, "y")]);
        assert_eq!(composed.edits().len(), 1);
        same(
            "abcdef",
            &[(2, 2, "12"), (2, 2, "34"), (3, 3, "5")],
            &[(4, 4, "x"), (6, 6, "y")],
        );
        same(
            "abcdef",
            &[(0, 0, "1"), (6, 6, "2")],
            &[(0, 1, ""), (7, 8, "")],
        );
    }

    #[test]
    fn undone() {
        let composed = same("abc", &[(1, 1, "x")], &[(1, 2, "")]);
        assert!(!composed.changes());
    }

    #[test]
    fn every_small_pair() {
        let source = "abcd";
        for s in 0..=4 {
            for e in s..=4 {
                let first = [(s, e, "12")];
                let length = plan(&first).apply(source.as_bytes()).len();
                for t in 0..=length {
                    for f in t..=length {
                        same(source, &first, &[(t, f, "x")]);
                        same(source, &first, &[(t, f, "")]);
                    }
                }
            }
        }
    }

    #[test]
    fn notices_move_back() {
        let notice = Notice {
            span: Span::new(5, 6),
            rule: Rule::MissingNullCheck,
            severity: Severity::Warning,
            message: String::new(),
            help: None,
        };
        let first = plan(&[(1, 2, "1234")]);
        let second = Plan::new(plan(&[(0, 0, "x")]).edits().to_vec(), vec![notice]).unwrap();
        let composed = compose(b"abc", &first, &second);
        assert_eq!(composed.notices()[0].span, Span::new(2, 3));
    }
}
