//! C programs of Debian source packages, as they are: `make corpus`.
//!
//! The tests of compilers and libraries that allocate are wrapped into one program of section
//! `syscall` each, built and run in user space, and given to one `bpf-malloc verify --run`. What
//! comes out goes to docs/evidence.md. Nothing of the packages is kept in the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::batch::first_error;
use crate::kernel::verify;
use crate::parallel::in_parallel;
use crate::toolchain::{OLD_C, clang_for_user_space, native, output, root};

/// Where programs lie in the source packages.
const PLACES: [(&str, &str); 18] = [
    ("gcc-12", "gcc/testsuite/gcc.c-torture/execute"),
    ("gcc-12", "gcc/testsuite/gcc.dg"),
    ("gcc-12", "gcc/testsuite/gcc.dg/analyzer"),
    ("gcc-12", "gcc/testsuite/gcc.dg/analyzer/torture"),
    ("gcc-12", "gcc/testsuite/gcc.dg/graphite"),
    ("gcc-12", "gcc/testsuite/gcc.dg/ipa"),
    ("gcc-12", "gcc/testsuite/gcc.dg/lto"),
    ("gcc-12", "gcc/testsuite/gcc.dg/torture"),
    ("gcc-12", "gcc/testsuite/gcc.dg/tree-prof"),
    ("gcc-12", "gcc/testsuite/gcc.dg/tree-ssa"),
    ("gcc-12", "gcc/testsuite/gcc.dg/vect"),
    ("tcc", "tests/tests2"),
    ("uthash", "tests"),
    ("valgrind", "dhat/tests"),
    ("valgrind", "massif/tests"),
    ("valgrind", "memcheck/tests"),
    ("valgrind", "none/tests"),
    ("valgrind", "perf"),
];

/// What decides about a program that BPF has not: floating point, threads, files, jumps.
const ELSEWHERE: [&str; 20] = [
    "float",
    "double",
    "pthread",
    "_Unwind",
    "fopen",
    "open(",
    "open (",
    "munmap",
    "pipe(",
    "fread",
    "scanf",
    "getchar",
    "fgets",
    "setjmp",
    "signal",
    "fork",
    "mmap",
    "va_arg",
    "va_start",
    "__builtin_apply",
];

/// Headers that ask the processor what it has, in its instructions.
const STUBS: [(&str, &str); 1] = [(
    "tree-vect.h",
    "extern void abort(void);\n\nstatic void check_vect(void)\n{\n}\n",
)];

/// A program of a package.
struct Sample {
    package: &'static str,
    name: String,
    /// The wrapped program.
    file: PathBuf,
    /// What its headers are searched in.
    beside: PathBuf,
    elsewhere: bool,
}

/// What became of it.
struct Outcome {
    package: &'static str,
    name: String,
    elsewhere: bool,
    verdict: Judged,
}

enum Judged {
    Right { verified: u64 },
    Refused(String),
    Wrong(String),
    NoCompile(String),
}

/// Judges all programs and writes the table.
pub fn corpus() {
    let packages = root().join("target/corpus/src");
    let build = root().join("target/corpus/build");
    let _ = fs::remove_dir_all(&build);
    fs::create_dir_all(&build).expect("a directory");
    for (header, text) in STUBS {
        fs::write(build.join(header), text).expect("a header");
    }
    let mut samples = Vec::new();
    for (package, place) in PLACES {
        collect(
            package,
            &packages.join(package),
            place,
            &build,
            &mut samples,
        );
    }
    assert!(
        samples.len() >= 150,
        "{} programs; make corpus gets them",
        samples.len()
    );
    let found = samples.len();
    let works = in_parallel(&samples, works_in_user_space);
    let mut works = works.into_iter();
    samples.retain(|_| works.next().expect("one each"));
    eprintln!("{} of {found} programs work in user space", samples.len());
    // Each directory has headers of its own.
    let handfuls: Vec<&[Sample]> = samples
        .chunk_by(|one, other| one.beside == other.beside)
        .flat_map(|directory| directory.chunks(5))
        .collect();
    let outcomes: Vec<Outcome> = in_parallel(&handfuls, |handful| judge(handful))
        .into_iter()
        .flatten()
        .collect();
    report(found, &outcomes);
    for outcome in &outcomes {
        match &outcome.verdict {
            Judged::Wrong(said) => eprintln!("WRONG {} {}: {said}", outcome.package, outcome.name),
            Judged::NoCompile(said) => {
                eprintln!(
                    "does not compile {} {}: {said}",
                    outcome.package, outcome.name
                );
            }
            Judged::Refused(said) => {
                eprintln!("refused {} {}: {said}", outcome.package, outcome.name);
            }
            Judged::Right { .. } => {}
        }
    }
}

