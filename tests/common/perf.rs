//! A clock that interrupts a CPU.

use std::os::fd::{FromRawFd, IntoRawFd, OwnedFd, RawFd};

/// A software event that fires on one CPU at a fixed rate.
pub struct CpuClock(OwnedFd);

impl CpuClock {
    /// The clock of a CPU at so many interrupts per second; `None` if the kernel gives none.
    pub fn open(cpu: usize, frequency: u64) -> Option<Self> {
        // struct perf_event_attr, its first version: type, size, config, sample_freq, and the bit
        // that makes the period a frequency.
        const PERF_TYPE_SOFTWARE: u32 = 1;
        const PERF_COUNT_SW_CPU_CLOCK: u64 = 0;
        const ATTR_SIZE: u32 = 64;
        const FREQUENCY_BIT: u64 = 1 << 10;
        let mut attr = [0_u64; ATTR_SIZE as usize / 8];
        attr[0] = u64::from(PERF_TYPE_SOFTWARE) | u64::from(ATTR_SIZE) << 32;
        attr[1] = PERF_COUNT_SW_CPU_CLOCK;
        attr[2] = frequency;
        attr[5] = FREQUENCY_BIT;
        // SAFETY: the attribute is as large as it says and lives across the call; the other
        // arguments are numbers. A descriptor that comes back is ours alone.
        unsafe {
            let fd = libc::syscall(
                libc::SYS_perf_event_open,
                attr.as_ptr(),
                -1,
                cpu as libc::c_int,
                -1,
                0,
            );
            (fd >= 0).then(|| Self(OwnedFd::from_raw_fd(fd as RawFd)))
        }
    }

    /// What a program is attached to; libbpf's link closes it.
    pub fn into_descriptor(self) -> RawFd {
        self.0.into_raw_fd()
    }
}
