//! Parts of recursive functions that conditions leave out.

use super::Trouble;
use super::cycle::Cycle;
use super::source::Edit;
use crate::c::cpp::Loc;
use crate::c::syntax::tree::Tok;
use crate::c::types::Model;

/// What a part of a function says that conditions leave out. It stays as it was, and would be wrong in
/// the loop.
const LEFT_OUT: &str = "#error the recursion was rewritten without this part: rewrite it with it\n";

/// Marks the parts of a cycle that conditions leave out.
pub(super) fn marks(model: &Model, cycle: &Cycle) -> Result<Vec<Edit>, Trouble> {
    let mut marks = Vec::new();
    for member in &cycle.members {
        let toks = model.tree[member.function].toks;
        let loc = |tok: Tok| model.unit.tokens[tok].loc;
        let (first, last) = (loc(toks.start), loc(toks.end - 1));
        let inside = |s: &&Loc| s.file == first.file && first.start < s.start && s.end < last.end;
        for skipped in model.unit.skipped.iter().filter(inside) {
            let bytes = &model.unit.file(skipped.file).bytes;
            // Other functions of the cycle become a part of the first.
            if cycle.members.len() > 1
                || has_arms(&bytes[skipped.start as usize..skipped.end as usize])
            {
                let message = "conditions leave a part of it out";
                return Err(Trouble::at(toks.start, message));
            }
            let before = &bytes[..skipped.start as usize];
            let line = before.iter().rposition(|&byte| byte == b'\n');
            let at = line.map_or(0, |line| line + 1) as u32;
            marks.push((at, at, LEFT_OUT.to_owned()));
        }
    }
    Ok(marks)
}

/// Whether `#else` and the like begin another part within a text.
fn has_arms(text: &[u8]) -> bool {
    let mut depth = 0;
    text.split(|&byte| byte == b'\n').any(|line| {
        let word = line.trim_ascii_start().strip_prefix(b"#");
        let word = word.unwrap_or_default().trim_ascii_start();
        match word {
            [b'i', b'f', ..] => depth += 1,
            [b'e', b'n', b'd', b'i', b'f', ..] => depth -= 1,
            [b'e', b'l', ..] => return depth == 0,
            _ => {}
        }
        false
    })
}
