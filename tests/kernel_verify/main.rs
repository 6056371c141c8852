//! `bpf-malloc verify` as users run it: exit codes, the four formats, sources and objects.
#![cfg(all(feature = "kernel", feature = "cli"))]

mod causes;
#[path = "../common/expect.rs"]
mod expect;
mod formats;
#[path = "../common/kernel.rs"]
mod kernel;
#[path = "../common/sarif.rs"]
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
        let words = |format| {
            let arguments = ["--run", "--message-format", format, "list.bpf.c"];
            stdout(&verify(project.path(), &arguments))
        };
        let sarif = words("sarif");
        assert_sarif(&serde_json::from_str(&sarif).unwrap());
        (run, ["human", "github"].map(words).join("\n") + &sarif)
    };
    let times = |words: &str, part: &str| words.matches(part).count();
    let (run, words) = counted("");
    assert_eq!(run["loops_cut_short"], 0, "{run}");
    assert_eq!(run["allocations_without_memory"], 0, "{run}");
    assert!(!words.contains("list: "), "{words}");

    // A list that leads back to itself.
    let (run, words) = counted("\tif (head)\n\t\thead->next->next->next = head;");
    assert_eq!(run["loops_cut_short"], 1, "{run}");
    let told = times(&words, "list: 1 loop was ended by the kernel");
    assert_eq!(told, 3, "{words}");

    let (run, words) =
        counted("\tfor (int i = 0; i < 40; i++)\n\t\thead->value += malloc(60000) ? 1 : 0;");
    assert_ne!(run["allocations_without_memory"], 0, "{run}");
    assert_eq!(
        times(&words, "found no memory and returned NULL"),
        3,
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
