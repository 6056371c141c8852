//! `bpf-malloc stats` on heaps of programs that this test keeps loaded.
#![cfg(all(feature = "kernel", feature = "cli"))]

#[path = "../common/expect.rs"]
mod expect;
mod fences;
#[path = "../common/kernel.rs"]
mod kernel;
mod loaded;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use bpf_malloc::kernel::load::Loaded;
use bpf_malloc::kernel::run::RunInput;
use expect::version;
use kernel::can_load;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};
use loaded::{build, compile, heaps, json, load, map_id, stats, sum};
use serde_json::Value;

#[test]
fn a_leak_is_shown_with_its_line() {
    if can_load("a_leak_is_shown_with_its_line") {
        leaks(&load("leaks"));
    }
}

#[test]
fn a_leak_in_an_arena_is_shown_with_its_line() {
    let test = "a_leak_in_an_arena_is_shown_with_its_line";
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if version(&release) < (6, 9) {
        kernel::skip(test, "arenas need Linux 6.9");
    } else if can_load(test) {
        leaks(&build("arena_leaks", &["-DDYNAMIC_MEMORY_ARENA"]));
    }
}

/// Runs the program and compares what is shown with what it did.
fn leaks(loaded: &Loaded) {
    let id = map_id(loaded).to_string();
    assert_eq!(sum(&json(&["--map-id", &id, "--json"]), "allocations"), 0);
    let input = RunInput {
        repeat: 10,
        ..RunInput::default()
    };
    assert_eq!(loaded.run("leak", &input).unwrap().return_value, 2);

    let heaps = json(&["--map-id", &id, "--json"]);
    assert_eq!(sum(&heaps, "allocations"), 20);
    assert!(heaps.iter().all(|heap| heap["programs"][0] == "leak"));
    assert_eq!(sum(&heaps, "used_blocks"), 10);
    let used = sum(&heaps, "used_bytes");
    assert!(
        (400..1000).contains(&used),
        "{used} bytes for 10 blocks of 40"
    );
    assert!(sum(&heaps, "high_water_bytes") >= used + 500);
    for heap in heaps.iter().filter(|heap| heap["pool_bytes"] != 0) {
        let parts = ["used_bytes", "waiting_bytes", "free_bytes"];
        let parts: u64 = parts.iter().map(|part| heap[part].as_u64().unwrap()).sum();
        assert_eq!(Some(parts), heap["pool_bytes"].as_u64(), "{heap}");
    }
    let lines: Vec<&Value> = heaps
        .iter()
        .flat_map(|h| h["lines"].as_array().unwrap())
        .collect();
    assert!(
        !lines.is_empty() && lines.iter().all(|line| line["line"] == 7),
        "{lines:?}"
    );

    let output = stats(&["--map-id", &id]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("line 7: "), "{text}");
    assert!(text.contains("heap 0 (leak): "), "{text}");
    assert!(text.contains('▒') || text.contains('░'), "a bar: {text}");
}

