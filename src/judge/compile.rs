//! Finds clang and compiles C to BPF objects, with some files replaced in memory.

use std::collections::BTreeSet;
use std::collections::HashSet;
use std::env;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::heap::HEADER_NAME;

/// Oldest clang this crate is tested with.
pub const OLDEST_CLANG: u32 = 14;

/// Arguments every source is compiled with, before the caller's own.
///
/// * `-mcpu=v3`: before LLVM 20 clang's default lacks the atomic operations the heap's lock needs.
/// * `-O2`: the verifier expects optimised code; helpers are no constants and calls are not inlined
///   without it.
/// * `-g`: BTF, without which functions are not verified by themselves and no source line is known.
/// * `-ffreestanding`: clang's own `<stdint.h>` and `<limits.h>`, which need no C library; and it
///   implies `-fno-builtin`, without which clang knows `malloc` and removes or merges calls to it.
pub const ARGUMENTS: [&str; 6] = ["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-ffreestanding"];

/// A missing type is `int`, as in C before 1999: a warning up to clang 15, an error from then on.
const OLD_C: &str = "-Wno-error=implicit-int";

/// What [`Clang::arguments_for`] says for an arena.
pub const ARENA_ARGUMENTS: &[&str] = &[
    "-mcpu=v4",
    "-mllvm",
    "-disable-ldsx",
    "-ftrivial-auto-var-init=zero",
];

/// What a source says that keeps its heap in an arena.
const ARENA: &str = "#define DYNAMIC_MEMORY_ARENA";

/// The environment variable that names the clang to use, as a path or a name in `PATH`.
pub const CLANG_VARIABLE: &str = "BPF_MALLOC_CLANG";

/// Why a source was not compiled.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// There is no clang to be found.
    NoClang {
        /// The program that was asked for, if one was.
        asked: Option<PathBuf>,
    },
    /// A file could not be read or written.
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// clang found errors.
    Clang {
        /// The source.
        path: PathBuf,
        /// clang's words.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::NoClang { asked: Some(path) } => write!(
                f,
                "{} does not run as a clang; give the path of one with --clang or in \
                 {CLANG_VARIABLE}",
                path.display()
            ),
            Error::NoClang { asked: None } => write!(
                f,
                "no clang found; install clang {OLDEST_CLANG} or later (Debian: apt-get install \
                 clang-19), or give its path with --clang"
            ),
            Error::Io { path, source } => write!(f, "{}: {source}", path.display()),
            Error::Clang { path, message } => {
                write!(
                    f,
                    "{} does not compile:\n{}",
                    path.display(),
                    message.trim_end()
                )
            }
        }
    }
}

impl std::error::Error for Error {}

/// A clang that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clang {
    /// Path or name to start it by.
    pub program: PathBuf,
    /// Its major version.
    pub version: u32,
}

impl Clang {
    /// The clang at `path`.
    ///
    /// # Errors
    ///
    /// [`Error::NoClang`] if it does not run or does not call itself clang.
    pub fn at(path: &Path) -> Result<Self, Error> {
        version(path)
            .map(|version| Self {
                program: path.to_owned(),
                version,
            })
            .ok_or_else(|| Error::NoClang {
                asked: Some(path.to_owned()),
            })
    }

    /// The clang that [`CLANG_VARIABLE`] names; if it is unset or empty, the newest in `PATH`, among
    /// `clang` and the `clang-N` of distributions.
    ///
    /// # Errors
    ///
    /// [`Error::NoClang`] if there is none, or if the one that is named does not run.
    pub fn find() -> Result<Self, Error> {
        match env::var_os(CLANG_VARIABLE) {
            Some(named) if !named.is_empty() => Self::at(Path::new(&named)),
            _ => Self::newest(),
        }
    }

    fn newest() -> Result<Self, Error> {
        let path = env::var_os("PATH").unwrap_or_default();
        // Links are followed: /bin is /usr/bin on many systems, and `clang` one of the `clang-N`.
        let mut known = HashSet::new();
        let mut found: Vec<(Option<u32>, PathBuf)> = env::split_paths(&path)
            .filter_map(|directory| fs::read_dir(directory).ok())
            .flatten()
            .filter_map(Result::ok)
            .filter(|entry| is_clang_name(&entry.file_name()))
            .filter(|entry| fs::canonicalize(entry.path()).is_ok_and(|real| known.insert(real)))
            .map(|entry| (version_in_name(&entry.file_name()), entry.path()))
            .collect();
        // Only `clang` has to be started to learn its version.
        for (version_known, program) in &mut found {
            *version_known = version_known.or_else(|| version(program));
        }
        found.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
        found
            .into_iter()
            .find_map(|(_, program)| Self::at(&program).ok())
            .ok_or(Error::NoClang { asked: None })
    }

