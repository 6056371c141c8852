//! The four formats tell the same.

use super::*;

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
        if file.get("accepted_with").is_some() {
            told.push((path.to_owned(), "remark".to_owned(), None));
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
            // With the other backend it is accepted.
            wanted.push(("prog.bpf.c", "remark", None));
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
                .or(line.strip_prefix("::warning "))
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
