//! Virtual machines: an initramfs with our binary and the objects to judge, QEMU around it.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest time a machine may use a processor of the host, in seconds. What else the host has to do
/// makes it no longer. It takes a quarter of that.
const LIMIT: u64 = 1600;
/// Longest time a machine may take in all, for those that hang and do nothing.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Lines in what `tests/kernels/init` says: behind the verdicts, and at the end.
const JUDGED: &str = "\njudged\n";
const DONE: &str = "\ndone\n";

/// A kernel to boot.
pub struct Kernel {
    pub version: String,
    pub image: PathBuf,
}

/// What a machine said.
pub struct Report {
    /// The kernel's name for itself, as `uname -r` prints it.
    pub release: String,
    /// The report of `bpf-malloc verify`.
    pub verdicts: Value,
    /// The output of the test that replays heap traces.
    pub replayed: String,
}

/// Downloads the newest kernel of each series.
pub fn fetch(directory: &Path, series: &[&str]) -> Result<Vec<Kernel>, String> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/fetch.sh");
    let output = Command::new(script)
        .arg(directory)
        .args(series)
        .output()
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let kernel = |line: &str| {
        let mut words = line.splitn(3, ' ').skip(1).map(str::to_owned);
        Kernel {
            version: words.next().expect("a version"),
            image: words.next().expect("an image").into(),
        }
    };
    Ok(lines.lines().map(kernel).collect())
}

/// What the programs on the host must be; names those that are missing.
pub fn missing_tools() -> Vec<&'static str> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let has = |tool: &&str| std::env::split_paths(&path).any(|dir| dir.join(tool).is_file());
    ["qemu-system-x86_64", "busybox", "apt-get", "dpkg-deb"]
        .into_iter()
        .filter(|tool| !has(tool))
        .collect()
}

/// Builds the initramfs: objects to judge by name, files of the heap traces, options for
/// `bpf-malloc verify`.
pub fn initramfs(
    directory: &Path,
    objects: &[(String, Vec<u8>)],
    replayed: &[(String, Vec<u8>)],
    options: &str,
) -> PathBuf {
    let root = directory.join("root");
    for part in ["bin", "dev", "proc", "sys", "objects", "replay"] {
        fs::create_dir_all(root.join(part)).expect("a directory");
    }
    let init = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels/init");
    fs::copy(init, root.join("init")).expect("the init script");
    fs::write(root.join("options"), options).expect("the options");
    fs::write(root.join("test"), super::replay::TEST).expect("the test's name");
    for (name, bytes) in replayed {
        fs::write(root.join("replay").join(name), bytes).expect("a file");
    }
    for (name, bytes) in objects {
        fs::write(root.join("objects").join(format!("{name}.o")), bytes).expect("an object");
    }
    let busybox = tool("busybox");
    fs::copy(&busybox, root.join("bin/busybox")).expect("busybox");
    copy_libraries(&busybox, &root);
    // The test that replays the traces is part of this very program.
    let this = std::env::current_exe().expect("a running program has a path");
    for (name, program) in [
        ("bpf-malloc", Path::new(env!("CARGO_BIN_EXE_bpf-malloc"))),
        ("tests", &this),
    ] {
        let binary = root.join("bin").join(name);
        fs::copy(program, &binary).expect("our binary");
        // Debug information is most of the file, and the machine has little memory. If there is no
        // strip, it starts more slowly.
        let _ = Command::new("strip").arg(&binary).status();
        copy_libraries(&binary, &root);
    }
    let archive = directory.join("initramfs");
    let status = Command::new(&busybox)
        .args(["sh", "-c", "find . | \"$0\" cpio -o -H newc"])
        .arg(&busybox)
        .current_dir(&root)
        .stdout(fs::File::create(&archive).expect("a file"))
        .stderr(Stdio::null())
        .status()
        .expect("busybox cpio");
    assert!(status.success(), "busybox cpio: {status}");
    archive
}

fn tool(name: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|directory| directory.join(name))
        .find(|file| file.is_file())
        .unwrap_or_else(|| panic!("no {name}"))
}

/// Copies the shared libraries and the loader a program needs, as `ldd` lists them.
fn copy_libraries(program: &Path, root: &Path) {
    let output = Command::new("ldd").arg(program).output().expect("ldd");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for file in text.split_whitespace().filter(|word| word.starts_with('/')) {
        let target = root.join(&file[1..]);
        fs::create_dir_all(target.parent().expect("below the root")).expect("a directory");
        fs::copy(file, target).unwrap_or_else(|error| panic!("{file}: {error}"));
    }
}

