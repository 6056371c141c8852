//! Reads, rewrites, compiles, loads and runs what the command line names.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bpf_malloc::kernel::compile::{Clang, Error as CompileError};
use bpf_malloc::kernel::explain::Kind;
use bpf_malloc::kernel::inspect::{inspect, split_structures};
use bpf_malloc::kernel::load::{Error as LoadError, Judgement, ObjectFile};
use bpf_malloc::kernel::privilege;
use bpf_malloc::kernel::run::{self, RunInput, RunOutput, Support};

use super::refusal::Explained;
use super::sources::{Noticed, Sources};
use super::{Verify, machine, report};
use crate::cli::args::Format;
use crate::cli::console::Console;
use crate::cli::{exit, load};
use crate::report::Fault;

/// What became of one file.
pub struct FileReport {
    /// The file as the command line names it.
    pub path: PathBuf,
    /// Its programs in the order of the object, or why there are none.
    pub programs: Result<Vec<ProgramReport>, Problem>,
    /// What the rewrite left to a person, if the file is not accepted.
    pub noticed: Vec<Noticed>,
}

/// What became of one program.
pub struct ProgramReport {
    /// What the kernel said.
    pub judgement: Judgement,
    /// Why it was refused, if it was.
    pub refusal: Option<Explained>,
    /// What it returned, with `--run`. `None` if it was refused or its type has no test run.
    pub output: Option<Result<RunOutput, String>>,
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

/// Whether the kernel is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Every program is loaded.
    Kernel,
    /// Only what no kernel takes is looked for.
    Nobody,
}

/// The command.
pub fn run(arguments: &Verify, ask: Ask, console: &mut Console) -> ExitCode {
    let (files, mut faults) = match prepare(arguments, ask) {
        Err(fault) => (Vec::new(), vec![fault]),
        Ok(mut judge) => {
            let report = |path: &PathBuf| judge.report(path);
            (arguments.files.iter().map(report).collect(), Vec::new())
        }
    };
    let text = match arguments.message_format {
        // A table of nothing says nothing.
        Format::Human if files.is_empty() => Vec::new(),
        Format::Human => report::render(ask, &files, arguments.log, console.out_color),
        Format::Json => machine::json(&files, &faults, arguments.log),
        Format::Sarif => machine::sarif(&files, &faults),
        Format::Github => machine::github(&files, &faults),
    };
    let written = console.out(&text).and_then(|()| console.flush());
    faults.extend(written.err());
    let of_files = files.iter().filter_map(|file| match &file.programs {
        Err(Problem::Unable(fault)) => Some(fault),
        _ => None,
    });
    for fault in faults.iter().chain(of_files) {
        console.fault(fault);
    }
    let unjudged = files.iter().any(|file| match &file.programs {
        Ok(programs) => programs
            .iter()
            .any(|p| p.judgement.denied() || matches!(p.output, Some(Err(_)))),
        Err(problem) => matches!(problem, Problem::Unable(_)),
    });
    let refused = files.iter().any(|file| match &file.programs {
        Ok(programs) => programs.iter().any(|p| p.refusal.is_some()),
        Err(problem) => matches!(problem, Problem::Refused(_)),
    });
    exit::code(unjudged || !faults.is_empty(), refused)
}

fn prepare(arguments: &Verify, ask: Ask) -> Result<Judge<'_>, Fault> {
    if ask == Ask::Kernel {
        privilege::check().map_err(|unable| {
            Fault::new(
                "privilege",
                "the kernel cannot be asked for its verdict",
                unable.to_string(),
            )
        })?;
    }
    Ok(Judge {
        arguments,
        ask,
        input: run_input(arguments)?,
        clang: None,
    })
}

fn run_input(arguments: &Verify) -> Result<Option<RunInput>, Fault> {
    if !arguments.run {
        return Ok(None);
    }
    let mut input = RunInput {
        repeat: arguments.repeat.get(),
        ..RunInput::default()
    };
    if let Some(path) = &arguments.packet {
        input.packet = fs::read(path).map_err(|error| load::unreadable(path, &error))?;
        if input.packet.len() < 14 {
            let length = input.packet.len();
            return Err(Fault::of(
                path,
                "packet",
                format!("this packet has {length} bytes"),
                "give one that starts with an Ethernet header: 14 bytes at least",
            ));
        }
    }
    Ok(Some(input))
}

struct Judge<'a> {
    arguments: &'a Verify,
    ask: Ask,
    input: Option<RunInput>,
    clang: Option<Clang>,
}

impl Judge<'_> {
    fn report(&mut self, path: &Path) -> FileReport {
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
        let blockers = || {
            let findings = inspect(&bytes).map_err(|error| unable(path, &error))?;
            Ok::<_, Problem>(Explained::by_inspection(findings, &sources))
        };
        let object = ObjectFile::named_after(&real, bytes.clone());
        let programs = match object.programs() {
            Ok(programs) => programs,
            // What libbpf cannot even open has something missing. libbpf names the first of what
            // is missing, and where it is not missing a name, nobody else says what is.
            Err(LoadError::Open { message, .. }) => {
                let mut blockers = blockers()?;
                let said = Explained::by_libbpf(&message);
                if blockers.iter().all(|blocker| blocker.kind != said.kind) {
                    blockers.push(said);
                }
                return Err(Problem::Refused(blockers));
            }
            Err(error) => return Err(unable(path, &error).into()),
        };
        if self.ask == Ask::Nobody {
            let blockers = blockers()?;
            return match blockers.is_empty() {
                true => Ok(Vec::new()),
                false => Err(Problem::Refused(blockers)),
            };
        }
        let mut reports = Vec::new();
        for program in programs {
            let judgement = object
                .judge(&program.name)
                .map_err(|error| unable(path, &error))?;
            let mut refusal = Explained::by_kernel(&judgement, &sources);
            // Of what it refuses before it walks, the kernel tells no instruction.
            if let Some(refusal) = refusal.as_mut().filter(|one| one.place.is_none()) {
                refusal.place_by(&blockers()?);
            }
            if let Some(refusal) = &mut refusal
                && refusal.kind == Kind::TypeInformation
            {
                refusal.name_split(&split_structures(&bytes).unwrap_or_default());
            }
            reports.push(ProgramReport {
                refusal,
                judgement,
                output: None,
            });
        }
        if let Some(input) = &self.input {
            run_all(&object, &mut reports, input);
        }
        Ok(reports)
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
                        "see clang's messages; arguments for clang, as -Iinclude, go behind --",
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

fn unable(path: &Path, error: &dyn std::error::Error) -> Fault {
    Fault::of(
        path,
        "load",
        error,
        "give C sources, or objects that clang made with -target bpf -g",
    )
}

/// Runs what was accepted, in the order of the object and on one set of maps, so that a program
/// sees what an earlier one left there.
fn run_all(object: &ObjectFile, reports: &mut [ProgramReport], input: &RunInput) {
    let mut runnable: Vec<(&mut ProgramReport, String)> = reports
        .iter_mut()
        .filter_map(|report| {
            let info = report.judgement.program.as_ref()?;
            let runs = run::support(info.program_type) != Support::None;
            let name = info.name.clone();
            (runs && report.judgement.accepted()).then_some((report, name))
        })
        .collect();
    if runnable.is_empty() {
        return;
    }
    let loaded = object.load_only(|name| runnable.iter().any(|(_, wanted)| wanted == name));
    for (report, name) in &mut runnable {
        report.output = Some(match &loaded {
            Ok(loaded) => loaded.run(name, input).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        });
    }
}
