//! Judges `bpf-malloc rewrite` against what clang knows of real C projects.
//!
//! For every project of `projects.toml`: get the Debian source package, let clang say where the C
//! library's allocator is called (`calls.cc`), let the tool say where it would rewrite, compare.
//! Everything but the summary lies below `target/oracle`.

mod clang;
mod compare;
mod project;
mod report;
mod tools;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use compare::Verdict;
use project::{Project, Table, Workspace};

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("oracle: precision or recall is below 1.0000; the places are listed above");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("oracle: {error}");
            ExitCode::from(2)
        }
    }
}

/// Judges the projects named, or all of them, which also writes the summary.
fn run(names: &[String]) -> Result<bool, Box<dyn Error>> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let table = Table::read(&here.join("projects.toml"))?;
    let workspace = Workspace::new(here)?;
    workspace.headers(&table.headers)?;
    let plugin = clang::Plugin::build(&workspace)?;

    let mut verdicts = Vec::new();
    for project in &table.project {
        if names.is_empty() || names.contains(&project.name()) {
            verdicts.push(judge(&workspace, &plugin, project)?);
        }
    }
    if verdicts.is_empty() {
        return Err("no such project in projects.toml".into());
    }
    let summary = report::summary(&verdicts);
    print!("{summary}");
    if names.is_empty() {
        let to = workspace.root.join("fixtures/oracle/results.md");
        std::fs::create_dir_all(to.parent().expect("a file has a directory"))?;
        std::fs::write(&to, &summary)?;
    }
    Ok(verdicts.iter().all(Verdict::perfect))
}

fn judge(
    workspace: &Workspace,
    plugin: &clang::Plugin,
    project: &Project,
) -> Result<Verdict, Box<dyn Error>> {
    let source = workspace.source(project)?;
    let evidence = plugin.evidence(workspace, project, &source)?;
    let ours = tools::ours(&workspace.tool, &source.directory, &project.tool)?;
    let others = [
        ("sed", tools::over(&source.units, tools::sed)?),
        (
            "tree-sitter query",
            tools::over(&source.units, tools::query)?,
        ),
    ];
    let verdict = Verdict::new(project, &source, &evidence, &ours, &others);
    let sources = workspace.cache.join("src");
    print!("{}", report::details(&verdict, &sources));
    Ok(verdict)
}
