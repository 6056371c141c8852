//! Generated programs in the running kernel: accepted, and right.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::batch::{Verdict, first_error, originals};
use crate::generate::Program;
use crate::toolchain::{OLD_C, bpf_malloc, clang, output, words};

/// Rewrites, compiles, loads and runs each program, and compares what it returns with what the
/// original does in user space.
pub fn in_the_kernel(programs: &[Program], directory: &Path) -> Vec<Verdict> {
    let wanted = originals(programs, directory, false);
    let mut verdicts: Vec<Option<Verdict>> = programs.iter().map(|_| None).collect();
    let mut inputs = Vec::new();
    for (program, verdict) in programs.iter().zip(&mut verdicts) {
        match program.sources().count() {
            1 => inputs.push(
                directory
                    .join("src")
                    .join(&program.tag)
                    .join(&program.files[0].0),
            ),
            _ => match linked(program, directory) {
                Ok(object) => inputs.push(object),
                Err(complaint) => *verdict = Some(Err(complaint)),
            },
        }
    }
    let report = verify(directory, &inputs);
    let verdict = |program: &Program| {
        let name = format!("/{}", program.tag);
        let file = report.iter().find(|file| {
            let path = file["path"].as_str().unwrap_or_default();
            path.trim_end_matches(".c")
                .trim_end_matches(".o")
                .ends_with(&name)
        });
        match file {
            None => Err("verify says nothing of it".to_owned()),
            Some(file) => verdict(file, Some(wanted[&program.tag])),
        }
    };
    let judged = programs.iter().zip(verdicts);
    judged
        .map(|(program, known)| known.unwrap_or_else(|| verdict(program)))
        .collect()
}

/// What `bpf-malloc verify --run` says of each file.
pub fn verify(directory: &Path, inputs: &[PathBuf]) -> Vec<Value> {
    if inputs.is_empty() {
        return Vec::new();
    }
    let mut arguments: Vec<_> = ["verify", "--run", "--message-format", "json"]
        .map(PathBuf::from)
        .to_vec();
    arguments.extend(["-I".into(), directory.to_owned()]);
    arguments.extend(inputs.iter().cloned());
    arguments.push("--".into());
    arguments.extend(OLD_C.iter().map(PathBuf::from));
    let result = bpf_malloc(directory, arguments);
    let report: Value = match serde_json::from_slice(&result.stdout) {
        Ok(report) => report,
        // It was ended by a signal: by which of the files, each alone tells.
        Err(_) if inputs.len() > 1 => {
            let alone = inputs.chunks(1).flat_map(|input| verify(directory, input));
            return alone.collect();
        }
        Err(error) => {
            let message = format!("{error}, {}: {}", result.status, words(&result));
            let fault = json!({ "code": "ended", "message": message });
            return vec![json!({ "path": inputs[0], "error": fault })];
        }
    };
    report["files"].as_array().cloned().unwrap_or_default()
}

/// Reads the report on one file, whose first program returns `wanted` if that is known.
pub fn verdict(file: &Value, wanted: Option<i32>) -> Verdict {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(error) = file.get("error") {
        let message = text(&error["message"]);
        return Err(match error["code"].as_str() {
            Some("compile") => format!("does not compile: {}", first_error(&message)),
            _ => format!("not judged: {message}"),
        });
    }
    let programs = file["programs"].as_array().map_or(&[][..], Vec::as_slice);
    let refused = programs.iter().map(|program| &program["refusal"]);
    let mut refused = refused.filter(|refusal| !refusal.is_null());
    let whole = file.get("refusals").and_then(|list| list.get(0));
    if let Some(refusal) = whole.or_else(|| refused.next()) {
        let message = text(&refusal["message"]);
        return Err(format!(
            "refused, {}: {}",
            text(&refusal["kind"]),
            message.lines().next().unwrap_or_default()
        ));
    }
    let Some(wanted) = wanted else {
        return Ok(());
    };
    let run = &file["programs"][0]["run"];
    match run["return_value"].as_i64() {
        Some(value) if value as i32 == wanted => Ok(()),
        Some(value) => Err(format!(
            "WRONG in the kernel: {}, not {wanted}",
            value as i32
        )),
        None => Err(format!("does not run: {run}")),
    }
}

/// A program of two sources as one object.
fn linked(program: &Program, directory: &Path) -> Result<PathBuf, String> {
    let out = directory.join("linked").join(&program.tag);
    fs::create_dir_all(&out).expect("a directory");
    let source = directory.join("src").join(&program.tag);
    let arguments = ["rewrite", "--all", "--quiet", "--emit-header", "--output"].map(PathBuf::from);
    let rewritten = bpf_malloc(
        directory,
        arguments.into_iter().chain([out.clone(), source]),
    );
    if rewritten.status.code() == Some(2) {
        return Err(format!("the rewrite fails: {}", words(&rewritten)));
    }
    let mut objects = Vec::new();
    for name in program.sources() {
        let object = out.join(name).with_extension("o");
        let compiled = output(
            clang()
                .args(OLD_C)
                .args(["-DDYNAMIC_MEMORY_SHARED", "-c"])
                .arg(find(&out, name).unwrap_or_else(|| out.join(name)))
                .arg("-o")
                .arg(&object),
        );
        if !compiled.status.success() {
            let said = first_error(&words(&compiled));
            return Err(format!("does not compile: {said}"));
        }
        objects.push(object);
    }
    let object = out.join(format!("linked/{}.o", program.tag));
    fs::create_dir_all(object.parent().expect("a directory")).expect("a directory");
    let linker = ["bpftool", "/usr/sbin/bpftool"];
    let linker = linker
        .into_iter()
        .find(|name| Command::new(name).arg("version").output().is_ok());
    let result = output(
        Command::new(linker.unwrap_or("bpftool"))
            .args(["gen", "object"])
            .arg(&object)
            .args(&objects),
    );
    match result.status.success() {
        true => Ok(object),
        false => Err(format!("does not link: {}", words(&result))),
    }
}

/// The file of this name in a directory, at most one level below it.
fn find(directory: &Path, name: &str) -> Option<PathBuf> {
    let entries = fs::read_dir(directory).ok()?.filter_map(Result::ok);
    let places = entries
        .map(|entry| entry.path())
        .filter(|path| path.is_dir());
    let mut places: Vec<_> = places.map(|place| place.join(name)).collect();
    places.insert(0, directory.join(name));
    places.into_iter().find(|path| path.is_file())
}
