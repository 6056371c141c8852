//! A run over many files: from paths to files, from files to plans, from plans to files again.
//!
//! * [`Builder`] is the run for build scripts, with the same result as `bpf-malloc rewrite -o`.
//! * `walk` finds the files, `settings` what to do with them, `load` reads them.
//! * `workspace` answers what a plan may ask about other files: headers (`system`: those of the
//!   system), and how the compiler is called (`database`).
//! * `scan` looks at all files once and finds what they have to know of each other.
//! * `together` plans the files of a program, of which all are rewritten or none.
//! * `memory` rewrites one source with its headers for a compiler, without writing anything;
//!   `lines` keeps the original's line numbers, for compilers.
//! * `output` and `replace` write: nothing before everything is planned, each file whole or not at
//!   all.
//!
//! The only part of the library that reads and writes files of the user.

mod builder;
pub(crate) mod database;
mod fault;
pub(crate) mod lines;
pub(crate) mod load;
pub(crate) mod memory;
pub(crate) mod output;
pub(crate) mod pool;
pub(crate) mod progress;
pub(crate) mod replace;
pub(crate) mod scan;
pub(crate) mod settings;
mod system;
mod temporary;
mod together;
pub(crate) mod values;
pub(crate) mod walk;
pub(crate) mod workspace;

use std::num::NonZeroUsize;
use std::path::Path;
use std::thread;

pub use builder::{Builder, Error, Generated};
pub(crate) use fault::{Fault, printable};

use crate::rewrite::{self, CommandLineMacro, Plan};
use progress::Progress;
use scan::{Candidate, Look, Scan};
use together::Together;
use walk::Start;
use workspace::{View, Workspace};

/// What a run is about: the paths that were named, and what is around them.
pub(crate) struct Inputs {
    /// The paths, in order.
    pub starts: Vec<Start>,
    /// What is around them.
    pub workspace: Workspace,
    /// How many threads work.
    pub jobs: usize,
    /// How far the run has got.
    pub progress: Progress,
}

impl Inputs {
    /// These paths. `macros` are those of the command line; without `jobs` there is a thread per
    /// core.
    pub fn new(
        starts: Vec<Start>,
        macros: Vec<CommandLineMacro>,
        jobs: Option<NonZeroUsize>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            workspace: Workspace::new(&starts, macros)?,
            starts,
            progress: Progress::default(),
            jobs: match jobs {
                Some(jobs) => jobs.get(),
                None => thread::available_parallelism().map_or(1, NonZeroUsize::get),
            },
        })
    }

    /// These files as a compiler's command line has them, whatever databases say.
    pub fn compiled(starts: Vec<Start>, flags: database::Flags) -> Result<Self, Fault> {
        let mut inputs = Self::new(starts, Vec::new(), Some(NonZeroUsize::MIN))?;
        inputs.workspace.set_flags(flags);
        Ok(inputs)
    }

    /// Looks at all files. `output`, where the run writes to, is no input. With `all` the result
    /// also has the files that there is nothing to do with.
    pub fn scan(&self, output: Option<&Path>, all: bool) -> Scan<'_> {
        let mut scan = scan::scan(&Look {
            inputs: self,
            output: output.map(Path::to_owned),
            all,
        });
        scan.view.together = Together::plan(self, &scan);
        scan
    }

    /// The bytes of a file, read into `buffer` unless they came from stdin.
    pub fn read<'a>(
        &'a self,
        candidate: &Candidate,
        buffer: &'a mut Vec<u8>,
    ) -> Result<&'a [u8], Fault> {
        scan::read_input(
            &self.starts[candidate.found.start],
            &candidate.found,
            buffer,
        )
    }

    /// The plan for a file, as its settings want it. It is asked for once.
    pub fn plan(&self, candidate: &Candidate, source: &[u8], view: &View) -> Plan {
        let known = view.together.take(&candidate.found.real, source);
        known.unwrap_or_else(|| self.plan_alone(candidate, source, view))
    }

    fn plan_alone(&self, candidate: &Candidate, source: &[u8], view: &View) -> Plan {
        let options = &self.starts[candidate.found.start].settings.options;
        let path = &candidate.found.real;
        match self.workspace.lowered(path) {
            Some((lowered, text)) if *lowered.bytes == *source => {
                lowered.then(&rewrite::plan(path, text, view, options))
            }
            _ => rewrite::plan(path, source, view, options),
        }
    }
}