/// Boots the kernels, as many at a time as this machine has CPUs, and returns what the programs in
/// each said, or why they said nothing.
pub fn boot_all(
    kernels: &[Kernel],
    initramfs: &Path,
    directory: &Path,
) -> Vec<Result<Report, String>> {
    let next = AtomicUsize::new(0);
    let mut reports: Vec<OnceLock<_>> = kernels.iter().map(|_| OnceLock::new()).collect();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(kernel) = kernels.get(index) else {
                        return;
                    };
                    let report = boot(kernel, initramfs, directory);
                    assert!(reports[index].set(report).is_ok(), "each is booted once");
                }
            });
        }
    });
    let taken = reports.iter_mut().map(|report| report.take());
    taken
        .map(|report| report.expect("all were booted"))
        .collect()
}

/// Boots a kernel and returns what the programs in it said. A machine that hangs or crashes is
/// started a second time: under emulation about one boot in a hundred does.
fn boot(kernel: &Kernel, initramfs: &Path, directory: &Path) -> Result<Report, String> {
    match run(kernel, initramfs, directory) {
        Err(first) => {
            let _ = writeln!(
                io::stderr(),
                "Linux {}: {first}; starting it again",
                kernel.version
            );
            run(kernel, initramfs, directory)
        }
        done => done,
    }
}

/// How long a process has used processors, in seconds.
fn processor_time(process: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let times = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = times.split_whitespace().skip(11).take(2);
    ticks
        .filter_map(|ticks| ticks.parse::<u64>().ok())
        .sum::<u64>()
        / 100
}

fn run(kernel: &Kernel, initramfs: &Path, directory: &Path) -> Result<Report, String> {
    let console = directory.join(format!("{}.console", kernel.version));
    let result = directory.join(format!("{}.result", kernel.version));
    let serial = |path: &Path| format!("file:{}", path.display());
    let mut machine = Command::new("qemu-system-x86_64")
        // One thread for both CPUs: with a thread each, code that one CPU patches while the other
        // runs it (jump labels) crashes the machine now and then.
        .args("-M q35 -accel tcg,thread=single -cpu max -smp 2 -m 1024".split(' '))
        .args("-nodefaults -no-user-config -display none -no-reboot".split(' '))
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(initramfs)
        // Before 5.11 the BPF security module has to be asked for.
        .args([
            "-append",
            "console=ttyS0 panic=-1 quiet rdinit=/init mitigations=off lsm=bpf",
        ])
        .args(["-serial", &serial(&console), "-serial", &serial(&result)])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .map_err(|error| format!("qemu-system-x86_64: {error}"))?;
    let start = Instant::now();
    let ended = loop {
        match machine.try_wait() {
            Ok(Some(_)) => break true,
            Ok(None) if start.elapsed() < PATIENCE && processor_time(machine.id()) < LIMIT => {
                std::thread::sleep(Duration::from_millis(100));
            }
            _ => break false,
        }
    };
    if !ended {
        let _ = machine.kill();
        let _ = machine.wait();
    }
    let text = fs::read_to_string(&result)
        .unwrap_or_default()
        .replace('\r', "");
    let told = || {
        let log = fs::read(&console).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let tail: Vec<&str> = log.lines().rev().take(15).collect();
        tail.into_iter().rev().collect::<Vec<_>>().join("\n")
    };
    let parts = || {
        let (first, rest) = text.split_once('\n')?;
        let (verdicts, replayed) = rest.split_once(JUDGED)?;
        let (replayed, _) = replayed.split_once(DONE)?;
        Some((first.strip_prefix("release ")?, verdicts, replayed))
    };
    let Some((release, verdicts, replayed)) = parts() else {
        let what = if ended { "stopped" } else { "hung" };
        return Err(format!(
            "the machine {what} before it was done\n{}\n{}",
            told(),
            text.split_once(JUDGED).map_or("", |(_, rest)| rest)
        ));
    };
    let value = serde_json::from_str(verdicts).map_err(|error| {
        format!(
            "what it reported is no JSON ({error}):\n{verdicts}\n{}",
            told()
        )
    })?;
    Ok(Report {
        release: release.to_owned(),
        verdicts: value,
        replayed: replayed.to_owned(),
    })
}