/// Wraps the programs of a directory that allocate.
fn collect(
    package: &'static str,
    unpacked: &Path,
    place: &str,
    build: &Path,
    samples: &mut Vec<Sample>,
) {
    let directory = unpacked.join(place);
    let mut files: Vec<_> = fs::read_dir(&directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "c"))
        .collect();
    files.sort();
    for path in files {
        let text = String::from_utf8_lossy(&fs::read(&path).expect("a file")).into_owned();
        let plain = without_comments(&text);
        let allocates = ["malloc", "calloc", "realloc", "strdup", "utarray_new"]
            .iter()
            .any(|name| calls(&plain, name));
        if !allocates || !calls(&plain, "main") {
            continue;
        }
        let stem = path.file_stem().expect("a name").to_string_lossy();
        let part = place.rsplit('/').next().unwrap_or(place);
        let name = format!("{part}/{stem}");
        let file = build.join(format!("{package}+{part}+{stem}.bpf.c"));
        fs::write(&file, wrapped(&text, &plain)).expect("a file");
        samples.push(Sample {
            package,
            name,
            file,
            beside: directory.clone(),
            elsewhere: ELSEWHERE.iter().any(|word| plain.contains(word)),
        });
    }
}

/// Whether the text has a call of a function of this name.
fn calls(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        !word && text[at + name.len()..].trim_start().starts_with('(')
    })
}

fn without_comments(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::new();
    while let Some(at) = rest.find("/*") {
        plain.push_str(&rest[..at]);
        plain.push(' ');
        rest = rest[at..]
            .find("*/")
            .map_or("", |end| &rest[at + end + 2..]);
    }
    plain.push_str(rest);
    plain
}

/// The program as it is, with another name for `main`, and what it calls to end.
fn wrapped(text: &str, plain: &str) -> String {
    let at = plain.rfind("main").unwrap_or(0);
    let body = &plain[at..];
    let body = &body[..body.find("\n}").unwrap_or(body.len())];
    let head = &body[..body.find('{').unwrap_or(body.len())];
    let returns = body.contains("return") && !plain[..at].trim_end().ends_with("void");
    let arguments = match head.contains("argc") || head.contains("char") {
        true => "1, (void *)0",
        false => "",
    };
    let result = match returns {
        true => format!("corpus_status * 1000 + (corpus_main({arguments}) & 255)"),
        false => format!("(corpus_main({arguments}), corpus_status * 1000)"),
    };
    format!(
        "#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n#include <stdlib.h>\n\n\
         static int corpus_status;\n\n\
         static void corpus_abort(void)\n{{\n\tcorpus_status = 1;\n}}\n\n\
         static void corpus_exit(int code)\n{{\n\tif (code)\n\t\tcorpus_status = 2;\n}}\n\n\
         #define abort corpus_abort\n#define exit corpus_exit\n#define main corpus_main\n\
         {text}\n\
         #undef main\n\n\
         SEC(\"syscall\")\nint corpus_entry(void *ctx)\n{{\n\treturn {result};\n}}\n\n\
         char corpus_license[] SEC(\"license\") = \"GPL\";\n"
    )
}

/// Whether the program compiles with both compilers as it is, does nothing that C leaves undefined,
/// and says by itself that all is well.
fn works_in_user_space(sample: &Sample) -> bool {
    let program = sample.file.with_extension("native");
    let mut parse = clang_for_user_space();
    parse.args(OLD_C).args(["-w", "-fsyntax-only", "-I"]);
    if !output(parse.arg(&sample.beside).arg(&sample.file))
        .status
        .success()
    {
        return false;
    }
    // clang's own build too: some programs look at what only another compiler does.
    let mut clang = clang_for_user_space();
    clang.args(OLD_C);
    [native(true), clang].into_iter().all(|mut compiler| {
        let compiled = output(
            compiler
                .args(["-w", "-DPROGRAM=corpus_entry", "-I"])
                .arg(&sample.beside)
                .arg(&sample.file)
                .arg(root().join("tests/judge/alone.c"))
                .arg("-o")
                .arg(&program),
        );
        compiled.status.success() && returns_zero(&program, &sample.beside)
    })
}

/// Whether a program in user space says that all is well.
fn returns_zero(program: &Path, beside: &Path) -> bool {
    let result = output(
        Command::new("timeout")
            .arg("20")
            .arg(program)
            .env("ASAN_OPTIONS", "detect_leaks=0")
            .current_dir(beside),
    );
    let _ = fs::remove_file(program);
    // What the program prints comes before, perhaps without an end of line.
    let said = String::from_utf8_lossy(&result.stdout).into_owned();
    let before = said.strip_suffix("0\n");
    result.status.success() && before.is_some_and(|b| !b.ends_with(|c: char| c.is_ascii_digit()))
}

fn judge(handful: &[Sample]) -> Vec<Outcome> {
    let inputs: Vec<_> = handful.iter().map(|sample| sample.file.clone()).collect();
    let beside = &handful[0].beside;
    let files = verify(beside, &inputs);
    let outcome = |sample: &Sample| {
        let path = sample.file.display().to_string();
        let file = files.iter().find(|file| file["path"] == path.as_str());
        Outcome {
            package: sample.package,
            name: sample.name.clone(),
            elsewhere: sample.elsewhere,
            verdict: file.map_or_else(|| Judged::Refused("not judged".into()), verdict),
        }
    };
    handful.iter().map(outcome).collect()
}

