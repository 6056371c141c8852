//! Running clang's preprocessor and ours on the same files.

use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bpf_malloc::c::cpp::{
    Cache, CommandLineMacro, Included, Includes, Kept, Setup, Unit, preprocess,
};
use bpf_malloc::c::lexer::lex;

use super::{cases, generate, root};

const CLANG: &str = "clang-19";

/// A directory for headers that are missing, and everything that both sides are told.
pub struct Bench {
    dir: tempfile::TempDir,
    cache: Cache,
    /// How many files were not compared.
    left_out: Cell<usize>,
}

/// Where these are wrong clang drops tokens; our side keeps them.
const KNOWN: [&str; 3] = [
    "too few arguments provided",
    "too many arguments provided",
    "unterminated function-like macro",
];

impl Includes for Bench {
    fn find(&self, from: &Path, name: &str, angled: bool, next: bool) -> Option<Included> {
        let here = from.parent().filter(|_| !angled && !next);
        let dirs = self.dirs();
        let mut dirs = dirs.iter().map(PathBuf::as_path);
        if next {
            dirs.find(|dir| from.starts_with(dir));
        }
        let path = here.into_iter().chain(dirs).map(|dir| dir.join(name));
        let path = path.into_iter().find(|path| path.is_file())?;
        Some(Included {
            bytes: fs::read(&path).ok()?.into(),
            project: path.starts_with(root()),
            large: false,
            path,
        })
    }
}

impl Bench {
    pub fn new() -> Option<Self> {
        if Command::new(CLANG).arg("--version").output().is_err() {
            cases::skipped(
                "the comparison with clang's preprocessor: no clang-19; `make test` installs it",
            );
            return None;
        }
        let dir = tempfile::Builder::new()
            .disable_cleanup(std::env::var_os("KEEP").is_some())
            .tempdir()
            .expect("a directory");
        let bench = Self {
            dir,
            cache: Cache::default(),
            left_out: Cell::new(0),
        };
        // Of the allocator our side reads no more than this.
        for name in ["dynamic_memory.h", "lib/dynamic_memory.h"] {
            bench.add(name, b"#include <stddef.h>\n");
        }
        Some(bench)
    }

