//! Asks the running kernel about the programs of an object, and runs them.

use std::fs;

use libbpf_rs::{MapCore, MapFlags};

use super::files::{Authority, Counted, Object, Output, Problem, ProgramReport, Verdict, unable};
use super::refusal::Explained;
use crate::cli::args::Verify;
use crate::heap::walk::{self, Snapshot};
use crate::judge::explain::Kind;
use crate::judge::inspect::split_structures;
use crate::kernel::heaps::{self, Selection};
use crate::kernel::load::{Error as LoadError, Judgement, Loaded, ObjectFile, ProgramInfo};
use crate::kernel::privilege;
use crate::kernel::run::{self, RunInput, RunOutput, Support};
use crate::run::{Fault, load};

/// The running kernel.
pub struct Kernel {
    /// What programs are run on, if they are.
    input: Option<RunInput>,
}

impl Kernel {
    /// The kernel, if this process may ask it.
    pub fn new(arguments: &Verify) -> Result<Self, Fault> {
        privilege::check().map_err(|unable| {
            Fault::new(
                "privilege",
                "the kernel cannot be asked for its verdict",
                unable.to_string(),
            )
        })?;
        Ok(Self {
            input: run_input(arguments)?,
        })
    }
}

impl Authority for Kernel {
    fn judge(&self, object: &Object) -> Result<Vec<ProgramReport>, Problem> {
        let file = ObjectFile::named_after(object.real, object.bytes.to_vec());
        let programs = match file.programs() {
            Ok(programs) => programs,
            // What libbpf cannot even open has something missing. libbpf names the first of what
            // is missing, and where it is not missing a name, nobody else says what is.
            Err(LoadError::Open { message, .. }) => {
                let mut obstacles = object.obstacles()?;
                let said = Explained::by_libbpf(&message);
                if obstacles.iter().all(|one| one.kind != said.kind) {
                    obstacles.push(said);
                }
                return Err(Problem::Refused(obstacles));
            }
            Err(error) => return Err(unable(object.path, &error).into()),
        };
        let mut reports = Vec::new();
        for program in &programs {
            let judgement = file
                .judge(&program.name)
                .map_err(|error| unable(object.path, &error))?;
            let refusal = refusal(&judgement, object)?;
            reports.push(report(program, judgement, refusal));
        }
        if let Some(input) = &self.input {
            run_all(&file, &programs, &mut reports, input);
        }
        Ok(reports)
    }
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

/// Why the kernel refused a program, if it did.
fn refusal(judgement: &Judgement, object: &Object) -> Result<Option<Explained>, Problem> {
    if judgement.accepted() || judgement.denied() {
        return Ok(None);
    }
    let mut refusal = Explained::by_kernel(&judgement.log, &judgement.messages, &judgement.lines);
    // A function that calls itself is refused for what the kernel stumbles over first.
    refusal.is_recursion(object.obstacles()?);
    // Of what it refuses before it walks, the kernel tells no instruction.
    if refusal.place.is_none() {
        refusal.place_by(&object.obstacles()?);
    }
    if refusal.kind == Kind::TypeInformation {
        refusal.name_split(&split_structures(object.bytes).unwrap_or_default());
    }
    Ok(Some(refusal))
}

fn report(
    program: &ProgramInfo,
    judgement: Judgement,
    refusal: Option<Explained>,
) -> ProgramReport {
    ProgramReport {
        name: program.name.clone(),
        section: program.section.clone(),
        verdict: match (judgement.accepted(), judgement.denied()) {
            (true, _) => Verdict::Accepted,
            (false, false) => Verdict::Refused,
            (false, true) => Verdict::Denied,
        },
        stats: judgement.stats,
        instructions: judgement.instructions,
        load_time: judgement.load_time,
        log: judgement.log,
        messages: judgement.messages,
        refusal,
        output: None,
    }
}

/// Runs what was accepted, in the order of the object and on one set of maps, so that a program
/// sees what an earlier one left there.
fn run_all(
    object: &ObjectFile,
    programs: &[ProgramInfo],
    reports: &mut [ProgramReport],
    input: &RunInput,
) {
    let runs = |(program, report): &(&ProgramInfo, &mut ProgramReport)| {
        run::support(program.program_type) != Support::None && report.verdict == Verdict::Accepted
    };
    let mut runnable: Vec<_> = programs.iter().zip(reports).filter(runs).collect();
    if runnable.is_empty() {
        return;
    }
    let loaded = object.load_only(|name| runnable.iter().any(|(wanted, _)| wanted.name == name));
    let mut told = Vec::new();
    let mut behind = Vec::new();
    let mut before = Counted::default();
    for (program, report) in &mut runnable {
        report.output = Some(match &loaded {
            Ok(loaded) => match loaded.run(&program.name, input) {
                Ok(done) => {
                    let found = heap_errors(loaded);
                    let new = found.strip_prefix(told.as_slice()).unwrap_or(&found);
                    let mut errors = new.to_vec();
                    let live = behind_blocks(loaded);
                    errors.extend(live.iter().filter(|one| !behind.contains(*one)).cloned());
                    let counted = counted(loaded);
                    let output = output(program, &done, counted - before, errors);
                    told = found;
                    behind = live;
                    before = counted;
                    Ok(output)
                }
                Err(error) => Err(error.to_string()),
            },
            Err(error) => Err(error.to_string()),
        });
    }
}

/// The heaps of an object, as they are; none of a program without.
fn heaps_of(loaded: &Loaded) -> Vec<Snapshot> {
    let Ok(map) = loaded.map(heaps::MAP_NAME) else {
        return Vec::new();
    };
    let values = map
        .keys()
        .filter_map(|key| map.lookup(&key, MapFlags::ANY).ok()?);
    values.filter_map(|value| walk::read(&value).ok()).collect()
}

/// What the debug build of the heap has found in all programs so far, heap by heap.
fn heap_errors(loaded: &Loaded) -> Vec<String> {
    let errors = heaps_of(loaded).into_iter().flat_map(|heap| heap.errors);
    errors.map(|error| error.to_string()).collect()
}

/// What the programs so far wrote behind blocks that are still in use, where the heap has fences.
fn behind_blocks(loaded: &Loaded) -> Vec<String> {
    let map = loaded
        .map(heaps::MAP_NAME)
        .ok()
        .and_then(|map| map.info().ok());
    let Some(map) = map.map(|map| map.info.id) else {
        return Vec::new();
    };
    let found = heaps::find(&Selection::Map(map)).unwrap_or_default();
    let checked = found.iter().filter_map(|map| map.check().ok()).flatten();
    let checked = checked.filter_map(|heap| heap.ok().flatten());
    checked
        .flat_map(|heap| heap.overflows)
        .map(|overflow| overflow.to_string())
        .collect()
}

/// What all programs so far have counted.
fn counted(loaded: &Loaded) -> Counted {
    let of = |name: &str| loaded.map(name).map_or(0, |map| heaps::count(&map));
    let heaps = heaps_of(loaded).into_iter();
    Counted {
        loops_cut_short: of(heaps::LOOPS_MAP_NAME),
        without_memory: heaps.map(|heap| heap.counters.failed_memory).sum(),
        unknown_functions: of(heaps::CALLS_MAP_NAME),
    }
}

fn output(
    program: &ProgramInfo,
    done: &RunOutput,
    counted: Counted,
    heap_errors: Vec<String>,
) -> Output {
    Output {
        value: done.return_value as i32,
        name: run::return_name(program.program_type, done.return_value),
        duration: done.duration,
        per_call: done.per_call,
        counted,
        heap_errors,
    }
}