    /// Compiles `source` to an object and returns its bytes.
    ///
    /// `replaced` holds files by absolute path that clang sees with other contents than the disk's:
    /// their names in messages and in BTF stay, and what they include is found where it was. The
    /// file must exist all the same.
    /// `headers` are files by name that `#include` finds after all else. `arguments` come after
    /// [`ARGUMENTS`] and can override them.
    ///
    /// # Errors
    ///
    /// [`Error::Clang`] with clang's messages if the source is wrong, [`Error::Io`] if a temporary
    /// file cannot be written.
    pub fn compile(
        &self,
        source: &Path,
        replaced: &[(PathBuf, Vec<u8>)],
        headers: &[(&str, &str)],
        arguments: &[OsString],
    ) -> Result<Vec<u8>, Error> {
        let scratch = Overlay::new(replaced, headers)?;
        let object = scratch.path("object.o");
        let mut command = self.command(&scratch, self.arguments_for(source, replaced), arguments);
        command.arg("-c").arg("-o").arg(&object).arg(source);
        run(&mut command, source)?;
        fs::read(&object).map_err(|error| io_error(&object, error))
    }

    /// Whether a source on disk is correct C, calls of functions that it does not declare aside.
    pub fn accepts(&self, source: &Path, arguments: &[OsString]) -> bool {
        let mut command = self.as_it_is(arguments);
        command.arg("-fsyntax-only").arg(source);
        run(&mut command, source).is_ok()
    }

    /// Whether all that `message` finds wrong with what was made of a source is that it calls
    /// functions without a declaration, which the source on disk does, too.
    pub fn explains(&self, source: &Path, arguments: &[OsString], message: &str) -> bool {
        let mut command = self.as_it_is(arguments);
        command.args([
            "-fsyntax-only",
            "-Werror=implicit-function-declaration",
            "-ferror-limit=0",
        ]);
        let Err(Error::Clang { message: own, .. }) = run(command.arg(source), source) else {
            return false;
        };
        let (known, _) = undeclared(&own);
        let (named, others) = undeclared(message);
        !others && named.is_subset(&known)
    }

    /// What clang says against a source on disk that is correct C, but has what no instructions of BPF
    /// do; `None` if it compiles.
    pub fn cannot_build(&self, source: &Path, arguments: &[OsString]) -> Option<String> {
        let mut command = self.as_it_is(arguments);
        command.args(["-c", "-o", "/dev/null"]).arg(source);
        match run(&mut command, source) {
            Err(Error::Clang { message, .. }) => Some(message),
            _ => None,
        }
    }

    fn as_it_is(&self, arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(ARGUMENTS).arg(OLD_C).args(machine_arguments());
        command.args(arguments);
        command.args([
            "-w",
            "-Wno-implicit-function-declaration",
            "-Wno-int-conversion",
        ]);
        command
    }

    /// The instruction set for a source, where the build does not say one, and what else it needs.
    ///
    /// * `-mcpu=v3`: before LLVM 20 clang's default lacks the atomic operations of the heap's lock.
    /// * `-mcpu=v4` with an arena: signed division and long jumps. Every kernel that has arenas has
    ///   them (Linux 6.6). Its loads with a sign are left out: in an arena they need Linux 6.18
    ///   ("sign extending loads from arena are not supported yet").
    /// * `-ftrivial-auto-var-init=zero` with an arena: the verifier refuses what may be read before
    ///   it is set ("!read_ok"), and C as it is written has such variables on paths that are never
    ///   taken. What is set anyway costs nothing.
    pub fn arguments_for(
        &self,
        source: &Path,
        replaced: &[(PathBuf, Vec<u8>)],
    ) -> &'static [&'static str] {
        let replaced = || replaced.iter().any(|(_, bytes)| says_arena(bytes));
        match self.version >= 18 && (replaced() || keeps_in_arena(source, &mut HashSet::new())) {
            true => ARENA_ARGUMENTS,
            false => &["-mcpu=v3"],
        }
    }

    fn command(&self, scratch: &Overlay, fitting: &[&str], arguments: &[OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(ARGUMENTS)
            .args(fitting)
            .arg(OLD_C)
            .args(machine_arguments());
        command.args(arguments);
        command.args(scratch.arguments());
        command
    }
}

