//! Whether a compiler takes an input.
//!
//! What no compiler takes has no meaning. There the rewriter may do little wrong: it must not crash or
//! take long, and its edits must be well formed. That a second run changes nothing, that the result has
//! no more errors, and that every call in the tree is a site or has a notice are promises for C. So where
//! one is found broken, clang is asked about the input.

use std::cell::Cell;
use std::fmt;
#[cfg(feature = "cli")]
use std::path::Path;
use std::path::PathBuf;

use proptest::prelude::TestCaseError;

/// A text, and where the headers lie that it includes by their names alone.
#[derive(Clone)]
pub struct Source {
    pub text: Vec<u8>,
    pub near: Option<PathBuf>,
}

impl From<Vec<u8>> for Source {
    fn from(text: Vec<u8>) -> Self {
        Source { text, near: None }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text))
    }
}

/// Files of one directory by their names, all of which a compiler has to take.
pub type Files<'a> = [(&'a str, &'a Source)];

thread_local! {
    static DISMISSED: Cell<u64> = const { Cell::new(0) };
}

/// How many inputs have broken a promise since the last time, and no compiler takes them.
pub fn dismissed() -> u64 {
    DISMISSED.take()
}

/// A broken promise: a finding, unless no compiler takes the input.
///
/// In a plain test run, which has the same inputs every time, all of them have to keep the promises.
pub fn broken(files: &Files, words: String) -> Result<(), TestCaseError> {
    match std::env::var_os("FUZZ_SECONDS") {
        Some(_) => broken_if_taken(files, words),
        None => Err(TestCaseError::fail(words)),
    }
}

/// The same in any test run.
pub fn broken_if_taken(files: &Files, words: String) -> Result<(), TestCaseError> {
    if takes(files) == Some(false) {
        DISMISSED.set(DISMISSED.get() + 1);
        return Ok(());
    }
    Err(TestCaseError::fail(words))
}

/// Nothing is known of what a compiler takes.
#[cfg(not(feature = "cli"))]
pub fn takes(_: &Files) -> Option<bool> {
    None
}

#[cfg(feature = "cli")]
pub use clang::takes;

#[cfg(feature = "cli")]
mod clang {
    use std::collections::BTreeSet;
    use std::ffi::OsString;
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::sync::OnceLock;

    use bpf_malloc::judge::compile::Clang;

    use super::{Files, is_evidently_broken};

    /// A compiler, and headers that only some machines have, or have elsewhere.
    struct Setup {
        clang: Clang,
        headers: tempfile::TempDir,
        /// The kernel's types are known.
        types: bool,
    }

    impl Setup {
        fn find() -> Option<Setup> {
            let clang = Clang::find().ok()?;
            let headers = tempfile::tempdir().expect("a directory");
            let write = |name: &str, text: &[u8]| {
                let path = headers.path().join(name);
                fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
                fs::write(path, text).expect("a header");
            };
            write("queue.h", b"#include <sys/queue.h>\n");
            write("lib/dynamic_memory.h", b"#include <dynamic_memory.h>\n");
            let kernel = "/sys/kernel/btf/vmlinux";
            let types = Command::new("bpftool")
                .args(["btf", "dump", "file", kernel, "format", "c"])
                .output();
            let types = types.ok().filter(|output| output.status.success());
            if let Some(types) = &types {
                write("vmlinux.h", &types.stdout);
            }
            let types = types.is_some();
            Some(Setup {
                clang,
                headers,
                types,
            })
        }
    }

    fn setup() -> Option<&'static Setup> {
        static SETUP: OnceLock<Option<Setup>> = OnceLock::new();
        SETUP.get_or_init(Setup::find).as_ref()
    }

    /// Whether clang takes all of these files: each by itself, but for headers that others include.
    /// Nothing if there is no clang, or none of a header that a file may need.
    pub fn takes(files: &Files) -> Option<bool> {
        let setup = setup()?;
        if let [(_, source)] = files
            && is_evidently_broken(&source.text)
        {
            return Some(false);
        }
        let includes = |name: &str| {
            let directive = format!("#include \"{name}\"");
            let mut texts = files.iter().map(|(_, source)| &source.text);
            texts.any(|text| memchr::memmem::find(text, directive.as_bytes()).is_some())
        };
        if !setup.types && includes("vmlinux.h") {
            return None;
        }
        let directory = tempfile::tempdir().expect("a directory");
        for (name, source) in files {
            fs::write(directory.path().join(name), &source.text).expect("a new file");
        }
        let include = Path::new(env!("CARGO_MANIFEST_DIR")).join("include");
        let near: BTreeSet<&Path> = files
            .iter()
            .filter_map(|(_, source)| source.near.as_deref())
            .collect();
        let after = [include.as_path(), setup.headers.path()];
        let mut arguments: Vec<OsString> = vec!["-x".into(), "c".into()];
        for path in near.into_iter().chain(after) {
            arguments.extend(["-I".into(), path.into()]);
        }
        let mut units = files
            .iter()
            .filter(|(name, _)| name.ends_with(".c") || !includes(name));
        let taken = |name: &str| {
            setup
                .clang
                .accepts(&directory.path().join(name), &arguments)
        };
        Some(units.all(|(name, _)| taken(name)))
    }
}

