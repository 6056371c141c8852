//! What clang sees of a project: the plugin, its runs and its records.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::project::{Project, Source, Workspace};

const CLANG: &str = "clang-19";

/// The built plugin.
pub struct Plugin(PathBuf);

/// What clang saw of a project in all configurations.
#[derive(Default)]
pub struct Evidence {
    /// By canonical path.
    pub files: BTreeMap<PathBuf, Seen>,
    /// How many .c files there are.
    pub units: usize,
    /// How many of them compile in some configuration.
    pub compiled: usize,
}

/// What clang saw of a file. Offsets are bytes from its start.
#[derive(Default)]
pub struct Seen {
    /// Callees of calls of the C library.
    pub calls: BTreeMap<usize, String>,
    /// Anything else of such a name that was not, by what it was.
    pub others: BTreeMap<usize, BTreeSet<&'static str>>,
    /// Arguments of macros that do not use them.
    pub dropped: BTreeSet<usize>,
    /// Directives that define macros.
    pub macros: BTreeSet<(usize, usize)>,
    /// What was skipped as inactive whenever the file was entered; none if it never was.
    pub skipped: Option<Vec<(usize, usize)>>,
}

impl Seen {
    /// Whether the offset lies in code that some compilation read, outside of macro bodies.
    pub fn active(&self, at: usize) -> bool {
        let within = |&(start, end): &(usize, usize)| start <= at && at < end;
        match &self.skipped {
            None => false,
            Some(skipped) => {
                !skipped.iter().any(within)
                    && !self.macros.iter().any(within)
                    && !self.dropped.contains(&at)
            }
        }
    }
}

impl Plugin {
    /// Builds it unless that was done before.
    pub fn build(workspace: &Workspace) -> Result<Self, Box<dyn Error>> {
        let packages = ["libclang-19-dev", "llvm-19-dev"].map(str::to_owned);
        workspace.headers(&packages)?;
        let source = workspace.plugin_source();
        let to = workspace
            .cache
            .join(format!("calls-{:016x}.so", hash(&[&fs::read(&source)?])));
        if !to.exists() {
            eprintln!("oracle: building the clang plugin");
            let include = workspace.sysroot.join("usr/lib/llvm-19/include");
            let status = Command::new("g++")
                .args(["-std=c++17", "-fno-rtti", "-fPIC", "-shared", "-O1"])
                .args(["-isystem".as_ref(), include.as_os_str()])
                .args([
                    "-isystem".as_ref(),
                    workspace.sysroot.join("usr/include/llvm-19").as_os_str(),
                ])
                .args([
                    "-isystem".as_ref(),
                    workspace.sysroot.join("usr/include/llvm-c-19").as_os_str(),
                ])
                .arg(&source)
                .arg("-o")
                .arg(&to)
                .status()?;
            if !status.success() {
                return Err("building the clang plugin failed".into());
            }
        }
        Ok(Self(to))
    }

    /// Runs clang over every .c file in every configuration; from the cache if that was done.
    pub fn evidence(
        &self,
        workspace: &Workspace,
        project: &Project,
        source: &Source,
    ) -> Result<Evidence, Box<dyn Error>> {
        let units: Vec<_> = source
            .units
            .iter()
            .filter(|path| path.extension().is_some_and(|e| e == "c"))
            .collect();
        let jobs: Vec<_> = units
            .iter()
            .flat_map(|unit| {
                project
                    .configurations
                    .iter()
                    .map(move |flags| (*unit, flags))
            })
            .collect();
        let records = workspace.cache.join("records").join(project.name());
        fs::create_dir_all(&records)?;

        let next = AtomicUsize::new(0);
        let work = || {
            let mut done = Vec::new();
            while let Some(&(unit, configuration)) = jobs.get(next.fetch_add(1, Ordering::Relaxed))
            {
                let flags: Vec<_> = project.flags.iter().chain(configuration).cloned().collect();
                let record = self.unit(workspace, &records, &source.directory, unit, &flags)?;
                done.push((unit, record));
            }
            Ok::<_, String>(done)
        };
        let mut outcomes = Vec::new();
        std::thread::scope(|scope| {
            let workers = std::thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            for worker in workers {
                outcomes.extend(worker.join().expect("a worker does not panic")?);
            }
            Ok::<_, String>(())
        })?;
        let mut evidence = Evidence {
            units: units.len(),
            ..Evidence::default()
        };
        let mut compiled = BTreeSet::new();
        let mut defined = BTreeSet::new();
        let mut declared = Vec::new();
        for (unit, record) in &outcomes {
            let text = fs::read_to_string(record)?;
            if text.is_empty() {
                continue;
            }
            compiled.insert(unit);
            evidence.add(&text, &source.directory, &mut defined, &mut declared);
        }
        evidence.compiled = compiled.len();
        // A function that only the program declares is the C library's unless the program has it.
        for (path, at, name) in declared {
            let seen = evidence.files.entry(path).or_default();
            if defined.contains(&name) {
                seen.others.entry(at).or_default().insert("own function");
            } else {
                seen.calls.insert(at, name);
            }
        }
        Ok(evidence)
    }

