//! Every construct the rewriter meets, as `fixtures/rewrite/<case>`: `input.c` (with headers
//! beside it), what becomes of each file under `expected/`, and `report.txt` with the notices.
//! `BLESS=1 cargo test --test rewrite` writes the expectations anew; read the diff.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bpf_malloc::rewrite::{
    Cache, CommandLineMacro, Facts, Header, OnNull, Options, Plan, Project, Rule, plan,
};

/// The files of one case are one project, all of it rewritten.
#[derive(Default)]
struct Case {
    root: PathBuf,
    facts: Facts,
    cache: Cache,
}

impl Project for Case {
    fn header(&self, from: &Path, name: &str, _: bool) -> Option<Header> {
        let path = from.parent()?.join(name);
        let bytes = std::fs::read(&path).ok()?;
        Some(Header {
            path,
            bytes: Arc::from(bytes),
        })
    }

    fn rewritten(&self, path: &Path) -> bool {
        path.starts_with(&self.root)
    }

    fn command_line(&self, _: &Path) -> Vec<CommandLineMacro> {
        Vec::new()
    }

    fn facts(&self) -> &Facts {
        &self.facts
    }

    fn cache(&self) -> &Cache {
        &self.cache
    }
}

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rewrite")
}

fn cases() -> Vec<Case> {
    let mut roots: Vec<_> = std::fs::read_dir(fixtures())
        .expect("fixtures/rewrite")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    roots.sort();
    roots
        .into_iter()
        .map(|root| Case {
            root,
            ..Case::default()
        })
        .collect()
}

/// The source files of a case.
fn inputs(case: &Case) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(&case.root)
        .expect("a case")
        .map(|entry| entry.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|e| e == "c" || e == "h"))
        .collect();
    files.sort();
    files
}

/// These fixtures are about call sites and includes; NULL checks have their own.
fn options() -> Options {
    Options {
        on_null: OnNull::Off,
    }
}

fn report(name: &str, source: &[u8], plan: &Plan) -> String {
    let mut out = String::new();
    for notice in plan.notices() {
        let before = &source[..notice.span.start];
        let line = 1 + before.iter().filter(|&&b| b == b'\n').count();
        let column = 1 + before.iter().rev().take_while(|&&b| b != b'\n').count();
        let (severity, rule) = (notice.severity.name(), notice.rule.name());
        out += &format!(
            "{name}:{line}:{column}: {severity}[{rule}]: {}\n",
            notice.message
        );
        if let Some(help) = &notice.help {
            out += &format!("    help: {help}\n");
        }
    }
    out
}

fn compare(path: &Path, got: &[u8], bless: bool) -> Option<String> {
    if bless {
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        std::fs::write(path, got).expect("a written expectation");
        return None;
    }
    let want = std::fs::read(path).unwrap_or_default();
    (want != got).then(|| {
        format!(
            "{}:\n--- expected\n{}\n--- got\n{}",
            path.display(),
            String::from_utf8_lossy(&want),
            String::from_utf8_lossy(got)
        )
    })
}

