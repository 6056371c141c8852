//! Which headers a file reaches, and whether it is code for BPF at all.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard};

use rustc_hash::FxBuildHasher;

use super::headers::{HeaderInfo, included, includes};
use super::project::Project;
use crate::c::lexer::{Kind, Lexed, is_ident_byte, lex, op};

/// Headers that only code for BPF includes.
const HEADERS: [&str; 2] = ["bpf_helpers.h", "vmlinux.h"];

/// The macro that puts code for BPF into its section.
const SECTION: &[u8] = b"SEC";

/// How deep includes are followed.
const DEEP: usize = 60;

/// What a file reaches.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// It is code for BPF: its name or the compilation database says so, or it or a header on the
    /// way has `SEC(` or includes `bpf_helpers.h` or `vmlinux.h`.
    pub bpf: bool,
    /// The headers of the project that it includes itself.
    roots: Box<[HeaderId]>,
}

/// A header in a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HeaderId(u32);

/// Which headers of a project include which, found out once per run, whatever the conditions around the
/// includes. Safe to share between threads.
#[derive(Debug, Default)]
pub struct Graph(RwLock<Nodes>);

#[derive(Debug, Default)]
struct Nodes {
    ids: HashMap<OsString, HeaderId, FxBuildHasher>,
    list: Vec<Node>,
}

#[derive(Debug)]
struct Node {
    /// What is known of the header.
    info: Arc<HeaderInfo>,
    /// The headers it includes, once somebody asked.
    includes: OnceLock<Box<[HeaderId]>>,
}

impl Nodes {
    /// Goes through the headers that `roots` reach, from each one once.
    fn visit(&self, roots: &[HeaderId], mut see: impl FnMut(HeaderId, &Node)) {
        let mut seen = vec![false; self.list.len()];
        let mut open: Vec<HeaderId> = roots.to_vec();
        while let Some(id) = open.pop() {
            let at = id.0 as usize;
            if !std::mem::replace(&mut seen[at], true) {
                let node = &self.list[at];
                see(id, node);
                open.extend(node.includes.get().into_iter().flatten());
            }
        }
    }
}

impl Graph {
    /// All headers that these files reach. Linear in the number of includes of these headers.
    pub fn headers<'r>(&self, reaches: impl Iterator<Item = &'r Reach>) -> HashSet<PathBuf> {
        let roots: Vec<HeaderId> = reaches.flat_map(|reach| reach.roots.to_vec()).collect();
        let mut found = HashSet::new();
        self.nodes().visit(&roots, |_, node| {
            found.insert(node.info.path.clone());
        });
        found
    }

    /// The headers that reach one of `wanted`, themselves included.
    pub fn leading_to(&self, wanted: &HashSet<PathBuf>) -> Leading {
        let nodes = self.nodes();
        let mut includers = vec![Vec::new(); nodes.list.len()];
        for (at, node) in nodes.list.iter().enumerate() {
            for id in node.includes.get().into_iter().flatten() {
                includers[id.0 as usize].push(at);
            }
        }
        let mut leads = vec![false; nodes.list.len()];
        let ids = wanted
            .iter()
            .filter_map(|path| nodes.ids.get(path.as_os_str()));
        let mut open: Vec<usize> = ids.map(|id| id.0 as usize).collect();
        while let Some(at) = open.pop() {
            if !std::mem::replace(&mut leads[at], true) {
                open.append(&mut includers[at]);
            }
        }
        Leading(leads)
    }

    /// The header that an include means; `None` for the types of a kernel, which nobody goes through.
    fn find(
        &self,
        from: &Path,
        name: &str,
        angled: bool,
        project: &dyn Project,
    ) -> Option<HeaderId> {
        let path = project.header_path(from, name, angled)?;
        if let Some(&id) = self.nodes().ids.get(path.as_os_str()) {
            return Some(id);
        }
        let header = project.header(from, name, angled)?;
        if is_kernel_types(&header.path, &header.bytes) {
            return None;
        }
        let info = project.cache().info(&header);
        let mut nodes = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Nodes { ids, list } = &mut *nodes;
        Some(*ids.entry(header.path.into_os_string()).or_insert_with(|| {
            let includes = OnceLock::new();
            list.push(Node { info, includes });
            HeaderId(list.len() as u32 - 1)
        }))
    }

    /// Finds out what these headers and those that they reach include; whether one of them is code for
    /// BPF.
    fn follow(&self, roots: &[HeaderId], project: &dyn Project) -> bool {
        loop {
            let (mut bpf, mut unknown) = (false, Vec::new());
            self.nodes().visit(roots, |id, node| {
                bpf |= node.info.bpf;
                if node.includes.get().is_none() {
                    unknown.push((id, Arc::clone(&node.info)));
                }
            });
            if unknown.is_empty() {
                return bpf;
            }
            let mut listed: HashSet<u32, FxBuildHasher> =
                unknown.iter().map(|(id, _)| id.0).collect();
            while let Some((id, info)) = unknown.pop() {
                let includes = info.includes.iter();
                let includes: Box<[HeaderId]> = includes
                    .filter_map(|(name, angled)| self.find(&info.path, name, *angled, project))
                    .collect();
                let nodes = self.nodes();
                for &HeaderId(at) in &includes {
                    let node = &nodes.list[at as usize];
                    if node.includes.get().is_none() && listed.insert(at) {
                        unknown.push((HeaderId(at), Arc::clone(&node.info)));
                    }
                }
                // Another thread may have found the same meanwhile.
                let _ = nodes.list[id.0 as usize].includes.set(includes);
            }
        }
    }

    fn nodes(&self) -> RwLockReadGuard<'_, Nodes> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The headers that lead to some.
