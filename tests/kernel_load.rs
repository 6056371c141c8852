//! Loading, judging and running real programs in the running kernel.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;

use bpf_malloc::judge::compile::{Clang, Error as CompileError};
use bpf_malloc::kernel::load::{Error, ObjectFile};
use bpf_malloc::kernel::run::{RunInput, return_name, sample_packet};
use kernel::{can_load, object};
use libbpf_rs::{MapCore, MapFlags, ProgramType};

const PRELUDE: &str = r#"
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, __u64);
} counter SEC(".maps");
"#;

/// One program the verifier takes and one it does not.
fn mixed() -> String {
    format!(
        r#"{PRELUDE}
SEC("xdp") int count(struct xdp_md *ctx)
{{
    __u32 key = 0;
    __u64 *value = bpf_map_lookup_elem(&counter, &key);
    if (!value)
        return XDP_ABORTED;
    __sync_fetch_and_add(value, ctx->data_end - ctx->data);
    return XDP_DROP;
}}
SEC("xdp") int unchecked(struct xdp_md *ctx)
{{
    __u32 key = ctx->ingress_ifindex; /* no constant: then NULL would be ruled out, since 6.14 */
    __u64 *value = bpf_map_lookup_elem(&counter, &key);
    *value = 1;
    return XDP_PASS;
}}
"#
    )
}

#[test]
fn a_program_runs_and_its_map_can_be_read() {
    if !can_load("a_program_runs_and_its_map_can_be_read") {
        return;
    }
    let loaded = object("count", &mixed())
        .load_only(|name| name == "count")
        .unwrap();
    let judgement = &loaded.judgements()[0];
    assert!(judgement.accepted());
    let verified = judgement.stats.verified_instructions.unwrap();
    assert!((5..100).contains(&verified), "{verified} instructions");
    assert!(!judgement.stats.stack_bytes.is_empty());

    let input = RunInput {
        repeat: 10,
        ..RunInput::default()
    };
    let output = loaded.run("count", &input).unwrap();
    assert_eq!(
        return_name(ProgramType::Xdp, output.return_value),
        Some("XDP_DROP")
    );
    assert_eq!(output.packet, sample_packet());
    assert!(!output.per_call);
    let value = loaded
        .map("counter")
        .unwrap()
        .lookup(&0_u32.to_ne_bytes(), MapFlags::ANY)
        .unwrap()
        .unwrap();
    assert_eq!(value, (10 * 64_u64).to_ne_bytes());
}

#[test]
fn a_refused_program_does_not_hide_the_accepted_one() {
    if !can_load("a_refused_program_does_not_hide_the_accepted_one") {
        return;
    }
    let object = object("mixed", &mixed());
    let programs = object.programs().unwrap();
    let names: Vec<_> = programs.iter().map(|info| info.name.as_str()).collect();
    assert_eq!(names, ["count", "unchecked"]);
    assert_eq!(programs[0].section, "xdp");
    assert_eq!(programs[0].program_type, ProgramType::Xdp);

    assert!(object.judge("count").unwrap().accepted());
    let refused = object.judge("unchecked").unwrap();
    assert!(!refused.accepted());
    assert!(
        refused
            .log
            .contains("invalid mem access 'map_value_or_null'"),
        "{}",
        refused.log
    );
    let line = refused
        .lines
        .iter()
        .find(|line| line.text.contains("*value = 1"))
        .expect("BTF line info of the refused program");
    assert!(line.file.ends_with("mixed.bpf.c"), "{}", line.file);
    let expected = mixed()
        .lines()
        .position(|l| l.contains("*value = 1"))
        .unwrap()
        + 1;
    assert_eq!(line.line as usize, expected);

    let Err(Error::Refused(whole)) = object.load() else {
        panic!("the object as a whole was loaded");
    };
    assert_eq!(whole.program.unwrap().name, "unchecked");
}

#[test]
fn contexts_reach_programs_that_take_one() {
    if !can_load("contexts_reach_programs_that_take_one") {
        return;
    }
    let text = format!(
        r#"{PRELUDE}
struct arguments {{ __u64 a, b; }};
SEC("syscall") int sum(struct arguments *arguments)
{{
    arguments->a += arguments->b;
    return 7;
}}
SEC("raw_tp") int first(struct bpf_raw_tracepoint_args *ctx)
{{
    return ctx->args[0] == 42;
}}
SEC("kprobe") int probe(void *ctx) {{ return 0; }}
"#
    );
    let loaded = object("contexts", &text).load().unwrap();
    let words = |words: &[u64]| -> Vec<u8> { words.iter().flat_map(|w| w.to_ne_bytes()).collect() };
    let input = RunInput {
        context: words(&[1, 10]),
        repeat: 3,
        ..RunInput::default()
    };
    let output = loaded.run("sum", &input).unwrap();
    assert_eq!(output.return_value, 7);
    assert_eq!(output.context, words(&[31, 10]), "three runs");
    assert!(output.per_call);

    let input = RunInput {
        context: words(&[42]),
        ..RunInput::default()
    };
    assert_eq!(loaded.run("first", &input).unwrap().return_value, 1);
    assert_eq!(
        loaded
            .run("first", &RunInput::default())
            .unwrap()
            .return_value,
        0
    );
    let error = loaded.run("probe", &RunInput::default()).unwrap_err();
    assert!(error.to_string().contains("no test run"), "{error}");
}