/// Larger files are not looked into for what says where the heap lies.
const MOST_BYTES: u64 = 16 << 20;

fn says_arena(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, ARENA.as_bytes()).is_some()
}

/// Whether a file on disk, or one beside it that it includes, says that the heap lies in an arena. Each is
/// read once.
fn keeps_in_arena(path: &Path, seen: &mut HashSet<PathBuf>) -> bool {
    // The allocator's header explains the choice.
    let allocator = path.file_name() == Some(OsStr::new(HEADER_NAME));
    let readable = |file: fs::Metadata| file.is_file() && file.len() <= MOST_BYTES;
    if allocator || !fs::metadata(path).is_ok_and(readable) || !seen.insert(path.to_owned()) {
        return false;
    }
    let Ok(bytes) = fs::read(path) else {
        return false;
    };
    let beside = path.parent().unwrap_or(Path::new(""));
    let text = String::from_utf8_lossy(&bytes);
    let mut names = text.lines().filter_map(|line| {
        let include = line.trim_start().strip_prefix('#')?.trim_start();
        let name = include.strip_prefix("include")?.trim_start();
        name.strip_prefix('"')?.split('"').next()
    });
    says_arena(&bytes) || names.any(|name| keeps_in_arena(&beside.join(name), seen))
}

/// The directory that headers which are on no disk seem to lie in. It does not change from one
/// compilation to the next, so that neither does what the compiler writes.
pub const INCLUDE: &str = "/bpf-malloc/include";

/// Files that clang sees with other contents than the disk's, or that are on no disk at all. Their
/// contents lie in temporary files until this is dropped.
#[derive(Debug)]
pub struct Overlay {
    directory: tempfile::TempDir,
}

impl Overlay {
    /// `replaced` holds files by absolute path, which have to exist; `headers` files by name that
    /// `#include` finds after all else.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] if a temporary file cannot be written.
    pub fn new(replaced: &[(PathBuf, Vec<u8>)], headers: &[(&str, &str)]) -> Result<Self, Error> {
        let directory = tempfile::Builder::new()
            .prefix("bpf-malloc-")
            .tempdir()
            .map_err(|error| io_error(&env::temp_dir(), error))?;
        let overlay = Self { directory };
        let headers = headers.iter().map(|(name, text)| {
            let path = Path::new(INCLUDE).join(name);
            (path, text.as_bytes())
        });
        let replaced = replaced.iter().map(|(path, text)| (path.clone(), &**text));
        let mut roots = Vec::new();
        for (index, (path, contents)) in replaced.chain(headers).enumerate() {
            let file = overlay.path(&format!("{index}.c"));
            write(&file, contents)?;
            roots.push(format!(
                "{{\"type\":\"file\",\"name\":{},\"external-contents\":{}}}",
                json_string(&path),
                json_string(&file)
            ));
        }
        let text = format!(
            "{{\"version\":0,\"use-external-names\":false,\"roots\":[{}]}}",
            roots.join(",")
        );
        write(&overlay.path("overlay.json"), text.as_bytes())?;
        Ok(overlay)
    }

