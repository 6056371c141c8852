//! What the tools would rewrite: ours, and two usual ones for comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tree_sitter::{Node, Parser};

/// Offsets of rewritten identifiers, by canonical path.
pub type Rewritten = BTreeMap<PathBuf, BTreeSet<usize>>;

/// What our tool would do.
#[derive(Default)]
pub struct Ours {
    /// Rewritten identifiers.
    pub rewritten: Rewritten,
    /// Identifiers that a warning leaves to a person: aliases (`#define my_free free`).
    pub left: Rewritten,
}

/// The names, as in the plugin.
const NAMES: [&str; 10] = [
    "malloc",
    "free",
    "calloc",
    "realloc",
    "reallocarray",
    "aligned_alloc",
    "posix_memalign",
    "strdup",
    "strndup",
    "malloc_usable_size",
];

/// What `bpf-malloc rewrite` would rewrite below a directory.
pub fn ours(tool: &Path, directory: &Path, arguments: &[String]) -> Result<Ours, Box<dyn Error>> {
    let output = Command::new(tool)
        .args(["rewrite", "--all", "--check", "--message-format", "json"])
        // A missing check may move a call to a line of its own, where its place is not the one
        // that the compiler knows.
        .args(["--on-null", "off", "--backend", "map"])
        // SQLite's amalgamation is larger than what the tool takes for source by itself.
        .args(["--max-size", "16M"])
        .args(arguments)
        .arg(".")
        .current_dir(directory)
        .output()?;
    let report: Value = serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("{}: no JSON ({error}): {said}", tool.display())
    })?;
    for error in list(&report["errors"]) {
        eprintln!(
            "oracle: bpf-malloc: {}: {}",
            error["path"], error["message"]
        );
    }
    let mut ours = Ours::default();
    for file in list(&report["files"]) {
        let path = file["path"].as_str().ok_or("a file without a path")?;
        let path = directory.join(path).canonicalize()?;
        let starts = |entries: &str, key: &str, wanted: &str| -> Result<BTreeSet<usize>, String> {
            let entries = list(&file[entries])
                .iter()
                .filter(|entry| entry[key] == wanted);
            let start = |entry: &Value| entry["span"]["start"].as_u64()?.try_into().ok();
            entries
                .map(|entry| start(entry).ok_or(format!("no span in {entry}")))
                .collect()
        };
        ours.left
            .insert(path.clone(), starts("notices", "rule", "macro-alias")?);
        ours.rewritten
            .insert(path, starts("edits", "kind", "call")?);
    }
    Ok(ours)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What a function that looks at one file at a time would rewrite.
pub fn over(
    files: &[PathBuf],
    look: impl Fn(&[u8]) -> BTreeSet<usize>,
) -> Result<Rewritten, Box<dyn Error>> {
    let mut rewritten = Rewritten::new();
    for file in files {
        rewritten.insert(file.clone(), look(&fs::read(file)?));
    }
    Ok(rewritten)
}

/// `sed -E 's/\b(malloc|free|…)\(/static_\1(/g'`.
pub fn sed(source: &[u8]) -> BTreeSet<usize> {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    let mut found = BTreeSet::new();
    let mut start = 0;
    while start < source.len() {
        let length = source[start..].iter().take_while(|b| word(b)).count();
        let end = start + length;
        if source.get(end) == Some(&b'(') && named(&source[start..end]) {
            found.insert(start);
        }
        start = end + 1;
    }
    found
}

/// Every call expression of tree-sitter's C grammar whose callee is one of the identifiers.
pub fn query(source: &[u8]) -> BTreeSet<usize> {
    let mut found = BTreeSet::new();
    if !NAMES
        .iter()
        .any(|name| source.windows(name.len()).any(|w| w == name.as_bytes()))
    {
        return found;
    }
    let mut parser = Parser::new();
    parser
        .set_language(&tree_sitter_c::LANGUAGE.into())
        .expect("the grammar fits the library");
    let Some(tree) = parser.parse(source, None) else {
        return found;
    };
    walk(tree.root_node(), &mut |node| {
        if let Some(callee) = node.child_by_field_name("function")
            && node.kind() == "call_expression"
            && callee.kind() == "identifier"
            && named(&source[callee.byte_range()])
        {
            found.insert(callee.start_byte());
        }
    });
    found
}

fn named(word: &[u8]) -> bool {
    NAMES.iter().any(|name| name.as_bytes() == word)
}

/// Visits all nodes, without recursion: the tree of broken code can be deep.
fn walk<'t>(root: Node<'t>, visit: &mut impl FnMut(Node<'t>)) {
    let mut cursor = root.walk();
    loop {
        visit(cursor.node());
        if cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return;
            }
        }
    }
}
