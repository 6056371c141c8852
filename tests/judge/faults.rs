//! Failing allocations: what the rewrite inserts must never do harm.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::batch::{Verdict, first_error, originals};
use crate::generate::{Kind, Program, SMALL};
use crate::toolchain::{bpf_malloc, native, output, root, unit, words};

/// The first line of a program in which a block may stay behind if the rewrite says so: who owns it
/// cannot be known for certain.
const TOLD: &str = "/* A block may stay behind, and the rewrite tells of it. */";

/// How many generated programs go together: most of their time is the compiler's, which reads the
/// headers once for all.
pub const HANDFUL: usize = 50;

/// Who wrote the programs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The generator: sound as they are, and their runs do not know of each other.
    Generated,
    /// A person. The sanitizers look at the original too, and each run has a process of its own.
    Hand,
}

/// The programs of `fixtures/faults`: `NAME.c` has `int NAME_run(void)` and `void NAME_drop(void)`.
pub fn written_by_hand() -> Vec<Program> {
    let directory = root().join("fixtures/faults");
    let entries = fs::read_dir(&directory).expect("fixtures/faults");
    let mut programs: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "c"))
        .map(|path| {
            let tag = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let text = fs::read_to_string(&path).expect("UTF-8");
            Program {
                kind: Kind::Owning,
                files: vec![(format!("{tag}.c"), text)],
                entry: format!("{tag}_run"),
                tag,
            }
        })
        .collect();
    programs.sort_by(|a, b| a.tag.cmp(&b.tag));
    programs
}

/// Rewrites programs for the map backend, where the verifier demands checks, and lets each
/// allocation fail, alone and with all behind it. Where none fails, each returns what it does as it
/// is.
pub fn failing_allocations(programs: &[Program], directory: &Path, origin: Origin) -> Vec<Verdict> {
    let wanted = originals(programs, directory, origin == Origin::Hand);
    let rewritten = bpf_malloc(
        directory,
        [
            "rewrite",
            "--all",
            "--message-format",
            "json",
            "--backend",
            "map",
            "--output",
            "out",
            "src",
        ],
    );
    if rewritten.status.code() == Some(2) {
        let said = format!("the rewrite fails: {}", words(&rewritten));
        return programs.iter().map(|_| Err(said.clone())).collect();
    }
    let told = told(&rewritten.stdout);
    let out = directory.join("out");
    let all: Vec<&Program> = programs.iter().collect();
    let mut verdicts = BTreeMap::new();
    match build(&all, &out, directory, "faults", origin) {
        Ok(program) => verdicts = run(&program, &wanted),
        Err(_) => {
            for one in programs {
                let name = format!("faults_{}", one.tag);
                match build(&[one], &out, directory, &name, origin) {
                    Ok(program) => verdicts.extend(run(&program, &wanted)),
                    Err(said) => {
                        let said = format!("the rewrite does not compile: {}", first_error(&said));
                        verdicts.insert(one.tag.clone(), Err(said));
                    }
                }
            }
        }
    }
    let verdict = |program: &Program| {
        let known = verdicts.remove(&program.tag);
        let verdict = known.unwrap_or_else(|| Err("does not come back".into()));
        if !program.files[0].1.starts_with(TOLD) {
            return verdict;
        }
        match verdict {
            _ if !told.contains(&program.tag) => {
                Err("the rewrite does not tell what stays behind".into())
            }
            Err(said) if said.lines().all(|line| line.starts_with("LOST: ")) => Ok(()),
            Err(said) => Err(said),
            Ok(()) => Err("nothing stays behind: its first line is wrong".into()),
        }
    };
    programs.iter().map(verdict).collect()
}

/// The programs of which a report in JSON says that a block may stay behind.
fn told(report: &[u8]) -> BTreeSet<String> {
    let report: serde_json::Value = serde_json::from_slice(report).expect("a report");
    let files = report["files"].as_array().expect("files").iter();
    files
        .filter(|file| {
            let notices = file["notices"].as_array().expect("notices");
            notices
                .iter()
                .any(|notice| notice["rule"] == "stays-behind")
        })
        .filter_map(|file| {
            let path = Path::new(file["path"].as_str()?);
            Some(path.file_stem()?.to_string_lossy().into_owned())
        })
        .collect()
}

