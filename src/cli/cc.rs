//! `bpf-malloc cc`: a compiler that sees the sources as they are after the rewrite.

use std::cell::OnceCell;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::args::Cc;
use super::console::Console;
use crate::heap::HEADER_NAME;
use crate::judge::compile::{Clang, INCLUDE, Overlay};
use crate::report::Lines;
use crate::run::Fault;
use crate::run::database::{self, Flags};
use crate::run::memory::{self, Compiled, Rewritten};
use crate::run::settings::{Choices, ConfigFile};

/// The exit code for a source that could not be rewritten.
const NOT_REWRITTEN: u8 = 2;
/// The shell's exit code for a command that is not there.
const NO_COMMAND: u8 = 127;

/// Runs the command.
pub fn run(args: &Cc, console: &mut Console) -> ExitCode {
    // What stands before the compiler belongs to us, `--` included.
    let command: &[OsString] = match args.command.first() {
        Some(first) if first == "--" => &args.command[1..],
        _ => &args.command,
    };
    let Some((compiler, words)) = command.split_first() else {
        console.fault(&Fault::new(
            "usage",
            "no compiler given",
            "name it after the options, as in `bpf-malloc cc clang-19 -target bpf -c prog.bpf.c`",
        ));
        return ExitCode::from(NOT_REWRITTEN);
    };
    let asked = Asked::default();
    match rewritten(args, compiler, words, &asked) {
        Ok(sources) if sources.iter().all(|source| source.changed.is_empty()) => {
            pass(compiler, words, console)
        }
        Ok(sources) => {
            let call = Call::new(words);
            tell(&sources, console);
            compile(compiler, asked, words, &call, &sources, console)
        }
        Err(fault) => {
            console.fault(&fault);
            ExitCode::from(NOT_REWRITTEN)
        }
    }
}

/// A compiler that is asked for its version while the sources are rewritten.
#[derive(Default)]
struct Asked(OnceCell<JoinHandle<Option<Clang>>>);

impl Asked {
    fn ask(&self, compiler: &OsStr) {
        let compiler = PathBuf::from(compiler);
        self.0
            .get_or_init(|| thread::spawn(move || Clang::at(&compiler).ok()));
    }

    /// The compiler, if it is a clang.
    fn answer(self) -> Option<Clang> {
        self.0.into_inner()?.join().ok()?
    }
}

/// The command line of a compiler, as far as it matters here.
struct Call {
    /// The C sources, as given.
    sources: Vec<PathBuf>,
    /// How they are compiled.
    flags: Flags,
    /// Where dependencies are written to; `-` for stdout.
    dependencies: Option<PathBuf>,
}

/// Options of clang and gcc with their value in a word of its own.
const WITH_VALUE: [&str; 30] = [
    "-o",
    "-I",
    "-D",
    "-U",
    "-L",
    "-T",
    "-l",
    "-u",
    "-e",
    "-z",
    "-x",
    "-B",
    "-include",
    "-imacros",
    "-isystem",
    "-iquote",
    "-idirafter",
    "-isysroot",
    "-iprefix",
    "-iwithprefix",
    "-ivfsoverlay",
    "-MF",
    "-MT",
    "-MQ",
    "-target",
    "--sysroot",
    "-Xclang",
    "-mllvm",
    "-Xpreprocessor",
    "-resource-dir",
];

impl Call {
    fn new(words: &[OsString]) -> Self {
        let here = std::env::current_dir().unwrap_or_default();
        let texts: Vec<String> = words
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let mut call = Self {
            sources: Vec::new(),
            flags: database::parse(&texts, &here),
            dependencies: None,
        };
        let mut language = None;
        let (mut output, mut file, mut beside, mut only) = (None, None, false, false);
        let mut rest = words.iter().zip(&texts);
        while let Some((word, text)) = rest.next() {
            let value = match WITH_VALUE.contains(&text.as_str()) {
                true => rest.next().map(|(word, _)| word.as_os_str()),
                false => None,
            };
            match (text.as_str(), value) {
                ("-o", Some(value)) => output = Some(PathBuf::from(value)),
                ("-MF", Some(value)) => file = Some(PathBuf::from(value)),
                ("-x", Some(value)) => language = value.to_str().map(str::to_owned),
                ("-MD" | "-MMD", _) => beside = true,
                ("-M" | "-MM", _) => only = true,
                (text, None) => {
                    if let Some(path) = text.strip_prefix("-MF") {
                        file = Some(PathBuf::from(path));
                    } else if let Some(path) = text.strip_prefix("-o") {
                        output = Some(PathBuf::from(path));
                    } else if let Some(name) = text.strip_prefix("-x") {
                        language = Some(name.to_owned());
                    } else if let Some(given) = text.strip_prefix("-Wp,") {
                        // As the kernel's makefiles have it: -Wp,-MMD,FILE.
                        let mut parts = given.split(',');
                        let first = parts.next();
                        if matches!(first, Some("-MD" | "-MMD" | "-MF")) {
                            file = parts.next().map(PathBuf::from).or(file);
                            beside |= first != Some("-MF");
                        }
                    } else if !text.starts_with('-') && !text.starts_with('@') {
                        let is_c = match &language {
                            Some(language) => language == "c",
                            None => Path::new(text).extension() == Some(OsStr::new("c")),
                        };
                        call.sources.extend(is_c.then(|| PathBuf::from(word)));
                    }
                }
                _ => {}
            }
        }
        call.dependencies = match (only, beside) {
            (true, _) => Some(file.or(output).unwrap_or(PathBuf::from("-"))),
            (false, true) => file.or_else(|| match (&output, call.sources.first()) {
                (Some(output), _) => Some(output.with_extension("d")),
                (None, Some(source)) => {
                    let name = source.file_name()?;
                    Some(Path::new(name).with_extension("d"))
                }
                (None, None) => None,
            }),
            (false, false) => None,
        };
        call
    }
}

