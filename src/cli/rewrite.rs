//! `bpf-malloc rewrite`.
//!
//! Three steps: look at all inputs, plan all files, write. Nothing is written before everything
//! is planned, so that no plan depends on which file came first.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::args::{Format, Rewrite};
use super::console::Console;
use super::{exit, signals};
use crate::report::{self, Mode, Reporter, Style, Tally};
use crate::rewrite::OnNull;
use crate::run::output::{Change, Target, Writer};
use crate::run::progress::Step;
use crate::run::replace::{self, Fence};
use crate::run::scan::Candidate;
use crate::run::settings::{Choices, ConfigFile, Finder};
use crate::run::walk::Start;
use crate::run::workspace::View;
use crate::run::{Fault, Inputs, load, pool, printable, values};

/// Runs the command.
pub fn run(args: &Rewrite, console: &mut Console) -> ExitCode {
    let mut faults = Faults {
        quiet: args.quiet,
        ..Faults::default()
    };
    let done = prepare(args, console, &mut faults).and_then(|job| {
        if args.quiet {
            return job.run(console, &mut faults);
        }
        let line = console.line();
        line.during(&job.inputs.progress, || job.run(console, &mut faults))
    });
    let tally = done.unwrap_or_else(|fault| {
        faults.add(fault, console);
        Tally::default()
    });
    if let Err(fault) = console.flush() {
        faults.add(fault, console);
    }
    let only_shown = args.diff && !args.check;
    let work = (args.check && tally.changed > 0) || (tally.places > 0 && !only_shown);
    let failed = faults.all.iter().any(|fault| !fault.is_note);
    exit::code(failed, work)
}

/// What went wrong, told as it happens.
#[derive(Default)]
struct Faults {
    all: Vec<Fault>,
    /// Notes are not told.
    quiet: bool,
}

impl Faults {
    fn add(&mut self, fault: Fault, console: &mut Console) {
        if !(fault.is_note && self.quiet) {
            console.fault(&fault);
        }
        self.all.push(fault);
    }
}

/// A run, in plain values.
struct Job<'a> {
    args: &'a Rewrite,
    mode: Mode,
    reporter: Reporter,
    diff_color: bool,
    inputs: Inputs,
    target: Target,
    fence: Fence,
}

fn prepare<'a>(
    args: &'a Rewrite,
    console: &mut Console,
    faults: &mut Faults,
) -> Result<Job<'a>, Fault> {
    let choices = choices(args);
    let starts = starts(args, &choices, console, faults)?;
    let reads_stdin = starts.iter().any(|s| s.stdin.is_some());
    let inputs = Inputs::new(starts, choices.macros, args.jobs)?;
    let mode = match (
        args.check || args.show_files || args.show_settings,
        args.diff,
    ) {
        (true, _) => Mode::Check,
        (false, true) => Mode::Diff,
        (false, false) => Mode::Write,
    };
    let target = match &args.output {
        _ if mode != Mode::Write => Target::Nothing,
        Some(output) => Target::new(output, &inputs.starts, inputs.workspace.common())?,
        None if reads_stdin => Target::Stdout,
        None => Target::InPlace,
    };
    let color = match console_is_report(args) && !matches!(target, Target::Stdout) {
        true => console.out_color,
        false => console.err_color,
    };
    if mode == Mode::Write {
        signals::end_between_files()?;
    }
    Ok(Job {
        args,
        mode,
        reporter: match args.message_format {
            Format::Human => Reporter::Human(Style {
                color,
                quiet: args.quiet,
                verbose: args.verbose || args.explain,
            }),
            Format::Json => Reporter::Json,
            Format::Sarif => Reporter::Sarif,
            Format::Github => Reporter::Github,
        },
        diff_color: console.out_color,
        inputs,
        target,
        fence: Fence::new(args.root.as_deref())?,
    })
}

/// Reports for people go to stderr, those for programs to stdout.
fn console_is_report(args: &Rewrite) -> bool {
    args.message_format != Format::Human
}

