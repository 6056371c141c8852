//! The run for build scripts.

use std::collections::BTreeSet;
use std::env;
use std::fmt;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use super::output::{Change, Target, Writer};
use super::replace::{self, Fence};
use super::settings::{Choices, ConfigFile, Finder};
use super::walk::Start;
use super::{Fault, Inputs, pool, printable, values};
use crate::heap::{KernelVersion, Overrides};
use crate::rewrite::{Backend, Notice, OnNull, Plan, Recursion, Severity};

/// Rewrites sources in a build script, with the same result as
/// `bpf-malloc rewrite --output OUT --emit-header SOURCE...`.
///
/// ```no_run
/// use bpf_malloc::heap::Overrides;
/// use bpf_malloc::run::Builder;
///
/// let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").unwrap()).join("bpf");
/// Builder::new()
///     .source("src/bpf")
///     .include("include")
///     .define("X=1")
///     .header(Overrides { heaps: Some(8), ..Overrides::default() })
///     .generate(&out)?;
/// // ... and the compiler on what is in `out`, as libbpf-cargo's SkeletonBuilder does it.
/// # Ok::<(), bpf_malloc::run::Error>(())
/// ```
///
/// Relative paths start at the current directory, which for a build script is the package's. As for
/// the command, `bpf-malloc.toml` and `compile_commands.json` are found upwards from each source,
/// and what the builder says wins over them.
#[derive(Clone, Debug)]
pub struct Builder {
    sources: Vec<PathBuf>,
    choices: Choices,
    cargo: bool,
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

impl Builder {
    /// A run without any source yet.
    pub fn new() -> Self {
        let choices = Choices {
            emit_header: true,
            ..Choices::default()
        };
        Self {
            sources: Vec::new(),
            choices,
            // Cargo sets both for build scripts, and for nothing else.
            cargo: env::var_os("OUT_DIR").is_some()
                && env::var_os("CARGO_CFG_TARGET_ARCH").is_some(),
        }
    }

    /// A file, or a directory with its `.c` and `.h` files. Give all that belong together to one
    /// run: it then knows what the functions of one file do with the blocks of another.
    pub fn source(mut self, path: impl Into<PathBuf>) -> Self {
        self.sources.push(path.into());
        self
    }

    /// A directory with headers of the project, as the compiler gets it by `-I`.
    pub fn include(mut self, dir: impl Into<PathBuf>) -> Self {
        self.choices.include_dirs.push(dir.into());
        self
    }

    /// A macro as the compiler gets it by `-D`: `NAME` or `NAME=VALUE`.
    pub fn define(mut self, text: impl AsRef<str>) -> Self {
        self.choices.macros.push(values::define(text.as_ref()));
        self
    }

    /// A macro that is not defined, as the compiler gets it by `-U`.
    pub fn undefine(mut self, name: impl AsRef<str>) -> Self {
        self.choices.macros.push(values::undefine(name.as_ref()));
        self
    }

    /// What to do about missing NULL checks.
    pub fn on_null(mut self, policy: OnNull) -> Self {
        self.choices.on_null = Some(policy);
        self
    }

    /// Where the heap lies.
    pub fn backend(mut self, backend: Backend) -> Self {
        self.choices.backend = Some(backend);
        self
    }

    /// What to do about functions that call each other in circles.
    pub fn recursion(mut self, recursion: Recursion) -> Self {
        self.choices.recursion = Some(recursion);
        self
    }

    /// The oldest kernel that the programs have to load on. Before 6.9 there are no arenas.
    pub fn target_kernel(mut self, version: KernelVersion) -> Self {
        self.choices.target_kernel = Some(version);
        self
    }

    /// The sizes in `dynamic_memory.h`, instead of those of the settings.
    pub fn header(mut self, overrides: Overrides) -> Self {
        self.choices.header = Some(overrides);
        self
    }

    /// Patterns of what to leave out in directories, as in `.gitignore`. Such files are not copied
    /// either.
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.choices.exclude.push(pattern.into());
        self
    }

    /// Rewrites in directories also what is no code for BPF.
    pub fn all(mut self, all: bool) -> Self {
        self.choices.all = all;
        self
    }

    /// The settings file, instead of the nearest `bpf-malloc.toml`.
    pub fn config(mut self, file: impl Into<PathBuf>) -> Self {
        self.choices.config = ConfigFile::File(file.into());
        self
    }

    /// The compilation database, instead of the nearest `compile_commands.json`.
    pub fn compile_commands(mut self, file: impl Into<PathBuf>) -> Self {
        self.choices.compile_commands = Some(file.into());
        self
    }

    /// Whether to print lines for Cargo: what to look at for changes, and warnings. By default they
    /// are printed in build scripts only.
    pub fn cargo_lines(mut self, print: bool) -> Self {
        self.cargo = print;
        self
    }