/// The sources on a command line that compiles for BPF, rewritten; none if there is nothing to
/// rewrite. If there may be something, the compiler is asked what it is.
fn rewritten(
    args: &Cc,
    compiler: &OsStr,
    words: &[OsString],
    asked: &Asked,
) -> Result<Vec<Rewritten>, Fault> {
    let call = Call::new(words);
    let name = Path::new(compiler).file_name().unwrap_or(compiler);
    let own = name.to_string_lossy().starts_with("bpf-");
    if !(call.flags.bpf || own) {
        return Ok(Vec::new());
    }
    let choices = Choices {
        backend: args.backend,
        on_null: args.on_null.clone(),
        recursion: args.recursion,
        target_kernel: args.target_kernel,
        config: match &args.config {
            _ if args.no_config => ConfigFile::None,
            Some(file) => ConfigFile::File(file.clone()),
            None => ConfigFile::Nearest,
        },
        ..Choices::default()
    };
    let mut sources = Vec::new();
    for source in &call.sources {
        // What is not there is the compiler's to tell.
        let Ok(real) = fs::canonicalize(source) else {
            continue;
        };
        let compiled = Compiled::new(&real, &choices, &call.flags)?;
        if compiled.may_matter() {
            asked.ask(compiler);
            sources.push(compiled.rewrite(&args.with)?);
        }
    }
    let changes = sources.iter().any(|source| !source.changed.is_empty());
    if changes && name.to_string_lossy().contains("gcc") {
        return Err(Fault::new(
            "compiler",
            "gcc cannot be shown sources that are on no disk",
            "use clang, or have `bpf-malloc rewrite --output DIR` write the sources for gcc",
        ));
    }
    Ok(sources)
}

/// Becomes the compiler.
fn pass(compiler: &OsStr, words: &[OsString], console: &mut Console) -> ExitCode {
    let error = Command::new(compiler).args(words).exec();
    not_started(compiler, &error, console)
}

fn not_started(compiler: &OsStr, error: &io::Error, console: &mut Console) -> ExitCode {
    console.fault(&Fault::new(
        "compiler",
        format!(
            "{} cannot be started: {error}",
            Path::new(compiler).display()
        ),
        "give the name or path of a clang after the options of `bpf-malloc cc`",
    ));
    ExitCode::from(NO_COMMAND)
}

/// Tells what needs a person, as compilers do.
fn tell(sources: &[Rewritten], console: &mut Console) {
    for noticed in sources.iter().flat_map(|source| &source.noticed) {
        let lines = Lines::new(&noticed.source);
        let path = super::shown(&noticed.path);
        for notice in &noticed.notices {
            let place = lines.position(notice.span.start);
            let help = notice.help.as_deref().map(|help| format!("; {help}"));
            console.err(
                format!(
                    "{}:{}:{}: warning: {}{} [bpf-malloc {}]\n",
                    path.display(),
                    place.line,
                    place.column,
                    notice.message,
                    help.unwrap_or_default(),
                    notice.rule.name()
                )
                .as_bytes(),
            );
        }
    }
}