#[test]
fn an_unresolved_extern_is_told_by_libbpf() {
    if !can_load("an_unresolved_extern_is_told_by_libbpf") {
        return;
    }
    let text = format!(
        r#"{PRELUDE}
extern void *malloc(unsigned long);
SEC("xdp") int plain(struct xdp_md *ctx) {{ return malloc(8) ? XDP_PASS : XDP_DROP; }}
"#
    );
    let Err(Error::Open { message, .. }) = object("plain", &text).judge("plain") else {
        panic!("an object that calls malloc is opened");
    };
    assert!(message.contains("extern 'malloc'"), "{message}");
}

#[test]
fn what_does_not_exist_is_named() {
    if !can_load("what_does_not_exist_is_named") {
        return;
    }
    let good = object("names", &mixed());
    let error = good.judge("absent").unwrap_err().to_string();
    assert_eq!(error, "names has no program named absent");
    let loaded = good.load_only(|name| name == "count").unwrap();
    assert!(matches!(
        loaded.run("unchecked", &RunInput::default()),
        Err(Error::NoSuchProgram { .. })
    ));
    assert!(matches!(loaded.map("absent"), Err(Error::NoSuchMap { .. })));
    let error = ObjectFile::from_bytes("text", b"int main;".to_vec())
        .programs()
        .unwrap_err();
    assert!(matches!(error, Error::Open { .. }), "{error}");
}

#[test]
fn a_source_that_is_wrong_gives_clangs_words() {
    let Ok(clang) = Clang::find() else {
        assert!(!can_load("a_source_that_is_wrong_gives_clangs_words"));
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("wrong.bpf.c");
    std::fs::write(&path, "int f(void) { return missing; }\n").unwrap();
    let error = clang.compile(&path, &[], &[], &[]).unwrap_err();
    let CompileError::Clang { message, .. } = error else {
        panic!("{error}");
    };
    assert!(message.contains("wrong.bpf.c:1:22"), "{message}");
}

#[test]
fn replaced_files_keep_their_name_and_their_neighbours() {
    let Ok(clang) = Clang::find() else {
        assert!(!can_load(
            "replaced_files_keep_their_name_and_their_neighbours"
        ));
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let source = directory.path().join("a.c");
    let header = directory.path().join("near.h");
    std::fs::write(&source, "#error the file on disk\n").unwrap();
    std::fs::write(&header, "#error the header on disk\n").unwrap();
    let replaced = [
        (
            source.clone(),
            b"#include \"near.h\"\n#include \"given.h\"\nint x = NEAR + GIVEN;\n".to_vec(),
        ),
        (header.clone(), b"#define NEAR 1\n".to_vec()),
    ];
    let headers = [("given.h", "#define GIVEN 2\n")];
    let object = clang.compile(&source, &replaced, &headers, &[]).unwrap();
    let name = source.to_str().unwrap().as_bytes();
    assert!(
        object.windows(name.len()).any(|window| window == name),
        "debug information names the file that was replaced"
    );
    assert!(!clang.accepts(&source, &[]), "what is on disk");
}

/// For each call of a global function the verifier writes a line, which fills the buffer for its
/// figures; and the kernel then refuses what it has accepted.
#[test]
fn loops_with_many_calls_load_and_run() {
    if !can_load("loops_with_many_calls_load_and_run") {
        return;
    }
    let text = format!(
        r#"{PRELUDE}
__attribute__((noinline)) int a_global_function_with_a_name_of_its_own(int number)
{{
    return number & 1;
}}
SEC("xdp") int rounds(struct xdp_md *ctx)
{{
    int sum = 0;
    for (int i = 0; i < 3000; i++)
        sum += a_global_function_with_a_name_of_its_own(i);
    return sum == 1500 ? XDP_PASS : XDP_ABORTED;
}}
"#
    );
    let object = object("rounds", &text);
    let judgement = object.judge("rounds").unwrap();
    assert!(judgement.accepted(), "{judgement}");
    assert!(judgement.stats.verified_instructions.unwrap() > 3000);
    let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
    assert!(loaded.judgements()[0].stats.verified_instructions.unwrap() > 3000);
    let output = loaded.run("rounds", &RunInput::default()).unwrap();
    assert_eq!(output.return_value, 2, "XDP_PASS");
}

/// Of a walk that is too long the log is longer than any buffer, and the kernel's answer to that is
/// not its verdict.
#[test]
fn the_reason_is_not_that_the_log_is_full() {
    if !can_load("the_reason_is_not_that_the_log_is_full") {
        return;
    }
    let text = format!(
        r#"{PRELUDE}
SEC("xdp") int walk(struct xdp_md *ctx)
{{
    __u64 bound = bpf_get_prandom_u32(), sum = 0;
    for (__u64 i = 0; i < bound; i++)
        sum += i ^ bpf_get_prandom_u32();
    return sum > bound ? XDP_PASS : XDP_DROP;
}}
"#
    );
    let judgement = object("walk", &text).judge("walk").unwrap();
    assert_eq!(judgement.errno, Some(libc::E2BIG), "{:?}", judgement.errno);
}
