//! Which folder may import which: no two need each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The folders below `src/`, and the folders that the code of each names as `crate::folder`.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(&src).expect("the sources").flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let mut found = BTreeMap::new();
    for folder in folders {
        let name = folder.file_name().into_string().expect("a name in ASCII");
        let mut named = BTreeSet::new();
        collect(&folder.path(), &mut named);
        named.remove(&name);
        found.insert(name, named);
    }
    let known: BTreeSet<String> = found.keys().cloned().collect();
    for named in found.values_mut() {
        named.retain(|name| known.contains(name));
    }
    found
}

fn collect(dir: &Path, named: &mut BTreeSet<String>) {
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, named);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            // Tests may look at what uses their folder.
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            for rest in code.split("crate::").skip(1) {
                let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
                let end = rest.find(|c| !word(c)).unwrap_or(rest.len());
                named.insert(rest[..end].to_owned());
            }
        }
    }
}

#[test]
fn no_folders_need_each_other() {
    let mut open = imports();
    assert!(open["rewrite"].contains("c") && open["cli"].contains("run"));
    assert!(open["c"].is_empty(), "c knows nothing of allocators");
    // Takes away what needs nothing that is left, until nothing is.
    while !open.is_empty() {
        let done = open.iter().find(|(_, named)| named.is_empty());
        let Some(done) = done.map(|(name, _)| name.clone()) else {
            panic!("these folders need each other: {open:#?}");
        };
        open.remove(&done);
        for named in open.values_mut() {
            named.remove(&done);
        }
    }
}
