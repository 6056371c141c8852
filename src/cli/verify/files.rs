//! Reads, rewrites and compiles what the command line names, and looks into the objects.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Read;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use super::refusal::{Explained, Place};
use super::sources::{Noticed, Sources};
use crate::cli::args::Judged;
use crate::judge::compile::{Clang, Error as CompileError};
use crate::judge::explain::Kind;
use crate::judge::inspect::inspect;
use crate::judge::verdict::Stats;
use crate::rewrite::{Backend, missing};
use crate::run::database::{self, Database, Flags};
use crate::run::settings::Choices;
use crate::run::{Fault, load, pool, values};

/// What became of one file.
pub struct FileReport {
    /// The file as the command line names it.
    pub path: PathBuf,
    /// Its programs in the order of the object, or why there are none.
    pub programs: Result<Vec<ProgramReport>, Problem>,
    /// What the rewrite left to a person, if the file is not accepted.
    pub noticed: Vec<Noticed>,
    /// The other backend, if the kernel accepts the file with that.
    pub accepted_with: Option<&'static str>,
    /// The instruction set that it needs, where that is not the usual one.
    pub cpu: Option<&'static str>,
}

impl FileReport {
    /// Something in it could not be judged.
    pub fn is_unjudged(&self) -> bool {
        match &self.programs {
            Ok(programs) => programs
                .iter()
                .any(|p| p.verdict == Verdict::Denied || matches!(p.output, Some(Err(_)))),
            Err(problem) => matches!(problem, Problem::Unable(_)),
        }
    }

    /// Something in it is refused.
    pub fn is_refused(&self) -> bool {
        match &self.programs {
            Ok(programs) => programs.iter().any(|p| p.refusal.is_some()),
            Err(problem) => matches!(problem, Problem::Refused(_)),
        }
    }
}

/// What the kernel says about a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It accepts it.
    Accepted,
    /// It refuses it.
    Refused,
    /// It lets this process load no such program, and so did not look.
    Denied,
}

/// What became of one program.
pub struct ProgramReport {
    /// Its function.
    pub name: String,
    /// Its ELF section.
    pub section: String,
    /// What the kernel said.
    pub verdict: Verdict,
    /// Figures the verifier printed.
    pub stats: Stats,
    /// Instructions handed to the kernel.
    pub instructions: usize,
    /// Time the kernel took.
    pub load_time: Duration,
    /// The verifier's log.
    pub log: String,
    /// libbpf's warnings.
    pub messages: String,
    /// Why it was refused, if it was.
    pub refusal: Option<Explained>,
    /// What it returned, with `--run`. `None` if it was refused or its type has no test run.
    pub output: Option<Result<Output, String>>,
}

/// What came of running a program.
pub struct Output {
    /// What it returned.
    pub value: i32,
    /// The name of that for its type, where it has one.
    pub name: Option<&'static str>,
    /// Mean time of one run.
    pub duration: Duration,
    /// The time includes the system call.
    pub per_call: bool,
    /// What the heap counted meanwhile.
    pub counted: Counted,
    /// What the heap's debug build found wrong meanwhile.
    pub heap_errors: Vec<String>,
}

/// What makes a program's result another one than in user space.
#[derive(Clone, Copy, Default)]
pub struct Counted {
    /// Loops that the kernel ended, at `can_loop`.
    pub loops_cut_short: u64,
    /// Allocations that no heap had room for.
    pub without_memory: u64,
    /// Calls through pointers that found no function.
    pub unknown_functions: u64,
}

impl std::ops::Sub for Counted {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            loops_cut_short: self.loops_cut_short - before.loops_cut_short,
            without_memory: self.without_memory - before.without_memory,
            unknown_functions: self.unknown_functions - before.unknown_functions,
        }
    }
}

/// Why a file has no verdict by program.
pub enum Problem {
    /// It is refused as a whole: it calls what is nowhere defined, or does what BPF cannot.
    Refused(Vec<Explained>),
    /// It could not be judged.
    Unable(Fault),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Problem::Unable(fault)
    }
}

/// An object, and where it comes from.
pub struct Object<'a> {
    /// The file as the command line names it.
    pub path: &'a Path,
    /// The file without symbolic links.
    pub real: &'a Path,
    /// The object.
    pub bytes: &'a [u8],
}

impl Object<'_> {
    /// What every kernel refuses.
    pub fn obstacles(&self) -> Result<Vec<Explained>, Problem> {
        let findings = inspect(self.bytes).map_err(|error| unable(self.path, &error))?;
        Ok(Explained::by_inspection(findings))
    }
}

/// Who has the last word on an object: a kernel.
pub trait Authority: Sync {
    /// Judges an object program by program.
    fn judge(&self, object: &Object) -> Result<Vec<ProgramReport>, Problem>;
}

/// Judges files one by one.
pub struct Judge<'a> {
    arguments: &'a Judged,
    kernel: Option<&'a dyn Authority>,
    clang: OnceLock<Result<Clang, Fault>>,
}

/// How a source is compiled.
struct Way {
    choices: Choices,
    flags: Flags,
    /// For clang.
    arguments: Vec<OsString>,
}