/// What the command line says about the files.
fn choices(args: &Rewrite) -> Choices {
    // Definitions, then what is undefined: their order on the command line is not known.
    let defined = args.defines.iter().map(|text| values::define(text));
    let undefined = args.undefines.iter().map(|name| values::undefine(name));
    Choices {
        on_null: args.on_null.clone(),
        backend: args.backend,
        recursion: args.recursion,
        target_kernel: args.target_kernel,
        explain: args.explain,
        ext: args.ext.clone(),
        exclude: args.exclude.clone(),
        all: args.all,
        config: match &args.config {
            _ if args.no_config => ConfigFile::None,
            Some(file) => ConfigFile::File(file.clone()),
            None => ConfigFile::Nearest,
        },
        include_dirs: args.include_dirs.clone(),
        macros: defined.chain(undefined).collect(),
        compile_commands: args.compile_commands.clone(),
        emit_header: args.emit_header,
        header: None,
        max_size: args.max_size,
    }
}

/// The inputs that exist. Those that do not are told, and the rest goes on.
fn starts(
    args: &Rewrite,
    choices: &Choices,
    console: &mut Console,
    faults: &mut Faults,
) -> Result<Vec<Start>, Fault> {
    let usage = |message: &str, help: &str| Err(Fault::new("usage", message, help));
    let stdin = Path::new("-");
    if args.paths.is_empty() {
        return usage(
            "no files given",
            "name files or directories, as in `bpf-malloc rewrite src/`, or - to read from stdin; \
             add --diff to look before anything is written",
        );
    }
    if args.paths.len() > 1 && args.paths.iter().any(|p| p == stdin) {
        return usage(
            "- stands alone",
            "run the command twice: with - and with the files",
        );
    }
    if args.stdin_filename.is_some() && args.paths[0] != stdin {
        return usage(
            "--stdin-filename is for input from stdin",
            "give - as PATH, or leave the option out",
        );
    }
    let mut finder = Finder::new(choices);
    let mut starts = Vec::with_capacity(args.paths.len());
    if args.paths[0] == stdin {
        let mut bytes = Vec::new();
        io::stdin()
            .read_to_end(&mut bytes)
            .map_err(|error| load::unreadable(Path::new("<stdin>"), &error))?;
        starts.push(Start::stdin(
            bytes,
            args.stdin_filename.as_deref(),
            &mut finder,
        )?);
    }
    for path in args.paths.iter().filter(|path| *path != stdin) {
        match Start::path(path, &mut finder) {
            Ok(start)
                if args.force_exclude
                    && !start.is_dir
                    && start.settings.excludes_named(&start.real) => {}
            Ok(start) => starts.push(start),
            // Wrong settings are wrong for everything.
            Err(fault) if fault.code == "settings" => return Err(fault),
            Err(fault) => faults.add(fault, console),
        }
    }
    for note in finder.take_notes() {
        faults.add(note, console);
    }
    if args.verbose {
        for file in finder.files() {
            let line = format!("settings: {}\n", printable(&file));
            console.err(line.as_bytes());
        }
    }
    Ok(starts)
}

/// What became of one file.
struct Outcome {
    index: usize,
    tally: Tally,
    report: Vec<u8>,
    diff: Option<Vec<u8>>,
    result: Result<Change, Fault>,
}

