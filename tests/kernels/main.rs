//! The same objects on other kernels: `bpf-malloc verify` runs inside virtual machines that boot
//! Debian's kernels, and each program gets the verdict written in it. Then the heap traces
//! and some programs with linked data run there.
//!
//! `BPF_MALLOC_KERNELS` says which: a list of series as in `6.1,newest`, or `all`. Without it
//! four run.
#![cfg(all(feature = "kernel", feature = "cli", target_arch = "x86_64"))]

#[path = "../common/expect.rs"]
mod expect;
#[path = "../common/plain.rs"]
mod fixtures;
#[path = "../common/loops.rs"]
mod generated;
#[path = "../common/heap.rs"]
mod heap;
#[path = "../common/kernel.rs"]
mod kernel;
mod linked;
mod loops;
mod matrix;
#[path = "../common/replay.rs"]
mod operations;
#[path = "../common/parallel.rs"]
mod parallel;
mod plain;
#[path = "../linked/project.rs"]
mod project;
mod replay;
#[path = "../linked/runs.rs"]
mod runs;
mod vm;

use std::path::Path;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::Clang;
use expect::{Case, cases, cases_in, version};
use matrix::{Cell, Matrix};
use parallel::in_parallel;
use serde_json::Value;

/// The kernels whose logs are kept: their wordings differ most, and three of them have arenas.
const KEPT: [(u32, u32); 5] = [(5, 10), (6, 1), (6, 12), (6, 18), (7, 3)];
/// What runs by default: the oldest, the oldest for the default build, the one between, the newest.
const FEW: [&str; 4] = ["5.10", "6.1", "6.12", "newest"];
/// Every series that Debian's archive has today.
const ALL: [&str; 11] = [
    "5.10", "6.1", "6.12", "6.16", "6.17", "6.18", "6.19", "7.0", "7.1", "7.2", "newest",
];

fn wanted() -> Vec<String> {
    match std::env::var("BPF_MALLOC_KERNELS") {
        Ok(list) if list == "all" => ALL.map(str::to_owned).into(),
        Ok(list) => list
            .split(',')
            .map(|series| series.trim().to_owned())
            .collect(),
        Err(_) => FEW.map(str::to_owned).into(),
    }
}

/// Whether the committed table and logs are to be written anew.
fn blessing() -> bool {
    std::env::var_os("BLESS").is_some()
}

/// The last lines of a log are enough to tell the reason, and where it holds.
const LOG_LINES: usize = 250;

/// Keeps the end of the log of a refused program for `tests/kernel_logs.rs`.
fn keep_log(release: &str, name: &str, file: &Value) {
    let Some(log) = file["programs"][0]["log"].as_str() else {
        return;
    };
    let lines: Vec<&str> = log.lines().collect();
    let tail = lines[lines.len().saturating_sub(LOG_LINES)..].join("\n") + "\n";
    let (major, minor) = version(release);
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures/kernel/logs")
        .join(format!("{major}.{minor}"));
    std::fs::create_dir_all(&directory).expect("a directory");
    std::fs::write(directory.join(format!("{name}.log")), tail).expect("the log is written");
}