/// Whether a text by itself has a bracket or a conditional without its mate, which no compiler takes: to
/// ask for each of these takes longer than all else.
#[cfg(feature = "cli")]
fn is_evidently_broken(text: &[u8]) -> bool {
    use bpf_malloc::c::lexer::op;
    use bpf_malloc::rewrite::{Alone, preprocess};
    let unit = preprocess(Path::new("any.bpf.c"), text, &Alone::default());
    let conditionals = ["#else", "#endif", "conditional"];
    let lost = |text: &str| conditionals.iter().any(|word| text.contains(word));
    if unit.problems.iter().any(|p| lost(&p.message)) {
        return true;
    }
    let pairs = [("(", ")"), ("[", "]"), ("{", "}")].map(|(open, close)| (op(open), op(close)));
    let mut open = Vec::new();
    for token in &unit.tokens {
        if let Some(pair) = pairs.iter().find(|pair| token.is(pair.0)) {
            open.push(pair.1);
        } else if pairs.iter().any(|pair| token.is(pair.1))
            && !open.pop().is_some_and(|close| token.is(close))
        {
            return true;
        }
    }
    !open.is_empty()
}

/// Fixtures that clang does not take.
#[cfg(feature = "cli")]
const REFUSED: &[&str] = &[
    // Written to be refused by clang, or by the C grammar.
    "kernel/reject/address_space.bpf.c",
    "nulls/unread/input.c",
    "nulls/unread/expected/input.c",
    // A part of an initial value.
    "plain/included_values/values.h",
    // Headers that bpftool makes of an object.
    "libbpf/sessions.c",
    "loaders/skeleton.c",
    // The rewrite edits the library's header too.
    "linked/expected/list_queue.bpf.c",
    "linked/expected/simple_queue.bpf.c",
    "linked/expected/tail_queue.bpf.c",
    "linked/expected/uthash.bpf.c",
    "linked/expected/uthash_defaults.bpf.c",
    "linked/expected/utlist.bpf.c",
    // The `malloc` attribute with arguments is GCC's.
    "rewrite/attributes/input.c",
    "rewrite/attributes/expected/input.c",
    // The kernel's types and <stdlib.h> disagree on `wchar_t`; the rewrite takes <stdlib.h> away.
    "rewrite/include-after-helpers/input.c",
    // Names in Latin-1 are GCC's too.
    "rewrite/latin1/input.c",
    "rewrite/latin1/expected/input.c",
];

/// Whoever dismisses what this says is refused has to know that it takes what is right.
#[cfg(feature = "cli")]
#[test]
fn the_compiler_takes_the_fixtures() {
    let fixtures = crate::generate::fixtures();
    if takes(&[("any.bpf.c", &fixtures[0].1)]).is_none() {
        eprintln!("SKIPPED what clang says of fixtures: no clang; `make test` installs it");
        return;
    }
    let next = std::sync::atomic::AtomicUsize::new(0);
    let wrong = std::sync::Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    let Some((path, source)) = fixtures.get(at) else {
                        break;
                    };
                    // Nothing is known of what includes the kernel's types where they are not.
                    let taken = takes(&[("any.bpf.c", source)]).unwrap_or(true);
                    let expected = !REFUSED.iter().any(|r| Path::new(r) == path);
                    if taken != expected {
                        wrong.lock().expect("no panic").push((path, taken));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().expect("no panic");
    assert!(wrong.is_empty(), "taken or not: {wrong:?}");
}

#[cfg(feature = "cli")]
#[test]
fn the_compiler_refuses_broken_programs() {
    let source = |text: &str| Source::from(text.as_bytes().to_vec());
    let one = |text: &str| takes(&[("any.bpf.c", &source(text))]);
    if one("int a;\n").is_none() {
        eprintln!("SKIPPED what clang says of broken programs: no clang; `make test` installs it");
        return;
    }
    for broken in [
        "#include <stdlib.h>\nstatic long s\n#include <stddef.h>\num(void *p)\n{\n\tfree(p);\n}\n",
        "#include <stdlib.h>\nvoid f(void *p)\n{\n\tif (p\n#endif\n)\n\t\tfree(p);\n}\n",
        "#include <stdlib.h>\nvoid f(void *p)\n{\n\t\"text\" free(p);\n}\n",
        "#include \"nowhere.h\"\nint a;\n",
        "}",
    ] {
        assert_eq!(one(broken), Some(false), "{broken}");
    }
    // Files are judged together: what one includes, and what it is included by.
    let part = source("return a;\n");
    let whole = source("int f(int a)\n{\n#include \"e.h\"\n}\n");
    let other = source("int f(void)\n{\n");
    assert_eq!(takes(&[("a.bpf.c", &whole), ("e.h", &part)]), Some(true));
    assert_eq!(takes(&[("a.bpf.c", &other), ("e.h", &part)]), Some(false));
    assert_eq!(takes(&[("a.bpf.c", &whole), ("d.c", &other)]), Some(false));
    assert_eq!(takes(&[("d.c", &whole)]), Some(false));
}
