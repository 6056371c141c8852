//! Opens BPF objects, loads them and keeps what the verifier said.
//!
//! Two ways to load: [`ObjectFile::judge`] loads one program and keeps nothing but the verdict, so
//! that one refused program does not hide the others; [`ObjectFile::load`] loads the object whole
//! and returns it, ready to run and with its maps open.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use libbpf_rs::{Map, MapCore, ObjectBuilder, OpenObject, ProgramMut, ProgramType};

use super::raw::{self, LogBuffer, captured};
use crate::judge::SourceLine;
use crate::judge::verdict::Stats;

/// Bytes offered for the log of one program. The kernel writes only what it needs and the pages
/// are touched only then; since Linux 6.4 a longer log keeps its end, before that its start.
const LOG_BYTES: usize = 16 << 20;

/// Bytes offered for the figures where that was too little. Even with them only the verifier writes a line
/// for each call of a global function that it meets, so a loop of some hundred rounds fills the
/// buffer, and the kernel refuses a sound program with `ENOSPC`. The longest such line (170 bytes,
/// with a name of 128) for every other of the 1,000,000 instructions it walks at most cannot fill
/// this one.
const MOST_STATS_BYTES: usize = 128 << 20;

/// `BPF_LOG_STATS`: the figures only. At level 1 a program that is accepted after a long search
/// can overflow the buffer, and the kernel then refuses it with `ENOSPC`.
const LOG_STATS: u32 = 4;

/// `BPF_LOG_LEVEL1`: the instructions on the path to the refusal.
const LOG_PATH: u32 = 1;

/// `ENOSPC`, of the log's buffer among others.
const NO_SPACE: i32 = 28;

/// Why an object was not loaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// libbpf does not take the bytes for a BPF object.
    Open {
        /// Name of the object.
        object: String,
        /// libbpf's words.
        message: String,
    },
    /// The object has no program of this name.
    NoSuchProgram {
        /// Name of the object.
        object: String,
        /// Name that was asked for.
        program: String,
    },
    /// The object has no map of this name.
    NoSuchMap {
        /// Name of the object.
        object: String,
        /// Name that was asked for.
        map: String,
    },
    /// The kernel or libbpf refused a program, or, where `judgement` names none, the object.
    Refused(Box<Judgement>),
    /// Running a loaded program failed.
    Run {
        /// Name of the program.
        program: String,
        /// What the kernel said.
        message: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Read { path, source } => write!(f, "cannot read {}: {source}", path.display()),
            Error::Open { object, message } => write!(
                f,
                "{object} is not a BPF object that libbpf can open: {message}"
            ),
            Error::NoSuchProgram { object, program } => {
                write!(f, "{object} has no program named {program}")
            }
            Error::NoSuchMap { object, map } => write!(f, "{object} has no map named {map}"),
            Error::Refused(judgement) => write!(f, "{judgement}"),
            Error::Run { program, message } => write!(f, "cannot run {program}: {message}"),
        }
    }
}

impl std::error::Error for Error {}

/// A program as the object file describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProgramInfo {
    /// Name of its function.
    pub name: String,
    /// ELF section it stands in, as in `SEC("xdp")`.
    pub section: String,
    /// Type libbpf derives from the section; [`ProgramType::Unspec`] if the section says nothing.
    pub program_type: ProgramType,
}

/// What the kernel decided about one program.
#[derive(Debug, Clone)]
pub struct Judgement {
    /// Name of the object.
    pub object: String,
    /// The program; `None` if loading failed before any program was tried.
    pub program: Option<ProgramInfo>,
    /// `errno` of the refusal, `None` if the program was accepted. It differs between kernel
    /// versions for the same reason, so a reason is read from the log instead.
    pub errno: Option<i32>,
    /// The verifier's log: statistics of an accepted program, the path to the refusal else.
    pub log: String,
    /// libbpf's warnings. The reason stands here if the verifier was never asked, for instance
    /// for an extern that cannot be resolved.
    pub messages: String,
    /// Figures the verifier printed.
    pub stats: Stats,
    /// Instructions handed to the kernel, appended functions included.
    pub instructions: usize,
    /// Source lines by instruction; empty without BTF line info.
    pub lines: Vec<SourceLine>,
    /// Time the kernel took to verify and translate the program, map creation not included.
    pub load_time: Duration,
}

/// `EPERM` of linux/errno-base.h, the same on every machine.
const EPERM: i32 = 1;

impl Judgement {
    /// Whether the kernel took the program.
    pub fn accepted(&self) -> bool {
        self.errno.is_none()
    }

