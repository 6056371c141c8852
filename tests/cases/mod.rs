//! Fixtures of the rewriter: a directory per case, with inputs (`*.c`, `*.h`), what becomes of
//! each under `expected/`, and `report.txt` with the notices.

#[path = "../common/compilers.rs"]
mod compilers;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bpf_malloc::rewrite::{Cache, CommandLineMacro, Facts, Header, Options, Plan, Project, plan};
use compilers::{pinned, starts};

/// The files of one case are one project, all of it rewritten.
#[derive(Default)]
pub struct Case {
    pub root: PathBuf,
    pub facts: Facts,
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

impl Case {
    /// The project of the files below `root`.
    pub fn at(root: PathBuf) -> Self {
        Self {
            root,
            ..Self::default()
        }
    }

    /// The name of its directory.
    pub fn name(&self) -> String {
        let name = self.root.file_name().expect("a name");
        name.to_string_lossy().into_owned()
    }

    /// The source files of the case.
    pub fn inputs(&self) -> Vec<PathBuf> {
        let mut files: Vec<_> = std::fs::read_dir(&self.root)
            .expect("a case")
            .map(|entry| entry.expect("an entry").path())
            .filter(|p| p.extension().is_some_and(|e| e == "c" || e == "h"))
            .collect();
        files.sort();
        files
    }
}

/// All cases in a directory.
pub fn cases(fixtures: &Path) -> Vec<Case> {
    let mut roots: Vec<_> = std::fs::read_dir(fixtures)
        .expect("fixtures")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    roots.sort();
    roots.into_iter().map(Case::at).collect()
}

/// The notices of a plan, one a line.
pub fn report(name: &str, source: &[u8], plan: &Plan) -> String {
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

/// Plans every case and compares with what is expected. With `BLESS` in the environment the
/// expectations are written anew instead.
pub fn compare_all(cases: &[Case], options: &dyn Fn(&Case) -> Options) {
    let bless = std::env::var_os("BLESS").is_some();
    let mut wrong = Vec::new();
    for case in cases {
        let mut reports = String::new();
        for path in case.inputs() {
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            let source = std::fs::read(&path).expect("an input");
            let plan = plan(&path, &source, case, &options(case));
            reports += &report(&name, &source, &plan);
            reports = reports.replace(&path.parent().expect("a parent").display().to_string(), ".");
            let got = plan.apply(&source);
            wrong.extend(compare(
                &case.root.join("expected").join(&name),
                &got,
                bless,
            ));
            // Keeping everything is as much an expectation as changing something.
            let keeps = case.name().ends_with("-keep");
            assert!(
                !(keeps && plan.changes()),
                "{} must be kept as it is",
                case.name()
            );
        }
        wrong.extend(compare(
            &case.root.join("report.txt"),
            reports.as_bytes(),
            bless,
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Plans what is expected: nothing may change any more.
pub fn rerun_all(cases: &[Case], options: &dyn Fn(&Case) -> Options) {
    for case in cases {
        let expected = Case {
            root: case.root.join("expected"),
            facts: case.facts.clone(),
            ..Case::default()
        };
        for path in expected.inputs() {
            let source = std::fs::read(&path).expect("an expectation");
            let plan = plan(&path, &source, &expected, &options(case));
            assert!(!plan.changes(), "{}: {:?}", path.display(), plan.edits());
        }
    }
}

/// Says past libtest's capture that something did not run, and why.
pub fn skipped(what: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED {what}");
}

/// The clang of this run, or none and a word about it.
pub fn clang() -> Option<String> {
    let clang = pinned();
    let found = starts(&clang);
    if !found {
        skipped(&format!(
            "what compiles the outputs: no {clang}; `make test` installs it"
        ));
    }
    found.then_some(clang)
}