impl Job<'_> {
    fn run(&self, console: &mut Console, faults: &mut Faults) -> Result<Tally, Fault> {
        if self.args.show_settings {
            return self.show_settings(console).map(|()| Tally::default());
        }
        let output = match &self.target {
            Target::Mirror { dir, .. } => Some(replace::settle(dir)),
            _ => None,
        };
        let copies = matches!(
            self.target,
            Target::File(_) | Target::Mirror { .. } | Target::Stdout
        );
        let scan = self.inputs.scan(output.as_deref(), copies);
        for fault in scan.faults {
            faults.add(fault, console);
        }
        if self.args.show_files {
            for candidate in scan.candidates.iter().filter(|one| one.matters) {
                console.out(&[&report::quoted(&candidate.shown)[..], b"\n"].concat())?;
            }
            return Ok(Tally::default());
        }
        let mut tally = Tally {
            seen: scan.seen,
            skipped: scan.skipped,
            ..Tally::default()
        };
        let mut changes = Vec::new();
        let mut tallies = HashMap::new();
        self.plan(
            &scan.candidates,
            &scan.view,
            console,
            faults,
            |index, outcome, change| {
                tally.add(&outcome);
                tallies.insert(index, outcome);
                changes.push((index, change));
            },
        )?;
        for fault in self.inputs.workspace.take_faults() {
            faults.add(fault, console);
        }
        for index in self.write(&scan.candidates, changes, console, faults)? {
            tally.remove(&tallies[&index]);
        }
        let mut end = Vec::new();
        let _ = self.reporter.end(&tally, self.mode, &faults.all, &mut end);
        let filter = matches!(self.target, Target::Stdout) && !self.args.verbose;
        if !(filter && self.args.message_format == Format::Human) {
            self.report(&end, console)?;
        }
        Ok(tally)
    }

    /// Prints the settings of the inputs, each once, with where they come from.
    fn show_settings(&self, console: &mut Console) -> Result<(), Fault> {
        let starts = &self.inputs.starts;
        for (index, start) in starts.iter().enumerate() {
            let same = |other: &Start| std::ptr::eq(&*other.settings, &*start.settings);
            if starts[..index].iter().any(same) {
                continue;
            }
            let names = starts[index..].iter().filter(|other| same(other));
            let names: Vec<_> = names.map(|start| printable(&start.shown)).collect();
            let from = match &start.settings.file {
                Some(file) => printable(file),
                None => "the command line and the defaults".to_owned(),
            };
            let settings = start.settings.to_toml().map_err(|error| {
                let help = "rename the directory, or name it by a link";
                Fault::new(
                    "settings",
                    format!("not to be shown as TOML: {error}"),
                    help,
                )
            })?;
            let between = if index > 0 { "\n" } else { "" };
            let text = format!(
                "{between}# of {}, from {from}\n{settings}",
                names.join(", ")
            );
            console.out(text.as_bytes())?;
        }
        Ok(())
    }

    /// Plans all candidates and reports on them in order.
    fn plan(
        &self,
        candidates: &[Candidate],
        view: &View,
        console: &mut Console,
        faults: &mut Faults,
        mut changed: impl FnMut(usize, Tally, Change),
    ) -> Result<(), Fault> {
        let mut begin = Vec::new();
        let _ = self.reporter.begin(&mut begin);
        self.report(&begin, console)?;
        let indices: Vec<usize> = (0..candidates.len()).collect();
        let mut trouble = None;
        let mut first = true;
        self.inputs.progress.begin(Step::Planning, indices.len());
        pool::ordered(
            &indices,
            self.inputs.jobs,
            |&index| {
                let outcome = self.plan_one(index, &candidates[index], view);
                self.inputs.progress.advance(1);
                outcome
            },
            |outcome| {
                let shown = &candidates[outcome.index].shown;
                let told = self.tell(shown, &outcome, &mut first, console);
                let settled = outcome.tally.changed > 0 && self.asks_only();
                match outcome.result {
                    Ok(change) => changed(outcome.index, outcome.tally, change),
                    Err(fault) => faults.add(fault, console),
                }
                match told {
                    Err(fault) => {
                        trouble = Some(fault);
                        ControlFlow::Break(())
                    }
                    Ok(()) if settled => ControlFlow::Break(()),
                    // With nobody to read the report, only writing makes sense.
                    Ok(()) if console.closed() && self.mode == Mode::Diff => ControlFlow::Break(()),
                    Ok(()) => ControlFlow::Continue(()),
                }
            },
        );
        trouble.map_or(Ok(()), Err)
    }

    fn plan_one(&self, index: usize, candidate: &Candidate, view: &View) -> Outcome {
        let mut outcome = Outcome {
            index,
            tally: Tally::default(),
            report: Vec::new(),
            diff: None,
            result: Ok(Change::None),
        };
        if !candidate.matters {
            return outcome;
        }
        let mut buffer = Vec::new();
        let source = match self.inputs.read(candidate, &mut buffer) {
            Ok(source) => source,
            Err(fault) => {
                outcome.result = Err(fault);
                return outcome;
            }
        };
        let plan = self.inputs.plan(candidate, source, view);
        outcome.tally = Tally::of(&plan, source);
        if plan.edits().is_empty() && plan.notices().is_empty() {
            return outcome;
        }
        if self.args.diff && plan.changes() {
            outcome.diff = Some(self.diff(&candidate.found.real, source, &plan.apply(source)));
        }
        let file = report::File {
            path: &candidate.shown,
            source,
            plan: &plan,
        };
        outcome.report = self
            .reporter
            .file(&file, self.mode, outcome.diff.as_deref());
        if plan.changes() && self.mode == Mode::Write {
            outcome.result = Ok(Change::Edited(source.to_owned(), plan));
        }
        outcome
    }

    /// Whether only the exit code tells of the files: the first one that changes settles it.
    fn asks_only(&self) -> bool {
        let mut starts = self.inputs.starts.iter();
        let errors = starts.any(|s| s.settings.options.on_null == OnNull::Error);
        self.mode == Mode::Check
            && !self.args.diff
            && self.args.quiet
            && self.args.message_format == Format::Human
            && !errors
    }

    fn diff(&self, real: &Path, old: &[u8], new: &[u8]) -> Vec<u8> {
        let color = self.diff_color && !self.reporter.is_document();
        let mut diff = Vec::new();
        // Writing to memory does not fail.
        let _ = report::write_diff(&relative(real), old, new, color, &mut diff);
        diff
    }

    /// Tells what was found in one file.
    fn tell(
        &self,
        shown: &Path,
        outcome: &Outcome,
        first: &mut bool,
        console: &mut Console,
    ) -> Result<(), Fault> {
        let changes = outcome.tally.changed > 0;
        if !self.reporter.is_document() {
            match &outcome.diff {
                Some(diff) => console.out(diff)?,
                None if changes && self.mode == Mode::Check && self.names_files() => {
                    console.out(&[&report::quoted(shown)[..], b"\n"].concat())?;
                }
                None => {}
            }
        }
        if outcome.report.is_empty() {
            return Ok(());
        }
        if !std::mem::take(first) {
            let mut between = Vec::new();
            let _ = self.reporter.between(&mut between);
            self.report(&between, console)?;
        }
        self.report(&outcome.report, console)
    }

    fn names_files(&self) -> bool {
        matches!(self.reporter, Reporter::Human(style) if !style.quiet)
    }

    /// Writes a part of the report to where it goes: reports for people to stderr; others to
    /// stdout, unless that takes the rewritten source.
    fn report(&self, bytes: &[u8], console: &mut Console) -> Result<(), Fault> {
        if console_is_report(self.args) && !matches!(self.target, Target::Stdout) {
            console.out(bytes)
        } else {
            console.err(bytes);
            Ok(())
        }
    }

    /// Writes the results. Returns the candidates that could not be written.
    fn write(
        &self,
        candidates: &[Candidate],
        changes: Vec<(usize, Change)>,
        console: &mut Console,
        faults: &mut Faults,
    ) -> Result<Vec<usize>, Fault> {
        let mut done = Ok(());
        let writer = Writer {
            inputs: &self.inputs,
            target: &self.target,
            fence: &self.fence,
        };
        let mut troubles = Vec::new();
        let mut unwritten = Vec::new();
        writer.write(
            candidates,
            &changes,
            |text| done = console.out(text),
            |index, fault| {
                unwritten.extend(index);
                troubles.push(fault);
            },
        );
        for fault in troubles {
            faults.add(fault, console);
        }
        done.map(|()| unwritten)
    }
}

/// A file's name in a diff: from the current directory, so that `git apply` finds it there. It is
/// that of the file itself, not of a link to it: git does not follow links.
fn relative(real: &Path) -> PathBuf {
    let here = std::env::current_dir().and_then(fs::canonicalize);
    let inner = here.ok().and_then(|here| real.strip_prefix(here).ok());
    inner
        .or(real.strip_prefix("/").ok())
        .unwrap_or(real)
        .to_owned()
}
