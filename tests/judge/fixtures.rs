//! The verdict on programs as people write them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::batch::{Verdict, first_error};
use crate::kernel::{verdict, verify};
use crate::parallel::in_parallel;
use crate::plain::{Fixture, copy, fixtures};
use crate::toolchain::{OLD_C, bpf_malloc, clang, native, output, root, words};

/// Instructions that the verifier may follow in one program. What is above has ways that meet and are
/// not taken for the same: a power of what the program has of something.
const MOST_VERIFIED: u64 = 150_000;

/// Judges all programs of a directory: each by itself in user space, before and after the rewrite,
/// and in the kernel; and after a rewrite of the whole directory.
pub fn judge(directory: &str, kernel: bool) -> Vec<(String, Verdict)> {
    let all = fixtures(directory);
    let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
    let together = rewritten_together(directory, scratch.path());
    let alone = in_parallel(&all, |fixture| {
        let place = scratch.path().join(fixture.name.replace('/', "+"));
        in_user_space(fixture, &place).and_then(|()| compiles(fixture, &together))
    });
    let accepted = match kernel {
        true => in_the_kernel(&all, scratch.path()),
        false => all.iter().map(|_| Ok(())).collect(),
    };
    let both = alone.into_iter().zip(accepted);
    all.iter()
        .zip(both)
        .map(|(fixture, (alone, accepted))| (fixture.name.clone(), accepted.and(alone)))
        .collect()
}

/// What the program returns in user space.
fn run(source: &Path, arguments: &[&str], to: &Path) -> Result<i32, String> {
    let compiled = output(
        native(true)
            .args(["-w", "-DPROGRAM=prog", "-I"])
            .arg(source.parent().expect("a directory"))
            .args(arguments)
            .arg(source)
            .arg(root().join("tests/judge/alone.c"))
            .arg("-o")
            .arg(to),
    );
    if !compiled.status.success() {
        return Err(format!(
            "does not compile: {}",
            first_error(&words(&compiled))
        ));
    }
    let result = output(Command::new(to).env("ASAN_OPTIONS", "detect_leaks=0"));
    // The value comes last; the program may have printed something itself.
    let printed = String::from_utf8_lossy(&result.stdout).into_owned();
    let value = printed.lines().next_back().unwrap_or_default().parse();
    value.map_err(|_| format!("ends with {}: {}", result.status, words(&result)))
}

/// The program before and after the rewrite, in user space; and the rewrite once more.
fn in_user_space(fixture: &Fixture, place: &Path) -> Verdict {
    fs::create_dir_all(place).expect("a directory");
    // Helpers of the kernel are not there in user space.
    let plain = fixture.value.filter(|_| !fixture.name.contains(".bpf"));
    if let Some(wanted) = plain {
        let value = run(&fixture.source, &[], &place.join("before"));
        assert_eq!(value, Ok(wanted), "the fixture {} is wrong", fixture.name);
    }
    let source = place.join("src");
    copy(fixture, &source);
    let rewritten = bpf_malloc(
        place,
        [
            "rewrite",
            "--quiet",
            "--emit-header",
            "--output",
            "out",
            "src",
        ],
    );
    if rewritten.status.code() == Some(2) {
        return Err(format!("the rewrite fails: {}", words(&rewritten)));
    }
    let out = place.join("out");
    let file = out.join(fixture.source.file_name().expect("a name"));
    if let Some(wanted) = plain {
        match run(&file, &["-Dnative_executable"], &place.join("after")) {
            Ok(value) if value == wanted => {}
            Ok(value) => return Err(format!("WRONG in user space: {value}, not {wanted}")),
            Err(said) => return Err(format!("the rewrite in user space: {said}")),
        }
    }
    let again = bpf_malloc(place, ["rewrite", "--check", "out"]);
    if !again.stdout.is_empty() {
        return Err("a second run changes it".into());
    }
    Ok(())
}

/// The whole directory in one run.
fn rewritten_together(directory: &str, scratch: &Path) -> PathBuf {
    let out = scratch.join("together");
    let fixtures = root().join("fixtures");
    let arguments = ["rewrite", "--quiet", "--emit-header", "--output"].map(PathBuf::from);
    let rest = [out.clone(), PathBuf::from(directory)];
    bpf_malloc(&fixtures, arguments.into_iter().chain(rest));
    out
}

/// Whether the program compiles for the kernel after the rewrite of the whole directory.
fn compiles(fixture: &Fixture, together: &Path) -> Verdict {
    let path = together.join(format!("{}.c", fixture.name));
    let compiled = output(clang().args(OLD_C).args(["-w", "-fsyntax-only"]).arg(&path));
    if compiled.status.success() {
        return Ok(());
    }
    let said = first_error(&words(&compiled));
    Err(format!(
        "rewritten with its neighbours it does not compile: {said}"
    ))
}

/// One command for all: rewritten in memory, compiled, loaded, run.
fn in_the_kernel(all: &[Fixture], scratch: &Path) -> Vec<Verdict> {
    let handfuls: Vec<&[Fixture]> = all.chunks(8).collect();
    let reports = in_parallel(&handfuls, |handful| {
        let inputs: Vec<_> = handful.iter().map(|f| f.source.clone()).collect();
        verify(scratch, &inputs)
    });
    let by_path: BTreeMap<String, Value> = reports
        .into_iter()
        .flatten()
        .map(|file| (file["path"].as_str().unwrap_or_default().to_owned(), file))
        .collect();
    let judged = all.iter().map(|fixture| {
        let path = fixture.source.display().to_string();
        let file = by_path.get(&path);
        let file = file.ok_or_else(|| "verify says nothing of it".to_owned())?;
        verdict(file, fixture.value)?;
        let verified = &file["programs"][0]["verified_instructions"];
        match verified.as_u64() {
            Some(..=MOST_VERIFIED) => Ok(()),
            _ => Err(format!("{verified} verified instructions")),
        }
    });
    judged.collect()
}

/// How many programs a directory has to have at least, so that none is lost.
pub fn at_least(directory: &str, number: usize) {
    let all = fixtures(directory);
    assert!(all.len() >= number, "{} programs in {directory}", all.len());
    for fixture in all {
        let text = fs::read_to_string(&fixture.source).expect("UTF-8");
        assert!(text.contains("SEC(\""), "{} has no program", fixture.name);
    }
}
