//! Many programs at once: one run of the command and few calls of compilers for each handful.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::generate::Program;
use crate::parallel::in_parallel;
use crate::toolchain::{
    bpf_malloc, clang, native, output, returned, root, strict, unit, words, write,
};

/// What became of a program.
pub type Verdict = Result<(), String>;

/// How many programs go together.
pub const HANDFUL: usize = 10;

/// Judges programs in handfuls, on two processors.
pub fn judge(
    programs: &[Program],
    one: impl Fn(&[Program], &Path) -> Vec<Verdict> + Sync,
) -> Vec<(String, Verdict)> {
    judge_in(HANDFUL, programs, one)
}

/// Judges programs in handfuls of this size, on two processors.
pub fn judge_in(
    handful: usize,
    programs: &[Program],
    one: impl Fn(&[Program], &Path) -> Vec<Verdict> + Sync,
) -> Vec<(String, Verdict)> {
    let handfuls: Vec<&[Program]> = programs.chunks(handful).collect();
    let verdicts = in_parallel(&handfuls, |handful| {
        let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a directory");
        let verdicts = one(handful, directory.path());
        assert_eq!(verdicts.len(), handful.len());
        if std::env::var_os("JUDGE_KEEP").is_some() {
            eprintln!("kept {}", directory.keep().display());
        }
        verdicts
    });
    let names = programs.iter().map(|program| program.tag.clone());
    names.zip(verdicts.into_iter().flatten()).collect()
}

/// What the programs as they are return in user space, `sanitized` where no other test of the same
/// programs is. One that does not compile, or does what C does not define, is a fault of the
/// generator.
pub fn originals(programs: &[Program], directory: &Path, sanitized: bool) -> BTreeMap<String, i32> {
    let sources = directory.join("src");
    write(programs, &sources);
    let all: Vec<&Program> = programs.iter().collect();
    let text = unit(&all, &sources, true);
    let file = directory.join("originals.c");
    fs::write(&file, text).expect("a file");
    let program = directory.join("originals");
    let compiled = output(
        native(sanitized)
            .args(["-w", "-I"])
            .arg(root().join("tests/judge"))
            .arg(&file)
            .arg("-o")
            .arg(&program),
    );
    assert!(
        compiled.status.success(),
        "the generator writes what does not compile:\n{}",
        words(&compiled)
    );
    let values = returned(&program);
    let value = |program: &Program| match values.get(&program.tag) {
        Some(Ok(value)) => *value,
        other => panic!("the generated program {} is wrong: {other:?}", program.tag),
    };
    programs.iter().map(|p| (p.tag.clone(), value(p))).collect()
}

/// Rewrites, compiles for user space and for the kernel with warnings as errors, runs in user space
/// and rewrites once more.
pub fn in_user_space(programs: &[Program], directory: &Path) -> Vec<Verdict> {
    let wanted = originals(programs, directory, true);
    let mut verdicts: Vec<Verdict> = programs.iter().map(|_| Ok(())).collect();
    let rewritten = bpf_malloc(
        directory,
        [
            "rewrite",
            "--all",
            "--quiet",
            "--output",
            "out",
            "--emit-header",
            "src",
        ],
    );
    let out = directory.join("out");
    if rewritten.status.code() == Some(2) || !out.is_dir() {
        let said = format!("the rewrite fails: {}", words(&rewritten));
        return programs.iter().map(|_| Err(said.clone())).collect();
    }
    // One program alone is a file, or a directory of its own.
    for (program, verdict) in programs.iter().zip(&mut verdicts) {
        *verdict = for_the_kernel(program, &out);
    }
    let values = built(programs, &out, directory, &mut verdicts);
    for (program, verdict) in programs.iter().zip(&mut verdicts) {
        if verdict.is_ok() {
            let wanted = wanted[&program.tag];
            *verdict = match values.get(&program.tag) {
                Some(Ok(value)) if *value == wanted => Ok(()),
                Some(Ok(value)) => Err(format!("WRONG in user space: {value}, not {wanted}")),
                Some(Err(end)) => Err(format!("the rewrite ends in user space: {end}")),
                None => Err("the rewrite does not come back in user space".into()),
            };
        }
    }
    let again = bpf_malloc(directory, ["rewrite", "--all", "--check", "out"]);
    if again.status.code() != Some(0) {
        // The files that would change are named on standard output; notices go elsewhere.
        let named = String::from_utf8_lossy(&again.stdout).into_owned();
        for (program, verdict) in programs.iter().zip(&mut verdicts) {
            let part = format!("out/{}/", program.tag);
            if let (Ok(()), Some(line)) = (&verdict, named.lines().find(|l| l.contains(&part))) {
                *verdict = Err(format!("a second run changes {line}"));
            }
        }
    }
    verdicts
}

/// The first error of a compiler, without the path.
pub fn first_error(text: &str) -> String {
    let line = text.lines().find(|line| line.contains("error: "));
    let line = line.unwrap_or(text);
    let after = line.find("error: ").map_or(line, |at| &line[at..]);
    format!("{after}\n{text}")
}

/// Whether the rewrite of a program compiles for the kernel, without a warning that the rewrite
/// brought in. Only the front end looks at each alone, so that no file leans on what another one
/// includes.
fn for_the_kernel(program: &Program, out: &Path) -> Verdict {
    let directory = out.join(&program.tag);
    for source in program.sources() {
        let path = directory.join(source);
        let compiled = output(strict(&mut clang()).arg("-fsyntax-only").arg(&path));
        if !compiled.status.success() {
            let said = first_error(&words(&compiled));
            return Err(format!("the rewrite does not compile for BPF: {said}"));
        }
    }
    Ok(())
}

/// What the rewritten programs return in user space; what does not compile gets its verdict.
fn built(
    programs: &[Program],
    out: &Path,
    directory: &Path,
    verdicts: &mut [Verdict],
) -> BTreeMap<String, Result<i32, String>> {
    let build = |some: &[&Program], name: &str| {
        let file = directory.join(format!("{name}.c"));
        fs::write(&file, unit(some, out, true)).expect("a file");
        let program = directory.join(name);
        let compiled = output(
            strict(&mut native(false))
                .args(["-Dnative_executable", "-I"])
                .arg(root().join("tests/judge"))
                .arg(&file)
                .arg("-o")
                .arg(&program),
        );
        match compiled.status.success() {
            true => Ok(program),
            false => Err(words(&compiled)),
        }
    };
    let good: Vec<&Program> = programs
        .iter()
        .zip(verdicts.iter())
        .filter_map(|(program, verdict)| verdict.is_ok().then_some(program))
        .collect();
    if good.is_empty() {
        return BTreeMap::new();
    }
    if let Ok(program) = build(&good, "rewritten") {
        return returned(&program);
    }
    let mut values = BTreeMap::new();
    for (program, verdict) in programs.iter().zip(verdicts) {
        if verdict.is_err() {
            continue;
        }
        match build(&[program], &format!("rewritten_{}", program.tag)) {
            Ok(program) => values.extend(returned(&program)),
            Err(said) => {
                *verdict = Err(format!(
                    "the rewrite does not compile for user space: {}",
                    first_error(&said)
                ));
            }
        }
    }
    values
}