    pub fn add(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.dir.path().join(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(&path, bytes).expect("a header");
        path
    }

    pub fn dirs(&self) -> Vec<PathBuf> {
        let mut dirs = vec![self.dir.path().to_path_buf()];
        // For files that a person names.
        if let Some(more) = std::env::var_os("BPF_MALLOC_READ_INCLUDE") {
            dirs.extend(std::env::split_paths(&more));
        }
        let system = Path::new("/usr/include");
        dirs.push(system.to_path_buf());
        dirs.push(system.join(format!("{}-linux-gnu", std::env::consts::ARCH)));
        dirs
    }

    pub fn ours(&self, path: &Path, bytes: &[u8], macros: &[&str]) -> Unit {
        let own = ["__arena", "can_loop"];
        let given: Vec<_> = macros.iter().chain(&own).map(|text| define(text)).collect();
        let setup = Setup {
            includes: self,
            command_line: &given,
            forced: &[],
            kept: Kept {
                header: Some("dynamic_memory.h"),
                names: &own,
            },
            wanted: None,
            cache: &self.cache,
        };
        preprocess(path, bytes, &setup)
    }

    /// What clang makes of a file, and what it says.
    fn theirs(&self, path: &Path, macros: &[&str]) -> (Vec<u8>, String) {
        let mut command = Command::new(CLANG);
        command.args([
            "-target",
            "bpf",
            "-mcpu=v3",
            "-O2",
            "-E",
            "-P",
            "-nostdinc",
            "-x",
            "c",
        ]);
        command
            .arg("-isystem")
            .arg(root().join("src/c/cpp/headers"));
        for dir in self.dirs() {
            command.arg("-isystem").arg(dir);
        }
        for text in macros
            .iter()
            .chain(&["__arena=__arena", "can_loop=can_loop"])
        {
            command.arg(format!("-D{text}"));
        }
        let output = command.arg(path).output().expect("clang runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A `#` out of a macro is no directive: with a token before it, it cannot look like one.
        let lines = output.stdout.split(|&byte| byte == b'\n');
        let lines = lines.filter(|line| !line.starts_with(b"#pragma"));
        let mut text = b";".to_vec();
        for line in lines {
            text.push(b' ');
            text.extend_from_slice(line);
        }
        (text, said)
    }

    /// Clang's tree of a file, if it finds no error there.
    pub fn dumped(&self, path: &Path) -> Option<String> {
        let mut command = Command::new(CLANG);
        command.args(["-target", "bpf", "-mcpu=v3", "-fsyntax-only", "-w"]);
        command.args(["-nostdinc", "-x", "c", "-D__TARGET_ARCH_x86"]);
        for old in [
            "implicit-function-declaration",
            "implicit-int",
            "int-conversion",
        ] {
            command.arg(format!("-Wno-error={old}"));
        }
        command.args(["-D__arena=", "-Dcan_loop=1", "-Xclang", "-ast-dump"]);
        command
            .arg("-isystem")
            .arg(root().join("src/c/cpp/headers"));
        for dir in self.dirs() {
            command.arg("-isystem").arg(dir);
        }
        let output = command.arg(path).output().expect("clang runs");
        let dump = || String::from_utf8_lossy(&output.stdout).into_owned();
        output.status.success().then(dump)
    }

    /// The first difference between the two sides.
    fn difference(&self, path: &Path, macros: &[&str]) -> Option<String> {
        let bytes = fs::read(path).expect("a source");
        let mut unit = self.ours(path, &bytes, macros);
        // What is missing here is empty for both.
        for _ in 0..20 {
            let missing = |message: &str| {
                Some(
                    message
                        .strip_prefix('\'')?
                        .split_once("' file not")?
                        .0
                        .to_owned(),
                )
            };
            let names: Vec<String> = unit
                .problems
                .iter()
                .filter_map(|p| missing(&p.message))
                .collect();
            if names.is_empty() {
                break;
            }
            for name in names.iter().filter(|name| !name.starts_with(['/', '.'])) {
                self.add(name, b"");
            }
            unit = self.ours(path, &bytes, macros);
        }
        let (theirs, said) = self.theirs(path, macros);
        let theirs = lex(&theirs);
        let theirs: Vec<_> = theirs.tokens[1..].iter().map(|t| theirs.text(t)).collect();
        if KNOWN.iter().any(|known| said.contains(known)) {
            self.left_out.set(self.left_out.get() + 1);
            return None;
        }
        // The allocator's own macro, which our side leaves as it is.
        let own = |text: &&[u8]| *text != b"__arena";
        let ours: Vec<_> = unit
            .tokens
            .iter()
            .map(|t| unit.text(t))
            .filter(own)
            .collect();
        let theirs: Vec<_> = theirs.iter().map(|t| &**t).filter(own).collect();
        let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
        let complains = said.contains("error:");
        if same == ours.len() && same == theirs.len() && complains != unit.problems.is_empty() {
            return None;
        }
        let shown = |tokens: &[&[u8]]| {
            let from = same.saturating_sub(8);
            let texts = tokens.iter().skip(from).take(24);
            texts
                .map(|t| String::from_utf8_lossy(t).into_owned())
                .collect::<Vec<_>>()
                .join(" ")
        };
        let mut text = format!(
            "{} {macros:?}: token {same} of {} and {}\n  ours:  {}\n  clang: {}\n",
            path.display(),
            ours.len(),
            theirs.len(),
            shown(&ours),
            shown(&theirs)
        );
        for problem in unit.problems.iter().take(3) {
            let file = &unit.file(problem.loc.file).path;
            writeln!(text, "  our problem: {} {:?}", problem.message, file).expect("memory");
        }
        for line in said.lines().take(6) {
            writeln!(text, "  clang says: {line}").expect("memory");
        }
        Some(text)
    }

    pub fn compare_all(&self, paths: &[PathBuf], macros: &[&str]) {
        let found = paths
            .iter()
            .filter_map(|path| self.difference(path, macros));
        let found: Vec<String> = found.collect();
        assert!(
            found.is_empty(),
            "{} of {} files differ\n{}",
            found.len(),
            paths.len(),
            found
                .iter()
                .take(12)
                .map(String::as_str)
                .collect::<String>()
        );
    }

    /// Compares on this many generated sources.
    pub fn compare_generated(&self, count: u64) {
        let write = |seed| {
            let source = generate::source(seed);
            self.add(&format!("generated{seed}.c"), source.as_bytes())
        };
        let paths: Vec<PathBuf> = (0..count).map(write).collect();
        self.compare_all(&paths, &[]);
        assert!(
            self.left_out.get() * 2 < paths.len(),
            "{:?} left out",
            self.left_out
        );
    }
}

fn define(text: &str) -> CommandLineMacro {
    let (name, value) = text.split_once('=').unwrap_or((text, "1"));
    CommandLineMacro {
        name: name.to_owned(),
        value: Some(value.to_owned()),
    }
}
