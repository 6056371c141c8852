//! `bpf-malloc cc`: a compiler that sees the sources as they are after the rewrite.

mod aside;
mod blame;
mod call;

use std::env::consts::ARCH;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::thread::{self, JoinHandle};

use super::args::Cc;
use super::console::Console;
use crate::heap::HEADER_NAME;
use crate::judge::compile::{Clang, Overlay, parse_version};
use crate::report::Lines;
use crate::rewrite;
use crate::run::Fault;
use crate::run::memory::{self, Compiled, Rewritten};
use crate::run::settings::{Choices, ConfigFile};
use aside::Aside;
use call::{Call, Dependencies};

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
    if command.is_empty() {
        console.fault(&Fault::new(
            "usage",
            "no compiler given",
            "name it after the options, as in `bpf-malloc cc clang-19 -target bpf -c prog.bpf.c`",
        ));
        return ExitCode::from(NOT_REWRITTEN);
    }
    // A response file that is a pipe can be read once only. All others are the compiler's to read: they
    // are there because the words are too long for a command line.
    let words = call::expand(command.to_vec(), |known| !known.is_file());
    let mut line = Line::new(words);
    match prepared(args, &mut line, console) {
        Ok(sources) if sources.iter().all(|source| source.changed.is_empty()) => {
            pass(line, console)
        }
        Ok(sources) => {
            tell(&sources, console);
            compile(line, &sources, console)
        }
        Err(fault) => {
            console.fault(&fault);
            ExitCode::from(NOT_REWRITTEN)
        }
    }
}

/// A compiler and what it is to do.
struct Line {
    /// The compiler, wrappers before it, and its arguments.
    words: Vec<OsString>,
    /// How many of the words start the compiler.
    starting: usize,
    call: Call,
    asked: Asked,
    /// What the compiler is to read as standard input, if we have read it.
    input: Option<File>,
}

impl Line {
    fn new(words: Vec<OsString>) -> Self {
        let starting = call::starting(&words);
        Self {
            call: Call::new(&words[starting..]),
            asked: Asked::Not,
            input: None,
            starting,
            words,
        }
    }

    /// The compiler's name.
    fn name(&self) -> String {
        let word = &self.words[self.starting - 1];
        let name = Path::new(word).file_name().unwrap_or(word);
        name.to_string_lossy().into_owned()
    }

    /// The compiler with other arguments behind those of the build: wherever a wrapper's end and the
    /// compiler's begin, these are the compiler's. Only files stand behind `--`.
    fn command<'a>(&self, others: impl IntoIterator<Item = &'a OsString>) -> Command {
        let arguments = &self.words[self.starting..];
        let no_option = |word: &OsString| !word.to_string_lossy().starts_with('-');
        let end = arguments.iter().rposition(|word| word == "--");
        let end = end.filter(|end| arguments[end + 1..].iter().all(no_option));
        let (options, files) = arguments.split_at(end.unwrap_or(arguments.len()));
        let mut command = Command::new(&self.words[0]);
        command
            .args(&self.words[1..self.starting])
            .args(options)
            .args(others)
            .args(files);
        command
    }

    /// The compiler as the build calls it.
    fn as_it_is(&mut self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        if let Some(input) = self.input.take() {
            command.stdin(input);
        }
        command
    }

    /// What the build does not say itself: what the heap needs (see [`Clang::arguments_for`]), and on
    /// x86 how wide a `long` is. The C library's headers ask `__x86_64__` for that, which clang does
    /// not define for BPF, and without it look for `gnu/stubs-32.h`. `<stdlib.h>` goes with the
    /// rewrite, but a source may keep another header (`<time.h>`).
    ///
    /// Each option with its value.
    fn missing(&mut self, replaced: &[(PathBuf, Vec<u8>)]) -> Vec<Vec<OsString>> {
        let call = &self.call;
        let source = call.sources.first().map_or(Path::new(""), PathBuf::as_path);
        let clang = self.asked.answer();
        let mut words = clang
            .map_or(&["-mcpu=v3"][..], |clang| {
                clang.arguments_for(source, replaced)
            })
            .iter();
        let mut missing = Vec::new();
        while let Some(&word) = words.next() {
            let option = match word {
                "-mllvm" => vec![word, words.next().expect("its value follows")],
                _ => vec![word],
            };
            let last = option[option.len() - 1];
            let name = last.split_once('=').map_or(last, |(name, _)| name);
            if !call.says(name) {
                missing.push(option);
            }
        }
        if ARCH == "x86_64" && !call.says_machine() {
            missing.push(vec!["-D", "__x86_64__"]);
        }
        let owned = |option: Vec<&str>| option.into_iter().map(OsString::from).collect();
        missing.into_iter().map(owned).collect()
    }
}

