//! Reads, rewrites and compiles what the command line names, and looks into the objects.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::refusal::Explained;
use super::sources::{Noticed, Sources};
use crate::cli::args::Judged;
use crate::judge::compile::{Clang, Error as CompileError};
use crate::judge::inspect::inspect;
use crate::judge::verdict::Stats;
use crate::run::{Fault, load};

/// What became of one file.
pub struct FileReport {
    /// The file as the command line names it.
    pub path: PathBuf,
    /// Its programs in the order of the object, or why there are none.
    pub programs: Result<Vec<ProgramReport>, Problem>,
    /// What the rewrite left to a person, if the file is not accepted.
    pub noticed: Vec<Noticed>,
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
    /// What it was compiled from.
    pub sources: &'a Sources,
}

impl Object<'_> {
    /// What every kernel refuses.
    pub fn obstacles(&self) -> Result<Vec<Explained>, Problem> {
        let findings = inspect(self.bytes).map_err(|error| unable(self.path, &error))?;
        Ok(Explained::by_inspection(findings, self.sources))
    }
}

/// Who has the last word on an object: a kernel.
pub trait Authority {
    /// Judges an object program by program.
    fn judge(&self, object: &Object) -> Result<Vec<ProgramReport>, Problem>;
}

/// Judges files one by one.
pub struct Judge<'a> {
    arguments: &'a Judged,
    kernel: Option<&'a dyn Authority>,
    clang: Option<Clang>,
}

impl<'a> Judge<'a> {
    /// Without a kernel, only what no kernel accepts is found.
    pub fn new(arguments: &'a Judged, kernel: Option<&'a dyn Authority>) -> Self {
        Self {
            arguments,
            kernel,
            clang: None,
        }
    }

    /// Judges one file.
    pub fn report(&mut self, path: &Path) -> FileReport {
        let mut noticed = Vec::new();
        let programs = self.file(path, &mut noticed);
        let fine = |programs: &Vec<ProgramReport>| programs.iter().all(|p| p.refusal.is_none());
        if programs.as_ref().is_ok_and(fine) {
            noticed.clear();
        }
        FileReport {
            path: path.to_owned(),
            programs,
            noticed,
        }
    }

    fn file(
        &mut self,
        path: &Path,
        noticed: &mut Vec<Noticed>,
    ) -> Result<Vec<ProgramReport>, Problem> {
        let real = fs::canonicalize(path).map_err(|error| load::unreadable(path, &error))?;
        let bytes = fs::read(&real).map_err(|error| load::unreadable(path, &error))?;
        let (bytes, sources) = if bytes.starts_with(b"\x7fELF") {
            (bytes, Sources::unchanged())
        } else {
            self.compile(path, &real, noticed)?
        };
        let object = Object {
            path,
            real: &real,
            bytes: &bytes,
            sources: &sources,
        };
        if let Some(kernel) = self.kernel {
            return kernel.judge(&object);
        }
        let obstacles = object.obstacles()?;
        match obstacles.is_empty() {
            true => Ok(Vec::new()),
            false => Err(Problem::Refused(obstacles)),
        }
    }

    fn compile(
        &mut self,
        path: &Path,
        real: &Path,
        noticed: &mut Vec<Noticed>,
    ) -> Result<(Vec<u8>, Sources), Problem> {
        let clang = self.clang()?;
        let arguments = &self.arguments.clang_arguments;
        let mut sources = Sources::rewrite(real, &clang, self.arguments)?;
        noticed.append(&mut sources.noticed);
        let compiled = clang.compile(real, &sources.replaced(), &sources.headers(), arguments);
        match compiled {
            Ok(bytes) => Ok((bytes, sources)),
            Err(CompileError::Clang { message, .. }) => {
                let explained = Explained::by_clang(&message, &sources);
                Err(match explained.is_empty() {
                    false => Problem::Refused(explained),
                    true => Problem::Unable(Fault::of(
                        path,
                        "compile",
                        format!("does not compile\n{}", message.trim_end()),
                        "see clang's messages; arguments for clang, as -Iinclude, go after --",
                    )),
                })
            }
            Err(error) => Err(unable(path, &error).into()),
        }
    }

    fn clang(&mut self) -> Result<Clang, Fault> {
        if let Some(clang) = &self.clang {
            return Ok(clang.clone());
        }
        let found = match &self.arguments.clang {
            Some(path) => Clang::at(path),
            None => Clang::find(),
        };
        let clang = found.map_err(|error| {
            Fault::new("clang", "sources cannot be compiled", error.to_string())
        })?;
        self.clang = Some(clang.clone());
        Ok(clang)
    }
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