    /// Whether the kernel did not look at the program: this process, or a security policy of this
    /// system, may not load programs of its type. That says nothing about the program.
    ///
    /// The verifier itself answers `EPERM` too (before Linux 6.12), but never without a word.
    pub fn denied(&self) -> bool {
        self.errno == Some(EPERM) && self.log.trim().is_empty()
    }
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match &self.program {
            Some(program) => format!("{} of {}", program.name, self.object),
            None => self.object.clone(),
        };
        let Some(errno) = self.errno else {
            return write!(f, "{what} was accepted");
        };
        let reason = io::Error::from_raw_os_error(errno);
        write!(f, "{what} was refused: {reason}")?;
        for part in [&self.messages, &self.log] {
            if !part.trim().is_empty() {
                write!(f, "\n{}", part.trim_end())?;
            }
        }
        Ok(())
    }
}

/// A BPF object file in memory, not loaded yet.
#[derive(Debug, Clone)]
pub struct ObjectFile {
    name: String,
    bytes: Vec<u8>,
}

impl ObjectFile {
    /// Reads an object from a file; its name is the file's without directories and suffixes.
    ///
    /// # Errors
    ///
    /// [`Error::Read`] if the file cannot be read.
    pub fn from_path(path: &Path) -> Result<Self, Error> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self::named_after(path, bytes))
    }

    /// Takes the bytes of an object that has, or could have, the file name of `path`.
    pub fn named_after(path: &Path, bytes: Vec<u8>) -> Self {
        let file = path.file_name().unwrap_or(path.as_os_str());
        let file = file.to_string_lossy();
        Self::from_bytes(file.split('.').next().unwrap_or_default(), bytes)
    }

    /// Takes the bytes of an object. libbpf puts `name`, cut to 15 bytes, before the names of the
    /// maps that hold global data (`name.bss`).
    pub fn from_bytes(name: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
        }
    }

    /// The programs of the object, in the order of the file.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] if the bytes are no BPF object.
    pub fn programs(&self) -> Result<Vec<ProgramInfo>, Error> {
        let object = self.open()?;
        Ok(object.progs().map(|program| describe(&program)).collect())
    }

    /// Loads one program alone, and unloads it again. The maps of the object are created and
    /// dropped with it; nothing is attached.
    ///
    /// A program refused at first is loaded a second time for the verifier's full log.
    ///
    /// # Errors
    ///
    /// [`Error::Open`] or [`Error::NoSuchProgram`]. That the kernel refuses the program is no
    /// error but the [`Judgement`].
    pub fn judge(&self, program: &str) -> Result<Judgement, Error> {
        let only = |info: &ProgramInfo, _| info.name == program;
        let mut attempt = self.attempt_for_stats(&only)?;
        let errno = attempt.object.as_ref().err().copied();
        if attempt.judgements.is_empty() {
            return Err(Error::NoSuchProgram {
                object: self.name.clone(),
                program: program.to_owned(),
            });
        }
        if errno.is_some() {
            let path = self.attempt(&only, LOG_PATH, LOG_BYTES)?;
            // Before Linux 6.4 a log too long for the buffer lacks its end, and with it the reason.
            // The short one has that, though not the way there.
            if is_whole(&path.judgements[0].log) || !is_whole(&attempt.judgements[0].log) {
                attempt = path;
            }
        }
        let mut judgement = attempt.judgements.swap_remove(0);
        // That of the second time is ENOSPC where the log was longer than its buffer.
        judgement.errno = errno;
        judgement.messages = attempt.messages;
        judgement.load_time = attempt.load_time;
        Ok(judgement)
    }

    /// Loads every program of the object except those its author switched off (`SEC("?xdp")`).
    ///
    /// # Errors
    ///
    /// [`Error::Open`], or [`Error::Refused`] for the first program the kernel does not take.
    pub fn load(&self) -> Result<Loaded, Error> {
        self.load_selected(&|_, by_default| by_default)
    }

    /// Loads the programs whose name `wanted` takes, switched off or not; the others stay out.
    ///
    /// # Errors
    ///
    /// As for [`ObjectFile::load`].
    pub fn load_only(&self, wanted: impl Fn(&str) -> bool) -> Result<Loaded, Error> {
        self.load_selected(&|info, _| wanted(&info.name))
    }

    fn load_selected(&self, select: &Select<'_>) -> Result<Loaded, Error> {
        let attempt = self.attempt_for_stats(select)?;
        let errno = match attempt.object {
            Ok(object) => {
                return Ok(Loaded {
                    name: self.name.clone(),
                    judgements: attempt.judgements,
                    object,
                });
            }
            Err(errno) => errno,
        };
        for program in attempt.judgements.iter().filter_map(|j| j.program.as_ref()) {
            let alone = self.judge(&program.name)?;
            if !alone.accepted() {
                return Err(Error::Refused(Box::new(alone)));
            }
        }
        // Each loads alone, so the object as a whole is at fault: a map, or a struct_ops table.
        Err(Error::Refused(Box::new(Judgement {
            object: self.name.clone(),
            program: None,
            errno: Some(errno),
            log: String::new(),
            messages: attempt.messages,
            stats: Stats::default(),
            instructions: 0,
            lines: Vec::new(),
            load_time: attempt.load_time,
        })))
    }

    fn open(&self) -> Result<OpenObject, Error> {
        let (object, messages) = captured(|| {
            ObjectBuilder::default()
                .name(&self.name)?
                .open_memory(&self.bytes)
        });
        object.map_err(|error| Error::Open {
            object: self.name.clone(),
            message: format!("{error:#}\n{messages}").trim_end().to_owned(),
        })
    }

    /// Loads without the way that the verifier takes.
    fn attempt_for_stats(&self, select: &Select<'_>) -> Result<Attempt, Error> {
        let attempt = self.attempt(select, LOG_STATS, LOG_BYTES)?;
        if attempt.object.as_ref().err() == Some(&NO_SPACE) {
            return self.attempt(select, LOG_STATS, MOST_STATS_BYTES);
        }
        Ok(attempt)
    }

    fn attempt(
        &self,
        select: &Select<'_>,
        log_level: u32,
        log_bytes: usize,
    ) -> Result<Attempt, Error> {
        let mut open = self.open()?;
        let mut asked = Vec::new();
        for mut program in open.progs_mut() {
            let info = describe(&program);
            let selected = select(&info, program.autoload());
            program.set_autoload(selected);
            if selected {
                program.set_log_level(log_level);
                let log = LogBuffer::attach(&mut program, log_bytes);
                asked.push((info, log));
            }
        }

        let (prepared, mut messages) = captured(|| raw::prepare(&mut open));
        let mut layouts = Vec::new();
        let mut load_time = Duration::ZERO;
        let object = prepared.and_then(|()| {
            let is_asked = |name: &str| asked.iter().any(|(info, _)| info.name == name);
            layouts = raw::layouts(&open, &is_asked);
            let start = Instant::now();
            let (object, said) = captured(|| raw::load(open));
            load_time = start.elapsed();
            messages.push_str(&said);
            object
        });

        let mut layouts = layouts.into_iter();
        let judgements = asked
            .into_iter()
            .map(|(info, log)| {
                let layout = layouts.next().unwrap_or_default();
                let log = log.into_text();
                Judgement {
                    object: self.name.clone(),
                    program: Some(info),
                    errno: None,
                    stats: Stats::parse(&log),
                    log,
                    messages: String::new(),
                    instructions: layout.instructions,
                    lines: layout.lines,
                    load_time: Duration::ZERO,
                }
            })
            .collect();
        Ok(Attempt {
            object,
            messages,
            judgements,
            load_time,
        })
    }
}

