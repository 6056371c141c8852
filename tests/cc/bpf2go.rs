//! bpf2go of cilium/ebpf: it starts the compiler that `-cc` names, and reads dependencies from a pipe.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use bpf_malloc::judge::compile::{Clang, machine_arguments};

use super::kernel::{can_load, skip};
use super::project::{Scratch, has, run};
use super::{fine, link};

/// Where Debian keeps the sources of Go's packages.
const PACKAGES: &str = "/usr/share/gocode";

/// A copy of the fixtures with a bpf2go in it.
struct Bpf2go {
    scratch: Scratch,
    clang: Clang,
}

impl Bpf2go {
    /// `None` where there is no Go or no cilium/ebpf.
    fn build(test: &str) -> Option<Self> {
        if !can_load(test) || !has(test, "go") {
            return None;
        }
        let sources = Path::new(PACKAGES).join("src/github.com/cilium/ebpf/cmd/bpf2go");
        if !sources.is_dir() {
            skip(
                test,
                "golang-github-cilium-ebpf-dev is not installed; tests/setup/install.sh test \
                 installs it",
            );
            return None;
        }
        let built = Self {
            scratch: Scratch::copy("precompile"),
            clang: Clang::find().expect("can_load has found one"),
        };
        built.go(&["build", "github.com/cilium/ebpf/cmd/bpf2go"]);
        link(&built.scratch.path("cc/bpf2go"), &built.clang);
        Some(built)
    }

    /// Under a clock, since what waits for a pipe waits for ever.
    fn command(&self, program: &Path) -> Command {
        let mut command = self.scratch.command("timeout");
        command.arg("300").arg(program);
        command.current_dir(self.scratch.path("cc/bpf2go"));
        command
    }

    fn go(&self, words: &[&str]) -> String {
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("go");
        run(self
            .command(Path::new("go"))
            .args(words)
            .env("GOPATH", PACKAGES)
            .env("GO111MODULE", "off")
            .env("GOCACHE", cache))
    }

    /// The command of the fixture.
    fn line(&self) -> String {
        let main = self.scratch.read("cc/bpf2go/main.go");
        let mut lines = main.lines();
        let line = lines.find_map(|line| line.strip_prefix("//go:generate bpf2go "));
        let name = self.clang.program.file_name().unwrap().to_str().unwrap();
        let link = format!("./bpf-malloc-{name}");
        line.expect("a command")
            .replace("bpf-malloc-clang-19", &link)
    }

    fn generate(&self, line: &str) -> Output {
        let mut command = self.command(&self.scratch.path("cc/bpf2go/bpf2go"));
        // The package of clang has no llvm-strip.
        command.args(["-makebase", ".", "-no-strip"]);
        command.args(shlex::split(line).expect("words")).arg("--");
        command.args(machine_arguments()).env("GOPACKAGE", "main");
        command.output().expect("timeout is there")
    }
}

#[test]
fn a_program_is_generated_and_loads() {
    let Some(bpf2go) = Bpf2go::build("a_program_is_generated_and_loads") else {
        return;
    };
    fine(&bpf2go.generate(&bpf2go.line()));
    assert_eq!(
        bpf2go.go(&["run", "."]),
        "64 bytes: verdict 1\n128 bytes: verdict 2\n"
    );
    // It turns the compiler's rules into its own.
    let rules = bpf2go.scratch.read("cc/bpf2go/count_bpfel.go.d");
    assert!(rules.contains("count.h"), "{rules}");
    assert!(!rules.contains("dynamic_memory.h"), "{rules}");
    // Of its own it says -mcpu=v1, and the header says what to do.
    let old = bpf2go.generate(&bpf2go.line().replace("-mcpu=v3 ", ""));
    let said = String::from_utf8_lossy(&old.stderr);
    assert!(!old.status.success(), "{said}");
    assert!(said.contains("pass -mcpu=v3"), "{said}");
}

/// What docs/build-systems.md says about linked data.
#[test]
fn linked_data_needs_a_heap_in_a_map() {
    let Some(bpf2go) = Bpf2go::build("linked_data_needs_a_heap_in_a_map") else {
        return;
    };
    let directory = bpf2go.scratch.path("cc/bpf2go");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/loaders/sum.bpf.c");
    fs::copy(source, directory.join("sum.bpf.c")).unwrap();
    let line = bpf2go
        .line()
        .replace("count ../../bpf/count.bpf.c", "sum sum.bpf.c")
        .replace("-mcpu=v3", "-mcpu=v3 -DLINKED");
    assert!(!bpf2go.generate(&line).status.success(), "it knows arenas");
    let settings = directory.join("bpf-malloc.toml");
    fs::write(&settings, "backend = \"map\"\n").unwrap();
    fine(&bpf2go.generate(&line));
    fs::remove_file(settings).unwrap();
    let clang = bpf2go.clang.program.display();
    let script = format!("#!/bin/sh\nexec bpf-malloc cc --target-kernel 6.1 {clang} \"$@\"\n");
    fs::write(directory.join("old"), script).unwrap();
    run(bpf2go.command(Path::new("chmod")).args(["+x", "old"]));
    let words = line
        .split_once(" -target")
        .expect("the compiler before it")
        .1;
    fine(&bpf2go.generate(&format!("-cc ./old -target{words}")));
}