/// What became of a source.
struct Tried {
    programs: Result<Vec<ProgramReport>, Problem>,
    noticed: Vec<Noticed>,
    has_arena: bool,
    cpu: Option<&'static str>,
}

/// What programs that divide signed numbers are compiled with.
const SIGNED: &str = "-mcpu=v4";

fn says_cpu(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().map(|word| word.to_string_lossy());
    words.any(|word| word.starts_with("-mcpu"))
}

impl<'a> Judge<'a> {
    /// Without a kernel, only what no kernel accepts is found.
    pub fn new(arguments: &'a Judged, kernel: Option<&'a dyn Authority>) -> Self {
        Self {
            arguments,
            kernel,
            clang: OnceLock::new(),
        }
    }

    /// Judges all files on several threads. Without `-j` there are `jobs`.
    pub fn all(&self, jobs: usize) -> Vec<FileReport> {
        let mut reports = Vec::with_capacity(self.arguments.files.len());
        pool::ordered(
            &self.arguments.files,
            self.arguments.jobs.map_or(jobs, NonZeroUsize::get),
            |path| self.report(path),
            |report| {
                reports.push(report);
                ControlFlow::Continue(())
            },
        );
        reports
    }

    /// Judges one file.
    fn report(&self, path: &Path) -> FileReport {
        let mut report = FileReport {
            path: path.to_owned(),
            programs: Ok(Vec::new()),
            noticed: Vec::new(),
            accepted_with: None,
            cpu: None,
        };
        match self.source(path) {
            Err(problem) => report.programs = Err(problem),
            Ok((real, None)) => report.programs = self.object(path, &real),
            Ok((real, Some(way))) => {
                let tried = self.tried(path, &real, &way);
                report.programs = tried.programs;
                report.noticed = tried.noticed;
                report.cpu = tried.cpu;
                if report.is_refused() && self.kernel.is_some() {
                    report.accepted_with = self.other(path, &real, way, tried.has_arena);
                }
            }
        }
        if !report.is_refused() && report.programs.is_ok() {
            report.noticed.clear();
        }
        report
    }

    /// The file without symbolic links, and how it is compiled if it is a source.
    fn source(&self, path: &Path) -> Result<(PathBuf, Option<Way>), Problem> {
        let real = fs::canonicalize(path).map_err(|error| load::unreadable(path, &error))?;
        let mut magic = [0; 4];
        let read = File::open(&real).and_then(|mut file| {
            let length = file.read(&mut magic)?;
            Ok(&magic[..length] == b"\x7fELF")
        });
        match read.map_err(|error| load::unreadable(path, &error))? {
            true => Ok((real, None)),
            false => {
                let way = self.way(&real)?;
                Ok((real, Some(way)))
            }
        }
    }

    fn object(&self, path: &Path, real: &Path) -> Result<Vec<ProgramReport>, Problem> {
        let bytes = fs::read(real).map_err(|error| load::unreadable(path, &error))?;
        self.judged(&Object {
            path,
            real,
            bytes: &bytes,
        })
    }