    /// The records of one compilation; an empty file where it failed.
    fn unit(
        &self,
        workspace: &Workspace,
        records: &Path,
        directory: &Path,
        unit: &Path,
        flags: &[String],
    ) -> Result<PathBuf, String> {
        let key = hash(&[
            self.0.as_os_str().as_encoded_bytes(),
            unit.as_os_str().as_encoded_bytes(),
            flags.join("\0").as_bytes(),
        ]);
        let to = records.join(format!("{key:016x}"));
        if to.exists() {
            return Ok(to);
        }
        let part = to.with_extension("part");
        fs::write(&part, "").map_err(|error| error.to_string())?;
        Command::new(CLANG)
            .current_dir(directory)
            .args(["-fsyntax-only", "-w", "-ferror-limit=1"])
            .arg(format!("-fplugin={}", self.0.display()))
            .arg(format!("-fplugin-arg-calls-out={}", part.display()))
            .args(flags)
            .args(workspace.header_flags())
            .arg(unit)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .map_err(|error| format!("{CLANG}: {error}"))?;
        fs::rename(part, &to).map_err(|error| error.to_string())?;
        Ok(to)
    }
}

impl Evidence {
    /// Adds the records of one compilation.
    fn add(
        &mut self,
        text: &str,
        directory: &Path,
        defined: &mut BTreeSet<String>,
        declared: &mut Vec<(PathBuf, usize, String)>,
    ) {
        let mut entries: BTreeMap<(&str, &str), Vec<(usize, usize)>> = BTreeMap::new();
        for line in text.lines() {
            let fields: Vec<_> = line.split('\t').collect();
            let (kind, path) = (fields[0], Path::new(fields[1]));
            if !path.starts_with(directory) {
                continue;
            }
            let number = |index: usize| fields[index].parse::<usize>().expect("an offset");
            let seen = self.files.entry(path.to_owned()).or_default();
            let mut other = |what| {
                seen.others.entry(number(2)).or_default().insert(what);
            };
            match kind {
                "file" => {
                    entries.entry((fields[1], fields[2])).or_default();
                }
                "skipped" => entries
                    .entry((fields[1], fields[4]))
                    .or_default()
                    .push((number(2), number(3))),
                "macro" => {
                    seen.macros.insert((number(2), number(3)));
                }
                "call" => {
                    seen.calls.insert(number(2), fields[3].to_owned());
                }
                "extern" => declared.push((path.to_owned(), number(2), fields[3].to_owned())),
                "define" => {
                    defined.insert(fields[3].to_owned());
                }
                "value" => other("used as a value"),
                "other" => other("own function"),
                "mapped" => other("mapped by a macro"),
                "token" => other("identifier"),
                "string" => other("made a string"),
                "dropped" => {
                    seen.dropped.insert(number(2));
                }
                _ => unreachable!("a record that the plugin does not write: {line}"),
            }
        }
        for ((path, _), mut skipped) in entries {
            skipped.sort_unstable();
            let seen = self.files.entry(PathBuf::from(path)).or_default();
            seen.skipped = Some(match seen.skipped.take() {
                None => skipped,
                Some(before) => intersection(&before, &skipped),
            });
        }
    }
}

/// What lies in both of two sorted lists of ranges.
fn intersection(a: &[(usize, usize)], b: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let (mut i, mut j, mut both) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        let (start, end) = (a[i].0.max(b[j].0), a[i].1.min(b[j].1));
        if start < end {
            both.push((start, end));
        }
        if a[i].1 < b[j].1 { i += 1 } else { j += 1 }
    }
    both
}

/// FNV-1a, to name files of the cache: stable from one build of this program to the next.
fn hash(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().flat_map(|part| part.iter().chain(&[0xff]));
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