#[derive(Debug)]
pub struct Leading(Vec<bool>);

impl Leading {
    /// Whether a file reaches one of them.
    pub fn is_reached(&self, reach: &Reach) -> bool {
        let leads = |root: &HeaderId| self.0.get(root.0 as usize) == Some(&true);
        reach.roots.iter().any(leads)
    }
}

/// From how many bytes on a header of this name is the kernel's types, as bpftool writes them, and
/// nothing else: no includes, no macros of the program, no code. The smallest kernel has 1 MiB.
const TYPES: usize = 256 << 10;

/// Whether a header holds nothing but the types of a kernel. They have members with names of the
/// allocator, and are too many to be looked at each time.
pub fn is_kernel_types(path: &Path, bytes: &[u8]) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    bytes.len() > TYPES && name.is_some_and(|name| name.starts_with("vmlinux"))
}

/// Whether a file or a header of the project on its way mentions the allocator, as far as a look at
/// bytes tells. Never wrong in saying no, faster than [`reach`].
pub fn mentioned(path: &Path, source: &[u8], project: &dyn Project) -> bool {
    let mut seen = HashSet::new();
    let forced = project.forced_includes(path).into_iter();
    let forced: Vec<_> = forced.map(|name| (name, false)).collect();
    look(path, source, &forced, 0, project, &mut seen)
}

fn look(
    path: &Path,
    bytes: &[u8],
    forced: &[(String, bool)],
    depth: usize,
    project: &dyn Project,
    seen: &mut HashSet<PathBuf>,
) -> bool {
    if is_kernel_types(path, bytes) || depth > DEEP {
        return depth > DEEP;
    }
    if super::filter::mentions_family(bytes) {
        return true;
    }
    let named = forced.iter().cloned().chain(lines_that_include(bytes));
    named.into_iter().any(|(name, angled)| {
        let header = project.header(path, &name, angled);
        header.is_some_and(|header| {
            seen.insert(header.path.clone())
                && look(&header.path, &header.bytes, &[], depth + 1, project, seen)
        })
    })
}

/// The headers that lines with `include` and a name include. More than there are: comments and
/// literals are not told from code.
fn lines_that_include(bytes: &[u8]) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    for at in memchr::memmem::find_iter(bytes, b"include") {
        let rest = &bytes[at + "include".len()..];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len())];
        let line = line
            .strip_prefix(b"_next")
            .unwrap_or(line)
            .trim_ascii_start();
        let (end, angled) = match line.first() {
            Some(b'"') => (b'"', false),
            Some(b'<') => (b'>', true),
            _ => continue,
        };
        if let Some(length) = memchr::memchr(end, &line[1..])
            && let Ok(name) = std::str::from_utf8(&line[1..=length])
        {
            found.push((name.to_owned(), angled));
        }
    }
    found
}