    fn judged(&self, object: &Object) -> Result<Vec<ProgramReport>, Problem> {
        if let Some(kernel) = self.kernel {
            return kernel.judge(object);
        }
        let obstacles = object.obstacles()?;
        match obstacles.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Problem::Refused(obstacles)),
        }
    }

    /// The name of the other backend, if the kernel accepts the file with that. Only where the user
    /// has not chosen one.
    fn other(
        &self,
        path: &Path,
        real: &Path,
        mut way: Way,
        has_arena: bool,
    ) -> Option<&'static str> {
        if self.arguments.backend.is_some() || self.arguments.target_kernel.is_some() {
            return None;
        }
        let (backend, name) = match has_arena {
            true => (Backend::Map, "map"),
            false => (Backend::Arena, "arena"),
        };
        way.choices.backend = Some(backend);
        let programs = self.tried(path, real, &way).programs.ok()?;
        let accepted = |program: &ProgramReport| program.verdict == Verdict::Accepted;
        (!programs.is_empty() && programs.iter().all(accepted)).then_some(name)
    }

    fn tried(&self, path: &Path, real: &Path, way: &Way) -> Tried {
        let mut tried = Tried {
            programs: Ok(Vec::new()),
            noticed: Vec::new(),
            has_arena: false,
            cpu: None,
        };
        tried.programs = self.compile(path, real, way, &mut tried).and_then(|bytes| {
            self.judged(&Object {
                path,
                real,
                bytes: &bytes,
            })
        });
        tried
    }

    /// Compiles a source as it is after the rewrite.
    fn compile(
        &self,
        path: &Path,
        real: &Path,
        way: &Way,
        tried: &mut Tried,
    ) -> Result<Vec<u8>, Problem> {
        let clang = self.clang()?;
        let mut sources = Sources::rewrite(real, &way.choices, &way.flags)?;
        tried.noticed.append(&mut sources.noticed);
        tried.has_arena = sources.has_arena();
        let arguments = &way.arguments;
        let compiled = clang.compile(real, &sources.replaced, &sources.headers(), arguments);
        let message = match compiled {
            Ok(bytes) => return Ok(bytes),
            Err(CompileError::Clang { message, .. }) => message,
            Err(error) => return Err(unable(path, &error).into()),
        };
        // clang's own words; the kernel has the instruction since Linux 6.6.
        let old = self.arguments.target_kernel.is_some();
        if message.contains("unsupported signed division")
            && !(sources.replaced.is_empty() || old || says_cpu(arguments))
        {
            let newer = [&[OsString::from(SIGNED)][..], arguments].concat();
            let again = clang.compile(real, &sources.replaced, &sources.headers(), &newer);
            if let Ok(bytes) = again {
                tried.cpu = Some(SIGNED);
                return Ok(bytes);
            }
        }
        let mut explained = Explained::by_clang(&message);
        if Explained::has_calls(&explained) {
            let llvm = ["-S", "-emit-llvm"].map(OsString::from);
            let llvm = [&llvm[..], arguments].concat();
            let llvm = clang.compile(real, &sources.replaced, &sources.headers(), &llvm);
            Explained::name_undefined(&mut explained, &llvm.unwrap_or_default());
        }
        if !explained.is_empty() {
            return Err(Problem::Refused(explained));
        }
        let accepted = !sources.replaced.is_empty() && clang.accepts(real, arguments);
        if accepted && let Some(own) = clang.cannot_build(real, arguments) {
            // What no rewrite cures: it is not the rewrite's fault.
            let mut own = Explained::by_clang(&own);
            own.retain(|e| matches!(e.kind, Kind::Varargs | Kind::FloatingPoint));
            if !own.is_empty() {
                return Err(Problem::Refused(own));
            }
        }
        let place = Place::of_error(&message);
        let fault = if let Some(name) = missing_header(&message) {
            Fault::of(
                path,
                "missing-header",
                format!("does not compile: there is no header {name}"),
                missing::remedy(name),
            )
        } else if accepted && !clang.explains(real, arguments, &message) {
            Fault::of(
                path,
                "rewritten-text",
                format!(
                    "does not compile after the rewrite, though it does before: a fault of \
                     bpf-malloc\n{}",
                    message.trim_end()
                ),
                format!(
                    "please report it with the output of `bpf-malloc rewrite --diff {}`; the \
                     comment `// bpf-malloc: keep` on a line leaves its call as it is",
                    path.display()
                ),
            )
        } else {
            Fault::of(
                path,
                "compile",
                format!("does not compile\n{}", message.trim_end()),
                "see clang's messages; -I, -D and -U say what the build says, other arguments for \
                 clang go after --",
            )
        };
        Err(match place.and_then(|place| Some((place.span()?, place))) {
            Some((span, place)) => fault.at(&place.path, &place.source, span),
            None => fault,
        }
        .into())
    }

    /// How the compilation database, the options and the arguments for clang have a source
    /// compiled, in this order.
    fn way(&self, real: &Path) -> Result<Way, Fault> {
        let judged = self.arguments;
        let database = match &judged.compile_commands {
            Some(path) => Some(Database::read(path)?),
            None => match database::nearest(real) {
                Some(path) => Some(Database::read(&path)?),
                None => None,
            },
        };
        let known = database.and_then(|database| database.entry(real).cloned());
        let mut flags = known.map_or_else(Flags::default, |known| (*known).clone());
        let here = std::env::current_dir().unwrap_or_default();
        flags
            .dirs
            .extend(judged.include_dirs.iter().map(|dir| here.join(dir)));
        let defined = judged.defines.iter().map(|text| values::define(text));
        flags.macros.extend(defined);
        let undefined = judged.undefines.iter().map(|name| values::undefine(name));
        flags.macros.extend(undefined);
        let mut arguments = flags.arguments();
        let given: Vec<String> = judged
            .clang_arguments
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let given = database::parse(&given, &here);
        flags.dirs.extend(given.dirs);
        flags.macros.extend(given.macros);
        flags.forced.extend(given.forced);
        arguments.extend(judged.clang_arguments.iter().cloned());
        flags.bpf = true;
        let choices = Choices {
            backend: judged.backend,
            target_kernel: judged.target_kernel,
            recursion: judged.recursion,
            ..Choices::default()
        };
        Ok(Way {
            choices,
            flags,
            arguments,
        })
    }

    fn clang(&self) -> Result<&Clang, Fault> {
        let found = self.clang.get_or_init(|| {
            let found = match &self.arguments.clang {
                Some(path) => Clang::at(path),
                None => Clang::find(),
            };
            found.map_err(|error| {
                Fault::new("clang", "sources cannot be compiled", error.to_string())
            })
        });
        found.as_ref().map_err(Clone::clone)
    }
}

/// The header that clang does not find, if that is what ended the compilation.
fn missing_header(message: &str) -> Option<&str> {
    let end = message.find("' file not found")?;
    let start = message[..end].rfind('\'')?;
    Some(&message[start + 1..end])
}

/// An object that cannot be read.
pub fn unable(path: &Path, error: &dyn std::error::Error) -> Fault {
    Fault::of(
        path,
        "load",
        error,
        "give C sources, or objects that clang made with -target bpf -g",
    )
}