/// Runs the compiler on the rewritten text.
fn compile(
    compiler: &OsStr,
    asked: Asked,
    words: &[OsString],
    call: &Call,
    sources: &[Rewritten],
    console: &mut Console,
) -> ExitCode {
    let mut replaced: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for changed in sources.iter().flat_map(|source| &source.changed) {
        for source in &call.sources {
            for name in memory::names(&changed.path, source, &call.flags) {
                if replaced.iter().all(|(known, _)| *known != name) {
                    replaced.push((name, changed.text.clone()));
                }
            }
        }
    }
    let header = sources.first().map_or("", |source| &source.header);
    let overlay = match Overlay::new(&replaced, &[(HEADER_NAME, header)]) {
        Ok(overlay) => overlay,
        Err(error) => {
            console.fault(&Fault::new(
                "scratch",
                error.to_string(),
                "make room in the directory for temporary files, or name another in TMPDIR",
            ));
            return ExitCode::from(NOT_REWRITTEN);
        }
    };
    let mut command = Command::new(compiler);
    // What the build says itself comes later, and counts.
    let source = call.sources.first().map_or(Path::new(""), PathBuf::as_path);
    let clang = asked.answer();
    command.args(clang.map_or(&["-mcpu=v3"][..], |c| c.arguments_for(source, &replaced)));
    command.args(words).args(overlay.arguments());
    let to_stdout = call.dependencies.as_deref() == Some(Path::new("-"));
    let done = match to_stdout {
        true => command.stdout(Stdio::piped()).spawn().and_then(|child| {
            let output = child.wait_with_output()?;
            io::stdout().write_all(&without_header(&output.stdout))?;
            Ok(output.status)
        }),
        false => command.status(),
    };
    let status: ExitStatus = match done {
        Ok(status) => status,
        Err(error) => return not_started(compiler, &error, console),
    };
    if let Some(path) = call.dependencies.as_deref().filter(|_| !to_stdout)
        && let Ok(text) = fs::read(path)
    {
        // A file that cannot be written is one that the compiler could not write either.
        let _ = fs::write(path, without_header(&text));
    }
    if !status.success() {
        for changed in sources.iter().flat_map(|source| &source.changed) {
            let path = super::shown(&changed.path);
            let path = path.display();
            console.err(
                format!(
                    "{path}: note: the compiler saw this file after the rewrite; \
                     `bpf-malloc rewrite --diff {path}` shows it\n"
                )
                .as_bytes(),
            );
        }
    }
    // As a shell tells of a command that a signal ended.
    let signal = status.signal().map(|signal| 128 + signal);
    ExitCode::from(status.code().or(signal).unwrap_or(1) as u8)
}

/// Rules of dependencies without the header that is on no disk.
fn without_header(rules: &[u8]) -> Vec<u8> {
    let name = format!("{INCLUDE}/{HEADER_NAME}");
    let mut text = String::from_utf8_lossy(rules).into_owned();
    // The rule of its own that -MP writes, then the prerequisite.
    text = text.replace(&format!("\n{name}:\n"), "\n");
    text = text.replace(&format!(" {name} \\\n"), " \\\n");
    text.replace(&format!(" \\\n  {name}\n"), "\n")
        .replace(&format!(" {name}\n"), "\n")
        .into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(line: &str) -> Call {
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        Call::new(&words)
    }

    #[test]
    fn sources_and_dependencies_of_a_command_line() {
        let found = call("-target bpf -Iinc -o out/a.o -include x.h -MD -c src/a.c");
        assert_eq!(found.sources, [PathBuf::from("src/a.c")]);
        assert_eq!(found.dependencies, Some(PathBuf::from("out/a.d")));
        assert!(found.flags.bpf && found.flags.forced == ["x.h"]);
        let found = call("--target=bpf -MMD -MF deps/x -c a.c b.c");
        assert_eq!(
            (found.sources.len(), found.dependencies),
            (2, Some("deps/x".into()))
        );
        assert_eq!(call("-MD -c d/a.c").dependencies, Some("a.d".into()));
        assert_eq!(
            call("-Wp,-MMD,d/.a.o.d -c a.c").dependencies,
            Some("d/.a.o.d".into())
        );
        assert_eq!(call("-MM a.c").dependencies, Some("-".into()));
        assert_eq!(call("-c a.c").dependencies, None);
        for line in [
            "-c a.S",
            "-o x.c",
            "a.o b.o -o prog",
            "-x assembler a.c",
            "--version",
            "@args",
        ] {
            assert!(call(line).sources.is_empty(), "{line}");
        }
        assert_eq!(call("-x c a.inc").sources, [PathBuf::from("a.inc")]);
    }

    #[test]
    fn rules_name_only_files_that_are_there() {
        let name = format!("{INCLUDE}/{HEADER_NAME}");
        for (rules, wanted) in [
            (
                format!("a.o: a.c \\\n  {name} \\\n  b.h\n"),
                "a.o: a.c \\\n  \\\n  b.h\n",
            ),
            (
                format!("a.o: a.c b.h \\\n  {name}\n\nb.h:\n\n{name}:\n"),
                "a.o: a.c b.h\n\nb.h:\n\n",
            ),
            (format!("a.o: a.c {name}\n"), "a.o: a.c\n"),
        ] {
            let found = without_header(rules.as_bytes());
            assert_eq!(String::from_utf8_lossy(&found), wanted);
        }
    }
}