/// Whether the bytes may be code for BPF without a look at what they include. Fast; comments are
/// not told from code.
pub fn may_be_bpf(source: &[u8]) -> bool {
    // `SEC (`, with a blank, a comment or a line splice between at most.
    let section = |at: usize| {
        let before = at.checked_sub(1).map(|before| source[before]);
        let behind = source[at + SECTION.len()..].trim_ascii_start();
        !before.is_some_and(is_ident_byte)
            && matches!(behind.first(), Some(b'(' | b'/' | b'\\' | b'\x0b' | 0))
    };
    let has = |name: &str| memchr::memmem::find(source, name.as_bytes()).is_some();
    memchr::memmem::find_iter(source, SECTION).any(section) || HEADERS.into_iter().any(has)
}

/// Whether a file says by itself that it is code for BPF. The types of a kernel do not: whoever
/// includes them does.
pub fn is_marked(path: &Path, source: &[u8]) -> bool {
    let says = || may_be_bpf(source) && is_marked_lexed(&lex(source));
    is_named(path) || (!is_kernel_types(path, source) && says())
}

/// `name.bpf.c` and `name.bpf.h`, as libbpf's programs are called.
pub fn is_named(path: &Path) -> bool {
    let stem = path.file_stem().map(Path::new);
    stem.and_then(Path::extension)
        .is_some_and(|end| end == "bpf")
}

/// Whether a file says by its tokens that it is code for BPF.
pub fn is_marked_lexed(lexed: &Lexed) -> bool {
    let calls = lexed.tokens.windows(2).any(|pair| {
        pair[0].kind == Kind::Ident && pair[1].is(op("(")) && &*lexed.text(&pair[0]) == b"SEC"
    });
    calls || includes(lexed).iter().any(|(name, _)| is_header(name))
}

/// Whether only code for BPF includes a header of this name.
fn is_header(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    HEADERS.contains(&name)
}

/// Follows the includes of a file, whatever the conditions around them. Headers are looked at once
/// per run.
pub fn reach(path: &Path, source: &[u8], project: &dyn Project) -> Reach {
    let (marked, includes) = match may_be_bpf(source) {
        true => {
            let lexed = lex(source);
            (is_marked_lexed(&lexed), includes(&lexed))
        }
        false => (false, included(source)),
    };
    let graph = &project.cache().graph;
    let forced = project.forced_includes(path);
    let mut bpf = is_named(path) || project.compiled_for_bpf(path) || marked;
    bpf |= forced.iter().any(|name| is_header(name));
    let forced = forced.into_iter().map(|name| (name, false));
    let roots: Box<[HeaderId]> = forced
        .chain(includes)
        .filter_map(|(name, angled)| graph.find(path, &name, angled, project))
        .collect();
    bpf |= graph.follow(&roots, project);
    Reach { bpf, roots }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(path: &str, text: &str) -> bool {
        is_marked(Path::new(path), text.as_bytes())
    }

    #[test]
    fn marks_are_code_not_words() {
        for text in [
            "SEC(\"xdp\") int f(void *ctx) { return 0; }",
            "# include <bpf/bpf_helpers.h>\n",
            "#include \"vmlinux.h\"\n",
            "#include \"deep/vmlinux.h\"\n",
        ] {
            assert!(marked("a.c", text), "{text}");
        }
        for text in [
            "// as in vmlinux.h, SEC(x)\n",
            "int NSEC(int);\nchar *s = \"SEC(\";",
            "#include <bpf/libbpf.h>\n#include \"prog.skel.h\"\n",
            "#define NAME \"bpf_helpers.h\"\n",
        ] {
            assert!(!marked("a.c", text), "{text}");
        }
        assert!(marked("dir/a.bpf.c", "") && marked("a.bpf.h", ""));
        assert!(!marked("bpf.c", "") && !marked("a.bpf", ""));
    }
}