fn verdict(file: &Value) -> Judged {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if let Some(error) = file.get("error") {
        let message = text(&error["message"]);
        return match error["code"].as_str() {
            _ if message.contains("does not compile after the rewrite") => {
                Judged::NoCompile(first_line(&first_error(&message)))
            }
            _ => Judged::Refused(format!("not judged: {}", first_line(&message))),
        };
    }
    let program = &file["programs"][0];
    let whole = file.get("refusals").and_then(|list| list.get(0));
    let refusal = whole.unwrap_or(&program["refusal"]);
    if !refusal.is_null() {
        let message = text(&refusal["message"]);
        return Judged::Refused(format!(
            "{}: {}",
            text(&refusal["kind"]),
            first_line(&message)
        ));
    }
    let cut = program["run"]["loops_cut_short"].as_u64().unwrap_or(0);
    if cut > 0 {
        return Judged::Refused(format!("loops-ended: {cut} by the kernel"));
    }
    match program["run"]["return_value"].as_i64() {
        Some(0) => Judged::Right {
            verified: program["verified_instructions"].as_u64().unwrap_or(0),
        },
        Some(value) => Judged::Wrong(value.to_string()),
        None => Judged::Refused(format!("does not run: {}", program["run"])),
    }
}

fn first_line(text: &str) -> String {
    text.lines()
        .next()
        .unwrap_or_default()
        .chars()
        .take(150)
        .collect()
}

/// A row of the table.
#[derive(Default)]
struct Row {
    right: usize,
    refused: BTreeMap<String, usize>,
    wrong: usize,
    broken: usize,
    verified: Vec<u64>,
}

impl Row {
    fn add(&mut self, verdict: &Judged) {
        match verdict {
            Judged::Right { verified } => {
                self.right += 1;
                self.verified.push(*verified);
            }
            Judged::Refused(said) => {
                let kind = said.split(':').next().unwrap_or(said);
                *self.refused.entry(kind.to_owned()).or_default() += 1;
            }
            Judged::Wrong(_) => self.wrong += 1,
            Judged::NoCompile(_) => self.broken += 1,
        }
    }

    fn cells(&mut self) -> String {
        self.verified.sort_unstable();
        let median = self.verified.get(self.verified.len() / 2);
        let median = median.map_or("-".into(), u64::to_string);
        let refused: usize = self.refused.values().sum();
        let all = self.right + refused + self.wrong + self.broken;
        let (right, wrong, broken) = (self.right, self.wrong, self.broken);
        format!("{all} | {right} | {refused} | {wrong} | {broken} | {median}")
    }
}

/// Writes the section of docs/evidence.md.
fn report(found: usize, outcomes: &[Outcome]) {
    let mut rows: BTreeMap<(&str, bool), Row> = BTreeMap::new();
    let mut all = Row::default();
    for outcome in outcomes {
        let key = (outcome.package, outcome.elsewhere);
        rows.entry(key).or_default().add(&outcome.verdict);
        if !outcome.elsewhere {
            all.add(&outcome.verdict);
        }
    }
    let version = |package: &str| {
        let path = root().join("target/corpus/src").join(format!(".{package}"));
        fs::read_to_string(path)
            .unwrap_or_default()
            .trim()
            .to_owned()
    };
    let mut text = format!(
        "## Programs of Debian packages\n\n\
         Written by `make corpus`: programs of compilers' and libraries' tests that allocate, \
         wrapped as they are into one program of section `syscall`, with functions for `exit` and \
         `abort` that note the failure. Of {found} programs, {} compile with clang and pass in user \
         space; each then gets one `bpf-malloc verify --run`. Right is what returns in the kernel \
         what it returns in user space. Programs that need floating point, threads, files, signals \
         or variable arguments have rows of their own and are not in the sum.\n\n\
         | package | programs | accepted and right | refused | wrong | does not compile after the \
         rewrite | verified instructions, median |\n|---|---|---|---|---|---|---|\n",
        outcomes.len()
    );
    for ((package, elsewhere), row) in &mut rows {
        let what = if *elsewhere {
            ", with floating point, files, …"
        } else {
            ""
        };
        text.push_str(&format!(
            "| {package} {}{what} | {} |\n",
            version(package),
            row.cells()
        ));
    }
    text.push_str(&format!("| sum | {} |\n", all.cells()));
    text.push_str("\nCauses of refusals in the sum: ");
    let mut causes: Vec<_> = all.refused.iter().collect();
    causes.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let causes: Vec<_> = causes
        .iter()
        .map(|(cause, count)| format!("`{cause}` {count}"))
        .collect();
    text.push_str(&format!("{}.\n", causes.join(", ")));
    let path = root().join("docs/evidence.md");
    let (begin, end) = ("<!-- corpus -->\n", "<!-- /corpus -->\n");
    let old = fs::read_to_string(&path).unwrap_or_else(|_| "# Evidence\n\n".into());
    let head = old.split(begin).next().unwrap_or_default();
    let tail = old.split_once(end).map_or("", |(_, tail)| tail);
    let head = match head.ends_with("\n\n") {
        true => head.to_owned(),
        false => format!("{head}\n"),
    };
    fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
    fs::write(&path, format!("{head}{begin}{text}{end}{tail}")).expect("the table");
}
