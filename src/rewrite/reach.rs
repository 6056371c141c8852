//! Which headers a file reaches, and whether it is code for BPF at all.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use super::headers::includes;
use super::project::Project;
use crate::c::lexer::{Kind, Lexed, lex, op};

/// Headers that only code for BPF includes.
const HEADERS: [&str; 2] = ["bpf_helpers.h", "vmlinux.h"];

/// How deep includes are followed.
const DEEP: usize = 60;

/// What a file reaches.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// It is code for BPF: its name or the compilation database says so, or it or a header on the
    /// way has `SEC(` or includes `bpf_helpers.h` or `vmlinux.h`.
    pub bpf: bool,
    /// The headers of the project that it includes, directly or through others.
    pub headers: HashSet<PathBuf>,
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
    static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let marks = HEADERS.into_iter().chain(["SEC"]);
        AhoCorasick::new(marks).expect("short plain patterns")
    });
    MARKS.is_match(source)
}

/// Whether a file says by itself that it is code for BPF. The types of a kernel do not: whoever
/// includes them does.
pub fn is_marked(path: &Path, source: &[u8]) -> bool {
    let says = || may_be_bpf(source) && is_marked_lexed(&lex(source));
    is_named(path) || (!is_kernel_types(path, source) && says())
}

/// `name.bpf.c` and `name.bpf.h`, as libbpf's programs are called.
fn is_named(path: &Path) -> bool {
    let stem = path.file_stem().map(Path::new);
    stem.and_then(Path::extension)
        .is_some_and(|end| end == "bpf")
}

fn is_marked_lexed(lexed: &Lexed) -> bool {
    let calls = lexed.tokens.windows(2).any(|pair| {
        pair[0].kind == Kind::Ident && pair[1].is(op("(")) && &*lexed.text(&pair[0]) == b"SEC"
    });
    calls || includes(lexed).iter().any(|(name, _)| is_header(name))
}

fn is_header(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    HEADERS.contains(&name)
}

/// Follows the includes of a file, whatever the conditions around them. Headers are looked at once
/// per run.
pub fn reach(path: &Path, source: &[u8], project: &dyn Project) -> Reach {
    let lexed = lex(source);
    let mut reach = Reach {
        bpf: is_named(path) || project.compiled_for_bpf(path) || is_marked_lexed(&lexed),
        headers: HashSet::new(),
    };
    let forced = project.forced_includes(path);
    reach.bpf |= forced.iter().any(|name| is_header(name));
    let forced = forced.into_iter().map(|name| (name, false));
    for (name, angled) in forced.chain(includes(&lexed)) {
        visit(path, &name, angled, 0, project, &mut reach);
    }
    reach
}

fn visit(
    from: &Path,
    name: &str,
    angled: bool,
    depth: usize,
    project: &dyn Project,
    reach: &mut Reach,
) {
    let Some(header) = project.header(from, name, angled) else {
        return;
    };
    if depth > DEEP || reach.headers.contains(&header.path) {
        return;
    }
    reach.bpf |= is_header(name);
    if is_kernel_types(&header.path, &header.bytes) {
        return;
    }
    let info = project.cache().info(&header);
    reach.bpf |= info.bpf;
    reach.headers.insert(header.path);
    for (name, angled) in &info.includes {
        visit(&info.path, name, *angled, depth + 1, project, reach);
    }
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
