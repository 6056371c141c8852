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

/// Whether the bytes may be code for BPF without a look at what they include. Fast; comments are
/// not told from code.
pub fn may_be_bpf(source: &[u8]) -> bool {
    static MARKS: LazyLock<AhoCorasick> = LazyLock::new(|| {
        let marks = HEADERS.into_iter().chain(["SEC"]);
        AhoCorasick::new(marks).expect("short plain patterns")
    });
    MARKS.is_match(source)
}

/// Whether a file says by itself that it is code for BPF.
pub fn is_marked(path: &Path, source: &[u8]) -> bool {
    is_named(path) || (may_be_bpf(source) && is_marked_lexed(&lex(source)))
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