#[test]
fn heaps_are_found_by_process_and_by_pin_and_drawn() {
    if !can_load("heaps_are_found_by_process_and_by_pin_and_drawn") {
        return;
    }
    let loaded = load("found");
    loaded.run("leak", &RunInput::default()).unwrap();
    let id = map_id(&loaded);
    let mine = |heaps: &[Value]| heaps.iter().any(|heap| heap["map_id"] == id);

    let pid = std::process::id().to_string();
    // Other tests of this process, and other programs of this machine, have heaps too; one of them
    // may be damaged on purpose, which is no success but shows the rest.
    assert!(mine(&heaps(&stats(&["--pid", &pid, "--json"]))));
    assert!(mine(&heaps(&stats(&["--json"]))), "among all heaps");

    let pin = format!("/sys/fs/bpf/bpf-malloc-test-{pid}");
    let mut handle = MapHandle::from_map_id(id).unwrap();
    if handle.pin(&pin).is_ok() {
        let found = json(&["--pin", &pin, "--json"]);
        handle.unpin(&pin).unwrap();
        assert!(mine(&found) && found.iter().all(|heap| heap["map_id"] == id));
    } else {
        kernel::skip("stats --pin", "no BPF file system at /sys/fs/bpf");
    }

    let directory = tempfile::tempdir().unwrap();
    let svg = directory.path().join("heap.svg");
    let output = stats(&["--map-id", &id.to_string(), "--svg", svg.to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let drawing = fs::read_to_string(svg).unwrap();
    assert!(drawing.starts_with("<svg ") && drawing.trim_end().ends_with("</svg>"));
    assert!(
        drawing.matches("<rect ").count() > 500,
        "a cell per part of the pool"
    );
}

/// The name is nobody's.
#[test]
fn other_maps_of_the_name_hide_no_heaps() {
    if !can_load("other_maps_of_the_name_hide_no_heaps") {
        return;
    }
    let loaded = load("beside");
    loaded.run("leak", &RunInput::default()).unwrap();
    let options = libbpf_rs::libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_rs::libbpf_sys::bpf_map_create_opts>() as _,
        ..Default::default()
    };
    let make = |map_type, key, value| {
        let name = Some("dynmem_heaps");
        MapHandle::create(map_type, name, key, value, 1_000, &options).unwrap()
    };
    let others = [
        make(MapType::Hash, 4, 1 << 16),
        make(MapType::Hash, 16, 8),
        make(MapType::Array, 4, 8),
    ];
    let all = heaps(&stats(&["--json"]));
    let ours = map_id(&loaded);
    assert!(all.iter().any(|heap| heap["map_id"] == ours), "{all:?}");
    for other in &others {
        let id = other.info().unwrap().info.id;
        assert!(all.iter().all(|heap| heap["map_id"] != id), "{all:?}");
        assert_eq!(stats(&["--map-id", &id.to_string()]).status.code(), Some(2));
    }
}

#[test]
fn errors_of_a_program_are_shown_with_their_lines() {
    const TEST: &str = "errors_of_a_program_are_shown_with_their_lines";
    /// Writes behind a block, frees it twice, frees what is none, and writes to what it freed.
    /// SIZE is the block's and LATE a place in it.
    const WRONG: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
SEC("xdp") int wrong(struct xdp_md *ctx)
{
    char __arena *p = static_malloc(SIZE);
    if (!p)
        return XDP_ABORTED;
    p[SIZE] = 1;
    static_free(p);
    static_free(p);
    static_free(p + 1);
    p[LATE] = 1;
    for (int i = 0; i < 16; i++) {
        p = static_malloc(SIZE);
        if (!p)
            return XDP_ABORTED;
        static_free(p);
    }
    return ctx->rx_queue_index == 77 ? XDP_DROP : XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"#;
    if !can_load(TEST) {
        return;
    }
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let mut builds = vec!["-DDYNAMIC_MEMORY_HEAPS=1", "-DDYNAMIC_MEMORY_SPIN_LOCK"];
    if version(&release) >= (6, 9) {
        builds.push("-DDYNAMIC_MEMORY_ARENA");
    }
    for (build, (size, late)) in builds.iter().flat_map(|b| [(b, (20, 3)), (b, (900, 899))]) {
        let text = WRONG
            .replace("SIZE", &size.to_string())
            .replace("LATE", &late.to_string());
        let arguments = ["-DDYNAMIC_MEMORY_DEBUG", build].map(OsString::from);
        let loaded = compile("wrong", &text, &arguments);
        loaded.run("wrong", &RunInput::default()).unwrap();
        let heaps = json(&["--map-id", &map_id(&loaded).to_string(), "--json"]);
        let errors: Vec<&str> = heaps
            .iter()
            .flat_map(|heap| heap["errors"].as_array().into_iter().flatten())
            .map(|error| error.as_str().unwrap())
            .collect();
        assert_eq!(
            errors,
            [
                &*format!(
                    "wrong.bpf.c:10: something was written behind a block of {size} bytes; found \
                     here; allocated at wrong.bpf.c:6"
                ),
                "wrong.bpf.c:11: a block is freed a second time; allocated at wrong.bpf.c:6; freed at \
                 wrong.bpf.c:10",
                "wrong.bpf.c:12: what is freed is no block",
                &*format!(
                    "wrong.bpf.c:18: something was written to a block of {size} bytes after it was \
                     freed; found here; allocated at wrong.bpf.c:6; freed at wrong.bpf.c:10"
                ),
            ],
            "{build}"
        );
        // The command that runs it tells the same.
        let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong.bpf.c");
        let output = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
            .args(["verify", "--run", "-D", "DYNAMIC_MEMORY_DEBUG"])
            .args(["-D", build.trim_start_matches("-D")])
            .arg(&source)
            .output()
            .unwrap();
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        for error in errors {
            assert!(told.contains(&format!("wrong: {error}")), "{build}\n{told}");
        }
    }
}

#[test]
fn loops_that_ended_early_are_counted() {
    const TEST: &str = "loops_that_ended_early_are_counted";
    /// A list that leads back to its first node.
    const RING: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#define DYNAMIC_MEMORY_ARENA
#include "dynamic_memory.h"
struct node { struct node __arena *next; };
SEC("xdp") int walk(struct xdp_md *ctx)
{
    struct node __arena *first = static_malloc(sizeof(*first)), *node = first;
    if (!first)
        return XDP_ABORTED;
    first->next = ctx->rx_queue_index == 77 ? NULL : first;
    while (node && can_loop)
        node = node->next;
    static_free(first);
    return node ? XDP_DROP : XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"#;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    if version(&release) < (6, 9) {
        return kernel::skip(TEST, "arenas need Linux 6.9");
    }
    if !can_load(TEST) {
        return;
    }
    let loaded = compile("ring", RING, &[]);
    let id = map_id(&loaded).to_string();
    assert_eq!(json(&["--map-id", &id, "--json"])[0]["loops_cut_short"], 0);
    for _ in 0..2 {
        let output = loaded.run("walk", &RunInput::default()).unwrap();
        assert_eq!(output.return_value, 1, "it left the loop with a node");
    }
    assert_eq!(json(&["--map-id", &id, "--json"])[0]["loops_cut_short"], 2);
    let text = String::from_utf8(stats(&["--map-id", &id]).stdout).unwrap();
    assert!(text.contains("2 loops ended early, at can_loop"), "{text}");
}

#[test]
fn calls_that_find_no_function_are_counted() {
    const TEST: &str = "calls_that_find_no_function_are_counted";
    const CALLS: &str = r#"#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "dynamic_memory.h"
SEC("xdp") int call(struct xdp_md *ctx)
{
    void *block = static_malloc(ctx->rx_queue_index + 8);
    if (!block)
        return XDP_ABORTED;
    static_free(block);
    if (ctx->rx_queue_index != 77)
        static_unknown_function();
    return XDP_PASS;
}
char LICENSE[] SEC("license") = "GPL";
"#;
    if !can_load(TEST) {
        return;
    }
    let loaded = compile("calls", CALLS, &[]);
    let id = map_id(&loaded).to_string();
    for _ in 0..3 {
        loaded.run("call", &RunInput::default()).unwrap();
    }
    assert_eq!(
        json(&["--map-id", &id, "--json"])[0]["unknown_functions"],
        3
    );
    let text = String::from_utf8(stats(&["--map-id", &id]).stdout).unwrap();
    assert!(
        text.contains("3 calls through a pointer found no function"),
        "{text}"
    );
}

#[test]
fn what_is_no_heap_or_of_another_layout_is_refused() {
    if !can_load("what_is_no_heap_or_of_another_layout_is_refused") {
        return;
    }
    let loaded = load("layout");
    loaded.run("leak", &RunInput::default()).unwrap();
    let pools = loaded.map(".bss").unwrap().info().unwrap().info.id;
    let output = stats(&["--map-id", &pools.to_string()]);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(errors.contains(".bss"), "{errors}");

    // The layout's version is the second number of a heap.
    let heaps = loaded.map("dynmem_heaps").unwrap();
    let key = 0_u32.to_ne_bytes();
    let mut heap = heaps.lookup(&key, MapFlags::ANY).unwrap().unwrap();
    for (version, said) in [
        (0x4444_4444_u32, "another dynamic_memory.h"),
        (0x444d_0002, "an older dynamic_memory.h"),
    ] {
        heap[4..8].copy_from_slice(&version.to_ne_bytes());
        heaps.update(&key, &heap, MapFlags::ANY).unwrap();
        let output = stats(&["--map-id", &map_id(&loaded).to_string()]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains(said), "{text}");
    }

    for arguments in [
        &["--map-id", "4294967295"][..],
        &["--pid", "4294967295"],
        &["--pin", "/nowhere"],
    ] {
        assert_eq!(stats(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn watching_shows_what_changes_until_it_is_stopped() {
    if !can_load("watching_shows_what_changes_until_it_is_stopped") {
        return;
    }
    let loaded = load("watched");
    let id = map_id(&loaded).to_string();
    let mut child = Command::new(env!("CARGO_BIN_EXE_bpf-malloc"))
        .args(["stats", "--map-id", &id, "--json", "--watch", "0.1"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    // One object after the other, as jq(1) reads them.
    let mut reports = serde_json::Deserializer::from_reader(child.stdout.take().unwrap())
        .into_iter::<Value>()
        .map(|report| report.unwrap()["heaps"].as_array().unwrap().clone());
    assert_eq!(sum(&reports.next().unwrap(), "used_blocks"), 0);
    loaded.run("leak", &RunInput::default()).unwrap();
    let seen = reports.any(|heaps| sum(&heaps, "used_blocks") == 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(seen, "the block that was allocated meanwhile");

    for bad in ["0", "-1", "soon"] {
        let arguments = ["--map-id", &id, &format!("--watch={bad}")];
        assert_eq!(stats(&arguments).status.code(), Some(2), "{bad}");
    }
}