    /// Writes the rewritten sources, those without a change too, and `dynamic_memory.h` below
    /// `out`. One source file goes into `out` itself; of several and of directories the tree is
    /// mirrored from the deepest directory that holds all of them. Files that would not change are
    /// not touched.
    ///
    /// # Errors
    ///
    /// Something cannot be read or written, or the settings are wrong; the rest is still done.
    pub fn generate(&self, out: impl AsRef<Path>) -> Result<Generated, Error> {
        let out = out.as_ref();
        let mut finder = Finder::new(&self.choices);
        let mut faults = Vec::new();
        let mut starts = Vec::with_capacity(self.sources.len());
        for source in &self.sources {
            match Start::path(source, &mut finder) {
                Ok(start) => starts.push(start),
                Err(fault) => faults.push(fault),
            }
        }
        let settings = finder.files();
        let notes = finder.take_notes();
        let inputs = Inputs::new(starts, self.choices.macros.clone(), None).map_err(Error::one)?;
        // The slash says that it is a directory, whether it is there already or not.
        let target = Target::new(&out.join(""), &inputs.starts, inputs.workspace.common())
            .map_err(Error::one)?;
        let scan = inputs.scan(Some(&replace::settle(out)), true);
        faults.extend(scan.faults);
        let mut changes = Vec::new();
        let mut warnings = Vec::new();
        let indices: Vec<usize> = (0..scan.candidates.len()).collect();
        pool::ordered(
            &indices,
            inputs.jobs,
            |&index| {
                let candidate = &scan.candidates[index];
                let mut buffer = Vec::new();
                let source = inputs.read(candidate, &mut buffer)?.to_owned();
                let plan = match candidate.matters {
                    true => inputs.plan(candidate, &source, &scan.view),
                    false => Plan::default(),
                };
                Ok((index, source, plan))
            },
            |planned| {
                match planned {
                    Ok((index, source, plan)) => {
                        let shown = &scan.candidates[index].shown;
                        let notices = plan.notices().iter();
                        let told = notices.filter(|n| n.severity >= Severity::Warning);
                        warnings.extend(told.map(|n| warning(shown, &source, n)));
                        changes.push((
                            index,
                            match plan.changes() {
                                true => Change::Edited(source, plan),
                                false => Change::None,
                            },
                        ));
                    }
                    Err(fault) => faults.push(fault),
                }
                ControlFlow::Continue(())
            },
        );
        faults.extend(inputs.workspace.take_faults());
        let writer = Writer {
            inputs: &inputs,
            target: &target,
            fence: &Fence::default(),
        };
        let files = writer.write(
            &scan.candidates,
            &changes,
            |_| (),
            |_, fault| faults.push(fault),
        );
        faults.extend(notes);
        let (notes, faults): (Vec<_>, Vec<_>) = faults.into_iter().partition(|f| f.is_note);
        warnings.extend(
            notes
                .iter()
                .map(|note| format!("{}; {}", note.message, note.help)),
        );
        if self.cargo {
            let read = inputs.workspace.files_read();
            let sources = self.sources.iter().cloned();
            let all: BTreeSet<PathBuf> = sources.chain(settings).chain(read).collect();
            // Cargo reads line by line, and knows no way to write a name that has several.
            let lines = |path: &&PathBuf| !path.as_os_str().as_encoded_bytes().contains(&b'\n');
            for path in all.iter().filter(lines) {
                println!("cargo:rerun-if-changed={}", path.display());
            }
            for warning in &warnings {
                println!("cargo:warning={}", warning.replace('\n', " "));
            }
        }
        match faults.is_empty() {
            true => Ok(Generated { files, warnings }),
            false => Err(Error(faults)),
        }
    }
}

/// A notice as compilers write it.
fn warning(shown: &Path, source: &[u8], notice: &Notice) -> String {
    let before = &source[..notice.span.start.min(source.len())];
    let line = 1 + memchr::memchr_iter(b'\n', before).count();
    let help = notice.help.as_deref().map(|help| format!("; {help}"));
    format!(
        "{}:{line}: {}{} [{}]",
        printable(shown),
        notice.message,
        help.unwrap_or_default(),
        notice.rule.name()
    )
}

/// What a run has made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Generated {
    /// The files of the output, whether they changed this time or not, each `dynamic_memory.h`
    /// included.
    pub files: Vec<PathBuf>,
    /// The places that need a person, as compilers write warnings.
    pub warnings: Vec<String>,
}

/// What could not be done, with what to do about it. What it does not name was done.
pub struct Error(Vec<Fault>);

impl Error {
    fn one(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let line = ["\n", ""][usize::from(index == 0)];
            write!(f, "{line}{}; {}", fault.message, fault.help)?;
        }
        Ok(())
    }
}

// What a build script that returns an error from `main` shows.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