/// Whether a log goes on to the figures that end it.
fn is_whole(log: &str) -> bool {
    log.lines().any(|line| line.starts_with("processed "))
}

/// Whether to load a program, given whether the object's author would.
type Select<'a> = dyn Fn(&ProgramInfo, bool) -> bool + 'a;

/// One try to load an object, whatever came of it.
struct Attempt {
    object: Result<libbpf_rs::Object, i32>,
    messages: String,
    judgements: Vec<Judgement>,
    load_time: Duration,
}

fn describe(program: &libbpf_rs::OpenProgram<'_>) -> ProgramInfo {
    let text = |name: &std::ffi::OsStr| name.to_string_lossy().into_owned();
    ProgramInfo {
        name: text(program.name()),
        section: text(program.section()),
        program_type: program.prog_type(),
    }
}

/// A loaded object: its programs can run, its maps can be read. Dropping it unloads both.
#[derive(Debug)]
pub struct Loaded {
    name: String,
    judgements: Vec<Judgement>,
    object: libbpf_rs::Object,
}

impl Loaded {
    /// What the verifier said about each program that was loaded, in the order of the file. The
    /// load time is that of none: the programs were loaded together.
    pub fn judgements(&self) -> &[Judgement] {
        &self.judgements
    }

    /// The object in `libbpf-rs`' terms, for what this module has no method for.
    pub fn object(&self) -> &libbpf_rs::Object {
        &self.object
    }

    /// A program by name.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchProgram`], also for a program that was left out when the object was loaded.
    pub fn program(&self, name: &str) -> Result<ProgramMut<'_>, Error> {
        let asked = self.judgements.iter().filter_map(|j| j.program.as_ref());
        asked
            .clone()
            .any(|info| info.name == name)
            .then(|| {
                self.object
                    .progs_mut()
                    .find(|program| program.name() == name)
            })
            .flatten()
            .ok_or_else(|| Error::NoSuchProgram {
                object: self.name.clone(),
                program: name.to_owned(),
            })
    }

    /// A map by name. Global data is found by its section (`.bss`, `.data`, `.rodata`) as well as
    /// by the full name libbpf gives it.
    ///
    /// # Errors
    ///
    /// [`Error::NoSuchMap`].
    pub fn map(&self, name: &str) -> Result<Map<'_>, Error> {
        self.object
            .maps()
            .find(|map| {
                let full = map.name().to_string_lossy();
                full == name || (name.starts_with('.') && full.ends_with(name))
            })
            .ok_or_else(|| Error::NoSuchMap {
                object: self.name.clone(),
                map: name.to_owned(),
            })
    }
}
