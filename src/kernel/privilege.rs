//! What a process needs before the kernel loads anything for it, and what of that is missing.

use std::fmt;

use libbpf_rs::libbpf_sys::bpf_map_create_opts;
use libbpf_rs::{ErrorKind, MapHandle, MapType};

/// Capabilities the kernel asks for, by their number in `linux/capability.h`.
///
/// Until Linux 5.8 `CAP_SYS_ADMIN` stood for the first two; it still implies all but
/// `CAP_NET_ADMIN`.
const CAP_NET_ADMIN: u32 = 12;
const CAP_SYS_ADMIN: u32 = 21;
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// Why nothing can be judged here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unable {
    /// The process lacks capabilities; the names are those of `capabilities(7)`.
    Capabilities(Vec<&'static str>),
    /// The process has the capabilities, and the kernel still says `EPERM`: a container's seccomp
    /// filter, a user namespace that is not the initial one, or kernel lockdown.
    Forbidden,
    /// `bpf(2)` does not exist: a kernel without `CONFIG_BPF_SYSCALL`, or a sandbox that hides it.
    NoBpf,
    /// Anything else the kernel answered to a one-element array map.
    Other(String),
}

impl fmt::Display for Unable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unable::Capabilities(names) => write!(
                f,
                "this process may not load BPF programs: it lacks {}; run it as root (sudo), or \
                 give it these capabilities",
                names.join(", ")
            ),
            Unable::Forbidden => f.write_str(
                "the kernel refuses bpf(2) although this process has the capabilities: a \
                 container's seccomp profile, a user namespace or kernel lockdown forbids it; run \
                 outside the container, or start it with --privileged",
            ),
            Unable::NoBpf => f.write_str(
                "this kernel has no bpf(2): it needs CONFIG_BPF_SYSCALL=y, and a sandbox must not \
                 hide the system call",
            ),
            Unable::Other(message) => {
                write!(f, "the kernel does not create a BPF map: {message}")
            }
        }
    }
}

impl std::error::Error for Unable {}

/// Asks the kernel for a one-element array map, the least that any program of ours needs.
///
/// # Errors
///
/// [`Unable`] when the kernel refuses, with the capability or kernel option that is missing.
pub fn check() -> Result<(), Unable> {
    let options = bpf_map_create_opts {
        sz: size_of::<bpf_map_create_opts>() as u64,
        ..Default::default()
    };
    let missing = std::fs::read_to_string("/proc/self/status")
        .map(|status| missing_capabilities(&status))
        .unwrap_or_default();
    let answer = MapHandle::create(MapType::Array, Some("probe"), 4, 4, 1, &options);
    match answer.map_err(|error| (error.kind(), error)) {
        // Some kernels open array maps and socket filters to everybody. The rest of what is loaded
        // here needs the capabilities, so their lack is told before a program fails for it.
        Ok(_) if missing.is_empty() => Ok(()),
        Ok(_) => Err(Unable::Capabilities(missing)),
        Err((ErrorKind::PermissionDenied, _)) if missing.is_empty() => Err(Unable::Forbidden),
        Err((ErrorKind::PermissionDenied, _)) => Err(Unable::Capabilities(missing)),
        Err((ErrorKind::Unsupported, _)) => Err(Unable::NoBpf),
        Err((_, error)) => Err(Unable::Other(error.to_string())),
    }
}

/// The capabilities a loader needs and the process described by `status` (the text of
/// `/proc/PID/status`) does not have.
fn missing_capabilities(status: &str) -> Vec<&'static str> {
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    let Some(effective) = effective else {
        return Vec::new();
    };
    let has = |capability: u32| effective & (1 << capability) != 0;
    let mut missing = Vec::new();
    if !has(CAP_SYS_ADMIN) {
        if !has(CAP_BPF) {
            missing.push("CAP_BPF");
        }
        if !has(CAP_PERFMON) {
            missing.push("CAP_PERFMON");
        }
    }
    if !has(CAP_NET_ADMIN) {
        missing.push("CAP_NET_ADMIN");
    }
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(effective: u64) -> String {
        format!("Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t{effective:016x}\nCapBnd:\t0\n")
    }

    #[test]
    fn names_each_capability_that_is_missing() {
        assert_eq!(
            missing_capabilities(&status(0)),
            ["CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"]
        );
        assert_eq!(
            missing_capabilities(&status(1 << CAP_BPF | 1 << CAP_NET_ADMIN)),
            ["CAP_PERFMON"]
        );
    }

    #[test]
    fn cap_sys_admin_stands_for_bpf_and_perfmon_only() {
        assert_eq!(
            missing_capabilities(&status(1 << CAP_SYS_ADMIN)),
            ["CAP_NET_ADMIN"]
        );
        assert!(missing_capabilities(&status(0x1ff_feff_ffff)).is_empty());
    }
}
