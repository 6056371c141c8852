//! The programs in user space: plain C, the C library's allocator, no line of this project.

use std::path::Path;
use std::process::Command;

use bpf_malloc::kernel::run::sample_packet;

use super::expect::Case;
use super::runs::Run;

/// Compiles the program in `directory` for this machine, runs it, and compares what it returns.
pub fn check(case: &Case, directory: &Path) -> Result<(), String> {
    let shim = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/linked/shim");
    let runs = Run::all(case);
    let calls: Vec<_> = runs
        .iter()
        .map(|run| format!("RUN({}, {})", run.program, run.argument))
        .collect();
    let packet: Vec<_> = sample_packet().iter().map(u8::to_string).collect();
    let source = directory.join(case.path.file_name().expect("a name"));
    let program = directory.join("native");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let output = Command::new(&compiler)
        .args(["-std=gnu11", "-O1", "-g", "-I"])
        .arg(&shim)
        .arg(format!("-DPROGRAM=\"{}\"", source.display()))
        .arg(format!("-DRUNS={}", calls.join(" ")))
        .arg(format!("-DPACKET={}", packet.join(",")))
        .arg(shim.join("driver.c"))
        .arg("-o")
        .arg(&program)
        .output()
        .map_err(|error| format!("{compiler} does not start: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "does not compile:\n{}",
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    let output = Command::new(&program)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(format!("ends with {}", output.status));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let values: Vec<i32> = text.lines().filter_map(|line| line.parse().ok()).collect();
    let expected: Vec<i32> = runs.iter().map(|run| run.value).collect();
    (values == expected)
        .then_some(())
        .ok_or_else(|| format!("returns {values:?} instead of {expected:?}"))
}
