//! The programs of `fixtures/kernel` get the verdict they expect from the running kernel, and
//! each refusal is explained by the right kind and the right line.
#![cfg(feature = "kernel")]

#[path = "common/compilers.rs"]
mod compilers;
#[path = "common/expect.rs"]
mod expect;
#[path = "common/kernel.rs"]
mod kernel;

use bpf_malloc::heap::{HEADER, HEADER_NAME};
use bpf_malloc::judge::compile::{Clang, Error as CompileError};
use bpf_malloc::judge::explain::{Kind, classify};
use bpf_malloc::judge::verdict::Refusal;
use bpf_malloc::kernel::load::{Error, Judgement, ObjectFile};
use bpf_malloc::kernel::run::{RunInput, Support, support};
use compilers::clangs;
use expect::{Case, cases};
use kernel::can_load;

fn compile(clang: &Clang, case: &Case) -> Result<ObjectFile, CompileError> {
    let bytes = clang.compile(&case.path, &[], &[(HEADER_NAME, HEADER)], &[])?;
    Ok(ObjectFile::from_bytes(case.name.as_str(), bytes))
}

/// What is wrong with how a refusal is told, if anything.
fn complaint(case: &Case, refusal: &Refusal, judgement: Option<&Judgement>) -> Option<String> {
    let wanted = case.tag("kind").expect("a kind");
    if refusal.kind.name() != wanted {
        return Some(format!(
            "{} instead of {wanted}: {}",
            refusal.kind.name(),
            refusal.message
        ));
    }
    let (line, judgement) = (case.tag("line")?, judgement?);
    let is_own = |file: &str| file.ends_with(".bpf.c");
    let found = refusal.line(&judgement.lines, is_own);
    let number = case
        .text
        .lines()
        .position(|l| l.trim() == line)
        .expect("its own line")
        + 1;
    match found {
        Some(found) if found.line as usize == number => None,
        Some(found) => Some(format!("line {} `{}`", found.line, found.text.trim())),
        None => Some("no line".to_owned()),
    }
}

/// What a clang and this kernel make of the programs to refuse that `wanted` takes: the kinds that
/// were to be told, and what is wrong.
fn refuse(clang: &Clang, wanted: impl Fn(&Case) -> bool) -> (Vec<String>, Vec<String>) {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut complaints = Vec::new();
    let mut seen = Vec::new();
    let fits =
        |case: &&Case| case.runs_on(&release) && case.compiles_with(clang.version) && wanted(case);
    for case in cases("reject").iter().filter(fits) {
        seen.push(case.tag("kind").expect("a kind").to_owned());
        let wanted = case.tag("verdict").unwrap();
        let (verdict, complaint) = match compile(clang, case) {
            Err(CompileError::Clang { message, .. }) => {
                let (kind, line) = classify(&message);
                let refusal = Refusal {
                    kind,
                    message: line.unwrap_or(&message).to_owned(),
                    path: Vec::new(),
                };
                ("does not compile", complaint(case, &refusal, None))
            }
            Err(error) => panic!("{}: {error}", case.name),
            Ok(object) => match object.programs() {
                Err(Error::Open { message, .. }) => (
                    "refused",
                    complaint(case, &Refusal::parse("", &message), None),
                ),
                Err(error) => panic!("{}: {error}", case.name),
                Ok(programs) => {
                    let judgement = object.judge(&programs[0].name).unwrap();
                    let refusal = Refusal::parse(&judgement.log, &judgement.messages);
                    let verdict = ["refused", "accepted"][usize::from(judgement.accepted())];
                    (verdict, complaint(case, &refusal, Some(&judgement)))
                }
            },
        };
        if verdict != wanted {
            complaints.push(format!("{}: {verdict}", case.name));
        } else if let Some(complaint) = complaint {
            complaints.push(format!("{}: {complaint}", case.name));
        }
    }
    (seen, complaints)
}

/// What is wrong with the programs to accept.
fn accept(clang: &Clang) -> Vec<String> {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut complaints = Vec::new();
    let fits = |case: &&Case| case.runs_on(&release) && case.compiles_with(clang.version);
    for case in cases("accept").iter().filter(fits) {
        let object = match compile(clang, case) {
            Ok(object) => object,
            Err(error) => {
                complaints.push(format!("{}: {error}", case.name));
                continue;
            }
        };
        let mut accepted = Vec::new();
        for program in object.programs().unwrap() {
            let judgement = object.judge(&program.name).unwrap();
            if judgement.denied() {
                let reason = format!("this system forbids programs for {}", program.section);
                kernel::skip(&format!("{} of {}", program.name, case.name), &reason);
            } else if judgement.accepted() {
                accepted.push(program);
            } else {
                complaints.push(format!("{}: {judgement}", case.name));
            }
        }
        let wanted = case.tag("return");
        accepted.retain(|info| wanted.is_some() && support(info.program_type) != Support::None);
        if accepted.is_empty() {
            continue;
        }
        let loaded = object
            .load_only(|name| accepted.iter().any(|info| info.name == name))
            .unwrap_or_else(|error| panic!("{error}"));
        for info in &accepted {
            let output = loaded.run(&info.name, &RunInput::default()).unwrap();
            let returned = (output.return_value as i32).to_string();
            if Some(&*returned) != wanted {
                let name = &info.name;
                complaints.push(format!("{}: {name} returned {returned}", case.name));
            }
        }
    }
    complaints
}

#[test]
fn refusals_are_explained() {
    if !can_load("refusals_are_explained") {
        return;
    }
    let (seen, complaints) = refuse(&Clang::find().unwrap(), |_| true);
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    // A kernel that is too old does not run these tests.
    let seldom = [Kind::OldKernel, Kind::Other];
    for kind in Kind::ALL.iter().filter(|kind| !seldom.contains(kind)) {
        assert!(
            seen.iter().any(|name| name == kind.name()),
            "no program is refused for {}",
            kind.name()
        );
    }
}

#[test]
fn accepted_programs_load_and_return_what_they_say() {
    if !can_load("accepted_programs_load_and_return_what_they_say") {
        return;
    }
    let complaints = accept(&Clang::find().unwrap());
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Each version of clang makes other code of the header and says errors in other words.
#[test]
fn other_compilers_get_the_same_verdicts() {
    let test = "other_compilers_get_the_same_verdicts";
    if !can_load(test) {
        return;
    }
    let pinned = Clang::find().unwrap();
    let mut complaints = Vec::new();
    for name in clangs() {
        let Ok(clang) = Clang::at(name.as_ref()) else {
            kernel::skip(test, &format!("there is no {name}"));
            continue;
        };
        if clang.version == pinned.version {
            continue;
        }
        // What takes a virtual machine minutes is the verifier's work more than the compiler's.
        let (seen, refusals) = refuse(&clang, |case| case.tag("emulated").is_none());
        assert!(!seen.is_empty());
        let all = refusals.into_iter().chain(accept(&clang));
        complaints.extend(all.map(|complaint| format!("{name}: {complaint}")));
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