/// A compiler that is asked for its version while the sources are rewritten.
enum Asked {
    Not,
    Running(JoinHandle<Option<Clang>>),
    Answered(Option<Clang>),
}

impl Asked {
    fn ask(&mut self, starting: &[OsString]) {
        if matches!(self, Self::Not) {
            let starting = starting.to_vec();
            *self = Self::Running(thread::spawn(move || version(&starting)));
        }
    }

    /// The compiler, if it is a clang.
    fn answer(&mut self) -> Option<&Clang> {
        if let Self::Running(thread) = std::mem::replace(self, Self::Not) {
            *self = Self::Answered(thread.join().ok().flatten());
        }
        match self {
            Self::Answered(clang) => clang.as_ref(),
            _ => None,
        }
    }
}

/// The clang that these words start. A wrapper before it is asked along with it: its own version
/// says nothing.
fn version(starting: &[OsString]) -> Option<Clang> {
    let program = PathBuf::from(starting.last()?);
    let [only] = starting else {
        let mut command = Command::new(&starting[0]);
        command.args(&starting[1..]).arg("--version");
        let text = command.stdin(Stdio::null()).output().ok()?.stdout;
        let version = parse_version(&String::from_utf8_lossy(&text))?;
        return Some(Clang { program, version });
    };
    Clang::at(Path::new(only)).ok()
}

