//! What the verifiers of several kernels said about the programs of `fixtures/kernel/reject`, kept
//! in `fixtures/kernel/logs`, is read as the kind each program expects. Needs no privilege.
#![cfg(feature = "kernel")]

#[path = "common/expect.rs"]
mod expect;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bpf_malloc::judge::verdict::Refusal;
use expect::cases;

#[test]
fn logs_of_several_kernels_are_understood() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/kernel/logs");
    let programs = cases("reject");
    let mut complaints = Vec::new();
    let mut kinds = BTreeMap::new();
    for kernel in fs::read_dir(&directory).unwrap() {
        let kernel = kernel.unwrap();
        let version = kernel.file_name().to_string_lossy().into_owned();
        for log in fs::read_dir(kernel.path()).unwrap() {
            let log = log.unwrap().path();
            let name = log.file_stem().unwrap().to_string_lossy().into_owned();
            let case = programs
                .iter()
                .find(|case| case.name == name)
                .unwrap_or_else(|| panic!("{} belongs to no program", log.display()));
            if !case.runs_on(&version) {
                continue;
            }
            let refusal = Refusal::parse(&fs::read_to_string(&log).unwrap(), "");
            let wanted = case.tag("kind").unwrap();
            let kernels: &mut BTreeSet<String> = kinds.entry(wanted.to_owned()).or_default();
            kernels.insert(version.clone());
            if refusal.kind.name() != wanted {
                complaints.push(format!(
                    "Linux {version}: {name}: {} instead of {wanted}: {}",
                    refusal.kind.name(),
                    refusal.message
                ));
            }
            let whole_program = [
                "stack",
                "indirect-call",
                "lock",
                "unbounded-loop",
                "too-many-instructions",
            ];
            if refusal.path.is_empty() && !whole_program.contains(&wanted) {
                complaints.push(format!("Linux {version}: {name}: no instruction to blame"));
            }
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    // What clang or libbpf refuses leaves no log.
    assert!(kinds.len() >= 14, "{kinds:?}");
    for (kind, kernels) in kinds {
        assert!(
            kernels.len() >= 3,
            "logs of {kind} are from {kernels:?} only"
        );
    }
}