#[test]
fn verdicts_on_other_kernels() {
    let test = "verdicts_on_other_kernels";
    let missing = vm::missing_tools();
    if !missing.is_empty() {
        let reason = format!(
            "{} missing; tests/setup/install.sh test installs it",
            missing.join(", ")
        );
        kernel::skip_or_fail(test, &reason);
        return;
    }
    let clang = match Clang::find() {
        Ok(clang) => clang,
        Err(error) => return kernel::skip_or_fail(test, &error.to_string()),
    };
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let series = wanted();
    let series: Vec<&str> = series.iter().map(String::as_str).collect();
    let kernels = match vm::fetch(&target.join("kernels"), &series) {
        Ok(kernels) => kernels,
        Err(reason) => return kernel::skip_or_fail(test, reason.trim()),
    };

    let programs: Vec<Case> = ["accept", "reject"]
        .into_iter()
        .flat_map(cases)
        .chain(rewritten())
        .filter(|case| {
            case.tag("verdict") != Some("does not compile") && case.tag("emulated").is_none()
        })
        .collect();
    let objects: Vec<(String, Vec<u8>)> = in_parallel(&programs, |case| {
        let bytes = clang
            .compile(&case.path, &[], &[(HEADER_NAME, HEADER)], &[])
            .unwrap_or_else(|error| panic!("{error}"));
        (case.name.clone(), bytes)
    });
    let directory = tempfile::tempdir_in(target).expect("a directory");
    let initramfs = vm::initramfs(
        directory.path(),
        &objects,
        &[
            replay::files(&clang),
            loops::files(&clang, series == ALL),
            plain::files(&clang, series == ALL),
        ]
        .concat(),
        if blessing() { "--log" } else { "" },
    );

    let mut matrix = Matrix::default();
    let mut complaints = Vec::new();
    let reports = vm::boot_all(&kernels, &initramfs, directory.path());
    for (kernel, report) in kernels.iter().zip(reports) {
        let vm::Report {
            release,
            verdicts,
            replayed,
        } = report.unwrap_or_else(|reason| panic!("Linux {}: {reason}", kernel.version));
        assert!(
            release.contains(&kernel.version),
            "booted {release} instead of {}",
            kernel.version
        );
        matrix.kernel(&release);
        for file in verdicts["files"].as_array().expect("files") {
            let path = file["path"].as_str().expect("a path");
            let name = path.trim_start_matches("/objects/").trim_end_matches(".o");
            let case = programs
                .iter()
                .find(|case| case.name == name)
                .expect("a program of ours");
            if blessing()
                && case.tag("verdict") == Some("refused")
                && KEPT.contains(&version(&release))
            {
                keep_log(&release, name, file);
            }
            for (program, cell) in cells(name, file) {
                if let Some(complaint) = complaint(case, &release, &cell) {
                    complaints.push(format!("{release}: {name}: {program}: {complaint}"));
                }
                if !name.starts_with(REWRITTEN) {
                    matrix.add(name, &program, cell);
                }
            }
        }
        let judged = verdicts["files"].as_array().map_or(0, Vec::len);
        assert_eq!(judged, objects.len(), "{release} judged every object");
        complaints.extend(replay::check(&release, &replayed).err());
        complaints.extend(plain::missing(&release, &replayed, series == ALL));
        match loops::figures(&release, &replayed) {
            Ok(lines) => kernel::say(&format!("Linux {release}\n{}\n", lines.join("\n"))),
            Err(complaint) => complaints.push(complaint),
        }
    }
    let table = matrix.render();
    kernel::say(&table);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    matrix::check(&table, series == ALL);
}

/// Begins the names of rewritten programs, which the table leaves out: they are many, and test the
/// rewriter.
const REWRITTEN: &str = "rewritten_";

/// Programs with linked data as the rewriter leaves them, but for those that include a header of
/// another package; and those whose NULL checks give back what the kernel lends.
fn rewritten() -> Vec<Case> {
    let mut cases = cases_in("linked/expected");
    cases.retain(|case| case.tag("header").is_none());
    cases.extend(cases_in("nulls/load-references/expected"));
    for case in &mut cases {
        case.name.insert_str(0, REWRITTEN);
    }
    cases
}

/// The verdicts on one object, by program.
fn cells(name: &str, file: &Value) -> Vec<(String, Cell)> {
    let Some(programs) = file["programs"].as_array() else {
        return vec![(name.to_owned(), Cell::of(file))];
    };
    let name = |program: &Value| program["name"].as_str().expect("a name").to_owned();
    programs.iter().map(|p| (name(p), Cell::of(p))).collect()
}

/// What is wrong with a verdict, if anything. A kernel that is too old for a program may say what
/// it likes.
fn complaint(case: &Case, release: &str, cell: &Cell) -> Option<String> {
    if !case.runs_on(release) {
        return None;
    }
    match (case.tag("verdict"), cell) {
        (Some("accepted"), Cell::Accepted { returned, .. }) => {
            let wanted = case
                .tag("return")
                .and_then(|value| value.parse::<i64>().ok());
            (wanted.is_some() && returned.is_some() && *returned != wanted)
                .then(|| format!("returned {returned:?} instead of {wanted:?}"))
        }
        (
            Some("refused"),
            Cell::Refused {
                kind,
                message,
                line,
            },
        ) => {
            let wanted = case.tag("kind").expect("a kind");
            if kind != wanted {
                return Some(format!("{kind} instead of {wanted}: {message}"));
            }
            let text = case.tag("line")?;
            let number = case.text.lines().position(|l| l.trim() == text)? as u64 + 1;
            (*line != Some(number)).then(|| format!("blames line {line:?} instead of {number}"))
        }
        (wanted, Cell::Refused { message, .. }) => {
            Some(format!("refused instead of {wanted:?}: {message}"))
        }
        (wanted, Cell::Accepted { .. }) => Some(format!("accepted instead of {wanted:?}")),
    }
}

#[test]
fn versions_compare_by_number() {
    assert!(version("6.12.117+deb12-cloud-amd64") > version("6.9"));
    assert_eq!(version("5.10.0-46-cloud-amd64"), (5, 10));
    assert_eq!(version("7"), (7, 0));
}
