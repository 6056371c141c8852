//! A directory to work in, and the real command.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use std::io::Write;

/// The command under test.
pub const BIN: &str = env!("CARGO_BIN_EXE_bpf-malloc");

/// A file with one call to rewrite.
pub const SOURCE: &str = "#include <bpf/bpf_helpers.h>\n\nvoid drop(void *p)\n{\n\tfree(p);\n}\n";
/// What becomes of it.
pub const RESULT: &str = "#include <bpf/bpf_helpers.h>\n#include \"dynamic_memory.h\"\n\n\
                          void drop(void *p)\n{\n\tstatic_free(p);\n}\n";
/// A file with nothing to rewrite.
pub const PLAIN: &str = "int plain(void)\n{\n\treturn 0; /* free as in beer */\n}\n";
/// A file with a place that needs a person.
pub const HARD: &str = "void each(void (*f)(void *));\n\nvoid all(void)\n{\n\teach(free);\n}\n\n\
                        char LICENSE[] SEC(\"license\") = \"GPL\";\n";

/// A temporary directory.
pub struct Dir(tempfile::TempDir);

/// What a run brought.
#[derive(Debug)]
pub struct Run {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// stdout, as it is.
    pub bytes: Vec<u8>,
    /// stdout as text.
    pub out: String,
    /// stderr as text.
    pub err: String,
}

impl Run {
    /// Asserts the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// Asserts that stderr mentions all of `words`, whatever the line breaks.
    #[track_caller]
    pub fn says(self, words: &[&str]) -> Self {
        let text = flat(&self.err);
        for word in words {
            assert!(
                text.contains(&flat(word)),
                "stderr lacks {word:?}: {self:#?}"
            );
        }
        self
    }
}

/// Text without line breaks and frames, which depend on its width.
pub fn flat(text: &str) -> String {
    let words = text.split_whitespace().filter(|w| !matches!(*w, "│" | "·"));
    words.collect::<Vec<_>>().join(" ")
}

impl Dir {
    pub fn new() -> Self {
        let dir = Self(tempfile::tempdir().unwrap());
        // Other users take part in some tests.
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
        dir
    }

    /// With some files in it.
    pub fn with(files: &[(&str, &str)]) -> Self {
        let dir = Self::new();
        for (name, text) in files {
            dir.write(name, text);
        }
        dir
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    pub fn write(&self, name: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    #[track_caller]
    pub fn read(&self, name: impl AsRef<Path>) -> String {
        String::from_utf8(self.bytes(name)).unwrap()
    }

    #[track_caller]
    pub fn bytes(&self, name: impl AsRef<Path>) -> Vec<u8> {
        fs::read(self.join(&name)).unwrap_or_else(|e| panic!("{}: {e}", name.as_ref().display()))
    }

    pub fn exists(&self, name: &str) -> bool {
        self.join(name).symlink_metadata().is_ok()
    }

    /// The names of all entries, sorted.
    pub fn list(&self, name: &str) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.join(name))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The command, to be run here.
    pub fn command(&self) -> Command {
        self.command_of(BIN)
    }

    /// Another program, to be run here.
    pub fn command_of(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.path())
            .env_remove("NO_COLOR")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs `bpf-malloc ARGS` here.
    pub fn run(&self, args: &[impl AsRef<OsStr>]) -> Run {
        finish(self.command().args(args))
    }

    /// Runs `bpf-malloc rewrite ARGS` here.
    pub fn rewrite(&self, args: &[impl AsRef<OsStr>]) -> Run {
        finish(self.command().arg("rewrite").args(args))
    }

    /// Runs `bpf-malloc rewrite ARGS` here with `input` on stdin.
    pub fn pipe(&self, args: &[&str], input: &[u8]) -> Run {
        let mut command = self.command();
        let command = command.arg("rewrite").args(args).stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        let feeder = std::thread::spawn(move || {
            // A command that fails at once need not read its input.
            let _ = stdin.write_all(&input);
        });
        let output = child.wait_with_output().unwrap();
        feeder.join().unwrap();
        result(output)
    }
}

pub fn finish(command: &mut Command) -> Run {
    result(
        command
            .output()
            .unwrap_or_else(|e| panic!("{command:?}: {e}")),
    )
}

pub fn result(output: std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
        bytes: output.stdout,
    }
}

/// Runs a tool that has to succeed.
#[track_caller]
pub fn tool(dir: &Path, name: &str, args: &[impl AsRef<OsStr>]) -> String {
    let mut command = Command::new(name);
    let run = finish(command.args(args).current_dir(dir));
    assert_eq!(run.code, 0, "{name}: {run:#?}");
    run.out
}

/// Says past libtest's capture that a test did not run, and why.
pub fn skipped(why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {why}");
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    tool(Path::new("/"), "id", &["-u"]).trim() == "0"
}
