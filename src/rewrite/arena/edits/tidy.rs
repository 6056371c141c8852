//! What is left of the edits of a unit when each is made by itself.

use std::collections::BTreeSet;

use super::FileEdit;

/// Leaves one of the edits that put the same text in the same place for several reasons.
pub fn once(edits: &mut BTreeSet<FileEdit>) {
    let mut last = None;
    edits.retain(|edit| {
        let key = (edit.file, edit.start, edit.end, edit.text.clone());
        let again = edit.start < edit.end && last.as_ref() == Some(&key);
        last = Some(key);
        !again
    });
}

/// Turns `&*p`, where one edit has the `&` and the next one the `*`, into `p`.
pub fn without_detours(edits: &mut BTreeSet<FileEdit>) {
    let all: Vec<FileEdit> = edits.iter().cloned().collect();
    for pair in all.windows(2) {
        let [sign, star] = pair else {
            continue;
        };
        let meet = sign.file == star.file && sign.end == star.start && star.start < star.end;
        let name = star.text.strip_prefix('*').filter(|name| {
            let word = |c: char| c.is_alphanumeric() || c == '_';
            name.chars().all(word)
        });
        if let (true, Some(address), Some(name)) = (meet, sign.text.strip_suffix('&'), name)
            && edits.contains(sign)
        {
            let (address, name) = (address.to_owned(), name.to_owned());
            edits.remove(sign);
            edits.remove(star);
            if sign.start < sign.end || !address.is_empty() {
                let text = address;
                edits.insert(FileEdit {
                    text,
                    ..sign.clone()
                });
            }
            // Without its star a name is what stands there.
            if name.len() != star.end - star.start {
                let text = name;
                edits.insert(FileEdit {
                    text,
                    ..star.clone()
                });
            }
        }
    }
}