#[test]
fn every_case_comes_out_as_expected() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    let cases = cases();
    assert!(cases.len() >= 55, "only {} cases", cases.len());
    for case in &cases {
        let mut reports = String::new();
        for path in inputs(case) {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let source = std::fs::read(&path).expect("an input");
            let plan = plan(&path, &source, case, &options());
            reports += &report(&name, &source, &plan);
            let shown = path
                .strip_prefix(fixtures())
                .expect("below")
                .display()
                .to_string();
            reports = reports.replace(&path.parent().expect("a parent").display().to_string(), ".");
            let got = plan.apply(&source);
            wrong.extend(compare(
                &case.root.join("expected").join(&name),
                &got,
                bless,
            ));
            // Keeping everything is as much an expectation as changing something.
            let keeps = case.root.to_string_lossy().ends_with("-keep");
            assert!(!(keeps && plan.changes()), "{shown} must be kept as it is");
        }
        wrong.extend(compare(
            &case.root.join("report.txt"),
            reports.as_bytes(),
            bless,
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_second_run_changes_nothing() {
    for case in cases() {
        let expected = Case {
            root: case.root.join("expected"),
            ..Case::default()
        };
        for path in inputs(&expected) {
            let source = std::fs::read(&path).expect("an expectation");
            let plan = plan(&path, &source, &expected, &options());
            assert!(!plan.changes(), "{}: {:?}", path.display(), plan.edits());
        }
    }
}

#[test]
fn every_rule_is_met_and_kept_out_of_other_cases() {
    // Rules about NULL checks are met in fixtures/nulls.
    let elsewhere = [Rule::MissingNullCheck, Rule::Unparsed, Rule::ReallocLeak];
    let mut met = BTreeSet::new();
    let mut silent = 0;
    for case in cases() {
        let report = std::fs::read_to_string(case.root.join("report.txt")).expect("a report");
        silent += usize::from(report.is_empty());
        met.extend(
            Rule::ALL
                .into_iter()
                .filter(|r| report.contains(&format!("[{}]", r.name()))),
        );
    }
    for rule in Rule::ALL {
        assert_eq!(
            met.contains(&rule),
            !elsewhere.contains(&rule),
            "{}",
            rule.name()
        );
    }
    assert!(silent > 20, "only {silent} cases are silent");
}

/// Cases that no clang compiles, before or after.
fn uncompilable(case: &Case) -> bool {
    let name = case.root.file_name().expect("a name").to_string_lossy();
    // GCC's `malloc` attribute with arguments; an include that comes too late; a made-up path;
    // a Latin-1 identifier.
    [
        "attributes",
        "include-too-late",
        "include-present",
        "latin1",
    ]
    .contains(&&*name)
}

/// Golden outputs compile for BPF.
#[test]
fn outputs_compile() {
    let Some(clang) = ["clang-19", "clang-20", "clang-18", "clang-16", "clang"]
        .into_iter()
        .find(|c| {
            Command::new(c)
                .arg("--version")
                .output()
                .is_ok_and(|o| o.status.success())
        })
    else {
        eprintln!("skipped: no clang; `make test` installs it");
        return;
    };
    let vmlinux = tempfile::tempdir().expect("a directory");
    let types = Command::new("bpftool")
        .args([
            "btf",
            "dump",
            "file",
            "/sys/kernel/btf/vmlinux",
            "format",
            "c",
        ])
        .output();
    let types = match types {
        Ok(output) if output.status.success() => Some(output.stdout),
        _ => {
            eprintln!("skipped where vmlinux.h is needed: bpftool cannot read the kernel's BTF");
            None
        }
    };
    if let Some(types) = &types {
        std::fs::write(vmlinux.path().join("vmlinux.h"), types).expect("vmlinux.h");
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut compiled = 0;
    for case in cases() {
        let file = case.root.join("expected/input.c");
        let text = String::from_utf8_lossy(&std::fs::read(&file).expect("a file")).into_owned();
        let native = text.contains("<stdlib.h>") || text.contains("<string.h>");
        if (text.contains("vmlinux.h") && types.is_none()) || uncompilable(&case) {
            continue;
        }
        let mut command = Command::new(clang);
        command.args(["-fsyntax-only", "-w", "-O2", "-D__TARGET_ARCH_x86"]);
        if case.root.ends_with("gnu-and-c23") {
            command.arg("-std=gnu2x");
        } else if case.root.ends_with("trigraph") {
            command.arg("-trigraphs");
        }
        if native {
            command.arg("-Dnative_executable");
        } else {
            command.args([
                "-target",
                "bpf",
                "-mcpu=v3",
                "-I/usr/include/x86_64-linux-gnu",
            ]);
        }
        if text.contains("p, n)\n") || text.contains("p, free)") || text.contains("calloc();") {
            command.arg("-std=gnu89");
        }
        command
            .arg("-I")
            .arg(root.join("include"))
            .arg("-I")
            .arg(vmlinux.path())
            .arg(&file);
        let output = command.output().expect("clang runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}:\n{errors}", file.display());
        compiled += 1;
    }
    assert!(compiled > 40, "only {compiled} outputs were compiled");
}
