//! The examples for build systems in `fixtures/precompile`, each run as a user would.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/project.rs"]
mod project;

use std::fs;
use std::path::Path;
use std::process::Command;

use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;
use kernel::can_load;
use project::{Scratch, has, run};

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// Loads the object a build made and checks that the program does what its source says.
fn check(object: &Path) {
    let loaded = ObjectFile::from_path(object)
        .and_then(|object| object.load())
        .unwrap_or_else(|error| panic!("{error}"));
    for (length, verdict) in [(64, XDP_DROP), (128, XDP_PASS)] {
        let input = RunInput {
            packet: vec![0; length],
            ..RunInput::default()
        };
        let output = loaded.run("count", &input).unwrap();
        assert_eq!(output.return_value, verdict, "{length} bytes");
    }
}

#[test]
fn cmake() {
    if !can_load("cmake") || !has("cmake", "cmake") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    run(scratch
        .command("cmake")
        .args(["-S", "cmake", "-B", "build"]));
    run(scratch.command("cmake").args(["--build", "build"]));
    check(&scratch.path("build/count.bpf.o"));
}

#[test]
fn meson() {
    if !can_load("meson") || !has("meson", "meson") || !has("meson", "ninja") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    run(scratch.command("meson").args(["setup", "build", "meson"]));
    run(scratch.command("meson").args(["compile", "-C", "build"]));
    check(&scratch.path("build/count.bpf.o"));
}

#[test]
fn cargo_build_script() {
    if !can_load("cargo_build_script") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    let manifest = scratch.path("cargo/Cargo.toml");
    let root = env!("CARGO_MANIFEST_DIR");
    let text = scratch.read("cargo/Cargo.toml");
    fs::write(
        &manifest,
        text.replace("\"../../..\"", &format!("{root:?}")),
    )
    .unwrap();
    // The versions this repository is tested with, and its build of the bundled libbpf.
    fs::copy(
        Path::new(root).join("Cargo.lock"),
        scratch.path("cargo/Cargo.lock"),
    )
    .unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let clang = bpf_malloc::judge::compile::Clang::find().unwrap();
    let out = run(scratch
        .command(env!("CARGO"))
        .args(["run", "--quiet", "--manifest-path"])
        .arg(&manifest)
        .env("CARGO_TARGET_DIR", target)
        .env("BPF_CLANG", clang.program)
        .current_dir(scratch.path("cargo")));
    assert_eq!(
        out,
        "64 bytes: verdict 1\n128 bytes: verdict 2\ntotal 192\n"
    );
}

#[test]
fn pre_commit_hook() {
    if !has("pre_commit_hook", "pre-commit") || !has("pre_commit_hook", "git") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    run(scratch.command("git").args(["init", "--quiet"]));
    fs::copy(
        scratch.path("pre-commit/pre-commit-config.yaml"),
        scratch.path(".pre-commit-config.yaml"),
    )
    .unwrap();
    run(scratch.command("git").args(["add", "."]));
    let hook = || {
        let home = scratch.path("home");
        let mut command = scratch.command("pre-commit");
        command.args(["run", "--all-files"]).env("HOME", home);
        command
    };
    let refused = hook().output().unwrap();
    assert!(!refused.status.success(), "a plain malloc is refused");
    let said = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(said.contains("count.bpf.c"), "{said}");

    run(scratch.command("bpf-malloc").args(["rewrite", "bpf"]));
    run(scratch.command("git").args(["add", "."]));
    run(&mut hook());
}

/// The hooks that projects take from this repository.
#[test]
fn pre_commit_hooks_of_the_repository() {
    let test = "pre_commit_hooks_of_the_repository";
    if !has(test, "pre-commit") || !has(test, "git") {
        return;
    }
    let scratch = Scratch::copy("precompile");
    let hooks = include_str!("../.pre-commit-hooks.yaml");
    let hooks = hooks.lines().map(|line| format!("      {line}\n"));
    let config = format!(
        "repos:\n  - repo: local\n    hooks:\n{}",
        hooks.collect::<String>()
    );
    fs::write(scratch.path(".pre-commit-config.yaml"), config).unwrap();
    run(scratch.command("git").args(["init", "--quiet"]));
    run(scratch.command("git").args(["add", "."]));
    let hook = |name: &str| {
        let home = scratch.path("home");
        let mut command = scratch.command("pre-commit");
        command.args(["run", name, "--all-files"]).env("HOME", home);
        command
    };
    let refused = hook("bpf-malloc-check").output().unwrap();
    assert!(!refused.status.success(), "a plain malloc is refused");
    // pre-commit fails when a hook changes files.
    let changed = hook("bpf-malloc").output().unwrap();
    assert!(!changed.status.success());
    assert!(scratch.read("bpf/count.bpf.c").contains("static_free("));
    run(scratch.command("git").args(["add", "."]));
    run(&mut hook("bpf-malloc"));
    run(&mut hook("bpf-malloc-check"));
}

/// What users install is what `cargo package` makes, and it has nothing to say about it.
#[test]
fn the_package_is_made_without_a_warning() {
    let target = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["package", "--no-verify", "--allow-dirty", "--offline"])
        .arg("--target-dir")
        .arg(target.path())
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("Packaged"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}