/// Builds rewritten programs with the allocator that fails.
fn build(
    programs: &[&Program],
    out: &Path,
    directory: &Path,
    name: &str,
    origin: Origin,
) -> Result<PathBuf, String> {
    let judge = root().join("tests/judge");
    for program in programs {
        // Each finds this where the header would lie.
        let header = format!("#include \"{}\"\n", judge.join("inject.h").display());
        let place = out.join(&program.tag).join("dynamic_memory.h");
        fs::write(place, header).expect("a file");
    }
    let mut text = unit(programs, out, false);
    text.push_str(&format!(
        "#include \"{}\"\n",
        judge.join("inject.h").display()
    ));
    text.push_str("#include \"inject_driver.h\"\nint main(void)\n{\n");
    for program in programs {
        let tag = &program.tag;
        text.push_str(&format!(
            "\tINJECT(\"{tag}\", {tag}_run, {tag}_drop, {SMALL})\n"
        ));
    }
    text.push_str("\treturn 0;\n}\n");
    let file = directory.join(format!("{name}.c"));
    fs::write(&file, text).expect("a file");
    let program = directory.join(name);
    let heap = root().join("include/dynamic_memory.h");
    let compiled = output(
        native(true)
            .args(["-w", "-Dnative_executable", "-Werror=return-type"])
            .args((origin == Origin::Hand).then_some("-DINJECT_APART"))
            .arg("-I")
            .arg(&judge)
            .arg(format!("-DHEAP_HEADER=\"{}\"", heap.display()))
            .arg(&file)
            .arg("-o")
            .arg(&program),
    );
    match compiled.status.success() {
        true => Ok(program),
        false => Err(words(&compiled)),
    }
}

/// Runs a program of [`build`]; `wanted` is what each returns where no allocation fails.
fn run(program: &Path, wanted: &BTreeMap<String, i32>) -> BTreeMap<String, Verdict> {
    let result = output(
        Command::new(program).env("ASAN_OPTIONS", "detect_leaks=0:print_legend=0:symbolize=0"),
    );
    let mut verdicts: BTreeMap<String, Verdict> = BTreeMap::new();
    let mut complaints: BTreeMap<String, String> = BTreeMap::new();
    // What the sanitizers say comes before the line that says that the run ended badly.
    let mut reasons: BTreeMap<String, String> = BTreeMap::new();
    let mut at = String::new();
    for line in String::from_utf8_lossy(&result.stderr).lines() {
        if let Some(run) = line.strip_prefix("== ") {
            at = run.to_owned();
        } else if line.contains("ERROR: AddressSanitizer") || line.contains("runtime error") {
            reasons.entry(at.clone()).or_insert_with(|| line.to_owned());
        }
    }
    for line in String::from_utf8_lossy(&result.stdout).lines() {
        let Some((tag, said)) = line.split_once(' ') else {
            continue;
        };
        if let Some(value) = said.strip_prefix("DONE ") {
            let mut verdict = complaints.remove(tag).map_or(Ok(()), Err);
            if verdict.is_ok() && wanted.get(tag) != value.parse().ok().as_ref() {
                verdict = Err(format!("WRONG: {value}, not {:?}", wanted.get(tag)));
            }
            verdicts.insert(tag.to_owned(), verdict);
        } else {
            let Some((what, run)) = said.split_once(' ') else {
                continue;
            };
            let reason = reasons.get(&format!("{tag} {run}"));
            let reason = reason.map_or("a block is left behind", |reason| kind_of(reason));
            let complaint = complaints.entry(tag.to_owned()).or_default();
            complaint.push_str(&format!("{what}: {reason}, if allocation {run} fails\n"));
        }
    }
    verdicts
}

/// The kind of error in a sanitizer's line.
fn kind_of(line: &str) -> &str {
    let after = line.split_once("AddressSanitizer: ").map(|(_, rest)| rest);
    let after = after.or_else(|| line.split_once("runtime error: ").map(|(_, rest)| rest));
    let text = after.unwrap_or(line);
    text.split(" on ").next().unwrap_or(text)
}
