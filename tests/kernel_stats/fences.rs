//! `--check`: what is written behind blocks in use.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use bpf_malloc::kernel::heaps::{Selection, find};
use bpf_malloc::kernel::run::RunInput;
use serde_json::Value;

use super::expect::version;
use super::kernel::can_load;
use super::loaded::{LEAKS, compile, heaps, json, map_id, stats};

/// The builds that have fences, or may have: those this kernel has.
fn backends() -> Vec<&'static str> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut builds = vec![
        "-DDYNAMIC_MEMORY_LINKED",
        "-DDYNAMIC_MEMORY_POOL_MAP",
        "-DDYNAMIC_MEMORY_SPIN_LOCK",
        "-DDYNAMIC_MEMORY_INLINE",
    ];
    if version(&release) >= (6, 9) {
        builds.push("-DDYNAMIC_MEMORY_ARENA");
    }
    builds
}

/// Sums up what `--check` found: blocks looked behind, and what is wrong with them.
fn checked(heaps: &[Value]) -> (u64, Vec<String>) {
    let checked = heaps.iter().map(|heap| &heap["checked"]);
    let overflows = checked
        .clone()
        .flat_map(|heap| heap["overflows"].as_array().into_iter().flatten())
        .map(|told| told.as_str().unwrap().to_owned())
        .collect();
    (
        checked.filter_map(|heap| heap["blocks"].as_u64()).sum(),
        overflows,
    )
}

#[test]
fn what_is_written_behind_blocks_in_use_is_found() {
    const TEST: &str = "what_is_written_behind_blocks_in_use_is_found";
    /// Keeps a block that it writes behind, and two that it does not; frees one that the other call
    /// wrote behind.
    const BEHIND: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
unsigned long kept;
SEC("xdp") int write(struct xdp_md *ctx)
{
    char __arena *right = static_malloc(24), *full = static_calloc(1, 56);
    char __arena *wrong = static_malloc(20);
    if (!right || !full || !wrong)
        return XDP_ABORTED;
    right[23] = full[55] = 1;
    wrong[20] = 1;
    kept = (unsigned long)wrong;
    return XDP_PASS;
}
SEC("xdp") int release(struct xdp_md *ctx)
{
    static_free((void __arena *)kept);
    return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"#;
    if !can_load(TEST) {
        return;
    }
    for build in backends() {
        let arguments = ["-DDYNAMIC_MEMORY_DEBUG", "-DDYNAMIC_MEMORY_HEAPS=1", build];
        let loaded = compile("behind", BEHIND, &arguments.map(OsString::from));
        let id = map_id(&loaded).to_string();
        let check = || stats(&["--map-id", &id, "--check", "--json"]);
        assert_eq!(checked(&heaps(&check())), (0, vec![]), "{build}");
        loaded.run("write", &RunInput::default()).unwrap();

        let output = check();
        assert_eq!(output.status.code(), Some(1), "{build}");
        let told = "behind.bpf.c:8: something was written behind a block of 20 bytes that is in \
                    use; it was allocated here";
        let found = checked(&heaps(&output));
        assert_eq!(found, (3, vec![told.to_owned()]), "{build}");
        let text = String::from_utf8(stats(&["--map-id", &id, "--check"]).stdout).unwrap();
        assert!(
            text.contains("checked 3 blocks in use: something was written behind 1\n")
                && text.contains(&format!("  error: {told}\n")),
            "{build}: {text}"
        );
        // Who only looks changes nothing: the call that frees the block finds it, too.
        loaded.run("release", &RunInput::default()).unwrap();
        let output = check();
        assert_eq!(output.status.code(), Some(0), "{build}");
        let heaps = heaps(&output);
        assert_eq!(checked(&heaps), (2, vec![]), "{build}");
        assert_eq!(
            heaps[0]["errors"][0],
            "behind.bpf.c:18: something was written behind a block of 20 bytes; found here; \
             allocated at behind.bpf.c:8",
            "{build}"
        );
        // The command that runs the program looks, too.
        let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("behind.bpf.c");
        let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
            .args(["verify", "--run", "-D", "DYNAMIC_MEMORY_DEBUG"])
            .args(["-D", build.trim_start_matches("-D")])
            .arg(&source)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(&format!("write: {told}")), "{build}\n{text}");
    }
}

#[test]
fn nothing_is_found_behind_the_blocks_of_a_correct_program() {
    const TEST: &str = "nothing_is_found_behind_the_blocks_of_a_correct_program";
    /// Allocates and frees all the time, blocks of all sizes, and leaves some of them.
    const CORRECT: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
volatile unsigned int number;
unsigned long kept[256];
SEC("xdp") int churn(struct xdp_md *ctx)
{
    unsigned int n = number++, size = 1 + (n * 37 & 127);
    char __arena *p = static_malloc(size);
    unsigned long before;
    if (!p)
        return XDP_ABORTED;
    p[size - 1] = 1;
    before = kept[n % 256];
    kept[n % 256] = (unsigned long)p;
    static_free((void __arena *)before);
    return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"#;
    if !can_load(TEST) {
        return;
    }
    for build in backends() {
        let arguments = ["-DDYNAMIC_MEMORY_DEBUG", "-DDYNAMIC_MEMORY_HEAPS=1", build];
        let loaded = compile("churn", CORRECT, &arguments.map(OsString::from));
        let input = |repeat| RunInput {
            repeat,
            ..RunInput::default()
        };
        assert_eq!(loaded.run("churn", &input(1_000)).unwrap().return_value, 2);
        let id = map_id(&loaded).to_string();
        let output = stats(&["--map-id", &id, "--check", "--json"]);
        assert!(output.status.success(), "{build}: {output:?}");
        assert_eq!(checked(&heaps(&output)), (256, vec![]), "{build}");

        // The same while it runs: what is caught between two steps is no error.
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    loaded.run("churn", &input(2_000)).unwrap();
                }
            });
            let maps = find(&Selection::Map(map_id(&loaded))).unwrap();
            let rounds: Vec<_> = (0..20).map(|_| maps[0].check().unwrap()).collect();
            done.store(true, Ordering::Relaxed);
            // A heap that has changed each time it was read says nothing.
            let rounds = rounds
                .iter()
                .filter_map(|heaps| heaps[0].as_ref().ok()?.as_ref());
            let blocks: usize = rounds
                .inspect(|checked| assert_eq!(checked.overflows, [], "{build}"))
                .map(|checked| checked.blocks)
                .sum();
            assert!(blocks > 256, "{build}: {blocks} blocks were looked behind");
        });
    }
}

/// Without fences there is nothing to say, and that is said.
#[test]
fn builds_without_fences_are_not_checked() {
    if !can_load("builds_without_fences_are_not_checked") {
        return;
    }
    let loaded = compile("unfenced", LEAKS, &[]);
    loaded.run("leak", &RunInput::default()).unwrap();
    let id = map_id(&loaded).to_string();
    let heaps = json(&["--map-id", &id, "--check", "--json"]);
    assert!(
        heaps.iter().all(|heap| heap["checked"].is_null()),
        "{heaps:?}"
    );
    let output = stats(&["--map-id", &id, "--check"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("compile the program with -DDYNAMIC_MEMORY_DEBUG"),
        "{text}"
    );
}
