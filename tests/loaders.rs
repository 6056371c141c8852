//! What each loader makes of the objects: the table of loaders in the README.
#![cfg(feature = "kernel")]

#[path = "common/kernel.rs"]
mod kernel;
#[path = "common/project.rs"]
mod project;

use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use aya::programs::Xdp;
use bpf_malloc::judge::compile::{Clang, machine_arguments};
use bpf_malloc::kernel::load::ObjectFile;
use bpf_malloc::kernel::run::RunInput;
use kernel::{can_load, skip, skip_or_fail};
use libbpf_rs::libbpf_sys;
use project::{Scratch, has, run};

/// The builds of `sum.bpf.c`: name, options of `bpf-malloc cc`, options of the compiler.
type Build = (
    &'static str,
    &'static [&'static str],
    &'static [&'static str],
);
const DEFAULT: Build = ("default", &[], &[]);
/// Linked data: an arena.
const ARENA: Build = ("arena", &[], &["-DLINKED"]);
/// Linked data for kernels without arenas.
const OLD: Build = ("old", &["--target-kernel", "6.1"], &["-DLINKED"]);
/// For loaders that know no weak functions.
const STRONG: Build = ("strong", &[], &["-DDYNAMIC_MEMORY_STRONG"]);
const OLD_STRONG: Build = (
    "old-strong",
    &["--target-kernel", "6.1"],
    &["-DLINKED", "-DDYNAMIC_MEMORY_STRONG"],
);

/// What two packets of 64 bytes give.
const RESULTS: [u32; 2] = [65, 66];
const PRINTED: &str = "65\n66\n";

/// A copy of the fixture with an object of each build, named as the build.
fn built(builds: &[Build]) -> Scratch {
    let scratch = Scratch::copy("loaders");
    let clang = Clang::find().expect("can_load has found one");
    for (name, ours, compilers) in builds {
        let mut command = scratch.command("bpf-malloc");
        command.arg("cc").args(*ours).arg("--").arg(&clang.program);
        command.args([
            "-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror",
        ]);
        command
            .args(machine_arguments())
            .args(*compilers)
            .args(["-c", "sum.bpf.c", "-o"]);
        run(command.arg(format!("{name}.o")));
    }
    scratch
}

/// The version of the libbpf that programs in C are linked with.
fn libbpf(scratch: &Scratch) -> (u32, u32) {
    let text = run(scratch
        .command("pkg-config")
        .args(["--modversion", "libbpf"]));
    let mut parts = text
        .trim()
        .split('.')
        .map(|part| part.parse().expect("a number"));
    (parts.next().expect("major"), parts.next().expect("minor"))
}

/// Since when it knows arenas.
const ARENAS_IN_LIBBPF: (u32, u32) = (1, 4);