    /// What clang has to be told.
    pub fn arguments(&self) -> [OsString; 4] {
        [
            "-ivfsoverlay".into(),
            self.path("overlay.json").into(),
            "-idirafter".into(),
            INCLUDE.into(),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

/// Arguments that say which machine the kernel runs on.
///
/// Debian and its kin keep `asm/types.h` in a directory of the machine's name, which clang searches
/// for the machine itself but not for the target bpf; `bpf_tracing.h` wants to know whose registers
/// `pt_regs` holds. The C library's headers for x86 ask `__x86_64__` how wide a `long` is: without it
/// they take 32 bits and look for `gnu/stubs-32.h`, which Debian keeps in a package of its own.
pub fn machine_arguments() -> Vec<String> {
    let (triple, target) = match env::consts::ARCH {
        "x86_64" => ("x86_64-linux-gnu", "x86"),
        "aarch64" => ("aarch64-linux-gnu", "arm64"),
        "riscv64" => ("riscv64-linux-gnu", "riscv"),
        "s390x" => ("s390x-linux-gnu", "s390"),
        "powerpc64" => ("powerpc64le-linux-gnu", "powerpc"),
        "loongarch64" => ("loongarch64-linux-gnu", "loongarch"),
        _ => return Vec::new(),
    };
    let mut arguments = vec![format!("-D__TARGET_ARCH_{target}")];
    if env::consts::ARCH == "x86_64" {
        arguments.push("-D__x86_64__".to_owned());
    }
    let include = format!("/usr/include/{triple}");
    if Path::new(&include).join("asm/types.h").exists() {
        arguments.extend(["-idirafter".to_owned(), include]);
    }
    arguments
}

fn run(command: &mut Command, source: &Path) -> Result<Vec<u8>, Error> {
    let output = command
        .output()
        .map_err(|error| io_error(Path::new(command.get_program()), error))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(Error::Clang {
        path: source.to_owned(),
        message: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

/// The functions that a message says are called without a declaration, and whether it finds other
/// errors. All clangs write the name in quotes: `call to undeclared function 'f'`, `implicit
/// declaration of function 'f'`.
fn undeclared(message: &str) -> (BTreeSet<&str>, bool) {
    let errors = message.lines().filter(|line| line.contains(": error: "));
    let (calls, others): (Vec<_>, Vec<_>) =
        errors.partition(|line| line.contains("-Wimplicit-function-declaration]"));
    let names = calls.iter().filter_map(|line| line.split('\'').nth(1));
    (names.collect(), !others.is_empty())
}

fn io_error(path: &Path, source: io::Error) -> Error {
    Error::Io {
        path: path.to_owned(),
        source,
    }
}

fn write(path: &Path, contents: &[u8]) -> Result<(), Error> {
    fs::write(path, contents).map_err(|error| io_error(path, error))
}

/// `clang`, `clang-19`, not `clang-format` nor `clang-cpp-19`.
fn is_clang_name(name: &OsStr) -> bool {
    name == "clang" || version_in_name(name).is_some()
}

/// The 19 of `clang-19`.
fn version_in_name(name: &OsStr) -> Option<u32> {
    name.to_str()?.strip_prefix("clang-")?.parse().ok()
}

fn version(program: &Path) -> Option<u32> {
    let output = Command::new(program).arg("--version").output().ok()?;
    parse_version(&String::from_utf8_lossy(&output.stdout))
}

/// The major version in `Debian clang version 19.1.7 (3~deb12u1)`.
pub(crate) fn parse_version(text: &str) -> Option<u32> {
    let (_, rest) = text.split_once("clang version ")?;
    rest.split(['.', ' ', '\n']).next()?.parse().ok()
}

/// A path as a JSON string. Bytes that are not UTF-8 are lost; clang reads overlays as UTF-8 only.
fn json_string(path: &Path) -> String {
    let mut out = String::from("\"");
    for character in path.to_string_lossy().chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_clang() {
        for name in ["clang", "clang-14", "clang-21"] {
            assert!(is_clang_name(OsStr::new(name)), "{name}");
        }
        for name in [
            "clang-format",
            "clang++",
            "clang-cpp-19",
            "clang-tidy-19",
            "clangd",
        ] {
            assert!(!is_clang_name(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn versions_as_distributions_print_them() {
        let debian = "Debian clang version 19.1.7 (3~deb12u1)\nTarget: x86_64-pc-linux-gnu\n";
        assert_eq!(parse_version(debian), Some(19));
        assert_eq!(parse_version("clang version 20.1.0-rc1\n"), Some(20));
        assert_eq!(parse_version("gcc (Debian 12.2.0-14) 12.2.0"), None);
    }

    #[test]
    fn json_strings_are_escaped() {
        assert_eq!(json_string(Path::new("a\"b\\c\n")), r#""a\"b\\c\u000a""#);
    }

    #[test]
    fn the_arena_is_found_in_included_files() {
        let dir = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| {
            let path = dir.path().join(name);
            fs::write(&path, text).expect("it can be written");
            path
        };
        let main = write("main.c", "# include \"a.h\"\n");
        write(
            "a.h",
            "#include \"a.h\"\n#include \"b.h\"\n#include <c.h>\n",
        );
        let found = || keeps_in_arena(&main, &mut HashSet::new());
        write("c.h", ARENA);
        write(HEADER_NAME, ARENA);
        write("b.h", "#include \"dynamic_memory.h\"\n");
        assert!(!found());
        write("b.h", ARENA);
        assert!(found());
    }
}
