//! `bpf-malloc verify` as users run it: exit codes, the four formats, sources and objects.
#![cfg(all(feature = "kernel", feature = "cli"))]

#[path = "common/expect.rs"]
mod expect;
#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/sarif.rs"]
mod sarif;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::judge::compile::Clang;
use expect::version;
use kernel::can_load;
use sarif::assert_sarif;
use serde_json::Value;

fn verify(directory: &Path, arguments: &[&str]) -> Output {
    run(directory, "verify", arguments)
}

fn run(directory: &Path, command: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .arg(command)
        .args(arguments)
        .current_dir(directory)
        .env("NO_COLOR", "1")
        .output()
        .unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// A project of a source and a header that allocates; `body` is that of the program.
fn project(body: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let header = "#include <stdlib.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
        struct box { __u64 value; };\n\
        static inline struct box *box_new(__u64 value)\n{\n\
        \tstruct box *box = malloc(sizeof(*box));\n\
        \tif (!box)\n\t\treturn NULL;\n\tbox->value = value;\n\treturn box;\n}\n";
    let source = format!(
        "#include <stdlib.h>\n#include \"box.h\"\n\nSEC(\"xdp\")\nint prog(struct xdp_md *ctx)\n\
         {{\n{body}\n}}\n\nchar LICENSE[] SEC(\"license\") = \"GPL\";\n"
    );
    fs::write(directory.path().join("box.h"), header).unwrap();
    fs::write(directory.path().join("prog.bpf.c"), source).unwrap();
    directory
}

const GOOD: &str = "\tstruct box *box = box_new((void *)(long)ctx->data_end - (void *)(long)ctx->data);\n\
    \tif (!box)\n\t\treturn XDP_ABORTED;\n\
    \tint small = box->value < 65;\n\tfree(box);\n\treturn small ? XDP_DROP : XDP_PASS;";

/// A mask that bounds nothing: where it has none, the heap is put into an arena, which takes any index.
const BAD: &str = "\tstruct box *box = box_new(1);\n\tif (!box)\n\t\treturn XDP_ABORTED;\n\
    \tchar *at = (char *)box;\n\tat += ctx->rx_queue_index & ~1u, *at = 1;\n\tfree(box);\n\treturn XDP_PASS;";

#[test]
fn a_source_and_its_header_are_rewritten_in_memory() {
    if !can_load("a_source_and_its_header_are_rewritten_in_memory") {
        return;
    }
    let project = project(GOOD);
    let before = fs::read(project.path().join("box.h")).unwrap();
    let output = verify(project.path(), &["--run", "--repeat", "5", "prog.bpf.c"]);
    assert_eq!(code(&output), 0, "{output:?}");
    let text = stdout(&output);
    assert!(
        text.contains("accepted") && text.contains("XDP_DROP (1)"),
        "{text}"
    );
    assert_eq!(fs::read(project.path().join("box.h")).unwrap(), before);
    assert_eq!(
        fs::read_dir(project.path()).unwrap().count(),
        2,
        "no file is left behind"
    );

    let packet = project.path().join("packet");
    fs::write(&packet, [0; 65]).unwrap();
    let output = verify(
        project.path(),
        &[
            "--run",
            "--packet",
            "packet",
            "--message-format",
            "json",
            "prog.bpf.c",
        ],
    );
    let report = json(&output);
    let program = &report["files"][0]["programs"][0];
    assert_eq!(program["run"]["return_name"], "XDP_PASS");
    assert!(program["verified_instructions"].as_u64().unwrap() > 10);
    assert_eq!(program["refusal"], Value::Null);

    fs::write(&packet, [0; 13]).unwrap();
    let output = verify(
        project.path(),
        &["--run", "--packet", "packet", "prog.bpf.c"],
    );
    assert_eq!(code(&output), 2);
}

#[test]
fn a_refusal_names_the_line_before_the_rewrite() {
    if !can_load("a_refusal_names_the_line_before_the_rewrite") {
        return;
    }
    let project = project(BAD);
    let source = fs::read_to_string(project.path().join("prog.bpf.c")).unwrap();
    let line = source
        .lines()
        .position(|l| l.contains("rx_queue_index"))
        .unwrap()
        + 1;

    let output = verify(project.path(), &["prog.bpf.c"]);
    assert_eq!(code(&output), 1, "{output:?}");
    let text = stdout(&output);
    assert!(text.contains("unbounded-offset"), "{text}");
    assert!(text.contains(&format!("prog.bpf.c:{line}:2")), "{text}");
    assert!(
        !text.contains("processed"),
        "the log is shown on demand only: {text}"
    );
    let output = verify(project.path(), &["--log", "prog.bpf.c"]);
    assert!(stdout(&output).contains("processed"), "{output:?}");

    let output = verify(project.path(), &["--message-format", "json", "prog.bpf.c"]);
    let refusal = json(&output)["files"][0]["programs"][0]["refusal"].clone();
    assert_eq!(refusal["kind"], "unbounded-offset");
    assert_eq!(
        (&refusal["path"], refusal["line"].as_u64()),
        (&Value::from("prog.bpf.c"), Some(line as u64))
    );
}

/// The keys of an object, as one text.
fn keys(value: &Value) -> String {
    let keys: Vec<&str> = value
        .as_object()
        .unwrap_or_else(|| panic!("no object: {value}"))
        .keys()
        .map(String::as_str)
        .collect();
    keys.join(" ")
}

/// A directory with a source of each fate: refused by the kernel, accepted, refused by libbpf and
/// for recursion, refused by clang for two reasons, wrong.
fn fates() -> (tempfile::TempDir, [&'static str; 6]) {
    let project = project(BAD);
    let program = |body: &str| {
        format!(
            "#include <stdlib.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n{body}\n\
             char LICENSE[] SEC(\"license\") = \"GPL\";\n"
        )
    };
    for (name, body) in [
        (
            "good.bpf.c",
            "SEC(\"xdp\") int fine(void *ctx) { return 2; }",
        ),
        (
            "missing.bpf.c",
            "int toascii(int);\n\
             static __attribute__((noinline)) int deep(int n)\n\
             {\n\
             \treturn n ? deep(n - 1) + toascii(n) : 0;\n\
             }\n\
             SEC(\"xdp\") int calls(struct xdp_md *ctx)\n\
             {\n\
             \treturn deep(ctx->rx_queue_index);\n\
             }",
        ),
        (
            "numbers.bpf.c",
            "SEC(\"xdp\") int counts(struct xdp_md *ctx)\n\
             {\n\
             \tint n = ctx->rx_queue_index, third = n / -3;\n\
             \treturn n * 1.5 + third;\n\
             }",
        ),
        ("wrong.bpf.c", "int f(void) { return absent; }"),
    ] {
        fs::write(project.path().join(name), program(body)).unwrap();
    }
    let names = [
        "prog.bpf.c",
        "good.bpf.c",
        "missing.bpf.c",
        "numbers.bpf.c",
        "wrong.bpf.c",
        "gone.bpf.c",
    ];
    (project, names)
}

/// The refusals and errors that a JSON report holds, by file: kind or code, and line.
fn told(report: &Value) -> Vec<(String, String, Option<u64>)> {
    const REFUSAL: &str = "help kind line meaning message path";
    assert_eq!(keys(report), "errors files version");
    assert_eq!(report["version"], 1);
    assert_eq!(report["errors"], Value::Array(Vec::new()));
    let mut told = Vec::new();
    for file in report["files"].as_array().unwrap() {
        let path = file["path"].as_str().unwrap();
        let mut tell = |refusal: &Value| {
            assert_eq!(keys(refusal), REFUSAL);
            let kind = refusal["kind"].as_str().unwrap();
            for text in ["help", "meaning", "message"] {
                assert!(!refusal[text].as_str().unwrap().is_empty());
            }
            told.push((path.to_owned(), kind.to_owned(), refusal["line"].as_u64()));
        };
        match keys(file).as_str() {
            "path programs" | "accepted_with path programs" => {
                for program in file["programs"].as_array().unwrap() {
                    assert_eq!(
                        keys(program),
                        "instructions load_ns log name peak_states refusal run section \
                         stack_bytes total_states verdict verified_instructions"
                    );
                    let refused = program["verdict"] == "refused";
                    assert_eq!(program["refusal"].is_null(), !refused);
                    // In an arena no index has to be bounded.
                    let unbounded = program["refusal"]["kind"] == "unbounded-offset";
                    assert_eq!(file["accepted_with"] == "arena", unbounded);
                    if refused {
                        tell(&program["refusal"]);
                    }
                }
            }
            "path refusals verdict" => {
                assert_eq!(file["verdict"], "refused");
                file["refusals"].as_array().unwrap().iter().for_each(tell);
            }
            _ => {
                assert_eq!(keys(file), "error path verdict");
                assert_eq!(keys(&file["error"]), "code help line message path");
                let code = file["error"]["code"].as_str().unwrap();
                let line = file["error"]["line"].as_u64();
                told.push((path.to_owned(), code.to_owned(), line));
            }
        }
    }
    told
}

#[test]
fn all_formats_tell_the_same() {
    if !can_load("all_formats_tell_the_same") {
        return;
    }
    let (project, names) = fates();
    let recursion = ("missing.bpf.c", "recursion", Some(7));
    let numbers = [
        ("numbers.bpf.c", "signed-division", Some(6)),
        ("numbers.bpf.c", "floating-point", Some(7)),
    ];
    let toascii = ("missing.bpf.c", "unresolved-extern", Some(7));
    let broken = [
        ("wrong.bpf.c", "compile", Some(4)),
        ("gone.bpf.c", "unreadable", None),
    ];
    for command in ["verify", "check"] {
        let report = |format: &str| {
            let arguments = [&["--message-format", format][..], &names].concat();
            let output = run(project.path(), command, &arguments);
            assert_eq!(code(&output), 2, "{output:?}");
            output
        };
        let told = told(&json(&report("json")));
        let mut found: Vec<_> = told
            .iter()
            .map(|(path, kind, line)| (path.as_str(), kind.as_str(), *line))
            .collect();
        let mut wanted = vec![
            recursion, toascii, numbers[0], numbers[1], broken[0], broken[1],
        ];
        if command == "verify" {
            wanted.push(("prog.bpf.c", "unbounded-offset", Some(11)));
        }
        found.sort_unstable();
        wanted.sort_unstable();
        assert_eq!(found, wanted, "{command}");

        let sarif = json(&report("sarif"));
        assert_sarif(&sarif);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let mut from_sarif = Vec::new();
        for result in sarif["runs"][0]["results"].as_array().unwrap() {
            let place = &result["locations"][0]["physicalLocation"];
            from_sarif.push((
                text(&place["artifactLocation"]["uri"]),
                text(&result["ruleId"]),
                place["region"]["startLine"].as_u64(),
            ));
        }
        let invocation = &sarif["runs"][0]["invocations"][0];
        assert_eq!(invocation["executionSuccessful"], false);
        for error in invocation["toolExecutionNotifications"].as_array().unwrap() {
            let place = &error["locations"][0]["physicalLocation"];
            let uri = text(&place["artifactLocation"]["uri"]);
            let line = place["region"]["startLine"].as_u64();
            from_sarif.push((uri, text(&error["descriptor"]["id"]), line));
        }
        from_sarif.sort();
        let mut sorted = told.clone();
        sorted.sort();
        assert_eq!(from_sarif, sorted, "{command}");

        let output = report("github");
        let mut from_github = Vec::new();
        for line in stdout(&output).lines() {
            let (properties, message) = line
                .strip_prefix("::error ")
                .and_then(|rest| rest.split_once("::"))
                .unwrap_or_else(|| panic!("no annotation: {line}"));
            assert!(!message.is_empty());
            let property = |name: &str| {
                let each = properties.split(',').filter_map(|p| p.split_once('='));
                let found = each.clone().find(|(key, _)| *key == name);
                found.map(|(_, value)| value.to_owned())
            };
            from_github.push((
                property("file").unwrap(),
                property("title").unwrap(),
                property("line").map(|line| line.parse().unwrap()),
            ));
        }
        from_github.sort();
        assert_eq!(from_github, sorted, "{command}");

        let people = stdout(&report("human"));
        // What could not be judged stands on stderr.
        let verdicts = told.iter().filter(|told| told.1 != "compile");
        for (path, kind, line) in verdicts.filter(|told| told.2.is_some()) {
            let place = format!("[{path}:{}:", line.unwrap());
            assert!(people.contains(kind) && people.contains(&place), "{people}");
        }
    }
}

#[test]
fn what_the_rewrite_leaves_to_a_person_is_told_with_the_failure() {
    if !can_load("what_the_rewrite_leaves_to_a_person_is_told_with_the_failure") {
        return;
    }
    // The use as a value stays, and what it names is nowhere declared then.
    let project = project(
        "\tvoid *(*make)(unsigned long, unsigned long) = aligned_alloc;\n\t\
         free(make(8, 8));\n\treturn XDP_PASS;",
    );
    let report = |format: &str| {
        let output = verify(project.path(), &["--message-format", format, "prog.bpf.c"]);
        assert_ne!(code(&output), 0, "{output:?}");
        output
    };
    let people = stdout(&report("human"));
    assert!(
        people.contains("function-pointer") && people.contains("[prog.bpf.c:7:"),
        "{people}"
    );
    let file = json(&report("json"))["files"][0].clone();
    let notice = &file["rewrite"][0]["notices"][0];
    assert_eq!(notice["rule"], "function-pointer");
    assert_eq!(notice["span"]["line"], 7);
    let sarif = json(&report("sarif"));
    assert_sarif(&sarif);
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    assert!(results.iter().any(|r| r["ruleId"] == "function-pointer"));
    let annotations = stdout(&report("github"));
    let wanted = "::warning file=prog.bpf.c,line=7,";
    assert!(annotations.contains(wanted), "{annotations}");
}

/// A list that is built and added up; `body` comes between. The sum is 6.
fn list(body: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let source = format!(
        "#include <stdlib.h>\n#include <linux/bpf.h>\n#include <bpf/bpf_helpers.h>\n\
         struct node {{ struct node *next; int value; }};\n\
         static struct node *head;\n\
         SEC(\"xdp\") int list(struct xdp_md *ctx)\n\
         {{\n\
         \tstruct node *node;\n\
         \tint sum = 0;\n\
         \tfor (int i = 1; i < 4; i++) {{\n\
         \t\tnode = malloc(sizeof(*node));\n\
         \t\tnode->value = i;\n\
         \t\tnode->next = head;\n\
         \t\thead = node;\n\
         \t}}\n\
         {body}\n\
         \tfor (node = head; node; node = node->next)\n\
         \t\tsum += node->value;\n\
         \treturn sum;\n\
         }}\n\
         char LICENSE[] SEC(\"license\") = \"GPL\";\n"
    );
    fs::write(directory.path().join("list.bpf.c"), source).unwrap();
    directory
}

#[test]
fn linked_data_is_rewritten_for_the_backend_that_is_asked_for() {
    let test = "linked_data_is_rewritten_for_the_backend_that_is_asked_for";
    if !can_load(test) {
        return;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if version(&release) < (6, 9) || Clang::find().unwrap().version < 19 {
        return kernel::skip(test, "arenas need Linux 6.9 and clang 19");
    }
    let report = |project: &tempfile::TempDir, backend: &str| {
        let arguments = ["--run", "--message-format", "json", "--backend", backend];
        let output = verify(project.path(), &[&arguments[..], &["list.bpf.c"]].concat());
        json(&output)["files"][0]["programs"][0].clone()
    };
    let fine = list("");
    for backend in ["auto", "arena"] {
        assert_eq!(
            report(&fine, backend)["run"]["return_value"],
            6,
            "{backend}"
        );
    }
    let refusal = report(&fine, "map")["refusal"].clone();
    assert_eq!(refusal["kind"], "reloaded-pointer", "{refusal}");

    // What was inserted above it does not shift the line.
    let wrong = list("\tsum += *((char *)(long)ctx->data + 3);");
    let refusal = report(&wrong, "auto")["refusal"].clone();
    assert_eq!(refusal["kind"], "out-of-bounds", "{refusal}");
    assert_eq!(refusal["line"], 16);
}

/// What makes a result another one than in user space is told beside it.
#[test]
fn loops_cut_short_and_heaps_without_memory_are_told() {
    let test = "loops_cut_short_and_heaps_without_memory_are_told";
    if !can_load(test) {
        return;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if version(&release) < (6, 9) || Clang::find().unwrap().version < 19 {
        return kernel::skip(test, "arenas need Linux 6.9 and clang 19");
    }
    let counted = |body: &str| {
        let project = list(body);
        let report = json(&verify(
            project.path(),
            &["--run", "--message-format", "json", "list.bpf.c"],
        ));
        let run = report["files"][0]["programs"][0]["run"].clone();
        let words = stdout(&verify(project.path(), &["--run", "list.bpf.c"]));
        (run, words)
    };
    let (run, words) = counted("");
    assert_eq!(run["loops_cut_short"], 0, "{run}");
    assert_eq!(run["allocations_without_memory"], 0, "{run}");
    assert!(!words.contains("list: "), "{words}");

    // A list that leads back to itself.
    let (run, words) = counted("\tif (head)\n\t\thead->next->next->next = head;");
    assert_eq!(run["loops_cut_short"], 1, "{run}");
    assert!(
        words.contains("list: 1 loop was ended by the kernel"),
        "{words}"
    );

    let (run, words) =
        counted("\tfor (int i = 0; i < 40; i++)\n\t\thead->value += malloc(60000) ? 1 : 0;");
    assert_ne!(run["allocations_without_memory"], 0, "{run}");
    assert!(
        words.contains("found no memory and returned NULL"),
        "{words}"
    );
}

/// Without arenas a stored pointer is turned back before it is followed, also by what is inserted.
#[test]
fn inserted_checks_follow_stored_pointers() {
    if !can_load("inserted_checks_follow_stored_pointers") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let source = "#include <linux/bpf.h>\n\
         #include <bpf/bpf_helpers.h>\n\
         #include <stdlib.h>\n\
         struct node { int value; struct node *next; };\n\
         static struct node *first;\n\
         SEC(\"tc\")\n\
         int grow(struct __sk_buff *skb)\n\
         {\n\
         \tif (!first)\n\
         \t\tfirst = malloc(sizeof(*first));\n\
         \tfirst->value = 5;\n\
         \tfirst->next = malloc(sizeof(struct node));\n\
         \tfirst->next->value = 2;\n\
         \tfirst->next->next = NULL;\n\
         \treturn first->value + first->next->value;\n\
         }\n\
         char LICENSE[] SEC(\"license\") = \"GPL\";\n";
    let path = directory.path().join("stored.bpf.c");
    fs::write(&path, source).unwrap();
    let diff = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["rewrite", "--target-kernel", "6.1", "--diff"])
        .arg(&path)
        .output()
        .unwrap();
    let diff = String::from_utf8_lossy(&diff.stdout).into_owned();
    let check = "+\tif (!static_pointer(first)->next)\n";
    assert!(diff.contains(check), "{diff}");
    let arguments = [
        "--run",
        "--message-format",
        "json",
        "--target-kernel",
        "6.1",
    ];
    let output = verify(
        directory.path(),
        &[&arguments[..], &["stored.bpf.c"]].concat(),
    );
    let program = json(&output)["files"][0]["programs"][0].clone();
    assert_eq!(program["run"]["return_value"], 7, "{program}");
}

#[test]
fn objects_are_judged_as_they_are() {
    if !can_load("objects_are_judged_as_they_are") {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let clang = Clang::find().unwrap();
    for (name, source) in [
        ("good.bpf.o", "fixtures/kernel/accept/boxes.bpf.c"),
        ("bad.bpf.o", "fixtures/kernel/reject/map_null_check.bpf.c"),
    ] {
        let header = (bpf_malloc::heap::HEADER_NAME, bpf_malloc::heap::HEADER);
        let bytes = clang
            .compile(&root.join(source), &[], &[header], &[])
            .unwrap();
        fs::write(directory.path().join(name), bytes).unwrap();
    }
    assert_eq!(code(&verify(directory.path(), &["good.bpf.o"])), 0);
    let both = verify(directory.path(), &["bad.bpf.o", "good.bpf.o"]);
    assert_eq!(code(&both), 1);
    let text = stdout(&both);
    assert!(
        text.contains("refused") && text.contains("accepted"),
        "{text}"
    );
    assert!(
        text.contains("*count += 1;"),
        "the source is still there: {text}"
    );
}

#[test]
fn what_cannot_be_judged_is_two_and_the_rest_is_judged() {
    if !can_load("what_cannot_be_judged_is_two_and_the_rest_is_judged") {
        return;
    }
    let project = project(GOOD);
    fs::write(
        project.path().join("wrong.bpf.c"),
        "int f(void) { return missing; }\n",
    )
    .unwrap();
    let output = verify(
        project.path(),
        &["absent.bpf.c", "wrong.bpf.c", "prog.bpf.c"],
    );
    assert_eq!(code(&output), 2, "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("absent.bpf.c") && errors.contains("wrong.bpf.c:1:22"),
        "{errors}"
    );
    assert!(stdout(&output).contains("accepted"));

    let output = verify(project.path(), &["--clang", "/nowhere/clang", "prog.bpf.c"]);
    assert_eq!(code(&output), 2);
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("--clang"),
        "{output:?}"
    );
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["verify", "prog.bpf.c"])
        .current_dir(project.path())
        .env("PATH", project.path())
        .env_remove("BPF_MALLOC_CLANG")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("apt-get install clang-19"), "{errors}");
    let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["verify", "prog.bpf.c"])
        .current_dir(project.path())
        .env("BPF_MALLOC_CLANG", "clang-of-the-moon")
        .output()
        .unwrap();
    assert_eq!(code(&output), 2);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        errors.contains("clang-of-the-moon does not run"),
        "no other is taken in its place: {errors}"
    );
    let output = verify(
        project.path(),
        &["prog.bpf.c", "--", "-DBROKEN=", "-Wno-such", "-Werror"],
    );
    assert_eq!(code(&output), 2, "arguments reach clang: {output:?}");
    assert_eq!(code(&verify(project.path(), &[])), 2, "no file");
}

#[test]
fn without_the_privilege_it_says_which_capability_is_missing() {
    // setpriv(1) of util-linux drops what the test has; where it is missing, so may be the rest.
    let mut command = Command::new("setpriv");
    command
        .args([
            "--bounding-set=-all",
            "--inh-caps=-all",
            "--reuid=65534",
            "--clear-groups",
        ])
        .arg(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["verify", "--message-format", "json", "x.bpf.c"]);
    let Ok(output) = command.output() else {
        assert!(
            !can_load("without_the_privilege"),
            "setpriv is part of every Debian"
        );
        return;
    };
    if output.status.code() == Some(127)
        || String::from_utf8_lossy(&output.stderr).contains("setpriv")
    {
        let test = "without_the_privilege_it_says_which_capability_is_missing";
        kernel::skip(
            test,
            "this user cannot drop privileges, or the binary is not readable",
        );
        return;
    }
    assert_eq!(code(&output), 2, "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains("CAP_BPF"), "{errors}");
    let error = &json(&output)["errors"][0];
    assert_eq!(error["code"], "privilege");
    assert!(error["help"].as_str().unwrap().contains("CAP_BPF"));
}