fn output(command: &mut Command) -> Output {
    command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

fn compile(scratch: &Scratch, source: &str, program: &str) {
    let mut command = scratch.command("cc");
    command.args(["-O2", "-Wall", "-Werror", "-I.", source, "-o", program]);
    run(command.args(["-lbpf", "-lelf", "-lz"]));
}

#[test]
fn debians_libbpf() {
    if !can_load("debians_libbpf") || !has("debians_libbpf", "pkg-config") {
        return;
    }
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    compile(&scratch, "libbpf.c", "load");
    let load = |object: &str| output(Command::new(scratch.path("load")).arg(scratch.path(object)));
    for object in ["default.o", "old.o"] {
        assert_eq!(
            String::from_utf8_lossy(&load(object).stdout),
            PRINTED,
            "{object}"
        );
    }
    let arena = load("arena.o");
    match libbpf(&scratch) >= ARENAS_IN_LIBBPF {
        true => assert_eq!(String::from_utf8_lossy(&arena.stdout), PRINTED),
        false => assert_eq!(
            arena.status.code(),
            Some(1),
            "libbpf knows arenas, but not by its version"
        ),
    }
}

#[test]
fn debians_bpftool() {
    let test = "debians_bpftool";
    if !can_load(test) || !has(test, "bpftool") {
        return;
    }
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    let bpftool = |words: &[&str]| output(scratch.command("bpftool").args(words));
    let arenas = libbpf(&scratch) >= ARENAS_IN_LIBBPF;
    for object in ["default.o", "old.o", "arena.o"] {
        std::fs::copy(scratch.path(object), scratch.path("sum.bpf.o")).unwrap();
        let skeleton = bpftool(&["gen", "skeleton", "sum.bpf.o", "name", "sum_bpf"]);
        if object == "arena.o" && !arenas {
            assert!(
                !skeleton.status.success(),
                "bpftool knows arenas, but not by its version"
            );
            continue;
        }
        std::fs::write(scratch.path("sum.skel.h"), &skeleton.stdout).unwrap();
        compile(&scratch, "skeleton.c", "skeleton");
        let printed = run(&mut Command::new(scratch.path("skeleton")));
        assert_eq!(printed, format!("{PRINTED}2\n"), "{object}");
        // By itself it loads what it pins.
        let pin = format!("/sys/fs/bpf/bpf-malloc-test-{}", std::process::id());
        let loaded = bpftool(&["prog", "load", "sum.bpf.o", &pin]);
        // The file is in memory of the kernel; nothing is lost if it is not there.
        let _ = std::fs::remove_file(&pin);
        assert!(
            loaded.status.success(),
            "{object}: {}",
            String::from_utf8_lossy(&loaded.stderr)
        );
    }
}

/// The newest bpftool that Debian has, whatever this machine's release, with the libbpf that is
/// vendored: the libbpf of a skeleton must not be older than its bpftool expects.
#[test]
fn newest_bpftool() {
    let test = "newest_bpftool";
    if !can_load(test) {
        return;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bpftool");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/fetch.sh");
    let fetched = output(Command::new(script).arg(directory).arg("bpftool"));
    if !fetched.status.success() {
        return skip_or_fail(test, String::from_utf8_lossy(&fetched.stderr).trim());
    }
    let fetched = String::from_utf8(fetched.stdout).expect("a line");
    let [_, version, bpftool] = fetched.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{fetched}");
    };
    kernel::say(&format!("{test}: {version}\n"));
    let vendored = vendored_libbpf();
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    for object in ["default.o", "old.o", "arena.o"] {
        std::fs::copy(scratch.path(object), scratch.path("sum.bpf.o")).unwrap();
        let mut generate = scratch.command(bpftool);
        let skeleton = run(generate.args(["gen", "skeleton", "sum.bpf.o", "name", "sum_bpf"]));
        std::fs::write(scratch.path("sum.skel.h"), skeleton).unwrap();
        let mut compile = scratch.command("cc");
        compile.args([
            "-O2",
            "-Wall",
            "-Werror",
            "-I.",
            "skeleton.c",
            "-o",
            "skeleton",
            "-I",
        ]);
        compile.arg(vendored.join("include"));
        run(compile.args(["libbpf.a", "libelf.a", "libz.a"].map(|name| vendored.join(name))));
        let printed = run(&mut Command::new(scratch.path("skeleton")));
        assert_eq!(printed, format!("{PRINTED}2\n"), "{object}");
    }
}

/// Where the libbpf that this test is linked with was built.
fn vendored_libbpf() -> PathBuf {
    let test = std::env::current_exe().expect("this program has a path");
    let profile = test.parent().and_then(Path::parent).expect("deps is in it");
    let built = std::fs::read_dir(profile.join("build")).expect("dependencies were built");
    let mut built: Vec<_> = built
        .map(|entry| entry.expect("an entry").path().join("out"))
        .filter(|out| out.join("libbpf.a").is_file() && out.join("libelf.a").is_file())
        .collect();
    built.sort();
    built.pop().expect("libbpf-sys was built")
}

