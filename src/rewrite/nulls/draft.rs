//! Text that is inserted, some of it copied from the file with all other edits in it.

use std::fmt::Write as _;

use crate::c::Span;
use crate::c::bytes::encode;
use crate::rewrite::plan::{Edit, EditKind};

const COPY: char = '\u{2}';
const END: char = '\u{3}';

/// An edit whose text may hold copies of the file ([`copy`]).
#[derive(Clone, Debug)]
pub struct Draft {
    /// What is replaced; empty for an insertion.
    pub span: Span,
    /// The text.
    pub text: String,
    /// What the edit is for.
    pub kind: EditKind,
    /// Why.
    pub reason: String,
}

/// A copy of a range of the file, in the text of a [`Draft`].
pub fn copy(span: Span) -> String {
    format!("{COPY}{}:{}{END}", span.start, span.end)
}

/// Parts of the file that moved to variables: what is copied names the variable instead.
pub type Moved = [(Span, String)];

/// Turns drafts into edits, together with the others of the file. What they copy has the other
/// edits in it, and those inside of what moved stand nowhere else.
pub fn settle(source: &[u8], drafts: &[Draft], moved: &Moved, mut others: Vec<Edit>) -> Vec<Edit> {
    others.sort_by_key(|e| (e.span.start, e.span.end));
    let mut edits: Vec<Edit> = Vec::new();
    for draft in drafts {
        edits.push(Edit {
            span: draft.span,
            text: render(source, &draft.text, moved, &others),
            kind: draft.kind,
            reason: draft.reason.clone(),
        });
    }
    let gone = |edit: &Edit| moved.iter().any(|(span, _)| within(edit, *span));
    others.retain(|edit| !gone(edit));
    edits.extend(others);
    edits
}

/// Whether an edit is one of the text of a range.
fn within(edit: &Edit, span: Span) -> bool {
    let closes = edit.span.is_empty()
        && edit.span.end == span.end
        && edit.kind == EditKind::Pointer
        && edit.text.starts_with(b")");
    span.start <= edit.span.start
        && edit.span.end <= span.end
        && (edit.span.start < span.end || closes)
}

fn render(source: &[u8], text: &str, moved: &Moved, others: &[Edit]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(COPY) {
        out.extend(encode(before));
        let Some((range, tail)) = after.split_once(END) else {
            break;
        };
        rest = tail;
        let mut ends = range.split(':').filter_map(|n| n.parse::<usize>().ok());
        let (Some(start), Some(end)) = (ends.next(), ends.next()) else {
            continue;
        };
        copy_range(source, Span::new(start, end), moved, others, &mut out);
    }
    out.extend(encode(rest));
    out
}

fn copy_range(source: &[u8], span: Span, moved: &Moved, others: &[Edit], out: &mut Vec<u8>) {
    // The outermost parts that moved away.
    let holes: Vec<&(Span, String)> = moved
        .iter()
        .filter(|(hole, _)| *hole != span && span.start <= hole.start && hole.end <= span.end)
        .collect();
    let mut at = span.start;
    let first = others.partition_point(|e| e.span.start < span.start);
    let mut edits = others[first..]
        .iter()
        .filter(|e| within(e, span))
        .peekable();
    loop {
        let hole = holes
            .iter()
            .filter(|(hole, _)| hole.start >= at)
            .min_by_key(|(hole, _)| (hole.start, std::cmp::Reverse(hole.end)));
        while edits.peek().is_some_and(|e| e.span.start < at) {
            edits.next();
        }
        match (hole, edits.peek()) {
            (Some((hole, name)), edit) if edit.is_none_or(|e| hole.start <= e.span.start) => {
                out.extend_from_slice(&source[at..hole.start]);
                out.extend(encode(name));
                at = hole.end.max(hole.start + 1);
                // An insertion where the part ended belongs to what follows.
            }
            (_, Some(edit)) => {
                out.extend_from_slice(&source[at..edit.span.start]);
                out.extend_from_slice(&edit.text);
                at = edit.span.end;
                edits.next();
                // Several insertions at one place.
                while edits
                    .peek()
                    .is_some_and(|e| e.span.start == at && e.span.is_empty())
                {
                    if let Some(more) = edits.next() {
                        out.extend_from_slice(&more.text);
                    }
                }
            }
            _ => break,
        }
    }
    if at < span.end {
        out.extend_from_slice(&source[at..span.end]);
    }
}

/// The text without copies, for a message.
pub fn plain(source: &[u8], text: &str) -> String {
    let bytes = render(source, text, &[], &[]);
    let mut out = String::new();
    let _ = write!(out, "{}", crate::c::bytes::decode(&bytes));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn insertion(at: usize, text: &str, kind: EditKind) -> Edit {
        Edit {
            span: Span::at(at),
            text: text.into(),
            kind,
            reason: String::new(),
        }
    }

    fn draft(span: Span, text: String) -> Draft {
        Draft {
            span,
            text,
            kind: EditKind::Temporary,
            reason: String::new(),
        }
    }

    #[test]
    fn copies_have_the_other_edits_in_them() {
        let source = b"f(malloc(g(malloc(1))));";
        let outer = Span::new(2, 22);
        let inner = Span::new(11, 20);
        let drafts = [
            draft(Span::at(0), format!("b = {}; ", copy(inner))),
            draft(Span::at(0), format!("c = {}; ", copy(outer))),
            draft(outer, "c".into()),
        ];
        let moved = [(outer, "c".to_owned()), (inner, "b".to_owned())];
        let others = vec![
            insertion(2, "static_", EditKind::Call),
            insertion(11, "static_", EditKind::Call),
        ];
        let edits = settle(source, &drafts, &moved, others);
        let texts: Vec<_> = edits
            .iter()
            .map(|e| String::from_utf8_lossy(&e.text).into_owned())
            .collect();
        assert_eq!(
            texts,
            ["b = static_malloc(1); ", "c = static_malloc(g(b)); ", "c"]
        );
    }
}