/// The sources on a command line that compiles for BPF, rewritten; none if there is nothing to
/// rewrite. If there may be something, the compiler is asked what it is.
fn prepared(args: &Cc, line: &mut Line, console: &mut Console) -> Result<Vec<Rewritten>, Fault> {
    let name = line.name();
    if !(line.call.flags.bpf || name.starts_with("bpf-")) {
        return Ok(Vec::new());
    }
    if line.call.from_stdin {
        line.input = read_input(console)?;
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
    for source in &line.call.sources {
        let is_pipe = |known: Metadata| known.file_type().is_fifo();
        if fs::metadata(source).is_ok_and(is_pipe) {
            warn(&source.display().to_string(), UNREAD, console);
            continue;
        }
        // What is not there is the compiler's to tell.
        let Ok(real) = fs::canonicalize(source) else {
            continue;
        };
        let compiled = Compiled::new(&real, &choices, &line.call.flags)?;
        if compiled.may_matter() {
            line.asked.ask(&line.words[..line.starting]);
            sources.push(compiled.rewrite(&args.with)?);
        }
    }
    let changes = sources.iter().any(|source| !source.changed.is_empty());
    if changes && name.contains("gcc") && line.asked.answer().is_none() {
        return Err(Fault::new(
            "compiler",
            "gcc cannot be shown sources that are on no disk",
            "use clang, or have `bpf-malloc rewrite --output DIR` write the sources for gcc",
        ));
    }
    Ok(sources)
}

/// Said of a source that only the compiler can read.
const UNREAD: &str = "a source from a pipe is not rewritten; give it as a file";

/// Standard input, for the compiler to read again. It is not rewritten, because its includes and
/// settings have no directory to be found from; whoever relies on that is told.
fn read_input(console: &mut Console) -> Result<Option<File>, Fault> {
    let mut text = Vec::new();
    let kept = io::stdin().lock().read_to_end(&mut text).and_then(|_| {
        let mut file = tempfile::tempfile()?;
        file.write_all(&text)?;
        file.rewind()?;
        Ok(file)
    });
    if rewrite::may_matter(&text) {
        warn("<stdin>", UNREAD, console);
    }
    kept.map(Some).map_err(|error| scratch(&error))
}

fn warn(file: &str, message: &str, console: &mut Console) {
    console.err(format!("{file}: warning: {message} [bpf-malloc cc]\n").as_bytes());
}

fn scratch(error: &dyn std::fmt::Display) -> Fault {
    Fault::new(
        "scratch",
        error.to_string(),
        "make room in the directory for temporary files, or name another in TMPDIR",
    )
}

/// Becomes the compiler.
fn pass(mut line: Line, console: &mut Console) -> ExitCode {
    let error = line.as_it_is().exec();
    not_started(&line.words[0], &error, console)
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
fn compile(mut line: Line, sources: &[Rewritten], console: &mut Console) -> ExitCode {
    let mut replaced: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for changed in sources.iter().flat_map(|source| &source.changed) {
        for source in &line.call.sources {
            for name in memory::names(&changed.path, source, &line.call.flags) {
                if replaced.iter().all(|(known, _)| *known != name) {
                    replaced.push((name, changed.text.clone()));
                }
            }
        }
    }
    let header = sources.first().map_or("", |source| &source.header);
    let prepared = Overlay::new(&replaced, &[(HEADER_NAME, header)])
        .map_err(|error| scratch(&error))
        .and_then(|overlay| Ok((overlay, tempdir()?)));
    let (overlay, directory) = match prepared {
        Ok(prepared) => prepared,
        Err(fault) => {
            console.fault(&fault);
            return ExitCode::from(NOT_REWRITTEN);
        }
    };
    let missing = line.missing(&replaced);
    let shown = overlay.arguments();
    let added: Vec<Vec<OsString>> = missing
        .iter()
        .cloned()
        .chain(shown.chunks(2).map(<[OsString]>::to_vec))
        .collect();
    let call = &line.call;
    let rules = match &call.dependencies {
        Some(Dependencies::File(path)) => Aside::new("-MF", path, directory.path()),
        _ => None,
    };
    let entry = call.entry.as_deref();
    let entry = entry.and_then(|path| Aside::new("-MJ", path, directory.path()));
    let asides = rules.iter().chain(&entry).flat_map(Aside::arguments);
    let others: Vec<OsString> = added.iter().flatten().cloned().chain(asides).collect();
    let mut command = line.command(&others);
    if let Some(input) = line.input.take() {
        command.stdin(input);
    }
    let done = match call.dependencies {
        Some(Dependencies::Stdout) => command.stdout(Stdio::piped()).spawn().and_then(|child| {
            let output = child.wait_with_output()?;
            io::stdout().write_all(&aside::without_header(&output.stdout))?;
            Ok(output.status)
        }),
        _ => command.status(),
    };
    let status: ExitStatus = match done {
        Ok(status) => status,
        Err(error) => return not_started(&line.words[0], &error, console),
    };
    let mut written: Vec<Result<(), aside::Undelivered>> = vec![
        rules.map_or(Ok(()), |rules| rules.deliver(aside::without_header)),
        entry.map_or(Ok(()), |entry| {
            entry.deliver(|text| aside::without_options(text, &added))
        }),
    ];
    if let Some(Dependencies::Each(paths)) = &call.dependencies {
        written.extend(paths.iter().map(|path| aside::strip(path)));
    }
    for (path, error) in written.iter().filter_map(|done| done.as_ref().err()) {
        let path = path.display();
        console
            .err(format!("{path}: error: cannot be written: {error} [bpf-malloc cc]\n").as_bytes());
    }
    if !status.success() {
        blame::tell(&line, &missing, &shown, sources, directory.path(), console);
    } else if written.iter().any(Result::is_err) {
        return ExitCode::FAILURE;
    }
    // As a shell tells of a command that a signal ended.
    let signal = status.signal().map(|signal| 128 + signal);
    ExitCode::from(status.code().or(signal).unwrap_or(1) as u8)
}

fn tempdir() -> Result<tempfile::TempDir, Fault> {
    let directory = tempfile::Builder::new().prefix("bpf-malloc-").tempdir();
    directory.map_err(|error| scratch(&error))
}