#[test]
fn libbpf_cargo() {
    if !can_load("libbpf_cargo") {
        return;
    }
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cargo = scratch.path("cargo");
    std::fs::copy(root.join("Cargo.lock"), cargo.join("Cargo.lock")).unwrap();
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let printed = run(scratch
        .command(env!("CARGO"))
        .args(["run", "--quiet"])
        .env("CARGO_TARGET_DIR", target)
        .current_dir(&cargo));
    let expected = ["default", "arena", "old"].map(|name| format!("{name} {RESULTS:?} 2\n"));
    assert_eq!(printed, expected.concat());
}

#[test]
fn libbpf_rs() {
    if !can_load("libbpf_rs") {
        return;
    }
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    for object in ["default.o", "arena.o", "old.o"] {
        let object = ObjectFile::from_path(&scratch.path(object)).unwrap();
        let loaded = object.load().unwrap_or_else(|error| panic!("{error}"));
        for expected in RESULTS {
            let packet = vec![0; 64];
            let input = RunInput {
                packet,
                ..RunInput::default()
            };
            assert_eq!(loaded.run("sum", &input).unwrap().return_value, expected);
        }
    }
}

/// Loads an object with aya, and runs its program on two packets.
fn with_aya(object: &Path) -> Result<Vec<u32>, aya::EbpfError> {
    let mut loaded = aya::Ebpf::load_file(object)?;
    let program: &mut Xdp = loaded.program_mut("sum").expect("the program").try_into()?;
    program.load()?;
    let program = program.fd()?.as_fd().as_raw_fd();
    let packet = [0_u8; 64];
    let runs = RESULTS.map(|_| {
        // SAFETY: all of its fields are numbers and pointers, for which zero is a value.
        let mut options: libbpf_sys::bpf_test_run_opts = unsafe { std::mem::zeroed() };
        options.sz = size_of_val(&options) as u64;
        options.data_in = packet.as_ptr().cast();
        options.data_size_in = packet.len() as u32;
        // SAFETY: the packet outlives the call, and its length is the one that is told.
        let result = unsafe { libbpf_sys::bpf_prog_test_run_opts(program, &mut options) };
        assert_eq!(result, 0, "the program runs");
        options.retval
    });
    Ok(runs.into())
}

#[test]
fn aya() {
    if !can_load("aya") {
        return;
    }
    let scratch = built(&[DEFAULT, ARENA, OLD]);
    for object in ["default.o", "old.o"] {
        let results = with_aya(&scratch.path(object));
        assert_eq!(
            results.unwrap_or_else(|error| panic!("{object}: {error:?}")),
            RESULTS
        );
    }
    // It knows no arenas.
    assert!(with_aya(&scratch.path("arena.o")).is_err());
}

#[test]
fn debians_cilium_ebpf() {
    let test = "debians_cilium_ebpf";
    if !can_load(test) || !has(test, "go") {
        return;
    }
    if !Path::new("/usr/share/gocode/src/github.com/cilium/ebpf").is_dir() {
        return skip(
            test,
            "golang-github-cilium-ebpf-dev is not installed; tests/setup/install.sh test installs it",
        );
    }
    let scratch = built(&[STRONG, OLD_STRONG, DEFAULT, ARENA]);
    let mut go = scratch.command("go");
    go.args(["build", "-o", "load", "cilium.go"]);
    go.env("GOPATH", "/usr/share/gocode")
        .env("GO111MODULE", "off");
    run(go.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go")));
    let load = |object: &str| output(Command::new(scratch.path("load")).arg(scratch.path(object)));
    for object in ["strong.o", "old-strong.o"] {
        let ran = load(object);
        let said = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(
            String::from_utf8_lossy(&ran.stdout),
            PRINTED,
            "{object}: {said}"
        );
    }
    // 0.9.1 knows neither weak functions nor arenas.
    for object in ["default.o", "arena.o"] {
        assert_eq!(
            load(object).status.code(),
            Some(1),
            "the README says otherwise of {object}"
        );
    }
}
